"""The kernel of pass 1: whose row is this? A function of one device's rows and what was collected.

Cutting the table between devices changes nothing. What several policies over the same events
share is kept in a :class:`Views`.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from functools import cached_property
from typing import NamedTuple

import numpy as np
import numpy.typing as npt
import pandas as pd

from datalyr_notebook import order
from datalyr_notebook.identity import bridging
from datalyr_notebook.identity.bridging import BridgeAnswers
from datalyr_notebook.identity.collecting import Collected, devices_with_users, with_graph
from datalyr_notebook.identity.graph import Graph
from datalyr_notebook.identity.neighbors import Line
from datalyr_notebook.identity.policies import POLICIES, VIA, Policy
from datalyr_notebook.identity.rule import StitchRule
from datalyr_notebook.identity.timeline import Neighbors, Places, Timeline
from datalyr_notebook.order import Flags, Ints

_OWN, _ONLY, _GRAPH, _BRIDGE, _ANONYMOUS = (VIA.index(name) for name in ("own", "only", "graph", "bridge", "anonymous"))


class Owners(NamedTuple):
    """Per row its person (a user's code, or the number of users + a device's code; -1: none), and why."""

    person: order.Codes
    via: npt.NDArray[np.int8]
    """Place in ``VIA``."""
    since: Ints
    """int64 microseconds."""


class Asked(NamedTuple):
    """Places on the time line of some devices that a policy is asked about."""

    timeline: Timeline
    near: Neighbors
    """The evidence about each of the places."""
    places: Ints


class Views:
    """The events as policies look at them: time lines that are drawn once, whatever the policy."""

    def __init__(self, events: pd.DataFrame, collected: Collected, rule: StitchRule) -> None:
        self.events, self.collected, self._rule = events, collected, rule

    @cached_property
    def time(self) -> Ints:
        """The time of each row, int64 microseconds."""
        return order.microseconds(self.events)

    @cached_property
    def own_person(self) -> order.Codes:
        """Each row's person if nothing but itself says who: its user, else its device."""
        members, canon = self.collected.members, self.collected.canon
        own = canon.user[members.user] if canon.merged else members.user
        person: order.Codes = np.where(members.user >= 0, own, members.device + np.int32(len(members.users)))
        if members.device.min(initial=0) < 0:
            person[(members.user < 0) & (members.device < 0)] = -1
        return person

    @cached_property
    def has_user(self) -> Flags:
        """Which devices have a user of their own (one flag more, false, for -1)."""
        return devices_with_users(self.collected)

    @cached_property
    def anonymous(self) -> Asked:
        """The rows that name nobody, on devices that have a user."""
        return self._asked(self.has_user)

    @cached_property
    def contested(self) -> Asked:
        """Those of them on devices that name several persons."""
        return self._asked(self._persons_of_devices[1])

    @cached_property
    def settled_person(self) -> order.Codes:
        """Each row's person where there is nothing to choose: its own, else the one that its device names."""
        members = self.collected.members
        only, is_contested = self._persons_of_devices
        rows = np.flatnonzero((members.user < 0) & self.has_user[members.device] & ~is_contested[members.device])
        person = self.own_person.copy()
        person[rows] = only[members.device[rows]]
        return person

    @cached_property
    def _persons_of_devices(self) -> tuple[order.Codes, Flags]:
        """Per device one of the persons that it names, -1 for none, and whether it names others."""
        members, aliases, canon = self.collected.members, self.collected.aliases, self.collected.canon
        rows = np.flatnonzero(self.collected.is_evidence)
        device = np.append(members.device[rows], aliases.device)
        person = canon.user[np.append(members.user[rows], aliases.user)]
        only = np.full(len(self.has_user), -1, dtype=np.int32)
        only[device] = person
        is_contested = np.zeros(len(only), dtype=bool)
        is_contested[device[only[device] != person]] = True
        return only, is_contested & self.has_user

    @cached_property
    def bridge_ends(self) -> tuple[Ints, Ints, Ints]:
        """The ends of bridges that can receive: (bridge, device, other device)."""
        return bridging.ends(self.collected.bridges, self.has_user)

    @cached_property
    def asked_by_bridges(self) -> Asked:
        """What each bridge asks the device at its other end."""
        bridge, _, other = self.bridge_ends
        bridges, wanted = self.collected.bridges, np.zeros(len(self.has_user), dtype=bool)
        wanted[other] = True
        told = self._places(wanted & self.has_user)
        rows = np.append(told.line.rows, bridges.row[bridge])
        places = Places(
            Line(self.events, rows, np.append(told.line.time, bridges.known_from[bridge])),
            np.append(told.device, other),
            np.append(told.user, np.full(len(bridge), -1)),
            np.append(told.session_of, other),
            np.append(told.is_own, np.zeros(len(bridge), dtype=bool)),
            np.append(told.is_row, np.zeros(len(bridge), dtype=bool)),
        )
        asked = np.arange(len(rows) - len(bridge), len(rows))
        timeline = Timeline(places, self.collected.canon, self._rule)
        return Asked(timeline, Neighbors(timeline, asked), asked)

    @property
    def crowded_devices(self) -> dict[str, int]:
        """The devices on the time line with more users than the limit, and how many they have."""
        devices = self.collected.members.devices
        lines = [vars(self)[name].timeline for name in ("anonymous", "contested") if name in vars(self)]
        crowded = [line.crowded for line in lines if "crowded" in vars(line)]
        return {str(devices[device]): count for line in crowded for device, count in line.items()}

    def _asked(self, wanted: Flags) -> Asked:
        """The rows of the wanted devices that name nobody."""
        places = self._places(wanted)
        timeline = Timeline(places, self.collected.canon, self._rule)
        asked = np.flatnonzero(places.is_row & (self.collected.members.user[places.line.rows] < 0))
        return Asked(timeline, Neighbors(timeline, asked), asked)

    def _places(self, wanted: Flags) -> Places:
        """The time line of the wanted devices: their rows, and what ``$alias`` rows say of them."""
        members, aliases = self.collected.members, self.collected.aliases
        rows = np.flatnonzero(wanted[members.device])
        device = members.device[rows]
        user = np.where(self.collected.is_evidence[rows], members.user[rows], np.int32(-1))
        told = np.flatnonzero(wanted[aliases.device])
        is_row = np.arange(len(rows) + len(told)) < len(rows)
        is_own = np.ones(len(is_row), dtype=bool)
        if not len(told):
            return Places(Line(self.events, rows, self.time[rows]), device, user, device, is_own, is_row)
        said, about = aliases.row[told], aliases.device[told]
        rows = np.append(rows, said)
        return Places(
            Line(self.events, rows, self.time[rows]),
            np.append(device, about),
            np.append(user, aliases.user[told]),
            np.append(device, np.where(members.device[said] == about, about, -1)),
            is_own,
            is_row,
        )


