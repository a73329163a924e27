"""Which person an id means, when an analyst asks for one by any id of theirs."""

from __future__ import annotations

import difflib
from collections.abc import Iterable
from numbers import Integral
from typing import Final

import numpy as np
import pandas as pd

from datalyr_notebook import errors, order, schema
from datalyr_notebook.frames import read_stitched
from datalyr_notebook.identity.stitching import stitch
from datalyr_notebook.notices import say
from datalyr_notebook.order import Ints

MOST_CANDIDATES: Final = 3_000
"""Ids compared with one that nobody has, to name the nearest."""
LONGEST_ASKED: Final = 200
"""An id longer than this is compared with none: the comparison takes the square of its length."""


def as_stitched(step: str, events: pd.DataFrame) -> pd.DataFrame:
    """Stitched events as they are; any others are stitched with the defaults, which is said."""
    if isinstance(events, pd.DataFrame) and schema.is_stitched(events):
        return read_stitched(step, events)
    say(f"{step}: these events are not stitched; stitching them with the defaults.")
    return stitch(events)


def find_person(step: str, stitched: pd.DataFrame, asked: object) -> str:
    """The person_id that is asked for, or that one person's rows with this user_id or anonymous_id have.

    Raises UnknownPersonError where nobody has the id, AmbiguousPersonError where several persons do;
    ``step`` is who asks.

    >>> stitched = pd.DataFrame({"person_id": ["user_789", "user_789"], "anonymous_id": ["anon_a", "anon_b"]})
    >>> find_person("journey_timeline", stitched, "anon_b")
    'user_789'
    """
    ids = {name: stitched[name] for name in ("person_id", "user_id", "anonymous_id") if name in stitched.columns}
    if isinstance(asked, str | int) and not isinstance(asked, bool):
        for column in ids.values():
            owners = stitched["person_id"].iloc[rows_with(column, str(asked))].dropna().drop_duplicates().tolist()
            if len(owners) > 1:
                raise errors.AmbiguousPersonError(step, asked, owners)
            if owners:
                return str(owners[0])
    raise errors.UnknownPersonError(step, asked, nearest_ids(ids.values(), str(asked)))


def rows_with(ids: pd.Series, one: str) -> Ints:
    """The places of the rows that carry an id; of a category column the categories are compared, not the rows.

    >>> rows_with(pd.Series(["a", None, "b", "a"], dtype="category"), "a").tolist()
    [0, 3]
    """
    if not isinstance(ids.dtype, pd.CategoricalDtype):
        return np.flatnonzero((ids.astype(object) == one).to_numpy(dtype=bool))
    known = ids.cat.categories
    try:
        places = np.flatnonzero(known == one)
    except UnicodeEncodeError:
        # Arrow cannot compare with half of a surrogate pair.
        places = np.flatnonzero(known.astype(object) == one)
    return np.flatnonzero(ids.cat.codes.to_numpy() == places[0]) if len(places) else places


def nearest_ids(columns: Iterable[pd.Series | pd.Index], asked: str) -> list[str]:
    """Up to three ids of these columns that resemble one nobody has, from those of similar length."""
    if len(asked) > LONGEST_ASKED:
        return []
    known = dict.fromkeys(str(one) for column in columns for one in column.dropna().unique())
    alike = [one for one in known if abs(len(one) - len(asked)) <= 4]
    return difflib.get_close_matches(asked, alike[:MOST_CANDIDATES])


def find_persons(step: str, stitched: pd.DataFrame, asked: Iterable[object]) -> Ints:
    """The persons that several ids mean, each once, in the order asked: their codes in ``person_id``.

    What an id means, and what is raised, is as in :func:`find_person`. ``stitched``: ids are categories.

    >>> ids = {"person_id": ["u1", "u2", "u1"], "anonymous_id": ["anon_a", "anon_b", "anon_c"]}
    >>> find_persons("journey_wall", pd.DataFrame(ids, dtype="category"), ["anon_c", "u2", "u1"]).tolist()
    [0, 1]
    """
    wanted = dict.fromkeys(str(one) if isinstance(one, Integral) else one for one in asked)
    person, owner = order.codes(stitched, "person_id"), dict[object, int]()
    columns = [name for name in ("person_id", "user_id", "anonymous_id") if name in stitched.columns]
    for name in columns:
        left = [one for one in wanted if isinstance(one, str) and one not in owner]
        known = stitched[name].cat.categories
        is_asked = np.append(known.isin(left), [False])
        code = order.codes(stitched, name)
        rows = np.flatnonzero(is_asked[code] & (person >= 0))
        pairs = pd.DataFrame({"id": code[rows], "person": person[rows]}).drop_duplicates()
        shared = pairs.loc[pairs["id"].duplicated(), "id"].tolist()
        if shared:
            owners = stitched["person_id"].cat.categories[pairs.loc[pairs["id"] == shared[0], "person"]]
            raise errors.AmbiguousPersonError(step, known[shared[0]], owners.tolist())
        owner |= dict(zip(known[pairs["id"]].tolist(), pairs["person"].tolist(), strict=True))
    for one in wanted:
        if one not in owner:
            raise errors.UnknownPersonError(step, one, nearest_ids([stitched[name] for name in columns], str(one)))
    return np.array(list(dict.fromkeys(owner[one] for one in wanted)), dtype=np.int64)
