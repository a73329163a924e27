"""Rule models: one touch takes all, or all touches share alike. numpy over journeys, no tables.

Where a rule names one touch, the touch is a place found per journey; ``-1`` stands for "no such
touch", and the rule's next choice is asked.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np
import numpy.typing as npt

if TYPE_CHECKING:
    from datalyr_notebook.journeys.windows import Journeys

Weights = npt.NDArray[np.float64]
Places = npt.NDArray[np.int64]


@dataclass(frozen=True)
class FirstTouch:
    """The first touch takes all. Datalyr's First-Touch."""

    def weights(self, journeys: Journeys) -> Weights:
        """1 on the first touch of each journey, 0 elsewhere."""
        return _all_to(journeys, _first(journeys, _every(journeys)))


@dataclass(frozen=True)
class LastTouch:
    """The last touch before the conversion takes all, direct included. Datalyr's Last-Touch."""

    def weights(self, journeys: Journeys) -> Weights:
        """1 on the last touch of each journey, 0 elsewhere."""
        return _all_to(journeys, _last(journeys, _every(journeys)))


@dataclass(frozen=True)
class LastNonDirect:
    """The last touch whose channel is not direct takes all; the last touch where all are direct."""

    def weights(self, journeys: Journeys) -> Weights:
        """1 on that touch of each journey, 0 elsewhere."""
        return _all_to(journeys, _last(journeys, ~journeys.is_direct), _last(journeys, _every(journeys)))


@dataclass(frozen=True)
class Hybrid:
    """Datalyr's default: the session's click, else the first click, else the first non-direct touch.

    A touch with a click id in the conversion's own session (the last such); else the first click in
    the lookback; else the first touch that is not direct; else the last touch. After Datalyr's page
    "How attribution works": session first, then first click.
    """

    def weights(self, journeys: Journeys) -> Weights:
        """1 on that touch of each journey, 0 elsewhere."""
        return _all_to(
            journeys,
            _last(journeys, journeys.is_click & journeys.same_session),
            _first(journeys, journeys.is_click),
            _first(journeys, ~journeys.is_direct),
            _last(journeys, _every(journeys)),
        )


@dataclass(frozen=True)
class Linear:
    """Every touch of the journey gets the same share: 1 / n."""

    def weights(self, journeys: Journeys) -> Weights:
        """1 / (number of touches) at each place."""
        lengths = journeys.lengths
        return np.repeat(1.0 / np.maximum(lengths, 1), lengths)


def _every(journeys: Journeys) -> npt.NDArray[np.bool_]:
    return np.ones(len(journeys.touch), dtype=bool)


def _first(journeys: Journeys, flags: npt.NDArray[np.bool_]) -> Places:
    """Per journey the first place with the flag, -1 where there is none."""
    ahead = np.append(np.flatnonzero(flags), [len(flags)])
    place = ahead[np.searchsorted(ahead[:-1], journeys.indptr[:-1], side="left")]
    return np.where(place < journeys.indptr[1:], place, -1)


def _last(journeys: Journeys, flags: npt.NDArray[np.bool_]) -> Places:
    """Per journey the last place with the flag, -1 where there is none."""
    behind = np.append([-1], np.flatnonzero(flags))
    place = behind[np.searchsorted(behind[1:], journeys.indptr[1:], side="left")]
    return np.where(place >= journeys.indptr[:-1], place, -1)


def _all_to(journeys: Journeys, *choices: Places) -> Weights:
    """All weight on the first choice that a journey has; a journey without touches has none."""
    chosen = np.full(len(journeys.indptr) - 1, -1, dtype=np.int64)
    for places in choices:
        chosen = np.where(chosen < 0, places, chosen)
    weights = np.zeros(len(journeys.touch))
    weights[chosen[chosen >= 0]] = 1.0
    return weights
