"""Text as the package holds it: categories in order of appearance, ids never as numbers.

The dtype is the cache: encoding happens once, here, and every later step reads integer codes.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any, Final

import numpy as np
import numpy.typing as npt
import pandas as pd
import pyarrow as pa
import pyarrow.compute as pc

from datalyr_notebook import errors, schema
from datalyr_notebook.hashing import cell_text, hash_words, one_array, text_bytes, words_of

ID_COLUMNS: Final = frozenset(
    (
        "event_id",
        "anonymous_id",
        "user_id",
        "previous_id",
        "new_user_id",
        "session_id",
        "order_id",
        "web_visitor_id",
        "distinct_id",
        "visitor_id",
    )
)
"""Columns in which a float is damage, not a number."""

_SPACE: Final = 0x20
_BEYOND_ASCII: Final = 0x80
_FEW: Final = 10_000
"""Below this many texts Arrow's own encoding is as fast."""

_NOTHING: Final = frozenset(("null", "none", "nil", "<nil>", "nan", "nat", "<na>", "undefined"))


def encode(values: pd.Series, column: str) -> pd.Series:
    """Text as a category column whose categories stand in order of appearance; blank = null.

    Categories that are text already are kept as they are.
    """
    if not isinstance(values.dtype, pd.CategoricalDtype):
        return _coded(*_dictionary(_arrow_text(values, column)), values.index)
    categories = pd.Series(values.dtype.categories, dtype=values.dtype.categories.dtype)
    texts = arrow_text_only(categories)
    if not len(categories) or (texts is not None and not _is_blank(texts).any()):
        return values
    given = _arrow_text(categories, column).to_pylist()
    return relabel(values, [text if text and text.strip() else None for text in given])


def in_order(values: pd.Series) -> pd.Series:
    """A category column with the categories that occur, in order of appearance."""
    plain = values.cat.as_unordered() if values.cat.ordered else values
    return from_numbers(plain.cat.codes.to_numpy(), plain.cat.categories, plain.index, given=plain)


def part_of(table: pd.DataFrame, rows: npt.NDArray[np.integer]) -> pd.DataFrame:
    """Some rows, in the order given, as a small table: without the texts of all the others among its categories.

    >>> table = pd.DataFrame({"user_id": pd.Categorical(["u1", "u2", "u1"])})
    >>> part_of(table, np.array([2, 1, 0])).index.tolist()
    [2, 1, 0]
    """
    if len(rows) == len(table) and (rows == np.arange(len(table))).all():
        return table
    part = table.iloc[rows]
    coded = [str(name) for name, dtype in part.dtypes.items() if isinstance(dtype, pd.CategoricalDtype)]
    return part.assign(**{name: in_order(part[name]) for name in coded})


def relabel(values: pd.Series, texts: Sequence[str | None]) -> pd.Series:
    """A category column with another text, or null, for each of its categories; equal texts become one."""
    place, distinct = pd.factorize(np.array([*texts, None], dtype=object))
    numbers = np.append(place[:-1], [-1])[values.cat.codes.to_numpy()]
    return from_numbers(numbers, distinct.tolist(), values.index)


def from_numbers(
    numbers: npt.NDArray[np.integer],
    categories: Sequence[str] | pd.Index,
    index: pd.Index,
    *,
    given: pd.Series | None = None,
) -> pd.Series:
    """A category column from each row's place among ``categories`` (-1 = null).

    It has the categories that occur, in order of appearance; ``given`` is returned as it is where
    it is that already.
    """
    seen = pd.unique(numbers)
    seen = seen[seen >= 0]
    if given is not None and len(seen) == len(categories) and (seen == np.arange(len(seen))).all():
        return given
    renumbered = np.full(len(categories) + 1, -1, dtype=np.int32)
    renumbered[seen] = np.arange(len(seen), dtype=np.int32)
    names = categories if isinstance(categories, pd.Index) else pd.Index(list(categories), dtype=schema.TEXT)
    kept = names.take(seen)
    return pd.Series(pd.Categorical.from_codes(renumbered[numbers], dtype=distinct_dtype(kept)), index=index)


