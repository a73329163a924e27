"""A client of the Datalyr API, as an analyst meets it."""

from __future__ import annotations


class Client:
    """Soon."""
