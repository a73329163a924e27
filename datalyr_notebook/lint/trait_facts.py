"""What the traits of ``$identify`` calls look like, read once: their number, names, types and sensitive values."""

from __future__ import annotations

import math
import re
from collections import Counter
from dataclasses import dataclass, field
from typing import Any, Final, NamedTuple

import numpy as np
import pandas as pd
import pyarrow as pa
import pyarrow.compute as pc

from datalyr_notebook.hashing import cell_text
from datalyr_notebook.lint.examples import is_sensitive
from datalyr_notebook.order import Ints

MOST_TRAITS: Final = 50
"""The product's limit a call."""

SENSITIVE_WORDS: Final = frozenset(("password", "passwd", "pwd", "passphrase", "passcode", "ssn", "cvv", "cvv2", "cvc"))
"""A trait with one of these words in its name is sensitive."""
SENSITIVE_NAMES: Final = frozenset(("card", "cc", "pan", "pass", "pin", "secret", "token", "iban"))
"""A trait of exactly this name is sensitive."""
SENSITIVE_PHRASES: Final = (
    *("creditcard", "debitcard", "cardnumber", "cardno", "cardnum", "ccnumber", "ccnum", "socialsecurity"),
    *("bankaccount", "apikey", "accesskey", "privatekey", "accesstoken", "authtoken", "secretkey", "clientsecret"),
)
"""A trait whose name holds one of these, its separators left out, is sensitive."""

_SNAKE: Final = re.compile(r"[a-z][a-z0-9]*(?:_[a-z0-9]+)*")
_WORDS: Final = re.compile(r"[A-Z]+(?![a-z])|[A-Z]?[^\W_A-Z]+")
_PLAIN: Final = frozenset((str, bool, int, type(None)))
_SHORTEST: Final = len("123-45-6789")
_MANY_DIGITS: Final = "[0-9](?:[ -]?[0-9]){8}"
_LEAST_CARD: Final = 10**12
_BEYOND_CARDS: Final = 10**19


class Name(NamedTuple):
    """What a trait's name says."""

    text: str
    is_snake: bool
    is_sensitive: bool
    is_email: bool
    is_notable: bool
    """Any of the three."""


@dataclass
class Marked:
    """Rows with something, and how often each text stands for it."""

    rows: set[int] = field(default_factory=set)
    texts: Counter[str] = field(default_factory=Counter)

    def note(self, row: int, text: str) -> None:
        """One more."""
        self.rows.add(row)
        self.texts[text] += 1


@dataclass
class TraitFacts:
    """What was found; a text is a trait's name or a type, never a value."""

    not_dicts: Marked = field(default_factory=Marked)
    crowded: Marked = field(default_factory=Marked)
    odd_names: Marked = field(default_factory=Marked)
    sensitive_names: Marked = field(default_factory=Marked)
    sensitive_values: Marked = field(default_factory=Marked)
    odd_types: Marked = field(default_factory=Marked)
    emails: list[tuple[int, object]] = field(default_factory=list)
    """Row and what stands under ``email``."""


def read_traits(events: pd.DataFrame, identifies: Ints) -> TraitFacts:
    """Look at every trait of the ``$identify`` rows once."""
    facts = TraitFacts()
    if "traits" not in events.columns:
        return facts
    cells = events["traits"].to_numpy(dtype=object)
    reading = _Reading()
    for row in identifies.tolist():
        said = cells[row]
        if isinstance(said, dict):
            _read_call(facts, reading, row, said)
        elif said is not None and not (isinstance(said, float) and math.isnan(said)) and said is not pd.NA:
            facts.not_dicts.note(row, type(said).__name__)
    for row, name in reading.sensitive():
        facts.sensitive_values.note(row, name)
    return facts


