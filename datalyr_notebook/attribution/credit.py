"""The credit kernel: weights become conversions and money, summed over any grouping of touches."""

from __future__ import annotations

from typing import NamedTuple

import numpy as np
import numpy.typing as npt

from datalyr_notebook import errors
from datalyr_notebook.attribution.models import Model
from datalyr_notebook.journeys.windows import Journeys

TOLERANCE = 1e-12


class Sums(NamedTuple):
    """Per group: how many conversions it earned, and how much money. The last group is unattributed."""

    conversions: npt.NDArray[np.float64]
    credit: npt.NDArray[np.float64]


def weigh(journeys: Journeys, model: Model) -> npt.NDArray[np.float64]:
    """The model's weights, checked: ≥ 0, one a place, and 1 in sum for every journey with touches.

    Raises ModelError.
    """
    name = type(model).__name__
    weights = np.asarray(model.weights(journeys), dtype=np.float64)
    if weights.shape != journeys.touch.shape:
        raise errors.ModelError(
            name, f"it gave {weights.shape[0] if weights.ndim else 'one'} for {len(journeys.touch)}"
        )
    if not (np.isfinite(weights) & (weights >= 0)).all():
        raise errors.ModelError(name, "some are negative or not finite")
    sums = np.bincount(journeys.journey, weights, minlength=len(journeys.lengths))[journeys.lengths > 0]
    if (np.abs(sums - 1) > TOLERANCE * np.maximum(journeys.lengths[journeys.lengths > 0], 1)).any():
        raise errors.ModelError(name, f"one journey's sum to {sums[np.abs(sums - 1).argmax()]:g}")
    return weights


def sum_credit(
    journeys: Journeys, weights: npt.NDArray[np.float64], group: npt.NDArray[np.integer], groups: int
) -> Sums:
    """Conversions and credit of each group of touches; ``group``: one number a touch, not a place.

    A conversion without touches counts as unattributed, which comes last.
    """
    at, value = group[journeys.touch], np.repeat(journeys.value, journeys.lengths)
    conversions = np.bincount(at, weights, minlength=groups)
    credit = np.bincount(at, weights * value, minlength=groups)
    alone = journeys.lengths == 0
    return Sums(np.append(conversions, alone.sum()), np.append(credit, journeys.value[alone].sum()))
