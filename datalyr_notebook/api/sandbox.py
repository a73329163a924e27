"""A server on this machine that answers as a Datalyr workspace might, for tests and for learning.

``with Sandbox(events) as url`` serves sample events under ``http://127.0.0.1:<port>/api/v1``;
``python -m datalyr_notebook.api.sandbox`` does so until Ctrl-C. It is a real HTTP server over a socket, on
this machine alone.

What is Datalyr's (docs.datalyr.com/sdks/api): the header ``Authorization: Bearer dk_…``, the rate limit and
its three headers, 401, 403 and 429, ``start_date`` and ``end_date`` (ISO 8601, both included), the paths
``/overview``, ``/traffic`` and ``/devices`` and their parameters. What is ours: every shape of an answer, and
all of ``/events/…``. The public pages that we could read show no answer, and describe no endpoint of events.
"""

from __future__ import annotations

import argparse
import hmac
import signal
import threading
import time
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from dataclasses import replace
from email.utils import formatdate
from functools import cache
from itertools import count
from types import TracebackType
from typing import Final
from urllib.parse import urlencode

import pandas as pd

from datalyr_notebook import notices, options, schema
from datalyr_notebook.api.sandbox_aggregates import AGGREGATES
from datalyr_notebook.api.sandbox_faults import Fault, Moment, failed
from datalyr_notebook.api.sandbox_limit import Allowance, RateLimit
from datalyr_notebook.api.sandbox_pages import STYLES, events_page
from datalyr_notebook.api.sandbox_reply import Call, RefusedError, Reply, as_json
from datalyr_notebook.api.sandbox_rows import EncodedRows, encode_bodies, encode_events
from datalyr_notebook.api.sandbox_server import HOST, LoopbackServer, Request
from datalyr_notebook.errors import DatalyrError, OptionError
from datalyr_notebook.loading.files import read_events
from datalyr_notebook.loading.normalize import as_canonical
from datalyr_notebook.loading.samples import load_sample

__all__ = ["Fault", "Sandbox", "main"]

KEY: Final = "dk_sandbox"
BASE: Final = "/api/v1"
SAMPLE: Final = "spring_sale"

_EVENTS: Final = "/events/"
_LARGEST_PORT: Final = 65_535


