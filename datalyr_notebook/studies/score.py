"""score_stitching: how well each policy finds logins that it cannot see. No labels needed.

Known logins are hidden and inferred again. On a share of the devices that have users (by a hash of the
device's own text and the seed, so that no other device and no order of rows changes the choice)
half of the login sessions lose the user_id of all their events, ``$identify`` included (someone browses
without logging in), and the other sessions lose it at half of their instants (someone browses
before and after the login). The rest stays to infer from, as do ``$alias`` rows and bridges. A device
whose logins are all at one instant leaves nothing to infer from and is not scored.
"""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass, replace
from typing import Any, Final, NamedTuple

import numpy as np
import numpy.typing as npt
import pandas as pd

from datalyr_notebook import errors, options, order, schema
from datalyr_notebook.hashing import hash_texts
from datalyr_notebook.identity.policies import POLICIES
from datalyr_notebook.identity.rule import StitchRule
from datalyr_notebook.identity.stitching import stitch, stitch_each
from datalyr_notebook.loading.encoding import matches
from datalyr_notebook.loading.normalize import as_canonical
from datalyr_notebook.notices import repeated, say
from datalyr_notebook.order import Flags, Ints, Texts
from datalyr_notebook.progress import steps
from datalyr_notebook.rendering import counted, table_html, table_text
from datalyr_notebook.studies.difference import study_rule

_MINUTE_US, _DAY_US = 60 * 10**6, 86_400 * 10**6
GAPS: Final[tuple[tuple[str, float], ...]] = (
    ("same session or 30 minutes", 30 * _MINUTE_US),
    ("1 day", _DAY_US),
    ("7 days", 7 * _DAY_US),
    ("30 days", 30 * _DAY_US),
    ("more", np.inf),
)
"""How far the nearest login that stayed on the device is from a hidden one: each bucket's name and its end."""

_FEW: Final = 30
"""Hidden logins below which one more or less moves a share by 3 % or more."""
_WHOLE: Final = ("graph",)
"""Policies whose answer is a group of users, not one of them."""


@dataclass(frozen=True, repr=False, eq=False)
class StitchScore:
    """How many hidden logins each policy found again. Made by ``score_stitching``."""

    summary: pd.DataFrame
    """A row a policy, in the order asked for: ``schema.STITCH_SCORE``."""
    by_sdk: pd.DataFrame
    """The same by policy and sdk of the hidden event, sdks in text order."""
    by_gap: pd.DataFrame
    """The same by policy and gap (``GAPS``): the time to the nearest login that stayed on the device."""
    devices: int
    """Devices with users that were chosen."""
    not_scored: int
    """Those of them whose logins are all at one instant: nothing would be left to infer from."""
    share: float
    seed: int

    def __repr__(self) -> str:
        """A line, then the summary."""
        return table_text(self._headline(), self.summary)

    def _repr_html_(self) -> str:
        """The same as a small table; every text from an event is escaped."""
        return table_html(self._headline(), self.summary, ".summary")

    def _headline(self) -> str:
        hidden = int(self.summary["hidden"].max()) if len(self.summary) else 0
        scored = self.devices - self.not_scored
        return (
            f"Stitching scored on {counted(hidden, 'hidden login')} of {counted(scored, 'device')} "
            f"({self.not_scored:,} more have one login only), share {self.share:g}, seed {self.seed}"
        )


