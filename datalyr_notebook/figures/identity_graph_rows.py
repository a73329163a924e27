"""What an identity graph draws: a person's ids, who else has them, and the links between them."""

from __future__ import annotations

from typing import Any, Final, NamedTuple

import numpy as np
import pandas as pd

from datalyr_notebook import order, schema
from datalyr_notebook.figures.identity_graph_layout import place_nodes
from datalyr_notebook.figures.theme import shortened
from datalyr_notebook.identity.identity_links import LinkCodes, find_links, in_order, link_table, take_links
from datalyr_notebook.identity.links import Members
from datalyr_notebook.identity.rule import StitchRule
from datalyr_notebook.loading.encoding import part_of
from datalyr_notebook.order import Flags, Floats, Texts
from datalyr_notebook.redaction import Redaction
from datalyr_notebook.studies.clusters import Clusters, find_clusters
from datalyr_notebook.studies.what_if import LINK_KEY

IDENTITY_GRAPH: Final = (
    schema.Column("part", "category", "node or link"),
    schema.Column("kind", "category", "node: user, device, trait; link: the kinds of identity_links"),
    schema.Column("role", "category", "node: own, shared (other persons have it too), other; link: taken, or missing"),
    schema.Column("id", "str", "the id; of a link: where it starts"),
    schema.Column("id_kind", "category", "user, device, trait"),
    schema.Column("other_id", "str", "link: where it leads"),
    schema.Column("other_kind", "category", "link: user, device, trait"),
    schema.Column("label", "str", "what the node says, as plain text"),
    schema.Column("persons", "int64", "node: how many persons have this id; 0 for a link"),
    schema.Column("x", "float64", "node: its column from the left"),
    schema.Column("y", "float64", "node: its row, 0 = the middle"),
    schema.Column("events", "int64", "this person's events with this id; what shows the link or another person's id"),
    schema.Column("sdk", "str", "node: the SDKs seen on it; link: the SDK that showed it first"),
    schema.Column("device_type", "str", "node: the device types seen on it"),
    schema.Column("known_from", schema.TIME, "link: when it first counts"),
    schema.Column("first_seen", schema.TIME, "first of these events"),
    schema.Column("last_seen", schema.TIME, "last of these events"),
)
"""The rows of an identity graph: nodes by column from the left and from the top, then links by first_seen."""

MOST_NODES: Final = 50
"""Ids that stay readable; the person's users first, then shared devices, then the ids with most events."""

_LABEL: Final = 18
_TIMES: Final = ("first_seen", "last_seen")


class PersonGraph(NamedTuple):
    """One person's ids and links, as drawn."""

    person: str
    nodes: pd.DataFrame
    """The node rows, by key (kind and id)."""
    links: pd.DataFrame
    """The link rows, with the keys of their ends in ``start`` and ``end``."""
    total: int
    """How many ids there are in all."""
    evidence: pd.DataFrame
    """The rows of identity_links that end at an id of the person, and ``is_taken``: whether it was taken away."""


def person_part(
    stitched: pd.DataFrame, person: str, rule: StitchRule, clusters: Clusters | None = None
) -> pd.DataFrame:
    """The rows that any evidence ties to a person's, as a small table: what their graph and their links read.

    ``clusters``: those of the whole table, where they are known.
    """
    mine = np.flatnonzero((stitched["person_id"] == person).to_numpy(dtype=bool))
    row = (find_clusters(stitched, rule) if clusters is None else clusters).row
    concerned = np.zeros(int(row.max(initial=0)) + 1, dtype=bool)
    concerned[row[mine]] = True
    return part_of(stitched, np.flatnonzero(concerned[row]))


