"""Every value a trait ever had: from when to when it held, and whether it is the answer today."""

from __future__ import annotations

from collections.abc import Mapping, Sequence

import numpy as np
import pandas as pd

from datalyr_notebook import order, schema
from datalyr_notebook.frames import read_stitched
from datalyr_notebook.order import Flags, Ints
from datalyr_notebook.traits.rules import FOREVER, Holding, find_holding, read_policy
from datalyr_notebook.traits.said import Said, identity_rows, read_said

_STEP = "trait_history"
_NEVER = np.iinfo(np.int64).min


def trait_history(
    stitched: pd.DataFrame, *, rules: Mapping[str, str] | None = None, sources: Sequence[str] = ()
) -> pd.DataFrame:
    """One row for each value said of a person's trait: from when to when it held.

    ``valid_from`` is when it was said, ``valid_to`` when another value replaced it, exclusive; NaT: it
    still holds. ``kept`` marks what ``merge_traits`` answers with under the same ``rules`` and
    ``sources``: the values that still hold. A value that never held, because the rule or a more
    trusted source spoke against it, stays as a row of no duration: ``valid_to`` = ``valid_from``.
    So the value at a time t is the one with valid_from <= t < valid_to, under every rule; under
    ``list`` all of them are.

    A value said again while it holds, or right after it was said and lost, adds no row. An explicit
    null is a value and has its own row (``value`` None); a trait never said has none. Of two calls at
    one instant the order of events decides, and the earlier held for no time. A person merged from
    several user_ids has one history, in time order.

    Parameters
    ----------
    stitched
        Stitched events; only their ``$identify`` rows say traits.
    rules, sources
        As for ``merge_traits``.

    Returns
    -------
    pandas.DataFrame
        The columns of ``schema.TRAIT_HISTORY``, times in UTC. Sorted by person and trait, both in the
        order in which they were first said, then by the order of events.

    Raises
    ------
    NotStitchedError
        The events are not stitched.
    OptionError
        A rule is not known, or an option has another shape.
    TraitTypeError
        ``max`` or ``min`` meets values that cannot be compared, such as a text and a number.

    Examples
    --------
    >>> import pandas as pd
    >>> from datalyr_notebook.identity.stitching import stitch
    >>> events = pd.DataFrame({
    ...     "timestamp": ["2026-01-01T10:00Z", "2026-01-05T10:00Z"],
    ...     "event_name": "$identify", "user_id": "u1", "traits": [{"plan": "free"}, {"plan": "pro"}],
    ... })
    >>> history = trait_history(stitch(events))
    >>> history[["value", "valid_to", "kept"]]
      value                  valid_to   kept
    0  free 2026-01-05 10:00:00+00:00  False
    1   pro                       NaT   True

    """
    stitched = read_stitched(_STEP, stitched)
    policy = read_policy(_STEP, rules, sources)
    rows = identity_rows(stitched)
    said = read_said(stitched, rows, sources=policy.sources)
    holding = find_holding(_STEP, said, policy)
    if not len(said.group):
        return schema.empty(schema.TRAIT_HISTORY)
    holds, leaves = _spans(said, holding)
    entries = np.flatnonzero(holds | _is_lost(said, holding))
    until = order.microseconds(stitched)[rows[np.minimum(leaves[entries], len(rows) - 1)]]
    until = np.where(holds[entries], until, said.time[entries])
    is_open = holds[entries] & (leaves[entries] == FOREVER)
    person = said.people[said.group[entries] // len(said.names)]
    value = said.value[entries]
    value[said.is_null[entries]] = None
    return pd.DataFrame(
        {
            "person_id": pd.Categorical.from_codes(person, categories=stitched["person_id"].cat.categories),
            "trait": pd.Categorical.from_codes(said.trait[entries], categories=pd.Index(said.names, dtype=object)),
            "value": pd.Series(value, dtype=object),
            "valid_from": order.timestamps(said.time[entries]),
            "valid_to": order.timestamps(np.where(is_open, _NEVER, until)),
            "kept": is_open,
        }
    )


def _spans(said: Said, holding: Holding) -> tuple[Flags, Ints]:
    """Which entries begin to hold a value, and the place of the entry at which it ends."""
    entry = np.arange(len(said.group))
    holder = holding.holder
    before = np.where(said.starts, -1, np.append([-1], holder[:-1]))
    begins = (holder == entry) & ((before < 0) | (said.code != said.code[before]))
    leaves = np.full(len(entry), FOREVER, dtype=np.int64)
    begun = np.flatnonzero(begins)
    follows = said.group[begun[1:]] == said.group[begun[:-1]]
    leaves[begun[:-1][follows]] = said.place[begun[1:][follows]]
    return begins | holding.enters, np.where(holding.is_listed, holding.leaves, leaves)


def _is_lost(said: Said, holding: Holding) -> Flags:
    """Which entries said a value that did not hold then, and did not only repeat the entry before."""
    holder = holding.holder
    repeats = ~said.starts & (said.code == np.append([-1], said.code[:-1]))
    holds = holding.is_member | ((holder >= 0) & (said.code == said.code[holder]))
    lost: Flags = ~holds & ~repeats
    return lost
