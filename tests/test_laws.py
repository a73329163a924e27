"""Laws that hold for every table: nothing lost, order of rows no matter, evidence stays on its device."""

from __future__ import annotations

from typing import Any

import numpy as np
import pandas as pd
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from datalyr_notebook.attribution.attribute import attribute
from datalyr_notebook.errors import CurrencyError
from datalyr_notebook.identity.policies import POLICIES
from datalyr_notebook.identity.stitching import stitch
from datalyr_notebook.journeys.touches import find_touches
from tests.strategies import rows, table

MODELS = ["hybrid", "first_touch", "last_touch", "last_non_direct", "linear"]
ADDED = ["person_id", "person_via", "person_since"]


@settings(max_examples=50, deadline=None)
@given(found=rows(), policy=st.sampled_from([*POLICIES]))
def test_stitching_keeps_every_row_as_it_was(found: list[dict[str, Any]], policy: str) -> None:
    events = table(found)
    before = events.copy(deep=True)
    stitched = stitch(events, policy=policy)
    pd.testing.assert_frame_equal(stitched.drop(columns=ADDED), events)
    pd.testing.assert_frame_equal(events, before)
    assert stitched["person_via"].notna().all()


@settings(max_examples=50, deadline=None)
@given(found=rows(), policy=st.sampled_from([*POLICIES]), data=st.data())
def test_shuffling_rows_changes_nothing(found: list[dict[str, Any]], policy: str, data: st.DataObject) -> None:
    options = {"policy": policy, "merge_on": ("email",)}
    shuffled = data.draw(st.permutations(found))
    one, other = stitch(table(found), **options), stitch(table(shuffled), **options)
    told = [frame.set_index("event_id")[ADDED].astype(object).sort_index() for frame in (one, other)]
    pd.testing.assert_frame_equal(*told)


@settings(max_examples=40, deadline=None)
@given(found=rows(bridges=False), policy=st.sampled_from(["session", "next", "previous"]))
def test_a_login_on_one_device_never_changes_the_owner_of_another(found: list[dict[str, Any]], policy: str) -> None:
    """Without aliases, bridges and merge_on, one device is stitched alone as it is among all."""
    plain = [row for row in found if row["event_name"] != "$alias"]
    if not plain:
        return
    events = table(plain)
    whole = stitch(events, policy=policy)
    for device in events.get("anonymous_id", pd.Series(dtype=object)).dropna().unique():
        own = (events["anonymous_id"] == device).to_numpy()
        alone = stitch(events.loc[own], policy=policy)
        names = [frame["person_id"].astype(object).str.removeprefix("device:") for frame in (alone, whole.loc[own])]
        assert names[0].tolist() == names[1].tolist()


@settings(max_examples=50, deadline=None)
@given(found=rows(max_rows=18), level=st.sampled_from(["session", "event"]))
def test_credit_is_conserved_and_nothing_is_lost_in_silence(found: list[dict[str, Any]], level: str) -> None:
    stitched = stitch(table(found))
    try:
        result = attribute(stitched, model=MODELS, level=level)
    except CurrencyError:
        return
    value = result.conversions["value"].fillna(0)
    credit = result.credits
    assert (credit["weight"] > 0).all()
    for _, of_one in credit.groupby(["model", "conversion_id"], observed=True):
        assert abs(of_one["weight"].sum() - 1) <= 1e-12
    for _, totals in result.totals.groupby("model"):
        assert totals["conversions"].sum() == pytest.approx(len(value))
        assert totals["credit"].sum() == pytest.approx(value.sum())
    left = result.left_out.groupby("kind")["count"].sum()
    used = credit.loc[:, "touch_id"].dropna().nunique() if len(credit) else 0
    touches = find_touches(stitched, level=level)
    assert left.get("touch", 0) <= len(touches) - used
    asked = stitched["event_name"].isin(["purchase", "refund"]).sum()
    assert left.get("conversion", 0) + len(value) == asked


@settings(max_examples=40, deadline=None)
@given(found=rows(max_rows=18), lookbacks=st.tuples(st.integers(1, 500), st.integers(1, 500)))
def test_a_longer_lookback_never_loses_a_touch(found: list[dict[str, Any]], lookbacks: tuple[int, int]) -> None:
    stitched = stitch(table(found))
    shorter, longer = sorted(lookbacks)
    try:
        few, many = (
            attribute(stitched, model="linear", lookback=pd.Timedelta(minutes, "min")).journeys
            for minutes in (shorter, longer)
        )
    except CurrencyError:
        return
    assert set(zip(few.journey, few.touch, strict=True)) <= set(zip(many.journey, many.touch, strict=True))


@settings(max_examples=30, deadline=None)
@given(found=rows(max_rows=18))
def test_two_runs_agree_to_the_last_bit(found: list[dict[str, Any]]) -> None:
    stitched = stitch(table(found))
    try:
        one, other = (attribute(stitched, model=MODELS) for _ in range(2))
    except CurrencyError:
        return
    pd.testing.assert_frame_equal(one.totals, other.totals, check_exact=True)
    assert all(np.array_equal(one.weights[name], other.weights[name]) for name in MODELS)
