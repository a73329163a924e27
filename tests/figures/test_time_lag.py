"""time_lag_histogram: the bars by value, the figure by its traces and axes."""

from __future__ import annotations

import json

import pandas as pd
import pytest

import datalyr_notebook as dn
from datalyr_notebook import schema
from datalyr_notebook.errors import OptionError
from datalyr_notebook.figures.layout import heading_lines
from datalyr_notebook.figures.time_lag import LAG_BARS, MOST_BARS, time_lag_histogram, time_lag_histogram_data


def lags(counts: dict[int, int], unit: str = "day", since: str = "first_touch") -> pd.DataFrame:
    """Each conversion is worth 10."""
    table = pd.DataFrame({"lag": list(counts), "conversions": list(counts.values()), "unit": unit, "since": since})
    share = table["conversions"] / table["conversions"].sum()
    return schema.typed(
        table.assign(value=10.0 * table["conversions"], share=share, share_up_to=share.cumsum()), schema.TIME_LAGS
    )


def test_lags_that_nobody_took_have_a_bar_of_nothing() -> None:
    bars = time_lag_histogram_data(lags({0: 6, 3: 2}))
    assert bars.columns.tolist() == schema.names(LAG_BARS)
    assert bars.to_numpy().tolist() == [
        [0, "0", 6, 60.0, 0.75, 0.75],
        [1, "1", 0, 0.0, 0.0, 0.75],
        [2, "2", 0, 0.0, 0.0, 0.75],
        [3, "3", 2, 20.0, 0.25, 1.0],
    ]


def test_the_tail_is_one_bar() -> None:
    # 98 of 100 came by day 2; days 5 and 80 are what is left.
    bars = time_lag_histogram_data(lags({0: 90, 2: 8, 5: 1, 80: 1}))
    assert bars[["label", "conversions"]].to_numpy().tolist() == [["0", 90], ["1", 0], ["2", 8], ["3+", 2]]
    assert bars["share_up_to"].tolist() == [0.9, 0.9, 0.98, 1.0]
    # 97 of 100 do not reach the tail's share.
    assert time_lag_histogram_data(lags({0: 90, 2: 7, 5: 1, 80: 2}))["label"].tolist()[-1] == "6+"


def test_a_single_lag_behind_the_others_keeps_its_name() -> None:
    assert time_lag_histogram_data(lags({0: 99, 1: 1}))["label"].tolist() == ["0", "1"]


def test_bars_hold_several_lags_where_one_each_would_be_too_many() -> None:
    # 90 hours need bars of three hours to be at most 45.
    bars = time_lag_histogram_data(lags(dict.fromkeys(range(90), 1), unit="hour"))
    assert bars["label"].tolist()[:2] == ["0-2", "3-5"]
    assert bars["conversions"].tolist() == [3] * 30
    assert bars["lag"].tolist()[-1] == 87
    # 4,900 conversions at days 0 and 3000, 100 beyond.
    far = time_lag_histogram_data(lags({0: 2500, 3000: 2400, 9000: 100}))
    assert len(far) <= MOST_BARS
    assert far["conversions"].sum() == 5000
    assert far["label"].iloc[-1].endswith("+")
    assert far["conversions"].iloc[-1] == 100


@pytest.mark.parametrize("unit", ["hour", "day", "week"])
@pytest.mark.parametrize("longest", [0, 1, 43, 44, 45, 46, 89, 1000, 20_000])
def test_bars_are_never_too_many_and_hold_everything(unit: str, longest: int) -> None:
    bars = time_lag_histogram_data(lags({lag: 1 + lag % 3 for lag in range(0, longest + 1, 7)} | {longest: 50}, unit))
    assert 1 <= len(bars) <= MOST_BARS
    assert bars["share_up_to"].iloc[-1] == 1.0
    assert len(set(bars["lag"].diff().dropna())) <= 1


def test_bars_and_the_share_by_then() -> None:
    figure = time_lag_histogram(lags({0: 90, 2: 8, 5: 1, 80: 1}, since="last_touch"))
    bars, line = figure.data
    assert (bars.type, list(bars.y)) == ("bar", [90, 0, 8, 2])
    assert (line.type, line.yaxis, list(line.y)) == ("scatter", "y2", [0.9, 0.9, 0.98, 1.0])
    assert list(bars.marker.pattern.shape) == ["", "", "", "/"]
    assert bars.hovertext[3] == "3+ days<br>2 conversions (2.0%) worth 20.00<br>100.0% by then"
    assert figure.layout.xaxis.title.text == "Days from the last touch to the conversion"
    assert figure.layout.yaxis.title.text == "Conversions"
    assert figure.layout.yaxis2.title.text == "Share by then"
    assert figure.layout.xaxis.ticktext == ("0", "1", "2", "3+")
    assert heading_lines(figure)[1] == ("100 conversions with a touch; half within 1 day, 90% within 1 day")
    assert "sendChartToCloud" in figure.layout.template.layout.modebar.remove


def test_labels_leave_each_other_room() -> None:
    ticks = time_lag_histogram(lags(dict.fromkeys(range(40), 2) | {200: 1}, unit="week")).layout.xaxis.ticktext
    assert len(ticks) <= 15
    assert ticks[:2] == ("0", "3")
    assert ticks[-1] == "40+"


def test_it_draws_what_attribute_answers() -> None:
    events = pd.DataFrame(
        {
            "timestamp": ["2026-01-01T10:00Z", "2026-01-03T09:00Z", "2026-01-09T09:00Z"],
            "event_name": ["pageview", "purchase", "purchase"],
            "user_id": "u1",
            "session_id": "s1",
            "anonymous_id": "d1",
            "source": ["tiktok", None, None],
            "value": [None, 50.0, 20.0],
        }
    )
    result = dn.attribute(dn.stitch(events))
    bars = time_lag_histogram_data(result)
    assert bars.loc[bars["conversions"] > 0, ["lag", "value"]].to_numpy().tolist() == [[1, 50.0], [7, 20.0]]


def test_the_title_is_shown_as_it_is() -> None:
    written = str(json.loads(time_lag_histogram(lags({0: 1}), title="<img src=x>$x$").to_json()))
    assert not [text for text in ("<img", "$x$") if text in written]


def test_no_conversion_with_a_touch_is_said() -> None:
    none = schema.empty(schema.TIME_LAGS)
    figure = time_lag_histogram(none)
    assert len(figure.data) == 0
    assert figure.layout.annotations[0].text == "No conversion has a touch."
    assert figure.layout.xaxis.title.text == "Days from the first touch to the conversion"
    assert time_lag_histogram_data(none).dtypes.to_dict() == schema.empty(LAG_BARS).dtypes.to_dict()


def test_tables_that_are_another() -> None:
    with pytest.raises(OptionError, match=r"lags='DataFrame' is not known. Use what attribute\(...\)"):
        time_lag_histogram(pd.DataFrame({"lag": [1]}))
    both = pd.concat([lags({0: 1}), lags({0: 1}, since="last_touch")])
    with pytest.raises(OptionError, match="one unit, one since"):
        time_lag_histogram(both)
    with pytest.raises(OptionError, match=r"unit='month' is not known. Use one of 'hour', 'day', 'week'"):
        time_lag_histogram(lags({0: 1}, unit="month"))
