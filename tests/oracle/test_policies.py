"""The oracle's policies, on the design's shared device and other devices worked by hand."""

from __future__ import annotations

import datetime as dt
import random

import pytest

from .identity import POLICIES, Answer, stitch, with_person
from .stories import MINUTE, SHARED_DEVICE, alias, at, event, persons

U1, U2 = at("09:10"), at("12:10")
"""When the two users of the shared device signed in."""
MORNING, LATER, NOON, EVENING = at("09:00"), at("09:20"), at("12:00"), at("15:00")
"""When nobody was signed in, or nobody said so."""

EACH_POLICY: dict[str, list[Answer]] = {
    "none": [
        ("d", "anonymous", MORNING), ("u1", "own", U1), ("d", "anonymous", LATER),
        ("d", "anonymous", NOON), ("u2", "own", U2), ("d", "anonymous", EVENING),
    ],
    "strict": [
        ("d", "anonymous", MORNING), ("u1", "own", U1), ("d", "anonymous", LATER),
        ("d", "anonymous", NOON), ("u2", "own", U2), ("d", "anonymous", EVENING),
    ],
    "session": [
        ("u1", "session", U1), ("u1", "own", U1), ("u1", "session", U1),
        ("u2", "session", U2), ("u2", "own", U2), ("u2", "previous", U2),
    ],
    "next": [
        ("u1", "next", U1), ("u1", "own", U1), ("u2", "next", U2),
        ("u2", "next", U2), ("u2", "own", U2), ("u2", "previous", U2),
    ],
    "previous": [
        ("u1", "first", U1), ("u1", "own", U1), ("u1", "previous", U1),
        ("u1", "previous", U1), ("u2", "own", U2), ("u2", "previous", U2),
    ],
    "first": [
        ("u1", "first", U1), ("u1", "own", U1), ("u1", "first", U1),
        ("u1", "first", U1), ("u2", "own", U2), ("u1", "first", U1),
    ],
    "last": [
        ("u2", "last", U2), ("u2", "last", U2), ("u2", "last", U2),
        ("u2", "last", U2), ("u2", "own", U2), ("u2", "last", U2),
    ],
    "graph": [
        ("u1", "graph", U1), ("u1", "own", U1), ("u1", "graph", U1),
        ("u1", "graph", U1), ("u1", "graph", U2), ("u1", "graph", U1),
    ],
}  # fmt: skip

EACH_POLICY_SO_FAR: dict[str, list[Answer]] = {
    "none": EACH_POLICY["none"],
    "session": [
        ("d", "anonymous", MORNING), ("u1", "own", U1), ("u1", "session", U1),
        ("u1", "previous", U1), ("u2", "own", U2), ("u2", "previous", U2),
    ],
    "next": [
        ("d", "anonymous", MORNING), ("u1", "own", U1), ("u1", "previous", U1),
        ("u1", "previous", U1), ("u2", "own", U2), ("u2", "previous", U2),
    ],
    "previous": [
        ("d", "anonymous", MORNING), ("u1", "own", U1), ("u1", "previous", U1),
        ("u1", "previous", U1), ("u2", "own", U2), ("u2", "previous", U2),
    ],
    "first": [
        ("d", "anonymous", MORNING), ("u1", "own", U1), ("u1", "first", U1),
        ("u1", "first", U1), ("u2", "own", U2), ("u1", "first", U1),
    ],
    "last": [
        ("d", "anonymous", MORNING), ("u1", "own", U1), ("u1", "last", U1),
        ("u1", "last", U1), ("u2", "own", U2), ("u2", "last", U2),
    ],
    "strict": [
        ("d", "anonymous", MORNING), ("u1", "own", U1), ("u1", "only", U1),
        ("u1", "only", U1), ("u2", "own", U2), ("d", "anonymous", EVENING),
    ],
}  # fmt: skip


@pytest.mark.parametrize("policy", POLICIES)
def test_the_shared_device(policy: str) -> None:
    assert stitch(SHARED_DEVICE, policy=policy) == EACH_POLICY[policy]


