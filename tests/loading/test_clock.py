"""Timestamps of every kind become UTC microseconds; the instants were worked out by hand."""

from __future__ import annotations

import datetime as dt
from decimal import Decimal
from typing import Any

import numpy as np
import pandas as pd
import pyarrow as pa
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from datalyr_notebook.loading.clock import MISSING, read_times

# 2026-01-01T00:00Z is 56 years after 1970, 14 of them leap years: (56 * 365 + 14) * 86,400 s.
NEW_YEAR_S = 1_767_225_600
NEW_YEAR = NEW_YEAR_S * 10**6
TEN = NEW_YEAR + 10 * 3600 * 10**6
YEAR_1 = -62_135_596_800 * 10**6
LAST = 253_402_300_799_999_999


def mixed(*values: object) -> pd.Series:
    return pd.Series(list(values), dtype=object)


def read(*values: object) -> list[int]:
    return read_times(mixed(*values)).microseconds.tolist()


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("2026-01-01T10:00:00Z", TEN),
        ("2026-01-01T10:00:00.000Z", TEN),
        ("2026-01-01T10:00:00.123Z", TEN + 123_000),
        ("2026-01-01T10:00:00.123+0000", TEN + 123_000),
        ("2026-01-01T10:00:00.123456Z", TEN + 123_456),
        ("2026-01-01T10:00:00.123456789Z", TEN + 123_456),
        ("2026-01-01T10:00:00,123Z", TEN + 123_000),
        ("2026-01-01T12:00:00+02:00", TEN),
        ("2026-01-01T04:30:00-05:30", TEN),
        ("2026-01-01T12:00:00+02", TEN),
        ("2026-01-01T12:00:00 +02:00", TEN),
        ("2026-01-01T10:00Z", TEN),
        ("2026-01-01 10:00:00Z", TEN),
        ("2026-01-01T10:00:00z", TEN),
        ("2026-01-01 10:00:00 UTC", TEN),
        ("20260101T100000Z", TEN),
        ("  2026-01-01T10:00:00Z  ", TEN),
        ("0001-01-01T00:00:00Z", YEAR_1),
        ("9999-12-31T23:59:59.999999Z", LAST),
    ],
)
def test_iso_text_with_a_zone(text: str, expected: int) -> None:
    times = read_times(pd.Series([text]))
    assert times.microseconds.tolist() == [expected]
    assert not times.is_naive.any()
    assert not times.is_unreadable.any()


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("2026-01-01T10:00:00", TEN),
        ("2026-01-01 10:00:00.5", TEN + 500_000),
        ("2026-01-01T10:00", TEN),
        ("2026-01-01", NEW_YEAR),
        ("20260101", NEW_YEAR),
        ("2026", NEW_YEAR),
        ("0001-01-01", YEAR_1),
    ],
)
def test_text_without_a_zone_is_utc_and_counted(text: str, expected: int) -> None:
    times = read_times(pd.Series([text]))
    assert times.microseconds.tolist() == [expected]
    assert times.is_naive.tolist() == [True]


def test_a_compact_text_with_an_offset_is_not_naive() -> None:
    times = read_times(mixed("20260101T120000+0200", "2026-01-01"))
    assert times.microseconds.tolist() == [TEN, NEW_YEAR]
    assert times.is_naive.tolist() == [False, True]


@pytest.mark.parametrize(
    ("number", "expected"),
    [
        (NEW_YEAR_S, NEW_YEAR),
        (NEW_YEAR_S * 10**3 + 7, NEW_YEAR + 7_000),
        (NEW_YEAR + 7, NEW_YEAR + 7),
        (NEW_YEAR * 10**3 + 7_999, NEW_YEAR + 7),
        (NEW_YEAR_S + 0.25, NEW_YEAR + 250_000),
        (0, 0),
        (-1, -1_000_000),
        (-62_135_596_800, YEAR_1),
        (np.int32(NEW_YEAR_S), NEW_YEAR),
        (np.uint64(NEW_YEAR_S * 10**3), NEW_YEAR),
        (np.float64(NEW_YEAR_S), NEW_YEAR),
        (Decimal(NEW_YEAR_S), NEW_YEAR),
        (str(NEW_YEAR_S), NEW_YEAR),
        (f"{NEW_YEAR_S}.25", NEW_YEAR + 250_000),
        (str(NEW_YEAR_S * 10**3), NEW_YEAR),
        (str(NEW_YEAR), NEW_YEAR),
        (f"-{NEW_YEAR_S}", -NEW_YEAR),
    ],
)
def test_epochs_are_seconds_milli_micro_or_nanoseconds_by_size(number: Any, expected: int) -> None:
    times = read_times(mixed(number))
    assert times.microseconds.tolist() == [expected]
    assert not times.is_naive.any()