def complete(views: Views, rule: StitchRule) -> Collected:
    """What was collected, with what this policy needs besides: what bridges give, or the identity graph."""
    policy, collected = POLICIES[rule.policy], views.collected
    if policy.is_graph:
        return with_graph(views.events, collected, rule)
    if not policy.asks or not len(collected.bridges.row):
        return collected
    return collected._replace(answers=_ask_bridges(views, policy))


def own_rows(views: Views, collected: Collected, rule: StitchRule) -> Owners:
    """The owner of every row. ``collected``: from ``complete``, under the same rule."""
    members, canon, time = collected.members, collected.canon, views.time
    via = np.where(members.user >= 0, np.int8(_OWN), np.int8(_ANONYMOUS))
    since = np.maximum(time, canon.joined[members.user]) if canon.merged else time.copy()
    owners = Owners(views.own_person.copy(), via, since)
    for given in _given(views, collected, rule, views.own_person, lambda: views.anonymous):
        owners.person[given.rows], owners.via[given.rows], owners.since[given.rows] = given[1:]
    return owners


def own_persons(views: Views, collected: Collected, rule: StitchRule) -> order.Codes:
    """The same without the reasons, for a rule that does not judge each row at its own time.

    Only the rows are looked at for which policies may choose differently.
    """
    base = views.settled_person if POLICIES[rule.policy].asks else views.own_person
    person = base.copy()
    for given in _given(views, collected, rule, base, lambda: views.contested):
        person[given.rows] = given.person
    return person


class _Given(NamedTuple):
    """Rows that get another person than before, no row twice."""

    rows: npt.NDArray[np.integer]
    person: npt.NDArray[np.integer]
    via: npt.NDArray[np.int8] | int
    since: Ints


