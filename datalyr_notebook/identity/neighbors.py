"""The evidence nearest to each event of its group (a device, or a session of a device).

Most events stand before the first or after the last evidence of their group, where the answer is
one lookup; only the groups in which an anonymous event stands between two are sorted.
"""

from __future__ import annotations

from typing import NamedTuple

import numpy as np
import numpy.typing as npt
import pandas as pd

from datalyr_notebook.order import Flags, Ints, event_order

_LATE = np.iinfo(np.int64).max
_EARLY = np.iinfo(np.int64).min


class Line(NamedTuple):
    """Places on the time line of devices: rows of the table, then evidence that other rows bring."""

    events: pd.DataFrame
    rows: npt.NDArray[np.integer]
    """The event row that stands at each place."""
    time: Ints
    """int64 microseconds."""


def nearest(
    line: Line, group: npt.NDArray[np.integer], evidence: npt.NDArray[np.integer], asked: npt.NDArray[np.integer]
) -> tuple[Ints, Ints]:
    """The next and the previous evidence of each asked place, as places; -1 where there is none.

    ``group``: the group of each place, -1 for none.
    """
    following, previous = np.full(len(asked), -1, dtype=np.int64), np.full(len(asked), -1, dtype=np.int64)
    if group.min(initial=0) < 0:
        evidence = evidence[group[evidence] >= 0]
    if not len(asked) or not len(evidence):
        return following, previous
    # One group more, without evidence, answers for the group -1.
    groups = int(group.max()) + 2
    first, first_time, first_tied = edge(line.time, group, evidence, groups, np.minimum, _LATE)
    last, last_time, last_tied = edge(line.time, group, evidence, groups, np.maximum, _EARLY)
    # A group without evidence begins late and ends early, so that none of its places lies between.
    own, time = group[asked], line.time[asked]
    is_late, is_early = time >= first_time[own], time <= last_time[own]
    before, after = np.flatnonzero(~is_late & is_early), np.flatnonzero(is_late & ~is_early)
    following[before], previous[after] = first[own[before]], last[own[after]]
    is_tied = first_tied | last_tied
    slots = np.flatnonzero((is_late & is_early) | is_tied[own])
    if len(slots):
        is_hard = np.zeros(groups, dtype=bool)
        is_hard[own[slots]] = True
        following[slots], previous[slots] = _sorted(line, group, evidence[is_hard[group[evidence]]], asked[slots])
    return following, previous


def edge(
    time: Ints,
    group: npt.NDArray[np.integer],
    evidence: npt.NDArray[np.integer],
    groups: int,
    pick: np.ufunc,
    start: int,
) -> tuple[Ints, Ints, Flags]:
    """Per group the first (or last) evidence (-1: none), its time, and whether several share that instant."""
    own, when = group[evidence], time[evidence]
    edge_time = np.full(groups, start, dtype=np.int64)
    pick.at(edge_time, own, when)
    is_edge = when == edge_time[own]
    at_edge, own = evidence[is_edge], own[is_edge]
    edge = np.full(groups, -1, dtype=np.int64)
    edge[own] = at_edge
    tied = np.zeros(groups, dtype=bool)
    tied[own[edge[own] != at_edge]] = True
    return edge, edge_time, tied


def _sorted(
    line: Line, group: npt.NDArray[np.integer], evidence: npt.NDArray[np.integer], asked: npt.NDArray[np.integer]
) -> tuple[Ints, Ints]:
    """The same by the order of events: the last and the next evidence along each sorted group."""
    # An asked place stands before evidence that its own row brings: its next and its previous at once.
    places = np.concatenate([asked, evidence])
    slots = np.append(np.arange(len(asked)), np.full(len(evidence), -1))
    inorder = event_order(line.events, within=group[places], rows=line.rows[places])
    places, slots = places[inorder], slots[inorder]
    at, own, counts = np.arange(len(places)), group[places], slots < 0
    behind = np.maximum.accumulate(np.where(counts, at, -1))
    ahead = np.minimum.accumulate(np.where(counts, at, len(at))[::-1])[::-1]
    is_behind = (behind >= 0) & (own[behind] == own) & ~counts
    inside = np.minimum(ahead, len(at) - 1)
    is_ahead = (ahead < len(at)) & (own[inside] == own) & ~counts
    following, previous = np.full(len(asked), -1, dtype=np.int64), np.full(len(asked), -1, dtype=np.int64)
    following[slots[is_ahead]] = places[inside[is_ahead]]
    previous[slots[is_behind]] = places[behind[is_behind]]
    brings_it = (following >= 0) & (line.rows[following] == line.rows[asked])
    return following, np.where(brings_it, following, previous)
