"""The lanes of a timeline: one for each device, one for all servers, one for rows without a device."""

from __future__ import annotations

from typing import Final

import numpy as np
import pandas as pd

from datalyr_notebook import order
from datalyr_notebook.figures.theme import shortened
from datalyr_notebook.journeys.visits import is_client
from datalyr_notebook.order import Flags, Ints
from datalyr_notebook.redaction import Redaction

SERVER_LANE: Final = "server"
NO_DEVICE_LANE: Final = "no device"
SERVER, NO_DEVICE = -2, -1
"""The homes that are no device."""
_FIXED: Final = {SERVER: SERVER_LANE, NO_DEVICE: NO_DEVICE_LANE}


def homes_of(rows: pd.DataFrame) -> Ints:
    """Where each row is at home: its device's code, ``SERVER`` or ``NO_DEVICE``."""
    is_server = ~is_client(rows)
    if "device_type" in rows.columns:
        kinds = np.append(rows["device_type"].cat.categories == "server", [False])
        is_server |= kinds[order.codes(rows, "device_type")]
    homes: Ints = np.where(is_server, SERVER, order.codes(rows, "anonymous_id")).astype(np.int64)
    return homes


def lanes_of(rows: pd.DataFrame, home: Ints, redaction: Redaction) -> tuple[pd.Categorical, Flags]:
    """The lane of each mark from where it is at home, and whether that is one device.

    The categories are the lanes' names in order of their first marks: what the device is on most of its
    rows, and the end of its id, or what it is called where ids are masked.
    """
    number, homes = pd.factorize(home)
    devices = rows["anonymous_id"].cat.categories if "anonymous_id" in rows.columns else pd.Index([], dtype=object)
    ids = np.array([devices[one] if one >= 0 else None for one in homes.tolist()], dtype=object)
    calls = redaction.texts("anonymous_id", ids) if redaction.masks else ids
    described = [_most_said(rows, column, homes) for column in ("device_type", "sdk")]
    names: dict[str, None] = {}
    for place, (one, device, call) in enumerate(zip(homes.tolist(), ids, calls, strict=True)):
        name = _FIXED.get(one, "")
        if not name:
            what = " · ".join(shortened(said[one], 14) for said in described if one in said) or "device"
            name = f"{what} · {shortened(call if call != device or len(call) <= 12 else '…' + call[-6:])}"
        while name in names:
            name = f"{name} ({place + 1})"
        names[name] = None
    lane = pd.Categorical.from_codes(number, categories=pd.Index(list(names), dtype=object))
    return lane, home >= 0


def _most_said(rows: pd.DataFrame, column: str, homes: Ints) -> dict[int, str]:
    """The most frequent text of each device that says one; of several, the first in text order."""
    if column not in rows.columns:
        return {}
    home, code, texts = homes_of(rows), order.codes(rows, column), rows[column].cat.categories
    says = np.isin(home, homes[homes >= 0]) & np.append(texts != "unknown", [False])[code]
    pairs, counts = np.unique(home[says] * len(texts) + code[says], return_counts=True)
    best: dict[int, tuple[int, str]] = {}
    for pair, count in zip(pairs.tolist(), counts.tolist(), strict=True):
        one, said = pair // len(texts), (-count, str(texts[pair % len(texts)]))
        best[one] = min(best.get(one, said), said)
    return {one: text for one, (_, text) in best.items()}
