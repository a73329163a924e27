"""Hashes of what rows say: the same for the same content in any dtype, different for different content."""

from __future__ import annotations

import subprocess
import sys
from typing import Any

import numpy as np
import pandas as pd
import pyarrow as pa
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from datalyr_notebook import schema
from datalyr_notebook.hashing import cell_text, hash_rows, hash_texts

TEXT_DTYPES = ["object", "category", "string[python]", "string[pyarrow]", pd.ArrowDtype(pa.string()), schema.TEXT]


def one(value: object, dtype: Any = object) -> int:
    """The hash of a row with one cell."""
    cells = np.empty(1, dtype=object)
    cells[0] = value
    return int(hash_rows(pd.DataFrame({"a": pd.Series(cells, dtype=dtype)}))[0])


@pytest.mark.parametrize("dtype", TEXT_DTYPES)
def test_text_hashes_the_same_in_every_dtype(dtype: Any) -> None:
    values = ["u1", None, "a longer text of 29 bytes", "", "é🎉"]
    expected = hash_rows(pd.DataFrame({"a": pd.Series(values, dtype=object)}))
    assert (hash_rows(pd.DataFrame({"a": pd.Series(values, dtype=object).astype(dtype)})) == expected).all()
    assert len(set(expected.tolist())) == 5


@pytest.mark.parametrize("dtype", ["object", "int64", "float64", "int8", "uint64", "Int64", "Float64", "category"])
def test_numbers_hash_the_same_in_every_dtype(dtype: str) -> None:
    assert one(5, dtype) == one(5)


def test_numbers_are_not_their_text_and_zero_has_no_sign() -> None:
    assert one(5) != one("5")
    assert one(0.0, "float64") == one(-0.0, "float64") == one(0, "int64")


def test_whole_numbers_that_no_float_holds_keep_their_digits() -> None:
    assert one(2**53, "int64") != one(2**53 + 1, "int64")
    assert one(2**70) != one(2**70 + 1)
    assert one(2**53 + 1, "int64") == one(2**53 + 1)


def test_null_is_no_content() -> None:
    nulls = pd.DataFrame({"a": [None], "b": [np.nan], "c": [pd.NaT], "d": pd.array([None], dtype="Int64")})
    assert hash_rows(nulls).tolist() == [0]
    assert one("") != 0
    assert one("x") == int(hash_rows(pd.DataFrame({"a": ["x"], "b": [None]}))[0])


def test_where_a_text_stands_matters_and_the_order_of_columns_does_not() -> None:
    frame = pd.DataFrame({"a": ["x"], "b": ["y"]})
    swapped = pd.DataFrame({"a": ["y"], "b": ["x"]})
    assert hash_rows(frame) != hash_rows(swapped)
    assert hash_rows(frame) == hash_rows(frame[["b", "a"]])


def test_what_stitching_added_does_not_count() -> None:
    frame = pd.DataFrame({"a": ["x"]})
    stitched = frame.assign(person_id="p", person_via="own", person_since=pd.Timestamp("2026-01-01", tz="UTC"))
    assert hash_rows(frame) == hash_rows(stitched)


def test_instants_hash_the_same_in_every_zone_and_unit() -> None:
    utc = pd.Series([pd.Timestamp("2026-01-01T10:00Z")])
    expected = hash_rows(pd.DataFrame({"a": utc}))
    assert hash_rows(pd.DataFrame({"a": utc.dt.tz_convert("Asia/Tokyo")})) == expected
    assert hash_rows(pd.DataFrame({"a": utc.dt.as_unit("ns")})) == expected
    assert hash_rows(pd.DataFrame({"a": utc + pd.Timedelta(microseconds=1)})) != expected


def test_objects_hash_by_what_they_hold() -> None:
    assert one({"a": 1, "b": [2]}) == one({"b": [2], "a": 1})
    assert one({"a": 1}) != one({"a": 2})
    assert one([1, 2]) != one([2, 1])
    assert one(np.array([1, 2])) == one([1, 2])
    assert one({"x", "y"}) == one({"y", "x"})


def test_odd_cells_do_not_crash() -> None:
    circle: list[Any] = []
    circle.append(circle)
    for cell in (
        {1: "a", "b": None},
        {("t",): 1},
        [np.int64(1), {2}],
        circle,
        b"\xff",
        object,
        "\ud800",
        1 + 2j,
        10**400,
    ):
        assert one(cell) == one(cell)
    assert len({one(cell) for cell in ("\ud800", "\ud801", b"\xff", 10**400, 10**400 + 1)}) == 5


def test_texts_of_any_length() -> None:
    lengths = [0, 1, 7, 8, 9, 15, 16, 17, 1000, 100_000]
    texts = pd.Series(["x" * length for length in lengths], dtype=object)
    hashes = hash_texts(texts)
    assert len(set(hashes.tolist())) == len(lengths)
    assert [int(hash_texts(texts.iloc[[place]])[0]) for place in range(len(lengths))] == hashes.tolist()
    assert hash_texts(pd.Series([], dtype=object)).tolist() == []


def test_slices_and_chunks_hash_like_the_whole() -> None:
    texts = pd.Series(["a", "bb", None, "bb", "cccc"], dtype="string[pyarrow]")
    parts = pd.concat([texts.iloc[:2], texts.iloc[2:]])
    assert hash_texts(parts).tolist() == hash_texts(texts).tolist()
    assert hash_texts(texts.iloc[1:4]).tolist() == hash_texts(texts).tolist()[1:4]


def test_another_process_finds_the_same_hash() -> None:
    program = (
        "import pandas as pd; from datalyr_notebook.hashing import hash_rows;"
        "print(hash_rows(pd.DataFrame({'a': [{'x', 'y', 'z'}], 'b': ['u1']}))[0])"
    )
    found = {subprocess.check_output([sys.executable, "-c", program], text=True) for _ in range(2)}
    assert found == {f"{hash_rows(pd.DataFrame({'a': [{'x', 'y', 'z'}], 'b': ['u1']}))[0]}\n"}


@settings(max_examples=100, deadline=None)
@given(st.lists(st.text(st.characters(codec="utf-8"), max_size=20), unique=True, max_size=20))
def test_different_texts_hash_differently(texts: list[str]) -> None:
    hashes = hash_texts(pd.Series(texts, dtype=object))
    assert len(set(hashes.tolist())) == len(texts)


@settings(max_examples=100, deadline=None)
@given(st.recursive(st.none() | st.booleans() | st.integers() | st.text(), lambda inner: st.lists(inner, max_size=3)))
def test_cell_text_never_raises(value: object) -> None:
    assert isinstance(cell_text(value).encode("utf-8"), bytes)
