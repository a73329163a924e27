"""find_shared_values: who has a value of a trait, and since when."""

from __future__ import annotations

from typing import Any

import pandas as pd

import datalyr_notebook as dn
from datalyr_notebook.identity.trusted_traits import SharedValues, find_shared_values


def shared(
    trait: str, *said: tuple[str, Any], block: tuple[str, ...] = ()
) -> tuple[SharedValues, list[tuple[str, str, int]]]:
    """What users share who say a value a minute each; and that as text, user, minute."""
    start = pd.Timestamp("2026-01-01T00:00Z")
    events = dn.normalize_events(
        pd.DataFrame(
            {
                "timestamp": [start + pd.Timedelta(minute, "min") for minute in range(len(said))],
                "event_name": "$identify",
                "event_id": [f"e{minute}" for minute in range(len(said))],
                "user_id": [user for user, _ in said],
                "traits": [{trait: value} for _, value in said],
                "sdk": "web",
            }
        )
    )
    members = dn.StitchRule().members(events)
    found = find_shared_values(events, members, trait, dn.StitchRule(block=block).blocked)
    minutes = (found.since - start.value // 1000) // 60_000_000
    texts, users = found.texts[found.value], members.users[found.user]
    return found, list(zip(texts.tolist(), users.tolist(), minutes.tolist(), strict=True))


def test_each_user_of_a_value_once_since_the_first_time() -> None:
    """b@x.example was u2's first; u3 shares nothing; u1 has both values."""
    found, rows = shared(
        "email",
        ("u2", "B@x.example"),
        ("u1", "a@x.example"),
        ("u1", " b@X.example"),
        ("u2", "b@x.example"),
        ("u3", "c@x.example"),
        ("u4", "a@x.example"),
    )
    assert rows == [
        ("a@x.example", "u1", 1),
        ("a@x.example", "u4", 5),
        ("b@x.example", "u2", 0),
        ("b@x.example", "u1", 2),
    ]
    assert found.users.tolist() == [2, 2]
    assert found.starts.tolist() == [0, 2]
    assert found.is_said


def test_users_of_one_instant_stand_by_name() -> None:
    events = dn.normalize_events(
        pd.DataFrame({"timestamp": ["2026-01-01T00:00Z"] * 2, "event_name": "$identify", "user_id": ["zoe", "amy"]})
    ).assign(traits=[{"plan": 7}, {"plan": "7"}])
    members = dn.StitchRule().members(events)
    assert members.users[find_shared_values(events, members, "plan").user].tolist() == ["amy", "zoe"]


def test_phone_numbers_that_are_written_differently_are_one_value_but_for_the_blocked_one() -> None:
    said = [("u1", "+1 555 010 4477"), ("u2", 15550104477), ("u3", "0015550104477")]
    assert [user for _, user, _ in shared("phone", *said)[1]] == ["u1", "u2", "u3"]
    assert [user for _, user, _ in shared("phone", *said, block=("+1 555 010 4477",))[1]] == ["u2", "u3"]
    assert shared("phone", *said, block=("15550104477",))[1] == []


def test_what_one_user_says_is_said_and_shared_by_nobody() -> None:
    found, rows = shared("plan", ("u1", "pro"), ("u1", "PRO"), ("u2", "none"), ("u3", "none"), ("u4", True))
    assert rows == []
    assert found.texts.tolist() == []
    assert found.is_said
    assert not shared("plan", ("u2", "none"), ("u3", "none"), ("u4", None), ("u5", "x" * 400))[0].is_said
    assert not shared("plan")[0].is_said
