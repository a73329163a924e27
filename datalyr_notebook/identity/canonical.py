"""Which user_ids are one person, and which of them is its name.

Two users are one person by ``$alias`` or by a trusted trait. The canonical id is the new id of the
latest ``$alias`` among them; without alias the earliest-seen id that is no e-mail; else the
earliest-seen; ties by text. Nothing outside a group of linked users changes its name.
"""

from __future__ import annotations

from collections.abc import Iterator
from typing import NamedTuple

import numpy as np
import pandas as pd

from datalyr_notebook import order
from datalyr_notebook.identity.links import Members, Merges, email, first_seen
from datalyr_notebook.order import Ints

EVER = int(np.iinfo(np.int64).min)
"""The time since which a user belongs to its own person."""


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
    links = _in_order(events, merges)
    groups: dict[int, list[int]] = {}
    for _ in _meetings(merges, links, groups):
        pass
    seen = first_seen(events, members)
    named = {id(group): _earliest(group, members, seen) for group in groups.values()}
    for link in links:
        if merges.row[link] >= 0:
            named[id(groups[int(merges.user[link])])] = int(merges.user[link])
    for user, group in groups.items():
        canon[user] = named[id(group)]
    parts: dict[int, list[int]] = {}
    for link, one, other in _meetings(merges, links, parts):
        home = parts.get(int(canon[one[0]]))
        for newcomer, host in ((one, other), (other, one)):
            if host is home:
                joined[newcomer] = merges.known_from[link]
    return Canon(canon, joined, merged=True)


def _in_order(events: pd.DataFrame, merges: Merges) -> list[int]:
    """Links by time; ``$alias`` rows of one instant in the order of events."""
    rank = np.zeros(len(merges.row), dtype=np.int64)
    aliases = np.flatnonzero(merges.row >= 0)
    rank[aliases[order.event_order(events, rows=merges.row[aliases])]] = np.arange(len(aliases)) + 1
    return [int(link) for link in np.lexsort((rank, merges.known_from))]


def _meetings(
    merges: Merges, links: list[int], groups: dict[int, list[int]]
) -> Iterator[tuple[int, list[int], list[int]]]:
    """Add the links one by one; yield each that ties two groups, before they become one.

    ``groups`` is filled: the group of each user, one list object a group. The smaller joins the larger.
    """
    for link in links:
        one, other = (groups.setdefault(int(user), [int(user)]) for user in (merges.previous[link], merges.user[link]))
        if one is other:
            continue
        yield link, one, other
        small, large = sorted((one, other), key=len)
        large += small
        for user in small:
            groups[user] = large


def _earliest(group: list[int], members: Members, seen: Ints) -> int:
    """The earliest-seen id that is no e-mail, else the earliest-seen; ties by text."""
    texts = {user: str(members.users[user]) for user in group}
    return min(group, key=lambda user: (email(texts[user]) is not None, seen[user], texts[user]))
