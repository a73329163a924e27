"""One person's journey: a lane per device, with its touches, identify links and conversions in time.

``journey_timeline_data`` returns the rows that are drawn, ``journey_timeline`` draws them.
"""

from __future__ import annotations

from collections.abc import Iterable
from typing import Final

import numpy as np
import pandas as pd
import plotly.graph_objects as go

from datalyr_notebook.figures.layout import LEGEND_LINE, headed, legend_below, say_empty
from datalyr_notebook.figures.theme import TEXT_SIZE, escaped, shortened, themed
from datalyr_notebook.figures.timeline_axis import width_of
from datalyr_notebook.figures.timeline_hover import check_hover
from datalyr_notebook.figures.timeline_labels import room_for
from datalyr_notebook.figures.timeline_parts import conversion_of
from datalyr_notebook.figures.timeline_rows import Masks, Timeline, View, timeline_of
from datalyr_notebook.figures.timeline_stitching import stitching_words
from datalyr_notebook.figures.timeline_traces import timeline_traces
from datalyr_notebook.identity.persons import as_stitched, find_person, rows_with
from datalyr_notebook.journeys.conversions import Conversion
from datalyr_notebook.redaction import Redact
from datalyr_notebook.rendering import counted

_STEP: Final = "journey_timeline"
_LEGEND_WIDTH: Final = 480
"""Pixels that a figure 700 wide keeps for its legend."""


def journey_timeline_data(
    stitched: pd.DataFrame,
    person: str,
    *,
    conversion: Conversion = "purchase",
    tz: str = "UTC",
    gaps: str = "compress",
    redact: Redact | None = None,
    hover: Iterable[str] = (),
    start: object = None,
    end: object = None,
    stitching: str = "after",
) -> pd.DataFrame:
    """The rows that :func:`journey_timeline` draws, one for each mark, in order of time.

    An event is one row for each part it plays: ``touch`` (of level "session"), ``identify``
    (``$identify``, ``$alias`` and the bridge events) and ``conversion``; with none of them it is one
    row of kind ``event``. A purchase that two copies report is one ``conversion``; the copy that was
    not counted stays an ``event``.

    Parameters
    ----------
    stitched
        Stitched events; anything else is stitched with the defaults, which is said.
    person
        A person_id, or a user_id or anonymous_id that one person has.
    conversion
        As for ``find_conversions``.
    tz
        Time zone of the axis, a name of the tz database. ``timestamp`` stays UTC.
    gaps
        ``"compress"``: idle time of more than 3 hours takes the same little room everywhere, and a
        stretch of activity takes room by the number of moments in it; ``x`` is float64, without unit.
        ``"true"``: ``x`` is local time without zone (datetime64[us]). Where clocks are set back within
        the journey, local time would turn the order round, so the offset of the first row is kept.
    redact
        What is masked, after the rows were worked out on what was said: ids, labels, lanes, hovers, the
        names of links, the title. True: whatever may name a person (``person`` may then be the number
        that stands for them, such as ``"user 17"``); or names of columns, traits and properties, where
        "email" and "phone" also mean whatever looks like one. None: only e-mail addresses and telephone
        numbers in the columns and keys of ``hover``; ids are shown as they are, also one that is an
        e-mail address, since they are what a journey is told by. False: nothing.
    hover
        Columns of the events, or keys of their traits or properties (such as ``"plan"``), that hovering
        shows besides. They become columns of their own, where ``TIMELINE`` has none of that name.
    start, end
        Draw only what happened between these instants, both included; without a zone they are UTC. Touches,
        sessions and conversions are those of the whole journey.
    stitching
        ``"both"``: the figure also tells what was known before stitching. The rows are the same:
        ``user_id`` is who the row itself names, ``owner_known`` and ``person_since`` since when it is
        known whose it is.

    Returns
    -------
    pandas.DataFrame
        The columns of ``TIMELINE``, then those of ``hover``. Lanes stand in order of their first mark, as
        categories of ``lane``; rows of servers share the lane ``server``. Of more than 5,000 marks the first
        and the last of each bucket of time are kept, per lane and kind; rows without a time cannot be drawn.

    Raises
    ------
    UnknownPersonError
        Nobody has this id.
    AmbiguousPersonError
        Several persons have this id, such as the anonymous_id of a shared device.
    OptionError
        ``tz``, ``gaps``, ``stitching``, ``redact`` or an instant cannot be read, or nobody's events have
        one of ``hover``.

    Examples
    --------
    >>> import pandas as pd
    >>> from datalyr_notebook.identity.stitching import stitch
    >>> events = pd.DataFrame({
    ...     "timestamp": ["2025-09-29T10:00Z", "2025-09-29T10:05Z"], "event_name": ["pageview", "$identify"],
    ...     "anonymous_id": "anon_desk", "user_id": [None, "user_789"],
    ... })
    >>> journey_timeline_data(stitch(events), "user_789")[["lane", "kind", "label"]].to_numpy().tolist()
    [['device · anon_desk', 'touch', 'Direct'], ['device · anon_desk', 'identify', 'user_789']]

    """
    view = View.of(_STEP, tz=tz, gaps=gaps, hover=hover, start=start, end=end, stitching=stitching)
    return _timeline(stitched, person, conversion, redact, view)[0].table


