"""Small tables of paths worked by hand, and the public example of other packages."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest

from datalyr_notebook.attribution.paths import PathCounts

PATHDATA = Path(__file__).resolve().parents[2].parent / "shared" / "cases" / "pathdata"
needs_pathdata = pytest.mark.skipif(not PATHDATA.exists(), reason="the public cases are not beside this checkout")

Row = tuple[str, float, float, float]


def table(*rows: Row) -> PathCounts:
    """Paths of one letter a channel: (path, conversions, value, nulls)."""
    return PathCounts.from_strings(
        [" > ".join(path) for path, *_ in rows],
        conversions=[row[1] for row in rows],
        value=[row[2] for row in rows],
        nulls=[row[3] for row in rows],
    )


def by_channel(model: Any, counts: PathCounts, column: str) -> dict[str, float]:
    allocated = model.allocate(counts).set_index("channel")[column]
    return {str(channel): float(number) for channel, number in allocated.items()}
