"""``graph``: connected components over all links; users who share a device become one person."""

from __future__ import annotations

from dataclasses import dataclass
from functools import cached_property
from typing import NamedTuple

from .events import Event
from .evidence import Bridge
from .merges import Merges


class Node(NamedTuple):
    """A device or a user: the same text may be both."""

    kind: str
    text: str


class Edge(NamedTuple):
    """Two nodes are linked from this time on."""

    time: int
    one: Node
    other: Node


@dataclass(frozen=True)
class Graph:
    """All links as edges between devices and users."""

    merges: Merges

    @cached_property
    def edges(self) -> list[Edge]:
        """Every link: users on devices, aliases and trusted traits, bridges."""
        links = self.merges.links
        on_devices = [
            Edge(one.time, Node("device", one.device), Node("user", one.user))
            for one in links.evidence
            if not self.merges.is_crowded(one.device) and not links.has_too_many_devices(one.user)
        ]
        merged = [Edge(one.time, Node("user", one.one), Node("user", one.other)) for one in self.merges.merge_links]
        bridged = [Edge(one.time, Node("device", one.app), Node("device", one.web)) for one in self.bridges]
        return on_devices + merged + bridged

    @cached_property
    def bridges(self) -> list[Bridge]:
        """A crowded device makes no edge, also none to a bridged device."""
        is_crowded = self.merges.is_crowded
        return [one for one in self.merges.links.bridges if not is_crowded(one.app) and not is_crowded(one.web)]

    def component(self, node: Node, until: int | None = None) -> set[Node]:
        """All nodes that edges (up to a time) connect with this one."""
        edges = [edge for edge in self.edges if until is None or edge.time <= until]
        connected = {node}
        while True:
            grown = connected | {
                end for edge in edges if {edge.one, edge.other} & connected for end in (edge.one, edge.other)
            }
            if grown == connected:
                return connected
            connected = grown

    def namer(self, node: Node) -> Node:
        """The node that names a component: a user as for merged users, else the web device of its earliest bridge."""
        members = self.component(node)
        users = {one.text for one in members if one.kind == "user"}
        if users:
            return Node("user", self.merges.name_of(users))
        bridges = [one for one in self.bridges if Node("device", one.app) in members]
        if bridges:
            return Node("device", min(bridges, key=lambda one: (one.time, one.web)).web)
        return node

    def connected_since(self, node: Node, other: Node) -> int:
        """The earliest instant at which, adding all links in time order, two nodes are connected."""
        times = sorted(edge.time for edge in self.edges)
        return next(time for time in times if other in self.component(node, until=time))

    @staticmethod
    def node_of(event: Event) -> Node | None:
        """A row's own node: its user's if it has a user_id, else its device's."""
        if event.user_id is not None:
            return Node("user", event.user_id)
        return None if event.anonymous_id is None else Node("device", event.anonymous_id)
