"""Idempotency-Key: the header by which a client may send a request again, and gets the job that the first one made."""

import hashlib
import json
import re

from flask import request

from image_api.errors import InvalidParameter
from image_api.jobs.job import Json
from image_api.sent_images import SentImage

# Visible ASCII without a comma, by which a server joins a header that is sent twice.
KEY = re.compile(r"[!-+\--~]{1,255}")
HEADER = "Idempotency-Key"
INVALID = f"{HEADER} must be one text of 1 to 255 visible ASCII characters without commas, such as a UUID, or left out."


def idempotency_key() -> str | None:
    """Return the key of the request; None if it has none. Raises InvalidParameter if it is invalid.

    In quotation marks, as the IETF's draft writes it, it is the same key as without.
    """
    header: str | None = request.headers.get(HEADER)
    if header is None:
        return None
    key = header.strip(" \t")
    if len(key) > 1 and key[0] == key[-1] == '"':
        key = key[1:-1]
    if not KEY.fullmatch(key):
        raise InvalidParameter(INVALID)
    return key


def request_digest(options: Json, image: SentImage | None, webhook_url: str | None) -> str:
    """Return what tells a request from others: the same for the same fields, in whatever order and form they came."""
    fields = {"options": options, "image": image and image.digest, "webhook_url": webhook_url}
    return hashlib.sha256(json.dumps(fields, sort_keys=True).encode()).hexdigest()
