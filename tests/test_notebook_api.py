"""The notebook on the API keeps its promise: a pull that broke off is continued, and the result is what was served."""

from __future__ import annotations

import gzip
import json
import math
from collections import Counter, defaultdict
from collections.abc import Mapping
from typing import Any
from urllib.parse import parse_qs, urlsplit

import pytest

from tests.test_notebooks import FOLDER, ROOT, conclusions

SHOP = [
    json.loads(line)
    for line in gzip.decompress((ROOT / "sample_data" / "spring_sale.jsonl.gz").read_bytes()).decode().splitlines()
]
"""The events of the sample as they stand in its file, read without the package."""
MAY = [event for event in SHOP if event["timestamp"] >= "2026-05-01"]
BY_DAY = Counter(event["timestamp"][:10] for event in SHOP)
DAYS = sorted(BY_DAY)
FIRST_WEEK = [f"2026-05-0{day}" for day in range(1, 8)]
BROKEN_AT, PAGE_SIZE = 81, 50


@pytest.fixture(scope="module")
def found() -> dict[str, Any]:
    with pytest.MonkeyPatch.context() as patch:
        patch.setenv("PYTHONPATH", str(ROOT))  # the kernel runs this checkout, installed or not
        patch.setenv("DATALYR_API_KEY", "dk_somebodys_own")  # no cell depends on the reader's key, or sends it
        return conclusions(
            FOLDER / "06_pull_from_the_api.ipynb",
            {
                "client": "repr(client)",
                "keys": "[call.has_key for call in sandbox.requests].count(False)",
                "refused": "refused",
                "week": "week.to_dict('list')",
                "campaigns": "campaigns.set_index('campaign')['pageviews'].to_dict()",
                "phones": "devices.loc[devices['name'] == 'phone', ['day', 'visitors']].to_numpy().tolist()",
                "said": "said",
                "table": "table.to_dict('list')",
                "broken": "broken",
                "kept": "kept",
                "told": "told.stdout.splitlines()",
                "again": "asked_again['start_date'].tolist()",
                "pulled": "events['event_id'].tolist()",
                "check": "check",
                "other": "other",
                "midnights": "[excluded, windows, included]",
                "waited": "waited.stdout",
                "limited": "[str(limited), limited.status, limited.reset_at.tzname()]",
                "may": "sorted(may['event_id'])",
                "one_day": "len(one_day)",
                "social": "result.totals.set_index('channel').loc['Paid Social', 'credit']",
                "story": "story.touches[['touch_id', 'hybrid']].to_numpy().tolist()",
                "is_left": "Path(home.name).exists()",
            },
        )


def pageviews(events: list[dict[str, Any]]) -> list[dict[str, Any]]:
    return [event for event in events if event["event_name"] == "pageview"]


def test_the_key_is_sent_to_the_sandbox_and_shown_nowhere(found: Mapping[str, Any]) -> None:
    assert "api_key=<set>" in found["client"]
    assert found["keys"] == 1  # the mistyped one
    assert "401" in found["refused"]
    everything = (FOLDER / "06_pull_from_the_api.ipynb").read_text(encoding="utf-8") + json.dumps(found)
    assert "dk_somebodys_own" not in everything
    assert "dk_mistyped" not in json.dumps(found)


def test_the_tables_are_the_numbers_of_the_events(found: Mapping[str, Any]) -> None:
    visitors, views = defaultdict(set), Counter(event["timestamp"][:10] for event in pageviews(MAY))
    phones = defaultdict(set)
    for event in MAY:
        visitor = event["anonymous_id"] or event["user_id"]
        visitors[event["timestamp"][:10]].add(visitor)
        agent = event.get("user_agent") or ""
        if "Mobile" in agent and "iPad" not in agent:
            phones[event["timestamp"][:10]].add(visitor)
    assert found["week"]["date"] == [f"{day}T00:00:00Z" for day in FIRST_WEEK]
    assert found["week"]["visitors"] == [len(visitors[day]) for day in FIRST_WEEK]
    assert found["week"]["pageviews"] == [views[day] for day in FIRST_WEEK]
    assert found["phones"] == [[day, len(phones[day])] for day in FIRST_WEEK]
    named = Counter(
        campaign
        for event in pageviews(MAY)
        for campaign in parse_qs(urlsplit(event.get("url") or "").query).get("utm_campaign", [])
    )
    assert len(found["campaigns"]) == 5
    assert found["campaigns"] == {campaign: named[campaign] for campaign in found["campaigns"]}
    assert found["said"] == found["table"]
    assert found["said"]["pageviews"] == found["week"]["pageviews"][:2]


