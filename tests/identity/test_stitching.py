"""Aliases, trusted traits, bridges, server rows and the rest of the hard cases, each worked by hand."""

from __future__ import annotations

from typing import Any

import pandas as pd
import pytest

import datalyr_notebook as dn
from datalyr_notebook.errors import OptionError
from datalyr_notebook.identity.rule import StitchRule
from datalyr_notebook.identity.stitching import stitch


def events(*rows: dict[str, Any]) -> pd.DataFrame:
    """Rows with a day of January 2026 as ``day`` become a table; web unless said otherwise."""
    return pd.DataFrame(
        [
            {
                "event_name": "pageview",
                "sdk": "web",
                **row,
                "timestamp": pd.Timestamp(f"2026-01-{row['day']:02}T12:00Z"),
            }
            for row in rows
        ]
    ).drop(columns="day")


def persons(table: pd.DataFrame, **options: Any) -> list[object]:
    ids = stitch(table, **options)["person_id"].astype(object)
    return ids.where(ids.notna(), None).tolist()


def test_an_alias_makes_two_users_one_person_under_the_new_id() -> None:
    table = events(
        {"day": 1, "user_id": "old", "anonymous_id": "anon_1"},
        {"day": 2, "user_id": "new", "anonymous_id": "anon_2", "event_name": "$alias", "previous_id": "old"},
    )
    stitched = stitch(table)
    assert stitched["person_id"].tolist() == ["new", "new"]
    assert stitched["person_since"].dt.day.tolist() == [2, 2]


def test_chains_and_circles_end_at_the_new_id_of_the_latest_alias() -> None:
    def alias(day: int, old: str, new: str) -> dict[str, Any]:
        return {"day": day, "user_id": new, "anonymous_id": f"anon_{day}", "event_name": "$alias", "previous_id": old}

    seen = [{"day": 1, "user_id": one, "anonymous_id": f"anon_{one}"} for one in "abc"]
    assert persons(events(*seen, alias(2, "a", "b"), alias(3, "b", "c")))[:3] == ["c", "c", "c"]
    assert persons(events(*seen, alias(2, "a", "b"), alias(3, "b", "a")))[:3] == ["a", "a", "c"]


def test_a_mobile_alias_names_the_new_user_beside_the_old_one() -> None:
    table = events(
        {"day": 1, "user_id": "old", "anonymous_id": "anon_1", "sdk": "swift"},
        {
            "day": 2,
            "user_id": "old",
            "new_user_id": "new",
            "anonymous_id": "anon_1",
            "event_name": "$alias",
            "previous_id": "internal-visitor-id",
            "sdk": "swift",
        },
    )
    assert persons(table) == ["new", "new"]


def test_nodes_alias_of_a_device_stands_on_another_row() -> None:
    table = events(
        {"day": 1, "anonymous_id": "anon_phone"},
        {
            "day": 2,
            "user_id": "u",
            "anonymous_id": "anon_once",
            "event_name": "$alias",
            "previous_id": "anon_phone",
            "sdk": "node",
        },
    )
    assert persons(table) == ["u", "u"]


def test_previous_id_of_an_identify_never_merges() -> None:
    table = events(
        {"day": 1, "user_id": "a", "anonymous_id": "anon_1", "event_name": "$identify"},
        {"day": 2, "user_id": "b", "anonymous_id": "anon_1", "event_name": "$identify", "previous_id": "a"},
    )
    assert persons(table) == ["a", "b"]


def test_a_trusted_email_joins_the_newsletter_twin_and_keeps_the_id_that_is_no_email() -> None:
    table = events(
        {"day": 1, "user_id": "Kate@Example.com", "anonymous_id": "anon_1", "event_name": "$identify"},
        {
            "day": 5,
            "user_id": "user_42",
            "anonymous_id": "anon_2",
            "event_name": "$identify",
            "traits": {"email": " kate@example.com "},
        },
    )
    assert persons(table) == ["Kate@Example.com", "user_42"]
    joined = stitch(table, merge_on=("email",))
    assert joined["person_id"].tolist() == ["user_42", "user_42"]
    assert joined["person_since"].dt.day.tolist() == [5, 5]


