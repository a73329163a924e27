"""What each channel earned: bars side by side, one a model, with the uncertainty where it is known.

``credit_bars_data`` returns the rows that are drawn, ``credit_bars`` draws them.
"""

from __future__ import annotations

from typing import Final, NamedTuple

import numpy as np
import pandas as pd
import plotly.graph_objects as go

from datalyr_notebook import errors, options, schema
from datalyr_notebook.attribution.result import Attribution
from datalyr_notebook.figures.largest import largest
from datalyr_notebook.figures.layout import (
    group_looks,
    hatched,
    headed,
    legend_below,
    legend_height,
    place_look,
    rows_of_bars,
    say_empty,
)
from datalyr_notebook.figures.theme import INK, TEXT_SIZE, escaped, escaped_lines, shortened, themed
from datalyr_notebook.order import Floats, Ints
from datalyr_notebook.redaction import Redact, Redaction

METRICS: Final = {
    "credit": "Credit (conversions' currency)",
    "conversions": "Conversions (sum of weights)",
}
"""What can be drawn, and the title of its axis."""

CREDIT_BARS: Final = (
    schema.Column("model", "str", "the attribution model, as asked for"),
    schema.Column("group", "str", "the channel, or what else credit is grouped by"),
    schema.Column("amount", "float64", "credit or conversions"),
    schema.Column("share", "float64", "of the model's whole, 0 to 1; NaN of nothing"),
    schema.Column("low", "float64", "lower end of the interval; NaN where it is not known"),
    schema.Column("high", "float64", "upper end of the interval"),
    schema.Column("level", "float64", "how sure the interval is, 0 to 1"),
)

_STEP: Final = "credit_bars"
_BOUNDS: Final = {"credit": ("low", "high"), "conversions": ("conversions_low", "conversions_high")}
_MOST_LABELED: Final = 4
"""Models whose bars are thick enough for a number."""
_GAP: Final = 18
_BAR: Final = 14
"""Pixels between the bars of two groups, and of a bar: a line of text, so that numbers do not touch the next bar."""
_ALONE: Final = 26
"""Pixels of a group where there is one model."""
_CASING: Final = {"color": "#FFFFFF", "thickness": 4, "width": 3}
_CORE: Final = {"color": "#111111", "thickness": 1.2, "width": 3}
"""Lines of intervals. A line lies on its bar and on the page, and no color is seen on all of them: a dark line with a
white one below is."""


def credit_bars_data(
    totals: pd.DataFrame | Attribution, *, metric: str = "credit", redact: Redact = False
) -> pd.DataFrame:
    """The rows that :func:`credit_bars` draws, one a model and group, in the columns of ``CREDIT_BARS``.

    Models stand as they were asked for, groups by what they earn under the first model, the largest
    first; every group has a row under every model. Groups beyond ``MOST_GROUPS`` are added up, and so
    without an interval; ``unattributed`` comes last. Parameters and errors are those of
    :func:`credit_bars`.

    >>> totals = pd.DataFrame({"model": "linear", "channel": ["Email", "Direct"], "conversions": 1.0,
    ...                        "credit": [10.0, 30.0]})
    >>> credit_bars_data(totals)[["group", "amount", "share"]]
        group  amount  share
    0  Direct    30.0   0.75
    1   Email    10.0   0.25
    """
    table = _Table.of(totals, metric)
    redaction = Redaction.of(_STEP, redact, pd.DataFrame())
    models, amounts = table.models, table.cells(metric, 0.0)
    if not len(table.groups) or not models:
        return schema.empty(CREDIT_BARS)
    shown = largest(table.groups, amounts, redaction=redaction)
    sums = shown.summed(amounts)
    low, high = (
        np.where(shown.is_rest[:, None], np.nan, shown.summed(table.cells(name, np.nan))) for name in _BOUNDS[metric]
    )
    whole = sums.sum(axis=0)
    rows = pd.DataFrame(
        {
            "model": np.repeat(np.array(models, dtype=object), len(shown.labels)),
            "group": np.tile(np.array(shown.labels, dtype=object), len(models)),
            "amount": sums.T.ravel(),
            "share": np.divide(sums, whole, out=np.full(sums.shape, np.nan), where=whole > 0).T.ravel(),
            "low": low.T.ravel(),
            "high": high.T.ravel(),
            "level": float(table.rows["level"].iloc[0]) if "level" in table.rows.columns else np.nan,
        }
    )
    return schema.typed(rows, CREDIT_BARS)


