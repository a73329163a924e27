"""Checkpoint: parts whole or not at all, for one query, one pull at a time, and nobody else's files."""

from __future__ import annotations

import json
import subprocess
import sys
from collections.abc import Mapping
from pathlib import Path

import pyarrow as pa
import pyarrow.parquet as pq
import pytest

from datalyr_notebook.api.checkpoint import LOCK, QUERY, Checkpoint, opened
from datalyr_notebook.api.windows import Window
from datalyr_notebook.errors import CheckpointError

DAY = 86_400_000_000
FIRST, SECOND = Window(0, DAY), Window(DAY, 2 * DAY)
ASKED = {"base_url": "https://app.datalyr.com/api/v1", "path": "/events", "start": "1970-01-01"}
COUNTED = {"rows": 3, "received": 4}


def settle() -> Mapping[str, object]:
    return {"until": "1970-01-03"}


def write(file: Path, metadata: Mapping[bytes, bytes], rows: int = 3) -> None:
    table = pa.table({"event": [f"signup {row}" for row in range(rows)]})
    pq.write_table(table.replace_schema_metadata(metadata), file, write_page_checksum=True)


def names(folder: Path) -> list[str]:
    return sorted(one.name for one in folder.iterdir())


def test_a_recorded_window_is_told_again_and_others_are_not_there(tmp_path: Path) -> None:
    folder = tmp_path / "new" / "folder"
    with opened(folder, ASKED, settle) as (held, settled):
        assert settled == {"until": "1970-01-03"}
        held.record(FIRST, COUNTED, write)
        held.record(SECOND, {"rows": 0, "received": 1}, None)
    with opened(folder, ASKED, lambda: pytest.fail("settled twice")) as (held, settled):
        assert settled == {"until": "1970-01-03"}
        assert held.facts(FIRST) == {"start_us": 0, "end_us": DAY, **COUNTED}
        assert held.facts(SECOND) == {"start_us": DAY, "end_us": 2 * DAY, "rows": 0, "received": 1}
        assert held.facts(Window(2 * DAY, 3 * DAY)) is None
        assert held.facts(Window(0, DAY // 2)) is None  # begins where another one does
        assert [part.name for part in held.parts([FIRST, SECOND])] == ["1970-01-01T00-00-00Z.parquet"]
    assert names(folder) == ["1970-01-01T00-00-00Z.parquet", "1970-01-02T00-00-00Z.empty", LOCK, QUERY]


@pytest.mark.parametrize("stop", [KeyboardInterrupt, MemoryError, OSError])
def test_what_stops_the_writing_leaves_nothing_behind(tmp_path: Path, stop: type[BaseException]) -> None:
    def stopped(file: Path, metadata: Mapping[bytes, bytes]) -> None:
        write(file, metadata)
        raise stop

    with opened(tmp_path, ASKED, settle) as (held, _):
        with pytest.raises(stop):
            held.record(FIRST, COUNTED, stopped)
        assert names(tmp_path) == [LOCK, QUERY]
        assert held.facts(FIRST) is None


def test_what_a_killed_process_left_is_cleared_away(tmp_path: Path) -> None:
    with opened(tmp_path, ASKED, settle):
        pass
    (tmp_path / "1970-01-01T00-00-00Z.parquet.tmp").write_bytes(b"PAR1 half")
    with opened(tmp_path, ASKED, settle) as (held, _):
        assert names(tmp_path) == [LOCK, QUERY]
        assert held.facts(FIRST) is None


@pytest.mark.parametrize("damage", ["cut", "flipped", "emptied", "foreign"])
def test_a_part_that_cannot_be_read_is_no_part(tmp_path: Path, damage: str) -> None:
    with opened(tmp_path, ASKED, settle) as (held, _):
        held.record(FIRST, COUNTED, write)
        (part,) = held.parts([FIRST])
        whole = part.read_bytes()
        if damage == "foreign":
            pq.write_table(pa.table({"event": ["a"] * 3}), part)
        else:
            at = whole.index(b"signup")
            flipped = whole[:at] + b"SIGNUP" + whole[at + 6 :]
            part.write_bytes({"cut": whole[:-9], "flipped": flipped, "emptied": b""}[damage])
        assert held.facts(FIRST) is None
        held.record(FIRST, {"rows": 0}, None)  # pulled anew, and there is nothing now
        assert held.facts(FIRST) == {"start_us": 0, "end_us": DAY, "rows": 0}
        assert held.parts([FIRST]) == []


@pytest.mark.parametrize("text", ["", "{", "[]", '{"start_us": null}', '{"start_us": 1, "end_us": 2}'])
def test_a_sentinel_that_cannot_be_read_is_none(tmp_path: Path, text: str) -> None:
    (tmp_path / "1970-01-01T00-00-00Z.empty").write_text(text)
    assert Checkpoint(tmp_path).facts(FIRST) is None


def test_a_folder_in_which_nothing_is_recorded_takes_another_query(tmp_path: Path) -> None:
    with opened(tmp_path, {**ASKED, "path": "/evnets"}, settle):
        pass  # 404
    with opened(tmp_path, ASKED, lambda: {"until": "1970-01-04"}) as (held, settled):
        assert settled == {"until": "1970-01-04"}
        held.record(FIRST, COUNTED, write)
    with opened(tmp_path, ASKED, settle) as (held, settled):
        assert settled == {"until": "1970-01-04"}
        assert held.facts(FIRST) is not None


@pytest.mark.parametrize(
    ("other", "words"),
    [
        ({"path": "/orders"}, r"it belongs to another pull: path was '/events' and is '/orders'\. Pass a new folder"),
        ({"base_url": "http://127.0.0.1:1/api/v1"}, "base_url was 'https://app.datalyr.com/api/v1' and is 'http"),
        ({"params": {"tag": "ab"}}, "params was None and is"),
    ],
)
def test_another_query_is_refused(tmp_path: Path, other: dict[str, object], words: str) -> None:
    with opened(tmp_path, ASKED, settle) as (held, _):
        held.record(FIRST, {"rows": 0}, None)
    with pytest.raises(CheckpointError, match=words), opened(tmp_path, {**ASKED, **other}, settle):
        pass


@pytest.mark.parametrize("name", ["orders.csv", "1970-01-01.parquet", "1970-01-01T00-00-00Z.parquet", "notes"])
def test_a_folder_with_files_of_somebody_else_is_refused_and_left_as_it_is(tmp_path: Path, name: str) -> None:
    (tmp_path / name).write_text("mine")
    with (
        pytest.raises(CheckpointError, match=rf"no pull has written there \('{name}'\). Pass a new or empty folder"),
        opened(tmp_path, ASKED, settle),
    ):
        pass
    assert names(tmp_path) == [name]


def test_hidden_files_do_no_harm(tmp_path: Path) -> None:
    (tmp_path / ".ipynb_checkpoints").mkdir()
    with opened(tmp_path, ASKED, settle):
        pass


def test_a_part_of_no_window_is_refused(tmp_path: Path) -> None:
    with opened(tmp_path, ASKED, settle) as (held, _):
        held.record(FIRST, COUNTED, write)
        held.refuse_others([FIRST, SECOND])
        with pytest.raises(CheckpointError, match=r"'1970-01-01T00-00-00Z.parquet' is no part of this pull"):
            held.refuse_others([SECOND])


@pytest.mark.parametrize("text", ["", "{}", '{"query": 1, "settled": {}}'])
def test_a_query_that_cannot_be_read_is_refused(tmp_path: Path, text: str) -> None:
    (tmp_path / QUERY).write_text(text)
    with pytest.raises(CheckpointError, match=r"its pull.query cannot be read"), opened(tmp_path, ASKED, settle):
        pass


def test_a_file_is_no_folder(tmp_path: Path) -> None:
    (tmp_path / "file").write_text("")
    with pytest.raises(CheckpointError, match="this folder cannot be made"), opened(tmp_path / "file", ASKED, settle):
        pass


def test_a_second_pull_in_the_same_folder_is_refused_until_the_first_has_ended(tmp_path: Path) -> None:
    with opened(tmp_path, ASKED, settle):
        with (
            pytest.raises(CheckpointError, match=r"another pull is using it now. Wait until it has ended"),
            opened(tmp_path, ASKED, settle),
        ):
            pass
        ran = subprocess.run([sys.executable, "-c", OTHER, str(tmp_path)], capture_output=True, text=True, check=True)
        assert ran.stdout.strip() == "refused"
    with opened(tmp_path, ASKED, settle):
        pass


def test_a_killed_process_locks_nobody_out(tmp_path: Path) -> None:
    code = OTHER.replace("pass", "__import__('os').kill(__import__('os').getpid(), 9)")
    ran = subprocess.run([sys.executable, "-c", code, str(tmp_path)], capture_output=True, check=False)
    assert ran.returncode != 0
    with opened(tmp_path, json.loads((tmp_path / QUERY).read_text())["query"], settle):
        pass


OTHER = f"""
import sys
from datalyr_notebook.api.checkpoint import opened
from datalyr_notebook.errors import CheckpointError
try:
    with opened(sys.argv[1], {ASKED!r}, dict):
        pass
except CheckpointError:
    print("refused")
"""
