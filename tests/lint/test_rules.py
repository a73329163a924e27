"""Each rule with the smallest frame that triggers it, and one that just does not."""

from __future__ import annotations

from typing import Any

import numpy as np
import pandas as pd
import pytest

from datalyr_notebook.lint import RULES
from datalyr_notebook.loading.normalize import normalize_events
from tests.lint.stories import codes, events, finds, login, one, purchase

MAIL = {"email": "kate@example.com"}
NOW = pd.Timestamp.now(tz="UTC")


def shop(count: int, **more: Any) -> list[dict[str, Any]]:
    return [login(f"u{number}", **more) for number in range(count)]


def webs(user: Any, **more: Any) -> dict[str, Any]:
    return login(user, sdk="web", **more)


def nested(data: dict[str, Any], **top: Any) -> dict[str, Any]:
    return {
        "event_name": "pageview",
        "timestamp": "2026-01-01T10:00:00Z",
        "anonymous_id": "anon_a",
        "event_data": data,
        **top,
    }


ID_CASES: list[tuple[str, list[dict[str, Any]], list[dict[str, Any]]]] = [
    ("null_like_user_id", [login("null")], [login("nullman")]),
    ("null_like_user_id", [login(" ")], [login("u1")]),
    ("null_like_user_id", [{"user_id": "undefined"}], [{"user_id": None}]),
    ("null_like_anonymous_id", [{"anonymous_id": "null"}], [{"anonymous_id": None}]),
    ("identify_without_user_id", [login(None)], [{"user_id": None}]),
    ("anonymous_id_as_user_id", [login("anon_b")], [login("anonb")]),
    ("anonymous_id_as_user_id", [login("d1", anonymous_id="d1")], [login("d1", anonymous_id="d2")]),
    ("anonymous_id_as_user_id", [login("d2"), {"anonymous_id": "d2"}], [login("d2"), {"anonymous_id": "d3"}]),
    ("user_id_too_long", [login("u" * 256)], [login("u" * 255)]),
    ("user_id_too_long", [login("é" * 256)], [login("é" * 255)]),
    ("spreadsheet_ids", [login("1.23E+18")], [login("1.23E18u")]),
    ("spreadsheet_ids", [login("42.0")], [login("42.5")]),
    ("spreadsheet_ids", [login("#####")], [login("##")]),
    ("spreadsheet_ids", [login("#N/A ".strip())], [login("#N")]),
    ("spreadsheet_ids", [login("5-Mar")], [login("5-Mark")]),
    ("spreadsheet_ids", [login("Mar-05")], [login("Mark-05")]),
    ("spreadsheet_ids", [login("2026-03-05")], [login("2026-03-05-x")]),
    ("spreadsheet_ids", [login("1/2/2026")], [login("1/2")]),
    ("spreadsheet_ids", [login("1234567890123450000")], [login("1234567890123456789")]),
    ("spreadsheet_ids", [login("42"), login("00042")], [login("42"), login("00043")]),
    ("spreadsheet_ids", [purchase(9, order_id="1E+05")], [purchase(9, order_id="1e5")]),
    ("event_without_id", [{"anonymous_id": None}, login("u1")], [{"anonymous_id": None, "user_id": "u1"}]),
]

