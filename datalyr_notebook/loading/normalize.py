"""One shape for every event: canonical names, UTC microseconds, ids as text, re-deliveries dropped.

This is pass 0. A frame with an ``sdk`` column and UTC timestamps is canonical: it is checked,
encoded and de-duplicated, and its marketing evidence is never recomputed, so normalizing twice
equals normalizing once.
"""

from __future__ import annotations

from collections.abc import Collection, Hashable, Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor
from typing import Final

import numpy as np
import pandas as pd

from datalyr_notebook import errors, order, schema
from datalyr_notebook.frames import check_columns
from datalyr_notebook.loading import evidence
from datalyr_notebook.loading.amounts import read_amounts
from datalyr_notebook.loading.clock import MISSING, read_times
from datalyr_notebook.loading.device_type import device_type
from datalyr_notebook.loading.encoding import as_text, encode, from_numbers, in_order, is_blank, relabel
from datalyr_notebook.loading.ids import settle_ids, settle_old_apps
from datalyr_notebook.loading.payloads import lift
from datalyr_notebook.loading.redelivery import drop_redeliveries
from datalyr_notebook.loading.report import LoadReport
from datalyr_notebook.notices import say
from datalyr_notebook.progress import steps

SPELLINGS: Final[dict[str, tuple[str, ...]]] = {
    "event_id": ("event_id", "eventId"),
    "timestamp": ("timestamp",),
    "event_name": ("event_name", "eventName", "event"),
    "anonymous_id": ("anonymous_id", "anonymousId"),
    "user_id": ("user_id", "userId"),
    "previous_id": ("previous_id", "previousId"),
    "new_user_id": ("new_user_id", "newUserId"),
    "session_id": ("session_id", "sessionId"),
    "value": ("value", "revenue", "amount"),
    "order_id": ("order_id", "orderId", "transaction_id", "transactionId", "stripeSessionId"),
    "currency": ("currency",),
    "sdk": ("sdk",),
    "device_type": ("device_type", "deviceType"),
    "web_visitor_id": ("web_visitor_id", "webVisitorId"),
    "match_method": ("match_method", "matchMethod"),
    "click_id": ("click_id", "clickId"),
    "click_id_type": ("click_id_type", "clickIdType"),
    "referrer_host": ("referrer_host", "referrerHost"),
}
"""Canonical name → the spellings it comes in, the first that holds a value wins."""

_HELPER_SPELLINGS: Final[dict[str, tuple[str, ...]]] = {
    "identified_at": ("identified_at", "identifiedAt"),
    "aliased_at": ("aliased_at", "aliasedAt"),
    "distinct_id": ("distinct_id", "distinctId"),
    "visitor_id": ("visitor_id", "visitorId"),
    "sdk_version": ("sdk_version", "sdkVersion"),
    "user_agent": ("user_agent", "userAgent"),
}
"""Columns that only help to fill ours; they pass through as they are."""
CLOCKS: Final = {
    name: {**SPELLINGS, **_HELPER_SPELLINGS}[name] for name in ("timestamp", "identified_at", "aliased_at")
}
"""The columns that a row's time is read from, the first that holds one, and their spellings."""
_OTHER_WORDS: Final = ("revenue", "amount", "transaction_id", "transactionId", "stripeSessionId")
"""Spellings that are another word: beside the canonical one they fill its gaps, and pass through."""

EVENT_NAMES: Final = {
    "page_view": "pageview",
    "$pageview": "pageview",
    "identify": "$identify",
    "alias": "$alias",
}
"""Other spellings of one event's name."""

_STEP: Final = "normalize_events"
_IDS: Final = ("anonymous_id", "user_id")
_ALWAYS: Final = ("timestamp", "event_name", "sdk")

_NESTED: Final[dict[str, tuple[type, ...]]] = {
    **dict.fromkeys(("event_data", "eventData", "properties", "context", "attribution"), (dict,)),
    "events": (list,),
    "body": (dict, list),
}
"""Columns that hold objects where a frame's rows are wire payloads."""

_TAGS: Final = (*(f"utm_{tag}" for tag in evidence.TAGS), *evidence.TAGS)
_FROM_PAYLOADS: Final = frozenset(
    (
        *(spelling for spellings in _HELPER_SPELLINGS.values() for spelling in spellings),
        *_OTHER_WORDS,
        *("ua_mobile", "platform", "has_user_properties"),
        *evidence.EVIDENCE_INPUTS,
    )
)
"""What lifting a payload gives beside our columns; it stays in ``properties``."""

