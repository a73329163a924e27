"""The timeline tells a person's journey: rows by value, the figure by its traces and axis titles."""

from __future__ import annotations

import json
import re
from datetime import datetime

import numpy as np
import pandas as pd
import plotly.graph_objects as go
import plotly.io as pio
import pytest

from datalyr_notebook import errors
from datalyr_notebook.figures import journey_timeline, journey_timeline_data, theme
from datalyr_notebook.figures.layout import heading_lines
from datalyr_notebook.figures.timeline_marks import TIMELINE

PHONE = "anon_cfd09de1-6a42-40e3-a650-227788f08ae1"
DESK = "anon_ca7fc248-ad8d-450a-beb4-a13533d432fe"
PHONE_LANE, DESK_LANE = "phone · web · …f08ae1", "desktop · web · …d432fe"
OWN_MARKUP = re.compile(r'<br>|<span style="font-size: 12px">|</span>$')
"""What the package itself writes into texts."""
HOSTILE = "<script>alert(1)</script><img src=x onerror=alert(2)>$\\href{javascript:x}{y}$"

CATEGORIES = (
    *("event_name", "anonymous_id", "user_id", "session_id", "sdk", "device_type"),
    *("source", "medium", "campaign", "currency", "person_id", "person_via"),
)


def stitched(rows: list[dict[str, object]]) -> pd.DataFrame:
    """Stitched events from a few words each; a column appears only where there is data."""
    columns = ("event_id", "timestamp", "order_id", "value", "person_since", *CATEGORIES)
    usual = {"sdk": "web", "device_type": "phone", "person_via": "own"}
    table = pd.DataFrame([usual | row for row in rows], columns=[*columns])
    for column in ("timestamp", "person_since"):
        table[column] = pd.to_datetime(table[column], utc=True, format="ISO8601").dt.as_unit("us")
    table = table.assign(value=table["value"].astype("float64")).dropna(axis="columns", how="all")
    return table.astype({column: "category" for column in CATEGORIES if column in table})


def user_789() -> pd.DataFrame:
    """A Meta ad on the phone, login and purchase on the desktop, login on the phone the day after."""
    return stitched(_USER_789).assign(
        person_id=pd.Categorical(["user_789"] * 19),
        event_id=[f"e{number:02d}" for number in range(19)],
    )


def _phone(at: str, name: str, session: str, **more: object) -> dict[str, object]:
    return {"timestamp": f"2025-{at}Z", "event_name": name, "anonymous_id": PHONE, "session_id": session, **more}


def _desk(at: str, name: str, session: str, **more: object) -> dict[str, object]:
    return _phone(at, name, session, **more) | {"anonymous_id": DESK, "device_type": "desktop"}


def _server(at: str, name: str, device: str, **more: object) -> dict[str, object]:
    row = {"timestamp": f"2025-{at}Z", "event_name": name, "anonymous_id": device, "user_id": "user_789"}
    return row | {"sdk": "node", "device_type": "server", **more}


_KNOWN: dict[str, object] = {"user_id": "user_789"}
_META: dict[str, object] = {"source": "facebook", "medium": "paid_social", "campaign": "fall_launch"}
_ORDER_123: dict[str, object] = {"value": 99.99, "currency": "USD", "order_id": "ORDER123"}
_ORDER_124: dict[str, object] = {"value": 49.5, "currency": "USD", "order_id": "ORDER124"}
_REFUND: dict[str, object] = {"value": -20.0, "currency": "USD", "order_id": "ORDER123"}
_USER_789: list[dict[str, object]] = [
    _phone("09-29T10:00:00", "pageview", "s1", person_via="next", person_since="2025-10-01T09:01:01Z", **_META),
    _phone("09-29T10:02:00", "view_item", "s1"),
    _phone("09-29T10:05:00", "add_to_cart", "s1"),
    _desk("09-30T20:00:00", "pageview", "s2"),
    _desk("09-30T20:01:01", "pageview", "s2"),
    _desk("09-30T20:05:02", "$identify", "s2", **_KNOWN),
    _server("09-30T20:05:30", "$identify", DESK),
    _desk("09-30T20:06:02", "pageview", "s2", **_KNOWN),
    _desk("09-30T20:06:03", "purchase", "s2", **_KNOWN, **_ORDER_123),
    _server("09-30T20:06:51", "purchase", "anon_once1", **_ORDER_123),
    _phone("10-01T09:00:00", "pageview", "s3"),
    _phone("10-01T09:01:01", "$identify", "s3", **_KNOWN),
    _server("10-04T08:10:00", "refund", "anon_once2", **_REFUND),
    _server("10-04T09:02:00", "$identify", "anon_once3"),
    _desk("10-05T12:00:00", "pageview", "s4", **_KNOWN, source="google", medium="cpc", campaign="retarget"),
    _desk("10-05T12:10:00", "purchase", "s4", **_KNOWN, **_ORDER_124),
    _phone("10-07T18:00:00", "pageview", "s5", **_KNOWN, source="facebook", medium="cpc"),
    _phone("10-07T18:01:00", "view_item", "s5", **_KNOWN),
    _phone("10-07T18:05:00", "$app_download_click", "s5", **_KNOWN),
]


