"""A real Redis, this tier's side of its queue, and a Celery worker's side that does what a test says."""

import threading
from collections.abc import Callable, Iterator
from concurrent.futures import Future
from typing import Any

import pytest

from image_api.dispatch.queued.broker import Broker
from image_api.dispatch.queued.celery_dispatch import CeleryDispatch
from image_api.dispatch.queued.queue import CeleryQueue
from image_api.outbound.abort import Abort
from image_api.outbound.redis_clients import blocking_client, quick_client
from image_api.sent_images import SentImage
from render_worker.contract import GenerateRequest, GenerateResult, Progress
from tests.api.queued.celery_side import CelerySide
from tests.fakes.processes import PATIENCE_SECONDS, wait_until
from tests.fakes.redis_server import RedisServer

GRACE_SECONDS = 0.3


class Call:
    """A generation in a thread of its own."""

    def __init__(
        self, dispatch: CeleryDispatch, request: GenerateRequest, image: SentImage | None, client: str | None
    ) -> None:
        self.request = request
        self.abort = Abort()
        self.progress: list[Progress] = []
        self.outcome: Future[GenerateResult] = Future()
        arguments = (dispatch, image, client)
        threading.Thread(target=self._run, args=arguments, daemon=True).start()

    def _run(self, dispatch: CeleryDispatch, image: SentImage | None, client: str | None) -> None:
        try:
            result = dispatch.generate(self.request, self.progress.append, client, self.abort, image)
        except Exception as error:  # noqa: BLE001 - the test looks at it
            self.outcome.set_exception(error)
        else:
            self.outcome.set_result(result)

    def result(self, seconds: float = PATIENCE_SECONDS) -> GenerateResult:
        """Return the result, or raise the error."""
        return self.outcome.result(seconds)

    def error(self, seconds: float = PATIENCE_SECONDS) -> Any:
        """Return the error."""
        return self.outcome.exception(seconds)


@pytest.fixture(scope="session")
def shared_redis() -> Iterator[RedisServer]:
    with RedisServer() as server:
        yield server


@pytest.fixture
def redis(shared_redis) -> RedisServer:
    """Return a Redis that has nothing."""
    shared_redis.client.flushall()
    return shared_redis


@pytest.fixture
def own_redis() -> Iterator[RedisServer]:
    """Return a Redis that the test may stop."""
    with RedisServer() as server:
        yield server


def queue_of(server: RedisServer) -> CeleryQueue:
    return CeleryQueue(quick_client(server.url), blocking_client(server.url), Broker(server.url))


@pytest.fixture
def queue(redis) -> Iterator[CeleryQueue]:
    queue = queue_of(redis)
    yield queue
    queue.stop()
    queue.close()


@pytest.fixture
def quick_sweeps(monkeypatch) -> None:
    """Have sweeps find lost Celery workers after parts of a second."""
    monkeypatch.setattr("image_api.dispatch.queued.losses.LEASE_SECONDS", GRACE_SECONDS)
    monkeypatch.setattr("image_api.dispatch.queued.waiting_calls.SWEEP_SECONDS", 0.1)


@pytest.fixture
def quick_resends(monkeypatch) -> None:
    """Have messages count as lost after parts of a second: on a slow machine also some that are not, and come twice."""
    for name in ("losses.RESEND_SECONDS", "sweep.RESEND_SECONDS"):
        monkeypatch.setattr(f"image_api.dispatch.queued.{name}", GRACE_SECONDS)


@pytest.fixture
def dispatching() -> Iterator[Callable[..., CeleryDispatch]]:
    """Return a dispatch by the queue of a Redis."""
    made: list[CeleryDispatch] = []

    def build(server: RedisServer, wake_seconds: float = 30.0) -> CeleryDispatch:
        made.append(CeleryDispatch(queue_of(server), wake_seconds))
        return made[-1]

    yield build
    for dispatch in made:
        dispatch.stop()
    wait_until(lambda: not any(it.name == "queue-send" for it in threading.enumerate()), "the end of all sends")
    for dispatch in made:
        dispatch._tools.queue.close()


@pytest.fixture
def ask(redis, dispatching) -> Callable[..., Call]:
    """Ask for a picture; by default of model=auto, by a dispatch that all of a test share."""
    shared = dispatching(redis)

    def ask(
        dispatch: CeleryDispatch | None = None,
        sent: SentImage | None = None,
        client: str | None = "client",
        **changes: Any,
    ) -> Call:
        request = {"prompt": "a tree", "request_id": "of-a-client", "timeout_seconds": 20, **changes}
        return Call(dispatch or shared, GenerateRequest.model_validate(request), sent, client)

    ask.dispatch = shared  # type: ignore[attr-defined]
    return ask


@pytest.fixture
def celery(redis) -> CelerySide:
    return CelerySide(redis.client)
