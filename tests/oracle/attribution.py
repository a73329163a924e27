"""Which touch earns a conversion, worked out slowly: journeys and models on plain lists."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from itertools import pairwise
from typing import Any

from .events import microseconds

DAY_US = 24 * 3600 * 10**6
LOOKBACK_US = 90 * DAY_US
DIRECT_SOURCES = ("direct", "(direct)")
DIRECT_MEDIUMS = ("none", "(none)", "(not set)", "direct", "")

Touch = Mapping[str, Any]
Conversion = Mapping[str, Any]
Shares = list[float]


@dataclass(frozen=True)
class Options:
    """Which touches a conversion looks back on, and what a model sees of them.

    ``by_source``: source → its lookback, which goes before ``lookback_us``; None is any age. Touches need
    ``channel`` for ``include``, ``exclude`` and ``path``, ``person_since`` for ``evidence``.
    """

    lookback_us: int | None = LOOKBACK_US
    by_source: Mapping[str, int | None] | None = None
    touches_feed: str = "every"
    evidence: str = "all"
    include: Sequence[str] | None = None
    exclude: Sequence[str] = ()
    path: Sequence[str] = ()


def weights(
    touches: Sequence[Touch],
    conversion: Conversion,
    model: str,
    lookback_us: int | None = LOOKBACK_US,
    *,
    options: Options | None = None,
    others: Sequence[Conversion] = (),
    stages: Mapping[str, Sequence[int]] | None = None,
) -> Shares:
    """The weight of each touch given, in the order given: 0 outside the journey.

    They sum to 1, or are all 0 where the journey has no touch and the credit is unattributed. ``others``:
    all conversions. ``stages``: stage event → the times at which this person reached it.
    """
    chosen = options or Options(lookback_us=lookback_us)
    journey = journey_of(touches, conversion, chosen, others)
    if not journey:
        return [0.0] * len(touches)
    reached = {stage: when(times, conversion, chosen, others) for stage, times in (stages or {}).items()}
    shares = MODELS[model]([touches[place] for place in journey], conversion | {"reached": reached})
    assert abs(sum(shares) - 1) < 1e-9
    share = dict(zip(journey, shares, strict=True))
    return [share.get(place, 0.0) for place in range(len(touches))]


# journeys


def journey_of(
    touches: Sequence[Touch], conversion: Conversion, options: Options, others: Sequence[Conversion] = ()
) -> list[int]:
    """Where the touches that this conversion looks back on stand, in time order."""
    inside = [place for place, touch in enumerate(touches) if looks_back(conversion, touch, options, others)]
    inside.sort(key=lambda place: (microseconds(touches[place]), touches[place]["touch_id"]))
    included = options.include
    inside = [
        place
        for place in inside
        if (included is None or touches[place]["channel"] in included)
        and touches[place].get("channel") not in options.exclude
    ]
    for name in options.path:
        inside = transformed(name, inside, [touches[place].get("channel") for place in inside])
    return inside


def looks_back(conversion: Conversion, touch: Touch, options: Options, others: Sequence[Conversion]) -> bool:
    """``conversion - lookback <= touch <= conversion`` of that person; known by then, and not the food of another."""
    age = microseconds(conversion) - microseconds(touch)
    if touch["person_id"] != conversion["person_id"] or age < 0:
        return False
    limit = (options.by_source or {}).get(touch.get("source") or "", options.lookback_us)
    if limit is not None and age > limit:
        return False
    if options.evidence == "at_conversion" and microseconds({"timestamp": touch["person_since"]}) > microseconds(
        conversion
    ):
        return False
    return options.touches_feed == "every" or not any(
        other["person_id"] == conversion["person_id"]
        and microseconds(touch) <= microseconds(other) < microseconds(conversion)
        for other in others
    )


def when(times: Sequence[int], conversion: Conversion, options: Options, others: Sequence[Conversion]) -> int | None:
    """The first time within the longest lookback, behind the order before where that took its touches."""
    end = microseconds(conversion)
    limits = [options.lookback_us, *(options.by_source or {}).values()]
    known = [limit for limit in limits if limit is not None]
    start = end - max(known) if len(known) == len(limits) else None
    before = [
        microseconds(other)
        for other in others
        if options.touches_feed == "next"
        and other["person_id"] == conversion["person_id"]
        and microseconds(other) < end
    ]
    fits = [
        time
        for time in sorted(times)
        if time <= end and (start is None or time >= start) and all(time > other for other in before)
    ]
    return fits[0] if fits else None


def transformed(name: str, places: list[int], channels: list[str | None]) -> list[int]:
    """What the transform of this name leaves of a path."""
    pairs = list(zip(places, channels, strict=True))
    transform, _, argument = name.rstrip(")").partition("(")
    if transform == "exposure":
        return places[:1] + [place for (_, one), (place, other) in pairwise(pairs) if one != other]
    if transform == "first":
        return [place for at, (place, channel) in enumerate(pairs) if channel not in channels[:at]]
    if transform == "last":
        return places[-int(argument) :]
    if transform == "remove_if_not_all":
        return [place for place, channel in pairs if channel != argument] or places
    if transform == "remove_if_last_and_not_all":
        kept = list(pairs)
        while kept and kept[-1][1] == argument:
            kept.pop()
        return [place for place, _ in kept] or places
    return places


# what a touch is


def is_direct(touch: Touch) -> bool:
    """Source direct with a medium that says nothing."""
    source, medium = touch.get("source") or "", touch.get("medium") or ""
    return source.casefold() in DIRECT_SOURCES and medium.casefold() in DIRECT_MEDIUMS


def in_own_session(touch: Touch, conversion: Conversion) -> bool:
    """Whether a touch belongs to the visit in which the conversion happened."""
    return conversion["visit"] is not None and touch["visit"] == conversion["visit"]


# models: the share of each touch of a journey, which has at least one


def one(choose: Callable[[Sequence[Touch], Conversion], list[int]], *, last: bool) -> Callable[..., Shares]:
    """The first or last touch of those chosen takes all."""

    def shares(journey: Sequence[Touch], conversion: Conversion) -> Shares:
        taken = choose(journey, conversion)[-1 if last else 0]
        return [float(place == taken) for place in range(len(journey))]

    return shares


def clicks(journey: Sequence[Touch]) -> list[int]:
    """The touches with a click id."""
    return [place for place, touch in enumerate(journey) if touch.get("click_id")]


def known(journey: Sequence[Touch]) -> list[int]:
    """The touches that are not direct."""
    return [place for place, touch in enumerate(journey) if not is_direct(touch)]


def every(journey: Sequence[Touch]) -> list[int]:
    """All touches."""
    return list(range(len(journey)))


def own(journey: Sequence[Touch], conversion: Conversion) -> list[int]:
    """The touches of the conversion's own session."""
    return [place for place, touch in enumerate(journey) if in_own_session(touch, conversion)]


