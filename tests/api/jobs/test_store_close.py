"""The end of a database's connections: nothing of them stays open, and what was accepted is committed."""

import threading
import time

import psutil
import psycopg
import pytest

from image_api.jobs.errors import DatabaseUnavailable
from tests.api.jobs.databases import close_databases
from tests.api.jobs.stored import Stored, make_tables, new_job
from tests.fakes.processes import wait_until

CONNECTIONS = "SELECT count(*) FROM pg_stat_activity WHERE datname = current_database() AND pid <> pg_backend_pid()"


@pytest.fixture
def stored(database_url) -> Stored:
    make_tables(database_url)
    close_databases()  # SQLite keeps files open for as long as another connection of the process has locks on them
    return Stored(database_url)


def open_to(stored: Stored) -> int:
    """Return how many files of SQLite this process has open, or how many connections PostgreSQL has from it."""
    if stored.url.startswith("sqlite:///"):
        file = stored.url.removeprefix("sqlite:///")
        return sum(it.path.startswith(file) for it in psutil.Process().open_files())
    with psycopg.connect(stored.url.replace("+psycopg", "")) as connection:
        return connection.execute(CONNECTIONS).fetchone()[0]


def test_nothing_stays_open(stored):
    job = stored.submit()
    assert stored.store.get(job.id) == job
    assert open_to(stored)
    stored.database.close(5)
    wait_until(lambda: not open_to(stored), "the end of its connections")


def test_what_comes_after_is_refused_at_once(stored):
    job = stored.submit()
    stored.database.close(5)
    begun = time.monotonic()
    for use in (lambda: stored.store.get(job.id), stored.submit):
        with pytest.raises(DatabaseUnavailable):
            use()
    assert time.monotonic() - begun < 5


def test_what_waits_is_committed_before(stored):
    held, begun = threading.Event(), threading.Event()

    def hold(_: object) -> None:
        begun.set()
        held.wait(20)

    threading.Thread(target=stored.database.write, args=(hold,), daemon=True).start()
    begun.wait(20)
    waiting = [threading.Thread(target=stored.store.submit, args=(new_job(),)) for _ in range(5)]
    for thread in waiting:
        thread.start()
    wait_until(lambda: stored.database._writes._writes.qsize() == 5, "their wait")
    stored.database.close(0)
    held.set()
    for thread in waiting:
        thread.join(20)
    wait_until(lambda: not stored.database._writes._thread.is_alive(), "the writer's end")
    assert len(Stored(stored.url).page()) == 5


def test_a_database_that_was_never_used_is_closed_at_once(stored):
    begun = time.monotonic()
    stored.database.close(5)
    stored.database.close(0)  # again, as a process may be stopped twice
    assert time.monotonic() - begun < 4
