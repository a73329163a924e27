"""Which value of a trait holds: a rule for each trait, and how far each source is trusted."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Final, NamedTuple

import numpy as np

from datalyr_notebook import errors, options
from datalyr_notebook.order import Flags, Ints
from datalyr_notebook.traits.said import Objects, Said


class Rule(NamedTuple):
    """How a later value of a trait takes over from the one that holds."""

    hears_null: bool
    """Whether an explicit null counts as a value."""
    yields: bool
    """Whether a later value that is as good takes over."""
    direction: int = 0
    """-1: the larger value is the better one; 1: the smaller; 0: values are not compared."""


RULES: Final[dict[str, Rule]] = {
    "last": Rule(hears_null=True, yields=True),
    "first": Rule(hears_null=True, yields=False),
    "max": Rule(hears_null=False, yields=False, direction=-1),
    "min": Rule(hears_null=False, yields=False, direction=1),
    "list": Rule(hears_null=False, yields=False),
}
"""``list`` holds all values: each distinct one, in the order first said."""

_COMPARABLE: Final = ("number", "string", "boolean")


class Policy(NamedTuple):
    """What an analyst asked for: a rule's name by trait, and sdk names from most to least trusted."""

    rules: Mapping[str, str]
    sources: tuple[str, ...]


class Holding(NamedTuple):
    """What holds after each entry of ``Said``."""

    holder: Ints
    """The entry whose value holds; -1 while none does. Not for traits under ``list``."""
    is_listed: Flags
    """Which entries are of a trait under ``list``."""
    enters: Flags
    """Under ``list``: which entries add a value."""
    leaves: Ints
    """Under ``list``: the place at which the added value falls out; else beyond every place."""
    is_member: Flags
    """Under ``list``: whether the entry's value is in the list after it."""


FOREVER: Final = np.iinfo(np.int64).max


def read_policy(step: str, rules: Mapping[str, str] | None, sources: object) -> Policy:
    """Check ``rules`` and ``sources``; OptionError for what is not known."""
    if rules is not None and not isinstance(rules, Mapping):
        raise errors.OptionError(step, "rules", rules, f"a mapping of traits to {', '.join(RULES)}")
    asked = {} if rules is None else {str(trait): rule for trait, rule in rules.items()}
    for trait, rule in asked.items():
        options.one_of(step, f"rules[{trait!r}]", rule, RULES)
    if not isinstance(sources, tuple | list):
        raise errors.OptionError(step, "sources", sources, "a list of sdk names, the most trusted first")
    return Policy(asked, tuple(dict.fromkeys(options.texts(step, "sources", sources))))


def find_holding(step: str, said: Said, policy: Policy) -> Holding:
    """Which value holds after each entry.

    Only the most trusted source that said a value is heard, then the trait's rule chooses among its
    values. Raises TraitTypeError where ``max`` or ``min`` meets values that cannot be compared.
    """
    asked = [policy.rules.get(name, "last") for name in said.names]
    rule = np.array([list(RULES).index(name) for name in asked], dtype=np.int64)[said.trait]
    hears_null, yields, direction = (np.array(part)[rule] for part in zip(*RULES.values(), strict=True))
    is_heard = np.ones(len(rule), dtype=bool)
    if not hears_null.all():
        is_heard = hears_null | ~said.is_null
    is_listed = rule == list(RULES).index("list")
    sized = np.flatnonzero((direction != 0) & is_heard)
    size = np.zeros(len(rule), dtype=np.int64)
    if len(sized):
        size[sized] = direction[sized] * _sizes(step, said, sized, asked)
    holder = _holders(said, is_heard & ~is_listed, yields, size)
    return Holding(holder, is_listed, *_listed(said, np.flatnonzero(is_listed & is_heard)))


def listed_values(said: Said, holding: Holding, entry: int) -> list[object] | None:
    """The values of a trait under ``list`` after an entry, in the order first said; None where there are none."""
    first = int(np.searchsorted(said.group, said.group[entry]))
    own = np.arange(first, entry + 1)
    own = own[holding.enters[own] & (holding.leaves[own] > said.place[entry])]
    return said.value[own].tolist() or None


