"""Laws of traits: the fast answers are those of a slow reading in plain Python, at every instant, under every rule."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np
import pandas as pd
from hypothesis import given, settings
from hypothesis import strategies as st

from datalyr_notebook.traits import merge_traits, trait_history, with_traits

CALL = st.fixed_dictionaries(
    {},
    optional={
        "plan": st.sampled_from([None, "free", "pro", True, 1, ["a"], {"b": 1}]),
        "seats": st.sampled_from([None, 1, 2, 2.0, 3.5]),
    },
)
ROW = st.tuples(
    st.integers(0, 5),
    st.sampled_from(["$identify", "$identify", "$alias", "purchase"]),
    st.sampled_from(["u1", "u2", "u3"]),
    st.sampled_from(["web", "node", "http"]),
    CALL,
)
POLICY = st.fixed_dictionaries(
    {
        "rules": st.fixed_dictionaries(
            {
                "plan": st.sampled_from(["last", "first", "list"]),
                "seats": st.sampled_from(["last", "first", "max", "min", "list"]),
            }
        ),
        "sources": st.sampled_from([(), ("node",), ("http", "web")]),
    }
)


def table(rows: Sequence[tuple[int, str, str, str, dict[str, object]]]) -> pd.DataFrame:
    """Drawn rows as stitched events; u2 and u3 were found to be one person."""
    times = [pd.Timestamp("2026-01-01T00:00Z") + pd.Timedelta(row[0], "h") for row in rows]
    texts = {
        "event_name": [row[1] for row in rows],
        "user_id": [row[2] for row in rows],
        "sdk": [row[3] for row in rows],
        "person_id": [{"u1": "u1"}.get(row[2], "u3") for row in rows],
        "person_via": ["own"] * len(rows),
    }
    events = pd.DataFrame({name: pd.Categorical(column) for name, column in texts.items()})
    return events.assign(
        event_id=[f"e{number:02d}" for number in range(len(rows))],
        timestamp=pd.Series(times).dt.as_unit("us"),
        traits=pd.Series([row[4] if row[1] == "$identify" else None for row in rows], dtype=object),
    )


def in_order(events: pd.DataFrame) -> list[dict[str, Any]]:
    """The rows in the order of events, worked out by the design's words."""
    identity = ("$identify", "$alias")
    keys = lambda row: (row["timestamp"], row["event_name"] not in identity, row["user_id"], row["event_id"])  # noqa: E731
    return sorted(events.astype(object).to_dict("records"), key=keys)


def slow_answer(calls: list[dict[str, Any]], trait: str, rule: str, sources: Sequence[str]) -> object:
    """The value of a trait after these calls of one person; None for missing."""
    heard = [(call["sdk"], call["traits"][trait]) for call in calls if trait in call["traits"]]
    if rule in {"max", "min", "list"}:
        heard = [(sdk, value) for sdk, value in heard if value is not None]
    for source in sources:
        if any(sdk == source for sdk, _ in heard):
            heard = [(sdk, value) for sdk, value in heard if sdk == source]
            break
    values = [value for _, value in heard]
    if not values:
        return None
    if rule == "list":
        distinct: dict[str, object] = {}
        for value in values:
            distinct.setdefault(f"{type(value) is bool}{value!r}".replace("2.0", "2"), value)
        return list(distinct.values())
    choose = {"last": lambda: values[-1], "first": lambda: values[0], "max": lambda: max(values)}
    return choose.get(rule, lambda: min(values))()


def same(one: object, other: object) -> bool:
    """Equal as JSON: missing is missing, true is not 1."""
    if not isinstance(one, list | dict) and pd.isna(one):
        return other is None
    return one == other and isinstance(one, bool | np.bool_) == isinstance(other, bool | np.bool_)


def calls_of(rows: Sequence[Mapping[str, Any]], person: str) -> list[dict[str, Any]]:
    return [dict(row) for row in rows if row["person_id"] == person and isinstance(row["traits"], dict)]


