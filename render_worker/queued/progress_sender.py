"""Progress of the requests that this process makes: the newest of each, as fast as Redis takes it."""

import logging
import threading

from redis import Redis, RedisError

from render_worker.contract import MAX_PROGRESS, NEWS_FIELD, PROGRESS, Progress, QueueProgress, queue_key
from render_worker.queued.claims import Claim

PREVIEW_SECONDS = 60

log = logging.getLogger(__name__)


class ProgressSender:
    """Sends from a thread of its own, so that a slow Redis slows no picture. Thread-safe."""

    def __init__(self, redis: Redis) -> None:
        self._redis = redis
        self._newest: dict[Claim, Progress] = {}
        self._changed = threading.Condition()
        self._stopped = False

    def start(self) -> None:
        """Start the thread."""
        threading.Thread(target=self._send_all, name="progress", daemon=True).start()

    def stop(self) -> None:
        """Have the thread end."""
        with self._changed:
            self._stopped = True
            self._changed.notify()

    def send(self, claim: Claim, progress: Progress) -> None:
        """Send progress in place of what has not been sent yet, but for its preview, unless this has one."""
        with self._changed:
            waits = self._newest.get(claim)
            if waits and waits.preview and not progress.preview:
                progress = progress.model_copy(update={"preview": waits.preview})
            self._newest[claim] = progress
            self._changed.notify()

    def forget(self, claim: Claim) -> None:
        """Send no more of a request, which has ended."""
        with self._changed:
            self._newest.pop(claim, None)

    def _send_all(self) -> None:
        while True:
            with self._changed:
                self._changed.wait_for(lambda: self._newest or self._stopped)
                if self._stopped:
                    return
                newest, self._newest = self._newest, {}
            try:
                self._send(newest)
            except (RedisError, OSError) as error:
                log.warning("Redis takes no progress: %s", type(error).__name__)

    def _send(self, newest: dict[Claim, Progress]) -> None:
        with self._redis.pipeline(transaction=False) as pipeline:
            for claim, progress in newest.items():
                if progress.preview:  # before the news of it
                    pipeline.set(queue_key(claim.id, "preview"), progress.preview, ex=PREVIEW_SECONDS)
                line = QueueProgress(
                    id=claim.id,
                    attempt=claim.attempt,
                    progress=progress.model_copy(update={"preview": None}),
                    has_preview=True if progress.preview else None,
                )
                news = line.model_dump_json(exclude_none=True)
                pipeline.xadd(PROGRESS, {NEWS_FIELD: news}, maxlen=MAX_PROGRESS, approximate=True)
            pipeline.execute()