@pytest.mark.parametrize("dtype", ["int64", "uint64", "Int64", "UInt64", "float64", "Float64", "int64[pyarrow]"])
def test_columns_of_numbers_read_like_single_numbers(dtype: str) -> None:
    column = pd.Series([NEW_YEAR_S, NEW_YEAR_S * 10**3], dtype=dtype)
    assert read_times(column).microseconds.tolist() == [NEW_YEAR, NEW_YEAR]


@pytest.mark.parametrize("dtype", ["Int64", "int64[pyarrow]"])
def test_microseconds_stay_exact_beside_a_missing_one(dtype: str) -> None:
    odd = 2**53 + 1  # no float holds it
    assert read_times(pd.Series([odd, None], dtype=dtype)).microseconds.tolist() == [odd, MISSING]


def test_all_units_and_types_in_one_column() -> None:
    berlin = pd.Timestamp("2026-01-01T11:00", tz="Europe/Berlin")
    values = ["2026-01-01T10:00:00Z", "2026-01-01T10:00:00.000+0000", NEW_YEAR_S + 36_000, str(TEN), berlin]
    values += [dt.datetime(2026, 1, 1, 10, tzinfo=dt.UTC), np.datetime64("2026-01-01T10:00"), dt.date(2026, 1, 1), None]
    times = read_times(mixed(*values))
    assert times.microseconds.tolist() == [TEN] * 7 + [NEW_YEAR, MISSING]
    assert times.is_naive.tolist() == [False] * 6 + [True, True, False]


def test_clocks_that_change_for_summer() -> None:
    # Berlin: 29 March 2026 has no 02:30, 25 October has two of them.
    spring = pd.to_datetime(["2026-03-29 01:59", "2026-03-29 03:00"]).tz_localize("Europe/Berlin")
    autumn = pd.to_datetime(["2026-10-25 02:30"] * 2).tz_localize("Europe/Berlin", ambiguous=[True, False])
    one, two = read_times(pd.Series(spring)).microseconds
    assert two - one == 60 * 10**6
    first, second = read_times(pd.Series(autumn)).microseconds
    assert second - first == 3600 * 10**6


def test_datetime_columns_of_any_unit_and_zone() -> None:
    for unit in ("s", "ms", "us", "ns"):
        naive = pd.Series(np.array(["2026-01-01T10:00", "NaT"], dtype=f"datetime64[{unit}]"))
        assert read_times(naive).microseconds.tolist() == [TEN, MISSING]
        assert read_times(naive).is_naive.tolist() == [True, False]
        aware = naive.dt.tz_localize("America/New_York")
        assert read_times(aware).microseconds.tolist() == [TEN + 5 * 3600 * 10**6, MISSING]
        assert not read_times(aware).is_naive.any()


def test_arrow_and_category_columns() -> None:
    utc = pd.Series([pd.Timestamp(TEN, unit="us", tz="UTC")])
    aware = utc.astype(pd.ArrowDtype(pa.timestamp("us", tz="Europe/Berlin")))
    naive = utc.dt.tz_localize(None).astype(pd.ArrowDtype(pa.timestamp("ms")))
    day = pd.Series([dt.date(2026, 1, 1)], dtype=pd.ArrowDtype(pa.date32()))
    cents = pd.Series([Decimal("1767225600.25")], dtype=pd.ArrowDtype(pa.decimal128(20, 2)))
    assert read_times(aware).microseconds.tolist() == [TEN]
    assert read_times(naive).microseconds.tolist() == [TEN]
    assert read_times(naive).is_naive.tolist() == [True]
    assert read_times(day).microseconds.tolist() == [NEW_YEAR]
    assert read_times(cents).microseconds.tolist() == [NEW_YEAR + 250_000]
    for column in (utc, utc.astype(str)):
        assert read_times(column.astype("category")).microseconds.tolist() == [TEN]


