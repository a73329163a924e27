"""stitching_impact: the same events, device by device and person by person."""

from __future__ import annotations

from typing import Any

import pandas as pd
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

import datalyr_notebook as dn
from datalyr_notebook import schema
from datalyr_notebook.errors import OptionError
from tests.strategies import rows, table

TWO_DEVICES = pd.DataFrame(
    [
        # kate: an ad on the phone, a direct visit and an order on the desktop, then a login on the phone
        ("2026-01-01T10:00Z", "pageview", "k_phone", None, "tiktok", "cpc", None, "phone"),
        ("2026-01-02T10:00Z", "pageview", "k_desk", "kate", None, None, None, "desktop"),
        ("2026-01-02T10:05Z", "purchase", "k_desk", "kate", None, None, 60.0, "desktop"),
        ("2026-01-03T10:00Z", "$identify", "k_phone", "kate", None, None, None, "phone"),
        # lee: all on one phone
        ("2026-01-01T10:00Z", "pageview", "l_phone", "lee", "google", "cpc", None, "phone"),
        ("2026-01-01T10:05Z", "purchase", "l_phone", "lee", None, None, 40.0, "phone"),
    ],
    columns=["timestamp", "event_name", "anonymous_id", "user_id", "source", "medium", "value", "device_type"],
)


def test_an_order_that_only_the_phone_explains() -> None:
    impact = dn.stitching_impact(TWO_DEVICES, n=100)
    assert impact.credit[["channel", "without", "with", "change"]].values.tolist() == [
        ["Paid Social", 0.0, 60.0, 60.0],
        ["Direct", 60.0, 0.0, -60.0],
        ["Paid Search", 40.0, 40.0, 0.0],
    ]
    (order,) = impact.conversions.to_dict("records")
    assert (order["person_id"], order["value"]) == ("kate", 60.0)
    assert (order["credited_without"], order["credited_with"]) == ("Direct", "Paid Social")
    assert (order["touched_on"], order["converted_on"]) == ("phone", "desktop")
    assert impact.devices[["touched_on", "converted_on", "conversions", "credit", "share"]].values.tolist() == [
        ["phone", "desktop", 1, 60.0, 0.6],
        ["phone", "phone", 1, 40.0, 0.4],
    ]
    facts = impact.summary.iloc[0]
    assert (facts["people_without"], facts["people_with"]) == (3, 2)
    assert (facts["cross_device"], facts["cross_device_value"], facts["cross_device_share"]) == (1, 60.0, 0.6)
    assert (facts["only_across_devices"], facts["only_across_devices_value"]) == (1, 60.0)
    assert "of 100.00, stitching moves 60.00 to other groups" in repr(impact)
    assert "touches on other devices earn 60.0%" in repr(impact)
    assert "and all of 1 conversion worth 60.00" in repr(impact)


def test_an_order_that_shares_its_credit_crosses_devices_but_does_not_only_exist_there() -> None:
    impact = dn.stitching_impact(TWO_DEVICES, model="linear", n=10)
    facts = impact.summary.iloc[0]
    assert (facts["cross_device"], facts["cross_device_value"], facts["only_across_devices"]) == (1, 30.0, 0)
    assert len(impact.conversions) == 0


def test_both_sides_of_an_order_are_drawn_together() -> None:
    """What moves from Direct to Paid Social is one order: the two changes mirror each other in every draw."""
    credit = dn.stitching_impact(TWO_DEVICES, n=500).credit.set_index("channel")
    assert credit.loc["Paid Social", ["low", "high"]].tolist() == [0.0, 180.0]
    assert credit.loc["Direct", ["low", "high"]].tolist() == [-180.0, 0.0]
    assert credit.loc["Paid Search", ["low", "high"]].tolist() == [0.0, 0.0]


def test_the_share_that_crosses_devices_has_an_interval() -> None:
    """40 people as kate, 60 as lee: 40 * 60 of 40 * 60 + 60 * 40 = half, ± 10 or so."""
    copies = []
    for number in range(100):
        one = TWO_DEVICES.iloc[:4] if number < 40 else TWO_DEVICES.iloc[4:]
        ids = one[["anonymous_id", "user_id"]] + f"_{number}"
        copies.append(one.assign(anonymous_id=ids["anonymous_id"], user_id=ids["user_id"]))
    facts = dn.stitching_impact(pd.concat(copies, ignore_index=True), n=1000).summary.iloc[0]
    assert facts["cross_device_share"] == 0.5
    # the ratio's standard error: sqrt(p * q * (p + q ...)) by the delta method is 0.0510
    assert facts["share_low"] == pytest.approx(0.5 - 1.96 * 0.051, abs=0.012)
    assert facts["share_high"] == pytest.approx(0.5 + 1.96 * 0.051, abs=0.012)


