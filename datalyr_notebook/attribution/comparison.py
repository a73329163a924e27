"""compare_models: attribution models side by side on the same conversions, and where they disagree."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from typing import TYPE_CHECKING, Final

import numpy as np
import pandas as pd

from datalyr_notebook import errors, order, schema
from datalyr_notebook.attribution.credit import AS_GOOD_AS_EQUAL
from datalyr_notebook.attribution.groups import grouping, touch_groups
from datalyr_notebook.attribution.models import MODELS, joined, resolve
from datalyr_notebook.attribution.protocol import Model
from datalyr_notebook.attribution.shares import Participation
from datalyr_notebook.attribution.tables.contested import contested_table
from datalyr_notebook.attribution.tables.totals import group_sums
from datalyr_notebook.attribution.weighing import seen_by, under
from datalyr_notebook.notices import say
from datalyr_notebook.order import Floats, Ints
from datalyr_notebook.rendering import counted, table_html, table_text

if TYPE_CHECKING:
    from datalyr_notebook.attribution.credit import Sums
    from datalyr_notebook.attribution.groups import Groups
    from datalyr_notebook.attribution.models import Models
    from datalyr_notebook.attribution.result import Attribution

_STEP: Final = "compare_models"


@dataclass(frozen=True, repr=False, eq=False, kw_only=True)
class ModelComparison:
    """What the choice of a model changes, on the analyst's own conversions. Made by ``compare_models``."""

    credit: pd.DataFrame
    """Every group under every model; ``schema.MODEL_CREDIT``. Groups that no model credits are left away.

    Sorted by model, then credit and conversions, largest first, then the group's name.
    """
    disagreements: pd.DataFrame
    """One row a group but ``unattributed``; ``schema.MODEL_DISAGREEMENTS``. The largest spread first."""
    conversions: pd.DataFrame
    """The conversions for which touch models name the most different winners; ``schema.CONTESTED``."""
    grouped_by: tuple[str, ...]
    models: tuple[str, ...]
    """The names, as asked for."""
    metric: str
    """``credit``; or ``conversions`` where no conversion has a value. What shares, ranks and spreads are of."""
    value: float
    """What all conversions are worth."""
    count: int
    """How many there are."""

    def to_frame(self) -> pd.DataFrame:
        """The metric as a table of groups (index) by models (columns), the largest group first; 0 where none."""
        return self._wide(self.metric)

    @property
    def shares(self) -> pd.DataFrame:
        """``to_frame()`` with each model's column divided by its sum."""
        return self._wide("share")

    @property
    def ranks(self) -> pd.DataFrame:
        """The rank of each group (index) under each model (columns): 1 = most; equals share a rank.

        ``rank_change`` is the largest rank less the smallest. Groups stand as in ``to_frame()``;
        ``unattributed`` has no rank and no row.
        """
        wide = self._wide("rank")
        ranks = wide[wide.notna().all(axis="columns")].astype("int64") if len(wide) else wide.astype("int64")
        return ranks.assign(rank_change=ranks.max(axis="columns") - ranks.min(axis="columns"))

    @property
    def rank_correlation(self) -> pd.DataFrame:
        """Spearman's correlation of the ranks, models by models: 1 = the same order. NaN where all groups are equal."""
        return self.ranks[list(self.models)].corr(method="spearman")

    def _wide(self, name: str) -> pd.DataFrame:
        keys = self.credit.groupby(list(self.grouped_by), dropna=False, sort=False)
        number, first = keys.ngroup().to_numpy(), self.credit.drop_duplicates(list(self.grouped_by))
        of_model = self.credit["model"].map({model: place for place, model in enumerate(self.models)})
        cells = {column: np.zeros((len(first), len(self.models))) for column in ("credit", "conversions", name)}
        for column, values in cells.items():
            values[number, of_model.to_numpy(dtype=np.int64)] = self.credit[column].to_numpy(
                dtype=np.float64, na_value=np.nan
            )
        labels = [first[column].to_numpy() for column in self.grouped_by]
        index = (
            pd.Index(labels[0], name=self.grouped_by[0])
            if len(labels) == 1
            else pd.MultiIndex.from_arrays(labels, names=self.grouped_by)
        )
        wide = pd.DataFrame(cells[name], index=index, columns=pd.Index(self.models, name="model"))
        sums = [_classes(cells[column].sum(axis=1)) for column in ("credit", "conversions")]
        return wide.iloc[np.lexsort((np.arange(len(first)), sums[1], sums[0]))]

    def __repr__(self) -> str:
        """A line, then the largest groups."""
        return table_text(self._headline(), self.to_frame().round(2).reset_index())

    def _repr_html_(self) -> str:
        """Groups by models, then the largest disagreements; every text from an event is escaped."""
        wide = table_html(self._headline(), self.to_frame().round(2).reset_index(), ".to_frame()")
        return wide + table_html("Where models disagree", self.disagreements, ".disagreements")

    def _headline(self) -> str:
        return (
            f"ModelComparison: {counted(len(self.models), 'model')} on {counted(self.count, 'conversion')} "
            f"worth {self.value:,.2f}, {self.metric} by {', '.join(self.grouped_by)}"
        )


