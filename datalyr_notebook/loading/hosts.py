"""Hosts of referring pages: registrable domains, and the sites whose source and medium are known.

A host is matched by whole labels from the right, longest match first, never by substring:
``gemini.google.com`` is itself, ``www.google.co.uk`` is google, ``google.evil.com`` is nobody.
In the tables below ``google.*`` means ``google`` followed by one of :data:`COUNTRY_SUFFIXES`.
"""

from __future__ import annotations

import re
from collections.abc import Mapping
from typing import Final, NamedTuple, TypeVar


class Site(NamedTuple):
    """A site that people arrive from: its source, and the medium of a visit it refers."""

    source: str
    medium: str


_TOP_LEVEL: Final = (
    "com net org cat "
    "ac ad ae af ag ai al am ao aq ar as at au aw ax az ba bb bd be bf bg bh bi bj bm bn bo br bs bt bv bw by bz "
    "ca cc cd cf cg ch ci ck cl cm cn co cr cu cv cw cx cy cz de dj dk dm do dz ec ee eg er es et eu fi fj fk fm fo fr "
    "ga gb gd ge gf gg gh gi gl gm gn gp gq gr gs gt gu gw gy hk hm hn hr ht hu id ie il im in io iq ir is it "
    "je jm jo jp ke kg kh ki km kn kp kr kw ky kz la lb lc li lk lr ls lt lu lv ly "
    "ma mc md me mg mh mk ml mm mn mo mp mq mr ms mt mu mv mw mx my mz na nc ne nf ng ni nl no np nr nu nz om "
    "pa pe pf pg ph pk pl pm pn pr ps pt pw py qa re ro rs ru rw sa sb sc sd se sg sh si sj sk sl sm sn so sr ss st su "
    "sv sx sy sz tc td tf tg th tj tk tl tm tn to tr tt tv tw tz ua ug uk us uy uz va vc ve vg vi vn vu wf ws "
    "ye yt za zm zw"
)

_SECOND_LEVEL: Final = {
    "com": (
        "af ag ai ar au bd bh bn bo br by bz cn co cu cy do ec eg es et fj gh gi gr gt hk jm kh kw lb ly mm mt mx my "
        "na ng ni np om pa pe pg ph pk pl pr pt py qa ro sa sb sg sl sv tj tr tw ua uy vc ve vn"
    ),
    "co": "ao at bw ck cr hu id il in jp ke kr ls ma mz nz th tz ug uk uz ve vi za zm zw",
    "net": "au br cn in nz pl ru tr tw uk za",
    "org": "au br cn il in mx nz pl tr tw uk za",
    "ac": "id il in jp kr nz th uk za",
    "gov": "au br cn in tr uk za",
    "edu": "au br cn hk mx pl sg tr tw",
    "ne": "jp kr",
    "or": "at id jp kr th",
    "go": "id jp kr th",
    "me": "uk",
    "ltd": "uk",
    "plc": "uk",
    "gen": "nz tr",
}

COUNTRY_SUFFIXES: Final = frozenset(_TOP_LEVEL.split()) | frozenset(
    f"{second}.{country}" for second, countries in _SECOND_LEVEL.items() for country in countries.split()
)
"""Suffixes under which a company may hold its own name in one country after another."""

SHARED_SUFFIXES: Final = frozenset(
    (
        "azurewebsites.net",
        "blogspot.com",
        "cloudfront.net",
        "firebaseapp.com",
        "github.io",
        "gitlab.io",
        "herokuapp.com",
        "myshopify.com",
        "netlify.app",
        "notion.site",
        "pages.dev",
        "substack.com",
        "vercel.app",
        "web.app",
        "webflow.io",
        "wixsite.com",
        "wordpress.com",
        "workers.dev",
    )
)
"""Suffixes under which strangers hold neighboring names: two shops there are two domains."""

SITES: Final[Mapping[str, Site]] = {
    "facebook.com": Site("facebook", "social"),
    "fb.com": Site("facebook", "social"),
    "fb.me": Site("facebook", "social"),
    "messenger.com": Site("facebook", "social"),
    "com.facebook.katana": Site("facebook", "social"),
    "instagram.com": Site("instagram", "social"),
    "com.instagram.android": Site("instagram", "social"),
    "threads.com": Site("threads", "social"),
    "threads.net": Site("threads", "social"),
    "twitter.com": Site("twitter", "social"),
    "t.co": Site("twitter", "social"),
    "x.com": Site("twitter", "social"),
    "linkedin.com": Site("linkedin", "social"),
    "lnkd.in": Site("linkedin", "social"),
    "com.linkedin.android": Site("linkedin", "social"),
    "youtube.com": Site("youtube", "social"),
    "youtu.be": Site("youtube", "social"),
    "tiktok.com": Site("tiktok", "social"),
    "reddit.com": Site("reddit", "social"),
    "redd.it": Site("reddit", "social"),
    "pinterest.*": Site("pinterest", "social"),
    "pin.it": Site("pinterest", "social"),
    "snapchat.com": Site("snapchat", "social"),
    "quora.com": Site("quora", "social"),
    "tumblr.com": Site("tumblr", "social"),
    "vk.com": Site("vk", "social"),
    "weibo.com": Site("weibo", "social"),
    "whatsapp.com": Site("whatsapp", "social"),
    "bsky.app": Site("bluesky", "social"),
    "google.*": Site("google", "organic"),
    "com.google.android.googlequicksearchbox": Site("google", "organic"),
    "bing.com": Site("bing", "organic"),
    "yahoo.*": Site("yahoo", "organic"),
    "duckduckgo.com": Site("duckduckgo", "organic"),
    "baidu.com": Site("baidu", "organic"),
    "ecosia.org": Site("ecosia", "organic"),
    "yandex.*": Site("yandex", "organic"),
    "ya.ru": Site("yandex", "organic"),
    "search.brave.com": Site("brave", "organic"),
    "startpage.com": Site("startpage", "organic"),
    "qwant.com": Site("qwant", "organic"),
    "kagi.com": Site("kagi", "organic"),
    "naver.com": Site("naver", "organic"),
    "daum.net": Site("daum", "organic"),
    "seznam.cz": Site("seznam", "organic"),
    "sogou.com": Site("sogou", "organic"),
    "ask.com": Site("ask", "organic"),
    "aol.com": Site("aol", "organic"),
    "chatgpt.com": Site("chatgpt", "ai"),
    "chat.openai.com": Site("chatgpt", "ai"),
    "perplexity.ai": Site("perplexity", "ai"),
    "gemini.google.com": Site("gemini", "ai"),
    "bard.google.com": Site("gemini", "ai"),
    "claude.ai": Site("claude", "ai"),
    "copilot.microsoft.com": Site("copilot", "ai"),
    "chat.deepseek.com": Site("deepseek", "ai"),
    "grok.com": Site("grok", "ai"),
    "meta.ai": Site("meta_ai", "ai"),
    "chat.mistral.ai": Site("mistral", "ai"),
    "poe.com": Site("poe", "ai"),
    "you.com": Site("you", "ai"),
}
"""Who refers a visit from each host, and the visit's medium. Any other host refers it as itself."""

