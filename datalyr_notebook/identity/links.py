"""The evidence of who is who, collected once from the events: which devices, users and persons each row ties.

What is not local to one device is collected first, as small tables: ``$alias`` in every direction,
bridges between an app and a web browser, trusted-trait values. The stitch kernel receives them as
arguments.
"""

from __future__ import annotations

from typing import Final, NamedTuple

import numpy as np
import numpy.typing as npt
import pandas as pd

from datalyr_notebook import order, schema
from datalyr_notebook.identity.blocking import BlockList
from datalyr_notebook.loading.encoding import matches
from datalyr_notebook.order import Flags, Ints, Texts

BRIDGE_KINDS: Final = ("email", "ip")


class Members(NamedTuple):
    """Devices and users as integer codes, for every row and for every id that only links name."""

    devices: pd.Index
    users: pd.Index
    device: order.Codes
    """Each row's device, -1 for none."""
    user: order.Codes
    """Each row's own user, -1 for none."""
    is_device: Flags
    """Per device: a server's one-shot id that no browser or app has is no device. One more, false, for -1."""
    lost: int
    """How many rows lost an id to the null-like list or ``block=``."""
    blocked: BlockList
    """The ids that are nobody's, whoever names them."""


class DeviceAliases(NamedTuple):
    """``$alias`` rows that name a device as the earlier id: evidence on that device."""

    row: Ints
    device: Ints
    user: Ints


class Mentions(NamedTuple):
    """Rows that name several ids, a pair an entry: the first id of the row, and each of its ids.

    A device's node is its code, a user's the number of devices plus its code.
    """

    row: Ints
    one: Ints
    other: Ints


class Merges(NamedTuple):
    """Pairs of users that are one person, each with the time it became known, sorted by it."""

    previous: Ints
    user: Ints
    known_from: Ints
    row: Ints
    """The ``$alias`` row; -1 for a trusted trait."""
    value: Texts
    """The shared trait value; None for an alias."""
    trait: Texts


class DeviceLinks(NamedTuple):
    """The distinct pairs of a device and a user that was named on it, each with the first time it was."""

    device: Ints
    user: Ints
    known_from: Ints


class Bridges(NamedTuple):
    """Ties between an app's device and a web device."""

    row: Ints
    app: Ints
    web: Ints
    kind: Texts
    known_from: Ints


def find_members(events: pd.DataFrame, blocked: BlockList) -> Members:
    """Devices and users of the table; a null-like or blocked id is neither."""
    device, devices, lost_devices = _known(events, "anonymous_id", blocked)
    user, users, lost_users = _known(events, "user_id", blocked)
    extra_users, extra_devices = _named_elsewhere(events, users, devices, blocked)
    is_device = np.zeros(len(devices) + len(extra_devices) + 1, dtype=bool)
    is_server = order.is_among(events, "sdk", schema.SERVER_SDKS)
    from_client = device[~is_server] if is_server.any() else device
    is_device[from_client] = True
    is_device[-1] = False
    return Members(
        devices.append(extra_devices),
        users.append(extra_users),
        device,
        user,
        is_device,
        lost_devices + lost_users,
        blocked,
    )


def _known(events: pd.DataFrame, column: str, blocked: BlockList) -> tuple[order.Codes, pd.Index, int]:
    codes = order.codes(events, column)
    if column not in events.columns:
        return codes, pd.Index([], dtype=schema.TEXT), 0
    categories = events[column].cat.categories
    unwanted = blocked.nobody(categories)
    if not unwanted.any():
        return codes, categories, 0
    lost = np.append(unwanted, [False])[codes]
    return np.where(lost, np.int32(-1), codes), categories, int(lost.sum())


