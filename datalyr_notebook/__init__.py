"""Stitch events into people across devices, merge their traits, and see which ad earned each conversion."""

from __future__ import annotations

from importlib import import_module
from typing import TYPE_CHECKING, Any

from datalyr_notebook.accessor import DatalyrAccessor
from datalyr_notebook.attribution.attribute import attribute
from datalyr_notebook.attribution.comparison import ModelComparison
from datalyr_notebook.attribution.explain import CreditExplanation
from datalyr_notebook.attribution.markov import Markov, MarkovJourney
from datalyr_notebook.attribution.models import MODELS, register_model
from datalyr_notebook.attribution.paths import PathCounts
from datalyr_notebook.attribution.result import Attribution
from datalyr_notebook.attribution.rules import FirstTouch, Hybrid, LastClick, LastNonDirect, LastTouch, SessionTouch
from datalyr_notebook.attribution.shapley import Shapley, ShapleyRate
from datalyr_notebook.attribution.shares import (
    CustomWeights,
    FullPath,
    InverseJ,
    JShaped,
    Linear,
    Participation,
    PositionBased,
    TimeDecay,
    WShaped,
)
from datalyr_notebook.errors import DatalyrError
from datalyr_notebook.identity.explain import LinkExplanation, explain_link
from datalyr_notebook.identity.identity_links import identity_links
from datalyr_notebook.identity.policies import POLICIES
from datalyr_notebook.identity.rule import StitchRule
from datalyr_notebook.identity.shared_devices import shared_devices
from datalyr_notebook.identity.stitching import stitch
from datalyr_notebook.journeys.channel_report import channel_report
from datalyr_notebook.journeys.channels import ChannelRule
from datalyr_notebook.journeys.conversions import find_conversions
from datalyr_notebook.journeys.touches import find_touches
from datalyr_notebook.lint import lint
from datalyr_notebook.loading.files import read_events, write_events
from datalyr_notebook.loading.normalize import normalize_events
from datalyr_notebook.loading.report import LoadReport
from datalyr_notebook.loading.samples import load_sample
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
    from datalyr_notebook import api, explorers, figures
    from datalyr_notebook.api import Client
    from datalyr_notebook.explorers import AttributionExplorer, IdentityExplorer, JourneyExplorer

__version__ = "0.1.0"

__all__ = [
    "MODELS",
    "POLICIES",
    "Attribution",
    "AttributionExplorer",
    "ChannelRule",
    "Client",
    "CreditExplanation",
    "CustomWeights",
    "DatalyrAccessor",
    "DatalyrError",
    "FirstTouch",
    "FullPath",
    "Hybrid",
    "IdentityExplorer",
    "InverseJ",
    "JShaped",
    "JourneyExplorer",
    "LastClick",
    "LastNonDirect",
    "LastTouch",
    "Linear",
    "LinkExplanation",
    "LoadReport",
    "Markov",
    "MarkovJourney",
    "ModelComparison",
    "Participation",
    "PathCounts",
    "PolicyComparison",
    "PositionBased",
    "Restatement",
    "SessionTouch",
    "Shapley",
    "ShapleyRate",
    "StitchRule",
    "StitchScore",
    "StitchingImpact",
    "TimeDecay",
    "WShaped",
    "WhatIf",
    "api",
    "attention",
    "attribute",
    "channel_report",
    "compare_policies",
    "explain_link",
    "explorers",
    "figures",
    "find_conversions",
    "find_touches",
    "identity_links",
    "links_at_risk",
    "lint",
    "load_sample",
    "match_rate",
    "merge_traits",
    "normalize_events",
    "people",
    "read_events",
    "register_model",
    "restate",
    "score_stitching",
    "shared_devices",
    "stitch",
    "stitching_impact",
    "trait_history",
    "what_if",
    "with_traits",
    "write_events",
]

_HEAVY = ("api", "explorers", "figures")
"""Rooms that load requests, plotly and ipywidgets: imported when they are first asked for."""
_FROM_HEAVY = {
    "Client": "api",
    "AttributionExplorer": "explorers",
    "IdentityExplorer": "explorers",
    "JourneyExplorer": "explorers",
}


def __getattr__(name: str) -> Any:  # noqa: ANN401  (a module or a class)
    if name in _HEAVY:
        return import_module(f"{__name__}.{name}")
    if name in _FROM_HEAVY:
        return getattr(import_module(f"{__name__}.{_FROM_HEAVY[name]}"), name)
    message = f"module {__name__!r} has no attribute {name!r}"
    raise AttributeError(message)


def __dir__() -> list[str]:
    return sorted([*__all__, "__version__"])
