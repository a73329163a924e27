"""What plotly draws of a timeline: idle time, sessions, links, marks, and what hovering over them tells."""

from __future__ import annotations

import datetime as dt
from collections import Counter
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
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
    escaped_lines,
    shortened,
)
from datalyr_notebook.figures.timeline_axis import Axis
from datalyr_notebook.figures.timeline_labels import LABELED, LinkName, Placed, name_links, place_labels
from datalyr_notebook.figures.timeline_marks import Link, find_links, texts

MOST_CHANNELS: Final = 5
"""Channels with a trace of their own; what is left shares one."""

_STYLES: Final = {"event": (8, INK), "identify": (14, PALETTE[1]), "conversion": (16, PALETTE[4])}
"""Size in pixels and color of the marks that have one color."""
_TOUCH_SIZE: Final = 12
_TEXT: Final = {"size": TEXT_SIZE, "color": INK}
_EVIDENCE: Final = ("source", "medium", "campaign")


@dataclass(frozen=True)
class Timeline:
    """What one figure needs: the marks in order of time, and the two axes they stand on."""

    person: str
    marks: pd.DataFrame
    axis: Axis
    zone: dt.tzinfo
    events: int

    @property
    def lanes(self) -> list[str]:
        """The lanes' names, from the top."""
        return [str(name) for name in self.marks["lane"].cat.categories]


def timeline_traces(timeline: Timeline) -> list[go.Scatter]:
    """Everything that is drawn, from the back to the front."""
    links = find_links(timeline.marks)
    names = name_links(links, timeline.axis)
    labels = place_labels(timeline.marks, links, {name.text for name in names}, timeline.axis)
    lines = (_gaps(timeline), _sessions(timeline), _links(timeline, links, names))
    return [*(go.Scatter(line) for line in lines if len(line["x"])), *_marks(timeline, labels)]


def _gaps(timeline: Timeline) -> dict[str, Any]:
    """A dotted line through the lanes wherever idle time is compressed."""
    return {
        "x": [x for gap in timeline.axis.gaps for x in (gap.x, gap.x, None)],
        "y": [-0.5, len(timeline.lanes) - 0.5, None] * len(timeline.axis.gaps),
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
    """A trace for each kind, and one for each of the most frequent channels."""
    marks, hovers = timeline.marks, np.array(_hovers(timeline), dtype=object)
    kinds, channels = texts(marks, "kind"), texts(marks, "channel")
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
                hovertext=hovers[rows],
                hoverinfo="text",
                cliponaxis=False,
                marker={"symbol": SYMBOLS[kind], "size": size, "color": color, "line": {"width": 2, "color": color}},
                meta={"kind": kind},
            )
        )
    return traces


def _hovers(timeline: Timeline) -> list[str]:
    """What is told of each mark. Traits, properties and addresses of pages are never shown."""
    marks = timeline.marks
    columns = ("kind", "event_name", "label", "lane", "channel", "user_id", "person_via", *_EVIDENCE)
    times = (marks[name].dt.tz_convert(timeline.zone) for name in ("timestamp", "person_since"))
    hovers = []
    for when, since, value, *row in zip(*times, marks["value"], *(texts(marks, name) for name in columns), strict=True):
        told = dict(zip(columns, row, strict=True))
        evidence = [shortened(told[name]) for name in _EVIDENCE if told[name] is not None]
        amount = told["label"] if told["kind"] == "conversion" else f"{value:,.2f}"
        lines = [
            f"{told['kind']}: {shortened(told['event_name'], 40)}",
            f"{when:%Y-%m-%d %H:%M:%S %Z}",
            told["lane"],
            f"channel: {shortened(told['channel'])}" if told["channel"] else "",
            f"evidence: {' / '.join(evidence)}" if evidence else "",
            f"identity: {told['label']}" if told["kind"] == "identify" else "",
            "" if np.isnan(value) else f"value: {amount}",
            f"user_id: {shortened(told['user_id'])}" if told["user_id"] else "no user_id on this row",
            f"given to this person by: {shortened(told['person_via'])}" if told["person_via"] else "",
            "" if since is pd.NaT else f"known since {since:%Y-%m-%d %H:%M:%S %Z}",
        ]
        hovers.append(escaped_lines(lines))
    return hovers
