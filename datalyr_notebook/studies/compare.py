"""compare_policies: every stitch policy on the same events, in people and in money."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass, replace
from typing import Any

import numpy as np
import pandas as pd
import pyarrow as pa
import pyarrow.compute as pc

from datalyr_notebook import errors, options, order, schema
from datalyr_notebook.attribution.credit import AS_GOOD_AS_EQUAL
from datalyr_notebook.attribution.models import MODELS, resolve
from datalyr_notebook.attribution.protocol import FittedModel, Model, TouchModel
from datalyr_notebook.attribution.reading import Names, read_options
from datalyr_notebook.hashing import one_array
from datalyr_notebook.identity.policies import POLICIES
from datalyr_notebook.identity.rule import StitchRule
from datalyr_notebook.identity.stitching import persons_each
from datalyr_notebook.journeys.between import BetweenOption
from datalyr_notebook.journeys.channel_options import Channels
from datalyr_notebook.journeys.conversions import Conversion, conversion_kinds
from datalyr_notebook.journeys.lookback import LookbackOption
from datalyr_notebook.journeys.transforms import PathOption
from datalyr_notebook.loading.normalize import as_canonical
from datalyr_notebook.order import Flags, Floats, Ints
from datalyr_notebook.progress import steps
from datalyr_notebook.rendering import counted, table_html, table_text
from datalyr_notebook.studies.accounts import Account, Accounting, Baseline, Credited, baseline_account, other_account
from datalyr_notebook.studies.difference import study_rule

_STEP = "compare_policies"


@dataclass(frozen=True, repr=False, eq=False)
class PolicyComparison:
    """What the choice of a policy changes, on the analyst's own events. Made by ``compare_policies``."""

    summary: pd.DataFrame
    """One row a policy, as asked for; ``schema.POLICY_SUMMARY``."""
    credit: pd.DataFrame
    """Credit by channel under each policy; ``schema.POLICY_CREDIT``. Sums to the policy's value.

    Sorted by policy, then credit and conversions, largest first, then channel.
    """
    devices: pd.DataFrame
    """The devices that drive the gap between a policy and the baseline; ``schema.POLICY_DEVICES``.

    Sorted by policy, then value_differs and events_differ, largest first, then anonymous_id.
    """
    baseline: str
    """The policy that the others are compared with."""
    model: str
    """The attribution model."""
    events: int

    def to_frame(self) -> pd.DataFrame:
        """Credit as a table of channels (index) by policies (columns), the largest channel first; 0 where none."""
        policies = [str(name) for name in self.summary["policy"]]
        credit = self.credit.astype({"policy": schema.TEXT})
        wide = credit.pivot_table(index="channel", columns="policy", values="credit", aggfunc="sum")
        wide = wide.reindex(columns=pd.Index(policies, name="policy")).fillna(0.0).sort_index()
        size: pd.Series = wide.sum(axis="columns")
        return wide.iloc[np.argsort(-size.to_numpy(), kind="stable")]

    def __repr__(self) -> str:
        """A line, then the summary."""
        return table_text(self._headline(), self.summary)

    def _repr_html_(self) -> str:
        """The summary, then credit by channel, as small tables; every text from an event is escaped."""
        credit = self.to_frame().reset_index()
        told = f"Credit by channel, model {self.model}"
        return table_html(self._headline(), self.summary, ".summary") + table_html(told, credit, ".to_frame()")

    def _headline(self) -> str:
        policies = counted(len(self.summary), "policy", "policies")
        return (
            f"PolicyComparison: {policies} on {counted(self.events, 'event')}, "
            f"against {self.baseline!r}, model {self.model!r}"
        )


