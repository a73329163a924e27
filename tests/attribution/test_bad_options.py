"""Options that are none, refused in words: nothing that pandas or numpy would say reaches an analyst."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import pytest

import datalyr_notebook as dn
from datalyr_notebook.errors import OptionError
from tests.journeys.stories import CLICKS, story


@pytest.mark.parametrize(
    ("option", "given", "words"),
    [
        ("by", None, r"by=None is not known"),
        ("by", 3, r"by=3 is not known"),
        ("by", [None], r"by=None is not known"),
        ("rates", "USD", r"rates='USD' is not known. Use None, or what one unit of each currency is worth"),
        ("rates", {"USD": "a lot"}, r"rates=\{'USD': 'a lot'\} is not known. Use positive numbers"),
        ("conversion", {}, r"conversion=\{\} is not known. Use an event name"),
        ("conversion", {"sale": 3}, r"conversion\['sale'\]=3 is not known"),
        ("conversion", {"sale": None}, r"conversion\['sale'\]=None is not known"),
    ],
)
def test_attribute_names_the_option(option: str, given: Any, words: str) -> None:
    with pytest.raises(OptionError, match=words):
        dn.attribute(story(*CLICKS), **{option: given})


@pytest.mark.parametrize(
    ("asked", "words"),
    [
        (lambda: dn.PathCounts.from_strings(None), "paths=None is not known"),
        (lambda: dn.PathCounts.from_strings(3), "paths=3 is not known"),
        (lambda: dn.PathCounts.from_strings(["Email"]).texts(3), "separator=3 is not known"),
        (lambda: dn.attribute(story(*CLICKS)).top_paths(separator=3), "separator=3 is not known"),
        (lambda: dn.attribute(story(*CLICKS)).by(None), "by=None is not known"),
        (lambda: dn.WShaped(None), "WShaped: stage=None is not known"),
        (lambda: dn.WShaped(["lead"]), r"WShaped: stage=\['lead'\] is not known"),
        (lambda: dn.FullPath(opportunity=" "), "FullPath: stage=' ' is not known"),
    ],
)
def test_paths_and_models_name_the_option(asked: Callable[[], Any], words: str) -> None:
    with pytest.raises(OptionError, match=words):
        asked()


def test_counts_add_up_with_counts_only() -> None:
    with pytest.raises(TypeError, match="unsupported operand"):
        dn.PathCounts.from_strings(["Email"]) + 3
