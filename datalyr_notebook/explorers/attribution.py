"""The attribution explorer: which channel earned what, under which model, and for which conversions."""

from __future__ import annotations

import threading
from collections.abc import Iterable, Mapping
from dataclasses import replace
from typing import Any, ClassVar, Final

import ipywidgets as widgets
import pandas as pd

from datalyr_notebook import errors
from datalyr_notebook.attribution.models import MODELS
from datalyr_notebook.attribution.result import Attribution
from datalyr_notebook.explorers.attribution_answers import AttributionAnswers, Earned
from datalyr_notebook.explorers.attribution_state import DEFAULTS, MOST_OFFERED, STEP, VIEWS, Choices
from datalyr_notebook.explorers.controls import Control, checkbox, date, dropdown, pairs, several, text
from datalyr_notebook.explorers.explorer import Answer, Explorer, State
from datalyr_notebook.explorers.row_table import MOST_ROWS, RowTable, listed
from datalyr_notebook.explorers.source import Source
from datalyr_notebook.figures.credit_bars import METRICS
from datalyr_notebook.journeys.channel_options import Channels
from datalyr_notebook.redaction import Redact

_WRAPPED: Final = {"flex_flow": "row wrap", "align_items": "flex-start", "grid_gap": "4px 12px"}


class AttributionExplorer(Explorer):
    """Bars of what channels earned; every control answers in place.

    ``events``: raw, normalized or stitched; what is not stitched is stitched with the defaults, which is said.
    ``conversion``: what counts when the explorer opens: an event name, or several. ``channels`` and ``rates``
    as in ``attribute``; ``redact``: what is masked in everything shown, as in ``journey_timeline``.

    ``result`` is the Attribution behind what is shown, ``totals`` its totals. ``intervals`` are None until they
    are worked out, in the background; so is what stitching changes. ``wait()`` waits for it. Until then the
    figure draws the rows of ``data()`` without low and high (bars) or nothing (stitching impact).

    The controls are attributes: ``view`` (bars, models, impact), ``conversion``, ``models``, ``lookback`` ("90D",
    "platform", "none"), ``by``, ``policy``, ``include`` and ``exclude`` (channels), ``since`` and ``until`` (days, both
    included), ``metric``, ``with_intervals`` (``intervals`` in the state).

    Choosing a bar, or a row of the totals, lists the conversions that it earned, and ``selection`` is their rows;
    choosing one of these explains it.

    Raises OptionError, CurrencyError, JudgedAtEventError, and what stitch raises.

    >>> from datalyr_notebook.loading.samples import load_sample
    >>> explorer = AttributionExplorer(load_sample("seed_journey"), state={"intervals": False})
    >>> explorer.data()[["model", "group", "amount"]]
            model        group  amount
    0      hybrid  Paid Social   99.99
    1      hybrid       Direct    0.00
    2  last_touch  Paid Social    0.00
    3  last_touch       Direct   99.99
    """

    STEP: ClassVar[str] = STEP
    TITLE: ClassVar[str] = "Attribution explorer"
    DEFAULTS: ClassVar[State] = DEFAULTS

    def __init__(
        self,
        events: pd.DataFrame,
        *,
        state: Mapping[str, Any] | None = None,
        redact: Redact = False,
        conversion: str | Iterable[str] = "purchase",
        channels: Channels | None = None,
        rates: Mapping[str, float] | None = None,
    ) -> None:
        source = Source.of(STEP, events, redact=redact)
        self.choices = Choices(source, conversion, {"channels": channels, "rates": rates})
        self.answers = AttributionAnswers(source, self.choices)
        self.earned: Earned | None = None
        """The conversions listed: those of the bar or row that was chosen."""
        self._background: threading.Thread | None = None
        self._working = threading.Lock()
        self._is_open = False
        self.totals_table, self.conversions_table = RowTable("Totals"), RowTable("Conversions")
        self.details = widgets.HTML()
        controls = _controls(self.choices)
        self.view, self.conversion, self.models = (controls[one].widget for one in ("view", "conversion", "models"))
        self.lookback, self.by, self.policy = (controls[one].widget for one in ("lookback", "by", "policy"))
        self.include, self.exclude = (controls[one].widget for one in ("include", "exclude"))
        self.since, self.until = (controls[one].widget for one in ("since", "until"))
        self.metric, self.with_intervals = (controls[one].widget for one in ("metric", "intervals"))
        super().__init__(source, controls, state=state)
        self.totals_table.observe(self._on_total, names="chosen")
        self.conversions_table.observe(self._on_conversion, names="chosen")
        self._is_open = True
        self._work_out()

    @property
    def result(self) -> Attribution:
        """The Attribution behind what is shown."""
        return self.answers.found.result

    @property
    def totals(self) -> pd.DataFrame:
        """``result.totals``."""
        return self.answers.found.totals

    @property
    def intervals(self) -> pd.DataFrame | None:
        """``result.intervals()``; None where they are not asked for, or not worked out yet."""
        return self.answers.found.intervals

    def wait(self) -> None:
        """Wait for what is worked out in the background; then ``data()`` equals what is drawn."""
        while (thread := self._background) is not None:
            thread.join()
            if thread is self._background:
                self._background = None

    def data(self) -> pd.DataFrame:
        """The rows that the figure draws once the background work is done, worked out from ``state`` alone.

        Bars: those of ``credit_bars_data``; with ``state["intervals"]`` their low, high and level. Model
        comparison and stitching impact: those of the figures of these names.
        """
        with self._changing:
            return self.answers.answer(self.state).data

    # How a change is answered.

    def _read(self, state: State) -> State:
        return self.choices.read(state)

    def _answered(self, state: State) -> Answer:
        return self.answers.answer(state, at_once=True)

    def _code(self, state: State) -> str:
        return self.choices.code(state)

    def _offered(self) -> None:
        for name, offered in (
            ("conversion", self.choices.conversions),
            ("include", self._channels()),
            ("exclude", self._channels()),
        ):
            widget: Any = self.controls[name].widget
            wanted = pairs(dict.fromkeys([*offered, *self._state[name]]))
            if [*widget.options] != wanted:
                widget.options = wanted

    def _channels(self) -> list[str]:
        """The channels that touches have, the most frequent first."""
        counts = pd.Series(self.result.evidence.channel_of).value_counts()
        named = sorted(counts[counts > 0].items(), key=lambda one: (-one[1], str(one[0])))
        return [str(name) for name, _ in named[:MOST_OFFERED]]

    def _refreshed(self) -> None:
        self.conversions_box.layout.display = None if self._state["view"] == "bars" else "none"
        self._let_go()
        if self._is_open:
            self._work_out()

    def _list_totals(self, *, chosen: int) -> None:
        name, table = next(iter(self.answer.tables.items()), ("Totals", pd.DataFrame()))
        self.totals_table.label = name
        with self._quietly():
            self.totals_table.show(listed(table, list(table.columns)), chosen=chosen)

    def _work_out(self) -> None:
        """Start in the background what the answer lacks."""
        state, asked = self._state, self._asked
        work = self.answers.pending(state)
        if work is None:
            return

        def unless_stale() -> Any:  # noqa: ANN401  (what the work answers)
            # One at a time, and none for a state that has passed: changes in quick succession cost nothing.
            with self._working:
                try:
                    return work() if asked == self._asked else None
                except Exception as error:  # noqa: BLE001  (nobody else would tell the analyst)
                    return error

        def complete(found: Any) -> None:  # noqa: ANN401
            if isinstance(found, Exception):
                why = str(found) if isinstance(found, errors.DatalyrError) else f"{type(found).__name__}."
                self.answer = replace(self.answer, sentence=f"{self.answer.sentence} That failed: {why}")
                self._say(self.sentence)
                return
            self.answers.keep(state, found)
            self.answer = self.answers.answer(state, at_once=True)
            self.figure_view.show(self.answer.figure)
            self._say(self.answer.sentence)
            self._tell()
            self._list_totals(chosen=self.totals_table.chosen)

        self._background = self._later(unless_stale, complete)

    # What is chosen.

    def _on_picked(self, marks: list[tuple[str, Any]]) -> None:
        if self._state["view"] != "bars":
            return
        if not marks:
            self._let_go()
            return
        with self._quietly():
            self.totals_table.chosen = -1  # a bar may hold several rows
        model = int(marks[0][1][0])  # conversions are listed with what they earned under one model
        bars = sorted({int(bar) for _, (of, bar) in marks if int(of) == model})
        self._choose(self._state["models"][model], self.answers.groups_of_bars(bars, self._state["metric"]))

    def _let_go(self) -> None:
        """Nothing is chosen: no bar, no row of the totals, no conversion."""
        self.earned = self.picked = None
        self._list_totals(chosen=-1)
        bars = self._state["view"] == "bars"
        note = "Choose a bar, or a row of the totals, to see the conversions behind it." if bars else ""
        self.conversions_table.show(pd.DataFrame(), note=note)
        self.details.value = ""

    def _on_total(self, change: Any) -> None:  # noqa: ANN401  (traitlets' Bunch)
        if self._state["view"] != "bars" or self._is_setting:
            return
        if change["new"] < 0:
            self._on_picked([])
        else:
            row = (self.totals if self.intervals is None else self.intervals).iloc[[change["new"]]]
            self._choose(str(row["model"].iloc[0]), self.answers.groups_of_rows(row))

    def _choose(self, model: str, groups: Any) -> None:  # noqa: ANN401  (integers)
        earned = self.answers.earned(model, groups)
        self.earned, self.picked = earned, self.answers.rows(earned)
        note = f"{len(earned.conversion):,} conversions under {model}. Choose one to see why."
        if model not in self.result.weights:
            note = f"{model} says nothing of a single conversion: these have a touch there. Choose one to see more."
        rows = self.answers.conversions(earned, MOST_ROWS)
        self.conversions_table.show(rows, of=len(earned.conversion), note=note)
        self.details.value = ""

    def _on_conversion(self, change: Any) -> None:  # noqa: ANN401
        if change["new"] < 0:
            self.details.value = ""
        elif self.earned is not None:
            why = self.answers.explained(self.earned, change["new"])._repr_html_()
            self.details.value = f"<div style='line-height:1.4'>{why}</div>"  # the widget sets lines 28 pixels apart

    def _arranged(self) -> list[widgets.Widget]:
        shown = [self.controls[name].widget for name in ("metric", "intervals")]
        what = [self.controls[name].widget for name in ("conversion", "models", "include", "exclude")]
        how = [self.controls[name].widget for name in ("lookback", "by", "policy", "since", "until")]
        self.conversions_box = _column([self.conversions_table])
        below = [_column([self.totals_table]), self.conversions_box]
        return [
            widgets.HBox([self.view, *shown, self.undo_button, self.progress], layout=_WRAPPED),
            widgets.HBox(how, layout=_WRAPPED),
            widgets.HBox(what, layout=_WRAPPED),
            self.status,
            self.figure_view.widget,
            widgets.HBox(below, layout=_WRAPPED),
            self.details,
            self.foldout,
        ]


def _controls(choices: Choices) -> dict[str, Control]:
    style = {"description_width": "initial", "button_width": "auto"}
    views = [(title, name) for name, title in VIEWS.items()]
    return {
        "view": Control(widgets.ToggleButtons(options=views, style=style, layout={"width": "max-content"})),
        "conversion": several("Conversion", choices.conversions),
        "models": several("Models", MODELS),
        "lookback": text("Lookback", hint="90D, platform, none"),
        "by": dropdown("By", choices.by),
        "policy": dropdown("Policy", choices.policies),
        "include": several("Include", []),
        "exclude": several("Exclude", []),
        "since": date("From"),
        "until": date("To"),
        "metric": dropdown("Metric", METRICS),
        "intervals": checkbox("Intervals"),
    }


def _column(children: list[widgets.Widget]) -> widgets.VBox:
    return widgets.VBox(children, layout={"flex": "1 1 320px", "min_width": "300px", "overflow": "auto"})
