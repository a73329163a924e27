"""The oracle's bridges between an app and a web device, worked by hand."""

from __future__ import annotations

import pytest

from .identity import Answer, stitch
from .stories import SHARED_DEVICE, at, event, match, persons


def test_a_bridge_gives_an_app_the_user_of_the_web_device() -> None:
    rows = [
        event(1, device="web"),
        event(5, "$web_attribution_matched", "app", sdk="swift", web_visitor_id="web", match_method="ip"),
        event(6, "subscribe", "app", sdk="swift"),
        event(9, "$identify", "web", "kate"),
    ]
    assert stitch(rows, policy="next")[1:3] == [("kate", "bridge", 9), ("kate", "bridge", 9)]
    assert persons(stitch(rows, policy="next", bridges=("email",)))[1:3] == ["app", "app"]
    assert persons(stitch(rows, policy="none")) == ["web", "app", "app", "kate"]


def test_a_bridge_works_both_ways_and_never_joins_two_users() -> None:
    bridge = event(5, "$web_attribution_merged", "app", sdk="swift", web_visitor_id="web")
    one_user = [event(1, device="web"), bridge, event(8, "$identify", "app", "u", sdk="swift")]
    assert stitch(one_user, policy="next", bridges=("email",))[0] == ("u", "bridge", 8)
    two_users = [
        *one_user,
        event(9, "$identify", "web", "v"),
        event(10, device="web"),
        event(11, device="app", sdk="swift"),
    ]
    assert persons(stitch(two_users, policy="next")) == ["v", "u", "u", "v", "v", "u"]


def test_two_bridged_devices_without_a_user_share_the_web_devices_id() -> None:
    rows = [
        event(1, device="web"),
        event(5, "$web_attribution_matched", "app", sdk="swift", web_visitor_id="web", match_method="email"),
    ]
    assert stitch(rows, policy="session") == [("web", "anonymous", 1), ("web", "bridge", 5)]


def test_a_self_bridge_is_ignored() -> None:
    rows = [event(5, "$web_attribution_matched", "app", sdk="swift", web_visitor_id="app", match_method="email")]
    assert stitch(rows, policy="session") == [("app", "anonymous", 5)]


def test_the_nearest_bridge_wins_then_the_smallest_id() -> None:
    rows = [
        event(0, "$identify", "w1", "u1"),
        event(0, "$identify", "w2", "u2"),
        event(10, "$web_attribution_matched", "app", sdk="swift", web_visitor_id="w2", match_method="ip"),
        event(20, "$web_attribution_matched", "app", sdk="swift", web_visitor_id="w1", match_method="ip"),
        event(14, "open", "app", sdk="swift"),
        event(15, "open", "app", sdk="swift"),
        event(16, "open", "app", sdk="swift"),
    ]
    assert persons(stitch(rows, policy="session"))[2:] == ["u2", "u1", "u2", "u1", "u1"]


def test_a_web_visitor_id_without_a_method_has_the_kind_and_time_of_its_match() -> None:
    later = [
        event(0, "$identify", "web", "u"),
        event(3, "open", "app", sdk="react_native", web_visitor_id="web"),
        event(7, "$web_attribution_matched", "app", sdk="react_native", web_visitor_id="web", match_method="email"),
    ]
    assert stitch(later, policy="next", bridges=("email",))[1] == ("u", "bridge", 7)
    assert stitch(later[:2], policy="next", bridges=("ip",))[1] == ("u", "bridge", 3)
    assert stitch(later[:2], policy="next", bridges=("email",))[1] == ("app", "anonymous", 3)


@pytest.mark.parametrize(
    ("policy", "answer"),
    [
        ("session", ("u2", "bridge", at("12:10"))),
        ("next", ("u2", "bridge", at("12:10"))),
        ("previous", ("u1", "bridge", at("12:05"))),
        ("first", ("u1", "bridge", at("12:05"))),
        ("last", ("u2", "bridge", at("12:10"))),
        ("strict", ("app", "anonymous", at("13:00"))),
        ("none", ("app", "anonymous", at("13:00"))),
        ("graph", ("u1", "graph", at("12:05"))),
    ],
)
def test_a_bridge_gives_the_user_that_the_shared_device_has_at_its_time(policy: str, answer: Answer) -> None:
    app = [match(at("12:05"), "app", "d"), event(at("13:00"), device="app", sdk="swift")]
    assert stitch([*SHARED_DEVICE, *app], policy=policy)[-1] == answer


def test_a_bridge_gives_a_devices_only_or_last_user() -> None:
    rows = [match(5, "app", "web"), event(8, "buy", "web", "u"), event(9, "buy", "web", "u")]
    assert stitch(rows, policy="strict")[0] == ("u", "bridge", 8)
    assert stitch(rows, policy="last")[0] == ("u", "bridge", 8)
    assert stitch([*rows, event(10, "buy", "web", "v")], policy="last")[0] == ("v", "bridge", 10)


def test_a_bridge_to_a_crowded_device_gives_the_user_of_the_session_at_its_time() -> None:
    app = [match(at("12:05"), "app", "d"), match(at("15:00"), "other", "d")]
    for policy in ("session", "next", "previous", "first"):
        found = stitch([*SHARED_DEVICE, *app], policy=policy, max_users_per_device=1)
        assert persons(found)[-2:] == ["u2", "other"]


def test_as_of_event_knows_only_the_bridges_and_logins_so_far() -> None:
    rows = [
        event(1, device="app", sdk="swift"),
        match(5, "app", "web"),
        event(7, device="app", sdk="swift"),
        event(9, "$identify", "web", "kate"),
        event(11, device="app", sdk="swift"),
    ]
    assert stitch(rows, policy="last", as_of="event") == [
        ("app", "anonymous", 1), ("web", "bridge", 5), ("web", "bridge", 5),
        ("kate", "own", 9), ("kate", "bridge", 9),
    ]  # fmt: skip
