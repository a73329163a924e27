"""A result as a few lines of text, or as a small HTML table in which every text is escaped."""

from __future__ import annotations

import html

import pandas as pd

ROWS_SHOWN = 12
_LONGEST_CELL = 60


def table_text(headline: str, table: pd.DataFrame) -> str:
    """The headline, then the first rows."""
    return f"{headline}\n{table.head(ROWS_SHOWN).to_string(index=False, max_colwidth=40)}"


def table_html(headline: str, table: pd.DataFrame, where: str) -> str:
    """The headline as a caption over the first rows; ``where`` names the table that holds the rest.

    >>> "<b>" in table_html("<b>", pd.DataFrame({"<b>": ["<b>"]}), ".totals")
    False
    """
    head = "".join(f"<th scope='col' style='text-align:left'>{html.escape(str(name))}</th>" for name in table.columns)
    body = "".join(
        "<tr>" + "".join(f"<td style='text-align:{_align(cell)}'>{_cell(cell)}</td>" for cell in row) + "</tr>"
        for row in table.head(ROWS_SHOWN).itertuples(index=False)
    )
    more = f"<p>{len(table) - ROWS_SHOWN} more rows in {html.escape(where)}</p>" if len(table) > ROWS_SHOWN else ""
    return (
        f"<table><caption style='text-align:left;white-space:nowrap'>{html.escape(headline)}</caption>"
        f"<thead><tr>{head}</tr></thead><tbody>{body}</tbody></table>{more}"
    )


def counted(count: int, one: str, many: str = "") -> str:
    """A number with its noun.

    >>> counted(1, "touch", "touches"), counted(2000, "link")
    ('1 touch', '2,000 links')
    """
    return f"{count:,} {one if count == 1 else many or one + 's'}"


def _cell(value: object) -> str:
    if value is None or value is pd.NaT or value != value:  # noqa: PLR0124  (NaN alone differs from itself)
        return ""
    text = f"{value:,.2f}" if isinstance(value, float) else f"{value:,}" if _is_count(value) else str(value)
    return html.escape(text if len(text) <= _LONGEST_CELL else f"{text[:40]}…{text[-15:]}")


def _align(value: object) -> str:
    return "right" if isinstance(value, float) or _is_count(value) else "left"


def _is_count(value: object) -> bool:
    return isinstance(value, int) and not isinstance(value, bool)
