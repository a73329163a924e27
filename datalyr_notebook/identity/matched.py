"""Which rows belong to a known user, told from a stitched table alone."""

from __future__ import annotations

from typing import Final

import numpy as np
import pandas as pd

from datalyr_notebook import order
from datalyr_notebook.loading.encoding import matches
from datalyr_notebook.order import Flags

USER_VIA: Final = ("own", "session", "next", "previous", "first", "last", "only")
"""The values of person_via that only a user has."""
EITHER_VIA: Final = ("bridge", "graph")
"""Those that lead to a user, or to a device that nobody ever logged in on."""


def is_matched(stitched: pd.DataFrame) -> Flags:
    """Per row whether its person is a known user; a bridge to a device without a user matches nobody.

    >>> from datalyr_notebook.identity.stitching import stitch
    >>> events = pd.DataFrame({
    ...     "timestamp": "2026-01-01T10:00Z", "event_name": "pageview",
    ...     "anonymous_id": ["anon_a", "anon_b"], "user_id": ["u1", None],
    ... })
    >>> is_matched(stitch(events)).tolist()
    [True, False]
    """
    via = stitched["person_via"].cat
    code = via.codes.to_numpy()
    matched: Flags = np.append(via.categories.isin(USER_VIA), [False])[code]
    either = np.append(via.categories.isin(EITHER_VIA), [False])
    if either.any():
        rows = np.flatnonzero(either[code])
        person = order.codes(stitched, "person_id")[rows]
        persons = np.unique(person)
        is_user = np.zeros(int(persons.max(initial=-1)) + 2, dtype=bool)
        is_user[persons] = _are_users(stitched, stitched["person_id"].cat.categories[persons])
        matched[rows] = is_user[person]
    return matched


def _are_users(stitched: pd.DataFrame, texts: pd.Index) -> Flags:
    """Which person_ids are a user's: a device of the same text would be called ``device:…``."""
    is_user = np.zeros(len(texts), dtype=bool)
    for column in ("user_id", "new_user_id"):
        if column in stitched.columns:
            is_user |= matches(texts, stitched[column].cat.categories) >= 0
    return is_user
