"""Markov: small chains worked by hand, a chain solved by walking it, and the public example table."""

from __future__ import annotations

from collections import Counter, defaultdict
from itertools import pairwise
from typing import Any

import numpy as np
import pandas as pd
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from datalyr_notebook.attribution import path_graph
from datalyr_notebook.attribution.credit import weigh
from datalyr_notebook.attribution.markov import Markov, MarkovJourney, RemovalEffects
from datalyr_notebook.attribution.models import MODELS
from datalyr_notebook.attribution.paths import PathCounts
from datalyr_notebook.attribution.protocol import FittedModel, TotalModel, TouchModel
from datalyr_notebook.attribution.tables.transitions import transition_table
from datalyr_notebook.errors import OptionError, TooManyStatesError
from tests.attribution.path_tables import PATHDATA, Row, by_channel, needs_pathdata, table


def effects(counts: PathCounts, order: int = 1) -> dict[str, float]:
    return by_channel(Markov(order), counts, "removal_effect")


# Worked by hand


def test_three_paths_on_paper() -> None:
    """Start → A 2/3, B 1/3; A → B 1/2, null 1/2; B → conversion.

    P = 2/3 · 1/2 + 1/3 = 2/3. Without A: 1/3, half is lost. Without B: nothing converts, all is lost.
    So A : B = 1/2 : 1 of 2 conversions.
    """
    counts = table(("AB", 1, 10, 0), ("A", 0, 0, 1), ("B", 1, 50, 0))
    assert effects(counts) == pytest.approx({"A": 1 / 2, "B": 1.0})
    assert by_channel(Markov(), counts, "conversions") == pytest.approx({"A": 2 / 3, "B": 4 / 3})
    # Every conversion follows B, so each is worth the mean of B's, and value is lost as conversions are.
    assert by_channel(Markov(), counts, "credit") == pytest.approx({"A": 20.0, "B": 40.0})


def test_value_has_effects_of_its_own() -> None:
    """A > B converts for 90, B > A for 10: without B, 1/4 of the walks convert, all at A's 10.

    start → A 1/2, B 1/2; A → B 1/2, conversion 1/2; B → A 1/2, conversion 1/2. Conversions at A are worth 10, at
    B 90. The chain's value is 1/2 · (90 + 10) = 50 a walk. Without B: 1/2 · 1/2 · 10 = 2.5, effect 47.5 / 50.
    Without A: 1/2 · 1/2 · 90 = 22.5, effect 27.5 / 50. So A : B = 27.5 : 47.5 of 100.
    """
    counts = table(("AB", 1, 90, 0), ("BA", 1, 10, 0))
    assert effects(counts) == pytest.approx({"A": 3 / 4, "B": 3 / 4})
    credit = by_channel(Markov(), counts, "credit")
    assert credit == pytest.approx({"A": 100 * 27.5 / 75, "B": 100 * 47.5 / 75})


def test_a_channel_after_itself_is_no_step() -> None:
    once, again = table(("AB", 1, 1, 2), ("B", 1, 1, 0)), table(("AAABB", 1, 1, 2), ("BB", 1, 1, 0))
    assert effects(again) == effects(once)


def test_two_channels_are_one_state() -> None:
    """Order 2, paths A > B > A (converts), A > B (null), A (converts): states AB, BA, A.

    start → AB 2/3, A 1/3; AB → BA 1/2, null 1/2; BA → conversion; A → conversion. P = 1/3 + 1/3.
    Every state has A: effect 1. Without those with B, 1/3 is left: effect 1/2.
    """
    counts = table(("ABA", 1, 0, 0), ("AB", 0, 0, 1), ("A", 1, 0, 0))
    assert effects(counts, 2) == pytest.approx({"A": 1.0, "B": 1 / 2})


def test_a_run_longer_than_the_order_is_one_state() -> None:
    graph = path_graph.path_graph(table(("AAAA", 1, 0, 0), ("A", 1, 0, 0)), 2)
    assert graph.states.tolist() == [[-1, 0], [0, 0]]
    assert len(graph.step) == 2  # the two from the start


# The boundary


def test_a_channel_that_no_walk_avoids_has_effect_one() -> None:
    counts = table(("CA", 1, 0, 2), ("CBA", 3, 0, 1), ("CB", 1, 0, 0))
    assert effects(counts)["C"] == 1.0


