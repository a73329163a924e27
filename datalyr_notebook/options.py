"""Reading what analysts pass as options: durations, instants, lists of texts; clear words for the rest."""

from __future__ import annotations

import datetime as dt
import re
from collections.abc import Iterable
from typing import Final

import numpy as np
import pandas as pd

from datalyr_notebook.errors import OptionError

MICROSECOND = pd.Timedelta(1, "us")

_ISO: Final = re.compile(r"\d{4}-\d{2}-\d{2}(?![\d-])")
_DAYS: Final = re.compile(r"(?<=[\d ])d(?![a-z])")
"""What pandas 3 warns of, and people type."""


def one_of(step: str, option: str, given: object, allowed: Iterable[str]) -> str:
    """One of the allowed texts."""
    known = list(allowed)
    if not isinstance(given, str) or given not in known:
        raise OptionError(step, option, given, known)
    return given


def texts(
    step: str, option: str, given: object, allowed: Iterable[str] | None = None, *, example: str = ""
) -> tuple[str, ...]:
    """A tuple of texts, each one of the allowed."""
    known = None if allowed is None else tuple(allowed)
    words = f"a tuple of texts{example and f' such as {example}'}" if known is None else f"a tuple out of {known}"
    if not isinstance(given, tuple | list | set | frozenset):
        raise OptionError(step, option, given, words)
    found = tuple(given)
    for text in found:
        if not isinstance(text, str) or (known is not None and text not in known):
            raise OptionError(step, option, text, words)
    return found


def one_or_several(
    step: str, option: str, given: object, allowed: Iterable[str] | None = None, *, example: str = ""
) -> tuple[str, ...]:
    """One text, or several of them: a tuple of texts, each one of the allowed."""
    if isinstance(given, str) or not isinstance(given, Iterable):
        given = (given,)
    return texts(step, option, tuple(given), allowed, example=example)


def count(step: str, option: str, given: object) -> int:
    """A whole number of at least 1."""
    if isinstance(given, bool) or not isinstance(given, int) or given < 1:
        raise OptionError(step, option, given, "a whole number of at least 1")
    return given


def microseconds(step: str, option: str, given: object, *, also: str = "") -> int:
    """A positive duration, in microseconds. ``also``: what else the option may be."""
    try:
        said = _DAYS.sub("D", given) if isinstance(given, str) else given
        duration = int(pd.Timedelta(said) // MICROSECOND)  # type: ignore[arg-type]
    except (ValueError, TypeError):
        duration = 0
    if duration <= 0:
        raise OptionError(step, option, given, f"a positive duration such as '30min' or '90D'{also}")
    return duration


def epoch_us(moment: pd.Timestamp) -> int:
    """Microseconds since 1970 of a moment in UTC; what is finer is cut off.

    >>> epoch_us(pd.Timestamp("1970-01-01T00:00:01Z"))
    1000000
    """
    return int(moment.tz_localize(None).to_datetime64().astype("datetime64[us]").astype(np.int64))


def day(step: str, option: str, given: object) -> dt.date | None:
    """A day in ISO 8601, or None; the day after it must exist as well.

    >>> day("explore", "since", "2026-01-31")
    datetime.date(2026, 1, 31)
    """
    if given is None:
        return None
    try:
        read = dt.date.fromisoformat(given)  # type: ignore[arg-type]
        read + dt.timedelta(days=1)
    except (TypeError, ValueError, OverflowError):
        raise OptionError(step, option, given, "None or a day such as '2026-01-31'") from None
    return read


def instant(step: str, option: str, given: object, *, also: str = "None or ") -> pd.Timestamp:
    """A moment in UTC; without a zone it is taken as UTC, a date alone as its first instant.

    Texts are ISO 8601: of any other form nobody can say which number is the month. ``also``: what else
    the option may be.
    """
    words = f"{also}a moment such as '2026-01-31T12:00Z'"
    is_read = isinstance(given, dt.date | np.datetime64) or (isinstance(given, str) and _ISO.match(given.strip()))
    try:
        moment = pd.Timestamp(given) if is_read else None  # type: ignore[arg-type]
    except (ValueError, TypeError):
        moment = None
    if not isinstance(moment, pd.Timestamp):
        raise OptionError(step, option, given, words)
    return moment.tz_localize("UTC") if moment.tzinfo is None else moment.tz_convert("UTC")
