"""path_lengths, time_lags, top_paths and cross_device: on journeys with the answer in sight, then laws."""

from __future__ import annotations

from typing import Any

import numpy as np
import pandas as pd
import pytest
from hypothesis import given, settings

import datalyr_notebook as dn
from datalyr_notebook import schema
from datalyr_notebook.attribution.tables.cross_device import DEVICES, cross_device
from datalyr_notebook.attribution.tables.journeys import NO_TOUCH, UNITS, path_lengths, time_lags, top_paths
from datalyr_notebook.errors import OptionError
from tests.strategies import rows, table

HOUR = pd.Timedelta("1h")
EMAIL = {"source": "news", "medium": "email", "campaign": "fall"}
GOOGLE = {"source": "google", "medium": "cpc", "campaign": "brand > exact"}
NOTHING = pd.DataFrame({"timestamp": pd.Series([], dtype="datetime64[us, UTC]"), "event_name": [], "user_id": []})


def told(*rows: tuple[str, float, str, dict[str, Any]]) -> pd.DataFrame:
    """Rows as (user, hour of 2026, event name, rest); each hour is a visit of its own, on one device a user."""
    return dn.stitch(
        pd.DataFrame(
            [
                {
                    "timestamp": pd.Timestamp("2026-01-01T00:00Z") + hour * HOUR, "event_name": name, "sdk": "web",
                    "anonymous_id": f"anon_{user}", "user_id": user, "session_id": f"s{int(hour)}",
                    "device_type": "desktop", "source": None, "medium": None, "campaign": None, "value": None, **rest,
                }
                for user, hour, name, rest in rows
            ]
        )
    )  # fmt: skip


# a and b read an email, then click an ad, and buy; c does so, too, and does not buy; d buys out of an app that
# nothing led to; e buys twice, in the visit that an email brought and 26 hours later.
WORKED = told(
    ("a", 0, "pageview", EMAIL),
    ("a", 48, "pageview", GOOGLE),
    ("a", 48.5, "purchase", {"value": 60.0, "session_id": "s48"}),
    ("b", 0, "pageview", EMAIL),
    ("b", 5, "pageview", GOOGLE),
    ("b", 24, "purchase", {"value": 40.0, "session_id": "s5"}),
    ("c", 0, "pageview", EMAIL),
    ("c", 5, "pageview", GOOGLE),
    ("d", 7, "purchase", {"value": 10.0, "sdk": "swift", "device_type": "phone"}),
    ("e", 0, "pageview", EMAIL),
    ("e", 0.1, "purchase", {"value": 5.0, "session_id": "s0"}),
    ("e", 26, "purchase", {"value": 7.0, "session_id": "s0"}),
)
RESULT = dn.attribute(WORKED)


def test_the_rows_of_path_lengths_add_up_to_all_conversions() -> None:
    table = path_lengths(RESULT)
    assert table.columns.tolist() == schema.names(schema.PATH_LENGTHS)
    assert table[["touches", "conversions", "value"]].to_numpy().tolist() == [[0, 1, 10], [1, 2, 12], [2, 2, 100]]
    assert table["share"].tolist() == [0.2, 0.4, 0.4]
    assert table["share_up_to"].tolist() == pytest.approx([0.2, 0.6, 1.0])
    assert table["touches"].dtype == table["conversions"].dtype == "int64"


def test_what_is_excluded_is_no_touch_of_a_path() -> None:
    table = path_lengths(dn.attribute(WORKED, exclude="Email"))
    assert table[["touches", "conversions"]].to_numpy().tolist() == [[0, 3], [1, 2]]


@pytest.mark.parametrize(
    ("since", "unit", "lags"),
    [
        # First touch to purchase: a 48.5 h, b 24 h, e 0.1 h and 26 h. Last touch to purchase: a 0.5 h, b 19 h.
        ("first_touch", "day", {0: 5.0, 1: 40.0 + 7.0, 2: 60.0}),
        ("first_touch", "hour", {0: 5.0, 24: 40.0, 26: 7.0, 48: 60.0}),
        ("first_touch", "week", {0: 112.0}),
        ("last_touch", "day", {0: 60.0 + 40.0 + 5.0, 1: 7.0}),
        ("last_touch", "hour", {0: 60.0 + 5.0, 19: 40.0, 26: 7.0}),
    ],
)
def test_time_lags_are_whole_units_from_the_touch(since: str, unit: str, lags: dict[int, float]) -> None:
    table = time_lags(RESULT, unit=unit, since=since)
    assert table.columns.tolist() == schema.names(schema.TIME_LAGS)
    assert dict(zip(table["lag"], table["value"], strict=True)) == lags
    assert set(table["unit"]) == {unit}
    assert set(table["since"]) == {since}
    assert table["conversions"].sum() == 4
    assert table["share"].sum() == pytest.approx(1)
    assert table["share_up_to"].iloc[-1] == 1.0


