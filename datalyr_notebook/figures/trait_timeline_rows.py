"""What a trait timeline draws: each value with its lane, its line, and where it begins and ends."""

from __future__ import annotations

import datetime as dt
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Final

import numpy as np
import pandas as pd

from datalyr_notebook import order, schema
from datalyr_notebook.figures.theme import shortened
from datalyr_notebook.figures.timeline_axis import Axis, true_axis
from datalyr_notebook.hashing import cell_text
from datalyr_notebook.order import Floats, Ints

TRAIT_TIMELINE: Final = (
    schema.Column("trait", "category", "the lane"),
    schema.Column("value", "object", "what was said; None: an explicit null"),
    schema.Column("label", "str", "the value as one line of plain text"),
    schema.Column("state", "category", "holds, replaced, or never held"),
    schema.Column("valid_from", schema.TIME, "when it was said"),
    schema.Column("valid_to", schema.TIME, "when it was replaced; NaT: it still holds"),
    schema.Column("x_from", "datetime64[us]", "where the bar begins: local time without zone"),
    schema.Column("x_to", "datetime64[us]", "where it ends; of a value that still holds: the person's last event"),
    schema.Column("level", "int64", "the line within its lane: values that hold side by side, then those that lost"),
    schema.Column("y", "float64", "how far down it is drawn, in lines"),
)
"""The rows of a trait timeline, lane by lane, each in order of time."""

STATES: Final = ("holds", "replaced", "never held")

GAP: Final = 0.45
"""Lines between two lanes."""
_LABEL: Final = 24
"""Characters of a label."""


@dataclass(frozen=True)
class TraitTimeline:
    """What one figure needs: the rows, their lanes and their axis."""

    person: str
    rows: pd.DataFrame
    lanes: tuple[str, ...]
    axis: Axis
    zone: dt.tzinfo
    said: int
    """How many values there are, drawn or not."""
    traits: int
    """How many traits there are, drawn or not."""


def place_rows(
    history: pd.DataFrame, lane: Ints, lanes: Sequence[str], mine: pd.DataFrame, zone: dt.tzinfo, tz: str
) -> tuple[pd.DataFrame, Axis]:
    """The history with where each value is drawn, and the time axis."""
    begin, end = (order.microseconds(history, name) for name in ("valid_from", "valid_to"))
    is_open = history["kept"].to_numpy(dtype=bool)
    state = np.where(is_open, 0, np.where(end > begin, 1, 2))
    end = np.where(is_open, order.microseconds(mine).max(initial=0), end)
    knots = np.unique([begin, end])
    axis, local = true_axis(knots, zone, tz)
    starts, ends = (local[np.searchsorted(knots, time)].astype(np.int64) for time in (begin, end))
    level = _levels(lane, begin, np.where(is_open, np.iinfo(np.int64).max, end), state)
    rows = pd.DataFrame(
        {
            "trait": pd.Categorical.from_codes(lane, categories=pd.Index(list(lanes), dtype=object)),
            "value": history["value"],
            "label": pd.Series([value_text(one) for one in history["value"]], dtype=schema.TEXT),
            "state": pd.Categorical.from_codes(state, categories=pd.Index(STATES)),
            "valid_from": history["valid_from"],
            "valid_to": history["valid_to"],
            "x_from": starts.view("datetime64[us]"),
            "x_to": ends.view("datetime64[us]"),
            "level": level,
            "y": lane_tops(lane, level, len(lanes))[lane] + level,
        }
    )
    return rows, axis


def _levels(lane: Ints, begin: Ints, end: Ints, state: Ints) -> Ints:
    """The line of each value within its lane: the first that is free, and below them one for those that lost."""
    level = np.zeros(len(lane), dtype=np.int64)
    free: dict[int, list[int]] = {}
    for row in np.flatnonzero(state < 2).tolist():
        lines = free.setdefault(int(lane[row]), [])
        place = next((place for place, until in enumerate(lines) if until <= begin[row]), len(lines))
        lines[place : place + 1] = [int(end[row])]
        level[row] = place
    for row in np.flatnonzero(state == 2).tolist():
        level[row] = len(free.get(int(lane[row]), ()))
    return level


def lane_tops(lane: Ints, level: Ints, lanes: int) -> Floats:
    """How far down each lane begins, in lines; the last number is where the last one ends."""
    lines = np.ones(lanes, dtype=np.int64)
    np.maximum.at(lines, lane, level + 1)
    tops: Floats = np.append([0.0], np.cumsum(lines + GAP))
    return tops


def value_text(value: object, width: int = _LABEL) -> str:
    """A value as one line of plain text, as JSON writes it but for texts; an explicit null is ``(null)``.

    >>> value_text(True), value_text([1, "a"]), value_text(None)
    ('true', '[1, "a"]', '(null)')
    """
    if value is None:
        return "(null)"
    return shortened(value if isinstance(value, str) else cell_text([value])[1:-1], width)
