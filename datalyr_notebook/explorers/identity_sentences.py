"""What the identity explorer says of what it shows, in sentences."""

from __future__ import annotations

from datalyr_notebook.figures.identity_graph_rows import PersonGraph
from datalyr_notebook.figures.theme import shortened
from datalyr_notebook.identity.rule import StitchRule
from datalyr_notebook.rendering import counted, moment
from datalyr_notebook.studies.difference import Difference


def person_sentence(graph: PersonGraph, events: int, total: int) -> str:
    """Who is shown and how much of them."""
    ids = f"{len(graph.nodes):,} of {counted(graph.total, 'id')}"
    return f"{shortened(graph.person, 40)}: {ids} shown, {events:,} of {counted(total, 'event')}."


def listing_sentence(look: str, listed: int, total: int) -> str:
    """How much of the list is listed."""
    if total:
        return f"{listed:,} of {counted(total, 'finding')} listed."
    if look == "all":
        return "Nothing deserves a look under this rule."
    return f"No {look} is found under this rule: look at all."


def changes_sentence(changes: Difference, rule: StitchRule, taken: int, *, is_new: bool) -> str:
    """What the state changes against the explorer as it was opened. ``rule``: of the side that is
    shown; ``taken``: the links that it has no more.
    """
    if not is_new:
        return ""
    facts = changes.summary.iloc[0]
    before, now, events, owners, conversions = (
        int(facts[name])
        for name in ("people_before", "people_after", "events_moved", "people_moved", "conversions_moved")
    )
    known = (
        "" if rule.as_of is None else f"Of the {counted(int(facts['events']), 'event')} until {moment(rule.as_of)}: "
    )
    less = f"Without {counted(taken, 'link')}: " if taken else ""
    people = f"{known}{less}{counted(before, 'person', 'people')} before, {now:,} now"
    if not events:
        return f"{people}; no event has another owner than when the explorer was opened."
    people = f"{people}; {counted(events, 'event')} of {counted(owners, 'person', 'people')} changed hands"
    if not facts["conversions_before"] and not facts["conversions_after"]:
        return f"{people}; no event counts as a conversion, so no money moves."
    return (
        f"{people}; {facts['credit_moved']:,.2f} of {facts['value_before']:,.2f} moves to another channel "
        f"({counted(conversions, 'conversion')})."
    )
