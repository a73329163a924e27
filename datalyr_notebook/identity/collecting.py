"""What is not local to one device, gathered before the kernel runs: small tables that it is told."""

from __future__ import annotations

from typing import NamedTuple

import numpy as np
import pandas as pd

from datalyr_notebook.identity.bridging import BridgeAnswers, no_answers
from datalyr_notebook.identity.canonical import Canon, canonical_users
from datalyr_notebook.identity.graph import Graph, find_graph
from datalyr_notebook.identity.links import (
    Bridges,
    DeviceAliases,
    DeviceLinks,
    Members,
    Merges,
    find_aliases,
    find_bridges,
    find_device_links,
    join_merges,
)
from datalyr_notebook.identity.rule import StitchRule
from datalyr_notebook.identity.taken_links import TakenLinks
from datalyr_notebook.identity.trusted_traits import Trusted, find_trait_merges
from datalyr_notebook.order import Flags, Ints


class Collected(NamedTuple):
    """Everything the kernel needs that is not on the device's own rows."""

    members: Members
    is_evidence: Flags
    """Rows that name a user on a device and so tie the two."""
    canon: Canon
    aliases: DeviceAliases
    merges: Merges
    bridges: Bridges
    answers: BridgeAnswers
    """What bridges give, under the policy."""
    graph: Graph | None
    """Under ``graph`` alone."""
    over: OverLimits


class OverLimits(NamedTuple):
    """What merges nobody: what is over a limit, by name (id or value, how many), and what nobody has."""

    trait_values: dict[tuple[str, str], int]
    unsaid: tuple[str, ...]
    """Traits to merge on that nobody has."""
    users: dict[str, int]
    devices: dict[str, int]


def collect(events: pd.DataFrame, rule: StitchRule, taken: TakenLinks | None = None) -> Collected:
    """Gather all that no policy changes; ``taken``: links that are to count as if they were not there."""
    members = rule.members(events)
    aliases, alias_merges = find_aliases(events, members)
    is_evidence = find_evidence(members)
    if taken is not None:
        is_evidence &= ~taken.rows(events, members, aliases)
        aliases = taken.left_aliases(aliases, members)
    trusted, heavy = find_trusted(events, members, rule, aliases, is_evidence)
    merges = join_merges(alias_merges, trusted.merges)
    bridges = find_bridges(events, members, rule.bridges)
    if taken is not None:
        merges, bridges = taken.left_merges(merges, members), taken.left_bridges(bridges, members)
    canon = canonical_users(events, members, merges)
    names = {str(members.users[user]): count for user, count in heavy.items()}
    over = OverLimits(trusted.too_common, trusted.unsaid, names, {})
    return Collected(members, is_evidence, canon, aliases, merges, bridges, no_answers(), None, over)


def find_trusted(
    events: pd.DataFrame, members: Members, rule: StitchRule, aliases: DeviceAliases, is_evidence: Flags
) -> tuple[Trusted, dict[int, int]]:
    """The merges that trusted traits make, and the users on too many devices for any, with how many."""
    heavy: dict[int, int] = {}
    if rule.merge_on:
        links = find_device_links(events, members, aliases, np.flatnonzero(is_evidence))
        heavy = heavy_users(links, members, rule.max_devices_per_user)
    most = rule.max_ids_per_trait_value
    return find_trait_merges(events, members, rule.merge_on, most, blocked=rule.blocked, crowds=heavy), heavy


def with_graph(events: pd.DataFrame, collected: Collected, rule: StitchRule) -> Collected:
    """The same with the identity graph over all links."""
    members, canon = collected.members, collected.canon
    links = find_device_links(events, members, collected.aliases, np.flatnonzero(collected.is_evidence))
    users = _users_of_device(links, canon, len(members.devices))
    crowded = np.flatnonzero(users > rule.max_users_per_device)
    heavy = heavy_users(links, members, rule.max_devices_per_user)
    is_heavy = np.zeros(len(members.users), dtype=bool)
    is_heavy[list(heavy)] = True
    graph = find_graph(
        events,
        members,
        links,
        collected.merges,
        collected.bridges,
        crowded=users > rule.max_users_per_device,
        heavy=is_heavy,
    )
    over = collected.over._replace(
        users={str(members.users[user]): count for user, count in heavy.items()},
        devices={str(members.devices[device]): int(users[device]) for device in crowded.tolist()},
    )
    return collected._replace(graph=graph, over=over)


def find_evidence(members: Members) -> Flags:
    """Rows that carry a user and a device."""
    flags: Flags = (members.user >= 0) & members.is_device[members.device]
    return flags


def heavy_users(links: DeviceLinks, members: Members, most_devices: int) -> dict[int, int]:
    """The users that were named on more devices than the limit, and on how many."""
    counts = np.bincount(links.user, minlength=len(members.users))
    return {user: int(counts[user]) for user in np.flatnonzero(counts > most_devices).tolist()}


def _users_of_device(links: DeviceLinks, canon: Canon, devices: int) -> Ints:
    """How many persons each device names."""
    if not canon.merged:
        return np.bincount(links.device, minlength=devices)
    pairs = np.unique(np.column_stack([links.device, canon.user[links.user]]), axis=0)
    return np.bincount(pairs[:, 0], minlength=devices)


def devices_with_users(collected: Collected) -> Flags:
    """Which devices have a user of their own (one flag more, false, for -1)."""
    members = collected.members
    has_user = np.zeros(len(members.devices) + 1, dtype=bool)
    has_user[members.device[collected.is_evidence]] = True
    has_user[collected.aliases.device] = True
    return has_user & members.is_device
