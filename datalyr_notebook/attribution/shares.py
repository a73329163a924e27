"""Rule models: the touches of a journey share it, by number, age or position. numpy over journeys, no tables."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from numbers import Real
from typing import TYPE_CHECKING, ClassVar, Final

import numpy as np

from datalyr_notebook import errors
from datalyr_notebook.attribution.allocation import PathModel
from datalyr_notebook.attribution.credit import checked_shares
from datalyr_notebook.attribution.protocol import ChannelTotals
from datalyr_notebook.attribution.rules import every, first, last
from datalyr_notebook.journeys.paths import summed

if TYPE_CHECKING:
    from datalyr_notebook.attribution.paths import PathCounts
    from datalyr_notebook.journeys.paths import Paths
    from datalyr_notebook.journeys.windows import Journeys
    from datalyr_notebook.order import Floats, Ints

PER: Final = ("touch", "channel")


@dataclass(frozen=True)
class Linear(PathModel):
    """Every touch of the journey gets the same share: 1 / n.

    ``per="channel"``: every distinct channel gets the same share, its touches share alike.

    >>> from datalyr_notebook.attribution.paths import PathCounts
    >>> counts = PathCounts.from_strings(["Email > Email > Email > Direct"])
    >>> [model.allocate(counts)["conversions"].tolist() for model in (Linear(), Linear(per="channel"))]
    [[0.75, 0.25], [0.5, 0.5]]
    """

    per: str = "touch"

    def __post_init__(self) -> None:
        """Refuse what nobody shares by."""
        if self.per not in PER:
            raise errors.OptionError("Linear", "per", self.per, PER)

    def weights(self, journeys: Paths) -> Floats:
        """1 / (touches of the journey) at each place; or 1 / (channels * touches of the channel)."""
        if self.per == "channel":
            return by_channel(journeys)
        lengths = journeys.lengths
        return np.repeat(1.0 / np.maximum(lengths, 1), lengths)


@dataclass(frozen=True)
class TimeDecay(PathModel):
    """The younger a touch, the more it gets: 2 ** (-age / half_life_days), normalized, in continuous time.

    A touch ``half_life_days`` older than another gets half of it. The formula is that of the ad
    platforms' public help pages; the default of 7 days is Google's.

    >>> from datalyr_notebook.attribution.paths import PathCounts
    >>> TimeDecay(half_life_days=3).half_life_days
    3
    """

    needs: ClassVar = ("age_days",)
    half_life_days: float = 7.0

    def __post_init__(self) -> None:
        """Refuse a half-life that is none."""
        if not isinstance(self.half_life_days, Real) or not 0 < self.half_life_days < np.inf:
            raise errors.OptionError("TimeDecay", "half_life_days", self.half_life_days, "a positive number of days")

    def weights(self, journeys: Journeys) -> Floats:
        """Normalized 2 ** (-(age - least age of the journey) / half-life)."""
        youngest = np.repeat(journeys.per_path(journeys.age_days, np.minimum), journeys.lengths)
        decayed = np.exp2((youngest - journeys.age_days) / self.half_life_days)
        return normalized(journeys, decayed)


@dataclass(frozen=True)
class PositionBased(PathModel):
    """The first touch, the last touch, and what the touches between them share: 40 / 40 / 20.

    Where there is nothing between them, that share is dropped and the rest renormalized: two touches
    get half each. One touch gets all. The shares are those of the ad platforms' public help pages.

    >>> from datalyr_notebook.attribution.paths import PathCounts
    >>> PositionBased().allocate(PathCounts.from_strings(["Email > Social > Direct"]))["conversions"].round(9).tolist()
    [0.4, 0.4, 0.2]
    """

    first: float = 0.4
    last: float = 0.4

    def __post_init__(self) -> None:
        """Refuse shares that are none."""
        are_numbers = isinstance(self.first, Real) and isinstance(self.last, Real)
        if not (are_numbers and self.first >= 0 and self.last >= 0 and 0 < self.first + self.last <= 1):
            words = "shares ≥ 0 of the first and the last touch that add up to at most 1, and not to nothing"
            raise errors.OptionError(type(self).__name__, "first, last", (self.first, self.last), words)

    def weights(self, journeys: Paths) -> Floats:
        """The three shares, each split among the touches in its position, renormalized in each journey."""
        return anchored(
            journeys,
            [(first(journeys, every(journeys)), self.first), (last(journeys, every(journeys)), self.last)],
            rest=1 - (self.first + self.last),
        )


@dataclass(frozen=True)
class JShaped(PositionBased):
    """Position-based with most for the last touch: 20 first, 60 last, 20 between them."""

    first: float = 0.2
    last: float = 0.6


@dataclass(frozen=True)
class InverseJ(PositionBased):
    """Position-based with most for the first touch: 60 first, 20 last, 20 between them."""

    first: float = 0.6
    last: float = 0.2


@dataclass(frozen=True)
class WShaped(PathModel):
    """First touch, the last touch before a stage (a lead), and the last touch: 30 each; 10 for the rest.

    ``stage`` names the event by which a person reaches it; the first one within the lookback counts. A
    journey without the stage, or without a rest, is renormalized over what it has; a touch that is two of
    the three gets both shares.
    """

    needs: ClassVar = ("stages",)
    stage: str = "lead"

    def __post_init__(self) -> None:
        """Refuse a stage that is no event's name."""
        _check_stages(self)

    @property
    def stage_events(self) -> tuple[str, ...]:
        """The events that the model looks for in a journey."""
        return (self.stage,)

    def weights(self, journeys: Journeys) -> Floats:
        """The shares at their touches, renormalized in each journey."""
        return _staged(journeys, self.stage_events, anchor=0.3)


