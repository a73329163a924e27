"""Results as text and HTML."""

from __future__ import annotations

import logging

import pandas as pd
import pytest

from datalyr_notebook.notices import repeated, say
from datalyr_notebook.rendering import ROWS_SHOWN, cell_text, counted, lasting, moment, percent, table_html, table_text


def test_every_text_is_escaped_and_nothing_stands_for_missing() -> None:
    table = pd.DataFrame({"<i>": ["<b>&", None], "count": [1234, 5], "share": [float("nan"), 0.5]})
    page = table_html("<u>", table, ".<s>")
    for tag in ("<i>", "<b>", "<u>", "<s>"):
        assert tag not in page
    assert "&lt;b&gt;&amp;" in page
    assert ">1,234</td>" in page
    assert "nan" not in page.lower()
    assert "text-align:right'>0.50</td>" in page


def test_a_long_table_says_where_the_rest_is() -> None:
    table = pd.DataFrame({"name": [f"row {place}" for place in range(ROWS_SHOWN + 3)]})
    assert "<p>3 more rows in .totals</p>" in table_html("many", table, ".totals")
    assert len(table_text("many", table).splitlines()) == ROWS_SHOWN + 2
    assert "more rows" not in table_html("few", table.head(), ".totals")


def test_a_number_with_its_noun() -> None:
    assert [counted(1, "event"), counted(1200, "event"), counted(2, "touch", "touches")] == [
        "1 event",
        "1,200 events",
        "2 touches",
    ]


def test_what_was_said_is_not_said_again(caplog: pytest.LogCaptureFixture) -> None:
    with caplog.at_level(logging.INFO, logger="datalyr_notebook"):
        with repeated():
            say("again")
        say("once")
    assert caplog.messages == ["once"]


def test_a_headline_is_above_its_table_and_names_stand_over_their_numbers() -> None:
    table = pd.DataFrame({"name": ["x", "y"], "credit": [None, 2.5], "none": None})
    page = table_html("a 'long' headline", table, ".t")
    assert page.startswith("<p style='margin:0'>a &#x27;long&#x27; headline</p><table aria-label='a &#x27;long")
    heads = page[: page.index("</thead>")].split("<th scope='col' style='text-align:")[1:]
    assert [head.split("</th>")[0] for head in heads] == ["left'>name", "right'>credit", "left'>none"]
    empty = table_html("empty", pd.DataFrame({"name": []}), ".t")
    assert "text-align:left'>name</th>" in empty


def test_moments_durations_and_shares_read_as_sentences_say_them() -> None:
    assert moment(pd.Timestamp("2026-12-31T00:07:59.999Z")) == "31 Dec 2026 00:07 UTC"
    assert [lasting(days) for days in (0.0, 1 / 86_400, 59 / 1440, 23.5 / 24, 1.0, 1000.04)] == [
        "0 seconds",
        "1 second",
        "59 minutes",
        "23.5 hours",
        "1 day",
        "1,000 days",
    ]
    assert [percent(share) for share in (0.0, 0.0004, 0.0005, 1 / 3, 1.0)] == ["0%", "<0.1%", "0.1%", "33.3%", "100%"]
    assert "x" * 70 in table_html("long", pd.DataFrame({"text": ["x" * 70]}), ".t", longest_cell=70)


def test_missing_has_no_text_of_whatever_kind_it_is() -> None:
    cells = pd.Series([pd.NA, None, pd.NaT, float("nan"), "x"], dtype=object)
    assert table_html("", cells.to_frame("a"), "").count("<td style='text-align:left'></td>") == 3
    assert [cell_text(cell) for cell in cells] == ["", "", "", "", "x"]
