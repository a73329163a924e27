"""One line to the analyst, when a step did something they did not ask for by name.

In a notebook the line is printed; elsewhere it goes to the ``datalyr_notebook`` logger.
"""

from __future__ import annotations

import logging
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from contextvars import ContextVar

_LOGGER = logging.getLogger("datalyr_notebook")
_IS_REPEATED = ContextVar("_IS_REPEATED", default=False)


def say(line: str) -> None:
    """Tell the analyst one line (never a warning: nothing is wrong)."""
    if _IS_REPEATED.get():
        return
    if in_notebook():
        print(line)  # noqa: T201  (the notebook's own output is where the analyst reads it)
    else:
        _LOGGER.info("%s", line)


@contextmanager
def repeated() -> Iterator[None]:
    """Inside, nothing is said: these steps run again on rows of which all has been said already."""
    token = _IS_REPEATED.set(True)
    try:
        yield
    finally:
        _IS_REPEATED.reset(token)


def in_notebook() -> bool:
    """Whether an IPython kernel runs this code."""
    ipython = sys.modules.get("IPython")
    shell = ipython.get_ipython() if ipython else None
    return shell is not None and "kernel" in type(shell).__module__
