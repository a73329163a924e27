"""What is missing for two ids to be one person: each reason in a sentence."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import fields, replace
from typing import Any, Final

import numpy as np
import pandas as pd

from datalyr_notebook.identity.explaining.inquiry import Asked, Inquiry, open_inquiry
from datalyr_notebook.identity.explaining.ownership import Ownership
from datalyr_notebook.identity.explaining.shared_traits import SharedTrait, nearest_shared_trait
from datalyr_notebook.identity.links import BRIDGE_KINDS
from datalyr_notebook.rendering import plain

_NO_LIMIT: Final = 2**31


def why_apart(owned: Ownership, source: int, chain: Sequence[tuple[int, int]]) -> list[str]:
    """Why a chain of evidence does not make its ends one person: a sentence for each place where it breaks."""
    reasons: list[str] = []
    nodes = [source, *(node for _, node in chain)]
    persons = [owned.persons(node) for node in nodes]
    carried = persons[0]
    for place, (link, node) in enumerate(chain):
        here, there = persons[place], persons[place + 1]
        if carried & there:
            carried = carried & there
            continue
        if here & there:
            reasons.append(_shared(owned, nodes[place - 1], nodes[place], node))
        else:
            reasons.append(_not_followed(owned, nodes[place], node, str(owned.inquiry.links.kind[link])))
        carried = (here & there) or there
    return list(dict.fromkeys(reasons))


def why_unknown(table: pd.DataFrame, owned: Ownership, ends: Sequence[tuple[Asked, int]]) -> list[str]:
    """Why no chain of evidence leads from one id to the other."""
    inquiry = owned.inquiry
    reasons = [reason for asked, node in ends for reason in _of_end(owned, asked, node)]
    reasons += _unused(table, inquiry)
    if reasons:
        return list(dict.fromkeys(reasons))
    known = [[int(one) for one in inquiry.component(node) if one < inquiry.users] for _, node in ends]
    reasons = [_never_identified(owned, node) for (_, node), users in zip(ends, known, strict=True) if not users]
    if reasons:
        return reasons
    one, other = (inquiry.name(users[0]).text for users in known)
    reasons = [f"{plain(one)} and {plain(other)} are different user_ids, and no $alias says they are one person."]
    trait = nearest_shared_trait(inquiry.events, inquiry.members, known[0], known[1])
    reasons += [_on_no_device(inquiry, node) for _, node in ends if inquiry.component(node).tolist() == [node]]
    if trait is None:
        return [*reasons, "No $identify gives both the same value of any trait: an $alias would join them."]
    one, other = (inquiry.name(user).text for user in trait.users)
    both = f"{plain(one)} and {plain(other)} both have {plain(trait.trait)}={plain(trait.value)}"
    if trait.held_by > inquiry.rule.max_ids_per_trait_value:
        limit = f"over max_ids_per_trait_value={inquiry.rule.max_ids_per_trait_value}: it merges nobody"
        return [*reasons, f"{both}, but {trait.held_by:,} users have it, {limit}."]
    if trait.trait in inquiry.rule.merge_on:
        return [*reasons, f"{both}, and merge_on trusts it, but {_not_merged(inquiry, trait)}."]
    return [*reasons, f"{both}: merge_on=({plain(trait.trait)!r},) would join them."]


def _not_merged(inquiry: Inquiry, trait: SharedTrait) -> str:
    """What keeps users who share a trusted value apart."""
    if inquiry.rule.blocked.holds(trait.value):
        return "the value is in block="
    limit = inquiry.rule.max_devices_per_user
    for user in trait.users:
        devices = {node for node, _ in inquiry.neighbors(user) if inquiry.users <= node < inquiry.ids}
        if len(devices) > limit:
            name = plain(inquiry.name(user).text)
            over = f"over max_devices_per_user={limit}"
            return f"{name} was named on {len(devices):,} devices, {over}: it merges with nobody"
    return "not by the evidence that counts"


def _shared(owned: Ownership, before: int, node: int, after: int) -> str:
    """An id that several persons have: what leads to it is one's, what leads on another's."""
    inquiry, rule = owned.inquiry, owned.inquiry.rule
    one, middle, other = (inquiry.name(end) for end in (before, node, after))
    if (one.kind, middle.kind, other.kind) == ("user", "device", "user"):
        seen = f"{plain(one.text)} and {plain(other.text)} were both seen on {plain(middle.text)}"
        return f"{seen}; {_why_not_joined(owned, node, 'two users of one device')}"
    if middle.kind == "user" and rule.policy == "graph":
        return f"{plain(one.text)} and {plain(other.text)} are both {plain(middle.text)}'s; {_over_limit(owned, node)}"
    persons = ", ".join(plain(person) for person in sorted(owned.persons(node))[:5])
    return (
        f"{plain(middle.text)} is on rows of several persons ({persons}): under {rule.policy} what ties it to "
        f"{plain(one.text)} is not what ties it to {plain(other.text)}."
    )


def _not_followed(owned: Ownership, node: int, other: int, kind: str) -> str:
    """A link across which the policy gave no row."""
    inquiry, policy = owned.inquiry, owned.inquiry.rule.policy
    both = f"{plain(inquiry.name(node).text)} and {plain(inquiry.name(other).text)}"
    if policy == "graph":
        return f"{kind} ties {both}; {_over_limit(owned, node, other)}"
    if not kind.startswith("bridge:"):
        return f"{kind} ties {both}, but no event of either went to the other's person under {policy}."
    if policy == "none":
        return f"{kind} ties {both}, but policy='none' follows no bridge."
    return (
        f"{kind} ties {both}, but a bridge only fills a device that has no user of its own; it never joins two users."
    )


def _why_not_joined(owned: Ownership, node: int, what: str) -> str:
    policy = owned.inquiry.rule.policy
    if policy == "graph":
        return _over_limit(owned, node)
    return f"{policy} never joins {what}; only an $alias, merge_on=… or policy='graph' would."


def _over_limit(owned: Ownership, *nodes: int) -> str:
    """The limit that keeps graph from following the links of one of these ids."""
    inquiry, rule = owned.inquiry, owned.inquiry.rule
    for node in nodes:
        is_device = inquiry.users <= node < inquiry.ids
        around = {other for other, _ in inquiry.neighbors(node)}
        users = {min(owned.same_user(other)) for other in around if other < inquiry.users}
        devices = [other for other in around if inquiry.users <= other < inquiry.ids]
        option, noun = ("max_users_per_device", "users") if is_device else ("max_devices_per_user", "devices")
        count, limit = len(users if is_device else devices), getattr(rule, option)
        if count > limit:
            name = plain(inquiry.name(node).text)
            return f"{name} has {count:,} {noun}, over {option}={limit}, so graph ties nothing by it."
    return "an id on the way is over a limit, so graph ties nothing by it."


def _of_end(owned: Ownership, asked: Asked, node: int) -> Iterator[str]:
    """What keeps an id from having any link at all."""
    name, rule = plain(asked.text), owned.inquiry.rule
    if asked.kind == "nobody":
        yield f"{name} is on the list of null-like ids: it names nobody, so it links nobody."
    elif asked.kind in ("user", "device") and rule.blocked.holds(asked.text):
        yield f"{name} is in block=: it links nobody."
    elif node < 0:
        late = (
            f"was first seen after as_of={_moment(rule.as_of)}"
            if rule.as_of is not None
            else "is on no event of its own"
        )
        yield f"{name} {late}."
    elif asked.kind == "device" and owned.is_one_shot(node):
        yield f"{name} is a server's one-shot id: no browser or app has it, so it is no device and links nobody."


def _unused(table: pd.DataFrame, inquiry: Inquiry) -> Iterator[str]:
    """The evidence that would make a chain, but that the rule does not count: a sentence for each piece."""
    rule = inquiry.rule
    if rule.as_of is None and not rule.block and not rule.merge_on and set(rule.bridges) == set(BRIDGE_KINDS):
        return
    limits: dict[str, Any] = {field.name: _NO_LIMIT for field in fields(rule) if field.name.startswith("max_")}
    every = replace(rule, as_of=None, block=(), bridges=BRIDGE_KINDS, **limits)
    wider = open_inquiry(table, every, inquiry.asked)
    source, target = (wider.node(asked) for asked in inquiry.asked)
    chain = wider.chain(source, target)
    for link, node in chain:
        one, other = (wider.name(int(end)) for end in (wider.links.one[link], wider.links.other[link]))
        kind = str(wider.links.kind[link])
        known_from = pd.Timestamp(int(wider.links.known_from[link]), unit="us", tz="UTC")
        tie = f"{plain(one.text)} ↔ {plain(other.text)} ({kind})"
        blocked = wider.name(node)
        if node != target and blocked.kind in ("user", "device") and rule.blocked.holds(blocked.text):
            yield f"{plain(blocked.text)} is in block=: what it ties is not counted."
        if isinstance(rule.as_of, pd.Timestamp) and known_from > rule.as_of:
            yield f"{tie} became known only on {_moment(known_from)}, after as_of={_moment(rule.as_of)}."
        elif kind.startswith("bridge:") and kind.removeprefix("bridge:") not in rule.bridges:
            yield f"{tie} is not followed: bridges={rule.bridges!r} leaves {kind.removeprefix('bridge:')!r} out."
        elif kind.startswith("trait:"):
            yield from _too_common(wider, link, tie, rule.max_ids_per_trait_value)


def _too_common(wider: Inquiry, link: int, tie: str, limit: int) -> Iterator[str]:
    """A trait value on more users than the limit; each is tied to the first of them."""
    links = wider.links
    same = (links.kind == links.kind[link]) & (links.value == links.value[link])
    users = len(np.unique(np.append(links.one[same], links.other[same])))
    if users > limit:
        yield f"{tie}: {users:,} users have this value, over max_ids_per_trait_value={limit}, so it merges nobody."


def _never_identified(owned: Ownership, node: int) -> str:
    name, others = plain(owned.inquiry.name(node).text), len(owned.inquiry.component(node)) - 1
    beside = f", nor on the {others:,} devices that bridges tie to it" if others else ""
    return f"{name} was never identified: no $identify, event with a user_id or $alias names a user on it{beside}."


def _on_no_device(inquiry: Inquiry, node: int) -> str:
    name = plain(inquiry.name(node).text)
    return f"{name} was seen on no device: only server rows, or rows without an anonymous_id, name it."


def _moment(time: object) -> str:
    return f"{time:%Y-%m-%d %H:%M:%S UTC}" if isinstance(time, pd.Timestamp) else str(time)
