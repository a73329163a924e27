"""Clusters of rows that any chain of evidence ties together: what a question about one link has to see.

Wider than any person: whatever stitching or a refund may look at for one row of a cluster is on its
other rows. So a cluster stitched alone is stitched as it is among all rows, whatever the rule.
"""

from __future__ import annotations

from collections.abc import Iterable
from typing import NamedTuple

import numpy as np
import numpy.typing as npt
import pandas as pd

from datalyr_notebook import order
from datalyr_notebook.identity.components import connect
from datalyr_notebook.identity.links import Members
from datalyr_notebook.identity.rule import StitchRule
from datalyr_notebook.identity.trusted_traits import find_holders
from datalyr_notebook.loading.encoding import in_order, matches
from datalyr_notebook.order import Flags, Ints


class Clusters(NamedTuple):
    """Which cluster each row, device and user is in; nobody's rows are in the last one, alone."""

    row: Ints
    device: Ints
    user: Ints
    members: Members
    is_uncertain: Flags
    """Per cluster whether a bridge or a trusted trait is in it."""

    def of(self, ids: pd.Series) -> tuple[Ints, Ints]:
        """The cluster of each id read as a device, and as a user; of an id that is none, the last one."""
        texts = pd.Index(ids.astype(object))
        return self.device[matches(texts, self.members.devices)], self.user[matches(texts, self.members.users)]


class _Ties(NamedTuple):
    """Pairs of nodes; -1 on either side ties nothing."""

    one: Ints
    other: Ints


def find_clusters(events: pd.DataFrame, rule: StitchRule, refund_events: Iterable[str] = ()) -> Clusters:
    """The clusters of known events. ``refund_events``: names of events that may find their order by its id alone."""
    members = rule.members(events)
    devices, users = len(members.devices), len(members.users)
    user = np.where(members.user >= 0, members.user.astype(np.int64) + devices, -1)
    home = np.where(user >= 0, user, members.device)
    visitor, bridges = _bridged(events, members)
    traits = _shared_traits(events, members, rule)
    told = np.flatnonzero(order.is_named(events, ("$alias",)))
    hubs = devices + users + np.arange(len(told))
    earlier, aliases = _aliased(events, members, told, hubs)
    refunded, orders = _refunded(events, tuple(refund_events), devices + users + len(told))
    # A row of nobody may be an $alias or a refund all the same: it lives where what it says does.
    ties = [bridges, traits, aliases]
    for rows, said in ((told, hubs), (refunded, orders)):
        ties.append(_Ties(said, home[rows]))
        home[rows] = np.where(home[rows] >= 0, home[rows], said)
    # A device that only servers name is none, and links nothing; but what names it has to see its rows.
    is_joint = members.is_device.copy()
    is_joint[visitor[visitor >= 0]] = True
    is_joint[earlier[earlier >= 0]] = True
    rows = np.flatnonzero((user >= 0) & is_joint[members.device])
    ties.append(_Ties(members.device[rows].astype(np.int64), user[rows]))
    one, other = (np.concatenate(side) for side in zip(*ties, strict=True))
    real = (one >= 0) & (other >= 0)
    nodes = int(max(one.max(initial=-1), other.max(initial=-1), devices + users)) + 1
    label = np.append(connect(nodes, one[real], other[real], np.zeros(len(one[real]), dtype=np.int64)).of, [nodes])
    is_uncertain = np.zeros(nodes + 1, dtype=bool)
    for tie in (bridges, traits):
        is_uncertain[label[tie.one[tie.one >= 0]]] = True
    return Clusters(
        row=label[home],
        device=np.append(label[:devices], [nodes]),
        user=np.append(label[devices : devices + users], [nodes]),
        members=members,
        is_uncertain=is_uncertain,
    )


def part_of(events: pd.DataFrame, rows: Ints) -> pd.DataFrame:
    """Some rows as a small table: without the ids of all the others among its categories."""
    if len(rows) == len(events):
        return events
    part = events.iloc[rows]
    coded = [str(name) for name, dtype in part.dtypes.items() if isinstance(dtype, pd.CategoricalDtype)]
    return part.assign(**{name: in_order(part[name]) for name in coded})


def _bridged(events: pd.DataFrame, members: Members) -> tuple[Ints, _Ties]:
    """Each row's device with the web device it names, whatever the kind of match."""
    if "web_visitor_id" not in events.columns:
        return _none(), _Ties(_none(), _none())
    rows = np.flatnonzero(events["web_visitor_id"].notna().to_numpy() & (members.device >= 0))
    visitor = _named(events.iloc[rows], "web_visitor_id", members.devices)
    return visitor, _Ties(members.device[rows].astype(np.int64), visitor)


def _aliased(events: pd.DataFrame, members: Members, rows: Ints, said: Ints) -> tuple[Ints, _Ties]:
    """All that each ``$alias`` row names, tied to its own node ``said``; and the devices named as the earlier id."""
    told = events.iloc[rows]
    earlier_device, earlier_user = (_named(told, "previous_id", ids) for ids in (members.devices, members.users))
    new_user = _named(told, "new_user_id", members.users)
    users = [np.where(user >= 0, user + len(members.devices), -1) for user in (earlier_user, new_user)]
    named = [earlier_device, *users]
    return earlier_device, _Ties(np.tile(said, len(named)), np.concatenate(named))


def _refunded(events: pd.DataFrame, refund_events: tuple[str, ...], first: int) -> tuple[Ints, Ints]:
    """All rows of an order that a refund names, whoever they are, and a node for each order, from ``first`` on.

    A refund may find its order by the id alone.
    """
    if "order_id" not in events.columns:
        return _none(), _none()
    refund = order.is_named(events, refund_events)
    if "value" in events.columns:
        refund |= (events["value"] < 0).to_numpy()
    number = pd.factorize(events["order_id"])[0].astype(np.int64)
    is_refunded = np.zeros(int(number.max(initial=-1)) + 2, dtype=bool)
    is_refunded[number[refund]] = True
    is_refunded[-1] = False
    rows = np.flatnonzero(is_refunded[number])
    return rows, first + number[rows]


def _shared_traits(events: pd.DataFrame, members: Members, rule: StitchRule) -> _Ties:
    """Users with one trait value, also where it is on too many of them to merge any."""
    one, other = (find_holders(events, members, rule.merge_on) + len(members.devices)).T
    return _Ties(one, other)


def _named(rows: pd.DataFrame, column: str, among: pd.Index) -> Ints:
    """The place among ids of what a text column names; -1 where it names none of them."""
    places = np.full(len(rows), -1, dtype=np.int64)
    if column in rows.columns:
        present = rows[column].notna().to_numpy()
        places[present] = matches(pd.Index(rows[column][present].astype(object)), among)
    return places


def _none() -> npt.NDArray[np.int64]:
    return np.zeros(0, dtype=np.int64)
