"""Whom ids concern: the persons of their events, what these are worth, and whom to look at."""

from __future__ import annotations

from typing import NamedTuple

import numpy as np
import pandas as pd

from datalyr_notebook import order
from datalyr_notebook.journeys.paths import summed
from datalyr_notebook.order import Floats, Ints, Texts


class People(NamedTuple):
    """Whose each row is, and what each person is worth."""

    person: order.Codes
    """Per row, -1: nobody."""
    names: pd.Index
    value: Floats
    """Per person, like conversions."""
    conversions: Ints

    @classmethod
    def of(cls, stitched: pd.DataFrame, row: Ints, value: Floats) -> People:
        """The people of stitched events. ``row``, ``value``: where conversions happened, and their worth or NaN."""
        person, names = order.codes(stitched, "person_id"), stitched["person_id"].cat.categories
        owned = person[row] >= 0
        buyer, worth = person[row[owned]].astype(np.int64), np.nan_to_num(value[owned])
        return cls(person, names, summed(buyer, worth, len(names)), np.bincount(buyer, minlength=len(names)))

    def named(self, persons: Ints) -> Texts:
        """The names of these persons; None for -1."""
        names = np.full(len(persons), None, dtype=object)
        known = persons >= 0
        names[known] = self.names[persons[known]].to_numpy(dtype=object)
        return names

    def concerned(self, column: order.Codes, code: Ints, group: Ints, groups: int) -> pd.DataFrame:
        """Per group of codes, in the columns person_id, people, events, value.

        ``column``: the code of each row's id; ``code``, ``group``: the ids of each of the groups 0..groups-1, an
        entry an id. person_id: the person with most of the group's events, of equals the first by name; None
        where no event has these ids.
        """
        person, events, of = self._shares(column, code, group)
        known = person >= 0
        involved, of_person = person[known], of[known]
        return pd.DataFrame(
            {
                "person_id": self.named(self._main(involved, events[known], of_person, groups)),
                "people": np.bincount(of_person, minlength=groups),
                "events": np.bincount(of, events, minlength=groups).astype(np.int64),
                "value": summed(of_person, self.value[involved], groups),
            }
        )

    def told(self, persons: Ints) -> pd.DataFrame:
        """The same columns of single persons; nothing of -1."""
        events = np.bincount(self.person + 1, minlength=len(self.names) + 1)
        known = (persons >= 0).astype(np.int64)
        return pd.DataFrame(
            {
                "person_id": self.named(persons),
                "people": known,
                "events": events[persons + 1] * known,
                "value": np.append(self.value, [0.0])[persons],
            }
        )

    def most_valuable(self, most: int) -> Ints:
        """The persons worth most, the first first; of equals the first by name; nobody without a value above 0."""
        worth = np.flatnonzero(self.value > 0)
        if len(worth) > most:
            worth = worth[self.value[worth] >= np.partition(self.value[worth], -most)[-most]]
        rank = order.text_rank(pd.Series(self.named(worth)))
        return worth[np.lexsort((rank, -self.value[worth]))][:most]

    def _shares(self, column: order.Codes, code: Ints, group: Ints) -> tuple[Ints, Ints, Ints]:
        """Each person (-1: nobody) with events in a group: the person, how many, the group."""
        persons = len(self.names) + 1
        wanted = np.zeros(int(max(column.max(initial=0), code.max(initial=0))) + 2, dtype=bool)
        wanted[code[code >= 0]] = True
        rows = np.flatnonzero(wanted[column])
        pairs, events = np.unique(column[rows].astype(np.int64) * persons + self.person[rows] + 1, return_counts=True)
        # The pairs of each code stand side by side.
        begin, end = (np.searchsorted(pairs // persons, code, side) for side in ("left", "right"))
        length = end - begin
        entry = np.repeat(begin - np.cumsum(length) + length, length) + np.arange(int(length.sum()))
        shares, place = np.unique(np.repeat(group, length) * persons + pairs[entry] % persons, return_inverse=True)
        counts = np.bincount(place, events[entry], minlength=len(shares)).astype(np.int64)
        return shares % persons - 1, counts, shares // persons

    def _main(self, person: Ints, events: Ints, group: Ints, groups: int) -> Ints:
        """Per group the person with most of the events, -1 where there is none; names are read only of equals."""
        most = np.zeros(groups, dtype=np.int64)
        np.maximum.at(most, group, events)
        at = np.flatnonzero(events == most[group])
        main = np.full(groups, -1, dtype=np.int64)
        several = np.bincount(group[at], minlength=groups)[group[at]] > 1
        main[group[at[~several]]] = person[at[~several]]
        tied = at[several]
        rank = order.text_rank(pd.Series(self.named(person[tied])))
        # Written last first, so that the first stays.
        tied = tied[np.argsort(-rank, kind="stable")]
        main[group[tied]] = person[tied]
        return main
