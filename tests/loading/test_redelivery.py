"""The same event_id and event_name is one event: which copy stays, what is counted, what is never dropped."""

from __future__ import annotations

from typing import Any

import numpy as np
import pandas as pd
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from datalyr_notebook.loading.normalize import normalize_events
from datalyr_notebook.loading.report import LoadReport

COLUMNS = ["event_id", "timestamp", "event_name", "user_id", "value", "order_id"]


def table(*rows: tuple[Any, ...], index: list[Any] | None = None) -> pd.DataFrame:
    """Rows of (event_id, minute, event_name, user_id, value, order_id)."""
    filled = [(*row, *(None,) * (len(COLUMNS) - len(row))) for row in rows]
    frame = pd.DataFrame(filled, columns=COLUMNS, index=index, dtype=object)
    frame["timestamp"] = pd.Timestamp("2026-01-01T10:00Z") + pd.to_timedelta(frame["timestamp"].astype(int), unit="min")
    return frame


def kept(frame: pd.DataFrame) -> tuple[list[Any], dict[str, int]]:
    """The index of the rows that stay, and what was counted about re-deliveries."""
    report = LoadReport()
    index = normalize_events(frame, report=report).index.tolist()
    return index, {kind: report.counts.get(kind, 0) for kind in ("redelivered", "reused_event_ids")}


def test_the_earliest_copy_stays_wherever_it_stands() -> None:
    frame = table(("e1", 9, "purchase", "u1", 5), ("e1", 3, "purchase", "u1", 5), ("e1", 6, "purchase", "u1", 5))
    assert kept(frame) == ([1], {"redelivered": 2, "reused_event_ids": 0})


def test_the_same_id_under_another_name_is_another_event() -> None:
    frame = table(("e1", 1, "purchase", "u1"), ("e1", 1, "refund", "u1"), ("e1", 2, "purchase", "u1"))
    assert kept(frame) == ([0, 1], {"redelivered": 1, "reused_event_ids": 0})


def test_two_spellings_of_one_name_are_one_event() -> None:
    frame = table(("e1", 1, "page_view", "u1"), ("e1", 2, "$pageview", "u1"))
    assert kept(frame) == ([0], {"redelivered": 1, "reused_event_ids": 0})


@pytest.mark.parametrize("nothing", [None, np.nan, "", "  ", "null", "None", "NaN", "undefined"])
def test_rows_without_an_event_id_are_never_duplicates(nothing: object) -> None:
    frame = table((nothing, 1, "purchase", "u1", 5), (nothing, 1, "purchase", "u1", 5))
    assert kept(frame) == ([0, 1], {"redelivered": 0, "reused_event_ids": 0})


def test_a_short_event_id_is_an_id() -> None:
    assert kept(table(("0", 1, "a", "u1"), ("0", 2, "a", "u1"), ("id", 3, "a", "u1")))[0] == [0, 2]


@pytest.mark.parametrize(
    "again",
    [
        ("e1", 2, "purchase", "u1", 6, "o1"),
        ("e1", 2, "purchase", "u2", 5, "o1"),
        ("e1", 2, "purchase", "u1", 5, "o2"),
        ("e1", 2, "purchase", None, 5, "o1"),
    ],
)
def test_an_id_that_says_something_else_was_reused(again: tuple[Any, ...]) -> None:
    frame = table(("e1", 1, "purchase", "u1", 5, "o1"), again)
    assert kept(frame) == ([0], {"redelivered": 1, "reused_event_ids": 1})


def test_one_id_reused_twice_is_one_reused_id() -> None:
    frame = table(("e1", 1, "p", "u1", 1), ("e1", 2, "p", "u1", 2), ("e1", 3, "p", "u1", 3), ("e2", 4, "p", "u1", 1))
    assert kept(frame) == ([0, 3], {"redelivered": 2, "reused_event_ids": 1})


def test_a_webhook_delivered_twice_has_two_one_shot_devices() -> None:
    call = {"event": "purchase", "eventId": "evt_1", "userId": "u1", "timestamp": "2026-01-01T10:00:00Z"}
    call |= {"properties": {"value": 5}, "context": {"library": "@datalyr/api"}}
    frame = pd.DataFrame([{**call, "anonymousId": "anon_9"}, {**call, "anonymousId": "anon_3"}])
    report = LoadReport()
    events = normalize_events(frame, report=report)
    # All else equal, the smaller anonymous_id comes first.
    assert events["anonymous_id"].tolist() == ["anon_3"]
    assert report.counts["redelivered"] == 1
    assert "reused_event_ids" not in report.counts


def test_copies_at_one_instant_are_told_apart_by_their_content() -> None:
    frame = table(("e1", 1, "p", "u2"), ("e1", 1, "p", "u1"), ("e1", 1, "p", None))
    assert kept(frame)[0] == [1]
    assert kept(frame.iloc[::-1])[0] == [1]


def test_index_and_order_of_what_stays() -> None:
    frame = table(("b", 2, "x", "u"), ("a", 1, "x", "u"), ("b", 3, "x", "u"), ("c", 0, "x", "u"), index=[7, 7, 7, 1])
    assert kept(frame)[0] == [7, 7, 1]
    assert normalize_events(frame)["event_id"].tolist() == ["b", "a", "c"]


def test_integer_and_category_event_ids() -> None:
    frame = table((1, 1, "x", "u"), (1, 2, "x", "u"), (2, 1, "x", "u"))
    assert kept(frame)[0] == [0, 2]
    assert kept(frame.assign(event_id=frame["event_id"].astype("category")))[0] == [0, 2]


def test_many_events_a_few_of_them_twice() -> None:
    count = 5_000
    frame = table(*((f"event-{number:05}", number, "x", "u") for number in range(count)))
    again = pd.concat([frame, frame.iloc[[17, 4_999]]], ignore_index=True)
    assert kept(again) == (list(range(count)), {"redelivered": 2, "reused_event_ids": 0})


@settings(max_examples=60, deadline=None)
@given(
    st.lists(st.tuples(st.sampled_from(["e1", "e2", None]), st.integers(0, 1), st.sampled_from("xy")), max_size=7),
    st.randoms(use_true_random=False),
)
def test_shuffling_keeps_the_same_rows(rows: list[tuple[Any, ...]], chance: Any) -> None:
    frame = table(*((event, minute, name, "u", number) for number, (event, minute, name) in enumerate(rows)))
    order = list(range(len(rows)))
    chance.shuffle(order)
    straight, shuffled = normalize_events(frame), normalize_events(frame.iloc[order])
    assert sorted(straight.index) == sorted(shuffled.index)
    named = straight.dropna(subset="event_id") if "event_id" in straight else straight.iloc[:0]
    assert not named.duplicated(["event_id", "event_name"]).any() if len(named) else True
    distinct = {(event, name) for event, _, name in rows if event}
    assert len(straight) == len(distinct) + sum(event is None for event, _, _ in rows)
