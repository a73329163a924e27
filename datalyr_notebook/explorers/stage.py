"""A stage of an answer: what it found is held until what it is worked out from changes."""

from __future__ import annotations

from collections.abc import Callable
from typing import Generic, TypeVar

_T = TypeVar("_T")


class Stage(Generic[_T]):
    """Something worked out, held until what it is worked out from changes.

    >>> stage = Stage()
    >>> [stage.of("a", lambda: 1), stage.of("a", lambda: 2), stage.of("b", lambda: 3), stage.get("a")]
    [1, 1, 3, None]
    """

    def __init__(self) -> None:
        self.held: tuple[object, _T] | None = None
        """The key of what it is worked out from, and the value."""

    def of(self, key: object, work: Callable[[], _T]) -> _T:
        """The value held for a key, or a new one."""
        if self.held is None or self.held[0] != key:
            self.held = (key, work())
        return self.held[1]

    @property
    def key(self) -> object:
        """What the value that is held is worked out from; None where none is."""
        return None if self.held is None else self.held[0]

    def get(self, key: object) -> _T | None:
        """The value held for a key, or None."""
        return self.held[1] if self.held is not None and self.held[0] == key else None