def score_stitching(
    events: pd.DataFrame,
    *,
    rule: StitchRule | None = None,
    policies: Iterable[str] | None = None,
    share: float = 0.2,
    seed: int = 0,
    **keywords: Any,
) -> StitchScore:
    """Hide known logins on a share of the devices, infer them again with each policy, and count.

    An event is ``right`` if it gets a user that is one person with its own user in the events as they
    are. precision = right / answered, recall = right / hidden: the share of the (event, user) pairs
    stated, and of the true ones, that are true; pairs are how entity resolution is measured (Menestrina,
    Whang and Garcia-Molina, "Evaluating Entity Resolution Results", 2010). ``graph`` states a pair with
    every user of its person, so it is right only where that person holds no other user.

    ``policies``: default all. ``share``: of the devices with users, 0 < share <= 1. ``rule``, or its options
    as keywords: everything but the policy; an instant as its as_of is kept. The same seed hides the same logins on any
    machine. It is a measure of the logins that exist: people who never log in are not in it.

    Raises OptionError, and what stitch raises.

    >>> import pandas as pd
    >>> from datalyr_notebook.loading.normalize import normalize_events
    >>> events = normalize_events(pd.DataFrame({
    ...     "timestamp": ["2026-01-01T10:00Z", "2026-01-08T10:00Z"], "event_name": "pageview",
    ...     "anonymous_id": "anon_1", "user_id": "u1", "sdk": "web",
    ... }))
    >>> score_stitching(events, policies=["next", "none"], share=1).summary
      policy  hidden  answered  right  precision  recall
    0   next       1         1      1        1.0     1.0
    1   none       1         0      0        NaN     0.0
    """
    rule = study_rule("score_stitching", rule, keywords)
    asked = options.texts("score_stitching", "policies", [*POLICIES] if policies is None else policies, POLICIES)
    _check(share, seed)
    table = rule.known(as_canonical(events, "score_stitching"))
    logins = _find_logins(table, rule)
    chosen = _hashes(logins.devices, seed) < np.uint64(min(int(share * 2.0**64), 2**64 - 1))
    hidden = _hide(logins, chosen, seed)
    rows = logins.row[hidden]
    masked, truth = _without_users(table, rows), _Truth.of(table, rule)
    if len(rows) < _FEW:
        devices = len(np.unique(order.codes(table, "anonymous_id")[rows]))
        advice = "" if share >= 1 else f"; share=1 hides logins on every device, not on {share:g} of them"
        say(f"score_stitching: only {len(rows):,} hidden logins on {devices:,} devices tell little{advice}.")
    answers = _answers(masked, [replace(rule, policy=policy) for policy in asked], rows, truth)
    sdk = pd.Series(table["sdk"].iloc[rows].astype(object).to_numpy(), dtype=schema.TEXT)
    gap = pd.Categorical.from_codes(_gaps(logins, hidden), categories=pd.Index([name for name, _ in GAPS]))
    devices, scored = (len(np.unique(logins.device[at])) for at in (logins.may_hide & chosen[logins.device], hidden))
    return StitchScore(
        summary=_counted(asked, answers, None),
        by_sdk=_counted(asked, answers, sdk.astype("category").rename("sdk")),
        by_gap=_counted(asked, answers, pd.Series(gap, name="gap")),
        devices=devices,
        not_scored=devices - scored,
        share=float(share),
        seed=seed,
    )


def _check(share: object, seed: object) -> None:
    if isinstance(share, bool) or not isinstance(share, int | float) or not 0 < share <= 1:
        raise errors.OptionError("score_stitching", "share", share, "a number above 0 and up to 1")
    if isinstance(seed, bool) or not isinstance(seed, int | np.integer):
        raise errors.OptionError("score_stitching", "seed", seed, "a whole number")


class _Logins(NamedTuple):
    """Events that name a user on a device, by device and time."""

    row: Ints
    device: Ints
    time: Ints
    session: Ints
    """The login session, numbered over all devices."""
    may_hide: Flags
    """False for ``$alias`` rows, which stay."""
    devices: pd.Index
    """The text of each device."""


def _find_logins(events: pd.DataFrame, rule: StitchRule) -> _Logins:
    """All evidence on devices; without session_id, a longer gap than the timeout starts a new login session."""
    members = rule.members(events)
    time = order.microseconds(events)
    row = np.flatnonzero((members.user >= 0) & members.is_device[members.device])
    row = row[order.by_group_and_time(members.device[row].astype(np.int64), time[row])]
    device, at, name = members.device[row].astype(np.int64), time[row], order.codes(events, "session_id")[row]
    session = np.zeros(len(row), dtype=np.int64)
    loose, named = np.flatnonzero(name < 0), np.flatnonzero(name >= 0)
    starts = np.append([True], (np.diff(device[loose]) != 0) | (np.diff(at[loose]) > rule.timeout_us))[: len(loose)]
    session[loose] = np.cumsum(starts)
    named_session = pd.factorize(device[named] * (int(name.max(initial=0)) + 1) + name[named])[0]
    session[named] = named_session + session.max(initial=0) + 1
    return _Logins(row, device, at, session, ~order.is_named(events, order.ALIAS, row), members.devices)