@pytest.mark.parametrize("policy", EACH_POLICY_SO_FAR)
def test_the_shared_device_as_each_event_knew_it(policy: str) -> None:
    assert stitch(SHARED_DEVICE, policy=policy, as_of="event") == EACH_POLICY_SO_FAR[policy]


@pytest.mark.parametrize("policy", POLICIES)
def test_input_order_never_changes_an_answer(policy: str) -> None:
    shuffled = random.Random(0).sample(SHARED_DEVICE, len(SHARED_DEVICE))  # noqa: S311  (not a secret)
    for row, answer in zip(shuffled, stitch(shuffled, policy=policy), strict=True):
        assert answer == EACH_POLICY[policy][SHARED_DEVICE.index(row)]


def test_times_may_be_datetimes() -> None:
    row = event(0, "$identify", "d", "u") | {"timestamp": dt.datetime(1970, 1, 1, 0, 1, tzinfo=dt.UTC)}
    assert stitch([row], policy="next") == [("u", "own", MINUTE)]


def test_as_of_is_inclusive_and_drops_what_came_later() -> None:
    assert stitch(SHARED_DEVICE, policy="next", as_of=at("12:00")) == [
        ("u1", "next", U1), ("u1", "own", U1), ("u1", "previous", U1), ("u1", "previous", U1),
    ]  # fmt: skip
    assert len(with_person(SHARED_DEVICE, policy="next", as_of=U1)) == 2
    assert stitch(SHARED_DEVICE, policy="strict", as_of=at("12:09"))[3] == ("u1", "only", U1)
    assert stitch(SHARED_DEVICE, policy="last", as_of=at("12:09"))[0] == ("u1", "last", U1)


def test_as_of_event_is_refused_for_the_graph() -> None:
    with pytest.raises(ValueError, match="graph"):
        stitch(SHARED_DEVICE, policy="graph", as_of="event")


def test_the_prefix_of_a_device_is_judged_on_all_rows_of_the_call() -> None:
    rows = [event(1, device="42"), event(2, user="42")]
    assert persons(stitch(rows, policy="session", as_of="event")) == ["device:42", "42"]
    assert persons(stitch(rows, policy="session", as_of=1)) == ["42"]


def test_at_one_instant_identify_comes_first() -> None:
    rows = [event(5, "aaa", "d"), event(5, "$identify", "d", "u"), event(9, "login", "d", "v")]
    assert stitch(rows, policy="previous")[0] == ("u", "previous", 5)
    assert stitch(rows, policy="next")[0] == ("v", "next", 9)


# last


def test_the_last_user_takes_every_row_of_the_device_since_its_final_run_began() -> None:
    rows = [
        event(1, "buy", "d", "u1"),
        event(2, "buy", "d", "u2"),
        event(3, "buy", "d", "u1"),
        event(4, "buy", "d", "u1"),
        event(9, device="d"),
        event(5, "buy", None, "u2"),
    ]
    # u1 is the last from 3 on; its own rows stay its own, and u2's row without a device stays u2's.
    assert stitch(rows, policy="last") == [
        ("u1", "own", 1), ("u1", "last", 3), ("u1", "own", 3), ("u1", "own", 4), ("u1", "last", 3), ("u2", "own", 5),
    ]  # fmt: skip


def test_the_final_run_is_of_one_raw_user_id() -> None:
    rows = [event(1, "buy", "d", "u1"), event(2, "buy", "d", "u2"), event(4, device="d")]
    # u1 is u2 since 5: its row was its own all along, but as u2 only since then.
    assert stitch([*rows, alias(5, "u1", "u2")], policy="last")[:3] == [
        ("u2", "own", 5), ("u2", "own", 2), ("u2", "last", 2),
    ]  # fmt: skip
    assert stitch([*rows, alias(5, "u2", "u1")], policy="last")[:3] == [
        ("u1", "own", 1), ("u1", "own", 5), ("u1", "last", 5),
    ]  # fmt: skip


def test_a_row_of_a_one_shot_server_id_keeps_its_own_user_under_last() -> None:
    rows = [event(1, "job", "anon_once", "u1", sdk="node"), event(2, "job", "anon_once", "u2", sdk="node")]
    assert persons(stitch(rows, policy="last")) == ["u1", "u2"]


