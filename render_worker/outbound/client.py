"""How this worker asks other services by HTTP."""

import functools
import ssl
from collections.abc import AsyncIterator

import httpx

from render_worker.errors import UnexpectedReply

AS_IT_IS = {"Accept-Encoding": "identity"}  # a few compressed bytes can become a gigabyte, before anybody counts them


def http_client(seconds: float) -> httpx.AsyncClient:
    """A client for one exchange, each step of it limited.

    It takes nothing from the environment: a proxy's or .netrc's credentials are no business of another service.
    """
    return httpx.AsyncClient(verify=tls(), trust_env=False, timeout=seconds)


def limit_replies(client: httpx.AsyncClient, max_bytes: int) -> None:
    """Have a client that a library is lent give up on a reply that is larger, or compressed unasked.

    Libraries read replies whole, whatever their size. They are to send AS_IT_IS. UnexpectedReply goes through them.
    """

    async def watch(reply: httpx.Response) -> None:
        if reply.headers.get("content-encoding", "identity") != "identity":
            raise UnexpectedReply("The service's reply came compressed, which nobody asked for.")
        if isinstance(reply.stream, httpx.AsyncByteStream):
            reply.stream = _Limited(reply.stream, max_bytes)

    client.event_hooks = {"response": [watch]}


class _Limited(httpx.AsyncByteStream):
    """A reply's body, up to a number of bytes."""

    def __init__(self, body: httpx.AsyncByteStream, max_bytes: int) -> None:
        self._body, self._left = body, max_bytes

    async def __aiter__(self) -> AsyncIterator[bytes]:
        async for chunk in self._body:
            self._left -= len(chunk)
            if self._left < 0:
                raise UnexpectedReply("The service's reply is larger than any that is expected.")
            yield chunk

    async def aclose(self) -> None:
        await self._body.aclose()


@functools.cache
def tls() -> ssl.SSLContext:
    """What every client verifies its peer with: the certificates that are installed here, and none of its own."""
    return httpx.create_ssl_context(trust_env=False)  # reading the certificates takes 20 ms, so not for each exchange