TRAIT_CASES: list[tuple[str, dict[str, Any], dict[str, Any]]] = [
    ("too_many_traits", {f"t{n}": n for n in range(51)}, {f"t{n}": n for n in range(50)}),
    ("trait_name_not_snake_case", {"firstName": "K"}, {"first_name2": "K"}),
    ("trait_name_not_snake_case", {"first name": "K"}, {"first": "K"}),
    ("sensitive_trait_name", {"password": "x"}, {"passport_color": "x"}),
    ("sensitive_trait_name", {"userPassword": "x"}, {"user_pass_count": 3}),
    ("sensitive_trait_name", {"SSN": "x"}, {"session": "x"}),
    ("sensitive_trait_name", {"card": "x"}, {"card_brand": "x"}),
    ("sensitive_trait_name", {"credit_card": "x"}, {"has_credit_card": True}),
    ("sensitive_trait_name", {"cardNumber": 7}, {"number": 7}),
    ("sensitive_trait_name", {"password": "x"}, {"password": None}),
    ("sensitive_trait_value", {"note": "4111111111111111"}, {"note": "4111111111111112"}),
    ("sensitive_trait_value", {"note": "pay 4111-1111-1111-1111 now"}, {"note": "pay 4111-1111-1111-1112 now"}),
    ("sensitive_trait_value", {"note": 4111111111111111}, {"note": 4111111111111112}),
    ("sensitive_trait_value", {"note": 4111111111111111.0}, {"note": 4111111111111112.0}),
    ("sensitive_trait_value", {"note": "3782 822463 10005"}, {"note": "3782 822463 10006"}),
    ("sensitive_trait_value", {"note": [["4111 1111 1111 1111"]]}, {"note": [["4111 1111 1111 1112"]]}),
    ("sensitive_trait_value", {"note": {"in": "123-45-6789"}}, {"note": {"in": "123-456-789"}}),
    ("sensitive_trait_value", {"note": "123-45-6789"}, {"note": "000-45-6789"}),
    ("sensitive_trait_value", {"note": "899-99-9999"}, {"note": "900-99-9999"}),
    # A Luhn-valid number of 13 digits that is a time: 2025-09-03 in milliseconds.
    ("sensitive_trait_value", {"note": "4222222222222"}, {"note": 1756890000195}),
    ("trait_type", {"note": float("nan")}, {"note": 1.5}),
    ("trait_type", {"note": float("inf")}, {"note": 0}),
    ("trait_type", {"note": {"a": 1}}, {"note": [1, "a", None, True, {"a": 1}]}),
    ("trait_type", {"note": [1, float("nan")]}, {"note": []}),
    ("trait_type", {"note": pd.Timestamp("2026-01-01")}, {"note": "2026-01-01"}),
    ("trait_type", {"note": {1}}, {"note": None}),
    ("trait_type", {"note": b"x"}, {"note": np.int64(3)}),
]

