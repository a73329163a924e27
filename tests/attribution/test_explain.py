"""explain: why a conversion's credit went where it went; stories whose sentences were written by hand."""

from __future__ import annotations

from typing import Any

import numpy as np
import pandas as pd
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

import datalyr_notebook as dn
from datalyr_notebook import schema
from datalyr_notebook.attribution.explain import explain_conversion
from datalyr_notebook.errors import AmbiguousConversionError, UnknownConversionError
from tests.strategies import rows, table

HOSTILE = "<img src=x onerror=alert(1)>\u202e"
META = {"source": "facebook", "medium": "paid_social", "campaign": "fall", "click_id": "k1", "click_id_type": "fbclid"}
GOOGLE = {"source": "google", "medium": "cpc", "campaign": "brand", "click_id": "k2", "click_id_type": "gclid"}
EMAIL = {"source": "klaviyo", "medium": "email"}

SEED = """\
Purchase ORDER-1001 of 99.99 USD by user_789 on 8 Sep 2026 19:35 UTC (desktop): \
hybrid gives it to Paid Social (facebook, fall_launch), clicked 1.5 days earlier on a phone.
Touch 1 became known as this person's only after the purchase: evidence='at_conversion' would leave it out.

Why
  hybrid gives it to Paid Social: no click in the purchase's own session, so the first click in the 90 days before it.
  last_touch gives it to Direct: the last touch before it.
  linear gives Paid Social 50%, Direct 50%: the same share for every touch.
  time_decay gives Direct 53.6%, Paid Social 46.4%: shares by age: half for every 7 days that a touch is older.

Journey: 2 touches, lookback 90 days
  1. Paid Social (facebook, paid_social, fall_launch), a click on phone anon_mobile_123, 7 Sep 2026 08:41 UTC, \
1.5 days earlier
     whose: phone anon_mobile_123 was identified as user_789 by $identify on 9 Sep 2026 07:01 UTC, \
11.4 hours after the purchase. The touch goes to the next user named on the device.
     channel: Paid Social because source category is social, medium is paid (…cp…, ppc, retargeting, paid…)
     share: hybrid 100%, linear 50%, time_decay 46.4%
  2. Direct, a visit on desktop anon_desktop_456, 8 Sep 2026 19:30 UTC, 5.7 minutes earlier
     whose: desktop anon_desktop_456 was identified as user_789 by $identify on 8 Sep 2026 19:32 UTC. \
The touch goes to the user named in the same session.
     channel: Direct because the visit brought no marketing evidence
     share: last_touch 100%, linear 50%, time_decay 53.6%

Not in this journey: 1 touch of the same person
  Direct, a visit on phone anon_mobile_123, 9 Sep 2026 07:00 UTC, 11.4 hours later: after the purchase."""


def seen(
    day: float, device: str | None, user: str | None = None, name: str = "pageview", **more: Any
) -> dict[str, Any]:
    """A row on a day of January 2026; each day is a session of its own."""
    return {
        "timestamp": pd.Timestamp("2026-01-01T12:00Z") + (day - 1) * pd.Timedelta("1D"), "event_name": name,
        "anonymous_id": device, "user_id": user, "session_id": f"s{int(day)}", "sdk": "web", **more,
    }  # fmt: skip


def bought(day: float, device: str | None, user: str | None = "u", **more: Any) -> dict[str, Any]:
    return seen(day, device, user, "purchase", **{"value": 60.0, "currency": "USD", "order_id": "A1", **more})


def stitched(*given_rows: dict[str, Any], **rule: Any) -> pd.DataFrame:
    return dn.stitch(pd.DataFrame(list(given_rows)), **rule)


def explained(events: pd.DataFrame, asked: str = "A1", **options: Any) -> Any:
    return explain_conversion(dn.attribute(events, **options), asked)


