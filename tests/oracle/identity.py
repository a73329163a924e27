"""Whose row is this, worked out slowly: the stitching rules of the design, one short function each.

Rows are plain dicts in the shape of the events table: None for null, times as int microseconds or
aware datetimes. Everything is asked again wherever it is needed; nothing here is fast.
"""

from __future__ import annotations

import datetime as dt
import re
from collections.abc import Hashable, Iterable, Mapping, Sequence
from dataclasses import dataclass
from functools import cached_property
from typing import Any, NamedTuple

from datalyr_notebook.schema import SERVER_SDKS, is_null_like

Row = Mapping[str, Any]
Answer = tuple[str | None, str, int]
Session = Hashable
POLICIES = ("session", "next", "previous", "none")
SESSION_TIMEOUT_US = 30 * 60 * 10**6
MATCHED, MERGED = "$web_attribution_matched", "$web_attribution_merged"
E_MAIL = re.compile(r"[^@\s]+@[^@\s]+\.[^@\s]+")


@dataclass(frozen=True)
class Rule:
    """What the analyst chose."""

    policy: str
    merge_on: tuple[str, ...] = ()
    bridges: tuple[str, ...] = ("email", "ip")
    session_timeout_us: int = SESSION_TIMEOUT_US
    max_users_per_device: int = 10
    max_ids_per_trait_value: int = 10


@dataclass(frozen=True)
class Event:
    """One row with clean ids; ``place`` is its rank in the order of events, ``index`` its rank in the input."""

    index: int
    place: int
    time: int
    name: str | None
    anonymous_id: str | None
    user_id: str | None
    previous_id: str | None
    new_user_id: str | None
    session_id: str | None
    is_server: bool
    web_visitor_id: str | None
    match_method: str | None
    traits: Mapping[Any, Any]


class Evidence(NamedTuple):
    """One event says that this user was on this device; ``session`` is None if it sits on another device's row."""

    place: int
    time: int
    device: str
    user: str
    session: Session | None


class Alias(NamedTuple):
    """One ``$alias``: the previous id, which kind of id it is, and the user it became."""

    place: int
    time: int
    previous: str
    is_device: bool
    new: str
    row_device: str | None


class MergeLink(NamedTuple):
    """Two users are one person from this time on."""

    time: int
    one: str
    other: str


class Bridge(NamedTuple):
    """An app's device was matched with a web device."""

    app: str
    web: str
    kind: str
    time: int


def stitch(
    rows: Sequence[Row],
    *,
    policy: str,
    merge_on: Iterable[str] = (),
    bridges: Iterable[str] = ("email", "ip"),
    as_of: int | dt.datetime | str | None = None,
    session_timeout_us: int = SESSION_TIMEOUT_US,
    max_users_per_device: int = 10,
    max_ids_per_trait_value: int = 10,
) -> list[Answer]:
    """(person_id, person_via, person_since in microseconds) of every row that is kept, in input order.

    An ``as_of`` instant keeps the rows up to and including it. ``as_of="event"`` judges each row
    alone, as if its own time were the instant.
    """
    if policy not in POLICIES:
        message = f"the oracle knows the policies {POLICIES}, not {policy!r}"
        raise ValueError(message)
    rule = Rule(
        policy, tuple(merge_on), tuple(bridges), session_timeout_us, max_users_per_device, max_ids_per_trait_value
    )
    if as_of == "event":
        return [_answer_at(rows, index, rule) for index in range(len(rows))]
    return _stitch([row for row in rows if as_of is None or microseconds(row) <= _instant(as_of)], rule)


def with_person(rows: Sequence[Row], **options: Any) -> list[dict[str, Any]]:
    """The rows that ``stitch`` keeps, each with its person_id, person_via and person_since."""
    as_of = options.get("as_of")
    kept = [row for row in rows if as_of in (None, "event") or microseconds(row) <= _instant(as_of)]
    answers = stitch(rows, **options)
    return [
        {**row, "person_id": person, "person_via": via, "person_since": since}
        for row, (person, via, since) in zip(kept, answers, strict=True)
    ]


