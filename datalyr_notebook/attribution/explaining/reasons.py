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

SHARING: Final[Mapping[type, Callable[[Any, Journeys], str]]] = {
    shares.Linear: lambda model, _: f"the same share for every {model.per}",
    shares.TimeDecay: lambda model, _: (
        f"shares by age: half for every {counted_days(model.half_life_days)} that a touch is older"
    ),
    shares.PositionBased: lambda model, journey: (
        f"{percent(model.first)} for the first touch, {percent(model.last)} for the last, "
        + ("the rest for those between" if len(journey.channel) > 2 else "in proportion, for none stands between them")
    ),
    shares.WShaped: lambda model, journey: (
        f"30% each for the first touch, the last before {model.stage} and the last; 10% for the rest"
        + _without(model, journey)
    ),
    shares.FullPath: lambda model, journey: (
        f"22.5% each for the first touch, the last before {model.lead}, the last before {model.opportunity} and the "
        "last; 10% for the rest" + _without(model, journey)
    ),
    shares.CustomWeights: lambda _, __: "its own weights",
    Shapley: lambda _, __: "the same share for every channel, which is its Shapley value",
    MarkovJourney: lambda _, __: "shares by the removal effect of each touch's channel among everybody's paths",
}
"""How the models that share a conversion out do it; a subclass shares as its base does. Rule models say
in ``RuleModel.choices`` what they look for."""

_UNKNOWN: Final = "its own weights"


def reason(model: object, journey: Journeys, *, kind: str, lookback: Lookback, is_whole: bool = True) -> str:
    """Why ``model`` shared one journey, which has touches, as it did; ``kind``: what the conversion is called.

    Unless the journey ``is_whole``, the person has touches inside the lookback that do not count, and what is said
    of the first, the last or the only one holds without these. A phrase without a capital and a full stop.
    """
    before, among = _before(lookback), "" if is_whole else "among the touches that count, "
    if len(journey.channel) == 1:
        return f"{among}the only touch {before}"
    if isinstance(model, RuleModel):
        return among + _of_rule(model, journey).replace("{conversion}", kind).replace("{before}", before)
    told = next((SHARING[base] for base in type(model).__mro__ if base in SHARING), None)
    return told(model, journey) if told is not None else _UNKNOWN


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


def _without(model: shares.WShaped | shares.FullPath, journey: Journeys) -> str:
    """What the journey lacks of the touches that a staged model looks for; the others share in proportion."""
    positions = {stage: int(journey.stages[stage][0]) for stage in model.stage_events}
    lacking = [f"a touch before {stage}" for stage, position in positions.items() if position < 0]
    anchors = {0, len(journey.channel) - 1, *(position for position in positions.values() if position >= 0)}
    if len(anchors) == len(journey.channel):
        lacking.append("a rest")
    return f" (without {' and '.join(lacking)}, the others share in proportion)" if lacking else ""


def _before(lookback: Lookback) -> str:
    if lookback.by_source or lookback.others_us == UNLIMITED:
        return "before it"
    return f"in the {lookback} before it"
