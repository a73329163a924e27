"""What the attribution explorer can be asked: its state, the options of ``attribute`` that it means, and their code."""

from __future__ import annotations

import datetime as dt
from collections.abc import Iterable, Mapping
from inspect import signature
from typing import Any, Final

import numpy as np
import pandas as pd

from datalyr_notebook import errors, options, order
from datalyr_notebook.attribution.attribute import attribute
from datalyr_notebook.attribution.models import MODELS
from datalyr_notebook.attribution.protocol import TotalModel
from datalyr_notebook.attribution.reading import Reading, read_options
from datalyr_notebook.explorers.source import Source
from datalyr_notebook.figures.credit_bars import METRICS
from datalyr_notebook.identity.policies import POLICIES
from datalyr_notebook.journeys.channels import channel_names
from datalyr_notebook.journeys.lookback import read_lookback

State = dict[str, Any]

STEP: Final = "AttributionExplorer"
MOST_OFFERED: Final = 50
AS_IT_CAME: Final = "as it came"
"""The policy of a table that came stitched: nobody knows which it was."""
VIEWS: Final = {"bars": "Bars", "models": "Model comparison", "impact": "Stitching impact"}
DEFAULTS: Final[State] = {
    "view": "bars",
    "conversion": None,
    "models": ["hybrid", "last_touch"],
    "lookback": "90D",
    "by": "channel",
    "policy": None,
    "include": [],
    "exclude": [],
    "since": None,
    "until": None,
    "metric": "credit",
    "intervals": True,
}
"""None: what the table and the constructor say (conversion, policy), or any day (since, until)."""

_ANY_AGE: Final = "none"
_CONVERSIONS: Final = frozenset(
    ("purchase", "order", "order_completed", "subscribe", "subscription", "lead", "sign_up", "signup", "trial", "deal")
)
"""Events that are conversions by their names, with a value or without."""
_REFUNDS: Final[tuple[str, ...]] = signature(attribute).parameters["refund_events"].default
_BY: Final = ("channel", "source", "medium", "campaign", "term", "content", "click_id_type", "device_type", "sdk")
_BOTH: Final = "source + medium"
_OF_ATTRIBUTE: Final = {
    name: one.default for name, one in signature(attribute).parameters.items() if one.default is not one.empty
}


class Choices:
    """What a table offers, and how a state is read against it."""

    def __init__(self, source: Source, conversion: str | Iterable[str], fixed: Mapping[str, Any]) -> None:
        self.source = source
        self.fixed = {name: value for name, value in fixed.items() if value is not None}
        """Options of ``attribute`` that no control changes."""
        self.conversion = options.one_or_several(STEP, "conversion", conversion)
        """What counts where a state does not say it."""
        self.policies = (*([AS_IT_CAME] if source.was_stitched else []), *POLICIES)
        self.by = _groupings(source.stitched)
        self.counts = _event_counts(source.stitched)
        """Event names with how many there are, the most frequent first; refunds and names that mask are left away."""
        self.conversions = self._offered_conversions()
        """The event names that are offered: those with a value, and those that are conversions by name."""
        self.channels = channel_names(self.reading(self.read(dict(DEFAULTS))).rules)

    def read(self, state: State) -> State:
        """A state as it holds. Raises OptionError."""
        read = dict(state)
        options.one_of(STEP, "view", read["view"], VIEWS)
        read["conversion"] = self._read_conversion(read["conversion"])
        read["models"] = list(dict.fromkeys(_several("models", read["models"], MODELS)))
        if not read["models"]:
            raise errors.OptionError(STEP, "models", [], MODELS)
        read["lookback"] = _lookback_text(read["lookback"])
        options.one_of(STEP, "by", read["by"], self.by)
        read["policy"] = self._own_policy if read["policy"] is None else read["policy"]
        options.one_of(STEP, "policy", read["policy"], self.policies)
        options.one_of(STEP, "metric", read["metric"], METRICS)
        if not isinstance(read["intervals"], bool):
            raise errors.OptionError(STEP, "intervals", read["intervals"], "true or false")
        for name in ("include", "exclude"):
            read[name] = list(_several(name, read[name]))
        self.reading(read)
        return read

    def reading(self, state: State) -> Reading:
        """Which touches and conversions a state counts. Raises OptionError."""
        given = {**_OF_ATTRIBUTE, **self.options(state)}
        for name in ("conversion", "model", "by"):
            given.pop(name)
        return read_options(STEP, **given)

    def options(self, state: State) -> dict[str, Any]:
        """The options of ``attribute`` that a state means; those that say what they say anyway are left away."""
        asked = {
            "conversion": _one_or_list(state["conversion"]),
            "model": _one_or_list(state["models"]),
            "lookback": None if state["lookback"] == _ANY_AGE else state["lookback"],
            "by": _one_or_list(self.by[state["by"]]),
            "include": state["include"] or None,
            "exclude": state["exclude"] or None,
            "between": _between(state["since"], state["until"]),
        }
        return {**self.fixed, **{name: value for name, value in asked.items() if value != _OF_ATTRIBUTE[name]}}

    def impact_options(self, state: State) -> dict[str, Any]:
        """The options of ``stitching_impact`` that a state means: of the models the first that shares conversions out.

        Raises OptionError where there is none.
        """
        sharing = [name for name in state["models"] if not isinstance(MODELS[name](), TotalModel)]
        if not sharing:
            words = f"with view='impact' a model that shares out each conversion, such as {DEFAULTS['models']}"
            raise errors.OptionError(STEP, "models", state["models"], words)
        asked = {**self.options({**state, "models": sharing[:1]}), "policy": self.stitched_by(state)}
        return {name: value for name, value in asked.items() if (name, value) != ("policy", "session")}

    def stitched_by(self, state: State) -> str:
        """The policy that is used where the events are stitched anew."""
        return self.source.rule.policy if state["policy"] == AS_IT_CAME else str(state["policy"])

    def code(self, state: State) -> str:
        """Python that makes the rows drawn; see ``Explorer.to_code``."""
        redact = {} if self.source.redact is False else {"redact": self.source.redact}
        lines = ["import datalyr_notebook as dn", ""]
        if state["view"] == "impact":
            lines.append(f"impact = dn.stitching_impact({_arguments('events', self.impact_options(state))})")
            lines.append(f"rows = dn.figures.stitching_impact_bars_data({_arguments('impact', redact)})")
            return "\n".join(lines)
        table = "events"
        if state["policy"] != AS_IT_CAME:
            table, policy = "stitched", {"policy": state["policy"]} if state["policy"] != "session" else {}
            lines.append(f"stitched = dn.stitch({_arguments('events', policy)})")
        lines.append(f"result = dn.attribute({_arguments(table, self.options(state))})")
        if state["view"] == "models":
            compared = f"result.compare({state['models']!r})"
            lines.append(f"rows = dn.figures.model_comparison_data({_arguments(compared, redact)})")
            return "\n".join(lines)
        metric = {"metric": state["metric"]} if state["metric"] != "credit" else {}
        drawn = "result.intervals()" if state["intervals"] else "result"
        lines.append(f"rows = dn.figures.credit_bars_data({_arguments(drawn, {**metric, **redact})})")
        return "\n".join(lines)

    @property
    def _own_policy(self) -> str:
        return AS_IT_CAME if self.source.was_stitched else self.source.rule.policy

    def _read_conversion(self, given: object) -> list[str]:
        if given is None:
            return list(self.conversion)
        names = list(dict.fromkeys(_several("conversion", given)))
        known = {*self.counts, *self.conversion}
        unknown = [name for name in names if name not in known]
        if unknown or not names:
            raise errors.OptionError(STEP, "conversion", unknown[0] if unknown else [], self.conversions)
        return names

    def _offered_conversions(self) -> list[str]:
        stitched = self.source.stitched
        has_value = np.zeros(len(stitched), dtype=bool)
        if "value" in stitched.columns:
            has_value = stitched["value"].notna().to_numpy()
        valued = set(stitched["event_name"].cat.categories[np.unique(order.codes(stitched, "event_name")[has_value])])
        texts = np.array([*self.counts], dtype=object)
        shown = self.source.redaction.texts("event_name", texts)
        named = [
            name
            for name, mask in zip(texts, shown, strict=True)
            if (name in valued or name in _CONVERSIONS) and name == mask
        ]
        return list(dict.fromkeys([*named[:MOST_OFFERED], *self.conversion]))


