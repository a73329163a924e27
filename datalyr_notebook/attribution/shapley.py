"""Shapley models: a channel earns its mean marginal worth over all orders of joining, exactly. numpy, no tables.

``Shapley`` and ``ShapleyRate`` differ in what a set of channels is worth: the conversions, or the conversion
rate, of the journeys that need no other channel. After Zhao, Mahboobi and Bagheri, "Shapley value methods for
attribution modeling in online advertising", arXiv 1804.05327 (2018).
"""

from __future__ import annotations

from dataclasses import dataclass
from math import comb
from typing import TYPE_CHECKING, Final, NamedTuple

import numpy as np

from datalyr_notebook import errors
from datalyr_notebook.attribution.allocation import PathModel
from datalyr_notebook.attribution.protocol import ChannelTotals, Refits
from datalyr_notebook.attribution.shares import by_channel
from datalyr_notebook.journeys.paths import summed

if TYPE_CHECKING:
    from datalyr_notebook.attribution.paths import PathCounts
    from datalyr_notebook.journeys.paths import Paths
    from datalyr_notebook.order import Floats, Ints

MAX_CHANNELS: Final = 20
"""Two to this power are a million sets of channels, 8 MB a number."""


@dataclass(frozen=True)
class Shapley(PathModel):
    """The Shapley value of the conversions: exactly ``Linear(per="channel")``, for any number of channels.

    A set of channels is worth v(S) = the conversions (or value) of journeys whose channels are all inside S.
    So v is a sum over journeys, each the game in which a set earns V if it has all of the journey's
    channels. There every one of these is alike and no other matters: each gets V / (number of distinct
    channels), and Shapley values of sums are sums of Shapley values (Zhao et al. 2018). Touches of one channel
    share alike.

    >>> from datalyr_notebook.attribution.paths import PathCounts
    >>> Shapley().allocate(PathCounts.from_strings(["Email > Email > Direct", "Email"])).values.tolist()
    [['Email', 1.5, 0.0], ['Direct', 0.5, 0.0]]
    """

    def weights(self, journeys: Paths) -> Floats:
        """1 / (number of the journey's channels * touches of the place's channel)."""
        return by_channel(journeys)


@dataclass(frozen=True)
class ShapleyRate(PathModel):
    """The Shapley value of the conversion rate, over all sets of up to 20 channels: a total model.

    v(S) = conversions / (conversions + nulls) of the paths whose channels are all inside S; 0 where there are
    none. Conversions are shared out in proportion to φ, the Shapley values of v, and credit to those of the
    value a path. This is the other common reading of "Shapley attribution": a channel in which people convert
    less often than without it has φ < 0, and so negative conversions; they are not clipped, or the
    sum would not be what there is to share.

    Paths without a touch are in no v(S). Raises TooManyChannelsError for more than 20 channels on paths.

    >>> from datalyr_notebook.attribution.paths import PathCounts
    >>> counts = PathCounts.from_strings(["Email", "Direct", "Email > Direct"], conversions=[1, 0, 2], nulls=[1, 4, 0])
    >>> ShapleyRate().allocate(counts)[["channel", "conversions"]].values.tolist()
    [['Email', 3.5], ['Direct', -0.5]]
    """

    def totals(self, counts: PathCounts) -> ChannelTotals:
        """Conversions and credit a channel; facts: ``shapley_value``, φ of the conversion rate."""
        return self.refits(counts)(np.ones(len(counts)))

    def refits(self, counts: PathCounts) -> Refits:
        """Path weights → the totals of ``counts.weighted(path_weights)``, from one reading of the paths."""
        sets = _channel_sets(counts)
        travelers = counts.conversions + counts.nulls

        def refit(path_weights: Floats) -> ChannelTotals:
            conversions, value, paths = (
                sets.inside(numbers * path_weights) for numbers in (counts.conversions, counts.value, travelers)
            )
            everybody = paths[-1]
            rate, worth = (
                _shapley_values(np.divide(one, paths, out=np.zeros(len(paths)), where=paths > 0))
                for one in (conversions, value)
            )
            # φ sums to v of all channels, total / everybody: in proportion to it means times everybody.
            return ChannelTotals(
                sets.spread(rate * everybody), sets.spread(worth * everybody), {"shapley_value": sets.spread(rate)}
            )

        return refit


class _ChannelSets(NamedTuple):
    """Sets of the channels that occur, as numbers whose bits are the channels."""

    path: Ints
    """The paths with touches, and …"""
    code: Ints
    """… the set of channels of each."""
    occurring: Ints
    """Channel of each bit."""
    channels: int

    def inside(self, numbers: Floats) -> Floats:
        """Per set, the sum over the paths whose channels are all inside it: the zeta transform."""
        sums = summed(self.code, numbers[self.path], 1 << len(self.occurring))
        for bit in range(len(self.occurring)):
            without, having = _split(sums, bit)
            having += without
        return sums

    def spread(self, numbers: Floats) -> Floats:
        """One number a channel of the counts, 0 for those that do not occur."""
        every = np.zeros(self.channels)
        every[self.occurring] = numbers
        return every


def _channel_sets(counts: PathCounts) -> _ChannelSets:
    occurring = np.flatnonzero(np.bincount(counts.channel, minlength=len(counts.channels)))
    if len(occurring) > MAX_CHANNELS:
        raise errors.TooManyChannelsError("ShapleyRate", len(occurring), MAX_CHANNELS)
    bit = np.zeros(len(counts.channels), dtype=np.int32)
    bit[occurring] = 1 << np.arange(len(occurring))
    path = np.flatnonzero(counts.lengths)
    code = np.bitwise_or.reduceat(bit[counts.channel], counts.indptr[path]) if len(path) else path
    return _ChannelSets(path, code.astype(np.int64), occurring, len(counts.channels))


def _shapley_values(worth: Floats) -> Floats:
    """The Shapley value of each player, from the worth of every set of them."""
    players = len(worth).bit_length() - 1
    size = np.zeros(1, dtype=np.int8)
    for _ in range(players):
        size = np.append(size, size + 1)
    # Of all orders of joining, the part in which just the players of a set of s come before the one: s!(n-s-1)!/n!
    part = np.array([1 / (players * comb(players - 1, s)) for s in range(players)] + [0.0])[size]
    values = np.zeros(players)
    for one in range(players):
        without, having = _split(worth, one)
        values[one] = ((having - without) * _split(part, one)[0]).sum()
    return values


def _split(of_sets: Floats, bit: int) -> tuple[Floats, Floats]:
    """Views of the sets without the channel, and of the same sets with it."""
    pairs = of_sets.reshape(-1, 2, 1 << bit)
    return pairs[:, 0], pairs[:, 1]