_WIRE: Final = frozenset(
    (
        *(spelling for spellings in SPELLINGS.values() for spelling in spellings),
        *(spelling for spellings in _HELPER_SPELLINGS.values() for spelling in spellings),
        *schema.names(schema.EVENTS),
        *evidence.EVIDENCE_INPUTS,
        *("event_data", "eventData", "properties", "context", "attribution", "page", "device"),
        *("events", "body", "path", "headers", "batchId", "schema_version", "sdk_name", "canonical_id"),
        *("workspace_id", "workspaceId", "resolution_method", "resolution_confidence"),
    )
)
"""Top-level keys of wire payloads; what else stands beside a payload is the analyst's own column."""


def normalize_events(
    events: pd.DataFrame,
    *,
    columns: Mapping[str, str] | None = None,
    ignore_referrers: Collection[str] = (),
    report: LoadReport | None = None,
) -> pd.DataFrame:
    """Bring a table of events, one row an event, into the canonical shape of ``schema.EVENTS``.

    Column names may be snake or camel case; ``columns`` maps your names to ours
    (``{"ts": "timestamp"}``). Timestamps may be datetimes, ISO text (with or without milliseconds
    and offset) or epoch seconds, milliseconds or microseconds, mixed; without a zone they are
    taken as UTC, which the report says. Source, medium and the other marketing columns are
    recomputed from the evidence; hosts in ``ignore_referrers`` are no evidence. Of re-deliveries
    (same event_id and event_name) the first is kept. ``report`` is filled with what was dropped
    or repaired. Columns that are not ours pass through. Row order and index are kept; the input
    is never changed.

    Raises MissingColumnsError, ColumnIndexError, DamagedIdError (float ids), TimestampError,
    OptionError (no table, or ``columns`` that is no mapping of names).

    >>> import pandas as pd
    >>> frame = pd.DataFrame({"ts": ["2026-01-01T10:00:00Z"], "event": ["page_view"], "userId": ["00042"]})
    >>> normalize_events(frame, columns={"ts": "timestamp"})[["timestamp", "event_name", "user_id", "sdk"]]
                      timestamp event_name user_id      sdk
    0 2026-01-01 10:00:00+00:00   pageview   00042  unknown
    """
    filled = LoadReport() if report is None else report
    frame = _renamed(events, columns)
    table = normalize_rows(frame, ignore_referrers=ignore_referrers, report=filled)
    if report is None and filled.is_notable:
        say(str(filled))
    return table


def as_canonical(events: pd.DataFrame, step: str, *, report: LoadReport | None = None) -> pd.DataFrame:
    """The canonical form of any events table; says so when it had to be normalized first."""
    check_columns(events, step)
    if not schema.is_canonical(events):
        say(f"{step}: these events were not normalized yet, so normalize_events(events) ran first.")
        return normalize_events(events, report=report)
    coded = [name for name, kind, _ in schema.EVENTS if kind == "category" and name in events.columns]
    is_encoded = all(isinstance(events[name].dtype, pd.CategoricalDtype) for name in coded)
    return events if is_encoded and "event_name" in events.columns else normalize_events(events, report=report)


def normalize_rows(
    frame: pd.DataFrame,
    *,
    ignore_referrers: Collection[str] = (),
    report: LoadReport,
    lifted: bool = False,
    collect: bool = False,
) -> pd.DataFrame:
    """Normalize flat rows; ``lifted`` rows come from wire payloads, which keep the rest in ``properties``.

    With ``collect`` a row whose timestamp cannot be read goes to the report instead of raising.
    """
    check_columns(frame, _STEP)
    is_canonical = schema.is_canonical(frame)
    with steps("normalizing", 5) as step:
        step("columns")
        flat, beside = _flat(frame, report, lifted=lifted)
        step("times")
        time, flat = _times(flat, report, collect=collect)
        step("ids and names")
        table = _named_rows(flat, time, is_canonical=is_canonical)
        settle_ids(table, report)
        _settle_money(table, flat, report)
        step("devices and marketing evidence")
        if not is_canonical:
            settle_old_apps(table, flat, report)
            _derive(table, flat, ignore_referrers)
        step("re-deliveries")
        events = _assembled(table, flat, beside)
        delivered = drop_redeliveries(events, report)
        if len(delivered) < len(events):
            events = _tidied(delivered, is_canonical=is_canonical)
    report.add("rows", len(events))
    _count_oddities(events, report)
    return events


