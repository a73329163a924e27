"""The attribution explorer, as a user: set a control, read what is drawn, run the code behind it."""

from __future__ import annotations

import json
from typing import Any

import ipywidgets as widgets
import pandas as pd
import pytest

import datalyr_notebook as dn
from datalyr_notebook import errors
from datalyr_notebook.attribution.result import Attribution
from datalyr_notebook.explorers import AttributionExplorer

EVENTS = dn.load_sample("seed_journey")
SALE = dn.load_sample("spring_sale").iloc[:4000]


def bars(explorer: AttributionExplorer) -> dict[str, list[float]]:
    """What the browser is told to draw: the bars of each model."""
    explorer.wait()
    return {str(trace.name): [float(x) for x in trace.x] for trace in explorer.figure_view.widget.data}


def earned(explorer: AttributionExplorer) -> dict[tuple[str, str], float]:
    rows = explorer.data()
    return {(model, group): amount for model, group, amount in rows[["model", "group", "amount"]].to_numpy() if amount}


def test_it_opens_with_the_bars_of_two_models() -> None:
    explorer = AttributionExplorer(EVENTS, state={"intervals": False})
    assert bars(explorer) == {"hybrid": [99.99, 0.0], "last_touch": [0.0, 99.99]}
    assert earned(explorer) == {("hybrid", "Paid Social"): 99.99, ("last_touch", "Direct"): 99.99}


def test_each_control_answers_in_place_and_can_be_undone() -> None:
    explorer = AttributionExplorer(EVENTS, state={"intervals": False, "models": ["hybrid"]})
    explorer.lookback.value = "1h"
    assert earned(explorer) == {("hybrid", "Direct"): 99.99}  # the ad was tapped the day before
    explorer.undo()
    assert earned(explorer) == {("hybrid", "Paid Social"): 99.99}
    explorer.policy.value = "none"
    assert earned(explorer) == {("hybrid", "Direct"): 99.99}
    explorer.undo()
    explorer.exclude.value = ("Paid Social",)
    assert earned(explorer) == {("hybrid", "Direct"): 99.99}
    explorer.undo()
    explorer.by.value = "campaign"
    assert earned(explorer) == {("hybrid", "fall_launch"): 99.99}
    explorer.metric.value = "conversions"
    assert earned(explorer) == {("hybrid", "fall_launch"): 1.0}
    explorer.models.value = ("linear", "first_touch")
    assert {trace.name for trace in explorer.figure_view.widget.data} == {"linear", "first_touch"}


def test_a_wrong_lookback_changes_nothing_and_is_told() -> None:
    explorer = AttributionExplorer(EVENTS, state={"intervals": False})
    explorer.lookback.value = "a while"
    assert explorer.lookback.value != "a while"
    assert "Nothing has changed." in explorer.status.value


@pytest.mark.parametrize(
    "state",
    [
        {"intervals": False},
        {"intervals": True, "models": ["linear"], "by": "source"},
        {"policy": "next", "lookback": "7D", "since": "2026-04-05", "until": "2026-05-10", "intervals": False},
        {"view": "models", "models": ["first_touch", "last_touch"]},
        {"view": "impact", "models": ["hybrid"]},
        {"exclude": ["Direct"], "intervals": False, "metric": "conversions"},
    ],
    ids=str,
)
def test_its_code_makes_the_rows_that_are_drawn(state: dict[str, Any]) -> None:
    explorer = AttributionExplorer(SALE, state=state)
    explorer.wait()
    said: dict[str, Any] = {"events": SALE}
    exec(explorer.to_code(), said)
    pd.testing.assert_frame_equal(said["rows"], explorer.data())
    pd.testing.assert_frame_equal(explorer.answer.data, explorer.data())
    assert AttributionExplorer(SALE, state=explorer.state).state == explorer.state


def test_intervals_follow_and_are_drawn() -> None:
    explorer = AttributionExplorer(SALE, state={"models": ["linear"]})
    explorer.wait()
    assert explorer.intervals is not None
    assert explorer.figure_view.widget.data[0].error_x.visible
    assert explorer.data()["low"].notna().any()


def test_a_bar_leads_to_its_conversions_and_one_of_them_to_its_reasons() -> None:
    explorer = AttributionExplorer(EVENTS.set_axis([3] * len(EVENTS)), state={"intervals": False})
    explorer._on_picked([("hybrid", explorer.figure_view.widget.data[0].customdata[0])])
    assert explorer.selection["event_name"].tolist() == ["purchase"]
    assert len(explorer.conversions_table.rows) == 1
    explorer.conversions_table.chosen = 0
    assert "fall_launch" in explorer.details.value


def test_no_conversion_is_said() -> None:
    explorer = AttributionExplorer(EVENTS[EVENTS["event_name"] != "purchase"], state={"intervals": False})
    assert "conversion" in explorer.sentence
    assert explorer.data().empty


@pytest.mark.parametrize("state", [{"models": ["best"]}, {"view": "pie"}, {"policy": "all"}, {"since": "1.4.2026"}])
def test_a_state_that_is_not_known_is_refused(state: dict[str, Any]) -> None:
    with pytest.raises(errors.OptionError):
        AttributionExplorer(EVENTS, state=state)


def walked(widget: widgets.Widget) -> list[widgets.Widget]:
    return [widget, *(one for child in getattr(widget, "children", ()) for one in walked(child))]


