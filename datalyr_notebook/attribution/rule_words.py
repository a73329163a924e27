"""STAND-IN until channel rules tell themselves: which rule a touch's channel comes from, in words.

To be replaced by ``journeys.touches.touch_rules`` and ``journeys.channel_report.describe_rule``.
"""

from __future__ import annotations

import re
from collections.abc import Sequence
from typing import Final

import numpy as np
import pandas as pd

from datalyr_notebook.journeys.channels import ChannelRule, assign_channels
from datalyr_notebook.journeys.touches import TouchRows, touch_column
from datalyr_notebook.order import Ints

_FIELDS: Final = ("source", "category", "medium", "campaign", "click_id_type", "sdk")


def touch_rules(stitched: pd.DataFrame, found: TouchRows, rules: Sequence[ChannelRule]) -> Ints:
    """Per touch the place of the first rule it meets, -1 where it meets none."""
    clues = pd.DataFrame(
        {
            name: touch_column(stitched, found, name, "category")
            for name in ("source", "medium", "campaign", "click_id_type", "sdk")
        }
    )
    place = np.full(len(found.row), -1, dtype=np.int64)
    for number, rule in enumerate(rules):
        met = np.asarray(assign_channels(clues, [rule]) == rule.name, dtype=bool)
        place[met & (place < 0)] = number
    return place


def describe_rule(rule: ChannelRule) -> str:
    """What a rule asks, in words."""
    asked = {field: getattr(rule, field) for field in _FIELDS if getattr(rule, field) is not None}
    return ", ".join(_words(field, condition) for field, condition in asked.items()) or "anything else"


def _words(field: str, condition: frozenset[str] | re.Pattern[str]) -> str:
    asked = "source category" if field == "category" else field
    if not isinstance(condition, frozenset):
        return f"{asked} matches {condition.pattern}"
    texts = [text or "blank" for text in sorted(condition)]
    return f"{asked} is {texts[0]}" if len(texts) == 1 else f"{asked} is one of {', '.join(texts)}"
