"""Signed links at work: a request by one needs no credential, and its view sees the parameters that were signed."""

import math
import re
import time
from urllib.parse import unquote_to_bytes

from flask import Flask, Response, g, request

from image_api.auth.account import SIGNED_LINK
from image_api.auth.errors import InvalidLink
from image_api.auth.signed_links import EXPIRES, SIGNATURE, verify
from image_api.generation.query_strings import query_pairs
from image_api.services import services
from image_api.web.access import current_account
from image_api.web.current import current_request
from image_api.web.pages.error_page import error_page
from image_api.web.pages.html_pages import is_navigation, prefers_page

SIGNABLE = frozenset({"generate.by_query", "generate.by_file_name", "sheet.as_json", "sheet.as_picture"})
"""The views whose addresses can be signed: those that make pictures by GET."""
METHODS = ("GET", "HEAD")
OWN = (EXPIRES.encode(), SIGNATURE.encode())
# A name may be percent-encoded in any part. Only few addresses have one of its letters so, and are looked at closely.
MAY_BE_SIGNED = re.compile(rb"signature|%[67]", re.IGNORECASE)


def register(app: Flask) -> None:
    """Check the signed links of every request, whatever AUTH is."""
    app.before_request(_accept_link)


def is_signed() -> bool:
    """Return whether the current request came by a signed link, which is for it alone."""
    return current_account() is SIGNED_LINK


def link_seconds() -> float:
    """Return for how many seconds the signed link of the current request is valid yet; infinite if there is none."""
    expires: float = g.get("link_expires", math.inf)
    return expires - time.time()


def _accept_link() -> Response | None:
    """Give a request by a valid link its account. Raises InvalidLink, or returns its page, if the link is not valid."""
    query: bytes = current_request().query_string
    if not MAY_BE_SIGNED.search(query) or request.endpoint not in SIGNABLE or request.method not in METHODS:
        return None
    pairs = query_pairs(query)
    if all(name != SIGNATURE for name, _ in pairs):
        return None
    try:
        verify(services().signing_keys.verifying_keys(), request.path, pairs, time.time())
    except InvalidLink as error:
        if is_navigation() and prefers_page():
            return error_page(error)
        raise
    g.account = SIGNED_LINK
    g.link_expires = int(dict(pairs)[EXPIRES])
    _remove_own(query)
    return None


def _remove_own(query: bytes) -> None:
    """Remove the link's own parameters: neither a view nor a record is to have them."""
    kept = b"&".join(part for part in query.split(b"&") if _name(part) not in OWN)
    request.query_string = kept
    request.environ["QUERY_STRING"] = kept.decode("latin-1")
    for name in ("args", "url", "full_path"):
        request.__dict__.pop(name, None)


def _name(part: bytes) -> bytes:
    return unquote_to_bytes(part.partition(b"=")[0])
