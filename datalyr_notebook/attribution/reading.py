"""How events are read into journeys: the options of attribute, checked once, and what they find."""

from __future__ import annotations

import math
from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass, field
from functools import partial
from typing import NamedTuple

import numpy as np
import pandas as pd

from datalyr_notebook import options, order
from datalyr_notebook.attribution.paths import PathCounts
from datalyr_notebook.journeys.between import Between, BetweenOption, read_between
from datalyr_notebook.journeys.channel_options import Channels, channel_rules
from datalyr_notebook.journeys.channels import ChannelRule, channel_names
from datalyr_notebook.journeys.conversions import ConversionRows, LeftOut, conversion_rows
from datalyr_notebook.journeys.lookback import LookbackOption, read_lookback
from datalyr_notebook.journeys.paths import Paths, TouchPaths
from datalyr_notebook.journeys.touches import TouchRows, counting_options, direct_touches, touch_channels, touch_rows
from datalyr_notebook.journeys.transforms import PathOption, Transform, read_transforms
from datalyr_notebook.journeys.visits import Visits, find_visits
from datalyr_notebook.journeys.windows import EVIDENCE, FEEDS, Journeys, Step, Window, find_journeys, in_journeys
from datalyr_notebook.order import Flags, Floats, Ints

Names = str | Iterable[str]


@dataclass(frozen=True, kw_only=True)
class Reading:
    """Which touches and conversions count, and which touches a conversion looks back on."""

    level: str
    app_direct: bool
    timeout_us: int
    rules: tuple[ChannelRule, ...]
    window: Window
    include: tuple[str, ...] | None
    exclude: tuple[str, ...]
    transforms: tuple[Transform, ...]
    refunds: str
    refund_events: tuple[str, ...]
    rates: Mapping[str, float] | None
    between: Between = field(default_factory=Between)
    """When the conversions that are asked for happened."""

    def told(self) -> str:
        """What a headline must say of choices that are not the default."""
        choices = {
            f"conversions {self.between}": not self.between.is_all,
            "evidence at conversion": self.window.evidence == "at_conversion",
            "a touch feeds the next conversion alone": self.window.touches_feed == "next",
            f"only {', '.join(self.include or ())}": self.include is not None,
            f"without {', '.join(self.exclude)}": bool(self.exclude),
            f"path {', '.join(map(str, self.transforms))}": bool(self.transforms),
        }
        return "".join(f"; {words}" for words, holds in choices.items() if holds)


def read_options(
    step: str,
    *,
    lookback: LookbackOption,
    level: str,
    channels: Channels | None,
    touches_feed: str,
    evidence: str,
    refunds: str,
    refund_events: Iterable[str],
    rates: Mapping[str, float] | None,
    include: Names | None,
    exclude: Names | None,
    path: PathOption,
    app_direct: bool,
    session_timeout: str | pd.Timedelta,
    between: BetweenOption,
) -> Reading:
    """The options of ``attribute``. Raises OptionError."""
    rules = channel_rules(step, channels)
    names = channel_names(rules)
    return Reading(
        level=level,
        app_direct=app_direct,
        timeout_us=counting_options(step, level, session_timeout),
        rules=rules,
        window=Window(
            read_lookback(step, lookback),
            options.one_of(step, "touches_feed", touches_feed, FEEDS),
            options.one_of(step, "evidence", evidence, EVIDENCE),
        ),
        include=None if include is None else options.one_or_several(step, "include", include, names),
        exclude=() if exclude is None else options.one_or_several(step, "exclude", exclude, names),
        transforms=read_transforms(step, path, names),
        refunds=refunds,
        refund_events=options.one_or_several(step, "refund_events", refund_events, example="('refund',)"),
        rates=rates,
        between=read_between(step, between),
    )


class Touched(NamedTuple):
    """What brought people to their visits, whatever counts as a conversion."""

    visits: Visits
    touches: TouchRows
    channel_of: pd.Categorical
    """Per touch."""
    is_direct: Flags
    """Per touch."""


