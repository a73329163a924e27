"""compare_models on two orders whose credit is worked out by hand, then its laws."""

from __future__ import annotations

from typing import Any

import numpy as np
import pandas as pd
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

import datalyr_notebook as dn
from datalyr_notebook import schema
from datalyr_notebook.attribution import shares
from datalyr_notebook.attribution.comparison import ModelComparison, compare_models
from datalyr_notebook.attribution.models import MODELS
from datalyr_notebook.attribution.tables.contested import MOST_SHOWN
from datalyr_notebook.errors import ModelError, OptionError

SOURCES = {"Paid Social": ("facebook", "paid_social"), "Paid Search": ("google", "cpc"), "Direct": (None, None)}
THREE = ["first_touch", "last_touch", "linear"]


def visits(person: str, *channels: str, value: float | None = None, leads_after: int | None = None) -> pd.DataFrame:
    """A visit a day, and a purchase at the end of the last one; ``leads_after`` a visit comes a lead."""
    rows: list[dict[str, Any]] = []
    for day, channel in enumerate(channels):
        source, medium = SOURCES[channel]
        at = pd.Timestamp("2026-01-05T10:00Z") + pd.Timedelta(day, "D")
        row = {"anonymous_id": person, "sdk": "web", "session_id": f"s{day}"}
        rows.append({**row, "timestamp": at, "event_name": "pageview", "source": source, "medium": medium})
        if day == leads_after:
            rows.append({**row, "timestamp": at + pd.Timedelta("1min"), "event_name": "lead"})
        if day == len(channels) - 1:
            rows.append({**row, "timestamp": at + pd.Timedelta("5min"), "event_name": "purchase", "value": value})
    return pd.DataFrame(rows).assign(event_id=[f"{person}-{place}" for place in range(len(rows))])


def stitched(*people: pd.DataFrame) -> pd.DataFrame:
    return dn.stitch(pd.concat(people, ignore_index=True))


SHOP = stitched(
    visits("a", "Paid Social", "Paid Search", "Direct", value=60.0),
    visits("b", "Paid Search", value=30.0),
)


def test_credit_share_and_rank_of_every_channel_under_every_model() -> None:
    credit = compare_models(dn.attribute(SHOP, model=THREE)).credit
    assert credit.columns.tolist() == ["model", "channel", "conversions", "credit", "share", "rank"]
    third = pytest.approx(1 / 3)
    assert credit.drop(columns="conversions").to_numpy().tolist() == [
        ["first_touch", "Paid Social", 60.0, pytest.approx(2 / 3), 1],
        ["first_touch", "Paid Search", 30.0, third, 2],
        ["first_touch", "Direct", 0.0, 0.0, 3],
        ["last_touch", "Direct", 60.0, pytest.approx(2 / 3), 1],
        ["last_touch", "Paid Search", 30.0, third, 2],
        ["last_touch", "Paid Social", 0.0, 0.0, 3],
        ["linear", "Paid Search", pytest.approx(50.0), pytest.approx(5 / 9), 1],
        # Equals share a rank, and stand by name.
        ["linear", "Direct", pytest.approx(20.0), pytest.approx(2 / 9), 2],
        ["linear", "Paid Social", pytest.approx(20.0), pytest.approx(2 / 9), 2],
    ]


def test_the_wide_table_and_the_ranks_put_the_largest_channel_first() -> None:
    compared = compare_models(dn.attribute(SHOP, model=THREE))
    wide = compared.to_frame()
    assert wide.index.tolist() == ["Paid Search", "Paid Social", "Direct"]
    assert wide.columns.tolist() == THREE
    assert wide.loc["Direct"].tolist() == [0.0, 60.0, pytest.approx(20.0)]
    assert compared.ranks.to_numpy().tolist() == [[2, 2, 1, 1], [1, 3, 2, 2], [3, 1, 2, 2]]
    assert compared.ranks.columns.tolist() == [*THREE, "rank_change"]


def test_first_and_last_touch_rank_the_other_way_round() -> None:
    correlation = compare_models(dn.attribute(SHOP, model=THREE)).rank_correlation
    assert correlation.loc["first_touch", "last_touch"] == pytest.approx(-1.0)
    assert np.diag(correlation).tolist() == pytest.approx([1.0, 1.0, 1.0])


