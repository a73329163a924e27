"""What can go wrong between a client and a server, each on purpose and at a known request."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import KW_ONLY, dataclass, replace
from email.utils import formatdate
from math import ceil
from typing import Final, NamedTuple, TypeAlias

from datalyr_notebook import options
from datalyr_notebook.api.sandbox_reply import HTML, RefusedError, Reply
from datalyr_notebook.errors import OptionError

TELLS: Final = ("reset", "seconds", "date")
"""How a 429 may say when the next request is permitted."""

_DAY_S: Final = 86_400
_LOGIN: Final = b"<!doctype html><html><head><title>Sign in</title></head><body><form>Sign in</form></body></html>"
_GATEWAY: Final = b"<html><head><title>Bad Gateway</title></head><body><h1>Bad Gateway</h1></body></html>"


@dataclass(frozen=True)
class Fault:
    """One kind of failure, and the requests it happens to.

    Requests are counted from 1, by each fault for itself: those whose path starts with ``path`` (behind
    ``/api/v1``; ``"/events"`` means every style), with the right key and within the rate limit. The fault
    happens to the ``at``-th and ``times - 1`` more in a row; with ``every=n`` to each n-th, ``times`` times
    or (None) without end. Where several are due at once, the first one happens.

    ``kind`` is one of ``KINDS``:

    - ``rate_limit``: 429; ``tells`` that the wait is ``wait_s``: ``"reset"`` (``X-RateLimit-Reset``),
      ``"seconds"`` or ``"date"`` (``Retry-After``).
    - ``error``: ``status``, 500 unless said; 502 and 504 answer in HTML, as gateways do.
    - ``slow``: ``wait_s`` seconds pass before the answer.
    - ``cut``: the connection ends in the middle of the body. ``hang_up``: it ends without an answer.
    - ``invalid_json``: half of the body, and its length says that this is all.
    - ``html``: 200 with a login page.
    - ``duplicate_page``: what this path answered before for the same dates, once more (a stale cache).
    - ``changed_total``: the page claims one row more than there is; cursors and links claim no total.
    - ``huge``: a body of ``size`` bytes, announced or (``is_announced=False``) in chunks.
    - ``bad_header``: rate limit headers that are no numbers, on the answer or (``status=429``) on that one.
    - ``redirect``: ``status``, 302 unless said, to ``location``; left out, to this server by another host name.
    - ``wrong_date``: ``Date`` and ``X-RateLimit-Reset`` of a clock that is a day fast, on the answer or
      (``status=429``, for ``wait_s``) on that one. ``Sandbox(now=…)`` sets the clock of all answers.

    Raises OptionError.

    >>> Fault("error", at=2, times=2, path="/events", status=503).happens_to(3)
    True
    """

    kind: str
    _: KW_ONLY
    at: int = 1
    every: int | None = None
    times: int | None = None
    path: str = ""
    status: int | None = None
    wait_s: float = 1.0
    tells: str = "reset"
    location: str = ""
    size: int = 500_000_000
    is_announced: bool = True

    def __post_init__(self) -> None:
        options.one_of("Fault", "kind", self.kind, KINDS)
        options.one_of("Fault", "tells", self.tells, TELLS)
        options.count("Fault", "at", self.at)
        for name in ("every", "times"):
            if getattr(self, name) is not None:
                options.count("Fault", name, getattr(self, name))
        if self.every is not None and self.at != 1:
            raise OptionError("Fault", "at", self.at, "either at= or every=")
        if self.status is not None and not (_is_number(self.status) and 100 <= self.status < 600):
            raise OptionError("Fault", "status", self.status, "an HTTP status such as 503")
        if not (_is_number(self.wait_s) and self.wait_s >= 0):
            raise OptionError("Fault", "wait_s", self.wait_s, "seconds, 0 or more")

    def happens_to(self, request: int) -> bool:
        """Whether the fault happens to this request, counted from 1 among those it looks at."""
        if self.every is not None:
            return request % self.every == 0 and (self.times is None or request // self.every <= self.times)
        return self.at <= request < self.at + (self.times or 1)


def _is_number(given: object) -> bool:
    return isinstance(given, int | float) and not isinstance(given, bool)


class Moment(NamedTuple):
    """What a fault can make use of."""

    now: float
    """The server's clock, seconds since 1970."""
    reset: int
    """When its rate limit starts anew."""
    elsewhere: str
    """The address that was asked for, by another host name."""
    before: Reply | None
    """What this path answered before for the same dates."""