def _answer_at(rows: Sequence[Row], index: int, rule: Rule) -> Answer:
    """``"event"``: each row judged by what was known at that event."""
    known = [place for place, row in enumerate(rows) if microseconds(row) <= microseconds(rows[index])]
    return _stitch([rows[place] for place in known], rule)[known.index(index)]


def _stitch(rows: Sequence[Row], rule: Rule) -> list[Answer]:
    world = World(tuple(events_in_order(rows)), rule)
    answers = {event.index: world.answer(event) for event in world.events}
    return [answers[index] for index in range(len(rows))]


# the order of events


def microseconds(row: Row) -> int:
    """A row's time as int microseconds since 1970 in UTC."""
    return _instant(row["timestamp"])


def _instant(value: Any) -> int:
    if isinstance(value, dt.datetime):
        return (value - dt.datetime(1970, 1, 1, tzinfo=dt.UTC)) // dt.timedelta(microseconds=1)
    return int(value)


def order_key(row: Row) -> tuple[Any, ...]:
    """Time, then $identify/$alias before others, then user_id, event_id, event_name, anonymous_id; nulls last."""
    ties = [row.get(name) for name in ("user_id", "event_id", "event_name", "anonymous_id")]
    return (
        microseconds(row),
        row.get("event_name") not in ("$identify", "$alias"),
        *((text is None, "" if text is None else str(text)) for text in ties),
        repr(sorted(row.items(), key=lambda item: item[0])),
    )


def events_in_order(rows: Sequence[Row]) -> list[Event]:
    """The rows in the order of events; ids that are nobody's are None."""
    order = sorted(range(len(rows)), key=lambda index: order_key(rows[index]))
    return [_event(rows[index], index, place) for place, index in enumerate(order)]


def _event(row: Row, index: int, place: int) -> Event:
    traits = row.get("traits")
    return Event(
        index=index,
        place=place,
        time=microseconds(row),
        name=row.get("event_name"),
        anonymous_id=_id(row, "anonymous_id"),
        user_id=_id(row, "user_id"),
        previous_id=_id(row, "previous_id"),
        new_user_id=_id(row, "new_user_id"),
        session_id=row.get("session_id"),
        is_server=row.get("sdk") in SERVER_SDKS,
        web_visitor_id=_id(row, "web_visitor_id"),
        match_method=row.get("match_method"),
        traits=traits if isinstance(traits, Mapping) else {},
    )


def _id(row: Row, name: str) -> str | None:
    """Null-like ids link nobody."""
    text = row.get(name)
    return None if text is None or is_null_like(str(text)) else str(text)


