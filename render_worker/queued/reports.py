"""What a Celery worker says of itself in Redis, as long as it lives."""

import logging
from collections.abc import Callable

from redis import Redis, RedisError

from render_worker.contract import (
    REPORT_SECONDS,
    REPORT_TTL_SECONDS,
    WORKERS,
    CeleryWorkerReport,
    report_key,
)
from render_worker.queued.periodic import Periodic

REPORT = """
local now = redis.call('TIME')[1]
redis.call('SET', KEYS[1], ARGV[2], 'PX', ARGV[3])
redis.call('ZADD', KEYS[2], now, ARGV[1])
redis.call('ZREMRANGEBYSCORE', KEYS[2], '-inf', now - ARGV[4])
"""
MILLISECONDS = 1000
FORGOTTEN_SECONDS = 3600  # after which a name goes, as those of containers that are gone

log = logging.getLogger(__name__)


class Reports:
    """The reports of one Celery worker."""

    def __init__(self, redis: Redis, name: str, report: Callable[[], CeleryWorkerReport]) -> None:
        self._redis = redis
        self._name = name
        self._report = report
        self._write = redis.register_script(REPORT)
        self._thread = Periodic("reports", REPORT_SECONDS, self._write_report)

    def start(self) -> None:
        """Report now, and each REPORT_SECONDS."""
        self._thread.start()  # a Celery worker is ready again after each loss of its broker

    def stop(self) -> None:
        """Report no longer, and take back what was reported."""
        self._thread.stop()
        try:
            with self._redis.pipeline() as pipeline:
                pipeline.delete(report_key(self._name))
                pipeline.zrem(WORKERS, self._name)
                pipeline.execute()
        except (RedisError, OSError) as error:  # then it expires
            log.info("Redis takes the last report not back: %s", type(error).__name__)

    def _write_report(self) -> None:
        text = self._report().model_dump_json(exclude_none=True)
        self._write(
            keys=[report_key(self._name), WORKERS],
            args=[self._name, text, int(REPORT_TTL_SECONDS * MILLISECONDS), FORGOTTEN_SECONDS],
        )
