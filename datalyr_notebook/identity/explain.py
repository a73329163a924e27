"""explain_link: why two ids are one person, or what is missing for it."""

from __future__ import annotations

import html
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any, Final, NamedTuple

import numpy as np
import pandas as pd

from datalyr_notebook.identity.explaining.inquiry import STRENGTH, find_asked, open_inquiry, strength
from datalyr_notebook.identity.explaining.missing import why_apart, why_unknown
from datalyr_notebook.identity.explaining.ownership import Ownership
from datalyr_notebook.identity.rule import StitchRule, make_rule
from datalyr_notebook.identity.stitching import stitch
from datalyr_notebook.loading.normalize import as_canonical
from datalyr_notebook.rendering import counted, headed, plain

_STEP: Final = "explain_link"
_STEPS_SHOWN: Final = 12
_PERSONS_SHOWN: Final = 5
_COLUMNS_SHOWN: Final = ("id", "kind", "other_id", "events", "sdk", "known_from", "last_seen")


class WeakestLink(NamedTuple):
    """The link of a chain that is easiest to doubt."""

    step: int
    """Its row in the chain."""
    link: str
    why: str


@dataclass(frozen=True, repr=False, eq=False)
class LinkExplanation:
    """Why two ids are, or are not, one person under a rule. Made by ``explain_link``."""

    a: str
    b: str
    linked: bool
    """Whether one person has both ids."""
    rule: StitchRule
    persons: tuple[tuple[str, ...], tuple[str, ...]]
    """The person_ids that have ``a``, and those that have ``b``, sorted."""
    chain: pd.DataFrame
    """The steps from a to b, in the columns of ``schema.IDENTITY_LINKS``; empty where no evidence leads there."""
    missing: list[str]
    """Where they are not linked: what is missing, in sentences."""

    @property
    def known_from(self) -> Any:  # noqa: ANN401  (a Timestamp, or NaT)
        """When the whole chain was known: its latest link (a UTC Timestamp); NaT without a chain."""
        return self.chain["known_from"].max()

    @property
    def weakest(self) -> WeakestLink | None:
        """The weakest link: by kind, then of the fewest events, then the latest known, then the last; or None."""
        if not len(self.chain):
            return None
        ranks = np.array([strength(kind) for kind in self.chain["kind"]])
        known_from = self.chain["known_from"].astype("int64").to_numpy()
        step = int(np.lexsort((np.arange(len(ranks)), known_from, -self.chain["events"].to_numpy(), ranks))[-1])
        return WeakestLink(step, _link(self.chain.iloc[step]), list(STRENGTH.values())[ranks[step]])

    def __repr__(self) -> str:
        """The answer, the chain step by step, its weakest link, and what is missing."""
        steps = [f"  {_told(row)}" for _, row in self.chain.head(_STEPS_SHOWN).iterrows()]
        more = [f"  … {len(self.chain) - _STEPS_SHOWN} more steps in .chain"] if len(self.chain) > _STEPS_SHOWN else []
        return "\n".join([self._headline(), *steps, *more, *self._notes()])

    def _repr_html_(self) -> str:
        """The same with the chain as a table; every text from an event is escaped."""
        head = "".join(f"<th scope='col' style='text-align:left'>{name}</th>" for name in _COLUMNS_SHOWN)
        body = "".join(
            "<tr>" + "".join(f"<td style='text-align:left'>{_cell(cell)}</td>" for cell in row) + "</tr>"
            for row in self.chain[list(_COLUMNS_SHOWN)].head(_STEPS_SHOWN).itertuples(index=False)
        )
        table = f"<thead><tr>{head}</tr></thead><tbody>{body}</tbody>" if len(self.chain) else ""
        notes = "".join(f"<p>{html.escape(note)}</p>" for note in self._notes())
        return headed(self._headline(), table) + notes

    def _headline(self) -> str:
        both, policy = f"{plain(self.a)} and {plain(self.b)}", self.rule.policy
        if self.linked:
            person = min({*self.persons[0]} & {*self.persons[1]}, default=self.a)
            steps = f"{counted(len(self.chain), 'link')} apart"
            return f"{both} are one person under {policy}: {plain(person)}, {steps}."
        return f"{both} are not one person under {policy}."

    def _notes(self) -> list[str]:
        weakest = self.weakest
        asked = dict(zip((self.a, self.b), self.persons, strict=True))
        notes = [
            f"{plain(text)} is on {len(persons):,} persons: {_listed(persons)}."
            for text, persons in asked.items()
            if len(persons) > 1
        ]
        notes += [f"Missing: {reason}" for reason in self.missing]
        if weakest is not None:
            notes.append(f"Weakest link: {weakest.link}. {weakest.why[0].upper()}{weakest.why[1:]}.")
            notes.append(f"Known as a whole from {self.known_from:%Y-%m-%d %H:%M:%S UTC}.")
        return notes