def _hashes(texts: pd.Index, seed: int) -> npt.NDArray[np.uint64]:
    """A hash of each text and the seed."""
    return hash_texts(pd.Series([f"{seed}:{text}" for text in texts], dtype=object))


def _hide(logins: _Logins, chosen: Flags, seed: int) -> Ints:
    """Which logins are hidden: on each chosen device half of its login sessions, and half of the others' instants.

    A half is the one of the smaller hashes, rounded down; at least one instant stays.
    """
    at = np.flatnonzero(chosen[logins.device] & logins.may_hide)
    found = pd.DataFrame({"device": logins.device[at], "instant": logins.time[at], "session": logins.session[at]})
    # A session is told by its device and start: two that start at one instant are hidden or kept together.
    found["session"] = found.groupby("session")["instant"].transform("min")
    texts = logins.devices.astype(object).to_numpy()
    whole = _half(found, ["device"], "session", texts, seed)
    part = np.flatnonzero(~whole)
    hidden = whole.copy()
    hidden[part] = _half(found.iloc[part], ["device", "session"], "instant", texts, seed)
    return at[hidden]


def _without_users(events: pd.DataFrame, rows: Ints) -> pd.DataFrame:
    """The events without the user_id of some rows."""
    if not len(rows):
        return events
    users = events["user_id"].copy()
    users.iloc[rows] = None
    return events.assign(user_id=users)


