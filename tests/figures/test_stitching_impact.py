"""stitching_impact_bars: the rows by value, the figure by its traces, labels and axes."""

from __future__ import annotations

import json

import numpy as np
import pandas as pd
import pytest

import datalyr_notebook as dn
from datalyr_notebook import schema
from datalyr_notebook.errors import OptionError
from datalyr_notebook.figures.largest import MOST_GROUPS, OTHERS
from datalyr_notebook.figures.layout import heading_lines
from datalyr_notebook.figures.stitching_impact import IMPACT_BARS, stitching_impact_bars, stitching_impact_bars_data
from datalyr_notebook.studies.impact import StitchingImpact

ROWS = [("Paid Social", 10.0, 70.0, 20.0, 110.0), ("Direct", 80.0, 20.0, -110.0, -20.0)]


def impact(rows: list[tuple[str, float, float, float, float]] = ROWS, *, model: str = "hybrid") -> StitchingImpact:
    """Two channels: stitching gives 60 of Direct's 80 to Paid Social."""
    credit = pd.DataFrame(rows, columns=["channel", "without", "with", "low", "high"])
    credit.insert(3, "change", credit["with"] - credit["without"])
    facts = dict.fromkeys(schema.names(schema.STITCHING_IMPACT), 0.0)
    facts |= {"level": 0.95, "cross_device_share": 0.6 if rows else np.nan}
    return StitchingImpact(
        summary=pd.DataFrame([facts]),
        credit=credit.assign(level=0.95),
        conversions=schema.empty(schema.ACROSS_DEVICES),
        devices=schema.empty(schema.DEVICE_MATRIX),
        model=model,
    )


def test_each_channel_has_a_row_the_largest_with_stitching_first() -> None:
    rows = stitching_impact_bars_data(impact(ROWS[::-1]))
    assert rows.columns.tolist() == schema.names(IMPACT_BARS)
    assert rows.to_numpy().tolist() == [
        ["Paid Social", 10.0, 70.0, 60.0, 20.0, 110.0, 0.95],
        ["Direct", 80.0, 20.0, -60.0, -110.0, -20.0, 0.95],
    ]


def test_many_channels_share_a_row_and_its_interval_is_not_known() -> None:
    many = [(f"c{number:02}", 1.0, 40.0 - number, 0.0, 1.0) for number in range(20)]
    rows = stitching_impact_bars_data(impact([*many, ("unattributed", 99.0, 99.0, 0.0, 0.0)]))
    assert len(rows) == MOST_GROUPS + 1
    assert rows["group"].tolist()[-2:] == [f"9 {OTHERS}", "unattributed"]
    assert rows["low"].isna().tolist() == [False] * (MOST_GROUPS - 1) + [True, False]
    assert rows["with"].sum() == sum(row[2] for row in many) + 99.0


def test_the_figure_draws_both_sides_and_tells_the_change() -> None:
    figure = stitching_impact_bars(impact())
    assert [(bar.name, list(bar.x)) for bar in figure.data] == [
        ("without stitching", [10.0, 80.0]),
        ("with stitching", [70.0, 20.0]),
    ]
    assert figure.layout.yaxis.ticktext == (
        "Paid Social<br>+60.00 (20.00 to 110.00)",
        "Direct<br>-60.00 (-110.00 to -20.00)",
    )
    assert figure.layout.xaxis.title.text == "Credit (in the currency of the conversions)"
    assert figure.layout.yaxis.title.text == "Channel"
    assert "60% of the value crosses devices; in brackets 95% intervals" in heading_lines(figure)[1]
    assert "change +60.00 (20.00 to 110.00)" in figure.data[1].hovertext[0]


def test_nothing_to_draw_is_said() -> None:
    figure = stitching_impact_bars(impact([]))
    assert figure.layout.annotations[0].text == "No conversion counts."


def test_texts_are_shown_not_run() -> None:
    hostile = [("<img src=x onerror=alert(1)>$x$", 1.0, 2.0, 0.0, 1.0)]
    shown = json.dumps(
        stitching_impact_bars(impact(hostile, model="<b>"), title="<script>").to_plotly_json(), default=str
    )
    assert "<img" not in shown
    assert "<script" not in shown
    assert "<b>" not in shown


def test_from_the_accessor() -> None:
    figure = dn.load_sample("seed_journey").datalyr.plot.stitching_impact_bars(n=10, title="Mine")
    assert heading_lines(figure)[0] == "Mine"


def test_something_else_is_refused() -> None:
    with pytest.raises(OptionError, match=r"impact='DataFrame' is not known. Use what stitching_impact"):
        stitching_impact_bars(pd.DataFrame())  # type: ignore[arg-type]
