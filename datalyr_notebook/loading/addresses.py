"""What one address says of where a visit came from: utm tags, click ids, tracking-link tags.

Three kinds of address are read: a page's, a deep link's, and the text an app store hands to a new
install. All are text from strangers: never evaluated, read up to a fixed length and number of
fields, and never a reason to fail.
"""

from __future__ import annotations

from collections.abc import Collection
from typing import Final, NamedTuple
from urllib.parse import unquote, unquote_plus

CLICK_KEYS: Final = {
    "fbclid": "fbclid",
    "fb_click_id": "fbclid",
    "gclid": "gclid",
    "gbraid": "gbraid",
    "wbraid": "wbraid",
    "ttclid": "ttclid",
    "tt_click_id": "ttclid",
    "tiktok_click_id": "ttclid",
    "oppref": "oppref",
    "msclkid": "msclkid",
    "twclid": "twclid",
    "li_fat_id": "li_fat_id",
    "li_click_id": "li_click_id",
    "sclid": "sclid",
    "ScCid": "sclid",
    "sccid": "sclid",
    "dclid": "dclid",
    "epik": "epik",
    "rdt_cid": "rdt_cid",
    "obclid": "obclid",
    "irclid": "irclid",
    "irclickid": "irclid",
    "ko_click_id": "ko_click_id",
}
"""Every key that holds a click id, in the order in which one of several is chosen → its type."""

CLICK_SOURCES: Final = {
    "fbclid": "facebook",
    "gclid": "google",
    "gbraid": "google",
    "wbraid": "google",
    "ttclid": "tiktok",
    "oppref": "openai",
    "msclkid": "bing",
    "twclid": "twitter",
    "li_fat_id": "linkedin",
    "li_click_id": "linkedin",
    "sclid": "snapchat",
    "dclid": "doubleclick",
    "epik": "pinterest",
    "rdt_cid": "reddit",
    "obclid": "outbrain",
    "irclid": "impact",
    "ko_click_id": "klaviyo",
}
"""Click id type → the platform that wrote it."""


class Clues(NamedTuple):
    """The marketing evidence one address holds; None where it holds none of a kind."""

    source: str | None = None
    medium: str | None = None
    campaign: str | None = None
    term: str | None = None
    content: str | None = None
    click_id: str | None = None
    click_id_type: str | None = None
    ksource: str | None = None
    lyr: str | None = None


NO_CLUES: Final = Clues()

_LONGEST_ADDRESS: Final = 16_384
_MOST_FIELDS: Final = 500
_TRUNCATED: Final = "...[truncated]"
"""What the SDKs write at the end of a text they cut."""

_TAGS: Final = ("source", "medium", "campaign", "term", "content")
_MIRRORS: Final = ("campaign_source", "campaign_medium", "campaign_name", "campaign_term", "campaign_content")
_LINK_TAGS: Final = ("lyr", "datalyr", "dl_tag")
_FOLDED_CLICK_KEYS: Final = {key.lower(): kind for key, kind in CLICK_KEYS.items()}
_PAGE_KEYS: Final = frozenset((*(f"utm_{tag}" for tag in _TAGS), *CLICK_KEYS, "dl_ksource", "lyr"))
_APP_KEYS: Final = frozenset(
    (
        *(f"utm_{tag}" for tag in _TAGS),
        *_MIRRORS,
        *_FOLDED_CLICK_KEYS,
        *_LINK_TAGS,
        "dl_ksource",
        "dl_click_id",
        "dl_click_id_type",
    )
)


def click_id_type(text: str) -> str:
    """The canonical name of a click id type; one nobody knows keeps its text.

    >>> click_id_type("ScCid"), click_id_type("irclickid"), click_id_type("zzclid")
    ('sclid', 'irclid', 'zzclid')
    """
    return _FOLDED_CLICK_KEYS.get(text.lower(), text)


