"""Intervals: how far credit would move had other people come, by a bootstrap over people.

A replicate counts every person so many times over as a Poisson(1) draw says, which is what drawing
people with replacement comes to for many people (Efron and Tibshirani 1993; Chamandy et al. 2012 for
the Poisson form). People are drawn, not touches or conversions: what one person does hangs together.
"""

from __future__ import annotations

import math
from typing import TYPE_CHECKING, Any, Final, NamedTuple

import numpy as np
import numpy.typing as npt
import pandas as pd
import pyarrow as pa
import pyarrow.compute as pc

from datalyr_notebook import errors, options, order
from datalyr_notebook.attribution.credit import Sums, share_out, weigh
from datalyr_notebook.attribution.groups import Groups, touch_groups
from datalyr_notebook.attribution.protocol import FittedModel, TotalModel
from datalyr_notebook.attribution.tables.totals import group_sums, sorted_totals
from datalyr_notebook.attribution.weighing import looks_at_all
from datalyr_notebook.hashing import one_array
from datalyr_notebook.journeys.paths import summed
from datalyr_notebook.order import Ints
from datalyr_notebook.progress import steps

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

    from datalyr_notebook.attribution.paths import PathCounts
    from datalyr_notebook.attribution.protocol import Refits, TouchModel
    from datalyr_notebook.attribution.reading import Population
    from datalyr_notebook.attribution.result import Attribution
    from datalyr_notebook.order import Floats

    Refit = Callable[[npt.NDArray[Any]], Sums]

Counts = npt.NDArray[np.uint8]

_STEP: Final = "intervals"
_DRAWING: Final = "drawing people"
_BLOCK: Final = 2_000_000
"""Numbers of a dense block: persons by sums, or replicates by persons."""
_FEW: Final = 32
"""A table of persons by sums with more cells than this for each entry is mostly nothing, and is not made."""


class Replicates(NamedTuple):
    """What each group earned in each replicate; shape (n, groups + 1), unattributed last."""

    conversions: Floats
    credit: Floats


class Entries(NamedTuple):
    """Numbers of persons that add up by column."""

    person: Ints
    column: Ints
    value: Floats


class People(NamedTuple):
    """Everybody who is drawn: the persons who convert first, each part by person_id."""

    of_journey: Ints
    """Per journey its person's place."""
    of_path: Ints
    """Per path of the population; empty where no model looks at everybody."""
    persons: int
    """Persons who convert, and where a model looks at everybody all others with a path."""


def intervals_table(
    result: Attribution, names: tuple[str, ...], *, n: int, level: float, seed: int, links: None
) -> pd.DataFrame:
    """The totals with the interval of each number; see ``Attribution.intervals``."""
    check_options(n, level, seed, links)
    groups = touch_groups(result, names)
    replicates = replicate(result, groups, n=n, seed=seed)
    columns = {}
    for model, sums in group_sums(result, groups).items():
        drawn = replicates[model]
        low, high = bounds(drawn.credit, level)
        fewest, most = bounds(drawn.conversions, level)
        share = shares(sums.credit[None])[0]
        least, greatest = bounds(shares(drawn.credit), level)
        columns[model] = {
            "conversions": sums.conversions,
            "credit": sums.credit,
            "low": low,
            "high": high,
            "conversions_low": fewest,
            "conversions_high": most,
            "share": share,
            "share_low": least,
            "share_high": greatest,
            "level": np.full(len(low), level),
        }
    return sorted_totals(groups, columns)


def shares(amounts: Floats) -> Floats:
    """Each row's amounts as shares of the row; NaN where that is nothing."""
    whole = amounts.sum(axis=1, keepdims=True)
    of_whole: Floats = np.divide(amounts, whole, out=np.full(amounts.shape, np.nan), where=whole > 0)
    return of_whole


def bounds(drawn: Floats, level: float) -> tuple[Floats, Floats]:
    """Low and high of each column over the draws, a row each; NaN where no draw has a number.

    A draw in which nothing was earned has no shares: its whole row is NaN, and is passed by.
    """
    known = drawn[np.isfinite(drawn).all(axis=1)]
    if not len(known):
        nothing = np.full(drawn.shape[1], np.nan)
        return nothing, nothing
    tail = (1 - level) / 2
    low, high = np.quantile(known, [tail, 1 - tail], axis=0)
    return low, high


