"""attention: each reason by a small story with its row in sight, the order of the list, and its limits."""

from __future__ import annotations

import logging
from typing import Any

import numpy as np
import pandas as pd
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

import datalyr_notebook as dn
from datalyr_notebook import schema
from datalyr_notebook.errors import CurrencyError, JudgedAtEventError, MissingColumnsError, OptionError
from datalyr_notebook.studies.attention import MOST_VALUABLE, REASONS, attention
from datalyr_notebook.studies.risk import links_at_risk
from tests.strategies import rows, table

EMPTY = schema.empty(schema.IDENTITY_ATTENTION)


def shop(*found: dict[str, Any]) -> pd.DataFrame:
    """Rows of a small shop, an hour apart."""
    start = pd.Timestamp("2026-01-01T00:00Z")
    lines = [
        {"event_name": "pageview", "sdk": "web", "event_id": f"e{hour}", "timestamp": start + pd.Timedelta(hour, "h")}
        | row
        for hour, row in enumerate(found)
    ]
    return dn.normalize_events(pd.DataFrame(lines))


def login(user: str, device: str | None = None, **traits: str) -> dict[str, Any]:
    return {"event_name": "$identify", "anonymous_id": device, "user_id": user, "traits": traits or None}


def buys(user: str, value: float, **more: Any) -> dict[str, Any]:
    return {"event_name": "purchase", "user_id": user, "value": value, **more}


def listed(events: pd.DataFrame, reason: str, rule: dn.StitchRule | None = None, **keywords: Any) -> pd.DataFrame:
    """The rows of one reason."""
    found = attention(dn.stitch(events, rule), rule=rule, **keywords)
    return found[found["reason"] == reason].drop(columns="reason").reset_index(drop=True)


def only(events: pd.DataFrame, reason: str, rule: dn.StitchRule | None = None, **keywords: Any) -> dict[str, Any]:
    """The one row of a reason."""
    found = listed(events, reason, rule, **keywords)
    assert len(found) == 1
    return dict(found.iloc[0])


APP, WEB = "anon_app", "anon_web"
MATCHED = (
    {"anonymous_id": WEB, "source": "google", "medium": "cpc", "click_id": "k1"},
    {"anonymous_id": APP, "sdk": "react_native", "event_name": "$web_attribution_matched", "web_visitor_id": WEB}
    | {"match_method": "ip"},
    login("leo", APP) | {"sdk": "react_native"},
    buys("leo", 9.99, anonymous_id=APP, sdk="react_native"),
)
"""An ad on the web, an install matched with it, then Leo logs in and buys in the app."""


def test_a_tablet_in_turns() -> None:
    """Kate, Tom, Kate: two switches. Kate has two of its three events; both their purchases are concerned."""
    events = shop(login("kate", "t"), login("tom", "t"), login("kate", "t"), buys("tom", 20.0), buys("kate", 5.0))
    row = only(events, "shared device")
    assert row == {
        "id": "t",
        "id_kind": "device",
        "person_id": "kate",
        "people": 2,
        "events": 3,
        "value": 25.0,
        "why": "A device of 2 users: the named user changes 2 times.",
    }


def test_a_phone_that_was_handed_on() -> None:
    """Two events each: of equals the person is the first by name, not the first by time."""
    events = shop(*[login("zoe", "p")] * 2, *[login("amy", "p")] * 2)
    row = only(events, "shared device")
    assert (row["person_id"], row["why"]) == ("amy", "A device of 2 users: it changed hands once.")


def test_users_who_are_one_person_share_no_device() -> None:
    alias = {"event_name": "$alias", "user_id": "kate", "previous_id": "k1", "new_user_id": "kate"}
    assert not len(listed(shop(login("k1", "t"), login("kate", "t"), alias), "shared device"))


