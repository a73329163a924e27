"""restate: a login on Wednesday changes what is known about Tuesday's order."""

from __future__ import annotations

from typing import Any

import numpy as np
import pandas as pd
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

import datalyr_notebook as dn
from datalyr_notebook import schema
from datalyr_notebook.errors import CurrencyError, OptionError
from datalyr_notebook.identity.policies import POLICIES
from datalyr_notebook.studies.restate import restate
from tests.strategies import MINUTE, START, rows, table

TUESDAY, WEDNESDAY = "2026-09-08T22:00", "2026-09-09T22:00"


def test_the_login_on_the_phone_moves_the_credit_of_the_day_before() -> None:
    """Tuesday evening the phone was nobody's, so the desktop's direct visit had the order."""
    answer = restate(dn.load_sample("seed_journey"), before=TUESDAY, after=WEDNESDAY)
    assert answer.credit.to_dict("list") == {
        "channel": ["Paid Social", "Direct"],
        "before": [0.0, 99.99],
        "after": [99.99, 0.0],
        "change": [99.99, -99.99],
    }
    moved = answer.people.iloc[0]
    assert len(answer.people) == 1
    assert (moved["person_before"], moved["person_after"]) == ("anon_mobile_123", "user_789")
    assert (moved["devices"], moved["events"], moved["value"]) == (1, 3, 0.0)
    assert moved["known_from"] == pd.Timestamp("2026-09-09T07:01:30Z")
    order = answer.conversions.iloc[0]
    assert (order["credited_before"], order["credited_after"], order["moved"]) == ("Direct", "Paid Social", 99.99)
    assert order["timestamp"] == pd.Timestamp("2026-09-08T19:35:45Z")
    summary = answer.summary.iloc[0]
    assert (summary["events"], summary["events_moved"], summary["devices_moved"]) == (8, 3, 1)
    assert (summary["people_before"], summary["people_after"]) == (2, 1)
    assert (summary["conversions_before"], summary["conversions_after"], summary["conversions_moved"]) == (1, 1, 1)
    assert (summary["value_before"], summary["value_after"], summary["credit_moved"]) == (99.99, 99.99, 99.99)


def test_an_anonymous_order_is_worth_what_its_new_owner_wins() -> None:
    """The order itself was nobody's until the login: its value stands with the people."""
    events = pd.DataFrame(
        {
            "timestamp": ["2026-01-01T10:00Z", "2026-01-02T10:00Z", "2026-01-03T10:00Z"],
            "event_name": ["pageview", "purchase", "$identify"],
            "anonymous_id": "d",
            "user_id": [None, None, "u1"],
            "value": [None, 40.0, None],
        }
    )
    answer = restate(events, before="2026-01-02T10:00", after="2026-01-03T10:00")
    assert answer.people[["events", "value"]].iloc[0].tolist() == [2, 40.0]
    assert answer.summary["credit_moved"].item() == 0.0


def test_both_instants_are_inclusive() -> None:
    login = pd.Timestamp("2026-09-09T07:01:30Z")
    events, just = dn.load_sample("seed_journey"), pd.Timedelta(1, "us")
    assert restate(events, before=TUESDAY, after=login).summary["credit_moved"].item() == 99.99
    assert restate(events, before=TUESDAY, after=login - just).summary["credit_moved"].item() == 0.0
    assert restate(events, before=login, after=login + just).summary["events"].item() == 10
    assert restate(events, before=login, after=login + just).summary["events_moved"].item() == 0


def test_what_happens_after_the_first_instant_is_judged_on_neither_side() -> None:
    """A second order on Wednesday is no restatement of Tuesday."""
    events = dn.load_sample("seed_journey")
    later = events.iloc[[7]].assign(timestamp=pd.Timestamp("2026-09-09T12:00Z"), order_id="ORDER-2", value=1000.0)
    answer = restate(pd.concat([events, later]), before=TUESDAY, after=WEDNESDAY)
    assert answer.summary[["value_before", "value_after"]].iloc[0].tolist() == [99.99, 99.99]


def test_zones_naive_times_and_a_mask() -> None:
    events = dn.load_sample("seed_journey")
    plain = restate(events, before=TUESDAY, after=WEDNESDAY)
    zoned = restate(events, before="2026-09-09T00:00+02:00", after=pd.Timestamp(WEDNESDAY))
    masked = restate(events, before=TUESDAY, after=WEDNESDAY, conversion=events["event_name"] == "purchase")
    for other in (zoned, masked):
        for name in ("summary", "people", "credit", "conversions"):
            pd.testing.assert_frame_equal(getattr(plain, name), getattr(other, name))


def test_the_order_of_rows_does_not_matter() -> None:
    events = dn.load_sample("seed_journey")
    one = restate(events, before=TUESDAY, after=WEDNESDAY, model="linear")
    other = restate(events.sample(frac=1, random_state=3), before=TUESDAY, after=WEDNESDAY, model="linear")
    for name in ("summary", "people", "credit", "conversions"):
        pd.testing.assert_frame_equal(getattr(one, name), getattr(other, name))


def test_a_linear_model_shows_all_channels_of_an_order() -> None:
    """Linear after Wednesday's login: the phone's click and the desktop's direct visit share 99.99."""
    answer = restate(dn.load_sample("seed_journey"), before=TUESDAY, after=WEDNESDAY, model="linear")
    order = answer.conversions.iloc[0]
    assert order["credited_after"] == "Direct, Paid Social"
    assert order["moved"] == pytest.approx(49.995)
    assert answer.credit["change"].tolist() == pytest.approx([49.995, -49.995])


