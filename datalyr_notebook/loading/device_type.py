"""Phone, tablet, desktop, app or server: from what the browser says of itself, and the SDK."""

from __future__ import annotations

import re
from typing import Final

import numpy as np
import pandas as pd

from datalyr_notebook import schema
from datalyr_notebook.loading.encoding import combinations, encode, from_numbers, relabel

_TABLET: Final = re.compile(r"ipad|tablet|kindle|silk/|android(?!.*mobile)", re.IGNORECASE)
_PHONE: Final = re.compile(r"mobi|iphone|ipod|android|windows phone", re.IGNORECASE)
_LONGEST: Final = 2_000
"""A user agent is read up to here: longer ones are not browsers."""
_APP_PLATFORMS: Final = ("ios", "android")
_READ: Final = ("user_agent", "ua_mobile", "platform")

_OTHER_WORDS: Final = {"mobile": "phone", "smartphone": "phone", "mobile phone": "phone", "pc": "desktop"}
_TYPES: Final = frozenset(("phone", "tablet", "desktop", "app", "server", "unknown"))


def device_type(table: dict[str, pd.Series], flat: pd.DataFrame) -> pd.Series:
    """The device_type of each row; a given one is kept, ``unknown`` fills the rest.

    ``table`` holds the encoded columns (sdk, and device_type where given), ``flat`` the raw
    ``user_agent``, ``ua_mobile`` (userAgentData.mobile) and ``platform`` where there are any.
    ``mobile``, ``smartphone`` and ``pc`` are other words for phone and desktop.
    """
    present = [name for name in _READ if name in flat.columns]
    number, cases = combinations([table["sdk"], *(encode(flat[name], name) for name in present)])
    derived = [_derive(str(sdk), dict(zip(present, said, strict=True))) for sdk, *said in cases]
    names = list(dict.fromkeys(derived))
    codes = np.array([names.index(one) for one in derived], dtype=np.int32)[number]
    if "device_type" not in table:
        return from_numbers(codes, names, flat.index)
    given = relabel(table["device_type"], [_one_word(text) for text in table["device_type"].cat.categories])
    known = list(given.cat.categories)
    every = list(dict.fromkeys([*known, *names]))
    filled = np.array([every.index(name) for name in names], dtype=np.int32)[codes]
    given_codes = given.cat.codes.to_numpy()
    return from_numbers(np.where(given_codes >= 0, given_codes, filled), every, flat.index)


def _one_word(given: str) -> str:
    word = given.strip().casefold()
    return _OTHER_WORDS.get(word, word if word in _TYPES else given)


def _derive(sdk: str, said: dict[str, str | None]) -> str:
    if sdk in schema.SERVER_SDKS:
        return "server"
    if sdk in schema.MOBILE_SDKS:
        return "app"
    agent = (said.get("user_agent") or "")[:_LONGEST]
    if _TABLET.search(agent):
        return "tablet"
    if said.get("ua_mobile") == "true" or _PHONE.search(agent):
        return "phone"
    if said.get("ua_mobile") == "false" or agent:
        return "desktop"
    return "app" if said.get("platform") in _APP_PLATFORMS else "unknown"
