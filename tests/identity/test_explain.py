"""explain_link: the chain between two ids, its weakest link, or what is missing; stories worked by hand."""

from __future__ import annotations

from typing import Any

import networkx as nx
import numpy as np
import pandas as pd
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

import datalyr_notebook as dn
from datalyr_notebook import schema
from datalyr_notebook.errors import OptionError, UnknownPersonError
from datalyr_notebook.identity.explain import LinkExplanation, explain_link
from datalyr_notebook.identity.explaining.chains import build_graph, shortest_chain
from datalyr_notebook.identity.stitching import stitch
from tests.strategies import rows, table

HOSTILE = "<img src=x onerror=alert(1)>\u202e"


def events(*given_rows: dict[str, Any]) -> pd.DataFrame:
    """Rows with a day of January 2026 as ``day`` become a table; logins from the web unless said otherwise."""
    return pd.DataFrame(
        [
            {
                "event_name": "$identify",
                "sdk": "web",
                **row,
                "timestamp": pd.Timestamp(f"2026-01-{row['day']:02}T12:00Z"),
            }
            for row in given_rows
        ]
    ).drop(columns="day")


def seen(day: int, device: str | None, user: str | None = None, **more: Any) -> dict[str, Any]:
    return {"day": day, "anonymous_id": device, "user_id": user, **more}


def page(day: int, device: str | None, user: str | None = None, **more: Any) -> dict[str, Any]:
    return seen(day, device, user, event_name="pageview", **more)


def steps(explanation: LinkExplanation) -> list[list[str]]:
    names: list[list[str]] = explanation.chain[["id", "kind", "other_id"]].values.tolist()
    return names


PHONE_AND_DESKTOP = events(
    page(1, "anon_phone"), seen(2, "anon_desktop", "user_789"), seen(3, "anon_phone", "user_789")
)
TABLET = events(page(1, "anon_tablet"), seen(2, "anon_tablet", "user_1"), seen(4, "anon_tablet", "user_2"))
BRIDGED = events(
    page(1, "anon_web"),
    page(2, "anon_app", web_visitor_id="anon_web", match_method="ip", sdk="react_native"),
    seen(3, "anon_app", "kate", sdk="react_native"),
)
TWIN = events(
    seen(1, "anon_1", "kate@example.com"),
    seen(2, "anon_2", "user_42", traits={"email": " Kate@Example.com", "plan": "pro"}),
)


def test_phone_and_desktop_are_one_person_through_the_user_both_logged_in_as() -> None:
    explanation = explain_link(PHONE_AND_DESKTOP, "anon_phone", "anon_desktop")
    assert explanation.linked
    assert steps(explanation) == [["anon_phone", "identify", "user_789"], ["user_789", "identify", "anon_desktop"]]
    assert explanation.chain["id_kind"].tolist() == ["device", "user"]
    assert explanation.chain["known_from"].dt.day.tolist() == [3, 2]
    assert explanation.known_from == pd.Timestamp("2026-01-03T12:00Z")
    assert explanation.persons == (("user_789",), ("user_789",))
    assert explanation.missing == []
    assert explanation.weakest is not None
    assert explanation.weakest.step == 0
    assert repr(explanation).splitlines()[0] == (
        "anon_phone and anon_desktop are one person under session: user_789, 2 links apart."
    )


def test_the_seed_journey_from_the_phone_to_the_e_mail() -> None:
    explanation = explain_link(dn.load_sample("seed_journey"), "anon_mobile_123", "Sam@Example.com ")
    assert explanation.linked
    assert steps(explanation) == [
        ["anon_mobile_123", "identify", "user_789"],
        ["user_789", "trait:email", "Sam@Example.com "],
    ]
    assert explanation.chain["other_kind"].tolist() == ["user", "trait"]


def test_of_parallel_links_the_strongest_kind_is_taken() -> None:
    table_ = events(page(1, "anon_1", "u"), page(2, "anon_1", "u"), seen(3, "anon_1", "u"))
    assert explain_link(table_, "anon_1", "u").chain[["kind", "events"]].values.tolist() == [["identify", 1]]
    assert explain_link(table_, "anon_1", "u", as_of="2026-01-02T13:00Z").chain["kind"].tolist() == ["event"]


