"""identity_links: every piece of evidence of who is who, as a table for people to read."""

from __future__ import annotations

from typing import Any

import numpy as np
import numpy.typing as npt
import pandas as pd

from datalyr_notebook import order, schema
from datalyr_notebook.identity.links import Members, find_aliases, find_bridges
from datalyr_notebook.identity.rule import StitchRule, make_rule
from datalyr_notebook.identity.trusted_traits import find_trait_merges
from datalyr_notebook.loading.normalize import as_canonical
from datalyr_notebook.order import Flags, Ints


def identity_links(events: pd.DataFrame, rule: StitchRule | None = None, **keywords: Any) -> pd.DataFrame:
    """The evidence of every link, one row a pair of ids and kind, in the columns of ``schema.IDENTITY_LINKS``.

    Kinds: ``identify`` and ``event`` (a device with a user), ``alias`` (the earlier id with the new
    user), ``bridge:email`` and ``bridge:ip`` (an app's device with a web device), ``trait:email``
    (two users, where ``merge_on`` trusts it). ``first_seen`` to ``last_seen`` spans the ``events`` that
    show the link; ``event_id`` is the first of them. A server's one-shot id makes no link.

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
    parts = [*_own(table, members), *_aliases(table, members), _bridges(table, members, rule.bridges)]
    parts += _traits(table, members, rule)
    links = pd.concat([part for part in parts if len(part)] or [schema.empty(schema.IDENTITY_LINKS)], ignore_index=True)
    links = links.sort_values(["first_seen", "id", "other_id", "kind"], ignore_index=True)
    for name, kind, _ in schema.IDENTITY_LINKS:
        if kind in ("category", "str"):
            links[name] = links[name].astype("category" if kind == "category" else schema.TEXT)
    return links[schema.names(schema.IDENTITY_LINKS)]


def _own(events: pd.DataFrame, members: Members) -> list[pd.DataFrame]:
    """Rows that carry both ids: ``$identify`` calls, and all other events."""
    both = (members.user >= 0) & members.is_device[members.device]
    identify = order.is_named(events, ("$identify",))
    return [
        _device_links(events, members, np.flatnonzero(both & identify), "identify"),
        _device_links(
            events, members, np.flatnonzero(both & ~identify & ~order.is_named(events, ("$alias",))), "event"
        ),
    ]


def _device_links(events: pd.DataFrame, members: Members, rows: Ints, kind: str) -> pd.DataFrame:
    return _table(
        events, rows, members.devices, members.device[rows], "device", members.users, members.user[rows], "user", kind
    )


def _aliases(events: pd.DataFrame, members: Members) -> list[pd.DataFrame]:
    of_devices, of_users = find_aliases(events, members)
    own = np.flatnonzero((members.user >= 0) & members.is_device[members.device] & order.is_named(events, ("$alias",)))
    said = set(zip(of_devices.row.tolist(), of_devices.device.tolist(), of_devices.user.tolist(), strict=True))
    also = np.array([row for row in own if (row, members.device[row], members.user[row]) not in said], dtype=np.int64)
    return [
        _table(
            events,
            of_devices.row,
            members.devices,
            of_devices.device,
            "device",
            members.users,
            of_devices.user,
            "user",
            "alias",
        ),
        _table(
            events,
            of_users.row,
            members.users,
            of_users.previous,
            "user",
            members.users,
            of_users.user,
            "user",
            "alias",
        ),
        _device_links(events, members, also, "event"),
    ]


def _bridges(events: pd.DataFrame, members: Members, kinds: tuple[str, ...]) -> pd.DataFrame:
    bridges = find_bridges(events, members, kinds)
    kind = np.array([f"bridge:{one}" for one in bridges.kind], dtype=object)
    return _table(
        events, bridges.row, members.devices, bridges.app, "device", members.devices, bridges.web, "device", kind
    )


def _traits(events: pd.DataFrame, members: Members, rule: StitchRule) -> list[pd.DataFrame]:
    merges = find_trait_merges(
        events, members, rule.merge_on, rule.max_ids_per_trait_value, blocked=rule.blocked
    ).merges
    if not len(merges.user):
        return []
    known_from = order.timestamps(merges.known_from)
    return [
        pd.DataFrame(
            {
                "id": members.users.astype(object)[merges.previous],
                "id_kind": "user",
                "other_id": members.users.astype(object)[merges.user],
                "other_kind": "user",
                "kind": [f"trait:{trait}" for trait in merges.trait],
                "value": merges.value,
                "sdk": None,
                "known_from": known_from,
                "first_seen": known_from,
                "last_seen": known_from,
                "events": 1,
                "event_id": None,
            }
        )
    ]


def _table(
    events: pd.DataFrame,
    rows: Ints,
    ids: pd.Index,
    code: npt.NDArray[np.integer],
    id_kind: str,
    others: pd.Index,
    other: npt.NDArray[np.integer],
    other_kind: str,
    kind: str | npt.NDArray[np.object_],
) -> pd.DataFrame:
    """One row a distinct (id, other id, kind), from the rows that show it."""
    kinds = pd.factorize(np.broadcast_to(np.asarray(kind, dtype=object), len(rows)))
    pair = pd.factorize((code.astype(np.int64) * (len(others) + 1) + other) * (len(kinds[1]) + 1) + kinds[0])[0]
    inorder = order.event_order(events, within=pair, rows=rows)
    heads: Flags = np.append([True], np.diff(pair[inorder]) != 0)[: len(rows)]
    starts = np.flatnonzero(heads)
    first = inorder[starts]
    last = inorder[np.append(starts[1:], [len(rows)]) - 1] if len(rows) else first
    seen = events.iloc[rows[first]]
    time = events["timestamp"]
    return pd.DataFrame(
        {
            "id": ids.astype(object)[code[first]] if len(first) else [],
            "id_kind": id_kind,
            "other_id": others.astype(object)[other[first]] if len(first) else [],
            "other_kind": other_kind,
            "kind": kinds[1][kinds[0][first]] if len(first) else [],
            "value": None,
            "sdk": seen["sdk"].astype(object).to_numpy(),
            "known_from": time.iloc[rows[first]].array,
            "first_seen": time.iloc[rows[first]].array,
            "last_seen": time.iloc[rows[last]].array,
            "events": np.diff(np.append(starts, [len(rows)])),
            "event_id": seen["event_id"].astype(object).to_numpy() if "event_id" in events.columns else None,
        }
    )
