"""df.datalyr: the front door. Every method is one line to the function of the same name."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any, TypeVar

import pandas as pd

from datalyr_notebook.attribution.attribute import attribute
from datalyr_notebook.attribution.result import Attribution
from datalyr_notebook.identity.identity_links import identity_links
from datalyr_notebook.identity.rule import StitchRule
from datalyr_notebook.identity.stitching import stitch
from datalyr_notebook.journeys.conversions import find_conversions
from datalyr_notebook.journeys.touches import find_touches
from datalyr_notebook.loading.files import write_events
from datalyr_notebook.loading.normalize import normalize_events
from datalyr_notebook.traits import merge_traits, trait_history, with_traits

if TYPE_CHECKING:
    from plotly.graph_objects import Figure

Method = TypeVar("Method", bound=Callable[..., Any])


def _says(function: Callable[..., Any]) -> Callable[[Method], Method]:
    """Give a method the docstring of the function it routes to."""

    def borrow(method: Method) -> Method:
        method.__doc__ = (function.__doc__ or "").split(">>>")[0].rstrip()
        return method

    return borrow


@pd.api.extensions.register_dataframe_accessor("datalyr")
class DatalyrAccessor:
    """The toolkit's verbs on a table of events: ``df.datalyr.stitch()``, ``df.datalyr.attribute()``, …

    Making one costs nothing and checks nothing: pandas makes one at every tab completion.
    """

    def __init__(self, events: pd.DataFrame) -> None:
        self._events = events

    @_says(normalize_events)
    def normalize_events(self, **options: Any) -> pd.DataFrame:
        return normalize_events(self._events, **options)

    @_says(write_events)
    def write_events(self, path: str | Path, **options: Any) -> None:
        write_events(self._events, path, **options)

    @_says(stitch)
    def stitch(self, rule: StitchRule | None = None, **options: Any) -> pd.DataFrame:
        return stitch(self._events, rule, **options)

    @_says(identity_links)
    def identity_links(self, rule: StitchRule | None = None, **options: Any) -> pd.DataFrame:
        return identity_links(self._events, rule, **options)

    @_says(merge_traits)
    def merge_traits(self, **options: Any) -> pd.DataFrame:
        return merge_traits(self._events, **options)

    @_says(trait_history)
    def trait_history(self, **options: Any) -> pd.DataFrame:
        return trait_history(self._events, **options)

    @_says(with_traits)
    def with_traits(self, traits: Sequence[str], **options: Any) -> pd.DataFrame:
        return with_traits(self._events, traits, **options)

    @_says(find_touches)
    def find_touches(self, **options: Any) -> pd.DataFrame:
        return find_touches(self._events, **options)

    @_says(find_conversions)
    def find_conversions(self, **options: Any) -> pd.DataFrame:
        return find_conversions(self._events, **options)

    @_says(attribute)
    def attribute(self, **options: Any) -> Attribution:
        return attribute(self._events, **options)

    @property
    def plot(self) -> PlotAccessor:
        """The figures: ``df.datalyr.plot.journey_timeline("user_789")``."""
        return PlotAccessor(self._events)

    def __repr__(self) -> str:
        """The verbs, in a line."""
        verbs = ", ".join(name for name in vars(DatalyrAccessor) if not name.startswith("_"))
        return f"df.datalyr on {len(self._events):,} events: {verbs}"


class PlotAccessor:
    """``df.datalyr.plot``: each method draws one figure of ``datalyr_notebook.figures``."""

    def __init__(self, events: pd.DataFrame) -> None:
        self._events = events

    def journey_timeline(self, person: str, **options: Any) -> Figure:
        """One person's journey: a lane a device; touches, identifies and conversions in time."""
        from datalyr_notebook.figures.timeline import journey_timeline  # noqa: PLC0415  (plotly loads here)

        return journey_timeline(self._events, person, **options)

    def trait_timeline(self, person: str, **options: Any) -> Figure:
        """One person's traits: a lane a trait, a bar for as long as each value held."""
        from datalyr_notebook.figures.trait_timeline import trait_timeline  # noqa: PLC0415  (plotly loads here)

        return trait_timeline(self._events, person, **options)