def test_the_seed_journey_reads_like_an_answer() -> None:
    events = dn.stitch(dn.load_sample("seed_journey"))
    result = dn.attribute(events, model=["hybrid", "last_touch", "linear", "time_decay"])
    explanation = explain_conversion(result, "ORDER-1001")
    assert repr(explanation) == SEED
    assert explanation.models == ("hybrid", "last_touch", "linear", "time_decay")
    assert explanation.touches["same_device"].tolist() == [False, True]
    assert explanation.touches["same_session"].tolist() == [False, True]
    assert explanation.touches["person_via"].tolist() == ["next", "session"]
    assert explanation.known_later == (0,)
    assert explanation.conversion["order_id"] == "ORDER-1001"
    assert explanation.credit["credit"].sum() == pytest.approx(4 * 99.99)
    assert explanation.left_out["age_days"].round(3).tolist() == [-0.475]  # 11 hours 24 minutes 15 seconds


def test_the_tables_have_their_columns_in_their_dtypes_also_without_a_touch() -> None:
    for explanation in (
        explained(stitched(seen(1, "anon_1", **META), bought(2, "anon_1"))),
        explained(stitched(bought(1, None, sdk="node"))),
    ):
        touches = explanation.touches.iloc[:, : len(schema.EXPLAINED_TOUCHES)]
        for found, columns in (
            (touches, schema.EXPLAINED_TOUCHES),
            (explanation.left_out, schema.PASSED_OVER),
            (explanation.credit, schema.CONVERSION_CREDIT),
        ):
            assert found.dtypes.astype(str).to_dict() == schema.empty(columns).dtypes.astype(str).to_dict()
        assert list(explanation.touches.columns[len(schema.EXPLAINED_TOUCHES) :]) == ["hybrid"]
        assert list(explanation.conversion.index) == schema.names(schema.CONVERSIONS)


# How each touch came to be this person's.

LOGIN = seen(3, "anon_1", "u", "$identify", event_id="e9")
IDENTIFIED = "device anon_1 was identified as u by $identify (event e9) on 3 Jan 2026 12:00 UTC. The touch goes to the "
CHAINED = "complete since 3 Jan 2026 12:00 UTC: policy graph follows them all."
AD = seen(1, "anon_1", **META)


@pytest.mark.parametrize(
    ("events", "policy", "sentence"),
    [
        ([{**AD, "user_id": "u"}], "session", "the event itself carried user_id u."),
        ([AD, LOGIN], "session", f"{IDENTIFIED}next user named on the device."),
        ([seen(3.2, "anon_1", **META), LOGIN], "session", f"{IDENTIFIED}user named in the same session."),
        ([seen(4, "anon_1", **META), LOGIN], "previous", f"{IDENTIFIED}last user named on the device before it."),
        ([AD, LOGIN], "previous", f"{IDENTIFIED}first user named on the device."),
        ([AD, LOGIN], "last", f"{IDENTIFIED}last user named on the device."),
        ([AD, LOGIN], "strict", f"{IDENTIFIED}only user named on the device."),
        ([AD, LOGIN], "graph", f"a chain of links ties device anon_1 to u, {CHAINED}"),
    ],
)
def test_each_rule_that_brought_a_touch_in_has_its_sentence(
    events: list[dict[str, Any]], policy: str, sentence: str
) -> None:
    touches = explained(stitched(*events, bought(5, None, sdk="node"), policy=policy)).touches
    assert touches.loc[touches["campaign"] == "fall", "evidence"].tolist() == [sentence]


def test_a_device_that_nobody_is_known_on_is_its_own_person() -> None:
    assert explained(stitched(AD, bought(4, "anon_1", None))).touches["evidence"].iloc[0] == (
        "no user is known for device anon_1: the device counts as a person of its own."
    )


def test_a_purchase_that_named_the_user_is_called_so() -> None:
    assert explained(stitched(AD, bought(4, "anon_1"))).touches["evidence"].iloc[0] == (
        "device anon_1 was identified as u by the user_id on its purchase on 4 Jan 2026 12:00 UTC. "
        "The touch goes to the next user named on the device."
    )


