"""Journeys: taken apart and put together again; and which touches a conversion looks back on, story by story."""

from __future__ import annotations

from typing import Any

import numpy as np
import pandas as pd
import pytest

import datalyr_notebook as dn
from datalyr_notebook.errors import OptionError
from datalyr_notebook.journeys.windows import Journeys
from tests.journeys.stories import DAY, GOOGLE, META, MICROSECOND, NEWS, reasons, story, told


def journeys(lengths: list[int], channels: tuple[str, ...], channel: list[int]) -> Journeys:
    places = np.arange(len(channel))
    return Journeys(
        indptr=np.append([0], np.cumsum(lengths)).astype(np.int64),
        touch=places,
        age_days=places / 10,
        channel=np.array(channel, dtype=np.int64),
        channels=channels,
        is_click=places % 2 == 0,
        is_direct=np.array([channels[code] == "Direct" for code in channel], dtype=bool),
        same_session=places % 3 == 0,
        value=np.arange(len(lengths)) * 10.0,
    )


def test_some_journeys_are_taken_with_their_touches() -> None:
    whole = journeys([2, 0, 3], ("Email", "Direct"), [0, 1, 1, 0, 0])
    part = whole.take(np.array([False, True, True]))
    assert part.lengths.tolist() == [0, 3]
    assert part.touch.tolist() == [2, 3, 4]
    assert part.value.tolist() == [10.0, 20.0]
    assert part.channel.tolist() == [1, 0, 0]


def test_others_follow_with_their_own_touches_and_channels_of_one_name() -> None:
    first, other = journeys([1], ("Email",), [0]), journeys([0, 2], ("Direct", "Email"), [0, 1])
    both = first.followed_by(other, touches=7)
    assert both.indptr.tolist() == [0, 1, 1, 3]
    assert both.touch.tolist() == [0, 7, 8]
    assert both.channels == ("Email", "Direct")
    assert both.channel.tolist() == [0, 1, 0]
    assert both.is_direct.tolist() == [False, True, False]
    assert both.value.tolist() == [0.0, 0.0, 10.0]


# What a conversion looks back on


@pytest.mark.parametrize(
    ("lookback", "kept"),
    [
        ("4D", ["1", "3", "5"]),
        (4 * DAY - MICROSECOND, ["3", "5"]),
        ("2D", ["3", "5"]),
        (2 * DAY - MICROSECOND, ["5"]),
        (MICROSECOND, ["5"]),
        (None, ["1", "3", "5"]),
        # each source by itself; what a mapping does not name has 90 days
        ({"facebook": 4 * DAY}, ["1", "3", "5"]),
        ({"facebook": 4 * DAY - MICROSECOND}, ["3", "5"]),
        ({"fb": "1D", "others": None}, ["3", "5"]),
        ({"Meta": None, "google": 2 * DAY - MICROSECOND, "others": "1D"}, ["1", "5"]),
        ({"google": "2D", "others": "1h"}, ["3", "5"]),
        ({"google": 2 * DAY - MICROSECOND, "others": "1h"}, ["5"]),
    ],
)
def test_a_touch_at_exactly_the_lookback_counts(lookback: Any, kept: list[str]) -> None:
    table = story((1, "pageview", META), (3, "pageview", GOOGLE), (5, "pageview", {}), (5, "purchase", {}))
    result = dn.attribute(table, lookback=lookback)
    assert told(result) == {"5": kept}
    gone = 3 - len(kept)
    assert reasons(result) == ({"older than the lookback of every later conversion": gone} if gone else {})


def test_platform_windows_by_source() -> None:
    """Meta 7 days, Google 90, others 30: to the day, and a day more."""
    table = story(
        (1, "pageview", GOOGLE), (61, "pageview", NEWS), (84, "pageview", META), (91, "purchase", {}),
        (92, "pageview", {}), (92, "purchase", {}),
    )  # fmt: skip
    assert told(dn.attribute(table, lookback="platform")) == {"91": ["1", "61", "84"], "92": ["92"]}


def test_touches_after_the_last_conversion_belong_to_none() -> None:
    table = story((1, "pageview", META), (2, "purchase", {}), (3, "pageview", GOOGLE))
    result = dn.attribute(table)
    assert told(result) == {"2": ["1"]}
    assert reasons(result) == {"after its person's last conversion": 1}


