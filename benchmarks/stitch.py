"""stitch against the plainest SQL and plain pandas: ratios, agreement of the answers, peak memory.

The SQL gives each device its first user (``arg_min``), which is less than any policy of ours does;
it runs in DuckDB, with its default threads, on the same frame in memory.
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
)

FIRST_USER: Final = """
with {once}
owner as (
    select anonymous_id, arg_min(user_id, timestamp) as user_id from {table}
    where user_id is not null group by anonymous_id
)
select {table}.*, coalesce({table}.user_id, owner.user_id, {table}.anonymous_id) as person_id
from {table} left join owner using (anonymous_id)
"""

ONE_ROW_PER_EVENT_ID: Final = {
    "row_number": "select * from events qualify row_number() over (partition by event_id order by timestamp) = 1",
    "any row_number": "select * from events qualify row_number() over (partition by event_id) = 1",
    "first": "select event_id, {firsts} from events group by event_id",
    "arg_min": "select event_id, min(timestamp) as timestamp, {arg_mins} from events group by event_id",
    "distinct on, for repeated ids only": """
        select * from events anti join twice using (event_id) union all
        (select distinct on (event_id) * from events semi join twice using (event_id) order by event_id, timestamp)""",
}
"""Ways to keep one row per event_id; variant B is measured against the textbook's way (the first in time,
as ours) and against the fastest."""

TRIALS: Final = 2

_REPEATED: Final = "twice as materialized (select event_id from events group by event_id having count(*) > 1),"

SQL, PANDAS = "SQL", "pandas"
TEXTBOOK = "SQL that keeps the first by row_number"
NEXT, NEXT_FROM_NORMALIZED = "next, from str", "next, from normalized"
SESSION_FROM_NORMALIZED = "session, from normalized"

GOALS_A: Final = (
    Goal(NEXT, SQL, 3.5),
    Goal(NEXT, PANDAS, 0.5),
    Goal(NEXT_FROM_NORMALIZED, SQL, 0.5),
    Goal(SESSION_FROM_NORMALIZED, SQL, 1.0),
)
GOALS_B: Final = (Goal(NEXT, TEXTBOOK, 1.0), Goal(NEXT, SQL, 1.0))


def main() -> None:
    """Measure variant A, then variant B, and print what came out."""
    size, rounds = read_arguments("stitch", events=5_000_000, rounds=5)
    _variant_a(make_events(size), rounds)
    print_memory("normalize_events + stitch", peak_extra(make_events, stitch_next, size))
    print()
    _variant_b(make_events(size, with_event_id=True), rounds)


def sql_query(columns: list[str], once: str | None = None) -> str:
    """The first user of each device, after keeping one row per event_id in the way named ``once``."""
    if once is None:
        return FIRST_USER.format(once="", table="events")
    others = [name for name in columns if name != "event_id"]
    select = ONE_ROW_PER_EVENT_ID[once].format(
        firsts=", ".join(f"first({name}) as {name}" for name in others),
        arg_mins=", ".join(f"arg_min({name}, timestamp) as {name}" for name in others if name != "timestamp"),
    )
    repeated = _REPEATED if "twice" in select else ""
    return FIRST_USER.format(once=f"{repeated} kept as materialized ({select}),", table="kept")


def run_sql(events: pd.DataFrame, query: str) -> pa.Table:
    """The answer as an Arrow table with every column and person_id."""
    with duckdb.connect() as connection:
        connection.register("events", events)
        return connection.sql(query).to_arrow_table()


def in_pandas(events: pd.DataFrame) -> pd.DataFrame:
    """The same as the SQL in three plain steps: sort, drop_duplicates, merge."""
    known = events.loc[events["user_id"].notna(), ["timestamp", "anonymous_id", "user_id"]]
    owner = known.sort_values("timestamp").drop_duplicates("anonymous_id").drop(columns="timestamp")
    merged = events.merge(owner.rename(columns={"user_id": "owner"}), on="anonymous_id", how="left")
    merged["person_id"] = merged["user_id"].fillna(merged["owner"]).fillna(merged["anonymous_id"])
    return merged.drop(columns="owner")


def stitch_next(events: pd.DataFrame) -> pd.DataFrame:
    """Ours, from text columns."""
    return dn.stitch(dn.normalize_events(events), policy="next")


def _variant_a(events: pd.DataFrame, rounds: int) -> None:
    print(f"Variant A\n{describe(events)}\n")
    query = sql_query(list(events.columns))
    normalized = dn.normalize_events(events)
    contenders: dict[str, Callable[[], object]] = {
        SQL: lambda: run_sql(events, query),
        PANDAS: lambda: in_pandas(events),
        NEXT: lambda: stitch_next(events),
        NEXT_FROM_NORMALIZED: lambda: dn.stitch(normalized, policy="next"),
        SESSION_FROM_NORMALIZED: lambda: dn.stitch(normalized),
    }
    _check_a(events, run_sql(events, query))
    print()
    print_ratios(interleave(contenders, rounds), GOALS_A)


def _variant_b(events: pd.DataFrame, rounds: int) -> None:
    print(f"Variant B\n{describe(events)}\n")
    queries = {once: sql_query(list(events.columns), once) for once in ONE_ROW_PER_EVENT_ID}
    runs = interleave({once: partial(run_sql, events, query) for once, query in queries.items()}, TRIALS)
    trial = {once: min(run.seconds for run in tried) for once, tried in runs.items()}
    fastest = min(trial, key=lambda once: trial[once])
    print("one row per event_id, as multiples of the fastest SQL (the better of two trial runs each):")
    print(", ".join(f"{once} {seconds / trial[fastest]:.2f}" for once, seconds in trial.items()))
    rows = run_sql(events, queries[fastest])
    ours = stitch_next(events)
    print_check("both keep the same number of rows", holds=rows.num_rows == len(ours))
    _check_ours(rows, ours)
    del rows, ours
    print()
    contenders: dict[str, Callable[[], object]] = {
        TEXTBOOK: lambda: run_sql(events, queries["row_number"]),
        SQL: lambda: run_sql(events, queries[fastest]),
        NEXT: lambda: stitch_next(events),
    }
    print_ratios(interleave(contenders, rounds), GOALS_B)


def _check_a(events: pd.DataFrame, rows: pa.Table) -> None:
    print_check("SQL and pandas give every row the same person", holds=_differing(rows, in_pandas(events)) == 0)
    _check_ours(rows, stitch_next(events))


def _check_ours(rows: pa.Table, ours: pd.DataFrame) -> None:
    """Where a device has at most one user, its first user and every policy of ours mean the same."""
    several = "(select anonymous_id from ours group by all having count(distinct user_id) > 1)"
    differing = _differing(rows, ours, f"where anonymous_id not in {several}")
    print_check("SQL and ours give every row of a device with at most one user the same person", holds=differing == 0)


def _differing(rows: pa.Table, other: pd.DataFrame, where: str = "") -> int:
    """How many rows one side has and the other has not, whatever their order."""
    columns = ["timestamp", "anonymous_id", "user_id", "person_id"]
    listed = ", ".join(columns)
    with duckdb.connect() as connection:
        connection.register("theirs", rows.select(columns))
        connection.register("ours", pa.table({name: _text(other[name]) for name in columns}))
        question = " union all ".join(
            f"(select {listed} from {one} {where} except all select {listed} from {two} {where})"
            for one, two in (("theirs", "ours"), ("ours", "theirs"))
        )
        return int(connection.sql(f"select count(*) from ({question})").fetchall()[0][0])


def _text(values: pd.Series) -> pa.Array:
    """A column as Arrow sees it, categories as their texts."""
    array = pa.array(values, from_pandas=True)
    return array.cast(pa.large_string()) if pa.types.is_dictionary(array.type) else array


if __name__ == "__main__":
    main()
