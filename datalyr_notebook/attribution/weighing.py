"""Models applied to what was found: the weights of each, and what they need of the events for it."""

from __future__ import annotations

from collections.abc import Mapping

import pandas as pd

from datalyr_notebook import errors, order
from datalyr_notebook.attribution.credit import weigh
from datalyr_notebook.attribution.protocol import FittedModel, Model, TotalModel, TouchModel
from datalyr_notebook.attribution.reading import Evidence, Reading, channel_groups, population
from datalyr_notebook.journeys.paths import Floats
from datalyr_notebook.notices import say


def model_weights(
    stitched: pd.DataFrame, found: Evidence, models: Mapping[str, Model], reading: Reading
) -> dict[str, Floats]:
    """The weights of each touch model; one that looks at everybody is fitted on everybody's channels first."""
    fitting = [one for one in models.values() if isinstance(one, FittedModel)]
    counts = population(stitched, found, reading, channel_groups(found)).counts if fitting else None
    weights = {}
    for name, one in models.items():
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