NEXT = story(
    (1, "pageview", META),
    (2, "purchase", {"order_id": "a"}),
    (2.0, "pageview", GOOGLE),
    (3, "pageview", NEWS),
    (4, "purchase", {"event_id": "purchase@4a", "order_id": "b"}),
    (4, "purchase", {"event_id": "purchase@4b", "order_id": "c"}),
    (5, "purchase", {"order_id": "d"}),
)
"""Purchases on day 2, two in one instant of day 4, and one on day 5 with nothing since."""


def test_every_conversion_looks_back_on_its_own() -> None:
    whole = ["1", "2.0", "3"]
    assert told(dn.attribute(NEXT)) == {"2": ["1", "2.0"], "4a": whole, "4b": whole, "5": whole}


def test_a_touch_feeds_the_next_conversion_alone() -> None:
    """Conversions of one instant share their touches; a touch at the instant of one is its own."""
    result = dn.attribute(NEXT, touches_feed="next")
    assert told(result) == {"2": ["1", "2.0"], "4a": ["3"], "4b": ["3"], "5": []}
    assert reasons(result) == {}
    short = dn.attribute(NEXT, touches_feed="next", lookback="12h")
    assert told(short) == {"2": ["2.0"], "4a": [], "4b": [], "5": []}
    assert reasons(short) == {"older than the lookback of every later conversion": 2}


def test_kinds_feed_on_each_others_touches_as_one_line() -> None:
    """Under "next" a signup takes the touches before it, and the purchase what comes after the signup."""
    table = story(
        (1, "pageview", META), (2, "signup", {}), (3, "pageview", NEWS), (4, "purchase", {}),
    )  # fmt: skip
    result = dn.attribute(table, conversion=["purchase", "signup"], touches_feed="next")
    assert told(result) == {"signup@2": ["1"], "4": ["3"]}


def test_other_people_feed_nothing() -> None:
    """The conversion before another person's first one is not theirs."""
    mine, theirs = story((1, "pageview", META), (2, "purchase", {})), story((1, "pageview", NEWS), (3, "purchase", {}))
    theirs = theirs.assign(user_id="v", anonymous_id="anon_2", event_id="v:" + theirs["event_id"])
    both = pd.concat([mine, theirs]).drop(columns=["person_id", "person_via", "person_since"])
    result = dn.attribute(dn.stitch(both), touches_feed="next")
    assert told(result) == {"2": ["1"], "v:purchase@3": ["v:pageview@1"]}


# What was known when the order came in


def test_the_seed_journey_as_it_was_known_when_the_order_came_in() -> None:
    """The phone's ad of day 1 is known to be user_789's only at the login of day 3."""
    stitched = dn.stitch(dn.load_sample("seed_journey"))
    now, then = (dn.attribute(stitched, evidence=evidence) for evidence in ("all", "at_conversion"))
    assert now.totals[["channel", "credit"]].to_numpy().tolist() == [["Paid Social", 99.99]]
    assert then.totals[["channel", "credit"]].to_numpy().tolist() == [["Direct", 99.99]]
    assert reasons(then) == reasons(now) | {"not yet known to be its person's at any conversion": 1}


def test_what_becomes_known_at_the_instant_of_the_conversion_counts() -> None:
    """The login of day 3 brings the phone's touch: a purchase of that instant has it, one a microsecond before not."""
    login = pd.Timestamp("2026-01-03T09:00Z")
    for bought, kept in ((login, ["1"]), (login - MICROSECOND, [])):
        events = pd.DataFrame(
            [
                {"event_id": "pageview@1", "timestamp": login - 2 * DAY, "event_name": "pageview",
                 "anonymous_id": "anon_phone", "sdk": "web", **META},
                {"event_id": "purchase@", "timestamp": bought, "event_name": "purchase", "user_id": "u",
                 "sdk": "node"},
                {"event_id": "login", "timestamp": login, "event_name": "$identify", "user_id": "u",
                 "anonymous_id": "anon_phone", "sdk": "web"},
            ]
        )  # fmt: skip
        result = dn.attribute(dn.stitch(events), evidence="at_conversion")
        assert told(result) == {"": kept}


# Channels in and out


