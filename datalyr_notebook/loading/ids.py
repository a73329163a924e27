"""Who an event is about: null-like ids emptied, and user_ids that are no people taken out."""

from __future__ import annotations

import re
from typing import Final

import numpy as np
import pandas as pd

from datalyr_notebook import order, schema
from datalyr_notebook.loading.encoding import combinations, encode, from_numbers, matches, nobody, nothing, without
from datalyr_notebook.loading.report import LoadReport

_PEOPLE: Final = ("anonymous_id", "user_id", "previous_id", "new_user_id", "web_visitor_id")
"""Columns in which a null-like text is nobody."""
_THINGS: Final = ("event_id", "session_id", "order_id")
"""Columns in which only a written-out null is nothing: ``0`` may be somebody's order."""

_OLD_APPS: Final = {"react_native": (1, 7, 12), "swift": (2, 1, 7)}
"""Up to here an app wrote its own visitor id, a bare UUID, into the user field of anonymous events."""
_UUID: Final = r"[0-9a-fA-F]{8}-(?:[0-9a-fA-F]{4}-){3}[0-9a-fA-F]{12}"


def settle_ids(table: dict[str, pd.Series], report: LoadReport) -> None:
    """Take null-like texts out of every id, and what is not a person out of user_id.

    ``table`` holds the encoded columns and is filled in place. A user_id that only repeats the
    row's anonymous_id is nobody's; one that starts with ``anon_`` is a device, which becomes the
    row's anonymous_id where there is none or the row is a server's (whose own is a one-shot id).
    """
    for column in _PEOPLE:
        if column in table:
            table[column] = _somebody(table[column], report)
    for column in _THINGS:
        if column in table:
            table[column] = _something(table[column], report)
    if "user_id" not in table:
        return
    user = table["user_id"]
    if "anonymous_id" in table:
        user = _unless_own_device(user, table["anonymous_id"])
    is_device = np.asarray(user.cat.categories.str.startswith("anon_"), dtype=bool)
    if is_device.any():
        named = np.append(is_device, [False])[user.cat.codes.to_numpy()]
        report.add("device_ids_as_user", int(named.sum()))
        table["anonymous_id"] = _moved_to_device(user, named, table)
        user = without(user, is_device)
    table["user_id"] = user


def settle_old_apps(table: dict[str, pd.Series], flat: pd.DataFrame, report: LoadReport) -> None:
    """Take the visitor ids of old apps out of user_id: bare UUIDs that no event names as a user.

    Old versions are told by ``sdk_version`` of ``flat``, newer ones by ``has_user_properties``: an
    app that knows a user repeats that user's properties on every event.
    """
    is_app = table["sdk"].isin(schema.MOBILE_SDKS).to_numpy()
    if "user_id" not in table or not is_app.any():
        return
    user = table["user_id"]
    is_visitor = np.asarray(user.cat.categories.str.fullmatch(_UUID), dtype=bool)
    is_visitor[_named_users(table)] = False
    suspects = is_app & np.append(is_visitor, [False])[user.cat.codes.to_numpy()]
    if not suspects.any():
        return
    visitors = suspects & (_is_old_app(table, flat) | _knows_nobody(flat))
    report.add("device_ids_as_user", int(visitors.sum()))
    table["anonymous_id"] = _moved_to_device(user, visitors, table)
    table["user_id"] = from_numbers(np.where(visitors, -1, user.cat.codes.to_numpy()), user.cat.categories, user.index)


def _somebody(ids: pd.Series, report: LoadReport) -> pd.Series:
    if isinstance(ids.dtype, pd.CategoricalDtype):
        blocked = nobody(ids.cat.categories)
        if not blocked.any():
            return ids
        report.add("null_like_ids", int(np.append(blocked, [False])[ids.cat.codes.to_numpy()].sum()))
        return without(ids, blocked)
    blocked = nobody(ids)
    report.add("null_like_ids", int(blocked.sum()))
    return ids.mask(blocked, None) if blocked.any() else ids


def _something(texts: pd.Series, report: LoadReport) -> pd.Series:
    """Event, session and order ids without written-out nulls, which would make one of many."""
    is_coded = isinstance(texts.dtype, pd.CategoricalDtype)
    blocked = nothing(texts.cat.categories if is_coded else texts)
    if not blocked.any():
        return texts
    if is_coded:
        report.add("null_like_ids", int(np.append(blocked, [False])[texts.cat.codes.to_numpy()].sum()))
        return without(texts, blocked)
    report.add("null_like_ids", int(blocked.sum()))
    return texts.mask(blocked, None)


def _unless_own_device(user: pd.Series, device: pd.Series) -> pd.Series:
    """user_id without the rows on which it only repeats the row's anonymous_id."""
    numbers, twins = user.cat.codes.to_numpy(), matches(user.cat.categories, device.cat.categories)
    if not (twins >= 0).any():
        return user
    twin = np.append(twins, [-1])[numbers]
    own = (twin >= 0) & (twin == device.cat.codes.to_numpy())
    return from_numbers(np.where(own, -1, numbers), user.cat.categories, user.index) if own.any() else user


def _moved_to_device(user: pd.Series, named: order.Flags, table: dict[str, pd.Series]) -> pd.Series:
    """anonymous_id with the ``anon_…`` ids that stood in user_id; they win over a server's one-shot id."""
    if "anonymous_id" not in table:
        return from_numbers(np.where(named, user.cat.codes.to_numpy(), -1), user.cat.categories, user.index)
    device = table["anonymous_id"]
    moved = named & (table["sdk"].isin(schema.SERVER_SDKS).to_numpy() | device.isna().to_numpy())
    known = matches(user.cat.categories, device.cat.categories)
    places = np.where(known >= 0, known, len(device.cat.categories) + np.cumsum(known < 0) - 1)
    numbers = np.where(moved, np.append(places, [-1])[user.cat.codes.to_numpy()], device.cat.codes.to_numpy())
    return from_numbers(numbers, [*device.cat.categories, *user.cat.categories[known < 0]], device.index)


def _named_users(table: dict[str, pd.Series]) -> order.Ints:
    """The category numbers of the users that an ``$identify`` or ``$alias`` names."""
    name, user = table["event_name"], table["user_id"]
    numbers = user.cat.codes.to_numpy().astype(np.int64)
    named = [numbers[(name == "$identify").to_numpy()]]
    is_alias = (name == "$alias").to_numpy()
    if "new_user_id" in table:
        new = table["new_user_id"]
        named.append(matches(new.cat.categories, user.cat.categories))
        is_alias = is_alias & new.isna().to_numpy()
    every = np.concatenate([*named, numbers[is_alias]])
    return every[every >= 0]


def _is_old_app(table: dict[str, pd.Series], flat: pd.DataFrame) -> order.Flags:
    if "sdk_version" not in flat.columns:
        return np.zeros(len(flat), dtype=bool)
    number, cases = combinations([table["sdk"], encode(flat["sdk_version"], "sdk_version")])
    flags: order.Flags = np.array([_is_old(sdk, version) for sdk, version in cases], dtype=bool)[number]
    return flags


def _is_old(sdk: str, version: str | None) -> bool:
    parts = re.findall(r"\d{1,6}", (version or "")[:40])
    return sdk in _OLD_APPS and bool(parts) and tuple(int(part) for part in parts[:3]) <= _OLD_APPS[sdk]


def _knows_nobody(flat: pd.DataFrame) -> order.Flags:
    """Where an app says that it has no properties of a user."""
    if "has_user_properties" not in flat.columns:
        return np.zeros(len(flat), dtype=bool)
    return np.array([value is False for value in flat["has_user_properties"]], dtype=bool)
