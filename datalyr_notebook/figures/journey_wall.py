"""Many people's journeys at once, a small row each, aligned and sorted so that patterns show.

``journey_wall_data`` returns the rows that are drawn, ``journey_wall`` draws them.
"""

from __future__ import annotations

import datetime as dt
from collections.abc import Iterable, Mapping
from typing import Final, NamedTuple

import numpy as np
import numpy.typing as npt
import pandas as pd
import plotly.graph_objects as go

from datalyr_notebook import errors, options, order, schema
from datalyr_notebook.figures.journey_wall_rows import (
    JOURNEY_WALL,
    MOST_PEOPLE,
    SORTS,
    find_marks,
    find_parts,
    place_people,
    thinned,
)
from datalyr_notebook.figures.journey_wall_traces import Wall, wall_traces
from datalyr_notebook.figures.layout import headed, legend_below, legend_height, rows_of_bars, say_empty
from datalyr_notebook.figures.theme import INK, escaped, shortened, themed
from datalyr_notebook.figures.timeline_axis import find_zone, true_axis
from datalyr_notebook.identity.persons import as_stitched, find_persons
from datalyr_notebook.journeys.conversions import Conversion
from datalyr_notebook.order import Flags, Texts
from datalyr_notebook.redaction import Redact, Redaction
from datalyr_notebook.rendering import counted

ALIGNMENTS: Final = {
    "start": "since the first event",
    "conversion": "from the last conversion (before it: negative)",
    "calendar": "",
}
"""Where journeys begin on the axis, and how its title says so."""

_STEP: Final = "journey_wall"
_MASKED: Final = ("event_name", "channel", "currency", "anonymous_id", "event_id")
_UNITS: Final = (("Minutes", 1440, 1 / 8), ("Hours", 24, 3), ("Days", 1, np.inf))
"""Units, how many a day has, and up to how many days they are used."""
_ROOMS: Final = ((30, 24), (60, 18), (MOST_PEOPLE, 15))
"""Up to so many people: the height of a row in pixels."""
_SORTED: Final = {
    "first_seen": "by first event",
    "length": "by duration, the longest first",
    "touches": "by touches, the most first",
    "value": "by value, the most first",
    "conversion": "by time to the first conversion",
    "path": "by path of channels",
    "given": "as given",
}


class _Shape(NamedTuple):
    """How an analyst wants the wall."""

    sort: str
    align: str
    tz: str


def journey_wall_data(
    stitched: pd.DataFrame,
    people: Iterable[str] | pd.DataFrame,
    *,
    conversion: Conversion = "purchase",
    sort: str = "first_seen",
    align: str = "start",
    tz: str = "UTC",
    rates: Mapping[str, float] | None = None,
    redact: Redact = False,
) -> pd.DataFrame:
    """The rows that :func:`journey_wall` draws, one for each mark, in the columns of ``JOURNEY_WALL``.

    An event is one row for each part it plays, as in ``journey_timeline``: ``touch`` (of level "session"),
    ``identify``, ``conversion``, or else ``event``. Sorted by ``row``, then in the order of events. At most
    ``MOST_PEOPLE`` people have a row: the first in the order asked for. Of more than ``MOST_MARKS`` marks the
    first of each person and kind in each stretch of the axis is kept. Parameters and errors are those of
    :func:`journey_wall`.

    >>> from datalyr_notebook.identity.stitching import stitch
    >>> events = pd.DataFrame({
    ...     "timestamp": ["2026-01-01T10:00Z", "2026-01-03T10:00Z", "2026-01-02T09:00Z"],
    ...     "event_name": ["pageview", "purchase", "pageview"], "user_id": ["u1", "u1", "u2"],
    ...     "source": ["tiktok", None, None], "value": [None, 50.0, None],
    ... })
    >>> rows = journey_wall_data(stitch(events), ["u2", "u1"])
    >>> rows[["person_id", "row", "kind", "days"]].to_numpy().tolist()[:3]
    [['u1', 0, 'touch', 0.0], ['u1', 0, 'touch', 2.0], ['u1', 0, 'conversion', 2.0]]
    """
    return _wall(stitched, people, conversion, _Shape(sort, align, tz), rates, redact).marks


