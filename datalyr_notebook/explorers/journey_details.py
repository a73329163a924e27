"""One event of a journey in full: whose it is and why, what it said, and what a conversion's touches earned."""

from __future__ import annotations

import datetime as dt
import html
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from typing import Any, Final

import numpy as np
import pandas as pd

from datalyr_notebook import errors, order, schema
from datalyr_notebook.attribution.attribute import attribute
from datalyr_notebook.attribution.explaining.touch_evidence import PersonsRows, evidence_sentences
from datalyr_notebook.figures.theme import shortened
from datalyr_notebook.hashing import cell_text
from datalyr_notebook.loading.encoding import part_of, relabel
from datalyr_notebook.notices import repeated
from datalyr_notebook.order import Flags
from datalyr_notebook.redaction import HIDDEN, Redaction
from datalyr_notebook.rendering import cell_text as shown_cell
from datalyr_notebook.rendering import headed, is_numeric

CREDIT_MODELS: Final = (
    *("hybrid", "first_touch", "last_touch", "last_non_direct", "linear", "time_decay", "position_based"),
)
"""The models that need nobody else's journeys, in the order of their columns."""

MOST_FIELDS: Final = 60
"""Fields of an event that are listed."""
_LONGEST: Final = 80
_DEEPEST: Final = 4
"""Levels of nested properties that become fields of their own."""
_TOLD: Final = ("timestamp", "event_name", "person_id", "person_via", "person_since")
"""Columns that the headline and the evidence tell."""
_WRAPS: Final = {"left": "overflow-wrap:anywhere;min-width:110px", "right": "white-space:nowrap"}
"""Texts may break anywhere, numbers never."""
_FITTED: Final = (
    "Each model's share of this conversion, over 90 days. Models that learn from everybody's paths "
    "(markov, shapley) are in attribute(stitched, model=[...])."
)


@dataclass(frozen=True, repr=False, eq=False)
class EventDetails:
    """What is told of one event; all of it as it may be shown."""

    headline: str
    evidence: str
    """Why it is this person's, in a sentence."""
    fields: pd.DataFrame
    """What it said: columns field, value; both texts."""
    credit: pd.DataFrame
    """A row a channel, a column a model: money, or shares where no value was sent. Empty where it is no conversion."""
    remark: str
    """About the credit."""

    @property
    def html(self) -> str:
        """All of it as HTML; every text is escaped."""
        credit = self.credit
        if len(credit):
            # Models as rows: their names are long, and a journey has few channels.
            credit = credit.set_index("channel").T.rename_axis("model").reset_index()
        told = _table_html("Credit", credit, self.remark) if self.remark else ""
        evidence = f"<p style='margin:6px 0'>{html.escape(self.evidence)}</p>"
        more = f"The first {MOST_FIELDS} of {len(self.fields):,} fields." if len(self.fields) > MOST_FIELDS else ""
        fields = _table_html("What it said", self.fields.head(MOST_FIELDS), more)
        headline = f"<p style='margin:0'><b>{html.escape(self.headline)}</b></p>"
        return f"<div style='line-height:1.4'>{headline}{evidence}{told}{fields}</div>"


def event_details(
    rows: pd.DataFrame,
    row: int,
    *,
    counts: Mapping[str, Flags],
    redaction: Redaction,
    zone: dt.tzinfo,
    is_conversion: bool,
    rates: Mapping[str, float] | None = None,
) -> EventDetails:
    """The details of an event of one person.

    ``rows``: all of the person's stitched events, in the order of events; ``row``: a place among them;
    ``counts``: which of them are conversions.
    """
    event = redaction.table(part_of(rows, np.array([row])))
    when = rows["timestamp"].iloc[row].tz_convert(zone)
    credit, remark = _credit(rows, row, counts, rates, redaction) if is_conversion else (pd.DataFrame(), "")
    return EventDetails(
        headline=f"{shortened(event['event_name'].iloc[0], 60)}, {when:%Y-%m-%d %H:%M:%S %Z}",
        evidence=_evidence(rows, row, redaction),
        fields=pd.DataFrame(list(_fields(event)), columns=["field", "value"]).astype(schema.TEXT),
        credit=credit,
        remark=remark,
    )


def _evidence(rows: pd.DataFrame, row: int, redaction: Redaction) -> str:
    """Why the event is this person's, told from their rows as these may be shown."""
    if "person_since" not in rows.columns:
        return "Since when it is known whose event this is, a column person_since would tell."
    shown = _masked(rows, redaction) if redaction.masks else rows
    theirs = PersonsRows(
        events=shown,
        person=str(shown["person_id"].iloc[row]),
        converted=int(order.microseconds(shown)[row]),
        kind="event",
        device=order.codes(shown, "anonymous_id"),
        user=order.codes(shown, "user_id"),
        time=order.microseconds(shown),
        what="event",
    )
    sentence = evidence_sentences(theirs, shown.iloc[[row]])[0]
    via = shortened(shown["person_via"].iloc[row])
    return f"Belongs to {shortened(theirs.person, 40)} (person_via {via}): {sentence}"


