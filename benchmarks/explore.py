"""Explorers: each change of a control in milliseconds, and as a share of making the same figure anew.

A change is timed until the figure's widget holds what is drawn. Anew is what ``explorer.to_code()`` says, with the
figure in place of its rows: attribute and its bars, after a stitch where the policy is another, or one timeline.
"""

from __future__ import annotations

import datetime as dt
from collections.abc import Callable, Mapping
from functools import partial
from itertools import cycle
from typing import Any, Final, NamedTuple

import pandas as pd

import datalyr_notebook as dn
from benchmarks.make_events import describe, make_events
from benchmarks.measure import (
    Run,
    interleave,
    medians,
    peak_extra,
    print_check,
    print_load,
    print_memory,
    read_arguments,
    time_once,
)
from datalyr_notebook.explorers import AttributionExplorer, IdentityExplorer, JourneyExplorer
from datalyr_notebook.explorers.explorer import Explorer

OPENS: Final[Mapping[str, Callable[[pd.DataFrame], Explorer]]] = {
    "journeys": JourneyExplorer,
    "identities": partial(IdentityExplorer, conversion=["purchase", "$identify"]),
    "attribution": partial(AttributionExplorer, conversion=["purchase", "$identify"], state={"intervals": False}),
}
"""Explorer → how it is opened for the changes below; intervals are measured on their own."""


class Change(NamedTuple):
    """A change of one control: the values that it takes in turn, each another than the one before."""

    explorer: str
    what: str
    takes: tuple[Any, ...]
    """Of the control's widget; the table's rows where a row is chosen; of the state where there is no control."""
    at_most: int | None
    """Milliseconds; None: it is measured alone."""
    control: str = ""
    """The explorer's attribute; blank: it is called as the change is."""


PERSON: Final = ""
"""Stands for the people listed, one after the other."""
LINK: Final = ("the first link",)
"""Stands for the first link of the person who is shown."""
_FIRST_DAYS: Final = (dt.date(2026, 1, 10), dt.date(2026, 1, 20), None)
CHANGES: Final = (
    # The people found all have the person who is shown among them, so that nobody else is drawn.
    Change("journeys", "search", ("anon_", "", "a"), 50),
    Change("journeys", "search, another person", ("user_00", "anon_7f", "user_1"), 150, "search"),
    Change("journeys", "person", (PERSON,), 150),
    Change("journeys", "channel", ("Direct", "Email", "Paid Search"), 150),
    Change("journeys", "converted", ("no", "yes"), 150),
    Change("journeys", "start", _FIRST_DAYS, 150),
    Change("journeys", "stitching", ("both", "after"), 150),
    Change("journeys", "event_table", (0, 1), 150),
    Change("identities", "look", ("most value", "shared device", "all"), 150),
    Change("identities", "findings", (0, 1, 2), 150),
    Change("identities", "policy", ("next", "last", "graph", "session"), 1500),
    Change("identities", "as_of", ("2026-01-20", "2026-01-10", ""), 1500),
    Change("identities", "trust_email", (True, False), 1500),
    Change("identities", "without", (LINK, []), 1500),
    Change("attribution", "models", (("linear", "first_touch"), ("time_decay",), ("hybrid", "last_touch")), 150),
    Change("attribution", "by", ("source", "medium", "channel"), 150),
    Change("attribution", "since", _FIRST_DAYS, 150),
    Change("attribution", "exclude", (("Direct",), ("Email", "Direct"), ()), 150),
    Change("attribution", "include", (("Direct",), ("Email", "Paid Search"), ()), 150),
    Change("attribution", "metric", ("conversions", "credit"), 150),
    Change("attribution", "view", ("models", "bars"), 150),
    Change("attribution", "totals_table", (0, 1, 2), 150),
    Change("attribution", "lookback", ("7D", "30D", "90D"), 400),
    Change("attribution", "conversion", (("purchase",), ("$identify",), ("purchase", "$identify")), 400),
    Change("attribution", "policy", ("next", "last", "graph"), 1500),
)
"""What is measured. One more explorer is a line in ``OPENS`` and its changes here."""
OPENED, DESCRIBED, WALLED = 1500, 2000, 300
"""Milliseconds for opening an explorer, for what ``df.datalyr`` says of itself, and for a wall of journeys."""
HELD: Final = 2.5
"""Peak memory of opening an explorer, as a multiple of the stitched events, most of which is categories."""
WALL: Final = 100
"""People on it."""
CROWDED: Final = 200_000
"""Events of the person who has most."""


def main() -> None:
    """Measure and print what came out."""
    size, rounds = read_arguments("explore", events=1_000_000, rounds=9)
    events = make_events(size)
    print(f"{describe(events)}, stitched by the default policy\n")
    stitched = dn.stitch(dn.normalize_events(events))
    _print_heading()
    for name, opened in OPENS.items():
        explorer = opened(stitched)
        runs = interleave(
            {"open": partial(opened, stitched), "anew": partial(_draw, explorer.to_code(), stitched)}, rounds
        )
        _print_line(f"{name}: open one more", *runs.values(), OPENED)
        for change in (one for one in CHANGES if one.explorer == name):
            _measure(explorer, change, stitched, rounds)
    _measure_intervals(stitched, rounds)
    _measure_views(events, stitched, rounds)
    _measure_crowded(rounds)
    print()
    print_load()
    del events, stitched, explorer
    for name, opened in OPENS.items():
        print_memory(f"opening {name}", peak_extra(_make_stitched, opened, size), at_most=HELD)


