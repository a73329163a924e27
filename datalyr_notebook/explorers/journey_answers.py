"""What the journey explorer answers: the people that are found, one person's timeline, and what is said of both."""

from __future__ import annotations

import datetime as dt
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any, Final

import numpy as np
import pandas as pd
import plotly.graph_objects as go

from datalyr_notebook import errors, options, order, schema
from datalyr_notebook.explorers.explorer import Answer, State
from datalyr_notebook.explorers.people_search import Found, PeopleSearch
from datalyr_notebook.explorers.roster import ANY, YES_NO, Filters, Roster
from datalyr_notebook.explorers.source import Source
from datalyr_notebook.explorers.stage import Stage
from datalyr_notebook.figures.layout import headed, say_empty
from datalyr_notebook.figures.theme import shortened, themed
from datalyr_notebook.figures.timeline import timeline_figure
from datalyr_notebook.figures.timeline_axis import find_zone
from datalyr_notebook.figures.timeline_marks import TIMELINE
from datalyr_notebook.figures.timeline_rows import GAPS, STITCHING, Masks, Timeline, View, timeline_of
from datalyr_notebook.identity.persons import find_persons
from datalyr_notebook.journeys.conversions import Conversion, conversion_kinds
from datalyr_notebook.loading.encoding import part_of
from datalyr_notebook.order import Flags, Ints
from datalyr_notebook.redaction import HIDDEN
from datalyr_notebook.rendering import counted

STEP: Final = "journeys"
DEFAULTS: Final[State] = {
    "search": "",
    "person": None,
    "converted": ANY,
    "cross_device": ANY,
    "channel": None,
    "start": None,
    "end": None,
    "stitching": "after",
    "gaps": "compress",
}
"""Nothing is searched, nobody is filtered out; ``person`` None: the first who is found."""

MOST_LISTED: Final = 50
"""People, or channels, that reach the browser to choose from."""

_FILTERS: Final = ("search", "converted", "cross_device", "channel", "start", "end")
_ID: Final = 24


@dataclass(frozen=True, repr=False, eq=False)
class Journey:
    """One person's timeline, and where its marks come from."""

    rows: pd.DataFrame
    """The person's stitched events that have a time, in the order of events; the index: the row of the table."""
    counts: dict[str, Flags]
    """Which of them count as conversions, kind by kind."""
    timeline: Timeline
    figure: go.Figure

    @property
    def mark_rows(self) -> Ints:
        """For each row that is drawn its event, a place in ``rows``."""
        found: Ints = self.timeline.marks["event_row"].to_numpy(dtype=np.int64)
        return found


