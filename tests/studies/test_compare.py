"""compare_policies: the design's shared device in people and money; then, on drawn tables, against attribute."""

from __future__ import annotations

from typing import Any

import pandas as pd
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

import datalyr_notebook as dn
from datalyr_notebook import schema
from datalyr_notebook.errors import CurrencyError, OptionError
from datalyr_notebook.identity.policies import POLICIES
from datalyr_notebook.studies.compare import compare_policies
from tests.strategies import rows, table

SHARED_DEVICE = pd.DataFrame(
    [
        ("2026-01-01T09:00Z", "s1", "pageview", None, "google"),
        ("2026-01-01T09:10Z", "s1", "$identify", "u1", None),
        ("2026-01-01T09:20Z", "s1", "pageview", None, None),
        ("2026-01-01T12:00Z", "s2", "pageview", None, "tiktok"),
        ("2026-01-01T12:10Z", "s2", "$identify", "u2", None),
        ("2026-01-01T15:00Z", "s3", "pageview", None, None),
    ],
    columns=["timestamp", "session_id", "event_name", "user_id", "source"],
).assign(anonymous_id="d")
"""The design's table; google brought the first session and tiktok the second."""

ORDER = pd.DataFrame(
    {"timestamp": ["2026-01-02T10:00Z"], "event_name": "purchase", "user_id": "u1", "value": 100.0, "anonymous_id": "w"}
)
"""On a device of his own, on the next day, u1 buys for 100."""

SHOP = pd.concat([SHARED_DEVICE, ORDER], ignore_index=True)

EVENTS_DIFFER = {"session": 0, "next": 1, "previous": 1, "first": 2, "last": 3, "strict": 4, "none": 4, "graph": 3}
"""Rows of the design's table whose owner is not the one under ``session``."""
PEOPLE = {"session": 2, "next": 2, "previous": 2, "first": 2, "last": 2, "strict": 3, "none": 3, "graph": 1}
MATCHED = {"strict": 3, "none": 3}
"""Rows of known users, of seven; under the others all."""
CREDITED = {
    # u1's journey: google in s1, unless the policy gives him tiktok's session, too, or not even google's.
    "session": "google",
    "next": "google",
    "previous": "google",
    "first": "google",
    "graph": "google",
    "last": "direct",
    "strict": "direct",
    "none": "direct",
}
CHANNELS = {"google": "Organic Search", "tiktok": "Organic Social", "direct": "Direct"}


def test_the_designs_shared_device_under_every_policy() -> None:
    comparison = compare_policies(SHOP)
    summary = comparison.summary.set_index("policy")
    assert summary.index.tolist() == [*POLICIES]
    assert summary["events_differ"].to_dict() == {name: EVENTS_DIFFER[name] for name in POLICIES}
    assert summary["devices_differ"].to_dict() == {name: int(EVENTS_DIFFER[name] > 0) for name in POLICIES}
    assert summary["people"].to_dict() == {name: PEOPLE[name] for name in POLICIES}
    assert summary["match_rate"].to_dict() == {name: MATCHED.get(name, 7) / 7 for name in POLICIES}
    assert (summary["value_match_rate"] == 1).all()
    assert (summary["conversions"] == 1).all()
    assert (summary["value"] == 100).all()
    assert comparison.baseline == "session"
    assert comparison.events == 7


@pytest.mark.parametrize("policy", POLICIES)
def test_who_earned_the_order(policy: str) -> None:
    credit = compare_policies(SHOP, policies=[policy], model="first_touch").credit
    assert credit.to_numpy().tolist() == [[policy, CHANNELS[CREDITED[policy]], 1.0, 100.0]]


def test_a_touch_on_another_device_is_counted_as_cross_device() -> None:
    """Only under last has u1 nothing left on d; under strict and none he keeps his own row there."""
    crossed = compare_policies(SHOP, model="first_touch").summary.set_index("policy")["cross_device_conversions"]
    assert crossed.to_dict() == {name: int(name != "last") for name in POLICIES}


