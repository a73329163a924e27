"""Touches, conversions and weights agree with the slow reading of the design, row by row."""

from __future__ import annotations

from typing import Any

import pandas as pd
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from datalyr_notebook.attribution.attribute import attribute
from datalyr_notebook.errors import CurrencyError
from datalyr_notebook.identity.stitching import stitch
from datalyr_notebook.journeys.conversions import find_conversions
from datalyr_notebook.journeys.touches import find_touches
from tests.oracle import attribution as oracle_models
from tests.oracle import journeys as oracle
from tests.strategies import records, rows, table

MODELS = ["hybrid", "first_touch", "last_touch", "last_non_direct", "linear"]
TOUCH = [
    "person_id",
    "touch_id",
    "timestamp",
    "source",
    "medium",
    "campaign",
    "click_id",
    "anonymous_id",
    "session_id",
    "sdk",
]
CONVERSION = [
    "person_id",
    "conversion_id",
    "timestamp",
    "kind",
    "value",
    "order_id",
    "anonymous_id",
    "session_id",
    "sdk",
]


def told(found: pd.DataFrame, names: list[str]) -> list[tuple[Any, ...]]:
    """The rows of a table as comparable tuples, in text order (the two sort people differently)."""
    return sorted(
        (tuple(row.get(name) for name in names) for row in records(found)), key=lambda row: [str(cell) for cell in row]
    )


def expected(found: list[dict[str, Any]], names: list[str]) -> list[tuple[Any, ...]]:
    return sorted(
        (tuple(row.get(name) for name in names) for row in found), key=lambda row: [str(cell) for cell in row]
    )


@pytest.mark.parametrize("level", ["session", "event"])
@settings(max_examples=60, deadline=None)
@given(found=rows(max_rows=18), app_direct=st.booleans())
def test_every_touch_is_the_oracles(level: str, found: list[dict[str, Any]], app_direct: bool) -> None:
    stitched = stitch(table(found))
    touches = find_touches(stitched, level=level, app_direct=app_direct)
    assert told(touches, TOUCH) == expected(
        oracle.find_touches(records(stitched), level=level, app_direct=app_direct), TOUCH
    )


@settings(max_examples=80, deadline=None)
@given(found=rows(max_rows=18), refunds=st.sampled_from(["net", "ignore"]))
def test_every_conversion_is_the_oracles(found: list[dict[str, Any]], refunds: str) -> None:
    stitched = stitch(table(found))
    conversions = find_conversions(stitched, refunds=refunds)
    assert told(conversions, CONVERSION) == expected(
        oracle.find_conversions(records(stitched), refunds=refunds), CONVERSION
    )


@settings(max_examples=60, deadline=None)
@given(found=rows(max_rows=18), lookback=st.sampled_from([None, "1h", "90D"]))
def test_every_weight_is_the_oracles(found: list[dict[str, Any]], lookback: str | None) -> None:
    stitched = stitch(table(found))
    try:
        credits_ = attribute(stitched, model=MODELS, lookback=lookback).credits
    except CurrencyError:
        return
    touches = oracle.find_touches(records(stitched))
    window = None if lookback is None else int(pd.Timedelta(lookback) / pd.Timedelta("1us"))
    worked_out = []
    for conversion in oracle.find_conversions(records(stitched)):
        for model in MODELS:
            shares = oracle_models.weights(touches, conversion, model, window)
            worked_out += [
                (model, conversion["conversion_id"], touch["touch_id"], round(share, 9))
                for touch, share in zip(touches, shares, strict=True)
                if share
            ] or [(model, conversion["conversion_id"], None, 1.0)]
    shown = credits_[["model", "conversion_id", "touch_id"]].astype(object)
    shown = shown.where(shown.notna(), None).assign(weight=credits_["weight"].round(9))
    assert sorted(shown.itertuples(index=False, name=None), key=str) == sorted(worked_out, key=str)
