"""What makes the pictures of an API tier: a render worker by HTTP, or a Celery worker by a queue."""

from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from typing import Any

from tests.api.conftest import ScriptedWorker
from tests.fakes.celery_worker import NO_SERVICE, CeleryWorker
from tests.fakes.processes import Server, worker
from tests.fakes.redis_server import RedisServer
from tests.fakes.scripted_celery_worker import ScriptedCeleryWorker

DISPATCHES = ("direct", "celery")
PASSWORD = "p@ss/w:rd %"  # each of its marks has a meaning in a URL


@dataclass
class Queue:
    """A queue, and what takes its messages."""

    redis: RedisServer
    worker: CeleryWorker


@dataclass
class Rendering:
    """What makes pictures, and the API tier's settings for it."""

    worker: Server
    """A render worker, which for a queue only serves the pictures."""
    queue: Queue | None
    of_api: dict[str, Any]


@contextmanager
def rendering(dispatch: str, before_start: Callable[[], object] | None = None, **settings: Any) -> Iterator[Rendering]:
    """Run what makes pictures for a dispatch, with a render worker's settings."""
    if dispatch == "direct":
        with worker(before_start=before_start, **settings) as renderer:
            yield Rendering(renderer, None, {"PERCHANCE_WORKER_URL": renderer.url})
        return
    with (
        RedisServer(PASSWORD) as redis,
        worker(**{**settings, **NO_SERVICE}) as renderer,
        CeleryWorker(redis.url, **settings) as celery_worker,
    ):
        of_api = {"DISPATCH": "celery", "REDIS_URL": redis.url, "PERCHANCE_WORKER_URL": renderer.url}
        yield Rendering(renderer, Queue(redis, celery_worker), of_api)


@contextmanager
def scripted_rendering(dispatch: str, scripted: ScriptedWorker) -> Iterator[dict[str, Any]]:
    """Have a dispatch's requests reach a scripted worker; the API tier's settings for it are the context's."""
    of_pictures = {"PERCHANCE_WORKER_URL": scripted.url}
    if dispatch == "direct":
        yield of_pictures
        return
    with RedisServer() as redis, ScriptedCeleryWorker(redis.url, scripted.url):
        yield {**of_pictures, "DISPATCH": "celery", "REDIS_URL": redis.url}