def _given(
    views: Views, collected: Collected, rule: StitchRule, person: order.Codes, ask: Callable[[], Asked]
) -> Iterator[_Given]:
    """What the rule gives: by the graph, by a device's own users, across bridges. ``person``: each row's so far."""
    members, policy = collected.members, POLICIES[rule.policy]
    if collected.graph is not None:
        yield _by_graph(collected, collected.graph, views.time, person)
    if policy.asks:
        yield _by_evidence(ask(), policy, person)
    if len(collected.answers.device):
        lonely = (members.user < 0) & ~views.has_user[members.device] & members.is_device[members.device]
        yield _across_bridges(collected, views.time, np.flatnonzero(lonely))


def _by_evidence(asked: Asked, policy: Policy, person: order.Codes) -> _Given:
    """The rows of devices that have a user of their own, as the policy chooses."""
    timeline, places = asked.timeline, asked.timeline.places
    if policy.takes_own:
        every = np.flatnonzero(places.is_row)
        asked = Asked(timeline, Neighbors(timeline, every), every)
    decided = _decide(asked, policy)
    rows, given = places.line.rows[asked.places], timeline.canon.user[decided.user]
    # A row that names its person itself is its own, whatever decided.
    sure = (decided.user >= 0) & (person[rows] != given)
    return _Given(rows[sure], given[sure], decided.via[sure], decided.known_from[sure])


class _Decided(NamedTuple):
    user: Ints
    """The deciding user as it was named; -1: nobody."""
    via: npt.NDArray[np.int8]
    known_from: Ints


def _decide(asked: Asked, policy: Policy) -> _Decided:
    """The user that the policy gives each asked place."""
    choice = policy.choose(asked.near)
    if not len(choice.evidence):
        return _Decided(choice.evidence, choice.via, choice.evidence)
    places, canon = asked.timeline.places, asked.timeline.canon
    user = np.where(choice.evidence >= 0, places.user[choice.evidence], -1)
    known_from = places.line.time[choice.evidence]
    if canon.merged:
        known_from = np.maximum(known_from, canon.joined[user])
        settled = asked.timeline.settled_from[places.device[asked.places]]
        known_from = np.where(choice.via == _ONLY, np.maximum(known_from, settled), known_from)
    return _Decided(user, choice.via, known_from)


def _by_graph(collected: Collected, graph: Graph, time: Ints, person: order.Codes) -> _Given:
    """Each row that a link ties to another person than its user, or else its device."""
    members = collected.members
    named = members.user >= 0
    node = np.where(named, members.user, members.device + np.int32(len(members.users)))
    may = named | members.is_device[members.device]
    tied = np.flatnonzero(may & (np.append(graph.person, np.int32(-1))[node] != person))
    since = graph.since[node[tied]]
    since = np.where(named[tied], np.maximum(since, time[tied]), since)
    return _Given(tied, graph.person[node[tied]], _GRAPH, since)


def _ask_bridges(views: Views, policy: Policy) -> BridgeAnswers:
    """What each bridge gives: the user that the other device has, at the bridge's time, under the policy."""
    bridge, device, other = views.bridge_ends
    collected = views.collected
    decided = _decide(views.asked_by_bridges, policy)
    made = collected.bridges.known_from[bridge]
    known_from = np.where(decided.user >= 0, np.maximum(made, decided.known_from), made)
    answer = np.where(decided.user >= 0, collected.canon.user[decided.user], -1)
    # A crowded device has users, and may still give none: then its bridge gives nothing.
    gives = (answer >= 0) | ~views.has_user[other]
    return bridging.sort_answers(
        collected.members, device[gives], made[gives], answer[gives], other[gives], known_from[gives]
    )


def _across_bridges(collected: Collected, time: Ints, rows: Ints) -> _Given:
    """The rows of devices that have no user of their own."""
    answers = collected.answers
    chosen = bridging.nearest_answer(answers, collected.members.device[rows], time[rows])
    found = chosen >= 0
    answer = chosen[found]
    other = len(collected.members.users) + answers.other[answer]
    person = np.where(answers.user[answer] >= 0, answers.user[answer], other)
    return _Given(rows[found], person, _BRIDGE, answers.known_from[answer])
