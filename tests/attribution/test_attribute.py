"""attribute end to end on journeys with the answer in sight."""

from __future__ import annotations

from typing import Any

import pandas as pd
import pytest

import datalyr_notebook as dn
from datalyr_notebook.errors import OptionError

DAY = pd.Timedelta("1D")


def journey(*rows: tuple[float, str, dict[str, Any]]) -> pd.DataFrame:
    """Rows of one person as (day of 2026, event name, rest); each day is a visit of its own."""
    return dn.stitch(
        pd.DataFrame(
            [
                {
                    "timestamp": pd.Timestamp("2026-01-01T00:00Z") + day * DAY, "event_name": name, "sdk": "web",
                    "anonymous_id": "anon_1", "user_id": "u", "session_id": f"s{int(day)}", **rest,
                }
                for day, name, rest in rows
            ]
        )
    )  # fmt: skip


META = {"source": "facebook", "medium": "paid_social", "campaign": "fall", "click_id": "k1", "click_id_type": "fbclid"}
GOOGLE = {"source": "google", "medium": "cpc", "campaign": "brand", "click_id": "k2", "click_id_type": "gclid"}

WORKED = journey(
    (1, "pageview", META),
    (3, "pageview", GOOGLE),
    (5, "pageview", {}),
    (5.01, "purchase", {"value": 60.0}),
)


@pytest.mark.parametrize(
    ("model", "credit"),
    [
        ("hybrid", {"Paid Social": 60.0}),
        ("first_touch", {"Paid Social": 60.0}),
        ("last_touch", {"Direct": 60.0}),
        ("last_non_direct", {"Paid Search": 60.0}),
        ("linear", {"Paid Social": 20.0, "Paid Search": 20.0, "Direct": 20.0}),
    ],
)
def test_each_model_on_the_worked_journey(model: str, credit: dict[str, float]) -> None:
    """Click A on day 1, click B on day 3, a direct purchase on day 5."""
    totals = dn.attribute(WORKED, model=model).totals
    assert totals.set_index("channel")["credit"].to_dict() == pytest.approx(credit)


def test_a_click_in_the_conversions_own_session_wins_under_hybrid() -> None:
    table = journey((1, "pageview", META), (5, "pageview", GOOGLE), (5.01, "purchase", {"value": 60.0}))
    assert dn.attribute(table).by("campaign")[["campaign", "credit"]].values.tolist() == [["brand", 60.0]]


def test_several_models_in_one_pass_and_any_grouping() -> None:
    result = dn.attribute(WORKED, model=["first_touch", "linear"], by=["source", "medium"])
    assert result.totals.columns.tolist() == ["model", "source", "medium", "conversions", "credit"]
    assert result.totals["model"].tolist() == ["first_touch", "linear", "linear", "linear"]
    assert result.by("device_type")["credit"].sum() == pytest.approx(120.0)
    with pytest.raises(OptionError, match=r"by='colour' is not known. Use one of 'person_id', 'source'"):
        result.by("colour")


@pytest.mark.parametrize(
    ("lookback", "credited"), [("4D", "Paid Social"), (pd.Timedelta("4D") - pd.Timedelta("1us"), "unattributed")]
)
def test_a_touch_at_exactly_the_lookback_counts(lookback: Any, credited: str) -> None:
    table = journey((1, "pageview", META), (5, "purchase", {"value": 60.0}))
    result = dn.attribute(table, lookback=lookback)
    assert result.totals["channel"].tolist() == [credited]
    assert result.totals["credit"].tolist() == [60.0]


def test_no_lookback_is_any_age() -> None:
    table = journey((1, "pageview", META), (400, "purchase", {"value": 60.0}))
    assert dn.attribute(table).totals["channel"].tolist() == ["unattributed"]
    assert dn.attribute(table, lookback=None).totals["channel"].tolist() == ["Paid Social"]
    with pytest.raises(OptionError, match=r"lookback='long' is not known. Use a positive duration"):
        dn.attribute(table, lookback="long")


def test_a_touch_at_the_instant_of_the_conversion_counts() -> None:
    table = journey((1, "purchase", {"value": 60.0, **META}))
    assert dn.attribute(table).totals["channel"].tolist() == ["Paid Social"]


