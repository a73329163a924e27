"""stitch: every event gets its person, and the rule and the time that made it so."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator
from dataclasses import replace
from typing import Any, NamedTuple, TypeVar

import numpy as np
import numpy.typing as npt
import pandas as pd

from datalyr_notebook import order, schema
from datalyr_notebook.errors import shown
from datalyr_notebook.identity.at_event import own_rows_at_event
from datalyr_notebook.identity.collecting import Collected, collect
from datalyr_notebook.identity.kernel import Owners, Views, complete, own_persons, own_rows
from datalyr_notebook.identity.links import Members, first_seen
from datalyr_notebook.identity.policies import VIA
from datalyr_notebook.identity.rule import StitchRule, make_rule
from datalyr_notebook.identity.taken_links import TakenLinks
from datalyr_notebook.loading.encoding import distinct_dtype, matches
from datalyr_notebook.loading.normalize import as_canonical
from datalyr_notebook.notices import say
from datalyr_notebook.order import Flags
from datalyr_notebook.progress import Step, silent, steps

Answer = TypeVar("Answer")

_NAMED = 3
"""How many ids a notice names."""


class Persons(NamedTuple):
    """Whose each row is: a user's code, or the number of users + a device's code; -1: nobody."""

    events: pd.DataFrame
    """The rows that the rule looks at."""
    person: order.Codes
    users: int
    devices: int

    @property
    def is_user(self) -> Flags:
        """Per row whether its person is a known user."""
        is_user: Flags = (self.person >= 0) & (self.person < self.users)
        return is_user

    def numbered(self) -> pd.DataFrame:
        """The events with the persons' numbers for names: a person_id that is compared, and never read."""
        dtype = pd.CategoricalDtype(pd.RangeIndex(self.users + self.devices))
        return self.events.assign(person_id=pd.Categorical.from_codes(self.person, dtype=dtype))


