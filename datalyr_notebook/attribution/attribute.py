"""attribute: stitched events in, an Attribution out."""

from __future__ import annotations

from collections.abc import Iterable, Mapping

import numpy as np
import pandas as pd

from datalyr_notebook import errors, schema
from datalyr_notebook.attribution.groups import grouping
from datalyr_notebook.attribution.models import Models, resolve
from datalyr_notebook.attribution.reading import Names, Reading, find_evidence, read_options
from datalyr_notebook.attribution.result import Attribution
from datalyr_notebook.attribution.weighing import looks_at_all, model_weights, stages_asked
from datalyr_notebook.frames import read_stitched
from datalyr_notebook.identity.stitching import stitch
from datalyr_notebook.journeys.between import BetweenOption
from datalyr_notebook.journeys.channel_options import Channels
from datalyr_notebook.journeys.conversions import Conversion, conversion_kinds, rows_of_converters
from datalyr_notebook.journeys.lookback import LookbackOption
from datalyr_notebook.journeys.transforms import PathOption
from datalyr_notebook.notices import say


def attribute(
    stitched: pd.DataFrame,
    *,
    conversion: Conversion = "purchase",
    model: Models = "hybrid",
    lookback: LookbackOption = "90D",
    by: str | Iterable[str] = "channel",
    level: str = "session",
    channels: Channels | None = None,
    touches_feed: str = "every",
    evidence: str = "all",
    refunds: str = "net",
    refund_events: Iterable[str] = ("refund",),
    rates: Mapping[str, float] | None = None,
    include: Names | None = None,
    exclude: Names | None = None,
    path: PathOption = (),
    app_direct: bool = False,
    session_timeout: str | pd.Timedelta = "30min",
    between: BetweenOption = None,
) -> Attribution:
    """Which touch earned each conversion, across all devices of its person.

    ``model``: a name out of ``MODELS``, a model object with parameters, or several of them; a mapping gives them
    names of your own: ``{"3 days": dn.TimeDecay(half_life_days=3)}``.
    ``by``: the touch columns of ``result.totals``.

    Which conversions: ``conversion``, ``refunds``, ``refund_events``, ``rates`` as in ``find_conversions``;
    ``between``: a pair of moments, either of them None, and of all conversions those at the first or later and
    before the second (``("2026-01-01", "2026-02-01")`` is January in UTC). What makes an order of its copies and
    refunds, and which conversion a touch feeds, is settled on all of them before: an order whose first copy lies
    before the dates does not count again, a refund after them still reduces it. Models that look at everybody
    see the people as they were when the dates ended.
    Which touches: ``level``, ``channels``, ``app_direct``, ``session_timeout`` as in ``find_touches``.

    Which touches of its person a conversion looks back on:

    - ``lookback``: how old they may be, to the microsecond: a duration, None for any age, a mapping of
      sources to durations (``{"facebook": "7D", "others": "30D"}``), or ``"platform"``: the ad platforms'
      own click windows (Meta 7 days, TikTok 28, Google 90, others 30).
    - ``touches_feed="next"``: a touch counts for the first conversion after it alone, of whatever kind, not for
      ``"every"``.
    - ``evidence="at_conversion"``: only touches known to be this person's (``person_since``) when the
      conversion happened, as a report of that day would have had it; ``"all"``: by all that is known now.
    - ``include``, ``exclude``: channels that are kept, or removed, before the model runs.
    - ``path``: transforms of what is left, in order: ``"exposure"`` (of touches of one channel in a row the
      first), ``"first"`` (of each channel its first), ``"last(n)"``, ``"remove_if_not_all(Direct)"``,
      ``"remove_if_last_and_not_all(Direct)"``, ``"unique"`` (nothing is removed).

    Per conversion and touch model the weights sum to 1; a conversion without a touch stays on
    ``unattributed``; ``result.left_out`` counts what came in and does not count. Total models
    (``markov``, ``shapley_rate``, ``participation``) say what channels earned together, and nothing of
    a single conversion. Events that are not stitched yet are stitched with the defaults first, which is said.

    Raises OptionError, CurrencyError, ModelError, JourneySizeError, JudgedAtEventError, and what stitch
    raises.

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
    models, columns = resolve(model), grouping(by)
    reading = read_options(
        "attribute",
        lookback=lookback,
        level=level,
        channels=channels,
        touches_feed=touches_feed,
        evidence=evidence,
        refunds=refunds,
        refund_events=refund_events,
        rates=rates,
        include=include,
        exclude=exclude,
        path=path,
        app_direct=app_direct,
        session_timeout=session_timeout,
        between=between,
    )
    if not (isinstance(stitched, pd.DataFrame) and schema.is_stitched(stitched)):
        say("attribute: these events were not stitched yet, so stitch(events) ran first with its defaults.")
        stitched = stitch(stitched)
    stitched = read_stitched("attribute", stitched, needs=("event_name", "person_since"))
    if schema.is_judged_at_event(stitched):
        raise errors.JudgedAtEventError("attribute")
    _tell_unknown_sources(stitched, reading)
    kinds = conversion_kinds(stitched, conversion)
    stages = stages_asked(stitched, models)
    is_of_all = looks_at_all(models)
    # Touches, conversions and weights are functions of one person's rows: without a model that looks at
    # everybody, the rows of people who do not convert cannot matter.
    at = np.arange(len(stitched)) if is_of_all else rows_of_converters(stitched, kinds, reading.refund_events)
    found = find_evidence(stitched, at, kinds, reading, stages=stages)
    return Attribution(
        stitched=stitched,
        evidence=found,
        kinds=kinds,
        models=models,
        weights=model_weights(stitched, found, models, reading),
        grouped_by=columns,
        reading=reading,
        is_of_all=is_of_all,
    )


def _tell_unknown_sources(stitched: pd.DataFrame, reading: Reading) -> None:
    """Say which sources with a lookback of their own no event has: a mistyped one would change nothing."""
    if not reading.window.lookback.asked:
        return
    sources = list(stitched["source"].cat.categories) if "source" in stitched.columns else []
    unknown = reading.window.lookback.unknown(sources)
    if unknown:
        shown = ", ".join(errors.shown(str(source)) for source in sources[:8]) or "missing"
        listed = ", ".join(map(errors.shown, unknown))
        say(f"attribute: lookback= names {listed}, which is the source of no event; sources are {shown}.")
