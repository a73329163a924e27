"""The traits notebook reaches the conclusions it tells: about three members, their plans and the money."""

from __future__ import annotations

import pytest

from tests.test_notebooks import FOLDER, ROOT, conclusions


def test_the_traits_notebook_finds_that_free_members_spent_more_on_an_order(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("PYTHONPATH", str(ROOT))  # the kernel runs this checkout, installed or not
    omar = "history[is_omar & (history['trait'] == 'signup_source')][['value', 'kept']].to_numpy().tolist()"
    phones = "history.loc[history['trait'] == 'phone', ['person_id', 'value', 'kept']].to_numpy().tolist()"
    found = conclusions(
        FOLDER / "03_traits.ipynb",
        {
            "today": "orders_by_plan(today).to_dict('index')",
            "then": "orders_by_plan(then).to_dict('index')",
            "moved": "(orders['plan'] != today.loc[orders.index, 'plan']).tolist()",
            "by_time": "stitched.datalyr.merge_traits()['plan'].to_dict()",
            "trusted": "stitched.datalyr.merge_traits(sources=trusted)['plan'].to_dict()",
            "july": "stitched.datalyr.merge_traits(as_of='2026-07-11').loc[['user_501', 'user_503'], "
            "['phone', 'plan']].astype(object).where(lambda table: table.notna(), None).to_numpy().tolist()",
            "rules": "stitched.datalyr.merge_traits(rules=rules).loc[['user_502', 'user_503'], "
            "['signup_source', 'points', 'sport']].to_numpy().tolist()",
            "phones": phones,
            "omar": omar,
            "lost": "stitched.datalyr.trait_history(sources=trusted).query(\"person_id == 'user_501' "
            "and trait == 'plan' and not kept\")['valid_to'].dt.strftime('%m-%d').tolist()",
        },
    )
    assert found == {
        # Orders: Nora 180 and 60, Omar 90 and 45, Ida 75. Today Nora and Omar are plus, Ida is free.
        "today": {"free": {"count": 1, "sum": 75.0, "mean": 75.0}, "plus": {"count": 4, "sum": 375.0, "mean": 93.75}},
        # Nora's 180 and Omar's 90 were placed as free members, the rest as plus members.
        "then": {"free": {"count": 2, "sum": 270.0, "mean": 135.0}, "plus": {"count": 3, "sum": 180.0, "mean": 60.0}},
        "moved": [True, True, True, False, False],
        "by_time": {"user_501": "free", "user_502": "plus", "user_503": "free"},
        "trusted": {"user_501": "plus", "user_502": "plus", "user_503": "free"},
        "july": [["+1 555 0101", "plus"], [None, "plus"]],
        "rules": [["newsletter", 90, ["running", "trail running"]], ["shop", 300, ["climbing"]]],
        "phones": [["user_501", "+1 555 0101", False], ["user_501", None, True]],
        "omar": [["newsletter", False], ["shop", True]],
        # Upgraded on July 10; what the stale browser said on July 12 never held.
        "lost": ["07-10", "07-12"],
    }
