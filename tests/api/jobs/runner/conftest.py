"""Runners that are more impatient than a real one, before a scripted render worker."""

import threading
from collections.abc import Iterator

import pytest

from image_api.jobs.runner import runner
from tests.api.conftest import RESULT, ScriptedWorker
from tests.api.jobs.runners import Running, running


@pytest.fixture(autouse=True)
def impatient(monkeypatch: pytest.MonkeyPatch) -> None:
    """Let a runner look, and renew, sooner than a real one."""
    monkeypatch.setattr(runner, "POLL_SECONDS", 0.05)
    monkeypatch.setattr(runner, "RENEW_SECONDS", 0.1)


@pytest.fixture
def here(database_url: str, worker: ScriptedWorker) -> Iterator[Running]:
    with running(database_url, worker) as process:
        yield process


@pytest.fixture
def one(tmp_path, worker: ScriptedWorker) -> Iterator[Running]:
    """Return a process that makes one picture at a time, with SQLite."""
    with running(f"sqlite:///{tmp_path}/jobs.db", worker, job_concurrency=1) as process:
        yield process


@pytest.fixture
def held(worker: ScriptedWorker) -> Iterator[threading.Event]:
    """Have the render worker hold each picture until the event is set."""
    event = threading.Event()
    worker.say(200, RESULT, before=lambda: event.wait(20))
    worker.say_to("/requests/", 204, b"")
    yield event
    event.set()
