"""One shape for every event: each column's rule by hand, bad input with its message, and the laws."""

from __future__ import annotations

import copy
from typing import Any

import numpy as np
import pandas as pd
import pyarrow as pa
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from datalyr_notebook import schema
from datalyr_notebook.errors import (
    ColumnIndexError,
    DamagedIdError,
    MissingColumnsError,
    OptionError,
    SchemaError,
    TimestampError,
)
from datalyr_notebook.loading.normalize import as_canonical, normalize_events
from datalyr_notebook.loading.report import LoadReport

T = "2026-01-01T10:00:00Z"
TEN = pd.Timestamp(T)


def frame(**columns: Any) -> pd.DataFrame:
    """Rows at one instant; a list is a column, a Series keeps its dtype, ``user_id`` is filled in."""
    count = max(len(values) for values in columns.values())
    base: dict[str, Any] = {"timestamp": [T] * count, "event_name": ["x"] * count}
    if not {"user_id", "anonymous_id", "userId", "anonymousId", "distinct_id", "visitor_id"} & set(columns):
        base["user_id"] = [f"user_{number}" for number in range(count)]
    cells = {
        name: values if isinstance(values, pd.Series) else pd.Series(list(values), dtype=object)
        for name, values in {**base, **columns}.items()
    }
    return pd.DataFrame(cells)


def column(table: pd.DataFrame, name: str) -> list[Any]:
    """The values of a normalized column, None for null."""
    values = normalize_events(table)[name]
    return [None if pd.isna(value) else value for value in values]


def counts(table: pd.DataFrame) -> dict[str, int]:
    report = LoadReport()
    normalize_events(table, report=report)
    return {kind: count for kind, count in report.counts.items() if kind != "rows"}


# ---- names of columns ----------------------------------------------------------------------------


def test_camel_case_becomes_snake_case() -> None:
    camel = {"eventId": "e1", "eventName": "x", "anonymousId": "d1", "userId": "u1", "previousId": "u0"}
    camel |= {"sessionId": "s1", "orderId": "o1", "webVisitorId": "d2", "matchMethod": "ip", "clickId": "c1"}
    events = normalize_events(pd.DataFrame([{"timestamp": T, **camel}]))
    assert events.iloc[0].to_dict() == {
        "event_id": "e1",
        "timestamp": TEN,
        "event_name": "x",
        "anonymous_id": "d1",
        "user_id": "u1",
        "previous_id": "u0",
        "session_id": "s1",
        "sdk": "unknown",
        "medium": "cpc",
        "click_id": "c1",
        "order_id": "o1",
        "web_visitor_id": "d2",
        "match_method": "ip",
    }


def test_of_several_spellings_the_first_with_a_value_wins_row_by_row() -> None:
    table = frame(user_id=["a", None, "", " "], userId=["z", "b", "c", "d"])
    assert column(table, "user_id") == ["a", "b", "c", "d"]
    names = pd.DataFrame(
        {
            "timestamp": [T] * 3,
            "user_id": ["u"] * 3,
            "event_name": ["a", None, None],
            "eventName": ["z", "b", np.nan],
            "event": ["z", "z", "c"],
        }
    )
    assert column(names, "event_name") == ["a", "b", "c"]


def test_spellings_of_different_types_are_joined() -> None:
    table = frame(user_id=pd.Series(pd.Categorical(["a", None, None])), userId=pd.Series([1, 42, pd.NA], dtype="Int64"))
    assert column(table, "user_id") == ["a", "42", None]


def test_columns_maps_the_analysts_names() -> None:
    table = pd.DataFrame({"ts": [T], "what": ["signup"], "uid": ["00042"]})
    events = normalize_events(table, columns={"ts": "timestamp", "what": "event_name", "uid": "user_id"})
    assert events[["timestamp", "event_name", "user_id"]].iloc[0].tolist() == [TEN, "signup", "00042"]


def test_a_lone_distinct_id_is_a_device_or_a_user() -> None:
    for name in ("distinct_id", "distinctId"):
        table = pd.DataFrame({"timestamp": [T] * 3, "event_name": ["x"] * 3, name: ["anon_1", "u1", None]})
        assert column(table, "anonymous_id") == ["anon_1", None, None]
        assert column(table, "user_id") == [None, "u1", None]


def test_a_distinct_id_beside_a_visitor_id_names_the_user() -> None:
    table = frame(visitor_id=["anon_1", "anon_1"], distinct_id=["anon_1", "u1"])
    assert column(table, "anonymous_id") == ["anon_1", "anon_1"]
    assert column(table, "user_id") == [None, "u1"]


