"""What went wrong in one try, whether trying again can help, and the error that says it."""

from __future__ import annotations

import datetime as dt
from dataclasses import dataclass, replace
from typing import Final

import requests
import urllib3

from datalyr_notebook import errors
from datalyr_notebook.api.key import VARIABLE, ApiKey
from datalyr_notebook.api.rate_limit import RateLimit
from datalyr_notebook.api.server_words import line_of, message_of

WINDOW_S: Final = 60.0
"""The documented window of the rate limit: how long 429 is waited for that does not say when."""

_REQUEST_ID: Final = ("X-Request-Id", "Request-Id", "X-Correlation-Id")
_TIMEOUTS: Final = (requests.Timeout, urllib3.exceptions.TimeoutError, TimeoutError)
_CERTIFICATES: Final = (requests.exceptions.SSLError, urllib3.exceptions.SSLError)
_ADDRESSES: Final = (
    requests.exceptions.InvalidURL,
    requests.exceptions.InvalidSchema,
    requests.exceptions.InvalidHeader,
)


@dataclass(frozen=True)
class Failure:
    """One try that gave no answer; it holds texts and numbers only, never an exception or a request.

    ``wait_s``: what the server asks to wait before the next try.
    """

    kind: type[errors.ApiError]
    path: str
    short: str
    problem: str
    fix: str
    status: int | None = None
    request_id: str | None = None
    message: str = ""
    is_repeatable: bool = False
    wait_s: float | None = None

    @property
    def is_limited(self) -> bool:
        """Whether the rate limit refused it."""
        return self.kind is errors.RateLimitError

    def error(self, *, tries: int, max_wait_s: float, now: float) -> errors.ApiError:
        """The error to raise after the last try."""
        problem = f"{self.problem} (asked {tries} times)" if tries > 1 else self.problem
        said = {"status": self.status, "request_id": self.request_id, "message": self.message}
        if self.wait_s is None:
            at, too_long = None, ""
        else:
            at = _moment(now + self.wait_s)
            when = f"{at:%Y-%m-%d %H:%M:%S} UTC" if at else "a moment beyond the calendar"
            longer = f", longer than max_wait_s={max_wait_s:g}" if self.wait_s > max_wait_s else ""
            too_long = f"; the next request is permitted at {when}, in {_duration(self.wait_s)}{longer}"
        if self.is_limited:
            return errors.RateLimitError(self.path, problem + too_long, self.fix, reset_at=at, **said)  # type: ignore[arg-type]
        return self.kind(self.path, problem + too_long, self.fix, **said)  # type: ignore[arg-type]


def of_connection(
    path: str,
    fault: Exception,
    timeout_s: tuple[float, float],
    response: requests.Response | None = None,
    key: ApiKey | None = None,
) -> Failure:
    """A connection that was not made or that broke, before the answer or in its body."""
    status = None if response is None else response.status_code
    request_id = None if response is None or key is None else request_id_of(response, key)
    if isinstance(fault, _TIMEOUTS):
        connect = isinstance(fault, requests.ConnectTimeout)
        problem = f"no connection within {timeout_s[0]:g} s" if connect else f"nothing came for {timeout_s[1]:g} s"
        fix = "Pass a larger timeout_s=(connect, read), or ask for less at once."
        return Failure(errors.ApiTimeoutError, path, "timeout", problem, fix, status, request_id, is_repeatable=True)
    if isinstance(fault, _CERTIFICATES):
        problem, fix = "no secure connection (TLS) could be made", "Check base_url, the certificates and the clock."
        return Failure(errors.ApiConnectionError, path, "certificate", problem, fix, status, request_id)
    if isinstance(fault, _ADDRESSES):
        problem, fix = "the address or a header is not valid", "Check base_url, the path and the session."
        return Failure(errors.ApiConnectionError, path, "address", problem, fix, status, request_id)
    if status is not None:
        problem, fix = "the connection broke in the body", "Try again, or ask for less at once."
        return Failure(
            errors.ApiResponseError, path, "cut connection", problem, fix, status, request_id, is_repeatable=True
        )
    problem = _reason(fault)
    fix = "Check the network, the proxy and base_url."
    return Failure(errors.ApiConnectionError, path, "no connection", problem, fix, is_repeatable=True)


