"""Traits: what was said, which value wins by which rule, and what held when something happened."""

from __future__ import annotations

import logging
from collections.abc import Sequence
from typing import Any

import pandas as pd
import pytest

from datalyr_notebook import schema
from datalyr_notebook.errors import ColumnClashError, DatalyrError, NotStitchedError, OptionError, TraitTypeError
from datalyr_notebook.identity.stitching import stitch
from datalyr_notebook.loading.normalize import normalize_events
from datalyr_notebook.traits import merge_traits, trait_history, with_traits

CALLS = pd.DataFrame(
    {
        "timestamp": ["2026-01-03T10:00Z", "2026-01-01T10:00Z", "2026-01-02T10:00Z", "2026-01-02T10:00Z"],
        "event_name": ["$identify", "$identify", "$identify", "pageview"],
        "anonymous_id": ["anon_2", "anon_1", "anon_1", "anon_3"],
        "user_id": ["u1", "u1", "u1", None],
        "traits": [{"plan": "pro", "seats": None}, {"plan": "free", "seats": 3, "tags": ["a"]}, {"name": "Kate"}, None],
    }
)


def stitched(*rows: tuple[str, str, str | None, object], sdks: Sequence[str] | None = None) -> pd.DataFrame:
    """Stitched events from (day and hour, event name, user, traits); all on one device without a user of its own."""
    events = pd.DataFrame(
        {
            "event_id": [f"e{number:02d}" for number in range(len(rows))],
            "timestamp": pd.to_datetime([f"2026-01-{row[0]}Z" for row in rows], utc=True, format="ISO8601"),
            "event_name": [row[1] for row in rows],
            "user_id": [row[2] for row in rows],
            "sdk": ["web"] * len(rows) if sdks is None else sdks,
            "traits": pd.Series([row[3] for row in rows], dtype=object),
        }
    )
    return stitch(normalize_events(events))


def said(*values: object, trait: str = "plan", sdks: Sequence[str] | None = None) -> pd.DataFrame:
    """One user; on each day of January, at noon, one call that says one value."""
    days = enumerate(values, start=1)
    return stitched(*((f"{day:02d}T12:00", "$identify", "u1", {trait: value}) for day, value in days), sdks=sdks)


def answer(events: pd.DataFrame, trait: str = "plan", **options: Any) -> object:
    """What merge_traits answers for the one person; None for missing."""
    found = merge_traits(events, **options).loc["u1", trait]
    return None if not isinstance(found, list | dict) and pd.isna(found) else found


def story(events: pd.DataFrame, **options: Any) -> list[tuple[object, int, int | None, bool]]:
    """The history of the one trait: value, day from, day to (None: still holds), kept."""
    history = trait_history(events, **options)
    days = [history[name].dt.day.astype(object).tolist() for name in ("valid_from", "valid_to")]
    until = [None if pd.isna(day) else day for day in days[1]]
    return list(zip(history["value"], days[0], until, history["kept"], strict=True))


# One row a person


def test_the_last_value_of_each_key_wins_and_missing_keys_stay() -> None:
    merged = merge_traits(stitch(CALLS))
    assert merged.index.tolist() == ["u1"]
    assert merged.index.name == "person_id"
    assert merged.columns.tolist() == ["plan", "seats", "tags", "name"]
    assert merged.loc["u1", ["plan", "tags", "name"]].tolist() == ["pro", ["a"], "Kate"]
    assert pd.isna(merged.loc["u1", "seats"])


def test_merged_users_fold_their_histories_in_time_order() -> None:
    alias = pd.DataFrame(
        {
            "timestamp": ["2026-01-04T10:00Z"], "event_name": ["$alias"], "anonymous_id": ["anon_9"],
            "user_id": ["u2"], "previous_id": ["u1"],
        }
    )  # fmt: skip
    later = CALLS.iloc[:1].assign(timestamp="2026-01-05T10:00Z", user_id="u2", traits=[{"plan": "team"}])
    events = stitch(pd.concat([CALLS, alias, later], ignore_index=True))
    assert merge_traits(events).loc["u2", ["plan", "name"]].tolist() == ["team", "Kate"]
    plans = trait_history(events).query("trait == 'plan'")
    assert plans["value"].tolist() == ["free", "pro", "team"]
    assert plans["person_id"].unique().tolist() == ["u2"]


