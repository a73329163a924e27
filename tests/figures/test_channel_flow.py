"""channel_flow: the links by value, what enters a node leaves it, the figure by its nodes and headings."""

from __future__ import annotations

import json
from itertools import pairwise
from typing import Any

import pandas as pd
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

import datalyr_notebook as dn
from datalyr_notebook import schema
from datalyr_notebook.attribution.paths import PathCounts
from datalyr_notebook.errors import OptionError
from datalyr_notebook.figures.channel_flow import channel_flow, channel_flow_data
from datalyr_notebook.figures.channel_flow_rows import (
    CONVERSION,
    EARLIER,
    FLOW_LINKS,
    NO_CONVERSION,
    NO_TOUCH,
    OTHERS,
)
from datalyr_notebook.figures.layout import heading_lines
from tests.contrast import DARK, WHITE, contrast

# Four went Email > Ad > Direct and three of them bought; two bought after an Ad alone; one without a touch.
PATHS = PathCounts.from_strings(
    ["Email > Ad > Direct", "Ad", ""], conversions=[3, 2, 1], value=[300.0, 50.0, 10.0], nulls=[1, 0, 0]
)


def shown(links: pd.DataFrame, *columns: str) -> list[list[Any]]:
    return links[["step", "source", "target", *columns]].to_numpy().tolist()


def test_links_are_counted_from_the_end_of_their_paths() -> None:
    links = channel_flow_data(PATHS)
    assert links.columns.tolist() == schema.names(FLOW_LINKS)
    assert shown(links, "conversions", "value", "flow", "begins") == [
        [3, "Email", "Ad", 3.0, 300.0, 3.0, 3.0],
        [2, "Ad", "Direct", 3.0, 300.0, 3.0, 0.0],
        [1, "Ad", CONVERSION, 2.0, 50.0, 2.0, 2.0],
        [1, "Direct", CONVERSION, 3.0, 300.0, 3.0, 0.0],
        [1, NO_TOUCH, CONVERSION, 1.0, 10.0, 1.0, 1.0],
    ]
    assert links["nulls"].tolist() == [0.0] * 5
    assert links["share"].tolist() == pytest.approx([1 / 2, 1 / 2, 1 / 3, 1 / 2, 1 / 6])


def test_people_who_did_not_convert_are_drawn_when_asked_for() -> None:
    links = channel_flow_data(PATHS, nulls=True)
    assert shown(links, "conversions", "nulls", "flow") == [
        [3, "Email", "Ad", 3.0, 1.0, 4.0],
        [2, "Ad", "Direct", 3.0, 1.0, 4.0],
        [1, "Ad", CONVERSION, 2.0, 0.0, 2.0],
        [1, "Direct", CONVERSION, 3.0, 0.0, 3.0],
        [1, "Direct", NO_CONVERSION, 0.0, 1.0, 1.0],
        [1, NO_TOUCH, CONVERSION, 1.0, 0.0, 1.0],
    ]


def test_value_is_a_width_and_what_is_worth_nothing_has_none() -> None:
    counts = PathCounts.from_strings(["Email", "Ad", "Direct"], conversions=[1, 2, 3], value=[30.0, 0.0, -5.0])
    assert shown(channel_flow_data(counts, metric="value"), "flow") == [[1, "Email", CONVERSION, 30.0]]
    subtitle = heading_lines(channel_flow(counts, metric="value"))[1]
    assert subtitle == "width: value; 1 conversion worth 30.00; 5 worth nothing are not drawn"


def test_what_came_before_the_last_steps_is_one_node() -> None:
    counts = PathCounts.from_strings(["A > B > C > D", "C > D"], conversions=[2, 1])
    assert shown(channel_flow_data(counts, steps=2), "flow", "begins") == [
        [3, EARLIER, "C", 2.0, 2.0],
        [2, "C", "D", 3.0, 1.0],
        [1, "D", CONVERSION, 3.0, 0.0],
    ]
    assert shown(channel_flow_data(counts, steps=1), "flow") == [[2, EARLIER, "D", 3.0], [1, "D", CONVERSION, 3.0]]


def test_the_smallest_channels_of_a_step_share_a_node() -> None:
    counts = PathCounts.from_strings(list("ABCDE"), conversions=[50, 40, 30, 20, 10])
    assert shown(channel_flow_data(counts, most_channels=3), "flow") == [
        [1, "A", CONVERSION, 50.0],
        [1, "B", CONVERSION, 40.0],
        [1, OTHERS, CONVERSION, 60.0],
    ]
    assert channel_flow_data(counts, most_channels=5)["source"].tolist() == list("ABCDE")