def test_a_distinct_id_beside_ids_is_an_extra_column() -> None:
    table = frame(anonymous_id=["anon_1"], distinct_id=["u1"])
    events = normalize_events(table)
    assert "user_id" not in events
    assert events["distinct_id"].tolist() == ["u1"]


# ---- money ---------------------------------------------------------------------------------------


def test_value_else_revenue_else_amount() -> None:
    table = frame(value=[1, None, None, 0, None], revenue=[9, 2, None, 9, ""], amount=[9, 9, 3, 9, 7])
    assert column(table, "value") == [1.0, 2.0, 3.0, 0.0, 7.0]
    assert column(frame(amount=["9.99"]), "value") == [9.99]


@pytest.mark.parametrize(
    ("value", "expected"),
    [
        *((5, 5.0), (9.99, 9.99), ("9.99", 9.99), (" 5 ", 5.0), ("1e3", 1000.0), (-3, -3.0), (10**30, 1e30)),
        *((np.int64(5), 5.0), (None, None), ("", None), ("  ", None), (np.nan, None)),
    ],
)
def test_amounts_that_can_be_read(value: object, expected: float | None) -> None:
    table = frame(value=[value, 1])
    assert column(table, "value") == [expected, 1.0]
    assert "unreadable_values" not in counts(table)


@pytest.mark.parametrize(
    "value",
    ["1,000", "$5", "five", "\ud800", True, False, float("inf"), "inf", 10**400, {"amount": 5}, [5], 1 + 2j, TEN],
)
def test_what_is_no_amount_is_left_empty_and_counted(value: object) -> None:
    cells = np.empty(2, dtype=object)
    cells[0], cells[1] = value, 1
    table = frame(value=pd.Series(cells, dtype=object))
    assert column(table, "value") == [None, 1.0]
    assert counts(table)["unreadable_values"] == 1


def test_columns_of_any_number_dtype_are_values() -> None:
    decimals = pd.ArrowDtype(pa.decimal128(21, 2))
    for dtype in ("int64", "float32", "Int64", "Float64", "int64[pyarrow]", "category", decimals):
        assert column(frame(value=pd.Series([5, 7]).astype(dtype)), "value") == [5.0, 7.0]
    assert "value" not in normalize_events(frame(value=pd.Series([True, False])))


def test_order_id_else_transaction_id_else_stripe_session() -> None:
    table = frame(
        order_id=["007", None, None, ""],
        transaction_id=["9", "2", None, None],
        stripeSessionId=["9", "9", "cs_3", "4"],
    )
    assert column(table, "order_id") == ["007", "2", "cs_3", "4"]


def test_currency_in_upper_case() -> None:
    events = normalize_events(frame(currency=["usd", " Eur ", "USD", "", None]))
    assert [None if pd.isna(one) else one for one in events["currency"]] == ["USD", "EUR", "USD", None, None]
    assert events["currency"].cat.categories.tolist() == ["USD", "EUR"]


def test_a_written_out_null_is_no_order() -> None:
    assert "order_id" not in normalize_events(frame(order_id=["null", "None", "NaN"]))
    assert column(frame(order_id=["0", "null"]), "order_id") == ["0", None]


# ---- names and times -----------------------------------------------------------------------------


def test_spellings_of_event_names() -> None:
    names = ["purchase", "page_view", "$pageview", "pageview", "identify", "$identify", "alias", "Page View"]
    events = normalize_events(pd.DataFrame({"timestamp": [T] * 8, "event_name": names, "user_id": list("abcdefgh")}))
    expected = ["purchase", "pageview", "pageview", "pageview", "$identify", "$identify", "$alias", "Page View"]
    assert events["event_name"].tolist() == expected
    assert events["event_name"].cat.categories.tolist() == ["purchase", "pageview", "$identify", "$alias", "Page View"]


def test_a_missing_timestamp_comes_from_identified_at_then_aliased_at() -> None:
    table = pd.DataFrame(
        {
            "timestamp": ["2026-01-01T01:00Z", None, "", None],
            "identified_at": ["2026-01-01T02:00Z", "2026-01-01T02:00Z", "2026-01-01T03:00Z", None],
            "aliased_at": [None, "2026-01-01T09:00Z", None, "2026-01-01T04:00"],
            "event_name": ["a", "$identify", "$identify", "$alias"],
            "user_id": ["u"] * 4,
        }
    )
    assert normalize_events(table)["timestamp"].dt.hour.tolist() == [1, 2, 3, 4]
    assert counts(table) == {"missing_timestamps": 3, "naive_timestamps": 1}


