"""what_if: who and how much money moves if links are taken away."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass
from typing import Any, Final

import numpy as np
import pandas as pd

from datalyr_notebook import errors
from datalyr_notebook.attribution.protocol import Model
from datalyr_notebook.identity.identity_links import identity_links
from datalyr_notebook.identity.rule import StitchRule
from datalyr_notebook.identity.stitching import stitch, stitch_without
from datalyr_notebook.journeys.conversions import Conversion
from datalyr_notebook.loading.encoding import part_of
from datalyr_notebook.loading.normalize import as_canonical
from datalyr_notebook.notices import repeated
from datalyr_notebook.progress import steps
from datalyr_notebook.rendering import counted
from datalyr_notebook.studies.clusters import find_clusters
from datalyr_notebook.studies.difference import Crediting, Difference, split_options, study_rule, tables

LINK_KEY: Final = ["id", "other_id", "kind"]
"""What tells one link from another."""


@dataclass(frozen=True, repr=False, eq=False)
class WhatIf(Difference):
    """What taking links away changes: before = with them, after = without. Made by ``what_if``."""

    without: pd.DataFrame
    """The links that were taken away, in the columns of ``identity_links``."""

    def _subject(self) -> str:
        return f"Without {counted(len(self.without), 'link')}"


def what_if(
    events: pd.DataFrame,
    *,
    without: pd.DataFrame,
    rule: StitchRule | None = None,
    conversion: Conversion = "purchase",
    model: str | Model = "hybrid",
    by: str | Iterable[str] = "channel",
    **keywords: Any,
) -> WhatIf:
    """Who and how much money moves if these links are taken away.

    ``without``: rows of ``identity_links(events, rule)``; of their columns id, other_id and kind are
    read. The evidence behind them does not exist then; rows keep their own user_id. Before = with the
    links, after = without them; other keywords are options of ``stitch`` or
    ``attribute``.

    ``people.known_from``: when the first evidence that ties the events to person_before became known.
    Each side's credit sums to its conversions' value; the sides differ only where one order_id, or
    a refund, is on two persons on one of them.

    Raises UnknownLinkError for links that the events do not show under this rule, OptionError, and
    what stitch and attribute raise.

    >>> from datalyr_notebook.loading.samples import load_sample
    >>> events = load_sample("web_to_app")  # a click on the web, then an install matched by IP
    >>> links = identity_links(events)
    >>> what_if(events, without=links[links["kind"] == "bridge:ip"], conversion="subscribe").credit
            channel  before  after  change
    0  unattributed    0.00   9.99    9.99
    1   Paid Social    9.99   0.00   -9.99
    """
    of_rule, of_attribute = split_options("what_if", keywords)
    rule = study_rule("what_if", rule, of_rule)
    crediting = Crediting(conversion=conversion, model=model, by=by, options=of_attribute)
    crediting.one_model("what_if")
    whole = as_canonical(events, "what_if")
    table = rule.known(whole)
    kept = rule.happened(whole)
    with steps("what if", 4) as step:
        step("finding the links")
        links = asked_links("what_if", without, table, rule)
        step("stitching")
        given = stitch(table, rule)
        step("stitching without the links")
        with repeated():
            bare = stitch_without(table, links, rule)
        step("comparing")
        return WhatIf(**tables(given, bare, crediting, kept=kept, learned_by=given), without=links)


def asked_links(step: str, without: pd.DataFrame, events: pd.DataFrame, rule: StitchRule) -> pd.DataFrame:
    """The links asked for, as identity_links shows them; ``step`` is who asks.

    Raises OptionError for what is no table of links, UnknownLinkError.
    """
    if not isinstance(without, pd.DataFrame) or not set(LINK_KEY) <= set(without.columns):
        found = list(without.columns) if isinstance(without, pd.DataFrame) else without
        found = "a Series" if isinstance(without, pd.Series) else found
        words = "rows of identity_links(events, rule): a table with the columns id, other_id and kind"
        raise errors.OptionError(step, "without", found, words)
    links = links_shown(without, events, rule)
    asked = without[LINK_KEY].astype(object).drop_duplicates()
    missing = asked[~_keys(asked).isin(_keys(links))]
    if len(missing):
        raise errors.UnknownLinkError(step, missing.itertuples(index=False, name=None))
    return links


def links_shown(asked: pd.DataFrame, events: pd.DataFrame, rule: StitchRule) -> pd.DataFrame:
    """Those of the links that known events show under a rule, as identity_links shows them."""
    clusters = find_clusters(events, rule)
    concerned = np.flatnonzero(np.isin(clusters.row, np.concatenate(clusters.of(asked["id"]))))
    links = identity_links(part_of(events, concerned), rule)
    return links[_keys(links).isin(_keys(asked))].reset_index(drop=True)


def _keys(links: pd.DataFrame) -> pd.MultiIndex:
    return pd.MultiIndex.from_frame(links[LINK_KEY].astype(object))
