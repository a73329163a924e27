"""Figures: each takes a finished table and returns a plotly figure; its ``_data`` pair returns the rows drawn.

``describe`` says in words what any of them shows. A figure computes no attribution, shows nothing by itself, and
touches no global template.
"""

from datalyr_notebook.figures.channel_flow import channel_flow, channel_flow_data
from datalyr_notebook.figures.credit_bars import credit_bars, credit_bars_data
from datalyr_notebook.figures.credit_over_time import credit_over_time, credit_over_time_data
from datalyr_notebook.figures.cross_device import cross_device_matrix, cross_device_matrix_data
from datalyr_notebook.figures.description import describe
from datalyr_notebook.figures.identity_graph import identity_graph, identity_graph_data
from datalyr_notebook.figures.journey_wall import journey_wall, journey_wall_data
from datalyr_notebook.figures.match_rate import match_rate_over_time, match_rate_over_time_data
from datalyr_notebook.figures.model_comparison import model_comparison, model_comparison_data
from datalyr_notebook.figures.policies import policy_comparison, policy_comparison_data
from datalyr_notebook.figures.stitching_impact import stitching_impact_bars, stitching_impact_bars_data
from datalyr_notebook.figures.time_lag import time_lag_histogram, time_lag_histogram_data
from datalyr_notebook.figures.timeline import journey_timeline, journey_timeline_data
from datalyr_notebook.figures.trait_timeline import trait_timeline, trait_timeline_data

__all__ = [
    "channel_flow",
    "channel_flow_data",
    "credit_bars",
    "credit_bars_data",
    "credit_over_time",
    "credit_over_time_data",
    "cross_device_matrix",
    "cross_device_matrix_data",
    "describe",
    "identity_graph",
    "identity_graph_data",
    "journey_timeline",
    "journey_timeline_data",
    "journey_wall",
    "journey_wall_data",
    "match_rate_over_time",
    "match_rate_over_time_data",
    "model_comparison",
    "model_comparison_data",
    "policy_comparison",
    "policy_comparison_data",
    "stitching_impact_bars",
    "stitching_impact_bars_data",
    "time_lag_histogram",
    "time_lag_histogram_data",
    "trait_timeline",
    "trait_timeline_data",
]


def __dir__() -> list[str]:
    """What tab completion offers: the figures and their data, without the rooms they are made in."""
    return __all__
