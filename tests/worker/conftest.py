"""A render worker in this process, with its loop running and its engines not started: no browser."""

from collections.abc import Callable, Iterator
from pathlib import Path

import pytest
from flask.testing import FlaskClient

from render_worker.settings import Settings
from render_worker.worker import create_app


@pytest.fixture
def client_with(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Callable[..., FlaskClient]]:
    """Makes clients of workers with settings of the test's choice."""
    monkeypatch.setattr("render_worker.generation.pipeline.Pipeline.start", _start_nothing)
    workers = []

    def make(hosts: tuple[str, ...] = ("127.0.0.1",), **settings: object) -> FlaskClient:
        app = create_app(Settings(**{"local_storage_dir": tmp_path / "images", **settings}))
        workers.append(app.extensions["worker"])
        workers[-1].start(list(hosts))
        return app.test_client()

    yield make
    for worker in workers:
        worker.stop()


async def _start_nothing(_: object) -> None:
    """In place of the browser's launch."""


@pytest.fixture
def client(client_with: Callable[..., FlaskClient]) -> FlaskClient:
    return client_with()
