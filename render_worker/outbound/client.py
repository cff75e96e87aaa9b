"""The HTTP client for other services: no proxies, no compression, a limit for each step."""

import functools
import ssl
from http.cookiejar import CookieJar, DefaultCookiePolicy

import httpx

KEPT_SECONDS = 60.0  # a connection that is not in use: longer than most pictures take, shorter than most hosts keep it
AS_IT_IS = {"Accept-Encoding": "identity"}  # a few compressed bytes can become a gigabyte before they are counted


def http_client(seconds: float) -> httpx.AsyncClient:
    """Return a client for one exchange, each step of which may take so many seconds.

    It takes nothing from the environment: another service must not get a proxy's or .netrc's credentials.
    """
    return httpx.AsyncClient(verify=tls(), trust_env=False, timeout=seconds)


class KeptClient:
    """A client, made on first use, whose connections are kept for the next exchange; cookies are not.

    A new client and connection take 2 ms of the processor's time, and with TLS twice that and two round trips.
    """

    def __init__(self) -> None:
        self._client: httpx.AsyncClient | None = None

    def get(self) -> httpx.AsyncClient:
        """Return the client, on the event loop that all of its exchanges have to run on."""
        if self._client is None:
            cookies = CookieJar(DefaultCookiePolicy(allowed_domains=[]))
            limits = httpx.Limits(keepalive_expiry=KEPT_SECONDS)
            self._client = httpx.AsyncClient(verify=tls(), trust_env=False, cookies=cookies, limits=limits)
        return self._client

    async def close(self) -> None:
        """Close the connections; the next use opens others."""
        client, self._client = self._client, None
        if client is not None:
            await client.aclose()


@functools.cache
def tls() -> ssl.SSLContext:
    """Return the TLS context of every client, which trusts the certificates that are installed here."""
    return httpx.create_ssl_context(trust_env=False)  # reading the certificates takes 20 ms, so not for each exchange
