"""Paths of other tools' tables: read, added up, written; and what each model of order alone makes of them."""

from __future__ import annotations

from typing import Any

import numpy as np
import pandas as pd
import pytest

import datalyr_notebook as dn
from datalyr_notebook.attribution.models import MODELS
from datalyr_notebook.attribution.paths import PathCounts
from datalyr_notebook.attribution.shares import CustomWeights, Linear, TimeDecay
from datalyr_notebook.errors import OptionError, PathError, PathModelError
from tests.attribution.path_tables import PATHDATA, needs_pathdata

NAMED = PathCounts.from_strings


def named(counts: PathCounts) -> list[list[str]]:
    """Each path as its channels' names."""
    return [
        [counts.channels[code] for code in counts.channel[start:end]]
        for start, end in zip(counts.indptr[:-1], counts.indptr[1:], strict=True)
    ]


@pytest.mark.parametrize(
    ("path", "separator", "channels"),
    [
        ("Email > Direct", " > ", ["Email", "Direct"]),
        ("Email>Direct", " > ", ["Email", "Direct"]),
        ("  Email  >Direct ", ">", ["Email", "Direct"]),
        ("Email, Paid Search", ",", ["Email", "Paid Search"]),
        ("Email->Direct", "->", ["Email", "Direct"]),
        ("Email.Direct", ".", ["Email", "Direct"]),  # literally, not as a pattern
        ("Email|Email|Email", "|", ["Email", "Email", "Email"]),
        ("Email, Direct", ";", ["Email, Direct"]),
        ("Email", " > ", ["Email"]),
        ("", " > ", []),
        ("   ", " > ", []),
        (None, " > ", []),
        (float("nan"), " > ", []),
        (pd.NA, " > ", []),
        ("日本語 > Réseaux", " > ", ["日本語", "Réseaux"]),
    ],
)
def test_a_path_is_read(path: Any, separator: str, channels: list[str]) -> None:
    assert named(NAMED(["Direct", path], separator=separator)) == [["Direct"], channels]


def test_numbers_come_with_the_paths_or_are_one_nothing_and_none() -> None:
    given = pd.DataFrame({"path": ["A > B", "B"], "n": [2, 0], "money": [30, -5.5], "lost": [0, 7]}, index=[8, 3])
    counts = NAMED(given["path"], conversions=given["n"], value=given["money"], nulls=given["lost"])
    assert (counts.conversions.tolist(), counts.value.tolist(), counts.nulls.tolist()) == ([2, 0], [30, -5.5], [0, 7])
    bare = NAMED(given["path"])
    assert (bare.conversions.tolist(), bare.value.tolist(), bare.nulls.tolist()) == ([1, 1], [0, 0], [0, 0])
    assert repr(counts) == "PathCounts: 2 paths over 2 channels, 2 conversions worth 24.50, 7 nulls"


def test_no_paths_at_all() -> None:
    nothing = NAMED([])
    assert (len(nothing), nothing.channels, len(nothing.distinct()), len(nothing + nothing)) == (0, (), 0, 0)
    assert nothing.to_frame().columns.tolist() == ["path", "conversions", "value", "nulls"]
    assert Linear().allocate(nothing).to_dict("list") == {"channel": [], "conversions": [], "credit": []}


