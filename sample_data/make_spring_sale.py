# noqa: INP001  (a script beside the file it wrote)
"""Write spring_sale.jsonl.gz: two months of a shop that never was, told by a few rules and a seed.

Run it from the repository's root: ``python sample_data/make_spring_sale.py``. The people come in kinds
(``KINDS``): what a kind first taps, where it goes on, how likely it buys. An ad is tapped on the phone, the
order is placed on the desktop; whether the phone is ever tied to its person depends on a login, which may
come after the order or never. Only ``random.random`` is drawn, which every version of Python answers alike.
"""

from __future__ import annotations

import gzip
import json
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from pathlib import Path
from random import Random
from typing import Any, Final, NamedTuple, TypeVar

T = TypeVar("T")

PEOPLE: Final = 1_300
SEED: Final = 20260401
START: Final = datetime(2026, 4, 1, tzinfo=UTC)
END: Final = datetime(2026, 6, 1, tzinfo=UTC)
SHOP: Final = "https://shop.example.com"

_CHROME: Final = "AppleWebKit/537.36 (KHTML, like Gecko) Chrome/146.0.0.0"
_SAFARI: Final = "AppleWebKit/605.1.15 (KHTML, like Gecko) Version/19.3"

AGENTS: Final = {
    "phone": (
        f"Mozilla/5.0 (Linux; Android 16; Pixel 10) {_CHROME} Mobile Safari/537.36",
        f"Mozilla/5.0 (iPhone; CPU iPhone OS 19_3 like Mac OS X) {_SAFARI} Mobile/15E148 Safari/604.1",
    ),
    "tablet": (f"Mozilla/5.0 (Linux; Android 16; SM-X230) {_CHROME} Safari/537.36",),
    "desktop": (
        f"Mozilla/5.0 (Windows NT 10.0; Win64; x64) {_CHROME} Safari/537.36",
        f"Mozilla/5.0 (Macintosh; Intel Mac OS X 10_15_7) {_SAFARI} Safari/605.1.15",
    ),
}


class Landing(NamedTuple):
    """How a visit arrives: tags in the address, the name of a click id, the page before."""

    query: str = ""
    click: str = ""
    referrer: str = ""


CHANNELS: Final[Mapping[str, Sequence[Landing]]] = {
    "social": (
        Landing("utm_source=facebook&utm_medium=paid_social&utm_campaign=spring_trails", "fbclid"),
        Landing("utm_source=facebook&utm_medium=paid_social&utm_campaign=family_camping", "fbclid"),
        Landing("utm_source=facebook&utm_medium=paid_social&utm_campaign=spring_trails", "fbclid"),
        Landing("utm_source=tiktok&utm_medium=paid_social&utm_campaign=tent_in_two_minutes", "ttclid"),
    ),
    "search": (
        Landing("utm_source=google&utm_medium=cpc&utm_campaign=brand", "gclid"),
        Landing("utm_source=google&utm_medium=cpc&utm_campaign=tents", "gclid"),
    ),
    "email": (
        Landing("utm_source=newsletter&utm_medium=email&utm_campaign=april_news"),
        Landing("utm_source=newsletter&utm_medium=email&utm_campaign=spring_sale"),
    ),
    "organic": (Landing(referrer="https://www.google.com/"), Landing(referrer="https://duckduckgo.com/")),
    "friends": (Landing(referrer="https://l.instagram.com/"),),
    "blog": (Landing(referrer="https://www.hut-to-hut.example/gear"),),
    "affiliate": (Landing("utm_source=gearcompare&utm_medium=affiliate&utm_campaign=tents"),),
    "assistant": (Landing(referrer="https://chatgpt.com/"),),
    "podcast": (Landing("utm_source=trail_talk&utm_medium=podcast&utm_campaign=episode_31"),),
    "direct": (Landing(),),
}


