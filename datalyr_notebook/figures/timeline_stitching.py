"""Before and after stitching in one view: what a device's own rows say, and what became known only later.

Under each lane a band tells the time before stitching: hatched while the device's rows name nobody, solid in
a user's color while they name a user. An arrow leads from the moment at which it became known whose rows
these are back to the first of them: that is what stitching adds.
"""

from __future__ import annotations

from collections import Counter
from typing import Any, Final, NamedTuple

import pandas as pd
import plotly.graph_objects as go

from datalyr_notebook.figures.theme import INK, PALETTE, escaped, escaped_lines, shortened
from datalyr_notebook.figures.timeline_axis import WIDTH
from datalyr_notebook.figures.timeline_labels import band_offset, room_for
from datalyr_notebook.figures.timeline_rows import Timeline
from datalyr_notebook.rendering import counted

_NOBODY: Final = "before: nobody's"
_OTHERS: Final = "before: other users"
_LATER: Final = "known only later"
_COLORS: Final = (PALETTE[6], PALETTE[2], PALETTE[7])
"""Of the bands of the users with the most rows; what is left shares one."""
_BAND: Final = 8
_ARROW: Final = 8
"""Pixels: how thick a band is, and how far below its middle the arrow runs."""
_ENDS: Final = 4.0
"""Pixels that a band takes at least beyond its last row, so that a single row is seen."""


class Run(NamedTuple):
    """Rows of one lane, one after the other, of which the same is known."""

    lane: int
    user: str | None
    """The user_id that all of them carry, None for none."""
    known: str
    """One of ``OWNER_KNOWN``."""
    since: pd.Timestamp
    """Where ``known`` is later: when."""
    since_place: float
    rows: int
    first: float
    """Where the first row stands, in places of the axis."""
    last: float
    """Where the next run begins; where there is none, the last row."""


def find_runs(marks: pd.DataFrame) -> list[Run]:
    """What each lane's own rows say, run by run, in order of lanes and time."""
    events = marks.drop_duplicates(["lane", "event_row"])
    columns = ("lane", "user_id", "owner_known", "person_since", "since_place", "place")
    runs: dict[int, list[Run]] = {}
    for _, user, known, since, since_place, place, lane in zip(
        *(events[name].astype(object) for name in columns), events["lane"].cat.codes.tolist(), strict=True
    ):
        mine = runs.setdefault(lane, [])
        run = Run(lane, None if pd.isna(user) else user, known, since, since_place, 1, place, place)
        last = mine[-1] if mine else None
        if last is not None and _state(last) == _state(run):
            mine[-1] = last._replace(rows=last.rows + 1, last=place)
            continue
        if last is not None:
            mine[-1] = last._replace(last=place)
        mine.append(run)
    return [run for lane in sorted(runs) for run in runs[lane]]


def stitching_traces(timeline: Timeline) -> list[go.Scatter]:
    """The bands, a trace for nobody and for each user, and the arrows."""
    if not timeline.is_banded or timeline.marks.empty:
        return []
    runs = find_runs(timeline.marks)
    count = Counter(run.user for run in runs for _ in range(run.rows) if run.user is not None)
    common = sorted(count, key=lambda one: (-count[one], one))[: len(_COLORS)]
    groups = [(_NOBODY, [run for run in runs if run.user is None], {"color": INK, "dash": "2px,2px"})]
    for one, color in zip(common, _COLORS, strict=False):
        groups.append((f"before: {shortened(one)}", [run for run in runs if run.user == one], {"color": color}))
    others = [run for run in runs if run.user is not None and run.user not in common]
    groups.append((_OTHERS, others, {"color": INK}))
    traces = [_band(timeline, name, chosen, line) for name, chosen, line in groups if chosen]
    late = [run for run in runs if run.known == "later"]
    return [*traces, *([_arrows(timeline, late)] if late else [])]


def stitching_words(timeline: Timeline) -> str:
    """How many of the events that are drawn were nobody's before stitching, and how many still are."""
    events = timeline.marks.drop_duplicates("event_row")
    before = int(events["user_id"].isna().sum())
    after = int((events["owner_known"] == "never").sum())
    return f"; nobody's before stitching: {before:,}, after it: {after:,}"


def _state(run: Run) -> tuple[object, ...]:
    return (run.user, run.known, run.since if run.known == "later" else None)


def _band(timeline: Timeline, name: str, runs: list[Run], line: dict[str, Any]) -> go.Scatter:
    """A band under the lanes for each run."""
    axis, below = timeline.axis, _lanes_below(timeline, 0)
    end = _ENDS * (axis.high - axis.low) / WIDTH
    hovers = [_told(timeline, run) for run in runs]
    return go.Scatter(
        x=axis.drawn(x for run in runs for x in (run.first, max(run.last, run.first + end), None)),
        y=[y for run in runs for y in (run.lane + below, run.lane + below, None)],
        mode="lines",
        name=escaped(name),
        line={"width": _BAND, **line},
        hovertext=[text for hover in hovers for text in (hover, hover, "")],
        hoverinfo="text",
    )


def _arrows(timeline: Timeline, runs: list[Run]) -> go.Scatter:
    """For each run that became known later, a line from that moment back to its first row."""
    below = _lanes_below(timeline, _ARROW)
    hovers = [_told(timeline, run) for run in runs]
    return go.Scatter(
        x=timeline.axis.drawn(x for run in runs for x in (run.since_place, run.first, None)),
        y=[y for run in runs for y in (run.lane + below, run.lane + below, None)],
        mode="lines+markers",
        name=_LATER,
        line={"width": 1.5, "color": PALETTE[1]},
        marker={
            "symbol": ["circle", "triangle-left", "circle"] * len(runs),
            "size": [5, 10, 5] * len(runs),
            "color": PALETTE[1],
            "line": {"width": 0},
        },
        hovertext=[text for hover in hovers for text in (hover, hover, "")],
        hoverinfo="text",
        cliponaxis=False,
    )


def _lanes_below(timeline: Timeline, pixels: float) -> float:
    """How far below a lane's middle its band runs, and so many pixels more, counted in lanes."""
    lanes = len(timeline.lanes)
    return (band_offset(lanes) + pixels) / room_for(lanes, is_banded=True)[0]


def _told(timeline: Timeline, run: Run) -> str:
    """What hovering over a run tells."""
    user, who = shortened(run.user) if run.user else "nobody's", shortened(timeline.person, 40)
    after = f"after it: {who}"
    if run.known == "later":
        after += f", known since {run.since.tz_convert(timeline.view.zone):%Y-%m-%d %H:%M:%S %Z}"
    elif run.known == "never":
        after = "after it: still nobody's, the person is the device"
    return escaped_lines([counted(run.rows, "event"), f"before stitching: {user}", after])
