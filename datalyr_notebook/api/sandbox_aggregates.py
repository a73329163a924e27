"""The sandbox's `/overview`, `/traffic` and `/devices`: numbers of the sample events, in shapes of our own.

Parameters and their defaults are Datalyr's (docs.datalyr.com/sdks/api); the public pages that we could read
show no answer of these endpoints. So each answers in another of the shapes that read APIs use: an object of
arrays, an array of objects, nested series.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Final
from urllib.parse import urlsplit

import numpy as np
import pandas as pd

from datalyr_notebook import order
from datalyr_notebook.api.sandbox_pages import Params, dates, number
from datalyr_notebook.api.sandbox_reply import RefusedError
from datalyr_notebook.schema import TEXT

_BUCKETS: Final = {"hour": "h", "day": "D", "week": "W-MON", "month": "MS"}
"""``aggregation`` → how pandas calls it; weeks begin on Monday."""
_DAYS_OF: Final = ((1, "hour"), (60, "day"), (180, "week"))
"""So many days at most → the aggregation that is chosen for them; more days: month."""
_DAY_US: Final = 86_400_000_000
_COUNTS: Final = {
    "visitors": ("visitor", "nunique"),
    "pageviews": ("is_pageview", "sum"),
    "sessions": ("session", "nunique"),
}
_TYPES: Final = ("referrer", "campaign", "page")
_ISO: Final = "%Y-%m-%dT%H:%M:%SZ"


def overview(events: pd.DataFrame, params: Params) -> object:
    """``{"date": [...], "visitors": [...], "pageviews": [...], "sessions": [...], "custom_events": [...]}``."""
    first, last = dates(params)
    usual = next((name for days, name in _DAYS_OF if last // _DAY_US - first // _DAY_US < days), "month")
    chosen = params.get("aggregation", usual)
    if chosen not in _BUCKETS:
        raise RefusedError(400, "invalid_parameter", f"aggregation is one of {', '.join(_BUCKETS)}")
    table = _counted(_within(events, first, last), chosen)
    return {"date": _moments(table), **{str(name): table[name].tolist() for name in table.columns}}


def traffic(events: pd.DataFrame, params: Params) -> object:
    """``[{"referrer": "google.com", "visitors": 3, "pageviews": 5, "sessions": 3}, …]``, most visitors first."""
    kind, limit = params.get("type", "referrer"), number(params, "limit", 20, largest=100)
    if kind not in _TYPES:
        raise RefusedError(400, "invalid_parameter", f"type is one of {', '.join(_TYPES)}")
    found = _measured(_within(events, *dates(params)))
    grouped = found.assign(group=found[kind]).dropna(subset=["group"]).groupby("group", observed=True)
    table = grouped.agg(**_COUNTS).sort_index()
    top = table.sort_values("visitors", ascending=False, kind="stable").head(limit)
    return [{kind: str(name), **counts} for name, counts in zip(top.index, top.to_dict("records"), strict=True)]


def devices(events: pd.DataFrame, params: Params) -> object:
    """``{"series": [{"name": "phone", "data": [{"date": …, "visitors": 3}, …]}, …]}``, by the device type's name."""
    found = _within(events, *dates(params))
    series = []
    for name in sorted(found["device_type"].astype(str).unique()) if "device_type" in found.columns else ():
        table = _counted(found[found["device_type"].astype(str) == name], "day")
        visitors = zip(_moments(table), table["visitors"].tolist(), strict=True)
        series.append({"name": name, "data": [{"date": date, "visitors": count} for date, count in visitors]})
    return {"series": series}


AGGREGATES: Final[Mapping[str, Callable[[pd.DataFrame, Params], object]]] = {
    "/overview": overview,
    "/traffic": traffic,
    "/devices": devices,
}
"""Path → its answer, of canonical events."""


def _within(events: pd.DataFrame, first: int, last: int) -> pd.DataFrame:
    return events[order.within(order.microseconds(events), first, last)]


def _counted(events: pd.DataFrame, aggregation: str) -> pd.DataFrame:
    """Visitors, page views, sessions and other events of each stretch of time, also of empty ones between."""
    if events.empty:  # pandas 2 cannot count distinct values of no rows
        return pd.DataFrame(index=pd.DatetimeIndex([]), columns=[*_COUNTS, "custom_events"])
    stretches = _measured(events).resample(_BUCKETS[aggregation], on="timestamp", closed="left", label="left")
    table: pd.DataFrame = stretches.agg(**_COUNTS, custom_events=("is_custom", "sum"))  # type: ignore[arg-type]
    return table


def _moments(table: pd.DataFrame) -> list[str]:
    return [moment.strftime(_ISO) for moment in pd.DatetimeIndex(table.index)]


def _measured(events: pd.DataFrame) -> pd.DataFrame:
    """What is counted of each event; a visitor's day is a session where the events name none."""
    name = events["event_name"].astype(str)
    device, user, session = (_text(events, column) for column in ("anonymous_id", "user_id", "session_id"))
    visitor = device.where(device.notna(), user)
    day = events["timestamp"].dt.strftime("%Y-%m-%d")
    return pd.DataFrame(
        {
            "timestamp": events["timestamp"],
            "visitor": visitor,
            "session": session.where(session.notna(), day.str.cat(visitor.astype(TEXT), sep=" ")),
            "is_pageview": (name == "pageview").astype(np.int64),
            "is_custom": ((name != "pageview") & ~name.str.startswith("$")).astype(np.int64),
            "referrer": _text(events, "referrer_host").fillna("direct"),
            "campaign": _text(events, "campaign"),
            "page": _text(events, "url").map(_page, na_action="ignore"),
        }
    )


def _text(events: pd.DataFrame, name: str) -> pd.Series:
    """A column as objects; all null where the events have none."""
    return events[name].astype(object) if name in events.columns else pd.Series(None, index=events.index, dtype=object)


def _page(url: object) -> str:
    try:
        return urlsplit(str(url)).path or "/"
    except ValueError:  # no address after all
        return "/"
