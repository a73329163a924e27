"""The rows of channel_flow: paths cut into links from touch to touch, counted from their end."""

from __future__ import annotations

from dataclasses import replace
from typing import Final, NamedTuple

import numpy as np
import pandas as pd

from datalyr_notebook import errors, options, schema
from datalyr_notebook.attribution.groups import distinct_labels
from datalyr_notebook.attribution.paths import PathCounts
from datalyr_notebook.attribution.result import Attribution
from datalyr_notebook.attribution.tables.journeys import NO_TOUCH
from datalyr_notebook.figures.largest import OTHERS
from datalyr_notebook.journeys.paths import summed
from datalyr_notebook.order import Flags, Floats, Ints

STEP: Final = "channel_flow"
METRICS: Final = ("conversions", "value")
"""What the width of a link stands for."""
EARLIER: Final = "earlier touches"
CONVERSION: Final = "Conversion"
NO_CONVERSION: Final = "No conversion"

LEAST_SHARE: Final = 0.01
"""Of all that flows; the channels of a step that are thinner than that are one."""

FLOW_LINKS: Final = (
    schema.Column("step", "int64", "how many touches from the end the source stands: 1 = the last touch"),
    schema.Column("source", "str", "channel, or other channels, earlier touches, (no touch)"),
    schema.Column("target", "str", "the next touch's channel, or Conversion, No conversion"),
    schema.Column("conversions", "float64", "how many went this way"),
    schema.Column("value", "float64", "what they are worth"),
    schema.Column("nulls", "float64", "people who went this way without converting; 0 unless asked for"),
    schema.Column("flow", "float64", "the width drawn"),
    schema.Column("begins", "float64", "what of the flow begins at the source"),
    schema.Column("share", "float64", "of all that flows, 0 to 1"),
)


class _Links(NamedTuple):
    """Stretches of paths from one touch to the next, one entry each; names as places in ``_Names.texts``."""

    path: Ints
    step: Ints
    source: Ints
    target: Ints
    begins: Flags
    """The path starts at the source."""


class _Names:
    """The names that sources and targets may have: the channels, then those that stand for something else."""

    def __init__(self, channels: tuple[str, ...]) -> None:
        # A channel may be called like what stands for several: each name is another.
        labels = distinct_labels((*channels, OTHERS, NO_TOUCH))
        self.texts = np.array([*labels, EARLIER, CONVERSION, NO_CONVERSION], dtype=object)
        self.others, self.no_touch, self.earlier, self.conversion, self.no_conversion = range(
            len(channels), len(channels) + 5
        )


def path_counts(paths: PathCounts | Attribution) -> PathCounts:
    """The paths of a result, or those given. Raises OptionError."""
    if not isinstance(paths, PathCounts | Attribution):
        raise errors.OptionError(STEP, "paths", type(paths).__name__, "what attribute(...) or result.paths() answers")
    return paths.paths() if isinstance(paths, Attribution) else paths


def flowing(counts: PathCounts, *, metric: str, nulls: bool) -> PathCounts:
    """The paths that anything flows along; their nulls are 0 unless asked for. Raises OptionError."""
    measure = options.one_of(STEP, "metric", metric, METRICS)
    if nulls and measure == "value":
        words = "nulls=False with metric='value': who does not convert is worth nothing"
        raise errors.OptionError(STEP, "nulls", nulls, words)
    if not nulls:
        counts = replace(counts, nulls=np.zeros(len(counts)))
    return counts.taken((counts.value if measure == "value" else counts.conversions + counts.nulls) > 0)


