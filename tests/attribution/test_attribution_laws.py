"""Laws of attribution: weights and money conserved, nothing left out in silence, order of rows no matter."""

from __future__ import annotations

import math
from typing import Any

import numpy as np
import pandas as pd
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from hypothesis.extra import numpy as hnp

import datalyr_notebook as dn
from datalyr_notebook.attribution.credit import weigh
from datalyr_notebook.attribution.groups import touch_groups
from datalyr_notebook.attribution.models import MODELS
from datalyr_notebook.attribution.protocol import TouchModel
from datalyr_notebook.attribution.result import Attribution
from datalyr_notebook.attribution.shares import CustomWeights, Linear, PositionBased, TimeDecay, WShaped
from datalyr_notebook.attribution.tables.totals import group_sums
from datalyr_notebook.errors import CurrencyError
from datalyr_notebook.journeys.paths import summed
from datalyr_notebook.journeys.windows import Journeys
from tests.strategies import rows, table

TOUCH_MODELS: dict[str, TouchModel] = {
    **{name: model for name, make in MODELS.items() if isinstance(model := make(), TouchModel)},
    "staged": WShaped(stage="$identify"),
    "by_channel": Linear(per="channel"),
    "fast_decay": TimeDecay(half_life_days=0.01),
    "most_last": PositionBased(first=0.1, last=0.9),
    "own": CustomWeights((0.3, 0, 7)),
}


@st.composite
def random_journeys(draw: st.DrawFn) -> Journeys:
    """Journeys drawn as arrays: empty ones, ages of centuries, any flags, stages anywhere."""
    lengths = draw(hnp.arrays(np.int64, st.integers(1, 8), elements=st.integers(0, 9)))
    places = int(lengths.sum())
    flags = hnp.arrays(np.bool_, places)
    ages = draw(hnp.arrays(np.float64, places, elements=st.floats(0, 1e5)))
    journey = np.repeat(np.arange(len(lengths)), lengths)
    reached = hnp.arrays(np.float64, len(lengths), elements=st.floats(0, 1, exclude_max=True))
    return Journeys(
        indptr=np.append([0], np.cumsum(lengths)),
        touch=np.arange(places),
        age_days=ages[np.lexsort((-ages, journey))],
        channel=draw(hnp.arrays(np.int64, places, elements=st.integers(0, 2))),
        channels=("Email", "Paid Social", "Direct"),
        is_click=draw(flags),
        is_direct=draw(flags),
        same_session=draw(flags),
        value=draw(hnp.arrays(np.float64, len(lengths), elements=st.floats(0, 1e6))),
        stages={name: np.floor(draw(reached) * (lengths + 1)).astype(np.int64) - 1 for name in ("lead", "opportunity")},
    )


@settings(max_examples=40)
@given(given_=random_journeys())
def test_weights_of_a_journey_sum_to_one_under_every_touch_model(given_: Journeys) -> None:
    ends = list(zip(given_.indptr[:-1], given_.indptr[1:], strict=True))
    for model in TOUCH_MODELS.values():
        weights = weigh(given_, model)
        assert (weights >= 0).all()
        assert all(abs(math.fsum(weights[start:end]) - 1) <= 1e-12 for start, end in ends if end > start)
        assert np.array_equal(weights, weigh(given_, model))
        # A journey's weights are its own: alone it has the same, to the last bit.
        for one, (start, end) in enumerate(ends):
            alone = given_.take(np.arange(len(ends)) == one)
            assert np.array_equal(weigh(alone, model), weights[start:end])


@settings(max_examples=60)
@given(data=st.data(), groups=st.integers(1, 4))
def test_sums_are_exact_in_any_order(data: st.DataObject, groups: int) -> None:
    """As exact as the sum of Python's math module, which rounds once."""
    values = data.draw(hnp.arrays(np.float64, st.integers(0, 40), elements=st.floats(-1e12, 1e12)))
    group = data.draw(hnp.arrays(np.int64, len(values), elements=st.integers(0, groups - 1)))
    order = np.array(data.draw(st.permutations(range(len(values)))), dtype=np.int64)
    found = summed(group, values, groups)
    assert np.array_equal(found, summed(group[order], values[order], groups))
    exact = [math.fsum(values[group == number]) for number in range(groups)]
    np.testing.assert_allclose(found, exact, rtol=1e-15, atol=1e-20 * np.abs(values).max(initial=0))


LOOKBACKS = st.sampled_from(
    [None, "1h", "90min", "platform", {"facebook": "1h", "others": None}, {"google": "50min", "direct": "2h"}]
)
CHANNELS = st.lists(
    st.sampled_from(["Direct", "Paid Search", "Organic Search", "Paid Social", "Organic Social", "Unassigned"]),
    min_size=1,
    unique=True,
)
PATHS = st.lists(
    st.sampled_from(
        ["exposure", "first", "unique", "last(2)", "remove_if_last_and_not_all(Direct)", "remove_if_not_all(Direct)"]
    ),
    max_size=2,
)
OPTIONS = st.fixed_dictionaries(
    {
        "lookback": LOOKBACKS,
        "touches_feed": st.sampled_from(["every", "next"]),
        "evidence": st.sampled_from(["all", "at_conversion"]),
        "include": st.none() | CHANNELS,
        "exclude": st.none() | CHANNELS,
        "path": PATHS,
        "level": st.sampled_from(["session", "event"]),
        "refunds": st.sampled_from(["net", "ignore"]),
        "conversion": st.sampled_from(["purchase", ["purchase", "pageview"]]),
    }
)


