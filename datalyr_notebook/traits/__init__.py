"""Traits: what ``$identify`` calls said of a person, merged key by key, and what held at which time."""

from datalyr_notebook.traits.history import trait_history
from datalyr_notebook.traits.merge import merge_traits, with_traits

__all__ = ["merge_traits", "trait_history", "with_traits"]
