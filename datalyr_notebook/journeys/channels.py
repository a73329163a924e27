"""Default channel groups: ordered rules kept as data, first match wins.

The rules are Google Analytics 4's published default channel group
(https://support.google.com/analytics/answer/9756891) with one group of ours, AI Assistants. Rules
of one name stand for "or"; the conditions within a rule stand for "and". Matching ignores case.
"""

from __future__ import annotations

import re
from collections.abc import Collection, Sequence
from dataclasses import dataclass, fields
from typing import Final

import numpy as np
import pandas as pd

from datalyr_notebook import errors, schema
from datalyr_notebook.loading.encoding import combinations, encode
from datalyr_notebook.loading.evidence import DIRECT_MEDIUMS, DIRECT_SOURCES
from datalyr_notebook.loading.hosts import SITES, host_of, longest_match

Condition = str | Collection[str] | re.Pattern[str]
"""What a field must be: a text, one of several, or a pattern found in it. A missing field is blank."""

DIRECT: Final = "Direct"
UNASSIGNED: Final = "Unassigned"


@dataclass(frozen=True, slots=True)
class ChannelRule:
    """A channel's name and what a touch must look like; a condition left out is not asked.

    A text or a collection of texts is compared whole, a compiled pattern is searched for; both
    ignore case. ``category`` is what :func:`source_category` says of the source. Raises OptionError
    for any other kind of condition.

    >>> ChannelRule("Newsletter", medium=("email", "newsletter")).matches({"medium": "Email"})
    True
    """

    name: str
    source: Condition | None = None
    medium: Condition | None = None
    campaign: Condition | None = None
    click_id_type: Condition | None = None
    sdk: Condition | None = None
    category: Condition | None = None

    def __post_init__(self) -> None:
        """Settle each condition once, so that matching compares folded texts with folded texts."""
        for field in fields(self)[1:]:
            object.__setattr__(self, field.name, _settled(field.name, getattr(self, field.name)))

    def matches(self, touch: dict[str, str]) -> bool:
        """Whether a touch, given by the fields it has (``category`` among them), meets every condition."""
        return all(
            _holds(condition, touch.get(field.name, ""))
            for field in fields(self)[1:]
            if (condition := getattr(self, field.name)) is not None
        )


def _settled(field: str, condition: object) -> frozenset[str] | re.Pattern[str] | None:
    if condition is None:
        return None
    if isinstance(condition, re.Pattern) and isinstance(condition.pattern, str):
        return re.compile(condition.pattern, condition.flags | re.IGNORECASE)
    texts = [condition] if isinstance(condition, str) else condition
    if isinstance(texts, Collection) and all(isinstance(text, str) for text in texts):
        return frozenset(text.strip().casefold() for text in texts)
    raise errors.OptionError("ChannelRule", field, condition, "a text, a collection of texts, or a compiled pattern")


def _holds(condition: frozenset[str] | re.Pattern[str], text: str) -> bool:
    if isinstance(condition, frozenset):
        return text.strip().casefold() in condition
    return condition.search(text) is not None


SOURCE_ALIASES: Final = {
    "fb": "facebook",
    "facebook-ads": "facebook",
    "facebook_ads": "facebook",
    "facebookads": "facebook",
    "meta": "facebook",
    "meta-ads": "facebook",
    "meta_ads": "facebook",
    "metaads": "facebook",
    "ig": "instagram",
    "insta": "instagram",
    "msg": "facebook",
    "an": "facebook",
    "adwords": "google",
    "google-ads": "google",
    "google ads": "google",
    "google_ads": "google",
    "googleads": "google",
    "bing-ads": "bing",
    "bing_ads": "bing",
    "microsoft-ads": "bing",
    "microsoft_ads": "bing",
    "tiktok-ads": "tiktok",
    "tiktok_ads": "tiktok",
    "x": "twitter",
}
"""Other names people tag a source with (Meta's own macro writes fb, ig, msg and an). They decide the
source's category; the source itself keeps its text."""

