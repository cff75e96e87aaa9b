"""Each statement about jobs finds its rows by an index, in both databases, however many jobs there are."""

import json
import re
import time
from collections.abc import Iterator
from typing import Any

import pytest
from sqlalchemy import Engine, event, insert

from image_api.jobs.database.tables import jobs
from image_api.jobs.ids import JobIds
from image_api.jobs.job import Outcome
from image_api.jobs.runner.leases import Lease, Leases
from image_api.jobs.store.retention import Retention
from tests.api.jobs.stored import Stored, make_tables

ROWS = 12_000
PENDING_EACH = 120  # rows
# What one statement may take, of all these: a page has 50, and of few rows PostgreSQL rather sorts all that match.
MAX_ROWS = 500
MAX_STEPS = 80  # hundreds of SQLite's instructions
DAY = 24 * 3600
# Of all that is open the true numbers are summed up once, at the start.
AT_START = re.compile(r"INSERT INTO queues .*SELECT", re.DOTALL)


def fill(stored: Stored) -> None:
    """Fill the tables: most jobs are final, some of each owner are pending, few run."""
    ids, begin = JobIds(), time.time() - 10 * DAY

    def row(index: int) -> dict[str, Any]:
        created = begin + index * 10 * DAY / ROWS
        status = "completed" if index % 20 else "failed"
        if index % PENDING_EACH == 1:
            status = "pending"
        return {
            "id": ids.new(created),
            # One has many of the jobs, but none of the newest.
            "owner": f"owner-{index % 7 if index % 3 else 0}" if index < ROWS - 1500 else "late",
            "status": status,
            "request": {"prompt": "a tree"},
            "request_digest": "",
            "base_url": "http://here",
            "image_bytes": 0,
            "attempts": 0,
            "interruptions": 0,
            "created_at": created,
            "completed_at": None if status == "pending" else created,
            "not_before": 0,
            "idempotency_key": f"key-{index}" if index % 2 else None,
        }

    stored.database.write(lambda it: it.connection.execute(insert(jobs), [row(index) for index in range(ROWS)]))
    stored.store.recount()


@pytest.fixture
def stored(database_url) -> Stored:
    make_tables(database_url)
    made = Stored(database_url, max_pending=100_000)
    fill(made)
    if database_url.startswith("postgresql"):
        with made.database._writes._connection._engine.connect() as connection:
            connection.exec_driver_sql("ANALYZE")
            connection.commit()
    return made


@pytest.fixture
def emitted() -> Iterator[list[tuple[str, Any]]]:
    """The statements that were sent to a database, with their parameters."""
    found: list[tuple[str, Any]] = []

    def listen(_: object, __: object, statement: str, parameters: Any, ___: object, is_many: bool) -> None:
        found.append((statement, parameters[0] if is_many else parameters))

    event.listen(Engine, "before_cursor_execute", listen)
    yield found
    event.remove(Engine, "before_cursor_execute", listen)


def use(stored: Stored) -> None:
    """Do all that is done with jobs."""
    store = stored.store
    job = stored.submit("owner-1", image=b"x", idempotency_key="new")
    stored.submit("owner-1", idempotency_key="new")
    found = stored.page("owner-0", 50)
    for values in (
        {"before": found[-1].id},
        {"status": "failed"},
        {"status": "pending", "before": found[-1].id},
        {"status": "processing"},
        {"since": time.time() - 3 * DAY, "until": time.time() - 2 * DAY},
        {"status": "completed", "since": time.time() - 9 * DAY, "until": time.time() - 2 * DAY, "before": found[0].id},
    ):
        stored.page("owner-0", 50, **values)
        stored.page("an owner that has none", 50, **values)
    assert store.get(job.id) == job
    assert store.position(job)
    assert store.queue().pending > 90
    assert store.image(job.id) == b"x"
    leases = Leases(stored.database)
    assert leases.is_due()
    first, second, third = leases.claim(3)
    leases.renew({Lease.of(first): {"phase": "generating"}})
    leases.keep(Lease.of(first), [])
    leases.finish(Lease.of(first), Outcome("completed"))
    leases.give_back([Lease.of(second)])
    store.cancel(third.id)
    store.cancel(job.id)
    retention = Retention(stored.database, 9.9)
    assert retention.purge() > 50


def test_no_statement_looks_at_more_than_it_needs(stored, emitted):
    use(stored)
    sent = list({repr(it): it for it in emitted}.values())
    assert len({statement for statement, _ in sent}) > 30
    assert not [it for it, _ in sent if re.search(r"\boffset\b|\bcount\s*\(", it, re.IGNORECASE)]
    cost_of = steps_of_sqlite if stored.url.startswith("sqlite") else rows_of_postgres
    most = MAX_STEPS if stored.url.startswith("sqlite") else MAX_ROWS
    costs = [(cost_of(stored, *it), *it) for it in sent if re.match("(SELECT|UPDATE|DELETE)(?! set_config)", it[0])]
    assert [it for it in costs if it[0] > most] == []


def steps_of_sqlite(stored: Stored, statement: str, parameters: Any) -> float:
    """Return how many instructions SQLite takes for a statement, in hundreds."""
    taken: list[int] = []

    def run(connection: Any) -> None:
        raw = connection.connection.driver_connection
        raw.set_progress_handler(lambda: taken.append(1), 100)
        connection.exec_driver_sql(statement, parameters).close()
        if statement.startswith("SELECT"):
            connection.exec_driver_sql(statement, parameters).fetchall()
        raw.set_progress_handler(None, 0)

    stored.database.read(run)
    return len(taken)


def rows_of_postgres(stored: Stored, statement: str, parameters: Any) -> float:
    """Return how many rows of large tables PostgreSQL looks at for a statement."""
    explain = f"EXPLAIN (ANALYZE, FORMAT JSON) {statement}"
    found = stored.database.read(lambda it: it.exec_driver_sql(explain, parameters).scalar())
    plan = (json.loads(found) if isinstance(found, str) else found)[0]["Plan"]
    return sum(rows_of(node) for node in nodes(plan) if node.get("Relation Name") in ("jobs", "job_images"))


def nodes(plan: dict[str, Any]) -> Iterator[dict[str, Any]]:
    yield plan
    for each in plan.get("Plans", []):
        yield from nodes(each)


def rows_of(node: dict[str, Any]) -> float:
    read = sum(node.get(name, 0) for name in ("Actual Rows", "Rows Removed by Filter"))
    return float(read * node["Actual Loops"])


def test_the_numbers_are_recounted_by_the_indexes_of_open_jobs(stored, emitted):
    stored.store.recount()
    (statement, parameters) = next(it for it in emitted if AT_START.search(it[0]))
    select = statement[statement.index("SELECT") :]
    if stored.url.startswith("sqlite"):
        assert steps_of_sqlite(stored, select, parameters) < 20 * ROWS / PENDING_EACH
    else:
        assert rows_of_postgres(stored, select, parameters) <= ROWS / PENDING_EACH