def test_a_placeholder_or_too_common_email_merges_nobody() -> None:
    def twins(email: str, count: int) -> pd.DataFrame:
        return events(
            *(
                {
                    "day": 1 + at,
                    "user_id": f"u{at}",
                    "anonymous_id": f"anon_{at}",
                    "event_name": "$identify",
                    "traits": {"email": email},
                }
                for at in range(count)
            )
        )

    assert len(set(persons(twins("test@test.com", 2), merge_on=("email",)))) == 2
    assert len(set(persons(twins("shop@example.com", 3), merge_on=("email",), max_ids_per_trait_value=2))) == 3
    assert len(set(persons(twins("shop@example.com", 3), merge_on=("email",), max_ids_per_trait_value=3))) == 1


WEB_TO_APP = events(
    {"day": 1, "anonymous_id": "anon_web"},
    {"day": 2, "anonymous_id": "anon_app", "sdk": "react_native", "event_name": "$web_attribution_matched",
     "web_visitor_id": "anon_web", "match_method": "ip"},
    {"day": 3, "anonymous_id": "anon_app", "sdk": "react_native", "event_name": "$identify", "user_id": "kate"},
)  # fmt: skip


def test_a_bridge_gives_the_web_visit_to_the_apps_user() -> None:
    stitched = stitch(WEB_TO_APP)
    assert stitched["person_id"].tolist() == ["kate", "kate", "kate"]
    assert stitched["person_via"].tolist() == ["bridge", "next", "own"]
    assert stitched["person_since"].dt.day.tolist() == [3, 3, 3]


def test_bridges_of_other_kinds_and_the_policy_none_do_not_count() -> None:
    assert persons(WEB_TO_APP, bridges=("email",)) == ["anon_web", "kate", "kate"]
    assert persons(WEB_TO_APP, policy="none") == ["anon_web", "anon_app", "kate"]


def test_two_bridged_devices_without_a_user_share_the_web_devices_id() -> None:
    stitched = stitch(WEB_TO_APP.iloc[:2])
    assert stitched["person_id"].tolist() == ["anon_web", "anon_web"]
    assert stitched["person_via"].tolist() == ["anonymous", "bridge"]


def test_a_bridge_to_itself_is_ignored() -> None:
    table = WEB_TO_APP.assign(web_visitor_id=[None, "anon_app", None])
    assert persons(table) == ["anon_web", "kate", "kate"]


def test_a_bridge_never_joins_two_users() -> None:
    table = WEB_TO_APP.assign(user_id=["webuser", None, "kate"])
    assert persons(table) == ["webuser", "kate", "kate"]


def test_a_servers_one_shot_id_is_no_device() -> None:
    table = events(
        {"day": 1, "anonymous_id": "anon_once", "sdk": "node", "event_name": "$identify", "user_id": "u"},
        {"day": 2, "anonymous_id": "anon_once", "sdk": "node", "event_name": "purchase"},
    )
    assert persons(table) == ["u", "anon_once"]
    with_browser = pd.concat([table, events({"day": 3, "anonymous_id": "anon_once"})], ignore_index=True)
    assert persons(with_browser) == ["u", "u", "u"]


def test_a_text_that_is_both_a_device_and_a_user() -> None:
    table = events({"day": 1, "anonymous_id": "42"}, {"day": 2, "user_id": "42", "anonymous_id": "anon_1"})
    assert persons(table) == ["device:42", "42"]
    hostile = pd.concat([table, events({"day": 3, "anonymous_id": "device:42"})], ignore_index=True)
    assert persons(hostile) == ["device:device:42", "42", "device:42"]


def test_a_row_with_neither_id_joins_nobody() -> None:
    stitched = stitch(events({"day": 1, "anonymous_id": None, "user_id": None}, {"day": 1, "anonymous_id": "anon_1"}))
    assert stitched["person_id"].isna().tolist() == [True, False]


def test_blocked_ids_link_nobody() -> None:
    table = events(
        {"day": 1, "anonymous_id": "anon_1", "user_id": "QA-user", "event_name": "$identify"},
        {"day": 2, "anonymous_id": "anon_1"},
    )
    assert persons(table, block=("qa-user",)) == ["anon_1", "anon_1"]


