"""What a timeline draws: a mark for each part that an event plays, the lane of each device, the links between lanes."""

from __future__ import annotations

import itertools
from collections import Counter
from collections.abc import Iterable, Mapping
from typing import Any, Final, NamedTuple

import numpy as np
import numpy.typing as npt
import pandas as pd

from datalyr_notebook import errors, schema
from datalyr_notebook.figures.theme import shortened
from datalyr_notebook.journeys.conversions import (
    Conversion,
    ConversionRows,
    conversion_kinds,
    conversion_rows,
    conversion_table,
)
from datalyr_notebook.journeys.touches import touch_rows, touch_table
from datalyr_notebook.journeys.visits import Visits, find_visits
from datalyr_notebook.order import Floats, Ints, Texts

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
    schema.Column("user_id", "category", "the id the row itself carries"),
    schema.Column("person_via", "category", "the rule that gave the row to this person"),
    schema.Column("person_since", schema.TIME, "when that became known"),
    schema.Column("session_id", "category", ""),
    schema.Column("event_id", "str", ""),
)
"""The rows of a timeline, in order of time."""

KINDS: Final = ("event", "identify", "touch", "conversion")
LINK_EVENTS: Final = ("$identify", "$alias", "$web_attribution_matched", "$web_attribution_merged")
"""The events that say whose device it is; drawn as ``identify``."""

SERVER_LANE: Final = "server"
NO_DEVICE_LANE: Final = "no device"

MOST_MARKS: Final = 5_000
"""SVG marks a browser draws in under half a second."""

_VISIT_US: Final = 30 * 60 * 1_000_000
_OF_EVIDENCE: Final = ("source", "medium", "campaign")
_OF_DEVICE: Final = ("anonymous_id", "session_id", "sdk", "device_type")
_OF_EVENT: Final = (
    *("event_name", "user_id", "currency", "person_via", *_OF_EVIDENCE),
    *("previous_id", "new_user_id", "match_method", "web_visitor_id"),
)


class Link(NamedTuple):
    """A line between the marks of two lanes: where it starts and ends, and the id or evidence that joins them."""

    x: tuple[float, float]
    lanes: tuple[int, int]
    words: str

    def at(self, height: float) -> float:
        """The x at which the line passes a height, counted in lanes."""
        (start, end), (top, bottom) = self.x, self.lanes
        return start + (end - start) * (height - top) / (bottom - top)


def find_marks(rows: pd.DataFrame, conversion: Conversion | None) -> pd.DataFrame:
    """One row for each part that one person's events play, in order of time.

    ``rows`` are the person's stitched events in the order of events; ``conversion`` None: nothing counts.
    The columns of ``TIMELINE`` but ``x``, and what the drawing needs besides: ``event_row``, ``visit`` (-1:
    none), ``is_device`` (whether the lane is one device). An order stands on the device of its client copy.
    """
    visits = find_visits(rows, _VISIT_US)
    touched = touch_rows(rows, visits, level="session", app_direct=False)
    ordered = _conversion_rows(rows, visits, conversion)
    is_link = rows["event_name"].isin(LINK_EVENTS).to_numpy(dtype=bool)
    is_plain = ~is_link
    is_plain[touched.row] = is_plain[ordered.row] = False
    parts = (np.flatnonzero(is_plain), np.flatnonzero(is_link), touched.row, ordered.row)
    kind = np.repeat(np.arange(len(KINDS)), [len(part) for part in parts])
    row, where = np.concatenate(parts), np.concatenate([*parts[:3], ordered.where])
    whole = rows.reindex(columns=[*_OF_EVENT, *_OF_DEVICE, "timestamp", "value", "person_since", "event_id"])
    part_of = whole.iloc[row].reset_index(drop=True)

    said = {name: texts(part_of, name) for name in _OF_EVENT}
    said |= {name: texts(whole, name)[where] for name in _OF_DEVICE}
    said["channel"] = np.full(len(row), None, dtype=object)
    is_touch, is_order = (kind == KINDS.index(name) for name in ("touch", "conversion"))
    touches = touch_table(rows, touched)
    for name in (*_OF_EVIDENCE, "channel"):
        said[name][is_touch] = texts(touches, name)
    said["session_id"][is_order] = texts(conversion_table(rows, ordered), "session_id")
    # An order may take its currency from a later copy; where the table has several, it keeps its own.
    said["currency"][is_order] = np.where(pd.isna(ordered.currency), said["currency"][is_order], ordered.currency)
    value = part_of["value"].to_numpy(dtype="float64", copy=True)
    value[is_order] = ordered.value
    marks = pd.DataFrame({name: _category(values) for name, values in said.items()}).assign(
        kind=pd.Categorical(np.array(KINDS, dtype=object)[kind], categories=list(KINDS)),
        timestamp=part_of["timestamp"].dt.as_unit("us"),
        value=value,
        label=pd.Series(_labels(kind, value, said), dtype=schema.TEXT),
        person_since=part_of["person_since"].astype(schema.TIME),
        event_id=part_of["event_id"].astype(schema.TEXT),
        visit=visits.number[where],
        event_row=row,
    )
    marks = marks.iloc[np.lexsort((kind, row))].reset_index(drop=True)
    lane = _lanes(marks)
    return marks.assign(lane=lane, is_device=~lane.isin((SERVER_LANE, NO_DEVICE_LANE)))


