"""Money as the package holds it: float64 in major units, read from whatever the sender wrote."""

from __future__ import annotations

from decimal import Decimal

import numpy as np
import numpy.typing as npt
import pandas as pd

from datalyr_notebook.loading.encoding import arrow_text_only


def read_amounts(column: pd.Series) -> tuple[npt.NDArray[np.float64], npt.NDArray[np.bool_]]:
    """Each row's amount (NaN where there is none), and where something stood that is no amount.

    Numbers and text that is a number (``"9.99"``) are read. ``"1,000"`` and ``"$5"`` are not: which
    sign is the decimal point, and whose dollar, is the analyst's to say. Nor are true, false,
    infinity, times and objects. Null and blank are missing; nothing raises.

    >>> amounts, unreadable = read_amounts(pd.Series([5, "9.99", "", "1,000"], dtype=object))
    >>> amounts.tolist(), unreadable.tolist()
    ([5.0, 9.99, nan, nan], [False, False, False, True])
    """
    given = column.notna().to_numpy(copy=True)
    dtype = column.dtype
    if isinstance(dtype, np.dtype) and dtype.kind in "iuf":
        amounts = column.to_numpy(dtype=np.float64, copy=True)
    else:
        texts = arrow_text_only(column)
        cells = [_plain(cell) for cell in column.astype(object)] if texts is None else column.astype(object)
        amounts = pd.to_numeric(pd.Series(cells, dtype=object), errors="coerce").to_numpy(dtype=np.float64, copy=True)
        unread = np.flatnonzero(given & np.isnan(amounts))
        given[unread] = [not isinstance(cell, str) or bool(cell.strip()) for cell in column.iloc[unread]]
    amounts[np.isinf(amounts)] = np.nan
    return amounts, given & np.isnan(amounts)


def _plain(cell: object) -> float | str | None:
    """A cell as text or number; None where it is neither."""
    if isinstance(cell, str):
        return cell
    if isinstance(cell, bool | np.bool_) or not isinstance(cell, int | float | np.integer | np.floating | Decimal):
        return None
    try:
        return float(cell)
    except (OverflowError, ValueError):
        return None