def test_an_alias_that_made_two_users_one_is_named() -> None:
    """old_1 logs in on day 2; on day 5 an alias on another device says that old_1 is u."""
    events = stitched(
        seen(1, "anon_1", **META),
        seen(2, "anon_1", "old_1", "$identify"),
        bought(4, "anon_2"),
        seen(5, "anon_2", "u", "$alias", previous_id="old_1", event_id="e5"),
    )
    first = explained(events).touches.iloc[0]
    assert first["evidence"] == (
        "device anon_1 was identified as old_1, and an $alias (event e5) made old_1 and u one on "
        "5 Jan 2026 12:00 UTC, 1 day after the purchase. The touch goes to the next user named on the device."
    )


def test_an_alias_that_names_the_device_is_named() -> None:
    events = stitched(
        seen(1, "anon_1", **META),
        seen(2, "anon_shot", "u", "$alias", sdk="node", previous_id="anon_1", event_id="e2"),
        bought(4, "anon_2"),
    )
    assert explained(events).touches["evidence"].iloc[0] == (
        "device anon_1 is known to be u's since 2 Jan 2026 12:00 UTC, through an $alias (event e2). "
        "The touch goes to the next user named on the device."
    )


def test_a_trusted_trait_is_told_as_far_as_the_rows_tell_it() -> None:
    """User u logs in on day 3; what joins u to old_1 is the e-mail that u says on another device on day 5."""
    events = stitched(
        AD,
        seen(2, "anon_2", "old_1", "$identify", traits={"email": "kate@example.com"}),
        seen(3, "anon_1", "u", "$identify"),
        seen(3, "anon_1", "u", **GOOGLE),
        bought(4, "anon_1"),
        seen(5, "anon_3", "u", "$identify", traits={"email": "Kate@example.com"}),
        merge_on=("email",),
    )
    explanation = explained(events)
    assert explanation.touches["evidence"].iloc[0] == (
        "device anon_1 was identified as u, and an $alias or a trusted trait made u and old_1 one on "
        "5 Jan 2026 12:00 UTC, 1 day after the purchase. The touch goes to the next user named on the device."
    )
    assert explanation.touches["evidence"].iloc[-1] == (
        "the event itself carried user_id u (one person with old_1), known since 5 Jan 2026 12:00 UTC, "
        "1 day after the purchase."
    )


def test_a_bridge_is_told_with_its_other_device() -> None:
    """The browser saw the ad; nobody logged in there; the app was matched with it by e-mail, and has a login."""
    events = stitched(
        seen(1, "anon_web", device_type="desktop", **META),
        seen(2, "anon_app", None, "$web_attribution_matched", sdk="swift", device_type="phone",
             web_visitor_id="anon_web", match_method="email"),
        seen(3, "anon_app", "u", "$identify", sdk="swift", device_type="phone"),
        bought(4, "anon_app", sdk="swift", device_type="phone"),
    )  # fmt: skip
    explanation = explained(events)
    assert explanation.touches["person_via"].tolist() == ["bridge"]
    assert explanation.touches["evidence"].iloc[0] == (
        "nobody logged in on desktop anon_web: an app-to-web match by e-mail with phone anon_app makes it u's, "
        "known since 3 Jan 2026 12:00 UTC."
    )


# Why not that ad?

ADS = [
    seen(1, "anon_1", "u", **META),
    seen(20, "anon_1", "u", **GOOGLE),
    bought(25, "anon_1", order_id="A0"),
    seen(28, "anon_1", "u", **EMAIL),
    seen(29, "anon_1", "u"),
    bought(30, "anon_1"),
    seen(31, "anon_1", "u", **META),
]


