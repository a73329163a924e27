"""The layers of the house: who may import whom, and what importing the package may load."""

from __future__ import annotations

import ast
import subprocess
import sys
from pathlib import Path

import pytest

import datalyr_notebook

PACKAGE = Path(datalyr_notebook.__file__).parent
NAME = "datalyr_notebook"

LAYERS: tuple[tuple[str, ...], ...] = (
    ("__init__",),
    ("accessor",),
    ("explorers",),
    ("figures", "api"),
    ("overview",),
    ("studies", "lint"),
    ("attribution",),
    ("identity", "journeys"),
    ("traits", "loading"),
    ("engines",),
    ("order",),
    ("frames", "hashing", "redaction"),
    ("schema",),
    ("progress",),
    ("notices", "options", "rendering"),
    ("errors",),
)
"""A module imports from rows below its own; rooms on one row do not know each other."""

HOMES = {
    "plotly": ("figures", "explorers"),
    "ipywidgets": ("explorers",),
    "anywidget": ("explorers",),
    "requests": ("api",),
    "duckdb": ("engines",),
    "pyspark": ("engines",),
    "tqdm": ("progress",),
}
"""One home a library."""

NO_PANDAS = tuple(f"attribution/{name}.py" for name in ("markov", "path_graph", "rules", "shapley", "shares"))
"""Kernels that take numpy arrays."""

ROW = {room: row for row, rooms in enumerate(LAYERS) for room in rooms}
MODULES = sorted(path for path in PACKAGE.rglob("*.py") if "sample_data" not in path.parts)


def room(path: Path) -> str:
    first = path.relative_to(PACKAGE).parts[0]
    return first.removesuffix(".py")


def imports(path: Path) -> list[tuple[str, bool]]:
    """Every imported module, and whether the import runs (not under TYPE_CHECKING)."""
    tree = ast.parse(path.read_text(encoding="utf-8"))
    quiet = {
        id(child)
        for node in ast.walk(tree)
        if isinstance(node, ast.If) and "TYPE_CHECKING" in ast.dump(node.test)
        for child in ast.walk(node)
    }
    found = []
    for node in ast.walk(tree):
        if isinstance(node, ast.Import):
            found += [(alias.name, id(node) not in quiet) for alias in node.names]
        elif isinstance(node, ast.ImportFrom) and node.module:
            names = [node.module] if node.module != NAME else [f"{NAME}.{alias.name}" for alias in node.names]
            found += [(name, id(node) not in quiet) for name in names]
    return found


@pytest.mark.parametrize("path", MODULES, ids=lambda path: str(path.relative_to(PACKAGE)))
def test_a_module_imports_only_from_rows_below_its_own(path: Path) -> None:
    own = ROW[room(path)]
    for name, runs in imports(path):
        if name.split(".")[0] != NAME or not runs:
            continue
        other = name.removeprefix(NAME).strip(".").split(".")[0] or "__init__"
        assert other in ROW, f"{name} is in no layer"
        assert other == room(path) or ROW[other] > own, f"{path.name} ({room(path)}) must not import {name}"


@pytest.mark.parametrize("path", MODULES, ids=lambda path: str(path.relative_to(PACKAGE)))
def test_a_library_is_imported_only_at_home(path: Path) -> None:
    for name, runs in imports(path):
        homes = HOMES.get(name.split(".")[0])
        if homes is not None and runs:
            # The accessor and the package route to the figures; they import the room, never the library.
            assert room(path) in homes, f"{path.name} imports {name}"


@pytest.mark.parametrize("path", NO_PANDAS)
def test_a_kernel_of_numbers_imports_no_pandas(path: str) -> None:
    assert not [name for name, runs in imports(PACKAGE / path) if runs and name.split(".")[0] == "pandas"]


@pytest.mark.parametrize("path", MODULES, ids=lambda path: str(path.relative_to(PACKAGE)))
def test_a_module_opens_with_a_sentence_and_no_drawer_is_called_utils(path: Path) -> None:
    tree = ast.parse(path.read_text(encoding="utf-8"))
    assert ast.get_docstring(tree), f"{path.name} has no docstring"
    assert not {"utils", "util", "core", "misc", "helpers", "common"} & {path.stem, *path.relative_to(PACKAGE).parts}


def test_importing_the_package_loads_no_heavy_library() -> None:
    code = f"import sys, {NAME}; print(sorted({set(HOMES)!r} & set(sys.modules)))"
    ran = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert ran.stdout.strip() == "[]"