def test_exactly_one_unit_is_one_and_a_microsecond_less_is_none() -> None:
    for hours in (1, 7, 49, 199):
        steps = [("u", 0, "pageview", EMAIL), ("u", hours, "purchase", {"value": 1.0, "session_id": "s0"})]
        assert time_lags(dn.attribute(told(*steps)), unit="hour")["lag"].tolist() == [hours]
    early = 24 * HOUR - pd.Timedelta("1us")
    table = told(("u", 0, "pageview", EMAIL), ("u", early / HOUR, "purchase", {"session_id": "s0"}))
    table.loc[table["event_name"] == "purchase", "timestamp"] = pd.Timestamp("2026-01-01T00:00Z") + early
    assert time_lags(dn.attribute(table))["lag"].tolist() == [0]
    assert time_lags(dn.attribute(table), unit="hour")["lag"].tolist() == [23]


def test_top_paths_know_who_went_them_without_converting() -> None:
    table = top_paths(RESULT)
    assert table.columns.tolist() == schema.names(schema.TOP_PATHS)
    # Two conversions each: the path worth more comes first. d's path is empty.
    assert table.drop(columns="conversion_rate").to_numpy().tolist() == [
        ["Email > Paid Search", 2, 2, 100.0, 1],
        ["Email", 1, 2, 12.0, 0],
        [NO_TOUCH, 0, 1, 10.0, 0],
    ]
    assert table["conversion_rate"].iloc[:2].tolist() == pytest.approx([2 / 3, 1.0])
    assert np.isnan(table["conversion_rate"].iloc[2])


def test_top_paths_of_other_columns_in_other_words() -> None:
    table = top_paths(RESULT, 1, by="campaign", separator=" -> ")
    assert table[["path", "conversions"]].to_numpy().tolist() == [["fall -> brand > exact", 2]]
    assert top_paths(RESULT, by=["source", "medium"])["path"].iloc[0] == "news / email > google / cpc"


def test_paths_that_tie_stand_in_the_order_of_their_texts() -> None:
    steps: list[Any] = []
    for user in "fbdace":
        steps += [
            (user, 0, "pageview", {"source": user, "medium": "email", "campaign": f"c{user}"}),
            (user, 0.1, "purchase", {"value": 1.0, "session_id": "s0"}),
        ]
    result = dn.attribute(told(*steps))
    assert top_paths(result, 3, by="campaign")["path"].tolist() == ["ca", "cb", "cc"]
    assert len(top_paths(result, by="campaign")) == 6


def test_two_phones_are_two_devices_of_one_type() -> None:
    phone, old = {"device_type": "phone"}, {"device_type": "phone", "anonymous_id": "anon_old"}
    table = told(
        ("u", 0, "pageview", {**EMAIL, **old}),
        ("u", 5, "pageview", {**GOOGLE, **phone}),
        ("u", 5.1, "purchase", {"value": 60.0, "session_id": "s5", **phone}),
        ("v", 0, "pageview", EMAIL),
        ("v", 9, "purchase", {"value": 40.0, "sdk": "node", "anonymous_id": None, "device_type": "server"}),
        ("w", 3, "purchase", {"value": 10.0, "sdk": "swift", "device_type": None}),
    )
    found = cross_device(dn.attribute(table, model=["linear", "first_touch"]))
    assert found.columns.tolist() == schema.names(schema.CROSS_DEVICE)
    assert found[found["model"] == "linear"].drop(columns="model").to_numpy().tolist() == [
        ["desktop", "server", "unknown device", 1.0, 40.0],
        ["phone", "phone", "other device", 0.5, 30.0],
        ["phone", "phone", "same device", 0.5, 30.0],
        ["unattributed", "unknown", "no touch", 1.0, 10.0],
    ]
    first = found[found["model"] == "first_touch"]
    assert first[["devices", "credit"]].to_numpy().tolist() == [
        ["other device", 60.0],
        ["unknown device", 40.0],
        ["no touch", 10.0],
    ]
    assert found["model"].drop_duplicates().tolist() == ["linear", "first_touch"]


