"""Why is this one not linked? What the rules say of one id, and what its own evidence lacks."""

from __future__ import annotations

from collections.abc import Callable, Iterable
from dataclasses import dataclass
from functools import cached_property
from typing import Final, NamedTuple

import numpy as np
import pandas as pd

from datalyr_notebook import errors, order, schema
from datalyr_notebook.identity.links import BRIDGE_KINDS, find_aliases, find_bridges
from datalyr_notebook.identity.persons import nearest_ids
from datalyr_notebook.identity.trusted_traits import comparable
from datalyr_notebook.lint.examples import MOST, example
from datalyr_notebook.lint.findings import Finding
from datalyr_notebook.lint.rules import RULES
from datalyr_notebook.lint.tracked import Found, Table, Tracked
from datalyr_notebook.loading.encoding import matches
from datalyr_notebook.order import Flags, Ints


@dataclass(frozen=True)
class Asked:
    """One id, and everything that is known of it: its users and devices as codes."""

    tracked: Tracked
    text: str
    users: Ints
    devices: Ints
    person_rows: Flags
    """Rows that are stitched to a person of this id."""

    @cached_property
    def rows(self) -> Flags:
        """The rows that carry the id (of a person: all of them)."""
        tracked = self.tracked
        return tracked.rows_of_users(self.users) | tracked.rows_of_devices(self.devices) | self.person_rows

    @cached_property
    def its_devices(self) -> Ints:
        """The devices it is, or is identified on."""
        known = self.tracked.known[self.rows[self.tracked.known]]
        return np.union1d(self.devices, self.tracked.members.device[known])

    @cached_property
    def its_users(self) -> Ints:
        """The users it is, or that are identified on it, the aliased ones as one."""
        known = self.tracked.known[self.rows[self.tracked.known]]
        aliases, _ = find_aliases(self.tracked.events.frame, self.tracked.members)
        told = self.tracked.joined[aliases.user[np.isin(aliases.device, self.devices)]]
        return np.union1d(np.union1d(self.users, self.tracked.user[known]), told)

    def found(self, rows: Flags, texts: Iterable[object] = (), **words: object) -> Found:
        """A finding about this id; where there is nothing to count, it counts no events."""
        shown = [example(text) for text in texts][:MOST] or [example(self.text)]
        one = self.tracked.events.found(rows, shown, **words)
        return one or Found(0, 0.0, shown, {name: str(word) for name, word in words.items()})


class PersonRule(NamedTuple):
    """One question about an id, like :class:`~datalyr_notebook.lint.findings.Rule`."""

    code: str
    severity: str
    message: str
    fix: str
    find: Callable[[Asked], Found | None]


def lint_one(tracked: Tracked, person: object) -> list[Finding]:
    """The findings about one id."""
    asked = _find(tracked, person)
    found = [
        Finding(rule.code, rule.severity, rule.message.format(**one.words), one, rule.fix)
        for rule in PERSON_RULES
        if (one := rule.find(asked)) is not None
    ]
    for rule in RULES:
        one = rule.find(tracked)
        own = None if one is None else _own(asked, one)
        if one is not None and own is not None:
            found.append(Finding(rule.code, rule.severity, rule.message.format(**one.words), own, rule.fix))
    return found or [_nothing(asked)]


# ---- which id ------------------------------------------------------------------------------------


def _find(tracked: Tracked, person: object) -> Asked:
    if not isinstance(person, str) or not person.strip():
        raise errors.OptionError("lint", "person", person, "a user_id, an anonymous_id or an e-mail, as text")
    members = tracked.members
    users, devices = _at(members.users, person), _at(members.devices, person)
    users = tracked.joined[users].astype(np.int64)
    held = tracked.holders.get(comparable("email", person) or "", set())
    users = np.union1d(users, np.array(sorted(held), dtype=np.int64))
    person_rows = _rows_of_person(tracked.events, person)
    asked = Asked(tracked, person, users, devices, person_rows)
    if not len(users) and not len(devices) and not person_rows.any() and not _rows_as_sent(asked).any():
        if schema.is_null_like(person):
            return asked
        sent = tracked.sent
        known = (members.users, members.devices, pd.Index([*sent.texts("user_id"), *tracked.holders], dtype=object))
        raise errors.UnknownPersonError("lint", person, nearest_ids(known, person))
    return asked


