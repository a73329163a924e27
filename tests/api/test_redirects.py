"""Redirects: followed where that is safe, and never with the key to another host or port, or down from https."""

from __future__ import annotations

import io
from typing import Any

import pytest
import requests
import urllib3

from datalyr_notebook import errors
from datalyr_notebook.api.transport import Transport
from tests.api.scripted_server import KEY, Clock, Reply, ScriptedServer

BASE = "https://app.datalyr.com/api/v1"


def to(address: str, status: int = 302, **more: Any) -> Reply:
    return Reply(b"moved", status, {"Location": address}, **more)


@pytest.mark.parametrize("status", [301, 302, 303, 307, 308])
def test_a_redirect_on_the_same_host_keeps_the_key(status: int) -> None:
    with ScriptedServer(to("/api/v2/overview?version=2", status), Reply([1])) as server:
        answer = Transport(KEY, base_url=server.url).get("overview", {"version": 1})
    assert answer.body == [1]
    assert answer.url == f"{server.origin}/api/v2/overview?version=2"
    assert [one.params for one in server.asked] == [{"version": ["1"]}, {"version": ["2"]}]
    assert [one.headers["Authorization"] for one in server.asked] == [f"Bearer {KEY}"] * 2


def test_another_port_is_asked_without_the_key_and_without_cookies() -> None:
    session = requests.Session()
    session.headers["Authorization"] = "Basic eDp5"
    session.cookies.set("session", "abc", domain="127.0.0.1")
    with ScriptedServer(Reply([2])) as other, ScriptedServer(to(f"{other.url}/overview")) as server:
        assert Transport(KEY, base_url=server.url, session=session).get("overview").body == [2]
    assert server.asked[0].headers["Authorization"] == f"Bearer {KEY}"
    assert "Authorization" not in other.asked[0].headers
    assert "Cookie" not in other.asked[0].headers


def test_another_host_name_of_this_machine_is_another_host() -> None:
    with ScriptedServer(Reply([2])) as server:
        port = server.origin.rsplit(":", 1)[1]
        server.replies = [to(f"http://localhost:{port}/api/v1/overview"), Reply([2])]
        assert Transport(KEY, base_url=server.url).get("overview").body == [2]
    assert [one.headers["Authorization"] for one in server.asked] == [f"Bearer {KEY}", None]


def test_another_hosts_rate_limit_does_not_slow_us_down() -> None:
    clock = Clock()
    used_up = Reply(headers={"X-RateLimit-Remaining": "0", "X-RateLimit-Reset": "30"})
    with ScriptedServer(used_up) as other, ScriptedServer(to(f"{other.url}/x"), Reply()) as server:
        asks = Transport(KEY, base_url=server.url, **clock.options)
        asks.get("overview")
        asks.get("overview")
    assert clock.slept == []


@pytest.mark.parametrize(
    ("address", "words"),
    [
        ("http://app.example.com/x", "a redirect to an address without https came"),
        ("ftp://127.0.0.1/x", "a redirect to an address without https came"),
        ("file:///etc/passwd", "a redirect to an address without https came"),
        ("//example.com/x", "a redirect to an address without https came"),
        ("http://[bad/x", "a redirect to what is no address came"),
        (f"/login?key={KEY}", "a redirect to an address that holds the key came"),
    ],
)
def test_a_redirect_that_is_not_safe_is_refused(address: str, words: str) -> None:
    with ScriptedServer(to(address)) as server, pytest.raises(errors.ApiResponseError) as raised:
        Transport(KEY, base_url=server.url).get("overview")
    assert words in str(raised.value)
    assert (raised.value.status, len(server.asked)) == (302, 1)