def find_person_graph(
    part: pd.DataFrame, person: str, rule: StitchRule, *, without: pd.DataFrame | None = None
) -> PersonGraph:
    """The ids of one person and of whom they share a device with, placed in columns.

    ``part``: the stitched rows that are tied to the person's (``person_part``), or more. ``without``: the links
    that they were stitched without.
    """
    members = rule.members(part)
    links = find_links(part, members, rule)
    is_taken = _are_taken(part, members, links, without)
    mine = np.flatnonzero((part["person_id"] == person).to_numpy(dtype=bool))
    own = _own_ids(members, take_links(links, np.flatnonzero(~is_taken)), mine)
    ending = np.flatnonzero(own[links.one] | own[links.other])
    links = take_links(links, ending)
    nodes = _nodes(part, members, links, own, mine)
    evidence = in_order(link_table(part, members, links).assign(is_taken=is_taken[ending]))
    rows = _with_traits(evidence)
    if (rows["other_kind"] == "trait").any():
        nodes = pd.concat([nodes, _trait_nodes(rows)])
    kept = nodes.sort_values(["rank", "events", "key"], ascending=[True, False, True]).head(MOST_NODES)
    drawn = rows[rows["start"].isin(kept["key"]) & rows["end"].isin(kept["key"])]
    column = _columns(kept, drawn)
    inorder = kept.assign(column=column).sort_values(["first_seen", "key"]).set_index("key", drop=False)
    places = place_nodes(
        dict(zip(inorder["key"], inorder["column"], strict=True)), list(zip(drawn["start"], drawn["end"], strict=True))
    )
    placed = inorder.assign(x=[places[key].x for key in inorder["key"]], y=[places[key].y for key in inorder["key"]])
    return PersonGraph(person, placed.sort_values(["x", "y"], ascending=[True, False]), drawn, len(nodes), evidence)


def masked(graph: PersonGraph, redaction: Redaction) -> PersonGraph:
    """A graph whose texts may be shown."""
    if not redaction.masks:
        return graph
    nodes, links, evidence = graph.nodes, graph.links, graph.evidence
    ids = _masked_ids(redaction, nodes["id"], nodes["kind"], nodes["trait"])
    trait = _trait_names(links["kind"])
    sides = {
        name: _masked_ids(redaction, links[name], links[kind], trait)
        for name, kind in (("id", "id_kind"), ("other_id", "other_kind"))
    }
    more = {name: redaction.texts(name, nodes[name].to_numpy(dtype=object)) for name in ("sdk", "device_type")}
    return graph._replace(
        person=redaction.name(graph.person),
        nodes=nodes.assign(id=ids, label=[shortened(text, _LABEL) for text in ids], **more),
        links=links.assign(**sides),
        evidence=masked_links(evidence, redaction),
    )


def masked_links(links: pd.DataFrame, redaction: Redaction) -> pd.DataFrame:
    """Rows of identity_links as they may be shown."""
    if not redaction.masks:
        return links
    trait = _trait_names(links["kind"])
    ends = {
        name: pd.Series(_masked_ids(redaction, links[name], links[kind], trait), index=links.index)
        for name, kind in (("id", "id_kind"), ("other_id", "other_kind"))
    }
    value = [
        redaction.trait(*one) if isinstance(one[1], str) else None for one in zip(trait, links["value"], strict=True)
    ]
    event = redaction.texts("event_id", links["event_id"].astype(object).to_numpy())
    cells = {**ends, "value": pd.Series(value, index=links.index), "event_id": pd.Series(event, index=links.index)}
    return links.assign(**{name: column.astype(schema.TEXT) for name, column in cells.items()})


def _masked_ids(redaction: Redaction, ids: pd.Series, kinds: pd.Series, traits: pd.Series) -> list[Any]:
    """Ids as they may be shown: a device as a device where a user has the same text, a trait's value as a value."""
    both = ids.isin(redaction.users) & (kinds == "device").to_numpy(dtype=bool)
    texts = redaction.texts("id", np.where(both, "device:" + ids.astype(object), ids.astype(object)))
    bare = [text.removeprefix("device:") if is_both else text for text, is_both in zip(texts, both, strict=True)]
    return [
        redaction.trait(trait, one) if kind == "trait" else text
        for text, one, kind, trait in zip(bare, ids, kinds, traits, strict=True)
    ]


