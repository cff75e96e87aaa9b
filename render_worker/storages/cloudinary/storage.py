"""Cloudinary: uploads that are signed with the account's secret, which itself is never sent.

Sources: https://cloudinary.com/documentation/authentication_signatures (SHA-256 is taken as well as SHA-1),
image_upload_api_reference and admin_api there for parameters, results and statuses, of which 420 is a rate limit; error
messages as quoted in public issue threads from 2015 to 2024.
"""

import hashlib
import re
import time

import httpx

from render_worker.outbound.replies import printable
from render_worker.picture import Picture
from render_worker.storages.base import Storage, StoredObject, image_name_in
from render_worker.storages.cloudinary.settings import CloudinarySettings
from render_worker.storages.errors import ServiceFailed, StorageNotConfigured
from render_worker.storages.exchange import PICTURE_URL, ServiceResponse, send

ACCOUNT = re.compile(r"cloudinary://(?P<key>[^:/@]+):(?P<secret>[^:/@]+)@(?P<cloud>[A-Za-z0-9_-]+)(?:[/?].*)?")
RATE_LIMITED = (420, httpx.codes.TOO_MANY_REQUESTS)


class CloudinaryStorage(Storage):
    """An account at Cloudinary; a picture's public id is the hash of its content."""

    name = "cloudinary"
    title = "Cloudinary"
    description = "An account at Cloudinary."
    cost = "free up to its plan's credits"
    needs = "an account's `CLOUDINARY_URL`"
    addresses = "public"

    def __init__(self, settings: CloudinarySettings) -> None:
        self._url = settings.cloudinary_api_url
        self._prefix = settings.bucket_prefix
        self._seconds = settings.bucket_seconds
        self._account_url = settings.cloudinary_url

    def check(self) -> None:
        self._account()

    async def save(self, picture: Picture) -> StoredObject:
        public_id = self._prefix + picture.sha256
        files = {"file": (picture.name, picture.data, picture.content_type)}
        # An existing picture stays: Cloudinary then responds as if it had been uploaded.
        response = await self._send("upload", {"public_id": public_id, "overwrite": "false"}, files)
        link = response.document.get("secure_url")
        if (
            not isinstance(link, str)
            or not PICTURE_URL.fullmatch(link)
            or not link.endswith(f"/{self._prefix}{picture.name}")
        ):
            raise ServiceFailed(type(self), "unexpected_reply", "Cloudinary answered without the picture's address.")
        return StoredObject(link, picture.content_type)

    async def delete(self, reference: str) -> bool:
        name = image_name_in(reference)
        if name is None:
            return False
        public_id = self._prefix + name.partition(".")[0]
        response = await self._send("destroy", {"public_id": public_id, "invalidate": "true"})  # also its CDN's copies
        result = response.document.get("result")
        if result not in ("ok", "not found"):
            raise ServiceFailed(
                type(self), "unexpected_reply", "Cloudinary did not say whether the picture is deleted."
            )
        return result == "ok"

    async def _send(
        self, action: str, fields: dict[str, str], files: dict[str, tuple[str, bytes, str]] | None = None
    ) -> ServiceResponse:
        account = self._account()
        form = {**fields, "timestamp": str(int(time.time()))}
        form |= {"signature": signature(form, account["secret"]), "api_key": account["key"]}
        url = f"{self._url}/{account['cloud']}/image/{action}"
        response = await send(type(self), "POST", url, self._seconds, data=form, files=files)
        if response.status != httpx.codes.OK:
            raise _error_of_response(response, account["key"])
        return response

    def _account(self) -> dict[str, str]:
        """Return the account's key, secret and cloud. Raises StorageNotConfigured if CLOUDINARY_URL lacks them."""
        if not self._account_url:
            raise StorageNotConfigured("CLOUDINARY_URL not configured.")
        found = ACCOUNT.fullmatch(self._account_url.get_secret_value())
        if not found:
            raise StorageNotConfigured("CLOUDINARY_URL must be like cloudinary://key:secret@cloud.")
        return found.groupdict()


def signature(fields: dict[str, str], secret: str) -> str:
    """Return the signature of a request's fields, without the file and the key, by the account's secret."""
    signed = "&".join(f"{name}={fields[name]}" for name in sorted(fields))
    return hashlib.sha256(f"{signed}{secret}".encode()).hexdigest()


def _error_of_response(response: ServiceResponse, key: str) -> ServiceFailed:
    """Return the error of a response with another status than 200."""
    status = response.status
    if status in RATE_LIMITED:
        sentence = f"Cloudinary limits how often this account may ask (HTTP {status})."
        return ServiceFailed(CloudinaryStorage, "rate_limited", sentence, response.retry_after)
    if status in (httpx.codes.UNAUTHORIZED, httpx.codes.FORBIDDEN):  # its message has the key or the signature in it
        return _error("refused", f"Cloudinary does not accept this server's key (HTTP {status}).")
    if status >= httpx.codes.INTERNAL_SERVER_ERROR:
        return _error("unavailable", f"Cloudinary failed by its own fault (HTTP {status}).")
    if status == httpx.codes.NOT_FOUND:
        return _error("not_found", "Cloudinary knows no such cloud: CLOUDINARY_URL has its name behind the @.")
    return _unexpected_status(response, key)


def _unexpected_status(response: ServiceResponse, key: str) -> ServiceFailed:
    status, error = response.status, response.document.get("error")
    message = printable(error.get("message") if isinstance(error, dict) else None).replace(key, "…")
    sentence = f'Cloudinary answered HTTP {status}: "{message}".' if message else f"Cloudinary answered HTTP {status}."
    if status == httpx.codes.BAD_REQUEST:  # it refuses this picture, not the account
        return ServiceFailed(CloudinaryStorage, "refused", sentence, caused_by_request=True)
    return _error("unexpected_reply", sentence)


def _error(kind: str, sentence: str) -> ServiceFailed:
    return ServiceFailed(CloudinaryStorage, kind, sentence)
