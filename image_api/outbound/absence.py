"""Signs of a picture's absence: which replies of a host mean that the picture is gone, and not merely out of reach.

A host that has lost a picture may say so by its status, by an error code in the body, or by a placeholder in its place:
a redirect to another file, a page, or an image with a warning in its head. None of these redirects is followed.
"""

import re
from collections.abc import Iterable
from http import HTTPStatus
from urllib.parse import unquote, urljoin, urlsplit

import urllib3

from image_api.outbound.bounds import BodyTooLarge, BodyTooLate, chunks
from image_api.outbound.reply import Reply
from render_worker.serving.deadline import Deadline

GONE_STATUSES = (404, 410)
REDIRECTS = range(300, 400)
REFUSALS = (400, 401, 403)
PICTURE_TYPE = re.compile(r"image/.*|(application|binary)/octet-stream|", re.IGNORECASE)
PICTURE_FILE = re.compile(r".+\.(?:png|jpe?g|gif|webp|avif|svg|bmp)", re.IGNORECASE)
# Words in the last part of a placeholder's path, as Imgur's /removed.png and the error pages of web hosts.
PLACEHOLDER = re.compile(
    r"(?:^|[^a-z])(?:removed|deleted|gone|missing|expired|placeholder|unavailable|error|404|410"
    r"|(?:not|no)[-_ .]?(?:found|longer|image|picture|photo|file|such|available)|does[-_ ]?not[-_ ]?exist)",
    re.IGNORECASE,
)
# In a bucket's XML; Supabase has a 404 in its JSON. If the client may not list the bucket, S3 and Cloud Storage say
# AccessDenied of a missing object. S3 says it of an expired link as well, and Cloud Storage ExpiredToken.
GONE_CODE = re.compile(
    rb"<Code>(?:NoSuchKey|NoSuchVersion|NoSuchBucket|AccessDenied|ExpiredToken|InvalidObjectState)</Code>"
    rb'|"statusCode"\s*:\s*"?404'
)
CLOUDINARY_ERROR = "X-Cld-Error"  # also on a placeholder that Cloudinary sends with 200
CLOUDINARY_GONE = "resource not found"
MAX_ERROR_BYTES = 8 * 1024
ERROR_SECONDS = 3.0


def is_gone(reply: Reply, address: str) -> bool:
    """Return whether a host's reply to a request for the picture at `address` says that there is none any more.

    The body of a refusal is read, up to MAX_ERROR_BYTES.
    """
    status = reply.status_code
    if reply.headers.get(CLOUDINARY_ERROR, "").lower().startswith(CLOUDINARY_GONE):
        return True
    if status in REDIRECTS:
        return _is_placeholder(reply.headers.get("Location", ""), address)
    if status == HTTPStatus.OK:
        return not PICTURE_TYPE.fullmatch(_media_type(reply))
    return status in GONE_STATUSES or (status in REFUSALS and GONE_CODE.search(_beginning(reply)) is not None)


def _media_type(reply: Reply) -> str:
    return reply.headers.get("Content-Type", "").partition(";")[0].strip()


def _is_placeholder(location: str, address: str) -> bool:
    """Return whether a redirect leads to something else than the same file at another address."""
    if not location:
        return False
    try:
        last, own = (_last_segment(each) for each in (urljoin(address, location), address))
    except ValueError:  # no address
        return False
    if _stem(last) == _stem(own):
        return False
    return not last or PLACEHOLDER.search(last) is not None or PICTURE_FILE.fullmatch(last) is not None


def _last_segment(address: str) -> str:
    """Return the last part of an address's path, decoded; empty if the path has none."""
    return unquote(urlsplit(address).path).rstrip("/").rpartition("/")[2]


def _stem(name: str) -> str:
    return name.partition(".")[0].lower()


def _beginning(reply: Reply) -> bytes:
    """Return up to MAX_ERROR_BYTES of a body, as far as they come."""
    return b"".join(_received(reply))[:MAX_ERROR_BYTES]


def _received(reply: Reply) -> Iterable[bytes]:
    try:
        yield from chunks(reply, MAX_ERROR_BYTES, Deadline.after(ERROR_SECONDS), lenient=True)
    except (BodyTooLarge, BodyTooLate, urllib3.exceptions.HTTPError, OSError):
        return
