"""The oracle itself, on cases worked by hand from the design's pages."""

from __future__ import annotations

import datetime as dt
import random
from typing import Any

import pytest

from .attribution import weights
from .identity import Answer, stitch, with_person
from .journeys import find_conversions, find_touches

MINUTE = 60 * 10**6
DAY = 24 * 60 * MINUTE


def at(clock: str, day: int = 0) -> int:
    """``"09:10"`` as microseconds into a day."""
    hour, minute = clock.split(":")
    return day * DAY + (int(hour) * 60 + int(minute)) * MINUTE


def event(
    time: int, name: str = "pageview", device: str | None = None, user: str | None = None, **more: object
) -> dict[str, Any]:
    return {
        "event_id": f"{name}@{time}", "timestamp": time, "event_name": name, "anonymous_id": device,
        "user_id": user, "sdk": "web", **more,
    }  # fmt: skip


def persons(answers: list[Answer]) -> list[str | None]:
    return [person for person, _, _ in answers]


SHARED_DEVICE = [
    event(at("09:00"), "pageview", "d", session_id="s1"),
    event(at("09:10"), "$identify", "d", "u1", session_id="s1"),
    event(at("09:20"), "pageview", "d", session_id="s1"),
    event(at("12:00"), "pageview", "d", session_id="s2"),
    event(at("12:10"), "$identify", "d", "u2", session_id="s2"),
    event(at("15:00"), "pageview", "d", session_id="s3"),
]


@pytest.mark.parametrize(
    ("policy", "owners"),
    [
        ("none", ["d", "u1", "d", "d", "u2", "d"]),
        ("session", ["u1", "u1", "u1", "u2", "u2", "u2"]),
        ("next", ["u1", "u1", "u2", "u2", "u2", "u2"]),
        ("previous", ["u1", "u1", "u1", "u1", "u2", "u2"]),
    ],
)
def test_the_shared_device_table(policy: str, owners: list[str]) -> None:
    assert persons(stitch(SHARED_DEVICE, policy=policy)) == owners


def test_each_policy_names_the_rule_and_the_time_of_the_row_that_named_the_user() -> None:
    u1, u2 = at("09:10"), at("12:10")
    assert stitch(SHARED_DEVICE, policy="session") == [
        ("u1", "session", u1), ("u1", "own", u1), ("u1", "session", u1),
        ("u2", "session", u2), ("u2", "own", u2), ("u2", "previous", u2),
    ]  # fmt: skip
    assert [(via, since) for _, via, since in stitch(SHARED_DEVICE, policy="next")] == [
        ("next", u1), ("own", u1), ("next", u2), ("next", u2), ("own", u2), ("previous", u2),
    ]  # fmt: skip
    assert [(via, since) for _, via, since in stitch(SHARED_DEVICE, policy="previous")] == [
        ("first", u1), ("own", u1), ("previous", u1), ("previous", u1), ("own", u2), ("previous", u2),
    ]  # fmt: skip
    assert stitch(SHARED_DEVICE, policy="none")[5] == ("d", "anonymous", at("15:00"))


@pytest.mark.parametrize("policy", ["session", "next", "previous", "none"])
def test_input_order_never_changes_an_answer(policy: str) -> None:
    expected = dict(zip((row["event_id"] for row in SHARED_DEVICE), stitch(SHARED_DEVICE, policy=policy), strict=True))
    shuffled = random.Random(0).sample(SHARED_DEVICE, len(SHARED_DEVICE))  # noqa: S311  (not a secret)
    for row, answer in zip(shuffled, stitch(shuffled, policy=policy), strict=True):
        assert answer == expected[row["event_id"]]


def test_times_may_be_datetimes() -> None:
    row = event(0, "$identify", "d", "u") | {"timestamp": dt.datetime(1970, 1, 1, 0, 1, tzinfo=dt.UTC)}
    assert stitch([row], policy="next") == [("u", "own", MINUTE)]


def test_as_of_is_inclusive_and_drops_what_came_later() -> None:
    assert stitch(SHARED_DEVICE, policy="next", as_of=at("12:00")) == [
        ("u1", "next", at("09:10")), ("u1", "own", at("09:10")),
        ("u1", "previous", at("09:10")), ("u1", "previous", at("09:10")),
    ]  # fmt: skip
    assert len(with_person(SHARED_DEVICE, policy="next", as_of=at("09:10"))) == 2


