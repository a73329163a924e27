"""The largest groups, each by its name, and the rest of them as one: what a figure can show of many."""

from __future__ import annotations

import re
from typing import Final, NamedTuple

import numpy as np
import pandas as pd

from datalyr_notebook import schema
from datalyr_notebook.attribution.groups import distinct_labels, group_label
from datalyr_notebook.order import Flags, Floats, Ints
from datalyr_notebook.redaction import Redaction

MOST_GROUPS: Final = 12
"""Groups that a figure tells apart, the rest of them among these; ``unattributed`` comes on top."""
OTHERS: Final = "other channels"
OTHER_GROUPS: Final = "other groups"
"""How the rest is called: of channels, and of anything else; where a figure shows one rest, their number first."""
_REST: Final = re.compile(rf"(?:[\d,]+ )?(?:{OTHERS}|{OTHER_GROUPS})")


class Shown(NamedTuple):
    """Which place of a figure each group has."""

    place: Ints
    """Per group given; the merged ones share a place."""
    labels: tuple[str, ...]
    """Per place; each another."""
    is_rest: Flags
    """Per place: whether it stands for several groups."""

    def summed(self, amounts: Floats) -> Floats:
        """Amounts of the groups (rows) as amounts of the places."""
        sums = np.zeros((len(self.labels), *amounts.shape[1:]))
        np.add.at(sums, self.place, amounts)
        return sums


def largest(groups: pd.DataFrame, amounts: Floats, *, redaction: Redaction | None = None) -> Shown:
    """At most ``MOST_GROUPS`` places, and one for ``unattributed``, which comes last.

    ``groups``: one row a group, a column a grouping column. ``amounts``: a row a group, a column whatever
    the figure compares; the first column decides the order, the largest first, of equals by name. A
    group that is large in any column keeps its place; the smallest beyond ``MOST_GROUPS`` share one, whose label says
    how many they are. ``redaction``: what is masked in the labels, which stay apart.

    >>> groups = pd.DataFrame({"channel": ["Email", "unattributed", "Direct"]})
    >>> largest(groups, np.array([[1.0], [9.0], [3.0]])).labels
    ('Direct', 'Email', 'unattributed')
    """
    labels = [group_label(row) for row in groups.itertuples(index=False)]
    is_alone = np.logical_and.reduce([groups[name] == schema.UNATTRIBUTED for name in groups.columns])
    by_name = np.array(sorted(range(len(labels)), key=labels.__getitem__), dtype=np.int64)
    named = by_name[~is_alone[by_name]]
    inorder = named[np.argsort(-amounts[named, 0], kind="stable")]
    kept = inorder
    if len(inorder) > MOST_GROUPS:
        most = np.abs(amounts[inorder]).max(axis=1)
        is_kept = np.zeros(len(inorder), dtype=bool)
        is_kept[np.argsort(-most, kind="stable")[: MOST_GROUPS - 1]] = True
        kept = inorder[is_kept]
    has_rest, alone = len(kept) < len(inorder), np.flatnonzero(is_alone)
    place = np.full(len(labels), len(kept), dtype=np.int64)
    place[kept] = np.arange(len(kept))
    place[alone] = len(kept) + has_rest
    if redaction is not None:
        labels = [group_label(row) for row in redaction.table(groups).itertuples(index=False)]
    told = [labels[at] for at in kept]
    told += [
        f"{len(inorder) - len(kept):,} {OTHERS if list(groups.columns) == ['channel'] else OTHER_GROUPS}"
    ] * has_rest
    told += [schema.UNATTRIBUTED] * min(len(alone), 1)
    is_rest = np.zeros(len(told), dtype=bool)
    is_rest[len(kept) : len(kept) + has_rest] = True
    return Shown(place, distinct_labels(told), is_rest)


def names_rest(label: str) -> bool:
    """Whether a label stands for the rest of many.

    >>> names_rest("1,988 other channels"), names_rest("Email")
    (True, False)
    """
    return _REST.fullmatch(label) is not None
