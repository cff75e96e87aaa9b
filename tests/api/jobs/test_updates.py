"""Watches of jobs: what a poller shared by all of them tells, over both databases."""

import threading
import time
from collections.abc import Iterator
from dataclasses import replace

import pytest
from pydantic import SecretStr
from sqlalchemy import delete, text, update

from image_api.database_url import engine_url
from image_api.errors import Stopping
from image_api.jobs.database.database import Database
from image_api.jobs.database.tables import jobs, metadata
from image_api.jobs.errors import DatabaseUnavailable, JobNotFound
from image_api.jobs.ids import JobIds
from image_api.jobs.job import Job, NewJob
from image_api.jobs.store.endings import end_job
from image_api.jobs.store.queue_numbers import change_queue
from image_api.jobs.store.store import JobStore
from image_api.jobs.updates import updates
from image_api.jobs.updates.updates import POLL_SECONDS, JobUpdates
from tests.fakes.postgres_server import PostgresServer
from tests.fakes.processes import wait_until

SOON = 5 * POLL_SECONDS


class Counted(Database):
    """A database that counts its reads."""

    reads = 0

    def read(self, query):
        self.reads += 1
        return super().read(query)


class Rows:
    """A database of jobs, changed as another process changes it."""

    def __init__(self, url: str) -> None:
        self.database = Counted(engine_url(SecretStr(url)))
        self.database.write(lambda transaction: metadata.create_all(transaction.connection))
        self.store = JobStore(self.database, 20_000)
        self.updates = JobUpdates(self.database)

    def submit(self, owner: str = "a") -> Job:
        return self.store.submit(NewJob(owner=owner, request={"prompt": "a boat"}, base_url="http://x"))[0]

    def change(self, job: Job, **values: object) -> None:
        def operation(transaction) -> None:
            transaction.connection.execute(update(jobs).where(jobs.c.id == job.id).values(**values))

        self.database.write(operation)

    def begin(self, job: Job) -> None:
        def operation(transaction) -> None:
            change_queue(transaction, job.owner, pending=-1)
            values = {"status": "processing", "attempts": 1, "started_at": transaction.now}
            transaction.connection.execute(update(jobs).where(jobs.c.id == job.id).values(**values))

        self.database.write(operation)

    def end(self, job: Job, status: str) -> None:
        self.database.write(lambda transaction: end_job(transaction, job, status=status))


@pytest.fixture
def rows(database_url) -> Iterator[Rows]:
    made = Rows(database_url)
    yield made
    made.updates.close()
    made.database.close(5)


def test_the_first_is_the_present_state_at_once(rows):
    rows.submit("b")
    job = rows.submit()
    watch = rows.updates.watch(job.id)
    first = watch.next(0)
    assert (first.job, first.position) == (job, 2)
    assert watch.next(0.01) is None
    watch.close()


def test_each_change_by_another_process_is_told(rows):
    job = rows.submit()
    watch = rows.updates.watch(job.id)
    watch.next(0)
    rows.begin(job)
    begun = watch.next(SOON)
    assert (begun.job.status, begun.job.attempts, begun.position) == ("processing", 1, None)
    rows.change(job, progress={"phase": "generating", "message": "Making."})
    assert watch.next(SOON).job.progress["message"] == "Making."
    rows.end(begun.job, "completed")
    assert watch.next(SOON).job.status == "completed"
    watch.close()


def test_a_place_in_the_queue_that_changes_is_told(rows):
    first, second = rows.submit(), rows.submit()
    watch = rows.updates.watch(second.id)
    assert watch.next(0).position == 2
    rows.begin(first)
    assert watch.next(SOON).position == 1
    watch.close()


def test_what_this_process_knows_is_told_without_a_look_at_all(rows, monkeypatch):
    monkeypatch.setattr(updates, "POLL_SECONDS", 3600.0)
    job = rows.submit()
    rows.begin(job)
    watch = rows.updates.watch(job.id)
    watch.next(0)
    rows.updates.with_progress = lambda it: replace(it, progress={"phase": "generating", "message": "Here."})
    rows.updates.changed(job.id)
    assert watch.next(SOON).job.progress["message"] == "Here."
    watch.close()


def test_a_row_s_older_progress_does_not_come_after_what_an_attempt_here_has_said(rows):
    job = rows.submit()
    rows.begin(job)
    rows.updates.with_progress = lambda it: replace(it, progress={"percent": 90})
    watch = rows.updates.watch(job.id)
    assert watch.next(0).job.progress == {"percent": 90}
    rows.updates.with_progress = lambda it: it  # its attempt has ended, which is not committed yet
    rows.change(job, progress={"percent": 50})
    assert watch.next(2 * POLL_SECONDS) is None
    rows.change(job, attempts=2, progress={"percent": 5})
    assert watch.next(SOON).job.progress == {"percent": 5}
    watch.close()


def test_two_watches_of_a_job_are_told_the_same_and_one_that_comes_late_the_present_state(rows):
    job = rows.submit()
    watches = [rows.updates.watch(job.id), rows.updates.watch(job.id)]
    assert [watch.next(0).job.status for watch in watches] == ["pending"] * 2
    rows.begin(job)
    assert [watch.next(SOON).job.status for watch in watches] == ["processing"] * 2
    late = rows.updates.watch(job.id)
    assert late.next(0).job.status == "processing"
    for watch in (*watches, late):
        watch.close()


