"""The identity explorer, as a user: set a control, read what is drawn and what changes, run the code behind it."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import ipywidgets as widgets
import numpy as np
import pandas as pd
import pytest
from plotly.callbacks import InputDeviceState, Points

import datalyr_notebook as dn
from datalyr_notebook import errors
from datalyr_notebook.explorers import IdentityExplorer

SEED = dn.load_sample("seed_journey")
APP = dn.load_sample("web_to_app")  # a click on the web, then an install matched by IP


def family() -> pd.DataFrame:
    """Kate and Tom share a tablet; Tom has a second user_id with his e-mail; Kate's phone clicked an ad first."""
    rows = [
        ("2026-01-01T10:00Z", "pageview", "phone", None, None, "meta", None),
        ("2026-01-02T10:00Z", "$identify", "tablet", "kate", None, None, "kate@example.com"),
        ("2026-01-02T10:05Z", "purchase", "tablet", "kate", 30.0, None, None),
        ("2026-01-03T10:00Z", "$identify", "phone", "kate", None, None, None),
        ("2026-01-04T10:00Z", "$identify", "tablet", "tom", None, None, "tom@example.com"),
        ("2026-01-04T10:05Z", "purchase", "tablet", "tom", 50.0, None, None),
        ("2026-01-05T10:00Z", "$identify", "laptop", "tom2", None, None, "tom@example.com"),
        ("2026-01-05T10:05Z", "purchase", "laptop", "tom2", 7.0, None, None),
    ]
    names = ["timestamp", "event_name", "anonymous_id", "user_id", "value", "source", "email"]
    table = pd.DataFrame(rows, columns=names, index=[f"row {number}" for number in range(len(rows))])
    traits = [{"email": one} if isinstance(one, str) else None for one in table.pop("email")]
    return table.assign(
        traits=pd.Series(traits, index=table.index, dtype=object), medium=table["source"].map({"meta": "paid_social"})
    )


FAMILY = family()


def run(explorer: IdentityExplorer, events: pd.DataFrame) -> pd.DataFrame:
    """What the explorer's code makes of the table."""
    names: dict[str, Any] = {"events": events}
    exec(explorer.to_code(), names)
    found: pd.DataFrame = names["rows"]
    return found


def drawn_ids(explorer: IdentityExplorer) -> list[str]:
    """The ids that the browser is told to draw."""
    data = explorer.data()
    marks = [
        place
        for trace in explorer.figure_view.widget.data
        if trace.mode == "markers+text"
        for place in trace.customdata
    ]
    return sorted(data["id"].iloc[marks])


def link_row(explorer: IdentityExplorer, kind: str, one: str) -> int:
    links = explorer.answer.tables["Links"]
    (found,) = np.flatnonzero((links["kind"] == kind).to_numpy() & (links["id"] == one).to_numpy())
    return int(found)


def said(explorer: IdentityExplorer, tmp_path: Path) -> str:
    """Everything that leaves Python: widget states, the fallback, the code, and a saved file."""
    widgets_of = [one.get_state() for one in walked(explorer)]
    path = tmp_path / "page.html"
    explorer.save_html(path)
    page = path.read_text(encoding="utf-8")
    return json.dumps([widgets_of, explorer._repr_mimebundle_()], default=str) + explorer.to_code() + page


def walked(widget: widgets.Widget) -> list[widgets.Widget]:
    return [widget, *(inner for child in getattr(widget, "children", ()) for inner in walked(child))]


# Looking and choosing.


def test_it_opens_on_what_deserves_a_look_first() -> None:
    explorer = IdentityExplorer(FAMILY)
    listed = explorer.answer.tables["What deserves a look"]
    # Tom's twin is no device of several users: e-mail twins come before shared devices, then who is worth most.
    assert list(zip(listed["reason"], listed["id"], strict=True)) == [
        ("e-mail twins", "tom"),
        ("shared device", "tablet"),
        ("most value", "tom"),
        ("most value", "kate"),
        ("most value", "tom2"),
    ]
    assert explorer.state["person"] == "tom"
    assert drawn_ids(explorer) == ["kate", "tablet", "tom"]
    assert explorer.sentence == "tom: 3 of 3 ids shown, 2 of 8 events. 5 of 5 findings listed."
    assert list(explorer.selection.index) == ["row 4", "row 5"]