def test_naive_timestamps_are_utc_and_the_report_says_so() -> None:
    table = frame(value=[1, 2, 3])
    table["timestamp"] = ["2026-01-01 10:00:00", "2026-01-01", "2026-01-01T10:00:00.000Z"]
    report = LoadReport()
    events = normalize_events(table, report=report)
    assert events["timestamp"].tolist() == [TEN, TEN.normalize(), TEN]
    assert "2 timestamps without a time zone taken as UTC" in str(report)


def test_mixed_units_and_offsets_become_one_utc_column() -> None:
    table = frame(value=[1, 2, 3, 4, 5, 6])
    seconds = int(TEN.timestamp())
    mixed = [
        T,
        "2026-01-01T10:00:00.000+0000",
        seconds,
        seconds * 1000,
        str(seconds * 10**6),
        TEN.tz_convert("Asia/Tokyo"),
    ]
    table["timestamp"] = pd.Series(mixed, dtype=object)
    events = normalize_events(table)
    assert events["timestamp"].tolist() == [TEN] * 6
    assert str(events["timestamp"].dtype) == schema.TIME


def test_a_timestamp_in_the_future_is_kept_and_counted() -> None:
    table = frame(value=[1])
    table["timestamp"] = ["9999-12-31T00:00:00Z"]
    assert counts(table) == {"future_timestamps": 1}


# ---- who -----------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    "nobody", ["null", " NULL ", '"null"', "'undefined'", "0", "-1", "[object Object]", "", "Guest"]
)
def test_null_like_ids_are_emptied(nobody: str) -> None:
    ids = ("anonymous_id", "user_id", "previous_id", "web_visitor_id")
    table = frame(**{name: [nobody, "someone"] for name in ids})
    table["user_id"] = [nobody, "u1"]
    for name in ids:
        assert column(table, name)[0] is None
        assert column(table, name)[1] in ("someone", "u1")
    expected = {"no_id": 1} if nobody == "" else {"null_like_ids": 4, "no_id": 1}
    assert counts(table) == expected


def test_an_alias_names_its_new_user() -> None:
    table = frame(previous_id=["u1", "u1"], newUserId=["u2", "null"])
    assert column(table, "new_user_id") == ["u2", None]


def test_a_user_id_that_repeats_the_device_is_nobody() -> None:
    table = frame(anonymous_id=["d1", "d2", "d3"], user_id=["d1", "u1", "d1"])
    assert column(table, "user_id") == [None, "u1", "d1"]
    assert column(table, "anonymous_id") == ["d1", "d2", "d3"]


def test_an_anon_id_in_the_user_field_is_the_device() -> None:
    table = frame(
        anonymous_id=["anon_once", None, "anon_web", "anon_web"],
        user_id=["anon_9", "anon_8", "anon_7", "u1"],
        sdk=["node", "web", "web", "web"],
    )
    # It wins over a server's one-shot id, fills a missing one, and never moves a browser's own.
    assert column(table, "anonymous_id") == ["anon_9", "anon_8", "anon_web", "anon_web"]
    assert column(table, "user_id") == [None, None, None, "u1"]
    assert counts(table) == {"device_ids_as_user": 3}
    events = normalize_events(table)
    assert events["anonymous_id"].cat.categories.tolist() == ["anon_9", "anon_8", "anon_web"]


def test_anon_ids_as_users_without_a_device_column() -> None:
    assert column(frame(user_id=["anon_1", "u1"]), "anonymous_id") == ["anon_1", None]


UUID = "0f8fad5b-d9cb-469f-a165-70867728950e"


@pytest.mark.parametrize(
    ("sdk", "version", "is_visitor"),
    [
        *(("react_native", "1.7.12", True), ("react_native", "1.2.1", True), ("react_native", "1.7.13", False)),
        *(("react_native", "1.10.0", False), ("swift", "2.1.7", True), ("swift", "2.1.8", False)),
        *(("web", "1.0.0", False), ("react_native", None, False), ("react_native", "unknown", False)),
    ],
)
def test_old_apps_wrote_their_visitor_id_into_the_user_field(sdk: str, version: str | None, is_visitor: bool) -> None:
    for text in (UUID, UUID.upper()):
        table = frame(anonymous_id=["anon_1", "anon_1"], user_id=[text, "u1"], sdk=[sdk] * 2, sdk_version=[version] * 2)
        assert column(table, "user_id") == [None if is_visitor else text, "u1"]
        assert counts(table).get("device_ids_as_user", 0) == int(is_visitor)


