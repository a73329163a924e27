"""Marketing evidence, row by row: what the address bar showed decides, not the SDK's label."""

from __future__ import annotations

import time

import numpy as np
import pandas as pd
import pytest

from datalyr_notebook import errors, schema
from datalyr_notebook.loading.evidence import EVIDENCE_INPUTS, recompute

SHOP = "https://shop.example.com/"


def one(sdk: str = "web", **row: object) -> dict[str, object]:
    """The evidence of a single event, absent fields left out."""
    table = recompute(
        pd.DataFrame({"sdk": [sdk], **{name: pd.Series([value], dtype=object) for name, value in row.items()}})
    )
    return {str(name): value for name, value in table.iloc[0].items() if not pd.isna(value) and value is not np.False_}


def source_medium(sdk: str = "web", **row: object) -> tuple[object, object]:
    found = one(sdk, **row)
    return found.get("source"), found.get("medium")


# --- tags -------------------------------------------------------------------------------------------


def test_utm_tags_win_over_click_and_referrer() -> None:
    assert one(
        utm_source="Newsletter",
        utm_medium="Email",
        utm_campaign="fall",
        gclid="Cj0",
        referrer="https://www.google.com/",
    ) == {
        "source": "Newsletter",
        "medium": "Email",
        "campaign": "fall",
        "click_id": "Cj0",
        "click_id_type": "gclid",
        "referrer_host": "www.google.com",
    }


def test_source_and_medium_are_resolved_each_on_its_own() -> None:
    assert source_medium(utm_source="partner", gclid="Cj0") == ("partner", "cpc")
    assert source_medium(utm_source="partner", referrer="https://www.google.com/") == ("partner", None)
    assert source_medium(utm_medium="email", referrer="https://www.google.com/") == ("google", "email")
    assert source_medium(utm_medium="email") == ("direct", "email")


def test_a_campaign_alone_has_source_direct_and_no_medium() -> None:
    assert one(utm_campaign="fall") == {"source": "direct", "campaign": "fall"}


def test_tags_of_old_web_sdks_are_read_from_the_url() -> None:
    assert one(
        url=f"{SHOP}?utm_source=facebook&utm_medium=paid_social&utm_term=blue+widget&utm_content=a%26b#utm_source=x"
    ) == {
        "source": "facebook",
        "medium": "paid_social",
        "term": "blue widget",
        "content": "a&b",
    }


@pytest.mark.parametrize("sdk", ["web", "http", "node"])
def test_bare_keys_are_no_evidence_where_the_sdk_is_known(sdk: str) -> None:
    assert one(sdk, source="twitter", medium="social", campaign="x", term="y", content="z") == {}


def test_bare_keys_count_in_a_flat_frame_behind_the_utm_keys() -> None:
    assert one("unknown", source="google", medium="cpc", campaign="brand", utm_campaign="fall") == {
        "source": "google",
        "medium": "cpc",
        "campaign": "fall",
    }


@pytest.mark.parametrize(("source", "medium"), [("direct", "none"), ("(direct)", "(none)"), ("direct", None)])
def test_explicit_direct_stays_as_given(source: str, medium: str | None) -> None:
    assert source_medium(utm_source=source, utm_medium=medium) == (source, medium)


def test_klaviyo_marks_its_own_mails_whatever_the_merchant_wrote() -> None:
    assert source_medium(dl_ksource="klaviyo", utm_source="Newsletter") == ("klaviyo", "email")
    assert source_medium(dl_ksource="klaviyo", utm_source="Newsletter", utm_medium="Flow") == ("klaviyo", "Flow")
    assert source_medium(url=f"{SHOP}?dl_ksource=klaviyo") == ("klaviyo", "email")
    assert source_medium(utm_source="Klaviyo") == ("Klaviyo", "email")
    assert source_medium(dl_ksource="other", utm_source="Newsletter") == ("Newsletter", None)


