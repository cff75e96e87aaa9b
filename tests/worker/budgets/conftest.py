"""Ledgers in a file and in a real Redis."""

from collections.abc import Callable, Iterator
from pathlib import Path

import pytest

from render_worker.budgets.file_ledger import FileLedger
from render_worker.budgets.ledger import Ledger
from render_worker.budgets.redis_ledger import RedisLedger
from tests.fakes.redis_server import RedisServer

Open = Callable[[], Ledger]


@pytest.fixture(scope="module")
def redis() -> Iterator[RedisServer]:
    with RedisServer() as server:
        yield server


@pytest.fixture(params=["file", "redis"])
def opened(request: pytest.FixtureRequest, tmp_path: Path) -> Open:
    """Return a function that opens the ledger, as another worker or after a restart does."""
    if request.param == "file":
        return lambda: FileLedger(tmp_path / "budgets.sqlite3")
    server = request.getfixturevalue("redis")
    server.client.flushall()
    return lambda: RedisLedger(server.url)
