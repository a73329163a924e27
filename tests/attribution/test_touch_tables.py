"""Touch tables of other tools: two journeys on paper, every kind of cell, and what is refused."""

from __future__ import annotations

from typing import Any

import numpy as np
import pandas as pd
import pytest
from hypothesis import given
from hypothesis import strategies as st

from datalyr_notebook.attribution.paths import PathCounts
from datalyr_notebook.attribution.rules import FirstTouch
from datalyr_notebook.attribution.shares import TimeDecay
from datalyr_notebook.errors import ColumnIndexError, MissingColumnsError, OptionError, PathError

COLUMNS = ["journey", "timestamp", "channel", "converted", "value"]


def table(*rows: tuple[Any, ...]) -> pd.DataFrame:
    """Rows of journey, day (and time) of March 2026, channel, converted, value."""
    touches = pd.DataFrame(list(rows), columns=COLUMNS)
    return touches.assign(timestamp=pd.to_datetime("2026-03-" + touches["timestamp"], format="ISO8601"))


def two_journeys() -> pd.DataFrame:
    """Journey 2 bought for 40 on its second touch; journey 1 did not buy. Neither stands in order."""
    return table(
        (2, "08", "Direct", True, 40.0),
        (1, "03 12:00", "Social", False, 0.0),
        (2, "01", "Email", False, 0.0),
        (1, "03", "Email", False, 0.0),
        (2, "09", "Social", False, np.nan),
    )


def read(counts: PathCounts) -> list[tuple[str, float, float, float]]:
    """Path, conversions, value and nulls of each path."""
    return list(counts.to_frame().itertuples(index=False, name=None))


def test_a_journey_is_its_touches_in_time_order() -> None:
    counts = PathCounts.from_touches(two_journeys())
    assert read(counts) == [("Email > Social", 0.0, 0.0, 1.0), ("Email > Direct > Social", 1.0, 40.0, 0.0)]
    assert counts.channels == ("Direct", "Email", "Social")
    assert counts.is_direct.tolist() == [False, False, False, True, False]


def test_ages_count_back_from_the_last_touch() -> None:
    counts = PathCounts.from_touches(two_journeys())
    assert counts.age_days is not None
    assert counts.age_days.tolist() == [0.5, 0.0, 8.0, 1.0, 0.0]


def test_time_decay_reads_the_ages() -> None:
    # Seven days apart: 1 part against 2.
    counts = PathCounts.from_touches(table((1, "01", "Email", False, 0.0), (1, "08", "Direct", True, 30.0)))
    assert TimeDecay().allocate(counts)["credit"].tolist() == pytest.approx([20.0, 10.0])


def test_null_paths_may_be_left_out() -> None:
    counts = PathCounts.from_touches(two_journeys(), null_paths=False)
    assert read(counts) == [("Email > Direct > Social", 1.0, 40.0, 0.0)]
    assert counts.age_days is not None
    assert counts.age_days.tolist() == [8.0, 1.0, 0.0]


def test_touches_of_one_instant_stand_in_order_of_their_channels_name() -> None:
    tied = table((1, "01", "Social", True, 5.0), (1, "01", "Email", False, 0.0), (1, "01", "Direct", False, 0.0))
    for order in ([0, 1, 2], [2, 1, 0], [1, 2, 0]):
        assert read(PathCounts.from_touches(tied.iloc[order])) == [("Direct > Email > Social", 1.0, 5.0, 0.0)]


def test_a_journey_converts_once_and_its_values_add_up() -> None:
    counts = PathCounts.from_touches(table((1, "01", "Email", True, 5.0), (1, "02", "Email", True, 7.0)))
    assert read(counts) == [("Email > Email", 1.0, 12.0, 0.0)]


@pytest.mark.parametrize(
    "ids",
    [
        [20, 10, 20, 10, 20],
        np.array([20, 10, 20, 10, 20], dtype=np.uint64),
        [2.5, 1.5, 2.5, 1.5, 2.5],
        ["b", "a", "b", "a", "b"],
        [("x", 2), ("x", 1), ("x", 2), ("x", 1), ("x", 2)],
        pd.Categorical(["a", "b", "a", "b", "a"], categories=["b", "a", "never"]),
        pd.array([20, 10, 20, 10, 20], dtype="Int64"),
        pd.to_datetime(["2026-02-02", "2026-01-01", "2026-02-02", "2026-01-01", "2026-02-02"]),
    ],
    ids=str,
)
def test_ids_of_any_type_with_an_order(ids: Any) -> None:
    counts = PathCounts.from_touches(two_journeys().assign(journey=ids))
    assert counts.texts() == ["Email > Social", "Email > Direct > Social"]


@pytest.mark.parametrize(
    "flags", [[1, 0, 0, 0, 0], [1.0, 0.0, 0.0, 0.0, 0.0], pd.array([True] + [False] * 4, "boolean")]
)
def test_flags_are_bool_or_0_and_1(flags: Any) -> None:
    assert PathCounts.from_touches(two_journeys().assign(converted=flags)).conversions.tolist() == [0.0, 1.0]


