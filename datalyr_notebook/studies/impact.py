"""stitching_impact: what stitching devices into people does to credit, and how sure that is."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass
from typing import Any, Final, NamedTuple

import numpy as np
import pandas as pd

from datalyr_notebook import order, schema
from datalyr_notebook.attribution.credit import AS_GOOD_AS_EQUAL, weigh
from datalyr_notebook.attribution.protocol import Model
from datalyr_notebook.attribution.result import Attribution
from datalyr_notebook.attribution.rules import FirstTouch
from datalyr_notebook.attribution.tables.cross_device import OTHER, device_types, touched_devices
from datalyr_notebook.attribution.uncertainty import Entries, bounds, check_options, find_people, replicated_sums
from datalyr_notebook.identity.rule import StitchRule
from datalyr_notebook.identity.stitching import stitch
from datalyr_notebook.journeys.conversions import Conversion
from datalyr_notebook.loading.normalize import as_canonical
from datalyr_notebook.notices import repeated
from datalyr_notebook.order import Flags, Floats, Ints
from datalyr_notebook.progress import steps
from datalyr_notebook.rendering import counted, table_html, table_text
from datalyr_notebook.studies.difference import (
    Crediting,
    credit_table,
    credited_on_both_sides,
    split_options,
    study_rule,
)
from datalyr_notebook.studies.moves import Moves, find_moves, find_shares

_STEP: Final = "stitching_impact"


@dataclass(frozen=True, repr=False, eq=False)
class StitchingImpact:
    """Credit without and with stitching. Made by ``stitching_impact``."""

    summary: pd.DataFrame
    """One row, in the columns of ``schema.STITCHING_IMPACT``."""
    credit: pd.DataFrame
    """The grouping columns, without, with, change, low, high (of the change), level; the largest change first."""
    conversions: pd.DataFrame
    """The conversions that other devices alone explain; ``schema.ACROSS_DEVICES``, the most valuable first."""
    devices: pd.DataFrame
    """From the device of the first touch to that of the conversion; ``schema.DEVICE_MATRIX``, the most credit first."""
    model: str
    """The attribution model."""

    def __repr__(self) -> str:
        """A sentence, then the credit of both sides."""
        return table_text(self._headline(), self.credit.round(2))

    def _repr_html_(self) -> str:
        """The same as small tables, with the devices; every text from an event is escaped."""
        told = "First touch on → converted on"
        return table_html(self._headline(), self.credit, ".credit") + table_html(told, self.devices, ".devices")

    def _headline(self) -> str:
        facts = self.summary.iloc[0]
        only = counted(int(facts["only_across_devices"]), "conversion")
        return (
            f"StitchingImpact, model {self.model!r}: of {facts['value_with']:,.2f}, stitching moves "
            f"{facts['credit_moved']:,.2f} to other groups; touches on other devices earn "
            f"{facts['cross_device_share']:.1%} ({facts['share_low']:.1%} to {facts['share_high']:.1%}), "
            f"and all of {only} worth {facts['only_across_devices_value']:,.2f}"
        )


def stitching_impact(
    events: pd.DataFrame,
    *,
    rule: StitchRule | None = None,
    conversion: Conversion = "purchase",
    model: str | Model = "hybrid",
    by: str | Iterable[str] = "channel",
    n: int = 500,
    level: float = 0.95,
    seed: int = 0,
    **keywords: Any,
) -> StitchingImpact:
    """What stitching changes: the same events credited device by device, and credited to people.

    Without stitching every device is a person of its own, whoever logged in on it; events without a
    device belong to their user_id. With it the events are stitched by ``rule``, or by options of
    ``stitch`` among the keywords; other keywords are options of ``attribute``. A conversion crosses
    devices where a touch on another device than its own earns a share; it exists only across devices
    where such touches earn all of it.

    Each change and share has a percentile interval from a bootstrap over the stitched people (``n``
    replicates, ``level``, ``seed``): both sides of a conversion are drawn together. It tells the chance in
    who came, not in whether links are right. Credit sums to each side's value; these differ where an
    order that one person's devices (or server) sent twice counts on each of them without stitching.

    Raises OptionError, CurrencyError, ModelError, and what stitch raises.

    >>> from datalyr_notebook.loading.samples import load_sample
    >>> impact = stitching_impact(load_sample("seed_journey"), n=20)
    >>> impact.credit[["channel", "without", "with", "change"]]
           channel  without   with  change
    0  Paid Social     0.00  99.99   99.99
    1       Direct    99.99   0.00  -99.99
    """
    of_rule, of_attribute = split_options(_STEP, keywords)
    rule = study_rule(_STEP, rule, of_rule)
    check_options(n, level, seed, None)
    crediting = Crediting(conversion=conversion, model=model, by=by, options=of_attribute)
    crediting.one_model(_STEP)
    table = as_canonical(events, _STEP)
    kept = rule.happened(table)
    with steps("stitching impact", 3) as step:
        step("with stitching")
        found = crediting.credit(stitch(table, rule), kept)
        step("without stitching")
        with repeated():
            alone = stitch(_devices_alone(table), policy="none", bridges=(), as_of=rule.as_of)
            before = crediting.credit(alone, kept)
        step("intervals")
        moves = find_moves(find_shares(before), find_shares(found))
        drawing = _drawing(found, n, level, seed)
        across = _across(found)
        return StitchingImpact(
            summary=_summary(alone, found, moves, across, drawing),
            credit=_credit(before, moves, drawing),
            conversions=_conversions(found, moves, across),
            devices=_devices(found, drawing),
            model=next(iter(found.models)),
        )


class _Drawing(NamedTuple):
    """How the stitched people are drawn."""

    place: Ints
    """Per row of the events its person's place in a draw; -1 for persons who do not convert."""
    persons: int
    n: int
    level: float
    seed: int

    def interval(self, row: Ints, column: Ints, value: Floats, columns: int) -> tuple[Floats, Floats, Floats]:
        """Low and high of each column's sum over the draws, and the sums; ``row``: the conversion's, per entry."""
        person = self.place[row]
        known = person >= 0
        entries = Entries(person[known], column[known], value[known])
        sums = replicated_sums(entries, columns=columns, persons=self.persons, n=self.n, seed=self.seed)
        return *bounds(sums, self.level), sums


