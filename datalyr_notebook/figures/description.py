"""What a figure shows as text (stub)."""

from __future__ import annotations

import plotly.graph_objects as go


def describe(figure: go.Figure) -> str:
    """Stub."""
    return str(figure.layout.title.text)