def test_of_equally_short_chains_the_strongest_then_the_earliest_then_the_first_by_text() -> None:
    by_event = [page(1, "anon_a", "u1"), page(1, "anon_a", "u2")]
    late = [seen(5, "anon_b", "u1"), seen(6, "anon_b", "u2")]
    early = [seen(3, "anon_d", "u1"), seen(4, "anon_d", "u2")]
    twin = [seen(3, "anon_c", "u1"), seen(4, "anon_c", "u2")]
    assert steps(explain_link(events(*by_event, *late), "u1", "u2"))[0][2] == "anon_b"
    assert steps(explain_link(events(*by_event, *late, *early), "u1", "u2"))[0][2] == "anon_d"
    assert steps(explain_link(events(*by_event, *late, *early, *twin), "u1", "u2"))[0][2] == "anon_c"


def test_the_weakest_link_is_the_weakest_kind_and_then_the_one_of_fewest_events() -> None:
    weakest = explain_link(BRIDGED, "anon_web", "kate").weakest
    assert weakest is not None
    assert weakest.link == "anon_web ↔ anon_app (bridge:ip, 1 event)"
    assert weakest.why == "an app was matched with a browser by IP; one network has many people"
    often = events(seen(1, "anon_1", "u"), seen(2, "anon_1", "u"), seen(3, "anon_2", "u"))
    weakest = explain_link(often, "anon_1", "anon_2").weakest
    assert weakest is not None
    assert weakest.step == 1


def test_two_users_of_a_shared_tablet_have_a_chain_but_are_two_persons() -> None:
    explanation = explain_link(TABLET, "user_1", "user_2")
    assert not explanation.linked
    assert steps(explanation) == [["user_1", "identify", "anon_tablet"], ["anon_tablet", "identify", "user_2"]]
    assert explanation.missing == [
        (
            "user_1 and user_2 were both seen on anon_tablet; session never joins two users of one device; "
            "only an $alias, merge_on=… or policy='graph' would."
        )
    ]
    assert explain_link(TABLET, "anon_tablet", "user_1").linked
    assert explain_link(TABLET, "anon_tablet", "user_2").linked


def test_a_chain_breaks_once_at_each_shared_device() -> None:
    two = events(
        *(seen(day, "anon_t", user) for day, user in ((1, "u1"), (2, "u2"))),
        *(seen(day, "anon_s", user) for day, user in ((3, "u2"), (4, "u3"))),
    )
    missing = explain_link(two, "u1", "u3").missing
    assert [reason.split(";")[0] for reason in missing] == [
        "u1 and u2 were both seen on anon_t",
        "u2 and u3 were both seen on anon_s",
    ]


def test_the_e_mail_twin_names_the_trait_that_would_join() -> None:
    explanation = explain_link(TWIN, "kate@example.com", "user_42")
    assert not explanation.linked
    assert not len(explanation.chain)
    assert explanation.known_from is pd.NaT
    assert explanation.weakest is None
    assert explanation.missing == [
        "kate@example.com and user_42 are different user_ids, and no $alias says they are one person.",
        "kate@example.com and user_42 both have email=kate@example.com: merge_on=('email',) would join them.",
    ]
    joined = explain_link(TWIN, "kate@example.com", "user_42", merge_on=("email",))
    assert joined.linked
    assert joined.chain[["kind", "value"]].values.tolist() == [["trait:email", "kate@example.com"]]


def test_the_nearest_shared_trait_is_the_most_telling_one() -> None:
    said = {"name": "Kate", "phone": "+1 555 010 4477", "city": "Oslo", "vip": True}
    both = events(
        seen(1, "anon_1", "u1", traits=said), seen(2, "anon_2", "u2", traits={**said, "phone": "15550104477"})
    )
    assert "both have phone=15550104477" in explain_link(both, "anon_1", "anon_2").missing[1]
    none = events(seen(1, "anon_1", "u1", traits={"vip": True}), seen(2, "anon_2", "u2", traits={"vip": True}))
    assert explain_link(none, "u1", "u2").missing[1] == (
        "No $identify gives both the same value of any trait: an $alias would join them."
    )


