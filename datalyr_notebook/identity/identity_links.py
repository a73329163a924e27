"""identity_links: every piece of evidence of who is who, as a table for people to read."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any, NamedTuple

import numpy as np
import numpy.typing as npt
import pandas as pd

from datalyr_notebook import order, schema
from datalyr_notebook.identity.collecting import find_evidence, find_trusted
from datalyr_notebook.identity.links import DeviceAliases, Members, Merges, find_aliases, find_bridges, own_aliases
from datalyr_notebook.identity.rule import StitchRule, make_rule
from datalyr_notebook.loading.normalize import as_canonical
from datalyr_notebook.order import Flags, Ints, Texts


class Shown(NamedTuple):
    """Rows that show links of one kind. An id is a user's code, or the number of users + a device's code."""

    kind: str
    row: npt.NDArray[np.integer]
    one: npt.NDArray[np.integer]
    other: npt.NDArray[np.integer]


class LinkCodes(NamedTuple):
    """The evidence in codes, an entry a pair of ids and kind: what is searched without reading texts."""

    one: Ints
    other: Ints
    kind: Texts
    value: Texts
    """The shared value of a trait; None for other kinds."""
    row: Ints
    """The event that shows it first; -1 for a trait."""
    known_from: Ints
    """int64 microseconds, as last_seen."""
    last_seen: Ints
    events: Ints


def identity_links(events: pd.DataFrame, rule: StitchRule | None = None, **keywords: Any) -> pd.DataFrame:
    """The evidence of every link, one row a pair of ids and kind, in the columns of ``schema.IDENTITY_LINKS``.

    Kinds: ``identify`` and ``event`` (a device with a user), ``alias`` (the earlier id with the new
    user), ``bridge:email`` and ``bridge:ip`` (an app's device with a web device), ``trait:email``
    (two users, where ``merge_on`` trusts it; so for any trait). ``first_seen`` to ``last_seen`` spans the
    ``events`` that show the link; ``event_id`` is the first of them. A server's one-shot id makes no link.

    Sorted by first_seen, then id, other_id and kind. Raises what stitch raises.

    >>> import pandas as pd
    >>> events = pd.DataFrame({
    ...     "timestamp": ["2026-01-01T10:00Z"], "event_name": "$identify",
    ...     "anonymous_id": "anon_phone", "user_id": "user_789",
    ... })
    >>> identity_links(events)[["id", "other_id", "kind", "events"]]
               id  other_id      kind  events
    0  anon_phone  user_789  identify       1
    """
    rule = make_rule(rule, keywords)
    table = rule.known(as_canonical(events, "identity_links"))
    members = rule.members(table)
    return in_order(link_table(table, members, find_links(table, members, rule)))


def find_links(events: pd.DataFrame, members: Members, rule: StitchRule) -> LinkCodes:
    """The evidence in codes, in no order that means anything."""
    aliases, merges = find_aliases(events, members)
    own = count_links(events, _own(events, members, aliases, merges))
    return join_links(own, _uncertain(events, members, rule, aliases))


def find_uncertain_links(events: pd.DataFrame, members: Members, rule: StitchRule) -> LinkCodes:
    """Of the evidence what can be wrong: bridges and trusted traits."""
    return _uncertain(events, members, rule, find_aliases(events, members)[0])


def take_links(links: LinkCodes, at: npt.NDArray[np.integer]) -> LinkCodes:
    """These entries of the evidence."""
    return LinkCodes(*(column[at] for column in links))


def join_links(links: LinkCodes, more: LinkCodes) -> LinkCodes:
    """Both lists of evidence as one."""
    return LinkCodes(*(np.concatenate(pair) for pair in zip(links, more, strict=True)))


def count_links(events: pd.DataFrame, shown: Sequence[Shown]) -> LinkCodes:
    """One entry a distinct pair of ids and kind: the first row that shows it, the last, and how many do."""
    kinds = list(dict.fromkeys(part.kind for part in shown))
    code = np.repeat([kinds.index(part.kind) for part in shown], [len(part.row) for part in shown]).astype(np.int64)
    row, one, other = (
        np.concatenate([np.zeros(0, dtype=np.int64), *columns]).astype(np.int64)
        for columns in zip(*((part.row, part.one, part.other) for part in shown), strict=True)
    )
    span = int(other.max(initial=0)) + 1
    pair = pd.factorize((one * span + other) * len(kinds) + code)[0]
    inorder = order.event_order(events, within=pair, rows=row)
    heads: Flags = np.append([True], np.diff(pair[inorder]) != 0)[: len(row)]
    starts = np.flatnonzero(heads)
    ends = np.append(starts[1:], [len(row)])[: len(starts)]
    first, last = inorder[starts], inorder[ends - 1]
    time = order.microseconds(events)
    return LinkCodes(
        one[first],
        other[first],
        np.array(kinds, dtype=object)[code[first]],
        np.full(len(first), None, dtype=object),
        row[first],
        time[row[first]],
        time[row[last]],
        ends - starts,
    )


def link_table(
    events: pd.DataFrame, members: Members, links: LinkCodes, beside: Sequence[tuple[str, str]] = ()
) -> pd.DataFrame:
    """Evidence in the columns of ``schema.IDENTITY_LINKS``, row by row as the codes stand.

    ``beside``: text and kind of what is neither user nor device; their codes follow those of the devices.
    """
    texts = members.users.append(members.devices).append(pd.Index([text for text, _ in beside], dtype=schema.TEXT))
    kinds = np.array(["user", "device", *(kind for _, kind in beside)], dtype=object)
    kind_of = np.repeat(kinds, [len(members.users), len(members.devices), *(1 for _ in beside)])
    time = order.timestamps(links.known_from)
    columns: dict[str, Any] = {
        "id": texts.take(links.one),
        "id_kind": kind_of[links.one],
        "other_id": texts.take(links.other),
        "other_kind": kind_of[links.other],
        "kind": links.kind,
        "value": links.value,
        "sdk": _cells(events, "sdk", links.row),
        "known_from": time,
        "first_seen": time,
        "last_seen": order.timestamps(links.last_seen),
        "events": links.events,
        "event_id": _cells(events, "event_id", links.row),
    }
    dtypes: dict[Any, Any] = {name: schema.TEXT if kind == "str" else kind for name, kind, _ in schema.IDENTITY_LINKS}
    return pd.DataFrame(columns).astype(dtypes)


def in_order(links: pd.DataFrame) -> pd.DataFrame:
    """Links by first_seen, then id, other_id and kind; texts are compared only where links share an instant."""
    time = order.microseconds(links, "first_seen")
    inorder = np.argsort(time, kind="stable")
    tied = np.flatnonzero(np.diff(time[inorder]) == 0)
    if len(tied):
        at = np.union1d(tied, tied + 1)
        rows = links.iloc[inorder[at]].reset_index(drop=True)
        inorder[at] = inorder[at][rows.sort_values(["first_seen", "id", "other_id", "kind"]).index.to_numpy()]
    return links.iloc[inorder].reset_index(drop=True)


def _cells(events: pd.DataFrame, column: str, rows: Ints) -> Texts:
    """A column's cells on these rows, None for the row -1."""
    cells = np.full(len(rows), None, dtype=object)
    if column in events.columns:
        cells[rows >= 0] = events[column].iloc[rows[rows >= 0]].astype(object).to_numpy()
    return cells


def _own(events: pd.DataFrame, members: Members, aliases: DeviceAliases, merges: Merges) -> list[Shown]:
    """Rows that carry both ids (``$identify`` calls, and all other events), and what ``$alias`` rows say."""
    users = len(members.users)
    is_event = find_evidence(members)
    is_event[own_aliases(members, aliases)] = False
    is_identify = is_event & order.is_named(events, order.IDENTIFY)
    own = {"identify": np.flatnonzero(is_identify), "event": np.flatnonzero(is_event & ~is_identify)}
    return [
        *(Shown(kind, rows, users + members.device[rows], members.user[rows]) for kind, rows in own.items()),
        Shown("alias", aliases.row, users + aliases.device, aliases.user),
        Shown("alias", merges.row, merges.previous, merges.user),
    ]


def _uncertain(events: pd.DataFrame, members: Members, rule: StitchRule, aliases: DeviceAliases) -> LinkCodes:
    traits = _traits(events, members, rule, aliases)
    bridges = _bridges(events, members, rule.bridges)
    return join_links(count_links(events, bridges), traits) if bridges else traits


def _bridges(events: pd.DataFrame, members: Members, kinds: tuple[str, ...]) -> list[Shown]:
    bridges, users = find_bridges(events, members, kinds), len(members.users)
    of_kind = {kind: np.flatnonzero(bridges.kind == kind) for kind in kinds}
    return [
        Shown(f"bridge:{kind}", bridges.row[at], users + bridges.app[at], users + bridges.web[at])
        for kind, at in of_kind.items()
    ]


def _traits(events: pd.DataFrame, members: Members, rule: StitchRule, aliases: DeviceAliases) -> LinkCodes:
    merges = find_trusted(events, members, rule, aliases, find_evidence(members))[0].merges
    kind = np.array([f"trait:{trait}" for trait in merges.trait], dtype=object)
    known_from, once = merges.known_from, np.ones(len(merges.user), dtype=np.int64)
    return LinkCodes(merges.previous, merges.user, kind, merges.value, merges.row, known_from, known_from, once)
