"""Imgur's anonymous upload.

Imgur has four shapes of errors and does not always answer JSON. Sources: its official Postman collection, and error
bodies as quoted in public issue threads from 2017 to 2026. It has given out no new Client-IDs since mid-2025.
"""

import asyncio
import json
import logging
import math
import re
import time
from collections.abc import Mapping

import httpx

from render_worker.errors import StorageFailed, StorageNotConfigured
from render_worker.http_client import AS_IT_IS, http_client
from render_worker.imaging import Picture
from render_worker.settings import Settings
from render_worker.storages.base import Storage, Stored

MAX_REPLY_BYTES = 256 * 1024
UNIX_TIME = 1_000_000_000  # a reset above this is a moment, one below it a number of seconds
LIMIT_HEADERS = (
    ("x-post-rate-limit-remaining", "x-post-rate-limit-reset"),
    ("x-ratelimit-userremaining", "x-ratelimit-userreset"),
    ("x-ratelimit-clientremaining", "x-ratelimit-clientreset"),
)
NOT_CONFIGURED = "IMGUR_CLIENT_ID not configured"
LONGEST_REST_SECONDS = 86_400  # no limit of Imgur's lasts longer
DEFAULT_REST_SECONDS = 3600  # the limits are counted by the hour and the day
LINK = re.compile(r"https?://[!-~]{1,500}")
DIGITS = re.compile(r"[0-9]{1,12}")
TAKEN = ("png", "jpeg")  # its own upload page names these and others, but no WebP
TYPES = {".jpg": "image/jpeg", ".jpeg": "image/jpeg", ".png": "image/png", ".gif": "image/gif", ".webp": "image/webp"}

log = logging.getLogger(__name__)


class ImgurFailed(StorageFailed):
    """Imgur did not keep the picture; the code tells how it said so."""

    def __init__(self, kind: str, sentence: str, retry_after: int | None = None) -> None:
        super().__init__(sentence)
        self.code = f"imgur_{kind}"
        self.retry_after = retry_after


class ImgurStorage(Storage):
    """Uploads without an account. After a rate limit Imgur is left alone until it has passed."""

    name = "imgur"

    def __init__(self, settings: Settings) -> None:
        self._url = f"{settings.imgur_api_url}/image"
        self._seconds = settings.imgur_upload_seconds
        client_id = settings.imgur_client_id
        self._headers = {"Authorization": f"Client-ID {client_id.get_secret_value()}"} if client_id else {}
        self._rest_until = 0.0

    @property
    def _seconds_left(self) -> int:
        """How long Imgur is still to be left alone."""
        return max(0, math.ceil(self._rest_until - time.monotonic()))

    def check(self) -> None:
        if not self._headers:
            raise StorageNotConfigured(f"{NOT_CONFIGURED}.")

    async def save(self, picture: Picture) -> Stored:
        if picture.output_format not in TAKEN:
            raise ImgurFailed("unsupported_format", f"Imgur takes no {picture.output_format} pictures.")
        if left := self._seconds_left:
            raise _limited(left)
        try:
            async with asyncio.timeout(self._seconds):
                status, headers, body = await self._upload(picture)
        except (TimeoutError, httpx.TimeoutException):
            raise ImgurFailed("timeout", f"Imgur did not answer within {self._seconds:g} seconds.") from None
        except httpx.HTTPError as error:
            raise ImgurFailed("unreachable", "Imgur cannot be reached.") from error
        if status == httpx.codes.OK:
            return _stored(body, picture.content_type)
        failure = _failure(status, headers, body)
        if failure.code == "imgur_rate_limited":
            self._rest_until = time.monotonic() + (failure.retry_after or 0)
        raise failure

    def problem(self) -> str | None:
        if not self._headers:
            return NOT_CONFIGURED
        left = self._seconds_left
        return f"rate-limited for another {left} seconds" if left else None

    async def _upload(self, picture: Picture) -> tuple[int, httpx.Headers, bytes]:
        files = {"image": (picture.name, picture.data, picture.content_type)}
        async with http_client(self._seconds) as client:
            form = {"type": "file"}
            headers = {**self._headers, **AS_IT_IS}
            async with client.stream("POST", self._url, headers=headers, data=form, files=files) as reply:
                body = b""
                async for chunk in reply.aiter_raw():
                    body += chunk
                    if len(body) > MAX_REPLY_BYTES:
                        raise ImgurFailed("unexpected_reply", "Imgur answered far more than an upload's result.")
                return reply.status_code, reply.headers, body


