"""A person's identity graph: rows by value, places without chance, the figure by its traces."""

from __future__ import annotations

import json
from typing import Any

import numpy as np
import pandas as pd
import plotly.graph_objects as go
import plotly.io as pio
import pytest
from hypothesis import given, settings
from hypothesis import strategies as some

from datalyr_notebook import schema
from datalyr_notebook.errors import AmbiguousPersonError, OptionError, UnknownPersonError
from datalyr_notebook.figures.identity_graph import identity_graph, identity_graph_data
from datalyr_notebook.figures.identity_graph_layout import Place, place_nodes, route_links
from datalyr_notebook.figures.identity_graph_rows import IDENTITY_GRAPH
from datalyr_notebook.figures.identity_graph_traces import LINK_STYLES
from datalyr_notebook.figures.layout import heading_lines
from datalyr_notebook.identity.stitching import StitchRule, stitch
from tests.contrast import DARK, WHITE, contrast
from tests.figures.test_timeline import strings

HOSTILE = "<script>alert(1)</script>$\\href{javascript:x}{y}$\u202e"


def events(*rows: tuple[int, str | None, str | None, str], **columns: list[Any]) -> pd.DataFrame:
    """Rows of day, device, user and event name."""
    return pd.DataFrame(
        {
            "timestamp": [pd.Timestamp(f"2026-01-{row[0]:02}T12:00Z") for row in rows],
            "anonymous_id": [row[1] for row in rows],
            "user_id": [row[2] for row in rows],
            "event_name": [row[3] for row in rows],
            "sdk": "web",
            **columns,
        }
    )


TABLET = events(
    (1, "anon_phone", "u1", "$identify"),
    (2, "anon_phone", "u1", "pageview"),
    (3, "anon_tablet", "u1", "$identify"),
    (4, "anon_tablet", "u2", "$identify"),
    (5, "anon_two", "u2", "$identify"),
)
BRIDGED = events(
    (1, "anon_web", None, "pageview"),
    (2, "anon_app", None, "$web_attribution_matched"),
    (3, "anon_app", "kate", "$identify"),
    web_visitor_id=[None, "anon_web", None],
    match_method=[None, "ip", None],
).assign(sdk=["web", "react_native", "react_native"])

APPS = events(
    (1, "web1", None, "pageview"),
    (2, "app0", None, "$web_attribution_matched"),
    (3, "app0", None, "$web_attribution_matched"),
    (4, "app1", None, "$web_attribution_matched"),
    (5, "app1", None, "$web_attribution_matched"),
    (6, "app1", "u1", "$identify"),
    web_visitor_id=[None, "web1", "web1", "web1", "web1", None],
    match_method=[None, "ip", "email", "ip", "email", None],
)
"""Two apps, both matched with one browser by IP and by e-mail; all four ids stand in one row."""


def lines(figure: go.Figure, name: str) -> list[list[tuple[float, float]]]:
    """The points of each link of one kind."""
    found: list[list[tuple[float, float]]] = [[]]
    for x, y in zip(trace(figure, name).x, trace(figure, name).y, strict=True):
        if x is None:
            found.append([])
        else:
            found[-1].append((x, y))
    return found[:-1]


def nearest(line: list[tuple[float, float]], places: list[tuple[float, float]], scale: tuple[float, float]) -> float:
    """Pixels from a link to the nearest node it does not end at."""
    points = np.array(line) * scale
    along = np.arange(0, len(points) - 1, 1 / 20)
    drawn = np.column_stack([np.interp(along, np.arange(len(points)), axis) for axis in points.T])
    others = [np.array(place) * scale for place in places if place not in (line[0], line[-1])]
    return min((float(np.hypot(*(drawn - other).T).min()) for other in others), default=np.inf)


def nodes(rows: pd.DataFrame) -> list[list[Any]]:
    found: list[list[Any]] = rows.loc[
        rows["part"] == "node", ["kind", "role", "id", "persons", "events"]
    ].values.tolist()
    return found


def links(rows: pd.DataFrame) -> list[list[Any]]:
    found: list[list[Any]] = rows.loc[rows["part"] == "link", ["id", "kind", "other_id", "events"]].values.tolist()
    return found


def trace(figure: go.Figure, name: str) -> go.Scatter:
    (found,) = [one for one in figure.data if one.name == name]
    return found


