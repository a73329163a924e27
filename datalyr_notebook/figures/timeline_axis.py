"""The time axis of a timeline: real time, or stretches of activity with the idle time between them compressed."""

from __future__ import annotations

import contextlib
import datetime as dt
import zoneinfo
from collections.abc import Iterable
from dataclasses import dataclass, replace
from typing import Final, NamedTuple, TypeAlias

import numpy as np
import pandas as pd

from datalyr_notebook import errors
from datalyr_notebook.order import Floats, Ints

Span: TypeAlias = tuple[float, float]
"""From one pixel to another."""

WIDTH: Final = 440.0
"""Pixels that a figure 700 wide keeps for its lanes: texts that fit there fit in every wider one."""
CHARACTER: Final = 6.2
"""Pixels of one character."""

IDLE: Final = pd.Timedelta("3h")
"""Idle time longer than this is compressed."""

_MARGIN: Final = 0.3
"""Room beyond the first and the last moment, in the units of the compressed axis."""
_FIRST_WIDTH, _NEXT_WIDTH, _GAP_WIDTH = 0.5, 0.15, 0.4
"""Room for the first moment of a stretch, for each of the next 16, and for a gap."""
_HOUR: Final = 3_600_000_000
_MINUTE: Final = 60_000_000


class Gap(NamedTuple):
    """Idle time that is compressed: where it stands, and how long it was."""

    x: float
    hours: float

    @property
    def words(self) -> str:
        """How long it was; what rounds to two days is told in days."""
        return f"{self.hours:.0f} hours" if self.hours < 47.5 else f"{self.hours / 24:,.0f} days"


@dataclass(frozen=True)
class Axis:
    """The time axis: where it begins and ends, and what is written below it."""

    dates: bool
    title: str
    low: float
    high: float
    ticks: tuple[tuple[float, str], ...] = ()
    gaps: tuple[Gap, ...] = ()

    def pixel(self, place: float) -> float:
        """How far from the left a place is in a figure 700 pixels wide."""
        return float((place - self.low) / (self.high - self.low) * WIDTH)

    def drawn(self, places: Iterable[float | None]) -> list[object]:
        """Places as plotly takes them; None breaks a line."""
        if not self.dates:
            return list(places)
        return [None if one is None else pd.Timestamp(np.datetime64(int(one), "us")) for one in places]


def width_of(text: str) -> float:
    """Pixels that a text takes, with the space around it."""
    return len(text) * CHARACTER + 8


def take(taken: list[Span], wanted: Span) -> bool:
    """Whether nothing stands on this part of a line of text yet; if so, it is taken."""
    is_free = all(wanted[0] >= right or wanted[1] <= left for left, right in taken)
    if is_free:
        taken.append(wanted)
    return is_free


def find_zone(step: str, tz: object) -> dt.tzinfo:
    """A time zone by its name in the tz database; OptionError where there is none.

    >>> find_zone("journey_timeline", "utc")
    datetime.timezone.utc
    """
    if isinstance(tz, str):
        if tz.upper() == "UTC":
            return dt.UTC
        # A name that leads out of the database is a ValueError, a folder in it an OSError.
        with contextlib.suppress(zoneinfo.ZoneInfoNotFoundError, ValueError, OSError):
            return zoneinfo.ZoneInfo(tz)
    raise errors.OptionError(step, "tz", tz, "a name of the tz database, such as 'UTC' or 'America/New_York'")


def true_axis(time: Ints, zone: dt.tzinfo, name: str) -> tuple[Axis, Floats]:
    """Real time, and the place of each moment on it: local, without zone, because plotly drops offsets."""
    wall = pd.DatetimeIndex(time.view("datetime64[us]"), tz="UTC").tz_convert(zone).tz_localize(None)
    local = wall.as_unit("us").asi8
    title = f"Time ({name})"
    if (np.diff(local) < 0).any():
        shift = local[0] - time[0]
        local = time + shift
        title = f"Time ({name}, all at UTC{shift / _HOUR:+.4g} h because clocks were set back)"
    low, high = (int(local[0]), int(local[-1])) if len(local) else (0, 0)
    margin = max((high - low) * 0.05, _HOUR / 2)
    return Axis(dates=True, title=title, low=low - margin, high=high + margin), local.astype(np.float64)


def compressed_axis(time: Ints, zone: dt.tzinfo, name: str) -> tuple[Axis, Floats]:
    """Stretches of activity, each linear in itself, with the same little room between any two.

    Returns the axis and the place of each moment on it; ``time`` is sorted.
    """
    moments = np.unique(time)
    title = f"Time ({name}), idle time compressed"
    if not len(moments):
        return Axis(dates=False, title=title, low=-_MARGIN, high=1 + _MARGIN), np.zeros(0)
    starts = np.flatnonzero(np.append([True], np.diff(moments) > IDLE // pd.Timedelta("1us")))
    ends = np.append(starts[1:], len(moments)) - 1
    begin, end = moments[starts], moments[ends]
    width = _FIRST_WIDTH + _NEXT_WIDTH * np.minimum(ends - starts, 16)
    right = np.cumsum(width + _GAP_WIDTH) - _GAP_WIDTH
    # A stretch of one moment has it in its middle.
    inset = np.where(end > begin, 0, width / 2)
    knots, first = np.unique([begin, end], return_index=True)
    at_knots = np.concatenate([right - width + inset, right - inset])[first]
    axis = Axis(
        dates=False,
        title=title,
        low=-_MARGIN,
        high=float(right[-1]) + _MARGIN,
        gaps=tuple(map(Gap, (right[:-1] + _GAP_WIDTH / 2).tolist(), ((begin[1:] - end[:-1]) / _HOUR).tolist())),
    )
    # A minute before its stretch begins says the same as the beginning, and is written once.
    minutes = [(begin + part * (end - begin)) // _MINUTE * _MINUTE for part in (0.5, 0.25, 0.75)]
    written = np.concatenate([begin, end, *minutes]).astype(np.int64)
    ticks = _ticks(axis, np.interp(written, knots, at_knots), written, zone)
    return replace(axis, ticks=ticks), np.interp(time, knots, at_knots)


def _ticks(axis: Axis, places: Floats, moments: Ints, zone: dt.tzinfo) -> tuple[tuple[float, str], ...]:
    """The dates on the axis, and on a line below them the lengths of the gaps; where two overlap, the earlier."""
    clocks = pd.DatetimeIndex(moments.view("datetime64[us]"), tz="UTC").tz_convert(zone)
    year = " %Y" if len(set(clocks.year)) > 1 else ""
    dates: dict[str, float] = {}
    for x, clock in zip(places, clocks, strict=True):
        dates.setdefault(f"{clock.month_name()[:3]} {clock.day}{clock.strftime(year)}<br>{clock:%H:%M}", float(x))
    longest_first = sorted(axis.gaps, key=lambda gap: -gap.hours)
    ticks: list[tuple[float, str]] = []
    for line in ([(x, text) for text, x in dates.items()], [(gap.x, f"<br><br>{gap.words}") for gap in longest_first]):
        taken: list[Span] = []
        half = [max(width_of(part) for part in text.split("<br>")) / 2 for _, text in line]
        spans = [(axis.pixel(x) - room, axis.pixel(x) + room) for (x, _), room in zip(line, half, strict=True)]
        ticks += sorted(tick for tick, span in zip(line, spans, strict=True) if take(taken, span))
    return tuple(ticks)
