"""What a server says of a failure, as errors show it: the shape of such bodies is not published."""

from __future__ import annotations

import pytest

from datalyr_notebook import errors
from datalyr_notebook.api.transport import Transport
from tests.api.scripted_server import KEY, Reply, ScriptedServer

MESSAGES = {
    "a text": ({"error": "No such\npage"}, "No such page"),
    "code and message": ({"error": {"code": "not_found", "message": "No such page"}}, "No such page"),
    "a list": (
        {"errors": [{"detail": "start_date is missing"}, {"detail": "end_date too"}]},
        "start_date is missing; end_date too",
    ),
    "a code alone": ({"code": "not_found"}, "not_found"),
    "unknown fields": ({"what": 1}, '{"what": 1}'),
    "terminal colors and a bell": ({"message": "\x1b[31mred\x07"}, "[31mred"),
    "text that runs backwards": ({"message": "a\u202eb\u200bc"}, "a b c"),
    "bytes that are no text": (b"\xff\x00oh", "\ufffd oh"),
    "a page with a title": (b"<html><head><title>Not &lt;found&gt;</title>", "web page 'Not <found>'"),
    "a page without": (b"<p>no</p>", "a web page"),
    "nothing": (b"", ""),
    "a novel": ({"message": "x" * 5_000}, "x" * 299 + "…"),
    "nesting without end": (b"[" * 5_000, "[" * 299 + "…"),
}


@pytest.mark.parametrize("kind", MESSAGES)
def test_the_servers_message_is_one_short_printable_line(kind: str) -> None:
    body, message = MESSAGES[kind]
    with ScriptedServer(Reply(body, 404)) as server, pytest.raises(errors.ApiError) as raised:
        Transport(KEY, base_url=server.url).get("overview")
    assert raised.value.message == message
    assert str(raised.value).isprintable()