def test_other_options_go_to_attribute() -> None:
    """The click on Monday is older than an hour before Tuesday's order, so nothing moves."""
    answer = restate(dn.load_sample("seed_journey"), before=TUESDAY, after=WEDNESDAY, lookback="1h")
    assert answer.summary["credit_moved"].item() == 0.0
    assert answer.summary["events_moved"].item() == 3


@settings(max_examples=8)
@given(found=rows(max_rows=16), policy=st.sampled_from([*POLICIES]), at=st.integers(0, 39))
def test_each_side_is_what_stitching_says_at_its_instant(found: list[dict[str, Any]], policy: str, at: int) -> None:
    """Owners counted by hand from two stitches; the credit of each side sums to its conversions."""
    events = table(found)
    early = pd.Timestamp(START + at * 10 * MINUTE, unit="us", tz="UTC")
    late = early + pd.Timedelta(2, "h")
    rule = dn.StitchRule(policy=policy)
    try:
        answer = restate(events, before=early, after=late, rule=rule, model="linear")
    except CurrencyError:
        return
    one, other = (dn.stitch(events, policy=policy, as_of=instant) for instant in (early, late))
    other = other[other["timestamp"] <= early]
    differs = one["person_id"].astype(object).fillna("") != other["person_id"].astype(object).fillna("")
    assert answer.summary["events_moved"].item() == differs.sum()
    assert answer.people["events"].sum() == differs.sum()
    for side, stitched in (("before", one), ("after", other)):
        value = np.nansum(dn.find_conversions(stitched)["value"])
        assert answer.credit[side].sum() == pytest.approx(value)
        assert answer.summary[f"value_{side}"].item() == pytest.approx(value)
        totals = dn.attribute(stitched, model="linear").totals.set_index("channel")["credit"]
        credit = answer.credit.set_index("channel")[side]
        for channel in {*credit.index, *totals.index}:
            assert credit.get(channel, 0.0) == pytest.approx(totals.get(channel, 0.0))


@pytest.mark.parametrize("size", [0, 1])
def test_small_tables(size: int) -> None:
    answer = restate(dn.load_sample("seed_journey").head(size), before=TUESDAY, after=WEDNESDAY)
    assert answer.summary["events"].item() == size
    assert answer.people.columns.tolist() == schema.names(schema.PEOPLE_MOVED)
    assert answer.conversions.columns.tolist() == schema.names(schema.CONVERSIONS_MOVED)
    assert answer.credit.columns.tolist() == ["channel", "before", "after", "change"]
    kinds = {name: kind for name, kind, _ in schema.PEOPLE_MOVED}
    assert str(answer.people["known_from"].dtype) == kinds["known_from"]
    assert str(answer.people["events"].dtype) == kinds["events"]


def test_events_before_all_time_and_rows_of_nobody() -> None:
    events = pd.DataFrame(
        {"timestamp": ["2026-01-01T10:00Z"] * 2, "event_name": "purchase", "anonymous_id": [None, "d"], "value": 1.0}
    )
    answer = restate(events, before="2020-01-01", after="2027-01-01")
    assert answer.summary["events"].item() == 0
    assert restate(events, before="2026-06-01", after="2027-01-01").summary["events_moved"].item() == 0


def test_bad_options_are_named() -> None:
    events = dn.load_sample("seed_journey")
    with pytest.raises(OptionError, match=r"before='2026-09-09T22:00' .* an instant earlier than after=2026-09-08T22"):
        restate(events, before=WEDNESDAY, after=TUESDAY)
    with pytest.raises(OptionError, match="an instant earlier"):
        restate(events, before=TUESDAY, after=TUESDAY)
    with pytest.raises(OptionError, match="restate: after='soon'"):
        restate(events, before=TUESDAY, after="soon")
    with pytest.raises(OptionError, match="before= and after= are its two instants"):
        restate(events, before=TUESDAY, after=WEDNESDAY, rule=dn.StitchRule(as_of=TUESDAY))
    with pytest.raises(OptionError, match="one model"):
        restate(events, before=TUESDAY, after=WEDNESDAY, model=["hybrid", "linear"])
    rule = dn.StitchRule()
    object.__setattr__(rule, "as_of", "event")
    with pytest.raises(OptionError, match="restate: as_of='event'"):
        restate(events, before=TUESDAY, after=WEDNESDAY, rule=rule)


def test_the_answer_reads_at_a_glance_and_escapes_what_events_say() -> None:
    events = dn.load_sample("seed_journey")
    events["campaign"] = events["campaign"].cat.rename_categories({"fall_launch": "<script>x</script>"})
    answer = restate(events, before=TUESDAY, after=WEDNESDAY, by="campaign")
    assert repr(answer).startswith(
        "Restated with what was known at 2026-09-09 22:00 instead of 2026-09-08 22:00 UTC: 3 events of 8 with another "
        "owner, 99.99 of 99.99 credited elsewhere (1 conversion)\n"
    )
    page = answer._repr_html_()
    assert "&lt;script&gt;" in page
    assert "<script>" not in page


def test_the_events_stay_as_they_were() -> None:
    events = dn.load_sample("seed_journey")
    before = events.copy(deep=True)
    restate(events, before=TUESDAY, after=WEDNESDAY)
    pd.testing.assert_frame_equal(events, before)
