"""Shapley: games on paper, every order of joining tried out, and the public example table."""

from __future__ import annotations

from itertools import permutations
from typing import Any

import numpy as np
import pandas as pd
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from datalyr_notebook.attribution.models import MODELS
from datalyr_notebook.attribution.paths import PathCounts
from datalyr_notebook.attribution.protocol import TotalModel, TouchModel
from datalyr_notebook.attribution.shapley import Shapley, ShapleyRate
from datalyr_notebook.attribution.shares import Linear
from datalyr_notebook.errors import TooManyChannelsError
from tests.attribution.path_tables import PATHDATA, Row, by_channel, needs_pathdata, table


def tried_out(rows: list[Row], worth: int, *, is_rate: bool) -> dict[str, float]:
    """The mean of what each channel adds when it joins, over all orders of joining.

    ``worth``: 1 for conversions, 2 for value.
    """

    def of(joined: set[str]) -> float:
        inside = [row for row in rows if row[0] and set(row[0]) <= joined]
        paths = sum(row[1] + row[3] for row in inside) if is_rate else 1.0
        return sum(row[worth] for row in inside) / paths if paths else 0.0

    channels = sorted({letter for path, *_ in rows for letter in path})
    orders = list(permutations(channels))
    return {
        one: sum(of({*order[: order.index(one)], one}) - of(set(order[: order.index(one)])) for order in orders)
        / len(orders)
        for one in channels
    }


# Worked by hand


def test_conversions_are_shared_by_distinct_channels() -> None:
    """A > A > B for 12 is 6 each, whatever the touches; A for 4 is A's."""
    counts = table(("AAB", 1, 12, 3), ("A", 2, 4, 0))
    assert by_channel(Shapley(), counts, "credit") == pytest.approx({"A": 10.0, "B": 6.0})
    assert by_channel(Shapley(), counts, "conversions") == pytest.approx({"A": 2.5, "B": 0.5})


def test_rates_on_paper() -> None:
    """v(A) = 1/2, v(B) = 0 of 4, v(AB) = 3/8: φ_A = (1/2 + 3/8) / 2 = 7/16, φ_B = (0 + 3/8 - 1/2) / 2 = -1/16.

    They sum to 3/8; of 3 conversions A has 7/2 and B -1/2: people convert less often where B is.
    Value a path: v(A) = 10/2, v(B) = 0, v(AB) = 40/8: φ_A = 5, φ_B = 0.
    """
    counts = table(("A", 1, 10, 1), ("B", 0, 0, 4), ("ABA", 2, 30, 0))
    assert by_channel(ShapleyRate(), counts, "shapley_value") == pytest.approx({"A": 7 / 16, "B": -1 / 16})
    assert by_channel(ShapleyRate(), counts, "conversions") == pytest.approx({"A": 3.5, "B": -0.5})
    assert by_channel(ShapleyRate(), counts, "credit") == pytest.approx({"A": 40.0, "B": 0.0})


def test_a_set_without_paths_is_worth_nothing() -> None:
    """Only A > B: v(A) = v(B) = 0, v(AB) = 1/4, half each."""
    assert by_channel(ShapleyRate(), table(("AB", 1, 9, 3)), "shapley_value") == {"A": 1 / 8, "B": 1 / 8}


# The boundary


def test_an_empty_path_is_nobodys() -> None:
    counts = table(("", 3, 30, 5), ("A", 1, 10, 1), ("AB", 1, 10, 0), ("", 0, 0, 1))
    without = table(("A", 1, 10, 1), ("AB", 1, 10, 0))
    for model in (Shapley(), ShapleyRate()):
        allocated = model.allocate(counts).set_index("channel")
        assert allocated.loc["unattributed", ["conversions", "credit"]].tolist() == [3.0, 30.0]
        pd.testing.assert_frame_equal(allocated.drop("unattributed"), model.allocate(without).set_index("channel"))


@pytest.mark.parametrize("model", [Shapley(), ShapleyRate()])
def test_no_paths_and_no_conversions(model: Any) -> None:
    assert len(model.allocate(PathCounts.from_strings([]))) == 0
    assert model.allocate(table(("AB", 0, 0, 2)))[["conversions", "credit"]].to_numpy().tolist() == [[0.0] * 2] * 2
    assert model.allocate(table(("", 1, 1, 2)))["channel"].tolist() == ["unattributed"]
    assert model.allocate(table(("A", 0, 0, 0)))["conversions"].tolist() == [0.0]


def test_value_that_sums_to_nothing_is_shared_all_the_same() -> None:
    """v(A) = 10, v(B) = -10, v(AB) = 0: φ_A = (10 + (0 + 10)) / 2 = 10, φ_B = -10; times 2 paths."""
    counts = table(("A", 1, 10, 0), ("B", 1, -10, 0))
    assert by_channel(ShapleyRate(), counts, "credit") == pytest.approx({"A": 20.0, "B": -20.0})