def test_a_device_over_the_limit() -> None:
    """Three users where two are allowed; with three allowed it is a shared device."""
    events = shop(login("a", "kiosk"), login("b", "kiosk"), login("c", "kiosk"), buys("c", 7.0))
    row = only(events, "super-node", dn.StitchRule(max_users_per_device=2))
    assert (row["id"], row["id_kind"], row["person_id"], row["people"]) == ("kiosk", "device", "a", 3)
    assert (row["events"], row["value"]) == (3, 7.0)
    assert row["why"] == (
        "A device of 3 users, over max_users_per_device=2: more likely a fault in tracking than a device that people "
        "share."
    )
    assert only(events, "shared device", dn.StitchRule(max_users_per_device=3))["id"] == "kiosk"


def test_a_server_s_one_shot_ids_are_no_devices() -> None:
    server = {"sdk": "node"}
    events = shop(
        login("a", "once") | server, login("b", "once") | server, *[login("a", f"x{n}") | server for n in "12"]
    )
    assert not len(attention(dn.stitch(events), rule=dn.StitchRule(max_devices_per_user=1)))


def test_a_user_on_too_many_devices() -> None:
    """A test account on three devices; the event that names it without a device is concerned, too."""
    events = shop(*[login("qa", f"d{number}") for number in range(3)], buys("qa", 1.0), {"anonymous_id": "d0"})
    row = only(events, "super-node", dn.StitchRule(max_devices_per_user=2))
    assert (row["id"], row["id_kind"], row["person_id"], row["people"]) == ("qa", "user", "qa", 1)
    assert (row["events"], row["value"]) == (4, 1.0)
    assert row["why"] == (
        "A user on 3 devices, over max_devices_per_user=2: more likely a robot, a test or a placeholder than one "
        "person."
    )


def test_a_user_whom_alias_calls_alone_name() -> None:
    """No event carries "qa": the three rows are its own by their devices. Bob carries his id himself."""
    calls = [{"event_name": "$alias", "previous_id": f"anon_{n}", "new_user_id": "qa"} for n in range(3)]
    seen = [{"anonymous_id": f"anon_{n}"} for n in range(3)]
    events = shop(*calls, *seen, *(login("bob", f"d{number}") for number in range(4)))
    found = listed(events, "super-node", dn.StitchRule(max_devices_per_user=2))
    columns = ["id", "person_id", "people", "events", "value"]
    assert found[columns].to_numpy().tolist() == [["bob", "bob", 1, 4, 0.0], ["qa", "qa", 1, 3, 0.0]]


def test_an_email_of_too_many_users() -> None:
    """Whatever the case it was typed in; the e-mail is on the list whether or not the rule merges by it."""
    events = shop(
        *[
            login(user, email=email)
            for user, email in zip("abc", ("Hi@s.example", "hi@S.example", "HI@s.example"), strict=True)
        ]
    )
    for merge_on in ((), ("email",)):
        row = only(events, "super-node", dn.StitchRule(max_ids_per_trait_value=2, merge_on=merge_on))
        assert (row["id"], row["id_kind"], row["person_id"], row["people"], row["events"]) == (
            "hi@s.example",
            "trait",
            "a",
            3,
            3,
        )
        assert row["why"] == (
            "An e-mail of 3 user_ids, over max_ids_per_trait_value=2: more likely a placeholder than one person's."
        )


def test_another_trait_of_too_many_users_matters_if_the_rule_merges_by_it() -> None:
    events = shop(
        *[
            login(user, phone=phone)
            for user, phone in zip("abc", ("+1 555 010 4477", "0015550104477", "15550104477"), strict=True)
        ]
    )
    rule = dn.StitchRule(max_ids_per_trait_value=2, merge_on=("phone",))
    row = only(events, "super-node", rule)
    assert (row["id"], row["id_kind"], row["people"]) == ("15550104477", "trait", 3)
    assert row["why"].startswith("A value of 'phone' of 3 user_ids, over max_ids_per_trait_value=2")
    assert not len(listed(events, "super-node", dn.StitchRule(max_ids_per_trait_value=2)))


