"""people and match_rate: small crowds with every number in sight."""

from __future__ import annotations

from typing import Any

import numpy as np
import pandas as pd
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

import datalyr_notebook as dn
from datalyr_notebook import schema
from datalyr_notebook.errors import ColumnClashError, CurrencyError, NotStitchedError, OptionError
from datalyr_notebook.identity.policies import POLICIES
from datalyr_notebook.studies.match_rate import match_rate
from datalyr_notebook.studies.people import people
from tests.strategies import rows, table

SHOP = pd.DataFrame(
    [
        # Thursday 2026-01-01 to Monday 2026-01-05: Kate's phone and desk, Tom's app, a stranger, a row of nobody.
        ("2026-01-01T10:00Z", "pageview", "phone", None, "web", None, None),
        ("2026-01-02T10:00Z", "$identify", "desk", "kate", "web", None, None),
        ("2026-01-02T10:05Z", "purchase", "desk", "kate", "web", 60.0, "A1"),
        ("2026-01-02T10:06Z", "purchase", None, "kate", "node", 60.0, "A1"),
        ("2026-01-03T10:00Z", "$identify", "phone", "kate", "web", None, None),
        ("2026-01-04T10:00Z", "refund", "desk", "kate", "web", -10.0, "A1"),
        ("2026-01-05T10:00Z", "purchase", "app", None, "swift", 30.0, "A2"),
        ("2026-01-05T11:00Z", "$identify", "app", "tom", "swift", None, None),
        ("2026-01-05T12:00Z", "purchase", "anon_s", None, "web", 20.0, "A3"),
        ("2026-01-05T13:00Z", "purchase", None, None, "web", 99.0, "A4"),
    ],
    columns=["timestamp", "event_name", "anonymous_id", "user_id", "sdk", "value", "order_id"],
).assign(currency="USD")
SHOP["traits"] = [None, {"plan": "pro"}, None, None, {"city": "Bonn"}, None, None, {"plan": "free"}, None, None]


def test_one_row_a_person_with_everything_they_did() -> None:
    found = people(dn.stitch(SHOP))
    assert found.index.name == "person_id"
    assert found.index.tolist() == ["kate", "tom", "anon_s"]
    assert found["user_ids"].tolist() == [["kate"], ["tom"], []]
    assert found["devices"].tolist() == [["phone", "desk"], ["app"], ["anon_s"]]
    assert found["sdks"].tolist() == [["web", "node"], ["swift"], ["web"]]
    assert found["events"].tolist() == [6, 2, 1]
    assert found["conversions"].tolist() == [1, 1, 1]
    assert found["value"].tolist() == [50.0, 30.0, 20.0]
    assert found["first_seen"].dt.day.tolist() == [1, 5, 5]
    assert found["last_seen"].dt.day.tolist() == [4, 5, 5]


def test_the_options_of_conversions() -> None:
    stitched = dn.stitch(SHOP)
    assert people(stitched, refunds="ignore").loc["kate", "value"] == 60.0
    assert people(stitched, conversion="$identify").loc["kate", ["conversions", "value"]].tolist() == [2, 0.0]
    mixed = SHOP.assign(currency=["USD"] * 6 + ["EUR"] * 4)
    with pytest.raises(CurrencyError):
        people(dn.stitch(mixed))
    assert people(dn.stitch(mixed), rates={"USD": 1, "EUR": 2}).loc["tom", "value"] == 60.0


def test_traits_that_are_asked_for_come_behind(caplog: pytest.LogCaptureFixture) -> None:
    stitched = dn.stitch(SHOP)
    found = people(stitched, traits=["city", "plan"])
    assert found.columns.tolist() == [*schema.names(schema.PEOPLE), "city", "plan"]
    assert found["plan"].astype(object).where(found["plan"].notna(), None).tolist() == ["pro", "free", None]
    assert found["city"].iloc[0] == "Bonn"
    assert people(stitched).columns.tolist() == schema.names(schema.PEOPLE)
    with caplog.at_level("INFO"):
        assert people(stitched, traits=["pla"])["pla"].isna().all()
    assert "nobody has the traits 'pla'" in caplog.text


def test_a_trait_of_the_name_of_a_column_is_refused() -> None:
    stitched = dn.stitch(SHOP.assign(traits=[{"value": 3}] + [None] * 9))
    with pytest.raises(
        ColumnClashError, match=r"adds each trait as a column of its name, but the table already has 'value'"
    ):
        people(stitched, traits=["value"])
    with pytest.raises(OptionError, match=r"traits='plan' is not known\. Use a tuple of texts"):
        people(stitched, traits="plan")