class Sandbox:
    """Serves events on 127.0.0.1, with Datalyr's key check and rate limit, and fails where it is told to.

    ``events`` is a DataFrame (canonical, else it is normalized), or a list of dicts that are served as they
    are (each needs a ``timestamp``); None serves the sample ``spring_sale``. ``requests_per_minute=None``
    has no limit. ``port=0`` takes a free one. ``now`` is the server's clock, seconds since 1970.

    Below ``/api/v1``: ``/overview``, ``/traffic``, ``/devices`` (numbers of these events, see
    ``sandbox_aggregates``), ``/plan_only`` (always 403), and one page of events at

    - ``/events/cursor``: ``limit``, ``cursor`` → ``{"data": […], "next_cursor": "…" or null, "has_more": …}``
    - ``/events/page``: ``page`` (from 1), ``page_size`` →
      ``{"events": […], "page": 1, "page_size": …, "total_pages": …, "total": …}``
    - ``/events/offset``: ``offset``, ``limit`` → ``{"results": […], "offset": 0, "limit": …, "total": …}``
    - ``/events/link``: ``limit``, ``after`` → an array, and ``Link: <address>; rel="next"``

    each with ``start_date`` and ``end_date``, both included; 1,000 rows a page unless said, 10,000 at most.
    The endpoints of events and all shapes are ours, not Datalyr's. Rows come in order of time.

    ``requests`` tells what was asked, ``fail`` sets other faults while it runs. Closing hangs up on everybody.

    Raises OptionError, and what normalize_events raises.

    >>> import json, urllib.request
    >>> asked = "/overview?start_date=2026-04-01&end_date=2026-04-02&aggregation=day"
    >>> with Sandbox() as url:
    ...     request = urllib.request.Request(url + asked, headers={"Authorization": "Bearer dk_sandbox"})
    ...     with urllib.request.urlopen(request) as answer:
    ...         json.load(answer)["date"]
    ['2026-04-01T00:00:00Z', '2026-04-02T00:00:00Z']
    """

    def __init__(
        self,
        events: pd.DataFrame | Sequence[Mapping[str, object]] | None = None,
        *,
        key: str = KEY,
        requests_per_minute: int | None = 100,
        faults: Iterable[Fault] = (),
        port: int = 0,
        host: str = HOST,
        now: Callable[[], float] = time.time,
    ) -> None:
        if host not in (HOST, "localhost"):
            raise OptionError("Sandbox", "host", host, f"{HOST!r}: the sandbox is for this machine alone")
        if isinstance(port, bool) or not isinstance(port, int) or not 0 <= port <= _LARGEST_PORT:
            raise OptionError("Sandbox", "port", port, f"a number from 0 (any free port) to {_LARGEST_PORT}")
        if not isinstance(key, str) or not key:
            raise OptionError("Sandbox", "key", key, f"a text such as {KEY!r}")
        if requests_per_minute is not None:
            options.count("Sandbox", "requests_per_minute", requests_per_minute)
        self._key, self._port, self._now = key, port, now
        self._limit = RateLimit(requests_per_minute, now)
        self._rows, self._events = _rows_and_events(events)
        self._server: LoopbackServer | None = None
        self._lock = threading.Lock()
        self._calls: list[Call] = []
        self._before: dict[tuple[str, str | None, str | None], Reply] = {}
        self._faults: list[tuple[Fault, Iterator[int]]] = []
        if isinstance(faults, Fault | str) or not isinstance(faults, Iterable):
            raise OptionError("Sandbox", "faults", faults, "a list of faults such as [Fault('error', at=2)]")
        self.fail(*faults)

    def __enter__(self) -> str:
        return self.open()

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.close()

    def __repr__(self) -> str:
        where = "closed" if self._server is None else f"at {self.url}"
        return f"<Sandbox {where}: {len(self._rows.time):,} events, {len(self.requests):,} requests>"

    def open(self) -> str:
        """Start serving; returns the address, as ``base_url`` of a client. An open one stays as it is.

        Raises OptionError where the port is taken.
        """
        if self._server is None:
            try:
                self._server = LoopbackServer(self._port, self._answer)
            except OSError as refused:
                said = f"a port that is free ({refused.strerror}), or 0 for any"
                raise OptionError("Sandbox", "port", self._port, said) from None
        return self.url

    def close(self) -> None:
        """Stop serving and hang up on everybody; a closed one stays as it is."""
        server, self._server = self._server, None
        if server is not None:
            server.close()

    @property
    def url(self) -> str:
        """Where it serves: ``http://127.0.0.1:<port>/api/v1``; port 0 while it is closed and has none."""
        return self._address(HOST)

    @property
    def requests(self) -> tuple[Call, ...]:
        """What was asked, in order: path, parameters, names of the headers, whether a key came."""
        with self._lock:
            return tuple(self._calls)

    def fail(self, *faults: Fault) -> None:
        """From now on these faults and no others; requests are counted anew. None: nothing fails.

        Raises OptionError for what is no fault.
        """
        for fault in faults:
            if not isinstance(fault, Fault):
                raise OptionError("Sandbox", "faults", fault, "faults such as Fault('error', at=2)")
        with self._lock:
            self._faults = [(fault, count(1)) for fault in faults]

    # ---- one request -----------------------------------------------------------------------------

    def _answer(self, request: Request) -> Reply:
        authorization = request.headers.get("Authorization")
        is_key = hmac.compare_digest((authorization or "").encode(), f"Bearer {self._key}".encode())
        is_api = request.asked.startswith(f"{BASE}/")
        call = Call(
            request.asked.removeprefix(BASE) if is_api else request.asked,
            is_api,
            request.params,
            tuple(name.lower() for name in request.headers),
            has_authorization=authorization is not None,
            has_key=is_key,
        )
        with self._lock:
            self._calls.append(call)
            number = len(self._calls)
            allowance = self._limit.take(counts=is_key)
            fault = self._due(call.path) if is_key and allowance.is_permitted else None
        reply = self._judged(call, allowance, fault)
        common = {"Date": formatdate(self._now(), usegmt=True), "X-Request-Id": f"req_{number:06d}"}
        return replace(reply, headers={**common, **allowance.headers, **reply.headers})

    def _judged(self, call: Call, allowance: Allowance, fault: Fault | None) -> Reply:
        """The answer, whatever it is; where a fault is due, with it."""
        if not call.has_key:
            said = "is not valid" if call.has_authorization else "is missing"
            return RefusedError(401, "unauthorized", f"the API key {said}").reply
        if not allowance.is_permitted:
            return RefusedError(429, "rate_limited", "rate limit exceeded").reply
        if fault is None:
            return self._served(call)
        query = f"?{urlencode(call.params)}" if call.params else ""
        elsewhere = f"{self._address('localhost')}{call.path}{query}"
        moment = Moment(self._now(), allowance.reset, elsewhere, self._before.get(_window(call)))
        return failed(fault, lambda more: self._served(call, more=more), moment)

    def _served(self, call: Call, *, more: int = 0) -> Reply:
        """The answer where nothing is wrong with the server."""
        try:
            return self._found(call, more)
        except RefusedError as refused:
            return refused.reply

    def _found(self, call: Call, more: int) -> Reply:
        """What is at a path. Raises RefusedError."""
        if call.is_api and call.path.removeprefix(_EVENTS) in STYLES:
            style = call.path.removeprefix(_EVENTS)
            reply = events_page(style, self._rows, call.params, self.url + call.path, more=more)
            self._before[_window(call)] = reply
            return reply
        if call.is_api and call.path in AGGREGATES:
            return as_json(AGGREGATES[call.path](self._events(), call.params))
        if call.is_api and call.path == "/plan_only":
            raise RefusedError(403, "plan", "this feature is not available on your plan")
        raise RefusedError(404, "not_found", f"there is no such endpoint; all are below {BASE}")

    def _due(self, path: str) -> Fault | None:
        """The fault that happens to this request; each counts the requests it looks at."""
        looking = [(fault, next(requests)) for fault, requests in self._faults if path.startswith(fault.path)]
        return next((fault for fault, request in looking if fault.happens_to(request)), None)

    def _address(self, host: str) -> str:
        port = self._port if self._server is None else self._server.port
        return f"http://{host}:{port}{BASE}"