def _at(texts: pd.Index, text: str) -> Ints:
    found = np.flatnonzero(np.asarray(texts == text, dtype=bool))
    return found.astype(np.int64)


def _rows_of_person(events: Table, person: str) -> Flags:
    if not schema.is_stitched(events.frame):
        return np.zeros(len(events.frame), dtype=bool)
    return events.where("person_id", np.asarray(events.texts("person_id") == person, dtype=bool))


def _rows_as_sent(asked: Asked) -> Flags:
    """The rows on which the id stood in one of the id fields when it was sent."""
    sent = asked.tracked.sent
    rows = np.zeros(len(sent.frame), dtype=bool)
    for column in ("user_id", "anonymous_id"):
        rows |= sent.where(column, np.asarray(sent.texts(column) == asked.text, dtype=bool))
    return rows


def _own(asked: Asked, found: Found) -> Found | None:
    """What a rule found, on this id's rows alone."""
    if found.rows is None or found.table is None:
        return None
    is_as_stitched = found.table is asked.tracked.events
    rows = asked.rows if is_as_stitched else _rows_as_sent(asked) | _rows_as_sent_of(asked)
    return found.table.found(found.rows & rows, [example(asked.text)], **found.words)


def _rows_as_sent_of(asked: Asked) -> Flags:
    """The rows of its users and devices in the table as it was sent."""
    sent, members = asked.tracked.sent, asked.tracked.members
    rows = np.zeros(len(sent.frame), dtype=bool)
    for column, texts in (("user_id", members.users[asked.users]), ("anonymous_id", members.devices[asked.devices])):
        rows |= sent.where(column, matches(sent.texts(column), texts) >= 0)
    return rows


# ---- the questions -------------------------------------------------------------------------------


def blocked(asked: Asked) -> Found | None:
    """An id that names nobody."""
    if not schema.is_null_like(asked.text):
        return None
    rows = _rows_as_sent(asked)
    return asked.tracked.sent.found(rows, [example(asked.text)]) or asked.found(np.zeros(len(asked.rows), dtype=bool))


def never_identified(asked: Asked) -> Found | None:
    """A device on which no event and no alias names a user."""
    return asked.found(asked.rows) if len(asked.devices) and not len(asked.its_users) else None


def identified_under_another_user(asked: Asked) -> Found | None:
    """Users who share an e-mail with its own; of an e-mail with several users all of them."""
    mine = {*asked.its_users.tolist()}
    sharing = set[int]().union(*(users for users in asked.tracked.holders.values() if users & mine))
    others = sorted(sharing if len(asked.users) > 1 else sharing - mine)
    if not others:
        return None
    rows = asked.tracked.rows_of_users(others)
    return asked.found(rows, sorted(asked.tracked.members.users[others]))


def matched_but_not_identified(asked: Asked) -> Found | None:
    """Devices that a match ties to one of its own, without a user in common."""
    tracked = asked.tracked
    bridges = find_bridges(tracked.events.frame, tracked.members, BRIDGE_KINDS)
    mine = asked.its_devices
    other = np.union1d(bridges.web[np.isin(bridges.app, mine)], bridges.app[np.isin(bridges.web, mine)])
    other = np.setdiff1d(other, mine)
    on_other = tracked.known[np.isin(tracked.members.device[tracked.known], other)]
    linked = np.isin(tracked.user[on_other], asked.its_users)
    other = np.setdiff1d(other, tracked.members.device[on_other[linked]])
    if not len(other):
        return None
    return asked.found(tracked.rows_of_devices(other), sorted(tracked.members.devices[other]))


