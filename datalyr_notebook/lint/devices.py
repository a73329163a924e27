"""Rules about devices: shared ones, and what ``reset()`` does to the anonymous_id."""

from __future__ import annotations

from typing import Final

import numpy as np
import numpy.typing as npt
import pandas as pd

from datalyr_notebook import order
from datalyr_notebook.lint.tracked import Found, Tracked
from datalyr_notebook.lint.users import AGAIN_US

MOST_USERS: Final = 10
"""The default limit of stitch: a device with more users is no shared device but a fault."""
FEWEST_ROTATED: Final = 3
"""Two devices of one user are common; three that each were seen in one visit alone are not."""


def shared_devices(tracked: Tracked) -> Found | None:
    """A device with two to ten users; users that ``$alias`` makes one person count once."""
    counts = tracked.owners["device"].value_counts()
    return _found(tracked, counts.index[counts <= MOST_USERS])


def crowded_devices(tracked: Tracked) -> Found | None:
    """A device with more than ten users."""
    counts = tracked.owners["device"].value_counts()
    return _found(tracked, counts.index[counts > MOST_USERS])


def resets_that_keep_the_device(tracked: Tracked) -> Found | None:
    """A device that a browser or app identified as one user, and then as another, under the same anonymous_id."""
    rows = tracked.identifies[tracked.events.is_client[tracked.identifies]]
    rows = rows[np.isin(tracked.members.device[rows], tracked.owners["device"]) & (tracked.user[rows] >= 0)]
    named = pd.DataFrame({"device": tracked.members.device[rows], "user": tracked.user[rows]}).drop_duplicates()
    counts = named["device"].value_counts()
    return _found(tracked, counts.index[counts > 1])


def resets_that_rotate_the_device(tracked: Tracked) -> Found | None:
    """A user with three or more devices of one SDK, each of which was seen in one visit alone.

    One visit: one session_id; events without one count as one visit where they span at most 30 minutes.
    """
    pairs = tracked.user_devices
    counts = pairs["user"].value_counts()
    pairs = pairs[pairs["user"].isin(counts.index[counts >= FEWEST_ROTATED])]
    if pairs.empty:
        return None
    rows = np.flatnonzero(tracked.rows_of_devices(pairs["device"].unique()))
    session, sdk = order.codes(tracked.events.frame, "session_id"), order.codes(tracked.events.frame, "sdk")
    seen = pd.DataFrame(
        {
            "device": tracked.members.device[rows],
            "session": session[rows],
            "sdk": sdk[rows],
            "time": tracked.events.time[rows],
        }
    ).groupby("device")
    facts = seen.agg(  # one row a device
        sessions=("session", "nunique"),
        sdks=("sdk", "nunique"),
        sdk=("sdk", "min"),
        first=("time", "min"),
        last=("time", "max"),
    )
    has_session = seen["session"].min() >= 0
    once = (facts["sdks"] == 1) & np.where(
        has_session, facts["sessions"] == 1, facts["last"] - facts["first"] <= AGAIN_US
    )
    pairs = pairs.assign(once=once.loc[pairs["device"]].to_numpy(), sdk=facts["sdk"].loc[pairs["device"]].to_numpy())
    by_sdk = pairs.groupby(["user", "sdk"])["once"].agg(["size", "all"])
    users = by_sdk.index[(by_sdk["size"] >= FEWEST_ROTATED) & by_sdk["all"]].get_level_values("user")
    return tracked.events.found_in("user_id", tracked.rows_of_users(users.unique()))


def events_without_any_id(tracked: Tracked) -> Found | None:
    """Rows with neither a user_id nor an anonymous_id: nobody's."""
    return tracked.events.found_in("event_name", (tracked.user < 0) & (tracked.members.device < 0))


def _found(tracked: Tracked, devices: npt.ArrayLike) -> Found | None:
    return tracked.events.found_in("anonymous_id", tracked.rows_of_devices(np.asarray(devices, dtype=np.int64)))
