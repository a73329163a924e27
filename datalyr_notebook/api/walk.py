"""Walks the pages of one window to the last row, and again where they do not add up."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Final, NamedTuple

import numpy as np
import numpy.typing as npt

from datalyr_notebook.api.checkpoint import Checkpoint, Facts
from datalyr_notebook.api.paging import Page, Paging, Request, Row, is_whole, recognized, rows_of
from datalyr_notebook.api.spool import Spool, row_keys
from datalyr_notebook.api.transport import Answer, Transport
from datalyr_notebook.api.windows import Window, have_times, row_times
from datalyr_notebook.errors import ColumnIndexError, MissingColumnsError, PagingError, shown
from datalyr_notebook.progress import Step, silent

TRIES: Final = 4
"""How often a window is pulled before its pages are given up."""
_MOST_PAGES: Final = 1_000_000
_SIZE: Final = "limit"
"""The parameter that asks for a page's size before it is known how the endpoint pages."""
_SHIFTING: Final = ("page", "offset")
"""Styles whose places are counted, so that a row that arrives moves all behind it."""


class _Unsettled(Exception):  # noqa: N818  (never leaves this module: the window is pulled again)
    """Pages of a window that cannot all be right."""


class _Walked(NamedTuple):
    """One walk through all pages of a window."""

    received: int
    without_time: int
    outside: int
    digest: int
    """Equal for two walks in which the same rows came on the same pages."""


