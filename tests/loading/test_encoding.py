"""Text columns: categories in order of appearance, ids never as numbers, hostile text without a crash."""

from __future__ import annotations

from decimal import Decimal
from typing import Any
from uuid import UUID

import numpy as np
import pandas as pd
import pyarrow as pa
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from datalyr_notebook import schema
from datalyr_notebook.errors import DamagedIdError
from datalyr_notebook.loading.encoding import (
    as_text,
    combinations,
    encode,
    from_numbers,
    in_order,
    matches,
    nobody,
    nothing,
    part_of,
    relabel,
    without,
)

TEXT_DTYPES = ["object", "string[python]", "string[pyarrow]", pd.ArrowDtype(pa.string()), "category", schema.TEXT]


def texts(column: pd.Series) -> list[Any]:
    return [None if pd.isna(text) else text for text in column]


def mixed(*values: object) -> pd.Series:
    cells = np.empty(len(values), dtype=object)
    cells[:] = values
    return pd.Series(cells, dtype=object)


@pytest.mark.parametrize("dtype", TEXT_DTYPES)
def test_every_text_dtype_becomes_the_same_category(dtype: Any) -> None:
    column = pd.Series(["00042", None, "1234567890123456789", "00042"], index=[3, 3, 1, 0]).astype(dtype)
    coded = in_order(encode(column, "user_id"))
    assert texts(coded) == ["00042", None, "1234567890123456789", "00042"]
    assert coded.cat.categories.tolist() == ["00042", "1234567890123456789"]
    assert coded.cat.codes.tolist() == [0, -1, 1, 0]
    assert coded.index.tolist() == [3, 3, 1, 0]


@pytest.mark.parametrize("dtype", TEXT_DTYPES)
def test_every_text_dtype_becomes_the_same_text(dtype: Any) -> None:
    plain = as_text(pd.Series(["00042", None, "", "  "], index=[3, 3, 1, 0]).astype(dtype), "order_id")
    assert texts(plain) == ["00042", None, None, None]
    assert plain.dtype == schema.TEXT
    assert plain.index.tolist() == [3, 3, 1, 0]


@pytest.mark.parametrize(
    ("column", "expected"),
    [
        (pd.Series([42, 1234567890123456789]), ["42", "1234567890123456789"]),
        (pd.Series([7, 8], dtype="int8"), ["7", "8"]),
        (pd.Series([2**64 - 1], dtype="uint64"), ["18446744073709551615"]),
        (pd.Series([1234567890123456789, None], dtype="Int64"), ["1234567890123456789", None]),
        (pd.Series([42, None], dtype="int64[pyarrow]"), ["42", None]),
        (mixed(1234567890123456789, None), ["1234567890123456789", None]),
        (mixed(1234567890123456789, np.nan), ["1234567890123456789", None]),
        (mixed(2**70, 5), ["1180591620717411303424", "5"]),
        (mixed(np.int64(7), np.uint8(8), pd.NA, pd.NaT), ["7", "8", None, None]),
        (mixed("a", 42, True, UUID(int=5)), ["a", "42", "true", "00000000-0000-0000-0000-000000000005"]),
        (mixed(Decimal(42)), ["42"]),
        (mixed({"b": 1, "a": [2]}, [1, "x"]), ['{"a": [2], "b": 1}', '[1, "x"]']),
        (mixed(b"abc", b"\xff"), ["abc", "\\xff"]),
        (pd.Series(pd.Categorical([42, None, 7])), ["42", None, "7"]),
        (pd.Series([None, None], dtype=object), [None, None]),
        (pd.Series([np.nan, np.nan]), [None, None]),
        (pd.Series([True, False]), ["true", "false"]),
        (pd.Series(["a", "b", "a"], dtype=pd.ArrowDtype(pa.dictionary(pa.int32(), pa.string()))), ["a", "b", "a"]),
    ],
)
def test_ids_of_any_type_are_their_digits_and_letters(column: pd.Series, expected: list[str | None]) -> None:
    assert texts(encode(column, "user_id")) == expected
    assert texts(as_text(column, "user_id")) == expected


