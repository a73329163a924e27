"""Stitched events that lost their dtypes on the way: joined, stacked, or read from CSV."""

from __future__ import annotations

import io
from collections.abc import Callable

import pandas as pd
import pytest

import datalyr_notebook as dn
from datalyr_notebook.errors import ColumnIndexError, ColumnTypeError, MissingColumnsError, NotStitchedError


@pytest.fixture
def stitched() -> pd.DataFrame:
    """A click and a purchase of u1 on two devices, and a visit of somebody else."""
    return dn.stitch(
        pd.DataFrame(
            {
                "timestamp": ["2026-01-01T10:00Z", "2026-01-02T10:00Z", "2026-01-03T10:00Z"],
                "event_name": ["pageview", "purchase", "pageview"],
                "anonymous_id": ["anon_1", "anon_2", "anon_3"],
                "user_id": ["u1", "u1", None],
                "source": ["tiktok", None, None],
                "traits": [None, None, None],
                "value": [None, 40.0, None],
            }
        )
    )


def joined(stitched: pd.DataFrame) -> pd.DataFrame:
    """Every person_id's plan beside its events: a join makes a text of the category."""
    return stitched.merge(pd.DataFrame({"person_id": ["u1", "anon_3"], "plan": ["pro", "free"]}), on="person_id")


def stacked(stitched: pd.DataFrame) -> pd.DataFrame:
    """One file a month: the categories differ, so stacking makes texts of them."""
    parts = [stitched.iloc[[0]], stitched.iloc[[1]], stitched.iloc[[2]]]
    return pd.concat(
        [
            part.assign(
                **{
                    name: part[name].cat.remove_unused_categories()
                    for name in part.columns
                    if isinstance(part[name].dtype, pd.CategoricalDtype)
                }
            )
            for part in parts
        ]
    )


def from_csv(stitched: pd.DataFrame) -> pd.DataFrame:
    text = io.StringIO(stitched.to_csv(index=False))
    return pd.read_csv(text, parse_dates=["timestamp"])


LOST = (joined, stacked, from_csv)


@pytest.mark.filterwarnings("ignore:The behavior of DataFrame concatenation:FutureWarning")
@pytest.mark.parametrize("lost", LOST)
def test_credit_does_not_depend_on_dtypes(stitched: pd.DataFrame, lost: Callable[[pd.DataFrame], pd.DataFrame]) -> None:
    given = lost(stitched)
    before = given.copy(deep=True)
    result = dn.attribute(given, model="first_touch")
    assert result.totals["channel"].tolist() == ["Organic Social"]
    assert result.totals["credit"].tolist() == [40.0]
    assert dn.find_touches(given)["channel"].value_counts().to_dict() == {"Organic Social": 1, "Direct": 2}
    assert dn.find_conversions(given)["value"].tolist() == [40.0]
    assert dn.channel_report(given)["touches"].sum() == 3
    assert dn.people(given)["conversions"].to_dict() == {"u1": 1, "anon_3": 0}
    assert dn.match_rate(given, by="sdk")["events"].tolist() == [3]
    assert len(dn.merge_traits(given)) == len(dn.merge_traits(stitched))
    assert dn.figures.journey_timeline(given, "u1").data
    pd.testing.assert_frame_equal(given, before)


def test_bad_stitched_events_are_refused_in_words(stitched: pd.DataFrame) -> None:
    with pytest.raises(NotStitchedError):
        dn.find_touches(stitched.drop(columns="person_via"))
    with pytest.raises(MissingColumnsError, match="attribute reads 'event_name', but the table has only"):
        dn.attribute(stitched.drop(columns="event_name"))
    with pytest.raises(MissingColumnsError, match=r"'person_since'.*Keep that column"):
        dn.attribute(stitched.drop(columns="person_since"), evidence="at_conversion")
    with pytest.raises(ColumnIndexError, match="'value' names two columns"):
        dn.attribute(pd.concat([stitched, stitched[["value"]]], axis=1))
    with pytest.raises(ColumnTypeError, match=r"attribute reads texts from 'user_id'.*for example 42"):
        dn.attribute(stitched.assign(user_id=42))
    with pytest.raises(ColumnTypeError, match=r"find_conversions reads numbers from 'value'.*for example 'a lot'"):
        dn.find_conversions(stitched.assign(value="a lot"))
    with pytest.raises(ColumnTypeError, match="moments from 'person_since'"):
        dn.attribute(stitched.assign(person_since="yesterday?"))


def test_nobody_at_all_is_no_error(stitched: pd.DataFrame) -> None:
    result = dn.attribute(stitched.assign(person_id=None))
    assert result.totals.empty
    assert result.left_out["count"].tolist() == [1]
