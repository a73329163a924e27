"""Example texts as a finding may show them: short, and never with a card number or a social security number."""

from __future__ import annotations

import re
from collections.abc import Iterable, Mapping
from typing import Final

import numpy as np
import pandas as pd
import pyarrow as pa
import pyarrow.compute as pc

from datalyr_notebook.hashing import cell_text
from datalyr_notebook.order import Ints

MOST: Final = 3
LONGEST: Final = 60
_HEAD, _TAIL = 36, 8
_IN_A_PAIR: Final = 3

_CARD: Final = (
    r"[2-6][0-9]{12,18}"
    r"|[2-6][0-9]{3}[ -][0-9]{4}[ -][0-9]{4}[ -][0-9]{1,7}"
    r"|3[0-9]{3}[ -][0-9]{6}[ -][0-9]{4,5}"
)
_SSN: Final = r"(?!000|666|9)[0-9]{3}[- ](?!00)[0-9]{2}[- ](?!0000)[0-9]{4}"
_SENSITIVE: Final = re.compile(rf"(?<![0-9])(?:(?P<card>{_CARD})|(?P<ssn>{_SSN}))(?![0-9])")


def is_sensitive(text: str) -> bool:
    """Whether a text holds a payment card number or a US social security number.

    A card number has 13 to 19 digits, plain or in the groups that are printed on cards, a first digit
    that card networks use (ISO/IEC 7812: 2 to 6, which leaves out times since 1970), and a valid Luhn
    digit. A social security number has its hyphens or spaces and keeps to the ranges that are issued.

    >>> is_sensitive("paid with 4111 1111 1111 1111"), is_sensitive("4111111111111112"), is_sensitive("123-45-6789")
    (True, False, True)
    """
    return any(_counts(found) for found in _SENSITIVE.finditer(text))


def example(value: object) -> str:
    """A text as an example shows it: sensitive numbers masked, the middle of a long one left out.

    >>> example("card 4111111111111111"), len(example("u" * 100_000))
    ('card xxxxxxxxxxxxxxxx', 66)
    """
    text = _SENSITIVE.sub(_masked, cell_text(value))
    if len(text) <= LONGEST:
        return text
    return f"{text[:_HEAD]}…{text[-_TAIL:]} ({len(text):,} characters)"


def group(texts: Iterable[object]) -> str:
    """Several texts that belong together as one example."""
    shown = sorted(example(text) for text in texts)
    more = f" and {len(shown) - _IN_A_PAIR:,} more" if len(shown) > _IN_A_PAIR else ""
    return ", ".join(shown[:_IN_A_PAIR]) + more


def most(texts: pd.Index, counts: Ints) -> list[str]:
    """The three texts with the highest counts, ties by text; a count of 0 is none."""
    places = np.flatnonzero(counts)
    if not len(places):
        return []
    listed = pa.array(texts.take(places), type=pa.large_string())
    table = pa.table({"count": counts[places], "text": listed})
    top = pc.select_k_unstable(table, k=MOST, sort_keys=[("count", "descending"), ("text", "ascending")])
    return [example(listed[place].as_py()) for place in top.to_pylist()]


def most_of(counts: Mapping[str, int]) -> list[str]:
    """The same for texts counted one by one."""
    ranked = sorted(counts.items(), key=lambda one: (-one[1], one[0]))
    return list(dict.fromkeys(example(text) for text, _ in ranked))[:MOST]


def _masked(found: re.Match[str]) -> str:
    return re.sub("[0-9]", "x", found[0]) if _counts(found) else found[0]


def _counts(found: re.Match[str]) -> bool:
    return found["ssn"] is not None or _luhn(found["card"])


def _luhn(text: str) -> bool:
    """The check digit of ISO/IEC 7812-1, annex B."""
    digits = [int(one) for one in reversed(text) if one.isdigit()]
    doubled = [sum(divmod(2 * digit, 10)) for digit in digits[1::2]]
    return (sum(digits[::2]) + sum(doubled)) % 10 == 0
