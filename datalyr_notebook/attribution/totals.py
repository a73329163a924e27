"""The totals table: conversions and credit of each model and group."""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np
import pandas as pd

from datalyr_notebook.attribution.credit import Sums, sum_credit
from datalyr_notebook.attribution.groups import touch_groups
from datalyr_notebook.attribution.protocol import TotalModel

if TYPE_CHECKING:
    from datalyr_notebook.attribution.groups import Groups
    from datalyr_notebook.attribution.result import Attribution


def totals_table(result: Attribution, names: tuple[str, ...]) -> pd.DataFrame:
    """Columns model, the grouping columns, conversions, credit; groups that earned nothing are left away."""
    groups = touch_groups(result, names)
    sums = group_sums(result, groups)
    parts = []
    for model, earned in sums.items():
        table = groups.table.assign(conversions=earned.conversions, credit=earned.credit)
        table.insert(0, "model", model)
        table = table[(table["conversions"] != 0) | (table["credit"] != 0)]
        parts.append(table.sort_values(["credit", "conversions"], ascending=False, kind="stable"))
    return pd.concat(parts, ignore_index=True)


def group_sums(result: Attribution, groups: Groups) -> dict[str, Sums]:
    """What each group earned under each model; unattributed comes last."""
    journeys, count = result.journeys, len(groups.labels)
    is_total = any(isinstance(model, TotalModel) for model in result.models.values())
    counts = result.population(groups).counts if is_total else None
    alone = journeys.lengths == 0
    earned = {}
    for name, model in result.models.items():
        if isinstance(model, TotalModel) and counts is not None:
            totals = model.totals(counts)
            earned[name] = Sums(
                np.append(totals.conversions, alone.sum()), np.append(totals.credit, journeys.value[alone].sum())
            )
        else:
            earned[name] = sum_credit(journeys, result.weights[name], groups.number, count)
    return earned