def distinct_dtype(texts: pd.Index) -> pd.CategoricalDtype[Any]:
    """The category dtype of texts that are known to be distinct and not null.

    pandas would check it again by hashing every text: a tenth of a second and a hundred megabytes,
    which it keeps, a million. Where its shortcut is gone, the check is made.
    """
    shortcut = getattr(pd.CategoricalDtype, "_from_fastpath", pd.CategoricalDtype)
    dtype: pd.CategoricalDtype[Any] = shortcut(texts, ordered=False)
    return dtype


def as_text(values: pd.Series, column: str) -> pd.Series:
    """Text as a plain text column (``schema.TEXT``); blank = null."""
    if isinstance(values.dtype, pd.CategoricalDtype):
        values = values.astype(object)
    texts = _arrow_text(values, column)
    blank = _is_blank(texts)
    if blank.any() and texts.null_count < blank.sum():
        texts = pc.if_else(pa.array(blank), pa.scalar(None, texts.type), texts)
    elif values.dtype == schema.TEXT and values.dtype != object:
        return values
    return _plain(texts).set_axis(values.index)


def without(values: pd.Series, unwanted: npt.NDArray[np.bool_]) -> pd.Series:
    """A category column whose categories flagged in ``unwanted`` have become null."""
    kept = ~unwanted
    renumbered = np.append(np.where(kept, np.cumsum(kept) - 1, -1), [-1]).astype(np.int32)
    numbers = renumbered[values.cat.codes.to_numpy()]
    dtype = distinct_dtype(values.cat.categories[kept])
    return pd.Series(pd.Categorical.from_codes(numbers, dtype=dtype), index=values.index)


def nobody(
    texts: pd.Series | pd.Index, *, block: frozenset[str] = frozenset(), allow: frozenset[str] = frozenset()
) -> npt.NDArray[np.bool_]:
    """Which texts are null-like ids (``schema.is_null_like``), at the price of one scan."""
    array = one_array(pa.array(texts, from_pandas=True))
    flags = np.zeros(len(texts), dtype=bool)
    if pa.types.is_null(array.type):
        return flags
    listed = schema.NULL_LIKE | block
    places = _among(array, listed)
    candidates = array.take(pa.array(places))
    bare = pc.utf8_trim(pc.utf8_lower(candidates), characters=" \t\r\n\v\f'\"`")
    known = pa.array(sorted(listed), type=bare.type)
    found = pc.or_(pc.is_in(bare, value_set=known), pc.is_in(_folded(candidates), value_set=known))
    for place in places[np.asarray(found, dtype=bool)]:
        flags[place] = schema.is_null_like(array[int(place)].as_py() or "", block=block, allow=allow)
    return flags


def nothing(texts: pd.Series | pd.Index) -> npt.NDArray[np.bool_]:
    """Which texts are a written-out null: ``null``, ``None``, ``NaN``, ``undefined``."""
    array = one_array(pa.array(texts, from_pandas=True))
    flags = np.zeros(len(texts), dtype=bool)
    if not pa.types.is_null(array.type):
        places = _among(array, _NOTHING)
        bare = _folded(array.take(pa.array(places)))
        flags[places] = np.asarray(pc.is_in(bare, value_set=pa.array(sorted(_NOTHING), type=bare.type)), dtype=bool)
    return flags


def is_blank(values: pd.Series) -> npt.NDArray[np.bool_]:
    """Which cells hold text that is empty or white space; a null is no text."""
    texts = arrow_text_only(values)
    if texts is not None:
        return _is_blank(texts)
    return np.array([isinstance(one, str) and not one.strip() for one in values.astype(object)], dtype=bool)


def matches(wanted: pd.Index, among: pd.Index) -> npt.NDArray[np.int64]:
    """For each text its place in ``among``, -1 where it is not there."""
    if not len(wanted) or not len(among):
        return np.full(len(wanted), -1, dtype=np.int64)
    left, right = one_array(pa.array(wanted)), one_array(pa.array(among))
    places = np.full(len(wanted), -1, dtype=np.int64)
    lengths = np.diff(text_bytes(left)[0])
    fits = np.flatnonzero(np.isin(lengths, np.unique(np.diff(text_bytes(right)[0]))))
    if len(fits):
        found = pc.index_in(left.take(pa.array(fits)), value_set=right.cast(left.type))
        places[fits] = pc.fill_null(found, -1).to_numpy(zero_copy_only=False)
    return places


