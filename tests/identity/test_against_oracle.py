"""stitch gives every row the person, the rule and the time that the slow reading of the design gives."""

from __future__ import annotations

from typing import Any

import numpy as np
import pandas as pd
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from datalyr_notebook.identity import stitching
from datalyr_notebook.identity.identity_links import identity_links
from datalyr_notebook.identity.rule import StitchRule
from tests.oracle import identity as oracle
from tests.strategies import MINUTE, START, records, rows, table

POLICIES = [*oracle.POLICIES]
SO_FAR = [policy for policy in POLICIES if policy != "graph"]
"""The policies that judge each event by what was known at it."""

INSTANTS = st.one_of(st.none(), st.integers(0, 40).map(lambda tens: START + tens * 10 * MINUTE))


@st.composite
def options(draw: st.DrawFn) -> dict[str, Any]:
    """What an analyst may choose beside the policy; the limits are small, as the tables are."""
    return {
        "merge_on": draw(st.sampled_from([(), ("email",), ("phone",), ("email", "phone", "plan")])),
        "bridges": draw(st.sampled_from([("email", "ip"), ("email", "ip"), ("ip",), ()])),
        "block": draw(st.sampled_from([(), (), ("U3",), ("anon%b", "%@b.org"), ("5550100",)])),
        "max_users_per_device": draw(st.sampled_from([10, 10, 1, 2])),
        "max_devices_per_user": draw(st.sampled_from([50, 50, 1, 2])),
        "max_ids_per_trait_value": draw(st.sampled_from([10, 10, 2])),
    }


def assert_agree(events: pd.DataFrame, stitched: pd.DataFrame, expected: list[oracle.Answer]) -> None:
    """Both say the same of every row; ``expected`` has the rows that an as_of instant keeps, in input order."""
    answers = [
        (None if person != person else person, via, since)
        for person, via, since in zip(
            stitched["person_id"].astype(object).where(stitched["person_id"].notna(), None),
            stitched["person_via"].astype(object),
            stitched["person_since"].astype("int64"),
            strict=True,
        )
    ]
    kept = events.loc[stitched.index, "event_id"]
    assert list(zip(kept, answers, strict=True)) == list(zip(kept, expected, strict=True))


@pytest.mark.parametrize("policy", POLICIES)
@settings(max_examples=30)
@given(found=rows(), chosen=options(), as_of=INSTANTS)
def test_every_row_has_the_oracles_person(
    policy: str, found: list[dict[str, Any]], chosen: dict[str, Any], as_of: int | None
) -> None:
    events = table(found)
    instant = None if as_of is None else pd.Timestamp(as_of, unit="us", tz="UTC")
    stitched = stitching.stitch(events, policy=policy, as_of=instant, **chosen)
    assert_agree(events, stitched, oracle.stitch(records(events), policy=policy, as_of=as_of, **chosen))


@pytest.mark.parametrize("policy", SO_FAR)
@settings(max_examples=20)
@given(found=rows(), chosen=options())
def test_every_row_has_the_person_it_had_at_its_own_time(
    policy: str, found: list[dict[str, Any]], chosen: dict[str, Any]
) -> None:
    events = table(found)
    stitched = stitching.stitch(events, policy=policy, as_of="event", **chosen)
    assert_agree(events, stitched, oracle.stitch(records(events), policy=policy, as_of="event", **chosen))


@pytest.mark.parametrize("minutes", [1, 10, 60])
@settings(max_examples=12)
@given(found=rows(bridges=False))
def test_a_session_is_as_long_as_the_analyst_says(minutes: int, found: list[dict[str, Any]]) -> None:
    events = table(found)
    stitched = stitching.stitch(events, session_timeout=f"{minutes}min")
    expected = oracle.stitch(records(events), policy="session", session_timeout_us=minutes * MINUTE)
    assert_agree(events, stitched, expected)


@settings(max_examples=16)
@given(found=rows(), chosen=options(), policy=st.sampled_from(POLICIES), data=st.data())
def test_a_link_taken_away_never_was(
    found: list[dict[str, Any]], chosen: dict[str, Any], policy: str, data: st.DataObject
) -> None:
    events = table(found)
    rule = StitchRule(policy=policy, **chosen)
    links = identity_links(events, rule)
    taken = links.loc[np.array([data.draw(st.booleans()) for _ in range(len(links))], dtype=bool)]
    without = list(zip(taken["id"].astype(str), taken["other_id"].astype(str), taken["kind"].astype(str), strict=True))
    stitched = stitching.stitch_without(events, taken, rule)
    assert_agree(events, stitched, oracle.stitch(records(events), policy=policy, without=without, **chosen))
