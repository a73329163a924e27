"""The journey explorer, used as an analyst uses it: set a control, read the figure, the tables and the words."""

from __future__ import annotations

import datetime as dt
import json
from pathlib import Path
from typing import Any

import ipywidgets as widgets
import numpy as np
import pandas as pd
import pytest
from plotly.callbacks import BoxSelector, InputDeviceState, Points

import datalyr_notebook as dn
from datalyr_notebook import errors
from datalyr_notebook.explorers import journey_answers
from datalyr_notebook.explorers.journey import JourneyExplorer

HOSTILE = "<img src=x onerror=alert('$1')>"
COLUMNS = ["timestamp", "event_name", "anonymous_id", "user_id", "source", "medium", "value", "order_id", "traits"]
SAM = [
    ("2026-01-01T10:00Z", "pageview", "sam_phone", None, "facebook", "paid_social", None, None, None),
    ("2026-01-01T10:05Z", "$identify", "sam_phone", "sam", None, None, None, None, {"email": "sam@example.com"}),
    ("2026-01-02T10:00Z", "pageview", "sam_desk", None, None, None, None, None, None),
    (
        "2026-01-02T10:05Z",
        "$identify",
        "sam_desk",
        "sam",
        None,
        None,
        None,
        None,
        {"plan": "pro", "deep": {"a": [1, 2]}},
    ),
    ("2026-01-02T10:10Z", "purchase", "sam_desk", "sam", None, None, 100.0, "ORDER-1", None),
]
ANN = [("2026-01-02T23:30Z", "purchase", "ann_tablet", "ann", "google", "cpc", 40.0, "ORDER-2", None)]
NOBODY = [("2026-01-03T12:00Z", "pageview", "quiet_device", None, None, None, None, None, None)]
RAW = pd.DataFrame([*SAM, *ANN, *NOBODY], columns=COLUMNS, index=[7, 7, 8, 8, 9, 9, 9])
STITCHED = dn.stitch(RAW)


@pytest.fixture
def explorer() -> JourneyExplorer:
    return JourneyExplorer(STITCHED)


def drawn(explorer: JourneyExplorer) -> int:
    """How many marks the browser is told to draw."""
    return sum(len(trace.x) for trace in explorer.figure_view.widget.data if trace.customdata is not None)


def shown(explorer: JourneyExplorer) -> tuple[str | None, str]:
    """The person of the state, and the title that the figure has."""
    return explorer.state["person"], str(explorer.figure_view.widget.layout.title.text)


def choose(explorer: JourneyExplorer, kind: str) -> int:
    """Choose the first row of a kind in the event table."""
    place = int(np.flatnonzero(explorer.data()["kind"] == kind)[0])
    explorer.event_table.chosen = place
    return place


def test_it_opens_on_the_person_worth_most(explorer: JourneyExplorer) -> None:
    assert explorer.state == journey_answers.DEFAULTS | {"person": "sam"}
    assert explorer.sentence == "sam: 5 of 5 events shown. 3 of 3 people found."
    assert [label for label, _ in explorer.person.options] == [
        "sam · 100.00 · 5 events · 2 devices",
        "ann · 40.00 · 1 event · 1 device",
        "quiet_device · 0.00 · 1 event · 1 device",
    ]
    assert drawn(explorer) == len(explorer.data()) == 5
    pd.testing.assert_frame_equal(explorer.data(), dn.figures.journey_timeline_data(STITCHED, "sam"))


@pytest.mark.parametrize(
    ("control", "value", "people"),
    [
        ("search", "ORDER-2", ["ann"]),
        ("search", "SAM@", ["sam"]),
        ("search", "_", [*["ann", "quiet_device", "sam"][2:], "ann", "quiet_device"]),
        ("converted", "no", ["quiet_device"]),
        ("cross_device", "yes", ["sam"]),
        ("cross_device", "no", ["ann", "quiet_device"]),
        ("channel", "Paid Search", ["ann"]),
        ("start", dt.date(2026, 1, 3), ["quiet_device"]),
        ("end", dt.date(2026, 1, 1), ["sam"]),
    ],
)
def test_a_filter_leaves_whom_it_asks_for_and_shows_the_first(
    explorer: JourneyExplorer, control: str, value: Any, people: list[str]
) -> None:
    getattr(explorer, control).value = value
    assert [name for _, name in explorer.person.options] == people
    person, title = shown(explorer)
    assert (person, explorer.person.value) == (people[0], people[0])
    assert person in title
    assert drawn(explorer) == len(explorer.data())
    assert explorer.answer.tables["People found"]["person"].tolist() == people


