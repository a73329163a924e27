"""What plotly draws of a trait timeline: bars, arrows and crosses, their labels, and what hovering over them tells."""

from __future__ import annotations

import textwrap
from dataclasses import replace
from typing import Any, Final

import numpy as np
import pandas as pd
import plotly.graph_objects as go

from datalyr_notebook.figures.theme import BLANK, INK, PALETTE, TEXT_SIZE, escaped, escaped_lines, shortened
from datalyr_notebook.figures.timeline_axis import WIDTH, Axis, Span, take, width_of
from datalyr_notebook.figures.trait_timeline_rows import TraitTimeline, value_text
from datalyr_notebook.order import Flags, Ints
from datalyr_notebook.traits.said import Objects

_BAR: Final = 0.74
"""Lines that a bar is thick."""
_HOLDS: Final = PALETTE[3]
_CLOCK: Final = "%Y-%m-%d %H:%M:%S %Z"
_MARK: Final = 16
"""Pixels from the middle of a mark to the end of the text beside it, besides the text."""


def labels_outside(timeline: TraitTimeline) -> tuple[Flags, Axis]:
    """Which labels stand behind their bar, too short for them in a figure 700 wide; the axis with that room."""
    rows, axis = timeline.rows, timeline.axis
    holds = (rows["state"] == "holds").to_numpy(dtype=bool)
    width = np.array([width_of(label) for label in rows["label"]])
    bar = (_micros(rows["x_to"]) - _micros(rows["x_from"])) / (axis.high - axis.low) * WIDTH
    shrunk = 1 - (width[holds].max(initial=0) + _MARK) / WIDTH
    is_out: Flags = holds & (bar * shrunk < width)
    room = (width[is_out].max(initial=0) + _MARK) / WIDTH
    last = float(_micros(rows["x_to"]).max(initial=int(axis.low)))
    return is_out, replace(axis, high=max(axis.high, axis.low + (last - axis.low) / (1 - room)))


def trait_traces(timeline: TraitTimeline) -> list[go.Bar | go.Scatter]:
    """Everything that is drawn, from the back to the front."""
    rows = timeline.rows
    is_out, axis = labels_outside(timeline)
    state = rows["state"].to_numpy(dtype=object)
    hovers = np.array(_hovers(timeline), dtype=object)
    label = np.array([escaped(one) for one in rows["label"]], dtype=object)
    line = {"color": INK, "width": 1.5}
    clear = "rgba(0, 0, 0, 0)"
    looks = {
        "replaced": ({"color": clear, "line": line}, INK),
        "holds": ({"color": _HOLDS, "line": {"color": _HOLDS, "width": 1.5}}, "#FFFFFF"),
    }
    traces: list[go.Bar | go.Scatter] = []
    for name, (marker, ink) in looks.items():
        chosen = np.flatnonzero(state == name)
        if len(chosen):
            text = np.where(is_out[chosen], "", label[chosen])
            traces.append(_bars(rows.iloc[chosen], name, marker, text, ink, hovers[chosen]))
    marks = (("holds", "triangle-right", _HOLDS, "x_to"), ("never held", "x-thin", PALETTE[4], "x_from"))
    for name, symbol, color, at in marks:
        chosen = np.flatnonzero(state == name)
        if len(chosen):
            beside = is_out if name == "holds" else _has_room(rows, state == name, axis)
            text = np.where(beside[chosen], label[chosen], BLANK)
            traces.append(_marks(rows.iloc[chosen], name, symbol, color, at, text, hovers[chosen]))
    return traces


def _bars(rows: pd.DataFrame, name: str, marker: dict[str, Any], text: Objects, ink: str, hovers: Objects) -> go.Bar:
    return go.Bar(
        base=rows["x_from"].tolist(),
        x=(_micros(rows["x_to"]) - _micros(rows["x_from"])) / 1_000,
        y=rows["y"],
        width=_BAR,
        orientation="h",
        name=name,
        marker=marker,
        text=text,
        textposition="inside",
        insidetextanchor="middle",
        insidetextfont={"color": ink, "size": TEXT_SIZE},
        textangle=0,
        hovertext=hovers,
        hoverinfo="text",
        meta={"state": name},
    )


def _marks(
    rows: pd.DataFrame, name: str, symbol: str, color: str, at: str, text: Objects, hovers: Objects
) -> go.Scatter:
    return go.Scatter(
        x=rows[at],
        y=rows["y"],
        mode="markers+text",
        name=name,
        showlegend=name != "holds",
        text=text,
        textposition="middle right",
        textfont={"size": TEXT_SIZE, "color": INK},
        marker={"symbol": symbol, "size": 11, "color": color, "line": {"color": color, "width": 2}},
        hovertext=hovers,
        hoverinfo="text",
        cliponaxis=False,
        meta={"state": name},
    )


def _has_room(rows: pd.DataFrame, is_chosen: Flags, axis: Axis) -> Flags:
    """Which marks have room for their label on the right, in order of time."""
    has_room = np.zeros(len(rows), dtype=bool)
    taken: dict[float, list[Span]] = {}
    pixels = [axis.pixel(float(place)) for place in _micros(rows["x_from"])]
    for row in np.flatnonzero(is_chosen).tolist():
        right = pixels[row] + _MARK + width_of(rows["label"].iloc[row])
        line = taken.setdefault(float(rows["y"].iloc[row]), [])
        has_room[row] = right <= WIDTH and take(line, (pixels[row] - _MARK / 2, right))
    return has_room


def _hovers(timeline: TraitTimeline) -> list[str]:
    """What is told of each value."""
    rows = timeline.rows
    times = (rows[name].dt.tz_convert(timeline.zone) for name in ("valid_from", "valid_to"))
    hovers = []
    for trait, value, state, begin, end in zip(rows["trait"], rows["value"], rows["state"], *times, strict=True):
        until = f"replaced {end:{_CLOCK}}" if state == "replaced" else state
        lines = [shortened(trait, 60), *textwrap.wrap(value_text(value, 200), 60), f"said {begin:{_CLOCK}}", until]
        hovers.append(escaped_lines(lines))
    return hovers


def _micros(times: pd.Series) -> Ints:
    """Local time as int64 microseconds."""
    return np.asarray(times.to_numpy().astype("datetime64[us]").astype(np.int64))
