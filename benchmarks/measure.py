"""How the benchmarks measure: contenders in turn, ratios of medians with their spread, peak memory."""

from __future__ import annotations

import argparse
import ctypes
import gc
import os
import statistics
import sys
import time
from collections.abc import Callable, Iterable, Mapping
from concurrent.futures import ProcessPoolExecutor
from multiprocessing import get_context
from pathlib import Path
from typing import NamedTuple, TypeAlias

import numpy as np
import pandas as pd
import pyarrow as pa


class Run(NamedTuple):
    """What one call took."""

    seconds: float
    cpu_seconds: float
    """Over all threads: what is left of a ratio when others keep the machine busy."""


Timings: TypeAlias = Mapping[str, list[Run]]
"""Contender → its runs, one a round."""

_RESET_PEAK = "5"
"""Written to /proc/self/clear_refs, this sets the process's peak back to what it holds now (Linux)."""


class Goal(NamedTuple):
    """What one contender may take, as a multiple of another."""

    contender: str
    peer: str
    at_most: float


def read_arguments(name: str, *, events: int, rounds: int) -> tuple[int, int]:
    """How many events and how many rounds the command line asks for."""
    parser = argparse.ArgumentParser(prog=f"python -m benchmarks.{name}")
    parser.add_argument("--events", type=int, default=events)
    parser.add_argument("--rounds", type=int, default=rounds)
    given = parser.parse_args()
    return int(given.events), int(given.rounds)


def time_once(call: Callable[[], object]) -> Run:
    """One call; garbage is collected before, and what it returned is let go after, outside the time."""
    gc.collect()
    start, cpu_start = time.perf_counter(), time.process_time()
    answer = call()
    run = Run(time.perf_counter() - start, time.process_time() - cpu_start)
    del answer
    return run


def interleave(contenders: Mapping[str, Callable[[], object]], rounds: int) -> dict[str, list[Run]]:
    """Each round runs every contender once in turn, so that a slow minute slows them all."""
    timings: dict[str, list[Run]] = {name: [] for name in contenders}
    for _ in range(rounds):
        for name, call in contenders.items():
            timings[name].append(time_once(call))
    return timings


def medians(runs: Iterable[Run]) -> Run:
    """The median run; each of its numbers on its own."""
    seconds, cpu_seconds = zip(*runs, strict=True)
    return Run(statistics.median(seconds), statistics.median(cpu_seconds))


def print_ratios(timings: Timings, goals: Iterable[Goal]) -> None:
    """Each goal: the ratio of the medians, the rounds' own ratios from lowest to highest, the CPU time's ratio."""
    listed = list(goals)
    width = max(len(f"{goal.contender} / {goal.peer}") for goal in listed)
    print(f"{'':{width}}  ratio  rounds     goal           CPU    seconds      CPU seconds")
    for goal in listed:
        own, peer = medians(timings[goal.contender]), medians(timings[goal.peer])
        ratio = own.seconds / peer.seconds
        each = [
            one.seconds / other.seconds for one, other in zip(timings[goal.contender], timings[goal.peer], strict=True)
        ]
        print(
            f"{f'{goal.contender} / {goal.peer}':{width}}  {ratio:5.2f}  {min(each):4.2f}-{max(each):4.2f}  "
            f"{_verdict(ratio, goal.at_most)} {own.cpu_seconds / peer.cpu_seconds:5.2f}  "
            f"{own.seconds:5.2f}/{peer.seconds:5.2f}  {own.cpu_seconds:5.2f}/{peer.cpu_seconds:5.2f}"
        )
    print_load()


def print_load() -> None:
    """How busy the machine is: what others run is in the seconds, and not in the CPU seconds."""
    if hasattr(os, "getloadavg"):
        print(
            f"{os.cpu_count()} processors, load {os.getloadavg()[0]:.1f} (alone, this is at most about the processors)"
        )


def print_memory(step: str, extra: float | None, *, at_most: float = 1.0) -> None:
    """Peak extra memory as a share of the input's own size."""
    if extra is None:
        print(f"peak extra memory of {step}: not measured (it is read from /proc, on Linux)")
    else:
        print(f"peak extra memory of {step} / its input's size  {extra:5.2f}  {_verdict(extra, at_most)}")


def print_check(what: str, *, holds: bool) -> None:
    """A comparison of answers made in this run."""
    print(f"check: {what}: {'yes' if holds else 'NO'}")


def peak_extra(
    make_input: Callable[[int], pd.DataFrame], call: Callable[[pd.DataFrame], object], events: int
) -> float | None:
    """Peak memory of ``call`` above what its process held before, its result included, per byte of input.

    Runs in a fresh process, since a used one hides what it takes in memory that it never gave back.
    None where the system does not tell.
    """
    if not Path("/proc/self/clear_refs").exists():
        return None
    with ProcessPoolExecutor(1, mp_context=get_context("spawn")) as pool:
        return pool.submit(_peak_extra, make_input, call, events).result()


def _peak_extra(
    make_input: Callable[[int], pd.DataFrame], call: Callable[[pd.DataFrame], object], events: int
) -> float:
    # A first small call loads what is loaded once.
    call(make_input(1000))
    table = make_input(events)
    size = int(table.memory_usage(deep=True).sum())
    _give_back()
    before = _memory("VmRSS")
    Path("/proc/self/clear_refs").write_text(_RESET_PEAK, encoding="ascii")
    answer = call(table)
    peak = _memory("VmHWM")
    del answer
    return (peak - before) / size


def peak_bytes(call: Callable[[], object], *, first: Callable[[], object]) -> int | None:
    """Peak memory of ``call`` above what its fresh process held before, in bytes; ``first`` loads what is loaded once.

    None where the system does not tell.
    """
    if not Path("/proc/self/clear_refs").exists():
        return None
    with ProcessPoolExecutor(1, mp_context=get_context("spawn")) as pool:
        return pool.submit(_peak_bytes, call, first).result()


def _peak_bytes(call: Callable[[], object], first: Callable[[], object]) -> int:
    first()
    _give_back()
    before = _memory("VmRSS")
    Path("/proc/self/clear_refs").write_text(_RESET_PEAK, encoding="ascii")
    call()
    return _memory("VmHWM") - before


def _give_back() -> None:
    """Return what making the input has left behind, or the call would fill it unseen."""
    gc.collect()
    pa.default_memory_pool().release_unused()
    if sys.platform == "linux":
        trim = getattr(ctypes.CDLL(None), "malloc_trim", None)
        if trim is not None:
            trim(0)


def _memory(field: str) -> int:
    """A line of /proc/self/status, in bytes."""
    lines = Path("/proc/self/status").read_text(encoding="ascii").splitlines()
    return int(next(line for line in lines if line.startswith(f"{field}:")).split()[1]) * 1024


def _verdict(ratio: float, at_most: float) -> str:
    return f"<= {at_most:<4g} {'met   ' if ratio <= at_most else 'MISSED'}"


def same_numbers(one: pd.Series, other: pd.Series, *, within: float = 1e-6) -> bool:
    """Whether two columns agree, each pair to ``within`` of its size."""
    left, right = one.to_numpy(dtype=np.float64), other.to_numpy(dtype=np.float64)
    return len(left) == len(right) and bool((np.abs(left - right) <= within * np.maximum(np.abs(right), 1)).all())
