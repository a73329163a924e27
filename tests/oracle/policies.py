"""Which of a device's users gets its rows: the table of policies."""

from __future__ import annotations

from itertools import takewhile
from typing import NamedTuple

from .evidence import Evidence
from .merges import Merges
from .sessions import Session


class Choice(NamedTuple):
    """The user who gets a row, the rule that says so, and when the evidence for it became known."""

    user: str
    via: str
    time: int


class Moment(NamedTuple):
    """Where on a device we stand: the evidence up to and from there, and the session around it."""

    before: list[Evidence]
    after: list[Evidence]
    session: Session | None


def choose(merges: Merges, device: str, moment: Moment) -> Choice | None:
    """The user whom an anonymous row of this device gets at this moment; None if nobody does."""
    policy = merges.rule.policy
    evidence = merges.links.evidence_on(device)
    if policy == "none" or not evidence:
        return None
    if policy == "last":
        return last_user(evidence)
    if policy == "strict":
        return only_user(merges, evidence)
    here = _of_session(evidence, moment.session)
    before_here = _of_session(moment.before, moment.session)
    after_here = _of_session(moment.after, moment.session)
    before, after = moment.before, moment.after
    if merges.is_crowded(device):
        evidence, before, after = here, before_here, after_here
    choices = {
        "session": [
            (after_here[:1], "session"),
            (before_here[-1:], "session"),
            (after[:1], "next"),
            (before[-1:], "previous"),
        ],
        "next": [(after[:1], "next"), (before[-1:], "previous")],
        "previous": [(before[-1:], "previous"), (after[:1], "first")],
        "first": [(evidence[:1], "first")],
    }
    for found, via in choices[policy]:
        for one in found:
            return Choice(one.user, via, one.time)
    return None


def last_user(evidence: list[Evidence]) -> Choice:
    """The device's last user, known since the first row of the final unbroken run of evidence that names it."""
    last = evidence[-1]
    run = list(takewhile(lambda one: one.user == last.user, reversed(evidence)))
    return Choice(last.user, "last", run[-1].time)


def only_user(merges: Merges, evidence: list[Evidence]) -> Choice | None:
    """A user only if the device has exactly one.

    Two user_ids of one person are one user from the time on at which they are joined.
    """
    if len({merges.canonical(one.user) for one in evidence}) != 1:
        return None
    since = evidence[0].time
    for user in {one.user for one in evidence}:
        first_here = min(one.time for one in evidence if one.user == user)
        joined = merges.joining(user)
        if joined is not None and joined > first_here:
            since = max(since, joined)
    return Choice(evidence[0].user, "only", since)


def _of_session(evidence: list[Evidence], session: Session | None) -> list[Evidence]:
    return [one for one in evidence if session is not None and one.session == session]
