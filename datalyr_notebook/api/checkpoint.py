"""A folder that holds a pull: one Parquet part a finished window, written whole or not at all."""

from __future__ import annotations

import json
import os
import re
import sys
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager, suppress
from pathlib import Path
from typing import IO, Final

import pyarrow as pa
import pyarrow.parquet as pq

from datalyr_notebook.api.windows import Window
from datalyr_notebook.errors import CheckpointError, shown

QUERY: Final = "pull.query"
"""What is pulled into this folder, as JSON; neither a key nor the value of a parameter."""
LOCK: Final = "pull.lock"
FACTS: Final = b"datalyr_notebook.pull"
"""The metadata key under which a part tells its window and what was counted."""

_PART, _EMPTY, _UNFINISHED = ".parquet", ".empty", ".tmp"
_OURS: Final = re.compile(r"-?\d{4,6}-\d\d-\d\dT\d\d-\d\d-\d\d(\.\d{6})?Z\.(parquet|empty)(\.tmp)?", re.ASCII)

Facts = Mapping[str, int]
"""What was counted in a window: whole numbers by name."""


class Checkpoint:
    """An opened folder; nobody else has it open. Windows are recorded whole."""

    def __init__(self, folder: Path, *, is_resumed: bool = False) -> None:
        self.folder, self.is_resumed = folder, is_resumed

    def facts(self, window: Window) -> Facts | None:
        """What was counted in a window that is recorded; None where it is to be pulled (anew)."""
        part, empty = self._path(window, _PART), self._path(window, _EMPTY)
        try:
            if not part.exists() and not empty.exists():
                return None
            told = _told_by_part(part) if part.exists() else json.loads(empty.read_bytes())
            facts = {str(name): int(number) for name, number in told.items()}
        except (OSError, ValueError, TypeError, KeyError, AttributeError, pa.ArrowException):
            return None
        return facts if (facts.get("start_us"), facts.get("end_us")) == tuple(window) else None

    def refuse_others(self, windows: Sequence[Window]) -> None:
        """Refuse a folder with parts of no window of this pull. Raises CheckpointError."""
        known = {window.name for window in windows}
        for file in self.folder.iterdir():
            if _OURS.fullmatch(file.name) and file.name.rpartition("Z")[0] + "Z" not in known:
                raise CheckpointError(
                    str(self.folder),
                    f"{shown(file.name)} is no part of this pull",
                    "Take it out of the folder, or pass a new one.",
                )

    def parts(self, windows: Sequence[Window]) -> list[Path]:
        """The Parquet files of windows that are recorded, in the order of the windows."""
        return [part for window in windows if (part := self._path(window, _PART)).exists()]

    def record(self, window: Window, facts: Facts, write: Callable[[Path, Mapping[bytes, bytes]], None] | None) -> None:
        """Record a window: ``write(file, metadata)`` makes its Parquet file; None: it is empty.

        What is left behind by a crash at any instant is no part of the folder.
        """
        told = json.dumps({"start_us": window.start_us, "end_us": window.end_us, **facts}).encode()
        final = self._path(window, _EMPTY if write is None else _PART)
        begun = final.with_name(final.name + _UNFINISHED)
        try:
            if write is None:
                begun.write_bytes(told)
            else:
                write(begun, {FACTS: told})
            _finish(begun, final)
        except BaseException:
            with suppress(OSError):
                begun.unlink(missing_ok=True)
            raise
        # A part that could not be read, and turned out to be empty or not, has one file in the end.
        self._path(window, _PART if write is None else _EMPTY).unlink(missing_ok=True)

    def _path(self, window: Window, ending: str) -> Path:
        return self.folder / f"{window.name}{ending}"


@contextmanager
def opened(
    folder: str | os.PathLike[str], query: Mapping[str, object], settle: Callable[[], Mapping[str, object]]
) -> Iterator[tuple[Checkpoint, Mapping[str, object]]]:
    """A folder for the parts of one query, created where it is missing, and what was settled when it was begun.

    ``settle`` is called for a new folder alone; its answer is kept beside the query (values of JSON).
    Raises CheckpointError: another query, files of somebody else, another pull in it, a path that is no folder.
    """
    path = Path(folder).expanduser()
    try:
        path.mkdir(parents=True, exist_ok=True)
    except OSError as refused:
        raise CheckpointError(
            str(path), f"this folder cannot be made ({refused.strerror})", "Pass the path of a new or empty folder."
        ) from None
    _check_files(path)
    with _locked(path):
        for left in path.glob(f"*{_UNFINISHED}"):
            left.unlink(missing_ok=True)
        is_resumed = (path / QUERY).exists()
        settled = _settled(path, query, settle)
        yield Checkpoint(path, is_resumed=is_resumed), settled


