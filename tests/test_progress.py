"""Progress: quiet in scripts and on short work, a bar in notebooks on long work, steps for whoever takes them."""

from __future__ import annotations

import subprocess
import sys
import threading
from pathlib import Path

import pandas as pd
import pytest

import datalyr_notebook as dn
from datalyr_notebook import notices, progress
from datalyr_notebook.progress import shown_by, steps

EVENTS = pd.DataFrame(
    {
        "timestamp": ["2026-01-01T10:00Z", "2026-01-02T10:00Z", "2026-01-03T10:00Z"],
        "event_name": ["pageview", "$identify", "purchase"],
        "anonymous_id": ["anon_1", "anon_1", "anon_2"],
        "user_id": [None, "u1", "u1"],
        "value": [None, None, 5.0],
    }
)


@pytest.fixture
def kernel(monkeypatch: pytest.MonkeyPatch) -> None:
    """As if a kernel ran this; tqdm itself sees none, and writes its bar to stderr."""
    monkeypatch.setattr(notices, "in_notebook", lambda: True)


def work(count: int = 3) -> None:
    with steps("stitch", count) as step:
        for number in range(count):
            step(f"part {number}")


def fail() -> None:
    with steps("stitch", 3) as step:
        step()
        raise ZeroDivisionError


def test_a_script_sees_nothing(capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(progress, "QUIET_S", 0)
    work()
    dn.lint(EVENTS)
    assert capsys.readouterr() == ("", "")


@pytest.mark.usefixtures("kernel")
def test_work_of_less_than_two_seconds_makes_no_bar(
    capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(progress, "_make_bar", lambda *_: pytest.fail("a bar was made"))
    work()
    assert capsys.readouterr() == ("", "")


@pytest.mark.usefixtures("kernel")
def test_a_bar_appears_when_two_seconds_have_passed_and_goes_when_the_work_is_done(
    capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    now = [100.0]
    monkeypatch.setattr(progress.time, "monotonic", lambda: now[0])
    with steps("stitch", 3) as step:
        step("one")
        now[0] += 1.9
        step("two")
        assert capsys.readouterr().err == ""
        now[0] += 0.2
        step("three")
        drawn = capsys.readouterr().err
    assert "stitch: three 2/3" in drawn
    assert "00:02" in drawn  # the time that passed before the bar was made counts
    left = capsys.readouterr().err
    assert left.strip("\r ") == ""


@pytest.mark.usefixtures("kernel")
def test_an_error_takes_the_bar_away_and_the_next_work_shows_again(
    capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(progress, "QUIET_S", -1)
    bars = []
    make = progress._make_bar
    monkeypatch.setattr(progress, "_make_bar", lambda *given: bars.append(make(*given)) or bars[-1])
    for _ in range(2):
        with pytest.raises(ZeroDivisionError):
            fail()
    assert len(bars) == 2
    assert all(bar.disable for bar in bars)  # how tqdm says that a bar is closed
    assert capsys.readouterr().err.endswith("\r")


def test_steps_are_told_at_once_and_end_at_the_total() -> None:
    told: list[tuple[int, int, str]] = []
    with shown_by(lambda *step: told.append(step)):
        work(2)
    assert told == [(0, 2, "stitch: part 0"), (1, 2, "stitch: part 1"), (2, 2, "stitch")]
    work()
    assert len(told) == 3


def test_what_work_calls_is_part_of_it() -> None:
    told: list[tuple[int, int, str]] = []
    with shown_by(lambda *step: told.append(step)), steps("whole", 2) as step:
        step()
        work()
        step()
    assert told == [(0, 2, "whole"), (1, 2, "whole"), (2, 2, "whole")]


def test_after_an_error_no_end_is_told() -> None:
    told: list[int] = []
    with shown_by(lambda done, *_: told.append(done)):
        with pytest.raises(ZeroDivisionError):
            fail()
        work(1)
    assert told == [0, 0, 1]


def test_who_no_longer_waits_stops_the_work() -> None:
    def stop(*_: object) -> None:
        raise InterruptedError

    with pytest.raises(InterruptedError), shown_by(stop):
        dn.stitch(EVENTS)
    assert len(dn.stitch(EVENTS)) == 3


def test_each_thread_has_its_own_steps() -> None:
    told: list[int] = []
    with shown_by(lambda done, *_: told.append(done)), steps("here", 1):
        thread = threading.Thread(target=work)
        thread.start()
        thread.join()
    assert told == [1]


LINKS = dn.identity_links(EVENTS)
BRIDGED = dn.load_sample("web_to_app")


@pytest.mark.parametrize(
    ("words", "run"),
    [
        ("normalizing", lambda: dn.normalize_events(EVENTS)),
        ("stitching", lambda: dn.stitch(EVENTS)),
        ("lint", lambda: dn.lint(dn.normalize_events(EVENTS))),
        ("comparing policies", lambda: dn.compare_policies(EVENTS, policies=["session", "none"])),
        ("scoring policies", lambda: dn.score_stitching(EVENTS, policies=["session", "none"])),
        ("stitching impact", lambda: dn.stitching_impact(EVENTS, n=3)),
        ("restating", lambda: dn.restate(EVENTS, before="2026-01-02", after="2026-01-04")),
        ("what if", lambda: dn.what_if(EVENTS, without=LINKS)),
        ("links at risk", lambda: dn.links_at_risk(BRIDGED, conversion="subscribe")),
        ("weighing models", lambda: dn.attribute(EVENTS, model=["linear", "markov_journey"])),
        ("drawing people", lambda: dn.attribute(EVENTS).intervals(n=3)),
        ("drawing people", lambda: dn.attribute(EVENTS, model="markov").intervals(n=3)),
    ],
)
def test_long_work_tells_its_steps(words: str, run: object) -> None:
    told: list[tuple[int, int, str]] = []
    with shown_by(lambda *step: told.append(step)):
        run()  # type: ignore[operator]
    own = [(done, total) for done, total, said in told if said.split(":")[0] == words]
    total = own[0][1]
    assert total >= 1
    assert own == [(done, total) for done in range(total + 1)]
    assert not {"anon_1", "u1"} & {word for *_, said in told for word in said.split()}


def test_files_are_told_one_by_one(tmp_path: Path) -> None:
    for name in ("a", "b"):
        dn.write_events(EVENTS, tmp_path / f"{name}.parquet")
    told: list[tuple[int, int, str]] = []
    with shown_by(lambda *step: told.append(step)):
        dn.read_events(tmp_path)
    assert [step for step in told if step[2] == "reading files"] == [(place, 2, "reading files") for place in range(3)]


def test_the_bar_is_not_imported_before_it_is_due() -> None:
    code = (
        "import sys; from datalyr_notebook import notices, progress\n"
        "notices.in_notebook = lambda: True\n"
        "with progress.steps('stitch', 1) as step: step()\n"
        "print(sorted({'tqdm', 'ipywidgets'} & set(sys.modules)))"
    )
    ran = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert ran.stdout.strip() == "[]"


def test_a_step_may_have_new_words_while_it_goes_on() -> None:
    told: list[tuple[int, int, str]] = []
    with shown_by(lambda *words: told.append(words)), steps("pull", 2) as step:
        step("0 rows")
        step("5 rows", again=True)
        step("9 rows", again=True, at_once=True)
        step("9 rows")
    assert told == [
        (0, 2, "pull: 0 rows"),
        (0, 2, "pull: 5 rows"),
        (0, 2, "pull: 9 rows"),
        (1, 2, "pull: 9 rows"),
        (2, 2, "pull"),
    ]


@pytest.mark.usefixtures("kernel")
def test_words_before_a_long_wait_are_drawn_at_once(capsys: pytest.CaptureFixture[str]) -> None:
    with steps("pull", 2) as step:
        step("0 rows")
        step("next request in 60 s", again=True, at_once=True)
    assert "pull: next request in 60 s 0/2" in capsys.readouterr().err


@pytest.mark.parametrize("is_terminal", [False, True])
def test_work_of_hours_shows_its_bar_in_a_terminal(monkeypatch: pytest.MonkeyPatch, *, is_terminal: bool) -> None:
    monkeypatch.setattr("sys.stderr.isatty", lambda: is_terminal, raising=False)
    with steps("pull", 2, in_terminal=True) as step:
        assert (step is not progress.silent) == is_terminal
    with steps("pull", 2) as step:
        assert step is progress.silent
