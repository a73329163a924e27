"""what_if and links_at_risk: what hangs on a link, with the answer in sight."""

from __future__ import annotations

from typing import Any

import numpy as np
import pandas as pd
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

import datalyr_notebook as dn
from datalyr_notebook import schema
from datalyr_notebook.errors import CurrencyError, OptionError, UnknownLinkError
from datalyr_notebook.identity.policies import POLICIES
from datalyr_notebook.studies.risk import links_at_risk
from datalyr_notebook.studies.what_if import links_shown, what_if
from tests.strategies import rows, table

APP, WEB = "anon_963fdf36-9837-4e55-829b-89aba9986912", "anon_a1937d78-3145-4ad4-a326-800ecf0bf1c4"
BRIDGE = pd.DataFrame({"id": [APP], "other_id": [WEB], "kind": ["bridge:ip"]})


def shop(*found: dict[str, Any]) -> pd.DataFrame:
    """Rows of a small shop, on a day of January 2026 each."""
    lines = [
        {
            "event_name": "pageview",
            "sdk": "web",
            "event_id": f"e{number}",
            **row,
            "timestamp": pd.Timestamp("2026-01-01T00:00Z") + pd.Timedelta(row["day"], "D"),
        }
        for number, row in enumerate(found)
    ]
    return dn.normalize_events(pd.DataFrame(lines).drop(columns="day"))


AD = {"source": "google", "medium": "cpc", "click_id": "k1", "click_id_type": "gclid", "campaign": "<b>brand</b>"}


def app_story(number: int, value: float, *, method: str = "ip", ad: bool = True) -> list[dict[str, Any]]:
    """An ad on the web, then an install matched with it, then a login and an order in the app."""
    web, app, user = f"anon_web{number}", f"anon_app{number}", f"u{number}"
    click = {**AD, "click_id": f"k{number}"} if ad else {}
    bridge = {"web_visitor_id": web, "match_method": method, "event_name": "$web_attribution_matched"}
    return [
        {"day": 1, "anonymous_id": web, "session_id": f"w{number}", **click},
        {"day": 2, "anonymous_id": app, "session_id": f"a{number}", "sdk": "react_native", **bridge},
        {"day": 3, "anonymous_id": app, "user_id": user, "sdk": "react_native", "event_name": "$identify"},
        {
            "day": 4,
            "anonymous_id": app,
            "user_id": user,
            "sdk": "react_native",
            "event_name": "purchase",
            "value": value,
        },
    ]


def test_without_its_bridge_the_app_no_longer_finds_its_click() -> None:
    """The web visit was Leo's only by the match: without it the 9.99 has no touch at all."""
    answer = what_if(dn.load_sample("web_to_app"), without=BRIDGE, conversion="subscribe")
    moved = answer.people.iloc[0]
    assert len(answer.people) == 1
    assert (moved["person_before"], moved["person_after"]) == ("user_leo", WEB)
    assert (moved["devices"], moved["events"], moved["value"]) == (1, 2, 0.0)
    assert moved["known_from"] == pd.Timestamp("2026-09-21T17:31:04.512Z")
    assert answer.credit.to_dict("list") == {
        "channel": ["unattributed", "Paid Social"],
        "before": [0.0, 9.99],
        "after": [9.99, 0.0],
        "change": [9.99, -9.99],
    }
    order = answer.conversions.iloc[0]
    assert (order["value"], order["moved"]) == (9.99, 9.99)
    assert (order["credited_before"], order["credited_after"]) == ("Paid Social", "unattributed")
    assert (order["person_before"], order["person_after"]) == ("user_leo", "user_leo")
    summary = answer.summary.iloc[0]
    assert summary["events"] == 8
    assert summary["events_moved"] == 2
    assert (summary["people_before"], summary["people_after"], summary["people_moved"]) == (1, 2, 2)
    assert summary["credit_moved"] == 9.99
    assert answer.without["kind"].tolist() == ["bridge:ip"]


def test_taking_nothing_away_changes_nothing() -> None:
    events = dn.load_sample("web_to_app")
    answer = what_if(events, without=BRIDGE.head(0), conversion="subscribe")
    assert answer.summary["events_moved"].item() == 0
    assert answer.summary["credit_moved"].item() == 0.0
    assert answer.people.columns.tolist() == schema.names(schema.PEOPLE_MOVED)
    assert answer.conversions.columns.tolist() == schema.names(schema.CONVERSIONS_MOVED)
    assert not len(answer.people)
    assert not len(answer.conversions)


