"""Whose row is this, worked out slowly: the stitching rules of the design, one short function each.

Everything is asked again wherever it is needed; nothing here is fast. ``events`` reads the rows,
``evidence`` the links they give, ``merges`` which users are one person; ``policies`` and ``graph``
say who gets a row, and this module puts the answers together.
"""

from __future__ import annotations

import datetime as dt
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from functools import cached_property
from typing import Any

from .events import SESSION_TIMEOUT_US, Event, Link, Row, Rule, events_in_order, instant, microseconds, named_users
from .evidence import Links
from .graph import Graph
from .merges import Merges
from .policies import Choice, Moment, choose
from .sessions import Session, session_near

Answer = tuple[str | None, str, int]
POLICIES = ("session", "next", "previous", "first", "last", "strict", "none", "graph")


def stitch(
    rows: Sequence[Row],
    *,
    policy: str,
    merge_on: Iterable[str] = (),
    bridges: Iterable[str] = ("email", "ip"),
    as_of: int | dt.datetime | str | None = None,
    block: Iterable[str] = (),
    allow: Iterable[str] = (),
    session_timeout_us: int = SESSION_TIMEOUT_US,
    max_users_per_device: int = 10,
    max_devices_per_user: int = 50,
    max_ids_per_trait_value: int = 10,
    without: Iterable[Link] = (),
) -> list[Answer]:
    """(person_id, person_via, person_since in microseconds) of every row that is kept, in input order.

    An ``as_of`` instant keeps the rows up to and including it. ``as_of="event"`` judges each row
    by the rows at or before its own time. ``without`` names links to ignore as identity_links does:
    id, other_id, kind.
    """
    rule = Rule(
        policy=policy,
        merge_on=tuple(merge_on),
        bridges=tuple(bridges),
        block=tuple(block),
        allow=tuple(allow),
        session_timeout_us=session_timeout_us,
        max_users_per_device=max_users_per_device,
        max_devices_per_user=max_devices_per_user,
        max_ids_per_trait_value=max_ids_per_trait_value,
        without=frozenset(without),
    )
    if policy not in POLICIES:
        message = f"the oracle knows the policies {POLICIES}, not {policy!r}"
        raise ValueError(message)
    if as_of == "event":
        return _stitch_each_at_its_own_time(rows, rule)
    return _stitch([row for row in rows if as_of is None or microseconds(row) <= instant(as_of)], rule)


def with_person(rows: Sequence[Row], **options: Any) -> list[dict[str, Any]]:
    """The rows that ``stitch`` keeps, each with its person_id, person_via and person_since."""
    as_of = options.get("as_of")
    kept = [row for row in rows if as_of in (None, "event") or microseconds(row) <= instant(as_of)]
    answers = stitch(rows, **options)
    return [
        {**row, "person_id": person, "person_via": via, "person_since": since}
        for row, (person, via, since) in zip(kept, answers, strict=True)
    ]


def _stitch_each_at_its_own_time(rows: Sequence[Row], rule: Rule) -> list[Answer]:
    """``"event"``: each row judged by what was known at that event.

    One exception: whether a device's person needs the ``device:`` prefix is judged on all rows.
    """
    if rule.policy == "graph":
        message = 'as_of="event" is refused for graph'
        raise ValueError(message)
    users = named_users(events_in_order(rows, rule))
    answers: dict[int, Answer] = {}
    for time in {microseconds(row) for row in rows}:
        known = [index for index, row in enumerate(rows) if microseconds(row) <= time]
        found = _stitch([rows[index] for index in known], rule, users)
        answers |= {
            index: answer for index, answer in zip(known, found, strict=True) if microseconds(rows[index]) == time
        }
    return [answers[index] for index in range(len(rows))]


def _stitch(rows: Sequence[Row], rule: Rule, users: set[str] | None = None) -> list[Answer]:
    events = events_in_order(rows, rule)
    world = World(Links(events, rule), named_users(events) if users is None else users)
    answers = {event.index: world.answer(event) for event in events}
    return [answers[index] for index in range(len(rows))]


