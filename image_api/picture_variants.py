"""Stored pictures in other formats, each encoded once: outside gevent's hub, one at a time, and cached.

They are read several at a time, so that a host that hangs keeps only its own pictures waiting.
"""

import io
import logging
import threading
from collections.abc import Callable, Iterator
from contextlib import closing, contextmanager
from weakref import WeakValueDictionary

from image_api.errors import ApiError, PictureDeleted, PictureUnavailable
from image_api.generation.cache import Kind, MemoryCache
from image_api.generation.results import MIB, address_key
from image_api.native_thread import NativeThread
from image_api.picture_formats import CannotEncode, Variant, encoded, release_memory
from image_api.remote_pictures import PictureContent
from render_worker.contract import GenerateResult
from render_worker.serving.deadline import Deadline

VARIANTS = Kind("img_variant:{}", 16 * MIB)  # some 400 of 768x768
MAX_BYTES = 8 * MIB  # of a variant, which is sent from memory; the stored file is streamed
TTL_SECONDS = 3600.0
FAILED_TTL_SECONDS = 60.0  # the cause may pass
READS = 6  # each holds a file of up to 20 MB
WAIT_SECONDS = 5.0  # for the encodings before; the stored picture is there at once
READ_SECONDS = 5.0
FAILED = b""

Open = Callable[[], PictureContent]
"""Opens the stored picture. Raises an ApiError if it cannot be read."""

log = logging.getLogger(__name__)


class PictureVariants:
    """The encoded variants of stored pictures. Thread-safe."""

    def __init__(self, thread: NativeThread) -> None:
        self._cache = MemoryCache()  # in Redis they would have no bound, and push out results
        self._encoding = threading.BoundedSemaphore(1)
        self._reads = threading.BoundedSemaphore(READS)
        self._makers: WeakValueDictionary[str, threading.BoundedSemaphore] = WeakValueDictionary()
        """By key, so that clients at the same time share an encoding."""
        self._thread = thread

    def get(self, result: GenerateResult, variant: Variant) -> bytes | None:
        """Return the cached variant; an empty one if it cannot be encoded, None if that is not known."""
        return self._cache.get(VARIANTS, _key(result, variant))

    def make(self, result: GenerateResult, variant: Variant, open_picture: Open, *, kept: bool) -> bytes:
        """Return the variant, cached from now on if it is to be `kept`.

        Returns an empty one if the picture cannot be read or encoded, or not soon: the stored one is to be returned.
        Raises PictureDeleted if the operator has deleted it.
        """
        maker = self._makers.setdefault(_key(result, variant), threading.BoundedSemaphore(1))
        try:
            with _held(maker):
                found = self.get(result, variant)  # another request may have made it meanwhile
                return self._encode(result, variant, open_picture, kept) if found is None else found
        except TimeoutError:
            return FAILED

    def _encode(self, result: GenerateResult, variant: Variant, open_picture: Open, kept: bool) -> bytes:
        try:
            file = self._encoded(open_picture, variant)
        except PictureDeleted:
            raise
        except ApiError:  # its host is asleep, or has lost it: the stored picture's own address wakes and heals
            return FAILED
        except CannotEncode as error:
            log.warning("%s is not encoded as %s: %s", result.sha256, variant.media_type, error)
            file, kept = FAILED, True
        if len(file) > MAX_BYTES:
            file, kept = FAILED, True
        if kept:
            self._cache.put(VARIANTS, _key(result, variant), file, TTL_SECONDS if file else FAILED_TTL_SECONDS)
        return file

    def _encoded(self, open_picture: Open, variant: Variant) -> bytes:
        with _held(self._reads):
            with closing(open_picture()) as content:
                data = _read(content)
            with _held(self._encoding):
                try:
                    return self._thread.call(encoded, data, variant)
                finally:
                    del data
                    self._thread.call(release_memory)


@contextmanager
def _held(slots: threading.BoundedSemaphore) -> Iterator[None]:
    """Hold one of the slots. Raises TimeoutError if none is free soon."""
    if not slots.acquire(timeout=WAIT_SECONDS):
        raise TimeoutError
    try:
        yield
    finally:
        slots.release()


def _read(content: PictureContent) -> bytes:
    deadline = Deadline.after(READ_SECONDS)
    file = io.BytesIO()
    for chunk in content:
        file.write(chunk)
        if deadline.expired:
            raise PictureUnavailable("The picture comes too slowly to be encoded.")
    return file.getvalue()


def _key(result: GenerateResult, variant: Variant) -> str:
    # Of the address without the signature of a link; the hash alone is what the worker gave to the storage.
    return address_key(f"{variant.media_type} {variant.quality} {result.sha256} {result.image_url.partition('?')[0]}")
