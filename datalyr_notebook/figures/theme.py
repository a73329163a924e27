"""How figures look, and how an event's text gets into one: colors, symbols, template, escaping.

The template is given to each figure; plotly's global template is never touched. Every color keeps a
contrast of at least 3:1 on white and on the #111 of dark notebooks, so the background is transparent.
"""

from __future__ import annotations

import html
import re
import zlib
from collections.abc import Iterable
from typing import Final

import plotly.graph_objects as go

PALETTE: Final = ("#AA3366", "#9900FF", "#EE6600", "#6655AA", "#CC0022", "#EE44FF", "#4499AA", "#AA8866")
"""Eight colors that stay apart (CIE76 difference of 24 or more) for protan, deutan and tritan eyes,
each at least 3:1 against white and against #111: found by search, not by taste."""

INK: Final = "#7A7A7A"
"""Text and axes: the gray that is equally far from white and from #111 (4.3:1 on both)."""
FAINT: Final = "rgba(122, 122, 122, 0.25)"
"""Grid lines and other things that may be overlooked."""

CHANNEL_COLORS: Final[dict[str, str]] = {
    "Direct": INK,
    "Paid Social": "#AA3366",
    "Paid Search": "#4499AA",
    "Organic Search": "#6655AA",
    "Organic Social": "#EE44FF",
    "Email": "#EE6600",
    "Referral": "#AA8866",
    "Display": "#9900FF",
    "AI Assistants": "#CC0022",
    "unattributed": INK,
    "Unassigned": INK,
}
"""The channels that most journeys have; any other gets a color of PALETTE by its name alone."""

SYMBOLS: Final[dict[str, str]] = {
    "event": "circle-open",
    "touch": "diamond",
    "identify": "line-ns-open",
    "conversion": "star",
}
"""What a mark is, told by its shape and never by color alone."""

TEXT_SIZE: Final = 11

BLANK: Final = " "
"""The label of a mark without one. After an empty text plotly loses later ones of the trace when it draws again,
as it does to fit the margins of axes."""

_UNSAFE: Final = re.compile("[\x00-\x1f\x7f-\x9f\u200e\u200f\u2028-\u202e\u2066-\u2069\ud800-\udfff]")
"""Control characters, marks that reverse the direction of text, and halves of surrogate pairs."""


def themed(figure: go.Figure) -> go.Figure:
    """Give a figure this package's template, in place, and return it.

    The template removes plotly's button that uploads a figure to its cloud: journeys are personal.

    >>> themed(go.Figure()).layout.template.layout.modebar.remove
    ('sendChartToCloud',)
    """
    axis = {"gridcolor": FAINT, "linecolor": INK, "tickcolor": INK, "zeroline": False, "title": {"standoff": 8}}
    layout = go.Layout(
        colorway=PALETTE,
        font={"color": INK, "size": 12, "family": "system-ui, 'Segoe UI', 'Helvetica Neue', Arial, sans-serif"},
        paper_bgcolor="rgba(0, 0, 0, 0)",
        plot_bgcolor="rgba(0, 0, 0, 0)",
        title={"x": 0, "xanchor": "left", "font": {"size": 15}},
        hoverlabel={"align": "left", "bgcolor": "#FFFFFF", "bordercolor": INK, "font": {"color": "#222222"}},
        modebar={"remove": ["sendChartToCloud"]},
        xaxis=axis,
        yaxis=axis,
    )
    figure.update_layout(template=go.layout.Template(layout=layout))
    return figure


def channel_color(channel: str) -> str:
    """The color of a channel: the same in every figure, whatever other channels are there.

    >>> channel_color("Paid Social"), channel_color("Podcasts") in PALETTE
    ('#AA3366', True)
    """
    return CHANNEL_COLORS.get(channel) or PALETTE[zlib.crc32(channel.encode("utf-8", "replace")) % len(PALETTE)]


def shortened(value: object, width: int = 24) -> str:
    """A value as one line of plain text, cut in the middle when it is longer than ``width`` characters.

    For displays only: data keeps the whole text. Characters that could disturb a display are shown as �.

    >>> shortened("anon_cfd09de1-6a42-40e3-a650-227788f08ae1", 16)
    'anon_cfd…8f08ae1'
    """
    text = str(value)
    if len(text) > width:
        tail = (width - 1) // 2
        text = f"{text[: width - 1 - tail]}…{text[len(text) - tail :]}"
    return _UNSAFE.sub("�", text)


def escaped_lines(lines: Iterable[str]) -> str:
    """Several lines of plain text, as hovering shows them; blank ones are left away.

    >>> escaped_lines(["<b>", "", "2 touches"])
    '&lt;b&gt;<br>2 touches'
    """
    return "<br>".join(escaped(line) for line in lines if line)


def escaped(text: str) -> str:
    """Plain text as plotly shows it unchanged.

    plotly renders a subset of HTML, and between two dollar signs MathJax, whose ``href`` runs scripts;
    of the named entities it knows no quotation mark, so those are written as numbers.

    >>> escaped('<b onclick="x">$identify')
    '&lt;b onclick=&#34;x&#34;&gt;&#36;identify'
    """
    safe = html.escape(text, quote=False)
    return safe.replace('"', "&#34;").replace("'", "&#39;").replace("$", "&#36;")