def test_as_of_event_judges_each_row_by_its_own_past() -> None:
    assert persons(stitch(SHARED_DEVICE, policy="session", as_of="event")) == ["d", "u1", "u1", "u1", "u2", "u2"]


def test_at_one_instant_identify_comes_first() -> None:
    rows = [event(5, "aaa", "d"), event(5, "$identify", "d", "u"), event(9, "login", "d", "v")]
    assert stitch(rows, policy="previous")[0] == ("u", "previous", 5)
    assert stitch(rows, policy="next")[0] == ("v", "next", 9)


# stitching, kinds of ids


def test_a_text_that_is_both_a_device_and_a_user() -> None:
    rows = [event(1, device="42"), event(2, user="42"), event(3, device="43")]
    assert persons(stitch(rows, policy="session")) == ["device:42", "42", "43"]


def test_a_row_with_neither_id_joins_nobody() -> None:
    assert persons(stitch([event(1), event(2, device="null", user=" Undefined ")], policy="next")) == [None, None]


def test_a_one_shot_server_id_is_no_device() -> None:
    rows = [
        event(1, "job", "anon_once", sdk="node"),
        event(2, "$identify", "anon_once", "u", sdk="node"),
        event(3, "pageview", "d"),
        event(4, "trial", "d", "u", sdk="node"),
        event(5, "job", "d", sdk="node"),
    ]
    assert stitch(rows, policy="next") == [
        ("anon_once", "anonymous", 1), ("u", "own", 2),
        ("u", "next", 4), ("u", "own", 4), ("u", "previous", 4),
    ]  # fmt: skip


# aliases of users


def test_a_chain_of_aliases_is_known_link_by_link() -> None:
    rows = [
        event(1, "buy", "d", "u1"),
        event(2, "buy", "e", "u2"),
        event(5, "$alias", None, "u2", previous_id="u1"),
        event(8, "$alias", None, "u3", previous_id="u2"),
        event(9, "buy", "d"),
    ]
    assert stitch(rows, policy="previous") == [
        ("u3", "own", 8), ("u3", "own", 8), ("u3", "own", 8), ("u3", "own", 8), ("u3", "previous", 8),
    ]  # fmt: skip


def test_a_circle_of_aliases_ends_at_the_latest_new_id() -> None:
    rows = [
        event(1, "$alias", None, "b", previous_id="a"),
        event(2, "$alias", None, "a", previous_id="b"),
        event(3, "buy", None, "b"),
    ]
    # The two are connected from the first alias on, although only the second makes a the person.
    assert stitch(rows, policy="session") == [("a", "own", 1), ("a", "own", 2), ("a", "own", 3)]


def test_a_servers_alias_names_the_user_of_another_rows_device() -> None:
    rows = [
        event(1, "pageview", "anon_x"),
        event(4, "$alias", "anon_once", "u", previous_id="anon_x", sdk="node"),
        event(6, "pageview", "anon_x"),
    ]
    assert stitch(rows, policy="session") == [("u", "next", 4), ("u", "own", 4), ("u", "previous", 4)]


def test_an_internal_visitor_id_stands_for_the_rows_own_ids() -> None:
    signed_out = [
        event(1, "pageview", "d", sdk="react_native"),
        event(2, "$alias", "d", None, previous_id="visitor-uuid", new_user_id="u", sdk="react_native"),
    ]
    assert stitch(signed_out, policy="next") == [("u", "next", 2), ("u", "next", 2)]
    signed_in = [
        event(1, "pageview", "d", "old", sdk="react_native"),
        event(2, "$alias", "d", "old", previous_id="visitor-uuid", new_user_id="new", sdk="react_native"),
    ]
    assert stitch(signed_in, policy="next") == [("new", "own", 2), ("new", "own", 2)]


def test_previous_id_of_an_identify_is_an_account_switch() -> None:
    rows = [event(1, "buy", "d", "a"), event(2, "$identify", "d", "b", previous_id="a")]
    assert persons(stitch(rows, policy="session")) == ["a", "b"]


# stitching, trusted traits


