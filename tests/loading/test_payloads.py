"""Every shape the SDKs have sent becomes flat rows: small payloads, their rows written out by hand."""

from __future__ import annotations

import json
from collections import Counter
from pathlib import Path
from typing import Any

import pandas as pd
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from datalyr_notebook.loading.payloads import lift
from datalyr_notebook.loading.report import LoadReport

CAPTURES = Path(__file__).parents[1] / "data" / "captures"
NOW = "2026-01-01T10:00:00.000Z"


def rows_of(body: object) -> list[dict[str, Any]]:
    return lift(body, report=LoadReport())


def row_of(body: object) -> dict[str, Any]:
    (row,) = rows_of(body)
    return row


def web(name: str = "pageview", data: object = None, **top: object) -> dict[str, object]:
    return {
        "workspace_id": "ws",
        "event_id": "e1",
        "event_name": name,
        "event_data": {} if data is None else data,
        "source": "web",
        "timestamp": NOW,
        "distinct_id": "anon_1",
        "anonymous_id": "anon_1",
        "visitor_id": "anon_1",
        "user_id": None,
        "session_id": "sess_1",
        "sdk_version": "1.7.12",
        "sdk_name": "datalyr-web-sdk",
        **top,
    }


def app(
    name: str, properties: object = None, *, library: str = "@datalyr/react-native", **top: object
) -> dict[str, object]:
    context = {"library": library, "version": "1.7.18", "source": "mobile_app", "session_id": "sess_9"}
    return {
        "event": name,
        "eventId": "e1",
        "anonymousId": "anon_app",
        "timestamp": NOW,
        "properties": {} if properties is None else properties,
        "context": context,
        **top,
    }


def node(name: str, properties: object = None, **top: object) -> dict[str, object]:
    return {
        "event": name,
        "eventId": "e1",
        "userId": "u1",
        "anonymousId": "anon_once",
        "timestamp": NOW,
        "properties": properties,
        "context": {"library": "@datalyr/api", "version": "1.3.1", "source": "api"},
        **top,
    }


# ---- the shapes, one by one ----------------------------------------------------------------------


def test_web_event() -> None:
    data = {
        "value": 9.5,
        "currency": "EUR",
        "order_id": "00042",
        "utm_source": "fb",
        "source": "facebook",
        "term": "x",
        "clickId": "IwAR0",
        "clickIdType": "fbclid",
        "fbclid": "IwAR0",
        "lyr": "jane",
        "timestamp": 1756890000192,
        "captured_at": 1756890000224,
        "referrer": "https://www.google.com/",
        "referrerHost": "www.google.com",
        "referrer_host": "other.example",
        "url": "https://shop.example/?fbclid=IwAR0",
        "session_id": "sess_old",
        "consent": {"marketing": False, "sale": True, "analytics": True},
        "utm_term": None,
        "utm_content": "",
        "device_fingerprint": {"userAgent": "Mozilla/5.0", "userAgentData": {"mobile": True}},
    }
    assert row_of(web("purchase", data)) == {
        "event_name": "purchase",
        "sdk": "web",
        "sdk_version": "1.7.12",
        "event_id": "e1",
        "timestamp": NOW,
        "anonymous_id": "anon_1",
        "session_id": "sess_1",
        "value": 9.5,
        "currency": "EUR",
        "order_id": "00042",
        "utm_source": "fb",
        "click_id": "IwAR0",
        "click_id_type": "fbclid",
        "fbclid": "IwAR0",
        "lyr": "jane",
        "captured_at": 1756890000224,
        "referrer": "https://www.google.com/",
        "referrer_host": "www.google.com",
        "url": "https://shop.example/?fbclid=IwAR0",
        "consent_marketing": False,
        "consent_sale": True,
        "user_agent": "Mozilla/5.0",
        "ua_mobile": True,
        "properties": data,
    }