@dataclass(frozen=True)
class World:
    """All events, and the questions that the design's rules ask about them."""

    events: tuple[Event, ...]
    rule: Rule

    # whose row

    def answer(self, event: Event) -> Answer:
        """Own user first; then the device's users under the policy; then a bridge; else the device itself."""
        if event.user_id is not None:
            return self.canonical(event.user_id), "own", self.never_before_joining(event.user_id, event.time)
        if event.anonymous_id is None:
            return None, "anonymous", event.time
        found = self.by_policy(event) or self.by_bridge(event)
        return found or (self.device_person(event.anonymous_id), "anonymous", event.time)

    def by_policy(self, event: Event) -> Answer | None:
        """An anonymous event on a device with users gets one of them, as the policy says."""
        device = event.anonymous_id
        if self.rule.policy == "none" or device is None or self.is_server_only(device):
            return None
        evidence = self.evidence_on(device)
        chosen = self.decide(
            device,
            before=[one for one in evidence if one.place <= event.place],
            after=[one for one in evidence if one.place >= event.place],
            session=self.sessions(device)[event.place],
        )
        if chosen is None:
            return None
        named, via = chosen
        return self.canonical(named.user), via, self.never_before_joining(named.user, named.time)

    def decide(
        self, device: str, *, before: list[Evidence], after: list[Evidence], session: Session | None
    ) -> tuple[Evidence, str] | None:
        """The table of policies.

        session: the next user in the same session, else the previous one in it; else as next.
        next: the next user identified on the device; else the previous one.
        previous: the last user seen before; else the first.
        """
        before_here = [one for one in before if session is not None and one.session == session]
        after_here = [one for one in after if session is not None and one.session == session]
        if self.is_over_limit(device):
            before, after = before_here, after_here
        choices = {
            "session": [
                (after_here[:1], "session"),
                (before_here[-1:], "session"),
                (after[:1], "next"),
                (before[-1:], "previous"),
            ],
            "next": [(after[:1], "next"), (before[-1:], "previous")],
            "previous": [(before[-1:], "previous"), (after[:1], "first")],
        }
        for found, via in choices[self.rule.policy]:
            if found:
                return found[0], via
        return None

    def is_over_limit(self, device: str) -> bool:
        """A device with more users than the limit gives its anonymous rows a user only from their own session."""
        users = {self.canonical(one.user) for one in self.evidence_on(device)}
        return len(users) > self.rule.max_users_per_device

    def device_person(self, device: str) -> str:
        """A text that is both a device and a user: the device's person is ``device:<text>``."""
        return f"device:{device}" if device in self.users else device

    # kinds of ids

    @cached_property
    def users(self) -> set[str]:
        """Every text that names a user: a user_id, or what an alias turns an id into."""
        return {text for event in self.events for text in (event.user_id, event.new_user_id) if text is not None}

    def is_server_only(self, text: str) -> bool:
        """A server row's anonymous_id is a device only if a non-server row has it."""
        carriers = [event for event in self.events if event.anonymous_id == text]
        return bool(carriers) and all(event.is_server for event in carriers)

    def is_anonymous_id(self, text: str) -> bool:
        """Whether some row has this text as its anonymous_id."""
        return any(event.anonymous_id == text for event in self.events)

    # evidence

    def evidence_on(self, device: str) -> list[Evidence]:
        """Evidence of a link: any event that carries both, and a $alias whose previous id is the device."""
        return sorted((one for one in self.evidence if one.device == device), key=lambda one: one.place)

    @cached_property
    def evidence(self) -> list[Evidence]:
        """Evidence on every device; own users before aliases of the same row."""
        found = [
            Evidence(event.place, event.time, event.anonymous_id, event.user_id, self.session_of(event))
            for event in self.events
            if event.anonymous_id is not None and event.user_id is not None
        ]
        for alias in self.aliases:
            if alias.is_device:
                on_its_own_row = alias.row_device == alias.previous
                session = self.session_of(self.events[alias.place]) if on_its_own_row else None
                found.append(Evidence(alias.place, alias.time, alias.previous, alias.new, session))
        return [one for one in found if not self.is_server_only(one.device)]

    @cached_property
    def aliases(self) -> list[Alias]:
        """Every $alias that says something, in the order of events."""
        return [alias for event in self.events if (alias := self.alias(event)) is not None]

    def alias(self, event: Event) -> Alias | None:
        """The new id is new_user_id, else the row's user_id.

        A previous id that nobody carries is the SDK's internal visitor id: the previous one is then the
        row's own user_id if that is another user, else its anonymous_id.
        """
        new = event.new_user_id or event.user_id
        if event.name != "$alias" or new is None:
            return None
        previous = event.previous_id or ""
        is_device = self.is_device(previous)
        if not is_device and not self.is_anonymous_id(previous) and previous not in self.users:
            if event.user_id is not None and event.user_id != new:
                previous = event.user_id
            elif event.anonymous_id is not None:
                previous, is_device = event.anonymous_id, True
            else:
                return None
        if previous == new and not is_device:
            return None
        return Alias(event.place, event.time, previous, is_device, new, event.anonymous_id)

    def is_device(self, previous_id: str) -> bool:
        """A previous_id is a device if it starts with ``anon_`` or occurs as an anonymous_id and never as a user_id."""
        return previous_id.startswith("anon_") or (self.is_anonymous_id(previous_id) and previous_id not in self.users)

    # two users, one person

    @cached_property
    def merge_links(self) -> list[MergeLink]:
        """Two user_ids are one person only by $alias user to user, or by an opt-in trusted trait."""
        links = [MergeLink(one.time, one.previous, one.new) for one in self.aliases if not one.is_device]
        for trait in self.rule.merge_on:
            holders = self.holders(trait)
            for users in holders.values():
                if len(users) <= self.rule.max_ids_per_trait_value:
                    links += [
                        MergeLink(max(users[one], users[other]), one, other)
                        for one in users
                        for other in users
                        if one < other
                    ]
        return links

    def holders(self, trait: str) -> dict[str, dict[str, int]]:
        """Value of a trusted trait -> each user that ever had it -> when first; an e-mail as user_id counts too."""
        found: dict[str, dict[str, int]] = {}
        for event in self.events:
            said = [(event.user_id, event.traits.get(trait))] if event.name == "$identify" else []
            if trait == "email":
                said += [(event.user_id, event.user_id), (event.new_user_id, event.new_user_id)]
            for user, value in said:
                comparable = comparable_trait(trait, value)
                if user is not None and comparable is not None:
                    found.setdefault(comparable, {}).setdefault(user, event.time)
        return found

    def component(self, user: str, until: int | None = None) -> set[str]:
        """All users that merge links (up to a time) connect with this one."""
        links = [link for link in self.merge_links if until is None or link.time <= until]
        connected = {user}
        while True:
            grown = connected | {
                end for link in links if {link.one, link.other} & connected for end in (link.one, link.other)
            }
            if grown == connected:
                return connected
            connected = grown

    def canonical(self, user: str) -> str:
        """The new id of the latest $alias in the component; else the earliest-seen non-e-mail id; else the earliest."""
        members = self.component(user)
        aliases = [one for one in self.aliases if not one.is_device and one.new in members]
        if aliases:
            return max(aliases, key=lambda one: one.place).new
        return min(members, key=lambda one: (is_e_mail(one), self.first_seen(one), one))

    def first_seen(self, user: str) -> int:
        """When an event first named this user."""
        return min(event.time for event in self.events if user in (event.user_id, event.new_user_id))

    def never_before_joining(self, user: str, time: int) -> int:
        """person_since: never before this user joins the person by an alias or a trusted trait."""
        person = self.canonical(user)
        if user == person:
            return time
        joins = sorted(link.time for link in self.merge_links)
        return max(time, next(join for join in joins if person in self.component(user, until=join)))

    # sessions for the policy

    def session_of(self, event: Event) -> Session | None:
        """The policy's session of one event with a device."""
        return None if event.anonymous_id is None else self.sessions(event.anonymous_id)[event.place]

    def sessions(self, device: str) -> dict[int, Session]:
        """The place of each row of a device -> the session it belongs to."""
        rows = [event for event in self.events if event.anonymous_id == device]
        return policy_sessions(rows, self.rule.session_timeout_us)

    # bridges

    def by_bridge(self, event: Event) -> Answer | None:
        """A bridge fills only rows of a device that has no user of its own; it never joins two users.

        It gives the user that the other device has at the bridge's time; nearest bridge, then smallest id.
        """
        device = event.anonymous_id
        if self.rule.policy == "none" or device is None or self.is_server_only(device) or self.evidence_on(device):
            return None
        gifts: list[tuple[int, str, int, Answer]] = []
        shares: list[tuple[int, str, int, Answer]] = []
        for bridge in self.bridges:
            if device not in (bridge.app, bridge.web):
                continue
            other = bridge.web if device == bridge.app else bridge.app
            distance = abs(event.time - bridge.time)
            if self.evidence_on(other):
                chosen = self.user_at(other, bridge.time)
                if chosen is not None:
                    since = self.never_before_joining(chosen.user, max(bridge.time, chosen.time))
                    gifts.append((distance, other, bridge.time, (self.canonical(chosen.user), "bridge", since)))
            elif device == bridge.app:
                shares.append((distance, other, bridge.time, (self.device_person(other), "bridge", bridge.time)))
        nearest = sorted(gifts) or sorted(shares)
        return nearest[0][-1] if nearest else None

    def user_at(self, device: str, time: int) -> Evidence | None:
        """The user an anonymous row of this device would get at this time under the policy."""
        evidence = self.evidence_on(device)
        spans: dict[Session, tuple[int, int]] = {}
        for place, session in self.sessions(device).items():
            moment = self.events[place].time
            first, last = spans.get(session, (moment, moment))
            spans[session] = (min(first, moment), max(last, moment))
        chosen = self.decide(
            device,
            before=[one for one in evidence if one.time <= time],
            after=[one for one in evidence if one.time >= time],
            session=session_near(time, spans, self.rule.session_timeout_us),
        )
        return None if chosen is None else chosen[0]

    @cached_property
    def bridges(self) -> list[Bridge]:
        """Every bridge of an allowed kind between two different devices."""
        found = [
            Bridge(event.anonymous_id, event.web_visitor_id, *self.bridge_kind(event))
            for event in self.events
            if event.anonymous_id is not None and event.web_visitor_id is not None
        ]
        return [
            bridge
            for bridge in found
            if bridge.kind in self.rule.bridges
            and bridge.app != bridge.web
            and not self.is_server_only(bridge.app)
            and not self.is_server_only(bridge.web)
        ]

    def bridge_kind(self, event: Event) -> tuple[str, int]:
        """Without match_method: that of the pair's latest earlier match, else its earliest later one, else ip."""
        if own := stated_kind(event):
            return own, event.time
        matches = [
            other
            for other in self.events
            if (other.anonymous_id, other.web_visitor_id) == (event.anonymous_id, event.web_visitor_id)
            and stated_kind(other)
        ]
        earlier = [other for other in matches if other.place < event.place]
        later = [other for other in matches if other.place > event.place]
        for match in earlier[-1:] + later[:1]:
            return stated_kind(match) or "ip", match.time
        return "ip", event.time


