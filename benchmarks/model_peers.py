"""The peers of the models benchmark: two attribution packages and SQL, each from the same table of touches.

The packages are installed for this benchmark only (``INSTALL``) and nowhere else named as a dependency.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from contextlib import redirect_stdout
from importlib import import_module
from importlib.util import find_spec
from io import StringIO
from itertools import pairwise
from typing import Any, Final, TypeAlias

import duckdb
import numpy as np
import pandas as pd

INSTALL: Final = "pip install marketing_attribution_models==2.1.1 ChannelAttribution==2.2.5 matplotlib"

MAM: Final = "marketing_attribution_models"
CHANNEL_ATTRIBUTION: Final = "ChannelAttribution"
_MODULES: Final = {MAM: "mam", CHANNEL_ATTRIBUTION: "ChannelAttribution"}

Tables: TypeAlias = dict[str, pd.DataFrame]
"""Model → columns channel, conversions, credit."""

_MAM_MODELS: Final = {
    "first_touch": "run_first_click",
    "last_touch": "run_last_click",
    "linear": "run_linear",
    "position_based": "run_position_based",
    "time_decay": "run_time_decay",
    "markov": "run_markov",
    "shapley": "run_shapley",
}

_FIVE_RULES: Final = """
with converted as (
    select journey, sum(value) as worth from touches group by journey having bool_or(converted)
),
places as (
    select journey, worth, channel,
        row_number() over (partition by journey order by timestamp, channel) as place,
        count(*) over (partition by journey) as length,
        pow(2, date_diff('microsecond', max(timestamp) over (partition by journey), timestamp) / (7 * 86400e6)) as young
    from touches join converted using (journey)
),
weights as (
    select channel, worth,
        (place = 1)::double as first_touch,
        (place = length)::double as last_touch,
        1.0::double / length as linear,
        case when length <= 2 then 1.0::double / length
            when place in (1, length) then 0.4::double
            else 0.2::double / (length - 2) end as position_based,
        young / sum(young) over (partition by journey) as time_decay
    from places
)
select channel, {sums} from weights group by channel
"""


def installed(peer: str) -> bool:
    """Whether the package is there."""
    return find_spec(_MODULES[peer]) is not None


def mam(touches: pd.DataFrame) -> Tables:
    """All seven models of marketing_attribution_models, once for conversions and once for value.

    Its Markov is shared within journeys and its Shapley looks at the last four channels of a set: its own defaults.
    """
    answers: dict[str, dict[str, pd.Series]] = {name: {} for name in _MAM_MODELS}
    for column, worth in (("conversions", None), ("credit", "value")):
        given = import_module(_MODULES[MAM]).MAM(
            touches,
            format_type="session",
            channels_colname="channel",
            journey_with_conv_colname="converted",
            datetime_colname="timestamp",
            user_id_colname="journey",
            conversion_value_colname=worth,
        )
        for name, method in _MAM_MODELS.items():
            table = getattr(given, method)().to_pandas().set_axis(["channel", "earned"], axis=1)
            answers[name][column] = table.astype({"channel": object}).set_index("channel")["earned"]
    return {name: pd.DataFrame(columns).rename_axis("channel").reset_index() for name, columns in answers.items()}


def channel_attribution(touches: pd.DataFrame, join: Callable[[pd.DataFrame], pd.Series]) -> Tables:
    """The three rules and the Markov model of ChannelAttribution; ``join`` writes each journey's path."""
    peer: Any = quiet(import_module, _MODULES[CHANNEL_ATTRIBUTION])
    paths = distinct_paths(touches, join)
    given = {"var_path": "path", "var_conv": "conversions", "var_value": "value", "sep": ">", "flg_pro": False}
    rules = quiet(peer.heuristic_models, paths, **given)
    markov = quiet(peer.markov_model, paths, **given, var_null="nulls", order=1, verbose=False)
    columns = {
        "first_touch": (rules, "first_touch_conversions", "first_touch_value"),
        "last_touch": (rules, "last_touch_conversions", "last_touch_value"),
        "linear": (rules, "linear_touch_conversions", "linear_touch_value"),
        "markov": (markov, "total_conversions", "total_conversion_value"),
    }
    return {
        name: pd.DataFrame(
            {"channel": table["channel_name"], "conversions": table[conversions], "credit": table[value]}
        )
        for name, (table, conversions, value) in columns.items()
    }


def distinct_paths(touches: pd.DataFrame, join: Callable[[pd.DataFrame], pd.Series]) -> pd.DataFrame:
    """Columns path, conversions, value, nulls: what ChannelAttribution reads."""
    journeys = touches.groupby("journey").agg(conversions=("converted", "any"), value=("value", "sum"))
    journeys["path"] = join(touches)
    journeys["nulls"] = ~journeys["conversions"]
    counted = journeys.astype({"conversions": "int64", "nulls": "int64"})
    return counted.groupby("path", as_index=False, sort=False).sum()


def joined_by_pandas(touches: pd.DataFrame) -> pd.Series:
    """Each journey's path as text, by journey: the usual way. The touches stand in order of time."""
    return touches.groupby("journey")["channel"].agg(" > ".join)


def joined_by_slices(touches: pd.DataFrame) -> pd.Series:
    """The same, by the fastest means that we know in numpy and Python."""
    order = np.argsort(touches["journey"].to_numpy(), kind="stable")
    journey = touches["journey"].to_numpy()[order]
    names = touches["channel"].to_numpy(dtype=object)[order].tolist()
    starts = np.flatnonzero(np.append([True], journey[1:] != journey[:-1]))
    paths = [" > ".join(names[one:other]) for one, other in pairwise([*starts.tolist(), len(names)])]
    return pd.Series(paths, index=journey[starts])


def sql(touches: pd.DataFrame, models: Mapping[str, object]) -> Tables:
    """The five rules in one statement of window functions, which reads the frame as it is."""
    sums = ", ".join(f"sum({name}) as {name}_conversions, sum({name} * worth) as {name}_credit" for name in models)
    with duckdb.connect() as connection:
        connection.register("touches", touches)
        totals = connection.sql(_FIVE_RULES.format(sums=sums)).to_arrow_table().to_pandas()
    return {
        name: totals[["channel", f"{name}_conversions", f"{name}_credit"]].set_axis(
            ["channel", "conversions", "credit"], axis=1
        )
        for name in models
    }


def quiet(call: Callable[..., Any], *given: object, **options: object) -> Any:  # noqa: ANN401  (whatever the call answers)
    """The call's answer, without what it prints."""
    with redirect_stdout(StringIO()):
        return call(*given, **options)