@pytest.mark.parametrize(
    ("paths", "options", "words"),
    [
        (["A > > B"], {}, r"row 0 has a channel without a name: 'A > > B'. Name it, or check separator=."),
        (["A", "> B"], {}, "row 1 has a channel without a name"),
        (["A", 5], {}, "row 1 is 5, not a text"),
        ([["A", "B"]], {}, r"row 0 is \['A', 'B'\], not a text"),
        (["A", "B"], {"conversions": [1]}, "conversions has 1 numbers for 2 paths"),
        (["A"], {"nulls": [1, 2]}, "nulls has 2 numbers for 1 paths"),
        (
            ["A", "B"],
            {"conversions": [1, float("nan")]},
            "conversions is nan in row 1. Use finite numbers, not below 0",
        ),
        (["A", "B"], {"conversions": [1, None]}, "conversions is nan in row 1"),
        (["A", "B"], {"conversions": [-1, 1]}, "conversions is -1 in row 0"),
        (["A", "B"], {"nulls": [0, -2]}, "nulls is -2 in row 1"),
        (["A", "B", "C"], {"value": [-1, 2, float("inf")]}, r"value is inf in row 2. Use finite numbers\.$"),
        (["A"], {"value": ["much"]}, "value holds something that is no number"),
        (["A"], {"conversions": 1}, "conversions holds something that is no number"),
    ],
)
def test_paths_that_are_none_are_refused(paths: list[Any], options: dict[str, Any], words: str) -> None:
    with pytest.raises(PathError, match=rf"^PathCounts needs paths of channels and their numbers, but {words}"):
        NAMED(paths, **options)


@pytest.mark.parametrize("separator", ["", " ", None, 5])
def test_a_separator_is_a_text(separator: Any) -> None:
    with pytest.raises(OptionError, match="PathCounts: separator="):
        NAMED(["A"], separator=separator)
    with pytest.raises(OptionError, match=r"PathCounts: paths='A > B' is not known. Use a column or list of paths"):
        NAMED("A > B")


def test_a_separator_inside_a_name_is_not_written() -> None:
    counts = NAMED(["A > B; C"], separator=";")
    assert counts.channels == ("A > B", "C")
    with pytest.raises(PathError, match=r"the channel 'A > B' contains the separator ' > '. Use another separator=."):
        counts.to_frame()
    assert counts.to_frame(separator=" | ")["path"].tolist() == ["A > B | C"]


def test_what_is_written_is_read_as_the_same() -> None:
    given = NAMED(["A > B", "", "B > B > A"], conversions=[1, 2, 0], value=[1.5, -2, 0], nulls=[0, 0, 3])
    table = given.to_frame()
    again = NAMED(table["path"], conversions=table["conversions"], value=table["value"], nulls=table["nulls"])
    pd.testing.assert_frame_equal(again.to_frame(), table)
    assert named(again) == named(given) == [["A", "B"], [], ["B", "B", "A"]]


def test_counts_add_up() -> None:
    """Channels of one name are one; their order is that of appearance."""
    both = NAMED(["A > B"], value=[5.0]) + NAMED(["C > B", "A"], conversions=[2, 3], nulls=[1, 0])
    assert both.channels == ("A", "B", "C")
    assert both.to_frame().to_numpy().tolist() == [["A > B", 1, 5, 0], ["C > B", 2, 0, 1], ["A", 3, 0, 0]]
    nobodys = NAMED(["Direct"]) + NAMED(["(direct) > News"])
    assert nobodys.is_direct.tolist() == [True, True, False]


def test_equal_paths_become_one() -> None:
    given = NAMED(
        ["B > A", "", "B > A", "B", "", "A > B"], conversions=[1, 2, 4, 8, 16, 32], value=[1, 2, 4, 8, 16, 32]
    )
    once = given.distinct()
    assert once.to_frame()[["path", "conversions", "value"]].to_numpy().tolist() == [
        ["B > A", 5, 5], ["", 18, 18], ["B", 8, 8], ["A > B", 32, 32],
    ]  # fmt: skip
    assert named(once.distinct()) == named(once)


@pytest.mark.parametrize("channels", [1, 2, 256, 257, 65_537])
def test_equal_paths_are_found_whatever_the_number_of_channels(channels: int) -> None:
    """256 channels fit into a byte, 65,536 into two; a path of bytes must not be mistaken for another."""
    singles = [f"c{number}" for number in range(channels)]
    once = NAMED([*singles, *singles[::-1], "c0 > c0"]).distinct()
    assert len(once) == channels + 1
    assert once.conversions.tolist() == [2.0] * channels + [1.0]


