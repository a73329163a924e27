"""The page of the attribution explorer: the sample shop, a file of one's own, or what is wrong with that file."""

from __future__ import annotations

import json
import tomllib
from pathlib import Path
from typing import Any, Final

import jinja2
import pytest

from tests.test_notebook_explore import SHOP
from tests.test_notebooks import FOLDER, ROOT, conclusions

APP: Final = FOLDER / "app_attribution.ipynb"
SHOWN: Final = {
    "title": "shown.TITLE",
    "sentence": "(shown.wait(), shown.sentence)[1]",
    "credit": "shown.result.totals[['model', 'channel', 'credit']].to_numpy().tolist()",
}


def found(patch: pytest.MonkeyPatch, asked: dict[str, str], events: Path | None = None) -> dict[str, Any]:
    """What the page shows, with the environment naming a file or nothing."""
    patch.setenv("PYTHONPATH", str(ROOT))  # the kernel runs this checkout, installed or not
    patch.delenv("DATALYR_EVENTS", raising=False)
    if events is not None:
        patch.setenv("DATALYR_EVENTS", str(events))
    return conclusions(APP, asked)


def test_it_shows_the_sample_shop(monkeypatch: pytest.MonkeyPatch) -> None:
    shown = found(monkeypatch, SHOWN)
    orders: dict[str, float] = {}
    for event in SHOP:
        if event["event_name"] == "purchase":
            orders.setdefault(event["order_id"], event["value"])
    refunds = {event["order_id"]: event["value"] for event in SHOP if event["event_name"] == "refund"}
    worth = sum(value - abs(refunds.get(order, 0.0)) for order, value in orders.items())
    assert shown["title"] == "Attribution explorer"
    assert shown["sentence"].startswith(f"{len(orders)} of {len(orders)} conversions credited, worth {worth:,.2f};")
    assert {model for model, _, _ in shown["credit"]} == {"hybrid", "last_touch"}


def test_it_shows_a_file_that_the_environment_names(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    """An ad on the phone, then a login there; an order of the same user on a laptop."""
    ad = {"url": "https://shop.example/?utm_source=facebook&utm_medium=paid_social&fbclid=x"}
    rows = [
        {"timestamp": "2026-01-01T10:00:00Z", "event_name": "pageview", "anonymous_id": "anon_phone", **ad},
        {"timestamp": "2026-01-01T10:01:00Z", "event_name": "$identify", "anonymous_id": "anon_phone", "user_id": "u"},
        {"timestamp": "2026-01-02T10:00:00Z", "event_name": "pageview", "anonymous_id": "anon_laptop", "user_id": "u"},
        {
            "timestamp": "2026-01-02T10:01:00Z",
            "event_name": "purchase",
            "anonymous_id": "anon_laptop",
            "user_id": "u",
            "value": 40.0,
            "currency": "EUR",
        },
    ]
    path = tmp_path / "events.json"
    path.write_text(json.dumps(rows), encoding="utf-8")
    shown = found(monkeypatch, SHOWN, path)
    assert shown["sentence"].startswith("1 of 1 conversion credited, worth 40.00;")
    assert shown["credit"] == [["hybrid", "Paid Social", 40.0], ["last_touch", "Direct", 40.0]]


def test_it_says_so_where_the_file_is_not_there(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    path = tmp_path / "<b>missing</b>.json"
    shown = found(monkeypatch, {"told": "shown.data", "kind": "type(shown).__name__"}, path)
    assert shown["kind"] == "Pretty"  # text, which no browser reads as HTML
    assert str(path) in shown["told"]
    assert "there is no such file or folder" in shown["told"]


def test_it_is_two_cells_and_asks_the_environment_for_nothing_else() -> None:
    notebook = json.loads(APP.read_text(encoding="utf-8"))
    assert [cell["cell_type"] for cell in notebook["cells"]] == ["markdown", "code"]
    text, code = (cell["source"] for cell in notebook["cells"])
    assert text.startswith("# ")
    assert code.count("environ") == 1
    assert 'os.environ.get("DATALYR_EVENTS")' in code
    assert "._" not in code


def test_its_template_is_installed_and_fetches_nothing_from_elsewhere() -> None:
    template = json.loads(APP.read_text(encoding="utf-8"))["metadata"]["voila"]["template"]
    built = tomllib.loads((ROOT / "pyproject.toml").read_text(encoding="utf-8"))["tool"]["hatch"]["build"]
    [(folder, target)] = built["targets"]["wheel"]["shared-data"].items()
    assert target == f"share/jupyter/voila/templates/{template}"
    parent = """<head>{% block notebook_css %}<style>p {}</style>
    <link rel="stylesheet" href="https://cdn.example/all.min.css" />
    <link rel="stylesheet" href="/static/own.css" />{% endblock %}</head>"""
    pages = {"voila/templates/lab/index.html.j2": parent}
    loader = jinja2.ChoiceLoader([jinja2.FileSystemLoader(ROOT / folder), jinja2.DictLoader(pages)])
    page = jinja2.Environment(loader=loader, autoescape=False).get_template("index.html.j2").render()  # noqa: S701  (as Voila)
    assert "https:" not in page
    assert "<style>p {}</style>" in page
    assert "/static/own.css" in page
