"""links_at_risk: the uncertain links, ranked by the money that hangs on each.

A link matters only to the rows that any chain of evidence ties to it. So the links of different such
clusters are taken away at once: the first of every cluster, then the second of those that have two,
and so on. With one link a cluster that is one stitch more, however many links there are.
"""

from __future__ import annotations

from collections.abc import Iterable
from typing import Any, NamedTuple

import numpy as np
import numpy.typing as npt
import pandas as pd

from datalyr_notebook import options, schema
from datalyr_notebook.attribution.protocol import Model
from datalyr_notebook.identity.identity_links import find_uncertain_links, link_table, take_links
from datalyr_notebook.identity.links import Members
from datalyr_notebook.identity.rule import StitchRule
from datalyr_notebook.identity.stitching import stitch, stitch_without
from datalyr_notebook.journeys.conversions import Conversion
from datalyr_notebook.loading.encoding import part_of
from datalyr_notebook.loading.normalize import as_canonical
from datalyr_notebook.notices import repeated
from datalyr_notebook.order import Flags, Ints
from datalyr_notebook.progress import steps
from datalyr_notebook.studies.clusters import find_clusters
from datalyr_notebook.studies.difference import Crediting, split_options, study_rule
from datalyr_notebook.studies.moves import Shares, find_moves, find_owners, find_shares

_MEASURES = schema.names(schema.LINKS_AT_RISK)[-4:]


def links_at_risk(
    events: pd.DataFrame,
    *,
    rule: StitchRule | None = None,
    conversion: Conversion = "purchase",
    model: str | Model = "hybrid",
    by: str | Iterable[str] = "channel",
    kinds: Iterable[str] | None = None,
    **keywords: Any,
) -> pd.DataFrame:
    """The uncertain links, ranked by the value of the conversions whose credit would move without each.

    Uncertain are bridges between an app and a web device, and users tied by a trusted trait (with
    ``merge_on``); ``kinds`` narrows them (``("bridge:ip",)``). Each link is taken away alone, all
    others stay: a row says what ``what_if`` would say of that link. The columns are those of
    ``identity_links``, then people_moved, events_moved, value_moved and credit_moved
    (``schema.LINKS_AT_RISK``). A link that another one backs up moves nothing.

    Sorted by value_moved, credit_moved and events_moved, largest first, then id, other_id and kind.
    Raises OptionError, and what stitch and attribute raise.

    >>> from datalyr_notebook.loading.samples import load_sample
    >>> events = load_sample("web_to_app")  # a click on the web, then an install matched by IP
    >>> links_at_risk(events, conversion="subscribe")[["kind", "people_moved", "events_moved", "value_moved"]]
            kind  people_moved  events_moved  value_moved
    0  bridge:ip             2             2         9.99
    """
    of_rule, of_attribute = split_options("links_at_risk", keywords)
    rule = study_rule("links_at_risk", rule, of_rule)
    wanted = uncertain_kinds(rule) if kinds is None else _wanted(kinds, rule)
    crediting = Crediting(conversion=conversion, model=model, by=by, options=of_attribute)
    crediting.one_model("links_at_risk")
    whole = as_canonical(events, "links_at_risk")
    table = rule.known(whole)
    return find_links_at_risk(
        table, rule, crediting, kinds=wanted, kept=rule.happened(whole), members=rule.members(table), is_stitched=False
    )


def find_links_at_risk(
    events: pd.DataFrame,
    rule: StitchRule,
    crediting: Crediting,
    *,
    kinds: tuple[str, ...],
    kept: Flags,
    members: Members,
    is_stitched: bool,
) -> pd.DataFrame:
    """The same of known events and their members. ``kept``: which rows of the analyst's table they are.

    ``is_stitched``: whether they are stitched by this very rule.
    """
    found = find_uncertain_links(events, members, rule)
    found = take_links(found, np.flatnonzero(np.isin(found.kind.astype(str), kinds)))
    if not len(found.one):
        return schema.empty(schema.LINKS_AT_RISK)
    refund_events = crediting.options.get("refund_events", ("refund",))
    clusters = find_clusters(events, rule, refund_events, members=members)
    links = link_table(events, members, found)
    # An id is a user's code, or the number of users + a device's; the last cluster is nobody's.
    of_link = np.append(clusters.user[:-1], clusters.device[:-1])[found.one]
    rows = np.flatnonzero(np.isin(clusters.row, of_link))
    of_clusters = np.zeros(len(kept), dtype=bool)
    of_clusters[np.flatnonzero(kept)[rows]] = True
    part = part_of(events, rows)
    stitched = part if is_stitched else stitch(part, rule)
    measured = _measure(stitched, clusters.row[rows], links, of_link, rule, crediting, of_clusters)
    ranked = links.assign(**measured).sort_values(
        ["value_moved", "credit_moved", "events_moved", "id", "other_id", "kind"],
        ascending=[False] * 3 + [True] * 3,
        ignore_index=True,
    )
    return schema.typed(ranked, schema.LINKS_AT_RISK)


