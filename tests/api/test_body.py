"""Bodies that are not what was asked for: too large, packed to burst, cut, or no JSON."""

from __future__ import annotations

import gzip
import tracemalloc
import zlib
from collections.abc import Iterator
from typing import Any

import pytest

from datalyr_notebook import errors
from datalyr_notebook.api.transport import MAX_BYTES, Transport
from tests.api.scripted_server import KEY, Clock, Reply, ScriptedServer

MB = 1_000_000


def asked(reply: Reply, **options: Any) -> Any:
    with ScriptedServer(reply) as server:
        return Transport(KEY, base_url=server.url, max_retries=0, **Clock().options, **options).get("overview").body


def refused(reply: Reply, **options: Any) -> tuple[errors.ApiResponseError, float]:
    """The error, and the most memory that was taken until it came, in MB."""
    tracemalloc.start()
    try:
        with pytest.raises(errors.ApiResponseError) as raised:
            asked(reply, **options)
        peak = tracemalloc.get_traced_memory()[1]
    finally:
        tracemalloc.stop()
    return raised.value, peak / MB


def half_a_gigabyte() -> Iterator[bytes]:
    piece = b"[" + b" " * 65_535
    for _ in range(8_000):
        yield piece


def test_an_announced_body_of_500_mb_is_refused_before_it_is_read() -> None:
    error, peak = refused(Reply(b"[", announced=500 * MB))
    assert "a body of 500,000,000 bytes is announced, and at most max_bytes=100,000,000 are read" in str(error)
    assert "Ask for less at once" in str(error)
    assert peak < 3


def test_a_streamed_body_is_refused_at_the_bound() -> None:
    error, peak = refused(Reply(stream=half_a_gigabyte), max_bytes=2 * MB)
    assert "more than max_bytes=2,000,000 bytes came" in str(error)
    assert peak < 6


def test_the_bound_is_a_hundred_million_bytes_and_holds_to_the_byte() -> None:
    assert MAX_BYTES == 100_000_000
    assert asked(Reply(b"[1, 2]"), max_bytes=6) == [1, 2]
    assert "more than max_bytes=5" in str(refused(Reply(stream=lambda: iter([b"[1, ", b"2]"])), max_bytes=5)[0])


def test_a_small_body_that_unpacks_to_100_mb_is_refused_before_memory_is_taken() -> None:
    bomb = gzip.compress(b" " * 50 * MB)
    assert len(bomb) < 60_000
    error, peak = refused(Reply(bomb, headers={"Content-Encoding": "gzip"}), max_bytes=MB)
    assert "more than max_bytes=1,000,000 bytes came" in str(error)
    assert peak < 4


def test_what_is_packed_twice_or_otherwise_was_not_asked_for() -> None:
    packed = gzip.compress(gzip.compress(b"[1]"))
    for encoding in ("gzip, gzip", "br", "zstd", "\u00fc"):
        error, _ = refused(Reply(packed, headers={"Content-Encoding": encoding}))
        assert "packed in a way that was not asked for" in str(error)


@pytest.mark.parametrize(
    "pack", [gzip.compress, zlib.compress, lambda plain: gzip.compress(plain[:3]) + gzip.compress(plain[3:])]
)
def test_packed_bodies_are_unpacked(pack: Any) -> None:
    plain = b"[" + b"1, " * 100_000 + b"2]"
    encoding = "deflate" if pack is zlib.compress else "gzip"
    assert asked(Reply(pack(plain), headers={"Content-Encoding": encoding}))[-1] == 2


def test_a_packed_body_that_is_damaged_or_cut_says_so() -> None:
    packed = gzip.compress(b"[1, 2, 3]")
    in_gzip = {"Content-Encoding": "gzip"}
    assert "says that it is gzip, and is not" in str(refused(Reply(b"[1, 2, 3]", headers=in_gzip))[0])
    assert "the packed body stops in the middle" in str(refused(Reply(packed[:-4], headers=in_gzip))[0])


@pytest.mark.parametrize(
    ("body", "words"),
    [
        (b"<!DOCTYPE html><title>Log in</title>", "a web page came, not JSON, as from a login or an error page"),
        (b"\n  <html>", "a web page came"),
        (b"", "an empty body came"),
        (b"  ", "an empty body came"),
        (b"visitors,3", "the body is not JSON (at character 0 of 10)"),
        (b'{"a": [1, 2', "the JSON stops in the middle, the body is truncated"),
        (b'{"a": "b', "the JSON stops in the middle, the body is truncated"),
        (b'{"a": 1} trailing', "the body is not JSON (at character 9 of 17)"),
        (b"[" * 200_000, "nested too deeply"),
        (b"[" + b"9" * 5_000 + b"]", "numbers of thousands of digits"),
        (b'"\xff\xfe\xfa"', "not JSON in UTF-8"),
    ],
)
def test_a_200_that_is_no_json_says_what_came(body: bytes, words: str) -> None:
    error, _ = refused(Reply(body, headers={"Content-Type": "text/html; charset=utf-8", "X-Request-Id": "r3"}))
    assert words in str(error)
    assert "(text/html; charset=utf-8)" in str(error)
    assert (error.status, error.request_id, error.path) == (200, "r3", "/overview")


def test_json_with_a_byte_order_mark_is_json() -> None:
    assert asked(Reply(b"\xef\xbb\xbf[1]")) == [1]


@pytest.mark.parametrize("length", ["many", "", "-3", "\u00b2"])
def test_a_length_that_is_no_number_is_left_out(length: str) -> None:
    assert asked(Reply(b"[7]", announced=length)) == [7]


def test_lengths_that_contradict_each_other_are_an_error_of_ours() -> None:
    with pytest.raises(errors.ApiConnectionError, match="the address or a header is not valid"):
        asked(Reply(b"[7]", announced="3, 4"))


def test_an_error_of_500_mb_is_read_for_its_message_only() -> None:
    with pytest.raises(errors.ApiError, match="answered 404"):
        asked(Reply(status=404, stream=half_a_gigabyte))
