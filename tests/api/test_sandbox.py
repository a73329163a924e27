from __future__ import annotations

import gc
import json
import re
import socket
import subprocess
import sys
import threading
import time
from email.utils import formatdate, parsedate_to_datetime
from pathlib import Path
from signal import SIGINT
from urllib.parse import urljoin

import pandas as pd
import pytest
import requests
from hypothesis import given, settings
from hypothesis import strategies as st

import datalyr_notebook as dn
from datalyr_notebook.api.sandbox import Fault, Sandbox, main
from datalyr_notebook.api.sandbox_faults import KINDS
from datalyr_notebook.api.sandbox_rows import encode_bodies, encode_events
from datalyr_notebook.errors import OptionError
from datalyr_notebook.order import event_order
from datalyr_notebook.schema import EVENTS, empty

KEY = {"Authorization": "Bearer dk_sandbox"}
DAY = {"start_date": "2026-03-01", "end_date": "2026-03-01"}
STYLES = ("cursor", "page", "offset", "link")
NOON = 1_772_366_400.0
"""2026-03-01 12:00 UTC."""


def story(minutes: int = 5) -> list[dict[str, object]]:
    """One event of u1 a minute from noon: e0, e1, …"""
    return [
        {
            "event_id": f"e{minute}",
            "timestamp": f"2026-03-01T12:{minute:02}:00Z",
            "event_name": "pageview",
            "user_id": "u1",
        }
        for minute in range(minutes)
    ]


def ask(url: str, path: str, *, timeout: float = 5, **params: object) -> requests.Response:
    return requests.get(url + path, params={**DAY, **params}, headers=KEY, timeout=timeout, allow_redirects=False)


def ids(rows: list[dict[str, object]]) -> list[object]:
    return [row["event_id"] for row in rows]


# ---- the four styles of paging -------------------------------------------------------------------


def test_a_cursor_leads_to_the_end() -> None:
    with Sandbox(story()) as url:
        first = ask(url, "/events/cursor", limit=2).json()
        second = ask(url, "/events/cursor", limit=2, cursor=first["next_cursor"]).json()
        last = ask(url, "/events/cursor", limit=2, cursor=second["next_cursor"]).json()
    assert [ids(page["data"]) for page in (first, second, last)] == [["e0", "e1"], ["e2", "e3"], ["e4"]]
    assert [page["has_more"] for page in (first, second, last)] == [True, True, False]
    assert last["next_cursor"] is None


def test_pages_are_counted_from_one() -> None:
    with Sandbox(story()) as url:
        pages = [ask(url, "/events/page", page=page, page_size=2).json() for page in (1, 3, 4)]
    assert [ids(page.pop("events")) for page in pages] == [["e0", "e1"], ["e4"], []]
    assert pages[1] == {"page": 3, "page_size": 2, "total_pages": 3, "total": 5}


def test_an_offset_skips_rows() -> None:
    with Sandbox(story()) as url:
        page = ask(url, "/events/offset", offset=3, limit=4).json()
    assert ids(page.pop("results")) == ["e3", "e4"]
    assert page == {"offset": 3, "limit": 4, "total": 5}


def test_a_link_header_names_the_next_page() -> None:
    found: list[object] = []
    with Sandbox(story()) as url:
        page = ask(url, "/events/link", limit=2)
        while True:
            found += ids(page.json())
            if "next" not in page.links:
                break
            assert page.links["next"]["url"].startswith(url)
            page = requests.get(page.links["next"]["url"], headers=KEY, timeout=5)
    assert found == ["e0", "e1", "e2", "e3", "e4"]


def test_a_window_without_rows_is_an_empty_page() -> None:
    with Sandbox([]) as url:
        answers = {style: ask(url, f"/events/{style}").json() for style in STYLES}
        series = [ask(url, path).json() for path in ("/overview", "/traffic", "/devices")]
    assert answers == {
        "cursor": {"data": [], "next_cursor": None, "has_more": False},
        "page": {"events": [], "page": 1, "page_size": 1000, "total_pages": 0, "total": 0},
        "offset": {"results": [], "offset": 0, "limit": 1000, "total": 0},
        "link": [],
    }
    assert series[0] == {"date": [], "visitors": [], "pageviews": [], "sessions": [], "custom_events": []}
    assert series[1:] == [[], {"series": []}]


