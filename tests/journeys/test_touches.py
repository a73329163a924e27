"""Visits and touches, worked by hand: live and carried evidence, idle tabs, apps, servers."""

from __future__ import annotations

from typing import Any

import pandas as pd
import pytest

import datalyr_notebook as dn
from datalyr_notebook.errors import ChannelRuleError, NotStitchedError, OptionError
from datalyr_notebook.journeys.channel_options import channel_rules
from datalyr_notebook.journeys.touches import direct_touches, touch_channels, touch_rows
from datalyr_notebook.journeys.visits import find_visits


def stitched(*rows: dict[str, Any]) -> pd.DataFrame:
    """Canonical rows of one web browser of ``u``; ``at`` is hours and minutes of 2026-01-01."""
    filled = [
        {"event_name": "pageview", "sdk": "web", "anonymous_id": "anon_1", "user_id": "u", "session_id": "s1", **row}
        for row in rows
    ]
    table = pd.DataFrame(filled)
    table["timestamp"] = pd.to_datetime("2026-01-01T" + table.pop("at") + "Z", utc=True, format="ISO8601")
    return dn.stitch(table)


def told(table: pd.DataFrame, **options: Any) -> list[tuple[str, str]]:
    touches = dn.find_touches(table, **options)
    return [
        (time.strftime("%H:%M"), source) for time, source in zip(touches["timestamp"], touches["source"], strict=True)
    ]


def test_a_visit_is_one_touch_however_often_it_says_so() -> None:
    table = stitched({"at": "09:00", "source": "google"}, {"at": "09:05", "source": "google"}, {"at": "09:06"})
    assert told(table) == [("09:00", "google")]
    assert told(table, level="event") == [("09:00", "google"), ("09:05", "google")]


def test_a_visit_without_evidence_is_one_direct_touch() -> None:
    table = stitched({"at": "09:00"}, {"at": "09:05"})
    touches = dn.find_touches(table)
    assert touches[["source", "medium", "channel"]].values.tolist() == [["direct", "none", "Direct"]]


def test_a_new_ad_in_the_middle_of_a_visit_is_a_touch_of_its_own() -> None:
    table = stitched(
        {"at": "09:00", "source": "google"}, {"at": "09:05", "source": "bing"}, {"at": "09:06", "source": "google"}
    )
    assert told(table) == [("09:00", "google"), ("09:05", "bing")]


def test_a_field_that_is_missing_makes_no_difference() -> None:
    """A click id that a consent choice stripped is no new touch; another click id is."""
    table = stitched(
        {"at": "09:00", "source": "facebook", "click_id": "k1"},
        {"at": "09:01", "source": "facebook"},
        {"at": "09:02", "source": "facebook", "click_id": "k2"},
    )
    assert told(table) == [("09:00", "facebook"), ("09:02", "facebook")]


def test_carried_evidence_is_no_signal() -> None:
    table = stitched(
        {"at": "09:00", "source": "google", "touch_is_carried": False},
        {"at": "12:00", "source": "google", "touch_is_carried": True, "session_id": "s2"},
    )
    touches = dn.find_touches(table)
    assert told(table) == [("09:00", "google"), ("12:00", "direct")]
    assert touches["medium"].tolist()[1] == "none"


def test_an_idle_tab_brings_no_touch_to_a_device_that_has_one() -> None:
    """The session starts with a purchase: its address bar is of the morning."""
    table = stitched(
        {"at": "09:00", "source": "google"},
        {"at": "15:00", "source": "google", "event_name": "purchase", "session_id": "s2"},
    )
    assert told(table) == [("09:00", "google")]


def test_after_an_idle_start_the_next_pageview_may_bring_an_ad() -> None:
    table = stitched(
        {"at": "09:00", "source": "google"},
        {"at": "15:00", "source": "google", "event_name": "purchase", "session_id": "s2"},
        {"at": "15:01", "source": "bing", "session_id": "s2"},
    )
    assert told(table) == [("09:00", "google"), ("15:01", "bing")]


def test_a_device_whose_first_session_starts_idle_is_direct() -> None:
    """Right after a reset the old address bar is nobody's ad, but the visit is a visit."""
    table = stitched({"at": "09:00", "source": "google", "event_name": "$identify"}, {"at": "09:01"})
    assert told(table) == [("09:00", "direct")]


def test_a_device_without_any_pageview_is_taken_at_its_word() -> None:
    table = stitched({"at": "09:00", "source": "google", "event_name": "signup"})
    assert told(table) == [("09:00", "google")]


def test_two_people_on_one_device_make_visits_of_their_own() -> None:
    table = stitched({"at": "09:00", "source": "google"}, {"at": "09:05", "user_id": "v"})
    touches = dn.find_touches(table)
    assert list(zip(touches["person_id"], touches["source"], strict=True)) == [("u", "google"), ("v", "direct")]


@pytest.mark.parametrize(("minutes", "visits"), [("09:30", 1), ("09:30:00.000001", 2)])
def test_without_session_ids_a_visit_ends_after_thirty_minutes(minutes: str, visits: int) -> None:
    table = stitched({"at": "09:00", "session_id": None}, {"at": minutes, "session_id": None})
    assert len(dn.find_touches(table)) == visits
    assert len(dn.find_touches(table, session_timeout="2h")) == 1


def test_an_app_session_without_evidence_is_no_touch_unless_asked_for() -> None:
    table = stitched({"at": "09:00", "sdk": "swift"})
    assert told(table) == []
    assert told(table, app_direct=True) == [("09:00", "direct")]


