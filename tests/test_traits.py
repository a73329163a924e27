"""Traits merge key by key, last wins, across devices and merged users."""

from __future__ import annotations

import pandas as pd
import pytest

import datalyr_notebook as dn
from datalyr_notebook.errors import NotStitchedError

CALLS = pd.DataFrame(
    {
        "timestamp": ["2026-01-03T10:00Z", "2026-01-01T10:00Z", "2026-01-02T10:00Z", "2026-01-02T10:00Z"],
        "event_name": ["$identify", "$identify", "$identify", "pageview"],
        "anonymous_id": ["anon_2", "anon_1", "anon_1", "anon_3"],
        "user_id": ["u1", "u1", "u1", None],
        "traits": [{"plan": "pro", "seats": None}, {"plan": "free", "seats": 3, "tags": ["a"]}, {"name": "Kate"}, None],
    }
)


def test_the_last_value_of_each_key_wins_and_missing_keys_stay() -> None:
    merged = dn.merge_traits(dn.stitch(CALLS))
    assert merged.index.tolist() == ["u1"]
    assert merged.index.name == "person_id"
    assert merged.columns.tolist() == ["plan", "seats", "tags", "name"]
    assert merged.loc["u1", ["plan", "tags", "name"]].tolist() == ["pro", ["a"], "Kate"]
    assert pd.isna(merged.loc["u1", "seats"])


def test_merged_users_fold_their_histories_in_time_order() -> None:
    alias = pd.DataFrame(
        {
            "timestamp": ["2026-01-04T10:00Z"], "event_name": ["$alias"], "anonymous_id": ["anon_9"],
            "user_id": ["u2"], "previous_id": ["u1"],
        }
    )  # fmt: skip
    later = CALLS.iloc[:1].assign(timestamp="2026-01-05T10:00Z", user_id="u2", traits=[{"plan": "team"}])
    merged = dn.merge_traits(dn.stitch(pd.concat([CALLS, alias, later], ignore_index=True)))
    assert merged.loc["u2", ["plan", "name"]].tolist() == ["team", "Kate"]


def test_no_traits_is_an_empty_table_and_no_person_id_an_error() -> None:
    without = CALLS.drop(columns="traits")
    assert dn.merge_traits(dn.stitch(without)).shape == (0, 0)
    with pytest.raises(NotStitchedError, match=r"merge_traits needs stitched events .* Call stitch\(events\) first"):
        dn.merge_traits(dn.normalize_events(CALLS))