def read_page(url: str) -> Clues:
    """The clues in a page's query (keys are case-sensitive, the fragment is not read).

    >>> read_page("https://shop.example.com/?gclid=Cj0&utm_campaign=fall+sale").campaign
    'fall sale'
    """
    _, asked, query = _within_limit(url).partition("#")[0].partition("?")
    return _clues(_fields(query, _PAGE_KEYS)) if asked else NO_CLUES


def read_deep_link(url: str) -> Clues:
    """The clues in a deep link's query and fragment (keys in any case, as the mobile SDKs read them).

    >>> read_deep_link("shop://sale#campaign_source=newsletter&DL_TAG=jane")
    Clues(source='newsletter', medium=None, campaign=None, term=None, content=None, click_id=None, \
click_id_type=None, ksource=None, lyr='jane')
    """
    address, _, fragment = _within_limit(url).partition("#")
    query = address.partition("?")[2]
    route, asked, hidden = fragment.partition("?")
    return _clues({**_app_fields(hidden if asked else route), **_app_fields(query)})


def read_install_referrer(text: str) -> Clues:
    """The clues in what the app store hands to a new install.

    That is a bare query (``utm_source=x&dl_click_id=…&dl_click_id_type=gclid``), percent-encoded once
    or not, or a store address whose ``referrer`` field holds one.

    >>> clues = read_install_referrer("utm_source%3Dtiktok%26dl_click_id%3DE.C.P%26dl_click_id_type%3Dttclid")
    >>> clues.source, clues.click_id_type, clues.click_id
    ('tiktok', 'ttclid', 'E.C.P')
    """
    fields = _install_fields(_within_limit(text))
    return _clues({**_install_fields(fields.pop("referrer", "")), **fields})


def _clues(fields: dict[str, str]) -> Clues:
    if not fields:
        return NO_CLUES
    get = fields.get
    named = get("dl_click_id_type")
    click = get("dl_click_id")
    kind = click_id_type(named) if click and named else None
    if kind is None:
        key = next((key for key in CLICK_KEYS if key in fields), None)
        if key is not None:
            click, kind = fields[key], CLICK_KEYS[key]
    link = next((fields[tag] for tag in _LINK_TAGS if tag in fields), None)
    return Clues(
        get("utm_source") or get("campaign_source"),
        get("utm_medium") or get("campaign_medium"),
        get("utm_campaign") or get("campaign_name"),
        get("utm_term") or get("campaign_term"),
        get("utm_content") or get("campaign_content"),
        click,
        kind,
        get("dl_ksource"),
        link,
    )


def _app_fields(query: str) -> dict[str, str]:
    return _fields(query, _APP_KEYS, fold=True)


def _install_fields(text: str) -> dict[str, str]:
    plain = text if "=" in text else unquote(text)
    question = plain.find("?")
    if 0 <= question < plain.find("="):
        plain = plain[question + 1 :]
    return _fields(plain.partition("#")[0], _APP_KEYS | {"referrer"}, fold=True)


def _fields(query: str, wanted: Collection[str], *, fold: bool = False) -> dict[str, str]:
    """The wanted fields of a query, decoded; of several with one name the first that is not blank."""
    found: dict[str, str] = {}
    for field in query.split("&", _MOST_FIELDS)[:_MOST_FIELDS]:
        key, _, value = field.partition("=")
        if "%" in key:
            key = unquote(key)
        if fold:
            key = key.lower()
        if key in wanted and key not in found:
            text = (unquote_plus(value) if "%" in value or "+" in value else value).strip()
            if text:
                found[key] = text
    return found


def _within_limit(text: str) -> str:
    """An address without its last field where that was cut: half a click id names another click."""
    if len(text) <= _LONGEST_ADDRESS and not text.endswith(_TRUNCATED):
        return text
    shortened = text[:_LONGEST_ADDRESS]
    return shortened.rpartition("&")[0] or shortened.partition("?")[0]
