"""The people of a table: what each is worth, on how many devices, through which channels, and who is found."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Final, NamedTuple

import numpy as np
import pandas as pd
import pyarrow as pa
import pyarrow.compute as pc

from datalyr_notebook import order
from datalyr_notebook.explorers.source import RowsOf
from datalyr_notebook.identity.matched import is_matched
from datalyr_notebook.journeys.conversions import Conversion
from datalyr_notebook.journeys.counted import counted_conversions
from datalyr_notebook.journeys.touches import SESSION_TIMEOUT_US, touch_channels, touch_rows
from datalyr_notebook.journeys.visits import find_visits, is_client
from datalyr_notebook.loading.encoding import as_text
from datalyr_notebook.order import Flags, Floats, Ints

ANY: Final = "any"
YES_NO: Final = (ANY, "yes", "no")
"""What a filter on a fact asks for."""


class Filters(NamedTuple):
    """Which people are looked for; the defaults let everybody pass."""

    converted: str = ANY
    """One of ``YES_NO``."""
    cross_device: str = ANY
    """Has client events on more than one device: one of ``YES_NO``."""
    channel: str | None = None
    """Has a touch through it."""
    begin: int | None = None
    """Has an event at this time or later, in microseconds."""
    end: int | None = None
    """… and at this time or earlier."""


@dataclass(frozen=True, repr=False, eq=False)
class Roster:
    """Facts of each person; every array has one entry a category of ``person_id``."""

    names: pd.Index
    """person_id."""
    rows: RowsOf
    events: Ints
    devices: Ints
    """Devices with client events."""
    first_seen: Ints
    """int64 microseconds; the smallest int64 where no event has a time."""
    last_seen: Ints
    conversions: Ints
    value: Floats
    """Of the conversions, after refunds."""
    is_user: Flags
    """A known user, not a device that nobody logged in on."""
    standing: Ints
    """The people who have events, by value and events (largest first), then by name."""
    place: Ints
    """Where each person stands in ``standing``."""
    channels: tuple[str, ...]
    """The channels of all touches, those that touched most people first; of equals by name."""
    person: order.Codes
    """Per row of the table its person's code, -1 for none."""
    time: Ints
    """Per row of the table, int64 microseconds."""
    touched: tuple[Ints, ...]
    """Per channel the codes of the people it touched, ascending."""

    @classmethod
    def of(
        cls, stitched: pd.DataFrame, conversion: Conversion = "purchase", *, rates: Mapping[str, float] | None = None
    ) -> Roster:
        """The people of stitched events. Raises OptionError, CurrencyError.

        >>> from datalyr_notebook.identity.stitching import stitch
        >>> events = pd.DataFrame({
        ...     "timestamp": ["2026-01-01T10:00Z", "2026-01-02T10:00Z", "2026-01-02T10:05Z"],
        ...     "event_name": ["$identify", "$identify", "purchase"], "user_id": ["u1", "u1", None],
        ...     "anonymous_id": ["anon_phone", "anon_desk", "anon_desk"], "value": [None, None, 20.0],
        ... })
        >>> roster = Roster.of(stitch(events))
        >>> [roster.names[0], int(roster.events[0]), int(roster.devices[0]), float(roster.value[0]), roster.channels]
        ['u1', 3, 2, 20.0, ('Direct',)]
        """
        person, time = order.codes(stitched, "person_id"), order.microseconds(stitched)
        names = stitched["person_id"].cat.categories
        rows = RowsOf(stitched)
        timed = np.flatnonzero((person >= 0) & (time > np.iinfo(np.int64).min))
        first_seen, last_seen = order.span(time[timed], person[timed], len(names))
        conversions, value = _earned(stitched, person, len(names), conversion, rates)
        is_user = np.zeros(len(names) + 1, dtype=bool)
        is_user[person[is_matched(stitched)]] = True
        channels, touched = _touched(stitched, person)
        standing, place = _standing(names, rows.counts, value)
        return cls(
            names=names,
            rows=rows,
            events=rows.counts,
            devices=_devices(stitched, person, len(names)),
            first_seen=first_seen,
            last_seen=last_seen,
            conversions=conversions,
            value=value,
            is_user=is_user[:-1],
            standing=standing,
            place=place,
            channels=channels,
            person=person,
            time=time,
            touched=touched,
        )

    @property
    def count(self) -> int:
        """How many people have events."""
        return len(self.standing)

    def passing(self, filters: Filters) -> Flags:
        """Who passes all filters, by code."""
        passes = self.events > 0
        for asked, fact in ((filters.converted, self.conversions > 0), (filters.cross_device, self.devices > 1)):
            if asked != ANY:
                passes &= fact == (asked == "yes")
        if filters.channel is not None:
            is_touched = np.zeros(len(passes), dtype=bool)
            is_touched[self.touched[self.channels.index(filters.channel)]] = True
            passes &= is_touched
        if filters.begin is not None or filters.end is not None:
            is_seen = np.zeros(len(passes) + 1, dtype=bool)
            is_seen[self.person[order.within(self.time, filters.begin, filters.end)]] = True
            passes &= is_seen[:-1]
        return passes

    def listed(self, passes: Flags) -> Ints:
        """The codes of these people as they stand: by value and events, largest first, then by name."""
        return self.standing[passes[self.standing]]