def test_as_of_is_inclusive() -> None:
    events = said("free", "pro")
    assert answer(events, as_of="2026-01-02T11:59:59.999999Z") == "free"
    assert answer(events, as_of="2026-01-02T12:00Z") == "pro"
    assert answer(events, as_of="2026-01-02T13:00+01:00") == "pro"
    assert merge_traits(events, as_of="2025-12-31").shape == (0, 0)


@pytest.mark.parametrize(
    ("rule", "expected"),
    [("last", 2), ("first", 3), ("max", 5), ("min", 2), ("list", [3, 5, 2])],
)
def test_a_rule_chooses_among_the_values(rule: str, expected: object) -> None:
    events = said(3, 5, 3, 2, trait="seats")
    assert answer(events, "seats", rules={"seats": rule}) == expected


@pytest.mark.parametrize(("rule", "expected"), [("last", None), ("first", None), ("max", 4), ("min", 4), ("list", [4])])
def test_an_explicit_null_is_a_value_under_last_and_first_only(rule: str, expected: object) -> None:
    assert answer(said(None, 4, None), rules={"plan": rule}) == expected


@pytest.mark.parametrize("rule", ["last", "first", "max", "min", "list"])
def test_of_nothing_but_nulls_every_rule_answers_missing(rule: str) -> None:
    assert answer(said(None, None), rules={"plan": rule}) is None


def test_texts_compare_by_their_characters_and_booleans_as_no_and_yes() -> None:
    assert answer(said("2026-03-01", "2025-12-31"), rules={"plan": "max"}) == "2026-03-01"
    assert [bool(answer(said(True, False, True), rules={"plan": rule})) for rule in ("min", "max")] == [False, True]


def test_a_trusted_source_beats_the_others_whatever_their_times() -> None:
    events = said("pro", "free", "team", sdks=["node", "web", "http"])
    assert answer(events) == "team"
    assert answer(events, sources=["node"]) == "pro"
    assert answer(events, sources=["react_native", "web", "node"]) == "free"
    # The sources that are not listed count alike.
    assert answer(events, sources=["swift"]) == "team"


def test_the_rule_chooses_among_the_values_of_the_most_trusted_source() -> None:
    events = said(7, 3, 5, 4, sdks=["web", "node", "node", "node"])
    chosen = {rule: answer(events, rules={"plan": rule}, sources=("node",)) for rule in ("first", "max", "min", "list")}
    assert chosen == {"first": 3, "max": 5, "min": 3, "list": [3, 5, 4]}
    # A null is no value under max, so the next source is heard.
    assert answer(said(None, 7, sdks=["node", "web"]), rules={"plan": "max"}, sources=("node",)) == 7


def test_people_and_traits_stand_in_the_order_first_said() -> None:
    rows = [
        ("03T10:00", "$identify", "anna", {"plan": "free"}),
        ("02T10:00", "$identify", "zoe", {"name": "Zoe", "plan": "pro"}),
        ("01T10:00", "pageview", "anna", None),
        ("04T10:00", "$identify", "mia", {}),
    ]
    merged = merge_traits(stitched(*rows))
    assert merged.index.tolist() == ["zoe", "anna", "mia"]
    assert merged.columns.tolist() == ["name", "plan"]


def test_large_whole_numbers_keep_all_their_digits() -> None:
    rows = [("01T10:00", "$identify", f"u{number}", traits) for number, traits in enumerate([{"id": 2**60 + 1}, {}])]
    assert merge_traits(stitched(*rows)).loc["u0", "id"] == 2**60 + 1


# Over time


def test_each_value_holds_until_the_next_one() -> None:
    assert story(said("free", "free", "pro", "free")) == [
        ("free", 1, 3, False),
        ("pro", 3, 4, False),
        ("free", 4, None, True),
    ]


def test_an_explicit_null_has_a_row_and_what_was_never_said_has_none() -> None:
    rows = [
        ("01T10:00", "$identify", "u1", {"phone": "555", "city": "Lyon"}),
        ("02T10:00", "$identify", "u1", {"phone": None}),
        ("03T10:00", "$identify", "u2", {"city": "Kiel"}),
    ]
    history = trait_history(stitched(*rows))
    told = history[["person_id", "trait", "value", "kept"]].to_numpy().tolist()
    assert told == [
        ["u1", "phone", "555", False],
        ["u1", "phone", None, True],
        ["u1", "city", "Lyon", True],
        ["u2", "city", "Kiel", True],
    ]
    assert merge_traits(stitched(*rows))["phone"].isna().all()


