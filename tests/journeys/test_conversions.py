"""Conversions, worked by hand: orders once, refunds off, one currency."""

from __future__ import annotations

from typing import Any

import numpy as np
import pandas as pd
import pytest

import datalyr_notebook as dn
from datalyr_notebook.errors import CurrencyError, OptionError


def stitched(*rows: dict[str, Any]) -> pd.DataFrame:
    """Canonical purchases of ``u`` on the web, an hour apart, unless said otherwise."""
    filled = [
        {
            "timestamp": pd.Timestamp("2026-01-01T09:00Z") + pd.Timedelta(hours=hour),
            "event_name": "purchase", "sdk": "web", "anonymous_id": "anon_1", "user_id": "u", "session_id": "s1",
            "currency": "USD", "value": 10.0, **row,
        }
        for hour, row in enumerate(rows)
    ]  # fmt: skip
    return dn.stitch(pd.DataFrame(filled))


def values(table: pd.DataFrame, **options: Any) -> list[float]:
    return dn.find_conversions(table, **options)["value"].tolist()


def test_an_order_counts_once_and_what_is_missing_comes_from_the_next_copy() -> None:
    table = stitched(
        {
            "order_id": "A",
            "value": None,
            "currency": None,
            "sdk": "node",
            "anonymous_id": "anon_once",
            "session_id": None,
        },
        {"order_id": "A", "value": 99.99, "device_type": "desktop"},
        {"order_id": "A", "value": 5.0},
    )
    (row,) = dn.find_conversions(table).to_dict("records")
    assert (row["timestamp"].hour, row["value"], row["currency"]) == (9, 99.99, "USD")
    assert (row["anonymous_id"], row["session_id"], row["device_type"], row["sdk"]) == (
        "anon_1",
        "s1",
        "desktop",
        "web",
    )


def test_one_order_id_on_two_persons_stays_two() -> None:
    table = stitched({"order_id": "A"}, {"order_id": "A", "user_id": "v", "anonymous_id": "anon_2"})
    assert values(table) == [10.0, 10.0]


def test_rows_without_order_id_all_count() -> None:
    assert values(stitched({}, {})) == [10.0, 10.0]


def test_all_refunds_of_an_order_come_off_and_never_below_zero() -> None:
    order = {"order_id": "A", "value": 50.0}
    refund = {"order_id": "A", "event_name": "refund"}
    assert values(stitched(order, {**refund, "value": -20.0}, {**refund, "value": 5.0})) == [25.0]
    assert values(stitched(order, {**refund, "value": 80.0})) == [0.0]
    assert values(stitched(order, {"order_id": "A", "value": -20.0})) == [30.0]
    assert values(stitched(order, {**refund, "value": 20.0}), refunds="ignore") == [50.0]
    assert values(
        stitched(order, {**refund, "event_name": "chargeback", "value": 20.0}), refund_events=("chargeback",)
    ) == [30.0]


def test_a_negative_row_refunds_its_own_kind_only() -> None:
    table = stitched({"order_id": "A"}, {"order_id": "A", "event_name": "lead"}, {"order_id": "A", "value": -4.0})
    assert values(table, conversion=["purchase", "lead"]) == [6.0, 10.0]


def test_a_refund_of_an_unknown_person_finds_the_only_order_of_that_id() -> None:
    unknown = {
        "event_name": "refund",
        "order_id": "A",
        "value": 4.0,
        "user_id": None,
        "anonymous_id": "anon_once",
        "sdk": "node",
    }
    assert values(stitched({"order_id": "A"}, unknown)) == [6.0]
    two = stitched({"order_id": "A"}, {"order_id": "A", "user_id": "v", "anonymous_id": "anon_2"}, unknown)
    result = dn.attribute(two)
    assert result.conversions["value"].tolist() == [10.0, 10.0]
    assert result.left_out[["reason", "count", "value"]].values.tolist() == [["refund without its order", 1, 4.0]]


def test_several_names_are_several_kinds_and_a_mapping_makes_one() -> None:
    table = stitched({}, {"event_name": "lead", "value": None}, {"event_name": "Purchase Completed", "value": 7.0})
    two = dn.find_conversions(table, conversion=["purchase", "lead"])
    assert two["kind"].tolist() == ["purchase", "lead"]
    one = dn.find_conversions(table, conversion={"sale": ["purchase", "Purchase Completed"]})
    assert one[["kind", "value"]].values.tolist() == [["sale", 10.0], ["sale", 7.0]]


