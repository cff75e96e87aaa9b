"""Both tiers before a queue, with a real Celery worker and no browser, shared by the tests of a session."""

from collections.abc import Iterator

import pytest
import redis
import requests

from tests.end_to_end.conftest import Stack, worker_settings
from tests.end_to_end.job_tiers import api_of
from tests.end_to_end.rendering import rendering
from tests.fakes.processes import Server, sandbox, wait_until


@pytest.fixture(scope="session")
def tiers(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Stack]:
    """Run the sandbox, the queue and a process of the API tier, all of which log what they can."""
    folder = tmp_path_factory.mktemp("images")
    with sandbox() as site:
        engines = {"ENGINES": "horde,automatic1111", **site.pointers("automatic1111")}
        own = {**engines, "AUTOMATIC1111_POLL_SECONDS": 0.2, "QUEUE_SIZE": 20, "LOG_LEVEL": "DEBUG"}
        with rendering("celery", **worker_settings(site, folder, **own)) as made_by:
            stack = Stack(site, made_by.worker, None, made_by)
            stack.api = api_of(stack, f"sqlite:///{folder}/jobs.db", LOG_LEVEL="DEBUG")
            with stack.api:
                wait_until(lambda: stack.get("/ready").ok, "the Celery worker's readiness")
                yield stack


@pytest.fixture(scope="session")
def second(tiers: Stack) -> Iterator[Server]:
    """Run a second process of the API tier before the same queue and database."""
    with api_of(tiers, database_of(tiers)) as server:
        yield server


@pytest.fixture
def stack(tiers: Stack) -> Iterator[Stack]:
    """Return the tiers, before a sandbox that plays nothing yet."""
    _reset(tiers)
    tiers.play(painted="beforehand")
    yield tiers
    _reset(tiers)


def _reset(stack: Stack) -> None:
    requests.post(f"{stack.sandbox.url}/sandbox/reset", timeout=5).raise_for_status()


def database_of(stack: Stack) -> str:
    """Return the DATABASE_URL of the first process."""
    return str(stack.api._environment["DATABASE_URL"])


def redis_of(stack: Stack) -> redis.Redis:
    """Return a client of the queue's Redis."""
    return stack.rendering.queue.redis.client


def waiting(stack: Stack) -> int:
    """Return how many messages wait, urgent ones and others."""
    client = redis_of(stack)
    return sum(client.llen(key) for key in client.scan_iter("*") if client.type(key) == b"list")


def made(stack: Stack, engine: str = "horde") -> int:
    """Return how many pictures an engine was asked for."""
    return len(stack.requests_to(engine))