def test_a_losing_value_is_kept_as_a_row_that_never_held() -> None:
    first = story(said("ads", "shop", "shop", "ads", "mail"), rules={"plan": "first"})
    assert first == [("ads", 1, None, True), ("shop", 2, 2, False), ("mail", 5, 5, False)]
    largest = story(said(3, 5, 4, None, 6), rules={"plan": "max"})
    assert largest == [(3, 1, 2, False), (5, 2, 5, False), (4, 3, 3, False), (None, 4, 4, False), (6, 5, None, True)]
    trusted = story(said("free", "pro", "free", "team", sdks=["web", "node", "web", "node"]), sources=["node"])
    assert trusted == [("free", 1, 2, False), ("pro", 2, 4, False), ("free", 3, 3, False), ("team", 4, None, True)]


def test_the_values_of_a_list_hold_side_by_side_until_a_better_source_speaks() -> None:
    assert story(said("run", "ski", "run", None), rules={"plan": "list"}) == [
        ("run", 1, None, True),
        ("ski", 2, None, True),
        (None, 4, 4, False),
    ]
    events = said("run", "ski", "run", "swim", "ski", sdks=["web", "web", "node", "node", "web"])
    assert story(events, rules={"plan": "list"}, sources=["node"]) == [
        ("run", 1, None, True),
        ("ski", 2, 3, False),
        ("swim", 4, None, True),
        ("ski", 5, 5, False),
    ]
    assert answer(events, rules={"plan": "list"}, sources=["node"]) == ["run", "swim"]


def test_a_value_confirmed_by_a_better_source_is_one_value_that_holds_on() -> None:
    events = said("pro", "pro", "free", sdks=["web", "node", "web"])
    assert story(events, sources=["node"]) == [("pro", 1, None, True), ("free", 3, 3, False)]


def test_of_two_calls_at_one_instant_the_order_of_events_decides() -> None:
    rows = [("01T10:00", "$identify", "u1", {"plan": "free"}), ("01T10:00", "$identify", "u1", {"plan": "pro"})]
    assert story(stitched(*rows)) == [("free", 1, 1, False), ("pro", 1, None, True)]


def test_the_table_has_its_columns_and_dtypes_also_when_it_is_empty() -> None:
    full = trait_history(said("free"))
    none = [trait_history(said("free").iloc[:0]), trait_history(said("free").drop(columns="traits"))]
    for history in (full, *none):
        assert {name: str(dtype) for name, dtype in history.dtypes.items()} == {
            column.name: column.dtype for column in schema.TRAIT_HISTORY
        }
    assert [len(history) for history in none] == [0, 0]


@pytest.mark.parametrize(
    ("values", "rows"),
    [
        ((1, 1.0), 1),
        ((1, True), 2),
        ((0, False), 2),
        ((1, "1"), 2),
        (({"a": 1, "b": [2]}, {"b": [2], "a": 1}), 1),
        (([1, 2], [2, 1]), 2),
        ((None, "None"), 2),
        ((None, float("nan")), 1),
        (("x" * 100_000, "x" * 100_000), 1),
        (("\ud800", "\ud801"), 2),
    ],
)
def test_values_are_the_same_as_json_sees_it(values: tuple[object, object], rows: int) -> None:
    assert len(trait_history(said(*values))) == rows


# Beside each event


def test_each_event_carries_what_held_when_it_happened() -> None:
    rows = [
        ("01T09:00", "pageview", "u1", None),
        ("01T10:00", "$identify", "u1", {"plan": "free"}),
        ("01T10:00", "pageview", "u1", None),
        ("02T10:00", "purchase", "u1", None),
        ("03T10:00", "$identify", "u1", {"plan": "pro"}),
        ("04T10:00", "purchase", "u1", None),
        ("05T10:00", "purchase", "u2", None),
    ]
    events = stitched(*rows).iloc[::-1]
    table = with_traits(events, ["plan"])
    pd.testing.assert_frame_equal(table[events.columns], events)
    plans = table["plan"].astype(object)
    assert plans.where(plans.notna(), None).tolist() == [None, "pro", "pro", "free", "free", "free", None]
    latest = with_traits(events, ("plan",), at="latest")["plan"].astype(object)
    assert latest.where(latest.notna(), None).tolist() == [None, *["pro"] * 6]
    assert "plan" not in events.columns


def test_rules_and_sources_hold_at_each_event_too() -> None:
    events = said("free", "pro", "free", sdks=["web", "node", "web"])
    assert with_traits(events, ["plan"], sources=["node"])["plan"].tolist() == ["free", "pro", "pro"]
    seen = with_traits(events, ["plan"], rules={"plan": "list"})["plan"].tolist()
    assert seen == [["free"], ["free", "pro"], ["free", "pro"]]