@settings(max_examples=40, deadline=None)
@given(rows=st.lists(ROW, min_size=1, max_size=9), policy=POLICY, hour=st.integers(0, 5))
def test_merged_at_every_instant_as_a_slow_reading_does(rows: list[Any], policy: dict[str, Any], hour: int) -> None:
    events = table(rows)
    instant = pd.Timestamp("2026-01-01T00:00Z") + pd.Timedelta(hour, "h")
    merged = merge_traits(events, as_of=instant, **policy)
    known = [row for row in in_order(events) if row["timestamp"] <= instant]
    assert set(merged.index) == {row["person_id"] for row in known if isinstance(row["traits"], dict)}
    for person in merged.index:
        for trait, rule in policy["rules"].items():
            found = merged.loc[person, trait] if trait in merged.columns else None
            assert same(found, slow_answer(calls_of(known, person), trait, rule, policy["sources"]))


@settings(max_examples=40, deadline=None)
@given(rows=st.lists(ROW, min_size=1, max_size=9), policy=POLICY, hour=st.integers(0, 5))
def test_history_tells_at_every_instant_what_merging_answers(
    rows: list[Any], policy: dict[str, Any], hour: int
) -> None:
    events = table(rows)
    history = trait_history(events, **policy)
    instant = pd.Timestamp("2026-01-01T00:00Z") + pd.Timedelta(hour, "h")
    holds = (history["valid_from"] <= instant) & ~(history["valid_to"] <= instant)
    for chosen, merged in (
        (history[history["kept"]], merge_traits(events, **policy)),
        (history[holds], merge_traits(events, as_of=instant, **policy)),
    ):
        values: dict[tuple[str, str], list[object]] = {}
        for person, trait, value in chosen[["person_id", "trait", "value"]].itertuples(index=False):
            values.setdefault((person, trait), []).append(value)
        for person in merged.index:
            for trait in merged.columns:
                mine = values.get((person, trait), [])
                told = mine if policy["rules"][trait] == "list" and mine else [None, *mine][-1]
                assert same(merged.loc[person, trait], told)
                assert policy["rules"][trait] == "list" or len(mine) <= 1


@settings(max_examples=40, deadline=None)
@given(rows=st.lists(ROW, min_size=1, max_size=9), policy=POLICY)
def test_every_value_said_is_in_the_history_and_consecutive_repeats_are_one(
    rows: list[Any], policy: dict[str, Any]
) -> None:
    events = table(rows)
    history = trait_history(events, **policy)
    told = {(person, trait, repr(value).replace("2.0", "2")) for person, trait, value in history.iloc[:, :3].to_numpy()}
    heard = {
        (row["person_id"], trait, repr(value).replace("2.0", "2"))
        for row in in_order(events)
        if isinstance(row["traits"], dict)
        for trait, value in row["traits"].items()
    }
    assert told == heard
    assert (history["kept"] == history["valid_to"].isna()).all()


@settings(max_examples=40, deadline=None)
@given(rows=st.lists(ROW, min_size=1, max_size=9), policy=POLICY)
def test_each_event_carries_what_a_slow_reading_finds(rows: list[Any], policy: dict[str, Any]) -> None:
    events = table(rows)
    found = with_traits(events, ["plan", "seats"], **policy).set_index("event_id")
    latest = with_traits(events, ["plan", "seats"], at="latest", **policy).set_index("event_id")
    merged = merge_traits(events, **policy)
    ordered = in_order(events)
    for place, row in enumerate(ordered):
        for trait, rule in policy["rules"].items():
            known = calls_of(ordered[: place + 1], row["person_id"])
            expected = slow_answer(known, trait, rule, policy["sources"])
            assert same(found.loc[row["event_id"], trait], expected)
            is_known = row["person_id"] in merged.index and trait in merged.columns
            today = merged.loc[row["person_id"], trait] if is_known else None
            today = None if not isinstance(today, list | dict) and pd.isna(today) else today
            assert same(latest.loc[row["event_id"], trait], today)


@settings(max_examples=30, deadline=None)
@given(rows=st.lists(ROW, min_size=1, max_size=9), policy=POLICY, seed=st.integers(0, 9))
def test_shuffling_rows_changes_nothing(rows: list[Any], policy: dict[str, Any], seed: int) -> None:
    events = table(rows)
    shuffled = events.sample(frac=1, random_state=seed)
    for ask in (merge_traits, trait_history):
        one, other = (ask(one, **policy).astype(str) for one in (events, shuffled))
        assert one.to_numpy().tolist() == other.to_numpy().tolist()
        assert one.index.tolist() == other.index.tolist()
