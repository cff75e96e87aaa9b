"""How this worker asks other services by HTTP."""

import functools
import ssl
from collections.abc import Mapping

import httpx

AS_IT_IS = {"Accept-Encoding": "identity"}  # a few compressed bytes can become a gigabyte, before anybody counts them


def http_client(seconds: float) -> httpx.AsyncClient:
    """A client for one exchange, each step of it limited.

    It takes nothing from the environment: a proxy's or .netrc's credentials are no business of another service.
    """
    return httpx.AsyncClient(verify=_tls(), trust_env=False, timeout=seconds)


async def exchange(
    client: httpx.AsyncClient, method: str, url: str, limit: int, headers: Mapping[str, str], **body: object
) -> tuple[int, httpx.Headers, bytes]:
    """Ask, and read an answer of at most `limit` bytes: its status, headers and body. No redirect is followed.

    TooMuch where the answer is longer; httpx.HTTPError where there is none.
    """
    asked = client.stream(method, url, headers={**headers, **AS_IT_IS}, **body)  # type: ignore[arg-type]
    async with asked as reply:
        read = b""
        async for chunk in reply.aiter_raw():
            read += chunk
            if len(read) > limit:
                raise TooMuch
        return reply.status_code, reply.headers, read


class TooMuch(Exception):
    """An answer is longer than anybody wants to read."""


@functools.cache
def _tls() -> ssl.SSLContext:
    return httpx.create_ssl_context(trust_env=False)  # reading the certificates takes 20 ms, so not for each exchange
