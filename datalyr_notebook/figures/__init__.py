"""Figures: each takes a finished table and returns a plotly figure; its ``_data`` pair returns the rows drawn.

A figure computes no attribution, shows nothing by itself, and touches no global template.
"""

from datalyr_notebook.figures.identity_graph import identity_graph, identity_graph_data
from datalyr_notebook.figures.match_rate import match_rate_over_time, match_rate_over_time_data
from datalyr_notebook.figures.policies import policy_comparison, policy_comparison_data
from datalyr_notebook.figures.timeline import journey_timeline, journey_timeline_data
from datalyr_notebook.figures.trait_timeline import trait_timeline, trait_timeline_data

__all__ = [
    "identity_graph",
    "identity_graph_data",
    "journey_timeline",
    "journey_timeline_data",
    "match_rate_over_time",
    "match_rate_over_time_data",
    "policy_comparison",
    "policy_comparison_data",
    "trait_timeline",
    "trait_timeline_data",
]
