"""Where the ids of an identity graph stand, in columns, and the ways its links take around them."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Collection, Mapping, Sequence
from typing import Final, NamedTuple, TypeAlias

import numpy as np

from datalyr_notebook.order import Floats

COLUMNS: Final = ("bridged", "device", "user", "trait", "shared", "other")
"""From the left: devices that only a bridge ties, devices, users, trusted traits, shared devices, other persons."""

_FROM: Final = {"device": "user", "trait": "user", "shared": "user", "bridged": "device", "other": "shared"}
"""The column whose order each column follows; users stand by time."""
_BOW: Final = 0.16
"""How far aside the middle of a link is moved by one bend: in rows, or in columns for a link within one."""
_POINTS: Final = 25
_SAMPLES: Final = 97
"""Points of a link that are held against the nodes: every few pixels of the longest one."""
_CLEAR: Final = 16
"""Pixels between the middle of a node and a link that passes it: half a marker, its outline, half a line, a gap."""
_MOST_BENDS: Final = 8

Line: TypeAlias = tuple[Floats, Floats]
"""The points of a link: their x, and their y."""


class Place(NamedTuple):
    """A column, counted from the left, and a row, counted from the middle."""

    x: float
    y: float


def place_nodes(columns: Mapping[str, str], links: Sequence[tuple[str, str]]) -> dict[str, Place]:
    """The place of each node (its name → its column), from the top.

    ``columns`` in the order that decides where nothing else does. A node stands at the height of what it is
    linked to, as far as the others of its column leave room; there is nothing random.

    >>> places = place_nodes({"u1": "user", "d1": "device", "d2": "device"}, [("d1", "u1"), ("d2", "u1")])
    >>> places["u1"], places["d2"]
    (Place(x=1.0, y=0.0), Place(x=0.0, y=-0.5))
    """
    present: list[str] = [column for column in COLUMNS if column in set(columns.values())]
    around: dict[str, list[str]] = {node: [] for node in columns}
    for one, other in links:
        around[one].append(other)
        around[other].append(one)
    places: dict[str, Place] = {}
    for column in ("user", *_FROM):
        nodes = [node for node, own in columns.items() if own == column]
        near = {node: [places[one].y for one in around[node] if one in places] for node in nodes}
        wanted = {node: float(np.mean(near[node])) if near[node] else 0.0 for node in nodes}
        nodes.sort(key=lambda node: -wanted[node])
        heights = _spread([wanted[node] for node in nodes])
        places |= {node: Place(float(present.index(column)), y) for node, y in zip(nodes, heights, strict=True)}
    return places


def _spread(wanted: Sequence[float]) -> list[float]:
    """Heights from the top, at least 1 apart, and as a whole where they were wanted (``wanted`` falls)."""
    heights: list[float] = []
    for height in wanted:
        heights.append(min(height, heights[-1] - 1) if heights else height)
    shift = float(np.mean(wanted) - np.mean(heights)) if heights else 0.0
    return [height + shift for height in heights]


def route_links(
    places: Mapping[str, Place],
    links: Sequence[tuple[str, str]],
    pixels: tuple[float, float],
    labels_above: Collection[str] = (),
) -> list[Line]:
    """The points of each link: straight, or bent as little as keeps it off every node that it does not end at.

    Links of the same two nodes bend apart. A link that cannot pass all nodes takes the way that keeps most
    room. ``pixels``: the width of a column and the height of a row, in a narrow figure; in a wider one the
    lines are flatter, which takes them further off. ``labels_above``: nodes whose links rather bend downward.

    >>> places = {"web": Place(0, 0), "user": Place(1, 0), "app": Place(2, 0)}
    >>> through, beside = route_links(places, [("web", "app"), ("web", "user")], (200, 74))
    >>> float(max(through[1])), float(max(beside[1]))
    (0.32, 0.0)
    """
    scale, taken = np.array(pixels), defaultdict[frozenset[str], set[int]](set)
    lines = []
    for start, end in links:
        ends = (places[start], places[end])
        others = np.array([place for node, place in places.items() if node not in (start, end)]).reshape(-1, 2)
        bends = taken[frozenset((start, end))]
        best, most = 0, -1.0
        for bend in _bends(len(bends), -1 if {start, end} & {*labels_above} else 1):
            if bend in bends:
                continue
            room = _room(np.column_stack(_curve(*ends, bend, _SAMPLES)) * scale, others * scale)
            if room > most:
                best, most = bend, room
            if room >= _CLEAR:
                break
        bends.add(best)
        lines.append(_curve(*ends, best, _POINTS))
    return lines


def _bends(taken: int, side: int) -> list[int]:
    """The bends to try, the best first: a slight one to this side, a wide one upward, where fewest labels are."""
    most = _MOST_BENDS + taken
    bends = range(-most, most + 1)
    return sorted(bends, key=lambda bend: (abs(bend) > _MOST_BENDS // 2, bend < -1, abs(bend), -side * bend))


def _room(line: Floats, nodes: Floats) -> float:
    """Pixels from a line to the nearest of these nodes."""
    apart = line[:, None] - nodes[None]
    return float(np.sqrt((apart**2).sum(axis=2)).min(initial=np.inf))


def _curve(start: Place, end: Place, bend: int, points: int) -> Line:
    """A parabola between two nodes; within a column it bends to the left from the outset."""
    along = np.linspace(0.0, 1.0, points)
    x, y = start.x + (end.x - start.x) * along, start.y + (end.y - start.y) * along
    aside = 4 * along * (1 - along) * _BOW
    return (x, y + bend * aside) if start.x != end.x else (x + (bend - 2) * aside, y)