def test_an_app_without_user_properties_knows_no_user() -> None:
    table = frame(user_id=[UUID, UUID], sdk=["swift"] * 2, has_user_properties=[False, True])
    assert column(table, "user_id") == [None, UUID]
    assert column(table, "anonymous_id") == [UUID, None]


def test_a_uuid_that_an_identify_or_alias_names_is_a_user() -> None:
    old = {"sdk": ["react_native"] * 2, "sdk_version": ["1.7.0"] * 2}
    for name, more in (("$identify", {}), ("$alias", {"new_user_id": [None, UUID]}), ("alias", {})):
        table = frame(user_id=[UUID, "u1" if more else UUID], **old, **more)
        table["event_name"] = ["purchase", name]
        assert column(table, "user_id")[0] == UUID


def test_a_row_without_any_id_stays_and_is_counted() -> None:
    table = frame(anonymous_id=[None, "d"], user_id=[None, None], value=[5, 6])
    events = normalize_events(table)
    assert len(events) == 2
    assert counts(table) == {"no_id": 1}


@pytest.mark.parametrize(
    "ids",
    [
        pd.Series(["00042", "1234567890123456789"]),
        pd.Series(["00042", "1234567890123456789"], dtype="string[python]"),
        pd.Series(["00042", "1234567890123456789"], dtype="string[pyarrow]"),
        pd.Series(["00042", "1234567890123456789"], dtype=pd.ArrowDtype(pa.string())),
        pd.Series(["00042", "1234567890123456789"], dtype="category"),
        pd.Series(["00042", 1234567890123456789], dtype=object),
    ],
)
def test_ids_keep_zeros_and_digits(ids: pd.Series) -> None:
    for name in ("user_id", "anonymous_id", "order_id", "event_id", "session_id", "previous_id"):
        assert column(frame(**{name: ids}), name) == ["00042", "1234567890123456789"]


def test_whole_number_ids_are_text() -> None:
    for dtype in ("int64", "Int64", "uint64", "int64[pyarrow]", "object", "category"):
        ids = pd.Series([42, 1234567890123456789]).astype(dtype)
        assert column(frame(user_id=ids), "user_id") == ["42", "1234567890123456789"]


# ---- the shape of the result ---------------------------------------------------------------------


def test_dtypes_and_order_of_columns() -> None:
    table = frame(
        order_id=["o"], value=[1], session_id=["s"], event_id=["e"], anonymous_id=["d"], user_id=["u"], plan=["pro"]
    )
    events = normalize_events(table)
    assert {name: str(dtype) for name, dtype in events.dtypes.items() if name != "plan"} == {
        "event_id": schema.TEXT,
        "timestamp": "datetime64[us, UTC]",
        "event_name": "category",
        "anonymous_id": "category",
        "user_id": "category",
        "session_id": "category",
        "sdk": "category",
        "value": "float64",
        "order_id": schema.TEXT,
    }
    assert events.columns.tolist()[-1] == "plan"
    assert [name for name in events.columns if name != "plan"] == [
        name for name in schema.names(schema.EVENTS) if name in events.columns
    ]


def test_categories_stand_in_order_of_appearance() -> None:
    sorted_ones = pd.Series(["z", "a", "m", "a"], dtype="category")
    for ids in (sorted_ones, sorted_ones.astype(object)):
        assert normalize_events(frame(user_id=ids))["user_id"].cat.categories.tolist() == ["z", "a", "m"]
    unused = pd.Series(pd.Categorical(["b", "a"], categories=["a", "never", "b"]))
    assert normalize_events(frame(user_id=unused))["user_id"].cat.categories.tolist() == ["b", "a"]


def test_columns_without_data_do_not_appear() -> None:
    empty = {name: [None, None] for name in ("session_id", "order_id", "value", "currency", "previous_id", "traits")}
    events = normalize_events(frame(user_id=[None, None], anonymous_id=[np.nan, np.nan], **empty))
    assert events.columns.tolist() == ["timestamp", "event_name", "anonymous_id", "user_id", "sdk"]
    assert events["user_id"].isna().all()


