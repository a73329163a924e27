"""shared_devices: devices on which several users were seen."""

from __future__ import annotations

from typing import Any, NamedTuple

import numpy as np
import pandas as pd

from datalyr_notebook import order, schema
from datalyr_notebook.identity.collecting import Collected, collect
from datalyr_notebook.identity.rule import StitchRule, make_rule
from datalyr_notebook.loading.normalize import as_canonical
from datalyr_notebook.order import Ints


class _Named(NamedTuple):
    """Who is named on which device, a place each time, in the order of events device by device."""

    device: Ints
    user: Ints
    """The canonical user's code."""


def shared_devices(events: pd.DataFrame, rule: StitchRule | None = None, **keywords: Any) -> pd.DataFrame:
    """The devices on which more than one user was seen, in the columns of ``schema.SHARED_DEVICES``.

    A user is seen on a device by a row that carries both ids, or by an ``$alias`` that names the
    device. Users who are one person, by ``$alias`` or by ``merge_on``, count once, under the canonical
    id. ``switches`` counts along the device's events how often the named user is another than the one
    named before: 1 is a device that was handed on, many are a device in turns. ``is_crowded``: more
    users than ``max_users_per_device``. A server's one-shot id is no device.

    Sorted by users and events, the most first, then anonymous_id. Raises what stitch raises.

    >>> import pandas as pd
    >>> events = pd.DataFrame({
    ...     "timestamp": ["2026-01-01T10:00Z", "2026-01-02T10:00Z", "2026-01-03T10:00Z"],
    ...     "event_name": "$identify", "anonymous_id": "anon_tablet", "user_id": ["kate", "tom", "kate"],
    ... })
    >>> shared_devices(events)[["anonymous_id", "users", "user_ids", "switches"]]
      anonymous_id  users     user_ids  switches
    0  anon_tablet      2  [kate, tom]         2
    """
    rule = make_rule(rule, keywords)
    table = rule.known(as_canonical(events, "shared_devices"))
    return find_shared_devices(table, collect(table, rule), rule).reset_index(drop=True)


def find_shared_devices(events: pd.DataFrame, collected: Collected, rule: StitchRule) -> pd.DataFrame:
    """The same of known events and what was collected of them; the index is the device's code among the members."""
    members, named = collected.members, _named(events, collected)
    pair = named.device * (len(members.users) + 1) + named.user
    first = ~pd.Series(pair).duplicated().to_numpy()
    users = np.bincount(named.device[first], minlength=len(members.devices))
    switched = (np.diff(named.device) == 0) & (np.diff(named.user) != 0)
    switches = np.bincount(named.device[1:][switched], minlength=len(members.devices))
    shared = np.flatnonzero(users > 1)
    rows = np.flatnonzero(np.append(users > 1, [False])[members.device])
    device = np.searchsorted(shared, members.device[rows])
    seen_first, seen_last = order.span(order.microseconds(events)[rows], device, len(shared))
    user_ids = members.users[named.user[first]].astype(object).to_numpy()
    ends = np.cumsum(users)
    found = pd.DataFrame(
        {
            "anonymous_id": pd.Series(members.devices[shared]).astype(schema.TEXT),
            "users": users[shared],
            "user_ids": pd.Series(
                [user_ids[ends[one] - users[one] : ends[one]].tolist() for one in shared], dtype=object
            ),
            "events": np.bincount(device, minlength=len(shared)),
            "first_seen": order.timestamps(seen_first),
            "last_seen": order.timestamps(seen_last),
            "switches": switches[shared],
            "is_crowded": users[shared] > rule.max_users_per_device,
        }
    )
    found = found.set_axis(pd.Index(shared), axis="index")
    return found.sort_values(["users", "events", "anonymous_id"], ascending=[False, False, True])


def _named(events: pd.DataFrame, collected: Collected) -> _Named:
    """Every place at which a device's rows, or an ``$alias`` elsewhere, name a user of it."""
    members, aliases = collected.members, collected.aliases
    own = np.flatnonzero(collected.is_evidence)
    row = np.append(own, aliases.row)
    device = np.append(members.device[own], aliases.device).astype(np.int64)
    user = collected.canon.user[np.append(members.user[own], aliases.user)].astype(np.int64)
    # Only devices on which not every place names the same user are sorted.
    several = order.has_several(device, user, len(members.devices))[device]
    row, device, user = row[several], device[several], user[several]
    inorder = order.event_order(events, within=device, rows=row)
    return _Named(device[inorder], user[inorder])