def _drawing(found: Attribution, n: int, level: float, seed: int) -> _Drawing:
    people, codes = find_people(found, None), order.codes(found.stitched, "person_id")
    place = np.full(len(found.stitched["person_id"].cat.categories) + 1, -1, dtype=np.int64)
    place[codes[found.conversion_rows.row]] = people.of_journey
    return _Drawing(place[codes], people.persons, n, level, seed)


class _Across(NamedTuple):
    """Which conversions of the stitched side other devices explain."""

    some: Flags
    """A touch on another device earns a share."""
    all: Flags
    """Touches on other devices earn all of it."""
    share: Floats
    """Which share of the conversion such touches earn."""


def _devices_alone(table: pd.DataFrame) -> pd.DataFrame:
    """The same events without the users of devices."""
    if not {"anonymous_id", "user_id"} <= set(table.columns):
        return table
    alone = table.copy(deep=False)
    alone["user_id"] = table["user_id"].where(table["anonymous_id"].isna())
    return alone


def _across(found: Attribution) -> _Across:
    (weights,) = found.weights.values()
    journeys = found.journeys
    touches = found.evidence.touches.row[journeys.touch]
    conversions = found.conversion_rows.where[journeys.journey]
    elsewhere = np.where(touched_devices(found.stitched, touches, conversions) == OTHER, weights, 0.0)
    share = np.bincount(journeys.journey, elsewhere, minlength=len(journeys.lengths)).astype(np.float64)
    return _Across(share > 0, share > 1 - AS_GOOD_AS_EQUAL, share)