@pytest.mark.parametrize(
    ("options", "reasons"),
    [
        ({}, ["after the purchase"]),
        ({"lookback": "15D"}, ["older than the lookback of 15 days", "after the purchase"]),
        (
            {"lookback": {"facebook": "7D", "others": None}},
            ["older than the lookback of 7 days for its source", "after the purchase"],
        ),
        (
            {"touches_feed": "next"},
            ["feeds an earlier conversion alone (touches_feed='next')"] * 2 + ["after the purchase"],
        ),
        ({"exclude": "Direct"}, ["its channel is excluded", "after the purchase"]),
        (
            {"include": ["Paid Social", "Direct"]},
            ["its channel is not included", "its channel is not included", "after the purchase"],
        ),
        (
            {"path": "last(1)"},
            ["taken out of its path by last(1)"] * 3 + ["after the purchase"],
        ),
    ],
)
def test_left_out_says_why_each_other_touch_does_not_count(options: dict[str, Any], reasons: list[str]) -> None:
    explanation = explained(stitched(*ADS), **options)
    assert explanation.left_out["reason"].tolist() == reasons
    assert len(explanation.touches) + len(reasons) == 5


def test_a_touch_that_was_not_known_at_the_conversion_is_left_out_where_that_is_asked() -> None:
    events = stitched(AD, bought(4, None, sdk="node"), seen(5, "anon_1", "u", "$identify"))
    explanation = explained(events, evidence="at_conversion")
    assert explanation.left_out["reason"].tolist() == ["not known to be this person's at the purchase"]
    assert explanation.unattributed == (
        "The person's only touch does not count: not known to be this person's at the purchase."
    )
    assert repr(explanation).splitlines()[0].endswith("no touch to give it to, so it stays unattributed.")
    assert explanation.credit[["channel", "weight", "credit"]].values.tolist() == [["unattributed", 1.0, 60.0]]


NO_APP_TOUCH = "no app event among 2 events brought an install's or a link's evidence of its own."


@pytest.mark.parametrize(
    ("events", "why"),
    [
        (
            [bought(1, None, sdk="node")],
            "no touch: only servers sent events of theirs (1 event), and those are no visits.",
        ),
        ([seen(1, "anon_app", "u", sdk="swift"), bought(1, "anon_app", sdk="swift")], NO_APP_TOUCH),
        (
            [{**AD, "user_id": "u"}, bought(120, "anon_app", sdk="swift")],
            "only touch does not count: older than the lookback of 90 days.",
        ),
        (
            [
                {**AD, "user_id": "u"},
                bought(120, "anon_app", sdk="swift"),
                seen(121, "anon_1", "u"),
                seen(122, "anon_1", "u"),
            ],
            "None of the person's 3 touches counts: 1 older than the lookback of 90 days, 2 after the purchase.",
        ),
    ],
)
def test_unattributed_says_why_there_is_nothing(events: list[dict[str, Any]], why: str) -> None:
    explanation = explained(stitched(*events))
    assert why in explanation.unattributed
    assert explanation.unattributed in repr(explanation)
    assert not explanation.why


# What the models say.


@pytest.mark.parametrize(
    ("events", "why"),
    [
        (
            [seen(1, "anon_1", "u", **META), seen(4, "anon_1", "u", **GOOGLE), bought(4, "anon_1")],
            "the last click in the purchase's own session",
        ),
        (
            [seen(1, "anon_1", "u", **META), seen(4, "anon_1", "u"), bought(4, "anon_1")],
            "no click in the purchase's own session, so the first click in the 90 days before it",
        ),
        (
            [seen(1, "anon_1", "u"), seen(2, "anon_1", "u", **EMAIL), bought(4, "anon_1", sdk="swift")],
            "no click in the 90 days before it, so the first touch that is not direct",
        ),
        (
            [seen(1, "anon_1", "u"), seen(2, "anon_1", "u"), bought(4, "anon_1", sdk="swift")],
            "nothing but direct touches in the 90 days before it, so the last touch before it",
        ),
        ([seen(1, "anon_1", "u"), bought(1, "anon_1")], "the only touch in the 90 days before it"),
    ],
)
def test_hybrid_tells_which_of_its_rules_decided(events: list[dict[str, Any]], why: str) -> None:
    assert explained(stitched(*events)).why == {"hybrid": why}