def test_several_channels_thinner_than_a_hundredth_share_a_node_and_one_keeps_its_own() -> None:
    thin = PathCounts.from_strings(list("ABC"), conversions=[1000, 1, 1])
    assert channel_flow_data(thin)["source"].tolist() == ["A", OTHERS]
    assert channel_flow_data(PathCounts.from_strings(["A", "B"], conversions=[1000, 1]))["source"].tolist() == [
        "A",
        "B",
    ]


def test_a_channel_called_like_a_node_is_another_node() -> None:
    counts = PathCounts.from_strings([OTHERS, NO_TOUCH, "", "x", "y"], conversions=[5, 4, 3, 2, 1])
    links = channel_flow_data(counts, most_channels=3)
    assert shown(links, "flow") == [
        [1, OTHERS, CONVERSION, 5.0],
        [1, NO_TOUCH, CONVERSION, 4.0],
        [1, f"{NO_TOUCH} (2)", CONVERSION, 3.0],
        [1, f"{OTHERS} (2)", CONVERSION, 3.0],
    ]
    assert channel_flow(counts).data[0].node.customdata


def test_nodes_stand_from_left_to_right_in_their_channels_colors() -> None:
    figure = channel_flow(PathCounts.from_strings(["Email > Direct", "Direct"], conversions=[2, 1]))
    node, link = figure.data[0].node, figure.data[0].link
    assert list(node.label) == ["Email", "Direct", " "]
    assert list(node.x) == pytest.approx([0.01, 0.5, 0.99])
    assert node.color[0] == "#EE6600"
    assert (list(link.source), list(link.target), list(link.value)) == ([0, 1], [1, 2], [2.0, 3.0])
    assert link.color[0].startswith("rgba(238, 102, 0, ")
    assert node.customdata[1] == "<b>Direct</b><br>3 (100.0%)<br>1 of it began here"
    assert link.customdata[0] == "Email → Direct (66.7%)<br>2 conversions worth 0.00"
    assert [note.text for note in figure.layout.annotations] == ["2nd to last", "last touch", CONVERSION]
    assert heading_lines(figure)[0] == "Channels on the way to a conversion"
    assert heading_lines(figure)[1] == "width: how many; 3 conversions"
    assert "sendChartToCloud" in figure.layout.template.layout.modebar.remove


@pytest.mark.parametrize("page", [WHITE, DARK])
def test_names_can_be_read_on_links_and_have_no_halo(page: str) -> None:
    paths = [f"c{place} > Direct" for place in range(30)]
    figure = channel_flow(PathCounts.from_strings(paths, conversions=[10] * 30), most_channels=30)
    assert figure.data[0].textfont.shadow == "none"
    colors = {str(color) for color in figure.data[0].link.color}
    assert len(colors) > 8
    for color in colors:
        *parts, opacity = (float(part) for part in color.removeprefix("rgba(").removesuffix(")").split(","))
        below = [int(page[at : at + 2], 16) for at in (1, 3, 5)]
        mixed = [round(part * opacity + under * (1 - opacity)) for part, under in zip(parts, below, strict=True)]
        assert contrast(str(figure.data[0].textfont.color), "#{:02X}{:02X}{:02X}".format(*mixed)) >= 3


def test_steps_have_headings() -> None:
    long = PathCounts.from_strings([" > ".join("abcdefghijklmn")])
    headings = [note.text for note in channel_flow(long, steps=12).layout.annotations]
    assert headings[:3] == ["earlier", "12th to last", "11th to last"]
    assert headings[-4:] == ["3rd to last", "2nd to last", "last touch", CONVERSION]


def test_the_figure_grows_with_its_channels() -> None:
    few = channel_flow(PathCounts.from_strings(list("ab"))).layout.height
    many = channel_flow(PathCounts.from_strings(list("abcdefghijklmnopqrst"))).layout.height
    assert many - few == 18 * 34
    # No node touches another, and none leaves the drawing.
    figure = channel_flow(PathCounts.from_strings(list("abcdefghijklmnopqrst"), conversions=range(20, 40)))
    middles = list(figure.data[0].node.y)[:20]
    assert all(later > sooner for sooner, later in pairwise(middles))
    assert middles[0] > 0
    assert middles[-1] < 1


