"""Text columns as integer codes, laid over one another: row by row the first that has a text wins.

A :class:`Coded` column holds each distinct text once, so Python looks at texts and numpy at rows.
A column without any text is None, and costs nothing.
"""

from __future__ import annotations

from collections.abc import Callable, Collection, Iterable, Sequence
from typing import NamedTuple

import numpy as np
import pandas as pd
import pyarrow as pa

from datalyr_notebook import schema
from datalyr_notebook.loading.encoding import encode
from datalyr_notebook.order import Codes, Flags


class Coded(NamedTuple):
    """A text column as codes into its distinct, trimmed texts; -1 = absent."""

    codes: Codes
    texts: list[str]

    @property
    def present(self) -> Flags:
        """Which rows have a text."""
        return self.codes >= 0


def column(frame: pd.DataFrame, name: str) -> Coded | None:
    """A column of a frame, whatever its dtype; None where it is missing or has no text in it."""
    if name not in frame.columns:
        return None
    values = frame[name]
    if pd.api.types.is_numeric_dtype(values.dtype) or pd.api.types.is_datetime64_any_dtype(values.dtype):
        rows, distinct = pd.factorize(values)
        few = encode(pd.Series(distinct), name)
        codes = np.append(few.cat.codes.to_numpy(), -1)[rows]
    else:
        few = encode(values, name)
        codes = few.cat.codes.to_numpy()
    return tidied(codes.astype(np.int32, copy=False), few.cat.categories.tolist())


def tidied(codes: Codes, texts: Sequence[str | None]) -> Coded | None:
    """Codes into texts that may be blank, untrimmed, repeated or None, as a Coded column."""
    places: dict[str, int] = {}
    place_of: dict[str | None, int] = {}
    for raw in dict.fromkeys(texts):
        text = raw.strip() if raw else ""
        if not text.isascii():
            text = text.encode("utf-8", "backslashreplace").decode()
        place_of[raw] = places.setdefault(text, len(places)) if text else -1
    moved = [place_of[raw] for raw in texts]
    if not places:
        return None
    if moved != list(range(len(texts))):
        codes = numbers_at(moved, codes)
    return Coded(codes, list(places)) if (codes >= 0).any() else None


def relabeled(texts: Coded | None, label: Callable[[str], str | None]) -> Coded | None:
    """The column with another text, or none, for each of its texts."""
    return None if texts is None else tidied(texts.codes, [label(text) for text in texts.texts])


def first(layers: Iterable[Coded | None]) -> Coded | None:
    """Row by row the first layer that has a text."""
    given = [layer for layer in layers if layer is not None]
    if len(given) <= 1:
        return given[0] if given else None
    places: dict[str, int] = {}
    codes = np.full(len(given[0].codes), -1, dtype=np.int32)
    for layer in given:
        moved = numbers_at([places.setdefault(text, len(places)) for text in layer.texts], layer.codes)
        np.copyto(codes, moved, where=codes < 0)
    return Coded(codes, list(places))


def only(texts: Coded | None, rows: Flags) -> Coded | None:
    """The column on these rows."""
    if texts is None:
        return None
    codes = np.where(rows, texts.codes, np.int32(-1))
    return Coded(codes, texts.texts) if (codes >= 0).any() else None


def unless(texts: Coded | None, rows: Flags) -> Coded | None:
    """The column on all but these rows."""
    return only(texts, ~rows) if texts is not None and rows.any() else texts


def constant(rows: Flags, text: str) -> Coded | None:
    """One text on these rows."""
    return Coded(np.where(rows, np.int32(0), np.int32(-1)), [text]) if rows.any() else None


def present(texts: Coded | None, rows: int) -> Flags:
    """Which of so many rows have a text."""
    return np.zeros(rows, dtype=bool) if texts is None else texts.present


def is_one_of(texts: Coded, wanted: Collection[str]) -> Flags:
    """Which rows have one of the wanted texts."""
    return flags_at([text in wanted for text in texts.texts], texts.codes)


def has(
    frame: pd.DataFrame, name: str, *, among: Collection[str] | None = None, barring: Collection[str] = ()
) -> Flags:
    """Which rows have a text in this column: one of ``among``, none of ``barring`` (case-folded)."""
    if among is None and not barring and name in frame.columns and pd.api.types.is_numeric_dtype(frame[name].dtype):
        return np.asarray(frame[name].notna(), dtype=bool)
    texts = column(frame, name)
    if texts is None:
        return np.zeros(len(frame), dtype=bool)
    folded = [text.casefold() for text in texts.texts]
    return flags_at([text not in barring and (among is None or text in among) for text in folded], texts.codes)


def numbers_at(values: Sequence[int], codes: Codes) -> Codes:
    """The number that stands for each row's code, -1 where the row has none."""
    return np.array([*values, -1], dtype=np.int32)[codes]


def flags_at(values: Sequence[bool], codes: Codes) -> Flags:
    """The flag that stands for each row's code, False where the row has none."""
    return np.array([*values, False], dtype=bool)[codes]


def decoded(texts: Coded) -> pa.Array:
    """The column as Arrow text."""
    return pa.array(texts.texts, type=pa.large_string()).take(pa.array(texts.codes, mask=~texts.present))


def categorical(texts: Coded | None, rows: int) -> pd.Categorical:
    """The column as categories in order of first appearance, without those no row has."""
    if texts is None:
        return pd.Categorical.from_codes(np.full(rows, -1, dtype=np.int8), categories=pd.Index([], dtype=schema.TEXT))
    seen = np.full(len(texts.texts) + 1, rows, dtype=np.int64)
    seen[texts.codes[::-1]] = np.arange(rows - 1, -1, -1)
    in_order = np.argsort(seen[:-1], kind="stable")[: int((seen[:-1] < rows).sum())]
    places = np.full(len(texts.texts) + 1, -1, dtype=np.int32)
    places[in_order] = np.arange(len(in_order), dtype=np.int32)
    categories = pd.Index([texts.texts[place] for place in in_order], dtype=schema.TEXT)
    return pd.Categorical.from_codes(places[texts.codes], categories=categories)
