"""What plotly draws of a timeline: idle time, sessions, links, marks, and what hovering over them tells."""

from __future__ import annotations

from collections import Counter
from collections.abc import Mapping, Sequence
from typing import Any, Final

import numpy as np
import pandas as pd
import plotly.graph_objects as go

from datalyr_notebook.figures.theme import (
    BLANK,
    FAINT,
    INK,
    PALETTE,
    SYMBOLS,
    TEXT_SIZE,
    channel_color,
    escaped,
    shortened,
)
from datalyr_notebook.figures.timeline_hover import hover_texts
from datalyr_notebook.figures.timeline_labels import LABELED, LinkName, Placed, name_links, place_labels, room_for
from datalyr_notebook.figures.timeline_links import Link
from datalyr_notebook.figures.timeline_marks import texts_at
from datalyr_notebook.figures.timeline_rows import Timeline
from datalyr_notebook.figures.timeline_stitching import stitching_traces

MOST_CHANNELS: Final = 5
"""Channels with a trace of their own; what is left shares one."""

_STYLES: Final = {"event": (8, INK), "identify": (14, PALETTE[1]), "conversion": (16, PALETTE[4])}
"""Size in pixels and color of the marks that have one color."""
_TOUCH_SIZE: Final = 12
_TEXT: Final = {"size": TEXT_SIZE, "color": INK}
_MOST_GAPS: Final = 60
"""The longest gaps that are drawn: where there are more, they stand closer than they could be told apart."""
_GAP_HEIGHT: Final = 9
"""Pixels above and below the middle of a lane that show a gap: labels stand farther out."""


def timeline_traces(timeline: Timeline) -> list[go.Scatter]:
    """Everything that is drawn, from the back to the front."""
    links = timeline.links
    names = name_links(links, timeline.axis, is_banded=timeline.is_banded)
    labels = place_labels(timeline.marks, links, {name.text for name in names}, timeline.axis)
    lines = (_gaps(timeline), _sessions(timeline), _links(timeline, links, names))
    drawn = [go.Scatter(line) for line in lines if len(line["x"])]
    return [*stitching_traces(timeline), *drawn, *_marks(timeline, labels)]


def _gaps(timeline: Timeline) -> dict[str, Any]:
    """A dotted stroke through each lane wherever idle time is compressed, too short to touch a label."""
    gaps = sorted(timeline.axis.gaps, key=lambda gap: -gap.hours)[:_MOST_GAPS]
    lanes = range(len(timeline.lanes))
    half = _GAP_HEIGHT / room_for(len(lanes), is_banded=timeline.is_banded)[0]
    return {
        "x": [x for gap in gaps for _ in lanes for x in (gap.x, gap.x, None)],
        "y": [y for _ in gaps for lane in lanes for y in (lane - half, lane + half, None)],
        "mode": "lines",
        "name": "idle time",
        "line": {"width": 1, "dash": "dot", "color": INK},
        "opacity": 0.6,
        "hoverinfo": "skip",
    }


def _sessions(timeline: Timeline) -> dict[str, Any]:
    """A bar from the first to the last mark of each visit; None breaks the line."""
    marks = timeline.marks.assign(lane=timeline.marks["lane"].cat.codes)
    visits = marks[marks["is_device"]].groupby("visit", sort=False).agg({"place": ["first", "last"], "lane": "first"})
    bars = [(first, last, lane) for first, last, lane in visits.itertuples(index=False, name=None) if first < last]
    return {
        "x": timeline.axis.drawn(x for first, last, _ in bars for x in (first, last, None)),
        "y": [y for *_, lane in bars for y in (lane, lane, None)],
        "mode": "lines",
        "name": "session",
        "line": {"width": 7, "color": FAINT},
        "hoverinfo": "skip",
    }


def _links(timeline: Timeline, links: Sequence[Link], names: Sequence[LinkName]) -> dict[str, Any]:
    """A dashed line for each link, named where it passes between two lanes."""
    named = [*zip(links, names, strict=True)]
    return {
        "x": timeline.axis.drawn(x for link, name in named for x in (link.x[0], link.at(name.height), link.x[1], None)),
        "y": [y for link, name in named for y in (link.lanes[0], name.height, link.lanes[1], None)],
        "mode": "lines+text",
        "name": "identity link",
        "text": [text for _, name in named for text in (BLANK, escaped(name.text) or BLANK, BLANK, BLANK)],
        "textposition": [name.position for _, name in named for _ in range(4)],
        "textfont": _TEXT,
        "line": {"width": 1.5, "dash": "dash", "color": PALETTE[1]},
        "hoverinfo": "skip",
    }


def _marks(timeline: Timeline, labels: Mapping[int, Placed]) -> list[go.Scatter]:
    """A trace for each kind, and one for each of the most frequent channels.

    ``customdata`` is the mark's place in the rows of ``journey_timeline_data``.
    """
    marks = timeline.marks
    hovers = np.array(hover_texts(marks, timeline.chosen, timeline.view.zone), dtype=object)
    kinds, channels = (texts_at(marks, name, np.arange(len(marks))) for name in ("kind", "channel"))
    count = Counter(channels[kinds == "touch"])
    common = sorted(count, key=lambda one: (-count[one], one))[:MOST_CHANNELS]
    groups = [(kind, kinds == kind, *style) for kind, style in _STYLES.items()]
    # Touches come last: a diamond is smaller than a star, so both are seen where they stand on one another.
    for channel in common:
        is_own = (kinds == "touch") & (channels == channel)
        groups.append((f"touch: {shortened(channel)}", is_own, _TOUCH_SIZE, channel_color(channel)))
    is_other = (kinds == "touch") & ~pd.Series(channels).isin(common).to_numpy()
    groups.append(("touch: other channels", is_other, _TOUCH_SIZE, PALETTE[7]))
    traces = []
    for name, is_chosen, size, color in groups:
        rows = np.flatnonzero(is_chosen)
        if not len(rows):
            continue
        kind = kinds[rows[0]]
        placed = [labels.get(int(row), Placed("", "top center")) for row in rows]
        traces.append(
            go.Scatter(
                x=marks["x"].to_numpy()[rows],
                y=marks["lane"].cat.codes.to_numpy()[rows],
                mode="markers+text" if kind in LABELED else "markers",
                name=escaped(name),
                text=[label.text or BLANK for label in placed] if kind in LABELED else None,
                textposition=[label.position for label in placed] if kind in LABELED else None,
                textfont=_TEXT,
                customdata=rows,
                hovertext=hovers[rows],
                hoverinfo="text",
                cliponaxis=False,
                marker={"symbol": SYMBOLS[kind], "size": size, "color": color, "line": {"width": 2, "color": color}},
                meta={"kind": kind},
            )
        )
    return traces