def compare_models(
    result: Attribution, models: Models | None = None, by: str | Iterable[str] | None = None
) -> ModelComparison:
    """Models side by side on the conversions of one result: credit, ranks, and where they disagree.

    ``models``: as for ``attribute``; they stand behind the result's own. None: the result's own where it
    has several; else its own and every model of ``MODELS`` that has what it needs. ``w_shaped`` and
    ``full_path`` need their stage events to occur; ``participation`` gives a conversion to several channels at
    once, so its totals cannot be compared; a model that this data is too large for is left out, which is
    said. ``by``: touch columns, as in ``result.by``; None: those of the result.

    Journeys are the result's. Shares, ranks and spreads are of credit, or of conversions where no conversion
    has a value; what differs by less than a billionth of the whole counts as equal.

    Raises OptionError, ModelError, and what a model raises that was asked for.

    >>> from datalyr_notebook.attribution.attribute import attribute
    >>> from datalyr_notebook.identity.stitching import stitch
    >>> events = pd.DataFrame({
    ...     "timestamp": ["2026-01-01T10:00Z", "2026-01-02T20:00Z", "2026-01-03T09:00Z"],
    ...     "event_name": ["pageview", "pageview", "purchase"], "anonymous_id": "anon_1",
    ...     "source": ["tiktok", "newsletter", None], "medium": [None, "email", None], "value": [None, None, 50.0],
    ... })
    >>> compare_models(attribute(stitch(events), model="first_touch"), ["last_non_direct", "linear"]).to_frame()
    model           first_touch  last_non_direct     linear
    channel
    Organic Social         50.0              0.0  16.666667
    Email                   0.0             50.0  16.666667
    Direct                  0.0              0.0  16.666667
    """
    names = result.grouped_by if by is None else grouping(by)
    chosen = _chosen(result, models)
    seen = seen_by(result, chosen)
    groups = touch_groups(seen, names)
    sums: dict[str, Sums] = {}
    weights: dict[str, Floats] = {}
    for name, model in chosen.items():
        try:
            one = under(seen, name, model)
            sums[name] = group_sums(one, groups)[name]
            weights |= one.weights
        except errors.DatalyrError as problem:
            if models is not None or name in result.models:
                raise
            say(f"{_STEP} leaves out {name!r}: {problem}")
    value = float(result.journeys.value.sum())
    metric = "credit" if any((one.credit != 0).any() for one in sums.values()) else "conversions"
    return ModelComparison(
        credit=_credit(groups, sums, metric),
        disagreements=_disagreements(groups, sums, metric),
        conversions=contested_table(seen, weights, groups),
        grouped_by=names,
        models=tuple(sums),
        metric=metric,
        value=value,
        count=len(result.journeys.lengths),
    )


