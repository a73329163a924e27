"""Groups of touches: by channel, or by any other columns of the touches."""

from __future__ import annotations

from collections.abc import Iterable
from typing import TYPE_CHECKING, Final, NamedTuple

import numpy as np
import pandas as pd

from datalyr_notebook import errors, options, schema
from datalyr_notebook.journeys.touches import touch_column
from datalyr_notebook.order import Ints

if TYPE_CHECKING:
    from datalyr_notebook.attribution.result import Attribution

_GROUPABLE: Final = tuple(name for name, kind, _ in schema.TOUCHES if kind == "category")

NOT_SET: Final = "(not set)"
"""How a group whose column is missing is called where it needs a name."""


class Groups(NamedTuple):
    """Which group each touch belongs to."""

    number: Ints
    """Per touch of the result's evidence."""
    table: pd.DataFrame
    """One row a group, a column a grouping column; ``unattributed`` comes last, behind them all."""
    labels: tuple[str, ...]
    """One text a group, each another."""


def grouping(columns: str | Iterable[str]) -> tuple[str, ...]:
    """The touch columns to group by, each a column that touches have."""
    names = (columns,) if isinstance(columns, str) or not isinstance(columns, Iterable) else tuple(columns)
    if not names:
        raise errors.OptionError("attribute", "by", columns, _GROUPABLE)
    return tuple(options.one_of("attribute", "by", name, _GROUPABLE) for name in names)


def touch_groups(result: Attribution, names: tuple[str, ...]) -> Groups:
    """The groups that these touch columns make."""
    columns = {name: _touch_column(result, name) for name in names}
    number = np.zeros(len(result.evidence.touches.row), dtype=np.int64)
    for values in columns.values():
        codes = values.cat.codes.to_numpy().astype(np.int64)
        number = pd.factorize(number * (len(values.cat.categories) + 1) + codes + 1)[0].astype(np.int64)
    first = np.unique(number, return_index=True)[1]
    texts = {name: values.iloc[first].astype(object).to_numpy() for name, values in columns.items()}
    table = {
        name: pd.Series(np.append(values, [schema.UNATTRIBUTED]), dtype=object).astype(schema.TEXT)
        for name, values in texts.items()
    }
    labels = (group_label(row) for row in zip(*texts.values(), strict=True))
    return Groups(number, pd.DataFrame(table), distinct_labels(labels))


def group_label(values: Iterable[object]) -> str:
    """One text for a group: its values, one a grouping column.

    >>> group_label(["google", None])
    'google / (not set)'
    """
    return " / ".join(NOT_SET if pd.isna(value) else str(value) for value in values)  # type: ignore[call-overload]


def distinct_labels(labels: Iterable[str]) -> tuple[str, ...]:
    """The same texts; what stands there a second time is numbered.

    >>> distinct_labels(["a", "b", "a"])
    ('a', 'b', 'a (2)')
    """
    given = list(labels)
    taken: dict[str, None] = {}
    for label in given:
        name, count = label, 1
        while name in taken or (count > 1 and name in given):
            count += 1
            name = f"{label} ({count})"
        taken[name] = None
    return tuple(taken)


def _touch_column(result: Attribution, name: str) -> pd.Series:
    if name == "channel":
        return pd.Series(result.evidence.channel_of)
    return pd.Series(touch_column(result.stitched, result.evidence.touches, name, "category"))
