"""What plotly draws of a journey wall: a line a person, marks by what happened, and what hovering over them tells."""

from __future__ import annotations

import datetime as dt
from collections import Counter
from dataclasses import dataclass
from typing import Final

import numpy as np
import numpy.typing as npt
import pandas as pd
import plotly.graph_objects as go

from datalyr_notebook.figures.theme import (
    FAINT,
    INK,
    PALETTE,
    SYMBOLS,
    Look,
    channel_looks,
    escaped,
    escaped_lines,
    shortened,
)
from datalyr_notebook.order import Flags, Texts

MOST_CHANNELS: Final = 8
"""Channels with a trace of their own; what is left shares one."""
OTHER_TOUCHES: Final = "touch: other channels"

_OTHERS: Final = Look(INK, 3)
_BENEATH: Final = 15
"""Pixels of a touch beneath a star, whose arms are shorter: so both are seen."""


@dataclass(frozen=True)
class Wall:
    """What one figure needs: the marks that are drawn, where they stand, and how many there are in all."""

    marks: pd.DataFrame
    x: npt.NDArray[np.generic]
    """Where each mark stands: days, hours or minutes as float64, or local time without zone."""
    axis_title: str
    zone: dt.tzinfo
    people: tuple[str, ...]
    """The names of the rows, from the top."""
    asked: int
    """How many people were asked for."""
    total: int
    """How many marks there are, drawn or not."""

    @property
    def is_elsewhere(self) -> Flags:
        """Which marks are on another device than the person's first."""
        flags: Flags = (self.marks["device"] > 1).to_numpy(dtype=bool)
        return flags

    @property
    def is_converting(self) -> Flags:
        """Which marks stand where their person converts, whatever they are."""
        place = self.marks.groupby(["row", "timestamp"], sort=False).ngroup().to_numpy()
        return np.isin(place, place[(self.marks["kind"] == "conversion").to_numpy()])


def wall_traces(wall: Wall) -> list[go.Scatter]:
    """Everything that is drawn, from the back to the front."""
    marks = wall.marks
    if not len(marks):
        return []
    kind, channel = (marks[name].astype(object).to_numpy() for name in ("kind", "channel"))
    hovers = np.array(_hovers(wall), dtype=object)
    count = Counter(channel[kind == "touch"])
    common = sorted(count, key=lambda one: (-count[one], one))[:MOST_CHANNELS]
    groups = [
        ("event", kind == "event", "line-ns-open", 7, INK, 1),
        ("identify", kind == "identify", SYMBOLS["identify"], 13, PALETTE[1], 2),
    ]
    for name, look in zip(common, channel_looks(common), strict=True):
        is_own = (kind == "touch") & (channel == name)
        groups.append((f"touch: {shortened(name)}", is_own, look.symbol, 8, look.color, 1))
    is_other = (kind == "touch") & ~pd.Series(channel).isin(common).to_numpy()
    groups.append((OTHER_TOUCHES, is_other, _OTHERS.symbol, 8, _OTHERS.color, 1))
    # What everything leads to is never covered, and comes first where marks of one moment are hovered over.
    groups.append(("conversion", kind == "conversion", SYMBOLS["conversion"], 13, PALETTE[4], 1))
    return [
        _journeys(wall),
        *(
            _marks(wall, name, np.flatnonzero(chosen), symbol, size, color, width, hovers)
            for name, chosen, symbol, size, color, width in groups
            if chosen.any()
        ),
    ]


def _journeys(wall: Wall) -> go.Scatter:
    """A thin line from each person's first mark to the last; None breaks it."""
    row = wall.marks["row"].to_numpy()
    ends = np.flatnonzero(np.diff(row, prepend=-1) != 0), np.flatnonzero(np.diff(row, append=-1) != 0)
    x: list[object] = []
    for first, last in zip(wall.x[ends[0]].tolist(), wall.x[ends[1]].tolist(), strict=True):
        x += [first, last, None]
    return go.Scatter(
        x=x,
        y=[y for one in row[ends[0]].tolist() for y in (one, one, None)],
        mode="lines",
        name="journey",
        line={"width": 3, "color": FAINT},
        hoverinfo="skip",
        showlegend=False,
    )


def _marks(
    wall: Wall,
    name: str,
    rows: npt.NDArray[np.integer],
    symbol: str,
    size: int,
    color: str,
    width: int,
    hovers: Texts,
) -> go.Scatter:
    is_open = wall.is_elsewhere[rows] & (not symbol.endswith("open"))
    kind = str(wall.marks["kind"].iloc[rows[0]])
    is_beneath = wall.is_converting[rows] & (kind == "touch")
    return go.Scatter(
        x=wall.x[rows],
        y=wall.marks["row"].to_numpy()[rows],
        mode="markers",
        name=escaped(name),
        hovertext=hovers[rows],
        hoverinfo="text",
        cliponaxis=False,
        marker={
            "symbol": np.where(is_open, f"{symbol}-open", symbol) if is_open.any() else symbol,
            "size": np.where(is_beneath, _BENEATH, size) if is_beneath.any() else size,
            "color": color,
            "opacity": 1,
            "line": {"width": np.where(is_open, 1.5, width) if is_open.any() else width, "color": color},
        },
        meta={"kind": kind},
    )


def _hovers(wall: Wall) -> list[str]:
    """What is told of each mark. Traits, properties and addresses of pages are never shown."""
    marks = wall.marks
    names = ("person_id", "kind", "event_name", "channel", "currency", "anonymous_id")
    columns = [marks[name].astype(object).where(marks[name].notna(), None) for name in names]
    when = marks["timestamp"].dt.tz_convert(wall.zone).dt.strftime("%Y-%m-%d %H:%M:%S %Z")
    rows = zip(*columns, marks["value"], marks["device"], when, strict=True)
    known: dict[object, str] = {}

    def short(text: object) -> str:
        return known.get(text) or known.setdefault(text, shortened(text, 40))

    return [
        escaped_lines(
            (
                short(person),
                f"{kind}: {short(event)}",
                moment,
                f"channel: {short(channel)}" if channel else "",
                "" if np.isnan(value) else f"value: {value:,.2f} {short(currency or '')}".rstrip(),
                f"device {device}: {short(own)}" if device else "",
            )
        )
        for person, kind, event, channel, currency, own, value, device, moment in rows
    ]
