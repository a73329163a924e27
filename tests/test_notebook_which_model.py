"""The notebook on models reaches the conclusions it tells: four reports, one order, and what chance and models move."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import pytest

from tests.test_notebooks import FOLDER, ROOT, conclusions

CHANNELS = ["Paid Social", "Paid Search", "Email", "Direct"]


@pytest.fixture(scope="module")
def found() -> dict[str, Any]:
    with pytest.MonkeyPatch.context() as patch:
        patch.setenv("PYTHONPATH", str(ROOT))  # the kernel runs this checkout, installed or not
        return conclusions(
            FOLDER / "04_which_model.ipynb",
            {
                "orders": "len(four.conversions)",
                "claimed": "(claimed.set_index('model')['credit'] / four.conversions['value'].sum() * 100).to_dict()",
                "path": "order.touches[['channel', 'device_type']].astype(str).to_numpy().tolist()",
                "weights": "order.weights.to_dict('list')",
                "names": "list(dn.MODELS)",
                "shares": "comparison.shares.T.to_dict('index')",
                "favorites": "comparison.disagreements.set_index('channel')['most_model'].to_dict()",
                "lengths": "every.path_lengths()[['touches', 'conversions']].to_numpy().tolist()",
                "readings": "pd.DataFrame(shared).loc['Direct'].to_dict()",
                "cut": "stitched.datalyr.attribute(model='last_touch', path='remove_if_last_and_not_all(Direct)')"
                ".totals[['channel', 'credit']].round(6).to_numpy().tolist()",
                "not_direct": "stitched.datalyr.attribute(model='last_non_direct')"
                ".totals[['channel', 'credit']].round(6).to_numpy().tolist()",
                "three": "dn.Markov().allocate(three).set_index('channel')[['removal_effect', 'conversions']]"
                ".to_dict('index')",
                "moves": "every.transition_matrix()[['Paid Social', '(conversion)', '(null)']]"
                ".loc[['(start)', 'Paid Social']].to_numpy().tolist()",
                "removal": "dn.Markov().allocate(every.paths())['channel'].tolist()",
                "lost": "int(every.paths().to_frame().set_index('path').loc['Paid Social', 'nulls'])",
                "pair": "float((pair.to_frame()['shapley'] - pair.to_frame()['linear per channel']).abs().max())",
                "participation": "table['participation'].agg(['sum']).to_list() + [table.loc['Paid Social', "
                "'participation']]",
                "rate": "table['shapley_rate'].to_dict()",
                "social": "intervals[intervals['channel'] == 'Paid Social'].set_index('model')"
                "[['credit', 'low', 'high']].to_dict('index')",
                "small": "alike.set_index('channel')[['conversions', 'credit', 'low', 'high']].to_dict('index')",
            },
        )


def test_four_people_claim_more_than_there_is(found: Mapping[str, Any]) -> None:
    assert found["orders"] == 516
    assert {model: round(share) for model, share in found["claimed"].items()} == {
        "first_touch": 29,
        "last_click": 36,
        "last_non_direct": 27,
        "last_touch": 39,
    }
    assert sum(found["claimed"].values()) == pytest.approx(132, abs=0.5)


def test_the_order_went_over_two_devices_and_each_model_shares_it_by_its_rule(found: Mapping[str, Any]) -> None:
    assert found["path"] == [
        ["Paid Social", "phone"],
        ["Direct", "phone"],
        ["Paid Search", "desktop"],
        ["Direct", "desktop"],
    ]
    weights = {model: [round(share, 3) for share in shares] for model, shares in found["weights"].items()}
    assert set(found["names"]) - set(weights) == {"markov", "shapley_rate", "participation"}
    one_wins = {
        "first_touch": 0,
        "hybrid": 0,
        "last_click": 2,
        "last_non_direct": 2,
        "last_touch": 3,
        "session_touch": 3,
    }
    for model, winner in one_wins.items():
        assert weights[model] == [float(place == winner) for place in range(4)]
    assert weights["linear"] == [0.25] * 4
    assert weights["position_based"] == [0.4, 0.1, 0.1, 0.4]
    assert weights["inverse_j"] == [0.6, 0.1, 0.1, 0.2]
    # Direct, Paid Search and Paid Social get a third each; the two direct visits share theirs.
    assert weights["shapley"] == [0.333, 0.167, 0.333, 0.167]
    # The lead was asked for in the visit through Google, the cart was saved in the last one.
    assert weights["w_shaped"] == [0.3, 0.1, 0.3, 0.3]
    assert weights["full_path"] == [0.225, 0.1, 0.225, 0.45]


def test_each_colleague_reports_by_the_model_that_likes_the_own_channel_best(found: Mapping[str, Any]) -> None:
    favorites = {channel: found["favorites"][channel] for channel in CHANNELS}
    assert favorites == dict(zip(CHANNELS, ["first_touch", "last_click", "last_non_direct", "last_touch"], strict=True))


def test_models_agree_on_paid_search_and_organic_social_but_not_on_paid_social(found: Mapping[str, Any]) -> None:
    of = {channel: [shares[channel] for shares in found["shares"].values()] for channel in found["favorites"]}
    assert min(of["Paid Search"]) > 0.19
    assert max(of["Organic Social"]) < 0.02
    spread = {channel: max(shares) - min(shares) for channel, shares in of.items()}
    assert sorted(spread, key=lambda channel: -spread[channel])[:2] == ["Direct", "Paid Social"]


def test_one_order_in_four_leaves_nothing_to_share(found: Mapping[str, Any]) -> None:
    lengths = dict(found["lengths"])
    assert lengths[1] / sum(lengths.values()) == pytest.approx(0.26, abs=0.005)


def test_what_a_path_is_moves_direct_more_than_any_reading_of_repeats(found: Mapping[str, Any]) -> None:
    direct = found["readings"]
    assert (round(direct["as it is"], 2), round(direct["remove_if_not_all(Direct)"], 2)) == (0.22, 0.04)
    assert direct["exposure"] == pytest.approx(direct["as it is"], abs=0.01)
    assert found["cut"] == found["not_direct"]


def test_markov_in_small_and_in_the_shop(found: Mapping[str, Any]) -> None:
    assert found["three"]["Ad"] == pytest.approx({"removal_effect": 1 / 2, "conversions": 2 / 3})
    assert found["three"]["Email"] == pytest.approx({"removal_effect": 1, "conversions": 4 / 3})
    (begins, _, _), (_, orders, lost) = found["moves"]
    assert [begins, orders, lost] == pytest.approx([0.369, 0.065, 0.645], abs=0.0005)
    assert 1 / orders == pytest.approx(15, abs=0.5)
    assert found["removal"][0] == "Direct"
    assert found["lost"] == 249


def test_shapley_is_linear_per_channel_and_two_totals_are_no_shares(found: Mapping[str, Any]) -> None:
    assert found["pair"] == pytest.approx(0, abs=1e-6)
    assert found["participation"] == [925, 154]
    assert found["rate"]["Paid Social"] < 0
    assert sum(found["rate"].values()) == pytest.approx(516)


def test_the_model_moves_paid_social_more_than_chance_does(found: Mapping[str, Any]) -> None:
    first, last = found["social"]["first_touch"], found["social"]["last_touch"]
    assert first["low"] > last["high"]
    assert 3.5 < first["credit"] / last["credit"] < 4


def test_the_rank_of_small_channels_is_not_decided(found: Mapping[str, Any]) -> None:
    referral, assistants = found["small"]["Referral"], found["small"]["AI Assistants"]
    assert (round(referral["credit"]), round(assistants["credit"])) == (1756, 1109)
    assert referral["low"] < assistants["credit"] < referral["high"]
    assert assistants["low"] < referral["credit"] < assistants["high"]
    assert [round(one["conversions"]) for one in (referral, assistants)] == [13, 10]
