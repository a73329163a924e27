"""Time as the package holds it: UTC microseconds, read from whatever the sender wrote."""

from __future__ import annotations

import re
from datetime import UTC, date, datetime, timedelta
from decimal import Decimal
from typing import Final, NamedTuple

import numpy as np
import numpy.typing as npt
import pandas as pd
import pyarrow as pa
import pyarrow.compute as pc

from datalyr_notebook.loading.encoding import arrow_text_only
from datalyr_notebook.order import Flags, Ints

MISSING: Final = int(np.iinfo(np.int64).min)

_EPOCH_UNITS: Final = ((1e11, 1_000_000), (1e14, 1_000), (1e17, 1))
"""An epoch number below the bound is in seconds, milliseconds, microseconds; larger: nanoseconds."""
_LARGEST_EPOCH: Final = 9.2e18
"""Nothing above fits into 63 bits."""

_EARLIEST_US: Final = -62_135_596_800_000_000
"""The first microsecond of the year 1; the latest is the last one of the year 9999."""
_LATEST_US: Final = 253_402_300_799_999_999

_EPOCH: Final = datetime(1970, 1, 1, tzinfo=UTC)
_MISSING_TEXTS: Final = frozenset(("", "null", "none", "nan", "nat", "<na>"))
_NUMBER: Final = re.compile(r"[+-]?(?=[\d.]{9,32}$)\d+(?:\.\d*)?", re.ASCII)
"""An epoch number as text: nine digits or more (a year alone is a date)."""
_ISO: Final = re.compile(r"\d{4}[\dTW:.+\- ]{0,60}Z?", re.ASCII)
_ZULU: Final = re.compile(r"\s*(?:UTC|GMT|[zZ])$")
_ZONE: Final = re.compile(r"[T ].*(?:Z|[+-]\d{2}(?::?\d{2})?)$", re.ASCII)


class Times(NamedTuple):
    """What was read, one entry a row: UTC microseconds (``MISSING`` where there is no time), and what was odd."""

    microseconds: Ints
    is_naive: Flags
    """It had no zone and was taken as UTC."""
    is_unreadable: Flags
    """There was something, and it is no time."""


def read_times(column: pd.Series) -> Times:
    """Read datetimes, ISO 8601 text and epoch numbers (s, ms, µs or ns by size), also mixed, as UTC.

    What lies outside the years 1 to 9999 is unreadable; nothing raises. Parts of a microsecond are cut off.

    >>> import pandas as pd
    >>> iso = ["2026-01-01T00:00:00Z", "2026-01-01T01:00:00.000+0100"]
    >>> seen = pd.Series([*iso, 1767225600, "1767225600000"], dtype=object)
    >>> read_times(seen).microseconds.tolist()
    [1767225600000000, 1767225600000000, 1767225600000000, 1767225600000000]
    """
    read = _read(column)
    outside = (read.microseconds > _LATEST_US) | (read.microseconds < _EARLIEST_US)
    far = outside & (read.microseconds != MISSING)
    return Times(np.where(far, MISSING, read.microseconds), read.is_naive & ~far, read.is_unreadable | far)


def _read(column: pd.Series) -> Times:
    dtype = column.dtype
    if isinstance(dtype, pd.ArrowDtype) and pa.types.is_timestamp(dtype.pyarrow_dtype):
        is_zoned = dtype.pyarrow_dtype.tz is not None
        column = column.astype(pd.DatetimeTZDtype("us", "UTC") if is_zoned else "datetime64[us]")
    if isinstance(column.dtype, pd.DatetimeTZDtype):
        return _moments(column.dt.tz_convert("UTC"), is_naive=False)
    if pd.api.types.is_datetime64_dtype(column.dtype):
        return _moments(column, is_naive=True)
    if _is_number(column.dtype):
        return _numbers(column)
    texts = arrow_text_only(column)
    regular = None if texts is None else _regular(texts)
    return _mixed(column) if regular is None else regular


def _moments(column: pd.Series, *, is_naive: bool) -> Times:
    present = column.notna().to_numpy()
    microseconds = column.dt.as_unit("us").astype("int64").to_numpy()
    return Times(np.where(present, microseconds, MISSING), present & is_naive, np.zeros(len(column), dtype=bool))


# ---- epoch numbers -------------------------------------------------------------------------------


def _is_number(dtype: object) -> bool:
    is_decimal = isinstance(dtype, pd.ArrowDtype) and pa.types.is_decimal(dtype.pyarrow_dtype)
    return (
        not is_decimal
        and pd.api.types.is_numeric_dtype(dtype)  # type: ignore[arg-type]
        and not pd.api.types.is_bool_dtype(dtype)  # type: ignore[arg-type]
        and not pd.api.types.is_complex_dtype(dtype)  # type: ignore[arg-type]
    )


def _numbers(column: pd.Series) -> Times:
    present = column.notna().to_numpy()
    if pd.api.types.is_float_dtype(column.dtype):
        read = _epochs(column.to_numpy(dtype=np.float64, na_value=np.nan))
    elif pd.api.types.is_unsigned_integer_dtype(column.dtype):
        whole = column.to_numpy(dtype=np.uint64, na_value=0)
        read = _epochs(np.minimum(whole, np.uint64(np.iinfo(np.int64).max)).astype(np.int64))
    else:
        read = _epochs(column.to_numpy(dtype=np.int64, na_value=0))
    return Times(np.where(present, read.microseconds, MISSING), read.is_naive, read.is_unreadable & present)


