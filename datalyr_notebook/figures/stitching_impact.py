"""What stitching changes: each channel's credit without and with it, and how sure the change is.

``stitching_impact_bars_data`` returns the rows that are drawn, ``stitching_impact_bars`` draws them.
"""

from __future__ import annotations

from typing import Final

import numpy as np
import pandas as pd
import plotly.graph_objects as go

from datalyr_notebook import errors, schema
from datalyr_notebook.figures.largest import largest
from datalyr_notebook.figures.layout import headed, legend_below, rows_of_bars, say_empty
from datalyr_notebook.figures.theme import INK, PALETTE, TEXT_SIZE, escaped, shortened, themed
from datalyr_notebook.redaction import Redact, Redaction
from datalyr_notebook.studies.impact import StitchingImpact

IMPACT_BARS: Final = (
    schema.Column("group", "str", "the channel, or what else credit is grouped by"),
    schema.Column("without", "float64", "its credit where every device is a person of its own"),
    schema.Column("with", "float64", "its credit, stitched"),
    schema.Column("change", "float64", "with less without"),
    schema.Column("low", "float64", "lower end of the change's interval; NaN where it is not known"),
    schema.Column("high", "float64", "upper end of the change's interval"),
    schema.Column("level", "float64", "how sure the interval is, 0 to 1"),
)

_STEP: Final = "stitching_impact_bars"
_ROW: Final = 52
"""Pixels a group."""
_SIDES: Final = {"without": (INK, "/"), "with": (PALETTE[0], "")}
"""The color and the hatching of each side."""


def stitching_impact_bars_data(impact: StitchingImpact, *, redact: Redact = False) -> pd.DataFrame:
    """The rows that :func:`stitching_impact_bars` draws, one a group, in the columns of ``IMPACT_BARS``.

    The largest with stitching come first; groups beyond the first dozen are added up, and so without an
    interval; ``unattributed`` comes last. ``redact``: what is masked in the groups' names, True or names
    of columns. Raises OptionError for anything but what ``stitching_impact`` answers.

    >>> from datalyr_notebook.loading.samples import load_sample
    >>> from datalyr_notebook.studies.impact import stitching_impact
    >>> stitching_impact_bars_data(stitching_impact(load_sample("seed_journey"), n=20))[["group", "without", "with"]]
             group  without   with
    0  Paid Social     0.00  99.99
    1       Direct    99.99   0.00
    """
    if not isinstance(impact, StitchingImpact):
        raise errors.OptionError(_STEP, "impact", type(impact).__name__, "what stitching_impact(events) answers")
    redaction = Redaction.of(_STEP, redact, pd.DataFrame())
    table = impact.credit
    if not len(table):
        return schema.empty(IMPACT_BARS)
    by = list(table.columns[: table.columns.get_loc("without")])
    amounts = table[["with", "without"]].to_numpy(dtype=np.float64)
    shown = largest(table[by], amounts, redaction=redaction)
    sums = shown.summed(amounts)
    bounds = shown.summed(table[["low", "high"]].to_numpy(dtype=np.float64))
    bounds[shown.is_rest] = np.nan
    rows = pd.DataFrame(
        {
            "group": np.array(shown.labels, dtype=object),
            "without": sums[:, 1],
            "with": sums[:, 0],
            "change": sums[:, 0] - sums[:, 1],
            "low": bounds[:, 0],
            "high": bounds[:, 1],
            "level": float(table["level"].iloc[0]),
        }
    )
    return schema.typed(rows, IMPACT_BARS)


def stitching_impact_bars(impact: StitchingImpact, *, title: str | None = None, redact: Redact = False) -> go.Figure:
    """Each channel's credit device by device, and stitched; beside its name the change, and in brackets its interval.

    ``title`` replaces "What stitching changes"; like every other text it is shown as it is, not as
    HTML. The rows are those of :func:`stitching_impact_bars_data`. Raises OptionError.

    >>> from datalyr_notebook.loading.samples import load_sample
    >>> from datalyr_notebook.studies.impact import stitching_impact
    >>> stitching_impact_bars(stitching_impact(load_sample("seed_journey"), n=200)).layout.yaxis.ticktext
    ('Paid Social<br>+99.99 (0.00 to 299.97)', 'Direct<br>-99.99 (-299.97 to 0.00)')
    """
    rows = stitching_impact_bars_data(impact, redact=redact)
    figure = themed(go.Figure([_side(rows, "without"), _side(rows, "with")]))
    facts = impact.summary.iloc[0]
    share = facts["cross_device_share"]
    told = "" if np.isnan(share) else f"; {share:.0%} of the value crosses devices"
    lines = f"; in brackets {facts['level']:.0%} intervals of the change" if rows["low"].notna().any() else ""
    headed(figure, "What stitching changes", title=title, subtitle=f"model {shortened(impact.model, 40)}{told}{lines}")
    legend_below(figure)
    figure.update_layout(
        barmode="group",
        bargap=0.3,
        bargroupgap=0.05,
        height=190 + _ROW * max(len(rows), 1),
        margin={"t": 70, "b": 10, "l": 40, "r": 20},
    )
    figure.update_xaxes(
        title="Credit (in the currency of the conversions)",
        tickfont={"size": TEXT_SIZE},
        tickformat="~s",
        rangemode="tozero",
        automargin=True,
    )
    labels = [
        f"{escaped(shortened(name))}<br>{change}" for name, change in zip(rows["group"], _changes(rows), strict=True)
    ]
    rows_of_bars(figure, "Channel" if impact.credit.columns[0] == "channel" else None, labels)
    if not len(rows):
        say_empty(figure, "No conversion counts.")
    return figure


def _side(rows: pd.DataFrame, side: str) -> go.Bar:
    color, pattern = _SIDES[side]
    amounts = rows[["without", "with"]].to_numpy(dtype=np.float64)
    hovers = [
        f"{escaped(shortened(name))}<br>without stitching {without:,.2f}<br>with stitching {stitched:,.2f}"
        f"<br>change {change}"
        for name, (without, stitched), change in zip(rows["group"], amounts, _changes(rows), strict=True)
    ]
    return go.Bar(
        x=rows[side].to_numpy(),
        y=np.arange(len(rows)),
        orientation="h",
        name=f"{side} stitching",
        hovertext=hovers,
        hoverinfo="text",
        marker={"color": color, "pattern": {"shape": pattern, "size": 7}, "line": {"width": 1, "color": INK}},
        meta={"side": side},
    )


def _changes(rows: pd.DataFrame) -> list[str]:
    """Each group's change and its interval, as a line."""
    numbers = rows[["change", "low", "high"]].to_numpy(dtype=np.float64)
    return [
        f"{change:+,.2f}" + ("" if np.isnan(low) or low == high else f" ({low:,.2f} to {high:,.2f})")
        for change, low, high in numbers
    ]
