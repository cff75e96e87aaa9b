"""The HTTP client for other services: no proxies, no compression, a limit for each step."""

import functools
import ssl

import httpx

AS_IT_IS = {"Accept-Encoding": "identity"}  # a few compressed bytes can become a gigabyte before they are counted


def http_client(seconds: float) -> httpx.AsyncClient:
    """Return a client for one exchange, each step of which may take so many seconds.

    It takes nothing from the environment: another service must not get a proxy's or .netrc's credentials.
    """
    return httpx.AsyncClient(verify=tls(), trust_env=False, timeout=seconds)


@functools.cache
def tls() -> ssl.SSLContext:
    """Return the TLS context of every client, which trusts the certificates that are installed here."""
    return httpx.create_ssl_context(trust_env=False)  # reading the certificates takes 20 ms, so not for each exchange
