"""The tracking linter: what is wrong with the data before anybody is stitched, and the next move."""

from datalyr_notebook.lint.linter import lint
from datalyr_notebook.lint.rules import RULES

__all__ = ["RULES", "lint"]
