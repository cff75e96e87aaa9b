"""Processes of this service on one database of jobs, as far as leases go: each with a holder of its own."""

from typing import Any
from uuid import UUID

from pydantic import SecretStr
from sqlalchemy import func, select, update

from image_api.database_url import engine_url
from image_api.jobs.database.tables import jobs, metadata, queues
from image_api.jobs.job import Job, NewJob, Outcome
from image_api.jobs.runner.leases import Leases
from image_api.jobs.store.store import JobStore
from tests.api.jobs.databases import open_database

DONE = Outcome("completed", [{"index": 0, "image_url": "/images/a.png"}])


class Process:
    """A process of this service, with its store and its leases."""

    def __init__(self, url: str) -> None:
        self.url = url
        self.database = open_database(engine_url(SecretStr(url)))
        self.database.write(lambda transaction: metadata.create_all(transaction.connection))
        self.store = JobStore(self.database, max_pending=1000)
        self.leases = Leases(self.database)

    def submit(self, owner: str = "one", image: bytes | None = None, **request: object) -> Job:
        """Submit a job."""
        return self.store.submit(NewJob(owner, {"prompt": "a tree", **request}, "http://here", image))[0]

    def set(self, job: Job, **values: object) -> None:
        """Change the row of a job, as time or another process would."""
        statement = update(jobs).where(jobs.c.id == job.id).values(**values)
        self.database.write(lambda transaction: transaction.connection.execute(statement))

    def value(self, job: Job, name: str) -> object:
        """Return a value of a job's row."""
        return self.database.read(lambda it: it.execute(select(jobs.c[name]).where(jobs.c.id == job.id)).scalar_one())

    def kept(self) -> dict[str, tuple[int, int]]:
        """Return what the queues say of each owner: the pending jobs, and the bytes of images."""
        rows = self.database.read(lambda it: it.execute(select(queues)).all())
        return {row.owner: (row.pending, row.image_bytes) for row in rows}

    def counted(self) -> dict[str, tuple[int, int]]:
        """Return the same, counted."""
        is_open = jobs.c.status.in_(("pending", "processing"))
        pending = func.sum(func.coalesce((jobs.c.status == "pending").cast(jobs.c.attempts.type), 0))
        query = select(jobs.c.owner, pending, func.sum(jobs.c.image_bytes)).where(is_open).group_by(jobs.c.owner)
        rows = self.database.read(lambda it: it.execute(query).all())
        return {owner: (int(count), int(size)) for owner, count, size in rows if count or size}


def job_with(n: int | None = None, **values: Any) -> Job:
    """Return a job of `n` pictures that is processing."""
    request = {"prompt": "a tree", **({"n": n} if n else {})}
    return Job(UUID(int=7), "one", "processing", request, created_at=1.0, **values)