def test_nobody_gets_more_than_ten_thousand_rows() -> None:
    events = pd.DataFrame({"timestamp": pd.Timestamp(NOON, unit="s", tz="UTC"), "event_name": ["a"] * 10_001})
    with Sandbox(dn.normalize_events(events.assign(user_id="u"))) as url:
        page = ask(url, "/events/offset", limit=20_000).json()
    assert (len(page["results"]), page["limit"], page["total"]) == (10_000, 10_000, 10_001)


@pytest.mark.parametrize(
    ("start", "end", "found"),
    [
        ("2026-03-01T12:01:00Z", "2026-03-01T12:03:00Z", ["e1", "e2", "e3"]),  # both included
        ("2026-03-01T12:01:00.000001Z", "2026-03-01T12:02:59.999999Z", ["e2"]),
        ("2026-03-01T06:01:00-06:00", "2026-03-01T13:02:00+01:00", ["e1", "e2"]),
        ("2026-03-01T12:04:00", "2026-03-01", ["e4"]),  # no zone: UTC; a date alone: all of its day
        ("2026-03-02", "2030-01-01", []),
    ],
)
def test_dates_are_iso_8601_and_both_included(start: str, end: str, found: list[str]) -> None:
    with Sandbox(story()) as url:
        page = ask(url, "/events/cursor", start_date=start, end_date=end).json()
    assert ids(page["data"]) == found


@settings(max_examples=30, deadline=None)
@given(
    minutes=st.lists(st.integers(0, 59), max_size=30),
    limit=st.integers(1, 8),
    style=st.sampled_from(STYLES),
)
def test_pages_put_together_are_all_rows_once(minutes: list[int], limit: int, style: str) -> None:
    bodies: list[dict[str, object]] = [
        {"event_id": f"e{place}", "timestamp": f"2026-03-01T12:{minute:02}:00Z"} for place, minute in enumerate(minutes)
    ]
    size = {"page": "page_size"}.get(style, "limit")
    found: list[dict[str, object]] = []
    with Sandbox(bodies, requests_per_minute=None) as url, requests.Session() as session:
        asked: dict[str, object] = {**DAY, size: limit}
        while True:
            answer = session.get(f"{url}/events/{style}", params=asked, headers=KEY, timeout=5)
            body = answer.json()
            rows = body if style == "link" else next(value for value in body.values() if isinstance(value, list))
            found += rows
            if len(found) >= len(bodies):
                break
            if style == "link":
                asked["after"] = answer.links["next"]["url"].rsplit("after=")[1]
            elif style == "cursor":
                asked["cursor"] = body["next_cursor"]
            else:
                asked |= {"page": body["page"] + 1} if style == "page" else {"offset": len(found)}
    assert found == sorted(bodies, key=lambda body: str(body["timestamp"]))  # Python's sort keeps ties in place


# ---- rows ----------------------------------------------------------------------------------------


@pytest.mark.parametrize("name", ["spring_sale", "web_to_app"])
def test_served_rows_are_read_as_the_same_events(name: str) -> None:
    events = dn.load_sample(name)
    rows = encode_events(events)
    read = dn.read_events(json.loads(f"[{bytes(rows.members(range(len(events)))).decode()}]"))
    ordered = events.iloc[event_order(events)].reset_index(drop=True)
    plain = [frame.astype(object).where(frame.notna(), None) for frame in (read, ordered)]
    assert list(read.dtypes) == [kind if kind != "category" else read.dtypes[at] for at, kind in events.dtypes.items()]
    pd.testing.assert_frame_equal(*plain)


def test_hostile_and_missing_values_are_json_all_the_same() -> None:
    hostile = '"},{"\\\n\u2028</script>\x00é'
    events = pd.DataFrame(
        {
            "timestamp": pd.to_datetime(["2026-03-01T12:00:00.000001Z", "2026-03-01T12:00:00.000000Z"]),
            "event_name": pd.Categorical([hostile, "b"]),
            "user_id": pd.Categorical([None, "00042"]),
            hostile: pd.Series([hostile, None], dtype=object),
            "value": [float("inf"), 0.1],
            "touch_is_carried": [True, False],
            "traits": [{"a": [1, None, "\ud800"]}, None],
            "seen": pd.to_datetime([None, "2026-03-02T00:00Z"]),
            "nothing": pd.Series([None, None], dtype=object),
        }
    )
    before = events.copy(deep=True)
    text = bytes(encode_events(events).members(range(2))).decode()
    assert json.loads(f"[{text}]") == [
        {
            "timestamp": "2026-03-01T12:00:00.000000Z",
            "event_name": "b",
            "user_id": "00042",
            "value": 0.1,
            "touch_is_carried": False,
            "seen": "2026-03-02T00:00:00.000000Z",
        },
        {
            "timestamp": "2026-03-01T12:00:00.000001Z",
            "event_name": hostile,
            hostile: hostile,
            "touch_is_carried": True,
            "traits": {"a": [1, None, "\ud800"]},
        },
    ]
    pd.testing.assert_frame_equal(events, before)