def test_the_largest_disagreement_comes_first() -> None:
    told = compare_models(dn.attribute(SHOP, model=THREE)).disagreements
    assert told.columns.tolist() == ["channel", *schema.names(schema.MODEL_DISAGREEMENTS)]
    assert told.to_numpy().tolist() == [
        ["Direct", "last_touch", "first_touch", 60.0, 0.0, 60.0, pytest.approx(2 / 3)],
        ["Paid Social", "first_touch", "last_touch", 60.0, 0.0, 60.0, pytest.approx(2 / 3)],
        ["Paid Search", "linear", "first_touch", pytest.approx(50.0), 30.0, pytest.approx(20.0), pytest.approx(2 / 9)],
    ]


def test_a_conversion_is_contested_where_models_name_different_winners() -> None:
    contested = compare_models(dn.attribute(SHOP, model=THREE)).conversions
    # linear gives three channels the same, so it names no winner; the other order has one channel.
    assert contested.to_numpy().tolist() == [
        ["a-3", "a", 60.0, 2, "Direct: last_touch; Paid Social: first_touch"]
    ]  # fmt: skip
    assert contested.columns.tolist() == schema.names(schema.CONTESTED)


def test_two_touches_of_one_channel_win_together() -> None:
    table = stitched(visits("a", "Direct", "Direct", "Paid Search", value=10.0))
    contested = compare_models(dn.attribute(table, model=["linear", "last_touch"])).conversions
    assert contested["won_by"].tolist() == ["Direct: linear; Paid Search: last_touch"]


def test_only_the_most_contested_are_told_the_most_valuable_first() -> None:
    people = [visits(f"p{place:02}", "Paid Social", "Direct", value=float(place)) for place in range(25)]
    contested = compare_models(dn.attribute(stitched(*people), model=["first_touch", "last_touch"])).conversions
    assert contested["value"].tolist() == [float(value) for value in range(24, 24 - MOST_SHOWN, -1)]


def test_unattributed_is_a_row_without_a_rank() -> None:
    table = stitched(visits("a", "Paid Social", "Direct", value=60.0), visits("b", "Direct", value=40.0))
    table = table.assign(
        sdk=table["sdk"].astype(object).where(table["anonymous_id"] == "a", "swift").astype("category")
    )
    compared = compare_models(dn.attribute(table, model=["first_touch", "last_touch"]))
    alone = compared.credit[compared.credit["channel"] == "unattributed"]
    assert alone["credit"].tolist() == [40.0, 40.0]
    assert alone["rank"].isna().all()
    assert "unattributed" in compared.to_frame().index
    assert "unattributed" not in [*compared.ranks.index, *compared.disagreements["channel"]]


def test_one_model_is_compared_with_all_that_have_what_they_need() -> None:
    compared = compare_models(dn.attribute(SHOP, model="linear"))
    absent = {"participation", "w_shaped", "full_path"}
    assert compared.models[0] == "linear"
    assert set(compared.models) == set(MODELS) - absent
    assert compared.credit.groupby("model")["credit"].sum().to_numpy() == pytest.approx(90.0)


def test_a_stage_that_occurs_brings_its_model() -> None:
    table = stitched(visits("a", "Paid Social", "Paid Search", "Direct", value=100.0, leads_after=1))
    compared = compare_models(dn.attribute(table, model="linear"))
    assert "w_shaped" in compared.models
    assert "full_path" not in compared.models
    # 30 for each of three anchors, and no touch is left for the rest.
    assert compared.to_frame()["w_shaped"].tolist() == pytest.approx([100 / 3] * 3)
    assert compared.to_frame()["w_shaped"].to_dict() == pytest.approx(
        dn.attribute(table, model="w_shaped").totals.set_index("channel")["credit"].to_dict()
    )


def test_models_asked_for_stand_behind_the_results_own() -> None:
    result = dn.attribute(SHOP, model="linear")
    own = shares.Linear(per="channel")
    assert compare_models(result, "first_touch").models == ("linear", "first_touch")
    assert compare_models(result, ["linear", own, "last_touch"]).models == ("linear", "linear_2", "last_touch")
    assert compare_models(result, {"mine": "participation"}).to_frame()["mine"].sum() == 60.0 * 3 + 30.0
    with pytest.raises(OptionError, match="model='best' is not known"):
        compare_models(result, "best")


