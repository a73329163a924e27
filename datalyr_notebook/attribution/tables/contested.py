"""Contested conversions: those on which touch models name the most different winners."""

from __future__ import annotations

from collections.abc import Mapping
from typing import TYPE_CHECKING, Final, NamedTuple

import numpy as np
import pandas as pd

from datalyr_notebook import schema
from datalyr_notebook.attribution.credit import TOLERANCE
from datalyr_notebook.journeys.conversions import conversion_keys
from datalyr_notebook.order import Floats, Ints

if TYPE_CHECKING:
    from datalyr_notebook.attribution.groups import Groups
    from datalyr_notebook.attribution.result import Attribution

MOST_SHOWN: Final = 20


def contested_table(result: Attribution, weights: Mapping[str, Floats], groups: Groups) -> pd.DataFrame:
    """The conversions with several winners, in the columns of ``schema.CONTESTED``, at most ``MOST_SHOWN``.

    The winner under a model is the group with most weight in the journey; where several groups have the
    most, the model names none. ``weights``: one number a place of the journeys, for each touch model.
    Sorted by winners, then value, largest first, then conversion_id.
    """
    won = _winners(result, weights, groups)
    value = result.conversion_rows.value
    worth = np.nan_to_num(value)
    inorder = np.lexsort((-worth, -won.winners))
    inorder = inorder[won.winners[inorder] > 1]
    if len(inorder) > MOST_SHOWN:
        least = inorder[MOST_SHOWN - 1]
        is_ahead = won.winners[inorder] > won.winners[least]
        inorder = inorder[is_ahead | ((won.winners[inorder] == won.winners[least]) & (worth[inorder] >= worth[least]))]
    table = pd.DataFrame(
        {
            "conversion_id": conversion_keys(result.stitched, result.conversion_rows).iloc[inorder].to_numpy(),
            "person_id": result.stitched["person_id"].iloc[result.conversion_rows.row[inorder]].array,
            "value": value[inorder],
            "winners": won.winners[inorder],
            "place": inorder,
        }
    )
    table = table.sort_values(
        ["winners", "value", "conversion_id"], ascending=[False, False, True], ignore_index=True
    ).head(MOST_SHOWN)
    table["won_by"] = [_told(won.of_model[:, place], tuple(weights), groups.labels) for place in table["place"]]
    return schema.typed(table, schema.CONTESTED)


class _Won(NamedTuple):
    winners: Ints
    """Per journey: how many different groups have most of it under some model."""
    of_model: Ints
    """Models by journeys: the group with most, -1 for none."""


def _winners(result: Attribution, weights: Mapping[str, Floats], groups: Groups) -> _Won:
    journeys, count = result.journeys, max(len(groups.labels), 1)
    # The groups of a journey side by side, so that each model is one pass over pairs of journey and group.
    pairs, pair = np.unique(journeys.journey * count + groups.number[journeys.touch], return_inverse=True)
    owner = pairs // count
    heads = np.flatnonzero(np.append([True], np.diff(owner) != 0)[: len(owner)])
    sizes = np.diff(np.append(heads, [len(owner)]))
    of_model = np.full((len(weights), len(journeys.lengths)), -1, dtype=np.int64)
    has_won = np.zeros(len(pairs), dtype=bool)
    for row, each in zip(of_model, weights.values(), strict=True):
        share = np.bincount(pair, each, minlength=len(pairs))
        is_most = share >= np.repeat(np.maximum.reduceat(share, heads) if len(heads) else share, sizes) - TOLERANCE
        alone = np.bincount(owner, is_most, minlength=len(journeys.lengths))[owner] == 1
        won = np.flatnonzero(is_most & alone)
        row[owner[won]] = pairs[won] % count
        has_won[won] = True
    winners = np.bincount(owner[has_won], minlength=len(journeys.lengths))
    return _Won(winners, of_model)


def _told(won: Ints, models: tuple[str, ...], labels: tuple[str, ...]) -> str:
    """``Email: linear, hybrid; Direct: last_touch``."""
    named: dict[str, list[str]] = {}
    for group, model in zip(won, models, strict=True):
        if group >= 0:
            named.setdefault(labels[group], []).append(model)
    ranked = sorted(named.items(), key=lambda one: (-len(one[1]), one[0]))
    return "; ".join(f"{label}: {', '.join(names)}" for label, names in ranked)
