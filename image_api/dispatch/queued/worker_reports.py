"""What the Celery workers say of themselves."""

import logging
from typing import Any

from pydantic import ValidationError
from redis import Redis

from image_api.dispatch.coalesced_read import CoalescedRead
from image_api.dispatch.queued.failures import reaching_queue
from image_api.outbound.abort import Abort
from render_worker.contract import WORKERS, CeleryWorkerReport, report_key

log = logging.getLogger(__name__)


class WorkerReports:
    """The reports of the Celery workers that live, of the last few seconds. Thread-safe."""

    def __init__(self, redis: Redis) -> None:
        self._redis = redis
        self._latest = CoalescedRead(self._read)

    def live(self, abort: Abort | None = None) -> list[CeleryWorkerReport]:
        """Return the report of each Celery worker that lives, by their names.

        Raises QueueUnavailable, or as WorkerUnavailable what another request got, if Redis does not answer, and
        ServiceBusy if `abort` is set meanwhile.
        """
        return self._latest.get(abort or Abort())

    def _read(self) -> list[CeleryWorkerReport]:
        with reaching_queue():
            found: Any = self._redis.zrange(WORKERS, 0, -1)
            names = sorted(name.decode(errors="replace") for name in found)
            texts: list[Any] = self._redis.mget([report_key(name) for name in names]) if names else []
        return [report for text in texts if text and (report := _parsed(text))]


def _parsed(text: bytes) -> CeleryWorkerReport | None:
    """Return a report; None if it is of a version that this one does not understand."""
    try:
        return CeleryWorkerReport.model_validate_json(text)
    except ValidationError:
        log.warning("the report of a Celery worker is not one that this version understands")
        return None