def test_an_order_that_two_devices_sent_counts_twice_without_stitching() -> None:
    twice = pd.concat([TWO_DEVICES, TWO_DEVICES.iloc[[2]].assign(anonymous_id="k_phone")], ignore_index=True)
    twice["order_id"] = [None, None, "A1", None, None, "B1", "A1"]
    facts = dn.stitching_impact(twice, n=10).summary.iloc[0]
    assert (facts["conversions_without"], facts["conversions_with"]) == (3, 2)
    assert (facts["value_without"], facts["value_with"]) == (160.0, 100.0)


def test_other_columns_options_and_instants() -> None:
    impact = dn.stitching_impact(TWO_DEVICES, by=["source", "medium"], n=10, policy="session", lookback="12h")
    assert impact.credit.columns[:3].tolist() == ["source", "medium", "without"]
    assert impact.summary["credit_moved"].item() == 0.0
    early = dn.stitching_impact(TWO_DEVICES, n=10, as_of="2026-01-02T12:00Z")
    assert early.summary["credit_moved"].item() == 0.0


def test_a_mask_of_conversions() -> None:
    mask = (TWO_DEVICES["value"] > 50).to_numpy()
    impact = dn.stitching_impact(TWO_DEVICES, conversion=mask, n=10)
    assert impact.summary["value_with"].item() == 60.0
    named = dn.stitching_impact(TWO_DEVICES, conversion={"large order": mask}, n=10, as_of="2026-01-02T12:00Z")
    assert named.summary["value_with"].item() == 60.0


def test_nothing_to_tell() -> None:
    impact = dn.stitching_impact(TWO_DEVICES, conversion="signup", n=10)
    assert len(impact.credit) == len(impact.conversions) == len(impact.devices) == 0
    assert impact.conversions.columns.tolist() == schema.names(schema.ACROSS_DEVICES)
    assert impact.devices.columns.tolist() == schema.names(schema.DEVICE_MATRIX)
    assert "of 0.00, stitching moves 0.00" in repr(impact)


@pytest.mark.parametrize(
    ("options", "words"),
    [
        ({"model": "participation"}, "stitching_impact: model='participation' is not known. Use one model that shares"),
        ({"model": ["linear", "hybrid"]}, "one model that shares out each conversion"),
        ({"as_of": "event"}, "as_of='event' is not known"),
        ({"colour": 1}, "option='colour' is not known"),
        ({"n": 1}, "n=1 is not known"),
    ],
)
def test_bad_options(options: dict[str, Any], words: str) -> None:
    with pytest.raises(OptionError, match=words):
        dn.stitching_impact(TWO_DEVICES, **options)


def test_texts_of_events_are_escaped() -> None:
    hostile = TWO_DEVICES.assign(source="<img src=x onerror=alert(1)>", medium="cpc")
    shown = dn.stitching_impact(hostile, by="source", n=10)._repr_html_()
    assert "<img" not in shown
    assert "&lt;img" in shown


@settings(max_examples=12)
@given(rows(), st.sampled_from(["hybrid", "linear", "last_touch"]))
def test_each_side_sums_to_what_it_counts(drawn: list[dict[str, Any]], model: str) -> None:
    events = table(drawn)
    impact = dn.stitching_impact(events, model=model, n=3, refunds="ignore")
    facts = impact.summary.iloc[0]
    assert impact.credit["without"].sum() == pytest.approx(facts["value_without"], abs=1e-9)
    assert impact.credit["with"].sum() == pytest.approx(facts["value_with"], abs=1e-9)
    assert impact.devices["credit"].sum() == pytest.approx(facts["value_with"], abs=1e-9)
    with_ = dn.attribute(dn.stitch(events), model=model, refunds="ignore").totals.set_index("channel")["credit"]
    for channel, credit in with_.items():
        found = impact.credit.loc[impact.credit["channel"] == channel, "with"].item()
        assert found == pytest.approx(credit, abs=1e-9)
