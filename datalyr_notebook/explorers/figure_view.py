"""The one figure of an explorer, drawn anew in place: what is shown, what is saved and what Python holds agree.

A FigureWidget carries five megabytes of JavaScript, so an explorer has one and changes it.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Any, Final

import anywidget
import numpy as np
import plotly.graph_objects as go

from datalyr_notebook.figures.theme import INK

_PALE: Final = {"marker": {"opacity": 0.4}, "textfont": {"color": INK}}
"""How marks look beside a chosen one; their labels stay as they are."""

Picked = Callable[[list[tuple[str, Any]]], None]
"""What is called with the marks that were clicked or selected: of each its trace's name and its customdata.

No mark: a double click let all of them go.
"""


class _Fit(anywidget.AnyWidget):
    _esm = Path(__file__).with_name("figure_fit.js").read_text(encoding="utf-8")


class FigureView:
    """A FigureWidget that shows one figure after another.

    >>> view = FigureView(go.Figure(go.Bar(y=[1, 2])))
    >>> view.show(go.Figure(go.Scatter(x=[1], y=[3], name="touch")))
    >>> [(trace.type, trace.name) for trace in view.widget.data]
    [('scatter', 'touch')]
    """

    def __init__(self, figure: go.Figure, picked: Picked | None = None) -> None:
        self._picked = picked
        # Changes to a FigureWidget before it is shown inside a box are lost to whoever shows it: the figure
        # is finished first and wrapped last.
        self.widget = go.FigureWidget(figure)
        config = self.widget._config  # noqa: SLF001  (there is no public way to a FigureWidget's config)
        self.widget._config = {**config, "responsive": True}  # noqa: SLF001
        self.fit = _Fit()
        """Is shown where the figure is, takes no room, and keeps the figure as wide as its cell."""
        self._shown = figure
        self._listen()

    def show(self, figure: go.Figure) -> None:
        """Replace everything that is drawn; the figure that is shown already stays, with the reader's zoom."""
        if figure is self._shown:
            return
        self._shown = figure
        widget, kept = self.widget, figure.layout.to_plotly_json()
        widget.data = ()
        # What the browser is told of a layout adds to what it has: what is to go is emptied.
        with widget.batch_update():
            for key in [key for key in widget.layout.to_plotly_json() if key not in kept]:
                widget.layout[key] = None
        widget.layout = figure.layout
        widget.add_traces(list(figure.data))
        self._listen()
        self._store()

    def mark(self, customdata: Sequence[int]) -> None:
        """Let the marks with one of these as their customdata stand out from the others; none: all look alike."""
        traces = self._selectable
        if not customdata and all(trace.selectedpoints is None for trace in traces):
            return
        with self.widget.batch_update():
            for trace in traces:
                at = np.flatnonzero(np.isin(np.asarray(trace.customdata), customdata)).tolist()
                trace.selectedpoints = at if customdata else None
                trace.unselected = _PALE
        self._store()

    def _store(self) -> None:
        """Copy what is shown to the state from which a reloaded page, a second view and Voila draw."""
        if self.widget.comm is not None:  # it is None once the widget is closed
            self.widget._repr_mimebundle_()

    @property
    def _marks(self) -> list[Any]:
        """The traces whose marks tell what they are."""
        return [trace for trace in self.widget.data if trace.customdata is not None]

    @property
    def _selectable(self) -> list[Any]:
        """Those of them whose marks can be shown as chosen."""
        return [trace for trace in self._marks if trace.type in ("scatter", "bar")]

    def _listen(self) -> None:
        if self._picked is None:
            return
        for trace in self._marks:
            trace.on_click(self._tell_clicked)
        selectable = self._selectable
        if selectable:
            # A selection is told trace by trace, in order: with the last one all of it is known.
            selectable[-1].on_selection(self._tell_selected)
            selectable[-1].on_deselect(lambda *_: self._picked([]))

    def _tell_clicked(self, trace: Any, points: Any, _: Any) -> None:  # noqa: ANN401  (plotly's trace, Points, state)
        if points.point_inds and self._picked is not None:
            self._picked([(str(trace.name), trace.customdata[place]) for place in points.point_inds])

    def _tell_selected(self, *_: Any) -> None:
        traces = self._selectable
        marks = [(str(trace.name), trace.customdata[at]) for trace in traces for at in trace.selectedpoints or ()]
        if marks and self._picked is not None:
            self._picked(marks)
