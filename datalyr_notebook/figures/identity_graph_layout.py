"""Where the ids of an identity graph stand: in columns, so that a shared device stands between its persons."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Final, NamedTuple

import numpy as np
import numpy.typing as npt

COLUMNS: Final = ("bridged", "device", "user", "trait", "shared", "other")
"""From the left: devices that only a bridge ties, devices, users, trusted traits, shared devices, other persons."""

_FROM: Final = {"device": "user", "trait": "user", "shared": "user", "bridged": "device", "other": "shared"}
"""The column whose order each column follows; users stand by time."""
_BOW: Final = 0.16
_POINTS: Final = 13


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


def curve(start: Place, end: Place, bow: int) -> tuple[npt.NDArray[np.float64], npt.NDArray[np.float64]]:
    """The points of a link: straight for ``bow`` 0, else bent aside, further for each; bent within a column."""
    along = np.linspace(0.0, 1.0, _POINTS if bow or start.x == end.x else 3)
    x, y = start.x + (end.x - start.x) * along, start.y + (end.y - start.y) * along
    aside = 4 * along * (1 - along) * _BOW * ((bow + 1) // 2) * (-1 if bow % 2 else 1)
    if start.x != end.x:
        return x, y + aside
    return x + aside - 2 * _BOW * 4 * along * (1 - along), y