def test_node_purchase_has_no_session() -> None:
    properties = {"value": 99.99, "currency": "USD", "order_id": "ORDER123", "anonymous_id": "anon_once"}
    assert row_of(node("purchase", properties)) == {
        "event_name": "purchase",
        "sdk": "node",
        "sdk_version": "1.3.1",
        "event_id": "e1",
        "timestamp": NOW,
        "user_id": "u1",
        "anonymous_id": "anon_once",
        "value": 99.99,
        "currency": "USD",
        "order_id": "ORDER123",
        "properties": properties,
    }


def test_app_event() -> None:
    properties = {
        "anonymous_id": "anon_app",
        "platform": "ios",
        "timestamp": 1759406400133,
        "sessionId": "sess_8",
        "session_id": "sess_before_reset",
        "source": "mobile_app",
        "web_visitor_id": "anon_web",
        "match_method": "ip",
        "ttclid": "E.C.P",
        "utm_source": "tiktok",
        "deep_link_url": "shop://x",
        "asa_campaign_id": 7,
        "attribution_timestamp": "2026-01-01T09:00:00Z",
        "install_referrer_url": "dl_click_id=x",
        "value": 1,
    }
    assert row_of(app("purchase", properties)) == {
        "event_name": "purchase",
        "sdk": "react_native",
        "sdk_version": "1.7.18",
        "event_id": "e1",
        "timestamp": NOW,
        "anonymous_id": "anon_app",
        "session_id": "sess_9",
        "platform": "ios",
        "web_visitor_id": "anon_web",
        "match_method": "ip",
        "ttclid": "E.C.P",
        "utm_source": "tiktok",
        "deep_link_url": "shop://x",
        "asa_campaign_id": 7,
        "attribution_timestamp": "2026-01-01T09:00:00Z",
        "has_user_properties": False,
        "install_referrer_url": "dl_click_id=x",
        "value": 1,
        "properties": properties,
    }


@pytest.mark.parametrize(
    ("library", "sdk"),
    [("@datalyr/react-native", "react_native"), ("@datalyr/swift", "swift"), ("@datalyr/api", "node")],
)
def test_the_library_names_the_sdk(library: str, sdk: str) -> None:
    assert row_of(app("purchase", library=library))["sdk"] == sdk


def test_an_app_without_a_library_is_told_by_its_event_id() -> None:
    context = {"source": "mobile_app"}
    assert row_of(app("x", context=context, eventId="0A3F"))["sdk"] == "swift"
    assert row_of(app("x", context=context, eventId="0a3f"))["sdk"] == "react_native"
    assert row_of(app("x", {"source": "mobile_app"}, context=None, eventId="0a3f"))["sdk"] == "react_native"


def test_the_app_session_is_in_context_else_in_session_id_camel_case() -> None:
    assert row_of(app("x", {"sessionId": "camel", "session_id": "stale"}))["session_id"] == "sess_9"
    without = {"library": "@datalyr/swift"}
    assert row_of(app("x", {"sessionId": "camel", "session_id": "stale"}, context=without))["session_id"] == "camel"
    assert "session_id" not in row_of(app("x", {"session_id": "stale"}, context=without))


def test_http_event() -> None:
    body = {
        "event_name": "purchase",
        "anonymous_id": "anon_abc",
        "user_id": "u",
        "timestamp": NOW,
        "properties": {"revenue": 5, "session_id": "s1", "gclid": "Cj0", "source": "partner"},
    }
    assert row_of({"workspaceId": "ws", "events": [body]}) == {
        "event_name": "purchase",
        "sdk": "http",
        "anonymous_id": "anon_abc",
        "user_id": "u",
        "timestamp": NOW,
        "session_id": "s1",
        "revenue": 5,
        "gclid": "Cj0",
        "properties": body["properties"],
    }