def test_shuffled_events_are_served_in_the_same_order() -> None:
    events = dn.load_sample("web_to_app")
    assert encode_events(events).text == encode_events(events.sample(frac=1, random_state=0)).text
    assert encode_events(empty(EVENTS)).text == encode_bodies([]).text == b""


def test_rows_that_are_no_events_have_no_numbers() -> None:
    with Sandbox([{"timestamp": "2026-03-01T12:00Z"}]) as url:
        answer = ask(url, "/overview")
    assert (answer.status_code, answer.json()["error"]["code"]) == (500, "unreadable_events")


def test_rows_are_handed_through_as_they_are() -> None:
    bodies = [{"timestamp": "2026-03-01T13:00:00+01:00", "anything": {"deep": [1, 2.5, "x"]}}]
    with Sandbox(bodies) as url:
        assert ask(url, "/events/link").json() == bodies


# ---- numbers -------------------------------------------------------------------------------------


def test_numbers_of_a_story_worked_by_hand() -> None:
    """Two devices: anon_1 (phone) sees two pages and buys a day later, anon_2 (desktop) sees one page."""
    events = dn.normalize_events(
        pd.DataFrame(
            {
                "timestamp": ["2026-03-01T10:00Z", "2026-03-01T10:05Z", "2026-03-01T12:00Z", "2026-03-03T09:00Z"],
                "event_name": ["pageview", "pageview", "pageview", "purchase"],
                "anonymous_id": ["anon_1", "anon_1", "anon_2", "anon_1"],
                "session_id": ["s1", "s1", None, "s2"],
                "device_type": ["phone", "phone", "desktop", "phone"],
                "url": ["https://a.example/x?utm_campaign=spring", "https://a.example/x", "https://a.example/", None],
                "referrer": ["https://www.google.com/", None, None, None],
                "sdk": "web",
            }
        )
    )
    dates = {"start_date": "2026-03-01", "end_date": "2026-03-03"}
    with Sandbox(events) as url:
        overview, pages, campaigns, referrers, devices = (
            ask(url, path, **dates, **more).json()
            for path, more in (
                ("/overview", {}),
                ("/traffic", {"type": "page"}),
                ("/traffic", {"type": "campaign"}),
                ("/traffic", {"limit": 1}),
                ("/devices", {}),
            )
        )
    assert overview == {
        "date": ["2026-03-01T00:00:00Z", "2026-03-02T00:00:00Z", "2026-03-03T00:00:00Z"],
        "visitors": [2, 0, 1],
        "pageviews": [3, 0, 0],
        "sessions": [2, 0, 1],
        "custom_events": [0, 0, 1],
    }
    assert pages == [
        {"page": "/", "visitors": 1, "pageviews": 1, "sessions": 1},
        {"page": "/x", "visitors": 1, "pageviews": 2, "sessions": 1},
    ]
    assert campaigns == [{"campaign": "spring", "visitors": 1, "pageviews": 1, "sessions": 1}]
    assert referrers == [{"referrer": "direct", "visitors": 2, "pageviews": 2, "sessions": 3}]
    assert [(one["name"], [day["visitors"] for day in one["data"]]) for one in devices["series"]] == [
        ("desktop", [1]),
        ("phone", [1, 0, 1]),
    ]


@pytest.mark.parametrize(
    ("end", "asked", "dates"),
    [
        ("2026-03-01", {}, ["2026-03-01T12:00:00Z"]),  # one day: hours
        ("2026-03-02", {}, ["2026-03-01T00:00:00Z"]),  # to 60 days: days
        ("2026-05-15", {}, ["2026-02-23T00:00:00Z"]),  # to 180 days: weeks, from Monday
        ("2026-12-31", {}, ["2026-03-01T00:00:00Z"]),  # months
        ("2026-12-31", {"aggregation": "hour"}, ["2026-03-01T12:00:00Z"]),
    ],
)
def test_the_aggregation_follows_the_length_of_the_range(end: str, asked: dict[str, object], dates: list[str]) -> None:
    with Sandbox([{**body, "user_id": "u1"} for body in story()]) as url:
        assert ask(url, "/overview", end_date=end, **asked).json()["date"] == dates