def test_an_event_in_two_kinds_has_two_ids() -> None:
    both = dn.find_conversions(stitched({"event_id": "e1"}), conversion={"a": "purchase", "b": "purchase"})
    assert both["conversion_id"].tolist() == ["e1:a", "e1:b"]


def test_a_mask_picks_conversions() -> None:
    table = stitched({}, {"value": 20.0})
    assert values(table, conversion=(table["value"] > 15).to_numpy()) == [20.0]
    with pytest.raises(OptionError, match="a boolean mask of 2 rows"):
        dn.find_conversions(table, conversion=np.array([True]))


def test_a_mapping_names_a_mask() -> None:
    table = stitched({"value": 10.0}, {"value": 20.0})
    found = dn.find_conversions(table, conversion={"large": table["value"] > 15, "all": "purchase"})
    assert found[["kind", "value"]].values.tolist() == [["all", 10.0], ["large", 20.0], ["all", 20.0]]
    with pytest.raises(OptionError, match="a mapping of kinds to names or masks"):
        dn.find_conversions(table, conversion={"large": [True]})


def test_a_missing_currency_is_the_only_one_present() -> None:
    found = dn.find_conversions(stitched({"currency": None}, {}))
    assert found["currency"].tolist() == ["USD", "USD"]


def test_mixed_currencies_need_rates() -> None:
    table = stitched({}, {"currency": "EUR"})
    with pytest.raises(CurrencyError, match=r"they come in EUR, USD\. Pass rates="):
        dn.find_conversions(table)
    with pytest.raises(CurrencyError, match="rates= has none for EUR"):
        dn.find_conversions(table, rates={"USD": 1.0})
    found = dn.find_conversions(table, rates={"USD": 1.0, "eur": 1.5})
    assert found[["value", "currency"]].values.tolist() == [[10.0, "USD"], [15.0, "USD"]]


def test_a_conversion_without_a_value_needs_no_currency() -> None:
    """Two currencies of purchases, and a lead that is worth nothing in either."""
    table = stitched({"currency": "EUR"}, {"currency": "USD"}, {"event_name": "lead", "currency": None, "value": None})
    found = dn.find_conversions(table, conversion=["purchase", "lead"], rates={"EUR": 2.0, "USD": 1.0})
    assert found["value"].tolist() == pytest.approx([20.0, 10.0, np.nan], nan_ok=True)
    with pytest.raises(CurrencyError, match="rates= has none for"):
        values(stitched({"currency": "EUR"}, {"currency": "USD"}, {"currency": None}), rates={"EUR": 2.0, "USD": 1.0})


def test_a_servers_purchase_happens_in_the_persons_latest_session() -> None:
    visit = {"event_name": "pageview", "value": None, "session_id": "s7"}
    server = {"sdk": "node", "anonymous_id": "anon_once", "session_id": None}
    near = stitched(visit, {**server, "timestamp": pd.Timestamp("2026-01-01T09:30Z")})
    assert dn.find_conversions(near)["session_id"].tolist() == ["s7"]
    far = stitched(visit, {**server, "timestamp": pd.Timestamp("2026-01-01T09:30:00.000001Z")})
    assert dn.find_conversions(far)["session_id"].isna().tolist() == [True]


def test_a_row_of_nobody_is_counted_as_left_out() -> None:
    table = stitched({}, {"anonymous_id": None, "user_id": None, "value": 3.0})
    left = dn.attribute(table).left_out
    assert left[["kind", "reason", "count", "value"]].values.tolist() == [
        ["conversion", "nobody's: no user_id and no anonymous_id", 1, 3.0]
    ]


def test_a_name_that_no_event_has_is_an_empty_table_and_said(caplog: pytest.LogCaptureFixture) -> None:
    with caplog.at_level("INFO", logger="datalyr_notebook"):
        found = dn.find_conversions(stitched({}), conversion="purchse")
    assert len(found) == 0
    assert found.columns.tolist()[:3] == ["conversion_id", "person_id", "timestamp"]
    assert "no event is named 'purchse'; the most common are 'purchase' (1)" in caplog.text


def test_empty_events_make_empty_tables() -> None:
    nothing = stitched({}).iloc[:0]
    result = dn.attribute(nothing, model=["hybrid", "linear"])
    assert (
        len(result.conversions)
        == len(result.touches)
        == len(result.credits)
        == len(result.totals)
        == len(result.left_out)
        == 0
    )
    assert result.totals.columns.tolist() == ["model", "channel", "conversions", "credit"]
