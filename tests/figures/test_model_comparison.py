"""model_comparison: the rows by value, the figure by its traces and axes."""

from __future__ import annotations

import json

import pandas as pd
import pytest

from datalyr_notebook import schema
from datalyr_notebook.attribution.comparison import ModelComparison
from datalyr_notebook.errors import OptionError
from datalyr_notebook.figures.largest import MOST_GROUPS, OTHERS
from datalyr_notebook.figures.layout import heading_lines
from datalyr_notebook.figures.model_comparison import MODEL_CELLS, model_comparison, model_comparison_data

Cell = tuple[str, str, float, float, int | None]
CREDIT: list[Cell] = [
    ("hybrid", "Email", 60.0, 0.6, 1),
    ("hybrid", "Direct", 30.0, 0.3, 2),
    ("hybrid", "unattributed", 10.0, 0.1, None),
    ("linear", "Email", 50.0, 0.5, 1),
    ("linear", "Direct", 40.0, 0.4, 2),
    ("linear", "unattributed", 10.0, 0.1, None),
    ("last_touch", "Direct", 90.0, 0.9, 1),
    ("last_touch", "Email", 0.0, 0.0, 2),
    ("last_touch", "unattributed", 10.0, 0.1, None),
]


def comparison(cells: list[Cell] = CREDIT) -> ModelComparison:
    credit = pd.DataFrame(cells, columns=["model", "channel", "credit", "share", "rank"])
    return ModelComparison(
        credit=credit.assign(conversions=1.0).astype({"rank": "Int64", "credit": "float64", "share": "float64"}),
        disagreements=schema.empty(schema.MODEL_DISAGREEMENTS),
        conversions=schema.empty(schema.CONTESTED),
        grouped_by=("channel",),
        models=tuple(credit["model"].drop_duplicates()),
        metric="credit",
        value=100.0,
        count=3,
    )


def test_the_channel_on_which_models_are_farthest_apart_comes_first_and_unattributed_last() -> None:
    rows = model_comparison_data(comparison())
    assert rows.columns.tolist() == schema.names(MODEL_CELLS)
    assert rows["model"].drop_duplicates().tolist() == ["hybrid", "linear", "last_touch"]
    # Direct 30 to 90, Email 0 to 60: equally far apart, so the one that the first model gives more.
    assert rows["group"].tolist() == ["Email", "Direct", "unattributed"] * 3
    assert rows["amount"].tolist() == [60.0, 30.0, 10.0, 50.0, 40.0, 10.0, 0.0, 90.0, 10.0]
    assert rows["spread"].tolist() == pytest.approx([0.6, 0.6, 0.0] * 3)
    assert rows["rank"].fillna(0).tolist() == [1, 2, 0, 1, 2, 0, 2, 1, 0]


def test_a_cell_for_every_model_and_channel() -> None:
    figure = model_comparison(comparison())
    cells, written, points = figure.data
    assert [list(row) for row in cells.z] == [[0.6, 0.3, 0.1], [0.5, 0.4, 0.1], [0.0, 0.9, 0.1]]
    assert [list(row) for row in cells.text] == [["60%", "30%", "10%"], ["50%", "40%", "10%"], ["", "90%", "10%"]]
    assert list(written.text) == ["60%", "30%", "10%", "50%", "40%", "10%", "90%", "10%"]
    assert list(zip(written.x, written.y, strict=True))[-2:] == [(1, 2), (2, 2)]
    assert cells.hovertext[2][1] == (
        "Direct, last_touch<br>credit 90.00 (90.0%)<br>rank 1 of 2<br>models are up to 60.0 points apart"
    )
    assert "rank" not in cells.hovertext[2][2]
    assert (cells.zmin, cells.zmax) == (0, 0.9)
    assert list(points.text) == ["60.0", "60.0", "0.0"]
    assert figure.layout.xaxis.ticktext == ("Email", "Direct", "unattributed")
    assert figure.layout.yaxis.ticktext == ("<i>points apart</i>", "hybrid", "linear", "last_touch")
    assert list(figure.layout.yaxis.range) == [2.5, -1.5]
    assert figure.layout.xaxis.title.text == "Channel, by how far apart models are"
    assert heading_lines(figure)[1] == "3 conversions worth 100.00; hover for ranks"
    assert "sendChartToCloud" in figure.layout.template.layout.modebar.remove


def test_the_rest_of_many_channels_is_one_column_without_a_rank() -> None:
    cells = [("hybrid", f"c{place:02}", 20.0 - place, (20.0 - place) / 210, place + 1) for place in range(20)]
    rows = model_comparison_data(comparison([*cells, ("hybrid", "unattributed", 0.0, 0.0, None)]))
    assert rows["group"].tolist()[-2:] == [f"9 {OTHERS}", "unattributed"]
    assert len(rows) == MOST_GROUPS + 1
    assert rows["amount"].tolist()[-2] == sum(range(1, 10))
    assert rows["rank"].tolist()[:-2] == list(range(1, MOST_GROUPS))
    assert rows["rank"].isna().tolist()[-2:] == [True, True]


def test_a_small_share_is_not_called_nothing() -> None:
    figure = model_comparison(comparison([("hybrid", "Email", 1.0, 0.001, 2), ("hybrid", "Direct", 999.0, 0.999, 1)]))
    assert sorted(figure.data[0].text[0]) == ["100%", "<1%"]


def test_text_from_events_is_shown_as_it_is() -> None:
    hostile = "<img src=x onerror=alert(1)>$x$"
    figure = model_comparison(comparison([(hostile, hostile, 1.0, 1.0, 1)]), title=hostile)
    shown = str(json.loads(figure.to_json()))
    assert not [text for text in ("<img", "$x$") if text in shown]


def test_no_conversion_is_said() -> None:
    figure = model_comparison(comparison([]))
    assert len(figure.data) == 0
    assert figure.layout.annotations[0].text == "No conversion counts."
    assert model_comparison_data(comparison([])).columns.tolist() == schema.names(MODEL_CELLS)


def test_what_is_no_comparison_is_refused() -> None:
    with pytest.raises(OptionError, match=r"comparison='DataFrame' is not known. Use what result.compare"):
        model_comparison(pd.DataFrame())  # type: ignore[arg-type]
