"""A notebook that was saved without widget state: small, and read without a kernel."""

from __future__ import annotations

from pathlib import Path

import nbformat
import pytest
from nbclient import NotebookClient
from nbformat.v4 import new_code_cell, new_notebook

ROOT = Path(__file__).parents[2]
MOST_BYTES = 200_000


def saved(cells: list[str], folder: Path) -> Path:
    """The notebook's file after a reader ran all its cells."""
    notebook = new_notebook(cells=[new_code_cell(cell) for cell in cells])
    client = NotebookClient(
        notebook,
        timeout=300,
        kernel_name="python3",
        store_widget_state=False,
        resources={"metadata": {"path": str(folder)}},
    )
    client.execute()
    path = folder / "saved.ipynb"
    nbformat.write(notebook, path)
    return path


@pytest.mark.parametrize(
    ("opened", "told", "drawn"),
    [
        ("attribution(state={'models': ['hybrid', 'linear']})", "conversions credited", "Paid Social"),
        ("journeys()", "people found", "purchase"),
    ],
    ids=["attribution", "journeys"],
)
def test_a_saved_notebook_is_small_and_shows_its_rows_as_a_table(
    opened: str, told: str, drawn: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("PYTHONPATH", str(ROOT))  # the kernel runs this checkout, installed or not
    open_it = "import datalyr_notebook as dn\nevents = dn.load_sample('spring_sale')\n"
    open_it += f"explorer = events.datalyr.explore.{opened}\ngetattr(explorer, 'wait', lambda: None)()\nexplorer"
    path = saved([open_it], tmp_path)
    assert path.stat().st_size < MOST_BYTES
    notebook = nbformat.read(path, as_version=4)
    assert "widgets" not in notebook.metadata
    (shown,) = (output["data"] for output in notebook.cells[0]["outputs"] if output["output_type"] == "execute_result")
    assert "application/vnd.jupyter.widget-view+json" in shown
    page = "".join(shown["text/html"])
    assert "What is drawn" in page
    assert "<table" in page
    assert "Run the cell to interact." in page
    for text in (told, drawn):
        assert text in page
    assert told in "".join(shown["text/plain"])
