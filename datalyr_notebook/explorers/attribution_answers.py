"""What the attribution explorer answers, without a widget: stages of one attribution, worked out where they change."""

from __future__ import annotations

from collections.abc import Callable, Iterable
from dataclasses import dataclass, replace
from typing import Any, Final, NamedTuple

import numpy as np
import pandas as pd
import plotly.graph_objects as go

from datalyr_notebook import errors, schema
from datalyr_notebook.attribution.explain import CreditExplanation
from datalyr_notebook.attribution.explaining.masked import masked
from datalyr_notebook.attribution.groups import Groups, touch_groups
from datalyr_notebook.attribution.models import resolve
from datalyr_notebook.attribution.reading import (
    Evidence,
    Touched,
    find_counted,
    find_touched,
    look_back,
    narrowed,
)
from datalyr_notebook.attribution.result import Attribution
from datalyr_notebook.attribution.weighing import model_weights, stages_asked
from datalyr_notebook.explorers.attribution_state import AS_IT_CAME, Choices, State
from datalyr_notebook.explorers.explorer import Answer
from datalyr_notebook.explorers.source import Source
from datalyr_notebook.explorers.stage import Stage
from datalyr_notebook.figures.credit_bars import bar_of_group, credit_bars_data, draw_bars
from datalyr_notebook.figures.layout import headed, say_empty
from datalyr_notebook.figures.model_comparison import draw_comparison, model_comparison_data
from datalyr_notebook.figures.stitching_impact import IMPACT_BARS, stitching_impact_bars, stitching_impact_bars_data
from datalyr_notebook.figures.theme import themed
from datalyr_notebook.frames import read_stitched
from datalyr_notebook.identity.stitching import stitch
from datalyr_notebook.journeys.conversions import ConversionRows, conversion_kinds
from datalyr_notebook.order import Flags, Floats, Ints
from datalyr_notebook.rendering import counted
from datalyr_notebook.studies.impact import StitchingImpact, stitching_impact

_STEP: Final = "attribute"
_MODELS: Final = ("model", "most_model", "least_model")
"""Columns that name a model."""


class Found(NamedTuple):
    """What stands behind an answer."""

    result: Attribution
    totals: pd.DataFrame
    intervals: pd.DataFrame | None
    """The totals with their intervals; None where they are not asked for, or not worked out yet."""
    key: object
    """What the result's evidence was worked out from."""


class Listed(NamedTuple):
    """All conversions of a result, to choose from."""

    table: pd.DataFrame
    """In the columns of ``find_conversions``."""
    place: Ints
    """Where each stands by time, then conversion_id."""


@dataclass(frozen=True)
class Earned:
    """The conversions that some groups earned under a model."""

    conversion: Ints
    """Their places among the result's conversions; the most credit first, then the earlier one."""
    credit: Floats
    """What the groups earned of each; NaN where the model says nothing of a single conversion."""
    table: pd.DataFrame
    """They themselves, in the columns of ``find_conversions``."""