def flow_links(counts: PathCounts, *, metric: str, steps: int, channels: int) -> pd.DataFrame:
    """Paths as links, one row a step, source and target, in the columns of ``FLOW_LINKS``.

    Sorted as they are drawn: from the left (the largest step) to the right, then sources and targets by
    what flows through them in all steps together, so that a channel keeps its place from step to step.
    """
    names = _Names(counts.channels)
    none, measured = np.zeros(len(counts)), counts.value if metric == "value" else counts.conversions
    shown = _shown(counts, measured + counts.nulls, steps=steps, most=channels, others=names.others)
    links = _links(counts, shown, names)
    outcomes = {
        names.conversion: (counts.conversions, counts.value, none, measured),
        names.no_conversion: (none, none, counts.nulls, counts.nulls),
    }
    parts = []
    for outcome, amounts in outcomes.items():
        conversions, value, nulls, flow = (one[links.path] for one in amounts)
        part = {"step": links.step, "source": links.source, "target": links.target}
        part["target"] = np.where(links.target == names.conversion, outcome, links.target)
        parts.append(
            pd.DataFrame(part).assign(
                conversions=conversions, value=value, nulls=nulls, flow=flow, begins=flow * links.begins
            )
        )
    stacked = pd.concat(parts, ignore_index=True)
    rows = stacked[stacked["flow"] > 0].groupby(["step", "source", "target"], as_index=False).sum()
    for end in ("source", "target"):
        rows[end] = names.texts[rows[end].to_numpy(dtype=np.int64)]
    rows["share"] = rows["flow"] / (measured + counts.nulls).sum()
    return schema.typed(_as_drawn(rows, names), FLOW_LINKS)


def _links(counts: PathCounts, shown: Ints, names: _Names) -> _Links:
    """Every stretch of every path; the last one leads to ``names.conversion``, whatever became of it."""
    steps, lengths, journey = len(shown), counts.lengths, counts.journey
    step = lengths[journey] - counts.position
    near = np.flatnonzero(step <= steps)
    name = np.full(len(journey) + 1, names.conversion)
    name[near] = shown[step[near] - 1, counts.channel[near]]
    following = np.where(step[near] > 1, name[np.minimum(near + 1, len(journey))], names.conversion)
    touched = _Links(journey[near], step[near], name[near], following, counts.position[near] == 0)
    long = np.flatnonzero(lengths > steps)
    entered = name[counts.indptr[long + 1] - steps]
    earlier = _whole(long, step=steps + 1, source=names.earlier, target=entered)
    alone = np.flatnonzero(lengths == 0)
    none = _whole(alone, step=1, source=names.no_touch, target=np.full(len(alone), names.conversion))
    return _Links(*(np.concatenate(pieces) for pieces in zip(touched, earlier, none, strict=True)))


def _whole(path: Ints, *, step: int, source: int, target: Ints) -> _Links:
    """A link of each of these paths that begins at its source."""
    one = np.ones(len(path), dtype=np.int64)
    return _Links(path, step * one, source * one, target, one > 0)


def _shown(counts: PathCounts, flow: Floats, *, steps: int, most: int, others: int) -> Ints:
    """Per step from the end and channel the name it is drawn under: its own, or that of the others."""
    channels = len(counts.channels)
    step = counts.lengths[counts.journey] - counts.position
    near = step <= steps
    cell = (step[near] - 1) * channels + counts.channel[near]
    size = np.round(summed(cell, flow[counts.journey[near]], steps * channels), 6).reshape(steps, channels)
    shown = np.tile(np.arange(channels), (steps, 1))
    alphabet = np.argsort(np.argsort(np.array(counts.channels, dtype=object)))
    for number in range(steps):
        inorder = np.lexsort((alphabet, -size[number]))
        inorder = inorder[size[number][inorder] > 0]
        thick = int((size[number] >= LEAST_SHARE * flow.sum()).sum())
        kept = min(thick, most if len(inorder) <= most else most - 1)
        if len(inorder) - kept > 1:
            shown[number, inorder[kept:]] = others
    return shown


def _as_drawn(rows: pd.DataFrame, names: _Names) -> pd.DataFrame:
    """Sorted by step, then sources and targets by size; what stands for several names comes after the names."""
    last = [names.texts[place] for place in (names.others, names.no_touch, names.no_conversion)]
    size = rows.groupby("source")["flow"].sum().round(6)
    keys = [-rows["step"].to_numpy()]
    for end in ("source", "target"):
        sizes = rows[end].map(size).fillna(0.0).to_numpy(dtype=np.float64)
        keys += [rows[end].isin(last).to_numpy(), -sizes, rows[end].to_numpy().astype(str)]
    return rows.iloc[np.lexsort(keys[::-1])].reset_index(drop=True)