def _groupings(stitched: pd.DataFrame) -> dict[str, tuple[str, ...]]:
    """What credit can be grouped by: what is offered, and the touch columns that it means."""
    kept = [name for name in _BY if name == "channel" or name in stitched.columns]
    found = {name: (name,) for name in kept}
    return found | ({_BOTH: ("source", "medium")} if {"source", "medium"} <= set(kept) else {})


def _event_counts(stitched: pd.DataFrame) -> dict[str, int]:
    codes = order.codes(stitched, "event_name")
    names = stitched["event_name"].cat.categories
    counts = np.bincount(codes[codes >= 0], minlength=len(names))
    found = {str(name): int(count) for name, count in zip(names, counts, strict=True) if count and name not in _REFUNDS}
    return dict(sorted(found.items(), key=lambda one: (-one[1], one[0])))


def _several(option: str, given: object, allowed: Iterable[str] | None = None) -> tuple[str, ...]:
    return options.one_or_several(STEP, option, given, allowed)


def _lookback_text(given: object) -> str:
    """A lookback as the state has it: a duration, ``platform``, or ``none``; a number is one of days."""
    text = _ANY_AGE if given is None else given
    if isinstance(given, int | float) and not isinstance(given, bool):
        text = f"{given}".removesuffix(".0") + "D"
    if not isinstance(text, str):
        raise errors.OptionError(STEP, "lookback", given, "a duration such as '90D', 'platform', or 'none'")
    text = text.strip()
    text = f"{text}D" if text.replace(".", "", 1).isdigit() else text
    if text.casefold() in (_ANY_AGE, "platform"):
        return text.casefold()
    read_lookback(STEP, text)
    return text


def _between(since: object, until: object) -> tuple[str | None, str | None] | None:
    """Days, the last one among them, as the moments that ``attribute`` takes."""
    first, last = options.day(STEP, "since", since), options.day(STEP, "until", until)
    if first is None and last is None:
        return None
    if first is not None and last is not None and first > last:
        raise errors.OptionError(STEP, "until", until, f"the day {first} or a later one, which since= is")
    after = None if last is None else (last + dt.timedelta(days=1)).isoformat()
    return (None if first is None else first.isoformat(), after)


def _one_or_list(values: Iterable[str]) -> str | list[str]:
    listed = list(values)
    return listed[0] if len(listed) == 1 else listed


def _arguments(first: str, keywords: Mapping[str, Any]) -> str:
    return ", ".join([first, *(f"{name}={value!r}" for name, value in keywords.items())])
