"""Changes to many jobs in one transaction: their rows are read at once, and each change sees those before it."""

from collections.abc import Iterator
from functools import partial

import pytest
from sqlalchemy import event
from sqlalchemy.engine import Engine

from image_api.jobs.job import Job
from image_api.jobs.queued.queued_rows import Endings, begin, put_back
from tests.api.jobs.queued.test_queued_rows import QueueProcess
from tests.api.jobs.test_store_groups import together


@pytest.fixture
def here(database_url) -> QueueProcess:
    return QueueProcess(database_url)


@pytest.fixture
def emitted() -> Iterator[list[str]]:
    """The statements that are sent to a database, by their beginnings."""
    found: list[str] = []

    def listen(_: object, __: object, statement: str, *___: object) -> None:
        found.append(" ".join(statement.split()[:3]).removesuffix(" SET"))

    event.listen(Engine, "before_cursor_execute", listen)
    yield found
    event.remove(Engine, "before_cursor_execute", listen)


def beginning(job: Job, attempt: int = 1) -> partial[bool]:
    return partial(begin, job_id=job.id, attempt=attempt)


def made(here: QueueProcess, job: Job):
    return here.rows.settling(Endings(job.id, {0: {"index": 0, "image_url": "/images/0.png"}}, {}))


def test_a_batch_reads_the_rows_once_and_writes_the_numbers_of_the_queues_once(here, emitted):
    jobs = [here.published() for _ in range(5)]
    emitted.clear()
    assert here.rows.change(list(map(beginning, jobs)), [job.id for job in jobs]) == [True] * 5
    assert emitted.count("DELETE FROM queues") == 1
    assert emitted.count("UPDATE jobs") == 5
    assert sum(it.startswith("SELECT jobs.") for it in emitted) == 1
    assert [here.job(job).status for job in jobs] == ["processing"] * 5
    assert here.kept() == here.counted()


def test_a_change_sees_what_another_of_its_batch_has_done_to_the_same_job(here):
    job, other = here.published(), here.published()
    batch = [beginning(job), partial(put_back, job_id=job.id, attempt=1), beginning(job), beginning(other)]
    here.rows.change([*batch, made(here, job), beginning(job, 2)], {job.id, other.id})
    assert [(it.status, it.attempts) for it in map(here.job, (job, other))] == [("completed", 1), ("processing", 1)]
    assert here.kept() == here.counted()


def test_what_was_read_for_one_operation_is_not_what_another_of_its_transaction_sees(here):
    job, other = here.published(), here.published()

    def look():
        return here.rows.change([lambda _: None], [job.id])

    calls = (look, lambda: here.store.cancel(job.id), lambda: here.begin(job), lambda: here.begin(other), here.submit)
    _, _, is_open, is_other_open, submitted = together(here, *calls)
    assert (is_open, is_other_open, here.job(job).status) == (False, True, "canceled")
    assert here.job(submitted).status == "pending"
    assert here.kept() == here.counted()
