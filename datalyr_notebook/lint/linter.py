"""``lint``: every rule on a table of events, or what stands between one id and its person."""

from __future__ import annotations

import pandas as pd

from datalyr_notebook.lint.findings import finding, findings_table
from datalyr_notebook.lint.one_person import lint_one
from datalyr_notebook.lint.rules import RULES
from datalyr_notebook.lint.tracked import Tracked, read_tracked
from datalyr_notebook.progress import steps


def lint(events: pd.DataFrame, *, person: str | None = None) -> pd.DataFrame:
    """What is wrong with the tracking, in the columns of ``schema.LINT``: a row for each rule that found something.

    ``events``: raw, normalized or stitched. ``events`` of a finding counts the rows affected (for a
    fault of a user or a device all of its rows), ``value`` adds up the purchases among them as they
    were sent, without converting currencies. ``examples`` lists up to three ids or names, the most
    frequent first; values of traits are never shown, and card and social security numbers are masked
    wherever they stand. ``fix`` is the next move, after the product's own advice. Sorted by severity
    (error, warning, info), value, events and code. Nothing found: the columns without rows.

    ``person``: a user_id, anonymous_id, e-mail or person_id. Answers why it is not linked: what the
    rules say of its rows alone, and what its own evidence lacks; ``examples`` are then the ids that
    the answer is about, and an id without a fault gets one row that says so.

    Normalizing empties ids that name nobody and keeps re-deliveries once: of a table that is
    normalized already, null-like ids, anonymous_ids in the user field, blank ids, re-deliveries, naive
    timestamps and unreadable values can no longer be seen, but for the user_id of an ``$identify``
    whose payload came nested. Lint the raw table to see them. Ids that are floats, which normalizing
    refuses, are read as text here and reported.

    Raises UnknownPersonError, OptionError (no table, or a person that is no text), and what
    normalize_events raises.

    Advice and limits: the product's page on identify(); Luhn: ISO/IEC 7812-1.

    >>> import pandas as pd
    >>> events = pd.DataFrame({
    ...     "timestamp": "2026-01-01T10:00Z", "event_name": "$identify", "anonymous_id": "anon_a",
    ...     "user_id": ["undefined", "u1"],
    ...     "traits": [{}, {"email": "kate@example.com", "cardNumber": "4111111111111111"}],
    ... })
    >>> lint(events)[["code", "severity", "events", "examples"]]
                            code severity  events      examples
    0          null_like_user_id    error       1   [undefined]
    1       sensitive_trait_name    error       1  [cardNumber]
    2      sensitive_trait_value    error       1  [cardNumber]
    3  trait_name_not_snake_case     info       1  [cardNumber]
    """
    tracked = read_tracked(events)
    if person is not None:
        return findings_table(lint_one(tracked, person))
    return lint_tracked(tracked)


def lint_tracked(tracked: Tracked) -> pd.DataFrame:
    """What every rule finds in events that are read already."""
    findings = []
    with steps("lint", len(RULES)) as step:
        for rule in RULES:
            step(rule.code)
            found = rule.find(tracked)
            if found is not None:
                findings.append(finding(rule, found))
    return findings_table(findings)