def _trait_names(kinds: pd.Series) -> pd.Series:
    return kinds.astype(object).astype(schema.TEXT).str.removeprefix("trait:")


def graph_table(graph: PersonGraph) -> pd.DataFrame:
    """Nodes, then links, in the columns of ``IDENTITY_GRAPH``."""
    parts = [graph.nodes.assign(part="node", id_kind=graph.nodes["kind"]), graph.links.assign(part="link", persons=0)]
    columns = {
        name: [cell for part in parts for cell in (part[name] if name in part else [None] * len(part))]
        for name in schema.names(IDENTITY_GRAPH)
    }
    dtypes: dict[Any, Any] = {name: schema.TEXT if kind == "str" else kind for name, kind, _ in IDENTITY_GRAPH}
    return pd.DataFrame(columns, dtype=object).astype(dtypes)


def _own_ids(members: Members, links: LinkCodes, mine: order.Ints) -> Flags:
    """Per id whether it is this person's: on their rows, or without rows and tied to what is."""
    users, has_rows = len(members.users), np.zeros(len(members.users) + len(members.devices) + 1, dtype=bool)
    has_rows[members.user] = True
    has_rows[np.where(members.device >= 0, members.device + users, -1)] = True
    own = np.zeros(len(has_rows) - 1, dtype=bool)
    named, seen = members.user[mine], members.device[mine]
    own[named[named >= 0]] = True
    own[users + seen[members.is_device[seen]]] = True
    count = -1
    while count < (count := int(own.sum())):
        for one, other in ((links.one, links.other), (links.other, links.one)):
            own[other[own[one] & ~has_rows[other]]] = True
    return own


def _are_taken(part: pd.DataFrame, members: Members, links: LinkCodes, without: pd.DataFrame | None) -> Flags:
    """Which of the links are among those taken away."""
    if without is None or not len(without):
        return np.zeros(len(links.one), dtype=bool)
    shown, asked = (
        pd.MultiIndex.from_frame(table[LINK_KEY].astype(object))
        for table in (link_table(part, members, links), without)
    )
    return np.asarray(shown.isin(asked), dtype=bool)


def _nodes(stitched: pd.DataFrame, members: Members, links: LinkCodes, own: Flags, mine: order.Ints) -> pd.DataFrame:
    """One row an id: the person's own, and the ends of their links."""
    users = len(members.users)
    codes = np.union1d(np.flatnonzero(own), np.concatenate([links.one, links.other]))
    shown = pd.DataFrame(
        {
            "code": np.concatenate([links.one, links.other]),
            "events": np.tile(links.events, 2),
            "first": np.tile(links.known_from, 2),
            "last": np.tile(links.last_seen, 2),
        }
    )
    shown = shown.groupby("code").agg({"events": "sum", "first": "min", "last": "max"}).reindex(codes)
    time = order.microseconds(stitched)[mine]
    device = np.where(members.device[mine] >= 0, members.device[mine] + users, -1)
    seen = pd.DataFrame(
        {
            "code": np.concatenate([members.user[mine], device]),
            "time": np.tile(time, 2),
            **{name: np.tile(_cells(stitched, name, mine), 2) for name in ("sdk", "device_type")},
        }
    )
    told = (
        seen.groupby("code")
        .agg(
            events=("time", "size"),
            first=("time", "min"),
            last=("time", "max"),
            sdk=("sdk", _distinct),
            device_type=("device_type", _distinct),
        )
        .reindex(codes)
    )
    is_user = codes < users
    texts = members.users.append(members.devices).take(codes).astype(object)
    persons = _persons(stitched, members, codes)
    role = np.where(~own[codes], "other", np.where((persons > 1) & ~is_user, "shared", "own"))
    times = {name: told[at].fillna(shown[at]).to_numpy() for name, at in zip(_TIMES, ("first", "last"), strict=True)}
    nodes = pd.DataFrame(
        {
            "kind": np.where(is_user, "user", "device"),
            "id": texts,
            "role": role,
            "persons": np.maximum(persons, 1),
            "events": told["events"].fillna(shown["events"]).fillna(0).astype("int64").to_numpy(),
            "sdk": told["sdk"].to_numpy(),
            "device_type": told["device_type"].to_numpy(),
            **{name: order.timestamps(_whole(values)).array for name, values in times.items()},
        }
    )
    rank = np.select([(role == "own") & is_user, role == "shared", role == "own"], [0, 1, 2], 3)
    label = [shortened(text, _LABEL) for text in texts]
    return nodes.assign(trait="", rank=rank, label=label, key=_keys(nodes["kind"], nodes["id"]))


