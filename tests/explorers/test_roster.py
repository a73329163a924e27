"""Who is found: facts of people worked by hand, search by any id, and filters."""

from __future__ import annotations

import numpy as np
import pandas as pd
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from datalyr_notebook import errors
from datalyr_notebook.explorers.people_search import PeopleSearch
from datalyr_notebook.explorers.roster import Filters, Roster
from datalyr_notebook.identity.stitching import stitch
from datalyr_notebook.redaction import Redaction

EVENTS = pd.DataFrame(
    [
        # ann: a phone and a desktop, two orders, one of them half refunded
        ("2026-01-01T10:00Z", "pageview", "anon_phone", None, "tiktok", None, None, None),
        ("2026-01-01T10:05Z", "$identify", "anon_phone", "ann", None, None, None, {"email": "Ann@Example.com"}),
        ("2026-01-02T10:00Z", "$identify", "anon_desk", "ann", None, None, None, None),
        ("2026-01-02T10:05Z", "purchase", "anon_desk", "ann", None, 80.0, "ORDER-1", None),
        ("2026-01-02T10:06Z", "purchase", "anon_desk", "ann", None, 20.0, "ORDER-2", None),
        ("2026-01-03T10:00Z", "refund", "anon_desk", "ann", None, 10.0, "ORDER-2", None),
        # bob: one device, one order
        ("2026-01-05T10:00Z", "$identify", "anon_bob", "bob", "google", None, None, {"email": "bob@example.com"}),
        ("2026-01-05T10:05Z", "purchase", "anon_bob", "bob", None, 30.0, "ORDER-11", None),
        # two devices that nobody logged in on
        ("2026-01-06T10:00Z", "pageview", "anon_x2", None, None, None, None, None),
        ("2026-01-06T10:00Z", "pageview", "anon_x1", None, None, None, None, None),
        # nobody's
        ("2026-01-07T10:00Z", "pageview", None, None, None, None, None, None),
    ],
    columns=["timestamp", "event_name", "anonymous_id", "user_id", "source", "value", "order_id", "traits"],
)


def people_of(events: pd.DataFrame, *, redact: bool = False) -> tuple[Roster, PeopleSearch]:
    stitched = stitch(events)
    roster = Roster.of(stitched)
    return roster, PeopleSearch.of(stitched, roster, Redaction.of("journeys", redact, stitched))


ROSTER, SEARCH = people_of(EVENTS)
EVERYBODY = ["ann", "bob", "anon_x1", "anon_x2"]


def named(roster: Roster, codes: np.ndarray) -> list[str]:
    return [str(roster.names[code]) for code in codes]


NO_FILTER = Filters()


def found(asked: str, filters: Filters = NO_FILTER) -> list[str]:
    return named(ROSTER, SEARCH.find(asked, ROSTER, ROSTER.passing(filters)).people)


def matched(asked: str) -> list[tuple[str, ...]]:
    hits = SEARCH.find(asked, ROSTER, ROSTER.passing(Filters()))
    return [(str(ROSTER.names[code]), *SEARCH.entry(place)) for code, place in zip(*vars(hits).values(), strict=True)]


