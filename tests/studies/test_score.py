"""score_stitching: hidden logins found again, on devices where the right answer is in sight."""

from __future__ import annotations

from typing import Any

import numpy as np
import pandas as pd
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

import datalyr_notebook as dn
from datalyr_notebook import schema
from datalyr_notebook.errors import OptionError
from datalyr_notebook.identity import stitching
from datalyr_notebook.identity.policies import POLICIES
from datalyr_notebook.studies import score
from datalyr_notebook.studies.score import GAPS, score_stitching
from tests.strategies import rows, table

HOUR = pd.Timedelta("1h")


def logins(*found: tuple[str, float, str, str | None], **rest: Any) -> pd.DataFrame:
    """Rows as (device, hour of January 2026, session, user)."""
    lines = [
        {
            "timestamp": pd.Timestamp("2026-01-01T00:00Z") + hour * HOUR, "event_name": "pageview", "sdk": "web",
            "event_id": f"e{number}", "anonymous_id": device, "session_id": f"{device}:{session}", "user_id": user,
            **rest,
        }
        for number, (device, hour, session, user) in enumerate(found)
    ]  # fmt: skip
    return dn.normalize_events(pd.DataFrame(lines))


def counts(answer: score.StitchScore, policy: str) -> list[int]:
    summary = answer.summary.set_index("policy")
    found: list[int] = summary.loc[policy, ["hidden", "answered", "right"]].tolist()
    return found


def test_a_device_with_one_user_is_found_again() -> None:
    """Four login sessions of one instant: two are hidden, and any policy finds them; none answers nobody."""
    answer = score_stitching(logins(*(("d", 24.0 * day, f"s{day}", "u1") for day in range(4))), share=1)
    for policy in ("session", "next", "previous"):
        assert counts(answer, policy) == [2, 2, 2]
    assert counts(answer, "none") == [2, 0, 0]
    summary = answer.summary.set_index("policy")
    assert summary["precision"].loc["next"] == 1.0
    assert np.isnan(summary["precision"].loc["none"])
    assert summary["recall"].loc["none"] == 0.0
    assert (answer.devices, answer.not_scored) == (1, 0)


def test_of_two_users_in_turn_the_hidden_one_cannot_be_found() -> None:
    """u1 then u2, an instant each: whichever is hidden, only the other one is left to answer with."""
    answer = score_stitching(logins(("d", 0, "s", "u1"), ("d", 48, "t", "u2")), share=1)
    assert counts(answer, "next") == [1, 1, 0]
    assert answer.summary.set_index("policy")["precision"].loc["next"] == 0.0


def test_a_session_that_keeps_a_login_tells_its_other_rows() -> None:
    """u1's only session has two instants, one of which is hidden; u2 has none to spare and is not scored."""
    answer = score_stitching(logins(("d", 0, "s", "u1"), ("d", 0.2, "s", "u1"), ("e", 5, "t", "u2")), share=1)
    assert counts(answer, "session") == [1, 1, 1]
    assert (answer.devices, answer.not_scored) == (2, 1)
    assert answer.by_gap.query("policy == 'session'")["hidden"].tolist() == [1, 0, 0, 0, 0]


def test_rows_of_one_instant_are_one_login() -> None:
    answer = score_stitching(logins(("d", 0, "s", "u1"), ("d", 0, "s", "u1")), share=1)
    assert counts(answer, "session") == [0, 0, 0]
    assert (answer.devices, answer.not_scored) == (1, 1)
    assert answer.summary["recall"].isna().all()


def test_without_session_id_a_long_gap_starts_a_session() -> None:
    """Two runs of two instants: one run is hidden whole, the other loses one instant: three hidden."""
    events = logins(*(("d", hour, "s", "u1") for hour in (0, 0.1, 9, 9.1))).drop(columns="session_id")
    assert counts(score_stitching(events, share=1), "next") == [3, 3, 3]
    short = score_stitching(events, share=1, rule=dn.StitchRule(session_timeout="1min"))
    assert counts(short, "next") == [2, 2, 2]


@pytest.mark.parametrize(
    ("hours", "bucket"),
    [(0.5, 0), (0.51, 1), (24, 1), (24.01, 2), (168, 2), (168.01, 3), (720, 3), (720.01, 4), (5000, 4)],
)
def test_a_gap_belongs_to_the_first_bucket_that_reaches_it(hours: float, bucket: int) -> None:
    answer = score_stitching(logins(("d", 0, "s", "u1"), ("d", hours, "t", "u1")), share=1, policies=["next"])
    assert answer.by_gap["gap"].tolist() == [name for name, _ in GAPS]
    assert answer.by_gap["hidden"].tolist() == [int(place == bucket) for place in range(len(GAPS))]
    assert answer.by_gap["right"].sum() == 1


