"""Laws that hold for every table: nothing lost, order of rows no matter, evidence stays on its device."""

from __future__ import annotations

from typing import Any

import numpy as np
import pandas as pd
from hypothesis import given, settings
from hypothesis import strategies as st

from datalyr_notebook.attribution.attribute import attribute
from datalyr_notebook.errors import CurrencyError
from datalyr_notebook.identity.identity_links import identity_links
from datalyr_notebook.identity.policies import POLICIES
from datalyr_notebook.identity.rule import StitchRule
from datalyr_notebook.identity.stitching import stitch, stitch_each, stitch_without
from tests.strategies import DEVICES, USERS, rows, table

ADDED = ["person_id", "person_via", "person_since"]
SO_FAR = [policy for policy in POLICIES if policy != "graph"]
"""The policies under which each device is stitched alone."""


@settings(max_examples=8)
@given(found=rows(), trusted=st.sampled_from([(), ("email", "phone")]), as_of=st.sampled_from([None, "event"]))
def test_stitching_keeps_every_row_as_it_was(
    found: list[dict[str, Any]], trusted: tuple[str, ...], as_of: str | None
) -> None:
    events = table(found)
    before = events.copy(deep=True)
    for policy in SO_FAR if as_of else POLICIES:
        stitched = stitch(events, policy=policy, merge_on=trusted, as_of=as_of)
        pd.testing.assert_frame_equal(stitched.drop(columns=ADDED), events)
        pd.testing.assert_frame_equal(events, before)
        assert stitched["person_via"].notna().all()
        has_id = (stitched["anonymous_id"].notna() | stitched["user_id"].notna()).tolist()
        assert stitched["person_id"].notna().tolist() == has_id


def told(stitched: pd.DataFrame) -> pd.DataFrame:
    """The person of each event, by event_id, and why."""
    return stitched.set_index("event_id")[ADDED].astype(object).sort_index()


@settings(max_examples=8)
@given(found=rows(), data=st.data())
def test_shuffling_rows_changes_nothing(found: list[dict[str, Any]], data: st.DataObject) -> None:
    events, shuffled = table(found), table(data.draw(st.permutations(found)))
    for policy in POLICIES:
        options = {"policy": policy, "merge_on": ("email", "phone")}
        pd.testing.assert_frame_equal(told(stitch(events, **options)), told(stitch(shuffled, **options)))


@settings(max_examples=8)
@given(found=rows())
def test_two_stitchings_agree_to_the_last_bit(found: list[dict[str, Any]]) -> None:
    """Also in the order of categories, and whether each policy is asked alone or after others."""
    rules = [StitchRule(policy=policy, merge_on=("email", "phone")) for policy in POLICIES]
    for rule, one in zip(rules, stitch_each(table(found), rules), strict=True):
        pd.testing.assert_frame_equal(one, stitch(table(found), rule), check_exact=True, check_categorical=True)


@settings(max_examples=8)
@given(found=rows(bridges=False))
def test_a_login_on_one_device_never_changes_the_owner_of_another(found: list[dict[str, Any]]) -> None:
    """Without aliases, bridges and merge_on, one device is stitched alone as it is among all; not under graph."""
    events = table([row | {"event_name": row["event_name"].replace("$alias", "pageview")} for row in found])
    for policy in SO_FAR:
        whole = stitch(events, policy=policy)
        for device in events["anonymous_id"].dropna().unique():
            own = (events["anonymous_id"] == device).to_numpy()
            alone = stitch(events.loc[own], policy=policy)
            names = [frame["person_id"].astype(object).str.removeprefix("device:") for frame in (alone, whole.loc[own])]
            assert names[0].tolist() == names[1].tolist()


ELSEWHERE = dict(
    zip(
        [*DEVICES, *USERS, "u9", "anon_gone", "internal"],
        ["anon_x", "anon_y", "d8", "43", "w1", "w2", "w3", "tom@example.com", "43", "w9", "anon_lost", "inner"],
        strict=True,
    )
)
"""Every id that rows() draws, and another one."""


@settings(max_examples=8)
@given(found=rows(max_rows=9), others=rows(max_rows=6))
def test_evidence_about_other_people_changes_nobodys_id(
    found: list[dict[str, Any]], others: list[dict[str, Any]]
) -> None:
    """Nor the rule and the time; ``device:`` alone may come, where another's user_id is a device's text."""
    elsewhere = [
        {name: ELSEWHERE.get(value, value) if isinstance(value, str) else value for name, value in row.items()}
        | {"event_id": f"other_{row['event_id']}", "traits": {"email": "tom@example.com"}}
        for row in others
    ]
    events, both = table(found), table([*elsewhere, *found])
    for policy in POLICIES:
        options = {"policy": policy, "merge_on": ("email", "phone")}
        one, among = told(stitch(events, **options)), told(stitch(both, **options))
        pd.testing.assert_frame_equal(one, among.loc[one.index])


def is_finer(fewer: pd.Series, more: pd.Series) -> bool:
    """Whether rows that are one person by fewer links are one by more; of the rows that both have."""
    persons = pd.DataFrame({"fewer": fewer.astype(object), "more": more.astype(object)}).dropna().drop_duplicates()
    return not persons["fewer"].duplicated().any()


@settings(max_examples=16)
@given(found=rows(), data=st.data())
def test_more_rows_never_part_people_in_the_graph(found: list[dict[str, Any]], data: st.DataObject) -> None:
    """Below the limits. Without aliases: a later row may tell that a previous_id was a user and no device."""
    plain = [row | {"event_name": row["event_name"].replace("$alias", "pageview")} for row in found]
    kept = [row for row in plain if data.draw(st.booleans())] or plain[:1]
    few, many = (
        told(stitch(table(some), policy="graph", merge_on=("email", "phone")))["person_id"] for some in (kept, plain)
    )
    assert is_finer(few, many)


@settings(max_examples=16)
@given(found=rows(), data=st.data())
def test_more_links_never_part_people_in_the_graph(found: list[dict[str, Any]], data: st.DataObject) -> None:
    """Of any kind: with aliases, bridges and trusted traits, below the limits."""
    events, rule = table(found), StitchRule(policy="graph", merge_on=("email", "phone"))
    links = identity_links(events, rule)
    taken = links.loc[np.array([data.draw(st.booleans()) for _ in range(len(links))], dtype=bool)]
    assert is_finer(stitch_without(events, taken, rule)["person_id"], stitch(events, rule)["person_id"])


@settings(max_examples=20)
@given(found=rows(max_rows=18), lookbacks=st.tuples(st.integers(1, 500), st.integers(1, 500)))
def test_a_longer_lookback_never_loses_a_touch(found: list[dict[str, Any]], lookbacks: tuple[int, int]) -> None:
    stitched = stitch(table(found))
    shorter, longer = sorted(lookbacks)
    try:
        few, many = (
            attribute(stitched, model="linear", lookback=pd.Timedelta(minutes, "min")).journeys
            for minutes in (shorter, longer)
        )
    except CurrencyError:
        return
    assert set(zip(few.journey, few.touch, strict=True)) <= set(zip(many.journey, many.touch, strict=True))
