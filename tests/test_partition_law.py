"""The law of the kernels: cutting the table between groups changes nothing."""

from __future__ import annotations

from typing import Any

import numpy as np
import pandas as pd
from hypothesis import given, settings
from hypothesis import strategies as st

from datalyr_notebook import order
from datalyr_notebook.attribution.reading import Reading, find_evidence, read_options
from datalyr_notebook.attribution.shares import TimeDecay
from datalyr_notebook.identity.collecting import Collected, collect
from datalyr_notebook.identity.kernel import Owners, Views, complete, own_rows
from datalyr_notebook.identity.links import Members
from datalyr_notebook.identity.policies import POLICIES
from datalyr_notebook.identity.rule import StitchRule
from datalyr_notebook.identity.stitching import stitch
from datalyr_notebook.journeys.conversions import conversion_kinds
from datalyr_notebook.journeys.touches import touch_rows
from datalyr_notebook.journeys.visits import find_visits
from tests.strategies import logins, rows, table

MINUTES_30 = 30 * 60 * 10**6


def _cut(collected: Collected, at: np.ndarray) -> Collected:
    """What the kernel is told about some of the rows: their codes, and every collected table as it is."""
    members = collected.members
    of_rows = Members(**{**members._asdict(), "device": members.device[at], "user": members.user[at]})
    renumbered = np.full(len(members.device) + 1, -1, dtype=np.int64)
    renumbered[at] = np.arange(len(at))
    aliases = collected.aliases
    here = renumbered[aliases.row] >= 0 if len(aliases.row) else np.zeros(0, dtype=bool)
    aliases = type(aliases)(renumbered[aliases.row[here]], aliases.device[here], aliases.user[here])
    return collected._replace(members=of_rows, is_evidence=collected.is_evidence[at], aliases=aliases)


@settings(max_examples=10)
@given(found=st.one_of(rows(), logins(odd=True, max_rows=14)), buckets=st.integers(2, 4))
def test_devices_may_be_stitched_bucket_by_bucket(found: list[dict[str, Any]], buckets: int) -> None:
    """Aliases of a device that stand on other devices' rows travel with the device they name."""
    events = table(found)
    for policy in POLICIES:
        rule = StitchRule(policy=policy, merge_on=("email", "phone"))
        views = Views(events, collect(events, rule), rule)
        collected = complete(views, rule)
        whole = own_rows(views, collected, rule)
        bucket = collected.members.device % buckets
        travels = collected.aliases.device % buckets
        for number in range(buckets):
            rows_of = np.flatnonzero((bucket == number) | (collected.members.device < 0))
            foreign = collected.aliases.row[travels == number]
            at = np.union1d(rows_of, foreign).astype(np.int64)
            cut = _cut(collected, at)
            part = own_rows(Views(events.iloc[at], cut, rule), cut, rule)
            own = np.isin(at, rows_of)
            assert _told(part, own) == _told(whole, at[own]), policy


def _told(owners: Owners, at: np.ndarray) -> list[tuple[int, ...]]:
    return list(zip(owners.person[at].tolist(), owners.via[at].tolist(), owners.since[at].tolist(), strict=True))


@settings(max_examples=25, deadline=None)
@given(found=rows(max_rows=18), buckets=st.integers(2, 4), level=st.sampled_from(["session", "event"]))
def test_persons_may_be_worked_on_bucket_by_bucket(found: list[dict[str, Any]], buckets: int, level: str) -> None:
    stitched = stitch(table(found))
    person = order.codes(stitched, "person_id")
    whole = touch_rows(stitched, find_visits(stitched, MINUTES_30), level=level, app_direct=False)
    parts = []
    for number in range(buckets):
        at = np.flatnonzero(person % buckets == number)
        part = stitched.iloc[at]
        cut = touch_rows(part, find_visits(part, MINUTES_30), level=level, app_direct=False)
        parts += list(zip(at[cut.row].tolist(), cut.is_fallback.tolist(), strict=True))
    assert sorted(parts) == sorted(zip(whole.row.tolist(), whole.is_fallback.tolist(), strict=True))


JOURNEYS = {
    "lookback": st.sampled_from([None, "1h", "platform", {"facebook": "1h", "others": "2h"}]),
    "touches_feed": st.sampled_from(["every", "next"]),
    "evidence": st.sampled_from(["all", "at_conversion"]),
    "include": st.sampled_from([None, ["Direct", "Paid Search", "Organic Search"]]),
    "exclude": st.sampled_from([None, "Direct"]),
    "between": st.sampled_from([None, ("2026-01-01T01:00Z", "2026-01-01T03:00Z"), (None, "2026-01-01T02:00Z")]),
    "path": st.sampled_from([(), "exposure", ("first", "last(2)"), "remove_if_last_and_not_all(Direct)"]),
}


@settings(max_examples=20)
@given(found=rows(max_rows=18), buckets=st.integers(2, 4), options=st.fixed_dictionaries(JOURNEYS))
def test_persons_may_be_attributed_bucket_by_bucket(
    found: list[dict[str, Any]], buckets: int, options: dict[str, Any]
) -> None:
    """But for the money: a refund may find its order on another person, and the only currency is everybody's."""
    stitched = stitch(table([{**row, "currency": None} for row in found]))
    kinds = conversion_kinds(stitched, "purchase")
    rest = {"level": "session", "channels": None, "refunds": "net", "refund_events": "refund", "rates": None}
    reading = read_options("attribute", **rest, **options, app_direct=False, session_timeout="30min")
    person = order.codes(stitched, "person_id")
    parts = [np.flatnonzero(person % buckets == number) for number in range(buckets)]
    whole = _journeys(stitched, np.arange(len(stitched)), kinds, reading)
    assert sorted(one for at in parts for one in _journeys(stitched, at, kinds, reading)) == sorted(whole)


def _journeys(stitched: pd.DataFrame, at: np.ndarray, kinds: dict[str, np.ndarray], reading: Reading) -> list[Any]:
    """Each conversion with its touches, the last of them before a login, and the weights of the decaying model."""
    found = find_evidence(stitched, at, kinds, reading, stages=("$identify",))
    journeys, touches = found.journeys, found.touches.row
    weights = TimeDecay().weights(journeys)
    ends = zip(journeys.indptr[:-1], journeys.indptr[1:], strict=True)
    return [
        (row, touches[journeys.touch[start:end]].tolist(), weights[start:end].tolist(), stage)
        for row, (start, end), stage in zip(found.conversions.row, ends, journeys.stages["$identify"], strict=True)
    ]
