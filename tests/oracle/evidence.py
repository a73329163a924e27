"""What the events say about who is who: devices and their users, aliases, and app↔web bridges."""

from __future__ import annotations

from dataclasses import dataclass
from functools import cached_property
from typing import NamedTuple

from .events import MERGED, Event, Rule, named_users
from .sessions import Session, policy_sessions


class Evidence(NamedTuple):
    """One event says that this user was on this device; ``session`` is None if it sits on another device's row."""

    place: int
    time: int
    device: str
    user: str
    session: Session | None
    kind: str


class Alias(NamedTuple):
    """One ``$alias``: the previous id, which kind of id it is, and the user it became."""

    place: int
    time: int
    previous: str
    is_device: bool
    new: str
    row_device: str | None


class Bridge(NamedTuple):
    """An app's device was matched with a web device."""

    app: str
    web: str
    kind: str
    time: int


@dataclass(frozen=True)
class Links:
    """All events, and the links they give."""

    events: tuple[Event, ...]
    rule: Rule

    # kinds of ids

    @cached_property
    def users(self) -> set[str]:
        """Every text that names a user."""
        return named_users(self.events)

    @cached_property
    def anonymous_ids(self) -> set[str]:
        """Every text that some row has as its anonymous_id."""
        return {event.anonymous_id for event in self.events if event.anonymous_id is not None}

    def is_server_only(self, text: str) -> bool:
        """A server row's anonymous_id is a device only if a non-server row has it."""
        carriers = [event for event in self.events if event.anonymous_id == text]
        return bool(carriers) and all(event.is_server for event in carriers)

    def is_device(self, previous_id: str) -> bool:
        """A previous_id is a device if it starts with ``anon_`` or occurs as an anonymous_id and never as a user_id."""
        is_only_anonymous = previous_id in self.anonymous_ids and previous_id not in self.users
        return previous_id.startswith("anon_") or is_only_anonymous

    # a user on a device

    def evidence_on(self, device: str) -> list[Evidence]:
        """Evidence of a link: any event that carries both, and a $alias whose previous id is the device."""
        return [one for one in self.evidence if one.device == device]

    def devices_of(self, user: str) -> set[str]:
        """The devices on which there is evidence of this raw user_id."""
        return {one.device for one in self.evidence if one.user == user}

    def has_too_many_devices(self, user: str) -> bool:
        """A raw user_id on more devices than the limit makes no device edges and merges nobody by trait."""
        return len(self.devices_of(user)) > self.rule.max_devices_per_user

    @cached_property
    def evidence(self) -> list[Evidence]:
        """Evidence on every device, in the order of events; own users before aliases of the same row."""
        found = [
            Evidence(
                event.place,
                event.time,
                event.anonymous_id,
                event.user_id,
                self.session_of(event),
                self.kind_of(event),
            )
            for event in self.events
            if event.anonymous_id is not None and event.user_id is not None
        ]
        for alias in self.aliases:
            if alias.is_device:
                on_its_own_row = alias.row_device == alias.previous
                session = self.session_of(self.events[alias.place]) if on_its_own_row else None
                found.append(Evidence(alias.place, alias.time, alias.previous, alias.new, session, "alias"))
        counts = [
            one
            for one in found
            if not self.is_server_only(one.device) and (one.device, one.user, one.kind) not in self.rule.without
        ]
        return sorted(counts, key=lambda one: one.place)

    def kind_of(self, event: Event) -> str:
        """What a row's own two ids are evidence by; an $alias that ties just these two says it as an alias."""
        told = self.alias(event)
        if told and told.is_device and (told.previous, told.new) == (event.anonymous_id, event.user_id):
            return "alias"
        return "identify" if event.name == "$identify" else "event"

    # aliases

    @cached_property
    def aliases(self) -> list[Alias]:
        """Every $alias that says something and is not to be ignored, in the order of events."""
        found = [alias for event in self.events if (alias := self.alias(event)) is not None]
        return [alias for alias in found if (alias.previous, alias.new, "alias") not in self.rule.without]

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
        if not is_device and previous not in self.anonymous_ids | self.users:
            if event.user_id is not None and event.user_id != new:
                previous = event.user_id
            elif event.anonymous_id is not None:
                previous, is_device = event.anonymous_id, True
            else:
                return None
        if previous == new and not is_device:
            return None
        return Alias(event.place, event.time, previous, is_device, new, event.anonymous_id)

    # sessions for the policy

    def session_of(self, event: Event) -> Session | None:
        """The policy's session of one event with a device."""
        return None if event.anonymous_id is None else self.sessions(event.anonymous_id)[event.place]

    def sessions(self, device: str) -> dict[int, Session]:
        """The place of each row of a device -> the session it belongs to."""
        rows = [event for event in self.events if event.anonymous_id == device]
        return policy_sessions(rows, self.rule.session_timeout_us)

    # bridges

    @cached_property
    def bridges(self) -> list[Bridge]:
        """Every bridge of an allowed kind between two different devices that is not to be ignored."""
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
            and (bridge.app, bridge.web, f"bridge:{bridge.kind}") not in self.rule.without
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
