"""Many journeys at once: who stands where, what each mark is, how journeys are aligned, thinned and masked."""

from __future__ import annotations

import re

import numpy as np
import pandas as pd
import plotly.graph_objects as go
import pytest

import datalyr_notebook as dn
from datalyr_notebook import schema
from datalyr_notebook.errors import AmbiguousPersonError, CurrencyError, OptionError, UnknownPersonError
from datalyr_notebook.figures import describe, journey_wall, journey_wall_data
from datalyr_notebook.figures.journey_wall_rows import JOURNEY_WALL, MOST_MARKS
from datalyr_notebook.figures.layout import heading_lines
from datalyr_notebook.redaction import Redaction

HOSTILE = "<b>$x$"


def stitched(*rows: tuple[str, str, str, str | None, float | None], **columns: object) -> pd.DataFrame:
    """Stitched events from (time in January 2026, user, event, source, value)."""
    table = {
        "timestamp": [f"2026-01-{row[0]}Z" for row in rows],
        "user_id": [row[1] for row in rows],
        "anonymous_id": [f"anon_{row[1]}" for row in rows],
        "event_name": [row[2] for row in rows],
        "source": [row[3] for row in rows],
        "value": [row[4] for row in rows],
    }
    return dn.stitch(pd.DataFrame({**table, **columns}))


def three() -> pd.DataFrame:
    """ann: TikTok, bought after 4 days; bob: Google, bought at once and later for more; cid: looked for a month."""
    return stitched(
        ("01T10:00", "ann", "pageview", "tiktok", None),
        ("05T10:00", "ann", "purchase", None, 30.0),
        ("02T10:00", "bob", "pageview", "google", None),
        ("02T11:00", "bob", "purchase", "google", 20.0),
        ("12T10:00", "bob", "purchase", "google", 40.0),
        ("03T10:00", "cid", "pageview", "bing", None),
        ("30T10:00", "cid", "scroll", None, None),
    )


def people(rows: pd.DataFrame) -> list[str]:
    return rows["person_id"].astype(str).drop_duplicates().tolist()


@pytest.mark.parametrize(
    ("sort", "order"),
    [
        ("first_seen", ["ann", "bob", "cid"]),
        ("length", ["cid", "bob", "ann"]),  # 27, 10 and 4 days
        ("touches", ["bob", "ann", "cid"]),  # 3, 2 (the visit that bought is direct) and 2
        ("value", ["bob", "ann", "cid"]),
        ("conversion", ["bob", "ann", "cid"]),  # an hour, 4 days, never
        ("path", ["cid", "bob", "ann"]),  # Organic Search, then Direct; Organic Search only; Organic Social
        ("given", ["cid", "ann", "bob"]),
    ],
)
def test_people_stand_in_the_order_asked_for(sort: str, order: list[str]) -> None:
    rows = journey_wall_data(three(), ["cid", "ann", "bob"], sort=sort)
    assert people(rows) == order
    assert rows.groupby("row", sort=True)["person_id"].first().tolist() == order


def test_each_part_of_an_event_is_a_mark() -> None:
    rows = journey_wall_data(three(), ["ann"])
    assert rows[["kind", "event_name", "channel"]].astype(object).fillna("").to_numpy().tolist() == [
        ["touch", "pageview", "Organic Social"],
        ["touch", "purchase", "Direct"],
        ["conversion", "purchase", ""],
    ]
    assert rows["value"].tolist()[-1] == 30.0
    assert rows["days"].tolist() == [0, 4, 4]
    assert list(rows.columns) == schema.names(JOURNEY_WALL)


def test_the_wall_tells_of_a_person_what_the_timeline_tells() -> None:
    sale = dn.stitch(dn.load_sample("spring_sale"))
    asked = dn.people(sale).index[:25].tolist()
    wall = journey_wall_data(sale, asked)
    for person in asked:
        own = wall[wall["person_id"] == person]
        line = dn.figures.journey_timeline_data(sale, person)
        for name in ("kind", "channel", "event_id"):
            assert own[name].astype(object).fillna("").tolist() == line[name].astype(object).fillna("").tolist()
        orders = line["kind"] == "conversion"
        assert own.loc[own["kind"] == "conversion", "value"].tolist() == line.loc[orders, "value"].tolist()


def test_journeys_are_aligned_at_their_last_conversion() -> None:
    rows = journey_wall_data(three(), ["ann", "bob", "cid"], align="conversion")
    assert people(rows) == ["ann", "bob"]
    assert rows.loc[rows["kind"] == "conversion", "days"].round(3).tolist() == [0.0, -9.958, 0.0]
    figure = journey_wall(three(), ["ann", "bob", "cid"], align="conversion")
    assert heading_lines(figure)[0] == "Journeys of 2 people (2 of 3 people drawn)"
    assert figure.layout.xaxis.title.text == "Days from the last conversion (before it: negative)"


