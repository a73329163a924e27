"""Journeys: each conversion with the touches of its person inside its lookback, as flat arrays."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field, replace
from typing import Final, NamedTuple, Self

import numpy as np
import pandas as pd

from datalyr_notebook import errors, order
from datalyr_notebook.journeys.conversions import ConversionRows
from datalyr_notebook.journeys.lookback import DAY_US, UNLIMITED, Lookback
from datalyr_notebook.journeys.paths import TouchPaths
from datalyr_notebook.journeys.touches import TouchRows, touch_column
from datalyr_notebook.order import Flags, Floats, Ints

FEEDS: Final = ("every", "next")
"""Which conversions look back on a touch: all of them, or the first after it alone."""
EVIDENCE: Final = ("all", "at_conversion")
"""Whether a touch counts by all that is known now, or by what was known when the order came in."""
MOST_PAIRS: Final = 500_000_000
"""Pairs of a conversion and a touch that one call works on: some 30 GB at the peak."""


@dataclass(frozen=True, kw_only=True)
class Journeys(TouchPaths):
    """Conversions and their touches in compressed rows: journey j owns places indptr[j] to indptr[j + 1].

    Every array but ``indptr``, ``value`` and those of ``stages`` has one entry a place.
    """

    of_places = (*TouchPaths.of_places, "age_days", "is_click", "same_session")

    age_days: Floats
    """Conversion time - touch time, in days, ≥ 0."""
    is_click: Flags
    """The touch has a click id."""
    same_session: Flags
    """The touch belongs to the visit the conversion happened in."""
    value: Floats
    """Per journey: the conversion's value, 0 where it has none."""
    stages: Mapping[str, Ints] = field(default_factory=dict)
    """Stage event (such as ``lead``) → per journey the ``position`` of the last touch before it; -1 for none."""

    def take(self, kept: Flags) -> Journeys:
        """Only the journeys that are kept; touches keep their numbers."""
        places = np.repeat(kept, self.lengths)
        return replace(
            self,
            **{name: getattr(self, name)[places] for name in self.of_places},
            indptr=np.append([0], np.cumsum(self.lengths[kept])),
            value=self.value[kept],
            stages={name: position[kept] for name, position in self.stages.items()},
        )

    def narrowed(self, kept: Flags) -> Self:
        """All journeys, with only the places that are kept."""
        before = np.append([0], np.cumsum(kept))
        start = before[self.indptr[:-1]]
        stages = {
            # The last kept touch up to the stage: as many of them as are kept until then, less one.
            name: np.where(position >= 0, before[self.indptr[:-1] + position + 1] - start - 1, -1)
            for name, position in self.stages.items()
        }
        return replace(super().narrowed(kept), stages=stages)

    def followed_by(self, other: Journeys, *, touches: int) -> Journeys:
        """These journeys, then the others, whose touches are numbered from ``touches`` on."""
        channels = tuple(dict.fromkeys((*self.channels, *other.channels)))
        renumbered = np.array([channels.index(name) for name in other.channels], dtype=np.int64)
        return Journeys(
            indptr=np.append(self.indptr, self.indptr[-1] + other.indptr[1:]),
            touch=np.append(self.touch, touches + other.touch),
            age_days=np.append(self.age_days, other.age_days),
            channel=np.append(self.channel, renumbered[other.channel]),
            channels=channels,
            is_click=np.append(self.is_click, other.is_click),
            is_direct=np.append(self.is_direct, other.is_direct),
            same_session=np.append(self.same_session, other.same_session),
            value=np.append(self.value, other.value),
            stages={name: np.append(position, other.stages[name]) for name, position in self.stages.items()},
        )


class Window(NamedTuple):
    """Which touches of its person a conversion looks back on."""

    lookback: Lookback
    touches_feed: str = "every"
    evidence: str = "all"


