"""The difference between two stitchings of the same rows, in people, credit and conversions."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass, fields
from inspect import signature
from typing import Any

import numpy as np
import pandas as pd

from datalyr_notebook import errors, order, schema
from datalyr_notebook.attribution.attribute import attribute
from datalyr_notebook.attribution.models import MODELS, resolve
from datalyr_notebook.attribution.protocol import Model, TotalModel
from datalyr_notebook.attribution.result import Attribution
from datalyr_notebook.identity.rule import StitchRule, make_rule
from datalyr_notebook.journeys.conversions import Conversion, conversion_keys
from datalyr_notebook.notices import repeated
from datalyr_notebook.order import Flags, Floats, Ints, Texts
from datalyr_notebook.rendering import counted, table_html, table_text
from datalyr_notebook.studies.moves import Moves, Owners, find_moves, find_owners, find_shares


@dataclass(frozen=True, repr=False, eq=False)
class Difference:
    """What another stitching of the same events changes. Made by ``restate`` and ``what_if``."""

    summary: pd.DataFrame
    """One row, in the columns of ``schema.DIFFERENCE``."""
    people: pd.DataFrame
    """Events with another owner, a row a (person_before, person_after); ``schema.PEOPLE_MOVED``.

    Sorted by value, then events, largest first, then by the two persons. A person who only got another
    name (a device that became known, a later ``$alias``) is another owner as well.
    """
    credit: pd.DataFrame
    """The grouping columns, before, after, change; the largest change first, of equals the gain. Sums to each
    side's value."""
    conversions: pd.DataFrame
    """Conversions whose credit moved, the most credit first; ``schema.CONVERSIONS_MOVED``."""

    def __repr__(self) -> str:
        """A line, then the credit of both sides."""
        return table_text(self._headline(), self.credit)

    def _repr_html_(self) -> str:
        """The same as a small table; every text from an event is escaped."""
        return table_html(self._headline(), self.credit, ".credit")

    def _headline(self) -> str:
        return f"{self._subject()}: {self._moved()}"

    def _subject(self) -> str:
        return "Difference"

    def _moved(self) -> str:
        moved = self.summary.iloc[0]
        return (
            f"{counted(int(moved['events_moved']), 'event')} of {int(moved['events']):,} with another owner, "
            f"{moved['credit_moved']:,.2f} of {moved['value_before']:,.2f} credited elsewhere "
            f"({counted(int(moved['conversions_moved']), 'conversion')})"
        )


@dataclass(frozen=True, kw_only=True)
class Crediting:
    """How both sides are credited: the options of ``attribute``."""

    conversion: Conversion
    model: str | Model
    by: str | Iterable[str]
    options: dict[str, Any]

    def credit(self, stitched: pd.DataFrame, kept: Flags | None = None) -> Attribution:
        """The credit of stitched rows. ``kept``: of the rows of a mask of conversions these are left."""
        conversion = self.conversion if kept is None else self.conversion_of(kept)
        return attribute(stitched, conversion=conversion, model=self.model, by=self.by, **self.options)

    def conversion_of(self, kept: Flags) -> Conversion:
        """The conversions where masks have a value a kept row."""
        conversion: Conversion = _of_kept_rows(self.conversion, kept)
        return conversion

    def one_model(self, step: str) -> None:
        """Refuse several models, and those that say nothing of a single conversion: a difference is told of each."""
        models = resolve(self.model)
        if len(models) != 1 or isinstance(next(iter(models.values())), TotalModel):
            touch_models = [name for name, factory in MODELS.items() if not isinstance(factory, TotalModel)]
            words = f"one model that shares out each conversion, such as {', '.join(map(repr, touch_models))}"
            raise errors.OptionError(step, "model", self.model, words)


def _of_kept_rows(conversion: Any, kept: Flags) -> Any:  # noqa: ANN401  (an option, checked where it is read)
    """The same conversions where masks have a value a kept row."""
    if isinstance(conversion, Mapping):
        return {kind: _of_kept_rows(given, kept) for kind, given in conversion.items()}
    if isinstance(conversion, str):
        return conversion
    mask = np.asarray(conversion)
    return mask[kept] if mask.dtype == bool and mask.shape == kept.shape else conversion


