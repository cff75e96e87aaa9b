"""Which pending jobs go into the queue next: owners take turns, and little waits there, where none can be overtaken."""

from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from itertools import chain, islice, zip_longest
from typing import Any

from sqlalchemy import Connection, Row, bindparam, func, select

from image_api.jobs.database.tables import PENDING, PROCESSING, by_index, jobs
from image_api.jobs.runner.leases import IS_DUE

MIN_WINDOW = 20  # refilled within some 50 ms of each news; so many wait there before the first has begun
MAX_IMAGE_BYTES = 64 * 1024 * 1024  # of the images that lie in Redis

IS_UNPUBLISHED = IS_DUE & jobs.c.published_at.is_(None)
IS_PUBLISHED = PENDING & jobs.c.published_at.is_not(None)
NUMBERS = (func.count(), func.coalesce(func.sum(jobs.c.image_bytes), 0))
WAITING = by_index(select(*NUMBERS).where(IS_PUBLISHED), "jobs_published")
RUNNING = by_index(select(*NUMBERS).where(PROCESSING), "jobs_processing")
FIRST = by_index(select(jobs).where(IS_UNPUBLISHED).order_by(jobs.c.owner, jobs.c.id).limit(1), "jobs_pending")
FIRST_AFTER = FIRST.where(jobs.c.owner > bindparam("last"))
OF_OWNER = by_index(
    select(jobs)
    .where(IS_UNPUBLISHED & (jobs.c.owner == bindparam("its_owner")) & (jobs.c.id > bindparam("after")))
    .order_by(jobs.c.owner, jobs.c.id)
    .limit(bindparam("room")),
    "jobs_pending",
)
DUE = by_index(select(jobs.c.id).where(IS_UNPUBLISHED).limit(1), "jobs_pending")


@dataclass(frozen=True)
class Window:
    """What of the jobs is in the queue, or begun."""

    waiting: int
    running: int
    image_bytes: int

    @property
    def room(self) -> int:
        """Return how many more may wait in the queue: as many as are made at a time."""
        return max(MIN_WINDOW, self.running) - self.waiting

    def fitting(self, rows: Iterable[Row[Any]]) -> Iterator[Row[Any]]:
        """Yield the rows whose images Redis has room for; one may be larger than all of that."""
        size = self.image_bytes
        for row in rows:
            if not row.image_bytes or not size or size + row.image_bytes <= MAX_IMAGE_BYTES:
                size += row.image_bytes
                yield row


def window_of(connection: Connection) -> Window:
    """Return what is in the queue, of all processes of this service."""
    waiting, waiting_bytes = connection.execute(WAITING).one()
    running, running_bytes = connection.execute(RUNNING).one()
    return Window(int(waiting), int(running), int(waiting_bytes) + int(running_bytes))


def is_any_due(connection: Connection, now: float) -> bool:
    """Return whether a job may go into the queue that is not there."""
    return connection.execute(DUE, {"now": now}).first() is not None


def turns_of(connection: Connection, now: float, last_owner: str, room: int) -> list[Row[Any]]:
    """Return the next jobs: of each owner after the last one the oldest, in a circle, then each one's second."""
    heads: list[Row[Any]] = []
    while len(heads) < room:
        found = _next(connection, now, heads[-1].owner if heads else last_owner)
        if found is None or (heads and found.id == heads[0].id):
            break
        heads.append(found)
    rest = room - len(heads)
    lines = ([head, *_after(connection, now, head, rest)] for head in heads)
    return list(islice(filter(None, chain.from_iterable(zip_longest(*lines))), room))


def _next(connection: Connection, now: float, last_owner: str) -> Row[Any] | None:
    after = connection.execute(FIRST_AFTER, {"now": now, "last": last_owner}).first()
    return after or connection.execute(FIRST, {"now": now}).first()


def _after(connection: Connection, now: float, head: Row[Any], room: int) -> Iterable[Row[Any]]:
    if room <= 0:
        return ()
    return connection.execute(OF_OWNER, {"now": now, "its_owner": head.owner, "after": head.id, "room": room})
