"""The table of findings: its shape, its order, the laws, and tables nobody should send."""

from __future__ import annotations

import pickle
from typing import Any

import numpy as np
import pandas as pd
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from datalyr_notebook import schema
from datalyr_notebook.errors import MissingColumnsError, OptionError
from datalyr_notebook.identity.stitching import stitch
from datalyr_notebook.lint import RULES, lint
from datalyr_notebook.lint.examples import is_sensitive
from datalyr_notebook.lint.findings import SEVERITIES
from datalyr_notebook.loading.normalize import normalize_events
from tests.lint.stories import codes, events, login, one, purchase
from tests.strategies import rows, table


def luhn_valid(digits: str) -> bool:
    """Another way to compute it: the doubled digits from a table."""
    doubled = [0, 2, 4, 6, 8, 1, 3, 5, 7, 9]
    places = [int(one) for one in digits]
    return sum(doubled[one] if (len(places) - at) % 2 == 0 else one for at, one in enumerate(places)) % 10 == 0


@st.composite
def cards(draw: st.DrawFn) -> str:
    """A card number of 16 digits, plain or in groups."""
    body = draw(st.sampled_from("456")) + draw(st.text("0123456789", min_size=14, max_size=14))
    number = next(body + last for last in "0123456789" if luhn_valid(body + last))
    gap = draw(st.sampled_from(["", " ", "-"]))
    return gap.join(number[at : at + 4] for at in range(0, 16, 4))


SECRETS = st.one_of(
    cards(),
    st.from_regex(r"[1-6][0-9][1-9]-[1-9][0-9]-[1-9][0-9]{3}", fullmatch=True).filter(lambda text: text[:3] != "666"),
)
PLACES: list[Any] = [
    lambda secret: secret,
    lambda secret: [secret],
    lambda secret: {"deep": {"deeper": [secret]}},
    lambda secret: f"my number is {secret}.",
]


def whole_text(findings: pd.DataFrame) -> str:
    with pd.option_context("display.max_colwidth", None, "display.width", 10_000):
        return "\n".join([findings.to_string(), findings.to_html(), repr(findings), findings.to_csv()])


class TestTheTable:
    """Columns, dtypes, order, examples."""

    def test_no_finding_is_an_empty_table_with_every_column(self) -> None:
        found = lint(events(login("u1", traits={"email": "kate@example.com"})))
        assert len(found) == 0
        assert list(found.columns) == schema.names(schema.LINT)

    @pytest.mark.parametrize("frame", [events(login("u1", traits={"email": "k@example.com"})), events(login("null"))])
    def test_dtypes_are_those_of_the_schema(self, frame: pd.DataFrame) -> None:
        found = lint(frame)
        declared = schema.empty(schema.LINT).dtypes.drop("severity")
        pd.testing.assert_series_equal(found.dtypes.drop("severity"), declared)
        assert list(found["severity"].cat.categories) == list(SEVERITIES)

    def test_findings_stand_by_severity_value_events_and_code(self) -> None:
        frame = events(
            login("undefined"),  # error, one event
            login(None),  # error, one event: the code decides
            purchase(5, user_id="u" * 256),  # warning
            login("u1", traits={"firstName": "Kate"}),  # info
        )
        found = lint(frame)
        ranks = [
            (SEVERITIES.index(one.severity), -one.value, -one.events, one.code) for one in found.itertuples(index=False)
        ]
        assert ranks == sorted(ranks)
        assert found["code"].tolist()[:2] == ["identify_without_user_id", "null_like_user_id"]

    def test_rules_are_rows_anybody_can_read(self) -> None:
        assert {rule.severity for rule in RULES} == {*SEVERITIES}
        assert all(rule.message.endswith(".") and rule.fix.endswith(".") and callable(rule.find) for rule in RULES)

    def test_at_most_three_examples_the_most_frequent_first(self) -> None:
        frame = events(*[{"user_id": f"{text}.0"} for text in ("1", "2", "2", "3", "4", "4", "4", "5", "5")])
        assert one(frame, "spreadsheet_ids")["examples"] == ["4.0", "2.0", "5.0"]

    def test_the_input_is_not_changed(self) -> None:
        frame = events(login("42.0", traits={"a": [1]}), purchase(1))
        before = pickle.dumps(frame)
        lint(frame)
        assert pickle.dumps(frame) == before


