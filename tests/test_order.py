"""The order of events: every key by a hand-worked case, and the law that shuffling changes nothing."""

from __future__ import annotations

from typing import Any

import numpy as np
import pandas as pd
from hypothesis import given, settings
from hypothesis import strategies as st

from datalyr_notebook.loading.normalize import normalize_events
from datalyr_notebook.order import (
    by_group_and_time,
    event_order,
    first_rows,
    is_among,
    is_named,
    microseconds,
    span,
    timestamps,
)

COLUMNS = ["timestamp", "event_name", "user_id", "event_id", "anonymous_id"]


def events(*rows: tuple[Any, ...], **more: list[Any]) -> pd.DataFrame:
    """Rows of (minute, event_name, user_id, event_id, anonymous_id)."""
    filled = [(*row, *(None,) * (len(COLUMNS) - len(row))) for row in rows]
    frame = pd.DataFrame(filled, columns=COLUMNS, dtype=object).assign(**more)
    start = pd.Timestamp("2026-01-01T10:00Z")
    frame["timestamp"] = [start + pd.Timedelta(minutes=minute) for minute in frame["timestamp"]]
    return normalize_events(frame)


def test_time_comes_first() -> None:
    assert event_order(events((2, "x", "a"), (1, "x", "c"), (0, "x", "b"))).tolist() == [2, 1, 0]


def test_identity_events_come_before_others_of_their_instant() -> None:
    rows = events((0, "pageview", "a"), (0, "$alias", "c"), (0, "$identify", "b"), (0, "purchase", "a"))
    assert event_order(rows).tolist() == [2, 1, 0, 3]


def test_then_user_then_event_id_then_name_then_device_nulls_last() -> None:
    rows = events(
        (0, "x", None, "e1", "d1"),
        (0, "q", "u2", "e1", "d1"),
        (0, "x", "u1", None, "d1"),
        (0, "x", "u1", "e2", "d1"),
        (0, "y", "u1", "e1", "d1"),
        (0, "w", "u1", "e1", None),
        (0, "z", "u1", "e1", "d2"),
        (0, "v", "u1", "e1", "d1"),
    )
    # u1's event ids: e1 (names v, w, y, z), e2, none; then u2; then nobody.
    assert event_order(rows).tolist() == [7, 5, 4, 6, 3, 2, 1, 0]
    same = events((0, "x", "u1", None, None), (0, "x", "u1", None, "d2"), (0, "x", "u1", None, "d1"))
    assert event_order(same).tolist() == [2, 1, 0]


def test_text_is_compared_as_text() -> None:
    assert event_order(events((0, "x", "9"), (0, "x", "10"), (0, "x", "B"), (0, "x", "a"))).tolist() == [1, 0, 2, 3]


def test_content_decides_between_rows_with_the_same_keys() -> None:
    rows = events((0, "x", "u"), (0, "x", "u"), (0, "x", "u"), value=[1.0, 2.0, 3.0])
    straight = rows["value"].to_numpy()[event_order(rows)]
    for order in ([2, 1, 0], [1, 2, 0], [0, 2, 1]):
        shuffled = rows.iloc[order]
        assert shuffled["value"].to_numpy()[event_order(shuffled)].tolist() == straight.tolist()


def test_groups_come_out_one_after_another() -> None:
    rows = events((3, "x"), (2, "x"), (1, "x"), (0, "x"))
    assert event_order(rows, within=np.array([1, 0, 1, 0])).tolist() == [3, 1, 2, 0]


def test_places_may_stand_for_rows_that_repeat() -> None:
    rows = events((5, "x"), (1, "x"))
    # Places 0..2 hold rows 0, 1, 0 in groups 0, 0, 1.
    assert event_order(rows, rows=np.array([0, 1, 0]), within=np.array([0, 0, 1])).tolist() == [1, 0, 2]


def test_no_rows_and_one() -> None:
    assert event_order(events()).tolist() == []
    assert event_order(events((0, "x"))).tolist() == [0]


