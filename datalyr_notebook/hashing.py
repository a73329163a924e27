"""64-bit hashes of texts and of what rows say: the same for the same content, in any frame and order."""

from __future__ import annotations

import contextlib
import json
from typing import Any, Final, TypeAlias

import numpy as np
import numpy.typing as npt
import pandas as pd
import pyarrow as pa

from datalyr_notebook import schema

Hashes: TypeAlias = npt.NDArray[np.uint64]

_ODD: Final = np.uint64(0x9E3779B97F4A7C15)
_ADDED: Final = frozenset(schema.names(schema.STITCHED))
_WORD: Final = 8
_EXACT: Final = 2.0**53
"""From here on a float no longer holds every whole number."""
_NESTED: Final = (dict, list, tuple, set, frozenset, np.ndarray)
_NUMBERS: Final = (bool, int, float, np.bool_, np.integer, np.floating)


def hash_rows(rows: pd.DataFrame) -> Hashes:
    """A hash of each row's content. Columns without data do not count, nor does what stitching added."""
    total = np.zeros(len(rows), dtype=np.uint64)
    for column in rows.columns:
        if column not in _ADDED:
            cells, present = _hash_cells(rows[column])
            salt = hash_texts(pd.Series([str(column)], dtype=object))[0]
            total += np.where(present, _mix(cells ^ salt), np.uint64(0))
    return total


def hash_texts(values: pd.Series) -> Hashes:
    """A hash a text; equal texts hash equal, others almost never (nulls hash alike).

    Reads the bytes of all texts of one length at a time, eight bytes a step.
    """
    array = one_array(pa.array(values, from_pandas=True))
    if not len(array):
        return np.zeros(0, dtype=np.uint64)
    offsets, content = text_bytes(array)
    lengths = np.diff(offsets)
    hashes = np.zeros(len(lengths), dtype=np.uint64)
    by_length = np.argsort(lengths, kind="stable") if lengths.min() != lengths.max() else np.arange(len(lengths))
    cuts = np.flatnonzero(np.diff(lengths[by_length])) + 1
    for rows in np.split(by_length, cuts):
        length = int(lengths[rows[0]])
        is_whole = len(rows) == len(lengths)
        block = content[offsets[0] : offsets[-1]].reshape(-1, length) if is_whole and length else None
        hashes[rows] = _hash_bytes(content, offsets[rows], length, block)
    return hashes


def one_array(array: Any) -> Any:  # noqa: ANN401  (pyarrow ships no types)
    """An Arrow array in one piece; one that is in one piece already is not copied."""
    if not isinstance(array, pa.ChunkedArray):
        return array
    if array.num_chunks == 1:
        return array.chunk(0)
    return pa.concat_arrays(array.chunks) if array.num_chunks else pa.array([], type=array.type)


def text_bytes(array: Any) -> tuple[npt.NDArray[np.int64], npt.NDArray[np.uint8]]:  # noqa: ANN401
    """Where each text of an Arrow array starts and ends, and the bytes of all of them (a null is empty)."""
    array = array.cast(pa.large_string())
    offsets = np.frombuffer(array.buffers()[1], dtype=np.int64)[array.offset : array.offset + len(array) + 1]
    return offsets, np.frombuffer(array.buffers()[2] or b"", dtype=np.uint8)


def words_of(array: Any) -> list[Hashes] | None:  # noqa: ANN401
    """The texts as columns of 8-byte words, without copying; None unless all have one length of at least 8.

    The last word overlaps the one before, so that every byte is in one.
    """
    if not len(array) or array.null_count:
        return None
    offsets, content = text_bytes(array)
    width = int(offsets[1] - offsets[0])
    if width < _WORD or width * len(array) != offsets[-1] - offsets[0] or not (np.diff(offsets) == width).all():
        return None
    starts = [*range(0, width - _WORD, _WORD), width - _WORD]
    return [np.ndarray((len(array),), np.uint64, content, int(offsets[0]) + at, (width,)) for at in starts]


def hash_words(words: list[Hashes]) -> Hashes:
    """One hash a text from its words."""
    hashes = np.zeros(len(words[0]), dtype=np.uint64)
    for word in words:
        hashes ^= word
        hashes *= _ODD
        hashes ^= hashes >> np.uint64(29)
    return hashes