def only_one_device(asked: Asked) -> Found | None:
    """A user on one device, where there are others that nobody was identified on."""
    if not len(asked.users) or len(asked.its_devices) != 1:
        return None
    device = asked.its_devices
    return asked.found(asked.tracked.rows_of_devices(device), asked.tracked.members.devices[device])


def user_without_device(asked: Asked) -> Found | None:
    """A user none of whose events names a device."""
    return asked.found(asked.rows) if len(asked.users) and not len(asked.its_devices) else None


def never_in_identify(asked: Asked) -> Found | None:
    """A user that events name, but no ``$identify``."""
    named = asked.tracked.user[asked.tracked.identifies]
    is_lacking = len(asked.users) and not np.isin(asked.users, named).any() and asked.rows.any()
    return asked.found(asked.rows) if is_lacking else None


def identified_late(asked: Asked) -> Found | None:
    """A device with events before the first one that names a user."""
    tracked = asked.tracked
    devices = asked.devices if len(asked.devices) else asked.its_devices
    device, time = tracked.members.device, tracked.events.time
    known = tracked.known[np.isin(device[tracked.known], devices)]
    first = np.full(len(tracked.members.devices) + 1, np.iinfo(np.int64).min, dtype=np.int64)
    first[devices] = np.iinfo(np.int64).max
    np.minimum.at(first, device[known], time[known])
    first[first == np.iinfo(np.int64).max] = np.iinfo(np.int64).min
    early = np.flatnonzero(time < first[device])
    if not len(early):
        return None
    when = order.timestamps(first[device[early]].min(keepdims=True)).iloc[0]
    return asked.found(
        tracked.events.these(early), sorted(tracked.members.devices[devices]), since=f"{when:%Y-%m-%d %H:%M} UTC"
    )


def _nothing(asked: Asked) -> Finding:
    return Finding(
        "nothing_found",
        "info",
        f"Nothing stands against this id: {len(asked.its_users):,} user_ids and {len(asked.its_devices):,} "
        "anonymous_ids are tied to it.",
        asked.found(asked.rows),
        "To see the evidence: identity_links(events). To see why two ids are one person: explain_link(events, a, b).",
    )


_SAME: Final = "Call identify() with the same user_id on every device, after login."

PERSON_RULES: Final = (
    PersonRule(
        "blocked_id",
        "error",
        "This id is a text that stands for nobody, so it links no one.",
        "Call identify() with a real id; if it is one, stitch(events, allow=(…,)) works on ids that loading has kept.",
        blocked,
    ),
    PersonRule(
        "never_identified",
        "error",
        "This anonymous_id was never identified: none of its events and no alias names a user.",
        "Call identify() on this device after login. Events of other anonymous ids join only through the same user_id.",
        never_identified,
    ),
    PersonRule(
        "identified_under_another_user_id",
        "warning",
        "The same e-mail is identified under other user_ids, which stay other people.",
        "Use one user_id everywhere, or alias(new, old); for the past stitch(events, merge_on=('email',)).",
        identified_under_another_user,
    ),
    PersonRule(
        "matched_but_not_identified",
        "warning",
        "Other anonymous ids were matched with its own, but never identified with the same user_id.",
        _SAME,
        matched_but_not_identified,
    ),
    PersonRule(
        "user_without_device",
        "warning",
        "No event ties this user_id to an anonymous_id, so no visit is theirs.",
        "Call identify() in the browser or app, or pass the visitor's anonymous_id to the server call.",
        user_without_device,
    ),
    PersonRule(
        "only_one_device",
        "info",
        "This user_id was identified on one anonymous_id only; what the user does on others stays apart.",
        _SAME,
        only_one_device,
    ),
    PersonRule(
        "never_in_identify",
        "info",
        "No $identify names this user_id; it is known from other events, without traits.",
        "Call identify() after login, with the e-mail among the traits.",
        never_in_identify,
    ),
    PersonRule(
        "identified_late",
        "info",
        "It was identified only at {since}: the events before are linked backwards, and not yet as of earlier times.",
        "Identify early: at signup, login and e-mail capture.",
        identified_late,
    ),
)
