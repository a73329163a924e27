"""explain: why a conversion's credit went where it went, touch by touch, in words a colleague would accept."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import TYPE_CHECKING, Final

import numpy as np
import pandas as pd

from datalyr_notebook import errors, schema
from datalyr_notebook.attribution.explaining.credit_words import html_of, text_of
from datalyr_notebook.attribution.explaining.passed_over import PersonsTouches, persons_touches, why_not
from datalyr_notebook.attribution.explaining.reasons import reason
from datalyr_notebook.attribution.explaining.touch_evidence import PersonsRows, evidence_sentences, rows_of_person
from datalyr_notebook.attribution.groups import distinct_labels
from datalyr_notebook.attribution.protocol import TotalModel
from datalyr_notebook.hashing import cell_text
from datalyr_notebook.identity.persons import nearest_ids
from datalyr_notebook.journeys.channel_report import describe_rule
from datalyr_notebook.journeys.channels import UNASSIGNED
from datalyr_notebook.journeys.lookback import DAY_US, UNLIMITED
from datalyr_notebook.journeys.touches import TouchRows, touch_rules, touch_table
from datalyr_notebook.order import Floats, Ints, Texts
from datalyr_notebook.rendering import counted

if TYPE_CHECKING:
    from datalyr_notebook.attribution.result import Attribution

_STEP: Final = "explain"
_ASKED_BY: Final = ("conversion_id", "order_id", "event_id")
"""The columns in which an id is looked for, in this order."""


@dataclass(frozen=True, repr=False, eq=False, kw_only=True)
class CreditExplanation:
    """Why one conversion's credit went where it went. Made by ``explain_conversion``.

    Reads as text, and as tables in notebooks; the fields hold all of it, whole.
    """

    conversion: pd.Series
    """The conversion, in the columns of ``schema.CONVERSIONS``."""
    touches: pd.DataFrame
    """Its journey in time order: the columns of ``schema.EXPLAINED_TOUCHES``, then a column of weights a touch
    model, named by the model (numbered where a column has that name already)."""
    credit: pd.DataFrame
    """Each channel's share under each touch model, the largest first: the columns of ``schema.CONVERSION_CREDIT``."""
    left_out: pd.DataFrame
    """The person's other touches in time order, and why each does not count: the columns of ``schema.PASSED_OVER``."""
    why: Mapping[str, str]
    """Each touch model's rule as it fell out here, in words; empty where there is no touch."""
    total_models: tuple[str, ...]
    """The models asked for that share nothing out for a single conversion."""
    lookback: str
    """How old a touch may be, in words."""
    unattributed: str
    """Why nothing earned it, in a sentence; blank where something did."""

    known_later: tuple[int, ...]
    """The rows of ``touches`` that became this person's only after the conversion."""

    @property
    def models(self) -> tuple[str, ...]:
        """The touch models, in the order asked for."""
        return tuple(dict.fromkeys(self.credit["model"]))

    @property
    def weights(self) -> pd.DataFrame:
        """The touches' weights: a row a touch, a column a touch model."""
        return self.touches[self.touches.columns[len(schema.EXPLAINED_TOUCHES) :]].set_axis(list(self.models), axis=1)

    def __repr__(self) -> str:
        """The answer in a sentence; then each model's reason, the journey, and what is not in it."""
        return text_of(self)

    def _repr_html_(self) -> str:
        """The same as tables; every text from an event is escaped."""
        return html_of(self)