def test_a_shared_tablet_stands_between_its_persons() -> None:
    rows = identity_graph_data(stitch(TABLET), "u1")
    assert nodes(rows) == [
        ["device", "own", "anon_phone", 1, 2],
        ["user", "own", "u1", 1, 3],
        ["device", "shared", "anon_tablet", 2, 1],
        ["user", "other", "u2", 1, 1],
    ]
    assert rows.loc[rows["part"] == "node", "x"].tolist() == [0.0, 1.0, 2.0, 3.0]
    assert links(rows) == [
        ["anon_phone", "identify", "u1", 1],
        ["anon_phone", "event", "u1", 1],
        ["anon_tablet", "identify", "u1", 1],
        ["anon_tablet", "identify", "u2", 1],
    ]
    assert rows.loc[0, ["first_seen", "last_seen"]].tolist() == [
        pd.Timestamp("2026-01-01T12:00Z"),
        pd.Timestamp("2026-01-02T12:00Z"),
    ]


def test_what_only_a_bridge_ties_stands_outside() -> None:
    rows = identity_graph_data(stitch(BRIDGED), "kate")
    assert [row[2] for row in nodes(rows)] == ["anon_web", "anon_app", "kate"]
    assert links(rows)[0] == ["anon_app", "bridge:ip", "anon_web", 1]
    assert trace(identity_graph(stitch(BRIDGED), "kate"), "bridge:ip").line.dash == "dot"


def test_a_link_bends_around_the_ids_it_does_not_end_at() -> None:
    figure = identity_graph(stitch(APPS), "u1")
    by_email, by_ip = lines(figure, "bridge:email"), lines(figure, "bridge:ip")
    # In columns: web1, app1, u1, app0. One bend is 0.16 rows; the way to app0 needs two, and its twin three.
    assert [(line[0], line[-1], max(y for _, y in line)) for line in (*by_email, *by_ip)] == [
        ((3, 0), (0, 0), pytest.approx(0.32)),
        ((1, 0), (0, 0), 0),
        ((3, 0), (0, 0), pytest.approx(0.48)),
        ((1, 0), (0, 0), pytest.approx(0.16)),
    ]
    low, high = figure.layout.yaxis.range
    assert low < 0
    assert high > 0.48


@pytest.mark.parametrize("width", [700, 1400])
def test_no_link_touches_a_marker_in_passing(width: int) -> None:
    shared = pd.concat([APPS, events((7, "app0", "u1", "$identify"), (8, "app0", "u2", "$identify"))])
    for table in (APPS, shared, TABLET, BRIDGED):
        rows = identity_graph_data(stitch(table), str(table["user_id"].dropna().iloc[0]))
        figure = identity_graph(stitch(table), str(table["user_id"].dropna().iloc[0]))
        places = list(rows.loc[rows["part"] == "node", ["x", "y"]].itertuples(index=False, name=None))
        scale = ((width - 40) / float(np.ptp(figure.layout.xaxis.range)), 74)
        drawn = [line for kind in set(rows.loc[rows["part"] == "link", "kind"]) for line in lines(figure, kind)]
        assert len(drawn) == (rows["part"] == "link").sum()
        # The largest marker has a radius of 12 pixels with its outline.
        assert min(nearest(line, places, scale) for line in drawn) > 12


