"""stitch gives every row the person, the rule and the time that the slow reading of the design gives."""

from __future__ import annotations

from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from datalyr_notebook.identity.stitching import stitch
from tests.oracle import identity as oracle
from tests.strategies import records, rows, table


@pytest.mark.parametrize("policy", ["session", "next", "previous", "none"])
@settings(max_examples=60, deadline=None)
@given(
    found=rows(),
    trusts=st.booleans(),
    crowd=st.sampled_from([1, 2, 10]),
    bridges=st.sampled_from([("email", "ip"), ("ip",)]),
)
def test_every_row_has_the_oracles_person(
    policy: str, found: list[dict[str, Any]], trusts: bool, crowd: int, bridges: tuple[str, ...]
) -> None:
    merge_on = ("email",) if trusts else ()
    events = table(found)
    stitched = stitch(events, policy=policy, merge_on=merge_on, max_users_per_device=crowd, bridges=bridges)
    expected = oracle.stitch(
        records(events), policy=policy, merge_on=merge_on, max_users_per_device=crowd, bridges=bridges
    )
    answers = [
        (None if person != person else person, via, since)
        for person, via, since in zip(
            stitched["person_id"].astype(object).where(stitched["person_id"].notna(), None),
            stitched["person_via"].astype(object),
            stitched["person_since"].astype("int64"),
            strict=True,
        )
    ]
    assert list(zip(events["event_id"], answers, strict=False)) == list(zip(events["event_id"], expected, strict=False))
