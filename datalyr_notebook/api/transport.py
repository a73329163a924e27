"""Asks the API, one address at a time: paced, repeated where that can help, and read within bounds.

One loop of our own in place of urllib3's ``Retry``, which ignores ``X-RateLimit-Reset`` and may sleep six hours.
"""

from __future__ import annotations

import datetime as dt
import random
import time
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from typing import Any, Final, TypeAlias
from urllib.parse import urljoin

import requests
import urllib3

from datalyr_notebook import errors, notices
from datalyr_notebook.api import addresses, body
from datalyr_notebook.api.failures import (
    Failure,
    of_another_host,
    of_connection,
    of_status,
    of_unreadable,
    request_id_of,
)
from datalyr_notebook.api.key import ApiKey
from datalyr_notebook.api.rate_limit import Pace, RateLimit, read_rate_limit
from datalyr_notebook.api.secrecy import Hidden

OnWait: TypeAlias = Callable[[float, str], None]
"""Is told, before each wait, how many seconds it takes and why."""

TIMEOUT_S: Final = (5.0, 60.0)
MAX_RETRIES: Final = 5
MAX_WAIT_S: Final = 120.0
MAX_BYTES: Final = 100_000_000

_REDIRECTS: Final = frozenset((301, 302, 303, 307, 308))
_MAX_REDIRECTS: Final = 5
_ERROR_BYTES: Final = 65_536
_BACKOFF_S: Final = 0.5
_LONGEST_BACKOFF_S: Final = 16.0
_LOCATION: Final = "X-Location-Not-Followed"
_FAULTS: Final = (requests.RequestException, urllib3.exceptions.HTTPError, OSError)


@dataclass(frozen=True)
class Answer:
    """One answer: the decoded JSON, the headers (any case), the address it came from, the body's bytes unpacked.

    ``path`` and ``request_id`` are what an error about the answer names.
    """

    body: Any = field(repr=False)
    headers: Mapping[str, str] = field(repr=False)
    url: str
    size: int
    path: str = ""
    request_id: str | None = None
    status: int = 200

    def unfit(self, problem: str, fix: str) -> errors.ApiResponseError:
        """The error to raise where the JSON is not of the shape that is needed."""
        return errors.ApiResponseError(self.path, problem, fix, status=self.status, request_id=self.request_id)