def test_rows_with_one_index_label_and_rows_of_nobody_are_no_trouble() -> None:
    events = stitched(("01T10:00", "$identify", "u1", {"plan": "free"}), ("02T10:00", "pageview", None, None))
    table = with_traits(events.set_axis([7, 7], axis="index"), ["plan"])
    assert table.index.tolist() == [7, 7]
    assert table["plan"].iloc[0] == "free"
    assert pd.isna(table["plan"].iloc[1])


def test_a_trait_nobody_named_is_missing_and_said_to_be(caplog: pytest.LogCaptureFixture) -> None:
    with caplog.at_level(logging.INFO, logger="datalyr_notebook"):
        table = with_traits(said("free"), ["plna", "plan"])
    assert table["plna"].isna().all()
    assert table["plan"].tolist() == ["free"]
    assert "no $identify says 'plna'" in caplog.text


def test_a_hostile_name_is_a_column_like_any_other() -> None:
    name = "a\ud800<b>"
    events = said("x", trait=name)
    assert with_traits(events, [name])[name].tolist() == ["x"]
    assert merge_traits(events)[name].tolist() == ["x"]
    assert trait_history(events)["trait"].tolist() == [name]


# Bad input


@pytest.mark.parametrize("step", [merge_traits, trait_history, lambda table: with_traits(table, ["plan"])])
def test_events_that_are_not_stitched_are_refused(step: Any) -> None:
    for table in (normalize_events(CALLS), CALLS, None):
        with pytest.raises(NotStitchedError, match=r"needs stitched events .* Call stitch\(events\) first"):
            step(table)


def test_no_traits_is_an_empty_table() -> None:
    assert merge_traits(stitch(CALLS.drop(columns="traits"))).shape == (0, 0)
    assert merge_traits(stitch(CALLS).iloc[:0]).index.name == "person_id"
    assert with_traits(stitch(CALLS).iloc[:0], ["plan"])["plan"].tolist() == []


@pytest.mark.parametrize(
    ("options", "words"),
    [
        ({"rules": {"plan": "newest"}}, r"rules\['plan'\]='newest' is not known. Use one of 'last', 'first'"),
        ({"rules": [("plan", "last")]}, "a mapping of traits to last, first, max, min, list"),
        ({"sources": "node"}, "a list of sdk names, the most trusted first"),
        ({"sources": {"node", "web"}}, "a list of sdk names, the most trusted first"),
        ({"as_of": "soon"}, "None or a moment"),
    ],
)
def test_an_option_that_is_none_is_refused(options: dict[str, Any], words: str) -> None:
    with pytest.raises(OptionError, match=words):
        merge_traits(said("free"), **options)


def test_with_traits_wants_a_list_of_names_and_a_known_moment() -> None:
    with pytest.raises(OptionError, match=r"traits='plan' is not known\. Use a tuple of texts"):
        with_traits(said("free"), "plan")
    with pytest.raises(OptionError, match=r"at='now' is not known\. Use one of 'event', 'latest'"):
        with_traits(said("free"), ["plan"], at="now")


def test_a_trait_named_like_a_column_is_refused() -> None:
    with pytest.raises(ColumnClashError, match=r"the table already has 'sdk'\. Rename these columns first") as raised:
        with_traits(said("free"), ["plan", "sdk"])
    assert raised.value.taken == ["sdk"]


@pytest.mark.parametrize(
    ("values", "found"),
    [
        ((3, "3"), "number and string values"),
        ((1, True), "boolean and number values"),
        (([1], [2]), "several array values"),
        (({"a": 1}, {"a": 2}), "several object values"),
    ],
)
def test_values_without_an_order_are_named_by_trait_and_type(values: tuple[object, object], found: str) -> None:
    with pytest.raises(TraitTypeError, match=f"values of 'plan' under the rule 'max', .* has {found}") as raised:
        answer(said(*values), rules={"plan": "max"})
    assert raised.value.trait == "plan"
    assert isinstance(raised.value, DatalyrError)


def test_values_of_different_people_are_not_compared() -> None:
    rows = [("01T10:00", "$identify", "u1", {"plan": 3}), ("02T10:00", "$identify", "u2", {"plan": "x"})]
    assert merge_traits(stitched(*rows), rules={"plan": "max"})["plan"].tolist() == [3, "x"]