def compare_policies(
    events: pd.DataFrame,
    *,
    policies: Iterable[str] | None = None,
    conversion: Conversion = "purchase",
    model: str | Model = "hybrid",
    rule: StitchRule | None = None,
    baseline: str | None = None,
    lookback: LookbackOption = "90D",
    level: str = "session",
    channels: Channels | None = None,
    touches_feed: str = "every",
    refunds: str = "net",
    refund_events: Iterable[str] = ("refund",),
    rates: Mapping[str, float] | None = None,
    include: Names | None = None,
    exclude: Names | None = None,
    path: PathOption = (),
    app_direct: bool = False,
    session_timeout: str | pd.Timedelta = "30min",
    between: BetweenOption = None,
    **keywords: Any,
) -> PolicyComparison:
    """Stitch the same events under every policy, and say what the choice changes.

    ``policies``: names out of ``POLICIES``, default all of them. ``rule``, or its options as keywords: what
    else the stitching follows; its policy is the ``baseline`` unless another is named. ``conversion`` and
    ``model`` (one of them), and the options behind them, are those of ``attribute``. An event's owner differs where its
    person_id is another than under the baseline: people and devices are counted row by row.

    Every policy sees the same rows, so its credit sums to the same value as ``attribute`` on
    ``stitch(events, rule)``; the value itself may differ where one order is on two persons under one
    policy and on one under another.

    Raises OptionError, CurrencyError, ModelError, and what stitch raises.

    >>> events = pd.DataFrame({
    ...     "timestamp": ["2026-01-01T10:00Z", "2026-01-02T20:00Z", "2026-01-03T09:00Z"],
    ...     "event_name": ["pageview", "purchase", "$identify"], "anonymous_id": ["phone", "desk", "phone"],
    ...     "user_id": [None, "u1", "u1"], "source": ["tiktok", None, None], "value": [None, 50.0, None],
    ... })
    >>> compare_policies(events, policies=["session", "none"]).to_frame()
    policy          session  none
    channel
    Direct              0.0  50.0
    Organic Social     50.0   0.0
    """
    rule = study_rule(_STEP, rule, keywords)
    names = _asked_policies(policies)
    against = rule.policy if baseline is None else options.one_of(_STEP, "baseline", baseline, POLICIES)
    model_name, one_model = _one_model(model)
    reading = read_options(
        _STEP,
        lookback=lookback,
        level=level,
        channels=channels,
        touches_feed=touches_feed,
        evidence="all",
        refunds=refunds,
        refund_events=refund_events,
        rates=rates,
        include=include,
        exclude=exclude,
        path=path,
        app_direct=app_direct,
        session_timeout=session_timeout,
        between=between,
    )
    others = [name for name in names if name != against]
    table = as_canonical(events, _STEP)
    told = persons_each(table, [replace(rule, policy=name) for name in (against, *others)])
    with steps("comparing policies", 1 + len(others)) as step:
        step(against)
        persons = next(told)
        kinds = conversion_kinds(persons.events, conversion)
        accounting = Accounting(kinds=kinds, model=one_model, reading=reading)
        first = baseline_account(persons, accounting)
        findings = {against: _findings(first.account, first)}
        for name in others:
            step(name)
            findings[name] = _findings(other_account(next(told), first), first)
    return PolicyComparison(
        summary=_summary(names, findings),
        credit=_credit(names, findings),
        devices=_devices(names, findings, first),
        baseline=against,
        model=model_name,
        events=len(first.events),
    )


def _asked_policies(policies: Iterable[str] | None) -> tuple[str, ...]:
    if policies is None:
        return tuple(POLICIES)
    given = policies if isinstance(policies, str) else tuple(policies)
    names = tuple(dict.fromkeys(options.texts(_STEP, "policies", given, POLICIES)))
    if not names:
        raise errors.OptionError(_STEP, "policies", policies, POLICIES)
    return names


def _one_model(model: str | Model) -> tuple[str, TouchModel]:
    """One model that reads one person's rows alone, so that persons whom a policy leaves alone stay as they are."""
    models = resolve(model)
    name, one = next(iter(models.items()))
    if len(models) != 1 or not _is_local(one) or not isinstance(one, TouchModel):
        known = ", ".join(repr(one) for one, factory in MODELS.items() if _is_local(factory))
        words = f"one model that shares out each conversion by its own touches, such as {known}"
        raise errors.OptionError(_STEP, "model", model, words)
    return name, one


def _is_local(model: object) -> bool:
    return isinstance(model, TouchModel) and not isinstance(model, FittedModel)


@dataclass(frozen=True, kw_only=True)
class _Findings:
    """What is told of one policy."""

    facts: dict[str, Any]
    """The row of the summary."""
    credit: pd.DataFrame
    device: Ints
    """Devices with a difference: their codes; the other arrays have an entry each."""
    events: Ints
    conversions: Ints
    value: Floats


def _findings(account: Account, baseline: Baseline) -> _Findings:
    credited, device = account.credited, order.codes(baseline.events, "anonymous_id")
    differs = np.flatnonzero(account.owner != baseline.account.owner)
    devices = int(device.max(initial=-1)) + 1
    events = np.bincount(device[differs] + 1, minlength=devices + 1)[1:]
    where, worth = _moved_conversions(account, baseline)
    conversions = np.bincount(device[where] + 1, minlength=devices + 1)[1:]
    value = np.bincount(device[where] + 1, worth, minlength=devices + 1)[1:]
    rows, total = len(account.owner), credited.value.sum()
    at = np.flatnonzero((events > 0) | (conversions > 0))
    return _Findings(
        facts={
            "people": account.people,
            "match_rate": account.matched.sum() / rows if rows else np.nan,
            "value_match_rate": credited.value[account.matched[credited.row]].sum() / total if total else np.nan,
            "devices_differ": (events > 0).sum(),
            "events_differ": len(differs),
            "conversions": len(credited.row),
            "value": total,
            "cross_device_conversions": credited.is_cross_device.sum(),
        },
        credit=_by_channel(credited),
        device=at,
        events=events[at],
        conversions=conversions[at],
        value=value[at].astype(np.float64),
    )


