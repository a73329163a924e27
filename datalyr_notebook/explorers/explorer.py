"""What all explorers share: state, undo, one figure, a sentence, code, files, and tables to read without a kernel."""

from __future__ import annotations

import html
import json
import threading
from abc import abstractmethod
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, ClassVar, Final

import ipywidgets as widgets
import numpy as np
import pandas as pd
import plotly.graph_objects as go

from datalyr_notebook import errors
from datalyr_notebook.explorers.controls import Control
from datalyr_notebook.explorers.figure_view import FigureView
from datalyr_notebook.explorers.source import Source
from datalyr_notebook.figures.description import describe
from datalyr_notebook.notices import repeated
from datalyr_notebook.order import Ints
from datalyr_notebook.progress import shown_by
from datalyr_notebook.rendering import ROWS_SHOWN, table_html, table_text

State = dict[str, Any]
"""What the controls say, in JSON."""

MOST_UNDONE: Final = 100
_FILED: Final = 1_000
"""Rows of each table in a file."""
_PAGE: Final = """<!DOCTYPE html>
<html lang="en"><head><meta charset="utf-8"><meta name="referrer" content="no-referrer"><title>{title}</title>
<style>
:root {{ color-scheme: light dark; }}
body {{ font: 14px/1.45 system-ui, "Segoe UI", Arial, sans-serif; margin: 24px auto; max-width: 1200px; }}
table {{ border-collapse: collapse; font-variant-numeric: tabular-nums; }}
th, td {{ padding: 3px 10px; border-bottom: 1px solid rgba(122, 122, 122, 0.3); white-space: nowrap; }}
section {{ overflow-x: auto; margin: 16px 0; }}
pre {{ white-space: pre-wrap; background: rgba(122, 122, 122, 0.12); padding: 12px; }}
</style></head><body>
<h1>{title}</h1><p>{sentence}</p>
{body}
</body></html>
"""


@dataclass(frozen=True, eq=False)
class Answer:
    """What an explorer shows for one state."""

    figure: go.Figure
    data: pd.DataFrame
    """The rows that the figure draws."""
    sentence: str
    """What is shown and how much of it, as plain text."""
    rows: Ints = field(default_factory=lambda: np.zeros(0, dtype=np.int64))
    """The rows of the table as it was handed in that stand behind what is shown."""
    tables: Mapping[str, pd.DataFrame] = field(default_factory=dict)
    """Further tables by their headings, for files and readers without a kernel."""