TWINS = (login("u1", "a", email="kate@shop.example"), login("u2", "b", email="Kate@shop.example "), buys("u2", 40.0))


def test_email_twins() -> None:
    """Two accounts of one e-mail: to look at is u2, who has two of the three events; named after u1, who came first."""
    assert only(shop(*TWINS), "e-mail twins") == {
        "id": "u1",
        "id_kind": "user",
        "person_id": "u2",
        "people": 2,
        "events": 3,
        "value": 40.0,
        "why": "2 user_ids share one e-mail, and their events are 2 people's under this rule.",
    }


def test_an_id_that_is_an_email_is_a_twin_of_who_says_it() -> None:
    row = only(shop({"user_id": "kate@shop.example"}, login("u2", email="kate@shop.example")), "e-mail twins")
    assert (row["id"], row["people"]) == ("kate@shop.example", 2)


@pytest.mark.parametrize("email", ["test@test.com", "none", "kate", "kate@blocked.example"])
def test_what_is_nobody_s_email_makes_no_twins(email: str) -> None:
    events = shop(login("u1", email=email), login("u2", email=email))
    assert not len(attention(dn.stitch(events), rule=dn.StitchRule(block=("%@blocked.example",))))


@pytest.mark.parametrize(
    "rule",
    [
        dn.StitchRule(merge_on=("email",)),
        dn.StitchRule(merge_on=("email",), policy="last"),
        dn.StitchRule(max_ids_per_trait_value=1),
        dn.StitchRule(as_of="2026-01-01T00:30Z"),
    ],
)
def test_no_twins_where_the_rule_makes_them_one_or_the_email_is_common(rule: dn.StitchRule) -> None:
    """Under ``last`` u1's device is later Tom's: its event is his, but u1 and u2 are one person all the same."""
    assert not len(listed(shop(*TWINS, login("tom", "a")), "e-mail twins", rule))


def test_under_graph_users_of_one_device_are_no_twins() -> None:
    events = shop(*TWINS, login("u1", "b"))
    assert not len(listed(events, "e-mail twins", dn.StitchRule(policy="graph")))
    assert len(listed(events, "e-mail twins")) == 1


def test_twins_of_two_emails_are_one_row_and_other_twins_another() -> None:
    """u1 and u2 share two e-mails; u1 and u3 a third one."""
    one, two, three = ({"email": f"{name}@shop.example"} for name in ("one", "two", "three"))
    said = [login("u1", **one), login("u2", **one), login("u1", **two), login("u2", **two)]
    found = listed(shop(*said, login("u1", **three), login("u3", **three), buys("u3", 1.0)), "e-mail twins")
    assert found["id"].tolist() == ["u1", "u1"]
    assert found["value"].tolist() == [1.0, 0.0]
    assert found["events"].tolist() == [5, 5]


def test_a_link_at_risk() -> None:
    """The web visit is Leo's only by the match: one event, and the order that it led to."""
    assert only(shop(*MATCHED), "link at risk") == {
        "id": APP,
        "id_kind": "device",
        "person_id": "leo",
        "people": 2,
        "events": 1,
        "value": 9.99,
        "why": "Without this bridge:ip link 1 event would belong to somebody else.",
    }


def test_a_link_that_another_one_backs_up_is_at_no_risk() -> None:
    again = {**MATCHED[1], "match_method": "email"}
    assert not len(listed(shop(*MATCHED, again), "link at risk"))


def test_a_trusted_email_is_a_link_at_risk() -> None:
    """u2 joins u1, who had the e-mail first: without it u2's two events are its own."""
    row = only(shop(*TWINS), "link at risk", dn.StitchRule(merge_on=("email",)))
    assert (row["id"], row["id_kind"], row["person_id"], row["people"]) == ("u2", "user", "u1", 2)
    assert row["why"] == "Without this trait:email link 2 events would belong to somebody else."


