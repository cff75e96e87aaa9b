"""Conditional and range requests for a picture, whose name is the hash of its content (RFC 9110, 13 and 14).

What remains in the environment afterwards is what a plain file server gets right: one range of bytes, or none.
"""

import math
import re
from typing import TYPE_CHECKING

from werkzeug.http import parse_etags

if TYPE_CHECKING:
    from _typeshed.wsgi import WSGIEnvironment

ONE_RANGE = re.compile(r"bytes=[ \t]*(?:([0-9]{1,18})-([0-9]{0,18})|-([0-9]{1,18}))[ \t]*", re.IGNORECASE)


def settle_if_match(environ: "WSGIEnvironment", etag: str) -> bool:
    """Remove If-Match, and return whether an existing picture with that ETag fulfils it; if not, 412 is the answer."""
    condition = environ.pop("HTTP_IF_MATCH", None)
    if condition is None:
        return True
    expected = parse_etags(condition)
    return not expected or expected.contains(etag)


def settle_range(environ: "WSGIEnvironment", etag: str, length: float = math.inf) -> None:
    """Remove If-Range, and a Range that is to be ignored, so that the response is the whole picture or 304.

    It is one of a HEAD; for another ETag than this, or a weak one; of a picture that the client has (If-None-Match);
    in an unknown unit; malformed; of several parts; or a suffix longer than the picture, if `length` is known.
    """
    condition = environ.pop("HTTP_IF_RANGE", None)
    if "HTTP_RANGE" not in environ:
        return
    changed = condition is not None and condition.strip() != f'"{etag}"'
    has_it = parse_etags(environ.get("HTTP_IF_NONE_MATCH")).contains_weak(etag)
    is_get = environ["REQUEST_METHOD"] == "GET"
    if changed or has_it or not is_get or not _is_one_range(environ["HTTP_RANGE"], length):
        del environ["HTTP_RANGE"]


def _is_one_range(header: str, length: float) -> bool:
    found = ONE_RANGE.fullmatch(header)
    if not found:
        return False
    first, last, suffix = found.groups()
    return int(suffix) <= length if suffix else not last or int(first) <= int(last)
