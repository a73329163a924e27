"""Reading files of events and writing them back: what comes in, what is refused, and in which words."""

from __future__ import annotations

import gzip
import json
import logging
from collections.abc import Sequence
from pathlib import Path

import pandas as pd
import pyarrow as pa
import pyarrow.parquet as pq
import pytest
from pandas.testing import assert_frame_equal

from datalyr_notebook import schema
from datalyr_notebook.errors import LineError, OptionError, SourceError
from datalyr_notebook.loading.files import read_events, write_events
from datalyr_notebook.loading.report import Damage, LoadReport

CAPTURES = Path(__file__).parents[1] / "data" / "captures"
NAMES = ("web.jsonl", "node.jsonl", "react_native.jsonl", "seed_http.jsonl")


def event(number: int, **more: object) -> dict[str, object]:
    time = f"2026-01-{number:02d}T10:00:00Z"
    return {"event_id": f"e{number}", "event_name": "pageview", "anonymous_id": "anon_1", "timestamp": time, **more}


def saved(file: Path, events: Sequence[object], *, end: str = "\n") -> Path:
    file.write_bytes(end.join(json.dumps(one) for one in events).encode())
    return file


def ids(events: pd.DataFrame) -> list[str]:
    return events["event_id"].tolist()


# ---- sources -------------------------------------------------------------------------------------


def test_captures_by_glob_folder_and_list_are_the_same_table() -> None:
    report = LoadReport()
    events = read_events(str(CAPTURES / "*.jsonl"), report=report)
    # 60 events are in the files; 4 web events and 1 webhook arrived twice.
    assert str(report) == (
        "LoadReport: 55 events from 4 files; 2 bodies without events skipped; 5 re-deliveries dropped"
    )
    assert_frame_equal(read_events([str(CAPTURES / name) for name in sorted(NAMES)]), events)
    folder = LoadReport()
    assert_frame_equal(read_events(CAPTURES, report=folder), events)
    assert folder.counts["skipped_bodies"] == 3  # truth.json lies there too, and holds no events


def test_the_captured_webhook_counts_once() -> None:
    events = read_events(CAPTURES / "node.jsonl")
    assert (events["event_id"] == "evt_1NORDER123").sum() == 1
    assert events.loc[events["event_name"] == "purchase", "value"].tolist() == [99.99]


def test_a_path_and_its_text_are_the_same(tmp_path: Path) -> None:
    file = saved(tmp_path / "a.jsonl", [event(1), event(2)])
    assert ids(read_events(file)) == ids(read_events(str(file))) == ["e1", "e2"]


def test_dicts_and_one_dict() -> None:
    assert ids(read_events([event(1), event(2)])) == ["e1", "e2"]
    assert ids(read_events(event(1))) == ["e1"]
    assert ids(read_events(one for one in [event(1), event(2)])) == ["e1", "e2"]


def test_a_dataframe_keeps_its_index() -> None:
    table = pd.DataFrame([event(1), event(2)], index=[7, 9])
    events = read_events(table)
    assert events.index.tolist() == [7, 9]
    assert schema.is_canonical(events)


def test_an_empty_dataframe_is_an_empty_canonical_table() -> None:
    events = read_events(pd.DataFrame({"anything": []}))
    assert len(events) == 0
    assert events.columns.tolist() == schema.names(schema.EVENTS)
    assert schema.is_canonical(events)


def test_canonical_records_come_back_as_they_were() -> None:
    events = read_events([event(1, url="https://shop.example/?gclid=G"), event(2, url="https://shop.example/")])
    again = read_events(events.to_dict("records"))
    assert again["source"].tolist()[0] == "google"
    assert_frame_equal(again, events)


def test_flat_and_nested_records_share_a_table() -> None:
    nested = {**event(2), "event_data": {"gclid": "G"}, "source": "web"}
    events = read_events([event(1, source="newsletter", plan="pro"), nested])
    assert events["source"].tolist() == ["newsletter", "google"]
    assert events["sdk"].tolist() == ["unknown", "web"]
    assert events["plan"].tolist() == ["pro", None]


# ---- JSON ----------------------------------------------------------------------------------------


def test_an_array_an_object_and_lines_called_json(tmp_path: Path) -> None:
    array, one, lines = (tmp_path / name for name in ("array.json", "one.json", "lines.json"))
    array.write_text(json.dumps([event(1), event(2)], indent=2))
    one.write_text(json.dumps(event(3)))
    saved(lines, [event(4), event(5)])
    assert ids(read_events([array, one, lines])) == ["e1", "e2", "e3", "e4", "e5"]


