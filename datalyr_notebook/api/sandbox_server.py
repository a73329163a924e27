"""A small HTTP/1.1 server on this machine alone: keep-alive, a thread a connection, closed at once.

Standard library only. It knows nothing of events: whoever starts it hands over a function that answers.
"""

from __future__ import annotations

import contextlib
import socket
import socketserver
import threading
from collections.abc import Callable, Iterator
from http.server import BaseHTTPRequestHandler
from typing import Final, TypeAlias
from urllib.parse import parse_qsl, unquote, urlsplit

from datalyr_notebook.api.sandbox_reply import Reply

Answer: TypeAlias = Callable[["Request"], Reply]

HOST: Final = "127.0.0.1"
_POLL_S: Final = 0.02
_JOIN_S: Final = 0.4
_BLANKS: Final = b" " * 65_536


class LoopbackServer(socketserver.TCPServer):
    """Listens on 127.0.0.1 from the moment it is made until ``close``."""

    allow_reuse_address = True
    request_queue_size = 128

    def __init__(self, port: int, answer: Answer) -> None:
        self.answer, self.stopping = answer, threading.Event()
        self._open: dict[socket.socket, threading.Thread] = {}
        self._lock = threading.Lock()
        super().__init__((HOST, port), Request)
        self.port = int(self.server_address[1])
        self._listener = threading.Thread(
            target=self.serve_forever, args=(_POLL_S,), name="datalyr-sandbox", daemon=True
        )
        self._listener.start()

    def close(self) -> None:
        """Stop listening, hang up on everybody, and wait until every thread has ended."""
        self.stopping.set()
        self.shutdown()
        self._listener.join()
        self.server_close()
        with self._lock:
            threads = list(self._open.values())
            for connection in self._open:
                with contextlib.suppress(OSError):  # the other side was faster
                    connection.shutdown(socket.SHUT_RDWR)
        for thread in threads:
            thread.join(_JOIN_S)

    def process_request(self, request: socket.socket | tuple[bytes, socket.socket], client_address: object) -> None:
        """Serve one connection in a thread of its own."""
        assert isinstance(request, socket.socket)  # noqa: S101  (the other kind is UDP's)
        thread = threading.Thread(
            target=self._serve, args=(request, client_address), name="datalyr-sandbox-connection", daemon=True
        )
        with self._lock:
            self._open[request] = thread
        thread.start()

    def _serve(self, connection: socket.socket, client_address: object) -> None:
        try:
            with contextlib.suppress(ConnectionError):  # who hangs up has heard enough
                self.finish_request(connection, client_address)
        finally:
            with self._lock:
                del self._open[connection]
                self.shutdown_request(connection)


class Request(BaseHTTPRequestHandler):
    """One connection; answers its requests one after the other."""

    protocol_version = "HTTP/1.1"
    server_version, sys_version = "datalyr-sandbox", ""
    disable_nagle_algorithm = True
    server: LoopbackServer

    @property
    def asked(self) -> str:
        """The path that is asked for, without the parameters."""
        return unquote(urlsplit(self.path).path)

    @property
    def params(self) -> dict[str, str]:
        """The parameters of the address; the last of each name."""
        return dict(parse_qsl(urlsplit(self.path).query, keep_blank_values=True))

    def do_GET(self) -> None:
        """Answer one request."""
        reply = self.server.answer(self)
        if self.server.stopping.wait(reply.wait_s) or reply.sent == 0:
            self.close_connection = True
            return
        self.send_response_only(reply.status)
        for name, value in reply.headers.items():
            self.send_header(name, value)
        self.send_header("Content-Type", reply.content_type)
        if reply.is_chunked:
            self.send_header("Transfer-Encoding", "chunked")
        else:
            self.send_header("Content-Length", str(reply.size))
        self.end_headers()
        self._send(reply)

    def _send(self, reply: Reply) -> None:
        left = reply.size if reply.sent is None else int(reply.size * reply.sent)
        for piece in _pieces(reply):
            part = piece[:left]
            left -= len(part)
            if reply.is_chunked and len(part):
                self.wfile.write(f"{len(part):x}\r\n".encode() + bytes(part) + b"\r\n")
            else:
                self.wfile.write(part)
            if left <= 0:
                break
        if reply.sent is not None:
            self.close_connection = True
        elif reply.is_chunked:
            self.wfile.write(b"0\r\n\r\n")

    def log_message(self, format: str, *args: object) -> None:  # noqa: A002  (the base class's name)
        """Say nothing: what was asked is in ``Sandbox.requests``."""


def _pieces(reply: Reply) -> Iterator[bytes | memoryview]:
    yield from reply.parts
    left = reply.blanks
    while left > 0:
        yield _BLANKS[:left]
        left -= len(_BLANKS)
