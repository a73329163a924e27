"""Traits as columns: one row a person, or beside each event what held when it happened."""

from __future__ import annotations

import contextlib
from collections.abc import Mapping, Sequence
from typing import Any, Final

import numpy as np
import pandas as pd

from datalyr_notebook import errors, options, order, schema
from datalyr_notebook.frames import read_stitched
from datalyr_notebook.notices import say
from datalyr_notebook.order import Ints
from datalyr_notebook.traits.rules import find_holding, held_values, read_policy
from datalyr_notebook.traits.said import Objects, Said, identity_rows, read_said

MOMENTS: Final = ("event", "latest")
"""When ``with_traits`` looks: at the time of each row, or after everything."""

_EXACT: Final = 2**53
"""From here on a float no longer holds every whole number."""


def merge_traits(
    stitched: pd.DataFrame,
    *,
    as_of: Any = None,  # noqa: ANN401  (whatever pandas reads as an instant)
    rules: Mapping[str, str] | None = None,
    sources: Sequence[str] = (),
) -> pd.DataFrame:
    """One row a person (index person_id), one column a trait: the last value said wins, key by key.

    Reads the ``traits`` of the ``$identify`` rows, in the order of events; a person who was merged
    from several user_ids folds all their histories in time order. A key that a call does not name
    keeps its value; an explicit null is a value (here shown as missing; ``trait_history`` tells the
    two apart). Values keep their type (text, numbers, booleans, lists, dicts). Persons and traits
    stand in the order in which they were first said; people of whom nothing was said are left out.

    Parameters
    ----------
    stitched
        Stitched events.
    as_of
        An instant, inclusive (UTC where it has no zone): only what was said by then. None: everything.
        Who is who stays as it was stitched; for the people as they were known then, stitch with ``as_of``.
    rules
        Which value wins, by trait: ``last`` (default), ``first``, ``max``, ``min``, or ``list``: the
        distinct values in the order first said. ``max``, ``min`` and ``list`` pass an explicit null by;
        numbers compare with numbers and texts with texts, by their characters.
    sources
        sdk names, the most trusted first. A value from a source named earlier beats one from a source
        named later or not at all, whenever each was said; the rule chooses among the values of the most
        trusted source that said one. Empty: all sources count alike.

    Raises
    ------
    NotStitchedError
        The events are not stitched.
    OptionError
        A rule or instant is not known, or an option has another shape.
    TraitTypeError
        ``max`` or ``min`` meets values that cannot be compared, such as a text and a number.

    Examples
    --------
    >>> import pandas as pd
    >>> from datalyr_notebook.identity.stitching import stitch
    >>> events = pd.DataFrame({
    ...     "timestamp": ["2026-01-01T10:00Z", "2026-01-05T10:00Z"],
    ...     "event_name": "$identify", "user_id": "u1",
    ...     "traits": [{"plan": "free", "name": "Kate"}, {"plan": "pro"}],
    ... })
    >>> merge_traits(stitch(events))
              plan  name
    person_id
    u1         pro  Kate
    >>> merge_traits(stitch(events), rules={"plan": "list"}).loc["u1", "plan"]
    ['free', 'pro']

    """
    step = "merge_traits"
    stitched = read_stitched(step, stitched)
    policy = read_policy(step, rules, sources)
    instant = None if as_of is None else options.instant(step, "as_of", as_of)
    said = read_said(stitched, identity_rows(stitched), sources=policy.sources, as_of=instant)
    holding = find_holding(step, said, policy)
    last = np.flatnonzero(np.append(said.starts[1:], [True])[: len(said.group)])
    table = np.full((len(said.people), len(said.names)), None, dtype=object)
    table[said.group[last] // max(len(said.names), 1), said.trait[last]] = held_values(said, holding, last)
    people = stitched["person_id"].cat.categories.take(said.people).rename("person_id")
    columns = [_column(table[:, trait]).set_axis(people, axis="index") for trait in range(len(said.names))]
    return pd.concat(columns, axis="columns", keys=_labels(said.names)) if columns else pd.DataFrame(index=people)


def with_traits(
    stitched: pd.DataFrame,
    traits: Sequence[str],
    *,
    at: str = "event",
    rules: Mapping[str, str] | None = None,
    sources: Sequence[str] = (),
) -> pd.DataFrame:
    """The same rows with one column a trait: the value that held when each event happened.

    Missing where nothing had been said yet, where an explicit null held, and where the row belongs to
    nobody. A trait of which no call said anything is missing everywhere, which is said.

    Parameters
    ----------
    stitched
        Stitched events; rows, row order and index are kept.
    traits
        Names of traits, one column each, in this order.
    at
        ``"event"``: what had been said at or before the row, in the order of events; what a row's own
        ``$identify`` says counts for itself. ``"latest"``: what ``merge_traits`` answers, on every row
        of the person.
    rules, sources
        As for ``merge_traits``.

    Raises
    ------
    NotStitchedError
        The events are not stitched.
    ColumnClashError
        The events already have a column of a trait's name.
    OptionError
        A rule or ``at`` is not known, or an option has another shape.
    TraitTypeError
        ``max`` or ``min`` meets values that cannot be compared, such as a text and a number.

    Examples
    --------
    >>> import pandas as pd
    >>> from datalyr_notebook.identity.stitching import stitch
    >>> events = pd.DataFrame({
    ...     "timestamp": ["2026-01-01T10:00Z", "2026-01-02T10:00Z", "2026-01-05T10:00Z"],
    ...     "event_name": ["$identify", "purchase", "$identify"], "user_id": "u1",
    ...     "traits": [{"plan": "free"}, None, {"plan": "pro"}],
    ... })
    >>> with_traits(stitch(events), ["plan"])["plan"].tolist()
    ['free', 'free', 'pro']

    """
    step = "with_traits"
    stitched = read_stitched(step, stitched)
    policy = read_policy(step, rules, sources)
    options.one_of(step, "at", at, MOMENTS)
    asked = list(dict.fromkeys(options.texts(step, "traits", traits)))
    taken = [name for name in asked if name in stitched.columns]
    if taken:
        fix = "Rename these columns first: events.rename(columns={...})."
        raise errors.ColumnClashError(step, "one column a trait", taken, fix)
    rows = identity_rows(stitched)
    said = read_said(stitched, rows, sources=policy.sources)
    never_said = [name for name in asked if name not in said.names]
    if never_said:
        say(f"{step}: no $identify says {', '.join(map(repr, never_said))}; these columns are missing throughout.")
    holding = find_holding(step, said, policy)
    seen = _places_seen(stitched, rows) if at == "event" else np.full(len(stitched), len(rows), dtype=np.int64)
    table = stitched.copy(deep=False)
    if _labels(asked).dtype == object:
        table.columns = table.columns.astype(object)
    for name in asked:
        entries = _last_entries(stitched, said, name, seen, len(rows))
        table[name] = _column(held_values(said, holding, entries)).array
    return table


def _places_seen(stitched: pd.DataFrame, rows: Ints) -> Ints:
    """How many of the identity rows stand at or before each row, in the order of events."""
    time = order.microseconds(stitched)
    # Identity rows come before all other events of their instant.
    seen = np.searchsorted(time[rows], time, side="right").astype(np.int64)
    seen[rows] = np.arange(1, len(rows) + 1)
    return seen


def _last_entries(stitched: pd.DataFrame, said: Said, trait: str, seen: Ints, places: int) -> Ints:
    """For each row the last entry about this trait of its person that it has seen; -1: none."""
    entries = np.flatnonzero(said.trait == said.names.index(trait)) if trait in said.names else np.zeros(0, np.int64)
    if not len(entries):
        return np.full(len(stitched), -1, dtype=np.int64)
    number = np.full(len(stitched["person_id"].cat.categories) + 1, -1, dtype=np.int64)
    number[said.people] = np.arange(len(said.people))
    person = number[order.codes(stitched, "person_id")]
    owner = said.group[entries] // len(said.names)
    found = np.searchsorted(owner * places + said.place[entries], person * places + seen - 1, side="right") - 1
    is_own = (found >= 0) & (person >= 0) & (owner[found] == person)
    return np.where(is_own, entries[found], -1)


def _column(values: Objects) -> pd.Series:
    """Values in the dtype that holds them all unchanged; missing where there is none."""
    column = pd.Series(values, dtype=object)
    with contextlib.suppress(UnicodeError):  # lone surrogates, which no text dtype takes
        inferred = column.infer_objects()
        is_lossy = inferred.dtype.kind == "f" and any(isinstance(one, int) and abs(one) >= _EXACT for one in values)
        return column if is_lossy else inferred
    return column


def _labels(names: list[str]) -> pd.Index:
    with contextlib.suppress(UnicodeError):
        return pd.Index(names, dtype=schema.TEXT)
    return pd.Index(names, dtype=object)
