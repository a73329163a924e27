"""Explorers: controls, one figure, and a table, for looking, choosing and asking why. ipywidgets lives here."""