def attributed(found: list[dict[str, Any]], options: dict[str, Any], model: Any = "linear") -> Attribution | None:
    """The result, or None where the drawn orders have several currencies."""
    try:
        return dn.attribute(dn.stitch(table(found)), model=model, **options)
    except CurrencyError:
        return None


@settings(max_examples=25)
@given(found=rows(max_rows=18), options=OPTIONS)
def test_credit_is_conserved_and_nothing_is_left_out_in_silence(
    found: list[dict[str, Any]], options: dict[str, Any]
) -> None:
    result = attributed(found, options, TOUCH_MODELS)
    if result is None:
        return
    left, conversions = result.left_out.groupby("kind")["count"].sum(), len(result.conversion_rows.row)
    assert len(np.unique(result.journeys.touch)) + left.get("touch", 0) == len(result.all_touches().row)
    if options["conversion"] == "purchase":
        asked = result.stitched["event_name"].isin(["purchase", "refund"]).sum()
        assert conversions + left.get("conversion", 0) == asked
    for earned in group_sums(result, touch_groups(result, ("channel",))).values():
        assert earned.conversions.sum() == pytest.approx(conversions, rel=1e-12)
        assert earned.credit.sum() == pytest.approx(np.nansum(result.conversion_rows.value), rel=1e-12)


@settings(max_examples=12)
@given(found=rows(max_rows=18), options=OPTIONS)
def test_the_tables_say_the_same(found: list[dict[str, Any]], options: dict[str, Any]) -> None:
    """Credits add up to totals; each conversion's weights to 1."""
    result = attributed(found, options, ["hybrid", "time_decay"])
    if result is None or not len(result.conversions):
        return
    credit = result.credits
    assert (credit["weight"] > 0).all()
    weights = credit.groupby(["model", "conversion_id"], observed=True)["weight"].sum()
    assert len(weights) == 2 * len(result.conversions)
    assert (abs(weights - 1) <= 1e-12).all()
    by_touch = credit.groupby(["model", "channel"], observed=True)[["weight", "credit"]].sum()
    by_group = result.totals.set_index(["model", "channel"])
    assert by_touch["weight"].to_dict() == pytest.approx(by_group["conversions"].to_dict())
    assert by_touch["credit"].to_dict() == pytest.approx(by_group["credit"].to_dict())
    assert by_group["credit"].sum() == pytest.approx(2 * result.conversions["value"].sum())


@settings(max_examples=12)
@given(found=rows(max_rows=18), options=OPTIONS, data=st.data())
def test_shuffled_rows_give_the_same_to_the_last_bit(
    found: list[dict[str, Any]], options: dict[str, Any], data: st.DataObject
) -> None:
    """Also the order of the rows of the totals."""
    models = ["time_decay", Linear(per="channel"), "participation"]
    one, other = (attributed(some, options, models) for some in (found, data.draw(st.permutations(found))))
    if one is None or other is None:
        assert one is other
        return
    for columns in (["channel"], ["source", "medium"]):
        pd.testing.assert_frame_equal(one.by(columns), other.by(columns), check_exact=True)
    pd.testing.assert_frame_equal(one.left_out, other.left_out, check_exact=True)
    assert shares(one) == shares(other)


def shares(result: Attribution) -> list[tuple[str, str, str, float]]:
    """Every share that a touch has of a conversion."""
    table_ = result.credits[["model", "conversion_id", "touch_id", "weight"]].astype(object)
    return sorted(table_.where(table_.notna(), "").itertuples(index=False, name=None))


@settings(max_examples=8)
@given(found=rows(max_rows=18), options=OPTIONS)
def test_two_runs_agree_to_the_last_bit(found: list[dict[str, Any]], options: dict[str, Any]) -> None:
    stitched = dn.stitch(table(found))
    try:
        one, other = (dn.attribute(stitched, model=TOUCH_MODELS, **options) for _ in range(2))
    except CurrencyError:
        return
    assert all(np.array_equal(one.weights[name], other.weights[name]) for name in TOUCH_MODELS)
    pd.testing.assert_frame_equal(one.totals, other.totals, check_exact=True)


@settings(max_examples=15)
@given(found=rows(max_rows=18), options=OPTIONS, hours=st.tuples(st.integers(1, 8), st.integers(1, 8)))
def test_a_longer_lookback_never_loses_a_touch(
    found: list[dict[str, Any]], options: dict[str, Any], hours: tuple[int, int]
) -> None:
    """Of one source, with all others as they are; before paths are transformed."""
    stitched = dn.stitch(table(found))
    pairs = []
    for longer in sorted(hours):
        lookback = {"facebook": f"{longer}h", "others": "2h"}
        try:
            journeys = dn.attribute(stitched, **{**options, "lookback": lookback, "path": ()}).journeys
        except CurrencyError:
            return
        pairs.append(set(zip(journeys.journey, journeys.touch, strict=True)))
    assert pairs[0] <= pairs[1]


def test_what_is_unattributed_adds_up_in_any_order() -> None:
    """0.1 + 0.2 + 0.3 is another float than 0.3 + 0.2 + 0.1."""
    values = [0.1, 0.2, 0.3, 1e9, 0.7, 1e-7]
    events = pd.DataFrame({"user_id": [f"u{number}" for number in range(len(values))], "value": values}).assign(
        timestamp=pd.Timestamp("2026-01-01T10:00Z"), event_name="purchase", anonymous_id=None
    )
    answers = [
        dn.attribute(dn.stitch(events.iloc[order]), model=["linear", "markov"], exclude="Direct")
        .totals["credit"]
        .tolist()
        for order in ([0, 1, 2, 3, 4, 5], [5, 4, 3, 2, 1, 0], [3, 5, 0, 2, 4, 1])
    ]
    assert answers[0] == answers[1] == answers[2]