SOURCE_CATEGORIES: Final = {
    category: frozenset(names.split(", "))
    for category, names in {
        "search": (
            "google, google-play, googlemybusiness, bing, yahoo, duckduckgo, baidu, ecosia, yandex, brave, startpage, "
            "qwant, kagi, naver, daum, seznam, sogou, ask, aol, lycos, so.com, 360.cn, msn, dogpile, dogpile.com, "
            "swisscows.com, rambler.ru, presearch.com, apple_search_ads"
        ),
        "social": (
            "facebook, messenger, instagram, threads, twitter, linkedin, tiktok, reddit, pinterest, snapchat, quora, "
            "tumblr, vk, weibo, whatsapp, bluesky, telegram, t.me, telegram.org, discord, discord.com, mastodon, "
            "mastodon.social, wechat, line, line.me, kakao, kakao.com, flickr, flickr.com, medium.com, substack.com, "
            "news.ycombinator.com, stackoverflow.com, stackexchange.com, meetup, meetup.com, nextdoor, nextdoor.com, "
            "xing, xing.com, yelp, yelp.com, goodreads, goodreads.com, glassdoor, glassdoor.com, tripadvisor, "
            "tripadvisor.com, trustpilot, trustpilot.com, truthsocial.com, ok.ru, clubhouse"
        ),
        "video": (
            "youtube, vimeo, vimeo.com, twitch, twitch.tv, dailymotion, dailymotion.com, netflix, netflix.com, hulu, "
            "hulu.com, disneyplus, disneyplus.com, iqiyi, iqiyi.com, youku, youku.com, bilibili.com, crackle, "
            "crackle.com, wistia, wistia.com, wistia.net, ted.com, rumble, rumble.com"
        ),
        "shopping": (
            "amazon, amazon.*, ebay, ebay.*, etsy, etsy.com, walmart, walmart.com, alibaba, alibaba.com, aliexpress, "
            "aliexpress.com, mercadolibre, mercadolibre.*, google shopping, shopping.google.com, shopzilla, "
            "shopzilla.com, igshopping, shopping.naver.com, rakuten, rakuten.*, target.com, temu, temu.com, shein, "
            "shein.com, taobao.com, tmall.com"
        ),
        "ai": (
            "chatgpt, openai, openai.com, perplexity, gemini, claude, anthropic, copilot, deepseek, deepseek.com, "
            "grok, meta_ai, mistral, mistral.ai, poe, you, character.ai"
        ),
    }.items()
}
"""Source names and hosts by category; ``amazon.*`` is amazon in every country. The sources that
:data:`datalyr_notebook.loading.hosts.SITES` gives to hosts are listed here by name. Apple Search Ads
is search: its ads are results of a search in the App Store, as Google Play's are in Google's own list."""

_CATEGORY_OF: Final = {name: category for category, names in SOURCE_CATEGORIES.items() for name in names}

_PAID: Final = re.compile(r"^(.*cp.*|ppc|retargeting|paid.*)$")
_SHOP: Final = re.compile(r"^(.*(([^a-df-z]|^)shop|shopping).*)$")
_EMAIL: Final = ("email", "e-mail", "e_mail", "e mail")
_SOCIAL: Final = ("social", "social-network", "social-media", "sm", "social network", "social media")