@pytest.mark.parametrize(
    "column",
    [
        pd.Series([42.0, np.nan]),
        pd.Series([1.23456789e18], dtype="float32"),
        pd.Series([42.0, None], dtype="Float64"),
        pd.Series([42.0, None], dtype="double[pyarrow]"),
        pd.Series(pd.Categorical([42.0, None])),
        mixed("a", 42.0),
        mixed(None, np.float64(42)),
    ],
)
@pytest.mark.parametrize("name", ["user_id", "anonymous_id", "order_id", "event_id", "session_id", "previous_id"])
def test_float_ids_are_refused(column: pd.Series, name: str) -> None:
    for read in (encode, as_text):
        with pytest.raises(DamagedIdError, match=f"needs ids as text, but '{name}' has dtype"):
            read(column, name)


def test_floats_that_are_no_ids_are_texts() -> None:
    assert texts(encode(pd.Series([42.0, 1.5, np.nan]), "campaign")) == ["42", "1.5", None]


def test_given_categories_are_kept_until_put_in_order() -> None:
    given_column = pd.Series(pd.Categorical(["b", "a", "b"], categories=["a", "z", "b"], ordered=True))
    assert encode(given_column, "user_id") is given_column
    tidy = in_order(given_column)
    assert tidy.cat.categories.tolist() == ["b", "a"]
    assert not tidy.cat.ordered
    assert texts(tidy) == ["b", "a", "b"]
    assert in_order(tidy) is tidy


def test_blank_and_damaged_categories_become_null_and_clean() -> None:
    categories = pd.Index(["x", "", "  ", "\ud800"], dtype=object)
    given_column = pd.Series(pd.Categorical.from_codes([0, 1, 2, 3], categories))
    assert texts(encode(given_column, "session_id")) == ["x", None, None, "\\ud800"]


def test_lone_surrogates_are_written_out() -> None:
    column = mixed("\ud83d", "ok", None)
    assert texts(encode(column, "user_id")) == ["\\ud83d", "ok", None]
    assert texts(as_text(column, "user_id")) == ["\\ud83d", "ok", None]


@pytest.mark.parametrize(
    "text", ["🎉", "שלום", "\u202egpj.exe", "e\u0301", "\x00\x01", "a\nb", "<script>", "x" * 100_000]
)
def test_odd_text_survives_letter_by_letter(text: str) -> None:
    assert texts(encode(pd.Series([text, "b", text]), "user_id")) == [text, "b", text]
    assert texts(as_text(pd.Series([text]), "user_id")) == [text]


@settings(max_examples=100, deadline=None)
@given(st.lists(st.one_of(st.none(), st.text(max_size=5)), max_size=8))
def test_codes_decode_to_what_was_there(values: list[str | None]) -> None:
    coded = encode(pd.Series(values, dtype=object), "user_id")
    cleaned = [text.encode("utf-8", "backslashreplace").decode() if text else text for text in values]
    there = [text for text in cleaned if text and text.strip()]
    assert [text for text in texts(coded) if text is not None] == there
    assert coded.cat.categories.tolist() == list(dict.fromkeys(there))


# ---- working on codes ----------------------------------------------------------------------------


def coded(*values: str | None) -> pd.Series:
    return encode(pd.Series(list(values), dtype=object), "user_id")


def test_relabel_renames_joins_and_empties() -> None:
    column = relabel(coded("page_view", "pageview", "x", None), ["pageview", "pageview", None])
    assert texts(column) == ["pageview", "pageview", None, None]
    assert column.cat.categories.tolist() == ["pageview"]


def test_from_numbers_keeps_what_occurs_in_order_of_appearance() -> None:
    column = from_numbers(np.array([2, -1, 0, 2]), ["a", "b", "c"], pd.RangeIndex(4))
    assert texts(column) == ["c", None, "a", "c"]
    assert column.cat.categories.tolist() == ["c", "a"]
    assert len(from_numbers(np.zeros(0, dtype=np.int32), [], pd.RangeIndex(0))) == 0


def test_without_takes_categories_out() -> None:
    column = without(coded("a", "b", None, "c"), np.array([False, True, False]))
    assert texts(column) == ["a", None, None, "c"]
    assert column.cat.categories.tolist() == ["a", "c"]


