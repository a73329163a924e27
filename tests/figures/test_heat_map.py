"""Heat maps: what is written in a cell can be read on its color, whatever its share."""

from __future__ import annotations

import numpy as np
import pytest

from datalyr_notebook.figures.cross_device import _SCALE as VIOLETS
from datalyr_notebook.figures.heat_map import cell_colors, heat_map
from datalyr_notebook.figures.model_comparison import _SCALE as BLUES
from tests.contrast import contrast

SCALES = {"model_comparison": BLUES, "cross_device_matrix": VIOLETS}


@pytest.mark.parametrize("name", SCALES)
def test_every_cell_can_be_read(name: str) -> None:
    shares = np.linspace(0, 0.8, 401).reshape(1, -1)
    texts = np.full(shares.shape, "x", dtype=object)
    cells, written = heat_map(shares, texts, texts, x=np.arange(401), y=[0], scale=SCALES[name])
    assert (cells.zmin, cells.zmax) == (0, 0.8)
    colors = cell_colors(shares[0] / 0.8, [tuple(stop) for stop in cells.colorscale])
    assert min(map(contrast, written.textfont.color, colors)) >= 4.5


def test_colors_are_mixed_between_the_stops() -> None:
    scale = ((0.0, "#F7FBFF"), (0.25, "#C6DBEF"), (1.0, "#08306B"))
    assert cell_colors(np.array([0.0, 0.125, 0.25, 1.0]), scale).tolist() == [
        "#F7FBFF",
        "#DEEBF7",
        "#C6DBEF",
        "#08306B",
    ]


def test_what_is_blank_or_no_cell_has_no_text() -> None:
    shares = np.array([[0.5, np.nan], [0.0, 1.0]])
    texts = np.array([["a", "b"], ["", "d"]], dtype=object)
    _, written = heat_map(shares, texts, texts, x=["l", "r"], y=["top", "low"], scale=VIOLETS)
    assert list(zip(written.text, written.x, written.y, strict=True)) == [("a", "l", "top"), ("d", "r", "low")]
    # A text that lay over its cell would keep the pointer from it.
    assert written.hoverinfo == "skip"
