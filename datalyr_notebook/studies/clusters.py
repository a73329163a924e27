"""Clusters of rows that any chain of evidence ties together: what a question about one link has to see.

Wider than any person: whatever stitching or a refund may look at for one row of a cluster is on its
other rows. So a cluster stitched alone is stitched as it is among all rows, whatever the rule.
"""

from __future__ import annotations

from collections.abc import Iterable
from typing import NamedTuple

import numpy as np
import pandas as pd

from datalyr_notebook import order
from datalyr_notebook.identity.components import connect
from datalyr_notebook.identity.links import Members
from datalyr_notebook.identity.rule import StitchRule
from datalyr_notebook.identity.ties import find_ties
from datalyr_notebook.loading.encoding import matches
from datalyr_notebook.order import Ints


class Clusters(NamedTuple):
    """Which cluster each row, device and user is in; nobody's rows are in the last one, alone."""

    row: Ints
    device: Ints
    user: Ints
    members: Members

    def of(self, ids: pd.Series) -> tuple[Ints, Ints]:
        """The cluster of each id read as a device, and as a user; of an id that is none, the last one."""
        texts = pd.Index(ids.astype(object))
        return self.device[matches(texts, self.members.devices)], self.user[matches(texts, self.members.users)]


def find_clusters(
    events: pd.DataFrame, rule: StitchRule, refund_events: Iterable[str] = (), *, members: Members | None = None
) -> Clusters:
    """The clusters of known events. ``refund_events``: names of events that may find their order by its id alone.

    ``members``: those of the events, where they are known.
    """
    members = rule.members(events) if members is None else members
    devices, users = len(members.devices), len(members.users)
    ties = find_ties(events, members, rule.merge_on)
    refunded, orders = _refunded(events, tuple(refund_events), devices + users)
    # A refund of nobody lives where its order does.
    home = ties.home.copy()
    home[refunded] = np.where(home[refunded] >= 0, home[refunded], orders)
    nodes = int(orders.max(initial=devices + users - 1)) + 1
    one, other = np.append(ties.one, orders), np.append(ties.other, home[refunded])
    label = np.append(connect(nodes, one, other, np.zeros(len(one), dtype=np.int64)).of, [nodes])
    return Clusters(
        row=label[home],
        device=np.append(label[:devices], [nodes]),
        user=np.append(label[devices : devices + users], [nodes]),
        members=members,
    )


def _refunded(events: pd.DataFrame, refund_events: tuple[str, ...], first: int) -> tuple[Ints, Ints]:
    """All rows of an order that a refund names, whoever they are, and a node for each order, from ``first`` on.

    A refund may find its order by the id alone.
    """
    if "order_id" not in events.columns:
        none = np.zeros(0, dtype=np.int64)
        return none, none
    refund = order.is_named(events, refund_events)
    if "value" in events.columns:
        refund |= (events["value"] < 0).to_numpy()
    number = pd.factorize(events["order_id"])[0].astype(np.int64)
    is_refunded = np.zeros(int(number.max(initial=-1)) + 2, dtype=bool)
    is_refunded[number[refund]] = True
    is_refunded[-1] = False
    rows = np.flatnonzero(is_refunded[number])
    return rows, first + number[rows]
