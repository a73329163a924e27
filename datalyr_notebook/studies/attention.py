"""attention: what in an identity graph deserves a look, as one list: people, devices, e-mails and links."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from typing import Any, Final, NamedTuple

import numpy as np
import pandas as pd

from datalyr_notebook import order, schema
from datalyr_notebook.attribution.protocol import Model
from datalyr_notebook.frames import read_stitched
from datalyr_notebook.identity.collecting import Collected, collect, heavy_users
from datalyr_notebook.identity.links import find_device_links
from datalyr_notebook.identity.rule import StitchRule
from datalyr_notebook.identity.shared_devices import shared_devices
from datalyr_notebook.identity.stitching import stitch
from datalyr_notebook.identity.trusted_traits import first_held
from datalyr_notebook.journeys.conversions import Conversion
from datalyr_notebook.journeys.counted import counted_conversions
from datalyr_notebook.journeys.paths import summed
from datalyr_notebook.loading.encoding import matches
from datalyr_notebook.notices import repeated, say
from datalyr_notebook.order import Floats, Ints
from datalyr_notebook.rendering import counted
from datalyr_notebook.studies.difference import split_options, study_rule
from datalyr_notebook.studies.risk import links_at_risk

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

    ``super-node``: a device, a user or an e-mail over a limit of the rule. ``e-mail twins``: user_ids that
    share an e-mail (a trait, or the id itself) and are not one person. ``shared device``: a row of
    ``shared_devices`` within the limit. ``link at risk``: a row of ``links_at_risk`` without which events
    would have another owner. ``most value``: the 50 persons worth most.

    ``stitched``: stitched events, and ``rule`` the rule they were stitched with; any others are stitched by
    it, which is said. ``conversion``, ``model``, ``by`` and other keywords are those of ``links_at_risk``.

    Within a reason the most value comes first, then the most people and events, then the id. The reasons
    take turns: the first of each, in the order of ``REASONS``, then the second of each, and so on.

    Raises OptionError, CurrencyError, and what stitch and attribute raise.

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
    if isinstance(stitched, pd.DataFrame) and schema.is_stitched(stitched):
        events = rule.known(read_stitched(_STEP, stitched))
    else:
        say(f"{_STEP}: these events are not stitched; stitching them with policy={rule.policy!r}.")
        events = stitch(stitched, rule)
    of_conversions = {name: given for name, given in of_attribute.items() if name in _OF_CONVERSIONS}
    people = _People.of(events, counted_conversions(events, conversion, **of_conversions))
    collected = collect(events, rule)
    with repeated():
        risky = links_at_risk(events, rule=rule, conversion=conversion, model=model, by=by, **of_attribute)
    parts = [
        *_crowds(events, collected, people, rule),
        *_emails(events, collected, people, rule),
        _risky(risky[risky["events_moved"] > 0], collected, people),
        _valuable(people),
    ]
    return _in_turn(pd.concat(parts, ignore_index=True))


class _People(NamedTuple):
    """Whose each row is, and what each person is worth."""

    person: order.Codes
    """Per row, -1: nobody."""
    names: pd.Index
    value: Floats
    """Per person, like conversions."""
    conversions: Ints

    @classmethod
    def of(cls, stitched: pd.DataFrame, found: Any) -> _People:  # noqa: ANN401  (ConversionRows)
        person, names = order.codes(stitched, "person_id"), stitched["person_id"].cat.categories
        buyer, worth = person[found.row], np.nan_to_num(found.value)
        owned = buyer >= 0
        return cls(
            person,
            names,
            summed(buyer[owned], worth[owned], len(names)),
            np.bincount(buyer[owned], minlength=len(names)),
        )

    def concerned(self, group: Ints, row: Ints, groups: int) -> pd.DataFrame:
        """Per group of rows: its events, people, their value, and the person with most of the events."""
        known = self.person[row] >= 0
        pairs, events = np.unique(group[known] * (len(self.names) + 1) + self.person[row[known]], return_counts=True)
        of, person = pairs // (len(self.names) + 1), pairs % (len(self.names) + 1)
        involved, place = np.unique(person, return_inverse=True)
        rank = order.text_rank(pd.Series(self.names[involved].astype(object)))[place]
        inorder = np.lexsort((rank, -events, of))
        heads = inorder[np.append([True], np.diff(of[inorder]) != 0)[: len(inorder)]]
        main = np.full(groups, -1, dtype=np.int64)
        main[of[heads]] = person[heads]
        return pd.DataFrame(
            {
                "person_id": np.append(self.names.astype(object).to_numpy(), [None])[main],
                "people": np.bincount(of, minlength=groups),
                "events": np.bincount(group, minlength=groups),
                "value": summed(of, self.value[person], groups),
            }
        )


def _crowds(events: pd.DataFrame, collected: Collected, people: _People, rule: StitchRule) -> Iterator[pd.DataFrame]:
    """Devices of several users, and users on more devices than the rule allows."""
    members = collected.members
    shared = shared_devices(events, rule)
    code = matches(pd.Index(shared["anonymous_id"].astype(object)), members.devices)
    told = people.concerned(*_entries(members.device, code, np.arange(len(code))), len(code))
    limit = f"over max_users_per_device={rule.max_users_per_device}: more likely a fault in tracking than a device"
    why = [
        f"A device of {users:,} users, {limit} that people share." if is_crowded else _turns(users, switches)
        for users, switches, is_crowded in zip(shared["users"], shared["switches"], shared["is_crowded"], strict=True)
    ]
    reason = np.where(shared["is_crowded"], "super-node", "shared device")
    yield told.assign(reason=reason, id=shared["anonymous_id"].astype(object), id_kind="device", why=why)
    links = find_device_links(events, members, collected.aliases, np.flatnonzero(collected.is_evidence))
    heavy = heavy_users(links, members, rule.max_devices_per_user)
    user = np.array(sorted(heavy), dtype=np.int64)
    told = people.concerned(*_entries(members.user, user, np.arange(len(user))), len(user))
    limit = f"over max_devices_per_user={rule.max_devices_per_user}: more likely a robot, a test or a placeholder"
    why = [f"A user on {heavy[one]:,} devices, {limit} than one person." for one in user.tolist()]
    yield told.assign(reason="super-node", id=members.users[user].astype(object), id_kind="user", why=why)


def _turns(users: int, switches: int) -> str:
    """What happens on a shared device."""
    how = "it changed hands once" if switches == 1 else f"the named user changes {switches:,} times"
    return f"A device of {users:,} users: {how}."


def _emails(events: pd.DataFrame, collected: Collected, people: _People, rule: StitchRule) -> Iterator[pd.DataFrame]:
    """E-mails of several users: of too many, or of users who are not one person."""
    members, limit = collected.members, rule.max_ids_per_trait_value
    held = first_held(events, members, "email", rule.blocked)
    several = {address: users for address, users in sorted(held.items()) if len(users) > 1}
    crowded = [address for address, users in several.items() if len(users) > limit]
    told = _holders(people, members.user, [several[address] for address in crowded])
    words = f"over max_ids_per_trait_value={limit}: more likely a placeholder than one person's."
    why = [f"An e-mail of {len(several[address]):,} user_ids, {words}" for address in crowded]
    yield told.assign(reason="super-node", id=crowded, id_kind="trait", why=why)
    few = [users for users in several.values() if len(users) <= limit]
    first = [min((since, str(members.users[user])) for user, since in users.items())[1] for users in few]
    told = _holders(people, members.user, few)
    why = [
        f"{len(users):,} user_ids share one e-mail and are {counted(int(persons), 'person')} under this rule."
        for users, persons in zip(few, told["people"], strict=True)
    ]
    told = told.assign(reason="e-mail twins", id=np.array(first, dtype=object), id_kind="user", why=why)
    # Of twins with the same first user one row is enough: the most people.
    told = told[told["people"] > 1].sort_values(["people", "events"], ascending=False, kind="stable")
    yield told.drop_duplicates("id")


def _holders(people: _People, user: order.Codes, groups: list[dict[int, int]]) -> pd.DataFrame:
    """What concerns each group of users."""
    code = np.array([one for users in groups for one in users], dtype=np.int64)
    group = np.repeat(np.arange(len(groups)), [len(users) for users in groups]).astype(np.int64)
    return people.concerned(*_entries(user, code, group), len(groups))


def _risky(links: pd.DataFrame, collected: Collected, people: _People) -> pd.DataFrame:
    """Links without which events would have another owner; to look at: who has its first id, else its other one."""
    members, main = collected.members, pd.Series([None] * len(links), dtype=object)
    for end, kind in (("id", "id_kind"), ("other_id", "other_kind")):
        for own, texts, column in (("device", members.devices, members.device), ("user", members.users, members.user)):
            at = np.flatnonzero((links[kind] == own).to_numpy(dtype=bool) & main.isna().to_numpy())
            code = matches(pd.Index(links[end].iloc[at].astype(object)), texts)
            told = people.concerned(*_entries(column, code, at), len(links))
            main = main.where(main.notna(), told["person_id"])
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
            "id": links["id"].astype(object).to_numpy(),
            "id_kind": links["id_kind"].astype(object).to_numpy(),
            "why": np.array(why, dtype=object),
        }
    )


def _valuable(people: _People) -> pd.DataFrame:
    """The persons worth most."""
    worth = np.flatnonzero(people.value > 0)
    least = np.sort(people.value[worth])[-MOST_VALUABLE] if len(worth) > MOST_VALUABLE else 0.0
    kept = np.flatnonzero(people.value[worth] >= least)
    rank = order.text_rank(pd.Series(people.names[worth[kept]].astype(object)))
    worth = worth[kept[np.lexsort((rank, -people.value[worth[kept]]))][:MOST_VALUABLE]]
    why = [f"{counted(int(count), 'conversion')}: one of those worth most." for count in people.conversions[worth]]
    names = people.names[worth].astype(object)
    return pd.DataFrame(
        {
            "person_id": names,
            "people": 1,
            "events": np.bincount(people.person[people.person >= 0], minlength=len(people.names))[worth],
            "value": people.value[worth],
            "reason": "most value",
            "id": names,
            "id_kind": "person",
            "why": np.array(why, dtype=object),
        }
    )


def _entries(column: order.Codes, code: Ints, group: Ints) -> tuple[Ints, Ints]:
    """The rows that have one of the codes asked for, once for each group that asks: the group, and the row."""
    wanted = np.zeros(int(column.max(initial=0)) + 2, dtype=bool)
    asked = (code >= 0) & (code < len(wanted) - 1)
    wanted[code[asked]] = True
    rows = np.flatnonzero(wanted[column])
    has = pd.DataFrame({"code": column[rows].astype(np.int64), "row": rows.astype(np.int64)})
    found = has.merge(pd.DataFrame({"code": code[asked], "group": group[asked]}), on="code")
    return found["group"].to_numpy(dtype=np.int64), found["row"].to_numpy(dtype=np.int64)


def _in_turn(found: pd.DataFrame) -> pd.DataFrame:
    """Within each reason by value, and the reasons in turn."""
    place = found["reason"].map({reason: number for number, reason in enumerate(REASONS)})
    keys = ["place", "worth", "people", "events", "id", "id_kind", "why"]
    found = found.assign(place=place, worth=found["value"].round(9)).sort_values(
        keys, ascending=[True, False, False, False, True, True, True], ignore_index=True
    )
    found = found.assign(turn=found.groupby("place").cumcount())
    return schema.typed(found.sort_values(["turn", "place"], ignore_index=True), schema.IDENTITY_ATTENTION)
