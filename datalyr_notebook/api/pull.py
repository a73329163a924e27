"""Pulls the events of a stretch of time, window by window: each is whole or not recorded, and none comes twice."""

from __future__ import annotations

import hashlib
import os
import shutil
import tempfile
from collections.abc import Collection, Mapping, Sequence
from contextlib import ExitStack
from pathlib import Path
from typing import Final, NamedTuple

import pandas as pd

from datalyr_notebook import notices, options, schema
from datalyr_notebook.api import checkpoint as checkpoints
from datalyr_notebook.api import dates
from datalyr_notebook.api.checkpoint import Checkpoint, Facts
from datalyr_notebook.api.paging import Paging, paging_of
from datalyr_notebook.api.rate_limit import epoch_s
from datalyr_notebook.api.transport import Transport
from datalyr_notebook.api.walk import Pages
from datalyr_notebook.api.windows import Window, windows
from datalyr_notebook.errors import OptionError
from datalyr_notebook.loading.files import read_events
from datalyr_notebook.loading.report import LoadReport
from datalyr_notebook.progress import Step, silent, steps

PAGE_SIZE: Final = 1_000
WINDOW: Final = "1D"

_STEP: Final = "Client.events"
_DATES: Final = ("start_date", "end_date")
_NEAR: Final = pd.Timedelta("2D")
"""How wrong this machine's clock may be: an end that is nearer to now is compared with the server's clock."""


def pull_events(
    transport: Transport,
    start: dates.Moment,
    end: dates.Moment,
    *,
    path: str,
    tz: dates.Zone = "UTC",
    paging: str | Paging = "auto",
    page_size: int = PAGE_SIZE,
    window: object = WINDOW,
    params: Mapping[str, object] | None = None,
    columns: Mapping[str, str] | None = None,
    ignore_referrers: Collection[str] = (),
    checkpoint: str | os.PathLike[str] | None = None,
    as_path: bool = False,
    progress: bool = True,
    report: LoadReport | None = None,
) -> pd.DataFrame | Path:
    """What ``Client.events`` answers, which says what each option means.

    >>> from datalyr_notebook.api.sandbox import Sandbox
    >>> with Sandbox() as url:
    ...     asked = Transport("dk_sandbox", base_url=url)
    ...     pulled = pull_events(asked, "2026-04-01", "2026-04-02", path="/events/cursor")
    >>> pulled[["timestamp", "event_name"]].head(2)
                      timestamp event_name
    0 2026-04-01 10:32:05+00:00   pageview
    1 2026-04-01 11:13:37+00:00   pageview
    """
    plan = _plan(transport, start, end, tz, path, paging, page_size, window, params, columns)
    filled = LoadReport() if report is None else report
    with ExitStack() as stack:
        folder = _folder(checkpoint, stack, is_kept=as_path)
        held, settled = stack.enter_context(
            checkpoints.opened(folder, plan.query, lambda: {"until": str(_until(transport, plan))})
        )
        wanted = _wanted(plan, settled)
        held.refuse_others(wanted)
        counted = _pull(
            Pages(transport, path, plan.params, plan.columns, plan.paging, page_size), wanted, held, show=progress
        )
        _tell(counted, wanted, filled)
        if as_path:
            if filled.is_notable:
                notices.say(str(filled))
            return held.folder
        return _read(held.parts(wanted), filled, ignore_referrers)


class _Plan(NamedTuple):
    """What was asked for, checked."""

    start: pd.Timestamp
    end: pd.Timestamp
    window_us: int
    path: str
    params: Mapping[str, str]
    columns: Mapping[str, str]
    paging: Paging | None
    query: Mapping[str, object]
    """What makes it this pull and no other."""


def _plan(
    transport: Transport,
    start: object,
    end: object,
    tz: object,
    path: object,
    paging: object,
    page_size: object,
    window: object,
    params: object,
    columns: object,
) -> _Plan:
    if not isinstance(path, str) or not path.strip():
        raise OptionError(_STEP, "path", path, "the path of an endpoint that answers with rows, such as '/my/events'")
    options.count(_STEP, "page_size", page_size)
    zone = dates.checked_zone(tz)
    begins, ends = dates.moment(_STEP, "start", start, zone), dates.moment(_STEP, "end", end, zone)
    window_us = options.microseconds(_STEP, "window", window)
    windows(begins, ends, window_us)
    fixed = _texts("params", params, "a mapping of parameters, without start_date and end_date")
    if set(fixed) & set(_DATES):
        raise OptionError(_STEP, "params", params, "parameters other than start_date and end_date: pass start and end")
    renamed = _texts("columns", columns, "a mapping of your names to ours: {'ts': 'timestamp'}")
    known = paging_of(paging)
    query = {
        "base_url": transport.base_url,
        "path": path,
        "start": str(begins),
        "end": str(ends),
        "window_us": window_us,
        "params": {name: hashlib.sha256(value.encode()).hexdigest()[:16] for name, value in sorted(fixed.items())},
        "columns": dict(sorted(renamed.items())),
        "paging": "auto" if known is None else [known.style, known.size, known.place, known.trust_total],
    }
    return _Plan(begins, ends, window_us, path, fixed, renamed, known, query)