def explain_link(
    events: pd.DataFrame, a: str, b: str, *, rule: StitchRule | None = None, **keywords: Any
) -> LinkExplanation:
    """Why two ids are one person under a rule, or what is missing for it.

    The answer's ``chain`` is the shortest chain of evidence from ``a`` to ``b``, one row a link in the
    columns of ``identity_links``. Of equally short chains it is the one whose weakest link is strongest
    (in the order of ``STRENGTH``: alias, identify, event, session, bridge by e-mail, trusted trait, bridge
    by IP), then the one that was known first; ties by text. ``linked`` says what the policy made of the
    evidence: whether one person has both ids. Two users of one shared device have a chain, but are one
    person only under ``graph``; then, and where there is no chain, ``missing`` says why in sentences.

    Parameters
    ----------
    events
        Any table of events; what is not normalized is normalized first, which is said.
    a, b
        Any ids: a user_id, an anonymous_id, else a value of a trait (such as an e-mail) or a session_id.
        A text that is both a user_id and an anonymous_id means the user; ``device:42`` and ``user:42``
        say which.
    rule, keywords
        As for ``stitch``. Evidence and policy are read under it.

    Raises
    ------
    UnknownPersonError
        No event has this id. Null-like and blocked ids are explained instead.
    OptionError
        The rule is not known.

    Examples
    --------
    >>> import pandas as pd
    >>> events = pd.DataFrame({
    ...     "timestamp": ["2026-01-01T10:00Z", "2026-01-03T09:00Z"], "event_name": "$identify",
    ...     "anonymous_id": ["anon_desktop", "anon_phone"], "user_id": "user_789",
    ... })
    >>> explain_link(events, "anon_phone", "anon_desktop")
    anon_phone and anon_desktop are one person under session: user_789, 2 links apart.
      anon_phone ↔ user_789 (identify, 1 event) by unknown, known from 2026-01-03 09:00:00 UTC
      user_789 ↔ anon_desktop (identify, 1 event) by unknown, known from 2026-01-01 10:00:00 UTC
    Weakest link: anon_phone ↔ user_789 (identify, 1 event). A login on the device; who lends a device lends this link.
    Known as a whole from 2026-01-03 09:00:00 UTC.

    """
    rule = make_rule(rule, keywords)
    table = as_canonical(events, _STEP)
    everyone = StitchRule().members(table)
    asked = [find_asked(_STEP, table, everyone, one) for one in (a, b)]
    inquiry = open_inquiry(table, rule, asked)
    owned = Ownership(inquiry, stitch(inquiry.events, rule))
    source, target = (inquiry.node(one) for one in asked)
    persons = (owned.persons(source), owned.persons(target))
    is_same = source == target >= 0
    linked = is_same or bool(persons[0] & persons[1])
    chain = inquiry.chain(source, target)
    return LinkExplanation(
        str(a),
        str(b),
        linked,
        rule,
        (tuple(sorted(persons[0])), tuple(sorted(persons[1]))),
        inquiry.table(chain),
        _missing(table, owned, (source, target), chain) if not linked else [],
    )


def _missing(table: pd.DataFrame, owned: Ownership, ends: tuple[int, int], chain: list[tuple[int, int]]) -> list[str]:
    if chain:
        return why_apart(owned, ends[0], chain)
    return why_unknown(table, owned, list(zip(owned.inquiry.asked, ends, strict=True)))


def _link(row: pd.Series) -> str:
    """A link in a few words."""
    value = f" {plain(row['value'])}" if isinstance(row["value"], str) else ""
    count = counted(row["events"], "event")
    return f"{plain(row['id'])} ↔ {plain(row['other_id'])} ({plain(row['kind'])}{value}, {count})"


def _listed(persons: Sequence[str]) -> str:
    more = f" and {len(persons) - _PERSONS_SHOWN:,} more" if len(persons) > _PERSONS_SHOWN else ""
    return ", ".join(plain(person) for person in persons[:_PERSONS_SHOWN]) + more


def _told(row: pd.Series) -> str:
    """A link with who said so, and since when it is known."""
    sent = f" by {plain(row['sdk'])}" if isinstance(row["sdk"], str) else ""
    return f"{_link(row)}{sent}, known from {row['known_from']:%Y-%m-%d %H:%M:%S UTC}"


def _cell(value: object) -> str:
    if isinstance(value, pd.Timestamp):
        return f"{value:%Y-%m-%d %H:%M:%S UTC}"
    return html.escape(plain(value) if isinstance(value, str) else f"{value:,}" if isinstance(value, int) else "")