def test_a_finding_leads_to_its_person_and_says_why() -> None:
    explorer = IdentityExplorer(FAMILY)
    explorer.findings.chosen = 3
    assert explorer.state["person"] == "kate"
    assert drawn_ids(explorer) == ["kate", "phone", "tablet", "tom"]
    assert explorer.findings.chosen == 3
    assert explorer.findings.note == "Of the people worth most: 1 conversion."
    explorer.undo()
    assert explorer.state["person"] == "tom"


@pytest.mark.parametrize(
    ("look", "ids"),
    [
        ("shared device", ["tablet"]),
        ("e-mail twins", ["tom"]),
        ("most value", ["tom", "kate", "tom2"]),
        ("super-node", []),
    ],
)
def test_a_look_lists_its_reason_alone(look: str, ids: list[str]) -> None:
    explorer = IdentityExplorer(FAMILY)
    explorer.look.value = look
    assert [row[2] for row in explorer.findings.rows] == ids
    if not ids:
        assert "No super-node is found under this rule: look at all." in explorer.sentence


def test_a_person_is_asked_for_by_any_id_and_a_shared_one_is_said_to_be() -> None:
    explorer = IdentityExplorer(FAMILY)
    explorer.person.value = "phone"
    assert explorer.answers.person == "kate"
    explorer.person.value = "tablet"  # two events each: the first by name
    assert explorer.answers.person == "kate"
    assert "'tablet' is on events of 2 people: who has most of them is shown." in explorer.sentence
    explorer.person.value = "nobody"
    assert explorer.person.value == "tablet"
    assert "found no person, user_id or anonymous_id &#x27;nobody&#x27;" in explorer.status.value
    explorer.person.value = ""
    assert explorer.state["person"] == "tom"


def test_marks_of_the_figure_are_ids_and_links() -> None:
    explorer = IdentityExplorer(FAMILY, state={"person": "kate"})
    data = explorer.data()
    users = next(trace for trace in explorer.figure_view.widget.data if trace.name == "user")
    users._dispatch_on_click(Points(point_inds=[0], trace_name="user", trace_index=0), InputDeviceState())
    assert list(explorer.selection.index) == ["row 1", "row 2", "row 3"]  # kate's id is on these
    links = next(trace for trace in explorer.figure_view.widget.data if trace.name == "links")
    at = next(place for place, mark in enumerate(links.customdata) if data["id"].iloc[mark] == "phone")
    links._dispatch_on_click(Points(point_inds=[at], trace_name="links", trace_index=0), InputDeviceState())
    assert explorer.links.chosen == link_row(explorer, "identify", "phone")
    assert list(explorer.selection.index) == ["row 3"]
    assert not explorer.take_button.disabled
    explorer.links.chosen = -1
    assert explorer.take_button.disabled
    assert len(explorer.selection) == 4


# What changes.


def test_a_policy_is_compared_with_the_explorer_as_it_was_opened() -> None:
    explorer = IdentityExplorer(SEED)
    explorer.policy.value = "none"
    # Without stitching the purchase is the desktop's alone, which came direct.
    assert explorer.sentence.endswith(
        "1 person before, 3 now; 6 events of 3 people changed hands; "
        "99.99 of 99.99 moves to another channel (1 conversion)."
    )
    pd.testing.assert_frame_equal(explorer.answer.tables["Credit as opened and now"], explorer.changes.credit)
    assert explorer.credit.rows == [["Direct", "0.00", "99.99", "99.99"], ["Paid Social", "99.99", "0.00", "-99.99"]]
    explorer.undo()
    assert explorer.credit.rows == []
    assert explorer.credit.note.startswith("No event has another owner than when the explorer was opened")


