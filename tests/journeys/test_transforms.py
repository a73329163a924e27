"""Path transforms on tiny paths, each worked by hand."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest

from datalyr_notebook.attribution.paths import PathCounts
from datalyr_notebook.errors import OptionError
from datalyr_notebook.journeys.channels import channel_names
from datalyr_notebook.journeys.transforms import read_transforms

LETTERS = {"E": "Email", "S": "Organic Social", "D": "Direct"}


def paths(*written: str) -> PathCounts:
    """Paths from letters: E mail, S ocial, D irect."""
    return PathCounts.from_strings([" > ".join(LETTERS[letter] for letter in path) for path in written])


def transformed(path: Any, *written: str) -> list[str]:
    """What is left of each path, in letters."""
    found: PathCounts = paths(*written)
    for transform in read_transforms("attribute", path, channel_names()):
        found = found.narrowed(transform.kept(found))
    letters = {name: letter for letter, name in LETTERS.items()}
    names = np.array([letters[name] for name in found.channels], dtype=object)[found.channel]
    return ["".join(names[start:end]) for start, end in zip(found.indptr[:-1], found.indptr[1:], strict=True)]


@pytest.mark.parametrize(
    ("transform", "given", "left"),
    [
        ("unique", ["EESED", "", "DD"], ["EESED", "", "DD"]),
        # of touches of one channel in a row the first; a new path starts anew
        ("exposure", ["EESED", "DDEED", "D", "", "DD"], ["ESED", "DED", "D", "", "D"]),
        # of each channel its first touch in the path
        ("first", ["EESED", "DEDE", "", "D"], ["ESD", "DE", "", "D"]),
        ("last(2)", ["EESED", "S", "", "SD"], ["ED", "S", "", "SD"]),
        ("last(1)", ["EESED", "S"], ["D", "S"]),
        ("last(99999999999999999999)", ["EES", "S"], ["EES", "S"]),
        # the tail goes, what stands before another channel stays, a path of nothing else stays whole
        ("remove_if_last_and_not_all(Direct)", ["EDSDD", "DD", "D", "", "DE", "ED"], ["EDS", "DD", "D", "", "DE", "E"]),
        ("remove_if_not_all(Direct)", ["EDSDD", "DD", "D", "", "DE", "ED"], ["ES", "DD", "D", "", "E", "E"]),
        # another channel than Direct, and one that no path has
        ("remove_if_not_all(Email)", ["EES", "EE", "D"], ["S", "EE", "D"]),
        ("remove_if_last_and_not_all(Paid Search)", ["EES", "D"], ["EES", "D"]),
        ("remove_if_not_all(Paid Search)", ["EES", "D"], ["EES", "D"]),
    ],
)
def test_each_transform(transform: str, given: list[str], left: list[str]) -> None:
    assert transformed(transform, *given) == left


@pytest.mark.parametrize(
    ("path", "left"),
    [
        ((), "EDEDD"),
        (("remove_if_not_all(Direct)", "exposure"), "E"),
        (("exposure", "remove_if_not_all(Direct)"), "EE"),
        (["last(3)", "first"], "ED"),
        (("first", "last(3)"), "ED"),
        (("last(2)", "remove_if_not_all(Direct)"), "DD"),
        (("remove_if_not_all(Direct)", "last(1)"), "E"),
    ],
)
def test_transforms_are_done_in_the_order_asked_for(path: Any, left: str) -> None:
    assert transformed(path, "EDEDD") == [left]


@pytest.mark.parametrize(
    "text", ["remove_if_not_all( 'Direct' )", ' remove_if_not_all("Direct")', "remove_if_not_all(Direct) "]
)
def test_blanks_and_quotes_do_not_count(text: str) -> None:
    assert str(read_transforms("attribute", text, channel_names())[0]) == "remove_if_not_all(Direct)"


@pytest.mark.parametrize(
    ("path", "words"),
    [
        (
            "longest",
            "path='longest' is not known. Use one of 'unique', 'exposure', 'first', 'last(n)', 'remove_if_last",
        ),
        ("First", "path='First' is not known"),
        ("last", "path='last' is not known"),
        ("first(Direct)", "path='first(Direct)' is not known"),
        ("last()", "path='last()' is not known"),
        ("last(0)", "path='last(0)' is not known. Use a whole number of at least 1 in its brackets"),
        ("last(-1)", "a whole number of at least 1"),
        ("last(2.5)", "a whole number of at least 1"),
        ("last(many)", "a whole number of at least 1"),
        ("remove_if_not_all", "path='remove_if_not_all' is not known"),
        ("remove_if_not_all(direct)", "Use one of the channels Direct, Cross-network, Paid Shopping"),
        (("first", "second"), "path='second' is not known"),
        (("first", None), "path=None is not known"),
        (None, "path=None is not known"),
        (5, "path=5 is not known"),
    ],
)
def test_names_that_are_none_are_refused(path: Any, words: str) -> None:
    with pytest.raises(OptionError) as caught:
        read_transforms("attribute", path, channel_names())
    assert str(caught.value).startswith("attribute: path=")
    assert words in str(caught.value)
