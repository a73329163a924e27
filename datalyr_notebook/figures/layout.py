"""What figures share: the heading, a legend below, axes, hatching, and the sentence in an empty one."""

from __future__ import annotations

from collections.abc import Iterable
from typing import Any, Final

import pandas as pd
import plotly.graph_objects as go

from datalyr_notebook import schema
from datalyr_notebook.figures.largest import OTHER_GROUPS, OTHERS
from datalyr_notebook.figures.theme import INK, PALETTE, TEXT_SIZE, channel_color, escaped, shortened

LEGEND_LINE: Final = 19
LEGEND_COLUMNS: Final = 4
"""Pixels from one line of the legend to the next, and how many names fit into a line of a narrow figure."""

_MOST_DATES: Final = 8
"""Dates that fit under a figure 700 pixels wide."""
_PATTERNS: Final = ("", "/", ".", "x", "-", "\\", "+", "|")
_HATCHING: Final = "rgba(255, 255, 255, 0.35)"
_REST: Final = "rgba(122, 122, 122, 0.5)"
_UNATTRIBUTED: Final = "rgba(122, 122, 122, 0.15)"
"""Paler than the gray of Direct, beside which they often stand."""


def headed(figure: go.Figure, heading: str, *, title: str | None = None, subtitle: str = "", remark: str = "") -> None:
    """Give a figure its heading, or the analyst's ``title`` instead, in place; texts are shown as they are.

    ``remark`` stands behind either.

    >>> figure = go.Figure()
    >>> headed(figure, "Credit", title="<b>")
    >>> figure.layout.title.text
    '&lt;b&gt;'
    """
    text = (heading if title is None else shortened(title, 200)) + remark
    figure.update_layout(
        title={"text": escaped(text), "yref": "container", "y": 1, "pad": {"t": 14, "l": 10}},
        title_subtitle={"text": escaped(subtitle)},
    )


def legend_below(figure: go.Figure) -> None:
    """Put the legend under the figure, in lines, in place."""
    figure.update_layout(
        legend={
            "orientation": "h",
            "traceorder": "normal",
            "yref": "container",
            "y": 0.015,
            "yanchor": "bottom",
            "x": 0,
        },
        legend_font={"size": TEXT_SIZE},
    )


def legend_height(names: int) -> int:
    """Pixels that so many names take in a legend below."""
    return LEGEND_LINE * -(-names // LEGEND_COLUMNS)


def rows_of_bars(figure: go.Figure, title: str | None, labels: list[str]) -> None:
    """Give a figure of horizontal bars its vertical axis, the first row on top, in place; ``labels``: escaped."""
    figure.update_yaxes(
        title=title,
        range=[max(len(labels), 1) - 0.5, -0.5],
        tickvals=list(range(len(labels))),
        ticktext=labels,
        tickfont={"size": TEXT_SIZE},
        showgrid=False,
        automargin=True,
    )


def period_axis(figure: go.Figure, title: str, starts: pd.DatetimeIndex, period: str) -> None:
    """Give a figure over days, weeks or months its horizontal axis, in place; ``starts``: in order, without zone."""
    figure.update_xaxes(
        title=title,
        type="date",
        tickvals=starts[:: -(-len(starts) // _MOST_DATES) or 1].to_numpy(),
        tickformat="%b %Y" if period == "month" else "%b %d\n%Y",
        tickfont={"size": TEXT_SIZE},
        automargin=True,
    )


def hatched(color: str | list[str], place: int) -> dict[str, Any]:
    """A bar's marker: its color, and hatching, so that nothing is told by color alone."""
    # Each eighth place starts one pattern later: a palette of eight colors repeats with another hatching.
    pattern = {
        "shape": _PATTERNS[(place + place // len(_PATTERNS)) % len(_PATTERNS)],
        "fillmode": "overlay",
        "fgcolor": _HATCHING,
        "size": 7,
        "solidity": 0.25,
    }
    return {"color": color, "pattern": pattern, "line": {"width": 1, "color": INK}}


def group_colors(groups: Iterable[str], *, are_channels: bool) -> list[str]:
    """A color a group: a channel has its own in every figure; the rest and ``unattributed`` are pale.

    >>> group_colors(["Email", "unattributed"], are_channels=True)
    ['#EE6600', 'rgba(122, 122, 122, 0.15)']
    """
    pale = {OTHERS: _REST, OTHER_GROUPS: _REST, schema.UNATTRIBUTED: _UNATTRIBUTED}
    return [
        pale.get(group) or (channel_color(group) if are_channels else PALETTE[place % len(PALETTE)])
        for place, group in enumerate(groups)
    ]


def say_empty(figure: go.Figure, sentence: str) -> None:
    """Say in the middle of a figure why nothing is drawn, in place; numbers that plotly makes up for an axis go."""
    figure.add_annotation(text=sentence, showarrow=False, x=0.5, y=0.5, xref="paper", yref="paper")
    for axis in (figure.layout.xaxis, figure.layout.yaxis):
        if axis.tickvals is None or not len(axis.tickvals):
            axis.update(showticklabels=False, showgrid=False)
