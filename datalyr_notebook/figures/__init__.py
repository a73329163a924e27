"""Figures: each takes a finished table and returns a plotly figure; its ``_data`` pair returns the rows drawn.

A figure computes no attribution, shows nothing by itself, and touches no global template.
"""

from datalyr_notebook.figures.timeline import journey_timeline, journey_timeline_data
from datalyr_notebook.figures.trait_timeline import trait_timeline, trait_timeline_data

__all__ = ["journey_timeline", "journey_timeline_data", "trait_timeline", "trait_timeline_data"]
