"""attention: what in an identity graph deserves a look, as one list: people, devices, e-mails and links."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from typing import Any, Final

import numpy as np
import pandas as pd

from datalyr_notebook import errors, order, schema
from datalyr_notebook.attribution.protocol import Model
from datalyr_notebook.frames import read_stitched
from datalyr_notebook.identity.collecting import Collected, collect, heavy_users
from datalyr_notebook.identity.links import find_device_links
from datalyr_notebook.identity.rule import StitchRule
from datalyr_notebook.identity.shared_devices import find_shared_devices
from datalyr_notebook.identity.stitching import stitch
from datalyr_notebook.identity.trusted_traits import SharedValues, find_shared_values
from datalyr_notebook.journeys.between import read_between
from datalyr_notebook.journeys.conversions import Conversion
from datalyr_notebook.journeys.counted import counted_conversions
from datalyr_notebook.loading.encoding import matches
from datalyr_notebook.loading.normalize import as_canonical
from datalyr_notebook.notices import repeated, say
from datalyr_notebook.order import Flags, Ints, Texts
from datalyr_notebook.rendering import counted
from datalyr_notebook.studies.concerned import People
from datalyr_notebook.studies.difference import Crediting, split_options, study_rule
from datalyr_notebook.studies.risk import find_links_at_risk, uncertain_kinds

REASONS: Final = ("super-node", "e-mail twins", "shared device", "link at risk", "most value")
"""Why something is on the list, what is most probably wrong first."""
MOST_VALUABLE: Final = 50
"""How many of the persons worth most are on the list."""

_STEP: Final = "attention"
_OF_CONVERSIONS: Final = ("refunds", "refund_events", "rates")


def attention(
    stitched: pd.DataFrame,
    *,
    rule: StitchRule | None = None,
    conversion: Conversion = "purchase",
    model: str | Model = "hybrid",
    by: str | Iterable[str] = "channel",
    **keywords: Any,
) -> pd.DataFrame:
    """What deserves a look before anybody trusts who is who, in the columns of ``schema.IDENTITY_ATTENTION``.

    ``super-node``: a device, a user or a trait value over a limit of the rule (of traits the e-mail, and those
    of ``merge_on``). ``e-mail twins``: user_ids that share an e-mail (a trait, or the id itself) within the limit
    and are not one person; a row each set of user_ids, under the one that had the e-mail first. ``shared device``:
    a row of ``shared_devices`` within the limit. ``link at risk``: a row of ``links_at_risk`` without which
    events would have another owner. ``most value``: the 50 persons worth most; nobody without a value above 0.

    ``stitched``: stitched events, and ``rule`` the very rule they were stitched with; any others are stitched by
    it, which is said. ``conversion`` and other keywords are options of ``attribute`` (``refunds``, ``between``, …:
    what ``value`` counts; a mask has a flag a row of the normalized events) or of ``stitch``; ``model`` and ``by``
    say which links move credit.

    Within a reason the most value comes first, then the most people and events, then the id. The reasons
    take turns: the first of each, in the order of ``REASONS``, then the second of each, and so on.

    Raises OptionError, CurrencyError, JudgedAtEventError for events stitched with ``as_of="event"``, and what
    stitch and attribute raise.

    >>> from datalyr_notebook.identity.stitching import stitch
    >>> events = pd.DataFrame({
    ...     "timestamp": ["2026-01-01T10:00Z", "2026-01-02T10:00Z", "2026-01-02T11:00Z"],
    ...     "event_name": ["$identify", "$identify", "purchase"], "anonymous_id": "anon_tablet",
    ...     "user_id": ["kate", "tom", "tom"], "value": [None, None, 20.0],
    ... })
    >>> attention(stitch(events))[["reason", "id", "person_id", "people", "value"]]
              reason           id person_id  people  value
    0  shared device  anon_tablet       tom       2   20.0
    1     most value          tom       tom       1   20.0
    """
    of_rule, of_attribute = split_options(_STEP, keywords)
    rule = study_rule(_STEP, rule, of_rule)
    crediting = Crediting(conversion=conversion, model=model, by=by, options=of_attribute)
    crediting.one_model(_STEP)
    events, kept = _read(stitched, rule)
    collected = collect(events, rule)
    people = _people(events, crediting, kept)
    members, kinds = collected.members, uncertain_kinds(rule)
    with repeated():
        risky = find_links_at_risk(events, rule, crediting, kinds=kinds, kept=kept, members=members, is_stitched=True)
    parts = [
        _devices(find_shared_devices(events, collected, rule), collected, people, rule),
        _heavy(events, collected, people, rule),
        *_traits(events, collected, people, rule),
        _risky(risky[risky["events_moved"] > 0], collected, people),
        _valuable(people),
    ]
    return _in_turn(pd.concat([part for part in parts if len(part)] or parts[:1], ignore_index=True))


def _read(given: pd.DataFrame, rule: StitchRule) -> tuple[pd.DataFrame, Flags]:
    """Stitched events, and which rows of the normalized table they are."""
    if isinstance(given, pd.DataFrame) and schema.is_stitched(given):
        whole = read_stitched(_STEP, given, needs=("event_name", "person_since"))
        if schema.is_judged_at_event(whole):
            raise errors.JudgedAtEventError(_STEP)
        stitched = rule.known(whole)
    else:
        say(f"{_STEP}: these events are not stitched; stitching them with policy={rule.policy!r}.")
        whole = as_canonical(given, _STEP)
        stitched = stitch(whole, rule)
    return stitched, rule.happened(whole)


def _people(stitched: pd.DataFrame, crediting: Crediting, kept: Flags) -> People:
    options = {name: given for name, given in crediting.options.items() if name in _OF_CONVERSIONS}
    found = counted_conversions(stitched, crediting.conversion_of(kept), **options)
    between = read_between(_STEP, crediting.options.get("between"))
    counts = between.holds(order.microseconds(stitched)[found.row])
    return People.of(stitched, found.row[counts], found.value[counts])


def _devices(shared: pd.DataFrame, collected: Collected, people: People, rule: StitchRule) -> pd.DataFrame:
    """Devices of several users: within the limit, and over it."""
    limit = f"over max_users_per_device={rule.max_users_per_device}: more likely a fault in tracking than a device"
    why = [
        f"A device of {users:,} users, {limit} that people share." if is_crowded else _turns(users, switches)
        for users, switches, is_crowded in zip(shared["users"], shared["switches"], shared["is_crowded"], strict=True)
    ]
    code = shared.index.to_numpy(dtype=np.int64)
    concerned = people.concerned(collected.members.device, code, np.arange(len(code)), len(code))
    return concerned.assign(
        reason=np.where(shared["is_crowded"], "super-node", "shared device"),
        id=shared["anonymous_id"].to_numpy(dtype=object),
        id_kind="device",
        why=_texts(why),
    )


def _turns(users: int, switches: int) -> str:
    """What happens on a shared device."""
    how = "it changed hands once" if switches == 1 else f"the named user changes {switches:,} times"
    return f"A device of {users:,} users: {how}."


def _heavy(events: pd.DataFrame, collected: Collected, people: People, rule: StitchRule) -> pd.DataFrame:
    """Users on more devices than the rule allows."""
    members = collected.members
    links = find_device_links(events, members, collected.aliases, np.flatnonzero(collected.is_evidence))
    heavy = heavy_users(links, members, rule.max_devices_per_user)
    user = np.array(sorted(heavy), dtype=np.int64)
    limit = f"over max_devices_per_user={rule.max_devices_per_user}: more likely a robot, a test or a placeholder"
    why = [f"A user on {heavy[one]:,} devices, {limit} than one person." for one in user.tolist()]
    concerned = people.concerned(members.user, user, np.arange(len(user)), len(user))
    unseen = np.flatnonzero(concerned["person_id"].isna())
    if len(unseen):
        # No event carries a user whom $alias calls alone name; its devices' events are its person's.
        person = matches(members.users[collected.canon.user[user[unseen]]], people.names)
        concerned.iloc[unseen] = people.told(person).set_axis(unseen, axis="index")
    return concerned.assign(
        reason="super-node", id=members.users[user].to_numpy(dtype=object), id_kind="user", why=_texts(why)
    )


def _traits(events: pd.DataFrame, collected: Collected, people: People, rule: StitchRule) -> Iterator[pd.DataFrame]:
    """Trait values of too many users, and e-mails of users who are not one person."""
    members, limit = collected.members, rule.max_ids_per_trait_value
    words = f"over max_ids_per_trait_value={limit}: more likely a placeholder than one person's."
    for trait in dict.fromkeys(("email", *rule.merge_on)):
        shared = find_shared_values(events, members, trait, rule.blocked)
        noun = "An e-mail" if trait == "email" else f"A value of {errors.shown(trait)}"
        crowded = np.flatnonzero(shared.users > limit)
        yield _holders(shared, crowded, collected, people).assign(
            reason="super-node",
            id=shared.texts[crowded],
            id_kind="trait",
            why=_texts([f"{noun} of {users:,} user_ids, {words}" for users in shared.users[crowded].tolist()]),
        )
        if trait == "email":
            yield _twins(shared, np.flatnonzero(shared.users <= limit), collected, people)


def _twins(shared: SharedValues, values: Ints, collected: Collected, people: People) -> pd.DataFrame:
    """E-mails of users who are not one person, those of the same users once."""
    users, starts = shared.users, shared.starts
    canonical = collected.canon.user[shared.user]
    # Both are asked: under policy last one user's events may be several persons', under graph users whom nothing
    # merges may be one person.
    differs = order.has_several(shared.value, canonical, len(users))
    sets = {tuple(sorted(shared.user[starts[one] : starts[one] + users[one]].tolist())): one for one in values[::-1]}
    asked = np.array([one for one in sorted(sets.values()) if differs[one]], dtype=np.int64)
    concerned = _holders(shared, asked, collected, people)
    why = [
        f"{count:,} user_ids share one e-mail, and their events are {persons:,} people's under this rule."
        for count, persons in zip(users[asked].tolist(), concerned["people"].tolist(), strict=True)
    ]
    first = collected.members.users[shared.user[starts[asked]]].to_numpy(dtype=object)
    twins = concerned.assign(reason="e-mail twins", id=first, id_kind="user", why=_texts(why))
    return twins[twins["people"] > 1]


def _holders(shared: SharedValues, values: Ints, collected: Collected, people: People) -> pd.DataFrame:
    """Whom these values of a trait concern."""
    group = np.full(len(shared.texts) + 1, -1, dtype=np.int64)
    group[values] = np.arange(len(values))
    at = np.flatnonzero(group[shared.value] >= 0)
    return people.concerned(collected.members.user, shared.user[at], group[shared.value[at]], len(values))


def _risky(links: pd.DataFrame, collected: Collected, people: People) -> pd.DataFrame:
    """Links without which events would have another owner; to look at: who has its first id, else its other one."""
    members, main = collected.members, np.full(len(links), None, dtype=object)
    for end, kind in (("id", "id_kind"), ("other_id", "other_kind")):
        for own, texts, column in (("device", members.devices, members.device), ("user", members.users, members.user)):
            at = np.flatnonzero((links[kind] == own).to_numpy(dtype=bool) & pd.isna(main))
            if len(at):
                code = matches(pd.Index(links[end].iloc[at].astype(object)), texts)
                main[at] = people.concerned(column, code, np.arange(len(at)), len(at))["person_id"]
    why = [
        f"Without this {kind} link {counted(int(moved), 'event')} would belong to somebody else."
        for kind, moved in zip(links["kind"], links["events_moved"], strict=True)
    ]
    return pd.DataFrame(
        {
            "person_id": main,
            "people": links["people_moved"].to_numpy(),
            "events": links["events_moved"].to_numpy(),
            "value": links["value_moved"].to_numpy(),
            "reason": "link at risk",
            "id": links["id"].to_numpy(dtype=object),
            "id_kind": links["id_kind"].to_numpy(dtype=object),
            "why": _texts(why),
        }
    )


def _valuable(people: People) -> pd.DataFrame:
    """The persons worth most."""
    worth = people.most_valuable(MOST_VALUABLE)
    told = people.told(worth)
    why = [f"Of the people worth most: {counted(int(count), 'conversion')}." for count in people.conversions[worth]]
    return told.assign(reason="most value", id=told["person_id"], id_kind="person", why=_texts(why))


def _texts(sentences: list[str]) -> Texts:
    return np.array(sentences, dtype=object)


def _in_turn(found: pd.DataFrame) -> pd.DataFrame:
    """Within each reason by value, and the reasons in turn."""
    place = found["reason"].map({reason: number for number, reason in enumerate(REASONS)})
    keys = ["place", "worth", "people", "events", "id", "id_kind", "why"]
    found = found.assign(place=place, worth=found["value"].round(9)).sort_values(
        keys, ascending=[True, False, False, False, True, True, True], ignore_index=True
    )
    found = found.assign(turn=found.groupby("place").cumcount())
    return schema.typed(found.sort_values(["turn", "place"], ignore_index=True), schema.IDENTITY_ATTENTION)
