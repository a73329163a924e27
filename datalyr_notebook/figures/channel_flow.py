"""How paths lead to a conversion: channels from step to step, aligned at the end.

``channel_flow_data`` returns the rows that are drawn, ``channel_flow`` draws them.
"""

from __future__ import annotations

from typing import Final

import numpy as np
import pandas as pd
import plotly.graph_objects as go

from datalyr_notebook import options
from datalyr_notebook.attribution.paths import PathCounts
from datalyr_notebook.attribution.result import Attribution
from datalyr_notebook.figures.channel_flow_rows import (
    CONVERSION,
    EARLIER,
    NO_CONVERSION,
    NO_TOUCH,
    OTHERS,
    STEP,
    flow_links,
    flowing,
    path_counts,
)
from datalyr_notebook.figures.theme import INK, TEXT_SIZE, channel_color, escaped, shortened, themed

_THICKNESS: Final = 14
_GAP: Final = 15
"""Pixels between two nodes of a step: a line of text, so that labels of thin nodes do not touch."""
_PER_NODE: Final = 34
"""Pixels a node of the fullest step, its gap with it."""
_TOP: Final = 96
_BOTTOM: Final = 16
_SIDE: Final = 24
_CHARACTER: Final = 6.2
"""Pixels a character of a label."""
_NARROW: Final = 640
"""Pixels between the first and the last step in a narrow figure."""


def channel_flow_data(
    paths: PathCounts | Attribution,
    *,
    steps: int = 5,
    channels: int = 20,
    metric: str = "conversions",
    nulls: bool = False,
) -> pd.DataFrame:
    """The rows that :func:`channel_flow` draws, one a step, source and target, in the columns of ``FLOW_LINKS``.

    Whatever enters a touch leaves it: what flows in, plus what ``begins`` there, is what flows out. Sorted
    as drawn: from the largest step to the last touch, sources and targets by size. Parameters and errors
    are those of :func:`channel_flow`.

    >>> paths = PathCounts.from_strings(["Email > Direct", "Direct"], conversions=[2, 1])
    >>> channel_flow_data(paths)[["step", "source", "target", "flow", "begins"]]
       step  source      target  flow  begins
    0     2   Email      Direct   2.0     2.0
    1     1  Direct  Conversion   3.0     1.0
    """
    counts = flowing(path_counts(paths), metric=metric, nulls=nulls)
    shown = min(options.count(STEP, "steps", steps), max(int(counts.lengths.max(initial=1)), 1))
    return flow_links(counts, metric=metric, steps=shown, channels=options.count(STEP, "channels", channels))


def channel_flow(
    paths: PathCounts | Attribution,
    *,
    steps: int = 5,
    channels: int = 20,
    metric: str = "conversions",
    nulls: bool = False,
    title: str | None = None,
) -> go.Figure:
    """Paths as a Sankey diagram: which channel followed which on the way to a conversion.

    Paths are aligned at their end, so that the last touches of all paths stand in one column, those before
    them in the next one to the left, and so on: a link always leads to the very next touch, and short
    paths begin nearer to the conversion. What happened before the last ``steps`` touches is one node.

    Parameters
    ----------
    paths
        What ``result.paths()`` answers (``result.paths("campaign")`` flows over campaigns), a table of paths
        of your own (``PathCounts.from_strings``), or the result of ``attribute`` itself.
    steps
        Touches to show, counted from the end.
    channels
        The most names a step may have. Smaller channels beyond them, and several that are thinner than 0.5 %
        of everything, are ``other channels`` of that step.
    metric
        The width of links: ``"conversions"`` or ``"value"``. Paths that are worth nothing have no width
        under ``"value"``; the subtitle says how many conversions they are.
    nulls
        Whether people who did not convert are drawn, too, with an end of their own.
    title
        Replaces "Channels on the way to a conversion"; like every other text it is shown as it is, not as HTML.

    Returns
    -------
    plotly.graph_objects.Figure
        Nodes carry their channel's color, in every step the same, and its name; numbers show on hovering.

    Raises
    ------
    OptionError
        An option is not known, or ``nulls`` are asked for with ``metric="value"``.

    Examples
    --------
    >>> figure = channel_flow(PathCounts.from_strings(["Email > Direct", "Direct"], conversions=[2, 1]))
    >>> list(figure.data[0].node.label)
    ['Email', 'Direct', 'Conversion']

    """
    counts = path_counts(paths)
    links = channel_flow_data(counts, steps=steps, channels=channels, metric=metric, nulls=nulls)
    nodes = _nodes(links)
    columns = int(links["step"].max()) + 1 if len(links) else 2
    fullest = int(nodes["step"].value_counts().max()) if len(nodes) else 1
    height = 150 + _PER_NODE * fullest
    figure = themed(go.Figure())
    heading = "Channels on the way to a conversion" if title is None else shortened(title, 200)
    figure.update_layout(
        title={"text": escaped(heading), "yref": "container", "y": 1, "pad": {"t": 14, "l": 10}},
        title_subtitle={"text": _told(links, metric, float(counts.conversions.sum()))},
        height=height + _TOP + _BOTTOM,
        margin={"t": _TOP, "b": _BOTTOM, "l": _SIDE, "r": _SIDE},
    )
    if not len(links):
        middle = {"x": 0.5, "y": 0.5, "xref": "paper", "yref": "paper"}
        figure.add_annotation(text="No path leads to a conversion.", showarrow=False, **middle)
        figure.update_xaxes(visible=False).update_yaxes(visible=False)
        return figure
    across = dict(enumerate(np.linspace(0.99, 0.01, columns)))
    figure.add_trace(_sankey(links, nodes, across, height, metric))
    for step, x in across.items():
        figure.add_annotation(
            text=EARLIER if step > steps else _heading(step),
            x=x, y=1, xref="paper", yref="paper", yanchor="bottom", yshift=6, showarrow=False,
            xanchor="right" if step == 0 else "left" if step == columns - 1 else "center",
            font={"size": TEXT_SIZE},
        )  # fmt: skip
    return figure


