"""Rule models: one touch takes all. numpy over journeys, no tables.

A rule is a list of choices: the touch it looks for, else the one it takes instead, and so on. The
place of a choice is found per journey; ``-1`` stands for "no such touch".
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, ClassVar, Final, NamedTuple

import numpy as np

from datalyr_notebook.attribution.allocation import PathModel

if TYPE_CHECKING:
    from datalyr_notebook.journeys.paths import Paths
    from datalyr_notebook.order import Flags, Floats, Ints


def every(journeys: Paths) -> Flags:
    """Every place has the flag."""
    return np.ones(len(journeys.channel), dtype=bool)


def first(journeys: Paths, flags: Flags) -> Ints:
    """Per journey the first place with the flag, -1 where there is none."""
    ahead = np.append(np.flatnonzero(flags), [len(flags)])
    place = ahead[np.searchsorted(ahead[:-1], journeys.indptr[:-1], side="left")]
    return np.where(place < journeys.indptr[1:], place, -1)


def last(journeys: Paths, flags: Flags) -> Ints:
    """Per journey the last place with the flag, -1 where there is none."""
    behind = np.append([-1], np.flatnonzero(flags))
    place = behind[np.searchsorted(behind[1:], journeys.indptr[1:], side="left")]
    return np.where(place >= journeys.indptr[:-1], place, -1)


def all_to(journeys: Paths, *choices: Ints) -> Floats:
    """All weight on the first choice that a journey has; a journey without touches has none."""
    chosen = np.full(len(journeys.indptr) - 1, -1, dtype=np.int64)
    for places in choices:
        chosen = np.where(chosen < 0, places, chosen)
    weights = np.zeros(len(journeys.channel))
    weights[chosen[chosen >= 0]] = 1.0
    return weights


class Choice(NamedTuple):
    """A touch that a rule looks for, and its words.

    In words, ``{conversion}`` stands for the kind of conversion and ``{before}`` for the lookback.
    """

    pick: Callable[[Paths, Flags], Ints]
    """``first`` or ``last``."""
    flags: Callable[[Any], Flags]
    """Which places it may be: of Journeys, or of Paths where order is enough."""
    says: str
    """The touch, in words."""
    lacking: str = ""
    """What a journey without such a touch lacks, in words."""

    def places(self, journeys: Paths) -> Ints:
        """Per journey the place of the touch, -1 where there is none."""
        return self.pick(journeys, self.flags(journeys))


_FIRST: Final = Choice(first, every, "the first touch {before}")
_LAST: Final = Choice(last, every, "the last touch before it")
_LAST_NON_DIRECT: Final = Choice(
    last,
    lambda journeys: ~journeys.is_direct,
    "the last touch that is not direct",
    "nothing but direct touches {before}",
)
_FIRST_NON_DIRECT: Final = _LAST_NON_DIRECT._replace(pick=first, says="the first touch that is not direct")
_LAST_CLICK: Final = Choice(last, lambda journeys: journeys.is_click, "the last click before it", "no click {before}")
_FIRST_CLICK: Final = _LAST_CLICK._replace(pick=first, says="the first click {before}")
_OWN_SESSION: Final = Choice(
    last,
    lambda journeys: journeys.same_session,
    "the last touch of the {conversion}'s own session",
    "no touch in the {conversion}'s own session",
)
_OWN_SESSIONS_CLICK: Final = Choice(
    last,
    lambda journeys: journeys.is_click & journeys.same_session,
    "the last click in the {conversion}'s own session",
    "no click in the {conversion}'s own session",
)


class RuleModel(PathModel):
    """The base of the rule models: the first choice that a journey has takes all."""

    choices: ClassVar[tuple[Choice, ...]] = (_LAST,)

    def weights(self, journeys: Paths) -> Floats:
        """1 on that touch of each journey, 0 elsewhere."""
        return all_to(journeys, *(choice.places(journeys) for choice in self.choices))


@dataclass(frozen=True)
class FirstTouch(RuleModel):
    """The first touch takes all. Datalyr's First-Touch.

    >>> from datalyr_notebook.attribution.paths import PathCounts
    >>> FirstTouch().allocate(PathCounts.from_strings(["Email > Direct"], value=[10.0])).values.tolist()
    [['Email', 1.0, 10.0], ['Direct', 0.0, 0.0]]
    """

    choices: ClassVar = (_FIRST,)


@dataclass(frozen=True)
class LastTouch(RuleModel):
    """The last touch before the conversion takes all, direct included. Datalyr's Last-Touch."""

    choices: ClassVar = (_LAST,)


@dataclass(frozen=True)
class LastNonDirect(RuleModel):
    """The last touch whose channel is not direct takes all; the last touch where all are direct."""

    choices: ClassVar = (_LAST_NON_DIRECT, _LAST)


@dataclass(frozen=True)
class LastClick(RuleModel):
    """The last touch with a click id takes all; the last that is not direct where none has one.

    After Datalyr's page "Data discrepancies", which calls its own reports last-click.
    """

    needs: ClassVar = ("is_click",)
    choices: ClassVar = (_LAST_CLICK, _LAST_NON_DIRECT, _LAST)


@dataclass(frozen=True)
class SessionTouch(RuleModel):
    """The last touch of the conversion's own session takes all; the last touch where it has none.

    Datalyr's Session-Based (Current Touch).
    """

    needs: ClassVar = ("same_session",)
    choices: ClassVar = (_OWN_SESSION, _LAST)


@dataclass(frozen=True)
class Hybrid(RuleModel):
    """Datalyr's default: the session's click, else the first click, else the first non-direct touch.

    A touch with a click id in the conversion's own session (the last such); else the first click in
    the lookback; else the first touch that is not direct; else the last touch. After Datalyr's page
    "How attribution works": session first, then first click.
    """

    needs: ClassVar = ("is_click", "same_session")
    choices: ClassVar = (_OWN_SESSIONS_CLICK, _FIRST_CLICK, _FIRST_NON_DIRECT, _LAST)
