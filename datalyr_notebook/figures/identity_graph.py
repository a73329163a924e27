"""One person's identity graph: devices, users and links, with the devices that other persons share.

``identity_graph_data`` returns the rows that are drawn, ``identity_graph`` draws them.
"""

from __future__ import annotations

from typing import Any, Final

import numpy as np
import pandas as pd
import plotly.graph_objects as go

from datalyr_notebook import schema
from datalyr_notebook.figures.identity_graph_layout import Line, Place, route_links
from datalyr_notebook.figures.identity_graph_rows import (
    PersonGraph,
    find_person_graph,
    graph_table,
    masked,
    person_part,
)
from datalyr_notebook.figures.identity_graph_traces import TAKEN, link_styles, link_traces, node_traces
from datalyr_notebook.figures.layout import headed, legend_below
from datalyr_notebook.figures.theme import shortened, themed
from datalyr_notebook.frames import read_stitched
from datalyr_notebook.identity.persons import find_person
from datalyr_notebook.identity.rule import StitchRule, make_rule
from datalyr_notebook.identity.stitching import stitch, stitch_without
from datalyr_notebook.notices import repeated, say
from datalyr_notebook.redaction import Redact, Redaction
from datalyr_notebook.rendering import counted
from datalyr_notebook.studies.what_if import asked_links

_STEP: Final = "identity_graph"
_ROOMS: Final = ((8, 74), (20, 52), (50, 28))
"""Up to so many rows: the height of each in pixels; the lowest has room for one line of text beside a node."""
_LABEL_WIDTH: Final = 135
"""Pixels that a label takes beside the leftmost column, in a figure 700 wide."""
_WIDTH: Final = 660


def identity_graph_data(
    events: pd.DataFrame,
    person: str,
    *,
    rule: StitchRule | None = None,
    without: pd.DataFrame | None = None,
    redact: Redact = False,
    **keywords: Any,
) -> pd.DataFrame:
    """The rows that :func:`identity_graph` draws: nodes (``part`` "node"), then links ("link").

    A node is an id: the person's own users and devices, ids that only a link ties to them, trait values
    that ``merge_on`` trusts, and whoever else is seen on the person's devices. A device on rows of
    several persons has the role ``shared``; another person's ids have the role ``other``. Links are those
    of ``identity_links`` that end at an id of the person; a trusted trait is a node between its users. A
    server's one-shot ids are not drawn. Up to 50 ids are kept: users first, then shared devices, then
    the ids with most events.

    Parameters
    ----------
    events
        Stitched events: the person is looked up there, and ``rule`` says which evidence is drawn (pass
        the rule they were stitched with). Anything else is stitched with the rule, which is said.
    person
        A person_id, or a user_id or anonymous_id that one person has; with ``redact`` also a number
        such as ``"user 17"``.
    without
        Rows of ``identity_links(events, rule)`` (of their columns id, other_id and kind are read). The
        events are then stitched anew by the rule, as if the evidence behind these links did not exist;
        the links are drawn still, with the role ``taken``. ``what_if`` tells the money.
    redact
        True masks ids and trait values; or names of columns and traits to mask. The person, and the ids of
        ``without``, may be masked ones.
    rule, keywords
        As for ``stitch``.

    Returns
    -------
    pandas.DataFrame
        The columns of ``IDENTITY_GRAPH``. Nodes stand by column from the left and from the top: what only
        a bridge ties, devices, users, trusted traits, shared devices, other persons. Links are sorted by
        first_seen, then id, other_id and kind.

    Raises
    ------
    UnknownPersonError
        Nobody has this id.
    AmbiguousPersonError
        Several persons have this id, such as the anonymous_id of a shared device.
    UnknownLinkError
        The events do not show a link of ``without`` under this rule.
    OptionError
        The rule is not known.

    Examples
    --------
    >>> import pandas as pd
    >>> events = pd.DataFrame({
    ...     "timestamp": ["2025-09-29T10:00Z", "2025-09-30T10:05Z"], "event_name": "$identify",
    ...     "anonymous_id": "anon_tablet", "user_id": ["user_1", "user_2"],
    ... })
    >>> identity_graph_data(stitch(events), "user_1")[["part", "role", "id"]].to_numpy().tolist()[:3]
    [['node', 'own', 'user_1'], ['node', 'shared', 'anon_tablet'], ['node', 'other', 'user_2']]

    """
    return graph_table(_graph(events, person, make_rule(rule, keywords), without, redact))


def identity_graph(
    events: pd.DataFrame,
    person: str,
    *,
    rule: StitchRule | None = None,
    without: pd.DataFrame | None = None,
    redact: Redact = False,
    title: str | None = None,
    **keywords: Any,
) -> go.Figure:
    """One person's devices, users and links in columns; a shared device stands between its persons.

    Circles are users, squares devices, diamonds trusted traits; a crossed square is a device that other
    persons share, whose ids are open circles on its other side. Solid lines are logins and events with
    both ids, dashed ones aliases, dotted ones bridges by IP, lines of long dashes bridges by e-mail,
    dash-dotted ones trusted traits, faint dots links that were taken away; a link bends around the ids that it
    does not end at. Hovering over a node or the middle of a link tells times, counts and SDKs. Parameters and
    errors are those of :func:`identity_graph_data`, whose rows are drawn. The layout has nothing random.

    ``title`` replaces "Identity graph of …"; like every other text it is shown as it is, not as HTML.

    >>> import pandas as pd
    >>> events = pd.DataFrame({
    ...     "timestamp": ["2025-09-29T10:00Z"], "event_name": "$identify",
    ...     "anonymous_id": "anon_desk", "user_id": "user_789",
    ... })
    >>> [trace.name for trace in identity_graph(stitch(events), "user_789").data]
    ['identify', 'links', 'user', 'device']
    """
    return draw_graph(_graph(events, person, make_rule(rule, keywords), without, redact), title=title)