@dataclass
class _Reading:
    """What one reading has seen so far: names, and the texts that may hold a sensitive number.

    The texts are looked through together at the end, since most have too few digits in a row.
    """

    names: dict[str, Name] = field(default_factory=dict)
    texts: list[str] = field(default_factory=list)
    places: list[tuple[int, str]] = field(default_factory=list)

    def name(self, key: object) -> Name:
        text = key if isinstance(key, str) else cell_text(key)
        return self.names.get(text) or self.names.setdefault(text, read_name(text))

    def add(self, row: int, name: str, text: str) -> None:
        if len(text) >= _SHORTEST:
            self.texts.append(text)
            self.places.append((row, name))

    def add_items(self, row: int, name: str, items: list[Any]) -> None:
        for one in items:
            if type(one) is not str:
                self.add(row, name, _text_of(one))
            elif len(one) >= _SHORTEST:
                self.add(row, name, one)

    def sensitive(self) -> list[tuple[int, str]]:
        """Row and trait of each text with a sensitive number."""
        try:
            found = pc.match_substring_regex(pa.array(self.texts, type=pa.large_string()), _MANY_DIGITS)
            candidates = np.flatnonzero(np.asarray(found, dtype=bool)).tolist()
        except UnicodeError:  # lone surrogates, which Arrow does not take
            candidates = list(range(len(self.texts)))
        return list(dict.fromkeys(self.places[place] for place in candidates if is_sensitive(self.texts[place])))


def _read_call(facts: TraitFacts, reading: _Reading, row: int, said: dict[Any, Any]) -> None:
    if len(said) > MOST_TRAITS:
        facts.crowded.note(row, f"{len(said):,} traits")
    known = reading.names
    for key, value in said.items():
        name = known.get(key) or reading.name(key)
        kind = type(value)
        if name.is_notable:
            _read_notable(facts, row, name, value)
        if kind is str:
            if len(value) >= _SHORTEST:
                reading.add(row, name.text, value)
        elif kind is list and _PLAIN.issuperset(map(type, value)):
            reading.add_items(row, name.text, value)
        elif kind not in _PLAIN or (kind is int and value >= _LEAST_CARD):
            _read_other(facts, reading, row, name, value)


def _read_other(facts: TraitFacts, reading: _Reading, row: int, name: Name, value: object) -> None:
    odd = _odd_type(value)
    if odd is not None:
        facts.odd_types.note(row, f"{name.text}: {odd}")
    reading.add(row, name.text, _text_of(value))


def _read_notable(facts: TraitFacts, row: int, name: Name, value: object) -> None:
    if not name.is_snake:
        facts.odd_names.note(row, name.text)
    if name.is_email:
        facts.emails.append((row, value))
    is_blank = value is None or isinstance(value, bool) or (isinstance(value, str) and not value.strip())
    if name.is_sensitive and not is_blank:
        facts.sensitive_names.note(row, name.text)


def read_name(text: str) -> Name:
    """What a trait's name says.

    >>> read_name("cardNumber")
    Name(text='cardNumber', is_snake=False, is_sensitive=True, is_email=False, is_notable=True)
    """
    words = [word.casefold() for word in _WORDS.findall(text[:1000])]
    run = "".join(words)
    is_sensitive_name = (
        bool(SENSITIVE_WORDS & {*words}) or run in SENSITIVE_NAMES or any(one in run for one in SENSITIVE_PHRASES)
    )
    is_snake, is_email = _SNAKE.fullmatch(text) is not None, run == "email"
    return Name(text, is_snake, is_sensitive_name, is_email, is_email or is_sensitive_name or not is_snake)


def _text_of(value: object) -> str:
    """What may stand in a value that is no text, as text to look through; blank where it is no card's number."""
    if isinstance(value, float | np.floating):
        number = float(value)
        return _text_of(int(number)) if math.isfinite(number) and number.is_integer() else ""
    if isinstance(value, int | np.integer):
        return str(int(value)) if _LEAST_CARD <= value < _BEYOND_CARDS else ""
    try:
        return cell_text(value)  # a nesting without end has the name of its type for a text
    except ValueError:  # a number of thousands of digits
        return ""


def _odd_type(value: object) -> str | None:
    """What a value is where it is no JSON string, number, boolean or array; None where it is one."""
    if isinstance(value, float | np.floating):
        return None if math.isfinite(value) else "not a finite number"
    if isinstance(value, str | bool | int | np.bool_ | np.integer):
        return None
    if isinstance(value, list | tuple | np.ndarray):
        inside = next((odd for one in value if (odd := _odd_item(one)) is not None), None)
        return None if inside is None else f"array with {inside}"
    return "object" if isinstance(value, dict) else type(value).__name__


def _odd_item(item: object) -> str | None:
    """The same for what stands in an array, where objects and null are JSON as well."""
    return None if item is None or isinstance(item, dict | list) else _odd_type(item)
