"""Models applied to what was found: the weights of each, and what they need of the events for it."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import replace
from typing import TYPE_CHECKING

import numpy as np
import pandas as pd

from datalyr_notebook import errors, order
from datalyr_notebook.attribution.credit import weigh
from datalyr_notebook.attribution.protocol import FittedModel, Model, TotalModel, TouchModel
from datalyr_notebook.attribution.reading import Evidence, Reading, channel_groups, find_evidence, population
from datalyr_notebook.journeys.conversions import rows_of_converters
from datalyr_notebook.notices import repeated, say
from datalyr_notebook.order import Floats
from datalyr_notebook.progress import steps

if TYPE_CHECKING:
    from datalyr_notebook.attribution.result import Attribution


def model_weights(
    stitched: pd.DataFrame, found: Evidence, models: Mapping[str, Model], reading: Reading
) -> dict[str, Floats]:
    """The weights of each touch model; one that looks at everybody is fitted on everybody's channels first."""
    fitting = [one for one in models.values() if isinstance(one, FittedModel)]
    counts = population(stitched, found, reading, channel_groups(found)).counts if fitting else None
    weights = {}
    with steps("weighing models", len(models)) as step:
        for name, one in models.items():
            step()
            model = one.fit(counts) if isinstance(one, FittedModel) and counts is not None else one
            if isinstance(model, TouchModel):
                weights[name] = weigh(found.journeys, model)
    return weights


def looks_at_all(models: Mapping[str, Model]) -> bool:
    """Whether a model looks at the paths of everybody, also of those who do not convert."""
    return any(isinstance(one, TotalModel | FittedModel) for one in models.values())


def stages_asked(stitched: pd.DataFrame, models: Mapping[str, Model]) -> tuple[str, ...]:
    """The events that models look for in a journey; those that never happen are told."""
    asked = {stage: name for name, one in models.items() for stage in getattr(one, "stage_events", ())}
    for stage, name in asked.items():
        if len(stitched) and not order.is_named(stitched, (stage,)).any():
            say(f"attribute: no event is named {errors.shown(stage)}, the stage that the model {name!r} looks for.")
    return tuple(asked)


def seen_by(result: Attribution, models: Mapping[str, Model]) -> Attribution:
    """The same result with the evidence that these models need.

    Events are read again only for a model that looks at everybody, or for a stage that no model of the
    result looked for. Journeys and their places stay as they are, so the weights stay right.
    """
    stages = tuple(dict.fromkeys((*result.journeys.stages, *stages_asked(result.stitched, models))))
    is_of_all = result.is_of_all or looks_at_all(models)
    if is_of_all == result.is_of_all and len(stages) == len(result.journeys.stages):
        return result
    return read_again(result, stages, is_of_all=is_of_all)


def read_again(result: Attribution, stages: tuple[str, ...], *, is_of_all: bool) -> Attribution:
    """The same result with the evidence of everybody, or of those who convert, and with these stages."""
    reading, at = result.reading, np.arange(len(result.stitched))
    with repeated():
        if not is_of_all:
            at = rows_of_converters(result.stitched, result.kinds, reading.refund_events)
        found = find_evidence(result.stitched, at, result.kinds, reading, stages=stages)
    return replace(result, evidence=found, is_of_all=is_of_all)


def under(result: Attribution, name: str, model: Model) -> Attribution:
    """The result under one model, which finds its evidence there; weights that it has are not worked out again."""
    weights = {name: result.weights[name]} if name in result.weights and result.models[name] is model else None
    if weights is None:
        weights = model_weights(result.stitched, result.evidence, {name: model}, result.reading)
    return replace(result, models={name: model}, weights=weights)
