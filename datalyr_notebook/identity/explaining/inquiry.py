"""What is known of two ids under one rule: the evidence as a graph, with the ids asked about among its nodes."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Final, NamedTuple

import numpy as np
import pandas as pd

from datalyr_notebook import errors, order, schema
from datalyr_notebook.hashing import cell_text
from datalyr_notebook.identity.explaining.chains import Graph, build_graph, distances, shortest_chain
from datalyr_notebook.identity.explaining.shared_traits import said_traits
from datalyr_notebook.identity.identity_links import (
    LinkCodes,
    Shown,
    count_links,
    find_links,
    join_links,
    link_table,
    take_links,
)
from datalyr_notebook.identity.links import Members
from datalyr_notebook.identity.persons import nearest_ids
from datalyr_notebook.identity.rule import StitchRule
from datalyr_notebook.identity.trusted_traits import comparable
from datalyr_notebook.order import Ints

STRENGTH: Final = {
    "alias": "an $alias names both ids: somebody meant it",
    "identify": "a login on the device; who lends a device lends this link",
    "event": "an event carried both ids, without a login of its own",
    "session": "rows of one session; who shares a device may share a session",
    "bridge:email": "an app was matched with a browser by e-mail",
    "trait": "the same value of a trait; people may share one, or mistype it",
    "bridge:ip": "an app was matched with a browser by IP; one network has many people",
}
"""Kinds of links, the strongest first, and what to know of each."""


class Asked(NamedTuple):
    """An id that was asked about. Kinds: user, device, session, trait; nobody = a null-like text."""

    text: str
    kind: str


@dataclass(frozen=True)
class Inquiry:
    """The evidence under one rule. Nodes: users, then devices, then the texts asked about that are neither."""

    rule: StitchRule
    events: pd.DataFrame
    members: Members
    links: LinkCodes
    graph: Graph
    weakness: Ints
    asked: tuple[Asked, ...]

    @property
    def users(self) -> int:
        """How many nodes are users."""
        return len(self.members.users)

    @property
    def ids(self) -> int:
        """How many nodes are users or devices."""
        return len(self.members.users) + len(self.members.devices)

    def node(self, asked: Asked) -> int:
        """The node of an id; -1 where no event that the rule knows names it."""
        if asked.kind == "nobody":
            return -1
        if asked.kind in ("user", "device"):
            is_user = asked.kind == "user"
            place = _place(self.members.users if is_user else self.members.devices, asked.text)
            if place < 0 or bool(((self.members.user if is_user else self.members.device) == place).any()):
                return place if place < 0 or is_user else place + self.users
            # A text that no row has may still be known by a link; else it is left over from rows that were cut off.
            node = place if is_user else place + self.users
        else:
            node = self.ids + self.asked.index(asked)
        return node if self.graph.start[node] < self.graph.start[node + 1] else -1

    def name(self, node: int) -> Asked:
        """The text and kind of a node."""
        if node >= self.ids:
            return self.asked[node - self.ids]
        if node >= self.users:
            return Asked(str(self.members.devices[node - self.users]), "device")
        return Asked(str(self.members.users[node]), "user")

    def neighbors(self, node: int) -> list[tuple[int, str]]:
        """The nodes that links of a node lead to, with the kind of each link."""
        at = slice(int(self.graph.start[node]), int(self.graph.start[node + 1]))
        kinds = self.links.kind[self.graph.link[at]].tolist()
        return list(zip(self.graph.neighbor[at].tolist(), kinds, strict=True))

    def component(self, node: int) -> Ints:
        """Every node that evidence ties to this one, itself included, the nearest first."""
        distance = distances(self.graph, node)
        found = np.flatnonzero(distance >= 0)
        return found[np.argsort(distance[found], kind="stable")]

    def chain(self, source: int, target: int) -> list[tuple[int, int]]:
        """The steps of the best chain: a link and the node it leads to, each."""
        if source < 0 or target < 0:
            return []
        return shortest_chain(
            self.graph,
            source,
            target,
            weakness=self.weakness,
            known_from=self.links.known_from,
            words_of=lambda node: " ".join(self.name(node)),
            words_of_link=lambda link: f"{self.links.kind[link]} {self.links.value[link]} {self.links.one[link]}",
        )

    def table(self, chain: Sequence[tuple[int, int]]) -> pd.DataFrame:
        """A chain in the columns of identity_links, each row read from the chain's start to its end."""
        link = np.array([step for step, _ in chain], dtype=np.int64)
        end = np.array([node for _, node in chain], dtype=np.int64)
        taken = take_links(self.links, link)
        walked = taken._replace(one=np.where(taken.one == end, taken.other, taken.one), other=end)
        return link_table(self.events, self.members, walked, self.asked)


