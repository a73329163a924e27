"""allocate: a model's credit by channel, from paths alone."""

from __future__ import annotations

from typing import ClassVar

import numpy as np
import pandas as pd

from datalyr_notebook import errors, schema
from datalyr_notebook.attribution.credit import share_out, weigh
from datalyr_notebook.attribution.paths import PathCounts
from datalyr_notebook.attribution.protocol import ChannelTotals, FittedModel, Model, TotalModel


class PathModel:
    """The base of our models: ``allocate`` for those that read nothing but the order of channels."""

    needs: ClassVar[tuple[str, ...]] = ()
    """What the model reads of touches beside their order and channel: fields of Journeys."""

    def allocate(self, path_counts: PathCounts) -> pd.DataFrame:
        """Credit by channel: columns channel, conversions, credit, and what else the model knows of a channel.

        Sorted by credit, then conversions, largest first; of equals in order of appearance. Paths
        without a touch stay on ``unattributed``. Raises PathModelError for a model that needs more
        than the order of channels.
        """
        if not isinstance(path_counts, PathCounts):
            raise errors.OptionError(
                f"{type(self).__name__}.allocate", "path_counts", path_counts, "PathCounts.from_strings(paths, ...)"
            )
        missing = [name for name in self.needs if getattr(path_counts, name, None) is None]
        if missing:
            raise errors.PathModelError(type(self).__name__, missing)
        totals = channel_totals(self, path_counts)  # type: ignore[arg-type]
        alone = path_counts.lengths == 0
        facts = {name: np.append(values, [np.nan]) for name, values in totals.facts.items()}
        table = pd.DataFrame(
            {
                "channel": pd.Series([*path_counts.channels, schema.UNATTRIBUTED], dtype=object).astype(schema.TEXT),
                "conversions": np.append(totals.conversions, path_counts.conversions[alone].sum()),
                "credit": np.append(totals.credit, path_counts.value[alone].sum()),
                **facts,
            }
        )
        if not alone.any():
            table = table.iloc[:-1]
        return table.sort_values(["credit", "conversions"], ascending=False, kind="stable", ignore_index=True)


def channel_totals(model: Model, counts: PathCounts) -> ChannelTotals:
    """What each channel of the counts earns under any kind of model."""
    if isinstance(model, TotalModel):
        return model.totals(counts)
    fitted = model.fit(counts) if isinstance(model, FittedModel) else model
    counts = counts.taken((counts.conversions > 0) | (counts.value != 0))
    weights = weigh(counts, fitted)
    sums = share_out(
        counts, weights, counts.channel, len(counts.channels), conversions=counts.conversions, value=counts.value
    )
    return ChannelTotals(*sums, {})