def test_an_email_merges_users_only_when_asked() -> None:
    rows = [
        event(1, "$identify", "d", "Kate@X.com"),
        event(3, "$identify", "e", "17", traits={"email": " kate@x.COM "}),
        event(4, "buy", "e"),
    ]
    assert persons(stitch(rows, policy="session")) == ["Kate@X.com", "17", "17"]
    # The non-e-mail id is the person; the e-mail joins it when 17's e-mail is known.
    assert stitch(rows, policy="session", merge_on=("email",)) == [
        ("17", "own", 3), ("17", "own", 3), ("17", "session", 3),
    ]  # fmt: skip


def test_without_an_alias_the_earliest_seen_id_is_the_person() -> None:
    rows = [event(time, "$identify", None, user, traits={"email": "a@b.co"}) for time, user in ((1, "z"), (2, "a"))]
    assert stitch(rows, policy="none", merge_on=("email",)) == [("z", "own", 1), ("z", "own", 2)]


@pytest.mark.parametrize(
    "value", ["n/a", "", None, "none", "not an e-mail", 0, True, ["a@b.co"], {"a": 1}, float("nan")]
)
def test_placeholder_and_odd_values_never_merge(value: object) -> None:
    rows = [event(1, "$identify", None, "a", traits={"email": value})]
    rows += [event(2, "$identify", None, "b", traits={"email": value})]
    assert persons(stitch(rows, policy="session", merge_on=("email",))) == ["a", "b"]


def test_a_value_shared_by_too_many_users_merges_nobody() -> None:
    rows = [event(time, "$identify", None, f"u{time}", traits={"email": "shop@x.com"}) for time in range(3)]
    assert persons(stitch(rows, policy="session", merge_on=("email",), max_ids_per_trait_value=3)) == ["u0"] * 3
    assert persons(stitch(rows, policy="session", merge_on=("email",), max_ids_per_trait_value=2)) == ["u0", "u1", "u2"]


# stitching, sessions for the policy


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


def test_a_crowded_device_gives_users_only_within_a_session() -> None:
    found = stitch(SHARED_DEVICE, policy="session", max_users_per_device=1)
    assert found[5] == ("d", "anonymous", at("15:00"))
    assert persons(found)[:5] == ["u1", "u1", "u1", "u2", "u2"]
    assert persons(stitch(SHARED_DEVICE, policy="next", max_users_per_device=1)) == ["u1", "u1", "u1", "u2", "u2", "d"]


# bridges between devices


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


# journeys

GOOGLE = {"source": "google", "medium": "cpc", "click_id": "g1", "click_id_type": "gclid"}


def touched(rows: list[dict[str, Any]], **options: Any) -> list[tuple[str, int, str | None, str | None]]:
    return [(one["person_id"], one["timestamp"], one["source"], one["medium"]) for one in find_touches(rows, **options)]


def mine(rows: list[dict[str, Any]], person: str | None = "u") -> list[dict[str, Any]]:
    return [{**row, "person_id": person} for row in rows]


def test_a_visit_without_a_signal_is_one_direct_touch_at_its_first_row() -> None:
    rows = mine(
        [event(1, device="d", session_id="s"), event(2, device="d", session_id="s", touch_is_carried=True, **GOOGLE)]
    )
    assert touched(rows) == [("u", 1, "direct", "none")]
    assert touched(mine(rows, None)) == []


def test_each_different_signal_of_a_visit_is_a_touch_and_a_missing_field_is_no_difference() -> None:
    rows = mine(
        [
            event(1, device="d", session_id="s"),
            event(2, device="d", session_id="s", **GOOGLE),
            event(3, device="d", session_id="s", source="google", medium="cpc"),
            event(4, device="d", session_id="s", source="google", medium="cpc", click_id="g2"),
            event(5, device="d", session_id="s", **GOOGLE),
        ]
    )
    assert [touch["timestamp"] for touch in find_touches(rows)] == [2, 4]
    assert [touch["timestamp"] for touch in find_touches(rows, level="event")] == [2, 3, 4, 5]


def test_without_session_ids_a_gap_of_more_than_30_minutes_starts_a_visit() -> None:
    rows = mine([event(at(clock), device="d") for clock in ("10:00", "10:30", "11:01")])
    assert [touch["timestamp"] for touch in find_touches(rows)] == [at("10:00"), at("11:01")]