def test_some_paths_are_taken_and_counted_anew() -> None:
    given = NAMED(["A > B", "", "B"], conversions=[1, 2, 3], value=[10, 20, 30], nulls=[4, 5, 6])
    part = given.taken(np.array([True, False, True]))
    assert part.to_frame().to_numpy().tolist() == [["A > B", 1, 10, 4], ["B", 3, 30, 6]]
    twice = given.weighted(np.array([2.0, 0.0, 1.0]))
    assert twice.to_frame().to_numpy().tolist() == [["A > B", 2, 20, 8], ["", 0, 0, 0], ["B", 3, 30, 6]]
    assert given.conversions.tolist() == [1, 2, 3]


# What models of order alone make of four paths

WORKED = NAMED(
    ["Search > Email > Direct", "Email > Direct", "Direct", "Email > Email > Search > Direct", "Video", ""],
    conversions=[2, 1, 1, 1, 0, 1],
    value=[40, 10, 5, 100, 0, 7],
    nulls=[1, 0, 0, 0, 9, 0],
)


@pytest.mark.parametrize(
    ("model", "search", "email", "direct"),
    [
        (MODELS["first_touch"](), (2, 40), (2, 110), (1, 5)),
        (MODELS["last_touch"](), (0, 0), (0, 0), (5, 155)),
        (MODELS["last_non_direct"](), (1, 100), (3, 50), (1, 5)),
        (Linear(), (11 / 12, 40 / 3 + 25), (5 / 3, 40 / 3 + 55), (29 / 12, 40 / 3 + 35)),
        (Linear(per="channel"), (1, 140 / 3), (3 / 2, 155 / 3), (5 / 2, 170 / 3)),
        (MODELS["position_based"](), (0.9, 26), (1.4, 63), (2.7, 66)),
        (MODELS["j_shaped"](), (0.5, 18), (0.95, 40.5), (3.55, 96.5)),
        (MODELS["inverse_j"](), (1.3, 34), (1.85, 85.5), (1.85, 35.5)),
        (MODELS["participation"](), (3, 140), (4, 150), (5, 155)),
        (
            CustomWeights((3, 1)),
            (1.2 + 1 / 6, 24 + 100 / 6),
            (1.15 + 4 / 6, 15.5 + 400 / 6),
            (1.65 + 1 / 6, 15.5 + 100 / 6),
        ),
    ],
    ids=lambda one: type(one).__name__ if hasattr(one, "allocate") else "",
)
def test_models_of_order_alone(
    model: Any, search: tuple[float, float], email: tuple[float, float], direct: tuple[float, float]
) -> None:
    """A path that nobody bought behind earns nothing; a conversion without a touch stays unattributed."""
    table = model.allocate(WORKED)
    assert table.columns.tolist() == ["channel", "conversions", "credit"]
    assert table["credit"].is_monotonic_decreasing
    found = table.set_index("channel").T.to_dict("list")
    expected = {"Search": search, "Email": email, "Direct": direct, "Video": (0, 0), "unattributed": (1, 7)}
    assert found == {channel: pytest.approx(list(both)) for channel, both in expected.items()}


@pytest.mark.parametrize(
    ("model", "needs"),
    [
        ("time_decay", "age_days"),
        ("hybrid", "is_click and same_session"),
        ("session_touch", "same_session"),
        ("last_click", "is_click"),
        ("w_shaped", "stages"),
        ("full_path", "stages"),
    ],
)
def test_a_model_that_needs_more_than_the_order_names_it(model: str, needs: str) -> None:
    with pytest.raises(PathModelError, match=rf"^[A-Za-z]+\.allocate needs {needs} of every touch, which paths"):
        MODELS[model]().allocate(WORKED)  # type: ignore[union-attr]


def test_what_is_no_path_counts_is_refused() -> None:
    with pytest.raises(OptionError, match=r"Linear.allocate: path_counts=\['A'\] is not known. Use PathCounts"):
        Linear().allocate(["A"])  # type: ignore[arg-type]


def test_paths_with_ages_decay() -> None:
    """8 days before gets half of 1 day before."""
    counts = PathCounts(**{**vars(NAMED(["A > B"], value=[3.0])), "age_days": np.array([8.0, 1.0])})
    assert TimeDecay().allocate(counts).to_numpy().tolist() == [["B", pytest.approx(2 / 3), 2], ["A", 1 / 3, 1]]


