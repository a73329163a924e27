"""Every study takes a rule or its options, passes the rest to attribute, and refuses what neither knows."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import pandas as pd
import pytest

import datalyr_notebook as dn

TWINS = dn.normalize_events(
    pd.DataFrame(
        {
            "timestamp": ["2026-01-01T10:00Z", "2026-01-02T10:00Z", "2026-01-03T10:00Z"],
            "event_name": ["$identify", "$identify", "purchase"],
            "anonymous_id": ["anon_1", "anon_2", "anon_2"],
            "user_id": ["u1", "u2", "u2"],
            "traits": [{"email": "kate@shop.org"}, {"email": "Kate@Shop.org"}, None],
            "utm_source": ["newsletter", None, None],
            "utm_medium": ["email", None, None],
            "value": [None, None, 80.0],
        }
    )
)
"""A mail brings u1; u2, who has the same e-mail, buys."""

STUDIES: dict[str, Callable[..., Any]] = {
    "compare_policies": dn.compare_policies,
    "score_stitching": dn.score_stitching,
    "restate": lambda events, **options: dn.restate(events, before="2026-01-04", after="2026-01-05", **options),
    "what_if": lambda events, **options: dn.what_if(events, without=dn.identity_links(events), **options),
    "links_at_risk": dn.links_at_risk,
}


def test_an_option_of_stitching_means_the_same_as_in_a_rule() -> None:
    told = dn.links_at_risk(TWINS, merge_on=("email",))
    pd.testing.assert_frame_equal(told, dn.links_at_risk(TWINS, rule=dn.StitchRule(merge_on=("email",))))
    assert told[["kind", "value_moved"]].to_numpy().tolist() == [["trait:email", 80.0]]


def test_an_option_of_attribute_reaches_it() -> None:
    """Within an hour of the order there is no mail to lose."""
    assert dn.links_at_risk(TWINS, merge_on=("email",), lookback="1h")["value_moved"].tolist() == [0.0]


@pytest.mark.parametrize("study", STUDIES)
def test_an_option_that_nobody_knows_is_refused(study: str) -> None:
    with pytest.raises(dn.DatalyrError, match=rf"{study}: option='merge_off' is not known\. Use one of "):
        STUDIES[study](TWINS, merge_off=("email",))


@pytest.mark.parametrize("study", STUDIES)
def test_every_study_judges_at_one_instant(study: str) -> None:
    with pytest.raises(dn.DatalyrError, match=rf"{study}: as_of='event' is not known"):
        STUDIES[study](TWINS, as_of="event")
