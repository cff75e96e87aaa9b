"""The jobs' routes in this process, before a real database of either kind and a scripted render worker.

That has its requests by HTTP, or by a queue in turn.
"""

import shutil
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest
from flask.testing import FlaskClient
from pydantic import SecretStr
from werkzeug.test import TestResponse

from image_api.database_url import engine_url
from image_api.jobs.migrations.migration import bring_up_to_date
from tests.api.conftest import ScriptedWorker
from tests.api.jobs.databases import close_databases
from tests.fakes.processes import wait_until
from tests.fakes.redis_server import RedisServer
from tests.fakes.scripted_celery_worker import ScriptedCeleryWorker

FINAL = {"completed", "failed", "canceled"}


@pytest.fixture(autouse=True)
def closed_databases() -> Iterator[None]:
    """Close the databases that a test has opened, after all that uses them."""
    yield
    close_databases()


@pytest.fixture(scope="session")
def migrated(tmp_path_factory) -> Path:
    """Return a SQLite file with the jobs' tables, to copy: a migration takes a process of its own."""
    file = tmp_path_factory.mktemp("migrated") / "jobs.db"
    bring_up_to_date(f"sqlite:///{file}")
    return file


@pytest.fixture
def client(client_with, migrated, tmp_path) -> FlaskClient:
    shutil.copy(migrated, tmp_path / "jobs.db")
    return client_with(max_retries=0)


@pytest.fixture(scope="session")
def queue() -> Iterator[RedisServer]:
    """Return a Redis for queues."""
    with RedisServer() as server:
        yield server


@pytest.fixture(params=["direct", "celery"])
def dispatch(request: pytest.FixtureRequest, worker: ScriptedWorker) -> Iterator[dict[str, Any]]:
    """Return the settings of each dispatch in turn, by which requests reach the scripted worker."""
    if request.param == "direct":
        yield {}
        return
    server = request.getfixturevalue("queue")
    server.client.flushall()
    with ScriptedCeleryWorker(server.url, worker.url):
        yield {"dispatch": "celery", "redis_url": server.url}


@pytest.fixture(scope="session")
def migrated_database(postgres) -> Iterator[str]:
    """Return the name of a database of PostgreSQL with the jobs' tables, to copy."""
    with postgres.database() as url:
        bring_up_to_date(engine_url(SecretStr(url)))
        yield url.rpartition("/")[2]


@pytest.fixture(params=["sqlite", "postgresql"])
def migrated_url(request, tmp_path, migrated) -> Iterator[str]:
    """Return the DATABASE_URL of a database with the jobs' tables, of each kind in turn."""
    if request.param == "sqlite":
        yield f"sqlite:///{shutil.copy(migrated, tmp_path / 'jobs.db')}"
    else:
        template = request.getfixturevalue("migrated_database")
        with request.getfixturevalue("postgres").database(template) as url:
            yield url


@pytest.fixture
def both(dispatch, client_with, migrated_url) -> FlaskClient:
    """Return a client whose service keeps its jobs in SQLite and in PostgreSQL, and has each dispatch, in turn."""
    client = client_with(database_url=migrated_url, max_retries=0, **dispatch)
    wait_until(lambda: client.get("/api/v1/jobs").status_code == 200, "the database is ready", 30)
    return client


@pytest.fixture
def submit(client) -> Callable[..., TestResponse]:
    """Submits a job with a prompt and other fields; names with capitals are headers."""

    def send(**fields: object) -> TestResponse:
        headers = {name.replace("_", "-"): fields.pop(name) for name in list(fields) if name[0].isupper()}
        return client.post("/api/v1/generate", json={"prompt": "a tree", **fields}, headers=headers)

    return send


def ended(client: FlaskClient, job_id: str) -> dict:
    """Return a job once it is final."""
    found: dict = {}

    def is_final() -> bool:
        found.update(client.get(f"/api/v1/status/{job_id}").json)
        return found["status"] in FINAL

    wait_until(is_final, "the job ends", 20)
    return client.get(f"/api/v1/status/{job_id}").json