def check_options(n: int, level: float, seed: int, links: None) -> None:
    """Refuse what is no bootstrap. Raises OptionError."""
    if options.count(_STEP, "n", n) < 2:
        raise errors.OptionError(_STEP, "n", n, "at least 2 replicates; 500 is usual")
    if isinstance(level, bool) or not isinstance(level, float | int) or not 0 < level < 1:
        raise errors.OptionError(_STEP, "level", level, "a share between 0 and 1, such as 0.95")
    if isinstance(seed, bool) or not isinstance(seed, int | np.integer) or seed < 0:
        raise errors.OptionError(_STEP, "seed", seed, "a whole number of at least 0")
    if links is not None:
        raise errors.OptionError(_STEP, "links", links, "None: links are taken as they are")


def replicate(result: Attribution, groups: Groups, *, n: int, seed: int) -> dict[str, Replicates]:
    """Conversions and credit of each model and group in n draws of people; all models see the same draws."""
    everybody = result.population(groups) if looks_at_all(result.models) else None
    people = find_people(result, everybody)
    return {
        name: _of_everybody(result, model, groups, everybody, people, n, seed)
        if everybody is not None and isinstance(model, TotalModel | FittedModel)
        else _of_persons(result, result.weights[name], groups, people, n, seed)
        for name, model in result.models.items()
    }


def find_people(result: Attribution, everybody: Population | None) -> People:
    """Who is drawn. The order of rows does not matter: persons stand by their person_id."""
    names = result.stitched["person_id"].cat.categories
    converts = order.codes(result.stitched, "person_id")[result.conversion_rows.row].astype(np.int64)
    place = np.full(len(names), -1, dtype=np.int64)
    count = _placed(place, names, converts, 0)
    if everybody is None:
        return People(place[converts], np.zeros(0, dtype=np.int64), count)
    count = _placed(place, names, everybody.person, count)
    return People(place[converts], place[everybody.person], count)