def combinations(columns: Sequence[pd.Series]) -> tuple[npt.NDArray[np.int64], list[tuple[Any, ...]]]:
    """The number of each row's combination of values, and the combinations (null = None)."""
    coded = [codes_and_values(column) for column in columns]
    number, first = numbered([(codes, len(values)) for codes, values in coded])
    held = [(codes[first].tolist(), [*values, None]) for codes, values in coded]
    return number, [tuple(values[codes[place]] for codes, values in held) for place in range(len(first))]


def numbered(
    coded: Sequence[tuple[npt.NDArray[np.integer], int]],
) -> tuple[npt.NDArray[np.int64], npt.NDArray[np.int64]]:
    """The number of each row's combination of codes, in order of appearance, and the first row of each.

    ``coded``: codes (-1 = null) and how many values there are, a pair a column. Codes are packed into
    one word while a table of all such words is no longer than the rows; words are hashed only beyond.
    """
    rows = len(coded[0][0])
    word, words = np.zeros(rows, dtype=np.int64), 1
    for codes, values in coded:
        if not values or (values == 1 and codes.min(initial=0) == 0):
            continue
        if words * (values + 1) > _table_length(rows):
            word, first = _renumbered(word, words)
            words = len(first)
        word *= values + 1
        word += codes
        word += 1
        words *= values + 1
    return _renumbered(word, words)


def codes_and_values(column: pd.Series) -> tuple[npt.NDArray[np.integer], pd.Index]:
    """A column's codes (-1 = null) and what they stand for."""
    if isinstance(column.dtype, pd.CategoricalDtype):
        return column.cat.codes.to_numpy(), column.cat.categories
    codes, values = pd.factorize(column)
    return codes, pd.Index(values)


def _table_length(rows: int) -> int:
    return max(rows, _FEW)


def _renumbered(word: npt.NDArray[np.int64], words: int) -> tuple[npt.NDArray[np.int64], npt.NDArray[np.int64]]:
    """Words (each below ``words``) numbered in order of appearance, and the first row of each."""
    rows = len(word)
    if words > _table_length(rows):
        number = pd.factorize(word)[0].astype(np.int64)
        words = int(number.max(initial=-1)) + 1
        return number, _first_rows(number, words)
    first = _first_rows(word, words)
    seen = np.flatnonzero(first < rows)
    seen = seen[np.argsort(first[seen])]
    renumbered = np.empty(words, dtype=np.int64)
    renumbered[seen] = np.arange(len(seen))
    return renumbered[word], first[seen]


def _first_rows(word: npt.NDArray[np.int64], words: int) -> npt.NDArray[np.int64]:
    """For each word the first row that holds it; the number of rows where none does."""
    first = np.full(words, len(word), dtype=np.int64)
    first[word[::-1]] = np.arange(len(word) - 1, -1, -1)
    return first


def _dictionary(texts: pa.Array) -> tuple[npt.NDArray[np.int32], pa.Array]:
    numbers, dictionary = _by_words(texts) or _by_arrow(texts)
    blank = _is_blank(dictionary)
    if blank.any():
        kept = ~blank
        numbers = np.append(np.where(kept, np.cumsum(kept) - 1, -1), [-1]).astype(np.int32)[numbers]
        dictionary = dictionary.filter(pa.array(kept))
    return numbers, dictionary


def _by_arrow(texts: pa.Array) -> tuple[npt.NDArray[np.int32], pa.Array]:
    encoded = one_array(texts.dictionary_encode())
    indices = pc.fill_null(encoded.indices, -1) if encoded.null_count else encoded.indices
    return indices.to_numpy(zero_copy_only=False).astype(np.int32, copy=False), encoded.dictionary


def _by_words(texts: pa.Array) -> tuple[npt.NDArray[np.int32], pa.Array] | None:
    """The same twice as fast, for texts of one length: their hashes are numbered, then every word is compared.

    None where the lengths differ, or where two texts share a hash, by chance or by design.
    """
    if len(texts) < _FEW:
        return None
    present = texts.drop_null() if texts.null_count else texts
    words = words_of(present)
    if words is None:
        return None
    places, distinct = pd.factorize(hash_words(words))
    numbers: npt.NDArray[np.int32] = places.astype(np.int32)
    first = np.empty(len(distinct), dtype=np.int64)
    first[numbers[::-1]] = np.arange(len(numbers) - 1, -1, -1)
    if not all((word[first][numbers] == word).all() for word in words):
        return None
    dictionary = present.take(pa.array(first))
    if not texts.null_count:
        return numbers, dictionary
    every = np.full(len(texts), -1, dtype=np.int32)
    every[np.asarray(texts.is_valid(), dtype=bool)] = numbers
    return every, dictionary