def test_extra_columns_pass_through_untouched() -> None:
    extra = {
        "plan": pd.Series(pd.Categorical(["pro", None])),
        "score": pd.Series([1, None], dtype="Int64"),
        "seen": pd.Series(pd.to_datetime(["2026-01-01", None])),
        "tags": pd.Series([["a"], None], dtype=object),
        "user_agent": pd.Series(["Mozilla/5.0 (iPhone)", None], dtype=object),
        "utm_source": pd.Series(["google", None], dtype=object),
        "odd": pd.Series(["\ud800", "x" * 100_000], dtype=object),
    }
    table = frame(user_id=["a", "b"], **extra).assign(sdkVersion=["1", "2"])
    table[7] = [1.5, 2.5]
    events = normalize_events(table)
    for name in (*extra, "sdkVersion", 7):
        pd.testing.assert_series_equal(events[name], table[name])


def test_another_word_beside_ours_passes_through_too() -> None:
    events = normalize_events(frame(value=[1, None], revenue=[9, 2], transactionId=["t1", "t2"]))
    assert events["value"].tolist() == [1.0, 2.0]
    assert events["revenue"].tolist() == [9, 2]
    assert events["order_id"].tolist() == ["t1", "t2"]
    assert "transactionId" not in events


def test_row_order_and_index_are_kept_also_a_duplicate_one() -> None:
    table = frame(user_id=["c", "a", "b"])
    table["timestamp"] = ["2026-01-03T00:00Z", "2026-01-01T00:00Z", "2026-01-02T00:00Z"]
    for index in (
        pd.Index([5, 5, 1], name="k"),
        pd.MultiIndex.from_tuples([(1, "a"), (1, "a"), (0, "b")]),
        pd.Index(list("xyx")),
    ):
        events = normalize_events(table.set_axis(index))
        assert events["user_id"].tolist() == ["c", "a", "b"]
        pd.testing.assert_index_equal(events.index, index)


def test_no_rows_keep_the_required_columns_and_dtypes() -> None:
    for dtype in ("object", "float64", "category"):
        table = pd.DataFrame(
            {name: pd.Series([], dtype=dtype) for name in ("timestamp", "event_name", "user_id", "plan")}
        )
        events = normalize_events(table)
        assert len(events) == 0
        found = {name: str(kind) for name, kind in events.dtypes.items() if name != "plan"}
        assert found == {"timestamp": schema.TIME, "event_name": "category", "user_id": "category", "sdk": "category"}
    again = normalize_events(events)
    pd.testing.assert_frame_equal(again, events)


def test_one_row() -> None:
    events = normalize_events(pd.DataFrame({"timestamp": [T], "event_name": ["x"], "user_id": ["u"]}))
    assert events.to_dict("records") == [{"timestamp": TEN, "event_name": "x", "user_id": "u", "sdk": "unknown"}]


HOSTILE = [
    "\ud800",
    "x" * 100_000,
    "🎉",
    "\u202eevil",
    "\x00",
    "a\nb\r\t",
    "<script>alert(1)</script>",
    "=1+1",
    "%s{0}",
    "e\u0301",
]


@pytest.mark.parametrize("text", HOSTILE)
def test_hostile_text_in_every_column(text: str) -> None:
    names = [
        name
        for name in schema.names(schema.EVENTS)
        if name not in ("timestamp", "value", "touch_is_carried", "user_id")
    ]
    more = [
        "user_agent",
        "utm_source",
        "utm_campaign",
        "gclid",
        "referrer",
        "platform",
        "deep_link_url",
        "extra",
        "sdk_version",
    ]
    table = pd.DataFrame({name: pd.Series([text, "b"], dtype=object) for name in (*names, *more)})
    table["timestamp"], table["user_id"] = [T, T], pd.Series([text + "1", "b1"], dtype=object)
    events = normalize_events(table)
    kept = "\\ud800" if text == "\ud800" else text
    for name in ("event_id", "event_name", "anonymous_id", "session_id", "order_id", "previous_id"):
        assert events[name].tolist() == [kept, "b"]
    assert events["user_id"].tolist() == [kept + "1", "b1"]
    pd.testing.assert_frame_equal(normalize_events(events), events)


def test_odd_types_in_every_column_do_not_crash() -> None:
    odd: list[Any] = [None, True, 5, {"a": [1]}, [1, "b"], b"\xff", (1,), {2}, 1 + 2j, pd.NaT, object()]
    for name in schema.names(schema.EVENTS):
        if name == "timestamp":
            continue
        cells = np.empty(len(odd), dtype=object)
        cells[:] = odd
        table = frame(extra=list(range(len(odd)))).assign(**{name: pd.Series(cells, dtype=object)})
        assert 1 <= len(normalize_events(table)) <= len(odd)


# ---- marketing evidence --------------------------------------------------------------------------


