"""How long conversions took after the touch: a bar a lag, and the share up to there.

``time_lag_histogram_data`` returns the rows that are drawn, ``time_lag_histogram`` draws them.
"""

from __future__ import annotations

from typing import Final

import numpy as np
import pandas as pd
import plotly.graph_objects as go

from datalyr_notebook import errors, options, schema
from datalyr_notebook.attribution.result import Attribution
from datalyr_notebook.attribution.tables.journeys import time_lags
from datalyr_notebook.figures.layout import headed, legend_below, say_empty
from datalyr_notebook.figures.theme import INK, PALETTE, TEXT_SIZE, themed
from datalyr_notebook.rendering import counted

LAG_BARS: Final = (
    schema.Column("lag", "int64", "the shortest lag of the bar, in whole units"),
    schema.Column("label", "str", "the bar's lags: 3, 24-47, or of the last one 90+ where it holds all longer ones"),
    schema.Column("conversions", "int64", "how many conversions came after these lags; 0 where none did"),
    schema.Column("value", "float64", "what they are worth"),
    schema.Column("share", "float64", "of the conversions with a touch, 0 to 1"),
    schema.Column("share_up_to", "float64", "share of those with these lags or shorter ones"),
)

TAIL: Final = 0.98
"""The share of the conversions whose lags are drawn apart; what took longer is one bar."""
MOST_BARS: Final = 45
WIDTHS: Final = {
    "hour": (1, 2, 3, 6, 12, 24, 48, 168, 336, 672),
    "day": (1, 2, 7, 14, 28, 91, 364),
    "week": (1, 2, 4, 13, 26, 52),
}
"""How many units a bar may hold: the least with which there are no more than ``MOST_BARS``."""

_STEP: Final = "time_lag_histogram"
_LEAST_ROOM: Final = 8
"""Bars that have room at least, so that a single one is no wall."""
_MOST_TICKS: Final = (14, 8)
"""Labels that fit under a figure 700 pixels wide: of bars of one lag, and of several."""
_HATCHING: Final = {"fillmode": "overlay", "fgcolor": "rgba(255, 255, 255, 0.6)", "size": 7, "solidity": 0.3}
_SHARE_AXIS: Final = {
    "title": "Share by then",
    "overlaying": "y",
    "side": "right",
    "range": [0, 1.04],
    "tickvals": [0, 0.25, 0.5, 0.75, 1],
    "tickformat": ".0%",
    "tickfont": {"size": TEXT_SIZE},
    "showgrid": False,
}
_DEFAULTS: Final = {"unit": "day", "since": "first_touch"}


