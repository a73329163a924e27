"""Rows of a device that nobody logged in on, filled across a bridge to the other device."""

from __future__ import annotations

from typing import NamedTuple

import numpy as np
import numpy.typing as npt

from datalyr_notebook.identity.links import Bridges, Members
from datalyr_notebook.order import Flags, Ints


class BridgeAnswers(NamedTuple):
    """What each end of a bridge may give to its rows: collected before the kernel, a row an end.

    Sorted by device, then time; at one instant only the end with the smallest other id is kept.
    """

    device: Ints
    time: Ints
    """When the bridge was made, int64 microseconds."""
    user: Ints
    """The canonical user that the other device has then; -1: none, the two devices share ``other``."""
    other: Ints
    """The web device whose id an app without a user shares."""
    known_from: Ints
    """The later of the bridge and the login."""
    rank: Ints
    """The other device's id in text order."""


def no_answers() -> BridgeAnswers:
    """No bridges at all."""
    none = np.zeros(0, dtype=np.int64)
    return BridgeAnswers(none, none, none, none, none, none)


def ends(bridges: Bridges, has_user: Flags) -> tuple[Ints, Ints, Ints]:
    """The ends that can receive: (bridge, device, other device), for devices without a user of their own."""
    bridge = np.tile(np.arange(len(bridges.row)), 2)
    device = np.concatenate([bridges.app, bridges.web])
    other = np.concatenate([bridges.web, bridges.app])
    # A web device whose app has no user either keeps its own id: there is nothing to receive.
    receives = ~has_user[device] & (has_user[other] | (np.arange(len(bridge)) < len(bridges.row)))
    return bridge[receives], device[receives], other[receives]


def sort_answers(
    members: Members, device: Ints, time: Ints, user: Ints, other: Ints, known_from: Ints
) -> BridgeAnswers:
    """Answers in order. A device that some bridge gives a user takes no bridge that gives none."""
    names = members.devices[other].astype(object) if len(other) else np.zeros(0, dtype=object)
    rank = np.unique(np.asarray(names, dtype=object).astype(str), return_inverse=True)[1]
    gives_user = np.zeros(int(device.max(initial=-1)) + 1, dtype=bool)
    gives_user[device[user >= 0]] = True
    inorder = np.lexsort((rank, time, device))
    inorder = inorder[(user[inorder] >= 0) | ~gives_user[device[inorder]]]
    fresh = np.append([True], (np.diff(device[inorder]) != 0) | (np.diff(time[inorder]) != 0))[: len(inorder)]
    kept = inorder[fresh]
    return BridgeAnswers(device[kept], time[kept], user[kept], other[kept], known_from[kept], rank[kept])


def nearest_answer(answers: BridgeAnswers, device: npt.NDArray[np.integer], time: Ints) -> Ints:
    """For each row of a device the nearest bridge in time, then the smallest id; -1 for none."""
    if not len(answers.device) or not len(device):
        return np.full(len(device), -1, dtype=np.int64)
    known = np.unique(answers.device)
    place = np.minimum(np.searchsorted(known, device), len(known) - 1)
    is_known = known[place] == device
    first = int(min(answers.time.min(), time.min()))
    length = int(max(answers.time.max(), time.max())) - first + 1
    line = np.searchsorted(known, answers.device) * length + (answers.time - first)
    after = np.searchsorted(line, place * length + (time - first), side="left")
    behind, ahead = np.maximum(after - 1, 0), np.minimum(after, len(line) - 1)
    has_behind = answers.device[behind] == device
    has_ahead = (answers.device[ahead] == device) & (after < len(line))
    has_behind &= after > 0
    gap_behind = np.where(has_behind, time - answers.time[behind], np.iinfo(np.int64).max)
    gap_ahead = np.where(has_ahead, answers.time[ahead] - time, np.iinfo(np.int64).max)
    takes_ahead = (gap_ahead < gap_behind) | ((gap_ahead == gap_behind) & (answers.rank[ahead] < answers.rank[behind]))
    chosen = np.where(takes_ahead, ahead, behind)
    return np.where(is_known & (has_behind | has_ahead), chosen, -1)
