"""The client as an analyst meets it: documented endpoints, checked dates, JSON or tables of anything else."""

from __future__ import annotations

import datetime as dt
import subprocess
import sys
from typing import Any

import numpy as np
import pandas as pd
import pytest
import requests

import datalyr_notebook as dn
from datalyr_notebook import errors
from tests.api.scripted_server import KEY, Reply, ScriptedServer

ROWS = [{"day": "2026-03-01", "visitors": 3}]


def asked(call: Any, **settings: Any) -> dict[str, str]:
    """The parameters that one call sends."""
    with ScriptedServer(Reply(ROWS)) as server, dn.Client(KEY, base_url=server.url, **settings) as client:
        call(client)
    assert len(server.asked) == 1
    return {name: ",".join(values) for name, values in server.asked[0].params.items()}


def test_the_documented_endpoints_are_asked_with_the_documented_parameters() -> None:
    with ScriptedServer(Reply(ROWS)) as server, dn.Client(KEY, base_url=server.url) as client:
        for frame in (
            client.overview("2026-03-01", "2026-03-02", aggregation="day"),
            client.traffic("2026-03-01", "2026-03-02", type="campaign", limit=100),
            client.devices("2026-03-01", "2026-03-02"),
        ):
            assert frame.to_dict("records") == ROWS
    period = {"start_date": ["2026-03-01T00:00:00Z"], "end_date": ["2026-03-02T23:59:59.999Z"]}
    assert [(one.path, one.params) for one in server.asked] == [
        ("/api/v1/overview", {**period, "aggregation": ["day"]}),
        ("/api/v1/traffic", {**period, "type": ["campaign"], "limit": ["100"]}),
        ("/api/v1/devices", period),
    ]


def test_what_is_not_given_is_left_to_the_api() -> None:
    assert set(asked(lambda client: client.overview("2026-03-01", "2026-03-02"))) == {"start_date", "end_date"}
    assert set(asked(lambda client: client.traffic("2026-03-01", "2026-03-02"))) == {"start_date", "end_date"}


def test_json_comes_as_it_is_on_request() -> None:
    said = {"data": ROWS, "total": 3}
    with ScriptedServer(Reply(said)) as server, dn.Client(KEY, base_url=server.url) as client:
        for call in (client.overview, client.traffic, client.devices):
            assert call("2026-03-01", "2026-03-02", as_json=True) == said
        assert client.get("anything") == said
        assert client.frame("anything").to_dict("records") == ROWS
        assert client.frame("anything").attrs == {"total": 3}


MOMENTS = {
    "text in UTC": ("2026-03-01T12:30:00Z", "2026-03-01T12:30:00Z"),
    "text with an offset": ("2026-03-16T08:30:00-06:00", "2026-03-16T14:30:00Z"),
    "text with milliseconds": ("2026-03-16T14:30:45.123Z", "2026-03-16T14:30:45.123Z"),
    "datetime with a zone": (dt.datetime(2026, 3, 1, 12, tzinfo=dt.UTC), "2026-03-01T12:00:00Z"),
    "Timestamp with a zone": (pd.Timestamp("2026-03-01 12:00", tz="Asia/Tokyo"), "2026-03-01T03:00:00Z"),
    # Naive: in Berlin, an hour before UTC in winter and two in summer.
    "naive text": ("2026-03-01T12:30", "2026-03-01T11:30:00Z"),
    "naive text in summer": ("2026-07-01 12:30:00.000001", "2026-07-01T10:30:00.000001Z"),
    "naive datetime": (dt.datetime(2026, 3, 1, 12), "2026-03-01T11:00:00Z"),  # noqa: DTZ001
    "naive Timestamp": (pd.Timestamp("2026-03-01 12:00"), "2026-03-01T11:00:00Z"),
    "naive datetime64": (np.datetime64("2026-03-01T12:00"), "2026-03-01T11:00:00Z"),
    "midnight as a Timestamp": (pd.Timestamp("2026-03-01"), "2026-02-28T23:00:00Z"),
    "day": (dt.date(2026, 3, 1), "2026-02-28T23:00:00Z"),
    "day as text": ("2026-03-01", "2026-02-28T23:00:00Z"),
}


