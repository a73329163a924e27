"""people: one row a person, with their ids, their devices, and what they are worth."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from typing import Any

import numpy as np
import pandas as pd

from datalyr_notebook import errors, options, order, schema
from datalyr_notebook.frames import read_stitched
from datalyr_notebook.identity.blocking import BlockList
from datalyr_notebook.identity.links import find_members
from datalyr_notebook.journeys.conversions import Conversion
from datalyr_notebook.journeys.counted import counted_conversions
from datalyr_notebook.notices import say
from datalyr_notebook.order import Flags, Ints, Texts
from datalyr_notebook.traits import merge_traits

NAMING_VIA = ("own", "last", "graph")
"""Rows that keep a user_id of their own; on any other row a user_id is one that ``block=`` names."""


def people(
    stitched: pd.DataFrame,
    *,
    traits: Iterable[str] = (),
    conversion: Conversion = "purchase",
    refunds: str = "net",
    refund_events: Iterable[str] = ("refund",),
    rates: Mapping[str, float] | None = None,
) -> pd.DataFrame:
    """One row a person (index person_id), in the columns of ``schema.PEOPLE``, then the traits asked for.

    ``user_ids``, ``devices`` and ``sdks`` are lists in order of first seen. user_ids are those on the
    person's events: several where users were merged, under policy ``last`` also those whose events the
    device's last user took, none for a person who never logged in. A server's one-shot anonymous_id is
    no device. ``conversions`` and ``value`` are those of ``find_conversions`` with the same options.
    ``traits``: names out of ``merge_traits``; one that nobody has is a column without values, which is
    said. Rows without a person are in nobody.

    Sorted by first_seen, then person_id. Raises NotStitchedError, OptionError, CurrencyError, and
    ColumnClashError for a trait that has the name of another column.

    >>> from datalyr_notebook.identity.stitching import stitch
    >>> events = pd.DataFrame({
    ...     "timestamp": ["2026-01-01T10:00Z", "2026-01-02T10:00Z", "2026-01-02T10:05Z"],
    ...     "event_name": ["$identify", "$identify", "purchase"],
    ...     "anonymous_id": ["anon_phone", "anon_desk", "anon_desk"], "user_id": ["u1", "u1", None],
    ...     "value": [None, None, 20.0],
    ... })
    >>> people(stitch(events))[["user_ids", "devices", "events", "value"]]
              user_ids                  devices  events  value
    person_id
    u1            [u1]  [anon_phone, anon_desk]       3   20.0
    """
    stitched = read_stitched("people", stitched)
    wanted = _trait_names(traits)
    person = order.codes(stitched, "person_id")
    texts = stitched["person_id"].cat.categories
    found = counted_conversions(stitched, conversion, refunds=refunds, refund_events=refund_events, rates=rates)
    buys, worth = person[found.row], np.nan_to_num(found.value)
    table = pd.DataFrame(
        {
            "user_ids": _listed(stitched, "user_id", _naming_rows(stitched)),
            "devices": _listed(stitched, "anonymous_id", _device_rows(stitched)),
            "sdks": _listed(stitched, "sdk", np.ones(len(stitched), dtype=bool)),
            **_seen(stitched, person, len(texts)),
            "conversions": np.bincount(buys, minlength=len(texts)),
            "value": np.bincount(buys, worth, minlength=len(texts)).astype(np.float64),
        }
    )[schema.names(schema.PEOPLE)].set_axis(pd.Index(texts, name="person_id"), axis="index")
    table = table[(table["events"] > 0).to_numpy()]
    table = table.iloc[_by_first_seen(table)]
    return _with_traits(table, stitched, wanted)


def _trait_names(traits: Iterable[str]) -> tuple[str, ...]:
    given = tuple(traits) if isinstance(traits, Iterable) and not isinstance(traits, str) else traits
    names = tuple(dict.fromkeys(options.texts("people", "traits", given)))
    taken = schema.names(schema.PEOPLE)
    for name in names:
        if name in taken or name == "person_id":
            fix = "Leave the trait out, and join it from merge_traits(stitched) under a name of your own."
            raise errors.ColumnClashError("people", "each trait as a column of its name", [name], fix)
    return names


def _naming_rows(stitched: pd.DataFrame) -> Flags:
    via = stitched["person_via"].cat
    flags: Flags = np.append(via.categories.isin(NAMING_VIA), [False])[via.codes.to_numpy()]
    return flags


def _device_rows(stitched: pd.DataFrame) -> Flags:
    members = find_members(stitched, BlockList())
    flags: Flags = members.is_device[members.device]
    return flags


def _listed(stitched: pd.DataFrame, column: str, counts: Flags) -> pd.Series:
    """Per person the distinct texts of a column on the rows that count, in order of first seen."""
    person, code = order.codes(stitched, "person_id"), order.codes(stitched, column)
    persons = len(stitched["person_id"].cat.categories)
    rows = np.flatnonzero(counts & (person >= 0) & (code >= 0))
    number = np.full(len(stitched), -1, dtype=np.int64)
    number[rows], pairs = pd.factorize(person[rows].astype(np.int64) * (int(code.max(initial=0)) + 1) + code[rows])
    first = order.first_rows(stitched, number, len(pairs))
    first = first[order.event_order(stitched, within=person[first], rows=first)]
    texts = _texts(stitched, column)[code[first]].tolist()
    ends = np.cumsum(np.bincount(person[first], minlength=persons)).tolist()
    lists = [texts[begin:end] for begin, end in zip([0, *ends[:-1]], ends, strict=True)] if persons else []
    return pd.Series(lists, dtype=object)


def _texts(stitched: pd.DataFrame, column: str) -> Texts:
    if column not in stitched.columns:
        return np.zeros(0, dtype=object)
    texts: Texts = stitched[column].cat.categories.astype(object).to_numpy()
    return texts


def _seen(stitched: pd.DataFrame, person: order.Codes, persons: int) -> dict[str, Any]:
    """First and last event, and how many."""
    rows, time = np.flatnonzero(person >= 0), order.microseconds(stitched)
    events = np.bincount(person[rows], minlength=persons)
    first, last = order.span(time[rows], person[rows], persons)
    return {"first_seen": order.timestamps(first), "last_seen": order.timestamps(last), "events": events}


def _by_first_seen(table: pd.DataFrame) -> Ints:
    """By first_seen, then person_id; texts are looked at only where persons share the instant."""
    seen = order.microseconds(table, "first_seen")
    tied = np.flatnonzero(pd.Series(seen).duplicated(keep=False).to_numpy())
    rank = np.zeros(len(table), dtype=np.int64)
    rank[tied] = pd.factorize(table.index[tied].astype(object), sort=True)[0]
    inorder: Ints = np.lexsort((rank, seen))
    return inorder


def _with_traits(table: pd.DataFrame, stitched: pd.DataFrame, wanted: tuple[str, ...]) -> pd.DataFrame:
    if not wanted:
        return table
    said = merge_traits(stitched)
    unknown = [name for name in wanted if name not in said.columns]
    if unknown:
        listed = ", ".join(errors.shown(name) for name in unknown)
        say(f"people: nobody has the traits {listed}; these columns are empty.")
    return table.join(said.reindex(columns=list(wanted)))
