"""The shared device of the design, under every policy, with every answer in sight."""

from __future__ import annotations

import pandas as pd
import pytest

from datalyr_notebook.identity.policies import POLICIES
from datalyr_notebook.identity.rule import StitchRule
from datalyr_notebook.identity.stitching import stitch, stitch_each
from datalyr_notebook.loading.normalize import normalize_events

SHARED_DEVICE = pd.DataFrame(
    [
        ("2026-01-01T09:00Z", "s1", "pageview", None),
        ("2026-01-01T09:10Z", "s1", "$identify", "u1"),
        ("2026-01-01T09:20Z", "s1", "pageview", None),
        ("2026-01-01T12:00Z", "s2", "pageview", None),
        ("2026-01-01T12:10Z", "s2", "$identify", "u2"),
        ("2026-01-01T15:00Z", "s3", "pageview", None),
    ],
    columns=["timestamp", "session_id", "event_name", "user_id"],
).assign(anonymous_id="d")

PERSONS = {
    "none": ["d", "u1", "d", "d", "u2", "d"],
    "session": ["u1", "u1", "u1", "u2", "u2", "u2"],
    "next": ["u1", "u1", "u2", "u2", "u2", "u2"],
    "previous": ["u1", "u1", "u1", "u1", "u2", "u2"],
    "first": ["u1", "u1", "u1", "u1", "u2", "u1"],
    "last": ["u2", "u2", "u2", "u2", "u2", "u2"],
    "strict": ["d", "u1", "d", "d", "u2", "d"],
    "graph": ["u1", "u1", "u1", "u1", "u1", "u1"],
}
VIA = {
    "none": ["anonymous", "own", "anonymous", "anonymous", "own", "anonymous"],
    "session": ["session", "own", "session", "session", "own", "previous"],
    "next": ["next", "own", "next", "next", "own", "previous"],
    "previous": ["first", "own", "previous", "previous", "own", "previous"],
    "first": ["first", "own", "first", "first", "own", "first"],
    "last": ["last", "last", "last", "last", "own", "last"],
    "strict": ["anonymous", "own", "anonymous", "anonymous", "own", "anonymous"],
    "graph": ["graph", "own", "graph", "graph", "graph", "graph"],
}
SINCE = {
    "none": ["09:00", "09:10", "09:20", "12:00", "12:10", "15:00"],
    "session": ["09:10", "09:10", "09:10", "12:10", "12:10", "12:10"],
    "next": ["09:10", "09:10", "12:10", "12:10", "12:10", "12:10"],
    "previous": ["09:10", "09:10", "09:10", "09:10", "12:10", "12:10"],
    "first": ["09:10", "09:10", "09:10", "09:10", "12:10", "09:10"],
    "last": ["12:10", "12:10", "12:10", "12:10", "12:10", "12:10"],
    "strict": ["09:00", "09:10", "09:20", "12:00", "12:10", "15:00"],
    "graph": ["09:10", "09:10", "09:10", "09:10", "12:10", "09:10"],
}


@pytest.mark.parametrize("policy", POLICIES)
def test_a_shared_device_under_each_policy(policy: str) -> None:
    stitched = stitch(SHARED_DEVICE, policy=policy)
    assert stitched["person_id"].tolist() == PERSONS[policy]
    assert stitched["person_via"].tolist() == VIA[policy]
    assert stitched["person_since"].dt.strftime("%H:%M").tolist() == SINCE[policy]


@pytest.mark.parametrize("policy", ["session", "next", "previous", "first"])
def test_a_crowded_device_gives_its_anonymous_rows_a_user_only_from_their_own_session(policy: str) -> None:
    stitched = stitch(SHARED_DEVICE, policy=policy, max_users_per_device=1)
    assert stitched["person_id"].tolist() == ["u1", "u1", "u1", "u2", "u2", "d"]


@pytest.mark.parametrize("policy", ["last", "strict", "none"])
def test_the_limit_changes_nothing_under_the_other_policies(policy: str) -> None:
    stitched = stitch(SHARED_DEVICE, policy=policy, max_users_per_device=1)
    assert stitched["person_id"].tolist() == PERSONS[policy]


