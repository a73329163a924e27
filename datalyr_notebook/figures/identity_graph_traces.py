"""The marks of an identity graph: what each kind of node and link looks like, its label, and what hovering tells."""

from __future__ import annotations

from typing import Any, Final

import numpy as np
import pandas as pd
import plotly.graph_objects as go

from datalyr_notebook.figures.identity_graph_layout import Line
from datalyr_notebook.figures.identity_graph_rows import PersonGraph
from datalyr_notebook.figures.theme import INK, PALETTE, TEXT_SIZE, escaped, escaped_lines, shortened
from datalyr_notebook.rendering import counted

LINK_STYLES: Final = {
    "identify": ("solid", 2.5, PALETTE[1]),
    "event": ("solid", 1.0, INK),
    "alias": ("dash", 2.5, PALETTE[0]),
    "bridge:email": ("14px,4px", 2.5, PALETTE[5]),
    "bridge:ip": ("dot", 2.5, PALETTE[6]),
    "trait": ("dashdot", 2.0, PALETTE[7]),
    "taken": ("2px,7px", 2.0, PALETTE[4]),
}
"""Dash, width in pixels and color of each kind of link; no two have the same dash and width."""

NODE_STYLES: Final = {
    ("user", "own"): ("user", "circle", 20, PALETTE[1]),
    ("device", "own"): ("device", "square", 18, PALETTE[6]),
    ("device", "shared"): ("shared device", "square-x-open", 22, PALETTE[2]),
    ("trait", "own"): ("trusted trait", "diamond", 16, PALETTE[7]),
    ("user", "other"): ("another person's user", "circle-open", 20, INK),
    ("device", "other"): ("another person's device", "square-open", 18, INK),
}
"""Name, symbol, size in pixels and color of each kind of node."""

TAKEN: Final = "taken away"
_TAKEN_STYLE: Final = list(LINK_STYLES).index("taken")
_SIDES: Final = {
    "bridged": "top left",
    "device": "bottom left",
    "user": "bottom center",
    "trait": "top right",
    "shared": "top center",
    "other": "bottom center",
}
"""Where the labels of each column stand: where fewest links and other labels are. Links come to a shared device
from the middle row and bend downward, so below the middle its label stands under it."""
_BESIDE: Final = {column: "middle left" if column in ("bridged", "device") else "middle right" for column in _SIDES}


