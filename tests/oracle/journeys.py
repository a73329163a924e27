"""Visits, touches and conversions, worked out slowly: the journey rules of the design, one short function each.

Rows are dicts in the shape of the events table with a person_id. Every touch and conversion also
carries ``visit``, the (person_id, anonymous_id, session) it belongs to, or None.
"""

from __future__ import annotations

import hashlib
import math
from collections.abc import Callable, Iterable, Mapping, Sequence
from itertools import pairwise
from typing import Any, NamedTuple

from datalyr_notebook.schema import MOBILE_SDKS, SERVER_SDKS, TOUCH_FIELDS

from .attribution import is_direct
from .events import MATCHED, MERGED, SESSION_TIMEOUT_US, microseconds, order_key

Row = Mapping[str, Any]
Visit = tuple[str, str | None, Any]
Kinds = Mapping[str, Callable[[int, Row], bool]]

COPIED_TO_A_TOUCH = (*TOUCH_FIELDS, "click_id_type")
COPIED_TO_BOTH = ("anonymous_id", "session_id", "sdk", "device_type", "event_id")


class Placed(NamedTuple):
    """A row, its rank in the order of events, its rank in the input, and the visit it belongs to."""

    place: int
    origin: int
    row: Row
    visit: Visit | None


# visits


def placed(rows: Sequence[Row], session_timeout_us: int = SESSION_TIMEOUT_US) -> list[Placed]:
    """All rows in the order of events, each with its visit."""
    order = sorted(range(len(rows)), key=lambda index: order_key(rows[index]))
    ordered = [rows[index] for index in order]
    return [
        Placed(place, order[place], row, visit_of(place, ordered, session_timeout_us))
        for place, row in enumerate(ordered)
    ]


def visit_of(place: int, ordered: Sequence[Row], session_timeout_us: int) -> Visit | None:
    """(person_id, anonymous_id, session): session_id, otherwise a gap between that person's rows on that device.

    A server row and a row of nobody make no visit.
    """
    row = ordered[place]
    if not is_client(row) or row["person_id"] is None:
        return None
    if row.get("session_id") is not None:
        return row["person_id"], row.get("anonymous_id"), row["session_id"]
    so_far = [microseconds(other) for other in ordered[: place + 1] if is_client(other) and same_device(other, row)]
    gaps = sum(later - earlier > session_timeout_us for earlier, later in pairwise(so_far))
    return row["person_id"], row.get("anonymous_id"), ("gap", gaps)


def is_client(row: Row) -> bool:
    """Server rows make no visit, session or touch; ``http`` and ``unknown`` rows count as client rows."""
    return row.get("sdk") not in SERVER_SDKS


def same_device(one: Row, other: Row) -> bool:
    """Whether two rows are of one person on one device."""
    return (one["person_id"], one.get("anonymous_id")) == (other["person_id"], other.get("anonymous_id"))


# touches


def find_touches(
    rows: Sequence[Row],
    *,
    level: str = "session",
    app_direct: bool = False,
    session_timeout_us: int = SESSION_TIMEOUT_US,
) -> list[dict[str, Any]]:
    """The touches of rows that have a person_id, sorted by person, time and touch_id."""
    events = placed(rows, session_timeout_us)
    found: list[dict[str, Any]] = []
    for visit in dict.fromkeys(event.visit for event in events if event.visit is not None):
        members = [event for event in events if event.visit == visit]
        signals = [event for event in members if is_live_signal(event, members, events)]
        kept = different_ones(signals) if level == "session" else signals
        found += [touch_of(event, events, direct=False) for event in kept]
        if not signals and may_be_direct(members, events, found, app_direct=app_direct):
            found.append(touch_of(members[0], events, direct=True))
    return sorted(found, key=lambda touch: (touch["person_id"], touch["timestamp"], touch["touch_id"]))


def is_live_signal(event: Placed, visit: Sequence[Placed], events: Sequence[Placed]) -> bool:
    """Marketing evidence of this very event: not carried, not direct, not kept by an app, not an old address bar."""
    row = event.row
    has_evidence = any(row.get(name) for name in TOUCH_FIELDS)
    says_nothing = is_direct({**row, "source": row.get("source") or "direct"})
    bare_direct = says_nothing and not any(row.get(name) for name in ("campaign", "term", "content", "click_id"))
    if not has_evidence or bare_direct or row.get("touch_is_carried") or row.get("event_name") in (MATCHED, MERGED):
        return False
    if row.get("sdk") in MOBILE_SDKS:
        return is_apps_own_evidence(event, events)
    return not is_old_address_bar(event, visit, events)


def is_apps_own_evidence(event: Placed, events: Sequence[Placed]) -> bool:
    """app_install, $deep_link, or a deep link that this person's rows have not named before."""
    key = event.row.get("touch_key")
    if event.row.get("event_name") == "$deep_link":
        return True
    if key is None:
        return event.row.get("event_name") == "app_install"
    earlier = [one.row for one in events[: event.place]]
    return not any(row["person_id"] == event.row["person_id"] and row.get("touch_key") == key for row in earlier)