def test_an_order_that_only_a_server_sent_crosses_no_device() -> None:
    """It happened on no known device, as the table of cross_device says of it, too."""
    for sdk, crossed in (("node", 0), ("web", 1)):
        shop = SHOP.assign(sdk=["web"] * len(SHARED_DEVICE) + [sdk])
        summary = compare_policies(shop, policies=["session"], model="first_touch").summary
        assert summary[["conversions", "cross_device_conversions"]].to_numpy().tolist() == [[1, crossed]]


def test_the_devices_that_drive_the_gap() -> None:
    """Under none the order loses google: it happened on w, while the rows that moved are d's."""
    devices = compare_policies(SHOP, policies=["next", "none"], model="first_touch").devices
    assert devices.astype(object).to_numpy().tolist() == [
        ["next", "d", 2, 1, 0, 0.0],
        ["none", "w", 1, 0, 1, 100.0],
        ["none", "d", 2, 4, 0, 0.0],
    ]


def test_another_baseline_and_what_else_the_rule_says() -> None:
    rule = dn.StitchRule(policy="none", as_of="2026-01-01T12:05Z")
    comparison = compare_policies(SHOP, rule=rule, policies=["none", "next"])
    assert comparison.baseline == "none"
    assert comparison.events == 4
    assert comparison.summary["events_differ"].tolist() == [0, 3]
    told = compare_policies(SHOP, policies=["none"], baseline="next").summary
    assert told["events_differ"].tolist() == [4]


def test_one_order_on_two_persons_is_two_conversions_where_they_are_two() -> None:
    """The browser reports the order without a user, the server with one: one person under next, two under none."""
    events = pd.DataFrame(
        {
            "timestamp": ["2026-01-01T10:00Z", "2026-01-01T10:01Z", "2026-01-01T10:02Z"],
            "event_name": ["purchase", "purchase", "$identify"],
            "anonymous_id": ["d", None, "d"],
            "user_id": [None, "u1", "u1"],
            "order_id": ["A1", "A1", None],
            "value": [50.0, 50.0, None],
        }
    )
    comparison = compare_policies(events, policies=["next", "none"])
    assert comparison.summary["conversions"].tolist() == [1, 2]
    assert comparison.summary["value"].tolist() == [50.0, 100.0]
    assert comparison.credit.groupby("policy", observed=True)["credit"].sum().tolist() == [50.0, 100.0]
    assert comparison.summary["value_match_rate"].tolist() == [1.0, 0.5]


def test_a_refund_found_by_its_order_id_alone_sees_all_persons() -> None:
    """A refund of a stranger reduces the order of the one person who has it; under none two persons have it."""
    events = pd.DataFrame(
        {
            "timestamp": [f"2026-01-01T1{hour}:00Z" for hour in range(5)],
            "event_name": ["purchase", "purchase", "$identify", "refund", "purchase"],
            "anonymous_id": ["d", None, "d", "stranger", "far"],
            "user_id": [None, "u1", "u1", None, "u9"],
            "order_id": ["A1", "A1", None, "A1", "B1"],
            "value": [50.0, 50.0, None, -20.0, 7.0],
        }
    )
    for policies in (["next", "none"], ["none", "next"]):
        summary = compare_policies(events, policies=policies, baseline=policies[0]).summary.set_index("policy")
        assert summary["value"].to_dict() == {"next": 37.0, "none": 107.0}


def test_a_missing_currency_is_the_only_one_of_the_whole_table() -> None:
    """Only the order on the shared device lacks its currency; the one beside it is in EUR, worth 2."""
    events = pd.concat([SHOP, ORDER.assign(user_id="u8", anonymous_id="far", currency="EUR")], ignore_index=True)
    summary = compare_policies(events, rates={"EUR": 2.0, "USD": 1.0}).summary
    assert summary["value"].tolist() == [400.0] * len(POLICIES)


def test_to_frame_shows_the_largest_channel_first_and_zero_where_none() -> None:
    wide = compare_policies(SHOP, policies=["session", "none"], model="first_touch").to_frame()
    assert wide.index.name == "channel"
    assert wide.columns.tolist() == ["session", "none"]
    assert wide.loc["Organic Search"].tolist() == [100.0, 0.0]
    assert wide.loc["Direct"].tolist() == [0.0, 100.0]


