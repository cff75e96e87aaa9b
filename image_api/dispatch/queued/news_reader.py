"""The news and the progress of queued requests, as they come: one blocking reader for all of a process."""

import logging
import threading
from collections.abc import Callable
from typing import Any

from pydantic import ValidationError
from redis import Redis

from image_api.dispatch.queued.failures import QUEUE_FAILURES
from image_api.outbound.redis_clients import BLOCK_SECONDS, close_idle
from render_worker.contract import NEWS, NEWS_FIELD, PROGRESS, QueueNews, QueueProgress

Told = QueueNews | QueueProgress
Listener = Callable[[Told], object]
"""Takes what is told; it must return at once."""

BATCH = 500
POSITION_SECONDS = 1.0  # for the first position in the streams
PAUSE_SECONDS = 0.5  # while Redis does not answer
MODELS: dict[str, type[QueueNews] | type[QueueProgress]] = {NEWS: QueueNews, PROGRESS: QueueProgress}

log = logging.getLogger(__name__)


class NewsReader:
    """Tells listeners what happens, from their registration on; what it misses a sweep finds. Thread-safe.

    Its thread starts with the first listener.
    """

    def __init__(self, redis: Redis) -> None:
        """Read by a client that may block."""
        self._redis = redis
        self._all: list[Listener] = []
        self._by_id: dict[str, Listener] = {}
        self._positions: dict[str, str] = {}
        self._positioned = threading.Event()
        self._stopped = threading.Event()
        self._lock = threading.Lock()
        self._thread: threading.Thread | None = None
        self._is_away = False
        self._is_new = True  # whether the Redis may be another one than before

    def listen(self, listener: Listener) -> None:
        """Have a listener told of all requests."""
        self._all.append(listener)
        self._start()

    def follow(self, request_id: str, listener: Listener) -> None:
        """Have a listener told of one request, until `leave`."""
        self._by_id[request_id] = listener
        self._start()
        self._positioned.wait(POSITION_SECONDS)

    def leave(self, request_id: str) -> None:
        """Tell of a request no more."""
        self._by_id.pop(request_id, None)

    def stop(self) -> None:
        """End the thread, within BLOCK_SECONDS."""
        self._stopped.set()

    def _start(self) -> None:
        with self._lock:
            if self._thread is None:
                self._thread = threading.Thread(target=self._run, name="queue-news", daemon=True)
                self._thread.start()

    def _run(self) -> None:
        while not self._stopped.is_set():
            try:
                self._read()
                self._note(away=False)
            except QUEUE_FAILURES as error:
                self._note(away=True, why=type(error).__name__)
                self._is_new = True
                self._stopped.wait(PAUSE_SECONDS)
            except Exception:  # a bug must not end the news
                log.exception("unexpected error in the news of the queue")
                self._stopped.wait(PAUSE_SECONDS)
        close_idle(self._redis)

    def _read(self) -> None:
        """Tell of the next entries, if there are any within BLOCK_SECONDS."""
        if self._is_new:
            self._positions = {stream: self._position(stream) for stream in MODELS}
            self._is_new = False
            self._positioned.set()
        positions: Any = dict(self._positions)
        streams: Any = self._redis.xread(positions, count=BATCH, block=round(BLOCK_SECONDS * 1000))
        for name, entries in streams or ():
            stream = name.decode()
            for position, fields in entries:
                self._positions[stream] = position.decode()
                self._tell(stream, fields.get(NEWS_FIELD.encode(), b""))

    def _position(self, stream: str) -> str:
        """Return where to read on: at the end if nothing was read yet, or if Redis's clock is behind what was read."""
        newest: Any = self._redis.xrevrange(stream, count=1)
        end = newest[0][0].decode() if newest else "0-0"
        before = self._positions.get(stream, end)
        return before if _order(before) <= _order(end) else end

    def _tell(self, stream: str, text: bytes) -> None:
        try:
            told: Told = MODELS[stream].model_validate_json(text)
        except ValidationError:
            log.warning("an entry of %s is not one that this version understands", stream)
            return
        follower = self._by_id.get(told.id)
        for listener in [*self._all, *([follower] if follower else ())]:
            try:
                listener(told)
            except Exception:  # a bug of a listener must not take the news from the others
                log.exception("%s: unexpected error at its news", told.id)

    def _note(self, *, away: bool, why: str = "") -> None:
        if away != self._is_away:
            self._is_away = away
            log.warning("the news of the queue cannot be read: %s", why) if away else log.info("the news come again")


def _order(position: str) -> tuple[int, int]:
    """Return a position in a stream as it is ordered."""
    milliseconds, _, number = position.partition("-")
    return int(milliseconds), int(number)