def test_most_value_is_what_is_left_after_refunds() -> None:
    """Zoe's 90 become 30, Amy's 30 come first by name; Bob has nothing left, and is not worth most."""
    events = shop(
        buys("zoe", 90.0, order_id="1"),
        buys("bob", 20.0, order_id="2"),
        buys("amy", 10.0, order_id="3"),
        buys("amy", 20.0, order_id="4"),
        {"event_name": "refund", "user_id": "zoe", "value": 60.0, "order_id": "1"},
        {"event_name": "refund", "user_id": "bob", "value": 20.0, "order_id": "2"},
    )
    found = listed(events, "most value")
    assert found["person_id"].tolist() == found["id"].tolist() == ["amy", "zoe"]
    assert found["value"].tolist() == [30.0, 30.0]
    assert found["events"].tolist() == [2, 2]
    assert found["why"].tolist() == [
        "Of the people worth most: 2 conversions.",
        "Of the people worth most: 1 conversion.",
    ]
    assert listed(events, "most value", refunds="ignore")["person_id"].tolist() == ["zoe", "amy", "bob"]


def test_between_says_which_conversions_count() -> None:
    events = shop(buys("amy", 10.0), buys("bob", 20.0))
    found = listed(events, "most value", between=("2026-01-01T01:00Z", None))
    assert found["person_id"].tolist() == ["bob"]


def test_only_fifty_are_worth_most_and_of_equals_the_first_by_name() -> None:
    events = shop(*[buys(f"u{number:02}", 5.0) for number in range(MOST_VALUABLE + 5)], buys("v", 6.0))
    found = listed(events, "most value")
    assert found["person_id"].tolist() == ["v", *(f"u{number:02}" for number in range(MOST_VALUABLE - 1))]


def test_the_reasons_take_turns() -> None:
    """Two shared devices, the less valuable one seen first; then everything else of the list once."""
    events = shop(
        *(login(user, "cheap") for user in ("a", "b")),
        *(login(user, "dear") for user in ("c", "d")),
        *(login(user, "kiosk") for user in ("e", "f", "g")),
        buys("d", 50.0),
        *TWINS,
        *MATCHED,
    )
    rule = dn.StitchRule(max_users_per_device=2)
    found = attention(dn.stitch(events, rule), rule=rule)
    assert found[["reason", "id"]].astype(object).to_numpy().tolist() == [
        ["super-node", "kiosk"],
        ["e-mail twins", "u1"],
        ["shared device", "dear"],
        ["link at risk", APP],
        ["most value", "d"],
        ["shared device", "cheap"],
        ["most value", "u2"],
        ["most value", "leo"],
    ]
    assert found["reason"].head(len(REASONS)).tolist() == [*REASONS]


def test_of_equal_value_the_most_people_then_the_most_events_then_the_id() -> None:
    two, busy, three = (
        [login(user, device) for user in users] for device, users in (("z", "ab"), ("y", "cdd"), ("x", "efg"))
    )
    found = listed(shop(*two, *busy, *three, *(login(user, "w") for user in "hi")), "shared device")
    assert found["id"].tolist() == ["x", "y", "w", "z"]


def test_nobody_is_worth_most_without_conversions() -> None:
    events = shop(login("a", "t"), login("b", "t"))
    found = attention(dn.stitch(events))
    assert found["reason"].tolist() == ["shared device"]
    assert found["value"].tolist() == [0.0]


@pytest.mark.parametrize("size", [0, 1])
def test_small_tables_say_nothing_in_the_right_columns(size: int) -> None:
    found = attention(dn.stitch(shop(login("a", "t")).head(size)))
    pd.testing.assert_frame_equal(found, EMPTY, check_categorical=False)
    assert found.dtypes.astype(str).tolist() == EMPTY.dtypes.astype(str).tolist()


