"""Why a model shared a journey as it did, in words."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Any, Final

from datalyr_notebook.attribution import shares
from datalyr_notebook.attribution.markov import MarkovJourney
from datalyr_notebook.attribution.rules import RuleModel
from datalyr_notebook.attribution.shapley import Shapley
from datalyr_notebook.journeys.lookback import UNLIMITED, Lookback
from datalyr_notebook.journeys.windows import Journeys
from datalyr_notebook.rendering import counted, percent

SHARING: Final[Mapping[type, Callable[[Any], str]]] = {
    shares.Linear: lambda model: f"the same share for every {model.per}",
    shares.TimeDecay: lambda model: (
        f"shares by age: half for every {counted_days(model.half_life_days)} that a touch is older"
    ),
    shares.PositionBased: lambda model: (
        f"{percent(model.first)} for the first touch, {percent(model.last)} for the last, the rest for those between"
    ),
    shares.WShaped: lambda model: (
        f"30% each for the first touch, the last before {model.stage} and the last; 10% for the rest"
    ),
    shares.FullPath: lambda model: (
        f"22.5% each for the first touch, the last before {model.lead}, the last before {model.opportunity} and the "
        "last; 10% for the rest"
    ),
    shares.CustomWeights: lambda _: "its own weights",
    Shapley: lambda _: "the same share for every channel, which is its Shapley value",
    MarkovJourney: lambda _: "shares by the removal effect of each touch's channel among everybody's paths",
}
"""How the models that share a conversion out do it; a subclass shares as its base does. Rule models say
in ``RuleModel.choices`` what they look for."""

_UNKNOWN: Final = "its own weights"


def reason(model: object, journey: Journeys, *, kind: str, lookback: Lookback) -> str:
    """Why ``model`` shared one journey, which has touches, as it did; ``kind``: what the conversion is called.

    A phrase without a capital and a full stop.
    """
    before = _before(lookback)
    if len(journey.channel) == 1:
        return f"the only touch {before}"
    if isinstance(model, RuleModel):
        return _of_rule(model, journey).replace("{conversion}", kind).replace("{before}", before)
    told = next((SHARING[base] for base in type(model).__mro__ if base in SHARING), None)
    return _UNKNOWN if told is None else told(model) + _without_stages(model, journey)


def _without_stages(model: object, journey: Journeys) -> str:
    """Which of the model's stages the journey lacks, so that its shares are others."""
    names = [stage for stage in getattr(model, "stage_events", ()) if journey.stages.get(stage, [-1])[0] < 0]
    return f"; here without {' and '.join(names)}, and scaled up to 100%" if names else ""


def counted_days(days: float) -> str:
    """A number of days with its noun.

    >>> counted_days(7.0), counted_days(1), counted_days(0.5)
    ('7 days', '1 day', '0.5 days')
    """
    return counted(int(days), "day") if float(days).is_integer() else f"{days:g} days"


def _of_rule(model: RuleModel, journey: Journeys) -> str:
    """The choice that the journey has, and what it lacks of the one before."""
    lacking = ""
    for choice in model.choices:
        if choice.places(journey)[0] >= 0:
            return f"{lacking}, so {choice.says}" if lacking else choice.says
        lacking = choice.lacking
    return _UNKNOWN


def _before(lookback: Lookback) -> str:
    if lookback.by_source or lookback.others_us == UNLIMITED:
        return "before it"
    return f"in the {lookback} before it"
