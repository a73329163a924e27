"""touch_id and conversion_id: a name for each event, its event_id or a hash of its content."""

from __future__ import annotations

import numpy as np
import pandas as pd

from datalyr_notebook import schema
from datalyr_notebook.hashing import hash_rows
from datalyr_notebook.order import Ints


def event_keys(stitched: pd.DataFrame, rows: Ints) -> pd.Series:
    """touch_id and conversion_id: the event_id, with ``:<event_name>`` where two names share one.

    Rows without event_id get a hash of their content, with an ordinal among identical rows.
    """
    keys = np.full(len(rows), None, dtype=object)
    if "event_id" in stitched.columns:
        ids = stitched["event_id"].iloc[rows]
        keys[:] = ids.astype(object).where(ids.notna(), None)
        shared = _shared_ids(stitched, ids)
        for place in np.flatnonzero(ids.isin(shared).to_numpy()) if len(shared) else ():
            keys[place] = f"{keys[place]}:{stitched['event_name'].iloc[rows[place]]}"
    blank = np.flatnonzero(np.array([key is None for key in keys], dtype=bool))
    if len(blank):
        hashes = hash_rows(stitched.iloc[rows[blank]])
        digits = hashes.astype(">u8").tobytes().hex()
        names = [digits[start : start + 16] for start in range(0, len(digits), 16)]
        ordinal = pd.Series(hashes).groupby(hashes, sort=False).cumcount().to_numpy()
        for place in np.flatnonzero(ordinal):
            names[place] += f"-{ordinal[place]}"
        keys[blank] = names
    return pd.Series(keys, dtype=object).astype(schema.TEXT)


def _shared_ids(stitched: pd.DataFrame, ids: pd.Series) -> pd.Index:
    """Those of the ids that events of different names share."""
    same = stitched["event_id"].isin(ids.dropna().unique())
    seen = stitched.loc[same.to_numpy(), "event_id"]
    twice: pd.Index = pd.Index(seen[seen.duplicated()].unique())
    return twice
