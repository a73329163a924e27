"""Reading channels=: an analyst's own rules, before the default ones or in their place."""

from __future__ import annotations

import re
from typing import Any

import numpy as np
import pandas as pd
import pytest

from datalyr_notebook import errors
from datalyr_notebook.journeys.channel_options import channel_rules
from datalyr_notebook.journeys.channels import DEFAULT_CHANNELS, ChannelRule, assign_channels

TOUCHES = pd.DataFrame(
    {
        "source": ["google", "google", "fb", "partner.example", "direct"],
        "medium": ["cpc", "cpc", "cpc", None, "none"],
        "campaign": ["Brand | EN", "generic", "brand", None, None],
        "click_id_type": ["gclid", "gclid", "fbclid", None, None],
        "sdk": ["web", "web", "swift", "web", "web"],
    }
)


def read(*channels: Any) -> tuple[ChannelRule, ...]:
    return channel_rules("find_touches", list(channels))


def given(*channels: Any) -> list[str]:
    return list(assign_channels(TOUCHES, read(*channels)))


def test_no_rules_of_one_s_own_are_the_default_ones_themselves() -> None:
    assert channel_rules("find_touches", None) is DEFAULT_CHANNELS
    assert read() is DEFAULT_CHANNELS
    assert channel_rules("find_touches", DEFAULT_CHANNELS) is DEFAULT_CHANNELS


def test_own_rules_stand_before_the_default_ones() -> None:
    rule = {"name": "Brand", "campaign": {"regex": "^brand"}}
    assert read(rule)[1:] == DEFAULT_CHANNELS
    assert given(rule) == ["Brand", "Paid Search", "Brand", "Unassigned", "Direct"]


def test_a_last_rule_without_conditions_replaces_the_default_ones() -> None:
    assert given({"name": "Paid", "medium": "cpc"}, {"name": "Unassigned"}) == ["Paid"] * 3 + ["Unassigned"] * 2
    assert given({"name": "Everything"}) == ["Everything"] * 5
    assert given(ChannelRule("Paid", medium="cpc"), ChannelRule("Rest")) == ["Paid"] * 3 + ["Rest"] * 2


def test_read_rules_may_be_read_again() -> None:
    for own in ([{"name": "Brand", "campaign": "brand"}], [{"name": "Brand", "campaign": "brand"}, {"name": "Rest"}]):
        once = channel_rules("find_touches", own)
        assert channel_rules("attribute", once) == once


@pytest.mark.parametrize(
    ("record", "rule"),
    [
        ({"source": " Google "}, ChannelRule("A", source="google")),
        ({"source": {"equals": "Google"}}, ChannelRule("A", source="google")),
        ({"medium": ["cpc", "PPC"]}, ChannelRule("A", medium=("cpc", "ppc"))),
        ({"medium": ("cpc", "ppc")}, ChannelRule("A", medium=("cpc", "ppc"))),
        ({"medium": {"cpc", "ppc"}}, ChannelRule("A", medium=("cpc", "ppc"))),
        ({"medium": {"in": ["cpc", "ppc"]}}, ChannelRule("A", medium=("cpc", "ppc"))),
        ({"medium": np.array(["cpc", "ppc"], dtype=object)}, ChannelRule("A", medium=("cpc", "ppc"))),
        ({"campaign": {"regex": "^b"}}, ChannelRule("A", campaign=re.compile("^b"))),
        ({"campaign": re.compile("^b")}, ChannelRule("A", campaign=re.compile("^b", re.IGNORECASE))),
        ({"click_id_type": "gclid", "sdk": "web"}, ChannelRule("A", click_id_type="gclid", sdk="web")),
        ({"category": ["search", "social"]}, ChannelRule("A", category=("search", "social"))),
    ],
)
def test_every_way_to_write_a_condition(record: dict[str, Any], rule: ChannelRule) -> None:
    assert read({"name": " A ", **record})[0] == rule


def test_all_conditions_of_a_rule_must_hold() -> None:
    rule = {"name": "App Brand", "campaign": {"regex": "brand"}, "sdk": ["swift", "react_native"], "category": "social"}
    assert given(rule, {"name": "Rest"}) == ["Rest", "Rest", "App Brand", "Rest", "Rest"]


def test_a_blank_text_asks_for_a_missing_value() -> None:
    assert given({"name": "Untagged", "medium": ""}, {"name": "Rest"}) == ["Rest"] * 3 + ["Untagged", "Rest"]


