"""The sessions that a policy sees: one device's rows, cut slowly."""

from __future__ import annotations

from collections.abc import Hashable, Mapping, Sequence

from .events import Event

Session = Hashable


def policy_sessions(rows: Sequence[Event], timeout: int) -> dict[int, Session]:
    """Sessions of one device's rows (in order): place -> label.

    (anonymous_id, session_id); a row without session_id belongs to the session that encloses it, else to
    a near one; what is left is cut at gaps; a session that starts with $identify near the device's
    previous one continues it.
    """
    spans: dict[Session, tuple[int, int]] = {}
    for row in rows:
        if row.session_id is not None:
            first, _ = spans.get(row.session_id, (row.time, row.time))
            spans[row.session_id] = (first, row.time)
    labels: dict[int, Session] = {}
    gap, last_left = 0, None
    for row in rows:
        label = row.session_id if row.session_id is not None else session_near(row.time, spans, timeout)
        if label is None:
            gap += last_left is None or row.time - last_left > timeout
            last_left, label = row.time, ("gap", gap)
        labels[row.place] = label
    return _continued(rows, labels, timeout)


def session_near(time: int, spans: Mapping[Session, tuple[int, int]], timeout: int) -> Session | None:
    """The session that encloses a time; else the last that ended at most a timeout before; else the next to start."""
    enclosing = [(first, last, repr(label), label) for label, (first, last) in spans.items() if first <= time <= last]
    ended = [
        (time - last, first, repr(label), label) for label, (first, last) in spans.items() if 0 < time - last <= timeout
    ]
    starting = [
        (first - time, last, repr(label), label)
        for label, (first, last) in spans.items()
        if 0 < first - time <= timeout
    ]
    for found in (enclosing, ended, starting):
        if found:
            return min(found, key=lambda one: one[:-1])[-1]
    return None


def _continued(rows: Sequence[Event], labels: Mapping[int, Session], timeout: int) -> dict[int, Session]:
    """A session that starts with $identify within the timeout of the device's previous one continues it."""
    joined: dict[Session, Session] = {}
    previous: Session | None = None
    previous_end = 0
    for label in dict.fromkeys(labels[row.place] for row in rows):
        members = [row for row in rows if labels[row.place] == label]
        near = previous is not None and members[0].time - previous_end <= timeout
        if not (near and members[0].name == "$identify"):
            previous = label
        previous_end = members[-1].time
        joined[label] = previous
    return {place: joined[label] for place, label in labels.items()}
