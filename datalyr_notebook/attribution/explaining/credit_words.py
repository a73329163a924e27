"""An explained conversion as text, and as HTML in which every text is escaped."""

from __future__ import annotations

import html
from collections.abc import Iterable
from typing import TYPE_CHECKING, Final

import numpy as np
import pandas as pd

from datalyr_notebook import schema
from datalyr_notebook.attribution.explaining.touch_evidence import short_id
from datalyr_notebook.loading.evidence import DIRECT_SOURCES
from datalyr_notebook.rendering import ROWS_SHOWN, counted, lasting, moment, percent, plain, table_html

if TYPE_CHECKING:
    from datalyr_notebook.attribution.explain import CreditExplanation

_OTHERS_SHOWN: Final = 6
_LONGEST_CELL: Final = 400
"""Sentences are shown whole."""


def text_of(told: CreditExplanation) -> str:
    """The answer in a sentence; then each model's reason, the journey, and what is not in it."""
    lines = [_headline(told), *_notes(told)]
    if told.why:
        lines += ["", "Why"]
        lines += [f"  {plain(name)} {_gives(told, name)}: {why}." for name, why in told.why.items()]
    if len(told.touches):
        lines += ["", _journey_title(told)]
        lines += _journey_lines(told)
    if len(told.left_out):
        lines += ["", _others_title(told)]
        others = _shown_others(told)
        lines += [
            f"  {_line(row)}, {moment(row['timestamp'])}, {_earlier(row['age_days'])}: {row['reason']}."
            for _, row in others.iterrows()
        ]
    return "\n".join(lines)


def html_of(told: CreditExplanation) -> str:
    """The same as tables."""
    notes = "".join(f"<p>{html.escape(note)}</p>" for note in _notes(told))
    parts = [f"<p style='margin:0'><b>{html.escape(_headline(told))}</b></p>{notes}"]
    if told.why:
        reasons = pd.DataFrame(
            {
                "model": [plain(name) for name in told.why],
                "credit": [_shares(told, name) for name in told.why],
                "because": list(told.why.values()),
            }
        )
        parts.append(table_html("Why", reasons, ".why", longest_cell=_LONGEST_CELL))
    if len(told.touches):
        journey = _journey_table(told)
        parts.append(table_html(_journey_title(told), journey, ".touches", longest_cell=_LONGEST_CELL))
    if len(told.left_out):
        others = _shown_others(told)
        table = pd.DataFrame(
            {
                "when": _unbroken(moment(when) for when in others["timestamp"]),
                "age": _unbroken(_earlier(age) for age in others["age_days"]),
                "touch": [_line(row) for _, row in others.iterrows()],
                "why not": others["reason"].to_numpy(),
            }
        )
        parts.append(table_html(_others_title(told), table, ".left_out", longest_cell=_LONGEST_CELL))
    return "<div style='margin:0.6em 0'></div>".join(parts)


def _headline(told: CreditExplanation) -> str:
    return f"{_conversion(told)}: {_answer(told)}"


def _conversion(told: CreditExplanation) -> str:
    one = told.conversion
    order_id = f" {short_id(one['order_id'])}" if isinstance(one["order_id"], str) else ""
    currency = f" {plain(one['currency'])}" if isinstance(one["currency"], str) else ""
    value = "without a value" if pd.isna(one["value"]) else f"of {one['value']:,.2f}{currency}"
    kind = _kind(told)[:1].upper() + _kind(told)[1:]
    where = f" ({_device_type(one)})" if _device_type(one) != "device" else ""
    return f"{kind}{order_id} {value} by {plain(str(one['person_id']))} on {moment(one['timestamp'])}{where}"


