"""One person's traits: a lane for each, with a bar for as long as each value held.

``trait_timeline_data`` returns the rows that are drawn, ``trait_timeline`` draws them.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Final

import numpy as np
import pandas as pd
import plotly.graph_objects as go

from datalyr_notebook import options, order
from datalyr_notebook.figures.layout import headed, legend_below, say_empty
from datalyr_notebook.figures.theme import TEXT_SIZE, escaped, shortened, themed
from datalyr_notebook.figures.timeline_axis import find_zone
from datalyr_notebook.figures.trait_timeline_rows import GAP, TraitTimeline, lane_tops, place_rows
from datalyr_notebook.figures.trait_timeline_traces import labels_outside, trait_traces
from datalyr_notebook.identity.persons import as_stitched, find_person
from datalyr_notebook.traits import trait_history

MOST_LANES: Final = 40
MOST_ROWS: Final = 2_000
"""Bars a browser draws at once; of more, the latest."""

_STEP: Final = "trait_timeline"
_LINE: Final = 27
"""Pixels from one line to the next."""


def trait_timeline_data(
    stitched: pd.DataFrame,
    person: str,
    *,
    traits: Sequence[str] | None = None,
    tz: str = "UTC",
    rules: Mapping[str, str] | None = None,
    sources: Sequence[str] = (),
) -> pd.DataFrame:
    """The rows that :func:`trait_timeline` draws: one for each value that was said.

    They are the rows of ``trait_history`` with where they are drawn. ``state`` is ``holds`` (what
    ``merge_traits`` answers with), ``replaced`` (it held until another value did) or ``never held``
    (the rule or a more trusted source spoke against it).

    Parameters
    ----------
    stitched
        Stitched events; anything else is stitched with the defaults, which is said.
    person
        A person_id, or a user_id or anonymous_id that one person has.
    traits
        The lanes, from the top; one of which nothing was said stays empty. None: every trait, in the
        order first said, at most 40. Of more than 2,000 values the latest are drawn.
    tz
        Time zone of the axis, a name of the tz database. ``valid_from`` and ``valid_to`` stay UTC;
        ``x_from`` and ``x_to`` are local time without zone. Where clocks are set back within the
        history, local time would turn the order round, so the offset of the first row is kept.
    rules, sources
        As for ``merge_traits``.

    Returns
    -------
    pandas.DataFrame
        The columns of ``TRAIT_TIMELINE``.

    Raises
    ------
    UnknownPersonError
        Nobody has this id.
    AmbiguousPersonError
        Several persons have this id, such as the anonymous_id of a shared device.
    OptionError
        ``tz`` or a rule is not known, or an option has another shape.
    TraitTypeError
        ``max`` or ``min`` meets values that cannot be compared.

    Examples
    --------
    >>> import pandas as pd
    >>> from datalyr_notebook.identity.stitching import stitch
    >>> events = pd.DataFrame({
    ...     "timestamp": ["2026-01-01T10:00Z", "2026-01-05T10:00Z"],
    ...     "event_name": "$identify", "user_id": "u1", "traits": [{"plan": "free"}, {"plan": "pro"}],
    ... })
    >>> trait_timeline_data(stitch(events), "u1")[["trait", "label", "state"]].to_numpy().tolist()
    [['plan', 'free', 'replaced'], ['plan', 'pro', 'holds']]

    """
    return _timeline(stitched, person, traits, tz, rules, sources).rows


def trait_timeline(
    stitched: pd.DataFrame,
    person: str,
    *,
    traits: Sequence[str] | None = None,
    tz: str = "UTC",
    rules: Mapping[str, str] | None = None,
    sources: Sequence[str] = (),
    title: str | None = None,
) -> go.Figure:
    """One person's traits over time: a lane a trait, a bar for as long as each value held.

    A filled bar with an arrow still holds, an outlined one was replaced; a cross is a value that never
    held, because the rule or a more trusted source spoke against it. Labels that do not fit are left
    to the hover. Parameters and errors are those of :func:`trait_timeline_data`, whose rows are drawn;
    ``title`` replaces "Traits of …". Every text is shown as it is, not as HTML.

    >>> import pandas as pd
    >>> from datalyr_notebook.identity.stitching import stitch
    >>> events = pd.DataFrame({
    ...     "timestamp": ["2026-01-01T10:00Z"], "event_name": "$identify", "user_id": "u1",
    ...     "traits": [{"plan": "free"}],
    ... })
    >>> trait_timeline(stitch(events), "u1").layout.yaxis.ticktext
    ('plan',)
    """
    timeline = _timeline(stitched, person, traits, tz, rules, sources)
    figure = themed(go.Figure(trait_traces(timeline)))
    _lay_out(figure, timeline, title)
    return figure


def _timeline(
    stitched: pd.DataFrame,
    person: object,
    traits: Sequence[str] | None,
    tz: str,
    rules: Mapping[str, str] | None,
    sources: Sequence[str],
) -> TraitTimeline:
    """Find the person, what was said of them, and where each value stands."""
    zone = find_zone(_STEP, tz)
    asked = None if traits is None else tuple(dict.fromkeys(options.texts(_STEP, "traits", traits)))
    stitched = as_stitched(_STEP, stitched)
    found = find_person(_STEP, stitched, person)
    mine = stitched.loc[((stitched["person_id"] == found) & stitched["timestamp"].notna()).to_numpy(dtype=bool)]
    history = trait_history(mine, rules=rules, sources=sources)
    known = tuple(history["trait"].cat.categories)
    lanes = (known if asked is None else asked)[:MOST_LANES]
    number = {name: place for place, name in enumerate(lanes)}
    lane = np.array([number.get(name, -1) for name in known], dtype=np.int64)[history["trait"].cat.codes]
    chosen = np.flatnonzero(lane >= 0)
    latest = chosen[np.argsort(order.microseconds(history, "valid_from")[chosen], kind="stable")[-MOST_ROWS:]]
    drawn = latest[np.lexsort((latest, lane[latest]))]
    rows, axis = place_rows(history.iloc[drawn].reset_index(drop=True), lane[drawn], lanes, mine, zone, tz)
    return TraitTimeline(found, rows, lanes, axis, zone, len(history), len(known))


def _lay_out(figure: go.Figure, timeline: TraitTimeline, title: str | None) -> None:
    """Title, axes, legend and size."""
    rows, lanes = timeline.rows, timeline.lanes
    told = f"values: {len(rows):,}, traits: {len(lanes):,}"
    if len(rows) < timeline.said:
        told += f" (of {timeline.said:,} values of {timeline.traits:,} traits said)"
    tops = lane_tops(rows["trait"].cat.codes.to_numpy().astype(np.int64), rows["level"].to_numpy(), len(lanes))
    _, axis = labels_outside(timeline)
    headed(figure, f"Traits of {shortened(timeline.person, 40)}", title=title, subtitle=told)
    legend_below(figure)
    figure.update_layout(
        height=170 + int(_LINE * max(float(tops[-1]), 2.5)),
        margin={"t": 70, "b": 10, "l": 40, "r": 20},
        barmode="overlay",
        uniformtext={"mode": "hide", "minsize": TEXT_SIZE},
        hovermode="closest",
    )
    figure.update_yaxes(
        title="Trait",
        range=[max(float(tops[-1]) - GAP, 1) - 0.4, -0.6],
        tickvals=tops[:-1].tolist(),
        ticktext=[escaped(shortened(lane)) for lane in lanes],
        showgrid=False,
    )
    figure.update_xaxes(type="date", title={"text": escaped(axis.title)}, range=axis.drawn([axis.low, axis.high]))
    for draw in (figure.update_xaxes, figure.update_yaxes):
        draw(tickfont={"size": TEXT_SIZE}, automargin=True)
    if not len(rows):
        figure.update_xaxes(visible=False)
        say_empty(figure, "No call said any of these traits.")