def test_a_person_who_is_found_stays(explorer: JourneyExplorer) -> None:
    explorer.person.value = "ann"
    explorer.converted.value = "yes"
    assert explorer.state["person"] == "ann"
    assert shown(explorer)[1].startswith("Journey of ann")


def test_previous_and_next_walk_through_those_found(explorer: JourneyExplorer) -> None:
    assert (explorer.previous_button.disabled, explorer.next_button.disabled) == (True, False)
    explorer.next_button.click()
    assert explorer.state["person"] == "ann"
    explorer.next_button.click()
    explorer.next_button.click()
    assert (explorer.state["person"], explorer.next_button.disabled) == ("quiet_device", True)
    explorer.previous_button.click()
    assert explorer.state["person"] == "ann"


def test_a_search_says_by_what_it_matched(explorer: JourneyExplorer) -> None:
    explorer.search.value = "example"
    assert explorer.person.options[0][0] == "sam@example.com · e-mail of sam · 100.00 · 5 events · 2 devices"
    assert explorer.answer.tables["People found"]["found by"].tolist() == ["e-mail sam@example.com"]


def test_days_are_those_of_the_time_zone_and_both_included() -> None:
    explorer = JourneyExplorer(STITCHED, tz="Europe/Berlin", state={"start": "2026-01-03", "end": "2026-01-03"})
    assert [name for _, name in explorer.person.options] == ["ann", "quiet_device"]  # 23:30 UTC is the next day there
    assert explorer.event_table.rows[0][0] == "2026-01-03 00:30:00"
    assert explorer.event_table.columns[0] == "time (Europe/Berlin)"
    assert JourneyExplorer(STITCHED, state={"start": "2026-01-03"}).state["person"] == "quiet_device"


def test_days_cut_what_is_drawn_and_the_sentence_says_so(explorer: JourneyExplorer) -> None:
    explorer.end.value = dt.date(2026, 1, 1)
    assert explorer.sentence == "sam: 2 of 5 events shown to 2026-01-01. 1 of 3 people found."
    assert explorer.data()["kind"].tolist() == ["touch", "identify"]


def test_stitching_and_idle_time_are_drawn_as_asked(explorer: JourneyExplorer) -> None:
    explorer.stitching.value = "both"
    names = [trace.name for trace in explorer.figure_view.widget.data]
    assert {"before: sam", "known only later"} <= set(names)
    explorer.gaps.value = "true"
    assert str(explorer.data()["x"].dtype) == "datetime64[us]"


@pytest.mark.parametrize("size", [49, 51])
def test_the_best_fifty_reach_the_browser_and_the_rest_is_counted(size: int) -> None:
    events = pd.DataFrame(
        {
            "timestamp": "2026-01-01T10:00Z",
            "event_name": "pageview",
            "anonymous_id": [f"device_{number:03}" for number in range(size)],
            "source": [f"source_{number:03}" for number in range(size)],
            "medium": [f"medium_{number:03}" for number in range(size)],
        }
    )
    explorer = JourneyExplorer(dn.stitch(events))
    assert len(explorer.person.options) == min(size, 50)
    more = ", the first 50 are listed" if size > 50 else ""
    assert f"{size} of {size} people found{more}." in explorer.sentence
    explorer.state = {"person": f"device_{size - 1:03}"}  # found, but not among those listed
    assert shown(explorer)[0] == f"device_{size - 1:03}"
    assert explorer.person.value == f"device_{size - 1:03}"


def test_any_channel_and_nobody_are_shown_as_such(explorer: JourneyExplorer) -> None:
    explorer.channel.value = "Paid Search"
    explorer.undo()
    assert (explorer.channel.label, explorer.channel.index, explorer.state["channel"]) == ("any", 0, None)
    explorer.channel.value = None
    assert explorer.channel.label == "any"
    explorer.state = {"search": "nobody at all"}
    assert (explorer.person.label, explorer.person.index) == ("nobody", 0)


# Choosing events.


