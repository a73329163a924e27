"""The credits table: a row a model, conversion and touch that earned a share of it."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import numpy as np
import pandas as pd

from datalyr_notebook import schema
from datalyr_notebook.journeys.conversions import conversion_keys
from datalyr_notebook.journeys.touches import touch_table

if TYPE_CHECKING:
    from datalyr_notebook.attribution.result import Attribution


def credits_table(result: Attribution) -> pd.DataFrame:
    """The credits of every touch model, sorted by model and conversion; the unattributed keep a row of weight 1."""
    journeys, conversions = result.journeys, result.conversions
    touches = touch_table(result.stitched, result.evidence.touches, result.reading.rules)
    keys = conversion_keys(result.stitched, result.conversion_rows)
    converted_on = conversions["device_type"]
    alone = np.flatnonzero(journeys.lengths == 0)
    nobody = _unattributed(touches, conversions["person_id"].iloc[alone])
    parts = []
    for model, weights in (result.weights or {"": np.zeros(0)}).items():
        places = np.flatnonzero(weights > 0)
        which = np.append(journeys.journey[places], alone)
        table = _stacked(touches.iloc[journeys.touch[places]], nobody)
        table.insert(0, "model", model)
        table.insert(1, "conversion_id", keys.iloc[which].array)
        table["age_days"] = np.append(journeys.age_days[places], np.full(len(alone), np.nan))
        table["weight"] = np.append(weights[places], np.ones(len(alone)))
        table["credit"] = table["weight"].to_numpy() * journeys.value[which]
        table["touched_on"] = table["device_type"]
        table["converted_on"] = converted_on.iloc[which].reset_index(drop=True)
        parts.append(table.iloc[np.argsort(which, kind="stable")])
    stacked = pd.concat(parts, ignore_index=True)
    return stacked if result.weights else stacked.iloc[:0]


def _unattributed(touches: pd.DataFrame, persons: pd.Series) -> pd.DataFrame:
    """One row a conversion without a touch, in the columns of the touches."""
    columns: dict[str, Any] = {}
    for name, kind, _ in schema.TOUCHES:
        if name == "person_id":
            columns[name] = persons.reset_index(drop=True)
        elif kind == "category":
            columns[name] = pd.Series([schema.UNATTRIBUTED] * len(persons), dtype=schema.TEXT).astype("category")
        else:
            columns[name] = pd.Series([None] * len(persons), dtype=object).astype(touches[name].dtype)
    return pd.DataFrame(columns)


def _stacked(touches: pd.DataFrame, nobody: pd.DataFrame) -> pd.DataFrame:
    """Touches, then the unattributed; categories stay categories."""
    if not len(nobody):
        return touches.reset_index(drop=True)
    stacked: dict[str, Any] = {}
    for name in touches.columns:
        above, below = touches[name].reset_index(drop=True), nobody[name]
        if isinstance(above.dtype, pd.CategoricalDtype) and name != "person_id":
            categories = above.cat.categories.union(below.cat.categories, sort=False)
            above, below = above.cat.set_categories(categories), below.cat.set_categories(categories)
        stacked[name] = pd.concat([above, below], ignore_index=True) if len(above) else below
    return pd.DataFrame(stacked)
