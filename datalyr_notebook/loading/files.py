"""Files of events, in and out: JSON, JSON lines and Parquet become the canonical table, and back to Parquet."""

from __future__ import annotations

import glob
import gzip
import json
import os
import zlib
from collections.abc import Collection, Iterable, Iterator, Sequence
from datetime import datetime
from pathlib import Path
from typing import IO, Final, NamedTuple

import numpy as np
import pandas as pd
import pyarrow as pa
import pyarrow.parquet as pq
from pandas.api.types import union_categoricals

from datalyr_notebook import notices, schema
from datalyr_notebook.errors import LineError, OptionError, SourceError, shown
from datalyr_notebook.loading.normalize import as_canonical, normalize_rows
from datalyr_notebook.loading.payloads import FLAT_SHAPES, Row, lift
from datalyr_notebook.loading.report import SEEN_IN_THE_RESULT, Damage, LoadReport
from datalyr_notebook.progress import steps

FORMATS: Final = ("auto", "jsonl", "json", "parquet")

_ENDINGS: Final = (
    (".parquet", "parquet"),
    (".jsonl", "jsonl"),
    (".ndjson", "jsonl"),
    (".json", "json"),
    (".jsonl.gz", "jsonl"),
    (".ndjson.gz", "jsonl"),
    (".json.gz", "json"),
)
"""How a file's name ends → its format; a folder is searched for these."""
_COMMA_SEPARATED: Final = (".csv", ".tsv", ".csv.gz", ".tsv.gz")

_MARK: Final = b"datalyr_notebook"
"""The metadata key of a Parquet file of ours; its value says which columns hold JSON text."""
_GZIP: Final = b"\x1f\x8b"
_PARQUET: Final = b"PAR1"
_BYTE_ORDER_MARK: Final = "\ufeff"


class _Damaged(Exception):  # noqa: N818  (never leaves this module: it becomes a LineError or a line of the report)
    """A piece of a file that is not readable JSON: the line, counted from 1, and the problem."""

    def __init__(self, line: int, problem: str) -> None:
        self.line, self.problem = line, problem
        super().__init__(problem)


def read_events(
    source: object,
    *,
    format: str = "auto",  # noqa: A002  (the promised name)
    errors: str = "raise",
    report: LoadReport | None = None,
    ignore_referrers: Collection[str] = (),
) -> pd.DataFrame:
    """Read events from wherever they are into the canonical table (``schema.EVENTS``).

    ``source`` is a path, a glob, a folder (every .jsonl, .ndjson, .json and .parquet below it), a
    list of paths, a list of dicts, or a DataFrame. Files hold events, batches or captured requests,
    of any SDK and version, one JSON value a line, or one array or object a file (also gzipped); or
    Parquet, ours or anybody's. ``format`` (auto, jsonl, json, parquet) overrules the file's name.

    A damaged line raises; ``errors="collect"`` leaves it out, and rows without a readable time,
    and puts them into the report. ``report=LoadReport()`` is filled with what was read, skipped,
    dropped and repaired; one line says so when there is anything to say. ``ignore_referrers`` are
    hosts that are no marketing evidence. Rows come in the order of the files; of re-deliveries the
    first event is kept. NaN and Infinity in JSON are missing values; ids keep every digit.

    Raises SourceError (nothing there, or no events in it), LineError (a damaged line, by file and
    number), OptionError, and what normalize_events raises.

    >>> events = read_events([{"event": "signup", "userId": "00042", "timestamp": "2026-01-01T10:00:00Z"}])
    >>> events[["timestamp", "event_name", "user_id"]]
                      timestamp event_name user_id
    0 2026-01-01 10:00:00+00:00     signup   00042
    """
    if format not in FORMATS:
        raise OptionError("read_events", "format", format, FORMATS)
    if errors not in ("raise", "collect"):
        raise OptionError("read_events", "errors", errors, ("raise", "collect"))
    filled = LoadReport() if report is None else report
    asked = source if isinstance(source, pd.DataFrame) else _found(source, format)
    gathered = _gather(asked, format, filled, collect=errors == "collect")
    events = _normalized(gathered, ignore_referrers, filled, collect=errors == "collect")
    if filled.is_notable:
        notices.say(str(filled))
    return events


