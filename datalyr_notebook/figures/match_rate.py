"""How the matched share of the traffic moves over time, a line for each SDK.

``match_rate_over_time_data`` returns the rows that are drawn, ``match_rate_over_time`` draws them.
"""

from __future__ import annotations

from typing import Final

import numpy as np
import pandas as pd
import plotly.graph_objects as go

from datalyr_notebook import options, schema
from datalyr_notebook.figures.layout import headed, legend_below, period_axis, say_empty
from datalyr_notebook.figures.theme import PALETTE, TEXT_SIZE, escaped, shortened, themed
from datalyr_notebook.identity.persons import as_stitched
from datalyr_notebook.journeys.calendar import CALENDAR
from datalyr_notebook.journeys.conversions import Conversion
from datalyr_notebook.studies.match_rate import match_rate

MEASURES: Final = ("events", "people", "value")
"""Of what the matched share is drawn."""
MOST_LINES: Final = 8
"""Lines that can be told apart; of more groups those with the most events are drawn."""
EVERYTHING: Final = "all events"
"""The only line where nothing is split."""
MISSING: Final = "(none)"
"""The line of events that the split column says nothing of."""

MATCH_LINES: Final = (
    schema.Column("line", "str", "what the line stands for"),
    schema.Column("start", schema.TIME, "start of the period, UTC"),
    *schema.MATCH_RATE,
    schema.Column("share", "float64", "the matched share that is drawn, 0 to 1; NaN of nothing"),
)

_STEP: Final = "match_rate_over_time"
_DASHES: Final = ("solid", "dash", "dot", "dashdot", "longdash", "longdashdot", "5px 2px", "2px 2px")
_MARKERS: Final = ("circle", "diamond", "square", "triangle-up", "cross", "x", "triangle-down", "star")


def match_rate_over_time_data(
    stitched: pd.DataFrame,
    *,
    by: str = "week",
    split: str | None = "sdk",
    measure: str = "events",
    conversion: Conversion = "purchase",
) -> pd.DataFrame:
    """The rows that :func:`match_rate_over_time` draws, one a line and period, in the columns of ``MATCH_LINES``.

    Lines stand by their number of events, the most first; at most ``MOST_LINES`` of them. Periods
    without an event have no row. Parameters and errors are those of :func:`match_rate_over_time`.

    >>> from datalyr_notebook.identity.stitching import stitch
    >>> events = pd.DataFrame({
    ...     "timestamp": ["2026-01-01T10:00Z", "2026-01-02T10:00Z", "2026-01-06T10:00Z"], "event_name": "pageview",
    ...     "anonymous_id": ["anon_a", "anon_b", "anon_b"], "user_id": [None, "u1", "u1"],
    ... })
    >>> match_rate_over_time_data(stitch(events))[["line", "events", "share"]]
          line  events  share
    0  unknown       2    0.5
    1  unknown       1    1.0
    """
    unit, drawn = options.one_of(_STEP, "by", by, CALENDAR), options.one_of(_STEP, "measure", measure, MEASURES)
    stitched = as_stitched(_STEP, stitched)
    table = match_rate(stitched, [unit] if split is None else [split, unit], conversion=conversion)
    names = pd.Series(EVERYTHING, index=table.index) if split is None else table[split].astype(object)
    lines = names.where(names.notna(), MISSING).astype(str)
    size = table["events"].groupby(lines, sort=True).sum().sort_values(ascending=False, kind="stable")
    place = pd.Series(np.arange(len(size)), index=size.index)
    rows = table.assign(line=lines, start=table[unit], share=table[f"{drawn}_matched"], place=lines.map(place))
    rows = rows[rows["place"] < MOST_LINES].sort_values(["place", "start"], ignore_index=True)
    return schema.typed(rows, MATCH_LINES)


def match_rate_over_time(
    stitched: pd.DataFrame,
    *,
    by: str = "week",
    split: str | None = "sdk",
    measure: str = "events",
    conversion: Conversion = "purchase",
    title: str | None = None,
) -> go.Figure:
    """The share of events, people or conversion value that belongs to known users, over time.

    Parameters
    ----------
    stitched
        Stitched events; anything else is stitched with the defaults, which is said.
    by
        ``"day"``, ``"week"`` (starts on Monday) or ``"month"``, in UTC.
    split
        The column of the events that gets a line for each of its values, or None for one line.
    measure
        ``"events"``, ``"people"`` or ``"value"`` (of conversions, after refunds).
    conversion
        As for ``find_conversions``.
    title
        Replaces "Matched share of …"; like every other text it is shown as it is, not as HTML.

    Returns
    -------
    plotly.graph_objects.Figure
        A line, with its own dash and marker, for each of at most ``MOST_LINES`` values. It is broken
        where a period has nothing to share.

    Raises
    ------
    OptionError
        ``by``, ``split`` or ``measure`` is not known.
    CurrencyError
        The conversions come in several currencies.

    Examples
    --------
    >>> from datalyr_notebook.identity.stitching import stitch
    >>> events = pd.DataFrame({
    ...     "timestamp": ["2026-01-01T10:00Z"], "event_name": "pageview", "anonymous_id": "anon_a", "user_id": "u1",
    ... })
    >>> match_rate_over_time(stitch(events), by="month").layout.yaxis.title.text
    'Matched share of events'

    """
    rows = match_rate_over_time_data(stitched, by=by, split=split, measure=measure, conversion=conversion)
    names = rows["line"].drop_duplicates().tolist()
    figure = themed(go.Figure([_line(rows, name, place, measure) for place, name in enumerate(names)]))
    subtitle = "matched: belongs to a known user"
    headed(figure, f"Matched share of {measure} by {by}", title=title, subtitle=subtitle)
    legend_below(figure)
    figure.update_layout(
        height=420,
        margin={"t": 70, "b": 10, "l": 60, "r": 40},
        hovermode="x unified" if len(names) > 1 else "closest",
        showlegend=split is not None,
    )
    periods = rows["start"].drop_duplicates().sort_values().dt.tz_localize(None)
    period_axis(figure, f"Start of the {by} (UTC)", pd.DatetimeIndex(periods), by)
    figure.update_yaxes(
        title=f"Matched share of {measure}", range=[-0.03, 1.06], tickformat=".0%", tickfont={"size": TEXT_SIZE}
    )
    if not names:
        say_empty(figure, "No event has a time.")
    return figure


def _line(rows: pd.DataFrame, name: str, place: int, measure: str) -> go.Scatter:
    periods = pd.DatetimeIndex(rows["start"].drop_duplicates().sort_values())
    own = rows[rows["line"] == name].set_index("start").reindex(periods)
    whole = ["" if np.isnan(count) else f"{count:,.0f}" for count in own[measure].astype(float)]
    return go.Scatter(
        # plotly forgets offsets: the times are UTC, and the axis says so.
        x=periods.tz_localize(None).to_numpy(),
        y=own["share"].to_numpy(),
        mode="lines+markers",
        name=escaped(shortened(name)),
        line={"color": PALETTE[place], "width": 2, "dash": _DASHES[place]},
        marker={"symbol": _MARKERS[place], "size": 9, "color": PALETTE[place]},
        customdata=whole,
        hovertemplate=f"%{{y:.1%}} of %{{customdata}} {measure}",
        cliponaxis=False,
        meta={"line": escaped(name)},
    )
