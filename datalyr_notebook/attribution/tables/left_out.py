"""What came in and does not count: touches and conversions, by reason."""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np
import pandas as pd

from datalyr_notebook import order, schema
from datalyr_notebook.journeys.conversions import LeftOut

if TYPE_CHECKING:
    from datalyr_notebook.attribution.result import Attribution


def left_out_table(result: Attribution) -> pd.DataFrame:
    """Columns kind, reason, count, value; reasons that left nothing out are left away."""
    items = [*_touches_left_out(result), *result.conversion_rows.left_out]
    merged: dict[tuple[str, str], list[float]] = {}
    for item in items:
        sums = merged.setdefault((item.kind, item.reason), [0, 0.0])
        sums[0] += item.count
        sums[1] += item.value
    rows = [(kind, reason, int(count), value) for (kind, reason), (count, value) in merged.items() if count]
    table = pd.DataFrame(rows, columns=["kind", "reason", "count", "value"])
    return table.astype({"kind": schema.TEXT, "reason": schema.TEXT, "count": "int64", "value": "float64"})


def _touches_left_out(result: Attribution) -> list[LeftOut]:
    """Each touch in no journey, by the first step that left it in none."""
    stitched, found = result.stitched, result.evidence
    person, every = order.codes(stitched, "person_id"), result.all_touches().row
    converts = np.zeros(int(person.max(initial=-1)) + 2, dtype=bool)
    converts[person[np.append(found.conversions.row, found.outside)]] = True
    left = converts[person[every]]
    items = [LeftOut("touch", "its person has no conversion", int((~left).sum()), 0.0)]
    for step in found.steps:
        stays = np.zeros(len(stitched), dtype=bool)
        stays[found.touches.row[step.left]] = True
        gone = left & ~stays[every]
        items.append(LeftOut("touch", step.reason, int(gone.sum()), 0.0))
        left &= ~gone
    return items