def test_an_idle_tab_is_neither_a_signal_nor_another_direct_touch() -> None:
    first_visit = [event(1, device="d", session_id="s1", **GOOGLE)]
    idle = [event(2, "scroll", "d", session_id="s2", **GOOGLE)]
    landing = [event(3, device="d", session_id="s2", source="newsletter")]
    assert touched(mine(first_visit + idle)) == [("u", 1, "google", "cpc")]
    assert touched(mine(first_visit + idle + landing)) == [("u", 1, "google", "cpc"), ("u", 3, "newsletter", None)]
    after_reset = [event(1, "$identify", "d", session_id="s1", **GOOGLE), event(2, device="d", session_id="s1")]
    assert touched(mine(after_reset)) == [("u", 1, "direct", "none")]
    never_a_pageview = [event(1, "open", "d", session_id="s1", **GOOGLE)]
    assert touched(mine(never_a_pageview)) == [("u", 1, "google", "cpc")]


def test_apps_and_servers_touch_only_with_evidence_of_their_own() -> None:
    link = {"source": "klaviyo", "medium": "email", "touch_key": "myapp://sale"}
    rows = mine(
        [
            event(1, "app_install", "a", sdk="swift", session_id="s1", source="apple_search_ads", medium="cpc"),
            event(2, "purchase", "a", sdk="swift", session_id="s2", source="facebook", medium="cpc"),
            event(3, "$deep_link", "a", sdk="swift", session_id="s3", **link),
            event(4, "pageview", "a", sdk="swift", session_id="s4", **link),
            event(5, "$web_attribution_matched", "a", sdk="swift", session_id="s5", web_visitor_id="w", **GOOGLE),
            event(6, "purchase", "once", sdk="node", **GOOGLE),
        ]
    )
    assert touched(rows) == [("u", 1, "apple_search_ads", "cpc"), ("u", 3, "klaviyo", "email")]
    assert [time for _, time, source, _ in touched(rows, app_direct=True) if source == "direct"] == [2, 4, 5]


def sold(rows: list[dict[str, Any]], **options: Any) -> list[tuple[str, int, float | None]]:
    return [(one["person_id"], one["timestamp"], one["value"]) for one in find_conversions(rows, **options)]


def test_an_order_counts_once_with_the_clients_session_and_the_missing_value_filled() -> None:
    rows = mine(
        [
            event(5, "purchase", "once", sdk="node", order_id="A", currency="USD", device_type="server"),
            event(7, "purchase", "d", session_id="s", order_id="A", value=99.99, device_type="phone"),
            event(8, "purchase", "d", session_id="s", value=1.0),
            event(9, "purchase", "d", session_id="s", value=1.0),
        ]
    )
    first, *others = find_conversions(rows)
    assert (first["timestamp"], first["value"], first["currency"]) == (5, 99.99, "USD")
    assert (first["anonymous_id"], first["session_id"], first["device_type"]) == ("d", "s", "phone")
    assert [(one["timestamp"], one["value"], one["currency"]) for one in others] == [(8, 1.0, "USD"), (9, 1.0, "USD")]


def test_a_server_conversions_session_is_the_persons_latest_at_most_half_an_hour_earlier() -> None:
    visit = event(at("10:00"), device="d", session_id="s")
    near = event(at("10:30"), "purchase", None, sdk="node")
    far = event(at("10:31"), "purchase", None, sdk="node")
    assert [one["session_id"] for one in find_conversions(mine([visit, near, far]))] == ["s", None]


def test_refunds_reduce_the_order_to_no_less_than_nothing() -> None:
    rows = mine(
        [
            event(1, "purchase", "d", order_id="A", value=50.0),
            event(2, "purchase", "d", order_id="B", value=10.0),
            event(3, "refund", "d", order_id="A", value=20.0),
            event(4, "purchase", "d", order_id="A", value=-5.0),
            event(6, "refund", "d", order_id="C", value=1.0),
        ]
    ) + mine([event(5, "refund", "once", order_id="B", value=-30.0)], "once")
    lost: list[Any] = []
    assert sold(rows, unmatched_refunds=lost) == [("u", 1, 25.0), ("u", 2, 0.0)]
    assert [row["timestamp"] for row in lost] == [6]
    assert sold(rows, refunds="ignore") == [("u", 1, 50.0), ("u", 2, 10.0)]