def _moved_conversions(account: Account, baseline: Baseline) -> tuple[Ints, Floats]:
    """Conversions whose person, channels or value are not the baseline's: the row that tells the device, the value."""
    one, other = baseline.account.credited, account.credited
    if other is one:
        return np.zeros(0, dtype=np.int64), np.zeros(0)
    left, right = _pairs(one.key, other.key, other.kept)
    row = other.row[right]
    shares = np.zeros((len(left), other.shares.shape[1]))
    shares[:, [*range(len(one.channels)), -1]] = one.shares[left]
    moved = account.owner[row] != baseline.account.owner[row]
    moved |= (np.abs(shares - other.shares[right]) > AS_GOOD_AS_EQUAL).any(axis=1)
    moved |= np.abs(one.value[left] - other.value[right]) > AS_GOOD_AS_EQUAL * np.maximum(1.0, one.value[left])
    gone, new = _others(len(one.key), left), _others(len(other.key), right)
    where = np.concatenate([one.where[left[moved]], one.where[gone], other.where[new]])
    return where, np.concatenate([one.value[left[moved]], one.value[gone], other.value[new]])


def _pairs(one: Ints, other: Ints, kept: Flags) -> tuple[Ints, Ints]:
    """The places of the conversions that both policies have; the kept ones lead the other's in their order."""
    first, anew = np.flatnonzero(kept), np.flatnonzero(~kept)
    _, left, right = np.intersect1d(one[anew], other[len(first) :], assume_unique=True, return_indices=True)
    return np.append(first, anew[left]), np.append(np.arange(len(first)), len(first) + right)


def _others(count: int, places: Ints) -> Flags:
    rest = np.ones(count, dtype=bool)
    rest[places] = False
    return rest


def _by_channel(credited: Credited) -> pd.DataFrame:
    table = pd.DataFrame(
        {
            "channel": pd.Series([*credited.channels, schema.UNATTRIBUTED], dtype=schema.TEXT),
            "conversions": credited.shares.sum(axis=0),
            "credit": credited.value @ credited.shares,
        }
    )
    table = table[(table["conversions"] > 0) | (table["credit"] != 0)]
    return table.sort_values(["credit", "conversions", "channel"], ascending=[False, False, True])


def _summary(names: tuple[str, ...], findings: Mapping[str, _Findings]) -> pd.DataFrame:
    rows = pd.DataFrame([findings[name].facts for name in names]).assign(policy=_policy(names, np.arange(len(names))))
    return schema.typed(rows, schema.POLICY_SUMMARY)


def _credit(names: tuple[str, ...], findings: Mapping[str, _Findings]) -> pd.DataFrame:
    parts = [findings[name].credit for name in names]
    table = pd.concat(parts, ignore_index=True)
    table["policy"] = _policy(names, np.repeat(np.arange(len(names)), [len(part) for part in parts]))
    return schema.typed(table, schema.POLICY_CREDIT)


def _devices(names: tuple[str, ...], findings: Mapping[str, _Findings], baseline: Baseline) -> pd.DataFrame:
    parts = [findings[name] for name in names]
    device = np.concatenate([part.device for part in parts])
    policy = np.repeat(np.arange(len(names)), [len(part.device) for part in parts])
    differing = np.concatenate([part.events for part in parts])
    value = np.concatenate([part.value for part in parts])
    events = baseline.events
    texts = events["anonymous_id"].cat.categories if "anonymous_id" in events.columns else pd.Index([], dtype="str")
    rank = _text_rank(texts, device)
    inorder = np.lexsort((rank, -differing, -value, policy))
    conversions = np.concatenate([part.conversions for part in parts])
    table = pd.DataFrame(
        {
            "policy": _policy(names, policy[inorder]),
            "anonymous_id": pd.Categorical.from_codes(device[inorder].astype(np.int32), categories=texts),
            "users": _users(events)[device[inorder]],
            "events_differ": differing[inorder],
            "conversions_differ": conversions[inorder],
            "value_differs": value[inorder],
        }
    )
    return schema.typed(table, schema.POLICY_DEVICES)


def _policy(names: tuple[str, ...], places: Ints) -> pd.Categorical[Any]:
    return pd.Categorical.from_codes(places, categories=pd.Index(names, dtype=schema.TEXT))


def _text_rank(texts: pd.Index, used: Ints) -> Ints:
    """The rank in text order of the text at each place."""
    places, number = np.unique(used, return_inverse=True)
    rank = np.empty(len(places), dtype=np.int64)
    rank[pc.array_sort_indices(one_array(pa.array(texts[places]))).to_numpy()] = np.arange(len(places))
    return rank[number]


def _users(events: pd.DataFrame) -> Ints:
    """How many user_ids the rows of each device carry; only devices with several are counted pair by pair."""
    device, user = order.codes(events, "anonymous_id"), order.codes(events, "user_id")
    rows = np.flatnonzero((device >= 0) & (user >= 0))
    device, user = device[rows], user[rows]
    devices = int(order.codes(events, "anonymous_id").max(initial=-1)) + 1
    users = np.zeros(devices, dtype=np.int64)
    users[device] = 1
    several = order.has_several(device, user, devices)
    at = np.flatnonzero(several[device])
    pairs = pd.DataFrame({"device": device[at], "user": user[at]}).drop_duplicates()
    counts: Ints = np.where(several, np.bincount(pairs["device"], minlength=devices), users)
    return counts