def is_old_address_bar(event: Placed, visit: Sequence[Placed], events: Sequence[Placed]) -> bool:
    """In such a session, what precedes its first pageview is no signal."""
    if event.row.get("sdk") != "web" or not starts_without_pageview(visit, events):
        return False
    return not any(one.row.get("event_name") == "pageview" for one in visit if one.place <= event.place)


def starts_without_pageview(visit: Sequence[Placed], events: Sequence[Placed]) -> bool:
    """Web SDK: a session that starts without a pageview on a device that has pageviews."""
    first = visit[0].row
    if first.get("sdk") != "web" or first.get("event_name") == "pageview":
        return False
    return any(
        one.row.get("event_name") == "pageview" and one.visit is not None and same_device(one.row, first)
        for one in events
    )


def different_ones(signals: Sequence[Placed]) -> list[Placed]:
    """Each different from every earlier touch of the visit."""
    kept: list[Placed] = []
    for signal in signals:
        if all(differs(signal.row, earlier.row) for earlier in kept):
            kept.append(signal)
    return kept


def differs(one: Row, other: Row) -> bool:
    """Some non-empty field differs; a missing field makes no difference."""
    return any(one.get(name) and other.get(name) and one[name] != other[name] for name in TOUCH_FIELDS)


def may_be_direct(visit: Sequence[Placed], events: Sequence[Placed], found: Sequence[Row], *, app_direct: bool) -> bool:
    """A visit without a signal is one direct touch if sdk is web, http or unknown.

    If the device already has a touch, a session that starts without a pageview adds none.
    """
    first = visit[0]
    if first.row.get("sdk") not in ("web", "http", "unknown", *(MOBILE_SDKS if app_direct else ())):
        return False
    before = {one.origin for one in events[: first.place]}
    already = any(touch["row"] in before and same_device(touch, first.row) for touch in found)
    return not (already and starts_without_pageview(visit, events))


def touch_of(event: Placed, events: Sequence[Placed], *, direct: bool) -> dict[str, Any]:
    """The touches table's columns (but channel), the visit, and ``row``: which input row it is."""
    row = event.row
    evidence = {name: row.get(name) or None for name in COPIED_TO_A_TOUCH}
    if direct:
        evidence = {**dict.fromkeys(COPIED_TO_A_TOUCH), "source": "direct", "medium": "none"}
    return {
        "person_id": row["person_id"],
        "touch_id": event_key(event, events),
        "timestamp": microseconds(row),
        **evidence,
        **{name: row.get(name) for name in COPIED_TO_BOTH},
        "visit": event.visit,
        "row": event.origin,
    }


def event_key(event: Placed, events: Sequence[Placed]) -> str:
    """The event_id, with ``:<event_name>`` behind it where two names share it; else a hash of the content."""
    event_id = event.row.get("event_id")
    if event_id is None:
        content = order_key(event.row)
        twins_before = sum(order_key(one.row) == content for one in events[: event.place])
        digest = hashlib.sha256(repr(content).encode(errors="backslashreplace")).hexdigest()
        return f"{digest[:16]}-{twins_before}"
    names = {one.row.get("event_name") for one in events if one.row.get("event_id") == event_id}
    return f"{event_id}:{event.row.get('event_name')}" if len(names) > 1 else event_id


# conversions


def find_conversions(
    rows: Sequence[Row],
    *,
    conversion: str | Sequence[Any] | Mapping[str, Any] = "purchase",
    refunds: str = "net",
    refund_events: Iterable[str] = ("refund",),
    unmatched_refunds: list[Row] | None = None,
    session_timeout_us: int = SESSION_TIMEOUT_US,
) -> list[dict[str, Any]]:
    """The conversions of rows that have a person_id, sorted by person, time and conversion_id.

    Refund rows that reduce no order are appended to ``unmatched_refunds``.
    """
    events = placed(rows, session_timeout_us)
    names = tuple(refund_events)
    kinds = kinds_of(conversion)
    found: list[dict[str, Any]] = []
    matched: set[int] = set()
    all_refunds: dict[int, Row] = {}
    for kind, is_one in kinds.items():
        asked = {event.place for event in events if is_one(event.origin, event.row)}
        refund_rows = [
            event
            for event in events
            if event.row.get("event_name") in names or (event.place in asked and is_negative(event.row))
        ]
        sold = asked - {event.place for event in refund_rows}
        sales = [event for event in events if event.place in sold and event.row["person_id"] is not None]
        orders = [order_of(copies, events, kind, session_timeout_us) for copies in copies_of_orders(sales)]
        fill_currency(orders, refund_rows if refunds == "net" else ())
        if refunds == "net":
            all_refunds |= {refund.origin: refund.row for refund in refund_rows}
            matched |= take_back(orders, refund_rows)
        found += orders
    if unmatched_refunds is not None:
        unmatched_refunds += [row for origin, row in all_refunds.items() if origin not in matched]
    name_apart(found)
    return sorted(found, key=lambda one: (one["person_id"], one["timestamp"], one["conversion_id"]))