def test_one_purchase_is_somebody_s_and_one_of_nobody_is_nobody_s() -> None:
    assert attention(dn.stitch(shop(buys("a", 3.0))))["person_id"].tolist() == ["a"]
    assert not len(attention(dn.stitch(shop({"event_name": "purchase", "value": 3.0, "user_id": None}))))


def test_columns_without_a_value() -> None:
    empty = dict.fromkeys(("anonymous_id", "user_id", "value", "web_visitor_id", "traits", "order_id"))
    assert not len(attention(dn.stitch(shop(empty, empty))))


@pytest.mark.parametrize("conversion", ["purchase", ["purchase", "signup"], {"order": ("purchase",)}])
def test_a_mask_of_conversions_means_the_same_as_its_names(conversion: Any) -> None:
    events = shop(*MATCHED, login("a", "t"), login("b", "t"), buys("b", 8.0))
    mask = (events["event_name"] == "purchase").to_numpy()
    one, other = (attention(dn.stitch(events), conversion=given) for given in (conversion, mask))
    pd.testing.assert_frame_equal(one, other)
    assert one["value"].max() == 9.99


@pytest.mark.parametrize("is_stitched", [True, False])
def test_a_mask_has_a_flag_for_events_that_had_not_happened_yet(is_stitched: bool) -> None:
    """As of the first order the second one is unknown, though the mask names both."""
    events = shop(*MATCHED, buys("leo", 90.0))
    rule = dn.StitchRule(as_of="2026-01-01T03:00Z")
    given_events = dn.stitch(events) if is_stitched else events
    found = attention(given_events, rule=rule, conversion=(events["event_name"] == "purchase").to_numpy())
    assert found["reason"].tolist() == ["link at risk", "most value"]
    assert found["value"].tolist() == [9.99, 9.99]


def test_events_that_are_not_stitched_are_stitched_by_the_rule_which_is_said(caplog: pytest.LogCaptureFixture) -> None:
    """Raw rows without a time zone: the frame is normalized, then stitched, and not changed."""
    raw = pd.DataFrame(
        {
            "timestamp": pd.to_datetime(["2026-01-01 10:00", "2026-01-01 11:00", "2026-01-01 12:00"]),
            "event": ["identify", "identify", "purchase"],
            "anonymous_id": "anon_t",
            "user_id": ["a", "b", None],
            "value": [None, None, 4.0],
        }
    )
    before = raw.copy()
    with caplog.at_level(logging.INFO, logger="datalyr_notebook"):
        found = attention(raw, policy="first")
    assert found[["reason", "person_id"]].astype(object).to_numpy().tolist() == [
        ["shared device", "a"],
        ["most value", "a"],
    ]
    assert "attention: these events are not stitched; stitching them with policy='first'." in caplog.messages
    assert "attention: these events were not normalized yet, so normalize_events(events) ran first." in caplog.messages
    pd.testing.assert_frame_equal(raw, before)


def test_nothing_is_said_of_stitching_again(caplog: pytest.LogCaptureFixture) -> None:
    stitched = dn.stitch(shop(*MATCHED, {"user_id": "null"}))
    with caplog.at_level(logging.INFO, logger="datalyr_notebook"):
        attention(stitched)
    assert not caplog.messages


def test_a_frame_that_lost_its_dtypes_is_read() -> None:
    """Joining on person_id makes a text of it; the index of a filtered frame says nothing."""
    stitched = dn.stitch(shop(*MATCHED, *TWINS))
    joined = stitched.merge(pd.DataFrame({"person_id": ["leo", "u1", "u2"], "plan": "pro"}), on="person_id")
    pd.testing.assert_frame_equal(attention(joined.set_axis([7] * len(joined))), attention(stitched))


def test_why_names_no_id() -> None:
    events = shop(*TWINS, *MATCHED, login("u2", APP), login("u1", email="hi@s.example"))
    found = attention(dn.stitch(events))
    assert set(found["reason"]) == {*REASONS} - {"super-node"}
    ids = {*events["user_id"].dropna(), *events["anonymous_id"].dropna()} - {"a", "b"}
    assert not [why for why in found["why"] if any(one in why for one in ids)]