def _check_files(path: Path) -> None:
    """Refuse a folder with files of somebody else; hidden ones are left alone."""
    names = sorted(one.name for one in path.iterdir() if not one.name.startswith("."))
    foreign = [name for name in names if name not in (QUERY, QUERY + _UNFINISHED, LOCK) and not _OURS.fullmatch(name)]
    if foreign or (QUERY not in names and any(_OURS.fullmatch(name) for name in names)):
        listed = ", ".join(shown(name, width=40) for name in (foreign or names)[:3])
        raise CheckpointError(
            str(path), f"it holds files that no pull has written there ({listed})", "Pass a new or empty folder."
        )


def _settled(
    path: Path, query: Mapping[str, object], settle: Callable[[], Mapping[str, object]]
) -> Mapping[str, object]:
    """What was settled when the folder was begun, which is now where it holds no query yet."""
    file = path / QUERY
    if not file.exists():
        return _begun(path, query, settle)
    try:
        told = json.loads(file.read_bytes())
        first, settled = dict(told["query"]), dict(told["settled"])
    except (OSError, ValueError, TypeError, KeyError):
        raise CheckpointError(str(path), f"its {QUERY} cannot be read", "Pass a new or empty folder.") from None
    asked = json.loads(json.dumps(query))
    differing = sorted(name for name in {*asked, *first} if asked.get(name) != first.get(name))
    if differing and not any(_OURS.fullmatch(one.name) for one in path.iterdir()):
        return _begun(path, query, settle)  # a first try, with a wrong path for example, that recorded nothing
    if differing:
        name = differing[0]
        raise CheckpointError(
            str(path),
            f"it belongs to another pull: {name} was {shown(first.get(name))} and is {shown(asked.get(name))}",
            "Pass a new folder for this one, or the same arguments as before to go on.",
        )
    return settled


def _begun(path: Path, query: Mapping[str, object], settle: Callable[[], Mapping[str, object]]) -> Mapping[str, object]:
    """What is settled now, written down beside the query."""
    settled = settle()
    begun = path / (QUERY + _UNFINISHED)
    begun.write_text(json.dumps({"query": query, "settled": settled}, indent=1), encoding="utf-8")
    _finish(begun, path / QUERY)
    return settled


@contextmanager
def _locked(path: Path) -> Iterator[None]:
    """Hold the folder; the system lets go of it when the process ends, however it ends."""
    with (path / LOCK).open("a+b") as file:
        try:
            _lock(file)
        except OSError:
            raise CheckpointError(
                str(path), "another pull is using it now", "Wait until it has ended, or pass another folder."
            ) from None
        yield


if sys.platform == "win32":
    import msvcrt

    def _lock(file: IO[bytes]) -> None:
        file.seek(0)
        msvcrt.locking(file.fileno(), msvcrt.LK_NBLCK, 1)
else:
    import fcntl

    def _lock(file: IO[bytes]) -> None:
        fcntl.flock(file, fcntl.LOCK_EX | fcntl.LOCK_NB)


def _told_by_part(part: Path) -> Mapping[str, int]:
    """What a part tells of itself. Raises ValueError, or what pyarrow raises, where any page of it is damaged."""
    with part.open("rb") as stream, pq.ParquetFile(stream, page_checksum_verification=True) as parquet:
        told: Mapping[str, int] = json.loads((parquet.schema_arrow.metadata or {})[FACTS])
        if sum(len(batch) for batch in parquet.iter_batches(batch_size=10_000)) != told["rows"]:
            raise ValueError(part)
        return told


def _finish(begun: Path, final: Path) -> None:
    """Give a written file its name, so that after a power cut it is there whole or not at all."""
    with begun.open("rb+") as file:
        os.fsync(file.fileno())
    begun.replace(final)
    if sys.platform != "win32":
        folder = os.open(final.parent, os.O_RDONLY)
        try:
            os.fsync(folder)
        finally:
            os.close(folder)
