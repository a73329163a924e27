"""Pulling events: over a socket from the sandbox, and from endpoints that shift, repeat, stall and lie."""

from __future__ import annotations

import json
import tracemalloc
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pandas as pd
import pytest

import datalyr_notebook as dn
from datalyr_notebook import progress, schema
from datalyr_notebook.api import pull, spool
from datalyr_notebook.api.checkpoint import QUERY
from datalyr_notebook.api.pull import pull_events
from datalyr_notebook.api.sandbox import Fault, Sandbox
from datalyr_notebook.api.transport import Transport
from datalyr_notebook.errors import (
    ApiResponseError,
    AuthenticationError,
    CheckpointError,
    ColumnIndexError,
    OptionError,
)
from tests.api.services import ALL, END, ROWS, START, Service, answer_of, ids, pages_of, row

STYLES = ("cursor", "page", "offset", "link")


@pytest.fixture(name="url")
def served() -> Iterator[str]:
    with Sandbox(ROWS, requests_per_minute=None) as url:
        yield url


def transport(url: str, **options: Any) -> Transport:
    return Transport("dk_sandbox", base_url=url, **{"sleep": lambda _: None, **options})


# ---- what is pulled ------------------------------------------------------------------------------


@pytest.mark.parametrize("style", STYLES)
@pytest.mark.parametrize("is_named", [False, True])
def test_pulled_events_are_those_that_read_events_makes_of_the_rows(url: str, style: str, *, is_named: bool) -> None:
    paging = style if is_named else "auto"
    pulled = pull_events(transport(url), START, END, path=f"/events/{style}", paging=paging, page_size=5)
    expected = dn.read_events(ROWS[:-1])
    pd.testing.assert_frame_equal(pulled, expected)
    assert pulled["user_id"].tolist() == ["00042"] * 26
    assert pulled["properties"].iloc[1] == expected["properties"].iloc[1]


@pytest.mark.parametrize("window", ["6h", "1D", "3D", "365D"])
@pytest.mark.parametrize("page_size", [1, 7, 1000])
def test_neither_windows_nor_pages_change_the_result(url: str, window: str, page_size: int) -> None:
    pulled = pull_events(transport(url), START, END, path="/events/cursor", window=window, page_size=page_size)
    assert ids(pulled) == ALL


def test_each_window_asks_for_dates_that_include_both_ends_and_keeps_none_twice() -> None:
    rows = [row(0), row(24), row(48)]  # each on the edge of a day
    service = Service(lambda **params: pages_of(rows, **params))
    assert ids(pull_events(service, START, "2026-01-03", path="/events", paging="offset")) == ["e0", "e24"]
    assert [(one["start_date"], one["end_date"]) for one in service.asked] == [
        ("2026-01-01T00:00:00Z", "2026-01-02T00:00:00Z"),
        ("2026-01-02T00:00:00Z", "2026-01-03T00:00:00Z"),
    ]


def test_days_begin_at_midnight_of_the_time_zone_and_the_end_is_not_included() -> None:
    service = Service(lambda **params: pages_of(ROWS, **params))
    given = {"path": "/events", "paging": "offset", "tz": "America/Chicago"}
    assert ids(pull_events(service, "2026-01-01", "2026-01-02", **given)) == [*ALL[3:12]]  # 06:00 to 06:00 UTC
    assert service.asked[0]["start_date"] == "2026-01-01T06:00:00Z"


@pytest.mark.parametrize("style", STYLES)
def test_a_time_without_events_is_an_empty_table(url: str, style: str) -> None:
    for start, end in (("2020-01-01", "2020-01-03"), ("2026-01-01", "2026-01-01")):
        pulled = pull_events(transport(url), start, end, path=f"/events/{style}")
        pd.testing.assert_frame_equal(pulled, schema.empty(schema.EVENTS))


