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
from datalyr_notebook.order import Ints, Texts

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
_DIGITS: Final = frozenset("0123456789")
_FEWEST_DIGITS: Final = 7
"""Of a phone number that tells people apart: a subscriber's number without its area."""


class SharedValues(NamedTuple):
    """The values of a trait that several users have: an entry a value and user, by value, since when, and name."""

    value: Ints
    """Place in ``texts``."""
    user: Ints
    since: Ints
    """When the user first had it, in microseconds."""
    texts: Texts
    """The values as they are compared, sorted."""
    is_said: bool
    """Whether any user has a value that can be compared."""

    @property
    def users(self) -> Ints:
        """How many users have each value."""
        return np.bincount(self.value, minlength=len(self.texts))

    @property
    def starts(self) -> Ints:
        """Each value's first entry: who had it first."""
        return np.searchsorted(self.value, np.arange(len(self.texts)))


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
    text = _folded(value)
    bare = None if text is None else _bare(trait, text)
    return bare if bare is not None and _identifies(trait, bare) else None


def _folded(value: object) -> str | None:
    """A value as trimmed, case-folded text; None for what is no text of an identifying length."""
    if isinstance(value, bool) or not isinstance(value, str | int):
        return None
    text = str(value).strip().casefold()
    return text if len(text) <= _LONGEST else None


def _bare(trait: str, text: str) -> str:
    """What of a folded text is compared."""
    # E.164 writes a country's code behind a plus; where it is dialed, behind 00.
    return "".join(one for one in text if one in _DIGITS).removeprefix("00") if trait == "phone" else text


def _identifies(trait: str, bare: str) -> bool:
    """Whether a value is no placeholder."""
    return _IDENTIFY.get(trait, _is_text)(bare)


def _is_text(text: str) -> bool:
    return not schema.is_null_like(text)


def _is_own_email(text: str) -> bool:
    # No text on the null-like list reads like an e-mail.
    return is_email(text) and text not in _PLACEHOLDERS


def _is_phone(digits: str) -> bool:
    # No text on the null-like list has digits that do.
    counts_up = all((int(after) - int(one)) % 10 == 1 for one, after in itertools.pairwise(digits))
    return len(digits) >= _FEWEST_DIGITS and len(set(digits)) > 1 and not counts_up


_IDENTIFY: Final[dict[str, Callable[[str], bool]]] = {"email": _is_own_email, "phone": _is_phone}
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
    in_crowd = np.zeros(len(members.users), dtype=bool)
    in_crowd[list(crowds)] = True
    for trait in merge_on:
        shared = find_shared_values(events, members, trait, blocked)
        unsaid += [] if shared.is_said else [trait]
        count = shared.users
        for place in np.flatnonzero(count > max_ids).tolist():
            too_common[trait, shared.texts[place]] = int(count[place])
        at = np.flatnonzero((count <= max_ids)[shared.value] & ~in_crowd[shared.user])
        first = _heads(shared.value[at])
        others = np.flatnonzero(first != np.arange(len(at)))
        user, previous, since = shared.user[at[others]], shared.user[at[first[others]]], shared.since[at[others]]
        names, values = members.users[user].astype(object), shared.texts[shared.value[at[others]]]
        found += [
            (when, str(name), one, holder, trait, value)
            for when, name, one, holder, value in zip(
                since.tolist(), names, user.tolist(), previous.tolist(), values, strict=True
            )
        ]
    found.sort(key=lambda one: (one[0], one[1], one[4], one[5]))
    when, _, users, holders, traits, texts = zip(*found, strict=True) if found else ((),) * 6
    merges = Merges(
        _whole(users), _whole(holders), _whole(when), _whole([-1] * len(found)), _objects(texts), _objects(traits)
    )
    return Trusted(merges, too_common, tuple(unsaid))