def test_a_byte_order_mark_blank_lines_and_windows_line_ends(tmp_path: Path) -> None:
    file = tmp_path / "a.jsonl"
    file.write_bytes(
        b"\xef\xbb\xbf" + json.dumps(event(1)).encode() + b"\r\n\r\n  \r\n" + json.dumps(event(2)).encode()
    )
    assert ids(read_events(file)) == ["e1", "e2"]
    whole = tmp_path / "a.json"
    whole.write_bytes(b"\xef\xbb\xbf" + json.dumps([event(1)]).encode())
    assert ids(read_events(whole)) == ["e1"]


def test_gzip_is_told_by_its_content(tmp_path: Path) -> None:
    packed = gzip.compress(json.dumps(event(1)).encode())
    for name in ("a.jsonl.gz", "a.jsonl", "a.ndjson.gz", "a.json.gz"):
        (tmp_path / name).write_bytes(packed)
        assert ids(read_events(tmp_path / name)) == ["e1"]


def test_nan_and_infinity_are_missing(tmp_path: Path) -> None:
    file = tmp_path / "a.jsonl"
    body = json.dumps(event(1, value=0)).replace('"value": 0', '"value": NaN, "campaign": Infinity, "x": -Infinity')
    file.write_text(body)
    events = read_events(file)
    assert "value" not in events.columns
    assert events["x"].tolist() == [None]


def test_ids_keep_every_digit(tmp_path: Path) -> None:
    rows = [event(1, user_id=1234567890123456789), event(2, user_id="00042"), event(3, user_id=2**70), event(4)]
    events = read_events(saved(tmp_path / "a.jsonl", rows))
    assert events["user_id"].tolist()[:3] == ["1234567890123456789", "00042", "1180591620717411303424"]
    assert pd.isna(events["user_id"].tolist()[3])


def test_text_from_strangers_is_only_text(tmp_path: Path) -> None:
    strange = ["\ud800", "x" * 100_000, "=cmd()", "<script>", "é\u202e", {"a": 1}, [1], True]
    rows = [event(number, campaign=one, user_id=f"u{number}") for number, one in enumerate(strange, 1)]
    assert len(read_events(saved(tmp_path / "a.jsonl", rows))) == len(strange)


# ---- damaged files -------------------------------------------------------------------------------

DAMAGE = [
    (b'{"event_id": "e', "invalid JSON at column 14: it ends in the middle of a value"),
    (b'{"a": 1', "invalid JSON at column 8: it ends in the middle of a value"),
    (b"hello jane@example.com", "invalid JSON at column 1: expecting value"),
    (b'{"a": 1} {"b": 2}', "invalid JSON at column 10: extra data"),
    (b'{"a": "\\q"}', "invalid JSON at column 8: invalid escape"),
    (b'{"a": "\xff"}', "byte 8 of the line is not UTF-8"),
    (b'{"a": ' + b"9" * 5000 + b"}", "invalid JSON: a number of more digits than Python reads"),
    (b"[" * 100_000, "invalid JSON: nested too deeply"),
]


@pytest.mark.parametrize(("line", "problem"), DAMAGE)
def test_a_damaged_line_is_named_by_file_and_number(tmp_path: Path, line: bytes, problem: str) -> None:
    file = tmp_path / "a.jsonl"
    file.write_bytes(json.dumps(event(1)).encode() + b"\n\n" + line + b"\n" + json.dumps(event(2)).encode())
    with pytest.raises(LineError) as caught:
        read_events(file)
    assert (caught.value.file, caught.value.line) == (str(file), 3)
    assert str(caught.value) == (
        f"read_events cannot read line 3 of {file}: {problem}. "
        "Mend the line, or pass errors='collect' to load the rest and keep this one in the report."
    )


@pytest.mark.parametrize(("line", "problem"), DAMAGE)
def test_collect_loads_the_rest_and_lists_the_damage(tmp_path: Path, line: bytes, problem: str) -> None:
    file, report = tmp_path / "a.jsonl", LoadReport()
    file.write_bytes(json.dumps(event(1)).encode() + b"\n\n" + line + b"\n" + json.dumps(event(2)).encode())
    assert ids(read_events(file, errors="collect", report=report)) == ["e1", "e2"]
    assert report.errors == [Damage(str(file), 3, problem)]
    assert str(report) == "LoadReport: 2 events from 1 file; 1 damaged line left out"
    assert "jane" not in str(report.errors)