@pytest.mark.parametrize("make", [lambda time: time.dt.tz_localize("Asia/Tokyo"), lambda time: time.dt.as_unit("ns")])
def test_times_of_any_zone_and_unit(make: Any) -> None:
    touches = two_journeys()
    counts = PathCounts.from_touches(touches.assign(timestamp=make(touches["timestamp"])))
    assert counts.age_days is not None
    assert counts.age_days.tolist() == [0.5, 0.0, 8.0, 1.0, 0.0]


def test_channels_as_categories_name_only_those_that_occur() -> None:
    touches = two_journeys().astype({"channel": pd.CategoricalDtype(["Social", "Never", "Email", "Direct"])})
    assert PathCounts.from_touches(touches).channels == ("Direct", "Email", "Social")


def test_without_a_value_column_conversions_are_worth_nothing() -> None:
    assert PathCounts.from_touches(two_journeys().drop(columns="value")).value.tolist() == [0.0, 0.0]


def test_columns_of_other_names() -> None:
    touches = two_journeys().rename(columns={"journey": "cookie", "value": "revenue"})
    counts = PathCounts.from_touches(touches, journey="cookie", value="revenue")
    assert counts.value.tolist() == [0.0, 40.0]


def test_the_input_is_left_as_it_was() -> None:
    touches = two_journeys()
    PathCounts.from_touches(touches)
    pd.testing.assert_frame_equal(touches, two_journeys())


def test_an_empty_table_has_no_paths() -> None:
    counts = PathCounts.from_touches(two_journeys().iloc[:0])
    assert (len(counts), counts.channels, counts.indptr.tolist()) == (0, (), [0])
    assert FirstTouch().allocate(counts).empty


def test_one_touch() -> None:
    assert read(PathCounts.from_touches(table((1, "01", "Email", True, 1.0)))) == [("Email", 1.0, 1.0, 0.0)]


@pytest.mark.parametrize(
    ("column", "cell", "message"),
    [
        ("journey", np.nan, "'journey' is missing in row 2"),
        ("channel", None, "'channel' is missing in row 2"),
        ("channel", " ", "'channel' is missing in row 2"),
        ("timestamp", pd.NaT, "'timestamp' is missing in row 2"),
        ("converted", np.nan, "'converted' is neither true nor false in row 2"),
        ("converted", 2, "'converted' is neither true nor false in row 2"),
        ("converted", "yes", "'converted' holds something that is no number"),
        ("value", np.inf, "'value' is not finite in row 2"),
        ("value", "ten", "'value' holds something that is no number"),
        ("value", 3.0, None),
        ("journey", object(), "the ids in 'journey' have no order"),
        ("journey", "", "'journey' is missing in row 2"),
    ],
)
def test_cells_that_cannot_be_read(column: str, cell: object, message: str | None) -> None:
    touches = two_journeys()
    cells = touches[column].astype(object).tolist()
    cells[2] = cell
    if column == "journey" and isinstance(cell, str):
        cells = [str(one) for one in cells]
    broken = touches.assign(**{column: pd.Series(cells, dtype=None if column == "timestamp" else object)})
    if message is None:
        assert PathCounts.from_touches(broken).value.tolist() == [0.0, 43.0]
        return
    with pytest.raises(PathError, match=message):
        PathCounts.from_touches(broken)


def test_times_as_text_are_refused() -> None:
    touches = two_journeys()
    with pytest.raises(PathError, match=r"'timestamp' holds no timestamps.*pd.to_datetime\(touches\['timestamp'\]\)"):
        PathCounts.from_touches(touches.assign(timestamp=touches["timestamp"].astype(str)))


def test_a_journey_that_is_worth_something_has_converted() -> None:
    touches = two_journeys().assign(converted=[False, True, False, False, False])
    with pytest.raises(PathError, match="journey 2 is worth 40 and has no row with 'converted'"):
        PathCounts.from_touches(touches)


def test_a_missing_column_is_named_with_its_option() -> None:
    with pytest.raises(MissingColumnsError, match=r"reads channel='Medium', but .* Pass channel= the name"):
        PathCounts.from_touches(two_journeys(), channel="Medium")
    with pytest.raises(MissingColumnsError, match="reads value='revenue'"):
        PathCounts.from_touches(two_journeys(), value="revenue")


def test_no_table_of_touches() -> None:
    with pytest.raises(OptionError, match="a pandas DataFrame with one row a touch"):
        PathCounts.from_touches([("a", "b")])  # type: ignore[arg-type]
    with pytest.raises(ColumnIndexError, match="'channel' names two columns"):
        PathCounts.from_touches(two_journeys().rename(columns={"value": "channel"}))


rows = st.tuples(
    st.integers(-2, 3),
    st.integers(0, 3),
    st.sampled_from(["Email", "Direct", "Social"]),
    st.sampled_from([0.1, 0.2, 0.7]),
)


@given(st.lists(rows, max_size=12).flatmap(lambda listed: st.tuples(st.just(listed), st.permutations(listed))))
def test_the_order_of_rows_changes_nothing(orders: tuple[list[Any], list[Any]]) -> None:
    one, other = (
        PathCounts.from_touches(table(*((j, f"0{day + 1}", name, True, value) for j, day, name, value in listed)))
        for listed in orders
    )
    assert one.channels == other.channels
    for field in ("indptr", "channel", "is_direct", "conversions", "value", "nulls", "age_days"):
        assert getattr(one, field).tolist() == getattr(other, field).tolist()