def test_a_row_of_the_table_is_a_mark_of_the_figure(explorer: JourneyExplorer) -> None:
    place = choose(explorer, "conversion")
    marked = {
        trace.name: list(trace.selectedpoints)
        for trace in explorer.figure_view.widget.data
        if trace.selectedpoints is not None
    }
    assert {name for name, points in marked.items() if points} == {"conversion"}
    explorer.event_table.chosen = -1
    assert all(trace.selectedpoints is None for trace in explorer.figure_view.widget.data)
    assert explorer.details is None
    trace = next(trace for trace in explorer.figure_view.widget.data if trace.name == "conversion")
    trace._dispatch_on_click(Points(point_inds=[0], trace_name=trace.name, trace_index=0), InputDeviceState())
    assert explorer.event_table.chosen == explorer.chosen == place


def test_the_details_of_a_conversion_tell_credit_under_each_model(explorer: JourneyExplorer) -> None:
    choose(explorer, "conversion")
    details = explorer.details
    assert details is not None
    assert details.headline == "purchase, 2026-01-02 10:10:00 UTC"
    assert details.evidence == "Belongs to sam (person_via own): the event itself carried user_id sam."
    credit = details.credit.set_index("channel")
    assert credit["first_touch"].to_dict() == {"Paid Social": 100.0, "Direct": 0.0}
    assert credit["last_touch"].to_dict() == {"Paid Social": 0.0, "Direct": 100.0}
    assert credit["linear"].to_dict() == {"Paid Social": 50.0, "Direct": 50.0}
    assert "Paid Social" in explorer.details_view.value


def test_the_details_of_an_event_tell_whose_it_is_and_what_it_said(explorer: JourneyExplorer) -> None:
    explorer.event_table.chosen = 0
    assert explorer.details is not None
    assert explorer.details.evidence == (
        "Belongs to sam (person_via session): device sam_phone was identified as sam by $identify on 1 Jan 2026 10:05 "
        "UTC, 5 minutes after the event. The event goes to the user named in the same session."
    )
    explorer.event_table.chosen = 3
    assert explorer.details.fields.set_index("field")["value"].loc[["traits.plan", "traits.deep.a"]].tolist() == [
        "pro",
        "[1, 2]",
    ]
    assert explorer.details.remark == ""


def test_selections_are_rows_of_the_table_as_it_came() -> None:
    explorer = JourneyExplorer(RAW)
    assert explorer.selection.equals(RAW.iloc[:5])
    choose(explorer, "conversion")
    assert explorer.selection.equals(RAW.iloc[[4]])
    explorer.person.value = "ann"
    assert explorer.selection.equals(RAW.iloc[[5]])
    explorer.person.value = "sam"
    box = BoxSelector(xrange=[0, 1], yrange=[0, 1])
    for trace in explorer.figure_view.widget.data:  # as plotly tells it: trace by trace
        points = [0] if trace.name in ("identify", "conversion") else []
        trace._dispatch_on_selection(Points(point_inds=points, trace_name=trace.name), box)
    assert explorer.selection.equals(RAW.iloc[[1, 4]])
    assert "2 marks are selected" in explorer.details_view.value


# State, undo, code.


def test_undo_takes_changes_back(explorer: JourneyExplorer) -> None:
    explorer.search.value = "ann"
    explorer.stitching.value = "both"
    explorer.undo()
    explorer.undo()
    assert (explorer.search.value, *shown(explorer)[:1]) == ("", "sam")


STATES: list[dict[str, Any]] = [
    {},
    {"person": "ann", "gaps": "true"},
    {"search": "quiet", "stitching": "both"},
    {"start": "2026-01-02", "end": "2026-01-02"},
    {"end": "2026-01-01", "gaps": "true"},
    {"search": "nobody at all"},
]


@pytest.mark.parametrize("redact", [False, True, ("email", "user_id")])
@pytest.mark.parametrize("events", [RAW, STITCHED], ids=["raw", "stitched"])
@pytest.mark.parametrize("state", STATES, ids=str)
def test_the_code_makes_the_rows_and_a_state_is_restored(events: pd.DataFrame, redact: Any, state: Any) -> None:
    state = {name: one for name, one in state.items() if name != "person" or not redact}
    explorer = JourneyExplorer(events, state=state, redact=redact, tz="America/New_York")
    said: dict[str, Any] = {"events": events}
    exec(explorer.to_code(), said)
    pd.testing.assert_frame_equal(said["rows"], explorer.data())
    pd.testing.assert_frame_equal(explorer.answer.data, explorer.data())
    again = JourneyExplorer(events, state=json.loads(json.dumps(explorer.state)), redact=redact, tz="America/New_York")
    assert again.state == explorer.state
    pd.testing.assert_frame_equal(again.data(), explorer.data())


