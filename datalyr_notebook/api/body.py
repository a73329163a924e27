"""The body of an answer: read within bounds, unpacked within bounds, and decoded from JSON."""

from __future__ import annotations

import json
import re
import zlib
from collections.abc import Iterator
from typing import Any, Final

import urllib3
from requests import Response

CHUNK: Final = 65_536

_GZIP_OR_ZLIB: Final = 32 + zlib.MAX_WBITS
_DIGITS: Final = re.compile(r"[0-9]{1,18}", re.ASCII)


class CutError(Exception):
    """A body that ended before its end; the words say where."""


class UnreadableError(Exception):
    """A body that cannot be an answer; the words say why."""


class TooLargeError(UnreadableError):
    """A body beyond the bound: none of what is beyond was kept."""


def read_body(response: Response, max_bytes: int) -> bytearray:
    """The unpacked body, refused as soon as it is known to be more than ``max_bytes``.

    Raises TooLargeError, CutError where fewer bytes came than were announced, UnreadableError for an encoding
    that was not asked for; connection faults come as urllib3's.
    """
    announced = _announced(response)
    if announced is not None and announced > max_bytes:
        raise TooLargeError(f"a body of {announced:,} bytes is announced, and at most max_bytes={max_bytes:,} are read")
    body = bytearray()
    for piece in _unpacked(response):
        body += piece
        if len(body) > max_bytes:
            raise TooLargeError(f"more than max_bytes={max_bytes:,} bytes came")
    return body


def read_beginning(response: Response, max_bytes: int) -> bytes:
    """The first bytes of a body of which only a message is wanted; faults end it early."""
    body = bytearray()
    try:
        for piece in _unpacked(response):
            body += piece
            if len(body) >= max_bytes:
                break
    except (CutError, UnreadableError, urllib3.exceptions.HTTPError, OSError):
        pass
    return bytes(body[:max_bytes])


def decoded(body: bytearray) -> Any:  # noqa: ANN401  (JSON may be anything)
    """What a JSON body says; UnreadableError tells what came instead."""
    start = bytes(body[:200]).lstrip().lower()
    if not start:
        raise UnreadableError("an empty body came, not JSON")
    if start.startswith(b"<"):
        raise UnreadableError("a web page came, not JSON, as from a login or an error page")
    try:
        return json.loads(body)
    except RecursionError:
        raise UnreadableError("JSON came that is nested too deeply to read") from None
    except json.JSONDecodeError as error:
        ends = error.pos >= len(error.doc.rstrip()) or error.msg.startswith("Unterminated string")
        problem = "the JSON stops in the middle, the body is truncated" if ends else "the body is not JSON"
        raise UnreadableError(f"{problem} (at character {error.pos:,} of {len(error.doc):,})") from None
    except ValueError:
        raise UnreadableError("the body is not JSON in UTF-8, or has numbers of thousands of digits") from None


def _announced(response: Response) -> int | None:
    """The length a header announces, None if none is a number."""
    text = response.headers.get("Content-Length", "").strip()
    return int(text) if _DIGITS.fullmatch(text) else None


def _unpacked(response: Response) -> Iterator[bytes]:
    """The body piece by piece, each at most CHUNK bytes however well it was packed."""
    packing = response.headers.get("Content-Encoding", "identity").strip().lower() or "identity"
    if packing not in {"identity", "gzip", "x-gzip", "deflate"}:
        raise UnreadableError("the body is packed in a way that was not asked for (only gzip was)")
    if packing == "identity":
        yield from _raw(response)
        return
    unpacker = zlib.decompressobj(_GZIP_OR_ZLIB)
    try:
        for piece in _raw(response):
            left = piece
            while left:
                if unpacker.eof:
                    unpacker = zlib.decompressobj(_GZIP_OR_ZLIB)
                yield unpacker.decompress(left, CHUNK)
                left = unpacker.unconsumed_tail or unpacker.unused_data
    except zlib.error:
        raise UnreadableError("the body says that it is gzip, and is not") from None
    if not unpacker.eof:
        raise CutError("the packed body stops in the middle")


def _raw(response: Response) -> Iterator[bytes]:
    """The bytes on the wire; CutError where fewer come than were announced."""
    announced = None if response.headers.get("Transfer-Encoding") else _announced(response)
    came = 0
    for piece in response.raw.stream(CHUNK, decode_content=False):
        came += len(piece)
        yield piece
    if announced is not None and came < announced:  # urllib3 1 says nothing of it
        raise CutError(f"the body stops after {came:,} of {announced:,} bytes")