def test_it_reads_well_and_escapes() -> None:
    comparison = compare_policies(SHOP, model={"<b>": "linear"})
    assert repr(comparison).startswith(
        f"PolicyComparison: {len(POLICIES)} policies on 7 events, against 'session', model '<b>'"
    )
    assert all(name in repr(comparison) for name in POLICIES)
    shown = comparison._repr_html_()
    assert "<b>" not in shown
    assert "&lt;b&gt;" in shown
    assert shown.count("<table ") == 2


@pytest.mark.parametrize(
    ("options", "words"),
    [
        ({"policies": ["nxt"]}, "policies='nxt' is not known"),
        ({"policies": []}, r"policies=\[\] is not known. Use one of 'session'"),
        ({"policies": "next"}, "policies='next' is not known. Use a tuple out of"),
        ({"baseline": "nxt"}, "baseline='nxt' is not known. Use one of 'session'"),
        (
            {"model": ["hybrid", "linear"]},
            "Use one model that shares out each conversion by its own touches, such as 'hybrid'",
        ),
        ({"rule": "next"}, "rule='next' is not known"),
        ({"level": "visit"}, "level='visit' is not known"),
        ({"refunds": "gross"}, "refunds='gross' is not known"),
    ],
)
def test_options_that_are_not_known(options: dict[str, Any], words: str) -> None:
    with pytest.raises(OptionError, match=words):
        compare_policies(SHOP, **options)


def test_mixed_currencies_need_rates() -> None:
    events = pd.concat([SHOP.assign(currency="USD"), ORDER.assign(currency="EUR")], ignore_index=True)
    with pytest.raises(CurrencyError):
        compare_policies(events)


@pytest.mark.parametrize("events", [SHOP.iloc[:0], SHOP.iloc[:1], SHOP.iloc[6:], SHARED_DEVICE])
def test_little_or_nothing_keeps_the_columns(events: pd.DataFrame) -> None:
    comparison = compare_policies(events)
    for name, columns in (
        ("summary", schema.POLICY_SUMMARY),
        ("credit", schema.POLICY_CREDIT),
        ("devices", schema.POLICY_DEVICES),
    ):
        found = getattr(comparison, name)
        assert found.dtypes.astype(str).to_dict() == schema.empty(columns).dtypes.astype(str).to_dict()
    assert len(comparison.summary) == len(POLICIES)
    assert comparison.to_frame().columns.tolist() == [*POLICIES]
    assert repr(comparison)
    assert comparison._repr_html_()


@settings(max_examples=15, deadline=None)
@given(
    found=rows(max_rows=18),
    names=st.permutations([*POLICIES]),
    model=st.sampled_from(["hybrid", "linear", "last_touch"]),
)
def test_it_says_what_attribute_says_of_each_policy(found: list[dict[str, Any]], names: list[str], model: str) -> None:
    """The shortcut over the persons who differ is exact: stitch and attribute, policy by policy, agree."""
    baseline, asked = names[0], names[:2]
    events = table(found)
    before = events.copy(deep=True)
    try:
        results = {name: dn.attribute(dn.stitch(events, policy=name), model=model) for name in asked}
    except CurrencyError:
        return
    comparison = compare_policies(events, policies=asked, baseline=baseline, model=model)
    pd.testing.assert_frame_equal(events, before)
    persons = {name: result.stitched["person_id"].astype(object) for name, result in results.items()}
    summary = comparison.summary.set_index("policy")
    for name, result in results.items():
        expected = result.totals.set_index("channel")[["conversions", "credit"]].sort_index()
        told = comparison.credit[comparison.credit["policy"] == name].set_index("channel")
        pd.testing.assert_frame_equal(told[["conversions", "credit"]].sort_index(), expected, check_dtype=False)
        assert summary.loc[name, "conversions"] == len(result.conversions)
        assert summary.loc[name, "value"] == pytest.approx(result.conversions["value"].sum())
        differs = (persons[name] != persons[baseline]) & ~(persons[name].isna() & persons[baseline].isna())
        assert summary.loc[name, "events_differ"] == differs.sum()
        assert summary.loc[name, "people"] == persons[name].nunique()
        devices = events.loc[differs.to_numpy(), "anonymous_id"].dropna() if "anonymous_id" in events else []
        assert summary.loc[name, "devices_differ"] == len(set(devices))
        assert told["credit"].sum() == pytest.approx(summary.loc[name, "value"])
