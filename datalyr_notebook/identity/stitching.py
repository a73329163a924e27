"""Pass 1: whose row is this? One kernel, a function of one device's rows and the collected links."""

from __future__ import annotations

from dataclasses import dataclass, fields, replace
from typing import Any, NamedTuple

import numpy as np
import numpy.typing as npt
import pandas as pd

from datalyr_notebook import errors, options, order
from datalyr_notebook.identity import bridging
from datalyr_notebook.identity.bridging import BridgeAnswers
from datalyr_notebook.identity.canonical import Canon, canonical_users
from datalyr_notebook.identity.links import (
    BRIDGE_KINDS,
    TRUSTED_TRAITS,
    Bridges,
    DeviceAliases,
    Members,
    find_aliases,
    find_bridges,
    find_members,
    find_trait_merges,
    join_merges,
)
from datalyr_notebook.identity.neighbors import Line, nearest
from datalyr_notebook.identity.policies import POLICIES, VIA, Nearest
from datalyr_notebook.identity.sessions import number_sessions
from datalyr_notebook.loading.encoding import distinct_dtype, matches
from datalyr_notebook.loading.normalize import as_canonical
from datalyr_notebook.notices import say
from datalyr_notebook.order import Flags, Ints

_OWN, _BRIDGE, _ANONYMOUS = VIA.index("own"), VIA.index("bridge"), VIA.index("anonymous")


@dataclass(frozen=True, kw_only=True)
class StitchRule:
    """How events become people.

    policy: which user an anonymous event of a device gets (``POLICIES``: session, next, previous,
    none). merge_on: traits trusted to be one person's (``("email",)``). bridges: kinds of app↔web
    matches to follow (email, ip). as_of: only evidence known by then counts, and later events are
    dropped; None = all. block / allow: ids that are nobody's although they look like ids, and the
    reverse (allow works on ids that loading has kept). session_timeout: for events without
    session_id. A device with more than max_users_per_device users gives its anonymous events a user
    only from their own session; a trait value on more than max_ids_per_trait_value users merges nobody.

    Raises OptionError for a value that is not known.

    >>> StitchRule(policy="next").bridges
    ('email', 'ip')
    """

    policy: str = "session"
    merge_on: tuple[str, ...] = ()
    bridges: tuple[str, ...] = BRIDGE_KINDS
    as_of: Any = None
    block: tuple[str, ...] = ()
    allow: tuple[str, ...] = ()
    max_users_per_device: int = 10
    max_ids_per_trait_value: int = 10
    session_timeout: Any = "30min"

    def __post_init__(self) -> None:
        """Check every value, so that a rule that exists can be followed."""
        step = "StitchRule"
        options.one_of(step, "policy", self.policy, POLICIES)
        for name, allowed in (
            ("merge_on", TRUSTED_TRAITS),
            ("bridges", BRIDGE_KINDS),
            ("block", None),
            ("allow", None),
        ):
            object.__setattr__(self, name, options.texts(step, name, getattr(self, name), allowed))
        options.count(step, "max_users_per_device", self.max_users_per_device)
        options.count(step, "max_ids_per_trait_value", self.max_ids_per_trait_value)
        options.microseconds(step, "session_timeout", self.session_timeout)
        if self.as_of is not None:
            object.__setattr__(self, "as_of", options.instant(step, "as_of", self.as_of))

    @property
    def timeout_us(self) -> int:
        """session_timeout in microseconds."""
        return options.microseconds("StitchRule", "session_timeout", self.session_timeout)

    def known(self, events: pd.DataFrame) -> pd.DataFrame:
        """The events that had happened by ``as_of``."""
        return events if self.as_of is None else events.loc[(events["timestamp"] <= self.as_of).to_numpy()]

    def members(self, events: pd.DataFrame) -> Members:
        """Devices and users of the events, without the ids that are nobody's."""
        block, allow = (frozenset(text.strip().casefold() for text in texts) for texts in (self.block, self.allow))
        return find_members(events, block, allow)


class Collected(NamedTuple):
    """What is not local to one device: small tables, gathered before the kernel runs."""

    members: Members
    canon: Canon
    aliases: DeviceAliases
    answers: BridgeAnswers


