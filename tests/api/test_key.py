"""The key: where it comes from, the one place it goes to, and all the places it must not be seen in."""

from __future__ import annotations

import copy
import logging
import pickle
import traceback
from collections.abc import Callable
from pathlib import Path
from typing import Any
from urllib.parse import quote

import pytest
import requests

from datalyr_notebook import errors
from datalyr_notebook.api import Client
from datalyr_notebook.api.key import ApiKey
from datalyr_notebook.api.secrecy import Hidden
from datalyr_notebook.api.transport import Transport
from tests.api.scripted_server import KEY, Clock, Reply, ScriptedServer

OTHER = "dk_agent_0th3r"


@pytest.fixture(autouse=True)
def _no_key_of_the_machine(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.delenv("DATALYR_API_KEY", raising=False)


def sent_key(client: Client, server: ScriptedServer) -> str | None:
    client.get("overview")
    return server.asked[-1].headers["Authorization"]


def everything_shown(error: BaseException) -> str:
    """What any display of an exception could show: texts, attributes, the chain, the locals of all frames below."""
    seen = [
        str(error),
        repr(error),
        repr(error.args),
        repr(vars(error)),
        repr(error.__cause__),
        repr(error.__context__),
    ]
    frames = error.__traceback__
    assert frames is not None
    below = frames.tb_next  # the test's own frame holds the key
    for one in (error, error.__cause__, error.__context__):
        if one is not None:
            trace = traceback.TracebackException(
                type(one), one, below if one is error else one.__traceback__, capture_locals=True
            )
            seen += list(trace.format())
    return "\n".join(seen)


def raised_by(call: Callable[[], object]) -> BaseException:
    with pytest.raises(BaseException) as raised:  # noqa: PT011  (its text is what is looked at)
        call()
    return raised.value


# ---- where it comes from


def test_the_argument_wins_over_the_environment(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("DATALYR_API_KEY", OTHER)
    with ScriptedServer() as server:
        assert sent_key(Client(KEY, base_url=server.url), server) == f"Bearer {KEY}"
        assert sent_key(Client(base_url=server.url), server) == f"Bearer {OTHER}"
        assert sent_key(Client(f"  {KEY}\n", base_url=server.url), server) == f"Bearer {KEY}"


@pytest.mark.parametrize("value", [None, "", "  "])
def test_without_a_key_the_error_says_where_to_get_one(value: str | None, monkeypatch: pytest.MonkeyPatch) -> None:
    if value is not None:
        monkeypatch.setenv("DATALYR_API_KEY", value)
    with pytest.raises(errors.ApiKeyError) as raised:
        Client()
    assert str(raised.value) == (
        "Client needs an API key, but api_key= is not given and DATALYR_API_KEY is not set. Make one in the dashboard "
        "(Settings, API Keys) and set DATALYR_API_KEY, or pass api_key=."
    )


def test_an_empty_argument_is_not_replaced_by_another_workspaces_key(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("DATALYR_API_KEY", OTHER)
    with pytest.raises(errors.ApiKeyError, match="api_key= is empty"):
        Client(" ")


@pytest.mark.parametrize("bad", [f"{KEY}\n{KEY}", f"Bearer {KEY}", f"{KEY}\x00", f"{KEY}é", f"{KEY}\r\nX-Evil: 1"])
def test_a_key_that_cannot_be_sent_is_refused_without_showing_it(bad: str) -> None:
    error = raised_by(lambda: Client(bad))
    assert isinstance(error, errors.ApiKeyError)
    assert "it holds spaces, line breaks or letters that no key has" in str(error)
    assert KEY not in everything_shown(error.with_traceback(error.__traceback__ and error.__traceback__.tb_next))


@pytest.mark.parametrize("bad", [KEY.encode(), [KEY], 5])
def test_a_key_that_is_no_text_is_refused_without_showing_it(bad: Any) -> None:
    with pytest.raises(errors.ApiKeyError, match=rf"api_key= is of type {type(bad).__name__}, not a text") as raised:
        Client(bad)
    assert KEY not in str(raised.value)


# ---- the one place it goes to


def test_a_netrc_entry_does_not_override_the_key(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    netrc = tmp_path / "netrc"
    netrc.write_text("machine 127.0.0.1 login someone password else\ndefault login a password b\n")
    netrc.chmod(0o600)
    monkeypatch.setenv("NETRC", str(netrc))
    with ScriptedServer() as server:
        assert requests.get(server.url, timeout=5).ok
        assert server.asked[-1].headers["Authorization"].startswith("Basic ")  # the entry is read, and by requests sent
        assert sent_key(Client(KEY, base_url=server.url), server) == f"Bearer {KEY}"


def test_what_a_session_carries_does_not_override_the_key() -> None:
    session = requests.Session()
    session.auth = ("someone", "else")
    session.headers.update({"Authorization": "Basic x", "X-Team": "growth"})
    with ScriptedServer() as server:
        assert sent_key(Client(KEY, base_url=server.url, session=session), server) == f"Bearer {KEY}"
    assert server.asked[0].headers["X-Team"] == "growth"
    assert KEY not in repr(vars(session))


def test_a_proxy_of_the_environment_never_sees_a_loopback_key(monkeypatch: pytest.MonkeyPatch) -> None:
    with ScriptedServer() as proxy, ScriptedServer() as server:
        for name in ("http_proxy", "HTTP_PROXY", "all_proxy"):
            monkeypatch.setenv(name, proxy.origin)
        monkeypatch.delenv("no_proxy", raising=False)
        monkeypatch.delenv("NO_PROXY", raising=False)
        assert sent_key(Client(KEY, base_url=server.url), server) == f"Bearer {KEY}"
    assert proxy.asked == []


# ---- the places it must not be seen in


def test_the_key_is_in_no_repr_and_no_attribute() -> None:
    client = Client(KEY)
    assert repr(client) == "Client(base_url='https://app.datalyr.com/api/v1', api_key=<set>, tz='UTC')"
    shown = [repr(one) for one in (client, vars(client), client._transport, vars(client._transport))]
    shown += [str(client), f"{client}", repr(ApiKey(Hidden(KEY), "https://h.example")), repr(Hidden(KEY))]
    assert not [one for one in shown if KEY in one or KEY[-4:] in one]


def test_a_pickled_client_has_its_settings_and_no_key(monkeypatch: pytest.MonkeyPatch) -> None:
    client = Client(
        KEY, base_url="https://h.example/v2", timeout_s=(1, 2), max_retries=1, max_wait_s=3, tz="Asia/Tokyo"
    )
    for protocol in range(pickle.HIGHEST_PROTOCOL + 1):
        assert KEY.encode() not in pickle.dumps(client, protocol)
    with pytest.raises(errors.ApiKeyError, match="DATALYR_API_KEY is not set"):
        pickle.loads(pickle.dumps(client))  # noqa: S301  (our own)
    monkeypatch.setenv("DATALYR_API_KEY", OTHER)
    with ScriptedServer() as server:
        here = Client(
            KEY, base_url=server.url, timeout_s=(1, 2), max_retries=1, max_wait_s=3, max_bytes=9, tz="Asia/Tokyo"
        )
        for again in (pickle.loads(pickle.dumps(here)), copy.copy(here), copy.deepcopy(here)):  # noqa: S301
            assert sent_key(again, server) == f"Bearer {OTHER}"
            assert again.tz == "Asia/Tokyo"
            asks = again._transport
            assert (asks.timeout_s, asks.max_retries, asks.max_wait_s, asks.max_bytes) == ((1, 2), 1, 3, 9)


def test_the_key_and_what_asks_with_it_cannot_be_pickled() -> None:
    for secret in (ApiKey(Hidden(KEY), "https://h.example"), Transport(KEY)):
        for take in (pickle.dumps, copy.deepcopy):
            with pytest.raises(TypeError) as raised:
                take(secret)
            assert KEY not in str(raised.value)


def test_the_key_is_in_no_log_line(caplog: pytest.LogCaptureFixture) -> None:
    replies = (
        Reply(status=500),
        Reply(status=429, headers={"Retry-After": "2"}),
        Reply(status=302, headers={"Location": "x"}),
    )
    with caplog.at_level(logging.DEBUG), ScriptedServer(*replies, Reply(cut=-1), Reply()) as server:
        Transport(KEY, base_url=server.url, **Clock().options).get("overview", {"limit": 3})
    assert "limit=3" in caplog.text  # urllib3 logs addresses
    assert "Waiting 2 s (rate limit); the next request goes out at " in caplog.text
    assert KEY not in caplog.text


ECHOES = {
    "as it is": {"error": {"message": f"Unknown key {KEY}"}},
    "percent-encoded": {"message": f"key={quote(KEY + '/+', safe='')}"},
    "a part of it": {"detail": f"No key {KEY[:9]}…{KEY[-4:]}"},
    "masked": {"detail": f"No key {KEY[:9]}****"},
    "at the cut of a long text": {"detail": "x" * 290 + KEY},
    "as plain text": f"forbidden: {KEY}".encode(),
    "in a title": f"<html><title>{KEY}</title>".encode(),
}


@pytest.mark.parametrize("how", ECHOES)
@pytest.mark.parametrize("status", [400, 401, 403, 429, 500])
def test_a_server_that_repeats_the_key_is_not_repeated(how: str, status: int) -> None:
    headers = {"X-Request-Id": f"id-{KEY}", "Retry-After": "999"}
    with ScriptedServer(Reply(ECHOES[how], status, headers)) as server:
        error = raised_by(lambda: Transport(KEY, base_url=server.url, **Clock().options).get("overview"))
    assert isinstance(error, errors.ApiError)
    shown = everything_shown(error)
    assert "•••" in error.message + str(error.request_id)
    assert KEY not in shown
    assert KEY[-4:] not in str(error)
    assert KEY[:9] not in str(error)


FAULTS = {
    "unreachable": Reply(cut=-1),
    "cut": Reply(b"[1, 2, 3]", cut=3),
    "silent": Reply(delay_s=0.05),
    "no JSON": Reply(f"<p>{KEY}".encode(), headers={"Content-Type": f"text/html; k={KEY}"}),
    "bad address": Reply(status=302, headers={"Location": f"http://[bad/{KEY}"}),
    "key in address": Reply(status=302, headers={"Location": f"/login?key={KEY}"}),
    "endless": Reply(status=302, headers={"Location": "/api/v1/overview"}),
}


@pytest.mark.parametrize("fault", FAULTS)
def test_no_exception_of_requests_or_urllib3_escapes_nor_stays_in_the_chain(fault: str) -> None:
    with ScriptedServer(FAULTS[fault]) as server:
        asks = Transport(KEY, base_url=server.url, max_retries=0, timeout_s=(1, 0.02), **Clock().options)
        error = raised_by(lambda: asks.get("overview"))
    assert isinstance(error, errors.ApiError)
    assert error.__cause__ is None
    assert error.__context__ is None
    assert KEY not in everything_shown(error)


class _Interrupted(requests.adapters.HTTPAdapter):
    """Ctrl-C while requests' own frames, which hold the header, are on the stack."""

    def send(self, request: requests.PreparedRequest, *_: Any, **__: Any) -> requests.Response:
        headers, value = request.headers, request.headers["Authorization"]
        raise KeyboardInterrupt(len(headers), len(value))


def test_an_interrupted_request_shows_no_key_among_the_locals() -> None:
    session = requests.Session()
    session.mount("https://", _Interrupted())
    asks = Transport(KEY, session=session)
    error = raised_by(lambda: asks.get("overview"))
    assert isinstance(error, KeyboardInterrupt)
    shown = everything_shown(error)
    assert "'Authorization': '•••'" in shown
    assert KEY not in shown


@pytest.mark.parametrize(
    "call",
    [
        lambda client: client.get("overview", api_key=KEY),
        lambda client: client.get("overview", keys=["x", KEY]),
        lambda client: client.get(f"overview/{KEY}"),
        lambda client: client.frame(f"overview?key={KEY}"),
    ],
)
def test_the_key_goes_into_no_address(call: Callable[[Client], object]) -> None:
    with ScriptedServer() as server:
        client = Client(KEY, base_url=server.url)
        error = raised_by(lambda: call(client))
    assert isinstance(error, errors.ApiKeyError)
    assert "it stands in the path or the parameters of a request, and addresses are logged" in str(error)
    assert KEY not in str(error)
    assert server.asked == []


def test_the_key_in_a_path_that_cannot_be_is_not_shown_by_the_refusal() -> None:
    other_form = "s3cr3t-of-0th3r-form"
    with pytest.raises(errors.ApiKeyError) as raised:
        Client(other_form).get(f"over view/{other_form}")
    assert other_form not in str(raised.value)


def test_a_sessions_parameters_do_not_carry_the_key_either() -> None:
    session = requests.Session()
    session.params = {"token": KEY}
    with ScriptedServer() as server, pytest.raises(errors.ApiKeyError, match="addresses are logged"):
        Client(KEY, base_url=server.url, session=session).get("overview")
    assert server.asked == []


def test_a_key_in_the_wrong_argument_is_not_shown() -> None:
    for base_url in (KEY, f"https://app.datalyr.com/?key={KEY}", f"https://{KEY}@app.datalyr.com"):
        error = raised_by(lambda base_url=base_url: Client(OTHER, base_url=base_url))
        assert isinstance(error, errors.OptionError)
        assert KEY not in str(error)
        assert KEY not in repr(vars(error))