def test_evidence_is_recomputed_from_a_raw_frame() -> None:
    table = frame(sdk=["web"], url=["https://shop.example.com/?gclid=Cj0"], source=["facebook"], medium=["social"])
    events = normalize_events(table)
    assert events[["source", "medium", "click_id", "click_id_type"]].iloc[0].tolist() == [
        "google",
        "cpc",
        "Cj0",
        "gclid",
    ]


def test_ignored_referrers_are_no_evidence() -> None:
    table = frame(sdk=["web"], referrer=["https://blog.partner.example/post"])
    assert column(table, "medium") == ["referral"]
    assert "medium" not in normalize_events(table, ignore_referrers=["partner.example"])


def test_a_canonical_frame_keeps_its_evidence() -> None:
    table = pd.DataFrame(
        {
            "timestamp": pd.to_datetime([T, T], utc=True),
            "event_name": ["page_view", "purchase"],
            "user_id": [42, 42],
            "sdk": ["web", None],
            "source": ["my own label", None],
            "utm_source": ["google", "google"],
            "touch_is_carried": [True, None],
            "value": ["5", None],
        }
    )
    events = normalize_events(table)
    assert events["source"].tolist()[0] == "my own label"
    assert events["event_name"].tolist() == ["pageview", "purchase"]
    assert events["user_id"].tolist() == ["42", "42"]
    assert events["sdk"].tolist() == ["web", "unknown"]
    assert events["touch_is_carried"].tolist() == [True, False]
    assert events["value"].tolist()[0] == 5.0
    assert events["utm_source"].tolist() == ["google", "google"]


def test_a_canonical_frame_is_checked_encoded_and_deduplicated() -> None:
    times = pd.to_datetime([T, T], utc=True)
    table = pd.DataFrame({"timestamp": times, "event_name": ["a", "a"], "user_id": ["u", "u"], "sdk": ["web"] * 2})
    assert len(normalize_events(table.assign(event_id="e1"))) == 1
    assert normalize_events(table.assign(user_id=["null", "u"]))["user_id"].isna().tolist() == [True, False]
    with pytest.raises(DamagedIdError):
        normalize_events(table.assign(user_id=[1.0, 2.0]))
    with pytest.raises(TimestampError, match="1 of 2 rows have no time at all"):
        normalize_events(table.assign(timestamp=pd.to_datetime([T, None], utc=True)))
    local = normalize_events(table.assign(timestamp=times.tz_convert("Asia/Tokyo").as_unit("ns")))
    assert str(local["timestamp"].dtype) == schema.TIME
    assert local["timestamp"].tolist() == [TEN, TEN]


# ---- wire payloads in a frame --------------------------------------------------------------------

WEB = {
    "workspace_id": "ws",
    "event_id": "e1",
    "event_name": "purchase",
    "event_data": {"value": 5, "order_id": "007", "gclid": "G", "timestamp": 1},
    "source": "web",
    "timestamp": T,
    "distinct_id": "u1",
    "anonymous_id": "anon_1",
    "visitor_id": "anon_1",
    "user_id": "u1",
    "session_id": "s1",
    "sdk_name": "datalyr-web-sdk",
}
NODE = {
    "event": "purchase",
    "eventId": "n1",
    "userId": "u2",
    "anonymousId": "anon_2",
    "timestamp": "2026-01-01T10:00:00.000Z",
    "properties": {"amount": 7},
    "context": {"library": "@datalyr/api"},
}


def test_a_frame_of_wire_events_is_lifted() -> None:
    events = normalize_events(pd.DataFrame([WEB, NODE], index=["first", "second"]))
    assert events["sdk"].tolist() == ["web", "node"]
    assert events["user_id"].tolist() == ["u1", "u2"]
    assert events["value"].tolist() == [5.0, 7.0]
    assert events["click_id"].tolist()[0] == "G"
    assert events["timestamp"].tolist() == [TEN, TEN]
    assert events["properties"].tolist() == [WEB["event_data"], {"amount": 7}]
    assert events.index.tolist() == ["first", "second"]
    assert not {"workspace_id", "event_data", "context", "sdk_name", "distinct_id", "visitor_id"} & set(events.columns)


def test_a_frame_of_batches_gives_every_event_its_rows_index() -> None:
    index = pd.MultiIndex.from_tuples([("a", 1), ("b", 2)])
    events = normalize_events(pd.DataFrame({"events": [[WEB], [NODE]], "batchId": ["b1", "b2"]}, index=index))
    assert events["user_id"].tolist() == ["u1", "u2"]
    pd.testing.assert_index_equal(events.index, index)


