"""The trait timeline tells what was said of a person and for how long it held: rows by value, traces by look."""

from __future__ import annotations

import json
import logging

import pandas as pd
import plotly.graph_objects as go
import plotly.io as pio
import pytest

from datalyr_notebook.errors import AmbiguousPersonError, OptionError, UnknownPersonError
from datalyr_notebook.figures.layout import heading_lines
from datalyr_notebook.figures.trait_timeline import trait_timeline, trait_timeline_data
from datalyr_notebook.figures.trait_timeline_rows import TRAIT_TIMELINE
from datalyr_notebook.identity.stitching import stitch
from datalyr_notebook.loading.normalize import normalize_events

HOSTILE = "<img src=x onerror=alert(1)>$\\href{javascript:x}{y}$\u202e"


def stitched(*rows: tuple[str, str, str, object], user: str = "u1") -> pd.DataFrame:
    """Stitched events of one user from (time, event name, sdk, traits)."""
    events = pd.DataFrame(
        {
            "timestamp": pd.to_datetime([row[0] for row in rows], utc=True, format="ISO8601"),
            "event_name": [row[1] for row in rows],
            "anonymous_id": "anon_1",
            "user_id": user,
            "sdk": [row[2] for row in rows],
            "traits": pd.Series([row[3] for row in rows], dtype=object),
        }
    )
    return stitch(normalize_events(events))


def nora() -> pd.DataFrame:
    """Free, then plus by the billing server; a stale browser says free; the phone number is withdrawn."""
    return stitched(
        ("2026-06-03T10:00Z", "$identify", "web", {"plan": "free", "phone": "555"}),
        ("2026-07-10T06:00Z", "$identify", "node", {"plan": "plus"}),
        ("2026-07-12T09:00Z", "$identify", "web", {"plan": "free"}),
        ("2026-08-20T17:00Z", "$identify", "web", {"phone": None}),
        ("2026-09-20T09:00Z", "pageview", "web", None),
    )


def told(rows: pd.DataFrame) -> list[tuple[object, ...]]:
    """Lane, label, state, and from when to when it is drawn (month-day)."""
    days = [rows[name].dt.strftime("%m-%d") for name in ("x_from", "x_to")]
    return list(zip(rows["trait"], rows["label"], rows["state"], *days, strict=True))


def texts(figure: go.Figure) -> list[str]:
    """Every text of a figure that plotly renders, wherever it stands."""

    def walk(value: object) -> list[str]:
        if isinstance(value, dict):
            return [text for one in value.values() for text in walk(one)]
        if isinstance(value, list):
            return [text for one in value for text in walk(one)]
        return [value] if isinstance(value, str) else []

    return walk(json.loads(pio.to_json(figure)))


def test_each_value_is_a_bar_for_as_long_as_it_held() -> None:
    assert told(trait_timeline_data(nora(), "u1")) == [
        ("plan", "free", "replaced", "06-03", "07-10"),
        ("plan", "plus", "replaced", "07-10", "07-12"),
        ("plan", "free", "holds", "07-12", "09-20"),
        ("phone", "555", "replaced", "06-03", "08-20"),
        ("phone", "(null)", "holds", "08-20", "09-20"),
    ]


def test_a_value_that_a_trusted_source_spoke_against_never_held_and_stands_below() -> None:
    rows = trait_timeline_data(nora(), "u1", traits=["plan"], sources=["node"])
    assert told(rows) == [
        ("plan", "free", "replaced", "06-03", "07-10"),
        ("plan", "plus", "holds", "07-10", "09-20"),
        ("plan", "free", "never held", "07-12", "07-12"),
    ]
    assert rows["level"].tolist() == [0, 0, 1]


def test_the_values_of_a_list_stand_below_one_another() -> None:
    events = stitched(
        ("2026-06-01T10:00Z", "$identify", "web", {"sport": "run", "city": "Kiel"}),
        ("2026-06-02T10:00Z", "$identify", "web", {"sport": "ski"}),
    )
    rows = trait_timeline_data(events, "u1", rules={"sport": "list"})
    assert rows["level"].tolist() == [0, 1, 0]
    # The lane of the city begins below both lines of the sport's, with a gap between.
    assert rows["y"].tolist() == [0, 1, 2.45]


