"""Journeys taken apart and put together again: the same journeys."""

from __future__ import annotations

import numpy as np

from datalyr_notebook.journeys.windows import Journeys


def journeys(lengths: list[int], channels: tuple[str, ...], channel: list[int]) -> Journeys:
    places = np.arange(len(channel))
    return Journeys(
        indptr=np.append([0], np.cumsum(lengths)).astype(np.int64),
        touch=places,
        age_days=places / 10,
        channel=np.array(channel, dtype=np.int64),
        channels=channels,
        is_click=places % 2 == 0,
        is_direct=np.array([channels[code] == "Direct" for code in channel], dtype=bool),
        same_session=places % 3 == 0,
        value=np.arange(len(lengths)) * 10.0,
    )


def test_some_journeys_are_taken_with_their_touches() -> None:
    whole = journeys([2, 0, 3], ("Email", "Direct"), [0, 1, 1, 0, 0])
    part = whole.take(np.array([False, True, True]))
    assert part.lengths.tolist() == [0, 3]
    assert part.touch.tolist() == [2, 3, 4]
    assert part.value.tolist() == [10.0, 20.0]
    assert part.channel.tolist() == [1, 0, 0]


def test_others_follow_with_their_own_touches_and_channels_of_one_name() -> None:
    first, other = journeys([1], ("Email",), [0]), journeys([0, 2], ("Direct", "Email"), [0, 1])
    both = first.followed_by(other, touches=7)
    assert both.indptr.tolist() == [0, 1, 1, 3]
    assert both.touch.tolist() == [0, 7, 8]
    assert both.channels == ("Email", "Direct")
    assert both.channel.tolist() == [0, 1, 0]
    assert both.is_direct.tolist() == [False, True, False]
    assert both.value.tolist() == [0.0, 0.0, 10.0]
