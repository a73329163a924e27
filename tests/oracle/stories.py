"""What the oracle's own tests are told with: a row a line, clocks as text."""

from __future__ import annotations

from typing import Any

from .identity import Answer

MINUTE = 60 * 10**6
DAY = 24 * 60 * MINUTE


def at(clock: str, day: int = 0) -> int:
    """``"09:10"`` as microseconds into a day."""
    hour, minute = clock.split(":")
    return day * DAY + (int(hour) * 60 + int(minute)) * MINUTE


def event(
    time: int, name: str = "pageview", device: str | None = None, user: str | None = None, **more: object
) -> dict[str, Any]:
    return {
        "event_id": f"{name}@{time}", "timestamp": time, "event_name": name, "anonymous_id": device,
        "user_id": user, "sdk": "web", **more,
    }  # fmt: skip


def alias(time: int, previous: str, new: str, **more: object) -> dict[str, Any]:
    """An ``$alias`` without a device: ``previous`` became ``new``."""
    return event(time, "$alias", None, new, previous_id=previous, **more)


def match(time: int, app: str, web: str, method: str = "ip") -> dict[str, Any]:
    """An app finds the web device from which its person came."""
    name = "$web_attribution_matched"
    found = event(time, name, app, sdk="swift", web_visitor_id=web, match_method=method)
    return found | {"event_id": f"{app}-{web}@{time}"}


def persons(answers: list[Answer]) -> list[str | None]:
    return [person for person, _, _ in answers]


SHARED_DEVICE = [
    event(at("09:00"), "pageview", "d", session_id="s1"),
    event(at("09:10"), "$identify", "d", "u1", session_id="s1"),
    event(at("09:20"), "pageview", "d", session_id="s1"),
    event(at("12:00"), "pageview", "d", session_id="s2"),
    event(at("12:10"), "$identify", "d", "u2", session_id="s2"),
    event(at("15:00"), "pageview", "d", session_id="s3"),
]
"""The design's one shared device."""
