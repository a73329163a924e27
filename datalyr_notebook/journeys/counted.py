"""Which events count and what they are worth, where the visit they happened in does not matter."""

from __future__ import annotations

from collections.abc import Iterable, Mapping

import numpy as np
import pandas as pd

from datalyr_notebook import options, order
from datalyr_notebook.journeys.conversions import Conversion, ConversionRows, conversion_kinds, conversion_rows
from datalyr_notebook.journeys.visits import Visits
from datalyr_notebook.order import Flags, Ints


def counted_conversions(
    stitched: pd.DataFrame,
    conversion: Conversion = "purchase",
    *,
    refunds: str = "net",
    refund_events: Iterable[str] = ("refund",),
    rates: Mapping[str, float] | None = None,
) -> ConversionRows:
    """The conversions of ``find_conversions``, as rows; none of them knows its visit.

    Raises OptionError, CurrencyError.

    >>> from datalyr_notebook.identity.stitching import stitch
    >>> events = pd.DataFrame({
    ...     "timestamp": ["2026-01-01T10:00Z", "2026-01-04T09:00Z"], "event_name": ["purchase", "refund"],
    ...     "user_id": "u1", "order_id": "A1", "value": [99.99, -20.0], "currency": "USD",
    ... })
    >>> counted_conversions(stitch(events)).value.round(2).tolist()
    [79.99]
    """
    kinds = conversion_kinds(stitched, conversion)
    names = options.one_or_several("find_conversions", "refund_events", refund_events)
    rows = asked_rows(stitched, kinds, names)
    found = conversion_rows(
        stitched.iloc[rows],
        Visits(np.full(len(rows), -1, dtype=np.int64), np.zeros(0, dtype=np.int64)),
        kinds={kind: mask[rows] for kind, mask in kinds.items()},
        refunds=refunds,
        refund_events=names,
        rates=rates,
        timeout_us=0,
    )
    return found.seen_from(rows)


def asked_rows(stitched: pd.DataFrame, kinds: Mapping[str, Flags], refund_events: tuple[str, ...]) -> Ints:
    """The rows that may count or reduce what counts: no other row says anything about money."""
    names = options.texts("find_conversions", "refund_events", refund_events)
    return np.flatnonzero(np.logical_or.reduce([*kinds.values(), order.is_named(stitched, names)]))
