"""Marketing evidence: source, medium and click of every event, from what its address bar really showed.

The labels an SDK derived (``source``, ``medium``, …) are not read, except from a flat frame of unknown
origin. Source and medium are resolved each on its own:

* source: ``dl_ksource``, utm_source, the click id's platform, the referring host, a tracking link alone,
  else ``direct`` where some other tag is there;
* medium: utm_medium, ``cpc`` with a click id, ``email`` for klaviyo, the referring host's medium where
  the source came from it.

An app repeats its stored attribution on every event, so of a mobile row only the deep link itself, the
install referrer and Apple Search Ads count, never the keys around them.

All work is on integer codes: Python runs once a distinct text, never once a row.
"""

from __future__ import annotations

from collections.abc import Collection, Mapping, Sequence
from typing import Final, NamedTuple

import numpy as np
import pandas as pd
import pyarrow as pa
import pyarrow.compute as pc

from datalyr_notebook import errors, schema
from datalyr_notebook.loading import addresses, hosts, layers
from datalyr_notebook.loading.encoding import as_text
from datalyr_notebook.loading.layers import Coded
from datalyr_notebook.order import Codes, Flags

TAGS: Final = ("source", "medium", "campaign", "term", "content")

EVIDENCE_INPUTS: Final = (
    *(f"utm_{tag}" for tag in TAGS),
    *TAGS,
    "dl_ksource",
    "lyr",
    "click_id",
    "click_id_type",
    *addresses.CLICK_KEYS,
    "referrer",
    "referrer_host",
    "url",
    "consent_marketing",
    "consent_sale",
    "captured_at",
    "deep_link_url",
    "attribution_timestamp",
    "install_referrer_url",
    "asa_campaign_name",
    "asa_campaign_id",
    "asa_attribution",
)
"""The columns :func:`recompute` reads beside ``sdk`` and ``event_name`` (and any other ``asa_…``)."""

DIRECT_SOURCES: Final = frozenset(("direct", "(direct)"))
DIRECT_MEDIUMS: Final = frozenset(("", "none", "(none)", "(not set)", "direct"))
"""Compared after trim and case-fold; a missing medium counts as blank."""

INSTALL_EVENT: Final = "app_install"
APPLE_SEARCH_ADS: Final = "apple_search_ads"
TRACKING_LINK: Final = "datalyr_link"

_KLAVIYO: Final = "klaviyo"
FALSE: Final = frozenset(("false", "0"))


class _Sdks(NamedTuple):
    """Which rows came from which kind of SDK."""

    web: Flags
    mobile: Flags
    unknown: Flags


class _Found(NamedTuple):
    """The addresses of all rows, each distinct one read once."""

    codes: Codes
    clues: list[addresses.Clues]


class _Clicks(NamedTuple):
    """Each row's click id (Arrow text) and its type."""

    ids: pa.Array | None
    types: Coded | None
    present: Flags


class _Referrers(NamedTuple):
    """Each row's referring host, and the source and medium it stands for where it is a signal."""

    hosts: Coded | None
    source: Coded | None
    medium: Coded | None


class _App(NamedTuple):
    """What counts on mobile rows: deep link, install referrer, Apple Search Ads."""

    deep_link: Coded | None
    install: Coded | None
    search_ads: Flags
    search_ads_campaign: Coded | None


