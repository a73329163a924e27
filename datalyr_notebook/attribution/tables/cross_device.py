"""Credit by where it was touched and where it converted."""

from __future__ import annotations

from typing import TYPE_CHECKING, Final

import numpy as np
import pandas as pd

from datalyr_notebook import order, schema
from datalyr_notebook.journeys.paths import summed
from datalyr_notebook.journeys.touches import touch_column
from datalyr_notebook.journeys.visits import is_client
from datalyr_notebook.order import Floats, Ints, Texts

if TYPE_CHECKING:
    from datalyr_notebook.attribution.result import Attribution

UNKNOWN: Final = "unknown"
"""The device_type of events that do not tell theirs."""
DEVICES: Final = ("same device", "other device", "unknown device", "no touch")
"""Whether a touch happened on the device of its conversion, told by anonymous_id."""

_SAME, OTHER, _UNKNOWN_DEVICE, _NO_TOUCH = range(len(DEVICES))


def cross_device(result: Attribution) -> pd.DataFrame:
    """Credit by the device types it was touched and converted on, in the columns of ``schema.CROSS_DEVICE``.

    ``devices`` goes by anonymous_id, since a phone and another phone are two devices: ``same device``,
    ``other device``, ``unknown device`` (an order that only a server sent, or a row without an id, happened
    on no device that anybody knows) or ``no touch`` (unattributed; touched_on says so, too). A missing
    device type is ``unknown``. With ``model="first_touch"`` the table answers "first-touch device →
    conversion device".

    Conversions (sum of weights) and credit (weight times value) of each touch model add up to all
    conversions and their value; total models weigh no touches and have no rows. How much of the credit
    crossed devices: ``table.groupby(["model", "devices"])["credit"].sum()``. Sorted by model (as asked for),
    then credit and conversions, largest first, then by name.

    >>> from datalyr_notebook.attribution.attribute import attribute
    >>> from datalyr_notebook.identity.stitching import stitch
    >>> events = pd.DataFrame({
    ...     "timestamp": ["2026-01-01T10:00Z", "2026-01-02T20:00Z"], "event_name": ["pageview", "purchase"],
    ...     "anonymous_id": ["mobile", "desk"], "user_id": "u1", "device_type": ["phone", "desktop"],
    ...     "source": ["tiktok", None], "value": [None, 50.0],
    ... })
    >>> cross_device(attribute(stitch(events), model="first_touch")).drop(columns="model")
      touched_on converted_on       devices  conversions  credit
    0      phone      desktop  other device          1.0    50.0
    """
    journeys = result.journeys
    alone = np.flatnonzero(journeys.lengths == 0)
    conversion = np.append(journeys.journey, alone)
    types, touched_on, converted_on = device_types(result)
    touched = np.append(touched_on[journeys.touch], np.full(len(alone), len(types) - 1))
    found = result.evidence
    touches, conversions = found.touches.row[journeys.touch], found.conversions.where[journeys.journey]
    told = touched_devices(result.stitched, touches, conversions)
    devices = np.append(told, np.full(len(alone), _NO_TOUCH))
    shape = (len(types), len(types), len(DEVICES))
    cells, cell = np.unique(
        np.ravel_multi_index((touched, converted_on[conversion], devices), shape), return_inverse=True
    )
    names = [np.array(column, dtype=object) for column in (types, types, DEVICES)]
    labels = [column[code] for column, code in zip(names, np.unravel_index(cells, shape), strict=True)]
    tables = [schema.empty(schema.CROSS_DEVICE)]
    for model, weights in result.weights.items():
        shares = np.append(weights, np.ones(len(alone)))
        sums = (summed(cell, shares, len(cells)), summed(cell, shares * journeys.value[conversion], len(cells)))
        tables.append(_sorted(model, labels, sums))
    return schema.typed(pd.concat(tables, ignore_index=True), schema.CROSS_DEVICE)


def _sorted(model: str, labels: list[Texts], sums: tuple[Floats, Floats]) -> pd.DataFrame:
    """One model's rows, those that earned something; ``labels``: touched_on, converted_on, devices of each."""
    columns = [np.full(len(sums[0]), model, dtype=object), *labels, *sums]
    table = pd.DataFrame(dict(zip(schema.names(schema.CROSS_DEVICE), columns, strict=True)))
    table = table[(table["conversions"] != 0) | (table["credit"] != 0)]
    # What the order of adding changes in the last bit must not change the order of rows.
    amounts = [-np.round(table[name].to_numpy(), 6) for name in ("conversions", "credit")]
    texts = [table[name].to_numpy().astype(str) for name in ("devices", "converted_on", "touched_on")]
    return table.iloc[np.lexsort([*texts, *amounts])]


def device_types(result: Attribution) -> tuple[tuple[str, ...], Ints, Ints]:
    """The names of the device types, then ``unattributed``; the code of each touch, and of each conversion."""
    stitched, found = result.stitched, result.evidence
    touched = pd.Series(touch_column(stitched, found.touches, "device_type", "category"))
    names = touched.cat.categories.astype(str)
    known = tuple(dict.fromkeys((*(str(name) for name in names), UNKNOWN)))
    place = np.array([known.index(str(name)) for name in names] + [known.index(UNKNOWN)], dtype=np.int64)
    of_conversions = order.codes(stitched, "device_type")[found.conversions.where]
    return (*known, schema.UNATTRIBUTED), place[touched.cat.codes], place[of_conversions]


def touched_devices(stitched: pd.DataFrame, touches: Ints, conversions: Ints) -> Ints:
    """Whether each touch happened on its conversion's device: the place in ``DEVICES``.

    ``touches``, ``conversions``: pair by pair the row of the touch, and the one that tells the conversion's device.
    """
    device = order.codes(stitched, "anonymous_id")
    # A server's own anonymous_id names a process; that of a browser or app, sent along, names a device.
    is_device = np.zeros(int(device.max(initial=-1)) + 2, dtype=bool)
    is_device[device[is_client(stitched)]] = True
    is_device[-1] = False
    touched, converted = device[touches], device[conversions]
    known = is_device[touched] & is_device[converted]
    return np.where(known, np.where(touched == converted, _SAME, OTHER), _UNKNOWN_DEVICE)