def stated_kind(event: Event) -> str | None:
    """The kind of match an event states itself; ``$web_attribution_merged`` counts as email."""
    return "email" if event.name == MERGED else event.match_method


def is_e_mail(text: str) -> bool:
    """Whether an id reads like an e-mail address."""
    return E_MAIL.fullmatch(text.strip()) is not None


def comparable_trait(trait: str, value: object) -> str | None:
    """A trait's value case-folded and trimmed; None for placeholders and for what is no text, number or e-mail."""
    if isinstance(value, bool) or not isinstance(value, (str, int)):
        return None
    text = str(value).strip().casefold()
    if is_null_like(text) or (trait == "email" and not is_e_mail(text)):
        return None
    return text


def policy_sessions(rows: Sequence[Event], timeout: int) -> dict[int, Session]:
    """Sessions of one device's rows (in order): place -> label.

    (anonymous_id, session_id); a row without session_id belongs to the session that encloses it, else to
    a near one; what is left is cut at gaps; a session that starts with $identify near the device's
    previous one continues it.
    """
    spans: dict[Session, tuple[int, int]] = {}
    for row in rows:
        if row.session_id is not None:
            first, _ = spans.get(row.session_id, (row.time, row.time))
            spans[row.session_id] = (first, row.time)
    labels: dict[int, Session] = {}
    gap, last_left = 0, None
    for row in rows:
        label = row.session_id if row.session_id is not None else session_near(row.time, spans, timeout)
        if label is None:
            gap += last_left is None or row.time - last_left > timeout
            last_left, label = row.time, ("gap", gap)
        labels[row.place] = label
    return _continued(rows, labels, timeout)


