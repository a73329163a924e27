"""match_rate_over_time: the rows by value, the figure by its traces and axes."""

from __future__ import annotations

import json
import logging
from typing import Any

import numpy as np
import pandas as pd
import pytest

import datalyr_notebook as dn
from datalyr_notebook import schema
from datalyr_notebook.errors import OptionError
from datalyr_notebook.figures.layout import heading_lines
from datalyr_notebook.figures.match_rate import (
    EVERYTHING,
    MATCH_LINES,
    MISSING,
    MOST_LINES,
    match_rate_over_time,
    match_rate_over_time_data,
)

EVENTS = pd.DataFrame(
    [
        # Web has events in the weeks of Dec 29, Jan 5 and Jan 19; the app only in that of Jan 5.
        ("2026-01-01T10:00Z", "a", "u1", "web", 10.0),
        ("2026-01-02T10:00Z", "b", None, "web", 30.0),
        ("2026-01-06T10:00Z", "b", None, "web", None),
        ("2026-01-07T10:00Z", "c", "u2", "swift", None),
        ("2026-01-20T10:00Z", "a", "u1", "web", None),
    ],
    columns=["timestamp", "anonymous_id", "user_id", "sdk", "value"],
).assign(event_name="purchase")
STITCHED = dn.stitch(EVENTS)


def test_a_row_for_each_line_and_week_the_busiest_line_first() -> None:
    rows = match_rate_over_time_data(STITCHED)
    assert rows.columns.tolist() == schema.names(MATCH_LINES)
    assert rows["line"].tolist() == ["web", "web", "web", "swift"]
    assert rows["start"].dt.strftime("%m-%d").tolist() == ["12-29", "01-05", "01-19", "01-05"]
    assert rows["share"].tolist() == [0.5, 0.0, 1.0, 1.0]
    assert rows["events"].tolist() == [2, 1, 1, 1]


def test_people_and_value() -> None:
    assert match_rate_over_time_data(STITCHED, measure="people", split=None)["share"].tolist() == [0.5, 0.5, 1.0]
    value = match_rate_over_time_data(STITCHED, measure="value", split=None)
    assert value["share"].iloc[0] == 0.25
    assert value["share"].iloc[1:].isna().all()
    assert value["line"].tolist() == [EVERYTHING] * 3


def test_a_line_is_broken_where_it_has_no_event() -> None:
    figure = match_rate_over_time(STITCHED)
    web, swift = figure.data
    assert [trace.name for trace in figure.data] == ["web", "swift"]
    assert [str(when)[:10] for when in web.x] == ["2025-12-29", "2026-01-05", "2026-01-19"]
    assert list(web.y) == [0.5, 0.0, 1.0]
    assert [bool(np.isnan(share)) for share in swift.y] == [True, False, True]
    assert not swift.connectgaps
    assert (web.line.dash, web.marker.symbol) != (swift.line.dash, swift.marker.symbol)
    assert web.line.dash != swift.line.dash


def test_axes_say_what_they_show() -> None:
    figure = match_rate_over_time(STITCHED, by="month", measure="value")
    assert figure.layout.xaxis.title.text == "Start of the month (UTC)"
    assert figure.layout.yaxis.title.text == "Matched share of value"
    assert heading_lines(figure)[0] == "Matched share of value by month"
    assert figure.layout.yaxis.tickformat == ".0%"
    assert "sendChartToCloud" in figure.layout.template.layout.modebar.remove
    assert match_rate_over_time(STITCHED, split=None).layout.showlegend is False


def test_ticks_stand_on_periods_and_leave_each_other_room() -> None:
    days = pd.date_range("2026-01-01T10:00Z", periods=30, freq="D").astype(str)
    long = dn.stitch(pd.DataFrame({"timestamp": days, "event_name": "x", "user_id": "u"}))
    ticks = match_rate_over_time(long, by="day").layout.xaxis.tickvals
    assert [str(tick)[:10] for tick in ticks[:2]] == ["2026-01-01", "2026-01-05"]
    assert len(ticks) == 8


def test_only_the_busiest_lines_are_drawn_and_what_is_missing_has_a_name() -> None:
    names = [f"c{place:02}" for place in range(12) for _ in range(20 - place)]
    events = pd.DataFrame({"timestamp": "2026-01-01T10:00Z", "event_name": "x", "user_id": "u", "campaign": names})
    events["event_id"] = [f"e{place}" for place in range(len(events))]
    events.loc[events["campaign"] == "c00", "campaign"] = None
    lines = match_rate_over_time_data(dn.stitch(events), split="campaign")["line"].tolist()
    assert lines == [MISSING, *(f"c{place:02}" for place in range(1, MOST_LINES))]


def test_text_from_events_is_shown_as_it_is() -> None:
    hostile = "<img src=x onerror=alert(1)>$x$"
    figure = match_rate_over_time(dn.stitch(EVENTS.assign(brand=hostile)), split="brand", title=hostile)
    assert figure.data[0].name.startswith("&lt;img")
    shown = json.loads(figure.to_json())
    assert not [text for text in ("<img", "$x$") if text in str(shown)]


def test_events_that_are_not_stitched_are_stitched_and_that_is_said(caplog: pytest.LogCaptureFixture) -> None:
    with caplog.at_level(logging.INFO):
        rows = match_rate_over_time_data(EVENTS)
    assert "match_rate_over_time: these events are not stitched" in caplog.text
    assert len(rows) == 4


def test_no_event_is_said() -> None:
    figure = match_rate_over_time(STITCHED.iloc[:0])
    assert len(figure.data) == 0
    assert figure.layout.annotations[0].text == "No event has a time."


@pytest.mark.parametrize(
    ("options", "words"),
    [
        ({"by": "year"}, "by='year' is not known. Use one of 'day', 'week', 'month'"),
        ({"measure": "credit"}, "measure='credit' is not known. Use one of 'events', 'people', 'value'"),
        ({"split": "brand"}, "by='brand' is not known"),
    ],
)
def test_options_that_are_not_known(options: dict[str, Any], words: str) -> None:
    with pytest.raises(OptionError, match=words):
        match_rate_over_time(STITCHED, **options)
