"""What journeys look like, as tables: how many touches, how long they took, which paths are the most frequent."""

from __future__ import annotations

from collections.abc import Iterable
from typing import TYPE_CHECKING, Final

import numpy as np
import pandas as pd

from datalyr_notebook import options, schema
from datalyr_notebook.attribution.paths import SEPARATOR, PathCounts
from datalyr_notebook.journeys.lookback import DAY_US
from datalyr_notebook.journeys.paths import summed
from datalyr_notebook.order import Flags, Floats, Ints

if TYPE_CHECKING:
    from datalyr_notebook.attribution.result import Attribution

UNITS: Final = {"hour": DAY_US // 24, "day": DAY_US, "week": 7 * DAY_US}
"""What a lag is counted in → microseconds."""
SINCE: Final = ("first_touch", "last_touch")
"""The touch a lag is counted from."""
NO_TOUCH: Final = "(no touch)"
"""The path of a conversion that looks back on nothing."""


def path_lengths(result: Attribution) -> pd.DataFrame:
    """How many touches conversions look back on: a row a number of touches, in the columns of ``schema.PATH_LENGTHS``.

    ``touches`` 0 are the unattributed conversions, so the rows add up to all conversions. Numbers of
    touches that no conversion has are left away. What ``include``, ``exclude`` and ``path`` took out of the
    journeys is not counted. Sorted by touches.

    >>> from datalyr_notebook.attribution.attribute import attribute
    >>> from datalyr_notebook.identity.stitching import stitch
    >>> events = pd.DataFrame({
    ...     "timestamp": ["2026-01-01T10:00Z", "2026-01-03T10:00Z", "2026-01-03T10:05Z"],
    ...     "event_name": ["pageview", "pageview", "purchase"], "source": ["tiktok", "chatgpt.com", None],
    ...     "user_id": "u1", "value": [None, None, 50.0],
    ... })
    >>> path_lengths(attribute(stitch(events)))
       touches  conversions  value  share  share_up_to
    0        2            1   50.0    1.0          1.0
    """
    touches, group = np.unique(result.journeys.lengths, return_inverse=True)
    table = pd.DataFrame({"touches": touches, **_counted(group, len(touches), result.journeys.value)})
    return schema.typed(table, schema.PATH_LENGTHS)


def time_lags(result: Attribution, *, unit: str = "day", since: str = "first_touch") -> pd.DataFrame:
    """How long conversions took: a row a lag, in the columns of ``schema.TIME_LAGS``.

    A lag is the time from the first (``since="first_touch"``) or last touch (``"last_touch"``) of the
    journey to the conversion, in whole units: 0 = less than one, and exactly one is 1. ``unit``: ``"hour"``,
    ``"day"`` (24 hours) or ``"week"`` (7 days). Conversions without a touch have no lag and are not in the
    table: it adds up to those with a touch. A lag that no conversion has is left away. Sorted by lag.

    Raises OptionError.

    >>> from datalyr_notebook.attribution.attribute import attribute
    >>> from datalyr_notebook.identity.stitching import stitch
    >>> events = pd.DataFrame({
    ...     "timestamp": ["2026-01-01T10:00Z", "2026-01-03T10:00Z", "2026-01-03T10:05Z"],
    ...     "event_name": ["pageview", "pageview", "purchase"], "source": ["tiktok", "chatgpt.com", None],
    ...     "user_id": "u1", "value": [None, None, 50.0],
    ... })
    >>> time_lags(attribute(stitch(events)))
       lag unit        since  conversions  value  share  share_up_to
    0    2  day  first_touch            1   50.0    1.0          1.0
    """
    unit_us = UNITS[options.one_of("time_lags", "unit", unit, UNITS)]
    start = options.one_of("time_lags", "since", since, SINCE)
    journeys = result.journeys
    touched = np.flatnonzero(journeys.lengths > 0)
    place = journeys.indptr[touched] if start == "first_touch" else journeys.indptr[touched + 1] - 1
    # Back to whole microseconds: 7 / 24 of a day times 24 is not 7.
    age = np.rint(journeys.age_days[place] * DAY_US).astype(np.int64)
    lags, group = np.unique(age // unit_us, return_inverse=True)
    columns = {"lag": lags, "unit": unit, "since": since, **_counted(group, len(lags), journeys.value[touched])}
    return schema.typed(pd.DataFrame(columns), schema.TIME_LAGS)


def top_paths(
    result: Attribution, n: int = 20, *, by: str | Iterable[str] = "channel", separator: str = SEPARATOR
) -> pd.DataFrame:
    """The ``n`` most frequent converting paths, a row each, in the columns of ``schema.TOP_PATHS``.

    ``by``: the touch columns that paths are made of. ``nulls`` are people who went exactly this path,
    after their last conversion or without one, and did not convert; ``conversion_rate`` is what is left
    after them. The path of conversions without a touch is ``(no touch)``: people who neither touched
    anything nor converted are not in the events, so it has no nulls and no rate. Two paths whose names
    contain the separator may read alike; they keep a row each.

    Sorted by conversions and value, largest first, then by path. Raises OptionError.

    >>> from datalyr_notebook.attribution.attribute import attribute
    >>> from datalyr_notebook.identity.stitching import stitch
    >>> events = pd.DataFrame({
    ...     "timestamp": ["2026-01-01T10:00Z", "2026-01-03T10:00Z", "2026-01-03T10:05Z"],
    ...     "event_name": ["pageview", "pageview", "purchase"], "source": ["tiktok", "chatgpt.com", None],
    ...     "user_id": "u1", "value": [None, None, 50.0],
    ... })
    >>> top_paths(attribute(stitch(events)))[["path", "touches", "conversions", "value", "nulls"]]
                                 path  touches  conversions  value  nulls
    0  Organic Social > AI Assistants        2            1   50.0      0
    """
    wanted = options.count("top_paths", "n", n)
    counts = result.paths(by)
    counts = counts.taken(counts.conversions > 0)
    counts = counts.taken(_leading(counts, wanted))
    is_empty = counts.lengths == 0
    tried = counts.conversions + counts.nulls
    rows = pd.DataFrame(
        {
            "path": np.where(is_empty, NO_TOUCH, np.array(counts.texts(separator), dtype=object)),
            "touches": counts.lengths,
            "conversions": counts.conversions,
            "value": counts.value,
            "nulls": np.where(is_empty, 0, counts.nulls),
            "conversion_rate": np.where(is_empty, np.nan, counts.conversions / tried),
        }
    )
    inorder = rows.assign(worth=_worth(counts)).sort_values(
        ["conversions", "worth", "path", "touches"], ascending=[False, False, True, True], ignore_index=True
    )
    return schema.typed(inorder.head(wanted), schema.TOP_PATHS)


def _counted(group: Ints, groups: int, value: Floats) -> dict[str, Floats | Ints]:
    """Conversions of each group, what they are worth, their share, and the share up to there."""
    conversions = np.bincount(group, minlength=groups)
    total = max(len(group), 1)
    return {
        "conversions": conversions,
        "value": summed(group, value, groups),
        "share": conversions / total,
        "share_up_to": np.cumsum(conversions) / total,
    }


def _leading(counts: PathCounts, n: int) -> Flags:
    """The paths that may be among the first n; those that tie with the last of them, too."""
    worth = _worth(counts)
    inorder = np.lexsort((-worth, -counts.conversions))
    if len(inorder) <= n:
        return np.ones(len(inorder), dtype=bool)
    last = inorder[n - 1]
    more, alike = counts.conversions > counts.conversions[last], counts.conversions == counts.conversions[last]
    leading: Flags = more | (alike & (worth >= worth[last]))
    return leading


def _worth(counts: PathCounts) -> Floats:
    """The value to sort by: what the order of adding changes in the last bit must not change the order of paths."""
    return np.round(counts.value, 6)
