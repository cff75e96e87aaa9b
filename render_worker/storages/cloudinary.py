"""Cloudinary: an upload that is signed with the account's secret, which itself never travels.

Sources: https://cloudinary.com/documentation/authentication_signatures (SHA-256 is taken as well as SHA-1),
image_upload_api_reference and admin_api there for parameters, results and statuses, of which 420 is a rate limit; the
words of errors as quoted in public issue threads from 2015 to 2024.
"""

import hashlib
import re
import time

import httpx

from render_worker.errors import StorageNotConfigured
from render_worker.imaging import Picture
from render_worker.outbound.replies import printable
from render_worker.settings import Settings
from render_worker.storages.base import Storage, StoredObject, name_in
from render_worker.storages.failures import ServiceFailed
from render_worker.storages.reply import Reply, ask

ACCOUNT = re.compile(r"cloudinary://(?P<key>[^:/@]+):(?P<secret>[^:/@]+)@(?P<cloud>[A-Za-z0-9_-]+)(?:[/?].*)?")
LINK = re.compile(r"https?://[!-~]{1,500}")
RATE_LIMITED = (420, httpx.codes.TOO_MANY_REQUESTS)


class CloudinaryStorage(Storage):
    """An account at Cloudinary; a picture's public id is its content's name."""

    name = "cloudinary"
    title = "Cloudinary"

    def __init__(self, settings: Settings) -> None:
        self._url = settings.cloudinary_api_url
        self._prefix = settings.bucket_prefix
        self._seconds = settings.bucket_seconds
        self._account_url = settings.cloudinary_url

    def check(self) -> None:
        self._account()

    async def save(self, picture: Picture) -> StoredObject:
        public_id = self._prefix + picture.sha256
        files = {"file": (picture.name, picture.data, picture.content_type)}
        # What is there already stays: Cloudinary then answers as if it had been uploaded.
        reply = await self._ask("upload", {"public_id": public_id, "overwrite": "false"}, files)
        link = reply.document.get("secure_url")
        if not isinstance(link, str) or not LINK.fullmatch(link) or not link.endswith(f"/{self._prefix}{picture.name}"):
            raise ServiceFailed(type(self), "unexpected_reply", "Cloudinary answered without the picture's address.")
        return StoredObject(link, picture.content_type)

    async def delete(self, word: str) -> bool:
        name = name_in(word)
        if name is None:
            return False
        public_id = self._prefix + name.partition(".")[0]
        reply = await self._ask("destroy", {"public_id": public_id, "invalidate": "true"})  # its network's copies too
        result = reply.document.get("result")
        if result not in ("ok", "not found"):
            raise ServiceFailed(
                type(self), "unexpected_reply", "Cloudinary did not say whether the picture is deleted."
            )
        return result == "ok"

    async def _ask(
        self, action: str, fields: dict[str, str], files: dict[str, tuple[str, bytes, str]] | None = None
    ) -> Reply:
        account = self._account()
        form = {**fields, "timestamp": str(int(time.time()))}
        form |= {"signature": signature(form, account["secret"]), "api_key": account["key"]}
        url = f"{self._url}/{account['cloud']}/image/{action}"
        reply = await ask(type(self), "POST", url, self._seconds, data=form, files=files)
        if reply.status != httpx.codes.OK:
            raise _failure(reply, account["key"])
        return reply

    def _account(self) -> dict[str, str]:
        if not self._account_url:
            raise StorageNotConfigured("CLOUDINARY_URL not configured.")
        found = ACCOUNT.fullmatch(self._account_url.get_secret_value())
        if not found:
            raise StorageNotConfigured("CLOUDINARY_URL must be like cloudinary://key:secret@cloud.")
        return found.groupdict()


def signature(fields: dict[str, str], secret: str) -> str:
    """What only the owner of the secret can make for these fields; the file and the key are not among them."""
    signed = "&".join(f"{name}={fields[name]}" for name in sorted(fields))
    return hashlib.sha256(f"{signed}{secret}".encode()).hexdigest()


def _failure(reply: Reply, key: str) -> ServiceFailed:
    status = reply.status
    if status in RATE_LIMITED:
        sentence = f"Cloudinary limits how often this account may ask (HTTP {status})."
        return ServiceFailed(CloudinaryStorage, "rate_limited", sentence, reply.retry_after)
    if status in (httpx.codes.UNAUTHORIZED, httpx.codes.FORBIDDEN):  # its words have the key or the signature in them
        return _failed("refused", f"Cloudinary does not accept this server's key (HTTP {status}).")
    if status >= httpx.codes.INTERNAL_SERVER_ERROR:
        return _failed("unavailable", f"Cloudinary failed by its own fault (HTTP {status}).")
    if status == httpx.codes.NOT_FOUND:
        return _failed("not_found", "Cloudinary knows no such cloud: CLOUDINARY_URL has its name behind the @.")
    error = reply.document.get("error")
    said = printable(error.get("message") if isinstance(error, dict) else None).replace(key, "…")
    words = f'Cloudinary answered HTTP {status}: "{said}".' if said else f"Cloudinary answered HTTP {status}."
    if status == httpx.codes.BAD_REQUEST:  # it is this picture that it does not take
        return ServiceFailed(CloudinaryStorage, "refused", words, caused_by_request=True)
    return _failed("unexpected_reply", words)


def _failed(kind: str, sentence: str) -> ServiceFailed:
    return ServiceFailed(CloudinaryStorage, kind, sentence)
