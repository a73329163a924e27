"""A million touches as another tool would export them: one row a touch, in the order they happened.

222,000 journeys of very different lengths, of which 23,000 convert on their last touch; twelve channels, the
n-th as popular as 1 / n; whole seconds, never two touches of a journey in one. The same seed makes the same
touches.
"""

from __future__ import annotations

from typing import Final

import numpy as np
import pandas as pd

JOURNEYS: Final = 0.222
CONVERSIONS: Final = 0.023
"""Per touch."""

CHANNELS: Final = (
    "Paid Search",
    "Direct",
    "Organic Search",
    "Paid Social",
    "Email",
    "Referral",
    "Organic Social",
    "Display",
    "Affiliates",
    "Paid Video",
    "SMS",
    "Audio",
)

_DAY_S: Final = 86_400
_SPAN_S: Final = 60 * _DAY_S
_MEAN_GAP_S: Final = 3 * _DAY_S


def make_touches(touches: int, seed: int = 0) -> pd.DataFrame:
    """Columns journey, timestamp, channel, converted, value; values above 0 where converted."""
    rng = np.random.default_rng(seed)
    journeys = round(touches * JOURNEYS)
    popularity = 1 / np.arange(1, len(CHANNELS) + 1)
    eagerness = rng.gamma(1.0, size=journeys)
    lengths = 1 + rng.multinomial(touches - journeys, eagerness / eagerness.sum())
    last = np.cumsum(lengths) - 1
    gap_s = 1 + rng.exponential(_MEAN_GAP_S, touches).astype(np.int64)
    gap_s[last - lengths + 1] = 0
    age_s = np.cumsum(gap_s)
    second = np.repeat(rng.integers(0, _SPAN_S, journeys) - age_s[last - lengths + 1], lengths) + age_s
    bought = last[rng.choice(journeys, round(touches * CONVERSIONS), replace=False)]
    value = np.zeros(touches)
    value[bought] = 0.01 + rng.gamma(2.0, 50.0, len(bought)).round(2)
    made = pd.DataFrame(
        {
            "journey": np.repeat(rng.permutation(journeys), lengths),
            "timestamp": np.datetime64("2026-01-01", "us") + second.astype("timedelta64[s]"),
            "channel": np.array(CHANNELS)[rng.choice(len(CHANNELS), touches, p=popularity / popularity.sum())],
            "converted": value > 0,
            "value": value,
        }
    )
    return made.sort_values(["timestamp", "journey"], ignore_index=True)


def describe(touches: pd.DataFrame) -> str:
    """One line: rows, journeys, conversions, channels."""
    return (
        f"{len(touches):,} touches, {touches['journey'].nunique():,} journeys, "
        f"{int(touches['converted'].sum()):,} conversions, {touches['channel'].nunique()} channels"
    )
