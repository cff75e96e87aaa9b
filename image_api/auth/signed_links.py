"""Signed links: addresses that need no credential, for exactly one request, until they expire.

A link's `signature` is the HMAC-SHA-256 (RFC 2104) of its path and of all other parameters, `expires` included, in
base64url (RFC 4648, section 5). The decoded parameters are signed in one form: how they were percent-encoded, and the
order of parameters with different names, change nothing.
"""

import base64
import hashlib
import hmac
import re
from collections.abc import Iterable, Sequence
from typing import Protocol
from urllib.parse import quote

from image_api.auth.errors import InvalidLink
from image_api.key_entries import time_text

EXPIRES, SIGNATURE = "expires", "signature"
"""The parameters that a link has beside those of its request."""
MOMENT = re.compile(r"[1-9][0-9]{0,10}")
MISMATCH = (
    "This link was not signed for this request: its address was changed, or the key that signed it is out of use."
)

Pairs = Sequence[tuple[str, str]]
"""The decoded names and values of a query, bytes that are not UTF-8 as lone surrogates."""


class SigningKeys(Protocol):
    """The keys of signed links. Both raise AuthUnavailable if they cannot be read."""

    def signing_key(self) -> bytes:
        """Return the key that signs; it is made if there is none."""
        ...

    def verifying_keys(self) -> Sequence[bytes]:
        """Return the keys that verify."""
        ...


def signed_pairs(key: bytes, path: str, pairs: Pairs, expires: int) -> Pairs:
    """Return the parameters of a link to a path, which expires at a moment in Unix seconds."""
    limited = [*pairs, (EXPIRES, str(expires))]
    return [*limited, (SIGNATURE, _signature(key, path, limited))]


def verify(keys: Iterable[bytes], path: str, pairs: Pairs, now: float) -> None:
    """Raise InvalidLink unless one of the keys has signed the path and the parameters, and the link is valid now."""
    given = [value for name, value in pairs if name == SIGNATURE]
    limited = [pair for pair in pairs if pair[0] != SIGNATURE]
    moments = [value for name, value in limited if name == EXPIRES]
    if len(given) != 1 or len(moments) != 1 or not MOMENT.fullmatch(moments[0]):
        raise InvalidLink(MISMATCH)
    signature = given[0].encode(errors="surrogateescape")
    fits = [hmac.compare_digest(_signature(key, path, limited).encode(), signature) for key in keys]
    if not any(fits):
        raise InvalidLink(MISMATCH)
    if int(moments[0]) <= now:
        raise InvalidLink(f"This link has expired: it was valid until {time_text(int(moments[0]))}.")


def query_of(pairs: Pairs) -> str:
    """Return parameters as the query of an address, with all that can be percent-encoded."""
    return "&".join(f"{_encoded(name)}={_encoded(value)}" for name, value in pairs)


def _signature(key: bytes, path: str, pairs: Pairs) -> str:
    digest = hmac.digest(key, _canonical(path, pairs), hashlib.sha256)
    return base64.urlsafe_b64encode(digest).rstrip(b"=").decode()


def _canonical(path: str, pairs: Pairs) -> bytes:
    """Return what is signed: no two different requests have the same.

    The parameters stand in the order of their names. Those with the same name stay in theirs, of which the last may
    count.
    """
    query = query_of(sorted(pairs, key=lambda pair: pair[0]))
    return f"v1\nGET\n{_encoded(path)}\n{query}".encode()


def _encoded(text: str) -> str:
    return quote(text, safe="", errors="surrogateescape")
