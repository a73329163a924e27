"""What `import datalyr_notebook` adds to `import pandas, pyarrow`, in fresh processes."""

from __future__ import annotations

import os
import subprocess
import sys

from benchmarks.measure import interleave, medians

BASE = "import pandas, pyarrow"
OURS = f"{BASE}\nimport datalyr_notebook"
AT_MOST_S = 0.15
ROUNDS = 7


def main() -> None:
    """Start both in turn, and print the median time that ours adds."""
    _start(OURS)  # The first start compiles our modules.
    timings = interleave({"base": lambda: _start(BASE), "ours": lambda: _start(OURS)}, ROUNDS)
    base, ours = medians(timings["base"]).seconds, medians(timings["ours"]).seconds
    verdict = "met" if ours - base <= AT_MOST_S else "MISSED"
    print(f"{BASE} + datalyr_notebook / {BASE}: {ours / base:.2f} ({ours:.2f} s / {base:.2f} s, {ROUNDS} starts each)")
    print(f"import datalyr_notebook adds {ours - base:.3f} s, goal <= {AT_MOST_S} s: {verdict}")


def _start(code: str) -> None:
    # Where bytecode may not be written, every start would compile our modules again, as no analyst's does.
    environment = {name: value for name, value in os.environ.items() if name != "PYTHONDONTWRITEBYTECODE"}
    subprocess.run([sys.executable, "-c", code], check=True, env=environment)  # noqa: S603  (both programs stand above)


if __name__ == "__main__":
    main()
