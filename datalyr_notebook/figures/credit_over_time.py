"""What channels earned day by day, week by week or month by month: stacked bars.

``credit_over_time_data`` returns the rows that are drawn, ``credit_over_time`` draws them.
"""

from __future__ import annotations

from collections.abc import Iterable
from typing import Final, NamedTuple

import numpy as np
import pandas as pd
import plotly.graph_objects as go

from datalyr_notebook import errors, options, schema
from datalyr_notebook.attribution.result import Attribution
from datalyr_notebook.attribution.tables.over_time import PeriodCredit, credit_by_period
from datalyr_notebook.figures.credit_bars import METRICS
from datalyr_notebook.figures.largest import largest
from datalyr_notebook.figures.layout import (
    group_looks,
    hatched,
    headed,
    legend_below,
    legend_height,
    period_axis,
    say_empty,
)
from datalyr_notebook.figures.theme import TEXT_SIZE, Look, escaped, escaped_lines, shortened, themed

CREDIT_PERIODS: Final = (
    schema.Column("start", schema.TIME, "start of the period, UTC"),
    schema.Column("group", "str", "the channel, or what else credit is grouped by"),
    schema.Column("amount", "float64", "credit or conversions"),
    schema.Column("share", "float64", "of the period's whole, 0 to 1; NaN of nothing"),
)

_STEP: Final = "credit_over_time"
_DAYS: Final = {"day": 1, "week": 7, "month": 28}
"""The shortest period of the kind, so that bars never overlap."""
_DAY_MS: Final = 86_400_000
_HEIGHT: Final = 430
_LEAST_SHOWN: Final = 5
"""Periods that a figure has room for at least: one bar alone would fill it."""


def credit_over_time_data(
    result: Attribution,
    *,
    period: str = "week",
    date: str = "touch",
    by: str | Iterable[str] = "channel",
    model: str | None = None,
    metric: str = "credit",
) -> pd.DataFrame:
    """The rows that :func:`credit_over_time` draws, one a period and group, in the columns of ``CREDIT_PERIODS``.

    Sorted by start, then by what the group earned in all periods, the largest first; beyond ``MOST_GROUPS``
    groups are added up; ``unattributed`` comes last. Every group has a row in every period in which
    anything was earned. Parameters and errors are those of :func:`credit_over_time`.

    >>> from datalyr_notebook.attribution.attribute import attribute
    >>> from datalyr_notebook.identity.stitching import stitch
    >>> events = pd.DataFrame({
    ...     "timestamp": ["2026-01-01T10:00Z", "2026-01-06T20:00Z"], "event_name": ["pageview", "purchase"],
    ...     "anonymous_id": "anon_1", "source": ["tiktok", None], "value": [None, 50.0],
    ... })
    >>> result = attribute(stitch(events))
    >>> [credit_over_time_data(result, date=date)["start"].dt.strftime("%b %d")[0] for date in ("touch", "conversion")]
    ['Dec 29', 'Jan 05']
    """
    return _stacked(_earned(result, period, date, by, model), metric).rows


