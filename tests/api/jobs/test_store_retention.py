"""Retention: jobs that ended long enough ago are deleted with all that is theirs, in small batches."""

import time
from uuid import uuid4

import pytest
from sqlalchemy import Connection, insert, select, update

from image_api.jobs.database.tables import deliveries, job_images, jobs
from image_api.jobs.errors import JobNotFound
from image_api.jobs.ids import JobIds
from image_api.jobs.job import Job
from image_api.jobs.store import retention
from image_api.jobs.store.retention import DAY_SECONDS, Retention
from tests.api.jobs.stored import Stored, at_once, make_tables
from tests.fakes.processes import wait_until


@pytest.fixture
def stored(database_url) -> Stored:
    make_tables(database_url)
    return Stored(database_url, max_pending=10_000)


@pytest.fixture(autouse=True)
def small(monkeypatch) -> None:
    monkeypatch.setattr(retention, "PAUSE_SECONDS", 0.01)


def aged(stored: Stored, created: float, ended: float | None, status: str = "completed", **values) -> Job:
    """Return a job that was created, and ended, so many days ago."""
    job = stored.submit(**values)
    old = JobIds().new(time.time() - created * DAY_SECONDS)
    if ended is not None:
        stored.end(job, status)
        values = {"completed_at": time.time() - ended * DAY_SECONDS}
    stored.database.write(
        lambda it: it.connection.execute(
            update(jobs).where(jobs.c.id == job.id).values(id=old, **(values if ended is not None else {}))
        )
    )
    return stored.store.get(old)


def with_delivery(stored: Stored, job: Job, status: str) -> None:
    row = {"id": uuid4(), "job_id": job.id, "type": "job.completed", "host": "there", "status": status, "attempts": []}
    row.update(created_at=0, not_before=0)
    stored.database.write(lambda it: it.connection.execute(insert(deliveries), [row]))


def left(stored: Stored) -> set:
    return {job.id for job in stored.page(limit=10_000)}


def test_what_ended_long_enough_ago_is_deleted_and_nothing_else(stored):
    old = [aged(stored, 31, 30.5, status) for status in ("completed", "failed", "canceled")]
    kept = [
        aged(stored, 31, None),
        aged(stored, 31, 1),
        aged(stored, 29, 28),
        aged(stored, 0, 0),
    ]
    assert Retention(stored.database, 30).purge() == 3
    assert left(stored) == {job.id for job in kept}
    with pytest.raises(JobNotFound):
        stored.store.get(old[0].id)
    assert Retention(stored.database, 30).purge() == 0
    assert stored.numbers() == stored.counted()


def test_deliveries_and_images_go_with_their_job(stored):
    job, young = aged(stored, 40, 39), aged(stored, 2, 1)
    for each in (job, young):
        with_delivery(stored, each, "delivered")
        stored.database.write(
            lambda it, each=each: it.connection.execute(insert(job_images).values(job_id=each.id, data=b"x"))
        )
    Retention(stored.database, 30).purge()

    def owners(connection: Connection) -> list:
        return [connection.execute(select(it.c.job_id)).scalars().all() for it in (deliveries, job_images)]

    assert stored.database.read(owners) == [[young.id], [young.id]]


def test_a_job_whose_receiver_is_not_told_yet_stays_but_not_for_ever(stored):
    awaited, given_up = aged(stored, 32, 31), aged(stored, 34, 33)
    for job in (awaited, given_up):
        with_delivery(stored, job, "pending")
    assert Retention(stored.database, 30).purge() == 1
    assert left(stored) == {awaited.id}


def test_many_are_deleted_in_batches_between_which_others_write(stored, monkeypatch):
    monkeypatch.setattr(retention, "PAUSE_SECONDS", 0.05)
    ids, begin = JobIds(), time.time() - 50 * DAY_SECONDS
    rows = [
        {
            "id": ids.new(begin + index),
            "owner": "one",
            "status": "completed",
            "request": {},
            "request_digest": "",
            "base_url": "",
            "image_bytes": 0,
            "attempts": 1,
            "interruptions": 0,
            "created_at": begin,
            "completed_at": begin + 1 if index % 3 else None,  # every third is open, and passed over
            "not_before": 0,
        }
        for index in range(1000)
    ]
    stored.database.write(lambda it: it.connection.execute(insert(jobs), rows))
    latencies: list[float] = []

    def submit() -> None:
        for _ in range(20):
            begun = time.monotonic()
            stored.submit("two")
            latencies.append(time.monotonic() - begun)

    deleted, _ = at_once(Retention(stored.database, 30).purge, submit)
    assert deleted == 666
    assert len(left(stored)) == 334
    assert sorted(latencies)[len(latencies) // 2] < 0.5


def test_two_processes_may_do_it_at_once(stored, database_url):
    for _ in range(5):
        aged(stored, 40, 39)
    results = at_once(Retention(stored.database, 30).purge, Retention(Stored(database_url).database, 30).purge)
    assert sum(results) == 5
    assert left(stored) == set()


def test_it_begins_in_the_background_and_stops(stored):
    aged(stored, 40, 39)
    running = Retention(stored.database, 30)
    running.start()
    wait_until(lambda: not left(stored), "the deletion")
    running.stop()
    aged(stored, 40, 39)
    assert running.purge() == 0
