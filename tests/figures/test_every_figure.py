"""What holds for every figure: rows as declared, titled axes, no upload, few traces, words, a way in from a frame."""

from __future__ import annotations

import functools
import inspect
import re
from collections.abc import Callable
from typing import Any

import pandas as pd
import plotly.graph_objects as go
import plotly.io as pio
import pytest

import datalyr_notebook as dn
from datalyr_notebook import figures, schema
from datalyr_notebook.accessor import PlotAccessor
from datalyr_notebook.figures.channel_flow_rows import FLOW_LINKS
from datalyr_notebook.figures.credit_bars import CREDIT_BARS
from datalyr_notebook.figures.credit_over_time import CREDIT_PERIODS
from datalyr_notebook.figures.cross_device import CROSS_CELLS
from datalyr_notebook.figures.identity_graph_rows import IDENTITY_GRAPH
from datalyr_notebook.figures.journey_wall_rows import JOURNEY_WALL
from datalyr_notebook.figures.layout import heading_lines
from datalyr_notebook.figures.match_rate import MATCH_LINES
from datalyr_notebook.figures.model_comparison import MODEL_CELLS
from datalyr_notebook.figures.policies import POLICY_BARS
from datalyr_notebook.figures.stitching_impact import IMPACT_BARS
from datalyr_notebook.figures.time_lag import LAG_BARS
from datalyr_notebook.figures.timeline_marks import TIMELINE
from datalyr_notebook.figures.trait_timeline_rows import TRAIT_TIMELINE

COLUMNS = {
    "channel_flow": FLOW_LINKS,
    "credit_bars": CREDIT_BARS,
    "credit_over_time": CREDIT_PERIODS,
    "cross_device_matrix": CROSS_CELLS,
    "identity_graph": IDENTITY_GRAPH,
    "journey_timeline": TIMELINE,
    "journey_wall": JOURNEY_WALL,
    "match_rate_over_time": MATCH_LINES,
    "model_comparison": MODEL_CELLS,
    "policy_comparison": POLICY_BARS,
    "stitching_impact_bars": IMPACT_BARS,
    "time_lag_histogram": LAG_BARS,
    "trait_timeline": TRAIT_TIMELINE,
}
"""Each figure and the columns of its rows."""

NAMES = sorted(name.removesuffix("_data") for name in figures.__all__ if name.endswith("_data"))
WITHOUT_AXES = ("channel_flow", "identity_graph")
"""Diagrams of nodes and links: their places have no unit."""


@functools.cache
def arguments(name: str) -> tuple[Any, ...]:
    """What a figure is drawn of."""
    if name == "trait_timeline":
        traits = dn.stitch(dn.load_sample("traits_over_time"))
        return traits, str(traits["person_id"].iloc[0])
    seed = dn.stitch(dn.load_sample("seed_journey"))
    if name in ("journey_timeline", "identity_graph"):
        return seed, "user_789"
    if name == "policy_comparison":
        return (dn.compare_policies(dn.load_sample("seed_journey"), policies=["session", "none"]),)
    if name == "stitching_impact_bars":
        return (dn.stitching_impact(dn.load_sample("seed_journey"), n=20),)
    if name == "match_rate_over_time":
        return (seed,)
    sale = spring_sale()
    if name == "journey_wall":
        return sale, sale["person_id"].drop_duplicates().head(12).tolist()
    result = dn.attribute(sale, model=["first_touch", "linear"])
    return (result.compare(),) if name == "model_comparison" else (result,)


@functools.cache
def spring_sale() -> pd.DataFrame:
    return dn.stitch(dn.load_sample("spring_sale"))


@functools.cache
def drawn(name: str) -> go.Figure:
    return getattr(figures, name)(*arguments(name))


def test_the_list_is_complete() -> None:
    assert list(COLUMNS) == NAMES


@pytest.mark.parametrize("name", NAMES)
def test_its_rows_have_the_declared_columns(name: str) -> None:
    rows = getattr(figures, f"{name}_data")(*arguments(name))
    assert list(rows.columns) == schema.names(COLUMNS[name])
    assert len(rows)


@pytest.mark.parametrize("name", NAMES)
def test_it_is_a_figure_of_few_traces(name: str) -> None:
    # A plain go.Figure is what notebooks of every kind show; a FigureWidget is not.
    assert type(drawn(name)) is go.Figure
    assert 1 <= len(drawn(name).data) <= 50


@pytest.mark.parametrize("name", [name for name in NAMES if name not in WITHOUT_AXES])
def test_every_axis_has_a_title(name: str) -> None:
    layout = drawn(name).layout
    used = {"xaxis", "yaxis", *(f"yaxis{trace.yaxis[1:]}" for trace in drawn(name).data if trace.yaxis)}
    assert all(layout[axis].title.text for axis in used)


@pytest.mark.parametrize("name", NAMES)
def test_its_html_is_complete_and_offers_no_upload(name: str) -> None:
    page = drawn(name).to_html(include_plotlyjs=False)
    assert not re.findall(r"<(?:script|link|img)[^>]*(?:src|href)=[\"'](?:https?:)?//", page)
    assert re.search(r'"modebar":{[^}]*"remove":\["sendChartToCloud"\]', page)


@pytest.mark.parametrize("name", NAMES)
def test_it_can_be_told_in_words(name: str) -> None:
    lines = figures.describe(drawn(name)).splitlines()
    assert 3 <= len(lines) <= 25
    assert lines[0] == heading_lines(drawn(name))[0]
    assert "Nothing is drawn" not in lines[-1]


@pytest.mark.parametrize("name", NAMES)
def test_a_frame_has_it_under_its_name(name: str) -> None:
    method, function = getattr(PlotAccessor, name), getattr(figures, name)
    own = inspect.signature(method).parameters
    assert (method.__doc__ or "").endswith((".", "``."))
    assert "options" in own
    asked = [one for one in own if one not in ("self", "options")]
    # What a figure asks for beside the events comes first; the rest are options of the figure or of attribute.
    known = {*inspect.signature(function).parameters, *inspect.signature(dn.attribute).parameters}
    known |= {"intervals", "unit", "since"}
    assert set(asked) <= known
    required = [one.name for one in own.values() if one.default is one.empty and one.name not in ("self", "options")]
    assert required == [one for one in ("person", "people") if one in inspect.signature(function).parameters]


def test_nothing_global_is_touched() -> None:
    before, templates = pio.templates.default, list(pio.templates)
    draw: Callable[..., go.Figure]
    for name in NAMES:
        draw = getattr(figures, name)
        draw(*arguments(name))
    assert pio.templates.default == before
    assert list(pio.templates) == templates


def test_tab_completion_offers_the_figures_alone() -> None:
    assert dir(figures) == sorted(figures.__all__)
    assert {"describe", "journey_wall", "journey_wall_data", "credit_bars"} <= set(dir(figures))


@pytest.mark.parametrize("name", NAMES)
def test_the_line_below_the_title_is_a_line_of_the_title(name: str) -> None:
    # plotly measures a title before it places its own subtitle; hidden, as in a widget, the two stand on one another.
    assert drawn(name).layout.title.subtitle.text is None
    assert drawn(name).layout.title.text.count("<br>") == 1
    assert figures.describe(drawn(name)).splitlines()[1] == heading_lines(drawn(name))[1] != ""
