"""The benchmark's events: 5 million rows in shuffled order, made up but shaped like a shop's traffic.

540,000 devices with 41-character ids and 300,000 users; 45 % of the devices are identified at some
time, 5 % by 2-5 users who take turns. Sessions have about five events; 2 % of all events are
purchases; a third of the sessions arrive through an ad. The same seed makes the same events.
"""

from __future__ import annotations

from typing import NamedTuple, TypeAlias

import numpy as np
import numpy.typing as npt
import pandas as pd
import pyarrow as pa

Ints: TypeAlias = npt.NDArray[np.int64]
Flags: TypeAlias = npt.NDArray[np.bool_]

DEVICES_PER_EVENT = 540_000 / 5_000_000
USERS_PER_EVENT = 300_000 / 5_000_000
EVENTS_PER_SESSION = 5
IDENTIFIED, SHARED = 0.45, 0.05
"""Shares of all devices; the shared ones are among the identified."""
PURCHASES, REDELIVERED = 0.02, 0.01
"""Shares of all events."""
LOGGED_OUT = 0.15
"""Share of the sessions after the login in which the user is not known again."""
UNKNOWN_ON_SHARED = 0.3
"""Share of a shared device's sessions without a login."""
LANDED, SECOND_LANDING = 1 / 3, 0.02
"""Shares of the sessions that arrive through an ad, and of those that come back through another one."""
AD_STAYS = 0.3
"""Share of the events after a landing whose address still names the ad."""

START = np.datetime64("2026-01-01", "us")
SPAN_US = 60 * 86_400 * 10**6
SESSION_US = 25 * 60 * 10**6
SOURCES = ("google", "facebook", "tiktok", "bing", "newsletter")
MEDIUMS = ("cpc", "paid_social", "paid_social", "organic", "email")
NAMES = ("pageview", "view_item", "add_to_cart", "feature_used", "purchase", "$identify")
_BROWSING, _PURCHASE, _IDENTIFY = 4, 4, 5


class _Sessions(NamedTuple):
    """Sessions by device and start; one entry a session."""

    device: Ints
    start: Ints
    """int64 microseconds after ``START``."""
    user: Ints
    """Who is or becomes known in it, -1 for nobody."""
    logs_in: Flags
    """The user becomes known at one of its events; otherwise is known from its start."""


class _Rows(NamedTuple):
    """Events by session and time; one entry an event."""

    session: Ints
    place: Ints
    """0, 1, 2, … within the session."""
    time: Ints
    user: Ints
    is_login: Flags