def find_shared_values(
    events: pd.DataFrame,
    members: Members,
    trait: str,
    blocked: BlockList = BlockList(),  # noqa: B008  (immutable)
) -> SharedValues:
    """The values of a trait that several users have, and since when.

    Values come from ``$identify`` rows; e-mails also from user_ids that are e-mails. Most users share none, so
    only texts that several have are asked whether they identify anybody.
    """
    told = _told_values(events, members, trait)
    bare = [_bare(trait, text) for text in told.texts]

    def identifies(place: int) -> bool:
        one, text = bare[place], told.texts[place]
        return _identifies(trait, one) and not blocked.holds(one) and (one == text or not blocked.holds(text))

    # Texts that differ may be one value: phone numbers.
    number = pd.factorize(np.array(bare, dtype=object))[0].astype(np.int64)
    is_value = order.has_several(number[told.text], told.user, len(bare))[number]
    several = np.flatnonzero(is_value)
    is_value[several] = [identifies(place) for place in several.tolist()]
    is_said = bool(is_value.any()) or any(map(identifies, np.setdiff1d(np.arange(len(bare)), several).tolist()))
    at = np.flatnonzero(is_value[told.text])
    at = at[order.has_several(number[told.text[at]], told.user[at], len(bare))[number[told.text[at]]]]
    value, texts = pd.factorize(np.array([bare[place] for place in told.text[at]], dtype=object), sort=True)
    name = order.text_rank(pd.Series(members.users[told.user[at]].astype(object)))
    inorder = np.lexsort((name, told.since[at], value))
    # Of a user's entries with one value the earliest.
    inorder = inorder[~pd.Series(value * len(members.users) + told.user[at])[inorder].duplicated().to_numpy()]
    user, since = told.user[at[inorder]], told.since[at[inorder]]
    return SharedValues(value[inorder].astype(np.int64), user, since, texts, is_said)


class _Told(NamedTuple):
    """Each time a user says a value of a trait."""

    text: Ints
    """Place in ``texts``."""
    user: Ints
    since: Ints
    texts: list[str]
    """The distinct values, trimmed and case-folded."""


def _told_values(events: pd.DataFrame, members: Members, trait: str) -> _Told:
    said: list[object] = []
    user, since = np.zeros(0, dtype=np.int64), np.zeros(0, dtype=np.int64)
    if "traits" in events.columns:
        rows = np.flatnonzero(order.is_named(events, order.IDENTIFY) & (members.user >= 0))
        cells = events["traits"].to_numpy(dtype=object)[rows]
        said = [traits.get(trait) if isinstance(traits, dict) else None for traits in cells]
        user, since = members.user[rows].astype(np.int64), order.microseconds(events)[rows]
    if trait == "email" and len(members.users):
        addresses = np.flatnonzero(members.users.str.contains("@", regex=False))
        if len(addresses):
            seen = first_seen(events, members)[addresses]
            addresses, seen = (column[seen != np.iinfo(np.int64).max] for column in (addresses, seen))
            said += members.users[addresses].tolist()
            user, since = np.append(user, addresses), np.append(since, seen)
    # Most values are texts: a call for each would take longer than all the rest.
    folded = [value.strip().casefold() if isinstance(value, str) else _folded(value) for value in said]
    kept = [None if text is None or len(text) > _LONGEST else text for text in folded]
    text, texts = pd.factorize(np.array(kept, dtype=object))
    told = np.flatnonzero(text >= 0)
    return _Told(text[told].astype(np.int64), user[told], since[told], texts.tolist())


def find_holders(events: pd.DataFrame, members: Members, merge_on: tuple[str, ...]) -> Ints:
    """Users who share a value of a trusted trait, however common it is: pairs of their codes, one a row."""
    pairs = [np.zeros((0, 2), dtype=np.int64)]
    for trait in merge_on:
        shared = find_shared_values(events, members, trait)
        pairs.append(np.column_stack([shared.user[_heads(shared.value)], shared.user]))
    return np.concatenate(pairs)


def _heads(group: Ints) -> Ints:
    """Of entries sorted by group the place of the first of each one's group."""
    starts = np.append([True], np.diff(group) != 0)[: len(group)]
    heads: Ints = np.flatnonzero(starts)[np.cumsum(starts) - 1]
    return heads


def _whole(numbers: Sequence[int]) -> Ints:
    return np.array(numbers, dtype=np.int64)


def _objects(values: Sequence[object]) -> Texts:
    return np.array(values, dtype=object)
