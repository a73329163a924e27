"""The load report: one line of counts, a table, and nothing about anybody."""

from __future__ import annotations

import pytest

from datalyr_notebook.errors import OptionError
from datalyr_notebook.loading.report import KINDS, SEEN_IN_THE_RESULT, Damage, LoadReport


def test_a_report_is_one_line() -> None:
    report = LoadReport()
    report.add("redelivered", 5)
    report.add("skipped_bodies", 2)
    report.add("files", 4)
    report.add("rows", 75)
    line = "LoadReport: 75 events from 4 files; 2 bodies without events skipped; 5 re-deliveries dropped"
    assert str(report) == line
    assert repr(report) == line


def test_one_is_not_many() -> None:
    report = LoadReport()
    for kind in ("rows", "files", "redelivered"):
        report.add(kind)
    assert str(report) == "LoadReport: 1 event from 1 file; 1 re-delivery dropped"


def test_an_empty_report_says_so() -> None:
    assert str(LoadReport()) == "LoadReport: 0 events"
    assert LoadReport().to_frame().columns.tolist() == ["kind", "count", "meaning"]
    assert len(LoadReport().to_frame()) == 0


def test_thousands_are_readable() -> None:
    report = LoadReport()
    report.add("rows", 1_234_567)
    assert str(report) == "LoadReport: 1,234,567 events"


def test_counts_add_up_and_zero_is_nothing() -> None:
    report = LoadReport()
    report.add("null_like_ids", 2)
    report.add("null_like_ids", 3)
    report.add("no_id", 0)
    assert report.counts == {"null_like_ids": 5}


def test_reading_alone_is_not_notable() -> None:
    report = LoadReport()
    report.add("rows", 10)
    report.add("files", 1)
    assert not report.is_notable
    report.add("naive_timestamps")
    assert report.is_notable


def test_an_unknown_kind_is_refused() -> None:
    with pytest.raises(OptionError, match=r"LoadReport.add: kind='cookies' is not known. Use one of 'rows', 'files'"):
        LoadReport().add("cookies")


def test_an_example_keeps_only_its_form() -> None:
    report = LoadReport()
    report.add("naive_timestamps", example="2026-01-31 10:00")
    report.add("null_like_ids", example="jane.doe@example.com")
    report.add("unreadable_values", example=[1, 2])
    report.add("unreadable_timestamps", example="é" * 50)
    assert report.examples == {
        "naive_timestamps": "9999-99-99 99:99",
        "null_like_ids": "aaaa.aaa@aaaaaaa.aaa",
        "unreadable_values": "list",
        "unreadable_timestamps": "a" * 40 + "…",
    }


def test_the_first_example_stays() -> None:
    report = LoadReport()
    report.add("null_like_ids", example="a1")
    report.add("null_like_ids", example="---")
    assert report.examples == {"null_like_ids": "a9"}


def test_the_table_has_a_row_a_kind_in_the_order_told() -> None:
    report = LoadReport()
    report.add("redelivered", 5)
    report.add("rows", 75)
    assert report.to_frame().to_dict("records") == [
        {"kind": "rows", "count": 75, "meaning": "events"},
        {"kind": "redelivered", "count": 5, "meaning": "re-deliveries dropped"},
    ]


def test_html_is_a_table_and_file_names_are_escaped() -> None:
    report = LoadReport()
    report.add("rows", 3)
    report.shapes["web event"] += 3
    report.errors.append(Damage("<script>alert(1)</script>.jsonl", 7, "invalid JSON at column 3: expecting value"))
    page = report._repr_html_()
    assert page.startswith("<table>")
    assert "<script>" not in page
    assert "&lt;script&gt;alert(1)&lt;/script&gt;.jsonl, line 7: invalid JSON" in page
    assert "shape: web event" in page


def test_html_shows_twenty_damaged_lines_and_counts_the_rest() -> None:
    report = LoadReport(errors=[Damage("a.jsonl", line, "invalid JSON") for line in range(1, 1003)])
    assert "and 982 more damaged lines" in report._repr_html_()
    assert "line 21:" not in report._repr_html_()


def test_kinds_are_unique_and_the_settled_ones_known() -> None:
    names = [kind.name for kind in KINDS]
    assert len(names) == len(set(names))
    assert set(SEEN_IN_THE_RESULT) <= set(names)
