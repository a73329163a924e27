"""Traits trusted to be one person's: users who share such a value are one person (``merge_on``)."""

from __future__ import annotations

import itertools
import re
from collections.abc import Callable, Collection, Sequence
from typing import Final, NamedTuple

import numpy as np
import pandas as pd

from datalyr_notebook import order, schema
from datalyr_notebook.identity.blocking import BlockList
from datalyr_notebook.identity.links import Members, Merges, first_seen
from datalyr_notebook.order import Ints
from datalyr_notebook.traits.said import Objects

_EMAIL: Final = re.compile(r"[^@\s]+@[^@\s.]+(?:\.[^@\s.]+)+")
_LONGEST: Final = 320
"""Characters of the longest e-mail address (RFC 3696, erratum 1690); a longer value identifies nobody."""
_PLACEHOLDERS: Final = frozenset(
    (
        "a@a.com",
        "email@example.com",
        "example@example.com",
        "na@na.com",
        "no@email.com",
        "noemail@noemail.com",
        "none@none.com",
        "noreply@example.com",
        "null@null.com",
        "test@example.com",
        "test@test.com",
        "user@example.com",
    )
)
_FEWEST_DIGITS: Final = 7
"""Of a phone number that tells people apart: a subscriber's number without its area."""


class Trusted(NamedTuple):
    """The merges that trusted traits make, and the values that are on too many users to make any."""

    merges: Merges
    too_common: dict[tuple[str, str], int]
    """(trait, value) → how many users have it."""
    unsaid: tuple[str, ...]
    """Traits of which no user has a value that can be compared."""


def is_email(text: str) -> bool:
    """Whether an id reads like an e-mail address."""
    return len(text) <= _LONGEST and _EMAIL.fullmatch(text.strip()) is not None


def comparable(trait: str, value: object) -> str | None:
    """A trait's value as it is compared; None for what identifies nobody.

    E-mails and other texts are trimmed and case-folded, whole numbers become their digits, phone numbers
    only their digits, without a leading 00. No placeholder is compared: null-like texts, well-known
    false e-mails, phone numbers of fewer than 7 digits, of one digit repeated or of digits that count up.

    >>> comparable("email", " Kate@Example.com "), comparable("email", "test@test.com"), comparable("email", "kate")
    ('kate@example.com', None, None)
    >>> comparable("phone", "+1 (555) 010-4477"), comparable("phone", "1234567890"), comparable("loyalty_id", 4711)
    ('15550104477', None, '4711')
    """
    if isinstance(value, bool) or not isinstance(value, str | int):
        return None
    text = str(value).strip().casefold()
    return _COMPARED.get(trait, _text)(text) if len(text) <= _LONGEST else None


def _text(text: str) -> str | None:
    return None if schema.is_null_like(text) else text


def _email(text: str) -> str | None:
    # No text on the null-like list reads like an e-mail.
    return text if is_email(text) and text not in _PLACEHOLDERS else None


def _phone(text: str) -> str | None:
    if schema.is_null_like(text):
        return None
    # E.164 writes a country's code behind a plus; where it is dialed, behind 00.
    digits = "".join(one for one in text if one in "0123456789").removeprefix("00")
    counts_up = all((int(after) - int(one)) % 10 == 1 for one, after in itertools.pairwise(digits))
    return None if len(digits) < _FEWEST_DIGITS or len(set(digits)) == 1 or counts_up else digits


_COMPARED: Final[dict[str, Callable[[str], str | None]]] = {"email": _email, "phone": _phone}
"""Traits with a form of their own; any other is compared as text."""


def find_trait_merges(
    events: pd.DataFrame,
    members: Members,
    merge_on: tuple[str, ...],
    max_ids: int,
    *,
    blocked: BlockList = BlockList(),  # noqa: B008  (immutable)
    crowds: Collection[int] = (),
) -> Trusted:
    """Users who share a trusted trait value, each tied to the first of them.

    Values come from ``$identify`` rows; e-mails also from user_ids that are e-mails. A value on more
    than ``max_ids`` users, or one that is ``blocked``, merges nobody, nor does a user among ``crowds``.
    """
    found: list[tuple[int, str, int, int, str, str]] = []
    too_common: dict[tuple[str, str], int] = {}
    unsaid: list[str] = []
    names = members.users
    for trait in merge_on:
        held = first_held(events, members, trait, blocked)
        unsaid += [] if held else [trait]
        for value, users in held.items():
            if len(users) > max_ids:
                too_common[trait, value] = len(users)
                continue
            holders = sorted((since, str(names[user]), user) for user, since in users.items() if user not in crowds)
            found += [(since, name, user, holders[0][2], trait, value) for since, name, user in holders[1:]]
    found.sort(key=lambda one: (one[0], one[1], one[4], one[5]))
    since, _, user, first, traits, values = zip(*found, strict=True) if found else ((),) * 6
    merges = Merges(
        _whole(user), _whole(first), _whole(since), _whole([-1] * len(found)), _objects(values), _objects(traits)
    )
    return Trusted(merges, too_common, tuple(unsaid))


def first_held(events: pd.DataFrame, members: Members, trait: str, blocked: BlockList) -> dict[str, dict[int, int]]:
    """For each value of a trait the users who had it, and since when (microseconds)."""
    held: dict[str, dict[int, int]] = {}

    def note(value: object, user: int, since: int) -> None:
        text = comparable(trait, value)
        if text is not None and not blocked.holds(text) and not blocked.holds(str(value)):
            users = held.setdefault(text, {})
            users[user] = min(since, users.get(user, since))

    if "traits" in events.columns:
        rows = np.flatnonzero(order.is_named(events, order.IDENTIFY) & (members.user >= 0))
        time, said = order.microseconds(events)[rows], events["traits"].to_numpy(dtype=object)[rows]
        for traits, user, since in zip(said, members.user[rows].tolist(), time.tolist(), strict=True):
            if isinstance(traits, dict):
                note(traits.get(trait), user, since)
    if trait == "email":
        seen = first_seen(events, members)
        is_address = np.array(["@" in str(text) for text in members.users], dtype=bool)
        for user in np.flatnonzero(is_address & (seen != np.iinfo(np.int64).max)).tolist():
            note(members.users[user], user, int(seen[user]))
    return held


def find_holders(events: pd.DataFrame, members: Members, merge_on: tuple[str, ...]) -> Ints:
    """Users who share a value of a trusted trait, however common it is: pairs of their codes, one a row."""
    pairs = [
        (first, user)
        for trait in merge_on
        for first, *others in first_held(events, members, trait, BlockList()).values()
        for user in others
    ]
    return np.array(pairs, dtype=np.int64).reshape(-1, 2)


def _whole(numbers: Sequence[int]) -> Ints:
    return np.array(numbers, dtype=np.int64)


def _objects(values: Sequence[object]) -> Objects:
    return np.array(values, dtype=object)
