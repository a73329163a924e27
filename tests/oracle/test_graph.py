"""The oracle's identity graph, worked by hand: who is connected with whom, and since when."""

from __future__ import annotations

import pytest

from .identity import stitch
from .stories import alias, event, match, persons


def test_an_alias_chain_names_every_device_of_its_users() -> None:
    rows = [
        event(1, "buy", "d", "u1"),
        event(2, "buy", "e", "u2"),
        alias(5, "u1", "u2"),
        alias(8, "u2", "u3"),
        event(9, device="d"),
        event(0, device="e"),
    ]
    # d - u1 at 1, u1 - u2 at 5, u2 - u3 at 8: the chain is whole at 8.
    assert stitch(rows, policy="graph") == [
        ("u3", "own", 8), ("u3", "own", 8), ("u3", "own", 8), ("u3", "own", 8), ("u3", "graph", 8), ("u3", "graph", 8),
    ]  # fmt: skip


def test_a_circle_of_aliases_ends_at_the_latest_new_id() -> None:
    rows = [alias(1, "a", "b"), alias(2, "b", "a"), event(3, "buy", "d", "b"), event(4, device="d")]
    assert stitch(rows, policy="graph") == [("a", "own", 1), ("a", "own", 2), ("a", "own", 3), ("a", "graph", 3)]


def test_users_who_share_a_device_become_one_person() -> None:
    rows = [
        event(1, "buy", "d", "u1"),
        event(2, "buy", "e", "u1"),
        event(4, "buy", "e", "u2"),
        event(3, "buy", None, "u2"),
        event(6, "buy", "f", "u2"),
        event(0, device="f"),
        event(9, device="d"),
    ]
    # u2 meets u1 on e at 4: its row at 3 is u1's since then, that at 6 since it happened.
    assert stitch(rows, policy="graph") == [
        ("u1", "own", 1), ("u1", "own", 2), ("u1", "graph", 4), ("u1", "graph", 4),
        ("u1", "graph", 6), ("u1", "graph", 6), ("u1", "graph", 1),
    ]  # fmt: skip


def test_the_earliest_way_through_the_links_counts() -> None:
    rows = [
        event(1, "buy", "d", "u1"),
        event(9, "buy", "d", "u2"),
        event(2, "buy", "e", "u2"),
        event(3, "buy", "e", "u1"),
        event(0, device="d"),
    ]
    # u2 and u1 share e from 3 on, long before they share d.
    assert stitch(rows, policy="graph") == [
        ("u1", "own", 1), ("u1", "graph", 9), ("u1", "graph", 3), ("u1", "own", 3), ("u1", "graph", 1),
    ]  # fmt: skip


def test_a_component_is_named_as_merged_users_are() -> None:
    sharing = [event(1, "buy", "d", "kate@x.com"), event(5, "buy", "d", "u7"), event(6, "buy", "d", "u2")]
    assert stitch(sharing, policy="graph") == [("u7", "graph", 5), ("u7", "own", 5), ("u7", "graph", 6)]
    # Else the new id of the latest alias anywhere in the component.
    told = [*sharing, alias(8, "u0", "u9"), event(10, "buy", "d", "u9"), event(9, "buy", None, "u0")]
    told.append(event(7, "buy", None, "u0"))
    assert persons(stitch(told, policy="graph")) == ["u9"] * 7
    assert stitch(told, policy="graph")[0] == ("u9", "graph", 10)
    assert stitch(told, policy="graph")[6] == ("u9", "own", 8)


def test_ties_in_time_go_by_text() -> None:
    rows = [event(1, "b", "d", "u2"), event(1, "a", "d", "u1")]
    assert persons(stitch(rows, policy="graph")) == ["u1", "u1"]


def test_a_trusted_trait_is_an_edge() -> None:
    rows = [
        event(1, "$identify", "d", "u1", traits={"phone": "555 010 2030"}),
        event(5, "$identify", "e", "u2", traits={"phone": "5550102030"}),
        event(2, device="e"),
    ]
    assert stitch(rows, policy="graph", merge_on=("phone",)) == [
        ("u1", "own", 1), ("u1", "own", 5), ("u1", "graph", 5),
    ]  # fmt: skip
    assert stitch(rows, policy="graph")[2] == ("u2", "graph", 5)


# devices


def test_a_device_alone_is_itself() -> None:
    rows = [event(1, device="42"), event(2, user="42"), event(3), event(4, device="k")]
    assert stitch(rows, policy="graph") == [
        ("device:42", "anonymous", 1), ("42", "own", 2), (None, "anonymous", 3), ("k", "anonymous", 4),
    ]  # fmt: skip


def test_devices_without_a_user_take_the_web_device_of_their_earliest_bridge() -> None:
    rows = [event(1, device="web"), match(5, "app", "web"), match(9, "tv", "web")]
    assert stitch(rows, policy="graph") == [("web", "anonymous", 1), ("web", "graph", 5), ("web", "graph", 9)]
    two = [match(5, "app", "w2"), match(5, "app", "w1"), event(7, device="w2")]
    assert stitch(two, policy="graph") == [("w1", "graph", 5), ("w1", "graph", 5), ("w1", "graph", 5)]
    assert persons(stitch([*two, match(4, "app", "w3")], policy="graph")) == ["w3"] * 4


def test_a_bridge_joins_two_users_if_its_kind_is_asked_for() -> None:
    rows = [
        match(5, "app", "web", "ip"),
        event(8, "$identify", "app", "u", sdk="swift"),
        event(9, "$identify", "web", "v"),
        event(1, device="web"),
    ]
    assert stitch(rows, policy="graph") == [("u", "graph", 8), ("u", "own", 8), ("u", "graph", 9), ("u", "graph", 8)]
    assert persons(stitch(rows, policy="graph", bridges=("email",))) == ["u", "u", "v", "v"]


def test_a_one_shot_server_id_makes_no_edge() -> None:
    rows = [
        event(1, "job", "anon_once", "u1", sdk="node"),
        event(2, "job", "anon_once", "u2", sdk="node"),
        event(3, "job", "anon_once", sdk="node"),
    ]
    assert stitch(rows, policy="graph") == [("u1", "own", 1), ("u2", "own", 2), ("anon_once", "anonymous", 3)]


# super-nodes


@pytest.mark.parametrize(("limit", "owners"), [(3, ["root"] * 6), (2, ["root", "root", "root", "u1", "d", "u1"])])
def test_a_user_on_too_many_devices_makes_no_edge(limit: int, owners: list[str]) -> None:
    rows = [event(time, "buy", device, "root") for time, device in enumerate("def")]
    rows += [event(5, "buy", "e", "u1"), event(6, device="d"), event(7, device="e")]
    assert persons(stitch(rows, policy="graph", max_devices_per_user=limit)) == owners


def test_the_limit_counts_raw_user_ids() -> None:
    rows = [event(1, "buy", "d", "a"), event(2, "buy", "e", "b"), alias(3, "a", "b"), event(4, device="d")]
    assert stitch(rows, policy="graph", max_devices_per_user=1)[3] == ("b", "graph", 3)


def test_a_crowded_device_makes_no_edge_also_not_by_a_bridge() -> None:
    rows = [event(1, "buy", "d", "u1"), event(2, "buy", "d", "u2"), event(3, device="d"), match(4, "app", "d")]
    assert persons(stitch(rows, policy="graph", max_users_per_device=1)) == ["u1", "u2", "d", "app"]
    assert persons(stitch(rows, policy="graph")) == ["u1"] * 4
