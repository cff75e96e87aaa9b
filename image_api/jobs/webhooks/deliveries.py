"""The deliveries in the jobs' database: claimed under a lease, and recorded attempt by attempt."""

from collections.abc import Collection, Iterable, Mapping
from dataclasses import asdict, dataclass
from typing import Any
from uuid import UUID

from sqlalchemy import ColumnElement, Connection, Row, func, select, update

from image_api.jobs.database.database import Database
from image_api.jobs.database.tables import UNDELIVERED, deliveries, jobs
from image_api.jobs.database.transaction import Transaction, clock_of
from image_api.jobs.delivery import Delivery, DeliveryAttempt, DeliveryStatus
from image_api.jobs.job import Job
from image_api.jobs.store.rows import as_job, job_of

LEASE_SECONDS = 60.0  # of an attempt, which takes less than half of it
MAX_CANDIDATES = 200  # that a claim looks at


@dataclass(frozen=True)
class Room:
    """What a claim may take."""

    slots: int
    retries: int
    """The slots that may be of deliveries that were tried before: new ones shall not wait for those."""
    per_host: int
    in_flight: Mapping[str, int]
    """How many are being sent to each host."""

    @property
    def full_hosts(self) -> list[str]:
        """Return the hosts to which no more may be sent at once."""
        return [host for host, number in self.in_flight.items() if number >= self.per_host]


@dataclass(frozen=True)
class Claimed:
    """A delivery to send now, with its job, which is final."""

    delivery: Delivery
    job: Job
    is_retry: bool


class Deliveries:
    """The deliveries. Thread-safe. Each call raises DatabaseUnavailable if need be."""

    def __init__(self, database: Database) -> None:
        self._database = database

    def of_job(self, job_id: UUID) -> list[Delivery]:
        """Return a job's deliveries. Raises JobNotFound if there is no such job."""

        def query(connection: Connection) -> list[Delivery]:
            job_of(connection, job_id)
            rows = connection.execute(select(deliveries).where(deliveries.c.job_id == job_id).order_by(deliveries.c.id))
            return [_as_delivery(row) for row in rows]

        return self._database.read(query)

    def seconds_until_due(self, full_hosts: Collection[str]) -> float | None:
        """Return the seconds until the next one to another host is due, 0 if one is; None if there is none."""

        def query(connection: Connection) -> float | None:
            due = connection.execute(select(func.min(deliveries.c.not_before)).where(_waiting(full_hosts))).scalar()
            return None if due is None else max(0.0, due - clock_of(connection))

        return self._database.read(query)

    def claim(self, holder: str, room: Room) -> list[Claimed]:
        """Return deliveries that are due, for this holder alone to send within LEASE_SECONDS."""
        return self._database.write(lambda transaction: _claim(transaction, holder, room))

    def record(
        self, held: Delivery, holder: str, attempt: DeliveryAttempt, status: DeliveryStatus, pause: float = 0
    ) -> None:
        """Keep an attempt and what it came to; a pending delivery is due again after the pause, in seconds."""
        attempts = [asdict(each) for each in (*held.attempts, attempt)]

        def operation(transaction: Transaction) -> None:
            transaction.connection.execute(
                update(deliveries)
                .where((deliveries.c.id == held.id) & (deliveries.c.holder == holder))
                .values(
                    status=status,
                    attempts=attempts,
                    holder=None,
                    not_before=transaction.now + pause,
                    completed_at=None if status == "pending" else transaction.now,
                )
            )

        self._database.write(operation)


def _waiting(full_hosts: Collection[str]) -> ColumnElement[bool]:
    """Return the condition of pending deliveries to hosts that more may be sent to."""
    return UNDELIVERED & deliveries.c.host.not_in(full_hosts) if full_hosts else UNDELIVERED


def _claim(transaction: Transaction, holder: str, room: Room) -> list[Claimed]:
    due = (
        select(deliveries)
        .where(_waiting(room.full_hosts) & (deliveries.c.not_before <= transaction.now))
        .order_by(deliveries.c.not_before)
        .limit(MAX_CANDIDATES)
    )
    rows = list(_chosen(transaction.connection.execute(due), room))
    if not rows:
        return []
    transaction.connection.execute(
        update(deliveries)
        .where(deliveries.c.id.in_([row.id for row in rows]))
        .values(holder=holder, not_before=transaction.now + LEASE_SECONDS)
    )
    found = transaction.connection.execute(select(jobs).where(jobs.c.id.in_({row.job_id for row in rows})))
    by_id = {job.id: job for job in map(as_job, found)}
    return [Claimed(_as_delivery(row), by_id[row.job_id], is_retry=row.not_before > 0) for row in rows]


def _chosen(rows: Iterable[Row[Any]], room: Room) -> Iterable[Row[Any]]:
    """Yield the rows for which there is room."""
    slots, retries, in_flight = room.slots, room.retries, dict(room.in_flight)
    for row in rows:
        is_retry = row.not_before > 0
        if slots and (retries or not is_retry) and in_flight.get(row.host, 0) < room.per_host:
            slots -= 1
            retries -= is_retry
            in_flight[row.host] = in_flight.get(row.host, 0) + 1
            yield row


def _as_delivery(row: Row[Any]) -> Delivery:
    is_waiting = row.status == "pending" and row.holder is None
    return Delivery(
        id=row.id,
        job_id=row.job_id,
        type=row.type,
        host=row.host,
        status=row.status,
        attempts=tuple(DeliveryAttempt(**each) for each in row.attempts),
        created_at=row.created_at,
        completed_at=row.completed_at,
        next_attempt_at=max(row.not_before, row.created_at) if is_waiting else None,
    )