class Evidence(NamedTuple):
    """What some people's rows say of their conversions: all that a model needs."""

    touches: TouchRows
    conversions: ConversionRows
    channel_of: pd.Categorical
    """Per touch."""
    is_direct: Flags
    """Per touch."""
    journeys: Journeys
    steps: tuple[Step, ...]
    """Which touches each condition left in some journey."""
    outside: Ints
    """Rows of the conversions outside the dates asked for: they have no journey here."""

    def seen_from(self, rows: Ints) -> Evidence:
        """The same in a table of which theirs holds these rows."""
        return self._replace(
            touches=self.touches.seen_from(rows),
            conversions=self.conversions.seen_from(rows),
            outside=rows[self.outside],
        )


def find_evidence(
    stitched: pd.DataFrame, at: Ints, kinds: Mapping[str, Flags], reading: Reading, *, stages: tuple[str, ...] = ()
) -> Evidence:
    """Touches, conversions and journeys of the persons whose rows stand ``at`` these places, stage by stage.

    All rows of a person, or none, stand there. Touches and conversions point into ``stitched``.
    ``stages``: the events that the models look for in a journey.
    """
    part = stitched if len(at) == len(stitched) else stitched.iloc[at]
    touched = find_touched(part, reading)
    conversions = find_counted(part, touched.visits, {kind: mask[at] for kind, mask in kinds.items()}, reading)
    return narrowed(part, look_back(part, touched, conversions, reading, stages=stages), reading).seen_from(at)


def find_touched(stitched: pd.DataFrame, reading: Reading) -> Touched:
    """The first stage of the evidence: visits, and the touches that they are."""
    visits = find_visits(stitched, reading.timeout_us)
    touches = touch_rows(stitched, visits, level=reading.level, app_direct=reading.app_direct)
    channel_of = touch_channels(stitched, touches, reading.rules)
    return Touched(visits, touches, channel_of, direct_touches(stitched, touches, channel_of, reading.rules))


def find_counted(
    stitched: pd.DataFrame, visits: Visits, kinds: Mapping[str, Flags], reading: Reading
) -> ConversionRows:
    """The second stage: the conversions, whenever they happened."""
    return conversion_rows(
        stitched,
        visits,
        kinds=kinds,
        refunds=reading.refunds,
        refund_events=reading.refund_events,
        rates=reading.rates,
        timeout_us=reading.timeout_us,
    )


def look_back(
    stitched: pd.DataFrame,
    touched: Touched,
    conversions: ConversionRows,
    reading: Reading,
    *,
    stages: tuple[str, ...] = (),
) -> Evidence:
    """The third stage: every conversion with the touches in its window."""
    journeys, steps = find_journeys(
        stitched,
        touched.touches,
        conversions,
        channel_of=touched.channel_of,
        is_direct=touched.is_direct,
        window=reading.window,
        stages=stages,
    )
    nowhere = np.zeros(0, dtype=np.int64)
    return Evidence(
        touched.touches, conversions, touched.channel_of, touched.is_direct, journeys, tuple(steps), nowhere
    )


def narrowed(stitched: pd.DataFrame, found: Evidence, reading: Reading) -> Evidence:
    """The last stage: the conversions of the dates asked for, and of their touches those that are kept."""
    found = _of_dates(stitched, found, reading.between)
    journeys, steps = _selected(found.journeys, len(found.touches.row), reading)
    return found._replace(journeys=journeys, steps=(*found.steps, *steps))


def channel_groups(found: Evidence) -> tuple[Ints, tuple[str, ...]]:
    """Each touch's channel as a number, and the channels' names."""
    return found.channel_of.codes.astype(np.int64), found.journeys.channels


class Population(NamedTuple):
    """Everybody's paths: those of the conversions, then those that people went without converting."""

    counts: PathCounts
    """A path a conversion, in the order of the journeys; then a null path a person."""
    person: Ints
    """Per path the code of its person_id."""


