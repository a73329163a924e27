"""Stages on the way to a conversion: where a lead or an opportunity stands in its journey."""

from __future__ import annotations

from typing import Any

import pytest

import datalyr_notebook as dn
from tests.journeys.stories import CLICKS, DAY, NEWS, story

BOUGHT = (6, "purchase", {})


def staged(*rows: tuple[float, str, dict[str, Any]], **options: Any) -> list[float]:
    """The weights that w_shaped gives."""
    return [round(one, 9) for one in dn.attribute(story(*rows), model="w_shaped", **options).weights["w_shaped"]]


@pytest.mark.parametrize(
    ("lead", "weights"),
    [
        # the last touch before the lead, one at its very instant among them
        (3.5, [0.3, 0.05, 0.3, 0.05, 0.3]),
        (3, [0.3, 0.05, 0.3, 0.05, 0.3]),
        (1.5, [0.6, 0.1 / 3, 0.1 / 3, 0.1 / 3, 0.3]),
        (5.5, [0.3, 0.1 / 3, 0.1 / 3, 0.1 / 3, 0.6]),
        (6, [0.3, 0.1 / 3, 0.1 / 3, 0.1 / 3, 0.6]),
        # before the first touch, or after the purchase: no lead in this journey
        (0.5, [3 / 7, 1 / 21, 1 / 21, 1 / 21, 3 / 7]),
        (6.5, [3 / 7, 1 / 21, 1 / 21, 1 / 21, 3 / 7]),
    ],
)
def test_where_a_lead_stands_in_its_journey(lead: float, weights: list[float]) -> None:
    assert staged(*CLICKS, (lead, "lead", {"sdk": "node"}), BOUGHT) == pytest.approx(weights, abs=1e-9)


def test_the_first_lead_within_the_lookback_counts() -> None:
    leads = [(2.5, "lead", {}), (4.5, "lead", {})]
    assert staged(*CLICKS, *leads, BOUGHT) == pytest.approx([0.3, 0.3, 0.05, 0.05, 0.3])
    assert staged(*CLICKS, *leads, BOUGHT, lookback="3D") == pytest.approx([1 / 3, 1 / 3, 1 / 3])
    assert staged(*CLICKS, *leads, BOUGHT, lookback=3.5 * DAY) == pytest.approx([3 / 7, 1 / 7, 3 / 7])


def test_a_lead_before_the_last_order_is_not_this_orders_under_next() -> None:
    """Both orders have one lead when each looks back on its own; the second has none that is its own."""
    rows = [CLICKS[0], CLICKS[1], (2.5, "lead", {}), (2.6, "purchase", {"order_id": "a"}), *CLICKS[2:], BOUGHT]
    assert staged(*rows, touches_feed="next")[2:] == pytest.approx([3 / 7, 1 / 7, 3 / 7], abs=1e-9)
    assert staged(*rows)[2:] == pytest.approx([0.3, 0.3, 0.05, 0.05, 0.3])


def test_a_lead_keeps_its_touch_where_others_are_taken_out() -> None:
    """Without Email the last touch before the lead is that of day 2."""
    rows = [*CLICKS[:2], (2.5, "pageview", NEWS), (2.8, "lead", {}), *CLICKS[2:], BOUGHT]
    assert staged(*rows, exclude="Email") == pytest.approx([0.3, 0.3, 0.05, 0.05, 0.3])
    assert staged(*rows, exclude="Paid Social") == [1.0]
    assert staged(*rows, path="last(2)") == pytest.approx([0.5, 0.5])


def test_two_stages_of_one_instant_share_their_touch() -> None:
    table = story(*CLICKS[:3], (2.5, "lead", {}), (2.5, "opportunity", {}), BOUGHT)
    assert dn.attribute(table, model="full_path").weights["full_path"].tolist() == pytest.approx([0.25, 0.5, 0.25])


def test_a_stage_that_nobody_reached_is_told(caplog: pytest.LogCaptureFixture) -> None:
    with caplog.at_level("INFO", logger="datalyr_notebook"):
        dn.attribute(story(*CLICKS, BOUGHT), model="w_shaped")
    assert "attribute: no event is named 'lead', the stage that the model 'w_shaped' looks for." in caplog.text
