"""Images that clients send for pictures to begin with: in memory as long as they are needed, bounded in total."""

import hashlib
import threading
from collections import Counter
from collections.abc import Callable, Iterator
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
NO_ROOM = "As many images are being worked on as this service can hold; send this one again later, or a smaller one."
DROPPED = "The image of this request gave way to those of other clients; send the request again later."
NO_PICTURE = "image must be a whole PNG, JPEG or WebP picture."
TOO_LARGE = (
    f"image must have at most {LARGEST / 1e6:.1f} million pixels, and this one has {{:.1f}}; send a smaller one."
)


class Room:
    """The room of one image in the memory."""

    __slots__ = ("client", "evicted", "gone", "on_evict", "size")

    def __init__(self, size: int, client: str | None, gone: Callable[[], bool]) -> None:
        self.size = size
        self.client = client
        self.gone = gone
        """Returns whether the client has closed its connection."""
        self.evicted = False
        """Whether it was lost to another image."""
        self.on_evict: Callable[[], object] = lambda: None

    def evict(self) -> None:
        """Mark it as evicted, and have its image dropped."""
        self.evicted = True
        self.on_evict()


class ImageMemory:
    """The memory for the images of all requests and flights of this process. Thread-safe.

    One client may hold all of it, but more than half only until other clients need it; the images of clients that left
    give way first.
    """

    def __init__(self, max_bytes: int = MAX_BYTES) -> None:
        self.left = max_bytes
        """How many bytes may still be taken."""
        self._half = max_bytes / 2
        self._rooms: dict[Room, None] = {}  # in the order in which they were taken
        self._lock = threading.Lock()

    def take(self, size: int, client: str | None = None, gone: Callable[[], bool] = lambda: False) -> Room:
        """Return room for so many bytes of a client's, None if no shares apply to it.

        Raises ServiceBusy if there is not so much left, and not enough gives way.
        """
        room = Room(size, client, gone)
        with self._lock:
            evicted = self._to_evict(room)
            for it in evicted:
                self._remove(it)
            self._rooms[room] = None
            self.left -= size
        for it in evicted:
            it.evict()
        return room

    def give_back(self, room: Room) -> None:
        """Give a room back, unless it was evicted or given back before."""
        with self._lock:
            if room in self._rooms:
                self._remove(room)

    def _remove(self, room: Room) -> None:
        del self._rooms[room]
        self.left += room.size

    def _to_evict(self, new: Room) -> list[Room]:
        """Return what to evict for a new one. Raises ServiceBusy if that is not enough."""
        evicted: list[Room] = []
        candidates = self._giving_way(new)
        while self.left + sum(it.size for it in evicted) < new.size:
            if not (room := next(candidates, None)):
                raise ServiceBusy(NO_ROOM)
            evicted.append(room)
        return evicted

    def _giving_way(self, new: Room) -> Iterator[Room]:
        """Yield what may be evicted for a new one: without a client, then the newest of one that has above half."""
        abandoned = {room for room in self._rooms if room.gone()}
        yield from (room for room in self._rooms if room in abandoned)
        awaited = [room for room in self._rooms if room.client and room not in abandoned]
        held: Counter[str | None] = Counter()
        for room in awaited:
            held[room.client] += room.size
        if new.client and held[new.client] + new.size > self._half:
            return
        for room in reversed(awaited):
            if held[room.client] > self._half:  # there is one such client at most
                held[room.client] -= room.size
                yield room


class SentImage:
    """An image that a client sent. Its bytes are dropped when its last holder has released it, or when its room is
    evicted. Thread-safe.
    """

    def __init__(self, data: bytes, room: Room, memory: ImageMemory) -> None:
        """Take over bytes that have room in the memory, for a first holder. Raises InvalidParameter if it is none."""
        self.size = len(data)
        self.digest = hashlib.sha256(data).hexdigest()
        self.aspect_ratio = _aspect_ratio(data)
        self._data = data
        self._room = room
        self._memory = memory
        self._holders = 1
        self._give_up: list[Callable[[ServiceBusy], object]] = []
        self._lock = threading.Lock()
        room.on_evict = self._drop
        if room.evicted:  # before these bytes were read
            self._drop()

    @classmethod
    def of(cls, upload: Upload, room: Room, memory: ImageMemory) -> "SentImage":
        """Return an upload as one; it blocks. Raises InvalidParameter if it is no picture that can be read."""
        if not upload.content_type:
            raise InvalidParameter(NO_PICTURE)
        return cls(upload.file.read(), room, memory)

    def whole(self) -> bytes:
        """Return the bytes. Raises ServiceBusy if they are dropped."""
        if not self._data:
            raise ServiceBusy(DROPPED)
        return self._data

    def pieces(self) -> Iterator[bytes]:
        """Yield the bytes in pieces. Raises ServiceBusy if they are dropped."""
        data = memoryview(self.whole())
        for start in range(0, len(data), PIECE_BYTES):
            yield bytes(data[start : start + PIECE_BYTES])

    def hold_until(self, done: "Future[Any]", give_up: Callable[[ServiceBusy], object]) -> None:
        """Have the bytes held until something is done, unless they are dropped already.

        `give_up` is called with the reason if their room is evicted before.
        """
        with self._lock:
            if not self._holders:
                return
            self._holders += 1
            self._give_up.append(give_up)
        done.add_done_callback(lambda _: self._end_hold(give_up))

    def release(self) -> None:
        """End the first holder's hold."""
        self._end_hold()

    def _end_hold(self, give_up: Callable[[ServiceBusy], object] | None = None) -> None:
        with self._lock:
            self._holders -= 1
            last = self._holders == 0
            if give_up:
                self._give_up.remove(give_up)
        if last:
            self._data = b""
            self._memory.give_back(self._room)

    def _drop(self) -> None:
        self._data = b""
        with self._lock:
            holders = list(self._give_up)
        for give_up in holders:
            give_up(ServiceBusy(DROPPED))


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
