"""From one person's events to a timeline: what is drawn of them, where, and what it says."""

from __future__ import annotations

import datetime as dt
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from typing import Final, NamedTuple

import numpy as np
import pandas as pd

from datalyr_notebook import errors, options, order, schema
from datalyr_notebook.figures.timeline_axis import Axis, compressed_axis, find_zone, true_axis
from datalyr_notebook.figures.timeline_hover import chosen_values
from datalyr_notebook.figures.timeline_links import Link, find_links
from datalyr_notebook.figures.timeline_marks import TIMELINE, marks_table, masked, read_said
from datalyr_notebook.figures.timeline_parts import cut_masks, find_parts, thin
from datalyr_notebook.journeys.conversions import Conversion
from datalyr_notebook.loading.encoding import in_order
from datalyr_notebook.order import Floats, Ints, Texts
from datalyr_notebook.redaction import Redact, Redaction

GAPS: Final = {"compress": compressed_axis, "true": true_axis}
"""How idle time is drawn."""
STITCHING: Final = ("after", "both")
"""Whether a timeline also tells what was known before stitching."""

_CHOSEN_MASKS: Final = ("email", "phone")
"""What is masked in chosen hover columns if nobody asks for more."""


class Masks(NamedTuple):
    """How a timeline is masked: all that is drawn, and what an analyst chose for the hovers besides."""

    drawn: Redaction
    chosen: Redaction

    @classmethod
    def of(cls, step: str, redact: Redact | None, events: pd.DataFrame) -> Masks:
        """``redact`` masks everywhere; None: only e-mail addresses and telephone numbers in chosen columns."""
        # Of the events only the categories are read; of a million rows the codes would be copied.
        known = events.iloc[:0]
        drawn = Redaction.of(step, False if redact is None else redact, known)
        return cls(drawn, Redaction.of(step, _CHOSEN_MASKS, known) if redact is None else drawn)


@dataclass(frozen=True)
class View:
    """How one person's events are looked at; made by :meth:`of`, which reads what an analyst passes."""

    tz: str
    zone: dt.tzinfo
    gaps: str
    hover: tuple[str, ...]
    start: pd.Timestamp | None
    end: pd.Timestamp | None
    stitching: str

    @property
    def window_us(self) -> tuple[int | None, int | None]:
        """``start`` and ``end`` in microseconds."""
        begin, end = (None if one is None else options.epoch_us(one) for one in (self.start, self.end))
        return begin, end

    @classmethod
    def of(
        cls, step: str, *, tz: str, gaps: str, hover: Iterable[str], start: object, end: object, stitching: str
    ) -> View:
        """The view that these options ask for; OptionError for what is no option."""
        since, until = (
            None if given is None else options.instant(step, name, given)
            for name, given in (("start", start), ("end", end))
        )
        if since is not None and until is not None and until < since:
            raise errors.OptionError(step, "end", end, f"a moment that is not before start={start!s}")
        chosen = options.one_or_several(step, "hover", hover, example="('plan', 'url')")
        return cls(
            tz=tz,
            zone=find_zone(step, tz),
            gaps=options.one_of(step, "gaps", gaps, GAPS),
            hover=tuple(dict.fromkeys(chosen)),
            start=since,
            end=until,
            stitching=options.one_of(step, "stitching", stitching, STITCHING),
        )


@dataclass(frozen=True)
class Timeline:
    """What one figure needs: the marks in order of time, the axes they stand on, and what joins them."""

    person: str
    """Who it is, as it may be shown."""
    marks: pd.DataFrame
    """``marks_table`` with ``x``, ``place`` and ``since_place``, where person_since is on the axis."""
    chosen: Mapping[str, Texts]
    """The chosen hover columns, a value a mark."""
    links: Sequence[Link]
    axis: Axis
    view: View
    events: int
    """How many events of the person have a time, drawn or not."""

    @property
    def lanes(self) -> list[str]:
        """The lanes' names, from the top."""
        return [str(name) for name in self.marks["lane"].cat.categories]

    @property
    def is_banded(self) -> bool:
        """Whether a band under each lane tells what was known before stitching."""
        return self.view.stitching == "both"

    @property
    def table(self) -> pd.DataFrame:
        """The rows that are drawn: the columns of ``TIMELINE``, then the chosen ones that it has not."""
        names = schema.names(TIMELINE)
        more = {name: pd.Series(values, dtype=object) for name, values in self.chosen.items() if name not in names}
        return self.marks[names].assign(**more)


def timeline_of(
    rows: pd.DataFrame, person: str, view: View, *, conversion: Conversion | None, masks: Masks
) -> Timeline:
    """The timeline of one person, whose stitched events ``rows`` are, in any order.

    It costs by the length of ``rows`` alone, whatever their categories hold. ``conversion``: what
    ``conversion_of`` says of the whole table, masks being cut to ``rows``; None: nothing counts.
    Everything is worked out on all rows as they came; then ``view`` chooses what is drawn, of too many
    marks some are left away, and what is left is masked before it becomes a label or a hover.
    """
    whole, timed = len(rows), np.flatnonzero(rows["timestamp"].notna().to_numpy())
    rows = _narrowed(rows.iloc[timed])
    inorder = order.event_order(rows)
    rows = rows.iloc[inorder].reset_index(drop=True)
    counts = None if conversion is None else cut_masks(conversion, timed[inorder], whole)
    parts = find_parts(rows, counts)
    moment = order.microseconds(rows)
    parts = parts.take(order.within(moment[parts.row], *view.window_us))
    time = moment[parts.row]
    axis, place = GAPS[view.gaps](time, view.zone, view.tz)
    drawn = thin(place, parts.home, parts.kind)
    parts = parts.take(drawn)
    said = read_said(rows, parts)
    shown = masked(said, masks.drawn) if masks.drawn.masks else said
    marks = marks_table(rows, parts, shown, masks.drawn)
    x = place[drawn].astype(np.int64).view("datetime64[us]") if axis.dates else place[drawn]
    marks = marks.assign(x=x, place=place[drawn], since_place=_since_places(marks, time, place, axis))
    return Timeline(
        person=masks.drawn.name(person) if masks.drawn.masks else person,
        marks=marks,
        chosen=chosen_values(rows, parts.row, view.hover, masks.drawn, masks.chosen),
        links=find_links(marks, said),
        axis=axis,
        view=view,
        events=len(rows),
    )


def _narrowed(rows: pd.DataFrame) -> pd.DataFrame:
    """The same rows without the texts of everybody else: a column keeps as many categories as it has rows."""
    wide = [
        str(name)
        for name, dtype in rows.dtypes.items()
        if isinstance(dtype, pd.CategoricalDtype) and len(dtype.categories) > len(rows)
    ]
    return rows.assign(**{name: in_order(rows[name]) for name in wide})


def _since_places(marks: pd.DataFrame, time: Ints, place: Floats, axis: Axis) -> Floats:
    """Where each mark's person_since is on the axis; what lies outside stands at its edge, NaN: unknown."""
    since = order.microseconds(marks, "person_since")
    if not len(time):
        return np.full(len(since), np.nan)
    at: Floats = np.interp(since, time, place, left=axis.low, right=axis.high)
    at[marks["person_since"].isna().to_numpy()] = np.nan
    return at
