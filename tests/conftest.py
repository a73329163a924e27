"""How the drawn tables are run: the same ones every time, and no time limit on a shared machine."""

from __future__ import annotations

from hypothesis import Phase, settings

settings.register_profile(
    "house",
    max_examples=50,
    deadline=None,
    derandomize=True,
    database=None,
    phases=(Phase.explicit, Phase.generate, Phase.shrink),
)
settings.load_profile("house")