def test_a_table_s_records_make_rules() -> None:
    """What is missing in the table is not asked."""
    table = pd.DataFrame({"name": ["A", "B", "C"], "source": ["bing", None, None], "medium": [np.nan, "cpc", np.nan]})
    records = [*table.to_dict("records")[:2], {"name": "C", "source": pd.NA, "medium": float("nan"), "sdk": None}]
    assert read(*records) == (ChannelRule("A", source="bing"), ChannelRule("B", medium="cpc"), ChannelRule("C"))


@pytest.mark.parametrize("channels", ["Paid", {"name": "Paid"}, 7, pd.DataFrame({"name": ["Paid"]}), iter([])])
def test_what_is_no_list_is_refused(channels: Any) -> None:
    with pytest.raises(errors.OptionError, match=r"(?s)attribute: channels=.* Use None, or a list of rules such as"):
        channel_rules("attribute", channels)


@pytest.mark.parametrize(
    ("rule", "words"),
    [
        ("Paid", "is 'Paid', not a rule. Use a record such as {'name': 'Newsletter', 'medium': 'email'}"),
        ({"medium": "email"}, "has no name. Name its channel, as in {'name': 'Newsletter'"),
        ({"name": None, "medium": "email"}, "has no name"),
        ({"name": float("nan"), "medium": "email"}, "has no name"),
        ({"name": " ", "medium": "email"}, "cannot be named ' '. Use a text"),
        ({"name": 7}, "cannot be named 7"),
        ({"name": {"equals": "A"}}, "cannot be named {'equals': 'A'}"),
        ({"name": "Unattributed"}, "cannot be named 'Unattributed'. Use a text; 'unattributed' stands for conversions"),
        ({"name": "A", "mediun": "x"}, "has the unknown key 'mediun'. Use name, source, category, medium, campaign, "),
        ({"name": "A", 3: None}, "has the unknown key 3"),
        ({"name": "A", "medium": 7}, "asks medium for 7, which is no condition. Use a text, a list of texts, a com"),
        ({"name": "A", "medium": True}, "asks medium for True, which is no condition"),
        ({"name": "A", "medium": []}, "asks medium for [], which is no condition"),
        ({"name": "A", "medium": ["x", None]}, "asks medium for ['x', None], which is no condition"),
        ({"name": "A", "medium": b"x"}, "asks medium for b'x', which is no condition"),
        ({"name": "A", "medium": {}}, "asks medium for {}, which is no condition"),
        ({"name": "A", "medium": {"contains": "x"}}, "asks medium for {'contains': 'x'}, which is no condition"),
        (
            {"name": "A", "medium": {"equals": "x", "in": ["y"]}},
            "asks medium for {'equals': 'x', 'in': ['y']}, which is no c",
        ),
        ({"name": "A", "medium": {"equals": ["x"]}}, "asks medium for {'equals': ['x']}, which is no condition"),
        ({"name": "A", "medium": {"in": "x"}}, "asks medium for {'in': 'x'}, which is no condition"),
        ({"name": "A", "medium": {"in": {"x": 1}}}, "asks medium for {'in': {'x': 1}}, which is no condition"),
        (
            {"name": "A", "medium": {"regex": re.compile("x")}},
            "asks medium for {'regex': re.compile('x')}, which is no cond",
        ),
        ({"name": "A", "medium": {"regex": "("}}, "asks medium to match '(', which is no pattern: missing )"),
        (
            {"name": "A", "medium": {"regex": "a{9999999999}"}},
            "asks medium to match 'a{9999999999}', which is no pattern: ",
        ),
        ({"name": "A", "category": "socials"}, "asks for the source category 'socials'. Use search, social, video"),
        (ChannelRule("A", category=("ai", "x")), "asks for the source category 'x'. Use search"),
    ],
)
def test_a_rule_that_cannot_be_read_is_named_by_its_place(rule: Any, words: str) -> None:
    with pytest.raises(errors.ChannelRuleError, match=re.escape(f"find_touches: channels[1] {words}")) as refused:
        read({"name": "First", "medium": "x"}, rule)
    assert isinstance(refused.value, errors.OptionError)
    assert (refused.value.step, refused.value.option, refused.value.value) == ("find_touches", "channels[1]", rule)


def test_a_rule_behind_one_that_takes_everything_never_fires() -> None:
    words = "channels[0] ('All') takes every touch, so the rules behind it never fire. Put it last"
    with pytest.raises(errors.ChannelRuleError, match=re.escape(words)):
        read({"name": "All"}, {"name": "Email", "medium": "email"})
    with pytest.raises(errors.ChannelRuleError, match="takes every touch"):
        read({"name": "All"}, *DEFAULT_CHANNELS)
