"""Smallest frames for the linter's tests: a row is written as what differs from a plain page view."""

from __future__ import annotations

from typing import Any

import pandas as pd

from datalyr_notebook.lint import RULES, lint
from datalyr_notebook.lint.tracked import read_tracked

START = pd.Timestamp("2026-01-01T10:00Z")


def events(*rows: dict[str, Any]) -> pd.DataFrame:
    """One row each; minute 0, 1, 2, … unless ``at`` names the minute."""
    filled = []
    for minute, row in enumerate(rows):
        told = dict(row)
        time = START + pd.Timedelta(told.pop("at", minute), "min")
        filled.append({"timestamp": time, "event_name": "pageview", "anonymous_id": "anon_a", "user_id": None} | told)
    return pd.DataFrame(filled, dtype=object)


def login(user: Any, **more: Any) -> dict[str, Any]:
    return {"event_name": "$identify", "user_id": user, **more}


def purchase(value: float, **more: Any) -> dict[str, Any]:
    return {"event_name": "purchase", "value": value, **more}


def codes(frame: pd.DataFrame, **options: Any) -> list[str]:
    return lint(frame, **options)["code"].tolist()


def finds(frame: pd.DataFrame, code: str) -> bool:
    """Whether this rule alone finds anything."""
    (rule,) = (rule for rule in RULES if rule.code == code)
    return rule.find(read_tracked(frame)) is not None


def one(frame: pd.DataFrame, code: str, **options: Any) -> dict[str, Any]:
    """The only finding with this code."""
    table = lint(frame, **options)
    (found,) = table[table["code"] == code].to_dict("records")
    return dict(found)
