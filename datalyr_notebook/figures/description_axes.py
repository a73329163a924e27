"""The axes of a figure in words, and the places on them: what a description reads from a layout."""

from __future__ import annotations

import base64
import re
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from typing import Any, Final

import numpy as np
import pandas as pd
import plotly.graph_objects as go

from datalyr_notebook.figures.theme import unescaped
from datalyr_notebook.order import Floats, Texts

_MOST_LABELS: Final = 14
"""Labels of an axis that are told one by one."""
_LINE: Final = re.compile("<br ?/?>", re.IGNORECASE)
_SIDES: Final = {"x": "Horizontal", "y": "Vertical"}


@dataclass(frozen=True)
class Axis:
    """One axis: what it is called, what stands at its labels, how its numbers read."""

    side: str
    title: str
    labels: Mapping[float, tuple[str, str]]
    """By place what stands there, in full and its first line; none where the axis is numbers or times."""
    is_time: bool
    is_share: bool
    is_hidden: bool
    low: float = np.nan
    high: float = np.nan

    def told(self, place: float) -> str:
        """A place as text; NaN is blank."""
        if np.isnan(place):
            return ""
        if place in self.labels:
            return self.labels[place][1]
        if self.is_time:
            moment = pd.Timestamp(int(place), unit="us")
            return f"{moment:%Y-%m-%d}" if moment == moment.normalize() else f"{moment:%Y-%m-%d %H:%M}"
        return f"{place:.1%}" if self.is_share else amount(place)

    def lane(self, place: float) -> str:
        """The label at a place, or else the nearest before it."""
        before = [one for one in self.labels if one <= place]
        return self.labels[max(before)][1] if before else ""

    @property
    def words(self) -> str:
        """The axis as a line."""
        name = f"{self.side} axis: {self.title or 'without a title'}"
        names = [self.labels[place][0] for place in sorted(self.labels) if self.labels[place][0]]
        if len(names) > _MOST_LABELS:
            names = [*names[: _MOST_LABELS - 2], "…", names[-1]]
        if names:
            return f"{name}; {', '.join(names)}"
        return name if np.isnan(self.low) else f"{name}; from {self.told(self.low)} to {self.told(self.high)}"


def read_axes(figure: go.Figure) -> dict[str, Axis]:
    """The axes by the names that traces call them: "x", "y", "y2"; only those that something may stand on."""
    sides = [(trace, side) for trace in figure.data for side in ("xaxis", "yaxis") if side in trace]
    named = {"x", "y", *(str(trace[side]) for trace, side in sides if trace[side])}
    return {name: _read(figure, name) for name in sorted(named)}


def axis_of(trace: Any, axes: Mapping[str, Axis], side: str) -> Axis:  # noqa: ANN401  (any trace)
    """The axis that a trace stands on; ``side``: "x" or "y"."""
    return axes[str(trace[f"{side}axis"] or side)]


def amount(value: float) -> str:
    """A number without digits that nobody reads."""
    return f"{value:,.0f}" if abs(value) >= 1000 else f"{value:,.2f}".rstrip("0").rstrip(".")


def cells(given: Any) -> Texts:  # noqa: ANN401  (whatever plotly holds)
    """An array of a figure as objects, flat; also one that a browser holds as base64."""
    if given is None:
        return np.zeros(0, dtype=object)
    if isinstance(given, Mapping):
        given = np.frombuffer(base64.b64decode(given["bdata"]), dtype=np.dtype(str(given["dtype"])))
    if isinstance(given, str | bytes) or not isinstance(given, Iterable):
        given = [given]
    flat = [one for row in given for one in (row if isinstance(row, list | tuple | np.ndarray) else [row])]
    listed = np.empty(len(flat), dtype=object)
    listed[:] = flat
    return listed


