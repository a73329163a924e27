"""credit_bars: the rows by value, the figure by its traces and axes."""

from __future__ import annotations

import json
from typing import Any

import numpy as np
import pandas as pd
import pytest

import datalyr_notebook as dn
from datalyr_notebook import schema
from datalyr_notebook.errors import OptionError
from datalyr_notebook.figures.credit_bars import CREDIT_BARS, credit_bars, credit_bars_data
from datalyr_notebook.figures.description import describe
from datalyr_notebook.figures.largest import MOST_GROUPS, OTHER_GROUPS, OTHERS
from datalyr_notebook.figures.layout import heading_lines
from datalyr_notebook.figures.theme import channel_color
from tests.contrast import DARK, WHITE, contrast

TOTALS = pd.DataFrame(
    [
        ("hybrid", "unattributed", 5.0, 50.0),
        ("hybrid", "Direct", 1.0, 10.0),
        ("hybrid", "Email", 2.0, 40.0),
        ("linear", "Direct", 3.0, 50.0),
        ("linear", "unattributed", 5.0, 50.0),
    ],
    columns=["model", "channel", "conversions", "credit"],
)


def many(channels: int, **more: Any) -> pd.DataFrame:
    names = [f"c{place:02}" for place in range(channels)]
    credit = np.arange(channels, 0, -1) * 10.0
    return pd.DataFrame({"model": "linear", "channel": names, "conversions": 1.0, "credit": credit, **more})


def test_every_channel_has_a_row_under_every_model_and_unattributed_comes_last() -> None:
    rows = credit_bars_data(TOTALS)
    assert rows.columns.tolist() == schema.names(CREDIT_BARS)
    assert rows[["model", "group", "amount", "share"]].to_numpy().tolist() == [
        ["hybrid", "Email", 40.0, 0.4],
        ["hybrid", "Direct", 10.0, 0.1],
        ["hybrid", "unattributed", 50.0, 0.5],
        ["linear", "Email", 0.0, 0.0],
        ["linear", "Direct", 50.0, 0.5],
        ["linear", "unattributed", 50.0, 0.5],
    ]
    assert rows[["low", "high", "level"]].isna().all(axis=None)


def test_a_bar_a_model_with_its_own_color_and_hatching() -> None:
    figure = credit_bars(TOTALS)
    assert [trace.name for trace in figure.data] == ["hybrid", "linear"]
    assert [list(trace.x) for trace in figure.data] == [[40, 10, 50], [0, 50, 50]]
    assert figure.layout.yaxis.ticktext == ("Email", "Direct", "unattributed")
    assert list(figure.layout.yaxis.range) == [2.5, -0.5]
    assert (figure.layout.xaxis.title.text, figure.layout.yaxis.title.text) == (
        "Credit (conversions' currency)",
        "Channel",
    )
    assert len({trace.marker.color for trace in figure.data}) == 2
    assert len({trace.marker.pattern.shape for trace in figure.data}) == 2
    assert figure.data[0].hovertext[0] == "Email, hybrid<br>credit 40.00 (40.0%)"
    assert figure.layout.showlegend
    assert "sendChartToCloud" in figure.layout.template.layout.modebar.remove


def test_one_model_has_the_colors_of_its_channels() -> None:
    figure = credit_bars(TOTALS[TOTALS["model"] == "hybrid"], metric="conversions")
    (bars,) = figure.data
    assert list(bars.x) == [2, 1, 5]
    assert bars.marker.color[:2] == (channel_color("Email"), channel_color("Direct"))
    assert list(bars.text) == ["2.00", "1.00", "5.00"]
    assert figure.layout.xaxis.title.text == "Conversions (sum of weights)"
    assert heading_lines(figure)[0] == "Conversions by channel"
    assert heading_lines(figure)[1] == "model hybrid"
    assert not figure.layout.showlegend


def test_intervals_are_lines_as_long_as_they_are() -> None:
    table = TOTALS.assign(low=TOTALS["credit"] - 4, high=TOTALS["credit"] + 7, level=0.9)
    figure = credit_bars(table)
    assert list(figure.data[0].error_x.array) == [7, 7, 7]
    assert list(figure.data[0].error_x.arrayminus) == [4, 4, 4]
    assert figure.data[0].hovertext[0].endswith("90% interval: 36.00 to 47.00")
    assert heading_lines(figure)[1] == "2 models; lines are 90% intervals"
    # The channel that the second model gives nothing has no interval there.
    assert np.isnan(figure.data[1].error_x.array[0])
    assert not credit_bars(table, metric="conversions").data[0].error_x.visible


def test_bars_with_intervals_are_seen_and_their_lines_are_read_on_bars_and_pages() -> None:
    many_models = pd.concat([TOTALS.assign(model=f"model_{place}") for place in range(8)], ignore_index=True)
    figure = credit_bars(many_models.assign(low=1.0, high=70.0))
    bars, cores = figure.data[:8], figure.data[8:]
    assert [core.offsetgroup for core in cores] == [bar.offsetgroup for bar in bars]
    assert [list(core.error_x.array) for core in cores] == [list(bar.error_x.array) for bar in bars]
    for bar, core in zip(bars, cores, strict=True):
        assert bar.marker.opacity is None
        assert min(contrast(bar.marker.color, page) for page in (WHITE, DARK)) >= 3
        assert bar.error_x.thickness > core.error_x.thickness
        lines = bar.error_x.color, core.error_x.color
        for below in (bar.marker.color, WHITE, DARK):
            assert max(contrast(line, below) for line in lines) >= 3
        assert contrast(core.error_x.color, bar.marker.color) >= 3


