"""Intervals: a bootstrap over people whose answer is known in advance."""

from __future__ import annotations

from typing import Any

import numpy as np
import pandas as pd
import pytest

import datalyr_notebook as dn
from datalyr_notebook.attribution import uncertainty
from datalyr_notebook.attribution.protocol import ChannelTotals
from datalyr_notebook.attribution.uncertainty import Entries, draws, replicated_sums
from datalyr_notebook.errors import OptionError


def shop(people: int, *, value: float = 1.0, lookers: int = 0) -> pd.DataFrame:
    """So many people who see an ad and buy a day later, half of them by TikTok; and some who only look."""
    day = pd.Timestamp("2026-01-01T10:00Z")
    rows: list[dict[str, Any]] = []
    for number in range(people + lookers):
        person = f"u{number:04}"
        source = "tiktok" if number % 2 else "facebook"
        rows.append({"timestamp": day, "event_name": "pageview", "user_id": person, "source": source})
        if number < people:
            later = day + pd.Timedelta("1D")
            rows.append({"timestamp": later, "event_name": "purchase", "user_id": person, "value": value})
    return dn.stitch(pd.DataFrame(rows).assign(anonymous_id=[f"d{row['user_id']}" for row in rows]))


def test_a_draw_is_poisson_with_mean_one() -> None:
    drawn = np.concatenate(list(draws(50_000, n=4, seed=0)))
    assert abs(drawn.mean() - 1) < 0.01
    assert abs(drawn.var() - 1) < 0.02
    shares = np.bincount(drawn)[:4] / len(drawn)
    # e^-1 / k!
    assert shares == pytest.approx([0.3679, 0.3679, 0.1839, 0.0613], abs=0.004)


def test_more_people_do_not_change_how_the_first_are_drawn() -> None:
    few, many = next(draws(10, n=1, seed=3)), next(draws(1000, n=1, seed=3))
    assert few.tolist() == many[:10].tolist()


def test_one_person_counts_none_to_three_times() -> None:
    """A Poisson(1) number is 0 at 2.5 % and 3 at 97.5 %."""
    table = dn.attribute(shop(1, value=10.0), model="last_non_direct").intervals(n=2000)
    row = table.iloc[0]
    assert (row["credit"], row["low"], row["high"]) == (10.0, 0.0, 30.0)
    assert (row["conversions"], row["conversions_low"], row["conversions_high"]) == (1.0, 0.0, 3.0)
    assert row["level"] == 0.95


def test_many_people_spread_by_the_root_of_their_number() -> None:
    """200 people a channel, each worth 2: 400 ± 2 * 1.96 * sqrt(200) = 400 ± 55.4."""
    table = dn.attribute(shop(400, value=2.0), by="source", model="last_non_direct").intervals(n=4000)
    assert table["credit"].tolist() == [400.0, 400.0]
    assert table["low"].tolist() == pytest.approx([344.6, 344.6], abs=6)
    assert table["high"].tolist() == pytest.approx([455.4, 455.4], abs=6)


def test_a_share_is_drawn_whole() -> None:
    """Half of 400 people by TikTok: 50 % ± 1.96 * sqrt(.5 * .5 / 400) = 50 % ± 4.9 %, while its credit has ± 14 %."""
    table = dn.attribute(shop(400), by="source", model="last_non_direct").intervals(n=4000)
    assert table["share"].tolist() == [0.5, 0.5]
    assert table["share_low"].tolist() == pytest.approx([0.451, 0.451], abs=0.006)
    assert table["share_high"].tolist() == pytest.approx([0.549, 0.549], abs=0.006)


def test_a_share_of_nothing_is_missing() -> None:
    table = dn.attribute(shop(3, value=0.0), model="last_non_direct").intervals(n=10)
    assert table[["share", "share_low", "share_high"]].isna().all(axis=None)


def test_a_wider_level_is_a_wider_interval() -> None:
    result = dn.attribute(shop(50), model="last_non_direct", by="source")
    narrow, wide = (result.intervals(n=300, level=level) for level in (0.5, 0.99))
    assert (wide["low"] < narrow["low"]).all()
    assert (wide["high"] > narrow["high"]).all()


def test_the_numbers_are_those_of_totals() -> None:
    result = dn.attribute(shop(30, lookers=10), model=["hybrid", "linear", "participation"])
    table = result.intervals(n=20)
    pd.testing.assert_frame_equal(table[result.totals.columns.tolist()], result.totals)


def test_neither_the_order_of_rows_nor_other_models_change_an_interval() -> None:
    stitched = shop(40, lookers=20)
    table = dn.attribute(stitched, model="linear", by="source").intervals(n=50)
    shuffled = stitched.sample(frac=1, random_state=1).reset_index(drop=True)
    pd.testing.assert_frame_equal(dn.attribute(shuffled, model="linear", by="source").intervals(n=50), table)
    both = dn.attribute(stitched, model=["participation", "linear"], by="source").intervals(n=50)
    both = both[both["model"] == "linear"].reset_index(drop=True)
    pd.testing.assert_frame_equal(both, table)


