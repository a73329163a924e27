"""A result as a few lines of text, or as a small HTML table in which every text is escaped."""

from __future__ import annotations

import html
from collections.abc import Iterable

import pandas as pd

from datalyr_notebook.errors import shown

ROWS_SHOWN = 12
_LONGEST_CELL = 60
_UNITS = ((1.0, "day"), (1 / 24, "hour"), (1 / 1440, "minute"), (1 / 86_400, "second"))
"""Days a unit."""
_MONTHS = ("Jan", "Feb", "Mar", "Apr", "May", "Jun", "Jul", "Aug", "Sep", "Oct", "Nov", "Dec")
"""``strftime`` would ask the machine's locale."""


def table_text(headline: str, table: pd.DataFrame) -> str:
    """The headline, then the first rows; what would steer a terminal is spelled out.

    >>> chr(27) in table_text("1 campaign", pd.DataFrame({"campaign": [chr(27) + "[2Jspring"]}))
    False
    """
    rows = table.head(ROWS_SHOWN)
    columns = pd.DataFrame({place: rows.iloc[:, place].map(spelled) for place in range(len(table.columns))})
    shown = columns.set_axis([spelled(name) for name in table.columns], axis="columns")
    return f"{headline}\n{shown.to_string(index=False, max_colwidth=40)}"


def spelled(cell: object) -> object:
    """A text on one line, its control characters as escapes; anything else as it is."""
    return repr(cell)[1:-1] if isinstance(cell, str) and not cell.isprintable() else cell


def table_html(
    headline: str, table: pd.DataFrame, where: str, *, longest_cell: int = _LONGEST_CELL, most: int = ROWS_SHOWN
) -> str:
    """The headline over the first rows (``most``); ``where`` names the table that holds the rest.

    Texts of more than ``longest_cell`` characters are cut in the middle.

    >>> "<b>" in table_html("<b>", pd.DataFrame({"<b>": ["<b>"]}), ".totals")
    False
    """
    rows = list(table.head(most).itertuples(index=False))
    head = "".join(
        f"<th scope='col' style='text-align:{_side(row[place] for row in rows)}'>{html.escape(str(name))}</th>"
        for place, name in enumerate(table.columns)
    )
    body = "".join(
        "<tr>"
        + "".join(f"<td style='text-align:{_align(cell)}'>{_cell(cell, longest_cell)}</td>" for cell in row)
        + "</tr>"
        for row in rows
    )
    more = f"<p>{len(table) - most:,} more rows in {html.escape(where)}</p>" if len(table) > most else ""
    return headed(headline, f"<thead><tr>{head}</tr></thead><tbody>{body}</tbody>") + more


def cell_text(value: object, longest: int = _LONGEST_CELL) -> str:
    """A cell of a table as plain text; missing is empty, and a long text is cut in the middle.

    >>> cell_text(1234.5), cell_text(None), len(cell_text("x" * 1000, 60))
    ('1,234.50', '', 56)
    >>> cell_text(pd.Timestamp("2026-01-02T20:05:31Z"))
    '2026-01-02 20:05:31 UTC'
    """
    if _is_missing(value):
        return ""
    if isinstance(value, pd.Timestamp) and value.tzinfo is not None:
        return f"{value.tz_convert('UTC'):%Y-%m-%d %H:%M:%S} UTC"
    text = f"{value:,.2f}" if isinstance(value, float) else f"{value:,}" if _is_count(value) else str(value)
    return text if len(text) <= longest else f"{text[: longest * 2 // 3]}…{text[-longest // 4 :]}"


def is_numeric(cells: Iterable[object]) -> bool:
    """Whether a column holds numbers, which stand at its right side."""
    return _side(cells) == "right"


def headed(headline: str, body: str) -> str:
    """A headline, and a table under it where there is a body (HTML, escaped by the caller).

    The headline is no ``<caption>``: that would be as narrow as its table, or make the table as wide as itself.

    >>> headed("<1 event>", "")
    "<p style='margin:0'>&lt;1 event&gt;</p>"
    """
    told = html.escape(headline, quote=True)
    return f"<p style='margin:0'>{told}</p>" + (f"<table aria-label='{told}'>{body}</table>" if body else "")


def counted(count: int, one: str, many: str = "") -> str:
    """A number with its noun.

    >>> counted(1, "touch", "touches"), counted(2000, "link")
    ('1 touch', '2,000 links')
    """
    return f"{count:,} {one if count == 1 else many or one + 's'}"


def plain(text: str) -> str:
    """An id as a sentence shows it: one line, cut in the middle when long, its odd characters spelled out.

    >>> plain("anon_cfd09de1-6a42-40e3-a650-227788f08ae1-cfd09de1")
    'anon_cfd09de1-6a42-40e3…e1-cfd09de1'
    """
    return shown(text, width=48)[1:-1]


def moment(time: pd.Timestamp) -> str:
    """A UTC moment as a sentence says it.

    >>> moment(pd.Timestamp("2026-01-02T20:05:31Z"))
    '2 Jan 2026 20:05 UTC'
    """
    return f"{time.day} {_MONTHS[time.month - 1]} {time.year} {time.hour:02}:{time.minute:02} UTC"


def lasting(days: float) -> str:
    """A duration in the unit that fits it.

    >>> lasting(1.4547), lasting(1 / 24), lasting(5.8 / 1440)
    ('1.5 days', '1 hour', '5.8 minutes')
    """
    size, unit = next(((size, unit) for size, unit in _UNITS if days >= size), _UNITS[-1])
    amount = f"{days / size:,.1f}".removesuffix(".0")
    return f"{amount} {unit if amount == '1' else unit + 's'}"


def percent(share: float) -> str:
    """A share between 0 and 1.

    >>> percent(0.5), percent(0.46415), percent(1e-9)
    ('50%', '46.4%', '<0.1%')
    """
    return "<0.1%" if 0 < share < 0.0005 else f"{share * 100:.1f}".removesuffix(".0") + "%"


def _cell(value: object, longest: int) -> str:
    return html.escape(cell_text(value, longest))


def _side(cells: Iterable[object]) -> str:
    """Where the name of a column stands: over its numbers, or over its texts."""
    return next((_align(cell) for cell in cells if not _is_missing(cell)), "left")


def _is_missing(value: object) -> bool:
    return value is None or value is pd.NaT or value is pd.NA or value != value  # noqa: PLR0124  (NaN alone differs)


def _align(value: object) -> str:
    return "right" if isinstance(value, float) or _is_count(value) else "left"


def _is_count(value: object) -> bool:
    return isinstance(value, int) and not isinstance(value, bool)
