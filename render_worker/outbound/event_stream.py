"""Server-sent events of another service, as https://html.spec.whatwg.org/multipage/server-sent-events.html has them."""

import re
from collections.abc import AsyncIterable, AsyncIterator

from render_worker.errors import UnexpectedReply
from render_worker.outbound.exchange import MAX_REPLY_BYTES

MAX_EVENT_BYTES = MAX_REPLY_BYTES  # a picture may be in one
LINE_END = re.compile(rb"\r\n|\r|\n")


async def events(chunks: AsyncIterable[bytes]) -> AsyncIterator[tuple[str, str]]:
    """Yield the name and the data of each whole event; bound the chunks, for a stream may have no end.

    An event without a name is a `message`; one without data, such as a comment, is none. Raises UnexpectedReply if one
    exceeds MAX_EVENT_BYTES.
    """
    name, data, size = "", [], 0
    async for line in _lines(chunks):
        field, _, value = line.decode("utf-8", "replace").partition(":")
        value = value.removeprefix(" ")
        if field == "event":
            name = value
        elif field == "data":
            data.append(value)
            _require_bounded(size := size + len(line))
        elif not line:
            if data:
                yield name or "message", "\n".join(data)
            name, data, size = "", [], 0


async def _lines(chunks: AsyncIterable[bytes]) -> AsyncIterator[bytes]:
    """Yield the lines without their ends. What comes without one at last is no whole line."""
    rest = bytearray()  # a long line may come in small pieces: each is looked at once
    async for chunk in chunks:
        rest += chunk
        _require_bounded(len(rest))
        if not LINE_END.search(chunk):
            continue
        held = rest.endswith(b"\r")  # its \n may follow
        *lines, last = LINE_END.split(bytes(rest[:-1] if held else rest))
        rest = bytearray(last + b"\r" if held else last)
        for line in lines:
            yield line


def _require_bounded(size: int) -> None:
    if size > MAX_EVENT_BYTES:
        raise UnexpectedReply("The stream has an event that is larger than any that is expected.")