def session_near(time: int, spans: Mapping[Session, tuple[int, int]], timeout: int) -> Session | None:
    """The session that encloses a time; else the last that ended at most a timeout before; else the next to start."""
    enclosing = [(first, last, repr(label), label) for label, (first, last) in spans.items() if first <= time <= last]
    ended = [
        (time - last, first, repr(label), label) for label, (first, last) in spans.items() if 0 < time - last <= timeout
    ]
    starting = [
        (first - time, last, repr(label), label)
        for label, (first, last) in spans.items()
        if 0 < first - time <= timeout
    ]
    for found in (enclosing, ended, starting):
        if found:
            return min(found, key=lambda one: one[:-1])[-1]
    return None


def _continued(rows: Sequence[Event], labels: Mapping[int, Session], timeout: int) -> dict[int, Session]:
    """A session that starts with $identify within the timeout of the device's previous one continues it."""
    joined: dict[Session, Session] = {}
    previous: Session | None = None
    previous_end = 0
    for label in dict.fromkeys(labels[row.place] for row in rows):
        members = [row for row in rows if labels[row.place] == label]
        near = previous is not None and members[0].time - previous_end <= timeout
        if not (near and members[0].name == "$identify"):
            previous = label
        previous_end = members[-1].time
        joined[label] = previous
    return {place: joined[label] for place, label in labels.items()}