def _chosen(result: Attribution, models: Models | None) -> dict[str, Model]:
    if models is not None:
        return joined(result.models, resolve(models))
    if len(result.models) > 1:
        return dict(result.models)
    others = {name: factory() for name, factory in MODELS.items() if name not in result.models}
    return {**result.models, **{name: model for name, model in others.items() if _is_comparable(result, model)}}


def _is_comparable(result: Attribution, model: Model) -> bool:
    """Whether the model shares conversions out, and the stages it looks for occur."""
    stages = getattr(model, "stage_events", ())
    is_there = all(order.is_named(result.stitched, (stage,)).any() for stage in stages)
    return is_there and not isinstance(model, Participation)


def _credit(groups: Groups, sums: Mapping[str, Sums], metric: str) -> pd.DataFrame:
    columns = list(groups.table.columns)
    parts = []
    for model, earned in sums.items():
        amounts = earned.credit if metric == "credit" else earned.conversions
        place = _places(earned)
        table = groups.table.assign(
            model=model,
            conversions=earned.conversions,
            credit=earned.credit,
            share=amounts / amounts.sum() if amounts.sum() > 0 else np.nan,
            rank=pd.array([*_ranks(place[:-1]), pd.NA], dtype="Int64"),
        )
        parts.append(table.iloc[np.lexsort((_text_rank(groups), place))])
    stacked = pd.concat(parts, ignore_index=True)
    moved = (stacked["conversions"] != 0) | (stacked["credit"] != 0)
    stacked = stacked[moved.groupby([stacked[name] for name in columns], dropna=False).transform("any")]
    credit = schema.typed(stacked, schema.MODEL_CREDIT)
    for behind, name in enumerate(columns, start=1):
        credit.insert(behind, name, stacked[name].astype(schema.TEXT))
    return credit.reset_index(drop=True)


def _disagreements(groups: Groups, sums: Mapping[str, Sums], metric: str) -> pd.DataFrame:
    """Per group the models that give it most and least; of equal ones the first asked for."""
    names = np.array(list(sums), dtype=object)
    amounts = np.column_stack([getattr(earned, metric)[:-1] for earned in sums.values()])
    whole = max((abs(getattr(earned, metric).sum()) for earned in sums.values()), default=0.0)
    most, least = amounts.max(axis=1), amounts.min(axis=1)
    slack = AS_GOOD_AS_EQUAL * whole
    table = groups.table.iloc[:-1].assign(
        most_model=names[(amounts >= most[:, None] - slack).argmax(axis=1)],
        least_model=names[(amounts <= least[:, None] + slack).argmax(axis=1)],
        most=most,
        least=least,
        spread=most - least,
        spread_share=(most - least) / whole if whole > 0 else np.nan,
    )
    inorder = np.lexsort((_text_rank(groups)[:-1], _classes(most), _classes(most - least)))
    table = table.iloc[inorder[(amounts != 0).any(axis=1)[inorder]]]
    by = {name: table[name].astype(schema.TEXT) for name in groups.table.columns}
    return pd.DataFrame({**by, **schema.typed(table, schema.MODEL_DISAGREEMENTS)}).reset_index(drop=True)


def _places(earned: Sums) -> Ints:
    """Groups by credit, then conversions, largest first; equals have one number."""
    conversions = _classes(earned.conversions)
    return _classes(earned.credit) * (int(conversions.max(initial=0)) + 1) + conversions


def _classes(values: Floats) -> Ints:
    """0 for the largest values, 1 for the next smaller ones, …; what is as good as equal has one number."""
    inorder = np.argsort(-values, kind="stable")
    steps = -np.diff(values[inorder]) > AS_GOOD_AS_EQUAL * np.abs(values).sum()
    number = np.zeros(len(values), dtype=np.int64)
    number[inorder[1:]] = np.cumsum(steps)
    return number


def _ranks(place: Ints) -> Ints:
    """1 + how many are ahead."""
    return np.searchsorted(np.sort(place), place) + 1


def _text_rank(groups: Groups) -> Ints:
    """Groups in the order of their names, ``unattributed`` last."""
    return np.append(order.text_rank(pd.Series(groups.labels, dtype=object)), [len(groups.labels)])
