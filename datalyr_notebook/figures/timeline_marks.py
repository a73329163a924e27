"""The marks of a timeline: the rows that are drawn, masked where that is asked for, and what each says."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, Final

import numpy as np
import pandas as pd

from datalyr_notebook import order, schema
from datalyr_notebook.figures.theme import shortened
from datalyr_notebook.figures.timeline_lanes import lanes_of
from datalyr_notebook.figures.timeline_parts import KINDS, Parts
from datalyr_notebook.journeys.touches import touch_channels, touch_column
from datalyr_notebook.loading.encoding import distinct_dtype
from datalyr_notebook.order import Floats, Ints, Texts
from datalyr_notebook.redaction import HIDDEN, Redaction

TIMELINE: Final = (
    schema.Column("lane", "category", "where the mark stands: a device, 'server' or 'no device'"),
    schema.Column("anonymous_id", "category", "the device"),
    schema.Column("kind", "category", "event, touch, identify, conversion"),
    schema.Column("timestamp", schema.TIME, "when it happened"),
    schema.Column("x", "float64", "where it is drawn: places of the compressed axis, or local time without zone"),
    schema.Column("label", "str", "what the mark says, as plain text"),
    schema.Column("channel", "category", "touches only: default channel group"),
    schema.Column("source", "category", "marketing source"),
    schema.Column("medium", "category", "marketing medium"),
    schema.Column("campaign", "category", "marketing campaign"),
    schema.Column("value", "float64", "money in major units; of a conversion: after refunds"),
    schema.Column("event_name", "category", ""),
    schema.Column(
        "user_id", "category", "the id the row itself carries: whose it is before stitching, null = nobody's"
    ),
    schema.Column("owner_known", "category", "when it became known whose the row is: at once, later, never"),
    schema.Column("person_via", "category", "the rule that gave the row to this person"),
    schema.Column("person_since", schema.TIME, "when that became known"),
    schema.Column("session_id", "category", ""),
    schema.Column("event_id", "str", ""),
)
"""The rows of a timeline, in order of time."""

OWNER_KNOWN: Final = ("at once", "later", "never")
"""When it became known that a row is this person's: by the time it happened, only later (at ``person_since``),
or never: nobody knows the user, and the person is the device."""

_ANONYMOUS: Final = "anonymous"
"""The ``person_via`` of rows whose user nobody knows."""
_OF_EVIDENCE: Final = ("source", "medium", "campaign")
_OF_DEVICE: Final = ("anonymous_id", "session_id")
_OF_EVENT: Final = (
    *("event_name", "user_id", "currency", "person_via", *_OF_EVIDENCE),
    *("previous_id", "new_user_id", "match_method", "web_visitor_id", "event_id"),
)


def read_said(rows: pd.DataFrame, parts: Parts) -> dict[str, Texts]:
    """What the events of these parts say, column by column, one text a part; None for null."""
    said = {name: texts_at(rows, name, parts.row) for name in _OF_EVENT}
    said |= {name: texts_at(rows, name, parts.where) for name in _OF_DEVICE}
    said["channel"] = np.full(len(parts.row), None, dtype=object)
    touches = np.flatnonzero(parts.kind == KINDS.index("touch"))
    if len(touches):
        at = parts.found[touches]
        found = parts.touches._replace(
            row=parts.touches.row[at], is_fallback=parts.touches.is_fallback[at], visit=parts.touches.visit[at]
        )
        for name in _OF_EVIDENCE:
            said[name][touches] = _objects(pd.Series(touch_column(rows, found, name, "category")).array)
        said["channel"][touches] = _objects(touch_channels(rows, found))
    orders = np.flatnonzero(parts.kind == KINDS.index("conversion"))
    if len(orders):
        at = parts.found[orders]
        # A server's order shows the visit that it happened in.
        lent = parts.orders.visit_row[at]
        said["session_id"][orders] = texts_at(rows, "session_id", np.where(lent >= 0, lent, parts.where[orders]))
        # An order may take its currency from a later copy; where the table has several, it keeps its own.
        currency = parts.orders.currency[at]
        said["currency"][orders] = np.where(pd.isna(currency), said["currency"][orders], currency)
    return said


def masked(said: Mapping[str, Texts], redaction: Redaction) -> dict[str, Texts]:
    """The same texts as they may be shown."""
    return {name: redaction.texts(name, values) for name, values in said.items()}


def marks_table(rows: pd.DataFrame, parts: Parts, shown: Mapping[str, Texts], redaction: Redaction) -> pd.DataFrame:
    """The columns of ``TIMELINE`` but ``x``, and what the drawing needs besides.

    That is ``event_row``, ``visit`` (-1: none) and ``is_device`` (whether the lane is one device).
    """
    value = _values(rows, parts)
    if redaction.masks and redaction.texts("value", np.array([0.0]))[0] == HIDDEN:
        value[:] = np.nan
    lane, is_device = lanes_of(rows, parts.home, redaction)
    time = rows["timestamp"].iloc[parts.row].reset_index(drop=True).dt.as_unit("us")
    since = _since(rows, parts.row)
    texts = ("anonymous_id", "channel", *_OF_EVIDENCE, "event_name", "user_id", "person_via", "session_id")
    columns: dict[str, Any] = {name: category_of(shown[name]) for name in texts}
    columns |= {
        "lane": lane,
        "kind": pd.Categorical.from_codes(parts.kind, dtype=distinct_dtype(pd.Index(KINDS, dtype=object))),
        "timestamp": time,
        "label": pd.Series(_labels(parts.kind, value, shown), dtype=schema.TEXT),
        "value": value,
        "owner_known": _owner_known(rows, parts.row, time, since),
        "person_since": since,
        "event_id": pd.Series(shown["event_id"], dtype=schema.TEXT),
        "event_row": parts.row,
        "visit": parts.visit,
        "is_device": is_device,
    }
    return pd.DataFrame(columns)


def texts_at(rows: pd.DataFrame, column: str, at: Ints) -> Texts:
    """What some rows say in a column, as Python objects with None for null and for a column that is absent."""
    if column not in rows.columns:
        return np.full(len(at), None, dtype=object)
    values = rows[column].array
    return _objects(values[at])


def _objects(values: Any) -> Texts:  # noqa: ANN401  (an array of pandas, of any dtype)
    if isinstance(values, pd.Categorical):
        texts = np.append(values.categories.to_numpy(dtype=object), [None])
        told: Texts = texts[values.codes]
        return told
    found: Texts = np.array(values.astype(object), dtype=object)
    found[np.asarray(pd.isna(values))] = None
    return found


def _values(rows: pd.DataFrame, parts: Parts) -> Floats:
    """The money of each mark; of a conversion what is left after refunds."""
    if "value" in rows.columns:
        value = rows["value"].to_numpy(dtype="float64")[parts.row]
    else:
        value = np.full(len(parts.row), np.nan)
    orders = np.flatnonzero(parts.kind == KINDS.index("conversion"))
    value[orders] = parts.orders.value[parts.found[orders]]
    return value


def _since(rows: pd.DataFrame, at: Ints) -> pd.Series:
    if "person_since" not in rows.columns:
        return pd.Series(pd.NaT, index=range(len(at)), dtype=schema.TIME)
    return rows["person_since"].iloc[at].reset_index(drop=True).astype(schema.TIME)


def _owner_known(rows: pd.DataFrame, at: Ints, time: pd.Series, since: pd.Series) -> pd.Categorical:
    """When it became known whose each row is."""
    is_nobodys = np.append(rows["person_via"].cat.categories == _ANONYMOUS, [False])[
        order.codes(rows, "person_via")[at]
    ]
    code = np.select([is_nobodys, (since > time).to_numpy(dtype=bool)], [2, 1], 0)
    return pd.Categorical.from_codes(code, dtype=distinct_dtype(pd.Index(OWNER_KNOWN, dtype=object)))


def _labels(kind: Ints, value: Floats, shown: Mapping[str, Texts]) -> list[str]:
    """What each mark says, as plain text."""
    columns = ("event_name", "user_id", "channel", "currency", "previous_id", "new_user_id", "match_method")
    rows = zip(*(shown[name] for name in columns), strict=True)
    labels = []
    for number, amount, (event, user, channel, currency, previous, new, match) in zip(
        kind.tolist(), value.tolist(), rows, strict=True
    ):
        part, label = KINDS[number], shortened(event or "event")
        if part == "touch":
            label = shortened(channel or "touch")
        elif part == "conversion" and not np.isnan(amount):
            label = f"{amount:,.2f} {shortened(currency or '', 8)}".rstrip()
        elif part == "identify" and event == "$identify" and user:
            label = shortened(user)
        elif part == "identify" and event == "$alias" and previous and (new or user):
            label = f"{shortened(previous, 16)} → {shortened(new or user, 16)}"
        elif part == "identify" and match:
            label = f"bridge: {shortened(match, 12)}"
        labels.append(label)
    return labels


def category_of(values: Texts | pd.Series) -> pd.Categorical:
    """Texts as a category whose categories stand in order of appearance."""
    codes, categories = pd.factorize(values)
    return pd.Categorical.from_codes(codes, dtype=distinct_dtype(pd.Index(categories, dtype=object)))
