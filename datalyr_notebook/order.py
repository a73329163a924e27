"""The order of events, which every "first", "last", "next" and "previous" means.

Time, then ``$identify`` / ``$alias`` before other events of the same instant, then user_id,
event_id, event_name and anonymous_id as text, then the hash of the row's content; nulls last.
There is no arrival order: shuffling a table never changes an answer.

The sort works on integers; text is looked at only where two rows of one group share an instant.
"""

from __future__ import annotations

from typing import Final, TypeAlias

import numpy as np
import numpy.typing as npt
import pandas as pd

from datalyr_notebook.hashing import hash_rows

Ints: TypeAlias = npt.NDArray[np.int64]
Codes: TypeAlias = npt.NDArray[np.int32]
Flags: TypeAlias = npt.NDArray[np.bool_]
Floats: TypeAlias = npt.NDArray[np.float64]
Texts: TypeAlias = npt.NDArray[np.object_]

IDENTIFY: Final = ("$identify",)
ALIAS: Final = ("$alias",)
IDENTITY_EVENTS: Final = IDENTIFY + ALIAS
_TEXT_KEYS: Final = ("user_id", "event_id", "event_name", "anonymous_id")


def microseconds(events: pd.DataFrame, column: str = "timestamp") -> Ints:
    """A UTC time column as int64 microseconds since 1970; missing = the smallest int64."""
    times = events[column]
    if getattr(times.dtype, "unit", None) != "us":
        times = times.dt.as_unit("us")
    return np.asarray(times.astype("int64"), dtype=np.int64)


def timestamps(values: Ints) -> pd.Series:
    """int64 microseconds since 1970 as a UTC time column; the smallest int64 = missing."""
    return pd.Series(pd.DatetimeIndex(values.view("datetime64[us]"), tz="UTC"))


def codes(events: pd.DataFrame, column: str) -> Codes:
    """The category codes of a column, int32, -1 for null; all -1 where the column is absent."""
    if column not in events.columns:
        return np.full(len(events), -1, dtype=np.int32)
    return events[column].cat.codes.to_numpy().astype(np.int32, copy=False)


def is_named(events: pd.DataFrame, wanted: tuple[str, ...], rows: npt.NDArray[np.integer] | None = None) -> Flags:
    """Which rows have one of these event names; ``rows``: only of these rows."""
    return is_among(events, "event_name", wanted, rows)


def is_among(
    events: pd.DataFrame, column: str, wanted: tuple[str, ...], rows: npt.NDArray[np.integer] | None = None
) -> Flags:
    """Which rows have one of these values in a category column; ``rows``: only of these rows."""
    coded = events[column].cat
    code = coded.codes.to_numpy() if rows is None else coded.codes.to_numpy()[rows]
    flags = np.zeros(len(code), dtype=bool)
    # Comparing small integers takes a tenth of looking each one up, and what no row has takes nothing.
    for place in np.flatnonzero(coded.categories.isin(wanted)).tolist():
        flags |= code == place
    return flags


def event_order(
    events: pd.DataFrame, *, within: npt.NDArray[np.integer] | None = None, rows: npt.NDArray[np.integer] | None = None
) -> Ints:
    """The places 0..n-1 in the order of events, group by group.

    ``rows``: the event row that stands at each place (default: every row once). ``within``: the
    group number of each place; groups come out in ascending number.
    """
    time = microseconds(events) if rows is None else microseconds(events)[rows]
    group = np.zeros(len(time), dtype=np.int64) if within is None else within.astype(np.int64)
    order = by_group_and_time(group, time)
    tied = np.flatnonzero((group[order[1:]] == group[order[:-1]]) & (time[order[1:]] == time[order[:-1]]))
    if len(tied):
        at = np.union1d(tied, tied + 1)
        places = np.sort(order[at]) if within is None else order[at][np.lexsort((order[at], group[order[at]]))]
        tied_events = events.iloc[places if rows is None else rows[places]]
        order[at] = places[_break_ties(tied_events, group[places], time[places])]
    return order


