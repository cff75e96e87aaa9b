"""The reports of Celery workers, which one read of Redis brings to all clients that ask within some seconds."""

import logging
import time
from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any

from pydantic import ValidationError
from redis import Redis

from image_api.dispatch.coalesced_read import CoalescedRead
from image_api.dispatch.queued.failures import reaching_queue
from image_api.dispatch.queued.queue_state import CeleryWorker
from image_api.errors import WorkerUnavailable
from image_api.outbound.abort import Abort
from image_api.outbound.bounds import printable
from render_worker.contract import WORKERS, CeleryWorkerReport, report_key

SHOWN_SECONDS = 600.0  # after its last report, for which one that was killed is told of
MAX_NAME = 200
NONE_UP = "No Celery worker is up."

log = logging.getLogger(__name__)


@dataclass(frozen=True)
class Reported:
    """What one read has found."""

    workers: list[CeleryWorker]
    live: list[CeleryWorkerReport]
    """Of those that are up."""


class WorkerReports:
    """What Celery workers say of themselves. Thread-safe."""

    def __init__(self, redis: Redis) -> None:
        """Ask a Redis whose calls have a timeout of some seconds."""
        self._redis = redis
        self._reading = CoalescedRead(self._read)
        self._refused: set[str] = set()
        self.latest: Reported | None = None
        """What was read last; None before the first read, or if Redis did not answer it."""
        self.last_live: list[CeleryWorkerReport] = []
        """Those that were up when that was last known."""
        self.read_at = 0.0
        """When Redis was last asked, in seconds since the epoch; 0 if it never was."""

    def all(self, abort: Abort | None = None) -> list[CeleryWorker]:
        """Return the Celery workers of the last minutes, by name.

        Raises QueueUnavailable, or as Relayed what another request got, if Redis does not answer, and ServiceBusy if
        `abort` is set meanwhile.
        """
        return self._reading.get(abort or Abort()).workers

    def live(self, abort: Abort | None = None) -> list[CeleryWorkerReport]:
        """Return the reports of those that are up, the same list until they are read again. Raises as `all`."""
        return self._reading.get(abort or Abort()).live

    def require_live(self) -> list[CeleryWorkerReport]:
        """Return the reports of those that are up. Raises WorkerUnavailable if none is, and as `all`."""
        if live := self.live():
            return live
        raise WorkerUnavailable(NONE_UP)

    def _read(self) -> Reported:
        found: Reported | None = None
        try:
            with reaching_queue():
                workers = list(self._workers())
            found = Reported(workers, [worker.report for worker in workers if worker.report])
        finally:
            self.latest, self.read_at = found, time.time()
        self.last_live = found.live or self.last_live
        return found

    def _workers(self) -> Iterator[CeleryWorker]:
        ages = self._ages()
        texts: list[Any] = list(self._redis.mget([report_key(name) for name in ages])) if ages else []
        for (name, age), text in zip(ages.items(), texts, strict=True):
            shown = printable(name, MAX_NAME)
            yield CeleryWorker(shown, age, self._report(shown, text), is_silent=text is None)
            time.sleep(0)  # a thousand reports take a second of a tenth of a core: others go on in between

    def _ages(self) -> dict[str, float]:
        """Return the seconds since each Celery worker's last report, by name."""
        with self._redis.pipeline(transaction=False) as pipeline:
            pipeline.time()
            pipeline.zrange(WORKERS, 0, -1, withscores=True)
            (seconds, _), scores = pipeline.execute()
        ages = {name.decode(errors="replace"): max(0.0, seconds - score) for name, score in scores}
        return {name: ages[name] for name in sorted(ages) if ages[name] < SHOWN_SECONDS}

    def _report(self, name: str, text: bytes | None) -> CeleryWorkerReport | None:
        if text is None:
            return None
        try:
            return CeleryWorkerReport.model_validate_json(text)
        except ValidationError:
            if name not in self._refused:
                self._refused.add(name)
                log.warning("the report of Celery worker %s is none that this version understands", name)
            return None