def draws(count: int, *, n: int, seed: int) -> Iterator[Counts]:
    """Draw n times how often each of so many people counts: Poisson(1), to 1 / 65,536.

    A replicate's first numbers do not depend on how many follow.
    """
    for number in range(n):
        source = np.random.PCG64((seed, number))
        # Four draws of 16 bits in each 64: a third of the time of asking for 16 at once.
        yield _POISSON.take(source.random_raw(-(-count // 4)).view(np.uint16)[:count])


def _poisson_table() -> Counts:
    """The inverse of the Poisson(1) distribution at 65,536 equal steps."""
    below = np.cumsum([math.exp(-1) / math.factorial(count) for count in range(20)])
    return np.searchsorted(below, (np.arange(2**16) + 0.5) / 2**16).astype(np.uint8)


_POISSON: Final = _poisson_table()


def _placed(place: Ints, names: pd.Index, persons: Ints, count: int) -> int:
    """Number those of the persons who have no place yet, by name; how many have one then."""
    fresh = np.zeros(len(names), dtype=bool)
    fresh[persons] = True
    fresh = np.flatnonzero(fresh & (place < 0))
    inorder = pc.array_sort_indices(one_array(pa.array(names[fresh]))).to_numpy()
    place[fresh[inorder]] = count + np.arange(len(fresh))
    return count + len(fresh)


def replicated_sums(entries: Entries, *, columns: int, persons: int, n: int, seed: int) -> Floats:
    """Shape (n, columns): each column's sum in each draw, an entry counting as often as its person does.

    Only the first ``persons`` places of a draw are looked at: whoever else is drawn does not matter.
    """
    source, block = draws(persons, n=n, seed=seed), max(_BLOCK // max(persons, 1), 1)
    if persons * columns > _FEW * len(entries.value):
        return _sparse_sums(entries, columns, persons, source, n)
    sums = np.zeros((n, columns))
    dense = list(_dense_blocks(entries, columns, persons))
    with steps(_DRAWING, -(-n // block)) as step:
        for start in range(0, n, block):
            step()
            count = min(block, n - start)
            drawn = np.array([next(source) for _ in range(count)], dtype=np.uint8).reshape(count, persons)
            for first, values in dense:
                sums[start : start + count] += drawn[:, first : first + len(values)].astype(np.float64) @ values
    return sums


def _sparse_sums(entries: Entries, columns: int, persons: int, source: Iterator[Counts], n: int) -> Floats:
    """The same without a table of persons by sums, which for thousands of groups would be gigabytes."""
    at = entries.person < persons
    key, place = np.unique(entries.person[at] * columns + entries.column[at], return_inverse=True)
    person, column, value = key // columns, key % columns, summed(place, entries.value[at], len(key))
    sums = np.zeros((n, columns))
    with steps(_DRAWING, n) as step:
        for number, drawn in enumerate(source):
            step()
            sums[number] = np.bincount(column, value * drawn[person], minlength=columns)
    return sums


def _dense_blocks(entries: Entries, columns: int, persons: int) -> Iterator[tuple[int, Floats]]:
    """The first person of each block, and what stands in each column for each of its persons."""
    block = max(_BLOCK // max(columns, 1), 1)
    for first in range(0, persons, block):
        rows = min(block, persons - first)
        at = (entries.person >= first) & (entries.person < first + rows)
        key = (entries.person[at] - first) * columns + entries.column[at]
        yield first, summed(key, entries.value[at], rows * columns).reshape(rows, columns)


def _of_persons(result: Attribution, weights: Floats, groups: Groups, people: People, n: int, seed: int) -> Replicates:
    """A touch model: each person's sums, counted so many times over as the draw says."""
    journeys, width = result.journeys, len(groups.labels) + 1
    places, alone = np.flatnonzero(weights > 0), np.flatnonzero(journeys.lengths == 0)
    journey = np.append(journeys.journey[places], alone)
    share = np.append(weights[places], np.ones(len(alone)))
    group = np.append(groups.number[journeys.touch[places]], np.full(len(alone), width - 1))
    entries = Entries(
        person=np.tile(people.of_journey[journey], 2),
        column=np.append(group, width + group),
        value=np.append(share, share * journeys.value[journey]),
    )
    persons = int(people.of_journey.max(initial=-1)) + 1
    sums = replicated_sums(entries, columns=2 * width, persons=persons, n=n, seed=seed)
    return Replicates(sums[:, :width], sums[:, width:])


def _of_everybody(
    result: Attribution,
    model: TotalModel | FittedModel,
    groups: Groups,
    everybody: Population,
    people: People,
    n: int,
    seed: int,
) -> Replicates:
    """A model that looks at everybody: fitted again in every replicate."""
    journeys, width = result.journeys, len(groups.labels) + 1
    refit = _refit(result, model, groups, everybody.counts)
    alone = journeys.lengths == 0
    of_alone, value_alone = people.of_journey[alone], journeys.value[alone]
    conversions, credit = np.zeros((n, width)), np.zeros((n, width))
    with steps(_DRAWING, n) as step:
        for number, drawn in enumerate(draws(people.persons, n=n, seed=seed)):
            step()
            conversions[number, :-1], credit[number, :-1] = refit(drawn[people.of_path])
            conversions[number, -1] = drawn[of_alone].sum()
            credit[number, -1] = drawn[of_alone] @ value_alone
    return Replicates(conversions, credit)


def _refit(result: Attribution, model: TotalModel | FittedModel, groups: Groups, counts: PathCounts) -> Refit:
    """Path weights → what each group earns."""
    if isinstance(model, TotalModel):
        totals = refits(model, counts)

        def of_totals(weights: Floats) -> Sums:
            earned = totals(weights)
            return Sums(earned.conversions, earned.credit)

        return of_totals
    journeys = result.journeys
    group, fitted = groups.number[journeys.touch], _fits(result, model)

    def of_journeys(weights: Floats) -> Sums:
        # The population's first paths are the journeys.
        drawn, shares = weights[: len(journeys.lengths)], weigh(journeys, fitted(weights))
        value = journeys.value * drawn
        return share_out(journeys, shares, group, len(groups.labels), conversions=drawn, value=value)

    return of_journeys


def refits(model: TotalModel, counts: PathCounts) -> Refits:
    """Path weights → totals: the model's own way, where it has one that does not start anew."""
    own: Refits | None = getattr(model, "refits", lambda _: None)(counts)
    return own or (lambda weights: model.totals(counts.weighted(weights)))


def _fits(result: Attribution, model: FittedModel) -> Callable[[npt.NDArray[Any]], TouchModel]:
    """Path weights → the model that knows the channels' paths so weighted."""
    counts = result.population(touch_groups(result, ("channel",))).counts
    own: Callable[[npt.NDArray[Any]], TouchModel] | None = getattr(model, "refits", lambda _: None)(counts)
    return own or (lambda weights: model.fit(counts.weighted(weights)))
