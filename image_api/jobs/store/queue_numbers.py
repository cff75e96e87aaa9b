"""How many jobs of each owner are pending, and the bytes of their images: kept with each change, never counted."""

from dataclasses import dataclass

from sqlalchemy import Connection, Select, bindparam, case, delete, func, insert, literal, select, union_all

from image_api.jobs.database.tables import PENDING, PROCESSING, jobs, queues
from image_api.jobs.database.transaction import Transaction

HALF = bindparam("half", type_=queues.c.pending.type)
OWN = select(queues.c.pending, queues.c.image_bytes).where(queues.c.owner == bindparam("its_owner"))
SUMS = select(
    func.coalesce(func.sum(case((queues.c.pending < HALF, queues.c.pending), else_=HALF)), 0),
    func.coalesce(func.sum(queues.c.image_bytes), 0),
)
FORGET = delete(queues).where(queues.c.owner == bindparam("its_owner"))


@dataclass
class Numbers:
    """Those of one owner."""

    pending: int
    image_bytes: int


@dataclass
class Sums:
    """Those of all owners together, of each `half` of the pending ones at most."""

    half: int
    pending: int
    image_bytes: int


class QueueNumbers:
    """The numbers as a transaction sees and changes them; they are written once, at its end."""

    def __init__(self, connection: Connection) -> None:
        self._connection = connection
        self._of_owner: dict[str, Numbers] = {}
        self._changed: set[str] = set()
        self._sums: Sums | None = None

    def of(self, owner: str) -> Numbers:
        """Return an owner's numbers."""
        if owner not in self._of_owner:
            row = self._connection.execute(OWN, {"its_owner": owner}).one_or_none()
            self._of_owner[owner] = Numbers(*row) if row else Numbers(0, 0)
        return self._of_owner[owner]

    def sums(self, half: int) -> Sums:
        """Return the sums of all owners."""
        if self._sums is None or self._sums.half != half:
            self.flush()
            self._sums = Sums(half, *map(int, self._connection.execute(SUMS, {"half": half}).one()))
        return self._sums

    def change(self, owner: str, *, pending: int, image_bytes: int) -> None:
        """Add to an owner's numbers."""
        own = self.of(owner)
        before = Numbers(own.pending, own.image_bytes)
        own.pending = max(own.pending + pending, 0)
        own.image_bytes = max(own.image_bytes + image_bytes, 0)
        self._changed.add(owner)
        if self._sums:
            half = self._sums.half
            self._sums.pending += min(own.pending, half) - min(before.pending, half)
            self._sums.image_bytes += own.image_bytes - before.image_bytes

    def flush(self) -> None:
        """Write the changed numbers; an owner that has nothing has no row."""
        changed, self._changed = self._changed, set()
        kept = [(owner, it) for owner in sorted(changed) if (it := self._of_owner[owner]).pending or it.image_bytes]
        rows = [{"owner": owner, "pending": it.pending, "image_bytes": it.image_bytes} for owner, it in kept]
        if changed:  # no upsert: it would load the other database's dialect as well, 3 MiB
            self._connection.execute(FORGET, [{"its_owner": owner} for owner in sorted(changed)])
        if rows:
            self._connection.execute(insert(queues), rows)


def change_queue(transaction: Transaction, owner: str, *, pending: int = 0, image_bytes: int = 0) -> None:
    """Add to the numbers of an owner: a job became pending or is no longer, or has an image or is final."""
    transaction.part(QueueNumbers).change(owner, pending=pending, image_bytes=image_bytes)


def recount_queues(transaction: Transaction) -> None:
    """Write the numbers that the jobs themselves have, whatever a restored backup says."""
    connection = transaction.connection
    connection.execute(delete(queues))
    connection.execute(insert(queues).from_select(["owner", "pending", "image_bytes"], TRUTH))


def _truth() -> Select[str, int, int]:
    """Return the query of the true numbers, which the partial indexes of the open jobs answer."""
    columns = (jobs.c.owner, jobs.c.image_bytes)
    open_jobs = union_all(
        select(*columns, literal(1).label("pending")).where(PENDING),
        select(*columns, literal(0).label("pending")).where(PROCESSING),
    ).subquery()
    pending, image_bytes = func.sum(open_jobs.c.pending), func.sum(open_jobs.c.image_bytes)
    return (
        select(open_jobs.c.owner, pending, image_bytes)
        .group_by(open_jobs.c.owner)
        .having((pending > 0) | (image_bytes > 0))
    )


TRUTH = _truth()
