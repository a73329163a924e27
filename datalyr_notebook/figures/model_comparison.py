"""Which channels attribution models disagree on: a cell for each model and channel.

``model_comparison_data`` returns the rows that are drawn, ``model_comparison`` draws them.
"""

from __future__ import annotations

from typing import Final

import numpy as np
import pandas as pd
import plotly.graph_objects as go

from datalyr_notebook import errors, schema
from datalyr_notebook.attribution.comparison import ModelComparison
from datalyr_notebook.figures.heat_map import heat_map
from datalyr_notebook.figures.largest import largest
from datalyr_notebook.figures.layout import headed, say_empty
from datalyr_notebook.figures.theme import INK, TEXT_SIZE, escaped, escaped_lines, shortened, themed
from datalyr_notebook.redaction import Redact, Redaction
from datalyr_notebook.rendering import counted

MODEL_CELLS: Final = (
    schema.Column("model", "str", "the attribution model, as asked for"),
    schema.Column("group", "str", "the channel, or what else credit is grouped by"),
    schema.Column("amount", "float64", "credit; or conversions where none has a value"),
    schema.Column("share", "float64", "of the model's whole, 0 to 1; NaN of nothing"),
    schema.Column("rank", "Int64", "of the group under the model, 1 = most; missing for the rest and unattributed"),
    schema.Column("spread", "float64", "the group's largest share less its smallest"),
)

_SCALE: Final = ((0.0, "#F7FBFF"), (0.25, "#C6DBEF"), (0.5, "#6BAED6"), (0.75, "#2171B5"), (1.0, "#08306B"))
"""ColorBrewer's Blues: one hue from light to dark, so it holds for every eye, and in print without color."""
_ROW: Final = 26
"""Pixels a model."""
_LINE: Final = 80
"""Characters that fit side by side under a figure 700 pixels wide."""


def model_comparison_data(comparison: ModelComparison, *, redact: Redact = False) -> pd.DataFrame:
    """The rows that :func:`model_comparison` draws, one a model and group, in the columns of ``MODEL_CELLS``.

    Models stand as they were asked for; groups by ``spread``, the largest first, then the rest of the
    groups beyond ``MOST_GROUPS`` as one, then ``unattributed``. Every group has a row under every model.
    ``redact``: what is masked in the groups' names, True or names of columns.

    >>> from datalyr_notebook.attribution.attribute import attribute
    >>> from datalyr_notebook.attribution.comparison import compare_models
    >>> from datalyr_notebook.identity.stitching import stitch
    >>> events = pd.DataFrame({
    ...     "timestamp": ["2026-01-01T10:00Z", "2026-01-02T20:00Z"], "event_name": ["pageview", "purchase"],
    ...     "anonymous_id": "anon_1", "source": ["tiktok", None], "value": [None, 50.0],
    ... })
    >>> compared = compare_models(attribute(stitch(events), model="first_touch"), "last_touch")
    >>> model_comparison_data(compared)[["model", "group", "share", "spread"]]
             model           group  share  spread
    0  first_touch  Organic Social    1.0     1.0
    1  first_touch          Direct    0.0     1.0
    2   last_touch  Organic Social    0.0     1.0
    3   last_touch          Direct    1.0     1.0
    """
    if not isinstance(comparison, ModelComparison):
        found = type(comparison).__name__
        raise errors.OptionError("model_comparison", "comparison", found, "what result.compare() answers")
    redaction = Redaction.of("model_comparison", redact, pd.DataFrame())
    wide, shares = comparison.to_frame(), comparison.shares
    if not len(wide):
        return schema.empty(MODEL_CELLS)
    shown = largest(wide.index.to_frame(index=False), wide.to_numpy(), redaction=redaction)
    amounts, share = shown.summed(wide.to_numpy()), shown.summed(shares.to_numpy())
    spread = share.max(axis=1) - share.min(axis=1)
    ranks = np.full(amounts.shape, np.nan)
    is_named = ~shown.is_rest & (np.array(shown.labels) != schema.UNATTRIBUTED)
    ranked = np.flatnonzero(is_named[shown.place])
    ranks[shown.place[ranked]] = (
        comparison.ranks[list(comparison.models)]
        .reindex(wide.index)
        .to_numpy(dtype=np.float64, na_value=np.nan)[ranked]
    )
    inorder = np.lexsort(
        (np.arange(len(spread)), -spread.round(9), ~is_named, np.array(shown.labels) == schema.UNATTRIBUTED)
    )
    rows = pd.DataFrame(
        {
            "model": np.repeat(np.array(comparison.models, dtype=object), len(inorder)),
            "group": np.tile(np.array(shown.labels, dtype=object)[inorder], len(comparison.models)),
            "amount": amounts[inorder].T.ravel(),
            "share": share[inorder].T.ravel(),
            "rank": pd.array(ranks[inorder].T.ravel(), dtype="Float64"),
            "spread": np.tile(spread[inorder], len(comparison.models)),
        }
    )
    return schema.typed(rows, MODEL_CELLS)


