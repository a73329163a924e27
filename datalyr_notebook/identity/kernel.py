"""The kernel of pass 1: whose row is this? A function of one device's rows and what was collected.

Cutting the table between devices changes nothing. What several policies over the same events
share is kept in a :class:`Views`.
"""

from __future__ import annotations

from functools import cached_property
from typing import NamedTuple

import numpy as np
import numpy.typing as npt
import pandas as pd

from datalyr_notebook import order
from datalyr_notebook.identity import bridging
from datalyr_notebook.identity.bridging import BridgeAnswers
from datalyr_notebook.identity.collecting import Collected, devices_with_users, with_graph
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


class Views:
    """The events as policies look at them: time lines that are drawn once, whatever the policy."""

    def __init__(self, events: pd.DataFrame, collected: Collected, rule: StitchRule) -> None:
        self.events, self.collected, self._rule = events, collected, rule

    @cached_property
    def time(self) -> Ints:
        """The time of each row, int64 microseconds."""
        return order.microseconds(self.events)

    @cached_property
    def has_user(self) -> Flags:
        """Which devices have a user of their own (one flag more, false, for -1)."""
        return devices_with_users(self.collected)

    @cached_property
    def timeline(self) -> Timeline:
        """The devices that have a user."""
        return Timeline(self._places(self.has_user), self.collected.canon, self._rule)

    @cached_property
    def anonymous(self) -> Neighbors:
        """The evidence about the rows there that name nobody."""
        return Neighbors(self.timeline, self.rows_without_user)

    @cached_property
    def rows_without_user(self) -> Ints:
        """The places on the time line whose rows name nobody."""
        places = self.timeline.places
        return np.flatnonzero(places.is_row & (self.collected.members.user[places.line.rows] < 0))

    @cached_property
    def bridge_ends(self) -> tuple[Ints, Ints, Ints]:
        """The ends of bridges that can receive: (bridge, device, other device)."""
        return bridging.ends(self.collected.bridges, self.has_user)

    @cached_property
    def asked_by_bridges(self) -> tuple[Timeline, Neighbors, Ints]:
        """The devices at the other ends, the evidence about what each bridge asks them, and the places of that."""
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
        return timeline, Neighbors(timeline, asked), asked

    @property
    def crowded_devices(self) -> dict[str, int]:
        """The devices on the time line with more users than the limit, and how many they have."""
        if "timeline" not in vars(self) or "crowded" not in vars(self.timeline):
            return {}
        devices = self.collected.members.devices
        return {str(devices[device]): count for device, count in self.timeline.crowded.items()}

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
    members, canon, policy, time = collected.members, collected.canon, POLICIES[rule.policy], views.time
    named = members.user >= 0
    own = canon.user[members.user] if canon.merged else members.user
    person = np.where(named, own, members.device + np.int32(len(members.users)))
    if members.device.min(initial=0) < 0:
        person[~named & (members.device < 0)] = -1
    via = np.where(named, np.int8(_OWN), np.int8(_ANONYMOUS))
    since = np.maximum(time, canon.joined[members.user]) if canon.merged else time.copy()
    owners = Owners(person, via, since)
    if collected.graph is not None:
        _follow_graph(owners, collected, time)
    if policy.asks:
        _ask(owners, views, policy)
    if len(collected.answers.device):
        lonely = np.flatnonzero(~named & ~views.has_user[members.device] & members.is_device[members.device])
        _cross_bridges(owners, collected, time, lonely)
    return owners


def _ask(owners: Owners, views: Views, policy: Policy) -> None:
    """Fill, in place, the rows of devices that have a user of their own, as the policy chooses."""
    places, canon = views.timeline.places, views.collected.canon
    asked, near = views.rows_without_user, views.anonymous
    if policy.takes_own:
        asked = np.flatnonzero(places.is_row)
        near = Neighbors(views.timeline, asked)
    decided = _decide(views.timeline, near, asked, policy)
    rows = places.line.rows[asked]
    person = canon.user[decided.user]
    # A row that names its person itself is its own, whatever decided.
    sure = (decided.user >= 0) & (owners.person[rows] != person)
    rows = rows[sure]
    owners.person[rows], owners.via[rows], owners.since[rows] = (
        person[sure],
        decided.via[sure],
        decided.known_from[sure],
    )


class _Decided(NamedTuple):
    user: Ints
    """The deciding user as it was named; -1: nobody."""
    via: npt.NDArray[np.int8]
    known_from: Ints


def _decide(timeline: Timeline, near: Neighbors, asked: Ints, policy: Policy) -> _Decided:
    """The user that the policy gives each asked place."""
    choice = policy.choose(near)
    if not len(choice.evidence):
        return _Decided(choice.evidence, choice.via, choice.evidence)
    places, canon = timeline.places, timeline.canon
    user = np.where(choice.evidence >= 0, places.user[choice.evidence], -1)
    known_from = np.maximum(places.line.time[choice.evidence], canon.joined[user])
    if canon.merged:
        is_only = choice.via == _ONLY
        settled = timeline.settled_from[places.device[asked]]
        known_from = np.where(is_only, np.maximum(known_from, settled), known_from)
    return _Decided(user, choice.via, known_from)


def _follow_graph(owners: Owners, collected: Collected, time: Ints) -> None:
    """Give each row, in place, to the person of its user, else of its device."""
    members, graph = collected.members, collected.graph
    if graph is None or not len(graph.person):
        return
    named = members.user >= 0
    node = np.where(named, members.user, members.device + len(members.users))
    tied = np.flatnonzero((named | members.is_device[members.device]) & (graph.person[node] != owners.person))
    since = graph.since[node[tied]]
    owners.person[tied] = graph.person[node[tied]]
    owners.via[tied] = _GRAPH
    owners.since[tied] = np.where(named[tied], np.maximum(since, time[tied]), since)


def _ask_bridges(views: Views, policy: Policy) -> BridgeAnswers:
    """What each bridge gives: the user that the other device has, at the bridge's time, under the policy."""
    bridge, device, other = views.bridge_ends
    collected = views.collected
    timeline, near, asked = views.asked_by_bridges
    decided = _decide(timeline, near, asked, policy)
    made = collected.bridges.known_from[bridge]
    known_from = np.where(decided.user >= 0, np.maximum(made, decided.known_from), made)
    answer = np.where(decided.user >= 0, collected.canon.user[decided.user], -1)
    # A crowded device has users, and may still give none: then its bridge gives nothing.
    gives = (answer >= 0) | ~views.has_user[other]
    return bridging.sort_answers(
        collected.members, device[gives], made[gives], answer[gives], other[gives], known_from[gives]
    )


def _cross_bridges(owners: Owners, collected: Collected, time: Ints, rows: Ints) -> None:
    """Fill, in place, the rows of devices that have no user of their own."""
    answers = collected.answers
    chosen = bridging.nearest_answer(answers, collected.members.device[rows], time[rows])
    found = chosen >= 0
    at, answer = rows[found], chosen[found]
    shared = len(collected.members.users) + answers.other[answer]
    owners.person[at] = np.where(answers.user[answer] >= 0, answers.user[answer], shared)
    owners.via[at] = _BRIDGE
    owners.since[at] = answers.known_from[answer]