def _earned(
    stitched: pd.DataFrame,
    person: order.Codes,
    people: int,
    conversion: Conversion,
    rates: Mapping[str, float] | None,
) -> tuple[Ints, Floats]:
    """Each person's conversions and their value."""
    found = counted_conversions(stitched, conversion, rates=rates)
    buys = person[found.row]
    known = buys >= 0
    value = np.bincount(buys[known], np.nan_to_num(found.value[known]), minlength=people)
    return np.bincount(buys[known], minlength=people), value.astype(np.float64)


def _devices(stitched: pd.DataFrame, person: order.Codes, people: int) -> Ints:
    """On how many devices each person has events that a browser or app sent."""
    device = order.codes(stitched, "anonymous_id")
    pairs = distinct_pairs(person, device, is_client(stitched))
    counts: Ints = np.bincount(pairs[0], minlength=people)
    return counts


def distinct_pairs(one: order.Codes, other: order.Codes, counts: Flags) -> tuple[Ints, Ints]:
    """The distinct pairs of two codes on the rows that count, none of them missing; sorted."""
    rows = np.flatnonzero(counts & (one >= 0) & (other >= 0))
    width = int(other.max(initial=0)) + 1
    # Sorting numbers and looking at neighbors takes a tenth of the time of hashing them.
    pair = np.sort(one[rows].astype(np.int64) * width + other[rows])
    pair = pair[np.append([True], np.diff(pair) != 0)[: len(pair)]]
    return pair // width, pair % width


def _touched(stitched: pd.DataFrame, person: order.Codes) -> tuple[tuple[str, ...], tuple[Ints, ...]]:
    """The channels, and whom each touched; as many pairs as there are, never a cell for each person and channel."""
    found = touch_rows(stitched, find_visits(stitched, SESSION_TIMEOUT_US), level="session", app_direct=False)
    channel = touch_channels(stitched, found)
    code = np.asarray(channel.codes, dtype=np.int32)
    channels, people = distinct_pairs(code, person[found.row], np.ones(len(code), dtype=bool))
    ends = np.searchsorted(channels, np.arange(len(channel.categories) + 1))
    sizes = np.diff(ends).tolist()
    sized = enumerate(zip(channel.categories, sizes, strict=True))
    known = sorted((-size, str(name), number) for number, (name, size) in sized if size)
    touched = tuple(people[ends[number] : ends[number + 1]] for _, _, number in known)
    return tuple(name for _, name, _ in known), touched


def _standing(names: pd.Index, events: Ints, value: Floats) -> tuple[Ints, Ints]:
    """The people who have events by value, events and name; and where each stands."""
    present = np.flatnonzero(events > 0)
    by_name = pc.sort_indices(arrow_texts(names[present])).to_numpy()
    rank = np.empty(len(present), dtype=np.int64)
    rank[by_name] = np.arange(len(present))
    # What adding up in another order changes in the last bit must not change the order of people.
    worth = np.round(value[present], 6)
    standing = present[np.lexsort((rank, -events[present], -worth))]
    place = np.full(len(names), len(names), dtype=np.int64)
    place[standing] = np.arange(len(standing))
    return standing, place


def arrow_texts(texts: pd.Index) -> pa.Array:
    """Texts as Arrow compares them."""
    return pa.array(as_text(pd.Series(texts), str(texts.name)), type=pa.large_string(), from_pandas=True)