def model_comparison(comparison: ModelComparison, *, title: str | None = None, redact: Redact = False) -> go.Figure:
    """The share that each model gives each channel: models as rows, channels as columns.

    Where a column changes its shade, models disagree; the line above says by how many points its largest
    share exceeds its smallest, and the channels with most disagreement come first. Hovering over a cell
    tells the amount and the channel's rank under that model. The rows are those of
    :func:`model_comparison_data`. ``title`` replaces "Share of credit under each model"; like every other
    text it is shown as it is, not as HTML.

    Raises OptionError for what ``compare_models`` did not answer.

    >>> from datalyr_notebook.attribution.attribute import attribute
    >>> from datalyr_notebook.attribution.comparison import compare_models
    >>> from datalyr_notebook.identity.stitching import stitch
    >>> events = pd.DataFrame({
    ...     "timestamp": ["2026-01-01T10:00Z", "2026-01-02T20:00Z"], "event_name": ["pageview", "purchase"],
    ...     "anonymous_id": "anon_1", "source": ["tiktok", None], "value": [None, 50.0],
    ... })
    >>> model_comparison(compare_models(attribute(stitch(events)))).layout.xaxis.title.text
    'Channel, by how far apart models are'
    """
    return draw_comparison(model_comparison_data(comparison, redact=redact), comparison, title=title)


def draw_comparison(cells: pd.DataFrame, comparison: ModelComparison, *, title: str | None = None) -> go.Figure:
    """The figure of a comparison's rows of :func:`model_comparison_data`."""
    groups = cells["group"].drop_duplicates().tolist()
    models = list(comparison.models) if groups else []
    drawn = [*_cells(cells, len(models), comparison), _apart(cells)] if groups else []
    figure = themed(go.Figure(drawn))
    by = " / ".join(comparison.grouped_by)
    told = f"{counted(comparison.count, 'conversion')} worth {comparison.value:,.2f}; hover for ranks"
    headed(figure, f"Share of {comparison.metric} under each model", title=title, subtitle=told)
    figure.update_layout(
        height=230 + _ROW * (max(len(models), 3) + 1), margin={"t": 70, "b": 10, "l": 40, "r": 20}, showlegend=False
    )
    labels = [shortened(group, 22) for group in groups] or [""]
    figure.update_xaxes(
        title=f"{escaped(shortened(by, 60)).capitalize()}, by how far apart models are",
        tickvals=list(range(len(groups))),
        ticktext=[escaped(label) for label in labels[: len(groups)]],
        tickfont={"size": TEXT_SIZE},
        tickangle=-35 if len(groups) * max(map(len, labels)) > _LINE else 0,
        showgrid=False,
        automargin=True,
    )
    figure.update_yaxes(
        title="Model",
        range=[max(len(models), 1) - 0.5, -1.5],
        tickvals=list(range(-1, len(models))) if models else [],
        ticktext=["<i>points apart</i>", *(escaped(shortened(model)) for model in models)] if models else [],
        ticks="",
        tickfont={"size": TEXT_SIZE},
        showgrid=False,
        automargin=True,
    )
    if not groups:
        say_empty(figure, "No conversion counts.")
    return figure


def _cells(cells: pd.DataFrame, models: int, comparison: ModelComparison) -> list[go.Heatmap | go.Scatter]:
    share = cells["share"].to_numpy().reshape(models, -1)
    ranked = len(comparison.ranks)
    hovers = []
    numbers = cells[["amount", "share", "rank", "spread"]].to_numpy(dtype=np.float64, na_value=np.nan)
    for group, model, (amount, part, rank, spread) in zip(cells["group"], cells["model"], numbers, strict=True):
        lines = [f"{shortened(group, 60)}, {shortened(model)}", f"{comparison.metric} {amount:,.2f} ({part:.1%})"]
        lines += [] if np.isnan(rank) else [f"rank {rank:.0f} of {ranked}"]
        lines.append(f"models are up to {spread * 100:.1f} points apart")
        hovers.append(escaped_lines(lines))
    return heat_map(
        share,
        np.array([[_percent(one) for one in row] for row in share], dtype=object),
        np.array(hovers, dtype=object).reshape(share.shape),
        x=np.arange(share.shape[1]),
        y=np.arange(models),
        scale=_SCALE,
        colorbar={
            "title": {"text": f"Share of<br>{comparison.metric}", "font": {"size": TEXT_SIZE}},
            "tickformat": ".0%",
            "tickfont": {"size": TEXT_SIZE, "color": INK},
            "thickness": 12,
            "outlinewidth": 0,
        },
    )


def _apart(cells: pd.DataFrame) -> go.Scatter:
    """The numbers above the columns."""
    spread = cells.drop_duplicates("group")["spread"]
    return go.Scatter(
        x=np.arange(len(spread)),
        y=np.full(len(spread), -1),
        mode="text",
        text=[f"{apart * 100:.1f}" for apart in spread],
        textfont={"size": TEXT_SIZE, "color": INK},
        hoverinfo="skip",
        meta={"points": True},
    )


def _percent(share: float) -> str:
    """As few digits as a cell has room for; nothing for nothing."""
    if np.isnan(share) or share == 0:
        return ""
    return "<1%" if 0 < share < 0.005 else f"{share:.0%}"
