"""Rules about deliveries: events and orders that came twice, clocks that are wrong, values that are no numbers."""

from __future__ import annotations

from typing import Final

import numpy as np
import pandas as pd

from datalyr_notebook import order
from datalyr_notebook.lint.examples import most
from datalyr_notebook.lint.tracked import Found, Table, Tracked
from datalyr_notebook.loading.clock import MISSING, read_times
from datalyr_notebook.loading.redelivery import repeated_ids
from datalyr_notebook.order import Flags, Ints

RECEIVED: Final = ("received_at", "receivedAt", "sent_at", "sentAt", "server_timestamp", "serverTimestamp")
"""Columns or payload keys that hold the time at which a server had the event."""
AHEAD_US: Final = 5 * 60 * 10**6
"""Clocks differ by minutes; an event later than its receipt by more is wrong."""
LONGEST_SILENCE_US: Final = 24 * 60 * 60 * 10**6
"""SDKs end a session after 30 or 60 idle minutes."""
FIRST_PLAUSIBLE: Final = pd.Timestamp("2000-01-01", tz="UTC")


def duplicate_event_ids(tracked: Tracked) -> Found | None:
    """Events whose event_id and event_name an earlier one has, and that say the same."""
    again, reused = _redelivered(tracked.sent)
    return _ids_found(tracked.sent, "event_id", again & ~reused)


def reused_event_ids(tracked: Tracked) -> Found | None:
    """Events whose event_id and event_name an earlier one has, with another value, order_id or user_id."""
    _, reused = _redelivered(tracked.sent)
    return _ids_found(tracked.sent, "event_id", reused)


def event_ids_with_several_names(tracked: Tracked) -> Found | None:
    """An event_id on events of different names: these stay two events."""
    frame = tracked.sent.frame
    rows = _repeated(frame, "event_id")
    if not len(rows):
        return None
    ids = frame["event_id"].iloc[rows].astype(object).to_numpy()
    pairs = pd.DataFrame({"id": ids, "name": order.codes(frame, "event_name")[rows]})
    names = pairs.groupby("id")["name"].transform("nunique").to_numpy()
    return _ids_found(tracked.sent, "event_id", tracked.sent.these(rows[names > 1]))


def duplicate_order_ids(tracked: Tracked) -> Found | None:
    """Events of one name and user with an order_id that an earlier one has; refunds and other event_ids aside."""
    return _orders(tracked, same_user=True)


def order_ids_of_several_users(tracked: Tracked) -> Found | None:
    """An order_id that events of one name have under different user_ids."""
    return _orders(tracked, same_user=False)


def future_timestamps(tracked: Tracked) -> Found | None:
    """Events later than now."""
    return tracked.events.found_in("sdk", (tracked.events.frame["timestamp"] > pd.Timestamp.now(tz="UTC")).to_numpy())


def ancient_timestamps(tracked: Tracked) -> Found | None:
    """Events before the year 2000."""
    return tracked.events.found_in("sdk", (tracked.events.frame["timestamp"] < FIRST_PLAUSIBLE).to_numpy())


def clocks_ahead(tracked: Tracked) -> Found | None:
    """Events more than five minutes later than their own ``received_at`` or ``sent_at``: column, or payload key.

    The opposite is no fault: an event may wait on the device for days.
    """
    events = tracked.events
    rows = np.zeros(len(events.frame), dtype=bool)
    for name in RECEIVED:
        if name in events.frame.columns:
            received = read_times(events.frame[name]).microseconds
            rows |= (received != MISSING) & (events.time > received + AHEAD_US)
    nested, payloads = tracked.payloads
    told = [(row, at) for row, payload in zip(nested, payloads, strict=True) if (at := _received(payload)) is not None]
    if told:
        where = np.array([row for row, _ in told], dtype=np.int64)
        received = read_times(pd.Series([at for _, at in told], dtype=object)).microseconds
        rows[where[(received != MISSING) & (events.time[where] > received + AHEAD_US)]] = True
    return events.found_in("anonymous_id", rows)