def test_a_damaged_whole_file_is_named_by_its_line(tmp_path: Path) -> None:
    file = tmp_path / "a.json"
    file.write_text('[\n  {"event_id": "e1"},\n  {"event_id" "e2"}\n]')
    with pytest.raises(LineError, match=r"line 3 of .*a.json: invalid JSON at column 15: expecting ':' delimiter"):
        read_events(file)


def test_json_lines_in_a_json_file_name_their_own_line(tmp_path: Path) -> None:
    file = tmp_path / "a.json"
    file.write_text(json.dumps(event(1)) + "\n" + '{"event_id": ')
    with pytest.raises(LineError, match=r"line 2 of .*a.json"):
        read_events(file)


def test_gzip_that_ends_early(tmp_path: Path) -> None:
    file, report = tmp_path / "a.jsonl.gz", LoadReport()
    lines = b"".join(
        json.dumps(event(1 + number % 28, event_id=str(number))).encode() + b"\n" for number in range(9999)
    )
    file.write_bytes(gzip.compress(lines)[:-4000])
    with pytest.raises(LineError, match="the compressed data is damaged or ends early"):
        read_events(file)
    assert 0 < len(read_events(file, errors="collect", report=report)) < 9999
    assert [damage.problem for damage in report.errors] == ["the compressed data is damaged or ends early"]


def test_unreadable_times_are_collected_too() -> None:
    report = LoadReport()
    rows = [event(1), event(2, timestamp="yesterday")]
    assert ids(read_events(rows, errors="collect", report=report)) == ["e1"]
    assert report.counts["unreadable_timestamps"] == 1


# ---- nothing to read -----------------------------------------------------------------------------


def test_a_missing_file_names_itself(tmp_path: Path) -> None:
    with pytest.raises(SourceError, match=r"cannot read '.*nothing.jsonl': there is no such file or folder. Check"):
        read_events(tmp_path / "nothing.jsonl")


def test_a_glob_without_matches(tmp_path: Path) -> None:
    with pytest.raises(SourceError, match=r"\*.jsonl': no file matches it"):
        read_events(str(tmp_path / "*.jsonl"))


def test_a_folder_without_events(tmp_path: Path) -> None:
    (tmp_path / "readme.txt").write_text("hello")
    (tmp_path / ".hidden").mkdir()
    saved(tmp_path / ".hidden" / "a.jsonl", [event(1)])
    with pytest.raises(SourceError, match=r"the folder holds no \*.parquet, \*.jsonl, \*.ndjson, \*.json"):
        read_events(tmp_path)


@pytest.mark.parametrize(
    ("source", "words"),
    [
        ([], "cannot read an empty list: there is nothing in it"),
        (7, "cannot read a int: it is neither a path, a list nor a DataFrame"),
        (None, "cannot read a NoneType"),
        (b"x", "cannot read a bytes"),
        ('[{"event": "x"}]', r"it is JSON text, not a path. Pass json.loads\(text\)"),
        ("https://app.example.com/events.json", "it is an address, not a file"),
        (["a.jsonl", {"event": "x"}], "a list of 2 members: it mixes paths or tables with other things"),
        (
            [{}, {"workspaceId": "ws"}],
            r"holds no events \(2 bodies without events were skipped\). An event needs a name",
        ),
    ],
)
def test_what_holds_no_events_is_refused_in_words(source: object, words: str) -> None:
    with pytest.raises(SourceError, match=words):
        read_events(source)


def test_an_empty_file_and_a_file_of_other_bodies(tmp_path: Path) -> None:
    (tmp_path / "empty.jsonl").write_text("\n")
    with pytest.raises(SourceError, match=r"it holds no events \(it is empty\)"):
        read_events(tmp_path / "empty.jsonl")
    (tmp_path / "empty.json").write_text("")
    with pytest.raises(SourceError, match=r"it holds no events \(it is empty\)"):
        read_events(tmp_path / "empty.json")
    other = saved(tmp_path / "other.jsonl", [{"path": "/container-scripts", "body": {"workspaceId": "w"}}] * 3)
    with pytest.raises(SourceError, match=r"\(3 bodies without events were skipped\)"):
        read_events(other)
    (tmp_path / "broken.jsonl").write_text("{")
    with pytest.raises(SourceError, match=r"\(1 damaged lines were left out\)"):
        read_events(tmp_path / "broken.jsonl", errors="collect")


def test_csv_comes_later(tmp_path: Path) -> None:
    (tmp_path / "a.csv").write_text("event,timestamp\n")
    with pytest.raises(SourceError, match=r"reading CSV is not available yet.*pandas.read_csv\(path, dtype=str\)"):
        read_events(tmp_path / "a.csv")


