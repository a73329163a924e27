"""Conversions: the events that count, each order once, less its refunds, in one currency."""

from __future__ import annotations

import math
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from numbers import Real
from typing import Any, NamedTuple, TypeAlias

import numpy as np
import numpy.typing as npt
import pandas as pd

from datalyr_notebook import errors, options, order, schema
from datalyr_notebook.frames import read_stitched
from datalyr_notebook.journeys.event_keys import event_keys
from datalyr_notebook.journeys.visits import Visits, find_visits, is_client
from datalyr_notebook.notices import say
from datalyr_notebook.order import Flags, Floats, Ints, Texts

Mask: TypeAlias = npt.NDArray[np.bool_] | pd.Series
Conversion: TypeAlias = str | Sequence[str] | Mapping[str, str | Sequence[str] | Mask] | Mask

REFUNDS = ("net", "ignore")
_NAMES = "('refund',)"
MASKED = "conversion"
"""The kind of conversions that were picked by a mask."""


@dataclass(frozen=True)
class LeftOut:
    """Something that came in and does not count: what, why, how many, how much money."""

    kind: str
    reason: str
    count: int
    value: float


class ConversionRows(NamedTuple):
    """The conversions, by person and time."""

    row: Ints
    """The first copy of the order."""
    where: Ints
    """The copy that tells device and session: the first that a client sent, else the first."""
    visit: Ints
    """The visit it happened in, -1 for none."""
    visit_row: Ints
    """The first row of that visit where a server's order borrowed it, -1 elsewhere."""
    kind: Ints
    """Place in ``kinds``."""
    kinds: tuple[str, ...]
    value: Floats
    """After refunds, converted; NaN where none was sent."""
    currency: Texts
    left_out: tuple[LeftOut, ...]

    def seen_from(self, rows: Ints) -> ConversionRows:
        """The same conversions in a table of which theirs holds these rows."""
        lent = self.visit_row >= 0
        visit_row = self.visit_row.copy()
        visit_row[lent] = rows[self.visit_row[lent]]
        return self._replace(row=rows[self.row], where=rows[self.where], visit_row=visit_row)

    def take(self, kept: Flags, left_out: LeftOut) -> ConversionRows:
        """Only the conversions that are kept; ``left_out`` tells of the others."""
        of_each = ("row", "where", "visit", "visit_row", "kind", "value", "currency")
        arrays = {name: getattr(self, name)[kept] for name in of_each}
        return self._replace(**arrays, left_out=(*self.left_out, left_out))


class _Orders(NamedTuple):
    """One kind's orders, and the refund rows that may reduce them."""

    row: Ints
    where: Ints
    value: Floats
    currency: Texts
    refunds: Ints
    left_out: list[LeftOut]


def find_conversions(
    stitched: pd.DataFrame,
    *,
    conversion: Conversion = "purchase",
    refunds: str = "net",
    refund_events: Iterable[str] = ("refund",),
    rates: Mapping[str, float] | None = None,
    session_timeout: str | pd.Timedelta = "30min",
) -> pd.DataFrame:
    """The conversions of every person, a row each, in the columns of ``schema.CONVERSIONS``.

    ``conversion``: an event name; several names are several kinds; ``{"purchase": ["purchase",
    "Purchase Completed"]}`` makes one kind of many names; or a boolean mask, a value a row, which a mapping
    gives a name: ``{"order in May": mask}``. Within a kind an order of one person (order_id) counts once: the
    first event is kept, a missing value or currency comes from the next copy that has it, device and session
    from the first copy that a client sent. Refund rows (``refund_events``, or a negative value) are set aside
    and reduce their order by their amount, never below zero (``refunds="net"``), or are ignored. A missing
    currency is the only one present; several need ``rates`` (what one unit is worth in the reporting currency).

    Sorted by person (in order of appearance), time and conversion_id. Raises NotStitchedError,
    OptionError, CurrencyError.

    >>> import pandas as pd
    >>> from datalyr_notebook.identity.stitching import stitch
    >>> events = pd.DataFrame({
    ...     "timestamp": ["2026-01-01T10:00Z", "2026-01-01T10:01Z", "2026-01-04T09:00Z"],
    ...     "event_name": ["purchase", "purchase", "refund"], "user_id": "u1",
    ...     "order_id": "A1", "value": [99.99, 99.99, -20.0], "currency": "USD",
    ... })
    >>> find_conversions(stitch(events))[["order_id", "value", "currency"]]
      order_id  value currency
    0       A1  79.99      USD
    """
    stitched = read_stitched("find_conversions", stitched)
    timeout_us = options.microseconds("find_conversions", "session_timeout", session_timeout)
    found = conversion_rows(
        stitched,
        find_visits(stitched, timeout_us),
        kinds=conversion_kinds(stitched, conversion),
        refunds=refunds,
        refund_events=refund_events,
        rates=rates,
        timeout_us=timeout_us,
    )
    return conversion_table(stitched, found)