def test_parameters_and_columns_of_ones_own() -> None:
    rows = [{"ts": "2026-01-01T10:00:00Z", "name": "signup", "who": "00042"}]
    service = Service(lambda **_: {"data": rows, "next_token": None})
    columns = {"ts": "timestamp", "name": "event_name", "who": "user_id"}
    given = {"workspace": "w1", "is_test": False}
    pulled = pull_events(service, START, "2026-01-02", path="/events", params=given, columns=columns)
    assert pulled.iloc[0][["event_name", "user_id"]].tolist() == ["signup", "00042"]
    assert service.asked[0]["workspace"] == "w1"
    assert service.asked[0]["is_test"] == "false"
    rows[0]["timestamp"] = "2026-01-01T10:00:00Z"
    with pytest.raises(ColumnIndexError, match="after columns= 'timestamp' names two"):
        pull_events(service, START, "2026-01-02", path="/events", columns=columns)


def test_rows_of_many_shapes_come_back_as_they_were(tmp_path: Path) -> None:
    rows = [
        {"timestamp": "2026-01-01T01:00:00Z", "event": "a", "userId": "007", "extra": 1, "flag": True},
        {"timestamp": 1767229200, "event": "b", "userId": "007", "extra": "1", "odd": "\ud800"},
        {"timestamp": "2026-01-01T03:00:00Z", "event": "c", "userId": "007", "extra": {"deep": [1, None]}},
        {"timestamp": "2026-01-01T04:00:00Z", "event": "d", "userId": "007", "extra": None, "big": 2**70},
    ]

    def answer(**params: str) -> dict[str, object]:
        at = int(params.get("cursor", 0))
        return {"data": rows[at : at + 1], "next_cursor": str(at + 1) if at < 3 else None}

    service = Service(answer)
    folder = pull_events(service, START, "2026-01-02", path="/e", page_size=1, checkpoint=tmp_path, as_path=True)
    read = dn.read_events(folder)
    assert read["extra"].tolist()[:3] == [1, "1", {"deep": [1, None]}]
    assert read["big"].tolist()[3] == 2**70
    assert read["odd"].tolist()[1] == "\ud800"
    assert read["flag"].tolist()[0] is True
    assert read["timestamp"].dt.hour.tolist() == [1, 1, 3, 4]


# ---- stopped and continued -----------------------------------------------------------------------


def test_a_pull_goes_on_where_it_stopped_and_asks_for_nothing_twice(tmp_path: Path, url: str) -> None:
    client = transport(url)

    def up_to_five(**params: str) -> object:
        if len(stopped.asked) > 5:
            raise KeyboardInterrupt
        return client.get("/events/offset", params)

    stopped = Service(up_to_five, url)
    with pytest.raises(KeyboardInterrupt):
        pull_events(stopped, START, END, path="/events/offset", page_size=4, checkpoint=tmp_path)
    assert sorted(one.name for one in tmp_path.iterdir() if one.suffix in (".parquet", ".empty", ".tmp")) == [
        "2026-01-01T00-00-00Z.parquet",
        "2026-01-02T00-00-00Z.empty",
    ]
    asked = Service(lambda **params: client.get("/events/offset", params), url)
    pulled = pull_events(asked, START, END, path="/events/offset", page_size=4, checkpoint=tmp_path)
    assert ids(pulled) == ALL
    assert {one["start_date"] for one in asked.asked} == {"2026-01-03T00:00:00Z", "2026-01-04T00:00:00Z"}
    nothing = Service(lambda **_: pytest.fail("asked again"), url)
    again = pull_events(nothing, START, END, path="/events/offset", checkpoint=tmp_path)
    pd.testing.assert_frame_equal(again, pulled)


def test_a_changed_query_does_not_use_the_folder(tmp_path: Path, url: str) -> None:
    def again(**changed: Any) -> None:
        given = {"start": START, "end": END, "path": "/events/page", "checkpoint": tmp_path, **changed}
        pull_events(transport(given.pop("url", url)), given.pop("start"), given.pop("end"), **given)

    again()
    again(page_size=3)  # how it is asked, not what
    for changed, name in (
        ({"start": "2026-01-02"}, "start"),
        ({"end": "2026-01-04"}, "end"),
        ({"window": "2D"}, "window_us"),
        ({"path": "/events/offset"}, "path"),
        ({"paging": "none"}, "paging"),
        ({"params": {"token": "s3cret"}}, "params"),
        ({"columns": {"a": "b"}}, "columns"),
        ({"url": url.replace("127.0.0.1", "localhost")}, "base_url"),
    ):
        with pytest.raises(CheckpointError, match=f"it belongs to another pull: {name} was"):
            again(**changed)


