"""A real Redis, an image service with a ledger, and Celery workers that ask it."""

import json
import time
import uuid
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest
from celery import Celery
from pydantic import TypeAdapter

from image_api.dispatch.queued.request_states import RequestStates
from render_worker.contract import (
    NEWS,
    NEWS_FIELD,
    TASK,
    Ending,
    ErrorLine,
    GenerateRequest,
    QueuedRequest,
    ResultLine,
    queue_key,
)
from tests.fakes.celery_worker import CeleryWorker
from tests.fakes.image_service import ImageService
from tests.fakes.processes import wait_until
from tests.fakes.redis_server import RedisServer

QUEUE = "openai"
SECRET = "xylophone"
"""A word of prompts that no log has."""


class Queue:
    """The API tier's side of the queue: it announces requests, sends their messages and reads what comes of them."""

    def __init__(self, server: RedisServer) -> None:
        self.server = server
        self.redis = server.client
        self.states = RequestStates(server.client)
        self.app = Celery(broker=server.url, set_as_current=False)

    def send(
        self,
        request_id: str = "",
        *,
        attempt: int = 1,
        seconds: float | None = 60.0,
        queue: str = QUEUE,
        **fields: object,
    ) -> str:
        """Announce a request, send its message, and return its id."""
        request_id = request_id or uuid.uuid4().hex
        self.states.announce(request_id, attempt)
        self.send_text(self.message(request_id, attempt, seconds, **fields), queue=queue)
        return request_id

    def message(self, request_id: str, attempt: int = 1, seconds: float | None = 60.0, **fields: object) -> str:
        """Return the message of a request."""
        expires_at = None if seconds is None else time.time() + seconds
        request = GenerateRequest(**{"prompt": "a boat", "model": QUEUE, "request_id": request_id, **fields})
        return QueuedRequest(request=request, attempt=attempt, expires_at=expires_at).model_dump_json(exclude_none=True)

    def send_to(self, queue: str, **fields: object) -> str:
        """Send a message of a new request to a queue, for the model of that name, and return the request's id."""
        request_id = uuid.uuid4().hex
        self.send_text(self.message(request_id, model=queue, **fields), queue=queue)
        return request_id

    def send_text(self, *texts: object, task: str = TASK, queue: str = QUEUE, **options: object) -> None:
        """Send a message as it is."""
        self.app.send_task(task, texts, queue=queue, ignore_result=True, **options)

    def ended(self, request_id: str) -> ResultLine | ErrorLine:
        """Wait for the end of a request, and return it."""
        key = queue_key(request_id, "final")
        wait_until(lambda: self.redis.hget(key, "line"), f"the end of {request_id}", seconds=30)
        return TypeAdapter(Ending).validate_json(self.redis.hget(key, "line"))

    def status(self, request_id: str) -> str:
        """Return the status of a request."""
        return self.states.states([request_id])[0].status

    def begun(self, request_id: str) -> None:
        """Wait until a request is made."""
        wait_until(lambda: self.status(request_id) == "running", f"the beginning of {request_id}", seconds=30)

    def news(self, request_id: str) -> list[tuple[str, int]]:
        """Return the events of a request, each with its attempt."""
        news = [json.loads(fields[NEWS_FIELD.encode()]) for _, fields in self.redis.xrange(NEWS)]
        return [(it["event"], it["attempt"]) for it in news if it["id"] == request_id]

    def waiting(self, queue: str = QUEUE) -> int:
        """Return how many messages are in a queue."""
        return self.redis.llen(queue)

    def unacknowledged(self) -> int:
        """Return how many messages Celery workers have."""
        return self.redis.hlen("unacked")

    def forget_unacknowledged(self) -> None:
        """Forget messages whose connection was lost; they would come again after VISIBILITY_SECONDS."""
        self.redis.delete("unacked", "unacked_index")

    def all_done_with(self) -> None:
        """Wait until no message is in the queue or with a Celery worker."""
        wait_until(lambda: not self.waiting() and not self.unacknowledged(), "the end of all messages", seconds=20)


@pytest.fixture(scope="session")
def service(tmp_path_factory: pytest.TempPathFactory) -> Iterator[ImageService]:
    """Return an image service whose pictures take 0.1 s, unless the prompt says otherwise."""
    with ImageService(tmp_path_factory.mktemp("service"), (0.1, 0.1)) as service:
        yield service


@pytest.fixture(scope="session")
def redis_server() -> Iterator[RedisServer]:
    with RedisServer() as server:
        yield server


@pytest.fixture
def queue(redis_server: RedisServer) -> Queue:
    redis_server.client.flushall()
    return Queue(redis_server)


@pytest.fixture(scope="session")
def shared_redis() -> Iterator[RedisServer]:
    """Return the Redis of the Celery worker that tests share; it is not flushed for each."""
    with RedisServer() as server:
        yield server


@pytest.fixture(scope="session")
def worker(
    shared_redis: RedisServer, service: ImageService, tmp_path_factory: pytest.TempPathFactory
) -> Iterator[CeleryWorker]:
    """Return a Celery worker that tests share and do not end, with events and all that it logs."""
    own = {"LOCAL_STORAGE_DIR": tmp_path_factory.mktemp("images"), "LOG_LEVEL": "DEBUG", "OPENAI_CONCURRENCY": 8}
    with CeleryWorker(shared_redis.url, "-E", **{**service.environment("w"), **own}) as worker:
        yield worker


@pytest.fixture
def shared_queue(shared_redis: RedisServer, worker: CeleryWorker) -> Queue:
    """Return the queue of that Celery worker without messages; what Celery has in Redis stays."""
    queue = Queue(shared_redis)
    queue.all_done_with()
    return queue


Start = Callable[..., CeleryWorker]


@pytest.fixture
def start(shared_redis: RedisServer, service: ImageService, tmp_path: Path) -> Iterator[Start]:
    """Return a function that starts a Celery worker of a queue of its own, and waits until it takes messages."""
    started: list[CeleryWorker] = []

    def make(queue: str, **settings: object) -> CeleryWorker:
        own = {**service.environment(queue), "LOCAL_STORAGE_DIR": tmp_path / "images", "OPENAI_CONCURRENCY": 8}
        worker = CeleryWorker(shared_redis.url, "-Q", queue, name=queue, **own, **settings)
        started.append(worker)
        worker.start()
        worker.wait_ready()
        return worker

    yield make
    for worker in started:
        worker.kill()
        worker.remove_log()


def events(service: ImageService, prompt: str) -> list[str]:
    """Return what the image service has written down of a prompt."""
    return [entry.event for entry in service.entries() if entry.prompt == prompt]


def prompt(seconds: int | None = None) -> str:
    """Return a prompt that no other test has, with the word that no log has; it may say how long its picture takes."""
    return f"a {SECRET} {uuid.uuid4().hex}" + (f" takes {seconds}" if seconds else "")


def refused(queue: Queue, text: str) -> None:
    """Send a message that is refused, and wait until it is done with."""
    queue.send_text(text)
    queue.all_done_with()


def asked(service: ImageService, text: str) -> None:
    """Wait until the image service is asked for a prompt."""
    wait_until(lambda: events(service, text), "a request of the service", seconds=30)
