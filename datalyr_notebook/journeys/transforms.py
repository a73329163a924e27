"""Path transforms: which touches of a path a model sees, by name.

``exposure``, ``first``, ``unique``, ``remove_if_last_and_not_all`` and ``remove_if_not_all`` do what the
transforms of these names do in Google's Fractribution and Snowplow's attribution package.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Collection, Iterable
from typing import Final, NamedTuple, TypeAlias

import numpy as np

from datalyr_notebook import errors
from datalyr_notebook.journeys.paths import Paths
from datalyr_notebook.order import Flags

PathOption: TypeAlias = str | Iterable[str]


class Transform(NamedTuple):
    """What to do with each path."""

    name: str
    keep: Callable[[Paths, str], Flags]
    takes: str
    """What stands in its brackets: ``""``, ``channel`` or ``n``."""
    argument: str = ""

    def kept(self, paths: Paths) -> Flags:
        """Which places stay."""
        return self.keep(paths, self.argument)

    def __str__(self) -> str:
        return f"{self.name}({self.argument})" if self.takes else self.name


def _unique(paths: Paths, _: str) -> Flags:
    """Every touch counts on its own: nothing is removed."""
    return np.ones(len(paths.channel), dtype=bool)


def _exposure(paths: Paths, _: str) -> Flags:
    """Of touches of one channel in a row the first."""
    differs = np.append([True], np.diff(paths.channel) != 0)[: len(paths.channel)]
    flags: Flags = differs | (paths.position == 0)
    return flags


def _first(paths: Paths, _: str) -> Flags:
    """Of each channel its first touch in the path."""
    key = paths.journey * len(paths.channels) + paths.channel
    kept = np.zeros(len(key), dtype=bool)
    kept[np.unique(key, return_index=True)[1]] = True
    return kept


def _remove_if_not_all(paths: Paths, channel: str) -> Flags:
    """Without the channel's touches, unless the path has no others."""
    other = ~_is(paths, channel)
    return other | ~_has(paths, other)


def _remove_if_last_and_not_all(paths: Paths, channel: str) -> Flags:
    """Without the channel's touches behind the last other one, unless the path has no others."""
    other = ~_is(paths, channel)
    place = np.arange(len(other))
    last = np.full(len(paths.indptr) - 1, -1, dtype=np.int64)
    last[paths.journey[other]] = place[other]
    last = np.repeat(last, paths.lengths)
    flags: Flags = (place <= last) | (last < 0)
    return flags


def _last(paths: Paths, count: str) -> Flags:
    """The last n touches."""
    left = np.repeat(paths.lengths, paths.lengths) - paths.position
    flags: Flags = left <= int(count)
    return flags


def _is(paths: Paths, channel: str) -> Flags:
    flags: Flags = np.append([name == channel for name in paths.channels], [False]).astype(bool)[paths.channel]
    return flags


def _has(paths: Paths, flags: Flags) -> Flags:
    """Per place whether some place of its path has the flag."""
    count = np.bincount(paths.journey[flags], minlength=len(paths.indptr) - 1)
    return np.repeat(count > 0, paths.lengths)


TRANSFORMS: Final = {
    one.name: one
    for one in (
        Transform("unique", _unique, ""),
        Transform("exposure", _exposure, ""),
        Transform("first", _first, ""),
        Transform("last", _last, "n"),
        Transform("remove_if_last_and_not_all", _remove_if_last_and_not_all, "channel"),
        Transform("remove_if_not_all", _remove_if_not_all, "channel"),
    )
}

_WRITTEN: Final = re.compile(r"\s*([a-z_]+)\s*(?:\((.*)\))?\s*", re.DOTALL)


def read_transforms(step: str, given: PathOption, channels: Collection[str]) -> tuple[Transform, ...]:
    """The transforms of ``path=``, in the order in which they are done; ``channels``: the names there are.

    Raises OptionError.

    >>> [str(one) for one in read_transforms("attribute", ("remove_if_not_all(Direct)", "last(5)"), ["Direct"])]
    ['remove_if_not_all(Direct)', 'last(5)']
    """
    several = given if isinstance(given, Iterable) and not isinstance(given, str) else (given,)
    return tuple(_one(step, text, channels) for text in several)


def _one(step: str, given: object, channels: Collection[str]) -> Transform:
    written = _WRITTEN.fullmatch(given) if isinstance(given, str) else None
    found = TRANSFORMS.get(written[1]) if written else None
    argument = (written[2] or "").strip().strip("'\"") if written else ""
    if found is None or bool(argument) != bool(found.takes):
        raise errors.OptionError(
            step, "path", given, [f"{one.name}({one.takes})" if one.takes else one.name for one in TRANSFORMS.values()]
        )
    if found.takes == "channel" and argument not in channels:
        raise errors.OptionError(step, "path", given, f"one of the channels {', '.join(channels)} in its brackets")
    if found.takes == "n" and not (argument.isdecimal() and int(argument) > 0):
        raise errors.OptionError(step, "path", given, "a whole number of at least 1 in its brackets")
    return found._replace(argument=argument)
