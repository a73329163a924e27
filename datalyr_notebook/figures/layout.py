"""What figures share: the heading, a legend below, axes, hatching, and the sentence in an empty one."""

from __future__ import annotations

from collections.abc import Iterable
from typing import Any, Final

import pandas as pd
import plotly.graph_objects as go

from datalyr_notebook import schema
from datalyr_notebook.figures.largest import names_rest
from datalyr_notebook.figures.theme import (
    CHANNEL_LOOKS,
    FAINT,
    HATCHES,
    INK,
    PALETTE,
    TEXT_SIZE,
    Look,
    channel_looks,
    escaped,
    shortened,
    text_on,
    unescaped,
)

LEGEND_LINE: Final = 19
LEGEND_COLUMNS: Final = 4
"""Pixels from one line of the legend to the next, and how many names fit into a line of a narrow figure."""

_SUBTITLE_SIZE: Final = 12
_MOST_DATES: Final = 8
"""Dates that fit under a figure 700 pixels wide."""
_OPACITY: Final = 0.3
_LIGHT_HATCHING: Final = f"rgba(255, 255, 255, {_OPACITY})"
_DARK_HATCHING: Final = f"rgba(0, 0, 0, {_OPACITY})"
_HOLLOW: Final = "rgba(0, 0, 0, 0)"
_REST: Final = Look(INK, 3)
"""What stands for several groups."""


def headed(figure: go.Figure, heading: str, *, title: str | None = None, subtitle: str = "", remark: str = "") -> None:
    """Give a figure its heading, or the analyst's ``title`` instead, in place; texts are shown as they are.

    ``remark`` stands behind either, ``subtitle`` below, as a smaller line.

    >>> figure = go.Figure()
    >>> headed(figure, "Credit", title="<b>", subtitle="model linear")
    >>> figure.layout.title.text
    '&lt;b&gt;<br><span style="font-size: 12px">model linear</span>'
    """
    text, above = escaped((heading if title is None else shortened(title, 200)) + remark), 14
    if subtitle:
        # plotly leaves no room for the first line of several.
        above += 10
        # plotly's own subtitle stands on the title where a figure is first drawn hidden, as in a widget: plotly
        # measures a title that has no height there.
        text += f'<br><span style="font-size: {_SUBTITLE_SIZE}px">{escaped(subtitle)}</span>'
    figure.update_layout(title={"text": text, "yref": "container", "y": 1, "pad": {"t": above, "l": 10}})


def heading_lines(figure: go.Figure) -> tuple[str, str]:
    """The title and the line below it of a figure, as they read: what :func:`headed` was given.

    >>> figure = go.Figure()
    >>> headed(figure, "Credit", title="<b>", subtitle="model linear")
    >>> heading_lines(figure)
    ('<b>', 'model linear')
    """
    heading, _, below = (figure.layout.title.text or "").partition("<br>")
    return unescaped(heading), unescaped(below or figure.layout.title.subtitle.text)


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


def hatched(looks: Iterable[Look]) -> dict[str, Any]:
    """The marker of bars, a look each: color and hatching, so that nothing is told by color alone.

    ``unattributed`` is hollow. Hatching of one look is darker than its color where texts on it are white,
    else lighter.
    """
    colors, shapes, hatching = zip(*map(_drawn, looks), strict=True)
    pattern = {"fillmode": "overlay", "size": 7, "solidity": 0.25}
    if len(colors) == 1:
        pattern |= {"shape": shapes[0], "fgcolor": hatching[0], "fgopacity": 1}
    else:
        # Of several bars plotly draws hatching in a color of its own choice, whatever it is given.
        pattern |= {"shape": [*shapes], "fgopacity": _OPACITY}
    return {
        "color": colors[0] if len(colors) == 1 else [*colors],
        "pattern": pattern,
        "line": {"width": 1, "color": INK},
    }


def _drawn(look: Look) -> tuple[str, str, str]:
    """The color, the hatching and the color of the hatching of a bar."""
    if look == CHANNEL_LOOKS[schema.UNATTRIBUTED]:
        return _HOLLOW, look.hatch, FAINT
    return look.color, look.hatch, _DARK_HATCHING if text_on(look.color) == "#FFFFFF" else _LIGHT_HATCHING


def written_on(look: Look) -> str:
    """The color of a text on a bar of this look."""
    return INK if look == CHANNEL_LOOKS[schema.UNATTRIBUTED] else text_on(look.color)


def group_looks(groups: Iterable[str], *, are_channels: bool) -> list[Look]:
    """A look a group, no two alike: a channel has its own in every figure; the rest is gray, ``unattributed`` hollow.

    >>> [look.color for look in group_looks(["Email", "other channels"], are_channels=True)]
    ['#EE6600', '#797979']
    """
    given = list(groups)
    fixed = {group: _REST for group in given if names_rest(group)}
    fixed[schema.UNATTRIBUTED] = CHANNEL_LOOKS[schema.UNATTRIBUTED]
    if are_channels:
        named = iter(channel_looks(group for group in given if group not in fixed))
        return [fixed.get(group) or next(named) for group in given]
    return [fixed.get(group) or place_look(place) for place, group in enumerate(given)]


def place_look(place: int) -> Look:
    """The look of the first, second, third ... of things that have no color of their own."""
    return Look(PALETTE[place % len(PALETTE)], (place + place // len(PALETTE)) % len(HATCHES))


def say_empty(figure: go.Figure, sentence: str) -> None:
    """Say in the middle of a figure why nothing is drawn, in place; numbers that plotly makes up for an axis go."""
    figure.add_annotation(text=sentence, showarrow=False, x=0.5, y=0.5, xref="paper", yref="paper")
    for axis in (figure.layout.xaxis, figure.layout.yaxis):
        if axis.tickvals is None or not len(axis.tickvals):
            axis.update(showticklabels=False, showgrid=False)