@pytest.mark.parametrize("conversion", [["purchase", "pageview"], {"order": ["purchase"]}, "lead"])
def test_what_counts_as_a_conversion_is_passed_on(conversion: Any) -> None:
    explorer = JourneyExplorer(STITCHED, conversion=conversion)
    said: dict[str, Any] = {"events": STITCHED}
    exec(explorer.to_code(), said)
    pd.testing.assert_frame_equal(said["rows"], explorer.data())
    assert ("No event counts as a conversion (lead)." in explorer.sentence) == (conversion == "lead")


def test_a_mask_is_one_of_the_table_as_it_came() -> None:
    raw = pd.concat([RAW.assign(event_id="e", event_name=HOSTILE).iloc[[0, 0]], RAW.assign(event_id=None)])
    mask = np.arange(len(raw)) == len(raw) - 1
    explorer = JourneyExplorer(raw, conversion=mask)
    assert explorer.state["person"] == "sam"  # nobody is worth anything, and sam has the most events
    explorer.state = {"person": "quiet_device"}
    assert explorer.data()["kind"].tolist() == ["touch", "conversion"]
    assert "conversion=conversion" in explorer.to_code()


@pytest.mark.parametrize(
    ("state", "error", "words"),
    [
        ({"person": "samm"}, errors.UnknownPersonError, "journeys found no person.*'samm'.*Nearest: 'sam'"),
        ({"person": 7}, errors.UnknownPersonError, "7"),
        ({"search": 7}, errors.OptionError, "search=7 is not known. Use a text"),
        ({"converted": True}, errors.OptionError, "'any', 'yes', 'no'"),
        ({"channel": "Fax"}, errors.OptionError, "'Paid Search'"),
        ({"start": "01.02.2026"}, errors.OptionError, "a day such as '2026-01-31'"),
        ({"start": "2026-02-01", "end": "2026-01-01"}, errors.OptionError, "not before start='2026-02-01'"),
        ({"gaps": "none"}, errors.OptionError, "'compress', 'true'"),
        ({"stitching": "before"}, errors.OptionError, "'after', 'both'"),
        ({"who": "sam"}, errors.OptionError, "state='who' is not known"),
    ],
)
def test_a_state_that_is_none_is_refused(state: Any, error: type[Exception], words: str) -> None:
    with pytest.raises(error, match=words):
        JourneyExplorer(STITCHED, state=state)


def test_a_state_that_is_refused_leaves_whom_was_found(explorer: JourneyExplorer) -> None:
    with pytest.raises(errors.UnknownPersonError):
        explorer.state = {"search": "ann", "person": "nobody here"}
    explorer.next_button.click()
    assert explorer.state["person"] == "ann"  # she stands behind Sam, whom the refused search did not find
    assert len(explorer.person.options) == 3


def test_the_last_day_that_there_is_has_no_day_after_it(explorer: JourneyExplorer) -> None:
    explorer.end.value = dt.date(9999, 12, 31)
    assert (explorer.state["end"], explorer.end.value) == (None, None)
    assert "Nothing has changed." in explorer.status.value


def test_a_person_may_be_named_by_any_id_of_theirs() -> None:
    assert JourneyExplorer(STITCHED, state={"person": "sam_phone"}).state["person"] == "sam"


# What there may be little of, or nothing.


def test_nobody_matches_and_the_sentence_says_which_filter_to_loosen(explorer: JourneyExplorer) -> None:
    explorer.state = {"search": "ann", "cross_device": "yes"}
    assert explorer.sentence == "0 of 3 people match. There would be 1 without search, 1 without cross_device."
    assert (explorer.state["person"], explorer.person.label, len(explorer.data())) == (None, "nobody", 0)
    assert explorer.next_button.disabled
    assert (drawn(explorer), len(explorer.selection), explorer.event_table.rows) == (0, 0, [])
    explorer.state = {"search": "ann", "cross_device": "yes", "converted": "no"}
    assert explorer.sentence.endswith("Loosen several of search, converted, cross_device.")
    explorer.undo()
    explorer.cross_device.value = "any"
    assert shown(explorer)[0] == "ann"