STORIES: list[tuple[str, list[dict[str, Any]], list[dict[str, Any]]]] = [
    ("traits_not_an_object", [login("u1", traits='{"plan": "pro"}')], [login("u1", traits=None)]),
    # An e-mail that is a user_id, and then the id of the same person.
    (
        "email_user_id_twin",
        [login("Kate@example.com"), login("u1", traits=MAIL)],
        [login("u0"), login("u1", traits=MAIL)],
    ),
    (
        "email_user_id_twin",
        [login("kate@example.com"), login("u1", traits=MAIL)],
        [
            login("kate@example.com"),
            login("u1", traits=MAIL),
            {"event_name": "$alias", "user_id": "u1", "previous_id": "kate@example.com"},
        ],
    ),
    (
        "user_id_differs_by_platform",
        [login("w1", sdk="web", traits=MAIL), login("m1", sdk="swift", traits=MAIL)],
        [login("w1", sdk="web", traits=MAIL), login("m1", sdk="web", traits=MAIL)],
    ),
    (
        "email_on_several_user_ids",
        [webs("w1", traits=MAIL), webs("w2", traits={"email": " KATE@example.com"})],
        [
            webs("w1", traits=MAIL),
            webs("w2", traits={"email": "test@test.com"}),
            webs("w3", traits={"email": "test@test.com"}),
        ],
    ),
    ("shared_device", shop(2), shop(1)),
    ("shared_device", shop(10), shop(11)),
    ("device_with_too_many_users", shop(11), shop(10)),
    (
        "user_id_per_session",
        [login(f"u{n}", session_id=f"s{n}") for n in range(3)],
        [login(f"u{n}", session_id=f"s{n}") for n in range(2)],
    ),
    (
        "user_id_per_session",
        [login(f"u{n}", session_id=f"s{n}") for n in range(3)],
        [login(f"u{n}", session_id=f"s{n}") for n in range(3)] + [login("u0", session_id="s4")],
    ),
    ("user_id_per_session", [login("s1", session_id="s1")], [login("s1", session_id="s2")]),
    ("platform_never_identifies", [webs("u1"), {"sdk": "swift"}], [webs("u1"), {"sdk": "swift", "user_id": "u1"}]),
    ("user_without_email", [login("u1")], [login("u1", traits=MAIL)]),
    ("user_without_email", [login("u1", traits={"email": "none"})], [login("kate@example.com")]),
    ("identified_once", [login("u1"), {"at": 31}], [login("u1"), {"at": 30}]),
    ("identified_once", [login("u1"), {"at": 31}], [login("u1"), {"at": 31}, login("u1", at=62)]),
    ("reset_keeps_anonymous_id", [webs("u1"), webs("u2")], [webs("u1"), {"sdk": "web", "user_id": "u2"}]),
    (
        "reset_rotates_anonymous_id",
        [login("u1", anonymous_id=f"anon_{n}", session_id=f"s{n}") for n in range(3)],
        [login("u1", anonymous_id=f"anon_{n}", session_id=f"s{n}") for n in range(2)],
    ),
    (
        "reset_rotates_anonymous_id",
        [login("u1", anonymous_id=f"anon_{n}") for n in range(3)] + [{"anonymous_id": "anon_0", "at": 30}],
        [login("u1", anonymous_id=f"anon_{n}") for n in range(3)] + [{"anonymous_id": "anon_0", "at": 31}],
    ),
    ("duplicate_event_id", [{"event_id": "e1"}, {"event_id": "e1"}], [{"event_id": "e1"}, {"event_id": "e2"}]),
    (
        "reused_event_id",
        [purchase(1, event_id="e1"), purchase(2, event_id="e1")],
        [purchase(1, event_id="e1"), purchase(1, event_id="e1")],
    ),
    (
        "event_id_with_several_names",
        [{"event_id": "e1"}, purchase(1, event_id="e1")],
        [{"event_id": "e1"}, {"event_id": "e1"}],
    ),
    (
        "duplicate_order_id",
        [purchase(9, order_id="A"), purchase(9, order_id="A")],
        [purchase(9, order_id="A"), {"event_name": "refund", "value": 9, "order_id": "A"}],
    ),
    (
        "duplicate_order_id",
        [purchase(9, order_id="A", event_id="e1"), purchase(9, order_id="A", event_id="e2")],
        [purchase(9, order_id="A", event_id="e1"), purchase(9, order_id="A", event_id="e1")],
    ),
    (
        "order_id_of_several_users",
        [purchase(9, order_id="A", user_id="u1"), purchase(9, order_id="A", user_id="u2")],
        [purchase(9, order_id="A", user_id="u1"), purchase(9, order_id="A", user_id="u1")],
    ),
    ("value_not_a_number", [{"value": "1,000"}], [{"value": "1000"}]),
    (
        "timestamp_in_future",
        [{"timestamp": NOW + pd.Timedelta("1h")}],
        [{"timestamp": NOW - pd.Timedelta("1s")}],
    ),
    ("timestamp_implausible", [{"timestamp": "1999-12-31T23:59:59Z"}], [{"timestamp": "2000-01-01T00:00:00Z"}]),
    ("timestamp_without_zone", [{"timestamp": "2026-01-01 10:00"}], [{"timestamp": "2026-01-01 10:00Z"}]),
    (
        "clock_ahead",
        [{"received_at": "2026-01-01T09:54:59Z"}],
        [{"received_at": "2026-01-01T09:55:00Z"}],
    ),
    (
        "session_jumps",
        [{"session_id": "s1"}, {"session_id": "s1", "at": 1441}],
        [{"session_id": "s1"}, {"session_id": "s1", "at": 1440}],
    ),
    (
        "session_jumps",
        [{"session_id": "s1"}, {"session_id": "s1", "at": 1441}],
        [{"session_id": "s1"}, {"session_id": "s1", "at": 1441, "anonymous_id": "anon_b"}],
    ),
    (
        "click_id_after_refusal",
        [{"consent_marketing": False, "url": "https://a.example/?gclid=Cj0"}],
        [{"consent_marketing": True, "url": "https://a.example/?gclid=Cj0"}],
    ),
    (
        "click_id_after_refusal",
        [{"consent_sale": "false", "gclid": "Cj0"}],
        [{"consent_sale": "false", "url": "https://a.example/?utm_source=x"}],
    ),
]

CASES = [
    *ID_CASES,
    *((code, [login("u1", traits=bad)], [login("u1", traits=good)]) for code, bad, good in TRAIT_CASES),
    *STORIES,
]


