"""Between: the dates whose conversions are asked for."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any, Final, TypeAlias

import numpy as np
import pandas as pd

from datalyr_notebook import errors, options
from datalyr_notebook.order import Flags, Ints
from datalyr_notebook.rendering import moment

BetweenOption: TypeAlias = tuple[Any, Any] | list[Any] | None

_ANY: Final = np.iinfo(np.int64)
_WORDS: Final = (
    "None, or a pair of moments, the earlier one first, such as ('2026-01-01', '2026-02-01') or (start, None)"
)


@dataclass(frozen=True)
class Between:
    """A stretch of time in microseconds: ``since_us`` belongs to it, ``until_us`` does not."""

    since_us: int = int(_ANY.min)
    until_us: int = int(_ANY.max)

    @property
    def is_all(self) -> bool:
        """Whether every moment belongs to it."""
        return self == Between()

    def holds(self, time: Ints) -> Flags:
        """Which of these moments belong to it."""
        flags: Flags = (time >= self.since_us) & (time < self.until_us)
        return flags

    def __str__(self) -> str:
        """As a headline says it: ``from 1 Jan 2026 00:00 UTC, before 1 Feb 2026 00:00 UTC``."""
        parts = [("from", self.since_us, _ANY.min), ("before", self.until_us, _ANY.max)]
        told = [f"{word} {moment(pd.Timestamp(at, unit='us', tz='UTC'))}" for word, at, any_ in parts if at != any_]
        return ", ".join(told)


def read_between(step: str, given: BetweenOption) -> Between:
    """What an analyst passed as ``between=``: the first moment that counts, and the first that does not any more.

    Either may be None; a date alone is its first instant. Raises OptionError.

    >>> str(read_between("attribute", ("2026-01-01", None)))
    'from 1 Jan 2026 00:00 UTC'
    """
    if given is None:
        return Between()
    if not isinstance(given, tuple | list) or len(given) != 2:
        raise errors.OptionError(step, "between", given, _WORDS)
    given_edges = zip(("since_us", "until_us"), given, strict=True)
    between = Between(**{edge: _microseconds(step, one) for edge, one in given_edges if one is not None})
    if between.since_us >= between.until_us:
        raise errors.OptionError(step, "between", given, _WORDS)
    return between


def _microseconds(step: str, given: object) -> int:
    return options.epoch_us(options.instant(step, "between", given))
