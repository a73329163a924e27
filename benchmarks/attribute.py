"""attribute with five rule models against window-function SQL: ratios, equal totals, peak memory.

The SQL reads the stitched frame and answers the same question: conversions and credit a model and
channel, touches at most 90 days before their conversion. These events hold no click ids and no
order ids, so the SQL leaves out what would read them.
"""

from __future__ import annotations

from collections.abc import Callable
from functools import partial
from typing import Final

import duckdb
import pandas as pd
import pyarrow as pa

import datalyr_notebook as dn
from benchmarks.make_events import describe, make_events
from benchmarks.measure import (
    Goal,
    interleave,
    peak_extra,
    print_check,
    print_memory,
    print_ratios,
    read_arguments,
    same_numbers,
)
from datalyr_notebook.journeys.channels import assign_channels

MODELS: Final = ("hybrid", "first_touch", "last_touch", "last_non_direct", "linear")
AT_MOST: Final = {"event": 0.3, "session": 0.6}
"""Level → our time as a multiple of the SQL's."""

TRIALS: Final = 2

_SIGNALS: Final = {
    "event": "select person_id, timestamp, source, medium from events where source is not null",
    "session": """
        select person_id, min(timestamp) as timestamp, source, medium from events where source is not null
        group by person_id, anonymous_id, session_id, source, medium""",
}
"""Level → the touches with evidence: every such row, or each distinct signal of a visit."""

_TOTALS: Final = """
with touches as materialized (
    select person_id, timestamp, channel from ({signals}) join channels using (source, medium)
    union all
    select person_id, min(timestamp), 'Direct' from events
    group by person_id, anonymous_id, session_id having count(source) = 0
),
conversions as materialized (
    select row_number() over () as conversion, person_id, timestamp, value from events where event_name = 'purchase'
),
journeys as (
    select conversion, value, channel,
        row_number() over (partition by conversion order by touches.timestamp) as place,
        count(channel) over (partition by conversion) as length
    from conversions left join touches
        on touches.person_id = conversions.person_id
        and touches.timestamp between conversions.timestamp - interval 90 days and conversions.timestamp
),
places as (
    select *,
        min(place) filter (where channel <> 'Direct') over (partition by conversion) as first_ad,
        max(place) filter (where channel <> 'Direct') over (partition by conversion) as last_ad
    from journeys
),
weights as (
    select coalesce(channel, 'unattributed') as channel, value,
        (place = coalesce(first_ad, greatest(length, 1)))::double as hybrid,
        (place = 1)::double as first_touch,
        (place = greatest(length, 1))::double as last_touch,
        (place = coalesce(last_ad, greatest(length, 1)))::double as last_non_direct,
        1.0::double / greatest(length, 1) as linear
    from places
),
sums as (select channel, {sums} from weights group by channel)
{models}
"""


def main() -> None:
    """Measure both levels and print what came out."""
    size, rounds = read_arguments("attribute", events=5_000_000, rounds=5)
    events = make_events(size)
    print(f"{describe(events)}, stitched by the default policy\n")
    stitched = stitched_events(events)
    del events
    channels = channel_table(stitched)
    inputs = {"ids as categories": stitched, "ids as text": _with_text_ids(stitched)}
    runs = interleave({name: partial(run_sql, table, channels, "event") for name, table in inputs.items()}, TRIALS)
    trial = {name: min(run.seconds for run in tried) for name, tried in runs.items()}
    fastest = min(trial, key=lambda name: trial[name])
    print("the SQL's input, as multiples of the faster one (the better of two trial runs each):")
    print(", ".join(f"{name} {seconds / trial[fastest]:.2f}" for name, seconds in trial.items()))
    given = inputs[fastest]
    del inputs
    for level in AT_MOST:
        print_check(f"both give the same totals, level={level!r}", holds=_agree(stitched, given, channels, level))
    print()
    contenders: dict[str, Callable[[], object]] = {}
    for level in AT_MOST:
        contenders[f"SQL, {level}"] = partial(run_sql, given, channels, level)
        contenders[f"ours, {level}"] = partial(our_totals, stitched, level)
    goals = [Goal(f"ours, {level}", f"SQL, {level}", at_most) for level, at_most in AT_MOST.items()]
    print_ratios(interleave(contenders, rounds), goals)
    del stitched, given, contenders
    for level in AT_MOST:
        extra = peak_extra(make_stitched, partial(our_totals, level=level), size)
        print_memory(f"attribute(level={level!r})", extra)


def make_stitched(events: int) -> pd.DataFrame:
    """The benchmark's events, stitched."""
    return stitched_events(make_events(events))


def stitched_events(events: pd.DataFrame) -> pd.DataFrame:
    """Events normalized and stitched by the defaults."""
    return dn.stitch(dn.normalize_events(events))


def our_totals(stitched: pd.DataFrame, level: str) -> pd.DataFrame:
    """Ours: conversions and credit a model and channel."""
    return dn.attribute(stitched, conversion="purchase", model=list(MODELS), level=level).totals


def channel_table(stitched: pd.DataFrame) -> pd.DataFrame:
    """The channel of each distinct source and medium, by our own rules."""
    pairs = stitched[["source", "medium"]].dropna().drop_duplicates().reset_index(drop=True)
    return pairs.astype(object).assign(channel=assign_channels(pairs).astype(object))


def run_sql(events: pd.DataFrame, channels: pd.DataFrame, level: str) -> pa.Table:
    """The SQL's conversions and credit a model and channel."""
    sums = ", ".join(
        f"sum({model}) as {model}_conversions, sum({model} * coalesce(value, 0)) as {model}_credit" for model in MODELS
    )
    models = " union all ".join(
        f"select '{model}' as model, channel, {model}_conversions as conversions, {model}_credit as credit from sums"
        for model in MODELS
    )
    with duckdb.connect() as connection:
        connection.register("events", events)
        connection.register("channels", channels)
        return connection.sql(_TOTALS.format(signals=_SIGNALS[level], sums=sums, models=models)).to_arrow_table()


def _with_text_ids(stitched: pd.DataFrame) -> pd.DataFrame:
    """The same frame with plain text where ours holds categories."""
    coded = [name for name in stitched.columns if isinstance(stitched[name].dtype, pd.CategoricalDtype)]
    return stitched.assign(**{name: stitched[name].astype(stitched[name].cat.categories.dtype) for name in coded})


def _agree(stitched: pd.DataFrame, given: pd.DataFrame, channels: pd.DataFrame, level: str) -> bool:
    """Equal conversions and credit, to 1e-6, in every model and channel."""
    keys = ["model", "channel"]
    theirs = run_sql(given, channels, level).to_pandas().astype(dict.fromkeys(keys, object))
    theirs = theirs[(theirs["conversions"] > 0) | (theirs["credit"] != 0)]
    ours = our_totals(stitched, level).astype(dict.fromkeys(keys, object))
    both = ours.merge(theirs, on=keys, how="outer", suffixes=("", "_sql")).fillna(0.0)
    return all(same_numbers(both[name], both[f"{name}_sql"]) for name in ("conversions", "credit"))


if __name__ == "__main__":
    main()