@dataclass(frozen=True)
class World:
    """The links of all events, and whose row each one is; ``users`` are the texts that also name a user."""

    links: Links
    users: set[str]

    @cached_property
    def merges(self) -> Merges:
        """Which users are one person."""
        return Merges(self.links)

    @cached_property
    def graph(self) -> Graph:
        """All links as one graph."""
        return Graph(self.merges)

    def answer(self, event: Event) -> Answer:
        """Own user first (but under ``last``); then the device's users; then a bridge; else the device itself."""
        if self.links.rule.policy == "graph":
            return self.by_graph(event)
        if self.links.rule.policy == "last" and (found := self.by_last(event)):
            return found
        if event.user_id is not None:
            return self.own(event)
        return self.by_policy(event) or self.by_bridge(event) or self.anonymous(event)

    def own(self, event: Event) -> Answer:
        """An event's own user_id wins."""
        user = str(event.user_id)
        return self.merges.canonical(user), "own", self.merges.never_before_joining(user, event.time)

    def anonymous(self, event: Event) -> Answer:
        """Nobody's row but its device's; a row with neither id joins nobody."""
        device = event.anonymous_id
        return None if device is None else self.device_person(device), "anonymous", event.time

    def device_person(self, device: str) -> str:
        """A text that is both a device and a user: the device's person is ``device:<text>``."""
        return f"device:{device}" if device in self.users else device

    def given(self, choice: Choice) -> Answer:
        """The person of a chosen user, who may have joined it later."""
        since = self.merges.never_before_joining(choice.user, choice.time)
        return self.merges.canonical(choice.user), choice.via, since

    # by the device's users

    def by_policy(self, event: Event) -> Answer | None:
        """An anonymous event on a device with users gets one of them, as the policy says."""
        device = event.anonymous_id
        if device is None:
            return None
        evidence = self.links.evidence_on(device)
        moment = Moment(
            before=[one for one in evidence if one.place <= event.place],
            after=[one for one in evidence if one.place >= event.place],
            session=self.links.session_of(event),
        )
        choice = choose(self.merges, device, moment)
        return None if choice is None else self.given(choice)

    def by_last(self, event: Event) -> Answer | None:
        """The device's last user takes all its rows; a row whose own user is that person stays its own."""
        found = self.by_policy(event)
        is_own = found and event.user_id is not None and self.merges.canonical(event.user_id) == found[0]
        return self.own(event) if is_own else found

    # by a bridge

    def by_bridge(self, event: Event) -> Answer | None:
        """A bridge fills only rows of a device that has no user of its own; it never joins two users.

        It gives the user that the other device has at the bridge's time; nearest bridge, then smallest id.
        """
        device = event.anonymous_id
        if self.links.rule.policy == "none" or device is None or self.links.evidence_on(device):
            return None
        gifts: list[tuple[int, str, int, Answer]] = []
        shares: list[tuple[int, str, int, Answer]] = []
        for bridge in self.links.bridges:
            if device not in (bridge.app, bridge.web):
                continue
            other = bridge.web if device == bridge.app else bridge.app
            distance = abs(event.time - bridge.time)
            if self.links.evidence_on(other):
                choice = self.user_at(other, bridge.time)
                if choice is not None:
                    known = choice._replace(via="bridge", time=max(bridge.time, choice.time))
                    gifts.append((distance, other, bridge.time, self.given(known)))
            elif device == bridge.app:
                shares.append((distance, other, bridge.time, (self.device_person(other), "bridge", bridge.time)))
        nearest = sorted(gifts) or sorted(shares)
        return nearest[0][-1] if nearest else None

    def user_at(self, device: str, time: int) -> Choice | None:
        """The user an anonymous row of this device would get at this time under the policy."""
        evidence = self.links.evidence_on(device)
        spans: dict[Session, tuple[int, int]] = {}
        for place, session in self.links.sessions(device).items():
            moment = self.links.events[place].time
            first, last = spans.get(session, (moment, moment))
            spans[session] = (min(first, moment), max(last, moment))
        there = Moment(
            before=[one for one in evidence if one.time <= time],
            after=[one for one in evidence if one.time >= time],
            session=session_near(time, spans, self.links.rule.session_timeout_us),
        )
        return choose(self.merges, device, there)

    # by the graph

    def by_graph(self, event: Event) -> Answer:
        """Every row of a component has its person, known since the latest link of the chain to what names it."""
        node = self.graph.node_of(event)
        namer = None if node is None else self.graph.namer(node)
        if node is None or namer is None or (node == namer and node.kind == "device"):
            return self.anonymous(event)
        if event.user_id is not None and self.merges.canonical(event.user_id) == namer.text:
            return self.own(event)
        since = self.graph.connected_since(node, namer)
        if event.user_id is not None:
            return namer.text, "graph", max(since, event.time)
        person = namer.text if namer.kind == "user" else self.device_person(namer.text)
        return person, "graph", since
