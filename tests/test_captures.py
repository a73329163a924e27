"""Real SDK traffic, end to end: every person, touch and conversion of truth.json."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pandas as pd
import pytest

import datalyr_notebook as dn

FOLDER = Path(__file__).parent / "data" / "captures"
TRUTH = json.loads((FOLDER / "truth.json").read_text(encoding="utf-8"))
DEVICE_TYPES = {"phone web": "phone", "desktop web": "desktop", "saas web": "desktop"}


@pytest.fixture(scope="module")
def stitched() -> pd.DataFrame:
    return dn.stitch(dn.read_events(str(FOLDER / "*.jsonl")))


@pytest.fixture(scope="module")
def result(stitched: pd.DataFrame) -> dn.Attribution:
    models = ["first_touch", "last_touch", "last_non_direct", "hybrid", "linear"]
    return dn.attribute(stitched, conversion=["purchase", "signup", "subscribe"], model=models, refunds="ignore")


@pytest.mark.parametrize("person", TRUTH["persons"])
def test_a_person_is_all_their_devices_and_nobody_elses(stitched: pd.DataFrame, person: str) -> None:
    truth = TRUTH["persons"][person]
    rows = stitched[stitched["person_id"] == person]
    devices = set(rows["anonymous_id"].dropna())
    assert set(truth["anonymous_ids"]) <= devices
    # A re-delivered webhook came with two one-shot ids; the copy that was dropped took its id along.
    assert devices <= {*truth["anonymous_ids"], *truth.get("one_shot_server_anonymous_ids", [])}
    assert set(rows["user_id"].dropna()) == set(truth["user_ids"])
    others = stitched[stitched["person_id"] != person]
    assert not set(others["anonymous_id"].dropna()) & set(truth["anonymous_ids"])


@pytest.mark.parametrize("person", TRUTH["touches"])
def test_a_persons_touches(stitched: pd.DataFrame, person: str) -> None:
    touches = dn.find_touches(stitched).query("person_id == @person")
    found = [
        (time.strftime("%Y-%m-%dT%H:%M"), device, source, medium, None if pd.isna(campaign) else campaign)
        for time, device, source, medium, campaign in zip(
            touches["timestamp"],
            touches["device_type"],
            touches["source"],
            touches["medium"],
            touches["campaign"],
            strict=True,
        )
    ]
    assert found == [(at, DEVICE_TYPES[where], *rest) for at, where, *rest, _ in TRUTH["touches"][person]]
    for (*_, clicks), (_, touch) in zip(TRUTH["touches"][person], touches.iterrows(), strict=True):
        if clicks:
            assert clicks[touch["click_id_type"]] == touch["click_id"]
        else:
            assert pd.isna(touch["click_id"])


def _conversion(result: dn.Attribution, truth: dict[str, Any]) -> pd.Series:
    table = result.conversions
    at = table["timestamp"].dt.strftime("%Y-%m-%dT%H:%M")
    (found,) = table[(table["person_id"] == truth["person"]) & (at == truth["at"])].itertuples(index=False)
    return pd.Series(found._asdict())


@pytest.mark.parametrize("truth", TRUTH["conversions"], ids=lambda truth: f"{truth['person']} {truth['at']}")
def test_a_conversion_counts_once_with_its_value(result: dn.Attribution, truth: dict[str, Any]) -> None:
    found = _conversion(result, truth)
    assert found["event_name"] == truth.get("event", "purchase")
    assert (None if pd.isna(found["order_id"]) else found["order_id"]) == truth["order"]
    assert (None if pd.isna(found["value"]) else found["value"]) == truth["value"]


def test_no_other_conversion_counts(result: dn.Attribution) -> None:
    assert len(result.conversions) == len(TRUTH["conversions"])


@pytest.mark.parametrize("truth", TRUTH["conversions"], ids=lambda truth: f"{truth['person']} {truth['at']}")
@pytest.mark.parametrize("model", ["first_touch", "last_touch", "last_non_direct"])
def test_its_credit_goes_where_the_truth_says(result: dn.Attribution, truth: dict[str, Any], model: str) -> None:
    if model not in truth:
        assert model == "last_non_direct"
        return
    key = _conversion(result, truth)["conversion_id"]
    credits_ = result.credits
    (row,) = credits_[(credits_["model"] == model) & (credits_["conversion_id"] == key)].to_dict("records")
    source, _, click = truth[model].partition(" ")
    source, _, medium = source.partition("/")
    assert row["source"] == source
    if medium:
        assert row["medium"] == medium
    if click:
        click_type, _, click_id = click.partition(" ")
        assert (row["click_id_type"], row["click_id"]) == (click_type, click_id)


def test_the_meta_ad_of_day_one_earns_the_desktop_purchase_of_day_two(result: dn.Attribution) -> None:
    credits_ = result.credits
    order = result.conversions.set_index("order_id").loc["ORDER123", "conversion_id"]
    (row,) = credits_[(credits_["model"] == "hybrid") & (credits_["conversion_id"] == order)].to_dict("records")
    assert (row["source"], row["campaign"], row["touched_on"], row["converted_on"]) == (
        "facebook", "fall_launch", "phone", "desktop",
    )  # fmt: skip
    assert row["credit"] == 99.99


def test_the_refund_comes_off_its_order(stitched: pd.DataFrame) -> None:
    conversions = dn.find_conversions(stitched).set_index("order_id")
    assert conversions.loc["ORDER123", "value"] == pytest.approx(79.99)
    assert conversions.loc["ORDER124", "value"] == 49.5


def test_traits_end_as_the_truth_says(stitched: pd.DataFrame) -> None:
    merged = dn.merge_traits(stitched)
    for person, truth in TRUTH["persons"].items():
        for trait, value in truth.get("final_traits", {}).items():
            found = merged.loc[person, trait]
            if value is None:
                assert pd.isna(found), trait
            else:
                assert found == value, trait
        for email in truth["emails"]:
            assert merged.loc[person, "email"] == email