def test_a_folder_holds_neither_the_key_nor_a_value_of_a_parameter(tmp_path: Path, url: str) -> None:
    pull_events(transport(url), START, END, path="/events/page", checkpoint=tmp_path, params={"token": "s3cret"})
    told = json.loads((tmp_path / QUERY).read_text())["query"]
    assert list(told["params"]) == ["token"]
    for file in tmp_path.iterdir():
        assert b"s3cret" not in file.read_bytes()
        assert b"dk_sandbox" not in file.read_bytes()


def test_a_damaged_part_is_pulled_anew(tmp_path: Path, url: str) -> None:
    folder = pull_events(transport(url), START, END, path="/events/link", checkpoint=tmp_path, as_path=True)
    assert folder == tmp_path
    part = tmp_path / "2026-01-03T00-00-00Z.parquet"
    part.write_bytes(part.read_bytes()[:-20])
    assert ids(pull_events(transport(url), START, END, path="/events/link", checkpoint=tmp_path)) == ALL


def test_as_path_answers_with_a_folder_that_read_events_reads(url: str) -> None:
    folder = pull_events(transport(url), START, END, path="/events/link", page_size=3, as_path=True)
    assert isinstance(folder, Path)
    pd.testing.assert_frame_equal(dn.read_events(folder), dn.read_events(ROWS[:-1]))
    for file in folder.iterdir():
        file.unlink()
    folder.rmdir()


