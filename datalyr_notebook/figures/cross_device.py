"""Credit by where it was touched and where it converted, as a matrix of device types.

``cross_device_matrix_data`` returns the rows that are drawn, ``cross_device_matrix`` draws them.
"""

from __future__ import annotations

from typing import Final

import numpy as np
import pandas as pd
import plotly.graph_objects as go

from datalyr_notebook import errors, options, schema
from datalyr_notebook.attribution.result import Attribution
from datalyr_notebook.attribution.tables.cross_device import cross_device
from datalyr_notebook.figures.heat_map import heat_map
from datalyr_notebook.figures.layout import headed, say_empty
from datalyr_notebook.figures.theme import TEXT_SIZE, escaped, shortened, themed

CROSS_CELLS: Final = (
    schema.Column("touched_on", "str", "device_type of the touch, or unattributed"),
    schema.Column("converted_on", "str", "device_type of the conversion"),
    schema.Column("conversions", "float64", "sum of weights"),
    schema.Column("credit", "float64", "sum of weight times value"),
    schema.Column("share", "float64", "of the model's credit, 0 to 1; of its conversions where nothing has a value"),
    schema.Column("other_device", "float64", "what of the share crossed from one device to another"),
)

_STEP: Final = "cross_device_matrix"
_SCALE: Final = ((0.0, "#F4F1F8"), (0.5, "#A99BCB"), (1.0, "#4B3A78"))
"""From little to much of one hue; plotly writes black or white on it, whichever can be read."""
_CELL: Final = 64
"""Pixels a row."""


def cross_device_matrix_data(table: pd.DataFrame | Attribution, *, model: str | None = None) -> pd.DataFrame:
    """The rows that :func:`cross_device_matrix` draws, one a cell, in the columns of ``CROSS_CELLS``.

    Device types stand by what was touched and converted on them together, the largest first, on both sides
    alike, ``unattributed`` last; cells without a conversion have no row. Parameters and errors are those of
    :func:`cross_device_matrix`.

    >>> table = pd.DataFrame({
    ...     "model": "linear", "touched_on": ["phone", "phone", "desktop"], "converted_on": "desktop",
    ...     "devices": ["other device", "other device", "same device"],
    ...     "conversions": 1.0, "credit": [20.0, 20.0, 60.0],
    ... })
    >>> cross_device_matrix_data(table)[["touched_on", "converted_on", "credit", "share", "other_device"]]
      touched_on converted_on  credit  share  other_device
    0    desktop      desktop    60.0    0.6           0.0
    1      phone      desktop    40.0    0.4           0.4
    """
    own = _of_model(table, model)[1]
    cells = own.groupby(["touched_on", "converted_on"], as_index=False)[["conversions", "credit", "crossed"]].sum()
    measure = _measure(own)
    total = float(own[measure].sum())
    cells["share"] = cells[measure] / total if total else np.nan
    cells["other_device"] = cells["crossed"] / total if total else np.nan
    inorder = _types(own)
    places = {name: number for number, name in enumerate([*inorder, schema.UNATTRIBUTED])}
    keys = [cells[end].map(places).to_numpy() for end in ("converted_on", "touched_on")]
    return schema.typed(cells.iloc[np.lexsort(keys)].reset_index(drop=True), CROSS_CELLS)


