"""How an endpoint pages its rows: by cursor, page number, offset or link, named or told from its first answer."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import KW_ONLY, dataclass
from typing import Final, NamedTuple, TypeAlias
from urllib.parse import urljoin

from datalyr_notebook import options
from datalyr_notebook.api.addresses import origin
from datalyr_notebook.api.transport import Answer
from datalyr_notebook.errors import OptionError, shown

Row: TypeAlias = dict[str, object]

STYLES: Final = ("cursor", "page", "offset", "link", "none")

_ROWS: Final = ("data", "events", "results", "rows", "items", "records")
"""Keys under which the rows stand, the first that holds a list."""
_ENVELOPES: Final = ("pagination", "paging", "page_info", "pageInfo", "meta")
"""Objects in which the place in the pages may stand, beside the top level."""
_CURSORS: Final = {
    "next_cursor": "cursor",
    "nextCursor": "cursor",
    "next_page_token": "page_token",
    "nextPageToken": "pageToken",
    "next_token": "next_token",
    "nextToken": "nextToken",
}
"""Key of the next cursor → the parameter that takes it."""
_SIZES: Final = ("page_size", "per_page", "pageSize", "perPage", "limit")
"""Keys that say how many rows a page has; each is a parameter as well."""
_PAGES: Final = ("total_pages", "totalPages", "page_count", "pages", "last_page")
_TOTALS: Final = ("total", "total_count", "totalCount", "total_rows", "total_results")
_MORE: Final = ("has_more", "hasMore", "has_next", "hasNext", "has_next_page", "hasNextPage")


class Request(NamedTuple):
    """One page that is asked for: a path with parameters, or a whole address that holds them."""

    where: str
    params: Mapping[str, str]


class Page(NamedTuple):
    """One page as it came."""

    rows: list[Row]
    then: Request | None
    """The next page; None: this is the last."""
    total: int | None = None
    """The rows of all pages, as this page claims."""
    doubt: str = ""
    """Why this cannot be the page that was asked for; blank where nothing speaks against it."""


@dataclass(frozen=True)
class Paging:
    """How an endpoint pages: a style of ``STYLES``, and the parameters that carry the page size and the place.

    Blank parameters have the usual names: ``limit`` (with page numbers ``page_size``), and ``cursor``,
    ``page`` or ``offset``. Style ``link`` follows ``Link: <…>; rel="next"``, or an address in the body's
    ``next``; ``none`` takes one answer as the whole. With ``trust_total=False`` the number of rows that pages
    claim is not compared with the rows that came (some services round it).

    Raises OptionError.

    >>> Paging("cursor", place="page_token").first("/events", {}, 100)
    Request(where='/events', params={'limit': '100'})
    >>> Paging("page").first("/events", {}, 100).params
    {'page_size': '100', 'page': '1'}
    """

    style: str
    size: str = ""
    place: str = ""
    _: KW_ONLY
    trust_total: bool = True

    def __post_init__(self) -> None:
        options.one_of("Client.events", "paging", self.style, STYLES)
        for name, usual in (("size", "page_size" if self.style == "page" else "limit"), ("place", self.style)):
            given = getattr(self, name)
            if not isinstance(given, str):
                raise OptionError("Client.events", f"paging.{name}", given, "the name of a parameter")
            object.__setattr__(self, name, given or usual)

    def first(self, path: str, params: Mapping[str, str], rows: int) -> Request:
        """The request for the first page."""
        begin = {"page": {self.place: "1"}, "offset": {self.place: "0"}}.get(self.style, {})
        size = {} if self.style == "none" else {self.size: str(rows)}
        return Request(path, {**params, **size, **begin})

    def read(self, request: Request, answer: Answer) -> Page:
        """The page in an answer to ``request``. Raises ApiResponseError where no rows can be found in it."""
        seen = _Seen(request, answer, rows_of(answer))
        total = _number(seen.told, _TOTALS) if self.trust_total else None
        return _READERS[self.style](self, seen)._replace(total=total)


def paging_of(given: object) -> Paging | None:
    """What ``paging=`` asks for; None: it is told from the first answer. Raises OptionError."""
    if isinstance(given, Paging):
        return given
    style = options.one_of("Client.events", "paging", given, ("auto", *STYLES))
    return None if style == "auto" else Paging(style)


def recognized(answer: Answer) -> Paging | None:
    """The paging that an answer to ``limit=…`` shows; None where it shows none.

    Raises ApiResponseError where no rows can be found in it.
    """
    rows_of(answer)
    told = _told(answer.body)
    if "link" in {name.lower() for name in answer.headers} or _is_address(told.get("next")):
        return Paging("link")
    cursor = next((key for key in _CURSORS if key in told), None)
    if cursor is not None:
        return Paging("cursor", place=_CURSORS[cursor])
    for style in ("page", "offset"):
        if _number(told, (style,)) is not None:
            return Paging(style, size=next((key for key in _SIZES if key in told), ""))
    return None


def is_whole(answer: Answer, rows: int) -> bool:
    """Whether an answer without a sign of paging says itself that its rows are all."""
    told = _told(answer.body)
    more, total = _more(told), _number(told, _TOTALS)
    return rows == 0 or more is False or (more is None and total == rows)


def rows_of(answer: Answer) -> list[Row]:
    """The rows of an answer: an array of objects, or the array in an envelope of one or two levels.

    Raises ApiResponseError where there is none.

    >>> body = {"data": {"events": [{"event": "signup"}]}, "next_cursor": None}
    >>> rows_of(Answer(body, {}, "https://api.example.com/events", 0))
    [{'event': 'signup'}]
    """
    body = answer.body
    found = _array(body)
    if found is None and isinstance(body, dict):
        inner = next((body[key] for key in _ROWS if isinstance(body.get(key), dict)), None)
        found = _array(inner)
    if found is None:
        keys = ", ".join(shown(key, width=30) for key in list(body)[:5]) if isinstance(body, dict) else ""
        came = f"an object with {keys or 'nothing in it'}" if isinstance(body, dict) else f"a {type(body).__name__}"
        raise answer.unfit(
            f"an array with one object an event was needed, and {came} came",
            "Check path=: it must be an endpoint that answers with rows. Client.frame reads other shapes.",
        )
    odd = next((one for one in found if not isinstance(one, dict)), None)
    if odd is not None:
        raise answer.unfit(
            f"rows that are objects were needed, and a {type(odd).__name__} came",
            "Check path=: it must be an endpoint that answers with one object an event.",
        )
    return found


def _array(body: object) -> list[Row] | None:
    if isinstance(body, list):
        return body
    if not isinstance(body, dict):
        return None
    lists = [key for key, value in body.items() if isinstance(value, list)]
    known = next((key for key in _ROWS if key in lists), lists[0] if len(lists) == 1 else None)
    return None if known is None else body[known]


# ---- one reader a style --------------------------------------------------------------------------


class _Seen(NamedTuple):
    """An answer, and what it was asked for."""

    request: Request
    answer: Answer
    rows: list[Row]

    @property
    def told(self) -> Mapping[str, object]:
        """What the answer says of its place among the pages."""
        return _told(self.answer.body)


def _read_cursor(paging: Paging, seen: _Seen) -> Page:
    token = next((seen.told[key] for key in _CURSORS if key in seen.told), None)
    if isinstance(token, str | int) and not isinstance(token, bool) and token != "":
        if _more(seen.told) is False:
            return Page(seen.rows, None)
        return Page(seen.rows, Request(seen.request.where, {**seen.request.params, paging.place: str(token)}))
    doubt = "a page says that there is more, but gives no cursor" if _more(seen.told) else ""
    return Page(seen.rows, None, doubt=doubt)


def _read_page(paging: Paging, seen: _Seen) -> Page:
    asked = int(seen.request.params[paging.place])
    last, more, came = _number(seen.told, _PAGES), _more(seen.told), _number(seen.told, ("page",))
    if came is not None and came != asked:
        return Page(seen.rows, None, doubt=f"page {asked} was asked for and page {came} came")
    goes_on = more if last is None and more is not None else asked < last if last is not None else bool(seen.rows)
    if goes_on and not seen.rows:
        return Page([], None, doubt=f"page {asked} is empty, and not the last")
    turned = Request(seen.request.where, {**seen.request.params, paging.place: str(asked + 1)})
    return Page(seen.rows, turned if goes_on else None)


def _read_offset(paging: Paging, seen: _Seen) -> Page:
    asked = int(seen.request.params[paging.place])
    total, more, came = _number(seen.told, _TOTALS), _more(seen.told), _number(seen.told, ("offset",))
    if came is not None and came != asked:
        return Page(seen.rows, None, doubt=f"rows from {asked:,} on were asked for, and rows from {came:,} on came")
    behind = asked + len(seen.rows)
    goes_on = more if total is None and more is not None else behind < total if total is not None else bool(seen.rows)
    if goes_on and not seen.rows:
        return Page([], None, doubt=f"the page of rows from {asked:,} on is empty, and not the last")
    moved = Request(seen.request.where, {**seen.request.params, paging.place: str(behind)})
    return Page(seen.rows, moved if goes_on else None)


def _read_link(_: Paging, seen: _Seen) -> Page:
    target = _next_link(seen.answer.headers)
    if target is None and _is_address(seen.told.get("next")):
        target = str(seen.told["next"])
    if target is None:
        doubt = "a page says that there is more, but gives no link" if _more(seen.told) else ""
        return Page(seen.rows, None, doubt=doubt)
    address = urljoin(seen.answer.url, target)
    if not _is_of_host(address, seen.answer.url):
        raise seen.answer.unfit(
            "its link to the next page leads to another host",
            "The key is sent to no other host. Ask who runs the endpoint, or name another paging=.",
        )
    return Page(seen.rows, Request(address, {}))


def _read_none(_: Paging, seen: _Seen) -> Page:
    return Page(seen.rows, None, doubt="the answer says that there is more" if _more(seen.told) else "")


_READERS: Final[Mapping[str, Callable[[Paging, _Seen], Page]]] = {
    "cursor": _read_cursor,
    "page": _read_page,
    "offset": _read_offset,
    "link": _read_link,
    "none": _read_none,
}


# ---- what an answer says of its place ------------------------------------------------------------


def _told(body: object) -> Mapping[str, object]:
    """The keys of the top level, and those of an envelope of paging within it."""
    if not isinstance(body, dict):
        return {}
    told: dict[str, object] = {}
    for inner in (*(body.get(key) for key in (*_ENVELOPES, *_ROWS)), body):
        if isinstance(inner, dict):
            told.update({str(key): value for key, value in inner.items()})
    return told


def _number(told: Mapping[str, object], keys: tuple[str, ...]) -> int | None:
    """The first of these that is a whole number of at least 0."""
    for key in keys:
        value = told.get(key)
        if isinstance(value, int) and not isinstance(value, bool) and value >= 0:
            return value
    return None


def _more(told: Mapping[str, object]) -> bool | None:
    return next((value for key in _MORE if isinstance(value := told.get(key), bool)), None)


def _is_address(value: object) -> bool:
    return isinstance(value, str) and (value.startswith(("/", "?")) or "://" in value)


def _next_link(headers: Mapping[str, str]) -> str | None:
    """The target of ``Link: <…>; rel="next"`` (RFC 8288)."""
    header = next((value for name, value in headers.items() if name.lower() == "link"), "")
    for part in header.split("<")[1:]:
        target, _, rest = part.partition(">")
        for parameter in rest.split(";"):
            name, _, value = parameter.partition("=")
            if name.strip().lower() == "rel" and "next" in value.strip(" ,\t").strip('"').lower().split():
                return target.strip()
    return None


def _is_of_host(address: str, other: str) -> bool:
    """Whether two addresses have the same origin; what is no address has none."""
    try:
        return origin(address) == origin(other)
    except ValueError:
        return False
