"""Connected components of ids, and since when two ids are connected.

Borůvka's algorithm, a round of numpy at a time: every component follows its earliest link, and what
follows one another becomes one. The rounds are kept: the latest link that two ids need to be
connected is the latest one on their way up the rounds to a common component (King, "A simpler
minimum spanning tree verification algorithm", Algorithmica 18, 1997).
"""

from __future__ import annotations

from typing import Final, NamedTuple

import numpy as np
import numpy.typing as npt

from datalyr_notebook.order import Ints

EVER: Final = int(np.iinfo(np.int64).min)
"""The time since which an id is connected with itself."""


class _Round(NamedTuple):
    """Which component each component becomes a part of, and the time of the link that it follows there."""

    into: Ints
    time: Ints


class Components(NamedTuple):
    """Ids that links connect. Ids and components are numbers from 0."""

    of: Ints
    """The component of each id."""
    number: int
    """How many components there are."""
    rounds: tuple[_Round, ...]

    def connected_since(self, one: npt.NDArray[np.integer], other: npt.NDArray[np.integer]) -> Ints:
        """Adding the links in time order, when each pair of ids of one component is first connected.

        int64 microseconds; ``EVER`` for an id and itself.
        """
        since = np.full(len(one), EVER, dtype=np.int64)
        for into, time in self.rounds:
            needed = np.maximum(time[one], time[other])
            since = np.where(one != other, np.maximum(since, needed), since)
            one, other = into[one], into[other]
        return since


def connect(ids: int, one: npt.NDArray[np.integer], other: npt.NDArray[np.integer], time: Ints) -> Components:
    """The components of ids 0 … ``ids`` - 1 that links from ``one`` to ``other`` connect.

    ``time``: since when each link is known, int64 microseconds.

    >>> found = connect(4, np.array([0, 1]), np.array([1, 2]), np.array([50, 20]))
    >>> found.of.tolist(), found.connected_since(np.array([0, 1]), np.array([2, 2])).tolist()
    ([0, 0, 0, 1], [50, 20])
    """
    inorder = np.argsort(time, kind="stable")
    one, other, when = one[inorder].astype(np.int64), other[inorder].astype(np.int64), time[inorder]
    of, count = np.arange(ids), ids
    rounds: list[_Round] = []
    while True:
        apart = one != other
        one, other, when = one[apart], other[apart], when[apart]
        if not len(one):
            return Components(of, count, tuple(rounds))
        earliest = _earliest_links(one, other, count)
        follows = np.flatnonzero(earliest < len(one))
        link = earliest[follows]
        into = np.arange(count)
        into[follows] = one[link] + other[link] - follows
        into, count = _numbered(into)
        taken = np.full(len(into), EVER, dtype=np.int64)
        taken[follows] = when[link]
        rounds.append(_Round(into, taken))
        of, one, other = into[of], into[one], into[other]


def _earliest_links(one: npt.NDArray[np.integer], other: npt.NDArray[np.integer], count: int) -> Ints:
    """For each component its earliest link, as a place; the number of links where it has none."""
    places = np.arange(len(one))[::-1]
    earliest = np.full((2, count), len(one), dtype=np.int64)
    # Of several values given to one place, numpy keeps the last: here the earliest.
    earliest[0, one[::-1]] = places
    earliest[1, other[::-1]] = places
    found: Ints = earliest.min(axis=0)
    return found


def _numbered(into: Ints) -> tuple[Ints, int]:
    """Follow every component to the end of its way; the ends numbered from 0, in their own order."""
    at = np.arange(len(into))
    # Two components that follow the same link follow each other: the smaller number is the end.
    into = np.where((into[into] == at) & (at < into), at, into)
    while True:
        further = into[into]
        if (further == into).all():
            break
        into = further
    is_end = into == at
    return (np.cumsum(is_end) - 1)[into], int(is_end.sum())