def test_documentation_row() -> None:
    body = {
        "event_name": "purchase",
        "timestamp": NOW,
        "visitor_id": "anon_abc",
        "user_id": "u",
        "session_id": "s",
        "properties": {"order_id": "0007", "revenue": 5, "currency": "USD"},
        "attribution": {"utm_source": "facebook", "fbclid": "Iw", "source": "facebook", "medium": "cpc"},
        "device": {"user_agent": "Mozilla/5.0", "screen_width": 1},
        "page": {"url": "https://shop.example/", "referrer": "https://t.co/"},
    }
    assert row_of(body) == {
        "event_name": "purchase",
        "sdk": "unknown",
        "timestamp": NOW,
        "anonymous_id": "anon_abc",
        "user_id": "u",
        "session_id": "s",
        "order_id": "0007",
        "revenue": 5,
        "currency": "USD",
        "utm_source": "facebook",
        "fbclid": "Iw",
        "user_agent": "Mozilla/5.0",
        "url": "https://shop.example/",
        "referrer": "https://t.co/",
        "properties": body["properties"],
    }


def test_identity_record_of_the_product_page() -> None:
    body = {
        "event_name": "$identify",
        "anonymous_id": "anon_abc",
        "user_id": "u",
        "previous_id": None,
        "traits": {"email": "u@example.com", "nickname": None},
        "identified_at": NOW,
    }
    assert row_of(body) == {
        "event_name": "$identify",
        "anonymous_id": "anon_abc",
        "user_id": "u",
        "traits": {"email": "u@example.com", "nickname": None},
        "identified_at": NOW,
        "sdk": "unknown",
    }


def test_a_flat_record_passes_with_its_keys_as_they_are() -> None:
    flat = {"eventName": "purchase", "anonymousId": "a", "timestamp": 1, "source": "google", "custom": [1]}
    assert row_of(flat) == flat


def test_a_lifted_row_lifted_again_stays_as_it_is() -> None:
    row = row_of(web("purchase", {"value": 1}))
    assert row_of(row) == row


def test_a_captured_request_holds_a_batch_that_holds_events_in_their_order() -> None:
    request = {"path": "/", "headers": {}, "body": {"events": [web(event_id="a"), web(event_id="b")], "batchId": "x"}}
    assert [row["event_id"] for row in rows_of([request, web(event_id="c")])] == ["a", "b", "c"]


@pytest.mark.parametrize("key", ["event_name", "eventName", "event"])
def test_the_name_has_three_keys(key: str) -> None:
    assert row_of({key: "signup", "properties": {}, "userId": "u"})["event_name"] == "signup"


# ---- ids under other names -----------------------------------------------------------------------


def test_ids_under_other_names_count_only_where_there_is_no_better_one() -> None:
    body = web(anonymous_id=None, distinct_id="anon_2", visitor_id="anon_3")
    assert row_of(body)["anonymous_id"] == "anon_3"
    assert row_of({**body, "visitor_id": None})["anonymous_id"] == "anon_2"
    assert row_of({**body, "visitor_id": None, "distinct_id": "u1"})["user_id"] == "u1"
    assert row_of({**body, "visitor_id": "anon_3", "distinct_id": "u1"}).get("user_id") is None


def test_an_app_s_internal_visitor_id_is_nobody() -> None:
    row = row_of(app("x", {"visitorId": "v"}, anonymousId=None, visitorId="v", visitor_id="v"))
    assert "anonymous_id" not in row
    assert "user_id" not in row


def test_the_payload_s_anonymous_id_fills_in() -> None:
    assert row_of(node("x", {"anonymous_id": "anon_n"}, anonymousId=None))["anonymous_id"] == "anon_n"


def test_ids_keep_their_digits() -> None:
    assert row_of(node("x", {}, userId=1234567890123456789))["user_id"] == 1234567890123456789
    assert row_of(node("x", {}, userId="00042"))["user_id"] == "00042"


# ---- $identify -----------------------------------------------------------------------------------


def test_web_traits_are_event_data_traits() -> None:
    data = {
        "user_id": "u",
        "previous_id": "old",
        "traits": {"plan": "pro", "nick": None},
        "identified_at": NOW,
        "title": "x",
    }
    row = row_of(web("$identify", data, user_id="u"))
    assert row["traits"] == {"plan": "pro", "nick": None}
    assert (row["previous_id"], row["identified_at"]) == ("old", NOW)