def test_an_id_that_only_servers_send_is_no_device() -> None:
    process = {"sdk": "node", "anonymous_id": "anon_process", "device_type": "server", "value": 5.0}
    table = told(("u", 0, "pageview", EMAIL), ("u", 1, "purchase", process))
    assert cross_device(dn.attribute(table))["devices"].tolist() == ["unknown device"]
    lent = {**process, "anonymous_id": "anon_u"}
    table = told(("u", 0, "pageview", EMAIL), ("u", 1, "purchase", lent))
    assert cross_device(dn.attribute(table))["devices"].tolist() == ["same device"]


def test_total_models_weigh_no_touches() -> None:
    assert cross_device(dn.attribute(WORKED, model="participation")).empty
    both = cross_device(dn.attribute(WORKED, model=["participation", "last_touch"]))
    assert set(both["model"]) == {"last_touch"}


def test_a_table_without_device_types_has_unknown_ones() -> None:
    table = cross_device(dn.attribute(WORKED.drop(columns="device_type")))
    assert set(table["touched_on"]) == {"unknown", "unattributed"}
    assert set(table["converted_on"]) == {"unknown"}


@pytest.mark.parametrize("events", [NOTHING, WORKED[WORKED["event_name"] == "pageview"]], ids=["empty", "no purchase"])
def test_no_conversion_makes_empty_tables_of_the_same_columns(events: pd.DataFrame) -> None:
    result = dn.attribute(events)
    for answer, columns in [
        (path_lengths(result), schema.PATH_LENGTHS),
        (time_lags(result), schema.TIME_LAGS),
        (top_paths(result), schema.TOP_PATHS),
        (cross_device(result), schema.CROSS_DEVICE),
    ]:
        assert answer.empty
        assert answer.dtypes.to_dict() == schema.empty(columns).dtypes.to_dict()


@pytest.mark.parametrize(
    ("call", "words"),
    [
        (lambda: time_lags(RESULT, unit="month"), "time_lags: unit='month' is not known. Use one of 'hour', 'day'"),
        (
            lambda: time_lags(RESULT, since="click"),
            "since='click' is not known. Use one of 'first_touch', 'last_touch'",
        ),
        (lambda: top_paths(RESULT, 0), "top_paths: n=0 is not known. Use a whole number of at least 1"),
        (lambda: top_paths(RESULT, by="color"), "by='color' is not known"),
    ],
)
def test_options_that_are_not_known(call: Any, words: str) -> None:
    with pytest.raises(OptionError, match=words):
        call()


@given(rows())
@settings(max_examples=15)
def test_every_table_adds_up_to_the_conversions(found: list[dict[str, Any]]) -> None:
    events = table(found)
    result = dn.attribute(dn.stitch(events), model=["linear", "hybrid"])
    count, value = len(result.conversions), float(result.journeys.value.sum())
    lengths, lags = path_lengths(result), time_lags(result)
    assert lengths["conversions"].sum() == count
    assert lengths["value"].sum() == pytest.approx(value)
    alone = int(lengths.loc[lengths["touches"] == 0, "conversions"].sum())
    assert lags["conversions"].sum() == count - alone
    assert top_paths(result, 10**6)["conversions"].sum() == count
    for _, own in cross_device(result).groupby("model"):
        assert own["conversions"].sum() == pytest.approx(count)
        assert own["credit"].sum() == pytest.approx(value)
        assert set(own["devices"]) <= set(DEVICES)


@given(rows())
@settings(max_examples=15)
def test_the_order_of_rows_changes_nothing(found: list[dict[str, Any]]) -> None:
    events = table(found)
    there = dn.attribute(dn.stitch(events), model=["linear"])
    back = dn.attribute(dn.stitch(events.iloc[::-1]), model=["linear"])
    for asked in (path_lengths, time_lags, top_paths, cross_device):
        pd.testing.assert_frame_equal(asked(there), asked(back), rtol=1e-12)


def test_units_are_what_they_say() -> None:
    assert {name: pd.Timedelta(us, "us") for name, us in UNITS.items()} == {
        "hour": pd.Timedelta("1h"),
        "day": pd.Timedelta("24h"),
        "week": pd.Timedelta("7D"),
    }