def short(*times: str, **same: object) -> pd.DataFrame:
    """Pageviews of one phone at these times."""
    rows: list[dict[str, object]] = [
        {
            "timestamp": time,
            "event_name": "pageview",
            "anonymous_id": "a1",
            "session_id": f"s{number}",
            "person_id": "u1",
        }
        | same
        for number, time in enumerate(times)
    ]
    return stitched(rows)


def strings(value: object) -> list[str]:
    """Every text of a figure, wherever it stands."""
    if isinstance(value, dict):
        return [text for one in value.values() for text in strings(one)]
    if isinstance(value, list):
        return [text for one in value for text in strings(one)]
    return [value] if isinstance(value, str) else []


def trace(figure: go.Figure, name: str) -> go.Scatter:
    """The one trace of this name."""
    (found,) = [one for one in figure.data if one.name == name]
    return found


def test_the_journey_of_user_789_row_by_row() -> None:
    rows = journey_timeline_data(user_789(), "user_789")

    assert rows["lane"].cat.categories.tolist() == [PHONE_LANE, DESK_LANE, "server"]
    drawn = rows.loc[rows["kind"] != "event", ["event_id", "lane", "kind", "label"]].to_numpy().tolist()
    assert drawn == [
        ["e00", PHONE_LANE, "touch", "Paid Social"],
        ["e03", DESK_LANE, "touch", "Direct"],
        ["e05", DESK_LANE, "identify", "user_789"],
        ["e06", "server", "identify", "user_789"],
        ["e08", DESK_LANE, "conversion", "79.99 USD"],
        ["e10", PHONE_LANE, "touch", "Direct"],
        ["e11", PHONE_LANE, "identify", "user_789"],
        ["e13", "server", "identify", "user_789"],
        ["e14", DESK_LANE, "touch", "Paid Search"],
        ["e15", DESK_LANE, "conversion", "49.50 USD"],
        ["e16", PHONE_LANE, "touch", "Paid Social"],
    ]
    plain = rows.loc[rows["kind"] == "event", "event_id"].tolist()
    assert plain == ["e01", "e02", "e04", "e07", "e09", "e12", "e17", "e18"]
    first = rows.iloc[0]
    assert (first["source"], first["medium"], first["campaign"]) == ("facebook", "paid_social", "fall_launch")
    assert (first["person_via"], first["person_since"]) == ("next", pd.Timestamp("2025-10-01T09:01:01Z"))
    assert rows["timestamp"].is_monotonic_increasing


def test_columns_and_dtypes_are_those_of_the_table() -> None:
    rows = journey_timeline_data(user_789(), "user_789")

    assert rows.columns.tolist() == [column.name for column in TIMELINE]
    told = {column.name: column.dtype for column in TIMELINE if column.dtype != "str"}
    assert {name: str(rows[name].dtype) for name in told} == told