def test_a_trait_value_on_too_many_users_merges_nobody() -> None:
    many = events(*(seen(day, f"anon_{day}", f"u{day}", traits={"email": "desk@example.com"}) for day in (1, 2, 3)))
    missing = explain_link(many, "u2", "u3", merge_on=("email",), max_ids_per_trait_value=2).missing
    assert "3 users have this value, over max_ids_per_trait_value=2, so it merges nobody." in missing[0]
    assert "but 3 users have it" in explain_link(many, "u2", "u3", max_ids_per_trait_value=2).missing[1]


def test_a_link_that_became_known_after_as_of_is_named_with_its_time() -> None:
    explanation = explain_link(PHONE_AND_DESKTOP, "anon_phone", "anon_desktop", as_of="2026-01-02T23:00Z")
    assert not explanation.linked
    assert explanation.missing == [
        (
            "anon_phone ↔ user_789 (identify) became known only on 2026-01-03 12:00:00 UTC, "
            "after as_of=2026-01-02 23:00:00 UTC."
        )
    ]
    unborn = explain_link(PHONE_AND_DESKTOP, "anon_phone", "user_789", as_of="2026-01-01T23:00Z")
    assert unborn.missing[0] == "user_789 was first seen after as_of=2026-01-01 23:00:00 UTC."
    assert unborn.persons == (("anon_phone",), ())


def test_a_blocked_or_null_like_id_links_nobody() -> None:
    blocked = explain_link(PHONE_AND_DESKTOP, "anon_phone", "user_789", block=("USER_789",))
    assert not blocked.linked
    assert blocked.missing == ["user_789 is in block=: it links nobody."]
    between = explain_link(PHONE_AND_DESKTOP, "anon_phone", "anon_desktop", block=("user_789",))
    assert between.missing == ["user_789 is in block=: what it ties is not counted."]
    assert explain_link(PHONE_AND_DESKTOP, "NULL", "user_789").missing[0] == (
        "NULL is on the list of null-like ids: it names nobody, so it links nobody."
    )


def test_a_device_nobody_logged_in_on_was_never_identified() -> None:
    lonely = events(page(1, "anon_1"), seen(2, "anon_2", "u"))
    assert explain_link(lonely, "anon_1", "u").missing == [
        "anon_1 was never identified: no $identify, event with a user_id or $alias names a user on it."
    ]


def test_a_bridge_ties_the_web_device_to_the_apps_user() -> None:
    explanation = explain_link(BRIDGED, "anon_web", "kate")
    assert explanation.linked
    assert steps(explanation) == [["anon_web", "bridge:ip", "anon_app"], ["anon_app", "identify", "kate"]]
    assert explain_link(BRIDGED, "anon_web", "kate", bridges=("email",)).missing == [
        "anon_app ↔ anon_web (bridge:ip) is not followed: bridges=('email',) leaves 'ip' out."
    ]
    assert explain_link(BRIDGED, "anon_web", "kate", policy="none").missing == [
        "bridge:ip ties anon_web and anon_app, but policy='none' follows no bridge."
    ]


def test_a_bridge_never_joins_two_users() -> None:
    both = pd.concat([BRIDGED, events(seen(1, "anon_web", "mia"))])
    explanation = explain_link(both, "mia", "kate")
    assert steps(explanation)[1] == ["anon_web", "bridge:ip", "anon_app"]
    assert explanation.missing == [
        (
            "bridge:ip ties anon_web and anon_app, but a bridge only fills a device that has no user of its own; "
            "it never joins two users."
        )
    ]


def test_a_chain_of_aliases() -> None:
    chain = events(
        page(1, "anon_1", "old"),
        seen(2, "anon_2", "mid", event_name="$alias", previous_id="old"),
        seen(3, "anon_3", "new", event_name="$alias", previous_id="mid"),
    )
    explanation = explain_link(chain, "old", "new")
    assert explanation.linked
    assert steps(explanation) == [["old", "alias", "mid"], ["mid", "alias", "new"]]
    assert explain_link(chain, "anon_1", "anon_3").linked


def test_ids_that_only_an_alias_names_belong_to_whom_it_ties_them() -> None:
    aliased = events(
        page(1, "anon_1", "old"),
        seen(2, "anon_1", "old", event_name="$alias", previous_id="old", new_user_id="new", sdk="swift"),
        seen(3, "anon_9", "u9", event_name="$alias", previous_id="anon_gone"),
    )
    assert explain_link(aliased, "new", "anon_1").linked
    assert explain_link(aliased, "anon_gone", "u9").linked
    assert steps(explain_link(aliased, "u9", "anon_gone")) == [["u9", "alias", "anon_gone"]]


