"""What ``$identify`` calls said: one entry for each trait of each call, person by person."""

from __future__ import annotations

from dataclasses import dataclass
from functools import cached_property
from itertools import chain
from typing import Any, Final, TypeAlias

import numpy as np
import numpy.typing as npt
import pandas as pd

from datalyr_notebook import order
from datalyr_notebook.hashing import cell_text
from datalyr_notebook.order import Flags, Ints

Objects: TypeAlias = npt.NDArray[np.object_]

NULL: Final = "null"


@dataclass(frozen=True)
class Said:
    """Entries sorted by person, trait and the order of events; people and traits in the order first said."""

    people: order.Codes
    """The category code of each person's person_id."""
    names: list[str]
    """The traits."""
    group: Ints
    """person · len(names) + trait: the one history an entry belongs to."""
    place: Ints
    """Where the call stands among all ``$identify`` and ``$alias`` rows in the order of events."""
    time: Ints
    """int64 microseconds."""
    rank: Ints
    """How far behind the most trusted source the entry's own one is."""
    value: Objects

    @property
    def trait(self) -> Ints:
        """The place in ``names`` of each entry's trait."""
        return self.group % max(len(self.names), 1)

    @property
    def starts(self) -> Flags:
        """Which entries are the first of their group."""
        return np.append([True], self.group[1:] != self.group[:-1])[: len(self.group)]

    @cached_property
    def tokens(self) -> list[tuple[str, object]]:
        """The distinct values, as their JSON type and something hashable: 1 is 1.0, and neither is true or "1"."""
        return list(self._numbers)

    @cached_property
    def code(self) -> Ints:
        """The place in ``tokens`` of each entry's value: equal for equal values."""
        return np.fromiter((self._numbers[_token(one)] for one in self.value), dtype=np.int64, count=len(self.value))

    @cached_property
    def is_null(self) -> Flags:
        """Which entries are an explicit null."""
        kinds = np.array([kind == NULL for kind, _ in self.tokens], dtype=bool)
        found: Flags = kinds[self.code]
        return found

    @cached_property
    def _numbers(self) -> dict[tuple[str, object], int]:
        numbers: dict[tuple[str, object], int] = {}
        for one in self.value:
            numbers.setdefault(_token(one), len(numbers))
        return numbers


def identity_rows(stitched: pd.DataFrame) -> Ints:
    """The ``$identify`` and ``$alias`` rows, in the order of events: the places of ``Said.place``."""
    rows = np.flatnonzero(order.is_named(stitched, order.IDENTITY_EVENTS))
    return rows[order.event_order(stitched, rows=rows)]


def read_said(
    stitched: pd.DataFrame, rows: Ints, *, sources: tuple[str, ...] = (), as_of: pd.Timestamp | None = None
) -> Said:
    """What the calls among ``rows`` (the identity rows in order) said; ``as_of``: only those up to then."""
    person = order.codes(stitched, "person_id")
    time = order.microseconds(stitched)[rows]
    has_traits = "traits" in stitched.columns
    cells = stitched["traits"].to_numpy(dtype=object)[rows] if has_traits else np.full(len(rows), None, dtype=object)
    is_call = order.is_named(stitched, order.IDENTIFY, rows) & (person[rows] >= 0)
    is_call &= np.fromiter((isinstance(one, dict) for one in cells), dtype=bool, count=len(cells))
    if as_of is not None:
        is_call &= (stitched["timestamp"].iloc[rows] <= as_of).to_numpy(dtype=bool)
    calls = np.flatnonzero(is_call)
    number, people = pd.factorize(person[rows[calls]])
    return _entries(number, people, calls, time[calls], _ranks(stitched, rows[calls], sources), list(cells[calls]))


def _entries(
    number: Ints, people: order.Codes, place: Ints, time: Ints, rank: Ints, calls: list[dict[Any, Any]]
) -> Said:
    """One entry for each key of each call, sorted by group and place."""
    sizes = np.fromiter((len(one) for one in calls), dtype=np.int64, count=len(calls))
    count = int(sizes.sum())
    trait, names = pd.factorize(np.fromiter(map(str, chain.from_iterable(calls)), dtype=object, count=count))
    values = np.fromiter(chain.from_iterable(one.values() for one in calls), dtype=object, count=count)
    call = np.repeat(np.arange(len(calls)), sizes)
    group = number[call] * len(names) + trait
    by_group = np.argsort(group, kind="stable")
    call = call[by_group]
    return Said(
        people=people,
        names=[str(name) for name in names],
        group=group[by_group].astype(np.int64),
        place=place[call],
        time=time[call],
        rank=rank[call],
        value=values[by_group],
    )


def _ranks(stitched: pd.DataFrame, rows: Ints, sources: tuple[str, ...]) -> Ints:
    """The place of each row's sdk in ``sources``; the unlisted share the last one."""
    if not sources:
        return np.zeros(len(rows), dtype=np.int64)
    known = stitched["sdk"].cat.categories
    ranks = [sources.index(sdk) if sdk in sources else len(sources) for sdk in known]
    return np.array([*ranks, len(sources)], dtype=np.int64)[order.codes(stitched, "sdk")[rows]]


def _token(value: Any) -> tuple[str, object]:  # noqa: ANN401  (whatever a payload holds)
    """A value's JSON type, and what tells it from other values of that type."""
    if isinstance(value, str):
        return "string", value
    if isinstance(value, bool | np.bool_):
        return "boolean", bool(value)
    if isinstance(value, int | float | np.integer | np.floating):
        return (NULL, None) if value != value else ("number", value)  # noqa: PLR0124  (only NaN differs from itself)
    if isinstance(value, dict):
        return "object", cell_text(value)
    if isinstance(value, list | tuple | set | frozenset | np.ndarray):
        return "array", cell_text(value)
    if value is None or value is pd.NA or value is pd.NaT:
        return NULL, None
    return type(value).__name__, cell_text(value)
