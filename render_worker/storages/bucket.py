"""What the storages that are buckets have in common: objects named by their content, and an address for each.

The library is obstore, which speaks S3's and Google's protocols in Rust. It is imported at the first use, and takes
nothing from the environment by itself. Its errors' text has addresses and the service's whole words in it: a caller is
told the kind alone, the log also the status and S3's one-word code.
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

from render_worker.errors import StorageNotConfigured
from render_worker.imaging import Picture
from render_worker.optional_packages import missing_package
from render_worker.settings import Settings
from render_worker.storages.base import Storage, StoredObject, name_in
from render_worker.storages.failures import ServiceFailed, too_late, unreachable

if TYPE_CHECKING:
    from obstore.store import ClientConfig, GCSStore, RetryConfig, S3Store

CACHE_CONTROL = "public, max-age=31536000, immutable"  # a name means one content for ever
CONNECT_SECONDS = 5
SPARE_SECONDS = 5  # the library's own limit is later than ours, because its error does not tell that it was one
RETRIES = 2  # of what failed by the service's fault, after a tenth of a second and so on; they end with the time
STATUS = re.compile(r"non-2xx status code: (\d{3})")
SAID = re.compile(r"<Code>([A-Za-z]{1,60})</Code>")

READ_BY_THE_LIBRARY = re.compile(r"(AWS_|GOOGLE_|SERVICE_ACCOUNT$).*", re.IGNORECASE)
ONE_AT_A_TIME = threading.Lock()

log = logging.getLogger(__name__)


class BucketStorage(Storage):
    """A bucket. Override `open`, `public_url`, and `check` with the settings that are its own."""

    def __init__(self, settings: Settings) -> None:
        self._prefix = settings.bucket_prefix
        self._seconds = settings.bucket_seconds
        self._link_life = timedelta(seconds=settings.signed_link_seconds)
        self._public_url = self.public_url(settings)
        self._opened: S3Store | GCSStore | None = None

    @abstractmethod
    def public_url(self, settings: Settings) -> str | None:
        """Under which everybody may read the bucket; None means that links are signed."""

    @abstractmethod
    def open(self) -> "S3Store | GCSStore":
        """The library's client."""

    def check(self) -> None:
        if problem := missing_package("obstore", f"storage {self.name}", "buckets"):
            raise StorageNotConfigured(problem)

    async def save(self, picture: Picture) -> StoredObject:
        key = self._prefix + picture.name
        attributes = {"Content-Type": picture.content_type, "Cache-Control": CACHE_CONTROL}
        async with self._asked() as store:
            if not await self._is_there(store, key, len(picture.data)):
                await store.put_async(key, picture.data, attributes=attributes, use_multipart=False)
            return await self._stored(store, key, picture.content_type)

    async def delete(self, word: str) -> bool:
        """As everywhere; but to a key that may not list the bucket S3 does not tell whether it was there at all."""
        from obstore.exceptions import PermissionDeniedError

        name = name_in(word)
        if name is None:
            return False
        async with self._asked() as store:
            try:
                with suppress(PermissionDeniedError):  # without s3:ListBucket 403 may also mean that it is not there
                    await store.head_async(self._prefix + name)  # to a DELETE S3 says the same whether it was there
                await store.delete_async(self._prefix + name)
            except FileNotFoundError:
                return False
            return True

    async def _is_there(self, store: "S3Store | GCSStore", key: str, size: int) -> bool:
        """Whether it was uploaded before. A key that may only write gets 403 here, and uploads it again."""
        from obstore.exceptions import PermissionDeniedError

        try:
            return (await store.head_async(key))["size"] == size
        except (FileNotFoundError, PermissionDeniedError):
            return False

    async def _stored(self, store: "S3Store | GCSStore", key: str, content_type: str) -> StoredObject:
        if self._public_url:
            return StoredObject(f"{self._public_url}/{key}", content_type)
        from obstore import sign_async

        end = datetime.now(UTC) + self._link_life
        return StoredObject(
            await sign_async(store, "GET", key, self._link_life), content_type, end.isoformat(timespec="seconds")
        )

    @asynccontextmanager
    async def _asked(self) -> "AsyncIterator[S3Store | GCSStore]":
        """The client, for so long as the setting allows; what it raises becomes a ServiceFailed."""
        from obstore.exceptions import BaseError

        try:
            async with asyncio.timeout(self._seconds):
                yield self._client()
        except TimeoutError:
            raise too_late(type(self), self._seconds) from None
        except (BaseError, OSError, ValueError) as error:
            raise self._failure(error) from None  # its text is not to be seen in a traceback either

    def _client(self) -> "S3Store | GCSStore":
        from obstore.exceptions import BaseError

        try:
            if self._opened is None:
                with _unread_environment():
                    self._opened = self.open()
        except (BaseError, OSError, ValueError):  # a private key that is none, or an address
            raise self._failed("misconfigured", "cannot be asked with the settings as they are.") from None
        return self._opened

    def _failure(self, error: Exception) -> ServiceFailed:
        text = str(error)
        status = int(found[1]) if (found := STATUS.search(text)) else None
        said = found[1] if (found := SAID.search(text)) else "no code"
        log.warning("%s: %s, HTTP %s, %s", self.name, type(error).__name__, status or "unknown", said)
        if status is None:
            return self._without_status(text)
        if said == "SlowDown" or status in (httpx.codes.TOO_MANY_REQUESTS, httpx.codes.SERVICE_UNAVAILABLE):
            return self._failed("rate_limited", f"asks for fewer requests (HTTP {status}).")
        if status >= httpx.codes.INTERNAL_SERVER_ERROR:
            return self._failed("unavailable", f"failed by its own fault (HTTP {status}).")
        if status == httpx.codes.NOT_FOUND:
            return self._failed("not_found", "knows no such bucket.")
        if status in (httpx.codes.UNAUTHORIZED, httpx.codes.FORBIDDEN):
            return self._failed("refused", f"does not accept this server's key for the bucket (HTTP {status}).")
        if 300 <= status < 400:
            return self._failed("redirected", f"has the bucket at another address or region (HTTP {status}).")
        failed = self._failed("refused", f"did not take the request (HTTP {status}).")
        failed.caused_by_request = status == httpx.codes.REQUEST_ENTITY_TOO_LARGE
        return failed

    def _without_status(self, text: str) -> ServiceFailed:
        if "redirect without LOCATION" in text:
            return self._failed("redirected", "has the bucket in another region.")
        if "Error performing" in text:
            return unreachable(type(self))
        return self._failed("unexpected_reply", "answered what nobody here understands.")

    def _failed(self, kind: str, words: str) -> ServiceFailed:
        return ServiceFailed(type(self), kind, f"{self.title} {words}")

    def client_options(self) -> "ClientConfig":
        """Limits, and no proxy: one from the environment is no business of the bucket's key.

        That there is none can only be said by naming one that is for no host.
        """
        return {
            "allow_http": True,
            "connect_timeout": timedelta(seconds=CONNECT_SECONDS),
            "timeout": timedelta(seconds=self._seconds + SPARE_SECONDS),
            "proxy_url": "http://127.0.0.1:9",
            "proxy_excludes": "*,0.0.0.0/0,::/0",
        }

    def retry_config(self) -> "RetryConfig":
        """Few, and none after our own time."""
        return {"max_retries": RETRIES, "retry_timeout": timedelta(seconds=self._seconds)}


@contextmanager
def _unread_environment() -> Iterator[None]:
    """What the library reads when a client is opened, and at no other time, is out of its sight.

    It takes dozens of names that begin so for settings of its own, another one's token among them. Many of them can be
    given, but none taken back: Google's token, S3's encryption.
    """
    with ONE_AT_A_TIME:
        environment = os.environ  # noqa: TID251 - to hide it; settings.py has read all that is ours
        hidden = {name: environment.pop(name) for name in list(environment) if READ_BY_THE_LIBRARY.match(name)}
        try:
            yield
        finally:
            environment.update(hidden)