def as_sent(events: pd.DataFrame) -> pd.DataFrame:
    """The same rows with every id as it was sent: nothing emptied, nothing dropped, for who looks for damage.

    Canonical names, dtypes and times, without the derived columns; a blank user_id stands as ``''``.
    """
    check_columns(events, _STEP)
    flat, _ = _flat(events, LoadReport(), lifted=False)
    time, flat = _times(flat, LoadReport(), collect=False)
    if "user_id" in flat.columns:
        blank = is_blank(flat["user_id"])
        flat = flat.assign(user_id=flat["user_id"].astype(object).mask(blank, "''")) if blank.any() else flat
    table = _named_rows(flat, time, is_canonical=schema.is_canonical(events))
    _settle_money(table, flat, LoadReport())
    return pd.DataFrame(table, index=flat.index)


def _renamed(events: pd.DataFrame, columns: Mapping[str, str] | None) -> pd.DataFrame:
    """The table under the names that ``columns`` gives it."""
    check_columns(events, _STEP)
    if columns is None:
        return events
    if not isinstance(columns, Mapping):
        raise errors.OptionError(_STEP, "columns", columns, "a mapping of your names to ours: {'ts': 'timestamp'}")
    absent = [name for name in columns if name not in events.columns]
    if absent:
        raise errors.MissingColumnsError(_STEP, f"{absent[0]!r}, which columns= names", events.columns)
    renamed = events.rename(columns=dict(columns))
    twice = renamed.columns[renamed.columns.duplicated()]
    if len(twice):
        raise errors.ColumnIndexError(
            _STEP,
            f"after columns= {str(twice[0])!r} names two",
            "Drop the one you do not mean, or leave it out of columns=.",
        )
    return renamed


def _flat(frame: pd.DataFrame, report: LoadReport, *, lifted: bool) -> tuple[pd.DataFrame, Sequence[Hashable]]:
    """One row an event under our names, and the columns that are the analyst's own."""
    beside: list[Hashable] = [name for name in frame.columns if not lifted or name not in _FROM_PAYLOADS]
    is_canonical = schema.is_canonical(frame)
    if not is_canonical and not lifted and _is_nested(frame):
        beside = [name for name in frame.columns if name not in _WIRE]
        frame = _lifted(frame, beside, report)
    flat = frame if is_canonical else _one_spelling(frame)
    _check_needs(flat)
    return flat, beside


def _named_rows(flat: pd.DataFrame, time: order.Ints, *, is_canonical: bool) -> dict[str, pd.Series]:
    """The columns of text and categories, the times, and one name for each event and SDK."""
    table = _encoded(flat, is_canonical=is_canonical)
    table["timestamp"] = order.timestamps(time).set_axis(flat.index)
    table["event_name"] = _one_name(table["event_name"])
    table["sdk"] = _sdk(table, flat)
    return table


def _check_needs(flat: pd.DataFrame) -> None:
    if not {"anonymous_id", "user_id"} & set(flat.columns):
        raise errors.MissingColumnsError(_STEP, "'anonymous_id' or 'user_id'", flat.columns)
    if "event_name" not in flat.columns:
        raise errors.MissingColumnsError(_STEP, "'event_name'", flat.columns)
    if not CLOCKS.keys() & set(flat.columns):
        raise errors.MissingColumnsError(_STEP, "'timestamp'", flat.columns)


def _is_nested(frame: pd.DataFrame) -> bool:
    """Whether the frame holds wire payloads: a column of objects that every shape of the SDKs has."""
    columns = [name for name in _NESTED if name in frame.columns and frame[name].dtype.kind == "O"]
    return any(isinstance(value, _NESTED[name]) for name in columns for value in frame[name].dropna().head(1000))


def _lifted(frame: pd.DataFrame, beside: Sequence[Hashable], report: LoadReport) -> pd.DataFrame:
    """A frame of wire payloads, lifted row by row; each event keeps its row's index and the columns beside."""
    rows: list[Mapping[str, object]] = []
    places: list[int] = []
    cells = frame.astype(object)
    present = frame.notna().to_numpy()
    names = [str(name) for name in frame.columns]
    for place, values in enumerate(cells.itertuples(index=False, name=None)):
        body = {name: value for name, value, there in zip(names, values, present[place], strict=True) if there}
        lifted = lift(body, report=report)
        rows += lifted
        places += [place] * len(lifted)
    if not rows:
        return frame
    table = pd.DataFrame(rows, dtype=object, index=frame.index.take(places))
    columns: dict[Hashable, pd.Series] = {name: table[name] for name in table.columns}
    columns |= {name: frame[name].take(places) for name in beside}
    return pd.DataFrame(columns, index=table.index)


