"""Explorers: controls, one figure, and a table, for looking, choosing and asking why. ipywidgets lives here."""

from datalyr_notebook.explorers.attribution import AttributionExplorer
from datalyr_notebook.explorers.identity import IdentityExplorer
from datalyr_notebook.explorers.journey import JourneyExplorer

__all__ = ["AttributionExplorer", "IdentityExplorer", "JourneyExplorer"]


def __dir__() -> list[str]:
    return __all__