# ---- who may ask, and how often ------------------------------------------------------------------


@pytest.mark.parametrize("headers", [{}, {"Authorization": "Bearer dk_other"}, {"Authorization": "dk_sandbox"}])
def test_without_the_right_key_nobody_is_answered(headers: dict[str, str]) -> None:
    with Sandbox(story()) as url:
        answer = requests.get(f"{url}/overview", params=DAY, headers=headers, timeout=5)
    assert answer.status_code == 401
    assert answer.json()["error"]["code"] == "unauthorized"
    assert answer.headers["X-RateLimit-Remaining"] == "100"  # a stranger takes nothing of the key's allowance


@pytest.mark.parametrize(
    ("path", "asked", "status"),
    [
        ("/plan_only", {}, 403),
        ("/journeys", {}, 404),
        ("/events/other", {}, 404),
        ("/../overview", {}, 404),
        ("/overview", {"start_date": None}, 400),
        ("/traffic", {"end_date": None}, 400),
        ("/events/page", {"start_date": "March 1"}, 400),
        ("/events/page", {"end_date": "2026-02-28"}, 400),
        ("/events/page", {"page": 0}, 400),
        ("/events/page", {"page_size": "many"}, 400),
        ("/events/offset", {"offset": -1}, 400),
        ("/events/cursor", {"cursor": "zzz"}, 400),
        ("/events/link", {"after": "cm93IDk5"}, 400),  # row 99 of 5
        ("/overview", {"aggregation": "minute"}, 400),
        ("/traffic", {"type": "country"}, 400),
        ("/traffic", {"limit": 101}, 400),
    ],
)
def test_a_wrong_question_is_told_so(path: str, asked: dict[str, object], status: int) -> None:
    with Sandbox(story()) as url:
        answer = ask(url, path, **asked)
    assert answer.status_code == status
    assert set(answer.json()["error"]) == {"code", "message"}


def test_nothing_is_served_outside_of_the_api() -> None:
    with Sandbox(story()) as url:
        assert ask(url.removesuffix("/api/v1"), "/overview").status_code == 404


def test_the_rate_limit_counts_a_minute() -> None:
    clock = [NOON + 0.5]
    with Sandbox(story(), requests_per_minute=2, now=lambda: clock[0]) as url:
        answers = [ask(url, "/overview") for _ in range(3)]
        clock[0] += 60.5
        answers.append(ask(url, "/overview"))
    assert [answer.status_code for answer in answers] == [200, 200, 429, 200]
    assert [answer.headers["X-RateLimit-Remaining"] for answer in answers] == ["1", "0", "0", "1"]
    assert {answer.headers["X-RateLimit-Limit"] for answer in answers} == {"2"}
    assert [int(answer.headers["X-RateLimit-Reset"]) - NOON for answer in answers] == [61, 61, 61, 121]
    assert answers[0].headers["Date"] == "Sun, 01 Mar 2026 12:00:00 GMT"
    assert [answer.headers["X-Request-Id"] for answer in answers[:2]] == ["req_000001", "req_000002"]


def test_requests_tell_what_was_asked_and_never_the_key() -> None:
    sandbox = Sandbox(story())
    with sandbox as url:
        ask(url, "/traffic", type="page")
        requests.get(f"{url}/overview", timeout=5)
    first, second = sandbox.requests
    assert (first.path, first.params, first.has_authorization) == ("/traffic", {**DAY, "type": "page"}, True)
    assert "authorization" in first.header_names
    assert (second.path, second.params, second.has_authorization, second.has_key) == ("/overview", {}, False, False)
    assert "dk_sandbox" not in repr(sandbox) + repr(sandbox.requests)


# ---- faults --------------------------------------------------------------------------------------


def test_a_fault_happens_at_its_request_and_then_no_more() -> None:
    with Sandbox(story(), faults=[Fault("error", at=2, times=2, path="/events", status=503)]) as url:
        assert ask(url, "/overview").status_code == 200  # another path does not count
        statuses = [ask(url, "/events/cursor").status_code for _ in range(4)]
    assert statuses == [200, 503, 503, 200]