def test_more_than_twenty_channels_are_an_error() -> None:
    names = [f"c{number}" for number in range(21)]
    with pytest.raises(TooManyChannelsError, match="at most 20 of them, but these paths have 21") as caught:
        ShapleyRate().totals(PathCounts.from_strings(names))
    assert (caught.value.channels, caught.value.limit) == (21, 20)
    counts = PathCounts.from_strings(names)
    assert ShapleyRate().totals(counts.taken(np.arange(21) < 3)).conversions.tolist() == pytest.approx(
        [1.0] * 3 + [0.0] * 18
    )


def test_twenty_channels_that_are_alike_share_alike() -> None:
    counts = PathCounts.from_strings([f"c{number}" for number in range(20)], nulls=[3] * 20)
    np.testing.assert_allclose(ShapleyRate().totals(counts).conversions, 1.0, rtol=1e-9)


def test_models_are_what_they_say_they_are() -> None:
    assert isinstance(MODELS["shapley"](), TouchModel)
    assert isinstance(MODELS["shapley_rate"](), TotalModel)
    assert not isinstance(MODELS["shapley_rate"](), TouchModel)


# Laws


rows = st.lists(
    st.tuples(
        st.text("ABCDE", max_size=6),
        st.integers(0, 4).map(float),
        st.integers(-20, 50).map(float),
        st.integers(0, 4).map(float),
    ),
    min_size=1,
    max_size=8,
)


@settings(max_examples=30)
@given(rows)
def test_both_are_the_mean_over_all_orders_of_joining(drawn: list[Row]) -> None:
    counts = table(*drawn)
    with_paths = [row for row in drawn if row[0]]
    paths = sum(row[1] + row[3] for row in with_paths)
    rate = ShapleyRate().totals(counts)
    expected = tried_out(with_paths, 1, is_rate=True)
    for place, name in enumerate(counts.channels):
        assert rate.facts["shapley_value"][place] == pytest.approx(expected[name], abs=1e-12)
    if not paths:
        return
    of_value = tried_out(with_paths, 2, is_rate=True)
    of_conversions = tried_out(with_paths, 1, is_rate=False)
    plain = by_channel(Shapley(), counts, "conversions")
    for place, name in enumerate(counts.channels):
        assert rate.conversions[place] == pytest.approx(expected[name] * paths, abs=1e-12)
        assert rate.credit[place] == pytest.approx(of_value[name] * paths, abs=1e-9)
        assert plain[name] == pytest.approx(of_conversions[name], abs=1e-12)


@settings(max_examples=40)
@given(rows, st.data())
def test_a_refit_is_a_fit_of_weighted_paths_and_conserves(drawn: list[Row], data: Any) -> None:
    counts = table(*drawn)
    weights = np.array(data.draw(st.lists(st.integers(0, 3), min_size=len(drawn), max_size=len(drawn))), dtype=float)
    refit, fit = ShapleyRate().refits(counts)(weights), ShapleyRate().totals(counts.weighted(weights))
    np.testing.assert_allclose(refit.conversions, fit.conversions, rtol=1e-12, atol=1e-12)
    np.testing.assert_allclose(refit.credit, fit.credit, rtol=1e-12, atol=1e-12)
    earned = sum(weight * row[1] for weight, row in zip(weights, drawn, strict=True) if row[0])
    assert refit.conversions.sum() == pytest.approx(earned, abs=1e-12)


@settings(max_examples=30)
@given(rows)
def test_shapley_is_linear_by_channel(drawn: list[Row]) -> None:
    counts = table(*drawn)
    assert Shapley().weights(counts).tolist() == Linear(per="channel").weights(counts).tolist()
    merged = counts.distinct()
    np.testing.assert_allclose(
        ShapleyRate().totals(merged).conversions, ShapleyRate().totals(counts).conversions, rtol=1e-12, atol=1e-12
    )


# The public example


@needs_pathdata
def test_the_public_example() -> None:
    given_table = pd.read_csv(PATHDATA / "PathData.csv", sep=";")
    counts = PathCounts.from_strings(
        given_table["path"],
        conversions=given_table["total_conversions"],
        value=given_table["total_conversion_value"],
        nulls=given_table["total_null"],
    )
    expected = pd.read_csv(PATHDATA / "expected.csv").set_index("channel_name")["shapley_conversions"]
    found = Shapley().allocate(counts).set_index("channel")["conversions"]
    np.testing.assert_allclose(found.loc[expected.index], expected, rtol=1e-9)
    assert ShapleyRate().totals(counts).conversions.sum() == pytest.approx(counts.conversions.sum(), rel=1e-12)
