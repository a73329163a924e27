"""What a journey wall draws: the marks of many people's events, a row a person, aligned and in a chosen order."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Final

import numpy as np
import pandas as pd

from datalyr_notebook import order, schema
from datalyr_notebook.figures.timeline_marks import category_of
from datalyr_notebook.figures.timeline_parts import KINDS, MOST_MARKS, conversion_of, played
from datalyr_notebook.journeys.conversions import Conversion, ConversionRows, conversion_kinds, conversion_rows
from datalyr_notebook.journeys.touches import SESSION_TIMEOUT_US, TouchRows, touch_channels, touch_rows
from datalyr_notebook.journeys.visits import find_visits, is_client
from datalyr_notebook.order import Flags, Floats, Ints, Texts

JOURNEY_WALL: Final = (
    schema.Column("person_id", "category", "whose row it is; people stand from the top"),
    schema.Column("row", "int64", "the place of the person, 0 at the top"),
    schema.Column("kind", "category", "event, identify, touch, conversion"),
    schema.Column("timestamp", schema.TIME, "when it happened"),
    schema.Column("days", "float64", "days since the moment at which journeys are aligned; negative before it"),
    schema.Column("channel", "category", "touches only: default channel group"),
    schema.Column("value", "float64", "conversions only: money in major units, after refunds"),
    schema.Column("currency", "category", "conversions only"),
    schema.Column("event_name", "category", ""),
    schema.Column("anonymous_id", "category", "the device; of an order: that of its client copy"),
    schema.Column("device", "int64", "1 = the person's first device, 2 = the next one; 0 = none, or a server"),
    schema.Column("event_id", "str", ""),
)
"""The rows of a journey wall, by row, then in order of time."""

MOST_PEOPLE: Final = 100
"""Rows that a figure has room for."""

_DAY_US: Final = 86_400_000_000
_PATH: Final = 30
"""Touches of a path that sorting by path looks at."""


@dataclass(frozen=True)
class Parts:
    """What the events of the chosen people were, and what sorting asks of each person."""

    events: pd.DataFrame
    """The people's stitched events, in the order of events."""
    person: Ints
    """Per event the number of its person, as given."""
    touches: TouchRows
    conversions: ConversionRows
    first: Ints
    """Per person the time of the first event, in microseconds; missing where no event has a time."""
    last: Ints

    @property
    def people(self) -> int:
        """How many people there are, with events or without."""
        return len(self.first)

    @property
    def channel(self) -> pd.Categorical:
        """Each touch's channel."""
        return touch_channels(self.events, self.touches)

    def conversion_time(self, *, first: bool) -> Ints:
        """Per person the time of the first or the last conversion; missing where there is none."""
        time = order.microseconds(self.events)[self.conversions.row]
        return order.span(time, self.person[self.conversions.row], self.people)[0 if first else 1]


def find_parts(
    stitched: pd.DataFrame, persons: Ints, conversion: Conversion, rates: Mapping[str, float] | None, *, adds_up: bool
) -> Parts:
    """Touches and conversions of these persons (codes of ``person_id``), all at once.

    ``adds_up``: whether amounts are compared, so that their currencies matter. Raises CurrencyError, OptionError.
    """
    number = np.full(len(stitched["person_id"].cat.categories) + 1, -1, dtype=np.int64)
    number[persons] = np.arange(len(persons))
    mine = np.flatnonzero((number[order.codes(stitched, "person_id")] >= 0) & stitched["timestamp"].notna().to_numpy())
    mine = mine[order.event_order(stitched, rows=mine)]
    person = number[order.codes(stitched, "person_id")[mine]]
    events = stitched.iloc[mine].reset_index(drop=True)
    # What only other people have, hundreds of thousands of ids, would be carried through every step.
    coded = [name for name in events.columns if isinstance(events[name].dtype, pd.CategoricalDtype)]
    events = events.assign(**{name: events[name].cat.remove_unused_categories() for name in coded})
    visits = find_visits(events, SESSION_TIMEOUT_US)
    counts = conversion_of(conversion, stitched, mine)
    # Without their currencies amounts stay as they came.
    priced = events if adds_up or rates is not None else events.drop(columns="currency", errors="ignore")
    found = conversion_rows(
        priced,
        visits,
        kinds=conversion_kinds(events, np.zeros(len(events), dtype=bool) if counts is None else counts),
        refunds="net",
        refund_events=("refund",),
        rates=rates,
        timeout_us=SESSION_TIMEOUT_US,
    )
    first, last = order.span(order.microseconds(events), person, len(persons))
    touches = touch_rows(events, visits, level="session", app_direct=False)
    return Parts(events, person, touches, found, first, last)


def place_people(parts: Parts, names: Texts, sort: str, *, only: Flags) -> Ints:
    """The people that have a row (out of ``only``), from the top; ``names``: what ties are broken by, at last."""
    keys = SORTS[sort](parts)
    rank = order.text_rank(pd.Series(names, dtype=object))
    inorder = np.lexsort((rank, parts.first, *reversed(keys)))
    return inorder[only[inorder]]