def _stored(body: bytes, sent_as: str) -> Stored:
    data = _json(body).get("data")
    link = data.get("link") if isinstance(data, dict) else None
    if not isinstance(data, dict) or not isinstance(link, str) or not LINK.fullmatch(link):
        raise ImgurFailed("unexpected_reply", "Imgur answered without the address of a picture.")
    # The deletehash is the only way to remove the picture: for the operator's log, not for the caller.
    log.info("imgur keeps %s, deletehash %s", link, re.sub(r"[^0-9A-Za-z]", "?", str(data.get("deletehash"))))
    stored_as = next((kind for ending, kind in TYPES.items() if link.endswith(ending)), sent_as)
    return Stored(link, stored_as)


def _failure(status: int, headers: Mapping[str, str], body: bytes) -> ImgurFailed:
    said = _said(body)
    if status == httpx.codes.TOO_MANY_REQUESTS or "too fast" in said.lower():
        return _limited(_seconds_to_wait(headers, said), said)
    words = f'Imgur answered HTTP {status}: "{said}".' if said else f"Imgur answered HTTP {status}."
    if "over capacity" in said.lower() or status >= httpx.codes.INTERNAL_SERVER_ERROR:
        return ImgurFailed("unavailable", words)
    if status in (httpx.codes.BAD_REQUEST, httpx.codes.UNAUTHORIZED, httpx.codes.FORBIDDEN):
        return ImgurFailed("refused", words)
    return ImgurFailed("unexpected_reply", words)


def _said(body: bytes) -> str:
    """Imgur's own words: `data.error` as a text or an object, or the gateway's `errors`; "" where there are none."""
    reply = _json(body)
    data, errors = reply.get("data"), reply.get("errors")
    words = data.get("error") if isinstance(data, dict) else None
    if isinstance(words, dict):
        words = words.get("message")
    if isinstance(errors, list) and errors and isinstance(errors[0], dict):
        words = errors[0].get("detail")
    text = words if isinstance(words, str) else ""
    return "".join(character for character in text if character.isprintable()).strip(" .")[:200]


def _seconds_to_wait(headers: Mapping[str, str], said: str) -> int:
    """Until the limit that is used up is counted anew, a day at most."""
    return min(_seconds_said(headers, said), LONGEST_REST_SECONDS)


def _seconds_said(headers: Mapping[str, str], said: str) -> int:
    """Imgur writes the reset as seconds or as a moment."""
    for remaining, reset in LIMIT_HEADERS:
        if headers.get(remaining) == "0" and DIGITS.fullmatch(text := headers.get(reset, "")):
            value = int(text)
            return max(1, value - int(time.time()) if value > UNIX_TIME else value)
    minutes = re.search(r"wait (\d+) more minutes?", said)
    if minutes:
        return int(minutes[1]) * 60
    retry_after = headers.get("retry-after", "")
    return int(retry_after) if DIGITS.fullmatch(retry_after) and int(retry_after) else DEFAULT_REST_SECONDS


def _limited(seconds: int, said: str = "") -> ImgurFailed:
    words = f' It said: "{said}".' if said else ""
    return ImgurFailed("rate_limited", f"Imgur limits how often this server may upload.{words}", seconds)


def _json(body: bytes) -> dict[str, object]:
    try:
        reply = json.loads(body)
    except (ValueError, RecursionError):
        return {}
    return reply if isinstance(reply, dict) else {}
