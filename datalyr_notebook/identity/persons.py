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
from datalyr_notebook.order import Flags, Ints
from datalyr_notebook.redaction import Redaction

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


def find_person(step: str, stitched: pd.DataFrame, asked: object, *, redaction: Redaction | None = None) -> str:
    """The person_id that is asked for, or that one person's rows with this user_id or anonymous_id have.

    Under a ``redaction`` people are asked for by what is shown of them, too, such as ``"user 17"``. Raises
    UnknownPersonError where nobody has the id, AmbiguousPersonError where several persons do, both without
    anything that is masked; ``step`` is who asks.

    >>> stitched = pd.DataFrame({"person_id": ["user_789", "user_789"], "anonymous_id": ["anon_a", "anon_b"]})
    >>> find_person("journey_timeline", stitched, "anon_b")
    'user_789'
    """
    ids = {name: stitched[name] for name in ("person_id", "user_id", "anonymous_id") if name in stitched.columns}
    wanted = _original(asked, redaction)
    if isinstance(wanted, str):
        for column in ids.values():
            owners = stitched["person_id"].iloc[rows_with(column, wanted)].dropna().drop_duplicates().tolist()
            if len(owners) > 1:
                raise errors.AmbiguousPersonError(step, asked, _shown(owners, redaction))
            if owners:
                return str(owners[0])
    raise errors.UnknownPersonError(step, asked, _unmasked(nearest_ids(ids.values(), str(wanted)), redaction))


def rows_with(ids: pd.Series, one: str) -> Ints:
    """The places of the rows that carry an id; of a category column the categories are compared, not the rows.

    >>> rows_with(pd.Series(["a", None, "b", "a"], dtype="category"), "a").tolist()
    [0, 3]
    """
    if not isinstance(ids.dtype, pd.CategoricalDtype):
        return np.flatnonzero((ids.astype(object) == one).to_numpy(dtype=bool))
    places = np.flatnonzero(_is_one_of(ids.cat.categories, [one]))
    return np.flatnonzero(ids.cat.codes.to_numpy() == places[0]) if len(places) else places


def nearest_ids(columns: Iterable[pd.Series | pd.Index], asked: str) -> list[str]:
    """Up to three ids of these columns that resemble one nobody has, from those of similar length."""
    if len(asked) > LONGEST_ASKED:
        return []
    known = dict.fromkeys(str(one) for column in columns for one in column.dropna().unique())
    alike = [one for one in known if abs(len(one) - len(asked)) <= 4]
    return difflib.get_close_matches(asked, alike[:MOST_CANDIDATES])


def find_persons(
    step: str, stitched: pd.DataFrame, asked: Iterable[object], *, redaction: Redaction | None = None
) -> Ints:
    """The persons that several ids mean, each once, in the order asked: their codes in ``person_id``.

    What an id means, and what is raised, is as in :func:`find_person`. ``stitched``: ids are categories.

    >>> ids = {"person_id": ["u1", "u2", "u1"], "anonymous_id": ["anon_a", "anon_b", "anon_c"]}
    >>> find_persons("journey_wall", pd.DataFrame(ids, dtype="category"), ["anon_c", "u2", "u1"]).tolist()
    [0, 1]
    """
    wanted: dict[str, object] = {}
    for said in asked:
        one = _original(said, redaction)
        if not isinstance(one, str):
            raise errors.UnknownPersonError(step, said, ())
        wanted.setdefault(one, said)
    person, owner = order.codes(stitched, "person_id"), dict[str, int]()
    columns = [name for name in ("person_id", "user_id", "anonymous_id") if name in stitched.columns]
    for name in columns:
        left = [one for one in wanted if one not in owner]
        known = stitched[name].cat.categories
        is_asked = np.append(_is_one_of(known, left), [False])
        code = order.codes(stitched, name)
        rows = np.flatnonzero(is_asked[code] & (person >= 0))
        pairs = pd.DataFrame({"id": code[rows], "person": person[rows]}).drop_duplicates()
        shared = pairs.loc[pairs["id"].duplicated(), "id"].tolist()
        if shared:
            owners = stitched["person_id"].cat.categories[pairs.loc[pairs["id"] == shared[0], "person"]].tolist()
            raise errors.AmbiguousPersonError(step, wanted[known[shared[0]]], _shown(owners, redaction))
        owner |= dict(zip(known[pairs["id"]].tolist(), pairs["person"].tolist(), strict=True))
    for one, said in wanted.items():
        if one not in owner:
            near = nearest_ids([stitched[name] for name in columns], one)
            raise errors.UnknownPersonError(step, said, _unmasked(near, redaction))
    return np.array(list(dict.fromkeys(owner[one] for one in wanted)), dtype=np.int64)


def _is_one_of(known: pd.Index, wanted: list[str]) -> Flags:
    """Which texts are among those wanted."""
    try:
        found: Flags = np.asarray(known == wanted[0] if len(wanted) == 1 else known.isin(wanted), dtype=bool)
    except UnicodeEncodeError:
        # Arrow cannot compare with half of a surrogate pair.
        found = known.astype(object).isin(wanted)
    return found


def _original(asked: object, redaction: Redaction | None) -> object:
    """The id that is meant: numbers are ids, and what is shown of a masked id means that id."""
    if isinstance(asked, Integral) and not isinstance(asked, bool):
        asked = str(asked)
    return asked if redaction is None else redaction.original(asked)


def _shown(persons: list[str], redaction: Redaction | None) -> list[str]:
    return persons if redaction is None else [redaction.name(one) for one in persons]


def _unmasked(nearest: list[str], redaction: Redaction | None) -> list[str]:
    """Of ids that resemble what was asked for those that may be shown: the number of a masked one resembles nothing."""
    return nearest if redaction is None else [one for one in nearest if redaction.name(one) == one]
