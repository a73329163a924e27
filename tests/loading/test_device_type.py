"""Phone, tablet, desktop, app, server: one row a case."""

from __future__ import annotations

from typing import Any

import pandas as pd
import pytest

from datalyr_notebook.loading.normalize import normalize_events

IPHONE = "Mozilla/5.0 (iPhone; CPU iPhone OS 17_0 like Mac OS X) AppleWebKit/605.1.15 Mobile/15E148 Safari/604.1"
IPAD = "Mozilla/5.0 (iPad; CPU OS 17_0 like Mac OS X) AppleWebKit/605.1.15 Mobile/15E148 Safari/604.1"
PIXEL = "Mozilla/5.0 (Linux; Android 14; Pixel 8) AppleWebKit/537.36 Chrome/120.0 Mobile Safari/537.36"
GALAXY_TAB = "Mozilla/5.0 (Linux; Android 13; SM-X900) AppleWebKit/537.36 Chrome/120.0 Safari/537.36"
WINDOWS = "Mozilla/5.0 (Windows NT 10.0; Win64; x64) AppleWebKit/537.36 Chrome/120.0 Safari/537.36"
MAC = "Mozilla/5.0 (Macintosh; Intel Mac OS X 10_15_7) AppleWebKit/605.1.15 Safari/605.1.15"


def device_types(**columns: list[Any]) -> list[str]:
    count = len(next(iter(columns.values())))
    given = {name: pd.Series(values, dtype=object) for name, values in columns.items()}
    base = {"timestamp": ["2026-01-01T10:00:00Z"] * count, "event_name": ["x"] * count, "user_id": ["u"] * count}
    events = normalize_events(pd.DataFrame({**base, **given}))
    return events["device_type"].tolist() if "device_type" in events else ["unknown"] * count


def test_browsers_by_their_user_agent() -> None:
    agents = [IPHONE, IPAD, PIXEL, GALAXY_TAB, WINDOWS, MAC, None, ""]
    expected = ["phone", "tablet", "phone", "tablet", "desktop", "desktop", "unknown", "unknown"]
    assert device_types(user_agent=agents) == expected
    assert device_types(userAgent=agents) == expected


def test_sdks_say_it_themselves() -> None:
    sdks = ["node", "react_native", "swift", "web", "http", None]
    assert device_types(sdk=sdks, user_agent=[WINDOWS] * 6) == ["server", "app", "app", "desktop", "desktop", "desktop"]
    assert device_types(sdk=sdks) == ["server", "app", "app", "unknown", "unknown", "unknown"]


def test_client_hints_and_platform_where_there_is_no_agent() -> None:
    assert device_types(ua_mobile=[True, False, None]) == ["phone", "desktop", "unknown"]
    assert device_types(platform=["ios", "android", "Windows", None]) == ["app", "app", "unknown", "unknown"]


def test_a_tablet_is_a_tablet_whatever_the_hint_says() -> None:
    assert device_types(user_agent=[GALAXY_TAB, PIXEL], ua_mobile=[True, False]) == ["tablet", "phone"]


def test_a_given_type_is_kept_and_the_rest_filled() -> None:
    given = ["desktop", "Phone", " mobile ", "smart tv", None, ""]
    expected = ["desktop", "phone", "phone", "smart tv", "tablet", "tablet"]
    assert device_types(device_type=given, user_agent=[IPAD] * 6) == expected
    assert device_types(deviceType=given, user_agent=[IPAD] * 6) == expected


def test_nothing_known_makes_no_column() -> None:
    base = {"timestamp": ["2026-01-01T10:00:00Z"], "event_name": ["x"], "user_id": ["u"]}
    assert "device_type" not in normalize_events(pd.DataFrame({**base, "user_agent": [None]}))


@pytest.mark.parametrize("agent", ["\ud800", "\x00", "android " * 20_000, "x" * 100_000, "<script>alert(1)</script>"])
def test_hostile_agents_are_read_as_text(agent: str) -> None:
    assert device_types(user_agent=[agent, IPHONE])[1] == "phone"


def test_agents_that_are_no_text_do_not_crash() -> None:
    assert device_types(user_agent=[1, [IPHONE], {"a": 1}, True, 1.5, PIXEL])[5] == "phone"


def test_categories_stand_in_order_of_appearance() -> None:
    frame = pd.DataFrame({"timestamp": ["2026-01-01T10:00:00Z"] * 3, "event_name": ["x"] * 3, "user_id": ["u"] * 3})
    events = normalize_events(frame.assign(user_agent=[WINDOWS, IPHONE, WINDOWS]))
    assert events["device_type"].cat.categories.tolist() == ["desktop", "phone"]
