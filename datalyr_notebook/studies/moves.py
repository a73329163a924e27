"""Two stitchings of the same rows, compared: whose owner is another, and whose credit sits elsewhere.

Numbers only; ``difference`` makes the tables out of them. Rows are told by their place in the table,
which both sides share.
"""

from __future__ import annotations

from typing import NamedTuple

import numpy as np
import pandas as pd

from datalyr_notebook import order
from datalyr_notebook.attribution.credit import AS_GOOD_AS_EQUAL
from datalyr_notebook.attribution.groups import touch_groups
from datalyr_notebook.attribution.result import Attribution
from datalyr_notebook.loading.encoding import matches
from datalyr_notebook.order import Flags, Floats, Ints


class Owners(NamedTuple):
    """Each row's person on both sides, in one numbering (-1: nobody)."""

    before: Ints
    after: Ints
    persons: pd.Index
    """The person of each number."""

    @property
    def differ(self) -> Flags:
        """Rows that have another owner."""
        differ: Flags = self.before != self.after
        return differ


class Shares(NamedTuple):
    """Who earned what of each conversion: one entry a (conversion, touch), or (conversion, unattributed)."""

    conversion: Ints
    """The conversion's row and kind in one number (``Shares.row_of``)."""
    group: Ints
    """Place in ``groups``."""
    weight: Floats
    credit: Floats
    groups: list[tuple[str | None, ...]]
    kinds: int

    def row_of(self, conversion: Ints) -> Ints:
        """The row of each conversion."""
        return conversion // self.kinds

    def among(self, wanted: Flags) -> Shares:
        """Only the entries of conversions on wanted rows."""
        kept = wanted[self.row_of(self.conversion)]
        return self._replace(
            conversion=self.conversion[kept],
            group=self.group[kept],
            weight=self.weight[kept],
            credit=self.credit[kept],
        )


class Moves(NamedTuple):
    """Every (conversion, group) that earned on either side, by conversion; and each conversion's sums."""

    conversion: Ints
    """Per entry its place in ``conversions``."""
    group: Ints
    weight_before: Floats
    weight_after: Floats
    groups: list[tuple[str | None, ...]]
    credit_before: Floats
    credit_after: Floats
    conversions: Ints
    """Per conversion its row and kind in one number, ascending."""
    row: Ints
    value: Floats
    """Per conversion; before, or after where it counts only there."""
    is_moved: Flags
    moved: Floats
    """Per conversion how much credit changed its group."""


def find_owners(before: pd.DataFrame, after: pd.DataFrame) -> Owners:
    """The owners of the same rows under two stitchings."""
    one, other = before["person_id"].cat.categories, after["person_id"].cat.categories
    number = matches(other, one)
    fresh = np.flatnonzero(number < 0)
    number[fresh] = len(one) + np.arange(len(fresh))
    return Owners(
        order.codes(before, "person_id").astype(np.int64),
        np.append(number, [-1])[order.codes(after, "person_id")],
        one.append(other[fresh]),
    )


def find_shares(result: Attribution, rows: Ints | None = None) -> Shares:
    """The shares under the result's only model, by its grouping columns.

    ``rows``: the place of each of its rows in a larger table.
    """
    (weights,) = result.weights.values()
    groups = touch_groups(result, result.grouped_by)
    number, table = groups.number, groups.table
    journeys, found = result.journeys, result.conversion_rows
    places, alone = np.flatnonzero(weights > 0), np.flatnonzero(journeys.lengths == 0)
    which = np.append(journeys.journey[places], alone)
    weight = np.append(weights[places], np.ones(len(alone)))
    row = found.row if rows is None else rows[found.row]
    texts = table.astype(object).where(table.notna(), None)
    return Shares(
        conversion=(row.astype(np.int64) * len(found.kinds) + found.kind)[which],
        group=np.append(number[journeys.touch[places]], np.full(len(alone), len(table) - 1)),
        weight=weight,
        credit=weight * journeys.value[which],
        groups=list(texts.itertuples(index=False, name=None)),
        kinds=len(found.kinds),
    )


def find_moves(before: Shares, after: Shares) -> Moves:
    """What each conversion gives each group on both sides, and which conversions' credit moved."""
    groups, place_before, place_after = _one_numbering(before.groups, after.groups)
    conversions, number = np.unique(np.append(before.conversion, after.conversion), return_inverse=True)
    group = np.append(place_before[before.group], place_after[after.group])
    pairs, pair = np.unique(number * len(groups) + group, return_inverse=True)
    is_before = np.arange(len(pair)) < len(before.conversion)
    weight, credit = np.append(before.weight, after.weight), np.append(before.credit, after.credit)
    sums = [
        np.bincount(pair, np.where(side, values, 0.0), minlength=len(pairs)).astype(np.float64)
        for values in (weight, credit)
        for side in (is_before, ~is_before)
    ]
    weight_before, weight_after, credit_before, credit_after = sums
    conversion = pairs // len(groups)
    count, change = len(conversions), credit_after - credit_before
    values = [np.bincount(conversion, side, minlength=count) for side in (credit_before, credit_after)]
    counts_before = np.bincount(conversion, weight_before, minlength=count) > 0
    is_other = np.abs(weight_after - weight_before) > AS_GOOD_AS_EQUAL
    is_other |= np.abs(change) > AS_GOOD_AS_EQUAL * np.maximum(1.0, np.abs(credit_before))
    is_moved = np.bincount(conversion[is_other], minlength=count) > 0
    gain, loss = (np.bincount(conversion, np.maximum(side, 0.0), minlength=count) for side in (change, -change))
    return Moves(
        conversion=conversion,
        group=pairs % len(groups),
        weight_before=weight_before,
        weight_after=weight_after,
        groups=groups,
        credit_before=credit_before,
        credit_after=credit_after,
        conversions=conversions,
        row=before.row_of(conversions),
        value=np.where(counts_before, values[0], values[1]),
        is_moved=is_moved,
        moved=np.where(is_moved, np.maximum(gain, loss), 0.0),
    )


def _one_numbering(
    one: list[tuple[str | None, ...]], other: list[tuple[str | None, ...]]
) -> tuple[list[tuple[str | None, ...]], Ints, Ints]:
    """The groups of both sides, and the place of each side's groups among them."""
    place: dict[tuple[str | None, ...], int] = {}
    for group in (*one, *other):
        place.setdefault(group, len(place))
    places = [np.array([place[group] for group in side], dtype=np.int64) for side in (one, other)]
    return list(place), places[0], places[1]
