"""The journey explorer: search a person by any id, look at their timeline, and ask of each event whose it is."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, ClassVar, Final

import ipywidgets as widgets
import numpy as np
import pandas as pd

from datalyr_notebook import schema
from datalyr_notebook.explorers import journey_answers
from datalyr_notebook.explorers.controls import NOTHING, date, dropdown, text
from datalyr_notebook.explorers.explorer import Answer, Explorer, State
from datalyr_notebook.explorers.journey_answers import MOST_LISTED, JourneyAnswers
from datalyr_notebook.explorers.journey_details import EventDetails, event_details
from datalyr_notebook.explorers.roster import YES_NO
from datalyr_notebook.explorers.row_table import RowTable
from datalyr_notebook.explorers.source import Source
from datalyr_notebook.figures.theme import shortened
from datalyr_notebook.figures.timeline_rows import STITCHING
from datalyr_notebook.journeys.conversions import Conversion
from datalyr_notebook.order import Ints
from datalyr_notebook.redaction import Redact

_HINT: Final = "Choose an event in the table or in the figure to see whose it is and why, and what it said."
_COLUMNS: Final = ("event_name", "kind", "lane", "channel", "value", "user_id", "person_via")
_HEADINGS: Final = ("event", "part", "device", "channel", "value", "user_id", "via")
_WRAPPED: Final = {"display": "flex", "flex_flow": "row wrap", "align_items": "center", "grid_gap": "2px 10px"}


class JourneyExplorer(Explorer):
    """Find a person by any id, and look at their journey event by event.

    ``events``: raw, normalized or stitched events; what is not stitched is stitched with the defaults, which
    is said. ``conversion``, ``rates``: what counts and in which currency, as for ``find_conversions``; a mask
    is one of ``events``. ``tz``: the zone of all times and days. ``redact``: what is masked before anything is
    shown, as for ``journey_timeline``; ``selection`` keeps the rows as they are.

    The controls are attributes: ``search`` (any person_id, user_id, anonymous_id, order_id or e-mail, in
    upper or lower case), ``person`` (the first 50 who are found: by how well they match, then by value,
    events and name), ``converted``, ``cross_device`` (client events on more than one device), ``channel``
    (has a touch through it), ``start`` and ``end`` (days, both included: who has an event then, and which
    of them are drawn), ``stitching``, ``gaps``. ``event_table`` lists what is drawn; choosing a row
    or clicking its mark fills ``details``.

    Raises OptionError, CurrencyError, UnknownPersonError, and what stitch raises.

    >>> from datalyr_notebook.loading.samples import load_sample
    >>> explorer = JourneyExplorer(load_sample("seed_journey"), state={"search": "ORDER-1001"})
    >>> explorer.state["person"]
    'user_789'
    """

    STEP = journey_answers.STEP
    TITLE = "Journey explorer"
    DEFAULTS: ClassVar[State] = journey_answers.DEFAULTS

    def __init__(
        self,
        events: pd.DataFrame,
        *,
        state: Mapping[str, Any] | None = None,
        redact: Redact = False,
        conversion: Conversion = "purchase",
        rates: Mapping[str, float] | None = None,
        tz: str = "UTC",
    ) -> None:
        source = Source.of(self.STEP, events, redact=redact)
        self.conversion = conversion
        self.answers = JourneyAnswers(source, conversion=conversion, rates=rates, tz=tz)
        self.chosen: int | None = None
        """The event whose details are shown: a row of ``data()``."""
        self.details: EventDetails | None = None
        controls = {
            "search": text("Search", hint="any id, order or e-mail", as_typed=True),
            "person": dropdown("Person", [("nobody", None)]),
            "converted": dropdown("Converted", YES_NO),
            "cross_device": dropdown("Cross-device", YES_NO),
            "channel": dropdown("Channel", [("any", None), *self._channels()]),
            "start": date("From"),
            "end": date("To"),
            "stitching": dropdown("Stitching", STITCHING),
            "gaps": dropdown("Idle time", [("compressed", "compress"), ("true", "true")]),
        }
        self.search, self.person = controls["search"].widget, controls["person"].widget
        self.converted, self.cross_device = controls["converted"].widget, controls["cross_device"].widget
        self.channel, self.start, self.end = (controls[name].widget for name in ("channel", "start", "end"))
        self.stitching, self.gaps = controls["stitching"].widget, controls["gaps"].widget
        self.previous_button = widgets.Button(description="Previous person")
        self.next_button = widgets.Button(description="Next person")
        self.previous_button.on_click(lambda _: self._walk(-1))
        self.next_button.on_click(lambda _: self._walk(1))
        self.event_table = RowTable("Events")
        self.details_view = widgets.HTML()
        super().__init__(source, controls, state=state)
        self.event_table.observe(self._on_row, names="chosen")

    def data(self) -> pd.DataFrame:
        """The rows that the figure draws, worked out anew from ``state`` alone."""
        return self.answers.data(self.state)

    # What the shared explorer asks for.

    def _read(self, state: State) -> State:
        return self.answers.read(state)

    def _answered(self, state: State) -> Answer:
        return self.answers.answer(state)

    def _arranged(self) -> list[widgets.Widget]:
        who = ("search", "person")
        top = [*(self.controls[name].widget for name in who), self.previous_button, self.next_button, self.undo_button]
        for button in top[len(who) :]:
            button.layout.width = "auto"
        rest = [control.widget for name, control in self.controls.items() if name not in who]
        self.event_table.layout = {"flex": "3 1 420px", "min_width": "0", "max_height": "420px", "overflow": "auto"}
        self.details_view.layout = {"flex": "2 1 320px", "min_width": "0", "max_height": "420px", "overflow": "auto"}
        below = widgets.HBox([self.event_table, self.details_view], layout=_WRAPPED | {"align_items": "flex-start"})
        return [
            widgets.HBox(top, layout=_WRAPPED),
            widgets.HBox(rest, layout=_WRAPPED),
            self.status,
            self.progress,
            self.figure_view.widget,
            below,
            self.foldout,
        ]

    def _offered(self) -> None:
        people, person = self.answers.labels(), self._state["person"]
        if person is not None and person not in self.answers.listed:
            people.append((self.answers.label(person), person))
        self.controls["person"].widget.options = people or [("nobody", NOTHING)]

    def _refreshed(self) -> None:
        person = self._state["person"]
        people = self.answers.found.people
        place = -1 if person is None else int(np.flatnonzero(people == self.answers.code_of(person))[0])
        self.previous_button.disabled = place <= 0
        self.next_button.disabled = person is None or place >= len(people) - 1
        self.event_table.show(self._listed(), note=_HINT if len(self.answer.data) else "")
        self._tell_of(None)

    def _code(self, state: State) -> str:
        lines = ["import datalyr_notebook as dn", ""]
        if state["person"] is None:
            lines = [
                "from datalyr_notebook import schema",
                "from datalyr_notebook.figures.timeline_marks import TIMELINE",
            ]
            return "\n".join([*lines, "", "rows = schema.empty(TIMELINE)  # nobody matches"])
        stitched = "events"
        if not self.source.was_stitched:
            stitched = "stitched"
            lines.append("stitched = dn.stitch(events)")
        start, end = (one and one.isoformat() for one in self.answers.instants(state))
        options = {"tz": self.answers.tz, "gaps": state["gaps"], "start": start, "end": end}
        options |= {"stitching": state["stitching"], "redact": self.source.redact}
        is_literal, told = _literal(self.conversion)
        if not is_literal:
            lines.append("# conversion: what the explorer was opened with, a mask among it")
        said = [f"conversion={told}", *(f"{name}={value!r}" for name, value in options.items() if value is not None)]
        lines += ["rows = dn.figures.journey_timeline_data(", f"    {stitched},", f"    {state['person']!r},"]
        return "\n".join([*lines, *(f"    {one}," for one in said), ")"])

    # How events are chosen.

    def _on_picked(self, marks: list[tuple[str, Any]]) -> None:
        places = sorted({int(place) for _, place in marks})
        if len(places) <= 1:
            self._choose(places[0] if places else None)
        else:
            self._pick(places)
            self._tell_of(None, f"{len(places):,} marks are selected: their events are in .selection.")

    def _on_row(self, change: Any) -> None:  # noqa: ANN401  (traitlets' bunch)
        if not self._is_setting:
            self._choose(int(change["new"]) if change["new"] >= 0 else None)

    def _choose(self, place: int | None) -> None:
        """Show the details of a row of ``data()``, here and in the figure."""
        if place is None:
            self.picked = None
            self._tell_of(None)
            return
        self._pick([place])
        self._tell_of(place)

    def _pick(self, places: list[int]) -> None:
        journey = self.answers.journey
        if journey is not None:
            rows: Ints = journey.mark_rows[places]
            self.picked = journey.rows.index.to_numpy()[np.unique(rows)]

    def _tell_of(self, place: int | None, hint: str = "") -> None:
        journey, self.chosen, self.details = self.answers.journey, place, None
        with self._quietly():
            self.event_table.chosen = -1 if place is None or place >= len(self.event_table.rows) else place
        self.figure_view.mark([] if place is None else [place])
        self.details_view.layout.display = "none" if place is None and not hint else None
        if place is None or journey is None:
            self.details_view.value = f"<p style='margin:0'>{hint}</p>"
            return
        answers = self.answers
        self.details = event_details(
            journey.rows,
            int(journey.mark_rows[place]),
            counts=journey.counts,
            redaction=self.source.redaction,
            zone=answers.zone,
            is_conversion=self.answer.data["kind"].iloc[place] == "conversion",
            rates=answers.rates,
        )
        self.details_view.value = self.details.html

    def _walk(self, step: int) -> None:
        person = self.answers.neighbor(self._state["person"], step)
        if person is not None:
            self.state = {"person": person}

    # What is listed.

    def _channels(self) -> list[tuple[str, str]]:
        return [(shortened(name, 40), name) for name in self.answers.roster.channels[:MOST_LISTED]]

    def _listed(self) -> pd.DataFrame:
        """The rows that are drawn, as the table below the figure shows them."""
        data = self.answer.data
        local = data["timestamp"].dt.tz_convert(self.answers.zone).dt.strftime("%Y-%m-%d %H:%M:%S")
        listed = data[list(_COLUMNS)].set_axis(list(_HEADINGS), axis="columns")
        listed.insert(0, f"time ({self.answers.tz})", local.astype(schema.TEXT))
        return listed


def _literal(conversion: Conversion) -> tuple[bool, str]:
    """Whether names alone say what counts, and how code says it."""
    given = conversion.values() if isinstance(conversion, Mapping) else [conversion]
    for one in given:
        names = [one] if isinstance(one, str) else one
        if not (isinstance(names, list | tuple) and all(isinstance(name, str) for name in names)):
            return False, "conversion"
    return True, repr(conversion)