Serve: TypeAlias = Callable[[int], Reply]
"""Answers as if nothing were wrong, with so many rows more in the total."""


def failed(fault: Fault, serve: Serve, moment: Moment) -> Reply:
    """The answer with a fault in it."""
    return KINDS[fault.kind](fault, serve, moment)


def _rate_limit(fault: Fault, _: Serve, moment: Moment) -> Reply:
    over = ceil(moment.now + fault.wait_s)
    told = {
        "reset": {"X-RateLimit-Reset": str(over)},
        "seconds": {"Retry-After": str(ceil(fault.wait_s))},
        "date": {"Retry-After": formatdate(over, usegmt=True)},
    }[fault.tells]
    return _refusal(429, "rate_limited", "too many requests", {"X-RateLimit-Remaining": "0", **told})


def _error(fault: Fault, _: Serve, __: Moment) -> Reply:
    status = fault.status or 500
    if status in (502, 504):
        return Reply(status, (_GATEWAY,), content_type=HTML)
    return _refusal(status, "server_error", "something went wrong on our side")


def _slow(fault: Fault, serve: Serve, _: Moment) -> Reply:
    return replace(serve(0), wait_s=fault.wait_s)


def _cut(_: Fault, serve: Serve, __: Moment) -> Reply:
    return replace(serve(0), sent=0.5)


def _hang_up(_: Fault, __: Serve, ___: Moment) -> Reply:
    return Reply(200, sent=0.0)


def _invalid_json(_: Fault, serve: Serve, __: Moment) -> Reply:
    served = serve(0)
    body = b"".join(served.parts)
    return replace(served, parts=(body[: len(body) // 2],))


def _html(_: Fault, __: Serve, ___: Moment) -> Reply:
    return Reply(200, (_LOGIN,), content_type=HTML)


def _duplicate_page(_: Fault, serve: Serve, moment: Moment) -> Reply:
    return moment.before or serve(0)


def _changed_total(_: Fault, serve: Serve, __: Moment) -> Reply:
    return serve(1)


def _huge(fault: Fault, _: Serve, __: Moment) -> Reply:
    return Reply(200, (b"[",), blanks=fault.size - 1, is_chunked=not fault.is_announced)


def _bad_header(fault: Fault, serve: Serve, _: Moment) -> Reply:
    headers = {"X-RateLimit-Limit": "many", "X-RateLimit-Remaining": "-", "X-RateLimit-Reset": "soon"}
    if fault.status is not None:
        return _refusal(fault.status, "refused", "not now", {**headers, "Retry-After": "a while"})
    served = serve(0)
    return replace(served, headers={**served.headers, **headers})


def _redirect(fault: Fault, _: Serve, moment: Moment) -> Reply:
    return Reply(fault.status or 302, headers={"Location": fault.location or moment.elsewhere})


def _wrong_date(fault: Fault, serve: Serve, moment: Moment) -> Reply:
    date = {"Date": formatdate(moment.now + _DAY_S, usegmt=True)}
    if fault.status is not None:
        over = ceil(moment.now + fault.wait_s) + _DAY_S
        return _refusal(fault.status, "refused", "not now", {**date, "X-RateLimit-Reset": str(over)})
    served = serve(0)
    reset = {"X-RateLimit-Reset": str(moment.reset + _DAY_S)}
    return replace(served, headers={**served.headers, **date, **reset})


def _refusal(status: int, code: str, message: str, headers: Mapping[str, str] | None = None) -> Reply:
    return replace(RefusedError(status, code, message).reply, headers=headers or {})


KINDS: Final[Mapping[str, Callable[[Fault, Serve, Moment], Reply]]] = {
    "rate_limit": _rate_limit,
    "error": _error,
    "slow": _slow,
    "cut": _cut,
    "hang_up": _hang_up,
    "invalid_json": _invalid_json,
    "html": _html,
    "duplicate_page": _duplicate_page,
    "changed_total": _changed_total,
    "huge": _huge,
    "bad_header": _bad_header,
    "redirect": _redirect,
    "wrong_date": _wrong_date,
}
"""Kind → the answer with this fault in it."""