class TestLaws:
    """What holds for any table."""

    @settings(max_examples=9)
    @given(
        secret=SECRETS,
        place=st.sampled_from(PLACES),
        name=st.sampled_from(["note", "password", "cardNumber", "x y"]),
        form=st.sampled_from([pd.DataFrame.copy, normalize_events, stitch]),
    )
    def test_a_sensitive_value_is_found_and_never_shown(self, secret: str, place: Any, name: str, form: Any) -> None:
        assert is_sensitive(secret)
        frame = events(
            login("u1", traits={name: place(secret), "email": "kate@example.com"}, session_id=secret),
            login(secret, traits={secret: secret, "email": "kate@example.com"}, session_id=secret),
            purchase(3, user_id=secret, order_id=secret, event_id=secret),
            purchase(4, user_id="u1", order_id=secret, event_id=secret),
        )
        found = lint(form(frame))
        assert "sensitive_trait_value" in found["code"].tolist()
        assert secret not in whole_text(found)
        assert secret not in whole_text(lint(form(frame), person=secret))

    @settings(max_examples=9)
    @given(
        secret=st.text("xyz0123456789", min_size=8, max_size=30), name=st.sampled_from(["password", "ssn", "userPwd"])
    )
    def test_a_value_under_a_sensitive_name_is_never_shown(self, secret: str, name: str) -> None:
        frame = events(login("u1", traits={name: secret}), login("u2", traits={name: {"in": secret}}))
        assert one(frame, "sensitive_trait_name")["examples"] == [name]
        assert secret not in whole_text(lint(frame))

    @settings(max_examples=9)
    @given(found=rows(), seed=st.integers(0, 99))
    def test_shuffling_changes_nothing(self, found: list[dict[str, Any]], seed: int) -> None:
        frame = table(found)
        shuffled = frame.sample(frac=1, random_state=seed)
        pd.testing.assert_frame_equal(lint(frame), lint(shuffled))
        person = next(
            (row["user_id"] or row["anonymous_id"] for row in found if row["user_id"] or row["anonymous_id"]), None
        )
        if person is not None:
            pd.testing.assert_frame_equal(lint(frame, person=person), lint(shuffled, person=person))

    @settings(max_examples=9)
    @given(found=rows())
    def test_stitching_first_changes_nothing(self, found: list[dict[str, Any]]) -> None:
        frame = table(found)
        pd.testing.assert_frame_equal(lint(frame), lint(stitch(frame)))

    @given(found=rows(max_rows=8))
    @settings(max_examples=9)
    def test_no_finding_counts_more_than_there_is(self, found: list[dict[str, Any]]) -> None:
        frame = table(found)
        money = frame["value"].clip(lower=0).sum() if "value" in frame.columns else 0.0
        for row in lint(frame).itertuples(index=False):
            assert 0 < row.events <= len(frame)
            assert 0 <= row.value <= money
            assert len(row.examples) <= 3


class TestBadInput:
    """Tables nobody should send."""

    def test_an_empty_table(self) -> None:
        assert len(lint(events({}).iloc[:0])) == 0

    def test_all_null_columns(self) -> None:
        nothing = dict.fromkeys(
            ["anonymous_id", "user_id", "event_id", "order_id", "session_id", "value", "traits", "properties", "url"]
        )
        found = lint(events(nothing, nothing))
        assert {"event_without_id", "platform_never_identifies"} <= {*found["code"]}

    def test_only_identifies(self) -> None:
        assert codes(events(login("u1"), login("u1"))) == ["user_without_email"]

    def test_no_identify_at_all(self) -> None:
        assert codes(events({}, {})) == ["platform_never_identifies"]

    def test_an_id_of_100_000_characters_is_shown_short(self) -> None:
        found = one(events(login("x" * 100_000)), "user_id_too_long")
        assert len(found["examples"][0]) < 80
        assert "100,000 characters" in found["examples"][0]

    @pytest.mark.parametrize("text", ["קייט", "👩‍🚀🚀", "<script>alert(1)</script>", "a\nb", "{0}{events}", "\udce9"])
    def test_ids_of_any_script_are_shown_and_escaped(self, text: str) -> None:
        frame = events(login(text), login("u2"))
        found = lint(frame)
        assert "shared_device" in found["code"].tolist()
        assert "<script>" not in found.to_html()
        lint(frame, person="u2")

    @pytest.mark.parametrize("traits", ["text", 3, ["a"], ("a",), {1, 2}, True])
    def test_traits_that_are_no_dict_are_named_by_their_type(self, traits: Any) -> None:
        found = one(events(login("u1", traits=traits)), "traits_not_an_object")
        assert found["examples"] == [type(traits).__name__]

    def test_traits_of_any_kind(self) -> None:
        nested: dict[str, Any] = {}
        nested["self"] = nested
        odd = {
            "a": np.nan,
            "b": np.array([1, 2]),
            "c": pd.NA,
            "d": pd.NaT,
            "e": {"x": [{}]},
            7: 1,
            None: 2,
            "f": 10**400,
            "l": [10**5000],
            "g": object(),
            "h": np.float64("inf"),
            "": "blank",
            "i": nested,
            "j": b"4111111111111111",
            "k": 1j,
            "m": {"n": 10**5000},
        }
        found = one(events(login("u1", traits=odd)), "trait_type")
        assert found["events"] == 1

    def test_ten_thousand_users_on_one_device(self) -> None:
        frame = events({}).loc[np.zeros(10_000, dtype=int)].reset_index(drop=True)
        frame = frame.assign(user_id=[f"u{number}" for number in range(10_000)], event_name="$identify")
        found = one(frame, "device_with_too_many_users")
        assert (found["events"], found["examples"]) == (10_000, ["anon_a"])
        assert "shared_device" not in codes(frame)

    def test_a_duplicate_index_is_no_matter(self) -> None:
        frame = events(login("null"), login("u1"), purchase(3, user_id="null"))
        frame.index = pd.Index([0, 0, 0])
        assert one(frame, "null_like_user_id")["events"] == 2

    def test_what_is_no_table_is_refused(self) -> None:
        with pytest.raises(OptionError, match="lint: events="):
            lint([{"user_id": "u1"}])  # type: ignore[arg-type]
        with pytest.raises(MissingColumnsError, match="anonymous_id"):
            lint(pd.DataFrame({"timestamp": ["2026-01-01"], "event_name": ["x"]}))
