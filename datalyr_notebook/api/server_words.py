"""What the server says of a failure, made fit to show: one short line, no control characters, no key."""

from __future__ import annotations

import html
import json
import re
from typing import Any, Final

from datalyr_notebook.api.key import ApiKey

LONGEST: Final = 300

_TITLE: Final = re.compile(r"<title[^>]*>([^<]{1,500})", re.IGNORECASE)
_FIELDS: Final = ("error", "message", "detail", "description", "error_description", "errors", "reason", "title", "code")
"""Where services put their message; the shape of Datalyr's own error bodies is not published."""


def line_of(text: str, key: ApiKey, longest: int = LONGEST) -> str:
    """A server's text as one short line.

    The key goes before the text is cut, so that no part of it stays.
    """
    plain = "".join(one if one.isprintable() else " " for one in text)
    line = key.redacted(" ".join(plain.split()))
    return line if len(line) <= longest else f"{line[: longest - 1]}…"


def message_of(body: bytes, key: ApiKey) -> str:
    """The message in the body of an error: a field of a JSON object, a page's title, or the text itself."""
    text = body.decode("utf-8", errors="replace").strip()
    if text.startswith("<"):
        title = _TITLE.search(text)
        return line_of(f"web page {html.unescape(title[1]).strip()!r}" if title else "a web page", key)
    try:
        found = _message_in(json.loads(text))
    except (ValueError, RecursionError):
        found = text
    return line_of(found or text, key)


def _message_in(said: Any) -> str:  # noqa: ANN401  (JSON may be anything)
    if isinstance(said, str):
        return said
    if isinstance(said, list):
        return "; ".join(filter(None, map(_message_in, said[:3])))
    if isinstance(said, dict):
        # The message before the code: an object names both.
        inner = (said[field] for field in _FIELDS if field in said)
        return next(filter(None, map(_message_in, sorted(inner, key=lambda one: isinstance(one, str)))), "")
    return ""
