"""What all explorers share, on a small one: bars of how many events each device has."""

from __future__ import annotations

import re
import threading
from pathlib import Path
from typing import Any, ClassVar

import ipywidgets as widgets
import numpy as np
import pandas as pd
import plotly.graph_objects as go
import pytest
import traitlets
from plotly.callbacks import InputDeviceState, Points

from datalyr_notebook import errors
from datalyr_notebook.explorers.controls import date, dropdown
from datalyr_notebook.explorers.explorer import Answer, Explorer, State
from datalyr_notebook.explorers.figure_view import FigureView
from datalyr_notebook.explorers.journey import JourneyExplorer
from datalyr_notebook.explorers.row_table import MOST_ROWS, RowTable
from datalyr_notebook.explorers.source import RowsOf, Source
from datalyr_notebook.figures.theme import themed

HOSTILE = "<img src=x onerror=alert(1)>"
RAW = pd.DataFrame(
    {
        "timestamp": ["2026-01-02T10:00Z", "2026-01-01T10:00Z", "2026-01-01T10:00Z", "2026-01-03T10:00Z"],
        "event_name": ["pageview", HOSTILE, HOSTILE, "$identify"],
        "anonymous_id": ["a", "b", "b", "a"],
        "user_id": [None, None, None, "u1"],
        "event_id": ["e1", "e2", "e2", "e3"],
        "note": ["one", "two", "three", "four"],
    },
    index=[7, 7, 8, 9],
)
"""One event came twice, and the index repeats."""


class Toy(Explorer):
    """Bars of how many events one device has."""

    STEP = "toy"
    TITLE = "Toy explorer"
    DEFAULTS: ClassVar[State] = {"device": "a"}

    def __init__(self, events: pd.DataFrame, *, state: State | None = None) -> None:
        source = Source.of("toy", events, redact=False)
        super().__init__(source, {"device": dropdown("Device", ["a", "b", "c"])}, state=state)

    def _answered(self, state: State) -> Answer:
        if state["device"] == "c":
            raise errors.OptionError("toy", "device", "c", ("a", "b"))
        stitched = self.source.stitched
        at = np.flatnonzero((stitched["anonymous_id"] == state["device"]).to_numpy())
        names = stitched["event_name"].iloc[at].astype(str)
        data = names.value_counts().rename_axis("event").reset_index(name="count")
        figure = themed(
            go.Figure(go.Bar(x=data["event"], y=data["count"], customdata=list(at[: len(data)]), name="bar"))
        )
        figure.update_layout(title=state["device"])
        return Answer(figure, data, f"{len(at)} of {len(stitched)} events shown.", stitched.index.to_numpy()[at])

    def _arranged(self) -> list[widgets.Widget]:
        return [self.controls["device"].widget, self.status, self.figure_view.widget, self.foldout]

    def _code(self, state: State) -> str:
        return f"rows = events[events['anonymous_id'] == {state['device']!r}]"

    def _on_picked(self, marks: list[tuple[str, Any]]) -> None:
        self.picked = self.source.stitched.index.to_numpy()[[place for _, place in marks]]


def drawn(explorer: Explorer) -> list[Any]:
    """What the browser is told to draw, from the state that a reload would read."""
    widget = explorer.figure_view.widget
    assert len(widget._widget_data) == len(widget.data)
    return [*widget._widget_data[0]["x"], widget._widget_layout["title"]["text"]]


def test_a_change_of_a_control_is_drawn_and_a_reload_draws_the_same() -> None:
    explorer = Toy(RAW)
    assert drawn(explorer) == ["pageview", "$identify", "a"]
    explorer.controls["device"].widget.value = "b"
    assert (explorer.state, drawn(explorer)) == ({"device": "b"}, [HOSTILE, "b"])
    assert explorer.data().equals(explorer.answer.data)
    assert explorer.sentence == "1 of 3 events shown."


def test_undo_goes_back_change_by_change_and_tells_when_it_cannot() -> None:
    explorer = Toy(RAW)
    assert explorer.undo_button.disabled
    explorer.state = {"device": "b"}
    assert explorer.controls["device"].widget.value == "b"
    assert not explorer.undo_button.disabled
    explorer.undo()
    assert (explorer.state, explorer.controls["device"].widget.value) == ({"device": "a"}, "a")
    assert drawn(explorer)[-1] == "a"
    explorer.undo()
    assert explorer.undo_button.disabled


