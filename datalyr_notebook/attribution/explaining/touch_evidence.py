"""How each touch of a person came to be theirs, in sentences: the login, alias or bridge that decided."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Final, NamedTuple

import numpy as np
import pandas as pd

from datalyr_notebook import order
from datalyr_notebook.errors import shown
from datalyr_notebook.journeys.lookback import DAY_US
from datalyr_notebook.order import Ints
from datalyr_notebook.rendering import lasting, moment, plain

_ITSELF: Final = ("own", "anonymous")
"""Values of person_via that need no evidence but the row itself."""
_MATCHES: Final = {"email": "by e-mail", "ip": "by IP"}

CHOSEN: Final[Mapping[str, str]] = {
    "session": "the user named in the same session",
    "next": "the next user named on the device",
    "previous": "the last user named on the device before it",
    "first": "the first user named on the device",
    "last": "the last user named on the device",
    "only": "the only user named on the device",
}
"""To whom each policy that asks about a device gives the touch."""


class _Told(NamedTuple):
    """What a sentence is made of: the same for all touches that have the same of it."""

    device: int
    user: int
    """The row's own; -1: anonymous."""
    via: str
    since: int
    """When the evidence became known, in microseconds; -1: the row is its own evidence."""


@dataclass(frozen=True)
class PersonsRows:
    """One person's stitched events, and the conversion that is explained."""

    events: pd.DataFrame
    person: str
    converted: int
    """When, in microseconds."""
    kind: str
    """What the conversion is called."""
    device: order.Codes
    user: order.Codes
    time: Ints
    what: str = "touch"
    """What is explained, as sentences call it."""

    def device_name(self, code: int) -> str:
        """A device as a sentence calls it: its type and its shortened id.

        Its type is what its first row that tells one says.
        """
        if code < 0:
            return "a row without a device"
        kind, name = "device", short_id(str(self.events["anonymous_id"].cat.categories[code]))
        if "device_type" in self.events.columns:
            kinds = self.events["device_type"]
            rows = np.flatnonzero((self.device == code) & kinds.notna().to_numpy() & (kinds != "unknown").to_numpy())
            if len(rows):
                kind = plain(str(kinds.iloc[rows[order.event_order(self.events, rows=rows)[0]]]))
        return f"{kind} {name}"


def rows_of_person(stitched: pd.DataFrame, row: int, kind: str) -> PersonsRows:
    """All rows of the person whose conversion stands in ``row``."""
    person = order.codes(stitched, "person_id")
    events = stitched.iloc[np.flatnonzero(person == person[row])]
    return PersonsRows(
        events,
        str(stitched["person_id"].iloc[row]),
        int(order.microseconds(stitched.iloc[[row]])[0]),
        kind,
        order.codes(events, "anonymous_id"),
        order.codes(events, "user_id"),
        order.microseconds(events),
    )


def evidence_sentences(theirs: PersonsRows, touches: pd.DataFrame) -> list[str]:
    """A sentence a touch: ``touches`` are rows of stitched events of this person."""
    since, via = order.microseconds(touches, "person_since"), touches["person_via"].astype(str)
    itself = via.isin(_ITSELF).to_numpy() & (since == order.microseconds(touches))
    told = zip(
        touches["anonymous_id"].cat.codes.tolist() if "anonymous_id" in touches.columns else [-1] * len(touches),
        order.codes(touches, "user_id").tolist(),
        via.tolist(),
        np.where(itself, -1, since).tolist(),
        strict=True,
    )
    sentences: dict[_Told, str] = {}
    answer = []
    for one in map(_Told._make, told):
        if one not in sentences:
            tell = _TELL.get(one.via, _by_login)
            sentences[one] = tell(theirs, one)
        answer.append(sentences[one])
    return answer


def short_id(text: str) -> str:
    """An id as a sentence shows it: one line of 24 characters at most, cut in the middle when longer.

    >>> short_id("anon_cfd09de1-6a42-40e3-a650-227788f08ae1")
    'anon_cfd09d…08ae1'
    """
    return shown(text, width=24)[1:-1]


def _own(theirs: PersonsRows, told: _Told) -> str:
    known = f", known since {_when(theirs, told.since)}" if told.since >= 0 else ""
    return f"the event itself carried user_id {_user(theirs, told.user)}{known}."


def _anonymous(theirs: PersonsRows, told: _Told) -> str:
    return f"no user is known for {theirs.device_name(told.device)}: the device counts as a person of its own."


def _graph(theirs: PersonsRows, told: _Told) -> str:
    return (
        f"a chain of links ties {theirs.device_name(told.device)} to {plain(theirs.person)}, "
        f"complete since {_when(theirs, told.since)}: policy graph follows them all."
    )


def _bridge(theirs: PersonsRows, told: _Told) -> str:
    return (
        f"nobody logged in on {theirs.device_name(told.device)}: an app-to-web match{_matched(theirs, told.device)} "
        f"makes it {plain(theirs.person)}'s, known since {_when(theirs, told.since)}."
    )


