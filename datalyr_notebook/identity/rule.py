"""StitchRule: how events become people, checked when it is made."""

from __future__ import annotations

from dataclasses import dataclass, fields, replace
from typing import Any

import numpy as np
import pandas as pd

from datalyr_notebook import errors, options, schema
from datalyr_notebook.identity.blocking import BlockList
from datalyr_notebook.identity.links import BRIDGE_KINDS, Members, find_members
from datalyr_notebook.identity.policies import POLICIES
from datalyr_notebook.order import Flags


@dataclass(frozen=True, kw_only=True)
class StitchRule:
    """How events become people.

    policy: which user an anonymous event of a device gets (``POLICIES``). merge_on: traits trusted to
    be one person's (``("email", "phone")``). bridges: kinds of app↔web matches to follow (email, ip).
    as_of: only evidence known by then (inclusive; a date alone is its first instant) counts, and later
    events are dropped; None = all; ``"event"``: each row is judged by what was known at that row.
    block / allow: ids that are nobody's although they look like ids, and the reverse (allow works on ids
    that loading has kept); ``%`` in block is any run of characters, and what it names is no trusted
    trait value either. session_timeout: for events without session_id.

    Limits. A device with more than max_users_per_device users gives its anonymous events a user only from
    their own session, and ties nothing under ``graph``. A user seen on more than max_devices_per_user
    devices merges with nobody by a trait, and ties no device under ``graph``; a trait value on more than
    max_ids_per_trait_value users merges nobody.

    Raises OptionError for a value that is not known.

    >>> StitchRule(policy="next").bridges
    ('email', 'ip')
    """

    policy: str = "session"
    merge_on: tuple[str, ...] = ()
    bridges: tuple[str, ...] = BRIDGE_KINDS
    as_of: Any = None
    block: tuple[str, ...] = ()
    allow: tuple[str, ...] = ()
    max_users_per_device: int = 10
    max_devices_per_user: int = 50
    max_ids_per_trait_value: int = 10
    session_timeout: Any = "30min"

    def __post_init__(self) -> None:
        """Check every value, so that a rule that exists can be followed."""
        step = "StitchRule"
        options.one_of(step, "policy", self.policy, POLICIES)
        for name, allowed, example in (
            ("merge_on", None, "('email', 'phone')"),
            ("bridges", BRIDGE_KINDS, ""),
            ("block", None, "('%@example.com',)"),
            ("allow", None, "('guest',)"),
        ):
            object.__setattr__(self, name, options.texts(step, name, getattr(self, name), allowed, example=example))
        for name in ("max_users_per_device", "max_devices_per_user", "max_ids_per_trait_value"):
            options.count(step, name, getattr(self, name))
        options.microseconds(step, "session_timeout", self.session_timeout)
        if self.as_of is not None and not self.is_at_event:
            object.__setattr__(self, "as_of", options.instant(step, "as_of", self.as_of, also="None, 'event' or "))
        if self.is_at_event and POLICIES[self.policy].is_graph:
            raise errors.OptionError(step, "as_of", self.as_of, "None or a moment with policy='graph'")

    @property
    def is_at_event(self) -> bool:
        """Whether each row is judged by what was known at its own time."""
        return isinstance(self.as_of, str) and self.as_of == schema.AT_EVENT

    @property
    def timeout_us(self) -> int:
        """session_timeout in microseconds."""
        return options.microseconds("StitchRule", "session_timeout", self.session_timeout)

    @property
    def blocked(self) -> BlockList:
        """The ids and trait values that are nobody's."""
        return BlockList.of(self.block, self.allow)

    def known(self, events: pd.DataFrame) -> pd.DataFrame:
        """The events that had happened by ``as_of``."""
        known: pd.DataFrame = events if self.as_of is None or self.is_at_event else events.loc[self.happened(events)]
        return known

    def happened(self, events: pd.DataFrame) -> Flags:
        """Which of the events had happened by ``as_of``."""
        if self.as_of is None or self.is_at_event:
            return np.ones(len(events), dtype=bool)
        flags: Flags = (events["timestamp"] <= self.as_of).to_numpy(dtype=bool)
        return flags

    def members(self, events: pd.DataFrame) -> Members:
        """Devices and users of the events, without the ids that are nobody's."""
        return find_members(events, self.blocked)


def make_rule(rule: StitchRule | None, keywords: dict[str, Any], *, step: str = "stitch") -> StitchRule:
    """The rule that was given, or the default one, with the options on top."""
    if rule is not None and not isinstance(rule, StitchRule):
        raise errors.OptionError(step, "rule", rule, "a StitchRule, or its options as keywords")
    known = [field.name for field in fields(StitchRule)]
    for name in keywords:
        if name not in known:
            raise errors.OptionError(step, "option", name, known)
    return replace(rule or StitchRule(), **keywords)