def test_the_rows_have_their_columns_and_dtypes_also_when_nothing_was_said() -> None:
    none = trait_timeline_data(stitched(("2026-06-03T10:00Z", "pageview", "web", None)), "u1")
    for rows in (trait_timeline_data(nora(), "u1"), none):
        assert rows.columns.tolist() == [column.name for column in TRAIT_TIMELINE]
        for column in TRAIT_TIMELINE:
            allowed = {"str", "object"} if column.dtype == "str" else {column.dtype}
            assert str(rows.dtypes[column.name]) in allowed
    figure = trait_timeline(nora(), "u1", traits=["shoe_size"])
    assert figure.layout.annotations[0].text == "No call said any of these traits."
    assert figure.layout.yaxis.ticktext == ("shoe_size",)


def test_local_time_is_drawn_without_zone_and_utc_stays_in_the_rows() -> None:
    rows = trait_timeline_data(nora(), "u1", tz="America/New_York")
    assert rows["x_from"].iloc[0] == pd.Timestamp("2026-06-03T06:00")
    assert rows["valid_from"].iloc[0] == pd.Timestamp("2026-06-03T10:00Z")
    figure = trait_timeline(nora(), "u1", tz="America/New_York")
    assert figure.layout.xaxis.title.text == "Time (America/New_York)"
    assert all("T10:00" not in str(base) and "+00:00" not in str(base) for base in figure.data[0].base)


def test_where_clocks_are_set_back_the_order_stays() -> None:
    events = stitched(
        ("2026-10-25T00:30Z", "$identify", "web", {"plan": "a"}),
        ("2026-10-25T01:10Z", "$identify", "web", {"plan": "b"}),
        ("2026-10-25T01:40Z", "pageview", "web", None),
    )
    rows = trait_timeline_data(events, "u1", tz="Europe/Berlin")
    assert rows["x_from"].tolist() == [pd.Timestamp("2026-10-25T02:30"), pd.Timestamp("2026-10-25T03:10")]
    title = trait_timeline(events, "u1", tz="Europe/Berlin").layout.xaxis.title.text
    assert title == "Time (Europe/Berlin, all at UTC+2 h because clocks were set back)"


def test_the_three_states_differ_by_more_than_color() -> None:
    figure = trait_timeline(nora(), "u1", sources=["node"])
    bars = {trace.name: trace for trace in figure.data if trace.type == "bar"}
    marks = {trace.name: trace for trace in figure.data if trace.type == "scatter"}
    assert bars["replaced"].marker.color == "rgba(0, 0, 0, 0)"
    assert bars["holds"].marker.color.startswith("#")
    assert {name: trace.marker.symbol for name, trace in marks.items()} == {
        "holds": "triangle-right",
        "never held": "x-thin",
    }
    # Milliseconds from June 3, 10:00 to July 10, 06:00; text where there is room, hidden where there is none.
    assert bars["replaced"].x[0] == (36 * 24 + 20) * 3_600_000
    assert tuple(bars["replaced"].text) == ("free", "555")
    assert tuple(marks["never held"].text) == ("free",)
    assert figure.layout.uniformtext.mode == "hide"
    assert heading_lines(figure)[0] == "Traits of u1"
    assert heading_lines(figure)[1] == "values: 5, traits: 2"
    assert figure.layout.template.layout.modebar.remove == ("sendChartToCloud",)


def test_a_label_too_wide_for_its_bar_stands_behind_the_arrow_and_has_room() -> None:
    events = stitched(
        ("2026-06-01T10:00Z", "$identify", "web", {"plan": "free"}),
        ("2026-06-30T10:00Z", "$identify", "web", {"plan": "a plan with a long name"}),
        ("2026-07-01T10:00Z", "pageview", "web", None),
    )
    figure = trait_timeline(events, "u1")
    (bar,) = [trace for trace in figure.data if trace.type == "bar" and trace.name == "holds"]
    (arrow,) = [trace for trace in figure.data if trace.type == "scatter"]
    assert [*bar.text, *arrow.text] == ["", "a plan with a long name"]
    low, high = (pd.Timestamp(one) for one in figure.layout.xaxis.range)
    # 23 characters of 6.2 pixels and their surroundings take 166 of the 440 pixels that a narrow figure has.
    assert (high - pd.Timestamp("2026-07-01T10:00")) / (high - low) >= 166 / 440


