"""Server-sent events are read as their specification has them, however their bytes arrive."""

import asyncio
import time

import pytest

from render_worker.errors import UnexpectedReply
from render_worker.outbound.event_stream import events

LINES_BY_LF = b": hello\n\nevent: heartbeat\ndata: null\n\n"
STREAM = LINES_BY_LF + b"data:one\r\ndata: two\r\nid: 7\r\n\r\nevent: complete\rdata: \xc3\xa9\r\r"
EVENTS = [("heartbeat", "null"), ("message", "one\ntwo"), ("complete", "é")]


def read(*chunks: bytes) -> list[tuple[str, str]]:
    async def pieces():
        for chunk in chunks:
            yield chunk

    async def all_of_them():
        return [event async for event in events(pieces())]

    return asyncio.run(all_of_them())


@pytest.mark.parametrize("size", [1, 2, 3, 7, len(STREAM)])
def test_it_works(size):
    stream = STREAM + b"\n"
    assert read(*(stream[start : start + size] for start in range(0, len(stream), size))) == EVENTS


def test_an_event_that_is_not_whole_is_none():
    assert read(b"event: complete\ndata: 7\n") == read(b"data: 7") == read() == []


def test_a_name_without_data_is_forgotten():
    assert read(b"event: complete\n\ndata: 7\n\n") == [("message", "7")]


@pytest.mark.parametrize("chunk", [b"x" * 2**20, b"data: " + b"x" * 2**20 + b"\n"])
def test_an_event_that_is_larger_than_any_picture_is_refused(chunk):
    with pytest.raises(UnexpectedReply, match="larger than any"):
        read(*[chunk] * 40)
    assert read(*[b"data: " + b"x" * 2**20 + b"\n\n"] * 40) == [("message", "x" * 2**20)] * 40


def test_what_is_no_utf_8_is_replaced():
    assert read(b"data: \xff\n\n") == [("message", "\ufffd")]


def test_a_line_in_a_million_pieces_is_looked_at_once():
    begun = time.process_time()
    assert read(*[b"x" * 10] * 200_000, b"\n\ndata: 7\n\n") == [("message", "7")]
    assert time.process_time() - begun < 5  # by concatenation it takes minutes
