"""The links of a timeline: lines between the lanes of devices that are one person, and what they are called."""

from __future__ import annotations

import itertools
from collections.abc import Iterable, Mapping
from typing import NamedTuple

import numpy as np
import pandas as pd

from datalyr_notebook.figures.theme import shortened
from datalyr_notebook.order import Flags, Ints, Texts


class Link(NamedTuple):
    """A line between the marks of two lanes: where it starts and ends, and the id or evidence that joins them."""

    x: tuple[float, float]
    lanes: tuple[int, int]
    words: str

    def at(self, height: float) -> float:
        """The x at which the line passes a height, counted in lanes."""
        (start, end), (top, bottom) = self.x, self.lanes
        return start + (end - start) * (height - top) / (bottom - top)


def find_links(marks: pd.DataFrame, said: Mapping[str, Texts]) -> list[Link]:
    """What makes these lanes one person, in order of time; ``x`` in units of ``place``.

    A user_id joins the lanes it is on, from the mark that identified it on one (where there is none,
    the first that carries it) to that on the next; a bridge joins the app's lane to the web device's. Users
    that share no lane and are one person nevertheless, by an ``$alias`` or a trusted trait, get a line too.

    ``said``: the ids of the marks as they came, which decide; ``marks`` name them as they are shown.
    """
    lane, place = marks["lane"].cat.codes.to_numpy().astype(np.int64), marks["place"].to_numpy()
    is_device = marks["is_device"].to_numpy()
    is_identify = (marks["kind"] == "identify").to_numpy()
    shown = marks["user_id"].astype(object).to_numpy()
    own = _first_marks(said["user_id"], lane, is_device, is_identify)
    rows_of: dict[str, list[int]] = {}
    for row in own:
        rows_of.setdefault(said["user_id"][row], []).append(row)
    joined = {pair: shortened(shown[pair[0]]) for rows in rows_of.values() for pair in itertools.pairwise(rows)}
    matches: dict[tuple[str, str], int] = {}
    for row in np.flatnonzero(is_device & is_identify).tolist():
        if said["web_visitor_id"][row] is not None:
            matches.setdefault((said["web_visitor_id"][row], said["anonymous_id"][row]), row)
    for (visitor, _), row in matches.items():
        web = np.flatnonzero(is_device & (said["anonymous_id"] == visitor) & (lane != lane[row]))
        if len(web):
            # The web row that was latest when the match was made; where none was, the first.
            joined[int(web[max(int(np.searchsorted(web, row)) - 1, 0)]), row] = str(marks["label"].iloc[row])
    joined |= _merged(own, [shown[row] for row in own], lane, joined)
    return [Link((place[a], place[b]), (int(lane[a]), int(lane[b])), words) for (a, b), words in joined.items()]


def _first_marks(user: Texts, lane: Ints, is_device: Flags, is_identify: Flags) -> list[int]:
    """The mark of each user on each lane that identifies it, else the first that carries it; in order of time."""
    carries = is_device & (user != None)  # noqa: E711  (elementwise)
    first: dict[tuple[str, int], int] = {}
    for row in (*np.flatnonzero(carries & is_identify).tolist(), *np.flatnonzero(carries).tolist()):
        first.setdefault((user[row], int(lane[row])), row)
    return sorted(first.values())


def _merged(
    own: list[int], users: list[str], lane: Ints, joined: Iterable[tuple[int, int]]
) -> dict[tuple[int, int], str]:
    """The pairs of marks that join lanes which no other pair joins, named "one user = the other".

    ``own``: the first mark of each user on each lane, in order of time, and ``users`` who they are; ``joined``:
    the pairs known so far.
    """
    group, home = np.arange(lane.max(initial=-1) + 1), lane[np.array(own, dtype=np.int64)]
    for one, other in joined:
        group[group == group[lane[other]]] = group[lane[one]]
    merged = {}
    for at, row in enumerate(own):
        known = np.flatnonzero(group[home[:at]] == group[home[0]])
        if len(known) and group[home[at]] != group[home[0]]:
            last = int(known[-1])
            merged[own[last], row] = f"{shortened(users[last], 16)} = {shortened(users[at], 16)}"
            group[group == group[home[at]]] = group[home[0]]
    return merged
