"""What a load read, skipped, dropped and repaired: counts in words, never an id, a name or a value."""

from __future__ import annotations

import html
from collections import Counter
from dataclasses import dataclass, field
from typing import Final, NamedTuple

import pandas as pd

from datalyr_notebook.errors import OptionError


class Kind(NamedTuple):
    """One thing that can be counted: its name, its words for one and for many, and whether it is worth telling."""

    name: str
    one: str
    many: str
    is_notable: bool


KINDS: Final = (
    Kind("rows", "event", "events", is_notable=False),
    Kind("files", "file", "files", is_notable=False),
    Kind("skipped_bodies", "body without events skipped", "bodies without events skipped", is_notable=True),
    Kind("damaged_lines", "damaged line left out", "damaged lines left out", is_notable=True),
    Kind("redelivered", "re-delivery dropped", "re-deliveries dropped", is_notable=True),
    Kind(
        "reused_event_ids",
        "event id came again with another value, order or user",
        "event ids came again with another value, order or user",
        is_notable=True,
    ),
    Kind("null_like_ids", "id that names nobody emptied", "ids that name nobody emptied", is_notable=True),
    Kind(
        "device_ids_as_user",
        "device id found in the user field",
        "device ids found in the user field",
        is_notable=True,
    ),
    Kind("no_id", "row without any id", "rows without any id", is_notable=True),
    Kind(
        "missing_timestamps",
        "missing timestamp taken from identified_at or aliased_at",
        "missing timestamps taken from identified_at or aliased_at",
        is_notable=True,
    ),
    Kind(
        "naive_timestamps",
        "timestamp without a time zone taken as UTC",
        "timestamps without a time zone taken as UTC",
        is_notable=True,
    ),
    Kind(
        "unreadable_timestamps",
        "row without a readable time left out",
        "rows without a readable time left out",
        is_notable=True,
    ),
    Kind("future_timestamps", "timestamp in the future", "timestamps in the future", is_notable=True),
    Kind(
        "unreadable_values",
        "value that is no number left empty",
        "values that are no numbers left empty",
        is_notable=True,
    ),
)
"""Everything a report can count, in the order it is told."""

SEEN_IN_THE_RESULT: Final = ("rows", "no_id", "future_timestamps")
"""Kinds that describe the finished table: normalizing it again finds them again."""

_BY_NAME: Final = {kind.name: kind for kind in KINDS}
_LONGEST_EXAMPLE: Final = 40
_ERRORS_SHOWN: Final = 20


class Damage(NamedTuple):
    """A line that could not be read: the file, the line (from 1), and what is wrong with its form."""

    file: str
    line: int
    problem: str


@dataclass(repr=False)
class LoadReport:
    """Counts of what a load read, skipped, dropped or repaired; ``read_events(..., report=report)`` fills it.

    ``counts`` maps a kind (see ``KINDS``) to how often it happened, ``shapes`` a payload's shape to
    how many events had it, ``examples`` a kind to the form of one value (letters as ``a``, digits as
    ``9``), and ``errors`` lists (file, line, problem) of lines left out by ``errors="collect"``.
    Nothing here holds an id, a name or a value of anybody. Two loads into one report add up.

    >>> report = LoadReport()
    >>> report.add("rows", 75); report.add("files", 4); report.add("redelivered", 5)
    >>> report
    LoadReport: 75 events from 4 files; 5 re-deliveries dropped
    """

    counts: dict[str, int] = field(default_factory=dict)
    shapes: Counter[str] = field(default_factory=Counter)
    errors: list[Damage] = field(default_factory=list)
    examples: dict[str, str] = field(default_factory=dict)

    def add(self, kind: str, count: int = 1, *, example: object = None) -> None:
        """Count something; of ``example`` only the form is kept. A kind that is not in ``KINDS`` is refused."""
        if kind not in _BY_NAME:
            raise OptionError("LoadReport.add", "kind", kind, _BY_NAME)
        if count:
            self.counts[kind] = self.counts.get(kind, 0) + count
            if example is not None:
                self.examples.setdefault(kind, _form(example))

    @property
    def is_notable(self) -> bool:
        """Whether anything was skipped, dropped, repaired, or looks odd."""
        return any(_BY_NAME[kind].is_notable for kind in self.counts)

    def to_frame(self) -> pd.DataFrame:
        """One row a kind that was counted: kind (str), count (int64), meaning (str)."""
        told = [(kind.name, self.counts[kind.name], kind.many) for kind in KINDS if kind.name in self.counts]
        names, counts, meanings = zip(*told, strict=True) if told else ((), (), ())
        text = "object" if not told else None
        return pd.DataFrame(
            {
                "kind": pd.Series(names, dtype=text),
                "count": pd.Series(counts, dtype="int64"),
                "meaning": pd.Series(meanings, dtype=text),
            }
        )

    def __str__(self) -> str:
        """The report in one line."""
        files = self.counts.get("files", 0)
        head = _told("rows", self.counts.get("rows", 0)) + (f" from {_told('files', files)}" if files else "")
        counted = [kind.name for kind in KINDS if kind.is_notable and kind.name in self.counts]
        return "LoadReport: " + "; ".join([head, *(_told(name, self.counts[name]) for name in counted)])

    def __repr__(self) -> str:
        """The report in one line: a notebook shows the same as print."""
        return str(self)

    def _repr_html_(self) -> str:
        """A small table: the counts, the shapes, and the first damaged lines."""
        rows = [(f"{self.counts[kind.name]:,}", kind.many) for kind in KINDS if kind.name in self.counts]
        rows += [(f"{count:,}", f"shape: {shape}") for shape, count in self.shapes.items()]
        rows += [("", f"{file}, line {line}: {problem}") for file, line, problem in self.errors[:_ERRORS_SHOWN]]
        if len(self.errors) > _ERRORS_SHOWN:
            rows.append(("", f"and {len(self.errors) - _ERRORS_SHOWN:,} more damaged lines"))
        body = "".join(
            f"<tr><td style='text-align:right'>{html.escape(count)}</td>"
            f"<td style='text-align:left'>{html.escape(words)}</td></tr>"
            for count, words in rows
        )
        return f"<table><caption>LoadReport</caption><tbody>{body}</tbody></table>"


def _told(kind: str, count: int) -> str:
    _, one, many, _ = _BY_NAME[kind]
    return f"{count:,} {one if count == 1 else many}"


def _form(value: object) -> str:
    """The form of a value without the value: ``2026-01-01 10:00`` becomes ``9999-99-99 99:99``."""
    if not isinstance(value, str):
        return type(value).__name__
    shape = "".join(
        "9" if one.isdigit() else "a" if one.isalpha() else one if one.isascii() and one.isprintable() else "?"
        for one in value[:_LONGEST_EXAMPLE]
    )
    return shape if len(value) <= _LONGEST_EXAMPLE else shape + "…"