def open_inquiry(table: pd.DataFrame, rule: StitchRule, asked: Sequence[Asked]) -> Inquiry:
    """Collect the evidence that the rule knows, and tie the texts asked about to the ids that have them."""
    events = rule.known(table)
    members = rule.members(events)
    links = find_links(events, members, rule)
    nodes = len(members.users) + len(members.devices)
    beside = [part for place, one in enumerate(asked) for part in _tied(events, members, one, nodes + place)]
    if beside:
        links = join_links(links, count_links(events, beside))
    codes, kinds = pd.factorize(links.kind)
    rank = np.array([strength(kind) for kind in kinds], dtype=np.int64)
    graph = build_graph(links.one, links.other, nodes + len(asked))
    return Inquiry(rule, events, members, links, graph, rank[codes], tuple(asked))


def find_asked(step: str, table: pd.DataFrame, members: Members, asked: object) -> Asked:
    """What a text means: a user_id, else an anonymous_id, else ``user:…`` or ``device:…``, a trait's value, a session.

    ``members``: those of the whole table, under no rule. Raises UnknownPersonError where no event has the
    text; one that is null-like is nobody's.
    """
    if not isinstance(asked, str | int) or isinstance(asked, bool):
        raise errors.UnknownPersonError(step, asked, [])
    text = cell_text(asked)
    prefix, _, rest = text.partition(":")
    for kind, one in (("user", text), ("device", text), (prefix, rest)):
        if kind in ("user", "device") and _place(members.users if kind == "user" else members.devices, one) >= 0:
            return Asked(one, kind)
    for kind in ("trait", "session"):
        if _tied(table, members, Asked(text, kind), 0):
            return Asked(text, kind)
    if schema.is_null_like(text):
        return Asked(text, "nobody")
    raise errors.UnknownPersonError(step, asked, nearest_ids((members.users, members.devices), text))


def strength(kind: str) -> int:
    """The place of a kind of link in ``STRENGTH``: 0 is the strongest.

    >>> strength("alias"), strength("trait:phone") == strength("trait:email")
    (0, True)
    """
    return list(STRENGTH).index("trait" if kind.startswith("trait:") else kind)


def _place(texts: pd.Index, text: str) -> int:
    found = np.flatnonzero(np.asarray(texts == text, dtype=bool)).tolist() if len(texts) else []
    return found[0] if found else -1


def _tied(events: pd.DataFrame, members: Members, asked: Asked, node: int) -> list[Shown]:
    """The rows that tie a session or a trait's value to the ids that have it."""
    if asked.kind == "trait":
        return _tied_by_trait(events, members, asked.text, node)
    if asked.kind != "session" or "session_id" not in events.columns:
        return []
    place = _place(events["session_id"].cat.categories, asked.text)
    rows = np.flatnonzero(order.codes(events, "session_id") == place) if place >= 0 else np.zeros(0, dtype=np.int64)
    users, devices = rows[members.user[rows] >= 0], rows[members.is_device[members.device[rows]]]
    ends = ((devices, members.device[devices] + len(members.users)), (users, members.user[users]))
    return [Shown("session", at, np.full(len(at), node), end.astype(np.int64)) for at, end in ends if len(at)]


def _tied_by_trait(events: pd.DataFrame, members: Members, asked: str, node: int) -> list[Shown]:
    found: dict[str, tuple[list[int], list[int]]] = {}
    wanted = {trait: comparable(trait, asked) for trait in ("email", "phone", "")}
    for row, user, trait, value in said_traits(events, members):
        if row >= 0 and value == wanted.get(trait, wanted[""]):
            rows, users = found.setdefault(trait, ([], []))
            rows.append(row)
            users.append(user)
    return [
        Shown(f"trait:{trait}", np.array(rows), np.full(len(rows), node), np.array(users))
        for trait, (rows, users) in found.items()
    ]