def draw_graph(graph: PersonGraph, *, title: str | None = None) -> go.Figure:
    """A graph as a figure; the customdata of a mark is the place of its row in ``graph_table(graph)``."""
    lines = _route(graph)
    figure = themed(go.Figure([*link_traces(graph, lines), *node_traces(graph, is_dense=_rows(graph) > _ROOMS[-2][0])]))
    _lay_out(figure, graph, lines, title)
    return figure


def _graph(
    events: pd.DataFrame, person: object, rule: StitchRule, without: pd.DataFrame | None, redact: Redact
) -> PersonGraph:
    links = None
    if isinstance(events, pd.DataFrame) and schema.is_stitched(events):
        given = read_stitched(_STEP, events)
        redaction, stitched = Redaction.of(_STEP, redact, given), rule.known(given)
    else:
        say(f"{_STEP}: these events are not stitched; stitching them with policy={rule.policy!r}.")
        stitched = stitch(events, rule)
        redaction = Redaction.of(_STEP, redact, stitched)
    if without is not None:
        bare = stitched.drop(columns=schema.names(schema.STITCHED), errors="ignore")
        links = asked_links(_STEP, _original_links(without, redaction), bare, rule)
        with repeated():
            stitched = stitch_without(bare, links, rule)
    name = find_person(_STEP, stitched, person, redaction=redaction)
    graph = find_person_graph(person_part(stitched, name, rule), name, rule, without=links)
    return masked(graph, redaction)


def _original_links(links: pd.DataFrame, redaction: Redaction) -> pd.DataFrame:
    """Links whose ids may be masked ones, with the ids themselves."""
    if not isinstance(links, pd.DataFrame) or not redaction.masks:
        return links
    named = [name for name in ("id", "other_id") if name in links.columns]
    ids = {name: pd.Series([redaction.original(one) for one in links[name]], index=links.index) for name in named}
    return links.assign(**ids)


def _route(graph: PersonGraph) -> list[Line]:
    """The points of each link, in the order of ``links``; of two between the same ids the first style is straighter."""
    nodes, links = graph.nodes, graph.links
    places = dict(zip(nodes["key"], map(Place, nodes["x"], nodes["y"]), strict=True))
    inorder = np.argsort(link_styles(links), kind="stable")
    ends = list(zip(links["start"], links["end"], strict=True))
    left, right = _sides(graph)
    scale, above = (_WIDTH / (right - left), _row_height(graph)), nodes.loc[nodes["column"] == "shared", "key"]
    lines = route_links(places, [ends[at] for at in inorder], scale, above)
    return [line for _, line in sorted(zip(inorder, lines, strict=True), key=lambda pair: pair[0])]


def _lay_out(figure: go.Figure, graph: PersonGraph, lines: list[Line], title: str | None) -> None:
    """Title, size, and axes that show nothing but keep room for the labels."""
    nodes = graph.nodes
    remark = f" ({len(nodes):,} of {graph.total:,} ids shown)" if len(nodes) < graph.total else ""
    own = nodes[nodes["role"] != "other"]
    users, devices = (counted(int((own["kind"] == kind).sum()), kind) for kind in ("user", "device"))
    shared, others = int((nodes["role"] == "shared").sum()), int((nodes["role"] == "other").sum())
    told = [users, f"{devices} ({shared:,} shared)" if shared else devices]
    told += [f"{counted(others, 'id')} of other persons"] if others else []
    taken = int((graph.links["role"] == "taken").sum())
    told.append(counted(len(graph.links) - taken, "link"))
    told += [f"{taken:,} {TAKEN}"] if taken else []
    heights = nodes["y"].to_numpy() if len(nodes) else np.zeros(1)
    bent = np.concatenate([heights, *(y for _, y in lines)])
    low, high = min(heights.min() - 0.75, bent.min() - 0.1), max(heights.max() + 0.5, bent.max() + 0.1)
    bulge = high - low - (np.ptp(heights) + 1.25)
    heading = f"Identity graph of {shortened(graph.person, 40)}"
    headed(figure, heading, title=title, subtitle=", ".join(told), remark=remark)
    legend_below(figure)
    figure.update_layout(
        height=190 + round(_row_height(graph) * (_rows(graph) + bulge)),
        margin={"t": 76, "b": 10, "l": 20, "r": 20},
        hovermode="closest",
    )
    hidden = {"visible": False, "showgrid": False}
    figure.update_xaxes(range=list(_sides(graph)), **hidden)
    if len(nodes):
        figure.update_yaxes(range=[low, high], **hidden)


def _sides(graph: PersonGraph) -> tuple[float, float]:
    """Where the figure begins and ends, in columns: with room for the labels beside the first."""
    right = (float(graph.nodes["x"].max()) if len(graph.nodes) else 0.0) + 0.55
    return -max(0.55, _LABEL_WIDTH * right / (_WIDTH - _LABEL_WIDTH)), right


def _row_height(graph: PersonGraph) -> int:
    return next(height for most, height in _ROOMS if _rows(graph) <= most)


def _rows(graph: PersonGraph) -> int:
    """How many rows of nodes the figure is high."""
    heights = graph.nodes["y"]
    return int(np.ceil(heights.max() - heights.min())) + 1 if len(heights) else 1