def places(given: Any, axis: Axis) -> Floats:  # noqa: ANN401  (whatever plotly holds)
    """An array of a figure as places on its axis; NaN where there is none. Times are microseconds since 1970."""
    found = cells(given)
    if axis.is_time:
        times = pd.to_datetime(pd.Series(list(found), dtype=object), format="ISO8601", errors="coerce").to_numpy()
        micros = times.astype("datetime64[us]")
        return np.where(np.isnat(micros), np.nan, micros.astype(np.int64).astype(np.float64))
    if any(isinstance(one, str) for one in found):
        known = {full: place for place, (full, _) in axis.labels.items()}
        return np.array([known.get(unescaped(one), np.nan) for one in found], dtype=np.float64)
    return np.array([np.nan if one is None else one for one in found], dtype=np.float64)


def _stands_on(trace: Any, name: str) -> bool:  # noqa: ANN401  (any trace)
    """Whether a trace stands on the axis of this name; a Sankey diagram stands on none."""
    return f"{name[0]}axis" in trace and (trace[f"{name[0]}axis"] or name[0]) == name


def _read(figure: go.Figure, name: str) -> Axis:
    layout = figure.layout[f"{name[0]}axis{name[1:]}"]
    is_time = layout.type == "date"
    if layout.ticktext is not None and len(layout.ticktext):
        ticks, texts = [float(one) for one in cells(layout.tickvals)], [str(one) for one in cells(layout.ticktext)]
    else:
        own = [cells(trace[name[0]]) for trace in figure.data if _stands_on(trace, name) and not is_time]
        texts = list(dict.fromkeys(one for found in own for one in found if isinstance(one, str)))
        ticks = [float(place) for place in range(len(texts))]
    named = [(unescaped(text), unescaped(_LINE.split(text)[0]) or unescaped(text)) for text in texts]
    axis = Axis(
        side=_SIDES[name[0]] if len(name) == 1 else f"Second {_SIDES[name[0]].lower()}",
        title=unescaped(layout.title.text),
        labels=dict(zip(ticks, named, strict=False)),
        is_time=is_time,
        is_share="%" in (layout.tickformat or ""),
        is_hidden=layout.visible is False,
    )
    low, high = _ends(figure, name, axis, layout.range)
    return Axis(**{**vars(axis), "low": low, "high": high})


def _ends(figure: go.Figure, name: str, axis: Axis, given: Any) -> tuple[float, float]:  # noqa: ANN401
    """Where what is drawn on an axis begins and ends; of bars also where they start."""
    drawn = [np.zeros(0)]
    for trace in figure.data:
        if trace.type not in ("bar", "scatter") or not _stands_on(trace, name):
            continue
        is_length = trace.type == "bar" and (name[0] == "x") == (trace.orientation == "h")
        if is_length and trace.base is not None:
            # On an axis of times plotly takes lengths in milliseconds.
            begin = places(trace.base, axis)
            drawn += [begin, begin + cells(trace[name[0]]).astype(np.float64) * (1000 if axis.is_time else 1)]
        else:
            here = places(trace[name[0]], axis)
            drawn.append(np.append(here, [0.0]) if is_length else here)
    found = np.concatenate(drawn)
    found = found[~np.isnan(found)]
    if not len(found) and given is not None:
        found = places(given, axis)
    if len(found) and figure.layout.barmode in ("stack", "relative") and not axis.is_time:
        found = np.append(found, _stacked(figure, name, axis))
    return (float(found.min()), float(found.max())) if len(found) else (np.nan, np.nan)


def _stacked(figure: go.Figure, name: str, axis: Axis) -> float:
    """How long the longest stack of bars is on an axis; 0 on the axis that they stand on."""
    sums: dict[str, float] = {}
    for trace in figure.data:
        if trace.type == "bar" and (name == "x") == (trace.orientation == "h"):
            for place, length in zip(cells(trace["y" if name == "x" else "x"]), places(trace[name], axis), strict=True):
                sums[str(place)] = sums.get(str(place), 0.0) + np.nan_to_num(length)
    return max(sums.values(), default=0.0)
