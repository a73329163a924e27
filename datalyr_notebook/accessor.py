"""df.datalyr: the front door. Every method is one line to the function of the same name."""

from __future__ import annotations

import inspect
from collections.abc import Callable, Iterable, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any, TypeVar

import pandas as pd

from datalyr_notebook.attribution.attribute import attribute
from datalyr_notebook.attribution.result import Attribution
from datalyr_notebook.identity.explain import LinkExplanation, explain_link
from datalyr_notebook.identity.identity_links import identity_links
from datalyr_notebook.identity.rule import StitchRule
from datalyr_notebook.identity.shared_devices import shared_devices
from datalyr_notebook.identity.stitching import stitch
from datalyr_notebook.journeys.channel_report import channel_report
from datalyr_notebook.journeys.conversions import find_conversions
from datalyr_notebook.journeys.touches import find_touches
from datalyr_notebook.lint import lint
from datalyr_notebook.loading.files import write_events
from datalyr_notebook.loading.normalize import normalize_events
from datalyr_notebook.overview import overview
from datalyr_notebook.studies.attention import attention
from datalyr_notebook.studies.compare import PolicyComparison, compare_policies
from datalyr_notebook.studies.impact import StitchingImpact, stitching_impact
from datalyr_notebook.studies.match_rate import match_rate
from datalyr_notebook.studies.people import people
from datalyr_notebook.studies.restate import Restatement, restate
from datalyr_notebook.studies.risk import links_at_risk
from datalyr_notebook.studies.score import StitchScore, score_stitching
from datalyr_notebook.studies.what_if import WhatIf, what_if
from datalyr_notebook.traits import merge_traits, trait_history, with_traits

if TYPE_CHECKING:
    from plotly.graph_objects import Figure

    from datalyr_notebook.explorers import AttributionExplorer, IdentityExplorer, JourneyExplorer

Method = TypeVar("Method", bound=Callable[..., Any])

_EXAMPLES = "Examples\n    --------\n    "
"""The heading above a docstring's examples."""


def _says(function: Callable[..., Any]) -> Callable[[Method], Method]:
    """Give a method the docstring and the options of the function it routes to: what Shift-Tab shows."""

    def borrow(method: Method) -> Method:
        method.__doc__ = (function.__doc__ or "").split(">>>")[0].removesuffix(_EXAMPLES).rstrip()
        said = inspect.signature(function)
        own = inspect.Parameter("self", inspect.Parameter.POSITIONAL_OR_KEYWORD)
        options = [*said.parameters.values()][1:]
        method.__signature__ = said.replace(parameters=[own, *options])  # type: ignore[attr-defined]
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

    @_says(explain_link)
    def explain_link(self, a: str, b: str, **options: Any) -> LinkExplanation:
        return explain_link(self._events, a, b, **options)

    @_says(shared_devices)
    def shared_devices(self, rule: StitchRule | None = None, **options: Any) -> pd.DataFrame:
        return shared_devices(self._events, rule, **options)

    @_says(people)
    def people(self, **options: Any) -> pd.DataFrame:
        return people(self._events, **options)

    @_says(match_rate)
    def match_rate(self, by: str | Sequence[str] = "sdk", **options: Any) -> pd.DataFrame:
        return match_rate(self._events, by, **options)

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

    @_says(channel_report)
    def channel_report(self, **options: Any) -> pd.DataFrame:
        return channel_report(self._events, **options)

    @_says(attribute)
    def attribute(self, **options: Any) -> Attribution:
        return attribute(self._events, **options)

    @_says(compare_policies)
    def compare_policies(self, **options: Any) -> PolicyComparison:
        return compare_policies(self._events, **options)

    @_says(stitching_impact)
    def stitching_impact(self, **options: Any) -> StitchingImpact:
        return stitching_impact(self._events, **options)

    @_says(score_stitching)
    def score_stitching(self, **options: Any) -> StitchScore:
        return score_stitching(self._events, **options)

    @_says(restate)
    def restate(self, **options: Any) -> Restatement:
        return restate(self._events, **options)

    @_says(what_if)
    def what_if(self, **options: Any) -> WhatIf:
        return what_if(self._events, **options)

    @_says(links_at_risk)
    def links_at_risk(self, **options: Any) -> pd.DataFrame:
        return links_at_risk(self._events, **options)

    @_says(attention)
    def attention(self, **options: Any) -> pd.DataFrame:
        return attention(self._events, **options)

    @_says(lint)
    def lint(self, **options: Any) -> pd.DataFrame:
        return lint(self._events, **options)

    @property
    def plot(self) -> PlotAccessor:
        """The figures: ``df.datalyr.plot.journey_timeline("user_789")``."""
        return PlotAccessor(self._events)

    @property
    def explore(self) -> ExploreAccessor:
        """The explorers: ``df.datalyr.explore.journeys()``, ``.identities()``, ``.attribution()``."""
        return ExploreAccessor(self._events)

    def __repr__(self) -> str:
        """What the table is, in a few lines: ``overview``."""
        return repr(overview(self._events))

    def _repr_html_(self) -> str:
        """The same as a small table; every text is escaped."""
        return overview(self._events)._repr_html_()

    def _repr_mimebundle_(self, **_: Any) -> dict[str, str]:
        """Both at once: a notebook asks for this first, and the table is looked at once."""
        found = overview(self._events)
        return {"text/plain": repr(found), "text/html": found._repr_html_()}


