"""The totals table: conversions and credit of each model and group."""

from __future__ import annotations

from collections.abc import Mapping
from typing import TYPE_CHECKING

import pandas as pd

from datalyr_notebook.attribution.credit import Sums, sum_credit, with_unattributed
from datalyr_notebook.attribution.groups import touch_groups
from datalyr_notebook.attribution.protocol import TotalModel
from datalyr_notebook.order import Floats

if TYPE_CHECKING:
    from datalyr_notebook.attribution.groups import Groups
    from datalyr_notebook.attribution.result import Attribution


def totals_table(result: Attribution, names: tuple[str, ...]) -> pd.DataFrame:
    """Columns model, the grouping columns, conversions, credit; groups that earned nothing are left away.

    Sorted by model (as asked for), credit and conversions, largest first, and name.
    """
    groups = touch_groups(result, names)
    sums = group_sums(result, groups)
    return sorted_totals(groups, {model: earned._asdict() for model, earned in sums.items()})


def sorted_totals(groups: Groups, columns: Mapping[str, Mapping[str, Floats]]) -> pd.DataFrame:
    """A row a model and group that earned something, the largest first.

    ``columns``: of each model, with an entry a group.
    """
    parts = []
    for model, earned in columns.items():
        table = groups.table.assign(**earned)
        table.insert(0, "model", model)
        table = table[(table["conversions"] != 0) | (table["credit"] != 0)]
        parts.append(_largest_first(table, tuple(groups.table.columns)))
    return pd.concat(parts, ignore_index=True)


def _largest_first(table: pd.DataFrame, names: tuple[str, ...]) -> pd.DataFrame:
    """By credit, then conversions; of equals by name, for their order of appearance is that of the rows."""
    keys = ["credit", "conversions", *names]
    return table.sort_values(keys, ascending=[False, False, *(True for _ in names)], kind="stable")


def group_sums(result: Attribution, groups: Groups) -> dict[str, Sums]:
    """What each group earned under each model; unattributed comes last."""
    journeys, count = result.journeys, len(groups.labels)
    is_total = any(isinstance(model, TotalModel) for model in result.models.values())
    counts = result.population(groups).counts if is_total else None
    earned = {}
    for name, model in result.models.items():
        if isinstance(model, TotalModel) and counts is not None:
            totals = model.totals(counts)
            earned[name] = with_unattributed(journeys, totals.conversions, totals.credit)
        else:
            earned[name] = sum_credit(journeys, result.weights[name], groups.number, count)
    return earned