class Explorer(widgets.VBox):
    """An explorer: ``state`` in JSON; ``selection`` and ``data()`` as tables; ``to_code``, ``save_html``, ``undo``.

    A change of a control is answered in place. What an answer is worked out from stands in attributes.
    """

    STEP: ClassVar[str]
    """Who asks, in errors."""
    TITLE: ClassVar[str]
    DEFAULTS: ClassVar[State]
    """The state of an explorer that was just opened; the names are those of its controls."""

    def __init__(self, source: Source, controls: Mapping[str, Control], *, state: Mapping[str, Any] | None) -> None:
        self.source = source
        self.controls = dict(controls)
        self.picked: Ints | None = None
        """Rows of the table behind the marks that were clicked or selected; None: none was."""
        self.refusal = ""
        """Why the last change of a control was refused; blank where it was answered."""
        self._history: list[State] = []
        self._setting = threading.local()
        self._asked = 0
        self._changing = threading.RLock()
        """Held while what is shown changes: the outcome of background work must not meet a change half made."""
        self._state: State = self._checked(self._merged(self.DEFAULTS, {} if state is None else state))
        self.answer = self._answered(self._state)
        self.figure_view = FigureView(self.answer.figure, self._on_picked)
        self.status = widgets.HTML()
        self.progress = widgets.IntProgress(layout={"display": "none", "width": "240px"})
        self.undo_button = widgets.Button(
            description="Undo", disabled=True, layout={"width": "auto"}, tooltip="Back one change"
        )
        self.undo_button.on_click(lambda _: self.undo())
        self.words, self.code = widgets.HTML(), widgets.HTML()
        self.foldout = widgets.Accordion([self.words, self.code], titles=["In words", "Code"])
        self.foldout.observe(lambda _: self._tell(), names="selected_index")
        super().__init__([*self._arranged(), self.figure_view.fit])
        self._show()
        for control in self.controls.values():
            control.widget.observe(self._on_change, names="value")

    def __setattr__(self, name: str, value: Any) -> None:  # noqa: ANN401  (any attribute)
        """Refuse to replace a control by a value."""
        if name in self.__dict__.get("controls", ()) and not isinstance(value, widgets.Widget):
            words = f"explorer.{name}.value = …, or explorer.state = {{{name!r}: …}}"
            raise errors.OptionError(self.STEP, name, value, words)
        super().__setattr__(name, value)

    # What each explorer says for itself.

    @abstractmethod
    def _answered(self, state: State) -> Answer:
        """What is shown for a state, worked out without a widget."""

    @abstractmethod
    def _arranged(self) -> list[widgets.Widget]:
        """The widgets from the top, ``figure_view.widget``, ``status`` and ``foldout`` among them."""

    @abstractmethod
    def _code(self, state: State) -> str:
        """Python that makes the same ``rows``; the table as handed in is ``events``."""

    def _read(self, state: State) -> State:
        """A state as it holds: names resolved, values that cannot be refused. Raises DatalyrError."""
        return state

    def _offered(self) -> None:
        """Bring what the controls offer in line with ``answer``, before they say the state."""

    def _refreshed(self) -> None:
        """Bring the explorer's other widgets in line with ``state`` and ``answer``."""

    def _on_picked(self, marks: list[tuple[str, Any]]) -> None:
        """Marks of the figure were clicked or selected: trace names and customdata; none: they were let go."""

    # What analysts use.

    @property
    def state(self) -> State:
        """What the controls say, in JSON; setting it, or parts of it, is one change."""
        copied: State = json.loads(json.dumps(self._state))
        return copied

    @state.setter
    def state(self, state: Mapping[str, Any]) -> None:
        self._change_to(self._checked(self._merged(self._state, state)))

    @property
    def sentence(self) -> str:
        """What is shown and how much of it; before it, why the last change of a control was refused."""
        return " ".join(part for part in (self.refusal, self.answer.sentence) if part)

    @property
    def selection(self) -> pd.DataFrame:
        """The rows of the table as it was handed in, with its index: behind the marks chosen, else behind all shown."""
        chosen = self.answer.rows if self.picked is None else self.picked
        return self.source.given.iloc[np.unique(chosen)]

    def data(self) -> pd.DataFrame:
        """The rows that the figure draws, worked out anew from ``state`` alone."""
        return self._answered(self.state).data

    def to_code(self) -> str:
        """Python that makes the rows of ``data()`` as ``rows``, from the table as it was handed in, as ``events``."""
        return self._code(self.state)

    def wait(self) -> None:
        """Wait for what is worked out in the background; then all of it is shown."""

    def undo(self) -> None:
        """Take the last change back; nothing happens where there is none."""
        if self._history:
            self._change_to(self._history.pop(), remember=False)

    def save_html(self, path: str | Path) -> None:
        """Write what is shown to one file that opens anywhere, offline: figure, tables, words and code.

        What is still worked out in the background is waited for.
        """
        self.wait()
        figure = self.answer.figure.to_html(full_html=False, include_plotlyjs=True, config={"displaylogo": False})
        told = f"<section><h2>In words</h2><pre>{html.escape(describe(self.answer.figure))}</pre></section>"
        code = f"<section><h2>Code</h2><pre>{html.escape(self.to_code())}</pre></section>"
        body = f"<p>{html.escape(self._asked_words())}</p>{figure}{self._tables_html(_FILED)}{told}{code}"
        page = _PAGE.format(title=html.escape(self.TITLE), sentence=html.escape(self.answer.sentence), body=body)
        Path(path).write_text(page, encoding="utf-8", errors="replace")

    def _asked_words(self) -> str:
        """What the controls say, in a line; what was typed into a search may be an id."""
        masks = self.source.redaction.masks
        said = {
            name.replace("_", " "): ", ".join(map(str, value)) if isinstance(value, list) else value
            for name, value in self._state.items()
            if value not in (None, "", [], False) and not (masks and name == "search")
        }
        masked = " Ids and traits are masked." if masks else ""
        return "Asked for: " + "; ".join(f"{name} {value}" for name, value in said.items()) + "." + masked

    # How a change is answered.

    def _on_change(self, _: object) -> None:
        if not self._is_setting:
            said = {name: control.value for name, control in self.controls.items()}
            try:
                self._change_to(self._checked(self._state | said))
            except errors.DatalyrError as error:
                self._set_controls()
                self.refusal = f"{error} Nothing has changed."
                self._say(self.sentence)

    def _change_to(self, state: State, *, remember: bool = True) -> None:
        """Answer a state; where that fails everything stays as it was."""
        with self._changing:
            self._answer_to(state, remember=remember)

    def _answer_to(self, state: State, *, remember: bool) -> None:
        before = self._state
        with shown_by(self._on_progress), repeated():
            try:
                answer = self._answered(state)
            finally:
                self.progress.layout.display = "none"
        if remember and state != before:
            self._history = [*self._history, before][-MOST_UNDONE:]
        self._state, self.answer, self.picked, self.refusal = state, answer, None, ""
        self._asked += 1
        self.figure_view.show(answer.figure)
        self._show()

    def _merged(self, before: State, given: Mapping[str, Any]) -> State:
        if not isinstance(given, Mapping):
            raise errors.OptionError(self.STEP, "state", given, "a dict such as explorer.state")
        return before | dict(given)

    def _checked(self, state: State) -> State:
        unknown = [name for name in state if name not in self.DEFAULTS]
        if unknown:
            raise errors.OptionError(self.STEP, "state", unknown[0], tuple(self.DEFAULTS))
        try:
            copied = json.loads(json.dumps(state))
        except (TypeError, ValueError):
            raise errors.OptionError(self.STEP, "state", state, "values as JSON has them") from None
        return self._read(copied)

    @contextmanager
    def _quietly(self) -> Iterator[None]:
        """Inside, what is set is no change that is answered."""
        before, self._setting.is_on = self._is_setting, True
        try:
            yield
        finally:
            self._setting.is_on = before

    @property
    def _is_setting(self) -> bool:
        """Whether this thread is inside ``_quietly``; what an analyst changes meanwhile in another is answered."""
        return getattr(self._setting, "is_on", False)

    def _set_controls(self) -> None:
        """Make the controls say the state."""
        with self._quietly():
            self._offered()
            for name, control in self.controls.items():
                control.show(self._state[name])

    def _show(self) -> None:
        """Bring everything but the figure in line with ``state`` and ``answer``."""
        self._set_controls()
        self.undo_button.disabled = not self._history
        self._say(self.answer.sentence)
        self._tell()
        with self._quietly():
            self._refreshed()

    def _say(self, sentence: str) -> None:
        told = " ".join(part for part in (self.source.told, sentence) if part)
        self.status.value = f"<p role='status' style='margin:0;line-height:1.4'>{html.escape(told)}</p>"

    def _tell(self) -> None:
        """Fill what is unfolded."""
        if self.foldout.selected_index == 0:
            self.words.value = f"<pre style='white-space:pre-wrap'>{html.escape(describe(self.answer.figure))}</pre>"
        elif self.foldout.selected_index == 1:
            self.code.value = f"<pre style='white-space:pre-wrap'>{html.escape(self.to_code())}</pre>"

    def _on_progress(self, done: int, total: int, words: str) -> None:
        self.progress.max, self.progress.value, self.progress.description = max(total, 1), done, words
        self.progress.style.description_width = "initial"
        self.progress.layout.display = "flex" if done < total else "none"

    def _later(self, work: Callable[[], Any], then: Callable[[Any], None]) -> threading.Thread:
        """Work in the background; its outcome is shown unless the state has changed meanwhile."""
        asked = self._asked

        def run() -> None:
            with repeated():
                found = work()
            with self._changing:
                if asked == self._asked:
                    then(found)

        thread = threading.Thread(target=run, daemon=True)
        thread.start()
        return thread

    # How it reads without a kernel.

    def _tables_html(self, most: int = ROWS_SHOWN) -> str:
        tables = {"What is drawn": (self.answer.data, ".data()")}
        tables |= {name: (table, f".answer.tables[{name!r}]") for name, table in self.answer.tables.items()}
        parts = (table_html(name, *told, most=most) for name, told in tables.items())
        return "".join(f"<section>{part}</section>" for part in parts)

    def _repr_mimebundle_(self, **kwargs: Any) -> Any:  # noqa: ANN401  (a dict, or a pair of them)
        bundle = super()._repr_mimebundle_(**kwargs)
        shown, more = bundle if isinstance(bundle, tuple) else (bundle, {})
        hint = "<p><em>Run the cell to interact.</em></p>"
        sentence = f"<p>{html.escape(self.sentence)}</p>"
        fallback = {
            "text/html": f"<div>{sentence}{self._tables_html()}{hint}</div>",
            "text/plain": table_text(f"{self.TITLE}: {self.sentence}", self.answer.data),
        }
        shown = {**(shown or {}), **fallback}
        return (shown, more) if isinstance(bundle, tuple) else shown

    def __repr__(self) -> str:
        """The title and the sentence."""
        return f"{self.TITLE}: {self.sentence}"
