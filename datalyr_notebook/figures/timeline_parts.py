"""The parts that one person's events play in a timeline (event, identify, touch, conversion), and their lanes."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, Final, NamedTuple

import numpy as np
import numpy.typing as npt
import pandas as pd

from datalyr_notebook import errors, order
from datalyr_notebook.figures.timeline_lanes import homes_of
from datalyr_notebook.journeys.conversions import Conversion, ConversionRows, conversion_kinds, conversion_rows
from datalyr_notebook.journeys.touches import SESSION_TIMEOUT_US, TouchRows, touch_rows
from datalyr_notebook.journeys.visits import Visits, find_visits
from datalyr_notebook.order import Floats, Ints

KINDS: Final = ("event", "identify", "touch", "conversion")
LINK_EVENTS: Final = ("$identify", "$alias", "$web_attribution_matched", "$web_attribution_merged")
"""The events that say whose device it is; drawn as ``identify``."""

MOST_MARKS: Final = 5_000
"""SVG marks a browser draws in under half a second."""


class Parts(NamedTuple):
    """The parts, one entry each, in order of time; of one event in the order of ``KINDS``."""

    kind: Ints
    """Place in ``KINDS``."""
    row: Ints
    """The event."""
    where: Ints
    """The row that tells the device and session: of an order its client copy."""
    found: Ints
    """Of a touch or conversion its place among ``touches`` or ``orders``, else -1."""
    visit: Ints
    """-1: none."""
    home: Ints
    """Where it is at home (``homes_of``)."""
    touches: TouchRows
    orders: ConversionRows

    def take(self, chosen: npt.NDArray[Any]) -> Parts:
        """Only these parts; touches and conversions stay all there."""
        entries = {name: getattr(self, name)[chosen] for name in ("kind", "row", "where", "found", "visit", "home")}
        return self._replace(**entries)


def find_parts(rows: pd.DataFrame, conversion: Conversion | None) -> Parts:
    """The parts that one person's events play; ``rows`` in the order of events.

    ``conversion`` None: nothing counts. An order stands on the device of its client copy.
    """
    visits = find_visits(rows, SESSION_TIMEOUT_US)
    touches = touch_rows(rows, visits, level="session", app_direct=False)
    orders = _orders(rows, visits, conversion)
    kind, row, where = played(rows, touches, orders)
    counts = (len(touches.row), len(orders.row))
    found = np.concatenate([np.full(len(row) - sum(counts), -1), *(np.arange(count) for count in counts)])
    parts_found = Parts(kind, row, where, found, visits.number[where], homes_of(rows)[where], touches, orders)
    return parts_found.take(np.lexsort((kind, row)))


def played(rows: pd.DataFrame, touches: TouchRows, orders: ConversionRows) -> tuple[Ints, Ints, Ints]:
    """Each part's place in ``KINDS``, its event, and the row that tells its device; kind by kind.

    A touch or conversion is no plain event, nor is what says whose device it is.
    """
    is_link = order.is_named(rows, LINK_EVENTS)
    is_plain = ~is_link
    is_plain[touches.row] = is_plain[orders.row] = False
    parts = (np.flatnonzero(is_plain), np.flatnonzero(is_link), touches.row, orders.row)
    kind = np.repeat(np.arange(len(KINDS)), [len(part) for part in parts])
    return kind, np.concatenate(parts), np.concatenate([*parts[:3], orders.where])


def conversion_of(conversion: Conversion, stitched: pd.DataFrame, mine: Ints) -> Conversion | None:
    """What counts as a conversion among one person's rows (``mine``); None where nothing can.

    A mask is cut to these rows. A name that only other people's events have is left out, so that a
    person without a purchase is no news; a name that no event has is kept, for find_conversions to tell.
    """
    if isinstance(conversion, str):
        conversion = {conversion: conversion}
    if isinstance(conversion, list | tuple) and conversion and all(isinstance(name, str) for name in conversion):
        conversion = {name: name for name in conversion}
    if isinstance(conversion, Mapping):
        kept = {kind: _names_of(given, stitched, mine) for kind, given in conversion.items()}
        conversion = {kind: given for kind, given in kept.items() if not isinstance(given, list) or given}
        if not conversion:
            return None
    return cut_masks(conversion, mine, len(stitched))


def cut_masks(conversion: Conversion, rows: Ints, whole: int) -> Conversion:
    """The same conversions for some rows of a table that has so many (``whole``) in all: masks are cut to them."""
    if isinstance(conversion, Mapping):
        return {kind: _cut(given, rows, whole) for kind, given in conversion.items()}
    cut: Conversion = _cut(conversion, rows, whole)
    return cut


def thin(place: Floats, lane: Ints, kind: Ints) -> Ints:
    """Which marks to draw: all, or of more than ``MOST_MARKS`` a share for each lane and kind.

    A lane's kind with more marks than its share keeps the first and the last of each bucket of the axis.
    What small groups leave of their shares goes to the larger ones; so many lanes that nothing would be
    left to share count as one. ``place``: ascending.
    """
    if len(place) <= MOST_MARKS:
        return np.arange(len(place))
    group = pd.factorize(lane.astype(np.int64) * len(KINDS) + kind)[0]
    if group.max() >= MOST_MARKS // 8:
        group = pd.factorize(kind)[0]
    sizes = np.bincount(group)
    share, left = 0, MOST_MARKS
    for served, size in enumerate(np.sort(sizes).tolist()):
        share = left // (len(sizes) - served)
        if size > share:
            break
        left -= size
    buckets = share // 2
    way = (place - place[0]) / max(place[-1] - place[0], 1e-9)
    key = group * np.int64(buckets) + np.round(way * (buckets - 1)).astype(np.int64)
    last = len(key) - 1 - np.unique(key[::-1], return_index=True)[1]
    return np.unique(
        np.concatenate([np.flatnonzero(sizes[group] <= share), np.unique(key, return_index=True)[1], last])
    )


def _names_of(given: Any, stitched: pd.DataFrame, mine: Ints) -> Any:  # noqa: ANN401  (whatever was passed)
    """One kind's names without those that only other people's events have; a mask as it is."""
    names = [given] if isinstance(given, str) else given
    if not isinstance(names, list | tuple) or not all(isinstance(name, str) for name in names):
        return given
    return [name for name in names if _is_told(stitched, name, mine)]


def _is_told(stitched: pd.DataFrame, name: str, mine: Ints) -> bool:
    """Whether this person has an event of this name, or nobody has."""
    return bool(order.is_named(stitched, (name,), mine).any() or not order.is_named(stitched, (name,)).any())


def _cut(given: Any, rows: Ints, whole: int) -> Any:  # noqa: ANN401  (whatever was passed)
    mask = np.asarray(given)
    return mask[rows] if mask.dtype == bool and mask.shape == (whole,) else given


def _orders(rows: pd.DataFrame, visits: Visits, conversion: Conversion | None) -> ConversionRows:
    """The person's conversions; in several currencies each keeps the amount it came with."""
    kinds = conversion_kinds(rows, np.zeros(len(rows), dtype=bool) if conversion is None else conversion)
    options: dict[str, Any] = {"kinds": kinds, "refund_events": ("refund",), "rates": None}
    try:
        return conversion_rows(rows, visits, refunds="net", timeout_us=SESSION_TIMEOUT_US, **options)
    except errors.CurrencyError:
        blank = rows.drop(columns="currency")
        return conversion_rows(blank, visits, refunds="ignore", timeout_us=SESSION_TIMEOUT_US, **options)