class Owners(NamedTuple):
    """Per row its person (a user's code, or the number of users + a device's code; -1: none), and why."""

    person: order.Codes
    via: npt.NDArray[np.int8]
    """Place in ``VIA``."""
    since: Ints
    """int64 microseconds."""


def stitch(events: pd.DataFrame, rule: StitchRule | None = None, **keywords: Any) -> pd.DataFrame:
    """Say of every event whose it is: adds person_id, person_via and person_since.

    ``rule``, or its options as keywords (``stitch(events, policy="next")``). An event's own user_id
    always wins; an anonymous event of a device with users gets one of them by the policy; the
    rest stays with its device. Rows, row order and index are kept (an ``as_of`` instant and
    re-deliveries alone remove rows); the input is not changed. person_since is the time at which
    the deciding evidence became known.

    Raises OptionError for an unknown option, and what normalize_events raises.

    >>> import pandas as pd
    >>> events = pd.DataFrame({
    ...     "timestamp": ["2026-01-01T10:00Z", "2026-01-03T09:00Z"],
    ...     "event_name": ["pageview", "$identify"],
    ...     "anonymous_id": ["anon_phone", "anon_phone"],
    ...     "user_id": [None, "user_789"],
    ... })
    >>> stitch(events)[["person_id", "person_via"]]
      person_id person_via
    0  user_789       next
    1  user_789        own
    """
    rule = make_rule(rule, keywords)
    table = rule.known(as_canonical(events, "stitch"))
    collected = collect(table, rule)
    if collected.members.blocked:
        say(f"stitch: {collected.members.blocked:,} ids on the null-like list or in block= link nobody.")
    owners = own_rows(table, collected, rule)
    stitched = table.copy(deep=False)
    stitched["person_id"] = _person_ids(owners.person, collected.members)
    stitched["person_via"] = pd.Categorical.from_codes(owners.via, categories=pd.Index(VIA))
    stitched["person_since"] = order.timestamps(owners.since).array
    return stitched


def make_rule(rule: StitchRule | None, keywords: dict[str, Any]) -> StitchRule:
    """The rule that was given, or the default one, with the options on top."""
    if rule is not None and not isinstance(rule, StitchRule):
        raise errors.OptionError("stitch", "rule", rule, "a StitchRule, or its options as keywords")
    known = [field.name for field in fields(StitchRule)]
    for name in keywords:
        if name not in known:
            raise errors.OptionError("stitch", "option", name, known)
    return replace(rule or StitchRule(), **keywords)


def collect(events: pd.DataFrame, rule: StitchRule) -> Collected:
    """Everything the kernel needs that is not on the device's own rows."""
    members = rule.members(events)
    aliases, alias_merges = find_aliases(events, members)
    trait_merges, too_common = find_trait_merges(events, members, rule.merge_on, rule.max_ids_per_trait_value)
    if too_common:
        most = max(too_common.values())
        say(
            f"stitch: {len(too_common):,} trait values stand on more than {rule.max_ids_per_trait_value} users "
            f"(the most common on {most:,}) and merge nobody."
        )
    canon = canonical_users(events, members, join_merges(alias_merges, trait_merges))
    collected = Collected(members, canon, aliases, bridging.no_answers())
    if not POLICIES[rule.policy].asks:
        return collected
    bridges = find_bridges(events, members, rule.bridges)
    return collected._replace(answers=_ask_bridges(events, collected, bridges, rule)) if len(bridges.row) else collected


def own_rows(events: pd.DataFrame, collected: Collected, rule: StitchRule) -> Owners:
    """The kernel: a function of whole devices. Cutting the table between devices changes nothing."""
    members, canon = collected.members, collected.canon
    time = order.microseconds(events)
    named = members.user >= 0
    own = canon.user[members.user] if canon.merged else members.user
    person = np.where(named, own, members.device + np.int32(len(members.users)))
    if members.device.min(initial=0) < 0:
        person[~named & (members.device < 0)] = -1
    via = np.where(named, np.int8(_OWN), np.int8(_ANONYMOUS))
    since = np.maximum(time, canon.joined[members.user]) if canon.merged else time.copy()
    if not POLICIES[rule.policy].asks:
        return Owners(person, via, since)
    has_user = _devices_with_users(members, collected.aliases)
    places = _places(events, time, collected, has_user)
    asked = np.flatnonzero((places.user < 0) & places.is_own)
    decided = _decide(places, asked, canon, rule)
    sure = decided.user >= 0
    rows = places.line.rows[asked[sure]]
    person[rows], via[rows], since[rows] = canon.user[decided.user[sure]], decided.via[sure], decided.known_from[sure]
    if len(collected.answers.device):
        lonely = np.flatnonzero(~named & ~has_user[members.device] & members.is_device[members.device])
        _cross_bridges(collected, time, lonely, person, via, since)
    return Owners(person, via, since)


