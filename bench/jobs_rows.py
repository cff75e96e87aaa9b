"""What is asked of the jobs' database with a million rows in it, in SQLite and PostgreSQL: how long each takes.

Run `python -m bench.jobs_rows [rows]`. One of 50,000 owners has half of the rows; 20,000 jobs of 2,000 owners are
pending. PostgreSQL waits for its disk at each commit, as SQLite does.
"""

import json
import random
import sqlite3
import sys
import tempfile
import time
from collections.abc import Callable, Iterator
from functools import partial
from pathlib import Path
from typing import Any
from uuid import UUID

import psycopg
from pydantic import SecretStr
from sqlalchemy import select

from bench.table import print_table
from image_api.database_url import engine_url, sqlite_file
from image_api.jobs.database.database import Database
from image_api.jobs.database.tables import jobs
from image_api.jobs.ids import JobIds
from image_api.jobs.job import Job, NewJob, Selection
from image_api.jobs.migrations.migration import bring_up_to_date
from image_api.jobs.runner.leases import Lease, Leases
from image_api.jobs.store.queries import FIRST
from image_api.jobs.store.retention import delete_batch
from image_api.jobs.store.store import JobStore
from tests.fakes.postgres_server import PostgresServer

ROWS = 1_000_000
PENDING = 20_000
TIMES = 300
PAGE = 50
DAYS = 30
DAY_SECONDS = 24 * 3600
COLUMNS = (
    "id, owner, status, request, request_digest, base_url, image_bytes, attempts, interruptions, created_at,"
    " completed_at, not_before, images, idempotency_key"
)
REQUEST = json.dumps({"prompt": "a lighthouse above a stormy sea, oil on canvas " * 3, "seed": 7, "shape": "landscape"})
IMAGES = json.dumps([{"index": 0, "image_url": f"/images/{'a' * 64}.png", "width": 768, "height": 512, "seed": 7}])


def owner_of(index: int) -> str:
    """Return the owner of a job."""
    return "owner-0" if index % 2 else f"owner-{index % 50_000}"


def rows(count: int) -> Iterator[tuple[Any, ...]]:
    """Return the rows of jobs, the oldest first: the last ones are pending."""
    ids, begin = JobIds(), time.time() - DAYS * DAY_SECONDS
    for index in range(count):
        created = begin + index * DAYS * DAY_SECONDS / count
        is_pending = index >= count - PENDING
        owner = f"owner-{index % 2000}" if is_pending else owner_of(index)
        status = "pending" if is_pending else random.choices(("completed", "failed", "canceled"), (970, 20, 10))[0]  # noqa: S311
        images = IMAGES if status == "completed" else None
        ended = None if is_pending else created + 20
        key = f"key-{index}" if index % 10 == 0 else None
        yield (
            ids.new(created),
            owner,
            status,
            REQUEST,
            "d" * 64,
            "http://here",
            0,
            1,
            0,
            created,
            ended,
            0,
            images,
            key,
        )


def fill(url: str, count: int) -> None:
    """Fill an empty database that has its tables."""
    if file := sqlite_file(url):
        connection = sqlite3.connect(file, isolation_level=None)
        connection.execute("BEGIN")
        places = ", ".join("?" * len(COLUMNS.split(",")))
        hexed = ((row[0].hex, *row[1:]) for row in rows(count))
        connection.executemany(f"INSERT INTO jobs ({COLUMNS}) VALUES ({places})", hexed)  # noqa: S608
        connection.execute("COMMIT")
        connection.close()
        return
    with psycopg.connect(url.replace("+psycopg", "")) as server:
        with server.cursor().copy(f"COPY jobs ({COLUMNS}) FROM STDIN".encode()) as copy:
            for row in rows(count):
                copy.write_row(row)
        server.commit()
        server.autocommit = True
        server.execute("VACUUM ANALYZE")