def test_one_order_id_on_two_persons_stays_two() -> None:
    rows = mine([event(1, "purchase", "d", order_id="A", value=5.0)]) + mine(
        [event(2, "purchase", "e", order_id="A", value=5.0)], "v"
    )
    refund = mine([event(3, "refund", "x", order_id="A", value=1.0)], "stranger")
    assert sold(rows + refund) == [("u", 1, 5.0), ("v", 2, 5.0)]


def test_kinds_of_conversion() -> None:
    rows = mine(
        [
            event(1, "purchase", "d", value=5.0, order_id="A"),
            event(2, "Purchase Completed", "d", order_id="A"),
            event(3, "signup", "d"),
        ]
    )
    both = find_conversions(
        rows, conversion={"purchase": ["purchase", "Purchase Completed"], "all": ["signup", "purchase"]}
    )
    assert [(one["kind"], one["conversion_id"]) for one in both] == [
        ("all", "purchase@1:all"), ("purchase", "purchase@1:purchase"), ("all", "signup@3"),
    ]  # fmt: skip
    assert sold(rows, conversion=["purchase", "signup"]) == [("u", 1, 5.0), ("u", 3, None)]
    assert sold(rows, conversion=[False, False, True]) == [("u", 3, None)]


def test_mixed_currencies_are_an_error() -> None:
    rows = mine([event(1, "purchase", value=1.0, currency="USD"), event(2, "purchase", value=1.0, currency="EUR")])
    with pytest.raises(ValueError, match="EUR"):
        find_conversions(rows)


def test_one_event_id_under_two_names_makes_two_ids() -> None:
    rows = mine([event(1, "pageview", "d") | {"event_id": "x"}, event(2, "purchase", "d") | {"event_id": "x"}])
    assert [touch["touch_id"] for touch in find_touches(rows)] == ["x:pageview"]
    assert [one["conversion_id"] for one in find_conversions(rows)] == ["x:purchase"]


# attribution


def journey(*signals: tuple[int, dict[str, Any]], bought: int) -> tuple[list[dict[str, Any]], dict[str, Any]]:
    rows = [event(day * DAY, device="d", session_id=f"s{day}", **signal) for day, signal in signals]
    rows.append(event(bought * DAY, "purchase", "d", session_id=f"s{bought}", value=10.0))
    return find_touches(mine(rows)), find_conversions(mine(rows))[0]


def click(name: str) -> dict[str, Any]:
    return {"source": "facebook", "medium": "cpc", "click_id": name, "click_id_type": "fbclid"}


def test_the_models_on_two_clicks_and_a_direct_purchase() -> None:
    touches, sale = journey((1, click("A")), (3, click("B")), (5, {}), bought=5)
    assert weights(touches, sale, "hybrid") == [1, 0, 0]
    assert weights(touches, sale, "first_touch") == [1, 0, 0]
    assert weights(touches, sale, "last_touch") == [0, 0, 1]
    assert weights(touches, sale, "last_non_direct") == [0, 1, 0]
    assert weights(touches, sale, "linear") == pytest.approx([1 / 3, 1 / 3, 1 / 3])


def test_hybrid_prefers_the_last_click_of_the_conversions_own_session() -> None:
    touches, sale = journey((1, click("A")), (5, click("B")), (5, click("C")), bought=5)
    assert [touch["click_id"] for touch in touches] == ["A", "B", "C"]
    assert weights(touches, sale, "hybrid") == [0, 0, 1]


def test_hybrid_without_clicks_takes_the_first_known_touch_else_the_last() -> None:
    touches, sale = journey((1, {}), (2, {"source": "news"}), (3, {"source": "blog"}), (9, {}), bought=9)
    assert weights(touches, sale, "hybrid") == [0, 1, 0, 0]
    touches, sale = journey((1, {}), (2, {}), bought=2)
    assert weights(touches, sale, "hybrid") == [0, 1]
    assert weights(touches, sale, "last_non_direct") == [0, 1]


def test_the_lookback_is_exact_to_the_microsecond() -> None:
    touches, sale = journey((0, click("A")), (90, {}), bought=90)
    assert weights(touches, sale, "hybrid") == [1, 0]
    assert weights(touches, sale, "hybrid", lookback_us=90 * DAY - 1) == [0, 1]
    assert weights(touches, sale, "hybrid", lookback_us=None) == [1, 0]
    assert weights(touches, sale | {"timestamp": -1}, "linear", lookback_us=None) == [0, 0]
