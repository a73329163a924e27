"""JSON of whatever shape to a table: the API's response bodies are not published, so the shape decides."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, Final

import pandas as pd

ENVELOPES: Final = ("data", "results", "result", "items", "rows", "response")
"""Fields that hold what was asked for, beside facts about the answer."""
SERIES: Final = "series"
"""The column that says which of several nested tables a row is from."""

_POINTS: Final = ("data", "values", "points")
"""Fields in which a series that stands in an array has its rows."""
_DEEPEST: Final = 4


class ShapeError(Exception):
    """JSON that makes no table; the words say what came."""


def to_frame(said: Any) -> pd.DataFrame:  # noqa: ANN401  (JSON may be anything)
    """The table that decoded JSON makes.

    - an array of objects: one row an object; objects inside become columns with dotted names;
    - an array of named series (``[{"name": "phone", "data": [{…}, …]}, …]``, also ``values``, ``points``): the
      rows below each other, each with the fields of its series;
    - an object of arrays of one length: one column a field;
    - an object of arrays of objects, or of arrays of several lengths: the rows below each other, and the
      column ``series`` says which field they are from;
    - an object of objects of scalars: ``series``, ``name``, ``value``, one row a number;
    - any other object: one row; an array of scalars or a scalar: the column ``value``;
    - an array of arrays: columns ``0``, ``1``, …; null, ``[]`` and ``{}``: an empty table.

    An envelope (``{"data": …}``, also ``results``, ``items``, …) is opened; scalars that stand beside arrays,
    such as totals, are in ``frame.attrs``. Values stay what they are in JSON: dates are texts.
    Raises ShapeError for arrays that mix objects with something else.

    >>> to_frame({"data": {"day": ["2026-03-01", "2026-03-02"], "visitors": [3, 5]}, "total": 8})
              day  visitors
    0  2026-03-01         3
    1  2026-03-02         5
    """
    content, beside = _opened(said)
    if isinstance(content, dict):
        frame = _of_object(content, beside)
    elif isinstance(content, list):
        frame = _of_array(content)
    else:
        frame = _of_array([] if content is None else [content])
    frame.attrs.update({name: value for name, value in beside.items() if _is_scalar(value)})
    return frame


def _opened(said: Any) -> tuple[Any, dict[str, Any]]:  # noqa: ANN401  (JSON may be anything)
    """What is inside the envelopes, and what stood beside it."""
    beside: dict[str, Any] = {}
    for _ in range(_DEEPEST):
        inner = [name for name in ENVELOPES if isinstance(said, dict) and isinstance(said.get(name), list | dict)]
        if len(inner) != 1 or any(isinstance(said[name], list) for name in said if name != inner[0]):
            break
        beside |= {name: value for name, value in said.items() if name != inner[0]}
        said = said[inner[0]]
    return said, beside


def _of_array(rows: list[Any]) -> pd.DataFrame:
    kinds = {_kind(row) for row in rows}
    if kinds <= {"objects"}:
        return pd.DataFrame([_flat(row) for row in _of_series(rows)])
    if kinds == {"scalars"}:
        return pd.DataFrame({"value": rows})
    if kinds == {"arrays"} and all(map(_is_scalar, (cell for row in rows for cell in row))):
        return pd.DataFrame([{str(place): cell for place, cell in enumerate(row)} for row in rows])
    raise ShapeError(f"an array that mixes {' and '.join(sorted(kinds))}" if len(kinds) > 1 else "nested arrays")


def _of_series(rows: list[Any]) -> list[Any]:
    """The rows inside named series, with the names; rows that are no series, or whose names clash, as they are."""
    for points in _POINTS:
        if rows and all(_is_series(row, points) for row in rows):
            named = [({key: row[key] for key in row if key != points}, row[points]) for row in rows]
            if not any(names.keys() & one.keys() for names, inner in named for one in inner):
                return [{**names, **one} for names, inner in named for one in inner]
    return rows


def _is_series(row: Mapping[str, Any], points: str) -> bool:
    inner = row.get(points)
    is_table = isinstance(inner, list) and all(isinstance(one, dict) for one in inner)
    return is_table and len(row) > 1 and all(_is_scalar(value) for key, value in row.items() if key != points)


def _of_object(fields: Mapping[str, Any], beside: dict[str, Any]) -> pd.DataFrame:
    arrays = {name: value for name, value in fields.items() if isinstance(value, list)}
    if arrays:
        beside |= _flat({name: value for name, value in fields.items() if name not in arrays})
        is_plain = all(_is_scalar(cell) for array in arrays.values() for cell in array)
        if is_plain and len({len(array) for array in arrays.values()}) == 1:
            return pd.DataFrame(arrays)
        return _stacked({name: _of_array(array) for name, array in arrays.items()})
    objects = [value for value in fields.values() if isinstance(value, dict) and all(map(_is_scalar, value.values()))]
    if fields and len(objects) == len(fields):
        rows = [(name, inner, value) for name, pairs in fields.items() for inner, value in pairs.items()]
        return pd.DataFrame(rows, columns=[SERIES, "name", "value"])
    if fields and all(isinstance(value, dict) for value in fields.values()):
        return _stacked({name: to_frame(value) for name, value in fields.items()})
    return pd.DataFrame([_flat(fields)] if fields else [])


def _stacked(tables: Mapping[str, pd.DataFrame]) -> pd.DataFrame:
    """Tables below each other, each row with the name of its own; one alone stays as it is."""
    if len(tables) == 1:
        return next(iter(tables.values()))
    name = SERIES
    while any(name in table.columns for table in tables.values()):
        name = f"{name}_of"
    filled = [table.assign(**{name: series}) for series, table in tables.items() if len(table)]
    if not filled:
        return pd.DataFrame()
    frame = pd.concat(filled, ignore_index=True)
    return frame[[name, *frame.columns.drop(name)]]


def _flat(fields: Mapping[str, Any], depth: int = _DEEPEST) -> dict[str, Any]:
    """An object whose inner objects are fields with dotted names; what is deeper, or would clash, stays inside."""
    flat: dict[str, Any] = {}
    for name, value in fields.items():
        inner = {f"{name}.{key}": one for key, one in _flat(value, depth - 1).items()} if _opens(value, depth) else {}
        if inner and not inner.keys() & (fields.keys() | flat.keys()):
            flat |= inner
        else:
            flat[name] = value
    return flat


def _opens(value: object, depth: int) -> bool:
    return isinstance(value, dict) and depth > 0


def _is_scalar(value: object) -> bool:
    return not isinstance(value, list | dict)


def _kind(value: object) -> str:
    return "objects" if isinstance(value, dict) else "arrays" if isinstance(value, list) else "scalars"
