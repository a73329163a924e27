"""What the traits of ``$identify`` calls look like, read once: their number, names, types and sensitive values."""

from __future__ import annotations

import math
import re
from collections import Counter
from dataclasses import dataclass, field
from functools import lru_cache
from typing import Any, Final, NamedTuple

import numpy as np
import pandas as pd

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
_JSON: Final = frozenset((str, bool, int, type(None)))


class Name(NamedTuple):
    """What a trait's name says."""

    text: str
    is_snake: bool
    is_sensitive: bool
    is_email: bool


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

    calls: int = 0
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
    for row in identifies.tolist():
        said = cells[row]
        if isinstance(said, dict):
            _read_call(facts, row, said)
        elif said is not None and not (isinstance(said, float) and math.isnan(said)) and said is not pd.NA:
            facts.not_dicts.note(row, type(said).__name__)
    return facts


def _read_call(facts: TraitFacts, row: int, said: dict[Any, Any]) -> None:
    facts.calls += 1
    if len(said) > MOST_TRAITS:
        facts.crowded.note(row, f"{len(said):,} traits")
    for key, value in said.items():
        name = read_name(key if type(key) is str else cell_text(key))
        if not name.is_snake:
            facts.odd_names.note(row, name.text)
        if name.is_email:
            facts.emails.append((row, value))
        kind = type(value)
        if name.is_sensitive and kind is not bool and value is not None and not (kind is str and not value.strip()):
            facts.sensitive_names.note(row, name.text)
        if kind not in _JSON:
            odd = _odd_type(value)
            if odd is not None:
                facts.odd_types.note(row, f"{name.text}: {odd}")
        if kind is not bool and value is not None and _holds_sensitive(value):
            facts.sensitive_values.note(row, name.text)


@lru_cache(maxsize=10_000)
def read_name(text: str) -> Name:
    """What a trait's name says.

    >>> read_name("cardNumber")
    Name(text='cardNumber', is_snake=False, is_sensitive=True, is_email=False)
    """
    words = [word.casefold() for word in _WORDS.findall(text[:1000])]
    run = "".join(words)
    is_sensitive_name = (
        bool(SENSITIVE_WORDS & {*words}) or run in SENSITIVE_NAMES or any(one in run for one in SENSITIVE_PHRASES)
    )
    return Name(text, _SNAKE.fullmatch(text) is not None, is_sensitive_name, run == "email")


def _holds_sensitive(value: object) -> bool:
    """Whether a card number or a social security number stands anywhere in a value."""
    if isinstance(value, str):
        return len(value) >= 11 and is_sensitive(value)
    if isinstance(value, int | np.integer):
        return 10**12 <= int(value) < 10**19 and is_sensitive(str(value))
    if isinstance(value, float | np.floating):
        number = float(value)
        return math.isfinite(number) and number.is_integer() and _holds_sensitive(int(number))
    if isinstance(value, dict | list | tuple | set | frozenset | np.ndarray):
        # As JSON, which a nesting without end leaves empty.
        return is_sensitive(cell_text(value))
    return False


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
