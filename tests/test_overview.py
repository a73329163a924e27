"""What df.datalyr shows of itself: facts worked by hand, every kind of table, and no exception whatever comes."""

from __future__ import annotations

from typing import Any

import numpy as np
import pandas as pd
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

import datalyr_notebook as dn
from datalyr_notebook import notices
from datalyr_notebook.overview import Overview, overview
from tests.strategies import rows, table

HOSTILE = "<img src=x onerror=alert(1)>\x1b[2J"


def story(**columns: Any) -> pd.DataFrame:
    """Two devices: anon_1 browses and logs in as u1; anon_2 logs in as u1 and buys; anon_3 never logs in."""
    return pd.DataFrame(
        {
            "timestamp": [f"2026-01-0{day}T10:00Z" for day in (1, 2, 3, 4, 5)],
            "event_name": ["pageview", "$identify", "$identify", "purchase", "pageview"],
            "anonymous_id": ["anon_1", "anon_1", "anon_2", "anon_2", "anon_3"],
            "user_id": [None, "u1", "u1", None, None],
            "value": [None, None, None, 5.0, None],
        }
    ).assign(**columns)


def words(found: Overview) -> list[str]:
    return repr(found).split("\n")


class TestTheFacts:
    """u1, and the anonymous rows of three devices: four people as the rows say, two when stitched."""

    def test_a_raw_table(self) -> None:
        found = overview(story())
        assert (found.state, found.rows, found.events) == ("raw", 5, 5)
        assert (found.first, found.last) == (pd.Timestamp("2026-01-01T10:00Z"), pd.Timestamp("2026-01-05T10:00Z"))
        assert found.before is not None
        assert found.after is not None
        assert (found.before.people, found.before.matched) == (4, 0.4)
        assert (found.after.people, found.after.matched) == (2, 0.8)
        assert words(found)[:4] == [
            "df.datalyr: 5 events, not normalized and not stitched yet",
            "dates     1 Jan 2026 10:00 UTC to 5 Jan 2026 10:00 UTC",
            "people    4 before stitching, 2 after stitching with the defaults",
            "known     40% of the events belong to known users before, 80% after",
        ]
        assert words(found)[-1] == "next      stitched = df.datalyr.stitch()"

    def test_a_normalized_table(self) -> None:
        found = overview(dn.normalize_events(story()))
        assert found.state == "normalized"
        assert words(found)[0] == "df.datalyr: 5 events, normalized, not stitched yet"

    def test_a_stitched_table_says_by_which_rules(self) -> None:
        found = overview(dn.stitch(story()))
        assert found.decided_by == {"own": 2, "anonymous": 1, "next": 1, "previous": 1}
        assert "people    4 before stitching, 2 as stitched" in words(found)
        assert "decided   rows by rule: own 40%, anonymous 20%, next 20%, previous 20%" in words(found)
        assert found.next_step == "result = df.datalyr.attribute()"

    def test_it_counts_people_as_the_table_is_stitched_not_as_the_defaults_would(self) -> None:
        found = overview(dn.stitch(story(), policy="none"))
        assert found.after is not None
        assert found.after.people == 4

    def test_rows_judged_at_their_own_time_are_stitched_again_before_money_is_counted(self) -> None:
        found = overview(dn.stitch(story(), as_of="event"))
        assert found.state == "judged_at_event"
        assert found.next_step == "stitched = df.datalyr.stitch()"

    def test_without_purchases_the_event_that_brings_most_is_proposed(self) -> None:
        names = ["lead", "$identify", "$identify", "order's", "refund"]
        stitched = dn.stitch(story(event_name=names, value=[3.0, None, None, 5.0, 90.0]))
        step = overview(stitched).next_step
        assert step == """result = df.datalyr.attribute(conversion="order's")"""

    def test_without_money_journeys_are_looked_at(self) -> None:
        stitched = dn.stitch(story().drop(columns="value").assign(event_name="pageview"))
        assert overview(stitched).next_step == "df.datalyr.explore.journeys()"

    def test_deliveries_that_came_again_are_no_events(self) -> None:
        assert words(overview(story(event_id="e")))[0].startswith("df.datalyr: 5 rows, 3 events")

    def test_problems_are_those_of_lint_the_worst_in_words(self) -> None:
        events = story(user_id=["null", "u1", "u1", None, None])
        found = overview(events)
        pd.testing.assert_frame_equal(found.problems, dn.lint(events))
        assert any(line.startswith("          null_like_user_id: ") for line in words(found))
        assert any(line.startswith("problems  1 error") and "df.datalyr.lint()" in line for line in words(found))

    def test_a_table_without_a_fault_says_so(self) -> None:
        found = overview(dn.load_sample("seed_journey"))
        assert "problems  none found by df.datalyr.lint()" in words(found)

    def test_times_without_a_zone_are_utc(self) -> None:
        found = overview(story(timestamp=pd.date_range("2026-01-01", periods=5, freq="D")))
        assert found.first == pd.Timestamp("2026-01-01", tz="UTC")
        assert overview(story(timestamp=pd.Timestamp("2026-01-01"))).last == pd.Timestamp("2026-01-01", tz="UTC")


