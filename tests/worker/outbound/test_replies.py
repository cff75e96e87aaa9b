"""Replies of other services are read within bounds, whatever is in them."""

import asyncio
from collections.abc import AsyncIterator

import httpx
import pytest

from render_worker.errors import UnexpectedReply
from render_worker.outbound.limited_client import limit_replies
from render_worker.outbound.replies import (
    is_compressed,
    json_object,
    printable,
    read_body,
    retry_after,
)

DAY = 86_400


class TooLarge(Exception):
    """What these callers raise."""


async def endless() -> AsyncIterator[bytes]:
    while True:
        yield b"12345"


def reply_of(chunks: AsyncIterator[bytes], **headers: str) -> httpx.Response:
    return httpx.Response(200, content=chunks, headers={name.replace("_", "-"): it for name, it in headers.items()})


async def three() -> AsyncIterator[bytes]:
    for chunk in (b"one", b"", b"two"):
        yield chunk


def test_it_works():
    assert asyncio.run(read_body(reply_of(three()), 6, TooLarge)) == b"onetwo"


def test_a_body_that_is_too_large_raises_the_callers_error():
    with pytest.raises(TooLarge):
        asyncio.run(read_body(reply_of(three()), 5, TooLarge))


def test_an_endless_body_is_read_no_further_than_its_limit():
    sent: list[bytes] = []

    async def dripping() -> AsyncIterator[bytes]:
        async for chunk in endless():
            sent.append(chunk)
            yield chunk

    with pytest.raises(TooLarge):
        asyncio.run(read_body(reply_of(dripping()), 12, TooLarge))
    assert sent == [b"12345"] * 3


@pytest.mark.parametrize(
    ("encoding", "expected"), [(None, False), ("identity", False), ("gzip", True), ("identity, br", True), ("", True)]
)
def test_a_compressed_reply_is_recognised_by_its_header(encoding, expected):
    headers = {} if encoding is None else {"Content-Encoding": encoding}
    assert is_compressed(httpx.Response(200, headers=headers, stream=httpx.ByteStream(b""))) is expected


@pytest.mark.parametrize(
    ("headers", "chunks", "sentence"),
    [
        ({}, endless, "The service's reply is larger than any that is expected."),
        ({"content_encoding": "gzip"}, three, "The service's reply came compressed, which nobody asked for."),
    ],
)
def test_a_library_that_reads_whole_replies_is_stopped(headers, chunks, sentence):
    async def exchange() -> None:
        transport = httpx.MockTransport(lambda _: reply_of(chunks(), **headers))
        async with httpx.AsyncClient(transport=transport) as client:
            limit_replies(client, 100)
            await client.get("http://service")

    with pytest.raises(UnexpectedReply, match=f"^{sentence}$"):
        asyncio.run(exchange())


def test_a_library_gets_a_reply_within_the_limit():
    async def exchange() -> bytes:
        async with httpx.AsyncClient(transport=httpx.MockTransport(lambda _: reply_of(three()))) as client:
            limit_replies(client, 6)
            return (await client.get("http://service")).content

    assert asyncio.run(exchange()) == b"onetwo"


@pytest.mark.parametrize(
    ("body", "expected"),
    [
        (b'{"a": 1}', {"a": 1}),
        ('{"a": 1}', {"a": 1}),
        (b"[]", None),
        (b"", None),
        (b"{", None),
        (b"\xff", None),
        (b"[" * 100_000, None),
        (b'{"a": ' + b"9" * 5_000 + b"}", None),
    ],
)
def test_only_a_json_object_is_read(body, expected):
    assert json_object(body) == expected


@pytest.mark.parametrize(
    ("told", "expected"),
    [
        ("0", 0),
        ("7", 7),
        ("0007", 7),
        ("86399", 86_399),
        ("86401", DAY),
        ("9" * 9, DAY),
        ("9" * 10, None),
        ("1796000000", None),  # a Unix time
        ("9" * 12, None),
        ("9" * 5_000, None),
        ("Wed, 21 Oct 2026 07:28:00 GMT", None),
        ("-1", None),
        ("+1", None),
        ("1.5", None),
        ("1e3", None),
        (" 7", None),
        ("7\n", None),
        ("NaN", None),
        ("inf", None),
        ("٧", None),
        ("²", None),
        ("", None),
        (None, None),
        (7, None),
        (float("nan"), None),
    ],
)
def test_retry_after_is_a_bounded_number_of_seconds_or_nothing(told, expected):
    assert retry_after(told, DAY) == expected


@pytest.mark.parametrize(
    ("words", "expected"),
    [
        ("too many requests.", "too many requests"),
        (" . a\x00b\r\nc\u202ed . ", "abcd"),
        ("x" * 300, "x" * 200),
        ("", ""),
        (None, ""),
        ({"error": "x"}, ""),
        (b"bytes", ""),
        (7, ""),
    ],
)
def test_words_are_made_printable_and_short(words, expected):
    assert printable(words) == expected


def test_a_caller_has_its_own_length():
    assert printable("x" * 500, 300) == "x" * 300
