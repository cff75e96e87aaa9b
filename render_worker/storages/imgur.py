"""Imgur's anonymous upload.

Imgur has four shapes of errors and does not always answer JSON. Sources: its official Postman collection, and error
bodies as quoted in public issue threads from 2017 to 2026. It has given out no new Client-IDs since mid-2025.
"""

import logging
import re
import time
from typing import Any

import httpx

from render_worker.errors import StorageNotConfigured
from render_worker.imaging import Picture
from render_worker.outbound.replies import printable, retry_after
from render_worker.settings import Settings
from render_worker.storages.base import Storage, StoredObject
from render_worker.storages.failures import ServiceFailed, unsupported
from render_worker.storages.reply import LONGEST_REST_SECONDS, Reply, ask

MAX_RESET = 10**12  # as a moment, in seconds
UNIX_TIME = 1_000_000_000  # a reset above this is a moment, one below it a number of seconds
LIMIT_HEADERS = (
    ("x-post-rate-limit-remaining", "x-post-rate-limit-reset"),
    ("x-ratelimit-userremaining", "x-ratelimit-userreset"),
    ("x-ratelimit-clientremaining", "x-ratelimit-clientreset"),
)
DEFAULT_REST_SECONDS = 3600  # the limits are counted by the hour and the day
LINK = re.compile(r"https?://[!-~]{1,500}")
DELETEHASH = re.compile(r"imgur:([0-9A-Za-z]{1,40})")
TYPES = {".jpg": "image/jpeg", ".jpeg": "image/jpeg", ".png": "image/png", ".gif": "image/gif", ".webp": "image/webp"}

log = logging.getLogger(__name__)


class ImgurStorage(Storage):
    """Uploads without an account."""

    name = "imgur"
    title = "Imgur"
    formats = ("png", "jpeg")  # its own upload page names these and others, but no WebP

    def __init__(self, settings: Settings) -> None:
        self._url = f"{settings.imgur_api_url}/image"
        self._seconds = settings.imgur_upload_seconds
        client_id = settings.imgur_client_id
        self._headers = {"Authorization": f"Client-ID {client_id.get_secret_value()}"} if client_id else {}

    def check(self) -> None:
        if not self._headers:
            raise StorageNotConfigured("IMGUR_CLIENT_ID not configured.")

    async def save(self, picture: Picture) -> StoredObject:
        if picture.output_format not in self.formats:
            raise unsupported(ImgurStorage, picture.output_format)
        files = {"image": (picture.name, picture.data, picture.content_type)}
        reply = await self._ask("POST", self._url, data={"type": "file"}, files=files)
        if reply.status == httpx.codes.OK:
            return _stored(reply, picture.content_type)
        raise _failure(reply)

    async def delete(self, word: str) -> bool:
        """Remove the picture of imgur:DELETEHASH. Only the log knows it, and nothing else is good for that."""
        deletehash = DELETEHASH.fullmatch(word)
        if not deletehash:
            raise _failed("needs_deletehash", "Imgur deletes only by imgur:DELETEHASH, which the log has.")
        reply = await self._ask("DELETE", f"{self._url}/{deletehash[1]}")
        if reply.status == httpx.codes.NOT_FOUND:
            return False
        if reply.status != httpx.codes.OK:
            raise _failure(reply)
        return True

    async def _ask(self, method: str, url: str, **body: Any) -> Reply:
        return await ask(ImgurStorage, method, url, self._seconds, self._headers, **body)


def _stored(reply: Reply, sent_as: str) -> StoredObject:
    data = reply.document.get("data")
    link = data.get("link") if isinstance(data, dict) else None
    if not isinstance(data, dict) or not isinstance(link, str) or not LINK.fullmatch(link):
        raise _failed("unexpected_reply", "Imgur answered without the address of a picture.")
    # The deletehash is the only way to remove the picture: for the operator's log, not for the caller.
    log.info("imgur keeps %s, deletehash %s", link, re.sub(r"[^0-9A-Za-z]", "?", str(data.get("deletehash"))))
    stored_as = next((kind for ending, kind in TYPES.items() if link.endswith(ending)), sent_as)
    return StoredObject(link, stored_as)


def _failure(reply: Reply) -> ServiceFailed:
    said, status = _said(reply), reply.status
    if status == httpx.codes.TOO_MANY_REQUESTS or "too fast" in said.lower():
        return _limited(min(_seconds_to_wait(reply, said), LONGEST_REST_SECONDS), said)
    words = f'Imgur answered HTTP {status}: "{said}".' if said else f"Imgur answered HTTP {status}."
    if "over capacity" in said.lower() or status >= httpx.codes.INTERNAL_SERVER_ERROR:
        return _failed("unavailable", words)
    if status == httpx.codes.BAD_REQUEST:  # it is this picture that it does not take
        return ServiceFailed(ImgurStorage, "refused", words, caused_by_request=True)
    if status in (httpx.codes.UNAUTHORIZED, httpx.codes.FORBIDDEN):
        return _failed("refused", words)
    return _failed("unexpected_reply", words)


def _said(reply: Reply) -> str:
    """Imgur's own words: `data.error` as a text or an object, or the gateway's `errors`; "" where there are none."""
    data, errors = reply.document.get("data"), reply.document.get("errors")
    words = data.get("error") if isinstance(data, dict) else None
    if isinstance(words, dict):
        words = words.get("message")
    if isinstance(errors, list) and errors and isinstance(errors[0], dict):
        words = errors[0].get("detail")
    return printable(words)


def _seconds_to_wait(reply: Reply, said: str) -> int:
    """Until the limit that is used up is counted anew. Imgur writes the reset as seconds or as a moment."""
    for remaining, reset in LIMIT_HEADERS:
        value = retry_after(reply.headers.get(reset), MAX_RESET)
        if reply.headers.get(remaining) == "0" and value is not None:
            return max(1, value - int(time.time()) if value > UNIX_TIME else value)
    minutes = re.search(r"wait (\d+) more minutes?", said)
    if minutes:
        return int(minutes[1]) * 60
    return reply.retry_after or DEFAULT_REST_SECONDS


def _failed(kind: str, sentence: str, retry_after: int | None = None) -> ServiceFailed:
    return ServiceFailed(ImgurStorage, kind, sentence, retry_after)


def _limited(seconds: int, said: str = "") -> ServiceFailed:
    words = f' It said: "{said}".' if said else ""
    return _failed("rate_limited", f"Imgur limits how often this server may upload.{words}", seconds)
