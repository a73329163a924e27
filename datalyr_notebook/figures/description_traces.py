"""What a trace draws, in words: a function for each kind of trace that the figures have."""

from __future__ import annotations

import re
from collections import Counter
from collections.abc import Callable, Iterable, Mapping, Sequence
from typing import Any, Final

import numpy as np
import plotly.graph_objects as go

from datalyr_notebook.figures.description_axes import Axis, amount, axis_of, cells, places
from datalyr_notebook.figures.theme import unescaped
from datalyr_notebook.order import Floats, Texts
from datalyr_notebook.rendering import counted

Axes = Mapping[str, Axis]

LARGEST: Final = 5
"""Bars, cells and labels of a trace that are told one by one."""
_LANES: Final = 4
_FLOWS: Final = 8
_TIME: Final = re.compile(r"\d{4}-\d\d-\d\d \d\d:\d\d(?::\d\d)?(?: [A-Z]{2,5})?")
"""How hovers write a time."""


def marks_drawn(trace: Any) -> int:  # noqa: ANN401  (any trace)
    """How many bars, points, cells or links a trace has."""
    if trace.type == "sankey":
        return len(cells(trace.link.value))
    if trace.type == "heatmap":
        return int((~np.isnan(_numbers(trace.z))).sum())
    return sum(one is not None for one in cells(trace.x))


def trace_lines(trace: Any, axes: Axes, figure: go.Figure) -> list[str]:  # noqa: ANN401  (any trace)
    """The lines that say what a trace draws; none for one that draws nothing."""
    if not marks_drawn(trace):
        return []
    if trace.type == "sankey":
        return _flows(trace, figure)
    return [_KINDS.get(trace.type, _anything)(trace, axes)]


def _bars(trace: go.Bar, axes: Axes) -> str:
    """How many bars, what they add up to, and the longest with their names."""
    along, across = ("x", "y") if trace.orientation == "h" else ("y", "x")
    value_axis, place_axis = axis_of(trace, axes, along), axis_of(trace, axes, across)
    if trace.base is not None:
        said = [unescaped(str(one).replace("<br>", ", ")) for one in cells(trace.hovertext)]
        return f"{_name(trace)}: {counted(len(said), 'bar')}: {_several(said)}"
    length, place = places(trace[along], value_axis), places(trace[across], place_axis)
    names = _place_names(trace, place_axis, place)
    lows, highs = _bounds(trace[f"error_{along}"], length)
    long = np.flatnonzero(np.nan_to_num(length) != 0)
    told = []
    for at in long[np.argsort(-np.abs(length[long]), kind="stable")][:LARGEST]:
        sure = "" if np.isnan(lows[at]) else f" ({value_axis.told(lows[at])} to {value_axis.told(highs[at])})"
        told.append(f"{names[at]}: {value_axis.told(length[at])}{sure}")
    words = f"{_name(trace)}: {counted(len(long), 'bar')}"
    if len(long) > 1 and not value_axis.is_share:
        words += f", {amount(float(np.nansum(length)))} in all"
    return f"{words}; largest: {', '.join(told)}" if len(long) > 1 else "; ".join([words, *told])


def _scatter(trace: go.Scatter, axes: Axes) -> str:
    """Texts, lines, a series of numbers, or marks on lanes."""
    x_axis, y_axis = axis_of(trace, axes, "x"), axis_of(trace, axes, "y")
    x, y = places(trace.x, x_axis), places(trace.y, y_axis)
    mode = str(trace.mode or "")
    if mode == "text":
        told = [f"{x_axis.told(one)}: {unescaped(text)}" for one, text in zip(x, cells(trace.text), strict=True)]
        return f"{y_axis.told(y[0]) if y[0] in y_axis.labels else _name(trace)}: {_several(told, 2 * LARGEST)}"
    if "markers" not in mode:
        return _lines(trace, y)
    if not y_axis.labels and not y_axis.is_hidden:
        return _series(trace, x_axis, y_axis, x, y)
    words = f"{_name(trace)}: {counted(len(x), 'mark')}"
    if y_axis.labels:
        words += f" ({_on_lanes(y_axis, y)})"
    if not x_axis.is_hidden:
        words += _from_to(trace, x_axis, x)
    labels = [one for one in _firsts(trace.text) if one]
    if not labels and y_axis.is_hidden:
        labels = _firsts(trace.hovertext)
    return f"{words}: {_several(labels)}" if labels else words


def _lines(trace: go.Scatter, y: Floats) -> str:
    """How many lines that None breaks a trace into, and what is written at them."""
    starts = ~np.isnan(y) & np.append([True], np.isnan(y[:-1]))
    labels = [one for one in _firsts(trace.text) if one]
    words = f"{_name(trace)}: {counted(int(starts.sum()), 'line')}"
    return f"{words}: {_several(labels)}" if labels else words


def _series(trace: go.Scatter, x_axis: Axis, y_axis: Axis, x: Floats, y: Floats) -> str:
    """A number at each place: where it begins, where it ends, and its extremes."""
    known = np.flatnonzero(~np.isnan(y))
    if not len(known):
        return f"{_name(trace)}: no number"
    names = _place_names(trace, x_axis, x)
    told = {
        word: f"{y_axis.told(y[at])} at {names[at]}"
        for word, at in (
            ("first", known[0]),
            ("last", known[-1]),
            ("lowest", known[np.argmin(y[known])]),
            ("highest", known[np.argmax(y[known])]),
        )
    }
    words = ", ".join(f"{word} {one}" for word, one in told.items()) if len(known) > 1 else told["first"]
    return f"{_name(trace)}: {counted(len(known), 'point')}; {words}"


