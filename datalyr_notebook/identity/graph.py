"""The identity graph: everything that any link ties together is one person (policy ``graph``).

Persons are numbered as the kernel numbers them: a user by its code, a device by the number of users
plus its code.
"""

from __future__ import annotations

from typing import NamedTuple

import numpy as np
import numpy.typing as npt
import pandas as pd

from datalyr_notebook.identity.canonical import name_groups
from datalyr_notebook.identity.components import EVER, connect
from datalyr_notebook.identity.links import Bridges, DeviceLinks, Members, Merges
from datalyr_notebook.order import Codes, Flags, Ints


class Graph(NamedTuple):
    """Per node (users, then devices) its person, and since when that is known (microseconds; ``EVER`` for itself)."""

    person: Codes
    since: Ints


def find_graph(
    events: pd.DataFrame,
    members: Members,
    links: DeviceLinks,
    merges: Merges,
    bridges: Bridges,
    *,
    crowded: Flags,
    heavy: Flags,
) -> Graph:
    """Connected components over all links, as the small table that the kernel is told.

    No link of a ``crowded`` device ties anything, nor one of a ``heavy`` user to a device: they are over
    their limits. A component is named as merged users are; one without users by the web device of its
    earliest bridge.
    """
    users = len(members.users)
    person = np.arange(users + len(members.devices), dtype=np.int32)
    since = np.full(len(person), EVER)
    ties = ~crowded[links.device] & ~heavy[links.user]
    spans = np.flatnonzero(~crowded[bridges.app] & ~crowded[bridges.web])
    one = np.concatenate([links.device[ties] + users, merges.previous, bridges.app[spans] + users])
    other = np.concatenate([links.user[ties], merges.user, bridges.web[spans] + users])
    known_from = np.concatenate([links.known_from[ties], merges.known_from, bridges.known_from[spans]])
    if not len(one):
        return Graph(person, since)
    is_tied = np.zeros(len(person), dtype=bool)
    is_tied[one] = is_tied[other] = True
    nodes = np.flatnonzero(is_tied)
    number = np.cumsum(is_tied) - 1
    found = connect(len(nodes), number[one], number[other], known_from)
    group = np.full(users, -1, dtype=np.int64)
    group[nodes[nodes < users]] = found.of[nodes < users]
    named = name_groups(events, members, merges, group, found.number)
    _name_by_bridge(named, found.of[number[bridges.web[spans] + users]], bridges, spans, members)
    name = named[found.of]
    person[nodes] = name
    since[nodes] = found.connected_since(np.arange(len(nodes)), number[name])
    return Graph(person, since)


def _name_by_bridge(
    named: Ints, group: npt.NDArray[np.integer], bridges: Bridges, spans: Ints, members: Members
) -> None:
    """Name the groups without users, in place: the web device of the earliest bridge, ties by text."""
    nameless = np.flatnonzero(named[group] < 0)
    web = bridges.web[spans[nameless]]
    rank = np.unique([str(text) for text in members.devices.take(web)], return_inverse=True)[1]
    latest_first = np.lexsort((rank, bridges.known_from[spans[nameless]]))[::-1]
    named[group[nameless[latest_first]]] = len(members.users) + web[latest_first]
