"""Attribution models: the visible table of those that exist, and how one is asked for."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping
from typing import Final, TypeAlias

from datalyr_notebook import errors
from datalyr_notebook.attribution import markov, rules, shapley, shares
from datalyr_notebook.attribution.protocol import FittedModel, Model, TotalModel, TouchModel

Models: TypeAlias = "str | Model | Iterable[str | Model] | Mapping[str, str | Model]"

MODELS: Final[dict[str, Callable[[], Model]]] = {
    "hybrid": rules.Hybrid,
    "first_touch": rules.FirstTouch,
    "last_touch": rules.LastTouch,
    "session_touch": rules.SessionTouch,
    "last_click": rules.LastClick,
    "last_non_direct": rules.LastNonDirect,
    "linear": shares.Linear,
    "time_decay": shares.TimeDecay,
    "position_based": shares.PositionBased,
    "j_shaped": shares.JShaped,
    "inverse_j": shares.InverseJ,
    "w_shaped": shares.WShaped,
    "full_path": shares.FullPath,
    "participation": shares.Participation,
    "markov": markov.Markov,
    "markov_journey": markov.MarkovJourney,
    "shapley": shapley.Shapley,
    "shapley_rate": shapley.ShapleyRate,
}
"""Name → what makes the model with its default parameters."""

_OURS: Final = tuple(MODELS)


def register_model(name: str, factory: Callable[[], Model]) -> None:
    """Add a model to ``MODELS``, so that ``model=name`` finds it.

    ``factory`` makes the model when called without arguments: a class, or a function. A model has
    ``weights(journeys)`` (one number ≥ 0 a touch, summing to 1 in each journey), ``fit(path_counts)`` (which
    answers such a model) or ``totals(path_counts)``. A name of your own may be given again, so that a
    notebook's cell can run twice. Raises OptionError for a name of ours, and for a factory that makes no model.

    >>> register_model("slow_decay", lambda: shares.TimeDecay(half_life_days=30))
    >>> MODELS.pop("slow_decay")().half_life_days
    30
    """
    if not isinstance(name, str) or not name.strip() or name in _OURS:
        raise errors.OptionError("register_model", "name", name, f"a name that is not one of {', '.join(_OURS)}")
    try:
        model = factory()
    except TypeError:
        model = None
    if not _is_model(model):
        words = "a class or function that makes a model, called without arguments: with weights(), fit() or totals()"
        raise errors.OptionError("register_model", "factory", factory, words)
    MODELS[name] = factory


def resolve(given: Models) -> dict[str, Model]:
    """The models asked for, by name, in the order asked for; a second of one name is numbered.

    >>> list(resolve(["linear", "hybrid", shares.Linear(per="channel")]))
    ['linear', 'hybrid', 'linear_2']
    """
    if isinstance(given, Mapping) and given:
        return {str(name): _one(model) for name, model in given.items()}
    asked = [given] if isinstance(given, str) or _is_model(given) or not isinstance(given, Iterable) else list(given)
    if not asked:
        raise errors.OptionError("attribute", "model", given, MODELS)
    found: dict[str, Model] = {}
    for place, one in enumerate(asked):
        model, name = _one(one), _name(one)
        if isinstance(one, str) and one in asked[:place]:
            continue
        number = next(count for count in range(1, len(asked) + 1) if (_numbered(name, count)) not in found)
        found[_numbered(name, number)] = model
    return found


def joined(models: Mapping[str, Model], others: Mapping[str, Model]) -> dict[str, Model]:
    """The models, then the others that are not among them; a second of one name is numbered.

    >>> list(joined({"linear": shares.Linear()}, resolve(["hybrid", "linear", shares.Linear(per="channel")])))
    ['linear', 'hybrid', 'linear_2']
    """
    found = dict(models)
    for name, model in others.items():
        if found.get(name) == model:
            continue
        number = next(count for count in range(1, len(found) + 2) if _numbered(name, count) not in found)
        found[_numbered(name, number)] = model
    return found


def _numbered(name: str, count: int) -> str:
    return name if count == 1 else f"{name}_{count}"


def _is_model(given: object) -> bool:
    return isinstance(given, TouchModel | FittedModel | TotalModel) and not isinstance(given, type)


def _one(model: object) -> Model:
    if isinstance(model, str) and model in MODELS:
        return MODELS[model]()
    if isinstance(model, type) and isinstance(model, TouchModel | FittedModel | TotalModel):
        words = f"an object, {model.__name__}(), with the model's parameters in its brackets"
        raise errors.OptionError("attribute", "model", model.__name__, words)
    if not isinstance(model, TouchModel | FittedModel | TotalModel):
        raise errors.OptionError("attribute", "model", model, MODELS)
    return model


def _name(model: object) -> str:
    if isinstance(model, str):
        return model
    return next((name for name, factory in MODELS.items() if factory is type(model)), type(model).__name__)