def test_an_alias_makes_two_names_of_one_person_one_answer() -> None:
    """u1 became u2 by $alias: whichever login is hidden, the other one's person is the right one."""
    events = logins(("d", 0, "s", "u1"), ("d", 48, "t", "u2"))
    alias = {"timestamp": pd.Timestamp("2026-01-05T00:00Z"), "event_name": "$alias", "sdk": "node", "event_id": "a"}
    both = dn.normalize_events(
        pd.concat([events.astype(object), pd.DataFrame([alias | {"previous_id": "u1", "user_id": "u2"}])])
    )
    assert counts(score_stitching(both, share=1), "next") == [1, 1, 1]
    assert counts(score_stitching(events, share=1), "next") == [1, 1, 0]


def test_an_alias_on_the_device_stays() -> None:
    """The $alias row is evidence that is never hidden: the single other login is no longer scored."""
    events = logins(("d", 0, "s", "u1"), ("d", 48, "t", "u1"))
    events["event_name"] = events["event_name"].cat.add_categories(["$alias"])
    events.loc[1, "event_name"] = "$alias"
    answer = score_stitching(events, share=1)
    assert (answer.devices, answer.not_scored) == (1, 1)


def test_sdks_are_counted_apart() -> None:
    web = logins(*(("d", 24.0 * day, f"s{day}", "u1") for day in range(4)))
    app = logins(*(("a", 24.0 * day, f"s{day}", "u2") for day in range(2)), sdk="swift").assign(event_id=["x", "y"])
    both = dn.normalize_events(pd.concat([web.astype(object), app.astype(object)], ignore_index=True))
    answer = score_stitching(both, share=1, policies=["session"])
    assert answer.by_sdk["sdk"].tolist() == ["swift", "web"]
    assert answer.by_sdk["hidden"].tolist() == [1, 2]
    assert answer.by_sdk["hidden"].sum() == answer.summary["hidden"].item()


def test_a_person_who_holds_another_user_is_not_right() -> None:
    """An answer of a group (u1 with u2) states two pairs, one of them false."""
    events = logins(("d", 0, "s", "u1"), ("d", 24, "t", "u1"), ("e", 1, "s", "u2"))
    truth = score._Truth.of(events, dn.StitchRule())
    masked = events.assign(user_id=events["user_id"].where(events.index != 1))
    merged = dn.stitch(masked)
    merged["person_id"] = pd.Categorical(["u1", "u1", "u1"])
    hidden = np.array([1])
    assert score._judge(merged, masked, hidden, truth, whole=False).right.tolist() == [True]
    assert score._judge(merged, masked, hidden, truth, whole=True).right.tolist() == [False]
    alone = dn.stitch(masked)
    assert score._judge(alone, masked, hidden, truth, whole=True).right.tolist() == [True]


def test_only_the_devices_own_text_and_the_seed_decide() -> None:
    """Other devices and the order of rows change nothing; another seed chooses others; a share is a share."""
    found = [(f"device-{number}", 24.0 * day, f"s{day}", f"u{number}") for number in range(400) for day in range(3)]
    events = logins(*found)
    whole = score_stitching(events, policies=["next"])
    assert 50 <= whole.devices <= 110
    shuffled = score_stitching(events.sample(frac=1, random_state=0), policies=["next"])
    pd.testing.assert_frame_equal(whole.summary, shuffled.summary)
    half = [row for row in found if int(row[0].removeprefix("device-")) < 200]
    rest = [row for row in found if int(row[0].removeprefix("device-")) >= 200]
    parts = [score_stitching(logins(*part), policies=["next"]) for part in (half, rest)]
    assert sum(part.devices for part in parts) == whole.devices
    assert sum(part.summary["hidden"].item() for part in parts) == whole.summary["hidden"].item()
    chosen = [score._hashes(pd.Index([f"device-{number}" for number in range(400)]), seed) for seed in (0, 1)]
    assert (chosen[0] != chosen[1]).all()
    assert score_stitching(events, policies=["next"], share=1).devices == 400


def test_the_same_seed_hides_the_same_logins_everywhere() -> None:
    """Written down once: a change of these would change every score in a report."""
    texts = pd.Index(["anon_1", "anon_2", "düsseldorf"])
    assert [f"{one:016x}" for one in score._hashes(texts, 0)] == HASHES


