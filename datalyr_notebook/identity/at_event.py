"""``as_of="event"``: each row judged by what was known at its own instant.

A device that nothing but its own rows ties to anybody needs no more than the kernel that looks into
the past alone. The rest stands in *worlds*: devices and users that ``$alias``, bridges, trusted
traits or servers tie together, and devices whose sessions later rows redraw. No world knows of
another, so one stitching answers the k-th instant of every world at once.
"""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import numpy.typing as npt
import pandas as pd

from datalyr_notebook import order, schema
from datalyr_notebook.identity.collecting import collect
from datalyr_notebook.identity.components import connect
from datalyr_notebook.identity.kernel import Owners, Views, complete, own_rows
from datalyr_notebook.identity.links import Members
from datalyr_notebook.identity.rule import StitchRule
from datalyr_notebook.identity.ties import find_ties
from datalyr_notebook.identity.timeline import Places
from datalyr_notebook.loading.encoding import matches, part_of
from datalyr_notebook.order import Flags, Ints

_POLICY_OF_SESSIONS = "session"


def own_rows_at_event(views: Views, rule: StitchRule) -> Owners:
    """The owner of every row, as it was known at the row; ``views`` look into the past alone.

    Takes time with the square of the number of instants in the largest world.
    """
    collected = views.collected
    owners = own_rows(views, collected, rule)
    world = _worlds(views, rule)
    rows = np.flatnonzero(world >= 0)
    if not len(rows):
        return owners
    table = part_of(views.events, rows)
    number = pd.factorize(world[rows])[0]
    instant = _dense_rank(number, views.time[rows])
    last = np.zeros(int(number.max()) + 1, dtype=np.int64)
    np.maximum.at(last, number, instant)
    at_instant = replace(rule, as_of=None)
    for moment in range(int(last.max()) + 1):
        known = np.flatnonzero((instant <= moment) & (last[number] >= moment))
        _answer(owners, collected.members, table.iloc[known], rows[known], instant[known] == moment, at_instant)
    return owners


def _answer(
    owners: Owners, members: Members, known: pd.DataFrame, rows: Ints, is_asked: Flags, rule: StitchRule
) -> None:
    """Stitch what is known, and give the asked rows their owners, in place."""
    views = Views(known, collect(known, rule), rule)
    told = own_rows(views, complete(views, rule), rule)
    of_part = views.collected.members
    users, devices = matches(of_part.users, members.users), matches(of_part.devices, members.devices)
    code = np.concatenate([users, devices + len(members.users), [-1]])
    at = rows[is_asked]
    owners.person[at] = code[told.person[is_asked]]
    owners.via[at], owners.since[at] = told.via[is_asked], told.since[is_asked]


def _dense_rank(group: npt.NDArray[np.integer], time: Ints) -> Ints:
    """The number of each row's instant among the instants of its group, from 0."""
    inorder = order.by_group_and_time(group.astype(np.int64), time)
    own, when = group[inorder], time[inorder]
    is_new = np.append([True], (np.diff(own) != 0) | (np.diff(when) != 0))
    count = np.cumsum(is_new) - 1
    rank = np.empty(len(group), dtype=np.int64)
    rank[inorder] = count - count[np.searchsorted(own, own)]
    return rank


def _worlds(views: Views, rule: StitchRule) -> Ints:
    """The world of each row; -1 for rows whose device is steady by itself."""
    events, members = views.events, views.collected.members
    ties = find_ties(events, members, rule.merge_on)
    nobody = len(members.devices) + len(members.users)
    found = connect(nobody + 1, ties.one, ties.other, np.zeros(len(ties.one), dtype=np.int64))
    is_world = np.zeros(found.number, dtype=bool)
    for nodes in (ties.aliased, ties.uncertain, _mixed_devices(events, members), _unsteady_devices(views, rule)):
        is_world[found.of[nodes]] = True
    world = found.of[np.where(ties.home >= 0, ties.home, nobody)]
    return np.where(is_world[world], world, -1)


def _mixed_devices(events: pd.DataFrame, members: Members) -> npt.NDArray[np.integer]:
    """Devices that a server names as well: they may have been a server's one-shot ids before a browser had them."""
    device: npt.NDArray[np.integer] = members.device[order.is_among(events, "sdk", schema.SERVER_SDKS)]
    return np.unique(device[members.is_device[device]])


def _unsteady_devices(views: Views, rule: StitchRule) -> npt.NDArray[np.integer]:
    """Devices whose sessions later rows may redraw: some rows have no session_id, or sessions overlap."""
    timeline = views.anonymous.timeline
    if rule.policy != _POLICY_OF_SESSIONS and timeline.crowded_from is None:
        return np.zeros(0, dtype=np.int64)
    places = timeline.places
    session = order.codes(views.events, "session_id")[places.line.rows]
    is_unsteady = np.zeros(len(views.collected.members.devices) + 1, dtype=bool)
    has_session = np.zeros(len(is_unsteady), dtype=bool)
    has_session[places.device[session >= 0]] = True
    is_unsteady[places.device[(session < 0) & has_session[places.device]]] = True
    is_unsteady[_overlapping(places, session)] = True
    return np.flatnonzero(is_unsteady)


def _overlapping(places: Places, session: order.Codes) -> npt.NDArray[np.integer]:
    """The devices on which a session starts before another has ended."""
    named = np.flatnonzero(session >= 0)
    device, time = places.device[named].astype(np.int64), places.line.time[named]
    number = pd.factorize(device * (int(session.max(initial=-1)) + 1) + session[named])[0]
    inorder = order.by_group_and_time(device, time)
    device, number = device[inorder], number[inorder]
    # In time order a session that nothing interrupts is one run: as many runs as sessions, then.
    runs = np.flatnonzero((np.diff(number, prepend=-1) != 0) | (np.diff(device, prepend=-1) != 0))
    again = runs[pd.Series(number[runs]).duplicated().to_numpy()]
    ties = np.flatnonzero((np.diff(time[inorder]) == 0) & (np.diff(device) == 0) & (np.diff(number) != 0))
    return device[np.append(again, ties)]