def sessions_that_jump(tracked: Tracked) -> Found | None:
    """Sessions of one browser or app with more than 24 hours between two neighboring events."""
    events = tracked.events
    session, device = order.codes(events.frame, "session_id"), tracked.members.device
    rows = np.flatnonzero((session >= 0) & (device >= 0) & events.is_client)
    if not len(rows):
        return None
    first = np.full(int(session.max()) + 1, np.iinfo(np.int64).max, dtype=np.int64)
    last = np.full(len(first), np.iinfo(np.int64).min, dtype=np.int64)
    np.minimum.at(first, session[rows], events.time[rows])
    np.maximum.at(last, session[rows], events.time[rows])
    is_long = np.zeros(len(first), dtype=bool)
    seen = last >= first
    is_long[seen] = last[seen] - first[seen] > LONGEST_SILENCE_US
    rows = rows[is_long[session[rows]]]
    pair = pd.factorize(session[rows].astype(np.int64) * (len(tracked.members.devices) + 1) + device[rows])[0]
    inorder = np.lexsort((events.time[rows], pair))
    jumps = (np.diff(pair[inorder]) == 0) & (np.diff(events.time[rows[inorder]]) > LONGEST_SILENCE_US)
    return events.found_in("session_id", events.these(rows[np.isin(pair, pair[inorder][1:][jumps])]))


def timestamps_without_zone(tracked: Tracked) -> Found | None:
    """Timestamps without a time zone, which loading takes as UTC."""
    return _counted(tracked, "naive_timestamps")


def values_that_are_no_numbers(tracked: Tracked) -> Found | None:
    """Values that loading could not read and left empty."""
    return _counted(tracked, "unreadable_values")


def _counted(tracked: Tracked, kind: str) -> Found | None:
    count = tracked.report.counts.get(kind, 0)
    return Found(count, 0.0, [], {}) if count else None


def _repeated(frame: pd.DataFrame, column: str) -> Ints:
    """The rows whose id may stand more than once."""
    if column not in frame.columns or len(frame) < 2:
        return np.zeros(0, dtype=np.int64)
    return repeated_ids(frame[column])


def _redelivered(table: Table) -> tuple[Flags, Flags]:
    """The rows that repeat an earlier event, and those of them that say something else about money or person."""
    frame = table.frame
    rows = _repeated(frame, "event_id")
    if not len(rows):
        return table.these(rows), table.these(rows)
    suspects = frame.iloc[rows]
    event = suspects.groupby(["event_id", "event_name"], observed=True, sort=False).ngroup().to_numpy()
    inorder = order.event_order(suspects, within=event)
    heads = np.append([True], event[inorder][1:] != event[inorder][:-1])
    first = inorder[np.maximum.accumulate(np.where(heads, np.arange(len(inorder)), 0))]
    differs = np.zeros(len(inorder), dtype=bool)
    for column in ("value", "order_id", "user_id"):
        if column in suspects.columns:
            said = pd.factorize(suspects[column].astype(object))[0]
            differs |= said[inorder] != said[first]
    again = rows[inorder[~heads]]
    return table.these(again), table.these(rows[inorder[~heads & differs]])


def _orders(tracked: Tracked, *, same_user: bool) -> Found | None:
    """Rows that repeat an order: of the same user (later copies), or of another one (all copies)."""
    sent = tracked.sent
    rows = _repeated(sent.frame, "order_id")
    rows = rows[sent.value[rows] > 0]
    if not len(rows):
        return None
    told = sent.frame.iloc[rows]
    name = order.codes(told, "event_name").astype(np.int64)
    number = pd.factorize(pd.factorize(told["order_id"].astype(object))[0] * (name.max() + 1) + name)[0]
    user = order.codes(told, "user_id")
    if not same_user:
        users = pd.DataFrame({"order": number, "user": user})[user >= 0].groupby("order")["user"].nunique()
        return _ids_found(sent, "order_id", sent.these(rows[np.isin(number, users.index[users > 1])]))
    number = pd.factorize(number.astype(np.int64) * (int(user.max(initial=-1)) + 2) + user + 1)[0]
    inorder = order.event_order(told, within=number)
    repeats = inorder[1:][np.diff(number[inorder]) == 0]
    redelivered, _ = _redelivered(sent)
    return _ids_found(sent, "order_id", sent.these(rows[repeats]) & ~redelivered)


def _ids_found(table: Table, column: str, rows: Flags) -> Found | None:
    """These rows, with their ids of a text column as examples."""
    if not rows.any():
        return None
    counted = table.frame[column][rows].value_counts()
    counts: Ints = np.asarray(counted, dtype=np.int64)
    return table.found(rows, most(pd.Index(counted.index, dtype=object), counts))


def _received(payload: dict[str, object]) -> object:
    return next((payload[name] for name in RECEIVED if payload.get(name) is not None), None)