# --- clicks -----------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("key", "kind", "source"),
    [
        ("fbclid", "fbclid", "facebook"),
        ("fb_click_id", "fbclid", "facebook"),
        ("gclid", "gclid", "google"),
        ("gbraid", "gbraid", "google"),
        ("wbraid", "wbraid", "google"),
        ("ttclid", "ttclid", "tiktok"),
        ("tt_click_id", "ttclid", "tiktok"),
        ("tiktok_click_id", "ttclid", "tiktok"),
        ("msclkid", "msclkid", "bing"),
        ("twclid", "twclid", "twitter"),
        ("li_fat_id", "li_fat_id", "linkedin"),
        ("li_click_id", "li_click_id", "linkedin"),
        ("sclid", "sclid", "snapchat"),
        ("ScCid", "sclid", "snapchat"),
        ("sccid", "sclid", "snapchat"),
        ("dclid", "dclid", "doubleclick"),
        ("epik", "epik", "pinterest"),
        ("rdt_cid", "rdt_cid", "reddit"),
        ("obclid", "obclid", "outbrain"),
        ("irclid", "irclid", "impact"),
        ("irclickid", "irclid", "impact"),
        ("ko_click_id", "ko_click_id", "klaviyo"),
        ("oppref", "oppref", "openai"),
    ],
)
def test_each_click_key_names_its_platform(key: str, kind: str, source: str) -> None:
    expected = {"source": source, "medium": "cpc", "click_id": "id-1", "click_id_type": kind}
    assert one(**{key: "id-1"}) == expected
    assert one(url=f"{SHOP}?{key}=id-1") == expected
    assert one(click_id="id-1", click_id_type=key) == expected


def test_of_several_clicks_the_sdks_choice_then_the_priority_order_decides() -> None:
    assert one(rdt_cid="r", gclid="g", ScCid="s")["click_id"] == "g"
    assert one(gclid="g", fb_click_id="f")["click_id"] == "f"
    assert one(click_id="t", click_id_type="ttclid", fbclid="f")["click_id"] == "t"
    assert one(rdt_cid="r", url=f"{SHOP}?fbclid=f")["click_id"] == "r"
    assert one(url=f"{SHOP}?gclid=g&fbclid=f")["click_id"] == "f"


def test_an_unknown_type_keeps_its_text_and_gives_a_medium_but_no_source() -> None:
    assert one(click_id="z", click_id_type="zzclid") == {"medium": "cpc", "click_id": "z", "click_id_type": "zzclid"}


def test_a_click_id_without_a_type_never_takes_the_type_of_another_click() -> None:
    assert one(click_id="z", gclid="g")["click_id"] == "g"
    assert one(click_id="z") == {"medium": "cpc", "click_id": "z"}
    assert one(click_id_type="gclid") == {}


@pytest.mark.parametrize("refusal", [False, "false", 0, 0.0, np.False_])
@pytest.mark.parametrize("choice", ["consent_marketing", "consent_sale"])
def test_a_refused_consent_closes_the_url_but_not_the_tags(choice: str, refusal: object) -> None:
    row = {"url": f"{SHOP}?gclid=g&utm_campaign=fall", choice: refusal}
    assert one(**row) == {"source": "direct", "campaign": "fall"}


@pytest.mark.parametrize("answer", [True, None, "", "true", 1])
def test_any_other_consent_leaves_it_open(answer: object) -> None:
    assert one(url=f"{SHOP}?gclid=g", consent_marketing=answer)["click_id"] == "g"


# --- referrers --------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("referrer", "expected"),
    [
        ("https://l.facebook.com/l.php?u=x", ("facebook", "social")),
        ("https://m.fb.com", ("facebook", "social")),
        ("https://www.instagram.com/", ("instagram", "social")),
        ("https://t.co/abc", ("twitter", "social")),
        ("https://x.com/", ("twitter", "social")),
        ("https://www.reddit.com/r/x", ("reddit", "social")),
        ("https://www.pinterest.co.uk/", ("pinterest", "social")),
        ("https://youtu.be/x", ("youtube", "social")),
        ("https://lnkd.in/x", ("linkedin", "social")),
        ("https://www.google.de/", ("google", "organic")),
        ("https://www.google.co.uk/", ("google", "organic")),
        ("android-app://com.google.android.googlequicksearchbox/", ("google", "organic")),
        ("https://search.yahoo.co.jp/", ("yahoo", "organic")),
        ("https://yandex.com.tr/", ("yandex", "organic")),
        ("https://chatgpt.com/", ("chatgpt", "ai")),
        ("https://gemini.google.com/app", ("gemini", "ai")),
        ("https://www.perplexity.ai/", ("perplexity", "ai")),
        ("https://copilot.microsoft.com/", ("copilot", "ai")),
        ("https://claude.ai/", ("claude", "ai")),
        ("https://www.microsoft.com/", ("microsoft.com", "referral")),
        ("https://www.netflix.com/", ("netflix.com", "referral")),
        ("https://google.evil.com/", ("google.evil.com", "referral")),
        ("https://google.github.io/", ("google.github.io", "referral")),
        ("https://facebook.com.evil.example/", ("facebook.com.evil.example", "referral")),
        ("https://notfacebook.com/", ("notfacebook.com", "referral")),
        ("https://facebook.com@evil.example/", ("evil.example", "referral")),
        ("https://shop.example.org/", ("shop.example.org", "referral")),
        ("https://WWW.Example.ORG:8443/a", ("example.org", "referral")),
        ("https://www.shop.example.com/cart", (None, None)),
        ("https://accounts.google.com/", (None, None)),
        ("https://checkout.stripe.com/c/pay", (None, None)),
        ("https://www.paypal.com/", (None, None)),
        ("about:blank", (None, None)),
        ("https://[::1", (None, None)),
        ("https://<script>alert(1)</script>/", (None, None)),
    ],
)
def test_a_referrer_is_matched_by_whole_labels(referrer: str, expected: tuple[object, object]) -> None:
    assert source_medium(referrer=referrer, url=SHOP) == expected


