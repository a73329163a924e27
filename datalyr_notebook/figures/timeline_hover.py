"""What hovering over a mark of a timeline tells: what every mark has, and the columns and keys an analyst chose."""

from __future__ import annotations

import datetime as dt
import itertools
from collections.abc import Iterable, Mapping, Sequence
from typing import Any, Final

import numpy as np
import pandas as pd

from datalyr_notebook import errors
from datalyr_notebook.figures.theme import escaped_lines, shortened
from datalyr_notebook.figures.timeline_marks import texts_at
from datalyr_notebook.figures.trait_timeline_rows import value_text
from datalyr_notebook.order import Ints, Texts
from datalyr_notebook.redaction import ID_COLUMNS, Redaction

KEYED: Final = ("traits", "properties")
"""The columns of dicts whose keys may be chosen as if they were columns; the first that has the key tells it."""

_EVIDENCE: Final = ("source", "medium", "campaign")
_LONGEST: Final = 60
"""Characters of a chosen value."""
_MOST_NAMED: Final = 20
"""Names that an error lists."""


def check_hover(step: str, hover: Iterable[str], stitched: pd.DataFrame, mine: Ints) -> None:
    """Refuse to show what is neither a column nor a key of anybody's traits or properties.

    A key that only other people's events have is no error: of this person it was never said.
    """
    for name in hover:
        if name not in stitched.columns and not any(name in one for one in _dicts(stitched, mine)):
            known = dict.fromkeys(str(column) for column in stitched.columns)
            for one in _dicts(stitched, np.arange(len(stitched))):
                if name in one:
                    break
                known.update(dict.fromkeys(map(str, itertools.islice(one, _MOST_NAMED))))
            else:
                listed = ", ".join(errors.shown(one) for one in [*known][: 2 * _MOST_NAMED])
                more = f" and {len(known) - 2 * _MOST_NAMED} more" if len(known) > 2 * _MOST_NAMED else ""
                raise errors.OptionError(step, "hover", name, f"columns, traits or properties out of {listed}{more}")


def chosen_values(
    rows: pd.DataFrame, at: Ints, hover: Iterable[str], drawn: Redaction, chosen: Redaction
) -> dict[str, Texts]:
    """The chosen columns and keys of some rows as they may be shown; None where nothing was said.

    Ids are masked as they are everywhere (``drawn``), anything else as ``chosen`` says.
    """
    return {
        name: (drawn if name in ID_COLUMNS else chosen).texts(name, texts_at(rows, name, at))
        if name in rows.columns
        else _keyed(rows, at, name, chosen)
        for name in hover
    }


def hover_texts(marks: pd.DataFrame, chosen: Mapping[str, Texts], zone: dt.tzinfo) -> list[str]:
    """What is told of each mark, escaped. Of traits, properties and addresses only what was chosen."""
    columns = ("kind", "event_name", "label", "lane", "channel", "user_id", "person_via", *_EVIDENCE)
    every = np.arange(len(marks))
    times = (_clocks(marks[name], zone) for name in ("timestamp", "person_since"))
    hovers = []
    for place, (when, since, value, *row) in enumerate(
        zip(*times, marks["value"].tolist(), *(texts_at(marks, name, every) for name in columns), strict=True)
    ):
        told = dict(zip(columns, row, strict=True))
        evidence = [shortened(told[name]) for name in _EVIDENCE if told[name] is not None]
        amount = told["label"] if told["kind"] == "conversion" else f"{value:,.2f}"
        lines = [
            f"{told['kind']}: {shortened(told['event_name'], 40)}",
            when,
            told["lane"],
            f"channel: {shortened(told['channel'])}" if told["channel"] else "",
            f"evidence: {' / '.join(evidence)}" if evidence else "",
            f"identity: {told['label']}" if told["kind"] == "identify" else "",
            "" if np.isnan(value) else f"value: {amount}",
            f"user_id: {shortened(told['user_id'])}" if told["user_id"] else "no user_id on this row",
            f"given to this person by: {shortened(told['person_via'])}" if told["person_via"] else "",
            since and f"known since {since}",
            *_chosen_lines(chosen, place, zone),
        ]
        hovers.append(escaped_lines(lines))
    return hovers


def _chosen_lines(chosen: Mapping[str, Texts], place: int, zone: dt.tzinfo) -> Sequence[str]:
    told = ((name, values[place]) for name, values in chosen.items())
    return [f"{shortened(name, 40)}: {_text(value, zone)}" for name, value in told if value is not None]


def _text(value: Any, zone: dt.tzinfo) -> str:  # noqa: ANN401  (whatever a table holds)
    if isinstance(value, pd.Timestamp):
        return (
            f"{value:%Y-%m-%d %H:%M:%S}" if value.tzinfo is None else f"{value.tz_convert(zone):%Y-%m-%d %H:%M:%S %Z}"
        )
    return value_text(value, _LONGEST)


def _clocks(times: pd.Series, zone: dt.tzinfo) -> list[str]:
    """Moments as a clock in this zone tells them; '' for none."""
    told = times.dt.tz_convert(zone).dt.strftime("%Y-%m-%d %H:%M:%S %Z")
    return ["" if one is None or one != one else str(one) for one in told.tolist()]  # noqa: PLR0124  (NaN)


def _keyed(rows: pd.DataFrame, at: Ints, name: str, redaction: Redaction) -> Texts:
    """The value of a key of each row's traits or properties, as it may be shown."""
    values = np.full(len(at), None, dtype=object)
    for column in reversed(KEYED):
        if column in rows.columns:
            cells = rows[column].iloc[at].tolist()
            for place, cell in enumerate(cells):
                if isinstance(cell, Mapping) and name in cell:
                    values[place] = redaction.trait(name, cell[name])
    return values


def _dicts(rows: pd.DataFrame, at: Ints) -> Iterable[Mapping[str, object]]:
    """The dicts of traits and properties of some rows."""
    for column in KEYED:
        if column in rows.columns:
            yield from (cell for cell in rows[column].iloc[at].tolist() if isinstance(cell, Mapping))
