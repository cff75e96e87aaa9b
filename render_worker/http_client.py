"""How this worker asks other services by HTTP."""

import functools
import ssl

import httpx

AS_IT_IS = {"Accept-Encoding": "identity"}  # a few compressed bytes can become a gigabyte, before anybody counts them


def http_client(seconds: float) -> httpx.AsyncClient:
    """A client for one exchange, each step of it limited.

    It takes nothing from the environment: a proxy's or .netrc's credentials are no business of another service.
    """
    return httpx.AsyncClient(verify=_tls(), trust_env=False, timeout=seconds)


@functools.cache
def _tls() -> ssl.SSLContext:
    return httpx.create_ssl_context(trust_env=False)  # reading the certificates takes 20 ms, so not for each exchange
