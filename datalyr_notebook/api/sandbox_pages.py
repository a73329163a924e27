"""The sandbox's endpoints of events: one window of rows in four styles of paging.

These endpoints are ours. The public pages of Datalyr's API that we could read describe no endpoint that
answers with events, and no paging; so the sandbox serves the four styles that read APIs use.
"""

from __future__ import annotations

import base64
import binascii
import datetime as dt
from collections.abc import Callable, Mapping
from typing import Final, TypeAlias
from urllib.parse import urlencode

from datalyr_notebook.api.sandbox_reply import RefusedError, Reply
from datalyr_notebook.api.sandbox_rows import EncodedRows

Params: TypeAlias = Mapping[str, str]

LARGEST_PAGE: Final = 10_000
"""Who asks for more rows a page gets so many, as with most read APIs."""
_USUAL_PAGE: Final = 1_000

_EPOCH: Final = dt.datetime(1970, 1, 1, tzinfo=dt.UTC)
_MICROSECOND: Final = dt.timedelta(microseconds=1)
_DAY: Final = 10


def dates(params: Params) -> tuple[int, int]:
    """First and last microsecond that ``start_date`` and ``end_date`` ask for; a date alone is a whole day.

    Without a zone they are UTC, the zone of the sandbox's workspace. Raises RefusedError (400).

    >>> dates({"start_date": "1970-01-01", "end_date": "1970-01-01"})
    (0, 86399999999)
    """
    first, last = _moment(params, "start_date"), _moment(params, "end_date")
    if len(params["end_date"]) == _DAY:
        last += dt.timedelta(days=1) // _MICROSECOND - 1
    if last < first:
        raise RefusedError(400, "invalid_range", "end_date lies before start_date")
    return first, last


def _moment(params: Params, name: str) -> int:
    if name not in params:
        raise RefusedError(400, "missing_parameter", f"{name} is required")
    try:
        moment = dt.datetime.fromisoformat(params[name])
    except ValueError:
        raise RefusedError(400, "invalid_parameter", f"{name} is not ISO 8601") from None
    zoned = moment if moment.tzinfo else moment.replace(tzinfo=dt.UTC)
    return (zoned - _EPOCH) // _MICROSECOND


def number(params: Params, name: str, usual: int, *, least: int = 1, largest: int | None = None) -> int:
    """A whole number among the parameters. Raises RefusedError (400)."""
    text = params.get(name, str(usual))
    is_number = text.isascii() and text.isdigit() and len(text) < 16
    if not is_number or int(text) < least or (largest is not None and int(text) > largest):
        bounds = f"of at least {least}" if largest is None else f"from {least} to {largest}"
        raise RefusedError(400, "invalid_parameter", f"{name} is a whole number {bounds}")
    return int(text)


def events_page(style: str, rows: EncodedRows, params: Params, url: str, *, more: int = 0) -> Reply:
    """One page of events in one of ``STYLES``.

    ``url`` is the endpoint's own address (a ``Link`` header names it); ``more`` is added to the total that
    the page claims. Raises RefusedError (400) for parameters that cannot be read.
    """
    return STYLES[style](rows, rows.between(*dates(params)), params, url, more)


def _by_cursor(rows: EncodedRows, window: range, params: Params, _url: str, _more: int) -> Reply:
    page, cursor = _after(window, params, "cursor")
    token = "null" if cursor is None else f'"{cursor}"'
    tail = f'],"next_cursor":{token},"has_more":{"false" if cursor is None else "true"}}}'
    return Reply(200, (b'{"data":[', rows.members(page), tail.encode()))


def _by_page(rows: EncodedRows, window: range, params: Params, _url: str, more: int) -> Reply:
    asked, size = number(params, "page", 1), _size(params, "page_size")
    page = window[(asked - 1) * size : asked * size]
    total = len(window) + more
    tail = f'],"page":{asked},"page_size":{size},"total_pages":{-(-total // size)},"total":{total}}}'
    return Reply(200, (b'{"events":[', rows.members(page), tail.encode()))


def _by_offset(rows: EncodedRows, window: range, params: Params, _url: str, more: int) -> Reply:
    offset, size = number(params, "offset", 0, least=0), _size(params, "limit")
    page = window[offset : offset + size]
    tail = f'],"offset":{offset},"limit":{size},"total":{len(window) + more}}}'
    return Reply(200, (b'{"results":[', rows.members(page), tail.encode()))


def _by_link(rows: EncodedRows, window: range, params: Params, url: str, _more: int) -> Reply:
    page, cursor = _after(window, params, "after")
    first = {name: value for name, value in params.items() if name != "after"}
    links = [f'<{url}?{urlencode(first)}>; rel="first"']
    if cursor is not None:
        links.append(f'<{url}?{urlencode({**first, "after": cursor})}>; rel="next"')
    return Reply(200, (b"[", rows.members(page), b"]"), {"Link": ", ".join(links)})


STYLES: Final[Mapping[str, Callable[[EncodedRows, range, Params, str, int], Reply]]] = {
    "cursor": _by_cursor,
    "page": _by_page,
    "offset": _by_offset,
    "link": _by_link,
}
"""``/events/<style>`` → the page."""


def _size(params: Params, name: str) -> int:
    return min(number(params, name, _USUAL_PAGE), LARGEST_PAGE)


def _after(window: range, params: Params, name: str) -> tuple[range, str | None]:
    """The rows behind a cursor, and the cursor behind them; None at the end."""
    size = _size(params, "limit")
    begin = _read_cursor(params[name], len(window)) if params.get(name) else 0
    stop = begin + size
    return window[begin:stop], _cursor(stop) if stop < len(window) else None


def _cursor(place: int) -> str:
    return base64.urlsafe_b64encode(f"row {place}".encode()).decode().rstrip("=")


def _read_cursor(token: str, rows: int) -> int:
    try:
        text = base64.b64decode(token + "=" * (-len(token) % 4), altchars=b"-_", validate=True).decode()
        place = int(text.removeprefix("row "))
    except (binascii.Error, ValueError):
        place = -1
    if not 0 <= place <= rows or _cursor(place) != token:
        raise RefusedError(400, "invalid_cursor", "this cursor belongs to no answer")
    return place