def test_bad_input_is_named() -> None:
    stitched = dn.stitch(shop(*MATCHED))
    with pytest.raises(OptionError, match="attention: option='polcy'"):
        attention(stitched, polcy="next")
    with pytest.raises(OptionError, match="attention: rule='next'"):
        attention(stitched, rule="next")  # type: ignore[arg-type]
    with pytest.raises(OptionError, match="attention: as_of='event'"):
        attention(stitched, as_of="event")
    with pytest.raises(OptionError, match="one model that shares out each conversion"):
        attention(stitched, model="shapley_rate")
    with pytest.raises(OptionError, match="conversion"):
        attention(stitched, conversion=np.array([True]))
    with pytest.raises(JudgedAtEventError, match="attention needs all rows judged by one state of knowledge"):
        attention(dn.stitch(shop(*MATCHED), as_of="event"))
    with pytest.raises(MissingColumnsError, match="attention reads 'person_since'"):
        attention(stitched.drop(columns="person_since"))
    with pytest.raises(CurrencyError):
        attention(dn.stitch(shop(buys("a", 1.0, currency="USD"), buys("b", 1.0, currency="EUR"))))


RULES = st.builds(
    dn.StitchRule,
    policy=st.sampled_from(["session", "last", "graph", "none"]),
    merge_on=st.sampled_from([(), ("email",), ("phone", "email")]),
    max_users_per_device=st.integers(1, 3),
    max_devices_per_user=st.integers(1, 2),
    max_ids_per_trait_value=st.integers(1, 3),
)


@settings(max_examples=15)
@given(found=rows(max_rows=20), rule=RULES, data=st.data())
def test_the_order_of_rows_does_not_matter(
    found: list[dict[str, Any]], rule: dn.StitchRule, data: st.DataObject
) -> None:
    shuffled = data.draw(st.permutations(found))
    try:
        one, other = (attention(dn.stitch(table(given_rows), rule), rule=rule) for given_rows in (found, shuffled))
    except CurrencyError:
        return
    pd.testing.assert_frame_equal(one, other)


@settings(max_examples=10)
@given(found=rows(max_rows=20), rule=RULES)
def test_the_list_agrees_with_the_studies_it_is_drawn_from(found: list[dict[str, Any]], rule: dn.StitchRule) -> None:
    events = table(found)
    try:
        risky, stitched = links_at_risk(events, rule=rule), dn.stitch(events, rule)
    except CurrencyError:
        return
    listed_rows, people = attention(stitched, rule=rule), dn.people(stitched)
    devices = dn.shared_devices(events, rule)
    is_device = listed_rows["reason"].isin(["super-node", "shared device"]) & (listed_rows["id_kind"] == "device")
    told = listed_rows[is_device].set_index("id").reindex(devices["anonymous_id"])
    assert (told["events"].to_numpy() == devices["events"].to_numpy()).all()
    assert ((told["reason"] == "super-node").to_numpy() == devices["is_crowded"].to_numpy()).all()
    assert is_device.sum() == len(devices)
    of_links = listed_rows[listed_rows["reason"] == "link at risk"]
    moving = risky[risky["events_moved"] > 0]
    assert sorted(of_links["id"]) == sorted(moving["id"])
    assert of_links["value"].to_numpy() == pytest.approx(moving["value_moved"].to_numpy())
    worth = listed_rows[listed_rows["reason"] == "most value"].set_index("person_id")
    pd.testing.assert_series_equal(
        worth["value"], people.loc[people["value"] > 0, "value"].reindex(worth.index), check_index=False
    )
    assert len(worth) == (people["value"] > 0).sum()
    assert listed_rows["person_id"].dropna().isin(people.index).all()
