"""What a table of events is, in a few lines: rows, dates, people, problems, and the next step.

It is what ``df.datalyr`` shows of itself, so it looks at any table whatever and never raises.
"""

from __future__ import annotations

import html
import re
from collections.abc import Hashable
from dataclasses import dataclass, field, replace
from typing import Final

import numpy as np
import pandas as pd

from datalyr_notebook import errors, order, schema
from datalyr_notebook.frames import check_columns, read_stitched
from datalyr_notebook.identity.matched import is_matched
from datalyr_notebook.identity.rule import StitchRule
from datalyr_notebook.identity.stitching import persons_each
from datalyr_notebook.lint.linter import lint_tracked
from datalyr_notebook.lint.tracked import PURCHASE, damaged_ids, read_tracked
from datalyr_notebook.loading.normalize import SPELLINGS
from datalyr_notebook.notices import repeated
from datalyr_notebook.rendering import counted, headed, moment, percent, spelled

_MOST_PROBLEMS: Final = 2
_LONGEST: Final = 400
_REFUND: Final = "refund"

_STATES: Final = {
    "raw": "not normalized and not stitched yet",
    "normalized": "normalized, not stitched yet",
    "stitched": "stitched",
    "judged_at_event": "stitched, each by what was known at its own time",
}
_OTHER_NAMES: Final = {
    "timestamp": "ts time datetime eventtime eventtimestamp date eventdate occurredat happenedat createdat sentat",
    "event_name": "eventtype eventaction action activity name type",
    "user_id": "uid user customerid customer memberid member accountid account email",
    "anonymous_id": "anonid anonymous deviceid device visitor clientid cookieid cookie browserid",
}
"""What other tools call our columns, in small letters alone; the likeliest first."""


@dataclass(frozen=True, kw_only=True)
class People:
    """How many people there are, and which share of the events belongs to known users (NaN without events)."""

    people: int
    matched: float


@dataclass(frozen=True, kw_only=True, repr=False, eq=False)
class Overview:
    """A table of events in a few lines. Made by ``overview``; the facts are its attributes."""

    rows: int
    """Rows of the table as it is."""
    next_step: str
    """One call that fits what the table is."""
    state: str = "unreadable"
    """raw, normalized, stitched or judged_at_event; empty and unreadable tables have no facts beside their rows."""
    trouble: str = ""
    """Why the table cannot be read."""
    events: int = 0
    """Events in these rows: more than rows where a row is a batch, fewer where events were delivered again."""
    first: pd.Timestamp | None = None
    last: pd.Timestamp | None = None
    before: People | None = None
    """As the rows say alone (policy ``none``): every user, and every device with events that name no user."""
    after: People | None = None
    """As the table is stitched; else as the defaults of ``stitch`` would do it."""
    decided_by: dict[str, int] = field(default_factory=dict)
    """Of a stitched table: how many rows got their person by which rule (``person_via``), most first."""
    problems: pd.DataFrame = field(default_factory=lambda: schema.empty(schema.LINT))
    """What ``lint`` finds."""

    def __repr__(self) -> str:
        """The headline, then a line a fact."""
        return "\n".join([self._headline(), *(f"{name:<10}{spelled(words)}" for name, words in self._lines())])

    def _repr_html_(self) -> str:
        """The same as a small table; every text is escaped."""
        cells = "".join(
            f"<tr><th scope='row' style='text-align:left'>{html.escape(name)}</th>"
            f"<td style='text-align:left'>{html.escape(str(spelled(words)))}</td></tr>"
            for name, words in self._lines()
        )
        return headed(self._headline(), f"<tbody>{cells}</tbody>")

    def _headline(self) -> str:
        rows = counted(self.rows, "row")
        if self.state in ("empty", "unreadable"):
            return f"df.datalyr: {rows}, no events" + (" that can be read" if self.trouble else "")
        told = f"{rows}, {counted(self.events, 'event')}" if self.events != self.rows else counted(self.rows, "event")
        return f"df.datalyr: {told}, {_STATES[self.state]}"

    def _lines(self) -> list[tuple[str, str]]:
        lines = []
        if self.trouble:
            lines.append(("trouble", self.trouble))
        if self.first is not None and self.last is not None:
            until = f" to {moment(self.last)}" if self.last > self.first else ""
            lines.append(("dates", f"{moment(self.first)}{until}"))
        if self.before is not None and self.after is not None:
            as_is = "as stitched" if self.decided_by else "after stitching with the defaults"
            lines.append(("people", f"{self.before.people:,} before stitching, {self.after.people:,} {as_is}"))
            before, after = percent(self.before.matched), percent(self.after.matched)
            lines.append(("known", f"{before} of the events belong to known users before, {after} after"))
        if self.decided_by:
            shares = (f"{rule} {percent(count / self.events)}" for rule, count in self.decided_by.items())
            lines.append(("decided", f"rows by rule: {', '.join(shares)}"))
        if self.before is not None:
            lines += self._problem_lines()
        return [*lines, ("next", self.next_step)]

    def _problem_lines(self) -> list[tuple[str, str]]:
        """How many, then the most severe in their words."""
        nouns = {"error": "error", "warning": "warning", "info": "remark"}
        counts = {kind: int((self.problems["severity"] == kind).sum()) for kind in nouns}
        told = [counted(counts[kind], noun) for kind, noun in nouns.items() if counts[kind]]
        if not told:
            return [("problems", "none found by df.datalyr.lint()")]
        grave = self.problems[self.problems["severity"] != "info"].head(_MOST_PROBLEMS)
        listed = [("", f"{code}: {words}") for code, words in zip(grave["code"], grave["message"], strict=True)]
        return [("problems", f"{', '.join(told)}; all of them: df.datalyr.lint()"), *listed]