def _answer(told: CreditExplanation) -> str:
    """What the first touch model makes of it."""
    if not len(told.touches):
        return "no touch to give it to, so it stays unattributed."
    if not told.models:
        return f"{counted(len(told.touches), 'touch', 'touches')} led to it."
    model = told.models[0]
    weights = told.weights[model].to_numpy()
    if np.count_nonzero(weights) > 1:
        return f"{plain(model)} {_gives(told, model)}."
    touch = told.touches.iloc[int(weights.argmax())]
    named = _named(touch, ("source", "campaign"))
    return f"{plain(model)} gives it to {named}, {_how(told, touch)}."


def _notes(told: CreditExplanation) -> list[str]:
    notes = [told.unattributed] if told.unattributed else []
    if told.total_models:
        *others, last = (plain(name) for name in told.total_models)
        names = f"{', '.join(others)} and {last}" if others else last
        notes.append(
            f"{names} {'say' if len(told.total_models) > 1 else 'says'} what channels earned of all conversions "
            "together, and nothing of a single one: see result.totals."
        )
    if told.known_later:
        places = ", ".join(str(place + 1) for place in told.known_later[:ROWS_SHOWN])
        more = " and more" if len(told.known_later) > ROWS_SHOWN else ""
        touches, them = ("Touch", "it") if len(told.known_later) == 1 else ("Touches", "them")
        notes.append(
            f"{touches} {places}{more} became known as this person's only after the {_kind(told)}: "
            f"evidence='at_conversion' would leave {them} out."
        )
    return notes


def _gives(told: CreditExplanation, model: str) -> str:
    """What a model does with the conversion."""
    shares = _shares(told, model)
    return f"gives it to {shares}" if (told.credit["model"] == model).sum() == 1 else f"gives {shares}"


def _shares(told: CreditExplanation, model: str) -> str:
    """The channels that a model gives something, the largest share first."""
    rows = told.credit[told.credit["model"] == model]
    if len(rows) == 1:
        return plain(str(rows["channel"].iloc[0]))
    return ", ".join(
        f"{plain(channel)} {percent(weight)}" for channel, weight in zip(rows["channel"], rows["weight"], strict=True)
    )


def _kind(told: CreditExplanation) -> str:
    """What the conversion is called."""
    return plain(str(told.conversion["kind"]))


def _journey_title(told: CreditExplanation) -> str:
    total, shown = len(told.touches), len(_shown_touches(told))
    title = f"Journey: {counted(total, 'touch', 'touches')}, lookback {told.lookback}"
    if shown == total:
        return title
    most = f"the {shown} with the largest shares" if told.models else f"the last {shown}"
    return f"{title}; {most} are shown, .touches has them all"


def _others_title(told: CreditExplanation) -> str:
    total, shown = len(told.left_out), len(_shown_others(told))
    title = f"Not in this journey: {counted(total, 'touch', 'touches')} of the same person"
    return title if shown == total else f"{title}; the {shown} nearest in time are shown, .left_out has them all"


def _shown_touches(told: CreditExplanation) -> list[int]:
    """The places of the touches that are shown: of a long journey those with the largest share under any model.

    Of equals the later ones.
    """
    count = len(told.touches)
    if count <= ROWS_SHOWN:
        return list(range(count))
    most = told.weights.max(axis=1).to_numpy() if told.models else np.zeros(count)
    chosen: list[int] = np.sort(np.lexsort((-np.arange(count), -most))[:ROWS_SHOWN]).tolist()
    return chosen


def _shown_others(told: CreditExplanation) -> pd.DataFrame:
    """The touches nearest to the conversion, in time order."""
    age = told.left_out["age_days"].abs()
    return told.left_out.loc[age.sort_values(kind="stable").index[:_OTHERS_SHOWN].sort_values()]


def _journey_lines(told: CreditExplanation) -> list[str]:
    lines = []
    places = _shown_touches(told)
    whose, rules = (_once(told.touches[name], places) for name in ("evidence", "channel_rule"))
    for place, evidence, rule in zip(places, whose, rules, strict=True):
        touch = told.touches.iloc[place]
        lines += [
            f"  {place + 1}. {_line(touch)}, {moment(touch['timestamp'])}, {_earlier(touch['age_days'])}",
            f"     whose: {evidence}",
            f"     channel: {rule}",
        ]
        if told.models:
            lines.append(f"     share: {_earned(told, place)}")
    return lines