def population(
    stitched: pd.DataFrame, found: Evidence, reading: Reading, groups: tuple[Ints, tuple[str, ...]]
) -> Population:
    """The paths that total models look at; ``found``: of all persons. ``groups``: each touch's group, and their names.

    A null path is a person's touches after the last conversion (all of them, without one), whatever
    their age. Where dates are asked for it is what was known when they ended: later touches and
    conversions are not looked at; a conversion before them ends its journey all the same.
    """
    person, time = order.codes(stitched, "person_id").astype(np.int64), order.microseconds(stitched)
    converted_at = np.append(found.conversions.row, found.outside)
    converted_at = converted_at[time[converted_at] < reading.between.until_us]
    last = np.full(int(person.max(initial=-1)) + 2, np.iinfo(np.int64).min, dtype=np.int64)
    np.maximum.at(last, person[converted_at], time[converted_at])
    whose, when = person[found.touches.row], time[found.touches.row]
    touch = np.flatnonzero((when > last[whose]) & (when < reading.between.until_us))
    starts = np.flatnonzero(np.append([True], np.diff(whose[touch]) != 0)[: len(touch)])
    nulls = TouchPaths(
        indptr=np.append(starts, [len(touch)]),
        channel=found.channel_of.codes.astype(np.int64)[touch],
        channels=found.journeys.channels,
        is_direct=found.is_direct[touch],
        touch=touch,
    )
    for kept in selections(reading):
        nulls = nulls.narrowed(kept(nulls))
    ones, none = np.ones(len(starts)), np.zeros(len(starts))
    went = _counts(nulls.grouped(*groups), conversions=none, value=none, nulls=ones)
    journeys = found.journeys
    count = len(journeys.lengths)
    converted = _counts(
        journeys.grouped(*groups), conversions=np.ones(count), value=journeys.value, nulls=np.zeros(count)
    )
    return Population(converted + went, np.append(person[found.conversions.row], whose[touch[starts]]))


def _of_dates(stitched: pd.DataFrame, found: Evidence, between: Between) -> Evidence:
    """The conversions of the dates; whatever made one order of several rows is settled by now."""
    if between.is_all:
        return found
    conversions = found.conversions
    kept = between.holds(order.microseconds(stitched)[conversions.row])
    journeys = found.journeys.take(kept)
    value = conversions.value[~kept]
    reason = "outside the dates asked for"
    left_out = LeftOut("conversion", reason, len(value), math.fsum(value[~np.isnan(value)]))
    step = Step("looked back on by conversions outside the dates alone", in_journeys(journeys, len(found.touches.row)))
    return found._replace(
        conversions=conversions.take(kept, left_out),
        journeys=journeys,
        steps=(*found.steps, step),
        outside=conversions.row[~kept],
    )


def _selected(journeys: Journeys, touches: int, reading: Reading) -> tuple[Journeys, list[Step]]:
    """The journeys without the channels that are left out, then with their paths transformed."""
    steps = []
    for kept, reason in selections(reading).items():
        journeys = journeys.narrowed(kept(journeys))
        steps.append(Step(reason, in_journeys(journeys, touches)))
    return journeys, steps


def selections(reading: Reading) -> dict[Callable[[Paths], Flags], str]:
    """What says which places stay, in order, and why others go."""
    selections: dict[Callable[[Paths], Flags], str] = {}
    if reading.include is not None:
        selections[partial(_among, reading.include)] = "its channel is not included"
    if reading.exclude:
        selections[partial(_not_among, reading.exclude)] = "its channel is excluded"
    for transform in reading.transforms:
        selections[transform.kept] = f"taken out of its path by {transform}"
    return selections


def _among(names: tuple[str, ...], paths: Paths) -> Flags:
    flags: Flags = np.array([name in names for name in paths.channels] + [False], dtype=bool)[paths.channel]
    return flags


def _not_among(names: tuple[str, ...], paths: Paths) -> Flags:
    return ~_among(names, paths)


def _counts(paths: Paths, *, conversions: Floats, value: Floats, nulls: Floats) -> PathCounts:
    return PathCounts(
        indptr=paths.indptr,
        channel=paths.channel,
        channels=paths.channels,
        is_direct=paths.is_direct,
        conversions=conversions,
        value=value,
        nulls=nulls,
    )
