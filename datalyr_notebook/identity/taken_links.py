"""Links taken away: rows of identity_links that are to count as if their evidence were not there."""

from __future__ import annotations

from typing import NamedTuple, TypeVar

import numpy as np
import numpy.typing as npt
import pandas as pd

from datalyr_notebook import order
from datalyr_notebook.identity.links import Bridges, DeviceAliases, Members, Merges, own_aliases
from datalyr_notebook.loading.encoding import matches
from datalyr_notebook.order import Flags, Ints, Texts

Rows = TypeVar("Rows", DeviceAliases, Merges, Bridges)


class TakenLinks(NamedTuple):
    """The columns id, other_id and kind of the links, one entry a link."""

    id: Texts
    other_id: Texts
    kind: Texts

    @classmethod
    def of(cls, links: pd.DataFrame) -> TakenLinks:
        """The rows of an identity_links table."""
        return cls(*(links[name].astype(object).to_numpy() for name in cls._fields))

    def rows(self, events: pd.DataFrame, members: Members, aliases: DeviceAliases) -> Flags:
        """The rows that name a user on a device only to show one of these links."""
        is_identify, is_alias = order.is_named(events, order.IDENTIFY), np.zeros(len(events), dtype=bool)
        is_alias[own_aliases(members, aliases)] = True
        flags = np.zeros(len(events), dtype=bool)
        for kind, shows in (("identify", is_identify), ("event", ~is_identify & ~is_alias), ("alias", is_alias)):
            pairs = self._pairs(self.kind == kind, members.devices, members.users)
            flags |= shows & _among(members.device, members.user, pairs, len(members.users))
        return flags

    def left_aliases(self, aliases: DeviceAliases, members: Members) -> DeviceAliases:
        """The ``$alias`` evidence on devices that is left."""
        pairs = self._pairs(self.kind == "alias", members.devices, members.users)
        return _taken(aliases, ~_among(aliases.device, aliases.user, pairs, len(members.users)))

    def left_merges(self, merges: Merges, members: Members) -> Merges:
        """The merges of users that are left."""
        left = np.ones(len(merges.row), dtype=bool)
        shown = np.array(["alias" if trait is None else f"trait:{trait}" for trait in merges.trait], dtype=object)
        for kind in set(shown):
            pairs = self._pairs(self.kind == kind, members.users, members.users)
            left &= (shown != kind) | ~_among(merges.previous, merges.user, pairs, len(members.users))
        return _taken(merges, left)

    def left_bridges(self, bridges: Bridges, members: Members) -> Bridges:
        """The bridges that are left."""
        left = np.ones(len(bridges.row), dtype=bool)
        for kind in set(bridges.kind):
            pairs = self._pairs(self.kind == f"bridge:{kind}", members.devices, members.devices)
            left &= (bridges.kind != kind) | ~_among(bridges.app, bridges.web, pairs, len(members.devices))
        return _taken(bridges, left)

    def _pairs(self, wanted: Flags, ids: pd.Index, others: pd.Index) -> Ints:
        """The wanted links as one number each: the place of the id, then of the other."""
        one = matches(pd.Index(self.id[wanted], dtype=object), ids)
        other = matches(pd.Index(self.other_id[wanted], dtype=object), others)
        known = (one >= 0) & (other >= 0)
        pairs: Ints = one[known] * len(others) + other[known]
        return pairs


def _among(one: npt.NDArray[np.integer], other: npt.NDArray[np.integer], pairs: Ints, others: int) -> Flags:
    if not len(pairs):
        return np.zeros(len(one), dtype=bool)
    return (one >= 0) & (other >= 0) & np.isin(one.astype(np.int64) * others + other, pairs)


def _taken(rows: Rows, left: Flags) -> Rows:
    return rows if left.all() else rows._replace(**{name: values[left] for name, values in rows._asdict().items()})
