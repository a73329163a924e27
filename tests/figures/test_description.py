"""A figure in words: the facts that each must tell, hostile text, empty figures, and figures from elsewhere."""

from __future__ import annotations

import json

import pandas as pd
import plotly.graph_objects as go
import pytest

import datalyr_notebook as dn
from datalyr_notebook import figures
from datalyr_notebook.attribution.paths import PathCounts
from datalyr_notebook.errors import OptionError
from datalyr_notebook.figures import describe

HOSTILE = "<img src=x onerror=alert(1)>$\\href{javascript:x}{y}$\x1b[2J"
SHOWN = "<img src=x onerror=alert(1)>$\\href{javascript:x}{y}$"


def totals(*earned: tuple[str, float], model: str = "linear") -> pd.DataFrame:
    names, credit = zip(*earned, strict=True)
    return pd.DataFrame({"model": model, "channel": list(names), "conversions": 1.0, "credit": list(credit)})


def seed() -> pd.DataFrame:
    return dn.stitch(dn.load_sample("seed_journey"))


def events(**columns: object) -> pd.DataFrame:
    return pd.DataFrame(
        {"timestamp": ["2026-01-01T10:00Z", "2026-01-02T20:00Z"], "event_name": ["pageview", "purchase"], **columns}
    )


def test_bars_tell_their_sum_and_the_largest_by_name() -> None:
    lines = describe(figures.credit_bars(totals(("Email", 10.0), ("Direct", 1030.0)))).splitlines()
    assert lines == [
        "Credit by channel",
        "model linear",
        "Horizontal axis: Credit (conversions' currency); from 0 to 1,030",
        "Vertical axis: Channel; Direct, Email",
        "linear: 2 bars, 1,040 in all; largest: Direct: 1,030, Email: 10",
    ]


def test_bars_tell_how_sure_they_are() -> None:
    sure = totals(("Email", 10.0), ("Direct", 30.0)).assign(
        low=[8.0, 25.0], high=[12.0, 33.0], conversions_low=1.0, conversions_high=1.0, level=0.95
    )
    assert "largest: Direct: 30 (25 to 33), Email: 10 (8 to 12)" in describe(figures.credit_bars(sure))


def test_stacked_bars_tell_the_highest_stack() -> None:
    stitched = dn.stitch(events(anonymous_id="anon_1", source=["tiktok", None], value=[None, 50.0]))
    lines = describe(figures.credit_over_time(dn.attribute(stitched, model="linear"))).splitlines()
    assert lines[2:] == [
        "Horizontal axis: Start of the week of the touch (UTC); from 2025-12-29 to 2025-12-29",
        "Vertical axis: Credit (conversions' currency); from 0 to 50",
        "Direct: 1 bar; 2025-12-29: 25",
        "Organic Social: 1 bar; 2025-12-29: 25",
    ]


def test_a_sankey_diagram_tells_its_widest_links_and_their_steps() -> None:
    figure = figures.channel_flow(PathCounts.from_strings(["Email > Direct", "Direct"], conversions=[2, 1]))
    lines = describe(figure).splitlines()
    assert lines[2:] == [
        "3 nodes, 2 links; the widest:",
        "- last touch: Direct → Conversion (100.0%), 3 conversions worth 0.00",
        "- 2nd to last: Email → Direct (66.7%), 2 conversions worth 0.00",
    ]


def test_a_matrix_tells_its_largest_cells() -> None:
    table = pd.DataFrame(
        {
            "model": "linear",
            "touched_on": ["phone", "desktop"],
            "converted_on": "desktop",
            "devices": ["other device", "same device"],
            "conversions": 1.0,
            "credit": [20.0, 60.0],
        }
    )
    told = describe(figures.cross_device_matrix(table))
    assert "Vertical axis: Touched on (device type); desktop, phone" in told
    assert told.endswith("2 cells that hold something, row / column; largest: desktop / desktop: 60.00 75.0%, "
                         "phone / desktop: 20.00 25.0%")  # fmt: skip


def test_models_are_told_by_cell_and_by_how_far_apart_they_are() -> None:
    stitched = dn.stitch(events(anonymous_id="anon_1", source=["tiktok", None], value=[None, 50.0]))
    told = describe(figures.model_comparison(dn.attribute(stitched, model=["first_touch", "last_touch"]).compare()))
    assert "largest: first_touch / Direct" not in told
    assert "first_touch / Organic Social: 100%, last_touch / Direct: 100%" in told
    assert "points apart: Organic Social: 100.0; Direct: 100.0" in told


def test_a_series_tells_its_ends_and_extremes() -> None:
    rows = pd.DataFrame(
        {
            "timestamp": ["2026-01-01T10:00Z", "2026-01-02T10:00Z", "2026-01-06T10:00Z"],
            "event_name": "pageview",
            "anonymous_id": ["anon_a", "anon_b", "anon_b"],
            "user_id": [None, "u1", "u1"],
        }
    )
    lines = describe(figures.match_rate_over_time(dn.stitch(rows))).splitlines()
    assert lines[-1] == (
        "unknown: 2 points; first 50.0% at 2025-12-29, last 100.0% at 2026-01-05, "
        "lowest 50.0% at 2025-12-29, highest 100.0% at 2026-01-05"
    )