def _coded(numbers: npt.NDArray[np.int32], dictionary: pa.Array, index: pd.Index) -> pd.Series:
    dtype = distinct_dtype(pd.Index(_plain(dictionary)))
    return pd.Series(pd.Categorical.from_codes(numbers, dtype=dtype), index=index)


def _folded(texts: pa.Array) -> pa.Array:
    return pc.utf8_lower(pc.utf8_trim_whitespace(texts))


def _is_blank(texts: pa.Array) -> npt.NDArray[np.bool_]:
    """Which texts are empty or white space; only those that begin so are looked at."""
    blank = _begins_odd(texts)
    places = np.flatnonzero(blank)
    if len(places):
        trimmed = pc.utf8_trim_whitespace(texts.take(pa.array(places)))
        blank[places] = np.asarray(pc.fill_null(pc.equal(pc.binary_length(trimmed), 0), fill_value=False), dtype=bool)
    return blank


def _begins_odd(texts: pa.Array) -> npt.NDArray[np.bool_]:
    """Texts that are empty, or begin with a blank, a control character or a character outside ASCII."""
    offsets, content = text_bytes(texts)
    if not len(content):
        return np.ones(len(texts), dtype=bool)
    first = content[np.minimum(offsets[:-1], len(content) - 1)]
    odd: npt.NDArray[np.bool_] = (offsets[1:] == offsets[:-1]) | (first <= _SPACE) | (first >= _BEYOND_ASCII)
    return odd


def _among(texts: pa.Array, listed: frozenset[str]) -> npt.NDArray[np.int64]:
    """Places of texts that may be listed once trimmed: short enough, or padded."""
    offsets, content = text_bytes(texts)
    longest = max(len(text.encode()) for text in listed) + len("''")
    candidate = np.diff(offsets) <= longest
    if len(content):
        candidate |= _begins_odd(texts) | (content[np.maximum(offsets[1:] - 1, 0)] <= _SPACE)
    return np.flatnonzero(candidate)


def _plain(texts: pa.Array) -> pd.Series:
    plain: pd.Series = texts.to_pandas().astype(schema.TEXT)
    return plain


def arrow_text_only(values: pd.Series) -> pa.Array | None:
    """A column of nothing but text (and nulls) as an Arrow array; None where it holds anything else."""
    array = _arrow(values)
    is_text = array is not None and (pa.types.is_string(array.type) or pa.types.is_large_string(array.type))
    return array if is_text else None


def _arrow(values: pd.Series) -> pa.Array | None:
    """A column as an Arrow array; None where its values have no common type, or are no valid text."""
    try:
        return one_array(pa.array(values, from_pandas=True))
    except (pa.ArrowException, UnicodeError, OverflowError, TypeError, ValueError):
        return None


def _arrow_text(values: pd.Series, column: str) -> pa.Array:
    """Any column as Arrow text; numbers as their digits, floats refused where they are ids."""
    if pd.api.types.is_float_dtype(values.dtype):
        return _floats(values, column)
    array = _arrow(values)
    if array is None or not (pa.types.is_string(array.type) or pa.types.is_large_string(array.type)):
        if array is not None and pa.types.is_integer(array.type):
            return array.cast(pa.large_string())
        return pa.array([_text(value, column) for value in values.astype(object)], type=pa.large_string())
    return array


def _floats(values: pd.Series, column: str) -> pa.Array:
    present = values.dropna()
    if len(present) and column in ID_COLUMNS:
        raise errors.DamagedIdError(column, str(values.dtype), float(present.iloc[0]))
    return pa.array([_text(value, column) for value in values.astype(object)], type=pa.large_string())


def _text(value: object, column: str) -> str | None:
    if value is None or value is pd.NA or value is pd.NaT:
        return None
    if isinstance(value, str):
        return cell_text(value)
    if isinstance(value, bool | np.bool_):
        return str(bool(value)).lower()
    if isinstance(value, float | np.floating):
        if np.isnan(value):
            return None
        if column in ID_COLUMNS:
            raise errors.DamagedIdError(column, "object with floats", float(value))
        return str(int(value)) if float(value).is_integer() else repr(float(value))
    return cell_text(value)
