"""The samples that come with the package: small journeys with one thing to teach, and one shop."""

from __future__ import annotations

from pathlib import Path
from typing import Final

import pandas as pd

from datalyr_notebook import options
from datalyr_notebook.loading.files import read_events

SAMPLES: Final = (
    "seed_journey",
    "seed_journey_wire",
    "family_tablet",
    "kitchen_tablet",
    "email_then_login",
    "web_to_app",
    "traits_over_time",
    "spring_sale",
)
"""What each teaches is said in the README beside them."""

_PACKAGE: Final = Path(__file__).resolve().parents[1]
_FOLDERS: Final = (_PACKAGE / "sample_data", _PACKAGE.parent / "sample_data")
"""Inside an installed package, and beside the package in a checkout."""
_ENDINGS: Final = (".jsonl", ".jsonl.gz")


def sample_path(name: str) -> Path:
    """Where a sample's file is. Raises OptionError for a name that is none."""
    options.one_of("load_sample", "name", name, SAMPLES)
    folder = next((folder for folder in _FOLDERS if folder.is_dir()), _FOLDERS[0])
    files = [folder / f"{name}{ending}" for ending in _ENDINGS]
    return next((file for file in files if file.is_file()), files[0])


def load_sample(name: str) -> pd.DataFrame:
    """The events of a sample, read and normalized.

    Raises OptionError for a name that is none.

    >>> load_sample("seed_journey")["event_name"].tolist()[-1]
    '$identify'
    """
    return read_events(sample_path(name))