class Asked:
    """The store and the leases of a filled database, and some of its jobs."""

    def __init__(self, url: str) -> None:
        self._database = Database(url)
        self.store = JobStore(self._database, max_pending=10 * PENDING)
        self.store.recount()
        self._leases = Leases(self._database)
        its_own = select(jobs.c.id).where(jobs.c.owner == "owner-0").order_by(jobs.c.id.desc())
        self._ids = list(self._database.read(lambda it: it.execute(its_own).scalars().all()))
        self._numbers = iter(range(10**9))

    def page(self, **values: Any) -> list[Job]:
        """Return a page of the owner with half of all."""
        return self.store.page(Selection("owner-0", PAGE, **values))

    def some(self) -> UUID:
        """Return any id."""
        chosen: UUID = random.choice(self._ids)  # noqa: S311
        return chosen

    def span(self) -> dict[str, float]:
        """Return any three days."""
        since = time.time() - random.uniform(3, DAYS) * DAY_SECONDS  # noqa: S311
        return {"since": since, "until": since + 3 * DAY_SECONDS}

    def submit(self, key: str | None = None) -> None:
        """Submit a job."""
        owner = f"owner-{next(self._numbers) % 5000}"
        self.store.submit(NewJob(owner, json.loads(REQUEST), "http://here", digest="d" * 64, idempotency_key=key))

    def claim(self) -> None:
        """Claim a job, and give it back."""
        self._leases.give_back([Lease.of(job) for job in self._leases.claim(1)])

    def questions(self) -> dict[str, Callable[[], object]]:
        """Return all that is asked, by what it is called."""
        deep = self._ids[min(PAGE * 9_999, len(self._ids) - PAGE)]
        pending = self.store.page(Selection("owner-6", 1, status="pending"))[0]
        purge = partial(delete_batch, after=FIRST, seconds=(DAYS - 1) * DAY_SECONDS)
        return {
            "status": lambda: self.store.get(self.some()),
            "page 1": self.page,
            "page 10,000": lambda: self.page(before=deep),
            "any page": lambda: self.page(before=self.some()),
            "page of failed ones": lambda: self.page(before=self.some(), status="failed"),
            "page of pending ones": lambda: self.page(status="pending"),
            "page of three days": lambda: self.page(**self.span()),
            "page of failed ones of three days": lambda: self.page(status="failed", **self.span()),
            "place in the queue": lambda: self.store.position(pending),
            "queue": self.store.queue,
            "is one due?": self._leases.is_due,
            "submit": self.submit,
            "submit with a key": lambda: self.submit(f"new-{next(self._numbers)}"),
            "claim, and give back": self.claim,
            "retention's batch of 100": lambda: self._database.write(purge),
        }


def p95_of(question: Callable[[], object]) -> float:
    """Return the milliseconds within which 95 of 100 are answered."""
    taken = []
    for _ in range(TIMES):
        begun = time.perf_counter()
        question()
        taken.append((time.perf_counter() - begun) * 1000)
    return sorted(taken)[int(TIMES * 0.95)]


def measured(url: str, count: int) -> dict[str, float]:
    """Return the p95 of each question to a database, which is filled before."""
    bring_up_to_date(url)
    begun = time.monotonic()
    fill(url, count)
    print(f"{count:,} rows in {time.monotonic() - begun:.0f} s", file=sys.stderr)
    return {name: p95_of(question) for name, question in Asked(url).questions().items()}


def main() -> None:
    """Print the table."""
    count = int(sys.argv[1]) if len(sys.argv) > 1 else ROWS
    with tempfile.TemporaryDirectory() as folder, PostgresServer(fsync=True) as server, server.database() as url:
        found = [
            measured(f"sqlite:///{Path(folder, 'jobs.db')}", count),
            measured(engine_url(SecretStr(url)), count),
        ]
    print_table(
        (f"p95 of {count:,} rows, ms", "SQLite", "PostgreSQL"),
        [(name, *(f"{each[name]:.1f}" for each in found)) for name in found[0]],
    )


if __name__ == "__main__":
    main()