def test_a_channel_in_every_path_may_be_avoided_by_a_walk_of_order_one() -> None:
    """A > B and B > A: A is on both, but a walk may go start → B → conversion."""
    counts = table(("AB", 1, 0, 0), ("BA", 1, 0, 0))
    assert effects(counts)["A"] == pytest.approx(3 / 4)
    assert effects(counts, 2)["A"] == 1.0  # there the walks are the paths


def test_a_channel_from_which_nothing_converts_has_effect_zero() -> None:
    counts = table(("A", 2, 8, 0), ("BC", 0, 0, 4))
    assert effects(counts) == {"A": 1.0, "B": 0.0, "C": 0.0}
    assert by_channel(Markov(), counts, "conversions") == {"A": 2.0, "B": 0.0, "C": 0.0}


def test_a_channel_only_in_null_paths_earns_where_its_walks_go_on_to_convert() -> None:
    """B > A (null), A (converts): half of the walks at A convert, so a quarter of all come through B."""
    counts = table(("BA", 0, 0, 1), ("A", 1, 0, 0))
    assert effects(counts) == pytest.approx({"A": 1.0, "B": 1 / 2})
    assert effects(counts, 2) == {"B": 0.0, "A": 1.0}  # there the walks are the paths


@pytest.mark.parametrize("order", [1, 2, 3])
def test_without_conversions_nobody_earns(order: int) -> None:
    counts = table(("AB", 0, 0, 3), ("B", 0, 0, 1))
    assert (
        Markov(order).allocate(counts)[["conversions", "credit", "removal_effect"]].to_numpy().tolist()
        == [[0.0] * 3] * 2
    )
    assert weigh(counts, MarkovJourney(order).fit(counts)).tolist() == [0.5, 0.5, 1.0]


@pytest.mark.parametrize("order", [1, 2])
def test_no_paths_at_all(order: int) -> None:
    allocated = Markov(order).allocate(PathCounts.from_strings([]))
    assert list(allocated.columns) == ["channel", "conversions", "credit", "removal_effect"]
    assert len(allocated) == 0


@pytest.mark.parametrize("order", [1, 2])
def test_an_empty_path_is_nobodys(order: int) -> None:
    with_empty = table(("AB", 1, 5, 1), ("", 2, 7, 3), ("B", 1, 2, 0), ("", 0, 0, 9))
    without = table(("AB", 1, 5, 1), ("B", 1, 2, 0))
    allocated = Markov(order).allocate(with_empty).set_index("channel")
    assert allocated.loc["unattributed", ["conversions", "credit"]].tolist() == [2.0, 7.0]
    expected = Markov(order).allocate(without).set_index("channel")
    pd.testing.assert_frame_equal(allocated.drop("unattributed").loc[expected.index], expected)
    assert Markov(order).totals(table(("", 1, 5, 0))).conversions.tolist() == []


@pytest.mark.parametrize("order", [1, 2])
def test_names_mean_nothing_to_the_chain(order: int) -> None:
    """Channels called as the ends are, or with the separator inside, are channels."""
    plain = table(("AB", 1, 5, 1), ("BC", 2, 5, 0), ("A", 0, 0, 1))
    odd = PathCounts(**{**vars(plain), "channels": ("(start)", "null", "A > B")})
    for one, other in zip(Markov(order).totals(plain)[:2], Markov(order).totals(odd)[:2], strict=True):
        assert one.tolist() == other.tolist()


@pytest.mark.parametrize("order", [1, 2])
def test_a_channel_of_no_path_earns_nothing(order: int) -> None:
    counts = table(("AC", 1, 5, 1), ("B", 1, 1, 1), ("CC", 1, 0, 0))
    without_b = counts.taken(np.array([True, False, True]))
    totals = Markov(order).totals(without_b)
    place = without_b.channels.index("B")
    assert totals.conversions[place] == totals.credit[place] == totals.facts["removal_effect"][place] == 0.0
    assert totals.conversions.sum() == pytest.approx(2.0)


@pytest.mark.parametrize("order", [1, 2])
def test_paths_that_weights_take_away_are_as_if_they_were_not_there(order: int) -> None:
    counts = table(("ABC", 1, 5, 1), ("BCA", 2, 3, 0), ("A", 1, 4, 4), ("CD", 1, 1, 1))
    kept = np.array([1, 0, 1, 0], dtype=np.uint8)
    totals, alone = Markov(order).refits(counts)(kept), Markov(order).totals(counts.taken(kept > 0))
    np.testing.assert_allclose(totals.conversions, alone.conversions, rtol=1e-12)
    np.testing.assert_allclose(totals.credit, alone.credit, rtol=1e-12)
    nobody = Markov(order).refits(counts)(np.zeros(4, dtype=np.uint8))
    assert nobody.conversions.tolist() == nobody.credit.tolist() == [0.0] * 4


