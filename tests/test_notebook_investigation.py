"""The investigation reaches the number that it sends: reproduced, checked, explained, and moved by every choice."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import pytest

from tests.test_notebooks import FOLDER, ROOT, conclusions


@pytest.fixture(scope="module")
def found() -> dict[str, Any]:
    with pytest.MonkeyPatch.context() as patch:
        patch.setenv("PYTHONPATH", str(ROOT))  # the kernel runs this checkout, installed or not
        return conclusions(
            FOLDER / "05_cross_device_investigation.ipynb",
            {
                "dashboard": "dashboard.set_index('channel')[['without', 'with']].to_dict('index')",
                "lint": "events.datalyr.lint()['code'].tolist()",
                "unassigned": "touches.loc[touches['channel'] == 'Unassigned', 'medium'].astype(str).value_counts()"
                ".to_dict()",
                "social": "sorted(sources.loc[sources['channel'] == 'Paid Social', 'source'].astype(str))",
                "sources": "sorted(set(touches.loc[touches['source'].isin(['facebook', 'tiktok']), 'channel']))",
                "orders": "[len(result.conversions), int(may.sum())]",
                "left": "{reason: [int(row['count']), row['value']] for reason, row in left.iterrows()}",
                "sums": "((sums['counted'] + sums['left out'] - sums['came in']).abs() < 1e-6).tolist()",
                "came_in": "[len(result.touches), stitched.loc[may, 'value'].sum(), result.conversions['value'].sum()]",
                "in_journeys": "len(set(result.journeys.touch))",
                "refunds": "int((stitched['event_name'] == 'refund').sum())",
                "tapped_on": "touches.loc[touches['channel'] == 'Paid Social', 'device_type'].astype(str)"
                ".value_counts().to_dict()",
                "ordered_on": "result.conversions['device_type'].astype(str).value_counts().to_dict()",
                "impact": "impact.credit.set_index('channel').loc['Paid Social', ['without', 'with', 'change', 'low',"
                " 'high']].to_dict()",
                "others": "impact.credit.sort_values('change')['channel'].tolist()[:3]",
                "only": "impact.summary[['only_across_devices', 'only_across_devices_value']].iloc[0].tolist()",
                "story": "result.explain('T-4348').touches[['channel', 'device_type']].astype(str).to_numpy().tolist()",
                "without": "impact.conversions.set_index('conversion_id')['credited_without'].astype(str)"
                "[result.explain('T-4348').conversion['conversion_id']]",
                "later": "(stitched.loc[stitched['person_id'] == 'user_2985', 'person_since'].max() - "
                "result.explain('T-4348').conversion['timestamp']) / pd.Timedelta('1D')",
                "choices": "changed[['credit', 'low', 'high', 'share']].to_dict('index')",
                "policies": "policies.loc['Paid Social'].to_dict()",
                "within_week": "float(result.time_lags(unit='week')['share_up_to'].iloc[0])",
                "cautious": "cautious[['credit', 'low', 'high', 'share']].iloc[0].to_dict()",
            },
        )


def test_the_dashboards_number_is_reproduced_and_stitching_alone_does_not_move_it(found: Mapping[str, Any]) -> None:
    without = {channel: row["without"] for channel, row in found["dashboard"].items()}
    assert round(without["Paid Social"]) == 2360
    assert round(sum(without.values())) == 39265
    assert without["Paid Social"] / sum(without.values()) == pytest.approx(0.06, abs=0.0005)
    assert all(row["without"] == pytest.approx(row["with"]) for row in found["dashboard"].values())


def test_the_data_is_sound_for_this_question(found: Mapping[str, Any]) -> None:
    assert {"duplicate_order_id", "shared_device"} <= set(found["lint"])
    assert found["unassigned"] == {"podcast": 51}
    assert found["social"] == ["facebook", "tiktok"]
    assert found["sources"] == ["Paid Social"]


def test_what_came_in_is_counted_or_left_out(found: Mapping[str, Any]) -> None:
    left, (orders, asked) = found["left"], found["orders"]
    touches, sent, counted = found["came_in"]
    assert found["sums"] == [True, True, True]
    assert (orders, asked, left["the same order again"][0]) == (290, 361, 71)
    assert orders + left["the same order again"][0] == asked
    taken_off = left["refund, taken off its order"]
    assert (round(sent), round(counted), round(left["the same order again"][1]), round(taken_off[1])) == (
        53510,
        39265,
        11728,
        2516,
    )
    assert counted + left["the same order again"][1] + taken_off[1] == pytest.approx(sent)
    reasons = ("its person has no conversion", "after its person's last conversion")
    assert found["in_journeys"] + sum(left[reason][0] for reason in reasons) == touches
    assert left["refund without its order"][0] + taken_off[0] == found["refunds"]
    assert left["refund without its order"][0] == 14


def test_ads_are_tapped_on_phones_and_orders_placed_on_desktops(found: Mapping[str, Any]) -> None:
    assert set(found["tapped_on"]) == {"phone", "tablet"}
    assert sum(found["tapped_on"].values()) == 810
    ordered = found["ordered_on"]
    assert (ordered["desktop"], sum(ordered.values())) == (255, 290)
    assert round(ordered["desktop"] / sum(ordered.values()), 2) == 0.88


def test_joining_devices_moves_paid_social_from_3_to_10_thousand(found: Mapping[str, Any]) -> None:
    impact = {name: round(number) for name, number in found["impact"].items()}
    assert impact == {"without": 2908, "with": 9998, "change": 7090, "low": 4942, "high": 9356}
    assert found["others"] == ["Direct", "Paid Search", "Organic Search"]
    assert [round(number) for number in found["only"]] == [80, 10307]


def test_the_one_order_rests_on_a_login_after_it(found: Mapping[str, Any]) -> None:
    assert found["story"] == [["Paid Social", "phone"], ["Organic Search", "desktop"], ["Direct", "desktop"]]
    assert found["without"] == "Organic Search"
    assert 3.5 < found["later"] < 4


def test_every_choice_moves_the_number_as_told(found: Mapping[str, Any]) -> None:
    credit = {name: round(row["credit"]) for name, row in found["choices"].items()}
    reported = found["choices"]["as reported (hybrid, 90 days)"]
    assert {name: round(number) for name, number in reported.items() if name != "share"} == {
        "credit": 9998,
        "low": 7372,
        "high": 12643,
    }
    assert round(reported["share"], 2) == 0.25
    assert credit["only what was known at the order"] == 7229
    assert credit["the ad platforms' own lookbacks"] == 6426
    assert credit["without direct visits"] == 9998
    little = ("without direct visits", "refunds ignored", "without people's searches for our name")
    assert [round(found["choices"][name]["share"], 2) for name in little] == [0.25, 0.26, 0.27]
    assert [credit[f"model: {name}"] for name in ("first touch", "all touches alike", "Markov", "last touch")] == [
        11385,
        6562,
        5278,
        2360,
    ]
    assert round(found["choices"]["model: all touches alike"]["share"], 2) == 0.17
    assert round(9998 - 7229, -1) == 2770


def test_whose_shared_devices_are_hardly_matters(found: Mapping[str, Any]) -> None:
    joined = [round(credit) for policy, credit in found["policies"].items() if policy != "none"]
    assert (min(joined), max(joined)) == (9723, 10098)
    assert found["policies"]["none"] < 500


def test_the_most_cautious_number_is_still_twice_the_dashboards(found: Mapping[str, Any]) -> None:
    assert found["within_week"] == pytest.approx(0.714, abs=0.001)
    cautious = {name: round(number) for name, number in found["cautious"].items() if name != "share"}
    assert cautious == {"credit": 5393, "low": 3401, "high": 7540}
    assert round(found["cautious"]["share"], 2) == 0.14
    dashboard = found["dashboard"]["Paid Social"]["without"]
    assert found["cautious"]["credit"] > 2 * dashboard
    assert found["cautious"]["low"] > dashboard
