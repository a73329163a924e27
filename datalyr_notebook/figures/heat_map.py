"""A heat map whose numbers can be read on every one of its colors."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any, Final, TypeAlias

import numpy as np
import numpy.typing as npt
import plotly.graph_objects as go

from datalyr_notebook.figures.theme import TEXT_SIZE, text_on
from datalyr_notebook.order import Floats, Texts

Scale: TypeAlias = Sequence[tuple[float, str]]
"""Colors ("#RRGGBB") of a continuous scale, each with its place from 0 to 1."""

_NAME: Final = "cells"
_GAP: Final = 2


def heat_map(
    shares: Floats,
    texts: npt.NDArray[np.object_],
    hovers: npt.NDArray[np.object_],
    *,
    x: list[Any] | npt.NDArray[Any],
    y: list[Any] | npt.NDArray[Any],
    scale: Scale,
    colorbar: dict[str, Any] | None = None,
) -> list[go.Heatmap | go.Scatter]:
    """Cells from 0 to the largest share, and what is written in them, black or white, whichever is read better.

    ``shares``, ``texts``, ``hovers``: a row a place of ``y``, a column a place of ``x``; NaN is no cell.
    Texts are escaped. Without a ``colorbar`` no scale is shown.

    >>> heat_map(np.array([[0.0, 1.0]]), np.array([["", "100%"]], dtype=object), np.array([["", ""]], dtype=object),
    ...          x=[0, 1], y=[0], scale=((0.0, "#FFFFFF"), (1.0, "#08306B")))[1].textfont.color
    ('#FFFFFF',)
    """
    top = max(float(np.nanmax(shares, initial=0.0)), 0.01)
    cells = go.Heatmap(
        z=shares,
        x=x,
        y=y,
        name=_NAME,
        text=texts,
        hovertext=hovers,
        hoverinfo="text",
        hoverongaps=False,
        colorscale=[list(stop) for stop in scale],
        zmin=0,
        zmax=top,
        xgap=_GAP,
        ygap=_GAP,
        showscale=colorbar is not None,
        colorbar=colorbar,
    )
    # plotly would write all cells of a heat map in one color, or gray on middle tones.
    row, column = np.nonzero(~np.isnan(shares) & (texts != ""))
    written = go.Scatter(
        x=[x[place] for place in column.tolist()],
        y=[y[place] for place in row.tolist()],
        mode="text",
        name=_NAME,
        text=texts[row, column],
        textfont={"size": TEXT_SIZE, "color": [text_on(one) for one in cell_colors(shares[row, column] / top, scale)]},
        hoverinfo="skip",
        showlegend=False,
    )
    return [cells, written]


def cell_colors(places: Floats, scale: Scale) -> Texts:
    """The colors ("#RRGGBB") at places of a scale, 0 to 1, as plotly mixes them.

    >>> cell_colors(np.array([0.0, 0.5]), ((0.0, "#000000"), (1.0, "#FF0080"))).tolist()
    ['#000000', '#800040']
    """
    stops = [stop for stop, _ in scale]
    parts = [np.interp(places, stops, [int(color[at : at + 2], 16) for _, color in scale]) for at in (1, 3, 5)]
    mixed = np.rint(np.array(parts)).astype(np.int64).T
    return np.array([f"#{red:02X}{green:02X}{blue:02X}" for red, green, blue in mixed.tolist()], dtype=object)