def conversion_of(conversion: Conversion, stitched: pd.DataFrame, mine: Ints) -> Conversion | None:
    """What counts as a conversion among one person's rows (``mine``); None where nothing can.

    A mask is cut to these rows. A name that only other people's events have is left out, so that a
    person without a purchase is no news; a name that no event has is kept, for find_conversions to tell.
    """
    if isinstance(conversion, str):
        conversion = {conversion: conversion}
    if isinstance(conversion, list | tuple) and all(isinstance(name, str) for name in conversion):
        conversion = {name: name for name in conversion}
    if isinstance(conversion, Mapping):
        named = stitched["event_name"]
        elsewhere = set(named.unique()) - set(named.iloc[mine].unique())
        listed = {kind: [names] if isinstance(names, str) else names for kind, names in conversion.items()}
        left = {kind: [name for name in names if name not in elsewhere] for kind, names in listed.items()}
        return {kind: names for kind, names in left.items() if names} or None
    mask = np.asarray(conversion)
    return mask[mine] if mask.dtype == bool and mask.shape == (len(stitched),) else conversion


def find_links(marks: pd.DataFrame) -> list[Link]:
    """What makes these lanes one person, in order of time; ``x`` in units of ``place``.

    A user_id joins the lanes it is on, from the mark that identified it on one (where there is none,
    the first that carries it) to that on the next; a bridge joins the app's lane to the web device's. Users
    that share no lane and are one person nevertheless, by an ``$alias`` or a trusted trait, get a line too.
    """
    lane, place, is_device = (
        marks["lane"].cat.codes.to_numpy(),
        marks["place"].to_numpy(),
        marks["is_device"].to_numpy(),
    )
    own = marks[is_device & marks["user_id"].notna()]
    own = pd.concat([own[own["kind"] == "identify"], own]).drop_duplicates(["user_id", "lane"]).sort_index()
    joined = {
        pair: shortened(user)
        for user, rows in own.groupby("user_id", observed=True, sort=False).groups.items()
        for pair in itertools.pairwise(rows)
    }
    matched = marks[is_device & (marks["kind"] == "identify") & marks["web_visitor_id"].notna()]
    matched = matched.drop_duplicates(["web_visitor_id", "anonymous_id"])
    for row, visitor, label in zip(matched.index.to_numpy(), matched["web_visitor_id"], matched["label"], strict=True):
        web = np.flatnonzero(is_device & (marks["anonymous_id"] == visitor) & (lane != lane[row]))
        if len(web):
            # The web row that was latest when the match was made; where none was, the first.
            joined[web[max(int(np.searchsorted(web, row)) - 1, 0)], row] = label
    joined |= _merged(own, lane, joined)
    return [Link((place[a], place[b]), (int(lane[a]), int(lane[b])), words) for (a, b), words in joined.items()]


def _merged(
    own: pd.DataFrame, lane: npt.NDArray[np.integer], joined: Iterable[tuple[int, int]]
) -> dict[tuple[int, int], str]:
    """The pairs of marks that join lanes which no other pair joins, named "one user = the other".

    ``own``: the first mark of each user on each lane, in order of time; ``joined``: the pairs known so far.
    """
    group = np.arange(lane.max(initial=-1) + 1)
    for one, other in joined:
        group[group == group[lane[other]]] = group[lane[one]]
    rows, users, merged = own.index.to_numpy(), own["user_id"].tolist(), {}
    for at, row in enumerate(rows):
        known = np.flatnonzero(group[lane[rows[:at]]] == group[lane[rows[0]]])
        if len(known) and group[lane[row]] != group[lane[rows[0]]]:
            merged[rows[known[-1]], row] = f"{shortened(users[known[-1]], 16)} = {shortened(users[at], 16)}"
            group[group == group[lane[row]]] = group[lane[rows[0]]]
    return merged