def conversion_kinds(stitched: pd.DataFrame, conversion: Conversion) -> dict[str, Flags]:
    """Which rows count, kind by kind."""
    if isinstance(conversion, str):
        return {conversion: _named(stitched, (conversion,))}
    if isinstance(conversion, Mapping) and conversion:
        return {str(kind): _kind(stitched, given, f"conversion[{kind!r}]") for kind, given in conversion.items()}
    if isinstance(conversion, tuple | list) and len(conversion) and all(isinstance(name, str) for name in conversion):
        return {str(name): _named(stitched, (str(name),)) for name in conversion}
    return {MASKED: _mask(stitched, conversion)}


def _kind(stitched: pd.DataFrame, given: str | Sequence[str] | Mask, option: str) -> Flags:
    """The rows of one kind: those with its name or names, or those of its mask."""
    if isinstance(given, str):
        return _named(stitched, (given,))
    if isinstance(given, tuple | list) and len(given) and all(isinstance(name, str) for name in given):
        return _named(stitched, tuple(given))
    return _mask(stitched, given, option)


def _mask(stitched: pd.DataFrame, given: object, option: str = "conversion") -> Flags:
    mask = np.asarray(given)
    if mask.dtype != bool or mask.shape != (len(stitched),):
        raise errors.OptionError(
            "find_conversions",
            option,
            given,
            "an event name, a list of names, a boolean mask of "
            f"{len(stitched):,} rows, or a mapping of kinds to names or masks",
        )
    return mask


def rows_of_converters(stitched: pd.DataFrame, kinds: Mapping[str, Flags], refund_events: Iterable[str]) -> Ints:
    """All rows of the persons who convert or refund, and nobody's conversions: what attribution needs to see."""
    names = options.one_or_several("find_conversions", "refund_events", refund_events, example=_NAMES)
    asked = np.logical_or.reduce([*kinds.values(), order.is_named(stitched, names)])
    person = order.codes(stitched, "person_id")
    converts = np.zeros(int(person.max(initial=-1)) + 2, dtype=bool)
    converts[person[asked]] = True
    converts[-1] = False
    return np.flatnonzero(converts[person] | asked)


def conversion_rows(
    stitched: pd.DataFrame,
    visits: Visits,
    *,
    kinds: Mapping[str, Flags],
    refunds: str,
    refund_events: Iterable[str],
    rates: Mapping[str, float] | None,
    timeout_us: int,
) -> ConversionRows:
    """The kernel: a function of whole persons, but for the currencies present and refunds by order_id alone.

    ``kinds``: which rows count, kind by kind (``conversion_kinds``).
    """
    options.one_of("find_conversions", "refunds", refunds, REFUNDS)
    names = options.one_or_several("find_conversions", "refund_events", refund_events, example=_NAMES)
    orders = [_orders(stitched, mask, names) for mask in kinds.values()]
    row = np.concatenate([one.row for one in orders])
    where = np.concatenate([one.where for one in orders])
    kind = np.repeat(np.arange(len(orders)), [len(one.row) for one in orders])
    value = np.concatenate([one.value for one in orders])
    currency = np.concatenate([one.currency for one in orders])
    left_out = [item for one in orders for item in one.left_out]
    told = (
        np.unique(np.concatenate([one.refunds for one in orders])) if refunds == "net" else np.zeros(0, dtype=np.int64)
    )
    rate = _rates(currency, ~np.isnan(value), _currency(stitched, told), rates)
    if refunds == "net":
        refunded = _Refunds(told, [one.refunds for one in orders], kind, row)
        value, unmatched = _net(stitched, refunded, value, currency, rate)
        left_out += _aside(stitched, unmatched, "refund without its order")
        left_out += _aside(stitched, np.setdiff1d(told, unmatched), "refund, taken off its order")
    else:
        left_out += _aside(stitched, np.unique(np.concatenate([one.refunds for one in orders])), "refund, ignored")
    if rate:
        value = value * np.array([rate.get(one, 1.0) for one in currency], dtype=np.float64)
    inorder = _by_person_and_time(stitched, row, kind)
    visit = visits.number[where[inorder]]
    borrowed = np.flatnonzero(~is_client(stitched)[where[inorder]])
    visit[borrowed] = _latest_visit(stitched, visits, row[inorder][borrowed], timeout_us)
    visit_row = np.full(len(visit), -1, dtype=np.int64)
    lent = borrowed[visit[borrowed] >= 0]
    visit_row[lent] = visits.first[visit[lent]]
    return ConversionRows(
        row=row[inorder],
        where=where[inorder],
        visit=visit,
        visit_row=visit_row,
        kind=kind[inorder],
        kinds=tuple(kinds),
        value=value[inorder],
        currency=_shown_currency(currency, rates)[inorder],
        left_out=tuple(left_out),
    )


