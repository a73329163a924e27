"""Which user gets an anonymous event of a device: one small function a policy, in one visible table.

A policy sees, for each anonymous event, the evidence nearest to it: the last and the next place at
which the device, or the same session of the device, names a user. It answers with one of them.
An event's own user_id is not asked about: it always wins.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Final, NamedTuple

import numpy as np
import numpy.typing as npt

from datalyr_notebook.order import Ints

VIA: Final = ("own", "session", "next", "previous", "first", "last", "only", "graph", "bridge", "anonymous")
"""The values of person_via: the rule that decided."""


class Nearest(NamedTuple):
    """For each anonymous event the place of the evidence nearest to it, -1 where there is none."""

    next: Ints
    previous: Ints
    session_next: Ints
    session_previous: Ints


class Choice(NamedTuple):
    """For each anonymous event the evidence that decides (-1: nobody) and the rule's name."""

    evidence: Ints
    via: npt.NDArray[np.int8]
    """Place in ``VIA``."""


class Policy(NamedTuple):
    """A rule for anonymous events, and whose rule it is."""

    choose: Callable[[Nearest], Choice]
    says: str
    reads_sessions: bool = False
    asks: bool = True
    """Whether anonymous events are asked about at all; if not, bridges are not followed either."""


def session(near: Nearest) -> Choice:
    """The next user in the same session, else the previous one in it; else as ``next``."""
    return _first_of(
        (near.session_next, "session"),
        (near.session_previous, "session"),
        (near.next, "next"),
        (near.previous, "previous"),
    )


def next_user(near: Nearest) -> Choice:
    """The next user identified on the device; else the previous one."""
    return _first_of((near.next, "next"), (near.previous, "previous"))


def previous_user(near: Nearest) -> Choice:
    """The last user seen before; else the device's first."""
    return _first_of((near.previous, "previous"), (near.next, "first"))


def nobody(near: Nearest) -> Choice:
    """Nobody: an anonymous event stays with its device."""
    return _first_of((np.full_like(near.next, -1), "anonymous"))


POLICIES: Final[Mapping[str, Policy]] = {
    "session": Policy(session, reads_sessions=True, says="ours; Datalyr's rule, read with sessions"),
    "next": Policy(next_user, says="a literal reading of Datalyr's page"),
    "previous": Policy(previous_user, says="Amplitude, Adobe field-based"),
    "none": Policy(nobody, asks=False, says="raw data: only own user_ids"),
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
