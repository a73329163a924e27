"""Paths: the channels that led to something, in time order, as flat arrays. What every model can read."""

from __future__ import annotations

from dataclasses import dataclass, replace
from typing import ClassVar, Final, Self

import numpy as np

from datalyr_notebook.order import Flags, Floats, Ints

_BLOCK: Final = 65_536
"""Values that are summed at once: as many as stay in the processor's cache."""


@dataclass(frozen=True, kw_only=True)
class Paths:
    """Paths of channels in compressed rows: path p owns places indptr[p] to indptr[p + 1].

    Within a path touches stand in time order. ``channel`` and ``is_direct`` have one entry a place.
    """

    of_places: ClassVar[tuple[str, ...]] = ("channel", "is_direct")
    """The fields with one entry a place."""

    indptr: Ints
    """Shape (paths + 1,)."""
    channel: Ints
    """Place in ``channels``."""
    channels: tuple[str, ...]
    """The names; they may be any grouping of touches, not only channels."""
    is_direct: Flags
    """Nothing but the visit itself: no ad, no search, no link."""

    @property
    def lengths(self) -> Ints:
        """Touches a path."""
        return np.diff(self.indptr)

    @property
    def journey(self) -> Ints:
        """The path that each place belongs to."""
        return np.repeat(np.arange(len(self.indptr) - 1), self.lengths)

    @property
    def position(self) -> Ints:
        """How many touches of its path stand before each place: 0 for the first."""
        return np.arange(len(self.channel)) - np.repeat(self.indptr[:-1], self.lengths)

    def per_path(self, values: Floats, by: np.ufunc = np.add) -> Floats:
        """Per path the values of its places taken together, by default added up; 0 for a path without any."""
        taken, filled = np.zeros(len(self.indptr) - 1), self.lengths > 0
        if len(values):
            taken[filled] = by.reduceat(values, self.indptr[:-1][filled])
        return taken

    def narrowed(self, kept: Flags) -> Self:
        """All paths, with only the places that are kept."""
        if kept.all():
            return self
        places = {name: getattr(self, name)[kept] for name in self.of_places}
        return replace(self, indptr=np.append([0], np.cumsum(kept))[self.indptr], **places)


@dataclass(frozen=True, kw_only=True)
class TouchPaths(Paths):
    """Paths that remember which touch stands at each place."""

    of_places = (*Paths.of_places, "touch")

    touch: Ints
    """Per place."""

    def grouped(self, group: Ints, names: tuple[str, ...]) -> Self:
        """The same paths over other groups of touches than channels; ``group``: one number a touch."""
        return replace(self, channel=group[self.touch], channels=names)


def summed(group: Ints, values: Floats, groups: int) -> Floats:
    """The sum of the values of each group 0..groups-1: the same to the last bit in whatever order they come.

    Each value is cut into a multiple of a unit and what is left of it; both add up without rounding.
    The cut is that of Demmel and Nguyen, "Fast Reproducible Floating-Point Summation" (2013).
    """
    coarse, fine = np.zeros(groups), np.zeros(groups)
    largest = max(float(values.max(initial=0.0)), -float(values.min(initial=0.0)))
    bits = len(values).bit_length()
    # Adding 1.5 * 2 ** 52 units and taking them off again rounds to whole units.
    to_units = 1.5 * 2.0 ** min(np.frexp(largest)[1] + bits, 1000)
    to_rests = to_units * 2.0 ** (bits - 52)
    size = max(_BLOCK, groups)
    for start in range(0, len(values), size):
        own, block = group[start : start + size], values[start : start + size]
        units = (block + to_units) - to_units
        coarse += np.bincount(own, units, minlength=groups)
        fine += np.bincount(own, ((block - units) + to_rests) - to_rests, minlength=groups)
    return coarse + fine