def journey_timeline(
    stitched: pd.DataFrame,
    person: str,
    *,
    conversion: Conversion = "purchase",
    tz: str = "UTC",
    gaps: str = "compress",
    redact: Redact | None = None,
    hover: Iterable[str] = (),
    start: object = None,
    end: object = None,
    stitching: str = "after",
    title: str | None = None,
) -> go.Figure:
    """One person's journey: a lane per device, touches, identify links across lanes, conversions.

    Circles are events, diamonds touches (labeled with their channel), upright strokes ``$identify``,
    stars conversions (labeled with their value), thick lines sessions. A dashed line joins the lanes on
    which the same user_id was identified, an app's to that of the web device it was matched with, and those
    of two user_ids that an ``$alias`` or a trusted trait made one person ("u1 = u2"). Parameters and
    errors are those of :func:`journey_timeline_data`, whose rows are drawn; ``customdata`` of a mark is the
    place of its row there.

    With ``stitching="both"`` a band under each lane tells what its rows say before stitching: hatched
    while they are nobody's, solid while they name a user. An arrow leads from the moment at which
    it became known whose they are back to the first of them.

    ``title`` replaces "Journey of …"; like every other text it is shown as it is, not as HTML, and masked
    where it has an e-mail address or telephone number that is masked.

    >>> import pandas as pd
    >>> from datalyr_notebook.identity.stitching import stitch
    >>> events = pd.DataFrame({
    ...     "timestamp": ["2025-09-29T10:00Z"], "event_name": "$identify",
    ...     "anonymous_id": "anon_desk", "user_id": "user_789",
    ... })
    >>> journey_timeline(stitch(events), "user_789", tz="Europe/Berlin").layout.xaxis.ticktext
    ('Sep 29<br>12:00',)
    """
    view = View.of(_STEP, tz=tz, gaps=gaps, hover=hover, start=start, end=end, stitching=stitching)
    timeline, masks = _timeline(stitched, person, conversion, redact, view)
    if title is not None and masks.drawn.masks:
        title = str(masks.drawn.texts("event_name", np.array([title], dtype=object))[0])
    return timeline_figure(timeline, title=title)


def timeline_figure(timeline: Timeline, *, title: str | None = None) -> go.Figure:
    """A timeline drawn; ``title`` replaces "Journey of …"."""
    figure = themed(go.Figure(timeline_traces(timeline)))
    _lay_out(figure, timeline, title)
    _draw_axes(figure, timeline)
    return figure


def _timeline(
    stitched: pd.DataFrame, person: object, conversion: Conversion, redact: Redact | None, view: View
) -> tuple[Timeline, Masks]:
    """Find the person, and what is drawn of them."""
    stitched = as_stitched(_STEP, stitched)
    masks = Masks.of(_STEP, redact, stitched)
    found = find_person(_STEP, stitched, person, redaction=masks.drawn)
    mine = rows_with(stitched["person_id"], found)
    check_hover(_STEP, view.hover, stitched, mine)
    counts = conversion_of(conversion, stitched, mine)
    return timeline_of(stitched.iloc[mine], found, view, conversion=counts, masks=masks), masks


def _lay_out(figure: go.Figure, timeline: Timeline, title: str | None) -> None:
    """Title, legend and size."""
    drawn, lanes = timeline.marks["event_row"].nunique(), len(timeline.lanes)
    remark = f" ({drawn:,} of {timeline.events:,} events drawn)" if drawn < timeline.events else ""
    kinds = timeline.marks["kind"].value_counts()
    counts = {"event": drawn, "lane": lanes, "touch": int(kinds["touch"]), "conversion": int(kinds["conversion"])}
    told = ", ".join(counted(count, noun, "touches" if noun == "touch" else "") for noun, count in counts.items())
    names = [str(trace.name) for trace in figure.data]
    if timeline.is_banded and lanes:
        told += stitching_words(timeline)
    elif "identity link" in names:
        told += "; a dashed line joins devices that are one person"
    # plotly makes the columns of a legend equally wide.
    columns = max(int(_LEGEND_WIDTH // max((width_of(name) + 35 for name in names), default=1)), 1)
    legend_height = LEGEND_LINE * -(-len(names) // columns)
    headed(figure, f"Journey of {shortened(timeline.person, 40)}", title=title, subtitle=told, remark=remark)
    legend_below(figure)
    figure.update_layout(
        height=136 + legend_height + room_for(lanes, is_banded=timeline.is_banded)[0] * max(lanes, 1),
        # What the axis and the legend need at the bottom, plotly adds.
        margin={"t": 70, "b": 10, "l": 40, "r": 40},
        hovermode="closest",
    )
    if not lanes:
        is_cut = bool(timeline.events)
        say_empty(figure, f"No event of this person {'is between start and end' if is_cut else 'has a time'}.")


def _draw_axes(figure: go.Figure, timeline: Timeline) -> None:
    axis, lanes = timeline.axis, timeline.lanes
    figure.update_yaxes(
        title="Device",
        range=[max(len(lanes), 1) - 0.5, -0.5],
        tickvals=list(range(len(lanes))),
        ticktext=[escaped(lane) for lane in lanes],
    )
    figure.update_xaxes(title={"text": escaped(axis.title)}, range=axis.drawn([axis.low, axis.high]))
    for draw in (figure.update_xaxes, figure.update_yaxes):
        draw(tickfont={"size": TEXT_SIZE}, automargin=True)
    if axis.dates:
        figure.update_xaxes(type="date")
    else:
        places, dates = zip(*axis.ticks, strict=True) if axis.ticks else ((), ())
        figure.update_xaxes(tickvals=places, ticktext=dates, tickangle=0, showgrid=False)
