"""Shared devices: who was seen on them, how often they changed hands, and what is no device."""

from __future__ import annotations

from typing import Any

import pandas as pd
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from datalyr_notebook import schema
from datalyr_notebook.errors import OptionError
from datalyr_notebook.identity.shared_devices import shared_devices
from tests.strategies import records, rows, table


def events(*told: tuple[Any, ...], **more: Any) -> pd.DataFrame:
    """Rows of (hour, anonymous_id, user_id) of 2026-01-01, or (hour, anonymous_id, user_id, event_name)."""
    filled = [(*row, "pageview")[:4] for row in told]
    frame = pd.DataFrame(filled, columns=["hour", "anonymous_id", "user_id", "event_name"], dtype=object)
    frame["timestamp"] = pd.Timestamp("2026-01-01T00:00Z") + pd.to_timedelta(frame.pop("hour").astype(float), unit="h")
    return frame.assign(**more)


def test_a_tablet_that_goes_round() -> None:
    """Kate, Tom, Kate, nobody, Kate, Tom: two users, three switches; the phone is Kate's alone."""
    told = [(9, "tablet", "kate"), (10, "tablet", "tom"), (11, "tablet", "kate"), (12, "tablet", None)]
    found = shared_devices(events(*told, (13, "tablet", "kate"), (14, "tablet", "tom"), (9, "phone", "kate")))
    assert len(found) == 1
    row = found.iloc[0]
    assert row[["anonymous_id", "users", "user_ids", "events", "switches", "is_crowded"]].tolist() == [
        "tablet", 2, ["kate", "tom"], 6, 3, False,
    ]  # fmt: skip
    assert [row["first_seen"].hour, row["last_seen"].hour] == [9, 14]


def test_the_devices_with_the_most_users_come_first_then_the_busiest_then_by_name() -> None:
    told = [(1, name, user) for name in ("c", "b") for user in ("u1", "u2")]
    told += [(1, "a", "u1"), (2, "a", "u2"), (3, "a", None), (1, "d", "u1"), (2, "d", "u2"), (3, "d", "u3")]
    assert shared_devices(events(*told))["anonymous_id"].tolist() == ["d", "a", "b", "c"]


def test_users_who_are_one_person_are_one_user() -> None:
    told = events((1, "d", "old"), (2, "d", "new"), (3, "other", "new", "$alias"))
    assert len(shared_devices(told)) == 1
    told["previous_id"] = [None, None, "old"]
    assert len(shared_devices(told)) == 0
    third = pd.concat([told, events((4, "d", "tom"))], ignore_index=True)
    found = shared_devices(third)
    assert found["user_ids"].tolist() == [["new", "tom"]]
    assert found["switches"].tolist() == [1]


def test_a_shared_email_makes_one_user_only_where_it_is_trusted() -> None:
    told = events((1, "d", "u1", "$identify"), (2, "d", "u2", "$identify"))
    told["traits"] = [{"email": "kate@shop.com"}, {"email": " Kate@Shop.com"}]
    assert shared_devices(told)["users"].tolist() == [2]
    assert len(shared_devices(told, merge_on=("email",))) == 0


def test_an_alias_on_another_device_shows_a_user_of_this_one() -> None:
    told = events((1, "anon_d", "u1"), (5, "anon_x", "u2", "$alias"))
    told["previous_id"] = [None, "anon_d"]
    found = shared_devices(told)
    assert found[["anonymous_id", "users", "events", "switches"]].to_numpy().tolist() == [["anon_d", 2, 1, 1]]


def test_a_servers_one_shot_id_is_no_device() -> None:
    told = events((1, "srv", "u1"), (2, "srv", "u2"), (1, "web", "u1"), (2, "web", "u2"))
    told["sdk"] = ["node", "node", "web", "node"]
    assert shared_devices(told)["anonymous_id"].tolist() == ["web"]


def test_crowded_is_more_than_the_limit() -> None:
    told = events(*[(hour, "kiosk", f"u{hour}") for hour in range(4)])
    assert shared_devices(told, max_users_per_device=4)["is_crowded"].tolist() == [False]
    assert shared_devices(told, max_users_per_device=3)["is_crowded"].tolist() == [True]


def test_blocked_ids_are_nobodys_and_later_events_unknown() -> None:
    told = events((1, "d", "u1"), (2, "d", "kiosk"), (5, "d", "u3"))
    assert shared_devices(told, block=("kiosk",))["user_ids"].tolist() == [["u1", "u3"]]
    assert shared_devices(told, as_of="2026-01-01T03:00Z")["user_ids"].tolist() == [["u1", "kiosk"]]


@pytest.mark.parametrize(
    "told", [events(), events((1, "d", "u1")), events((1, "d", None), (2, "d", None)), events((1, None, "u1"))]
)
def test_no_shared_device_is_an_empty_table_of_the_same_columns(told: pd.DataFrame) -> None:
    found = shared_devices(told)
    assert found.dtypes.astype(str).to_dict() == schema.empty(schema.SHARED_DEVICES).dtypes.astype(str).to_dict()


def test_an_unknown_option_is_named() -> None:
    with pytest.raises(OptionError, match="option='polcy' is not known"):
        shared_devices(events((1, "d", "u1")), polcy="next")


@settings(max_examples=15, deadline=None)
@given(found=rows(bridges=False), data=st.data())
def test_the_order_of_rows_does_not_matter(found: list[dict[str, Any]], data: st.DataObject) -> None:
    shuffled = data.draw(st.permutations(found))
    pd.testing.assert_frame_equal(shared_devices(table(found)), shared_devices(table(shuffled)))


@settings(max_examples=20, deadline=None)
@given(found=rows(bridges=False))
def test_counts_of_rows_without_aliases(found: list[dict[str, Any]]) -> None:
    """Without aliases: the distinct user_ids of every client device, counted in plain Python."""
    plain = [row for row in found if row["event_name"] != "$alias"]
    if not plain:
        return
    events = table(plain)
    told = records(events)
    clients = {row.get("anonymous_id") for row in told if row["sdk"] != "node"} - {None}
    expected = {}
    for device in clients:
        own = [row for row in told if row["anonymous_id"] == device]
        users = {row.get("user_id") for row in own} - {None}
        if len(users) > 1:
            expected[device] = (sorted(users), len(own))
    got = shared_devices(events).itertuples(index=False)
    assert {row.anonymous_id: (sorted(row.user_ids), row.events) for row in got} == expected
