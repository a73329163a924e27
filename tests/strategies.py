"""Small, nasty tables of events for the laws: few ids, few instants, every kind of row."""

from __future__ import annotations

from typing import Any

import pandas as pd
from hypothesis import strategies as st

from datalyr_notebook.loading.normalize import normalize_events

MINUTE = 60 * 10**6
START = pd.Timestamp("2026-01-01T00:00Z").value // 1000

DEVICES = ["anon_a", "anon_b", "d3", "42"]
USERS = ["u1", "u2", "u3", "kate@example.com", "42"]
SESSIONS = ["s1", "s2", "s3"]
TRAITS = [
    {},
    {"email": "Kate@Example.com "},
    {"email": "a@b.org", "phone": "+1 (555) 010-2030"},
    {"email": "a@b.org", "plan": 7},
    {"email": "none", "phone": 15550102030},
    {"phone": "555 0100", "plan": " Pro "},
    {"phone": "1234567890", "plan": "n/a"},
    {"phone": "5550100", "plan": "PRO"},
    {"plan": "7"},
]
"""Values that are one when compared, values that are nobody's, and both on one user."""


def _maybe(values: list[Any]) -> st.SearchStrategy[Any]:
    return st.one_of(st.none(), st.sampled_from(values))


@st.composite
def rows(draw: st.DrawFn, *, bridges: bool = True, max_rows: int = 14) -> list[dict[str, Any]]:
    """Rows of a canonical table; every row has its own event_id, instants repeat."""
    count = draw(st.integers(1, max_rows))
    found = []
    for number in range(count):
        sdk = draw(st.sampled_from(["web", "web", "web", "react_native", "node", "unknown"]))
        name = draw(st.sampled_from(["pageview", "pageview", "$identify", "$identify", "$alias", "purchase", "refund"]))
        row: dict[str, Any] = {
            "event_id": f"e{number:02}",
            "timestamp": START + draw(st.integers(0, 40)) * 10 * MINUTE,
            "event_name": name,
            "anonymous_id": draw(_maybe(DEVICES)),
            "user_id": draw(_maybe(USERS)) if name == "$identify" or draw(st.booleans()) else None,
            "session_id": draw(_maybe(SESSIONS)),
            "sdk": sdk,
            "device_type": draw(st.sampled_from(["phone", "desktop"])),
        }
        if name == "$alias":
            row["previous_id"] = draw(_maybe([*DEVICES, *USERS, "anon_gone", "internal"]))
            row["new_user_id"] = draw(_maybe([*USERS, "u9"]))
        if name == "$identify":
            row["traits"] = draw(_maybe(TRAITS))
        if bridges and sdk == "react_native" and name != "$alias" and draw(st.booleans()):
            # Bridges keep to instants of their own: what the other device does at the same one is nobody's rule.
            row["timestamp"] += MINUTE + number
            row["web_visitor_id"] = draw(st.sampled_from([*DEVICES, "anon_gone"]))
            row["match_method"] = draw(_maybe(["email", "ip"]))
            row["event_name"] = draw(st.sampled_from(["$web_attribution_matched", "pageview"]))
        if draw(st.booleans()):
            row["source"] = draw(_maybe(["google", "facebook", "direct"]))
            row["medium"] = draw(_maybe(["cpc", "organic", "none"]))
            row["campaign"] = draw(_maybe(["c1", "c2"]))
            row["click_id"] = draw(_maybe(["k1", "k2"]))
            row["touch_is_carried"] = sdk == "web" and draw(st.booleans())
            row["touch_key"] = draw(_maybe(["t1", "t2"])) if sdk == "react_native" else None
        if row["event_name"] in ("purchase", "refund"):
            row["value"] = draw(st.sampled_from([None, 10.0, 25.5, -5.0]))
            row["currency"] = draw(_maybe(["USD"]))
            row["order_id"] = draw(_maybe(["o1", "o2"]))
        found.append(row)
    return found


@st.composite
def logins(draw: st.DrawFn, *, odd: bool = False, max_rows: int = 10) -> list[dict[str, Any]]:
    """Rows of two busy devices that change hands and one that only matches tell of; sessions all named or none.

    ``odd`` adds what may make later events change the meaning of earlier ones: aliases, servers,
    sessions named now and then, matches without a kind.
    """
    devices, users, phones = ["anon_a", "anon_b", "anon_c"], ["u1", "u2", "u3"], ["5550104477", "5550108899"]
    sessions = [*SESSIONS, None] if odd else draw(st.sampled_from([SESSIONS, [None]]))
    found = []
    for number in range(draw(st.integers(2, max_rows))):
        row: dict[str, Any] = {
            "event_id": f"e{number:02}",
            "timestamp": START + draw(st.integers(0, 12)) * 10 * MINUTE,
            "event_name": "pageview",
            "anonymous_id": draw(st.sampled_from(devices)),
            "session_id": draw(st.sampled_from(sessions)),
            "sdk": draw(st.sampled_from(["web", "node"])) if odd else "web",
        }
        row["user_id"] = None if row["anonymous_id"] == "anon_c" else draw(_maybe(users))
        kind = draw(st.sampled_from(["plain", "plain", "identify", "match", *(["alias", "alias"] if odd else [])]))
        if kind == "identify":
            row |= {"event_name": "$identify", "traits": {"phone": draw(st.sampled_from(phones))}}
        if kind == "alias":
            row |= {"event_name": "$alias", "previous_id": draw(st.sampled_from([*devices, *users, "u4"]))}
        if kind == "match":
            # At an instant of its own, as in rows().
            row |= {"event_name": "$web_attribution_matched", "timestamp": row["timestamp"] + MINUTE + number}
            row |= {"sdk": "react_native", "user_id": None, "web_visitor_id": draw(st.sampled_from(devices))}
            row["match_method"] = draw(st.sampled_from(["email", "ip", None] if odd else ["email", "ip"]))
        found.append(row)
    return found


COLUMNS = [
    "event_id",
    "timestamp",
    "event_name",
    "anonymous_id",
    "user_id",
    "previous_id",
    "new_user_id",
    "session_id",
    "sdk",
    "device_type",
    "source",
    "medium",
    "campaign",
    "click_id",
    "touch_is_carried",
    "touch_key",
    "value",
    "currency",
    "order_id",
    "web_visitor_id",
    "match_method",
    "traits",
]


def table(found: list[dict[str, Any]]) -> pd.DataFrame:
    """Rows as a canonical table."""
    frame = pd.DataFrame([{name: row.get(name) for name in COLUMNS} for row in found], dtype=object)
    frame["timestamp"] = pd.to_datetime(frame["timestamp"].astype("int64"), unit="us", utc=True)
    return normalize_events(frame)


def records(events: pd.DataFrame) -> list[dict[str, Any]]:
    """A table as the oracle reads it: dicts, None for null, time in microseconds."""
    cells = events.astype(object).where(events.notna(), None)
    cells["timestamp"] = events["timestamp"].astype("int64")
    return [dict(row) for row in cells.to_dict("records")]