class Transport:
    """What asks the API with one key: holds the session, the pace and the bounds; safe to share by threads.

    ``timeout_s``: seconds to connect, and seconds of silence while reading. ``max_retries``: how often one
    request is repeated. ``max_wait_s``: the longest single wait for the rate limit. ``max_bytes``: the largest
    body, unpacked. Of a ``session`` its adapters, headers, proxies and certificates are used, never its auth,
    netrc or redirects. ``on_wait``, ``now``, ``sleep`` and ``jitter`` (a number in [0, 1)) may be replaced.
    """

    def __init__(
        self,
        api_key: str | Hidden | None,
        *,
        base_url: str = addresses.BASE_URL,
        timeout_s: float | tuple[float, float] = TIMEOUT_S,
        session: requests.Session | None = None,
        max_retries: int = MAX_RETRIES,
        max_wait_s: float = MAX_WAIT_S,
        max_bytes: int = MAX_BYTES,
        on_wait: OnWait | None = None,
        now: Callable[[], float] = time.time,
        sleep: Callable[[float], None] = time.sleep,
        jitter: Callable[[], float] = random.random,
    ) -> None:
        hidden = Hidden(api_key)
        del api_key  # what follows may raise, and a traceback may be shown with its locals
        self.base_url = addresses.checked_base(base_url)
        self._key = ApiKey(hidden, self.base_url)
        self.timeout_s = checked_timeout(timeout_s)
        self.max_retries = checked_number("max_retries", max_retries, least=0, whole=True)
        self.max_wait_s = checked_number("max_wait_s", max_wait_s, least=0)
        self.max_bytes = checked_number("max_bytes", max_bytes, least=1, whole=True)
        if session is not None and not isinstance(session, requests.Session):
            raise errors.OptionError("Client", "session", type(session), "a requests.Session, or leave it out")
        self._owns_session = session is None
        self._session = requests.Session() if session is None else session
        self._pace = Pace()
        self._on_wait, self.now, self._sleep, self._jitter = on_wait or _announce, now, sleep, jitter

    def get(self, path: str, params: Mapping[str, Any] | None = None, *, on_wait: OnWait | None = None) -> Answer:
        """The answer to one GET: of a path below the base URL, or of a URL on its host as it is.

        A relative link of an answer is a URL after ``urljoin(answer.url, link)``. A full rate limit is waited for;
        429 and 503 are repeated when the server says, other 5xx and connection faults after a growing pause; all
        else fails at once. Raises the subclasses of ApiError.
        """
        self._key.refuse_in(f"{path} {params}")
        asked = addresses.resolved(self.base_url, path)
        tell = on_wait or self._on_wait
        attempt = 0
        while True:
            self._keep_pace(tell)
            outcome = self._once(asked, params)
            if isinstance(outcome, Answer):
                return outcome
            wait_s = self._pause(outcome, attempt)
            if wait_s is None:
                break
            if outcome.is_limited:
                self._pace.hold(wait_s, self.now())  # told and waited for in _keep_pace, by every thread
            else:
                self._wait(wait_s, f"{outcome.short}, retry {attempt + 1} of {self.max_retries}", tell)
            attempt += 1
        # Outside of every except block: an exception of requests carries the request, and with it the key.
        raise outcome.error(tries=attempt + 1, max_wait_s=self.max_wait_s, now=self.now())

    def close(self) -> None:
        """Ends the connections, unless the session is the caller's."""
        if self._owns_session:
            self._session.close()

    def __repr__(self) -> str:
        if "_key" not in vars(self):
            return "Transport(…)"  # in a traceback of its own making
        return f"Transport(base_url={self.base_url!r}, api_key={self._key!r})"

    def _keep_pace(self, tell: OnWait) -> None:
        """Waits for the next window where this one is used up."""
        started = self.now()
        wait_s = self._pace.reserve(started)
        if wait_s > self.max_wait_s:
            self._pace.release()  # announced, not yet refused: the server decides
        elif wait_s > 0:
            self._wait(wait_s, "rate limit", tell)
            self._pace.reserve(max(self.now(), started + wait_s))

    def _pause(self, failure: Failure, attempt: int) -> float | None:
        """Seconds until the next try, None where there is none."""
        if not failure.is_repeatable or attempt == self.max_retries or (failure.wait_s or 0) > self.max_wait_s:
            return None
        backoff_s = min(_LONGEST_BACKOFF_S, _BACKOFF_S * 2**attempt) * (1 + self._jitter()) / 2
        return backoff_s if failure.wait_s is None else max(failure.wait_s, backoff_s if attempt else 0)

    def _wait(self, wait_s: float, reason: str, tell: OnWait) -> None:
        tell(wait_s, reason)
        self._sleep(wait_s)

    def _once(self, url: str, params: Mapping[str, Any] | None) -> Answer | Failure:
        """One try, through its redirects; no exception of requests leaves it."""
        for _ in range(_MAX_REDIRECTS + 1):
            path = self._key.redacted(addresses.path_of(self.base_url, url))
            try:
                response = self._send(url, params)
            except _FAULTS as fault:
                return self._told_where(of_connection(path, fault, self.timeout_s), url)
            with response:
                outcome = self._read(response, path)
            if isinstance(outcome, Failure):
                return self._told_where(outcome, url)
            if isinstance(outcome, Answer):
                return outcome
            url, params = outcome, None  # the new address has its own parameters
        return of_unreadable(path, response, "redirects that do not end came", self._key)

    def _told_where(self, failure: Failure, url: str) -> Failure:
        """The failure, and the host if it is not the one that was asked."""
        if addresses.origin(url) == addresses.origin(self.base_url):
            return failure
        return of_another_host(failure, errors.shown(self._key.redacted(addresses.host_of(url))))

    def _send(self, url: str, params: Mapping[str, Any] | None) -> requests.Response:
        """The answer's headers; its body is still to be read."""
        request = requests.Request("GET", url, params=params, auth=self._key, headers=_HEADERS)
        prepared = self._session.prepare_request(request)
        prepared.hooks["response"].append(_keep_from_following)
        asked = prepared.url or url
        # A proxy would carry the key of a loopback address off this machine in clear text.
        proxies: Any = dict.fromkeys(("http", "https", "all")) if addresses.is_loopback(asked) else {}
        settings = self._session.merge_environment_settings(asked, proxies, True, None, None)  # noqa: FBT003
        return self._session.send(prepared, timeout=self.timeout_s, allow_redirects=False, **settings)

    def _read(self, response: requests.Response, path: str) -> Answer | Failure | str:
        """The answer, what it lacks, or the address it sends to."""
        limit = self._learned(response)
        if response.status_code in _REDIRECTS and _LOCATION in response.headers:
            return self._target(response, path)
        if not 200 <= response.status_code < 300:
            beginning = body.read_beginning(response, _ERROR_BYTES)
            return of_status(path, response, beginning, limit, self._key)
        try:
            read = body.read_body(response, self.max_bytes)
            request_id = request_id_of(response, self._key)
            said = body.decoded(read)
            return Answer(said, response.headers, response.url, len(read), path, request_id, response.status_code)
        except body.CutError as fault:
            return of_unreadable(path, response, str(fault), self._key, is_repeatable=True)
        except body.UnreadableError as fault:
            return of_unreadable(path, response, str(fault), self._key)
        except _FAULTS as fault:
            return of_connection(path, fault, self.timeout_s, response, self._key)

    def _learned(self, response: requests.Response) -> RateLimit:
        """What the headers say of the limit; only the key's own host may slow us down."""
        now = self.now()
        limit = read_rate_limit(response.headers, now)
        if addresses.origin(response.url) == addresses.origin(self.base_url):
            self._pace.learn(limit, now)
        return limit

    def _target(self, response: requests.Response, path: str) -> str | Failure:
        """The address a redirect names: https, or from this machine to this machine."""
        try:
            target = urljoin(response.url, response.headers[_LOCATION])
            is_open = addresses.is_guarded(target)
            is_down = addresses.origin(target)[0] != "https" and not addresses.is_loopback(response.url)
        except ValueError:
            return of_unreadable(path, response, "a redirect to what is no address came", self._key)
        if not is_open or is_down:
            return of_unreadable(path, response, "a redirect to an address without https came", self._key)
        if self._key.is_in(target):
            return of_unreadable(path, response, "a redirect to an address that holds the key came", self._key)
        return target


