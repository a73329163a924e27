"""Two user_ids, one person: by aliases and by trusted traits; and what that person is called."""

from __future__ import annotations

import re
from collections.abc import Iterable
from dataclasses import dataclass
from functools import cached_property
from itertools import pairwise
from typing import NamedTuple

from .events import Rule, is_nobody
from .evidence import Links

E_MAIL = re.compile(r"[^@\s]+@[^@\s]+\.[^@\s]+")
PLACEHOLDER_E_MAILS = (
    "a@a.com",
    "email@example.com",
    "example@example.com",
    "na@na.com",
    "no@email.com",
    "noemail@noemail.com",
    "none@none.com",
    "noreply@example.com",
    "null@null.com",
    "test@example.com",
    "test@test.com",
    "user@example.com",
)


class MergeLink(NamedTuple):
    """Two users are one person from this time on."""

    time: int
    one: str
    other: str


@dataclass(frozen=True)
class Merges:
    """The users that the links name, and which of them are one person."""

    links: Links

    @property
    def rule(self) -> Rule:
        """What the analyst chose."""
        return self.links.rule

    @cached_property
    def merge_links(self) -> list[MergeLink]:
        """Two user_ids are one person only by $alias user to user, or by an opt-in trusted trait."""
        by_alias = [MergeLink(one.time, one.previous, one.new) for one in self.links.aliases if not one.is_device]
        return by_alias + [link for trait in self.rule.merge_on for link in self.trait_links(trait)]

    def trait_links(self, trait: str) -> list[MergeLink]:
        """Each user who has a value joins the first who had it; a value of too many users merges nobody."""
        found = []
        for holders in self.holders(trait).values():
            trusted = [user for user in holders if not self.links.has_too_many_devices(user)]
            if len(holders) <= self.rule.max_ids_per_trait_value:
                found += [MergeLink(holders[user], user, trusted[0]) for user in trusted[1:]]
        ignored = {(one, other) for one, other, kind in self.rule.without if kind == f"trait:{trait}"}
        return [link for link in found if not {(link.one, link.other), (link.other, link.one)} & ignored]

    def holders(self, trait: str) -> dict[str, dict[str, int]]:
        """Value of a trusted trait -> each user that ever had it -> when first; an e-mail as user_id counts too."""
        found: dict[str, dict[str, int]] = {}
        for event in self.links.events:
            said = [(event.user_id, event.traits.get(trait))] if event.name == "$identify" else []
            if trait == "email":
                said += [(event.user_id, event.user_id), (event.new_user_id, event.new_user_id)]
            for user, value in said:
                comparable = comparable_trait(trait, value, self.rule)
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
        """The name of the person that this user is by aliases and trusted traits."""
        return self.name_of(self.component(user))

    def name_of(self, members: Iterable[str]) -> str:
        """The new id of the latest $alias among these; else the earliest-seen non-e-mail id; else the earliest."""
        users = set(members)
        aliases = [one for one in self.links.aliases if not one.is_device and one.new in users]
        if aliases:
            return max(aliases, key=lambda one: one.place).new
        return min(users, key=lambda one: (is_e_mail(one), self.first_seen(one), one))

    def first_seen(self, user: str) -> int:
        """When an event first named this user."""
        return min(event.time for event in self.links.events if user in (event.user_id, event.new_user_id))

    def joining(self, user: str) -> int | None:
        """When an alias or a trusted trait joined this user with its person; None if it is the person."""
        person = self.canonical(user)
        if user == person:
            return None
        joins = sorted(link.time for link in self.merge_links)
        return next(join for join in joins if person in self.component(user, until=join))

    def never_before_joining(self, user: str, time: int) -> int:
        """person_since: never before this user joins the person by an alias or a trusted trait."""
        joined = self.joining(user)
        return time if joined is None else max(time, joined)

    def is_crowded(self, device: str) -> bool:
        """Whether a device has more users than the limit, counted after canonicalisation."""
        users = {self.canonical(one.user) for one in self.links.evidence_on(device)}
        return len(users) > self.rule.max_users_per_device


def is_e_mail(text: str) -> bool:
    """Whether an id reads like an e-mail address."""
    return E_MAIL.fullmatch(text.strip()) is not None


def comparable_trait(trait: str, value: object, rule: Rule) -> str | None:
    """A trait's value as it is compared; None for placeholders, blocked values, and what is no text or whole number.

    Values are trimmed and case-folded; of a phone only the digits count, without a leading 00.
    """
    if isinstance(value, bool) or not isinstance(value, (str, int)):
        return None
    text = str(value).strip().casefold()
    comparable = re.sub(r"[^0-9]", "", text).removeprefix("00") if trait == "phone" else text
    if is_nobody(text, rule) or is_nobody(comparable, rule):
        return None
    is_placeholder = {"email": is_no_e_mail, "phone": is_no_phone}.get(trait)
    return None if is_placeholder and is_placeholder(comparable) else comparable


def is_no_e_mail(text: str) -> bool:
    """What is not shaped like an address, and addresses that stand in for one."""
    return not is_e_mail(text) or text in PLACEHOLDER_E_MAILS


def is_no_phone(digits: str) -> bool:
    """Fewer than 7 digits, all digits equal, or a plain counting run such as 1234567890."""
    counts_up = all((int(digit) + 1) % 10 == int(after) for digit, after in pairwise(digits))
    return len(digits) < 7 or len(set(digits)) == 1 or counts_up