def test_a_failure_at_another_host_says_that_the_key_is_not_sent_there() -> None:
    with ScriptedServer(Reply({}, 401)) as other, ScriptedServer(to(f"{other.url}/overview")) as server:
        host = other.origin.removeprefix("http://")
        with pytest.raises(errors.AuthenticationError) as raised:
            Transport(KEY, base_url=server.url).get("overview")
    assert f"; a redirect led to '{host}', and the key is not sent there;" in str(raised.value)
    assert str(raised.value).endswith(" Check base_url and the path.")


def test_a_failure_at_the_same_host_says_nothing_of_redirects() -> None:
    with ScriptedServer(to("/api/v1/x"), Reply({}, 401)) as server, pytest.raises(errors.ApiError) as raised:
        Transport(KEY, base_url=server.url).get("overview")
    assert "redirect" not in str(raised.value)


class _Canned(requests.adapters.BaseAdapter):
    """Answers of an https host that a test cannot have."""

    def __init__(self, location: str) -> None:
        super().__init__()
        self.location, self.asked = location, []  # type: ignore[var-annotated]

    def send(self, request: requests.PreparedRequest, *_: Any, **__: Any) -> requests.Response:
        self.asked.append((request.url, request.headers.get("Authorization")))
        first = len(self.asked) == 1
        response = requests.Response()
        response.status_code, response.url = (302 if first else 200), str(request.url)
        if first:
            response.headers["Location"] = self.location
        response.raw = urllib3.HTTPResponse(io.BytesIO(b"[3]"), preload_content=False)
        return response

    def close(self) -> None: ...


def over_https(location: str) -> tuple[_Canned, Transport]:
    session, canned = requests.Session(), _Canned(location)
    session.mount("https://", canned)
    session.mount("http://", canned)
    return canned, Transport(KEY, session=session)


@pytest.mark.parametrize("location", ["http://app.datalyr.com/api/v1/x", "http://127.0.0.1/x", "http://localhost:80/x"])
def test_nothing_follows_down_from_https(location: str) -> None:
    canned, asks = over_https(location)
    with pytest.raises(errors.ApiResponseError, match="without https"):
        asks.get("overview")
    assert canned.asked == [(f"{BASE}/overview", f"Bearer {KEY}")]


@pytest.mark.parametrize(
    "location",
    [
        "https://example.com/x",
        "https://app.datalyr.com.example.com/x",
        "https://app.datalyr.com:8443/x",
        "https://datalyr.com/x",
        "https://app.datalyr.com@example.com/x",
        "//example.com/x",
    ],
)
def test_another_https_host_or_port_is_asked_without_the_key(location: str) -> None:
    canned, asks = over_https(location)
    assert asks.get("overview").body == [3]
    assert canned.asked[1][1] is None


@pytest.mark.parametrize("location", ["https://APP.datalyr.com:443/api/v1/x", "x", "/api/v1/x", "?page=2"])
def test_the_same_host_written_otherwise_is_the_same_host(location: str) -> None:
    canned, asks = over_https(location)
    asks.get("overview")
    assert canned.asked[1][1] == f"Bearer {KEY}"


def test_redirects_in_a_circle_end() -> None:
    with ScriptedServer(to("/api/v1/overview")) as server, pytest.raises(errors.ApiResponseError) as raised:
        Transport(KEY, base_url=server.url).get("overview")
    assert "redirects that do not end came" in str(raised.value)
    assert len(server.asked) == 6


def test_the_body_of_a_redirect_is_not_read() -> None:
    with ScriptedServer(to("/api/v1/x", announced=500_000_000), Reply([4])) as server:
        assert Transport(KEY, base_url=server.url, timeout_s=(1, 0.1), max_retries=0).get("overview").body == [4]


def test_a_redirect_to_a_login_page_says_that_a_web_page_came() -> None:
    page = Reply(b"<html><title>Log in</title>")
    with ScriptedServer(to("/login"), page) as server, pytest.raises(errors.ApiResponseError) as raised:
        Transport(KEY, base_url=server.url).get("overview")
    assert str(raised.value).startswith("GET /login answered 200: a web page came")
