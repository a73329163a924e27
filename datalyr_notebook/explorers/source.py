"""What an explorer looks at: the table as it was handed in, its stitched rows, and what is masked in them."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import numpy as np
import pandas as pd

from datalyr_notebook import errors, order, schema
from datalyr_notebook.frames import check_columns, read_stitched
from datalyr_notebook.identity.rule import StitchRule, make_rule
from datalyr_notebook.identity.stitching import stitch
from datalyr_notebook.loading.normalize import as_canonical
from datalyr_notebook.order import Ints
from datalyr_notebook.redaction import Redact, Redaction

_PLACE = "(row of the table)"
"""A column that no sender has: it tells which row of the table each event was."""


@dataclass(frozen=True, repr=False, eq=False)
class Source:
    """A table, and the same as stitched events whose index is the row of the table."""

    given: pd.DataFrame
    """As it was handed in."""
    events: pd.DataFrame
    """Canonical events without person columns: what another rule stitches. The index: the row of the table."""
    stitched: pd.DataFrame
    """The same under ``rule``, or as it came."""
    rule: StitchRule
    was_stitched: bool
    """Whether the table came stitched: then nobody knows by which rule, and ``rule`` is what is used from now on."""
    redaction: Redaction
    redact: Redact

    @classmethod
    def of(
        cls, step: str, given: pd.DataFrame, *, redact: Redact, rule: StitchRule | None = None, **keywords: Any
    ) -> Source:
        """The table read once; events that are not stitched are stitched by the rule.

        Raises OptionError, and what stitch raises.
        """
        rule = make_rule(rule, keywords)
        check_columns(given, step)
        numbered = given.set_axis(pd.RangeIndex(len(given)), axis="index")
        was_stitched = schema.is_stitched(given)
        if was_stitched:
            stitched = read_stitched(step, numbered)
            events = stitched.drop(columns=[name for name in schema.names(schema.STITCHED) if name in stitched.columns])
            events = as_canonical(events, step)
        else:
            try:
                read = as_canonical(numbered.assign(**{_PLACE: np.arange(len(given))}), step)
            except errors.MissingColumnsError as error:
                raise errors.MissingColumnsError(error.step, error.needs, given.columns) from None
            events = read.drop(columns=_PLACE).set_axis(pd.Index(read[_PLACE].to_numpy(dtype=np.int64)), axis="index")
            stitched = stitch(events, rule)
        redaction = Redaction.of(step, redact, stitched)
        return cls(given, events, stitched, rule, was_stitched, redaction, _kept(redact))

    @property
    def told(self) -> str:
        """A sentence where the events had to be stitched first."""
        if self.was_stitched:
            return ""
        return f"These events were not stitched; they are stitched with policy {self.rule.policy!r}."


class RowsOf:
    """Which rows each person has, found once: places by the person's code.

    >>> stitched = pd.DataFrame({"person_id": pd.Categorical(["b", "a", "b"], categories=["b", "a"])})
    >>> RowsOf(stitched)[0].tolist()
    [0, 2]
    """

    def __init__(self, stitched: pd.DataFrame) -> None:
        person = order.codes(stitched, "person_id")
        count = len(stitched["person_id"].cat.categories)
        self._inorder = order.by_group_and_time(person.astype(np.int64), np.zeros(len(person), dtype=np.int64))
        self._starts = np.searchsorted(person[self._inorder], np.arange(count + 1))

    def __getitem__(self, person: int) -> Ints:
        return self._inorder[self._starts[person] : self._starts[person + 1]]

    @property
    def counts(self) -> Ints:
        """How many rows each person has, by code."""
        return np.diff(self._starts)


def _kept(redact: Redact) -> Redact:
    return redact if isinstance(redact, bool | str) else tuple(redact)