def test_a_fault_can_come_back_and_be_taken_away() -> None:
    sandbox = Sandbox(story(), faults=[Fault("error", every=2)])
    with sandbox as url:
        statuses = [ask(url, "/overview").status_code for _ in range(4)]
        sandbox.fail()
        statuses += [ask(url, "/overview").status_code for _ in range(2)]
    assert statuses == [200, 500, 200, 500, 200, 200]


@pytest.mark.parametrize(
    ("tells", "header", "value"),
    [
        ("reset", "X-RateLimit-Reset", str(int(NOON) + 7)),
        ("seconds", "Retry-After", "7"),
        ("date", "Retry-After", formatdate(NOON + 7, usegmt=True)),
    ],
)
def test_a_429_tells_the_wait_in_three_ways(tells: str, header: str, value: str) -> None:
    with Sandbox(story(), faults=[Fault("rate_limit", tells=tells, wait_s=7)], now=lambda: NOON) as url:
        answer = ask(url, "/overview")
    assert (answer.status_code, answer.headers[header]) == (429, value)


def test_a_slow_answer_comes_late() -> None:
    with Sandbox(story(), faults=[Fault("slow", wait_s=0.15)]) as url:
        with pytest.raises(requests.ReadTimeout):
            ask(url, "/overview", timeout=0.05)
        assert ask(url, "/overview").status_code == 200


@pytest.mark.parametrize("style", STYLES)
def test_a_cut_body_ends_early(style: str) -> None:
    with Sandbox(story(), faults=[Fault("cut"), Fault("hang_up", at=1)]) as url:
        with pytest.raises(requests.exceptions.ChunkedEncodingError, match="IncompleteRead"):
            ask(url, f"/events/{style}")
        assert len(ask(url, f"/events/{style}").content) > 300


def test_who_hangs_up_says_nothing() -> None:
    with Sandbox(story(), faults=[Fault("hang_up")]) as url, pytest.raises(requests.ConnectionError, match="aborted"):
        ask(url, "/overview")


@pytest.mark.parametrize("style", STYLES)
def test_invalid_json_says_that_it_is_all(style: str) -> None:
    with Sandbox(story(), faults=[Fault("invalid_json")]) as url:
        answer = ask(url, f"/events/{style}")
    assert answer.status_code == 200
    with pytest.raises(requests.JSONDecodeError):
        answer.json()


def test_a_login_page_is_no_json() -> None:
    with Sandbox(story(), faults=[Fault("html")]) as url:
        answer = ask(url, "/overview")
    assert (answer.status_code, answer.headers["Content-Type"]) == (200, "text/html; charset=utf-8")
    assert "Sign in" in answer.text


@pytest.mark.parametrize("style", STYLES)
def test_a_duplicate_page_is_the_one_before(style: str) -> None:
    steps = {"cursor": ("limit", "cursor"), "page": ("page_size", "page"), "offset": ("limit", "offset")}
    size, place = steps.get(style, ("limit", "after"))
    second = {"cursor": "cm93IDI", "after": "cm93IDI", "page": 2, "offset": 2}[place]
    with Sandbox(story(), faults=[Fault("duplicate_page", at=2)]) as url:
        first, again, right = (
            ask(url, f"/events/{style}", **{size: 2}, **more) for more in ({}, {place: second}, {place: second})
        )
    assert again.content == first.content
    assert again.headers.get("Link") == first.headers.get("Link")
    assert right.content != first.content


def test_a_total_changes() -> None:
    with Sandbox(story(), faults=[Fault("changed_total", at=2)]) as url:
        totals = [ask(url, "/events/page", page=page, page_size=2).json()["total"] for page in (1, 2, 3)]
    assert totals == [5, 6, 5]


@pytest.mark.parametrize("is_announced", [True, False])
def test_a_huge_body_can_be_left(*, is_announced: bool) -> None:
    fault = Fault("huge", is_announced=is_announced)
    with Sandbox(story(), faults=[fault]) as url, requests.Session() as session:
        with session.get(f"{url}/overview", params=DAY, headers=KEY, timeout=5, stream=True) as answer:
            assert answer.headers.get("Content-Length") == ("500000000" if is_announced else None)
            assert len(answer.raw.read(100_000)) == 100_000
        began = time.perf_counter()
    assert time.perf_counter() - began < 0.5


