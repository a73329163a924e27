"""What the rules read: the events, the same rows with every id as it was sent, and what many rules ask of them."""

from __future__ import annotations

import math
from collections.abc import Iterable
from dataclasses import dataclass
from functools import cached_property
from typing import Any, Final, NamedTuple

import numpy as np
import numpy.typing as npt
import pandas as pd

from datalyr_notebook import order, schema
from datalyr_notebook.identity.blocking import BlockList
from datalyr_notebook.identity.canonical import canonical_users
from datalyr_notebook.identity.links import Members, find_aliases, find_members
from datalyr_notebook.identity.trusted_traits import comparable
from datalyr_notebook.lint.examples import most
from datalyr_notebook.lint.trait_facts import TraitFacts, read_traits
from datalyr_notebook.loading.encoding import from_numbers, matches
from datalyr_notebook.loading.normalize import SPELLINGS, as_canonical, as_sent
from datalyr_notebook.loading.report import LoadReport
from datalyr_notebook.order import Flags, Floats, Ints

PURCHASE: Final = ("purchase",)
"""Events whose value a finding counts: the default conversion of the package."""

_IDS: Final = ("event_id", "anonymous_id", "user_id", "previous_id", "new_user_id", "session_id", "order_id")
_OTHER_IDS: Final = ("distinct_id", "distinctId", "visitor_id", "visitorId", "web_visitor_id", "webVisitorId")
_USER_KEYS: Final = ("user_id", "userId")


class Found(NamedTuple):
    """What a rule found: rows, money, examples, and the words of its message."""

    events: int
    value: float
    examples: list[str]
    words: dict[str, str]
    table: Table | None = None
    """Where the rows are; None where only their number is known."""
    rows: Flags | None = None


@dataclass(frozen=True)
class Table:
    """Events with what every rule asks of them, worked out once."""

    frame: pd.DataFrame

    @cached_property
    def time(self) -> Ints:
        """int64 microseconds."""
        return order.microseconds(self.frame)

    @cached_property
    def value(self) -> Floats:
        """Each row's value, NaN where there is none."""
        if "value" not in self.frame.columns:
            return np.full(len(self.frame), np.nan)
        return self.frame["value"].to_numpy(dtype=np.float64)

    @cached_property
    def purchases(self) -> Ints:
        """The rows that bring money."""
        rows = np.flatnonzero(order.is_named(self.frame, PURCHASE))
        return rows[self.value[rows] > 0]

    @cached_property
    def is_client(self) -> Flags:
        """Rows that a browser or an app sent, not a server."""
        return ~self.where("sdk", np.asarray(self.texts("sdk").isin(schema.SERVER_SDKS), dtype=bool))

    def texts(self, column: str) -> pd.Index:
        """The distinct texts of a category column; none where it is absent."""
        return self.frame[column].cat.categories if column in self.frame.columns else pd.Index([], dtype=schema.TEXT)

    def where(self, column: str, wanted: Flags) -> Flags:
        """The rows that hold one of the wanted texts of a category column."""
        if not wanted.any():
            return np.zeros(len(self.frame), dtype=bool)
        rows: Flags = np.append(wanted, [False])[order.codes(self.frame, column)]
        return rows

    def these(self, rows: Ints) -> Flags:
        """Row numbers as flags."""
        flags = np.zeros(len(self.frame), dtype=bool)
        flags[rows] = True
        return flags

    def found(self, rows: Flags, examples: Iterable[str], **words: object) -> Found | None:
        """These rows as a finding; None where there are none."""
        events = int(np.count_nonzero(rows))
        if not events:
            return None
        bought = self.purchases[rows[self.purchases]]
        # fsum is exact, so that the order of the rows makes no difference.
        value = math.fsum(self.value[bought].tolist())
        return Found(events, value, list(examples), {name: str(word) for name, word in words.items()}, self, rows)

    def found_in(self, column: str, rows: Flags, **words: object) -> Found | None:
        """These rows as a finding, with the texts they most often hold in a category column as examples."""
        codes = order.codes(self.frame, column)[rows]
        counts = np.bincount(codes[codes >= 0], minlength=len(self.texts(column)))
        return self.found(rows, most(self.texts(column), counts), **words)