def _named_elsewhere(
    events: pd.DataFrame, users: pd.Index, devices: pd.Index, blocked: BlockList
) -> tuple[pd.Index, pd.Index]:
    """Ids that only ``$alias`` rows or bridges name: new users, and devices without a row."""
    rows = events.iloc[_alias_rows(events)]
    new_users, new_devices = _texts_of(rows, "new_user_id"), _texts_of(rows, "previous_id")
    new_users = new_users[~_anonymous(new_users)]
    new_devices = new_devices[_anonymous(new_devices)]
    if "web_visitor_id" in events.columns:
        new_devices = new_devices.append(_texts_of(events, "web_visitor_id")).unique()
    return _absent(new_users, users, blocked), _absent(new_devices, devices, blocked)


def _texts_of(rows: pd.DataFrame, column: str) -> pd.Index:
    """The distinct texts of a column."""
    return pd.Index(rows[column].dropna().astype(object).unique() if column in rows.columns else [], dtype=object)


def _anonymous(texts: pd.Index) -> Flags:
    return np.array([isinstance(text, str) and text.startswith("anon_") for text in texts], dtype=bool)


def _absent(texts: pd.Index, known: pd.Index, blocked: BlockList) -> pd.Index:
    """The texts that are somebody's, and not known yet."""
    if not len(texts):
        return texts.astype(schema.TEXT)
    return texts[~blocked.nobody(texts) & (matches(texts, known) < 0)].astype(schema.TEXT)


def _alias_rows(events: pd.DataFrame) -> Ints:
    if "$alias" not in events["event_name"].cat.categories:
        return np.zeros(0, dtype=np.int64)
    return np.flatnonzero(order.is_named(events, order.ALIAS))


def find_aliases(events: pd.DataFrame, members: Members) -> tuple[DeviceAliases, Merges]:
    """What each ``$alias`` row says: a device becomes a user's, or two users are one person.

    A previous_id is a device if it starts with ``anon_`` or occurs as an anonymous_id and never as a
    user_id; otherwise a user. One that nobody carries is the SDK's internal visitor id: the earlier
    id is then the row's own user_id if that is another user, else its anonymous_id.
    """
    rows = _alias_rows(events)
    aliases = events.iloc[rows]
    if not len(rows):
        return _no_aliases()
    own_user, own_device = members.user[rows].astype(np.int64), members.device[rows].astype(np.int64)
    named = _codes_of(aliases, "new_user_id", members.users, members.blocked)
    new = np.where(named >= 0, named, own_user)
    as_user = _codes_of(aliases, "previous_id", members.users, members.blocked)
    as_device = _codes_of(aliases, "previous_id", members.devices, members.blocked)
    carried_users, carried_devices = _carried(members, own_user, named)
    is_anonymous = np.zeros(len(rows), dtype=bool)
    if "previous_id" in aliases.columns:
        is_anonymous = _anonymous(_texts(aliases, "previous_id", members.blocked))
    says_device = is_anonymous | ((as_device >= 0) & carried_devices[as_device] & ~carried_users[as_user])
    is_carried = is_anonymous | carried_users[as_user] | carried_devices[as_device]
    old_user = np.where(is_carried & ~says_device, as_user, -1)
    old_device = np.where(is_carried & says_device, as_device, -1)
    fallback = ~is_carried
    old_user = np.where(fallback & (own_user >= 0) & (own_user != new), own_user, old_user)
    old_device = np.where(fallback & (old_user < 0), own_device, old_device)
    ties_device = (new >= 0) & (old_device >= 0)
    ties_device &= ~_is_one_shot(members)[old_device]
    merges = (new >= 0) & (old_user >= 0) & (old_user != new)
    at = rows[merges]
    blank = np.full(len(at), None, dtype=object)
    return (
        DeviceAliases(rows[ties_device], old_device[ties_device], new[ties_device]),
        Merges(old_user[merges], new[merges], order.microseconds(events)[at], at, blank, blank),
    )