def _by_login(theirs: PersonsRows, told: _Told) -> str:
    """A user_id on the touch's device: the row that named it, else what joined that user to the person."""
    device, person = theirs.device_name(told.device), plain(theirs.person)
    rule = f" The {theirs.what} goes to {CHOSEN[told.via]}." if told.via in CHOSEN else ""
    row, when = _naming(theirs, told.device, told.since), _when(theirs, told.since)
    if row >= 0:
        user = _user(theirs, int(theirs.user[row]))
        return f"{device} was identified as {user} by {_said(theirs, row)} on {when}.{rule}"
    alias = _aliasing(theirs, told.since)
    joined = f"an $alias{_event(theirs, alias)}" if alias >= 0 else "an $alias or a trusted trait"
    users = np.unique(theirs.user[(theirs.device == told.device) & (theirs.user >= 0)])
    named = plain(str(theirs.events["user_id"].cat.categories[users[0]])) if len(users) == 1 else person
    if named != person:
        return f"{device} was identified as {named}, and {joined} made {named} and {person} one on {when}.{rule}"
    return f"{device} is known to be {person}'s since {when}, through {joined}.{rule}"


_TELL: Final[Mapping[str, Callable[[PersonsRows, _Told], str]]] = {
    "own": _own,
    "anonymous": _anonymous,
    "graph": _graph,
    "bridge": _bridge,
}


def _naming(theirs: PersonsRows, device: int, since: int) -> int:
    """The row of the device that names a user at that time, an ``$identify`` before others; -1 for none."""
    rows = np.flatnonzero((theirs.device == device) & (theirs.user >= 0) & (theirs.time == since))
    if not len(rows):
        return -1
    inorder = rows[order.event_order(theirs.events, rows=rows)]
    return int(inorder[order.is_named(theirs.events, order.IDENTIFY, inorder).argmax()])


def _aliasing(theirs: PersonsRows, since: int) -> int:
    """An ``$alias`` of that time among the person's rows; -1 for none."""
    rows = np.flatnonzero(theirs.time == since)
    rows = rows[order.is_named(theirs.events, order.ALIAS, rows)]
    return int(rows[order.event_order(theirs.events, rows=rows)[0]]) if len(rows) else -1


def _matched(theirs: PersonsRows, device: int) -> str:
    """With which other device, and how, where only one match among the person's rows says so."""
    events = theirs.events
    if "web_visitor_id" not in events.columns or device < 0:
        return ""
    text = str(events["anonymous_id"].cat.categories[device])
    web = events["web_visitor_id"].astype(object)
    as_app = np.flatnonzero((theirs.device == device) & web.notna().to_numpy())
    as_web = np.flatnonzero((web == text).to_numpy(dtype=bool) & (theirs.device >= 0) & (theirs.device != device))
    others = {str(web.iloc[row]) for row in as_app.tolist()} | {
        str(events["anonymous_id"].iloc[row]) for row in as_web.tolist()
    }
    methods: set[str] = set()
    if "match_method" in events.columns:
        given = events["match_method"].iloc[np.append(as_app, as_web)].dropna()
        methods = {str(one).strip().lower() for one in given}
    how = f" {_MATCHES[next(iter(methods))]}" if len(methods) == 1 and methods <= set(_MATCHES) else ""
    if len(others) != 1:
        return how
    other, names = next(iter(others)), events["anonymous_id"].cat.categories
    code = next((code for code in np.unique(theirs.device).tolist() if code >= 0 and names[code] == other), -1)
    return f"{how} with {theirs.device_name(code) if code >= 0 else short_id(other)}"


def _user(theirs: PersonsRows, code: int) -> str:
    """A user_id, and whom it is one person with where the person has another name."""
    if code < 0:
        return plain(theirs.person)
    user = str(theirs.events["user_id"].cat.categories[code])
    return plain(user) if user == theirs.person else f"{plain(user)} (one person with {plain(theirs.person)})"


def _said(theirs: PersonsRows, row: int) -> str:
    """The event that named a user."""
    name = str(theirs.events["event_name"].iloc[row])
    named = name if name in order.IDENTITY_EVENTS else f"the user_id on its {plain(name)}"
    return f"{named}{_event(theirs, row)}"


def _event(theirs: PersonsRows, row: int) -> str:
    if "event_id" not in theirs.events.columns or pd.isna(theirs.events["event_id"].iloc[row]):
        return ""
    return f" (event {plain(str(theirs.events['event_id'].iloc[row]))})"


def _when(theirs: PersonsRows, time: int) -> str:
    """A moment, and how long after the conversion it was where it was after it."""
    told = moment(pd.Timestamp(time, unit="us", tz="UTC"))
    late = (time - theirs.converted) / DAY_US
    return f"{told}, {lasting(late)} after the {theirs.kind}" if late > 0 else told
