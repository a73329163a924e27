"""The time line of devices that have a user: who was named where, and what lies nearest to each event.

Everything here is worked out when it is first asked for and kept, so that several policies over the
same events share it.
"""

from __future__ import annotations

from collections.abc import Callable
from functools import cached_property
from typing import NamedTuple

import numpy as np
import numpy.typing as npt
import pandas as pd

from datalyr_notebook.identity.canonical import Canon
from datalyr_notebook.identity.components import EVER
from datalyr_notebook.identity.neighbors import Line, edge, nearest
from datalyr_notebook.identity.rule import StitchRule
from datalyr_notebook.identity.sessions import number_sessions
from datalyr_notebook.order import Flags, Ints, event_order, has_several

_NEVER = int(np.iinfo(np.int64).max)


class Places(NamedTuple):
    """The rows of devices that have a user, then what ``$alias`` rows say of them, then what bridges ask."""

    line: Line
    device: npt.NDArray[np.integer]
    user: npt.NDArray[np.integer]
    """The user that is evidence there, -1 for none."""
    session_of: npt.NDArray[np.integer]
    """The device in whose sessions the place stands; -1: in none."""
    is_own: Flags
    """Rows that make sessions; a bridge's question only looks them up."""
    is_row: Flags
    """Rows of the device itself; the rest is what other rows say or ask of it."""


class _Runs(NamedTuple):
    """The evidence of devices with several users, sorted; a run is evidence that names one user without a break."""

    place: Ints
    start: Ints
    """The place at which each one's run starts."""