def thinned(marks: pd.DataFrame) -> pd.DataFrame:
    """The marks to draw: all, or of more than ``MOST_MARKS`` an equal share for each lane and kind.

    A lane's kind with more marks than its share keeps the first and the last of each bucket of the axis.
    """
    if len(marks) <= MOST_MARKS:
        return marks
    sizes = marks.groupby(["lane", "kind"], observed=True)["place"].transform("size")
    share = MOST_MARKS // len(marks[["lane", "kind"]].drop_duplicates())
    place = marks["place"] - marks["place"].min()
    bucket = (place / max(place.max(), 1e-9) * (share / 2 - 1)).round()
    keys = marks[["lane", "kind"]].assign(bucket=bucket)
    is_inner = keys.duplicated(keep="first") & keys.duplicated(keep="last")
    return marks[~is_inner | (sizes <= share)].reset_index(drop=True)


def texts(table: pd.DataFrame, column: str) -> Texts:
    """A column as Python objects with None for null."""
    values: Texts = table[column].astype(object).to_numpy(dtype=object, copy=True)
    values[table[column].isna().to_numpy()] = None
    return values


def _conversion_rows(rows: pd.DataFrame, visits: Visits, conversion: Conversion | None) -> ConversionRows:
    """The person's conversions; in several currencies each keeps the amount it came with."""
    kinds = conversion_kinds(rows, np.zeros(len(rows), dtype=bool) if conversion is None else conversion)
    options: dict[str, Any] = {"kinds": kinds, "refund_events": ("refund",), "rates": None}
    try:
        return conversion_rows(rows, visits, refunds="net", timeout_us=_VISIT_US, **options)
    except errors.CurrencyError:
        blank = rows.drop(columns="currency")
        return conversion_rows(blank, visits, refunds="ignore", timeout_us=_VISIT_US, **options)


def _labels(kind: Ints, value: Floats, said: Mapping[str, Texts]) -> list[str]:
    """What each mark says, as plain text."""
    columns = ("event_name", "user_id", "channel", "currency", "previous_id", "new_user_id", "match_method")
    rows = zip(*(said[name] for name in columns), strict=True)
    labels = []
    for number, amount, (event, user, channel, currency, previous, new, match) in zip(kind, value, rows, strict=True):
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


def _lanes(marks: pd.DataFrame) -> pd.Categorical:
    """The lane of each mark; the categories are the lanes' names in order of their first marks."""
    devices, sdks, kinds = (texts(marks, name) for name in ("anonymous_id", "sdk", "device_type"))
    rows_of: dict[tuple[str, str], list[int]] = {}
    for row, (device, sdk, kind) in enumerate(zip(devices, sdks, kinds, strict=True)):
        is_server = sdk in schema.SERVER_SDKS or kind == "server"
        home = (SERVER_LANE, "") if is_server else (NO_DEVICE_LANE, "") if device is None else ("", str(device))
        rows_of.setdefault(home, []).append(row)
    codes = np.empty(len(marks), dtype=np.int64)
    names: dict[str, None] = {}
    for number, ((fixed, device), rows) in enumerate(rows_of.items()):
        codes[rows] = number
        what = " · ".join(_most(column[rows]) for column in (kinds, sdks) if _known(column[rows])) or "device"
        name = fixed or f"{what} · {shortened(device if len(device) <= 12 else '…' + device[-6:])}"
        while name in names:
            name = f"{name} ({number + 1})"
        names[name] = None
    return pd.Categorical.from_codes(codes, categories=pd.Index(list(names), dtype=object))


def _known(seen: Texts) -> list[str]:
    return [text for text in seen if text not in (None, "unknown")]


def _most(seen: Texts) -> str:
    """The most frequent text; of several, the first in text order."""
    count = Counter(_known(seen))
    return shortened(min(count, key=lambda text: (-count[text], text)), 14)


def _category(values: Texts) -> pd.Categorical:
    """Texts as a category whose categories stand in order of appearance."""
    codes, categories = pd.factorize(values)
    return pd.Categorical.from_codes(codes, categories=pd.Index(categories, dtype=object))
