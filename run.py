"""The two commands of the README: ``python3 run.py quickstart`` and ``python3 run.py check``.

Each makes its own virtual environment in this folder, installs the package there, and does its job.
Needs Python 3.11 or newer and nothing else; the network is used by pip alone.
"""

# ruff: noqa: S603, T201  (a script beside the package: it runs fixed commands and prints)

from __future__ import annotations

import os
import subprocess
import sys
import time
from pathlib import Path

ROOT = Path(__file__).resolve().parent
NEWEST, OLDEST = ROOT / ".venv", ROOT / ".venv-pandas22"
QUICKSTART = Path("notebooks", "01_quickstart.ipynb")
OLD_PANDAS = "pandas==2.2.*" if sys.version_info < (3, 14) else "pandas==2.3.*"
"""The oldest pandas that is supported and has a wheel for this Python."""

ANSWER = """
import datalyr_notebook as dn
stitched = dn.load_sample("seed_journey").datalyr.stitch()
columns = ["timestamp", "event_name", "anonymous_id", "person_id", "person_via", "person_since"]
print(stitched[columns].to_string(index=False), stitched.datalyr.attribute(), sep="\\n\\n")
"""
"""What the notebook shows, as text for the terminal."""


def quickstart() -> None:
    """Execute the first notebook, and show what it finds."""
    python = installed(NEWEST, ".[lab]")
    print("Running the notebook ...", flush=True)
    notebook = [python, "-m", "nbconvert", "--execute", "--to", "html", "--output-dir", "build", str(QUICKSTART)]
    # Scripts that the page would fetch from elsewhere are left out: it opens offline.
    notebook += [f"--HTMLExporter.{name}_url=" for name in ("jquery", "mathjax", "require_js")]
    made = subprocess.run(
        notebook,
        cwd=ROOT,
        env={**os.environ, "PLOTLY_RENDERER": "notebook"},
        stdin=subprocess.DEVNULL,
        stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT,
        check=False,
    )
    if made.returncode:
        sys.exit(made.stdout.decode(errors="replace") + "\nThe notebook failed; the reason is above.")
    print(flush=True)
    if not ran([python, "-c", ANSWER]):
        sys.exit("The package failed; the reason is above.")
    jupyter = Path(python).with_name("jupyter").relative_to(ROOT)
    print(f"\nWith the picture and the words:  {Path('build', QUICKSTART.stem)}.html  (open it in a browser)")
    print(f"To work with it in JupyterLab:   {jupyter} lab {QUICKSTART}")


def check() -> None:
    """Lint, types and tests on the newest pandas, then the tests on the oldest; exits 1 if anything fails."""
    took: list[tuple[str, float, bool]] = []

    def step(name: str, command: list[str]) -> None:
        print(f"\n=== {name}", flush=True)
        start = time.monotonic()
        passed = ran(command)
        took.append((name, time.monotonic() - start, passed))

    tests = ["-m", "pytest", "-n", "auto"]
    start = time.monotonic()
    python = installed(NEWEST, ".[dev]")
    took.append(("install, newest pandas", time.monotonic() - start, True))
    step("ruff check", [python, "-m", "ruff", "check", "."])
    step("ruff format --check", [python, "-m", "ruff", "format", "--check", "."])
    step("mypy --strict", [python, "-m", "mypy"])
    step("pytest, newest pandas", [python, *tests])
    start = time.monotonic()
    python = installed(OLDEST, ".[dev]", OLD_PANDAS)
    took.append((f"install, {OLD_PANDAS}", time.monotonic() - start, True))
    step(f"pytest, {OLD_PANDAS}", [python, *tests])
    print()
    for name, seconds, passed in took:
        print(f"{'passed' if passed else 'FAILED'}  {seconds:6.1f} s  {name}")
    if not all(passed for _, _, passed in took):
        sys.exit(1)


def installed(folder: Path, *what: str) -> str:
    """The Python of a virtual environment that has these requirements; made and filled where it has not."""
    python = folder / ("Scripts/python.exe" if os.name == "nt" else "bin/python")
    wanted = "\n".join([*what, (ROOT / "pyproject.toml").read_text(encoding="utf-8")])
    stamp = folder / f"installed-{what[0].strip('.[]')}.txt"
    if python.exists() and stamp.is_file() and stamp.read_text(encoding="utf-8") == wanted:
        return str(python)
    print(f"Installing {' and '.join(what)} into {folder.name} ...", flush=True)
    if not python.exists() and not ran([sys.executable, "-m", "venv", "--clear", str(folder)]):
        sys.exit("python3 -m venv failed. On Debian and Ubuntu, install the package python3-venv and try again.")
    if not ran([str(python), "-m", "pip", "install", "-qq", "--editable", *what]):
        sys.exit("pip failed; the reason is above.")
    stamp.write_text(wanted, encoding="utf-8")
    return str(python)


def ran(command: list[str]) -> bool:
    """Run a command in this folder, without input; whether it succeeded."""
    return subprocess.run(command, cwd=ROOT, stdin=subprocess.DEVNULL, check=False).returncode == 0


COMMANDS = {"quickstart": quickstart, "check": check}


if __name__ == "__main__":
    if sys.version_info < (3, 11):  # noqa: UP036  (this file is started by whatever python3 is)
        sys.exit(f"This needs Python 3.11 or newer, and {sys.executable} is {sys.version.split()[0]}.")
    if len(sys.argv) != 2 or sys.argv[1] not in COMMANDS:
        sys.exit(f"Usage: python3 run.py {' | '.join(COMMANDS)}")
    COMMANDS[sys.argv[1]]()
