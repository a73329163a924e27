"""The README: its Python runs as it stands, and prints what it says it prints."""

from __future__ import annotations

import re
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[1]
README = (ROOT / "README.md").read_text(encoding="utf-8")


def test_the_tour_prints_what_the_readme_shows(capsys: pytest.CaptureFixture[str]) -> None:
    tour = re.findall(r"```python\n(.*?)```\n(?:\n```text\n(.*?)```)?", README, re.DOTALL)
    assert tour
    names: dict[str, object] = {}
    for code, shown in tour:
        exec(code, names)
        assert capsys.readouterr().out.split() == shown.split()


@pytest.mark.parametrize("command", ["quickstart", "check"])
def test_the_two_commands_are_those_of_run_py(command: str) -> None:
    assert f"python3 run.py {command}" in README
    assert f'"{command}": {command}' in (ROOT / "run.py").read_text(encoding="utf-8")


def test_ci_calls_exactly_the_test_command_of_the_readme() -> None:
    assert "\npython3 run.py check\n" in (ROOT / ".ci" / "run").read_text(encoding="utf-8")


def test_links_and_pictures_lead_to_files_that_are_there() -> None:
    targets = re.findall(r"\]\(([^)#]+)\)", README)
    assert targets
    missing = [target for target in targets if "://" not in target and not (ROOT / target).exists()]
    assert missing == []
