"""Frames as analysts hand them in: plain column names checked, and stitched events in their dtypes again.

Joining tables, stacking them, or a way through CSV makes texts of categories; the steps read categories.
"""

from __future__ import annotations

from typing import Final

import numpy as np
import pandas as pd

from datalyr_notebook import errors, schema

_CODED: Final = tuple(name for name, kind, _ in (*schema.EVENTS, *schema.STITCHED) if kind == "category")


def check_columns(frame: pd.DataFrame, step: str) -> None:
    """Refuse what is no table with one plain name a column."""
    if not isinstance(frame, pd.DataFrame):
        raise errors.OptionError(step, "events", frame, "a pandas DataFrame of events; read_events reads the rest")
    if isinstance(frame.columns, pd.MultiIndex):
        raise errors.ColumnIndexError(
            step, "the columns are a MultiIndex", "Flatten them first: df.columns = ['_'.join(c) for c in df.columns]."
        )
    twice = frame.columns[frame.columns.duplicated()]
    if len(twice):
        raise errors.ColumnIndexError(
            step, f"{str(twice[0])!r} names two columns", "Rename or drop one: df.loc[:, ~df.columns.duplicated()]."
        )


def read_stitched(step: str, stitched: pd.DataFrame, *, needs: tuple[str, ...] = ("event_name",)) -> pd.DataFrame:
    """Stitched events as the steps read them; a frame that has kept its dtypes is answered as it is.

    ``needs``: what the step cannot do without, beside the columns by which stitched events are told.

    Raises NotStitchedError, ColumnIndexError, MissingColumnsError, and ColumnTypeError for ids that have
    become numbers and amounts that have become texts.

    >>> from datalyr_notebook.identity.stitching import stitch
    >>> stitched = stitch(pd.DataFrame({
    ...     "timestamp": ["2026-01-01T10:00Z"], "event_name": "pageview", "user_id": "u1",
    ... }))
    >>> joined = stitched.merge(pd.DataFrame({"person_id": ["u1"], "plan": ["pro"]}), on="person_id")
    >>> str(joined["person_id"].dtype) == schema.TEXT, str(read_stitched("attribute", joined)["person_id"].dtype)
    (True, 'category')
    """
    if not isinstance(stitched, pd.DataFrame) or not schema.is_stitched(stitched):
        raise errors.NotStitchedError(step)
    check_columns(stitched, step)
    for name in needs:
        if name not in stitched.columns:
            fix = "Keep that column, or call stitch(events) again."
            raise errors.MissingColumnsError(step, repr(name), stitched.columns, fix)
    mended = {
        name: _coded(step, stitched[name])
        for name in _CODED
        if name in stitched.columns and not isinstance(stitched[name].dtype, pd.CategoricalDtype)
    }
    if "person_since" in stitched.columns and not isinstance(stitched["person_since"].dtype, pd.DatetimeTZDtype):
        mended["person_since"] = _moments(step, stitched["person_since"])
    if "value" in stitched.columns and stitched["value"].dtype != np.float64:
        mended["value"] = _amounts(step, stitched["value"])
    return stitched.assign(**mended) if mended else stitched


def _coded(step: str, texts: pd.Series) -> pd.Series:
    """A column of texts as categories in order of appearance."""
    number, distinct = pd.factorize(texts)
    wrong = [one for one in distinct if not isinstance(one, str)]
    if wrong:
        raise errors.ColumnTypeError(step, str(texts.name), "texts", texts.dtype, wrong[0])
    categories = pd.Index(distinct, dtype=schema.TEXT)
    return pd.Series(pd.Categorical.from_codes(number, categories=categories), index=texts.index)


def _moments(step: str, times: pd.Series) -> pd.Series:
    try:
        return pd.to_datetime(times, utc=True, format="ISO8601").astype(schema.TIME)
    except (ValueError, TypeError):
        raise errors.ColumnTypeError(step, str(times.name), "moments", times.dtype, _first(times)) from None


def _amounts(step: str, values: pd.Series) -> pd.Series:
    try:
        return pd.to_numeric(values).astype("float64")
    except (ValueError, TypeError):
        raise errors.ColumnTypeError(step, str(values.name), "numbers", values.dtype, _first(values)) from None


def _first(cells: pd.Series) -> object:
    """The first cell that says something."""
    return next(iter(cells.dropna()), None)