def _one_spelling(frame: pd.DataFrame) -> pd.DataFrame:
    """Every column under its canonical name; of several spellings the first with a value, row by row."""
    gathered: dict[Hashable, pd.Series] = {}
    absorbed: set[Hashable] = set()
    for name, spellings in (*SPELLINGS.items(), *_HELPER_SPELLINGS.items()):
        present = [one for one in spellings if one in frame.columns]
        if present:
            gathered[name] = _first_given([frame[one] for one in present])
            absorbed |= {name, *(one for one in present if one not in _OTHER_WORDS or one == present[0])}
            absorbed -= {one for one in present if name in _HELPER_SPELLINGS and one != name}
    gathered |= _ids_by_other_names(gathered)
    columns = gathered | {name: frame[name] for name in frame.columns if name not in absorbed}
    return pd.DataFrame(columns, index=frame.index, copy=False)


def _first_given(columns: Sequence[pd.Series]) -> pd.Series:
    """The first value of each row that is neither null nor blank."""
    first, *others = columns
    for other in others:
        cells = first.astype(object)
        is_blank = np.array([isinstance(cell, str) and not cell.strip() for cell in cells], dtype=bool)
        first = cells.where(cells.notna() & ~is_blank, other.astype(object))
    return first


def _ids_by_other_names(gathered: Mapping[Hashable, pd.Series]) -> dict[Hashable, pd.Series]:
    """The ids of a table that has neither: visitor_id is the device, distinct_id a device or a user."""
    if {"anonymous_id", "user_id"} & set(gathered):
        return {}
    visitor, distinct = gathered.get("visitor_id"), gathered.get("distinct_id")
    ids: dict[Hashable, pd.Series] = {} if visitor is None else {"anonymous_id": visitor}
    if distinct is not None:
        text = as_text(distinct, "distinct_id").astype(object)
        is_device = np.array([isinstance(one, str) and one.startswith("anon_") for one in text], dtype=bool)
        ids = {"anonymous_id": text.where(is_device, None), **ids, "user_id": text.mask(is_device, None)}
    return ids


def _times(flat: pd.DataFrame, report: LoadReport, *, collect: bool) -> tuple[order.Ints, pd.DataFrame]:
    """Each row's time: timestamp, else identified_at, else aliased_at."""
    time = np.full(len(flat), MISSING, dtype=np.int64)
    unreadable = np.zeros(len(flat), dtype=bool)
    for column in CLOCKS:
        if column not in flat.columns or (column != "timestamp" and (time != MISSING).all()):
            continue
        read = read_times(flat[column])
        if column == "timestamp":
            unreadable = read.is_unreadable
        taken = (time == MISSING) & (read.microseconds != MISSING)
        report.add("missing_timestamps", 0 if column == "timestamp" else int(taken.sum()))
        report.add("naive_timestamps", int((read.is_naive & taken).sum()))
        time = np.where(taken, read.microseconds, time)
    unreadable &= time == MISSING
    missing = (time == MISSING) & ~unreadable
    bad = unreadable | missing
    if not bad.any():
        return time, flat
    if collect:
        report.add("unreadable_timestamps", int(bad.sum()))
        return time[~bad], flat.iloc[np.flatnonzero(~bad)]
    if unreadable.any():
        examples = flat["timestamp"].to_numpy(dtype=object)[unreadable]
        raise errors.TimestampError(
            f"{int(unreadable.sum())} of {len(flat)} values are neither ISO 8601 nor an epoch number",
            examples,
            "Convert the column with pandas.to_datetime(..., utc=True), or drop these rows.",
        )
    raise errors.TimestampError(
        f"{int(missing.sum())} of {len(flat)} rows have no time at all",
        [f"row {place}" for place in np.flatnonzero(missing)[:3]],
        "Drop these rows, or fill the column.",
    )


def _encoded(flat: pd.DataFrame, *, is_canonical: bool) -> dict[str, pd.Series]:
    """Ids, names and tags as categories or text; two columns at a time, since encoding leaves Python."""
    skipped = set() if is_canonical else set(evidence.EVIDENCE_INPUTS) - {"url"}
    jobs = [
        (name, kind)
        for name, kind, _ in schema.EVENTS
        if kind in ("category", "str") and name in flat.columns and name not in skipped
    ]
    if not is_canonical:
        jobs += [(name, "category") for name in _TAGS if name in flat.columns]

    def run(job: tuple[str, str]) -> pd.Series:
        name, kind = job
        if kind == "str":
            return as_text(flat[name], name)
        given = flat[name]
        is_foreign = not is_canonical and isinstance(given.dtype, pd.CategoricalDtype)
        return in_order(encode(given, name)) if is_foreign else encode(given, name)

    with ThreadPoolExecutor(2) as pool:
        return {name: values for (name, _), values in zip(jobs, pool.map(run, jobs), strict=True)}