def test_as_of_knows_only_what_was_known_then() -> None:
    table = events({"day": 1, "anonymous_id": "anon_1"}, {"day": 3, "anonymous_id": "anon_1", "user_id": "u"})
    assert persons(table, as_of="2026-01-02") == ["anon_1"]
    assert persons(table, as_of="2026-01-03T12:00Z") == ["u", "u"]
    assert persons(table) == ["u", "u"]


def test_rows_index_and_input_are_kept() -> None:
    table = events({"day": 2, "anonymous_id": "anon_1"}, {"day": 1, "anonymous_id": "anon_1", "user_id": "u"})
    table.index = pd.Index([7, 7])
    before = table.copy(deep=True)
    stitched = stitch(table)
    assert stitched.index.tolist() == [7, 7]
    assert stitched["timestamp"].dt.day.tolist() == [2, 1]
    pd.testing.assert_frame_equal(table, before)


def test_an_empty_table_keeps_its_columns() -> None:
    stitched = stitch(events({"day": 1, "anonymous_id": "anon_1"}).iloc[:0])
    assert {"person_id", "person_via", "person_since"} <= set(stitched.columns)
    assert len(stitched) == 0


@pytest.mark.parametrize(
    ("options", "words"),
    [
        ({"policy": "magic"}, "policy='magic' is not known. Use one of 'session', 'next', 'previous', 'first', "),
        ({"merge_on": "email"}, "merge_on='email' is not known. Use a tuple of texts such as ('email', 'phone')."),
        ({"policy": "graph", "as_of": "event"}, "Use None or a moment with policy='graph'."),
        ({"bridges": ("magic",)}, "bridges='magic' is not known"),
        ({"max_users_per_device": 0}, "Use a whole number of at least 1."),
        ({"session_timeout": "soon"}, "Use a positive duration such as '30min' or '90D'."),
        ({"as_of": "01.04.2026"}, "as_of='01.04.2026' is not known. Use None, 'event' or a moment such as"),
        ({"as_of": "12:00"}, "Use None, 'event' or a moment such as"),
        ({"as_of": 1_775_000_000}, "Use None, 'event' or a moment such as"),
        ({"as_of": "yesterday-ish"}, "Use None, 'event' or a moment such as '2026-01-31T12:00Z'."),
        ({"polcy": "next"}, "option='polcy' is not known. Use one of 'policy', 'merge_on'"),
    ],
)
def test_an_option_that_is_not_known_says_what_is(options: dict[str, Any], words: str) -> None:
    with pytest.raises(OptionError) as caught:
        stitch(events({"day": 1, "anonymous_id": "anon_1"}), **options)
    assert words in str(caught.value)


def test_a_rule_can_be_kept_and_changed_at_the_call() -> None:
    rule = StitchRule(policy="none")
    table = events({"day": 1, "anonymous_id": "anon_1"}, {"day": 3, "anonymous_id": "anon_1", "user_id": "u"})
    assert stitch(table, rule)["person_id"].tolist() == ["anon_1", "u"]
    assert stitch(table, rule, policy="next")["person_id"].tolist() == ["u", "u"]


def test_identity_links_show_the_evidence() -> None:
    links = dn.identity_links(WEB_TO_APP)
    assert links[["id", "other_id", "kind"]].values.tolist() == [
        ["anon_app", "anon_web", "bridge:ip"],
        ["anon_app", "kate", "identify"],
    ]
    assert links["known_from"].dt.day.tolist() == [2, 3]
    assert dn.identity_links(WEB_TO_APP.iloc[:1]).columns.tolist() == links.columns.tolist()


def test_identity_links_count_and_span_their_events() -> None:
    table = events(
        {"day": 1, "anonymous_id": "anon_1", "user_id": "u", "event_name": "$identify"},
        {"day": 2, "anonymous_id": "anon_1", "user_id": "u"},
        {"day": 4, "anonymous_id": "anon_1", "user_id": "u"},
    )
    links = dn.identity_links(table).set_index("kind")
    assert links["events"].to_dict() == {"identify": 1, "event": 2}
    assert (links.loc["event", "first_seen"].day, links.loc["event", "last_seen"].day) == (2, 4)