def _window(call: Call) -> tuple[str, str | None, str | None]:
    return call.path, call.params.get("start_date"), call.params.get("end_date")


def _rows_and_events(events: object) -> tuple[EncodedRows, Callable[[], pd.DataFrame]]:
    """The rows that are served, and a function that answers with them as canonical events."""
    if events is None:
        events = load_sample(SAMPLE)
    if isinstance(events, pd.DataFrame):
        canonical = as_canonical(events, "Sandbox")
        return encode_events(canonical), lambda: canonical
    if not isinstance(events, Sequence) or not all(isinstance(body, Mapping) for body in events):
        raise OptionError("Sandbox", "events", events, "a DataFrame of events, a list of dicts, or None for a sample")
    bodies = list(events)
    return encode_bodies(bodies), cache(lambda: _read(bodies))


def _read(bodies: list[Mapping[str, object]]) -> pd.DataFrame:
    """Rows handed through, as events. Raises RefusedError where they are none."""
    if not bodies:
        return schema.empty(schema.EVENTS)
    try:
        with notices.repeated():  # whoever pulls these rows is told what was repaired
            return read_events([dict(body) for body in bodies])
    except DatalyrError as unreadable:
        raise RefusedError(500, "unreadable_events", str(unreadable)) from None


# ---- from the command line -----------------------------------------------------------------------


def main(given: Sequence[str] | None = None) -> None:
    """``python -m datalyr_notebook.api.sandbox``: serve until Ctrl-C."""
    parser = argparse.ArgumentParser(
        prog="python -m datalyr_notebook.api.sandbox",
        description="Serves events on this machine as a Datalyr workspace might, until Ctrl-C.",
    )
    parser.add_argument("--port", type=int, default=0, help="port to listen on (default: any free one)")
    parser.add_argument("--events", metavar="FILE", help=f"what read_events reads (default: the sample {SAMPLE})")
    parser.add_argument("--key", default=KEY, help=f"the API key it asks for (default: {KEY})")
    parser.add_argument(
        "--requests-per-minute", type=int, default=100, metavar="N", help="0 for no limit (default: 100)"
    )
    asked = parser.parse_args(given)
    try:
        sandbox = Sandbox(
            None if asked.events is None else read_events(asked.events),
            key=asked.key,
            requests_per_minute=asked.requests_per_minute or None,
            port=asked.port,
        )
        url = sandbox.open()
    except DatalyrError as wrong:
        parser.error(str(wrong))
    # Shells start background work with Ctrl-C ignored: then nothing but a kill would end it.
    before = signal.signal(signal.SIGINT, signal.default_int_handler)
    try:
        print(url)  # noqa: T201  (a command line's answer)
        print(f"dn.Client({asked.key!r}, base_url={url!r})", flush=True)  # noqa: T201
        while True:
            time.sleep(3_600)  # an Event would not hear Ctrl-C on Windows
    except KeyboardInterrupt:
        pass
    finally:
        signal.signal(signal.SIGINT, before)
        sandbox.close()


if __name__ == "__main__":
    main()