def test_an_app_repeats_its_deep_link_and_only_the_first_counts() -> None:
    app = {"sdk": "react_native", "source": "tiktok", "touch_key": "link|1"}
    table = stitched(
        {"at": "09:00", **app},
        {"at": "15:00", **app, "session_id": "s2"},
        {"at": "18:00", **app, "touch_key": "link|2", "session_id": "s3"},
        {"at": "21:00", **app, "event_name": "$deep_link", "session_id": "s4"},
    )
    assert told(table) == [("09:00", "tiktok"), ("18:00", "tiktok"), ("21:00", "tiktok")]


def test_an_install_with_its_own_evidence_is_a_touch_and_a_borrowed_click_is_none() -> None:
    app = {"sdk": "react_native", "source": "tiktok"}
    assert told(stitched({"at": "09:00", **app, "event_name": "app_install"})) == [("09:00", "tiktok")]
    assert told(stitched({"at": "09:00", **app, "event_name": "$web_attribution_matched"})) == []
    assert told(stitched({"at": "09:00", **app})) == []


def test_server_rows_make_no_touch() -> None:
    assert told(stitched({"at": "09:00", "sdk": "node", "source": "google"})) == []


def test_a_row_of_nobody_makes_no_touch() -> None:
    assert told(stitched({"at": "09:00", "anonymous_id": None, "user_id": None, "source": "google"})) == []


def test_touch_ids_are_event_ids_with_the_name_where_two_share_one() -> None:
    table = stitched(
        {"at": "09:00", "event_id": "e1", "source": "google"},
        {"at": "10:00", "event_id": "e2", "session_id": "s2"},
        {"at": "10:05", "event_id": "e2", "event_name": "purchase", "session_id": "s2"},
    )
    assert dn.find_touches(table)["touch_id"].tolist() == ["e1", "e2:pageview"]


def test_touches_without_event_id_are_named_by_their_content() -> None:
    rows = ({"at": "09:00", "source": "google"}, {"at": "12:00", "source": "bing", "session_id": "s2"})
    first, second = dn.find_touches(stitched(*rows))["touch_id"]
    assert first != second
    assert dn.find_touches(stitched(*rows[::-1]))["touch_id"].tolist() == [first, second]
    identical = dn.find_touches(stitched(rows[0], rows[0]), level="event")["touch_id"].tolist()
    assert len(set(identical)) == 2
    assert identical[0] == first


def test_channels_are_named_by_the_rules_asked_for() -> None:
    table = stitched(
        {"at": "09:00", "source": "google", "medium": "cpc", "campaign": "Brand", "click_id_type": "gclid"},
        {"at": "12:00", "source": "google", "medium": "cpc", "campaign": "shoes", "session_id": "s2"},
        {"at": "15:00", "session_id": "s3"},
    )
    brand = {"name": "Brand Search", "campaign": "brand", "click_id_type": ["gclid", "gbraid"], "sdk": "web"}
    assert dn.find_touches(table)["channel"].tolist() == ["Paid Search", "Paid Search", "Direct"]
    assert dn.find_touches(table, channels=[brand])["channel"].tolist() == ["Brand Search", "Paid Search", "Direct"]
    replaced = dn.find_touches(table, channels=[brand, {"name": "Unassigned"}])
    assert replaced["channel"].tolist() == ["Brand Search", "Unassigned", "Unassigned"]
    assert dn.find_touches(table.iloc[:0], channels=[brand])["channel"].tolist() == []


@pytest.mark.parametrize(
    ("channels", "channel", "direct"),
    [
        (None, ["Email", "Direct", "Direct", "Unassigned"], [False, True, True, False]),
        ([{"name": "Typed In", "source": "direct"}], ["Email", "Typed In", "Typed In", "Unassigned"], [0, 1, 1, 0]),
        ([{"name": "All"}], ["All"] * 4, [0, 1, 1, 0]),
        ([{"name": "Direct", "source": "intranet"}], ["Email", "Direct", "Direct", "Direct"], [0, 1, 1, 1]),
        ([{"name": "direct", "source": "intranet"}], ["Email", "Direct", "Direct", "direct"], [0, 1, 1, 0]),
    ],
)
def test_a_touch_is_direct_by_its_channel_or_by_its_evidence(
    channels: Any, channel: list[str], direct: list[bool]
) -> None:
    """A visit without evidence and one tagged direct stay direct, whatever name other rules give them."""
    table = stitched(
        {"at": "09:00", "source": "klaviyo", "medium": "email"},
        {"at": "11:00", "session_id": "s2"},
        {"at": "13:00", "source": "(direct)", "medium": "(not set)", "session_id": "s3"},
        {"at": "15:00", "source": "intranet", "medium": "banner-less", "session_id": "s4"},
    )
    found = touch_rows(table, find_visits(table, 30 * 60 * 10**6), level="session", app_direct=False)
    rules = channel_rules("find_touches", channels)
    named = touch_channels(table, found, rules)
    assert list(named) == channel
    assert direct_touches(table, found, named, rules).tolist() == [bool(flag) for flag in direct]


def test_bad_input_is_named() -> None:
    table = stitched({"at": "09:00"})
    with pytest.raises(NotStitchedError, match="find_touches needs stitched events"):
        dn.find_touches(table.drop(columns="person_via"))
    with pytest.raises(OptionError, match=r"level='page' is not known. Use one of 'session', 'event'"):
        dn.find_touches(table, level="page")
    with pytest.raises(ChannelRuleError, match=r"find_touches: channels\[0\] asks medium for 7, which is no condition"):
        dn.find_touches(table, channels=[{"name": "A", "medium": 7}])


def test_an_empty_table_keeps_its_columns() -> None:
    touches = dn.find_touches(stitched({"at": "09:00"}).iloc[:0])
    assert touches.columns.tolist()[:3] == ["person_id", "touch_id", "timestamp"]
    assert len(touches) == 0
