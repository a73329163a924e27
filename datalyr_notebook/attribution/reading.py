"""How events are read into journeys: the options of attribute, checked once, and what they find."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass
from functools import partial
from typing import NamedTuple

import numpy as np
import pandas as pd

from datalyr_notebook import options, order
from datalyr_notebook.attribution.paths import PathCounts
from datalyr_notebook.journeys.channel_options import Channels, channel_rules
from datalyr_notebook.journeys.channels import ChannelRule, channel_names
from datalyr_notebook.journeys.conversions import ConversionRows, conversion_rows
from datalyr_notebook.journeys.lookback import LookbackOption, read_lookback
from datalyr_notebook.journeys.paths import Paths, TouchPaths
from datalyr_notebook.journeys.touches import TouchRows, counting_options, direct_touches, touch_channels, touch_rows
from datalyr_notebook.journeys.transforms import PathOption, Transform, read_transforms
from datalyr_notebook.journeys.visits import find_visits
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

    def told(self) -> str:
        """What a headline must say of choices that are not the default."""
        choices = {
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
    )


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


def find_evidence(
    stitched: pd.DataFrame, at: Ints, kinds: Mapping[str, Flags], reading: Reading, *, stages: tuple[str, ...] = ()
) -> Evidence:
    """Touches, conversions and journeys of the persons whose rows stand ``at`` these places.

    All rows of a person, or none, stand there. Touches and conversions point into ``stitched``.
    ``stages``: the events that the models look for in a journey.
    """
    part = stitched if len(at) == len(stitched) else stitched.iloc[at]
    visits = find_visits(part, reading.timeout_us)
    touches = touch_rows(part, visits, level=reading.level, app_direct=reading.app_direct)
    conversions = conversion_rows(
        part,
        visits,
        kinds={kind: mask[at] for kind, mask in kinds.items()},
        refunds=reading.refunds,
        refund_events=reading.refund_events,
        rates=reading.rates,
        timeout_us=reading.timeout_us,
    )
    channel_of = touch_channels(part, touches, reading.rules)
    is_direct = direct_touches(part, touches, channel_of, reading.rules)
    journeys, steps = find_journeys(
        part,
        touches,
        conversions,
        channel_of=channel_of,
        is_direct=is_direct,
        window=reading.window,
        stages=stages,
    )
    journeys, more = _selected(journeys, len(touches.row), reading)
    seen = touches.seen_from(at), conversions.seen_from(at)
    return Evidence(*seen, channel_of, is_direct, journeys, (*steps, *more))


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
    their age.
    """
    person, time = order.codes(stitched, "person_id").astype(np.int64), order.microseconds(stitched)
    last = np.full(int(person.max(initial=-1)) + 2, np.iinfo(np.int64).min, dtype=np.int64)
    np.maximum.at(last, person[found.conversions.row], time[found.conversions.row])
    whose = person[found.touches.row]
    touch = np.flatnonzero(time[found.touches.row] > last[whose])
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
