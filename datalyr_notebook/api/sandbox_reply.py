"""What the sandbox is asked and what it answers, before any of it is bytes on a socket."""

from __future__ import annotations

import json
from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Final, TypeAlias

Part: TypeAlias = bytes | memoryview

JSON: Final = "application/json; charset=utf-8"
HTML: Final = "text/html; charset=utf-8"

_ENCODER: Final = json.JSONEncoder(separators=(",", ":"))


@dataclass(frozen=True)
class Call:
    """One request as it came in; never the key itself."""

    path: str
    """Behind ``/api/v1``: ``/overview``."""
    is_api: bool
    """Whether the address began with ``/api/v1``; else ``path`` is all of it."""
    params: Mapping[str, str]
    header_names: tuple[str, ...]
    """Lower case, as they came."""
    has_authorization: bool
    has_key: bool
    """Whether the right key came."""


@dataclass(frozen=True)
class Reply:
    """One answer: its parts are sent one after the other, so that a page's rows are never copied."""

    status: int
    parts: tuple[Part, ...] = ()
    headers: Mapping[str, str] = field(default_factory=dict)
    content_type: str = JSON
    wait_s: float = 0.0
    """How long the server takes before it answers."""
    sent: float | None = None
    """The share of the body that is sent before the connection is cut; 0 cuts it before the first byte of the
    answer; None: everything."""
    blanks: int = 0
    """How many blank bytes follow the parts, sent as they are made."""
    is_chunked: bool = False
    """Sent in chunks, so that nothing says how long the body is."""

    @property
    def size(self) -> int:
        """Bytes of the body."""
        return sum(len(part) for part in self.parts) + self.blanks


class RefusedError(Exception):
    """A request that the sandbox answers with an error (never leaves this folder)."""

    def __init__(self, status: int, code: str, message: str) -> None:
        self.status, self.code, self.message = status, code, message
        super().__init__(message)

    @property
    def reply(self) -> Reply:
        """The answer: ``{"error": {"code": …, "message": …}}``."""
        return as_json({"error": {"code": self.code, "message": self.message}}, status=self.status)


def as_json(value: object, *, status: int = 200) -> Reply:
    """A value as an answer in JSON.

    >>> as_json({"pageviews": [3]}).parts
    (b'{"pageviews":[3]}',)
    """
    return Reply(status, (_ENCODER.encode(value).encode(),))