def find_mentions(events: pd.DataFrame, members: Members) -> Mentions:
    """What ``$alias`` rows and bridges name, whatever they are taken to mean by it."""
    rows, devices = _alias_rows(events), len(members.devices)
    aliases = events.iloc[rows]
    own: list[npt.NDArray[np.integer]] = [members.device[rows], _shifted(members.user[rows], devices)]
    named = [
        _shifted(_codes_of(aliases, column, members.users, members.blocked), devices)
        for column in ("new_user_id", "previous_id")
    ]
    of_aliases = _paired(rows, [*own, *named, _codes_of(aliases, "previous_id", members.devices, members.blocked)])
    if "web_visitor_id" not in events.columns:
        return of_aliases
    told = np.flatnonzero(events["web_visitor_id"].notna().to_numpy())
    web = _codes_of(events.iloc[told], "web_visitor_id", members.devices, members.blocked)
    of_bridges = _paired(told, [members.device[told], web])
    return Mentions(*(np.concatenate(pair) for pair in zip(of_aliases, of_bridges, strict=True)))


def _shifted(codes: npt.NDArray[np.integer], by: int) -> Ints:
    return np.where(codes >= 0, codes.astype(np.int64) + by, -1)


def _paired(rows: Ints, columns: list[npt.NDArray[np.integer]]) -> Mentions:
    """Each node that a row names with the first that it names; -1 is none."""
    nodes = np.column_stack(columns).astype(np.int64)
    first = np.repeat(np.take_along_axis(nodes, (nodes >= 0).argmax(axis=1)[:, None], axis=1), nodes.shape[1])
    named = np.flatnonzero(nodes.ravel() >= 0)
    return Mentions(np.repeat(rows, nodes.shape[1])[named], first[named], nodes.ravel()[named])


def _no_aliases() -> tuple[DeviceAliases, Merges]:
    none, blank = np.zeros(0, dtype=np.int64), np.zeros(0, dtype=object)
    return DeviceAliases(none, none, none), Merges(none, none, none, none, blank, blank)


def _is_one_shot(members: Members) -> Flags:
    """Devices that only a server names (one flag more, false, for -1)."""
    has_rows = np.zeros(len(members.devices) + 1, dtype=bool)
    has_rows[members.device[members.device >= 0]] = True
    return has_rows & ~members.is_device


def _codes_of(rows: pd.DataFrame, column: str, among: pd.Index, blocked: BlockList) -> Ints:
    """The codes of a column's ids; -1 for none, and for one that is nobody's."""
    if column not in rows.columns:
        return np.full(len(rows), -1, dtype=np.int64)
    texts = _texts(rows, column, blocked)
    return np.where(texts == "", -1, matches(texts, among))


def _texts(rows: pd.DataFrame, column: str, blocked: BlockList) -> pd.Index:
    """A column's ids as texts, empty for none and for one that is nobody's."""
    texts = rows[column].astype(object).where(rows[column].notna(), "").to_numpy(dtype=object, copy=True)
    texts[blocked.nobody(pd.Index(texts, dtype=schema.TEXT))] = ""
    told: pd.Index = pd.Index(texts, dtype=schema.TEXT)
    return told


def _carried(members: Members, own_user: Ints, named: Ints) -> tuple[Flags, Flags]:
    """Per user and device whether anybody carries it; one more, false, for the code -1."""
    users = np.zeros(len(members.users) + 1, dtype=bool)
    users[members.user[members.user >= 0]] = True
    users[named[named >= 0]] = True
    users[own_user[own_user >= 0]] = True
    devices = np.zeros(len(members.devices) + 1, dtype=bool)
    devices[members.device[members.device >= 0]] = True
    return users, devices


def own_aliases(members: Members, aliases: DeviceAliases) -> Ints:
    """The ``$alias`` rows that say of their own device and user that they are one: a link of that kind alone."""
    itself = (members.device[aliases.row] == aliases.device) & (members.user[aliases.row] == aliases.user)
    rows: Ints = aliases.row[itself]
    return rows


