"""Attribution models: what one is, and the visible table of those that exist."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping
from typing import Final, Protocol, TypeAlias, runtime_checkable

import numpy as np
import numpy.typing as npt

from datalyr_notebook import errors
from datalyr_notebook.attribution import rules
from datalyr_notebook.journeys.windows import Journeys


@runtime_checkable
class Model(Protocol):
    """A touch model: shares each conversion out among its touches."""

    def weights(self, journeys: Journeys) -> npt.NDArray[np.float64]:
        """Weights ≥ 0, one a place of the journeys, that sum to 1 within each journey."""
        ...


Models: TypeAlias = "str | Model | Iterable[str | Model] | Mapping[str, str | Model]"

MODELS: Final[dict[str, Callable[[], Model]]] = {
    "hybrid": rules.Hybrid,
    "first_touch": rules.FirstTouch,
    "last_touch": rules.LastTouch,
    "last_non_direct": rules.LastNonDirect,
    "linear": rules.Linear,
}
"""Name → what makes the model with its default parameters."""


def resolve(given: Models) -> dict[str, Model]:
    """The models asked for, by name, in the order asked for.

    >>> list(resolve(["linear", "hybrid"]))
    ['linear', 'hybrid']
    """
    if isinstance(given, Mapping):
        return {str(name): _one(model) for name, model in given.items()}
    asked = [given] if isinstance(given, str | Model) else list(given)
    if not asked:
        raise errors.OptionError("attribute", "model", given, MODELS)
    return {_name(model): _one(model) for model in asked}


def _one(model: str | Model) -> Model:
    if isinstance(model, str):
        if model not in MODELS:
            raise errors.OptionError("attribute", "model", model, MODELS)
        return MODELS[model]()
    if not isinstance(model, Model) or isinstance(model, type):
        raise errors.OptionError("attribute", "model", model, MODELS)
    return model


def _name(model: str | Model) -> str:
    if isinstance(model, str):
        return model
    return next((name for name, factory in MODELS.items() if factory is type(model)), type(model).__name__)
