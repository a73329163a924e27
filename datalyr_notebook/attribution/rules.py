"""Rule models: one touch takes all. numpy over journeys, no tables.

The touch that a rule names is a place found per journey; ``-1`` stands for "no such touch", and the
rule's next choice is asked.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, ClassVar

import numpy as np
import numpy.typing as npt

from datalyr_notebook.attribution.allocation import PathModel

if TYPE_CHECKING:
    from datalyr_notebook.journeys.paths import Floats, Paths
    from datalyr_notebook.journeys.windows import Journeys

Places = npt.NDArray[np.int64]


@dataclass(frozen=True)
class FirstTouch(PathModel):
    """The first touch takes all. Datalyr's First-Touch.

    >>> from datalyr_notebook.attribution.paths import PathCounts
    >>> FirstTouch().allocate(PathCounts.from_strings(["Email > Direct"], value=[10.0])).values.tolist()
    [['Email', 1.0, 10.0], ['Direct', 0.0, 0.0]]
    """

    def weights(self, journeys: Paths) -> Floats:
        """1 on the first touch of each journey, 0 elsewhere."""
        return all_to(journeys, first(journeys, every(journeys)))


@dataclass(frozen=True)
class LastTouch(PathModel):
    """The last touch before the conversion takes all, direct included. Datalyr's Last-Touch."""

    def weights(self, journeys: Paths) -> Floats:
        """1 on the last touch of each journey, 0 elsewhere."""
        return all_to(journeys, last(journeys, every(journeys)))


@dataclass(frozen=True)
class LastNonDirect(PathModel):
    """The last touch whose channel is not direct takes all; the last touch where all are direct."""

    def weights(self, journeys: Paths) -> Floats:
        """1 on that touch of each journey, 0 elsewhere."""
        return all_to(journeys, last(journeys, ~journeys.is_direct), last(journeys, every(journeys)))


@dataclass(frozen=True)
class LastClick(PathModel):
    """The last touch with a click id takes all; the last that is not direct where none has one.

    After Datalyr's page "Data discrepancies", which calls its own reports last-click.
    """

    needs: ClassVar = ("is_click",)

    def weights(self, journeys: Journeys) -> Floats:
        """1 on that touch of each journey, 0 elsewhere."""
        return all_to(
            journeys,
            last(journeys, journeys.is_click),
            last(journeys, ~journeys.is_direct),
            last(journeys, every(journeys)),
        )


@dataclass(frozen=True)
class SessionTouch(PathModel):
    """The last touch of the conversion's own session takes all; the last touch where it has none.

    Datalyr's Session-Based (Current Touch).
    """

    needs: ClassVar = ("same_session",)

    def weights(self, journeys: Journeys) -> Floats:
        """1 on that touch of each journey, 0 elsewhere."""
        return all_to(journeys, last(journeys, journeys.same_session), last(journeys, every(journeys)))


@dataclass(frozen=True)
class Hybrid(PathModel):
    """Datalyr's default: the session's click, else the first click, else the first non-direct touch.

    A touch with a click id in the conversion's own session (the last such); else the first click in
    the lookback; else the first touch that is not direct; else the last touch. After Datalyr's page
    "How attribution works": session first, then first click.
    """

    needs: ClassVar = ("is_click", "same_session")

    def weights(self, journeys: Journeys) -> Floats:
        """1 on that touch of each journey, 0 elsewhere."""
        return all_to(
            journeys,
            last(journeys, journeys.is_click & journeys.same_session),
            first(journeys, journeys.is_click),
            first(journeys, ~journeys.is_direct),
            last(journeys, every(journeys)),
        )


def every(journeys: Paths) -> npt.NDArray[np.bool_]:
    """Every place has the flag."""
    return np.ones(len(journeys.channel), dtype=bool)


def first(journeys: Paths, flags: npt.NDArray[np.bool_]) -> Places:
    """Per journey the first place with the flag, -1 where there is none."""
    ahead = np.append(np.flatnonzero(flags), [len(flags)])
    place = ahead[np.searchsorted(ahead[:-1], journeys.indptr[:-1], side="left")]
    return np.where(place < journeys.indptr[1:], place, -1)


def last(journeys: Paths, flags: npt.NDArray[np.bool_]) -> Places:
    """Per journey the last place with the flag, -1 where there is none."""
    behind = np.append([-1], np.flatnonzero(flags))
    place = behind[np.searchsorted(behind[1:], journeys.indptr[1:], side="left")]
    return np.where(place >= journeys.indptr[:-1], place, -1)


def all_to(journeys: Paths, *choices: Places) -> Floats:
    """All weight on the first choice that a journey has; a journey without touches has none."""
    chosen = np.full(len(journeys.indptr) - 1, -1, dtype=np.int64)
    for places in choices:
        chosen = np.where(chosen < 0, places, chosen)
    weights = np.zeros(len(journeys.channel))
    weights[chosen[chosen >= 0]] = 1.0
    return weights
