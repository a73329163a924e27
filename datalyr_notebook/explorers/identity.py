"""The identity explorer: what deserves a look, who shares what with whom, and what another rule would change."""

from __future__ import annotations

import threading
from collections.abc import Iterable, Mapping
from dataclasses import fields
from typing import Any, ClassVar, Final

import ipywidgets as widgets
import pandas as pd

from datalyr_notebook.attribution.protocol import Model
from datalyr_notebook.explorers import identity_answers
from datalyr_notebook.explorers.controls import checkbox, dropdown, text
from datalyr_notebook.explorers.explorer import Answer, Explorer, State
from datalyr_notebook.explorers.identity_answers import CREDIT, LOOKS, PEOPLE, IdentityAnswers
from datalyr_notebook.explorers.row_table import RowTable, listed
from datalyr_notebook.explorers.source import Source
from datalyr_notebook.identity.policies import POLICIES
from datalyr_notebook.identity.rule import StitchRule
from datalyr_notebook.journeys.conversions import Conversion
from datalyr_notebook.redaction import Redact
from datalyr_notebook.rendering import counted
from datalyr_notebook.studies.difference import Crediting, Difference, split_options, study_rule
from datalyr_notebook.studies.what_if import LINK_KEY

_WRAPPED: Final = {"flex_flow": "row wrap", "align_items": "center", "grid_gap": "4px 12px"}
_TAKE, _PUT_BACK = "Take this link away", "Put this link back"
_FINDING_COLUMNS: Final = ("reason", "id_kind", "id", "person_id", "people", "events", "value")
_MOVED_COLUMNS: Final = ("person_before", "person_after", "devices", "events", "value", "known_from")
_LINK_COLUMNS: Final = ("kind", "id", "other_id", "events", "known_from", "is_taken")
_HINTS: Final = {
    "findings": "Choose a finding to see its person's graph.",
    "links": "Choose a link, here or in the figure, and take it away to see who and how much moves.",
    "same": "No event has another owner than when the explorer was opened: change the rule, or take a link away.",
}


