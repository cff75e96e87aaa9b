"""The base class of storages that are buckets: objects named by their content, and an address for each.

The library is obstore, which speaks S3's and Google's protocols in Rust. It is imported at the first use, and takes
nothing from the environment by itself. The text of its errors has addresses and the service's whole response in it: a
client is told the kind alone, the log also the status and S3's one-word code.
"""

import asyncio
import logging
import os
import re
import threading
from abc import abstractmethod
from collections.abc import AsyncIterator, Iterator
from contextlib import asynccontextmanager, contextmanager, suppress
from datetime import UTC, datetime, timedelta
from typing import TYPE_CHECKING

import httpx

from render_worker.optional_packages import missing_package
from render_worker.picture import Picture
from render_worker.storages.base import Storage, StoredObject, image_name_in
from render_worker.storages.errors import ServiceFailed, StorageNotConfigured, timed_out, unreachable
from render_worker.storages.settings import BucketSettings

if TYPE_CHECKING:
    from obstore.store import ClientConfig, GCSStore, RetryConfig, S3Store

CACHE_CONTROL = "public, max-age=31536000, immutable"  # a name means one content for ever
CONNECT_SECONDS = 5
SPARE_SECONDS = 5  # the library's own timeout is later than ours, because its error does not tell that it was one
RETRIES = 2  # of the service's own faults, after a tenth of a second and so on; they end with the timeout
STATUS = re.compile(r"non-2xx status code: (\d{3})")
SERVICE_CODE = re.compile(r"<Code>([A-Za-z]{1,60})</Code>")

READ_BY_OBSTORE = re.compile(r"(AWS_|GOOGLE_|SERVICE_ACCOUNT$).*", re.IGNORECASE)
ENVIRONMENT_LOCK = threading.Lock()

log = logging.getLogger(__name__)


