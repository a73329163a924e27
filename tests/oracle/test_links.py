"""The oracle's links, each kind worked by hand: ids, aliases, trusted traits, links to ignore."""

from __future__ import annotations

from typing import Any

import pytest

from .identity import Link, stitch
from .stories import SHARED_DEVICE, alias, at, event, match, persons

# kinds of ids


def test_a_text_that_is_both_a_device_and_a_user() -> None:
    rows = [event(1, device="42"), event(2, user="42"), event(3, device="43")]
    assert persons(stitch(rows, policy="session")) == ["device:42", "42", "43"]


def test_a_row_with_neither_id_joins_nobody() -> None:
    assert persons(stitch([event(1), event(2, device="null", user=" Undefined ")], policy="next")) == [None, None]


def test_a_one_shot_server_id_is_no_device() -> None:
    rows = [
        event(1, "job", "anon_once", sdk="node"),
        event(2, "$identify", "anon_once", "u", sdk="node"),
        event(3, "pageview", "d"),
        event(4, "trial", "d", "u", sdk="node"),
        event(5, "job", "d", sdk="node"),
    ]
    assert stitch(rows, policy="next") == [
        ("anon_once", "anonymous", 1), ("u", "own", 2),
        ("u", "next", 4), ("u", "own", 4), ("u", "previous", 4),
    ]  # fmt: skip


def test_a_chain_of_aliases_is_known_link_by_link() -> None:
    rows = [
        event(1, "buy", "d", "u1"),
        event(2, "buy", "e", "u2"),
        event(5, "$alias", None, "u2", previous_id="u1"),
        event(8, "$alias", None, "u3", previous_id="u2"),
        event(9, "buy", "d"),
    ]
    assert stitch(rows, policy="previous") == [
        ("u3", "own", 8), ("u3", "own", 8), ("u3", "own", 8), ("u3", "own", 8), ("u3", "previous", 8),
    ]  # fmt: skip


def test_a_circle_of_aliases_ends_at_the_latest_new_id() -> None:
    rows = [
        event(1, "$alias", None, "b", previous_id="a"),
        event(2, "$alias", None, "a", previous_id="b"),
        event(3, "buy", None, "b"),
    ]
    # The two are connected from the first alias on, although only the second makes a the person.
    assert stitch(rows, policy="session") == [("a", "own", 1), ("a", "own", 2), ("a", "own", 3)]


def test_a_servers_alias_names_the_user_of_another_rows_device() -> None:
    rows = [
        event(1, "pageview", "anon_x"),
        event(4, "$alias", "anon_once", "u", previous_id="anon_x", sdk="node"),
        event(6, "pageview", "anon_x"),
    ]
    assert stitch(rows, policy="session") == [("u", "next", 4), ("u", "own", 4), ("u", "previous", 4)]


def test_an_internal_visitor_id_stands_for_the_rows_own_ids() -> None:
    signed_out = [
        event(1, "pageview", "d", sdk="react_native"),
        event(2, "$alias", "d", None, previous_id="visitor-uuid", new_user_id="u", sdk="react_native"),
    ]
    assert stitch(signed_out, policy="next") == [("u", "next", 2), ("u", "next", 2)]
    signed_in = [
        event(1, "pageview", "d", "old", sdk="react_native"),
        event(2, "$alias", "d", "old", previous_id="visitor-uuid", new_user_id="new", sdk="react_native"),
    ]
    assert stitch(signed_in, policy="next") == [("new", "own", 2), ("new", "own", 2)]


def test_previous_id_of_an_identify_is_an_account_switch() -> None:
    rows = [event(1, "buy", "d", "a"), event(2, "$identify", "d", "b", previous_id="a")]
    assert persons(stitch(rows, policy="session")) == ["a", "b"]


def test_an_email_merges_users_only_when_asked() -> None:
    rows = [
        event(1, "$identify", "d", "Kate@X.com"),
        event(3, "$identify", "e", "17", traits={"email": " kate@x.COM "}),
        event(4, "buy", "e"),
    ]
    assert persons(stitch(rows, policy="session")) == ["Kate@X.com", "17", "17"]
    # The non-e-mail id is the person; the e-mail joins it when 17's e-mail is known.
    assert stitch(rows, policy="session", merge_on=("email",)) == [
        ("17", "own", 3), ("17", "own", 3), ("17", "session", 3),
    ]  # fmt: skip


def test_without_an_alias_the_earliest_seen_id_is_the_person() -> None:
    rows = [event(time, "$identify", None, user, traits={"email": "a@b.co"}) for time, user in ((1, "z"), (2, "a"))]
    assert stitch(rows, policy="none", merge_on=("email",)) == [("z", "own", 1), ("z", "own", 2)]


