"""Half-open windows of time: which dates each asks for, and which rows it keeps."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Final, NamedTuple

import numpy as np
import pandas as pd

from datalyr_notebook import options
from datalyr_notebook.errors import OptionError
from datalyr_notebook.loading.clock import MISSING, read_times
from datalyr_notebook.loading.normalize import CLOCKS
from datalyr_notebook.order import Flags, Ints

SECOND_US: Final = 1_000_000
_MOST: Final = 100_000
"""More windows than that are a slip of the pen: 11 years in hours."""


class Window(NamedTuple):
    """The time from ``start_us`` up to, and without, ``end_us``: microseconds since 1970 in UTC."""

    start_us: int
    end_us: int

    @property
    def first_us(self) -> int:
        """The first moment that is asked for: the documented dates have no parts finer than a millisecond."""
        return self.start_us // SECOND_US * SECOND_US

    @property
    def last_us(self) -> int:
        """The last moment that is asked for, itself included."""
        return -(-self.end_us // SECOND_US) * SECOND_US

    @property
    def dates(self) -> Mapping[str, str]:
        """The parameters that ask for it; both dates are inclusive.

        >>> Window(0, 86_400_000_000).dates
        {'start_date': '1970-01-01T00:00:00Z', 'end_date': '1970-01-02T00:00:00Z'}
        """
        return {"start_date": _iso(self.first_us), "end_date": _iso(self.last_us)}

    @property
    def name(self) -> str:
        """Its start as part of a file's name.

        >>> Window(500_000, 1_000_000).name
        '1970-01-01T00-00-00.500000Z'
        """
        fraction = f".{self.start_us % SECOND_US:06}" if self.start_us % SECOND_US else ""
        return _iso(self.first_us).removesuffix("Z").replace(":", "-") + fraction + "Z"

    def split(self, times: Ints) -> Rows:
        """Which of the rows with these times belong to it."""
        is_timed = times != MISSING
        kept = is_timed & (times >= self.start_us) & (times < self.end_us)
        outside = is_timed & ((times < self.first_us) | (times > self.last_us))
        return Rows(kept, int((~is_timed).sum()), int(outside.sum()))


class Rows(NamedTuple):
    """The rows of one answer, by their times."""

    kept: Flags
    without_time: int
    """Rows of which nobody can say whether they belong to the window."""
    outside: int
    """Rows of a time that was not asked for at all."""


def windows(start: pd.Timestamp, end: pd.Timestamp, length_us: int) -> list[Window]:
    """The windows from ``start`` up to, and without, ``end``; the last one may be shorter.

    Raises OptionError where the end lies before the start, or there would be more than 100,000.
    """
    first, stop = options.epoch_us(start), options.epoch_us(end)
    if stop < first:
        raise OptionError("Client.events", "end", str(end), f"a moment that is not before start={str(start)!r}")
    if (stop - first) // length_us >= _MOST:
        raise OptionError(
            "events", "window", f"{length_us / SECOND_US:g} s", f"one that makes at most {_MOST:,} windows"
        )
    return [Window(at, min(at + length_us, stop)) for at in range(first, stop, length_us)]


def row_times(rows: Sequence[Mapping[str, object]]) -> Ints:
    """Each row's time in microseconds since 1970, read as normalize_events reads it; ``MISSING`` where it has none.

    >>> row_times([{"timestamp": "1970-01-01T00:00:01Z"}, {"timestamp": "", "identifiedAt": "1970-01-01T00:00:02Z"}])
    array([1000000, 2000000])
    """
    times = np.full(len(rows), MISSING, dtype=np.int64)
    for spellings in CLOCKS.values():
        places = np.flatnonzero(times == MISSING)
        if not len(places):
            break
        cells = [_first(rows[place], spellings) for place in places.tolist()]
        times[places] = read_times(pd.Series(cells, dtype=object)).microseconds
    return times


def have_times(rows: Sequence[Mapping[str, object]]) -> bool:
    """Whether any row has a key that a time stands under, readable or not."""
    names = {name for spellings in CLOCKS.values() for name in spellings}
    return any(not names.isdisjoint(row) for row in rows)


def _first(row: Mapping[str, object], spellings: tuple[str, ...]) -> object:
    return next((row[name] for name in spellings if row.get(name) not in (None, "")), None)


def _iso(moment_us: int) -> str:
    return f"{np.datetime64(moment_us, 'us').astype('datetime64[s]')}Z"