def make_events(events: int = 5_000_000, *, seed: int = 0, with_event_id: bool = False) -> pd.DataFrame:
    """Variant A, or variant B (``with_event_id``): event ids, and 1 % of the events delivered twice.

    Columns: timestamp (datetime64[us, UTC]), value (float64, purchases only) and text: event_name,
    anonymous_id, user_id, session_id, source, medium; event_id first in variant B.

    >>> list(make_events(1000)["event_name"].value_counts().loc[["purchase"]])
    [20]
    """
    rng = np.random.default_rng(seed)
    devices, users = round(events * DEVICES_PER_EVENT), round(events * USERS_PER_EVENT)
    sessions = _sessions(devices, users, events // EVENTS_PER_SESSION, rng)
    rows = _rows(sessions, events, rng)
    name = _names(rows, rng)
    ad = _ads(rows, len(sessions.start), rng)
    value = np.where(name == _PURCHASE, rng.integers(500, 20_000, events) / 100, np.nan)
    again = rng.integers(0, events, int(events * REDELIVERED)) if with_event_id else np.zeros(0, dtype=np.int64)
    kept = rng.permutation(np.append(np.arange(events), again))
    columns = {
        "timestamp": pd.DatetimeIndex(START + rows.time[kept].astype("timedelta64[us]")).tz_localize("UTC"),
        "event_name": _taken(pa.array(NAMES), name[kept]),
        "anonymous_id": _taken(_ids("anon_", 36, devices, rng), sessions.device[rows.session[kept]]),
        "user_id": _taken(_ids("user_", 12, users, rng), rows.user[kept]),
        "session_id": _taken(_ids("sess_", 16, len(sessions.start), rng), rows.session[kept]),
        "source": _taken(pa.array(SOURCES), ad[kept]),
        "medium": _taken(pa.array(MEDIUMS), ad[kept]),
        "value": value[kept],
    }
    if with_event_id:
        columns = {"event_id": _taken(_ids("", 36, events, rng), kept), **columns}
    return pd.DataFrame(columns)


def describe(events: pd.DataFrame) -> str:
    """What was really generated, as the benchmarks print it above their tables."""
    pairs = events[["anonymous_id", "user_id"]].dropna().drop_duplicates()
    devices, users_on = events["anonymous_id"].nunique(), pairs["anonymous_id"].value_counts()
    shared = users_on[users_on > 1]
    name = events["event_name"]
    counts = {
        "events": len(events),
        "devices": devices,
        "users": pairs["user_id"].nunique(),
        "sessions": events["session_id"].nunique(),
        "MB": int(events.memory_usage(deep=True).sum() / 1e6),
    }
    shares = {
        "of the devices identified": len(users_on) / devices,
        f"of the devices by {shared.min()}-{shared.max()} users": len(shared) / devices,
        "of the events with a user_id": events["user_id"].notna().mean(),
        "$identify": (name == "$identify").mean(),
        "purchases": (name == "purchase").mean(),
        "with marketing evidence": events["source"].notna().mean(),
    }
    if "event_id" in events.columns:
        shares["re-deliveries"] = events["event_id"].duplicated().mean()
    return "\n".join(
        [
            ", ".join(f"{count:,} {what}" for what, count in counts.items()),
            ", ".join(f"{share:.1%} {what}" for what, share in shares.items()),
        ]
    )


def _sessions(devices: int, users: int, sessions: int, rng: np.random.Generator) -> _Sessions:
    """Every device has a session; a shared one has a session for each of its users."""
    shared, identified = round(devices * SHARED), round(devices * IDENTIFIED)
    known = np.zeros(devices, dtype=np.int64)
    known[:identified] = 1
    known[:shared] = rng.integers(2, 6, shared)
    owner = _owners(int(known.sum()), users, rng)

    least = np.repeat(np.arange(devices), np.maximum(known, 1))
    device = np.sort(np.append(least, rng.integers(0, devices, sessions - len(least))))
    start = rng.integers(0, SPAN_US, sessions)
    start = start[np.lexsort((start, device))]
    count = np.bincount(device, minlength=devices)
    ordinal = np.arange(sessions) - (np.cumsum(count) - count)[device]

    first_owner = np.cumsum(known) - known
    turn = np.where(known > 0, first_owner, 0)[device] + ordinal % np.maximum(known, 1)[device]
    login = (rng.random(devices) * count).astype(np.int64)[device]
    luck = rng.random(sessions)
    takes_turns = (known > 1)[device]
    logs_in = np.where(takes_turns, (ordinal < known[device]) | (luck >= UNKNOWN_ON_SHARED), ordinal == login)
    logs_in &= (known > 0)[device]
    stays_in = (known == 1)[device] & (ordinal > login) & (luck >= LOGGED_OUT)
    return _Sessions(device, start, np.where(logs_in | stays_in, owner[turn], -1), logs_in)


def _owners(places: int, users: int, rng: np.random.Generator) -> Ints:
    """The user at each place a device has for one: every user once, then some on a second device."""
    once = rng.permutation(users)[:places]
    return np.append(once, rng.integers(0, users, places - len(once)))


def _rows(sessions: _Sessions, events: int, rng: np.random.Generator) -> _Rows:
    """Every session has an event; a login happens at any of its session's events."""
    count = len(sessions.start)
    session = np.append(np.arange(count), rng.integers(0, count, events - count))
    # Session and offset in one integer, so that one sort orders both.
    packed = np.sort((session << 32) | rng.integers(0, SESSION_US, events))
    session, offset = packed >> 32, packed & 0xFFFFFFFF
    length = np.bincount(session, minlength=count)
    place = np.arange(events) - (np.cumsum(length) - length)[session]
    login = np.where(sessions.logs_in, (rng.random(count) * length).astype(np.int64), 0)[session]
    user = np.where(place >= login, sessions.user[session], -1)
    return _Rows(session, place, sessions.start[session] + offset, user, sessions.logs_in[session] & (place == login))


def _names(rows: _Rows, rng: np.random.Generator) -> Ints:
    """Each event's place in ``NAMES``: ``$identify`` at logins, purchases anywhere else."""
    events = len(rows.session)
    name = rng.integers(0, _BROWSING, events)
    name[rng.choice(np.flatnonzero(~rows.is_login), int(events * PURCHASES), replace=False)] = _PURCHASE
    name[rows.is_login] = _IDENTIFY
    return name


def _ads(rows: _Rows, sessions: int, rng: np.random.Generator) -> Ints:
    """Each event's place in ``SOURCES``, -1 without evidence: on the landing, and on some events behind it."""
    landed = np.where(rng.random(sessions) < LANDED, rng.integers(0, len(SOURCES), sessions), -1)
    second = np.where(rng.random(sessions) < SECOND_LANDING, rng.integers(0, len(SOURCES), sessions), -1)
    ad = np.where((rows.place >= 2) & (second[rows.session] >= 0), second[rows.session], landed[rows.session])
    return np.where((rows.place % 2 == 0) & (rows.place <= 2) | (rng.random(len(ad)) < AD_STAYS), ad, -1)


def _ids(prefix: str, width: int, count: int, rng: np.random.Generator) -> pa.Array:
    """Distinct texts: the prefix, then ``width`` hexadecimal digits, the last seven a number of their own."""
    alphabet = np.frombuffer(b"0123456789abcdef", dtype=np.uint8)
    digits = rng.integers(0, 16, (count, width), dtype=np.uint8)
    digits[:, -7:] = (np.arange(count)[:, None] >> (4 * np.arange(6, -1, -1))) & 15
    head = np.tile(np.frombuffer(prefix.encode(), dtype=np.uint8), (count, 1))
    letters = np.hstack([head, alphabet[digits]])
    offsets = np.arange(count + 1, dtype=np.int64) * letters.shape[1]
    return pa.LargeStringArray.from_buffers(count, pa.py_buffer(offsets), pa.py_buffer(letters.tobytes()))


def _taken(texts: pa.Array, place: Ints) -> pd.Series:
    """The text at each place, null at -1; ``str`` on pandas 3, ``object`` on pandas 2."""
    taken: pd.Series = texts.cast(pa.large_string()).take(pa.array(place, mask=place < 0)).to_pandas()
    return taken
