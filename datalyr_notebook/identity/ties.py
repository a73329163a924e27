"""What may tie rows to one another, whatever a rule makes of it: wider than any person.

Rows that nothing here ties are strangers under every rule, now and at any earlier instant.
"""

from __future__ import annotations

from typing import NamedTuple

import numpy as np
import numpy.typing as npt
import pandas as pd

from datalyr_notebook import order
from datalyr_notebook.identity.links import Members, find_mentions
from datalyr_notebook.identity.trusted_traits import find_holders
from datalyr_notebook.order import Ints


class Ties(NamedTuple):
    """Pairs of nodes, and where each row stands. A device's node is its code, a user's the number of devices + its."""

    one: Ints
    other: Ints
    home: Ints
    """The node of each row, -1 for a row of nobody."""
    aliased: Ints
    """Nodes that ``$alias`` rows name."""
    uncertain: Ints
    """Nodes that bridges or trusted traits tie."""


def find_ties(events: pd.DataFrame, members: Members, merge_on: tuple[str, ...]) -> Ties:
    """Devices with the users named on them, and what ``$alias`` rows, bridges and trusted traits name."""
    devices = len(members.devices)
    mentions = find_mentions(events, members)
    holders = find_holders(events, members, merge_on) + devices
    # A server's one-shot id ties nobody, but whoever names it must know its rows to know what it is.
    counts = members.is_device.copy()
    for nodes in (mentions.one, mentions.other):
        counts[nodes[nodes < devices]] = True
    user = np.where(members.user >= 0, members.user.astype(np.int64) + devices, -1)
    both = counts[members.device] & (user >= 0)
    home = np.where(counts[members.device] | (user < 0), members.device, user)
    # An $alias of nobody lives where what it names does.
    home[mentions.row] = mentions.one
    is_alias = order.is_named(events, order.ALIAS, mentions.row)
    return Ties(
        _joined(members.device[both], mentions.one, holders[:, 0]),
        _joined(user[both], mentions.other, holders[:, 1]),
        home,
        mentions.one[is_alias],
        _joined(mentions.one[~is_alias], holders.ravel()),
    )


def _joined(*parts: npt.NDArray[np.integer]) -> Ints:
    return np.concatenate(parts).astype(np.int64)