@dataclass(frozen=True)
class Tracked:
    """The events as they are stitched, and as they were sent."""

    events: Table
    sent: Table
    """The same where the events came normalized, but for what ``$identify`` payloads still tell."""
    report: LoadReport

    @cached_property
    def members(self) -> Members:
        """Devices and users."""
        return find_members(self.events.frame, BlockList())

    @cached_property
    def joined(self) -> order.Codes:
        """Per user the canonical one of those that ``$alias`` makes one person; one more, -1, for -1."""
        _, merges = find_aliases(self.events.frame, self.members)
        return canonical_users(self.events.frame, self.members, merges).user

    @cached_property
    def user(self) -> order.Codes:
        """Each row's user, the aliased ones as one."""
        user: order.Codes = self.joined[self.members.user]
        return user

    @cached_property
    def known(self) -> Ints:
        """The rows that tie a device to a user."""
        return np.flatnonzero((self.user >= 0) & (self.members.device >= 0))

    @cached_property
    def owners(self) -> pd.DataFrame:
        """The devices with several users: a row (device, user) each, sorted."""
        return _several(self.members.device[self.known], self.user[self.known], "device", "user")

    @cached_property
    def user_devices(self) -> pd.DataFrame:
        """The users with several devices of browsers and apps: a row (user, device) each, sorted."""
        rows = self.known[self.events.is_client[self.known]]
        return _several(self.user[rows], self.members.device[rows], "user", "device")

    @cached_property
    def identifies(self) -> Ints:
        """The ``$identify`` rows."""
        return np.flatnonzero(order.is_named(self.events.frame, order.IDENTIFY))

    @cached_property
    def traits(self) -> TraitFacts:
        """What the traits of the ``$identify`` rows look like."""
        return read_traits(self.events.frame, self.identifies)

    @cached_property
    def holders(self) -> dict[str, set[int]]:
        """Each e-mail's users, from traits and from user_ids that are e-mails."""
        held: dict[str, set[int]] = {}
        emails = self.traits.emails
        users = self.user[np.array([row for row, _ in emails], dtype=np.int64)].tolist()
        for user, (_, text) in zip(users, emails, strict=True):
            address = comparable("email", text) if user >= 0 else None
            if address is not None:
                held.setdefault(address, set()).add(user)
        is_address = np.asarray(self.members.users.str.contains("@", regex=False), dtype=bool)
        for place in np.flatnonzero(is_address).tolist():
            address = comparable("email", self.members.users[place])
            if address is not None:
                held.setdefault(address, set()).add(int(self.joined[place]))
        return held

    @cached_property
    def shared_emails(self) -> dict[str, list[int]]:
        """The e-mails of several users, with these in order."""
        return {address: sorted(users) for address, users in self.holders.items() if len(users) > 1}

    @cached_property
    def payloads(self) -> tuple[Ints, list[dict[str, Any]]]:
        """The rows that came nested, and what they hold."""
        if "properties" not in self.events.frame.columns:
            return np.zeros(0, dtype=np.int64), []
        cells = self.events.frame["properties"].to_numpy(dtype=object)
        rows = [row for row, cell in enumerate(cells) if isinstance(cell, dict)]
        return np.array(rows, dtype=np.int64), [cells[row] for row in rows]

    def rows_of_users(self, users: Iterable[int]) -> Flags:
        """All rows of these users."""
        return self.rows_of(self.user, len(self.members.users), users)

    def rows_of_devices(self, devices: Iterable[int]) -> Flags:
        """All rows of these devices."""
        return self.rows_of(self.members.device, len(self.members.devices), devices)

    @staticmethod
    def rows_of(codes: npt.NDArray[np.integer], count: int, wanted: Iterable[int]) -> Flags:
        """The rows with one of the wanted codes."""
        flags = np.zeros(count + 1, dtype=bool)
        flags[list(wanted)] = True
        flags[-1] = False
        rows: Flags = flags[codes]
        return rows


