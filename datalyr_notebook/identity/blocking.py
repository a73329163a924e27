"""Ids and trait values that are nobody's: the null-like list, widened by ``block=`` and narrowed by ``allow=``."""

from __future__ import annotations

import re
from collections.abc import Iterable
from typing import NamedTuple

import numpy as np
import pandas as pd
import pyarrow as pa
import pyarrow.compute as pc

from datalyr_notebook import schema
from datalyr_notebook.hashing import cell_text, one_array
from datalyr_notebook.loading.encoding import nobody
from datalyr_notebook.order import Flags

_ANY = "%"


class BlockList(NamedTuple):
    """What is compared, trimmed and case-folded: whole texts, and patterns in which ``%`` is any run of characters."""

    block: frozenset[str] = frozenset()
    patterns: tuple[str, ...] = ()
    allow: frozenset[str] = frozenset()

    @classmethod
    def of(cls, block: Iterable[str], allow: Iterable[str]) -> BlockList:
        """The list that an analyst's options mean."""
        folded = {cell_text(text).strip().casefold() for text in block}
        patterns = sorted(text for text in folded if _ANY in text)
        return cls(
            frozenset(folded) - set(patterns), tuple(patterns), frozenset(one.strip().casefold() for one in allow)
        )

    def nobody(self, texts: pd.Index) -> Flags:
        """Which texts are nobody's."""
        flags: Flags = nobody(texts, block=self.block, allow=self.allow)
        if self.patterns and len(texts):
            folded = pc.utf8_trim_whitespace(pc.utf8_lower(one_array(pa.array(texts, from_pandas=True))))
            for pattern in self.patterns:
                likely = pc.fill_null(pc.match_like(folded, _as_like(pattern)), fill_value=False)
                flags |= np.asarray(likely, dtype=bool)
            for place in np.flatnonzero(flags).tolist():
                flags[place] = self.holds(str(texts[place]))
        return flags

    def holds(self, text: str) -> bool:
        """Whether one text is nobody's.

        >>> BlockList.of(["%@example.invalid"], []).holds("Kate@Example.Invalid ")
        True
        """
        bare = text.strip().casefold()
        if bare in self.allow:
            return False
        return schema.is_null_like(text, block=self.block) or any(_matches(one, bare) for one in self.patterns)


def _as_like(pattern: str) -> str:
    """The pattern in SQL's LIKE, in which an underscore is any character: what it finds is looked at again.

    Arrow takes the text between two ``%`` as it is, escapes and all: a backslash is not escaped, but any character.
    """
    return pattern.replace("\\", "_")


def _matches(pattern: str, bare: str) -> bool:
    parts = ".*".join(re.escape(part) for part in pattern.split(_ANY))
    return re.fullmatch(parts, bare, re.DOTALL) is not None
