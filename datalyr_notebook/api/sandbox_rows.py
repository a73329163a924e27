"""Events as rows of JSON in one piece of memory, in order of time: a page of them is a slice, not a loop."""

from __future__ import annotations

import json
from collections.abc import Callable, Iterable, Mapping, Sequence
from typing import Final, NamedTuple, TypeAlias

import numpy as np
import pandas as pd
import pyarrow as pa
import pyarrow.compute as pc

from datalyr_notebook import order
from datalyr_notebook.errors import OptionError
from datalyr_notebook.loading.clock import MISSING, read_times

_ROWS_AT_ONCE: Final = 100_000
"""So many rows are encoded at once: it bounds the memory that is needed beside the result."""
_ENCODER: Final = json.JSONEncoder(separators=(",", ":"), default=str)


class EncodedRows(NamedTuple):
    """Rows of JSON in ascending time."""

    text: bytes
    """Every row with a comma behind it."""
    begin: order.Ints
    """Where each row begins in ``text``; one entry more than rows."""
    time: order.Ints
    """Microseconds since 1970 of each row."""

    def between(self, first: int, last: int) -> range:
        """The rows of a time from ``first`` to ``last``, both included (microseconds since 1970)."""
        start, stop = np.searchsorted(self.time, [first, last + 1]).tolist()
        return range(start, max(start, stop))

    def members(self, rows: range) -> memoryview:
        """Rows as they stand between the brackets of an array; nothing is copied."""
        if not len(rows):
            return memoryview(b"")
        return memoryview(self.text)[self.begin[rows.start] : self.begin[rows.stop] - 1]


def encode_events(events: pd.DataFrame) -> EncodedRows:
    """Canonical events as flat JSON objects, by the package's order of events; nulls are left out.

    ids, names and addresses are texts, ``timestamp`` is ISO 8601 in UTC with microseconds, ``value`` a
    number, ``traits`` and ``properties`` objects. A float that JSON has no number for is left out.

    >>> events = pd.DataFrame({
    ...     "timestamp": pd.to_datetime(["2026-01-01T10:00Z"]), "event_name": ["signup"], "user_id": ["00042"],
    ... })
    >>> bytes(encode_events(events).members(range(1)))
    b'{"timestamp":"2026-01-01T10:00:00.000000Z","event_name":"signup","user_id":"00042"}'
    """
    ordered = events.iloc[order.event_order(events)]
    fields = [_field(str(name), ordered[name]) for name in ordered.columns]
    bounds = [slice(at, at + _ROWS_AT_ONCE) for at in range(0, len(ordered), _ROWS_AT_ONCE)]
    pieces = [_objects([field(rows) for field in fields]) for rows in bounds]
    sizes = [np.asarray(pc.binary_length(piece), dtype=np.int64) for piece in pieces]
    # The texts of an Arrow array lie side by side in its last buffer.
    texts = [memoryview(piece.buffers()[-1])[: int(size.sum())] for piece, size in zip(pieces, sizes, strict=True)]
    return _joined(b"".join(texts), sizes, order.microseconds(ordered))


def encode_bodies(bodies: Sequence[Mapping[str, object]]) -> EncodedRows:
    """Rows handed through as they are, in order of their ``timestamp`` (equal times: as they came).

    Raises OptionError for a row without a readable ``timestamp``, or one that JSON cannot hold.
    """
    read = read_times(pd.Series([body.get("timestamp") for body in bodies], dtype=object)).microseconds
    lacking = np.flatnonzero(read == MISSING)
    if len(lacking):
        raise OptionError("Sandbox", f"events[{lacking[0]}]", bodies[lacking[0]], "rows with a readable 'timestamp'")
    places = np.argsort(read, kind="stable")
    try:
        rows = [f"{_ENCODER.encode(bodies[place])},".encode() for place in places.tolist()]
    except (TypeError, ValueError) as refused:
        raise OptionError("Sandbox", "events", str(refused), "rows that JSON can hold") from None
    return _joined(b"".join(rows), [np.array([len(row) for row in rows], dtype=np.int64)], read[places])


def _joined(text: bytes, sizes: Sequence[order.Ints], time: order.Ints) -> EncodedRows:
    begin = np.zeros(len(time) + 1, dtype=np.int64)
    if len(time):
        np.cumsum(np.concatenate(sizes), out=begin[1:])
    return EncodedRows(text, begin, time)


_Field: TypeAlias = Callable[[slice], pa.Array]
"""``"name":value`` of some rows as JSON text; null where there is no value."""


def _objects(fields: Sequence[pa.Array]) -> pa.Array:
    """One text a row: its JSON object and a comma."""
    inside = pc.binary_join_element_wise(*fields, _text(","), null_handling="skip")
    return pc.binary_join_element_wise(_text("{"), inside, _text("},"), _text(""))


def _field(name: str, values: pd.Series) -> _Field:
    key = f"{_ENCODER.encode(name)}:"
    if isinstance(values.dtype, pd.CategoricalDtype):
        # Each distinct text is encoded once, however many rows have it.
        codes, texts = values.cat.codes.to_numpy(), _encoded(key, values.cat.categories)
        return lambda rows: texts.take(pa.array(codes[rows], mask=codes[rows] < 0))
    if isinstance(values.dtype, pd.DatetimeTZDtype):
        return lambda rows: _moments(key, values.iloc[rows])
    return lambda rows: _plain(key, values.iloc[rows])


def _plain(key: str, values: pd.Series) -> pa.Array:
    present = values.notna().to_numpy()
    if pd.api.types.is_float_dtype(values.dtype):
        present = present & np.isfinite(values.to_numpy(dtype=np.float64, na_value=np.nan))
    return _encoded(key, values[present]).take(pa.array(np.cumsum(present) - 1, mask=~present))


def _moments(key: str, values: pd.Series) -> pa.Array:
    """Times as ISO 8601 in UTC."""
    present = values.notna().to_numpy()
    iso = np.datetime_as_string(order.microseconds(values[present].to_frame("timestamp")).view("datetime64[us]"))
    texts = pa.array([f'{key}"{moment}Z"' for moment in iso.tolist()], pa.large_string())
    return texts.take(pa.array(np.cumsum(present) - 1, mask=~present))


def _encoded(key: str, values: Iterable[object]) -> pa.Array:
    encode = _ENCODER.encode
    return pa.array([key + encode(value) for value in values], pa.large_string())


def _text(text: str) -> pa.Scalar:
    return pa.scalar(text, pa.large_string())
