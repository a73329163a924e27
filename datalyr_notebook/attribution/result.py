"""The result an analyst reads: totals, credits, journeys' touches, and what was left out."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass

import numpy as np
import pandas as pd

from datalyr_notebook.attribution.comparison import ModelComparison, compare_models
from datalyr_notebook.attribution.explain import CreditExplanation, explain_conversion
from datalyr_notebook.attribution.groups import Groups, grouping, touch_groups
from datalyr_notebook.attribution.models import Models
from datalyr_notebook.attribution.paths import SEPARATOR, PathCounts
from datalyr_notebook.attribution.protocol import Model
from datalyr_notebook.attribution.reading import Evidence, Population, Reading, population
from datalyr_notebook.attribution.tables.credits import credits_table
from datalyr_notebook.attribution.tables.cross_device import cross_device
from datalyr_notebook.attribution.tables.journeys import path_lengths, time_lags, top_paths
from datalyr_notebook.attribution.tables.left_out import left_out_table
from datalyr_notebook.attribution.tables.totals import totals_table
from datalyr_notebook.attribution.tables.transitions import transition_table
from datalyr_notebook.attribution.uncertainty import intervals_table
from datalyr_notebook.attribution.weighing import read_again
from datalyr_notebook.journeys.conversions import ConversionRows, conversion_table
from datalyr_notebook.journeys.touches import TouchRows, touch_rows, touch_table
from datalyr_notebook.journeys.visits import find_visits
from datalyr_notebook.journeys.windows import Journeys
from datalyr_notebook.order import Flags, Floats
from datalyr_notebook.rendering import counted, table_html, table_text


@dataclass(frozen=True, repr=False, eq=False, kw_only=True)
class Attribution:
    """Credit of every conversion, under one or several models. Made by ``attribute``.

    Tables are built when they are asked for. ``totals`` answers at a glance; ``by`` groups by any
    touch column; ``credits`` has a row a credited touch; ``left_out`` says what does not count.
    """

    stitched: pd.DataFrame
    evidence: Evidence
    """Touches, conversions and journeys; of the persons who convert, or of everybody (``is_of_all``)."""
    kinds: Mapping[str, Flags]
    """Which rows of ``stitched`` were asked for as conversions, kind by kind."""
    models: Mapping[str, Model]
    weights: Mapping[str, Floats]
    """Of each touch model: one number a place of the journeys. Total models have none."""
    grouped_by: tuple[str, ...]
    reading: Reading
    is_of_all: bool

    @property
    def journeys(self) -> Journeys:
        """Each conversion with the touches it looks back on, as flat arrays."""
        return self.evidence.journeys

    @property
    def conversion_rows(self) -> ConversionRows:
        """The rows of ``stitched`` that are conversions."""
        return self.evidence.conversions

    @property
    def totals(self) -> pd.DataFrame:
        """Conversions and credit a model and group: columns model, the grouping columns, conversions, credit.

        Sorted by model (as asked for), then credit and conversions, largest first; of equals by name.
        """
        return self.by(list(self.grouped_by))

    def by(self, columns: str | Iterable[str]) -> pd.DataFrame:
        """The totals by other touch columns: ``result.by("campaign")``, ``result.by(["source", "medium"])``.

        Touch models keep their weights; total models are fitted again, with these groups in place of
        channels. Raises OptionError for a column that touches do not have.
        """
        return totals_table(self, grouping(columns))

    @property
    def conversions(self) -> pd.DataFrame:
        """The conversions that count: the columns of ``find_conversions``."""
        return conversion_table(self.stitched, self.conversion_rows)

    @property
    def touches(self) -> pd.DataFrame:
        """All touches, also those no conversion looked back on: the columns of ``find_touches``."""
        return touch_table(self.stitched, self.all_touches(), self.reading.rules)

    @property
    def credits(self) -> pd.DataFrame:
        """A row a model, conversion and touch that earned a share of it.

        Columns: model, conversion_id, touch_id, the touch's columns, age_days, weight (the shares of a
        conversion sum to 1), credit (weight times value), touched_on and converted_on (device_type). A
        conversion without a touch has one row, of weight 1, on ``unattributed``. Total models have no rows.
        """
        return credits_table(self)

    @property
    def left_out(self) -> pd.DataFrame:
        """What came in and does not count: columns kind (touch, conversion), reason, count, value.

        Touches: those of ``touches`` that stand in no journey, by the first step that left them in none.
        Conversions: the rows that were asked for and are no conversion of their own.
        """
        return left_out_table(self)

    def intervals(
        self,
        n: int = 500,
        level: float = 0.95,
        seed: int = 0,
        links: None = None,
        *,
        by: str | Iterable[str] | None = None,
    ) -> pd.DataFrame:
        """The totals with an interval each: how far they would move had other people come.

        The columns of ``totals``, then low and high (of credit), conversions_low and conversions_high; share
        (of the model's credit, 0 to 1; NaN of nothing), share_low and share_high, which are taken within each
        replicate and so are not low and high over the total; and level.

        A percentile bootstrap over people: in each of ``n`` replicates every person counts Poisson(1) times, and
        models that look at all paths are fitted again. The same seed gives the same answer, whatever the order
        of rows, and all models see the same draws. The interval tells the chance in who came, not whether the
        model is right, nor whether the links between ids are; ``links`` may only be None. ``by``: other touch
        columns than those of ``totals``.

        Raises OptionError.
        """
        names = self.grouped_by if by is None else grouping(by)
        return intervals_table(self, names, n=n, level=level, seed=seed, links=links)

    def compare(self, models: Models | None = None, by: str | Iterable[str] | None = None) -> ModelComparison:
        """Models side by side on these conversions: credit and ranks, the groups and the conversions they differ on.

        ``models``: others to compare with the result's own; None = its own where there are several, else every
        model of ``MODELS`` that can be asked of these events (``participation`` only if asked for: its totals exceed
        the conversions). ``by``: other touch columns than those of ``totals``. Raises OptionError, ModelError.
        """
        return compare_models(self, models, by)

    def explain(self, conversion_id: str) -> CreditExplanation:
        """Why a conversion's credit went where it went: a text to read, with its tables as attributes.

        Each model's reason; each touch of the journey with its age, its device, the evidence that it is this
        person's, the rule that set its channel, and its shares; the person's other touches, and why they do
        not count. An order_id or event_id that one conversion has is taken, too. Times are UTC.

        Raises UnknownConversionError, AmbiguousConversionError.
        """
        return explain_conversion(self, conversion_id)

    def paths(self, by: str | Iterable[str] = "channel") -> PathCounts:
        """Every distinct path with its conversions, value and nulls: what a total model sees.

        Converting paths are the touches each conversion looks back on; a null path is what a person
        touched after the last conversion (all of it, if none). ``by``: the touch columns that make the
        states. ``result.paths().to_frame()`` is the table to read.

        Raises OptionError.
        """
        result = self.everybody()
        return result.population(touch_groups(result, grouping(by))).counts.distinct()

    def path_lengths(self) -> pd.DataFrame:
        """How many touches conversions look back on: the columns of ``schema.PATH_LENGTHS``; 0 = unattributed."""
        return path_lengths(self)

    def time_lags(self, *, unit: str = "day", since: str = "first_touch") -> pd.DataFrame:
        """How long it took from the first touch, or the last, to the conversion: ``schema.TIME_LAGS``.

        ``unit``: hour, day or week; ``since``: first_touch or last_touch. A lag of 0 is less than one unit;
        lags that no conversion has are left away, and conversions without a touch have none. Raises OptionError.
        """
        return time_lags(self, unit=unit, since=since)

    def top_paths(
        self, n: int = 20, *, by: str | Iterable[str] = "channel", separator: str = SEPARATOR
    ) -> pd.DataFrame:
        """The most frequent converting paths, with the people who went them in vain: ``schema.TOP_PATHS``.

        Raises OptionError.
        """
        return top_paths(self, n, by=by, separator=separator)

    def cross_device(self) -> pd.DataFrame:
        """Credit by the device it was touched on and the device it converted on: ``schema.CROSS_DEVICE``."""
        return cross_device(self)

    def transition_matrix(self, order: int = 1, *, by: str | Iterable[str] = "channel") -> pd.DataFrame:
        """How people move from channel to channel: the chain that the Markov models solve, as probabilities.

        Rows and columns are the states: ``(start)``, the channels (the last ``order`` of them in a row), and
        the two ends, ``(conversion)`` and ``(null)``; each row sums to 1. ``by``: as in ``paths``.

        Raises OptionError, TooManyStatesError.
        """
        return transition_table(self.paths(by), order)

    def everybody(self) -> Attribution:
        """The same result with the touches of all persons, also of those who do not convert."""
        return self if self.is_of_all else read_again(self, tuple(self.journeys.stages), is_of_all=True)

    def population(self, groups: Groups) -> Population:
        """Everybody's paths over these groups, which are those of ``everybody()``."""
        result = self.everybody()
        return population(result.stitched, result.evidence, result.reading, (groups.number, groups.labels))

    def all_touches(self) -> TouchRows:
        """The rows of ``stitched`` that are touches, whoever's."""
        if self.is_of_all:
            return self.evidence.touches
        visits = find_visits(self.stitched, self.reading.timeout_us)
        return touch_rows(self.stitched, visits, level=self.reading.level, app_direct=self.reading.app_direct)

    def __repr__(self) -> str:
        """A few lines: how much was credited, by what, and the largest groups."""
        return table_text(self._headline(), self.totals)

    def _repr_html_(self) -> str:
        """The same as a small table; every text from an event is escaped."""
        return table_html(self._headline(), self.totals, ".totals")

    def _headline(self) -> str:
        count, alone = len(self.conversion_rows.row), int((self.journeys.lengths == 0).sum())
        touches = counted(len(np.unique(self.journeys.touch)), "touch", "touches")
        return (
            f"Attribution: {counted(count, 'conversion')} worth {self.journeys.value.sum():,.2f} "
            f"from {touches}, lookback {self.reading.window.lookback}, {alone:,} unattributed{self.reading.told()}"
        )
