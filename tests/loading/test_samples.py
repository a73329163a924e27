"""The samples: each is small, reads in silence, and teaches what its README says. Answers worked by hand."""

from __future__ import annotations

import gzip
import json
import runpy
from pathlib import Path
from typing import Any

import pandas as pd
import pytest

from datalyr_notebook.attribution.attribute import attribute
from datalyr_notebook.errors import OptionError
from datalyr_notebook.identity.stitching import stitch
from datalyr_notebook.loading.files import read_events
from datalyr_notebook.loading.report import LoadReport
from datalyr_notebook.loading.samples import SAMPLES, load_sample, sample_path

READ = {
    "seed_journey": "LoadReport: 10 events from 1 file",
    "seed_journey_wire": "LoadReport: 10 events from 1 file; 1 re-delivery dropped",
    "family_tablet": "LoadReport: 9 events from 1 file",
    "kitchen_tablet": "LoadReport: 6 events from 1 file",
    "email_then_login": "LoadReport: 9 events from 1 file",
    "web_to_app": "LoadReport: 8 events from 1 file",
    "traits_over_time": "LoadReport: 20 events from 1 file",
    "spring_sale": "LoadReport: 4,996 events from 1 file",
}


def credited(events: pd.DataFrame, conversion: str = "purchase", **rule: object) -> list[tuple[object, ...]]:
    """Who was credited with what: (person, channel, campaign, credit), an order a row."""
    earned = attribute(stitch(events, **rule), conversion=conversion).credits
    columns = earned[["person_id", "channel", "campaign", "credit"]].astype(object)
    return [tuple(row) for row in columns.itertuples(index=False)]


def rows_of(path: Path) -> list[Any]:
    text = gzip.decompress(path.read_bytes()) if path.suffix == ".gz" else path.read_bytes()
    return [json.loads(line) for line in text.decode("utf-8").splitlines()]


@pytest.mark.parametrize("name", SAMPLES)
def test_every_event_of_a_sample_is_read_and_nothing_is_odd(name: str) -> None:
    report = LoadReport()
    read_events(sample_path(name), report=report)
    assert str(report) == READ[name]


@pytest.mark.parametrize("name", SAMPLES)
def test_a_sample_is_described_and_holds_nothing_but_objects(name: str) -> None:
    path = sample_path(name)
    assert all(isinstance(row, dict) for row in rows_of(path))
    assert path.stat().st_size < (250_000 if path.suffix == ".gz" else 30_000)
    assert f"`{name}`" in path.with_name("README.md").read_text(encoding="utf-8")


def test_an_unknown_sample_is_refused_with_the_names_of_those_there_are() -> None:
    with pytest.raises(OptionError, match=r"load_sample: name='seed' is not known\. Use one of 'seed_journey'"):
        load_sample("seed")


@pytest.mark.parametrize("name", ["seed_journey", "seed_journey_wire"])
def test_mondays_ad_on_the_phone_earned_tuesdays_purchase_on_the_desktop(name: str) -> None:
    events = load_sample(name)
    assert credited(events) == [("user_789", "Paid Social", "fall_launch", 99.99)]
    earned = attribute(stitch(events)).credits
    assert earned[["touched_on", "converted_on"]].to_numpy().tolist() == [["phone", "desktop"]]
    # 1 day, 10 hours, 54 minutes and 45 seconds.
    assert earned["age_days"].round(3).tolist() == [1.455]


@pytest.mark.parametrize("name", ["seed_journey", "seed_journey_wire"])
def test_without_wednesdays_login_the_purchase_is_direct(name: str) -> None:
    events = load_sample(name)
    for rule in ({"policy": "none"}, {"as_of": "2026-09-08T23:59:59Z"}):
        [(person, channel, _, credit)] = credited(events, **rule)
        assert (person, channel, credit) == ("user_789", "Direct", 99.99)


def test_the_wire_delivers_the_purchase_before_its_page_and_one_event_twice() -> None:
    bodies = [json.loads(line) for line in sample_path("seed_journey_wire").read_text(encoding="utf-8").splitlines()]
    sent = [event["event_name"] for body in bodies for event in body["events"]]
    assert sent[sent.index("purchase") + 1] == "pageview"
    assert sent.count("add_to_cart") == 2


