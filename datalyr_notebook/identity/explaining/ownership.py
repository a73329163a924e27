"""Which persons have an id: the rows that carry it, and whose the policy says they are."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
import pandas as pd

from datalyr_notebook import order
from datalyr_notebook.identity.explaining.inquiry import Inquiry
from datalyr_notebook.order import Flags


@dataclass(frozen=True)
class Ownership:
    """The evidence, and the rows of its events as the policy gave them to persons."""

    inquiry: Inquiry
    stitched: pd.DataFrame

    def persons(self, node: int) -> frozenset[str]:
        """The persons who have an id: none for one that the rule does not know.

        An id without rows of its own belongs to whom its ``$alias`` and trusted traits tie it; a device
        without rows also to whom its bridges do, unless the policy asks for nobody.
        """
        inquiry = self.inquiry
        if node < 0:
            return frozenset()
        if node >= inquiry.ids and inquiry.name(node).kind == "trait":
            return frozenset().union(*(self.persons(holder) for holder, _ in inquiry.neighbors(node)))
        if inquiry.users <= node < inquiry.ids and self.is_one_shot(node):
            return frozenset()
        owners = self._of_rows(self._rows(node))
        if owners:
            return owners
        return self._of_user(node) if node < inquiry.users else self._of_device(node)

    def is_one_shot(self, node: int) -> bool:
        """Whether an id is a server's own: rows name it as a device, but no browser or app does."""
        device = node - self.inquiry.users
        members = self.inquiry.members
        return not members.is_device[device] and bool((members.device == device).any())

    def _rows(self, node: int) -> Flags:
        inquiry = self.inquiry
        if node >= inquiry.ids:
            place = inquiry.events["session_id"].cat.categories.get_loc(inquiry.name(node).text)
            return np.asarray(order.codes(inquiry.events, "session_id") == place)
        members = inquiry.members
        return np.asarray(members.user == node if node < inquiry.users else members.device == node - inquiry.users)

    def _of_rows(self, rows: Flags) -> frozenset[str]:
        persons = self.stitched["person_id"]
        found = np.unique(order.codes(self.stitched, "person_id")[rows])
        return frozenset(str(persons.cat.categories[code]) for code in found if code >= 0)

    def same_user(self, node: int) -> set[int]:
        """The users that ``$alias`` and trusted traits make one with a user, itself included."""
        one, frontier = {node}, [node]
        while frontier:
            around = self.inquiry.neighbors(frontier.pop())
            fresh = {other for other, _ in around if other < self.inquiry.users} - one
            one |= fresh
            frontier += fresh
        return one

    def _of_user(self, node: int) -> frozenset[str]:
        """Of a user that only ``$alias`` rows name: the persons of the users it is one with, else one of its own."""
        one = self.same_user(node)
        rows = np.isin(self.inquiry.members.user, np.array(sorted(one)))
        names = {self.inquiry.name(user).text for user in one}
        named = names & set(self.stitched["person_id"].cat.categories)
        return self._of_rows(rows) | named or frozenset((min(names),))

    def _of_device(self, node: int) -> frozenset[str]:
        """Of a device without rows: its own name, and the persons of what ties it."""
        owners = frozenset((self.inquiry.name(node).text,))
        if self.inquiry.rule.policy == "none":
            return owners
        for other, _ in self.inquiry.neighbors(node):
            found = self._of_rows(self._rows(other))
            owners |= found or (self._of_user(other) if other < self.inquiry.users else frozenset())
        return owners