def test_merged_users_and_server_ids() -> None:
    events = pd.DataFrame(
        {
            "timestamp": ["2026-01-02T10:00Z", "2026-01-01T10:00Z", "2026-01-03T10:00Z", "2026-01-04T10:00Z"],
            "event_name": ["pageview", "pageview", "$alias", "order_paid"],
            "anonymous_id": ["d2", "d1", "d2", "one-shot"],
            "user_id": ["new", "old", "new", "new"],
            "previous_id": [None, None, "old", None],
            "sdk": ["web", "web", "web", "node"],
        }
    )
    found = people(dn.stitch(events))
    assert found.index.tolist() == ["new"]
    assert found.loc["new", ["user_ids", "devices", "sdks"]].tolist() == [["old", "new"], ["d1", "d2"], ["web", "node"]]


def test_a_blocked_id_is_no_user_of_the_device_it_stands_on() -> None:
    events = pd.DataFrame(
        {"timestamp": "2026-01-01T10:00Z", "event_name": "pageview", "anonymous_id": ["d"], "user_id": ["kiosk"]}
    )
    assert people(dn.stitch(events, block=("kiosk",))).loc["d", "user_ids"] == []


def test_people_of_one_instant_stand_in_order_of_their_names() -> None:
    events = pd.DataFrame({"timestamp": "2026-01-01T10:00Z", "event_name": "x", "user_id": ["u3", "u10", "u2"]})
    assert people(dn.stitch(events)).index.tolist() == ["u10", "u2", "u3"]


def test_people_who_own_no_row_of_a_part_are_not_in_it() -> None:
    assert people(dn.stitch(SHOP).iloc[6:8]).index.tolist() == ["tom"]


def test_match_rate_by_sdk() -> None:
    """Web: 7 events, 5 Kate's; value 50 Kate's, 20 the stranger's. The row of nobody counts as an event."""
    found = match_rate(dn.stitch(SHOP)).set_index("sdk")
    assert found.index.tolist() == ["node", "swift", "web"]
    assert found["people"].tolist() == [1, 1, 2]
    assert found["events"].tolist() == [1, 2, 7]
    assert found["value"].tolist() == [0.0, 30.0, 70.0]
    assert found["people_matched"].tolist() == [1.0, 1.0, 0.5]
    assert found["events_matched"].tolist() == [1.0, 1.0, 5 / 7]
    assert np.isnan(found.loc["node", "value_matched"])
    assert found["value_matched"].tolist()[1:] == [1.0, 50 / 70]


def test_match_rate_over_time() -> None:
    """The week of 2025-12-29 ends on Sunday; Monday 2026-01-05 starts the next one."""
    stitched = dn.stitch(SHOP)
    week = match_rate(stitched, by="week")
    assert week["week"].dt.strftime("%Y-%m-%d %H:%M").tolist() == ["2025-12-29 00:00", "2026-01-05 00:00"]
    assert str(week["week"].dt.tz) == "UTC"
    assert week["events"].tolist() == [6, 4]
    assert week["events_matched"].tolist() == [1.0, 0.5]
    assert match_rate(stitched, by="month")["month"].dt.strftime("%Y-%m-%d").tolist() == ["2026-01-01"]
    assert match_rate(stitched, by="day")["day"].dt.day.tolist() == [1, 2, 3, 4, 5]


@pytest.mark.parametrize(
    ("instant", "monday"),
    [
        ("2026-01-04T23:59:59.999999Z", "2025-12-29"),
        ("2026-01-05T00:00Z", "2026-01-05"),
        ("1969-12-28T12:00Z", "1969-12-22"),
        ("1970-01-01T00:00Z", "1969-12-29"),
    ],
)
def test_a_week_starts_on_monday_at_midnight_utc(instant: str, monday: str) -> None:
    stitched = dn.stitch(pd.DataFrame({"timestamp": [instant], "event_name": "x", "user_id": "u"}))
    assert match_rate(stitched, by="week")["week"].dt.strftime("%Y-%m-%d").tolist() == [monday]


def test_match_rate_by_several() -> None:
    found = match_rate(dn.stitch(SHOP), by=["sdk", "week"])
    assert found[["sdk", "events"]].to_numpy().tolist() == [["node", 1], ["swift", 2], ["web", 5], ["web", 2]]
    assert found.columns.tolist() == ["sdk", "week", *schema.names(schema.MATCH_RATE)]


