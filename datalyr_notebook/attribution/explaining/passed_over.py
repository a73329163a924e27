"""Touches of a conversion's person that its journey does not have, and why."""

from __future__ import annotations

from typing import TYPE_CHECKING, NamedTuple

import numpy as np
import pandas as pd

from datalyr_notebook import order
from datalyr_notebook.attribution.reading import selections
from datalyr_notebook.journeys.lookback import Lookback
from datalyr_notebook.journeys.paths import TouchPaths
from datalyr_notebook.journeys.touches import touch_column
from datalyr_notebook.order import Flags, Ints, Texts

if TYPE_CHECKING:
    from datalyr_notebook.attribution.result import Attribution


class PersonsTouches(NamedTuple):
    """All touches of the person who made a conversion, in time order."""

    touch: Ints
    """Their numbers in ``result.evidence.touches``."""
    place: Ints
    """The place of each in the journeys; -1: not in this conversion's."""
    age_us: Ints
    """Conversion time - touch time, in microseconds; negative after it."""


def persons_touches(result: Attribution, journey: int) -> PersonsTouches:
    """The touches of one conversion's person; ``journey``: the conversion's number."""
    found, stitched = result.evidence, result.stitched
    person, time = order.codes(stitched, "person_id"), order.microseconds(stitched)
    row = found.conversions.row[journey]
    touch = np.flatnonzero(person[found.touches.row] == person[row])
    first, stop = found.journeys.indptr[journey : journey + 2]
    place = np.full(len(found.touches.row), -1, dtype=np.int64)
    place[found.journeys.touch[first:stop]] = np.arange(first, stop)
    return PersonsTouches(touch, place[touch], time[row] - time[found.touches.row[touch]])


def why_not(result: Attribution, journey: int, mine: PersonsTouches, kind: str) -> Texts:
    """Per touch of the person why this conversion's journey does not have it; None where it does.

    ``kind``: what the conversion is called.
    The conditions stand in the order in which ``attribute`` asks them, and the first that a touch does not
    meet is its reason.
    """
    reasons = np.full(len(mine.touch), None, dtype=object)
    for fails, reason in _conditions(result, journey, mine, kind):
        reasons[fails & (reasons == None)] = reason  # noqa: E711  (elementwise)
    left = np.flatnonzero(reasons == None)  # noqa: E711
    found = result.evidence
    touch = mine.touch[left]
    path = TouchPaths(
        indptr=np.array([0, len(left)]),
        channel=found.channel_of.codes.astype(np.int64)[touch],
        channels=found.journeys.channels,
        is_direct=found.is_direct[touch],
        touch=left,
    )
    for kept, reason in selections(result.reading).items():
        flags = kept(path)
        reasons[path.touch[~flags]] = reason
        path = path.narrowed(flags)
    return reasons


def _conditions(result: Attribution, journey: int, mine: PersonsTouches, kind: str) -> list[tuple[Flags, str]]:
    """Which touches fail each condition of the window, and its words."""
    stitched, found, window = result.stitched, result.evidence, result.reading.window
    person, time = order.codes(stitched, "person_id"), order.microseconds(stitched)
    row = found.conversions.row[journey]
    sources = pd.Series(touch_column(stitched, found.touches, "source", "category")).iloc[mine.touch]
    limit = window.lookback.of(sources)
    conditions: list[tuple[Flags, str]] = [(mine.age_us < 0, f"after the {kind}")]
    conditions += [
        (mine.age_us > one, f"older than the lookback of {Lookback(int(one))}")
        if (limit == one).all()
        else ((mine.age_us > one) & (limit == one), f"older than the lookback of {Lookback(int(one))} for its source")
        for one in np.unique(limit)
    ]
    if window.touches_feed == "next":
        converted_at = np.append(found.conversions.row, found.outside)
        earlier = time[converted_at[person[converted_at] == person[row]]]
        earlier = earlier[earlier < time[row]]
        if len(earlier):
            fed = mine.age_us >= time[row] - earlier.max()
            conditions.append((fed, "feeds an earlier conversion alone (touches_feed='next')"))
    if window.evidence == "at_conversion":
        since = order.microseconds(stitched, "person_since")[found.touches.row[mine.touch]]
        conditions.append((since > time[row], f"not known to be this person's at the {kind}"))
    return conditions