def cross_device_matrix(
    table: pd.DataFrame | Attribution, *, model: str | None = None, title: str | None = None
) -> go.Figure:
    """Where credit was touched (rows) and where it converted (columns), by device type.

    Parameters
    ----------
    table
        What ``result.cross_device()`` answers, or the result of ``attribute`` itself.
    model
        The touch model to draw; None = the first of the table. Of ``"first_touch"`` the matrix says on
        which device people were first touched, and on which they converted.
    title
        Replaces "Where credit was touched and where it converted"; like every other text it is shown as it is,
        not as HTML.

    Returns
    -------
    plotly.graph_objects.Figure
        A cell holds its credit and its share; hovering says what of it crossed from one device to another,
        also to one of the same type. Where no conversion has a value, conversions stand for credit.

    Raises
    ------
    OptionError
        ``table`` is something else, or has no rows of ``model``.

    Examples
    --------
    >>> table = pd.DataFrame({
    ...     "model": "linear", "touched_on": ["phone"], "converted_on": "desktop", "devices": "other device",
    ...     "conversions": 1.0, "credit": [20.0],
    ... })
    >>> cross_device_matrix(table).data[0].text.tolist()
    [['20.00<br>100.0%']]

    """
    name, own = _of_model(table, model)
    cells = cross_device_matrix_data(own, model=model)
    types, measure = _types(own), _measure(own)
    rows = [one for one in [*types, schema.UNATTRIBUTED] if (own["touched_on"] == one).any()]
    columns = [one for one in types if (own["converted_on"] == one).any()]
    figure = themed(go.Figure())
    crossed = float(cells["other_device"].sum())
    told = f"model {shortened(name, 40)}; {crossed:.1%} of the {measure} crossed devices" if len(cells) else ""
    headed(figure, "Where credit was touched and where it converted", title=title, subtitle=told)
    figure.update_layout(height=180 + _CELL * max(len(rows), 1), margin={"t": 70, "b": 50, "l": 90, "r": 20})
    axis = {"tickfont": {"size": TEXT_SIZE}, "showgrid": False, "automargin": True, "type": "category"}
    figure.update_xaxes(title="Converted on (device type)", **axis)
    figure.update_yaxes(title="Touched on (device type)", autorange="reversed", **axis)
    if len(cells):
        figure.add_traces(_cells(cells, rows, columns, measure))
    else:
        say_empty(figure, "No touch model credits a conversion.")
    return figure


def _of_model(table: pd.DataFrame | Attribution, model: str | None) -> tuple[str, pd.DataFrame]:
    """The model's name and its rows, with what of them crossed devices."""
    found = cross_device(table) if isinstance(table, Attribution) else table
    if not isinstance(found, pd.DataFrame) or not set(schema.names(schema.CROSS_DEVICE)) <= set(found.columns):
        found_one = type(found).__name__
        raise errors.OptionError(_STEP, "table", found_one, "what attribute(...) or result.cross_device() answers")
    models = found["model"].drop_duplicates().tolist()
    asked = model if model is None else options.one_of(_STEP, "model", model, models)
    name = asked or (models[0] if models else "")
    own = found[found["model"] == name]
    return name, own.assign(crossed=own[_measure(own)].where(own["devices"] == "other device", 0.0))


def _measure(own: pd.DataFrame) -> str:
    return "credit" if (own["credit"] != 0).any() else "conversions"


def _types(own: pd.DataFrame) -> list[str]:
    """Device types by what was touched and converted on them together, the largest first."""
    measure = _measure(own)
    both = pd.concat(
        [own[[end, measure]].set_axis(["type", "amount"], axis=1) for end in ("touched_on", "converted_on")]
    )
    size = both[both["type"] != schema.UNATTRIBUTED].groupby("type")["amount"].sum().round(6)
    return [str(name) for name in size.sort_index().sort_values(ascending=False, kind="stable").index]


def _cells(cells: pd.DataFrame, rows: list[str], columns: list[str], measure: str) -> list[go.Heatmap | go.Scatter]:
    shape = (len(rows), len(columns))
    shares, texts, hovers = np.full(shape, np.nan), np.full(shape, "", dtype=object), np.full(shape, "", dtype=object)
    for _, cell in cells.iterrows():
        at = rows.index(cell["touched_on"]), columns.index(cell["converted_on"])
        shares[at] = cell["share"]
        amount = f"{cell[measure]:,.2f}"
        texts[at] = f"{amount}<br>{cell['share']:.1%}"
        hovers[at] = "<br>".join(
            [
                f"{escaped(shortened(cell['touched_on']))} → {escaped(shortened(cell['converted_on']))}",
                f"{cell['conversions']:,.2f} conversions, credit {cell['credit']:,.2f} ({cell['share']:.1%})",
                f"{cell['other_device'] / cell['share'] if cell['share'] else 0:.1%} of it from another device",
            ]
        )
    return heat_map(
        shares,
        texts,
        hovers,
        x=[escaped(shortened(name)) for name in columns],
        y=[escaped(shortened(name)) for name in rows],
        scale=_SCALE,
    )
