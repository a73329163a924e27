"""Rows in the order of events, with ids that are somebody's, and what the analyst chose.

Rows are plain dicts in the shape of the events table: None for null, times as int microseconds or
aware datetimes.
"""

from __future__ import annotations

import datetime as dt
import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from datalyr_notebook.schema import SERVER_SDKS, is_null_like

Row = Mapping[str, Any]
Link = tuple[str, str, str]
"""What names a row of identity_links: id, other_id, kind."""

SESSION_TIMEOUT_US = 30 * 60 * 10**6
MATCHED, MERGED = "$web_attribution_matched", "$web_attribution_merged"


@dataclass(frozen=True)
class Rule:
    """What the analyst chose."""

    policy: str
    merge_on: tuple[str, ...] = ()
    bridges: tuple[str, ...] = ("email", "ip")
    block: tuple[str, ...] = ()
    allow: tuple[str, ...] = ()
    session_timeout_us: int = SESSION_TIMEOUT_US
    max_users_per_device: int = 10
    max_devices_per_user: int = 50
    max_ids_per_trait_value: int = 10
    without: frozenset[Link] = frozenset()


@dataclass(frozen=True)
class Event:
    """One row with clean ids; ``place`` is its rank in the order of events, ``index`` its rank in the input."""

    index: int
    place: int
    time: int
    name: str | None
    anonymous_id: str | None
    user_id: str | None
    previous_id: str | None
    new_user_id: str | None
    session_id: str | None
    is_server: bool
    web_visitor_id: str | None
    match_method: str | None
    traits: Mapping[Any, Any]


def microseconds(row: Row) -> int:
    """A row's time as int microseconds since 1970 in UTC."""
    return instant(row["timestamp"])


def instant(value: Any) -> int:
    """An aware datetime, or int microseconds, as int microseconds."""
    if isinstance(value, dt.datetime):
        return (value - dt.datetime(1970, 1, 1, tzinfo=dt.UTC)) // dt.timedelta(microseconds=1)
    return int(value)


def order_key(row: Row) -> tuple[Any, ...]:
    """Time, then $identify/$alias before others, then user_id, event_id, event_name, anonymous_id; nulls last."""
    ties = [row.get(name) for name in ("user_id", "event_id", "event_name", "anonymous_id")]
    return (
        microseconds(row),
        row.get("event_name") not in ("$identify", "$alias"),
        *((text is None, "" if text is None else str(text)) for text in ties),
        repr(sorted(row.items(), key=lambda item: item[0])),
    )


def events_in_order(rows: Sequence[Row], rule: Rule) -> tuple[Event, ...]:
    """The rows in the order of events; ids that are nobody's are None."""
    order = sorted(range(len(rows)), key=lambda index: order_key(rows[index]))
    return tuple(_event(rows[index], index, place, rule) for place, index in enumerate(order))


def named_users(events: Sequence[Event]) -> set[str]:
    """Every text that names a user: a user_id, or what an alias turns an id into."""
    return {text for event in events for text in (event.user_id, event.new_user_id) if text is not None}


def is_nobody(text: str, rule: Rule) -> bool:
    """Whether a text is null-like or blocked, compared trimmed and case-folded; what is allowed is somebody."""
    bare = text.strip().casefold()
    if bare in {allowed.strip().casefold() for allowed in rule.allow}:
        return False
    return is_null_like(text) or any(_fits(bare, pattern.strip().casefold()) for pattern in rule.block)


def _fits(text: str, pattern: str) -> bool:
    """``%`` stands for any run of characters, also for none."""
    anything = ".*".join(re.escape(part) for part in pattern.split("%"))
    return re.fullmatch(anything, text, re.DOTALL) is not None


def _event(row: Row, index: int, place: int, rule: Rule) -> Event:
    traits = row.get("traits")
    return Event(
        index=index,
        place=place,
        time=microseconds(row),
        name=row.get("event_name"),
        anonymous_id=_id(row, "anonymous_id", rule),
        user_id=_id(row, "user_id", rule),
        previous_id=_id(row, "previous_id", rule),
        new_user_id=_id(row, "new_user_id", rule),
        session_id=row.get("session_id"),
        is_server=row.get("sdk") in SERVER_SDKS,
        web_visitor_id=_id(row, "web_visitor_id", rule),
        match_method=row.get("match_method"),
        traits=traits if isinstance(traits, Mapping) else {},
    )


def _id(row: Row, name: str, rule: Rule) -> str | None:
    text = row.get(name)
    return None if text is None or is_nobody(str(text), rule) else str(text)