def test_several_links_are_taken_away_together() -> None:
    events = shop(*app_story(1, 10.0), *app_story(2, 20.0))
    links = dn.identity_links(events)
    answer = what_if(events, without=links[links["kind"] == "bridge:ip"], by=["source", "medium"])
    assert answer.credit["change"].tolist() == [30.0, -30.0]
    assert answer.conversions["conversion_id"].tolist() == ["e7", "e3"]
    assert answer.conversions["credited_before"].tolist() == ["google / cpc"] * 2
    assert answer.conversions["credited_after"].tolist() == ["unattributed / unattributed"] * 2


def test_links_are_ranked_by_the_money_that_hangs_on_them() -> None:
    """Bridge 2 carries the largest order, though its visit brought no ad, only a direct touch; 3 comes next."""
    events = shop(*app_story(1, 10.0), *app_story(2, 500.0, ad=False), *app_story(3, 99.0, method="email"))
    ranked = links_at_risk(events)
    assert ranked.columns.tolist() == schema.names(schema.LINKS_AT_RISK)
    assert ranked["id"].tolist() == ["anon_app2", "anon_app3", "anon_app1"]
    assert ranked["kind"].tolist() == ["bridge:ip", "bridge:email", "bridge:ip"]
    assert ranked["value_moved"].tolist() == [500.0, 99.0, 10.0]
    assert ranked["credit_moved"].tolist() == [500.0, 99.0, 10.0]
    assert ranked["events_moved"].tolist() == [1, 1, 1]
    assert ranked["people_moved"].tolist() == [2, 2, 2]
    assert links_at_risk(events, kinds=("bridge:email",))["id"].tolist() == ["anon_app3"]
    assert links_at_risk(events, kinds="bridge:email")["id"].tolist() == ["anon_app3"]
    pd.testing.assert_frame_equal(links_at_risk(events.sample(frac=1, random_state=1)), ranked)


def test_a_ranked_link_can_be_handed_to_what_if() -> None:
    events = shop(*app_story(1, 10.0), *app_story(3, 99.0))
    ranked = links_at_risk(events)
    assert what_if(events, without=ranked.head(1)).summary["value_moved"].item() == 99.0


def test_a_link_that_another_one_backs_up_moves_nothing() -> None:
    """The app was matched twice, by IP and by e-mail: without either the other still holds."""
    second = {"day": 2.5, "anonymous_id": "anon_app1", "session_id": "a1", "sdk": "react_native"}
    bridge = {"web_visitor_id": "anon_web1", "match_method": "email", "event_name": "$web_attribution_matched"}
    events = shop(*app_story(1, 10.0), second | bridge)
    ranked = links_at_risk(events)
    assert ranked["kind"].tolist() == ["bridge:email", "bridge:ip"]
    assert ranked["value_moved"].tolist() == [0.0, 0.0]
    links = dn.identity_links(events)
    both = what_if(events, without=links[links["kind"].isin(["bridge:email", "bridge:ip"])])
    assert both.summary["value_moved"].item() == 10.0


def test_a_trusted_trait_is_at_risk_too() -> None:
    """One e-mail on two users: the ad was the first one's, the order the second one's."""
    events = shop(
        {"day": 1, "anonymous_id": "a", "session_id": "s", "user_id": "u1", "event_name": "$identify",
         "traits": {"email": "kate@shop.example"}, **AD},
        {"day": 2, "anonymous_id": "b", "session_id": "t", "user_id": "u2", "event_name": "$identify",
         "traits": {"email": "Kate@shop.example"}},
        {"day": 2.01, "anonymous_id": "b", "session_id": "t", "user_id": "u2", "event_name": "purchase", "value": 40.0},
    )  # fmt: skip
    rule = dn.StitchRule(merge_on=("email",))
    assert not len(links_at_risk(events))
    ranked = links_at_risk(events, rule=rule)
    assert ranked["kind"].tolist() == ["trait:email"]
    assert ranked[["people_moved", "events_moved", "value_moved"]].iloc[0].tolist() == [2, 2, 40.0]


