"""Credit by period: what each group of touches earned in each day, week or month."""

from __future__ import annotations

from collections.abc import Iterable
from typing import TYPE_CHECKING, Final, NamedTuple

import numpy as np
import pandas as pd

from datalyr_notebook import errors, options, order
from datalyr_notebook.attribution.groups import grouping, touch_groups
from datalyr_notebook.journeys.calendar import CALENDAR, periods
from datalyr_notebook.journeys.paths import summed
from datalyr_notebook.order import Floats

if TYPE_CHECKING:
    from datalyr_notebook.attribution.result import Attribution

DATES: Final = ("touch", "conversion")
"""Which instant decides the period."""


class PeriodCredit(NamedTuple):
    """What groups earned in periods, under one touch model."""

    model: str
    starts: pd.DatetimeIndex
    """Start of each period, UTC, in order of time; periods in which nothing was earned are left away."""
    groups: pd.DataFrame
    """One row a group, a column a grouping column; ``unattributed`` comes last."""
    conversions: Floats
    """Groups by periods: sum of weights."""
    credit: Floats
    """Groups by periods: sum of weight times value."""


def credit_by_period(
    step: str, result: Attribution, *, period: str, date: str, by: str | Iterable[str], model: str | None
) -> PeriodCredit:
    """Credit by group and period of one model's touches, or of the conversions that they led to.

    ``period``: ``"day"``, ``"week"`` (starts on Monday) or ``"month"``, in UTC. ``model``: a touch model of the
    result; None: its first. A conversion without a touch has no touch's date: it counts at its own.
    Raises OptionError.
    """
    unit = options.one_of(step, "period", period, CALENDAR)
    dated = options.one_of(step, "date", date, DATES)
    name = _touch_model(step, result, model)
    groups, journeys = touch_groups(result, grouping(by)), result.journeys
    time = order.microseconds(result.stitched)
    at = time[result.conversion_rows.row]
    alone = np.flatnonzero(journeys.lengths == 0)
    touched = time[result.evidence.touches.row][journeys.touch] if dated == "touch" else at[journeys.journey]
    place, starts = periods(np.append(touched, at[alone]), unit)
    place = np.argsort(np.argsort(starts))[place] if len(starts) else place
    group = np.append(groups.number[journeys.touch], np.full(len(alone), len(groups.labels)))
    weight = np.append(result.weights[name], np.ones(len(alone)))
    worth = weight * np.append(journeys.value[journeys.journey], journeys.value[alone])
    shape = (len(groups.labels) + 1, len(starts))
    cell = group * max(len(starts), 1) + place
    conversions, credit = (summed(cell, each, shape[0] * shape[1]).reshape(shape) for each in (weight, worth))
    earned = (conversions != 0) | (credit != 0)
    has_group, has_period = earned.any(axis=1), earned.any(axis=0)
    cells = np.ix_(has_group, has_period)
    kept = groups.table[has_group].reset_index(drop=True)
    return PeriodCredit(name, starts.sort_values()[has_period], kept, conversions[cells], credit[cells])


def _touch_model(step: str, result: Attribution, model: str | None) -> str:
    known = list(result.weights)
    if model is None and known:
        return known[0]
    if model not in known:
        words = (
            f"a touch model of this result: {', '.join(map(repr, known))}"
            if known
            else ("a result with a touch model: total models say nothing of single touches")
        )
        raise errors.OptionError(step, "model", model, words)
    return str(model)
