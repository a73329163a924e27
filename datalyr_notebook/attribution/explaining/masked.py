"""An explained conversion as it may be shown: ids become numbers, and sentences that quote ids go."""

from __future__ import annotations

from dataclasses import replace
from typing import TYPE_CHECKING

from datalyr_notebook import schema
from datalyr_notebook.redaction import HIDDEN, Redaction

if TYPE_CHECKING:
    from datalyr_notebook.attribution.explain import CreditExplanation


def masked(told: CreditExplanation, redaction: Redaction) -> CreditExplanation:
    """The same explanation, its tables masked; the evidence of identity, which quotes ids in sentences, is hidden.

    Rules and reasons are words of this package, and stay, as do the weights.
    """
    if not redaction.masks:
        return told
    conversion = redaction.table(told.conversion.to_frame().T).iloc[0]
    touches = redaction.table(told.touches).assign(evidence=HIDDEN)
    kept = ["channel_rule", *told.touches.columns[len(schema.EXPLAINED_TOUCHES) :]]
    touches[kept] = told.touches[kept]
    left_out = redaction.table(told.left_out).assign(reason=told.left_out["reason"])
    return replace(told, conversion=conversion, touches=touches, left_out=left_out)