def test_rows_of_nobody_count_where_they_say_something() -> None:
    """A refund without any id finds its order by order_id: 30 of 50 are left to move."""
    story = app_story(1, 50.0)
    story[3]["order_id"] = "o1"
    refund = {"day": 5, "event_name": "refund", "value": 20.0, "order_id": "o1"}
    ranked = links_at_risk(shop(*story, refund, *app_story(2, 40.0)))
    assert ranked["value_moved"].tolist() == [40.0, 30.0]


def test_an_alias_of_nobody_says_who_was_seen_first() -> None:
    """The e-mail was named before u1, so the trait ties u1 to it; what_if knows the link by the same name."""
    events = shop(
        {"day": 1, "event_name": "$alias", "new_user_id": "kate@shop.example"},
        {"day": 2, "event_name": "$identify", "user_id": "u1", "traits": {"email": "kate@shop.example"}},
        {"day": 3, "event_name": "pageview", "user_id": "kate@shop.example"},
    )
    rule = dn.StitchRule(merge_on=("email",))
    ranked = links_at_risk(events, rule=rule)
    links = dn.identity_links(events, rule)
    assert ranked["kind"].tolist() == ["trait:email"]
    assert ranked["id"].tolist() == links.loc[links["kind"] == "trait:email", "id"].tolist()
    assert what_if(events, without=ranked, rule=rule).without["kind"].tolist() == ["trait:email"]


@settings(max_examples=8)
@given(found=rows(max_rows=16), policy=st.sampled_from([*POLICIES]), merge=st.booleans())
def test_the_ranking_says_of_each_link_what_what_if_says_of_it(
    found: list[dict[str, Any]], policy: str, merge: bool
) -> None:
    """Also where the links of many clusters are taken away at once, and those of one in turn."""
    events = table(found)
    rule = dn.StitchRule(policy=policy, merge_on=("email",) if merge else ())
    try:
        ranked = links_at_risk(events, rule=rule, model="linear")
    except CurrencyError:
        return
    for place in range(len(ranked)):
        alone = what_if(events, without=ranked.iloc[[place]], rule=rule, model="linear").summary.iloc[0]
        for name in ("people_moved", "events_moved", "value_moved", "credit_moved"):
            assert ranked[name].iloc[place] == pytest.approx(alone[name]), name


@settings(max_examples=8)
@given(found=rows(max_rows=16), data=st.data())
def test_credit_sums_to_the_value_of_both_sides(found: list[dict[str, Any]], data: st.DataObject) -> None:
    events = table(found)
    links = dn.identity_links(events)
    taken = links[np.array([data.draw(st.booleans()) for _ in range(len(links))], dtype=bool)]
    try:
        answer = what_if(events, without=taken, model="linear")
    except CurrencyError:
        return
    summary = answer.summary.iloc[0]
    assert answer.credit["before"].sum() == pytest.approx(summary["value_before"])
    assert answer.credit["after"].sum() == pytest.approx(summary["value_after"])
    assert summary["value_before"] == pytest.approx(dn.find_conversions(dn.stitch(events))["value"].sum())
    assert answer.people["events"].sum() == summary["events_moved"]
    if summary["conversions_before"] == summary["conversions_after"] and "order_id" not in events:
        assert summary["value_before"] == pytest.approx(summary["value_after"])


@pytest.mark.parametrize("conversion", ["purchase", ["purchase", "subscribe"], {"order": ("purchase",)}])
def test_a_mask_of_conversions_means_the_same_as_its_names(conversion: Any) -> None:
    events = shop(*app_story(1, 10.0), {"day": 9, "anonymous_id": "other"}, *app_story(2, 20.0))
    mask = (events["event_name"] == "purchase").to_numpy()
    as_named, as_mask = (links_at_risk(events, conversion=one) for one in (conversion, mask))
    pd.testing.assert_frame_equal(as_named, as_mask)
    early = dn.StitchRule(as_of="2026-01-06T00:00Z")
    links = dn.identity_links(events)
    taken = links[links["kind"] == "bridge:ip"]
    answers = [what_if(events, without=taken, conversion=one, rule=early) for one in (conversion, mask)]
    assert [answer.summary["value_moved"].item() for answer in answers] == [30.0, 30.0]


