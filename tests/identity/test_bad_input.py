"""Frames that no well-behaved site sends: each is answered, or refused with an error that says why, and quickly."""

from __future__ import annotations

import logging
import time
from collections.abc import Callable, Iterable
from typing import Any

import numpy as np
import pandas as pd
import pytest

from datalyr_notebook.errors import DatalyrError, TimestampError
from datalyr_notebook.identity.explain import explain_link
from datalyr_notebook.identity.policies import POLICIES
from datalyr_notebook.identity.shared_devices import shared_devices
from datalyr_notebook.identity.stitching import stitch
from datalyr_notebook.studies.compare import compare_policies
from datalyr_notebook.studies.match_rate import match_rate
from datalyr_notebook.studies.people import people
from datalyr_notebook.studies.restate import restate
from datalyr_notebook.studies.risk import links_at_risk
from datalyr_notebook.studies.score import score_stitching
from datalyr_notebook.traits import trait_history

START = pd.Timestamp("2026-01-01T00:00Z")
MANY = 10_000
USERS = [f"u{number}" for number in range(MANY)]
DEVICES = [f"anon_{number}" for number in range(MANY)]
LONG = 100_000
MOST_SECONDS = 2.0
ODD = ["\u202eeta\u0645\u0631\u062d\u0628\u0627", "👩‍👩‍👧 \U0001f469", "a\x00b\u200d", "\ufeffu1"]
"""Right to left, emoji, characters that show nothing, and a byte order mark."""


def frame(rows: int, **columns: Any) -> pd.DataFrame:
    """Pageviews a second apart."""
    told = {name: pd.Series(values, dtype=object, index=range(rows)) for name, values in columns.items()}
    told.setdefault("event_name", pd.Series("pageview", dtype=object, index=range(rows)))
    return pd.DataFrame({"timestamp": START + pd.to_timedelta(np.arange(rows), unit="s"), **told})


def aliases(*pairs: tuple[str, str]) -> pd.DataFrame:
    """``$alias`` rows, each on a device of its own: (previous_id, user_id)."""
    previous, user = zip(*pairs, strict=True)
    return frame(
        len(pairs), event_name="$alias", anonymous_id=DEVICES[: len(pairs)], previous_id=previous, user_id=user
    )


SAME_INSTANT = frame(4, anonymous_id="d", user_id=[None, "u2", "u1", "u3"], event_name=["pageview", *["$identify"] * 3])
SAME_INSTANT["timestamp"] = START
CIRCLE = aliases(*zip(USERS, [*USERS[1:], USERS[0]], strict=True))
KIOSK = frame(MANY + 2, anonymous_id="kiosk", user_id=[None, *USERS, None])
ROOT = frame(MANY + 1, anonymous_id=[*DEVICES, DEVICES[0]], user_id=["root"] * MANY + [None])
SHOP = frame(
    MANY, event_name="$identify", anonymous_id=DEVICES, user_id=USERS, traits=[{"email": "shop@shop.com"}] * MANY
)

FRAMES = {
    "contradictory identifies at one instant": SAME_INSTANT,
    "an alias to itself": aliases(("a", "a")),
    "a circle of 10,000": CIRCLE,
    "10,000 users on a device": KIOSK,
    "a user on 10,000 devices": ROOT,
    "a trait value on 10,000 users": SHOP,
    "ids of 100,000 characters": frame(
        4, anonymous_id=["a" * LONG, "a" * LONG, "b" * LONG, "b" * LONG], user_id=[None, "x" * LONG, None, "y" * LONG]
    ),
    "ids of every script": frame(
        8, anonymous_id=[one for one in ODD for _ in "12"], user_id=[None, "u", *ODD, "u", ""]
    ),
    "lone surrogates": frame(3, anonymous_id=["\ud800x", "\ud800x", "d"], user_id=[None, "\udfff", "u1"]),
    "$identify alone": frame(
        3, event_name="$identify", anonymous_id=["d", "d", "e"], user_id=["u1", "u2", "u1"], traits=[{}, None, {"a": 1}]
    ),
    "no $identify at all": frame(3, anonymous_id=["d", "d", "e"], user_id=None),
    "no rows": frame(3, anonymous_id="d", user_id="u").iloc[:0],
    "no ids": frame(3, anonymous_id=None, user_id=None),
    "only null-like ids": frame(3, anonymous_id=["null", "undefined", " "], user_id=["0", "N/A", "[object Object]"]),
    "the first and the last microsecond": pd.DataFrame(
        {
            "timestamp": np.repeat(["0001-01-01T00:00:00Z", "9999-12-31T23:59:59.999999Z"], 2),
            "event_name": ["pageview", "$identify"] * 2,
            "anonymous_id": "d",
            "user_id": [None, "u1", None, "u2"],
        }
    ),
}

