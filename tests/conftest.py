"""The databases of jobs: a real PostgreSQL, one for each of pytest's processes, and files of SQLite.

And how Hypothesis works here.
"""

from collections.abc import Iterator
from pathlib import Path
from typing import Any

import hypothesis
import pytest

hypothesis.settings.register_profile("unhurried", deadline=None)  # a busy machine is no failure
hypothesis.settings.load_profile("unhurried")


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