def journey_wall(
    stitched: pd.DataFrame,
    people: Iterable[str] | pd.DataFrame,
    *,
    conversion: Conversion = "purchase",
    sort: str = "first_seen",
    align: str = "start",
    tz: str = "UTC",
    rates: Mapping[str, float] | None = None,
    redact: Redact = False,
    title: str | None = None,
) -> go.Figure:
    """Many people's journeys, a small row each: which channels come first, and what comes before the conversion.

    Parameters
    ----------
    stitched
        Stitched events; anything else is stitched with the defaults, which is said.
    people
        Person_ids, user_ids or anonymous_ids that one person has, or a table that ``people`` answered.
    conversion
        As for ``find_conversions``.
    sort
        Who stands on top: ``"first_seen"``, ``"length"`` (longest), ``"touches"`` (most), ``"value"`` (most),
        ``"conversion"`` (shortest time from the first event to the first conversion; people without one last),
        ``"path"`` (channels in order, by name: people with alike paths stand together; people without a touch
        last) or ``"given"``. Of equals, whoever was seen first, then by person_id.
    align
        ``"start"``: time since each person's first event. ``"conversion"``: time from each one's last
        conversion; people without one are not drawn. ``"calendar"``: the time itself, in ``tz``.
    tz
        Time zone of the hovers and of the calendar, a name of the tz database.
    rates
        As for ``find_conversions``. Without them amounts in several currencies stay as they came, and cannot be
        sorted by.
    redact
        True, or names of columns: ids become numbers such as "user 17", by which people are asked for, too.
    title
        Replaces "Journeys of …"; like every other text it is shown as it is, not as HTML.

    Returns
    -------
    plotly.graph_objects.Figure
        Faint strokes are events, upright ones ``$identify`` and other links, stars conversions; touches have
        the color and the symbol of their channel. Open symbols are on another device than the person's first.

    Raises
    ------
    UnknownPersonError
        Nobody has one of these ids.
    AmbiguousPersonError
        Several persons have one, such as the anonymous_id of a shared device.
    CurrencyError
        People are sorted by value, which comes in several currencies.
    OptionError
        An option is not known.

    Examples
    --------
    >>> from datalyr_notebook.identity.stitching import stitch
    >>> events = pd.DataFrame({
    ...     "timestamp": ["2026-01-01T10:00Z", "2026-01-09T10:00Z"], "event_name": "pageview", "user_id": ["u1", "u1"],
    ... })
    >>> journey_wall(stitch(events), ["u1"]).layout.xaxis.title.text
    'Days since the first event'

    """
    wall = _wall(stitched, people, conversion, _Shape(sort, align, tz), rates, redact)
    figure = themed(go.Figure(wall_traces(wall)))
    _lay_out(figure, wall, sort, align, title)
    return figure


def _wall(
    stitched: pd.DataFrame,
    people: object,
    conversion: Conversion,
    shape: _Shape,
    rates: Mapping[str, float] | None,
    redact: Redact,
) -> Wall:
    """Find the people, what their events were, and where each mark stands."""
    options.one_of(_STEP, "sort", shape.sort, SORTS)
    options.one_of(_STEP, "align", shape.align, ALIGNMENTS)
    zone = find_zone(_STEP, shape.tz)
    stitched = as_stitched(_STEP, stitched)
    redaction = Redaction.of(_STEP, redact, stitched)
    persons = find_persons(_STEP, stitched, _ids(people), redaction=redaction)
    parts = find_parts(stitched, persons, conversion, rates, adds_up=shape.sort == "value")
    names = stitched["person_id"].cat.categories[persons].to_numpy(dtype=object)
    missing = np.iinfo(np.int64).min
    last = parts.conversion_time(first=False)
    is_drawn: Flags = (last if shape.align == "conversion" else parts.last) > missing
    inorder = place_people(parts, names, shape.sort, only=is_drawn)[:MOST_PEOPLE]
    anchor = {"start": parts.first, "conversion": last}.get(shape.align)
    if anchor is None:
        anchor = np.full(parts.people, parts.first[inorder].min(initial=np.iinfo(np.int64).max))
    found = find_marks(parts, inorder, anchor)
    marks = thinned(found)
    x, axis_title = _axis(marks, shape, zone)
    shown = redaction.texts("person_id", names[inorder])
    masked = _masked(marks, shown, redaction)
    return Wall(masked, x, axis_title, zone, tuple(map(str, shown)), len(persons), len(found))


