"""Which user_ids are one person, and which of them is its name.

Two users are one person by ``$alias`` or by a trusted trait. The canonical id is the new id of the
latest ``$alias`` among them; without alias the earliest-seen id that is no e-mail; else the
earliest-seen; ties by text. Nothing outside a group of linked users changes its name.
"""

from __future__ import annotations

from typing import NamedTuple

import numpy as np
import numpy.typing as npt
import pandas as pd

from datalyr_notebook import order
from datalyr_notebook.identity.components import EVER, connect
from datalyr_notebook.identity.links import Members, Merges, first_seen
from datalyr_notebook.identity.trusted_traits import is_email
from datalyr_notebook.order import Flags, Ints


class Canon(NamedTuple):
    """Per user code: the canonical user's code, and since when that is known (microseconds).

    One entry more than there are users answers for the code -1: nobody, ever.
    """

    user: order.Codes
    joined: Ints
    merged: bool
    """Whether any two users are one person at all."""


def canonical_users(events: pd.DataFrame, members: Members, merges: Merges) -> Canon:
    """The canonical user of every user.

    ``joined``: adding the links in time order, the instant at which the user is first connected
    with the canonical one; ``EVER`` for the canonical user itself.
    """
    canon = np.append(np.arange(len(members.users)), [-1]).astype(np.int32)
    joined = np.full(len(canon), EVER)
    if not len(merges.user):
        return Canon(canon, joined, merged=False)
    users = np.union1d(merges.user, merges.previous)
    one, other = np.searchsorted(users, merges.previous), np.searchsorted(users, merges.user)
    found = connect(len(users), one, other, merges.known_from)
    group = np.full(len(members.users), -1, dtype=np.int64)
    group[users] = found.of
    named = name_groups(events, members, merges, group, found.number)
    canon[users] = named[found.of]
    joined[users] = found.connected_since(np.arange(len(users)), np.searchsorted(users, named[found.of]))
    return Canon(canon, joined, merged=True)


def name_groups(events: pd.DataFrame, members: Members, merges: Merges, group: Ints, groups: int) -> Ints:
    """The canonical user of each group of users; -1 for a group without users.

    ``group``: the group of each user, -1 for none.
    """
    users = np.flatnonzero(group >= 0)
    own, seen = group[users], first_seen(events, members)[users]
    is_address = _are_emails(members.users, users)
    inorder = np.lexsort((seen, is_address, own))
    users, own, rank = users[inorder], own[inorder], np.column_stack([is_address, seen])[inorder]
    named = np.full(groups, -1, dtype=np.int64)
    named[own[::-1]] = users[::-1]
    ties = np.flatnonzero((own[1:] == own[:-1]) & (rank[1:] == rank[:-1]).all(axis=1))
    heads = np.searchsorted(own, own[ties])
    for tied in np.unique(own[ties[(rank[ties] == rank[heads]).all(axis=1)]]):
        start, stop = np.searchsorted(own, [tied, tied + 1])
        alike = [int(users[place]) for place in range(start, stop) if (rank[place] == rank[start]).all()]
        named[tied] = min(alike, key=lambda user: str(members.users[user]))
    aliases = np.flatnonzero(merges.row >= 0)
    latest = aliases[order.event_order(events, rows=merges.row[aliases])] if len(aliases) else aliases
    named[group[merges.user[latest]]] = merges.user[latest]
    return named


def _are_emails(names: pd.Index, users: npt.NDArray[np.integer]) -> Flags:
    """Which of these users have an e-mail as their id."""
    flags = np.zeros(len(users), dtype=bool)
    told = names.take(users)
    for place in np.flatnonzero(np.asarray(told.str.contains("@", regex=False), dtype=bool)).tolist():
        flags[place] = is_email(str(told[place]))
    return flags