class BucketStorage(Storage):
    """A bucket. Override `open_client`, and `check` for the settings that are its own."""

    requirements = "buckets"

    def __init__(self, settings: BucketSettings, public_url: str | None) -> None:
        """Take the address under which the bucket is public, or None if links are to be signed."""
        self._prefix = settings.bucket_prefix
        self._seconds = settings.bucket_seconds
        self._link_lifetime = timedelta(seconds=settings.signed_link_seconds)
        self._public_url = public_url
        self._client: S3Store | GCSStore | None = None

    @abstractmethod
    def open_client(self) -> "S3Store | GCSStore":
        """Return a new client of the library."""

    def check(self) -> None:
        if problem := missing_package("obstore", f"storage {self.name}", self.requirements):
            raise StorageNotConfigured(problem)

    async def save(self, picture: Picture) -> StoredObject:
        key = self._prefix + picture.name
        attributes = {"Content-Type": picture.content_type, "Cache-Control": CACHE_CONTROL}
        async with self._errors_translated() as store:
            if not await self._exists(store, key, len(picture.data)):
                await store.put_async(key, picture.data, attributes=attributes, use_multipart=False)
            return await self._stored_object(store, key, picture.content_type)

    async def delete(self, reference: str) -> bool:
        """Delete the picture and return whether there was one.

        To a key that may not list the bucket S3 does not tell; then this returns True.
        """
        from obstore.exceptions import PermissionDeniedError

        name = image_name_in(reference)
        if name is None:
            return False
        async with self._errors_translated() as store:
            try:
                with suppress(PermissionDeniedError):  # without s3:ListBucket 403 may also mean that there is none
                    await store.head_async(self._prefix + name)  # S3 answers a DELETE the same if there is none
                await store.delete_async(self._prefix + name)
            except FileNotFoundError:
                return False
            return True

    async def _exists(self, store: "S3Store | GCSStore", key: str, size: int) -> bool:
        """Return whether it was uploaded before. A key that may only write gets 403 here, and uploads it again."""
        from obstore.exceptions import PermissionDeniedError

        try:
            return (await store.head_async(key))["size"] == size
        except (FileNotFoundError, PermissionDeniedError):
            return False

    async def _stored_object(self, store: "S3Store | GCSStore", key: str, content_type: str) -> StoredObject:
        if self._public_url:
            return StoredObject(f"{self._public_url}/{key}", content_type)
        from obstore import sign_async

        expires_at = datetime.now(UTC) + self._link_lifetime
        link = await sign_async(store, "GET", key, self._link_lifetime)
        return StoredObject(link, content_type, expires_at.isoformat(timespec="seconds"))

    @asynccontextmanager
    async def _errors_translated(self) -> "AsyncIterator[S3Store | GCSStore]":
        """Yield the client. Raises ServiceFailed if it fails, or if BUCKET_SECONDS pass."""
        from obstore.exceptions import BaseError

        try:
            async with asyncio.timeout(self._seconds):
                yield self._open_once()
        except TimeoutError:
            raise timed_out(type(self), self._seconds) from None
        except (BaseError, OSError, ValueError) as error:
            raise self._translated(error) from None  # its text must not be in a traceback either

    def _open_once(self) -> "S3Store | GCSStore":
        from obstore.exceptions import BaseError

        try:
            if self._client is None:
                with _hidden_environment():
                    self._client = self.open_client()
        except (BaseError, OSError, ValueError):  # an invalid private key or address
            raise self._error("misconfigured", "cannot be asked with the settings as they are.") from None
        return self._client

    def _translated(self, error: Exception) -> ServiceFailed:
        """Return the error of the kind that the library's error text tells of."""
        text = str(error)
        status = int(found[1]) if (found := STATUS.search(text)) else None
        code = found[1] if (found := SERVICE_CODE.search(text)) else "no code"
        log.warning("%s: %s, HTTP %s, %s", self.name, type(error).__name__, status or "unknown", code)
        return self._error_without_status(text) if status is None else self._error_of(status, code)

    def _error_of(self, status: int, code: str) -> ServiceFailed:
        if code == "SlowDown" or status in (httpx.codes.TOO_MANY_REQUESTS, httpx.codes.SERVICE_UNAVAILABLE):
            return self._error("rate_limited", f"asks for fewer requests (HTTP {status}).")
        if status >= httpx.codes.INTERNAL_SERVER_ERROR:
            return self._error("unavailable", f"failed by its own fault (HTTP {status}).")
        if status == httpx.codes.NOT_FOUND:
            return self._error("not_found", "knows no such bucket.")
        if status in (httpx.codes.UNAUTHORIZED, httpx.codes.FORBIDDEN):
            return self._error("refused", f"does not accept this server's key for the bucket (HTTP {status}).")
        if 300 <= status < 400:
            return self._error("redirected", f"has the bucket at another address or region (HTTP {status}).")
        error = self._error("refused", f"did not take the request (HTTP {status}).")
        error.caused_by_request = status == httpx.codes.REQUEST_ENTITY_TOO_LARGE
        return error

    def _error_without_status(self, text: str) -> ServiceFailed:
        if "redirect without LOCATION" in text:
            return self._error("redirected", "has the bucket in another region.")
        if "Error performing" in text:
            return unreachable(type(self))
        return self._error("unexpected_reply", "answered what nobody here understands.")

    def _error(self, kind: str, predicate: str) -> ServiceFailed:
        return ServiceFailed(type(self), kind, f"{self.title} {predicate}")

    def client_options(self) -> "ClientConfig":
        """Return timeouts, and no proxy: one from the environment must not see the bucket's key.

        The library uses none only if it is given one that is for no host.
        """
        return {
            "allow_http": True,
            "connect_timeout": timedelta(seconds=CONNECT_SECONDS),
            "timeout": timedelta(seconds=self._seconds + SPARE_SECONDS),
            "proxy_url": "http://127.0.0.1:9",
            "proxy_excludes": "*,0.0.0.0/0,::/0",
        }

    def retry_config(self) -> "RetryConfig":
        """Return few retries, and none after our own timeout."""
        return {"max_retries": RETRIES, "retry_timeout": timedelta(seconds=self._seconds)}


@contextmanager
def _hidden_environment() -> Iterator[None]:
    """Hide the variables that the library reads when a client is opened, and at no other time.

    It reads dozens of names that begin so as settings of its own, another account's token among them. Most of them
    cannot be overridden by an argument: Google's token, S3's encryption.
    """
    with ENVIRONMENT_LOCK:
        environment = os.environ  # noqa: TID251 - to hide it; settings.py has read all that is ours
        hidden = {name: environment.pop(name) for name in list(environment) if READ_BY_OBSTORE.match(name)}
        try:
            yield
        finally:
            environment.update(hidden)