def test_a_moment_hides_what_was_known_later() -> None:
    explorer = IdentityExplorer(FAMILY, state={"person": "kate"})
    explorer.as_of.value = "2026-01-02T12:00"  # the phone logs in on the third
    assert drawn_ids(explorer) == ["kate", "tablet"]
    assert explorer.state["as_of"] == "2026-01-02T12:00:00+00:00"
    assert "Of the 3 events until 2 Jan 2026 12:00 UTC: 1 person before, 2 now" in explorer.sentence
    assert "30.00 of 30.00 moves to another channel (1 conversion)." in explorer.sentence  # the ad was on the phone
    explorer.as_of.value = "2025-01-01"
    assert explorer.sentence.startswith("There are no events yet at this moment.")
    assert explorer.data().empty
    assert explorer.selection.empty
    assert run(explorer, FAMILY).empty
    explorer.as_of.value = "last week"
    assert "Nothing has changed." in explorer.status.value
    assert explorer.as_of.value.startswith("2025-01-01")
    explorer.as_of.value = ""
    assert explorer.state["as_of"] == ""


def test_a_trusted_email_ties_two_users() -> None:
    explorer = IdentityExplorer(FAMILY)
    explorer.trust_email.value = True
    assert drawn_ids(explorer) == ["kate", "laptop", "tablet", "tom", "tom2", "tom@example.com"]
    assert "3 people before, 2 now" in explorer.sentence
    assert "e-mail twins" not in explorer.answer.tables["What deserves a look"]["reason"].tolist()
    # Taken away, the trait ties nobody: everything is as it was opened.
    explorer.links.chosen = link_row(explorer, "trait:email", "tom2")
    explorer.take_button.click()
    assert "Without 1 link: 3 people before, 3 now; no event has another owner" in explorer.sentence
    pd.testing.assert_frame_equal(run(explorer, FAMILY), explorer.data())


def test_a_link_taken_away_moves_what_what_if_says_and_comes_back() -> None:
    explorer = IdentityExplorer(APP, conversion="subscribe")
    links = explorer.answer.tables["Links"]
    (place,) = np.flatnonzero((links["kind"] == "bridge:ip").to_numpy())
    explorer.links.chosen = int(place)
    assert explorer.take_button.description == "Take this link away"
    explorer.take_button.click()
    every = dn.identity_links(APP)
    asked = dn.what_if(APP, without=every[every["kind"] == "bridge:ip"], conversion="subscribe")
    for name in ("summary", "people", "credit", "conversions"):
        pd.testing.assert_frame_equal(getattr(explorer.changes, name), getattr(asked, name))
    assert explorer.sentence.count("Without 1 link: ") == 1
    assert "9.99 of 9.99 moves to another channel (1 conversion)." in explorer.sentence
    taken = explorer.answer.tables["Links"]
    (place,) = np.flatnonzero(taken["is_taken"].to_numpy())
    explorer.links.chosen = int(place)
    assert explorer.take_button.description == "Put this link back"
    explorer.take_button.click()
    assert explorer.state["without"] == []
    explorer.undo()
    assert len(explorer.state["without"]) == 1
    explorer.put_back_button.click()
    assert explorer.state["without"] == []
    assert explorer.put_back_button.disabled


def test_a_link_stays_taken_away_when_the_rule_changes() -> None:
    explorer = IdentityExplorer(FAMILY, state={"person": "kate"})
    explorer.links.chosen = link_row(explorer, "identify", "phone")
    explorer.take_button.click()
    explorer.as_of.value = "2026-01-02T12:00"  # here it is not known anyway
    assert "Without" not in explorer.sentence
    pd.testing.assert_frame_equal(run(explorer, FAMILY), explorer.data())
    explorer.as_of.value = ""
    assert "Without 1 link" in explorer.sentence
    assert drawn_ids(explorer) == ["kate", "phone", "tablet", "tom"]  # the link is drawn still, as one taken away


