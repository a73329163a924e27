"""Controls: widgets whose values are an explorer's state, in JSON."""

from __future__ import annotations

import datetime as dt
from collections.abc import Callable, Iterable
from dataclasses import dataclass
from typing import Any, Final

import ipywidgets as widgets
import traitlets

from datalyr_notebook.figures.theme import shortened

NOTHING: Final = ""
"""None as the value of an option: a widget whose value is None shows a blank, whatever it offers."""

_NARROW: Final = {"width": "max-content", "min_width": "120px"}
_LABEL: Final = {"description_width": "initial"}


@dataclass(frozen=True)
class Control:
    """A widget, and how its value is said in JSON and read from it."""

    widget: widgets.ValueWidget
    read: Callable[[Any], Any] = lambda value: value
    write: Callable[[Any], Any] = lambda value: value

    @property
    def value(self) -> Any:  # noqa: ANN401  (JSON)
        """The widget's value in JSON."""
        return self.read(self.widget.value)

    def show(self, value: Any) -> None:  # noqa: ANN401  (JSON)
        """Set the widget; a value that it does not offer (any more) is added to what it offers."""
        if hasattr(self.widget, "options") and not isinstance(value, list | tuple):
            known = [one[1] for one in pairs(self.widget.options)]
            if self.write(value) not in known:
                self.widget.options = [*pairs(self.widget.options), (option_text(value), self.write(value))]
        self.widget.value = self.write(value)


def pairs(options: Iterable[Any]) -> list[tuple[str, Any]]:
    """Options as pairs of what is shown and what is meant."""
    return [one if isinstance(one, tuple) else (option_text(one), one) for one in options]


def option_text(value: object) -> str:
    """An option as it is shown: one line without control characters."""
    return shortened("any" if value is None else value, 60)


def dropdown(label: str, options: Iterable[Any]) -> Control:
    """One of several; None may be one of them, and is ``NOTHING`` in the widget.

    >>> control = dropdown("Channel", [None, "Email"])
    >>> control.show(None)
    >>> control.widget.label, control.value
    ('any', None)
    """
    offered = [(shown, _written(meant)) for shown, meant in pairs(options)]
    widget = widgets.Dropdown(description=label, options=offered, layout=_NARROW, style=_LABEL)
    return Control(widget, read=lambda value: None if value == NOTHING else value, write=_written)


def _written(value: Any) -> Any:  # noqa: ANN401  (JSON)
    return NOTHING if value is None else value


def several(label: str, options: Iterable[str], *, rows: int = 5) -> Control:
    """Any number of several; in JSON a list."""
    chosen = widgets.SelectMultiple(description=label, options=pairs(options), rows=rows, layout=_NARROW, style=_LABEL)
    return Control(chosen, read=list, write=tuple)


def text(label: str, *, hint: str = "", as_typed: bool = False) -> Control:
    """A line of text; it counts when Enter is pressed or the field is left, or letter by letter (``as_typed``)."""
    field = widgets.Text(description=label, placeholder=hint, continuous_update=as_typed, layout=_NARROW, style=_LABEL)
    return Control(field)


class _Day(widgets.DatePicker):
    """A day that may be said in ISO 8601, too."""

    @traitlets.validate("value")
    def _validate_value(self, proposal: Any) -> Any:  # noqa: ANN401  (traitlets' Bunch)
        said = proposal["value"]
        if isinstance(said, str):
            try:
                said = dt.date.fromisoformat(said) if said.strip() else None
            except ValueError:
                words = f"{said!r} is no day such as '2026-01-31'"
                raise traitlets.TraitError(words) from None
        return super()._validate_value({**proposal, "value": said})


def date(label: str) -> Control:
    """A day or none; in JSON an ISO date."""
    picker = _Day(description=label, layout=_NARROW, style=_LABEL)
    return Control(
        picker, read=lambda day: day and day.isoformat(), write=lambda day: day and dt.date.fromisoformat(day)
    )


def checkbox(label: str) -> Control:
    """Yes or no."""
    return Control(widgets.Checkbox(description=label, indent=False, layout=_NARROW))
