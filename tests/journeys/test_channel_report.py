"""channel_report: which rule fired for how many touches, worked by hand."""

from __future__ import annotations

import re
from typing import Any

import pandas as pd
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from datalyr_notebook import errors, schema
from datalyr_notebook.identity.stitching import stitch
from datalyr_notebook.journeys.channel_report import channel_report, describe_rule
from datalyr_notebook.journeys.channels import DEFAULT_CHANNELS, ChannelRule
from datalyr_notebook.journeys.touches import find_touches

WEEK = (
    # two social sites by their category, one more by its medium; a shelf that no rule knows; two direct visits
    {"source": "facebook", "medium": "cpc", "sdk": "web"},
    {"source": "ig", "medium": "paid_social", "sdk": "web"},
    {"source": "forum.example", "medium": "social", "sdk": "web"},
    {"source": "shelf", "medium": "print", "sdk": "web"},
    {"sdk": "web"},
    {"sdk": "http"},
)


def visits(*rows: dict[str, Any]) -> pd.DataFrame:
    """Canonical rows, a visit each, of one browser on one day after another."""
    table = pd.DataFrame({"source": [row.get("source") for row in rows], "medium": [row.get("medium") for row in rows]})
    table["sdk"] = [row["sdk"] for row in rows]
    table["timestamp"] = pd.Timestamp("2026-01-01T10:00Z") + pd.to_timedelta(range(len(rows)), unit="D")
    return stitch(table.assign(event_name="pageview", anonymous_id="anon_1", campaign=None))


def told(report: pd.DataFrame) -> list[tuple[str, str, int]]:
    """The rules that fired."""
    fired = report[report["touches"] > 0]
    return list(zip(fired["rule"], fired["channel"], fired["touches"].tolist(), strict=True))


def test_each_rule_counts_the_touches_it_was_the_first_to_match() -> None:
    report = channel_report(visits(*WEEK))
    assert told(report) == [
        ("source is one of (direct), direct, medium is one of blank, (none), (not set), direct, none", "Direct", 2),
        ("source category is social, medium is paid (…cp…, ppc, retargeting, paid…)", "Paid Social", 2),
        (
            "medium is one of sm, social, social media, social network, social-media, social-network",
            "Organic Social",
            1,
        ),
        ("no rule", "Unassigned", 1),
    ]
    assert report["channel"].tolist() == [*(rule.name for rule in DEFAULT_CHANNELS), "Unassigned"]


def test_own_rules_are_counted_where_they_stand() -> None:
    own = [{"name": "Offline", "medium": "print"}, {"name": "Never", "medium": "fax"}]
    report = channel_report(visits(*WEEK), channels=own)
    assert told(report.iloc[[0, 1, -1]]) == [("medium is print", "Offline", 1)]
    assert len(report) == len(DEFAULT_CHANNELS) + 3
    replaced = channel_report(visits(*WEEK), channels=[*own, {"name": "Rest"}])
    assert replaced.to_numpy().tolist() == [
        ["medium is print", "Offline", 1],
        ["medium is fax", "Never", 0],
        ["anything else", "Rest", 5],
        ["no rule", "Unassigned", 0],
    ]


def test_the_touches_are_those_of_find_touches_with_the_same_options() -> None:
    table = visits({"source": "google", "medium": "cpc", "sdk": "web"}, {"sdk": "swift"})
    assert told(channel_report(table)) == [
        ("source category is search, medium is paid (…cp…, ppc, retargeting, paid…)", "Paid Search", 1)
    ]
    assert [channel for _, channel, _ in told(channel_report(table, app_direct=True))] == ["Direct", "Paid Search"]
    twice = table.iloc[[0, 0]].assign(timestamp=pd.to_datetime(["2026-01-01T10:00Z", "2026-01-01T10:01Z"], utc=True))
    assert channel_report(twice)["touches"].sum() == 1
    assert channel_report(twice, level="event")["touches"].sum() == 2
    assert channel_report(twice, session_timeout="30s")["touches"].sum() == 2


SOURCES, MEDIUMS = st.sampled_from([None, "google", "fb", "shelf"]), st.sampled_from([None, "cpc", "email", "print"])


@given(
    st.lists(st.fixed_dictionaries({"source": SOURCES, "medium": MEDIUMS, "sdk": st.sampled_from(["web", "swift"])})),
    st.sampled_from([None, [{"name": "Mail", "medium": "email"}], [{"name": "A", "medium": "cpc"}, {"name": "B"}]]),
)
@settings(max_examples=15)
def test_counts_add_up_to_the_channels_of_the_touches(rows: list[dict[str, Any]], channels: Any) -> None:
    table = visits(*rows) if rows else visits(*WEEK).iloc[:0]
    report = channel_report(table, channels=channels)
    counted = report.groupby("channel")["touches"].sum()
    named = find_touches(table, channels=channels)["channel"].astype(object).value_counts()
    assert counted[counted > 0].to_dict() == named.to_dict()


def test_without_touches_every_rule_is_listed_with_none() -> None:
    for table in (visits(*WEEK).iloc[:0], visits({"sdk": "node"})):
        report = channel_report(table)
        assert report.columns.tolist() == schema.names(schema.CHANNEL_REPORT)
        assert [str(dtype) for dtype in report.dtypes] == [schema.TEXT, schema.TEXT, "int64"]
        assert report["touches"].tolist() == [0] * (len(DEFAULT_CHANNELS) + 1)


@pytest.mark.parametrize(
    ("rule", "words"),
    [
        (ChannelRule("A"), "anything else"),
        (ChannelRule("A", source=" Google "), "source is google"),
        (ChannelRule("A", medium=""), "medium is blank"),
        (
            ChannelRule("A", sdk="web", campaign=re.compile("^Brand"), category={"ai", "video"}),
            "source category is one of ai, video, campaign matches ^Brand, sdk is web",
        ),
        (ChannelRule("A", source=list("hgfedcba")), "source is one of a, b, c, d, e, f or 2 more"),
        (ChannelRule("A", source="x" * 100), f"source is {'x' * 40}…{'x' * 19}"),
        (ChannelRule("A", campaign=re.compile("<b>")), "campaign matches <b>"),
    ],
)
def test_a_rule_is_told_in_words(rule: ChannelRule, words: str) -> None:
    assert describe_rule(rule) == words


def test_bad_input_is_named() -> None:
    table = visits(*WEEK)
    with pytest.raises(errors.NotStitchedError, match="channel_report needs stitched events"):
        channel_report(table.drop(columns="person_via"))
    with pytest.raises(errors.OptionError, match=r"channel_report: level='page' is not known"):
        channel_report(table, level="page")
    with pytest.raises(errors.ChannelRuleError, match=r"channel_report: channels\[0\] has no name"):
        channel_report(table, channels=[{}])
