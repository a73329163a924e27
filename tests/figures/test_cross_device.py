"""cross_device_matrix: the cells by value, the figure by its trace and axes."""

from __future__ import annotations

import json

import numpy as np
import pandas as pd
import pytest

import datalyr_notebook as dn
from datalyr_notebook import schema
from datalyr_notebook.errors import OptionError
from datalyr_notebook.figures.cross_device import CROSS_CELLS, cross_device_matrix, cross_device_matrix_data
from datalyr_notebook.figures.layout import heading_lines


def table(*rows: tuple[str, str, str, str, float, float]) -> pd.DataFrame:
    return pd.DataFrame(rows, columns=schema.names(schema.CROSS_DEVICE))


# Of 100: 50 stay on one desktop, 30 go from phone to desktop, 10 from a phone to another phone, 10 are nobody's.
LINEAR = table(
    ("linear", "desktop", "desktop", "same device", 2.0, 50.0),
    ("linear", "phone", "desktop", "other device", 1.0, 30.0),
    ("linear", "phone", "phone", "other device", 1.0, 10.0),
    ("linear", "unattributed", "phone", "no touch", 1.0, 10.0),
    ("first_touch", "phone", "desktop", "other device", 5.0, 100.0),
)


def test_cells_stand_by_device_type_the_largest_first() -> None:
    cells = cross_device_matrix_data(LINEAR)
    assert cells.columns.tolist() == schema.names(CROSS_CELLS)
    assert cells.to_numpy().tolist() == [
        ["desktop", "desktop", 2.0, 50.0, 0.5, 0.0],
        ["phone", "desktop", 1.0, 30.0, 0.3, 0.3],
        ["phone", "phone", 1.0, 10.0, 0.1, 0.1],
        ["unattributed", "phone", 1.0, 10.0, 0.1, 0.0],
    ]
    assert cross_device_matrix_data(LINEAR, model="first_touch")["share"].tolist() == [1.0]


def test_devices_of_one_type_that_differ_are_one_cell() -> None:
    cells = cross_device_matrix_data(
        table(
            ("linear", "phone", "phone", "same device", 1.0, 30.0),
            ("linear", "phone", "phone", "other device", 1.0, 10.0),
        )
    )
    assert cells[["credit", "share", "other_device"]].to_numpy().tolist() == [[40.0, 1.0, 0.25]]


def test_a_cell_holds_credit_and_share() -> None:
    figure = cross_device_matrix(LINEAR)
    heat, written = figure.data
    assert list(heat.x) == ["desktop", "phone"]
    assert list(heat.y) == ["desktop", "phone", "unattributed"]
    assert heat.text.tolist() == [
        ["50.00<br>50.0%", ""],
        ["30.00<br>30.0%", "10.00<br>10.0%"],
        ["", "10.00<br>10.0%"],
    ]
    assert list(zip(written.x, written.y, written.text, strict=True)) == [
        ("desktop", "desktop", "50.00<br>50.0%"),
        ("desktop", "phone", "30.00<br>30.0%"),
        ("phone", "phone", "10.00<br>10.0%"),
        ("phone", "unattributed", "10.00<br>10.0%"),
    ]
    assert np.isnan(heat.z[0][1])
    assert heat.hovertext[1][0] == (
        "phone → desktop<br>1.00 conversions, credit 30.00 (30.0%)<br>100.0% of it from another device"
    )
    assert figure.layout.xaxis.title.text == "Converted on (device type)"
    assert figure.layout.yaxis.title.text == "Touched on (device type)"
    assert figure.layout.yaxis.autorange == "reversed"
    assert heading_lines(figure)[1] == "model linear; 40.0% of the credit crossed devices"
    assert "sendChartToCloud" in figure.layout.template.layout.modebar.remove


def test_where_nothing_has_a_value_conversions_are_drawn() -> None:
    figure = cross_device_matrix(LINEAR.assign(credit=0.0))
    assert figure.data[0].text.tolist()[0][0] == "2.00<br>40.0%"
    assert heading_lines(figure)[1] == "model linear; 40.0% of the conversions crossed devices"


def test_it_draws_what_attribute_answers() -> None:
    events = pd.DataFrame(
        {
            "timestamp": ["2026-01-01T10:00Z", "2026-01-02T20:00Z"],
            "event_name": ["pageview", "purchase"],
            "anonymous_id": ["mobile", "desk"],
            "user_id": "u1",
            "device_type": ["phone", "desktop"],
            "source": ["tiktok", None],
            "value": [None, 50.0],
        }
    )
    result = dn.attribute(dn.stitch(events), model="first_touch")
    cells = cross_device_matrix_data(result)
    assert cells[["touched_on", "converted_on", "credit"]].to_numpy().tolist() == [["phone", "desktop", 50.0]]
    assert heading_lines(cross_device_matrix(result))[1].startswith("model first_touch; 100.0%")


def test_text_from_events_is_shown_as_it_is() -> None:
    hostile = "<img src=x onerror=alert(1)>$x$"
    figure = cross_device_matrix(table((hostile, hostile, hostile, "same device", 1.0, 1.0)), title=hostile)
    assert figure.data[0].x[0].startswith("&lt;img")
    written = str(json.loads(figure.to_json()))
    assert not [text for text in ("<img", "$x$") if text in written]


def test_no_conversion_is_said() -> None:
    none = schema.empty(schema.CROSS_DEVICE)
    figure = cross_device_matrix(none)
    assert len(figure.data) == 0
    assert figure.layout.annotations[0].text == "No touch model credits a conversion."
    assert cross_device_matrix_data(none).dtypes.to_dict() == schema.empty(CROSS_CELLS).dtypes.to_dict()


def test_a_model_that_is_not_there_and_a_table_that_is_another() -> None:
    with pytest.raises(OptionError, match=r"model='hybrid' is not known. Use one of 'linear', 'first_touch'"):
        cross_device_matrix(LINEAR, model="hybrid")
    with pytest.raises(OptionError, match=r"table='DataFrame' is not known. Use what attribute\(...\)"):
        cross_device_matrix(pd.DataFrame({"model": ["linear"]}))
