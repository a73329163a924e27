"""A rule about consent: click ids that are still there after marketing was declined."""

from __future__ import annotations

from typing import Any, Final

import numpy as np

from datalyr_notebook.lint.examples import most_of
from datalyr_notebook.lint.tracked import Found, Tracked
from datalyr_notebook.loading import layers
from datalyr_notebook.loading.addresses import CLICK_KEYS, read_page
from datalyr_notebook.loading.evidence import FALSE

CHOICES: Final = ("marketing", "sale")
"""Either one declined: the SDK strips click ids from the payload, but not from addresses."""
ADDRESSES: Final = ("url", "landingPage", "landing_page", "page_url", "search")
_NAMED: Final = ("clickId", "click_id", *CLICK_KEYS)


def clicks_after_refusal(tracked: Tracked) -> Found | None:
    """Events with consent for marketing or sale declined that still name a click: a click id, or one in an address.

    Reads ``consent`` of the payload, or the columns consent_marketing and consent_sale.
    """
    frame = tracked.events.frame
    refused = np.zeros(len(frame), dtype=bool)
    for choice in CHOICES:
        for column in (f"consent_{choice}", f"consent.{choice}"):
            refused |= layers.has(frame, column, among=FALSE)
    nested, payloads = tracked.payloads
    bodies = {int(row): payload for row, payload in zip(nested, payloads, strict=True) if _declined(payload)}
    refused[list(bodies)] = True
    rows = np.flatnonzero(refused)
    present = [name for name in (*_NAMED, *ADDRESSES) if name in frame.columns]
    columns = {name: frame[name].iloc[rows].astype(object).to_numpy() for name in present}
    counts: dict[str, int] = {}
    kept = []
    for place, row in enumerate(rows.tolist()):
        flat = {name: cells[place] for name, cells in columns.items()}
        where = _click_in(bodies.get(row, {})) or _click_in(flat)
        if where is not None:
            kept.append(row)
            counts[where] = counts.get(where, 0) + 1
    return tracked.events.found(tracked.events.these(np.array(kept, dtype=np.int64)), most_of(counts))


def _declined(payload: dict[str, Any]) -> bool:
    consent = payload.get("consent")
    return isinstance(consent, dict) and any(_says_no(consent.get(choice)) for choice in CHOICES)


def _says_no(choice: object) -> bool:
    return choice is False or (isinstance(choice, str | int | np.bool_) and str(choice).casefold() in FALSE)


def _click_in(part: dict[str, Any]) -> str | None:
    """Where a click id stands: its key, or the address; None where there is none."""
    named = next((key for key in _NAMED if _is_text(part.get(key))), None)
    if named is not None:
        return named
    for key in ADDRESSES:
        address = part.get(key)
        if isinstance(address, str):
            clues = read_page(address)
            if clues.click_id is not None:
                return f"{clues.click_id_type} in {key}"
    return None


def _is_text(value: object) -> bool:
    return isinstance(value, str) and bool(value.strip())
