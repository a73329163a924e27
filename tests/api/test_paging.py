"""Paging: which style an answer shows, what the next page is, and what cannot be the page that was asked for."""

from __future__ import annotations

import pytest

from datalyr_notebook.api.paging import Paging, Request, is_whole, paging_of, recognized, rows_of
from datalyr_notebook.api.transport import Answer
from datalyr_notebook.errors import ApiResponseError, OptionError
from tests.api.services import HERE, answer_of

ROW = {"event": "signup", "userId": "00042"}


def linked(header: str) -> Answer:
    return answer_of([ROW], {"Link": header})


@pytest.mark.parametrize(
    "body",
    [
        [ROW],
        {"data": [ROW], "next_cursor": None},
        {"events": [ROW], "warnings": []},
        {"data": {"events": [ROW]}},
        {"whatever": [ROW], "count": 1},
    ],
)
def test_rows_are_found_in_arrays_and_envelopes(body: object) -> None:
    assert rows_of(answer_of(body)) == [ROW]


@pytest.mark.parametrize(
    ("body", "words"),
    [
        (
            {"visitors": [1], "pageviews": [2]},
            r"an array .* was needed, and an object with 'visitors', 'pageviews' came\. Check path=",
        ),
        ({}, "an object with nothing in it"),
        ("<html>", "and a str came"),
        ([1, 2], "rows that are objects were needed, and a int came"),
    ],
)
def test_an_answer_without_rows_says_what_came(body: object, words: str) -> None:
    with pytest.raises(ApiResponseError, match=words):
        rows_of(answer_of(body))


@pytest.mark.parametrize(
    ("answer", "paging"),
    [
        (answer_of({"data": [ROW], "next_cursor": "c2"}), Paging("cursor")),
        (answer_of({"data": [ROW], "next_cursor": None, "has_more": False}), Paging("cursor")),
        (answer_of({"data": [ROW], "meta": {"next_page_token": "t"}}), Paging("cursor", place="page_token")),
        (answer_of({"events": [ROW], "page": 1, "page_size": 2, "total_pages": 9}), Paging("page")),
        (answer_of({"items": [ROW], "pagination": {"page": 1, "per_page": 2}}), Paging("page", size="per_page")),
        (answer_of({"results": [ROW], "offset": 0, "limit": 2, "total": 9}), Paging("offset")),
        (linked(f'<{HERE}&after=c2>; rel="next"'), Paging("link")),
        (linked(f'<{HERE}>; rel="first"'), Paging("link")),
        (answer_of({"results": [ROW], "count": 9, "next": "/v1/events?page=2"}), Paging("link")),
        (answer_of([ROW]), None),
        (answer_of({"data": [ROW], "has_more": False}), None),
    ],
)
def test_a_style_is_told_from_the_first_answer(answer: Answer, paging: Paging | None) -> None:
    assert recognized(answer) == paging


@pytest.mark.parametrize(
    ("body", "whole"),
    [
        ([], True),
        ([ROW], False),  # a service that cuts its answers at one row looks the same
        ({"data": [ROW], "has_more": False}, True),
        ({"data": [ROW], "has_more": True}, False),
        ({"data": [ROW], "total": 1}, True),
        ({"data": [ROW], "total": 2}, False),
    ],
)
def test_rows_without_a_sign_of_paging_are_whole_only_where_the_answer_says_so(body: object, *, whole: bool) -> None:
    assert is_whole(answer_of(body), len(rows_of(answer_of(body)))) is whole


@pytest.mark.parametrize(
    ("style", "first"),
    [
        ("cursor", {"limit": "2"}),
        ("page", {"page_size": "2", "page": "1"}),
        ("offset", {"limit": "2", "offset": "0"}),
        ("link", {"limit": "2"}),
        ("none", {}),
    ],
)
def test_the_first_page_is_asked_for_with_the_parameters_of_its_style(style: str, first: dict[str, str]) -> None:
    assert Paging(style).first("/events", {"tag": "x"}, 2) == Request("/events", {"tag": "x", **first})