class AttributionAnswers:
    """Answers for states of the attribution explorer.

    What is held between answers stands in the attributes, stage by stage; each is worked out anew only where
    what it reads has changed. ``found`` stands behind the last answer.
    """

    def __init__(self, source: Source, choices: Choices) -> None:
        self.source, self.choices = source, choices
        self.stitched: Stage[pd.DataFrame] = Stage()
        """By policy. The index is the row of the table as it was handed in."""
        self.touched: Stage[Touched] = Stage()
        """Everybody's visits and touches: by policy, so that a model that looks at all needs nothing more."""
        self.kinds: Stage[dict[str, Flags]] = Stage()
        self.counted: Stage[ConversionRows] = Stage()
        """The conversions of all dates: by policy and conversion."""
        self.looked_back: Stage[Evidence] = Stage()
        """Every conversion with its touches: by the lookback, too, and by the stage events that models ask for."""
        self.evidence: Stage[Evidence] = Stage()
        """The same of the dates and channels that are chosen."""
        self.weights: Stage[dict[str, Floats]] = Stage()
        """Of each model that was asked for on this evidence."""
        self.totals: Stage[pd.DataFrame] = Stage()
        self.intervals: Stage[pd.DataFrame] = Stage()
        self.impact: Stage[StitchingImpact] = Stage()
        self.listed: Stage[Listed] = Stage()
        """From the first bar or row that is chosen until dates, channels or what comes before them change."""
        self.found: Found

    def answer(self, state: State, *, at_once: bool = False) -> Answer:
        """What is shown for a state; ``at_once``: without what takes long and is not held yet (``pending``).

        Raises DatalyrError; then ``found`` stays as it was.
        """
        result, key = self._result(state), _totals_key(state)
        totals = self.totals.of(key, lambda: result.totals)
        pending = self._pending(state, result)
        if pending is not None and not at_once:
            self.keep(state, pending())
        found = Found(result, totals, self.intervals.get(key) if state["intervals"] else None, self.evidence.key)
        view: Callable[[State, Found], Answer] = getattr(self, f"_{state['view']}")
        answer = view(state, found)
        self.found = found
        return answer

    def pending(self, state: State) -> Callable[[], Any] | None:
        """What the last answer, that of this state, lacks: work that reads nothing that may change meanwhile."""
        return self._pending(state, self.found.result)

    def keep(self, state: State, worked_out: Any) -> None:  # noqa: ANN401  (what the pending work of the state answered)
        """Hold what pending work has found."""
        if isinstance(worked_out, StitchingImpact):
            self.impact.held = (self._impact_key(state), worked_out)
        else:
            self.intervals.held = (_totals_key(state), worked_out)

    # What is chosen in the figure.

    def earned(self, model: str, groups: Ints) -> Earned:
        """The conversions of which these groups (numbers of touch groups) earned a share under a model.

        A total model shares no conversion out: its are those with a touch of the groups.
        """
        result, all_groups = self.found.result, self._groups()
        journeys = result.journeys
        chosen = np.zeros(len(all_groups.table), dtype=bool)
        chosen[groups] = True
        places = chosen[all_groups.number[journeys.touch]]
        alone = (journeys.lengths == 0) & chosen[-1]
        if model in result.weights:
            share = journeys.per_path(np.where(places, result.weights[model], 0.0)) + alone
            earns, credit = share > 0, share * journeys.value
        else:
            earns = (journeys.per_path(places.astype(np.float64)) > 0) | alone
            credit = np.full(len(earns), np.nan)
        at = np.flatnonzero(earns)
        listed = self.listed.of(self.found.key, lambda: _listed(result))
        at = at[np.lexsort((listed.place[at], -credit[at]))]
        return Earned(at, credit[at], listed.table.iloc[at].reset_index(drop=True))

    def groups_of_bars(self, bars: Iterable[int], metric: str) -> Ints:
        """The touch groups that stand in these bars."""
        places = bar_of_group(self.found.totals, metric=metric)
        return self.groups_of_rows(places[places["bar"].isin(list(bars))].drop(columns="bar"))

    def groups_of_rows(self, rows: pd.DataFrame) -> Ints:
        """The touch groups that these values of the grouping columns name."""
        wanted = {_key(row) for row in rows[list(self.found.result.grouped_by)].itertuples(index=False)}
        every = self._groups().table.itertuples(index=False)
        return np.array([place for place, row in enumerate(every) if _key(row) in wanted], dtype=np.int64)

    def conversions(self, earned: Earned, most: int) -> pd.DataFrame:
        """The first of those conversions, at most so many, as they may be shown."""
        table = self.source.redaction.table(earned.table.assign(credit=earned.credit).head(most))
        shown = pd.DataFrame({"time (UTC)": table["timestamp"].dt.strftime("%Y-%m-%d %H:%M")})
        names = {"kind": "conversion", "value": "value", "credit": "credit", "order_id": "order", "person_id": "person"}
        return shown.assign(**{title: table[name] for name, title in names.items()})

    def rows(self, earned: Earned) -> Ints:
        """The rows of the table as it was handed in that are those conversions."""
        return _table_rows(self.found.result)[earned.conversion]

    def explained(self, earned: Earned, place: int) -> CreditExplanation:
        """Why the credit of one of them went where it went, as it may be shown."""
        conversion_id = earned.table["conversion_id"].iloc[place]
        return masked(self.found.result.explain(conversion_id), self.source.redaction)

    # Stages.

    def _result(self, state: State) -> Attribution:
        """The same as ``attribute`` answers, with everybody's touches."""
        reading, models = self.choices.reading(state), resolve(state["models"])
        policy, kinds = state["policy"], tuple(state["conversion"])
        stitched = self.stitched.of(policy, lambda: self._stitched(policy))
        touched = self.touched.of(policy, lambda: find_touched(stitched, reading))
        key: tuple[object, ...] = (policy, kinds)
        masks = self.kinds.of(key, lambda: conversion_kinds(stitched, list(kinds)))
        found = self.counted.of(key, lambda: find_counted(stitched, touched.visits, masks, reading))
        stages = stages_asked(stitched, models)
        key = (*key, state["lookback"], stages)
        back = self.looked_back.of(key, lambda: look_back(stitched, touched, found, reading, stages=stages))
        key = (*key, *(str(state[name]) for name in ("include", "exclude", "since", "until")))
        evidence = self.evidence.of(key, lambda: narrowed(stitched, back, reading))
        weights = self.weights.of(key, dict)
        missing = {name: one for name, one in models.items() if name not in weights}
        weights.update(model_weights(stitched, evidence, missing, reading))
        return Attribution(
            stitched=stitched,
            evidence=evidence,
            kinds=masks,
            models=models,
            weights={name: weights[name] for name in models if name in weights},
            grouped_by=self.choices.by[state["by"]],
            reading=reading,
            is_of_all=True,
        )

    def _stitched(self, policy: str) -> pd.DataFrame:
        source = self.source
        if policy == (AS_IT_CAME if source.was_stitched else source.rule.policy):
            stitched = read_stitched(_STEP, source.stitched, needs=("event_name", "person_since"))
        else:
            stitched = stitch(source.events, replace(source.rule, policy=policy))
        if schema.is_judged_at_event(stitched):
            raise errors.JudgedAtEventError(_STEP)
        return stitched

    def _groups(self) -> Groups:
        return touch_groups(self.found.result, self.found.result.grouped_by)

    def _pending(self, state: State, result: Attribution) -> Callable[[], Any] | None:
        if state["view"] == "impact" and self.impact.get(self._impact_key(state)) is None:
            events, asked = self.source.events, self.choices.impact_options(state)
            return lambda: stitching_impact(events, **asked)
        if state["view"] == "bars" and state["intervals"] and self.intervals.get(_totals_key(state)) is None:
            return result.intervals
        return None

    def _impact_key(self, state: State) -> str:
        return repr(self.choices.impact_options(state))

    # Views.

    def _bars(self, state: State, found: Found) -> Answer:
        drawn = found.totals if found.intervals is None else found.intervals
        metric, grouped_by = state["metric"], list(found.result.grouped_by)
        data = credit_bars_data(drawn, metric=metric, redact=self.source.redact)
        figure = draw_bars(data, grouped_by, metric=metric)
        for model, trace in enumerate(trace for trace in figure.data if trace.meta):
            trace.customdata = [[model, bar] for bar in range(len(trace.y))]
        groups = len(drawn[grouped_by].drop_duplicates())
        bars, by = data["group"].nunique(), state["by"]
        told = f"{counted(groups, 'group')} by {by} in {counted(bars, 'bar')} a model."
        if bars < groups:
            told += " The smallest are added up to one bar; the table has them all."
        if found.intervals is not None and data["low"].notna().any():
            told += " Lines are 95% intervals."
        elif state["intervals"] and found.intervals is None:
            told += " Intervals are being worked out."
        return self._answer(found, figure, data, told if len(data) else "", {"Totals": drawn})

    def _models(self, state: State, found: Found) -> Answer:
        compared = found.result.compare(state["models"])
        data = model_comparison_data(compared, redact=self.source.redact)
        figure = draw_comparison(data, compared)
        told = f"{counted(len(state['models']), 'model')} on the same conversions." if len(data) else ""
        tables = {"Where models disagree": compared.disagreements, "Credit": compared.to_frame().reset_index()}
        return self._answer(found, figure, data, told, tables)

    def _impact(self, state: State, found: Found) -> Answer:
        model = self.choices.impact_options(state).get("model", "hybrid")
        told = f"Stitching impact is that of one model, {model}."
        if state["policy"] == AS_IT_CAME:
            told += f" For it the events are stitched anew with policy {self.choices.stitched_by(state)!r}."
        impact = self.impact.get(self._impact_key(state))
        if impact is None:
            figure = themed(go.Figure())
            headed(figure, "What stitching changes")
            say_empty(figure, "Working it out …")
            return self._answer(found, figure, schema.empty(IMPACT_BARS), f"{told} It is being worked out.", {})
        figure = stitching_impact_bars(impact, redact=self.source.redact)
        data = stitching_impact_bars_data(impact, redact=self.source.redact)
        return self._answer(found, figure, data, told, {"Credit without and with stitching": impact.credit})

    def _answer(
        self, found: Found, figure: go.Figure, data: pd.DataFrame, told: str, tables: dict[str, pd.DataFrame]
    ) -> Answer:
        redaction = self.source.redaction
        sentence = " ".join(part for part in (self._counts(found.result), told) if part)
        masked_tables = {name: redaction.worked_out(table, words=_MODELS) for name, table in tables.items()}
        return Answer(figure, data, sentence, _table_rows(found.result), masked_tables)

    def _counts(self, result: Attribution) -> str:
        """How many conversions are credited, and what to loosen where nothing is."""
        count = len(result.conversion_rows.row)
        every = count + len(result.evidence.outside)
        if not len(result.stitched):
            return "There are no events."
        if not every:
            names = self.source.redaction.texts("event_name", np.array([*result.kinds], dtype=object))
            if result.stitched["person_id"].isna().all():
                return f"None of the {counted(len(result.stitched), 'event')} has a person."
            others_than = (one for one in self.choices.conversions if one not in result.kinds)
            offered = [name for name in others_than if name in self.choices.counts][:5]
            others = f"; there are {', '.join(offered)}" if offered else ""
            return f"No event counts as {' or '.join(map(str, names))}. Choose another conversion{others}."
        if not count:
            noun = "conversion lies" if every == 1 else "conversions lie"
            return f"0 of {every:,} {noun} between the days. Loosen From or To."
        alone = int((result.journeys.lengths == 0).sum())
        told = f"{count:,} of {counted(every, 'conversion')} credited, worth {result.journeys.value.sum():,.2f}"
        told += f"; {every - count:,} outside the days" if count < every else ""
        if alone < count:
            return f"{told}; {alone:,} unattributed."
        narrowed_by = "Include, Exclude or " if result.reading.include is not None or result.reading.exclude else ""
        return f"{told}; all of them are unattributed. Loosen {narrowed_by}Lookback."


def _listed(result: Attribution) -> Listed:
    table = result.conversions
    inorder = table[["timestamp", "conversion_id"]].sort_values(["timestamp", "conversion_id"]).index.to_numpy()
    place = np.empty(len(inorder), dtype=np.int64)
    place[inorder] = np.arange(len(inorder))
    return Listed(table, place)


def _totals_key(state: State) -> str:
    """What totals and intervals are worked out from."""
    return repr({name: value for name, value in state.items() if name not in ("view", "metric", "intervals")})


def _table_rows(result: Attribution) -> Ints:
    """Of each conversion its row in the table as it was handed in."""
    rows: Ints = result.stitched.index.to_numpy()[result.conversion_rows.row]
    return rows


def _key(row: tuple[object, ...]) -> tuple[object, ...]:
    return tuple(None if pd.isna(value) else value for value in row)  # type: ignore[call-overload]
