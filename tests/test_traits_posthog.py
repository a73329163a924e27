"""PostHog's cases of merged traits: its $set is what our $identify says, its $set_once is our rule "first"."""

from __future__ import annotations

import json
from collections.abc import Mapping
from pathlib import Path

import pandas as pd
import pytest

from datalyr_notebook.identity.stitching import stitch
from datalyr_notebook.traits import merge_traits

CASES = Path(__file__).resolve().parents[1].parent / "shared" / "cases" / "posthog_person_merge"
needs_cases = pytest.mark.skipif(not CASES.exists(), reason="the shared cases are not beside this checkout")

TOLD_BY_ANOTHER_EVENT = {"create_set_and_set_once", "set_beats_set_once_same_key", "set_existing_kept_by_set_once"}
"""There a pageview or custom event sets traits; ours come from $identify alone, so it is read as one."""


def posthog_case(case: Mapping[str, str], *, target_spoke: str = "last") -> tuple[pd.DataFrame, dict[str, str]]:
    """Stitched events of a case, and the rules that say its $set_once: the two ids speak, then the event happens."""
    initial, sets, once = (json.loads(case[name]) for name in ("initial_traits_by_id", "set", "set_once"))
    kind, target, *more = case["event"].split()
    old = more[0].split("=")[1] if more else None
    is_alias = kind == "$create_alias"
    calls: list[dict[str, object]] = [
        {"event_name": "$identify", "traits": traits}
        | ({"user_id": one} if one == target or is_alias else {"anonymous_id": one})
        for one, traits in sorted(initial.items(), key=lambda item: (item[0] == target) == (target_spoke == "last"))
    ]
    # Where both name a key, $set wins.
    event: dict[str, object] = {"event_name": "$identify", "user_id": target, "traits": {**once, **sets}}
    if old is not None:
        event |= {"event_name": "$alias", "previous_id": old} if is_alias else {"anonymous_id": old}
    columns = ["event_name", "anonymous_id", "user_id", "previous_id", "traits"]
    events = pd.DataFrame([*calls, event], columns=columns)
    events["timestamp"] = pd.Timestamp("2024-01-01T00:00Z") + pd.to_timedelta(pd.Series(range(len(events))), unit="min")
    return stitch(events), dict.fromkeys(set(once) - set(sets), "first")


def posthog_cases() -> list[dict[str, str]]:
    return pd.read_csv(CASES / "traits_expected.csv", dtype=str).to_dict("records")  # type: ignore[return-value]


@needs_cases
def test_persons_merged_by_posthog_have_these_traits() -> None:
    cases = posthog_cases()
    assert {case["case_id"] for case in cases if case["event"].split()[0] not in {"$identify", "$create_alias"}} == (
        TOLD_BY_ANOTHER_EVENT
    )
    for case in cases:
        events, rules = posthog_case(case)
        merged = merge_traits(events, rules=rules)
        assert len(merged) == 1, case["case_id"]
        assert merged.iloc[0].to_dict() == json.loads(case["expected_traits"]), case["case_id"]


@needs_cases
def test_where_the_old_id_spoke_last_ours_differs_from_posthog_by_design() -> None:
    """There the target of a merge wins; here what was said last does, whichever id said it."""
    differing = {}
    for case in posthog_cases():
        events, rules = posthog_case(case, target_spoke="first")
        found, theirs = merge_traits(events, rules=rules).iloc[0].to_dict(), json.loads(case["expected_traits"])
        wrong = {trait: found[trait] for trait in theirs if found[trait] != theirs[trait]}
        if wrong:
            differing[case["case_id"]] = wrong
    assert differing == {
        "identify_merge_props": {"b": 2},
        "identify_merge_set_once": {"b": 2},
        "alias_merge_props": {"key_on_both": "old value both"},
    }


@needs_cases
def test_set_and_set_once_over_four_events_are_two_sources() -> None:
    """$set outranks $set_once for each key; a key that only $set_once names keeps its first value."""
    case = json.loads((CASES / "traits_ordered_set_set_once.json").read_text(encoding="utf-8"))
    calls = [
        {"timestamp": f"{event['timestamp']}Z", "sdk": sdk, "traits": event[kind]}
        for event in case["events"]
        for kind, sdk in (("set", "web"), ("set_once", "http"))
    ]
    events = pd.DataFrame(calls).assign(event_name="$identify", user_id="u1")
    events["timestamp"] = pd.to_datetime(events["timestamp"], utc=True)
    is_set = {trait for event in case["events"] for trait in event["set"]}
    once = {trait for event in case["events"] for trait in event["set_once"]} - is_set
    merged = merge_traits(stitch(events), rules=dict.fromkeys(once, "first"), sources=["web"])
    assert merged.loc["u1"].to_dict() == case["expected"]