def test_of_crosses_that_stand_close_only_the_first_is_labeled() -> None:
    events = stitched(
        ("2026-06-01T10:00Z", "$identify", "node", {"plan": "plus"}),
        ("2026-06-20T10:00Z", "$identify", "web", {"plan": "free"}),
        ("2026-06-20T12:00Z", "$identify", "web", {"plan": "none"}),
        ("2026-07-01T10:00Z", "pageview", "web", None),
    )
    (crosses,) = [one for one in trait_timeline(events, "u1", sources=["node"]).data if one.name == "never held"]
    assert tuple(crosses.text) == ("free", " ")
    assert "none" in crosses.hovertext[1]


def test_hostile_texts_are_shown_as_they_are() -> None:
    events = stitched(("2026-06-03T10:00Z", "$identify", "web", {HOSTILE: HOSTILE, "deep": {HOSTILE: [HOSTILE]}}))
    shown = texts(trait_timeline(events, "u1", title=HOSTILE))
    assert any("&lt;img" in text for text in shown)
    assert not [text for text in shown if "<img" in text or "$" in text.replace("&#36;", "") or "\u202e" in text]
    plain = trait_timeline_data(events, "u1")["label"].iloc[0]
    assert plain.startswith("<img src=x")


@pytest.mark.parametrize("person", ["u1", "anon_1"])
def test_a_person_is_found_by_any_id(person: str) -> None:
    assert len(trait_timeline_data(nora(), person)) == 5


def test_a_person_nobody_is_and_an_option_that_is_none_are_refused() -> None:
    with pytest.raises(UnknownPersonError, match=r"trait_timeline found no person, .* 'anon_2'.* Nearest: 'anon_1'"):
        trait_timeline(nora(), "anon_2")
    both = nora().assign(person_id=pd.Categorical(["u1", "u1", "u1", "u1", "u9"]))
    with pytest.raises(AmbiguousPersonError):
        trait_timeline(both, "anon_1")
    with pytest.raises(OptionError, match="trait_timeline: tz='Mars'"):
        trait_timeline(nora(), "u1", tz="Mars")
    with pytest.raises(OptionError, match="trait_timeline: traits='plan'"):
        trait_timeline(nora(), "u1", traits="plan")
    with pytest.raises(OptionError, match=r"rules\['plan'\]='newest'"):
        trait_timeline(nora(), "u1", rules={"plan": "newest"})


def test_events_that_are_not_stitched_are_stitched_and_that_is_said(caplog: pytest.LogCaptureFixture) -> None:
    plain = nora().drop(columns=["person_id", "person_via", "person_since"])
    with caplog.at_level(logging.INFO, logger="datalyr_notebook"):
        assert len(trait_timeline_data(plain, "u1")) == 5
    assert "trait_timeline: these events are not stitched" in caplog.text


def test_of_too_many_traits_and_values_some_are_drawn_and_the_title_says_so() -> None:
    many = stitched(("2026-06-03T10:00Z", "$identify", "web", {f"t{number:03d}": number for number in range(60)}))
    figure = trait_timeline(many, "u1")
    assert len(figure.layout.yaxis.ticktext) == 40
    assert heading_lines(figure)[1] == "values: 40, traits: 40 (of 60 values of 60 traits said)"
    calls = [
        (str(pd.Timestamp("2026-06-03T10:00Z") + pd.Timedelta(number, "min")), "$identify", "web", {"page": number})
        for number in range(2_100)
    ]
    rows = trait_timeline_data(stitched(*calls), "u1")
    assert (len(rows), rows["value"].iloc[0], rows["value"].iloc[-1]) == (2_000, 100, 2_099)


def test_shuffled_rows_give_the_same_picture_and_the_input_stays_as_it_was() -> None:
    events = nora()
    before = events.copy(deep=True)
    one, other = (trait_timeline_data(table, "u1") for table in (events, events.sample(frac=1, random_state=2)))
    assert one.astype(str).to_numpy().tolist() == other.astype(str).to_numpy().tolist()
    trait_timeline(events, "u1")
    pd.testing.assert_frame_equal(events, before)