def test_values_below_nothing_are_shared_like_others() -> None:
    assert Linear().allocate(NAMED(["A > B", "B"], conversions=[1, 0], value=[-10, -1])).to_numpy().tolist() == [
        ["A", 0.5, -5.0], ["B", 0.5, -6.0],
    ]  # fmt: skip


@needs_pathdata
@pytest.mark.parametrize(
    ("model", "column"),
    [
        ("first_touch", "first_touch"),
        ("last_touch", "last_touch"),
        ("linear", "linear_touch"),
        ("position_based", "position"),
    ],
)
def test_the_public_path_table(model: str, column: str) -> None:
    """10,000 paths over 12 channels, and what other packages say of them, to 1e-9."""
    given = pd.read_csv(PATHDATA / "PathData.csv", sep=";")
    expected = pd.read_csv(PATHDATA / "expected.csv").set_index("channel_name")
    counts = NAMED(
        given["path"],
        conversions=given["total_conversions"],
        value=given["total_conversion_value"],
        nulls=given["total_null"],
    )
    assert (len(counts), len(counts.channels), counts.conversions.sum(), counts.nulls.sum()) == (
        10_000,
        12,
        19_785,
        68_602,
    )
    found = MODELS[model]().allocate(counts).set_index("channel").loc[expected.index]  # type: ignore[union-attr]
    np.testing.assert_allclose(found["conversions"], expected[f"{column}_conversions"], rtol=1e-9)
    if f"{column}_value" in expected:
        np.testing.assert_allclose(found["credit"], expected[f"{column}_value"], rtol=1e-9)


# Your own journeys as paths


def test_a_results_paths_say_what_its_totals_say() -> None:
    """Two buyers and one who left; the buyer of day 3 comes back on day 9 and buys nothing."""
    day = [f"2026-01-{number:02}T10:00Z" for number in range(1, 10)]
    events = pd.DataFrame(
        [
            (day[0], "pageview", "u1", "newsletter", "email", None),
            (day[1], "pageview", "u1", "google", "organic", None),
            (day[2], "pageview", "u1", None, None, None),
            (day[2], "purchase", "u1", None, None, 30.0),
            (day[8], "pageview", "u1", "newsletter", "email", None),
            (day[0], "pageview", "u2", "newsletter", "email", None),
            (day[1], "pageview", "u2", "google", "organic", None),
            (day[1], "purchase", "u2", None, None, 10.0),
            (day[4], "pageview", "u3", "google", "organic", None),
            (day[5], "pageview", "u3", "newsletter", "email", None),
        ],
        columns=["timestamp", "event_name", "user_id", "source", "medium", "value"],
    ).assign(anonymous_id=None, sdk="web")
    events["timestamp"] = pd.to_datetime(events["timestamp"], utc=True)
    result = dn.attribute(dn.stitch(events), model=["linear", "participation"])
    paths = result.paths()
    assert sorted(map(tuple, paths.to_frame().to_numpy().tolist())) == [
        ("Email", 0.0, 0.0, 1.0),
        ("Email > Organic Search", 1.0, 10.0, 0.0),
        ("Email > Organic Search > Direct", 1.0, 30.0, 0.0),
        ("Organic Search > Email", 0.0, 0.0, 1.0),
    ]
    for model in ("linear", "participation"):
        allocated = MODELS[model]().allocate(paths).set_index("channel")  # type: ignore[union-attr]
        totals = result.totals[result.totals["model"] == model].set_index("channel")
        for column in ("conversions", "credit"):
            assert allocated[column].to_dict() == pytest.approx(totals[column].to_dict())
    assert sorted(result.paths("source").channels) == ["direct", "google", "newsletter"]


def test_a_table_in_place_of_its_paths_is_refused() -> None:
    with pytest.raises(OptionError, match="Use a column or list of paths, one a row"):
        PathCounts.from_strings(pd.DataFrame({"path": ["Email"]}))