def of_status(path: str, response: requests.Response, said: bytes, limit: RateLimit, key: ApiKey) -> Failure:
    """An answer whose status says no."""
    status = response.status_code
    wait_s = None
    kind: type[errors.ApiError] = errors.ApiError
    problem, fix = "the request was refused", "Check the path and its parameters."
    if status == 401:
        kind, problem = errors.AuthenticationError, "the key is not known"
        fix = f"Check api_key= or {VARIABLE}; the dashboard makes keys under Settings, API Keys."
    elif status == 403:
        kind, problem = errors.PlanError, "the key is valid, but its plan does not have this"
        fix = "Ask for something else, or see the plan in the dashboard."
    elif status == 429:
        kind, problem = errors.RateLimitError, "the rate limit is used up"
        fix = "Try again then, or pass a larger max_wait_s."
        wait_s = WINDOW_S if limit.wait_s is None else limit.wait_s
    elif status >= 500:
        problem, fix = "the server failed", "Try again later."
        wait_s = limit.retry_after_s
    elif 300 <= status < 400 or status < 200:
        kind, problem, fix = errors.ApiResponseError, "neither data nor an error came", "Check base_url and the path."
    return Failure(
        kind,
        path,
        f"status {status}",
        problem,
        fix,
        status,
        request_id_of(response, key),
        message_of(said, key),
        is_repeatable=status == 429 or status >= 500,
        wait_s=wait_s,
    )


def of_unreadable(
    path: str, response: requests.Response, problem: str, key: ApiKey, *, is_repeatable: bool = False
) -> Failure:
    """An answer that says yes and cannot be used."""
    kind = line_of(response.headers.get("Content-Type", ""), key, 60) or "no content type"
    fix = "Ask for less at once." if "max_bytes" in problem else "Check base_url and the path, or try again."
    return Failure(
        errors.ApiResponseError,
        path,
        "unreadable answer",
        f"{problem} ({kind})",
        fix,
        response.status_code,
        request_id_of(response, key),
        is_repeatable=is_repeatable,
    )


def of_another_host(failure: Failure, host: str) -> Failure:
    """A failure at an address that a redirect led to, where the key is not sent."""
    problem = f"{failure.problem}; a redirect led to {host}, and the key is not sent there"
    return replace(failure, problem=problem, fix=failure.fix if failure.is_limited else "Check base_url and the path.")


def request_id_of(response: requests.Response, key: ApiKey) -> str | None:
    """The server's name of the request, None if it gives none."""
    found = (response.headers.get(name) for name in _REQUEST_ID)
    return next((line_of(one, key, 80) for one in found if one), None)


def _reason(fault: Exception) -> str:
    """Why there is no connection, in our words: those of requests hold the address and more."""
    if isinstance(fault, requests.exceptions.ProxyError):
        return "the proxy did not let it through"
    names = (
        {type(one).__name__ for one in (fault, *fault.args, getattr(fault.args[0], "reason", None))}
        if fault.args
        else set()
    )
    if "NameResolutionError" in names:
        return "the host name is not known"
    if "NewConnectionError" in names:
        return "no connection could be made"
    return "the connection broke before an answer"


def _moment(epoch_s: float) -> dt.datetime | None:
    try:
        return dt.datetime.fromtimestamp(epoch_s, dt.UTC)
    except (ValueError, OverflowError, OSError):
        return None


def _duration(seconds: float) -> str:
    whole = round(seconds)
    if whole < 120:
        return f"{whole} s"
    return f"{whole // 60} min" if whole < 7_200 else f"{whole // 3_600} h {whole % 3_600 // 60} min"
