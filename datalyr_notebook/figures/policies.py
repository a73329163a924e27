"""What each stitch policy makes of the channels: one bar a policy, cut into channels.

``policy_comparison_data`` returns the rows that are drawn, ``policy_comparison`` draws them.
"""

from __future__ import annotations

from typing import Final

import numpy as np
import pandas as pd
import plotly.graph_objects as go

from datalyr_notebook import errors, schema
from datalyr_notebook.figures.credit_bars import METRICS
from datalyr_notebook.figures.largest import largest
from datalyr_notebook.figures.layout import (
    group_looks,
    hatched,
    headed,
    legend_below,
    legend_height,
    rows_of_bars,
    say_empty,
    written_on,
)
from datalyr_notebook.figures.theme import TEXT_SIZE, Look, escaped, escaped_lines, shortened, themed
from datalyr_notebook.studies.compare import PolicyComparison

POLICY_BARS: Final = (
    schema.Column("policy", "str", "the stitch policy, the baseline first"),
    schema.Column("channel", "str", "default channel group, or unattributed"),
    schema.Column("credit", "float64", "what the channel earned"),
    schema.Column("share", "float64", "of the policy's value, 0 to 1; NaN where that is nothing"),
    schema.Column("change", "float64", "credit less the baseline's"),
    schema.Column("match_rate", "float64", "share of the events that belong to known users"),
)

_BAR: Final = 46
"""Pixels a policy."""
_LABELED: Final = 0.055
"""The least share whose segment is wide enough for its number."""


def policy_comparison_data(comparison: PolicyComparison) -> pd.DataFrame:
    """The rows that :func:`policy_comparison` draws, one a policy and channel, in the columns of ``POLICY_BARS``.

    The baseline comes first, then the other policies as they were asked for; channels by what they
    earn under the baseline, the largest first, ``unattributed`` last. Every channel has a row under
    every policy.

    >>> from datalyr_notebook.studies.compare import compare_policies
    >>> events = pd.DataFrame({
    ...     "timestamp": ["2026-01-01T10:00Z", "2026-01-02T20:00Z", "2026-01-03T09:00Z"],
    ...     "event_name": ["pageview", "purchase", "$identify"], "anonymous_id": ["phone", "desk", "phone"],
    ...     "user_id": [None, "u1", "u1"], "source": ["tiktok", None, None], "value": [None, 50.0, None],
    ... })
    >>> policy_comparison_data(compare_policies(events, policies=["session", "none"]))[["policy", "channel", "credit"]]
        policy         channel  credit
    0  session  Organic Social    50.0
    1  session          Direct     0.0
    2     none  Organic Social     0.0
    3     none          Direct    50.0
    """
    if not isinstance(comparison, PolicyComparison):
        found = type(comparison).__name__
        raise errors.OptionError("policy_comparison", "comparison", found, "what compare_policies(events) answers")
    wide = comparison.to_frame()
    rate = dict(zip(comparison.summary["policy"], comparison.summary["match_rate"], strict=True))
    names = sorted((str(name) for name in wide.columns), key=lambda name: name != comparison.baseline)
    amounts = wide[names].to_numpy()
    shown = largest(wide.index.to_frame(index=False), amounts)
    credits_of = shown.summed(amounts)
    rows = []
    for name, credit in zip(names, credits_of.T, strict=True):
        total = float(credit.sum())
        for channel, earned, leading in zip(shown.labels, credit, credits_of[:, 0], strict=True):
            rows.append((name, channel, earned, earned / total if total > 0 else np.nan, earned - leading, rate[name]))
    return schema.typed(pd.DataFrame(rows, columns=schema.names(POLICY_BARS)), POLICY_BARS)


def policy_comparison(comparison: PolicyComparison, *, title: str | None = None) -> go.Figure:
    """Credit by channel under each policy: one bar a policy, one segment a channel, the baseline on top.

    The label of a bar says which share of the events the policy gives to known users; hovering over a
    segment says by how much it differs from the baseline's. Channels beyond the first ``MOST_GROUPS``
    share a segment. The rows are those of :func:`policy_comparison_data`. ``title`` replaces "Credit by
    channel under each policy"; like every other text it is shown as it is, not as HTML.

    >>> from datalyr_notebook.studies.compare import compare_policies
    >>> events = pd.DataFrame({
    ...     "timestamp": ["2026-01-01T10:00Z"], "event_name": ["purchase"], "anonymous_id": ["desk"], "value": [50.0],
    ... })
    >>> policy_comparison(compare_policies(events, policies=["session"])).layout.yaxis.ticktext
    ('session (baseline)<br>0.0% of events matched',)
    """
    bars = policy_comparison_data(comparison)
    names = bars["policy"].drop_duplicates().tolist()
    channels = bars["channel"].drop_duplicates().tolist()
    looks = group_looks(channels, are_channels=True)
    segments = [_segment(bars, channel, look) for channel, look in zip(channels, looks, strict=True)]
    figure = themed(go.Figure(segments))
    rate = bars.drop_duplicates("policy").set_index("policy")["match_rate"].to_dict()
    told = {str(name): rate.get(str(name), np.nan) for name in comparison.summary["policy"]}
    shown = names or sorted(told, key=lambda name: name != comparison.baseline)
    subtitle = f"model {shortened(comparison.model, 40)}; hover for the change"
    headed(figure, "Credit by channel under each policy", title=title, subtitle=subtitle)
    legend_below(figure)
    figure.update_layout(
        barmode="stack",
        bargap=0.25,
        height=170 + _BAR * max(len(shown), 1) + legend_height(len(channels)),
        margin={"t": 70, "b": 10, "l": 40, "r": 20},
    )
    figure.update_xaxes(title=METRICS["credit"], tickfont={"size": TEXT_SIZE}, tickformat="~s", automargin=True)
    rows_of_bars(figure, "Policy", [_label(name, told[name], comparison.baseline) for name in shown])
    if not channels:
        say_empty(figure, "No conversion counts.")
    return figure


def _segment(bars: pd.DataFrame, channel: str, look: Look) -> go.Bar:
    """One channel across all bars."""
    rows = bars[bars["channel"] == channel]
    hovers = [
        [
            f"{row.policy}: {shortened(row.channel)}",
            f"credit {row.credit:,.2f} ({row.share:.1%})",
            f"{row.change:+,.2f} against the baseline",
            f"{row.match_rate:.1%} of events matched",
        ]
        for row in rows.itertuples(index=False)
    ]
    return go.Bar(
        x=rows["credit"].to_numpy(),
        y=np.arange(len(rows)),
        orientation="h",
        name=escaped(shortened(channel)),
        text=[f"{share:.0%}" if share >= _LABELED else "" for share in rows["share"]],
        textposition="inside",
        insidetextanchor="middle",
        textangle=0,
        textfont={"size": TEXT_SIZE, "color": written_on(look)},
        hovertext=[escaped_lines(hover) for hover in hovers],
        hoverinfo="text",
        marker=hatched([look]),
        meta={"channel": escaped(channel)},
    )


def _label(policy: str, match_rate: float, baseline: str) -> str:
    name = f"{policy} (baseline)" if policy == baseline else policy
    matched = "no events" if np.isnan(match_rate) else f"{match_rate:.1%} of events matched"
    return f"{escaped(name)}<br>{matched}"
