"""The Datalyr API, asked over HTTPS: the client and what it is made of, and a sandbox that answers on this machine."""

from __future__ import annotations

from datalyr_notebook.api.client import Client
from datalyr_notebook.api.paging import Paging

__all__ = ["Client", "Paging"]