def test_every_kind_of_model_tells_how_it_shares() -> None:
    models = {
        "ours": dn.CustomWeights((1, 2)),
        "days": dn.TimeDecay(half_life_days=1),
        "by channel": dn.Linear(per="channel"),
        "j": "j_shaped",
        "channel": "last_click",
    }
    explanation = explained(stitched(*ADS), model=models, lookback=None)
    assert explanation.why == {
        "ours": "its own weights",
        "days": "shares by age: half for every 1 day that a touch is older",
        "by channel": "the same share for every channel",
        "j": "20% for the first touch, 60% for the last, the rest for those between",
        "channel": "the last click before it",
    }
    assert list(explanation.touches.columns[-5:]) == ["ours", "days", "by channel", "j", "channel (2)"]
    assert list(explanation.weights.columns) == list(models)
    assert explanation.weights["channel"].tolist() == [0, 1, 0, 0]


@pytest.mark.parametrize(
    ("options", "why"),
    [
        ({"exclude": "Email"}, "among the touches that count, the last touch that is not direct"),
        ({"include": "Direct"}, "among the touches that count, the only touch in the 90 days before it"),
        ({"path": "last(1)"}, "among the touches that count, the only touch in the 90 days before it"),
        ({"touches_feed": "next"}, "among the touches that count, the last touch that is not direct"),
        (
            {"lookback": {"klaviyo": "1D"}},
            "among the touches that count, the last touch that is not direct",
        ),
        ({"lookback": "36h"}, "the only touch in the 1.5 days before it"),
        ({}, "the last touch that is not direct"),
    ],
)
def test_a_reason_does_not_deny_touches_that_options_took_out(options: dict[str, Any], why: str) -> None:
    """Four touches before the purchase of day 30, the last two of day 28 (Email) and day 29 (Direct)."""
    assert explained(stitched(*ADS), model="last_non_direct", **options).why == {"last_non_direct": why}


@pytest.mark.parametrize(
    ("model", "events", "why"),
    [
        (
            "position_based",
            [seen(1, "anon_1", "u", **META), seen(2, "anon_1", "u", **GOOGLE), bought(2, "anon_1")],
            "40% for the first touch, 40% for the last, in proportion, for none stands between them",
        ),
        (
            "w_shaped",
            [seen(1, "anon_1", "u", **META), seen(2, "anon_1", "u", **GOOGLE), bought(2, "anon_1")],
            (
                "30% each for the first touch, the last before lead and the last; 10% for the rest "
                "(without a touch before lead and a rest, the others share in proportion)"
            ),
        ),
        (
            "full_path",
            [
                seen(1, "anon_1", "u", **META), seen(2, "anon_1", "u", **EMAIL), seen(2, "anon_1", "u", "lead"),
                seen(3, "anon_1", "u", "opportunity"), seen(3.1, "anon_1", "u", **GOOGLE),
                seen(4, "anon_1", "u"), bought(4.1, "anon_1"),
            ],
            (
                "22.5% each for the first touch, the last before lead, the last before opportunity and the last; "
                "10% for the rest"
            ),
        ),
    ],
)  # fmt: skip
def test_a_model_by_position_tells_what_the_journey_lacks(model: str, events: list[dict[str, Any]], why: str) -> None:
    assert explained(stitched(*events), model=model).why == {model: why}


def test_an_order_that_only_a_server_sent_is_on_no_other_device() -> None:
    touch = seen(1, "anon_1", "u", **META)
    from_server = explained(stitched(touch, bought(1.1, None, sdk="node")))
    assert "clicked 2.4 hours earlier on a device." in repr(from_server)
    from_browser = explained(stitched(touch, bought(1.1, "anon_2")))
    assert "clicked 2.4 hours earlier on another device." in repr(from_browser)


