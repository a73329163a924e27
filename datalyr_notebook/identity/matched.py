"""Which rows belong to a known user, told from a stitched table alone."""

from __future__ import annotations

from typing import Final

import numpy as np
import pandas as pd

from datalyr_notebook import order
from datalyr_notebook.loading.encoding import matches
from datalyr_notebook.order import Flags, Ints

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
    # A handful of comparisons of one byte a row is several times as fast as one lookup a row.
    matched: Flags = code >= 0
    for place in np.flatnonzero(~via.categories.isin(USER_VIA)):
        matched &= code != place
    for place in np.flatnonzero(via.categories.isin(EITHER_VIA)):
        rows = np.flatnonzero(code == place)
        if len(rows):
            matched[rows] = _led_to_users(stitched, rows)
    return matched


def _led_to_users(stitched: pd.DataFrame, rows: Ints) -> Flags:
    """Of these rows those whose person_id is a user's: a device of the same text would be called ``device:…``."""
    person = order.codes(stitched, "person_id")[rows]
    persons, number = np.unique(person, return_inverse=True)
    texts = stitched["person_id"].cat.categories[persons]
    is_user = np.zeros(len(persons), dtype=bool)
    for column in ("user_id", "new_user_id"):
        if column in stitched.columns:
            is_user |= matches(texts, stitched[column].cat.categories) >= 0
    return is_user[number]
