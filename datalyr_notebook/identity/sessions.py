"""The sessions a policy sees: one number per (device, session), never across devices.

A row without session_id belongs to the device's session whose first and last rows enclose it, else
to the one that ends or starts at most ``session_timeout`` away (the earlier first); what is left
is cut into sessions at longer gaps. A session that starts with ``$identify`` within the timeout of
the device's previous one continues it: web SDKs 1.1.1 to 1.7.2 changed the session id at identify.
"""

from __future__ import annotations

from typing import NamedTuple

import numpy as np
import numpy.typing as npt
import pandas as pd

from datalyr_notebook import order
from datalyr_notebook.identity.neighbors import Line
from datalyr_notebook.order import Flags, Ints


class _Line(NamedTuple):
    """The places on the time line, as ``number_sessions`` was given them."""

    events: pd.DataFrame
    rows: npt.NDArray[np.integer]
    device: npt.NDArray[np.integer]
    time: Ints
    has_ids: bool


class _Spans(NamedTuple):
    """Sessions sorted by device and start: where each begins and ends, and its number."""

    device: Ints
    start: Ints
    end: Ints
    number: Ints


def number_sessions(
    places: Line, device: npt.NDArray[np.integer], is_own: Flags, timeout_us: int
) -> npt.NDArray[np.integer]:
    """The session number of each place on the time line; -1 where there is none.

    ``device``: the device of each place, -1 for places that stand in no session. ``is_own``: false
    for a place that is only looked up in the sessions, and makes none.
    """
    ids = order.codes(places.events, "session_id")[places.rows]
    line = _Line(places.events, places.rows, device, places.time, "session_id" in places.events.columns)
    matters = device >= 0
    named = matters & is_own & (ids >= 0)
    number = _named(device, ids, named)
    loose = np.flatnonzero(matters & is_own & (ids < 0))
    foreign = np.flatnonzero(matters & ~is_own)
    starts = _identify_started(line, number)
    busy = np.zeros(int(device.max(initial=-1)) + 2, dtype=bool)
    busy[device[np.concatenate([loose, foreign])]] = True
    if len(starts):
        busy[device[_flags(starts, number)[number]]] = True
    if not busy.any():
        return number
    if len(loose):
        spans = _spans(line, number, named & busy[device])
        number[loose] = _lookup(spans, device[loose], line.time[loose], timeout_us)
        left = loose[number[loose] < 0]
        if len(left):
            number[left] = _cut(line, left, timeout_us) + number.max() + 1
    if len(foreign):
        spans = _spans(line, number, (number >= 0) & busy[device])
        number[foreign] = _lookup(spans, device[foreign], line.time[foreign], timeout_us)
    if len(loose) or len(foreign):
        own = number.copy()
        own[foreign] = -1
        starts = _identify_started(line, own)
        return _continued(line, number, own, starts, busy, timeout_us)
    return _continued(line, number, number, starts, busy, timeout_us)


def _named(device: npt.NDArray[np.integer], ids: order.Codes, named: Flags) -> Ints:
    """Sessions by (device, session_id): the id's own code where no two devices share an id."""
    number = np.where(named, ids, np.int32(-1))
    at = slice(None) if named.all() else np.flatnonzero(named)
    own, owner = device[at], np.full(int(ids.max(initial=-1)) + 1, -1, dtype=np.int32)
    owner[ids[at]] = own
    if (owner[ids[at]] != own).any():
        number[at] = pd.factorize(own.astype(np.int64) * (len(owner) + 1) + ids[at])[0]
    return number.astype(np.int64) if len(number) < len(owner) else number


def _identify_started(line: _Line, number: Ints) -> Ints:
    """The sessions whose first row is an ``$identify``."""
    first = _rows_named("$identify", line, number)
    if not len(first):
        return first
    has_identify = _flags(number[first], number)
    at = np.flatnonzero(has_identify[number])
    start = np.full(len(has_identify), np.iinfo(np.int64).max, dtype=np.int64)
    np.minimum.at(start, number[at], line.time[at])
    # At one instant $identify stands before all but $alias, so the time decides; an $alias there is looked at.
    first = first[line.time[first] == start[number[first]]]
    starts = _flags(number[first], number)
    rivals = _rows_named("$alias", line, number)
    rivals = rivals[line.time[rivals] == start[number[rivals]]]
    if len(rivals):
        contested = _flags(number[rivals], number)
        both = np.concatenate([first[contested[number[first]]], rivals[starts[number[rivals]]]])
        is_alias = order.is_named(line.events, order.ALIAS, line.rows[both])
        inorder = order.event_order(line.events, within=number[both], rows=line.rows[both])
        heads = inorder[np.diff(number[both[inorder]], prepend=-1) != 0]
        starts[number[both[heads[is_alias[heads]]]]] = False
    return np.flatnonzero(starts)


def _rows_named(name: str, line: _Line, number: Ints) -> Ints:
    """The places in sessions whose rows have this event name."""
    if name not in line.events["event_name"].cat.categories:
        return np.zeros(0, dtype=np.int64)
    return np.flatnonzero(order.is_named(line.events, (name,), line.rows) & (number >= 0))


def _flags(sessions: Ints, number: Ints) -> Flags:
    """Which session numbers are among these (one flag more, false, for -1)."""
    flags = np.zeros(int(number.max(initial=-1)) + 2, dtype=bool)
    flags[sessions] = True
    return flags


