"""Journeys: each conversion with the touches of its person inside its lookback, as flat arrays."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
import numpy.typing as npt
import pandas as pd

from datalyr_notebook import order
from datalyr_notebook.journeys.conversions import ConversionRows
from datalyr_notebook.journeys.touches import TouchRows
from datalyr_notebook.order import Flags, Ints

DAY_US = 86_400 * 10**6


@dataclass(frozen=True)
class Journeys:
    """Conversions and their touches in compressed rows: journey j owns places indptr[j] to indptr[j+1].

    Within a journey touches stand in time order. Every array but ``indptr`` and ``value`` has one
    entry a place.
    """

    indptr: Ints
    """Shape (conversions + 1,)."""
    touch: Ints
    """Which touch stands at each place."""
    age_days: npt.NDArray[np.float64]
    """Conversion time - touch time, in days, ≥ 0."""
    channel: Ints
    """Place in ``channels``."""
    channels: tuple[str, ...]
    is_click: Flags
    """The touch has a click id."""
    is_direct: Flags
    """The touch's channel is Direct."""
    same_session: Flags
    """The touch belongs to the visit the conversion happened in."""
    value: npt.NDArray[np.float64]
    """Per journey: the conversion's value, 0 where it has none."""

    @property
    def lengths(self) -> Ints:
        """Touches a journey."""
        return np.diff(self.indptr)

    @property
    def journey(self) -> Ints:
        """The journey of each place."""
        return np.repeat(np.arange(len(self.indptr) - 1), self.lengths)

    def take(self, kept: Flags) -> Journeys:
        """Only the journeys that are kept; touches keep their numbers."""
        places = np.repeat(kept, self.lengths)
        return Journeys(
            indptr=np.append([0], np.cumsum(self.lengths[kept])),
            touch=self.touch[places],
            age_days=self.age_days[places],
            channel=self.channel[places],
            channels=self.channels,
            is_click=self.is_click[places],
            is_direct=self.is_direct[places],
            same_session=self.same_session[places],
            value=self.value[kept],
        )

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
        )


def find_journeys(
    stitched: pd.DataFrame,
    touches: TouchRows,
    conversions: ConversionRows,
    *,
    channel_of: pd.Categorical,
    lookback_us: int | None,
) -> Journeys:
    """Every conversion with its touches: ``conversion - lookback <= touch <= conversion``, to the microsecond.

    ``touches`` and ``conversions`` are sorted by person and time; ``channel_of`` is each touch's
    channel. ``lookback_us`` None = unlimited.
    """
    person, time = order.codes(stitched, "person_id").astype(np.int64), order.microseconds(stitched)
    whose, when = person[touches.row], time[touches.row]
    asks, at = person[conversions.row], time[conversions.row]
    begins = np.searchsorted(whose, asks, side="left")
    ends = np.searchsorted(whose, asks, side="right")
    stop = _bisect(when, begins, ends, at, after=True)
    start = begins if lookback_us is None else _bisect(when, begins, ends, at - lookback_us, after=False)
    start = np.minimum(start, stop)
    indptr = np.append([0], np.cumsum(stop - start))
    touch = np.arange(indptr[-1]) + np.repeat(start - indptr[:-1], stop - start)
    journey = np.repeat(np.arange(len(at)), stop - start)
    channels = tuple(str(name) for name in channel_of.categories)
    direct = np.array([name == "Direct" for name in channels] + [False], dtype=bool)
    channel = channel_of.codes.astype(np.int64)[touch]
    return Journeys(
        indptr=indptr,
        touch=touch,
        age_days=(at[journey] - when[touch]) / DAY_US,
        channel=channel,
        channels=channels,
        is_click=_has_click(stitched, touches)[touch],
        is_direct=direct[channel],
        same_session=(touches.visit[touch] == conversions.visit[journey]) & (conversions.visit[journey] >= 0),
        value=np.nan_to_num(conversions.value, nan=0.0),
    )


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