def _texts(option: str, given: object, words: str) -> dict[str, str]:
    if given is None:
        return {}
    simple = str | int | float
    if not isinstance(given, Mapping) or not all(
        isinstance(name, str) and isinstance(value, simple) for name, value in given.items()
    ):
        raise OptionError(_STEP, option, given, words)
    return {name: str(value).lower() if isinstance(value, bool) else str(value) for name, value in given.items()}


def _folder(given: str | os.PathLike[str] | None, stack: ExitStack, *, is_kept: bool) -> str | os.PathLike[str]:
    if given is not None:
        if not isinstance(given, str | os.PathLike) or not os.fspath(given):
            raise OptionError(_STEP, "checkpoint", given, "None or the path of a folder")
        return given
    if is_kept:
        folder = tempfile.mkdtemp(prefix="datalyr_events_")
        stack.push(
            lambda kind, *_: shutil.rmtree(folder, ignore_errors=True) if kind else None
        )  # nobody learns its name
        return folder
    return stack.enter_context(tempfile.TemporaryDirectory(prefix="datalyr_events_"))


# ---- until when ----------------------------------------------------------------------------------


def _until(transport: Transport, plan: _Plan) -> pd.Timestamp:
    """The end, or now where that lies in the future by this machine's clock or by the server's.

    A window that is not over would be recorded without the events still to come.
    """
    now = _now()
    if plan.end <= now - _NEAR or plan.start == plan.end:
        return plan.end
    asked = {**plan.params, **windows(plan.start, plan.end, plan.window_us)[0].dates}
    # One row is enough: it is the header that is read.
    answer = transport.get(*(plan.paging or Paging("cursor")).first(plan.path, asked, 1))
    told = epoch_s(answer.headers.get("Date"))
    now = now if told is None else min(now, pd.Timestamp(told, unit="s", tz="UTC"))
    if plan.start > now:
        raise OptionError(
            _STEP, "start", str(plan.start), f"a moment that is not in the future (it is {now:%Y-%m-%dT%H:%MZ})"
        )
    return min(plan.end, now.floor("s"))


def _now() -> pd.Timestamp:
    return pd.Timestamp.now(tz="UTC")


def _wanted(plan: _Plan, settled: Mapping[str, object]) -> list[Window]:
    until = max(options.instant(_STEP, "until", settled.get("until"), also=""), plan.start)
    if until < plan.end:
        notices.say(f"events: the end {plan.end} lies in the future; events are pulled up to {until}.")
    return windows(plan.start, until, plan.window_us)


# ---- pulling -------------------------------------------------------------------------------------


def _pull(pages: Pages, wanted: Sequence[Window], held: Checkpoint, *, show: bool) -> list[Facts]:
    """Pull what is not recorded yet; what was counted in each window."""
    counted: list[Facts] = []
    found = 0
    was_begun = held.is_resumed
    with ExitStack() as stack:
        step: Step = stack.enter_context(steps("pulling events", len(wanted), in_terminal=True)) if show else silent
        pages.step = step
        for window in wanted:
            step(pages.words)
            facts = held.facts(window)
            if facts is None:
                counted.append(pages.window(window, held, was_begun=was_begun))
                was_begun = False
            else:
                counted.append(facts)
                found += 1
    if found:
        notices.say(f"events: {found:,} of {len(wanted):,} windows were in {held.folder.name!r} already.")
    return counted


def _tell(counted: Sequence[Facts], wanted: Sequence[Window], report: LoadReport) -> None:
    """What an analyst should know of the rows that are not in the result."""
    total = {name: sum(facts.get(name, 0) for facts in counted) for name in ("without_time", "outside", "repeated")}
    report.add("unreadable_timestamps", total["without_time"])
    if total["repeated"]:
        notices.say(f"events: {total['repeated']:,} rows stood on several pages and are in the result once.")
    if total["outside"]:
        days = wanted[0].end_us - wanted[0].start_us
        notices.say(
            f"events: {total['outside']:,} rows lay outside the dates that were asked for and were left out; "
            "the endpoint may read whole days, or dates under other names than start_date and end_date."
            + (" window='1D' asks for fewer of them." if days < pd.Timedelta("1D") // options.MICROSECOND else "")
        )


def _read(parts: Sequence[Path], report: LoadReport, ignore_referrers: Collection[str]) -> pd.DataFrame:
    if parts:
        return read_events(list(parts), format="parquet", report=report, ignore_referrers=ignore_referrers)
    if report.is_notable:
        notices.say(str(report))
    return schema.empty(schema.EVENTS)