LOGIN_AND_PAYMENT_HOSTS: Final = (
    "accounts.google.com",
    "accounts.youtube.com",
    "pay.google.com",
    "appleid.apple.com",
    "idmsa.apple.com",
    "login.live.com",
    "login.microsoft.com",
    "login.microsoftonline.com",
    "login.yahoo.com",
    "auth0.com",
    "okta.com",
    "onelogin.com",
    "checkout.stripe.com",
    "billing.stripe.com",
    "buy.stripe.com",
    "connect.stripe.com",
    "hooks.stripe.com",
    "pay.stripe.com",
    "paypal.com",
    "checkout.shopify.com",
    "pay.shopify.com",
    "shop.app",
    "klarna.com",
    "afterpay.com",
    "affirm.com",
    "adyen.com",
    "checkout.com",
    "mollie.com",
    "razorpay.com",
    "squareup.com",
    "pay.amazon.com",
    "payments.amazon.com",
)
"""Hosts a visitor passes through in the middle of a visit: coming back from them is no signal."""

_HOST: Final = re.compile(
    r"(?P<rooted>(?:[a-z][a-z0-9+.-]*:)?//)?(?:[^/?#\\@]*@)?(?P<host>\[[0-9a-f:.]+\]|[\w.-]+)(?::\d*)?(?=[/?#\\]|$)",
    re.IGNORECASE,
)
_LONGEST_AUTHORITY: Final = 2_048

T = TypeVar("T")


def host_of(address: str) -> str | None:
    """The host an address names, in lower case; None where it names none.

    Takes full addresses (``https://L.Facebook.com/x``), addresses without a scheme
    (``l.facebook.com/x``) and bare hosts. A single word without a scheme is a host only if it is
    ``localhost``: server SDKs put page names where an address belongs.

    >>> host_of("https://L.Facebook.com:443/l.php?u=x"), host_of("t.co"), host_of("Home")
    ('l.facebook.com', 't.co', None)
    """
    found = _HOST.match(address[:_LONGEST_AUTHORITY].strip())
    if found is None:
        return None
    host = found["host"].lower().strip(".")
    if not host or ".." in host:
        return None
    named = found["rooted"] or "." in host or host == "localhost"
    return host if named else None


def registrable_domain(host: str) -> str:
    """The part of a host that somebody registered: one label and its public suffix.

    Public suffixes are a short list (:data:`COUNTRY_SUFFIXES`, :data:`SHARED_SUFFIXES`), longest match
    first; under any other top-level domain the suffix is the last label. IP addresses are themselves.

    >>> registrable_domain("www.shop.co.uk"), registrable_domain("a.myshopify.com"), registrable_domain("10.0.0.7")
    ('shop.co.uk', 'a.myshopify.com', '10.0.0.7')
    """
    labels = host.split(".")
    if host.startswith("[") or labels[-1].isdigit():
        return host
    for start in range(1, len(labels)):
        suffix = ".".join(labels[start:])
        if suffix in COUNTRY_SUFFIXES or suffix in SHARED_SUFFIXES:
            return ".".join(labels[start - 1 :])
    return ".".join(labels[-2:])


def longest_match(host: str, table: Mapping[str, T]) -> T | None:
    """What a table of hosts says about this one: by whole labels, longest key first.

    Keys are hosts or registrable domains (``t.co``), or a name in every country (``google.*``).

    >>> longest_match("maps.google.co.uk", SITES)
    Site(source='google', medium='organic')
    >>> longest_match("google.evil.com", SITES) is None
    True
    """
    rest = host
    while rest not in table and "." in rest:
        rest = rest.partition(".")[2]
    if rest in table and (rest == host or "." in rest):
        return table[rest]
    name, _, suffix = registrable_domain(host).partition(".")
    return table.get(f"{name}.*") if suffix in COUNTRY_SUFFIXES else None