def first_rows(events: pd.DataFrame, group: npt.NDArray[np.integer], groups: int) -> Ints:
    """The first row of each group 0..groups-1 in the order of events; ``group``: one number a row, -1 for none.

    Every group has a row. Only rows that share a group's first instant are sorted.
    """
    time = microseconds(events)
    rows = np.flatnonzero(group >= 0)
    start = np.full(groups, np.iinfo(np.int64).max, dtype=np.int64)
    np.minimum.at(start, group[rows], time[rows])
    candidates = rows[time[rows] == start[group[rows]]]
    if len(candidates) > groups:
        several = np.bincount(group[candidates], minlength=groups)[group[candidates]] > 1
        tied = candidates[several]
        inorder = tied[event_order(events, within=group[tied], rows=tied)]
        heads = np.append([True], np.diff(group[inorder]) != 0)
        candidates = np.concatenate([candidates[~several], inorder[heads]])
    first = np.empty(groups, dtype=np.int64)
    first[group[candidates]] = candidates
    return first


def span(time: Ints, group: npt.NDArray[np.integer], groups: int) -> tuple[Ints, Ints]:
    """Each group's first and last time, in microseconds; missing (the smallest int64) where it has none."""
    missing = np.iinfo(np.int64).min
    last = np.full(groups, missing, dtype=np.int64)
    np.maximum.at(last, group, time)
    first = np.where(last > missing, np.iinfo(np.int64).max, missing)
    np.minimum.at(first, group, time)
    return first, last


def has_several(group: npt.NDArray[np.integer], value: npt.NDArray[np.integer], groups: int) -> Flags:
    """Which of the groups 0..groups-1 have several values (all ≥ 0); nothing is sorted."""
    one = np.full(groups, -1, dtype=np.int64)
    one[group] = value
    flags = np.zeros(groups, dtype=bool)
    flags[group[one[group] != value]] = True
    return flags


def by_group_and_time(group: Ints, time: Ints) -> Ints:
    """Sort by two integers, as one where both fit into 63 bits (twice as fast); rows in order of time stay so."""
    if not len(time):
        return np.zeros(0, dtype=np.int64)
    first, span = int(time.min()), int(time.max()) - int(time.min()) + 1
    lowest, groups = int(group.min()), int(group.max()) - int(group.min()) + 1
    bits = len(time).bit_length()
    if groups << bits < 2**63 and (time[1:] >= time[:-1]).all():
        # Group and place make one integer, and sorting values takes a third of finding their order.
        by_group: Ints = group - lowest
        by_group <<= bits
        by_group |= np.arange(len(time))
        by_group.sort()
        by_group &= (1 << bits) - 1
        return by_group
    if groups * span < 2**63:
        order: Ints = np.argsort((group - lowest) * span + (time - first))
        return order
    return np.lexsort((time, group))


def _break_ties(rows: pd.DataFrame, group: Ints, time: Ints) -> Ints:
    """The order of rows that share group and instant, by the keys after time."""
    keys = [(~is_named(rows, IDENTITY_EVENTS)).astype(np.int64)]
    keys += [text_rank(rows[column]) for column in _TEXT_KEYS if column in rows.columns]
    order = np.lexsort((*reversed(keys), time, group))
    matrix = np.column_stack([group, time, *keys])[order]
    same = np.flatnonzero((matrix[1:] == matrix[:-1]).all(axis=1))
    if len(same):
        at = np.union1d(same, same + 1)
        left = order[at]
        # The rows of one tie stand side by side, so the number of the tie keeps them in place.
        tie = np.cumsum(np.append([True], (matrix[at][1:] != matrix[at][:-1]).any(axis=1)))
        # Rows that say the same are interchangeable; their places keep them apart for the caller.
        order[at] = left[np.lexsort((left, hash_rows(rows.iloc[left]), tie))]
    return order


def text_rank(values: pd.Series) -> Ints:
    """The rank of each text in text order; nulls last."""
    number, _ = pd.factorize(values.astype(object), sort=True)
    rank: Ints = np.where(number < 0, np.iinfo(np.int64).max, number)
    return rank


def within(time: Ints, begin: int | None, end: int | None) -> Flags:
    """Which times (microseconds) stand between the two, both included; a missing time never does."""
    flags: Flags = time > np.iinfo(np.int64).min
    if begin is not None:
        flags &= time >= begin
    if end is not None:
        flags &= time <= end
    return flags
