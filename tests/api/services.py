"""Endpoints of events as functions of their parameters, for servers that no sandbox should imitate."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Any

import pandas as pd

from datalyr_notebook.api.transport import Answer

START, END = "2026-01-01", "2026-01-05"
HERE = "https://api.example.com/v1/events?limit=2"


def row(number: int, **more: object) -> dict[str, object]:
    """Row ``n`` is of January 1 at ``n`` o'clock, and so on into the next days."""
    moment = pd.Timestamp("2026-01-01") + pd.Timedelta(hours=number)
    return {
        "event_id": f"e{number}",
        "timestamp": f"{moment.isoformat()}.000Z",
        "event": "purchase" if number % 3 == 0 else "pageview",
        "userId": "00042",
        "value": [7, 7.5, "8"][number % 3],
        "properties": {"n": number, "tags": ["a"]},
        **more,
    }


ROWS = [row(number) for number in (*range(0, 24, 2), *range(48, 90, 3), 96)]
"""12 rows on the first day, none on the second, 14 on the last two, and one at the very end, which is not asked for."""
ALL = [str(one["event_id"]) for one in ROWS[:-1]]


def answer_of(body: object, headers: Mapping[str, str] | None = None, url: str = HERE) -> Answer:
    """What a server answered."""
    return Answer(body, headers or {}, url, 0, path="/events")


class Service:
    """An endpoint in place of a transport; ``asked`` lists the parameters of its requests."""

    def __init__(self, answer: Callable[..., Any], base_url: str = "https://api.example.com/v1") -> None:
        self._answer, self.base_url = answer, base_url
        self.asked: list[Mapping[str, str]] = []

    def get(self, path: str, params: Mapping[str, Any] | None = None, *, on_wait: object = None) -> Answer:
        self.asked.append(dict(params or {}))
        came = self._answer(**(params or {}))
        return came if isinstance(came, Answer) else answer_of(came)


def within(rows: list[dict[str, object]], start_date: str, end_date: str) -> list[dict[str, object]]:
    """Rows of these dates, both included."""
    first, last = pd.Timestamp(start_date), pd.Timestamp(end_date)
    return [one for one in rows if first <= pd.Timestamp(str(one["timestamp"])) <= last]


def pages_of(rows: list[dict[str, object]], **params: str) -> dict[str, object]:
    """One page by offset."""
    found = within(rows, params["start_date"], params["end_date"])
    offset, limit = int(params.get("offset", 0)), int(params["limit"])
    return {"results": found[offset : offset + limit], "offset": offset, "total": len(found)}


def ids(events: pd.DataFrame) -> list[str]:
    return events["event_id"].tolist()
