"""Why is this one not linked? Small stories, each with the answer in sight."""

from __future__ import annotations

import pandas as pd
import pytest

from datalyr_notebook.errors import OptionError, UnknownPersonError
from datalyr_notebook.identity.stitching import stitch
from datalyr_notebook.lint import lint
from tests.lint.stories import codes, events, login, one, purchase

MAIL = {"email": "kate@example.com"}

SHOP = events(
    {"anonymous_id": "anon_phone"},
    {"anonymous_id": "anon_phone"},
    login("u1", anonymous_id="anon_desk", traits=MAIL),
    purchase(10, anonymous_id="anon_desk", user_id="u1"),
    login("u2", anonymous_id="anon_tablet", traits=MAIL),
    {"anonymous_id": "anon_tv"},
    login("u3", anonymous_id="anon_tv", traits={"email": "ana@example.com"}),
    login("u3", anonymous_id="anon_tv2", traits={"email": "ana@example.com"}),
)


def test_a_device_that_was_never_identified() -> None:
    found = one(SHOP, "never_identified", person="anon_phone")
    assert (found["severity"], found["events"], found["examples"]) == ("error", 2, ["anon_phone"])


def test_a_user_whose_e_mail_is_identified_under_another_id() -> None:
    found = one(SHOP, "identified_under_another_user_id", person="u1")
    assert (found["events"], found["examples"]) == (1, ["u2"])
    assert one(SHOP, "only_one_device", person="u1")["examples"] == ["anon_desk"]


def test_an_e_mail_asks_for_all_its_users() -> None:
    found = one(SHOP, "identified_under_another_user_id", person="Kate@Example.com")
    assert found["examples"] == ["u1", "u2"]


def test_a_device_asks_for_its_users_as_well() -> None:
    assert one(SHOP, "identified_under_another_user_id", person="anon_desk")["examples"] == ["u2"]
    assert "never_identified" not in codes(SHOP, person="anon_desk")


def test_a_device_that_was_identified_late() -> None:
    found = one(SHOP, "identified_late", person="anon_tv")
    assert found["events"] == 1
    assert "2026-01-01 10:06 UTC" in found["message"]


def test_an_id_without_a_fault_is_told_so() -> None:
    table = lint(SHOP, person="anon_tv2")
    assert table["code"].tolist() == ["nothing_found"]
    assert "1 user_ids and 1 anonymous_ids" in table["message"].iloc[0]


def test_the_rules_speak_of_this_id_alone() -> None:
    frame = events(login("u" * 256), login("v" * 256, anonymous_id="anon_b"))
    found = one(frame, "user_id_too_long", person="v" * 256)
    assert (found["events"], found["examples"]) == (1, ["v" * 36 + "…" + "v" * 8 + " (256 characters)"])


@pytest.mark.parametrize("blocked", ["null", " Undefined ", "[object Object]"])
def test_a_blocked_id_is_answered_whether_or_not_it_is_there(blocked: str) -> None:
    assert one(events(login(blocked)), "blocked_id", person=blocked)["events"] == 1
    assert one(events(login("u1")), "blocked_id", person=blocked)["events"] == 0


def test_an_id_that_loading_took_out_of_the_user_field_is_found() -> None:
    assert "anonymous_id_as_user_id" in codes(events(login("anon_zz")), person="anon_zz")


def test_a_user_that_only_a_server_names() -> None:
    frame = events(purchase(5, user_id="u1", anonymous_id=None), {})
    assert {"user_without_device", "never_in_identify"} <= {*codes(frame, person="u1")}


def test_a_match_without_a_login_in_common() -> None:
    frame = events(
        login("u1", anonymous_id="anon_app", sdk="swift"),
        {"anonymous_id": "anon_app", "sdk": "swift", "web_visitor_id": "anon_web", "match_method": "ip"},
        {"anonymous_id": "anon_web", "sdk": "web"},
    )
    assert one(frame, "matched_but_not_identified", person="u1")["examples"] == ["anon_web"]
    assert one(frame, "matched_but_not_identified", person="anon_web")["examples"] == ["anon_app"]
    linked = pd.concat([frame, events(login("u1", anonymous_id="anon_web", sdk="web", at=9))], ignore_index=True)
    assert "matched_but_not_identified" not in codes(linked, person="u1")


def test_an_alias_is_a_login() -> None:
    frame = events(
        {"anonymous_id": "anon_a"},
        {"event_name": "$alias", "user_id": "u1", "anonymous_id": None, "previous_id": "anon_a"},
    )
    assert "never_identified" not in codes(frame, person="anon_a")


def test_a_person_id_of_a_stitched_table_is_an_id() -> None:
    stitched = stitch(events({"anonymous_id": "42"}, login("42", anonymous_id="d")))
    assert "device:42" in set(stitched["person_id"])
    assert lint(stitched, person="device:42")["events"].tolist() == [1]


def test_an_unknown_id_names_the_nearest() -> None:
    with pytest.raises(UnknownPersonError, match=r"lint found no person.*anon_phones.*Nearest: 'anon_phone'"):
        lint(SHOP, person="anon_phones")


@pytest.mark.parametrize("asked", [7, "", "  ", ["u1"]])
def test_a_person_is_a_text(asked: object) -> None:
    with pytest.raises(OptionError, match=r"lint: person=.* is not known. Use a user_id, an anonymous_id or an e-mail"):
        lint(SHOP, person=asked)  # type: ignore[arg-type]
