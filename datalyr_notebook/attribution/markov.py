"""Markov models: a channel earns by what would be lost without it (its removal effect), exactly. numpy, no tables.

After Anderl, Becker, von Wangenheim and Schumann, "Mapping the customer journey: Lessons learned from
graph-based online attribution modeling", International Journal of Research in Marketing 33 (2016).
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import TYPE_CHECKING, NamedTuple

import numpy as np

from datalyr_notebook import errors
from datalyr_notebook.attribution.allocation import PathModel
from datalyr_notebook.attribution.path_graph import Flows, PathGraph, path_graph
from datalyr_notebook.attribution.protocol import ChannelTotals, Refits
from datalyr_notebook.attribution.shares import normalized

if TYPE_CHECKING:
    from datalyr_notebook.attribution.paths import PathCounts
    from datalyr_notebook.journeys.paths import Paths
    from datalyr_notebook.order import Floats, Ints


class Transitions(NamedTuple):
    """The chain that paths make, as probabilities."""

    states: tuple[tuple[int, ...], ...]
    """The channel numbers of each state between the start and the two ends, oldest first."""
    probabilities: Floats
    """Shape (states + 3, states + 3), rows sum to 1: the start, the states, the conversion, the null."""


@dataclass(frozen=True)
class Markov(PathModel):
    """What of all conversions would be lost without a channel, shared out in that proportion: a total model.

    A path is a walk: start, its channels, conversion or null. ``order`` channels in a row are one state (a
    path shorter than that is one state), and a state equal to the one before it is no step. The removal
    effect of a channel is the share of conversions lost when every state that contains it leads to null; the
    value's is the same with each conversion weighted by the mean value of the state it follows. Both are
    solved exactly: no simulation, no seed, and the same input gives the same output to the last bit.

    Paths without a touch are not in the chain. Where some state's conversions are worth less than 0 together, or
    all are worth nothing, value is shared by the effects on conversions. A channel that a walk cannot avoid has
    effect 1, and one from which no conversion is reached has 0. Raises TooManyStatesError beyond 5,000 states.

    >>> from datalyr_notebook.attribution.paths import PathCounts
    >>> counts = PathCounts.from_strings(["Email > Direct", "Email", "Direct"], conversions=[1, 0, 3], nulls=[0, 1, 0])
    >>> Markov().allocate(counts)[["channel", "conversions", "removal_effect"]].values.tolist()
    [['Direct', 3.2, 1.0], ['Email', 0.8, 0.25]]
    """

    order: int = 1

    def __post_init__(self) -> None:
        """Refuse an order that is none."""
        _check_order(self)

    def totals(self, counts: PathCounts) -> ChannelTotals:
        """Conversions and credit a channel; facts: ``removal_effect``, of conversions, in [0, 1]."""
        return _totals(_effects(path_graph(counts, self.order), counts)(None))

    def refits(self, counts: PathCounts) -> Refits:
        """Path weights → the totals of ``counts.weighted(path_weights)``, from one reading of the paths."""
        effects_of = _effects(path_graph(counts, self.order).for_many(), counts)
        return lambda path_weights: _totals(effects_of(path_weights))

    def transitions(self, counts: PathCounts) -> Transitions:
        """The probabilities of the chain's steps. States that no path with conversions or nulls visits are left out.

        Without any path the start leads to null. Raises TooManyStatesError.
        """
        graph = path_graph(counts, self.order)
        flows = graph.flows()
        kept = np.flatnonzero(flows.arrivals > 0)
        arrivals, inner = flows.arrivals[kept], flows.inner[np.ix_(kept, kept)]
        nulls = np.maximum(arrivals - inner.sum(axis=1) - flows.conversions[kept], 0.0)
        start, end = np.append(flows.starts[kept], [0.0, 0.0]), np.eye(2, len(kept) + 2, len(kept))
        if not len(kept):
            start[-1] = 1.0
        steps = np.vstack([start, np.column_stack([inner, flows.conversions[kept], nulls]), end])
        probabilities = np.column_stack([np.zeros(len(steps)), steps / steps.sum(axis=1, keepdims=True)])
        states = tuple(tuple(int(one) for one in state if one >= 0) for state in graph.states[kept])
        return Transitions(states, probabilities)


@dataclass(frozen=True)
class MarkovJourney(PathModel):
    """Within a journey each touch gets a share in proportion to its channel's removal effect.

    The effects are those of ``Markov(order)`` on all paths, converting or not. It is another model than
    ``Markov``: that one shares all conversions out at once, this one each by itself, among the channels that
    took part in it. Touches of a journey whose channels all have effect 0 share alike.

    >>> from datalyr_notebook.attribution.paths import PathCounts
    >>> counts = PathCounts.from_strings(["Email > Direct", "Email", "Direct"], conversions=[1, 0, 3], nulls=[0, 1, 0])
    >>> MarkovJourney().allocate(counts)[["channel", "conversions"]].values.tolist()
    [['Direct', 3.8], ['Email', 0.2]]
    """

    order: int = 1

    def __post_init__(self) -> None:
        """Refuse an order that is none."""
        _check_order(self)

    def fit(self, counts: PathCounts) -> RemovalEffects:
        """The model that knows the removal effects on these paths. Raises TooManyStatesError."""
        return _named(counts, _effects(path_graph(counts, self.order), counts)(None))

    def refits(self, counts: PathCounts) -> Callable[[Floats], RemovalEffects]:
        """Path weights → ``fit(counts.weighted(path_weights))``, from one reading of the paths."""
        effects_of = _effects(path_graph(counts, self.order).for_many(), counts)
        return lambda path_weights: _named(counts, effects_of(path_weights))


@dataclass(frozen=True)
class RemovalEffects(PathModel):
    """A fitted ``MarkovJourney``: touches share in proportion to the removal effect of their channel's name."""

    of: Mapping[str, float]
    """Channel → removal effect; a channel that is not there has 0."""

    def weights(self, journeys: Paths) -> Floats:
        """The effects, normalized in each journey; equal shares where all are 0."""
        effects = np.array([self.of.get(name, 0.0) for name in journeys.channels], dtype=np.float64)
        return normalized(journeys, effects[journeys.channel])