def _hybrid(journey: Sequence[Touch], conversion: Conversion) -> list[int]:
    """The last click in the conversion's own session; else the first click in the window.

    Else the first non-direct touch; else the last touch.
    """
    both = [place for place in clicks(journey) if place in own(journey, conversion)]
    return both[-1:] or clicks(journey)[:1] or known(journey)[:1] or every(journey)[-1:]


def _linear(journey: Sequence[Touch], conversion: Conversion) -> Shares:  # noqa: ARG001
    """Every touch the same."""
    return [1 / len(journey)] * len(journey)


def _linear_by_channel(journey: Sequence[Touch], conversion: Conversion) -> Shares:  # noqa: ARG001
    """Every distinct channel the same, its touches the same."""
    channels = [touch["channel"] for touch in journey]
    return [1 / len(set(channels)) / channels.count(channel) for channel in channels]


def _time_decay(journey: Sequence[Touch], conversion: Conversion) -> Shares:
    """2 ** (-age / 7 days), normalized."""
    ages = [(microseconds(conversion) - microseconds(touch)) / DAY_US for touch in journey]
    return normalized([2.0 ** (-(age - min(ages)) / 7) for age in ages])


def by_position(first: float, last: float) -> Callable[..., Shares]:
    """A share for the first touch, one for the last, the rest for those between them."""

    def shares(journey: Sequence[Touch], conversion: Conversion) -> Shares:  # noqa: ARG001
        return anchored([(0, first), (len(journey) - 1, last)], 1 - first - last, len(journey))

    return shares


def by_stages(share: float, *stages: str) -> Callable[..., Shares]:
    """The same share for the first touch, the last before each stage, and the last; 0.1 for the rest."""

    def shares(journey: Sequence[Touch], conversion: Conversion) -> Shares:
        anchors = [(0, share), (len(journey) - 1, share)]
        for stage in stages:
            time = conversion["reached"].get(stage)
            before = [place for place, touch in enumerate(journey) if time is not None and microseconds(touch) <= time]
            anchors += [(place, share) for place in before[-1:]]
        return anchored(anchors, 0.1, len(journey))

    return shares


def anchored(anchors: Sequence[tuple[int, float]], rest: float, count: int) -> Shares:
    """What stands at several anchors gets all their shares; a rest that is nobody's is renormalized."""
    places = {place for place, _ in anchors}
    between = count - len(places)
    return normalized(
        [
            sum(share for anchor, share in anchors if anchor == place) if place in places else rest / between
            for place in range(count)
        ]
    )


def normalized(shares: Shares) -> Shares:
    """Shares that sum to 1."""
    return [share / sum(shares) for share in shares]


MODELS: dict[str, Callable[[Sequence[Touch], Conversion], Shares]] = {
    "hybrid": one(_hybrid, last=True),
    "first_touch": one(lambda journey, _: every(journey), last=False),
    "last_touch": one(lambda journey, _: every(journey), last=True),
    "session_touch": one(lambda journey, sale: own(journey, sale) or every(journey), last=True),
    "last_click": one(lambda journey, _: clicks(journey) or known(journey) or every(journey), last=True),
    "last_non_direct": one(lambda journey, _: known(journey) or every(journey), last=True),
    "linear": _linear,
    "linear_by_channel": _linear_by_channel,
    "time_decay": _time_decay,
    "position_based": by_position(0.4, 0.4),
    "j_shaped": by_position(0.2, 0.6),
    "inverse_j": by_position(0.6, 0.2),
    "w_shaped": by_stages(0.3, "lead"),
    "full_path": by_stages(0.225, "lead", "opportunity"),
}