@pytest.mark.parametrize(
    "value", ["n/a", "", None, "none", "not an e-mail", 0, True, ["a@b.co"], {"a": 1}, float("nan")]
)
def test_placeholder_and_odd_values_never_merge(value: object) -> None:
    rows = [event(1, "$identify", None, "a", traits={"email": value})]
    rows += [event(2, "$identify", None, "b", traits={"email": value})]
    assert persons(stitch(rows, policy="session", merge_on=("email",))) == ["a", "b"]


def test_a_value_shared_by_too_many_users_merges_nobody() -> None:
    rows = [event(time, "$identify", None, f"u{time}", traits={"email": "shop@x.com"}) for time in range(3)]
    assert persons(stitch(rows, policy="session", merge_on=("email",), max_ids_per_trait_value=3)) == ["u0"] * 3
    assert persons(stitch(rows, policy="session", merge_on=("email",), max_ids_per_trait_value=2)) == ["u0", "u1", "u2"]


def identified(*said: object, trait: str) -> list[dict[str, Any]]:
    """One ``$identify`` an instant, each of another user, with a value of a trait: u0, u1, ..."""
    return [event(time, "$identify", None, f"u{time}", traits={trait: value}) for time, value in enumerate(said)]


def test_a_phone_is_its_digits() -> None:
    rows = identified("+1 (555) 010-2030", 15550102030, "1.555.010.2030", "555 010 2030", trait="phone")
    assert persons(stitch(rows, policy="session", merge_on=("phone",))) == ["u0", "u0", "u0", "u3"]
    rows = identified("555-0001", "5550001", trait="phone")
    assert persons(stitch(rows, policy="none", merge_on=("phone",))) == ["u0", "u0"]


@pytest.mark.parametrize(
    "value",
    [
        "555 010",
        "000-0000",
        1111111111,
        "1234567890",
        "0123456789",
        "+1 234 567",
        "7890123",
        "n/a",
        "",
        None,
        True,
        [1],
    ],
)
def test_placeholder_phones_never_merge(value: object) -> None:
    rows = identified(value, value, trait="phone")
    assert persons(stitch(rows, policy="session", merge_on=("phone",))) == ["u0", "u1"]


def test_any_other_trait_is_a_text_or_a_whole_number() -> None:
    rows = identified(" Gold-7 ", "gold-7", 7, "7", 7.5, 7.5, "N/A", "n/a", trait="loyalty_id")
    assert persons(stitch(rows, policy="session", merge_on=("loyalty_id",))) == [
        "u0", "u0", "u2", "u2", "u4", "u5", "u6", "u7",
    ]  # fmt: skip


def test_traits_of_two_names_chain() -> None:
    rows = [
        event(1, "$identify", None, "a", traits={"email": "a@b.co"}),
        event(2, "$identify", None, "b", traits={"email": "a@b.co", "phone": "5550102030"}),
        event(3, "$identify", None, "c", traits={"phone": "(555) 010-2030"}),
    ]
    assert stitch(rows, policy="session", merge_on=("email", "phone"))[2] == ("a", "own", 3)
    assert persons(stitch(rows, policy="session", merge_on=("phone",))) == ["a", "b", "b"]


def test_a_user_on_too_many_devices_merges_nobody_by_trait() -> None:
    rows = [event(time, "$identify", f"d{time}", "root", traits={"email": "it@x.com"}) for time in (1, 2, 3)]
    rows.append(event(4, "$identify", "k", "kate", traits={"email": "it@x.com"}))
    assert persons(stitch(rows, policy="session", merge_on=("email",), max_devices_per_user=3)) == ["root"] * 4
    assert persons(stitch(rows, policy="session", merge_on=("email",), max_devices_per_user=2))[3] == "kate"
    # An alias merges whom it names, on however many devices.
    told = [*rows, alias(5, "kate", "root")]
    assert persons(stitch(told, policy="session", merge_on=("email",), max_devices_per_user=2)) == ["root"] * 5


# ids that are nobody's


def test_blocked_ids_are_nobodys() -> None:
    rows = [
        event(1, "buy", "d", " QA-7 "),
        event(2, "buy", "d", "kate"),
        event(3, "buy", "kiosk", "u"),
        event(4, device="kiosk"),
        event(5, "buy", "e", "root"),
    ]
    assert persons(stitch(rows, policy="next", block=("qa-%", "Kiosk", "oo"))) == ["kate", "kate", "u", None, "root"]


@pytest.mark.parametrize("pattern", ["te%st", "%", "%test", "test%", "t%s%t", "%T%E%S%T%"])
def test_a_percent_sign_is_any_run_of_characters_also_none(pattern: str) -> None:
    assert persons(stitch([event(1, user="test")], policy="none", block=(pattern,))) == [None]


@pytest.mark.parametrize("pattern", ["", "t.st", "tes", "%x%", "test%t", "[a-z]%"])
def test_everything_else_in_a_pattern_is_itself(pattern: str) -> None:
    assert persons(stitch([event(1, user="test")], policy="none", block=(pattern,))) == ["test"]


