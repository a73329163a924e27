"""Windows: half-open, without gap or overlap, asked for with dates that are inclusive at both ends."""

from __future__ import annotations

import numpy as np
import pandas as pd
import pytest
from hypothesis import given
from hypothesis import strategies as st

from datalyr_notebook.api.windows import Window, row_times, windows
from datalyr_notebook.errors import OptionError
from datalyr_notebook.loading.clock import MISSING

SECOND = 1_000_000
DAY = 86_400 * SECOND


def utc(text: str) -> pd.Timestamp:
    return pd.Timestamp(text, tz="UTC")


def test_three_days_are_three_windows_and_the_last_may_be_shorter() -> None:
    found = windows(utc("2026-03-28"), utc("2026-03-30T12:00"), DAY)
    assert [(one.dates["start_date"], one.dates["end_date"]) for one in found] == [
        ("2026-03-28T00:00:00Z", "2026-03-29T00:00:00Z"),
        ("2026-03-29T00:00:00Z", "2026-03-30T00:00:00Z"),  # the day on which clocks change in Europe has 24 hours
        ("2026-03-30T00:00:00Z", "2026-03-30T12:00:00Z"),
    ]


def test_a_moment_on_the_edge_belongs_to_the_window_that_it_begins() -> None:
    early, late = windows(utc("2026-01-01"), utc("2026-01-03"), DAY)
    edge = early.end_us
    times = np.array([edge - 1, edge, edge + 1, MISSING, edge - 2 * DAY])
    assert early.split(times).kept.tolist() == [True, False, False, False, False]
    assert late.split(times).kept.tolist() == [False, True, True, False, False]
    # One microsecond after the last date that was asked for, and two days before it.
    assert (early.split(times).without_time, early.split(times).outside) == (1, 2)


def test_dates_are_asked_for_in_whole_seconds_and_rows_are_kept_to_the_microsecond() -> None:
    window = Window(1_500_000, 2_250_000)
    assert window.dates == {"start_date": "1970-01-01T00:00:01Z", "end_date": "1970-01-01T00:00:03Z"}
    assert window.split(np.array([1_499_999, 1_500_000, 2_249_999, 2_250_000])).kept.tolist() == [
        False,
        True,
        True,
        False,
    ]
    assert window.split(np.array([1_000_000, 3_000_000, 3_000_001])).outside == 1


def test_names_differ_where_starts_differ_and_hold_nothing_a_file_name_may_not() -> None:
    names = [one.name for one in windows(utc("2026-01-01"), utc("2026-01-01T00:00:02"), SECOND // 2)]
    assert names[:3] == ["2026-01-01T00-00-00Z", "2026-01-01T00-00-00.500000Z", "2026-01-01T00-00-01Z"]


def test_no_time_has_no_windows() -> None:
    assert windows(utc("2026-01-01"), utc("2026-01-01"), DAY) == []


def test_an_end_before_the_start_and_a_window_of_nothing_are_refused() -> None:
    with pytest.raises(
        OptionError, match=r"events: end='2026-01-01 .*Use a moment that is not before start='2026-01-02"
    ):
        windows(utc("2026-01-02"), utc("2026-01-01"), DAY)
    with pytest.raises(OptionError, match="at most 100,000 windows"):
        windows(utc("2026-01-01"), utc("2027-01-01"), SECOND)


def test_a_time_is_read_where_normalize_events_reads_it() -> None:
    rows = [
        {"timestamp": "2026-01-01T01:00:00+01:00", "identified_at": "2030-01-01"},
        {"timestamp": "", "identifiedAt": "2026-01-01T00:00:01Z"},
        {"timestamp": None, "aliased_at": 1767225602},
        {"timestamp": "yesterday"},
        {"ts": "2026-01-01"},
        {"timestamp": {"seconds": 3}},
    ]
    start = int(utc("2026-01-01").value // 1_000)
    assert row_times(rows).tolist() == [start, start + SECOND, start + 2 * SECOND, MISSING, MISSING, MISSING]
    assert row_times([]).tolist() == []


@given(
    start=st.integers(-10 * DAY, 60_000 * DAY),
    span=st.integers(1, 40 * DAY),
    length=st.integers(DAY // 7, 9 * DAY),
    parts=st.lists(st.floats(-0.2, 1.2), min_size=1, max_size=40),
)
def test_every_row_of_the_time_is_kept_by_exactly_one_window_which_asks_for_it(
    start: int, span: int, length: int, parts: list[float]
) -> None:
    begin, end = (pd.Timestamp(at, unit="us", tz="UTC") for at in (start, start + span))
    times = np.array([start, start + span, *(start + int(part * span) for part in parts)], dtype=np.int64)
    found = windows(begin, end, length)
    kept = np.array([one.split(times).kept for one in found])
    assert kept.sum(axis=0).tolist() == ((times >= start) & (times < start + span)).astype(int).tolist()
    for one, flags in zip(found, kept, strict=True):
        assert (times[flags] >= one.first_us).all()
        assert (times[flags] <= one.last_us).all()
    assert len({one.name for one in found}) == len(found)