def test_unknown_options_are_refused(tmp_path: Path) -> None:
    with pytest.raises(OptionError, match=r"format='xml' is not known. Use one of 'auto', 'jsonl', 'json', 'parquet'"):
        read_events([event(1)], format="xml")
    with pytest.raises(OptionError, match=r"errors='ignore' is not known. Use one of 'raise', 'collect'"):
        read_events([event(1)], errors="ignore")
    events = read_events([event(1)])
    with pytest.raises(OptionError, match="partition_by='person'"):
        write_events(events, tmp_path / "a.parquet", partition_by="person")
    with pytest.raises(OptionError, match=r"the name of a file that ends in .parquet"):
        write_events(events, tmp_path / "a.csv")
    (tmp_path / "file").write_text("")
    with pytest.raises(OptionError, match="the name of a folder"):
        write_events(events, tmp_path / "file", partition_by="date")


# ---- Parquet -------------------------------------------------------------------------------------


def test_writing_and_reading_is_the_identity(tmp_path: Path) -> None:
    events = read_events(CAPTURES)
    file = write_events(events, tmp_path / "deep" / "er" / "events.parquet")
    again = read_events(file)
    assert_frame_equal(again, events)
    assert again["traits"].map(type).value_counts().to_dict() == events["traits"].map(type).value_counts().to_dict()


def test_order_of_categories_and_index_survive_a_shuffle(tmp_path: Path) -> None:
    events = read_events([event(number, user_id=f"u{number}", plan={"n": number}) for number in range(1, 9)])
    shuffled = events.iloc[[5, 2, 7, 0]]
    again = read_events(write_events(shuffled, tmp_path / "a.parquet"))
    assert_frame_equal(again, shuffled)
    assert again["user_id"].cat.categories.tolist() == [f"u{number}" for number in range(1, 9)]
    assert again["plan"].tolist() == [{"n": 6}, {"n": 3}, {"n": 8}, {"n": 1}]


def test_traits_keep_null_and_missing_apart(tmp_path: Path) -> None:
    traits = {"nick": None, "tags": ["a", {"b": 1.5}], "n": 2**60, "odd": "\ud800"}
    events = read_events([{**event(1, event_name="$identify", user_id="u"), "traits": traits}, event(2)])
    again = read_events(write_events(events, tmp_path / "a.parquet"))
    assert again["traits"].tolist() == [traits, None]


def test_a_table_without_rows_comes_back(tmp_path: Path) -> None:
    nothing = schema.empty(schema.EVENTS)
    again = read_events(write_events(nothing, tmp_path / "a.parquet"))
    assert len(again) == 0
    assert again.columns.tolist() == nothing.columns.tolist()


def test_days_are_folders(tmp_path: Path) -> None:
    events = read_events([event(1), event(3, user_id="u"), event(2), event(1, event_id="late")])
    folder = write_events(events, tmp_path / "days", partition_by="date")
    assert sorted(str(file.relative_to(folder)) for file in folder.rglob("*.parquet")) == [
        "event_date=2026-01-01/events.parquet",
        "event_date=2026-01-02/events.parquet",
        "event_date=2026-01-03/events.parquet",
    ]
    report = LoadReport()
    again = read_events(folder, report=report)
    assert ids(again) == ["e1", "late", "e2", "e3"]
    assert again["user_id"].isna().tolist() == [True, True, True, False]
    assert set(again.columns) == set(events.columns)
    assert str(report) == "LoadReport: 4 events from 3 files"
    assert_frame_equal(read_events(f"{folder}/*/*.parquet"), again)


def test_writing_a_day_again_replaces_that_day_only(tmp_path: Path) -> None:
    write_events(read_events([event(1), event(2)]), tmp_path / "days", partition_by="date")
    write_events(read_events([event(2, event_id="new")]), tmp_path / "days", partition_by="date")
    assert ids(read_events(tmp_path / "days")) == ["e1", "new"]


def test_events_that_are_not_normalized_are_normalized_first(tmp_path: Path, caplog: pytest.LogCaptureFixture) -> None:
    table = pd.DataFrame([event(1)])
    with caplog.at_level(logging.INFO, logger="datalyr_notebook"):
        write_events(table, tmp_path / "a.parquet")
    assert any(line.startswith("write_events: these events were not normalized yet") for line in caplog.messages)
    assert schema.is_canonical(pd.read_parquet(tmp_path / "a.parquet"))
    assert table["timestamp"].tolist() == ["2026-01-01T10:00:00Z"]


