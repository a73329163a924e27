"""The credit kernel: weights become conversions and money, summed over any grouping of touches."""

from __future__ import annotations

from typing import Final, NamedTuple

import numpy as np

from datalyr_notebook import errors
from datalyr_notebook.attribution.protocol import TouchModel
from datalyr_notebook.journeys.paths import Paths, summed
from datalyr_notebook.journeys.windows import Journeys
from datalyr_notebook.order import Floats, Ints

TOLERANCE: Final = 1e-12
AS_GOOD_AS_EQUAL: Final = 1e-9
"""Shares that differ by no more say the same: sums in another order differ in their last bits."""


class Sums(NamedTuple):
    """Per group: how many conversions it earned, and how much money."""

    conversions: Floats
    credit: Floats


def weigh(journeys: Paths, model: TouchModel) -> Floats:
    """The model's weights, checked: ≥ 0, one a place, and 1 in sum for every journey with touches.

    Raises ModelError.
    """
    name = type(model).__name__
    weights = checked_shares(name, model.weights(journeys), len(journeys.channel))
    lengths = journeys.lengths
    sums = journeys.per_path(weights)[lengths > 0]
    if (np.abs(sums - 1) > TOLERANCE * np.maximum(lengths[lengths > 0], 1)).any():
        raise errors.ModelError(name, f"one journey's sum to {sums[np.abs(sums - 1).argmax()]:g}")
    return weights


def checked_shares(model: str, given: object, places: int) -> Floats:
    """What a model answered, as one finite number ≥ 0 a place. Raises ModelError."""
    try:
        shares = np.asarray(given, dtype=np.float64)
    except (TypeError, ValueError):
        raise errors.ModelError(model, f"it gave {errors.shown(given)}") from None
    if shares.shape != (places,):
        given = f"{len(shares):,}" if shares.ndim == 1 else f"an array of shape {shares.shape}"
        raise errors.ModelError(model, f"it gave {given} for {places:,}")
    if not (np.isfinite(shares) & (shares >= 0)).all():
        raise errors.ModelError(model, "some are negative or not finite")
    return shares


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
    return with_unattributed(journeys, sums.conversions, sums.credit)


def with_unattributed(journeys: Journeys, conversions: Floats, credit: Floats) -> Sums:
    """What groups earned, and behind it what the conversions without touches left unattributed."""
    alone = journeys.value[journeys.lengths == 0]
    nobody = summed(np.zeros(len(alone), dtype=np.int64), alone, 1)
    return Sums(np.append(conversions, float(len(alone))), np.append(credit, nobody))
