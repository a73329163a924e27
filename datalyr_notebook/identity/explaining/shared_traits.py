"""The trait that two users share and that could make them one person, and who has said a value."""

from __future__ import annotations

from collections.abc import Collection, Iterator
from typing import Final, NamedTuple

import numpy as np
import pandas as pd

from datalyr_notebook import order
from datalyr_notebook.identity.links import Members
from datalyr_notebook.identity.trusted_traits import comparable

CONTACT_TRAITS: Final = ("email", "phone", "name")
"""Traits that tell people apart, the most telling first; others are ranked by how few users share a value."""


class SharedTrait(NamedTuple):
    """A value that users of both sides have."""

    trait: str
    value: str
    users: tuple[int, int]
    """One user of each side who has it."""
    held_by: int
    """How many users have it in all."""


def said_traits(events: pd.DataFrame, members: Members) -> Iterator[tuple[int, int, str, str]]:
    """Each comparable trait that a user has said: row, user's code, trait, value; a user_id that is an e-mail too."""
    if "traits" in events.columns:
        rows = np.flatnonzero(order.is_named(events, order.IDENTIFY) & (members.user >= 0))
        said = events["traits"].to_numpy(dtype=object)[rows]
        for row, user, traits in zip(rows.tolist(), members.user[rows].tolist(), said, strict=True):
            if not isinstance(traits, dict):
                continue
            for trait, value in traits.items():
                text = comparable(trait, value)
                if text is not None:
                    yield row, user, str(trait), text
    for user, text in enumerate(members.users):
        address = comparable("email", text) if "@" in str(text) else None
        if address is not None:
            yield -1, user, "email", address


def nearest_shared_trait(
    events: pd.DataFrame, members: Members, ones: Collection[int], others: Collection[int]
) -> SharedTrait | None:
    """The most telling trait value that a user of each side has: by ``CONTACT_TRAITS``, then the rarest; or None."""
    sides = (set(ones), set(others))
    held: tuple[dict[tuple[str, str], set[int]], ...] = ({}, {})
    holders: dict[tuple[str, str], set[int]] = {}
    for _, user, trait, value in said_traits(events, members):
        holders.setdefault((trait, value), set()).add(user)
        for side, users in zip(held, sides, strict=True):
            if user in users:
                side.setdefault((trait, value), set()).add(user)
    places = {trait: place for place, trait in enumerate(CONTACT_TRAITS)}
    shared = sorted(
        (places.get(trait, len(places)), len(holders[trait, value]), trait, value)
        for trait, value in held[0].keys() & held[1].keys()
    )
    if not shared:
        return None
    _, held_by, trait, value = shared[0]
    named = (min(side[trait, value], key=lambda user: str(members.users[user])) for side in held)
    one, other = named
    return SharedTrait(trait, value, (one, other), held_by)
