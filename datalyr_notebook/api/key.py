"""The API key: sent in a header to the base URL's host and nowhere else, and never shown."""

from __future__ import annotations

import os
import re
from typing import Final, NoReturn
from urllib.parse import quote

from requests import PreparedRequest
from requests.auth import AuthBase

from datalyr_notebook.api.addresses import origin
from datalyr_notebook.api.secrecy import HIDDEN, Hidden, HiddenText, without_keys
from datalyr_notebook.errors import ApiKeyError

VARIABLE: Final = "DATALYR_API_KEY"

_SHORTEST: Final = 6
"""A shorter key is nobody's secret, and stands in ordinary words."""
_MAKE_ONE: Final = f"Make one in the dashboard (Settings, API Keys) and set {VARIABLE}, or pass api_key=."


class ApiKey(AuthBase):
    """A key that puts itself on the requests to one origin, takes credentials off all others, and shows itself to none.

    As an ``AuthBase`` it wins over a netrc entry and over what a session carries.
    """

    __slots__ = ("_key", "_origin")

    def __init__(self, given: Hidden, base_url: str) -> None:
        self._key = _found(given)
        self._origin = origin(base_url)

    def __call__(self, request: PreparedRequest) -> PreparedRequest:
        """The request, with the key if it goes to the key's origin."""
        self.refuse_in(request.url or "")
        if origin(request.url or "") == self._origin:
            request.headers["Authorization"] = HiddenText(f"Bearer {self._key}")
        else:
            request.headers.pop("Authorization", None)
            request.headers.pop("Cookie", None)
        return request

    def is_in(self, text: str) -> bool:
        """Whether a text holds the key, as it is or percent-encoded."""
        return len(self._key) >= _SHORTEST and any(form in text for form in self._forms())

    def refuse_in(self, text: str) -> None:
        """ApiKeyError if a text that is to be an address, or part of one, holds the key."""
        if self.is_in(text):
            raise ApiKeyError(
                "it stands in the path or the parameters of a request, and addresses are logged",
                "Leave it out: the client sends it in a header.",
            )

    def redacted(self, text: str) -> str:
        """A text without the key, and without what looks like another one."""
        for form in self._forms():
            text = text.replace(form, HIDDEN)
        return without_keys(text)

    def __repr__(self) -> str:
        return "<set>"

    def __reduce__(self) -> NoReturn:
        message = "An API key is not copied or pickled. Make a new Client where it is needed."
        raise TypeError(message)

    def _forms(self) -> set[str]:
        return {self._key, quote(self._key, safe="")}


def _found(given: Hidden) -> HiddenText:
    """The key given, else the environment's; what is wrong with it is said without it."""
    said = given.given
    in_environment = os.environ.get(VARIABLE, "").strip()
    if said is None and not in_environment:
        raise ApiKeyError(f"api_key= is not given and {VARIABLE} is not set", _MAKE_ONE)
    if said is not None and not isinstance(said, str):
        kind = type(said).__name__
        del said
        raise ApiKeyError(f"api_key= is of type {kind}, not a text", _MAKE_ONE)
    said = HiddenText(in_environment if said is None else said.strip())
    in_environment = HiddenText(in_environment)
    if not said:
        raise ApiKeyError("api_key= is empty", _MAKE_ONE)
    if not re.fullmatch(r"[\x21-\x7e]+", said):
        raise ApiKeyError("it holds spaces, line breaks or letters that no key has", _MAKE_ONE)
    return said