def conversion_table(stitched: pd.DataFrame, found: ConversionRows) -> pd.DataFrame:
    """Conversion rows as a table."""
    session = _session_of(stitched, found)
    columns: dict[str, Any] = {}
    for name, kind, _ in schema.CONVERSIONS:
        source = found.where if name in ("anonymous_id", "device_type", "sdk") else found.row
        if name in stitched.columns:
            columns[name] = stitched[name].iloc[source].reset_index(drop=True)
        else:
            blank = pd.Series([None] * len(found.row), dtype=schema.TEXT)
            columns[name] = blank.astype("category") if kind == "category" else blank
    columns["conversion_id"] = conversion_keys(stitched, found)
    columns["kind"] = pd.Categorical.from_codes(found.kind, categories=pd.Index(found.kinds))
    columns["value"] = found.value
    columns["currency"] = pd.Categorical(pd.Series(found.currency, dtype=object).astype(schema.TEXT))
    columns["session_id"] = session
    return pd.DataFrame(columns)[schema.names(schema.CONVERSIONS)]


def conversion_keys(stitched: pd.DataFrame, found: ConversionRows) -> pd.Series:
    """conversion_id: the event's key, with ``:<kind>`` where one event counts in two kinds."""
    keys = event_keys(stitched, found.row)
    twice = np.flatnonzero(pd.Series(found.row).duplicated(keep=False).to_numpy())
    if len(twice):
        keys = keys.astype(object)
        keys.iloc[twice] = [f"{keys.iloc[at]}:{found.kinds[found.kind[at]]}" for at in twice]
    return keys.astype(schema.TEXT)


def _session_of(stitched: pd.DataFrame, found: ConversionRows) -> pd.Series:
    """The session_id of the copy that tells it; a server's order shows the visit it happened in."""
    if "session_id" not in stitched.columns:
        return pd.Series([None] * len(found.row), dtype=schema.TEXT).astype("category")
    codes = order.codes(stitched, "session_id")
    shown = np.where(found.visit_row >= 0, codes[found.visit_row], codes[found.where])
    return pd.Series(pd.Categorical.from_codes(shown, categories=stitched["session_id"].cat.categories))


def _named(stitched: pd.DataFrame, names: tuple[str, ...]) -> Flags:
    rows = order.is_named(stitched, names)
    if not rows.any() and len(stitched):
        counts = stitched["event_name"].value_counts().head(5)
        present = ", ".join(f"{errors.shown(name)} ({number:,})" for name, number in counts.items())
        say(
            f"find_conversions: no event is named {', '.join(map(errors.shown, names))}; the most common are {present}."
        )
    return rows


def _value(stitched: pd.DataFrame) -> Floats:
    if "value" not in stitched.columns:
        return np.full(len(stitched), np.nan)
    return stitched["value"].to_numpy(dtype=np.float64)


def _currency(stitched: pd.DataFrame, rows: Ints) -> Texts:
    if "currency" not in stitched.columns:
        return np.full(len(rows), None, dtype=object)
    texts = np.append(stitched["currency"].cat.categories.astype(object).to_numpy(), [None])
    coded: Texts = texts[order.codes(stitched, "currency")[rows]]
    return coded


