"""A Celery worker's part in this process: real messages and claims, pictures of a scripted render worker."""

import contextlib
import secrets
import threading
from collections.abc import Iterator, Mapping
from concurrent.futures import ThreadPoolExecutor
from typing import Any, Self

import kombu
import redis
import requests
from kombu.mixins import ConsumerMixin
from pydantic import TypeAdapter

from render_worker.contract import (
    AUTO_QUEUE,
    IMAGE_PART,
    NDJSON,
    NEWS_FIELD,
    PROGRESS,
    RENEW_SECONDS,
    REPORT_TTL_SECONDS,
    REQUEST_PART,
    WORKERS,
    CeleryWorkerReport,
    EngineHealth,
    ErrorBody,
    ErrorLine,
    GenerateResult,
    Heartbeat,
    Model,
    ModelList,
    Progress,
    QueuedRequest,
    QueueHealth,
    QueueProgress,
    ResultLine,
    StreamLine,
    WorkerHealth,
    queue_key,
    report_key,
)
from render_worker.queued.claims import Claim, Claims

ENGINES = ("perchance", "sketch", "horde", "pollinations")
NAME = "celery@scripted"
CONCURRENCY = 16
LINE: TypeAdapter[Progress | Heartbeat | ResultLine | ErrorLine] = TypeAdapter(StreamLine)


class ScriptedCeleryWorker(ConsumerMixin):
    """Takes the messages of all queues while it is entered; what a render worker at `url` replies is how each ends."""

    def __init__(
        self, redis_url: str, url: str, concurrency: int = CONCURRENCY, prices: Mapping[str, float] | None = None
    ) -> None:
        self.connection = kombu.Connection(redis_url)
        self._redis = redis.Redis.from_url(redis_url)
        self._claims = Claims(self._redis, NAME, secrets.token_hex(8))
        self._url = url
        self._concurrency = concurrency
        self._prices = prices or {}
        self._running: dict[str, Claim] = {}
        self._over = threading.Event()

    def __enter__(self) -> Self:
        self._report()
        self._makers = ThreadPoolExecutor(self._concurrency, "makers")
        self._cancellers = ThreadPoolExecutor(self._concurrency, "cancellers")
        self._threads = [threading.Thread(target=it, daemon=True) for it in (self.run, self._keep)]
        for thread in self._threads:
            thread.start()
        return self

    def __exit__(self, *_: object) -> None:
        self._over.set()
        self.should_stop = True
        for thread in self._threads:
            thread.join(10)
        self._makers.shutdown(wait=False)
        self._cancellers.shutdown(wait=False)
        self.connection.release()
        self._redis.close()

    def get_consumers(self, consumer: type[kombu.Consumer], channel: object) -> list[kombu.Consumer]:
        queues = [kombu.Queue(name, routing_key=name) for name in (AUTO_QUEUE, *ENGINES)]
        return [consumer(queues, accept=["json"], callbacks=[self._take], prefetch_count=self._concurrency)]

    def _take(self, body: Any, message: kombu.Message) -> None:
        message.ack()
        [[argument], *_] = body
        self._makers.submit(self._make, QueuedRequest.model_validate_json(argument))

    def _make(self, message: QueuedRequest) -> None:
        verdict, left = self._claims.claim(message)
        if verdict != "go":
            return
        claim = Claim(message.request.request_id, message.attempt)
        self._running[claim.id] = claim
        try:
            self._claims.finish(claim, self._ending(message, left))
        finally:
            del self._running[claim.id]

    def _ending(self, message: QueuedRequest, left: float | None) -> ResultLine | ErrorLine:
        seconds = min(message.request.timeout_seconds, left or message.request.timeout_seconds)
        request = message.request.model_copy(update={"timeout_seconds": seconds})
        try:
            with self._post(request.model_dump_json(exclude_none=True), request.request_id, seconds) as reply:
                return next(self._lines(reply, message))
        except requests.RequestException:
            return ErrorLine(status=503, error=ErrorBody(error="It does not answer.", code="worker_unavailable"))

    def _post(self, text: str, request_id: str, seconds: float) -> requests.Response:
        image = self._claims.image(request_id)
        files = {REQUEST_PART: (None, text), IMAGE_PART: ("image", image)} if image else None
        headers = {"Accept": NDJSON} | ({} if image else {"Content-Type": "application/json"})
        data = None if image else text.encode()
        return requests.post(f"{self._url}/generate", data, headers=headers, files=files, timeout=seconds, stream=True)

    def _lines(self, reply: requests.Response, message: QueuedRequest) -> Iterator[ResultLine | ErrorLine]:
        if not reply.headers.get("Content-Type", "").startswith(NDJSON):
            body = reply.json()
            if reply.ok:
                yield ResultLine(event="result", result=GenerateResult.model_validate(body))
            yield ErrorLine(status=reply.status_code, error=ErrorBody.model_validate(body))
        for text in reply.iter_lines(chunk_size=1):
            line = LINE.validate_json(text)
            if isinstance(line, ResultLine | ErrorLine):
                yield line
            elif isinstance(line, Progress):
                self._tell(line, message)
        raise requests.ConnectionError("broken off")

    def _tell(self, progress: Progress, message: QueuedRequest) -> None:
        preview, own = progress.preview, progress.model_copy(update={"preview": None})
        if preview:
            self._redis.set(queue_key(message.request.request_id, "preview"), preview, ex=60)
        told = QueueProgress(
            id=message.request.request_id, attempt=message.attempt, progress=own, has_preview=True if preview else None
        )
        self._redis.xadd(PROGRESS, {NEWS_FIELD: told.model_dump_json(exclude_none=True)})

    def _keep(self) -> None:
        """Renew the leases, tell the render worker of cancellations, and report."""
        told: set[str] = set()
        while not self._over.wait(RENEW_SECONDS / 4):
            with contextlib.suppress(redis.RedisError):  # it is away, for a test
                claims = list(self._running.values())
                for claim, renewal in zip(claims, self._claims.renew(claims), strict=True):
                    if renewal == "canceled" and claim.id not in told:
                        told.add(claim.id)
                        self._cancellers.submit(requests.delete, f"{self._url}/requests/{claim.id}", timeout=30)
                self._report()

    def _report(self) -> None:
        models = [
            Model(
                name=it,
                description="d",
                engine=it,
                answers_auto=True,
                state="ready",
                honours=["seed", "image"],
                price=self._prices.get(it),
            )
            for it in ENGINES
        ]
        health = WorkerHealth(
            status="ready",
            ready=True,
            uptime_seconds=1,
            queue=QueueHealth(running=0, waiting=0, max_concurrency=self._concurrency, queue_size=0),
            engines={it: EngineHealth(state="ready") for it in ENGINES},
            storage="local",
        )
        report = CeleryWorkerReport(
            name=NAME,
            queues=[AUTO_QUEUE, *ENGINES],
            concurrency=self._concurrency,
            running=len(self._running),
            health=health,
            models=ModelList(models=models),
        )
        self._redis.set(report_key(NAME), report.model_dump_json(), ex=int(REPORT_TTL_SECONDS))
        seconds, _ = self._redis.time()
        self._redis.zadd(WORKERS, {NAME: seconds})