def held_values(said: Said, holding: Holding, entries: Ints) -> Objects:
    """The value that holds after each of these entries; None where none does, and for the entry -1."""
    held = np.full(len(entries), None, dtype=object)
    known = np.flatnonzero(entries >= 0)
    single = known[~holding.is_listed[entries[known]]]
    holder = holding.holder[entries[single]]
    held[single[holder >= 0]] = said.value[holder[holder >= 0]]
    listed = known[holding.is_listed[entries[known]]]
    distinct, place = np.unique(entries[listed], return_inverse=True)
    lists = np.fromiter((listed_values(said, holding, int(one)) for one in distinct), dtype=object, count=len(distinct))
    held[listed] = lists[place]
    return held


def _holders(said: Said, is_heard: Flags, yields: Flags, size: Ints) -> Ints:
    """The entry that holds after each entry: a better one takes over, of equals the first or the last."""
    if not len(said.group):
        return np.zeros(0, dtype=np.int64)
    span = int(size.max()) - int(size.min()) + 1
    challenge = said.rank * span + (size - size.min())
    nobody = int(challenge.max()) + 1
    challenge = np.where(is_heard, challenge, nobody)
    # Groups come in ascending number, so each stands lower than all before it and the minimum starts afresh.
    number = np.cumsum(said.starts) - 1
    height = (number[-1] - number) * (nobody + 1)
    best = np.minimum.accumulate(challenge + height) - height
    before = np.where(said.starts, nobody, np.append([nobody], best[:-1]))
    takes = is_heard & ((challenge < before) | (yields & (challenge == before)))
    holder = np.maximum.accumulate(np.where(takes, np.arange(len(takes)), -1))
    first = np.flatnonzero(said.starts)[number]
    return np.where(holder >= first, holder, -1)


def _listed(said: Said, entries: Ints) -> tuple[Flags, Ints, Flags]:
    """Which entries add a value to their list, the place at which it falls out again, and which are in it."""
    enters, is_member = np.zeros((2, len(said.group)), dtype=bool)
    leaves = np.full(len(said.group), FOREVER, dtype=np.int64)
    group, best = -1, 0
    members: dict[int, int] = {}
    for entry in entries.tolist():
        rank, code = int(said.rank[entry]), int(said.code[entry])
        if said.group[entry] != group:
            group, best, members = int(said.group[entry]), rank, {}
        if rank < best:
            fallen = [member for value, member in members.items() if value != code]
            leaves[fallen] = said.place[entry]
            best, members = rank, {value: member for value, member in members.items() if value == code}
        if rank == best and code not in members:
            members[code] = entry
            enters[entry] = True
        is_member[entry] = code in members
    return enters, leaves, is_member


def _sizes(step: str, said: Said, entries: Ints, asked: list[str]) -> Ints:
    """The rank by size of each of these entries' values among all values of its type."""
    kinds = [kind for kind, _ in said.tokens]
    pairs = np.unique(np.column_stack([said.group[entries], said.code[entries]]), axis=0)
    group, starts, count = np.unique(pairs[:, 0], return_index=True, return_counts=True)
    for place in np.flatnonzero(count > 1):
        found = {kinds[code] for code in pairs[starts[place] : starts[place] + count[place], 1]}
        if len(found) > 1 or not found <= set(_COMPARABLE):
            trait = int(group[place]) % len(said.names)
            raise errors.TraitTypeError(step, said.names[trait], asked[trait], found)
    size = np.zeros(len(said.tokens), dtype=np.int64)
    for comparable in _COMPARABLE:
        own = [code for code, kind in enumerate(kinds) if kind == comparable]
        for rank, code in enumerate(sorted(own, key=lambda code: said.tokens[code][1])):  # type: ignore[arg-type, return-value]
            size[code] = rank
    return size[said.code[entries]]
