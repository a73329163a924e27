"""One request and its repetitions: what is waited for, what is repeated, what fails at once, and how it is said."""

from __future__ import annotations

import datetime as dt
import socket
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from email.utils import formatdate
from typing import Any

import pytest

from datalyr_notebook import errors
from datalyr_notebook.api.transport import Transport
from tests.api.scripted_server import KEY, Clock, Reply, ScriptedServer


def transport(server: ScriptedServer, clock: Clock, **options: Any) -> Transport:
    return Transport(KEY, base_url=server.url, **{**clock.options, **options})


def limited(**headers: str) -> Reply:
    return Reply({"error": {"code": "rate_limited", "message": "Slow down"}}, 429, headers)


@pytest.fixture
def clock() -> Iterator[Clock]:
    return Clock()


def test_an_answer_is_its_json_headers_address_and_size(clock: Clock) -> None:
    with ScriptedServer(Reply({"visitors": 3}, headers={"X-Request-Id": "r1"})) as server:
        answer = transport(server, clock).get("overview", {"start_date": "2026-03-01T00:00:00Z", "aggregation": None})
    assert answer.body == {"visitors": 3}
    assert answer.headers["x-request-id"] == "r1"
    assert answer.size == len('{"visitors": 3}')
    assert answer.url == f"{server.url}/overview?start_date=2026-03-01T00%3A00%3A00Z"
    assert server.asked[0].headers["Authorization"] == f"Bearer {KEY}"
    assert server.asked[0].headers["Accept"] == "application/json"
    assert server.asked[0].headers["Accept-Encoding"] == "gzip"  # what is unpacked within bounds, and nothing else


@pytest.mark.parametrize("path", ["events/page", "/events/page", "{url}/events/page"])
def test_a_path_is_below_the_base_url_and_a_url_on_its_host_is_asked_as_it_is(path: str, clock: Clock) -> None:
    with ScriptedServer() as server:
        transport(server, clock).get(path.format(url=server.url), {"page": 2})
    assert (server.asked[0].path, server.asked[0].params) == ("/api/v1/events/page", {"page": ["2"]})


@pytest.mark.parametrize(
    "path",
    ["", "/", "a b", "a\nb", "a#b", "http://example.com/api/v1/x", "https://127.0.0.1/x", "file:///etc/passwd", 5],
)
def test_another_host_is_never_asked(path: Any, clock: Clock) -> None:
    with ScriptedServer() as server, pytest.raises(errors.OptionError, match=r"Client\.get: path=.*a URL on http"):
        transport(server, clock).get(path)
    assert server.asked == []


def test_a_url_with_a_user_is_not_asked(clock: Clock) -> None:
    with ScriptedServer() as server, pytest.raises(errors.OptionError) as raised:
        transport(server, clock).get(f"{server.url}/x".replace("//", "//someone:pw@"))
    assert "//•••@127.0.0.1" in str(raised.value)
    assert "pw" not in str(raised.value)
    assert server.asked == []


# ---- the rate limit


def test_429_waits_until_the_reset_and_says_so(clock: Clock) -> None:
    said: list[tuple[float, str]] = []
    with ScriptedServer(limited(**{"X-RateLimit-Reset": str(int(clock.time) + 37)}), Reply([1])) as server:
        answer = transport(server, clock, on_wait=lambda wait_s, why: said.append((wait_s, why))).get("overview")
    assert answer.body == [1]
    assert clock.slept == [37.0]
    assert said == [(37.0, "rate limit")]


@pytest.mark.parametrize(
    ("headers", "slept"),
    [
        ({"Retry-After": "9"}, 9.0),
        ({"Retry-After": formatdate(1_770_000_021, usegmt=True)}, 21.0),
        ({"X-RateLimit-Reset": "12"}, 12.0),
        ({"X-RateLimit-Reset": "1770000005000"}, 5.0),
        ({"X-RateLimit-Reset": "soon", "Retry-After": "3"}, 3.0),
        ({"X-RateLimit-Reset": "soon", "Retry-After": "later"}, 60.0),  # the documented window
        ({}, 60.0),
    ],
)
def test_429_waits_for_whatever_header_can_be_read(headers: dict[str, str], slept: float, clock: Clock) -> None:
    with ScriptedServer(limited(**headers), Reply()) as server:
        transport(server, clock).get("overview")
    assert clock.slept == [slept]


