"""The benchmark's events: 5 million rows in shuffled order, the shape issue and README describe.

540,000 devices with 41-character ids, 300,000 users, 45 % of devices identified at some time,
5 % of devices with 2-5 users, sessions of about five events, 2 % purchases, a marketing landing in
a third of the sessions. Deterministic per seed.
"""

from __future__ import annotations

import numpy as np
import pandas as pd

DEVICES_PER_EVENT = 540_000 / 5_000_000
USERS_PER_EVENT = 300_000 / 5_000_000
EVENTS_PER_SESSION = 5
START = np.datetime64("2026-01-01", "us")
SPAN_US = 60 * 86_400 * 10**6
SOURCES = ("google", "facebook", "tiktok", "bing", "newsletter")
MEDIUMS = ("cpc", "paid_social", "paid_social", "organic", "email")


def make_events(events: int = 5_000_000, *, seed: int = 0, with_event_id: bool = False) -> pd.DataFrame:
    """Variant A, or variant B (``with_event_id``): event ids and 1 % re-deliveries on top."""
    rng = np.random.default_rng(seed)
    devices, users = int(events * DEVICES_PER_EVENT), int(events * USERS_PER_EVENT)
    sessions = events // EVENTS_PER_SESSION
    session_device = rng.integers(0, devices, sessions)
    session_start = rng.integers(0, SPAN_US, sessions)
    session = np.sort(rng.integers(0, sessions, events))
    device = session_device[session]
    time = session_start[session] + rng.integers(0, 25 * 60 * 10**6, events)

    user_text = _texts("user_", users, 12, rng)
    device_text = _texts("anon_", devices, 36, rng)
    session_text = _texts("sess_", sessions, 16, rng)
    user = _who_is_logged_in(device, session, time, devices, users, rng)

    name = rng.choice(np.array(["pageview", "add_to_cart", "view_item", "feature_used"]), events)
    name[rng.random(events) < 0.02] = "purchase"
    name[_first_known(device, time, user)] = "$identify"
    ad = np.where(rng.random(sessions) < 1 / 3, rng.integers(0, len(SOURCES), sessions), -1)[session]
    landing = (ad >= 0) & (rng.random(events) < 0.4)
    frame = pd.DataFrame(
        {
            "timestamp": pd.to_datetime(START + time.astype("timedelta64[us]"), utc=True),
            "event_name": name,
            "anonymous_id": device_text[device],
            "user_id": np.where(user >= 0, user_text[user], None),
            "session_id": session_text[session],
            "source": np.where(landing, np.array(SOURCES)[ad], None),
            "medium": np.where(landing, np.array(MEDIUMS)[ad], None),
            "value": np.where(name == "purchase", rng.integers(500, 20_000, events) / 100, np.nan),
        }
    )
    for column in ("event_name", "anonymous_id", "user_id", "session_id", "source", "medium"):
        frame[column] = frame[column].astype(_text_dtype())
    if with_event_id:
        frame.insert(0, "event_id", pd.array(_texts("", events, 36, rng), dtype=_text_dtype()))
        again = rng.integers(0, events, events // 100)
        frame = pd.concat([frame, frame.iloc[again]], ignore_index=True)
    return frame.iloc[rng.permutation(len(frame))].reset_index(drop=True)


def _text_dtype() -> str:
    return "str" if pd.__version__ >= "3" else "object"


def _texts(prefix: str, count: int, width: int, rng: np.random.Generator) -> np.ndarray:
    """Distinct texts: ``prefix``, then random hexadecimal digits, ``width`` characters."""
    digits = np.frombuffer(b"0123456789abcdef", dtype=np.uint8)[rng.integers(0, 16, (count, width))]
    number = np.arange(count)
    for place in range(7):
        digits[:, width - 1 - place] = np.frombuffer(b"0123456789abcdef", dtype=np.uint8)[number & 15]
        number >>= 4
    texts = np.ascontiguousarray(digits).view(f"S{width}").ravel().astype(f"U{width}")
    return np.char.add(prefix, texts).astype(object)


def _who_is_logged_in(
    device: np.ndarray, session: np.ndarray, time: np.ndarray, devices: int, users: int, rng: np.random.Generator
) -> np.ndarray:
    """User code a row, -1 for anonymous: 45 % of devices log in once; on 5 % of devices 2-5 users take turns."""
    kind = rng.random(devices)
    login_at = rng.integers(0, SPAN_US, devices)
    owner = rng.integers(0, users, devices)
    user = np.where((kind < 0.45)[device] & (time >= login_at[device]), owner[device], -1)
    shared = (kind < 0.05)[device]
    turns = rng.integers(2, 6, devices)[device]
    turn = (session * 2_654_435_761 % 4_294_967_296 >> 7) % turns
    other = (owner[device] + turn * 7_919) % users
    logged_in = (session % 3 > 0) & (rng.random(len(session)) < 0.7)
    return np.where(shared, np.where(logged_in, other, -1), user)


def _first_known(device: np.ndarray, time: np.ndarray, user: np.ndarray) -> np.ndarray:
    """Row numbers: each device's first row with each of its users."""
    known = np.flatnonzero(user >= 0)
    order = known[np.lexsort((time[known], user[known], device[known]))]
    new = np.r_[True, (device[order][1:] != device[order][:-1]) | (user[order][1:] != user[order][:-1])]
    return order[new]