class JourneyAnswers:
    """Answers to states of a journey explorer.

    >>> from datalyr_notebook.identity.stitching import stitch
    >>> events = pd.DataFrame({
    ...     "timestamp": ["2026-01-01T10:00Z", "2026-01-02T10:00Z"], "event_name": ["$identify", "purchase"],
    ...     "user_id": ["u1", "u2"], "anonymous_id": ["anon_a", "anon_b"], "value": [None, 20.0],
    ... })
    >>> answers = JourneyAnswers(Source.of("journeys", stitch(events), redact=False))
    >>> answers.answer(answers.read(DEFAULTS)).sentence
    'u2: 1 of 1 event shown. 2 of 2 people found.'
    """

    def __init__(
        self,
        source: Source,
        *,
        conversion: Conversion = "purchase",
        rates: Mapping[str, float] | None = None,
        tz: str = "UTC",
    ) -> None:
        self.source = source
        self.tz, self.zone = tz, find_zone(STEP, tz)
        self.rates = rates
        self.counts = conversion_kinds(source.stitched, self._on_stitched(conversion))
        """Which rows count as conversions, kind by kind."""
        self.roster = Roster.of(source.stitched, self.counts, rates=rates)
        self.search = PeopleSearch.of(source.stitched, self.roster, source.redaction)
        self.sought: Stage[Found] = Stage()
        """Whom the last state that was read finds, whether it was refused or answered: by search and filters."""
        self.found = Found(self.roster.standing[:0], self.roster.standing[:0])
        """Whom the last state that was answered finds."""
        self.listed: list[str] = []
        """The names of the first of them."""
        self.codes: dict[str, int] = {}
        """Whose the names are that were shown so far."""
        self.journey: Journey | None = None
        """Of the person of the last state; worked out anew where the person or the view differs. None: of nobody."""
        self._journey_for: tuple[Any, ...] | None = None

    # From a state to an answer.

    def read(self, given: Mapping[str, Any]) -> State:
        """A state as it holds: the person is one who is found, under the name that is shown.

        Raises OptionError, UnknownPersonError, AmbiguousPersonError.
        """
        state = dict(given)
        if not isinstance(state["search"], str):
            raise errors.OptionError(STEP, "search", state["search"], "a text, blank for everybody")
        for name, allowed in (
            ("converted", YES_NO),
            ("cross_device", YES_NO),
            ("stitching", STITCHING),
            ("gaps", GAPS),
        ):
            options.one_of(STEP, name, state[name], allowed)
        if state["channel"] is not None:
            options.one_of(STEP, "channel", state["channel"], self.roster.channels)
        start, end = (options.day(STEP, name, state[name]) for name in ("start", "end"))
        if start and end and end < start:
            raise errors.OptionError(STEP, "end", state["end"], f"a day that is not before start={start.isoformat()!r}")
        found = self._find(state).people
        code = -1 if state["person"] is None else self.code_of(state["person"])
        if len(found) and (code < 0 or not (found == code).any()):
            code = int(found[0])
        return state | {"person": self.names(np.array([code]))[0] if len(found) else None}

    def answer(self, state: State) -> Answer:
        """What is shown for a state that was read."""
        found = self._find(state)
        key = tuple(state[name] for name in ("person", "start", "end", "stitching", "gaps"))
        if key != self._journey_for or self.journey is None:
            self.journey = self.journey_of(state)
            self._journey_for = key
        journey = self.journey
        if found is not self.found:
            self.found, self.listed = found, self.names(found.people[:MOST_LISTED])
        tables = {"People found": self.people_found()}
        if journey is None:
            sentence = self._nobody(state)
            return Answer(_empty_figure(), schema.empty(TIMELINE), sentence, tables=tables)
        rows = journey.rows.index.to_numpy()[np.unique(journey.mark_rows)]
        return Answer(journey.figure, journey.timeline.table, self._sentence(state, journey), rows, tables)

    def journey_of(self, state: State) -> Journey | None:
        """The timeline of the state's person, worked out from nothing but the state."""
        if state["person"] is None:
            return None
        stitched, code = self.source.stitched, self.code_of(state["person"])
        at = self.roster.rows[code]
        at = at[self.roster.time[at] > np.iinfo(np.int64).min]
        rows = part_of(stitched, at)
        inorder = order.event_order(rows)
        rows, at = rows.iloc[inorder], at[inorder]
        counts = {kind: mask[at] for kind, mask in self.counts.items()}
        start, end = self.instants(state)
        view = View.of(
            STEP, tz=self.tz, gaps=state["gaps"], hover=(), start=start, end=end, stitching=state["stitching"]
        )
        masks = Masks(self.source.redaction, self.source.redaction)
        timeline = timeline_of(rows, str(self.roster.names[code]), view, conversion=counts, masks=masks)
        return Journey(rows, counts, timeline, timeline_figure(timeline))

    def data(self, state: State) -> pd.DataFrame:
        """The rows that are drawn for a state that was read, worked out from nothing but the state."""
        journey = self.journey_of(state)
        return schema.empty(TIMELINE) if journey is None else journey.timeline.table

    def instants(self, state: State) -> tuple[pd.Timestamp | None, pd.Timestamp | None]:
        """The first and the last instant of the days asked for, in the time zone."""
        start, end = (options.day(STEP, name, state[name]) for name in ("start", "end"))
        until = None if end is None else self._midnight(end + dt.timedelta(days=1)) - options.MICROSECOND
        return None if start is None else self._midnight(start), until

    # Who is found, and what they are called.

    def names(self, codes: Ints) -> list[str]:
        """People as they may be shown."""
        texts = self.roster.names[codes].to_numpy(dtype=object)
        masked = self.source.redaction.texts("person_id", texts).tolist()
        names = [
            self._other_name(code) if name == HIDDEN else str(name)
            for code, name in zip(codes.tolist(), masked, strict=True)
        ]
        self.codes.update(zip(names, codes.tolist(), strict=True))
        return names

    def _other_name(self, code: int) -> str:
        """What a person is called whose id no event carries, so that it has no number: an id that is theirs alone."""
        redaction, rows = self.source.redaction, self.source.stitched.iloc[self.roster.rows[code]]
        columns = [rows[name].dropna().unique() for name in ("anonymous_id", "user_id") if name in rows.columns]
        for one in (redaction.name(str(text)) for column in columns for text in column):
            try:
                found = find_persons(STEP, self.source.stitched, [one], redaction=redaction)
            except errors.DatalyrError:
                continue
            if found[0] == code:
                return one
        return f"person {code + 1}"

    def code_of(self, asked: object) -> int:
        """The person of this name, or with this id. Raises UnknownPersonError, AmbiguousPersonError."""
        if isinstance(asked, str) and asked in self.codes:
            return self.codes[asked]
        [code] = find_persons(STEP, self.source.stitched, [asked], redaction=self.source.redaction).tolist()
        return int(code)

    def labels(self) -> list[tuple[str, str]]:
        """The people to choose from: what is shown of each, and their name."""
        entries = self.found.entries[:MOST_LISTED].tolist()
        return [(self.label(name, entry), name) for name, entry in zip(self.listed, entries, strict=True)]

    def label(self, name: str, entry: int = -1) -> str:
        """A person in a line: by which text they were found, who they are, and what they are worth."""
        roster, code, who = self.roster, self.code_of(name), shortened(name, _ID)
        text, kind = self._matched(entry)
        facts = (
            f"{shortened(text, 32)} · {kind} of {who}" if text else who,
            f"{roster.value[code]:,.2f}",
            counted(int(roster.events[code]), "event"),
            counted(int(roster.devices[code]), "device"),
        )
        return " · ".join(facts)

    def people_found(self) -> pd.DataFrame:
        """The people to choose from as a table."""
        codes, roster = self.found.people[:MOST_LISTED], self.roster
        matched = [self._matched(entry) for entry in self.found.entries[:MOST_LISTED].tolist()]
        return pd.DataFrame(
            {
                "person": pd.Series(self.listed, dtype=schema.TEXT),
                "found by": pd.Series([f"{kind} {text}" if text else "" for text, kind in matched], dtype=schema.TEXT),
                "value": roster.value[codes],
                "conversions": roster.conversions[codes],
                "events": roster.events[codes],
                "devices": roster.devices[codes],
                "first seen": order.timestamps(roster.first_seen[codes]),
                "last seen": order.timestamps(roster.last_seen[codes]),
            }
        )

    def neighbor(self, person: str | None, step: int) -> str | None:
        """Who stands so many places behind (or before) a person among those found; at the ends, the person."""
        people = self.found.people
        if person is None or not len(people):
            return None
        place = int(np.flatnonzero(people == self.code_of(person))[0]) + step
        return self.names(people[[min(max(place, 0), len(people) - 1)]])[0]

    def _matched(self, entry: int) -> tuple[str, str]:
        """The text that a person was found by and what it is, as both may be shown; blank for their own name."""
        if entry < 0 or self.search.kind[entry] == 0:
            return "", ""
        text, kind = self.search.entry(entry)
        column = "email" if kind == "e-mail" else kind
        return str(self.source.redaction.texts(column, np.array([text], dtype=object))[0]), kind

    def _find(self, state: State) -> Found:
        return self.sought.of(tuple(state[name] for name in _FILTERS), lambda: self._search(state))

    def _search(self, state: State) -> Found:
        begin, end = (None if one is None else options.epoch_us(one) for one in self.instants(state))
        filters = Filters(state["converted"], state["cross_device"], state["channel"], begin, end)
        asked = str(self.source.redaction.original(state["search"].strip()))
        return self.search.find(asked, self.roster, self.roster.passing(filters))

    # What is said.

    def _sentence(self, state: State, journey: Journey) -> str:
        code = self.code_of(state["person"])
        drawn, events = len(np.unique(journey.mark_rows)), int(self.roster.events[code])
        days = [f" {word} {state[name]}" for name, word in (("start", "from"), ("end", "to")) if state[name]]
        found, everybody = len(self.found.people), self.roster.count
        noun = "person" if everybody == 1 else "people"
        parts = [
            f"{shortened(state['person'], 40)}: {drawn:,} of {counted(events, 'event')} shown{''.join(days)}.",
            f"{found:,} of {everybody:,} {noun} found{self._listed()}.",
        ]
        if not self.roster.conversions.any():
            names = ", ".join(shown for shown in map(shortened, self.counts))
            parts.append(f"No event counts as a conversion ({names}).")
        return " ".join(parts)

    def _listed(self) -> str:
        found = len(self.found.people)
        return f", the first {MOST_LISTED} are listed" if found > MOST_LISTED else ""

    def _nobody(self, state: State) -> str:
        """Why nobody is shown, and which filter to loosen."""
        if not self.roster.count:
            events = len(self.source.stitched)
            return f"None of the {counted(events, 'event')} has a person." if events else "There are no events."
        active = [name for name in _FILTERS if state[name] != DEFAULTS[name]]
        loosened = [(name, len(self._search(state | {name: DEFAULTS[name]}).people)) for name in active]
        helps = [f"{count:,} without {name}" for name, count in loosened if count]
        advice = f"There would be {', '.join(helps)}." if helps else f"Loosen several of {', '.join(active)}."
        return f"0 of {self.roster.count:,} people match. {advice}"

    def _midnight(self, day: dt.date) -> pd.Timestamp:
        """When a day begins; where clocks skip midnight, the first instant after it."""
        return pd.Timestamp(day).tz_localize(self.zone, ambiguous=True, nonexistent="shift_forward").tz_convert("UTC")

    def _on_stitched(self, conversion: Conversion) -> Conversion:
        """Masks of the table as it was handed in, as masks of its stitched rows."""
        if isinstance(conversion, Mapping):
            return {kind: self._on_stitched(given) for kind, given in conversion.items()}  # type: ignore[misc]
        mask = np.asarray(conversion)
        if mask.dtype == bool and mask.shape == (len(self.source.given),):
            cut: Flags = mask[self.source.stitched.index.to_numpy()]
            return cut
        return conversion


def _empty_figure() -> go.Figure:
    figure = themed(go.Figure())
    headed(figure, "Journey")
    say_empty(figure, "Nobody is shown.")
    figure.update_layout(height=220)
    return figure