def study_rule(step: str, rule: StitchRule | None, keywords: dict[str, Any]) -> StitchRule:
    """The rule with its options on top; a study judges all rows at one instant: as_of is None or an instant.

    Raises OptionError.
    """
    rule = make_rule(rule, keywords, step=step)
    if rule.is_at_event:
        words = "a rule whose as_of is None or an instant: here every event is judged at the same time"
        raise errors.OptionError(step, "as_of", rule.as_of, words)
    return rule


def split_options(step: str, keywords: dict[str, Any]) -> tuple[dict[str, Any], dict[str, Any]]:
    """Keywords of a study: what ``StitchRule`` reads, and what ``attribute`` reads. Raises OptionError for others."""
    of_rule = {field.name for field in fields(StitchRule)}
    of_attribute = [
        name for name in signature(attribute).parameters if name not in ("stitched", "conversion", "model", "by")
    ]
    for name in keywords:
        if name not in of_rule and name not in of_attribute:
            raise errors.OptionError(step, "option", name, dict.fromkeys([*sorted(of_rule), *of_attribute]))
    rule = {name: value for name, value in keywords.items() if name in of_rule}
    return rule, {name: value for name, value in keywords.items() if name not in of_rule}


def tables(
    before: pd.DataFrame, after: pd.DataFrame, crediting: Crediting, *, kept: Flags, learned_by: pd.DataFrame
) -> dict[str, pd.DataFrame]:
    """The four tables of a ``Difference``.

    ``before`` and ``after`` are the same rows, stitched; ``learned_by`` is the one of them that
    knows more, whose person_since says when. ``kept``: which rows of the analyst's table they are.
    """
    one = crediting.credit(before, kept)
    with repeated():
        other = crediting.credit(after, kept)
    return tables_of(one, other, learned_by=learned_by)


def tables_of(one: Attribution, other: Attribution, *, learned_by: pd.DataFrame) -> dict[str, pd.DataFrame]:
    """The four tables of a ``Difference`` between two results on the same rows, the former the side before."""
    owners, moves = find_owners(one.stitched, other.stitched), find_moves(find_shares(one), find_shares(other))
    return {
        "summary": _summary(one.stitched, owners, moves),
        "people": _people(learned_by, owners, moves),
        "credit": credit_table(one.grouped_by, moves)[0],
        "conversions": _conversions(one, other, owners, moves),
    }


def _summary(rows: pd.DataFrame, owners: Owners, moves: Moves) -> pd.DataFrame:
    differ = owners.differ
    count = len(moves.conversions)
    sides = [
        np.bincount(moves.conversion, side, minlength=count) > 0 for side in (moves.weight_before, moves.weight_after)
    ]
    facts = {
        "events": len(rows),
        "events_moved": differ.sum(),
        "devices_moved": _distinct(order.codes(rows, "anonymous_id")[differ]),
        "people_moved": _distinct(np.append(owners.before[differ], owners.after[differ])),
        "people_before": _distinct(owners.before),
        "people_after": _distinct(owners.after),
        "conversions_before": sides[0].sum(),
        "conversions_after": sides[1].sum(),
        "conversions_moved": moves.is_moved.sum(),
        "value_before": moves.credit_before.sum(),
        "value_after": moves.credit_after.sum(),
        "value_moved": moves.value[moves.is_moved].sum(),
        "credit_moved": moves.moved.sum(),
    }
    return pd.DataFrame({name: pd.Series([facts[name]], dtype=kind) for name, kind, _ in schema.DIFFERENCE})


def _distinct(codes: Ints | order.Codes) -> int:
    return int(np.count_nonzero(np.bincount(codes[codes >= 0])))


def _people(learned_by: pd.DataFrame, owners: Owners, moves: Moves) -> pd.DataFrame:
    at = np.flatnonzero(owners.differ)
    value = np.bincount(moves.row, moves.value, minlength=len(learned_by))
    moved = pd.DataFrame(
        {
            "person_before": _names(owners, owners.before[at]),
            "person_after": _names(owners, owners.after[at]),
            "device": order.codes(learned_by, "anonymous_id")[at].astype(np.float64),
            "value": value[at],
            "since": order.microseconds(learned_by, "person_since")[at],
        }
    )
    moved["device"] = moved["device"].where(moved["device"] >= 0)
    by_person = moved.groupby(["person_before", "person_after"], sort=False, dropna=False)
    found = by_person.agg(
        devices=("device", "nunique"), events=("value", "size"), value=("value", "sum"), since=("since", "min")
    ).reset_index()
    found["known_from"] = order.timestamps(found["since"].to_numpy(dtype=np.int64))
    found = found.sort_values(
        ["value", "events", "person_before", "person_after"], ascending=[False, False, True, True], ignore_index=True
    )
    return schema.typed(found, schema.PEOPLE_MOVED)


