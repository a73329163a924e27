"""What was known when: answers as of an instant, chains and late bridges included, and what person_since promises."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from typing import Any

import pandas as pd
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from datalyr_notebook.identity.policies import POLICIES
from datalyr_notebook.identity.rule import StitchRule
from datalyr_notebook.identity.stitching import stitch, stitch_each
from tests.strategies import logins, rows, table

ADDED = ["person_id", "person_via", "person_since"]
SO_FAR = [policy for policy in POLICIES if policy != "graph"]
"""The policies that also judge each row by what was known at it."""


def events(*told: dict[str, Any]) -> pd.DataFrame:
    """Rows with ``at``, a time of 2026-01-01, as a table; web pageviews of device d unless said otherwise."""
    filled = [{"event_name": "pageview", "anonymous_id": "d", "sdk": "web", **row} for row in told]
    frame = pd.DataFrame(filled)
    frame["timestamp"] = pd.to_datetime("2026-01-01T" + frame.pop("at") + "Z", utc=True)
    return frame


def persons(table: pd.DataFrame, at: str | None, **options: Any) -> list[object]:
    """Whose each row is, as of a time of 2026-01-01."""
    return stitch(table, as_of=at and f"2026-01-01T{at}Z", **options)["person_id"].astype(object).tolist()


CHAIN = events(
    {"at": "09:00"},
    {"at": "09:10", "event_name": "$identify", "user_id": "u1"},
    {"at": "10:00", "event_name": "$alias", "anonymous_id": "e", "previous_id": "u2", "user_id": "u3"},
    {"at": "11:00", "event_name": "$alias", "anonymous_id": "e", "previous_id": "u1", "user_id": "u2"},
    {"at": "12:00", "event_name": "$alias", "anonymous_id": "e", "previous_id": "u3", "user_id": "u4"},
)
"""u1 - u2 - u3 - u4, the middle link first: u1 is a part of it at 11:00, under the new id of the latest alias."""


@pytest.mark.parametrize("policy", ["session", "next", "previous", "first", "last", "strict", "graph"])
def test_a_chain_of_aliases_as_it_grows(policy: str) -> None:
    first = [persons(CHAIN, at, policy=policy)[0] for at in ("09:05", "09:10", "10:00", "11:00", "12:00")]
    assert first == ["d", "u1", "u1", "u2", "u4"]
    since = [
        stitch(CHAIN, policy=policy, as_of=f"2026-01-01T{at}Z").iloc[0]["person_since"] for at in ("11:00", "12:00")
    ]
    assert [f"{one:%H:%M}" for one in since] == ["11:00", "12:00"]


LATE_BRIDGE = events(
    {"at": "09:00", "anonymous_id": "web"},
    {"at": "10:00", "anonymous_id": "app", "sdk": "swift"},
    {"at": "11:00", "anonymous_id": "app", "sdk": "swift", "event_name": "$web_attribution_matched",
     "web_visitor_id": "web", "match_method": "email"},
    {"at": "12:00", "anonymous_id": "app", "sdk": "swift", "event_name": "$identify", "user_id": "old"},
    {"at": "13:00", "anonymous_id": "app", "sdk": "swift", "event_name": "$alias", "previous_id": "old",
     "user_id": "new"},
)  # fmt: skip


@pytest.mark.parametrize("policy", ["session", "next", "previous", "first", "last", "strict", "graph"])
def test_a_late_bridge_then_a_login_then_an_alias(policy: str) -> None:
    """Two strangers, then one nobody under the web device's id, then the app's user, then their new name."""
    assert persons(LATE_BRIDGE, "10:30", policy=policy) == ["web", "app"]
    assert persons(LATE_BRIDGE, "11:00", policy=policy) == ["web"] * 3
    assert persons(LATE_BRIDGE, "12:00", policy=policy) == ["old"] * 4
    assert persons(LATE_BRIDGE, "13:00", policy=policy) == ["new"] * 5
    visit = stitch(LATE_BRIDGE, policy=policy).iloc[0]
    assert visit["person_via"] == ("graph" if policy == "graph" else "bridge")
    assert f"{visit['person_since']:%H:%M}" == "13:00"


def test_evidence_of_the_very_instant_is_known() -> None:
    told = events({"at": "09:00"}, {"at": "10:00", "user_id": "u"})
    assert persons(told, "09:59:59.999999") == ["d"]
    assert persons(told, "10:00") == ["u", "u"]
    assert persons(told, "08:00") == []


def under_each(events: pd.DataFrame, policies: Iterable[str], **options: Any) -> Iterator[tuple[str, pd.DataFrame]]:
    """Each policy with its answers, by event_id."""
    names = [*policies]
    stitched = stitch_each(events, [StitchRule(policy=name, **options) for name in names])
    for name, frame in zip(names, stitched, strict=True):
        yield name, frame[["event_id", *ADDED]].astype(object).set_index("event_id")


@st.composite
def moments(
    draw: st.DrawFn, found: st.SearchStrategy[list[dict[str, Any]]]
) -> tuple[list[dict[str, Any]], pd.Timestamp]:
    """Rows, and one of their times."""
    drawn = draw(found)
    instant = draw(st.sampled_from([row["timestamp"] for row in drawn]))
    return drawn, pd.Timestamp(instant, unit="us", tz="UTC")


def microseconds(instant: pd.Timestamp) -> int:
    return int((instant - pd.Timestamp(0, tz="UTC")) // pd.Timedelta(1, "us"))


TRUSTED = st.sampled_from([(), ("email", "phone")])


@settings(max_examples=9)
@given(moment=moments(st.one_of(logins(odd=True), rows(max_rows=10))), trusted=TRUSTED)
def test_the_answer_as_of_an_instant_is_that_of_the_events_seen_by_then(
    moment: tuple[list[dict[str, Any]], pd.Timestamp], trusted: tuple[str, ...]
) -> None:
    found, instant = moment
    by_then = table([row for row in found if row["timestamp"] <= microseconds(instant)])
    then = dict(under_each(table(found), POLICIES, merge_on=trusted, as_of=instant))
    for policy, seen in under_each(by_then, POLICIES, merge_on=trusted):
        pd.testing.assert_frame_equal(then[policy], seen)


@settings(max_examples=5)
@given(moment=moments(st.one_of(logins(odd=True), rows(max_rows=10))), trusted=TRUSTED)
def test_judged_at_its_own_time_each_row_has_the_answer_as_of_then(
    moment: tuple[list[dict[str, Any]], pd.Timestamp], trusted: tuple[str, ...]
) -> None:
    """``device:`` aside: it is judged on all rows."""
    whole, instant = table(moment[0]), moment[1]
    of_then = whole.loc[(whole["timestamp"] == instant).to_numpy(), "event_id"].astype(object)
    then = dict(under_each(whole, SO_FAR, merge_on=trusted, as_of=instant))
    for policy, each in under_each(whole, SO_FAR, merge_on=trusted, as_of="event"):
        for event_id in of_then:
            found, expected = ([str(part) for part in frame.loc[event_id]] for frame in (each, then[policy]))
            assert [part.removeprefix("device:") for part in found] == [
                part.removeprefix("device:") for part in expected
            ]


NOT_FOR_GOOD = {("last", "own"), ("strict", "anonymous"), ("strict", "bridge")}
"""Policies and kinds of rows that had another answer for a while after person_since: see the stories below."""


@settings(max_examples=12)
@given(moment=moments(logins()), trusted=st.sampled_from([(), ("phone",)]))
def test_from_person_since_on_a_row_keeps_its_person(
    moment: tuple[list[dict[str, Any]], pd.Timestamp], trusted: tuple[str, ...]
) -> None:
    """Under every policy but for three kinds of rows, where later events do not change what earlier ones mean.

    That is: without aliases (they rename), one-shot ids of servers, matches without a kind, sessions that are
    named now and then, ids that are e-mails (they give way to others), and below the limits.
    """
    whole, instant = table(moment[0]), moment[1]
    then = dict(under_each(whole, POLICIES, merge_on=trusted, as_of=instant))
    for policy, final in under_each(whole, POLICIES, merge_on=trusted):
        here = final.loc[then[policy].index]
        for event_id, (person, via, since) in zip(here.index, here.to_numpy().tolist(), strict=True):
            if since <= instant and (policy, via) not in NOT_FOR_GOOD:
                assert then[policy].loc[event_id, "person_id"] == person, (policy, event_id)


IDENTIFY = {"event_name": "$identify"}
MATCHED = {"event_name": "$web_attribution_matched", "anonymous_id": "app", "sdk": "swift"}
STORIES = {
    # Under last a row of u1 is its own again when u1 comes back, and so "own" since it happened.
    "last, own": (
        [{"at": "09:00", "user_id": "u1"}, {"at": "10:00", "user_id": "u2"}, {"at": "11:00", "user_id": "u1"}],
        {"policy": "last"}, ("u1", "own", "09:00"), "10:00", "u2",
    ),
    # Under strict a second user takes the anonymous rows away from the first.
    "strict, anonymous": (
        [{"at": "09:00"}, {"at": "10:00", "user_id": "u1"}, {"at": "11:00", "user_id": "u2"}],
        {"policy": "strict"}, ("d", "anonymous", "09:00"), "10:00", "u1",
    ),
    # The nearer match gives nobody any more once its device has a second user; the other one had been made before.
    "strict, bridge": (
        [
            {"at": "10:00", "anonymous_id": "app", "sdk": "swift"},
            {"at": "09:00", "anonymous_id": "w1", "user_id": "u1"},
            {"at": "09:00", "anonymous_id": "w2", "user_id": "u2"},
            {"at": "10:01", "web_visitor_id": "w1", "match_method": "ip", **MATCHED},
            {"at": "10:30", "web_visitor_id": "w2", "match_method": "ip", **MATCHED},
            {"at": "12:00", "anonymous_id": "w1", "user_id": "u3"},
        ],
        {"policy": "strict"},
        ("u2", "bridge", "10:30"),
        "11:00",
        "u1",
    ),
    # A second user makes the device crowded: what was the first one's is nobody's.
    "crowded": (
        [{"at": "09:00", "session_id": "s1"}, {"at": "10:00", "session_id": "s2", "user_id": "u1"},
         {"at": "11:00", "session_id": "s3", "user_id": "u2"}],
        {"policy": "next", "max_users_per_device": 1}, ("d", "anonymous", "09:00"), "10:00", "u1",
    ),
    # At 12:00 session s1 turns out to enclose the row that names none.
    "session named later": (
        [{"at": "09:30"}, {"at": "09:00", "session_id": "s1", "user_id": "u1"},
         {"at": "09:40", "session_id": "s2", "user_id": "u2"}, {"at": "12:00", "session_id": "s1"}],
        {"session_timeout": "10min"}, ("u1", "session", "09:00"), "09:40", "u2",
    ),
    # A browser shows at 11:00 that a server's id is a device; then the server's login counts since it was made.
    "server": (
        [{"at": "09:00", "sdk": "node"}, {"at": "10:00", "sdk": "node", "user_id": "u1"}, {"at": "11:00"}],
        {}, ("u1", "next", "10:00"), "10:30", "d",
    ),
    # The nearer match says its kind only at 13:00: then that is its time, and the other one is nearer.
    "match without a kind": (
        [{"at": "10:00", "anonymous_id": "app", "sdk": "swift"}, {"at": "10:01", "web_visitor_id": "w1", **MATCHED},
         {"at": "10:30", "web_visitor_id": "w2", "match_method": "ip", **MATCHED},
         {"at": "13:00", "web_visitor_id": "w1", "match_method": "ip", **MATCHED}],
        {}, ("w2", "bridge", "10:30"), "11:00", "w1",
    ),
    # An alias renames: u1 was the name, then u2 is, then u1 again.
    "alias": (
        [{"at": "09:00", "user_id": "u1"},
         {"at": "10:00", "anonymous_id": "e", "event_name": "$alias", "previous_id": "u1", "user_id": "u2"},
         {"at": "11:00", "anonymous_id": "e", "event_name": "$alias", "previous_id": "u2", "user_id": "u1"}],
        {}, ("u1", "own", "09:00"), "10:00", "u2",
    ),
    # An id that is an e-mail gives its name up to one that is none.
    "e-mail": (
        [{"at": "09:00", "user_id": "kate@shop.com", **IDENTIFY}, {"at": "10:00", "user_id": "u1"}],
        {"policy": "graph"}, ("u1", "graph", "10:00"), "09:00", "kate@shop.com",
    ),
}  # fmt: skip
"""Per exception to the law: the rows, the options, what the first row gets in the end, and another answer before."""


@pytest.mark.parametrize("name", STORIES)
def test_where_a_row_had_another_person_after_person_since(name: str) -> None:
    told, options, (person, via, since), at, before = STORIES[name]
    first = stitch(events(*told), **options).iloc[0]
    assert (first["person_id"], first["person_via"], f"{first['person_since']:%H:%M}") == (person, via, since)
    assert persons(events(*told), at, **options)[0] == before