def link_traces(graph: PersonGraph, routes: list[Line]) -> list[go.Scatter]:
    """A trace for each kind of link, and one with what hovering over their middles tells."""
    lines: dict[tuple[int, str], tuple[list[float | None], list[float | None]]] = {}
    middles: tuple[list[float], list[float]] = ([], [])
    styles = link_styles(graph.links)
    for style, kind, route in zip(styles, graph.links["kind"], routes, strict=True):
        name = TAKEN if style == _TAKEN_STYLE else kind
        for axis, points in enumerate(route):
            lines.setdefault((style, name), ([], []))[axis].extend([*points.tolist(), None])
            middles[axis].append(float(points[len(points) // 2]))
    traces = []
    for style, name in sorted(lines):
        dash, width, color = list(LINK_STYLES.values())[style]
        x, y = lines[style, name]
        line = {"dash": dash, "width": width, "color": color}
        traces.append(go.Scatter(x=x, y=y, mode="lines", name=escaped(shortened(name)), line=line, hoverinfo="skip"))
    if traces:
        told = [_link_hover(row) for row in _records(graph.links)]
        traces.append(_marks(*middles, "links", told, symbol="circle", size=16, color="rgba(0, 0, 0, 0)"))
        traces[-1].update(showlegend=False, customdata=[len(graph.nodes) + place for place in range(len(told))])
    return traces


def link_styles(links: pd.DataFrame) -> list[int]:
    """The place of each link in ``LINK_STYLES``; those of all traits look alike, and so do those taken away."""
    known = list(LINK_STYLES)
    return [
        _TAKEN_STYLE if role == "taken" else known.index("trait" if kind.startswith("trait:") else kind)
        for kind, role in zip(links["kind"], links["role"], strict=True)
    ]


def node_traces(graph: PersonGraph, *, is_dense: bool) -> list[go.Scatter]:
    """A trace for each kind of node, with its labels on the side where fewest links are.

    ``is_dense``: there is room for one line beside a node.
    """
    nodes, traces = graph.nodes, []
    middle = (nodes["y"].min() + nodes["y"].max()) / 2
    for (kind, role), (name, symbol, size, color) in NODE_STYLES.items():
        chosen = nodes[(nodes["kind"] == kind) & (nodes["role"] == role)]
        if not len(chosen):
            continue
        told = [_node_hover(row) for row in _records(chosen)]
        trace = _marks(chosen["x"], chosen["y"], name, told, symbol=symbol, size=size, color=color)
        trace.update(mode="markers+text", text=[_label(row, is_dense=is_dense) for row in _records(chosen)])
        trace.update(textposition=[_side(row, middle, is_dense=is_dense) for row in _records(chosen)])
        trace.update(textfont={"size": TEXT_SIZE, "color": INK})
        trace.update(customdata=np.flatnonzero(nodes["key"].isin(chosen["key"])).tolist())
        traces.append(trace)
    return traces


def _marks(x: Any, y: Any, name: str, told: list[str], **marker: Any) -> go.Scatter:  # noqa: ANN401  (any columns)
    outline = {"width": 2, "color": marker["color"]} if name != "links" else {"width": 0}
    return go.Scatter(
        x=x,
        y=y,
        mode="markers",
        name=name,
        marker={**marker, "line": outline},
        hovertext=told,
        hoverinfo="text",
        cliponaxis=False,
    )


def _records(rows: pd.DataFrame) -> list[dict[str, Any]]:
    return [dict(zip(map(str, rows.columns), row, strict=True)) for row in rows.itertuples(index=False, name=None)]


def _side(row: dict[str, Any], middle: float, *, is_dense: bool) -> str:
    """Where a node's label stands."""
    if is_dense:
        return _BESIDE[row["column"]]
    return "bottom center" if row["column"] == "shared" and row["y"] < middle else _SIDES[row["column"]]


def _label(row: dict[str, Any], *, is_dense: bool) -> str:
    """The id, and what it is where there is room for a second line."""
    if is_dense:
        return escaped(row["label"])
    what = [row["device_type"], row["sdk"]] if row["kind"] == "device" and row["role"] != "other" else []
    if row["role"] == "shared":
        what = [f"shared by {row['persons']:,} persons"]
    below = " · ".join(shortened(text, 14 if row["role"] != "shared" else 30) for text in what if text)
    return escaped(row["label"]) + (f"<br>{escaped(below)}" if below else "")


def _node_hover(row: dict[str, Any]) -> str:
    whose = {"own": "of this person", "shared": f"shared by {row['persons']:,} persons", "other": "of another person"}
    lines = [
        f"{row['kind']}: {shortened(row['id'], 60)}",
        whose[row["role"]],
        _span(row),
        f"sdk: {shortened(row['sdk'], 40)}" if row["sdk"] else "",
        f"device_type: {shortened(row['device_type'], 40)}" if row["device_type"] else "",
    ]
    return escaped_lines(lines)


def _link_hover(row: dict[str, Any]) -> str:
    lines = [
        TAKEN if row["role"] == "taken" else "",
        f"{shortened(row['kind'])}: {shortened(row['id'], 40)} ↔ {shortened(row['other_id'], 40)}",
        _span(row),
        f"known from {row['known_from']:%Y-%m-%d %H:%M:%S UTC}",
        f"sdk: {shortened(row['sdk'])}" if isinstance(row["sdk"], str) else "",
    ]
    return escaped_lines(lines)


def _span(row: dict[str, Any]) -> str:
    if row["first_seen"] is pd.NaT:
        return "no event of its own"
    first, last = (f"{row[name]:%Y-%m-%d %H:%M}" for name in ("first_seen", "last_seen"))
    return f"{counted(row['events'], 'event')}, {first}" + (f" to {last} UTC" if last != first else " UTC")
