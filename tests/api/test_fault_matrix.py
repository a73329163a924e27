"""Every fault, in every style of paging, interrupted and resumed at every page: always the uninterrupted result.

Over a socket, from the sandbox. A case is one pull with a checkpoint, Ctrl-C at one of its pages (or at none), and a
fault before and after; it is called again until it answers.
"""

from __future__ import annotations

import sys
from collections.abc import Mapping
from dataclasses import replace
from pathlib import Path
from typing import Any, Final

import pandas as pd
import pytest

import datalyr_notebook as dn
from datalyr_notebook.api.pull import pull_events
from datalyr_notebook.api.sandbox import Fault, Sandbox
from datalyr_notebook.api.transport import Answer, Transport
from datalyr_notebook.errors import ApiError
from tests.api.services import ROWS, START

STYLES: Final = ("cursor", "page", "offset", "link")
END: Final = "2026-01-04"
PAGE_SIZE: Final = 5
PAGES: Final = 6
"""Three of the first day, one of the second, which is empty, and two of the third."""

FAULTS: Final[Mapping[str, Fault]] = {
    "429, X-RateLimit-Reset": Fault("rate_limit"),
    "429, Retry-After in seconds": Fault("rate_limit", tells="seconds", times=2),
    "429, Retry-After as a date": Fault("rate_limit", tells="date"),
    "500": Fault("error"),
    "502 twice, in HTML": Fault("error", status=502, times=2),
    "503": Fault("error", status=503),
    "slow": Fault("slow", wait_s=0.0005),
    "cut": Fault("cut"),
    "hang up": Fault("hang_up"),
    "invalid JSON": Fault("invalid_json"),
    "login page": Fault("html"),
    "duplicate page": Fault("duplicate_page"),
    "changed total": Fault("changed_total"),
    "huge body, announced": Fault("huge"),
    "huge body, streamed": Fault("huge", is_announced=False, size=4_000_000),
    "headers that are no numbers": Fault("bad_header"),
    "429 with headers that are no numbers": Fault("bad_header", status=429),
    "redirect to another host": Fault("redirect"),
    "a clock that is a day off": Fault("wrong_date"),
}


class Interrupted(Transport):
    """A transport at whose n-th answer somebody presses Ctrl-C, once."""

    left: int

    def get(self, path: str, params: Mapping[str, Any] | None = None, **options: Any) -> Answer:
        answer = super().get(path, params, **options)
        self.left -= 1
        if self.left == 0:
            raise KeyboardInterrupt
        return answer


def pulled(client: Interrupted, style: str, folder: Path) -> tuple[list[Path], int, int]:
    """The parts of a pull that is called until it answers; how often it was interrupted, and how often it failed."""
    interrupted = failed = 0
    while True:
        try:
            pull_events(
                client, START, END, path=f"/events/{style}", page_size=PAGE_SIZE, checkpoint=folder, as_path=True
            )
        except KeyboardInterrupt:
            interrupted += 1
        except ApiError:
            failed += 1
        else:
            return sorted(folder.glob("*.parquet")), interrupted, failed
        assert not list(folder.glob("*.tmp"))
        assert interrupted + failed < 5


@pytest.mark.parametrize("style", STYLES)
def test_whatever_fails_and_whenever_it_is_interrupted_the_result_is_the_same(
    style: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setattr("os.fsync", lambda _: None)  # thousands of files: what a disk takes is no part of the case
    cases = wrong = all_interrupted = all_failed = 0
    expected = dn.read_events([one for one in ROWS if str(one["timestamp"]) < END])
    with Sandbox(ROWS, requests_per_minute=None) as url:
        whole, _, _ = pulled(_client(url, 0), style, tmp_path / "whole")
        pd.testing.assert_frame_equal(dn.read_events(whole), expected)
        bodies = [part.read_bytes() for part in whole]
    for number, fault in enumerate(FAULTS.values()):
        sandbox = Sandbox(ROWS, requests_per_minute=None)
        with sandbox as url:
            for page in range(PAGES + 1):
                # Once on the way to the interruption, once at the first or second request after it.
                sandbox.fail(replace(fault, at=1 + page // 2), replace(fault, at=page + 1 + number % 2))
                sandbox._before.clear()
                parts, interrupted, failed = pulled(_client(url, page), style, tmp_path / f"{number} {page}")
                cases += 1
                wrong += [part.read_bytes() for part in parts] != bodies
                all_interrupted, all_failed = all_interrupted + interrupted, all_failed + failed
    with capsys.disabled():
        counted = f"{cases} cases, {all_interrupted} interruptions, {all_failed} failed calls, {wrong} wrong"
        sys.stdout.write(f"\n{style}: {counted} ")
    assert (cases, wrong) == (len(FAULTS) * (PAGES + 1), 0)
    assert all_interrupted == len(FAULTS) * PAGES
    assert all_failed > PAGES


def _client(url: str, page: int) -> Interrupted:
    client = Interrupted("dk_sandbox", base_url=url, sleep=lambda _: None, max_bytes=1_000_000)
    client.left = page
    return client
