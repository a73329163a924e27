"""Rules about traits. A value is never shown: examples are names and types."""

from __future__ import annotations

import numpy as np

from datalyr_notebook.lint.examples import most_of
from datalyr_notebook.lint.tracked import Found, Tracked
from datalyr_notebook.lint.trait_facts import Marked


def traits_that_are_no_dict(tracked: Tracked) -> Found | None:
    """Traits that are text or a list, which no step reads."""
    return _found(tracked, tracked.traits.not_dicts)


def too_many_traits(tracked: Tracked) -> Found | None:
    """More than 50 traits in one call."""
    return _found(tracked, tracked.traits.crowded)


def trait_names_not_snake_case(tracked: Tracked) -> Found | None:
    """Names other than small ASCII letters, digits and single underscores, a letter first."""
    return _found(tracked, tracked.traits.odd_names)


def sensitive_trait_names(tracked: Tracked) -> Found | None:
    """Names such as password, ssn or card_number, with a value that is neither missing, blank nor a yes or no."""
    return _found(tracked, tracked.traits.sensitive_names)


def sensitive_trait_values(tracked: Tracked) -> Found | None:
    """Values that hold a card number or a social security number, at any depth."""
    return _found(tracked, tracked.traits.sensitive_values)


def odd_trait_types(tracked: Tracked) -> Found | None:
    """Values that are no JSON string, number, boolean or array (null means unset, and is none of these faults)."""
    return _found(tracked, tracked.traits.odd_types)


def _found(tracked: Tracked, marked: Marked) -> Found | None:
    rows = np.fromiter(marked.rows, dtype=np.int64, count=len(marked.rows))
    return tracked.events.found(tracked.events.these(rows), most_of(marked.texts))