def test_on_the_family_tablet_the_session_says_whose_the_servers_purchase_is() -> None:
    events = load_sample("family_tablet")
    assert len(events["anonymous_id"].unique()) == 1
    # Mia logged in at 16:06 and paid at 16:08; Ben logged in two days later.
    assert credited(events) == [
        ("user_101", "Paid Social", "rainy_days", 40.0),
        ("user_102", "Email", "july_sale", 25.0),
    ]
    assert credited(events, policy="next") == [
        ("user_102", "unattributed", "unattributed", 40.0),
        ("user_102", "Email", "july_sale", 25.0),
    ]


def test_on_the_kitchen_tablet_the_policy_says_who_ordered_and_which_ad_earned_it() -> None:
    events = load_sample("kitchen_tablet")
    # Ana logged in at 9:10 and Tom at 12:10; each had tapped an ad 10 minutes before. Orders as a guest: 9:20, 15:00.
    for policy, orders in {
        "session": [("ana", "Paid Social", "summer_trails", 80.0), ("tom", "Paid Search", "camp_kitchen", 50.0)],
        "next": [("tom", "Direct", None, 80.0), ("tom", "Paid Search", "camp_kitchen", 50.0)],
        "previous": [("ana", "Paid Social", "summer_trails", 80.0), ("tom", "Direct", None, 50.0)],
        "first": [("ana", "Paid Social", "summer_trails", 80.0), ("ana", "Paid Social", "summer_trails", 50.0)],
        "last": [("tom", "Paid Social", "summer_trails", 80.0), ("tom", "Paid Social", "summer_trails", 50.0)],
    }.items():
        earned = [tuple(None if pd.isna(one) else one for one in row) for row in credited(events, policy=policy)]
        assert earned == orders


def test_an_email_then_a_login_are_one_person_only_by_the_email() -> None:
    events = load_sample("email_then_login")
    apart, joined = stitch(events), stitch(events, merge_on=("email",))
    assert apart["person_id"].unique().tolist() == ["kate@example.com", "user_42"]
    assert joined["person_id"].unique().tolist() == ["user_42"]
    [(_, channel, _, _)] = credited(events)
    assert channel == "Direct"
    assert credited(events, merge_on=("email",)) == [("user_42", "Paid Search", "camping_gear", 249.0)]


def test_a_subscription_in_the_app_finds_its_click_on_the_web() -> None:
    events = load_sample("web_to_app")
    stitched = stitch(events)
    assert stitched["person_id"].unique().tolist() == ["user_leo"]
    assert stitched.loc[stitched["sdk"] == "web", "person_via"].tolist() == ["bridge", "bridge"]
    assert credited(events, "subscribe") == [("user_leo", "Paid Social", "app_launch", 9.99)]
    [(_, channel, _, credit)] = credited(events, "subscribe", bridges=("email",))
    assert (channel, credit) == ("unattributed", 9.99)


def test_the_spring_sale_is_what_its_script_writes() -> None:
    path = sample_path("spring_sale")
    made = runpy.run_path(str(path.with_name("make_spring_sale.py")))["events"]()
    assert made == rows_of(path)


def test_the_spring_sale_has_what_its_readme_says() -> None:
    rows = rows_of(sample_path("spring_sale"))
    orders = [row for row in rows if row["event_name"] == "purchase" and row["sdk"] == "web"]
    copies = [row for row in rows if row["event_name"] == "purchase" and row["sdk"] == "node"]
    assert len({row["order_id"] for row in orders}) == len(orders)
    assert {row["order_id"] for row in copies} < {row["order_id"] for row in orders}
    assert len(copies) / len(orders) == pytest.approx(0.25, abs=0.06)
    guests = [row for row in orders if row["user_id"] is None]
    assert len(guests) / len(orders) == pytest.approx(0.1, abs=0.05)
    users: dict[str, set[str]] = {}
    for row in rows:
        if row["event_name"] == "$identify":
            users.setdefault(row["anonymous_id"], set()).add(row["user_id"])
            assert row["traits"] == {"email": f"{row['user_id']}@example.com"}
    assert max(len(known) for known in users.values()) == 2
    names = {row["event_name"] for row in rows}
    assert names == {"pageview", "view_item", "lead", "opportunity", "$identify", "purchase", "refund"}