@pytest.mark.parametrize("off", [-86_400, 86_400])
def test_a_server_whose_clock_is_a_day_off_is_waited_for_as_long_as_it_means(off: int, clock: Clock) -> None:
    there = clock.time + off
    wrong = {"Date": formatdate(there, usegmt=True), "X-RateLimit-Reset": str(int(there) + 20)}
    with ScriptedServer(limited(**wrong), Reply()) as server:
        transport(server, clock).get("overview")
    assert clock.slept == [20.0]


def test_a_longer_wait_than_allowed_is_refused_and_says_when(clock: Clock) -> None:
    reset = int(clock.time) + 7_200
    with (
        ScriptedServer(limited(**{"X-RateLimit-Reset": str(reset), "X-Request-Id": "r9"})) as server,
        pytest.raises(errors.RateLimitError) as raised,
    ):
        transport(server, clock).get("overview")
    assert clock.slept == []
    assert raised.value.reset_at == dt.datetime(2026, 2, 2, 4, 40, tzinfo=dt.UTC)
    assert str(raised.value) == (
        "GET /overview answered 429: the rate limit is used up; the next request is permitted at 2026-02-02 04:40:00 "
        "UTC, in 2 h 0 min, longer than max_wait_s=120; the server says 'Slow down'. Try again then, or pass a larger "
        "max_wait_s. Request id: r9."
    )


def test_epoch_seconds_are_never_slept_for(clock: Clock) -> None:
    """A reset in the year 2255 is no wait of centuries, and no overflow."""
    with (
        ScriptedServer(limited(**{"X-RateLimit-Reset": "9000000000"})) as server,
        pytest.raises(errors.RateLimitError, match="permitted at 2255-03-14 16:00:00 UTC"),
    ):
        transport(server, clock).get("overview")
    with (
        ScriptedServer(limited(**{"Retry-After": "9" * 20})) as server,
        pytest.raises(errors.RateLimitError, match="a moment beyond the calendar") as raised,
    ):
        transport(server, clock).get("overview")
    assert raised.value.reset_at is None
    assert clock.slept == []


def test_429_again_and_again_ends_after_max_retries(clock: Clock) -> None:
    with (
        ScriptedServer(limited(**{"Retry-After": "20"})) as server,
        pytest.raises(errors.RateLimitError, match=r"\(asked 3 times\)") as raised,
    ):
        transport(server, clock, max_retries=2).get("overview")
    assert len(server.asked) == 3
    assert clock.slept == [20.0, 20.0]
    assert raised.value.reset_at == dt.datetime.fromtimestamp(clock.time + 20, dt.UTC)


def test_429_that_asks_for_no_wait_is_not_hammered(clock: Clock) -> None:
    with ScriptedServer(limited(**{"Retry-After": "0"})) as server, pytest.raises(errors.RateLimitError):
        transport(server, clock, max_retries=3).get("overview")
    assert clock.slept == [0.5, 1.0]  # the first repetition goes at once, the others after a growing pause


def test_requests_slow_down_before_the_limit_is_hit(clock: Clock) -> None:
    used_up = Reply(headers={"X-RateLimit-Remaining": "0", "X-RateLimit-Reset": str(int(clock.time) + 45)})
    with ScriptedServer(used_up, Reply([2])) as server:
        asks = transport(server, clock)
        asks.get("overview")
        assert clock.slept == []
        assert asks.get("overview").body == [2]
    assert clock.slept == [45.0]


def test_a_reset_beyond_all_patience_is_not_believed_before_the_server_refuses(clock: Clock) -> None:
    odd = Reply(headers={"X-RateLimit-Remaining": "0", "X-RateLimit-Reset": str(int(clock.time) + 9_999)})
    with ScriptedServer(odd) as server:
        asks = transport(server, clock)
        for _ in range(3):
            asks.get("overview")
    assert clock.slept == []


def test_a_refusal_after_an_unbelievable_reset_is_waited_for_as_it_says(clock: Clock) -> None:
    odd = Reply(headers={"X-RateLimit-Remaining": "0", "X-RateLimit-Reset": str(int(clock.time) + 9_999)})
    with ScriptedServer(odd, limited(**{"Retry-After": "20"}), Reply([2])) as server:
        asks = transport(server, clock)
        asks.get("overview")
        assert asks.get("overview").body == [2]
    assert clock.slept == [20.0]


