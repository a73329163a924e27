"""A server on a real socket that answers what a test tells it, and a clock that a test can read."""

from __future__ import annotations

import json
import threading
import time
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from email.message import Message
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from types import TracebackType
from typing import Any, Self
from urllib.parse import parse_qs, urlsplit

KEY = "dk_live_5up3r53cr3t"


@dataclass(frozen=True)
class Reply:
    """One answer. ``cut``: bytes after which the connection ends; ``stream``: a body of unknown length.

    ``announced``: what Content-Length says instead of the truth.
    """

    body: bytes | object = b"{}"
    status: int = 200
    headers: dict[str, str] = field(default_factory=dict)
    cut: int | None = None
    stream: Callable[[], Iterator[bytes]] | None = None
    announced: int | str | None = None
    delay_s: float = 0

    @property
    def content(self) -> bytes:
        return self.body if isinstance(self.body, bytes) else json.dumps(self.body).encode()


@dataclass(frozen=True)
class Asked:
    """One request as it came in."""

    path: str
    params: dict[str, list[str]]
    headers: Message


class ScriptedServer:
    """Gives its replies in turn, the last of them again and again; ``asked`` is what came in."""

    def __init__(self, *replies: Reply) -> None:
        self.replies = list(replies) or [Reply()]
        self.asked: list[Asked] = []
        self._lock = threading.Lock()
        outer = self

        class Handler(BaseHTTPRequestHandler):
            protocol_version = "HTTP/1.1"

            def log_message(self, *_: object) -> None: ...

            def do_GET(self) -> None:
                parts = urlsplit(self.path)
                outer._answer(self, Asked(parts.path, parse_qs(parts.query), self.headers))

        self._http = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
        self._http.daemon_threads = True
        self._thread = threading.Thread(target=self._http.serve_forever, kwargs={"poll_interval": 0.01}, daemon=True)

    @property
    def origin(self) -> str:
        return f"http://127.0.0.1:{self._http.server_port}"

    @property
    def url(self) -> str:
        return f"{self.origin}/api/v1"

    def __enter__(self) -> Self:
        self._thread.start()
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self._http.shutdown()
        self._http.server_close()

    def _answer(self, handler: BaseHTTPRequestHandler, asked: Asked) -> None:
        with self._lock:
            reply = self.replies[min(len(self.asked), len(self.replies) - 1)]
            self.asked.append(asked)
        time.sleep(reply.delay_s)
        try:
            self._write(handler, reply)
        except OSError:  # the client went away, as it should in some tests
            handler.close_connection = True

    @staticmethod
    def _write(handler: BaseHTTPRequestHandler, reply: Reply) -> None:
        if reply.cut is not None and reply.cut < 0:  # not even a status line
            handler.close_connection = True
            return
        content = reply.content
        handler.send_response_only(reply.status)
        for name, value in reply.headers.items():
            handler.send_header(name, value)
        if reply.stream is not None:
            handler.send_header("Transfer-Encoding", "chunked")
            handler.end_headers()
            for piece in reply.stream():
                handler.wfile.write(b"%x\r\n%b\r\n" % (len(piece), piece))
            handler.wfile.write(b"0\r\n\r\n")
            return
        handler.send_header("Content-Length", str(len(content) if reply.announced is None else reply.announced))
        handler.end_headers()
        handler.wfile.write(content if reply.cut is None else content[: reply.cut])
        handler.close_connection = reply.cut is not None or reply.announced is not None


class Clock:
    """A clock that only sleeping moves, and what was slept."""

    def __init__(self, now: float = 1_770_000_000.0) -> None:
        self.time = now
        self.slept: list[float] = []

    def now(self) -> float:
        return self.time

    def sleep(self, seconds: float) -> None:
        self.slept.append(seconds)
        self.time += seconds

    @property
    def options(self) -> dict[str, Any]:
        """What a transport takes to live by this clock, with the shortest of each pause."""
        return {"now": self.now, "sleep": self.sleep, "jitter": lambda: 0.0}