def test_a_compressed_gap_is_short_and_its_length_is_on_the_axis() -> None:
    events = short("2025-09-01T10:00Z", "2025-09-01T10:10Z", "2025-09-03T10:40Z")

    # Two moments take 0.5 + 0.15, a gap 0.4, one moment 0.5 with the moment in its middle.
    assert journey_timeline_data(events, "u1")["x"].tolist() == pytest.approx([0.0, 0.65, 1.3])
    axis = journey_timeline(events, "u1").layout.xaxis
    assert list(zip(axis.tickvals, axis.ticktext, strict=True)) == [
        (pytest.approx(0.0), "Sep 1<br>10:00"),
        (pytest.approx(0.325), "Sep 1<br>10:05"),
        (pytest.approx(0.65), "Sep 1<br>10:10"),
        (pytest.approx(1.3), "Sep 3<br>10:40"),
        (pytest.approx(0.85), "<br><br>2 days"),
    ]
    assert axis.title.text == "Time (UTC), idle time compressed"


def test_three_hours_are_not_a_gap_and_a_microsecond_more_is() -> None:
    whole = journey_timeline(short("2025-09-01T10:00Z", "2025-09-01T13:00Z"), "u1")
    longer = journey_timeline(short("2025-09-01T10:00Z", "2025-09-01T13:00:00.000001Z"), "u1")

    assert not any("hours" in text for text in whole.layout.xaxis.ticktext)
    assert longer.layout.xaxis.ticktext[-1] == "<br><br>3 hours"


def test_ticks_carry_the_year_where_a_journey_has_two() -> None:
    figure = journey_timeline(short("2024-12-31T10:00Z", "2025-01-02T10:00Z"), "u1")

    assert figure.layout.xaxis.ticktext[:2] == ("Dec 31 2024<br>10:00", "Jan 2 2025<br>10:00")


def test_true_gaps_are_local_time_without_zone() -> None:
    events = short("2025-03-09T06:30Z", "2025-03-09T07:30Z")

    # Clocks go from 02:00 to 03:00 between the two.
    rows = journey_timeline_data(events, "u1", tz="America/New_York", gaps="true")
    assert rows["x"].tolist() == [datetime(2025, 3, 9, 1, 30), datetime(2025, 3, 9, 3, 30)]  # noqa: DTZ001
    assert rows["timestamp"].tolist() == events["timestamp"].tolist()
    axis = journey_timeline(events, "u1", tz="America/New_York", gaps="true").layout.xaxis
    assert (axis.type, axis.title.text) == ("date", "Time (America/New_York)")


def test_the_hour_that_occurs_twice_does_not_turn_the_order_round() -> None:
    # 01:30 in summer time, and 40 minutes later 01:10 in winter time.
    events = short("2025-11-02T05:30Z", "2025-11-02T06:10Z")

    rows = journey_timeline_data(events, "u1", tz="America/New_York", gaps="true")
    assert rows["x"].tolist() == [datetime(2025, 11, 2, 1, 30), datetime(2025, 11, 2, 2, 10)]  # noqa: DTZ001
    title = journey_timeline(events, "u1", tz="America/New_York", gaps="true").layout.xaxis.title.text
    assert title == "Time (America/New_York, all at UTC-4 h because clocks were set back)"
    ticks = journey_timeline(events, "u1", tz="America/New_York").layout.xaxis.ticktext
    assert ticks[0] == "Nov 2<br>01:30"
    assert ticks[-1] == "Nov 2<br>01:10"


@pytest.mark.parametrize("gaps", ["compress", "true"])
def test_the_figure_draws_the_rows_and_nothing_else(gaps: str) -> None:
    events = user_789()
    rows = journey_timeline_data(events, "user_789", gaps=gaps)
    figure = journey_timeline(events, "user_789", gaps=gaps)

    lanes = rows["lane"].cat.codes.to_numpy()
    expected = sorted(
        (kind, lane, pd.Timestamp(x).value if gaps == "true" else x)
        for kind, lane, x in zip(rows["kind"], lanes, rows["x"], strict=True)
    )
    drawn = sorted(
        (one.meta["kind"], lane, pd.Timestamp(x).value if gaps == "true" else x)
        for one in figure.data
        if one.meta
        for lane, x in zip(one.y, one.x, strict=True)
    )
    assert drawn == expected


