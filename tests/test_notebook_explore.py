"""The notebook on explorers finds one order's ad, the login that carries it, and what other choices would say."""

from __future__ import annotations

import gzip
import json
from collections.abc import Mapping
from typing import Any

import pytest

from tests.test_notebooks import FOLDER, ROOT, conclusions

SHOP = [
    json.loads(line)
    for line in gzip.decompress((ROOT / "sample_data" / "spring_sale.jsonl.gz").read_bytes()).decode().splitlines()
]
"""The events of the sample as they stand in its file, read without the package."""
DEVICES = {event["anonymous_id"] for event in SHOP if event["user_id"] == "user_2985"}
THEIRS = [event for event in SHOP if event["anonymous_id"] in DEVICES]
SOCIAL, SEARCH, DIRECT = "Paid Social", "Organic Search", "Direct"


@pytest.fixture(scope="module")
def found() -> dict[str, Any]:
    with pytest.MonkeyPatch.context() as patch:
        patch.setenv("PYTHONPATH", str(ROOT))  # the kernel runs this checkout, installed or not
        return conclusions(
            FOLDER / "08_explore.ipynb",
            {
                "people": "[journeys.state['person'], len(journeys.answers.found.people)]",
                "rows": "[int(row) for row in journeys.selection.index]",
                "credit": "credit.to_dict('index')",
                "evidence": "evidence",
                "known": "known.to_dict()",
                "links": "links[['kind', 'id', 'other id']].to_numpy().tolist()",
                "without": "without",
                "moved": "moved[['conversion_id', 'value', 'credited_before', 'credited_after']].to_numpy().tolist()",
                "other": "other.summary[['events_moved', 'value_moved']].iloc[0].tolist()",
                "then": "then[['value', 'credited_before', 'credited_after']].to_numpy().tolist()",
                "finding": "[row[0] for row in identities.findings.rows]",
                "strict": "strict.set_index('channel')['change'].to_dict()",
                "both_months": "strict.set_index('channel')['before'].to_dict()",
                "kitchen": "kitchen.changes.credit.set_index('channel').T.to_dict()",
                "kitchen_told": "kitchen.status.value",
                "orders": "orders['order_id'].tolist()",
                "within": "within['order_id'].tolist()",
                "week": "week.set_index('model')['credit'].to_dict()",
                "models": "models[models['group'] == 'Paid Social'].set_index('model')[['amount', 'rank']]"
                ".to_dict('index')",
                "impact": "impact.set_index('group')[['without', 'with', 'low', 'change', 'high']].to_dict('index')",
                "restored": "[colleague.state == json.loads(note), colleague.sentence]",
                "code": "attribution.to_code()",
                "same": "rows.equals(attribution.data())",
                "drawn": "attribution.data().set_index('group')['amount'].to_dict()",
                "page": "page[page.rindex('</script>') :]",
                "masked": "[masked.state['person'], *sorted(set(masked.selection['person_id']))]",
                "reopened": "events.datalyr.explore.journeys(redact=True, state={'person': 'user 363'}).sentence",
            },
        )


def test_the_order_leads_to_its_person_and_their_eight_events(found: Mapping[str, Any]) -> None:
    assert found["people"] == ["user_2985", 1]
    assert [SHOP[row] for row in found["rows"]] == THEIRS
    assert [event["user_id"] for event in THEIRS].count("user_2985") == 3
    assert len(THEIRS) == 8


def test_the_models_name_three_different_channels(found: Mapping[str, Any]) -> None:
    whole = {model: max(row, key=row.__getitem__) for model, row in found["credit"].items() if 249.0 in row.values()}
    assert whole == {"hybrid": SOCIAL, "first_touch": SOCIAL, "last_touch": DIRECT, "last_non_direct": SEARCH}
    assert found["credit"]["linear"] == {SOCIAL: 83.0, SEARCH: 83.0, DIRECT: 83.0}