def test_a_blocked_device_is_no_end_of_a_bridge() -> None:
    rows = [match(5, "app", "kiosk"), event(9, "buy", "kiosk", "u")]
    assert persons(stitch(rows, policy="next")) == ["u", "u"]
    assert persons(stitch(rows, policy="next", block=("kiosk",))) == ["app", "u"]


def test_blocked_trait_values_merge_nobody() -> None:
    rows = identified("a@corp.co", "A@Corp.co", trait="email")
    assert persons(stitch(rows, policy="none", merge_on=("email",), block=("%@corp.co",))) == ["u0", "u1"]
    assert persons(stitch(rows, policy="none", merge_on=("email",), block=("%@other.co",))) == ["u0", "u0"]
    rows = identified("555 010 2030", "5550102030", trait="phone")
    assert persons(stitch(rows, policy="none", merge_on=("phone",), block=("5550102030",))) == ["u0", "u1"]


def test_an_allowed_id_is_somebodys() -> None:
    rows = [event(1, user=" Guest "), event(2, user="null"), event(3, user="a7"), event(4, user="a8")]
    assert persons(stitch(rows, policy="none", allow=("guest", "A7"), block=("a%",))) == [" Guest ", None, "a7", None]


# links to ignore


def test_a_row_of_an_ignored_link_keeps_its_own_user_but_names_nobody() -> None:
    u1, u2 = at("09:10"), at("12:10")
    without: list[Link] = [("d", "u2", "identify")]
    assert stitch(SHARED_DEVICE, policy="session", without=without)[3:] == [
        ("u1", "previous", u1), ("u2", "own", u2), ("u1", "previous", u1),
    ]  # fmt: skip
    assert stitch(SHARED_DEVICE, policy="strict", without=without)[3:] == [
        ("u1", "only", u1), ("u2", "own", u2), ("u1", "only", u1),
    ]  # fmt: skip
    # The row is on the device all the same, and that is u1's now.
    assert stitch(SHARED_DEVICE, policy="last", without=without)[4] == ("u1", "last", u1)
    assert persons(stitch(SHARED_DEVICE, policy="graph", without=without)) == ["u1", "u1", "u1", "u1", "u2", "u1"]
    assert stitch(SHARED_DEVICE, policy="session", without=[("d", "u2", "event")])[5] == ("u2", "previous", u2)


def test_an_ignored_alias_never_was() -> None:
    rows = [event(1, "buy", "d", "a"), alias(2, "a", "b"), event(3, "$alias", "e", "c", previous_id="d")]
    # The alias on e tells of d, too: c is the last user of both.
    assert persons(stitch(rows, policy="last")) == ["c", "b", "c"]
    assert persons(stitch(rows, policy="last", without=[("d", "c", "alias")])) == ["b", "b", "c"]
    without: list[Link] = [("a", "b", "alias"), ("d", "c", "alias")]
    assert persons(stitch(rows, policy="last", without=without)) == ["a", "b", "c"]


def test_an_alias_of_its_own_rows_ids_is_no_second_link() -> None:
    rows = [event(1, device="d"), event(5, "$alias", "d", "u2", previous_id="d"), event(9, "$identify", "d", "u1")]
    assert persons(stitch(rows, policy="next")) == ["u2", "u2", "u1"]
    assert persons(stitch(rows, policy="next", without=[("d", "u2", "alias")])) == ["u1", "u2", "u1"]
    assert persons(stitch(rows, policy="next", without=[("d", "u2", "event")])) == ["u2", "u2", "u1"]


def test_an_ignored_pair_of_a_trait_is_not_joined() -> None:
    rows = identified("a@b.co", "a@b.co", "a@b.co", trait="email")
    without: list[Link] = [("u1", "u0", "trait:email")]
    assert persons(stitch(rows, policy="none", merge_on=("email",), without=without)) == ["u0", "u1", "u0"]
    without = [("u1", "u0", "trait:phone")]
    assert persons(stitch(rows, policy="none", merge_on=("email",), without=without)) == ["u0"] * 3


def test_a_bridge_loses_the_rows_of_the_ignored_kind() -> None:
    rows = [
        event(1, "buy", "web", "u"),
        match(4, "app", "web", "email"),
        match(9, "app", "web", "ip"),
        event(5, device="app", sdk="swift"),
    ]
    assert stitch(rows, policy="next")[3] == ("u", "bridge", 4)
    assert stitch(rows, policy="next", without=[("app", "web", "bridge:email")])[3] == ("u", "bridge", 9)
    without: list[Link] = [("app", "web", "bridge:email"), ("app", "web", "bridge:ip")]
    assert stitch(rows, policy="next", without=without)[3] == ("app", "anonymous", 5)
