"""credit_over_time: the rows by value, the figure by its traces and axes."""

from __future__ import annotations

import json
from typing import Any

import pandas as pd
import pytest

import datalyr_notebook as dn
from datalyr_notebook import schema
from datalyr_notebook.attribution.result import Attribution
from datalyr_notebook.errors import OptionError
from datalyr_notebook.figures.credit_over_time import CREDIT_PERIODS, credit_over_time, credit_over_time_data
from datalyr_notebook.figures.largest import MOST_GROUPS, OTHER_GROUPS
from datalyr_notebook.figures.layout import heading_lines

EVENTS = pd.DataFrame(
    [
        # An ad on Thursday, January 1, and on Monday the 5th; bought on the 5th. An app's order on February 1.
        ("2026-01-01T10:00Z", "pageview", "a", "web", "facebook", "cpc", None),
        ("2026-01-05T00:00Z", "pageview", "a", "web", "newsletter", "email", None),
        ("2026-01-05T00:01Z", "purchase", "a", "web", None, None, 60.0),
        ("2026-02-01T23:59Z", "purchase", "b", "swift", None, None, 10.0),
    ],
    columns=["timestamp", "event_name", "anonymous_id", "sdk", "source", "medium", "value"],
)


def stitched(events: pd.DataFrame) -> pd.DataFrame:
    """Times as times, so that the table is canonical and its source and medium stand."""
    return dn.stitch(events.assign(timestamp=pd.to_datetime(events["timestamp"], utc=True)))


STITCHED = stitched(EVENTS)


def linear(events: pd.DataFrame = STITCHED, model: Any = "linear") -> Attribution:
    return dn.attribute(events, model=model)


def told(rows: pd.DataFrame) -> list[list[Any]]:
    rows = rows[rows["amount"] != 0].assign(start=rows["start"].dt.strftime("%m-%d"))
    return rows[["start", "group", "amount"]].to_numpy().tolist()


def test_credit_counts_in_the_week_of_its_touch_the_unattributed_at_their_own_time() -> None:
    rows = credit_over_time_data(linear())
    assert rows.columns.tolist() == schema.names(CREDIT_PERIODS)
    assert told(rows) == [["12-29", "Paid Social", 30.0], ["01-05", "Email", 30.0], ["01-26", "unattributed", 10.0]]
    # Every group has a row in every period.
    assert rows["group"].tolist() == ["Email", "Paid Social", "unattributed"] * 3
    assert rows["share"].tolist() == [0.0, 1.0, 0.0, 1.0, 0.0, 0.0, 0.0, 0.0, 1.0]


@pytest.mark.parametrize(
    ("period", "date", "rows"),
    [
        ("day", "touch", [["01-01", "Paid Social", 30.0], ["01-05", "Email", 30.0], ["02-01", "unattributed", 10.0]]),
        ("month", "touch", [["01-01", "Email", 30.0], ["01-01", "Paid Social", 30.0], ["02-01", "unattributed", 10.0]]),
        (
            "week",
            "conversion",
            [["01-05", "Email", 30.0], ["01-05", "Paid Social", 30.0], ["01-26", "unattributed", 10.0]],
        ),
    ],
)
def test_periods_are_days_weeks_from_monday_and_months(period: str, date: str, rows: list[list[Any]]) -> None:
    assert told(credit_over_time_data(linear(), period=period, date=date)) == rows


def test_conversions_any_grouping_and_one_of_several_models() -> None:
    several = linear(model=["last_touch", "linear"])
    rows = credit_over_time_data(several, by=["source", "medium"], metric="conversions", date="conversion")
    assert told(rows) == [["01-05", "newsletter / email", 1.0], ["01-26", "unattributed", 1.0]]
    assert told(credit_over_time_data(several, model="linear")) == told(credit_over_time_data(linear()))
    assert heading_lines(credit_over_time(several))[1] == "by channel, model last_touch"


