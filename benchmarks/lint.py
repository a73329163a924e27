"""lint against one stitch of the same normalized events, without traits and with traits on every ``$identify``.

stitch does not look at traits; lint reads every one.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any, Final

import numpy as np
import pandas as pd

import datalyr_notebook as dn
from benchmarks.make_events import describe, make_events
from benchmarks.measure import Goal, interleave, print_check, print_ratios, read_arguments
from datalyr_notebook.lint import lint

LINT, STITCH = "lint, from normalized", "stitch, from normalized"
GOALS: Final = (Goal(LINT, STITCH, 2.0),)

EMAIL_KNOWN, CAMEL = 0.8, 0.05
"""Shares of the ``$identify`` events whose traits have an e-mail, and a name that is not snake_case."""
PLANS: Final = ("free", "pro", "team")


def main() -> None:
    """Measure the events as they are, then a tenth of them with traits, and print what came out."""
    size, rounds = read_arguments("lint", events=5_000_000, rounds=5)
    print("Without traits")
    _measure(make_events(size), rounds)
    print("\nWith traits")
    _measure(with_traits(make_events(size // 10)), rounds)


def with_traits(events: pd.DataFrame, *, seed: int = 0) -> pd.DataFrame:
    """The events with five traits or six on each ``$identify``, the e-mail by user."""
    rng = np.random.default_rng(seed)
    rows = np.flatnonzero((events["event_name"] == "$identify").to_numpy())
    traits: list[dict[str, Any] | None] = [None] * len(events)
    users = events["user_id"].to_numpy(dtype=object)
    plan, seats, luck = rng.integers(0, len(PLANS), len(rows)), rng.integers(1, 50, len(rows)), rng.random(len(rows))
    for place, row in enumerate(rows.tolist()):
        said: dict[str, Any] = {
            "plan": PLANS[plan[place]],
            "seats": int(seats[place]),
            "signup_date": "2026-01-01",
            "subscribed": bool(luck[place] < 0.5),
            "tags": ["a", "b"],
        }
        if luck[place] < EMAIL_KNOWN:
            said["email"] = f"{users[row]}@example.com"
        if luck[place] < CAMEL:
            said["firstName"] = "Kate"
        traits[row] = said
    return events.assign(traits=traits)


def _measure(events: pd.DataFrame, rounds: int) -> None:
    print(f"{describe(events)}\n")
    normalized = dn.normalize_events(events)
    found = lint(normalized)
    print(found[["code", "severity", "events", "value"]].to_string(index=False))
    lacking = found.loc[found["code"] == "user_without_email", "events"].sum()
    if "traits" not in normalized.columns:
        known = int(normalized["user_id"].notna().sum())
        print_check("without traits every event with a user_id is one of a user without e-mail", holds=lacking == known)
    print()
    contenders: dict[str, Callable[[], object]] = {
        LINT: lambda: lint(normalized),
        STITCH: lambda: dn.stitch(normalized),
    }
    print_ratios(interleave(contenders, rounds), GOALS)


if __name__ == "__main__":
    main()
