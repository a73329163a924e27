"""Where the labels of a timeline go, such that none stands on another label or on a line between lanes."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterator, Sequence
from typing import Final, NamedTuple

import numpy as np
import pandas as pd

from datalyr_notebook.figures.theme import escaped, shortened
from datalyr_notebook.figures.timeline_axis import WIDTH, Axis, Span, take, width_of
from datalyr_notebook.figures.timeline_links import Link
from datalyr_notebook.figures.timeline_marks import texts_at

SLOTS: Final = (("top", 0), ("bottom", 0), ("top", 1), ("bottom", 1))
"""The lines of text of a lane: above or below its marks, the nearest (0) first."""
ROOMS: Final = ((6, 108, SLOTS), (20, 72, SLOTS[:2]), (60, 42, SLOTS[:1]))
"""Up to so many lanes: the height of each in pixels, and its slots; between two lanes a link's name fits."""
BAND_ROOM: Final = 22
"""Pixels that a lane is higher by where a band runs under it."""
LABELED: Final = ("conversion", "touch", "identify")
"""The kinds that have labels, in the order in which they choose their room."""


class Placed(NamedTuple):
    """A label that found room, as plotly takes it."""

    text: str
    position: str


class LinkName(NamedTuple):
    """What a line between lanes is called, at which height (counted in lanes), on which side of the line."""

    height: float
    text: str
    position: str


def room_for(lanes: int, *, is_banded: bool = False) -> tuple[int, tuple[tuple[str, int], ...]]:
    """The height of each of so many lanes, and its slots; with a band under each, that needs room, too.

    >>> room_for(40), room_for(61)
    ((42, (('top', 0),)), (20, ()))
    """
    height, slots = next(((height, slots) for most, height, slots in ROOMS if lanes <= most), (20, ()))
    return height + BAND_ROOM * is_banded, slots


def band_offset(lanes: int) -> float:
    """How many pixels below the middle of its lane a band runs: under the labels, over the names of links.

    >>> band_offset(2)
    46.0
    """
    return max(room_for(lanes)[0] / 2 - 8.0, 12.0)


def name_links(links: Sequence[Link], axis: Axis, *, is_banded: bool = False) -> list[LinkName]:
    """A name for each link, half way between two lanes, where the line leans away from it; '' where none fits.

    Where bands run under the lanes, it stands a little lower.
    """
    taken: defaultdict[float, list[Span]] = defaultdict(list)
    names = []
    for link in links:
        is_rising = (link.x[1] - link.x[0]) * (link.lanes[1] - link.lanes[0]) < 0
        name = LinkName(sum(link.lanes) / 2, "", "middle right")
        for height in np.arange(min(link.lanes) + (0.58 if is_banded else 0.5), max(link.lanes)):
            left, right = (pixel := axis.pixel(link.at(height))), pixel + width_of(link.words)
            if right <= WIDTH and take(taken[height], (left, right)):
                name = LinkName(float(height), link.words, "bottom right" if is_rising else "top right")
                break
        names.append(name)
    return names


def place_labels(marks: pd.DataFrame, links: Sequence[Link], named: set[str], axis: Axis) -> dict[int, Placed]:
    """The label of each mark that finds room for one, by row; what finds none is left to the hover.

    Conversions choose first, then touches, then identifies: those that no link names (``named``), and of
    those that say the same on a lane the first.
    """
    lane, pixels = marks["lane"].cat.codes.tolist(), [axis.pixel(place) for place in marks["place"]]
    slots = room_for(len(marks["lane"].cat.categories))[1]
    taken = {(home, slot): _crossings(links, home, slot[0], axis) for home in set(lane) for slot in slots}
    told = {(home, words) for home in set(lane) for words in named}
    every = np.arange(len(marks))
    kinds, labels, sources = (texts_at(marks, name, every) for name in ("kind", "label", "source"))
    placed: dict[int, Placed] = {}
    for row in (int(row) for kind in LABELED for row in np.flatnonzero(kinds == kind)):
        words = [labels[row]]
        if kinds[row] == "touch" and sources[row] and sources[row].casefold() not in labels[row].casefold():
            words.insert(0, f"{labels[row]} · {shortened(sources[row], 14)}")
        if kinds[row] == "identify" and (lane[row], labels[row]) in told:
            continue
        told.add((lane[row], labels[row]))
        for text, slot, side, span in _ways(words, slots, pixels[row]):
            if take(taken[lane[row], slot], span):
                placed[row] = _placed(text, *slot, side)
                break
    return placed


def _crossings(links: Sequence[Link], lane: int, edge: str, axis: Axis) -> list[Span]:
    """Where links pass above or below a lane, as far as its labels reach."""
    far = lane - 0.4 if edge == "top" else lane + 0.4
    near = [link for link in links if min(link.lanes) < max(lane, far) and min(lane, far) < max(link.lanes)]
    ends = [sorted((axis.pixel(link.at(lane)), axis.pixel(link.at(far)))) for link in near]
    return [(left, right) for left, right in ends]


def _ways(
    words: Sequence[str], slots: Sequence[tuple[str, int]], pixel: float
) -> Iterator[tuple[str, tuple[str, int], str, Span]]:
    """Each way to write one of these words at a mark, the best first."""
    for text in words:
        width = width_of(text)
        for slot in slots:
            for side, left in (("center", pixel - width / 2), ("right", pixel), ("left", pixel - width)):
                if 0 <= left <= WIDTH - width:
                    yield text, slot, side, (left, left + width)


def _placed(text: str, edge: str, line: int, side: str) -> Placed:
    # An empty line below (above) the text lifts (lowers) it by one line.
    lines = [escaped(text), *["\u00a0"] * line]
    return Placed("<br>".join(lines if edge == "top" else lines[::-1]), f"{edge} {side}")