def test_a_change_that_is_refused_changes_nothing_and_says_why() -> None:
    explorer = Toy(RAW)
    explorer.controls["device"].widget.value = "c"
    assert (explorer.state, explorer.controls["device"].widget.value, drawn(explorer)[-1]) == (
        {"device": "a"},
        "a",
        "a",
    )
    assert "device=&#x27;c&#x27; is not known" in explorer.status.value
    with pytest.raises(errors.OptionError, match="device='c' is not known"):
        explorer.state = {"device": "c"}
    assert explorer.state == {"device": "a"}


@pytest.mark.parametrize(
    ("state", "words"), [({"devise": "a"}, "state='devise' is not known"), ({"device": {1}}, "values as JSON")]
)
def test_a_state_that_is_none_is_refused(state: State, words: str) -> None:
    with pytest.raises(errors.OptionError, match=words):
        Toy(RAW, state=state)


def test_a_state_is_restored() -> None:
    assert drawn(Toy(RAW, state={"device": "b"}))[-1] == "b"


def test_a_selection_is_rows_of_the_table_as_it_came() -> None:
    explorer = Toy(RAW)
    assert explorer.selection.equals(RAW.iloc[[0, 3]])
    trace = explorer.figure_view.widget.data[0]
    trace._dispatch_on_click(Points(point_inds=[1], trace_name="bar", trace_index=0), InputDeviceState())
    assert explorer.selection.equals(RAW.iloc[[3]])
    explorer.state = {"device": "b"}
    assert explorer.selection.equals(RAW.iloc[[1]])  # the copy was dropped, and nothing is chosen any more


def test_the_page_without_a_kernel_is_a_table_and_its_texts_are_texts(tmp_path: Path) -> None:
    explorer = Toy(RAW, state={"device": "b"})
    bundle = explorer._repr_mimebundle_()
    shown = bundle[0] if isinstance(bundle, tuple) else bundle
    assert "application/vnd.jupyter.widget-view+json" in shown
    explorer.save_html(tmp_path / "toy.html")
    written = re.sub("<script.*?</script>", "", (tmp_path / "toy.html").read_text(encoding="utf-8"), flags=re.DOTALL)
    for page in (shown["text/html"], written):
        assert "1 of 3 events shown." in page
        assert "&lt;img src=x" in page
        assert "<img" not in page
    assert shown["text/plain"].startswith("Toy explorer: 1 of 3 events shown.")


def test_what_is_unfolded_follows_the_state() -> None:
    explorer = Toy(RAW)
    explorer.foldout.selected_index = 1
    explorer.state = {"device": "b"}
    assert "== &#x27;b&#x27;" in explorer.code.value


def test_background_work_is_shown_unless_the_state_has_changed() -> None:
    explorer, shown, gate = Toy(RAW), [], threading.Event()
    explorer._later(lambda: "first", shown.append).join()
    late = explorer._later(lambda: gate.wait() and "late", shown.append)
    explorer.state = {"device": "b"}
    gate.set()
    late.join()
    assert shown == ["first"]


def test_rows_of_each_person_are_found_once() -> None:
    stitched = pd.DataFrame({"person_id": pd.Categorical(["b", None, "a", "b"], categories=["b", "a", "c"])})
    rows = RowsOf(stitched)
    assert [rows[person].tolist() for person in range(3)] == [[0, 3], [2], []]
    assert rows.counts.tolist() == [2, 1, 0]


def test_a_row_table_sends_plain_texts_and_says_what_it_leaves_out() -> None:
    table = RowTable("Events")
    names = pd.Series([HOSTILE, "\ud800\x1b[2J"] * MOST_ROWS, dtype=object)
    many = pd.DataFrame({"event": names, "value": [1.5, np.nan] * MOST_ROWS})
    table.show(many, note="Choose one.", chosen=2)
    assert table.rows[:2] == [[HOSTILE, "1.50"], ["��[2J", ""]]
    assert (len(table.rows), table.numeric, table.chosen) == (MOST_ROWS, [False, True], 2)
    assert table.note == "300 of 600 rows are listed. Choose one."
    table.show(many.head(0))
    assert (table.rows, table.note, table.chosen) == ([], "", -1)


