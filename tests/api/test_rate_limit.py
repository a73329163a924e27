"""When the next request is permitted, from headers that come in several forms, or wrong."""

from __future__ import annotations

from concurrent.futures import ThreadPoolExecutor
from email.utils import formatdate

import pytest

from datalyr_notebook.api.rate_limit import Pace, RateLimit, read_rate_limit

NOW = 1_770_000_000.0
DAY = 86_400.0


def reset_s(reset: str, **headers: str) -> float | None:
    return read_rate_limit({"X-RateLimit-Reset": reset, **headers}, NOW).reset_s


@pytest.mark.parametrize(
    ("reset", "seconds"),
    [
        ("1770000030", 30.0),  # epoch seconds, as documented
        ("1770000030000", 30.0),  # epoch milliseconds
        ("1770000030000000", 30.0),  # epoch microseconds
        ("1770000000.5", 0.5),
        (" 1770000030 ", 30.0),
        ("30", 30.0),  # seconds to wait
        ("0", 0.0),
        ("1770007200", 7200.0),  # two hours: for the caller to refuse
    ],
)
def test_a_reset_is_epoch_seconds_epoch_milliseconds_or_seconds_to_wait(reset: str, seconds: float) -> None:
    assert reset_s(reset) == seconds


@pytest.mark.parametrize(
    "reset",
    ["", "soon", "-5", "nan", "inf", "1e9", "٣٠", "30, 30", "2026-02-02T00:00:00Z", "9" * 21, "0x1f", "1769999970"],
)
def test_a_reset_that_is_no_number_or_past_says_nothing(reset: str) -> None:
    assert reset_s(reset) is None


@pytest.mark.parametrize("off", [-DAY, DAY])
def test_a_clock_that_is_a_day_off_changes_nothing_when_the_server_dates_its_answers(off: float) -> None:
    server_now = NOW + off
    assert reset_s(str(int(server_now + 30)), Date=formatdate(server_now, usegmt=True)) == 30.0


@pytest.mark.parametrize("off", [-DAY, DAY])
def test_a_date_header_that_is_a_day_off_loses_against_the_own_clock(off: float) -> None:
    assert reset_s(str(int(NOW + 30)), Date=formatdate(NOW + off, usegmt=True)) == 30.0


def test_two_plausible_clocks_differ_and_the_server_is_believed() -> None:
    assert reset_s(str(int(NOW + 30)), Date=formatdate(NOW + 10, usegmt=True)) == 20.0


@pytest.mark.parametrize("date", ["", "yesterday", "Thu, 99 Foo 2026 00:00:00 GMT", "1770000000"])
def test_a_date_header_that_is_no_date_is_left_out(date: str) -> None:
    assert reset_s(str(int(NOW + 30)), Date=date) == 30.0


@pytest.mark.parametrize(
    ("after", "seconds"),
    [
        ("7", 7.0),
        ("1.5", 1.5),
        (formatdate(NOW + 42, usegmt=True), 42.0),
        (formatdate(NOW + 42).replace("-0000", "-0000"), 42.0),  # a date without a zone is UTC
        (formatdate(NOW - 42, usegmt=True), None),
        ("soon", None),
        ("-1", None),
        ("", None),
    ],
)
def test_retry_after_is_seconds_or_a_date(after: str, seconds: float | None) -> None:
    assert read_rate_limit({"Retry-After": after}, NOW).retry_after_s == seconds


def test_a_refused_request_waits_for_the_later_of_both_headers() -> None:
    assert RateLimit(remaining=0, reset_s=30.0, retry_after_s=1.0).wait_s == 30.0
    assert RateLimit(remaining=0, reset_s=None, retry_after_s=1.0).wait_s == 1.0
    assert RateLimit(remaining=0, reset_s=None, retry_after_s=None).wait_s is None


@pytest.mark.parametrize(("text", "number"), [("17", 17), ("many", None), ("-1", None), ("", None)])
def test_remaining_is_a_number_or_nothing(text: str, number: int | None) -> None:
    assert read_rate_limit({"X-RateLimit-Remaining": text}, NOW).remaining == number


def limit(remaining: int, reset_s: float) -> RateLimit:
    return RateLimit(remaining=remaining, reset_s=reset_s, retry_after_s=None)


def test_nothing_is_waited_for_before_anything_is_known() -> None:
    pace = Pace()
    assert [pace.reserve(NOW) for _ in range(1_000)] == [0.0] * 1_000


def test_the_window_is_waited_out_when_nothing_remains() -> None:
    pace = Pace()
    pace.learn(limit(0, 30), NOW)
    assert pace.reserve(NOW) == 30
    assert pace.reserve(NOW + 29) == 1
    assert pace.reserve(NOW + 30) == 0


def test_requests_are_counted_down_between_answers() -> None:
    pace = Pace()
    pace.learn(limit(2, 30), NOW)
    assert [pace.reserve(NOW + second) for second in (1, 2, 3)] == [0, 0, 27]


def test_an_older_answer_of_the_same_window_gives_no_request_back() -> None:
    pace = Pace()
    pace.learn(limit(1, 30), NOW)
    pace.learn(limit(90, 29.5), NOW + 0.5)  # sent before, read after
    assert [pace.reserve(NOW + 1), pace.reserve(NOW + 1)] == [0, 29]


def test_a_new_window_counts_anew() -> None:
    pace = Pace()
    pace.learn(limit(0, 30), NOW)
    pace.learn(limit(99, 60), NOW + 31)
    assert pace.reserve(NOW + 31) == 0


def test_headers_without_a_number_leave_the_pace_as_it_was() -> None:
    pace = Pace()
    pace.learn(limit(0, 30), NOW)
    pace.learn(RateLimit(remaining=None, reset_s=10, retry_after_s=None), NOW)
    pace.learn(RateLimit(remaining=5, reset_s=None, retry_after_s=None), NOW)
    assert pace.reserve(NOW) == 30


def test_a_hold_is_for_everyone_and_never_shortens_one_that_is_longer() -> None:
    pace = Pace()
    pace.hold(30, NOW)
    pace.hold(5, NOW)
    assert pace.reserve(NOW) == 30
    pace.release()
    assert pace.reserve(NOW) == 0


def test_threads_together_take_no_more_than_remains() -> None:
    pace = Pace()
    pace.learn(limit(40, 60), NOW)
    with ThreadPoolExecutor(8) as threads:
        waits = list(threads.map(lambda _: pace.reserve(NOW), range(100)))
    assert sorted(waits) == [0.0] * 40 + [60.0] * 60
