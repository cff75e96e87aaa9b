"""The numbers of the queues never drift from the jobs, whatever fails, and a restored backup's are mended."""

import random
import signal
import subprocess
import sys
import time

import pytest
from sqlalchemy import insert, text

from image_api.jobs.database.tables import queues
from image_api.jobs.job import NewJob
from image_api.jobs.store.queue_numbers import change_queue
from tests.api.jobs.stored import Stored, at_once, make_tables
from tests.fakes.processes import ROOT, wait_until

ACTS = 1000
WRITER = """
import sys
from tests.api.jobs.stored import Stored
stored, n = Stored(sys.argv[1]), 0
print("up", flush=True)
while True:
    job = stored.submit(f"owner-{n % 7}", image=b"x" * (n % 3))
    if n % 2:
        stored.begin(job)
    if n % 5 == 0:
        stored.end(stored.store.get(job.id))
    n += 1
"""


@pytest.fixture
def stored(database_url) -> Stored:
    make_tables(database_url)
    return Stored(database_url, max_pending=60)


def act(stored: Stored, chance: random.Random) -> None:
    """Do any of what is done with jobs, or fail."""
    owner = chance.choice("abcde")
    page = stored.page(owner, 10)
    job = chance.choice(page) if page else None
    kind = chance.randrange(8)
    if kind < 3 or job is None:
        stored.submit(owner, image=b"x" * chance.randrange(3), idempotency_key=chance.choice([None, "1", "2"]))
    elif kind == 3:
        if job.status == "pending":
            stored.database.write(lambda it: begin_if_pending(it, job))
    elif kind == 4:
        stored.end(job, chance.choice(["completed", "failed"]))
    elif kind == 5:
        stored.store.cancel(job.id)
    elif kind == 6:
        stored.database.write(lambda it: fail_after(it, job))
    else:
        stored.store.submit(NewJob(owner, {"prompt": object()}, "http://here", image=b"x"))


def begin_if_pending(transaction, job) -> None:
    changed = transaction.connection.execute(
        text("UPDATE jobs SET status = 'processing' WHERE id = :id AND status = 'pending'").bindparams(
            id=job.id.hex if transaction.connection.dialect.name == "sqlite" else job.id
        )
    )
    change_queue(transaction, job.owner, pending=-changed.rowcount)


def fail_after(transaction, job) -> None:
    """Fail after having changed much."""
    change_queue(transaction, job.owner, pending=17, image_bytes=4)
    _ = transaction.connection
    transaction.connection.execute(text("DELETE FROM job_images"))
    raise ZeroDivisionError


def test_no_number_drifts_over_thousands_of_operations(stored, database_url):
    other = Stored(database_url, max_pending=60)

    def many(process: Stored, seed: int) -> list[str]:
        chance, failed = random.Random(seed), []
        for _ in range(ACTS // 6):
            try:
                act(process, chance)
            except Exception as error:  # noqa: BLE001 - many of them fail, as they should
                failed.append(type(error).__name__)
        return failed

    results = at_once(*[lambda seed=seed: many([stored, other][seed % 2], seed) for seed in range(6)])
    failed = {name for result in results for name in result}
    unserializable = "StatementError" if database_url.startswith("sqlite") else "TypeError"
    assert {"ZeroDivisionError", unserializable} <= failed
    assert failed <= {"ZeroDivisionError", unserializable, "JobOver", "TooManyJobs"}
    assert stored.numbers() == stored.counted()


def test_no_number_drifts_if_the_process_is_killed(stored, database_url):
    process = subprocess.Popen([sys.executable, "-c", WRITER, database_url], cwd=ROOT, stdout=subprocess.PIPE)
    assert process.stdout
    assert process.stdout.readline() == b"up\n"
    wait_until(lambda: len(stored.page("owner-1", 1000)) > 3, "some jobs")
    time.sleep(random.random() / 20)
    process.send_signal(signal.SIGKILL)
    process.wait()
    process.stdout.close()
    assert stored.submit("b")
    assert stored.numbers() == stored.counted()


def test_a_restored_backup_is_mended_at_the_start(stored):
    job = stored.submit("a", image=b"1234")
    stored.begin(job)
    stored.submit("b")
    stored.end(stored.submit("c"))
    stored.database.write(lambda it: it.connection.execute(text("DELETE FROM queues")))
    drifted = [{"owner": "c", "pending": 7, "image_bytes": 9}, {"owner": "a", "pending": 3, "image_bytes": 0}]
    stored.database.write(lambda it: it.connection.execute(insert(queues), drifted))
    stored.store.recount()
    assert stored.numbers() == stored.counted() == {"a": (0, 4), "b": (1, 0)}


def test_numbers_that_fell_too_low_by_a_drift_are_none(stored):
    stored.database.write(lambda it: change_queue(it, "a", pending=-5))
    assert stored.numbers() == {}
    stored.submit("a")
    assert stored.numbers() == {"a": (1, 0)}
