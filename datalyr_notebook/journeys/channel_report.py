"""channel_report: which channel rule fired for how many touches, and what met none."""

from __future__ import annotations

from typing import Final

import numpy as np
import pandas as pd

from datalyr_notebook import schema
from datalyr_notebook.frames import read_stitched
from datalyr_notebook.journeys.channel_options import Channels, channel_rules
from datalyr_notebook.journeys.channels import CATEGORY, PATTERN_WORDS, UNASSIGNED, ChannelRule, Settled
from datalyr_notebook.journeys.touches import SESSION_TIMEOUT, counting_options, touch_rows, touch_rules
from datalyr_notebook.journeys.visits import find_visits

NO_RULE: Final = "no rule"

_MOST_TEXTS: Final = 6
_LONGEST: Final = 60


def channel_report(
    stitched: pd.DataFrame,
    *,
    channels: Channels | None = None,
    level: str = "session",
    app_direct: bool = False,
    session_timeout: str | pd.Timedelta = SESSION_TIMEOUT,
) -> pd.DataFrame:
    """Which rule gave how many touches their channel: a row a rule, in the columns of ``schema.CHANNEL_REPORT``.

    The rules stand in the order in which they are tried; ``touches`` counts those that no rule above
    had taken, so a rule with 0 never fires on these events. The last row counts what no rule took. The
    touches are those of ``find_touches`` with the same options, and add up to their number. What stays
    Unassigned, and so wants a rule of its own, is told by
    ``find_touches(stitched).query("channel == 'Unassigned'").groupby(["source", "medium"], observed=True).size()``.

    Raises NotStitchedError, OptionError, and ChannelRuleError for rules that cannot be read.

    >>> from datalyr_notebook.identity.stitching import stitch
    >>> events = pd.DataFrame({
    ...     "timestamp": ["2026-01-01T10:00Z", "2026-01-02T10:00Z", "2026-01-03T10:00Z"], "event_name": "pageview",
    ...     "anonymous_id": "a", "utm_source": ["tiktok", "shelf", "mail"], "utm_medium": ["cpc", "print", "email"],
    ... })
    >>> own = [{"name": "Paid", "medium": ["cpc", "ppc"]}, {"name": "Email", "medium": "email"}, {"name": "Unassigned"}]
    >>> channel_report(stitch(events), channels=own)
                           rule     channel  touches
    0  medium is one of cpc, ppc        Paid        1
    1            medium is email       Email        1
    2              anything else  Unassigned        1
    3                    no rule  Unassigned        0
    """
    stitched = read_stitched("channel_report", stitched)
    timeout_us = counting_options("channel_report", level, session_timeout)
    rules = channel_rules("channel_report", channels)
    found = touch_rows(stitched, find_visits(stitched, timeout_us), level=level, app_direct=app_direct)
    counts = np.bincount(touch_rules(stitched, found, rules) + 1, minlength=len(rules) + 1)
    report = pd.DataFrame(
        {
            "rule": [*(describe_rule(rule) for rule in rules), NO_RULE],
            "channel": [*(rule.name for rule in rules), UNASSIGNED],
            "touches": np.roll(counts, -1),
        }
    )
    return schema.typed(report, schema.CHANNEL_REPORT)


def describe_rule(rule: ChannelRule) -> str:
    """What a rule asks, in words: plain text, to be escaped where it becomes HTML.

    >>> describe_rule(ChannelRule("Newsletter", source="klaviyo", medium=["email", ""]))
    'source is klaviyo, medium is one of blank, email'
    """
    return ", ".join(_words(field, condition) for field, condition in rule.conditions.items()) or "anything else"


def _words(field: str, condition: Settled) -> str:
    asked = "source category" if field == CATEGORY else field
    if not isinstance(condition, frozenset):
        told = PATTERN_WORDS.get(condition.pattern, f"matches {_short(condition.pattern)}")
        return f"{asked} {told}"
    texts = [_short(text) if text else "blank" for text in sorted(condition)]
    if len(texts) == 1:
        return f"{asked} is {texts[0]}"
    more = f" or {len(texts) - _MOST_TEXTS} more" if len(texts) > _MOST_TEXTS else ""
    return f"{asked} is one of {', '.join(texts[:_MOST_TEXTS])}{more}"


def _short(text: str) -> str:
    return text if len(text) <= _LONGEST else f"{text[: _LONGEST - 20]}…{text[-19:]}"
