"""match_rate: how much of the traffic belongs to known users, by any column or over time."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from typing import Any, Final, NamedTuple

import numpy as np
import pandas as pd

from datalyr_notebook import errors, options, order, schema
from datalyr_notebook.frames import read_stitched
from datalyr_notebook.identity.matched import is_matched
from datalyr_notebook.journeys.calendar import CALENDAR, periods
from datalyr_notebook.journeys.conversions import Conversion
from datalyr_notebook.journeys.counted import counted_conversions
from datalyr_notebook.order import Flags, Floats, Ints

_TOLD_BY_COPY: Final = ("anonymous_id", "sdk", "device_type")
"""What find_conversions takes from the first copy that a client sent."""


class _Groups(NamedTuple):
    """The group of every event and of every conversion, and what each group stands for."""

    event: Ints
    conversion: Ints
    table: pd.DataFrame
    """One row a group: the values it stands for."""


def match_rate(
    stitched: pd.DataFrame,
    by: str | Iterable[str] = "sdk",
    *,
    conversion: Conversion = "purchase",
    refunds: str = "net",
    refund_events: Iterable[str] = ("refund",),
    rates: Mapping[str, float] | None = None,
) -> pd.DataFrame:
    """People, events and conversion value, and which share of each belongs to known users.

    ``by``: a column of the events (``"sdk"``, ``"device_type"``, …), a unit of time (``"day"``,
    ``"week"``, ``"month"``: UTC, weeks start on Monday; the column of that name holds the start of the
    period), or several: ``by=["sdk", "week"]``. Then come the columns of ``schema.MATCH_RATE``. A row is
    matched if its person is a known user: a device without a user is not, nor one that a bridge joins to
    another such device. A person counts in every group in which they have an event. Values are those of
    ``find_conversions`` with the same options; a share of nothing is NaN. Events without a value in a
    ``by`` column are a group of their own.

    Sorted by the ``by`` columns, missing last. Raises NotStitchedError, OptionError, CurrencyError.

    >>> from datalyr_notebook.identity.stitching import stitch
    >>> events = pd.DataFrame({
    ...     "timestamp": ["2026-01-01T10:00Z", "2026-01-02T10:00Z", "2026-01-06T10:00Z"], "event_name": "pageview",
    ...     "anonymous_id": ["anon_a", "anon_b", "anon_b"], "user_id": [None, "u1", "u1"],
    ... })
    >>> match_rate(stitch(events), by="week")[["week", "people", "events", "events_matched"]]
                           week  people  events  events_matched
    0 2025-12-29 00:00:00+00:00       2       2             0.5
    1 2026-01-05 00:00:00+00:00       1       1             1.0
    """
    stitched = read_stitched("match_rate", stitched)
    names = _asked_by(stitched, by)
    found = counted_conversions(stitched, conversion, refunds=refunds, refund_events=refund_events, rates=rates)
    groups = _groups(stitched, names, found.row, found.where)
    matched, count = is_matched(stitched), len(groups.table)
    group_of_person, is_known = _people(stitched, groups.event, matched)
    value, known_value = np.nan_to_num(found.value), matched[found.row]
    people, people_known = _sums(group_of_person, is_known, count)
    events, events_known = _sums(groups.event, matched, count)
    worth, worth_known = _sums(groups.conversion, known_value, count, value)
    table = groups.table.assign(
        people=people.astype(np.int64),
        events=events.astype(np.int64),
        value=worth,
        people_matched=_share(people_known, people),
        events_matched=_share(events_known, events),
        value_matched=_share(worth_known, worth),
    )
    return table.sort_values(list(names), ignore_index=True)


def _asked_by(stitched: pd.DataFrame, by: str | Iterable[str]) -> tuple[str, ...]:
    names = (by,) if isinstance(by, str) else tuple(by)
    taken = schema.names(schema.MATCH_RATE)
    columns = [str(name) for name in stitched.columns if name not in (*CALENDAR, *taken, "traits", "properties")]
    if not names or len(set(names)) < len(names):
        raise errors.OptionError("match_rate", "by", by, (*CALENDAR, *columns))
    return tuple(options.one_of("match_rate", "by", name, (*CALENDAR, *columns)) for name in names)


def _groups(stitched: pd.DataFrame, names: tuple[str, ...], row: Ints, where: Ints) -> _Groups:
    """Number the combinations of what the columns say of every event, then of every conversion."""
    number = np.zeros(len(stitched) + len(row), dtype=np.int64)
    coded: dict[str, tuple[Ints, Any]] = {}
    for name in names:
        code, values = periods(order.microseconds(stitched), name) if name in CALENDAR else _coded(stitched, name)
        code = np.append(code, code[where if name in _TOLD_BY_COPY else row])
        coded[name] = code, values
        number = _numbered(number * (len(values) + 1) + code + 1)
    first = np.zeros(int(number.max(initial=-1)) + 1, dtype=np.int64)
    first[number[::-1]] = np.arange(len(number))[::-1]
    values_of = {name: _picked(values, code[first]) for name, (code, values) in coded.items()}
    return _Groups(number[: len(stitched)], number[len(stitched) :], pd.DataFrame(values_of))


def _numbered(keys: Ints) -> Ints:
    """Keys as numbers without holes; what has few keys is not hashed."""
    most = int(keys.max(initial=-1)) + 1
    if most > max(len(keys), 1):
        return pd.factorize(keys)[0].astype(np.int64)
    used = np.zeros(most, dtype=bool)
    used[keys] = True
    numbers: Ints = (np.cumsum(used) - 1)[keys]
    return numbers


def _coded(stitched: pd.DataFrame, name: str) -> tuple[Ints, pd.Index]:
    column = stitched[name]
    if isinstance(column.dtype, pd.CategoricalDtype):
        return column.cat.codes.to_numpy().astype(np.int64), column.cat.categories
    try:
        code, values = pd.factorize(column)
    except TypeError:
        raise errors.OptionError("match_rate", "by", name, "a column of plain values, not of lists or dicts") from None
    return code.astype(np.int64), pd.Index(values)


def _picked(values: pd.Index, code: Ints) -> pd.Series:
    """The values at these places; -1 = missing."""
    return pd.Series(values).reindex(code).reset_index(drop=True)


def _people(stitched: pd.DataFrame, group: Ints, matched: Flags) -> tuple[Ints, Flags]:
    """Every distinct person of every group: the group, and whether the person is a known user."""
    person = order.codes(stitched, "person_id")
    rows = np.flatnonzero(person >= 0)
    pair = person[rows].astype(np.int64) * (int(group.max(initial=0)) + 1) + group[rows]
    first = rows[~pd.Series(pair).duplicated().to_numpy()]
    return group[first], matched[first]


def _sums(group: Ints, known: Flags, groups: int, weight: Floats | None = None) -> tuple[Floats, Floats]:
    """Per group all of it, and what of it belongs to known users."""
    each = np.ones(len(group)) if weight is None else weight
    whole, part = (np.bincount(group, one, minlength=groups).astype(np.float64) for one in (each, each * known))
    return whole, part


def _share(part: Floats, whole: Floats) -> Floats:
    share: Floats = np.divide(part, whole, out=np.full(len(whole), np.nan), where=whole > 0)
    return share