# State, code, files.


@pytest.mark.parametrize(
    ("events", "redact"),
    [(FAMILY, False), (dn.stitch(FAMILY), True), (FAMILY.iloc[::-1], ("user_id", "email"))],
    ids=["raw", "stitched", "reversed"],
)
@pytest.mark.parametrize(
    "state",
    [
        {},
        {"look": "most value", "person": "laptop"},
        {"policy": "none"},
        {"as_of": "2026-01-03T12:00Z", "trust_email": True},
        {"person": "kate", "without": [["phone", "kate", "identify"]], "policy": "graph"},
        {"as_of": "2025-01-01"},
    ],
)
def test_the_code_makes_the_rows_and_a_state_is_restored(events: pd.DataFrame, redact: Any, state: Any) -> None:
    explorer = IdentityExplorer(events, state=state, redact=redact)
    pd.testing.assert_frame_equal(run(explorer, events), explorer.data())
    again = IdentityExplorer(events, state=explorer.state, redact=redact)
    assert again.state == explorer.state
    pd.testing.assert_frame_equal(again.data(), explorer.data())
    assert again.sentence == explorer.sentence


def test_a_stitched_table_of_another_rule_is_told() -> None:
    explorer = IdentityExplorer(dn.stitch(SEED, policy="none"))
    explorer.wait()
    assert explorer.warning.startswith(
        "6 events would have another owner under this rule than they came with: pass rule="
    )
    assert "than they came with" in explorer.status.value
    right = IdentityExplorer(dn.stitch(SEED, policy="none"), policy="none")
    right.wait()
    assert right.warning == ""
    assert right.policy.value == "none"


def test_a_mask_of_conversions_is_one_of_the_table_as_it_came() -> None:
    mask = (FAMILY["value"] == 30.0).to_numpy()
    explorer = IdentityExplorer(FAMILY, conversion=mask, state={"person": "kate"})
    assert explorer.changes.summary["value_before"].tolist() == [30.0]
    explorer.as_of.value = "2026-01-02T12:00"
    assert explorer.changes.summary["value_after"].tolist() == [30.0]


@pytest.mark.parametrize(
    ("state", "error", "words"),
    [
        ({"look": "trouble"}, errors.OptionError, "'super-node'"),
        ({"policy": "best"}, errors.OptionError, "'session'"),
        ({"as_of": "01/02/2026"}, errors.OptionError, "a moment such as"),
        ({"as_of": "event"}, errors.OptionError, "a moment such as"),
        ({"trust_email": "yes"}, errors.OptionError, "true or false"),
        ({"without": "phone"}, errors.OptionError, "id, other_id, kind"),
        ({"without": [["phone", "kate"]]}, errors.OptionError, "id, other_id, kind"),
        ({"without": [["phone", "tom", "identify"]]}, errors.UnknownLinkError, "phone"),
        ({"person": "kat"}, errors.UnknownPersonError, "kate"),
        ({"color": "red"}, errors.OptionError, "'look'"),
    ],
)
def test_a_state_that_is_none_is_refused(state: Any, error: type[Exception], words: str) -> None:
    with pytest.raises(error, match=words):
        IdentityExplorer(FAMILY, state=state)


def test_options_are_those_of_stitch_and_attribute() -> None:
    assert IdentityExplorer(FAMILY, merge_on=("email",)).trust_email.value is True
    with pytest.raises(errors.OptionError, match="lookbakc"):
        IdentityExplorer(FAMILY, lookbakc="1D")
    with pytest.raises(errors.OptionError, match="one model"):
        IdentityExplorer(FAMILY, model=["hybrid", "linear"])
    with pytest.raises(errors.OptionError, match="as_of"):
        IdentityExplorer(FAMILY, as_of="event")


