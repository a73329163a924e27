"""Pulling events over a socket against ``read_events`` of the same JSON from disk, and the memory pages take.

The sandbox serves from a process of its own, without a rate limit, 10,000 rows a page.
"""

from __future__ import annotations

import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from functools import partial
from multiprocessing import get_context
from multiprocessing.connection import Connection
from pathlib import Path
from typing import Final

import pandas as pd

import datalyr_notebook as dn
from benchmarks.make_events import describe, make_events
from benchmarks.measure import Goal, interleave, peak_bytes, print_check, print_ratios, read_arguments
from datalyr_notebook.api.pull import pull_events
from datalyr_notebook.api.sandbox import Sandbox
from datalyr_notebook.api.sandbox_rows import encode_events
from datalyr_notebook.api.transport import Transport

PULL, FOLDER, DISK = "pulled, as a table", "pulled, as_path", "read_events of one JSON file"
GOALS: Final = (Goal(PULL, DISK, 2.0), Goal(FOLDER, DISK, 2.0))

KEY: Final = "dk_sandbox"
PAGE: Final = 10_000
WINDOW: Final = "10D"
START, END = "2026-01-01", "2026-04-01"
FEW, MANY = 300, 1_000
"""Pages whose memory is compared: in windows of a day, and in one window that holds them all."""
MEMORY_GOAL: Final = 0.1
"""What more pages may take, as a share of what their rows take as JSON."""


def main() -> None:
    """Measure time, then memory, and print what came out."""
    size, rounds = read_arguments("pull", events=1_000_000, rounds=3)
    events = dn.normalize_events(make_events(size, with_event_id=True))
    print(describe(events))
    rows = encode_events(events)
    with tempfile.TemporaryDirectory() as folder:
        file = Path(folder) / "events.json"
        file.write_bytes(b"[" + rows.members(range(len(rows.time))) + b"]")
        print(f"{file.stat().st_size / 1e6:,.0f} MB of JSON, {PAGE:,} rows a page\n")
        stored = Path(folder) / "events.parquet"
        dn.write_events(events, stored)
        with served(stored) as url:
            timings = interleave(
                {
                    DISK: partial(dn.read_events, file),
                    PULL: partial(pull, url, WINDOW, PAGE),
                    FOLDER: partial(pull_into_folder, url, WINDOW, PAGE),
                },
                rounds,
            )
            print_ratios(timings, GOALS)
            print_check(
                "the pulled table is the one that is read", holds=pull(url, WINDOW, PAGE).equals(dn.read_events(file))
            )
            _print_memory(url, file.stat().st_size / len(rows.time))


def pull(url: str, window: str, page_size: int, end: str = END) -> pd.DataFrame:
    """The events as a table."""
    pulled = pull_events(_client(url), START, end, path="/events/cursor", window=window, page_size=page_size)
    if isinstance(pulled, Path):
        raise TypeError(pulled)
    return pulled


def pull_into_folder(url: str, window: str, page_size: int, end: str = END) -> None:
    """The events as a folder of Parquet files, which is deleted."""
    with tempfile.TemporaryDirectory() as folder:
        given = {"path": "/events/cursor", "window": window, "page_size": page_size}
        pull_events(_client(url), START, end, checkpoint=folder, as_path=True, **given)  # type: ignore[arg-type]


def _client(url: str) -> Transport:
    return Transport(KEY, base_url=url)


@contextmanager
def served(events: Path) -> Iterator[str]:
    """The address of a sandbox in a process of its own."""
    context = get_context("spawn")
    ours, theirs = context.Pipe()
    process = context.Process(target=_serve, args=(theirs, events), daemon=True)
    process.start()
    try:
        yield ours.recv()
    finally:
        ours.send("stop")
        process.join()


def _serve(parent: Connection, events: Path) -> None:
    with Sandbox(dn.read_events(events), key=KEY, requests_per_minute=None) as url:
        parent.send(url)
        parent.recv()


def _print_memory(url: str, row_bytes: float) -> None:
    """Few and many pages, each in a fresh process."""
    page = PAGE // 10  # so that there are many
    for window, words in (("1D", "windows of a day"), ("90D", "one window")):
        peaks = []
        for pages in (FEW, MANY):
            end = str(pd.Timestamp(START) + pd.Timedelta(days=60 * pages * page / 1_000_000))
            first = partial(pull_into_folder, url, window, page, "2026-01-02")
            peaks.append(peak_bytes(partial(pull_into_folder, url, window, page, end), first=first))
        few, many = peaks
        if few is None or many is None:
            print("memory: not measured (it is read from /proc, on Linux)")
            return
        share = (many - few) / ((MANY - FEW) * page * row_bytes)
        verdict = "met" if share <= MEMORY_GOAL else "MISSED"
        print(
            f"as_path, {words}: peak extra memory {few / 1e6:.1f} MB with {FEW:,} pages, {many / 1e6:.1f} MB with "
            f"{MANY:,}: {share:.3f} of the JSON of the pages between  <= {MEMORY_GOAL:g} {verdict}"
        )


if __name__ == "__main__":
    main()
