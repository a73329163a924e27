"""Other tools' tables with one row a touch: rows become journeys in order, and what each was worth."""

from __future__ import annotations

from typing import Any, Final, NamedTuple, TypeAlias

import numpy as np
import numpy.typing as npt
import pandas as pd
import pyarrow as pa

from datalyr_notebook import errors
from datalyr_notebook.frames import check_columns
from datalyr_notebook.journeys.lookback import DAY_US
from datalyr_notebook.loading.encoding import encode, is_blank
from datalyr_notebook.order import Flags, Floats, Ints, by_group_and_time

Numbers: TypeAlias = npt.NDArray[np.integer]

VALUE: Final = "value"
"""The one column that a touch table may lack, under this name."""

_STEP: Final = "PathCounts.from_touches"


class TouchColumns(NamedTuple):
    """What the columns of a touch table are called."""

    journey: str
    channel: str
    timestamp: str
    converted: str
    value: str


class TouchJourneys(NamedTuple):
    """The journeys of a touch table in compressed rows: journey j owns places indptr[j] to indptr[j + 1]."""

    indptr: Ints
    """Shape (journeys + 1,)."""
    channel: npt.NDArray[Any]
    """Per place: its number among ``channels``; int16, or int32 for more than 32,767 of them."""
    channels: tuple[str, ...]
    """The names that occur, in text order."""
    age_days: Floats
    """Per place: time of the journey's last touch - touch time, in days."""
    converted: Flags
    """Per journey."""
    value: Floats
    """Per journey."""


def read_touches(touches: pd.DataFrame, columns: TouchColumns, *, null_paths: bool) -> TouchJourneys:
    """Journeys in order of their ids; in each the touches by time, then channel, then value.

    Without ``null_paths`` the touches of journeys that did not convert are not looked at. Raises
    MissingColumnsError, and PathError for cells that say nothing, or nothing that can be counted.
    """
    _check_columns(touches, columns)
    journey, converted = _ids(touches[columns.journey]), _flags(touches[columns.converted])
    if not null_paths:
        kept = _among(journey, journey[converted])
        touches, journey, converted = touches[kept], journey[kept], converted[kept]
    time = _times(touches[columns.timestamp])
    channel, channels = _channels(touches[columns.channel])
    value = _values(touches[columns.value]) if columns.value in touches.columns else np.zeros(len(touches))
    order = _touch_order(journey, time, channel, value)
    starts = np.flatnonzero(np.append([True], ~_repeats(journey[order]))[: len(touches)])
    is_converted, worth = np.logical_or.reduceat(converted[order], starts), np.add.reduceat(value[order], starts)
    unearned = np.flatnonzero((worth != 0) & ~is_converted)
    if len(unearned):
        named = touches[columns.journey].iloc[order].tolist()[starts[unearned[0]]]
        raise errors.PathError(
            f"journey {errors.shown(named)} is worth {worth[unearned[0]]:g} and has no row with {columns.converted!r}",
            f"Mark the row of the conversion, or empty {columns.value!r} where nothing was earned",
        )
    indptr = np.append(starts, [len(touches)])
    time, channel = time[order], channel[order]
    del order  # so that the extra memory stays below the table's own
    age_us = np.repeat(time[indptr[1:] - 1], np.diff(indptr))
    age_us -= time
    del time
    kind = np.int16 if len(channels) < 2**15 else np.int32
    return TouchJourneys(indptr, channel.astype(kind), channels, age_us / DAY_US, is_converted, worth)


def _among(ids: Numbers, wanted: Numbers) -> Flags:
    """Which of the ids are among the wanted: by a table where they lie close together, as codes and numbers do."""
    lowest, span = (int(ids.min()), int(ids.max()) - int(ids.min()) + 1) if len(ids) else (0, 0)
    if span > 4 * len(ids):
        return pd.Index(ids).isin(wanted)
    is_wanted = np.zeros(span, dtype=bool)
    is_wanted[np.subtract(wanted, lowest, dtype=np.int64)] = True
    flags: Flags = is_wanted[np.subtract(ids, lowest, dtype=np.int64)]
    return flags


def _check_columns(touches: object, columns: TouchColumns) -> None:
    if not isinstance(touches, pd.DataFrame):
        raise errors.OptionError(_STEP, "touches", touches, "a pandas DataFrame with one row a touch")
    check_columns(touches, _STEP)
    for option, name in columns._asdict().items():
        if name not in touches.columns and name != VALUE:
            raise errors.MissingColumnsError(
                _STEP, f"{option}={name!r}", touches.columns, f"Pass {option}= the name of that column."
            )


