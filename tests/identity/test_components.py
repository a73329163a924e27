"""Connected components, and since when two ids are connected, against networkx on random graphs."""

from __future__ import annotations

import networkx as nx
import numpy as np
import pandas as pd
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from datalyr_notebook.identity.components import EVER, Components, connect
from datalyr_notebook.identity.stitching import stitch

Link = tuple[int, int, int]
"""An id, another, and since when they are linked."""


@st.composite
def graphs(draw: st.DrawFn) -> tuple[int, list[Link]]:
    """Ids and links: few instants, so that times tie; loops, and several links of one pair."""
    ids = draw(st.integers(1, 12))
    places, times = st.integers(0, ids - 1), st.integers(-2, 4)
    return ids, draw(st.lists(st.tuples(places, places, times), max_size=24))


def connected(ids: int, links: list[Link]) -> Components:
    one, other, time = (np.array([link[part] for link in links], dtype=np.int64) for part in range(3))
    return connect(ids, one, other, time)


def as_networkx(ids: int, links: list[Link]) -> nx.Graph:
    """The same graph: of several links of one pair the earliest."""
    graph = nx.Graph()
    graph.add_nodes_from(range(ids))
    for one, other, time in sorted(links, key=lambda link: -link[2]):
        graph.add_edge(one, other, time=time)
    return graph


def groups(found: Components) -> set[frozenset[int]]:
    return {frozenset(np.flatnonzero(found.of == number).tolist()) for number in range(found.number)}


@settings(max_examples=150)
@given(drawn=graphs())
def test_components_are_those_of_networkx(drawn: tuple[int, list[Link]]) -> None:
    found = connected(*drawn)
    assert groups(found) == {frozenset(group) for group in nx.connected_components(as_networkx(*drawn))}
    assert sorted({*found.of.tolist()}) == list(range(found.number))


@settings(max_examples=150)
@given(drawn=graphs())
def test_two_ids_are_connected_since_the_latest_link_of_the_earliest_way(drawn: tuple[int, list[Link]]) -> None:
    """The latest link on the way through a minimum spanning tree: no other way is whole sooner."""
    found = connected(*drawn)
    tree = nx.minimum_spanning_tree(as_networkx(*drawn), weight="time")
    pairs, expected = [], []
    for one, ways in nx.all_pairs_shortest_path(tree):
        for other, way in ways.items():
            pairs.append((one, other))
            expected.append(max((tree.edges[link]["time"] for link in nx.utils.pairwise(way)), default=EVER))
    one, other = np.array(pairs).T
    assert found.connected_since(one, other).tolist() == expected


@settings(max_examples=60)
@given(drawn=graphs())
def test_links_known_by_an_instant_connect_what_is_connected_since_then(drawn: tuple[int, list[Link]]) -> None:
    ids, links = drawn
    found = connected(ids, links)
    one, other = np.array([(a, b) for a in range(ids) for b in range(ids) if found.of[a] == found.of[b]]).T
    since = found.connected_since(one, other)
    for instant in range(-2, 5):
        by_then = connected(ids, [link for link in links if link[2] <= instant])
        assert (by_then.of[one] == by_then.of[other]).tolist() == (since <= instant).tolist()


def test_the_order_of_links_is_no_matter() -> None:
    random = np.random.default_rng(0)
    one, other, time = random.integers(0, 400, 300), random.integers(0, 400, 300), random.integers(0, 20, 300)
    found = connect(400, one, other, time)
    at = random.permutation(300)
    again = connect(400, other[at], one[at], time[at])
    assert groups(found) == groups(again)
    alike = np.flatnonzero(found.of == found.of[0])
    pairs = np.zeros_like(alike), alike
    assert found.connected_since(*pairs).tolist() == again.connected_since(*pairs).tolist()


@pytest.mark.parametrize("seed", range(3))
def test_a_large_graph_has_networkx_components(seed: int) -> None:
    random = np.random.default_rng(seed)
    one, other = random.integers(0, 6_000, 4_000), random.integers(0, 6_000, 4_000)
    found = connect(6_000, one, other, random.integers(0, 50, 4_000))
    graph = nx.Graph()
    graph.add_nodes_from(range(6_000))
    graph.add_edges_from(zip(one.tolist(), other.tolist(), strict=True))
    assert groups(found) == {frozenset(group) for group in nx.connected_components(graph)}


def test_a_chain_a_star_and_a_circle() -> None:
    """A chain is whole with its latest link; each ray of a star alone; a circle needs only the earlier way round."""
    chain = [(0, 1, 5), (1, 2, 9), (2, 3, 7)]
    assert connected(4, chain).connected_since(np.array([0, 0, 0]), np.array([1, 2, 3])).tolist() == [5, 9, 9]
    star = [(0, 1, 5), (0, 2, 9), (0, 3, 7)]
    assert connected(4, star).connected_since(np.array([0, 1, 3]), np.array([2, 3, 2])).tolist() == [9, 7, 9]
    circle = [*chain, (3, 0, 6)]
    assert connected(4, circle).connected_since(np.array([0, 1, 2]), np.array([2, 2, 1])).tolist() == [7, 7, 7]


def test_no_ids_no_links_and_a_loop() -> None:
    assert connected(0, []).of.tolist() == []
    assert connected(3, []).of.tolist() == [0, 1, 2]
    alone = connected(2, [(1, 1, 4)])
    assert alone.of.tolist() == [0, 1]
    assert alone.connected_since(np.array([1]), np.array([1])).tolist() == [EVER]


@settings(max_examples=40)
@given(drawn=st.lists(st.tuples(st.sampled_from("abcdefgh"), st.sampled_from("stuvwxyz")), min_size=1, max_size=14))
def test_persons_of_the_policy_graph_are_networkx_components(drawn: list[tuple[str, str]]) -> None:
    """Devices a to h, users s to z: each row ties its two; below the limits nothing else matters."""
    start = pd.Timestamp("2026-01-01T00:00Z")
    events = pd.DataFrame(drawn, columns=["anonymous_id", "user_id"]).assign(event_name="pageview")
    events["timestamp"] = start + pd.to_timedelta(pd.Series(range(len(events))), unit="min")
    graph = nx.Graph([(("device", device), ("user", user)) for device, user in drawn])
    persons = stitch(events, policy="graph")["person_id"].tolist()
    for component in nx.connected_components(graph):
        rows = [place for place, (device, _) in enumerate(drawn) if ("device", device) in component]
        # The component's name is the user that was seen first in it.
        assert {persons[place] for place in rows} == {drawn[rows[0]][1]}
