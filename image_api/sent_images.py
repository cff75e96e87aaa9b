"""Images that clients send for pictures to begin with: in memory as long as they are needed, bounded in total."""

import hashlib
import threading
from collections.abc import Iterator
from concurrent.futures import Future
from fractions import Fraction
from typing import Any

from image_api.errors import InvalidParameter, ServiceBusy
from image_api.picture_formats import LARGEST, Unreadable, upright_size
from image_api.uploads import Upload
from render_worker.contract import WIDEST

MAX_BYTES = 64 * 1024 * 1024
PIECE_BYTES = 64 * 1024
IMAGE_KEY = b'"image"'
"""A key of each JSON body with an image: what may stand before it is no longer than a body without one may be."""
MAX_DENOMINATOR = 1000  # of a proportion: what is finer is less than a pixel of most pictures
NO_ROOM = "As many images are being worked on as this service can hold."
DROPPED = "The image of this request is no longer held: its client has gone."
NO_PICTURE = "image must be a whole PNG, JPEG or WebP picture."
TOO_LARGE = (
    f"image must have at most {LARGEST / 1e6:.1f} million pixels, and this one has {{:.1f}}; send a smaller one."
)


class ImageMemory:
    """The memory for the images of all requests and flights of this process. Thread-safe."""

    def __init__(self, max_bytes: int = MAX_BYTES) -> None:
        self.left = max_bytes
        """How many bytes may still be taken."""
        self._lock = threading.Lock()

    def take(self, size: int) -> None:
        """Take so many bytes. Raises ServiceBusy if there are not so many left."""
        with self._lock:
            if size > self.left:
                raise ServiceBusy(NO_ROOM)
            self.left -= size

    def give_back(self, size: int) -> None:
        """Give so many bytes back."""
        with self._lock:
            self.left += size


class SentImage:
    """An image that a client sent. Its bytes are dropped when its last holder has released it. Thread-safe."""

    def __init__(self, data: bytes, memory: ImageMemory) -> None:
        """Take over bytes that were taken of the memory, for a first holder. Raises InvalidParameter if it is none."""
        self.size = len(data)
        self.digest = hashlib.sha256(data).hexdigest()
        self.aspect_ratio = _aspect_ratio(data)
        self._data = data
        self._memory = memory
        self._holders = 1
        self._lock = threading.Lock()

    @classmethod
    def of(cls, upload: Upload, memory: ImageMemory) -> "SentImage":
        """Return an upload as one; it blocks. Raises InvalidParameter if it is no picture that can be read."""
        if not upload.content_type:
            raise InvalidParameter(NO_PICTURE)
        return cls(upload.file.read(), memory)

    def pieces(self) -> Iterator[bytes]:
        """Yield the bytes in pieces. Raises ServiceBusy if they are dropped, as at this service's stop."""
        data = memoryview(self._data)
        if not data:
            raise ServiceBusy(DROPPED)
        for start in range(0, len(data), PIECE_BYTES):
            yield bytes(data[start : start + PIECE_BYTES])

    def hold_until(self, done: "Future[Any]") -> None:
        """Have the bytes held until something is done, unless they are dropped already."""
        with self._lock:
            if not self._holders:
                return
            self._holders += 1
        done.add_done_callback(lambda _: self.release())

    def release(self) -> None:
        """End one holder's hold."""
        with self._lock:
            self._holders -= 1
            last = self._holders == 0
        if last:
            self._data = b""
            self._memory.give_back(self.size)


def _aspect_ratio(data: bytes) -> str:
    """Return the proportion of an image as it is shown, or the nearest that can be asked for.

    Raises InvalidParameter if it cannot be read, or has too many pixels.
    """
    try:
        width, height = upright_size(data)
    except Unreadable as error:
        raise InvalidParameter(NO_PICTURE) from error
    if width * height > LARGEST:
        raise InvalidParameter(TOO_LARGE.format(width * height / 1e6))
    proportion = min(max(Fraction(width, height), Fraction(1, WIDEST)), Fraction(WIDEST))
    nearest = proportion.limit_denominator(MAX_DENOMINATOR)
    return f"{nearest.numerator}:{nearest.denominator}"