def write_events(events: pd.DataFrame, path: str | os.PathLike[str], *, partition_by: str | None = None) -> Path:
    """Write events as Parquet, so that ``read_events`` gives back the same table; returns the path.

    Dtypes, categories and their order, and the row index are kept. Columns of dicts (``traits``,
    ``properties``) are written as JSON text. ``partition_by="date"`` makes ``path`` a folder with
    one file a UTC day, ``event_date=2026-01-31/events.parquet``; days that are there already are
    replaced, other days stay; rows then come back by day, with a new index. Folders are created.
    Events that are not normalized yet are normalized first, which one line says.

    Raises OptionError for another ``partition_by``, or a path that is no place for Parquet.

    >>> import tempfile
    >>> events = read_events([{"event": "signup", "userId": "00042", "timestamp": "2026-01-01T10:00:00Z"}])
    >>> with tempfile.TemporaryDirectory() as folder:
    ...     read_events(write_events(events, f"{folder}/2026/events.parquet")).equals(events)
    True
    """
    target = Path(path).expanduser()
    if partition_by not in (None, "date"):
        raise OptionError("write_events", "partition_by", partition_by, (repr(None), "date"))
    if partition_by is None and (target.suffix != ".parquet" or target.is_dir()):
        raise OptionError("write_events", "path", str(path), "the name of a file that ends in .parquet")
    if partition_by is not None and target.is_file():
        raise OptionError("write_events", "path", str(path), "the name of a folder, since partition_by='date'")
    table = as_canonical(events, "write_events")
    if partition_by is None:
        _write_file(table, target)
        return target
    target.mkdir(parents=True, exist_ok=True)
    for day, rows in table.groupby(table["timestamp"].dt.strftime("%Y-%m-%d"), sort=True):
        _write_file(_without_unused_categories(rows), target / f"event_date={day}" / "events.parquet")
    return target


# ---- what was asked for --------------------------------------------------------------------------


class _Found(NamedTuple):
    """What a source turned out to be: files to read, or values that are here already."""

    asked: str
    """The source, as an error names it."""
    files: Sequence[Path]
    bodies: Sequence[object]


def _found(source: object, file_format: str) -> _Found:
    if isinstance(source, str | os.PathLike):
        return _Found(shown(os.fspath(source)), _files(source, file_format), ())
    if isinstance(source, dict):
        return _Found("one event", (), (source,))
    if isinstance(source, bytes) or not isinstance(source, Iterable):
        raise SourceError(
            f"a {type(source).__name__}",
            "it is neither a path, a list nor a DataFrame",
            "Pass a path, a glob, a folder, a list of paths, a list of dicts or a DataFrame.",
        )
    members = list(source)
    if not members:
        raise SourceError("an empty list", "there is nothing in it", "Pass at least one path or one event.")
    are_paths = [isinstance(one, str | os.PathLike) for one in members]
    if all(are_paths):
        files = [file for one in members for file in _files(one, file_format)]
        return _Found(f"a list of {len(members)} paths", files, ())
    if any(are_paths) or any(isinstance(one, pd.DataFrame) for one in members):
        raise SourceError(
            f"a list of {len(members)} members",
            "it mixes paths or tables with other things",
            "Pass a list of paths or a list of dicts; join tables with pandas.concat first.",
        )
    return _Found(f"a list of {len(members)} members", (), members)