def recompute(flat: pd.DataFrame, *, ignore_referrers: Collection[str] = ()) -> pd.DataFrame:
    """Source, medium, campaign, click and referring host of each event, from the evidence it carries.

    ``flat`` has one row an event and any of the columns ``sdk``, ``event_name`` and
    :data:`EVIDENCE_INPUTS`, as text, category or anything else; null and blank are absent. The hosts
    in ``ignore_referrers`` (and the hosts below them) are no signal, like login and payment hosts.

    Returns a table of the same index: source, medium, campaign, term, content, click_id_type,
    referrer_host and touch_key as categories in order of appearance, click_id as text,
    touch_is_carried as bool. Rows without evidence keep source and medium null. A click id that
    stands only in an address is not read where consent for marketing or sale was refused.
    ``touch_key`` names a mobile row's deep link, so that a link kept and sent again is told from a
    new one. The rules are those in the module's docstring; utm and click id definitions are the
    ad platforms' own.

    Raises OptionError where an entry of ``ignore_referrers`` is no host.

    >>> recompute(pd.DataFrame({"sdk": ["web"], "url": ["https://shop.example.com/?gclid=Cj0"]}))[
    ...     ["source", "medium", "click_id_type", "click_id"]
    ... ]
       source medium click_id_type click_id
    0  google    cpc         gclid      Cj0
    """
    ignored = dict.fromkeys((*hosts.LOGIN_AND_PAYMENT_HOSTS, *_named_hosts(ignore_referrers)), True)
    if not any(name in EVIDENCE_INPUTS or _is_search_ads(name) for name in flat.columns):
        return _table(flat.index, {}, None, np.zeros(len(flat), dtype=bool))
    sdks = _sdks(flat)
    app = _app(flat, sdks.mobile)
    url = layers.unless(layers.column(flat, "url"), sdks.mobile)
    found = _found(url, app)
    tags = {tag: _tag(flat, tag, found, sdks) for tag in TAGS}
    link = layers.first((layers.unless(layers.column(flat, "lyr"), sdks.mobile), _clue(found, "lyr")))
    ksource = layers.first((layers.unless(layers.column(flat, "dl_ksource"), sdks.mobile), _clue(found, "ksource")))
    clicks = _clicks(flat, found, sdks)
    referrers = _referrers(flat, url, sdks.mobile, ignored)

    named = layers.first(
        (
            layers.constant(app.search_ads, APPLE_SEARCH_ADS),
            layers.relabeled(ksource, lambda text: _KLAVIYO if text.casefold() == _KLAVIYO else None),
            tags["source"],
            layers.relabeled(clicks.types, addresses.CLICK_SOURCES.get),
        )
    )
    from_referrer = layers.present(referrers.source, len(flat)) & ~layers.present(named, len(flat))
    named = layers.first((named, referrers.source))
    from_link = layers.present(link, len(flat)) & ~layers.present(named, len(flat))
    tagged = np.logical_or.reduce([layers.present(tags[tag], len(flat)) for tag in TAGS])
    source = layers.first(
        (named, layers.constant(from_link, TRACKING_LINK), layers.constant(tagged & ~clicks.present, "direct"))
    )
    medium = layers.first(
        (
            layers.constant(app.search_ads, "cpc"),
            tags["medium"],
            layers.constant(clicks.present, "cpc"),
            layers.relabeled(source, lambda text: "email" if text.casefold() == _KLAVIYO else None),
            layers.only(referrers.medium, from_referrer),
        )
    )
    columns = {
        **tags,
        "source": source,
        "medium": medium,
        "campaign": layers.first((app.search_ads_campaign, tags["campaign"], layers.only(link, from_link))),
        "click_id_type": clicks.types,
        "referrer_host": referrers.hosts,
        "touch_key": _touch_key(flat, app),
    }
    return _table(flat.index, columns, clicks.ids, sdks.web & layers.has(flat, "captured_at"))


def _named_hosts(ignore_referrers: Collection[str]) -> list[str]:
    entries = (ignore_referrers,) if isinstance(ignore_referrers, str) else ignore_referrers
    named = []
    for entry in entries:
        host = hosts.host_of(entry) if isinstance(entry, str) else None
        if host is None:
            raise errors.OptionError("normalize_events", "ignore_referrers", entry, "hosts, such as 'pay.example.com'")
        named.append(host.removeprefix("www."))
    return named


def _is_search_ads(name: object) -> bool:
    return isinstance(name, str) and name.startswith("asa_")


def _sdks(flat: pd.DataFrame) -> _Sdks:
    sdk = layers.column(flat, "sdk")
    if sdk is None:
        no_row = np.zeros(len(flat), dtype=bool)
        return _Sdks(no_row, no_row, ~no_row)
    return _Sdks(
        layers.is_one_of(sdk, ("web",)),
        layers.is_one_of(sdk, schema.MOBILE_SDKS),
        layers.is_one_of(sdk, ("unknown",)) | ~sdk.present,
    )


