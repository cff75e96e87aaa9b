"""A client that is lent to another library, and refuses replies that are larger or compressed."""

from collections.abc import AsyncIterator

import httpx

from render_worker.errors import UnexpectedReply
from render_worker.outbound.replies import bounded, is_compressed


def limit_replies(client: httpx.AsyncClient, max_bytes: int) -> None:
    """Make a client that is lent to a library raise UnexpectedReply if a reply is larger, or compressed unasked.

    Libraries read replies whole, whatever their size. They are to send AS_IT_IS. UnexpectedReply goes through them.
    """

    async def watch(reply: httpx.Response) -> None:
        if is_compressed(reply):
            raise UnexpectedReply("The service's reply came compressed, which nobody asked for.")
        if isinstance(reply.stream, httpx.AsyncByteStream):
            reply.stream = _BoundedStream(reply.stream, max_bytes)

    client.event_hooks = {"response": [watch]}


class _BoundedStream(httpx.AsyncByteStream):
    """A reply's body, up to a number of bytes."""

    def __init__(self, body: httpx.AsyncByteStream, max_bytes: int) -> None:
        self._body, self._max_bytes = body, max_bytes

    def __aiter__(self) -> AsyncIterator[bytes]:
        return bounded(self._body, self._max_bytes, _larger_than_expected)

    async def aclose(self) -> None:
        await self._body.aclose()


def _larger_than_expected() -> UnexpectedReply:
    return UnexpectedReply("The service's reply is larger than any that is expected.")