@pytest.mark.parametrize("gaps", ["compress", "true"])
def test_traces_axes_and_symbols(gaps: str) -> None:
    figure = journey_timeline(user_789(), "user_789", gaps=gaps)

    names = [one.name for one in figure.data if one.name != "idle time"]
    touches = ["touch: Direct", "touch: Paid Social", "touch: Paid Search"]
    assert names == ["session", "identity link", "event", "identify", "conversion", *touches]
    symbols = {one.meta["kind"]: one.marker.symbol for one in figure.data if one.meta}
    assert symbols == {"event": "circle-open", "identify": "line-ns-open", "conversion": "star", "touch": "diamond"}
    assert figure.layout.yaxis.title.text == "Device"
    assert figure.layout.yaxis.ticktext == (PHONE_LANE, DESK_LANE, "server")
    assert heading_lines(figure)[0] == "Journey of user_789"
    assert [text for text in trace(figure, "conversion").text if "49.50 USD" in text]
    assert all("Direct" in text for text in trace(figure, "touch: Direct").text)


def test_a_dashed_line_with_the_user_id_joins_the_lanes() -> None:
    link = trace(journey_timeline(user_789(), "user_789"), "identity link")
    rows = journey_timeline_data(user_789(), "user_789").set_index("event_id")

    # The desktop's identify (lane 1) and the phone's (lane 0); the server's are no device.
    assert link.y == (1, 0.5, 0, None)
    assert (link.x[0], link.x[2]) == (rows.loc["e05", "x"], rows.loc["e11", "x"])
    assert (link.text, link.line.dash) == ((" ", "user_789", " ", " "), "dash")


def test_a_bridge_joins_the_app_to_the_web_device() -> None:
    events = stitched(
        [
            _phone("10-02T11:50:00", "pageview", "s1", person_id="kate"),
            {
                "timestamp": "2025-10-02T12:00:00Z",
                "event_name": "$web_attribution_matched",
                "anonymous_id": "anon_app",
                "sdk": "react_native",
                "device_type": "app",
                "person_id": "kate",
            },
        ]
    ).assign(web_visitor_id=[None, PHONE], match_method=pd.Categorical([None, "ip"]))

    link = trace(journey_timeline(events, "kate"), "identity link")
    assert (link.y, link.text) == ((0, 0.5, 1, None), (" ", "bridge: ip", " ", " "))


def links(*rows: tuple[int, str, str, str], **columns: list[str | None]) -> list[tuple[float, float, str]]:
    """The lanes that dashed lines join, and their names; rows of day, device, user and event name."""
    table = stitched(
        [
            {"timestamp": f"2025-09-{day:02}T10:00Z", "anonymous_id": device, "user_id": user, "event_name": name}
            | {"person_id": "u1"}
            for day, device, user, name in rows
        ]
    ).assign(**columns)
    drawn = [one for one in journey_timeline(table, "u1").data if one.name == "identity link"]
    return [(one.y[at], one.y[at + 2], one.text[at + 1]) for one in drawn for at in range(0, len(one.y), 4)]


def test_users_who_are_one_person_by_a_trusted_trait_or_an_alias_are_joined() -> None:
    # Three devices, each with a user of its own, and nothing else that joins them.
    apart = ((1, "a", "u1", "$identify"), (2, "b", "u2", "$identify"), (3, "c", "u3", "pageview"))
    assert links(*apart) == [(0, 1, "u1 = u2"), (1, 2, "u2 = u3")]
    alias = ((1, "a", "u1", "pageview"), (2, "b", "u2", "$alias"))
    assert links(*alias, previous_id=[None, "u1"]) == [(0, 1, "u1 = u2")]


def test_users_whose_lanes_are_joined_already_get_no_line_of_their_own() -> None:
    # u2 logs in where u1 was: the lane has both.
    one_lane = ((1, "a", "u1", "$identify"), (2, "a", "u2", "$identify"), (3, "b", "u2", "$identify"))
    assert links(*one_lane) == [(0, 1, "u2")]
    # u2 has two devices: one line from u1, one between the two.
    two_lanes = ((1, "a", "u1", "$identify"), (2, "b", "u2", "$identify"), (3, "c", "u2", "$identify"))
    assert sorted(links(*two_lanes)) == [(0, 1, "u1 = u2"), (1, 2, "u2")]


def test_names_of_other_users_are_shown_as_text() -> None:
    assert links((1, "a", "u1", "$identify"), (2, "b", "<b>$x$", "$identify")) == [(0, 1, "u1 = &lt;b&gt;&#36;x&#36;")]


