"""Seven models from a table of touches against two attribution packages and SQL; 500 refits of Markov.

Each contender is given the same table, one row a touch in order of time, and answers conversions and
value by channel: five rules (first, last, linear, position, time decay), Markov of order 1, Shapley.
ChannelAttribution has three of the rules and no Shapley. It reads paths as text, and making them is
part of its time; what it takes with them made as fast as we can is printed beside it.
"""

from __future__ import annotations

from functools import partial
from typing import Final

import numpy as np
import pandas as pd

from benchmarks import model_peers as peers
from benchmarks.make_touches import describe, make_touches
from benchmarks.measure import (
    Goal,
    Timings,
    interleave,
    medians,
    peak_extra,
    print_check,
    print_memory,
    print_ratios,
    read_arguments,
    same_numbers,
)
from datalyr_notebook.attribution.allocation import PathModel
from datalyr_notebook.attribution.markov import Markov
from datalyr_notebook.attribution.paths import PathCounts
from datalyr_notebook.attribution.rules import FirstTouch, LastTouch
from datalyr_notebook.attribution.shapley import Shapley
from datalyr_notebook.attribution.shares import Linear, PositionBased, TimeDecay
from datalyr_notebook.attribution.uncertainty import draws

RULES: Final[dict[str, PathModel]] = {
    "first_touch": FirstTouch(),
    "last_touch": LastTouch(),
    "linear": Linear(),
    "position_based": PositionBased(),
    "time_decay": TimeDecay(),
}
MODELS: Final[dict[str, PathModel]] = {**RULES, "markov": Markov(order=1), "shapley": Shapley()}

TIMES_FASTER: Final = {peers.MAM: (8, 15), peers.CHANNEL_ATTRIBUTION: (12, 25), "SQL": (2, 2)}
"""Peer → how many times faster we are to be, and try to be."""

REPLICATES: Final = 500
REPLICATES_S: Final = 10
"""What all replicates together may take."""
REPLICATES_FITS: Final = 60
"""The same in fits of the model."""

_FAST_STRINGS: Final = f"{peers.CHANNEL_ATTRIBUTION}, fast strings"
_FIT: Final = "one Markov fit"
_REPLICATED: Final = f"{REPLICATES} replicates"


def main() -> None:
    """Measure and print what came out."""
    size, rounds = read_arguments("models", events=1_000_000, rounds=5)
    touches = make_touches(size)
    print(describe(touches))
    missing = [peer for peer in (peers.MAM, peers.CHANNEL_ATTRIBUTION) if not peers.installed(peer)]
    if missing:
        print(f"without {' and '.join(missing)}; to have them: {peers.INSTALL}")
    print()
    contenders = {"ours": partial(our_models, touches), "ours, rules": partial(our_rules, touches)}
    contenders["SQL"] = partial(peers.sql, touches, RULES)
    goals = [Goal("ours, rules", "SQL", 1 / TIMES_FASTER["SQL"][0])]
    if peers.MAM not in missing:
        contenders[peers.MAM] = partial(peers.mam, touches)
        goals.append(Goal("ours", peers.MAM, 1 / TIMES_FASTER[peers.MAM][0]))
    if peers.CHANNEL_ATTRIBUTION not in missing:
        for name, join in (
            (peers.CHANNEL_ATTRIBUTION, peers.joined_by_pandas),
            (_FAST_STRINGS, peers.joined_by_slices),
        ):
            contenders[name] = partial(peers.channel_attribution, touches, join)
        goals.append(Goal("ours", peers.CHANNEL_ATTRIBUTION, 1 / TIMES_FASTER[peers.CHANNEL_ATTRIBUTION][0]))
    ours = our_models(touches)
    for peer in (name for name in contenders if name in TIMES_FASTER):
        theirs = contenders[peer]()
        common = [name for name in RULES if name in theirs]
        same = all(agree(ours[name], theirs[name]) for name in common)
        print_check(f"{peer} gives the same totals under {', '.join(common)}", holds=same)
    counts = PathCounts.from_touches(touches)
    contenders[_FIT] = partial(Markov().totals, counts)
    contenders[_REPLICATED] = partial(replicate, counts)
    goals.append(Goal(_REPLICATED, _FIT, REPLICATES_FITS))
    timings = interleave(contenders, rounds)
    print()
    print_ratios(timings, goals)
    print()
    print_times_faster(timings, goals)
    seconds = medians(timings[_REPLICATED]).seconds
    print_check(f"{_REPLICATED} take at most {REPLICATES_S} s ({seconds:.1f} s)", holds=seconds <= REPLICATES_S)
    del counts, contenders
    print_memory("all seven models, touches in order of time", peak_extra(make_touches, our_models, size))
    print_memory("all seven models, touches journey by journey", peak_extra(by_journey, our_models, size))


def by_journey(touches: int) -> pd.DataFrame:
    """The same touches in the order of another kind of export."""
    return make_touches(touches).sort_values(["journey", "timestamp"], ignore_index=True)


def our_models(touches: pd.DataFrame) -> peers.Tables:
    """Ours: all seven models."""
    counts = PathCounts.from_touches(touches)
    return {name: model.allocate(counts) for name, model in MODELS.items()}


def our_rules(touches: pd.DataFrame) -> peers.Tables:
    """Ours: the five rules, which need no journey that did not convert."""
    counts = PathCounts.from_touches(touches, null_paths=False)
    return {name: model.allocate(counts) for name, model in RULES.items()}


def replicate(counts: PathCounts) -> list[tuple[float, float]]:
    """A bootstrap of Markov over journeys, each counted Poisson(1) times: the 95 % interval of each channel."""
    refit = Markov().refits(counts)
    conversions = [refit(weights).conversions for weights in draws(len(counts), n=REPLICATES, seed=0)]
    low, high = np.quantile(conversions, (0.025, 0.975), axis=0)
    return list(zip(low.tolist(), high.tolist(), strict=True))


def agree(ours: pd.DataFrame, theirs: pd.DataFrame) -> bool:
    """Equal conversions and credit, to 1e-6, in every channel."""
    one, other = (table.astype({"channel": object}).set_index("channel").sort_index() for table in (ours, theirs))
    return list(one.index) == list(other.index) and all(
        same_numbers(one[name], other[name]) for name in ("conversions", "credit")
    )


def print_times_faster(timings: Timings, goals: list[Goal]) -> None:
    """The same ratios the other way round, with what we try for, and without the price of slow path strings."""
    for goal in (one for one in goals if one.peer in TIMES_FASTER):
        own = medians(timings[goal.contender]).seconds
        least, best = TIMES_FASTER[goal.peer]
        times = medians(timings[goal.peer]).seconds / own
        print(f"{goal.peer} / {goal.contender}  {times:.1f} (at least {least}, try for {best})")
        if goal.peer == peers.CHANNEL_ATTRIBUTION:
            fast = medians(timings[_FAST_STRINGS]).seconds / own
            print(f"{_FAST_STRINGS} / {goal.contender}  {fast:.1f} (for information: its path strings made faster)")


if __name__ == "__main__":
    main()