def explain_conversion(result: Attribution, conversion_id: str) -> CreditExplanation:
    """Why a conversion's credit went where it went: the answer to "why did this channel get this purchase?".

    Tells the conversion's journey with ages and devices, the identity evidence that brought each touch in,
    the rule that set each channel, the weights under each touch model with its reason, and the person's
    other touches with why they do not count. ``conversion_id``: one out of ``result.conversions``; else an
    order_id or an event_id that one conversion has. Moments are UTC.

    Total models share nothing out for a single conversion; the answer names them.

    Raises UnknownConversionError where no conversion has the id, AmbiguousConversionError where several
    have it.

    >>> from datalyr_notebook.attribution.attribute import attribute
    >>> from datalyr_notebook.loading.samples import load_sample
    >>> explanation = explain_conversion(attribute(load_sample("seed_journey")), "ORDER-1001")
    >>> explanation.touches[["channel", "device_type", "same_device", "hybrid"]]
           channel device_type  same_device  hybrid
    0  Paid Social       phone        False     1.0
    1       Direct     desktop         True     0.0
    >>> explanation.why
    {'hybrid': "no click in the purchase's own session, so the first click in the 90 days before it"}
    """
    conversions = result.conversions
    journey = _found(conversions, conversion_id)
    conversion = conversions.iloc[journey].rename(None)
    theirs = rows_of_person(result.stitched, int(result.conversion_rows.row[journey]), str(conversion["kind"]))
    mine = persons_touches(result, journey)
    table = _journey_table(result, mine)
    places = np.sort(mine.place[mine.place >= 0])
    weights = {name: given[places] for name, given in result.weights.items()}
    reasons = why_not(result, journey, mine, theirs.kind)[mine.place < 0]
    touches = _touches(result, journey, mine, table, theirs, weights)
    late = touches["person_since"] > conversion["timestamp"]
    return CreditExplanation(
        conversion=conversion,
        touches=touches,
        credit=_credit(result, journey, table["channel"][mine.place >= 0], weights),
        left_out=schema.typed(table[mine.place < 0].assign(reason=reasons).reset_index(drop=True), schema.PASSED_OVER),
        why=_why(result, journey, theirs.kind, mine),
        total_models=tuple(name for name, model in result.models.items() if isinstance(model, TotalModel)),
        lookback=str(result.reading.window.lookback),
        unattributed=_unattributed(theirs, reasons) if not len(places) else "",
        known_later=tuple(np.flatnonzero(late).tolist()),
    )


def _found(conversions: pd.DataFrame, asked: object) -> int:
    """The conversion's number: by conversion_id, else by an order_id or event_id that one has."""
    if not isinstance(asked, str | int) or isinstance(asked, bool):
        raise errors.UnknownConversionError(_STEP, asked, [])
    text = cell_text(asked)
    for name in _ASKED_BY:
        places = np.flatnonzero((conversions[name].astype(object) == text).to_numpy(dtype=bool))
        if len(places) > 1:
            raise errors.AmbiguousConversionError(_STEP, asked, conversions["conversion_id"].iloc[places])
        if len(places):
            return int(places[0])
    nearest = nearest_ids([conversions[name] for name in _ASKED_BY], text)
    raise errors.UnknownConversionError(_STEP, asked, nearest)


def _journey_table(result: Attribution, mine: PersonsTouches) -> pd.DataFrame:
    """All touches of the person in the columns of ``find_touches``, with their age."""
    rows = result.evidence.touches
    found = TouchRows(rows.row[mine.touch], rows.is_fallback[mine.touch], rows.visit[mine.touch])
    return touch_table(result.stitched, found, result.reading.rules).assign(age_days=mine.age_us / DAY_US)


def _touches(
    result: Attribution,
    journey: int,
    mine: PersonsTouches,
    table: pd.DataFrame,
    theirs: PersonsRows,
    weights: Mapping[str, Floats],
) -> pd.DataFrame:
    """The journey's touches in time order, explained."""
    kept = np.flatnonzero(mine.place >= 0)
    kept = kept[np.argsort(mine.place[kept])]
    rows = result.evidence.touches.row[mine.touch[kept]]
    events = result.stitched.iloc[rows].reset_index(drop=True)
    shown = table.iloc[kept].reset_index(drop=True)
    where = result.stitched.iloc[[result.conversion_rows.where[journey]]]
    device = where["anonymous_id"].cat.codes.iloc[0] if "anonymous_id" in where.columns else -1
    on = events["anonymous_id"].cat.codes if "anonymous_id" in events.columns else np.full(len(events), -1)
    told = shown.assign(
        same_device=(on == device) & (device >= 0),
        same_session=result.journeys.same_session[mine.place[kept]],
        person_via=events["person_via"],
        person_since=events["person_since"],
        evidence=pd.Series(evidence_sentences(theirs, events), dtype=object),
        channel_rule=pd.Series(_channel_rules(result, mine.touch[kept]), dtype=object),
    )
    columns = schema.typed(told, schema.EXPLAINED_TOUCHES)
    names = distinct_labels([*columns.columns, *weights])[len(columns.columns) :]
    return columns.assign(**dict(zip(names, weights.values(), strict=True)))