def cell_text(value: object) -> str:
    """The text of anything a cell may hold, the same in every process.

    Text stays as it is, lone surrogates escaped; objects and lists become JSON with sorted keys.

    >>> cell_text({"b": 1, "a": [True, None]})
    '{"a": [true, null], "b": 1}'
    """
    if isinstance(value, bytes):
        return value.decode("utf-8", "backslashreplace")
    if isinstance(value, _NESTED):
        try:
            return json.dumps(_plain(value))
        except RecursionError:
            return type(value).__name__
    return str(value).encode("utf-8", "backslashreplace").decode()


def _plain(value: object) -> object:
    """A nested value in the types of JSON, its keys sorted as text."""
    if isinstance(value, dict):
        return {key: _plain(inner) for key, inner in sorted((cell_text(key), one) for key, one in value.items())}
    if isinstance(value, set | frozenset):
        return sorted(cell_text(inner) for inner in value)
    if isinstance(value, list | tuple | np.ndarray):
        return [_plain(inner) for inner in value]
    plain = value.item() if isinstance(value, np.generic) else value
    return plain if plain is None or isinstance(plain, str | int | float) else cell_text(plain)


def _hash_bytes(content: npt.NDArray[np.uint8], starts: npt.NDArray[np.int64], length: int, block: Any) -> Hashes:  # noqa: ANN401
    """Hashes of texts of one length; ``block`` holds them side by side where they are all there are."""
    # The length goes in mixed: as it is, "b" and "a\0" would begin alike.
    mixed = _mix(np.full(len(starts), length + 1, dtype=np.uint64))
    for step in range(0, length, 8):
        width = min(8, length - step)
        word = np.zeros((len(starts), 8), dtype=np.uint8)
        word[:, :width] = (
            content[starts[:, None] + np.arange(step, step + width)] if block is None else block[:, step : step + width]
        )
        mixed = _mix(mixed ^ word.view(np.uint64).ravel())
    return mixed


def _mix(words: Hashes) -> Hashes:
    product: Hashes = words * _ODD
    return product ^ (product >> np.uint64(29))


def _hash_cells(values: pd.Series) -> tuple[Hashes, npt.NDArray[np.bool_]]:
    """A hash a cell, and which cells hold data."""
    present = values.notna().to_numpy()
    dtype = values.dtype
    if isinstance(dtype, pd.CategoricalDtype):
        hashes, _ = _hash_cells(pd.Series(dtype.categories, dtype=dtype.categories.dtype))
        return np.append(hashes, np.uint64(0))[values.cat.codes.to_numpy()], present
    if isinstance(dtype, pd.DatetimeTZDtype):
        return values.dt.as_unit("us").astype("int64").to_numpy().view(np.uint64), present
    if isinstance(dtype, np.dtype) and dtype.kind in "biuf":
        return _hash_numbers(values.to_numpy()), present
    if pd.api.types.infer_dtype(values, skipna=True) == "string":
        with contextlib.suppress(UnicodeError):  # lone surrogates, which Arrow does not take
            return hash_texts(values), present
    return _hash_objects(values.to_numpy(dtype=object), present), present


def _hash_numbers(numbers: npt.NDArray[Any]) -> Hashes:
    """Equal numbers hash equal, whole or not; whole numbers that no float holds keep all their digits."""
    floats = numbers.astype(np.float64) + 0.0  # makes -0.0 the same as 0.0
    words: Hashes = floats.view(np.uint64)
    if numbers.dtype.kind in "iu":
        is_large = np.abs(floats) >= _EXACT
        words = np.where(is_large, numbers.astype(np.uint64), words)
    return words


def _hash_objects(cells: npt.NDArray[np.object_], present: npt.NDArray[np.bool_]) -> Hashes:
    """Numbers as numbers, everything else as its text."""
    is_number = np.array([isinstance(cell, _NUMBERS) for cell in cells], dtype=bool) & present
    is_text = present & ~is_number
    texts = [cell_text(cell) if there else None for cell, there in zip(cells, is_text, strict=True)]
    hashes = hash_texts(pd.Series(texts, dtype=object))
    for place in np.flatnonzero(is_number):
        hashes[place] = _hash_number(cells[place])
    return hashes


def _hash_number(number: Any) -> np.uint64:  # noqa: ANN401  (a number of any type)
    is_whole = isinstance(number, int | np.integer)
    try:
        return np.uint64(_hash_numbers(np.array([number], dtype=np.int64 if is_whole else np.float64))[0])
    except OverflowError:
        return np.uint64(hash_texts(pd.Series([str(number)], dtype=object))[0])