class _Decided(NamedTuple):
    user: Ints
    """The deciding user as it was named; -1: nobody."""
    via: npt.NDArray[np.int8]
    known_from: Ints


class _Places(NamedTuple):
    """The rows of devices that have a user, then what ``$alias`` rows say of them, then what bridges ask."""

    line: Line
    device: npt.NDArray[np.integer]
    user: npt.NDArray[np.integer]
    """The user named there, -1 for none."""
    session_of: npt.NDArray[np.integer]
    """The device in whose sessions the place stands; -1: in none."""
    is_own: Flags
    """Rows that make sessions; a bridge's question only looks them up."""


def _devices_with_users(members: Members, aliases: DeviceAliases) -> Flags:
    """Which devices have a user of their own (one flag more, false, for -1)."""
    has_user = np.zeros(len(members.devices) + 1, dtype=bool)
    has_user[members.device[members.user >= 0]] = True
    has_user[aliases.device] = True
    return has_user & members.is_device


def _places(events: pd.DataFrame, time: Ints, collected: Collected, wanted: Flags) -> _Places:
    """The time line of the wanted devices."""
    members, aliases = collected.members, collected.aliases
    rows = np.flatnonzero(wanted[members.device])
    device, user = members.device[rows], members.user[rows]
    told = np.flatnonzero(wanted[aliases.device])
    if not len(told):
        return _Places(Line(events, rows, time[rows]), device, user, device, np.ones(len(rows), dtype=bool))
    said, about = aliases.row[told], aliases.device[told]
    all_rows = np.append(rows, said)
    return _Places(
        Line(events, all_rows, time[all_rows]),
        np.append(device, about),
        np.append(user, aliases.user[told]),
        np.append(device, np.where(members.device[said] == about, about, -1)),
        np.ones(len(all_rows), dtype=bool),
    )


def _decide(places: _Places, asked: Ints, canon: Canon, rule: StitchRule) -> _Decided:
    """The user that the policy gives each asked place."""
    policy, line, device = POLICIES[rule.policy], places.line, places.device
    evidence = np.flatnonzero(places.user >= 0)
    following, previous = nearest(line, device, evidence, asked)
    crowded = _crowded(device[evidence], canon.user[places.user[evidence]], device, rule.max_users_per_device)
    in_session = (np.full(len(asked), -1), np.full(len(asked), -1))
    if policy.reads_sessions or crowded.any():
        session = number_sessions(line, places.session_of, places.is_own, rule.timeout_us)
        in_session = nearest(line, session, evidence, asked)
    if crowded.any():
        alone = crowded[device[asked]]
        following, previous = np.where(alone, in_session[0], following), np.where(alone, in_session[1], previous)
    choice = policy.choose(Nearest(following, previous, *in_session))
    user = np.where(choice.evidence >= 0, places.user[choice.evidence], -1)
    known_from = np.maximum(line.time[choice.evidence], canon.joined[user]) if len(line.time) else choice.evidence
    return _Decided(user, choice.via, known_from)


def _crowded(
    device: npt.NDArray[np.integer], user: npt.NDArray[np.integer], devices: npt.NDArray[np.integer], limit: int
) -> Flags:
    """Which devices have more users than the limit, from the evidence (one flag more, false, for -1)."""
    crowded = np.zeros(int(devices.max(initial=-1)) + 2, dtype=bool)
    one = np.full(len(crowded), -1, dtype=np.int32)
    one[device] = user
    shared = np.zeros(len(crowded), dtype=bool)
    shared[device[one[device] != user]] = True
    several = np.flatnonzero(shared[device])
    if len(several):
        pairs = pd.DataFrame({"device": device[several], "user": user[several]}).drop_duplicates()
        crowded = np.bincount(pairs["device"], minlength=len(crowded)) > limit
    return crowded


