"""Prefer (RFC 7240): the header by which a client prefers that a request is answered at once, and worked on then."""

import re

from image_api.web.current import current_request

ASYNC = "respond-async"
QUOTED = r'"(?:[^"\\]|\\.)*"'  # it protects commas
WELL_FORMED = re.compile(rf'(?:{QUOTED}|[^"])*')
PREFERENCE = re.compile(rf'(?:{QUOTED}|[^",])+')


def prefers_async() -> bool:
    """Return whether the request prefers to be answered at once. Preferences that are not known here are ignored."""
    header: str | None = current_request().environ.get("HTTP_PREFER")
    if header is None or ASYNC not in header.lower() or not WELL_FORMED.fullmatch(header):
        return False
    return any(map(_is_async, PREFERENCE.findall(header)))


def _is_async(preference: str) -> bool:
    """Return whether it is the one without a value, whatever parameters it has."""
    name, _, value = preference.partition(";")[0].partition("=")
    return name.strip().lower() == ASYNC and value.strip() in ("", '""')
