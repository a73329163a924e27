"""Endpoints that move, repeat, stall and lie: every row comes once, or an error says why not."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Any

import pandas as pd
import pytest

import datalyr_notebook as dn
from datalyr_notebook.api.paging import Paging
from datalyr_notebook.api.pull import pull_events
from datalyr_notebook.api.transport import Answer
from datalyr_notebook.errors import MissingColumnsError, PagingError
from tests.api.services import ALL, END, ROWS, START, Service, answer_of, ids, pages_of, row, within


def test_rows_that_arrive_while_paging_are_pulled_as_well() -> None:
    rows = [row(number) for number in range(2, 12, 2)]

    def answer(**params: str) -> dict[str, object]:
        if len(service.asked) == 2:
            rows.insert(0, row(1))  # shifts everything behind it
        return {**pages_of(rows, **params), "total": None}

    service = Service(answer)
    pulled = pull_events(service, START, "2026-01-02", path="/events", paging="offset", page_size=2)
    assert ids(pulled) == ["e1", "e2", "e4", "e6", "e8", "e10"]


def test_rows_that_vanish_while_paging_are_noticed_by_the_total() -> None:
    rows = [row(number) for number in range(6)]

    def answer(**params: str) -> dict[str, object]:
        if len(service.asked) == 2:
            del rows[0]  # without a second pull, e2 would never come
        return pages_of(rows, **params)

    service = Service(answer)
    assert ids(pull_events(service, START, "2026-01-02", path="/events", page_size=2)) == ["e1", "e2", "e3", "e4", "e5"]


def test_a_window_that_never_holds_still_is_an_error_and_not_recorded(tmp_path: Path) -> None:
    rows = [row(0), row(1)]

    def answer(**params: str) -> dict[str, object]:
        rows.append(row(2, event_id=f"new{len(rows)}"))
        return pages_of(rows, **params)

    service = Service(answer)
    words = r"in 4 tries the pages of 2026-01-01T00:00:00Z to .* did not add up: the first page was another one"
    with pytest.raises(PagingError, match=words):
        pull_events(service, START, "2026-01-02", path="/events", page_size=1, checkpoint=tmp_path)
    assert not list(tmp_path.glob("*.parquet"))


def test_a_stale_first_page_of_a_window_that_was_begun_is_noticed(tmp_path: Path) -> None:
    rows = [row(number) for number in range(6)]
    plan = {"stop": 3, "stale": 4}

    def answer(**params: str) -> dict[str, object]:
        if len(service.asked) == plan["stop"]:
            raise KeyboardInterrupt
        at = 2 if len(service.asked) == plan["stale"] else int(params.get("cursor", 0))
        return {"data": rows[at : at + 2], "next_cursor": str(at + 2) if at < 4 else None}

    service = Service(answer)
    given = {"path": "/events", "page_size": 2, "checkpoint": tmp_path}
    with pytest.raises(KeyboardInterrupt):
        pull_events(service, START, "2026-01-02", **given)
    # A cache answers the first request with the second page, and nothing in it says so.
    assert ids(pull_events(service, START, "2026-01-02", **given)) == ["e0", "e1", "e2", "e3", "e4", "e5"]


@pytest.mark.parametrize(
    ("answer", "words"),
    [
        # It knows its parameter by another name, and answers with the first page for ever.
        (lambda **_: {"events": [row(0), row(1)], "total_pages": 3}, "a page came a second time"),
        (lambda **_: {"events": [row(0), row(1)], "page": 1, "total_pages": 3}, "page 2 was asked for and page 1 came"),
        (lambda **_: {"data": [row(0)], "next_cursor": "same"}, "a page came a second time"),
        (lambda **_: {"data": [], "next_cursor": "same"}, "the pages go round in a circle"),
        (lambda **_: {"events": [row(0)], "page": 1, "total_pages": 1, "total": 5}, "5 rows were announced and 1 came"),
        (lambda **_: {"data": [row(0)], "next_cursor": None, "has_more": True}, "there is more, but gives no cursor"),
    ],
)
def test_pages_that_cannot_be_all_are_an_error(answer: Callable[..., Any], words: str) -> None:
    paging = "page" if "events" in answer() else "auto"
    with pytest.raises(PagingError, match=words):
        pull_events(Service(answer), START, "2026-01-02", path="/events", paging=paging)


def test_a_total_that_is_only_about_right_can_be_distrusted() -> None:
    service = Service(lambda **params: {**pages_of([row(0), row(1)], **params), "total": 2 + (params["offset"] == "0")})
    with pytest.raises(PagingError, match=r"the total changed|rows were announced"):
        pull_events(service, START, "2026-01-02", path="/events", paging="offset", page_size=1)
    trusting_none = Paging("offset", trust_total=False)
    assert len(pull_events(service, START, "2026-01-02", path="/events", paging=trusting_none, page_size=1)) == 2


def test_rows_that_stand_on_several_pages_for_good_are_in_the_result_once(
    caplog: pytest.LogCaptureFixture, tmp_path: Path
) -> None:
    caplog.set_level("INFO")
    nameless = {"timestamp": "2026-01-01T10:00:00Z", "event": "pageview", "anonymousId": "anon_1"}
    rows = [nameless, nameless, row(1), nameless, row(1, value=9), row(2), row(1)]
    service = Service(lambda **params: {**pages_of(rows, **params), "total": 7})
    folder = pull_events(service, START, "2026-01-02", path="/events", page_size=3, checkpoint=tmp_path, as_path=True)
    # Pages (nameless, nameless, e1), (nameless, another e1, e2), (e1): two equal rows of one page are two events.
    (part,) = Path(str(folder)).glob("*.parquet")
    assert pd.read_parquet(part)["event_id"].fillna("-").tolist() == ["-", "-", "e1", "e1", "e2"]
    assert "events: 2 rows stood on several pages and are in the result once." in caplog.text
    assert len(service.asked) == 7  # twice the same, the second time with its first page asked for twice


def test_an_endpoint_that_ignores_the_dates_gives_each_row_once(caplog: pytest.LogCaptureFixture) -> None:
    caplog.set_level("INFO")
    service = Service(lambda **_: {"data": ROWS, "next_cursor": None})
    assert ids(pull_events(service, START, END, path="/events", window="2D")) == ALL
    assert "rows lay outside the dates that were asked for and were left out; the endpoint may read" in caplog.text


def test_a_stale_page_of_other_dates_is_not_taken_for_an_empty_window() -> None:
    def answer(**params: str) -> dict[str, object]:
        asked = ROWS if len(service.asked) != 3 else [row(1)]
        every = {} if asked is ROWS else {"start_date": f"{START}T00Z", "end_date": f"{END}T00Z"}
        return pages_of(asked, **{**params, **every})

    service = Service(answer)
    assert ids(pull_events(service, START, END, path="/events", paging="offset")) == ALL


def test_rows_without_a_readable_time_are_left_out_counted_and_told(
    tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    caplog.set_level("INFO")
    rows = [row(1), row(2, timestamp="soon"), row(3, timestamp=None), row(4)]
    service = Service(lambda **_: {"data": rows, "next_cursor": None})
    for _ in range(2):  # pulled, and read again from the folder
        report = dn.LoadReport()
        pulled = pull_events(service, START, "2026-01-02", path="/e", checkpoint=tmp_path, report=report)
        assert ids(pulled) == ["e1", "e4"]
        assert report.counts["unreadable_timestamps"] == 2
        assert "2 rows without a readable time left out" in caplog.text
        caplog.clear()


@pytest.mark.parametrize("columns", [None, {"timestamp": "when"}])
def test_rows_whose_time_has_another_name_are_no_empty_result(columns: dict[str, str] | None) -> None:
    sent, read = ("timestamp", "when") if columns else ("ts", "ts")
    rows = [{sent: one["timestamp"], "event": "pageview", "userId": "u"} for one in ROWS[:3]]
    service = Service(lambda **_: {"data": rows, "next_cursor": None})
    words = f"Client.events reads 'timestamp', but the table has only '{read}', 'event', 'userId'. Name yours"
    with pytest.raises(MissingColumnsError, match=words):
        pull_events(service, START, "2026-01-02", path="/e", columns=columns)


def test_rows_without_any_sign_of_paging_may_be_the_first_of_many() -> None:
    cut = Service(lambda **params: within(ROWS, params["start_date"], params["end_date"])[:5])
    words = "its answer of 5 rows has no cursor, page number, offset or Link header. Name how it pages with paging="
    with pytest.raises(PagingError, match=words):
        pull_events(cut, START, END, path="/events")
    whole = Service(lambda **params: within(ROWS, params["start_date"], params["end_date"]))
    assert ids(pull_events(whole, START, END, path="/events", paging="none")) == ALL


def test_a_full_last_page_without_a_link_is_recognized_by_asking_for_less() -> None:
    def answer(**params: str) -> Answer:
        found = within(ROWS, params["start_date"], params["end_date"])
        at, limit = int(params.get("after", 0)), int(params["limit"])
        query = "&".join(f"{name}={value}" for name, value in {**params, "after": at + limit}.items())
        return answer_of(found[at : at + limit], {"Link": f'<?{query}>; rel="next"'} if at + limit < len(found) else {})

    class Linked(Service):
        def get(self, path: str, params: Mapping[str, Any] | None = None, *, on_wait: object = None) -> Answer:
            named = dict(pair.split("=") for pair in path.partition("?")[2].split("&")) if "?" in path else {}
            return super().get(path, {**named, **(params or {})})

    assert ids(pull_events(Linked(answer), START, END, path="/events", page_size=12)) == ALL