@pytest.mark.parametrize("value", [None, pd.NaT, pd.NA, np.nan, np.datetime64("NaT"), "", "  ", "null", "NaN", "NaT"])
def test_nothing_is_missing_and_not_unreadable(value: object) -> None:
    times = read_times(mixed(value, "2026-01-01T10:00:00Z"))
    assert times.microseconds.tolist() == [MISSING, TEN]
    assert not times.is_unreadable.any()


@pytest.mark.parametrize(
    "value",
    [
        *("hello", "now", "today", "01/02/2026", "Jan 1, 2026", "Thu, 01 Jan 2026 10:00:00 GMT", "1.5.5"),
        *("2026-13-01", "2026-02-30", "2026-01-01T25:00Z", "2026-01-01T10:00:60Z", "2026-01-01T10:00:00+99:99"),
        *("0000-01-01", "-0001-01-01", "10000-01-01T00:00:00Z", "9999-12-31T23:59:59-01:00", "0001-01-01T00:00+01:00"),
        *("0", "12", "1" * 400, "1" * 5000, "2026" * 30_000, "1_767_225_600", "٢٠٢٦-01-01", "\ud800", "2026-01-01\x00"),
        *(True, False, np.True_, [1], {"a": 1}, {1}, (1, [2]), 1 + 2j, object, dt.time(10), pd.Timedelta("1D")),
        *(float("inf"), -float("inf"), 1e300, 10**30, -(10**30), 2**63, 9.21e18, np.array([1])),
    ],
)
def test_what_is_no_time_is_unreadable_and_never_raises(value: object) -> None:
    cells = np.empty(2, dtype=object)
    cells[0], cells[1] = value, "2026-01-01T10:00:00Z"
    times = read_times(pd.Series(cells, dtype=object))
    assert times.microseconds.tolist() == [MISSING, TEN]
    assert times.is_unreadable.tolist() == [True, False]
    assert not times.is_naive.any()


def test_true_beside_a_one_is_no_second() -> None:
    assert read(1, True) == [1_000_000, MISSING]


def test_columns_that_are_no_times() -> None:
    for column in (pd.Series([True]), pd.Series([1 + 2j]), pd.Series([pd.Timedelta("1D")])):
        assert read_times(column).is_unreadable.tolist() == [True]
    assert read_times(pd.Series(["99999-12-31"], dtype=object)).is_unreadable.tolist() == [True]
    far = pd.Series(np.array(["99999-12-31"], dtype="datetime64[s]"))
    assert read_times(far).is_unreadable.tolist() == [True]


def test_no_rows() -> None:
    for dtype in ("object", "float64", "datetime64[us, UTC]", "category"):
        assert read_times(pd.Series([], dtype=dtype)).microseconds.tolist() == []


@settings(max_examples=100, deadline=None)
@given(st.integers(YEAR_1, LAST))
def test_every_instant_survives_as_text_and_as_a_datetime(instant: int) -> None:
    moment = dt.datetime(1970, 1, 1, tzinfo=dt.UTC) + dt.timedelta(microseconds=instant)
    assert read(moment.isoformat(), moment, moment.isoformat().replace("+00:00", "Z")) == [instant] * 3
    assert read(moment.replace(tzinfo=None).isoformat()) == [instant]


@settings(max_examples=100, deadline=None)
@given(st.lists(st.one_of(st.text(max_size=30), st.integers(), st.floats(), st.booleans(), st.dates()), max_size=5))
def test_anything_is_read_missing_or_unreadable(values: list[object]) -> None:
    times = read_times(mixed(*values))
    assert len(times.microseconds) == len(values)
    assert (times.microseconds[times.is_unreadable] == MISSING).all()
    there = times.microseconds[times.microseconds != MISSING]
    assert ((there >= YEAR_1) & (there <= LAST)).all()