def _spans(line: _Line, number: Ints, among: Flags) -> _Spans:
    """The sessions of some places, by device, start and end; ties by session_id as text."""
    at = np.flatnonzero(among)
    is_among = _flags(number[at], number)
    sessions, place = np.flatnonzero(is_among), (np.cumsum(is_among) - 1)[number[at]]
    start = np.full(len(sessions), np.iinfo(np.int64).max, dtype=np.int64)
    end = np.full(len(sessions), np.iinfo(np.int64).min, dtype=np.int64)
    example = np.zeros(len(sessions), dtype=np.int64)
    np.minimum.at(start, place, line.time[at])
    np.maximum.at(end, place, line.time[at])
    example[place] = at
    owner = line.device[example].astype(np.int64)
    inorder = order.by_group_and_time(owner, start)
    tied = np.flatnonzero((np.diff(owner[inorder]) == 0) & (np.diff(start[inorder]) == 0))
    if len(tied):
        among_ties = np.union1d(tied, tied + 1)
        spans = inorder[among_ties]
        rank = np.zeros(len(spans), dtype=np.int64)
        if line.has_ids:
            names = line.events["session_id"].iloc[line.rows[example[spans]]].astype(object)
            rank = np.unique([str(name) for name in names], return_inverse=True)[1]
        inorder[among_ties] = spans[np.lexsort((rank, end[spans], start[spans], owner[spans]))]
    return _Spans(owner[inorder], start[inorder], end[inorder], sessions[inorder])


def _lookup(spans: _Spans, device: npt.NDArray[np.integer], time: Ints, timeout_us: int) -> Ints:
    """The session that encloses each instant, else the near one before it, else the near one after it."""
    found = np.full(len(time), -1, dtype=np.int64)
    if not len(spans.device) or not len(time):
        return found
    # Devices are laid end to end on one axis, with room between them that no timeout crosses.
    first = int(min(spans.start.min(), time.min()))
    length = int(max(spans.end.max(), time.max())) - first + 2 * timeout_us + 2
    if length * (int(max(spans.device.max(), device.max())) + 1) >= 2**63:
        spans, device = _renumbered(spans, device)
    asked = device.astype(np.int64) * length + (time - first) + timeout_us
    start = spans.device * length + (spans.start - first) + timeout_us
    end = spans.device * length + (spans.end - first) + timeout_us
    latest = np.maximum.accumulate(end)
    rises = np.append([True], end[1:] > latest[:-1])
    reaches = np.maximum.accumulate(np.where(rises, np.arange(len(end)), 0))
    after = np.searchsorted(latest, asked, side="left")
    has_after, has_before = after < len(end), after > 0
    following, preceding = np.where(has_after, after, 0), np.where(has_before, reaches[after - 1], 0)
    encloses = has_after & (start[following] <= asked)
    is_near_before = has_before & (asked - end[preceding] <= timeout_us)
    is_near_after = has_after & (start[following] - asked <= timeout_us)
    found = np.where(is_near_after, spans.number[following], found)
    found = np.where(is_near_before, spans.number[preceding], found)
    return np.where(encloses, spans.number[following], found)


def _renumbered(spans: _Spans, device: npt.NDArray[np.integer]) -> tuple[_Spans, Ints]:
    """The same with the devices that occur numbered from 0, so that the axis fits into 63 bits."""
    known = np.unique(np.concatenate([spans.device, device]))
    return spans._replace(device=np.searchsorted(known, spans.device)), np.searchsorted(known, device)


def _cut(line: _Line, left: Ints, timeout_us: int) -> Ints:
    """Cut each device's rows into sessions at gaps of more than the timeout; numbers from 0."""
    inorder = order.event_order(line.events, within=line.device[left], rows=line.rows[left])
    device, time = line.device[left[inorder]], line.time[left[inorder]]
    starts = np.append([True], (np.diff(device) != 0) | (np.diff(time) > timeout_us))
    number = np.empty(len(left), dtype=np.int64)
    number[inorder] = np.cumsum(starts) - 1
    return number


def _continued(line: _Line, number: Ints, own: Ints, starts: Ints, busy: Flags, timeout_us: int) -> Ints:
    """Give a session that starts with ``$identify`` the number of the device's session just before it.

    ``own``: the same numbers, -1 for places that make no session.
    """
    if not len(starts):
        return number
    spans = _by_first_row(line, own, _spans(line, own, (own >= 0) & busy[line.device]))
    same_device = np.append([False], spans.device[1:] == spans.device[:-1])
    gap = np.append([0], spans.start[1:] - spans.end[:-1])
    head = ~(_flags(starts, number)[spans.number] & same_device & (gap <= timeout_us))
    renamed = spans.number[np.maximum.accumulate(np.where(head, np.arange(len(head)), 0))]
    numbers = np.arange(int(number.max()) + 2)
    numbers[spans.number] = renamed
    numbers[-1] = -1
    return numbers[number]


def _by_first_row(line: _Line, number: Ints, spans: _Spans) -> _Spans:
    """The spans with those that start at one instant in the order of their first rows."""
    tied = np.flatnonzero((np.diff(spans.device) == 0) & (np.diff(spans.start) == 0))
    if not len(tied):
        return spans
    at = np.union1d(tied, tied + 1)
    place = np.full(int(number.max()) + 2, -1, dtype=np.int64)
    place[spans.number[at]] = at
    rows = np.flatnonzero(place[number] >= 0)
    rows = rows[line.time[rows] == spans.start[place[number[rows]]]]
    inorder = rows[order.event_order(line.events, within=line.device[rows], rows=line.rows[rows])]
    sessions, first = np.unique(number[inorder], return_index=True)
    rank = np.empty(len(at), dtype=np.int64)
    rank[np.searchsorted(at, place[sessions])] = first
    moved = np.arange(len(spans.device))
    moved[at] = at[np.lexsort((rank, spans.start[at], spans.device[at]))]
    return _Spans(*(values[moved] for values in spans))