def test_threads_share_one_limit(clock: Clock) -> None:
    """Ten requests in a window of which six are left: six go, four wait for the next one."""
    first = Reply(headers={"X-RateLimit-Remaining": "6", "X-RateLimit-Reset": str(int(clock.time) + 30)})
    with ScriptedServer(first, Reply()) as server:
        asks = transport(server, clock, sleep=clock.slept.append)  # time stands still
        asks.get("overview")
        with ThreadPoolExecutor(5) as threads:
            assert [answer.body for answer in threads.map(asks.get, ["overview"] * 10)] == [{}] * 10
    assert len(server.asked) == 11
    assert 1 <= len(clock.slept) <= 4
    assert set(clock.slept) == {30.0}


# ---- what is repeated, and what is not


def test_5xx_is_repeated_after_growing_pauses(clock: Clock) -> None:
    with ScriptedServer(Reply(status=500), Reply(status=502), Reply(status=503), Reply([3])) as server:
        assert transport(server, clock).get("overview").body == [3]
    assert clock.slept == [0.25, 0.5, 1.0]


def test_pauses_have_jitter_and_a_longest(clock: Clock) -> None:
    with ScriptedServer(Reply(status=500)) as server, pytest.raises(errors.ApiError, match=r"\(asked 9 times\)"):
        transport(server, clock, max_retries=8, jitter=lambda: 0.5).get("overview")
    assert clock.slept == [0.375, 0.75, 1.5, 3.0, 6.0, 12.0, 12.0, 12.0]


def test_503_waits_as_long_as_it_asks(clock: Clock) -> None:
    with ScriptedServer(Reply(status=503, headers={"Retry-After": "17"}), Reply()) as server:
        transport(server, clock).get("overview")
    assert clock.slept == [17.0]


def test_503_for_longer_than_allowed_says_when(clock: Clock) -> None:
    with (
        ScriptedServer(Reply(status=503, headers={"Retry-After": "600"})) as server,
        pytest.raises(errors.ApiError, match=r"permitted at 2026-02-02 02:50:00 UTC, in 10 min") as raised,
    ):
        transport(server, clock).get("overview")
    assert (raised.value.status, len(server.asked)) == (503, 1)


@pytest.mark.parametrize(
    ("status", "kind"),
    [
        (400, errors.ApiError),
        (401, errors.AuthenticationError),
        (403, errors.PlanError),
        (404, errors.ApiError),
        (408, errors.ApiError),
        (410, errors.ApiError),
        (422, errors.ApiError),
        (304, errors.ApiResponseError),
        (302, errors.ApiResponseError),  # without an address
    ],
)
def test_all_other_statuses_fail_at_once(status: int, kind: type[errors.ApiError], clock: Clock) -> None:
    reply = Reply(b"" if status == 304 else {"message": "no"}, status, {"X-Request-Id": "r7"})
    with ScriptedServer(reply) as server, pytest.raises(errors.ApiError) as raised:
        transport(server, clock).get("overview")
    error = raised.value
    assert type(error) is kind
    assert (error.status, error.path, error.request_id) == (status, "/overview", "r7")
    assert (len(server.asked), clock.slept) == (1, [])


def test_401_and_403_say_what_to_do(clock: Clock) -> None:
    with ScriptedServer(Reply({"error": "Invalid API key"}, 401), Reply({"detail": "Upgrade"}, 403)) as server:
        asks = transport(server, clock)
        with pytest.raises(errors.AuthenticationError) as unknown:
            asks.get("overview")
        with pytest.raises(errors.PlanError) as plan:
            asks.get("overview")
    assert str(unknown.value) == (
        "GET /overview answered 401: the key is not known; the server says 'Invalid API key'. Check api_key= or "
        "DATALYR_API_KEY; the dashboard makes keys under Settings, API Keys."
    )
    assert str(plan.value) == (
        "GET /overview answered 403: the key is valid, but its plan does not have this; the server says 'Upgrade'. "
        "Ask for something else, or see the plan in the dashboard."
    )


@pytest.mark.parametrize("cut", [-1, 0, 4])
def test_a_cut_connection_is_repeated(cut: int, clock: Clock) -> None:
    with ScriptedServer(Reply({"rows": [1, 2]}, cut=cut), Reply([4])) as server:
        assert transport(server, clock).get("overview").body == [4]
    assert clock.slept == [0.25]


