"""The usual authorities of certificates, which are those that the package certifi has."""

import functools
import ssl

import certifi
from urllib3.util.ssl_ import create_urllib3_context

BUNDLE = certifi.where()
"""The file that has them."""


@functools.cache
def trusting_context() -> ssl.SSLContext:
    """Return the TLS context of all connections that trust them: to load them takes 17 ms."""
    context = create_urllib3_context()
    context.load_verify_locations(BUNDLE)
    return context
