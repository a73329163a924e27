"""Texts that no repr, traceback or message shows."""

from __future__ import annotations

import re
from typing import Final

HIDDEN: Final = "•••"

_ANY_KEY: Final = re.compile(r"\bdk_[\w*.…•-]{3,}")
"""Looks like a key, or like what a server leaves of one."""


class Hidden:
    """Whatever was given as a key, before it is looked at: a traceback with locals shows it as this."""

    __slots__ = ("given",)

    def __init__(self, given: object) -> None:
        self.given: object = given.given if isinstance(given, Hidden) else given

    def __repr__(self) -> str:
        return f"<{HIDDEN}>"


class HiddenText(str):
    """A text whose repr does not show it: a header's value in a debugger, a local in a traceback."""

    __slots__ = ()

    def __repr__(self) -> str:
        return repr(HIDDEN)


def without_keys(text: str) -> str:
    """A text without what looks like an API key, whoever's it is.

    >>> without_keys("no such key: dk_live_1234…89")
    'no such key: •••'
    """
    return _ANY_KEY.sub(HIDDEN, text)