@settings(max_examples=8)
@given(found=rows(max_rows=18), seed=st.integers(0, 3))
def test_hiding_is_fair(found: list[dict[str, Any]], seed: int) -> None:
    """Each hidden row was a login; something stays on its device; counts fit; rows' order does not matter."""
    events = table(found)
    answer = score_stitching(events, share=1, seed=seed)
    assert answer.summary["policy"].tolist() == list(POLICIES)
    for counted in (answer.summary, answer.by_sdk, answer.by_gap):
        assert (counted["right"] <= counted["answered"]).all()
        assert (counted["answered"] <= counted["hidden"]).all()
    for split in (answer.by_sdk, answer.by_gap):
        sums = split.groupby("policy", observed=True)["hidden"].sum()
        assert (sums.reindex(answer.summary["policy"]).fillna(0).to_numpy() == answer.summary["hidden"]).all()
    found_logins = score._find_logins(events, dn.StitchRule())
    every = np.ones(len(found_logins.devices) + 1, dtype=bool)
    hidden = score._hide(found_logins, every, seed)
    assert len(hidden) == answer.summary["hidden"].iloc[0]
    assert events["user_id"].iloc[found_logins.row[hidden]].notna().all()
    stays = np.setdiff1d(found_logins.row, found_logins.row[hidden])
    left = set(events["anonymous_id"].iloc[stays])
    assert set(events["anonymous_id"].iloc[found_logins.row]) == left
    shuffled = score_stitching(events.iloc[::-1], share=1, seed=seed)
    pd.testing.assert_frame_equal(answer.by_gap, shuffled.by_gap)


def test_it_is_right_where_stitching_by_hand_is_right(monkeypatch: pytest.MonkeyPatch) -> None:
    """The rows that stitch_each sees have lost their users, and only these rows."""
    seen: list[pd.DataFrame] = []
    real = stitching.stitch_each

    def spy(events: pd.DataFrame, rules: Any) -> Any:
        seen.append(events)
        return real(events, rules)

    monkeypatch.setattr(score, "stitch_each", spy)
    events = logins(*(("d", 24.0 * day, f"s{day}", "u1") for day in range(5)))
    score_stitching(events, share=1)
    assert seen[0]["user_id"].isna().sum() == 2
    pd.testing.assert_frame_equal(seen[0].drop(columns="user_id"), events.drop(columns="user_id"))
    assert events["user_id"].notna().all()


@pytest.mark.parametrize("size", [0, 1])
def test_small_tables(size: int) -> None:
    answer = score_stitching(logins(("d", 0, "s", "u1")).head(size), share=1)
    assert answer.summary.columns.tolist() == schema.names(schema.STITCH_SCORE)
    assert answer.summary["hidden"].tolist() == [0] * len(POLICIES)
    assert answer.by_sdk.columns.tolist() == ["policy", "sdk", "hidden", "answered", "right", "precision", "recall"]
    assert not len(answer.by_sdk)
    assert len(answer.by_gap) == len(POLICIES) * len(GAPS)
    assert str(answer.summary["hidden"].dtype) == "int64"


def test_events_without_any_user_and_without_devices() -> None:
    nobody = pd.DataFrame({"timestamp": ["2026-01-01T10:00Z"], "event_name": "pageview", "anonymous_id": "d"})
    assert score_stitching(nobody).devices == 0
    server = pd.DataFrame({"timestamp": ["2026-01-01T10:00Z"], "event_name": "purchase", "user_id": "u1"})
    assert score_stitching(server, share=1).devices == 0


def test_bad_options_are_named() -> None:
    events = dn.load_sample("seed_journey")
    for share in (0, -0.1, 1.1, True, "0.2", float("nan")):
        with pytest.raises(OptionError, match="a number above 0 and up to 1"):
            score_stitching(events, share=share)
    for seed in (0.5, None, True):
        with pytest.raises(OptionError, match=r"score_stitching: seed=.* a whole number"):
            score_stitching(events, seed=seed)
    with pytest.raises(OptionError, match="score_stitching: policies='newest'"):
        score_stitching(events, policies=["newest"])
    with pytest.raises(OptionError, match="score_stitching: rule='next'"):
        score_stitching(events, rule="next")
    rule = dn.StitchRule()
    object.__setattr__(rule, "as_of", "event")
    with pytest.raises(OptionError, match="score_stitching: as_of='event'"):
        score_stitching(events, rule=rule)


def test_an_instant_is_kept() -> None:
    events = logins(*(("d", 24.0 * day, f"s{day}", "u1") for day in range(4)))
    early = score_stitching(events, share=1, rule=dn.StitchRule(as_of="2026-01-02T00:00Z"))
    assert counts(early, "next") == [1, 1, 1]


def test_the_answer_reads_at_a_glance() -> None:
    answer = score_stitching(logins(("d", 0, "s", "u1"), ("d", 48, "t", "u1")), share=1)
    assert repr(answer).startswith(
        "Stitching scored on 1 hidden login of 1 device (0 more have one login only), share 1, seed 0\n"
    )
    page = answer._repr_html_()
    assert "<table " in page
    assert "NaN" not in page
    assert "nan" not in page


HASHES = ["b3e4585fa916154f", "9ee4585ec116154f", "d188d3fd4cd912d0"]
