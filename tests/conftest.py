"""The databases of jobs: a real PostgreSQL, one for each of pytest's processes, and files of SQLite.

How Hypothesis works here, and a guard: no module of tests may leave many files open.
"""

import gc
import sys
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import hypothesis
import pytest

# A busy machine is no failure, and the same commit has the same outcome: what explores is `make fuzz`.
hypothesis.settings.register_profile(
    "unhurried", deadline=None, derandomize=True, suppress_health_check=[hypothesis.HealthCheck.too_slow]
)
hypothesis.settings.load_profile("unhurried")

FILES_LEFT = 200  # by a module: a stand-in keeps a hundred connections of clients that gave up; a leak was thousands
CLOSE_SECONDS = 10.0  # for what closes in the background, such as a blocking read of Redis


@pytest.fixture(scope="module", autouse=True)
def closed_files() -> Iterator[None]:
    """Fail the last test of a module that leaves files open: a process of the tests has a limit of them, and select."""
    before = _open_files()
    yield
    if _open_files() - before <= FILES_LEFT:
        return
    from tests.fakes.processes import wait_until  # nor have those packages all that this needs

    if pools := sys.modules.get("kombu.pools"):
        pools.reset()  # which keeps connections to each broker that there was
    gc.collect()
    wait_until(
        lambda: _open_files() - before <= FILES_LEFT,
        f"the end of all files but {FILES_LEFT} that this module has opened",
        CLOSE_SECONDS,
    )


def _open_files() -> int:
    return sum(1 for _ in Path("/dev/fd").iterdir())


@pytest.fixture(scope="session")
def postgres() -> Iterator[Any]:
    """Return a PostgreSQL that runs all the time; a test that stops or kills one starts its own."""
    from tests.fakes.postgres_server import PostgresServer  # the packages of the engine `diffusers` have no psycopg

    with PostgresServer() as server:
        yield server


@pytest.fixture(params=["sqlite", "postgresql"])
def database_url(request: pytest.FixtureRequest, tmp_path: Path) -> Iterator[str]:
    """Return the DATABASE_URL of an empty database, of each kind in turn."""
    if request.param == "sqlite":
        yield f"sqlite:///{tmp_path}/jobs.db"
    else:
        with request.getfixturevalue("postgres").database() as url:
            yield url