class PlotAccessor:
    """``df.datalyr.plot``: each method draws one figure of ``datalyr_notebook.figures``."""

    def __init__(self, events: pd.DataFrame) -> None:
        self._events = events

    def journey_timeline(self, person: str, **options: Any) -> Figure:
        """One person's journey: a lane a device; touches, identifies and conversions in time."""
        from datalyr_notebook.figures.timeline import journey_timeline  # noqa: PLC0415  (plotly loads here)

        return journey_timeline(self._events, person, **options)

    def journey_wall(self, people: Iterable[str] | pd.DataFrame, **options: Any) -> Figure:
        """Many people's journeys as small rows, sorted so that patterns show; ``people``: ids, or a people() table."""
        from datalyr_notebook.figures.journey_wall import journey_wall  # noqa: PLC0415  (plotly loads here)

        return journey_wall(self._events, people, **options)

    def trait_timeline(self, person: str, **options: Any) -> Figure:
        """One person's traits: a lane a trait, a bar for as long as each value held."""
        from datalyr_notebook.figures.trait_timeline import trait_timeline  # noqa: PLC0415  (plotly loads here)

        return trait_timeline(self._events, person, **options)

    def identity_graph(self, person: str, **options: Any) -> Figure:
        """A person's devices, users and the links between them; shared devices stand out."""
        from datalyr_notebook.figures.identity_graph import identity_graph  # noqa: PLC0415  (plotly loads here)

        return identity_graph(self._events, person, **options)

    def match_rate_over_time(self, **options: Any) -> Figure:
        """The share of events that belong to known users, over time, a line an sdk."""
        from datalyr_notebook.figures.match_rate import match_rate_over_time  # noqa: PLC0415  (plotly loads here)

        return match_rate_over_time(self._events, **options)

    def policy_comparison(self, *, title: str | None = None, **options: Any) -> Figure:
        """Credit by channel under each policy; ``options`` are those of ``compare_policies``."""
        from datalyr_notebook.figures.policies import policy_comparison  # noqa: PLC0415  (plotly loads here)

        return policy_comparison(compare_policies(self._events, **options), title=title)

    def stitching_impact_bars(self, *, title: str | None = None, **options: Any) -> Figure:
        """Credit device by device, and stitched; ``options`` are those of ``stitching_impact``."""
        from datalyr_notebook.figures.stitching_impact import stitching_impact_bars  # noqa: PLC0415  (plotly loads here)

        return stitching_impact_bars(stitching_impact(self._events, **options), title=title)

    def credit_bars(
        self, *, metric: str = "credit", intervals: bool = False, title: str | None = None, **options: Any
    ) -> Figure:
        """What each channel earned, a bar a model, on request with ``intervals``; ``options`` are ``attribute``'s."""
        from datalyr_notebook.figures.credit_bars import credit_bars  # noqa: PLC0415  (plotly loads here)

        result = attribute(self._events, **options)
        return credit_bars(result.intervals() if intervals else result, metric=metric, title=title)

    def model_comparison(self, *, title: str | None = None, **options: Any) -> Figure:
        """Which channels the models disagree on; ``options`` are those of ``attribute``."""
        from datalyr_notebook.figures.model_comparison import model_comparison  # noqa: PLC0415  (plotly loads here)

        return model_comparison(attribute(self._events, **options).compare(), title=title)

    def credit_over_time(
        self,
        *,
        period: str = "week",
        date: str = "touch",
        metric: str = "credit",
        title: str | None = None,
        **options: Any,
    ) -> Figure:
        """Credit by channel and period; ``options`` are those of ``attribute``."""
        from datalyr_notebook.figures.credit_over_time import credit_over_time  # noqa: PLC0415  (plotly loads here)

        result = attribute(self._events, **options)
        return credit_over_time(result, period=period, date=date, by=result.grouped_by, metric=metric, title=title)

    def channel_flow(
        self,
        *,
        steps: int = 5,
        most_channels: int = 20,
        metric: str = "conversions",
        nulls: bool = False,
        title: str | None = None,
        **options: Any,
    ) -> Figure:
        """Paths as a Sankey diagram, aligned at the conversion; ``options`` are those of ``attribute``."""
        from datalyr_notebook.figures.channel_flow import channel_flow  # noqa: PLC0415  (plotly loads here)

        result = attribute(self._events, **options)
        return channel_flow(result, steps=steps, most_channels=most_channels, metric=metric, nulls=nulls, title=title)

    def cross_device_matrix(self, *, title: str | None = None, **options: Any) -> Figure:
        """Credit by the device of the touch and that of the conversion; ``options`` are those of ``attribute``."""
        from datalyr_notebook.figures.cross_device import cross_device_matrix  # noqa: PLC0415  (plotly loads here)

        return cross_device_matrix(attribute(self._events, **options), title=title)

    def time_lag_histogram(
        self, *, unit: str = "day", since: str = "first_touch", title: str | None = None, **options: Any
    ) -> Figure:
        """How long it took from the touch to the conversion; ``options`` are those of ``attribute``."""
        from datalyr_notebook.figures.time_lag import time_lag_histogram  # noqa: PLC0415  (plotly loads here)

        return time_lag_histogram(attribute(self._events, **options).time_lags(unit=unit, since=since), title=title)


