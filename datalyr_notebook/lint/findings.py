"""A rule, what it found, and the table of findings."""

from __future__ import annotations

from collections.abc import Callable, Iterable
from typing import Final, NamedTuple

import pandas as pd

from datalyr_notebook import schema
from datalyr_notebook.lint.tracked import Found, Tracked

SEVERITIES: Final = ("error", "warning", "info")
"""error: people or money come out wrong. warning: they may. info: worth knowing before the numbers are read."""


class Rule(NamedTuple):
    """One rule of the linter. ``message`` may name the words that its finder gives in braces."""

    code: str
    severity: str
    message: str
    fix: str
    find: Callable[[Tracked], Found | None]


class Finding(NamedTuple):
    """One row of the table, before it is one."""

    code: str
    severity: str
    message: str
    found: Found
    fix: str


def finding(rule: Rule, found: Found) -> Finding:
    """What a rule says about what it found."""
    return Finding(rule.code, rule.severity, rule.message.format(**found.words), found, rule.fix)


def findings_table(findings: Iterable[Finding]) -> pd.DataFrame:
    """Findings in the columns of ``schema.LINT``: by severity, then value, events (both largest first), code."""
    ranked = sorted(
        findings, key=lambda one: (SEVERITIES.index(one.severity), -one.found.value, -one.found.events, one.code)
    )
    columns = {
        "code": pd.Series([one.code for one in ranked], dtype=schema.TEXT),
        "severity": pd.Series(pd.Categorical([one.severity for one in ranked], categories=SEVERITIES)),
        "message": pd.Series([one.message for one in ranked], dtype=schema.TEXT),
        "events": pd.Series([one.found.events for one in ranked], dtype="int64"),
        "value": pd.Series([one.found.value for one in ranked], dtype="float64"),
        "examples": pd.Series([list(one.found.examples) for one in ranked], dtype=object),
        "fix": pd.Series([one.fix for one in ranked], dtype=schema.TEXT),
    }
    return pd.DataFrame(columns)[schema.names(schema.LINT)]