def time_lag_histogram_data(lags: pd.DataFrame | Attribution) -> pd.DataFrame:
    """The rows that :func:`time_lag_histogram` draws, one a bar, in the columns of ``LAG_BARS``.

    Every lag from 0 on is in a row, also where no conversion took so long. A row holds one lag, or the
    least number of ``WIDTHS`` with which there are at most ``MOST_BARS`` rows. Lags behind the one by
    which 98 % of the conversions had come are the last row together.

    >>> lags = pd.DataFrame({"lag": [0, 2], "unit": "day", "since": "first_touch", "conversions": [3, 1]})
    >>> lags = lags.assign(value=[30.0, 5.0], share=[0.75, 0.25], share_up_to=[0.75, 1.0])
    >>> time_lag_histogram_data(lags)[["label", "conversions", "share_up_to"]]
      label  conversions  share_up_to
    0     0            3         0.75
    1     1            0         0.75
    2     2            1         1.00
    """
    table = _table(lags)
    if not len(table):
        return schema.empty(LAG_BARS)
    lag, conversions = table["lag"].to_numpy(dtype=np.int64), table["conversions"].to_numpy(dtype=np.int64)
    total, longest = int(conversions.sum()), int(lag.max())
    tail = int(lag[np.searchsorted(np.cumsum(conversions), TAIL * total)])
    widths = WIDTHS[str(table["unit"].iloc[0])]
    width = next((one for one in widths if tail // one < MOST_BARS - 1), tail // (MOST_BARS - 1) + 1)
    last = min(tail // width + 1, longest // width)
    place = np.minimum(lag // width, last)
    starts = np.arange(last + 1) * width
    labels = [str(start) if width == 1 else f"{start}-{start + width - 1}" for start in starts.tolist()]
    if longest >= (last + 1) * width:
        labels[-1] = f"{starts[-1]}+"
    taken = np.bincount(place, conversions, minlength=last + 1).astype(np.int64)
    value = np.bincount(place, table["value"].to_numpy(dtype=np.float64), minlength=last + 1)
    columns = (starts, labels, taken, value, taken / total, np.cumsum(taken) / total)
    rows = pd.DataFrame(dict(zip(schema.names(LAG_BARS), columns, strict=True)))
    return schema.typed(rows, LAG_BARS)


def time_lag_histogram(lags: pd.DataFrame | Attribution, *, title: str | None = None) -> go.Figure:
    """How many conversions came how long after their first or last touch: a bar a lag.

    The line, on the right axis, is the share of the conversions that had come by then. The last bar is
    hatched where it holds several lags, "that or more". Conversions without a touch have no lag.

    Parameters
    ----------
    lags
        What ``result.time_lags(unit=, since=)`` answers, which also says what the axis shows, or the result of
        ``attribute`` itself: days from the first touch.
    title
        Replaces "Time to conversion"; like every other text it is shown as it is, not as HTML.

    Returns
    -------
    plotly.graph_objects.Figure
        Bars of conversions, and a line of the share up to each lag.

    Raises
    ------
    OptionError
        ``lags`` is something else, or lags of several units or touches.

    Examples
    --------
    >>> lags = pd.DataFrame({"lag": [0, 2], "unit": "day", "since": "first_touch", "conversions": [3, 1]})
    >>> time_lag_histogram(lags.assign(value=0.0, share=0.5, share_up_to=1.0)).layout.xaxis.title.text
    'Days from the first touch to the conversion'

    """
    table = _table(lags)
    bars = time_lag_histogram_data(table)
    unit, since = (str(table[name].iloc[0]) if len(table) else default for name, default in _DEFAULTS.items())
    figure = themed(go.Figure())
    headed(figure, "Time to conversion", title=title, subtitle=_told(table, unit))
    legend_below(figure)
    figure.update_layout(height=420, margin={"t": 76, "b": 10, "l": 60, "r": 60}, bargap=0.15)
    places = _ticks(bars)
    figure.update_xaxes(
        title=f"{unit.capitalize()}s from the {since.replace('_', ' ')} to the conversion",
        tickvals=places,
        ticktext=[bars["label"].iloc[place] for place in places],
        range=[-0.6, max(len(bars), _LEAST_ROOM) - 0.4],
        tickfont={"size": TEXT_SIZE},
        showgrid=False,
        automargin=True,
    )
    few = int(bars["conversions"].max()) < 6 if len(bars) else False
    figure.update_yaxes(title="Conversions", rangemode="tozero", tickfont={"size": TEXT_SIZE}, dtick=1 if few else None)
    figure.update_layout(yaxis2=_SHARE_AXIS)
    if len(bars):
        figure.add_traces(_traces(bars, unit))
    else:
        say_empty(figure, "No conversion has a touch.")
    return figure


def _table(lags: pd.DataFrame | Attribution) -> pd.DataFrame:
    """The lags, sorted; of one unit and one touch."""
    table = time_lags(lags) if isinstance(lags, Attribution) else lags
    words = "what attribute(...) or result.time_lags() answers"
    if not isinstance(table, pd.DataFrame) or not set(schema.names(schema.TIME_LAGS)) <= set(table.columns):
        raise errors.OptionError(_STEP, "lags", type(table).__name__, words)
    if len(table[list(_DEFAULTS)].drop_duplicates()) > 1:
        raise errors.OptionError(_STEP, "lags", "several units or touches", f"{words}: one unit, one since")
    for unit in table["unit"].unique():
        options.one_of(_STEP, "unit", unit, WIDTHS)
    return table[table["conversions"] > 0].sort_values("lag", ignore_index=True)


def _ticks(bars: pd.DataFrame) -> list[int]:
    """The bars with a label under them: some of the first, and the one of all longer lags."""
    several = bool(bars["label"].str.contains("-").any())
    apart = -(-len(bars) // _MOST_TICKS[int(several)]) or 1
    places = list(range(0, len(bars), apart))
    if len(bars) and bars["label"].iloc[-1].endswith("+"):
        places = [*(place for place in places if place <= len(bars) - 1 - apart), len(bars) - 1]
    return places


def _told(table: pd.DataFrame, unit: str) -> str:
    """The line under the title: when half and nine tenths of the conversions had come."""
    if not len(table):
        return ""
    conversions = table["conversions"].to_numpy(dtype=np.int64)
    reached = np.cumsum(conversions) / conversions.sum()
    half, most = (int(table["lag"].iloc[int(np.searchsorted(reached, share))]) + 1 for share in (0.5, 0.9))
    return (
        f"{counted(int(conversions.sum()), 'conversion')} with a touch; half within {counted(half, unit)}, "
        f"90% within {counted(most, unit)}"
    )


def _traces(bars: pd.DataFrame, unit: str) -> list[go.Bar | go.Scatter]:
    several = bars["label"].str.endswith("+").to_numpy()
    hovers = [
        f"{label} {unit}{'' if label == '1' else 's'}<br>{counted(conversions, 'conversion')} ({share:.1%}) "
        f"worth {value:,.2f}<br>{up_to:.1%} by then"
        for label, conversions, share, value, up_to in zip(
            bars["label"], bars["conversions"], bars["share"], bars["value"], bars["share_up_to"], strict=True
        )
    ]
    shown = {"x": np.arange(len(bars)), "hovertext": hovers, "hoverinfo": "text"}
    return [
        go.Bar(
            **shown,
            y=bars["conversions"].to_numpy(),
            name="conversions",
            marker={
                "color": PALETTE[6],
                "line": {"width": 0},
                "pattern": {"shape": ["/" if one else "" for one in several], **_HATCHING},
            },
        ),
        go.Scatter(
            **shown,
            y=bars["share_up_to"].to_numpy(),
            yaxis="y2",
            name="share by then",
            mode="lines+markers",
            line={"color": INK, "width": 2, "dash": "dot", "shape": "linear"},
            marker={"symbol": "diamond", "size": 5, "color": INK},
        ),
    ]