class Step(NamedTuple):
    """A condition, and the touches that it left in some journey."""

    reason: str
    """Why a touch is in no journey that was in one before this step."""
    left: Flags
    """Per touch."""


def find_journeys(
    stitched: pd.DataFrame,
    touches: TouchRows,
    conversions: ConversionRows,
    *,
    channel_of: pd.Categorical,
    is_direct: Flags,
    window: Window,
    stages: tuple[str, ...] = (),
) -> tuple[Journeys, list[Step]]:
    """Every conversion with its touches: ``conversion - lookback <= touch <= conversion``, to the microsecond.

    ``touches`` and ``conversions`` are sorted by person and time; ``channel_of`` and ``is_direct`` have an
    entry a touch. ``stages``: names of events whose place in the journey a model asks for. With
    ``touches_feed="next"`` conversions of one instant share their touches. Also answers which touches
    each condition left. Raises JourneySizeError.
    """
    person, time = order.codes(stitched, "person_id").astype(np.int64), order.microseconds(stitched)
    whose, when = person[touches.row], time[touches.row]
    asks, at = person[conversions.row], time[conversions.row]
    begins = np.searchsorted(whose, asks, side="left")
    ends = np.searchsorted(whose, asks, side="right")
    stop = _bisect(when, begins, ends, at, after=True)
    steps = [Step("after its person's last conversion", _covered(begins, stop, len(when)))]
    start = _oldest(when, begins, stop, at, window.lookback)
    if window.touches_feed == "next":
        start = np.maximum(start, _behind_the_one_before(asks, at, stop))
    _check_size(stitched, asks, stop - start)
    indptr = np.append([0], np.cumsum(stop - start))
    touch = np.arange(indptr[-1]) + np.repeat(start - indptr[:-1], stop - start)
    journey = np.repeat(np.arange(len(at)), stop - start)
    journeys = Journeys(
        indptr=indptr,
        touch=touch,
        age_days=(at[journey] - when[touch]) / DAY_US,
        channel=channel_of.codes.astype(np.int64)[touch],
        channels=tuple(str(name) for name in channel_of.categories),
        is_click=_has_click(stitched, touches)[touch],
        is_direct=is_direct[touch],
        same_session=(touches.visit[touch] == conversions.visit[journey]) & (conversions.visit[journey] >= 0),
        value=np.nan_to_num(conversions.value, nan=0.0),
    )
    if window.lookback.by_source:
        limit = window.lookback.of(pd.Series(touch_column(stitched, touches, "source", "category")))
        journeys = journeys.narrowed(at[journey] - when[touch] <= limit[touch])
    steps.append(Step("older than the lookback of every later conversion", in_journeys(journeys, len(when))))
    if window.evidence == "at_conversion":
        since = order.microseconds(stitched, "person_since")[touches.row]
        journeys = journeys.narrowed(since[journeys.touch] <= at[journeys.journey])
        fed = "the conversion it feeds" if window.touches_feed == "next" else "any conversion"
        steps.append(Step(f"not yet known to be its person's at {fed}", in_journeys(journeys, len(when))))
    if stages:
        since = at - np.minimum(window.lookback.longest_us, at - time.min(initial=0))
        if window.touches_feed == "next":
            since = np.maximum(since, _time_before(asks, at) + 1)
        places = when[journeys.touch]
        positions = {name: _reached(stitched, name, person, time, asks, since, at) for name in stages}
        journeys = replace(
            journeys,
            stages={name: _position(journeys, places, reached) for name, reached in positions.items()},
        )
    return journeys, steps


def _check_size(stitched: pd.DataFrame, asks: Ints, lengths: Ints) -> None:
    """Refuse what would not fit into memory, before any of it is made."""
    pairs = int(lengths.sum())
    if pairs > MOST_PAIRS:
        own = np.bincount(asks, lengths)
        person = stitched["person_id"].cat.categories[int(own.argmax())]
        raise errors.JourneySizeError("attribute", pairs, MOST_PAIRS, len(asks), person, int(own.max()))


