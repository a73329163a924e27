"""Which addresses may be asked: https, or this machine; paths below the base URL, or URLs on its host."""

from __future__ import annotations

import ipaddress
import re
from typing import Final
from urllib.parse import urlsplit

import requests

from datalyr_notebook.api.secrecy import HIDDEN, without_keys
from datalyr_notebook.errors import OptionError

BASE_URL: Final = "https://app.datalyr.com/api/v1"

_PORTS: Final = {"https": 443, "http": 80}
_ODD: Final = re.compile(r"[\x00-\x20\x7f\\]")


def origin(url: str) -> tuple[str, str, int | None]:
    """Scheme, host and port of a URL: what must be the same for the key to be sent.

    >>> origin("https://App.Datalyr.com/api") == origin("https://app.datalyr.com:443/other")
    True
    """
    parts = urlsplit(url)
    return parts.scheme.lower(), (parts.hostname or "").lower(), parts.port or _PORTS.get(parts.scheme.lower())


def host_of(url: str) -> str:
    """Host and port as a person reads them.

    >>> host_of("https://login.example.com:8443/x?y=z")
    'login.example.com:8443'
    """
    parts = urlsplit(url)
    return f"{parts.hostname or ''}:{parts.port}" if parts.port else parts.hostname or ""


def is_loopback(url: str) -> bool:
    """Whether a URL names this machine.

    >>> is_loopback("http://127.0.0.1:8000/api"), is_loopback("http://127.0.0.1.example.com/api")
    (True, False)
    """
    host = urlsplit(url).hostname or ""
    try:
        return host.lower() == "localhost" or ipaddress.ip_address(host).is_loopback
    except ValueError:
        return False


def is_guarded(url: str) -> bool:
    """Whether nobody on the way can read what is sent: https, or http that does not leave this machine."""
    return origin(url)[0] == "https" or (origin(url)[0] == "http" and is_loopback(url))


def checked_base(given: object) -> str:
    """The base URL as requests writes it, without a slash at its end.

    Raises OptionError where it is no URL, not https (http is for loopback only), or holds a user, a query
    or a fragment.
    """
    words = f"an https URL such as {BASE_URL!r} (http only on this machine), without user, query or fragment"
    url = _prepared(given)
    if url is None or "@" in urlsplit(url).netloc or urlsplit(url).query or urlsplit(url).fragment:
        raise OptionError("Client", "base_url", _fit_to_show(given), words)
    if not is_guarded(url):
        raise OptionError("Client", "base_url", _fit_to_show(given), words)
    return url.rstrip("/")


def resolved(base_url: str, asked: object) -> str:
    """The URL of a path below the base URL, or a URL on the base URL's host as it is.

    Raises OptionError for what is neither: another host is never asked.
    """
    words = f"a path such as 'overview', or a URL on {base_url}"
    if not isinstance(asked, str) or not asked.strip("/") or _ODD.search(asked) or "#" in asked:
        raise OptionError("Client.get", "path", _fit_to_show(asked), words)
    if not re.match(r"[A-Za-z][A-Za-z0-9+.-]*:", asked):
        return f"{base_url}/{asked.lstrip('/')}"
    url = _prepared(asked)
    if url is None or "@" in urlsplit(url).netloc or origin(url) != origin(base_url):
        raise OptionError("Client.get", "path", _fit_to_show(asked), words)
    return url


def path_of(base_url: str, url: str) -> str:
    """The path of a URL, as errors name it: below the base URL where it is there, without the query."""
    path = urlsplit(url).path or "/"
    below = urlsplit(base_url).path
    return path.removeprefix(below) if origin(url) == origin(base_url) and path.startswith(f"{below}/") else path


def _prepared(given: object) -> str | None:
    """A URL as requests will send it (host names in their ASCII form), None for what is none."""
    if not isinstance(given, str) or _ODD.search(given):
        return None
    try:
        url = requests.Request("GET", given).prepare().url
        known = origin(url or "")
    except (requests.RequestException, ValueError):
        return None
    return url if known[0] in _PORTS and known[1] else None


def _fit_to_show(given: object) -> object:
    return without_keys(re.sub(r"//[^/]*@", f"//{HIDDEN}@", given)) if isinstance(given, str) else type(given)