def test_a_body_that_is_always_cut_says_where(clock: Clock) -> None:
    with (
        ScriptedServer(Reply(b"[1, 2, 3]", cut=4)) as server,
        pytest.raises(errors.ApiResponseError, match=r"answered 200: .*\(asked 2 times\)") as raised,
    ):
        transport(server, clock, max_retries=1).get("overview")
    assert raised.value.status == 200
    assert len(server.asked) == 2


def test_a_connection_that_never_answers_has_no_status(clock: Clock) -> None:
    with ScriptedServer(Reply(cut=-1)) as server, pytest.raises(errors.ApiConnectionError) as raised:
        transport(server, clock, max_retries=1).get("overview")
    assert raised.value.status is None
    assert str(raised.value) == (
        "GET /overview was not answered: the connection broke before an answer (asked 2 times). "
        "Check the network, the proxy and base_url."
    )
    assert isinstance(raised.value, ConnectionError)


def test_nobody_listens(clock: Clock) -> None:
    with socket.create_server(("127.0.0.1", 0)) as free:
        url = f"http://127.0.0.1:{free.getsockname()[1]}/api"
    with pytest.raises(errors.ApiConnectionError, match="no connection could be made"):
        Transport(KEY, base_url=url, max_retries=0, **clock.options).get("overview")


def test_a_server_without_tls_is_not_asked_again(clock: Clock) -> None:
    with ScriptedServer() as server, pytest.raises(errors.ApiConnectionError) as raised:
        Transport(KEY, base_url=server.url.replace("http:", "https:"), **clock.options).get("overview")
    assert str(raised.value) == (
        "GET /overview was not answered: no secure connection (TLS) could be made. "
        "Check base_url, the certificates and the clock."
    )
    assert clock.slept == []


def test_silence_is_a_timeout(clock: Clock) -> None:
    with ScriptedServer(Reply(delay_s=0.1), Reply([5])) as server:
        assert transport(server, clock, timeout_s=(1, 0.03)).get("overview").body == [5]
        server.asked.clear()
        with pytest.raises(errors.ApiTimeoutError, match=r"was not answered: nothing came for 0\.03 s") as raised:
            transport(server, clock, timeout_s=(1, 0.03), max_retries=0).get("overview")
    assert raised.value.status is None
    assert isinstance(raised.value, TimeoutError)


def test_a_timeout_is_five_seconds_to_connect_and_sixty_to_read() -> None:
    assert Transport(KEY).timeout_s == (5.0, 60.0)
    assert Transport(KEY, timeout_s=3).timeout_s == (3.0, 3.0)


@pytest.mark.parametrize(
    ("option", "value"),
    [
        ("timeout_s", None),
        ("timeout_s", 0),
        ("timeout_s", -1),
        ("timeout_s", float("nan")),
        ("timeout_s", (1, None)),
        ("timeout_s", (1, 2, 3)),
        ("timeout_s", True),
        ("max_retries", -1),
        ("max_retries", 1.5),
        ("max_retries", "3"),
        ("max_wait_s", float("inf")),
        ("max_wait_s", -1),
        ("max_bytes", 0),
        ("base_url", "http://app.datalyr.com/api/v1"),
        ("base_url", "http://127.0.0.1.example.com/api"),
        ("base_url", "ftp://127.0.0.1/api"),
        ("base_url", "app.datalyr.com/api/v1"),
        ("base_url", "https://"),
        ("base_url", "https://user:word@app.datalyr.com/api/v1"),
        ("base_url", "https://app.datalyr.com/api/v1?x=1"),
        ("base_url", "https://app.datalyr.com/api/v1#x"),
        ("base_url", "https://app.datalyr.com\\@127.0.0.1/"),
        ("base_url", "https://app.datalyr.com:port/"),
        ("base_url", None),
    ],
)
def test_a_setting_that_cannot_be_is_refused_before_anything_is_sent(option: str, value: Any) -> None:
    with pytest.raises(errors.OptionError, match=rf"^Client: {option}=") as raised:
        Transport(KEY, **{option: value})
    assert "word" not in str(raised.value)


@pytest.mark.parametrize(
    "url", ["http://localhost:1/api", "http://127.0.0.9/api/", "http://[::1]:80/api", "https://h.example"]
)
def test_http_is_for_this_machine_and_https_for_all(url: str) -> None:
    assert Transport(KEY, base_url=url).base_url == url.rstrip("/").replace("[::1]:80", "[::1]:80")