def test_one_login_after_the_order_carries_the_ad(found: Mapping[str, Any]) -> None:
    [phone] = {event["anonymous_id"] for event in THEIRS if "utm_source=facebook" in str(event.get("url"))}
    [desktop] = DEVICES - {phone}
    logins = {event["anonymous_id"]: event for event in THEIRS if event["event_name"] == "$identify"}
    [order] = [event for event in THEIRS if event["event_name"] == "purchase"]
    assert logins[desktop]["timestamp"] < order["timestamp"] < logins[phone]["timestamp"]
    assert logins[phone]["event_id"] in found["evidence"]
    assert found["known"] == {"later": 5, "at once": 3, "never": 0}
    assert found["links"] == [
        ["identify", desktop, "user_2985"],
        ["event", desktop, "user_2985"],
        ["identify", phone, "user_2985"],
    ]


def test_without_it_the_money_goes_to_organic_search_and_nothing_hangs_on_the_other_login(
    found: Mapping[str, Any],
) -> None:
    assert "1,537 people before, 1,538 now; 3 events of 2 people" in found["without"]
    assert found["moved"] == [["e03527", 249.0, SOCIAL, SEARCH]]
    assert found["other"] == [0, 0]


def test_on_the_evening_of_the_order_three_reports_would_have_been_different(found: Mapping[str, Any]) -> None:
    assert found["then"] == [
        [249.0, SOCIAL, SEARCH],
        [238.5, SOCIAL, "Paid Search"],
        [19.9, SOCIAL, "Paid Search"],
    ]


def test_shared_devices_matter_little_in_the_shop_and_much_on_the_kitchen_tablet(found: Mapping[str, Any]) -> None:
    assert set(found["finding"]) == {"shared device"}
    assert found["strict"][SOCIAL] == pytest.approx(-134.5)
    assert round(found["both_months"][SOCIAL]) == 17462
    assert found["strict"][DIRECT] == pytest.approx(1156.37)
    assert found["strict"][DIRECT] < 0.02 * sum(found["both_months"].values())
    # Worked by hand in the notebook on policies: 80 and 50, and the whole 130 for Instagram.
    assert found["kitchen"][SOCIAL] == {"before": 80, "after": 130, "change": 50}
    assert found["kitchen"]["Paid Search"] == {"before": 50, "after": 0, "change": -50}
    assert "were not stitched" in found["kitchen_told"]


def test_a_week_of_lookback_loses_the_order_and_the_model_matters_most(found: Mapping[str, Any]) -> None:
    assert (len(found["orders"]), len(found["within"])) == (82, 46)
    assert "T-4348" in found["orders"]
    assert "T-4348" not in found["within"]
    assert {model: round(credit) for model, credit in found["week"].items()} == {"hybrid": 5787, "last_touch": 2360}
    models = {model: (round(row["amount"]), row["rank"]) for model, row in found["models"].items()}
    # The amounts are those of the investigation.
    assert models == {"first_touch": (11385, 1), "hybrid": (9998, 2), "linear": (6562, 3), "last_touch": (2360, 4)}


def test_joining_devices_is_what_makes_the_difference(found: Mapping[str, Any]) -> None:
    social = {name: round(number) for name, number in found["impact"][SOCIAL].items()}
    assert social == {"without": 2908, "with": 9998, "change": 7090, "low": 4942, "high": 9356}


def test_a_colleague_sees_the_same_and_the_code_makes_the_same(found: Mapping[str, Any]) -> None:
    assert found["restored"][0]
    assert found["restored"][1].startswith("290 of 516 conversions credited, worth 39,265.23")
    notebook = json.loads((FOLDER / "08_explore.ipynb").read_text(encoding="utf-8"))
    [pasted] = [cell["source"] for cell in notebook["cells"] if cell["id"] == "code-pasted"]
    assert found["code"] == pasted
    assert found["same"]
    assert round(found["drawn"][SOCIAL]) == 9998


def test_the_page_has_no_names_and_the_number_leads_back(found: Mapping[str, Any]) -> None:
    users = list(dict.fromkeys(event["user_id"] for event in SHOP if event["user_id"]))
    number = f"user {users.index('user_2985') + 1}"
    assert found["masked"] == [number, "user_2985"]
    assert number == "user 363"
    assert number in found["page"]
    assert not [text for text in ("user_2985", "T-4348", "example.com", *DEVICES) if text in found["page"]]
    assert found["reopened"].startswith("user 363: 8 of 8 events shown.")