def test_the_browser_is_told_what_of_a_layout_goes(monkeypatch: pytest.MonkeyPatch) -> None:
    told: dict[str, Any] = {}
    for name, keyword in (("_send_relayout_msg", "layout"), ("_send_update_msg", "relayout_data")):
        monkeypatch.setattr(
            go.FigureWidget,
            name,
            lambda _, *given, keyword=keyword, **named: told.update(given[0] if given else named[keyword] or {}),
        )
    waiting = go.Figure().add_annotation(text="Working it out").update_layout(barmode="stack")
    view = FigureView(waiting)
    view.show(go.Figure(go.Bar(y=[1]), layout={"height": 300}))
    assert told["annotations"] == []
    assert told["barmode"] is None
    assert told["height"] == 300
    assert not view.widget.layout.annotations


@pytest.mark.parametrize("state", ["device", 7, [("device", "b")]], ids=str)
def test_a_state_is_a_mapping(state: Any) -> None:
    with pytest.raises(errors.OptionError, match=r"^toy: state=.* is not known. Use a dict such as explorer.state"):
        Toy(RAW, state=state)
    explorer = Toy(RAW)
    with pytest.raises(errors.OptionError, match="Use a dict such as"):
        explorer.state = state


def test_a_control_set_while_background_work_shows_is_answered() -> None:
    explorer, inside, gate = Toy(RAW), threading.Event(), threading.Event()

    def show() -> None:
        with explorer._quietly():
            inside.set()
            gate.wait()

    background = threading.Thread(target=show)
    background.start()
    inside.wait()
    explorer.controls["device"].widget.value = "b"
    gate.set()
    background.join()
    assert (explorer.state, drawn(explorer)[-1]) == ({"device": "b"}, "b")


def test_a_closed_explorer_may_still_be_shown_something() -> None:
    explorer = Toy(RAW)
    explorer.figure_view.widget.close()
    explorer.close()
    explorer.state = {"device": "b"}
    assert explorer.answer.sentence == "1 of 3 events shown."


def test_columns_that_are_not_there_are_told_with_those_that_are() -> None:
    with pytest.raises(errors.MissingColumnsError, match=r"but the table has only 'timestamp', 'event_name'\."):
        Toy(RAW[["timestamp", "event_name"]])
    with pytest.raises(errors.MissingColumnsError, match=r"but the table has no columns\."):
        Toy(pd.DataFrame())


def test_what_was_refused_is_said_until_it_is_answered() -> None:
    explorer = Toy(RAW)
    explorer.controls["device"].widget.value = "c"
    assert explorer.refusal.endswith("Nothing has changed.")
    assert explorer.sentence == f"{explorer.refusal} {explorer.answer.sentence}"
    explorer.controls["device"].widget.value = "b"
    assert (explorer.refusal, explorer.state) == ("", {"device": "b"})


def test_a_control_is_not_replaced_by_a_value() -> None:
    explorer = Toy(RAW)
    with pytest.raises(errors.OptionError, match=r"explorer\.device\.value = "):
        explorer.device = "b"


def test_a_day_may_be_said_in_iso() -> None:
    control = date("From")
    control.widget.value = "2026-05-01"
    assert control.value == "2026-05-01"
    with pytest.raises(traitlets.TraitError, match="is no day such as"):
        control.widget.value = "1 May"
    assert control.value == "2026-05-01"
    control.widget.value = ""
    assert control.value is None


def test_a_file_says_what_was_asked_and_has_all_rows(tmp_path: Path) -> None:
    many = pd.DataFrame({"timestamp": pd.date_range("2026-01-01", periods=40, tz="UTC"), "event_name": "visit"})
    explorer = JourneyExplorer(many.assign(anonymous_id="secret"), redact=True, state={"search": "secret"})
    explorer.save_html(tmp_path / "page.html")
    page = (tmp_path / "page.html").read_text(encoding="utf-8")
    asked = "person device 1; converted any; cross device any; stitching after; gaps compress"
    assert f"Asked for: {asked}. Ids and traits are masked." in page
    assert "secret" not in page
    assert "more rows in" not in page
    assert page.count("<tr>") > 40