def _ask_bridges(events: pd.DataFrame, collected: Collected, bridges: Bridges, rule: StitchRule) -> BridgeAnswers:
    """What each bridge gives: the user that the other device has, at the bridge's time, under the policy."""
    members, canon = collected.members, collected.canon
    has_user = _devices_with_users(members, collected.aliases)
    bridge, device, other = bridging.ends(bridges, has_user)
    ends = np.zeros(len(members.devices) + 1, dtype=bool)
    ends[other] = True
    told = _places(events, order.microseconds(events), collected, ends & has_user)
    line_rows = np.append(told.line.rows, bridges.row[bridge])
    places = _Places(
        Line(events, line_rows, np.append(told.line.time, bridges.known_from[bridge])),
        np.append(told.device, other),
        np.append(told.user, np.full(len(bridge), -1)),
        np.append(told.session_of, other),
        np.append(told.is_own, np.zeros(len(bridge), dtype=bool)),
    )
    asked = np.arange(len(line_rows) - len(bridge), len(line_rows))
    decided = _decide(places, asked, canon, rule)
    made = bridges.known_from[bridge]
    known_from = np.where(decided.user >= 0, np.maximum(made, decided.known_from), made)
    answer = np.where(decided.user >= 0, canon.user[decided.user], -1)
    # A crowded device has users, and may still give none: then its bridge gives nothing.
    gives = (answer >= 0) | ~has_user[other]
    return bridging.sort_answers(members, device[gives], made[gives], answer[gives], other[gives], known_from[gives])


def _cross_bridges(
    collected: Collected, time: Ints, rows: Ints, person: order.Codes, via: npt.NDArray[np.int8], since: Ints
) -> None:
    """Fill the rows of devices that have no user of their own."""
    answers = collected.answers
    chosen = bridging.nearest_answer(answers, collected.members.device[rows], time[rows])
    found = chosen >= 0
    at, answer = rows[found], chosen[found]
    shared = len(collected.members.users) + answers.other[answer]
    person[at] = np.where(answers.user[answer] >= 0, answers.user[answer], shared)
    via[at] = _BRIDGE
    since[at] = answers.known_from[answer]


def _person_ids(person: order.Codes, members: Members) -> pd.Categorical[Any]:
    """Person codes as texts, in order of appearance; a device whose text is also a user's is ``device:…``."""
    numbers, used = _numbered(person)
    texts = members.users.append(members.devices).take(used)
    both = _also_users(members)
    clashing = np.flatnonzero(both[used])
    if len(clashing):
        taken = {*members.users, *members.devices}
        renamed = texts.astype(object).to_numpy().copy()
        for place in clashing:
            while renamed[place] in taken:
                renamed[place] = f"device:{renamed[place]}"
        texts = pd.Index(renamed).astype(texts.dtype)
    return pd.Categorical.from_codes(numbers, dtype=distinct_dtype(texts))


def _numbered(person: order.Codes) -> tuple[order.Codes, npt.NDArray[np.integer]]:
    """The persons that occur, numbered in order of appearance; rows without a person keep -1."""
    rows, persons = len(person), int(person.max(initial=-1)) + 1
    first = np.full(persons + 1, rows, dtype=np.int32)
    first[person[::-1]] = np.arange(rows - 1, -1, -1, dtype=np.int32)
    used = np.flatnonzero(first[:-1] < rows)
    used = used[np.argsort(first[used])]
    numbers = np.full(persons + 1, -1, dtype=np.int32)
    numbers[used] = np.arange(len(used), dtype=np.int32)
    return numbers[person], used


def _also_users(members: Members) -> Flags:
    """Per person code: a device whose text a user has as well."""
    users, devices = members.users, members.devices
    both = np.zeros(len(users) + len(devices), dtype=bool)
    prefix = "anon_"
    if len(devices) and (not devices.str.startswith(prefix).all() or users.str.startswith(prefix).any()):
        both[len(users) :] = matches(devices, users) >= 0
    return both
