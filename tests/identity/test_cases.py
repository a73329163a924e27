"""Other products' cases with their published answers: who is one person with whom, under the policy that is theirs.

Identities are compared as partitions: which events belong together, whatever the person is called.
"""

from __future__ import annotations

from collections.abc import Hashable, Iterable
from pathlib import Path

import pandas as pd
import pytest

from datalyr_notebook.identity.stitching import stitch

CASES = Path(__file__).resolve().parents[2].parent / "shared" / "cases"
pytestmark = pytest.mark.skipif(not CASES.exists(), reason="the other products' cases are not beside this checkout")

Partition = set[frozenset[str]]
IDS = ["anonymous_id", "user_id", "previous_id"]


def read(product: str, name: str = "events.csv") -> pd.DataFrame:
    """A file of cases as text: what reads like a null is somebody's id here, an empty cell is none."""
    cells = pd.read_csv(CASES / product / name, dtype=str, keep_default_na=False)
    return cells.where(cells != "", None)


def by_case(product: str) -> list[tuple[str, pd.DataFrame]]:
    """Each case's name and events; ``expected_person`` is the product's own answer."""
    answers = read(product, "expected.csv")[["event_id", "expected_person"]]
    events = read(product).merge(answers, on="event_id", validate="one_to_one")
    return [(str(case), rows.reset_index(drop=True)) for case, rows in events.groupby("case_id", sort=False)]


def partition(keys: Iterable[str], persons: Iterable[Hashable]) -> Partition:
    """Which keys belong together; a row of nobody stands alone."""
    groups: dict[Hashable, set[str]] = {}
    for key, person in zip(keys, persons, strict=True):
        groups.setdefault(("nobody", key) if pd.isna(person) else person, set()).add(key)
    return {frozenset(group) for group in groups.values()}


def short(case: str, found: Partition) -> set[frozenset[int]]:
    """The same with the number at the end of each event_id of a case."""
    return {frozenset(int(key.removeprefix(f"{case}-")) for key in group) for group in found}


# Snowplow, policy last


def test_snowplows_last_login_takes_all_rows_of_a_device() -> None:
    stitched = stitch(read("snowplow_web_stitching"), policy="last")
    answers = read("snowplow_web_stitching", "expected.csv").set_index("anonymous_id")["expected_person"]
    told = stitched.loc[stitched["anonymous_id"].isin(answers.index), ["anonymous_id", "person_id"]].astype(object)
    owners = told.drop_duplicates().set_index("anonymous_id")["person_id"]
    assert owners.to_dict() == answers.to_dict()
    assert len(owners) == 11


def test_ten_users_of_one_snowplow_device_are_its_last_user() -> None:
    stitched = stitch(read("snowplow_web_stitching"), policy="last")
    star = stitched.loc[(stitched["person_id"] == "user stitch - session: 2nd id: 10").to_numpy(dtype=bool)]
    assert len(star["anonymous_id"].astype(object).unique()) == 1
    assert star["user_id"].nunique() == 10


WITHOUT_A_DEVICE = {"b5c4939c16dd0f5a4396ca24474d8b050786710b1b48319ba19c5febfcb71a3b": "NULL domain_userid"}
"""Snowplow looks users up by device, so a session without one is nobody's there. Ours: person_id is the "canonical
user_id if the row belongs to a known user", and this row names its user itself."""


def test_snowplows_sessions_have_these_owners() -> None:
    """Three devices take turns in one session; Snowplow keys it on the first, ours all name the same user."""
    stitched = stitch(read("snowplow_web_stitching"), policy="last")
    sessions = read("snowplow_web_stitching", "expected_sessions.csv")
    keys = ["session_id", "anonymous_id"]
    told = stitched[[*keys, "person_id"]].astype(object).merge(sessions[[*keys, "expected_person"]], on=keys)
    rows = told.drop_duplicates().set_index("session_id")
    assert len(rows) == len(sessions) == 18
    theirs = rows["expected_person"].dropna().to_dict()
    assert {*rows.index} - {*theirs} == {*WITHOUT_A_DEVICE}
    assert rows["person_id"].to_dict() == theirs | WITHOUT_A_DEVICE


# SQL identity resolution, policy graph


