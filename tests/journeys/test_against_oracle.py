"""Touches, conversions and weights agree with the slow reading of the design, row by row."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

import pandas as pd
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from datalyr_notebook.attribution.attribute import attribute
from datalyr_notebook.attribution.shares import FullPath, Linear, WShaped
from datalyr_notebook.errors import CurrencyError
from datalyr_notebook.identity.stitching import stitch
from datalyr_notebook.journeys.conversions import conversion_keys, find_conversions
from datalyr_notebook.journeys.touches import event_keys, find_touches
from tests.oracle import attribution as oracle_models
from tests.oracle import journeys as oracle
from tests.strategies import records, rows, table

MODELS: dict[str, Any] = {
    **{name: name for name in oracle_models.MODELS if name != "linear_by_channel"},
    "linear_by_channel": Linear(per="channel"),
    "w_shaped": WShaped(stage="$identify"),
    "full_path": FullPath(lead="$identify", opportunity="pageview"),
}
TOUCH = [
    "person_id",
    "touch_id",
    "timestamp",
    "source",
    "medium",
    "campaign",
    "click_id",
    "anonymous_id",
    "session_id",
    "sdk",
]
CONVERSION = [
    "person_id",
    "conversion_id",
    "timestamp",
    "kind",
    "value",
    "order_id",
    "anonymous_id",
    "session_id",
    "sdk",
]


def told(found: pd.DataFrame, names: list[str]) -> list[tuple[Any, ...]]:
    """The rows of a table as comparable tuples, in text order (the two sort people differently)."""
    return sorted(
        (tuple(row.get(name) for name in names) for row in records(found)), key=lambda row: [str(cell) for cell in row]
    )


def expected(found: list[dict[str, Any]], names: list[str]) -> list[tuple[Any, ...]]:
    return sorted(
        (tuple(row.get(name) for name in names) for row in found), key=lambda row: [str(cell) for cell in row]
    )


@pytest.mark.parametrize("level", ["session", "event"])
@settings(max_examples=30, deadline=None)
@given(found=rows(max_rows=18), app_direct=st.booleans())
def test_every_touch_is_the_oracles(level: str, found: list[dict[str, Any]], app_direct: bool) -> None:
    stitched = stitch(table(found))
    touches = find_touches(stitched, level=level, app_direct=app_direct)
    assert told(touches, TOUCH) == expected(
        oracle.find_touches(records(stitched), level=level, app_direct=app_direct), TOUCH
    )


@settings(max_examples=40, deadline=None)
@given(found=rows(max_rows=18), refunds=st.sampled_from(["net", "ignore"]))
def test_every_conversion_is_the_oracles(found: list[dict[str, Any]], refunds: str) -> None:
    stitched = stitch(table(found))
    conversions = find_conversions(stitched, refunds=refunds)
    assert told(conversions, CONVERSION) == expected(
        oracle.find_conversions(records(stitched), refunds=refunds), CONVERSION
    )


HOUR_US = 3600 * 10**6
ORDERS = {"order": ["purchase", "pageview"]}
"""Pageviews count as orders here, so that most people have several, with touches between them."""
PLACES = ["Direct", "Paid Search", "Organic Search", "Paid Social", "Organic Social", "Paid Other", "Unassigned"]
OPTIONS = st.builds(
    oracle_models.Options,
    lookback_us=st.sampled_from([None, None, HOUR_US, 3 * HOUR_US]),
    by_source=st.sampled_from([None, None, {"facebook": HOUR_US}, {"google": None, "direct": 2 * HOUR_US}]),
    include=st.none() | st.lists(st.sampled_from(PLACES), min_size=3, unique=True),
    exclude=st.just(()) | st.lists(st.sampled_from(PLACES), max_size=2, unique=True),
    path=st.just(())
    | st.lists(
        st.sampled_from(
            ["exposure", "first", "last(2)", "remove_if_last_and_not_all(Direct)", "remove_if_not_all(Paid Search)"]
        ),
        max_size=2,
    ),
)


def channel(touch: dict[str, Any]) -> str:
    """What the published rules make of the sources and mediums that are drawn."""
    source, medium = touch.get("source"), touch.get("medium")
    kind = {"google": "Search", "facebook": "Social"}.get(source or "")
    if kind:
        return f"Paid {kind}" if medium == "cpc" else f"Organic {kind}"
    if medium in ("cpc", "organic"):
        return "Paid Other" if medium == "cpc" else "Organic Search"
    return "Direct" if source == "direct" else "Unassigned"


def lookback(options: oracle_models.Options) -> Any:
    """The same as attribute is asked."""
    times = {None: None, **{hours * HOUR_US: f"{hours}h" for hours in (1, 2, 3)}}
    if options.by_source is None:
        return times[options.lookback_us]
    return {"others": times[options.lookback_us], **{name: times[time] for name, time in options.by_source.items()}}


@pytest.mark.parametrize(("feed", "evidence"), [("every", "all"), ("next", "all"), ("every", "at_conversion")])
@settings(max_examples=15)
@given(found=rows(max_rows=18), options=OPTIONS)
def test_every_weight_is_the_oracles(
    feed: str, evidence: str, found: list[dict[str, Any]], options: oracle_models.Options
) -> None:
    """Under every rule model; a login is the lead and a pageview the opportunity."""
    options = replace(options, touches_feed=feed, evidence=evidence)
    stitched = stitch(table(found))
    try:
        result = attribute(
            stitched,
            conversion=ORDERS,
            model=MODELS,
            lookback=lookback(options),
            touches_feed=options.touches_feed,
            evidence=options.evidence,
            include=options.include,
            exclude=options.exclude,
            path=options.path,
        )
    except CurrencyError:
        return
    events = records(stitched)
    touches = [
        {**touch, "channel": channel(touch), "person_since": events[touch["row"]]["person_since"]}
        for touch in oracle.find_touches(events)
    ]
    conversions = oracle.find_conversions(events, conversion=ORDERS)
    expected_: dict[tuple[str, str, str], float] = {}
    for one in conversions:
        own = [row for row in events if row["person_id"] == one["person_id"]]
        stages = {
            stage: [row["timestamp"] for row in own if row["event_name"] == name]
            for stage, name in (("lead", "$identify"), ("opportunity", "pageview"))
        }
        for model in MODELS:
            shares = oracle_models.weights(touches, one, model, options=options, others=conversions, stages=stages)
            expected_ |= {
                (model, one["conversion_id"], touch["touch_id"]): share
                for touch, share in zip(touches, shares, strict=True)
                if share
            }
    sold = conversion_keys(stitched, result.conversion_rows).to_numpy()[result.journeys.journey]
    touched = event_keys(stitched, result.evidence.touches.row).to_numpy()[result.journeys.touch]
    got = {
        (model, sale, touch): weight
        for model in MODELS
        for sale, touch, weight in zip(sold, touched, result.weights[model].tolist(), strict=True)
        if weight
    }
    assert got == pytest.approx(expected_, abs=1e-9)