def _files(source: str | os.PathLike[str], file_format: str) -> list[Path]:
    """The files that a path, a folder or a glob stands for, in order of their names."""
    text = os.path.expanduser(os.fspath(source))  # noqa: PTH111  (a glob is no path yet)
    if not os.path.exists(text):  # noqa: PTH110  (Path.exists raises on names that no file can have)
        return _matches(text)
    path = Path(text)
    if not path.is_dir():
        return [path]
    files = [file for file in sorted(path.rglob("*")) if _is_event_file(file, path, file_format)]
    if not files:
        wanted = ", ".join(f"*{ending}" for ending, kind in _ENDINGS if file_format in ("auto", kind))
        raise SourceError(
            shown(text), f"the folder holds no {wanted}", "Pass the files themselves, or a glob such as 'events/*.log'."
        )
    return files


def _matches(text: str) -> list[Path]:
    if text.lstrip()[:1] in ("{", "["):
        raise SourceError(shown(text), "it is JSON text, not a path", "Pass json.loads(text).")
    if "://" in text:
        raise SourceError(shown(text), "it is an address, not a file", "Download it first, then pass the file.")
    if not glob.has_magic(text):
        raise SourceError(
            shown(text),
            "there is no such file or folder",
            "Check the path; a relative one starts in the folder that Python runs in, os.getcwd().",
        )
    matches = [Path(one) for one in sorted(glob.glob(text, recursive=True))]  # noqa: PTH207  (may start anywhere)
    files = [file for file in matches if file.is_file()]
    if not files:
        raise SourceError(
            shown(text),
            "no file matches it",
            "Check the pattern; '**' matches folders, and it starts in the folder that Python runs in, os.getcwd().",
        )
    return files


def _is_event_file(file: Path, folder: Path, file_format: str) -> bool:
    is_hidden = any(part.startswith(".") for part in file.relative_to(folder).parts)
    kind = _format_of(file)
    return not is_hidden and kind is not None and file_format in ("auto", kind) and file.is_file()


def _format_of(file: Path) -> str | None:
    return next((kind for ending, kind in _ENDINGS if file.name.lower().endswith(ending)), None)


# ---- from files to rows and tables ---------------------------------------------------------------


class _Gathered(NamedTuple):
    """Everything that was read: tables as they are, and the rows of all JSON."""

    tables: list[pd.DataFrame]
    rows: list[Row]
    is_lifted: bool
    """Whether any row came from a nested shape."""


def _gather(asked: pd.DataFrame | _Found, file_format: str, report: LoadReport, *, collect: bool) -> _Gathered:
    if isinstance(asked, pd.DataFrame):
        return _Gathered([asked], [], is_lifted=False)
    before, skipped, damaged = _flat(report), _count(report, "skipped_bodies"), len(report.errors)
    tables: list[pd.DataFrame] = []
    rows = [row for body in asked.bodies for row in lift(body, report=report)]
    with steps("reading files", len(asked.files)) as step:
        for file in asked.files:
            step()
            report.add("files")
            if (_sniffed(file) if file_format == "auto" else file_format) == "parquet":
                tables += _tables(file, report, collect=collect)
            else:
                for body in _bodies(file, file_format, report, collect=collect):
                    rows += lift(body, report=report)
    if not rows and not tables:
        skipped, damaged = _count(report, "skipped_bodies") - skipped, len(report.errors) - damaged
        said = [f"{skipped} bodies without events were skipped"] if skipped else []
        said += [f"{damaged} damaged lines were left out"] if damaged else []
        raise SourceError(
            asked.asked,
            f"it holds no events ({' and '.join(said) or 'it is empty'})",
            "An event needs a name (event_name, eventName or event); rename your keys, or pass a DataFrame to "
            "normalize_events(df, columns={...}).",
        )
    return _Gathered(tables, rows, is_lifted=_flat(report) - before < len(rows))


def _flat(report: LoadReport) -> int:
    return sum(report.shapes[name] for name in FLAT_SHAPES)


def _count(report: LoadReport, kind: str) -> int:
    return report.counts.get(kind, 0)


