"""A table whose rows can be chosen with the mouse or the arrow keys; every cell is shown as plain text."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import Final

import anywidget
import pandas as pd
import traitlets

from datalyr_notebook.figures.theme import shortened
from datalyr_notebook.rendering import cell_text, is_numeric

MOST_ROWS: Final = 300
"""Rows that reach the browser."""
LONGEST_CELL: Final = 60


class RowTable(anywidget.AnyWidget):
    """The first rows of a table; ``chosen`` is the place of the chosen one, -1 for none.

    Texts are sent as texts and become text nodes: nothing in a cell is ever read as HTML.

    >>> table = RowTable("Events")
    >>> table.show(pd.DataFrame({"event": ["<b>purchase</b>"], "value": [99.5]}))
    >>> table.rows, table.numeric
    ([['<b>purchase</b>', '99.50']], [False, True])
    """

    _esm = Path(__file__).with_name("row_table.js").read_text(encoding="utf-8")
    _css = Path(__file__).with_name("row_table.css").read_text(encoding="utf-8")

    label = traitlets.Unicode().tag(sync=True)
    columns = traitlets.List(traitlets.Unicode()).tag(sync=True)
    numeric = traitlets.List(traitlets.Bool()).tag(sync=True)
    rows = traitlets.List(traitlets.List(traitlets.Unicode())).tag(sync=True)
    note = traitlets.Unicode().tag(sync=True)
    chosen = traitlets.Int(-1).tag(sync=True)

    def __init__(self, label: str) -> None:
        super().__init__(label=label)

    def show(self, table: pd.DataFrame, *, note: str = "", chosen: int = -1, of: int | None = None) -> None:
        """Replace the rows; ``note`` stands below them. ``of``: how many there are, where these are the first."""
        head = table.head(MOST_ROWS)
        cells = [[_text(cell) for cell in row] for row in head.itertuples(index=False, name=None)]
        with self.hold_sync():
            self.chosen = -1
            self.columns = [_text(name) for name in table.columns]
            self.numeric = [is_numeric(head.iloc[:, place]) for place in range(len(head.columns))]
            self.rows = cells
            rows = len(table) if of is None else of
            more = f"{len(head):,} of {rows:,} rows are listed." if rows > len(head) else ""
            self.note = " ".join(part for part in (more, note) if part)
            self.chosen = chosen if chosen < len(head) else -1


def listed(table: pd.DataFrame, columns: Sequence[str]) -> pd.DataFrame:
    """Those of the columns that a table has, with spaces for underscores in their names."""
    kept = table[[name for name in columns if name in table.columns]]
    return kept.set_axis([name.replace("_", " ") for name in kept.columns], axis="columns")


def _text(cell: object) -> str:
    return shortened(cell_text(cell, LONGEST_CELL), LONGEST_CELL)