@pytest.mark.parametrize("kind", MOMENTS)
def test_dates_are_read_in_the_clients_zone_and_sent_in_utc(kind: str) -> None:
    given, sent = MOMENTS[kind]
    params = asked(lambda client: client.overview(given, "2026-08-01"), tz="Europe/Berlin")
    assert params["start_date"] == sent


@pytest.mark.parametrize(
    ("end", "sent"),
    [
        ("2026-03-28", "2026-03-28T22:59:59.999Z"),
        ("2026-03-29", "2026-03-29T21:59:59.999Z"),  # 23 hours long: clocks went forward
        (dt.date(2026, 3, 30), "2026-03-30T21:59:59.999Z"),
        ("2026-03-28T00:00", "2026-03-27T23:00:00Z"),  # a moment is a moment
    ],
)
def test_a_day_as_end_is_the_whole_day(end: Any, sent: str) -> None:
    params = asked(lambda client: client.overview("2026-03-01", end), tz="Europe/Berlin")
    assert params["end_date"] == sent


def test_a_day_that_begins_twice_or_without_midnight_is_still_one_day() -> None:
    # Havana sets clocks back from 1:00 to 0:00 on 2025-11-02, Cairo forward from 0:00 to 1:00 on 2025-04-25.
    havana = asked(lambda client: client.overview("2025-11-02", "2025-11-02"), tz="America/Havana")
    assert havana == {"start_date": "2025-11-02T04:00:00Z", "end_date": "2025-11-03T04:59:59.999Z"}
    cairo = asked(lambda client: client.overview("2025-04-25", "2025-04-25"), tz="Africa/Cairo")
    assert cairo == {"start_date": "2025-04-24T22:00:00Z", "end_date": "2025-04-25T20:59:59.999Z"}


NOW = pd.Timestamp.now("UTC")

BAD: dict[str, tuple[Any, str]] = {
    "end before start": (
        lambda client: client.overview("2026-03-02", "2026-03-01"),
        "Client.overview: end='2026-03-01' is not known. Use a moment that is not before start=2026-03-02.",
    ),
    "end a second before start": (
        lambda client: client.devices("2026-03-01T12:00:01Z", "2026-03-01T13:00:00+01:00"),
        "Use a moment that is not before start=2026-03-01T12:00:01Z",
    ),
    "start in the future": (
        lambda client: client.traffic(NOW + pd.Timedelta(hours=1), NOW + pd.Timedelta(hours=2)),
        "Use a moment that is past: the clock says ",
    ),
    "no date": (lambda client: client.overview("last week", "2026-03-01"), "start='last week' is not known"),
    "a date of unknown order": (lambda client: client.overview("03/04/2026", "2026-03-05"), "start='03/04/2026'"),
    "a day that is not": (lambda client: client.overview("2026-02-30", "2026-03-05"), "start='2026-02-30'"),
    "a number": (lambda client: client.overview(1_770_000_000, "2026-03-05"), "start=1770000000"),
    "nothing": (lambda client: client.overview(None, "2026-03-05"), "start=None"),
    "not a time": (lambda client: client.overview(pd.NaT, "2026-03-05"), "start=NaT"),
    "the last day of the calendar": (lambda client: client.overview("2026-03-01", "9999-12-31"), "end='9999-12-31'"),
    "a time that clocks skip": (
        lambda client: client.overview("2026-03-29T02:30", "2026-03-30"),
        "clocks in Europe/Berlin skip it or show it twice",
    ),
    "a time that clocks show twice": (
        lambda client: client.overview("2025-10-26T02:30", "2025-10-30"),
        "clocks in Europe/Berlin skip it or show it twice",
    ),
    "aggregation": (
        lambda client: client.overview("2026-03-01", "2026-03-02", aggregation="year"),
        "Client.overview: aggregation='year' is not known. Use one of 'hour', 'day', 'week', 'month'.",
    ),
    "type": (
        lambda client: client.traffic("2026-03-01", "2026-03-02", type="Referrer"),
        "Client.traffic: type='Referrer' is not known. Use one of 'referrer', 'campaign', 'page'.",
    ),
    "limit 101": (
        lambda client: client.traffic("2026-03-01", "2026-03-02", limit=101),
        "Client.traffic: limit=101 is not known. Use a whole number from 1 to 100.",
    ),
    "limit 0": (lambda client: client.traffic("2026-03-01", "2026-03-02", limit=0), "limit=0 is not known"),
    "limit as text": (lambda client: client.traffic("2026-03-01", "2026-03-02", limit="20"), "limit='20'"),
    "limit True": (lambda client: client.traffic("2026-03-01", "2026-03-02", limit=True), "limit=True"),
    "a parameter that is an object": (lambda client: client.get("x", filter={"a": 1}), "Client.get: filter="),
    "a parameter that is no number": (lambda client: client.get("x", ratio=float("nan")), "Client.get: ratio="),
    "a path elsewhere": (lambda client: client.get("https://example.com/x"), "Client.get: path="),
}