def _orders(stitched: pd.DataFrame, mask: Flags, refund_events: tuple[str, ...]) -> _Orders:
    """Set refunds and nobody's rows aside, then keep one row an order."""
    value, person = _value(stitched), order.codes(stitched, "person_id")
    by_name = order.is_named(stitched, refund_events)
    refund = by_name | (mask & (value < 0))
    asked = mask & ~refund
    nobodys = np.flatnonzero(asked & (person < 0))
    rows = np.flatnonzero(asked & (person >= 0))
    number = _order_number(stitched, rows, person)
    inorder = rows[order.event_order(stitched, within=number, rows=rows)]
    group = np.sort(number)
    heads = np.append([True], np.diff(group) != 0)[: len(group)]
    copies, group = inorder[~heads], np.cumsum(heads) - 1
    left_out = _aside(stitched, nobodys, "nobody's: no user_id and no anonymous_id")
    left_out += _aside(stitched, copies, "the same order again")
    known = order.codes(stitched, "currency")[inorder] >= 0
    return _Orders(
        inorder[heads],
        _first_that(is_client(stitched)[inorder], group, inorder, inorder[heads]),
        value[_first_that(~np.isnan(value[inorder]), group, inorder, inorder[heads])],
        _currency(stitched, _first_that(known, group, inorder, inorder[heads])),
        np.flatnonzero(refund),
        left_out,
    )


def _order_number(stitched: pd.DataFrame, rows: Ints, person: order.Codes) -> Ints:
    """One number an order of one person; a row without order_id is an order of its own."""
    if "order_id" not in stitched.columns:
        return np.arange(len(rows))
    ids = pd.factorize(stitched["order_id"].iloc[rows])[0].astype(np.int64)
    number = pd.factorize(person[rows] * (ids.max(initial=-1) + 1) + ids)[0].astype(np.int64)
    return np.where(ids >= 0, number, len(rows) + np.arange(len(rows)))


def _first_that(flags: Flags, group: Ints, rows: Ints, otherwise: Ints) -> Ints:
    """Per group (numbered from 0, side by side) the first row with the flag, else the given one."""
    flagged = np.flatnonzero(flags)[::-1]
    chosen = otherwise.copy()
    chosen[group[flagged]] = rows[flagged]
    return chosen


def _aside(stitched: pd.DataFrame, rows: Ints, reason: str) -> list[LeftOut]:
    if not len(rows):
        return []
    value = _value(stitched)[rows]
    return [LeftOut("conversion", reason, len(rows), math.fsum(value[~np.isnan(value)]))]


def _rates(
    currency: Texts,
    has_value: Flags,
    refunds: Texts,
    rates: Mapping[str, float] | None,
) -> dict[str | None, float]:
    """What one unit of each currency is worth; a missing currency is filled in place with the only one.

    What has no value, such as a lead among purchases, needs no currency.
    """
    present = {str(one) for one in (*currency, *refunds) if one is not None}
    lacking = np.array([one is None for one in currency], dtype=bool)
    if len(present) > 1 and (rates is None or (lacking & has_value).any()):
        raise errors.CurrencyError(present, ["(no currency)"] if rates is not None else [])
    if lacking.any() and len(present) == 1:
        currency[lacking] = next(iter(present))
    if rates is None:
        return {}
    if not isinstance(rates, Mapping):
        words = "None, or what one unit of each currency is worth: {'EUR': 1.08, 'USD': 1.0}"
        raise errors.OptionError("find_conversions", "rates", rates, words)
    unknown = present - {str(one).upper() for one in rates}
    if unknown:
        raise errors.CurrencyError(present, unknown)
    worth: dict[str | None, float] = {}
    for name, rate in rates.items():
        if not isinstance(rate, Real) or not 0 < rate < np.inf:
            raise errors.OptionError("find_conversions", "rates", {name: rate}, "positive numbers")
        worth[str(name).upper()] = float(rate)
    return worth


def _shown_currency(currency: Texts, rates: Mapping[str, float] | None) -> Texts:
    """The currency of the values: their own, or with rates the one that is worth 1."""
    if rates is None:
        return currency
    unit = next((str(name).upper() for name, rate in rates.items() if rate == 1), None)
    return np.full(len(currency), unit, dtype=object)


class _Refunds(NamedTuple):
    """Refund rows, which of them each kind set aside, and the orders they may reduce."""

    rows: Ints
    by_kind: list[Ints]
    order_kind: Ints
    order_row: Ints


