"""Masking for displays: ids become numbers, traits and whatever else may name a person disappear.

Steps compute on what was said and mask what they found, before anything is drawn: so a masked picture,
its hovers, its tables and its file tell the same story with other names.
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from typing import Any, Final, TypeAlias

import numpy as np
import numpy.typing as npt
import pandas as pd

from datalyr_notebook import errors, schema

Redact: TypeAlias = bool | str | Iterable[str]
"""False: nothing is masked; True: whatever may name a person; or names of columns, traits and properties."""

HIDDEN: Final = "•••"
"""What stands in place of a value that is masked."""

ID_COLUMNS: Final = {
    "user_id": "user",
    "new_user_id": "user",
    "anonymous_id": "device",
    "web_visitor_id": "device",
    **dict.fromkeys(("person_id", "previous_id", "id", "other_id", "person_before", "person_after"), "either"),
}
"""Columns whose texts name a user, a device, or either of them."""

SHOWN: Final = frozenset(
    (
        *("timestamp", "event_name", "sdk", "device_type", "source", "medium", "campaign", "term", "content"),
        *("channel", "click_id_type", "referrer_host", "touch_is_carried", "value", "currency", "match_method"),
        *("person_via", "person_since", "kind", "model", "weight", "credit", "age_days", "touched_on", "converted_on"),
        *("id_kind", "other_kind", "known_from", "first_seen", "last_seen", "events", "conversions", "trait"),
    )
)
"""Columns that ``redact=True`` shows, but for e-mail addresses and telephone numbers in them."""

_EMAIL: Final = re.compile(r"[^\s@<>\"',;:/?&=]+(?:@|%40)[^\s@<>\"',;:/?&=]+\.[^\s@<>\"',;:/?&=]+", re.IGNORECASE)
_PHONE: Final = re.compile(
    r"(?<![\w.-])(?:\+|%2B|00)[1-9][\d ()/.-]{6,18}\d(?![\w-])|(?<![\w.-])\(?\d{3}\)?[ .-]\d{3}[ .-]\d{4}(?![\w-])"
)
_SHAPES: Final = {"email": _EMAIL, "phone": _PHONE}
"""Values that are told by their looks, wherever they stand."""
_DEVICE: Final = "device:"
_NUMBERED: Final = re.compile(r"(user|device) ([1-9]\d*)")


@dataclass(frozen=True, repr=False, eq=False)
class Redaction:
    """What is masked, and the numbers that users and devices have instead of names.

    A user's or device's number is the place of its first event in the table (1 = the first), so it is the
    same in every display of the table, and tells nothing about the id.
    """

    names: frozenset[str] | None
    """Folded names of what is masked; None: everything that is not ``SHOWN``."""
    users: pd.Index
    devices: pd.Index

    @classmethod
    def of(cls, step: str, redact: Redact, events: pd.DataFrame) -> Redaction:
        """The redaction that an analyst asks for; ``events``: canonical, so that ids are categories.

        Raises OptionError.

        >>> events = pd.DataFrame({"user_id": pd.Categorical(["sam@example.com", "ann@example.com"])})
        >>> Redaction.of("journey_timeline", True, events).texts("user_id", np.array(["sam@example.com", None]))
        array(['user 2', None], dtype=object)
        """
        users, devices = (_categories(events, name) for name in ("user_id", "anonymous_id"))
        return cls(_read(step, redact), users, devices)

    @property
    def masks(self) -> bool:
        """Whether anything is masked."""
        return self.names is None or bool(self.names)

    def texts(self, column: str, values: npt.NDArray[Any]) -> npt.NDArray[np.object_]:
        """The values of a column as they may be shown; missing ones are None."""
        given = np.asarray(values, dtype=object)
        found = np.array([None if _is_missing(one) else one for one in given.ravel()], dtype=object)
        if not self.masks:
            return found
        distinct = {one: None for one in found if isinstance(one, str)}
        masked: dict[str, str] = dict(zip(distinct, self._masked(column, [*distinct]), strict=True))
        return np.array(
            [masked[one] if isinstance(one, str) else self._cell(column, one) for one in found], dtype=object
        )

    def table(self, table: pd.DataFrame) -> pd.DataFrame:
        """A table as it may be shown, column by column; columns that nothing is masked in are kept as they are."""
        if not self.masks:
            return table
        shown = {}
        for name in table.columns:
            column = table[name]
            if not self._touches(str(name)) and _is_plain(column):
                continue
            if isinstance(column.dtype, pd.CategoricalDtype):
                texts = self.texts(str(name), column.cat.categories.to_numpy(dtype=object))
                shown[str(name)] = np.append(texts, [None])[column.cat.codes.to_numpy()]
            else:
                shown[str(name)] = self.texts(str(name), column.astype(object).to_numpy())
        return table.assign(
            **{name: pd.Series(cells, index=table.index, dtype=object) for name, cells in shown.items()}
        )

    def worked_out(self, table: pd.DataFrame, words: Iterable[str] = ()) -> pd.DataFrame:
        """A table that was worked out of events, as it may be shown: counts, money, moments and flags stay.

        ``words``: columns with words of our own, which stay as well; every other text is masked as in ``table``.

        >>> redaction = Redaction.of("attribute", True, pd.DataFrame({"user_id": pd.Categorical(["ann@example.com"])}))
        >>> found = pd.DataFrame({"person_id": ["ann@example.com"], "people": [1], "why": ["a reason"]})
        >>> redaction.worked_out(found, words=["why"]).to_numpy().tolist()
        [['user 1', 1, 'a reason']]
        """
        kept = {*words, *(str(name) for name in table.columns if _is_plain(table[name]))}
        masked = self.table(table[[name for name in table.columns if name not in kept]])
        return table.assign(**{str(name): masked[name] for name in masked.columns})

    def trait(self, name: str, value: object) -> object:
        """The value of a trait or property as it may be shown."""
        return self._inner(name, value, hidden=self.names is None)

    def name(self, one: str) -> str:
        """A person, user or device as it may be shown."""
        return str(self.texts("person_id", np.array([one], dtype=object))[0])

    def original(self, asked: object) -> object:
        """The id behind a number such as ``"user 17"``; anything else is answered as it is."""
        found = _NUMBERED.fullmatch(asked) if isinstance(asked, str) and self.masks else None
        if found is None:
            return asked
        texts, place = (self.users if found[1] == "user" else self.devices), int(found[2]) - 1
        if place >= len(texts):
            return asked
        own = str(texts[place])
        known = (own, self._as_person(own)) if found[1] == "device" else (own,)
        return next((one for one in known if self.name(one) == asked), asked)

    def _touches(self, column: str) -> bool:
        """Whether a column's values are masked whatever they look like."""
        if self.names is None:
            return column not in SHOWN
        return column.casefold() in self.names or column in ID_COLUMNS

    def _masked(self, column: str, texts: list[str]) -> list[str]:
        """Distinct texts of a column as they may be shown."""
        if column in ID_COLUMNS:
            return self._numbered(texts)
        # Money is a number: a text in the column "value" is what a trait says.
        if self._touches(column) or (column == "value" and self.names is None):
            return [HIDDEN] * len(texts)
        return [self._scrubbed(text) for text in texts]

    def _numbered(self, texts: list[str]) -> list[str]:
        """Ids as numbers, where their kind is masked or they are an address; one that no event carries is hidden."""
        # Of another dtype than the ids, the texts would make pandas copy all of them at every call.
        user = self.users.get_indexer(pd.Index(texts, dtype=self.users.dtype))
        # A device is a person under its own id, or under one with a prefix where a user has the same.
        own = self.devices.get_indexer(pd.Index(texts, dtype=self.devices.dtype))
        bare = pd.Index([self._without_prefix(text) for text in texts], dtype=self.devices.dtype)
        device = np.where(own >= 0, own, self.devices.get_indexer(bare))
        masked = []
        for text, as_user, as_device in zip(texts, user.tolist(), device.tolist(), strict=True):
            kind = "user" if as_user >= 0 else "device" if as_device >= 0 else ""
            scrubbed = text if self._masks_ids_of(kind) else self._scrubbed(text)
            # An id that is an address keeps a name of its own: two of them are still two persons.
            if not self._masks_ids_of(kind) and (scrubbed == text or not kind):
                masked.append(scrubbed)
            else:
                masked.append(f"{kind} {(as_user if kind == 'user' else as_device) + 1}" if kind else HIDDEN)
        return masked

    def _without_prefix(self, text: str) -> str:
        """The id of the device that a prefix tells from the user of the same id; senders may use the prefix as well."""
        bare = text.removeprefix(_DEVICE)
        while bare.startswith(_DEVICE) and bare not in self.users:
            bare = bare.removeprefix(_DEVICE)
        return bare

    def _as_person(self, device: str) -> str:
        """The person_id of a device that is a person of its own."""
        name = device
        while name in self.users or (name != device and name in self.devices):
            name = _DEVICE + name
        return name

    def _masks_ids_of(self, kind: str) -> bool:
        if self.names is None:
            return True
        own = {name for name, of in ID_COLUMNS.items() if of in (kind, "either") or not kind}
        return not own.isdisjoint(self.names)

    def _scrubbed(self, text: str) -> str:
        """A text without the e-mail addresses and telephone numbers in it, where these are masked."""
        for shape, pattern in _SHAPES.items():
            if self.names is None or shape in self.names:
                text = pattern.sub(HIDDEN, text)
        return text

    def _cell(self, column: str, value: object) -> object:
        """A value that is no text: within a dict or list the values go, and the keys stay."""
        return None if value is None else self._inner(column, value, hidden=self._touches(column))

    def _inner(self, key: str, value: object, *, hidden: bool) -> object:
        if self.names is not None:
            hidden = hidden or key.casefold() in self.names
        if isinstance(value, Mapping):
            return {
                self._scrubbed(str(inner)): self._inner(str(inner), one, hidden=hidden) for inner, one in value.items()
            }
        if isinstance(value, list | tuple | np.ndarray):
            return [self._inner(key, one, hidden=hidden) for one in value]
        if hidden:
            return HIDDEN
        return self._scrubbed(value) if isinstance(value, str) else value


def _read(step: str, redact: Redact) -> frozenset[str] | None:
    if isinstance(redact, bool):
        return None if redact else frozenset()
    words = "True, False, or names of columns, traits and properties such as ('user_id', 'email')"
    given = (redact,) if isinstance(redact, str) else redact
    names = list(given) if isinstance(given, Iterable) and not isinstance(given, bytes) else [None]
    if not all(isinstance(name, str) and name.strip() for name in names):
        raise errors.OptionError(step, "redact", redact, words)
    return frozenset(str(name).strip().casefold() for name in names)


def _categories(events: pd.DataFrame, name: str) -> pd.Index:
    if name not in events.columns:
        return pd.Index([], dtype=schema.TEXT)
    known: pd.Index = events[name].astype("category").cat.categories
    return known


def _is_plain(column: pd.Series) -> bool:
    """Whether a column holds numbers, moments or flags: nothing to look into."""
    return bool(pd.api.types.is_numeric_dtype(column) or pd.api.types.is_datetime64_any_dtype(column))


def _is_missing(value: object) -> bool:
    return value is None or value is pd.NaT or value is pd.NA or (isinstance(value, float) and np.isnan(value))