def test_events_that_are_not_normalized_are_normalized_first() -> None:
    raw = pd.DataFrame(
        {
            "timestamp": ["2026-01-01T10:00Z", "2026-01-02T10:00Z"],
            "event": ["pageview", "purchase"],
            "anonymous_id": ["anon_1", "anon_1"],
            "user_id": [None, "u1"],
            "value": [None, 5.0],
        }
    )
    gone = pd.DataFrame({"id": ["anon_1"], "other_id": ["u1"], "kind": ["event"]})
    answer = what_if(raw, without=gone)
    assert answer.people[["person_before", "person_after"]].astype(object).iloc[0].tolist() == ["u1", "anon_1"]
    assert not len(links_at_risk(raw))


@pytest.mark.parametrize("size", [0, 1])
def test_small_tables(size: int) -> None:
    events = dn.load_sample("web_to_app").head(size)
    assert links_at_risk(events).columns.tolist() == schema.names(schema.LINKS_AT_RISK)
    answer = what_if(events, without=dn.identity_links(events))
    assert answer.summary["events"].item() == size
    assert answer.summary["credit_moved"].item() == 0.0


def test_an_unknown_link_is_named() -> None:
    events = dn.load_sample("web_to_app")
    with pytest.raises(UnknownLinkError, match="they show none from 'anon_x' to 'anon_y'") as caught:
        what_if(events, without=pd.DataFrame({"id": ["anon_x"], "other_id": ["anon_y"], "kind": ["bridge:ip"]}))
    assert caught.value.links == [("anon_x", "anon_y", "bridge:ip")]
    with pytest.raises(UnknownLinkError, match="made with the same rule"):
        what_if(events, without=BRIDGE, rule=dn.StitchRule(bridges=("email",)))


def test_links_that_are_not_shown_are_left_out() -> None:
    """Of two links asked for the events show one, under a rule that follows bridges."""
    asked = pd.concat([BRIDGE, BRIDGE.assign(other_id="anon_x")])
    events = dn.load_sample("web_to_app")
    assert links_shown(asked, events, dn.StitchRule())["other_id"].tolist() == [WEB]
    assert not len(links_shown(asked, events, dn.StitchRule(bridges=())))


def test_bad_options_are_named() -> None:
    events = dn.load_sample("web_to_app")
    with pytest.raises(OptionError, match="a table with the columns id, other_id and kind"):
        what_if(events, without=pd.DataFrame({"id": ["anon_x"]}))
    with pytest.raises(OptionError, match="what_if: without='anon_x'"):
        what_if(events, without="anon_x")
    with pytest.raises(OptionError, match="one model that shares out each conversion, such as 'hybrid'"):
        what_if(events, without=BRIDGE, model=["hybrid", "linear"])
    with pytest.raises(OptionError, match="links_at_risk: kinds='alias'"):
        links_at_risk(events, kinds=("alias",))
    with pytest.raises(OptionError, match="trait:email"):
        links_at_risk(events, kinds=("trait:email",))
    with pytest.raises(OptionError, match="what_if: rule='next'"):
        what_if(events, without=BRIDGE, rule="next")


def test_a_rule_that_judges_each_event_by_its_own_time_is_refused() -> None:
    events, rule = dn.load_sample("web_to_app"), dn.StitchRule()
    object.__setattr__(rule, "as_of", "event")
    with pytest.raises(OptionError, match="every event is judged at the same time"):
        what_if(events, without=BRIDGE, rule=rule)
    with pytest.raises(OptionError, match="links_at_risk: as_of='event'"):
        links_at_risk(events, rule=rule)


def test_the_answer_reads_at_a_glance_and_escapes_what_events_say() -> None:
    events = shop(*app_story(1, 10.0))
    links = dn.identity_links(events)
    answer = what_if(events, without=links[links["kind"] == "bridge:ip"], by="campaign")
    assert repr(answer).startswith(
        "Without 1 link: 1 event of 4 with another owner, 10.00 of 10.00 credited elsewhere (1 conversion)\n"
    )
    page = answer._repr_html_()
    assert "&lt;b&gt;brand&lt;/b&gt;" in page
    assert "<b>" not in page


def test_the_events_stay_as_they_were() -> None:
    events = shop(*app_story(1, 10.0))
    before = events.copy(deep=True)
    links = dn.identity_links(events)
    what_if(events, without=links)
    links_at_risk(events)
    pd.testing.assert_frame_equal(events, before)
