"""Days, weeks and months of events, in UTC."""

from __future__ import annotations

from typing import Final

import numpy as np
import pandas as pd

from datalyr_notebook.journeys.lookback import DAY_US
from datalyr_notebook.order import Ints

CALENDAR: Final = ("day", "week", "month")
"""Units of time in UTC; a week starts on Monday."""

_MONDAY: Final = 4
"""1970-01-05, the first Monday, in days since 1970."""


def periods(time: Ints, unit: str) -> tuple[Ints, pd.DatetimeIndex]:
    """Each instant's period as a place among the starts of the periods; -1 where there is no instant.

    ``time``: microseconds since 1970, the least of all numbers for none. ``unit``: one of ``CALENDAR``.
    Periods stand in order of appearance.

    >>> place, starts = periods(np.array([3 * DAY_US, 4 * DAY_US, 10 * DAY_US]), "week")
    >>> place.tolist(), starts.strftime("%Y-%m-%d").tolist()
    ([0, 1, 1], ['1969-12-29', '1970-01-05'])
    """
    is_timed = time > np.iinfo(np.int64).min
    day = np.where(is_timed, time // DAY_US, 0)
    if unit == "week":
        day -= (day - _MONDAY) % 7
    elif unit == "month":
        day = day.astype("datetime64[D]").astype("datetime64[M]").astype("datetime64[D]").astype(np.int64)
    code, days = pd.factorize(day)
    starts = pd.DatetimeIndex((days * DAY_US).view("datetime64[us]"), tz="UTC")
    return np.where(is_timed, code, -1).astype(np.int64), starts
