"""Journeys as short stories: one person, each day a visit of its own; and how a result tells them."""

from __future__ import annotations

from typing import Any

import pandas as pd

import datalyr_notebook as dn
from datalyr_notebook.attribution.result import Attribution
from datalyr_notebook.journeys.touches import event_keys

DAY = pd.Timedelta("1D")
META = {"source": "facebook", "medium": "paid_social", "click_id": "k1", "click_id_type": "fbclid"}
GOOGLE = {"source": "google", "medium": "cpc", "click_id": "k2", "click_id_type": "gclid"}
NEWS = {"source": "newsletter", "medium": "email"}
MICROSECOND = pd.Timedelta(1, "us")
CLICKS = [(day, "pageview", META | {"click_id": f"k{day}"}) for day in (1, 2, 3, 4, 5)]
"""Five clicks on an ad, one a day."""


def story(*rows: tuple[float, str, dict[str, Any]]) -> pd.DataFrame:
    """Rows as (day, event name, rest); each day is a visit of its own; the event_id is name@day."""
    return dn.stitch(
        pd.DataFrame(
            [
                {
                    "event_id": f"{name}@{day}", "timestamp": pd.Timestamp("2026-01-01T00:00Z") + day * DAY,
                    "event_name": name, "sdk": "web", "anonymous_id": "anon_1", "user_id": "u",
                    "session_id": f"s{int(day)}", **rest,
                }
                for day, name, rest in rows
            ]
        )
    )  # fmt: skip


def told(result: Attribution) -> dict[str, list[str]]:
    """Conversion → its touches, by the days they stand on, in time order."""
    keys = result.conversions["conversion_id"].str.removeprefix("purchase@")
    days = event_keys(result.stitched, result.evidence.touches.row).str.removeprefix("pageview@")
    ends = zip(result.journeys.indptr[:-1], result.journeys.indptr[1:], strict=True)
    return {
        key: days.iloc[result.journeys.touch[start:end]].tolist() for key, (start, end) in zip(keys, ends, strict=True)
    }


def reasons(result: Attribution) -> dict[str, int]:
    """Why touches are in no journey."""
    left = result.left_out
    return dict(left.loc[left["kind"] == "touch", ["reason", "count"]].itertuples(index=False, name=None))
