"""Server-sent events in a reply, as https://html.spec.whatwg.org/multipage/server-sent-events.html has them."""

from collections.abc import AsyncIterable, AsyncIterator, Callable
from dataclasses import dataclass

from render_worker.outbound.replies import bounded

EVENT_STREAM = "text/event-stream"


@dataclass(frozen=True)
class Event:
    """An event: its name, empty if it has none, and its data."""

    name: str
    data: bytes


async def events(
    chunks: AsyncIterable[bytes], max_bytes: int, too_large: Callable[[], Exception]
) -> AsyncIterator[Event]:
    """Yield the events of a body, also a last one that no empty line ends. Raises `too_large()` beyond `max_bytes`."""
    name, data = "", list[bytes]()
    async for line in _lines(bounded(chunks, max_bytes, too_large)):
        field, _, value = line.partition(b":")
        value = value.removeprefix(b" ")
        if not line:
            if data:
                yield Event(name, b"\n".join(data))
            name, data = "", []
        elif field == b"data":
            data.append(value)
        elif field == b"event":
            name = value.decode(errors="replace")
    if data:
        yield Event(name, b"\n".join(data))


async def _lines(chunks: AsyncIterable[bytes]) -> AsyncIterator[bytes]:
    """Yield the lines of a body, whatever of LF, CRLF and CR ends them."""
    pieces: list[bytes] = []  # of a line that has not ended: one with a picture comes in hundreds of chunks
    after_cr = False
    async for chunk in chunks:
        text = chunk.removeprefix(b"\n") if after_cr else chunk
        after_cr = chunk.endswith(b"\r")
        first, *others = text.replace(b"\r\n", b"\n").replace(b"\r", b"\n").split(b"\n")
        pieces.append(first)
        for piece in others:
            yield b"".join(pieces)
            pieces = [piece]
    if last := b"".join(pieces):
        yield last