class Timeline:
    """Places, and the evidence among them."""

    def __init__(self, places: Places, canon: Canon, rule: StitchRule) -> None:
        self.places, self.canon = places, canon
        self.past_only = rule.is_at_event
        """Whether each place sees only what was known at its own instant."""
        self._limit, self._timeout_us = rule.max_users_per_device, rule.timeout_us

    @cached_property
    def evidence(self) -> Ints:
        """The places that name a user."""
        return np.flatnonzero(self.places.user >= 0)

    @cached_property
    def session(self) -> npt.NDArray[np.integer]:
        """The session number of each place, -1 for none."""
        places = self.places
        return number_sessions(places.line, places.session_of, places.is_own, self._timeout_us)

    @cached_property
    def session_first(self) -> Ints:
        """Per session the place of its first evidence, and one more for none: -1."""
        at = self.evidence[self.session[self.evidence] >= 0]
        at = at[event_order(self.places.line.events, within=self.session[at], rows=self.places.line.rows[at])]
        first = np.full(int(self.session.max(initial=-1)) + 2, -1, dtype=np.int64)
        first[self.session[at[::-1]]] = at[::-1]
        return first

    @cached_property
    def _persons(self) -> npt.NDArray[np.integer]:
        """The canonical user that each evidence names."""
        persons: npt.NDArray[np.integer] = self.canon.user[self.places.user[self.evidence]]
        return persons

    @cached_property
    def _devices(self) -> int:
        return int(self.places.device.max(initial=-1)) + 2

    @cached_property
    def _has_several(self) -> Flags:
        """Per device whether it names several user_ids."""
        return has_several(self.places.device[self.evidence], self.places.user[self.evidence], self._devices)

    @cached_property
    def _runs(self) -> _Runs:
        places = self.places
        at = self.evidence[self._has_several[places.device[self.evidence]]]
        at = at[event_order(places.line.events, within=places.device[at], rows=places.line.rows[at])]
        begins = (np.diff(places.device[at], prepend=-1) != 0) | (np.diff(places.user[at], prepend=-1) != 0)
        return _Runs(at, at[np.maximum.accumulate(np.where(begins, np.arange(len(at)), 0))])

    @cached_property
    def first(self) -> Ints:
        """Per device the place of its first evidence, -1 for none."""
        places = self.places
        first, _, _ = edge(places.line.time, places.device, self.evidence, self._devices, np.minimum, _NEVER)
        at = self._runs.place[::-1]
        first[places.device[at]] = at
        return first

    @cached_property
    def last(self) -> Ints:
        """Per device the place from which on it names its last user and no other, -1 for none."""
        last = self.first.copy()
        last[self.places.device[self._runs.place]] = self._runs.start
        return last

    @cached_property
    def second_person_from(self) -> Ints:
        """Per device when it first names a second person, microseconds; never = the largest int64."""
        from_ = np.full(self._devices, _NEVER, dtype=np.int64)
        device, time = self.places.device, self.places.line.time
        at = self._runs.place
        person = self.canon.user[self.places.user]
        other = at[person[at] != person[self.first[device[at]]]]
        np.minimum.at(from_, device[other], time[other])
        return from_

    @cached_property
    def settled_from(self) -> Ints:
        """Per device since when all users it had named by then were known as one person; ``EVER``: always."""
        settled = np.full(self._devices, EVER, dtype=np.int64)
        if self.canon.merged:
            joined = self.canon.joined[self.places.user[self.evidence]]
            late = np.flatnonzero(joined > self.places.line.time[self.evidence])
            np.maximum.at(settled, self.places.device[self.evidence[late]], joined[late])
        return settled

    @cached_property
    def crowded(self) -> dict[int, int]:
        """The devices over the limit, and how many users each has named."""
        device, users = self.places.device[self.evidence].astype(np.int64), len(self.canon.user)
        at = has_several(device, self._persons, self._devices)[device]
        pairs = pd.unique(device[at] * users + self._persons[at])
        counts = np.bincount(pairs // users)
        return {device: int(counts[device]) for device in np.flatnonzero(counts > self._limit).tolist()}

    @cached_property
    def crowded_from(self) -> Ints | None:
        """Per device when it has named more users than the limit, microseconds; None: no device has."""
        if not self.crowded:
            return None
        is_crowded = np.zeros(self._devices, dtype=bool)
        is_crowded[list(self.crowded)] = True
        device = self.places.device[self.evidence]
        at = np.flatnonzero(is_crowded[device])
        named = pd.DataFrame({"device": device[at], "person": self._persons[at]})
        time = pd.Series(self.places.line.time[self.evidence[at]]).groupby([named["device"], named["person"]]).min()
        place = time.sort_values().groupby("device").cumcount()
        reaches = time.loc[place.index[place == self._limit]]
        from_ = np.full(self._devices, _NEVER, dtype=np.int64)
        from_[reaches.index.get_level_values("device")] = reaches.to_numpy()
        return from_

    def last_run_by(self, asked: Ints) -> Ints:
        """For each asked place of a device with several users the start of the run that reaches its instant, or -1."""
        device, time = self.places.device, self.places.line.time
        both = np.append(self._runs.place, asked)
        is_asked = np.arange(len(both)) >= len(self._runs.place)
        inorder = np.lexsort((is_asked, time[both], device[both]))
        # lexsort is stable, so evidence of one instant stays in the order of events.
        reached = np.maximum.accumulate(np.where(is_asked[inorder], -1, np.arange(len(both))))
        run = np.where(reached >= 0, np.append(self._runs.start, asked)[inorder[np.maximum(reached, 0)]], -1)
        run = np.where((run >= 0) & (device[run] == device[both[inorder]]), run, -1)
        found = np.empty(len(both), dtype=np.int64)
        found[inorder] = run
        return found[len(self._runs.place) :]


class Neighbors:
    """The evidence about some places: what a policy chooses from (``policies.Evidence``)."""

    def __init__(self, timeline: Timeline, asked: Ints) -> None:
        self._timeline, self._asked = timeline, asked
        places = timeline.places
        self._device, self._time = places.device[asked], places.line.time[asked]

    @property
    def next(self) -> Ints:
        """The next on the device; on a crowded one, in the same session."""
        return self._confined(self._on_device[0], lambda: self._in_session[0])

    @property
    def previous(self) -> Ints:
        """The last before, on the device; on a crowded one, in the same session."""
        return self._confined(self._on_device[1], lambda: self._in_session[1])

    @property
    def in_session(self) -> Ints:
        """The next in the same session of the device, else the previous one in it."""
        timeline, found = self._timeline, self._on_device[0].copy()
        session, evidence = timeline.session, timeline.evidence
        own = session[self._asked]
        # The next on the device is the next in the session where it stands in it.
        found[(session[found] != own) | (own < 0)] = -1
        is_left = np.zeros(int(session.max(initial=-1)) + 2, dtype=bool)
        is_left[own[found < 0]] = True
        is_left[-1] = False
        evidence = evidence[is_left[session[evidence]]]
        if len(evidence):
            left = np.flatnonzero(is_left[own] & (found < 0))
            ahead, behind = self._near(session, evidence, self._asked[left])
            found[left] = np.where(ahead >= 0, ahead, behind)
        return found

    @property
    def first(self) -> Ints:
        """The device's first; on a crowded one, the session's first."""
        timeline = self._timeline
        first = self._seen(timeline.first[self._device], self._asked)
        return self._confined(
            first, lambda: self._seen(timeline.session_first[timeline.session[self._asked]], self._asked)
        )

    @property
    def last(self) -> Ints:
        """The device's last, at the place from which on it names no other user."""
        timeline = self._timeline
        if not timeline.past_only:
            last: Ints = timeline.last[self._device]
            return last
        run = timeline.last_run_by(self._asked)
        return np.where(run >= 0, run, self._seen(timeline.first[self._device], self._asked))

    @property
    def only(self) -> Ints:
        """The device's first, where it names one user only."""
        timeline = self._timeline
        until = self._time if timeline.past_only else np.int64(_NEVER - 1)
        is_alone = timeline.second_person_from[self._device] > until
        return np.where(is_alone, self._seen(timeline.first[self._device], self._asked), -1)

    @cached_property
    def _on_device(self) -> tuple[Ints, Ints]:
        return self._near(self._timeline.places.device, self._timeline.evidence, self._asked)

    @cached_property
    def _in_session(self) -> tuple[Ints, Ints]:
        return self._near(self._timeline.session, self._timeline.evidence, self._asked)

    def _near(self, group: npt.NDArray[np.integer], evidence: Ints, asked: Ints) -> tuple[Ints, Ints]:
        """The next and the previous evidence in each asked place's group."""
        following, previous = nearest(self._timeline.places.line, group, evidence, asked)
        return self._seen(following, asked), previous

    def _seen(self, places: Ints, asked: Ints) -> Ints:
        """Without the places that come later than what asks, where only the past counts."""
        if not self._timeline.past_only or not len(places):
            return places
        time = self._timeline.places.line.time
        return np.where(time[places] <= time[asked], places, -1)

    @cached_property
    def _is_crowded(self) -> Flags | None:
        from_ = self._timeline.crowded_from
        if from_ is None:
            return None
        until = self._time if self._timeline.past_only else np.int64(_NEVER - 1)
        is_crowded: Flags = from_[self._device] <= until
        return is_crowded

    def _confined(self, found: Ints, in_session: Callable[[], Ints]) -> Ints:
        """A crowded device gives its anonymous events a user only from their own session."""
        return found if self._is_crowded is None else np.where(self._is_crowded, in_session(), found)