def test_any_touch_columns_make_the_groups() -> None:
    compared = compare_models(dn.attribute(SHOP, model=THREE), by=["source", "medium"])
    assert compared.to_frame().index.names == ["source", "medium"]
    assert compared.to_frame().loc[("google", "cpc"), "linear"] == pytest.approx(50.0)
    assert compared.credit.columns.tolist()[:3] == ["model", "source", "medium"]
    by_campaign = compare_models(dn.attribute(SHOP, model=THREE), by="campaign")
    assert by_campaign.to_frame().to_numpy().tolist() == [pytest.approx([90.0, 90.0, 90.0])]
    with pytest.raises(OptionError, match="by='colour' is not known"):
        compare_models(dn.attribute(SHOP), by="colour")


def test_conversions_without_a_value_are_compared_by_their_number() -> None:
    table = stitched(visits("a", "Paid Social", "Direct"), visits("b", "Direct"))
    compared = compare_models(dn.attribute(table, model=["first_touch", "last_touch"]))
    assert compared.metric == "conversions"
    assert compared.to_frame().to_dict() == {
        "first_touch": {"Direct": 1.0, "Paid Social": 1.0},
        "last_touch": {"Direct": 2.0, "Paid Social": 0.0},
    }
    assert compared.disagreements["spread_share"].tolist() == [0.5, 0.5]


class Broken:
    """Gives half of every conversion away."""

    def weights(self, journeys: Any) -> np.ndarray:
        return np.full(len(journeys.channel), 0.1)


def test_a_model_that_cannot_answer_is_left_out_and_said_unless_it_was_asked_for(
    monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    monkeypatch.setitem(MODELS, "broken", Broken)
    with caplog.at_level("INFO", logger="datalyr_notebook"):
        compared = compare_models(dn.attribute(SHOP))
    assert "broken" not in compared.models
    assert "compare_models leaves out 'broken': attribute needs of Broken.weights" in caplog.text
    with pytest.raises(ModelError):
        compare_models(dn.attribute(SHOP), "broken")


def test_no_conversion_keeps_every_column() -> None:
    empty = compare_models(dn.attribute(SHOP[SHOP["event_name"] == "pageview"]))
    typed = schema.empty((schema.MODEL_CREDIT[0], schema.Column("channel", "str", ""), *schema.MODEL_CREDIT[1:]))
    pd.testing.assert_series_equal(empty.credit.dtypes, typed.dtypes)
    assert [len(table) for table in (empty.to_frame(), empty.ranks, empty.disagreements, empty.conversions)] == [0] * 4
    assert empty.conversions.columns.tolist() == schema.names(schema.CONTESTED)
    assert "0 conversions" in repr(empty)


def test_it_reads_well_and_escapes_what_strangers_wrote() -> None:
    table = stitched(visits("a", "Paid Social", "Direct", value=60.0).assign(campaign="<script>"))
    compared = compare_models(dn.attribute(table, model=["first_touch", "last_touch"], by="campaign"))
    assert repr(compared).splitlines()[0] == (
        "ModelComparison: 2 models on 1 conversion worth 60.00, credit by campaign"
    )
    assert "<script>" not in compared._repr_html_()
    assert "Where models disagree" in compared._repr_html_()


JOURNEYS = st.lists(
    st.tuples(st.lists(st.sampled_from(sorted(SOURCES)), min_size=1, max_size=4), st.integers(0, 50)),
    min_size=1,
    max_size=5,
)


def compared_tables(compared: ModelComparison) -> list[pd.DataFrame]:
    return [compared.credit, compared.disagreements, compared.conversions.astype({"person_id": str}), compared.ranks]


@settings(max_examples=8)
@given(JOURNEYS, st.randoms(use_true_random=False))
def test_every_model_shares_out_the_same_whole_whatever_the_order_of_rows(
    journeys: list[tuple[list[str], int]], random: Any
) -> None:
    people = [visits(f"p{place}", *channels, value=float(value)) for place, (channels, value) in enumerate(journeys)]
    events = pd.concat(people, ignore_index=True)
    compared = compare_models(dn.attribute(dn.stitch(events)))
    whole = float(sum(value for _, value in journeys))
    sums = compared.credit.groupby("model")[["credit", "conversions", "share"]].sum()
    assert sums["credit"].to_numpy() == pytest.approx(whole)
    assert sums["conversions"].to_numpy() == pytest.approx(len(journeys))
    assert sums["share"].to_numpy() == pytest.approx(1.0)
    shuffled = events.iloc[random.sample(range(len(events)), len(events))]
    for one, other in zip(
        compared_tables(compared), compared_tables(compare_models(dn.attribute(dn.stitch(shuffled)))), strict=True
    ):
        pd.testing.assert_frame_equal(one, other)