def test_a_touch_known_too_late_for_the_one_conversion_it_feeds_is_told_so() -> None:
    """The ad's device is identified between two purchases: the second knows it, but the first took the touch."""
    events = stitched(
        seen(1, "anon_1", **META),
        bought(2, "anon_2", order_id="A0"),
        seen(3, "anon_1", "u", "$identify"),
        bought(4, "anon_2"),
    )
    result = dn.attribute(events, touches_feed="next", evidence="at_conversion")
    left_out = result.left_out.set_index("reason")["count"]
    assert left_out["not yet known to be its person's at the conversion it feeds"] == 1


def test_a_total_model_shares_nothing_out_and_is_named() -> None:
    note = (
        "participation says what channels earned of all conversions together, and nothing of a single one: "
        "see result.totals."
    )
    both = explained(stitched(*ADS), model=["participation", "last_touch"])
    assert both.total_models == ("participation",)
    assert both.models == ("last_touch",)
    assert note in repr(both)
    alone = explained(stitched(*ADS), model="participation")
    assert repr(alone).splitlines()[0].endswith("4 touches led to it.")
    assert note in repr(alone)
    assert note in alone._repr_html_()
    assert not len(alone.credit)
    assert "share:" not in repr(alone)


# Which conversion.


def test_an_order_id_or_event_id_that_one_conversion_has_is_taken_as_well() -> None:
    result = dn.attribute(stitched(*[{**row, "event_id": f"e{number}"} for number, row in enumerate(ADS)]))
    assert {explain_conversion(result, asked).conversion["conversion_id"] for asked in ("e5", "A1")} == {"e5"}
    assert explain_conversion(result, "A0").conversion["conversion_id"] == "e2"


def test_an_id_that_several_have_is_refused_with_their_ids() -> None:
    events = stitched(bought(1, "anon_1", "u", event_id="e1"), bought(2, "anon_2", "v", event_id="e2"))
    with pytest.raises(AmbiguousConversionError, match=r"2 have 'A1': 'e1', 'e2'. Pass one of these") as caught:
        explained(events)
    assert caught.value.conversions == ["e1", "e2"]


@pytest.mark.parametrize(("asked", "nearest"), [("ORDER-101", "ORDER-1001"), (None, ""), (True, ""), (3.5, "")])
def test_an_id_that_none_has_is_refused_with_the_nearest(asked: Any, nearest: str) -> None:
    result = dn.attribute(dn.stitch(dn.load_sample("seed_journey")))
    with pytest.raises(
        UnknownConversionError, match="no conversion with the conversion_id, order_id or event"
    ) as caught:
        explain_conversion(result, asked)
    assert caught.value.nearest == ([nearest] if nearest else [])
    assert "result.left_out says what does not" in str(caught.value)


# What strangers wrote.


def test_hostile_text_is_escaped_and_long_ids_are_shortened_for_display_alone() -> None:
    device = f"anon_{HOSTILE}_{'x' * 80}"
    events = stitched(
        seen(1, device, device_type=HOSTILE, source=HOSTILE, medium="m", campaign=HOSTILE, click_id="k",
             click_id_type=HOSTILE),
        seen(2, device, HOSTILE, "$identify", event_id=HOSTILE),
        bought(3, device, HOSTILE, order_id=HOSTILE, currency=HOSTILE),
        seen(4, device, HOSTILE, **META),
    )  # fmt: skip
    explanation = explained(events, HOSTILE)
    for text in (page := explanation._repr_html_(), repr(explanation)):
        assert "\u202e" not in text
        assert device not in text
    assert "<img" not in page
    assert "&lt;img" in page
    assert explanation.touches["anonymous_id"].tolist() == [device]


