"""Default channel groups: ordered rules kept as data, first match wins.

The rules are Google Analytics 4's published default channel group
(https://support.google.com/analytics/answer/9756891) with one group of ours, AI Assistants. Rules
of one name stand for "or"; the conditions within a rule stand for "and". Matching ignores case.
"""

from __future__ import annotations

import re
from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass
from typing import Final, NamedTuple

import numpy as np
import numpy.typing as npt
import pandas as pd

from datalyr_notebook import errors, schema
from datalyr_notebook.loading.encoding import codes_and_values, encode, numbered
from datalyr_notebook.loading.evidence import DIRECT_MEDIUMS, DIRECT_SOURCES
from datalyr_notebook.loading.hosts import SITES, host_of, longest_match
from datalyr_notebook.order import Flags, Ints

Condition = str | Collection[str] | re.Pattern[str]
"""What a field must be: a text, one of several, or a pattern found in it. A missing field is blank."""

Settled = frozenset[str] | re.Pattern[str]
"""A condition as a rule holds it: folded texts, or a pattern that ignores case."""

DIRECT: Final = "Direct"
UNASSIGNED: Final = "Unassigned"

CATEGORY: Final = "category"
CONDITIONS: Final = ("source", CATEGORY, "medium", "campaign", "click_id_type", "sdk")
"""What a rule may ask for, in the order in which it is told."""


@dataclass(frozen=True, slots=True)
class ChannelRule:
    """A channel's name and what a touch must look like; a condition left out is not asked.

    A text or a collection of texts is compared whole, a compiled pattern is searched for; both
    ignore case and the blanks around. ``category`` is what :func:`source_category` says of the source.
    A rule without conditions takes every touch.

    Raises OptionError for any other kind of condition, a collection that is empty, or a name that is
    blank or ``unattributed``, which is what conversions without a touch go to.

    >>> touches = pd.DataFrame({"source": ["klaviyo", "tiktok"], "medium": ["Email", "cpc"]})
    >>> list(assign_channels(touches, [ChannelRule("Newsletter", medium=("email", "newsletter"))]))
    ['Newsletter', 'Unassigned']
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
        name = self.name.strip() if isinstance(self.name, str) else ""
        if name.casefold() in {"", schema.UNATTRIBUTED}:
            raise errors.OptionError("ChannelRule", "name", self.name, f"a text other than {schema.UNATTRIBUTED!r}")
        object.__setattr__(self, "name", name)
        for field in CONDITIONS:
            object.__setattr__(self, field, _settled(field, getattr(self, field)))

    @property
    def conditions(self) -> Mapping[str, Settled]:
        """What the rule asks, by field."""
        asked = {field: getattr(self, field) for field in CONDITIONS}
        return {field: condition for field, condition in asked.items() if condition is not None}


def _settled(field: str, condition: object) -> Settled | None:
    if condition is None:
        return None
    if isinstance(condition, re.Pattern) and isinstance(condition.pattern, str):
        return re.compile(condition.pattern, condition.flags | re.IGNORECASE)
    if isinstance(condition, str):
        return frozenset([_folded(condition)])
    if isinstance(condition, Collection) and not isinstance(condition, Mapping) and len(condition):
        texts = [_folded(text) for text in condition if isinstance(text, str)]
        if len(texts) == len(condition):
            return frozenset(texts)
    raise errors.OptionError("ChannelRule", field, condition, "a text, a collection of texts, or a compiled pattern")


def _folded(text: str) -> str:
    return text.strip().casefold()


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
PATTERN_WORDS: Final = {_PAID.pattern: "is paid (…cp…, ppc, retargeting, paid…)", _SHOP.pattern: "names a shop"}
"""What the patterns of the default rules ask, for people to read."""

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


def channel_names(rules: Sequence[ChannelRule] = DEFAULT_CHANNELS) -> tuple[str, ...]:
    """The channels in the order in which their rules are tried, each once; what meets no rule comes last."""
    return tuple(dict.fromkeys((*(rule.name for rule in rules), UNASSIGNED)))


def assign_channels(touches: pd.DataFrame, rules: Sequence[ChannelRule] = DEFAULT_CHANNELS) -> pd.Categorical:
    """Each touch's channel: the name of the first rule it meets, else ``Unassigned``.

    Reads source and medium, and campaign, click_id_type and sdk where they are there; a missing
    value is blank. The categories stand in order of first appearance. Rules are tried once a
    distinct text, never once a row.

    Raises MissingColumnsError without source or medium.

    >>> touches = pd.DataFrame({"source": ["facebook", "direct"], "medium": ["paid_social", "none"]})
    >>> list(assign_channels(touches))
    ['Paid Social', 'Direct']
    """
    combination, place = _by_combination("assign_channels", touches, rules)
    called = [*(rule.name for rule in rules), UNASSIGNED]
    named = [called[one] for one in place]
    names = list(dict.fromkeys(named))
    code = {name: number for number, name in enumerate(names)}
    codes = np.array([code[name] for name in named], dtype=np.int32)
    return pd.Categorical.from_codes(codes[combination], categories=pd.Index(names, dtype=schema.TEXT))


def first_rules(touches: pd.DataFrame, rules: Sequence[ChannelRule] = DEFAULT_CHANNELS) -> Ints:
    """The place of the first rule that each touch meets, -1 where it meets none. Reads what assign_channels reads.

    >>> touches = pd.DataFrame({"source": ["direct", "newsletter"], "medium": ["none", "weekly"]})
    >>> first_rules(touches).tolist()
    [0, -1]
    """
    combination, place = _by_combination("first_rules", touches, rules)
    first: Ints = place[combination]
    return first


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


_FEW: Final = 100
"""Up to so many texts of a column, sorting them into kinds costs more than it saves."""

_Asked = tuple[str, Settled]
"""A condition and the field it is asked of."""


class _Kinds(NamedTuple):
    """A column's texts sorted into kinds that answer every condition alike: rules cannot tell them apart."""

    kind: npt.NDArray[np.integer]
    """Of each touch; -1 stands for the last."""
    kinds: int
    answers: dict[_Asked, Flags]
    """Of each kind."""