def test_excluded_channels_are_gone_before_the_model_runs() -> None:
    """Without Direct the three that are left share alike, and the last of them is the last touch."""
    table = story(
        (1, "pageview", META), (2, "pageview", NEWS), (3, "pageview", {}), (4, "pageview", GOOGLE),
        (5, "pageview", {}), (5, "purchase", {"value": 30.0}),
    )  # fmt: skip
    whole = dn.attribute(table, model=["linear", "last_touch", "position_based"])
    assert told(whole) == {"5": ["1", "2", "3", "4", "5"]}
    without = dn.attribute(table, model=["linear", "last_touch", "position_based"], exclude="Direct")
    assert told(without) == {"5": ["1", "2", "4"]}
    assert reasons(without) == {"its channel is excluded": 2}
    credit = without.totals.pivot_table(index="channel", columns="model", values="credit")
    assert credit["linear"].to_dict() == pytest.approx({"Paid Social": 10, "Email": 10, "Paid Search": 10})
    assert credit["last_touch"].dropna().to_dict() == {"Paid Search": 30}
    assert credit["position_based"].to_dict() == pytest.approx({"Paid Social": 12, "Email": 6, "Paid Search": 12})
    chosen = dn.attribute(table, model="linear", include=["Paid Social", "Email"])
    assert told(chosen) == {"5": ["1", "2"]}
    assert reasons(chosen) == {"its channel is not included": 3}
    assert told(dn.attribute(table, include=["Email", "Direct"], exclude=["Direct"])) == {"5": ["2"]}


def test_a_journey_of_excluded_channels_alone_is_unattributed() -> None:
    table = story((1, "pageview", {}), (2, "purchase", {"value": 30.0}))
    result = dn.attribute(table, exclude="Direct")
    assert result.totals[["channel", "credit"]].to_numpy().tolist() == [["unattributed", 30.0]]


def test_a_path_is_transformed_behind_the_exclusion() -> None:
    table = story(
        (1, "pageview", META), (2, "pageview", NEWS), (3, "pageview", META), (4, "pageview", {}), (5, "purchase", {}),
    )  # fmt: skip
    assert told(dn.attribute(table, path="last(2)")) == {"5": ["3", "4"]}
    assert told(dn.attribute(table, path="last(2)", exclude="Direct")) == {"5": ["2", "3"]}
    result = dn.attribute(table, path=["exposure", "remove_if_last_and_not_all(Direct)"], exclude="Email")
    assert told(result) == {"5": ["1"]}
    assert reasons(result) == {
        "its channel is excluded": 1,
        "taken out of its path by exposure": 1,
        "taken out of its path by remove_if_last_and_not_all(Direct)": 1,
    }


@pytest.mark.parametrize(
    ("options", "words"),
    [
        ({"exclude": "direct"}, "attribute: exclude='direct' is not known. Use a tuple out of ('Direct', "),
        ({"include": ["Email", "Carrier Pigeon"]}, "attribute: include='Carrier Pigeon' is not known"),
        ({"exclude": 5}, "attribute: exclude=5 is not known"),
        ({"include": [None]}, "attribute: include=None is not known"),
        ({"touches_feed": "last"}, "attribute: touches_feed='last' is not known. Use one of 'every', 'next'"),
        ({"evidence": "then"}, "attribute: evidence='then' is not known. Use one of 'all', 'at_conversion'"),
        ({"refund_events": 5}, "attribute: refund_events=5 is not known. Use a tuple of texts such as ('refund',)"),
        ({"path": "shortest"}, "attribute: path='shortest' is not known"),
        ({"lookback": {"fb": 0}}, "attribute: lookback=0 is not known"),
    ],
)
def test_options_that_are_none_are_refused(options: dict[str, Any], words: str) -> None:
    with pytest.raises(OptionError) as caught:
        dn.attribute(NEXT, **options)
    assert str(caught.value).startswith(words)


def test_one_refund_event_may_be_a_text() -> None:
    table = story((1, "purchase", {"value": 30.0, "order_id": "a"}), (2, "returned", {"value": 5.0, "order_id": "a"}))
    assert dn.attribute(table, refund_events="returned").totals["credit"].tolist() == [25.0]
    assert dn.find_conversions(table, refund_events="returned")["value"].tolist() == [25.0]
