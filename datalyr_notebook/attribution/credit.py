"""The credit kernel: weights become conversions and money, summed over any grouping of touches."""

from __future__ import annotations

from typing import NamedTuple

import numpy as np

from datalyr_notebook import errors
from datalyr_notebook.attribution.protocol import TouchModel
from datalyr_notebook.journeys.paths import Floats, Paths, summed
from datalyr_notebook.journeys.windows import Journeys
from datalyr_notebook.order import Ints

TOLERANCE = 1e-12


class Sums(NamedTuple):
    """Per group: how many conversions it earned, and how much money."""

    conversions: Floats
    credit: Floats


def weigh(journeys: Paths, model: TouchModel) -> Floats:
    """The model's weights, checked: ≥ 0, one a place, and 1 in sum for every journey with touches.

    Raises ModelError.
    """
    name = type(model).__name__
    weights = np.asarray(model.weights(journeys), dtype=np.float64)
    if weights.shape != journeys.channel.shape:
        raise errors.ModelError(
            name, f"it gave {weights.shape[0] if weights.ndim else 'one'} for {len(journeys.channel)}"
        )
    if not (np.isfinite(weights) & (weights >= 0)).all():
        raise errors.ModelError(name, "some are negative or not finite")
    lengths = journeys.lengths
    sums = np.bincount(journeys.journey, weights, minlength=len(lengths))[lengths > 0]
    if (np.abs(sums - 1) > TOLERANCE * np.maximum(lengths[lengths > 0], 1)).any():
        raise errors.ModelError(name, f"one journey's sum to {sums[np.abs(sums - 1).argmax()]:g}")
    return weights


def share_out(
    paths: Paths,
    weights: Floats,
    group: Ints,
    groups: int,
    *,
    conversions: Floats | None,
    value: Floats,
) -> Sums:
    """Conversions and credit of each group of places; ``group``: one number a place.

    ``conversions`` (None = one each) and ``value``: what each path is worth.
    """
    lengths = paths.lengths
    counted = weights if conversions is None else weights * np.repeat(conversions, lengths)
    return Sums(
        summed(group, counted, groups),
        summed(group, weights * np.repeat(value, lengths), groups),
    )


def sum_credit(journeys: Journeys, weights: Floats, group: Ints, groups: int) -> Sums:
    """Conversions and credit of each group of touches; ``group``: one number a touch, not a place.

    A conversion without touches counts as unattributed, which comes last.
    """
    sums = share_out(journeys, weights, group[journeys.touch], groups, conversions=None, value=journeys.value)
    alone = journeys.lengths == 0
    return Sums(np.append(sums.conversions, alone.sum()), np.append(sums.credit, journeys.value[alone].sum()))