def stitch(events: pd.DataFrame, rule: StitchRule | None = None, **keywords: Any) -> pd.DataFrame:
    """Say of every event whose it is: adds person_id, person_via and person_since.

    ``rule``, or its options as keywords (``stitch(events, policy="next")``). An event's own user_id
    always wins (except under policy ``last``); an anonymous event of a device with users gets one of
    them by the policy; the rest stays with its device. Rows, row order and index are kept (an ``as_of``
    instant and re-deliveries alone remove rows); the input is not changed. person_since is the time at
    which the deciding evidence became known.

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
    return _stitched_once(events, "stitch", rule, None)


def stitch_each(events: pd.DataFrame, rules: Iterable[StitchRule]) -> Iterator[pd.DataFrame]:
    """The events stitched under each rule in turn; what the rules have in common is gathered once.

    Rules that differ in their policy alone share everything else. One table is made at a time.

    Raises what stitch raises.

    >>> import pandas as pd
    >>> events = pd.DataFrame({
    ...     "timestamp": ["2026-01-01T10:00Z", "2026-01-03T09:00Z"], "event_name": ["pageview", "$identify"],
    ...     "anonymous_id": "anon_phone", "user_id": [None, "user_789"],
    ... })
    >>> rules = [StitchRule(policy=policy) for policy in ("next", "none")]
    >>> [stitched["person_id"].nunique() for stitched in stitch_each(events, rules)]
    [1, 2]
    """
    canonical = as_canonical(events, "stitch_each")
    for group in _alike(rules):
        yield from _under_each(group[0].known(canonical), group, None, _table)


def persons_each(events: pd.DataFrame, rules: Iterable[StitchRule]) -> Iterator[Persons]:
    """Whose each row is under each rule in turn, by number alone: for studies that name nobody.

    ``events``: canonical. The same person has the same number under all rules that differ in their
    policy alone.
    """
    for group in _alike(rules):
        table = group[0].known(events)
        yield from _under_each(table, group, None, _persons)


def _alike(rules: Iterable[StitchRule]) -> list[list[StitchRule]]:
    """Neighboring rules that differ in their policy alone, together."""
    groups: list[list[StitchRule]] = []
    for rule in rules:
        if groups and replace(rule, policy=groups[-1][0].policy) == groups[-1][0]:
            groups[-1].append(rule)
        else:
            groups.append([rule])
    return groups


def stitch_without(events: pd.DataFrame, links: pd.DataFrame, rule: StitchRule | None = None) -> pd.DataFrame:
    """The events stitched as if the evidence behind these rows of ``identity_links`` were not there.

    Reads the columns id, other_id and kind. Rows that show a link keep their own user_id: they only say
    nothing about their device any more. Links that are not there change nothing.

    >>> import pandas as pd
    >>> from datalyr_notebook.identity.identity_links import identity_links
    >>> events = pd.DataFrame({
    ...     "timestamp": ["2026-01-01T10:00Z", "2026-01-03T09:00Z"], "event_name": ["pageview", "$identify"],
    ...     "anonymous_id": "anon_phone", "user_id": [None, "user_789"],
    ... })
    >>> stitch_without(events, identity_links(events))["person_id"].tolist()
    ['anon_phone', 'user_789']
    """
    rule = make_rule(rule, {})
    return _stitched_once(events, "stitch_without", rule, TakenLinks.of(links))


def _stitched_once(events: pd.DataFrame, asked_by: str, rule: StitchRule, taken: TakenLinks | None) -> pd.DataFrame:
    """Any events under one rule."""
    with steps("stitching", 3) as step:
        step("normalizing")
        table = rule.known(as_canonical(events, asked_by))
        step("collecting evidence")
        return next(_under_each(table, [rule], taken, _table, step))


def _under_each(
    table: pd.DataFrame,
    rules: list[StitchRule],
    taken: TakenLinks | None,
    answer: Callable[[Views, Collected, StitchRule], Answer],
    step: Step = silent,
) -> Iterator[Answer]:
    """The answer under each rule; they differ in their policies alone, so the rest is gathered once.

    ``step`` is told when a rule's turn comes; whoever takes several answers counts them.
    """
    collected = collect(table, rules[0], taken)
    views = Views(table, collected, rules[0])
    said: set[str] = set()
    for rule in rules:
        step("whose row each is")
        completed = collected if rule.is_at_event else complete(views, rule)
        answered = answer(views, completed, rule)
        for notice in _notices(completed, views.crowded_devices, rule):
            if notice not in said:
                say(f"stitch: {notice}")
            said.add(notice)
        yield answered


def _table(views: Views, collected: Collected, rule: StitchRule) -> pd.DataFrame:
    owners = own_rows_at_event(views, rule) if rule.is_at_event else own_rows(views, collected, rule)
    stitched = _with_persons(views.events, owners, collected.members)
    if rule.is_at_event:
        stitched.attrs[schema.JUDGED] = schema.AT_EVENT
    return stitched


def _persons(views: Views, collected: Collected, rule: StitchRule) -> Persons:
    members = collected.members
    person = own_rows_at_event(views, rule).person if rule.is_at_event else own_persons(views, collected, rule)
    return Persons(views.events, person, len(members.users), len(members.devices))


def _with_persons(table: pd.DataFrame, owners: Owners, members: Members) -> pd.DataFrame:
    stitched = table.copy(deep=False)
    stitched["person_id"] = _person_ids(table, owners.person, members)
    stitched["person_via"] = pd.Categorical.from_codes(owners.via, categories=pd.Index(VIA))
    stitched["person_since"] = order.timestamps(owners.since).array
    return stitched


def _notices(collected: Collected, crowded: dict[str, int], rule: StitchRule) -> Iterator[str]:
    """What the rule left out: later events, ids that are nobody's, and what is over a limit, by name."""
    over = collected.over
    if rule.as_of is not None and not len(collected.members.device):
        yield f"no event had happened by as_of={rule.as_of}."
    if collected.members.lost:
        yield f"{collected.members.lost:,} ids on the null-like list or in block= link nobody."
    if over.unsaid:
        listed = ", ".join(shown(trait) for trait in over.unsaid)
        yield f"no user has a value of {listed} that can be compared, so merge_on joins nobody by it."
    if over.trait_values:
        values = {f"{trait}={value}": count for (trait, value), count in over.trait_values.items()}
        limit = f"over max_ids_per_trait_value={rule.max_ids_per_trait_value}"
        yield f"{limit}, so merging nobody: {_named(values, 'users')}."
    if over.users:
        limit = f"over max_devices_per_user={rule.max_devices_per_user}"
        yield f"{limit}, so tying nothing: {_named(over.users, 'devices')}."
    limit = f"over max_users_per_device={rule.max_users_per_device}"
    if over.devices:
        yield f"{limit}, so tying nothing: {_named(over.devices, 'users')}."
    if crowded:
        devices = _named(crowded, "users")
        yield f"{limit}, so that anonymous events get a user only from their own session: {devices}."


def _named(counts: dict[str, int], what: str) -> str:
    """The largest few by name, and how many more."""
    largest = sorted(counts, key=lambda name: (-counts[name], name))
    listed = ", ".join(f"{shown(name)} ({counts[name]:,} {what})" for name in largest[:_NAMED])
    return listed + (f" and {len(largest) - _NAMED:,} more" if len(largest) > _NAMED else "")


def _person_ids(table: pd.DataFrame, person: order.Codes, members: Members) -> pd.Categorical[Any]:
    """Person codes as texts, in order of appearance; a device whose text is also a user's is ``device:…``."""
    numbers, used = _numbered(person)
    texts = members.users.append(members.devices).take(used)
    both = _also_users(table, members)
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


def _also_users(table: pd.DataFrame, members: Members) -> Flags:
    """Per person code: a device whose text a user has as well."""
    users, devices = members.users, members.devices
    both = np.zeros(len(users) + len(devices), dtype=bool)
    prefix = "anon_"
    if len(devices) and (not devices.str.startswith(prefix).all() or users.str.startswith(prefix).any()):
        twin = matches(devices, users)
        clashes = np.flatnonzero(twin >= 0)
        if len(clashes):
            # A category may be left over from rows that are gone: only a user that somebody names counts.
            is_named = first_seen(table, members)[twin[clashes]] < np.iinfo(np.int64).max
            both[len(users) + clashes[is_named]] = True
    return both