STUDIES: dict[str, Callable[[pd.DataFrame], object]] = {
    "people": lambda events: people(stitch(events)),
    "match_rate": lambda events: match_rate(stitch(events), by="week"),
    "shared_devices": shared_devices,
    "explain_link": lambda events: explain_link(events, *asked(events)),
    "compare_policies": lambda events: compare_policies(events, policies=("session", "graph")),
    "score_stitching": lambda events: score_stitching(events, policies=("session", "strict")),
    "restate": lambda events: restate(events, before="2026-01-01T00:00:01Z", after="2026-01-01T00:00:03Z"),
    "links_at_risk": links_at_risk,
    "trait_history": lambda events: trait_history(stitch(events)),
}


def asked(events: pd.DataFrame) -> tuple[str, str]:
    """A device and a user of the frame, or what nobody has."""
    device, user = (events[name].dropna().tolist() for name in ("anonymous_id", "user_id"))
    return [*device, "d"][0], ["u", *user][-1]


@pytest.mark.parametrize("name", FRAMES)
def test_every_policy_answers_and_is_fast(name: str) -> None:
    events = FRAMES[name]
    before = events.copy(deep=True)
    for policy in POLICIES:
        start = time.process_time()
        stitched = stitch(events, policy=policy, merge_on=("email",))
        assert time.process_time() - start < MOST_SECONDS, policy
        assert len(stitched) == len(events)
        assert stitched["person_via"].notna().all()
    pd.testing.assert_frame_equal(events, before)


@pytest.mark.parametrize("name", FRAMES)
def test_every_study_answers_or_says_why_not(name: str) -> None:
    reasons = []
    for study in STUDIES.values():
        try:
            repr(study(FRAMES[name]))
        except DatalyrError as refused:
            reasons.append(str(refused))
    assert all(20 < len(reason) < 1_000 for reason in reasons)


def persons(events: pd.DataFrame, **options: Any) -> list[object]:
    ids = stitch(events, **options)["person_id"].astype(object)
    return ids.where(ids.notna(), None).tolist()


@pytest.mark.parametrize(
    ("policy", "owner"),
    [
        ("session", "u3"),
        ("next", "u3"),
        ("previous", "u3"),
        ("first", "u1"),
        ("last", "u3"),
        ("strict", "d"),
        ("graph", "u1"),
    ],
)
def test_of_contradictory_identifies_at_one_instant_the_text_decides(policy: str, owner: str) -> None:
    """The order is u1, u2, u3, then the pageview of that instant, whatever order the rows come in."""
    for at in ([0, 1, 2, 3], [3, 2, 1, 0], [2, 0, 3, 1]):
        assert stitch(SAME_INSTANT.iloc[at], policy=policy).loc[0, "person_id"] == owner


@pytest.mark.parametrize(("length", "policies"), [(2, POLICIES), (3, POLICIES), (MANY, ["session", "graph"])])
def test_a_circle_of_aliases_is_one_person_named_by_its_latest(length: int, policies: Iterable[str]) -> None:
    users = USERS[:length]
    circle = aliases(*zip(users, [*users[1:], users[0]], strict=True))
    for policy in policies:
        assert set(persons(circle, policy=policy)) == {"u0"}


@pytest.mark.parametrize("policy", ["session", "next", "previous", "first", "graph"])
def test_a_crowded_device_is_named(policy: str, caplog: pytest.LogCaptureFixture) -> None:
    with caplog.at_level(logging.INFO, logger="datalyr_notebook"):
        owners = persons(KIOSK.assign(session_id=[*["s"] * MANY, "t", "t"]), policy=policy)
    assert "over max_users_per_device=10, so " in caplog.text
    assert "'kiosk' (10,000 users)" in caplog.text
    # The first anonymous row is in the session of u0, the last one in that of the last user.
    assert [owners[0], owners[-1]] == (["kiosk", "kiosk"] if policy == "graph" else ["u0", USERS[-1]])
    assert owners[1:-1] == USERS


