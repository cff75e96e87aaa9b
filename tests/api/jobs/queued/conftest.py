"""A process of this service with the runner by the queue, before a Celery worker's side that does what a test says."""

from collections.abc import Callable, Iterator

import pytest

from image_api.dispatch.queued.queue import CeleryQueue
from image_api.jobs.job import Job
from image_api.jobs.queued.queued_runner import QueuedRunner
from image_api.services import Services
from image_api.settings import Settings
from tests.api.jobs.processes import Process
from tests.api.queued.celery_side import CelerySide
from tests.fakes.processes import wait_until
from tests.fakes.redis_server import RedisServer

GRACE_SECONDS = 0.3


class QueuedProcess(Process):
    """A process with a runner by the queue of a Redis."""

    def __init__(self, url: str, redis: RedisServer, **settings: object) -> None:
        super().__init__(url)
        given = {"dispatch": "celery", "redis_url": redis.url, "retry_backoff_base": 1, "max_retries": 1, **settings}
        self.settings = Settings(**given)
        self.services = Services.build(self.settings)
        self.queue = CeleryQueue.build(self.settings)
        self.changes: list[object] = []
        self.ends: list[str] = []
        self.runner = QueuedRunner(
            self.database,
            self.queue,
            self.services.generation,
            self.services.image_memory,
            self.settings,
            changed=self.changes.append,
            on_final=lambda _: self.ends.append("final"),
        )

    def submit(self, owner: str = "one", image: bytes | None = None, **request: object) -> Job:
        job = super().submit(owner, image, **request)
        self.runner.wake()
        return job

    def job(self, job: Job) -> Job:
        """Return a job, with the newest progress."""
        return self.runner.with_progress(self.store.get(job.id))

    def when(self, job: Job, condition: Callable[[Job], object]) -> Job:
        """Return a job when it meets a condition."""
        found: list[Job] = []

        def is_met() -> object:
            found[:] = [self.job(job)]
            return condition(found[0])

        wait_until(is_met, f"the job's state, which is {found}")
        return found[0]

    def final(self, job: Job) -> Job:
        """Return a job when it is final."""
        return self.when(job, lambda it: it.is_final)

    def try_again_now(self, job: Job) -> None:
        """Have a job whose attempt fails be due at once, in place of the half a minute that its error may ask for."""
        self.when(job, lambda it: it.error)
        self.set(job, not_before=0.0)
        self.runner.wake()

    def end(self) -> None:
        """End it as the process would."""
        self.runner.drain()
        self.runner.wait()
        self.runner.leave()
        self.services.generation.stop()
        self.queue.stop()
        self.queue.close()
        self.services.close()


@pytest.fixture(autouse=True)
def quick_sweeps(monkeypatch: pytest.MonkeyPatch) -> None:
    """Have sweeps find lost Celery workers after parts of a second."""
    monkeypatch.setattr("image_api.dispatch.queued.losses.LEASE_SECONDS", GRACE_SECONDS)
    monkeypatch.setattr("image_api.jobs.queued.sweeper.SWEEP_SECONDS", 0.1)


@pytest.fixture
def quick_resends(monkeypatch: pytest.MonkeyPatch) -> None:
    """Have messages count as lost after parts of a second: on a slow machine also some that are not, and come twice."""
    for name in ("losses.RESEND_SECONDS", "sweep.RESEND_SECONDS"):
        monkeypatch.setattr(f"image_api.dispatch.queued.{name}", GRACE_SECONDS)


@pytest.fixture(scope="session")
def shared_redis() -> Iterator[RedisServer]:
    with RedisServer() as server:
        yield server


@pytest.fixture
def redis(shared_redis: RedisServer) -> RedisServer:
    """Return a Redis that has nothing."""
    shared_redis.client.flushall()
    return shared_redis


@pytest.fixture
def celery(redis: RedisServer) -> CelerySide:
    return CelerySide(redis.client)


@pytest.fixture
def processes() -> Iterator[Callable[..., QueuedProcess]]:
    """Start processes, which are ended after the test."""
    started: list[QueuedProcess] = []

    def start(url: str, redis: RedisServer, **settings: object) -> QueuedProcess:
        started.append(QueuedProcess(url, redis, **settings))
        started[-1].runner.start()
        return started[-1]

    yield start
    for process in started:
        process.end()


@pytest.fixture
def here(processes, redis, database_url) -> QueuedProcess:
    """Return a process, over both databases in turn."""
    return processes(database_url, redis)


@pytest.fixture
def one(processes, redis, tmp_path) -> QueuedProcess:
    """Return a process with SQLite."""
    return processes(f"sqlite:///{tmp_path}/jobs.db", redis)