def _once(sentences: pd.Series, places: list[int]) -> list[str]:
    """The sentences at these places; one that was said before refers to the touch that said it."""
    said: dict[str, int] = {}
    return [
        sentence if said.setdefault(sentence, place) == place else f"as touch {said[sentence] + 1}"
        for place, sentence in zip(places, sentences.iloc[places], strict=True)
    ]


def _earned(told: CreditExplanation, place: int) -> str:
    """A touch's share under each model that gives it one."""
    weights = told.weights.iloc[place]
    shares = (f"{plain(str(name))} {percent(weight)}" for name, weight in weights.items() if weight > 0)
    return ", ".join(shares) or "none"


def _journey_table(told: CreditExplanation) -> pd.DataFrame:
    places = _shown_touches(told)
    touches = [told.touches.iloc[place] for place in places]
    shown = {
        "": [str(place + 1) for place in places],
        "when": [_when(one) for one in touches],
        "touch": [_line(one) for one in touches],
        **({"share": [_earned(told, place) for place in places]} if told.models else {}),
        "how it is this person's": _once(told.touches["evidence"], places),
        "rule of the channel": _once(told.touches["channel_rule"], places),
    }
    return pd.DataFrame(shown)


def _when(touch: pd.Series) -> str:
    """The day, the time and the age: a column breaks between them, so that the sentences beside it have room."""
    day, time, zone = moment(touch["timestamp"]).rsplit(" ", 2)
    return " ".join(_unbroken([day, f"{time} {zone},", _earlier(touch["age_days"])]))


def _unbroken(texts: Iterable[str]) -> list[str]:
    """Short texts that a narrow column must not break into lines."""
    return [text.replace(" ", "\u00a0") for text in texts]


def _line(touch: pd.Series) -> str:
    """A touch in a line: channel, evidence, device."""
    what = "a click" if isinstance(touch["click_id_type"], str) else "a visit"
    device = touch["anonymous_id"]
    where = f" on {_device_type(touch)} {short_id(device)}" if isinstance(device, str) else ""
    return f"{_named(touch)}, {what}{where}"


def _named(touch: pd.Series, fields: tuple[str, ...] = ("source", "medium", "campaign")) -> str:
    """The channel with its evidence, where there is any."""
    texts = [touch[name] for name in fields if isinstance(touch[name], str)]
    if not texts or texts[0].strip().casefold() in DIRECT_SOURCES:
        return plain(str(touch["channel"]))
    return f"{plain(str(touch['channel']))} ({', '.join(plain(text) for text in texts)})"


def _how(told: CreditExplanation, touch: pd.Series) -> str:
    what = "clicked" if isinstance(touch["click_id_type"], str) else "a visit"
    kind = _device_type(touch)
    if touch["same_device"]:
        where = f"the same {kind}"
    elif kind == _device_type(told.conversion) and _is_elsewhere(told.conversion, touch):
        where = f"another {kind}"
    else:
        where = f"{'an' if kind[0] in 'aeiou' else 'a'} {kind}"
    return f"{what} {_earlier(touch['age_days'])} on {where}"


def _is_elsewhere(conversion: pd.Series, touch: pd.Series) -> bool:
    """Whether both devices are known: an order that only a server sent happened on none that anybody knows."""
    known = isinstance(conversion["anonymous_id"], str) and isinstance(touch["anonymous_id"], str)
    return known and conversion["sdk"] not in schema.SERVER_SDKS


def _earlier(days: float) -> str:
    if days == 0:
        return "at the same moment"
    return f"{lasting(abs(days))} {'earlier' if days > 0 else 'later'}"


def _device_type(row: pd.Series) -> str:
    kind = row["device_type"]
    return plain(kind) if isinstance(kind, str) and kind != "unknown" else "device"