def _measure(explorer: Explorer, change: Change, stitched: pd.DataFrame, rounds: int) -> None:
    """One control's changes, each followed by the same figure made anew; then the control as it was."""
    before, set_next = explorer.state, _setter(explorer, change)
    changes, anew, agree = [], [], []
    for _ in range(rounds):
        changes.append(time_once(set_next))
        anew.append(time_once(partial(_draw, explorer.to_code(), stitched)))
        if len(agree) < len(change.takes):
            agree.append(_rows(explorer.to_code(), stitched).equals(explorer.answer.data))
    _print_line(f"{change.explorer}: {change.what}", changes, anew, change.at_most)
    if not all(agree):
        print_check(f"{change.what}: the code gives the rows that are drawn", holds=False)
    explorer.state = before


def _setter(explorer: Explorer, change: Change) -> Callable[[], None]:
    """Sets the next value at each call."""
    if change.takes[0] == LINK:
        states = cycle([{change.what: [explorer.answers.link(0)]}, {change.what: []}])
        return lambda: setattr(explorer, "state", next(states))
    widget = getattr(explorer, change.control or change.what)
    trait = "chosen" if hasattr(widget, "chosen") else "value"
    listed = [one for _, one in widget.options] if change.takes == (PERSON,) else change.takes
    values = cycle([*listed[1:], listed[0]] if change.takes == (PERSON,) else listed)
    return lambda: setattr(widget, trait, next(values))


def _rows(code: str, events: pd.DataFrame) -> pd.DataFrame:
    """The rows that an explorer's code makes."""
    said: dict[str, Any] = {"events": events}
    exec(code, said)  # noqa: S102  (the explorer's own)
    rows: pd.DataFrame = said["rows"]
    return rows


def _draw(code: str, events: pd.DataFrame) -> None:
    """The figure of these rows: its function is called as that of the rows is."""
    exec(code.replace("_data(", "("), {"events": events})  # noqa: S102


def _measure_intervals(stitched: pd.DataFrame, rounds: int) -> None:
    """Changes with intervals on: one after the last intervals are there, one more while the next are worked out."""
    explorer = AttributionExplorer(stitched)
    explorer.wait()
    set_next = _setter(explorer, Change("attribution", "by", ("source", "medium", "channel"), 150))
    lacking = []

    def change() -> None:
        set_next()
        lacking.append(explorer.intervals is None)

    def anew() -> None:
        _draw(explorer.to_code(), stitched)

    runs = interleave({"change": change, "again": change, "wait": explorer.wait, "anew": anew}, rounds)
    _print_line("attribution: by, intervals follow", runs["change"], runs["anew"], 150)
    _print_line("attribution: by, while they are worked out", runs["again"], runs["anew"], 150)
    print(f"the intervals are there {medians(runs['wait']).seconds:.1f} s after the last change")
    print_check("a change returns before its intervals are there", holds=all(lacking))
    rows = _rows(explorer.to_code(), stitched)
    print_check("the intervals are those of result.intervals()", holds=rows.equals(explorer.answer.data))


def _measure_views(events: pd.DataFrame, stitched: pd.DataFrame, rounds: int) -> None:
    """What a table says of itself, and the journeys of many people."""
    explorer = JourneyExplorer(stitched)
    people = [one for _, one in explorer.person.options]
    people += dn.find_conversions(stitched)["person_id"].drop_duplicates().astype(str).tolist()
    people = list(dict.fromkeys(people))[:WALL]
    stitch = partial(dn.stitch, dn.normalize_events(events))
    timeline = partial(dn.figures.journey_timeline, stitched, people[0])
    wall = partial(dn.figures.journey_wall, stitched, people)
    for what, call, peer, at_most in (
        ("df.datalyr of events (anew: stitch)", lambda: repr(events.datalyr), stitch, DESCRIBED),
        ("df.datalyr of stitched events (anew: stitch)", lambda: repr(stitched.datalyr), stitch, DESCRIBED),
        (f"journey_wall of {len(people)} people (anew: one journey_timeline)", wall, timeline, WALLED),
    ):
        runs = interleave({"own": call, "peer": peer}, min(rounds, 5))
        _print_line(what, *runs.values(), at_most)


def _measure_crowded(rounds: int) -> None:
    """A person of many events."""
    events = make_events(CROWDED).assign(anonymous_id="anon_everybody", user_id=None)
    stitched = dn.stitch(dn.normalize_events(events))
    explorer = JourneyExplorer(stitched)
    print(f"\n{explorer.sentence}")
    for what, values in (("start", _FIRST_DAYS), ("stitching", ("both", "after"))):
        _measure(explorer, Change("journeys", what, values, None), stitched, min(rounds, 5))


def _make_stitched(events: int) -> pd.DataFrame:
    return dn.stitch(dn.normalize_events(make_events(events)))


def _print_heading() -> None:
    print(f"{'':58}  milliseconds  rounds     goal              CPU    anew  ratio")


def _print_line(what: str, own: list[Run], anew: list[Run], at_most: int | None) -> None:
    """Median, fastest and slowest, the goal, the CPU time, and what making it anew took in the same rounds."""
    each = [1000 * run.seconds for run in own]
    took, peer = medians(own), medians(anew)
    goal = f"< {at_most:<5}{'met   ' if 1000 * took.seconds < at_most else 'MISSED'}" if at_most else f"{'':13}"
    print(
        f"{what:58}  {1000 * took.seconds:12.0f}  {f'{min(each):.0f}-{max(each):.0f}':9}  {goal}  "
        f"{1000 * took.cpu_seconds:5.0f}  {1000 * peer.seconds:6.0f}  {took.seconds / peer.seconds:5.2f}"
    )


if __name__ == "__main__":
    main()
