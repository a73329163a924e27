"""Which person an id means, also where ids are masked: an error tells nothing that may not be shown."""

from __future__ import annotations

from collections.abc import Callable

import pandas as pd
import pytest

from datalyr_notebook import errors
from datalyr_notebook.figures import identity_graph_data, journey_timeline_data, journey_wall_data
from datalyr_notebook.identity.persons import find_person, find_persons
from datalyr_notebook.identity.stitching import stitch
from datalyr_notebook.redaction import Redact, Redaction

STITCHED = stitch(
    pd.DataFrame(
        {
            "timestamp": pd.date_range("2026-01-01", periods=3, freq="D", tz="UTC"),
            "event_name": "$identify",
            "anonymous_id": ["tablet", "tablet", "phone"],
            "user_id": ["sam@example.com", "ann@example.com", "max"],
        }
    )
)
"""Users 1 and 2 share device 1."""

Find = Callable[[object, Redact], str]


def one(asked: object, redact: Redact) -> str:
    return find_person("step", STITCHED, asked, redaction=Redaction.of("step", redact, STITCHED))


def several(asked: object, redact: Redact) -> str:
    [code] = find_persons("step", STITCHED, [asked], redaction=Redaction.of("step", redact, STITCHED))
    return str(STITCHED["person_id"].cat.categories[code])


@pytest.mark.parametrize("find", [one, several])
def test_a_person_is_asked_for_by_what_is_shown_of_them_or_by_any_id(find: Find) -> None:
    assert find("user 2", True) == find("ann@example.com", True) == find("ann@example.com", False) == "ann@example.com"
    assert find("device 2", True) == find("phone", False) == "max"
    with pytest.raises(errors.UnknownPersonError, match="'user 2'"):
        find("user 2", False)


@pytest.mark.parametrize("find", [one, several])
def test_an_error_names_nobody_who_is_masked(find: Find) -> None:
    with pytest.raises(errors.AmbiguousPersonError, match="'device 1' is on rows of 2: 'user 1', 'user 2'") as shared:
        find("device 1", True)
    with pytest.raises(errors.UnknownPersonError, match=r"'sam@exampel\.com'\.$") as unknown:
        find("sam@exampel.com", True)
    assert unknown.value.nearest == []
    for error in (shared.value, unknown.value):
        assert not {"sam@example.com", "ann@example.com", "tablet"} & set(f"{error} {vars(error)}".split("'"))


@pytest.mark.parametrize("find", [one, several])
def test_what_is_not_masked_is_proposed(find: Find) -> None:
    with pytest.raises(errors.UnknownPersonError, match="Nearest: 'phone'"):
        find("phome", "email")
    with pytest.raises(errors.UnknownPersonError, match=r"Nearest: 'sam@example\.com'"):
        find("sam@exampel.com", False)


@pytest.mark.parametrize("find", [one, several])
@pytest.mark.parametrize("asked", [None, True, 1.5, ["max"], "", "\ud800"])
def test_what_is_no_id_is_nobody(find: Find, asked: object) -> None:
    with pytest.raises(errors.UnknownPersonError):
        find(asked, True)


def test_figures_ask_here() -> None:
    for rows_of in (journey_timeline_data, identity_graph_data):
        with pytest.raises(errors.AmbiguousPersonError, match="'device 1' is on rows of 2: 'user 1', 'user 2'"):
            rows_of(STITCHED, "device 1", redact=True)
    with pytest.raises(errors.AmbiguousPersonError, match="'device 1' is on rows of 2: 'user 1', 'user 2'"):
        journey_wall_data(STITCHED, ["device 1"], redact=True)
