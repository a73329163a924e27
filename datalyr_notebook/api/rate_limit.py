"""When the next request is permitted: read from an answer's headers, and kept by all who ask with one key."""

from __future__ import annotations

import datetime as dt
import math
import re
import threading
from collections.abc import Mapping
from dataclasses import dataclass
from email.utils import parsedate_to_datetime
from typing import Final

PLAUSIBLE_S: Final = 3_600.0
"""A wait that two clocks dispute is taken from the one that makes it at most this long: the window is a minute."""

_NUMBER: Final = re.compile(r"\s*([0-9]{1,20}(?:\.[0-9]{1,9})?)\s*", re.ASCII)
_FIRST_EPOCH_S: Final = 1e9
"""Numbers below are seconds to wait (1e9 s since 1970 was in 2001)."""
_LAST_EPOCH_S: Final = 1e11
"""Numbers above are thousandths (or millionths) of seconds."""


@dataclass(frozen=True)
class RateLimit:
    """What an answer's headers say of the limit; None where they say nothing that can be read.

    ``remaining``: requests left in this window. ``reset_s``: seconds until the next window.
    ``retry_after_s``: seconds the server asks to wait.
    """

    remaining: int | None
    reset_s: float | None
    retry_after_s: float | None

    @property
    def wait_s(self) -> float | None:
        """Seconds until a refused request may be repeated: the later of what the two headers say."""
        return max((wait for wait in (self.reset_s, self.retry_after_s) if wait is not None), default=None)


def read_rate_limit(headers: Mapping[str, str], now: float) -> RateLimit:
    """The limit of an answer that came at ``now`` (epoch seconds by this computer's clock).

    ``X-RateLimit-Reset`` may be epoch seconds, epoch milliseconds or seconds to wait, ``Retry-After``
    seconds or a date. Moments are compared with the answer's own ``Date``, so a clock that is off by a
    day changes nothing; where that gives no plausible wait, with this computer's. A moment that is past
    and a header that is no number say nothing.

    >>> headers = {"X-RateLimit-Remaining": "0", "X-RateLimit-Reset": "1700000030", "Retry-After": "soon"}
    >>> read_rate_limit(headers, now=1_700_000_000)
    RateLimit(remaining=0, reset_s=30.0, retry_after_s=None)
    """
    clocks = [clock for clock in (epoch_s(headers.get("Date")), now) if clock is not None]
    remaining = _number(headers.get("X-RateLimit-Remaining"))
    reset = _number(headers.get("X-RateLimit-Reset"))
    after = headers.get("Retry-After")
    seconds = _number(after)
    return RateLimit(
        remaining=None if remaining is None else int(remaining),
        reset_s=None if reset is None else _until(reset, clocks),
        retry_after_s=_until(moment, clocks) if seconds is None and (moment := epoch_s(after)) else seconds,
    )


class Pace:
    """What is left of the rate limit, kept for every thread that asks with one key.

    It counts requests down by itself between answers, so that several threads together do not pass the limit.
    """

    def __init__(self) -> None:
        self._lock = threading.Lock()
        self._remaining: int | None = None
        self._reset_at = -math.inf

    def reserve(self, now: float) -> float:
        """Takes one request and answers 0, or takes none and answers the seconds until the next is permitted."""
        with self._lock:
            if now >= self._reset_at:
                self._remaining = None
            if self._remaining is None:
                return 0.0
            if self._remaining <= 0:
                return self._reset_at - now
            self._remaining -= 1
            return 0.0

    def learn(self, limit: RateLimit, now: float) -> None:
        """Takes over what an answer says; an older answer of the same window gives no request back."""
        if limit.remaining is None or limit.reset_s is None:
            return
        reset_at = now + limit.reset_s
        with self._lock:
            is_same_window = self._remaining is not None and reset_at <= self._reset_at + 1
            left = self._remaining if is_same_window and self._remaining is not None else limit.remaining
            self._remaining = min(left, limit.remaining)
            self._reset_at = max(reset_at, self._reset_at) if is_same_window else reset_at

    def hold(self, wait_s: float, now: float) -> None:
        """No request is permitted for so many seconds."""
        with self._lock:
            self._remaining, self._reset_at = 0, max(now + wait_s, self._reset_at)

    def release(self) -> None:
        """Forgets what is known: the next request asks the server itself."""
        with self._lock:
            self._remaining, self._reset_at = None, -math.inf


def _number(text: str | None) -> float | None:
    found = _NUMBER.fullmatch(text or "")
    return float(found[1]) if found else None


def epoch_s(text: str | None) -> float | None:
    """The moment of an HTTP date, which is always UTC; None where it is none."""
    try:
        moment = parsedate_to_datetime(text or "")
        return (moment if moment.tzinfo else moment.replace(tzinfo=dt.UTC)).timestamp()
    except (ValueError, TypeError, OverflowError, IndexError):
        return None


def _until(moment: float, clocks: list[float]) -> float | None:
    """Seconds from now to a moment (or to the end of a wait), None if it is past by every clock."""
    if moment < _FIRST_EPOCH_S:
        return moment
    while moment > _LAST_EPOCH_S:
        moment /= 1_000
    waits = [moment - clock for clock in clocks]
    ahead = [wait for wait in waits if wait > 0]
    return next((wait for wait in ahead if wait <= PLAUSIBLE_S), ahead[0] if ahead else None)