def overview(events: pd.DataFrame) -> Overview:
    """A table of events in a few lines, with the next step that fits it. Never raises, and says no notice.

    ``events``: raw, normalized, stitched, empty, or no events at all: then ``trouble`` says what is
    missing, and ``next_step`` guesses which column is which. Nothing is shown of ids or traits.

    >>> from datalyr_notebook.loading.samples import load_sample
    >>> overview(load_sample("seed_journey"))
    df.datalyr: 10 events, normalized, not stitched yet
    dates     7 Sep 2026 08:41 UTC to 9 Sep 2026 07:01 UTC
    people    3 before stitching, 1 after stitching with the defaults
    known     40% of the events belong to known users before, 100% after
    problems  none found by df.datalyr.lint()
    next      stitched = df.datalyr.stitch()
    """
    rows = len(events) if isinstance(events, pd.DataFrame) else 0
    try:
        with repeated():
            return _readable(events)
    except errors.MissingColumnsError as missing:
        return Overview(rows=rows, trouble=_shortened(missing), next_step=_naming_call(events.dtypes))
    except errors.DatalyrError as told:
        next_step = "mend the table as this says, then look at df.datalyr again"
        return Overview(rows=rows, trouble=_shortened(told), next_step=next_step)
    except Exception as unforeseen:  # noqa: BLE001  (an exception in a repr would hide the door)
        trouble = f"reading these rows stopped with {type(unforeseen).__name__}"
        return Overview(rows=rows, trouble=trouble, next_step="df.datalyr.normalize_events() says where")


def _shortened(told: errors.DatalyrError) -> str:
    words = str(told)
    return words if len(words) <= _LONGEST else f"{words[:_LONGEST]}…"


def _readable(events: pd.DataFrame) -> Overview:
    check_columns(events, "overview")
    if not len(events):
        return Overview(rows=0, state="empty", next_step="events = datalyr_notebook.read_events('events/*.jsonl')")
    tracked = read_tracked(events)
    table = tracked.events.frame
    rule = StitchRule()
    found = Overview(
        rows=len(events),
        events=len(table),
        state="normalized" if schema.is_canonical(events) else "raw",
        first=table["timestamp"].min(),
        last=table["timestamp"].max(),
        problems=lint_tracked(tracked),
        next_step="stitched = df.datalyr.stitch()",
    )
    if schema.is_stitched(events):
        return _stitched(found, table, judged_at_event=schema.is_judged_at_event(events))
    alone = replace(rule, policy="none")
    before, after = (_people(told.person, told.is_user) for told in persons_each(table, [alone, rule]))
    damaged = damaged_ids(events)
    if damaged:
        types = ", ".join(f"{name!r}: str" for name in damaged)
        found = replace(found, next_step=f"read the file again with dtype={{{types}}}: these ids have lost digits")
    return replace(found, before=before, after=after)