def test_identify_without_traits_has_an_empty_dict() -> None:
    assert row_of(web("$identify", {"traits": {}}, user_id="u"))["traits"] == {}


def test_web_without_traits_has_none_rather_than_the_page_s_keys() -> None:
    assert "traits" not in row_of(web("$identify", {"title": "x", "traits": "broken"}, user_id="u"))


def test_node_traits_are_flat_even_when_they_sound_like_device_keys() -> None:
    row = row_of(
        node("$identify", {"plan": "pro", "country": "DE", "url": "x", "nick": None, "anonymous_id": "anon_1"})
    )
    assert row["traits"] == {"plan": "pro", "country": "DE", "url": "x", "nick": None}


def test_old_node_traits_are_in_set() -> None:
    assert row_of(node("$identify", {"$set": {"plan": "pro"}, "anonymous_id": "a"}))["traits"] == {"plan": "pro"}


def test_swift_traits_are_properties_properties() -> None:
    properties = {"user_id": "u", "properties": {"plan": "pro"}, "email": "e", "platform": "ios", "os_version": "18"}
    assert row_of(app("$identify", properties, library="@datalyr/swift"))["traits"] == {"plan": "pro"}


def test_react_native_traits_are_the_accumulated_ones_that_this_call_names() -> None:
    known = {"email": "k@example.com", "firstName": "Kate", "plan": "trial", "country": "DE"}
    properties = {"userId": "kate", "platform": "ios", "firstName": "Kate", "first_name": "Kate", "plan": "trial"}
    body = app("$identify", properties, context={"library": "@datalyr/react-native", "userProperties": known})
    assert row_of(body)["traits"] == {"firstName": "Kate", "plan": "trial"}
    assert row_of(body)["user_id"] == "kate"


def test_old_app_traits_are_what_the_sdk_did_not_write() -> None:
    properties = {"userId": "k", "platform": "ios", "carrier": "T", "utm_source": "x", "sessionId": "s", "plan": "pro"}
    assert row_of(app("$identify", properties))["traits"] == {"plan": "pro"}


def test_http_traits_are_flat_without_the_evidence() -> None:
    properties = {"email": "r@example.com", "mrr": 99, "country": "DE", "utm_source": "x", "gclid": "G", "url": "u"}
    body = {"event_name": "$identify", "user_id": "u", "properties": properties}
    assert row_of(body)["traits"] == {"email": "r@example.com", "mrr": 99, "country": "DE"}


def test_only_identify_has_traits() -> None:
    assert "traits" not in row_of(web("$group", {"group_id": "g", "traits": {"name": "Acme"}}))
    assert "traits" not in row_of(node("purchase", {"plan": "pro"}))


def test_the_old_name_identify_counts_too() -> None:
    row = row_of(app("identify", {"plan": "pro"}))
    assert (row["event_name"], row["traits"]) == ("identify", {"plan": "pro"})


# ---- $alias --------------------------------------------------------------------------------------


def test_web_alias() -> None:
    data = {"userId": "u2", "previousId": "anon_1", "aliased_at": NOW}
    row = row_of(web("$alias", data, user_id="u2"))
    assert "new_user_id" not in row  # the row's own user already is the new one
    assert (row["user_id"], row["previous_id"], row["aliased_at"]) == ("u2", "anon_1", NOW)


def test_node_alias_may_merge_two_users() -> None:
    properties = {"new_user_id": "new", "previous_id": "old", "userId": "new", "previousId": "old"}
    row = row_of(node("$alias", properties, userId="new"))
    assert (row["user_id"], row["previous_id"], row.get("new_user_id")) == ("new", "old", None)


def test_react_native_alias_names_the_old_user_at_the_top_and_an_internal_id_as_previous() -> None:
    properties = {"newUserId": "new", "userId": "new", "previousId": "v", "visitorId": "v", "anonymousId": "anon_app"}
    row = row_of(app("$alias", properties, userId="old"))
    assert (row["user_id"], row["new_user_id"]) == ("old", "new")
    assert "previous_id" not in row