def test_one_of_two_that_leaves_does_not_end_the_other(rows):
    job = rows.submit()
    one, other = rows.updates.watch(job.id), rows.updates.watch(job.id)
    other.next(0)
    one.close()
    one.close()
    rows.begin(job)
    assert other.next(SOON).job.status == "processing"
    other.close()


@pytest.mark.parametrize("known", [True, False])
def test_one_that_does_not_exist_is_not_found(rows, known):
    other = rows.submit()
    watch = rows.updates.watch(other.id) if known else None
    with pytest.raises(JobNotFound):
        rows.updates.watch(JobIds().new(1.0))
    if watch:
        watch.close()


def test_one_that_is_deleted_while_it_is_watched_ends_its_watches(rows):
    job = rows.submit()
    watch = rows.updates.watch(job.id)
    watch.next(0)
    rows.database.write(lambda it: it.connection.execute(delete(jobs).where(jobs.c.id == job.id)))
    watch.next(SOON)
    assert watch.is_over
    watch.close()


def test_a_thousand_watches_read_as_often_as_one(rows):
    ids = [rows.submit(f"owner {number % 10}").id for number in range(30)]
    watches = [rows.updates.watch(job_id) for job_id in ids]
    watches += [rows.updates.watch(ids[0]) for _ in range(970)]
    assert all(watch.next(0) for watch in watches)
    time.sleep(POLL_SECONDS)
    before = rows.database.reads
    time.sleep(3 * POLL_SECONDS)
    assert rows.database.reads - before <= 5
    rows.begin(rows.store.get(ids[0]))
    told = [watch.next(SOON) for watch in watches if watch.job_id == ids[0]]
    assert [it.job.attempts for it in told] == [1] * 971
    for watch in watches:
        watch.close()


def test_without_watches_nothing_is_read(rows):
    rows.updates.watch(rows.submit().id).close()
    wait_until(lambda: not any(it.name == "job-updates" for it in threading.enumerate()), "the poller's end", 10)
    before = rows.database.reads
    time.sleep(1.5 * POLL_SECONDS)
    assert rows.database.reads == before
    watch = rows.updates.watch(rows.submit().id)  # and begins again
    assert watch.next(0)
    watch.close()


def test_many_at_once_are_all_told_their_state(rows):
    ids = [rows.submit(f"owner {number % 7}").id for number in range(150)]
    found: list[int | None] = []
    lock = threading.Lock()

    def watch(job_id) -> None:
        opened = rows.updates.watch(job_id)
        position = opened.next(0).position
        opened.close()
        with lock:
            found.append(position)

    threads = [threading.Thread(target=watch, args=(job_id,)) for job_id in ids]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join(30)
    assert len(found) == 150
    assert None not in found


def test_a_stop_ends_every_watch_and_begins_none(rows):
    job = rows.submit()
    watch = rows.updates.watch(job.id)
    watch.next(0)
    threading.Timer(0.1, rows.updates.close).start()
    begun = time.monotonic()
    assert watch.next(30) is None
    assert time.monotonic() - begun < 20
    assert watch.is_over
    with pytest.raises(Stopping):
        rows.updates.watch(job.id)
    watch.close()


def test_a_wake_ends_a_wait(rows):
    watch = rows.updates.watch(rows.submit().id)
    watch.next(0)
    threading.Timer(0.1, watch.wake).start()
    begun = time.monotonic()
    assert watch.next(30) is None
    assert time.monotonic() - begun < 20
    assert not watch.is_over
    watch.close()


def test_a_database_that_goes_away_ends_no_watch_and_refuses_a_new_one():
    with PostgresServer() as server:
        rows = Rows(server.url)
        job, other = rows.submit(), rows.submit()
        watch = rows.updates.watch(job.id)
        watch.next(0)
        server.kill()
        assert watch.next(2 * POLL_SECONDS) is None
        assert not watch.is_over
        with pytest.raises(DatabaseUnavailable):
            rows.updates.watch(other.id)
        server.start()
        wait_until(lambda: _writes(rows), "the database", 20)
        rows.begin(job)
        assert watch.next(SOON).job.status == "processing"
        watch.close()


def _writes(rows: Rows) -> bool:
    try:
        rows.database.write(lambda it: it.connection.execute(text("SELECT 1")).scalar())
    except DatabaseUnavailable:
        return False
    return True


def test_a_fault_of_one_look_ends_no_watch(rows, monkeypatch):
    job = rows.submit()
    watch = rows.updates.watch(job.id)
    watch.next(0)
    faults: list[int] = []

    def fail(_: Job) -> Job:
        faults.append(1)
        raise RuntimeError("a fault")

    rows.updates.with_progress = fail
    rows.begin(job)
    wait_until(lambda: faults, "the fault", SOON)
    rows.updates.with_progress = lambda it: it
    assert watch.next(SOON).job.status == "processing"
    watch.close()