def _whole(values: Floats) -> order.Ints:
    """Microseconds of a reindexed column; missing = the smallest int64."""
    missing = np.isnan(values)
    whole: order.Ints = np.where(missing, 0, values).astype(np.int64)
    return np.where(missing, np.iinfo(np.int64).min, whole)


def _persons(stitched: pd.DataFrame, members: Members, codes: order.Ints) -> order.Ints:
    """How many persons have each id."""
    person, users = order.codes(stitched, "person_id"), len(members.users)
    counts = np.zeros(users + len(members.devices), dtype=np.int64)
    for first, column in ((0, members.user), (users, members.device)):
        rows = np.flatnonzero((column >= 0) & (person >= 0))
        rows = rows[np.isin(column[rows] + first, codes)]
        pairs = np.unique(np.column_stack([column[rows], person[rows]]), axis=0)
        np.add.at(counts, pairs[:, 0] + first, 1)
    return counts[codes]


def _cells(events: pd.DataFrame, name: str, rows: order.Ints) -> Texts:
    cells: Texts = np.full(len(rows), None, dtype=object)
    return events[name].iloc[rows].astype(object).to_numpy() if name in events.columns else cells


def _distinct(texts: pd.Series) -> str:
    return ", ".join(sorted({str(text) for text in texts.dropna()} - {"unknown"}))


def _with_traits(links: pd.DataFrame) -> pd.DataFrame:
    """Links with the keys of their ends; a trait that two users share becomes a node of its own between them."""
    is_trait = links["value"].notna()
    traits = links[is_trait]
    shares = pd.concat([traits, traits.assign(id=traits["other_id"])]).sort_values("is_taken", kind="stable")
    shares = shares.assign(other_id=shares["value"], other_kind="trait").drop_duplicates(["id", "other_id", "kind"])
    whole = pd.concat([links[~is_trait], shares], ignore_index=True) if len(shares) else links
    whole = whole.assign(role=whole["is_taken"].map({True: "taken", False: None}))
    return whole.assign(start=_keys(whole["id_kind"], whole["id"]), end=_keys(whole["other_kind"], whole["other_id"]))


def _keys(kind: pd.Series, text: pd.Series) -> pd.Series:
    """A name for each id that no other id has: a device and a user may have the same text."""
    return kind.astype(object) + ":" + text.astype(object)


def _trait_nodes(links: pd.DataFrame) -> pd.DataFrame:
    """A node for each trusted value."""
    tied = links[links["other_kind"] == "trait"]
    found = tied.groupby("end", as_index=False, sort=False).agg(
        {"other_id": "first", "kind": "first", "events": "sum", "first_seen": "min", "last_seen": "max"}
    )
    return found.rename(columns={"end": "key", "other_id": "id"}).assign(
        trait=_trait_names(found["kind"]),
        kind="trait",
        role="own",
        persons=1,
        sdk=None,
        device_type=None,
        rank=0,
        label=[shortened(text, _LABEL) for text in found["other_id"]],
    )


def _columns(nodes: pd.DataFrame, links: pd.DataFrame) -> list[str]:
    """The column of each node."""
    has_user = {*links.loc[links["other_kind"] == "user", "start"]}
    columns = []
    for kind, role, key in zip(nodes["kind"], nodes["role"], nodes["key"], strict=True):
        if role == "other":
            columns.append("other")
        elif kind == "device":
            columns.append("shared" if role == "shared" else "device" if key in has_user else "bridged")
        else:
            columns.append(kind)
    return columns
