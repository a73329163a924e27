"""What the identity explorer answers, without a widget: what deserves a look, a person's graph, what a rule changes."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import replace
from typing import Any, Final

import numpy as np
import pandas as pd
import plotly.graph_objects as go

from datalyr_notebook import errors, options, schema
from datalyr_notebook.explorers.explorer import Answer, State
from datalyr_notebook.explorers.identity_sentences import changes_sentence, listing_sentence, person_sentence
from datalyr_notebook.explorers.identity_sides import EMAIL, IdentitySides, Link, link_frame
from datalyr_notebook.explorers.source import Source
from datalyr_notebook.explorers.stage import Stage
from datalyr_notebook.figures.identity_graph import draw_graph
from datalyr_notebook.figures.identity_graph_rows import (
    IDENTITY_GRAPH,
    PersonGraph,
    find_person_graph,
    graph_table,
    masked,
    person_part,
)
from datalyr_notebook.figures.layout import headed, say_empty
from datalyr_notebook.figures.theme import themed
from datalyr_notebook.identity.persons import find_person, rows_with
from datalyr_notebook.identity.policies import POLICIES
from datalyr_notebook.order import Ints
from datalyr_notebook.rendering import counted
from datalyr_notebook.studies.attention import REASONS
from datalyr_notebook.studies.difference import Crediting
from datalyr_notebook.studies.what_if import LINK_KEY, asked_links

STEP: Final = "identities"
ALL: Final = "all"
LOOKS: Final = (ALL, *REASONS)
DEFAULTS: Final[State] = {
    "look": ALL,
    "person": None,
    "policy": None,
    "as_of": None,
    "trust_email": None,
    "without": [],
}
"""None: the person of the first finding, and what the rule says that the explorer was opened with."""
EVER: Final = ""
"""The ``as_of`` of all evidence, however late."""

CREDIT: Final = "Credit as opened and now"
PEOPLE: Final = "Events that changed hands"
MOST_LISTED: Final = 50
"""Findings that are listed."""

_ID_COLUMNS: Final = ("user_id", "anonymous_id")


class IdentityAnswers:
    """Answers to states of an identity explorer.

    ``sides`` holds what the answers are worked out from between changes; ``person``, ``part`` and ``graph`` are
    those of the last answer, not masked: their nodes and links stand in the order of the rows that are drawn.
    """

    def __init__(self, source: Source, crediting: Crediting) -> None:
        crediting.one_model(STEP)
        self.source, self.redaction = source, source.redaction
        self.sides = IdentitySides(source, crediting)
        self.person: str | None = None
        """Whom the state's id means under its rule."""
        self.part: pd.DataFrame = self.sides.opened.stitched.iloc[:0]
        """The stitched rows that any evidence ties to the person."""
        self.graph: PersonGraph | None = None
        self.looked: Stage[tuple[PersonGraph | None, go.Figure]] = Stage()
        """The graph as it may be shown, and its figure: of the person and the side that is shown."""
        self._link_places: dict[int, int] = {}
        """Which row of the links each mark of the figure draws, by the place of its row among those drawn."""

    # From a state to an answer.

    def read(self, given: State) -> State:
        """A state as it holds: ids as they may be shown. Raises OptionError, UnknownPersonError, UnknownLinkError."""
        state, rule = dict(given), self.sides.opened.rule
        options.one_of(STEP, "look", state["look"], LOOKS)
        state["policy"] = rule.policy if state["policy"] is None else state["policy"]
        options.one_of(STEP, "policy", state["policy"], POLICIES)
        as_of = rule.as_of if state["as_of"] is None else state["as_of"]
        state["as_of"] = EVER if as_of in (None, EVER) else options.instant(STEP, "as_of", as_of).isoformat()
        state["trust_email"] = EMAIL in rule.merge_on if state["trust_email"] is None else state["trust_email"]
        if not isinstance(state["trust_email"], bool):
            raise errors.OptionError(STEP, "trust_email", state["trust_email"], "true or false")
        state["without"] = self._read_links(state["without"])
        state["person"] = self._read_person(state["person"])
        return state

    def answer(self, state: State) -> Answer:
        """What is shown for a state that was read. Raises what stitch and attribute raise."""
        self.sides.judge(state, self.original_links(state["without"]))
        shown, ruled = self.sides.shown, self.sides.ruled
        self.person, others = self._resolved(shown.stitched, state["person"])
        told = self._nobody(state["person"]) if self.person is None else ""
        graph, figure = self.looked.of((self.person, shown, told), lambda: self._drawn(told))
        rows = self.rows()
        is_new = shown.stitched is not self.sides.opened.stitched
        found, listed = self.findings(state["look"]), self.listed(state["look"])
        sentences = (
            told or person_sentence(graph, len(rows), len(shown.stitched)),  # type: ignore[arg-type]
            f"{state['person']!r} is on events of {others + 1:,} people: who has most of them is shown."
            if others
            else "",
            listing_sentence(state["look"], len(listed), len(found)),
            changes_sentence(shown.changes, ruled.rule, len(shown.links), is_new=is_new),
        )
        changed = {
            CREDIT: self.redaction.worked_out(shown.changes.credit),
            PEOPLE: self.redaction.worked_out(shown.changes.people.head(MOST_LISTED)),
        }
        return Answer(
            figure=figure,
            data=_table(graph),
            sentence=" ".join(one for one in sentences if one),
            rows=rows,
            tables={
                "What deserves a look": listed,
                "Links": _no_links() if graph is None else graph.evidence,
                **(changed if is_new else {}),
            },
        )

    def data(self, state: State) -> pd.DataFrame:
        """The rows that are drawn for a state that was read, worked out anew."""
        self.sides.judge(state, self.original_links(state["without"]))
        self.person, _ = self._resolved(self.sides.shown.stitched, state["person"])
        return _table(self._look_at(self.person))

    def _drawn(self, told: str) -> tuple[PersonGraph | None, go.Figure]:
        graph = self._look_at(self.person)
        return graph, _nobody_figure(told) if graph is None else draw_graph(graph)

    def _look_at(self, person: str | None) -> PersonGraph | None:
        """A person's graph as it may be shown."""
        shown, ruled = self.sides.shown, self.sides.ruled
        self.part, self.graph, self._link_places = shown.stitched.iloc[:0], None, {}
        if person is None:
            return None
        self.part = person_part(shown.stitched, person, ruled.rule, ruled.clusters)
        self.graph = find_person_graph(self.part, person, ruled.rule, without=shown.links)
        # A trait stands as a node between the users who share it.
        columns = (self.graph.evidence[name].astype(object) for name in ("kind", "id", "other_id", "value"))
        place_of: dict[tuple[object, ...], int] = {}
        for place, (kind, one, other, value) in enumerate(zip(*columns, strict=True)):
            ends = [(one, value), (other, value)] if isinstance(value, str) else [(one, other)]
            place_of |= {(kind, *end): place for end in ends}
        drawn = (self.graph.links[name].astype(object) for name in ("kind", "id", "other_id"))
        self._link_places = {
            len(self.graph.nodes) + at: place_of[link] for at, link in enumerate(zip(*drawn, strict=True))
        }
        return masked(self.graph, self.redaction)

    # What is chosen.

    def rows(self, marks: Iterable[int] | None = None) -> Ints:
        """The person's rows, or those behind rows that are drawn, as rows of the table as it was handed in.

        Behind a node are the events with its id, behind a link those with both its ids, or with either where
        no event has both.
        """
        if marks is None:
            places = rows_with(self.part["person_id"], str(self.person))
        else:
            places = np.unique(np.concatenate([np.zeros(0, dtype=np.int64), *map(self._behind, marks)]))
        found: Ints = self.part.index.to_numpy(dtype=np.int64)[places]
        return found

    def link_of(self, mark: int) -> int | None:
        """The row of the links that a mark of the figure draws; None for a node."""
        return self._link_places.get(mark)

    def marks_of(self, place: int) -> list[int]:
        """The marks that draw a row of the links: two where a trait stands between two users, none beyond 50 ids."""
        return [mark for mark, link in self._link_places.items() if link == place]

    def ends_of(self, marks: Iterable[int]) -> list[int]:
        """The nodes between which these links are drawn."""
        if self.graph is None:
            return []
        at = [mark - len(self.graph.nodes) for mark in marks]
        ends = self.graph.links[["start", "end"]].iloc[at].to_numpy(dtype=object).ravel()
        places: list[int] = np.flatnonzero(self.graph.nodes["key"].isin(ends)).tolist()
        return places

    def link(self, place: int) -> list[str]:
        """A row of the links as ``without`` has it: id, other_id and kind, with ids as they may be shown."""
        links = self.graph.evidence if self.graph is not None else _no_links()
        return self.named([tuple(links[LINK_KEY].iloc[place])])[0]

    def findings(self, look: str) -> pd.DataFrame:
        """All findings of a reason, or of all, not masked."""
        found = self.sides.ruled.found
        return found if look == ALL else found[(found["reason"] == look).to_numpy(dtype=bool)]

    def listed(self, look: str) -> pd.DataFrame:
        """The first findings of a reason, or of all, as they may be shown."""
        table = self.findings(look).head(MOST_LISTED).reset_index(drop=True)
        if not self.redaction.masks:
            return table
        shown = self.redaction.worked_out(table, words=("reason", "id_kind", "why"))
        is_trait = (table["id_kind"] == "trait").to_numpy(dtype=bool)
        values = np.array([self.redaction.trait(EMAIL, one) for one in table["id"]], dtype=object)
        ids = np.where(is_trait, values, shown["id"].to_numpy(dtype=object))
        return shown.assign(id=ids)

    def person_of(self, look: str, place: int) -> str | None:
        """The person to look at of a finding, as they may be shown; None where it has none."""
        person = self.findings(look)["person_id"].iloc[place]
        return self.shown_name(person) if isinstance(person, str) else None

    # Names.

    def shown_name(self, one: str) -> str:
        """A text that may be shown and leads back to an id: of a person whose id has no number, another of theirs."""
        stitched = self.sides.opened.stitched
        rows = rows_with(stitched["person_id"], one)
        columns = [stitched[name].iloc[rows].dropna().unique() for name in _ID_COLUMNS if name in stitched.columns]
        for text in (one, *(str(text) for column in columns for text in column)):
            named = self.redaction.name(text) if self.redaction.masks else text
            if self.redaction.original(named) == text:
                return named
        return self.redaction.name(one)

    def original_links(self, links: Iterable[Iterable[str]]) -> tuple[Link, ...]:
        """Links of a state with the ids themselves."""
        original = self.redaction.original
        return tuple((str(original(one)), str(original(other)), kind) for one, other, kind in links)

    def named(self, links: Iterable[Link]) -> list[list[str]]:
        """Links as ``without`` has them, with ids as they may be shown."""
        name = self.redaction.name if self.redaction.masks else str
        return [[name(str(one)), name(str(other)), str(kind)] for one, other, kind in links]

    # How a state is read.

    def _read_person(self, asked: object) -> str:
        if asked is None or asked == "":
            first = self._first()
            return "" if first is None else self.shown_name(first)
        wanted = asked.strip() if isinstance(asked, str) else asked
        tables = (self.sides.opened.stitched, self.source.stitched)
        if all(self._resolved(table, wanted)[0] is None for table in tables):
            find_person(STEP, self.source.stitched, wanted, redaction=self.redaction)  # raises: nobody has it
        return self.shown_name(str(self.redaction.original(wanted)))

    def _read_links(self, given: object) -> list[list[str]]:
        words = "a list of links: [id, other_id, kind] each, as identity_links has them"
        links: list[Any] = given if isinstance(given, list) else [None]
        if not all(
            isinstance(one, list) and len(one) == len(LINK_KEY) and all(isinstance(text, str) for text in one)
            for one in links
        ):
            raise errors.OptionError(STEP, "without", given, words)
        asked = [list(one) for one in dict.fromkeys(tuple(one) for one in links)]
        new = [one for one in self.original_links(asked) if one not in self.sides.shown.without]
        if new:
            # A link stays taken away when the rule changes: so those of any rule that can be chosen are known.
            opened = self.sides.opened.rule
            widest = replace(opened, as_of=None, merge_on=tuple(dict.fromkeys((*opened.merge_on, EMAIL))))
            try:
                asked_links(STEP, link_frame(new), self.source.events, widest)
            except errors.UnknownLinkError as error:
                named = [(one, other, kind) for one, other, kind in self.named(error.links)]
                raise errors.UnknownLinkError(STEP, named) from None
        return asked

    def _first(self) -> str | None:
        """The person of the first finding, else the one with most events."""
        found = self.sides.opened.found["person_id"].dropna()
        if len(found):
            return str(found.iloc[0])
        persons = self.sides.opened.stitched["person_id"]
        counts = np.bincount(persons.cat.codes.to_numpy() + 1, minlength=len(persons.cat.categories) + 1)[1:]
        names = persons.cat.categories[counts == counts.max(initial=0)] if counts.any() else []
        return min(map(str, names), default=None)

    def _resolved(self, stitched: pd.DataFrame, asked: object) -> tuple[str | None, int]:
        """Who has this id, of several who has most of its events; and how many others have it."""
        original = self.redaction.original(asked)
        try:
            return find_person(STEP, stitched, original), 0
        except errors.UnknownPersonError:
            return None, 0
        except errors.AmbiguousPersonError as error:
            columns = [stitched[name] for name in _ID_COLUMNS if name in stitched.columns]
            rows = np.unique(np.concatenate([rows_with(column, str(original)) for column in columns]))
            counts = stitched["person_id"].iloc[rows].astype(object).value_counts()
            person = min(error.persons, key=lambda one: (-int(counts.get(one, 0)), str(one)))
            return str(person), len(error.persons) - 1

    def _behind(self, mark: int) -> Ints:
        """The places in ``part`` of the events behind a mark."""
        if self.graph is None:
            return np.zeros(0, dtype=np.int64)
        nodes = self.graph.nodes
        if mark < len(nodes):
            return self._with_id(nodes["id"].iloc[mark], nodes["kind"].iloc[mark])
        link = self.graph.links.iloc[mark - len(nodes)]
        one, other = (
            self._with_id(link[id_], link[kind]) for id_, kind in (("id", "id_kind"), ("other_id", "other_kind"))
        )
        both = np.intersect1d(one, other)
        return both if len(both) else np.union1d(one, other)

    def _with_id(self, one: object, kind: object) -> Ints:
        """The places in ``part`` of the events with an id; nothing for a trait."""
        name = {"user": "user_id", "device": "anonymous_id"}.get(str(kind), "")
        if name not in self.part.columns:
            return np.zeros(0, dtype=np.int64)
        return rows_with(self.part[name], str(one))

    def _nobody(self, asked: str) -> str:
        if not len(self.sides.shown.stitched):
            return (
                "There are no events." if not len(self.source.stitched) else "There are no events yet at this moment."
            )
        if not asked:
            return f"None of the {counted(len(self.sides.shown.stitched), 'event')} has a person."
        return f"Nobody is {asked!r} under this rule. Choose another person, or a later moment."


def _table(graph: PersonGraph | None) -> pd.DataFrame:
    return schema.empty(IDENTITY_GRAPH) if graph is None else graph_table(graph)


def _no_links() -> pd.DataFrame:
    return schema.empty(schema.IDENTITY_LINKS).assign(is_taken=np.zeros(0, dtype=bool))


def _nobody_figure(told: str) -> go.Figure:
    figure = themed(go.Figure())
    headed(figure, "Identity graph")
    say_empty(figure, told.split(".", maxsplit=1)[0] + ".")
    return figure.update_layout(height=220)
