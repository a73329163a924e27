"""Persons by number: what several policies have in common gives the answer of each."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

import pandas as pd
from hypothesis import given, settings
from hypothesis import strategies as st

from datalyr_notebook.identity.policies import POLICIES
from datalyr_notebook.identity.rule import StitchRule
from datalyr_notebook.identity.stitching import persons_each, stitch
from datalyr_notebook.loading.normalize import normalize_events
from tests.strategies import rows, table

RULES = st.sampled_from(
    [
        StitchRule(),
        StitchRule(merge_on=("email", "phone")),
        StitchRule(max_users_per_device=1),
        StitchRule(bridges=()),
        StitchRule(as_of=pd.Timestamp("2026-01-01T03:00Z")),
        StitchRule(block=("u1",), max_users_per_device=2),
    ]
)


@settings(max_examples=15, deadline=None)
@given(found=rows(), rule=RULES, names=st.permutations([*POLICIES]))
def test_a_number_is_one_person_under_every_policy(
    found: list[dict[str, Any]], rule: StitchRule, names: list[str]
) -> None:
    """The rows that a policy need not be asked about get what ``stitch`` gives them, whatever the policy."""
    events = table(found)
    rules = [replace(rule, policy=name) for name in names]
    number_of: dict[str, int] = {}
    for one, told in zip(rules, persons_each(events, rules), strict=True):
        persons = stitch(events, one)["person_id"].astype(object)
        assert len(told.person) == len(persons)
        for number, person in zip(told.person.tolist(), persons, strict=True):
            assert (number == -1) == pd.isna(person)
            if number >= 0:
                assert number_of.setdefault(str(person), number) == number
    assert len(set(number_of.values())) == len(number_of)


@settings(max_examples=15, deadline=None)
@given(found=rows(), name=st.sampled_from([name for name in POLICIES if name != "graph"]))
def test_rules_that_judge_each_row_at_its_own_time_have_numbers_too(found: list[dict[str, Any]], name: str) -> None:
    events, rule = table(found), StitchRule(policy=name, as_of="event")
    told = next(persons_each(events, [rule]))
    persons = stitch(events, rule)["person_id"].astype(object)
    pairs = {(number, None if pd.isna(one) else one) for number, one in zip(told.person.tolist(), persons, strict=True)}
    assert len(pairs) == len({number for number, _ in pairs}) == len({one for _, one in pairs})


def test_the_rows_of_known_users_are_told_from_the_rest() -> None:
    events = normalize_events(
        pd.DataFrame(
            {
                "timestamp": ["2026-01-01T10:00Z", "2026-01-02T10:00Z", "2026-01-03T10:00Z"],
                "event_name": "pageview",
                "anonymous_id": ["anon_a", "anon_a", "anon_b"],
                "user_id": [None, "u1", None],
            }
        )
    )
    after, none = persons_each(events, [StitchRule(policy="next"), StitchRule(policy="none")])
    assert after.is_user.tolist() == [True, True, False]
    assert none.is_user.tolist() == [False, True, False]