def test_a_mark_without_a_label_has_a_blank_as_plotly_loses_what_follows_an_empty_text() -> None:
    figure = journey_timeline(user_789(), "user_789")
    assert not [text for one in figure.data for text in (one.text or ()) if text == ""]


def test_an_alias_names_both_users() -> None:
    rows: list[dict[str, object]] = [_phone("09-01T10:00:00", "$alias", "s1", user_id="old", person_id="new")]
    events = stitched(rows).assign(previous_id="old", new_user_id=pd.Categorical(["new"]))

    marks = journey_timeline_data(events, "new")
    assert marks.loc[marks["kind"] == "identify", "label"].tolist() == ["old → new"]


def test_a_session_is_a_bar_on_its_lane() -> None:
    bars = trace(journey_timeline(user_789(), "user_789"), "session")

    # Phone s1, desktop s2, phone s3, desktop s4, phone s5; the server makes no session.
    assert bars.y == (0, 0, None, 1, 1, None, 0, 0, None, 1, 1, None, 0, 0, None)


def test_rows_without_session_share_a_bar_up_to_half_an_hour() -> None:
    times = ("2025-09-01T10:00Z", "2025-09-01T10:30Z", "2025-09-01T11:00:01Z", "2025-09-01T11:05Z")
    bars = trace(journey_timeline(short(*times, session_id=None), "u1", gaps="true"), "session")

    assert [None if x is None else f"{x:%H:%M}" for x in bars.x] == ["10:00", "10:30", None, "11:00", "11:05", None]


def test_no_lane_is_lost() -> None:
    devices = [f"anon_{number:04d}_same_end" for number in range(80)]
    rows: list[dict[str, object]] = [
        {
            "timestamp": f"2025-09-01T10:{number % 60:02d}Z",
            "event_name": "pageview",
            "anonymous_id": device,
            "person_id": "u1",
        }
        for number, device in enumerate([*devices, None])
    ]
    lanes = journey_timeline_data(stitched(rows), "u1")["lane"]

    assert len(set(lanes)) == 81
    assert "no device" in set(lanes)
    figure = journey_timeline(stitched(rows), "u1")
    assert len(figure.layout.yaxis.ticktext) == 81
    assert len(figure.data) <= 12


def test_the_person_may_be_named_by_any_id_of_theirs() -> None:
    events = user_789()

    whole = journey_timeline_data(events, "user_789")
    pd.testing.assert_frame_equal(journey_timeline_data(events, PHONE), whole)
    numbered = short("2025-09-01T10:00Z", user_id="42")
    assert len(journey_timeline_data(numbered, 42)) == 1  # type: ignore[arg-type]


def test_events_that_are_not_stitched_are_stitched_and_that_is_said(caplog: pytest.LogCaptureFixture) -> None:
    events = pd.DataFrame(
        {
            "timestamp": ["2025-09-01T10:00Z", "2025-09-01T10:05Z"],
            "event_name": ["pageview", "$identify"],
            "anonymous_id": ["anon_a", "anon_a"],
            "user_id": [None, "u1"],
        }
    )
    with caplog.at_level("INFO", logger="datalyr_notebook"):
        rows = journey_timeline_data(events, "u1")

    assert rows["kind"].tolist() == ["touch", "identify"]
    assert "journey_timeline: these events are not stitched; stitching them with the defaults." in caplog.messages


def test_nobody_has_this_id() -> None:
    with pytest.raises(
        errors.UnknownPersonError, match="found no person, user_id or anonymous_id 'user_798'"
    ) as caught:
        journey_timeline(user_789(), "user_798")

    assert caught.value.nearest == ["user_789"]


@pytest.mark.parametrize("person", [None, float("nan"), True, [], {}, "", "\ud800", "x" * 100_000])
def test_odd_persons_are_unknown(person: object) -> None:
    with pytest.raises(errors.UnknownPersonError):
        journey_timeline_data(user_789(), person)  # type: ignore[arg-type]