def test_journeys_stand_in_the_calendar_of_a_time_zone() -> None:
    figure = journey_wall(three(), ["ann"], align="calendar", tz="America/New_York")
    assert figure.layout.xaxis.title.text == "Time (America/New_York)"
    touch = next(trace for trace in figure.data if trace.name == "touch: Organic Social")
    assert str(touch.x[0])[:16] == "2026-01-01T05:00"
    assert "2026-01-01 05:00:00 EST" in touch.hovertext[0]


@pytest.mark.parametrize(("end", "title"), [("01T10:30", "Minutes"), ("02T10:00", "Hours"), ("09T10:00", "Days")])
def test_the_axis_has_the_unit_that_fits(end: str, title: str) -> None:
    rows = stitched(("01T10:00", "ann", "pageview", None, None), (end, "ann", "pageview", None, None))
    assert journey_wall(rows, "ann").layout.xaxis.title.text == f"{title} since the first event"


def test_another_device_than_the_first_is_drawn_open() -> None:
    rows = stitched(
        ("01T10:00", "ann", "pageview", "google", None),
        ("02T10:00", "ann", "pageview", "google", None),
        ("03T10:00", "ann", "purchase", "google", 5.0),
        anonymous_id=["phone", "desk", "phone"],
    )
    assert journey_wall_data(rows, ["ann"])["device"].tolist() == [1, 2, 1, 1]
    figure = journey_wall(rows, ["ann"])
    touches = next(trace for trace in figure.data if trace.name.startswith("touch"))
    assert [str(one).endswith("-open") for one in touches.marker.symbol] == [False, True, False]
    assert "open symbols: not on the first device" in heading_lines(figure)[1]


def test_a_conversion_is_never_covered_and_its_own_touch_is_seen_around_it() -> None:
    figure = journey_wall(three(), ["bob"])
    kinds = [trace.meta["kind"] for trace in figure.data if trace.meta]
    assert kinds == ["touch", "conversion"]
    touch, conversion = figure.data[-2:]
    # bob came through Google and left, and came back twice and bought at that very moment.
    at_conversion = [moment in conversion.x for moment in touch.x]
    assert at_conversion == [False, True, True]
    assert [size > conversion.marker.size for size in touch.marker.size] == at_conversion


def test_a_person_is_asked_for_by_any_id_and_drawn_once() -> None:
    assert people(journey_wall_data(three(), ["anon_ann", "ann"])) == ["ann"]
    assert people(journey_wall_data(three(), dn.people(three()))) == ["ann", "bob", "cid"]
    assert people(journey_wall_data(three(), dn.people(three()).reset_index())) == ["ann", "bob", "cid"]


def test_of_many_people_the_first_hundred_are_drawn_and_said() -> None:
    rows = stitched(*((f"01T10:{place % 60:02}", f"u{place:03}", "pageview", None, None) for place in range(120)))
    figure = journey_wall(rows, rows["person_id"].tolist())
    assert heading_lines(figure)[0] == "Journeys of 100 people (100 of 120 people drawn)"
    assert len(figure.layout.yaxis.ticktext) == 100
    assert len(figure.data) <= 50


def test_of_many_marks_each_kind_keeps_its_first_in_every_stretch() -> None:
    times = pd.date_range("2026-01-01", periods=30_000, freq="min", tz="UTC")
    rows = dn.stitch(
        pd.DataFrame({"timestamp": times, "event_name": "scroll", "anonymous_id": "a", "user_id": "u"}).assign(
            event_name=lambda table: table["event_name"].where(table.index != 15_000, "purchase")
        )
    )
    drawn = journey_wall_data(rows, ["u"])
    assert len(drawn) <= MOST_MARKS
    assert (drawn["kind"] == "conversion").sum() == 1
    assert f"{len(drawn):,} of 30,000 marks drawn" in heading_lines(journey_wall(rows, ["u"]))[1]


def test_row_order_changes_nothing() -> None:
    sale = dn.stitch(dn.load_sample("spring_sale"))
    asked = dn.people(sale).index[:30].tolist()
    shuffled = sale.sample(frac=1, random_state=3)
    for sort in ("first_seen", "path", "value"):
        pd.testing.assert_frame_equal(
            journey_wall_data(sale, asked, sort=sort).astype(object),
            journey_wall_data(shuffled, asked[::-1], sort=sort).astype(object),
        )


