"""Finding people by any id of theirs: person_id, user_id, anonymous_id, order_id or e-mail."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any, Final

import numpy as np
import pandas as pd
import pyarrow as pa
import pyarrow.compute as pc

from datalyr_notebook import order
from datalyr_notebook.explorers.roster import Roster, arrow_texts, distinct_pairs
from datalyr_notebook.hashing import cell_text, one_array, text_bytes
from datalyr_notebook.loading.encoding import matches
from datalyr_notebook.order import Flags, Ints
from datalyr_notebook.redaction import Redaction

KINDS: Final = ("person", "user_id", "anonymous_id", "order_id", "e-mail")
"""What a text is; a text that several of these are is the first of them."""
_PERSON, _USER, _DEVICE, _ORDER, _EMAIL = range(len(KINDS))
_TRAIT: Final = "email"
_EXACT, _PREFIX, _INSIDE = range(3)
_NONE: Final = pa.array([], type=pa.large_string())


@dataclass(frozen=True, repr=False, eq=False)
class Found:
    """People that a search found, the best first."""

    people: Ints
    """Their codes."""
    entries: Ints
    """Which text of the index each was found by; -1 where nothing was searched."""


@dataclass(frozen=True, repr=False, eq=False)
class PeopleSearch:
    """All texts by which people are found. One entry a text and person."""

    texts: pa.Array
    """As they were sent."""
    folded: pa.Array
    """In lower case."""
    kind: Ints
    """Place in ``KINDS``."""
    person: Ints

    @classmethod
    def of(cls, stitched: pd.DataFrame, roster: Roster, redaction: Redaction) -> PeopleSearch:
        """The ids of everybody; where ids are masked, the masked names of people as well.

        >>> from datalyr_notebook.identity.stitching import stitch
        >>> events = stitch(pd.DataFrame({
        ...     "timestamp": ["2026-01-01T10:00Z"], "event_name": "$identify", "user_id": "user_789",
        ...     "anonymous_id": "anon_desk", "traits": [{"email": "sam@example.com"}],
        ... }))
        >>> roster = Roster.of(events)
        >>> search = PeopleSearch.of(events, roster, Redaction.of("journeys", False, events))
        >>> found = search.find("SAM@", roster, roster.events > 0)
        >>> [(roster.names[code], *search.entry(entry)) for code, entry in zip(found.people, found.entries)]
        [('user_789', 'sam@example.com', 'e-mail')]
        """
        names = arrow_texts(roster.names)
        parts = [(names.take(pa.array(roster.standing)), roster.standing, _PERSON)]
        parts += [(*numbered, _PERSON) for numbered in _numbers(names, redaction)]
        for column, kind in (("user_id", _USER), ("anonymous_id", _DEVICE)):
            if column in stitched.columns:
                code = order.codes(stitched, column)
                people, ids = distinct_pairs(roster.person, code, np.ones(len(code), dtype=bool))
                parts.append((arrow_texts(stitched[column].cat.categories).take(pa.array(ids)), people, kind))
        parts += [(*_orders(stitched, roster), _ORDER), (*_emails(stitched, roster), _EMAIL)]
        # What only repeats the person's own name is found by that.
        parts = [
            (texts, people, kind) for texts, people, kind in (_news(names, *part) for part in parts) if len(people)
        ]
        texts = pa.concat_arrays([one_array(texts) for texts, _, _ in parts] or [_NONE])
        return cls(
            texts=texts,
            folded=pc.utf8_lower(texts),
            kind=np.repeat([kind for *_, kind in parts], [len(people) for _, people, _ in parts]).astype(np.int64),
            person=np.concatenate([np.zeros(0, dtype=np.int64), *(people for _, people, _ in parts)]),
        )

    def find(self, asked: str, roster: Roster, passes: Flags) -> Found:
        """Those of the people who pass whose ids contain the text, in upper or lower case.

        Exact ids come first, then those that begin so, then the others; of equals those with more value,
        then more events, then by name. A blank text finds everybody, as they stand.
        """
        wanted = cell_text(asked.strip()).lower()
        if not wanted:
            people = roster.listed(passes)
            return Found(people, np.full(len(people), -1, dtype=np.int64))
        hits, rank = _containing(self.folded, wanted)
        passing = passes[self.person[hits]]
        hits, rank = hits[passing], rank[passing]
        if not len(hits):
            return Found(hits, hits)
        # All that the order depends on, and the entry itself, make one number: sorting numbers is fastest.
        key = (rank * (len(roster.names) + 1) + roster.place[self.person[hits]]) * len(KINDS) + self.kind[hits]
        hits = np.sort(key * len(self.kind) + hits) % len(self.kind)
        best = np.empty(len(roster.names), dtype=np.int64)
        best[self.person[hits[::-1]]] = hits[::-1]
        hits = hits[best[self.person[hits]] == hits]
        return Found(self.person[hits], hits)

    def entry(self, place: int) -> tuple[str, str]:
        """The text of an entry, and what it is."""
        return str(self.texts[int(place)].as_py()), KINDS[self.kind[place]]


def _containing(texts: pa.Array, wanted: str) -> tuple[Ints, Ints]:
    """The places of the texts that contain another, and whether they are it, begin with it or contain it further in.

    Looks at the bytes of all texts at once, which takes a fifth of asking Arrow about each.
    """
    offsets, content = text_bytes(texts)
    sought = np.frombuffer(wanted.encode(), dtype=np.uint8)
    last = max(len(content) - len(sought) + 1, 0)
    begins = content[:last] == sought[0]
    if len(sought) > 1:
        begins &= content[1 : last + 1] == sought[1]
    at = np.flatnonzero(begins)
    for step, byte in enumerate(sought[2:], start=2):
        at = at[content[at + step] == byte]
    place = np.searchsorted(offsets, at, side="right") - 1
    # What begins in one text and ends in the next is in neither.
    is_within = at + len(sought) <= offsets[place + 1]
    at, place = at[is_within], place[is_within]
    is_first = np.append([True], np.diff(place) != 0)[: len(place)]
    at, place = at[is_first], place[is_first]
    is_prefix, is_whole = at == offsets[place], offsets[place + 1] - offsets[place] == len(sought)
    return place, np.select([is_prefix & is_whole, is_prefix], [_EXACT, _PREFIX], _INSIDE)


def _numbers(names: pa.Array, redaction: Redaction) -> Iterator[tuple[pa.Array, Ints]]:
    """The masked names of people, such as "user 17", where users or devices are masked."""
    bare = pc.replace_substring_regex(names, pattern="^device:", replacement="")
    for word, known, called in (("user", redaction.users, names), ("device", redaction.devices, bare)):
        if not len(known) or redaction.name(str(known[0])) != f"{word} 1":
            continue
        number = matches(pd.Index(called.to_pandas()), known) + 1
        people = np.flatnonzero(number > 0)
        digits = pa.array(number[people]).cast(pa.large_string())
        yield (
            pc.binary_join_element_wise(pa.scalar(word, pa.large_string()), digits, pa.scalar(" ", pa.large_string())),
            people,
        )


def _news(names: pa.Array, texts: pa.Array, people: Ints, kind: int) -> tuple[pa.Array, Ints, int]:
    """Without the texts that are their person's name, unless they are there as that."""
    if kind == _PERSON or not len(people):
        return texts, people, kind
    news = _where(pc.not_equal(texts, names.take(pa.array(people))))
    return texts.take(pa.array(news)), people[news], kind