@dataclass(frozen=True)
class FullPath(PathModel):
    """First touch, the last touches before two stages (lead, opportunity), and the last: 22.5 each; 10 for the rest.

    As ``WShaped``, with one anchor more.
    """

    needs: ClassVar = ("stages",)
    lead: str = "lead"
    opportunity: str = "opportunity"

    def __post_init__(self) -> None:
        """Refuse stages that are no events' names."""
        _check_stages(self)

    @property
    def stage_events(self) -> tuple[str, ...]:
        """The events that the model looks for in a journey."""
        return (self.lead, self.opportunity)

    def weights(self, journeys: Journeys) -> Floats:
        """The shares at their touches, renormalized in each journey."""
        return _staged(journeys, self.stage_events, anchor=0.225)


@dataclass(frozen=True)
class CustomWeights(PathModel):
    """Your own shares: numbers by position, or a function of the journeys.

    A sequence gives the first touch its first number, the second its second, …; touches beyond its end
    get its last number. A callable is handed the journeys (flat arrays: ``age_days``, ``channel``,
    ``position``, …) and answers one number a place. Either is renormalized in each journey; where all
    are 0 the touches share alike. Numbers that are negative or not finite raise ModelError.

    >>> from datalyr_notebook.attribution.paths import PathCounts
    >>> counts = PathCounts.from_strings(["Email > Social > Direct"])
    >>> CustomWeights((3, 1, 0)).allocate(counts)["conversions"].tolist()
    [0.75, 0.25, 0.0]
    """

    given: Sequence[float] | Callable[[Journeys], Floats]

    def __post_init__(self) -> None:
        """Settle a sequence, so that the model can be compared and shown."""
        if callable(self.given):
            return
        try:
            numbers = tuple(float(one) for one in self.given)
        except (TypeError, ValueError):
            numbers = ()
        if not numbers:
            words = "numbers by position such as (3, 2, 1), or a function of the journeys"
            raise errors.OptionError("CustomWeights", "given", self.given, words)
        object.__setattr__(self, "given", numbers)

    def weights(self, journeys: Journeys) -> Floats:
        """The numbers, renormalized in each journey."""
        if callable(self.given):
            given: object = self.given(journeys)
        else:
            numbers = np.array(self.given)
            given = numbers[np.minimum(journeys.position, len(numbers) - 1)]
        return normalized(journeys, checked_shares("CustomWeights", given, len(journeys.channel)))


@dataclass(frozen=True)
class Participation(PathModel):
    """Every distinct channel of a journey gets all of it: a total model.

    So totals exceed the conversions by design: they say in how many conversions a channel took part.

    >>> from datalyr_notebook.attribution.paths import PathCounts
    >>> Participation().allocate(PathCounts.from_strings(["Email > Direct > Email"])).values.tolist()
    [['Email', 1.0, 0.0], ['Direct', 1.0, 0.0]]
    """

    def totals(self, counts: PathCounts) -> ChannelTotals:
        """Conversions in which each channel took part, and what they were worth."""
        channels = len(counts.channels)
        pairs = np.unique(counts.journey * channels + counts.channel)
        path, channel = pairs // max(channels, 1), pairs % max(channels, 1)
        conversions, value = (summed(channel, one[path], channels) for one in (counts.conversions, counts.value))
        return ChannelTotals(conversions, value, {})


def normalized(journeys: Paths, shares: Floats) -> Floats:
    """Shares ≥ 0 that sum to 1 within each journey; equal ones where all are 0."""
    lengths = journeys.lengths
    sums = np.repeat(journeys.per_path(shares), lengths)
    alike = 1.0 / np.repeat(np.maximum(lengths, 1), lengths)
    return np.divide(shares, sums, out=alike, where=sums > 0)


def by_channel(journeys: Paths) -> Floats:
    """Equal shares for the distinct channels of a journey, and for the touches of a channel."""
    key = journeys.journey * len(journeys.channels) + journeys.channel
    pairs, pair, touches = np.unique(key, return_inverse=True, return_counts=True)
    channels = np.bincount(pairs // max(len(journeys.channels), 1), minlength=len(journeys.indptr) - 1)
    shares: Floats = 1.0 / (touches[pair] * np.repeat(channels, journeys.lengths))
    return shares


def anchored(journeys: Paths, anchors: Sequence[tuple[Ints, float]], *, rest: float) -> Floats:
    """Each anchor's share at its place, the rest shared by the other touches, renormalized in each journey."""
    shares, is_anchor = np.zeros(len(journeys.channel)), np.zeros(len(journeys.channel), dtype=bool)
    for place, share in anchors:
        there = place[place >= 0]
        shares[there] += share
        is_anchor[there] = True
    others = journeys.per_path((~is_anchor).astype(np.float64))
    shares[~is_anchor] = (rest / np.maximum(np.repeat(others, journeys.lengths), 1))[~is_anchor]
    return normalized(journeys, shares)


def _check_stages(model: WShaped | FullPath) -> None:
    for name in model.stage_events:
        if not isinstance(name, str) or not name.strip():
            raise errors.OptionError(type(model).__name__, "stage", name, "the name of an event, such as 'lead'")


def _staged(journeys: Journeys, stages: tuple[str, ...], *, anchor: float) -> Floats:
    """First touch, the last touch before each stage, and the last touch; 0.1 for the rest."""
    places = [first(journeys, every(journeys)), last(journeys, every(journeys))]
    places += [_place(journeys, journeys.stages[name]) for name in stages if name in journeys.stages]
    return anchored(journeys, [(place, anchor) for place in places], rest=0.1)


def _place(journeys: Journeys, position: Ints) -> Ints:
    return np.where(position >= 0, journeys.indptr[:-1] + position, -1)
