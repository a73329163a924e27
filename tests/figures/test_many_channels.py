"""2,000 sources: figures name the largest, add the others up, say how many those are, and stay small."""

from __future__ import annotations

import functools

import numpy as np
import pandas as pd
import plotly.graph_objects as go
import pytest

import datalyr_notebook as dn
from datalyr_notebook.attribution.result import Attribution
from datalyr_notebook.explorers import AttributionExplorer
from datalyr_notebook.figures import (
    channel_flow,
    credit_bars,
    credit_bars_data,
    credit_over_time,
    describe,
    model_comparison,
)
from datalyr_notebook.figures.largest import MOST_GROUPS
from datalyr_notebook.figures.layout import heading_lines

SOURCES = 2_000
REST = f"{SOURCES - MOST_GROUPS + 1:,} other groups"
"""1,989 of them."""


@functools.cache
def stitched() -> pd.DataFrame:
    """A person a source: came through it and bought a minute later, for 2,000.00 through the first, 1.00 the last."""
    number = np.repeat(np.arange(SOURCES), 2)
    is_order = np.tile([False, True], SOURCES)
    events = pd.DataFrame(
        {
            "timestamp": pd.Timestamp("2026-01-01", tz="UTC") + pd.to_timedelta(number * 60 + 60 * is_order, unit="s"),
            "event_name": np.where(is_order, "purchase", "pageview"),
            "user_id": [f"user_{place}" for place in number],
            "source": [f"source_{place:04}" for place in number],
            "medium": "referral",
            "value": np.where(is_order, SOURCES - number, np.nan),
        }
    )
    events.loc[is_order, ["source", "medium"]] = None
    return dn.stitch(events)


@functools.cache
def result() -> Attribution:
    return dn.attribute(stitched(), model=["first_touch", "linear"], by="source")


def drawn(name: str) -> go.Figure:
    if name == "credit_bars":
        return credit_bars(result())
    if name == "credit_bars with intervals":
        return credit_bars(result().intervals(n=5))
    if name == "credit_over_time":
        return credit_over_time(result(), by="source")
    return model_comparison(result().compare())


@pytest.mark.parametrize("name", ["credit_bars", "credit_bars with intervals", "credit_over_time", "model_comparison"])
def test_the_largest_are_named_and_the_others_are_one_and_counted(name: str) -> None:
    figure = drawn(name)
    assert len(figure.data) <= MOST_GROUPS
    assert len(figure.to_json()) < 40_000
    told = describe(figure)
    assert "source_0000" in told
    assert REST in told
    assert "source_0011" not in told


def test_nothing_is_lost() -> None:
    rows = credit_bars_data(result())
    assert rows["group"].tolist()[MOST_GROUPS - 1 :: MOST_GROUPS] == [REST, REST]
    # 1 + 2 + ... + 2,000, and without the eleven largest.
    assert rows.loc[rows["model"] == "linear", "amount"].sum() == 2_001_000
    assert rows["amount"].iloc[MOST_GROUPS - 1] == sum(range(1, 1_990))


def test_a_flow_says_how_many_channels_have_a_name() -> None:
    paths = [f"c{place:04} > Direct" for place in range(SOURCES)]
    figure = channel_flow(dn.PathCounts.from_strings(paths, conversions=[1_000, *[1] * (SOURCES - 1)]))
    assert [str(label).strip() for label in figure.data[0].node.label] == ["c0000", "others", "Direct", ""]
    assert heading_lines(figure)[1] == "width: how many; 2,999 conversions; 2 of 2,001 channels named"
    assert len(figure.to_json()) < 20_000


def test_an_explorer_of_many_sources_says_how_many_there_are() -> None:
    explorer = AttributionExplorer(stitched(), state={"by": "source", "intervals": False})
    assert "2,000 groups by source in 12 bars a model" in explorer.answer.sentence
    assert explorer.data()["group"].tolist()[MOST_GROUPS - 1] == REST
    assert len(explorer.data()) == 2 * MOST_GROUPS
    explorer.state = {**explorer.state, "view": "models"}
    assert REST in describe(explorer.figure_view.widget)