@pytest.mark.parametrize(("code", "bad", "good"), CASES, ids=[f"{n}-{case[0]}" for n, case in enumerate(CASES)])
def test_a_rule_finds_its_fault_and_nothing_that_just_is_none(
    code: str, bad: list[dict[str, Any]], good: list[dict[str, Any]]
) -> None:
    assert finds(events(*bad), code)
    assert not finds(events(*good), code)


def test_every_rule_has_a_case() -> None:
    assert {rule.code for rule in RULES} == {code for code, _, _ in CASES}
    assert len({rule.code for rule in RULES}) == len(RULES)


def test_the_counts_and_the_money_of_a_users_fault_are_those_of_all_rows_of_the_user() -> None:
    frame = events(login("kate@example.com"), purchase(10, user_id="kate@example.com"), login("u1", traits=MAIL), {})
    found = one(frame, "email_user_id_twin")
    assert (found["events"], found["value"], found["examples"]) == (3, 10.0, ["kate@example.com, u1"])


def test_only_purchases_count_as_money() -> None:
    frame = events(
        login("undefined"),
        purchase(10, user_id="undefined"),
        purchase(-4, user_id="undefined"),
        {"event_name": "add_to_cart", "value": 99, "user_id": "undefined"},
    )
    assert one(frame, "null_like_user_id")["value"] == 10.0


def test_an_order_that_came_again_costs_its_later_copies() -> None:
    found = one(events(*[purchase(10, order_id="A")] * 3), "duplicate_order_id")
    assert (found["events"], found["value"], found["examples"]) == (2, 20.0, ["A"])


def test_the_match_coverage_is_told() -> None:
    frame = events(login("u1", traits=MAIL), login("u2"), login("u3"), login("kate@example.com"))
    assert "2 of 4 (50%)" in one(frame, "user_without_email")["message"]


def test_float_ids_are_a_finding_not_an_error() -> None:
    frame = events(login("u1")).assign(user_id=[42.0])
    assert one(frame, "spreadsheet_ids")["examples"] == ["42.0"]
    assert one(frame.assign(user_id=[1.23e18]), "spreadsheet_ids")["examples"] == ["1.23e+18"]


def test_other_spellings_are_read() -> None:
    frame = events({"user_id": "null"}).rename(columns={"user_id": "userId", "anonymous_id": "anonymousId"})
    assert one(frame, "null_like_user_id")["examples"] == ["null"]


def test_a_blank_user_id_is_shown_in_quotes() -> None:
    assert one(events({"user_id": "  "}, login("u1")), "null_like_user_id")["examples"] == ["''"]


class TestNested:
    """What only the payload tells."""

    def test_refusals_and_clicks_are_found_in_payloads(self) -> None:
        kept = nested({"consent": {"marketing": False}, "url": "https://a.example/?fbclid=Iw"})
        granted = nested({"consent": {"marketing": True}, "url": "https://a.example/?fbclid=Iw"})
        found = one(pd.DataFrame([kept, granted]), "click_id_after_refusal")
        assert (found["events"], found["examples"]) == (1, ["fbclid in url"])
        assert "click_id_after_refusal" in codes(normalize_events(pd.DataFrame([kept])))
        assert "click_id_after_refusal" not in codes(pd.DataFrame([granted]))

    def test_a_named_click_id_counts_as_well(self) -> None:
        kept = nested({"consent": {"sale": False}, "gclid": "Cj0"})
        assert one(pd.DataFrame([kept]), "click_id_after_refusal")["examples"] == ["gclid"]

    def test_receipts_are_found_in_payloads(self) -> None:
        ahead = nested({"received_at": "2026-01-01T09:00:00Z"})
        assert "clock_ahead" in codes(pd.DataFrame([ahead]))
        assert "clock_ahead" not in codes(pd.DataFrame([nested({"received_at": "2026-01-01T11:00:00Z"})]))

    def test_a_normalized_payload_still_names_the_user_id_that_was_emptied(self) -> None:
        call = nested({"user_id": "undefined", "traits": {}}, event_name="$identify", user_id="undefined")
        raw = pd.DataFrame([call])
        assert one(raw, "null_like_user_id")["examples"] == ["undefined"]
        assert one(normalize_events(raw), "null_like_user_id")["examples"] == ["undefined"]