def test_events_without_the_column_are_a_group_of_their_own_and_come_last() -> None:
    found = match_rate(dn.stitch(SHOP), by="user_id")
    assert found["user_id"].tolist()[:2] == ["kate", "tom"]
    assert pd.isna(found["user_id"].iloc[2])
    assert found["events"].tolist() == [5, 1, 4]


def test_a_bridge_to_a_device_without_a_user_matches_nobody() -> None:
    events = pd.DataFrame(
        {
            "timestamp": ["2026-01-01T10:00Z", "2026-01-01T11:00Z"],
            "event_name": ["pageview", "$web_attribution_matched"],
            "anonymous_id": ["anon_web", "anon_app"],
            "sdk": ["web", "swift"],
            "web_visitor_id": [None, "anon_web"],
            "match_method": [None, "email"],
        }
    )
    stitched = dn.stitch(events)
    assert stitched["person_via"].tolist() == ["anonymous", "bridge"]
    assert match_rate(stitched)["events_matched"].tolist() == [0.0, 0.0]
    login = pd.DataFrame(
        {"timestamp": ["2026-01-01T10:30Z"], "event_name": "$identify", "anonymous_id": "anon_web", "user_id": "u"}
    )
    known = dn.stitch(pd.concat([events, login.assign(sdk="web")], ignore_index=True))
    assert known["person_via"].tolist() == ["session", "bridge", "own"]
    assert match_rate(known)["events_matched"].tolist() == [1.0, 1.0]


@pytest.mark.parametrize("by", ["weekday", [], ["sdk", "sdk"], "value", "traits"])
def test_an_unknown_column_is_named(by: Any) -> None:
    with pytest.raises(OptionError, match="match_rate: by="):
        match_rate(dn.stitch(SHOP), by=by)


def test_a_column_of_lists_is_refused() -> None:
    with pytest.raises(OptionError, match="a column of plain values"):
        match_rate(dn.stitch(SHOP.assign(tags=[["a"]] * 10)), by="tags")


@pytest.mark.parametrize("function", [people, match_rate])
def test_events_that_are_not_stitched_are_refused(function: Any) -> None:
    with pytest.raises(NotStitchedError):
        function(dn.normalize_events(SHOP))


def test_empty_tables_keep_their_columns() -> None:
    nothing = dn.stitch(SHOP).iloc[:0]
    expected = schema.empty(schema.PEOPLE).dtypes.astype(str).to_dict()
    assert people(nothing).dtypes.astype(str).to_dict() == expected
    rates = match_rate(nothing, by=["sdk", "week"])
    assert rates.drop(columns=["sdk", "week"]).dtypes.astype(str).to_dict() == (
        schema.empty(schema.MATCH_RATE).dtypes.astype(str).to_dict()
    )
    assert str(rates["week"].dtype) == schema.TIME


@settings(max_examples=12, deadline=None)
@given(found=rows(), policy=st.sampled_from([*POLICIES]), data=st.data())
def test_everybody_and_every_conversion_is_counted_once(
    found: list[dict[str, Any]], policy: str, data: st.DataObject
) -> None:
    stitched = dn.stitch(table(found), policy=policy)
    before = stitched.copy(deep=True)
    everybody, by_sdk = people(stitched), match_rate(stitched)
    owned = stitched["person_id"].notna().sum()
    conversions = dn.find_conversions(stitched)
    assert everybody["events"].sum() == owned
    assert everybody["conversions"].sum() == len(conversions)
    assert everybody["value"].sum() == pytest.approx(conversions["value"].sum())
    assert set(everybody.index) == set(stitched["person_id"].dropna())
    assert by_sdk["events"].sum() == len(stitched)
    assert by_sdk["value"].sum() == pytest.approx(conversions["value"].sum())
    users = set(stitched["user_id"].dropna()) if "user_id" in stitched else set()
    users |= set(stitched["new_user_id"].dropna()) if "new_user_id" in stitched else set()
    known = stitched["person_id"].isin(users)
    assert (by_sdk["events"] * by_sdk["events_matched"]).sum() == pytest.approx(known.sum())
    shuffled = dn.stitch(table(data.draw(st.permutations(found))), policy=policy)
    pd.testing.assert_frame_equal(people(shuffled), everybody)
    pd.testing.assert_frame_equal(match_rate(shuffled), by_sdk)
    pd.testing.assert_frame_equal(stitched, before)
