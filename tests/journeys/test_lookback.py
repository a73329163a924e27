"""Lookbacks as analysts write them, and how old a touch may be to the microsecond."""

from __future__ import annotations

from typing import Any

import numpy as np
import pandas as pd
import pytest

from datalyr_notebook.errors import OptionError
from datalyr_notebook.journeys.lookback import DAY_US, UNLIMITED, read_lookback


def limits(given: Any, *sources: str | None) -> list[float]:
    """Days per source; infinity for any age."""
    found = read_lookback("attribute", given).of(pd.Series(pd.Categorical(sources)))
    return np.where(found == UNLIMITED, np.inf, found / DAY_US).tolist()


@pytest.mark.parametrize(
    ("given", "days"),
    [
        ("90D", 90),
        ("12h", 0.5),
        (pd.Timedelta(1, "us"), 1 / DAY_US),
        (pd.Timedelta("7D").to_pytimedelta(), 7),
        (np.timedelta64(30, "D"), 30),
        (None, np.inf),
    ],
)
def test_one_lookback_for_all(given: Any, days: float) -> None:
    assert limits(given, "google", None, "newsletter") == [days] * 3
    lookback = read_lookback("attribute", given)
    assert lookback.longest_us == (UNLIMITED if days == np.inf else days * DAY_US)


def test_meta_is_all_that_meta_has() -> None:
    assert limits({"Meta": "7D"}, "facebook", "instagram", "threads", "tiktok") == [7, 7, 7, 90]
    assert limits({"facebook": "7D"}, "facebook", "instagram") == [7, 90]


def test_a_key_that_no_source_goes_by_is_told() -> None:
    lookback = read_lookback("attribute", {"Paid Social": "7D", "meta": "7D", "others": "30D"})
    assert lookback.unknown(["instagram", "google"]) == ["Paid Social"]
    assert read_lookback("attribute", "platform").unknown([]) == []


@pytest.mark.parametrize("key", ["facebook", "fb", "Meta", " FACEBOOK ", "facebook_ads", "m.facebook.com", "fb.com"])
def test_a_source_is_named_by_any_of_its_names(key: str) -> None:
    """The keys of the mapping, and what stands in the rows."""
    assert limits({key: "7D"}, "facebook", "fb", "Meta", "www.facebook.com", "google", None) == [7] * 4 + [90, 90]


def test_others_are_what_the_mapping_says_or_the_default() -> None:
    given = {"facebook": "7D", "adwords": None, "Others": "30D"}
    assert limits(given, "facebook", "google", "newsletter", "direct", None) == [7, np.inf, 30, 30, 30]
    assert limits({}, "google", None) == [90, 90]
    assert limits({"facebook": "7D", "others": None}, "facebook", "google", None) == [7, np.inf, np.inf]
    assert limits({"direct": "1D"}, "direct", "google") == [1, 90]


def test_the_ad_platforms_own_windows() -> None:
    """Datalyr's page: Meta 7 days, Google 90, TikTok 28, others 30."""
    sources = ["facebook", "ig", "threads", "google", "adwords", "tiktok", "tiktok-ads", "bing", "direct", None]
    assert limits("platform", *sources) == [7, 7, 7, 90, 90, 28, 28, 30, 30, 30]


def test_the_longest_is_what_any_source_may_have() -> None:
    assert read_lookback("attribute", {"facebook": "7D", "others": "30D"}).longest_us == 30 * DAY_US
    assert read_lookback("attribute", {"facebook": "120D", "others": "30D"}).longest_us == 120 * DAY_US
    assert read_lookback("attribute", {"facebook": None, "others": "30D"}).longest_us == UNLIMITED


@pytest.mark.parametrize(
    ("given", "text"),
    [
        ("90D", "90 days"),
        ("1D", "1 day"),
        ("90d", "90 days"),
        ("1 d 12h", "1.5 days"),
        ("36h", "1.5 days"),
        (None, "any age"),
        ({"fb": "7D", "others": "30D"}, "30 days (facebook 7 days)"),
    ],
)
def test_a_headline_says_it(given: Any, text: str) -> None:
    assert str(read_lookback("attribute", given)) == text


@pytest.mark.parametrize(
    ("given", "words"),
    [
        ("long", "lookback='long' is not known. Use a positive duration such as '30min' or '90D'"),
        ("Platform", "lookback='Platform' is not known. Use a positive duration"),
        ("0D", "lookback='0D'"),
        ("-7D", "lookback='-7D'"),
        (0, "lookback=0"),
        (90, "lookback=90"),  # 90 nanoseconds are no duration that anybody means
        (pd.NaT, "lookback=NaT"),
        (float("nan"), "lookback=nan"),
        ([7], r"lookback=\[7\]"),
        ({"facebook": "soon"}, "lookback='soon' is not known. Use a positive duration"),
        ({"facebook": "0D"}, "lookback='0D'"),
        ({7: "7D"}, r"lookback={7: '7D'} is not known. Use sources as keys, such as {'facebook': '7D'"),
        ({" ": "7D"}, "Use sources as keys"),
        ({"fb": "7D", "Meta": "28D"}, "Use one duration for 'facebook', which two of the keys name"),
    ],
)
def test_lookbacks_that_are_none_are_refused(given: Any, words: str) -> None:
    with pytest.raises(OptionError, match=rf"^attribute: .*{words}"):
        read_lookback("attribute", given)


def test_two_names_of_one_source_may_agree() -> None:
    assert limits({"fb": "7D", "Meta": "168h"}, "facebook") == [7]