@pytest.mark.parametrize(
    ("events", "sentence"),
    [
        (FAMILY.iloc[:0], "There are no events. Nothing deserves a look under this rule."),
        (
            FAMILY.iloc[:1],
            "phone: 1 of 1 id shown, 1 of 1 event. Nothing deserves a look under this rule.",
        ),
        (
            FAMILY.iloc[:1].assign(anonymous_id=None),
            "None of the 1 event has a person. Nothing deserves a look under this rule.",
        ),
    ],
)
def test_little_and_nothing_have_sentences(events: pd.DataFrame, sentence: str) -> None:
    explorer = IdentityExplorer(events)
    assert explorer.sentence == sentence
    explorer.policy.value = "none"
    pd.testing.assert_frame_equal(run(explorer, events), explorer.data())


def test_without_conversions_no_money_moves() -> None:
    explorer = IdentityExplorer(FAMILY, conversion="signup")
    explorer.policy.value = "none"
    assert explorer.sentence.endswith("no event counts as a conversion, so no money moves.")


def test_naive_times_and_numbers_as_ids() -> None:
    events = pd.DataFrame(
        {"timestamp": ["2026-01-01 10:00", "2026-01-01 11:00"], "event_name": ["$identify", "purchase"],
         "anonymous_id": [17, 17], "user_id": [5, 5], "value": [1.0, 2.0]}
    )  # fmt: skip
    explorer = IdentityExplorer(events)
    assert drawn_ids(explorer) == ["17", "5"]
    explorer.person.value = "17"
    assert explorer.answers.person == "5"


def test_hostile_texts_stay_texts(tmp_path: Path) -> None:
    evil = "<img src=x onerror=alert(1)>"
    events = FAMILY.assign(user_id=FAMILY["user_id"].replace("tom", evil))
    explorer = IdentityExplorer(events, state={"person": evil})
    explorer.policy.value = "none"
    explorer.foldout.selected_index = 1
    explorer.save_html(tmp_path / "page.html")
    read_as_html = [
        *(one.value for one in walked(explorer) if isinstance(one, widgets.HTML)),
        str(explorer._repr_mimebundle_()["text/html"]),
        explorer.answer.figure.to_json(),
        (tmp_path / "page.html").read_text(encoding="utf-8"),
    ]
    assert not any(evil in text for text in read_as_html)
    assert any("&lt;img" in text for text in read_as_html[:-3])
    assert evil in explorer.findings.rows[0]  # a cell is a text node


def test_redact_masks_everything_that_is_shown(tmp_path: Path) -> None:
    names = {"kate": "u-901", "tom": "u-902", "tom2": "u-903", "phone": "d-904", "tablet": "d-905", "laptop": "d-906"}
    events = FAMILY.replace({"user_id": names, "anonymous_id": names})
    explorer = IdentityExplorer(events, redact=True, state={"trust_email": True})
    explorer.links.chosen = 0
    explorer.take_button.click()
    explorer.policy.value = "graph"
    explorer.foldout.selected_index = 1
    told = said(explorer, tmp_path)
    for secret in (*names.values(), "tom@example.com", "kate@example.com"):
        assert secret not in told
    assert "device 2" in told
    plain = IdentityExplorer(events, state={"trust_email": True, "policy": "graph"})
    for name, table in plain.answer.tables.items():
        shown = explorer.answer.tables[name]
        numbers = table.select_dtypes(["number", "datetimetz"]).columns
        if name != "Links" and len(shown) == len(table):
            pd.testing.assert_frame_equal(shown[numbers], table[numbers])  # counts and money are nobody's secret
    assert "•••" not in str(explorer.answer.tables["What deserves a look"][["reason", "people", "why"]])
    assert "u-902" in explorer.selection["user_id"].tolist()  # the analyst's own rows stay as they are
    with pytest.raises(errors.DatalyrError) as refused:
        explorer.state = {"person": "user 99"}
    assert "u-90" not in str(refused.value)