def _ids(people: object) -> list[object]:
    """The ids that are asked for."""
    if isinstance(people, str):
        return [people]
    if isinstance(people, pd.DataFrame):
        if people.index.name == "person_id":
            return people.index.tolist()
        if "person_id" in people.columns:
            return people["person_id"].tolist()
    elif isinstance(people, Iterable) and not isinstance(people, bytes | Mapping):
        return list(people)
    found = list(people.columns) if isinstance(people, pd.DataFrame) else type(people).__name__
    raise errors.OptionError(_STEP, "people", found, "ids of people, such as ['user_1', 'anon_2'], or people(stitched)")


def _axis(marks: pd.DataFrame, shape: _Shape, zone: dt.tzinfo) -> tuple[npt.NDArray[np.generic], str]:
    """Where each mark stands, and what the axis is called."""
    if shape.align == "calendar":
        moments, place = np.unique(order.microseconds(marks), return_inverse=True)
        axis, local = true_axis(moments, zone, shape.tz)
        return local.astype(np.int64).view("datetime64[us]")[place], axis.title
    days = marks["days"].to_numpy(dtype=np.float64)
    span = float(np.ptp(days)) if len(days) else np.inf
    unit, in_a_day = next((unit, in_a_day) for unit, in_a_day, most in _UNITS if span <= most)
    return days * in_a_day, f"{unit} {ALIGNMENTS[shape.align]}"


def _masked(marks: pd.DataFrame, people: Texts, redaction: Redaction) -> pd.DataFrame:
    """The marks as they may be shown; places, times and amounts are no secret. ``people``: what each row is called."""
    if not redaction.masks:
        return marks
    shown = redaction.table(marks[list(_MASKED)]).assign(person_id=people[marks["row"].to_numpy()])
    return schema.typed(marks.assign(**{str(name): shown[name] for name in shown.columns}), JOURNEY_WALL)


def _lay_out(figure: go.Figure, wall: Wall, sort: str, align: str, title: str | None) -> None:
    """Title, axes, legend and size."""
    marks, drawn = wall.marks, len(wall.people)
    kinds = marks["kind"].value_counts()
    told = [f"sorted {_SORTED[sort]}", counted(int(kinds["touch"]), "touch", "touches")]
    told.append(counted(int(kinds["conversion"]), "conversion"))
    if wall.is_elsewhere.any():
        told.append("open symbols: not on the first device")
    if len(marks) < wall.total:
        told.append(f"{len(marks):,} of {wall.total:,} marks drawn")
    remark = f" ({drawn:,} of {wall.asked:,} people drawn)" if drawn < wall.asked else ""
    heading = f"Journeys of {counted(drawn, 'person', 'people')}"
    headed(figure, heading, title=title, subtitle="; ".join(told) if drawn else "", remark=remark)
    legend_below(figure)
    room = next(height for most, height in _ROOMS if drawn <= most)
    figure.update_layout(
        height=150 + room * max(drawn, 4) + legend_height(len(figure.data)),
        margin={"t": 70, "b": 10, "l": 40, "r": 30},
        hovermode="closest",
    )
    rows_of_bars(figure, "Person", [escaped(shortened(name, 22)) for name in wall.people])
    figure.update_xaxes(title={"text": escaped(wall.axis_title)}, automargin=True)
    if align == "calendar":
        figure.update_xaxes(type="date")
    elif align == "conversion":
        figure.update_xaxes(zeroline=True, zerolinecolor=INK, zerolinewidth=1)
    if not drawn:
        figure.update_xaxes(showticklabels=False)
        why = "None of these people converted." if align == "conversion" else "No event of these people has a time."
        say_empty(figure, why if wall.asked else "No person is asked for.")
