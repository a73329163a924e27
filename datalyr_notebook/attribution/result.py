"""The result an analyst reads: totals, credits, journeys' touches, and what was left out."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from typing import Any, NamedTuple

import numpy as np
import numpy.typing as npt
import pandas as pd

from datalyr_notebook import errors, options, order, schema
from datalyr_notebook.attribution.credit import sum_credit
from datalyr_notebook.attribution.models import Model
from datalyr_notebook.journeys.conversions import ConversionRows, LeftOut, conversion_keys, conversion_table
from datalyr_notebook.journeys.touches import TouchRows, touch_column, touch_rows, touch_table
from datalyr_notebook.journeys.visits import find_visits
from datalyr_notebook.journeys.windows import DAY_US, Journeys
from datalyr_notebook.rendering import counted, table_html, table_text

_GROUPABLE = tuple(name for name, kind, _ in schema.TOUCHES if kind == "category")


class Counting(NamedTuple):
    """How touches are counted: the options of find_touches."""

    level: str
    app_direct: bool
    timeout_us: int


@dataclass(frozen=True, repr=False, eq=False)
class Attribution:
    """Credit of every conversion, under one or several models. Made by ``attribute``.

    Tables are built when they are asked for. ``totals`` answers at a glance; ``by`` groups by any
    touch column; ``credits`` has a row a credited touch; ``left_out`` says what does not count.
    """

    stitched: pd.DataFrame
    touch_rows: TouchRows
    """The touches of the persons who convert."""
    conversion_rows: ConversionRows
    channel_of: pd.Categorical
    journeys: Journeys
    models: Mapping[str, Model]
    weights: Mapping[str, npt.NDArray[np.float64]]
    grouped_by: tuple[str, ...]
    lookback_us: int | None
    counting: Counting

    @property
    def totals(self) -> pd.DataFrame:
        """Conversions and credit a model and group: columns model, the grouping columns, conversions, credit.

        Sorted by model (as asked for), then credit and conversions, largest first.
        """
        return self.by(list(self.grouped_by))

    def by(self, columns: str | Iterable[str]) -> pd.DataFrame:
        """The totals by other touch columns: ``result.by("campaign")``, ``result.by(["source", "medium"])``.

        Raises OptionError for a column that touches do not have.
        """
        names = grouping(columns)
        group, groups = self.groups(names)
        parts = []
        for model, weights in self.weights.items():
            sums = sum_credit(self.journeys, weights, group, len(groups) - 1)
            table = groups.assign(conversions=sums.conversions, credit=sums.credit)
            table.insert(0, "model", model)
            table = table[(table["conversions"] > 0) | (table["credit"] != 0)]
            parts.append(table.sort_values(["credit", "conversions"], ascending=False, kind="stable"))
        return pd.concat(parts, ignore_index=True)

    @property
    def conversions(self) -> pd.DataFrame:
        """The conversions that count: the columns of ``find_conversions``."""
        return conversion_table(self.stitched, self.conversion_rows)

    @property
    def touches(self) -> pd.DataFrame:
        """All touches, also those no conversion looked back on: the columns of ``find_touches``."""
        return touch_table(self.stitched, self._all_touches())

    @property
    def credits(self) -> pd.DataFrame:
        """A row a model, conversion and touch that earned a share of it.

        Columns: model, conversion_id, touch_id, the touch's columns, age_days, weight (the shares of a
        conversion sum to 1), credit (weight times value), touched_on and converted_on (device_type). A
        conversion without a touch has one row, of weight 1, on ``unattributed``.
        """
        touches, journeys = touch_table(self.stitched, self.touch_rows), self.journeys
        keys = conversion_keys(self.stitched, self.conversion_rows)
        converted_on = self.conversions["device_type"]
        alone = np.flatnonzero(journeys.lengths == 0)
        nobody = _unattributed(touches, self.conversions["person_id"].iloc[alone])
        parts = []
        for model, weights in self.weights.items():
            places = np.flatnonzero(weights > 0)
            which = np.append(journeys.journey[places], alone)
            table = _stacked(touches.iloc[journeys.touch[places]], nobody)
            table.insert(0, "model", model)
            table.insert(1, "conversion_id", keys.iloc[which].to_numpy())
            table["age_days"] = np.append(journeys.age_days[places], np.full(len(alone), np.nan))
            table["weight"] = np.append(weights[places], np.ones(len(alone)))
            table["credit"] = table["weight"].to_numpy() * journeys.value[which]
            table["touched_on"] = table["device_type"]
            table["converted_on"] = converted_on.iloc[which].reset_index(drop=True)
            parts.append(table.iloc[np.argsort(which, kind="stable")])
        return pd.concat(parts, ignore_index=True)

    @property
    def left_out(self) -> pd.DataFrame:
        """What came in and does not count: columns kind (touch, conversion), reason, count, value.

        Touches: those of ``touches`` that stand in no journey. Conversions: the rows that were asked
        for and are no conversion of their own.
        """
        items = [*self._touches_left_out(), *self.conversion_rows.left_out]
        merged: dict[tuple[str, str], list[float]] = {}
        for item in items:
            sums = merged.setdefault((item.kind, item.reason), [0, 0.0])
            sums[0] += item.count
            sums[1] += item.value
        rows = [(kind, reason, int(count), value) for (kind, reason), (count, value) in merged.items() if count]
        table = pd.DataFrame(rows, columns=["kind", "reason", "count", "value"])
        return table.astype({"kind": schema.TEXT, "reason": schema.TEXT, "count": "int64", "value": "float64"})

    def _all_touches(self) -> TouchRows:
        visits = find_visits(self.stitched, self.counting.timeout_us)
        return touch_rows(self.stitched, visits, level=self.counting.level, app_direct=self.counting.app_direct)

    def _touches_left_out(self) -> list[LeftOut]:
        used = np.zeros(len(self.stitched), dtype=bool)
        used[self.touch_rows.row[self.journeys.touch]] = True
        person = order.codes(self.stitched, "person_id")
        time = order.microseconds(self.stitched)
        last = np.full(int(person.max(initial=-1)) + 2, np.iinfo(np.int64).min, dtype=np.int64)
        np.maximum.at(last, person[self.conversion_rows.row], time[self.conversion_rows.row])
        every = self._all_touches().row
        left = every[~used[every]]
        converts = last[person[left]] > np.iinfo(np.int64).min
        late = converts & (time[left] > last[person[left]])
        reasons = {
            "its person has no conversion": ~converts,
            "after its person's last conversion": late,
            "older than the lookback of every later conversion": converts & ~late,
        }
        return [LeftOut("touch", reason, int(flags.sum()), 0.0) for reason, flags in reasons.items()]

    def groups(self, names: tuple[str, ...]) -> tuple[npt.NDArray[np.int64], pd.DataFrame]:
        """A group number a touch, and the groups as a table, ``unattributed`` last."""
        columns = {name: self._touch_column(name) for name in names}
        number = np.zeros(len(self.touch_rows.row), dtype=np.int64)
        for values in columns.values():
            codes = values.cat.codes.to_numpy().astype(np.int64)
            number = pd.factorize(number * (len(values.cat.categories) + 1) + codes + 1)[0].astype(np.int64)
        first = np.unique(number, return_index=True)[1]
        groups = {
            name: np.append(values.iloc[first].astype(object).to_numpy(), [schema.UNATTRIBUTED])
            for name, values in columns.items()
        }
        return number, pd.DataFrame(
            {name: pd.Series(texts, dtype=object).astype(schema.TEXT) for name, texts in groups.items()}
        )

    def _touch_column(self, name: str) -> pd.Series:
        if name == "channel":
            return pd.Series(self.channel_of)
        return pd.Series(touch_column(self.stitched, self.touch_rows, name, "category"))

    def __repr__(self) -> str:
        """A few lines: how much was credited, by what, and the largest groups."""
        return table_text(self._headline(), self.totals)

    def _repr_html_(self) -> str:
        """The same as a small table; every text from an event is escaped."""
        return table_html(self._headline(), self.totals, ".totals")

    def _headline(self) -> str:
        count, alone = len(self.conversion_rows.row), int((self.journeys.lengths == 0).sum())
        touches = counted(len(np.unique(self.journeys.touch)), "touch", "touches")
        lookback = "any age" if self.lookback_us is None else f"{self.lookback_us / DAY_US:g} days"
        return (
            f"Attribution: {counted(count, 'conversion')} worth {self.journeys.value.sum():,.2f} "
            f"from {touches}, lookback {lookback}, {alone:,} unattributed"
        )


def grouping(columns: str | Iterable[str]) -> tuple[str, ...]:
    """The touch columns to group by, each a column that touches have."""
    names = (columns,) if isinstance(columns, str) else tuple(columns)
    if not names:
        raise errors.OptionError("attribute", "by", columns, _GROUPABLE)
    return tuple(options.one_of("attribute", "by", name, _GROUPABLE) for name in names)


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