def _check_order(model: Markov | MarkovJourney) -> None:
    if not isinstance(model.order, int) or isinstance(model.order, bool) or model.order < 1:
        raise errors.OptionError(type(model).__name__, "order", model.order, "a whole number from 1 on")


class _Effects(NamedTuple):
    """Removal effects a channel, and what there is to share out."""

    conversions: Floats
    value: Floats
    total_conversions: float
    total_value: float


def _effects(graph: PathGraph, counts: PathCounts) -> Callable[[Floats | None], _Effects]:
    """Path weights (None = every path once) → removal effects; what does not depend on weights is done here, once."""
    is_single = graph.states.shape[1] == 1
    removed = None if is_single else [graph.with_channel(one) for one in range(len(counts.channels))]

    def effects(path_weights: Floats | None) -> _Effects:
        flows = graph.flows(path_weights)
        conversions, value = float(flows.conversions.sum()), float(flows.value.sum())
        lost = _lost(flows, removed)
        of_conversions = _share_lost(lost[:, 0], conversions)
        is_chain = bool((flows.value >= 0).all() and (lost[:, 1] > 0).any())
        return _Effects(
            of_conversions, _share_lost(lost[:, 1], value) if is_chain else of_conversions, conversions, value
        )

    return effects


def _totals(effects: _Effects) -> ChannelTotals:
    return ChannelTotals(
        _shared(effects.total_conversions, effects.conversions),
        _shared(effects.total_value, effects.value),
        {"removal_effect": effects.conversions},
    )


def _named(counts: PathCounts, effects: _Effects) -> RemovalEffects:
    return RemovalEffects(dict(zip(counts.channels, effects.conversions.tolist(), strict=True)))


def _lost(flows: Flows, removed: list[Ints] | None) -> Floats:
    """Conversions and value lost by making a channel's states lead to null: shape (channels, 2).

    With N = (I - Q)⁻¹ of the steps' probabilities Q and x = N r (r: the conversions, or the value, of one visit),
    a walk from the start is lost if it enters the removed set S, and of visits to S only the first counts:
    lost = v_S · (N_SS)⁻¹ x_S, where v are all visits from the start. These need no solving: every path
    leaves each state that it enters, so v is what arrives. For one state the formula is v_i x_i / N_ii.

    States that nobody visits stand alone with N_ii = 1, and nothing is singular: from every other state some
    path leads out.
    """
    visits = np.where(flows.arrivals > 0, flows.arrivals, 1.0)[:, np.newaxis]
    remaining = flows.inner / -visits
    remaining.flat[:: len(visits) + 1] += 1.0
    through = np.linalg.inv(remaining)
    reached = through @ (np.column_stack([flows.conversions, flows.value]) / visits)
    if removed is None:
        return flows.arrivals[:, np.newaxis] * reached / through.diagonal()[:, np.newaxis]
    lost = [flows.arrivals[one] @ np.linalg.solve(through[np.ix_(one, one)], reached[one]) for one in removed]
    return np.array(lost).reshape(len(removed), 2)


def _share_lost(lost: Floats, total: float) -> Floats:
    return np.clip(lost / total, 0.0, 1.0) if total > 0 else np.zeros(len(lost))


def _shared(total: float, effects: Floats) -> Floats:
    """The total in proportion to the effects.

    They are all 0 only where there are no conversions: a walk that converts has been in some channel.
    """
    return effects * (total / (effects.sum() or 1.0))
