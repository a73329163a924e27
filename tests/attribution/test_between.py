"""between=: the dates whose conversions are asked for, on journeys with the answer in sight."""

from __future__ import annotations

import datetime as dt
from typing import Any

import numpy as np
import pandas as pd
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

import datalyr_notebook as dn
from datalyr_notebook.errors import CurrencyError, OptionError, UnknownConversionError
from tests.strategies import rows, table

DAY = pd.Timedelta("1D")


def people(*told: tuple[str, float, str, dict[str, Any]]) -> pd.DataFrame:
    """Rows as (person, day of January 2026 less one, event name, rest); each day is a visit of its own.

    A visit without a pageview is no touch of its own: an idle tab.
    """
    return dn.stitch(
        pd.DataFrame(
            [
                {
                    "timestamp": pd.Timestamp("2026-01-01T00:00Z") + day * DAY, "event_name": name, "sdk": "web",
                    "anonymous_id": f"anon_{who}", "user_id": who, "session_id": f"{who}{int(day)}",
                    "source": None, "value": None, "order_id": None, "event_id": f"{who}-{day}-{name}", **rest,
                }
                for who, day, name, rest in told
            ]
        )
    )  # fmt: skip


def credit(stitched: pd.DataFrame, **options: Any) -> dict[str, float]:
    totals = dn.attribute(stitched, **{"model": "last_non_direct", **options}).totals
    return dict(zip(totals["channel"], totals["credit"], strict=True))


def left_out(result: dn.Attribution) -> dict[str, tuple[int, float]]:
    return {row.reason: (row.count, row.value) for row in result.left_out.astype(object).itertuples(index=False)}


ORDERS = people(
    ("u", 0, "pageview", {"source": "tiktok"}),
    ("u", 1, "purchase", {"value": 10.0}),
    ("u", 2, "purchase", {"value": 20.0}),
    ("u", 3, "purchase", {"value": 40.0}),
)
"""At midnight of 2, 3 and 4 January."""


@pytest.mark.parametrize(
    ("between", "value"),
    [
        (None, 70.0),
        ((None, None), 70.0),
        (("2026-01-02", None), 70.0),
        (("2026-01-02T00:00:00.000001Z", None), 60.0),
        (("2026-01-03", "2026-01-04"), 20.0),
        (("2026-01-03", "2026-01-04T00:00:00.000001Z"), 60.0),
        ((None, "2026-01-02"), 0.0),
        ([dt.date(2026, 1, 3), pd.Timestamp("2026-01-03T01:00+01:00") + DAY], 20.0),
        ((np.datetime64("2026-01-04"), None), 40.0),
        (("1900-01-01", "2200-01-01"), 70.0),
    ],
)
def test_the_first_moment_belongs_to_the_dates_and_the_last_does_not(between: Any, value: float) -> None:
    assert sum(credit(ORDERS, between=between).values()) == value


@pytest.mark.parametrize(
    "between",
    ["2026-01-01", ("2026-01-01",), ("2026-01-02", "2026-01-02"), ("2026-01-03", "2026-01-02"), (1, 2), ("soon", None)],
)
def test_dates_that_are_none_are_refused(between: Any) -> None:
    with pytest.raises(OptionError, match=r"attribute: between=.*Use None"):
        dn.attribute(ORDERS, between=between)


def test_the_headline_says_the_dates_and_left_out_what_they_leave_out() -> None:
    result = dn.attribute(ORDERS, between=("2026-01-03", "2026-01-04"))
    assert "; conversions from 3 Jan 2026 00:00 UTC, before 4 Jan 2026 00:00 UTC" in repr(result)
    assert left_out(result)["outside the dates asked for"] == (2, 50.0)
    assert "; conversions" not in repr(dn.attribute(ORDERS))
    assert "before 4 Jan" in repr(dn.attribute(ORDERS, between=(None, "2026-01-04")))


def test_an_order_belongs_to_the_time_of_its_first_copy() -> None:
    stitched = people(
        ("u", 0, "pageview", {"source": "tiktok"}),
        ("u", 1, "purchase", {"value": 10.0, "order_id": "A"}),
        ("u", 5, "purchase", {"value": 10.0, "order_id": "A"}),
    )
    result = dn.attribute(stitched, between=("2026-01-04", None))
    assert len(result.conversions) == 0
    assert left_out(result) == {
        "looked back on by conversions outside the dates alone": (1, 0.0),
        "the same order again": (1, 10.0),
        "outside the dates asked for": (1, 10.0),
    }


def test_a_refund_behind_the_dates_still_reduces_its_order() -> None:
    stitched = people(
        ("u", 0, "pageview", {"source": "tiktok"}),
        ("u", 1, "purchase", {"value": 10.0, "order_id": "A"}),
        ("u", 9, "refund", {"value": 4.0, "order_id": "A"}),
    )
    assert credit(stitched, between=(None, "2026-01-05")) == {"Organic Social": 6.0}


