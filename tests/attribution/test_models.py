"""Each rule on one journey drawn on paper."""

from __future__ import annotations

import numpy as np
import pytest

from datalyr_notebook.attribution.credit import sum_credit, weigh
from datalyr_notebook.attribution.models import MODELS, resolve
from datalyr_notebook.attribution.protocol import TouchModel
from datalyr_notebook.attribution.rules import Hybrid
from datalyr_notebook.attribution.shares import Linear
from datalyr_notebook.errors import ModelError, OptionError
from datalyr_notebook.journeys.windows import Journeys

TOUCH_MODELS = [name for name, factory in MODELS.items() if hasattr(factory, "weights")]


def journey(touches: str, *, session: int = 0, value: float = 100.0) -> Journeys:
    """One journey from letters in time order: c click, o organic, d direct; the last few in its own session."""
    count = len(touches)
    return Journeys(
        indptr=np.array([0, count]),
        touch=np.arange(count),
        age_days=np.arange(count, 0, -1, dtype=float),
        channel=np.array(["cod".index(one) for one in touches], dtype=np.int64),
        channels=("Paid Social", "Organic Search", "Direct"),
        is_click=np.array([one == "c" for one in touches], dtype=bool),
        is_direct=np.array([one == "d" for one in touches], dtype=bool),
        same_session=np.arange(count) >= count - session,
        value=np.array([value]),
    )


@pytest.mark.parametrize(
    ("model", "touches", "session", "credited"),
    [
        ("first_touch", "ocd", 0, 0),
        ("last_touch", "ocd", 0, 2),
        ("last_non_direct", "ocd", 0, 1),
        ("last_non_direct", "ddd", 0, 2),
        # hybrid: the session's click, else the first click, else the first non-direct, else the last
        ("hybrid", "ccd", 0, 0),
        ("hybrid", "ccd", 2, 1),
        ("hybrid", "cocc", 2, 3),
        ("hybrid", "dood", 0, 1),
        ("hybrid", "ddd", 3, 2),
    ],
)
def test_one_touch_takes_all(model: str, touches: str, session: int, credited: int) -> None:
    weights = MODELS[model]().weights(journey(touches, session=session))
    assert weights.tolist() == [1.0 if place == credited else 0.0 for place in range(len(touches))]


def test_linear_shares_alike() -> None:
    assert Linear().weights(journey("ocdd")).tolist() == [0.25] * 4


@pytest.mark.parametrize("name", TOUCH_MODELS)
def test_a_conversion_without_touches_is_unattributed(name: str) -> None:
    alone = journey("")
    weights = weigh(alone, MODELS[name]())
    sums = sum_credit(alone, weights, np.zeros(0, dtype=np.int64), 1)
    assert sums.conversions.tolist() == [0.0, 1.0]
    assert sums.credit.tolist() == [0.0, 100.0]


@pytest.mark.parametrize("name", TOUCH_MODELS)
def test_empty_journeys_stand_between_others(name: str) -> None:
    """Three conversions: two touches, none, one."""
    three = Journeys(
        indptr=np.array([0, 2, 2, 3]),
        touch=np.array([0, 1, 2]),
        age_days=np.array([2.0, 1.0, 1.0]),
        channel=np.zeros(3, dtype=np.int64),
        channels=("Paid Social",),
        is_click=np.zeros(3, dtype=bool),
        is_direct=np.zeros(3, dtype=bool),
        same_session=np.zeros(3, dtype=bool),
        value=np.array([10.0, 20.0, 30.0]),
    )
    weights = weigh(three, MODELS[name]())
    assert np.add.reduceat(weights, [0, 2]).tolist() == pytest.approx([1.0, 1.0])
    assert sum_credit(three, weights, np.zeros(3, dtype=np.int64), 1).credit.tolist() == pytest.approx([40.0, 20.0])


class Halves:
    """A model that forgets half of the credit."""

    def weights(self, journeys: Journeys) -> np.ndarray:
        return np.full(len(journeys.touch), 0.5 / max(len(journeys.touch), 1))


class TooFew:
    """A model that answers for one touch too few."""

    def weights(self, journeys: Journeys) -> np.ndarray:
        return np.ones(len(journeys.touch) - 1)


class Negative:
    """A model that takes credit away."""

    def weights(self, journeys: Journeys) -> np.ndarray:
        return np.array([2.0, -1.0])


@pytest.mark.parametrize(
    ("model", "words"),
    [(Halves(), "one journey's sum to 0.5"), (TooFew(), "it gave 1 for 2"), (Negative(), "negative or not finite")],
)
def test_weights_that_are_none_are_refused(model: TouchModel, words: str) -> None:
    with pytest.raises(ModelError, match=words):
        weigh(journey("oc"), model)


def test_models_are_asked_for_by_name_object_or_several() -> None:
    assert list(resolve("hybrid")) == ["hybrid"]
    assert resolve([Linear(), "hybrid"]) == {"linear": Linear(), "hybrid": Hybrid()}
    assert resolve({"mine": Linear()}) == {"mine": Linear()}
    with pytest.raises(OptionError, match=r"model='magic' is not known. Use one of 'hybrid', 'first_touch'"):
        resolve("magic")
    with pytest.raises(OptionError):
        resolve([])
    with pytest.raises(OptionError):
        resolve([Linear])  # type: ignore[list-item]
