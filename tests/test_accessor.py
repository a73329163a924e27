"""df.datalyr answers as the functions do, costs nothing to make, and never breaks tab completion."""

from __future__ import annotations

import inspect

import pandas as pd
import pytest

import datalyr_notebook as dn
from datalyr_notebook import accessor
from datalyr_notebook.overview import overview

EVENTS = pd.DataFrame(
    {
        "timestamp": ["2026-01-01T10:00Z", "2026-01-02T10:00Z"],
        "event_name": ["$identify", "purchase"],
        "anonymous_id": "anon_1",
        "user_id": "u1",
        "value": [None, 5.0],
        "traits": [{"plan": "pro"}, None],
    }
)


def test_every_verb_is_the_function_of_the_same_name() -> None:
    stitched = dn.stitch(EVENTS, policy="next")
    pd.testing.assert_frame_equal(EVENTS.datalyr.normalize_events(), dn.normalize_events(EVENTS))
    pd.testing.assert_frame_equal(EVENTS.datalyr.stitch(policy="next"), stitched)
    pd.testing.assert_frame_equal(EVENTS.datalyr.identity_links(), dn.identity_links(EVENTS))
    pd.testing.assert_frame_equal(stitched.datalyr.merge_traits(), dn.merge_traits(stitched))
    pd.testing.assert_frame_equal(
        stitched.datalyr.find_touches(level="event"), dn.find_touches(stitched, level="event")
    )
    pd.testing.assert_frame_equal(stitched.datalyr.find_conversions(), dn.find_conversions(stitched))
    pd.testing.assert_frame_equal(
        stitched.datalyr.attribute(model="linear").totals, dn.attribute(stitched, model="linear").totals
    )
    figure = stitched.datalyr.plot.journey_timeline("u1")
    assert figure.to_dict()["data"]


def test_every_question_about_identity_can_be_asked_at_the_front_door() -> None:
    stitched = dn.stitch(EVENTS)
    pd.testing.assert_frame_equal(EVENTS.datalyr.shared_devices(), dn.shared_devices(EVENTS))
    pd.testing.assert_frame_equal(stitched.datalyr.people(traits=["plan"]), dn.people(stitched, traits=["plan"]))
    pd.testing.assert_frame_equal(stitched.datalyr.match_rate("week"), dn.match_rate(stitched, "week"))
    pd.testing.assert_frame_equal(EVENTS.datalyr.lint(person="u1"), dn.lint(EVENTS, person="u1"))
    pd.testing.assert_frame_equal(EVENTS.datalyr.links_at_risk(), dn.links_at_risk(EVENTS))
    pd.testing.assert_frame_equal(EVENTS.datalyr.attention(), dn.attention(EVENTS))
    assert EVENTS.datalyr.explain_link("anon_1", "u1").linked
    assert repr(EVENTS.datalyr.compare_policies()) == repr(dn.compare_policies(EVENTS))
    assert repr(EVENTS.datalyr.score_stitching(seed=1)) == repr(dn.score_stitching(EVENTS, seed=1))
    instants = {"before": "2026-01-01T12:00Z", "after": "2026-01-03"}
    assert repr(EVENTS.datalyr.restate(**instants)) == repr(dn.restate(EVENTS, **instants))
    links = dn.identity_links(EVENTS)
    assert repr(EVENTS.datalyr.what_if(without=links)) == repr(dn.what_if(EVENTS, without=links))
    plot = stitched.datalyr.plot
    for figure in (plot.identity_graph("u1"), plot.match_rate_over_time(), plot.policy_comparison()):
        assert figure.to_dict()["data"]


def test_a_table_that_is_no_events_still_completes() -> None:
    plain = pd.DataFrame({"a": [1]})
    assert "datalyr" in dir(plain)
    assert "stitch" in dir(plain.datalyr)
    assert repr(plain.datalyr).startswith("df.datalyr: 1 row, no events that can be read")
    with pytest.raises(dn.DatalyrError, match="'anonymous_id' or 'user_id', but the table has only 'a'"):
        plain.datalyr.stitch()


def test_it_shows_what_the_table_is_and_looks_at_it_once(monkeypatch: pytest.MonkeyPatch) -> None:
    assert repr(EVENTS.datalyr) == repr(overview(EVENTS))
    assert EVENTS.datalyr._repr_html_() == overview(EVENTS)._repr_html_()
    looks = []
    monkeypatch.setattr(accessor, "overview", lambda events: looks.append(events) or overview(events))
    shown = EVENTS.datalyr._repr_mimebundle_(include=None, exclude=None)
    assert shown == {"text/plain": repr(overview(EVENTS)), "text/html": overview(EVENTS)._repr_html_()}
    assert len(looks) == 1
    assert "datalyr" in dir(EVENTS)
    assert "stitch" in dir(EVENTS.datalyr)
    assert EVENTS.datalyr.plot
    assert len(looks) == 1  # completion looks at nothing


def test_a_verb_shows_the_options_of_its_function() -> None:
    options = inspect.signature(EVENTS.datalyr.compare_policies).parameters
    assert list(options)[:3] == ["policies", "conversion", "model"]
    assert str(inspect.signature(EVENTS.datalyr.explain_link)).startswith("(a: 'str', b: 'str', *, rule:")


def test_docstrings_are_borrowed() -> None:
    assert "Say of every event whose it is" in (pd.DataFrame.datalyr.stitch.__doc__ or "")


def test_every_promised_name_is_there() -> None:
    assert set(dn.__all__) <= set(dir(dn))
    assert dn.figures.journey_timeline
    with pytest.raises(AttributeError, match="no attribute 'nonsense'"):
        _ = dn.nonsense
