"""How figures look, and how an event's text gets into one: colors, symbols, template, escaping.

The template is given to each figure; plotly's global template is never touched. The color of every mark keeps
a contrast of at least 3:1 on white and on the #111 of dark notebooks, so the background is transparent.
"""

from __future__ import annotations

import html
import re
import zlib
from collections.abc import Iterable
from typing import Final, NamedTuple

import plotly.graph_objects as go

from datalyr_notebook import schema

PALETTE: Final = ("#AA3366", "#9900FF", "#EE6600", "#6655AA", "#CC0022", "#EE44FF", "#4499AA", "#AA8866")
"""Eight colors that stay apart (CIE76 difference of 24 or more) for protan, deutan and tritan eyes,
each at least 3:1 against white and against #111: found by search, not by taste."""

INK: Final = "#797979"
"""Text and axes: the gray that is equally far from white and from #111, 4.3:1 on both.

No text can do better on a background that is not known: 4.5:1 on white asks for a relative luminance of at
most 0.183, 4.5:1 on #111 for at least 0.200. Whoever knows the background has ``figure.update_layout(font_color=...)``.
"""
FAINT: Final = "rgba(121, 121, 121, 0.25)"
"""Grid lines and other things that may be overlooked."""


class Look(NamedTuple):
    """How a channel is told apart: by its color, and among those of one color by hatching or symbol."""

    color: str
    variant: int
    """Place in ``HATCHES`` and in ``CHANNEL_SYMBOLS``."""

    @property
    def hatch(self) -> str:
        """The hatching of its bars."""
        return HATCHES[self.variant]

    @property
    def symbol(self) -> str:
        """The symbol of its marks, where nothing is written beside them."""
        return CHANNEL_SYMBOLS[self.variant]


HATCHES: Final = ("", "/", "x", ".", "-", "\\", "+", "|")
CHANNEL_SYMBOLS: Final = (
    *("diamond", "square", "triangle-up", "circle", "triangle-down", "pentagon", "hexagram", "bowtie"),
)

CHANNEL_LOOKS: Final[dict[str, Look]] = {
    "Direct": Look(INK, 0),
    "Paid Social": Look("#AA3366", 1),
    "Paid Search": Look("#4499AA", 2),
    "Organic Search": Look("#6655AA", 3),
    "Email": Look("#EE6600", 4),
    "Organic Social": Look("#EE44FF", 5),
    "Referral": Look("#AA8866", 6),
    "Display": Look("#9900FF", 7),
    "AI Assistants": Look("#CC0022", 0),
    "Paid Shopping": Look("#AA3366", 4),
    "Cross-network": Look("#4499AA", 5),
    "Audio": Look("#4499AA", 7),
    "Organic Shopping": Look("#6655AA", 6),
    "Organic Video": Look("#EE44FF", 2),
    "SMS": Look("#EE6600", 7),
    "Mobile Push Notifications": Look("#EE6600", 1),
    "Affiliates": Look("#AA8866", 3),
    "Paid Other": Look("#9900FF", 3),
    "Paid Video": Look("#CC0022", 5),
    "Unassigned": Look(INK, 2),
    schema.UNATTRIBUTED: Look(INK, 7),
}
"""Every default channel; the eight that most journeys have differ by color and hatching, all by one of them."""

CHANNEL_COLORS: Final[dict[str, str]] = {name: look.color for name, look in CHANNEL_LOOKS.items()}
"""Any other channel gets a color of PALETTE by its name alone."""

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

_CLEAR: Final = "rgba(0, 0, 0, 0)"
_UNSAFE: Final = re.compile("[\x00-\x1f\x7f-\x9f\u200e\u200f\u2028-\u202e\u2066-\u2069\ud800-\udfff]")
"""Control characters, marks that reverse the direction of text, and halves of surrogate pairs."""
_BREAK: Final = re.compile("<br ?/?>", re.IGNORECASE)
_MARKUP: Final = re.compile("</?[a-zA-Z][^<>]*>")
"""Tags of our own: whatever a stranger wrote is escaped."""


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
        paper_bgcolor=_CLEAR,
        plot_bgcolor=_CLEAR,
        title={"x": 0, "xanchor": "left", "font": {"size": 15}},
        hoverlabel={"align": "left", "bgcolor": "#FFFFFF", "bordercolor": INK, "font": {"color": "#222222"}},
        modebar={
            "remove": ["sendChartToCloud"],
            "bgcolor": "rgba(0, 0, 0, 0)",
            "color": INK,
            "activecolor": PALETTE[1],
        },
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


def channel_looks(channels: Iterable[str]) -> list[Look]:
    """The looks of channels that stand in one figure: no two alike.

    A default channel looks the same in every figure. Any other keeps its color; its hatching and symbol are the
    first that no other channel of the figure has, or none of that color.

    >>> [(look.color, look.hatch) for look in channel_looks(["Partners", "Email", "Print"])]
    [('#EE6600', ''), ('#EE6600', '-'), ('#EE6600', '/')]
    """
    given = list(channels)
    taken = {CHANNEL_LOOKS[channel] for channel in given if channel in CHANNEL_LOOKS}
    looks = []
    for channel in given:
        look = CHANNEL_LOOKS.get(channel)
        if look is None:
            color = channel_color(channel)
            used = {one.variant for one in taken}
            free = [one for one in (Look(color, at) for at in range(len(HATCHES))) if one not in taken]
            look = min(free, key=lambda one: one.variant in used, default=Look(color, 0))
            taken.add(look)
        looks.append(look)
    return looks


def text_on(color: str) -> str:
    """Black or white, whichever is read better on a color ("#RRGGBB"): at least 4.5:1.

    >>> text_on("#AA3366"), text_on("#EE6600")
    ('#FFFFFF', '#000000')
    """
    # Where black and white are equally far, both have a contrast of the square root of 21.
    return "#FFFFFF" if luminance(color) + 0.05 < 21**0.5 * 0.05 else "#000000"


def luminance(color: str) -> float:
    """The relative luminance of a color ("#RRGGBB"), 0 to 1, as WCAG 2 defines it.

    >>> luminance("#FFFFFF"), round(luminance("#111111"), 4)
    (1.0, 0.0056)
    """
    parts = (int(color[at : at + 2], 16) / 255 for at in (1, 3, 5))
    red, green, blue = (one / 12.92 if one <= 0.04045 else ((one + 0.055) / 1.055) ** 2.4 for one in parts)
    return 0.2126 * red + 0.7152 * green + 0.0722 * blue


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


def unescaped(text: object) -> str:
    r"""What plotly shows of a text that a figure holds, as one line: the inverse of :func:`escaped`.

    Breaks become blanks, markup goes, and what would steer a terminal is spelled out.

    >>> unescaped("<i>points apart</i>"), unescaped("&lt;b&gt;&#36;identify<br>" + chr(0x202E))
    ('points apart', '<b>$identify \\u202e')
    """
    bare = html.unescape(_MARKUP.sub("", _BREAK.sub(" ", "" if text is None else str(text)))).strip()
    return "".join(one if one.isprintable() else one.encode("unicode_escape").decode("ascii") for one in bare)
