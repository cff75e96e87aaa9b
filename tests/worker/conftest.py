"""A render worker in this process, with its loop running and its engines not started: no browser."""

from collections.abc import Callable, Iterator
from pathlib import Path

import pytest
from flask.testing import FlaskClient

from render_worker import KEY
from render_worker.delete import main
from render_worker.settings import Settings
from render_worker.storages.local.storage import LocalStorage
from render_worker.worker import create_app


@pytest.fixture
def client_with(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Callable[..., FlaskClient]]:
    """Return a function that makes a client of a worker with settings of the test's choice."""
    monkeypatch.setattr("render_worker.services.start_engines", _start_nothing)
    started = []

    def make(hosts: tuple[str, ...] = ("127.0.0.1",), **settings: object) -> FlaskClient:
        app = create_app(Settings(**{"local_storage_dir": tmp_path / "images", **settings}))
        started.append(app.extensions[KEY])
        started[-1].start(list(hosts))
        return app.test_client()

    yield make
    for services in started:
        services.stop()


async def _start_nothing(_: object) -> None:
    """Do nothing, in place of the browser's launch."""


@pytest.fixture
def client(client_with: Callable[..., FlaskClient]) -> FlaskClient:
    return client_with()


@pytest.fixture
def local(tmp_path: Path) -> LocalStorage:
    """Return the storage of that worker's folder."""
    return LocalStorage(Settings(local_storage_dir=tmp_path / "images", local_storage_mb=1))


@pytest.fixture
def command(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> Callable[..., tuple[int, list[str]]]:
    """Return a function that runs the delete command with settings, and returns its exit code and output lines."""

    def run(*words: str, **settings: object) -> tuple[int, list[str]]:
        for name, value in {"local_storage_dir": tmp_path / "images", **settings}.items():
            monkeypatch.setenv(name.upper(), str(value))
        code = main(list(words))
        return code, capsys.readouterr().out.splitlines()

    return run