@pytest.mark.parametrize(
    ("style", "body", "then"),
    [
        ("cursor", {"data": [ROW], "next_cursor": "c2"}, {"limit": "2", "cursor": "c2"}),
        ("cursor", {"data": [], "next_cursor": "c2"}, {"limit": "2", "cursor": "c2"}),
        ("cursor", {"data": [ROW], "next_cursor": 17}, {"limit": "2", "cursor": "17"}),
        ("cursor", {"data": [ROW], "next_cursor": ""}, None),
        ("cursor", {"data": [ROW], "next_cursor": "c2", "has_more": False}, None),
        ("page", {"events": [ROW], "page": 1, "total_pages": 2}, {"page_size": "2", "page": "2"}),
        ("page", {"events": [ROW], "page": 1, "total_pages": 1}, None),
        ("page", {"events": [ROW], "has_more": False}, None),
        ("page", {"events": [ROW]}, {"page_size": "2", "page": "2"}),  # nothing says that it is the last
        ("page", {"events": []}, None),
        ("offset", {"results": [ROW], "total": 3}, {"limit": "2", "offset": "1"}),  # the server gave fewer
        ("offset", {"results": [ROW, ROW], "total": 2}, None),
        ("offset", {"results": [ROW, ROW]}, {"limit": "2", "offset": "2"}),
        ("offset", {"results": []}, None),
        ("none", [ROW], None),
    ],
)
def test_the_next_page(style: str, body: object, then: dict[str, str] | None) -> None:
    paging = Paging(style)
    page = paging.read(paging.first("/events", {}, 2), answer_of(body))
    assert page.doubt == ""
    assert page.then == (None if then is None else Request("/events", then))


@pytest.mark.parametrize(
    ("answer", "then"),
    [
        (linked(f'<{HERE}&after=c2>; rel="next"'), f"{HERE}&after=c2"),
        (linked('</v1/events?after=c,2>; title="a, b"; rel=next'), "https://api.example.com/v1/events?after=c,2"),
        (linked('<?after=1>; rel="first", <?after=2>; rel="prev next"'), "https://api.example.com/v1/events?after=2"),
        (answer_of({"results": [ROW], "next": "https://api.example.com:443/v1/e?page=2"}), None),
        (linked(f'<{HERE}>; rel="first"'), ""),
        (linked("garbage"), ""),
    ],
)
def test_a_link_is_followed_as_it_is(answer: Answer, then: str | None) -> None:
    paging = Paging("link")
    page = paging.read(paging.first("/events", {}, 2), answer)
    expected = "https://api.example.com:443/v1/e?page=2" if then is None else then
    assert page.then == (Request(expected, {}) if expected else None)


@pytest.mark.parametrize(
    "target",
    ["https://evil.example/x", "//evil.example/x", "http://api.example.com/v1", "https://api.example.com:99x/"],
)
def test_a_link_to_another_host_is_not_followed(target: str) -> None:
    paging = Paging("link")
    with pytest.raises(ApiResponseError, match=r"leads to another host. The key is sent to no other host"):
        paging.read(paging.first("/events", {}, 2), linked(f'<{target}>; rel="next"'))


@pytest.mark.parametrize(
    ("style", "body", "doubt"),
    [
        ("page", {"events": [ROW], "page": 3, "total_pages": 9}, "page 1 was asked for and page 3 came"),
        ("page", {"events": [], "total_pages": 9}, "page 1 is empty, and not the last"),
        (
            "offset",
            {"results": [ROW], "offset": 8, "total": 9},
            "rows from 0 on were asked for, and rows from 8 on came",
        ),
        ("offset", {"results": [], "total": 9}, "from 0 on is empty, and not the last"),
        ("cursor", {"data": [ROW], "has_more": True}, "there is more, but gives no cursor"),
        ("link", {"data": [ROW], "has_more": True}, "there is more, but gives no link"),
        ("none", {"data": [ROW], "has_more": True}, "the answer says that there is more"),
    ],
)
def test_a_page_that_cannot_be_the_one_that_was_asked_for_is_doubted(style: str, body: object, doubt: str) -> None:
    paging = Paging(style)
    assert doubt in paging.read(paging.first("/events", {}, 2), answer_of(body)).doubt


def test_a_total_is_read_unless_it_is_not_to_be_trusted() -> None:
    request, answer = Request("/events", {"limit": "2", "offset": "0"}), answer_of({"results": [ROW], "total": 900})
    assert Paging("offset").read(request, answer).total == 900
    assert Paging("offset", trust_total=False).read(request, answer).total is None
    assert Paging("offset").read(request, answer_of({"results": [ROW], "total": "many"})).total is None


def test_what_is_no_paging_is_refused() -> None:
    assert paging_of("auto") is None
    assert paging_of("link") == Paging("link")
    for given in ("pages", None, 1):
        with pytest.raises(
            OptionError, match=r"Client.events: paging=.* is not known. Use one of 'auto', 'cursor', 'page'"
        ):
            paging_of(given)
    with pytest.raises(OptionError, match="the name of a parameter"):
        Paging("cursor", place=3)  # type: ignore[arg-type]