def test_the_pull_breaks_in_the_middle_of_a_day_and_goes_on_with_that_day(found: Mapping[str, Any]) -> None:
    pages = [day for day in DAYS for _ in range(math.ceil(BY_DAY[day] / PAGE_SIZE))]
    broken_day = pages[BROKEN_AT - 1]
    assert (broken_day, pages[BROKEN_AT - 2]) == ("2026-05-09", "2026-05-09")
    whole = DAYS[: DAYS.index(broken_day)]
    assert "was not answered" in found["broken"]
    assert found["kept"] == [f"{day}T00-00-00Z.parquet" for day in whole]
    assert (len(whole), len(DAYS) - len(whole)) == (38, 23)
    assert found["told"] == ["events: 38 of 61 windows were in 'spring' already."]
    left = [broken_day, *(day for day in pages if day >= broken_day)]  # its first page twice: it may be a stale one
    assert found["again"] == [f"{day}T00:00:00Z" for day in left]


def test_nothing_is_missing_and_nothing_comes_twice(found: Mapping[str, Any]) -> None:
    assert sorted(found["pulled"]) == sorted(event["event_id"] for event in SHOP)
    assert found["check"] == {
        "events on the server": 4996,
        "events pulled": 4996,
        "missing": 0,
        "not from there": 0,
        "come twice": 0,
        "cells that differ": 0,
        "asked again from": "2026-05-09T00:00:00Z",
    }
    assert found["other"].startswith("Client.events keeps the parts of one pull in checkpoint='…")
    assert "belongs to another pull" in found["other"]


def test_the_end_is_excluded_from_events_and_included_in_numbers(found: Mapping[str, Any]) -> None:
    first, second, third = (f"2026-05-0{day}T00:00:00Z" for day in (1, 2, 3))
    assert found["midnights"] == [["May 1", "May 2"], [[first, second], [second, third]], [1, 1, 1]]


def test_the_rate_limit_is_waited_for_or_told(found: Mapping[str, Any]) -> None:
    assert found["waited"].startswith("Waiting 2 s (rate limit)")
    words, status, zone = found["limited"]
    assert "max_wait_s=5" in words
    assert (status, zone) == (429, "UTC")


def test_the_folder_is_read_whole_or_by_the_day_and_deleted(found: Mapping[str, Any]) -> None:
    assert found["may"] == sorted(event["event_id"] for event in MAY)
    assert found["one_day"] == BY_DAY["2026-05-12"]
    assert not found["is_left"]


def test_the_order_goes_to_the_ad_of_may_2_and_the_sum_is_that_of_the_file(found: Mapping[str, Any]) -> None:
    [order] = [event for event in SHOP if event.get("order_id") == "T-4348"]
    devices = {event["anonymous_id"] for event in SHOP if event["user_id"] == order["user_id"]}
    [ad] = [
        event for event in SHOP if event["anonymous_id"] in devices and "utm_source=facebook" in event.get("url", "")
    ]
    assert ad["timestamp"][:10] == "2026-05-02"
    assert ad["timestamp"] < "2026-05-09" < order["timestamp"]
    assert [touch for touch, share in found["story"] if share == 1.0] == [ad["event_id"]]
    # The amount is that of the investigation.
    assert round(found["social"]) == 9998
