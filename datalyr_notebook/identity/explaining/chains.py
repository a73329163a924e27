"""The shortest chain between two ids of the identity graph, searched over integer codes."""

from __future__ import annotations

from collections.abc import Callable
from typing import NamedTuple

import numpy as np

from datalyr_notebook.order import Flags, Ints

_FAR = np.iinfo(np.int64).max


class Graph(NamedTuple):
    """Links in both directions, by the node they start at (numpy CSR)."""

    start: Ints
    """Per node the place of its first neighbor; one entry more than there are nodes."""
    neighbor: Ints
    link: Ints


class _Steps(NamedTuple):
    """The links by which shortest chains pass from one distance to the next."""

    near: Ints
    far: Ints
    link: Ints


def build_graph(one: Ints, other: Ints, nodes: int) -> Graph:
    """The graph of links between ``one`` and ``other`` (node numbers below ``nodes``)."""
    ends, neighbors = np.concatenate([one, other]), np.concatenate([other, one])
    by_node = np.argsort(ends, kind="stable")
    start = np.zeros(nodes + 1, dtype=np.int64)
    np.cumsum(np.bincount(ends, minlength=nodes), out=start[1:])
    return Graph(start, neighbors[by_node], np.tile(np.arange(len(one)), 2)[by_node])


def distances(graph: Graph, source: int, target: int = -1) -> Ints:
    """Per node the number of links from ``source``, -1 where no chain leads; ``target`` ends the search."""
    distance = np.full(len(graph.start) - 1, -1, dtype=np.int64)
    distance[source], reached, frontier = 0, 0, np.array([source], dtype=np.int64)
    while len(frontier) and (target < 0 or distance[target] < 0):
        reached += 1
        around = _leaving(graph, frontier)[1]
        frontier = np.unique(around[distance[around] < 0])
        distance[frontier] = reached
    return distance


def shortest_chain(
    graph: Graph,
    source: int,
    target: int,
    *,
    weakness: Ints,
    known_from: Ints,
    words_of: Callable[[int], str],
    words_of_link: Callable[[int], str],
) -> list[tuple[int, int]]:
    """The steps of the best chain from ``source`` to ``target``: each a link and the node it leads to; [] for none.

    Fewest links; of equally short chains the one whose weakest link is strongest (``weakness``: per
    link, 0 = strongest), then the one that was known first as a whole; ties by the words of nodes and
    links, from the source on.
    """
    distance = distances(graph, source, target)
    if distance[target] <= 0:
        return []
    steps = _steps(graph, distance, target)
    nodes = len(distance)
    for cost in (weakness, known_from):
        best = _least(steps, cost, target, nodes)[source]
        steps = [_only(part, cost[part.link] <= best) for part in steps]
    leads_on = _least(steps, known_from, target, nodes) < _FAR
    leads_on[target] = True
    chain: list[tuple[int, int]] = []
    node = source
    for part in steps:
        at = np.flatnonzero((part.near == node) & leads_on[part.far])
        node = min(set(part.far[at].tolist()), key=lambda one: (words_of(one), one))
        links = part.link[at[part.far[at] == node]].tolist()
        link = min(links, key=lambda one: (weakness[one], known_from[one], words_of_link(one)))
        chain.append((link, node))
    return chain


def _leaving(graph: Graph, nodes: Ints) -> tuple[Ints, Ints, Ints]:
    """Every link that leaves these nodes: where it starts, where it leads, and its number."""
    first, count = graph.start[nodes], graph.start[nodes + 1] - graph.start[nodes]
    place = np.repeat(first - np.cumsum(count) + count, count) + np.arange(int(count.sum()))
    return np.repeat(nodes, count), graph.neighbor[place], graph.link[place]


def _steps(graph: Graph, distance: Ints, target: int) -> list[_Steps]:
    """What lies on some shortest chain to the target, from its source on."""
    steps, frontier = [], np.array([target], dtype=np.int64)
    for reached in range(int(distance[target]) - 1, -1, -1):
        far, near, link = _leaving(graph, frontier)
        part = _only(_Steps(near, far, link), distance[near] == reached)
        steps.append(part)
        frontier = np.unique(part.near)
    return steps[::-1]


def _only(part: _Steps, keep: Flags) -> _Steps:
    return _Steps(part.near[keep], part.far[keep], part.link[keep])


def _least(steps: list[_Steps], cost: Ints, target: int, nodes: int) -> Ints:
    """Per node the least that the costliest link of a chain to the target must cost; ``_FAR`` where none leads."""
    least = np.full(nodes, _FAR)
    least[target] = np.iinfo(np.int64).min
    for part in reversed(steps):
        np.minimum.at(least, part.near, np.maximum(cost[part.link], least[part.far]))
    return least