def _net(
    stitched: pd.DataFrame,
    refunds: _Refunds,
    value: Floats,
    currency: Texts,
    rate: dict[str | None, float],
) -> tuple[Floats, Ints]:
    """Reduce each order by its refunds, floor 0; which refund rows found no order.

    A refund finds the order of its own person, else the only order with its order_id.
    """
    if not len(refunds.rows) or "order_id" not in stitched.columns:
        return value, refunds.rows
    ids, person, amount = stitched["order_id"], order.codes(stitched, "person_id"), np.abs(_value(stitched))
    named = refunds.rows[ids.iloc[refunds.rows].notna().to_numpy()]
    relevant = np.flatnonzero(ids.iloc[refunds.order_row].isin(ids.iloc[named].unique()).to_numpy())
    own: dict[tuple[int, str, int], int] = {}
    alone: dict[tuple[int, str], list[int]] = {}
    for place in relevant.tolist():
        row, kind = refunds.order_row[place], int(refunds.order_kind[place])
        own[kind, str(ids.iloc[row]), int(person[row])] = int(place)
        alone.setdefault((kind, str(ids.iloc[row])), []).append(int(place))
    currencies = dict(zip(named.tolist(), _currency(stitched, named), strict=True))
    taken = np.zeros(len(value))
    asides = [set(rows.tolist()) for rows in refunds.by_kind]
    found: set[int] = set()
    ordered: list[int] = named[order.event_order(stitched, rows=named)].tolist()
    for row in ordered:
        for kind, aside in enumerate(asides):
            text = str(ids.iloc[row])
            candidates = alone.get((kind, text), [])
            place = own.get((kind, text, int(person[row])), candidates[0] if len(candidates) == 1 else -1)
            if place >= 0 and row in aside:
                found.add(row)
                worth = rate.get(currencies[row] or currency[place], 1.0) / rate.get(currency[place], 1.0)
                taken[place] += 0.0 if np.isnan(amount[row]) else amount[row] * worth
    reduced = np.where(taken > 0, np.maximum(value - taken, 0), value)
    return np.where(np.isnan(value), value, reduced), np.setdiff1d(
        refunds.rows, np.array(sorted(found), dtype=np.int64)
    )


def _by_person_and_time(stitched: pd.DataFrame, row: Ints, kind: Ints) -> Ints:
    """By person, then in the order of events, then by kind."""
    person = order.codes(stitched, "person_id")[row]
    first = order.event_order(stitched, within=person, rows=row)
    rank = np.empty(len(row), dtype=np.int64)
    rank[first] = np.cumsum(np.append([True], row[first][1:] != row[first][:-1])[: len(first)])
    return np.lexsort((kind, rank))


def _latest_visit(stitched: pd.DataFrame, visits: Visits, rows: Ints, timeout_us: int) -> Ints:
    """For a server's rows that person's latest visit with an event at most the timeout earlier; -1 for none."""
    if not len(rows):
        return np.zeros(0, dtype=np.int64)
    person, time = order.codes(stitched, "person_id"), order.microseconds(stitched)
    asked = np.zeros(int(person.max(initial=-1)) + 2, dtype=bool)
    asked[person[rows]] = True
    seen = np.flatnonzero(asked[person] & (visits.number >= 0))
    # An event of the same instant counts, so the asked rows stand behind it whatever the tie says.
    line = np.concatenate([seen, rows])
    is_asked = np.arange(len(line)) >= len(seen)
    inorder = order.event_order(stitched, within=person[seen], rows=seen)
    ranked = np.empty(len(line), dtype=np.int64)
    ranked[inorder] = np.arange(len(seen))
    ranked[len(seen) :] = len(seen)
    walk = np.lexsort((ranked, time[line], person[line]))
    at = np.maximum.accumulate(np.where(is_asked[walk], -1, np.arange(len(walk))))
    latest = np.where(at >= 0, line[walk[np.maximum(at, 0)]], -1)
    fits = (latest >= 0) & (person[latest] == person[line[walk]]) & (time[line[walk]] - time[latest] <= timeout_us)
    answer = np.full(len(line), -1, dtype=np.int64)
    answer[walk] = np.where(fits, visits.number[latest], -1)
    return answer[len(seen) :]