def credit_over_time(
    result: Attribution,
    *,
    period: str = "week",
    date: str = "touch",
    by: str | Iterable[str] = "channel",
    model: str | None = None,
    metric: str = "credit",
    title: str | None = None,
) -> go.Figure:
    """What channels earned over time: a bar a period, cut into channels.

    Parameters
    ----------
    result
        What ``attribute`` answers.
    period
        ``"day"``, ``"week"`` (starts on Monday) or ``"month"``, in UTC.
    date
        ``"touch"``: credit counts when the touch happened that earned it, as spend does; a conversion
        without a touch counts at its own time. ``"conversion"``: when the conversion happened, as sales do.
    by
        The touch columns that cut the bars.
    model
        A touch model of the result; None: its first one, which the figure names.
    metric
        ``"credit"``, or ``"conversions"``: the sum of weights.
    title
        Replaces "Credit by week of the touch"; like every other text it is shown as it is, not as HTML.

    Returns
    -------
    plotly.graph_objects.Figure
        A segment, with its own color and hatching, for each of at most ``MOST_GROUPS`` groups and
        ``unattributed``; the largest at the bottom.

    Raises
    ------
    OptionError
        An option is not known, or the result has no touch model.

    Examples
    --------
    >>> from datalyr_notebook.attribution.attribute import attribute
    >>> from datalyr_notebook.identity.stitching import stitch
    >>> events = pd.DataFrame({
    ...     "timestamp": ["2026-01-01T10:00Z", "2026-01-06T20:00Z"], "event_name": ["pageview", "purchase"],
    ...     "anonymous_id": "anon_1", "source": ["tiktok", None], "value": [None, 50.0],
    ... })
    >>> credit_over_time(attribute(stitch(events)), period="month").layout.xaxis.title.text
    'Start of the month of the touch (UTC)'

    """
    earned = _earned(result, period, date, by, model)
    stacked = _stacked(earned, metric)
    figure = themed(go.Figure([_segment(stacked, place, period, metric) for place in range(len(stacked.labels))]))
    groups = " / ".join(earned.groups.columns)
    headed(
        figure,
        f"{metric.capitalize()} by {period} of the {date}",
        title=title,
        subtitle=f"by {shortened(groups, 60)}, model {shortened(earned.model, 40)}",
    )
    legend_below(figure)
    figure.update_layout(
        barmode="relative",
        height=_HEIGHT + legend_height(len(stacked.labels)),
        margin={"t": 80, "b": 10, "l": 60, "r": 40},
        showlegend=True,
    )
    starts = earned.starts.tz_localize(None)
    period_axis(figure, f"Start of the {period} of the {date} (UTC)", starts, period)
    figure.update_xaxes(range=_range(starts, period), showgrid=False)
    figure.update_yaxes(title=METRICS[metric], tickfont={"size": TEXT_SIZE}, tickformat="~s", automargin=True)
    if not stacked.labels:
        say_empty(figure, "No conversion counts.")
    return figure


class _Stacked(NamedTuple):
    """The rows, and what the segments are called and look like, from the bottom up."""

    rows: pd.DataFrame
    labels: tuple[str, ...]
    looks: tuple[Look, ...]


def _earned(result: Attribution, period: str, date: str, by: str | Iterable[str], model: str | None) -> PeriodCredit:
    if not isinstance(result, Attribution):
        raise errors.OptionError(_STEP, "result", type(result).__name__, "what attribute(stitched) answers")
    return credit_by_period(_STEP, result, period=period, date=date, by=by, model=model)


def _stacked(earned: PeriodCredit, metric: str) -> _Stacked:
    amounts = earned.credit if options.one_of(_STEP, "metric", metric, METRICS) == "credit" else earned.conversions
    shown = largest(earned.groups, amounts.sum(axis=1, keepdims=True))
    sums = shown.summed(amounts)
    whole = sums.sum(axis=0)
    share = np.divide(sums, whole, out=np.full(sums.shape, np.nan), where=whole > 0)
    rows = pd.DataFrame(
        {
            "start": np.repeat(earned.starts, len(shown.labels)),
            "group": np.tile(np.array(shown.labels, dtype=object), len(earned.starts)),
            "amount": sums.T.ravel(),
            "share": share.T.ravel(),
        }
    )
    looks = group_looks(shown.labels, are_channels=list(earned.groups.columns) == ["channel"])
    return _Stacked(schema.typed(rows, CREDIT_PERIODS), shown.labels, tuple(looks))


def _range(starts: pd.DatetimeIndex, period: str) -> list[str] | None:
    """From half a period before the first to half a period behind the last; few periods stand in the middle."""
    if not len(starts):
        return None
    unit = pd.Timedelta(days=_DAYS[period])
    margin = max(unit * 0.6, (unit * _LEAST_SHOWN - (starts[-1] - starts[0])) / 2)
    return [(starts[0] - margin).isoformat(), (starts[-1] + margin).isoformat()]


def _segment(stacked: _Stacked, place: int, period: str, metric: str) -> go.Bar:
    """One group in all periods."""
    label = stacked.labels[place]
    own = stacked.rows[stacked.rows["group"] == label]
    hovers = [
        [
            shortened(label, 60),
            f"{period} from {start:%b} {start.day}, {start.year}",
            f"{metric} {amount:,.2f}" + ("" if np.isnan(share) else f" ({share:.1%} of the {period})"),
        ]
        for start, amount, share in zip(own["start"], own["amount"], own["share"], strict=True)
    ]
    return go.Bar(
        # plotly forgets offsets: the times are UTC, and the axis says so.
        x=own["start"].dt.tz_localize(None).to_numpy(),
        y=own["amount"].to_numpy(),
        width=0.85 * _DAYS[period] * _DAY_MS,
        name=escaped(shortened(label)),
        hovertext=[escaped_lines(hover) for hover in hovers],
        hoverinfo="text",
        marker=hatched([stacked.looks[place]]),
        meta={"group": escaped(label)},
    )