def kinds_of(conversion: str | Sequence[Any] | Mapping[str, Any]) -> Kinds:
    """Several names are several kinds; a mapping makes one kind of many names; a mask is the kind ``conversion``."""
    if isinstance(conversion, str):
        return {conversion: named((conversion,))}
    if isinstance(conversion, Mapping):
        return {
            kind: named((wanted,) if isinstance(wanted, str) else tuple(wanted)) for kind, wanted in conversion.items()
        }
    if all(isinstance(one, str) for one in conversion):
        return {name: named((name,)) for name in conversion}
    mask = list(conversion)
    return {"conversion": lambda origin, _: bool(mask[origin])}


def named(wanted: tuple[str, ...]) -> Callable[[int, Row], bool]:
    """Whether a row's event_name is one of these."""
    return lambda _, row: row.get("event_name") in wanted


def is_negative(row: Row) -> bool:
    """A negative value is a refund."""
    return (number(row.get("value")) or 0) < 0


def number(value: float | None) -> float | None:
    """A value, or None where it is missing or NaN."""
    return None if value is None or math.isnan(value) else float(value)


def copies_of_orders(sales: Sequence[Placed]) -> list[list[Placed]]:
    """Orders are de-duplicated by (person, order_id), in the order of events; a row without order_id stands alone."""
    groups: dict[Any, list[Placed]] = {}
    for event in sales:
        order_id = event.row.get("order_id")
        key = ("row", event.origin) if order_id is None else (event.row["person_id"], order_id)
        groups.setdefault(key, []).append(event)
    return list(groups.values())


def order_of(copies: Sequence[Placed], events: Sequence[Placed], kind: str, timeout: int) -> dict[str, Any]:
    """First kept; missing value or currency from the next copy that has it; session and device from a client copy."""
    first = copies[0]
    values = [value for copy in copies if (value := number(copy.row.get("value"))) is not None]
    currencies = [copy.row["currency"] for copy in copies if copy.row.get("currency")]
    client = [copy for copy in copies if is_client(copy.row)]
    where = client[0] if client else first
    visit = where.visit if client else server_conversions_visit(first, events, timeout)
    session_id = where.row.get("session_id")
    if not client and visit is not None:
        session_id = visit[2] if isinstance(visit[2], str) else None
    return {
        "conversion_id": event_key(first, events),
        "person_id": first.row["person_id"],
        "timestamp": microseconds(first.row),
        "event_name": first.row.get("event_name"),
        "kind": kind,
        "value": values[0] if values else None,
        "currency": currencies[0] if currencies else None,
        "order_id": first.row.get("order_id"),
        "anonymous_id": where.row.get("anonymous_id"),
        "session_id": session_id,
        "sdk": where.row.get("sdk"),
        "device_type": where.row.get("device_type"),
        "event_id": first.row.get("event_id"),
        "visit": visit,
        "row": first.origin,
    }


def server_conversions_visit(event: Placed, events: Sequence[Placed], timeout: int) -> Visit | None:
    """That person's latest session with an event at most session_timeout earlier."""
    recent = [
        one.visit
        for one in events
        if one.visit is not None
        and one.row["person_id"] == event.row["person_id"]
        and 0 <= microseconds(event.row) - microseconds(one.row) <= timeout
    ]
    return recent[-1] if recent else None


def fill_currency(orders: Sequence[dict[str, Any]], refund_rows: Sequence[Placed]) -> None:
    """Missing currency = the only one present; mixed currencies need rates, which the oracle leaves alone."""
    said = [order["currency"] for order in orders] + [refund.row.get("currency") for refund in refund_rows]
    present = {str(currency) for currency in said if currency}
    if len(present) > 1:
        message = f"mixed currencies: {sorted(present)}"
        raise ValueError(message)
    for order in orders:
        order["currency"] = order["currency"] or next(iter(present), None)


def take_back(orders: Sequence[dict[str, Any]], refund_rows: Sequence[Placed]) -> set[int]:
    """All refunds of an order_id reduce that order by ``|value|``, floor 0; which refund rows found an order."""
    taken: dict[int, float] = {}
    matched = set()
    for refund in refund_rows:
        order = refunded_order(refund.row, orders)
        if order is not None:
            matched.add(refund.origin)
            taken[order["row"]] = taken.get(order["row"], 0.0) + abs(number(refund.row.get("value")) or 0.0)
    for order in orders:
        if order["value"] is not None and order["row"] in taken:
            order["value"] = max(0.0, order["value"] - taken[order["row"]])
    return matched


def refunded_order(refund: Row, orders: Sequence[dict[str, Any]]) -> dict[str, Any] | None:
    """That person's order; else the order of that id if one person has it."""
    if refund.get("order_id") is None:
        return None
    same_id = [order for order in orders if order["order_id"] == refund["order_id"]]
    own = [order for order in same_id if order["person_id"] == refund["person_id"]]
    if own:
        return own[0]
    return same_id[0] if len(same_id) == 1 else None


def name_apart(conversions: Sequence[dict[str, Any]]) -> None:
    """``:<kind>`` behind the id where one event counts in two kinds."""
    rows = [one["row"] for one in conversions]
    for one in conversions:
        if rows.count(one["row"]) > 1:
            one["conversion_id"] += f":{one['kind']}"