def _sniffed(file: Path) -> str:
    """A file's format by its name, else by its first bytes."""
    if file.name.lower().endswith(_COMMA_SEPARATED):
        raise SourceError(
            shown(str(file)),
            "reading CSV is not available yet",
            "Pass normalize_events(pandas.read_csv(path, dtype=str)): dtype=str keeps the ids whole.",
        )
    known = _format_of(file)
    if known is not None:
        return known
    with _opened(file) as stream:
        return "parquet" if stream.read(len(_PARQUET)) == _PARQUET else "json"


def _opened(file: Path) -> IO[bytes]:
    try:
        stream = file.open("rb")
    except OSError as refused:
        raise SourceError(
            shown(str(file)), f"the system refuses it ({refused.strerror})", "Check that it is a file you may read."
        ) from None
    return stream


def _bodies(file: Path, file_format: str, report: LoadReport, *, collect: bool) -> Iterator[object]:
    """The JSON values of a file; a damaged one raises LineError, or goes to the report."""
    kind = (_format_of(file) or "json") if file_format == "auto" else file_format
    with _opened(file) as raw:
        is_packed = raw.read(len(_GZIP)) == _GZIP
        raw.seek(0)
        lines = _lines(gzip.GzipFile(fileobj=raw) if is_packed else raw)
        for body in _of_whole(lines) if kind == "json" else _of_lines(lines):
            if not isinstance(body, _Damaged):
                yield body
            elif collect:
                report.add("damaged_lines")
                report.errors.append(Damage(str(file), body.line, body.problem))
            else:
                raise LineError(str(file), body.line, body.problem)


def _lines(stream: Iterable[bytes]) -> Iterator[tuple[int, bytes | _Damaged]]:
    """The numbered lines of a file; a broken gzip stream ends with a damaged line."""
    number = 0
    try:
        for number, line in enumerate(stream, 1):
            yield number, line
    except (EOFError, zlib.error, gzip.BadGzipFile):
        yield number + 1, _Damaged(number + 1, "the compressed data is damaged or ends early")


def _of_lines(lines: Iterable[tuple[int, bytes | _Damaged]]) -> Iterator[object]:
    """One JSON value a line; blank lines are nothing."""
    for number, line in lines:
        if isinstance(line, _Damaged):
            yield line
            continue
        try:
            text = _text(line, number).rstrip()
            if text:
                yield _decoded(text, number)
        except _Damaged as damaged:
            yield damaged


def _of_whole(lines: Iterable[tuple[int, bytes | _Damaged]]) -> Iterator[object]:
    """One JSON value a file; several values are read as JSON lines, whatever the file is called."""
    read = list(lines)
    broken = [line for _, line in read if isinstance(line, _Damaged)]
    if broken:
        yield broken[0]
        return
    try:
        text = "".join(_text(line, number) for number, line in read if isinstance(line, bytes)).rstrip()
        if not text:
            return
        whole = _decoded(text, 1)
    except _Damaged as damaged:
        if _is_one_value(read):
            yield damaged
        else:
            yield from _of_lines(read)
        return
    yield whole


def _is_one_value(read: Sequence[tuple[int, bytes | _Damaged]]) -> bool:
    """Whether a damaged file was meant as one value: its first line that says something is no value alone."""
    return isinstance(next(iter(_of_lines(read)), None), _Damaged)


def _text(line: bytes, number: int) -> str:
    try:
        text = line.decode("utf-8")
    except UnicodeDecodeError as wrong:
        raise _Damaged(number, f"byte {wrong.start + 1} of the line is not UTF-8") from None
    if number == 1:
        text = text.removeprefix(_BYTE_ORDER_MARK)
    return text


def _missing(_: str) -> None:
    """NaN and Infinity, which JSON does not know, are missing values."""


_JSON: Final = json.JSONDecoder(parse_constant=_missing)