def _by_combination(step: str, touches: pd.DataFrame, rules: Sequence[ChannelRule]) -> tuple[Ints, Ints]:
    """The number of each touch's combination of kinds, and the first rule each combination meets (-1 = none)."""
    if not {"source", "medium"} <= set(touches.columns):
        raise errors.MissingColumnsError(step, "'source' and 'medium'", touches.columns)
    asked: dict[str, list[_Asked]] = {}
    for condition in dict.fromkeys(condition for rule in rules for condition in rule.conditions.items()):
        column = "source" if condition[0] == CATEGORY else condition[0]
        asked.setdefault(column, []).append(condition)
    columns = [_kinds(touches, column, conditions) for column, conditions in asked.items()]
    nothing = (np.zeros(len(touches), dtype=np.int64), 0)
    combination, rows = numbered([(column.kind, column.kinds) for column in columns] or [nothing])
    meets = {condition: answer[column.kind[rows]] for column in columns for condition, answer in column.answers.items()}
    first = np.full(len(rows), -1, dtype=np.int64)
    for place, rule in enumerate(rules):
        is_open = first < 0
        for condition in rule.conditions.items():
            is_open &= meets[condition]
        first[is_open] = place
    return combination, first


def _kinds(touches: pd.DataFrame, column: str, asked: Sequence[_Asked]) -> _Kinds:
    """The kinds of a column's texts; each text that occurs is asked once, a missing value is blank.

    Few texts are kinds of their own, without another look at the rows.
    """
    given = touches[column] if column in touches.columns else pd.Series([None] * len(touches), dtype="category")
    codes, values = codes_and_values(encode(given, column))
    if len(values) <= _FEW:
        return _Kinds(codes, len(values), _answers([*values, ""], asked))
    occurring = np.flatnonzero(np.bincount(codes[codes >= 0]))
    answers = _answers([*values[occurring], ""], asked)
    kind, first = numbered([(answer.astype(np.int8), 2) for answer in answers.values()])
    kind_of = np.full(len(values) + 1, kind[-1])
    kind_of[occurring] = kind[:-1]
    return _Kinds(kind_of[codes], len(first), {condition: answer[first] for condition, answer in answers.items()})


def _answers(texts: Sequence[object], asked: Sequence[_Asked]) -> dict[_Asked, Flags]:
    """What each text answers to each condition."""
    sent = [str(text).strip() for text in texts]
    told = {field: sent for field, _ in asked}
    if CATEGORY in told:
        told[CATEGORY] = [source_category(text) for text in sent]
    answers: dict[_Asked, Flags] = {}
    for field, condition in asked:
        if isinstance(condition, frozenset):
            held = [text.casefold() in condition for text in told[field]]
        else:
            held = [condition.search(text) is not None for text in told[field]]
        answers[field, condition] = np.array(held, dtype=bool)
    return answers
