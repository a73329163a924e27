"""attribute: stitched events in, an Attribution out."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from typing import NamedTuple

import pandas as pd

from datalyr_notebook import errors, options, schema
from datalyr_notebook.attribution.credit import weigh
from datalyr_notebook.attribution.models import Models, resolve
from datalyr_notebook.attribution.result import Attribution, Counting, grouping
from datalyr_notebook.identity.stitching import stitch
from datalyr_notebook.journeys.conversions import (
    Conversion,
    ConversionRows,
    conversion_kinds,
    conversion_rows,
    rows_of_converters,
)
from datalyr_notebook.journeys.touches import TouchRows, check_options, touch_channels, touch_rows
from datalyr_notebook.journeys.visits import find_visits
from datalyr_notebook.journeys.windows import Journeys, find_journeys
from datalyr_notebook.notices import say
from datalyr_notebook.order import Flags, Ints


def attribute(
    stitched: pd.DataFrame,
    *,
    conversion: Conversion = "purchase",
    model: Models = "hybrid",
    lookback: str | pd.Timedelta | None = "90D",
    by: str | Iterable[str] = "channel",
    level: str = "session",
    refunds: str = "net",
    refund_events: Iterable[str] = ("refund",),
    rates: Mapping[str, float] | None = None,
    app_direct: bool = False,
    session_timeout: str | pd.Timedelta = "30min",
) -> Attribution:
    """Which touch earned each conversion, across all devices of its person.

    ``model``: a name out of ``MODELS``, a model object, or several of them. ``lookback``: how old a
    touch may be, to the microsecond; None = any age. ``by``: the touch columns of ``result.totals``.
    The other options are those of find_touches and find_conversions. Events that are not stitched
    yet are stitched with the defaults first, which is said.

    Per conversion and model the weights sum to 1; a conversion without a touch stays on
    ``unattributed``; ``result.left_out`` counts what came in and does not count.

    Raises OptionError, CurrencyError, ModelError, JudgedAtEventError, and what stitch raises.

    >>> import pandas as pd
    >>> events = pd.DataFrame({
    ...     "timestamp": ["2026-01-01T10:00Z", "2026-01-02T20:00Z", "2026-01-02T20:05Z", "2026-01-03T09:00Z"],
    ...     "event_name": ["pageview", "pageview", "purchase", "$identify"],
    ...     "anonymous_id": ["anon_phone", "anon_desktop", "anon_desktop", "anon_phone"],
    ...     "user_id": [None, None, "user_789", "user_789"],
    ...     "url": ["https://shop.example.com/?fbclid=IwAR0abc&utm_medium=paid_social", None, None, None],
    ...     "value": [None, None, 99.99, None],
    ... })
    >>> attribute(events).totals
        model      channel  conversions  credit
    0  hybrid  Paid Social          1.0   99.99
    """
    models, refund_events = resolve(model), tuple(refund_events)
    lookback_us = None if lookback is None else options.microseconds("attribute", "lookback", lookback)
    columns = grouping(by)
    if not (isinstance(stitched, pd.DataFrame) and schema.is_stitched(stitched)):
        say("attribute: these events were not stitched yet, so stitch(events) ran first with its defaults.")
        stitched = stitch(stitched)
    if schema.is_judged_at_event(stitched):
        raise errors.JudgedAtEventError("attribute")
    timeout_us = check_options("attribute", stitched, level, session_timeout)
    kinds = conversion_kinds(stitched, conversion)
    # The others' rows cannot matter: touches, conversions and weights are functions of one person's rows.
    at = rows_of_converters(stitched, kinds, refund_events)
    counting = Counting(level=level, app_direct=app_direct, timeout_us=timeout_us)
    found = find_evidence(
        stitched,
        at,
        kinds,
        counting=counting,
        lookback_us=lookback_us,
        refunds=refunds,
        refund_events=refund_events,
        rates=rates,
    )
    return Attribution(
        stitched=stitched,
        touch_rows=found.touches,
        conversion_rows=found.conversions,
        channel_of=found.channel_of,
        journeys=found.journeys,
        models=models,
        weights={name: weigh(found.journeys, one) for name, one in models.items()},
        grouped_by=columns,
        lookback_us=lookback_us,
        counting=counting,
    )


class Evidence(NamedTuple):
    """What some people's rows say of their conversions: all that a model needs."""

    touches: TouchRows
    conversions: ConversionRows
    channel_of: pd.Categorical
    journeys: Journeys


def find_evidence(
    stitched: pd.DataFrame,
    at: Ints,
    kinds: Mapping[str, Flags],
    *,
    counting: Counting,
    lookback_us: int | None,
    refunds: str,
    refund_events: Iterable[str],
    rates: Mapping[str, float] | None,
) -> Evidence:
    """Touches, conversions and journeys of the persons whose rows stand ``at`` these places.

    All rows of a person, or none, stand there. Touches and conversions point into ``stitched``.
    """
    part = stitched.iloc[at]
    visits = find_visits(part, counting.timeout_us)
    touches = touch_rows(part, visits, level=counting.level, app_direct=counting.app_direct)
    conversions = conversion_rows(
        part,
        visits,
        kinds={kind: mask[at] for kind, mask in kinds.items()},
        refunds=refunds,
        refund_events=refund_events,
        rates=rates,
        timeout_us=counting.timeout_us,
    )
    channel_of = touch_channels(part, touches)
    journeys = find_journeys(part, touches, conversions, channel_of=channel_of, lookback_us=lookback_us)
    return Evidence(touches.seen_from(at), conversions.seen_from(at), channel_of, journeys)
