"""The committed notebooks: clean on disk, and when they run they reach the conclusions they tell."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import nbformat
import pytest
from nbclient import NotebookClient
from nbformat.v4 import new_code_cell

ROOT = Path(__file__).parents[1]
FOLDER = ROOT / "notebooks"
NOTEBOOKS = sorted(FOLDER.glob("*.ipynb"))


def conclusions(notebook: Path, asked: dict[str, str]) -> dict[str, Any]:
    """Run a notebook as a reader would, then ask its kernel for the values of some expressions."""
    cells = nbformat.read(notebook, as_version=4)
    pairs = ", ".join(f"{name!r}: {expression}" for name, expression in asked.items())
    cells.cells.append(new_code_cell(f"import json\nprint(json.dumps({{{pairs}}}))"))
    client = NotebookClient(cells, timeout=300, kernel_name="python3", resources={"metadata": {"path": str(FOLDER)}})
    client.execute()
    outputs = [output for cell in cells.cells[:-1] for output in cell.get("outputs", [])]
    assert [output["text"] for output in outputs if output["output_type"] == "stream"] == []
    return dict(json.loads(cells.cells[-1]["outputs"][0]["text"]))


@pytest.mark.parametrize("notebook", NOTEBOOKS, ids=lambda path: path.stem)
def test_a_notebook_is_committed_without_outputs_or_widget_state(notebook: Path) -> None:
    committed = nbformat.read(notebook, as_version=4)
    nbformat.validate(committed)
    assert "widgets" not in committed.metadata
    for cell in committed.cells:
        if cell["cell_type"] == "code":
            assert (cell["outputs"], cell["execution_count"]) == ([], None)
        assert cell["metadata"] == {}


def test_the_quickstart_finds_the_ad_that_earned_the_purchase(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("PYTHONPATH", str(ROOT))  # the kernel runs this checkout, installed or not
    found = conclusions(
        FOLDER / "01_quickstart.ipynb",
        {
            "totals": "result.totals.to_dict('records')",
            "unstitched": "unstitched.datalyr.attribute().totals.to_dict('records')",
            "credit": "result.credits[['campaign', 'touched_on', 'converted_on']].to_numpy().tolist()",
            "people": "stitched['person_id'].unique().tolist()",
            "monday": "stitched['person_since'].iloc[:3].dt.day_name().tolist()",
            "last_touch": "stitched.datalyr.attribute(model='last_touch').totals['channel'].tolist()",
        },
    )
    assert found == {
        "totals": [{"model": "hybrid", "channel": "Paid Social", "conversions": 1.0, "credit": 99.99}],
        "unstitched": [{"model": "hybrid", "channel": "Direct", "conversions": 1.0, "credit": 99.99}],
        "credit": [["fall_launch", "phone", "desktop"]],
        "people": ["user_789"],
        "monday": ["Wednesday", "Wednesday", "Wednesday"],
        "last_touch": ["Direct"],
    }