def test_the_referring_host_is_kept_even_where_it_is_no_signal() -> None:
    assert one(referrer_host="Checkout.Stripe.com", url=SHOP) == {"referrer_host": "checkout.stripe.com"}
    assert one(referrer="https://shop.example.com/a", url=SHOP) == {"referrer_host": "shop.example.com"}


def test_two_shops_on_one_platform_are_two_domains() -> None:
    assert source_medium(referrer="https://a.myshopify.com/", url="https://b.myshopify.com/") == (
        "a.myshopify.com",
        "referral",
    )
    assert source_medium(referrer="https://www.shop.co.uk/", url="https://pay.shop.co.uk/") == (None, None)


def test_ignored_referrers_cover_the_hosts_below_them_and_nothing_else() -> None:
    frame = pd.DataFrame({"sdk": "web", "referrer": ["https://sso.partner.example/", "https://notpartner.example/"]})
    for entries in (("partner.example",), "https://www.Partner.example/login", {"partner.example"}):
        assert recompute(frame, ignore_referrers=entries)["source"].astype(object).where(
            lambda cells: cells.notna(), None
        ).tolist() == [
            None,
            "notpartner.example",
        ]


@pytest.mark.parametrize("entry", ["partner", "", 7, None])
def test_an_ignored_referrer_that_is_no_host_is_refused(entry: object) -> None:
    with pytest.raises(
        errors.OptionError, match=r"ignore_referrers=.* is not known. Use hosts, such as 'pay.example.com'"
    ):
        recompute(pd.DataFrame({"sdk": ["web"]}), ignore_referrers=[entry])  # type: ignore[list-item]


# --- links, carried touches -------------------------------------------------------------------------


def test_a_tracking_link_alone_is_a_source_and_names_the_campaign() -> None:
    assert one(url=f"{SHOP}?lyr=creator_jane") == {"source": "datalyr_link", "campaign": "creator_jane"}
    assert one(lyr="creator_jane", utm_campaign="fall") == {"source": "datalyr_link", "campaign": "fall"}
    assert one(lyr="creator_jane", fbclid="f") == {
        "source": "facebook",
        "medium": "cpc",
        "click_id": "f",
        "click_id_type": "fbclid",
    }


def test_evidence_carried_from_an_earlier_visit_is_filled_and_marked() -> None:
    frame = pd.DataFrame(
        {
            "sdk": ["web", "web", "http", "web"],
            "utm_source": ["google"] * 4,
            "captured_at": [1756890000224, None, 1756890000224, ""],
        }
    )
    table = recompute(frame)
    assert table["touch_is_carried"].tolist() == [True, False, False, False]
    assert table["source"].tolist() == ["google"] * 4


# --- mobile -----------------------------------------------------------------------------------------


@pytest.mark.parametrize("sdk", ["react_native", "swift"])
def test_what_an_app_repeats_on_every_event_is_no_evidence(sdk: str) -> None:
    assert (
        one(
            sdk, event_name="purchase", utm_source="tiktok", ttclid="E.C", lyr="jane", url=f"{SHOP}?gclid=g", source="x"
        )
        == {}
    )