def test_sorting_by_two_integers_of_any_size() -> None:
    far = np.array([2**62, -(2**62), 0, -(2**62)])
    assert by_group_and_time(np.array([1, 1, 0, 0]), far).tolist() == [3, 2, 1, 0]
    assert by_group_and_time(np.array([-5, 7, -5]), np.array([3, 1, 2])).tolist() == [2, 0, 1]


def test_instants_become_integers_and_back() -> None:
    rows = events((0, "x"), (1, "x"))
    assert np.diff(microseconds(rows)).tolist() == [60_000_000]
    pd.testing.assert_series_equal(timestamps(microseconds(rows)), rows["timestamp"], check_names=False)


def test_names_are_looked_up_and_null_is_none_of_them() -> None:
    assert is_named(events((0, "$identify"), (0, None), (0, "x")), ("$identify",)).tolist() == [True, False, False]


ROW = st.tuples(
    st.integers(0, 1),
    st.sampled_from(["x", "$identify", None]),
    st.sampled_from(["u1", "u2", None]),
    st.none(),
    st.sampled_from(["d1", None]),
    st.sampled_from([1.0, 2.0, None]),
)


@settings(max_examples=60, deadline=None)
@given(st.lists(ROW, max_size=8), st.randoms(use_true_random=False))
def test_shuffling_never_changes_the_order(rows: list[tuple[Any, ...]], chance: Any) -> None:
    table = events(*(row[:5] for row in rows), value=[row[5] for row in rows])
    mixed = list(range(len(table)))
    chance.shuffle(mixed)
    shuffled = table.iloc[mixed]
    first = table.iloc[event_order(table)].reset_index(drop=True)
    second = shuffled.iloc[event_order(shuffled)].reset_index(drop=True)
    pd.testing.assert_frame_equal(first, second)


@settings(max_examples=40, deadline=None)
@given(st.lists(ROW, max_size=8), st.data())
def test_the_order_of_a_group_is_the_order_of_its_rows_alone(rows: list[tuple[Any, ...]], data: st.DataObject) -> None:
    table = events(*(row[:5] for row in rows), value=[row[5] for row in rows])
    group = np.array(data.draw(st.lists(st.integers(0, 2), min_size=len(rows), max_size=len(rows))), dtype=np.int64)
    whole = event_order(table, within=group)
    for number in range(3):
        alone = np.flatnonzero(group == number)
        apart = table.iloc[alone[event_order(table.iloc[alone])]]
        together = table.iloc[[place for place in whole if group[place] == number]]
        pd.testing.assert_frame_equal(apart.reset_index(drop=True), together.reset_index(drop=True))


def test_the_first_row_of_each_group() -> None:
    """Group 0: the $identify of minute 1 comes before the other event of that instant; row 4 is in no group."""
    rows = events((2, "x", "a"), (1, "x", "a"), (1, "$identify", "b"), (5, "x", "a"), (0, "x", "a"))
    assert first_rows(rows, np.array([0, 0, 0, 1, -1]), 2).tolist() == [2, 3]


def test_the_span_of_each_group_is_missing_where_it_has_no_time() -> None:
    first, last = span(np.array([5, 3, 9]), np.array([0, 0, 2]), 3)
    missing = np.iinfo(np.int64).min
    assert first.tolist() == [3, missing, 9]
    assert last.tolist() == [5, missing, 9]


def test_rows_with_one_of_some_values() -> None:
    sdk = pd.Categorical(["web", None, "ios", "python", "web"], categories=["ios", "web", "python", "node"])
    rows = pd.DataFrame({"sdk": sdk})
    assert is_among(rows, "sdk", ("web", "python")).tolist() == [True, False, False, True, True]
    assert is_among(rows, "sdk", ("node", "never")).tolist() == [False] * 5  # no row has either
    assert is_among(rows, "sdk", ("web",), np.array([4, 1, 0])).tolist() == [True, False, True]
    assert is_among(rows.iloc[:0], "sdk", ("web",)).tolist() == []