@pytest.mark.parametrize(
    ("events", "sentence"),
    [
        (RAW.head(0), "There are no events."),
        (
            RAW.tail(1),
            "quiet_device: 1 of 1 event shown. 1 of 1 person found. No event counts as a conversion (purchase).",
        ),
        (RAW.tail(1).assign(anonymous_id=None), "None of the 1 event has a person."),
    ],
)
def test_little_and_nothing_have_sentences(events: pd.DataFrame, sentence: str) -> None:
    explorer = JourneyExplorer(events)
    assert explorer.sentence == sentence
    assert sentence.split(".", maxsplit=1)[0] in explorer.status.value
    said: dict[str, Any] = {"events": events}
    exec(explorer.to_code(), said)
    pd.testing.assert_frame_equal(said["rows"], explorer.data())


def test_columns_that_are_not_there_are_told() -> None:
    with pytest.raises(errors.MissingColumnsError, match="timestamp"):
        JourneyExplorer(RAW.drop(columns="timestamp"))
    bare = STITCHED.drop(columns=["person_since", "traits", "order_id", "source", "medium", "value"])
    explorer = JourneyExplorer(bare)
    explorer.event_table.chosen = len(explorer.data()) - 1
    assert explorer.details is not None
    assert "Not attributed" in explorer.details_view.value
    assert "person_since" in explorer.details.evidence


def test_naive_times_numbers_as_ids_and_events_judged_one_by_one() -> None:
    naive = RAW.assign(timestamp=pd.to_datetime(RAW["timestamp"]).dt.tz_localize(None), user_id=[1, 1, 2, 2, 3, 3, 3])
    assert JourneyExplorer(naive).state["person"] == "3"
    explorer = JourneyExplorer(dn.stitch(RAW, as_of="event"))
    choose(explorer, "conversion")
    assert "Not attributed: attribute needs all rows judged by one state of knowledge" in explorer.details_view.value


def test_a_person_of_many_events_is_thinned_and_that_is_said() -> None:
    count = 8_000
    times = pd.date_range("2026-01-01", periods=count, freq="min", tz="UTC")
    robot = pd.DataFrame({"timestamp": times, "event_name": "ping", "anonymous_id": "robot", "session_id": "s"})
    explorer = JourneyExplorer(dn.stitch(robot))
    marks = len(explorer.data())
    assert marks <= 5_000
    assert explorer.sentence.startswith(f"robot: {marks:,} of 8,000 events shown.")
    assert len(explorer.event_table.rows) == 300
    assert explorer.event_table.note.startswith(f"300 of {marks:,} rows are listed.")
    explorer._on_picked([("event", marks - 1)])  # a mark beyond the rows that are listed
    assert (explorer.event_table.chosen, explorer.chosen) == (-1, marks - 1)


def test_hostile_texts_stay_texts() -> None:
    events = RAW.assign(anonymous_id=HOSTILE, user_id="'); import os #", event_name=["purchase", *[HOSTILE] * 6])
    events["traits"] = [None, {HOSTILE: {HOSTILE: HOSTILE}}, *[None] * 5]
    explorer = JourneyExplorer(events.assign(event_name=["purchase", "$identify", *[HOSTILE] * 5]))
    said: dict[str, Any] = {"events": events.assign(event_name=["purchase", "$identify", *[HOSTILE] * 5])}
    exec(explorer.to_code(), said)
    pd.testing.assert_frame_equal(said["rows"], explorer.data())
    for place in range(len(explorer.data())):
        explorer.event_table.chosen = place
        assert "<img" not in explorer.details_view.value
    explorer.foldout.selected_index = 1
    explorer.search.value = HOSTILE
    for widget in (explorer.status, explorer.code, explorer.words):
        assert "<img" not in widget.value
    bundle = explorer._repr_mimebundle_()
    shown = bundle[0] if isinstance(bundle, tuple) else bundle
    assert "<img" not in shown["text/html"]


# Masking.


def walked(widget: widgets.Widget) -> list[widgets.Widget]:
    children = getattr(widget, "children", ())
    return [widget, *(one for child in children for one in walked(child))]