def _decoded(text: str, line: int) -> object:
    """One JSON value; the problem names a place, never what stands there."""
    try:
        value: object = _JSON.decode(text)
    except json.JSONDecodeError as wrong:
        problem = wrong.msg.lower()
        if wrong.pos >= len(text) or problem.startswith("unterminated string"):
            problem = "it ends in the middle of a value"
        elif problem.startswith("invalid \\"):
            problem = "invalid escape"
        raise _Damaged(line + wrong.lineno - 1, f"invalid JSON at column {wrong.colno}: {problem}") from None
    except RecursionError:
        raise _Damaged(line, "invalid JSON: nested too deeply") from None
    except ValueError:
        raise _Damaged(line, "invalid JSON: a number of more digits than Python reads") from None
    return value


# ---- Parquet -------------------------------------------------------------------------------------


def _tables(file: Path, report: LoadReport, *, collect: bool) -> list[pd.DataFrame]:
    try:
        with _opened(file) as stream:
            arrow = pq.ParquetFile(stream).read()
        return [_table_of_arrow(arrow)]
    except SourceError:
        raise
    except (pa.ArrowException, OSError, ValueError, KeyError, TypeError):
        problem = "it is not a whole, readable Parquet file"
        if not collect:
            raise SourceError(
                shown(str(file)), problem, "Write it again, or pass errors='collect' to load the other files."
            ) from None
        report.add("damaged_lines")
        report.errors.append(Damage(str(file), 0, problem))
        return []


def _table_of_arrow(arrow: pa.Table) -> pd.DataFrame:
    """A Parquet table in pandas; in anybody's table whole numbers beside nulls stay whole numbers."""
    marked = (arrow.schema.metadata or {}).get(_MARK)
    if marked is None:
        raw: pd.DataFrame = arrow.to_pandas(ignore_metadata=True, integer_object_nulls=True)
        return raw.drop(columns=[name for name in raw.columns if str(name).startswith("__index_level_")])
    table: pd.DataFrame = arrow.to_pandas()
    for name in json.loads(marked)["json_columns"]:
        table[name] = pd.Series(
            [None if text is None else json.loads(text) for text in arrow.column(name).to_pylist()],
            index=table.index,
            dtype=object,
        )
    return table


def _write_file(table: pd.DataFrame, file: Path) -> None:
    file.parent.mkdir(parents=True, exist_ok=True)
    as_json = [str(name) for name in table.columns if not _is_plain(table[name])]
    flat = table.copy(deep=False)
    for name in as_json:
        flat[name] = pd.Series([_as_json(value) for value in table[name]], index=table.index, dtype=object)
    arrow = pa.Table.from_pandas(flat)
    pq.write_table(arrow.replace_schema_metadata({**(arrow.schema.metadata or {}), **mark(as_json)}), file)


def mark(json_columns: Collection[str]) -> dict[bytes, bytes]:
    """The metadata of a Parquet file of ours: ``read_events`` decodes the JSON text of these columns."""
    return {_MARK: json.dumps({"json_columns": list(json_columns)}).encode()}


def _is_plain(values: pd.Series) -> bool:
    """Whether Arrow holds a column as it is: no objects but text that UTF-8 can write."""
    if values.dtype != object:
        return True
    if pd.api.types.infer_dtype(values, skipna=True) not in ("string", "empty"):
        return False
    try:
        pa.array(values, from_pandas=True)
    except UnicodeError:
        return False
    return True


def _as_json(value: object) -> str | None:
    """A cell as JSON text; what JSON does not know is written as its text."""
    return None if _is_missing(value) else json.dumps(value, default=str)


def _is_missing(value: object) -> bool:
    return value is None or value is pd.NA or value is pd.NaT or (isinstance(value, float) and bool(np.isnan(value)))


def _without_unused_categories(rows: pd.DataFrame) -> pd.DataFrame:
    """Rows with only their own categories: else each day's file would hold every id of all days."""
    coded = [name for name in rows.columns if isinstance(rows[name].dtype, pd.CategoricalDtype)]
    trimmed = rows.assign(**{str(name): rows[name].cat.remove_unused_categories() for name in coded})
    return trimmed.reset_index(drop=True)