def test_the_cores_of_lines_are_no_bars() -> None:
    with_lines = credit_bars(TOTALS.assign(low=TOTALS["credit"], high=TOTALS["credit"]))
    assert [trace.showlegend for trace in with_lines.data] == [None, None, False, False]
    assert [trace.hoverinfo for trace in with_lines.data] == ["text", "text", "skip", "skip"]
    assert len(describe(with_lines).splitlines()) == len(describe(credit_bars(TOTALS)).splitlines())
    assert len(credit_bars(TOTALS).data) == 2


def test_intervals_of_conversions_are_those_of_conversions() -> None:
    table = TOTALS.assign(conversions_low=0.5, conversions_high=9.0)
    rows = credit_bars_data(table, metric="conversions")
    assert rows[["low", "high"]].iloc[0].tolist() == [0.5, 9.0]
    assert heading_lines(credit_bars(table, metric="conversions"))[1] == "2 models; lines are intervals"


def test_the_rest_of_many_channels_is_one_bar_without_an_interval() -> None:
    rows = credit_bars_data(many(20, low=1.0, high=2.0, level=0.95))
    assert rows["group"].tolist() == [*(f"c{place:02}" for place in range(MOST_GROUPS - 1)), f"9 {OTHERS}"]
    assert rows["amount"].iloc[-1] == sum(10.0 * left for left in range(1, 10))
    assert rows["low"].notna().tolist() == [True] * (MOST_GROUPS - 1) + [False]
    assert credit_bars_data(many(MOST_GROUPS))["group"].tolist() == [f"c{place:02}" for place in range(MOST_GROUPS)]


def test_several_columns_are_one_name() -> None:
    table = many(20).rename(columns={"channel": "source"})
    table.insert(2, "campaign", [None, *["fall"] * 19])
    rows = credit_bars_data(table)
    assert rows["group"].tolist()[:2] == ["c00 / (not set)", "c01 / fall"]
    assert rows["group"].tolist()[-1] == f"9 {OTHER_GROUPS}"
    assert credit_bars(table).layout.yaxis.title.text == "Source / campaign"


def test_names_that_read_alike_keep_their_own_bar() -> None:
    table = many(2).assign(channel=["a / b", "a"]).rename(columns={"channel": "source"})
    table.insert(2, "campaign", ["c", "b / c"])
    assert credit_bars_data(table)["group"].tolist() == ["a / b / c", "a / b / c (2)"]


def test_text_from_events_is_shown_as_it_is() -> None:
    hostile = "<img src=x onerror=alert(1)>$x$"
    figure = credit_bars(many(1).assign(channel=hostile, model=hostile), title=hostile)
    shown = str(json.loads(figure.to_json()))
    assert not [text for text in ("<img", "$x$") if text in shown]


def test_nothing_earned_is_said() -> None:
    figure = credit_bars(TOTALS.iloc[:0])
    assert len(figure.data) == 0
    assert figure.layout.annotations[0].text == "No conversion counts."
    assert credit_bars_data(TOTALS.iloc[:0]).columns.tolist() == schema.names(CREDIT_BARS)


@pytest.mark.parametrize(
    ("totals", "words"),
    [
        ("totals", "totals='str' is not known. Use result.totals"),
        (TOTALS[["model"]], r"totals=\['model'\] is not known"),
    ],
)
def test_what_is_no_table_of_totals_is_refused(totals: Any, words: str) -> None:
    with pytest.raises(OptionError, match=words):
        credit_bars(totals)


def test_a_result_is_drawn_by_its_totals() -> None:
    events = pd.DataFrame(
        {
            "timestamp": ["2026-01-01T10:00Z", "2026-01-02T20:00Z"],
            "event_name": ["pageview", "purchase"],
            "anonymous_id": "a",
            "source": ["tiktok", None],
            "value": [None, 50.0],
        }
    )
    result = dn.attribute(dn.stitch(events), model="linear")
    figure = credit_bars(result)
    assert dict(zip(figure.layout.yaxis.ticktext, figure.data[0].x, strict=True)) == {
        "Direct": 25.0,
        "Organic Social": 25.0,
    }
    assert credit_bars_data(result).equals(credit_bars_data(result.totals))
    with pytest.raises(OptionError, match="metric='money' is not known"):
        credit_bars(result, metric="money")


def test_intervals_of_a_result_are_drawn_as_they_are() -> None:
    result = dn.load_sample("seed_journey").datalyr.stitch().datalyr.attribute(model=["hybrid", "last_touch"])
    rows = credit_bars_data(result.intervals(n=50))
    assert rows["group"].tolist() == ["Paid Social", "Direct"] * 2
    assert rows["amount"].tolist() == [99.99, 0.0, 0.0, 99.99]
    assert rows["low"].notna().tolist() == [True, False, False, True]
    figure = credit_bars(result.intervals(n=50))
    assert heading_lines(figure)[0] == "Credit by channel"
    assert figure.layout.yaxis.ticktext == ("Paid Social", "Direct")