class ExploreAccessor:
    """``df.datalyr.explore``: each method opens one explorer of ``datalyr_notebook.explorers``."""

    def __init__(self, events: pd.DataFrame) -> None:
        self._events = events

    def journeys(self, **options: Any) -> JourneyExplorer:
        """Search people, and see what happened on their devices, event by event, and why it counts as theirs.

        ``state``: that of an explorer before; ``redact=True`` masks ids and traits. Other options are those of
        ``JourneyExplorer``.
        """
        from datalyr_notebook.explorers.journey import JourneyExplorer  # noqa: PLC0415  (ipywidgets loads here)

        return JourneyExplorer(self._events, **options)

    def identities(self, **options: Any) -> IdentityExplorer:
        """What deserves a look, who shares what with whom, and what another rule, or one link less, would change.

        ``state``: that of an explorer before; ``redact=True`` masks ids and traits. Other options are those of
        ``IdentityExplorer``.
        """
        from datalyr_notebook.explorers.identity import IdentityExplorer  # noqa: PLC0415  (ipywidgets loads here)

        return IdentityExplorer(self._events, **options)

    def attribution(self, **options: Any) -> AttributionExplorer:
        """What each channel earned, under any conversion, model, lookback and policy, answered in place.

        ``state``: that of an explorer before; ``redact=True`` masks ids and traits. Other options are those of
        ``AttributionExplorer``.
        """
        from datalyr_notebook.explorers.attribution import AttributionExplorer  # noqa: PLC0415  (ipywidgets loads here)

        return AttributionExplorer(self._events, **options)