# ---- one table -----------------------------------------------------------------------------------


def _normalized(
    gathered: _Gathered, ignore_referrers: Collection[str], report: LoadReport, *, collect: bool
) -> pd.DataFrame:
    """Everything gathered as one canonical table.

    Canonical tables and raw rows are never mixed before the raw ones are normalized: in one table
    with them, evidence that was settled long ago would be judged again.
    """
    tables = [table for table in gathered.tables if len(table)]
    if not tables and not gathered.rows:
        canonical = [table for table in gathered.tables if schema.is_canonical(table)]
        return canonical[0] if canonical else schema.empty(schema.EVENTS)
    settled = [table for table in tables if schema.is_canonical(table)]
    raw = [table for table in tables if not schema.is_canonical(table)]
    jobs = [(_stacked(raw), False)] if raw else []
    if gathered.rows:
        jobs.append((_table_of_rows(gathered.rows), gathered.is_lifted))
    if not settled and len(jobs) == 1:
        table, is_lifted = jobs[0]
        return normalize_rows(
            table, ignore_referrers=ignore_referrers, report=report, lifted=is_lifted, collect=collect
        )
    for table, is_lifted in jobs:
        own = LoadReport()
        settled.append(
            normalize_rows(table, ignore_referrers=ignore_referrers, report=own, lifted=is_lifted, collect=collect)
        )
        _add_repairs(own, report)
    return normalize_rows(_stacked(settled), ignore_referrers=ignore_referrers, report=report, collect=collect)


def _add_repairs(own: LoadReport, report: LoadReport) -> None:
    """Counts of a part; what describes the finished table is counted once, at the end."""
    for kind, count in own.counts.items():
        if kind not in SEEN_IN_THE_RESULT:
            report.add(kind, count)
    report.shapes.update(own.shapes)


def _table_of_rows(rows: list[Row]) -> pd.DataFrame:
    """Rows as a table of objects: left to itself pandas would turn whole numbers into floats."""
    names: dict[str, None] = {}
    for row in rows:
        names.update(dict.fromkeys(row))
    table = pd.DataFrame({name: pd.Series([row.get(name) for row in rows], dtype=object) for name in names})
    has_clock = "timestamp" in table.columns and all(
        isinstance(one, datetime) and one.tzinfo is not None for one in table["timestamp"]
    )
    if has_clock:
        table["timestamp"] = pd.to_datetime(table["timestamp"], utc=True)
    return table


def _stacked(tables: list[pd.DataFrame]) -> pd.DataFrame:
    """Tables below one another, with the columns of all; categories stay categories, in order of appearance."""
    if len(tables) == 1:
        return tables[0]
    names = dict.fromkeys(name for table in tables for name in table.columns)
    return pd.DataFrame({name: _stacked_column(name, tables) for name in names})


def _stacked_column(name: str, tables: list[pd.DataFrame]) -> pd.Series:
    parts = [table[name] if name in table.columns else None for table in tables]
    present = [part for part in parts if part is not None]
    coded = [part.cat.categories for part in present if isinstance(part.dtype, pd.CategoricalDtype)]
    # A column that was all null comes back with categories of no type.
    kinds = {categories.dtype for categories in coded if len(categories)}
    if len(coded) == len(present) and len(kinds) == 1:
        nothing = pd.Index([], dtype=kinds.pop())
        filled = [
            pd.Categorical.from_codes(np.full(len(table), -1), categories=nothing)
            if part is None or not len(part.cat.categories)
            else part.array
            for part, table in zip(parts, tables, strict=True)
        ]
        return pd.Series(union_categoricals(filled))
    if len(present) == len(parts) and len({part.dtype for part in present}) == 1:
        return pd.concat(present, ignore_index=True)
    cells: list[object] = []
    for part, table in zip(parts, tables, strict=True):
        cells += [None] * len(table) if part is None else list(part.astype(object))
    return pd.Series(cells, dtype=object)
