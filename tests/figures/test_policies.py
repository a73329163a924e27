"""policy_comparison: the rows by value, the figure by its traces, labels and axes."""

from __future__ import annotations

import json

import pandas as pd
import pytest

from datalyr_notebook import schema
from datalyr_notebook.figures.largest import MOST_GROUPS, OTHERS
from datalyr_notebook.figures.policies import (
    POLICY_BARS,
    policy_comparison,
    policy_comparison_data,
)
from datalyr_notebook.studies.compare import PolicyComparison, compare_policies

POLICIES = ("next", "session", "none")
CREDIT = [
    ("next", "Email", 60.0),
    ("next", "Direct", 40.0),
    ("session", "Email", 75.0),
    ("session", "Direct", 25.0),
    ("none", "Direct", 90.0),
    ("none", "unattributed", 10.0),
]


def comparison(credit: list[tuple[str, str, float]] = CREDIT, model: str = "hybrid") -> PolicyComparison:
    """Three policies, of which session is the baseline; a quarter, a half and nothing of the events matched."""
    return PolicyComparison(
        summary=pd.DataFrame({"policy": pd.Categorical(POLICIES, categories=POLICIES), "match_rate": [0.25, 0.5, 0.0]}),
        credit=pd.DataFrame(credit, columns=["policy", "channel", "credit"])
        .astype({"credit": "float64"})
        .assign(conversions=1.0),
        devices=schema.empty(schema.POLICY_DEVICES),
        baseline="session",
        model=model,
        events=100,
    )


def test_the_baseline_comes_first_and_every_channel_has_a_row_under_every_policy() -> None:
    rows = policy_comparison_data(comparison())
    assert rows.columns.tolist() == schema.names(POLICY_BARS)
    assert rows[["policy", "channel", "credit", "change"]].to_numpy().tolist() == [
        ["session", "Email", 75.0, 0.0],
        ["session", "Direct", 25.0, 0.0],
        ["session", "unattributed", 0.0, 0.0],
        ["next", "Email", 60.0, -15.0],
        ["next", "Direct", 40.0, 15.0],
        ["next", "unattributed", 0.0, 0.0],
        ["none", "Email", 0.0, -75.0],
        ["none", "Direct", 90.0, 65.0],
        ["none", "unattributed", 10.0, 10.0],
    ]
    assert rows["share"].tolist()[3:5] == [0.6, 0.4]
    assert rows["match_rate"].tolist() == [0.5] * 3 + [0.25] * 3 + [0.0] * 3


def test_a_bar_for_each_policy_and_a_segment_for_each_channel() -> None:
    figure = policy_comparison(comparison())
    assert [trace.meta["channel"] for trace in figure.data] == ["Email", "Direct", "unattributed"]
    assert [list(trace.x) for trace in figure.data] == [[75, 60, 0], [25, 40, 90], [0, 0, 10]]
    assert figure.layout.yaxis.ticktext == (
        "session (baseline)<br>50.0% of events matched",
        "next<br>25.0% of events matched",
        "none<br>0.0% of events matched",
    )
    assert list(figure.layout.yaxis.range) == [2.5, -0.5]
    assert figure.layout.xaxis.title.text == "Credit (conversions' currency)"
    assert list(figure.data[0].text) == ["75%", "60%", ""]
    assert figure.data[1].hovertext[2] == (
        "none: Direct<br>credit 90.00 (90.0%)<br>+65.00 against the baseline<br>0.0% of events matched"
    )
    assert len({trace.marker.pattern.shape for trace in figure.data}) == 3
    assert "sendChartToCloud" in figure.layout.template.layout.modebar.remove


def test_more_channels_than_can_be_told_apart_share_a_segment() -> None:
    many = [(policy, f"c{place:02}", 100.0 - place) for policy in POLICIES for place in range(20)]
    rows = policy_comparison_data(comparison(many))
    channels = rows["channel"].drop_duplicates().tolist()
    assert channels == [f"c{place:02}" for place in range(MOST_GROUPS - 1)] + [f"9 {OTHERS}"]
    assert (
        rows.loc[rows["channel"] == f"9 {OTHERS}", "credit"].tolist()
        == [sum(100.0 - place for place in range(11, 20))] * 3
    )
    assert rows["credit"].sum() == sum(row[2] for row in many)


def test_a_channel_that_only_another_policy_credits_much_keeps_its_segment() -> None:
    many = [(policy, f"c{place:02}", 100.0 - place) for policy in POLICIES for place in range(20)]
    many[-1] = ("none", "c19", 500.0)
    assert "c19" in policy_comparison_data(comparison(many))["channel"].tolist()


def test_text_from_events_is_shown_as_it_is() -> None:
    hostile = "<img src=x onerror=alert(1)>$x$"
    figure = policy_comparison(comparison([("session", hostile, 1.0)], model=hostile), title=hostile)
    assert figure.data[0].name.startswith("&lt;img")
    shown = json.loads(figure.to_json())
    assert not [text for text in ("<img", "$x$") if text in str(shown)]


def test_no_conversion_is_said() -> None:
    figure = policy_comparison(comparison([]))
    assert len(figure.data) == 0
    assert figure.layout.annotations[0].text == "No conversion counts."
    assert len(figure.layout.yaxis.ticktext) == 3
    assert policy_comparison_data(comparison([])).columns.tolist() == schema.names(POLICY_BARS)


@pytest.mark.parametrize("policies", [["none"], None])
def test_it_draws_what_compare_policies_answers(policies: list[str] | None) -> None:
    events = pd.DataFrame(
        {
            "timestamp": ["2026-01-01T10:00Z", "2026-01-02T20:00Z", "2026-01-03T09:00Z"],
            "event_name": ["pageview", "purchase", "$identify"],
            "anonymous_id": ["phone", "desk", "phone"],
            "user_id": [None, "u1", "u1"],
            "source": ["tiktok", None, None],
            "value": [None, 50.0, None],
        }
    )
    told = compare_policies(events, policies=policies)
    figure = policy_comparison(told)
    assert sum(sum(trace.x) for trace in figure.data) == 50.0 * len(told.summary)
