"""Colors hold on white and on dark, no two channels look alike, and a text comes back from a figure as it was."""

from __future__ import annotations

import itertools

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from datalyr_notebook.figures import theme
from datalyr_notebook.figures.largest import OTHERS
from datalyr_notebook.figures.layout import group_looks, hatched, written_on
from datalyr_notebook.journeys.channels import channel_names
from datalyr_notebook.schema import UNATTRIBUTED
from tests.contrast import DARK, WHITE, contrast

CHANNELS = [*channel_names(), OTHERS, UNATTRIBUTED]


@pytest.mark.parametrize("page", [WHITE, DARK])
@pytest.mark.parametrize("color", sorted({*theme.PALETTE, theme.INK, *theme.CHANNEL_COLORS.values()}))
def test_every_mark_is_seen_on_white_and_on_dark(color: str, page: str) -> None:
    assert contrast(color, page) >= 3


def test_ink_is_as_far_from_white_as_any_gray_that_is_as_far_from_dark() -> None:
    grays = [f"#{level:02X}{level:02X}{level:02X}" for level in range(256)]
    best = max(min(contrast(gray, page) for page in (WHITE, DARK)) for gray in grays)
    assert min(contrast(theme.INK, page) for page in (WHITE, DARK)) == best
    assert 4.3 < best < 4.5


@pytest.mark.parametrize("color", sorted({*theme.PALETTE, theme.INK}))
def test_a_text_on_a_mark_can_be_read(color: str) -> None:
    assert contrast(color, theme.text_on(color)) >= 4.5


def test_each_default_channel_has_a_color_of_its_own_choice() -> None:
    assert set(channel_names()) <= set(theme.CHANNEL_LOOKS)


def test_no_two_channels_look_alike() -> None:
    for one, other in itertools.combinations(CHANNELS, 2):
        first, second = group_looks([one, other], are_channels=True)
        assert (first.color, first.hatch) != (second.color, second.hatch), (one, other)
        assert (first.color, first.symbol) != (second.color, second.symbol), (one, other)


def test_the_channels_that_most_journeys_have_differ_without_their_color() -> None:
    common = (
        "Direct",
        "Paid Social",
        "Paid Search",
        "Organic Search",
        "Email",
        "Organic Social",
        "Referral",
        "Display",
    )
    looks = group_looks(common, are_channels=True)
    assert len({look.hatch for look in looks}) == len({look.symbol for look in looks}) == len(common)


@settings(max_examples=50)
@given(st.lists(st.sampled_from([*CHANNELS, *(f"c{place}" for place in range(40))]), unique=True, max_size=14))
def test_no_two_groups_of_a_figure_look_alike(groups: list[str]) -> None:
    for are_channels in (True, False):
        assert len(set(group_looks(groups, are_channels=are_channels))) == len(groups)


def test_unattributed_is_hollow_and_its_text_has_the_ink_of_the_page() -> None:
    [look] = group_looks([UNATTRIBUTED], are_channels=True)
    assert hatched([look])["color"] == "rgba(0, 0, 0, 0)"
    assert written_on(look) == theme.INK


@settings(max_examples=60)
@given(st.text(st.characters(min_codepoint=33, max_codepoint=0x2FF, categories=("L", "N", "P", "S")), max_size=40))
def test_a_text_comes_back_from_a_figure_as_it_was(text: str) -> None:
    assert theme.unescaped(theme.escaped(text)) == text


def test_what_steers_a_terminal_is_spelled_out() -> None:
    assert theme.unescaped("a\x1b[2Jb<br>c\u202e") == r"a\x1b[2Jb c\u202e"