class IdentityExplorer(Explorer):
    """What in an identity graph deserves a look; a person's graph; and what another rule, or one link less, changes.

    ``events``: raw, normalized or stitched; what is not stitched is stitched by the rule, which is said.
    ``rule`` and its options: how stitched events were stitched; where that is not so, a sentence says how many
    events the rule gives to others. ``conversion``, ``model``, ``by`` and other options of ``attribute``: whose
    credit is followed; a mask of conversions is one of ``events``. ``redact``: what is masked before anything is
    shown, as for ``identity_graph``; ``selection`` keeps the rows as they are.

    The controls are attributes: ``look`` (a reason of ``attention``, or all), ``person`` (any id of theirs),
    ``policy``, ``as_of`` (only evidence known by that moment; blank: all), ``trust_email`` (whether an e-mail ties
    users). ``findings`` lists what deserves a look, ``links`` the person's links; ``take_button`` takes the
    chosen one away, or puts it back. ``changes`` says what differs from the explorer as it was opened. The
    events and the rule that came in stay as they are.

    Raises OptionError, CurrencyError, UnknownPersonError, UnknownLinkError, and what stitch raises.

    >>> from datalyr_notebook.loading.samples import load_sample
    >>> explorer = IdentityExplorer(load_sample("seed_journey"))
    >>> explorer.policy.value = "none"
    >>> explorer.changes.credit
           channel  before  after  change
    0       Direct    0.00  99.99   99.99
    1  Paid Social   99.99   0.00  -99.99
    """

    STEP = identity_answers.STEP
    TITLE = "Identity explorer"
    DEFAULTS: ClassVar[State] = identity_answers.DEFAULTS

    def __init__(
        self,
        events: pd.DataFrame,
        *,
        state: Mapping[str, Any] | None = None,
        redact: Redact = False,
        rule: StitchRule | None = None,
        conversion: Conversion = "purchase",
        model: str | Model = "hybrid",
        by: str | Iterable[str] = "channel",
        **keywords: Any,
    ) -> None:
        of_rule, of_attribute = split_options(self.STEP, keywords)
        rule = study_rule(self.STEP, rule, of_rule)
        source = Source.of(self.STEP, events, redact=redact, rule=rule)
        self.answers = IdentityAnswers(
            source, Crediting(conversion=conversion, model=model, by=by, options=of_attribute)
        )
        self.warning = ""
        """What is to be known of a table that came stitched by another rule; found in the background."""
        self._background: threading.Thread | None = None
        self._listed_for: tuple[str, StitchRule] | None = None
        self.findings, self.links = RowTable("What deserves a look"), RowTable("Links")
        self.credit, self.people = RowTable(CREDIT), RowTable(PEOPLE)
        self.take_button = widgets.Button(description=_TAKE, disabled=True, layout={"width": "auto"})
        self.put_back_button = widgets.Button(description="Put all links back", layout={"width": "auto"})
        controls = {
            "look": dropdown("Look at", LOOKS),
            "person": text("Person", hint="any id of theirs"),
            "policy": dropdown("Policy", POLICIES),
            "as_of": text("Known by", hint="2026-01-31T12:00Z"),
            "trust_email": checkbox("Trust e-mails"),
        }
        self.look, self.person, self.policy, self.as_of, self.trust_email = (one.widget for one in controls.values())
        super().__init__(source, controls, state=state)
        self.findings.observe(self._on_finding, names="chosen")
        self.links.observe(self._on_link, names="chosen")
        self.take_button.on_click(lambda _: self._take())
        self.put_back_button.on_click(lambda _: setattr(self, "state", {"without": []}))
        if source.was_stitched:
            self._background = threading.Thread(target=self._check_rule, daemon=True)
            self._background.start()

    @property
    def changes(self) -> Difference:
        """What differs from the explorer as it was opened, not masked: people, credit, conversions."""
        return self.answers.sides.shown.changes

    def wait(self) -> None:
        """Wait until it is known whether a table that came stitched follows the rule."""
        if self._background is not None:
            self._background.join()

    def data(self) -> pd.DataFrame:
        """The rows that the figure draws, worked out anew from ``state`` alone."""
        with self._changing:
            return self.answers.data(self.state)

    # What the shared explorer asks for.

    def _read(self, state: State) -> State:
        return self.answers.read(state)

    def _answered(self, state: State) -> Answer:
        return self.answers.answer(state)

    def _code(self, state: State) -> str:
        sides = self.answers.sides
        rule, person = sides.rule(state), self.answers.person
        if person is None:
            lines = ["from datalyr_notebook import schema"]
            lines += ["from datalyr_notebook.figures.identity_graph_rows import IDENTITY_GRAPH", ""]
            return "\n".join([*lines, "rows = schema.empty(IDENTITY_GRAPH)  # nobody is shown"])
        lines, table = ["import datalyr_notebook as dn", "", f"rule = dn.StitchRule({_options(rule)})"], "events"
        if not (self.source.was_stitched and rule == sides.opened.rule):
            lines.append("stitched = dn.stitch(events, rule)")
            table = "stitched"
        said = [table, repr(self.answers.shown_name(person)), "rule=rule"]
        if len(sides.shown.links):
            taken = sides.shown.links[LINK_KEY].astype(object).itertuples(index=False, name=None)
            lines.insert(1, "import pandas as pd")
            lines.append("links = pd.DataFrame(")
            lines += [f"    {self.answers.named(list(taken))!r},", f"    columns={LINK_KEY!r},", ")"]
            said.append("without=links")
        said += [f"redact={self.source.redact!r}"] if self.source.redact is not False else []
        return "\n".join([*lines, f"rows = dn.figures.identity_graph_data({', '.join(said)})"])

    def _arranged(self) -> list[widgets.Widget]:
        who = [self.controls[name].widget for name in ("look", "person")]
        how = [self.controls[name].widget for name in ("policy", "as_of", "trust_email")]
        linked = widgets.VBox([widgets.HBox([self.take_button, self.put_back_button], layout=_WRAPPED), self.links])
        changed = widgets.VBox([self.credit, self.people])
        linked.layout = changed.layout = {"flex": "1 1 420px", "min_width": "0", "overflow": "auto"}
        return [
            widgets.HBox([*who, *how, self.undo_button, self.progress], layout=_WRAPPED),
            self.status,
            self.findings,
            self.figure_view.widget,
            widgets.HBox([linked, changed], layout=_WRAPPED | {"align_items": "flex-start"}),
            self.foldout,
        ]

    def _refreshed(self) -> None:
        tables, state = self.answer.tables, self._state
        listed_for = (state["look"], self.answers.sides.ruled.rule)
        kept = self.findings.chosen if listed_for == self._listed_for else -1
        self._listed_for = listed_for
        self.findings.show(listed(tables["What deserves a look"], _FINDING_COLUMNS), note=self._why(kept), chosen=kept)
        self.links.show(listed(tables["Links"], _LINK_COLUMNS), note=_HINTS["links"] if len(tables["Links"]) else "")
        self.put_back_button.disabled = not state["without"]
        self._offer_link(-1)
        has_moved = bool(self.changes.summary["events_moved"].iloc[0])
        credit, people = (tables[name] if has_moved else pd.DataFrame() for name in (CREDIT, PEOPLE))
        self.credit.show(credit, note="" if has_moved else _HINTS["same"])
        self.people.show(listed(people, _MOVED_COLUMNS))

    def _say(self, sentence: str) -> None:
        super()._say(" ".join(part for part in (self.warning, sentence) if part))

    def _check_rule(self) -> None:
        moved = self.answers.sides.misjudged()
        if moved:
            with self._changing:
                self.warning = (
                    f"{counted(moved, 'event')} would have another owner under this rule than they came with: "
                    "pass rule= as they were stitched, otherwise what a change moves holds that difference, too."
                )
                self._say(self.sentence)

    # What is chosen.

    def _on_finding(self, change: Any) -> None:  # noqa: ANN401  (traitlets' Bunch)
        place = int(change["new"])
        if self._is_setting or place < 0:
            return
        person = self.answers.person_of(self._state["look"], place)
        self.findings.note = self._why(place)
        if person is not None and person != self._state["person"]:
            self.state = {"person": person}

    def _on_link(self, change: Any) -> None:  # noqa: ANN401
        if not self._is_setting:
            self._offer_link(int(change["new"]))

    def _on_picked(self, marks: list[tuple[str, Any]]) -> None:
        place = int(marks[0][1]) if marks else None
        link = None if place is None else self.answers.link_of(place)
        with self._quietly():
            self.links.chosen = -1 if link is None or link >= len(self.links.rows) else link
        self._offer_link(-1 if link is None else link)
        if link is None and place is not None:
            self.picked = self.answers.rows([place])
            self.figure_view.mark([place])

    def _offer_link(self, place: int) -> None:
        """Let the chosen link, a row of the links, be taken away or put back; -1: none is chosen."""
        place = place if place < len(self.links.rows) else -1
        self.take_button.disabled = place < 0
        marks = [] if place < 0 else self.answers.marks_of(place)
        self.picked = self.answers.rows(marks) if marks else None
        self.figure_view.mark(self.answers.ends_of(marks))
        is_taken = place >= 0 and bool(self.answer.tables["Links"]["is_taken"].iloc[place])
        self.take_button.description = _PUT_BACK if is_taken else _TAKE

    def _take(self) -> None:
        if self.links.chosen < 0:
            return
        link, without = self.answers.link(self.links.chosen), self._state["without"]
        self.state = {"without": [one for one in without if one != link] if link in without else [*without, link]}

    def _why(self, place: int) -> str:
        table = self.answer.tables["What deserves a look"]
        return str(table["why"].iloc[place]) if 0 <= place < len(table) else _HINTS["findings"] if len(table) else ""


def _options(rule: StitchRule) -> str:
    """The options of a rule that are not the defaults, as code."""
    default = StitchRule()
    said = {field.name: getattr(rule, field.name) for field in fields(StitchRule)}
    said = {name: value for name, value in said.items() if value != getattr(default, name)}
    if rule.as_of is not None:
        said["as_of"] = rule.as_of.isoformat()
    return ", ".join(f"{name}={value!r}" for name, value in said.items())