def _ids(ids: pd.Series) -> Numbers:
    """One integer a row: the same for equal ids, and in the order of the ids."""
    if isinstance(ids.dtype, np.dtype) and ids.dtype.kind == "i":
        return ids.to_numpy()
    if isinstance(ids.dtype, pd.CategoricalDtype):
        number, distinct = ids.cat.codes.to_numpy(), ids.cat.categories
    else:
        try:
            number, distinct = pd.factorize(ids, sort=True)
        except TypeError:
            raise errors.PathError(f"the ids in {ids.name!r} have no order", "Write them as text") from None
    blank = np.append(is_blank(pd.Series(distinct)), [True])
    _refuse(blank[number], ids, "is missing", "Give every touch the id of its journey, or drop the row")
    return number


def _channels(names: pd.Series) -> tuple[Numbers, tuple[str, ...]]:
    """Each row's number among the names that occur, which stand in text order."""
    coded = encode(names, str(names.name))
    pa.default_memory_pool().release_unused()  # or Arrow would keep what it encoded with, a quarter of the table
    code = coded.cat.codes.to_numpy()
    _refuse(code < 0, names, "is missing", "Name every touch's channel, or drop the row")
    texts = coded.cat.categories.to_numpy(dtype=object)
    occurs = pd.unique(code)
    inorder = occurs[np.argsort(texts[occurs])]
    rank = np.zeros(len(texts), dtype=code.dtype)
    rank[inorder] = np.arange(len(inorder))
    return rank[code], tuple(texts[inorder])


def _times(times: pd.Series) -> Ints:
    if not pd.api.types.is_datetime64_any_dtype(times.dtype):
        found = f"{times.name!r} holds no timestamps but {times.dtype}"
        raise errors.PathError(found, f"Convert it with pd.to_datetime(touches[{times.name!r}])")
    _refuse(times.isna().to_numpy(), times, "is missing", "Say when every touch happened, or drop the row")
    return pd.DatetimeIndex(times if times.dt.unit == "us" else times.dt.as_unit("us")).asi8


def _flags(flags: pd.Series) -> Flags:
    if flags.dtype == bool:
        return flags.to_numpy(dtype=bool)
    numbers = _floats(flags)
    _refuse((numbers != 0) & (numbers != 1), flags, "is neither true nor false", "Use True and False, or 1 and 0")
    yes: Flags = numbers == 1
    return yes


def _values(values: pd.Series) -> Floats:
    numbers = _floats(values)
    _refuse(np.isinf(numbers), values, "is not finite", "Use finite numbers")
    missing = np.isnan(numbers)
    return np.where(missing, 0.0, numbers) if missing.any() else numbers


def _floats(cells: pd.Series) -> Floats:
    try:
        return cells.to_numpy(dtype=np.float64, na_value=np.nan)
    except (TypeError, ValueError):
        raise errors.PathError(f"{cells.name!r} holds something that is no number", "Use one number a touch") from None


def _refuse(broken: Flags, cells: pd.Series, problem: str, fix: str) -> None:
    """Name the first broken cell's row by its label."""
    if broken.any():
        label = cells.index[[int(broken.argmax())]].tolist()[0]
        raise errors.PathError(f"{cells.name!r} {problem} in row {errors.shown(label)}", fix)


def _touch_order(journey: Numbers, time: Ints, channel: Numbers, value: Floats) -> Ints | slice:
    """The rows journey by journey, in order of time, then channel, then value; nothing is sorted that stands so."""
    behind = value[1:] >= value[:-1]
    for key in (channel, time, journey):
        behind = (key[1:] > key[:-1]) | (_repeats(key) & behind)
    if behind.all():
        return slice(None)
    order = by_group_and_time(journey.astype(np.int64, copy=False), time)
    tied = np.flatnonzero(_repeats(journey[order]) & _repeats(time[order]))
    if len(tied):
        at = np.union1d(tied, tied + 1)
        rows = order[at]
        order[at] = rows[np.lexsort((value[rows], channel[rows], time[rows], journey[rows]))]
    return order


def _repeats(numbers: Numbers) -> Flags:
    """Which of the numbers from the second on equal the one before."""
    same: Flags = numbers[1:] == numbers[:-1]
    return same
