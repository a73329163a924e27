"""Whose each row is under another stitching, told in the persons of the first."""

from __future__ import annotations

import numpy as np
import numpy.typing as npt
import pandas as pd
import pyarrow as pa
import pyarrow.compute as pc

from datalyr_notebook import order
from datalyr_notebook.hashing import one_array
from datalyr_notebook.loading.encoding import matches
from datalyr_notebook.order import Flags


def owners_in_terms_of(first: pd.DataFrame, other: pd.DataFrame) -> order.Codes:
    """Each row's person in ``other``, as its code in ``first``; persons that are new there come behind; -1: nobody.

    Both hold the same rows. Most persons own the same row in both, so one look at that row settles
    them; texts are searched only for the rest.

    >>> one, two = (pd.DataFrame({"person_id": pd.Categorical(ids)}) for ids in (["a", "b"], ["c", "b"]))
    >>> owners_in_terms_of(one, two).tolist()
    [2, 1]
    """
    code, code_before = order.codes(other, "person_id"), order.codes(first, "person_id")
    persons, persons_before = other["person_id"].cat.categories, first["person_id"].cat.categories
    any_row = np.zeros(len(persons) + 1, dtype=np.int32)
    any_row[code] = np.arange(len(code), dtype=np.int32)
    place = code_before[any_row[:-1]] if len(code) else np.full(len(persons), -1, dtype=np.int32)
    place = np.where(_same_text(persons, persons_before, place), place, -1)
    left = np.flatnonzero(place < 0)
    if len(left):
        is_taken = np.zeros(len(persons_before) + 1, dtype=bool)
        is_taken[place] = True
        untaken = np.flatnonzero(~is_taken[:-1])
        place[left] = np.append(untaken, [-1])[matches(persons[left], persons_before[untaken])]
    new = np.flatnonzero(place < 0)
    place[new] = len(persons_before) + np.arange(len(new))
    codes: order.Codes = np.append(place, [-1]).astype(np.int32)[code]
    return codes


def _same_text(texts: pd.Index, among: pd.Index, place: npt.NDArray[np.integer]) -> Flags:
    """Whether each text is the one at its place; a place of -1 has none."""
    found: Flags = place >= 0
    if not found.any():
        return found
    given, known = one_array(pa.array(texts)), one_array(pa.array(among))
    found &= np.asarray(pc.equal(given, known.take(pa.array(np.maximum(place, 0))).cast(given.type)), dtype=bool)
    return found