def test_a_chunked_body_is_whole() -> None:
    with Sandbox(story(), faults=[Fault("huge", size=200_000, is_announced=False)]) as url:
        assert len(ask(url, "/overview").content) == 200_000


def test_headers_that_are_no_numbers() -> None:
    with Sandbox(story(), faults=[Fault("bad_header"), Fault("bad_header", at=2, status=429)]) as url:
        first, second = ask(url, "/overview"), ask(url, "/overview")
    assert (first.status_code, first.headers["X-RateLimit-Reset"]) == (200, "soon")
    assert (second.status_code, second.headers["Retry-After"]) == (429, "a while")


def test_a_redirect_leads_to_another_host_where_the_key_does_not_follow() -> None:
    sandbox = Sandbox(story(), faults=[Fault("redirect")])
    with sandbox as url:
        answer = requests.get(f"{url}/overview", params=DAY, headers=KEY, timeout=5)
    assert answer.url.startswith("http://localhost:")
    assert answer.status_code == 401
    assert [call.has_authorization for call in sandbox.requests] == [True, False]


def test_a_redirect_leads_where_it_is_told_to() -> None:
    with Sandbox(story()) as other, Sandbox(story(), faults=[Fault("redirect", location=other, status=307)]) as url:
        answer = ask(url, "/overview")
    assert (answer.status_code, answer.headers["Location"]) == (307, other)
    assert urljoin(url, answer.headers["Location"]) == other


def test_a_clock_is_a_day_fast() -> None:
    with Sandbox(
        story(), faults=[Fault("wrong_date"), Fault("wrong_date", at=2, status=429, wait_s=3)], now=lambda: NOON
    ) as url:
        first, second, right = (ask(url, "/overview") for _ in range(3))
    dates = [parsedate_to_datetime(answer.headers["Date"]).timestamp() - NOON for answer in (first, second, right)]
    resets = [int(answer.headers["X-RateLimit-Reset"]) - NOON for answer in (first, second, right)]
    assert dates == [86_400, 86_400, 0]
    assert resets == [86_460, 86_403, 60]
    assert [first.status_code, second.status_code] == [200, 429]


def test_every_kind_of_fault_is_described() -> None:
    for kind in KINDS:
        assert f"``{kind}``" in (Fault.__doc__ or "")


# ---- opening, closing, refusing ------------------------------------------------------------------


def test_a_connection_is_kept_and_closing_hangs_up_on_it() -> None:
    sandbox = Sandbox(story(), faults=[Fault("slow", at=3, wait_s=30)])
    threads = set(threading.enumerate())
    url = sandbox.open()
    assert sandbox.open() == url
    port = int(url.split(":")[2].split("/")[0])
    request = f"GET /api/v1/plan_only HTTP/1.1\r\nHost: x\r\nAuthorization: {KEY['Authorization']}\r\n\r\n".encode()
    with socket.create_connection(("127.0.0.1", port)) as kept, socket.create_connection(("127.0.0.1", port)):
        for _ in range(2):  # two answers over one connection
            kept.sendall(request)
            answer = b""
            while not answer.endswith(b"}}"):
                answer += kept.recv(65_536)
            assert answer.startswith(b"HTTP/1.1 403")
        kept.sendall(request)  # nobody waits for this one
        while len(sandbox.requests) < 3:
            time.sleep(0.001)
        began = time.perf_counter()
        sandbox.close()
        assert time.perf_counter() - began < 0.5
        assert kept.recv(65_536) == b""
    sandbox.close()
    assert set(threading.enumerate()) == threads
    with pytest.raises(ConnectionRefusedError):
        socket.create_connection(("127.0.0.1", port))


def test_nothing_is_left_behind() -> None:
    """Warnings are errors here: a socket that nobody closed would be one."""
    threads = set(threading.enumerate())
    for _ in range(5):
        with Sandbox(story(), faults=[Fault("cut"), Fault("huge", at=2)]) as url:
            with pytest.raises(requests.RequestException):
                ask(url, "/events/link")
            with requests.get(f"{url}/overview", params=DAY, headers=KEY, timeout=5, stream=True) as answer:
                assert answer.status_code == 200
    gc.collect()
    assert set(threading.enumerate()) == threads


