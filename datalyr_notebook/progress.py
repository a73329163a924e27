"""How far a long piece of work is: a bar in a notebook once two seconds have passed, nothing in a script.

Only the outermost work shows itself: what it calls is part of it. An explorer takes the steps into a bar of
its own with ``shown_by``.
"""

from __future__ import annotations

import sys
import time
import warnings
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from contextvars import ContextVar
from typing import TYPE_CHECKING, Any, Final

from datalyr_notebook import notices

if TYPE_CHECKING:
    from tqdm.std import tqdm

Show = Callable[[int, int, str], None]
"""Is told the steps that are done, how many there are, and what is being done now."""
Step = Callable[..., None]
"""Says that the next step begins: ``step()``, or ``step("collecting evidence")`` with the words for it.

``step("4,000 rows", again=True)`` has new words for the step that has begun; ``at_once=True``: nothing
else will be said for a while, so they are not to wait for the next time the bar is drawn.
"""

QUIET_S: Final = 2.0
"""Work that takes no longer shows nothing."""
_REFRESH_S: Final = 0.1
_FORMAT: Final = "{desc} {n_fmt}/{total_fmt} {bar} {elapsed}"
"""Steps are of different lengths: what is left of the time cannot be told from them."""

_SHOWN_BY: ContextVar[Show | None] = ContextVar("_SHOWN_BY", default=None)
_IS_WITHIN = ContextVar("_IS_WITHIN", default=False)


@contextmanager
def steps(work: str, total: int, *, in_terminal: bool = False) -> Iterator[Step]:
    """Count work of ``total`` steps: call the answer as each begins; leaving without an error ends the last.

    ``work`` and the words of a step are ours alone, never a text of events: they may reach HTML. Do not
    yield to others from inside (a generator that is left in the middle would never end its work).
    ``in_terminal``: work of hours shows its bar in a terminal as well.

    >>> def show(done, total, words):
    ...     print(f"{done} of {total}: {words}")
    >>> with shown_by(show), steps("stitch", 2) as step:
    ...     step("collecting evidence")
    ...     step("whose row each is")
    0 of 2: stitch: collecting evidence
    1 of 2: stitch: whose row each is
    2 of 2: stitch
    """
    show = None if _IS_WITHIN.get() else _SHOWN_BY.get()
    is_seen = notices.in_notebook() or (in_terminal and sys.stderr.isatty())
    if show is None and (_IS_WITHIN.get() or not is_seen):
        yield silent
        return
    bar = None if show is not None else _Bar()
    counted = _Counted(work, total, show or bar or silent)
    token = _IS_WITHIN.set(True)
    try:
        yield counted
        counted.end()
    finally:
        _IS_WITHIN.reset(token)
        if bar is not None:
            bar.close()


@contextmanager
def shown_by(show: Show) -> Iterator[None]:
    """Inside, steps are told to ``show(done, total, words)`` at once, in a notebook or not, and no bar appears.

    The last call of each piece of work has ``done == total``; after an error there is none. What ``show``
    raises stops the work, so that one who no longer waits for the answer can take the question back.
    """
    token = _SHOWN_BY.set(show)
    try:
        yield
    finally:
        _SHOWN_BY.reset(token)


def silent(*_: object, **__: object) -> None:
    """A step that nobody is told of."""


class _Counted:
    """The steps of one piece of work."""

    def __init__(self, work: str, total: int, show: Show) -> None:
        self._work, self._total, self._show = work, total, show
        self._begun = 0

    def __call__(self, words: str = "", *, again: bool = False, at_once: bool = False) -> None:
        if at_once and isinstance(self._show, _Bar):
            self._show.is_due = True
        if not again:
            self._begun += 1
        done = min(max(self._begun - 1, 0), self._total)
        self._show(done, self._total, f"{self._work}: {words}" if words else self._work)

    def end(self) -> None:
        self._show(self._total, self._total, self._work)


class _Bar:
    """A tqdm bar that is not made, and not imported, before it is due."""

    def __init__(self) -> None:
        self._began = self._drawn = time.monotonic()
        self._bar: tqdm[Any] | None = None
        self.is_due = False
        """Whether the next words are drawn, however short ago the last ones were."""

    def __call__(self, done: int, total: int, words: str) -> None:
        now = time.monotonic()
        if self._bar is None:
            if done >= total or (now - self._began < QUIET_S and not self.is_due):
                return
            self._bar = _make_bar(total, now - self._began)
        elif now - self._drawn < _REFRESH_S and not self.is_due:
            return
        self._bar.set_description_str(words, refresh=False)
        self._bar.n = done
        self._bar.refresh()
        self._drawn, self.is_due = now, False

    def close(self) -> None:
        if self._bar is not None:
            # tqdm leaves a red bar where work ended early; whoever reads the error needs none.
            self._bar.total = self._bar.n
            self._bar.close()


def _make_bar(total: int, waited_s: float) -> tqdm[Any]:
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")  # tqdm warns of missing widgets, and of its own notebook mode
        from tqdm.auto import tqdm  # noqa: PLC0415  (loads ipywidgets in a kernel)

        # With any delay it is drawn at the first refresh, when it has its words and its place.
        bar: tqdm[Any] = tqdm(total=total, leave=False, delay=1e-6, bar_format=_FORMAT)
    bar.start_t -= waited_s
    return bar