def bar_of_group(totals: pd.DataFrame | Attribution, *, metric: str = "credit") -> pd.DataFrame:
    """Which bar each group stands in: the grouping columns of ``totals``, a row a group, then ``bar``.

    ``bar`` is the place among the rows of one model in :func:`credit_bars_data`; groups that are added up share one.

    >>> totals = pd.DataFrame({"model": "linear", "channel": ["Email", "Direct"], "conversions": 1.0,
    ...                        "credit": [10.0, 30.0]})
    >>> bar_of_group(totals)
      channel  bar
    0   Email    1
    1  Direct    0
    """
    table = _Table.of(totals, metric)
    amounts = table.cells(metric, 0.0)
    is_empty = not len(table.groups) or not table.models
    bars = np.zeros(0, dtype=np.int64) if is_empty else largest(table.groups, amounts).place
    return table.groups.assign(bar=bars)


def credit_bars(
    totals: pd.DataFrame | Attribution, *, metric: str = "credit", title: str | None = None, redact: Redact = False
) -> go.Figure:
    """What each channel earned, one bar a model; several models side by side.

    Parameters
    ----------
    totals
        ``result.totals``, ``result.by(...)``, ``result.intervals()``, or the result itself for its totals.
    metric
        ``"credit"``, or ``"conversions"``: the sum of weights.
    title
        Replaces "Credit by channel"; like every other text it is shown as it is, not as HTML.
    redact
        What is masked in the groups' names: True for e-mail addresses, telephone numbers and ids, or names of columns.

    Returns
    -------
    plotly.graph_objects.Figure
        A group of bars for each channel (several grouping columns are joined by " / "), the largest on top;
        beyond ``MOST_GROUPS`` the rest are one group. One model: bars have their channels' colors; several:
        each has a color and hatching of its own. Intervals are error bars, dark with a white edge.

    Raises
    ------
    OptionError
        ``totals`` is no such table, or ``metric`` or ``redact`` is not known.

    Examples
    --------
    >>> totals = pd.DataFrame({"model": "linear", "channel": ["Email", "Direct"], "conversions": 1.0,
    ...                        "credit": [10.0, 30.0]})
    >>> credit_bars(totals).layout.yaxis.ticktext
    ('Direct', 'Email')

    """
    rows = credit_bars_data(totals, metric=metric, redact=redact)
    by = list(totals.grouped_by) if isinstance(totals, Attribution) else _grouped_by(totals)
    return draw_bars(rows, by, metric=metric, title=title)


def draw_bars(rows: pd.DataFrame, by: list[str], *, metric: str, title: str | None = None) -> go.Figure:
    """The figure of rows of :func:`credit_bars_data`; ``by``: the columns that they are grouped by."""
    models, groups = rows["model"].drop_duplicates().tolist(), rows["group"].drop_duplicates().tolist()
    look = _Look(metric, len(models), bool(rows["low"].notna().any()), by == ["channel"])
    figure = themed(go.Figure([_bars(rows, name, place, look) for place, name in enumerate(models)]))
    if look.has_intervals:
        figure.add_traces([_cores(bars) for bars in figure.data])
    shown = " / ".join(shortened(name) for name in by)
    subtitle = f"model {shortened(models[0], 40)}" if len(models) == 1 else f"{len(models)} models" if models else ""
    if look.has_intervals:
        level = rows["level"].iloc[0]
        subtitle += f"; lines are {'' if np.isnan(level) else f'{level:.0%} '}intervals"
    headed(figure, f"{metric.capitalize()} by {shown}", title=title, subtitle=subtitle)
    legend_below(figure)
    thickness = _ALONE if len(models) == 1 else _BAR * len(models) + _GAP
    figure.update_layout(
        barmode="group",
        bargap=0.3 if len(models) == 1 else _GAP / (_BAR * max(len(models), 1) + _GAP),
        height=150 + max(thickness * len(groups), 120) + legend_height(len(models) if len(models) > 1 else 0),
        margin={"t": 70, "b": 10, "l": 40, "r": 40},
        showlegend=len(models) > 1,
    )
    figure.update_xaxes(title=METRICS[metric], tickfont={"size": TEXT_SIZE}, tickformat="~s", automargin=True)
    rows_of_bars(figure, escaped(shown.capitalize()), [escaped(shortened(group, 28)) for group in groups])
    if not groups:
        say_empty(figure, "No conversion counts.")
    return figure