def test_the_analysts_columns_beside_a_payload_pass_through() -> None:
    table = frame(properties=[{"value": 3}, None], country=["DE", "US"], score=pd.Series([1, 2], dtype="Int64"))
    events = normalize_events(table)
    assert events["value"].tolist()[0] == 3.0
    assert events["country"].tolist() == ["DE", "US"]
    assert events["score"].tolist() == [1, 2]


def test_payloads_that_hold_no_event_name_what_is_missing() -> None:
    with pytest.raises(MissingColumnsError, match="the table has only 'event_data', 'workspace_id'"):
        normalize_events(pd.DataFrame([{"event_data": {}, "workspace_id": "ws"}]))


# ---- bad input -----------------------------------------------------------------------------------


def message(table: object, **options: Any) -> str:
    with pytest.raises((SchemaError, TimestampError, OptionError)) as caught:
        normalize_events(table, **options)  # type: ignore[arg-type]
    return str(caught.value)


def test_missing_columns_are_named_with_what_is_there() -> None:
    rename = "Rename your columns with normalize_events(df, columns={...})."
    assert message(pd.DataFrame({"ts": [T], "uid": ["u"]})) == (
        f"normalize_events reads 'anonymous_id' or 'user_id', but the table has only 'ts', 'uid'. {rename}"
    )
    assert message(pd.DataFrame({"timestamp": [T], "user_id": ["u"]})) == (
        f"normalize_events reads 'event_name', but the table has only 'timestamp', 'user_id'. {rename}"
    )
    assert message(pd.DataFrame({"event_name": ["x"], "user_id": ["u"]})) == (
        f"normalize_events reads 'timestamp', but the table has only 'event_name', 'user_id'. {rename}"
    )
    with pytest.raises(MissingColumnsError):
        normalize_events(pd.DataFrame())


def test_a_renaming_that_finds_nothing_or_too_much_is_refused() -> None:
    table = frame(user_id=["u"], uid=["v"])
    assert "reads 'tz', which columns= names, but the table has only 'timestamp'" in message(
        table, columns={"tz": "timestamp"}
    )
    assert "after columns= 'user_id' names two" in message(table, columns={"uid": "user_id"})
    assert "columns=['uid'] is not known. Use a mapping" in message(table, columns=["uid"])


def test_float_ids_are_refused_with_the_way_to_re_read() -> None:
    for ids in (
        pd.Series([42.0, None]),
        pd.Series([42.0, None], dtype="Float64"),
        pd.Series(["a", 42.0], dtype=object),
    ):
        text = message(frame(user_id=ids))
        assert "needs ids as text, but 'user_id' has dtype" in text
        assert "dtype={'user_id': str}" in text
    assert column(frame(user_id=["u", "v"], session_id=pd.Series([None, None], dtype="float64")), "user_id") == [
        "u",
        "v",
    ]


def test_unreadable_timestamps_are_counted_and_shown() -> None:
    table = frame(value=[1, 2, 3])
    table["timestamp"] = pd.Series([T, "01/02/2026", "x" * 500], dtype=object)
    text = message(table)
    assert text.startswith(
        "normalize_events reads 'timestamp' as UTC, but 2 of 3 values are neither ISO 8601 nor an epoch number "
        "(for example '01/02/2026', 'xxx"
    )
    assert text.endswith("Convert the column with pandas.to_datetime(..., utc=True), or drop these rows.")
    assert len(text) < 400


def test_missing_timestamps_name_the_rows() -> None:
    table = frame(value=[1, 2, 3])
    table["timestamp"] = [T, None, ""]
    assert message(table) == (
        "normalize_events reads 'timestamp' as UTC, but 2 of 3 rows have no time at all "
        "(for example 'row 1', 'row 2'). "
        "Drop these rows, or fill the column."
    )


def test_duplicate_columns_and_multi_indexes_are_refused() -> None:
    twice = pd.DataFrame([[T, "x", "u", "v"]], columns=["timestamp", "event_name", "user_id", "user_id"])
    assert message(twice) == (
        "normalize_events needs one plain name per column, but 'user_id' names two columns. "
        "Rename or drop one: df.loc[:, ~df.columns.duplicated()]."
    )
    deep = pd.DataFrame([[1]], columns=pd.MultiIndex.from_tuples([("a", "b")]))
    assert "the columns are a MultiIndex. Flatten them first" in message(deep)
    with pytest.raises(ColumnIndexError):
        as_canonical(deep, "stitch")


