"""The API key: sent in a header to the base URL's host and nowhere else, and never shown."""

from __future__ import annotations

import os
import re
from typing import Final, NoReturn
from urllib.parse import quote

from requests import PreparedRequest
from requests.auth import AuthBase

from datalyr_notebook.api.addresses import origin
from datalyr_notebook.errors import ApiKeyError

VARIABLE: Final = "DATALYR_API_KEY"
HIDDEN: Final = "•••"

_ANY_KEY: Final = re.compile(r"\bdk_[\w*.…•-]{3,}")
"""Looks like a key, or like what a server leaves of one."""
_SHORTEST: Final = 6
"""A shorter key is nobody's secret, and stands in ordinary words."""
_MAKE_ONE: Final = f"Make one in the dashboard (Settings, API Keys) and set {VARIABLE}, or pass api_key=."


class ApiKey(AuthBase):
    """A key that puts itself on the requests to one origin, takes credentials off all others, and shows itself to none.

    As an ``AuthBase`` it wins over a netrc entry and over what a session carries.
    """

    __slots__ = ("_key", "_origin")

    def __init__(self, given: str | None, base_url: str) -> None:
        self._key = _found(given)
        self._origin = origin(base_url)

    def __call__(self, request: PreparedRequest) -> PreparedRequest:
        """The request, with the key if it goes to the key's origin."""
        if self.is_in(request.url or ""):
            raise ApiKeyError(
                "it stands in the path or the parameters of a request, and addresses are logged",
                "Leave it out: the client sends it in a header.",
            )
        if origin(request.url or "") == self._origin:
            request.headers["Authorization"] = _HiddenText(f"Bearer {self._key}")
        else:
            request.headers.pop("Authorization", None)
            request.headers.pop("Cookie", None)
        return request

    def is_in(self, text: str) -> bool:
        """Whether a text holds the key, as it is or percent-encoded."""
        return len(self._key) >= _SHORTEST and any(form in text for form in self._forms())

    def redacted(self, text: str) -> str:
        """A text without the key, and without what looks like another one."""
        for form in self._forms():
            text = text.replace(form, HIDDEN)
        return _ANY_KEY.sub(HIDDEN, text)

    def __repr__(self) -> str:
        return "<set>"

    def __reduce__(self) -> NoReturn:
        message = "An API key is not copied or pickled. Make a new Client where it is needed."
        raise TypeError(message)

    def _forms(self) -> set[str]:
        return {self._key, quote(self._key, safe="")}


class _HiddenText(str):
    """A header's value that debuggers and tracebacks with locals do not show."""

    __slots__ = ()

    def __repr__(self) -> str:
        return repr(HIDDEN)


def _found(given: str | None) -> _HiddenText:
    """The key given, else the environment's; what is wrong with it is said without it, and left in no frame."""
    problem, key = "", _HiddenText()
    if given is None and not os.environ.get(VARIABLE, "").strip():
        problem = f"api_key= is not given and {VARIABLE} is not set"
    elif given is not None and not isinstance(given, str):
        problem = f"api_key= is a {type(given).__name__}"
    else:
        key = _HiddenText((os.environ[VARIABLE] if given is None else given).strip())
        if not key:
            problem = "api_key= is empty"
        elif not re.fullmatch(r"[\x21-\x7e]+", key):
            problem = "it holds spaces, line breaks or letters that no key has"
    if problem:
        del given, key
        raise ApiKeyError(problem, _MAKE_ONE)
    return key
