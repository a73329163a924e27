"""PathGraph: the states that paths go through, and how often one follows another. numpy over paths, no tables.

A state is the last ``order`` channels. What a path does is found once; counting it again under other
weights is one gather and one sum.
"""

from __future__ import annotations

from dataclasses import dataclass, replace
from typing import TYPE_CHECKING, Any, Final, NamedTuple

import numpy as np
import numpy.typing as npt

from datalyr_notebook import errors
from datalyr_notebook.journeys.paths import summed

if TYPE_CHECKING:
    from datalyr_notebook.attribution.paths import PathCounts
    from datalyr_notebook.journeys.paths import Paths
    from datalyr_notebook.order import Floats, Ints

MAX_STATES: Final = 5_000
"""One dense matrix of so many states is 200 MB."""


class Flows(NamedTuple):
    """How often paths did what, in numbers of paths; one entry a state."""

    arrivals: Floats
    """Into each state from any other: as many as leave it, since every path ends outside."""
    inner: Floats
    """Shape (states, states): from the state of the row to that of the column, never to itself."""
    starts: Floats
    """From the start to each state."""
    conversions: Floats
    """From each state to the conversion."""
    value: Floats
    """What these conversions were worth together."""


@dataclass(frozen=True, kw_only=True, eq=False)
class PathGraph:
    """The steps of paths from state to state, sorted by step, so that each is a run of ``path``."""

    states: Ints
    """Shape (states, order): channel numbers, oldest first; -1 stands before those of a path too short."""
    step: Ints
    """A step a run: state * states + next state; the start is the state after the last."""
    run: Ints
    """Where in ``path`` each step's run begins."""
    path: npt.NDArray[np.integer]
    """The paths that take the step, one entry each time; as few bytes each as will do."""
    travelers: Floats | None
    """Per path: conversions + nulls, who all take its steps; None where each path has one."""
    ending: Ints
    """Paths that end in a conversion or are worth something, and …"""
    last: Ints
    """… the state that each of them ends in."""
    conversions: Floats
    """Of each ending path."""
    value: Floats
    """Of each ending path."""

    def for_many(self) -> PathGraph:
        """The same graph with its paths as indices, which counting again and again would convert each time."""
        return replace(self, path=self.path.astype(np.int64))

    def flows(self, path_weights: Floats | None = None) -> Flows:
        """The steps counted, each path so many times over; None = once."""
        count = len(self.states)
        steps = np.zeros((count + 1) * count)
        if len(self.run):
            steps[self.step] = self._walked(path_weights)
        matrix: Floats = steps.reshape(count + 1, count)
        weights = 1.0 if path_weights is None else path_weights[self.ending]
        return Flows(
            arrivals=matrix.sum(axis=0),
            inner=matrix[:-1],
            starts=matrix[-1],
            conversions=summed(self.last, self.conversions * weights, count),
            value=summed(self.last, self.value * weights, count),
        )

    def _walked(self, path_weights: Floats | None) -> npt.NDArray[Any]:
        """How often each step is walked."""
        if path_weights is None and self.travelers is None:
            return np.diff(self.run, append=len(self.path))
        if path_weights is None or self.travelers is None:
            each: Any = self.travelers if path_weights is None else path_weights
        else:
            each = self.travelers * path_weights
        # Weights as small as bytes are gathered as bytes: what a bootstrap draws is counted twice as fast.
        return np.add.reduceat(each.take(self.path), self.run, dtype=np.uint32 if each.dtype == np.uint8 else float)

    def with_channel(self, channel: int) -> Ints:
        """The states that contain the channel."""
        return np.flatnonzero((self.states == channel).any(axis=1))


def path_graph(counts: PathCounts, order: int) -> PathGraph:
    """The graph of the paths; a path without touches has no steps in it.

    The states are the ``order`` channels up to each touch, cut from the path as it is; a path shorter than
    that is one state. A state equal to the one before it is no step. With order 1 every channel of
    ``counts.channels`` is a state under its own number.

    Raises TooManyStatesError beyond 5,000 states.
    """
    visits = _visits(counts, order)
    count = len(visits.states)
    if count > MAX_STATES:
        raise errors.TooManyStatesError(order, count, MAX_STATES)
    step, path = _steps(visits)
    run = np.flatnonzero(np.append(True, step[1:] != step[:-1])[: len(step)])
    travelers = counts.conversions + counts.nulls
    worth = (counts.conversions != 0) | (counts.value != 0)
    ending = np.flatnonzero(worth & (np.diff(visits.indptr) > 0))
    return PathGraph(
        states=visits.states,
        step=step[run].astype(np.int64),
        run=run,
        path=path,
        travelers=None if (travelers == 1).all() else travelers,
        ending=ending,
        last=visits.state[visits.indptr[ending + 1] - 1],
        conversions=counts.conversions[ending],
        value=counts.value[ending],
    )


class _Visits(NamedTuple):
    """The states that each path goes through: path p owns state[indptr[p] : indptr[p + 1]]."""

    states: Ints
    state: Ints
    indptr: Ints


def _visits(counts: Paths, order: int) -> _Visits:
    order = min(order, int(counts.lengths.max(initial=1)))
    channels = len(counts.channels)
    states, state = np.arange(channels).reshape(-1, 1), counts.channel
    if order == 1:
        return _Visits(states, state, counts.indptr)
    position, lengths = counts.position, counts.lengths
    for _ in range(order - 1):
        # One channel longer: the state one touch earlier, if there is one, and this touch's channel.
        earlier = np.where(position > 0, np.roll(state, 1).astype(np.int64) + 1, 0)
        code, state = np.unique(earlier * channels + counts.channel, return_inverse=True)
        padded = np.vstack([np.full((1, states.shape[1]), -1), states])
        states = np.column_stack([padded[code // max(channels, 1)], code % max(channels, 1)])
    whole = position >= np.repeat(np.minimum(lengths, order), lengths) - 1
    used, state = np.unique(state[whole], return_inverse=True)
    visits = np.where(lengths > order, lengths - order + 1, lengths > 0)
    return _Visits(states[used], state, np.append([0], np.cumsum(visits)))


def _steps(visits: _Visits) -> tuple[npt.NDArray[np.integer], npt.NDArray[np.integer]]:
    """Every step, and the path that takes it, sorted by step."""
    count, indptr = len(visits.states), visits.indptr
    paths = np.flatnonzero(np.diff(indptr))
    none = count * (count + 1)
    state = visits.state.astype(np.min_scalar_type(none))
    before = np.roll(state, 1)
    before[indptr[paths]] = count
    step = before * state.dtype.type(count) + state
    np.copyto(step, none, where=before == state, casting="unsafe")
    del state, before  # so that the extra memory stays below that of the paths
    # Step and path as one integer are sorted in place, with half the memory of finding an order first.
    del paths
    bits = len(indptr).bit_length()
    pair = step.astype(np.min_scalar_type((none + 1) << bits))
    pair <<= bits
    pair |= np.repeat(np.arange(len(indptr) - 1, dtype=pair.dtype), np.diff(indptr))
    pair.sort()
    pair = pair[: np.searchsorted(pair, none << bits)]
    step = (pair >> bits).astype(step.dtype)
    pair &= (1 << bits) - 1
    return step, pair