def test_a_crowded_device_ties_nothing_in_the_graph() -> None:
    stitched = stitch(SHARED_DEVICE, policy="graph", max_users_per_device=1)
    assert stitched["person_id"].tolist() == ["d", "u1", "d", "d", "u2", "d"]


def test_the_case_that_must_be_right() -> None:
    """A phone clicks on day 1, a desktop buys on day 2, the phone logs in on day 3: one person."""
    events = pd.DataFrame(
        {
            "timestamp": ["2025-09-29T10:00Z", "2025-09-30T20:00Z", "2025-09-30T20:05Z", "2025-10-01T09:00Z"],
            "event_name": ["pageview", "$identify", "purchase", "$identify"],
            "anonymous_id": ["anon_phone", "anon_desktop", "anon_desktop", "anon_phone"],
            "user_id": [None, "user_789", "user_789", "user_789"],
        }
    )
    stitched = stitch(events)
    assert stitched["person_id"].tolist() == ["user_789"] * 4
    assert str(stitched["person_since"].iloc[0]) == "2025-10-01 09:00:00+00:00"


def test_session_boundary_of_exactly_the_timeout() -> None:
    """Without session ids a gap of 30 minutes is the same session, one microsecond more is not."""
    base = pd.Timestamp("2026-01-01T09:00Z")
    for extra, person in ((0, "u1"), (1, "u2")):
        events = pd.DataFrame(
            {
                "timestamp": [
                    base,
                    base + pd.Timedelta("30min") + pd.Timedelta(extra, "us"),
                    base + pd.Timedelta("5h"),
                ],
                "event_name": ["$identify", "pageview", "$identify"],
                "anonymous_id": "d",
                "user_id": ["u1", None, "u2"],
            }
        )
        assert stitch(events)["person_id"].tolist()[1] == person


def test_an_identify_that_rotates_the_session_continues_it() -> None:
    """Web 1.1.1 to 1.7.2 changed the session id at identify; the pageview before belongs to that user."""
    events = pd.DataFrame(
        {
            "timestamp": ["2026-01-01T09:00Z", "2026-01-01T09:05Z", "2026-01-01T18:00Z", "2026-01-01T18:01Z"],
            "event_name": ["$identify", "pageview", "pageview", "$identify"],
            "anonymous_id": "d",
            "session_id": ["s1", "s1", "s2", "s3"],
            "user_id": ["u1", None, None, "u2"],
        }
    )
    stitched = stitch(events)
    assert stitched["person_id"].tolist() == ["u1", "u1", "u2", "u2"]
    assert stitched["person_via"].tolist()[2] == "session"


def test_what_is_over_a_limit_is_said_by_name_and_once(caplog: pytest.LogCaptureFixture) -> None:
    events = normalize_events(SHARED_DEVICE)
    with caplog.at_level("INFO", logger="datalyr_notebook"):
        rules = [StitchRule(policy=policy, max_users_per_device=1) for policy in POLICIES]
        assert len(list(stitch_each(events, rules))) == len(POLICIES)
    over = "stitch: over max_users_per_device=1, so "
    assert caplog.messages == [
        f"{over}that anonymous events get a user only from their own session: 'd' (2 users).",
        f"{over}tying nothing: 'd' (2 users).",
    ]


def test_a_trait_that_nobody_has_and_an_instant_before_all_events_are_said(caplog: pytest.LogCaptureFixture) -> None:
    events = normalize_events(SHARED_DEVICE)
    with caplog.at_level("INFO", logger="datalyr_notebook"):
        assert len(stitch(events, as_of="2025-12-31", merge_on=("emial",))) == 0
    assert caplog.messages == [
        "stitch: no event had happened by as_of=2025-12-31 00:00:00+00:00.",
        "stitch: no user has a value of 'emial' that can be compared, so merge_on joins nobody by it.",
    ]