def test_a_visitor_id_that_is_the_row_s_device_stays_the_previous_id() -> None:
    row = row_of(app("$alias", {"userId": "new", "previousId": "v", "visitorId": "v"}, anonymousId="v"))
    assert row["previous_id"] == "v"


def test_swift_alias_and_the_old_name() -> None:
    properties = {"userId": "new", "previousId": "old", "user_id": "new", "previous_id": "old"}
    row = row_of(app("alias", properties, library="@datalyr/swift", userId="old"))
    assert (row["user_id"], row["new_user_id"], row["previous_id"]) == ("old", "new", "old")


def test_a_number_and_its_text_are_one_user() -> None:
    assert "new_user_id" not in row_of(node("$alias", {"new_user_id": "42", "previous_id": "p"}, userId=42))


# ---- bridges, blanks, wrong types ----------------------------------------------------------------


def test_the_old_bridge_was_made_by_email() -> None:
    row = row_of(app("$web_attribution_merged", {"web_visitor_id": "anon_web"}))
    assert (row["web_visitor_id"], row["match_method"]) == ("anon_web", "email")


def test_null_blank_and_nan_are_absent() -> None:
    row = row_of(app("x", {"gclid": "", "fbclid": None, "ttclid": float("nan"), "utm_source": "ok"}, userId=""))
    assert {key for key in row if key.endswith("clid")} == set()
    assert "user_id" not in row
    assert row["utm_source"] == "ok"


@pytest.mark.parametrize("broken", ["text", 5, [1], True, None])
def test_wrongly_typed_parts_are_absent(broken: object) -> None:
    data = {"device_fingerprint": broken, "consent": broken, "gclid": {"a": 1}, "fbclid": [1]}
    row = row_of(web("$identify", data, user_id={"a": 1}))
    assert set(row) == {
        "event_name",
        "sdk",
        "sdk_version",
        "event_id",
        "timestamp",
        "anonymous_id",
        "session_id",
        "properties",
    }
    assert row_of(web("x", broken if broken is not None else {}))["anonymous_id"] == "anon_1"
    assert row_of(app("$identify", broken, library="@datalyr/swift"))["sdk"] == "swift"
    assert row_of({"event": "x", "userId": "u", "properties": broken, "context": broken})["userId"] == "u"


def test_pandas_missing_values_are_absent() -> None:
    missing = {"source": pd.NA, "resolution_method": pd.NA, "user_id": pd.NaT, "gclid": pd.NA}
    row = row_of({"event": "x", "timestamp": NOW, "context": {"source": pd.NA}, "properties": missing, **missing})
    assert row == {"event_name": "x", "sdk": "http", "timestamp": NOW, "properties": missing}


# ---- what holds no events ------------------------------------------------------------------------


@pytest.mark.parametrize(
    "body",
    [
        {"path": "/container-scripts", "headers": {}, "body": {"workspaceId": "ws_demo"}},
        {"path": "/attribution/deferred-lookup", "headers": {}, "body": {"platform": "ios"}},
        {"path": "/", "headers": {}, "body": None},
        *({}, [], "text", 7, None, True, 1.5, {"events": []}, {"events": {}}, {"event": {"a": 1}}, {"event_name": ""}),
    ],
)
def test_bodies_without_events_are_skipped_and_counted(body: object) -> None:
    report = LoadReport()
    assert lift(body, report=report) == []
    assert report.counts == {"skipped_bodies": 1}


def test_members_that_are_no_events_are_skipped_and_the_rest_read() -> None:
    report = LoadReport()
    rows = lift({"events": [7, None, web(), "x", {"no": "name"}]}, report=report)
    assert [row["event_id"] for row in rows] == ["e1"]
    assert report.counts == {"skipped_bodies": 4}


def test_a_thousand_envelopes_in_one_another_need_no_recursion() -> None:
    body: object = web()
    for _ in range(5000):
        body = [{"path": "/", "body": body}]
    assert len(rows_of(body)) == 1