def _app(flat: pd.DataFrame, mobile: Flags) -> _App:
    """On an ``app_install`` Apple Search Ads wins, then an install referrer that says something."""
    no_row = np.zeros(len(flat), dtype=bool)
    if not mobile.any():
        return _App(None, None, no_row, None)
    name = layers.column(flat, "event_name")
    installed = mobile & layers.is_one_of(name, (INSTALL_EVENT,)) if name is not None else no_row
    search_ads = no_row
    install = campaign = None
    if installed.any():
        for column in flat.columns:
            if _is_search_ads(column):
                search_ads = search_ads | (installed & layers.has(flat, column, barring=FALSE))
        campaign = layers.first((layers.column(flat, "asa_campaign_name"), layers.column(flat, "asa_campaign_id")))
        campaign = layers.only(campaign, search_ads)
        install = layers.only(layers.column(flat, "install_referrer_url"), installed & ~search_ads)
        if install is not None:
            speaks = [any(addresses.read_install_referrer(text)) for text in install.texts]
            install = layers.only(install, layers.flags_at(speaks, install.codes))
    deep_link = layers.only(
        layers.column(flat, "deep_link_url"), mobile & ~search_ads & ~layers.present(install, len(flat))
    )
    return _App(deep_link, install, search_ads, campaign)


def _found(page: Coded | None, app: _App) -> _Found | None:
    """One list of clues for all addresses; a row has at most one address that counts."""
    codes: Codes | None = None
    clues: list[addresses.Clues] = []
    for column, read in (
        (page, addresses.read_page),
        (app.deep_link, addresses.read_deep_link),
        (app.install, addresses.read_install_referrer),
    ):
        if column is not None:
            shifted = np.where(column.present, column.codes + np.int32(len(clues)), np.int32(-1))
            codes = shifted if codes is None else np.where(column.present, shifted, codes)
            clues += [read(text) for text in column.texts]
    return None if codes is None or not any(map(any, clues)) else _Found(codes, clues)


def _clue(found: _Found | None, field: str) -> Coded | None:
    if found is None:
        return None
    place = addresses.Clues._fields.index(field)
    return layers.tidied(found.codes, [clues[place] for clues in found.clues])


def _tag(flat: pd.DataFrame, tag: str, found: _Found | None, sdks: _Sdks) -> Coded | None:
    bare = layers.only(layers.column(flat, tag), sdks.unknown) if sdks.unknown.any() else None
    return layers.first((layers.unless(layers.column(flat, f"utm_{tag}"), sdks.mobile), bare, _clue(found, tag)))


def _clicks(flat: pd.DataFrame, found: _Found | None, sdks: _Sdks) -> _Clicks:
    """One click a row: the SDK's choice, else a named key, else the address, else an id without a type."""
    ids: list[pa.Array] = []
    types: list[Coded | None] = []
    given = _id_texts(flat, "click_id", ~sdks.mobile)
    if given is not None:
        kind = layers.relabeled(layers.column(flat, "click_id_type"), addresses.click_id_type)
        typed = _valid(given) & layers.present(kind, len(flat))
        ids.append(pc.if_else(pa.array(typed), given, None))
        types.append(layers.only(kind, typed))
    for key, name in addresses.CLICK_KEYS.items():
        texts = _id_texts(flat, key, ~sdks.mobile)
        if texts is not None:
            ids.append(texts)
            types.append(layers.constant(_valid(texts), name))
    clicked = _clue(found, "click_id")
    if found is not None and clicked is not None:
        refused = layers.has(flat, "consent_marketing", among=FALSE) | layers.has(flat, "consent_sale", among=FALSE)
        ids.append(layers.decoded(Coded(np.where(refused, np.int32(-1), clicked.codes), clicked.texts)))
        types.append(layers.unless(_clue(found, "click_id_type"), refused))
    if given is not None:
        ids.append(given)
        types.append(None)
    if not ids:
        return _Clicks(None, None, np.zeros(len(flat), dtype=bool))
    return _chosen(ids, types)


def _chosen(ids: Sequence[pa.Array], types: Sequence[Coded | None]) -> _Clicks:
    """The first layer that has an id gives both: an id never takes the type of another layer."""
    present = np.zeros(len(ids[0]), dtype=bool)
    mine: list[Coded | None] = []
    for texts, kinds in zip(ids, types, strict=True):
        mine.append(layers.unless(kinds, present))
        present = present | _valid(texts)
    return _Clicks(pc.coalesce(*ids), layers.first(mine), present)


