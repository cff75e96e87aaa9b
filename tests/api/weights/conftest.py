"""Real render workers that keep models."""

from collections.abc import Callable, Iterator

import pytest

from tests.fakes.keeping_engine import put_in_place
from tests.fakes.served_worker import ServedWorker


@pytest.fixture
def served(tmp_path, monkeypatch) -> Iterator[Callable[..., ServedWorker]]:
    """Starts real render workers, with engines of the test's choice; that of models is a KeepingEngine."""
    put_in_place(monkeypatch)
    started: list[ServedWorker] = []

    def start(*engines: str, **settings: object) -> ServedWorker:
        started.append(ServedWorker(tmp_path / f"images-{len(started)}", *(engines or ("diffusers",)), **settings))
        return started[-1]

    yield start
    for worker in started:
        worker.close()
