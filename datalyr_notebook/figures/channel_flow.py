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
from datalyr_notebook.attribution.tables.journeys import NO_TOUCH
from datalyr_notebook.figures.channel_flow_rows import (
    CONVERSION,
    EARLIER,
    NO_CONVERSION,
    STEP,
    flow_links,
    flowing,
    path_counts,
)
from datalyr_notebook.figures.largest import OTHERS
from datalyr_notebook.figures.layout import headed, say_empty
from datalyr_notebook.figures.theme import BLANK, INK, TEXT_SIZE, channel_color, escaped, shortened, themed

_THICKNESS: Final = 14
_GAP: Final = 15
"""Pixels between two nodes of a step: a line of text, so that labels of thin nodes do not touch."""
_PER_NODE: Final = 34
"""Pixels a node of the fullest step, its gap with it."""
_TOP: Final = 96
_BOTTOM: Final = 16
_SIDE: Final = 24
_CHARACTER: Final = 6.1
"""Pixels a character of a label."""
_NARROW: Final = 572
"""Pixels from the first column to the last in a figure 700 wide."""
_ENDS: Final = 104
"""Pixels right of the last column, for the names of the ends."""
_OPAQUE: Final = ((4.0, 0.19), (1.5, 0.14), (0.0, 0.08))
"""How opaque a link is from so many pixels on: where hundreds of thin ones cross, the thick ones must be seen.
At most 0.19, so that names keep a contrast of 3:1 on links, on white pages and on dark ones."""


