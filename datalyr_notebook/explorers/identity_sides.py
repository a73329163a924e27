"""The events under a state's rule beside the events as an explorer was opened, and what differs between them."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass, replace
from typing import Any, Final

import numpy as np
import pandas as pd

from datalyr_notebook import schema
from datalyr_notebook.attribution.result import Attribution
from datalyr_notebook.explorers.source import Source
from datalyr_notebook.identity.rule import StitchRule
from datalyr_notebook.identity.stitching import stitch, stitch_without
from datalyr_notebook.notices import repeated
from datalyr_notebook.order import Flags
from datalyr_notebook.progress import steps
from datalyr_notebook.studies.attention import attention
from datalyr_notebook.studies.clusters import Clusters, find_clusters
from datalyr_notebook.studies.difference import Crediting, Difference, tables_of
from datalyr_notebook.studies.what_if import LINK_KEY, links_shown

EMAIL: Final = "email"

State = dict[str, Any]
Link = tuple[str, str, str]
"""id, other_id and kind of a row of identity_links."""


@dataclass(frozen=True, repr=False, eq=False)
class Ruled:
    """The events under a rule."""

    rule: StitchRule
    stitched: pd.DataFrame
    found: pd.DataFrame
    """What deserves a look, in the columns of ``schema.IDENTITY_ATTENTION``."""
    clusters: Clusters
    """Which of the rows evidence ties together."""


@dataclass(frozen=True, repr=False, eq=False)
class Shown:
    """The same without the links that are taken away."""

    without: tuple[Link, ...]
    stitched: pd.DataFrame
    links: pd.DataFrame
    """Those of ``without`` that the events show under the rule, as identity_links shows them."""
    changes: Difference
    """From the events as the explorer was opened to these; of the events that both sides know."""


class IdentitySides:
    """Both sides, kept between changes in the attributes; nothing of them is masked.

    ``opened``: the events as the explorer was opened, which everything is compared with, and
    ``opened_credit`` their credit. ``ruled``: the events under the state's rule. ``shown``: the same without
    the links taken away. Each is worked out again only where the state differs in what it reads.
    """

    def __init__(self, source: Source, crediting: Crediting) -> None:
        self.source, self.crediting = source, crediting
        self.opened = self._looked_at(source.rule, source.rule.known(source.stitched))
        self.opened_credit = self._credit(self.opened.stitched)
        self.ruled = self.opened
        self.unchanged = Difference(
            **tables_of(self.opened_credit, self.opened_credit, learned_by=self.opened.stitched)
        )
        """The difference of the events as opened to themselves."""
        self.shown = self._shown(self.opened, ())

    def rule(self, state: State) -> StitchRule:
        """The rule that a state asks for, which was checked."""
        opened, as_of = self.opened.rule, state["as_of"]
        merge_on = opened.merge_on
        if state["trust_email"] != (EMAIL in merge_on):
            others = tuple(trait for trait in merge_on if trait != EMAIL)
            merge_on = (*others, EMAIL) if state["trust_email"] else others
        moment = pd.Timestamp(as_of) if as_of else None
        return replace(opened, policy=state["policy"], as_of=moment, merge_on=merge_on)

    def judge(self, state: State, without: tuple[Link, ...]) -> None:
        """Bring both sides in line with a state and links taken away; where that fails they stay as they are."""
        rule = self.rule(state)
        is_new_rule = rule != self.ruled.rule
        if not is_new_rule and without == self.shown.without:
            return
        with steps("identity", 3) as step:
            step("who is who")
            ruled = self.ruled
            if is_new_rule:
                stitched = self.opened.stitched if rule == self.opened.rule else stitch(self.source.events, rule)
                step("what deserves a look")
                ruled = self.opened if rule == self.opened.rule else self._looked_at(rule, stitched)
            step("what changes")
            shown = self._shown(ruled, without)
        self.ruled, self.shown = ruled, shown

    def misjudged(self) -> int:
        """Of a table that came stitched: events whose owner is another under the rule that it is said to follow."""
        with repeated():
            again = stitch(self.source.events, self.opened.rule)
        was, now = (side["person_id"].astype(object).to_numpy() for side in (self.opened.stitched, again))
        missing = self.opened.stitched["person_id"].isna().to_numpy()
        return int(((was != now) & ~missing).sum())

    def _looked_at(self, rule: StitchRule, stitched: pd.DataFrame) -> Ruled:
        crediting = self.crediting
        with repeated():
            found = attention(
                stitched,
                rule=rule,
                conversion=crediting.conversion_of(self._kept(stitched)),
                model=crediting.model,
                by=crediting.by,
                **crediting.options,
            )
        return Ruled(rule, stitched, found, find_clusters(stitched, rule))

    def _shown(self, ruled: Ruled, without: tuple[Link, ...]) -> Shown:
        stitched, links = ruled.stitched, schema.empty(schema.IDENTITY_LINKS)
        if without:
            events = ruled.rule.known(self.source.events)
            links = links_shown(link_frame(without), events, ruled.rule)
            with repeated():
                stitched = stitch_without(events, links, ruled.rule) if len(links) else stitched
        return Shown(without, stitched, links, self._changes(stitched))

    def _changes(self, shown: pd.DataFrame) -> Difference:
        """What the events that both sides know win and lose."""
        before, after, one = self.opened.stitched, shown, self.opened_credit
        if after is before:
            return self.unchanged
        is_more, is_less = len(after) > len(before), len(after) < len(before)
        with repeated():
            if is_less:
                before = before.loc[before.index.isin(after.index)]
                one = self._credit(before)
            elif is_more:
                after = after.loc[after.index.isin(before.index)]
            other = self._credit(after)
        # The side that knows later events knows, too, since when.
        return Difference(**tables_of(one, other, learned_by=after if is_more else before))

    def _credit(self, stitched: pd.DataFrame) -> Attribution:
        return self.crediting.credit(stitched, self._kept(stitched))

    def _kept(self, stitched: pd.DataFrame) -> Flags:
        """Which rows of the table these are."""
        kept = np.zeros(len(self.source.given), dtype=bool)
        kept[stitched.index.to_numpy()] = True
        return kept


def link_frame(links: Iterable[Link]) -> pd.DataFrame:
    """Links as a table of their ids and kinds."""
    return pd.DataFrame(list(links), columns=LINK_KEY, dtype=object)
