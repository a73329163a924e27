"""What each policy says of people and money: the first in full, the others where they differ from it.

Attribution is a function of one person's rows. So a second policy needs to be attributed only for the
persons who own a row that has another owner under the first; all others keep their journeys.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import NamedTuple

import numpy as np
import pandas as pd

from datalyr_notebook import order
from datalyr_notebook.attribution.credit import weigh
from datalyr_notebook.attribution.protocol import TouchModel
from datalyr_notebook.attribution.reading import Evidence, Reading, find_evidence
from datalyr_notebook.attribution.tables.cross_device import OTHER, touched_devices
from datalyr_notebook.identity.stitching import Persons
from datalyr_notebook.journeys.counted import asked_rows
from datalyr_notebook.journeys.windows import Journeys
from datalyr_notebook.order import Flags, Floats, Ints


@dataclass(frozen=True, kw_only=True)
class Accounting:
    """How every policy is credited."""

    kinds: Mapping[str, Flags]
    model: TouchModel
    reading: Reading

    def evidence(self, told: Persons, at: Ints) -> Evidence:
        """Journeys of the persons whose rows stand at these places."""
        stages = tuple(getattr(self.model, "stage_events", ()))
        return find_evidence(told.numbered(), at, self.kinds, self.reading, stages=stages)


class Credited(NamedTuple):
    """The conversions under one policy, and which channels earned what share of each."""

    key: Ints
    """The row of the conversion and its kind, in one number."""
    row: Ints
    where: Ints
    """The row that tells its device."""
    value: Floats
    shares: Floats
    """Shape (conversions, channels + 1): the last is unattributed; every row sums to 1."""
    channels: tuple[str, ...]
    is_cross_device: Flags
    """A touch on another device earned a share; an order that only a server sent happened on no known device."""
    kept: Flags
    """Which of the baseline's conversions come first, in their order: those of the persons it shares with it."""


class Account(NamedTuple):
    """One policy's people and money."""

    owner: order.Codes
    """Each row's person; a person has one number under all policies."""
    people: int
    matched: Flags
    """Per row: its person is a known user."""
    credited: Credited


class _Earned(NamedTuple):
    """Conversions with their journeys, and the row of each touch."""

    journeys: Journeys
    touch_row: Ints
    row: Ints
    where: Ints
    kind: Ints


class _Tied(NamedTuple):
    """Rows whose order_id a refund names: it may reduce another person's order."""

    row: Ints
    order: Ints
    """The order's number."""


class Baseline(NamedTuple):
    """The first policy, and what the others need of it."""

    events: pd.DataFrame
    accounting: Accounting
    asked: Ints
    """The rows that may count, or reduce what counts."""
    tied: _Tied
    earned: _Earned
    account: Account


def baseline_account(told: Persons, accounting: Accounting) -> Baseline:
    """The account of the first policy."""
    told = told._replace(events=_in_one_currency(told.events, accounting))
    asked = asked_rows(told.events, accounting.kinds, accounting.reading.refund_events)
    every = np.ones(told.users + told.devices + 1, dtype=bool)
    every[-1] = False
    earned = _earned(accounting.evidence(told, _rows_of(every, told.person, asked)))
    credited = _credited(told.events, earned, accounting, np.ones(len(earned.row), dtype=bool))
    tied = _tied(told.events, asked, accounting)
    return Baseline(told.events, accounting, asked, tied, earned, _account(told, credited))


def other_account(told: Persons, baseline: Baseline) -> Account:
    """The account of another policy, on the same rows and with the same numbers of persons."""
    told, accounting = told._replace(events=baseline.events), baseline.accounting
    credited = baseline.account.credited
    touched = _touched(told, baseline)
    at = _rows_of(touched, told.person, baseline.asked)
    if len(at):
        kept = ~touched[baseline.account.owner[baseline.earned.row]]
        earned = _joined(baseline.earned, kept, _earned(accounting.evidence(told, at)))
        credited = _credited(told.events, earned, accounting, kept)
    return _account(told, credited)


def _account(told: Persons, credited: Credited) -> Account:
    occurs = np.zeros(told.users + told.devices + 1, dtype=bool)
    occurs[told.person] = True
    return Account(told.person, int(occurs[:-1].sum()), told.is_user, credited)