def _names(owners: Owners, numbers: Ints) -> pd.Series:
    texts = np.append(owners.persons.astype(object).to_numpy(), [None])
    return pd.Series(texts[numbers], dtype=object)


def credit_table(names: tuple[str, ...], moves: Moves) -> tuple[pd.DataFrame, Ints]:
    """Each group's credit on both sides, the largest change first; and each row's place in ``moves.groups``."""
    texts = np.array([list(group) for group in moves.groups], dtype=object).reshape(len(moves.groups), len(names))
    table = pd.DataFrame({name: pd.Series(texts[:, place], dtype=object) for place, name in enumerate(names)})
    table = table.astype(schema.TEXT)
    sides = {"before": moves.credit_before, "after": moves.credit_after}
    for side, credit in sides.items():
        table[side] = np.bincount(moves.group, credit, minlength=len(table)).astype(np.float64)
    table["change"] = table["after"] - table["before"]
    earns = np.bincount(moves.group, minlength=len(table)) > 0
    change = table["change"].round(9)
    keys = pd.DataFrame(
        {"size": -change.abs(), "gain": -change, "before": -table["before"].round(9), **table[list(names)]}
    )
    places = keys[earns].sort_values(list(keys.columns)).index
    return table.loc[places].reset_index(drop=True), places.to_numpy(dtype=np.int64)


def _conversions(one: Attribution, other: Attribution, owners: Owners, moves: Moves) -> pd.DataFrame:
    at = np.flatnonzero(moves.is_moved)
    wanted, row = moves.conversions[at], moves.row[at]
    keys = _keys(one) if len(at) else pd.Series(dtype=object)
    if not np.isin(wanted, keys.index).all():
        more = _keys(other)
        keys = pd.concat([keys, more[~more.index.isin(keys.index)]])
    credited = credited_on_both_sides(moves, at)
    table = pd.DataFrame(
        {
            "conversion_id": keys.reindex(wanted).to_numpy(dtype=object),
            "timestamp": one.stitched["timestamp"].iloc[row].array,
            "person_before": _names(owners, owners.before[row]),
            "person_after": _names(owners, owners.after[row]),
            "value": moves.value[at],
            "credited_before": credited[0],
            "credited_after": credited[1],
            "moved": moves.moved[at],
        }
    )
    for side in ("before", "after"):
        table.loc[table[f"credited_{side}"].isna(), f"person_{side}"] = None
    table = table.sort_values(["moved", "timestamp", "conversion_id"], ascending=[False, True, True], ignore_index=True)
    return schema.typed(table, schema.CONVERSIONS_MOVED)


def _keys(result: Attribution) -> pd.Series:
    """conversion_id by the conversion's row and kind in one number."""
    found = result.conversion_rows
    keys = conversion_keys(result.stitched, found).astype(object)
    return keys.set_axis(pd.Index(found.row.astype(np.int64) * len(found.kinds) + found.kind))


def credited_on_both_sides(moves: Moves, conversions: Ints) -> tuple[Texts, Texts]:
    """Of these conversions (places) the groups with a share on each side, the largest first, as one text each."""
    before, after = (_credited(moves, weight, conversions) for weight in (moves.weight_before, moves.weight_after))
    return before, after


def _credited(moves: Moves, weight: Floats, conversions: Ints) -> Texts:
    asked = np.zeros(len(moves.conversions), dtype=bool)
    asked[conversions] = True
    at = np.flatnonzero((weight > 0) & asked[moves.conversion])
    labels = [" / ".join(text or "(none)" for text in group) for group in moves.groups]
    shares = pd.DataFrame(
        {
            "conversion": moves.conversion[at],
            "weight": -np.round(weight[at], 9),
            "label": pd.Series([labels[group] for group in moves.group[at]], dtype=object),
        }
    )
    shares = shares.sort_values(["conversion", "weight", "label"])
    texts = shares.groupby("conversion", sort=False)["label"].agg(", ".join)
    listed: Texts = texts.reindex(conversions).to_numpy(dtype=object)
    return listed