def _masked(rows: pd.DataFrame, redaction: Redaction) -> pd.DataFrame:
    """The rows with their ids as they may be shown; equal ids stay equal, so what decided is found as before."""
    shown = rows.drop(columns=[name for name in ("event_id",) if name in rows.columns])
    columns = [name for name in ("person_id", "user_id", "anonymous_id", "event_name") if name in rows.columns]
    masked = {
        name: relabel(rows[name], redaction.texts(name, rows[name].cat.categories.to_numpy(dtype=object)).tolist())
        for name in columns
    }
    if "web_visitor_id" in rows.columns:
        visitors = redaction.texts("web_visitor_id", rows["web_visitor_id"].to_numpy(dtype=object))
        masked["web_visitor_id"] = pd.Series(visitors, index=rows.index, dtype=object)
    return shown.assign(**masked)


def _fields(event: pd.DataFrame) -> Iterator[tuple[str, str]]:
    """What an event said, field by field: its columns, and what is nested in them."""
    for name in event.columns:
        if name not in _TOLD:
            yield from _flat(str(name), event[name].iloc[0], _DEEPEST)


def _flat(name: str, value: Any, deepest: int) -> Iterator[tuple[str, str]]:  # noqa: ANN401  (whatever was sent)
    if isinstance(value, Mapping) and deepest:
        for key, inner in value.items():
            yield from _flat(f"{name}.{key}", inner, deepest - 1)
    elif isinstance(value, Mapping | list | tuple | np.ndarray):
        yield shortened(name, _LONGEST), shortened(cell_text(value), _LONGEST)
    elif value is not pd.NA:
        text = shown_cell(value, _LONGEST)
        if text:
            yield shortened(name, _LONGEST), shortened(text, _LONGEST)


def _credit(
    rows: pd.DataFrame,
    row: int,
    counts: Mapping[str, Flags],
    rates: Mapping[str, float] | None,
    redaction: Redaction,
) -> tuple[pd.DataFrame, str]:
    """What each channel earns of a conversion under each model; attribution is a function of one person's rows."""
    try:
        with repeated():
            result = attribute(rows, conversion=counts, model=CREDIT_MODELS, rates=rates)
    except errors.DatalyrError as error:
        return pd.DataFrame(), f"Not attributed: {error}"
    found = np.flatnonzero(result.conversion_rows.row == row)
    if not len(found):
        return pd.DataFrame(), "Not attributed: it is no order that counts."
    journey = int(found[0])
    value = float(result.conversion_rows.value[journey])
    is_hidden = redaction.texts("value", np.array([value]))[0] == HIDDEN
    unit = 1.0 if is_hidden or not value > 0 else value
    journeys = result.journeys
    at = np.arange(journeys.indptr[journey], journeys.indptr[journey + 1])
    channels = [*map(str, journeys.channels), schema.UNATTRIBUTED]
    shares = {}
    for model, weights in result.weights.items():
        share = np.bincount(journeys.channel[at], weights[at], minlength=len(channels))
        share[-1] += 0 if len(at) else 1
        shares[model] = share * unit
    table = pd.DataFrame({"channel": pd.Series(channels, dtype=object), **shares})
    table = table[(table[list(shares)] != 0).any(axis=1)]
    table = table.sort_values([*shares, "channel"], ascending=[False] * len(shares) + [True], kind="stable")
    return table.reset_index(drop=True), _FITTED


def _table_html(headline: str, table: pd.DataFrame, remark: str) -> str:
    """A table in which every text is escaped; a remark below it."""
    sides = ["right" if is_numeric(table.iloc[:, place]) else "left" for place in range(len(table.columns))]
    head = "".join(
        f"<th scope='col' style='text-align:{side};padding-right:8px'>{html.escape(str(name).replace('_', ' '))}</th>"
        for name, side in zip(table.columns, sides, strict=True)
    )
    body = "".join(
        f"<tr>{''.join(map(_cell_html, cells, sides))}</tr>" for cells in table.itertuples(index=False, name=None)
    )
    told = f"<p style='margin:2px 0 8px'>{html.escape(remark)}</p>" if remark else ""
    return headed(headline, f"<thead><tr>{head}</tr></thead><tbody>{body}</tbody>" if len(table) else "") + told


def _cell_html(cell: object, side: str) -> str:
    style = f"text-align:{side};{_WRAPS[side]};padding:1px 8px 1px 0"
    return f"<td style='{style}'>{html.escape(shown_cell(cell, _LONGEST))}</td>"