def test_a_servers_one_shot_id_is_no_device() -> None:
    served = events(seen(1, "anon_once", "u", sdk="node"), seen(2, "anon_1", "u"))
    explanation = explain_link(served, "anon_once", "u")
    assert not explanation.linked
    assert explanation.missing[0] == (
        "anon_once is a server's one-shot id: no browser or app has it, so it is no device and links nobody."
    )
    alone = events(seen(1, "anon_once", "u", sdk="node"), seen(2, "anon_1", "v"))
    assert "u was seen on no device: only server rows" in explain_link(alone, "u", "v").missing[1]


def test_a_session_is_tied_to_its_device_and_its_users() -> None:
    shared = pd.concat([TABLET.assign(session_id=["s1", "s1", "s2"])])
    assert explain_link(shared, "s1", "user_1").chain["kind"].tolist() == ["session"]
    assert explain_link(shared, "s1", "user_1").linked
    other = explain_link(shared, "s1", "user_2")
    assert steps(other) == [["s1", "session", "anon_tablet"], ["anon_tablet", "identify", "user_2"]]
    assert not other.linked
    assert other.missing[0].startswith("anon_tablet is on rows of several persons (user_1, user_2): under session")


def test_a_text_that_is_a_user_and_a_device_means_the_user_unless_it_says() -> None:
    both = events(seen(1, "42", "u"), seen(2, "anon_2", "42"))
    assert explain_link(both, "42", "anon_2").linked
    assert explain_link(both, "user:42", "anon_2").linked
    assert not explain_link(both, "device:42", "anon_2").linked
    assert explain_link(both, "device:42", "u").linked
    assert explain_link(both, 42, "anon_2").linked  # type: ignore[arg-type]


def test_an_id_and_itself_need_no_chain() -> None:
    explanation = explain_link(TABLET, "user_1", "user_1")
    assert explanation.linked
    assert not len(explanation.chain)


def test_an_id_nobody_has_names_the_nearest() -> None:
    with pytest.raises(UnknownPersonError) as caught:
        explain_link(PHONE_AND_DESKTOP, "anon_phon", "user_789")
    assert str(caught.value) == (
        "explain_link found no person, user_id or anonymous_id 'anon_phon'. Nearest: 'anon_phone'."
    )
    with pytest.raises(UnknownPersonError):
        explain_link(PHONE_AND_DESKTOP, None, "user_789")  # type: ignore[arg-type]
    with pytest.raises(OptionError, match="policy='magic'"):
        explain_link(PHONE_AND_DESKTOP, "anon_phone", "user_789", policy="magic")


def test_hostile_text_is_escaped() -> None:
    hostile = events(
        seen(1, HOSTILE, "u1", traits={"email": "a@b.org", HOSTILE: HOSTILE}),
        seen(2, "anon_2", "u2", traits={HOSTILE: HOSTILE}),
    )
    for explanation in (explain_link(hostile, HOSTILE, "u1"), explain_link(hostile, "u1", "u2")):
        shown = explanation._repr_html_()
        assert "<img" not in shown
        assert "\u202e" not in shown + repr(explanation)
        assert "&lt;img" in shown
    long = explain_link(events(seen(1, "a" * 100_000, "u1")), "a" * 100_000, "u1")
    assert len(repr(long)) < 1_000


def test_the_chain_has_the_columns_of_identity_links_also_when_it_is_empty() -> None:
    full = explain_link(PHONE_AND_DESKTOP, "anon_phone", "anon_desktop").chain
    empty = explain_link(TWIN, "anon_1", "anon_2").chain
    assert full.columns.tolist() == empty.columns.tolist() == schema.names(schema.IDENTITY_LINKS)
    wanted = {column.name: schema.TEXT if column.dtype == "str" else column.dtype for column in schema.IDENTITY_LINKS}
    for chain in (full, empty):
        assert {name: str(chain[name].dtype) for name in wanted} == wanted