def test_it_draws_what_attribute_answers() -> None:
    events = pd.DataFrame(
        {
            "timestamp": ["2026-01-01T10:00Z", "2026-01-02T20:00Z", "2026-01-02T20:05Z"],
            "event_name": ["pageview", "pageview", "purchase"],
            "user_id": "u1",
            "source": ["tiktok", "chatgpt.com", None],
            "value": [None, None, 50.0],
        }
    )
    result = dn.attribute(dn.stitch(events))
    links = channel_flow_data(result)
    assert shown(links, "value") == [
        [2, "Organic Social", "AI Assistants", 50.0],
        [1, "AI Assistants", CONVERSION, 50.0],
    ]
    assert channel_flow_data(result.paths("source"))["source"].tolist() == ["tiktok", "chatgpt.com"]


def test_text_from_events_is_shown_as_it_is() -> None:
    hostile = "<img src=x onerror=alert(1)>$x$"
    figure = channel_flow(PathCounts.from_strings([f"{hostile}|a|{hostile}"], separator="|"), title=hostile)
    assert figure.data[0].node.label[0].startswith("&lt;img")
    written = str(json.loads(figure.to_json()))
    assert not [text for text in ("<img", "$x$") if text in written]


@pytest.mark.parametrize("counts", [PathCounts.from_strings([]), PathCounts.from_strings(["a"], conversions=[0])])
def test_no_path_is_said(counts: PathCounts) -> None:
    figure = channel_flow(counts)
    assert len(figure.data) == 0
    assert figure.layout.annotations[0].text == "No path leads to a conversion."
    links = channel_flow_data(counts)
    assert links.dtypes.to_dict() == schema.empty(FLOW_LINKS).dtypes.to_dict()


@pytest.mark.parametrize(
    ("options", "words"),
    [
        ({"metric": "credit"}, "channel_flow: metric='credit' is not known. Use one of 'conversions', 'value'"),
        ({"steps": 0}, "channel_flow: steps=0 is not known. Use a whole number of at least 1"),
        ({"most_channels": True}, "channel_flow: most_channels=True is not known"),
        ({"nulls": True, "metric": "value"}, "nulls=True is not known. Use nulls=False with metric='value'"),
    ],
)
def test_options_that_are_not_known(options: dict[str, Any], words: str) -> None:
    with pytest.raises(OptionError, match=words):
        channel_flow(PATHS, **options)
    with pytest.raises(OptionError, match=r"paths='DataFrame' is not known. Use what attribute\(...\)"):
        channel_flow(pd.DataFrame())  # type: ignore[arg-type]


PATH = st.lists(st.sampled_from(["a", "b", "c", "d"]), max_size=6).map(" > ".join)


@given(
    st.lists(st.tuples(PATH, st.integers(0, 4), st.integers(0, 9), st.integers(0, 3)), max_size=8),
    st.integers(1, 7),
    st.integers(1, 4),
    st.sampled_from([("conversions", False), ("conversions", True), ("value", False)]),
)
@settings(max_examples=60)
def test_what_enters_a_node_leaves_it(
    rows: list[tuple[str, int, int, int]], steps: int, channels: int, measured: tuple[str, bool]
) -> None:
    metric, nulls = measured
    counts = PathCounts.from_strings(
        [row[0] for row in rows],
        conversions=[row[1] for row in rows],
        value=[row[2] for row in rows],
        nulls=[row[3] for row in rows],
    )
    links = channel_flow_data(counts, steps=steps, most_channels=channels, metric=metric, nulls=nulls)
    entered = links.groupby([links["step"] - 1, "target"])["flow"].sum().rename_axis(["step", "source"])
    left = links.groupby(["step", "source"])[["flow", "begins"]].sum()
    inner = entered[entered.index.get_level_values("step") > 0]
    pd.testing.assert_series_equal(
        inner.add(left["begins"], fill_value=0), left["flow"], check_names=False, check_index_type=False
    )
    total = sum(row[2] if metric == "value" else row[1] + nulls * row[3] for row in rows)
    assert links["begins"].sum() == total
    assert links.loc[links["step"] == 1, "flow"].sum() == total
    assert links.loc[links["target"] == CONVERSION, "conversions"].sum() == sum(
        row[1] for row in rows if metric != "value" or row[2]
    )
    named = links[~links["source"].isin([NO_TOUCH, EARLIER])]
    assert (named.groupby("step")["source"].nunique() <= channels).all()