def _half(logins: pd.DataFrame, within: list[str], unit: str, devices: Texts, seed: int) -> Flags:
    """Which logins are in the half of the units with the smaller hashes, group by group."""
    key = [*within, unit]
    units = logins[key].drop_duplicates()
    texts = [f"{unit} {when} {devices[device]}" for device, when in zip(units["device"], units[unit], strict=True)]
    units = units.assign(luck=_hashes(pd.Index(texts, dtype=object), seed)).sort_values([*within, "luck", unit])
    groups = units.groupby(within)[unit]
    is_hidden = (groups.cumcount() < groups.transform("size") // 2).to_numpy()
    hidden = pd.MultiIndex.from_frame(units.loc[is_hidden, key])
    flags: Flags = pd.MultiIndex.from_frame(logins[key]).isin(hidden)
    return flags


def _gaps(logins: _Logins, hidden: Ints) -> Ints:
    """Of each hidden login the place of its gap in ``GAPS``."""
    stays = np.ones(len(logins.row), dtype=bool)
    stays[hidden] = False
    kept = np.flatnonzero(stays)
    if not len(hidden):
        return hidden
    # Logins stand by device and time, so the nearest that stayed are the neighbors in that order.
    behind = np.searchsorted(kept, hidden) - 1
    gap = np.full(len(hidden), np.inf)
    for place in (behind, behind + 1):
        neighbor = kept[np.clip(place, 0, len(kept) - 1)]
        same = (place >= 0) & (place < len(kept)) & (logins.device[neighbor] == logins.device[hidden])
        away = np.abs(logins.time[neighbor] - logins.time[hidden]).astype(np.float64)
        gap = np.where(same, np.minimum(gap, away), gap)
    gap[np.isin(logins.session[hidden], logins.session[kept])] = 0
    return np.searchsorted([end for _, end in GAPS], gap)


class _Truth(NamedTuple):
    """Who is who in the events as they are."""

    users: pd.Index
    """Every text that is a user."""
    person: Ints
    """Per user its person's number."""
    own: Ints
    """Per row of the events the number of its own user's person, -1 for none."""

    @classmethod
    def of(cls, events: pd.DataFrame, rule: StitchRule) -> _Truth:
        """Read from the rows' own user_ids and their persons."""
        persons = stitch(events, replace(rule, policy="none"))["person_id"]
        named = order.codes(events, "user_id")
        texts = [persons.cat.categories]
        texts += [events[name].cat.categories for name in ("user_id", "new_user_id") if name in events.columns]
        known = pd.Index(np.concatenate([one.astype(object).to_numpy() for one in texts])).unique()
        person = np.arange(len(known))
        own = np.where(named >= 0, order.codes(persons.to_frame(), "person_id"), -1).astype(np.int64)
        if "user_id" in events.columns:
            place = matches(events["user_id"].cat.categories, known)
            person[place[named[named >= 0]]] = own[named >= 0]
        is_user = np.zeros(len(known), dtype=bool)
        for one in texts[1:]:
            is_user[matches(one, known)] = True
        return cls(known[is_user], person[is_user], own)


class _Answer(NamedTuple):
    answered: Flags
    right: Flags


def _judge(stitched: pd.DataFrame, masked: pd.DataFrame, rows: Ints, truth: _Truth, *, whole: bool) -> _Answer:
    """Which hidden rows got a user, and which of them their own."""
    user = matches(stitched["person_id"].cat.categories, truth.users)
    person = order.codes(stitched, "person_id")
    given = np.append(user, [-1])[person[rows]]
    answered = given >= 0
    right = answered & (np.append(truth.person, [-1])[given] == truth.own[rows])
    if whole:
        visible = order.codes(masked, "user_id") >= 0
        pairs = pd.DataFrame({"person": person[visible], "own": truth.own[visible]}).drop_duplicates()
        holds = np.bincount(pairs["person"][pairs["person"] >= 0], minlength=int(person.max(initial=-1)) + 2)
        right &= (holds[person[rows]] == 1) | ~answered
        right &= _holds(pairs, person[rows], truth.own[rows])
    return _Answer(answered, right)


def _holds(pairs: pd.DataFrame, person: npt.NDArray[np.integer], own: Ints) -> Flags:
    """Whether each (person, own) is one of the pairs."""
    found: Flags = pd.MultiIndex.from_arrays([person, own]).isin(pd.MultiIndex.from_frame(pairs))
    return found


def _answers(masked: pd.DataFrame, rules: list[StitchRule], rows: Ints, truth: _Truth) -> list[_Answer]:
    """What each rule says of the hidden rows."""
    answers = []
    stitched = stitch_each(masked, rules)
    with repeated(), steps("scoring policies", len(rules)) as step:
        for rule in rules:
            step(rule.policy)
            answers.append(_judge(next(stitched), masked, rows, truth, whole=rule.policy in _WHOLE))
    return answers


def _counted(policies: tuple[str, ...], answers: list[_Answer], split: pd.Series | None) -> pd.DataFrame:
    """Counts and their ratios a policy, or a policy and group of hidden rows."""
    group = np.zeros(len(answers[0].right) if answers else 0, dtype=np.int64) if split is None else split.cat.codes
    names = [None] if split is None else list(split.cat.categories)
    parts = []
    for policy, answer in zip(policies, answers, strict=True):
        counts = {
            "policy": [policy] * len(names),
            **({} if split is None else {str(split.name): names}),
            "hidden": np.bincount(group, minlength=len(names)),
            "answered": np.bincount(group[answer.answered], minlength=len(names)),
            "right": np.bincount(group[answer.right], minlength=len(names)),
        }
        parts.append(pd.DataFrame(counts))
    own = () if split is None else (schema.Column(str(split.name), "category", ""),)
    columns = (schema.STITCH_SCORE[0], *own, *schema.STITCH_SCORE[1:])
    table = pd.concat(parts, ignore_index=True) if parts else schema.empty(columns)
    with np.errstate(invalid="ignore", divide="ignore"):
        table["precision"] = table["right"].to_numpy() / table["answered"].to_numpy()
        table["recall"] = table["right"].to_numpy() / table["hidden"].to_numpy()
    return schema.typed(table, columns)