def test_sql_identity_resolutions_clusters_limits_and_exclusions() -> None:
    traits = ["email", "phone", "loyalty_id"]
    cases = by_case("sql_idr")
    assert len(cases) == 9
    for case, rows in cases:
        _, _, limit = rows["policy"][0].partition("max_group_size:loyalty_id=")
        _, _, excluded = rows["policy"][0].partition("exclude:email=")
        events = rows[["event_id", "timestamp"]].assign(
            event_name="$identify",
            user_id=rows["anonymous_id"],
            traits=[{name: text for name, text in said.items() if text} for said in rows[traits].to_dict("records")],
        )
        stitched = stitch(
            events,
            policy="graph",
            merge_on=tuple(traits),
            max_ids_per_trait_value=int(limit or 10),
            block=tuple(excluded.split(",")) if excluded else (),
        )
        theirs = partition(rows["event_id"], rows["expected_person"])
        assert partition(stitched["event_id"], stitched["person_id"]) == theirs, case


# Apache Unomi, policy next


def test_apache_unomis_switch_of_users_on_one_device() -> None:
    cases = by_case("apache_unomi")
    assert len(cases) == 3
    for case, rows in cases:
        events = rows[["event_id", "timestamp", "event_name", "anonymous_id"]].assign(user_id=rows["email"])
        stitched = stitch(events, policy="next")
        theirs = partition(rows["event_id"], rows["expected_person"])
        assert partition(stitched["event_id"], stitched["person_id"]) == theirs, case


# PostHog, policy first

GUARDED = {
    "ph_no_alias_when_already_identified",
    "ph_no_alias_when_already_identified_no_anon_event",
    "ph_both_identified_not_merged",
}
"""There PostHog refuses to merge a person who is "already identified". Ours comes to the same by another rule:
"`previous_id` on `$identify` never merges: it is an account switch." """

OURS = {
    # "Two user_ids are one person only by `$alias` user→user (chains, circles) or by an opt-in trusted trait", and
    # "Evidence of a link anonymous_id ↔ user_id: […] `$alias` whose previous id is a device": this $alias names no
    # user at all, so it ties nothing; PostHog makes its two anonymous ids one person.
    "ph_alias_anonymous_to_anonymous": {frozenset({1}), frozenset({2, 3})},
    # "Null-like ids […] link nobody", and person_id is the "canonical user_id if the row belongs to a known user,
    # else its anonymous_id": rows 2 to 7, whose user_id is no id, are the device's like row 1; PostHog gives each a
    # person of its own. "Nan" of row 8 is legal in PostHog and ties the device to a user of this name; ours is
    # "compared after trim and case-fold", so it is nan, and nobody.
    "ph_illegal_ids_identify": {frozenset(range(1, 9))},
}
"""Cases in which the design answers otherwise, with the sentences that decide and our answer by event number."""


def posthog(rows: pd.DataFrame) -> pd.DataFrame:
    """A case's events as ours, stitched: both of PostHog's merging calls are an ``$alias``."""
    calls = {"$create_alias": "$alias", "$merge_dangerously": "$alias"}
    events = rows[["event_id", "timestamp", "event_name", *IDS]].assign(event_name=rows["event_name"].replace(calls))
    return stitch(events, policy="first")


def test_posthogs_merges_aliases_and_illegal_ids() -> None:
    cases = by_case("posthog_person_merge")
    assert len(cases) == 33
    assert {*OURS, *GUARDED} < {case for case, _ in cases}
    for case, rows in cases:
        stitched = posthog(rows)
        found = short(case, partition(stitched["event_id"], stitched["person_id"]))
        theirs = short(case, partition(rows["event_id"], rows["expected_person"]))
        if case in OURS:
            assert theirs != OURS[case], case
        assert found == OURS.get(case, theirs), case


def test_the_illegal_name_that_posthog_takes_is_nobody_here() -> None:
    rows = dict(by_case("posthog_person_merge"))["ph_illegal_ids_identify"]
    assert rows["user_id"].fillna("").tolist() == ["", "distinctId", "  ", "NaN", "undefined", "None", "0", "Nan"]
    stitched = posthog(rows)
    assert stitched["person_id"].astype(object).unique().tolist() == ["im an anonymous id"]
    assert stitched["person_via"].astype(object).unique().tolist() == ["anonymous"]


def test_an_alias_between_users_whom_posthog_would_guard_merges_here() -> None:
    """Its guard refuses an alias of two identified users; ours: "one person only by `$alias` user→user"."""
    rows = dict(by_case("posthog_person_merge"))["ph_both_identified_not_merged"]
    assert posthog(rows)["person_id"].tolist() == ["old-user", "new-user", "new-user"]
    told = rows.assign(event_name=["$identify", "$identify", "$create_alias"])
    assert posthog(told)["person_id"].tolist() == ["new-user", "new-user", "new-user"]