def _epochs(numbers: npt.NDArray[np.float64] | Ints) -> Times:
    """Epoch numbers in microseconds; whole numbers are scaled as integers, so that they stay exact."""
    size = np.abs(numbers.astype(np.float64))
    readable = size < _LARGEST_EPOCH
    scale = np.select([size < bound for bound, _ in _EPOCH_UNITS], [unit for _, unit in _EPOCH_UNITS], 0)
    if numbers.dtype == np.int64:
        microseconds = np.where(scale > 0, numbers * scale, numbers // 1_000)
    else:
        small = np.where(readable, numbers, 0)
        microseconds = np.where(scale > 0, np.round(small * scale), np.floor(small / 1_000)).astype(np.int64)
    return Times(np.where(readable, microseconds, MISSING), np.zeros(len(numbers), dtype=bool), ~readable)


# ---- text ----------------------------------------------------------------------------------------


def _regular(texts: pa.Array) -> Times | None:
    """ISO text that all has a zone, or that all has none; None where it is not so regular."""
    blank = pc.equal(pc.binary_length(texts), 0)
    if pc.any(blank).as_py():
        texts = pc.if_else(blank, pa.scalar(None, texts.type), texts)
    for kind in (pa.timestamp("us", "UTC"), pa.timestamp("us")):
        try:
            moments = texts.cast(kind)
        except pa.ArrowInvalid:
            continue
        present = np.asarray(pc.is_valid(moments), dtype=bool)
        microseconds = pc.fill_null(moments.cast(pa.int64()), MISSING).to_numpy(zero_copy_only=False)
        return Times(microseconds, present & (kind.tz is None), np.zeros(len(texts), dtype=bool))
    return None


def _mixed(column: pd.Series) -> Times:
    """Text, numbers and datetimes in one column; each distinct value is read once."""
    cells = np.empty(len(column), dtype=object)
    cells[:] = [_plain(value) for value in column.astype(object)]
    codes, distinct = pd.factorize(cells)
    read = _distinct([*distinct, None])
    return Times(read.microseconds[codes], read.is_naive[codes], read.is_unreadable[codes])


def _plain(value: object) -> object:
    """A cell as text, number, datetime or None; what is none of these becomes the name of its type."""
    if isinstance(value, bool | np.bool_):
        return "bool"
    if isinstance(value, str | int | float | np.integer | np.floating | date | np.datetime64):
        return value
    if value is None or value is pd.NA:
        return None
    if isinstance(value, Decimal):
        return float(value)
    return value.decode("utf-8", "replace") if isinstance(value, bytes) else type(value).__name__


def _distinct(values: list[object]) -> Times:
    """Read values that differ: text that is a number as a number, other text as ISO 8601."""
    microseconds = np.full(len(values), MISSING, dtype=np.int64)
    is_naive, is_unreadable = np.zeros(len(values), dtype=bool), np.zeros(len(values), dtype=bool)
    texts: list[int] = []
    for place, value in enumerate(values):
        number = _as_number(value)
        if number is not None:
            one = _epochs(np.array([number]))
            microseconds[place], is_unreadable[place] = one.microseconds[0], one.is_unreadable[0]
        elif isinstance(value, str):
            if value.strip().casefold() not in _MISSING_TEXTS:
                texts.append(place)
        elif isinstance(value, date | np.datetime64) and not pd.isna(value):
            microseconds[place], is_naive[place] = _moment(value)
    if texts:
        iso = _iso([str(values[place]) for place in texts])
        microseconds[texts], is_naive[texts], is_unreadable[texts] = iso
    return Times(microseconds, is_naive, is_unreadable)


def _as_number(value: object) -> np.int64 | np.float64 | None:
    if isinstance(value, str):
        text = value.strip()
        if not _NUMBER.fullmatch(text):
            return None
        value = float(text) if "." in text else int(text)
    if isinstance(value, int | np.integer):
        bound = int(np.iinfo(np.int64).max)
        return np.int64(max(-bound, min(bound, int(value))))
    return None if not isinstance(value, float | np.floating) or np.isnan(value) else np.float64(value)


def _moment(value: date | np.datetime64) -> tuple[int, bool]:
    """A datetime, date or numpy datetime in microseconds, and whether it had no zone."""
    moment = pd.Timestamp(value)
    return int(moment.as_unit("us").asm8.astype(np.int64)), moment.tzinfo is None


def _iso(texts: list[str]) -> Times:
    """ISO 8601 text, all at once, since one at a time is a hundred times slower."""
    cleaned = [_ZULU.sub("Z", text.strip()).replace(",", ".") for text in texts]
    likely = [place for place, text in enumerate(cleaned) if _ISO.fullmatch(text)]
    microseconds = np.full(len(texts), MISSING, dtype=np.int64)
    if likely:
        chosen = pd.Series([cleaned[place] for place in likely], dtype=object)
        parsed = pd.to_datetime(chosen, format="ISO8601", utc=True, errors="coerce")
        microseconds[likely] = _moments(parsed, is_naive=False).microseconds
    for place in likely:
        if microseconds[place] == MISSING:
            microseconds[place] = _one_iso(cleaned[place])
    is_read = microseconds != MISSING
    lacks_zone = np.array([_ZONE.search(text) is None for text in cleaned], dtype=bool)
    return Times(microseconds, is_read & lacks_zone, ~is_read)


def _one_iso(text: str) -> int:
    """What pandas 2 cannot hold in nanoseconds: the years before 1678 and after 2261."""
    try:
        moment = datetime.fromisoformat(text)
    except ValueError:
        return MISSING
    aware = moment if moment.tzinfo else moment.replace(tzinfo=UTC)
    return (aware - _EPOCH) // timedelta(microseconds=1)