def test_a_temporary_folder_of_a_pull_that_fails_is_deleted(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("tempfile.tempdir", str(tmp_path))
    for as_path in (True, False):
        with pytest.raises(ApiResponseError):
            pull_events(Service(lambda **_: 1), START, END, path="/events", as_path=as_path)
    assert list(tmp_path.iterdir()) == []


# ---- what an endpoint may answer instead ----------------------------------------------------------


@pytest.mark.parametrize("kind", ["html", "invalid_json"])
def test_an_answer_that_is_no_data_is_an_error_and_the_pull_goes_on_later(tmp_path: Path, kind: str) -> None:
    with Sandbox(ROWS, requests_per_minute=None, faults=[Fault(kind, at=3)]) as url:
        with pytest.raises(ApiResponseError):
            pull_events(transport(url), START, END, path="/events/page", page_size=9, checkpoint=tmp_path)
        assert ids(pull_events(transport(url), START, END, path="/events/page", checkpoint=tmp_path)) == ALL


def test_a_wrong_key_and_a_path_that_answers_with_numbers(url: str) -> None:
    with pytest.raises(AuthenticationError):
        pull_events(Transport("dk_wrong", base_url=url), START, END, path="/events/page")
    with pytest.raises(
        ApiResponseError, match=r"GET /overview answered 200: an array .* was needed, and an object with"
    ):
        pull_events(transport(url), START, END, path="/overview")


# ---- now -----------------------------------------------------------------------------------------


def test_an_end_in_the_future_is_cut_at_now_and_stays_there(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    caplog.set_level("INFO")
    monkeypatch.setattr(pull, "_now", lambda: pd.Timestamp("2026-01-03T02:00", tz="UTC"))
    service = Service(lambda **params: pages_of(ROWS, **params))
    pulled = pull_events(service, START, "2027-01-01", path="/events", paging="offset", checkpoint=tmp_path)
    assert ids(pulled) == [*ALL[:12], "e48"]
    assert "lies in the future; events are pulled up to 2026-01-03 02:00:00+00:00" in caplog.text
    monkeypatch.setattr(pull, "_now", lambda: pd.Timestamp("2026-06-01", tz="UTC"))
    nothing = Service(lambda **_: pytest.fail("asked again"))
    again = pull_events(nothing, START, "2027-01-01", path="/events", paging="offset", checkpoint=tmp_path)
    pd.testing.assert_frame_equal(again, pulled)


@pytest.mark.parametrize(
    ("date", "until"),
    [
        ("Fri, 02 Jan 2026 02:00:00 GMT", "2026-01-02 02:00"),  # this machine is a day fast
        ("Sun, 04 Jan 2026 02:00:00 GMT", "2026-01-03 02:00"),  # the server is
        ("some day", "2026-01-03 02:00"),
    ],
)
def test_a_clock_that_is_off_by_a_day_records_no_window_that_is_not_over(
    monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture, date: str, until: str
) -> None:
    caplog.set_level("INFO")
    monkeypatch.setattr(pull, "_now", lambda: pd.Timestamp("2026-01-03T02:00", tz="UTC"))
    service = Service(lambda **params: answer_of(pages_of(ROWS, **params), {"Date": date}))
    pull_events(service, START, "2026-01-04", path="/events", paging="offset")
    assert f"events are pulled up to {until}:00+00:00" in caplog.text


def test_dates_in_the_future_and_other_bad_input_are_refused_before_anything_is_asked(url: str) -> None:
    service = Service(lambda **_: {"data": []})
    for changed, words in (
        ({"start": "2026-02-01"}, "events: end=.* Use a moment that is not before start="),
        ({"start": "soon"}, "events: start='soon' is not known. Use a moment such as"),
        ({"end": None}, "events: end=None"),
        ({"path": " "}, "events: path=' ' .*the path of an endpoint that answers with rows"),
        ({"page_size": 0}, "page_size=0 .*at least 1"),
        ({"window": "-1D"}, "window='-1D'"),
        ({"params": {"end_date": "x"}}, "pass start and end"),
        ({"params": {"tags": ["a"]}}, "a mapping of parameters"),
        ({"columns": ["ts"]}, "a mapping of your names to ours"),
        ({"checkpoint": ""}, "the path of a folder"),
        ({"paging": "pages"}, "paging='pages'"),
    ):
        given = {"start": START, "end": END, "path": "/events", **changed}
        with pytest.raises(OptionError, match=words):
            pull_events(service, given.pop("start"), given.pop("end"), **given)
    assert service.asked == []
    with pytest.raises(OptionError, match=r"start=.*Use a moment that is not in the future"):
        pull_events(transport(url), "2125-01-01", "2126-01-01", path="/events/page")


# ---- rate limit, progress, memory ----------------------------------------------------------------


def test_a_full_rate_limit_is_waited_for_and_told() -> None:
    clock = [1_800_000_000.0]
    told: list[str] = []
    with Sandbox(ROWS, requests_per_minute=3, now=lambda: clock[0]) as url:

        def sleep(seconds: float) -> None:
            clock[0] += seconds

        client = transport(url, now=lambda: clock[0], sleep=sleep)
        with progress.shown_by(lambda done, total, words: told.append(f"{done}/{total} {words}")):
            pulled = pull_events(client, START, END, path="/events/cursor", page_size=9)
    assert ids(pulled) == ALL
    waits = [one for one in told if "next request in" in one]
    assert waits[0].startswith("2/4 pulling events: 12 rows, 3 requests, next request in ")
    assert told[0] == "0/4 pulling events: 0 rows, 0 requests"
    assert "4/4 pulling events" in told


def test_without_progress_nothing_is_shown(url: str) -> None:
    told: list[str] = []
    with progress.shown_by(lambda *words: told.append(str(words))):
        pull_events(transport(url), START, END, path="/events/cursor", progress=False, as_path=False)
    assert not [one for one in told if "pulling" in one]


def test_memory_does_not_grow_with_the_number_of_pages(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(spool, "_GROUP_BYTES", 50_000)

    def peak(pages: int) -> int:
        """Bytes at most in Python while one window of so many pages is pulled."""

        def answer(**params: str) -> dict[str, object]:
            at = int(params.get("cursor", 0))
            page = [row(1, event_id=f"e{at}-{one}", note="é" * 250) for one in range(50)]
            return {"data": page, "next_cursor": str(at + 1) if at + 1 < pages else None}

        given = {"path": "/events", "checkpoint": tmp_path / str(pages), "as_path": True}
        tracemalloc.start()
        pull_events(Service(answer), START, "2026-01-02", **given)
        _, most = tracemalloc.get_traced_memory()
        tracemalloc.stop()
        return most

    peak(2)  # loads what is loaded once
    texts = 40 * 50 * 500  # bytes of the notes of 40 pages
    assert peak(46) - peak(6) < texts / 10