class _Table(NamedTuple):
    """Totals as a grid of groups and models."""

    rows: pd.DataFrame
    groups: pd.DataFrame
    models: list[str]
    cell: tuple[Ints, Ints]
    """Per row its group and its model."""

    @classmethod
    def of(cls, totals: pd.DataFrame | Attribution, metric: str) -> _Table:
        options.one_of(_STEP, "metric", metric, METRICS)
        rows = totals.totals if isinstance(totals, Attribution) else _checked(totals)
        by = _grouped_by(rows)
        models = rows["model"].drop_duplicates().astype(str).tolist()
        group = np.asarray(rows.groupby(by, dropna=False, sort=False, observed=True).ngroup(), dtype=np.int64)
        numbers = {name: place for place, name in enumerate(models)}
        model = np.asarray(rows["model"].astype(str).map(numbers), dtype=np.int64)
        return cls(rows, rows[by].drop_duplicates(ignore_index=True), models, (group, model))

    def cells(self, column: str, blank: float) -> Floats:
        """A column as a grid; ``blank`` where a model has no row of a group."""
        values = np.full((len(self.groups), len(self.models)), blank)
        values[self.cell] = self.rows[column].to_numpy(dtype=np.float64) if column in self.rows.columns else np.nan
        return values


class _Look(NamedTuple):
    """What all bars of a figure have in common."""

    metric: str
    models: int
    has_intervals: bool
    is_by_channel: bool


def _grouped_by(table: pd.DataFrame) -> list[str]:
    """The columns between the model and its numbers."""
    names = [str(name) for name in table.columns]
    return [name for name in names[: names.index("conversions")] if name != "model"]


def _checked(totals: object) -> pd.DataFrame:
    if not isinstance(totals, pd.DataFrame) or not {"model", "conversions", "credit"} <= set(totals.columns):
        found = list(totals.columns) if isinstance(totals, pd.DataFrame) else type(totals).__name__
        raise errors.OptionError(_STEP, "totals", found, "result.totals, result.by(...) or result.intervals()")
    return totals


def _bars(rows: pd.DataFrame, model: str, place: int, look: _Look) -> go.Bar:
    """One model across all groups."""
    own = rows[rows["model"] == model]
    if look.models == 1 and look.is_by_channel:
        marker = hatched(group_looks(own["group"], are_channels=True))
    else:
        marker = hatched([place_look(place)])
    return go.Bar(
        x=own["amount"].to_numpy(),
        y=np.arange(len(own)),
        orientation="h",
        name=escaped(shortened(model)),
        text=None if look.has_intervals else [_number(amount) for amount in own["amount"]],
        textposition="outside" if look.models <= _MOST_LABELED else "none",
        textfont={"size": TEXT_SIZE, "color": INK},
        cliponaxis=False,
        hovertext=_hovers(own, look.metric),
        hoverinfo="text",
        marker=marker,
        offsetgroup=str(place),
        error_x={
            "type": "data",
            "visible": look.has_intervals,
            "symmetric": False,
            "array": (own["high"] - own["amount"]).to_numpy(),
            "arrayminus": (own["amount"] - own["low"]).to_numpy(),
            **_CASING,
        },
        meta={"model": escaped(model)},
    )


def _cores(bars: go.Bar) -> go.Bar:
    """The dark cores of the white lines of these bars, over all bars."""
    return go.Bar(
        x=bars.x,
        y=bars.y,
        orientation="h",
        name=bars.name,
        marker={"color": "rgba(0, 0, 0, 0)", "line": {"width": 0}},
        offsetgroup=bars.offsetgroup,
        error_x={**bars.error_x.to_plotly_json(), **_CORE},
        hoverinfo="skip",
        showlegend=False,
    )


def _hovers(own: pd.DataFrame, metric: str) -> list[str]:
    hovers = []
    numbers = own[["amount", "share", "low", "high", "level"]].to_numpy()
    for group, model, (amount, share, low, high, level) in zip(own["group"], own["model"], numbers, strict=True):
        lines = [f"{shortened(group, 60)}, {shortened(model)}", f"{metric} {_number(amount)} ({share:.1%})"]
        if not np.isnan(low):
            sure = "" if np.isnan(level) else f"{level:.0%} "
            lines.append(f"{sure}interval: {_number(low)} to {_number(high)}")
        hovers.append(escaped_lines(lines))
    return hovers


def _number(amount: float) -> str:
    return f"{amount:,.2f}" if abs(amount) < 1000 else f"{amount:,.0f}"