def _touched(told: Persons, baseline: Baseline) -> Flags:
    """Persons who win or lose a row, and those whose refunds an order_id ties to them (one more, false, for -1)."""
    owner, before = told.person, baseline.account.owner
    rows = np.flatnonzero(owner != before)
    touched = np.zeros(told.users + told.devices + 1, dtype=bool)
    touched[owner[rows]] = True
    touched[before[rows]] = True
    touched[-1] = False
    tied = baseline.tied
    while touched.any() and len(tied.row):
        is_hot = np.zeros(int(tied.order.max()) + 1, dtype=bool)
        is_hot[tied.order[touched[owner[tied.row]] | touched[before[tied.row]]]] = True
        reached, count = tied.row[is_hot[tied.order]], touched.sum()
        touched[owner[reached]] = True
        touched[before[reached]] = True
        touched[-1] = False
        if touched.sum() == count:
            break
    return touched


def _tied(events: pd.DataFrame, asked: Ints, accounting: Accounting) -> _Tied:
    if "order_id" not in events.columns:
        return _Tied(np.zeros(0, dtype=np.int64), np.zeros(0, dtype=np.int64))
    part = events.iloc[asked]
    number = pd.factorize(part["order_id"])[0].astype(np.int64)
    refund = order.is_named(part, accounting.reading.refund_events)
    if "value" in part.columns:
        refund |= (part["value"] < 0).to_numpy()
    is_named = np.zeros(int(number.max(initial=-1)) + 2, dtype=bool)
    is_named[number[refund]] = True
    is_named[-1] = False
    at = np.flatnonzero(is_named[number])
    return _Tied(asked[at], number[at])


def _rows_of(persons: Flags, owner: order.Codes, asked: Ints) -> Ints:
    """All rows of those of the persons who convert or refund, and the refunds that are nobody's."""
    converts = np.zeros(len(persons), dtype=bool)
    converts[owner[asked]] = True
    converts &= persons
    if not converts.any():
        return np.zeros(0, dtype=np.int64)
    rows = np.flatnonzero(converts[owner])
    nobodys = asked[owner[asked] < 0]
    return np.union1d(rows, nobodys) if len(nobodys) else rows


def _earned(evidence: Evidence) -> _Earned:
    conversions = evidence.conversions
    return _Earned(evidence.journeys, evidence.touches.row, conversions.row, conversions.where, conversions.kind)


def _joined(first: _Earned, kept: Flags, anew: _Earned) -> _Earned:
    """The kept conversions of the one, then the conversions of the other."""
    return _Earned(
        first.journeys.take(kept).followed_by(anew.journeys, touches=len(first.touch_row)),
        np.append(first.touch_row, anew.touch_row),
        *(np.append(one[kept], other) for one, other in zip(first[2:], anew[2:], strict=True)),
    )


def _credited(events: pd.DataFrame, earned: _Earned, accounting: Accounting, kept: Flags) -> Credited:
    journeys = earned.journeys
    weights = weigh(journeys, accounting.model)
    count, journey = len(journeys.lengths), journeys.journey
    columns = len(journeys.channels) + 1
    shares = np.bincount(journey * columns + journeys.channel, weights, minlength=count * columns).astype(np.float64)
    shares = shares.reshape(count, columns)
    shares[journeys.lengths == 0, -1] = 1.0
    elsewhere = touched_devices(events, earned.touch_row[journeys.touch], earned.where[journey]) == OTHER
    return Credited(
        key=earned.row * len(accounting.kinds) + earned.kind,
        row=earned.row,
        where=earned.where,
        value=journeys.value,
        shares=shares,
        channels=journeys.channels,
        is_cross_device=np.bincount(journey[elsewhere & (weights > 0)], minlength=count) > 0,
        kept=kept,
    )


def _in_one_currency(events: pd.DataFrame, accounting: Accounting) -> pd.DataFrame:
    """With ``rates`` a missing currency is the only one present in the whole table, not in a part of it."""
    if accounting.reading.rates is None or "currency" not in events.columns:
        return events
    code = order.codes(events, "currency")
    asked = asked_rows(events, accounting.kinds, accounting.reading.refund_events)
    lacking, present = asked[code[asked] < 0], np.unique(code[asked][code[asked] >= 0])
    if not len(lacking) or len(present) != 1:
        return events
    filled = code.copy()
    filled[lacking] = present[0]
    told = events.copy(deep=False)
    told["currency"] = pd.Categorical.from_codes(filled, categories=events["currency"].cat.categories)
    return told
