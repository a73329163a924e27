"""Lookback: how old a touch may be when a conversion looks back on it, whatever or by source."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field, replace
from typing import Final, TypeAlias

import numpy as np
import pandas as pd

from datalyr_notebook import errors, options
from datalyr_notebook.journeys.channels import SOURCE_ALIASES
from datalyr_notebook.loading.hosts import SITES, host_of, longest_match
from datalyr_notebook.order import Ints

DAY_US: Final = 86_400 * 10**6
UNLIMITED: Final = np.iinfo(np.int64).max
OTHERS: Final = "others"
"""The key for every source that a mapping does not name."""

_DEFAULT: Final = "90D"
_PLATFORM: Final = "platform"
_META: Final = ("facebook", "instagram", "messenger", "threads")
_PLATFORMS: Final[Mapping[str, str]] = {**dict.fromkeys(_META, "7D"), "google": "90D", "tiktok": "28D", OTHERS: "30D"}
"""The click windows of the ad platforms, as Datalyr's page "How attribution works" lists them."""

_ALLOWED: Final = "sources as keys, such as {'facebook': '7D', 'google': '90D', 'others': '30D'}"

Duration: TypeAlias = str | pd.Timedelta | None
LookbackOption: TypeAlias = Duration | Mapping[str, Duration]


@dataclass(frozen=True)
class Lookback:
    """How old a touch may be, in microseconds."""

    others_us: int
    by_source: Mapping[str, int] = field(default_factory=dict)
    """Source (as :func:`named_source` writes it) → its own."""
    asked: Mapping[str, tuple[str, ...]] = field(default_factory=dict)
    """The keys that an analyst named sources by, and what they stand for."""

    @property
    def longest_us(self) -> int:
        """No touch of any source may be older."""
        return max(self.others_us, *self.by_source.values()) if self.by_source else self.others_us

    def unknown(self, sources: Iterable[str]) -> list[str]:
        """The keys of a mapping that none of these sources goes by."""
        known = {named_source(source) for source in sources}
        return [key for key, names in self.asked.items() if not known & set(names)]

    def of(self, sources: pd.Series) -> Ints:
        """The lookback of each touch; ``sources``: a category column."""
        texts = [named_source(str(text)) for text in sources.cat.categories]
        limits = np.array([self.by_source.get(text, self.others_us) for text in texts] + [self.others_us])
        return limits.astype(np.int64)[sources.cat.codes.to_numpy()]

    def __str__(self) -> str:
        """As a headline says it: ``90 days``, ``any age``, ``30 days (facebook 7 days)``."""
        named = [f"{source} {_days(limit)}" for source, limit in self.by_source.items()]
        return _days(self.others_us) + (f" ({', '.join(named)})" if named else "")


def read_lookback(step: str, given: LookbackOption) -> Lookback:
    """What an analyst passed as ``lookback=``.

    A mapping's keys are sources, compared without case and under their common names (``fb`` is facebook;
    ``meta`` is all that Meta has), and ``others``, 90 days where it is not named. Raises OptionError.

    >>> str(read_lookback("attribute", {"fb": "7D", "others": None}))
    'any age (facebook 7 days)'
    """
    if isinstance(given, str) and given == _PLATFORM:
        return replace(read_lookback(step, _PLATFORMS), asked={})
    if not isinstance(given, Mapping):
        return Lookback(_microseconds(step, given))
    limits: dict[str, int] = {}
    asked: dict[str, tuple[str, ...]] = {}
    for source, duration in given.items():
        if not isinstance(source, str) or not source.strip():
            raise errors.OptionError(step, "lookback", given, _ALLOWED)
        limit = _microseconds(step, duration)
        asked[source] = _META if source.strip().casefold() == "meta" else (named_source(source),)
        for name in asked[source]:
            if limits.setdefault(name, limit) != limit:
                words = f"one duration for {name!r}, which two of the keys name"
                raise errors.OptionError(step, "lookback", given, words)
    others = limits.pop(OTHERS, None)
    asked = {key: names for key, names in asked.items() if names != (OTHERS,)}
    return Lookback(_microseconds(step, _DEFAULT) if others is None else others, limits, asked)


def named_source(source: str) -> str:
    """A source under its common name; a site's host names the site.

    >>> [named_source(text) for text in ("Meta", "m.facebook.com", "newsletter")]
    ['facebook', 'facebook', 'newsletter']
    """
    name = source.strip().casefold()
    name = SOURCE_ALIASES.get(name, name)
    host = host_of(name)
    site = None if host is None else longest_match(host, SITES)
    return name if site is None else site.source


def _microseconds(step: str, given: object) -> int:
    also = ", None for any age, 'platform', or a dict by source"
    return UNLIMITED if given is None else options.microseconds(step, "lookback", given, also=also)


def _days(limit: int) -> str:
    if limit == UNLIMITED:
        return "any age"
    days = limit / DAY_US
    return f"{days:g} day" if days == 1 else f"{days:g} days"