def channel_flow_data(
    paths: PathCounts | Attribution,
    *,
    steps: int = 5,
    most_channels: int = 20,
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
    return flow_links(counts, metric=metric, steps=shown, channels=options.count(STEP, "most_channels", most_channels))


def channel_flow(
    paths: PathCounts | Attribution,
    *,
    steps: int = 5,
    most_channels: int = 20,
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
    most_channels
        The most names a step may have. Smaller channels beyond them, and several that are thinner than 1 %
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
    >>> list(figure.data[0].node.label), [note.text for note in figure.layout.annotations]
    (['Email', 'Direct', ' '], ['2nd to last', 'last touch', 'Conversion'])

    """
    counts = path_counts(paths)
    links = channel_flow_data(counts, steps=steps, most_channels=most_channels, metric=metric, nulls=nulls)
    columns = int(links["step"].max()) + 1 if len(links) else 2
    fullest = int(links.groupby("step")["source"].nunique().max()) if len(links) else 1
    height = 150 + _PER_NODE * fullest
    figure = themed(go.Figure())
    told = _told(links, counts, metric)
    headed(figure, "Channels on the way to a conversion", title=title, subtitle=told)
    figure.update_layout(height=height + _TOP + _BOTTOM, margin={"t": _TOP, "b": _BOTTOM, "l": _SIDE, "r": _ENDS})
    if not len(links):
        say_empty(figure, "No path leads to a conversion.")
        figure.update_xaxes(visible=False).update_yaxes(visible=False)
        return figure
    nodes = _nodes(links, height)
    across = dict(enumerate(np.linspace(0.99, 0.01, columns)))
    figure.add_trace(_sankey(links, nodes, across, height, metric))
    for step, x in reversed(across.items()):
        if step:
            side = "left" if step == columns - 1 else "center"
            text = "earlier" if step > steps else _heading(step)
            _annotate(figure, text, x=x, y=1, xanchor=side, yanchor="bottom", yshift=6)
    ends = nodes[nodes["step"] == 0]
    for name, middle in zip(ends["name"], ends["middle"], strict=True):
        y = 1 - float(middle) / height
        _annotate(figure, name, x=across[0], y=y, xanchor="left", yanchor="middle", xshift=_THICKNESS)
    return figure


def _annotate(figure: go.Figure, text: str, **where: float | str) -> None:
    """Text at a place of the drawing; plotly writes the names of the last column over those of the one before."""
    figure.add_annotation(text=text, xref="paper", yref="paper", showarrow=False, font={"size": TEXT_SIZE}, **where)


def _nodes(links: pd.DataFrame, height: int) -> pd.DataFrame:
    """One row a node, from left to right and top to bottom: step, name, flow, begins, share, tall, middle (pixels)."""
    touched = links.groupby(["step", "source"], sort=False)[["flow", "begins", "share"]].sum().reset_index()
    ends = links[links["step"] == 1].groupby("target", sort=False)[["flow", "share"]].sum().sort_index().reset_index()
    ends = ends.rename(columns={"target": "source"}).assign(step=0, begins=0.0)
    nodes = pd.concat([touched, ends], ignore_index=True).rename(columns={"source": "name"})
    flow = nodes.groupby("step")["flow"]
    gaps = _GAP * (flow.size() - 1)
    nodes["tall"] = nodes["flow"] * ((height - gaps) / flow.sum()).min()
    above = (nodes["tall"] + _GAP).groupby(nodes["step"]).cumsum() - nodes["tall"] - _GAP
    return nodes.assign(middle=above + nodes["tall"] / 2)


def _sankey(links: pd.DataFrame, nodes: pd.DataFrame, across: dict[int, float], height: int, metric: str) -> go.Sankey:
    place = {key: number for number, key in enumerate(zip(nodes["step"], nodes["name"], strict=True))}
    width = int(np.clip((_NARROW / max(len(across) - 1, 1) - _THICKNESS - 4) / _CHARACTER, 8, 24))
    scale = nodes["tall"].iloc[0] / nodes["flow"].iloc[0]
    return go.Sankey(
        arrangement="snap",
        # plotly would surround names with white, also on dark pages.
        textfont={"size": TEXT_SIZE, "color": INK, "shadow": "none"},
        node={
            "label": [
                _label(name, width) if step else BLANK for step, name in zip(nodes["step"], nodes["name"], strict=True)
            ],
            "x": [across[step] for step in nodes["step"]],
            "y": (nodes["middle"] / height).tolist(),
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
            "color": [
                _faded(_color(name), flow * scale) for name, flow in zip(links["source"], links["flow"], strict=True)
            ],
            "customdata": [_link_told(link) for _, link in links.iterrows()],
            "hovertemplate": "%{customdata}<extra></extra>",
        },
    )


def _label(name: str, width: int) -> str:
    return escaped(shortened({EARLIER: "earlier", OTHERS: "others"}.get(name, name), width))


def _color(name: str) -> str:
    return INK if name in (OTHERS, NO_TOUCH, EARLIER, CONVERSION, NO_CONVERSION) else channel_color(name)


def _faded(color: str, pixels: float) -> str:
    red, green, blue = (int(color[at : at + 2], 16) for at in (1, 3, 5))
    opacity = next(opacity for least, opacity in _OPAQUE if pixels >= least)
    return f"rgba({red}, {green}, {blue}, {opacity})"


def _heading(step: int) -> str:
    """Which touch stands in a column, counted from the end."""
    if step < 2:
        return ("", "last touch")[step]
    suffix = "th" if 10 <= step % 100 < 20 else {1: "st", 2: "nd", 3: "rd"}.get(step % 10, "th")
    return f"{step}{suffix} to last"


def _told(links: pd.DataFrame, counts: PathCounts, metric: str) -> str:
    """The line under the title."""
    conversions, channels = float(counts.conversions.sum()), len(counts.channels)
    drawn = float(links.loc[links["target"] == CONVERSION, "conversions"].sum()) if len(links) else 0.0
    lost = float(links.loc[links["step"] == 1, "nulls"].sum())
    words = ["width: value" if metric == "value" else "width: how many"]
    worth = float(links.loc[links["step"] == 1, "value"].sum())
    told = _conversions(drawn) + (f" worth {worth:,.2f}" if worth else "")
    words.append(told + (f" and {lost:,.10g} people who did not convert" if lost else ""))
    if conversions > drawn:
        words.append(f"{conversions - drawn:,.10g} worth nothing are not drawn")
    named = len({*links["source"]} & {*counts.channels})
    if OTHERS in {*links["source"]}:
        words.append(f"{named:,} of {channels:,} channels named")
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
        lines.append(f"{_conversions(link['conversions'])} worth {link['value']:,.2f}")
    if link["nulls"]:
        lines.append(f"{link['nulls']:,.10g} people who did not convert")
    return "<br>".join(lines)


def _conversions(count: float) -> str:
    """How many, which tables of other tools may split."""
    return f"{count:,.10g} conversion{'' if count == 1 else 's'}"


def _amount(flow: float, metric: str) -> str:
    return f"{flow:,.2f}" if metric == "value" else f"{flow:,.10g}"