def _one_name(names: pd.Series) -> pd.Series:
    found = names.cat.categories
    if not found.isin(list(EVENT_NAMES)).any():
        return names
    return relabel(names, [EVENT_NAMES.get(name, name) for name in found])


def _sdk(table: dict[str, pd.Series], flat: pd.DataFrame) -> pd.Series:
    if "sdk" not in table:
        return from_numbers(np.zeros(len(flat), dtype=np.int32), ["unknown"], flat.index)
    known = table["sdk"]
    numbers = known.cat.codes.to_numpy()
    if (numbers >= 0).all():
        return known
    names = list(dict.fromkeys([*known.cat.categories, "unknown"]))
    return from_numbers(np.where(numbers < 0, names.index("unknown"), numbers), names, known.index)


def _settle_money(table: dict[str, pd.Series], flat: pd.DataFrame, report: LoadReport) -> None:
    if "value" in flat.columns:
        value, unreadable = read_amounts(flat["value"])
        report.add("unreadable_values", int(unreadable.sum()))
        table["value"] = pd.Series(value, index=flat.index)
    if "currency" in table:
        given = table["currency"].cat.categories
        upper = [text.strip().upper() for text in given]
        if upper != list(given):
            table["currency"] = relabel(table["currency"], upper)


def _derive(table: dict[str, pd.Series], flat: pd.DataFrame, ignore_referrers: Collection[str]) -> None:
    """Device and marketing columns, from what the rows carry."""
    seen = device_type(table, flat)
    if set(seen.cat.categories) != {"unknown"}:
        table["device_type"] = seen
    read = [name for name in flat.columns if isinstance(name, str) and _is_evidence(name)]
    tags = {name: table.pop(name) for name in _TAGS if name in table}
    inputs = flat[read].assign(**tags, sdk=table["sdk"], event_name=table["event_name"])
    marketing = evidence.recompute(inputs, ignore_referrers=ignore_referrers)
    table.update({str(name): marketing[name] for name in marketing.columns})


def _is_evidence(name: str) -> bool:
    return name in evidence.EVIDENCE_INPUTS or name.startswith("asa_")


def _assembled(table: dict[str, pd.Series], flat: pd.DataFrame, beside: Collection[Hashable]) -> pd.DataFrame:
    """Canonical columns that hold data, in the order of the schema, then the columns that are not ours."""
    ours: dict[Hashable, pd.Series] = {}
    for name, kind, _ in schema.EVENTS:
        values = table.get(name, flat[name] if name in flat.columns and kind in ("object", "bool") else None)
        if values is not None and kind == "bool":
            values = _flags(values)
        if values is not None and (name in _ALWAYS or name in _IDS or _holds_data(values)):
            ours[name] = values
    known = set(schema.names(schema.EVENTS))
    kept = set(beside)
    columns = ours | {name: flat[name] for name in flat.columns if name in kept and name not in known}
    return pd.DataFrame(columns, index=flat.index)


def _flags(values: pd.Series) -> pd.Series:
    if values.dtype == bool:
        return values
    return values.map(lambda value: str(value).casefold() in ("true", "1", "1.0")).astype(bool)


def _tidied(events: pd.DataFrame, *, is_canonical: bool) -> pd.DataFrame:
    """The table without columns and categories that only dropped rows had data for."""
    optional = set(schema.names(schema.EVENTS)) - {*_ALWAYS, *_IDS}
    kept = {name: events[name] for name in events.columns if name not in optional or _holds_data(events[name])}
    for name, kind, _ in schema.EVENTS:
        if kind == "category" and name in kept and not is_canonical:
            kept[name] = in_order(kept[name])
    return pd.DataFrame(kept, index=events.index)


def _holds_data(values: pd.Series) -> bool:
    if isinstance(values.dtype, pd.CategoricalDtype):
        return bool((values.cat.codes >= 0).any())
    return bool(values.any()) if values.dtype == bool else bool(values.notna().any())


def _count_oddities(events: pd.DataFrame, report: LoadReport) -> None:
    nobodys = np.ones(len(events), dtype=bool)
    for column in _IDS:
        nobodys &= order.codes(events, column) < 0
    report.add("no_id", int(nobodys.sum()))
    latest = pd.Timestamp.now(tz="UTC") + pd.Timedelta("1D")
    report.add("future_timestamps", int((events["timestamp"] > latest).sum()))