def _referrers(flat: pd.DataFrame, url: Coded | None, mobile: Flags, ignored: Mapping[str, bool]) -> _Referrers:
    named = layers.first(
        (
            layers.relabeled(layers.column(flat, "referrer_host"), hosts.host_of),
            layers.relabeled(layers.column(flat, "referrer"), hosts.host_of),
        )
    )
    if named is None:
        return _Referrers(None, None, None)
    sites = [_site(host, ignored) for host in named.texts]
    signal = ~mobile & ~_is_own(named, url)
    codes = np.where(signal, named.codes, np.int32(-1))
    return _Referrers(
        named,
        layers.tidied(codes, [site and site.source for site in sites]),
        layers.tidied(codes, [site and site.medium for site in sites]),
    )


def _site(host: str, ignored: Mapping[str, bool]) -> hosts.Site | None:
    if hosts.longest_match(host, ignored):
        return None
    return hosts.longest_match(host, hosts.SITES) or hosts.Site(host.removeprefix("www."), "referral")


def _is_own(referrer: Coded, url: Coded | None) -> Flags:
    """Whether the referring page belongs to the same registrable domain as the page itself."""
    page = layers.relabeled(url, hosts.host_of)
    if page is None:
        return np.zeros(len(referrer.codes), dtype=bool)
    places: dict[str, int] = {}
    from_domain, on_domain = (
        layers.numbers_at(
            [places.setdefault(hosts.registrable_domain(host), len(places)) for host in side.texts], side.codes
        )
        for side in (referrer, page)
    )
    own: Flags = (from_domain >= 0) & (from_domain == on_domain)
    return own


def _touch_key(flat: pd.DataFrame, app: _App) -> Coded | None:
    """``deep_link_url|attribution_timestamp`` of each row whose deep link counts."""
    if app.deep_link is None:
        return None
    link = app.deep_link
    since = layers.column(flat, "attribution_timestamp") or Coded(np.full(len(flat), -1, dtype=np.int32), [])
    pairs = link.codes.astype(np.int64) * (len(since.texts) + 1) + since.codes + 1
    codes, distinct = pd.factorize(np.where(link.present, pairs, -1))
    times = ["", *since.texts]
    keys = [
        f"{link.texts[pair // len(times)]}|{times[pair % len(times)]}" if pair >= 0 else None
        for pair in distinct.tolist()
    ]
    return layers.tidied(codes.astype(np.int32), keys)


def _table(index: pd.Index, columns: Mapping[str, Coded | None], ids: pa.Array | None, carried: Flags) -> pd.DataFrame:
    texts = pa.nulls(len(index), pa.large_string()) if ids is None else ids
    table: dict[str, object] = {}
    for name in (*TAGS, "click_id", "click_id_type", "referrer_host", "touch_is_carried", "touch_key"):
        if name == "click_id":
            table[name] = texts.to_pandas().astype(schema.TEXT).set_axis(index)
        elif name == "touch_is_carried":
            table[name] = carried
        else:
            table[name] = layers.categorical(columns.get(name), len(index))
    return pd.DataFrame(table, index=index)


def _id_texts(flat: pd.DataFrame, name: str, rows: Flags) -> pa.Array | None:
    """Click ids as Arrow text, trimmed, on these rows; many are distinct, so they pass column by column."""
    if name not in flat.columns or not flat[name].notna().any():
        return None
    values = flat[name]
    if isinstance(values.dtype, pd.CategoricalDtype) or pd.api.types.is_numeric_dtype(values.dtype):
        column = layers.only(layers.column(flat, name), rows)
        return None if column is None else layers.decoded(column)
    array = pa.array(as_text(values, name), type=pa.large_string(), from_pandas=True)
    if isinstance(array, pa.ChunkedArray):
        array = array.combine_chunks()
    trimmed = pc.utf8_trim_whitespace(array)
    counts = pc.and_(pc.greater(pc.binary_length(trimmed), 0), pa.array(rows))
    kept = pc.if_else(counts, trimmed, None)
    return kept if kept.null_count < len(kept) else None


def _valid(texts: pa.Array) -> Flags:
    flags: Flags = np.asarray(texts.is_valid(), dtype=bool)
    return flags