def find_device_links(events: pd.DataFrame, members: Members, aliases: DeviceAliases, rows: Ints) -> DeviceLinks:
    """Which users were named on which devices: by ``rows`` that carry both ids, and by ``$alias``."""
    time = order.microseconds(events)
    device = np.append(members.device[rows], aliases.device)
    user = np.append(members.user[rows], aliases.user)
    when = np.append(time[rows], time[aliases.row])
    # Most devices have one user: those need no sort.
    one = np.full(len(members.devices), -1, dtype=np.int64)
    one[device] = user
    is_one = one[device] == user
    first = np.full(len(one), np.iinfo(np.int64).max, dtype=np.int64)
    np.minimum.at(first, device[is_one], when[is_one])
    known = np.flatnonzero(one >= 0)
    rest = np.flatnonzero(~is_one)
    rest = rest[np.lexsort((when[rest], user[rest], device[rest]))]
    heads = (np.diff(device[rest], prepend=-1) != 0) | (np.diff(user[rest], prepend=-1) != 0)
    rest = rest[heads]
    return DeviceLinks(
        np.append(known, device[rest]), np.append(one[known], user[rest]), np.append(first[known], when[rest])
    )


def join_merges(one: Merges, other: Merges) -> Merges:
    """Both lists of links as one."""
    return Merges(*(np.concatenate(pair) for pair in zip(one, other, strict=True)))


def first_seen(events: pd.DataFrame, members: Members) -> Ints:
    """When each user was first named, in microseconds: by a row of its own, or as the new id of an ``$alias``."""
    time = order.microseconds(events)
    seen = np.full(len(members.users), np.iinfo(np.int64).max, dtype=np.int64)
    own = np.flatnonzero(members.user >= 0)
    np.minimum.at(seen, members.user[own], time[own])
    rows = _alias_rows(events)
    new = _codes_of(events.iloc[rows], "new_user_id", members.users, members.blocked)
    np.minimum.at(seen, new[new >= 0], time[rows[new >= 0]])
    return seen


def find_bridges(events: pd.DataFrame, members: Members, kinds: tuple[str, ...]) -> Bridges:
    """Ties between app and web devices, from match events and from web_visitor_id on app events.

    A web_visitor_id without match_method has the kind and time of the latest earlier match of the
    same pair, else of the earliest later one; a pair that was never matched counts as ``ip``.
    """
    if "web_visitor_id" not in events.columns or not kinds:
        return _no_bridges()
    rows = np.flatnonzero(events["web_visitor_id"].notna().to_numpy() & (members.device >= 0))
    if not len(rows):
        return _no_bridges()
    told = events.iloc[rows]
    app = members.device[rows].astype(np.int64)
    web = _codes_of(told, "web_visitor_id", members.devices, members.blocked)
    kind = _match_kind(told)
    pair = pd.factorize(app * (len(members.devices) + 1) + web)[0]
    is_match = np.array([one is not None for one in kind], dtype=bool)
    was_matched = np.isin(pair, pair[is_match])
    kind[~is_match & ~was_matched] = "ip"
    keep = (is_match | ~was_matched) & (web >= 0) & (web != app) & np.isin(kind.astype(str), kinds)
    keep &= members.is_device[app] & ~_is_one_shot(members)[web]
    known_from = order.microseconds(events)[rows]
    return Bridges(rows[keep], app[keep], web[keep], kind[keep], known_from[keep])


def _match_kind(told: pd.DataFrame) -> Texts:
    """The kind a row states: its match_method; the old merge event was always by e-mail; else None."""
    kind = np.full(len(told), None, dtype=object)
    if "match_method" in told.columns:
        given = told["match_method"].astype(object)
        kind[given.notna().to_numpy()] = given.dropna().str.strip().str.lower().to_numpy()
    kind[order.is_named(told, ("$web_attribution_merged",))] = "email"
    return kind


def _no_bridges() -> Bridges:
    none = np.zeros(0, dtype=np.int64)
    return Bridges(none, none, none, np.zeros(0, dtype=object), none)