def test_a_shared_device_names_its_persons() -> None:
    events = stitched(
        [
            _phone("09-01T10:00:00", "pageview", "s1", person_id="u1"),
            _phone("09-02T10:00:00", "pageview", "s2", person_id="u2"),
        ]
    )

    with pytest.raises(errors.AmbiguousPersonError, match=r"on rows of 2: 'u1', 'u2'\. Pass one of these person_ids"):
        journey_timeline(events, PHONE)


@pytest.mark.parametrize("tz", ["Mars/Olympus", "", "../etc/passwd", "Europe", None, 3, []])
def test_an_unknown_zone_says_what_a_zone_is(tz: object) -> None:
    with pytest.raises(errors.OptionError, match=r"tz=.* is not known. Use a name of the tz database, such as 'UTC'"):
        journey_timeline(user_789(), "user_789", tz=tz)  # type: ignore[arg-type]


@pytest.mark.parametrize("gaps", ["real", "", None, True, ["true"]])
def test_unknown_gaps(gaps: object) -> None:
    with pytest.raises(errors.OptionError, match="Use one of 'compress', 'true'"):
        journey_timeline_data(user_789(), "user_789", gaps=gaps)  # type: ignore[arg-type]


@pytest.mark.parametrize("gaps", ["compress", "true"])
def test_hostile_text_is_shown_not_run(gaps: str) -> None:
    said = {
        "anonymous_id": HOSTILE,
        "user_id": HOSTILE,
        "person_id": HOSTILE,
        "person_via": HOSTILE,
        "session_id": HOSTILE,
    }
    evidence = {"source": HOSTILE, "medium": HOSTILE, "campaign": HOSTILE, "currency": HOSTILE, "device_type": HOSTILE}
    rows: list[dict[str, object]] = [
        {"timestamp": "2025-09-01T10:00Z", "event_name": HOSTILE, **said, **evidence},
        {"timestamp": "2025-09-01T10:01Z", "event_name": "$identify", **said},
        {"timestamp": "2025-09-01T10:02Z", "event_name": "purchase", "value": 5.0, **said, **evidence},
        {"timestamp": "2025-09-04T10:02Z", "event_name": "$identify", **said | {"anonymous_id": "b"}},
    ]
    figure = journey_timeline(stitched(rows), HOSTILE, gaps=gaps, title=HOSTILE)

    texts = strings(json.loads(pio.to_json(figure)))
    assert any("&lt;script" in text for text in texts)
    for text in texts:
        bare = OWN_MARKUP.sub("", text)
        assert "<" not in bare
        # Between two dollar signs MathJax would typeset, links included.
        assert "$" not in bare


def test_a_name_that_breaks_displays_is_told_without_breaking_them() -> None:
    figure = journey_timeline(short("2025-09-01T10:00Z", anonymous_id="a\u202eb\x00" + "x" * 100_000), "u1")

    assert figure.layout.yaxis.ticktext == ("phone · web · …xxxxxx",)
    assert max(len(text) for text in strings(json.loads(pio.to_json(figure)))) < 1_000


def test_traits_and_addresses_are_never_shown() -> None:
    secret = {"email": "jane@example.com", "phone": "+1 555 0100"}
    events = user_789().assign(
        traits=[secret] * 19, properties=[secret] * 19, url="https://shop.example/?email=jane@example.com"
    )
    text = pio.to_json(journey_timeline(events, "user_789"))

    assert "jane@example.com" not in text
    assert "555 0100" not in text


def test_the_upload_button_is_off_and_the_global_template_untouched() -> None:
    before = pio.templates.default
    figure = journey_timeline(user_789(), "user_789")

    assert figure.layout.template.layout.modebar.remove == ("sendChartToCloud",)
    assert pio.templates.default == before


def test_one_event() -> None:
    figure = journey_timeline(short("2025-09-01T10:00Z"), "u1")

    assert [one.name for one in figure.data] == ["touch: Direct"]
    assert heading_lines(figure)[1] == "1 event, 1 lane, 1 touch, 0 conversions"


@pytest.mark.parametrize("gaps", ["compress", "true"])
def test_a_person_without_a_single_time(gaps: str) -> None:
    events = short("2025-09-01T10:00Z")
    events["timestamp"] = pd.Series([pd.NaT], dtype="datetime64[us, UTC]")

    assert journey_timeline_data(events, "u1", gaps=gaps).empty
    figure = journey_timeline(events, "u1", gaps=gaps)
    assert figure.layout.annotations[0].text == "No event of this person has a time."


