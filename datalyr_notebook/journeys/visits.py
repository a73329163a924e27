"""Visits: the rows of one person on one device in one session.

A visit is (person_id, anonymous_id, session_id); where session_id is missing, that person's rows on
that device are cut at gaps of more than ``session_timeout`` (rows with a session_id count as
rows, too). Server rows make no visit.
"""

from __future__ import annotations

from typing import NamedTuple

import numpy as np
import pandas as pd

from datalyr_notebook import order, schema
from datalyr_notebook.order import Flags, Ints


class Visits(NamedTuple):
    """Each row's visit, and each visit's first row."""

    number: Ints
    """Per row, -1 for rows that make no visit."""
    first: Ints
    """Per visit the row that starts it."""


def is_client(stitched: pd.DataFrame) -> Flags:
    """Rows sent by a browser or an app."""
    if "sdk" not in stitched.columns:
        return np.ones(len(stitched), dtype=bool)
    return ~order.is_among(stitched, "sdk", schema.SERVER_SDKS)


def find_visits(stitched: pd.DataFrame, timeout_us: int) -> Visits:
    """Number the visits of every person; the numbers have no meaning beyond telling visits apart."""
    person, device = order.codes(stitched, "person_id"), order.codes(stitched, "anonymous_id")
    session = order.codes(stitched, "session_id")
    takes_part = is_client(stitched) & (person >= 0)
    named = np.flatnonzero(takes_part & (session >= 0))
    number = np.full(len(stitched), -1, dtype=np.int64)
    number[named] = _by_session(person[named], device[named], session[named])
    loose = takes_part & (session < 0)
    if loose.any():
        number = np.where(loose, _by_gap(stitched, takes_part, loose, timeout_us) + number.max(initial=-1) + 1, number)
    number[takes_part], visits = _compact(number[takes_part])
    return Visits(number, order.first_rows(stitched, number, visits))


def _by_session(person: order.Codes, device: order.Codes, session: order.Codes) -> Ints:
    """The session's own code where it belongs to one person on one device; a fresh number elsewhere."""
    number = session.astype(np.int64)
    if not len(number):
        return number
    owner, on = (np.full(int(session.max()) + 1, -2, dtype=np.int32) for _ in range(2))
    owner[session], on[session] = person, device
    split = np.zeros(len(owner), dtype=bool)
    split[session[(owner[session] != person) | (on[session] != device)]] = True
    rows = np.flatnonzero(split[session])
    if len(rows):
        whose = pd.factorize(person[rows].astype(np.int64) * (int(device.max()) + 2) + device[rows] + 1)[0]
        number[rows] = pd.factorize(whose.astype(np.int64) * len(owner) + session[rows])[0] + len(owner)
    return number


def _by_gap(stitched: pd.DataFrame, takes_part: Flags, loose: Flags, timeout_us: int) -> Ints:
    """The number of each row's stretch without a long gap, on the devices that have loose rows."""
    person, device = order.codes(stitched, "person_id"), order.codes(stitched, "anonymous_id")
    pair = person.astype(np.int64) * (int(device.max(initial=-1)) + 2) + device + 1
    rows = np.flatnonzero(takes_part & pd.Series(pair).isin(pair[loose]).to_numpy())
    inorder = rows[order.event_order(stitched, within=pd.factorize(pair[rows])[0], rows=rows)]
    gaps = np.diff(order.microseconds(stitched)[inorder]) > timeout_us
    stretch = np.zeros(len(stitched), dtype=np.int64)
    stretch[inorder] = np.cumsum(np.append([True], gaps | (np.diff(pair[inorder]) != 0))) - 1
    return stretch


def _compact(number: Ints) -> tuple[Ints, int]:
    """The same numbers without holes."""
    used = np.zeros(int(number.max(initial=-1)) + 1, dtype=bool)
    used[number] = True
    renumbered = np.cumsum(used) - 1
    return renumbered[number], int(used.sum())