DEFAULT_CHANNELS: Final[tuple[ChannelRule, ...]] = (
    ChannelRule(DIRECT, source=DIRECT_SOURCES, medium=DIRECT_MEDIUMS),
    ChannelRule("Cross-network", campaign=re.compile("cross-network")),
    ChannelRule("Paid Shopping", category="shopping", medium=_PAID),
    ChannelRule("Paid Shopping", campaign=_SHOP, medium=_PAID),
    ChannelRule("Paid Search", category="search", medium=_PAID),
    ChannelRule("Paid Social", category="social", medium=_PAID),
    ChannelRule("Paid Video", category="video", medium=_PAID),
    ChannelRule("Display", medium=("display", "banner", "expandable", "interstitial", "cpm")),
    ChannelRule("Paid Other", medium=_PAID),
    ChannelRule("Organic Shopping", category="shopping"),
    ChannelRule("Organic Shopping", campaign=_SHOP),
    ChannelRule("Organic Social", category="social"),
    ChannelRule("Organic Social", medium=_SOCIAL),
    ChannelRule("Organic Video", category="video"),
    ChannelRule("Organic Video", medium=re.compile("video")),
    ChannelRule("Organic Search", category="search"),
    ChannelRule("Organic Search", medium="organic"),
    ChannelRule("AI Assistants", medium="ai"),
    ChannelRule("AI Assistants", category="ai"),
    ChannelRule("Email", source=_EMAIL),
    ChannelRule("Email", medium=_EMAIL),
    ChannelRule("Affiliates", medium="affiliate"),
    ChannelRule("Referral", medium=("referral", "app", "link")),
    ChannelRule("Audio", medium="audio"),
    ChannelRule("SMS", source="sms"),
    ChannelRule("SMS", medium="sms"),
    ChannelRule("Mobile Push Notifications", medium=re.compile("push$|mobile|notification")),
    ChannelRule("Mobile Push Notifications", source="firebase"),
)

CHANNEL_NAMES: Final = (*dict.fromkeys(rule.name for rule in DEFAULT_CHANNELS), UNASSIGNED)
"""The channels in the order in which their rules are tried."""

_FIELDS: Final = ("source", "medium", "campaign", "click_id_type", "sdk")


def assign_channels(touches: pd.DataFrame, rules: Sequence[ChannelRule] = DEFAULT_CHANNELS) -> pd.Categorical:
    """Each touch's channel: the name of the first rule it meets, else ``Unassigned``.

    Reads source and medium, and campaign, click_id_type and sdk where they are there; a missing
    value is blank. The categories stand in order of first appearance. Rules are tried once a
    distinct combination, not once a row.

    Raises MissingColumnsError without source or medium.

    >>> touches = pd.DataFrame({"source": ["facebook", "direct"], "medium": ["paid_social", "none"]})
    >>> list(assign_channels(touches))
    ['Paid Social', 'Direct']
    """
    if not {"source", "medium"} <= set(touches.columns):
        raise errors.MissingColumnsError("assign_channels", "'source' and 'medium'", touches.columns)
    present = [field for field in _FIELDS if field in touches.columns]
    combination, values = combinations([encode(touches[field], field) for field in present])
    named = [_channel(dict(zip(present, texts, strict=True)), rules) for texts in values]
    names = list(dict.fromkeys(named))
    places = np.array([names.index(name) for name in named], dtype=np.int32)
    return pd.Categorical.from_codes(places[combination], categories=pd.Index(names, dtype=schema.TEXT))


def source_category(source: str) -> str:
    """Whether a source is ``search``, ``social``, ``video``, ``shopping``, ``ai`` or none of them (blank).

    A source may be a name (``facebook``), an alias (``fb``) or a host (``l.facebook.com``); hosts are
    matched by registrable domain, so ``google.evil.com`` is none of them.

    >>> source_category("IG"), source_category("www.google.co.uk"), source_category("google.evil.com")
    ('social', 'search', '')
    """
    name = source.strip().casefold()
    name = SOURCE_ALIASES.get(name, name)
    if name in _CATEGORY_OF:
        return _CATEGORY_OF[name]
    host = host_of(name)
    if host is None:
        return ""
    listed = longest_match(host, _CATEGORY_OF)
    site = longest_match(host, SITES)
    return listed or (_CATEGORY_OF.get(site.source, "") if site else "")


def _channel(touch: dict[str, str | None], rules: Sequence[ChannelRule]) -> str:
    known = {field: text.strip().casefold() for field, text in touch.items() if text}
    known["category"] = source_category(known.get("source", ""))
    return next((rule.name for rule in rules if rule.matches(known)), UNASSIGNED)


def channel_rules(step: str, channels: object) -> tuple[ChannelRule, ...]:
    """STUB until the channels branch lands."""
    del step, channels
    return DEFAULT_CHANNELS
