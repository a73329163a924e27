"""Re-deliveries: the same event_id and event_name is one event, however often it arrived."""

from __future__ import annotations

import numpy as np
import numpy.typing as npt
import pandas as pd
import pyarrow as pa

from datalyr_notebook import order
from datalyr_notebook.hashing import hash_texts, hash_words, one_array, words_of
from datalyr_notebook.loading.report import LoadReport

_MARKS = 22
"""2**22 marks: a sieve in front of the exact comparison, small enough for the processor's cache."""


def drop_redeliveries(events: pd.DataFrame, report: LoadReport) -> pd.DataFrame:
    """Keep the first of each (event_id, event_name), in the order of events; count the rest.

    An event_id that came again with another value, order_id or user_id was re-used, not
    re-delivered: it is dropped all the same, and reported. Rows without event_id are never duplicates.
    """
    if "event_id" not in events.columns or len(events) < 2:
        return events
    rows = repeated_ids(events["event_id"])
    if not len(rows):
        return events
    suspects = events.iloc[rows]
    event, _ = pd.factorize(suspects["event_id"])
    names = len(suspects["event_name"].cat.categories) + 1
    event, _ = pd.factorize(event.astype(np.int64) * names + order.codes(suspects, "event_name"))
    ordered = order.event_order(suspects, within=event)
    again = ordered[np.append([False], event[ordered][1:] == event[ordered][:-1])]
    if not len(again):
        return events
    report.add("redelivered", len(again))
    reused = _reused(suspects, event, ordered)
    if reused:
        report.add("reused_event_ids", reused)
    kept = np.ones(len(events), dtype=bool)
    kept[rows[again]] = False
    return events.loc[kept] if events.index.is_unique else events.iloc[np.flatnonzero(kept)]


def repeated_ids(ids: pd.Series) -> npt.NDArray[np.int64]:
    """Rows whose id may stand more than once (a few others slip in; none is missed)."""
    hashes = _hashes(ids)
    hashes[ids.isna().to_numpy()] = 0
    inorder = np.sort(hashes)
    twice = inorder[1:][(inorder[1:] == inorder[:-1]) & (inorder[1:] != 0)]
    if not len(twice):
        return np.zeros(0, dtype=np.int64)
    marks = np.zeros(1 << _MARKS, dtype=bool)
    marks[twice >> np.uint64(64 - _MARKS)] = True
    rows = np.flatnonzero(marks[hashes >> np.uint64(64 - _MARKS)] & (hashes != 0))
    return rows[np.isin(hashes[rows], twice)]


def _hashes(texts: pd.Series) -> npt.NDArray[np.uint64]:
    words = words_of(one_array(pa.array(texts, from_pandas=True)))
    return hash_texts(texts) if words is None else hash_words(words)


def _reused(suspects: pd.DataFrame, event: npt.NDArray[np.int64], ordered: npt.NDArray[np.int64]) -> int:
    """How many events came again saying something else about the money or the person."""
    same_event = event[ordered][1:] == event[ordered][:-1]
    differs = np.zeros(len(same_event), dtype=bool)
    for column in ("value", "order_id", "user_id"):
        if column in suspects.columns:
            said, _ = pd.factorize(suspects[column].astype(object))
            differs |= said[ordered][1:] != said[ordered][:-1]
    return len(np.unique(event[ordered][1:][same_event & differs]))
