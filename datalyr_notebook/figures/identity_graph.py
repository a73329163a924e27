"""One person's identity graph: devices, users and links, with the devices that other persons share.

``identity_graph_data`` returns the rows that are drawn, ``identity_graph`` draws them.
"""

from __future__ import annotations

from typing import Any, Final

import numpy as np
import pandas as pd
import plotly.graph_objects as go

from datalyr_notebook import schema
from datalyr_notebook.figures.identity_graph_layout import Line, Place, route_links
from datalyr_notebook.figures.identity_graph_rows import PersonGraph, find_person_graph, graph_table
from datalyr_notebook.figures.layout import headed, legend_below
from datalyr_notebook.figures.theme import INK, PALETTE, TEXT_SIZE, escaped, escaped_lines, shortened, themed
from datalyr_notebook.frames import read_stitched
from datalyr_notebook.identity.persons import find_person
from datalyr_notebook.identity.rule import StitchRule, make_rule
from datalyr_notebook.identity.stitching import stitch
from datalyr_notebook.notices import say
from datalyr_notebook.rendering import counted

LINK_STYLES: Final = {
    "identify": ("solid", 2.5, PALETTE[1]),
    "event": ("solid", 1.0, INK),
    "alias": ("dash", 2.5, PALETTE[0]),
    "bridge:email": ("14px,4px", 2.5, PALETTE[5]),
    "bridge:ip": ("dot", 2.5, PALETTE[6]),
    "trait": ("dashdot", 2.0, PALETTE[7]),
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

_STEP: Final = "identity_graph"
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
_ROOMS: Final = ((8, 74), (20, 52), (50, 28))
"""Up to so many rows: the height of each in pixels; the lowest has room for one line of text beside a node."""
_LABEL_WIDTH: Final = 135
"""Pixels that a label takes beside the leftmost column, in a figure 700 wide."""
_WIDTH: Final = 660


def identity_graph_data(
    events: pd.DataFrame, person: str, *, rule: StitchRule | None = None, **keywords: Any
) -> pd.DataFrame:
    """The rows that :func:`identity_graph` draws: nodes (``part`` "node"), then links ("link").

    A node is an id: the person's own users and devices, ids that only a link ties to them, trait values
    that ``merge_on`` trusts, and whoever else is seen on the person's devices. A device on rows of
    several persons has the role ``shared``; another person's ids have the role ``other``. Links are those
    of ``identity_links`` that end at an id of the person; a trusted trait is a node between its users. A
    server's one-shot ids are not drawn. Up to 50 ids are kept: users first, then shared devices, then
    the ids with most events.

    Parameters
    ----------
    events
        Stitched events: the person is looked up there, and ``rule`` says which evidence is drawn (pass
        the rule they were stitched with). Anything else is stitched with the rule, which is said.
    person
        A person_id, or a user_id or anonymous_id that one person has.
    rule, keywords
        As for ``stitch``.

    Returns
    -------
    pandas.DataFrame
        The columns of ``IDENTITY_GRAPH``. Nodes stand by column from the left and from the top: what only
        a bridge ties, devices, users, trusted traits, shared devices, other persons. Links are sorted by
        first_seen, then id, other_id and kind.

    Raises
    ------
    UnknownPersonError
        Nobody has this id.
    AmbiguousPersonError
        Several persons have this id, such as the anonymous_id of a shared device.
    OptionError
        The rule is not known.

    Examples
    --------
    >>> import pandas as pd
    >>> events = pd.DataFrame({
    ...     "timestamp": ["2025-09-29T10:00Z", "2025-09-30T10:05Z"], "event_name": "$identify",
    ...     "anonymous_id": "anon_tablet", "user_id": ["user_1", "user_2"],
    ... })
    >>> identity_graph_data(stitch(events), "user_1")[["part", "role", "id"]].to_numpy().tolist()[:3]
    [['node', 'own', 'user_1'], ['node', 'shared', 'anon_tablet'], ['node', 'other', 'user_2']]

    """
    return graph_table(_graph(events, person, rule, keywords))


def identity_graph(
    events: pd.DataFrame, person: str, *, rule: StitchRule | None = None, title: str | None = None, **keywords: Any
) -> go.Figure:
    """One person's devices, users and links in columns; a shared device stands between its persons.

    Circles are users, squares devices, diamonds trusted traits; a crossed square is a device that other
    persons share, whose ids are open circles on its other side. Solid lines are logins and events with
    both ids, dashed ones aliases, dotted ones bridges by IP, lines of long dashes bridges by e-mail,
    dash-dotted ones trusted traits; a link bends around the ids that it does not end at. Hovering over a
    node or the middle of a link tells times, counts and SDKs. Parameters and errors are those of
    :func:`identity_graph_data`, whose rows are drawn. The layout has nothing random.

    ``title`` replaces "Identity graph of …"; like every other text it is shown as it is, not as HTML.

    >>> import pandas as pd
    >>> events = pd.DataFrame({
    ...     "timestamp": ["2025-09-29T10:00Z"], "event_name": "$identify",
    ...     "anonymous_id": "anon_desk", "user_id": "user_789",
    ... })
    >>> [trace.name for trace in identity_graph(stitch(events), "user_789").data]
    ['identify', 'links', 'user', 'device']
    """
    graph = _graph(events, person, rule, keywords)
    lines = _route(graph)
    figure = themed(go.Figure([*_link_traces(graph, lines), *_node_traces(graph)]))
    _lay_out(figure, graph, lines, title)
    return figure


def _graph(events: pd.DataFrame, person: object, rule: StitchRule | None, keywords: dict[str, Any]) -> PersonGraph:
    rule = make_rule(rule, keywords)
    if isinstance(events, pd.DataFrame) and schema.is_stitched(events):
        stitched = rule.known(read_stitched(_STEP, events))
    else:
        say(f"{_STEP}: these events are not stitched; stitching them with policy={rule.policy!r}.")
        stitched = stitch(events, rule)
    return find_person_graph(stitched, find_person(_STEP, stitched, person), rule)


def _route(graph: PersonGraph) -> list[Line]:
    """The points of each link, in the order of ``links``; of two between the same ids the first style is straighter."""
    nodes, links = graph.nodes, graph.links
    places = dict(zip(nodes["key"], map(Place, nodes["x"], nodes["y"]), strict=True))
    inorder = np.argsort([_style(kind) for kind in links["kind"]], kind="stable")
    ends = list(zip(links["start"], links["end"], strict=True))
    left, right = _sides(graph)
    scale, above = (_WIDTH / (right - left), _row_height(graph)), nodes.loc[nodes["column"] == "shared", "key"]
    lines = route_links(places, [ends[at] for at in inorder], scale, above)
    return [line for _, line in sorted(zip(inorder, lines, strict=True), key=lambda pair: pair[0])]


def _link_traces(graph: PersonGraph, routes: list[Line]) -> list[go.Scatter]:
    """A trace for each kind of link, and one with what hovering over their middles tells."""
    lines: dict[str, tuple[list[float | None], list[float | None]]] = {}
    middles: tuple[list[float], list[float]] = ([], [])
    for kind, route in zip(graph.links["kind"], routes, strict=True):
        for axis, points in enumerate(route):
            lines.setdefault(kind, ([], []))[axis].extend([*points.tolist(), None])
            middles[axis].append(float(points[len(points) // 2]))
    traces = []
    for kind in sorted(lines, key=lambda one: (_style(one), one)):
        dash, width, color = list(LINK_STYLES.values())[_style(kind)]
        x, y = lines[kind]
        style = {"dash": dash, "width": width, "color": color}
        traces.append(
            go.Scatter(x=x, y=y, mode="lines", name=escaped(shortened(kind)), line=style, opacity=0.6, hoverinfo="skip")
        )
    if traces:
        told = [_link_hover(row) for row in _records(graph.links)]
        traces.append(_marks(*middles, "links", told, symbol="circle", size=16, color="rgba(0, 0, 0, 0)"))
        traces[-1].showlegend = False
    return traces


def _style(kind: str) -> int:
    """The place of a kind of link in ``LINK_STYLES``; those of all traits look alike."""
    return list(LINK_STYLES).index("trait" if kind.startswith("trait:") else kind)


def _node_traces(graph: PersonGraph) -> list[go.Scatter]:
    """A trace for each kind of node, with its labels on the side where fewest links are."""
    nodes, traces = graph.nodes, []
    is_dense, middle = _rows(graph) > _ROOMS[-2][0], (nodes["y"].min() + nodes["y"].max()) / 2
    for (kind, role), (name, symbol, size, color) in NODE_STYLES.items():
        chosen = nodes[(nodes["kind"] == kind) & (nodes["role"] == role)]
        if not len(chosen):
            continue
        told = [_node_hover(row) for row in _records(chosen)]
        trace = _marks(chosen["x"], chosen["y"], name, told, symbol=symbol, size=size, color=color)
        trace.update(mode="markers+text", text=[_label(row, is_dense=is_dense) for row in _records(chosen)])
        trace.update(textposition=[_side(row, middle, is_dense=is_dense) for row in _records(chosen)])
        trace.update(textfont={"size": TEXT_SIZE, "color": INK})
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


def _lay_out(figure: go.Figure, graph: PersonGraph, lines: list[Line], title: str | None) -> None:
    """Title, size, and axes that show nothing but keep room for the labels."""
    nodes = graph.nodes
    remark = f" ({len(nodes):,} of {graph.total:,} ids shown)" if len(nodes) < graph.total else ""
    own = nodes[nodes["role"] != "other"]
    users, devices = (counted(int((own["kind"] == kind).sum()), kind) for kind in ("user", "device"))
    shared, others = int((nodes["role"] == "shared").sum()), int((nodes["role"] == "other").sum())
    told = [users, f"{devices} ({shared:,} shared)" if shared else devices]
    told += [f"{counted(others, 'id')} of other persons"] if others else []
    told.append(counted(len(graph.links), "link"))
    heights = nodes["y"].to_numpy() if len(nodes) else np.zeros(1)
    bent = np.concatenate([heights, *(y for _, y in lines)])
    low, high = min(heights.min() - 0.75, bent.min() - 0.1), max(heights.max() + 0.5, bent.max() + 0.1)
    bulge = high - low - (np.ptp(heights) + 1.25)
    heading = f"Identity graph of {shortened(graph.person, 40)}"
    headed(figure, heading, title=title, subtitle=", ".join(told), remark=remark)
    legend_below(figure)
    figure.update_layout(
        height=190 + round(_row_height(graph) * (_rows(graph) + bulge)),
        margin={"t": 76, "b": 10, "l": 20, "r": 20},
        hovermode="closest",
    )
    hidden = {"visible": False, "showgrid": False}
    figure.update_xaxes(range=list(_sides(graph)), **hidden)
    if len(nodes):
        figure.update_yaxes(range=[low, high], **hidden)


def _sides(graph: PersonGraph) -> tuple[float, float]:
    """Where the figure begins and ends, in columns: with room for the labels beside the first."""
    right = (float(graph.nodes["x"].max()) if len(graph.nodes) else 0.0) + 0.55
    return -max(0.55, _LABEL_WIDTH * right / (_WIDTH - _LABEL_WIDTH)), right


def _row_height(graph: PersonGraph) -> int:
    return next(height for most, height in _ROOMS if _rows(graph) <= most)


def _rows(graph: PersonGraph) -> int:
    """How many rows of nodes the figure is high."""
    heights = graph.nodes["y"]
    return int(np.ceil(heights.max() - heights.min())) + 1 if len(heights) else 1