def test_lags_that_have_no_label_on_the_axis_are_called_as_the_hover_does() -> None:
    lags = pd.DataFrame({"lag": range(20), "unit": "day", "since": "first_touch", "conversions": [1] * 19 + [30]})
    told = describe(figures.time_lag_histogram(lags.assign(value=0.0, share=0.05, share_up_to=1.0)))
    assert "conversions: 20 bars, 49 in all; largest: 19 days: 30" in told
    assert "Second vertical axis: Share by then; from 2.0% to 100.0%" in told


def test_a_timeline_tells_what_stands_on_which_lane() -> None:
    told = describe(figures.journey_timeline(seed(), "user_789"))
    assert told.startswith("Journey of user_789\n10 events, 2 lanes, 3 touches, 1 conversion")
    assert "Vertical axis: Device; phone · …le_123, desktop · …op_456" in told
    assert "conversion: 1 mark (1 on desktop · …op_456), 2026-09-08 19:35:45 UTC: 99.99 USD" in told
    assert "session: 3 lines" in told


def test_traits_are_told_with_the_time_they_held() -> None:
    stitched = dn.stitch(dn.load_sample("traits_over_time"))
    told = describe(figures.trait_timeline(stitched, "user_501"))
    assert "Vertical axis: Trait; email, name, phone, plan, sport, signup_source, points" in told
    assert "plan, plus, said 2026-07-10 06:00:00 UTC, replaced 2026-07-12 09:00:00 UTC" in told
    assert told.count("holds: ") == 1


def test_an_identity_graph_tells_its_nodes_and_links() -> None:
    told = describe(figures.identity_graph(dn.stitch(dn.load_sample("family_tablet")), "user_101"))
    assert "axis" not in told
    assert "shared device: 1 mark: anon_f8f4…50d33e56" in told
    assert "another person's user: 1 mark: user_102" in told
    assert "links: 4 marks: identify: anon_f8f417ee-8557-4…9-9291-72fe50d33e56 ↔ user_101" in told


def test_studies_are_told_bar_by_bar() -> None:
    sample = dn.load_sample("seed_journey")
    policies = describe(figures.policy_comparison(dn.compare_policies(sample, policies=["session", "none"])))
    assert "Vertical axis: Policy; session (baseline) 100.0% of events matched, none" in policies
    assert "Paid Social: 1 bar; session (baseline): 99.99" in policies
    impact = describe(figures.stitching_impact_bars(dn.stitching_impact(sample, n=20)))
    assert "with stitching: 1 bar; Paid Social: 99.99" in impact
    assert "Vertical axis: Channel; Paid Social +99.99" in impact


def test_what_a_stranger_wrote_reads_as_text_on_one_line() -> None:
    told = describe(figures.credit_bars(totals((HOSTILE[:28], 10.0)), title=HOSTILE))
    assert told.splitlines()[0] == SHOWN + "�[2J"
    assert "Vertical axis: Channel; <img src=x onerror=alert(1)>" in told
    assert "\x1b" not in told
    assert "&" not in told


EMPTY = {
    "credit_bars": lambda: figures.credit_bars(totals(("Email", 1.0)).head(0)),
    "stitching_impact_bars": lambda: figures.stitching_impact_bars(dn.stitching_impact(events(user_id="u1").head(1))),
    "channel_flow": lambda: figures.channel_flow(PathCounts.from_strings([], conversions=[])),
    "journey_wall": lambda: figures.journey_wall(seed(), []),
}


@pytest.mark.parametrize(
    ("name", "why"),
    [
        ("credit_bars", "No conversion counts."),
        ("stitching_impact_bars", "No conversion counts."),
        ("channel_flow", "No path leads to a conversion."),
        ("journey_wall", "No person is asked for."),
    ],
)
def test_an_empty_figure_says_why(name: str, why: str) -> None:
    assert describe(EMPTY[name]()).splitlines()[-1] == f"Nothing is drawn: {why}"


def test_a_widget_and_a_browsers_json_are_told_alike() -> None:
    figure = figures.journey_timeline(seed(), "user_789")
    told = describe(figure)
    assert describe(go.FigureWidget(figure)) == told
    assert describe(json.loads(figure.to_json())) == told
    assert describe(figure.to_plotly_json()) == told


def test_many_things_are_told_in_25_lines() -> None:
    figure = go.Figure([go.Bar(x=[1], y=["a"], orientation="h", name=f"t{place:02}") for place in range(40)])
    lines = describe(figure).splitlines()
    assert len(lines) == 25
    assert lines[-1].startswith("and 18 more: t22, t23")


def test_a_figure_that_is_none_is_named() -> None:
    with pytest.raises(OptionError, match=r"describe: figure='int' is not known. Use a figure of"):
        describe(3)  # type: ignore[arg-type]
