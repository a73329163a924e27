"""Each model on journeys drawn on paper: weights by hand, from the definitions."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from typing import Any

import numpy as np
import pytest

from datalyr_notebook.attribution.credit import sum_credit, weigh
from datalyr_notebook.attribution.models import MODELS, register_model, resolve
from datalyr_notebook.attribution.protocol import Model, TouchModel
from datalyr_notebook.attribution.rules import FirstTouch, Hybrid, LastNonDirect
from datalyr_notebook.attribution.shares import (
    CustomWeights,
    FullPath,
    InverseJ,
    JShaped,
    Linear,
    PositionBased,
    TimeDecay,
    WShaped,
)
from datalyr_notebook.errors import ModelError, OptionError
from datalyr_notebook.journeys.windows import Journeys

TOUCH_MODELS = [name for name, factory in MODELS.items() if hasattr(factory, "weights")]


def journey(
    touches: str,
    *,
    session: int = 0,
    value: float = 100.0,
    ages: Sequence[float] | None = None,
    stages: Mapping[str, int] | None = None,
) -> Journeys:
    """One journey from letters in time order: c click, o organic, d direct; the last few in its own session.

    ``stages``: stage event → the position of the last touch before it.
    """
    count = len(touches)
    return Journeys(
        indptr=np.array([0, count]),
        touch=np.arange(count),
        age_days=np.arange(count, 0, -1, dtype=float) if ages is None else np.array(ages, dtype=float),
        channel=np.array(["cod".index(one) for one in touches], dtype=np.int64),
        channels=("Paid Social", "Organic Search", "Direct"),
        is_click=np.array([one == "c" for one in touches], dtype=bool),
        is_direct=np.array([one == "d" for one in touches], dtype=bool),
        same_session=np.arange(count) >= count - session,
        value=np.array([value]),
        stages={name: np.array([position]) for name, position in (stages or {}).items()},
    )


@pytest.mark.parametrize(
    ("model", "touches", "session", "credited"),
    [
        ("first_touch", "ocd", 0, 0),
        ("first_touch", "ddo", 3, 0),
        ("last_touch", "ocd", 0, 2),
        ("last_touch", "c", 0, 0),
        ("last_non_direct", "ocd", 0, 1),
        ("last_non_direct", "ooddd", 0, 1),
        ("last_non_direct", "ddd", 0, 2),
        # session_touch: the last touch of the conversion's own session, else the last touch
        ("session_touch", "cod", 2, 2),
        ("session_touch", "codd", 0, 3),
        # last_click: the last click, else the last that is not direct, else the last
        ("last_click", "ccd", 0, 1),
        ("last_click", "cood", 3, 0),
        ("last_click", "dood", 0, 2),
        ("last_click", "ddd", 0, 2),
        # hybrid: the session's click, else the first click, else the first non-direct, else the last
        ("hybrid", "ccd", 0, 0),
        ("hybrid", "ccd", 2, 1),
        ("hybrid", "cocc", 2, 3),
        ("hybrid", "cccd", 1, 0),
        ("hybrid", "docod", 1, 2),
        ("hybrid", "dood", 0, 1),
        ("hybrid", "ddd", 3, 2),
    ],
)
def test_one_touch_takes_all(model: str, touches: str, session: int, credited: int) -> None:
    weights = MODELS[model]().weights(journey(touches, session=session))
    assert weights.tolist() == [1.0 if place == credited else 0.0 for place in range(len(touches))]


def test_a_session_may_stand_in_the_middle_of_a_journey() -> None:
    """An app touches after the visit in which the order came in: the visit's own touch still is the session's."""
    three = journey("coo")
    own = Journeys(**{**vars(three), "same_session": np.array([True, True, False])})
    assert MODELS["session_touch"]().weights(own).tolist() == [0.0, 1.0, 0.0]
    assert MODELS["hybrid"]().weights(own).tolist() == [1.0, 0.0, 0.0]


@pytest.mark.parametrize(
    ("model", "touches", "weights"),
    [
        (Linear(), "ocdd", [1 / 4] * 4),
        (Linear(per="channel"), "oodc", [1 / 6, 1 / 6, 1 / 3, 1 / 3]),
        (Linear(per="channel"), "odo", [1 / 4, 1 / 2, 1 / 4]),
        (Linear(per="channel"), "ccc", [1 / 3] * 3),
        (PositionBased(), "c", [1]),
        (PositionBased(), "co", [1 / 2, 1 / 2]),
        (PositionBased(), "cod", [0.4, 0.2, 0.4]),
        (PositionBased(), "ccod", [0.4, 0.1, 0.1, 0.4]),
        (JShaped(), "c", [1]),
        (JShaped(), "co", [1 / 4, 3 / 4]),
        (JShaped(), "cod", [0.2, 0.2, 0.6]),
        (JShaped(), "ccod", [0.2, 0.1, 0.1, 0.6]),
        (InverseJ(), "c", [1]),
        (InverseJ(), "co", [3 / 4, 1 / 4]),
        (InverseJ(), "cod", [0.6, 0.2, 0.2]),
        (InverseJ(), "ccod", [0.6, 0.1, 0.1, 0.2]),
        # 1 - 0.9 - 0.1 is a little less than nothing in floats
        (PositionBased(first=0.9, last=0.1), "cod", [0.9, 0, 0.1]),
        (PositionBased(first=0, last=0.5), "cod", [0, 0.5, 0.5]),
        (PositionBased(first=1, last=0), "co", [1, 0]),
        (CustomWeights((3, 1)), "c", [1]),
        (CustomWeights((3, 1)), "co", [3 / 4, 1 / 4]),
        (CustomWeights((3, 1)), "codd", [3 / 6, 1 / 6, 1 / 6, 1 / 6]),
        (CustomWeights((1, 2, 5, 9)), "co", [1 / 3, 2 / 3]),
        (CustomWeights([0, 0]), "cod", [1 / 3] * 3),
        (CustomWeights(lambda journeys: journeys.age_days), "cod", [3 / 6, 2 / 6, 1 / 6]),
        (CustomWeights(lambda journeys: [0] * len(journeys.channel)), "co", [1 / 2, 1 / 2]),
    ],
)
def test_touches_share(model: TouchModel, touches: str, weights: list[float]) -> None:
    assert weigh(journey(touches), model).tolist() == pytest.approx(weights, abs=1e-15)


@pytest.mark.parametrize(
    ("half_life", "ages", "weights"),
    [
        # the worked numbers: whole days, a half-life of 7
        (7, [9, 6, 0, 0], [0.138, 0.186, 0.338, 0.338]),
        # 8 days before gets half of what 1 day before gets
        (7, [8, 1], [1 / 3, 2 / 3]),
        (7, [15, 8, 1], [1 / 7, 2 / 7, 4 / 7]),
        (1.5, [3, 1.5, 0], [1 / 7, 2 / 7, 4 / 7]),
        # continuous: 84 hours are half of a half-life
        (7, [3.5, 0], [2**-0.5 / (1 + 2**-0.5), 1 / (1 + 2**-0.5)]),
        # very old: the youngest is subtracted first, so nothing underflows to nothing over nothing
        (7, [10_007, 10_000], [1 / 3, 2 / 3]),
        (7, [20_000, 10_000], [0, 1]),
        (0.001, [10_000], [1]),
    ],
)
def test_time_decay(half_life: float, ages: list[float], weights: list[float]) -> None:
    found = weigh(journey("c" * len(ages), ages=ages), TimeDecay(half_life_days=half_life))
    assert found.tolist() == pytest.approx(weights, abs=5e-4 if weights[0] == 0.138 else 1e-12)


@pytest.mark.parametrize(
    ("touches", "lead", "weights"),
    [
        ("ccccc", 2, [0.3, 0.05, 0.3, 0.05, 0.3]),
        # no lead in the journey, or one before its first touch: 0.3 + 0.3 + 0.1, renormalized
        ("ccccc", -1, [3 / 7, 1 / 21, 1 / 21, 1 / 21, 3 / 7]),
        # no rest: 0.3 each, renormalized
        ("ccc", 1, [1 / 3, 1 / 3, 1 / 3]),
        # one touch that is two anchors gets both shares
        ("ccc", 0, [0.6, 0.1, 0.3]),
        ("ccc", 2, [0.3, 0.1, 0.6]),
        ("cc", 1, [1 / 3, 2 / 3]),
        ("cc", -1, [1 / 2, 1 / 2]),
        ("c", 0, [1]),
        ("c", -1, [1]),
    ],
)
def test_w_shaped(touches: str, lead: int, weights: list[float]) -> None:
    given = journey(touches, stages={"lead": lead})
    assert weigh(given, WShaped()).tolist() == pytest.approx(weights, abs=1e-15)
    renamed = journey(touches, stages={"lead": 0, "signup": lead})
    assert weigh(renamed, WShaped(stage="signup")).tolist() == pytest.approx(weights, abs=1e-15)


@pytest.mark.parametrize(
    ("touches", "lead", "opportunity", "weights"),
    [
        ("cccccc", 1, 3, [0.225, 0.225, 0.05, 0.225, 0.05, 0.225]),
        ("cccc", 1, 2, [1 / 4] * 4),
        # two stages behind one touch: both shares, no rest
        ("ccc", 1, 1, [1 / 4, 1 / 2, 1 / 4]),
        ("ccc", 0, 2, [0.45, 0.1, 0.45]),
        # no opportunity: 3 anchors and the rest make 0.775
        ("cccc", 1, -1, [9 / 31, 9 / 31, 4 / 31, 9 / 31]),
        ("cccc", -1, -1, [0.225 / 0.55, 0.05 / 0.55, 0.05 / 0.55, 0.225 / 0.55]),
        ("cc", 0, 1, [1 / 2, 1 / 2]),
        ("c", 0, 0, [1]),
    ],
)
def test_full_path(touches: str, lead: int, opportunity: int, weights: list[float]) -> None:
    given = journey(touches, stages={"lead": lead, "opportunity": opportunity})
    assert weigh(given, FullPath()).tolist() == pytest.approx(weights, abs=1e-15)


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


class Answers:
    """A model that answers what it was told."""

    def __init__(self, given: Any) -> None:
        self.given = given

    def weights(self, journeys: Journeys) -> Any:
        return self.given


WRONG = [
    ([2.0, -1.0], "some are negative or not finite"),
    ([np.nan, 1.0], "some are negative or not finite"),
    ([1.0], "it gave 1 for 2"),
    (1.0, r"it gave an array of shape \(\) for 2"),
    (None, r"it gave an array of shape \(\) for 2"),
    ([[0.5], [0.5]], r"it gave an array of shape \(2, 1\) for 2"),
    (["a", "b"], r"it gave \['a', 'b'\]"),
    ([[1], [1, 2]], r"it gave \[\[1\], \[1, 2\]\]"),
]


@pytest.mark.parametrize(("given", "words"), [*WRONG, ([0.25, 0.25], "one journey's sum to 0.5")])
def test_weights_that_are_none_are_refused(given: Any, words: str) -> None:
    with pytest.raises(ModelError, match=rf"^attribute needs of Answers.weights one number ≥ 0 a touch, .*{words}"):
        weigh(journey("oc"), Answers(given))


@pytest.mark.parametrize(("given", "words"), WRONG)
def test_a_function_of_your_own_is_checked_before_it_is_renormalized(given: Any, words: str) -> None:
    with pytest.raises(ModelError, match=rf"CustomWeights.weights .*{words}"):
        weigh(journey("oc"), CustomWeights(lambda _: given))


def test_your_own_numbers_are_checked() -> None:
    for numbers in ((1, -1), (1, np.inf), (np.nan, 1)):
        with pytest.raises(ModelError, match="some are negative or not finite"):
            weigh(journey("oc"), CustomWeights(numbers))


@pytest.mark.parametrize(
    ("make", "words"),
    [
        (lambda: Linear(per="visit"), "Linear: per='visit' is not known. Use one of 'touch', 'channel'"),
        (
            lambda: TimeDecay(half_life_days=0),
            "TimeDecay: half_life_days=0 is not known. Use a positive number of days",
        ),
        (lambda: TimeDecay(half_life_days=-1.0), "half_life_days=-1.0"),
        (lambda: TimeDecay(half_life_days=float("nan")), "half_life_days=nan"),
        (lambda: TimeDecay(half_life_days=float("inf")), "half_life_days=inf"),
        (lambda: TimeDecay(half_life_days="7D"), "half_life_days='7D'"),  # type: ignore[arg-type]
        (lambda: PositionBased(first=0.7, last=0.6), r"PositionBased: first, last=\(0.7, 0.6\) is not known"),
        (lambda: PositionBased(first=-0.1), "shares ≥ 0 of the first and the last touch"),
        (lambda: PositionBased(first=0, last=0), "and not to nothing"),
        (lambda: PositionBased(first="40%"), r"first, last=\('40%', 0.4\)"),  # type: ignore[arg-type]
        (lambda: JShaped(last=float("nan")), r"JShaped: first, last=\(0.2, nan\)"),
        (lambda: CustomWeights(()), r"CustomWeights: given=\(\) is not known. Use numbers by position"),
        (lambda: CustomWeights(("a", 1)), "numbers by position"),  # type: ignore[arg-type]
        (lambda: CustomWeights(5), "numbers by position"),  # type: ignore[arg-type]
    ],
)
def test_parameters_that_are_none_are_refused(make: Callable[[], Model], words: str) -> None:
    with pytest.raises(OptionError, match=words):
        make()


def test_numpy_numbers_are_numbers() -> None:
    assert TimeDecay(half_life_days=np.int64(3)).half_life_days == 3
    assert PositionBased(first=np.float64(0.5), last=np.float32(0.25)).first == 0.5


def test_models_are_asked_for_by_name_object_or_several() -> None:
    assert list(resolve("hybrid")) == ["hybrid"]
    assert resolve([Linear(), "hybrid"]) == {"linear": Linear(), "hybrid": Hybrid()}
    assert resolve({"mine": Linear(), "theirs": "first_touch"}) == {"mine": Linear(), "theirs": FirstTouch()}
    assert resolve(LastNonDirect()) == {"last_non_direct": LastNonDirect()}
    assert resolve(["linear", "linear"]) == {"linear": Linear()}
    assert list(resolve([Answers(1), Answers(2)])) == ["Answers", "Answers_2"]


def test_several_of_one_class_are_numbered_and_none_is_lost() -> None:
    halves = [TimeDecay(half_life_days=days) for days in (1, 7, 30)]
    assert resolve(halves) == dict(zip(["time_decay", "time_decay_2", "time_decay_3"], halves, strict=True))
    by_channel = Linear(per="channel")
    assert resolve(["linear", by_channel]) == {"linear": Linear(), "linear_2": by_channel}
    assert resolve([by_channel, "linear"]) == {"linear": by_channel, "linear_2": Linear()}


def test_a_class_in_place_of_an_object_is_told_its_brackets() -> None:
    with pytest.raises(OptionError, match=r"attribute: model='TimeDecay' is not known. Use an object, TimeDecay\(\),"):
        resolve([TimeDecay])  # type: ignore[list-item]


@pytest.mark.parametrize("given", ["magic", [], {}, ["hybrid", 5], None, {"mine": "magic"}])
def test_models_that_are_none_are_refused(given: Any) -> None:
    with pytest.raises(OptionError, match=r"attribute: model=.* is not known. Use one of 'hybrid', 'first_touch'"):
        resolve(given)


def test_a_registered_model_is_found_by_its_name() -> None:
    register_model("month_decay", lambda: TimeDecay(half_life_days=30))
    try:
        assert resolve("month_decay") == {"month_decay": TimeDecay(half_life_days=30)}
        register_model("month_decay", lambda: TimeDecay(half_life_days=31))  # a cell that runs again
        assert resolve("month_decay") == {"month_decay": TimeDecay(half_life_days=31)}
        with pytest.raises(OptionError, match=r"register_model: name='linear' is not known. Use a name that is not"):
            register_model("linear", TimeDecay)
    finally:
        del MODELS["month_decay"]


@pytest.mark.parametrize("factory", [Linear(), lambda: 5, CustomWeights, lambda: Linear])
def test_a_factory_that_makes_no_model_is_refused(factory: Any) -> None:
    with pytest.raises(OptionError, match=r"register_model: factory=.* Use a class or function that makes a model"):
        register_model("mine", factory)
    assert "mine" not in MODELS
    with pytest.raises(OptionError, match="register_model: name=' '"):
        register_model(" ", Linear)
