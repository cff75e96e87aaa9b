"""Imgur's anonymous upload.

Imgur has four shapes of errors and does not always answer JSON. Sources: its official Postman collection, and error
bodies as quoted in public issue threads from 2017 to 2026. It has given out no new Client-IDs since mid-2025.
"""

import logging
import re
import time
from typing import Any

import httpx

from render_worker.outbound.replies import printable, whole_number
from render_worker.picture import Picture
from render_worker.storages.base import Storage, StoredObject
from render_worker.storages.errors import ServiceFailed, StorageNotConfigured, unsupported_format
from render_worker.storages.exchange import MAX_RETRY_AFTER_SECONDS, PICTURE_URL, ServiceResponse, send
from render_worker.storages.imgur.settings import ImgurSettings

MAX_RESET_DIGITS = 12
MIN_UNIX_TIME = 10**9  # a reset above this is a Unix time, one below it a number of seconds
LIMIT_HEADERS = (
    ("x-post-rate-limit-remaining", "x-post-rate-limit-reset"),
    ("x-ratelimit-userremaining", "x-ratelimit-userreset"),
    ("x-ratelimit-clientremaining", "x-ratelimit-clientreset"),
)
DEFAULT_RETRY_AFTER_SECONDS = 3600  # the limits are counted by the hour and the day
DELETEHASH = re.compile(r"imgur:([0-9A-Za-z]{1,40})")
CONTENT_TYPES = {
    ".jpg": "image/jpeg",
    ".jpeg": "image/jpeg",
    ".png": "image/png",
    ".gif": "image/gif",
    ".webp": "image/webp",
}

log = logging.getLogger(__name__)


class ImgurStorage(Storage):
    """Anonymous uploads, without an account."""

    name = "imgur"
    title = "Imgur"
    description = "Anonymous uploads to Imgur, which refuses many data centers and is blocked in the United Kingdom."
    cost = "free"
    needs = "`IMGUR_CLIENT_ID`; **Imgur has given out none since mid-2025**"
    addresses = "public"
    content_addressed = False  # each upload has a name of its own
    formats = ("png", "jpeg")  # its own upload page names these and others, but not WebP

    def __init__(self, settings: ImgurSettings) -> None:
        self._url = f"{settings.imgur_api_url}/image"
        self._seconds = settings.imgur_upload_seconds
        client_id = settings.imgur_client_id
        self._headers = {"Authorization": f"Client-ID {client_id.get_secret_value()}"} if client_id else {}

    def check(self) -> None:
        if not self._headers:
            raise StorageNotConfigured("IMGUR_CLIENT_ID not configured.")

    async def save(self, picture: Picture) -> StoredObject:
        if picture.output_format not in self.formats:
            raise unsupported_format(ImgurStorage, picture.output_format)
        files = {"image": (picture.name, picture.data, picture.content_type)}
        response = await self._send("POST", self._url, data={"type": "file"}, files=files)
        if response.status == httpx.codes.OK:
            return _stored_object(response, picture)
        raise _error_of_response(response)

    async def delete(self, reference: str) -> bool:
        """Delete the picture of imgur:DELETEHASH; only the log has it.

        Returns False if there is none. Raises ServiceFailed if that fails, or for any other reference.
        """
        deletehash = DELETEHASH.fullmatch(reference)
        if not deletehash:
            raise _error("needs_deletehash", "Imgur deletes only by imgur:DELETEHASH, which the log has.")
        response = await self._send("DELETE", f"{self._url}/{deletehash[1]}")
        if response.status == httpx.codes.NOT_FOUND:
            return False
        if response.status != httpx.codes.OK:
            raise _error_of_response(response)
        return True

    async def _send(self, method: str, url: str, **body: Any) -> ServiceResponse:
        return await send(ImgurStorage, method, url, self._seconds, self._headers, **body)


def _stored_object(response: ServiceResponse, picture: Picture) -> StoredObject:
    """Return the picture's address and type, and log its deletehash. Raises ServiceFailed if there is no address."""
    data = response.document.get("data")
    link = data.get("link") if isinstance(data, dict) else None
    if not isinstance(data, dict) or not isinstance(link, str) or not PICTURE_URL.fullmatch(link):
        raise _error("unexpected_reply", "Imgur answered without the address of a picture.")
    # The deletehash is the only way to remove the picture: for the operator's log, not for the client.
    deletehash = re.sub(r"[^0-9A-Za-z]", "?", str(data.get("deletehash")))
    log.info("imgur stored %s, deletehash %s of %s", link, deletehash, picture.name)
    content_type = next((it for ending, it in CONTENT_TYPES.items() if link.endswith(ending)), picture.content_type)
    return StoredObject(link, content_type)


def _error_of_response(response: ServiceResponse) -> ServiceFailed:
    """Return the error of a response with another status than 200."""
    message, status = _error_message(response), response.status
    if status == httpx.codes.TOO_MANY_REQUESTS or "too fast" in message.lower():
        return _rate_limited(min(_seconds_to_wait(response, message), MAX_RETRY_AFTER_SECONDS), message)
    sentence = f'Imgur answered HTTP {status}: "{message}".' if message else f"Imgur answered HTTP {status}."
    if "over capacity" in message.lower() or status >= httpx.codes.INTERNAL_SERVER_ERROR:
        return _error("unavailable", sentence)
    if status == httpx.codes.BAD_REQUEST:  # it refuses this picture, not this server
        return ServiceFailed(ImgurStorage, "refused", sentence, caused_by_request=True)
    if status in (httpx.codes.UNAUTHORIZED, httpx.codes.FORBIDDEN):
        return _error("refused", sentence)
    return _error("unexpected_reply", sentence)


def _error_message(response: ServiceResponse) -> str:
    """Return Imgur's message: `data.error` as a text or an object, or the gateway's `errors`; "" if there is none."""
    data, errors = response.document.get("data"), response.document.get("errors")
    message = data.get("error") if isinstance(data, dict) else None
    if isinstance(message, dict):
        message = message.get("message")
    if isinstance(errors, list) and errors and isinstance(errors[0], dict):
        message = errors[0].get("detail")
    return printable(message)


def _seconds_to_wait(response: ServiceResponse, message: str) -> int:
    """Return the seconds until the used up limit resets. Imgur writes the reset as seconds or as a Unix time."""
    for remaining, reset in LIMIT_HEADERS:
        value = whole_number(response.headers.get(reset), MAX_RESET_DIGITS)
        if response.headers.get(remaining) == "0" and value is not None:
            return max(1, value - int(time.time()) if value > MIN_UNIX_TIME else value)
    minutes = re.search(r"wait (\d+) more minutes?", message)
    if minutes:
        return int(minutes[1]) * 60
    return response.retry_after or DEFAULT_RETRY_AFTER_SECONDS


def _error(kind: str, sentence: str, retry_after: int | None = None) -> ServiceFailed:
    return ServiceFailed(ImgurStorage, kind, sentence, retry_after)


def _rate_limited(seconds: int, message: str) -> ServiceFailed:
    quote = f' It said: "{message}".' if message else ""
    return _error("rate_limited", f"Imgur limits how often this server may upload.{quote}", seconds)