def test_a_deep_link_is_read_itself_never_the_map_around_it() -> None:
    link = "shop://sale?Campaign_Source=news&campaign_name=re&tiktok_click_id=T1#utm_term=a&datalyr=jane"
    assert one(
        "swift",
        event_name="pageview",
        deep_link_url=link,
        utm_medium="old",
        attribution_timestamp="2026-01-01T00:00:00Z",
    ) == {
        "source": "news",
        "medium": "cpc",
        "campaign": "re",
        "term": "a",
        "click_id": "T1",
        "click_id_type": "ttclid",
        "touch_key": f"{link}|2026-01-01T00:00:00Z",
    }


def test_a_deep_link_without_evidence_still_has_a_key() -> None:
    assert one("react_native", deep_link_url="shop://home") == {"touch_key": "shop://home|"}
    assert one("web", deep_link_url="shop://home?utm_source=x") == {}


@pytest.mark.parametrize(
    "referrer",
    [
        "utm_source=tiktok&dl_click_id=E.C&dl_click_id_type=ttclid&lyr=jane",
        "utm_source%3Dtiktok%26dl_click_id%3DE.C%26dl_click_id_type%3Dttclid%26lyr%3Djane",
        "https://play.google.com/store/apps/details?id=a.b&referrer=utm_source%3Dtiktok%26dl_click_id%3DE.C%26dl_click_id_type%3Dttclid",
        "https://play.google.com/store?utm_source=tiktok&dl_click_id=E.C&dl_click_id_type=ttclid",
    ],
)
def test_an_install_referrer_is_a_query_bare_encoded_or_inside_an_address(referrer: str) -> None:
    assert one("react_native", event_name="app_install", install_referrer_url=referrer, utm_medium="old") == {
        "source": "tiktok",
        "medium": "cpc",
        "click_id": "E.C",
        "click_id_type": "ttclid",
    }
    assert one("react_native", event_name="purchase", install_referrer_url=referrer) == {}


def test_an_install_wins_over_a_deep_link_only_if_it_says_something() -> None:
    link = "shop://sale?utm_source=news"
    install = {"event_name": "app_install", "deep_link_url": link}
    assert one("swift", **install, install_referrer_url="gclid=g")["source"] == "google"
    assert "touch_key" not in one("swift", **install, install_referrer_url="gclid=g")
    assert one("swift", **install, install_referrer_url="nothing") == {"source": "news", "touch_key": f"{link}|"}


def test_apple_search_ads_counts_on_the_install_with_its_name_else_its_id() -> None:
    assert one("swift", event_name="app_install", asa_campaign_name="Brand", asa_campaign_id=7) == {
        "source": "apple_search_ads",
        "medium": "cpc",
        "campaign": "Brand",
    }
    assert one("swift", event_name="app_install", asa_campaign_id=542370539.0)["campaign"] == "542370539"
    assert source_medium("react_native", event_name="app_install", asa_keyword="shoes") == ("apple_search_ads", "cpc")
    assert source_medium("swift", event_name="app_install", asa_attribution=False) == (None, None)
    assert source_medium("swift", event_name="purchase", asa_campaign_name="Brand") == (None, None)


def test_a_refused_consent_closes_deep_links_as_well() -> None:
    assert "click_id" not in one("swift", deep_link_url="shop://?gclid=g&utm_source=x", consent_sale=False)


# --- the table --------------------------------------------------------------------------------------


def test_the_table_has_the_input_s_index_and_categories_in_order_of_appearance() -> None:
    index = pd.Index([7, 7, "x", 3])
    frame = pd.DataFrame(
        {"sdk": "web", "utm_source": ["tiktok", None, "bing", "tiktok"], "gclid": [None, "g", None, None]}, index=index
    )
    table = recompute(frame)
    assert table.index.equals(index)
    assert table.columns.tolist() == [
        "source",
        "medium",
        "campaign",
        "term",
        "content",
        "click_id",
        "click_id_type",
        "referrer_host",
        "touch_is_carried",
        "touch_key",
    ]
    assert table["source"].cat.categories.tolist() == ["tiktok", "google", "bing"]
    assert table["medium"].tolist()[1] == "cpc"
    assert str(table["click_id"].dtype) == schema.TEXT
    assert table["touch_is_carried"].dtype == bool
    assert all(
        isinstance(table[name].dtype, pd.CategoricalDtype)
        for name in table.columns.drop(["click_id", "touch_is_carried"])
    )


