"""PathCounts: paths of channels, how often each converted or did not, and for how much."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass, replace

import numpy as np
import pandas as pd
import pyarrow as pa
import pyarrow.compute as pc

from datalyr_notebook import errors, schema
from datalyr_notebook.attribution.touch_tables import VALUE, TouchColumns, read_touches
from datalyr_notebook.journeys.paths import Paths, summed
from datalyr_notebook.loading.evidence import DIRECT_SOURCES
from datalyr_notebook.order import Flags, Floats, Ints

SEPARATOR = " > "
_STEP = "PathCounts"


@dataclass(frozen=True, kw_only=True, repr=False, eq=False)
class PathCounts(Paths):
    """Paths of channels with what became of them: all that an order-only model needs.

    Counts add up: ``one + other`` says what both tables together say. A path may be empty (a
    conversion without a touch) and may stand there several times. Made by ``from_strings`` and
    ``from_touches`` from other tools' tables, or by ``result.paths()`` from your own journeys.
    """

    conversions: Floats
    """Per path: how many conversions it ended in, ≥ 0."""
    value: Floats
    """Per path: what these conversions were worth together."""
    nulls: Floats
    """Per path: how many people went it without converting, ≥ 0."""
    age_days: Floats | None = None
    """Per place: conversion time - touch time, in days, ≥ 0; None where only the order is known."""

    @classmethod
    def from_strings(
        cls,
        paths: Iterable[str | None],
        *,
        conversions: Iterable[float] | None = None,
        value: Iterable[float] | None = None,
        nulls: Iterable[float] | None = None,
        separator: str = SEPARATOR,
    ) -> PathCounts:
        """Paths as other tools write them: ``"Paid Search > Email > Direct"``, one a row.

        ``conversions``, ``value`` and ``nulls`` have one number a row: how many conversions the path
        ended in (default 1), what they were worth together (default nothing), and how many people went it
        without converting (default 0). ``separator`` stands between channels and is taken literally; blanks
        around a name do not count. A blank or missing path is a conversion without a touch.

        Raises PathError for lengths that differ, for numbers that are not finite or negative (a value
        may be), and for a path with an empty name in it.

        >>> counts = PathCounts.from_strings(["Email > Direct", "Email"], conversions=[2, 1], value=[30.0, 10.0])
        >>> counts.channels, counts.conversions.tolist(), counts.value.tolist()
        (('Email', 'Direct'), [2.0, 1.0], [30.0, 10.0])
        """
        if not isinstance(separator, str) or not separator.strip():
            raise errors.OptionError(_STEP, "separator", separator, "a text that no channel's name contains")
        if isinstance(paths, str | pd.DataFrame) or not isinstance(paths, Iterable):
            raise errors.OptionError(_STEP, "paths", paths, "a column or list of paths, one a row")
        split = [_names(row, path, separator.strip()) for row, path in enumerate(paths)]
        channel, channels = _encoded([name for names in split for name in names])
        return cls(
            indptr=np.append([0], np.cumsum([len(names) for names in split])).astype(np.int64),
            channel=channel,
            channels=channels,
            is_direct=directs(channels)[channel],
            conversions=_numbers("conversions", conversions, len(split), 1.0),
            value=_numbers("value", value, len(split), 0.0, may_be_negative=True),
            nulls=_numbers("nulls", nulls, len(split), 0.0),
        )

    @classmethod
    def from_touches(
        cls,
        touches: pd.DataFrame,
        *,
        journey: str = "journey",
        channel: str = "channel",
        timestamp: str = "timestamp",
        converted: str = "converted",
        value: str = VALUE,
        null_paths: bool = True,
    ) -> PathCounts:
        """Paths from a table with one row a touch, in any order: one path a journey, in order of the ids.

        The options name the columns. ``journey``: an id of any type that has an order (categories stand in
        theirs). ``channel``: text. ``timestamp``: datetime64 with or without a time zone, compared to the
        microsecond; touches of one instant stand in order of their channel's name. ``converted``: bool, or 0
        and 1; a journey converted, once, if any of its rows says so. ``value``: what the conversion was
        worth, summed over the journey's rows; missing = 0, and so is a missing column of that very name.
        ``null_paths=False`` leaves out the journeys that did not convert, unread: all that a rule model needs.

        Such a table knows no conversion time, so ``age_days`` counts back from the journey's last touch.

        Raises MissingColumnsError; PathError for a journey, channel or time that is missing, for cells
        that are no number or flag, and for a journey that is worth something but did not convert.

        >>> touches = pd.DataFrame({
        ...     "journey": [7, 7, 8], "timestamp": pd.to_datetime(["2026-01-03", "2026-01-01", "2026-01-02"]),
        ...     "channel": ["Direct", "Email", "Email"], "converted": [True, False, False], "value": [40.0, 0.0, 0.0],
        ... })
        >>> counts = PathCounts.from_touches(touches)
        >>> counts.texts(), counts.conversions.tolist(), counts.value.tolist(), counts.age_days.tolist()
        (['Email > Direct', 'Email'], [1.0, 0.0], [40.0, 0.0], [2.0, 0.0, 0.0])
        """
        columns = TouchColumns(journey, channel, timestamp, converted, value)
        read = read_touches(touches, columns, null_paths=null_paths)
        return cls(
            indptr=read.indptr,
            channel=read.channel,
            channels=read.channels,
            is_direct=directs(read.channels)[read.channel],
            conversions=read.converted.astype(np.float64),
            value=read.value,
            nulls=(~read.converted).astype(np.float64),
            age_days=read.age_days,
        )

    def weighted(self, weights: Floats) -> PathCounts:
        """The same paths, each counted so many times over."""
        return replace(
            self,
            conversions=self.conversions * weights,
            value=self.value * weights,
            nulls=self.nulls * weights,
        )

    def taken(self, kept: Flags) -> PathCounts:
        """Only the paths that are kept."""
        if kept.all():
            return self
        places = np.repeat(kept, self.lengths)
        return replace(
            self,
            indptr=np.append([0], np.cumsum(self.lengths[kept])),
            channel=self.channel[places],
            is_direct=self.is_direct[places],
            conversions=self.conversions[kept],
            value=self.value[kept],
            nulls=self.nulls[kept],
            age_days=None if self.age_days is None else self.age_days[places],
        )

    def distinct(self) -> PathCounts:
        """The same counts with every path once, in order of first appearance; ages are forgotten."""
        number, first = self._numbered()
        lengths = self.lengths[first]
        indptr = np.append([0], np.cumsum(lengths))
        places = np.arange(indptr[-1]) + np.repeat(self.indptr[first] - indptr[:-1], lengths)
        sums = [summed(number, counts, len(first)) for counts in (self.conversions, self.value, self.nulls)]
        return PathCounts(
            indptr=indptr,
            channel=self.channel[places],
            channels=self.channels,
            is_direct=self.is_direct[places],
            conversions=sums[0],
            value=sums[1],
            nulls=sums[2],
        )

    def to_frame(self, separator: str = SEPARATOR) -> pd.DataFrame:
        """Columns path, conversions, value, nulls: what ``from_strings`` reads.

        Raises PathError where a channel's name contains the separator.

        >>> PathCounts.from_strings(["Email > Direct"], value=[5.0]).to_frame()
                     path  conversions  value  nulls
        0  Email > Direct          1.0    5.0    0.0
        """
        broken = [name for name in self.channels if separator.strip() in name]
        if broken:
            raise errors.PathError(
                f"the channel {errors.shown(broken[0])} contains the separator {separator!r}", "Use another separator="
            )
        return pd.DataFrame(
            {
                "path": pd.Series(self.texts(separator), dtype=object).astype(schema.TEXT),
                "conversions": self.conversions,
                "value": self.value,
                "nulls": self.nulls,
            }
        )

    def texts(self, separator: str = SEPARATOR) -> list[str]:
        """Each path as one text, to read. Raises OptionError for a separator that is no text."""
        if not isinstance(separator, str):
            raise errors.OptionError(_STEP, "separator", separator, "a text that stands between channels")
        names = pa.array(self.channels, pa.string()).take(pa.array(self.channel))
        lists = pa.ListArray.from_arrays(pa.array(self.indptr, pa.int32()), names)
        joined: list[str] = pc.binary_join(lists, separator).to_pylist()
        return joined

    def __add__(self, other: PathCounts) -> PathCounts:
        if not isinstance(other, PathCounts):
            return NotImplemented
        channels = tuple(dict.fromkeys((*self.channels, *other.channels)))
        number = {name: place for place, name in enumerate(channels)}
        renumbered = np.array([number[name] for name in other.channels], dtype=np.int64)
        return PathCounts(
            indptr=np.append(self.indptr, self.indptr[-1] + other.indptr[1:]),
            channel=np.append(self.channel, renumbered[other.channel]),
            channels=channels,
            is_direct=np.append(self.is_direct, other.is_direct),
            conversions=np.append(self.conversions, other.conversions),
            value=np.append(self.value, other.value),
            nulls=np.append(self.nulls, other.nulls),
        )

    def __len__(self) -> int:
        return len(self.indptr) - 1

    def __repr__(self) -> str:
        """A line: paths, channels, conversions, value, nulls."""
        return (
            f"PathCounts: {len(self):,} paths over {len(self.channels):,} channels, "
            f"{self.conversions.sum():,.10g} conversions worth {self.value.sum():,.2f}, {self.nulls.sum():,.10g} nulls"
        )

    def _numbered(self) -> tuple[Ints, Ints]:
        """A number a path, the same for equal paths, and the first path of each number."""
        kind = np.min_scalar_type(max(len(self.channels) - 1, 0))
        code = self.channel.astype(kind)
        buffers = [None, pa.py_buffer(self.indptr * kind.itemsize), pa.py_buffer(code)]
        words = pa.Array.from_buffers(pa.large_binary(), len(self), buffers)
        number = words.dictionary_encode().indices.to_numpy().astype(np.int64)
        first = np.zeros(int(number.max(initial=-1)) + 1, dtype=np.int64)
        first[number[::-1]] = np.arange(len(number) - 1, -1, -1)
        return number, first


def directs(channels: tuple[str, ...]) -> Flags:
    """Which of the names mean direct."""
    return np.array([name.strip().casefold() in DIRECT_SOURCES for name in channels], dtype=bool)


def _names(row: int, path: object, separator: str) -> list[str]:
    if path is None or (isinstance(path, float) and np.isnan(path)) or path is pd.NA:
        return []
    if not isinstance(path, str):
        raise errors.PathError(f"row {row} is {path!r}, not a text", "Join channels to one text a row")
    if not path.strip():
        return []
    names = [name.strip() for name in path.split(separator)]
    if not all(names):
        raise errors.PathError(
            f"row {row} has a channel without a name: {errors.shown(path)}", "Name it, or check separator="
        )
    return names


def _encoded(names: list[str]) -> tuple[Ints, tuple[str, ...]]:
    """Numbers and names, in order of appearance."""
    number, distinct = pd.factorize(pd.Series(names, dtype=object))
    return number.astype(np.int64), tuple(str(name) for name in distinct)


def _numbers(
    option: str, given: Iterable[float] | None, count: int, default: float, *, may_be_negative: bool = False
) -> Floats:
    if given is None:
        return np.full(count, default)
    try:
        numbers = np.asarray(pd.Series(given if isinstance(given, pd.Series) else list(given)), dtype=np.float64)
    except (TypeError, ValueError):
        raise errors.PathError(f"{option} holds something that is no number", "Use one number a path") from None
    if len(numbers) != count:
        raise errors.PathError(f"{option} has {len(numbers):,} numbers for {count:,} paths", "Use one number a path")
    wrong = ~np.isfinite(numbers) if may_be_negative else ~(np.isfinite(numbers) & (numbers >= 0))
    if wrong.any():
        at = int(np.flatnonzero(wrong)[0])
        fix = "Use finite numbers" if may_be_negative else "Use finite numbers, not below 0"
        raise errors.PathError(f"{option} is {numbers[at]:g} in row {at}", fix)
    return numbers