def _orders(stitched: pd.DataFrame, roster: Roster) -> tuple[pa.Array, Ints]:
    """The order_ids, each with its person."""
    if "order_id" not in stitched.columns:
        return _NONE, np.zeros(0, dtype=np.int64)
    rows = np.flatnonzero(stitched["order_id"].notna().to_numpy() & (roster.person >= 0))
    return _distinct(stitched["order_id"].iloc[rows].tolist(), roster.person[rows])


def _emails(stitched: pd.DataFrame, roster: Roster) -> tuple[pa.Array, Ints]:
    """What ``$identify`` calls said of e-mail addresses, each with its person."""
    if "traits" not in stitched.columns:
        return _NONE, np.zeros(0, dtype=np.int64)
    rows = np.flatnonzero(order.is_named(stitched, order.IDENTIFY) & (roster.person >= 0))
    calls = [one.get(_TRAIT) if isinstance(one, dict) else None for one in stitched["traits"].iloc[rows]]
    said = [(place, one.strip()) for place, one in enumerate(calls) if isinstance(one, str) and one.strip()]
    at = np.array([place for place, _ in said], dtype=np.int64)
    return _distinct([one for _, one in said], roster.person[rows[at]])


def _distinct(texts: list[Any], people: order.Codes) -> tuple[pa.Array, Ints]:
    """Each text of a person once."""
    code, known = pd.factorize(np.array([cell_text(one) for one in texts], dtype=object))
    persons, text = distinct_pairs(people, code.astype(np.int32), np.ones(len(code), dtype=bool))
    return pa.array(known, type=pa.large_string()).take(pa.array(text)), persons


def _where(flags: Any) -> Ints:  # noqa: ANN401  (pyarrow ships no types)
    """The places of an Arrow array of flags that are true."""
    return np.flatnonzero(flags.to_numpy(zero_copy_only=False))