@pytest.mark.parametrize("story", BAD)
def test_what_cannot_be_asked_is_refused_before_anything_is_sent(story: str) -> None:
    call, words = BAD[story]
    with ScriptedServer() as server, pytest.raises(errors.OptionError) as raised:
        call(dn.Client(KEY, base_url=server.url, tz="Europe/Berlin"))
    assert words in str(raised.value)
    assert server.asked == []


@pytest.mark.parametrize("tz", ["Mars/Olympus", "", None, 1, "../etc/passwd"])
def test_a_zone_that_is_none_is_refused(tz: Any) -> None:
    with pytest.raises(errors.OptionError, match=r"Client: tz=.*such as 'UTC' or 'Europe/Berlin'"):
        dn.Client(KEY, tz=tz)


def test_a_period_may_be_one_moment_and_may_end_in_the_future() -> None:
    assert asked(lambda client: client.overview("2026-03-01T00:00Z", "2026-03-01T00:00Z"))
    assert asked(lambda client: client.overview("2026-03-01", NOW + pd.Timedelta(days=2)))


def test_parameters_of_any_endpoint_are_written_as_addresses_have_them() -> None:
    params = asked(
        lambda client: client.get(
            "x",
            since=dt.date(2026, 3, 1),
            at=pd.Timestamp("2026-03-01 12:00"),
            text="2026-03-01",
            is_new=True,
            ratio=0.5,
            names=["a", "b"],
            none=None,
            path="/a&b=c",
        ),
        tz="Europe/Berlin",
    )
    assert params == {
        "since": "2026-02-28T23:00:00Z",
        "at": "2026-03-01T11:00:00Z",
        "text": "2026-03-01",
        "is_new": "true",
        "ratio": "0.5",
        "names": "a,b",
        "path": "/a&b=c",
    }


def test_json_that_makes_no_table_says_what_came() -> None:
    with ScriptedServer(Reply([1, {"a": 2}], headers={"X-Request-Id": "r5"})) as server:
        client = dn.Client(KEY, base_url=server.url)
        with pytest.raises(errors.ApiResponseError) as raised:
            client.frame("odd")
    assert str(raised.value) == (
        "GET /odd answered 200: the JSON makes no table, an array that mixes objects and scalars came. "
        "client.get(path, ...) or as_json=True gives the JSON itself. Request id: r5."
    )
    assert raised.value.__context__ is None


def test_a_session_that_is_none_is_refused() -> None:
    with pytest.raises(errors.OptionError, match=r"Use a requests\.Session, or leave it out"):
        dn.Client("dk_live_1", session="mine")  # type: ignore[arg-type]


def test_a_given_session_stays_open_and_our_own_is_closed(monkeypatch: pytest.MonkeyPatch) -> None:
    closed: list[requests.Session] = []

    def note(session: requests.Session) -> None:
        closed.append(session)

    monkeypatch.setattr(requests.Session, "close", note)
    given = requests.Session()
    with dn.Client(KEY, session=given):
        pass
    assert closed == []
    with dn.Client(KEY) as client:
        pass
    assert closed == [client._transport._session]


def test_importing_the_package_loads_no_requests_and_asking_for_the_client_does() -> None:
    code = (
        "import sys, datalyr_notebook as dn; before = 'requests' in sys.modules; dn.Client; "
        "print(before, 'requests' in sys.modules, 'Client' in dir(dn), dn.api.Client is dn.Client)"
    )
    ran = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert ran.stdout.split() == ["False", "True", "True", "True"]
