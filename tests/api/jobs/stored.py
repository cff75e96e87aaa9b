"""A store of jobs on a database of the tests, as one process of this service has it."""

import threading
from collections.abc import Callable
from typing import Any

from pydantic import SecretStr
from sqlalchemy import case, func, select, update

from image_api.database_url import engine_url
from image_api.jobs.database.tables import jobs, metadata, queues
from image_api.jobs.database.transaction import Transaction
from image_api.jobs.job import Job, NewJob, Selection
from image_api.jobs.store.endings import end_job
from image_api.jobs.store.queue_numbers import change_queue
from image_api.jobs.store.store import JobStore
from tests.api.jobs.databases import open_database


def make_tables(url: str) -> None:
    """Make the tables in a database that is empty."""
    open_database(engine_url(SecretStr(url))).write(lambda transaction: metadata.create_all(transaction.connection))


def new_job(owner: str = "one", **values: Any) -> NewJob:
    """Return what a client submits."""
    return NewJob(**{"owner": owner, "request": {"prompt": "a tree"}, "base_url": "http://here", **values})


class Stored:
    """The store of one process, and what a test looks at beside it."""

    def __init__(self, url: str, max_pending: int = 1000, prepare: Callable[[], object] = lambda: None) -> None:
        self.url = engine_url(SecretStr(url))
        self.database = open_database(self.url, prepare)
        self.store = JobStore(self.database, max_pending)

    def submit(self, owner: str = "one", **values: Any) -> Job:
        """Submit a job."""
        return self.store.submit(new_job(owner, **values))[0]

    def page(self, owner: str = "one", limit: int = 50, **values: Any) -> list[Job]:
        """Return a page."""
        return self.store.page(Selection(owner, limit, **values))

    def begin(self, job: Job) -> None:
        """Have a job be processing, as a runner does."""

        def operation(transaction: Transaction) -> None:
            transaction.connection.execute(update(jobs).where(jobs.c.id == job.id).values(status="processing"))
            change_queue(transaction, job.owner, pending=-1)

        self.database.write(operation)

    def end(self, job: Job, status: str = "completed", **values: Any) -> bool:
        """End a job, as a runner does. Returns whether it was not final."""
        return self.database.write(lambda transaction: end_job(transaction, job, status=status, **values))

    def set(self, job: Job, **values: Any) -> None:
        """Change a job's row, as time would."""
        statement = update(jobs).where(jobs.c.id == job.id).values(**values)
        self.database.write(lambda transaction: transaction.connection.execute(statement))

    def numbers(self) -> dict[str, tuple[int, int]]:
        """Return what is kept of each owner: its pending jobs, and the bytes of its images."""
        rows = self.database.read(lambda it: it.execute(select(queues)).all())
        return {row.owner: (row.pending, row.image_bytes) for row in rows}

    def counted(self) -> dict[str, tuple[int, int]]:
        """Return the same, counted."""
        pending = func.sum(case((jobs.c.status == "pending", 1), else_=0))
        query = select(jobs.c.owner, pending, func.sum(jobs.c.image_bytes)).where(jobs.c.completed_at.is_(None))
        rows = self.database.read(lambda it: it.execute(query.group_by(jobs.c.owner)).all())
        return {owner: (int(count), int(size)) for owner, count, size in rows if count or size}


def at_once(*calls: Callable[[], Any]) -> list[Any]:
    """Call functions in threads at the same moment; return what each returned or raised."""
    results: list[Any] = [None] * len(calls)
    barrier = threading.Barrier(len(calls))

    def run(index: int) -> None:
        barrier.wait(30)
        try:
            results[index] = calls[index]()
        except Exception as error:  # noqa: BLE001 - it is the result
            results[index] = error

    threads = [threading.Thread(target=run, args=(index,)) for index in range(len(calls))]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join(60)
    return results
