"""restate: what evidence learned between two instants changes about events that had already happened."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass, replace
from typing import Any

import pandas as pd

from datalyr_notebook import errors, options
from datalyr_notebook.attribution.protocol import Model
from datalyr_notebook.identity.rule import StitchRule
from datalyr_notebook.identity.stitching import stitch
from datalyr_notebook.journeys.conversions import Conversion
from datalyr_notebook.loading.normalize import as_canonical
from datalyr_notebook.notices import repeated
from datalyr_notebook.progress import steps
from datalyr_notebook.studies.difference import Crediting, Difference, split_options, study_rule, tables


@dataclass(frozen=True, repr=False, eq=False)
class Restatement(Difference):
    """What became known between two instants changes about the events until the first. Made by ``restate``."""

    before: pd.Timestamp
    after: pd.Timestamp

    def _subject(self) -> str:
        known = f"{self.after:%Y-%m-%d %H:%M} instead of {self.before:%Y-%m-%d %H:%M} UTC"
        return f"Restated with what was known at {known}"


def restate(
    events: pd.DataFrame,
    *,
    before: Any,  # noqa: ANN401  (whatever pd.Timestamp reads)
    after: Any,  # noqa: ANN401
    rule: StitchRule | None = None,
    conversion: Conversion = "purchase",
    model: str | Model = "hybrid",
    by: str | Iterable[str] = "channel",
    **keywords: Any,
) -> Restatement:
    """What changed in people and credit because of evidence learned between two instants.

    Both sides judge the same events, those until ``before``: once with the evidence known by then,
    once with the evidence known by ``after`` (``StitchRule(as_of=)``, inclusive). A later login moves
    credit of an earlier order; a later order or refund does not, since it is no event of both sides.
    Instants without a zone are UTC, a date alone is its first instant. ``rule`` has no as_of of its own;
    other keywords are options of ``stitch`` or ``attribute``.

    ``people.known_from``: when the first of that evidence became known. Each side's credit sums to its
    conversions' value; the sides differ only where one order_id, or a refund, is on two persons on
    one of them.

    Raises OptionError (also where ``before`` is not before ``after``), and what stitch and attribute raise.

    >>> from datalyr_notebook.loading.samples import load_sample
    >>> events = load_sample("seed_journey")  # an ad on the phone, an order on the desktop, then a login on the phone
    >>> restate(events, before="2026-09-08T22:00", after="2026-09-09T22:00").credit
           channel  before  after  change
    0  Paid Social    0.00  99.99   99.99
    1       Direct   99.99   0.00  -99.99
    """
    early = options.instant("restate", "before", before, also="")
    late = options.instant("restate", "after", after, also="")
    if early >= late:
        raise errors.OptionError("restate", "before", before, f"an instant earlier than after={late.isoformat()}")
    of_rule, of_attribute = split_options("restate", keywords)
    rule = study_rule("restate", rule, of_rule)
    if rule.as_of is not None:
        words = "a rule without as_of: before= and after= are its two instants"
        raise errors.OptionError("restate", "as_of", rule.as_of, words)
    crediting = Crediting(conversion=conversion, model=model, by=by, options=of_attribute)
    crediting.one_model("restate")
    table = as_canonical(events, "restate")
    had_happened = (table["timestamp"] <= early).to_numpy()
    with steps("restating", 3) as step:
        step("stitching as it was known")
        then = stitch(table, replace(rule, as_of=early))
        step("stitching as it became known")
        with repeated():
            later = stitch(table, replace(rule, as_of=late))
        later = later.loc[had_happened[(table["timestamp"] <= late).to_numpy()]]
        step("comparing")
        changes = tables(then, later, crediting, kept=had_happened, learned_by=later)
    return Restatement(**changes, before=early, after=late)