def _summary(alone: pd.DataFrame, found: Attribution, moves: Moves, across: _Across, drawing: _Drawing) -> pd.DataFrame:
    value, row = found.journeys.value, found.conversion_rows.row
    columns = np.repeat([0, 1], len(row))
    _, _, sums = drawing.interval(np.tile(row, 2), columns, np.append(value, value * across.share), 2)
    drawn = np.divide(sums[:, 1:], sums[:, :1], out=np.full((len(sums), 1), np.nan), where=sums[:, :1] > 0)
    (low,), (high,) = bounds(drawn, drawing.level)
    total = float(value.sum())
    sides = [
        np.bincount(moves.conversion, side, minlength=len(moves.conversions)) > 0
        for side in (moves.weight_before, moves.weight_after)
    ]
    facts = {
        "people_without": alone["person_id"].nunique(),
        "people_with": found.stitched["person_id"].nunique(),
        "conversions_without": sides[0].sum(),
        "conversions_with": sides[1].sum(),
        "value_without": moves.credit_before.sum(),
        "value_with": total,
        "credit_moved": moves.moved.sum(),
        "cross_device": across.some.sum(),
        "cross_device_value": (value * across.share).sum(),
        "cross_device_share": (value * across.share).sum() / total if total > 0 else np.nan,
        "share_low": low,
        "share_high": high,
        "only_across_devices": across.all.sum(),
        "only_across_devices_value": value[across.all].sum(),
        "level": drawing.level,
    }
    return pd.DataFrame({name: pd.Series([facts[name]], dtype=kind) for name, kind, _ in schema.STITCHING_IMPACT})


def _credit(before: Attribution, moves: Moves, drawing: _Drawing) -> pd.DataFrame:
    change = moves.credit_after - moves.credit_before
    low, high, _ = drawing.interval(moves.row[moves.conversion], moves.group, change, len(moves.groups))
    table, places = credit_table(before.grouped_by, moves)
    table = table.rename(columns={"before": "without", "after": "with"})
    return table.assign(low=low[places], high=high[places], level=drawing.level)


def _conversions(found: Attribution, moves: Moves, across: _Across) -> pd.DataFrame:
    conversions, journeys = found.conversions, found.journeys
    (weights,) = found.weights.values()
    at = np.flatnonzero(across.all)
    told = ["conversion_id", "order_id", "timestamp", "person_id", "value"]
    table = conversions.iloc[at][told].reset_index(drop=True)
    rows = found.conversion_rows
    keys = (rows.row * len(rows.kinds) + rows.kind)[at]
    without, with_ = credited_on_both_sides(moves, np.searchsorted(moves.conversions, keys))
    places = np.flatnonzero(weights > 0)
    leading = places[np.lexsort((-weights[places], journeys.journey[places]))]
    first = np.zeros(len(journeys.lengths), dtype=np.int64)
    first[journeys.journey[leading[::-1]]] = leading[::-1]
    types, touched_on, converted_on = device_types(found)
    table = table.assign(
        credited_without=without,
        credited_with=with_,
        touched_on=[types[code] for code in touched_on[journeys.touch[first[at]]]],
        converted_on=[types[code] for code in converted_on[at]],
    )
    table = table.sort_values(["value", "timestamp", "conversion_id"], ascending=[False, True, True], ignore_index=True)
    return schema.typed(table, schema.ACROSS_DEVICES)


def _devices(found: Attribution, drawing: _Drawing) -> pd.DataFrame:
    journeys, rows = found.journeys, found.conversion_rows
    types, touched_on, converted_on = device_types(found)
    first = np.flatnonzero(weigh(journeys, FirstTouch()) > 0)
    touched = np.full(len(rows.row), len(types) - 1, dtype=np.int64)
    touched[journeys.journey[first]] = touched_on[journeys.touch[first]]
    number, pairs = pd.factorize(touched * len(types) + converted_on)
    number = number.astype(np.int64)
    low, high, _ = drawing.interval(rows.row, number, journeys.value, len(pairs))
    table = pd.DataFrame(
        {
            "touched_on": [types[pair // len(types)] for pair in pairs],
            "converted_on": [types[pair % len(types)] for pair in pairs],
            "conversions": np.bincount(number, minlength=len(pairs)),
            "credit": np.bincount(number, journeys.value, minlength=len(pairs)),
            "low": low,
            "high": high,
        }
    )
    total = table["credit"].sum()
    table["share"] = table["credit"] / total if total > 0 else np.nan
    table = table.sort_values(
        ["credit", "conversions", "touched_on", "converted_on"], ascending=[False, False, True, True], ignore_index=True
    )
    return schema.typed(table.assign(level=drawing.level), schema.DEVICE_MATRIX)