def test_matches_finds_texts_in_another_column() -> None:
    left, right = coded("a", "b", "c").cat.categories, coded("c", "a").cat.categories
    assert matches(left, right).tolist() == [1, -1, 0]
    assert matches(left, coded(None).cat.categories).tolist() == [-1, -1, -1]
    assert matches(coded(None).cat.categories, left).tolist() == []


def test_combinations_number_rows_by_what_they_hold() -> None:
    number, cases = combinations([coded("a", None, "a", "a"), pd.Series([1, 1, 1, 2])])
    assert number.tolist() == [0, 1, 0, 2]
    assert cases == [("a", 1), (None, 1), ("a", 2)]
    assert combinations([coded()])[1] == []


@pytest.mark.parametrize("kinds", [(3, 2, 4), (400, 300, 2), (400, 300, 20_000), (1, 1, 1)])
def test_combinations_are_the_same_packed_or_hashed(kinds: tuple[int, ...]) -> None:
    """Few kinds fit a table of all words, many are hashed; pandas' groupby is the oracle."""
    draw = np.random.default_rng(5)
    table = pd.DataFrame({f"c{kind}_{place}": draw.integers(-1, kind, 500) for place, kind in enumerate(kinds)})
    columns = [
        pd.Series(pd.Categorical.from_codes(table[name], categories=range(kind)))
        for name, kind in zip(table, kinds, strict=True)
    ]
    number, cases = combinations(columns)
    assert number.tolist() == table.groupby(list(table), sort=False).ngroup().tolist()
    told = table.drop_duplicates().astype(object)
    assert cases == [tuple(row) for row in told.where(told >= 0, None).to_numpy()]


# ---- texts that are nothing ----------------------------------------------------------------------


@pytest.mark.parametrize("text", sorted(schema.NULL_LIKE))
def test_null_like_ids_are_nobody_in_any_case_quoted_and_padded(text: str) -> None:
    forms = [text, text.upper(), f"  {text}\t", f'"{text}"', f"'{text}'", f"`{text}`", f" ' {text.title()} ' "]
    assert nobody(pd.Series(forms)).tolist() == [True] * len(forms)


@pytest.mark.parametrize("text", ["00", "null1", "user_null", "nobody", "O", "-", "1", "anonymous_1", "id1", "[ ]"])
def test_other_ids_are_somebody(text: str) -> None:
    assert nobody(pd.Series([text])).tolist() == [False]


def test_block_and_allow_change_the_list() -> None:
    ids = pd.Series(["Demo", "guest", "u1", None])
    assert nobody(ids, block=frozenset(["demo"]), allow=frozenset(["guest"])).tolist() == [True, False, False, False]


@settings(max_examples=100, deadline=None)
@given(st.lists(st.text(max_size=12), max_size=6))
def test_nobody_is_the_schemas_rule(ids: list[str]) -> None:
    clean = [text.encode("utf-8", "replace").decode() for text in ids]
    assert nobody(pd.Series(clean, dtype=object)).tolist() == [schema.is_null_like(text) for text in clean]


def test_only_a_written_out_null_is_nothing() -> None:
    column = pd.Series(["null", " NaN ", "None", "undefined", "<NA>", "0", "-1", "id", "true", "x", None])
    assert nothing(column).tolist() == [True] * 5 + [False] * 6
    assert nothing(pd.Series([None, None], dtype=object)).tolist() == [False, False]


@pytest.mark.parametrize("rows", [[2, 1, 0], [0, 1, 2], [1, 1, 1], [2], []])
def test_a_part_has_the_rows_in_the_order_asked_also_where_it_is_the_whole(rows: list[int]) -> None:
    table = pd.DataFrame({"user_id": pd.Categorical(["u1", None, "u2"]), "value": [1.0, 2.0, 3.0]})
    part = part_of(table, np.array(rows, dtype=np.int64))
    assert part["value"].tolist() == [row + 1.0 for row in rows]
    assert part["user_id"].astype(object).where(part["user_id"].notna(), None).tolist() == [
        ["u1", None, "u2"][row] for row in rows
    ]
    assert set(part["user_id"].cat.categories) == set(part["user_id"].dropna())
