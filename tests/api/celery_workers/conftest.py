"""An API tier with DISPATCH=celery before a real Redis, in which Celery workers have reported what a test wants."""

import time
from collections.abc import Callable, Iterator
from typing import Any

import pytest
from flask.testing import FlaskClient

from image_api import shared_check
from image_api.dispatch import coalesced_read
from image_api.services import services_of
from render_worker.contract import REPORT_TTL_SECONDS, WORKERS, CeleryWorkerReport, report_key
from tests.fakes.redis_server import RedisServer

TOKEN = "a-token"
OPERATOR = {"Authorization": f"Bearer {TOKEN}"}
QUEUE = {"running": 1, "waiting": 0, "max_concurrency": 8, "queue_size": 20}
HEALTH = "/api/v1/health"
BOUND_SECONDS = 20.0  # a busy machine is no failure: without a bound it would be the time limit of the test
READY = {"state": "ready", "median_seconds": 7.4, "p90_seconds": 12.0}


def model(name: str, engine: str, **changes: object) -> dict[str, Any]:
    """Return a model as a Celery worker tells it."""
    return {"name": name, "description": "d", "engine": engine, "answers_auto": True, "state": "ready", **changes}


def report_of(name: str, engine: str = "horde", **changes: object) -> dict[str, Any]:
    """Return a Celery worker's report; what begins with `health_` changes its health."""
    health = {
        "status": "ready",
        "ready": True,
        "uptime_seconds": 5,
        "queue": QUEUE,
        "engines": {engine: READY},
        "storage": "s3",
    }
    own = {key.removeprefix("health_"): changes.pop(key) for key in list(changes) if key.startswith("health_")}
    return {
        "name": name,
        "queues": ["auto", engine],
        "concurrency": 8,
        "running": 1,
        "health": {**health, **own},
        "models": {"models": [model(engine, engine)]},
        **changes,
    }


def asked(client: FlaskClient, headers: dict | None = None) -> dict:
    """Return the health of jobs, which a client gets within the bound."""
    begun = time.monotonic()
    found = client.get(HEALTH, headers=headers)
    assert time.monotonic() - begun < BOUND_SECONDS
    return found.json


class Reporting:
    """Celery workers, as Redis knows them."""

    def __init__(self, server: RedisServer) -> None:
        self.server = server
        self.redis = server.client

    def report(self, name: str, engine: str = "horde", **changes: object) -> None:
        """Have a Celery worker report, as it does every few seconds."""
        text = CeleryWorkerReport.model_validate(report_of(name, engine, **changes)).model_dump_json(exclude_none=True)
        self.say(name, text)

    def say(self, name: str, text: str | bytes) -> None:
        """Put a text of a test's choice in the place of a report."""
        self.redis.set(report_key(name), text, px=int(REPORT_TTL_SECONDS * 1000))
        self.redis.zadd(WORKERS, {name: time.time()})

    def fall_silent(self, name: str, seconds: float = REPORT_TTL_SECONDS) -> None:
        """Have so much time pass since a Celery worker's last report, which expires meanwhile."""
        self.redis.delete(report_key(name))
        self.redis.zadd(WORKERS, {name: time.time() - seconds})

    def leave(self, name: str) -> None:
        """Stop a Celery worker as an operator does."""
        self.redis.delete(report_key(name))
        self.redis.zrem(WORKERS, name)


@pytest.fixture(scope="package")
def server() -> Iterator[RedisServer]:
    with RedisServer() as running:
        yield running


@pytest.fixture
def reporting(server) -> Iterator[Reporting]:
    yield Reporting(server)
    server.client.flushall()


@pytest.fixture
def fresh(monkeypatch) -> None:
    """Have each request read the reports anew."""
    monkeypatch.setattr(coalesced_read, "READ_TTL_SECONDS", 0)
    monkeypatch.setattr(shared_check, "FRESH_SECONDS", 0)


@pytest.fixture
def queued(client_with, reporting, fresh) -> Iterator[Callable[..., FlaskClient]]:
    """Makes clients of an API tier whose pictures Celery workers make; without a render worker unless one is given."""
    made: list[FlaskClient] = []

    def make(**settings: object) -> FlaskClient:
        own = {"dispatch": "celery", "redis_url": reporting.server.url, "perchance_worker_url": None}
        made.append(client_with(**{**own, "worker_token": TOKEN, "worker_wake_seconds": 0, **settings}))
        return made[-1]

    yield make
    for client in made:
        services_of(client.application).stop()


@pytest.fixture
def client(queued) -> FlaskClient:
    return queued()
