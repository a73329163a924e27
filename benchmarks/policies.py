"""Each stitch policy against ``next``, from the same normalized events."""

from __future__ import annotations

from collections.abc import Callable
from functools import partial
from typing import Final

import datalyr_notebook as dn
from benchmarks.make_events import describe, make_events
from benchmarks.measure import Goal, interleave, print_check, print_ratios, read_arguments
from datalyr_notebook.identity.policies import POLICIES

PEER: Final = "next"
AT_MOST, GRAPH_AT_MOST = 1.5, 2.0

GOALS: Final = tuple(
    Goal(name, PEER, GRAPH_AT_MOST if policy.is_graph else AT_MOST) for name, policy in POLICIES.items() if name != PEER
)


def main() -> None:
    """Measure and print what came out."""
    size, rounds = read_arguments("policies", events=5_000_000, rounds=7)
    events = make_events(size)
    print(f"{describe(events)}\n")
    normalized = dn.normalize_events(events)
    del events
    known = normalized["user_id"].notna()
    kept = all(
        bool((dn.stitch(normalized, policy=name).loc[known, "person_via"] == "own").all())
        for name, policy in POLICIES.items()
        if not (policy.takes_own or policy.is_graph)
    )
    print_check("an event's own user_id wins under every policy but last and graph", holds=kept)
    print()
    contenders: dict[str, Callable[[], object]] = {
        name: partial(dn.stitch, normalized, policy=name) for name in POLICIES
    }
    print_ratios(interleave(contenders, rounds), GOALS)


if __name__ == "__main__":
    main()