def _channel_rules(result: Attribution, touch: Ints) -> list[str]:
    """Which rule set each touch's channel, in words."""
    rows, rules = result.evidence.touches, result.reading.rules
    found = TouchRows(rows.row[touch], rows.is_fallback[touch], rows.visit[touch])
    words = {-1: (UNASSIGNED, "no rule takes it")}
    words |= {place: (rule.name, describe_rule(rule)) for place, rule in enumerate(rules)}
    told = zip(touch_rules(result.stitched, found, rules).tolist(), found.is_fallback.tolist(), strict=True)
    return [
        f"{words[place][0]} because {'the visit brought no marketing evidence' if is_fallback else words[place][1]}"
        for place, is_fallback in told
    ]


def _credit(result: Attribution, journey: int, channel: pd.Series, weights: Mapping[str, Floats]) -> pd.DataFrame:
    """Each channel's share under each model; all of it stays on ``unattributed`` where there is no touch."""
    parts = []
    for model, given in weights.items():
        if not len(given):
            parts.append(pd.DataFrame({"model": [model], "channel": [schema.UNATTRIBUTED], "weight": [1.0]}))
            continue
        sums = pd.Series(given).groupby(channel.astype(object).to_numpy(), sort=False).sum()
        sums = sums[sums > 0].sort_values(ascending=False, kind="stable")
        parts.append(pd.DataFrame({"model": model, "channel": sums.index, "weight": sums.to_numpy()}))
    if not parts:
        return schema.empty(schema.CONVERSION_CREDIT)
    table = pd.concat(parts, ignore_index=True)
    return schema.typed(table.assign(credit=table["weight"] * result.journeys.value[journey]), schema.CONVERSION_CREDIT)


def _why(result: Attribution, journey: int, kind: str, mine: PersonsTouches) -> dict[str, str]:
    """Each touch model's reason, where there is something to share out."""
    only = np.arange(len(result.journeys.lengths)) == journey
    one = result.journeys.take(only)
    if not len(one.channel):
        return {}
    lookback = result.reading.window.lookback
    limit = UNLIMITED if lookback.by_source else lookback.others_us  # as the reason's words say it
    is_whole = not ((mine.place < 0) & (mine.age_us >= 0) & (mine.age_us <= limit)).any()
    return {
        name: reason(result.models[name], one, kind=kind, lookback=lookback, is_whole=is_whole)
        for name in result.weights
    }


def _unattributed(theirs: PersonsRows, reasons: Texts) -> str:
    """Why a conversion has no touch."""
    if len(reasons) == 1:
        return f"The person's only touch does not count: {reasons[0]}."
    if len(reasons):
        counts = pd.Series(reasons).value_counts(sort=False)
        each = ", ".join(f"{count:,} {why}" for why, count in counts.items())
        return f"None of the person's {counted(len(reasons), 'touch', 'touches')} counts: {each}."
    sdks = set(theirs.events["sdk"].dropna().unique())
    events = counted(len(theirs.events), "event")
    if sdks <= set(schema.SERVER_SDKS):
        return f"The person has no touch: only servers sent events of theirs ({events}), and those are no visits."
    if sdks <= {*schema.SERVER_SDKS, *schema.MOBILE_SDKS}:
        return (
            f"The person has no touch: no app event among {events} brought an install's or a link's evidence "
            "of its own. app_direct=True counts such app sessions as direct."
        )
    return f"The person has no touch: none of {events} makes one."