def test_many_clients_at_once_get_their_own_pages() -> None:
    found: dict[int, list[object]] = {}

    def pull(page: int) -> None:
        found[page] = ids(ask(url, "/events/page", page=page, page_size=1).json()["events"])

    with Sandbox(story(20)) as url:
        threads = [threading.Thread(target=pull, args=(page,)) for page in range(1, 21)]
        for thread in threads:
            thread.start()
        for thread in threads:
            thread.join()
    assert found == {page: [f"e{page - 1}"] for page in range(1, 21)}


@pytest.mark.parametrize(
    ("options", "words"),
    [
        ({"host": "0.0.0.0"}, "the sandbox is for this machine alone"),  # noqa: S104
        ({"host": "192.168.0.7"}, "the sandbox is for this machine alone"),
        ({"port": 70_000}, "a number from 0 .any free port. to 65535"),
        ({"key": ""}, "a text such as 'dk_sandbox'"),
        ({"requests_per_minute": 0}, "a whole number of at least 1"),
        ({"faults": ["error"]}, "faults such as Fault"),
        ({"faults": Fault("error")}, r"a list of faults such as \[Fault"),
        ({"faults": "error"}, r"a list of faults such as \[Fault"),
        ({"events": "events.jsonl"}, "a DataFrame of events, a list of dicts"),
        ({"events": [{"timestamp": "yesterday"}]}, r"events\[0\]=.*rows with a readable 'timestamp'"),
        ({"events": [{"timestamp": "2026-03-01", 1: {2: {3}}, (1,): 2}]}, "rows that JSON can hold"),
    ],
)
def test_what_the_sandbox_cannot_do_is_said(options: dict[str, object], words: str) -> None:
    with pytest.raises(OptionError, match=words):
        Sandbox(**options)  # type: ignore[arg-type]


def test_a_port_that_is_taken_is_said() -> None:
    with Sandbox(story()) as url:
        taken = int(url.split(":")[2].split("/")[0])
        with pytest.raises(OptionError, match="a port that is free"):
            Sandbox(story(), port=taken).open()


@pytest.mark.parametrize(
    ("options", "words"),
    [
        ({"kind": "fire"}, "kind='fire' is not known"),
        ({"kind": "error", "at": 0}, "a whole number of at least 1"),
        ({"kind": "error", "every": 0}, "a whole number of at least 1"),
        ({"kind": "error", "at": 2, "every": 2}, "either at= or every="),
        ({"kind": "rate_limit", "tells": "never"}, "'reset', 'seconds', 'date'"),
        ({"kind": "slow", "wait_s": -1}, "seconds, 0 or more"),
        ({"kind": "slow", "wait_s": "1"}, "seconds, 0 or more"),
        ({"kind": "error", "status": "500"}, "an HTTP status such as 503"),
        ({"kind": "error", "status": 5}, "an HTTP status such as 503"),
    ],
)
def test_a_fault_that_means_nothing_is_refused(options: dict[str, object], words: str) -> None:
    with pytest.raises(OptionError, match=words):
        Fault(**options)  # type: ignore[arg-type]


# ---- the command line ----------------------------------------------------------------------------


def test_the_command_line_serves_until_ctrl_c(tmp_path: Path) -> None:
    file = tmp_path / "events.jsonl"
    file.write_text("\n".join(json.dumps({**body, "user_id": "u"}) for body in story()), encoding="utf-8")
    command = [sys.executable, "-m", "datalyr_notebook.api.sandbox", "--events", str(file), "--key", "dk_mine"]
    with subprocess.Popen(command, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True) as server:
        assert server.stdout
        url, hint = server.stdout.readline().strip(), server.stdout.readline().strip()
        answer = requests.get(f"{url}/events/page", params=DAY, headers={"Authorization": "Bearer dk_mine"}, timeout=5)
        server.send_signal(SIGINT)
        try:
            out, err = server.communicate(timeout=20)
        finally:
            server.kill()
    assert re.fullmatch(r"http://127\.0\.0\.1:\d+/api/v1", url)
    assert hint == f"dn.Client('dk_mine', base_url='{url}')"
    assert answer.json()["total"] == 5
    assert (server.returncode, out, err) == (0, "", "")


def test_the_command_line_says_what_is_wrong(capsys: pytest.CaptureFixture[str]) -> None:
    with pytest.raises(SystemExit):
        main(["--events", "nowhere.jsonl"])
    assert "there is no such file or folder" in capsys.readouterr().err