def test_anybody_s_parquet_is_a_flat_table(tmp_path: Path) -> None:
    columns = {
        "eventId": ["a", "b"],
        "event": ["purchase", "purchase"],
        "userId": [1234567890123456789, None],
        "anonymousId": ["anon_1", "anon_2"],
        "timestamp": pd.to_datetime(["2026-01-01", "2026-01-02"], utc=True),
        "amount": [5, None],
    }
    pq.write_table(pa.table(columns), tmp_path / "a.parquet")
    events = read_events(tmp_path / "a.parquet")
    assert events["user_id"].tolist()[0] == "1234567890123456789"
    assert events["value"].tolist()[0] == 5.0
    assert events["sdk"].tolist() == ["unknown", "unknown"]


def test_anybody_s_index_is_a_column_like_the_others(tmp_path: Path) -> None:
    table = pd.DataFrame([event(1, user_id="u"), event(2, user_id="v")])
    table.set_index("user_id").to_parquet(tmp_path / "a.parquet")
    assert read_events(tmp_path / "a.parquet")["user_id"].tolist() == ["u", "v"]
    table.iloc[[1]].to_parquet(tmp_path / "b.parquet")
    assert "__index_level_0__" not in read_events(tmp_path / "b.parquet").columns


def test_several_parquet_files_may_have_different_columns(tmp_path: Path) -> None:
    pd.DataFrame([event(1, plan="pro")]).to_parquet(tmp_path / "a.parquet")
    pd.DataFrame([event(2, user_id="u")]).to_parquet(tmp_path / "b.parquet")
    events = read_events(tmp_path)
    assert ids(events) == ["e1", "e2"]
    assert events["plan"].tolist() == ["pro", None]
    assert events["user_id"].isna().tolist() == [True, False]


def test_canonical_files_and_raw_ones_share_a_table(tmp_path: Path) -> None:
    first = read_events([event(1, url="https://shop.example/?gclid=G"), event(2)])
    write_events(first, tmp_path / "a.parquet")
    saved(tmp_path / "b.jsonl", [event(2), event(3, user_id="null"), {"no": "event"}])
    report = LoadReport()
    events = read_events(tmp_path, report=report)
    assert ids(events) == ["e1", "e2", "e3"]
    assert events["source"].tolist()[0] == "google"
    assert report.counts == {"files": 2, "skipped_bodies": 1, "null_like_ids": 1, "redelivered": 1, "rows": 3}


def test_a_file_that_is_no_parquet(tmp_path: Path) -> None:
    (tmp_path / "a.parquet").write_bytes(b"PAR1 not really")
    saved(tmp_path / "b.jsonl", [event(1)])
    with pytest.raises(SourceError, match=r"a.parquet': it is not a whole, readable Parquet file"):
        read_events(tmp_path)
    report = LoadReport()
    assert ids(read_events(tmp_path, errors="collect", report=report)) == ["e1"]
    assert report.errors == [Damage(str(tmp_path / "a.parquet"), 0, "it is not a whole, readable Parquet file")]


def test_the_first_bytes_tell_a_format_that_the_name_does_not(tmp_path: Path) -> None:
    events = read_events([event(1)])
    write_events(events, tmp_path / "a.parquet").rename(tmp_path / "events.dat")
    saved(tmp_path / "events.log", [event(1), event(2)])
    assert ids(read_events(tmp_path / "events.dat")) == ["e1"]
    assert ids(read_events(tmp_path / "events.log")) == ["e1", "e2"]
    assert ids(read_events(tmp_path / "events.log", format="jsonl")) == ["e1", "e2"]


# ---- telling -------------------------------------------------------------------------------------


def test_what_was_dropped_is_told_once(caplog: pytest.LogCaptureFixture) -> None:
    with caplog.at_level(logging.INFO, logger="datalyr_notebook"):
        read_events([event(1), event(1), {}])
    assert caplog.messages == ["LoadReport: 1 event; 1 body without events skipped; 1 re-delivery dropped"]


def test_a_clean_read_says_nothing(caplog: pytest.LogCaptureFixture) -> None:
    with caplog.at_level(logging.INFO, logger="datalyr_notebook"):
        read_events([event(1), event(2)])
    assert caplog.messages == []


def test_the_input_is_never_changed() -> None:
    rows = [event(1), web := {**event(2), "event_data": {"traits": {"a": 1}}}]
    before = json.dumps(rows)
    read_events(rows)
    assert json.dumps(rows) == before
    assert web is rows[1]