def _nodes(links: pd.DataFrame) -> pd.DataFrame:
    """One row a node, as they stand from left to right and top to bottom: step, name, flow, begins, share."""
    touched = links.groupby(["step", "source"], sort=False)[["flow", "begins", "share"]].sum().reset_index()
    ends = links[links["step"] == 1].groupby("target", sort=False)[["flow", "share"]].sum().reset_index()
    ends = ends.rename(columns={"target": "source"}).assign(step=0, begins=0.0)
    return pd.concat([touched, ends], ignore_index=True).rename(columns={"source": "name"})


def _heights(nodes: pd.DataFrame, height: int) -> list[float]:
    """The middle of each node, as a share of the height from the top."""
    columns = [own["flow"].to_numpy() for _, own in nodes.groupby("step", sort=False)]
    scale = min((height - _GAP * (len(flow) - 1)) / flow.sum() for flow in columns)
    middles = []
    for flow in columns:
        tall = flow * scale
        top = np.append(0.0, np.cumsum(tall + _GAP)[:-1])
        middles += ((top + tall / 2) / height).tolist()
    return middles


def _sankey(links: pd.DataFrame, nodes: pd.DataFrame, across: dict[int, float], height: int, metric: str) -> go.Sankey:
    place = {key: number for number, key in enumerate(zip(nodes["step"], nodes["name"], strict=True))}
    width = int(np.clip(_NARROW / max(len(across) - 1, 1) / _CHARACTER - 4, 8, 24))
    return go.Sankey(
        arrangement="snap",
        textfont={"size": TEXT_SIZE},
        node={
            "label": [escaped(shortened(name, width)) for name in nodes["name"]],
            "x": [across[step] for step in nodes["step"]],
            # plotly takes a place of 0 as none given.
            "y": [max(middle, 1e-6) for middle in _heights(nodes, height)],
            "align": "right",
            "color": [_color(name) for name in nodes["name"]],
            "line": {"width": 0},
            "pad": _GAP,
            "thickness": _THICKNESS,
            "customdata": [_node_told(node, metric) for _, node in nodes.iterrows()],
            "hovertemplate": "%{customdata}<extra></extra>",
        },
        link={
            "source": [place[key] for key in zip(links["step"], links["source"], strict=True)],
            "target": [place[key] for key in zip(links["step"] - 1, links["target"], strict=True)],
            "value": links["flow"].tolist(),
            "color": [_faded(_color(name)) for name in links["source"]],
            "customdata": [_link_told(link) for _, link in links.iterrows()],
            "hovertemplate": "%{customdata}<extra></extra>",
        },
    )


def _color(name: str) -> str:
    return INK if name in (OTHERS, NO_TOUCH, EARLIER, CONVERSION, NO_CONVERSION) else channel_color(name)


def _faded(color: str) -> str:
    red, green, blue = (int(color[at : at + 2], 16) for at in (1, 3, 5))
    return f"rgba({red}, {green}, {blue}, 0.32)"


def _heading(step: int) -> str:
    """Which touch stands in a column, counted from the end."""
    if step < 2:
        return ("", "last touch")[step]
    suffix = "th" if 10 <= step % 100 < 20 else {1: "st", 2: "nd", 3: "rd"}.get(step % 10, "th")
    return f"{step}{suffix} to last"


def _told(links: pd.DataFrame, metric: str, conversions: float) -> str:
    """The line under the title."""
    drawn = float(links.loc[links["target"] == CONVERSION, "conversions"].sum()) if len(links) else 0.0
    words = [f"width: {'what the conversions are worth' if metric == 'value' else 'conversions'}"]
    if (links["nulls"] > 0).any():
        words = ["width: conversions, and people who did not convert"]
    words.append(f"{drawn:,.10g} conversions")
    if conversions > drawn:
        words.append(f"{conversions - drawn:,.10g} worth nothing are not drawn")
    return "; ".join(words)


def _node_told(node: pd.Series, metric: str) -> str:
    name, flow, begins, share = (node[column] for column in ("name", "flow", "begins", "share"))
    lines = [f"<b>{escaped(shortened(name, 60))}</b>", f"{_amount(flow, metric)} ({share:.1%})"]
    if node["step"] and begins > 0:
        lines.append(f"{_amount(begins, metric)} of it began here")
    return "<br>".join(lines)


def _link_told(link: pd.Series) -> str:
    source, target = (escaped(shortened(link[end], 60)) for end in ("source", "target"))
    lines = [f"{source} → {target} ({link['share']:.1%})"]
    if link["conversions"]:
        lines.append(f"{link['conversions']:,.10g} conversions worth {link['value']:,.2f}")
    if link["nulls"]:
        lines.append(f"{link['nulls']:,.10g} people who did not convert")
    return "<br>".join(lines)


def _amount(flow: float, metric: str) -> str:
    return f"{flow:,.2f}" if metric == "value" else f"{flow:,.10g}"