@pytest.mark.parametrize(("policy", "owners"), [("last", {USERS[-1]}), ("strict", {*USERS, "kiosk"})])
def test_a_crowded_device_is_like_any_other_to_policies_without_that_limit(policy: str, owners: set[str]) -> None:
    assert set(persons(KIOSK, policy=policy)) == owners


def test_a_user_on_too_many_devices_is_named_and_ties_nothing(caplog: pytest.LogCaptureFixture) -> None:
    with caplog.at_level(logging.INFO, logger="datalyr_notebook"):
        assert persons(ROOT, policy="graph") == ["root"] * MANY + [DEVICES[0]]
    assert "over max_devices_per_user=50, so tying nothing: 'root' (10,000 devices)" in caplog.text
    assert persons(ROOT, policy="next") == ["root"] * (MANY + 1)


def test_a_user_on_too_many_devices_merges_with_nobody_by_a_trait() -> None:
    kate = frame(
        2,
        event_name="$identify",
        anonymous_id=["k", "anon_0"],
        user_id=["kate", "root"],
        traits=[{"email": "k@x.org"}] * 2,
    )
    assert set(persons(pd.concat([ROOT.iloc[:51], kate], ignore_index=True), merge_on=("email",))) == {"root", "kate"}
    assert len(set(persons(pd.concat([ROOT.iloc[:50], kate], ignore_index=True), merge_on=("email",)))) == 1


def test_a_value_on_too_many_users_is_named_and_merges_nobody(caplog: pytest.LogCaptureFixture) -> None:
    with caplog.at_level(logging.INFO, logger="datalyr_notebook"):
        assert persons(SHOP, merge_on=("email",)) == USERS
    assert "over max_ids_per_trait_value=10, so merging nobody: 'email=shop@shop.com' (10,000 users)" in caplog.text


def test_ids_of_every_length_and_script_are_ids_like_any_other() -> None:
    assert persons(FRAMES["ids of 100,000 characters"]) == ["x" * LONG] * 2 + ["y" * LONG] * 2
    for odd in ODD:
        assert persons(frame(2, anonymous_id="d", user_id=[None, odd])) == [odd, odd]
        assert persons(frame(2, anonymous_id=odd, user_id=[None, None])) == [odd, odd]


def test_half_of_a_surrogate_pair_is_escaped_wherever_it_is_named() -> None:
    events = FRAMES["lone surrogates"]
    assert persons(events) == ["\\udfff", "\\udfff", "u1"]
    assert explain_link(events, "\ud800x", "\udfff").linked
    assert persons(events, block=("\udfff%",)) == ["\\ud800x", "\\ud800x", "u1"]


@pytest.mark.parametrize("pattern", ["CORP\\%", "corp\\svc_1%", "%\\svc_1", "%p\\s%"])
def test_a_backslash_in_block_is_a_backslash(pattern: str) -> None:
    users = ["CORP\\svc_1", "CORPXsvc_1", "CORP", "corp\\\\"]
    kept = persons(frame(4, anonymous_id="d", user_id=users), policy="none", block=(pattern,))
    assert kept == ["d", "CORPXsvc_1", "CORP", "d" if pattern == "CORP\\%" else "corp\\\\"]


def test_a_frame_without_ids_is_nobodys() -> None:
    assert persons(FRAMES["no ids"]) == [None, None, None]
    assert persons(FRAMES["only null-like ids"]) == [None, None, None]
    assert persons(FRAMES["no $identify at all"]) == ["d", "d", "e"]


@pytest.mark.parametrize("microseconds", [np.iinfo(np.int64).min + 1, np.iinfo(np.int64).max])
def test_a_time_that_no_calendar_has_is_refused_by_name(microseconds: int) -> None:
    events = frame(1, anonymous_id="d")
    events["timestamp"] = pd.Series(np.array([microseconds], dtype="datetime64[us]")).dt.tz_localize("UTC")
    year = "-290308" if microseconds < 0 else "294247"
    with pytest.raises(TimestampError, match=year):
        stitch(events)
