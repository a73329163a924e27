"""Traits: what ``$identify`` calls said of a person, merged key by key."""

from __future__ import annotations

from typing import Any

import numpy as np
import pandas as pd

from datalyr_notebook import errors, order, schema

IDENTIFY = ("$identify",)


def merge_traits(stitched: pd.DataFrame) -> pd.DataFrame:
    """One row a person (index person_id), one column a trait: the last value said wins, key by key.

    Reads the ``traits`` of the ``$identify`` rows, in the order of events; a person who was merged
    from several user_ids folds all their histories in time order. A key that a call does not name
    keeps its value; an explicit null is a value (here shown as missing). Values keep their type
    (text, numbers, booleans, lists, dicts). Persons stand in order of appearance, traits in the order
    in which they were first said; anonymous people, who have no traits, are left out.

    Raises NotStitchedError.

    >>> import pandas as pd
    >>> from datalyr_notebook.identity.stitching import stitch
    >>> events = pd.DataFrame({
    ...     "timestamp": ["2026-01-01T10:00Z", "2026-01-05T10:00Z"],
    ...     "event_name": "$identify", "user_id": "u1",
    ...     "traits": [{"plan": "free", "name": "Kate"}, {"plan": "pro"}],
    ... })
    >>> merge_traits(stitch(events))
              plan  name
    person_id
    u1         pro  Kate
    """
    if not isinstance(stitched, pd.DataFrame) or not schema.is_stitched(stitched):
        raise errors.NotStitchedError("merge_traits")
    index = pd.Index([], dtype=schema.TEXT, name="person_id")
    if "traits" not in stitched.columns:
        return pd.DataFrame(index=index)
    person = order.codes(stitched, "person_id")
    rows = np.flatnonzero(order.is_named(stitched, IDENTIFY) & (person >= 0))
    rows = rows[order.event_order(stitched, rows=rows)]
    said = stitched["traits"].to_numpy(dtype=object)
    merged: dict[int, dict[str, Any]] = {}
    keys: dict[str, None] = {}
    for row in rows:
        if isinstance(said[row], dict):
            merged.setdefault(int(person[row]), {}).update(said[row])
            keys.update(dict.fromkeys(said[row]))
    codes = sorted(merged, key=_first_appearance(person))
    names = stitched["person_id"].cat.categories.take(np.array(codes, dtype=np.int64))
    table = {key: pd.Series([merged[code].get(key) for code in codes], dtype=object) for key in keys}
    frame = pd.DataFrame(table).infer_objects().set_axis(names.rename("person_id"), axis="index")
    return frame if len(frame.columns) else pd.DataFrame(index=names.rename("person_id"))


def _first_appearance(person: order.Codes) -> Any:  # noqa: ANN401  (a sort key)
    first = np.full(int(person.max(initial=-1)) + 2, len(person), dtype=np.int64)
    first[person[::-1]] = np.arange(len(person))[::-1]
    return lambda code: first[code]