def _stitched(found: Overview, table: pd.DataFrame, *, judged_at_event: bool) -> Overview:
    """The same for a table that knows its persons already."""
    stitched = read_stitched("overview", table)
    (none,) = persons_each(table, [StitchRule(policy="none")])
    via = stitched["person_via"].value_counts()
    rules = sorted((-int(count), str(rule)) for rule, count in via.items() if count)
    return replace(
        found,
        state="judged_at_event" if judged_at_event else "stitched",
        before=_people(none.person, none.is_user),
        after=_people(order.codes(stitched, "person_id"), is_matched(stitched)),
        decided_by={rule: -count for count, rule in rules},
        next_step=found.next_step if judged_at_event else _after_stitching(stitched),
    )


def _people(person: order.Codes, matched: order.Flags) -> People:
    is_there = np.zeros(int(person.max(initial=-1)) + 2, dtype=bool)
    is_there[person] = True  # -1, nobody, is the last
    return People(people=int(is_there[:-1].sum()), matched=float(matched.mean()) if len(matched) else np.nan)


# ---- the next step -------------------------------------------------------------------------------


def _after_stitching(stitched: pd.DataFrame) -> str:
    """Attribution, by the default conversion or by what brings most money; else looking at journeys."""
    if order.is_named(stitched, PURCHASE).any():
        return "result = df.datalyr.attribute()"
    if "value" in stitched.columns:
        names, code = stitched["event_name"].cat.categories, order.codes(stitched, "event_name")
        value = np.where(code >= 0, np.nan_to_num(stitched["value"].to_numpy(dtype=np.float64)), 0.0)
        earned = np.bincount(np.maximum(code, 0), np.maximum(value, 0.0), minlength=len(names))
        earned[names == _REFUND] = 0
        if earned.any():
            return f"result = df.datalyr.attribute(conversion={errors.shown(names[int(earned.argmax())])})"
    return "df.datalyr.explore.journeys()"


def _naming_call(types: pd.Series) -> str:
    """The call that names the columns, as far as their names or types tell which is which.

    ``types``: the dtype of each column, by name.
    """
    named = {name for name in _OTHER_NAMES if any(spelling in types.index for spelling in SPELLINGS[name])}
    guessed: dict[str, Hashable] = {}
    for name, words in _OTHER_NAMES.items():
        if name not in named:
            left = [one for one in types.index if one not in guessed.values()]
            likely = _named_like(left, (*SPELLINGS[name], *words.split()))
            if name == "timestamp":
                likely += [one for one in left if types[one].kind == "M"]
            if likely:
                guessed[name] = likely[0]
    lacking = [name for name in ("timestamp", "event_name") if name not in named | set(guessed)]
    if not {"user_id", "anonymous_id"} & (named | set(guessed)):
        lacking.append("user_id")
    mapping = [f"{errors.shown(own)}: {name!r}" for name, own in guessed.items()]
    mapping += [f"'<{name}>': {name!r}" for name in lacking]
    ask = "; write the names of your own columns for those in <>" if lacking else ""
    return f"events = df.datalyr.normalize_events(columns={{{', '.join(mapping)}}}){ask}"


def _named_like(columns: list[Hashable], words: tuple[str, ...]) -> list[Hashable]:
    """The columns whose names, without capitals, spaces and signs, are one of these words; the likeliest first."""
    by_letters = {_letters(one): one for one in reversed(columns)}
    return [by_letters[letters] for word in words if (letters := _letters(word)) in by_letters]


def _letters(name: Hashable) -> str:
    return re.sub(r"[\W_]+", "", str(name).casefold())