def test_redact_masks_everything_that_is_shown(tmp_path: Path) -> None:
    explorer = JourneyExplorer(RAW, redact=True)
    assert explorer.state["person"] == "user 1"
    assert next(label for label, _ in explorer.person.options) == "user 1 · 100.00 · 5 events · 2 devices"
    shown_texts: list[str] = []
    for asked in ("", "sam@", "ORDER", "quiet", "nobody"):
        explorer.state = {"search": asked, "stitching": "both"}
        for index in (0, 1):
            explorer.foldout.selected_index = index
        for place in range(len(explorer.data())):
            explorer.event_table.chosen = place
            shown_texts.append(explorer.details_view.value)
        # The search field holds the analyst's own words.
        states = [widget.get_state() for widget in walked(explorer) if widget is not explorer.search]
        shown_texts += [json.dumps(one, default=str) for one in states]
        explorer.save_html(tmp_path / "journey.html")
        page = (tmp_path / "journey.html").read_text(encoding="utf-8")
        shown_texts += [page[page.index("<h1>") :], explorer.to_code(), explorer.sentence, repr(explorer)]
        shown_texts.append(json.dumps(explorer._repr_mimebundle_(), default=str))
        shown_texts.append(explorer.data().to_csv())
        shown_texts.append(json.dumps(explorer.figure_view.widget.to_plotly_json(), default=str))
    names = (
        "sam@",
        "sam_phone",
        "sam_desk",
        "ann_tablet",
        "quiet_device",
        "ORDER-1",
        "ORDER-2",
        '"pro"',
        "pro</td>",
        "'sam'",
    )
    leaked = {name for name in names for text in shown_texts if name in text}
    assert leaked == set()
    explorer.search.value = ""
    assert explorer.selection.equals(RAW.iloc[:5])


def test_masked_people_are_asked_for_by_their_numbers() -> None:
    explorer = JourneyExplorer(STITCHED, redact=True, state={"person": "user 2"})
    assert explorer.state["person"] == "user 2"
    explorer.search.value = "user 1"
    assert explorer.state["person"] == "user 1"
    choose(explorer, "conversion")
    assert explorer.details is not None
    assert explorer.details.evidence == "Belongs to user 1 (person_via own): the event itself carried user_id user 1."
    with pytest.raises(errors.UnknownPersonError, match="'user 9'"):
        explorer.state = {"person": "user 9"}


def test_people_whose_ids_are_addresses_keep_names_of_their_own() -> None:
    events = RAW.assign(user_id=[None, "sam@example.com", None, "sam@example.com", None, "ann@example.com", None])
    explorer = JourneyExplorer(events, redact=("email",))
    assert [name for _, name in explorer.person.options] == ["user 1", "user 2", "quiet_device"]
    explorer.person.value = "user 2"
    said: dict[str, Any] = {"events": events}
    exec(explorer.to_code(), said)
    pd.testing.assert_frame_equal(said["rows"], explorer.data())


def test_a_change_that_keeps_the_journey_keeps_the_figure(explorer: JourneyExplorer) -> None:
    figure = explorer.answer.figure
    traces = explorer.figure_view.widget.data
    explorer.search.value = "sa"
    assert explorer.answer.figure is figure
    assert explorer.figure_view.widget.data == traces


def test_a_double_click_lets_the_chosen_marks_go(explorer: JourneyExplorer) -> None:
    every = explorer.selection
    trace = next(one for one in explorer.figure_view.widget.data if one.customdata is not None)
    trace._dispatch_on_click(Points(point_inds=[0], trace_name=trace.name, trace_index=0), InputDeviceState())
    assert len(explorer.selection) == 1
    last = [one for one in explorer.figure_view.widget.data if one.customdata is not None][-1]
    last._dispatch_on_deselect(Points(point_inds=[]))
    pd.testing.assert_frame_equal(explorer.selection, every)
    assert explorer.details is None


def test_a_masked_person_whose_id_no_event_carries_has_the_name_of_a_device() -> None:
    events = dn.stitch(
        pd.DataFrame(
            {
                "timestamp": ["2026-01-01T10:00Z", "2026-01-02T10:00Z"],
                "event_name": ["pageview", "$alias"],
                "anonymous_id": "anon_1",
                "user_id": None,
                "new_user_id": [None, "boss@example.com"],
                "previous_id": [None, "anon_1"],
            }
        )
    )
    explorer = JourneyExplorer(events, redact=True)
    assert explorer.state["person"] == "device 1"
    assert JourneyExplorer(events, redact=True, state=explorer.state).state == explorer.state
    said: dict[str, Any] = {"events": events}
    exec(explorer.to_code(), said)
    pd.testing.assert_frame_equal(said["rows"], explorer.data())
    assert len(explorer.data()) > 0
    assert "boss" not in explorer.to_code()
