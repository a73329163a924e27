"""Tables from JSON of every shape an analytics API may answer in; the answers are worked out by hand."""

from __future__ import annotations

from typing import Any

import pandas as pd
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from datalyr_notebook.api.shapes import ENVELOPES, ShapeError, to_frame


def rows(said: Any) -> list[dict[str, Any]]:
    return to_frame(said).to_dict("records")


DAYS = [{"day": "2026-03-01", "visitors": 3}, {"day": "2026-03-02", "visitors": 5}]

STORIES: dict[str, tuple[Any, list[dict[str, Any]]]] = {
    "array of objects": (DAYS, DAYS),
    "object of arrays": ({"day": ["2026-03-01", "2026-03-02"], "visitors": [3, 5]}, DAYS),
    "object of arrays with a total beside": ({"day": ["2026-03-01"], "visitors": [3], "total": 3}, DAYS[:1]),
    "nested series": (
        {"visitors": [{"day": "d1", "n": 3}], "sessions": [{"day": "d1", "n": 4}, {"day": "d2", "n": 6}]},
        [
            {"series": "visitors", "day": "d1", "n": 3},
            {"series": "sessions", "day": "d1", "n": 4},
            {"series": "sessions", "day": "d2", "n": 6},
        ],
    ),
    "nested series of numbers": (
        {"browser": {"Chrome": 7, "Safari": 2}, "os": {"iOS": 2}},
        [
            {"series": "browser", "name": "Chrome", "value": 7},
            {"series": "browser", "name": "Safari", "value": 2},
            {"series": "os", "name": "iOS", "value": 2},
        ],
    ),
    "arrays of several lengths": (
        {"labels": ["a", "b"], "numbers": [1]},
        [
            {"series": "labels", "value": "a"},
            {"series": "labels", "value": "b"},
            {"series": "numbers", "value": 1},
        ],
    ),
    "one nested array with facts beside": ({"total": 2, "series": DAYS}, DAYS),
    "rows that have a column series": (
        {"a": [{"series": "x"}], "b": [{"series": "y"}]},
        [{"series_of": "a", "series": "x"}, {"series_of": "b", "series": "y"}],
    ),
    "objects in rows": (
        [{"id": 1, "page": {"url": "/a", "meta": {"title": "A"}}}],
        [{"id": 1, "page.url": "/a", "page.meta.title": "A"}],
    ),
    "objects in rows that would clash": (
        [{"page.url": "x", "page": {"url": "y"}}],
        [{"page.url": "x", "page": {"url": "y"}}],
    ),
    "named series in an array": (
        {
            "series": [
                {"name": "phone", "data": DAYS},
                {"name": "tablet", "data": []},
                {"name": "desktop", "data": DAYS},
            ]
        },
        [{"name": name, **day} for name in ("phone", "desktop") for day in DAYS],
    ),
    "named series whose names would clash": (
        [{"day": "x", "values": [{"day": "d1"}]}],
        [{"day": "x", "values": [{"day": "d1"}]}],
    ),
    "tables in some rows only stay": (
        [{"id": 1, "data": [{"n": 1}]}, {"id": 2, "data": None}],
        [{"id": 1, "data": [{"n": 1}]}, {"id": 2, "data": None}],
    ),
    "arrays in rows stay": ([{"id": 1, "tags": ["a", "b"]}], [{"id": 1, "tags": ["a", "b"]}]),
    "one object": ({"visitors": 3, "change": {"day": 0.5}}, [{"visitors": 3, "change.day": 0.5}]),
    "array of scalars": ([3, 5], [{"value": 3}, {"value": 5}]),
    "array of arrays": ([["d1", 3], ["d2", 5]], [{"0": "d1", "1": 3}, {"0": "d2", "1": 5}]),
    "a scalar": (3, [{"value": 3}]),
    "a text": ("<b>", [{"value": "<b>"}]),
    "null": (None, []),
    "empty array": ([], []),
    "empty object": ({}, []),
    "empty series": ({"visitors": [], "sessions": []}, []),
    "one series is empty": ({"visitors": [], "sessions": [{"n": 1}]}, [{"series": "sessions", "n": 1}]),
    "series of tables": (
        {"browser": {"rows": [{"n": 1}]}, "os": {"rows": [{"n": 2}]}},
        [{"series": "browser", "n": 1}, {"series": "os", "n": 2}],
    ),
}


@pytest.mark.parametrize("story", STORIES)
def test_json_makes_the_table_one_would_draw(story: str) -> None:
    said, expected = STORIES[story]
    assert rows(said) == expected


@pytest.mark.parametrize("story", [name for name in STORIES if name not in {"a scalar", "a text", "null"}])
@pytest.mark.parametrize("envelope", ENVELOPES)
def test_an_envelope_is_opened(story: str, envelope: str) -> None:
    said, expected = STORIES[story]
    assert rows({envelope: said, "success": True, "meta": {"page": 1}}) == expected


def test_what_stands_beside_the_rows_is_in_the_attributes() -> None:
    assert to_frame({"data": DAYS, "total": 8, "meta": {"page": 1}}).attrs == {"total": 8}
    assert to_frame({"day": ["d1"], "n": [3], "total": 3, "period": {"days": 1}}).attrs == {
        "total": 3,
        "period.days": 1,
    }


def test_a_field_beside_other_arrays_is_no_envelope() -> None:
    assert rows({"data": [1], "labels": ["a"]}) == [{"data": 1, "labels": "a"}]


def test_what_a_row_lacks_is_missing_and_whole_numbers_stay_whole() -> None:
    frame = to_frame([{"day": "d1", "n": 3}, {"day": "d2", "n": 5, "channel": "ads"}])
    assert frame["n"].dtype == "int64"
    assert frame["channel"].isna().tolist() == [True, False]


def test_dates_stay_texts() -> None:
    assert to_frame(DAYS)["day"].tolist() == ["2026-03-01", "2026-03-02"]


@pytest.mark.parametrize(
    ("said", "words"),
    [
        ([1, {"a": 1}], "an array that mixes objects and scalars"),
        ([[1], {"a": 1}], "an array that mixes arrays and objects"),
        ([[[1]], [[2]]], "nested arrays"),
        ([[{"a": 1}]], "nested arrays"),
        ({"series": [1, {"a": 1}]}, "an array that mixes objects and scalars"),
    ],
)
def test_what_makes_no_table_says_what_came(said: Any, words: str) -> None:
    with pytest.raises(ShapeError, match=words):
        to_frame(said)


def test_what_is_nested_deeper_than_columns_go_stays_an_object() -> None:
    deep: dict[str, Any] = {"end": 1}
    for _ in range(300):
        deep = {"in": deep}
    assert to_frame([{"a": deep}]).columns.tolist() == ["a.in.in.in.in"]


SCALARS = st.none() | st.booleans() | st.integers(-9, 9) | st.text("ab", max_size=2)
JSON = st.recursive(
    SCALARS, lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.text("ab", max_size=2), inner, max_size=3)
)


@settings(max_examples=60, deadline=None)
@given(JSON)
def test_any_json_is_a_table_or_a_shape_error(said: Any) -> None:
    try:
        frame = to_frame(said)
    except ShapeError:
        return
    assert isinstance(frame, pd.DataFrame)
    assert frame.columns.is_unique