@pytest.mark.parametrize("table", [None, 5, "events.csv", [{"event": "x"}], pd.Series([1])])
def test_what_is_no_table_is_refused(table: object) -> None:
    assert "Use a pandas DataFrame of events; read_events reads the rest." in message(table)
    assert "Use a pandas DataFrame of events" in message(table, columns={"a": "b"})


def test_every_step_normalizes_first_what_is_not_canonical() -> None:
    table = frame(user_id=["u"])
    events = as_canonical(table, "stitch")
    assert schema.is_canonical(events)
    assert as_canonical(events, "stitch") is events
    uncoded = events.astype({"user_id": object})
    assert isinstance(as_canonical(uncoded, "stitch")["user_id"].dtype, pd.CategoricalDtype)


# ---- laws ----------------------------------------------------------------------------------------

IDS = st.sampled_from([None, "u1", "u2", "anon_1", "anon_2", "00042", "null", "", UUID, 42])
ROWS = st.lists(
    st.fixed_dictionaries(
        {
            "timestamp": st.sampled_from([T, "2026-01-01 10:00", 1_767_261_600, "1767261600000", pd.Timestamp(T)]),
            "event": st.sampled_from(["page_view", "$pageview", "identify", "$alias", "purchase"]),
            "eventId": st.sampled_from([None, "e1", "e2", "null"]),
            "anonymous_id": IDS,
            "userId": IDS,
            "previousId": IDS,
            "sdk": st.sampled_from([None, "web", "node", "react_native"]),
            "sdk_version": st.sampled_from([None, "1.7.0", "1.7.18"]),
            "revenue": st.sampled_from([None, 5, "9.99", "x"]),
            "currency": st.sampled_from([None, "usd", "USD", "eur"]),
            "url": st.sampled_from([None, "https://a.example/?utm_source=x", "https://a.example/?gclid=1"]),
            "extra": st.sampled_from([None, {"a": 1}, "x"]),
        }
    ),
    max_size=7,
)


def tabled(rows: list[dict[str, Any]]) -> pd.DataFrame:
    names = ["timestamp", "event", "eventId", "anonymous_id", "userId", "previousId", "sdk", "sdk_version", "revenue"]
    return pd.DataFrame(rows, columns=[*names, "currency", "url", "extra"], dtype=object)


@settings(max_examples=40, deadline=None)
@given(ROWS)
def test_normalizing_twice_equals_once(rows: list[dict[str, Any]]) -> None:
    once = normalize_events(tabled(rows))
    pd.testing.assert_frame_equal(normalize_events(once), once)


@settings(max_examples=40, deadline=None)
@given(ROWS, st.randoms(use_true_random=False))
def test_shuffling_rows_gives_the_same_rows(rows: list[dict[str, Any]], chance: Any) -> None:
    table = tabled(rows)
    places = list(range(len(rows)))
    chance.shuffle(places)
    straight = normalize_events(table).astype(object)
    shuffled = normalize_events(table.iloc[places]).astype(object)
    assert straight.columns.tolist() == shuffled.columns.tolist()
    left, right = (
        sorted(map(repr, one.where(one.notna(), None).itertuples(index=False, name=None)))
        for one in (straight, shuffled)
    )
    assert left == right


@settings(max_examples=25, deadline=None)
@given(ROWS)
def test_the_input_is_never_changed(rows: list[dict[str, Any]]) -> None:
    table = tabled(rows)
    before, dtypes = copy.deepcopy(table.to_dict("records")), table.dtypes.tolist()
    events = normalize_events(table)
    for name in events.columns:
        if events[name].dtype == object and len(events):
            events.loc[:, name] = None
    assert repr(table.to_dict("records")) == repr(before)
    assert table.dtypes.tolist() == dtypes


@settings(max_examples=25, deadline=None)
@given(ROWS)
def test_only_redeliveries_are_dropped(rows: list[dict[str, Any]]) -> None:
    report = LoadReport()
    events = normalize_events(tabled(rows), report=report)
    assert len(events) + report.counts.get("redelivered", 0) == len(rows)
    assert set(events.index) <= set(range(len(rows)))


def test_a_canonical_frame_without_names_of_events_is_refused() -> None:
    named = normalize_events(pd.DataFrame({"timestamp": [T], "event_name": ["a"], "user_id": ["u"]}))
    nameless = named.drop(columns="event_name")
    with pytest.raises(MissingColumnsError, match="reads 'event_name', but the table has only"):
        as_canonical(nameless, "stitch")
