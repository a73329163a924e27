"""Which user gets an anonymous event of a device: one small function a policy, in one visible table.

A policy asks for the evidence about each event: the places at which its device, or the same session
of its device, names a user. It answers with one of them. An event's own user_id is not asked about,
except by ``last``: it always wins.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Final, NamedTuple, Protocol

import numpy as np
import numpy.typing as npt

from datalyr_notebook.order import Ints

VIA: Final = ("own", "session", "next", "previous", "first", "last", "only", "graph", "bridge", "anonymous")
"""The values of person_via: the rule that decided."""


class Evidence(Protocol):
    """For each event that is asked about, the place of some evidence, -1 where there is none."""

    @property
    def next(self) -> Ints:
        """The next on the device."""

    @property
    def previous(self) -> Ints:
        """The last before, on the device."""

    @property
    def in_session(self) -> Ints:
        """The next in the same session of the device, else the last before in it."""

    @property
    def first(self) -> Ints:
        """The device's first."""

    @property
    def last(self) -> Ints:
        """The device's last, at the place from which on it names no other user."""

    @property
    def only(self) -> Ints:
        """The device's first, where it names one user only."""


class Choice(NamedTuple):
    """For each event the evidence that decides (-1: nobody) and the rule's name."""

    evidence: Ints
    via: npt.NDArray[np.int8]
    """Place in ``VIA``."""


class Policy(NamedTuple):
    """A rule for anonymous events, and whose rule it is."""

    choose: Callable[[Evidence], Choice]
    says: str
    asks: bool = True
    """Whether anonymous events are asked about at all; if not, bridges are not followed either.

    A policy that asks leaves a device that names one person no other, and no event of it without one.
    """
    takes_own: bool = False
    """Whether events that name a user themselves are asked about as well."""
    is_graph: bool = False
    """Whether everything that any link ties together is one person: there is nothing to choose."""


def session(near: Evidence) -> Choice:
    """The next user in the same session, else the previous one in it; else as ``next``."""
    return _first_of((near.in_session, "session"), (near.next, "next"), (near.previous, "previous"))


def next_user(near: Evidence) -> Choice:
    """The next user identified on the device; else the previous one."""
    return _first_of((near.next, "next"), (near.previous, "previous"))


def previous_user(near: Evidence) -> Choice:
    """The last user seen before; else the device's first."""
    return _first_of((near.previous, "previous"), (near.next, "first"))


def first_user(near: Evidence) -> Choice:
    """The device's first user, always."""
    return _first_of((near.first, "first"))


def last_user(near: Evidence) -> Choice:
    """The device's last user, for all its rows."""
    return _first_of((near.last, "last"))


def only_user(near: Evidence) -> Choice:
    """A user only if the device has exactly one."""
    return _first_of((near.only, "only"))


def nobody(near: Evidence) -> Choice:
    """Nobody: an anonymous event stays with its device."""
    return _first_of((np.full_like(near.next, -1), "anonymous"))


POLICIES: Final[Mapping[str, Policy]] = {
    "session": Policy(session, says="ours; Datalyr's rule, read with sessions"),
    "next": Policy(next_user, says="a literal reading of Datalyr's page"),
    "previous": Policy(previous_user, says="Amplitude, Adobe field-based"),
    "first": Policy(first_user, says="Mixpanel Simplified, PostHog"),
    "last": Policy(last_user, takes_own=True, says="Snowplow, dbt-segment, Adobe last-auth"),
    "strict": Policy(only_user, says="Snowplow Identities"),
    "none": Policy(nobody, asks=False, says="raw data: only own user_ids"),
    "graph": Policy(nobody, asks=False, is_graph=True, says="plain identity graphs"),
}


def _first_of(*options: tuple[Ints, str]) -> Choice:
    """Of several kinds of evidence the first that is there."""
    evidence, name = options[0]
    via = np.where(evidence >= 0, VIA.index(name), VIA.index("anonymous")).astype(np.int8)
    for places, other in options[1:]:
        takes = (evidence < 0) & (places >= 0)
        evidence = np.where(takes, places, evidence)
        via[takes] = VIA.index(other)
    return Choice(evidence, via)