class Pages:
    """What walks the pages of an endpoint: holds how it pages, once that is known, and what came so far."""

    def __init__(
        self,
        transport: Transport,
        path: str,
        params: Mapping[str, str],
        columns: Mapping[str, str],
        paging: Paging | None,
        page_size: int,
    ) -> None:
        self._transport, self._path, self._params, self._columns = transport, path, params, columns
        self._page_size = page_size
        self.paging = paging
        self.rows = self.requests = 0
        self.step: Step = silent

    @property
    def words(self) -> str:
        """How far it is; never a text of the server's."""
        return f"{self.rows:,} rows, {self.requests:,} requests"

    def window(self, window: Window, held: Checkpoint, *, was_begun: bool) -> Facts:
        """Pull one window and record it. Raises PagingError where its pages do not add up, try after try.

        ``was_begun``: pages of it have been asked for before, so that a stale one may come for its first.
        """
        before, before_rows, problem = None, self.rows, ""
        for again in range(TRIES):
            self.rows = before_rows
            with Spool(held.folder) as spool:
                try:
                    walked = self._walk(window, spool, is_first_doubted=was_begun or again > 0)
                except _Unsettled as doubt:
                    problem, before = str(doubt), None
                    continue
                dropped = spool.repeated()
                repeated = int(sum(flags.sum() for flags in dropped))
                problem = self._doubted(walked, repeated)
                if problem and walked.digest != before:
                    before = walked.digest
                    continue
                return _recorded(window, held, spool, dropped, walked, repeated)
        raise PagingError(
            self._path,
            f"in {TRIES} tries the pages of {window.dates['start_date']} to {window.dates['end_date']} did not add up: "
            f"{problem}",
            "If rows still arrive in this time, choose an earlier end=; if the endpoint takes other parameters, name "
            "them with paging=Paging(...); larger pages or shorter windows help where rows come and go.",
        )

    def _doubted(self, walked: _Walked, repeated: int) -> str:
        """What may be as it should, if it is the same the next time."""
        if walked.outside:
            return f"{walked.outside:,} rows are of a time that was not asked for"
        if repeated and self.paging is not None and self.paging.style in _SHIFTING:
            return f"{repeated:,} rows stood on several pages"
        return ""

    def _walk(self, window: Window, spool: Spool, *, is_first_doubted: bool) -> _Walked:
        received = without_time = outside = 0
        total: int | None = None
        came: list[int] = []
        request, page = self._first(window)
        if is_first_doubted and not _are_alike(page, self._page(request)):
            raise _Unsettled("the first page was another one when it was asked for a second time")
        asked, seen = {_place(request)}, set[int]()
        while True:
            if page.doubt:
                raise _Unsettled(page.doubt)
            rows = self._renamed(page.rows)
            keys = row_keys(rows)
            digest = hash(keys.tobytes())
            if rows and digest in seen:
                raise _Unsettled("a page came a second time in place of another one")
            seen.add(digest)
            came.append(digest)
            if total is not None and page.total is not None and page.total != total:
                raise _Unsettled(f"the total changed from {total:,} to {page.total:,} rows")
            total = page.total if total is None else total
            split = window.split(row_times(rows))
            if rows and split.without_time == len(rows):
                _refuse_timeless(rows)
            received, outside = received + len(rows), outside + split.outside
            without_time += split.without_time
            self.rows += int(split.kept.sum())
            _spool(spool, rows, keys, split.kept)
            self.step(self.words, again=True)
            if page.then is None:
                break
            place = _place(page.then)
            if place in asked or len(asked) >= _MOST_PAGES:
                raise _Unsettled("the pages go round in a circle")
            asked.add(place)
            page = self._page(page.then)
        if total is not None and received != total:
            raise _Unsettled(f"{total:,} rows were announced and {received:,} came")
        return _Walked(received, without_time, outside, hash(tuple(came)))

    # ---- pages -----------------------------------------------------------------------------------

    def _first(self, window: Window) -> tuple[Request, Page]:
        """The first page of a window; here it is told how the endpoint pages."""
        params = {**self._params, **window.dates}
        if self.paging is not None:
            request = self.paging.first(self._path, params, self._page_size)
            return request, self._page(request)
        request = Request(self._path, {**params, _SIZE: str(self._page_size)})
        answer = self._asked(request)
        found = recognized(answer)
        if found is None:
            rows = rows_of(answer)
            if is_whole(answer, len(rows)):
                return request, Page(rows, None)
            found = self._told_by_less(params, len(rows))
        self.paging = found
        first = found.first(self._path, params, self._page_size)
        return first, found.read(first, answer) if found.size == _SIZE else self._page(first)

    def _told_by_less(self, params: Mapping[str, str], rows: int) -> Paging:
        """How an endpoint pages whose first answer had no sign of more: half as many rows must have one.

        Rows without any sign may be the first ones of many: services cut what they answer with.
        """
        less = self._asked(Request(self._path, {**params, _SIZE: str(max(1, rows // 2))}))
        found = recognized(less)
        if found is None:
            raise PagingError(
                self._path,
                f"its answer of {rows:,} rows has no cursor, page number, offset or Link header",
                "Name how it pages with paging=; pass paging='none' if you know that one answer holds a whole window.",
            )
        return found

    def _page(self, request: Request) -> Page:
        answer = self._asked(request)
        if self.paging is None:  # so far every answer was whole
            return Page(rows_of(answer), None)
        return self.paging.read(request, answer)

    def _asked(self, request: Request) -> Answer:
        # Where no bar is seen, the transport tells of its waits itself.
        on_wait = None if self.step is silent else self._wait
        answer = self._transport.get(request.where, request.params or None, on_wait=on_wait)
        self.requests += 1
        return answer

    def _wait(self, seconds: float, _reason: str) -> None:
        self.step(f"{self.words}, next request in {seconds:,.0f} s", again=True, at_once=True)

    def _renamed(self, rows: list[Row]) -> list[Row]:
        """Rows under the names that ``columns=`` gives them."""
        if not self._columns:
            return rows
        renamed = [{self._columns.get(name, name): value for name, value in row.items()} for row in rows]
        for row, given in zip(renamed, rows, strict=True):
            if len(row) < len(given):
                twice = next(name for name in row if name in given and name not in self._columns)
                raise ColumnIndexError(
                    "Client.events",
                    f"after columns= {shown(twice)} names two",
                    "Name another of your columns, or leave it out of columns=.",
                )
        return renamed


def _are_alike(page: Page, other: Page) -> bool:
    """Whether two answers are the same page; cursors may be made anew each time."""
    return page.rows == other.rows and (page.then is None) == (other.then is None) and page.total == other.total


def _refuse_timeless(rows: list[Row]) -> None:
    """Rows whose time stands under another name would all be left out, and the result would be empty."""
    if not have_times(rows):
        names = dict.fromkeys(name for row in rows for name in row)
        fix = "Name yours with columns={'ts': 'timestamp'}, or check path=: it must be an endpoint of events."
        raise MissingColumnsError("Client.events", "'timestamp'", names, fix)


def _place(request: Request) -> int:
    return hash((request.where, *sorted(request.params.items())))


def _spool(spool: Spool, rows: list[Row], keys: npt.NDArray[np.int64], kept: npt.NDArray[np.bool_]) -> None:
    places = np.flatnonzero(kept)
    if len(places):
        spool.add(rows if len(places) == len(rows) else [rows[place] for place in places.tolist()], keys[places])


def _recorded(
    window: Window,
    held: Checkpoint,
    spool: Spool,
    dropped: list[npt.NDArray[np.bool_]],
    walked: _Walked,
    repeated: int,
) -> Facts:
    rows = sum(len(flags) for flags in dropped) - repeated
    facts = {
        "rows": rows,
        "received": walked.received,
        "without_time": walked.without_time,
        "outside": walked.outside,
        "repeated": repeated,
    }
    held.record(window, facts, (lambda file, told: spool.write(file, dropped, told)) if rows else None)
    return facts
