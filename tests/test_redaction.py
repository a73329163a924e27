"""Masking: ids become numbers, traits disappear, and nothing that names a person is left in what is shown."""

from __future__ import annotations

import numpy as np
import pandas as pd
import pytest

from datalyr_notebook import errors
from datalyr_notebook.identity.stitching import stitch
from datalyr_notebook.redaction import HIDDEN, Redact, Redaction

EVENTS = pd.DataFrame(
    {
        "timestamp": pd.to_datetime(["2026-01-01T10:00Z"] * 4),
        "event_name": pd.Categorical(["pageview", "$identify", "purchase", "pageview"]),
        "anonymous_id": pd.Categorical(["anon_b", "anon_b", "anon_a", None], categories=["anon_b", "anon_a"]),
        "user_id": pd.Categorical([None, "sam@example.com", "u_7", None], categories=["sam@example.com", "u_7"]),
        "person_id": pd.Categorical(["sam@example.com", "sam@example.com", "u_7", "device:anon_b"]),
        "order_id": [None, None, "ORDER-1", None],
        "campaign": pd.Categorical(["to sam@example.com", "spring", None, "call +49 170 1234567"]),
        "value": [np.nan, np.nan, 99.5, np.nan],
        "loyalty_card": [None, None, 4711.0, None],
        "traits": [
            None,
            {"email": "sam@example.com", "plan": "pro", "deep": {"Phone": "1", "n": [1, "x"]}},
            None,
            None,
        ],
    }
)


def redaction(redact: Redact) -> Redaction:
    return Redaction.of("test", redact, EVENTS)


def test_everything_that_may_name_a_person_is_masked() -> None:
    shown = redaction(redact=True).table(EVENTS).astype(object).where(lambda table: table.notna(), None)
    assert shown["anonymous_id"].tolist() == ["device 1", "device 1", "device 2", None]
    assert shown["user_id"].tolist() == [None, "user 1", "user 2", None]
    assert shown["person_id"].tolist() == ["user 1", "user 1", "user 2", "device 1"]
    assert shown["order_id"].tolist() == [None, None, HIDDEN, None]
    assert shown["campaign"].tolist() == [f"to {HIDDEN}", "spring", None, f"call {HIDDEN}"]
    assert shown["loyalty_card"].tolist() == [None, None, HIDDEN, None]  # a number of one's own
    assert shown["value"].tolist() == [None, None, 99.5, None]  # money is shown
    assert shown["traits"][1] == {"email": HIDDEN, "plan": HIDDEN, "deep": {"Phone": HIDDEN, "n": [HIDDEN, HIDDEN]}}


def test_named_traits_and_columns_alone_are_masked() -> None:
    shown = redaction(("Email", "order_id", "phone")).table(EVENTS)
    assert shown["order_id"][2] == HIDDEN
    assert shown["user_id"].tolist()[1:3] == ["user 1", "u_7"]  # an address is one wherever it stands
    assert shown["campaign"].tolist()[0] == f"to {HIDDEN}"
    assert shown["traits"][1] == {"email": HIDDEN, "plan": "pro", "deep": {"Phone": HIDDEN, "n": [1, "x"]}}
    assert shown["anonymous_id"].tolist()[:3] == ["anon_b", "anon_b", "anon_a"]


def test_a_user_id_is_masked_in_every_column_that_may_hold_one() -> None:
    shown = redaction("user_id").table(EVENTS)
    assert shown["person_id"].tolist() == ["user 1", "user 1", "user 2", "device:anon_b"]
    assert shown["anonymous_id"].tolist()[0] == "anon_b"


def test_nothing_is_masked_unless_asked_for() -> None:
    assert redaction(redact=False).table(EVENTS) is EVENTS
    assert not redaction(redact=()).masks


@pytest.mark.parametrize(
    ("asked", "means"), [("user 2", "u_7"), ("device 1", "anon_b"), ("user 9", "user 9"), ("u_7", "u_7"), (5, 5)]
)
def test_a_masked_name_can_be_asked_for(asked: object, means: object) -> None:
    assert redaction(redact=True).original(asked) == means
    assert redaction(redact=False).original(asked) == asked


def test_an_id_that_no_event_carries_is_hidden() -> None:
    assert redaction(redact=True).name("somebody@example.com") == HIDDEN


def test_what_a_trait_says_is_masked_by_its_name() -> None:
    assert redaction(redact=True).trait("plan", "pro") == HIDDEN
    assert redaction(("email",)).trait("plan", "pro") == "pro"
    assert redaction(("email",)).trait("note", "write to a@b.io") == f"write to {HIDDEN}"
    links = pd.DataFrame({"id": ["u_7"], "kind": ["trait:plan"], "value": ["pro"]})
    assert redaction(redact=True).table(links)["value"].tolist() == [HIDDEN]


@pytest.mark.parametrize("wrong", [7, [None], ("",), b"email"])
def test_what_is_no_choice_is_refused(wrong: object) -> None:
    with pytest.raises(errors.OptionError, match=r"redact=.*True, False, or names of columns"):
        Redaction.of("journey_timeline", wrong, EVENTS)  # type: ignore[arg-type]


def test_devices_that_carry_the_prefix_or_the_id_of_a_user_keep_a_number_that_leads_back() -> None:
    events = stitch(
        pd.DataFrame(
            {
                "timestamp": ["2026-01-01T10:00Z"] * 4,
                "event_name": "pageview",
                "anonymous_id": ["device:a", "a", "device:device:a", "device:lonely"],
                "user_id": ["a", None, None, None],
            }
        )
    )
    redaction = Redaction.of("s", True, events)
    persons = events["person_id"].tolist()
    masked = [redaction.name(one) for one in persons]
    assert masked == ["user 1", "device 2", "device 3", "device 4"]
    assert [redaction.original(one) for one in masked] == persons
