"""Which touch earns a conversion, worked out slowly: five models on plain lists."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

from .events import microseconds

LOOKBACK_US = 90 * 24 * 3600 * 10**6
DIRECT_SOURCES = ("direct", "(direct)")
DIRECT_MEDIUMS = ("none", "(none)", "(not set)", "direct", "")

Touch = Mapping[str, Any]
Conversion = Mapping[str, Any]


def weights(
    touches: Sequence[Touch], conversion: Conversion, model: str, lookback_us: int | None = LOOKBACK_US
) -> list[float]:
    """The weight of each touch given, in the order given: 0 outside the journey.

    They sum to 1, or are all 0 where the journey has no touch and the credit is unattributed.
    """
    journey = journey_of(touches, conversion, lookback_us)
    if not journey:
        return [0.0] * len(touches)
    chosen = MODELS[model]([touches[place] for place in journey], conversion)
    share = {journey[place]: 1.0 / len(chosen) for place in chosen}
    return [share.get(place, 0.0) for place in range(len(touches))]


def journey_of(touches: Sequence[Touch], conversion: Conversion, lookback_us: int | None) -> list[int]:
    """Where the touches with ``conversion - lookback <= touch <= conversion`` of that person stand, in time order."""
    end = microseconds(conversion)
    inside = [
        place
        for place, touch in enumerate(touches)
        if touch["person_id"] == conversion["person_id"]
        and microseconds(touch) <= end
        and (lookback_us is None or microseconds(touch) >= end - lookback_us)
    ]
    return sorted(inside, key=lambda place: (microseconds(touches[place]), touches[place]["touch_id"]))


def is_direct(touch: Touch) -> bool:
    """Source direct with a medium that says nothing."""
    source, medium = touch.get("source") or "", touch.get("medium") or ""
    return source.casefold() in DIRECT_SOURCES and medium.casefold() in DIRECT_MEDIUMS


def in_own_session(touch: Touch, conversion: Conversion) -> bool:
    """Whether a touch belongs to the visit in which the conversion happened."""
    return conversion["visit"] is not None and touch["visit"] == conversion["visit"]


def _hybrid(journey: Sequence[Touch], conversion: Conversion) -> list[int]:
    """The last click in the conversion's own session; else the first click in the window.

    Else the first non-direct touch; else the last touch.
    """
    clicks = [place for place, touch in enumerate(journey) if touch.get("click_id")]
    own = [place for place in clicks if in_own_session(journey[place], conversion)]
    known = [place for place, touch in enumerate(journey) if not is_direct(touch)]
    return own[-1:] or clicks[:1] or known[:1] or [len(journey) - 1]


def _first_touch(journey: Sequence[Touch], conversion: Conversion) -> list[int]:  # noqa: ARG001
    """The first touch."""
    return [0]


def _last_touch(journey: Sequence[Touch], conversion: Conversion) -> list[int]:  # noqa: ARG001
    """The last touch, direct included."""
    return [len(journey) - 1]


def _last_non_direct(journey: Sequence[Touch], conversion: Conversion) -> list[int]:  # noqa: ARG001
    """The last touch that is not direct; all direct: the last touch."""
    known = [place for place, touch in enumerate(journey) if not is_direct(touch)]
    return known[-1:] or [len(journey) - 1]


def _linear(journey: Sequence[Touch], conversion: Conversion) -> list[int]:  # noqa: ARG001
    """Every touch the same."""
    return list(range(len(journey)))


MODELS = {
    "hybrid": _hybrid,
    "first_touch": _first_touch,
    "last_touch": _last_touch,
    "last_non_direct": _last_non_direct,
    "linear": _linear,
}