def _heatmap(trace: go.Heatmap, axes: Axes) -> str:
    """How many cells, and the largest with their row, their column and what is written in them."""
    x_axis, y_axis = axis_of(trace, axes, "x"), axis_of(trace, axes, "y")
    z, texts, x, y = _numbers(trace.z), cells(trace.text), places(trace.x, x_axis), places(trace.y, y_axis)
    filled = np.flatnonzero(~np.isnan(z) & (np.nan_to_num(z) != 0))
    told = []
    for at in filled[np.argsort(-z[filled], kind="stable")][: 2 * LARGEST]:
        row, column = divmod(int(at), len(x))
        shown = unescaped(texts[at]) if at < len(texts) and unescaped(texts[at]) else amount(float(z[at]))
        told.append(f"{y_axis.told(y[row])} / {x_axis.told(x[column])}: {shown}")
    return f"{counted(len(filled), 'cell')} that hold something, row / column; largest: {', '.join(told)}"


def _flows(trace: go.Sankey, figure: go.Figure) -> list[str]:
    """How many nodes and links, and the widest links with the step that they start at."""
    label, link = cells(trace.node.label), trace.link
    flow, source, target = (_numbers(one) for one in (link.value, link.source, link.target))
    told = cells(link.customdata)
    steps = {
        round(float(note.x), 6): unescaped(note.text) for note in figure.layout.annotations if note.yanchor == "bottom"
    }
    begins = _numbers(trace.node.x)
    lines = [f"{counted(len(label), 'node')}, {counted(len(flow), 'link')}; the widest:"]
    for at in np.argsort(-flow, kind="stable")[:_FLOWS]:
        start = steps.get(round(float(begins[int(source[at])]), 6), "")
        ends = f"{unescaped(label[int(source[at])])} → {unescaped(label[int(target[at])])}"
        words = (
            unescaped(str(told[at]).replace("<br>", ", ")) if at < len(told) else f"{ends}: {amount(float(flow[at]))}"
        )
        lines.append(f"- {start}: {words}" if start else f"- {words}")
    return lines


def _place_names(trace: Any, axis: Axis, where: Floats) -> list[str]:  # noqa: ANN401  (any trace)
    """What each place is called; where an axis labels only some of them, as the hovers call them."""
    hovers = _firsts(trace.hovertext)
    if axis.labels and len(hovers) == len(where) and not all(place in axis.labels for place in where):
        return hovers
    return [axis.told(float(place)) for place in where]


def _anything(trace: Any, _axes: Axes) -> str:  # noqa: ANN401  (any trace)
    return f"{_name(trace)}: {counted(marks_drawn(trace), 'mark')}"


_KINDS: Final[dict[str, Callable[[Any, Axes], str]]] = {"bar": _bars, "scatter": _scatter, "heatmap": _heatmap}


def _name(trace: Any) -> str:  # noqa: ANN401  (any trace)
    return unescaped(trace.name) or str(trace.type)


def _numbers(given: Any) -> Floats:  # noqa: ANN401  (whatever plotly holds)
    return np.array([np.nan if one is None else one for one in cells(given)], dtype=np.float64)


def _firsts(texts: Any) -> list[str]:  # noqa: ANN401  (whatever plotly holds)
    """The first line of each text."""
    return [unescaped(str(one).split("<br>")[0]) if one is not None else "" for one in cells(texts)]


def _several(told: Sequence[str], most: int = LARGEST) -> str:
    more = f"; and {len(told) - most:,} more" if len(told) > most else ""
    return "; ".join(told[:most]) + more


def _bounds(error: Any, length: Floats) -> tuple[Floats, Floats]:  # noqa: ANN401  (bars have one, or none)
    """Where the interval of each bar begins and ends; NaN where it has none."""
    if not error.visible or error.array is None:
        return np.full(len(length), np.nan), np.full(len(length), np.nan)
    return length - _numbers(error.arrayminus), length + _numbers(error.array)


def _on_lanes(axis: Axis, y: Floats) -> str:
    """How many marks each lane has, the fullest first."""
    count = Counter(axis.lane(float(one)) for one in y)
    fullest = sorted(count, key=lambda name: -count[name])
    told = [f"{count[name]:,} on {name}" for name in fullest[:_LANES]]
    if len(fullest) > _LANES:
        told.append(f"{sum(count[name] for name in fullest[_LANES:]):,} on {len(fullest) - _LANES:,} others")
    return ", ".join(told)


def _from_to(trace: go.Scatter, axis: Axis, x: Floats) -> str:
    """The first and the last of the marks: as the axis tells it, or where it is cut, as the hovers do."""
    ends = _times(cells(trace.hovertext)) if axis.labels else []
    if not axis.labels and len(x):
        ends = [axis.told(float(np.nanmin(x))), axis.told(float(np.nanmax(x)))]
    if not ends or not all(ends):
        return ""
    return f", {ends[0]}" if ends[0] == ends[-1] else f", from {ends[0]} to {ends[-1]}"


def _times(hovers: Iterable[str] | Texts) -> list[str]:
    """The first time that each hover tells, sorted."""
    found = (_TIME.search(str(one)) for one in hovers)
    return sorted(one[0] for one in found if one)