@settings(max_examples=40)
@given(some.integers(2, 6), some.data())
def test_links_within_a_row_pass_all_its_nodes_and_links_of_one_pair_differ(count: int, data: some.DataObject) -> None:
    names = [f"n{number}" for number in range(count)]
    pairs = some.tuples(some.sampled_from(names), some.sampled_from(names)).filter(lambda pair: pair[0] != pair[1])
    links = data.draw(some.lists(pairs, min_size=1, max_size=6))
    places = {name: Place(float(number), 0.0) for number, name in enumerate(names)}
    routes = route_links(places, links, (110, 74))
    for (start, end), route in zip(links, routes, strict=True):
        line = list(zip(*(axis.tolist() for axis in route), strict=True))
        assert (line[0], line[-1]) == (places[start], places[end])
        assert nearest(line, [*places.values()], (110, 74)) > 12
    heights = [
        (frozenset(link), round(float(route[1][len(route[1]) // 2]), 6))
        for link, route in zip(links, routes, strict=True)
    ]
    assert len(set(heights)) == len(heights)


def test_kinds_of_links_differ_by_more_than_color() -> None:
    assert len({(dash, width) for dash, width, _ in LINK_STYLES.values()}) == len(LINK_STYLES)
    assert len({color for *_, color in LINK_STYLES.values()}) == len(LINK_STYLES)
    figure = identity_graph(stitch(APPS), "u1")
    assert (trace(figure, "bridge:email").line.dash, trace(figure, "bridge:ip").line.dash) == ("14px,4px", "dot")


def test_aliased_users_are_own_and_a_trusted_trait_is_a_node_between_its_users() -> None:
    said = {"email": "kate@example.com"}
    merged = events(
        (1, "anon_1", "old", "pageview"),
        (2, "anon_2", "new", "$alias"),
        (3, "anon_3", "twin", "$identify"),
        (4, "anon_2", "new", "$identify"),
        previous_id=[None, "old", None, None],
        traits=[None, None, said, said],
    )
    rows = identity_graph_data(stitch(merged, merge_on=("email",)), "new", merge_on=("email",))
    assert [row[:3] for row in nodes(rows)][3:] == [
        ["user", "own", "old"],
        ["user", "own", "new"],
        ["user", "own", "twin"],
        ["trait", "own", "kate@example.com"],
    ]
    assert [link for link in links(rows) if link[1] in ("alias", "trait:email")] == [
        ["old", "alias", "new", 1],
        ["new", "trait:email", "kate@example.com", 1],
        ["twin", "trait:email", "kate@example.com", 1],
    ]
    figure = identity_graph(merged, "new", merge_on=("email",))
    assert (trace(figure, "alias").line.dash, trace(figure, "trait:email").line.dash) == ("dash", "dashdot")


def test_an_id_that_only_an_alias_names_is_the_persons() -> None:
    alias = events((1, "anon_1", "u", "$alias"), previous_id=["anon_gone"])
    rows = identity_graph_data(stitch(alias), "u")
    assert ["device", "own", "anon_gone", 1, 1] in nodes(rows)


def test_a_person_without_links_is_one_node() -> None:
    alone = stitch(events((1, "anon_1", None, "pageview")))
    assert nodes(identity_graph_data(alone, "anon_1")) == [["device", "own", "anon_1", 1, 1]]
    assert [one.name for one in identity_graph(alone, "anon_1").data] == ["device"]
    server = stitch(events((1, "anon_once", None, "pageview")).assign(sdk="node"))
    assert len(identity_graph_data(server, "anon_once")) == 0
    assert len(identity_graph(server, "anon_once").data) == 0


def test_columns_and_dtypes_are_those_of_the_table() -> None:
    wanted = {column.name: schema.TEXT if column.dtype == "str" else column.dtype for column in IDENTITY_GRAPH}
    server = stitch(events((1, "anon_once", None, "pageview")).assign(sdk="node"))
    for rows in (identity_graph_data(stitch(TABLET), "u1"), identity_graph_data(server, "anon_once")):
        assert {name: str(rows[name].dtype) for name in rows.columns} == wanted


def test_traces_symbols_and_what_hovering_tells() -> None:
    figure = identity_graph(stitch(TABLET), "u1")
    assert [one.name for one in figure.data] == [
        *("identify", "event", "links", "user", "device", "shared device", "another person's user"),
    ]
    symbols = [one.marker.symbol for one in figure.data if one.mode == "markers+text"]
    assert symbols == ["circle", "square", "square-x-open", "circle-open"]
    assert "shared by 2 persons" in trace(figure, "shared device").text[0]
    assert trace(figure, "device").hovertext[0] == (
        "device: anon_phone<br>of this person<br>2 events, 2026-01-01 12:00 to 2026-01-02 12:00 UTC<br>sdk: web"
    )
    assert trace(figure, "links").hovertext[0].startswith("identify: anon_phone ↔ u1<br>1 event, 2026-01-01 12:00 UTC")
    assert heading_lines(figure)[0] == "Identity graph of u1"
    assert heading_lines(figure)[1] == "1 user, 2 devices (1 shared), 1 id of other persons, 4 links"


def test_labels_of_shared_devices_stand_where_no_link_crosses_them() -> None:
    logins = [(f"anon_{number}", user) for number in range(3) for user in ("ana", f"guest_{number}")]
    events = pd.DataFrame(
        {
            "timestamp": pd.date_range("2026-01-01", periods=len(logins), freq="h", tz="UTC"),
            "event_name": "$identify",
            "anonymous_id": [device for device, _ in logins],
            "user_id": [user for _, user in logins],
        }
    )
    shared = trace(identity_graph(stitch(events), "ana"), "shared device")
    sides = dict(zip(shared.y, shared.textposition, strict=True))
    assert [sides[height] for height in sorted(sides)] == ["bottom center", "top center", "top center"]


def test_of_many_ids_fifty_are_shown_and_that_is_said() -> None:
    many = events(*((1 + number % 28, f"anon_{number:03}", "u", "$identify") for number in range(60)))
    rows = identity_graph_data(stitch(many), "u")
    assert (rows["part"] == "node").sum() == 50
    assert (rows["part"] == "link").sum() == 49
    assert heading_lines(identity_graph(stitch(many), "u"))[0] == "Identity graph of u (50 of 61 ids shown)"


def test_the_order_of_rows_does_not_matter() -> None:
    shuffled = TABLET.sample(frac=1, random_state=1).reset_index(drop=True)
    pd.testing.assert_frame_equal(
        identity_graph_data(stitch(TABLET), "u1"), identity_graph_data(stitch(shuffled), "u1")
    )
    turned = APPS.iloc[::-1].reset_index(drop=True)
    assert identity_graph(stitch(APPS), "u1").to_json() == identity_graph(stitch(turned), "u1").to_json()


def test_places_are_apart_and_at_the_height_of_what_they_are_linked_to() -> None:
    columns = {"u1": "user", "u2": "user", "d1": "device", "d2": "device", "d3": "device"}
    places = place_nodes(columns, [("d1", "u2"), ("d2", "u1"), ("d3", "u1")])
    assert {name: place.x for name, place in places.items()} == {"u1": 1, "u2": 1, "d1": 0, "d2": 0, "d3": 0}
    assert (places["u1"].y, places["u2"].y) == (0.5, -0.5)
    # Wanted at 1/2, 1/2 and -1/2, so 1/6 on average: one row apart, around that.
    assert [places[name].y for name in ("d2", "d3", "d1")] == pytest.approx([7 / 6, 1 / 6, -5 / 6])


def test_events_that_are_not_stitched_are_stitched_with_the_rule_and_that_is_said(
    caplog: pytest.LogCaptureFixture,
) -> None:
    with caplog.at_level("INFO", logger="datalyr_notebook"):
        rows = identity_graph_data(TABLET, "u1", rule=StitchRule(policy="previous"))
    assert "identity_graph: these events are not stitched; stitching them with policy='previous'." in caplog.messages
    assert len(nodes(rows)) == 4


def test_an_unknown_or_shared_id_and_a_bad_option() -> None:
    with pytest.raises(UnknownPersonError, match="identity_graph found no person, user_id or anonymous_id 'u9'"):
        identity_graph(stitch(TABLET), "u9")
    with pytest.raises(AmbiguousPersonError, match="anon_tablet"):
        identity_graph(stitch(TABLET), "anon_tablet")
    with pytest.raises(OptionError, match="policy='magic'"):
        identity_graph(stitch(TABLET), "u1", policy="magic")


def test_hostile_text_is_shown_as_text() -> None:
    hostile = events((1, HOSTILE, "u1", "$identify"), (2, HOSTILE, "u2<b>", "$identify"))
    figure = identity_graph(stitch(hostile), "u1", title=HOSTILE)
    texts = strings(json.loads(pio.to_json(figure, validate=False)))
    assert not [text for text in texts if "<script" in text or "<b>" in text or "$" in text or "\u202e" in text]
    assert [text for text in texts if "&lt;script" in text]


def test_the_input_is_not_changed() -> None:
    stitched = stitch(TABLET)
    before = stitched.copy(deep=True)
    identity_graph(stitched, "u1")
    pd.testing.assert_frame_equal(stitched, before)


def test_links_are_seen_on_white_and_on_dark() -> None:
    figure = identity_graph(stitch(TABLET), "u1")
    drawn = [one for one in figure.data if one.mode == "lines"]
    assert drawn
    for one in drawn:
        assert one.opacity is None
        assert min(contrast(one.line.color, page) for page in (WHITE, DARK)) >= 3