def test_optional_columns_may_be_missing() -> None:
    needed = ["timestamp", "event_name", "anonymous_id", "sdk", "person_id", "person_via"]
    rows = journey_timeline_data(user_789()[needed], "user_789")

    assert rows["lane"].cat.categories.tolist()[:2] == ["web · …f08ae1", "web · …d432fe"]
    assert rows["value"].isna().all()


def test_two_currencies_are_two_labels_and_no_error() -> None:
    events = stitched(
        [
            _phone("09-01T10:00:00", "purchase", "s1", person_id="u1", value=5.0, currency="USD"),
            _phone("09-01T10:05:00", "purchase", "s1", person_id="u1", value=7.0, currency="EUR"),
        ]
    )
    rows = journey_timeline_data(events, "u1")

    assert rows.loc[rows["kind"] == "conversion", "label"].tolist() == ["5.00 USD", "7.00 EUR"]


def test_an_order_without_device_type_stands_on_the_device_of_its_client_copy() -> None:
    web = _phone("09-30T20:06:03", "purchase", "s1", person_id="user_789", **_ORDER_123)
    server = _server("09-30T20:06:00", "purchase", PHONE, person_id="user_789", **_ORDER_123)
    rows = journey_timeline_data(stitched([server, web]).drop(columns="device_type"), "user_789")

    assert rows.loc[rows["kind"] == "conversion", "lane"].tolist() == ["web · …f08ae1"]


def test_another_conversion_and_a_mask() -> None:
    events = user_789()
    is_upsell = (events["event_id"] == "e15").to_numpy()

    for conversion, expected in (("add_to_cart", ["e02"]), (is_upsell, ["e15"]), ("never", [])):
        rows = journey_timeline_data(events, "user_789", conversion=conversion)
        assert rows.loc[rows["kind"] == "conversion", "event_id"].tolist() == expected


def test_a_person_without_a_purchase_is_no_news(caplog: pytest.LogCaptureFixture) -> None:
    rows: list[dict[str, object]] = [
        _phone("09-01T10:00:00", "pageview", "s1", person_id="u1"),
        _desk("09-01T10:00:00", "purchase", "s2", person_id="u2", value=5.0),
    ]
    with caplog.at_level("INFO", logger="datalyr_notebook"):
        for conversion in ("purchase", ["purchase"], {"sale": "purchase"}, {"sale": ["purchase"]}):
            marks = journey_timeline_data(stitched(rows), "u1", conversion=conversion)
            assert marks["kind"].tolist() == ["touch"]
        assert not caplog.messages
        journey_timeline_data(stitched(rows), "u1", conversion="purchse")

    assert "no event is named 'purchse'" in caplog.messages[0]


def test_an_order_that_the_server_sent_first_stands_on_the_device_it_was_made_on() -> None:
    events = stitched(
        [
            _server("09-30T20:06:00", "purchase", "anon_once", person_id="user_789", **_ORDER_123),
            _desk("09-30T20:06:03", "purchase", "s2", person_id="user_789", **_ORDER_123),
            _server("10-05T12:10:00", "purchase", "anon_once", person_id="user_789", **_ORDER_124),
        ]
    )
    rows = journey_timeline_data(events, "user_789")

    sold = rows.loc[rows["kind"] == "conversion", ["lane", "label"]].to_numpy().tolist()
    assert sold == [[DESK_LANE, "99.99 USD"], ["server", "49.50 USD"]]


def test_shuffled_rows_give_the_same_journey_and_the_input_stays_as_it_was() -> None:
    events = user_789()
    before = events.copy(deep=True)
    rows = journey_timeline_data(events, "user_789")
    shuffled = events.sample(frac=1, random_state=3)

    again = journey_timeline_data(shuffled, "user_789")
    assert again.astype(str).to_numpy().tolist() == rows.astype(str).to_numpy().tolist()
    journey_timeline(events, "user_789")
    pd.testing.assert_frame_equal(events, before)


