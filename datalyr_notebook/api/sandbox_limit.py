"""The sandbox's rate limit: so many requests in a window of a minute, and the headers that say how many are left."""

from __future__ import annotations

from collections.abc import Callable
from math import ceil
from typing import Final, NamedTuple

_WINDOW_S: Final = 60


class Allowance(NamedTuple):
    """What one request was told."""

    is_permitted: bool
    headers: dict[str, str]
    """``X-RateLimit-Limit``, ``-Remaining`` and ``-Reset``; none where there is no limit."""
    reset: int
    """When the next window begins, seconds since 1970."""


class RateLimit:
    """Counts requests; the window begins with the first one. Whoever calls it holds a lock.

    >>> limit = RateLimit(1, lambda: 1_000.0)
    >>> limit.take().headers
    {'X-RateLimit-Limit': '1', 'X-RateLimit-Remaining': '0', 'X-RateLimit-Reset': '1060'}
    >>> limit.take().is_permitted
    False
    """

    def __init__(self, requests_per_minute: int | None, now: Callable[[], float]) -> None:
        self._limit, self._now = requests_per_minute, now
        self._reset, self._taken = 0, 0

    def take(self, *, counts: bool = True) -> Allowance:
        """Tell one request what it may, and count it."""
        now = self._now()
        if now >= self._reset:
            self._reset, self._taken = ceil(now) + _WINDOW_S, 0
        if self._limit is None:
            return Allowance(is_permitted=True, headers={}, reset=self._reset)
        is_permitted = self._taken < self._limit
        self._taken += is_permitted and counts
        headers = {
            "X-RateLimit-Limit": str(self._limit),
            "X-RateLimit-Remaining": str(self._limit - self._taken),
            "X-RateLimit-Reset": str(self._reset),
        }
        return Allowance(is_permitted, headers, self._reset)
