"""transition_table: the Markov chain of paths as a table, one row a state."""

from __future__ import annotations

from collections.abc import Iterable
from typing import Final

import pandas as pd

from datalyr_notebook import schema
from datalyr_notebook.attribution.markov import Markov
from datalyr_notebook.attribution.paths import SEPARATOR, PathCounts

START: Final = "(start)"
CONVERSION: Final = "(conversion)"
NULL: Final = "(null)"


def transition_table(counts: PathCounts, order: int = 1) -> pd.DataFrame:
    """How likely each state of ``Markov(order)`` leads to each other: rows from, columns to, float64.

    Rows and columns are the same labels: ``(start)``, the states (channels joined by `` > ``, oldest first),
    ``(conversion)``, ``(null)``. Rows sum to 1; the two ends lead to themselves. A state is not followed by itself:
    such a step is none. States stand in the order of ``counts.channels``; those on no path are left out. A
    label that is taken, such as that of a channel called ``(start)``, gets a number: ``(start) (2)``.

    Raises OptionError, TooManyStatesError.

    >>> transition_table(PathCounts.from_strings(["Email > Direct", "Email"], conversions=[1, 0], nulls=[0, 3]))
                  (start)  Email  Direct  (conversion)  (null)
    (start)           0.0    1.0    0.00           0.0    0.00
    Email             0.0    0.0    0.25           0.0    0.75
    Direct            0.0    0.0    0.00           1.0    0.00
    (conversion)      0.0    0.0    0.00           1.0    0.00
    (null)            0.0    0.0    0.00           0.0    1.00
    """
    states, probabilities = Markov(order).transitions(counts)
    names = (SEPARATOR.join(counts.channels[one] for one in state) for state in states)
    labels = pd.Index([START, *_unique(names), CONVERSION, NULL], dtype=schema.TEXT)
    return pd.DataFrame(probabilities, index=labels, columns=labels)


def _unique(names: Iterable[str]) -> list[str]:
    """The names, each after the first that is taken with the lowest number that makes it another."""
    taken = {START, CONVERSION, NULL}
    labels = []
    for name in names:
        label, number = name, 1
        while label in taken:
            number += 1
            label = f"{name} ({number})"
        taken.add(label)
        labels.append(label)
    return labels
