"""The edges of attribution: nothing there, all the same, values of nothing, a million touches of one person."""

from __future__ import annotations

import math
from typing import Any

import numpy as np
import pandas as pd
import pytest

import datalyr_notebook as dn
from datalyr_notebook.attribution.models import MODELS
from datalyr_notebook.attribution.result import Attribution
from datalyr_notebook.errors import JourneySizeError
from tests.journeys.stories import CLICKS, META, NEWS, reasons, story

ALL_MODELS = sorted(MODELS)


def summed(result: Attribution) -> dict[str, tuple[float, float]]:
    """Conversions and credit under each model."""
    sums = result.totals.groupby("model")[["conversions", "credit"]].sum()
    return {model: (row["conversions"], row["credit"]) for model, row in sums.iterrows()}


@pytest.mark.parametrize("rows", [0, 1, 3])
def test_no_conversions_are_empty_tables_under_all_models(rows: int) -> None:
    table = story(*CLICKS).iloc[:rows]
    result = dn.attribute(table, model=ALL_MODELS)
    assert result.totals.columns.tolist() == ["model", "channel", "conversions", "credit"]
    assert (len(result.totals), len(result.credits), len(result.conversions)) == (0, 0, 0)
    assert len(result.touches) == rows
    assert reasons(result) == ({"its person has no conversion": rows} if rows else {})
    assert result.by("campaign").columns.tolist() == ["model", "campaign", "conversions", "credit"]


@pytest.mark.parametrize(
    ("touches", "channels"),
    [
        ([(1, "pageview", {}), (2, "pageview", {})], {"Direct"}),
        ([(1, "pageview", NEWS), (2, "pageview", NEWS), (3, "pageview", NEWS)], {"Email"}),
        ([(1, "pageview", NEWS), (2, "pageview", META), (3, "pageview", NEWS)], {"Email", "Paid Social"}),
        ([], {"unattributed"}),
    ],
)
def test_all_direct_one_channel_a_repeated_one_and_none(touches: list[Any], channels: set[str]) -> None:
    rows = [*touches, (4, "purchase", {"value": 10.0, "sdk": "swift"})]
    result = dn.attribute(story(*rows), model=ALL_MODELS)
    assert set(result.totals["channel"]) <= channels
    by_channel = {name for name, one in MODELS.items() if "participation" in name}
    for model, (conversions, credit) in summed(result).items():
        if model not in by_channel:
            assert (conversions, credit) == (pytest.approx(1), pytest.approx(10))


def test_zero_and_negative_values_and_none() -> None:
    """A value of 0 is a conversion, a missing one is worth 0, a negative one is a refund and no conversion."""
    table = story(
        (1, "pageview", NEWS), (2, "purchase", {"value": 0.0}), (3, "purchase", {"value": None}),
        (4, "purchase", {"value": -5.0}), (5, "purchase", {"value": 7.0}),
    )  # fmt: skip
    result = dn.attribute(table, model=["linear", "time_decay"])
    assert summed(result) == {"linear": (3, 7), "time_decay": (3, 7)}
    left = result.left_out
    assert left[left["kind"] == "conversion"].to_numpy().tolist() == [
        ["conversion", "refund without its order", 1, -5.0]
    ]


def test_a_million_touches_of_one_person() -> None:
    """A page a second, each in a session of its own; and as many different clicks in few sessions."""
    touches = 1_000_000
    times = pd.date_range("2026-01-01", periods=touches + 1, freq="s", tz="UTC").as_unit("us")
    sessions = pd.Categorical.from_codes(np.append(np.arange(touches), [0]), pd.RangeIndex(touches).astype(str))
    events = pd.DataFrame(
        {
            "timestamp": times,
            "event_name": pd.Categorical(["pageview"] * touches + ["purchase"]),
            "user_id": pd.Categorical(["u"] * (touches + 1)),
            "anonymous_id": pd.Categorical(["anon_1"] * (touches + 1)),
            "session_id": sessions,
            "sdk": pd.Categorical(["web"] * (touches + 1)),
            "value": np.append(np.full(touches, np.nan), [10.0]),
        }
    )
    stitched = dn.stitch(events)
    result = dn.attribute(stitched, model=["linear", "time_decay", "position_based", "hybrid"])
    assert result.journeys.lengths.tolist() == [touches]
    assert all(abs(math.fsum(weights) - 1) < 1e-9 for weights in result.weights.values())
    assert summed(result) == {model: (pytest.approx(1), pytest.approx(10)) for model in result.models}
    # A thousand orders on top would be a thousand million pairs: refused before any memory is taken.
    many = np.arange(touches) >= touches - 1000
    with pytest.raises(JourneySizeError, match=r"at most 500,000,000 pairs .* 1,000 conversions have 999,500,500, 'u'"):
        dn.attribute(stitched, conversion=np.append(many, [False]))
    fed = dn.attribute(stitched, conversion=np.append(many, [False]), touches_feed="next")
    assert fed.journeys.lengths.sum() == touches


def test_many_different_clicks_of_one_visit() -> None:
    """Each is a touch; those that lack a click id are told apart from none of them."""
    count = 20_000
    clicks = [f"k{number}" if number % 10 else None for number in range(count)]
    events = pd.DataFrame(
        {
            "timestamp": pd.date_range("2026-01-01", periods=count, freq="s", tz="UTC").as_unit("us"),
            "event_name": "pageview", "sdk": "web", "anonymous_id": "anon_1", "user_id": "u", "session_id": "s",
            "source": "google", "medium": "cpc", "click_id": clicks, "click_id_type": "gclid",
        }
    )  # fmt: skip
    touches = dn.find_touches(dn.stitch(events))
    # The first has no click id and differs in nothing from any later one, so it stands for all of them.
    assert touches["click_id"].isna().tolist() == [True]
    assert len(dn.find_touches(dn.stitch(events.iloc[1:]))) == count * 9 // 10