def test_credits_show_every_share() -> None:
    shares = dn.attribute(WORKED, model=["linear", "hybrid"]).credits
    assert shares.columns.tolist()[:4] == ["model", "conversion_id", "person_id", "touch_id"]
    assert shares.columns.tolist()[-5:] == ["age_days", "weight", "credit", "touched_on", "converted_on"]
    linear = shares[shares["model"] == "linear"]
    assert linear["age_days"].round(2).tolist() == [4.01, 2.01, 0.01]
    assert linear["credit"].tolist() == pytest.approx([20.0, 20.0, 20.0])
    assert shares[shares["model"] == "hybrid"][["source", "weight", "credit"]].values.tolist() == [
        ["facebook", 1.0, 60.0]
    ]


def test_a_conversion_without_a_touch_keeps_one_row_on_unattributed() -> None:
    table = journey((1, "purchase", {"value": 60.0, "sdk": "swift"}))
    (row,) = dn.attribute(table).credits.to_dict("records")
    assert (row["person_id"], row["weight"], row["credit"]) == ("u", 1.0, 60.0)
    assert {row[name] for name in ("source", "medium", "campaign", "channel", "device_type")} == {"unattributed"}
    assert pd.isna(row["touch_id"])


def test_left_out_counts_every_touch_that_no_conversion_looked_back_on() -> None:
    table = journey(
        (1, "pageview", META), (300, "pageview", GOOGLE), (301, "purchase", {"value": 1.0}), (302, "pageview", {})
    )  # fmt: skip
    other = (
        journey((1, "pageview", GOOGLE))
        .assign(user_id="v", anonymous_id="anon_2")
        .drop(columns=["person_id", "person_via", "person_since"])
    )
    both = dn.stitch(
        pd.concat([table.drop(columns=["person_id", "person_via", "person_since"]), other], ignore_index=True)
    )
    result = dn.attribute(both)
    assert result.left_out[["reason", "count"]].values.tolist() == [
        ["its person has no conversion", 1],
        ["after its person's last conversion", 1],
        ["older than the lookback of every later conversion", 1],
    ]
    assert len(result.touches) == 4


def test_events_that_are_not_stitched_are_stitched_first_and_it_is_said(caplog: pytest.LogCaptureFixture) -> None:
    raw = WORKED.drop(columns=["person_id", "person_via", "person_since"])
    with caplog.at_level("INFO", logger="datalyr_notebook"):
        result = dn.attribute(raw)
    assert result.totals["credit"].tolist() == [60.0]
    assert "attribute: these events were not stitched yet, so stitch(events) ran first" in caplog.text


def test_the_result_reads_well_and_escapes_what_strangers_wrote() -> None:
    hostile = journey(
        (1, "pageview", {**META, "campaign": "<script>alert(1)</script>"}), (2, "purchase", {"value": 60.0})
    )
    result = dn.attribute(hostile, by="campaign")
    assert (
        repr(result).splitlines()[0]
        == "Attribution: 1 conversion worth 60.00 from 1 touch, lookback 90 days, 0 unattributed"
    )
    html = result._repr_html_()
    assert "<script>" not in html
    assert "&lt;script&gt;alert(1)&lt;/script&gt;" in html
    assert "<th scope='col'" in html


def test_a_lookback_for_a_source_that_no_event_has_is_told(caplog: pytest.LogCaptureFixture) -> None:
    with caplog.at_level("INFO", logger="datalyr_notebook"):
        dn.attribute(WORKED, lookback={"Paid Social": "7D"})
    assert "lookback= names 'Paid Social', which is the source of no event; sources are" in caplog.text


def test_the_headline_says_which_choices_are_not_the_default() -> None:
    result = dn.attribute(
        WORKED, evidence="at_conversion", touches_feed="next", exclude="Direct", path=("exposure", "last(3)")
    )
    assert (
        repr(result)
        .split("\n")[0]
        .endswith(
            "unattributed; evidence at conversion; a touch feeds the next conversion alone; without Direct; "
            "path exposure, last(3)"
        )
    )
    assert "; only Direct" in repr(dn.attribute(WORKED, include=["Direct"]))