def uncertain_kinds(rule: StitchRule) -> tuple[str, ...]:
    """The kinds of links that the rule follows and that can be wrong."""
    return (*(f"bridge:{kind}" for kind in rule.bridges), *(f"trait:{trait}" for trait in rule.merge_on))


def _wanted(kinds: Iterable[str], rule: StitchRule) -> tuple[str, ...]:
    """The kinds of links to try."""
    given = (kinds,) if isinstance(kinds, str) else kinds
    return options.texts("links_at_risk", "kinds", given, uncertain_kinds(rule))


class _Given(NamedTuple):
    """The rows of the clusters with uncertain links, as they are with all links."""

    stitched: pd.DataFrame
    shares: Shares
    cluster: Ints
    """Per row, numbered from 0."""
    kept: Flags
    """Which rows of the analyst's table they are."""


def _measure(
    stitched: pd.DataFrame,
    cluster: Ints,
    links: pd.DataFrame,
    of_link: Ints,
    rule: StitchRule,
    crediting: Crediting,
    kept: Flags,
) -> dict[str, npt.NDArray[Any]]:
    """Per link what would move without it."""
    names, cluster = np.unique(cluster, return_inverse=True)
    own = np.searchsorted(names, of_link)
    turn = pd.Series(own).groupby(own).cumcount().to_numpy()
    turns = int(turn.max()) + 1
    measured = {name: np.zeros(len(links), dtype=kind) for name, kind, _ in schema.LINKS_AT_RISK if name in _MEASURES}
    rows = np.arange(len(stitched))
    with steps("links at risk", 1 + turns) as step:
        step("with every link")
        shares = find_shares(crediting.credit(stitched, kept))
        given = _Given(stitched, shares, cluster, kept)
        for number in range(turns):
            step("without one link of each cluster")
            now = np.flatnonzero(turn == number)
            has_turn = np.zeros(len(names), dtype=bool)
            has_turn[own[now]] = True
            rows = rows[has_turn[cluster[rows]]]
            with repeated():
                found = _without(given, rows, links.iloc[now], rule, crediting)
            for name, values in found.items():
                measured[name][now] = values[own[now]]
    return measured


def _without(
    given: _Given, rows: Ints, links: pd.DataFrame, rule: StitchRule, crediting: Crediting
) -> dict[str, npt.NDArray[Any]]:
    """Per cluster what moves without its one link among these. ``rows``: those of these clusters."""
    is_there = np.zeros(len(given.stitched), dtype=bool)
    is_there[rows] = True
    places = np.flatnonzero(given.kept)[rows]
    kept = np.zeros(len(given.kept), dtype=bool)
    kept[places] = True
    bare = stitch_without(part_of(given.stitched, rows), links, rule)
    owners = find_owners(given.stitched.iloc[rows], bare)
    moves = find_moves(given.shares.among(is_there), find_shares(crediting.credit(bare, kept), rows))
    clusters = int(given.cluster.max()) + 1
    differ = np.flatnonzero(owners.differ)
    in_cluster = np.tile(given.cluster[rows[differ]], 2)
    person = np.append(owners.before[differ], owners.after[differ])
    people = np.unique(in_cluster * (len(owners.persons) + 1) + person) // (len(owners.persons) + 1)
    of_conversion = given.cluster[moves.row]
    return {
        "people_moved": np.bincount(people, minlength=clusters),
        "events_moved": np.bincount(given.cluster[rows[differ]], minlength=clusters),
        "value_moved": np.bincount(of_conversion, np.where(moves.is_moved, moves.value, 0.0), minlength=clusters),
        "credit_moved": np.bincount(of_conversion, moves.moved, minlength=clusters),
    }
