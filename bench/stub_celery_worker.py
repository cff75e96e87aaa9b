"""`python -m bench.stub_celery_worker REDIS_URL --slots 100`: Celery workers that make no picture.

Each message is claimed and finished by the real claims, and takes some seconds between them, during which its lease is
renewed as a Celery worker does it. One process is as many Celery workers as its slots are.
"""

import argparse
import secrets
import threading
import time
from typing import Any

from celery import Celery
from redis import Redis

from bench.stub_worker import MANY, result
from render_worker.contract import (
    AUTO_QUEUE,
    RENEW_SECONDS,
    REPORT_SECONDS,
    REPORT_TTL_SECONDS,
    TASK,
    WORKERS,
    CeleryWorkerReport,
    GenerateResult,
    ModelList,
    QueuedRequest,
    QueueHealth,
    ResultLine,
    WorkerHealth,
    report_key,
)
from render_worker.queued.claims import Claim, Claims


class StubWorker:
    """What Celery workers do of which the picture is no part."""

    def __init__(self, redis: Redis, seconds: float, slots: int) -> None:
        self.name = f"stub-{secrets.token_hex(4)}@bench"
        self._redis, self._seconds, self._slots = redis, seconds, slots
        self._claims = Claims(redis, self.name, secrets.token_hex(8))
        self._running: dict[str, Claim] = {}

    def make(self, message: QueuedRequest) -> None:
        """Claim a request, wait, and finish it."""
        if self._claims.claim(message)[0] != "go":
            return
        claim = Claim(message.request.request_id, message.attempt)
        self._running[claim.id] = claim
        time.sleep(self._seconds)
        made = result(message.request.model_dump(mode="json"))
        self._claims.finish(claim, ResultLine(result=GenerateResult.model_validate(made)))
        del self._running[claim.id]

    def renew_for_ever(self) -> None:
        """Renew the leases of what runs."""
        while True:
            time.sleep(RENEW_SECONDS)
            if claims := list(self._running.values()):
                self._claims.renew(claims)

    def report_for_ever(self) -> None:
        """Say again and again that this worker lives."""
        while True:
            self._redis.set(report_key(self.name), self._report().model_dump_json(), ex=int(REPORT_TTL_SECONDS))
            self._redis.zadd(WORKERS, {self.name: time.time()})
            time.sleep(REPORT_SECONDS)

    def _report(self) -> CeleryWorkerReport:
        running = len(self._running)
        queue = QueueHealth(running=running, waiting=0, max_concurrency=self._slots, queue_size=MANY)
        health = WorkerHealth(status="ready", ready=True, uptime_seconds=1, queue=queue, engines={}, storage="local")
        return CeleryWorkerReport(
            name=self.name,
            queues=[AUTO_QUEUE],
            concurrency=self._slots,
            running=running,
            health=health,
            models=ModelList(models=[]),
        )


def _app(url: str, worker: StubWorker) -> Celery:
    app = Celery("stub", broker=url, backend=None, set_as_current=False)
    app.conf.update(
        task_acks_late=True,
        worker_prefetch_multiplier=1,
        worker_hijack_root_logger=False,
        broker_transport_options={"visibility_timeout": 7200},
    )

    def generate(message: Any) -> None:
        read = QueuedRequest.model_validate_json if isinstance(message, str) else QueuedRequest.model_validate
        worker.make(read(message))

    app.task(generate, name=TASK, ignore_result=True)
    return app


def main() -> None:
    """Serve until it is ended."""
    parser = argparse.ArgumentParser(prog="python -m bench.stub_celery_worker", description=__doc__)
    parser.add_argument("url", metavar="REDIS_URL")
    parser.add_argument("--seconds", type=float, default=0, help="that a picture takes (0)")
    parser.add_argument("--slots", type=int, default=100, help="pictures at a time (100)")
    given = parser.parse_args()
    worker = StubWorker(Redis.from_url(given.url), given.seconds, given.slots)
    for loop in (worker.renew_for_ever, worker.report_for_ever):
        threading.Thread(target=loop, daemon=True).start()
    app = _app(given.url, worker)
    options = ["-P", "threads", "-c", str(given.slots), "-n", worker.name, "-Q", AUTO_QUEUE, "-l", "WARNING"]
    app.worker_main(["worker", *options, "--without-mingle", "--without-gossip"])


if __name__ == "__main__":
    main()
