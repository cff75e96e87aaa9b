"""The jobs' routes in this process, before a real database of either kind and a scripted render worker."""

import shutil
from collections.abc import Callable
from pathlib import Path

import pytest
from flask.testing import FlaskClient
from pydantic import SecretStr
from werkzeug.test import TestResponse

from image_api.database_url import engine_url
from image_api.jobs.migrations.migration import bring_up_to_date
from tests.fakes.processes import wait_until

FINAL = {"completed", "failed", "canceled"}


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


@pytest.fixture
def both(client_with, database_url) -> FlaskClient:
    """Return a client whose service keeps its jobs in SQLite, and in PostgreSQL in turn."""
    bring_up_to_date(engine_url(SecretStr(database_url)))
    client = client_with(database_url=database_url, max_retries=0)
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