def find_marks(parts: Parts, people: Ints, anchor: Ints) -> pd.DataFrame:
    """One row for each part that the events of ``people`` play, in the columns of ``JOURNEY_WALL``.

    ``anchor``: per person the moment at which days begin, in microseconds.
    """
    row_of = np.full(parts.people, -1, dtype=np.int64)
    row_of[people] = np.arange(len(people))
    touches, orders, events = parts.touches, parts.conversions, parts.events
    kind, event, where = played(events, touches, orders)
    told = pd.DataFrame({"event": event, "where": where, "kind": kind, "row": row_of[parts.person[event]]})
    channel, currency = (np.full(len(told), None, dtype=object) for _ in range(2))
    channel[kind == KINDS.index("touch")] = np.asarray(parts.channel, dtype=object)
    is_order, value = kind == KINDS.index("conversion"), np.full(len(told), np.nan)
    value[is_order] = orders.value
    sent = events.reindex(columns=["currency"])["currency"].astype(object).to_numpy(dtype=object)[orders.row]
    currency[is_order] = np.where(pd.isna(orders.currency), sent, orders.currency)
    told = told.assign(channel=channel, currency=currency, value=value).sort_values(
        ["row", "event", "kind"], kind="stable", ignore_index=True
    )
    told = told[told["row"] >= 0].reset_index(drop=True)
    event, where = told["event"].to_numpy(), told["where"].to_numpy()
    time = order.microseconds(events)[event]
    whole = events.reindex(columns=["person_id", "event_name", "anonymous_id", "event_id"])
    marks = told.assign(
        **{name: category_of(whole[name].iloc[event].astype(object)) for name in ("person_id", "event_name")},
        anonymous_id=category_of(whole["anonymous_id"].iloc[where].astype(object)),
        kind=pd.Categorical(np.array(KINDS, dtype=object)[told["kind"].to_numpy()], categories=list(KINDS)),
        timestamp=order.timestamps(time),
        days=(time - anchor[parts.person[event]]) / _DAY_US,
        device=_devices(parts)[where],
        event_id=whole["event_id"].iloc[event].to_numpy(dtype=object),
        channel=category_of(told["channel"]),
        currency=category_of(told["currency"]),
    )
    return schema.typed(marks, JOURNEY_WALL)


def thinned(marks: pd.DataFrame) -> pd.DataFrame:
    """The marks to draw: all, or of more than ``MOST_MARKS`` the first of each person and kind in each stretch.

    Stretches cut the axis in equal parts, as many as leave few enough marks.
    """
    begin, stretches = marks["days"].min(), 1024
    width, thin = max(marks["days"].max() - begin, 1e-9), marks
    while len(thin) > MOST_MARKS:
        stretch = ((marks["days"] - begin) / width * stretches).astype(np.int64)
        thin = marks[~marks[["row", "kind"]].assign(stretch=stretch).duplicated().to_numpy()]
        stretches //= 2
    return thin.reset_index(drop=True)


def _devices(parts: Parts) -> Ints:
    """Per event the number of its device among the person's, by when each was first seen."""
    device = order.codes(parts.events, "anonymous_id").astype(np.int64)
    rows = np.flatnonzero(is_client(parts.events) & (device >= 0))
    # Events stand in their order, so that pairs come out by their first event.
    pairs, first = pd.factorize(parts.person[rows] * (device.max(initial=0) + 1) + device[rows])
    owner = pd.Series(first // (device.max(initial=0) + 1))
    number = np.zeros(len(device), dtype=np.int64)
    number[rows] = owner.groupby(owner).cumcount().to_numpy()[pairs] + 1
    return number


def _count(parts: Parts) -> list[Floats]:
    return [-np.bincount(parts.person[parts.touches.row], minlength=parts.people).astype(np.float64)]


def _worth(parts: Parts) -> list[Floats]:
    person, value = parts.person[parts.conversions.row], np.nan_to_num(parts.conversions.value)
    return [np.asarray(-np.bincount(person, value, minlength=parts.people).round(6), dtype=np.float64)]


def _to_conversion(parts: Parts) -> list[Floats]:
    time = parts.conversion_time(first=True)
    return [np.where(time >= parts.first, time - parts.first, np.inf)]


def _paths(parts: Parts) -> list[Floats]:
    """The rank of each touch's channel by name, touch by touch; those without a touch come last."""
    channel, person = parts.channel, parts.person[parts.touches.row]
    rank = order.text_rank(pd.Series(channel.categories, dtype=object))[channel.codes]
    inorder = np.argsort(person, kind="stable")
    step = pd.Series(person[inorder]).groupby(person[inorder]).cumcount().to_numpy()
    is_near = step < _PATH
    # A path that ends comes before one that goes on.
    path = np.full((parts.people, _PATH), -1.0)
    path[person[inorder][is_near], step[is_near]] = rank[inorder][is_near]
    return [(path[:, 0] < 0).astype(np.float64), *path.T]


SORTS: Final[dict[str, Callable[[Parts], list[Floats]]]] = {
    "first_seen": lambda _: [],
    "length": lambda parts: [(parts.first - parts.last).astype(np.float64)],
    "touches": _count,
    "value": _worth,
    "conversion": _to_conversion,
    "path": _paths,
    "given": lambda parts: [np.arange(parts.people, dtype=np.float64)],
}
"""What people are sorted by: the keys, the first one first; of equals the one seen first stands higher."""