def test_facts_of_people_stand_by_value_then_events_then_name() -> None:
    at = ROSTER.standing
    assert named(ROSTER, at) == EVERYBODY
    assert ROSTER.events[at].tolist() == [6, 2, 1, 1]
    assert ROSTER.devices[at].tolist() == [2, 1, 1, 1]
    assert ROSTER.conversions[at].tolist() == [2, 1, 0, 0]
    assert ROSTER.value[at].tolist() == [90.0, 30.0, 0.0, 0.0]
    assert ROSTER.is_user[at].tolist() == [True, True, False, False]
    times = [pd.Timestamp(f"2026-01-{day}T10:00Z") for day in ("01", "03")]
    assert [ROSTER.first_seen[at[0]], ROSTER.last_seen[at[0]]] == [time.value // 1000 for time in times]
    assert ROSTER.count == 4


def test_channels_stand_by_the_people_they_touched() -> None:
    reached = {name: set(named(ROSTER, codes)) for name, codes in zip(ROSTER.channels, ROSTER.touched, strict=True)}
    assert reached == {
        "Direct": {"ann", "anon_x1", "anon_x2"},
        "Organic Search": {"bob"},
        "Organic Social": {"ann"},
    }
    assert ROSTER.channels == ("Direct", "Organic Search", "Organic Social")


def microseconds(text: str) -> int:
    return pd.Timestamp(text).value // 1000


@pytest.mark.parametrize(
    ("filters", "people"),
    [
        (Filters(), EVERYBODY),
        (Filters(converted="yes"), ["ann", "bob"]),
        (Filters(converted="no"), ["anon_x1", "anon_x2"]),
        (Filters(cross_device="yes"), ["ann"]),
        (Filters(cross_device="no"), ["bob", "anon_x1", "anon_x2"]),
        (Filters(channel="Direct"), ["ann", "anon_x1", "anon_x2"]),
        (Filters(channel="Direct", converted="yes"), ["ann"]),
        (Filters(begin=microseconds("2026-01-05T10:05Z")), ["bob", "anon_x1", "anon_x2"]),  # at the instant itself
        (Filters(end=microseconds("2026-01-05T10:00Z")), ["ann", "bob"]),
        (Filters(begin=microseconds("2026-01-04"), end=microseconds("2026-01-05T09:59:59Z")), []),
    ],
)
def test_filters_keep_whom_they_ask_for(filters: Filters, people: list[str]) -> None:
    assert found("", filters) == people


@pytest.mark.parametrize(
    ("asked", "people"),
    [
        ("ann", [("ann", "ann", "person")]),
        ("ANON_DESK", [("ann", "anon_desk", "anonymous_id")]),
        ("ann@example", [("ann", "Ann@Example.com", "e-mail")]),
        ("order-1", [("ann", "ORDER-1", "order_id"), ("bob", "ORDER-11", "order_id")]),  # exact before prefix
        ("der-11", [("bob", "ORDER-11", "order_id")]),
        # a prefix before what is further in, then by value, events and name
        (
            "an",
            [("ann", "ann", "person"), ("bob", "anon_bob", "anonymous_id"), *((x, x, "person") for x in EVERYBODY[2:])],
        ),
        ("bob", [("bob", "bob", "person")]),  # their own name, not the device that contains it
        ("_x", [("anon_x1", "anon_x1", "person"), ("anon_x2", "anon_x2", "person")]),
        ("  bob  ", [("bob", "bob", "person")]),
        ("nobody", []),
        (".*", []),  # a text, not a pattern
        ("\ud800", []),
        ("x1anon", []),  # the end of one id and the beginning of the next
    ],
)
def test_any_id_finds_its_person(asked: str, people: list[tuple[str, ...]]) -> None:
    assert matched(asked) == people


def test_a_search_finds_only_whom_the_filters_leave() -> None:
    assert found("example.com") == ["ann", "bob"]
    assert found("example.com", Filters(cross_device="no")) == ["bob"]


def test_a_shared_device_finds_all_its_people() -> None:
    shared = pd.DataFrame(
        {
            "timestamp": ["2026-01-01T10:00Z", "2026-01-02T10:00Z"],
            "event_name": "$identify",
            "anonymous_id": "tablet",
            "user_id": ["u1", "u2"],
        }
    )
    roster, search = people_of(shared)
    assert named(roster, search.find("tablet", roster, roster.events > 0).people) == ["u1", "u2"]


def test_masked_names_are_found_and_so_is_what_they_mask() -> None:
    roster, search = people_of(EVENTS, redact=True)
    for asked, person in (("user 2", "bob"), ("device 5", "anon_x1"), ("bob@example.com", "bob")):
        assert named(roster, search.find(asked, roster, roster.events > 0).people)[0] == person


def test_people_of_no_events_and_of_nobody() -> None:
    for events in (EVENTS.head(0), EVENTS.tail(1)):
        roster, search = people_of(events)
        assert (roster.count, roster.channels) == (0, ())
        assert len(search.find("a", roster, roster.passing(Filters())).people) == 0
        assert len(search.find("", roster, roster.passing(Filters())).people) == 0


def test_values_in_several_currencies_need_rates() -> None:
    events = EVENTS.assign(currency=["USD", "EUR", *[None] * 9]).assign(event_name="purchase", value=1.0)
    with pytest.raises(errors.CurrencyError, match="rates="):
        Roster.of(stitch(events))
    assert Roster.of(stitch(events.head(2)), rates={"USD": 1.0, "EUR": 2.0}).value.sum() == 3.0


@settings(max_examples=30, deadline=None)
@given(st.permutations(range(len(EVENTS))), st.sampled_from(["", "an", "order", "example", "o"]))
def test_the_order_of_rows_changes_nobody(rows: list[int], asked: str) -> None:
    roster, search = people_of(EVENTS.iloc[rows])
    assert named(roster, search.find(asked, roster, roster.events > 0).people) == found(asked)


@settings(max_examples=50, deadline=None)
@given(
    st.lists(st.text(alphabet="abÄß_1", min_size=1, max_size=6), min_size=1, max_size=8, unique=True),
    st.text(alphabet="abÄß_1", min_size=1, max_size=3),
)
def test_a_search_finds_what_python_finds(ids: list[str], asked: str) -> None:
    events = pd.DataFrame(
        {"timestamp": "2026-01-01T10:00Z", "event_name": "pageview", "anonymous_id": [f"d.{one}" for one in ids]}
    )
    roster, search = people_of(events)
    hits = named(roster, search.find(asked, roster, roster.events > 0).people)
    assert sorted(hits) == sorted(one for one in events["anonymous_id"] if asked.lower() in one.lower())