def in_journeys(journeys: Journeys, touches: int) -> Flags:
    """Which of the touches stand in some journey."""
    present = np.zeros(touches, dtype=bool)
    present[journeys.touch] = True
    return present


def _oldest(when: Ints, begins: Ints, stop: Ints, at: Ints, lookback: Lookback) -> Ints:
    """Per conversion the first touch that is not older than the longest lookback."""
    if lookback.longest_us == UNLIMITED:
        return begins
    return np.minimum(_bisect(when, begins, stop, at - lookback.longest_us, after=False), stop)


def _covered(begins: Ints, stop: Ints, touches: int) -> Flags:
    """Which touches stand at or before some conversion of their person."""
    depth = np.zeros(touches + 1, dtype=np.int64)
    np.add.at(depth, begins, 1)
    np.add.at(depth, stop, -1)
    return np.cumsum(depth[:-1]) > 0


def _one_before(asks: Ints, at: Ints) -> tuple[Ints, Flags]:
    """Per conversion its person's latest one of an earlier instant, and whether there is one."""
    heads = np.append([True], (np.diff(asks) != 0) | (np.diff(at) != 0))[: len(at)]
    head = np.maximum.accumulate(np.where(heads, np.arange(len(at)), 0))
    before = np.maximum(head - 1, 0)
    return before, (head > 0) & (asks[before] == asks)


def _behind_the_one_before(asks: Ints, at: Ints, stop: Ints) -> Ints:
    """Per conversion the first touch behind the conversion before it."""
    before, exists = _one_before(asks, at)
    return np.where(exists, stop[before], 0)


def _time_before(asks: Ints, at: Ints) -> Ints:
    before, exists = _one_before(asks, at)
    return np.where(exists, at[before], np.iinfo(np.int64).min)


def _reached(stitched: pd.DataFrame, name: str, person: Ints, time: Ints, asks: Ints, since: Ints, at: Ints) -> Ints:
    """Per conversion when its person first reached a stage, from ``since`` to the conversion; -1 before all time."""
    rows = np.flatnonzero(order.is_named(stitched, (name,)) & (person >= 0))
    rows = rows[order.by_group_and_time(person[rows], time[rows])]
    begins = np.searchsorted(person[rows], asks, side="left")
    ends = np.searchsorted(person[rows], asks, side="right")
    place = _bisect(time[rows], begins, ends, since, after=False)
    reached = np.append(time[rows], [np.iinfo(np.int64).max])[np.where(place < ends, place, len(rows))]
    return np.where(reached <= at, reached, np.iinfo(np.int64).min)


def _position(journeys: Journeys, when: Ints, reached: Ints) -> Ints:
    """Per journey the position of its last touch at or before an instant; -1 for none."""
    start = journeys.indptr[:-1]
    return _bisect(when, start, journeys.indptr[1:], reached, after=True) - start - 1


def _has_click(stitched: pd.DataFrame, touches: TouchRows) -> Flags:
    if "click_id" not in stitched.columns:
        return np.zeros(len(touches.row), dtype=bool)
    clicks: Flags = stitched["click_id"].iloc[touches.row].notna().to_numpy() & ~touches.is_fallback
    return clicks


def _bisect(values: Ints, low: Ints, high: Ints, wanted: Ints, *, after: bool) -> Ints:
    """For each segment of sorted values the place of ``wanted`` (behind equal values with ``after``)."""
    low, high = low.copy(), high.copy()
    while True:
        open_ = low < high
        if not open_.any():
            return low
        middle = (low + high) // 2
        probe = values[np.minimum(middle, max(len(values) - 1, 0))] if len(values) else middle
        goes_right = open_ & ((probe <= wanted) if after else (probe < wanted))
        low = np.where(goes_right, middle + 1, low)
        high = np.where(open_ & ~goes_right, middle, high)