class TestTheNextStepOfWhatIsNoEvents:
    """What is missing, in words, and a call that mends it."""

    @pytest.mark.parametrize(
        ("columns", "mapping"),
        [
            (["ts", "Event Type", "uid"], "{'ts': 'timestamp', 'Event Type': 'event_name', 'uid': 'user_id'}"),
            (["TIMESTAMP", "event", "device"], "{'TIMESTAMP': 'timestamp', 'device': 'anonymous_id'}"),
            (["date", "time", "user_id"], "{'time': 'timestamp', '<event_name>': 'event_name'}"),
            (["a"], "{'<timestamp>': 'timestamp', '<event_name>': 'event_name', '<user_id>': 'user_id'}"),
            ([1, "user"], "{'user': 'user_id', '<timestamp>': 'timestamp', '<event_name>': 'event_name'}"),
        ],
    )
    def test_columns_are_guessed_by_name(self, columns: list[object], mapping: str) -> None:
        found = overview(pd.DataFrame([["x"] * len(columns)], columns=columns))
        assert found.state == "unreadable"
        assert found.trouble.startswith("normalize_events reads ")
        assert found.next_step.startswith(f"events = df.datalyr.normalize_events(columns={mapping})")

    def test_a_column_of_datetimes_is_the_timestamp(self) -> None:
        frame = pd.DataFrame({"wann": pd.to_datetime(["2026-01-01"]), "event": "pageview", "user_id": "u1"})
        step = overview(frame).next_step
        assert step == "events = df.datalyr.normalize_events(columns={'wann': 'timestamp'})"
        assert len(frame.datalyr.normalize_events(columns={"wann": "timestamp"})) == 1

    def test_no_rows(self) -> None:
        for empty in (pd.DataFrame(), story().iloc[:0], dn.stitch(story()).iloc[:0]):
            assert words(overview(empty)) == [
                "df.datalyr: 0 rows, no events",
                "next      events = datalyr_notebook.read_events('events/*.jsonl')",
            ]

    def test_ids_that_are_floats_are_to_be_read_again(self) -> None:
        step = overview(story(user_id=[np.nan, 1.0, 1.0, np.nan, np.nan])).next_step
        assert step == "read the file again with dtype={'user_id': str}: these ids have lost digits"

    def test_other_errors_keep_their_own_words(self) -> None:
        found = overview(story(timestamp="yesterday"))
        assert "5 of 5 values are neither ISO 8601 nor an epoch number" in found.trouble
        twice = overview(pd.DataFrame([[1, 2]], columns=["a", "a"]))
        assert "'a' names two columns" in twice.trouble
        nested = overview(pd.DataFrame([[1, 2]], columns=pd.MultiIndex.from_tuples([("a", "b"), ("a", "c")])))
        assert "MultiIndex" in nested.trouble

    def test_an_exception_that_nobody_foresaw_is_a_line(self, monkeypatch: pytest.MonkeyPatch) -> None:
        def fail(_: object) -> None:
            raise ZeroDivisionError

        monkeypatch.setattr("datalyr_notebook.overview.lint_tracked", fail)
        assert words(overview(story())) == [
            "df.datalyr: 5 rows, no events that can be read",
            "trouble   reading these rows stopped with ZeroDivisionError",
            "next      df.datalyr.normalize_events() says where",
        ]


CELLS = st.one_of(st.none(), st.text(max_size=5), st.floats(), st.integers(), st.booleans(), st.just({"a": [1]}))
NAMES = st.sampled_from(
    ["timestamp", "event_name", "user_id", "anonymous_id", "sdk", "person_id", "person_via", "value"]
)


@given(st.dictionaries(NAMES, st.lists(CELLS, min_size=3, max_size=3), max_size=8))
@settings(max_examples=50, deadline=None)
def test_nothing_makes_it_raise(columns: dict[str, list[object]]) -> None:
    frame = pd.DataFrame({name: pd.Series(cells, dtype=object) for name, cells in columns.items()})
    found = overview(frame)
    assert 2 <= len(words(found)) <= 8
    assert found.next_step
    assert found._repr_html_()


@given(rows(), st.randoms(use_true_random=False))
@settings(max_examples=15, deadline=None)
def test_the_order_of_rows_changes_nothing(found: list[Any], luck: Any) -> None:
    mixed = list(found)
    luck.shuffle(mixed)
    assert repr(overview(table(found))) == repr(overview(table(mixed)))


@pytest.mark.parametrize("name", ["event_name", "user_id", "anonymous_id"])
def test_texts_of_events_cannot_leave_their_place(name: str) -> None:
    for events in (story(**{name: HOSTILE}), story().rename(columns={name: HOSTILE, "timestamp": "ts"})):
        found = overview(events)
        assert "\x1b" not in repr(found)
        assert "<img" not in found._repr_html_()
    stitched = dn.stitch(story(event_name=HOSTILE))
    assert HOSTILE not in repr(overview(stitched))
    assert "\\x1b[2J" in overview(stitched).next_step
    assert "<img" not in overview(stitched)._repr_html_()


def test_it_prints_no_notice(monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]) -> None:
    monkeypatch.setattr(notices, "in_notebook", lambda: True)
    assert overview(story(timestamp="2026-01-01T10:00")).state == "raw"
    assert capsys.readouterr().out == ""


def test_the_input_is_not_changed() -> None:
    events = story(user_id=[np.nan, 1.0, 1.0, np.nan, np.nan])
    before = events.copy(deep=True)
    overview(events)
    pd.testing.assert_frame_equal(events, before)