# strict


@pytest.mark.parametrize(("merged", "since"), [(0, 1), (2, 2), (7, 7)])
def test_two_user_ids_of_one_person_are_one_user_from_their_joining_on(merged: int, since: int) -> None:
    rows = [
        event(1, "buy", "d", "u1"),
        event(3, "buy", "d", "u2"),
        event(4, device="d"),
        alias(merged, "u1", "u2"),
    ]
    assert stitch(rows, policy="strict")[2] == ("u2", "only", since)
    assert stitch(rows[:3], policy="strict")[2] == ("d", "anonymous", 4)


# crowded devices


@pytest.mark.parametrize(
    ("policy", "owners"),
    [
        ("session", ["u1", "u1", "u1", "u2", "u2", "d"]),
        ("next", ["u1", "u1", "u1", "u2", "u2", "d"]),
        ("previous", ["u1", "u1", "u1", "u2", "u2", "d"]),
        ("first", ["u1", "u1", "u1", "u2", "u2", "d"]),
        ("last", ["u2", "u2", "u2", "u2", "u2", "u2"]),
        ("strict", ["d", "u1", "d", "d", "u2", "d"]),
        ("none", ["d", "u1", "d", "d", "u2", "d"]),
        ("graph", ["d", "u1", "d", "d", "u2", "d"]),
    ],
)
def test_a_crowded_device_gives_users_only_within_a_session(policy: str, owners: list[str]) -> None:
    assert persons(stitch(SHARED_DEVICE, policy=policy, max_users_per_device=1)) == owners
    assert stitch(SHARED_DEVICE, policy=policy, max_users_per_device=2) == EACH_POLICY[policy]


def test_on_a_crowded_device_first_is_the_sessions_first_user() -> None:
    rows = [
        event(at("10:00"), "$identify", "d", "u1", session_id="s1"),
        event(at("12:00"), device="d", session_id="s2"),
        event(at("12:01"), "$identify", "d", "u2", session_id="s2"),
        event(at("12:02"), "$identify", "d", "u3", session_id="s2"),
        event(at("12:03"), device="d", session_id="s2"),
    ]
    found = stitch(rows, policy="first", max_users_per_device=2)
    assert (found[1], found[4]) == (("u2", "first", at("12:01")), ("u2", "first", at("12:01")))


def test_users_are_counted_after_canonicalisation() -> None:
    rows = [*SHARED_DEVICE, alias(at("18:00"), "u1", "u2")]
    assert persons(stitch(rows, policy="next", max_users_per_device=1)) == ["u2"] * 7
    assert persons(stitch(rows, policy="strict")) == ["u2"] * 7


# sessions for the policy


def test_a_row_without_session_id_joins_the_session_around_or_near_it() -> None:
    rows = [
        event(at("10:00"), device="d", session_id="s1"),
        event(at("10:05"), device="d"),
        event(at("10:10"), "$identify", "d", "u1", session_id="s1"),
        event(at("10:40"), device="d"),
        event(at("11:09"), device="d"),
        event(at("11:39"), "$identify", "d", "u2"),
        event(at("12:10"), device="d"),
    ]
    # The row at 10:40 comes exactly 30 min after s1 ended, that at 11:09 too late for s1 but in time for u2.
    assert [(person, via) for person, via, _ in stitch(rows, policy="session")] == [
        ("u1", "session"), ("u1", "session"), ("u1", "own"), ("u1", "session"),
        ("u2", "session"), ("u2", "own"), ("u2", "previous"),
    ]  # fmt: skip


def test_a_session_that_starts_with_identify_continues_the_previous_one() -> None:
    rows = [
        event(at("10:00"), device="d", session_id="s1"),
        event(at("10:30"), "$identify", "d", "u1", session_id="s2"),
        event(at("10:31"), device="d", session_id="s2"),
        event(at("11:02"), "$identify", "d", "u2", session_id="s3"),
    ]
    assert [(person, via) for person, via, _ in stitch(rows, policy="session")] == [
        ("u1", "session"), ("u1", "own"), ("u1", "session"), ("u2", "own"),
    ]  # fmt: skip