_KEYS = st.sampled_from(
    [
        *(
            "event",
            "event_name",
            "eventName",
            "event_data",
            "properties",
            "context",
            "events",
            "body",
            "path",
            "traits",
        ),
        *("library", "source", "userId", "user_id", "anonymousId", "visitorId", "previousId", "newUserId", "consent"),
        *(
            "device_fingerprint",
            "userAgentData",
            "userProperties",
            "attribution",
            "page",
            "device",
            "$set",
            "sdk",
            "gclid",
        ),
    ]
)
_LEAVES = st.one_of(
    st.none(),
    st.booleans(),
    st.integers(),
    st.floats(),
    st.text(max_size=5),
    st.sampled_from(["$identify", "$alias", "web", "api", "mobile_app", "@datalyr/swift", "\ud800"]),
)
_JSON = st.recursive(_LEAVES, lambda inner: st.lists(inner, max_size=3) | st.dictionaries(_KEYS, inner, max_size=6))


@given(st.dictionaries(_KEYS, _JSON, max_size=10))
@settings(max_examples=150, deadline=None)
def test_any_json_becomes_rows_or_is_counted(body: dict[str, Any]) -> None:
    report = LoadReport()
    rows = lift(body, report=report)
    assert rows or report.counts["skipped_bodies"]
    assert sum(report.shapes.values()) == len(rows)
    assert all(isinstance(key, str) for row in rows for key in row)


# ---- real traffic --------------------------------------------------------------------------------


def lifted_capture(name: str) -> tuple[list[dict[str, Any]], LoadReport]:
    report = LoadReport()
    lines = (CAPTURES / name).read_text("utf-8").splitlines()
    return [row for line in lines for row in lift(json.loads(line), report=report)], report


@pytest.mark.parametrize(
    ("name", "shape", "events", "skipped"),
    [
        ("web.jsonl", "web event", 37, 1),
        ("node.jsonl", "node call", 10, 0),
        ("react_native.jsonl", "app event", 12, 1),
        ("seed_http.jsonl", "http event", 1, 0),
    ],
)
def test_captures_are_read_whole(name: str, shape: str, events: int, skipped: int) -> None:
    rows, report = lifted_capture(name)
    assert len(rows) == events
    assert report.shapes == Counter({shape: events})
    assert report.counts.get("skipped_bodies", 0) == skipped


def test_kate_s_phone() -> None:
    rows, _ = lifted_capture("react_native.jsonl")
    first, second = (row for row in rows if row["event_name"] == "$identify")
    assert first["traits"] == {
        "email": "kate@example.com",
        "firstName": "Kate",
        "lastName": "Lee",
        "phoneNumber": "+15550001111",
        "plan": "trial",
    }
    assert second["traits"] == {"plan": "pro"}
    assert {row["web_visitor_id"] for row in rows} == {"anon_0a8cd4f3-740b-44f2-a9fe-ab830b28c5b7"}
    assert [row.get("match_method") for row in rows[:2]] == ["ip", None]
    ended = next(row for row in rows if row["event_name"] == "session_end")
    assert ended["session_id"] == "sess_1759564800040_0hbzcz4eb"  # not the ended one its properties name


def test_the_desktop_purchase_of_user_789() -> None:
    rows, _ = lifted_capture("web.jsonl")
    purchase = next(row for row in rows if row.get("order_id") == "ORDER123")
    assert (purchase["user_id"], purchase["revenue"]) == ("user_789", 99.99)
    assert purchase["anonymous_id"] == "anon_ca7fc248-ad8d-450a-beb4-a13533d432fe"
    assert "fbclid" not in purchase


def test_the_server_s_identify_keeps_nested_traits() -> None:
    rows, _ = lifted_capture("node.jsonl")
    assert rows[-1]["traits"] == {
        "id": "9007199254740993",
        "tags": ["vip", "beta"],
        "nested": {"a": {"b": 1}},
        "signup_ts": 1759262811,
    }
