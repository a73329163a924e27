"""Rules about who is identified: by which user_ids, where, how often, and with which e-mail."""

from __future__ import annotations

from typing import Final

import numpy as np
import pandas as pd

from datalyr_notebook import order
from datalyr_notebook.identity.trusted_traits import comparable
from datalyr_notebook.lint.examples import group, most_of
from datalyr_notebook.lint.tracked import Found, Tracked
from datalyr_notebook.loading.encoding import matches
from datalyr_notebook.order import Ints

AGAIN_US: Final = 30 * 60 * 10**6
"""A device's events later than this after the login belong to another visit."""
FEWEST_SESSIONS: Final = 3
"""Fewer sessions with a user_id of their own each may be chance."""


def email_user_id_twins(tracked: Tracked) -> Found | None:
    """An e-mail that is itself a user_id, and the trait of another one."""
    return _sharing(tracked, "twin")


def user_ids_differ_by_platform(tracked: Tracked) -> Found | None:
    """One e-mail on user_ids that no SDK has in common."""
    return _sharing(tracked, "platform")


def emails_on_several_users(tracked: Tracked) -> Found | None:
    """One e-mail on several user_ids, in any other way."""
    return _sharing(tracked, "several")


def user_ids_per_session(tracked: Tracked) -> Found | None:
    """A user_id that is its row's session_id, or users of a device on which every session names another one.

    The latter: at least three sessions, each with one user_id that no other session and no other
    browser or app has. Sessions are told by session_id alone.
    """
    frame = tracked.events.frame
    session = order.codes(frame, "session_id").astype(np.int64)
    rows = tracked.known[session[tracked.known] >= 0]
    if not len(rows):
        return None
    own_user = tracked.members.user[rows]
    twin = np.append(matches(tracked.members.users, tracked.events.texts("session_id")), [-1])
    users = {int(user) for user in np.unique(tracked.user[rows[twin[own_user] == session[rows]]])}
    return tracked.events.found_in("user_id", tracked.rows_of_users(users | _new_each_session(tracked, rows, session)))


def platforms_that_never_identify(tracked: Tracked) -> Found | None:
    """An SDK none of whose events is an ``$identify`` or has a user_id."""
    events = tracked.events
    sdk = order.codes(events.frame, "sdk")
    known = np.zeros(len(events.texts("sdk")), dtype=bool)
    known[sdk[tracked.user >= 0]] = True
    known[sdk[tracked.identifies]] = True
    return events.found_in("sdk", events.where("sdk", ~known))


def users_without_email(tracked: Tracked) -> Found | None:
    """Users with neither an e-mail trait nor an e-mail as user_id; says how many have one."""
    active = np.bincount(tracked.user[tracked.user >= 0], minlength=len(tracked.members.users)) > 0
    matched = np.zeros(len(active), dtype=bool)
    matched[[user for users in tracked.holders.values() for user in users]] = True
    covered, known = int((active & matched).sum()), int(active.sum())
    share = covered / known if known else 0.0
    rows = tracked.rows_of_users(np.flatnonzero(active & ~matched))
    return tracked.events.found_in("user_id", rows, covered=f"{covered:,}", known=f"{known:,}", share=f"{share:.0%}")


def users_identified_once(tracked: Tracked) -> Found | None:
    """A user whose only ``$identify`` is followed by events of the same device more than 30 minutes later."""
    device, time = tracked.members.device, tracked.events.time
    rows = tracked.identifies[(tracked.user[tracked.identifies] >= 0)]
    calls = np.bincount(tracked.user[rows], minlength=len(tracked.members.users))
    only = rows[(calls[tracked.user[rows]] == 1) & (device[rows] >= 0)]
    last = _last_times(device, time, only)
    again = only[last[device[only]] > time[only] + AGAIN_US]
    return tracked.events.found_in("user_id", tracked.rows_of_users(tracked.user[again]))


def _new_each_session(tracked: Tracked, rows: Ints, session: Ints) -> set[int]:
    """The users of devices on which every session names a user_id of its own."""
    device = tracked.members.device
    counts = tracked.owners["device"].value_counts()
    rows = rows[np.isin(device[rows], counts.index[counts >= FEWEST_SESSIONS])]
    seen = pd.DataFrame({"device": device[rows], "session": session[rows], "user": tracked.user[rows]})
    seen = seen.drop_duplicates()
    repeats = seen.duplicated(["device", "session"]) | seen.duplicated(["device", "user"])
    seen = seen[~seen["device"].isin(seen["device"][repeats])]
    sessions = seen["device"].value_counts()
    seen = seen[seen["device"].isin(sessions.index[sessions >= FEWEST_SESSIONS])]
    is_elsewhere = seen["user"].isin(tracked.user_devices["user"])
    return set(seen["user"][~seen["device"].isin(seen["device"][is_elsewhere])].tolist())


def _last_times(device: order.Codes, time: Ints, asked: Ints) -> Ints:
    """The time of the last event of every device that the asked rows are on."""
    wanted = np.zeros(int(device.max(initial=-1)) + 2, dtype=bool)
    wanted[device[asked]] = True
    rows = np.flatnonzero(wanted[device])
    last = np.full(len(wanted), np.iinfo(np.int64).min, dtype=np.int64)
    np.maximum.at(last, device[rows], time[rows])
    return last


def _sharing(tracked: Tracked, wanted: str) -> Found | None:
    """The users who share an e-mail in the wanted way, each e-mail's user_ids together as one example."""
    groups = tracked.shared_emails
    if not groups:
        return None
    sdks = _sdks_of(tracked, {user for users in groups.values() for user in users})
    kinds = {address: _kind(tracked, users, sdks) for address, users in groups.items()}
    users = {user for address, kind in kinds.items() if kind == wanted for user in groups[address]}
    counts = np.bincount(tracked.user[tracked.user >= 0], minlength=len(tracked.members.users))
    ranked = {
        group(tracked.members.users[groups[address]]): int(counts[groups[address]].sum())
        for address, kind in kinds.items()
        if kind == wanted
    }
    return tracked.events.found(tracked.rows_of_users(users), most_of(ranked))


def _kind(tracked: Tracked, users: list[int], sdks: dict[int, set[int]]) -> str:
    """How the users of one e-mail come to be several."""
    if any(comparable("email", tracked.members.users[user]) is not None for user in users):
        return "twin"
    own = [sdks[user] for user in users]
    return "platform" if all(own) and sum(map(len, own)) == len(set.union(*own)) else "several"


def _sdks_of(tracked: Tracked, users: set[int]) -> dict[int, set[int]]:
    rows = np.flatnonzero(tracked.rows_of_users(users))
    sdk = order.codes(tracked.events.frame, "sdk")[rows]
    found: dict[int, set[int]] = {user: set() for user in users}
    for user, one in pd.DataFrame({"user": tracked.user[rows], "sdk": sdk}).drop_duplicates().itertuples(index=False):
        found[int(user)].add(int(one))
    return found
