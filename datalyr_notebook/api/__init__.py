"""The Datalyr API, asked over HTTPS: the client, and what it is made of."""

from __future__ import annotations

from datalyr_notebook.api.client import Client

__all__ = ["Client"]
