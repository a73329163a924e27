"""What a model is: the shapes that attribution, comparison and intervals rely on.

A touch model shares each conversion out among its touches. A total model says what each channel
earned of all conversions together, and nothing of a single one. A model that needs the whole
population before it can share anything out is fitted first.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Any, NamedTuple, Protocol, TypeAlias, runtime_checkable

import numpy.typing as npt

from datalyr_notebook.attribution.paths import PathCounts
from datalyr_notebook.order import Floats


@runtime_checkable
class TouchModel(Protocol):
    """Shares each conversion out among its touches."""

    def weights(self, journeys: Any) -> Floats:  # noqa: ANN401  (Journeys, or PathCounts where order is enough)
        """Weights ≥ 0, one a place of the journeys, that sum to 1 within each journey."""
        ...


@runtime_checkable
class FittedModel(Protocol):
    """A touch model that first looks at all paths, also those of people who did not convert."""

    def fit(self, counts: PathCounts) -> TouchModel:
        """The model that knows these paths."""
        ...


class ChannelTotals(NamedTuple):
    """What each channel of the counts earned, in the order of ``counts.channels``."""

    conversions: Floats
    credit: Floats
    facts: Mapping[str, Floats]
    """Further columns of ``allocate``, such as ``removal_effect``."""


@runtime_checkable
class TotalModel(Protocol):
    """Says what channels earned in total; conversions without a touch are nobody's."""

    def totals(self, counts: PathCounts) -> ChannelTotals:
        """Conversions and credit a channel."""
        ...


Model: TypeAlias = TouchModel | FittedModel | TotalModel

Refits: TypeAlias = Callable[[npt.NDArray[Any]], ChannelTotals]
"""Path weights (whole or broken numbers) → totals: what ``refits(counts)`` of a total model answers, for the
bootstrap. All that does not depend on the weights is done once."""
