"""Reading ``channels=``: an analyst's own channel rules, before the default ones or in their place."""

from __future__ import annotations

import math
import re
from collections.abc import Callable, Collection, Mapping, Sequence
from functools import partial
from typing import Any, Final

import pandas as pd

from datalyr_notebook import errors, schema
from datalyr_notebook.journeys.channels import CONDITIONS, DEFAULT_CHANNELS, SOURCE_CATEGORIES, ChannelRule

Channels = Sequence[ChannelRule | Mapping[str, object]]
"""Rules in the order in which they are tried."""

_Refused = Callable[[str, str], errors.ChannelRuleError]
"""The error about one rule, still to be told its problem and the next move."""

_EXAMPLE: Final = "{'name': 'Newsletter', 'medium': 'email'}"
_NAME: Final = f"Use a text; {schema.UNATTRIBUTED!r} stands for conversions without a touch"
_CONDITION: Final = (
    "Use a text, a list of texts, a compiled pattern, {'equals': '…'}, {'in': ['…', '…']} or {'regex': '…'}"
)


def channel_rules(step: str, channels: Channels | None) -> tuple[ChannelRule, ...]:
    """The rules that ``channels=`` stands for: None for the default channel groups themselves.

    A list holds rules that are tried before the default ones: a ChannelRule, or a record with a name
    and conditions on source, medium, campaign, click_id_type, sdk or category (what
    :func:`~datalyr_notebook.journeys.channels.source_category` says of the source: search, social,
    video, shopping or ai). All conditions of a rule must hold; case and the blanks around are ignored:

    * a text, or ``{"equals": text}``: the whole text (``""``: missing);
    * a list, tuple or set of texts, or ``{"in": [...]}``: one of them;
    * ``{"regex": "^brand"}``, or a compiled pattern: a pattern that is searched for.

    A condition that is None or NaN is not asked, so ``table.to_dict("records")`` makes rules. A rule with
    nothing but a name takes what is left: it stands last, and the default rules then never come to
    turn. To replace them end the list with ``{"name": "Unassigned"}``. Conditions on source know no
    aliases: ``fb`` is not ``facebook``, but both have the category social.

    Raises OptionError for what is no list, and ChannelRuleError (an OptionError) for a rule without
    name or named ``unattributed``, an unknown key, a condition of another kind, a pattern that cannot
    be read, and a rule behind one that takes everything.

    >>> rules = channel_rules("find_touches", [{"name": "Brand Search", "campaign": {"regex": "^brand"}}])
    >>> [rule.name for rule in rules[:3]]
    ['Brand Search', 'Direct', 'Cross-network']
    """
    if channels is None:
        return DEFAULT_CHANNELS
    if not isinstance(channels, list | tuple):
        what = "None, or a list of rules such as [" + _EXAMPLE + "]; of a DataFrame, its to_dict('records')"
        raise errors.OptionError(step, "channels", channels, what)
    refusals = [partial(errors.ChannelRuleError, step, place, given) for place, given in enumerate(channels)]
    own = tuple(_rule(given, refused) for given, refused in zip(channels, refusals, strict=True))
    for rule, refused in zip(own[:-1], refusals, strict=False):
        if not rule.conditions:
            problem = f"({errors.shown(rule.name)}) takes every touch, so the rules behind it never fire"
            raise refused(problem, "Put it last, or give it a condition")
    if own and not own[-1].conditions:
        return own
    if own[-len(DEFAULT_CHANNELS) :] != DEFAULT_CHANNELS:
        own = (*own, *DEFAULT_CHANNELS)
    return own if len(own) > len(DEFAULT_CHANNELS) else DEFAULT_CHANNELS


def _rule(given: object, refused: _Refused) -> ChannelRule:
    rule = given if isinstance(given, ChannelRule) else _from_record(given, refused)
    if isinstance(rule.category, frozenset) and not rule.category <= {"", *SOURCE_CATEGORIES}:
        problem = f"asks for the source category {errors.shown(min(rule.category - {*SOURCE_CATEGORIES}))}"
        raise refused(problem, f"Use {', '.join(SOURCE_CATEGORIES)}")
    return rule


def _from_record(given: object, refused: _Refused) -> ChannelRule:
    if not isinstance(given, Mapping):
        raise refused(f"is {errors.shown(given)}, not a rule", f"Use a record such as {_EXAMPLE}")
    unknown = [key for key in given if key not in ("name", *CONDITIONS)]
    if unknown:
        raise refused(f"has the unknown key {errors.shown(unknown[0])}", f"Use name, {', '.join(CONDITIONS)}")
    asked: dict[str, Any] = {
        key: _condition(key, value, refused) for key, value in given.items() if not _is_missing(value)
    }
    if "name" not in asked:
        raise refused("has no name", f"Name its channel, as in {_EXAMPLE}")
    try:
        return ChannelRule(**asked)
    except errors.OptionError as problem:
        if problem.option == "name":
            raise refused(f"cannot be named {errors.shown(problem.value)}", _NAME) from None
        raise _no_condition(problem.option, problem.value, refused) from None


def _condition(field: str, given: object, refused: _Refused) -> object:
    """A condition as a rule takes it, of one that is written out or not."""
    if not isinstance(given, Mapping) or field == "name":
        return given
    kind, wanted = next(iter(given.items()), (None, None))
    is_whole = kind == "equals" and isinstance(wanted, str)
    is_list = kind == "in" and isinstance(wanted, Collection) and not isinstance(wanted, str | Mapping)
    is_pattern = kind == "regex" and isinstance(wanted, str)
    if len(given) != 1 or not (is_whole or is_list or is_pattern):
        raise _no_condition(field, given, refused)
    return _pattern(field, str(wanted), refused) if is_pattern else wanted


def _pattern(field: str, text: str, refused: _Refused) -> re.Pattern[str]:
    try:
        return re.compile(text, re.IGNORECASE)
    except (re.error, OverflowError, RecursionError) as problem:
        broken = f"asks {field} to match {errors.shown(text)}, which is no pattern: {problem}"
        raise refused(broken, "Mend it; re.escape(text) makes a pattern of any text") from None


def _no_condition(field: str, given: object, refused: _Refused) -> errors.ChannelRuleError:
    return refused(f"asks {field} for {errors.shown(given)}, which is no condition", _CONDITION)


def _is_missing(value: object) -> bool:
    return value is None or value is pd.NA or value is pd.NaT or (isinstance(value, float) and math.isnan(value))