@pytest.mark.parametrize("columns", [["sdk"], ["sdk", "event_name"], ["other"], ["sdk", "utm_source", "url", "gclid"]])
@pytest.mark.parametrize("rows", [0, 1, 3])
def test_without_evidence_everything_is_null(columns: list[str], rows: int) -> None:
    table = recompute(pd.DataFrame({name: ["web" if name == "sdk" else ""] * rows for name in columns}))
    assert len(table) == rows
    assert table.drop(columns="touch_is_carried").isna().all(axis=None)
    assert not table["touch_is_carried"].any()
    assert table["source"].cat.categories.tolist() == []


@pytest.mark.parametrize("dtype", [schema.TEXT, "object", "category", "string"])
def test_every_text_dtype_gives_the_same(dtype: str) -> None:
    frame = pd.DataFrame(
        {
            "sdk": ["web", "web", "swift", None],
            "event_name": ["pageview", "pageview", "app_install", "pageview"],
            "source": ["web", "web", "mobile_app", "google"],
            "url": [f"{SHOP}?ttclid=T", SHOP, None, None],
            "referrer": [None, "https://t.co/x", None, None],
            "install_referrer_url": [None, None, "gclid=G", None],
        }
    ).astype(dtype)
    table = recompute(frame)
    assert table["source"].tolist() == ["tiktok", "twitter", "google", "google"]
    assert table["click_id"].fillna("-").tolist() == ["T", "-", "G", "-"]


def test_a_category_that_no_row_has_does_not_appear() -> None:
    source = pd.Categorical(["bing", " bing", None], categories=["never", " bing", "bing", " "])
    table = recompute(pd.DataFrame({"sdk": "web", "utm_source": source}))
    assert table["source"].cat.categories.tolist() == ["bing"]


ODD = [
    None,
    float("nan"),
    pd.NA,
    pd.NaT,
    42,
    42.0,
    True,
    ["a"],
    {"a": 1},
    b"raw",
    "\ud800",
    "\x00",
    " ",
    "a" * 100_000,
    10**30,
]


@pytest.mark.parametrize("column", ["sdk", "event_name", *EVIDENCE_INPUTS])
def test_odd_values_never_crash(column: str) -> None:
    sdks = ["web", "swift", "unknown"]
    frame = pd.DataFrame({"sdk": sdks * len(ODD), "event_name": "app_install"})
    frame[column] = pd.Series([value for value in ODD for _ in sdks], dtype=object)
    assert len(recompute(frame)) == len(frame)


def test_numbers_are_read_by_their_digits() -> None:
    frame = pd.DataFrame({"sdk": "web", "utm_campaign": [120210.0, np.nan], "msclkid": [5, 6]})
    table = recompute(frame)
    assert table["campaign"].tolist()[0] == "120210"
    assert table["click_id"].tolist() == ["5", "6"]


def test_a_cut_address_loses_its_last_field_not_half_of_it() -> None:
    assert one(url=f"{SHOP}?utm_source=x&gclid=Cj0...[truncated]") == {"source": "x"}
    assert one(url=f"{SHOP}?gclid=Cj0...[truncated]") == {}


@pytest.mark.parametrize(
    "text", ["a" * 100_000, "&" * 100_000, "?" * 100_000, "%" * 100_000, "@" * 100_000, "a:" * 50_000, "//" * 50_000]
)
def test_long_addresses_take_no_time(text: str) -> None:
    began = time.perf_counter()
    for sdk, column in (
        ("web", "url"),
        ("web", "referrer"),
        ("swift", "deep_link_url"),
        ("swift", "install_referrer_url"),
    ):
        one(sdk, event_name="app_install", **{column: f"https://{text}"})
        one(sdk, event_name="app_install", **{column: f"{SHOP}?utm_source={text}"})
    assert time.perf_counter() - began < 2


def test_the_input_is_not_changed_and_shuffled_rows_give_the_same() -> None:
    frame = pd.DataFrame(
        {
            "sdk": ["web", "swift", "web", "unknown"] * 5,
            "event_name": "pageview",
            "utm_source": ["a", "b", None, None] * 5,
            "source": ["x", "y", "z", "w"] * 5,
            "deep_link_url": [None, "app://?utm_source=d", None, None] * 5,
            "fbclid": [None, None, "f", None] * 5,
        }
    )
    before = frame.copy(deep=True)
    table = recompute(frame)
    pd.testing.assert_frame_equal(frame, before)
    assert table["source"].tolist() == ["a", "d", "facebook", "w"] * 5
    order = np.random.default_rng(0).permutation(len(frame))
    shuffled = recompute(frame.iloc[order]).sort_index()
    pd.testing.assert_frame_equal(shuffled.astype(object), table.astype(object))