def test_other_people_are_not_drawn() -> None:
    other = user_789().assign(person_id=pd.Categorical(["someone"] * 19))
    both = pd.concat([user_789(), other], ignore_index=True).astype(
        {"person_id": "category", "anonymous_id": "category"}
    )

    assert len(journey_timeline_data(both, "user_789")) == 19


def test_of_too_many_events_the_ends_of_each_bucket_are_drawn_and_the_title_says_so() -> None:
    start = pd.Timestamp("2025-09-01T00:00Z")
    count = 20_000
    events = pd.DataFrame(
        {
            "timestamp": pd.Series(pd.date_range(start, periods=count, freq="1min")).dt.as_unit("us"),
            "event_name": pd.Categorical(["pageview"] * (count - 1) + ["purchase"]),
            "anonymous_id": pd.Categorical(np.where(np.arange(count) % 1_000 == 7, "rare", "often")),
            "session_id": pd.Categorical(["s"] * count),
            "sdk": pd.Categorical(["web"] * count),
            "person_id": pd.Categorical(["u1"] * count),
            "person_via": pd.Categorical(["own"] * count),
        }
    )
    rows = journey_timeline_data(events, "u1")

    assert 1_000 < len(rows) <= 5_000
    assert (rows["timestamp"].iloc[0], rows["timestamp"].iloc[-1]) == (
        events["timestamp"].iloc[0],
        events["timestamp"].iloc[-1],
    )
    assert set(rows["lane"]) == {"web · rare", "web · often"}
    assert rows["kind"].iloc[-1] == "conversion"
    heading = heading_lines(journey_timeline(events, "u1"))[0]
    assert heading == f"Journey of u1 ({len(rows):,} of 20,000 events drawn)"


def test_labels_that_would_overlap_are_moved_or_left_to_the_hover() -> None:
    times = [f"2025-09-01T10:{minute:02d}Z" for minute in range(0, 60, 2)]
    figure = journey_timeline(short(*times), "u1")
    texts, places = trace(figure, "touch: Direct").text, trace(figure, "touch: Direct").textposition

    # Four lines of labels (two above, two below), each 440 pixels wide, hold labels of 45 pixels.
    shown = [(text, place.split()[0]) for text, place in zip(texts, places, strict=True) if text.strip()]
    assert 4 < len(shown) <= 36
    assert {text for text, _ in shown} == {"Direct", "Direct<br>\u00a0", "\u00a0<br>Direct"}


def test_a_touch_names_its_source_where_the_channel_does_not() -> None:
    figure = journey_timeline(user_789(), "user_789")

    assert trace(figure, "touch: Paid Social").text == ("Paid Social · facebook", "Paid Social · facebook")
    assert trace(figure, "touch: Paid Search").text == ("Paid Search · google",)
    assert trace(figure, "touch: Direct").text == ("Direct", "Direct")


def test_a_label_keeps_off_the_line_between_two_lanes() -> None:
    sold = trace(journey_timeline(user_789(), "user_789"), "conversion")

    # The link leaves the desktop's lane upwards, right where the first order stands; nothing is near the second.
    assert sold.text == ("79.99 USD", "49.50 USD")
    assert sold.textposition == ("bottom center", "top center")


def test_a_user_who_is_identified_again_on_a_device_is_named_once() -> None:
    times = ("2025-09-01T10:00Z", "2025-09-03T10:00Z", "2025-09-05T10:00Z")
    figure = journey_timeline(short(*times, event_name="$identify", user_id="u1"), "u1")

    assert trace(figure, "identify").text == ("u1", " ", " ")


@pytest.mark.parametrize("color", [*theme.PALETTE, *theme.CHANNEL_COLORS.values(), theme.INK])
def test_every_color_holds_on_white_and_on_dark(color: str) -> None:
    # Contrast as WCAG 2 defines it.
    def luminance(code: str) -> float:
        parts = [int(code[place : place + 2], 16) / 255 for place in (1, 3, 5)]
        linear = [part / 12.92 if part <= 0.04045 else ((part + 0.055) / 1.055) ** 2.4 for part in parts]
        return 0.2126 * linear[0] + 0.7152 * linear[1] + 0.0722 * linear[2]

    assert 1.05 / (luminance(color) + 0.05) >= 3
    assert (luminance(color) + 0.05) / (luminance("#111111") + 0.05) >= 3