def test_a_conversion_before_the_dates_still_takes_its_touches() -> None:
    stitched = people(
        ("u", 0, "pageview", {"source": "tiktok"}),
        ("u", 1, "purchase", {"value": 10.0, "source": "google"}),
        ("u", 4, "purchase", {"value": 20.0}),
    )
    later = ("2026-01-03", None)
    assert credit(stitched, between=later, model="first_touch") == {"Organic Social": 20.0}
    result = dn.attribute(stitched, between=later, model="first_touch", touches_feed="next")
    assert result.totals[["channel", "credit"]].to_numpy().tolist() == [["unattributed", 20.0]]
    (conversion,) = result.conversions["conversion_id"]
    reasons = set(result.explain(conversion).left_out["reason"])
    assert reasons == {"feeds an earlier conversion alone (touches_feed='next')"}
    with pytest.raises(UnknownConversionError):
        result.explain("u-1-purchase")


SEEN = people(
    ("early", 0, "pageview", {"source": "tiktok"}),
    ("early", 1, "purchase", {"value": 10.0}),
    ("early", 6, "pageview", {"source": "google"}),
    ("early", 20, "pageview", {"source": "bing"}),
    ("within", 0, "pageview", {"source": "tiktok"}),
    ("within", 7, "purchase", {"value": 10.0}),
    ("late", 2, "pageview", {"source": "google"}),
    ("late", 15, "purchase", {"value": 10.0}),
    ("never", 3, "pageview", {"source": "bing"}),
    ("never", 30, "pageview", {"source": "tiktok"}),
)
WEEK = ("2026-01-06", "2026-01-12")


def test_models_that_look_at_everybody_see_people_as_they_were_when_the_dates_ended() -> None:
    """Early converted before: what followed until the end was in vain; late had not converted by then."""
    paths = dn.attribute(SEEN, between=WEEK).paths().to_frame()
    told = {row.path: (row.conversions, row.nulls) for row in paths.itertuples(index=False)}
    assert told == {"Organic Social": (1.0, 0.0), "Organic Search": (0.0, 3.0)}


def test_a_total_model_is_fitted_on_the_paths_of_the_dates() -> None:
    totals = dn.attribute(SEEN, model="markov", between=WEEK).totals
    assert set(totals["channel"]) == {"Organic Social"}
    assert totals["credit"].sum() == pytest.approx(10.0)


def test_comparisons_intervals_and_studies_take_the_dates() -> None:
    result = dn.attribute(SEEN, model=["linear", "markov"], between=WEEK)
    assert result.compare().value == 10.0
    assert result.intervals(n=20).groupby("model")["credit"].sum().tolist() == pytest.approx([10.0, 10.0])
    assert result.everybody().left_out["count"].sum() == (len(result.touches) - 1) + (3 - 1)
    events = SEEN.drop(columns=["person_id", "person_via", "person_since"])
    assert dn.stitching_impact(events, between=WEEK, n=10).summary["value_with"].tolist() == [10.0]
    compared = dn.compare_policies(events, policies=["session", "none"], between=WEEK)
    assert compared.to_frame().sum().tolist() == [10.0, 10.0]


MOMENTS = st.none() | st.integers(0, 86_400).map(
    lambda s: (pd.Timestamp("2026-01-01") + pd.Timedelta(s, "s")).isoformat()
)


@settings(max_examples=30)
@given(found=rows(), edges=st.tuples(MOMENTS, MOMENTS), feed=st.sampled_from(["every", "next"]))
def test_dates_choose_among_the_credits_and_leave_nothing_out_in_silence(
    found: list[dict[str, Any]], edges: tuple[str | None, str | None], feed: str
) -> None:
    since, until = edges
    if since is not None and until is not None and since >= until:
        since, until = (until, since) if since > until else (since, None)
    stitched = dn.stitch(table(found))
    options: dict[str, Any] = {"model": "linear", "touches_feed": feed, "exclude": ["Email"]}
    try:
        whole, part = dn.attribute(stitched, **options), dn.attribute(stitched, between=(since, until), **options)
    except CurrencyError:
        return
    times = whole.conversions.set_index("conversion_id")["timestamp"]
    low, high = (None if one is None else pd.Timestamp(one, tz="UTC") for one in (since, until))
    after = times >= (times.min() if low is None else low)
    inside = times[after & (times < high)] if high is not None else times[after]
    expected = whole.credits[whole.credits["conversion_id"].isin(inside.index)].reset_index(drop=True)
    pd.testing.assert_frame_equal(part.credits, expected)
    counts = part.left_out.groupby("kind")["count"].sum()
    assert counts.get("conversion", 0) + len(part.conversions) == whole.left_out.groupby("kind")["count"].sum().get(
        "conversion", 0
    ) + len(whole.conversions)
    assert counts.get("touch", 0) + len(np.unique(part.journeys.touch)) == len(part.touches)