def checked_timeout(given: object) -> tuple[float, float]:
    """Seconds to connect and to read: one number for both, or a pair; never unlimited."""
    pair = given if isinstance(given, tuple | list) else (given, given)
    if len(pair) != 2 or not all(_is_number(one) and one > 0 for one in pair):
        raise errors.OptionError("Client", "timeout_s", given, "seconds above 0, or a pair (connect, read) of them")
    return float(pair[0]), float(pair[1])


def checked_number(option: str, given: Any, *, least: int, whole: bool = False) -> Any:  # noqa: ANN401  (as it came)
    """A finite number, or a whole one, of at least ``least``."""
    if not _is_number(given) or given < least or (whole and not isinstance(given, int)):
        words = f"a {'whole ' if whole else ''}number of at least {least}"
        raise errors.OptionError("Client", option, given, words)
    return given


_HEADERS: Final = {
    "Accept": "application/json",
    "Accept-Encoding": "gzip",  # what is unpacked within bounds here; others would be unpacked by others
    "User-Agent": "datalyr-notebook",
}


def _is_number(given: object) -> bool:
    return isinstance(given, int | float) and not isinstance(given, bool) and abs(given) < 1e12


def _keep_from_following(response: requests.Response, **_: Any) -> None:
    """Takes the address from where requests finds it: it would read the redirect's body, of whatever size."""
    if "Location" in response.headers:
        response.headers[_LOCATION] = response.headers.pop("Location")


def _announce(wait_s: float, reason: str) -> None:
    if wait_s >= 1:
        until = dt.datetime.now(dt.UTC) + dt.timedelta(seconds=wait_s)
        notices.say(f"Waiting {wait_s:.0f} s ({reason}); the next request goes out at {until:%H:%M:%S} UTC.")
