"""The oracle's journeys and models, on cases worked by hand from the design's pages."""

from __future__ import annotations

from typing import Any

import pytest

from .attribution import Options, journey_of, weights
from .journeys import find_conversions, find_touches
from .stories import DAY, at, event

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


def test_the_models_that_share() -> None:
    """Days 1, 3 and 5 with an order on day 5, whose own session is the last; the lead came on day 3."""
    touches, sale = journey((1, click("A")), (3, click("B")), (5, {}), bought=5)
    touches = [touch | {"channel": name} for touch, name in zip(touches, "PPD", strict=True)]
    lead = {"lead": [3 * DAY]}
    assert weights(touches, sale, "session_touch") == [0, 0, 1]
    assert weights(touches, sale, "last_click") == [0, 1, 0]
    assert weights(touches, sale, "linear_by_channel") == [0.25, 0.25, 0.5]
    assert weights(touches, sale, "position_based") == pytest.approx([0.4, 0.2, 0.4])
    assert weights(touches, sale, "w_shaped", stages=lead) == pytest.approx([1 / 3, 1 / 3, 1 / 3])
    assert weights(touches, sale, "w_shaped") == pytest.approx([3 / 7, 1 / 7, 3 / 7])
    assert weights(touches, sale, "full_path", stages=lead) == pytest.approx([1 / 3, 1 / 3, 1 / 3])
    seven, sold = journey((1, click("A")), (8, click("B")), bought=8)
    assert weights(seven, sold, "time_decay") == pytest.approx([1 / 3, 2 / 3])


def test_what_a_conversion_looks_back_on() -> None:
    touches, sale = journey((1, click("A")), (3, {"source": "news"}), (5, {}), bought=5)
    touches = [touch | {"channel": name} for touch, name in zip(touches, "PND", strict=True)]
    before = sale | {"timestamp": 2 * DAY}

    def kept(**options: Any) -> list[int]:
        return journey_of(touches, sale, Options(**options), [before, sale])

    assert kept(touches_feed="next") == [1, 2]
    assert kept(by_source={"facebook": 4 * DAY - 1, "news": 2 * DAY}) == [1, 2]
    assert kept(include=["P", "D"], exclude=["D"]) == [0]
    assert kept(path=["last(2)"], exclude=["D"]) == [0, 1]
    assert kept(path=["remove_if_last_and_not_all(D)"]) == [0, 1]
    touches = [touch | {"person_since": day * DAY} for touch, day in zip(touches, (6, 5, 5), strict=True)]
    assert kept(evidence="at_conversion") == [1, 2]