class Step(NamedTuple):
    """A visit that a kind of person makes: on which device, through what (with weights), how likely at all."""

    device: str
    through: Mapping[str, float]
    likely: float = 1.0
    days: tuple[float, float] = (1, 6)
    """After the step before."""


class Kind(NamedTuple):
    """People who shop alike."""

    share: float
    """Of all people, up to a factor."""
    stays: float
    """How likely each next step is taken."""
    buys: float
    """How likely the last step is an order."""
    steps: Sequence[Step]
    is_member: bool = False
    """Often logged in, whether or not they order."""


_CLOSING: Final = {"direct": 0.5, "email": 0.25, "search": 0.25}

_AD_THEN_DESKTOP: Final = (
    Step("phone", {"social": 1}),
    Step("phone", {"social": 0.75, "direct": 0.25}, likely=0.6, days=(0.5, 5)),
    Step("desktop", {"organic": 0.4, "search": 0.4, "direct": 0.2}, likely=0.7, days=(0.5, 12)),
    Step("desktop", _CLOSING, days=(0.2, 5)),
)
_AD_THEN_PHONE: Final = (
    Step("phone", {"social": 1}),
    Step("phone", {"social": 0.75, "direct": 0.25}, likely=0.5),
)
_SEARCHERS: Final = (
    Step("desktop", {"search": 1}),
    Step("desktop", {"search": 0.5, "organic": 0.5}, likely=0.4),
    Step("desktop", _CLOSING, likely=0.75),
)
_READERS: Final = (
    Step("phone", {"email": 1}),
    Step("desktop", {"direct": 0.6, "email": 0.4}, likely=0.7, days=(0.1, 4)),
)

KINDS: Final = (
    Kind(0.41, 0.8, 0.6, _AD_THEN_DESKTOP),
    Kind(0.085, 0.75, 0.52, _AD_THEN_PHONE),
    Kind(0.14, 0.8, 0.45, _SEARCHERS),
    Kind(0.11, 0.8, 0.4, (Step("desktop", {"organic": 1}), Step("desktop", _CLOSING, likely=0.8))),
    Kind(0.07, 0.85, 0.62, _READERS, is_member=True),
    *(
        Kind(share, 0.7, 0.42, (Step(device, {first: 1}), Step("desktop", then, likely=0.85, days=(0.5, 8))))
        for share, device, first, then in (
            (0.055, "desktop", "affiliate", {"affiliate": 0.4, "direct": 0.4, "search": 0.2}),
            (0.055, "desktop", "blog", {"direct": 0.5, "search": 0.3, "organic": 0.2}),
            (0.05, "desktop", "assistant", {"direct": 0.6, "search": 0.4}),
            (0.045, "phone", "podcast", {"organic": 0.4, "direct": 0.6}),
            (0.035, "phone", "friends", {"organic": 0.5, "direct": 0.5}),
        )
    ),
)

HAS_ACCOUNT: Final = 0.9
"""Of those who order; the others order as a guest and are never known."""
TIED: Final = {"before": 0.36, "after": 0.38, "never": 0.26}
"""When a phone that saw an ad is logged in on, of those who order elsewhere."""
ASKS, SAVES_CART = 0.35, 0.6
"""How likely somebody who orders had asked for advice (lead), and then saved a cart (opportunity)."""
COMES_BACK: Final = 0.12
HOUSEHOLDS: Final = 45
"""Pairs of people who share a tablet and a desktop, and log out after each visit."""
COPIED: Final = 0.25
"""Orders that the shop's server sends as well."""
RETURNED: Final = 0.06
PRICES: Final = (19.9, 45.0, 59.5, 75.0, 99.99, 129.0, 139.0, 179.0, 249.0)


@dataclass(frozen=True)
class Device:
    """A browser; on a shared one people log out after each visit."""

    name: str
    agent: str
    is_shared: bool = False


@dataclass
class Visit:
    """When, where, through what; what happened in it; who logs in, if anybody."""

    time: datetime
    device: Device
    landing: Landing
    happenings: list[str] = field(default_factory=list)
    user: str | None = None


