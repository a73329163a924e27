"""A client of the Datalyr API: the documented endpoints with checked parameters, and any other by its path."""

from __future__ import annotations

import datetime as dt
import math
import os
from collections.abc import Callable, Collection, Mapping
from functools import partial
from pathlib import Path
from types import TracebackType
from typing import Any, Final, Self

import pandas as pd
import requests

from datalyr_notebook import options
from datalyr_notebook.api import addresses, dates, pull, transport
from datalyr_notebook.api.paging import Paging
from datalyr_notebook.api.secrecy import Hidden
from datalyr_notebook.api.shapes import ShapeError, to_frame
from datalyr_notebook.errors import OptionError
from datalyr_notebook.loading.report import LoadReport

AGGREGATIONS: Final = ("hour", "day", "week", "month")
TRAFFIC_TYPES: Final = ("referrer", "campaign", "page")
MAX_TRAFFIC_ROWS: Final = 100


class Client:
    """Reads from the Datalyr API with one key.

    Parameters
    ----------
    api_key
        The key (``dk_…`` or ``dk_agent_…``); else the environment's ``DATALYR_API_KEY``. It goes into a header
        to ``base_url``'s host and nowhere else: into no repr, log, error, address or pickle.
        A copied or unpickled client looks in the environment.
    base_url
        https; http only on this machine.
    timeout_s
        Seconds to connect, and seconds of silence while reading: one number, or a pair.
    session
        A ``requests.Session`` whose adapters, headers, proxies and certificates are used. It stays open.
    max_retries
        How often one request is repeated after 429, 5xx or a connection fault.
    max_wait_s
        The longest single wait that the server may ask for; beyond it RateLimitError says when to come back.
    max_bytes
        The largest body, unpacked; a larger one is refused before it is in memory.
    tz
        The time zone of dates without one.

    Raises ApiKeyError without a key, OptionError for settings that cannot be.

    >>> Client("dk_never_shown", tz="Europe/Berlin")
    Client(base_url='https://app.datalyr.com/api/v1', api_key=<set>, tz='Europe/Berlin')

    """

    def __init__(
        self,
        api_key: str | None = None,
        *,
        base_url: str = addresses.BASE_URL,
        timeout_s: float | tuple[float, float] = transport.TIMEOUT_S,
        session: requests.Session | None = None,
        max_retries: int = transport.MAX_RETRIES,
        max_wait_s: float = transport.MAX_WAIT_S,
        max_bytes: int = transport.MAX_BYTES,
        tz: str | dt.tzinfo = "UTC",
    ) -> None:
        hidden = Hidden(api_key)
        del api_key  # what follows may raise, and a traceback may be shown with its locals
        self.tz = dates.checked_zone(tz)
        self._transport = transport.Transport(
            hidden,
            base_url=base_url,
            timeout_s=timeout_s,
            session=session,
            max_retries=max_retries,
            max_wait_s=max_wait_s,
            max_bytes=max_bytes,
        )

    def overview(
        self, start: dates.Moment, end: dates.Moment, *, aggregation: str | None = None, as_json: bool = False
    ) -> pd.DataFrame | Any:  # noqa: ANN401  (JSON may be anything)
        """Visitors, page views, sessions and custom events over time.

        ``start`` and ``end`` are inclusive; a day alone is the whole day in the client's ``tz``.
        ``aggregation``: "hour", "day", "week" or "month"; None leaves it to the API (same day: hour, to 60 days:
        day, to 180: week, else month). The names of fields are not published: the table has what comes, by the
        rules of ``frame``; ``as_json=True`` gives the JSON itself.
        """
        step = "Client.overview"
        if aggregation is not None:
            options.one_of(step, "aggregation", aggregation, AGGREGATIONS)
        return self._of_period(step, "overview", start, end, {"aggregation": aggregation}, as_json=as_json)

    def traffic(
        self,
        start: dates.Moment,
        end: dates.Moment,
        *,
        type: str | None = None,  # noqa: A002  (the API's own name)
        limit: int | None = None,
        as_json: bool = False,
    ) -> pd.DataFrame | Any:  # noqa: ANN401  (JSON may be anything)
        """Where visitors came from: referrers, campaigns, or the pages they saw.

        ``type``: "referrer" (the API's default), "campaign" or "page". ``limit``: 1 to 100 rows; the API's
        default is 20. Dates and answer as in ``overview``.
        """
        step = "Client.traffic"
        if type is not None:
            options.one_of(step, "type", type, TRAFFIC_TYPES)
        if limit is not None and options.count(step, "limit", limit) > MAX_TRAFFIC_ROWS:
            raise OptionError(step, "limit", limit, f"a whole number from 1 to {MAX_TRAFFIC_ROWS}")
        return self._of_period(step, "traffic", start, end, {"type": type, "limit": limit}, as_json=as_json)

    def devices(self, start: dates.Moment, end: dates.Moment, *, as_json: bool = False) -> pd.DataFrame | Any:  # noqa: ANN401  (JSON may be anything)
        """Browsers, operating systems or kinds of device.

        The public pages we could read do not list this endpoint's parameters: ``frame("devices", start_date=…,
        …)`` sends others. Dates and answer as in ``overview``.
        """
        return self._of_period("Client.devices", "devices", start, end, {}, as_json=as_json)

    def get(self, path: str, /, **params: Any) -> Any:  # noqa: ANN401  (JSON may be anything)
        """The decoded JSON of any endpoint.

        ``path`` is below ``base_url`` ("overview"), or a URL on its host. Parameters are texts, numbers,
        booleans, lists of these, or dates (naive: in the client's ``tz``; a day alone: its first instant); None
        is left out. Texts are sent as they are.
        """
        return self._asked(path, params).body

    def frame(self, path: str, /, **params: Any) -> pd.DataFrame:
        """The table that the JSON of any endpoint makes.

        An array of objects is one row an object, an object of arrays one column a field, nested series are rows
        with the name of their series; an envelope such as ``{"data": …}`` is opened, and what stands beside it (totals)
        is in ``frame.attrs``. Dates stay texts. Raises ApiResponseError for JSON that makes no table.
        """
        return _framed(self._asked(path, params))

    def events(
        self,
        start: dates.Moment,
        end: dates.Moment,
        *,
        path: str,
        paging: str | Paging = "auto",
        page_size: int = pull.PAGE_SIZE,
        window: object = pull.WINDOW,
        params: Mapping[str, object] | None = None,
        columns: Mapping[str, str] | None = None,
        ignore_referrers: Collection[str] = (),
        checkpoint: str | os.PathLike[str] | None = None,
        as_path: bool = False,
        progress: bool = True,
        report: LoadReport | None = None,
    ) -> pd.DataFrame | Path:
        """Pull the events with ``start <= timestamp < end`` from an endpoint that answers with one object an event.

        The public pages of Datalyr's API that could be read describe no such endpoint, so ``path`` and how it pages
        are yours to set. Where you have none, take files instead: your own log of ingested events, a warehouse
        export, captured requests; ``read_events`` reads them.

        ``start`` and ``end`` are moments (ISO 8601, datetime, Timestamp), without a zone in the client's ``tz``. The
        end is not included, and a day alone is its first instant: ``"2026-01-01", "2026-02-01"`` is January. An end in
        the future is cut at now, by this machine's clock or the server's, whichever is earlier. ``window``: the time
        that is asked for at once. The API's dates are inclusive at both ends: each window asks for [a, b] and keeps
        rows with a <= timestamp < b. ``params`` go with every request. ``columns`` maps the names in the rows to ours
        (``{"ts": "timestamp"}``).

        ``paging``: ``"auto"`` tells it from the first answer; ``"cursor"``, ``"page"``, ``"offset"``, ``"link"`` and
        ``"none"`` name it; ``Paging(...)`` names its parameters too. ``page_size``: the rows a page is asked to have.
        A window whose pages do not add up (a page comes twice, the total changes or is not reached, rows come twice
        or from other times) is pulled again, and recorded when it adds up, or when two pulls agree to the last row;
        otherwise PagingError. Equal rows on several pages are one row; rows with the same event_id are settled by
        normalize_events. Rows without a readable time belong to no window: they are left out, counted and told.

        ``checkpoint``: a folder that keeps every finished window as a Parquet file of the rows as they came. The
        same call with the same folder goes on after any interruption; the joined result has no gap and no
        duplicate. Only one pull at a time may use it. ``as_path=True`` answers with that folder (without
        ``checkpoint`` a new temporary one, yours to delete) in place of a table, so that memory holds one page;
        ``read_events(folder)`` reads it. ``report=LoadReport()`` is filled as by ``read_events``.

        Answers with canonical events (``schema.EVENTS``), by window, in the order of the pages. Raises OptionError,
        PagingError, CheckpointError, ApiError (ApiResponseError: no rows in an answer), and what normalize_events
        raises.

        >>> from datalyr_notebook.api.sandbox import Sandbox  # a server on this machine, whose endpoints are ours
        >>> with Sandbox() as url, Client("dk_sandbox", base_url=url) as client:
        ...     pulled = client.events("2026-04-01", "2026-04-02", path="events/cursor")
        >>> len(pulled), str(pulled["event_name"].iloc[0])
        (35, 'pageview')
        """
        return pull.pull_events(
            self._transport,
            start,
            end,
            path=path,
            tz=self.tz,
            paging=paging,
            page_size=page_size,
            window=window,
            params=params,
            columns=columns,
            ignore_referrers=ignore_referrers,
            checkpoint=checkpoint,
            as_path=as_path,
            progress=progress,
            report=report,
        )

    def close(self) -> None:
        """Ends the connections; a session that was passed in stays open."""
        self._transport.close()

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.close()

    @property
    def base_url(self) -> str:
        """The address below which paths are asked."""
        return self._transport.base_url

    def __repr__(self) -> str:
        if "_transport" not in vars(self):
            return "Client(…)"  # in a traceback of its own making
        return f"Client(base_url={self.base_url!r}, api_key=<set>, tz={str(self.tz)!r})"

    def __reduce__(self) -> tuple[Callable[[], Self], tuple[()]]:
        """The settings without key and session."""
        asks = self._transport
        settings: dict[str, Any] = {
            "base_url": asks.base_url,
            "timeout_s": asks.timeout_s,
            "max_retries": asks.max_retries,
            "max_wait_s": asks.max_wait_s,
            "max_bytes": asks.max_bytes,
            "tz": self.tz,
        }
        return partial(type(self), **settings), ()

    def _of_period(
        self, step: str, path: str, start: object, end: object, params: Mapping[str, Any], *, as_json: bool
    ) -> Any:  # noqa: ANN401  (JSON may be anything)
        first, last = dates.period(step, start, end, self.tz, self._transport.now())
        asked = {"start_date": dates.written(first), "end_date": dates.written(last), **params}
        answer = self._transport.get(path, asked)
        return answer.body if as_json else _framed(answer)

    def _asked(self, path: str, params: Mapping[str, Any]) -> transport.Answer:
        return self._transport.get(path, {name: self._sent(name, value) for name, value in params.items()})

    def _sent(self, name: str, value: Any) -> Any:  # noqa: ANN401  (whatever was passed)
        """A parameter as it stands in an address."""
        if isinstance(value, bool):
            return "true" if value else "false"
        if isinstance(value, dt.date):
            return dates.written(dates.moment("Client.get", name, value, self.tz))
        if isinstance(value, list | tuple):
            return [self._sent(name, one) for one in value]
        if value is None or isinstance(value, str | int) or (isinstance(value, float) and math.isfinite(value)):
            return value
        raise OptionError("Client.get", name, type(value), "a text, a number, a boolean, a date, or a list of them")


def _framed(answer: transport.Answer) -> pd.DataFrame:
    try:
        return to_frame(answer.body)
    except ShapeError as error:
        problem = f"the JSON makes no table, {error} came"
    raise answer.unfit(problem, "client.get(path, ...) or as_json=True gives the JSON itself.")