def read_tracked(events: pd.DataFrame) -> Tracked:
    """Any events table as the rules read it. Float ids are read as a file would show them (``42.0``)."""
    report = LoadReport()
    damaged = damaged_ids(events) if isinstance(events, pd.DataFrame) else []
    legible = events.assign(**{name: _shown_floats(events[name]) for name in damaged}) if damaged else events
    table = as_canonical(legible, "lint", report=report)
    sent = _ids_in_payloads(table) if table is legible else as_sent(legible)
    whole = Table(table)
    return Tracked(whole, whole if sent is table else Table(sent), report)


def damaged_ids(events: pd.DataFrame) -> list[str]:
    """The id columns that hold floats, which normalizing refuses and lint reads as text."""
    spellings = (*(spelling for name in _IDS for spelling in SPELLINGS[name]), *_OTHER_IDS)
    return [name for name in spellings if name in events.columns and _holds_floats(events[name])]


def _several(one: npt.NDArray[np.integer], other: npt.NDArray[np.integer], name: str, other_name: str) -> pd.DataFrame:
    """The distinct pairs of each ``one`` that has several ``other``."""
    last = np.full(int(one.max(initial=-1)) + 1, -1, dtype=np.int64)
    last[one] = other
    has_several = np.zeros(len(last), dtype=bool)
    has_several[one[last[one] != other]] = True
    rows = np.flatnonzero(has_several[one])
    pairs = pd.DataFrame({name: one[rows].astype(np.int64), other_name: other[rows].astype(np.int64)})
    return pairs.drop_duplicates().sort_values([name, other_name], ignore_index=True)


def _holds_floats(ids: pd.Series) -> bool:
    if not isinstance(ids, pd.Series) or ids.dtype.kind == "f":
        return isinstance(ids, pd.Series) and bool(ids.notna().any())
    return ids.dtype == object and pd.api.types.infer_dtype(ids, skipna=True) in (
        "floating",
        "mixed",
        "mixed-integer",
        "mixed-integer-float",
    )


def _shown_floats(ids: pd.Series) -> pd.Series:
    cells = [
        (None if np.isnan(cell) else repr(float(cell))) if isinstance(cell, float | np.floating) else cell
        for cell in ids.astype(object)
    ]
    return pd.Series(cells, index=ids.index, dtype=object)


def _ids_in_payloads(events: pd.DataFrame) -> pd.DataFrame:
    """A canonical table with the user_ids that loading took out of ``$identify`` rows, where payloads name them."""
    if "properties" not in events.columns:
        return events
    user = order.codes(events, "user_id")
    rows = np.flatnonzero(order.is_named(events, order.IDENTIFY) & (user < 0))
    payloads = events["properties"].to_numpy(dtype=object)
    named = {int(row): text for row in rows if (text := _user_named(payloads[row])) is not None}
    if not named:
        return events
    known = events["user_id"].cat.categories if "user_id" in events.columns else pd.Index([], dtype=schema.TEXT)
    new = pd.Index(list(dict.fromkeys(named.values())), dtype=schema.TEXT)
    place = matches(new, known)
    place[place < 0] = len(known) + np.arange(int((place < 0).sum()))
    at = dict(zip(new, place, strict=True))
    numbers = user.astype(np.int64)
    numbers[list(named)] = [at[text] for text in named.values()]
    texts = known.append(new[matches(new, known) < 0])
    return events.assign(user_id=from_numbers(numbers, texts, events.index))


def _user_named(payload: object) -> str | None:
    """The user_id that a payload names, a blank one as ``''``."""
    for key in _USER_KEYS:
        text = payload.get(key) if isinstance(payload, dict) else None
        if isinstance(text, str):
            return text if text.strip() else "''"
    return None