@settings(max_examples=25)
@given(rows(), st.data())
def test_the_order_of_rows_does_not_matter_and_linked_is_one_person(
    found: list[dict[str, Any]], data: st.DataObject
) -> None:
    whole = table(found)
    shuffled = table(data.draw(st.permutations(found)))
    ids = sorted({*whole["user_id"].dropna(), *whole["anonymous_id"].dropna()})
    if not ids:
        return
    a, b = data.draw(st.sampled_from(ids)), data.draw(st.sampled_from(ids))
    one, other = explain_link(whole, a, b), explain_link(shuffled, a, b)
    pd.testing.assert_frame_equal(one.chain, other.chain)
    assert (one.linked, one.missing, one.weakest) == (other.linked, other.missing, other.weakest)
    if len(one.chain):
        assert one.chain["other_id"].tolist()[:-1] == one.chain["id"].tolist()[1:]
    assert one.linked or one.missing
    stitched = stitch(whole)
    of_user = stitched["user_id"] == a
    if of_user.any():
        assert one.persons[0] == tuple(sorted(stitched.loc[of_user, "person_id"].unique()))


@settings(max_examples=60)
@given(st.lists(st.tuples(st.integers(0, 7), st.integers(0, 7), st.integers(0, 3), st.integers(0, 4)), max_size=14))
def test_the_best_chain_is_the_best_of_all_shortest_paths(links: list[tuple[int, int, int, int]]) -> None:
    links = [link for link in links if link[0] != link[1]]
    one, other, weakness, known = (np.array([link[at] for link in links], dtype=np.int64) for at in range(4))
    chain = shortest_chain(
        build_graph(one, other, 8),
        0,
        1,
        weakness=weakness,
        known_from=known,
        words_of=str,
        words_of_link=str,
    )
    network = nx.MultiGraph()
    network.add_nodes_from(range(8))
    network.add_edges_from((link[0], link[1], place) for place, link in enumerate(links))
    if not nx.has_path(network, 0, 1):
        assert chain == []
        return
    length = nx.shortest_path_length(network, 0, 1)
    paths = [path for path in nx.all_simple_edge_paths(network, 0, 1, cutoff=length) if len(path) == length]
    costs = [
        (max(links[edge[2]][2] for edge in path), max(links[edge[2]][3] for edge in path), [edge[1] for edge in path])
        for path in paths
    ]
    taken = [links[link] for link, _ in chain]
    assert (max(link[2] for link in taken), max(link[3] for link in taken), [node for _, node in chain]) == min(costs)


def test_a_trusted_trait_that_merges_nobody_says_why() -> None:
    """A bot on three devices shares Kate's e-mail; with at most two devices a user it merges with nobody."""
    traits = {"email": "kate@shop.org"}
    table = pd.DataFrame(
        {
            "timestamp": [f"2026-01-0{day}T10:00Z" for day in (1, 2, 3, 4)],
            "event_name": "$identify",
            "anonymous_id": ["anon_1", "anon_2", "anon_3", "anon_4"],
            "user_id": ["bot", "bot", "bot", "kate"],
            "traits": [traits] * 4,
        }
    )
    answer = explain_link(table, "bot", "kate", merge_on=("email",), max_devices_per_user=2)
    assert not answer.linked
    assert answer.missing[-1] == (
        "bot and kate both have email=kate@shop.org, and merge_on trusts it, but bot was named on 3 devices, "
        "over max_devices_per_user=2: it merges with nobody."
    )
    blocked = explain_link(table, "bot", "kate", merge_on=("email",), block=("%@shop.org",))
    assert blocked.missing[-1].endswith("and merge_on trusts it, but the value is in block=.")
    assert explain_link(table, "bot", "kate", merge_on=("email",)).linked


def test_an_e_mail_of_two_persons_says_so() -> None:
    """Two user_ids with one e-mail are two persons until merge_on says otherwise."""
    table = pd.DataFrame(
        {
            "timestamp": ["2026-01-01T10:00Z", "2026-01-02T10:00Z"],
            "event_name": "$identify",
            "anonymous_id": ["anon_1", "anon_2"],
            "user_id": ["u_new", "u_old"],
            "traits": [{"email": "kate@shop.org"}] * 2,
        }
    )
    assert "kate@shop.org is on 2 persons: u_new, u_old." in repr(explain_link(table, "kate@shop.org", "anon_1"))
    assert "persons" not in repr(explain_link(table, "kate@shop.org", "anon_1", merge_on=("email",)))