def test_a_masked_wall_names_nobody_and_is_asked_for_by_number() -> None:
    rows = journey_wall_data(three(), ["user 2", "ann"], redact=True)
    assert people(rows) == ["user 1", "user 2"]
    figure = journey_wall(three(), ["ann", "bob"], redact=True)
    assert not re.search(r"\b(ann|bob)\b", figure.to_json())
    assert figure.layout.yaxis.ticktext == ("user 1", "user 2")
    assert rows.dtypes.astype(str).equals(journey_wall_data(three(), ["ann", "bob"]).dtypes.astype(str))


def test_text_of_strangers_is_escaped() -> None:
    figure = journey_wall(stitched(("01T10:00", HOSTILE, HOSTILE, None, None)), [HOSTILE], title=HOSTILE)
    assert HOSTILE not in figure.to_json()
    assert describe(figure).splitlines()[0] == HOSTILE


@pytest.mark.parametrize("align", ["start", "conversion", "calendar"])
def test_nobody_makes_an_empty_table_and_a_sentence(align: str) -> None:
    rows = journey_wall_data(three(), [], align=align)
    assert rows.dtypes.astype(str).tolist() == schema.empty(JOURNEY_WALL).dtypes.astype(str).tolist()
    assert journey_wall(three(), [], align=align).layout.annotations[0].text == "No person is asked for."
    if align == "conversion":
        assert (
            journey_wall(three(), ["cid"], align=align).layout.annotations[0].text == "None of these people converted."
        )


def test_amounts_in_several_currencies_stay_as_they_came_and_are_no_order() -> None:
    rows = stitched(
        ("01T10:00", "ann", "purchase", None, 30.0),
        ("01T11:00", "bob", "purchase", None, 40.0),
        currency=["EUR", "USD"],
    )
    drawn = journey_wall_data(rows, ["ann", "bob"])
    orders = drawn[drawn["kind"] == "conversion"]
    assert list(zip(orders["value"], orders["currency"], strict=True)) == [(30.0, "EUR"), (40.0, "USD")]
    with pytest.raises(CurrencyError):
        journey_wall(rows, ["ann", "bob"], sort="value")
    priced = journey_wall_data(rows, ["ann", "bob"], sort="value", rates={"EUR": 2.0, "USD": 1.0})
    assert people(priced) == ["ann", "bob"]


def test_what_cannot_be_drawn_is_named() -> None:
    with pytest.raises(UnknownPersonError, match="journey_wall found no person, user_id or anonymous_id 'anm'"):
        journey_wall(three(), ["ann", "anm"])
    shared = stitched(
        ("01T10:00", "ann", "$identify", None, None),
        ("02T10:00", "bob", "$identify", None, None),
        anonymous_id="tablet",
    )
    with pytest.raises(AmbiguousPersonError, match="'tablet' is on rows of 2: 'ann', 'bob'"):
        journey_wall(shared, ["tablet"])
    for option in ("sort", "align", "tz"):
        with pytest.raises(OptionError, match=f"journey_wall: {option}='odd' is not known"):
            journey_wall(three(), ["ann"], **{option: "odd"})
    for wrong in (3, pd.DataFrame({"a": [1]}), b"ann"):
        with pytest.raises(OptionError, match="journey_wall: people="):
            journey_wall(three(), wrong)  # type: ignore[arg-type]


def test_events_that_are_not_stitched_are_stitched() -> None:
    figure = dn.load_sample("seed_journey").datalyr.plot.journey_wall(["user_789"])
    assert isinstance(figure, go.Figure)
    assert heading_lines(figure)[0] == "Journeys of 1 person"


def test_masking_looks_at_each_text_of_the_wall_once(monkeypatch: pytest.MonkeyPatch) -> None:
    # 600 marks of three people: what masking costs grows with their ids and names, not with their events.
    rows = stitched(
        *(
            (f"{day + 1:02}T10:{minute:02}", user, "pageview", "google", None)
            for user in ("ann", "bob", "cid")
            for day in range(20)
            for minute in range(0, 60, 6)
        )
    )
    looked_at: dict[str, int] = {}
    texts = Redaction.texts

    def counted(self: Redaction, column: str, values: np.ndarray) -> np.ndarray:
        looked_at[column] = looked_at.get(column, 0) + len(values)
        return texts(self, column, values)

    monkeypatch.setattr(Redaction, "texts", counted)
    wall = journey_wall_data(rows, ["ann", "bob", "cid"], redact=True)
    assert len(wall) == 600
    assert people(wall) == ["user 1", "user 2", "user 3"]
    # Nobody has an event_id here; where there are some, each is another text.
    assert looked_at.pop("event_id") == 600
    assert looked_at == {"person_id": 3, "anonymous_id": 3, "event_name": 1, "channel": 1, "currency": 0}
