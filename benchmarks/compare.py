"""compare_policies over all policies against one stitch: ratios, and agreement with attribute policy by policy.

The goal is 4 times one stitch: what does not depend on the policy is done once, and only the persons
whose rows change hands are attributed again.
"""

from __future__ import annotations

from collections.abc import Callable
from functools import partial
from typing import Final

import pandas as pd

import datalyr_notebook as dn
from benchmarks.make_events import describe, make_events
from benchmarks.measure import Goal, interleave, print_check, print_ratios, read_arguments, same_numbers
from datalyr_notebook.identity.policies import POLICIES
from datalyr_notebook.studies.compare import PolicyComparison, compare_policies

COMPARE, STITCH = "compare_policies, from normalized", "one stitch, from normalized"
COMPARE_TEXT, STITCH_TEXT = "compare_policies, from str", "one stitch, from str"
ONE_BY_ONE: Final = "stitch and attribute, policy by policy"

GOALS: Final = (
    Goal(COMPARE, STITCH, 4.0),
    Goal(COMPARE_TEXT, STITCH_TEXT, 4.0),
    Goal(COMPARE, ONE_BY_ONE, 1.0),
)


def main() -> None:
    """Measure and print what came out."""
    size, rounds = read_arguments("compare", events=5_000_000, rounds=5)
    events = make_events(size)
    print(f"{describe(events)}; {len(POLICIES)} policies\n")
    normalized = dn.normalize_events(events)
    comparison = compare_policies(normalized)
    print_check("every policy has the credit that attribute gives", holds=_agree(comparison, normalized))
    print()
    contenders: dict[str, Callable[[], object]] = {
        STITCH: partial(dn.stitch, normalized),
        COMPARE: partial(compare_policies, normalized),
        STITCH_TEXT: partial(_stitch_text, events),
        COMPARE_TEXT: partial(_compare_text, events),
        ONE_BY_ONE: partial(_one_by_one, normalized),
    }
    print_ratios(interleave(contenders, rounds), GOALS)


def _stitch_text(events: pd.DataFrame) -> pd.DataFrame:
    return dn.stitch(dn.normalize_events(events))


def _compare_text(events: pd.DataFrame) -> PolicyComparison:
    return compare_policies(dn.normalize_events(events))


def _one_by_one(events: pd.DataFrame) -> list[pd.DataFrame]:
    return [dn.attribute(dn.stitch(events, policy=name)).totals for name in POLICIES]


def _agree(comparison: PolicyComparison, events: pd.DataFrame) -> bool:
    wide = comparison.to_frame()
    totals = {name: dn.attribute(dn.stitch(events, policy=name)).totals for name in POLICIES}
    expected = {name: table.set_index("channel")["credit"] for name, table in totals.items()}
    return all(
        same_numbers(wide[name], credit.reindex(wide.index, fill_value=0.0)) for name, credit in expected.items()
    )


if __name__ == "__main__":
    main()