def test_a_state_worth_less_than_nothing_shares_value_by_conversions() -> None:
    counts = table(("AB", 1, -10, 0), ("A", 1, 50, 1))
    totals = Markov().totals(counts)
    np.testing.assert_allclose(totals.credit, totals.conversions * 40 / 2)
    worthless = Markov().totals(table(("AB", 1, 0, 0), ("A", 1, 0, 1)))
    assert worthless.credit.tolist() == [0.0, 0.0]
    # One refund among better orders of the same state does not: A's are worth 40 together.
    mixed, merged = table(("A", 1, -10, 1), ("A", 1, 50, 0), ("BA", 1, 1, 0)), table(("A", 2, 40, 1), ("BA", 1, 1, 0))
    np.testing.assert_allclose(Markov().totals(mixed).credit, Markov().totals(merged).credit, rtol=1e-12)


def test_value_of_a_path_that_nobody_went_is_shared_like_the_rest() -> None:
    counts = table(("A", 1, 0, 1), ("B", 0, 6, 0))
    assert by_channel(Markov(), counts, "credit") == {"A": 6.0, "B": 0.0}


def test_too_many_states_are_an_error_before_any_matrix(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(path_graph, "_steps", lambda *_: pytest.fail("too late"))
    names = [f"c{number}" for number in range(5_001)]
    counts = PathCounts.from_strings(names)
    with pytest.raises(TooManyStatesError, match=r"at most 5,000 states, but these paths have 5,001\. Group touches"):
        Markov().totals(counts)
    pairs = PathCounts.from_strings([f"{one} > {other}" for one in names[:71] for other in names[:71]])
    with pytest.raises(
        TooManyStatesError, match=r"Markov\(order=2\).* have 5,041\. Use a lower order than 2"
    ) as caught:
        MarkovJourney(order=2).fit(pairs)
    assert (caught.value.states, caught.value.limit) == (5_041, 5_000)


@pytest.mark.parametrize("order", [0, -1, 1.0, "2", True, None])
@pytest.mark.parametrize("model", [Markov, MarkovJourney])
def test_an_order_is_a_whole_number_from_one_on(model: Any, order: Any) -> None:
    with pytest.raises(OptionError, match="a whole number from 1 on"):
        model(order=order)


# Within journeys


def test_touches_share_by_the_effects_of_their_channels() -> None:
    """Effects A 1/2, B 1 (first test): A > B gives B two thirds; an unknown C gets nothing beside A."""
    fitted = MarkovJourney().fit(table(("AB", 1, 10, 0), ("A", 0, 0, 1), ("B", 1, 50, 0)))
    assert isinstance(fitted, RemovalEffects)
    assert fitted.of == pytest.approx({"A": 1 / 2, "B": 1.0})
    others = table(("CA", 1, 0, 0), ("BAA", 1, 0, 0), ("CC", 1, 0, 0), ("", 1, 0, 0))
    assert weigh(others, fitted) == pytest.approx([0.0, 1.0, 1 / 2, 1 / 4, 1 / 4, 1 / 2, 1 / 2])
    again = MarkovJourney().refits(others)(np.array([1.0, 2.0, 0.0, 1.0]))
    assert again == MarkovJourney().fit(others.weighted(np.array([1.0, 2.0, 0.0, 1.0])))


def test_models_are_what_they_say_they_are() -> None:
    assert isinstance(MODELS["markov"](), TotalModel)
    assert not isinstance(MODELS["markov"](), TouchModel | FittedModel)
    assert isinstance(MODELS["markov_journey"](), FittedModel)
    assert not isinstance(MODELS["markov_journey"](), TouchModel | TotalModel)
    assert MarkovJourney(2) == MarkovJourney(order=2) != MarkovJourney()


# The table of steps


def test_the_table_of_steps() -> None:
    """A > B converts, A does not: A → B 1/2, A → null 1/2. C is on no path that anybody went."""
    steps = transition_table(table(("AAB", 1, 0, 0), ("A", 0, 0, 1), ("C", 0, 0, 0)))
    labels = ["(start)", "A", "B", "(conversion)", "(null)"]
    assert list(steps.index) == list(steps.columns) == labels
    assert steps.to_numpy().tolist() == [
        [0.0, 1.0, 0.0, 0.0, 0.0],
        [0.0, 0.0, 0.5, 0.0, 0.5],
        [0.0, 0.0, 0.0, 1.0, 0.0],
        [0.0, 0.0, 0.0, 1.0, 0.0],
        [0.0, 0.0, 0.0, 0.0, 1.0],
    ]


def test_states_of_two_channels_and_labels_that_are_taken() -> None:
    plain = table(("AB", 1, 0, 0), ("C", 1, 0, 0), ("D", 1, 0, 0))
    counts = PathCounts(**{**vars(plain), "channels": ("(start)", "x", "(start) > x", "(null)")})
    labels = list(transition_table(counts, order=2).index)
    assert labels[0] == "(start)"
    assert sorted(labels[1:-2]) == ["(null) (2)", "(start) > x", "(start) > x (2)"]
    assert labels[-2:] == ["(conversion)", "(null)"]
    assert "(start) (2)" in transition_table(counts).index


def test_no_paths_lead_to_null() -> None:
    assert transition_table(PathCounts.from_strings([])).to_numpy().tolist() == [[0, 0, 1], [0, 1, 0], [0, 0, 1]]


# Laws


rows = st.lists(
    st.tuples(
        st.text("ABCD", max_size=6),
        st.integers(0, 4).map(float),
        st.integers(0, 50).map(float),
        st.integers(0, 4).map(float),
    ),
    min_size=1,
    max_size=8,
)
orders = st.integers(1, 4)


def walked(given_rows: list[Row], order: int, removed: str | None = None) -> float:
    """P(conversion) of the chain, by sending mass along it until none is left to speak of.

    States are tuples of letters; those with the removed letter lead to null.
    """
    counted: dict[Any, Counter[Any]] = defaultdict(Counter)
    for path, conversions, _, nulls in given_rows:
        if not path:
            continue
        grams = [path] if len(path) < order else [path[at : at + order] for at in range(len(path) - order + 1)]
        states = ["start", *(tuple(gram) for at, gram in enumerate(grams) if not at or gram != grams[at - 1])]
        for before, after in pairwise(states):
            counted[before][after] += conversions + nulls
        counted[states[-1]]["conversion"] += conversions
        counted[states[-1]]["null"] += nulls
    mass, converted = {"start": 1.0}, 0.0
    for _ in range(20_000):
        moved: dict[Any, float] = defaultdict(float)
        for state, share in mass.items():
            total = sum(counted[state].values())
            for after, count in counted[state].items():
                if count and after == "conversion":
                    converted += share * count / total
                elif count and after != "null" and not (removed and removed in after):
                    moved[after] += share * count / total
        mass = moved
        if sum(mass.values()) < 1e-15:
            break
    return converted


@settings(max_examples=60)
@given(rows, orders)
def test_effects_are_those_of_the_walked_chain(drawn: list[Row], order: int) -> None:
    counts = table(*drawn)
    found = Markov(order).totals(counts).facts["removal_effect"]
    whole = walked(drawn, order)
    expected = [1 - walked(drawn, order, name) / whole if whole else 0.0 for name in counts.channels]
    np.testing.assert_allclose(found, expected, atol=1e-9)
    assert ((found >= 0) & (found <= 1)).all()


@settings(max_examples=60)
@given(rows)
def test_with_an_order_beyond_every_path_the_walks_are_the_paths(drawn: list[Row]) -> None:
    counts = table(*drawn)
    total = sum(conversions for path, conversions, *_ in drawn if path)
    for name, effect in zip(counts.channels, Markov(7).totals(counts).facts["removal_effect"], strict=True):
        with_name = sum(conversions for path, conversions, *_ in drawn if name in path)
        assert effect == pytest.approx(with_name / total if total else 0.0)


@settings(max_examples=60)
@given(rows, orders)
def test_totals_are_what_paths_with_touches_earned(drawn: list[Row], order: int) -> None:
    totals = Markov(order).totals(table(*drawn))
    conversions = sum(row[1] for row in drawn if row[0])
    assert totals.conversions.sum() == pytest.approx(conversions)
    if conversions:
        assert totals.credit.sum() == pytest.approx(sum(row[2] for row in drawn if row[0]))


@settings(max_examples=60)
@given(rows, orders, st.randoms(use_true_random=False))
def test_shuffled_split_and_merged_paths_earn_the_same(drawn: list[Row], order: int, random: Any) -> None:
    counts = table(*drawn)
    halves = [
        (path, conversions / 2, value / 2, nulls / 2) for path, conversions, value, nulls in drawn for _ in range(2)
    ]
    random.shuffle(halves)
    expected = Markov(order).totals(counts)
    for other in (table(*halves), counts.distinct(), counts + table()):
        totals = Markov(order).totals(other)
        place = [other.channels.index(name) for name in counts.channels]
        np.testing.assert_allclose(totals.conversions[place], expected.conversions, rtol=1e-12, atol=1e-12)
        np.testing.assert_allclose(totals.credit[place], expected.credit, rtol=1e-12, atol=1e-12)


@settings(max_examples=60)
@given(rows, orders, st.data())
def test_a_refit_is_a_fit_of_weighted_paths(drawn: list[Row], order: int, data: Any) -> None:
    counts = table(*drawn)
    weights = data.draw(st.lists(st.integers(0, 3), min_size=len(drawn), max_size=len(drawn)))
    for kind in (np.uint8, np.float64):
        refit = Markov(order).refits(counts)(np.array(weights, dtype=kind))
        fit = Markov(order).totals(counts.weighted(np.array(weights, dtype=np.float64)))
        np.testing.assert_allclose(refit.conversions, fit.conversions, rtol=1e-12, atol=1e-12)
        np.testing.assert_allclose(refit.credit, fit.credit, rtol=1e-12, atol=1e-12)


def test_weights_are_counted_alike_whatever_they_are_made_of() -> None:
    """Where each path is one person, bytes are added as bytes: 300 of them do not overflow."""
    counts = PathCounts.from_strings(["A > B", "B"] * 300, nulls=[0] * 600)
    ones, bytes_ = np.ones(600), np.full(600, 255, dtype=np.uint8)
    refit = Markov().refits(counts)
    np.testing.assert_allclose(refit(bytes_).conversions, refit(ones).conversions * 255)


@settings(max_examples=30)
@given(rows, orders)
def test_rows_of_the_table_sum_to_one(drawn: list[Row], order: int) -> None:
    steps = transition_table(table(*drawn), order)
    np.testing.assert_allclose(steps.sum(axis=1), 1.0, rtol=1e-12)
    assert (steps.to_numpy() >= 0).all()
    assert list(steps.index) == list(steps.columns)


# The public example


@pytest.fixture(scope="module")
def pathdata() -> PathCounts:
    given_table = pd.read_csv(PATHDATA / "PathData.csv", sep=";")
    return PathCounts.from_strings(
        given_table["path"],
        conversions=given_table["total_conversions"],
        value=given_table["total_conversion_value"],
        nulls=given_table["total_null"],
    )


@needs_pathdata
def test_the_public_example(pathdata: PathCounts) -> None:
    expected = pd.read_csv(PATHDATA / "expected.csv").set_index("channel_name")
    found = Markov().allocate(pathdata).set_index("channel").loc[expected.index]
    for name, column in [
        ("removal_effect", "markov1_null_removal"),
        ("conversions", "markov1_null_conversions"),
        ("credit", "markov1_null_value"),
    ]:
        np.testing.assert_allclose(found[name], expected[column], rtol=1e-9)


@needs_pathdata
@pytest.mark.parametrize(("order", "states"), [(1, 12), (2, 120), (3, 933), (4, 3_975)])
def test_the_states_of_the_public_example(pathdata: PathCounts, order: int, states: int) -> None:
    assert len(path_graph.path_graph(pathdata, order).states) == states


@needs_pathdata
@pytest.mark.parametrize("order", [1, 2, 3])
def test_the_same_to_the_last_bit(pathdata: PathCounts, order: int) -> None:
    one, other = (Markov(order).totals(pathdata) for _ in range(2))
    assert one.conversions.tobytes() == other.conversions.tobytes()
    assert one.credit.tobytes() == other.credit.tobytes()
    assert one.conversions.sum() == pytest.approx(pathdata.conversions.sum(), rel=1e-12)
    assert one.credit.sum() == pytest.approx(pathdata.value.sum(), rel=1e-12)
