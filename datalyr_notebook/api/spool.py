"""The rows of one window, page by page on disk until the window is whole, so that memory holds one page."""

from __future__ import annotations

import json
import tempfile
from collections.abc import Iterator, Mapping, Sequence
from pathlib import Path
from types import TracebackType
from typing import Final, NamedTuple, Self

import numpy as np
import numpy.typing as npt
import pyarrow as pa
import pyarrow.parquet as pq

from datalyr_notebook.api.paging import Row
from datalyr_notebook.loading.files import mark

_TEXT: Final = pa.large_string()
_GROUP_BYTES: Final = 16_000_000
"""Small pages are joined into row groups of about this size."""


class _Spooled(NamedTuple):
    """Where a page lies in the file, and which of its columns hold JSON text."""

    begin: int
    rows: int
    json_columns: frozenset[str]


class Spool:
    """A temporary file that takes pages of rows and gives them back as one Parquet file.

    A column is text where every row of it holds text or nothing, else JSON text, so that 42 and "42", an
    id's leading zeros and nested objects come back as they were. It lies in ``folder``, without a name where the
    system allows that. Use it as a context manager.
    """

    def __init__(self, folder: Path) -> None:
        self._file = tempfile.TemporaryFile(dir=folder, prefix=".")  # noqa: SIM115  (closed in __exit__)
        self._pages: list[_Spooled] = []
        self._keys: list[npt.NDArray[np.int32]] = []
        """Half of each row's key: it is held for every row, and who agrees in it is compared in full."""
        self._names: dict[str, bool] = {}

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self._file.close()

    def add(self, rows: Sequence[Row], keys: npt.NDArray[np.int64]) -> None:
        """Take the rows of the next page; ``keys`` from ``row_keys``, one a row."""
        table, json_columns = _encoded(rows)
        for name in table.column_names:
            self._names[name] = self._names.get(name, False) or name in json_columns
        begin = self._file.seek(0, 2)
        with pa.ipc.new_stream(self._file, table.schema) as stream:
            stream.write_table(table)
        self._pages.append(_Spooled(begin, len(rows), frozenset(json_columns)))
        self._keys.append(keys.astype(np.int32))

    def repeated(self) -> list[npt.NDArray[np.bool_]]:
        """For each page which of its rows stood, equal in every field, on an earlier page.

        Two equal rows of one page are two rows.
        """
        flags = [np.zeros(page.rows, dtype=bool) for page in self._pages]
        if len(self._pages) < 2:
            return flags
        suspects = _several(self._keys)
        seen: set[str] = set()
        for number, keys in enumerate(self._keys):
            places = np.flatnonzero(np.isin(keys, suspects)) if len(suspects) else suspects
            if not len(places):
                continue
            said = [
                _said(row, self._pages[number].json_columns) for row in self._table(number).take(places).to_pylist()
            ]
            flags[number][places] = [text in seen for text in said]
            seen.update(said)
        return flags

    def write(self, file: Path, dropped: Sequence[npt.NDArray[np.bool_]], facts: Mapping[bytes, bytes]) -> None:
        """Write the rows that are not dropped as Parquet; ``read_events`` reads it. ``facts``: its metadata."""
        metadata = {**mark([name for name, is_json in self._names.items() if is_json]), **facts}
        wanted = pa.schema([(name, _TEXT) for name in self._names], metadata=metadata)
        with pq.ParquetWriter(file, wanted, write_page_checksum=True) as writer:
            for group in self._groups(wanted, dropped):
                writer.write_table(group, row_group_size=max(len(group), 1))

    def _groups(self, wanted: pa.Schema, dropped: Sequence[npt.NDArray[np.bool_]]) -> Iterator[pa.Table]:
        waiting: list[pa.Table] = []
        for number, drop in enumerate(dropped):
            table = self._shaped(number, wanted)
            waiting.append(table.filter(pa.array(~drop)) if drop.any() else table)
            if sum(one.nbytes for one in waiting) >= _GROUP_BYTES:
                yield pa.concat_tables(waiting)
                waiting = []
        if waiting:
            yield pa.concat_tables(waiting)

    def _table(self, number: int) -> pa.Table:
        self._file.seek(self._pages[number].begin)
        with pa.ipc.open_stream(self._file) as stream:
            return stream.read_all()

    def _shaped(self, number: int, wanted: pa.Schema) -> pa.Table:
        """A page with the columns of all pages."""
        table, own_json = self._table(number), self._pages[number].json_columns
        columns = []
        for name in wanted.names:
            if name not in table.column_names:
                columns.append(pa.nulls(len(table), _TEXT))
            elif self._names[name] and name not in own_json:
                columns.append(_as_json(table.column(name).to_pylist()))
            else:
                columns.append(table.column(name))
        return pa.table(columns, schema=wanted)


def row_keys(rows: Sequence[Row]) -> npt.NDArray[np.int64]:
    """A number a row: by event_id and name where there is an id, else by the whole row.

    Rows that are equal have the same number; it holds within this process alone.
    """
    keys = [
        hash((event_id, row.get("event_name") or row.get("event") or row.get("eventName") or ""))
        if isinstance(event_id := row.get("event_id") or row.get("eventId"), str)
        else hash(_canonical(row))
        for row in rows
    ]
    return np.array(keys, dtype=np.int64)


def _several(keys: Sequence[npt.NDArray[np.int32]]) -> npt.NDArray[np.int32]:
    """Keys that more than one row has."""
    every = np.concatenate(keys)
    every.sort()
    return np.unique(every[1:][every[1:] == every[:-1]])


def _encoded(rows: Sequence[Row]) -> tuple[pa.Table, set[str]]:
    """Rows as columns of text, and the names of those that hold JSON text."""
    names: dict[str, None] = {}
    for row in rows:
        names.update(dict.fromkeys(row))
    columns: dict[str, pa.Array] = {}
    json_columns: set[str] = set()
    for name in names:
        cells = [row.get(name) for row in rows]
        texts = _texts(cells)
        if texts is None:
            json_columns.add(name)
        columns[name] = _as_json(cells) if texts is None else texts
    return pa.table(columns), json_columns


def _texts(cells: Sequence[object]) -> pa.Array | None:
    """Cells that all hold text or nothing; None where other things are among them, or text UTF-8 cannot write."""
    if not isinstance(next((cell for cell in cells if cell is not None), ""), str):
        return None
    try:
        return pa.array(cells, _TEXT)
    except (pa.ArrowException, UnicodeError, TypeError):
        return None


def _as_json(cells: Sequence[object]) -> pa.Array:
    return pa.array([None if cell is None else json.dumps(cell) for cell in cells], _TEXT)


def _said(row: Mapping[str, str | None], json_columns: frozenset[str]) -> str:
    """What a spooled row says, whatever columns its page had."""
    return _canonical(
        {name: json.loads(cell) if name in json_columns else cell for name, cell in row.items() if cell is not None}
    )


def _canonical(row: Mapping[str, object]) -> str:
    return json.dumps({name: value for name, value in row.items() if value is not None}, sort_keys=True)
