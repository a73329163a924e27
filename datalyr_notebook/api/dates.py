"""Dates as the API takes them: read from what analysts write, checked, and written in UTC."""

from __future__ import annotations

import datetime as dt
import re
from typing import Final, TypeAlias, cast

import pandas as pd

from datalyr_notebook import options
from datalyr_notebook.errors import OptionError

Moment: TypeAlias = str | dt.date | pd.Timestamp
"""A text in ISO 8601, a date, a datetime or a Timestamp."""
Zone: TypeAlias = str | dt.tzinfo

_DAY: Final = re.compile(r"\s*\d{4}-\d{2}-\d{2}\s*")
_LAST_OF_A_DAY: Final = pd.Timedelta(1, "ms")
"""The API's end is inclusive, and its finest documented dates are milliseconds."""


def checked_zone(given: object) -> Zone:
    """A time zone that pandas knows, by name or as tzinfo."""
    try:
        is_known = isinstance(given, str | dt.tzinfo) and bool(pd.Timestamp("2026-01-01").tz_localize(given))
    except (LookupError, ValueError, TypeError, OSError):
        is_known = False
    if not is_known:
        raise OptionError("Client", "tz", given, "the name of a time zone such as 'UTC' or 'Europe/Berlin'")
    return given  # type: ignore[return-value]


def period(step: str, start: object, end: object, zone: Zone, now: float) -> tuple[pd.Timestamp, pd.Timestamp]:
    """First and last moment of a period, both inclusive, in UTC.

    A day alone is the whole day, as start and as end. Raises OptionError where the end is before the start
    or the start lies in the future by this computer's clock (``now``, epoch seconds).

    >>> period("overview", "2026-03-01", "2026-03-01", "America/Chicago", now=1_800_000_000)
    (Timestamp('2026-03-01 06:00:00+0000', tz='UTC'), Timestamp('2026-03-02 05:59:59.999000+0000', tz='UTC'))
    """
    first, last = moment(step, "start", start, zone), moment(step, "end", end, zone, is_last=True)
    clock = pd.Timestamp(now, unit="s", tz="UTC")
    if last < first:
        raise OptionError(step, "end", end, f"a moment that is not before start={start!s}")
    if first > clock:
        raise OptionError(step, "start", start, f"a moment that is past: the clock says {clock:%Y-%m-%d %H:%M} UTC")
    return first, last


def moment(step: str, option: str, given: object, zone: Zone, *, is_last: bool = False) -> pd.Timestamp:
    """A moment in UTC; one without a zone is read in ``zone``.

    A day alone is its first instant, or its last millisecond with ``is_last``. A clock time that the zone
    skips or has twice is refused: nobody can say which instant is meant.
    """
    in_utc = options.instant(step, option, given, also="")
    read = pd.Timestamp(given)  # type: ignore[arg-type]
    if read.tzinfo is not None:
        return in_utc
    try:
        at = _day_in_utc(read, zone, is_last=is_last) if _is_day(given) else _in_utc(read, zone)
    except (ValueError, OverflowError, NotImplementedError):  # at the ends of the calendar
        raise OptionError(step, option, given, "a moment such as '2026-01-31T12:00Z'") from None
    if pd.isna(at):
        words = f"a moment with its offset such as '2026-01-31T12:00+01:00': clocks in {zone} skip it or show it twice"
        raise OptionError(step, option, given, words)
    return at


def written(at: pd.Timestamp) -> str:
    """A moment as the API reads it: ISO 8601 in UTC, with no more digits than it has (at most microseconds).

    >>> written(pd.Timestamp("2026-03-16T08:30:00-06:00")), written(pd.Timestamp("2026-03-16T14:30:45.123Z"))
    ('2026-03-16T14:30:00Z', '2026-03-16T14:30:45.123Z')
    """
    in_utc = at.tz_convert("UTC").tz_localize(None)
    digits = "seconds" if in_utc.microsecond == 0 else "microseconds" if in_utc.microsecond % 1_000 else "milliseconds"
    return f"{in_utc.to_pydatetime(warn=False).isoformat(timespec=digits)}Z"


def _in_utc(read: pd.Timestamp, zone: Zone) -> pd.Timestamp:
    """A clock time in a zone, NaT where the zone skips it or has it twice."""
    at = cast("pd.Timestamp", read.tz_localize(zone, ambiguous="NaT", nonexistent="NaT"))
    return at if pd.isna(at) else at.tz_convert("UTC")


def _day_in_utc(read: pd.Timestamp, zone: Zone, *, is_last: bool) -> pd.Timestamp:
    """The first instant of a day in a zone, or its last millisecond.

    Where a day begins twice its first beginning counts, and where midnight is skipped what comes next.
    """
    midnight = read + pd.Timedelta(days=1) if is_last else read
    first = midnight.tz_localize(zone, ambiguous=True, nonexistent="shift_forward").tz_convert("UTC")
    return first - _LAST_OF_A_DAY if is_last else first


def _is_day(given: object) -> bool:
    if isinstance(given, str):
        return _DAY.fullmatch(given) is not None
    return isinstance(given, dt.date) and not isinstance(given, dt.datetime)
