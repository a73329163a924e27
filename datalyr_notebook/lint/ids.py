"""Rules about ids as texts: blank, a device's, too long, or damaged by a spreadsheet."""

from __future__ import annotations

from typing import Final

import numpy as np
import pandas as pd
import pyarrow as pa
import pyarrow.compute as pc

from datalyr_notebook import order
from datalyr_notebook.hashing import one_array
from datalyr_notebook.lint.examples import most_of
from datalyr_notebook.lint.tracked import Found, Table, Tracked
from datalyr_notebook.loading.encoding import encode, matches, nobody
from datalyr_notebook.order import Flags

LONGEST_USER_ID: Final = 255
"""Characters; the product's limit."""

_LONGEST_DAMAGED: Final = 40
_MONTHS: Final = (
    "jan(?:uary)?|feb(?:ruary)?|mar(?:ch)?|apr(?:il)?|may|june?|july?|aug(?:ust)?|sept?(?:ember)?|oct(?:ober)?"
    "|nov(?:ember)?|dec(?:ember)?"
)
SPREADSHEET: Final = (
    r"[0-9](?:[.,][0-9]+)?e\+[0-9]+",  # 1.23E+18
    r"[0-9]+[.,]0+",  # 42.0
    r"[0-9]{15}0{3,}",  # 1234567890123450000: digits beyond the 15th
    r"#{3,}|#n/a|#ref!|#value!|#name\?|#num!|#div/0!|#null!",
    rf"[0-9]{{1,2}}[-. ](?:{_MONTHS})(?:[-. ][0-9]{{2,4}})?",  # 5-Mar
    rf"(?:{_MONTHS})[-. ][0-9]{{2,4}}",  # Mar-05
    r"[0-9]{1,2}[/.][0-9]{1,2}[/.][0-9]{2,4}",
    r"[0-9]{4}-[0-9]{2}-[0-9]{2}(?: 00:00:00)?",
)
"""What spreadsheets make of ids, compared with the whole id, case ignored."""


def null_like_user_ids(tracked: Tracked) -> Found | None:
    """A user_id that is blank, or one of the texts that programs write for nobody."""
    sent = tracked.sent
    rows = sent.where("user_id", nobody(sent.texts("user_id")))
    return sent.found_in("user_id", rows)


def null_like_anonymous_ids(tracked: Tracked) -> Found | None:
    """An anonymous_id that is one of the texts that programs write for nobody."""
    sent = tracked.sent
    return sent.found_in("anonymous_id", sent.where("anonymous_id", nobody(sent.texts("anonymous_id"))))


def identifies_without_user(tracked: Tracked) -> Found | None:
    """``$identify`` without any user_id."""
    frame = tracked.sent.frame
    rows = order.is_named(frame, order.IDENTIFY) & (order.codes(frame, "user_id") < 0)
    return tracked.sent.found_in("sdk", rows)


def device_ids_as_user(tracked: Tracked) -> Found | None:
    """A user_id that begins with ``anon_``, or is somewhere an anonymous_id."""
    sent = tracked.sent
    users = sent.texts("user_id")
    is_device = np.asarray(users.str.startswith("anon_"), dtype=bool)
    is_device |= matches(users, sent.texts("anonymous_id")) >= 0
    rows = sent.where("user_id", is_device & ~nobody(users))
    return sent.found_in("user_id", rows)


def long_user_ids(tracked: Tracked) -> Found | None:
    """A user_id of more than 255 characters."""
    sent = tracked.sent
    users = sent.texts("user_id")
    lengths = pc.utf8_length(_arrow(users)).to_numpy(zero_copy_only=False)
    return sent.found_in("user_id", sent.where("user_id", np.asarray(lengths > LONGEST_USER_ID, dtype=bool)))


def spreadsheet_ids(tracked: Tracked) -> Found | None:
    """A user_id, anonymous_id or order_id as a spreadsheet leaves it."""
    sent = tracked.sent
    rows = np.zeros(len(sent.frame), dtype=bool)
    counted: dict[str, int] = {}
    for column in ("user_id", "anonymous_id", "order_id"):
        table = _with_categories(sent, column)
        texts = table.texts(column)
        damaged = _damaged(texts)
        if damaged.any():
            mine = table.where(column, damaged)
            rows |= mine
            held = np.bincount(order.codes(table.frame, column)[mine], minlength=len(texts))
            for place in np.flatnonzero(held).tolist():
                counted[texts[place]] = counted.get(texts[place], 0) + int(held[place])
    return sent.found(rows, most_of(counted))


def _with_categories(table: Table, column: str) -> Table:
    """The table with this text column as categories."""
    if column not in table.frame.columns or isinstance(table.frame[column].dtype, pd.CategoricalDtype):
        return table
    return Table(pd.DataFrame({column: encode(table.frame[column], column)}))


def _damaged(texts: pd.Index) -> Flags:
    """Ids that look like a spreadsheet's work, or stand elsewhere with leading zeros that these have lost."""
    flags = np.zeros(len(texts), dtype=bool)
    array = _arrow(texts)
    short = np.flatnonzero(np.asarray(pc.less_equal(pc.binary_length(array), _LONGEST_DAMAGED), dtype=bool))
    if not len(short):
        return flags
    candidates = array.take(pa.array(short))
    whole = "|".join(SPREADSHEET)
    found = pc.match_substring_regex(candidates, rf"^(?:{whole})$", ignore_case=True)
    flags[short] = np.asarray(found, dtype=bool)
    flags[short[_lost_zeros(candidates)]] = True
    return flags


def _lost_zeros(texts: pa.Array) -> Flags:
    """Numbers without leading zeros of which another text is the same number with them."""
    is_padded = np.asarray(pc.match_substring_regex(texts, "^0+[1-9][0-9]*$"), dtype=bool)
    if not is_padded.any():
        return np.zeros(len(texts), dtype=bool)
    bare = pc.utf8_ltrim(texts.filter(pa.array(is_padded)), characters="0")
    lost: Flags = np.asarray(pc.is_in(texts, value_set=bare), dtype=bool)
    return lost


def _arrow(texts: pd.Index) -> pa.Array:
    return one_array(pa.array(texts, type=pa.large_string(), from_pandas=True))