class Draw:
    """Chance, out of ``random.random`` alone."""

    def __init__(self, seed: int) -> None:
        self.number = Random(seed).random  # noqa: S311  (a sample, no secret)

    def happens(self, likely: float) -> bool:
        """Whether something does that is so likely."""
        return self.number() < likely

    def between(self, low: float, high: float) -> float:
        """A number between two."""
        return low + (high - low) * self.number()

    def one_of(self, several: Sequence[T]) -> T:
        """One of several, all alike."""
        return several[int(self.number() * len(several))]

    def weighted(self, weights: Mapping[T, float]) -> T:
        """One of several, each as likely as its weight."""
        names, at = list(weights), self.number() * sum(weights.values())
        return next((name for name in names if (at := at - weights[name]) < 0), names[-1])

    def name(self) -> str:
        """A short name for a device or a click."""
        return "".join(self.one_of("0123456789abcdef") for _ in range(6))

    def device(self, kind: str, *, is_shared: bool = False) -> Device:
        """A new phone or desktop."""
        return Device(f"anon_{self.name()}", self.one_of(AGENTS[kind]), is_shared)

    def visit(self, day: float, device: Device, channel: str) -> Visit:
        """A visit on a day since the start, between 7:00 and 23:00 (UTC): people sleep at night."""
        whole, part = divmod(day, 1)
        time = START + timedelta(days=whole, seconds=int((7 + part * 16) * 3600))
        return Visit(time, device, self.one_of(CHANNELS[channel]))


def visits_of_everybody(draw: Draw) -> list[Visit]:
    """What everybody did, one person after the other; the first ones share their devices in pairs."""
    visits: list[Visit] = []
    devices: dict[str, Device] = {}
    for number in range(PEOPLE):
        at_home = number < 2 * HOUSEHOLDS
        if number % 2 == 0 or not at_home:
            phone = draw.device("tablet" if at_home else "phone", is_shared=at_home)
            devices = {"phone": phone, "desktop": draw.device("desktop", is_shared=at_home)}
        visits += _person(draw, f"user_{2001 + number}", devices)
    return visits


def _person(draw: Draw, user: str, devices: Mapping[str, Device]) -> list[Visit]:
    kind = KINDS[draw.weighted({at: kind.share for at, kind in enumerate(KINDS)})]
    visits: list[Visit] = []
    day, goes_on = draw.between(0, 56), True
    for step in kind.steps:
        if visits and not draw.happens(step.likely):
            continue
        goes_on = not visits or draw.happens(kind.stays)
        if not goes_on:
            break
        day += draw.between(*step.days) if visits else 0
        visits.append(draw.visit(day, devices[step.device], draw.weighted(step.through)))
    for visit in visits if kind.is_member else []:
        visit.user = user if draw.happens(0.6) else None
    if goes_on and draw.happens(kind.buys):
        return _order(draw, visits, user, day, devices["phone"])
    if draw.happens(0.08):
        visits[-1].user = user
    return visits


