"""A figure in words: what it shows, for people who do not see it, for logs and for tests."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, Final

import plotly.graph_objects as go
from plotly.basedatatypes import BaseFigure

from datalyr_notebook import errors
from datalyr_notebook.figures.description_axes import read_axes
from datalyr_notebook.figures.description_traces import marks_drawn, trace_lines
from datalyr_notebook.figures.layout import heading_lines
from datalyr_notebook.figures.theme import unescaped

MOST_LINES: Final = 25
"""Lines of a description."""
_LONGEST: Final = 600
"""Characters of a line."""


def describe(figure: go.Figure | Mapping[str, Any]) -> str:
    """What a figure shows, as plain text of at most ``MOST_LINES`` lines.

    The title, the line below it, each axis with its unit and its ends or labels; then a line for each thing
    drawn: how many marks, from when to when or on which lanes; of bars, cells and links the largest with
    their names. Everything is read from the figure itself, so that it is told what the browser shows, and
    of an empty figure why it is empty. Texts read as they were written: nothing of them is markup any more,
    and control characters are spelled out.

    ``figure``: any figure of this package, a ``FigureWidget`` of one, or its JSON as a dict
    (``fig.to_plotly_json()``, ``json.loads(fig.to_json())``). Raises OptionError for anything else.

    >>> import pandas as pd
    >>> from datalyr_notebook.figures.credit_bars import credit_bars
    >>> totals = pd.DataFrame({"model": "linear", "channel": ["Email", "Direct"], "conversions": 1.0,
    ...                        "credit": [10.0, 30.0]})
    >>> print(describe(credit_bars(totals)))
    Credit by channel
    model linear
    Horizontal axis: Credit (conversions' currency); from 0 to 30
    Vertical axis: Channel; Direct, Email
    linear: 2 bars, 40 in all; largest: Direct: 30, Email: 10
    """
    shown = _read(figure)
    axes = read_axes(shown)
    lines = [*heading_lines(shown)]
    if any(trace.type != "sankey" for trace in shown.data) or not shown.data:
        lines += [axis.words for axis in axes.values() if not axis.is_hidden]
    lines = [line for line in lines if line]
    if not sum(map(marks_drawn, shown.data)):
        why = " ".join(unescaped(note.text) for note in shown.layout.annotations)
        return "\n".join([*lines, f"Nothing is drawn: {why}" if why else "Nothing is drawn."])
    names = [trace.name for trace in shown.data]
    # What is without a legend and has another's name is a part of that one's marks.
    told = [
        trace
        for place, trace in enumerate(shown.data)
        if ("showlegend" in trace and trace.showlegend is not False)
        or trace.name is None
        or trace.name not in names[:place]
    ]
    things = [line for trace in told for line in trace_lines(trace, axes, shown)]
    room = MOST_LINES - len(lines)
    if len(things) > room:
        left = [line.split(":")[0] for line in things[room - 1 :]]
        things = [*things[: room - 1], f"and {len(left):,} more: {', '.join(left)}"]
    return "\n".join(line if len(line) <= _LONGEST else f"{line[: _LONGEST - 1]}…" for line in [*lines, *things])


def _read(figure: object) -> go.Figure:
    if isinstance(figure, BaseFigure):
        return figure
    if isinstance(figure, Mapping) and "data" in figure:
        return go.Figure(data=figure["data"], layout=figure.get("layout"))
    raise errors.OptionError("describe", "figure", type(figure).__name__, "a figure of datalyr_notebook.figures")