def test_a_seed_is_an_answer() -> None:
    result = dn.attribute(shop(40), by="source", model="linear")
    pd.testing.assert_frame_equal(result.intervals(n=50, seed=7), result.intervals(n=50, seed=7))
    assert not result.intervals(n=50, seed=7).equals(result.intervals(n=50, seed=8))


def test_people_are_drawn_not_conversions() -> None:
    """One person with 100 orders of 1: none or all of them count, so the interval reaches from 0 to 300."""
    day = pd.Timestamp("2026-01-01T10:00Z")
    rows = [{"timestamp": day, "event_name": "pageview", "source": "tiktok"}]
    rows += [
        {"timestamp": day + pd.Timedelta(hour, "h"), "event_name": "purchase", "value": 1.0} for hour in range(1, 101)
    ]
    table = dn.attribute(dn.stitch(pd.DataFrame(rows).assign(anonymous_id="d")), model="first_touch").intervals(n=1000)
    assert table[["low", "high"]].values.tolist() == [[0.0, 300.0]]


class Everything:
    """A total model that gives every channel what came in; it has no faster way to be fitted again."""

    def totals(self, counts: dn.PathCounts) -> ChannelTotals:
        whole = np.ones(len(counts.channels))
        return ChannelTotals(whole * counts.conversions.sum(), whole * counts.value.sum(), {})


class Newest:
    """A model that is fitted: the last touch takes all, and it remembers how many null paths it was shown."""

    def fit(self, counts: dn.PathCounts) -> dn.LastTouch:
        assert counts.nulls.sum() > 0
        return dn.LastTouch()


def test_models_of_everybody_are_fitted_in_every_draw() -> None:
    stitched = shop(30, value=5.0, lookers=30)
    result = dn.attribute(stitched, model={"all": Everything(), "newest": Newest(), "last": "last_touch"}, by="source")
    table = result.intervals(n=200)
    everything = table[table["model"] == "all"]
    assert everything["credit"].tolist() == [150.0] * 3
    assert everything["low"].tolist() == [everything["low"].iloc[0]] * 3
    newest, last = (
        table[table["model"] == name].drop(columns="model").reset_index(drop=True) for name in ("newest", "last")
    )
    pd.testing.assert_frame_equal(newest, last)


def test_blocks_of_people_add_up(monkeypatch: pytest.MonkeyPatch) -> None:
    entries = Entries(np.arange(7) % 5, np.arange(7) % 3, np.arange(7.0))
    whole = replicated_sums(entries, columns=3, persons=5, n=6, seed=1)
    expected = np.zeros((6, 3))
    for number, drawn in enumerate(draws(5, n=6, seed=1)):
        for person, column, value in zip(*entries, strict=True):
            expected[number, column] += value * drawn[person]
    assert whole.tolist() == expected.tolist()
    monkeypatch.setattr(uncertainty, "_BLOCK", 7)
    assert replicated_sums(entries, columns=3, persons=5, n=6, seed=1).tolist() == expected.tolist()


def test_many_groups_add_up_without_a_table_of_persons_by_groups() -> None:
    """A thousand campaigns, of which each person saw few."""
    person, column = np.arange(50) % 7, np.arange(50) * 389 % 1_000
    entries = Entries(np.append(person, [9]), np.append(column, [0]), np.arange(51.0))
    expected = np.zeros((6, 1_000))
    for number, drawn in enumerate(draws(7, n=6, seed=1)):
        np.add.at(expected[number], column, np.arange(50.0) * drawn[person])
    assert replicated_sums(entries, columns=1_000, persons=7, n=6, seed=1).tolist() == expected.tolist()


def test_without_conversions_there_is_nothing_to_draw() -> None:
    table = dn.attribute(shop(0, lookers=3), model=["hybrid", "participation"]).intervals(n=5)
    assert len(table) == 0
    assert table.columns.tolist()[-4:] == ["share", "share_low", "share_high", "level"]


@pytest.mark.parametrize(
    ("options", "words"),
    [
        ({"n": 1}, "intervals: n=1 is not known. Use at least 2 replicates"),
        ({"n": 2.5}, "n=2.5 is not known. Use a whole number"),
        ({"level": 95}, "level=95 is not known. Use a share between 0 and 1, such as 0.95"),
        ({"level": 0}, "level=0 is not known"),
        ({"seed": -1}, "seed=-1 is not known. Use a whole number of at least 0"),
        ({"links": "resample"}, "links='resample' is not known. Use None"),
        ({"by": "colour"}, "by='colour' is not known"),
    ],
)
def test_options_that_are_none(options: dict[str, Any], words: str) -> None:
    with pytest.raises(OptionError, match=words):
        dn.attribute(shop(2)).intervals(**options)