def test_masked_it_shows_no_id() -> None:
    explorer = AttributionExplorer(EVENTS, redact=True, state={"intervals": False})
    explorer._on_picked([("hybrid", explorer.figure_view.widget.data[0].customdata[0])])
    explorer.conversions_table.chosen = 0
    explorer.foldout.selected_index = 1
    said = json.dumps([widget.get_state() for widget in walked(explorer)], default=str)
    said += json.dumps(explorer._repr_mimebundle_(), default=str) + explorer.to_code()
    for name in ("user_789", "anon_mobile_123", "anon_desktop_456", "sam@example.com"):
        assert name not in said


def test_a_change_forgets_the_row_that_was_chosen() -> None:
    explorer = AttributionExplorer(EVENTS, state={"intervals": False})
    explorer.totals_table.chosen = 0
    assert explorer.selection["event_name"].tolist() == ["purchase"]
    assert len(explorer.conversions_table.rows) == 1
    explorer.by.value = "source"
    assert explorer.totals_table.chosen == -1
    assert explorer.picked is None  # the first row is another group now
    assert explorer.earned is None
    assert explorer.conversions_table.rows == []


def test_intervals_leave_the_row_that_was_chosen() -> None:
    explorer = AttributionExplorer(SALE, state={"models": ["linear"]})
    explorer.totals_table.chosen = 1
    chosen, shown = explorer.earned, explorer.conversions_table.rows
    explorer.wait()
    assert explorer.intervals is not None
    assert explorer.totals_table.chosen == 1
    assert explorer.earned is chosen
    assert explorer.conversions_table.rows == shown


def test_conversions_of_a_bar_stand_by_credit_then_time_then_name() -> None:
    events = pd.DataFrame(
        {
            "timestamp": ["2026-01-01T10:00Z", "2026-01-02T10:00Z", "2026-01-02T10:00Z", "2026-01-01T12:00Z"],
            "event_name": ["pageview", "purchase", "purchase", "purchase"],
            "event_id": ["e0", "e2", "e1", "e3"],
            "user_id": "u1",
            "source": ["tiktok", None, None, None],
            "value": [None, 5.0, 5.0, 9.0],
            "order_id": [None, "A", "B", "C"],
        }
    )
    explorer = AttributionExplorer(events, state={"intervals": False, "models": ["first_touch"]})
    explorer.totals_table.chosen = 0
    assert [row[4] for row in explorer.conversions_table.rows] == ["C", "B", "A"]


@pytest.mark.parametrize("view", ["bars", "models", "impact"])
def test_masked_tables_keep_their_numbers(view: str) -> None:
    masked, plain = (AttributionExplorer(SALE, redact=redact, state={"view": view}) for redact in (True, False))
    masked.wait()
    plain.wait()
    assert list(masked.answer.tables) == list(plain.answer.tables)
    for name, table in plain.answer.tables.items():
        pd.testing.assert_frame_equal(masked.answer.tables[name], table, check_dtype=False)  # channels are shown


def test_work_in_the_background_that_fails_is_told(monkeypatch: pytest.MonkeyPatch) -> None:
    def fail(_: Attribution) -> pd.DataFrame:
        raise MemoryError

    monkeypatch.setattr(Attribution, "intervals", fail)
    explorer = AttributionExplorer(EVENTS)
    explorer.wait()
    assert explorer.sentence.endswith("Intervals are being worked out. That failed: MemoryError.")
    assert "That failed: MemoryError." in explorer.status.value
    explorer.with_intervals.value = False
    assert "failed" not in explorer.sentence


@pytest.mark.parametrize(("given", "kept"), [(7, "7D"), (7.0, "7D"), (12345.678, "12345.678D")])
def test_a_lookback_that_is_a_number_is_one_of_days(given: float, kept: str) -> None:
    assert AttributionExplorer(EVENTS, state={"intervals": False, "lookback": given}).state["lookback"] == kept


def test_nobody_has_conversions_and_that_is_said() -> None:
    nobody = EVENTS.assign(user_id=None, anonymous_id=None)
    explorer = AttributionExplorer(nobody, state={"intervals": False})
    assert explorer.sentence == "None of the 10 events has a person."
    other = AttributionExplorer(EVENTS, conversion="sale", state={"intervals": False})
    assert other.sentence == "No event counts as sale. Choose another conversion; there are purchase."


def test_a_row_that_is_let_go_or_a_bar_leaves_no_other_row_chosen() -> None:
    explorer = AttributionExplorer(EVENTS, state={"intervals": False, "models": ["linear"]})
    explorer.totals_table.chosen = 1
    explorer._on_picked([("linear", explorer.figure_view.widget.data[0].customdata[0])])
    assert explorer.totals_table.chosen == -1
    assert explorer.earned is not None
    explorer.totals_table.chosen = 1
    explorer.totals_table.chosen = -1
    assert (explorer.earned, explorer.picked, explorer.conversions_table.rows) == (None, None, [])


def test_several_bars_of_a_model_are_chosen_together() -> None:
    explorer = AttributionExplorer(SALE, state={"intervals": False, "models": ["last_touch", "linear"]})
    bars = explorer.figure_view.widget.data[0].customdata
    counts = []
    for marks in (bars[:1], bars[1:2], bars[:2]):
        explorer._on_picked([("last_touch", mark) for mark in marks])
        counts.append(len(explorer.selection))
    assert counts[0] + counts[1] == counts[2]  # last_touch credits one channel a conversion
    explorer.conversions_table.chosen = 0
    assert explorer.details.value
    explorer.conversions_table.chosen = -1
    assert not explorer.details.value