def test_credit_over_time_sums_to_the_totals() -> None:
    result = linear()
    for date in ("touch", "conversion"):
        rows = credit_over_time_data(result, date=date, period="day")
        sums = rows.groupby("group")["amount"].sum()
        assert sums.to_dict() == result.totals.set_index("channel")["credit"].to_dict()


def test_a_bar_a_period_and_a_segment_a_channel() -> None:
    figure = credit_over_time(linear())
    assert [trace.name for trace in figure.data] == ["Email", "Paid Social", "unattributed"]
    assert [str(start)[:10] for start in figure.data[0].x] == ["2025-12-29", "2026-01-05", "2026-01-26"]
    assert [list(trace.y) for trace in figure.data] == [[0, 30, 0], [30, 0, 0], [0, 0, 10]]
    assert figure.layout.barmode == "relative"
    assert figure.layout.xaxis.title.text == "Start of the week of the touch (UTC)"
    assert figure.layout.yaxis.title.text == "Credit (conversions' currency)"
    assert figure.data[1].hovertext[0] == ("Paid Social<br>week from Dec 29, 2025<br>credit 30.00 (100.0% of the week)")
    assert len({trace.marker.pattern.shape for trace in figure.data}) == 3
    assert "sendChartToCloud" in figure.layout.template.layout.modebar.remove


def test_one_period_does_not_fill_the_figure() -> None:
    figure = credit_over_time(linear(STITCHED.iloc[3:]), period="day")
    first, last = (pd.Timestamp(end) for end in figure.layout.xaxis.range)
    assert last - first == pd.Timedelta("5D")
    assert figure.layout.showlegend


def test_the_rest_of_many_channels_is_one_segment() -> None:
    events = [
        ("2026-01-01T10:00Z", "pageview", f"a{place}", "web", f"s{place:02}", "m", None) for place in range(20)
    ] + [("2026-01-01T10:01Z", "purchase", f"a{place}", "web", None, None, 20.0 - place) for place in range(20)]
    result = linear(stitched(pd.DataFrame(events, columns=EVENTS.columns)))
    rows = credit_over_time_data(result, by="source")
    assert rows["group"].tolist()[:2] == ["s00", "s01"]
    assert len(rows) == MOST_GROUPS
    assert rows["amount"].tolist()[-1] == sum(range(1, 10))
    assert rows["group"].tolist()[-1] == f"9 {OTHER_GROUPS}"


def test_text_from_events_is_shown_as_it_is() -> None:
    hostile = "<img src=x onerror=alert(1)>$x$"
    result = linear(stitched(EVENTS.assign(source=EVENTS["source"].where(EVENTS["source"].isna(), hostile))))
    shown = str(json.loads(credit_over_time(result, by="source", title=hostile).to_json()))
    assert not [text for text in ("<img", "$x$") if text in shown]


def test_no_conversion_is_said() -> None:
    result = linear(STITCHED.iloc[:2])
    assert credit_over_time(result).layout.annotations[0].text == "No conversion counts."
    assert credit_over_time_data(result).columns.tolist() == schema.names(CREDIT_PERIODS)
    assert len(credit_over_time_data(result)) == 0


@pytest.mark.parametrize(
    ("options", "words"),
    [
        ({"period": "year"}, "period='year' is not known. Use one of 'day'"),
        ({"date": "order"}, "date='order' is not known. Use one of 'touch'"),
        ({"metric": "money"}, "metric='money' is not known"),
        ({"model": "hybrid"}, "model='hybrid' is not known. Use a touch model of this result: 'linear'"),
        ({"by": "colour"}, "by='colour' is not known"),
    ],
)
def test_options_that_are_not_known(options: dict[str, Any], words: str) -> None:
    with pytest.raises(OptionError, match=words):
        credit_over_time(linear(), **options)


def test_total_models_and_tables_have_no_touches() -> None:
    with pytest.raises(OptionError, match="Use a result with a touch model"):
        credit_over_time(linear(model="participation"))
    with pytest.raises(OptionError, match="result='DataFrame' is not known"):
        credit_over_time(STITCHED)  # type: ignore[arg-type]