def _order(draw: Draw, visits: list[Visit], user: str, day: float, phone: Device) -> list[Visit]:
    last = visits[-1]
    if draw.happens(ASKS):
        visits[len(visits) // 2].happenings.append("lead")
        if draw.happens(SAVES_CART):
            last.happenings.append("opportunity")
    last.happenings.append("purchase")
    if not draw.happens(HAS_ACCOUNT):
        return visits
    last.user = user
    on_phone = [visit for visit in visits if visit.device == phone != last.device]
    tied = draw.weighted(TIED)
    if on_phone and tied == "before":
        on_phone[-1].user = user
    if on_phone and tied == "after":
        visits.append(_login(draw, day + draw.between(0.3, 9), phone, user))
    if draw.happens(COMES_BACK):
        visits.append(_login(draw, day + draw.between(6, 25), last.device, user))
        visits[-1].happenings.append("purchase")
    return visits


def _login(draw: Draw, day: float, device: Device, user: str) -> Visit:
    visit = draw.visit(day, device, draw.weighted({"email": 0.6, "direct": 0.4}))
    visit.user = user
    return visit


def events(seed: int = SEED) -> list[dict[str, Any]]:
    """All events in order of time, as flat records."""
    draw = Draw(seed)
    visits = sorted(visits_of_everybody(draw), key=lambda visit: (visit.time, visit.device.name))
    rows: list[dict[str, Any]] = []
    known: dict[str, str] = {}
    orders = 0
    for visit in visits:
        if visit.time > END - timedelta(hours=2):
            continue
        orders += "purchase" in visit.happenings
        rows += list(_rows(draw, visit, known, f"T-{4000 + orders}"))
        if visit.device.is_shared:
            known.pop(visit.device.name, None)
    rows.sort(key=lambda row: (row["timestamp"], row["anonymous_id"]))
    return [{"event_id": f"e{number:05d}", **row} for number, row in enumerate(rows, 1)]


def _rows(draw: Draw, visit: Visit, known: dict[str, str], order_id: str) -> Iterator[dict[str, Any]]:
    """What a visit says; the user is known from the login on."""
    time, device = visit.time, visit.device

    def row(event_name: str, user: str | None, **more: object) -> dict[str, Any]:
        said = {"timestamp": _text(time), "event_name": event_name, "anonymous_id": device.name, "user_id": user}
        return {**said, "sdk": "web", "user_agent": device.agent, **more}

    query = visit.landing.query + (f"&{visit.landing.click}={draw.name()}" if visit.landing.click else "")
    yield row("pageview", known.get(device.name), url=f"{SHOP}/?{query}" if query else f"{SHOP}/", **_referrer(visit))
    happenings = ["view_item"] * draw.happens(0.3) + visit.happenings
    if visit.user and known.get(device.name) != visit.user:
        happenings.insert(-1 if "purchase" in happenings else len(happenings), "$identify")
    for name in happenings:
        time += timedelta(seconds=int(draw.between(20, 200)))
        if name == "$identify":
            known[device.name] = str(visit.user)
        if name != "purchase":
            traits = {"traits": {"email": f"{visit.user}@example.com"}} if name == "$identify" else {}
            yield row(name, known.get(device.name), **traits)
            continue
        value = round(sum(draw.one_of(PRICES) for _ in range(draw.one_of((1, 1, 2)))), 2)
        money = {"value": value, "currency": "USD", "order_id": order_id}
        yield row(name, known.get(device.name), **money)
        yield from _from_server(draw, time, {"anonymous_id": device.name, "user_id": known.get(device.name)}, money)


def _referrer(visit: Visit) -> dict[str, str]:
    return {"referrer": visit.landing.referrer} if visit.landing.referrer else {}


def _from_server(
    draw: Draw, time: datetime, ids: Mapping[str, str | None], money: Mapping[str, Any]
) -> Iterator[dict[str, Any]]:
    """What the shop's server adds to an order: a copy of some, and some are sent back."""
    if draw.happens(COPIED):
        copied = time + timedelta(seconds=int(draw.between(2, 30)))
        yield {"timestamp": _text(copied), "event_name": "purchase", **ids, "sdk": "node", **money}
    back = time + timedelta(days=draw.between(3, 14))
    if draw.happens(RETURNED) and back < END:
        yield {"timestamp": _text(back), "event_name": "refund", **ids, "sdk": "node", **money}


def _text(time: datetime) -> str:
    return f"{time:%Y-%m-%dT%H:%M:%SZ}"


def main() -> None:
    """Write the file beside this one."""
    lines = "".join(json.dumps(row, separators=(",", ":")) + "\n" for row in events())
    Path(__file__).with_name("spring_sale.jsonl.gz").write_bytes(gzip.compress(lines.encode(), mtime=0))


if __name__ == "__main__":
    main()