def test_a_long_journey_shows_the_touches_that_earned_most() -> None:
    days = [seen(day, "anon_1", "u", **{**META, "campaign": f"c{day}", "click_id": f"k{day}"}) for day in range(1, 30)]
    explanation = explained(stitched(*days, bought(30, "anon_1")), model=["first_touch", "linear"])
    text = repr(explanation)
    title = "Journey: 29 touches, lookback 90 days; the 12 with the largest shares are shown, "
    assert f"\n{title}.touches has them all\n" in text
    assert "\n  1. Paid Social (facebook, paid_social, c1)" in text
    assert "\n  29. " in text
    assert "\n  18. " not in text
    assert text.count("whose: the event itself carried user_id u.\n") == 1
    assert text.count("     whose: as touch 1\n     channel: as touch 1\n") == 11
    assert len(explanation.touches) == 29
    assert explanation._repr_html_().count("<tr>") == 3 + 13  # two models and twelve touches, each under their names


def test_of_many_other_touches_the_nearest_are_shown() -> None:
    days = [seen(day, "anon_1", "u", **META) for day in range(1, 30)]
    explanation = explained(stitched(*days, bought(11, "anon_1")), lookback="1D")
    text = repr(explanation)
    title = (
        "Not in this journey: 27 touches of the same person; the 6 nearest in time are shown, .left_out has them all"
    )
    assert text.split(f"\n{title}\n")[1].count("\n") == 5
    assert len(explanation.left_out) == 27
    assert title in explanation._repr_html_()


# Laws.

OPTIONS = [
    {},
    {"lookback": "2h"},
    {"lookback": {"facebook": "1h", "google": "3h", "others": None}},
    {"touches_feed": "next"},
    {"touches_feed": "next", "lookback": {"google": "1h", "others": "3h"}, "evidence": "at_conversion"},
    {"evidence": "at_conversion"},
    {"exclude": "Direct", "path": ("exposure", "last(2)")},
    {"include": ["Direct", "Paid Search"], "path": "remove_if_not_all(Direct)", "touches_feed": "next"},
]


@settings(max_examples=15, deadline=None)
@given(
    found=rows(max_rows=12), options=st.sampled_from(OPTIONS), policy=st.sampled_from(["session", "graph", "strict"])
)
def test_journey_and_left_out_are_all_touches_of_the_person(
    found: list[dict[str, Any]], options: dict[str, Any], policy: str
) -> None:
    result = dn.attribute(dn.stitch(table(found), policy=policy), model=["hybrid", "linear"], **options)
    touches, credits_ = result.touches, result.credits
    for conversion_id in result.conversions["conversion_id"]:
        explanation = explain_conversion(result, conversion_id)
        assert explanation.left_out["reason"].notna().all()
        both = pd.concat([explanation.touches, explanation.left_out])
        theirs = touches[touches["person_id"].astype(object) == explanation.conversion["person_id"]]
        assert sorted(both["touch_id"]) == sorted(theirs["touch_id"])
        mine = credits_[(credits_["conversion_id"] == conversion_id) & (credits_["model"] == "linear")]
        earned = mine["touch_id"].dropna()
        assert explanation.touches["touch_id"].tolist() == earned.tolist()
        assert bool(explanation.unattributed) == (not len(earned))
        assert explanation.credit["weight"].sum() == pytest.approx(2)
        assert explanation.touches["evidence"].str.endswith(".").all()
        assert len(repr(explanation)) > 0
        assert len(explanation._repr_html_()) > 0


@settings(max_examples=10, deadline=None)
@given(found=rows(max_rows=10), seed=st.integers(0, 99))
def test_the_order_of_rows_changes_nothing(found: list[dict[str, Any]], seed: int) -> None:
    events = table(found)
    shuffled = events.iloc[np.random.default_rng(seed).permutation(len(events))]
    one, other = (dn.attribute(dn.stitch(each)) for each in (events, shuffled))
    for conversion_id in one.conversions["conversion_id"]:
        assert repr(explain_conversion(one, conversion_id)) == repr(explain_conversion(other, conversion_id))
