"""Whose job comes next: that of the owner with the fewest jobs in flight, pending or processing.

Among equals the owners take turns. So that one with many jobs is served although others submit few again and again, now
and then the oldest job of all comes next.
"""

from collections import Counter
from itertools import groupby
from typing import Any

from sqlalchemy import Connection, Select, bindparam, case, select

from image_api.jobs.database.tables import PROCESSING, by_index, jobs, queues

JOBS_IN_A_ROW = 8  # then the oldest …
SINGLES_IN_A_ROW = 32  # … and after so many if they are of owners with nothing else in flight, which wait for one
MAX_OWNERS = 64  # that are looked at: there may be thousands, and hardly any has only jobs that are not due

BUSY = by_index(select(jobs.c.owner).where(PROCESSING), "jobs_processing")
# After the last one in a circle, among owners with as many pending jobs.
OWNERS: Select[str, int] = (
    select(queues.c.owner, queues.c.pending)
    .where(queues.c.pending > 0)
    .order_by(queues.c.pending, case((queues.c.owner > bindparam("last"), 0), else_=1), queues.c.owner)
    .limit(MAX_OWNERS)
)


def oldest(due: Select[*tuple[Any, ...]]) -> Select[*tuple[Any, ...]]:
    """Return the query of the oldest of the jobs that are due."""
    return by_index(due.order_by(jobs.c.id).limit(1), "jobs_oldest_pending")


def most_in_a_row(order: list[tuple[int, list[str]]]) -> int:
    """Return after how many jobs in that order the oldest is to come."""
    return SINGLES_IN_A_ROW if order and order[0][0] == 1 else JOBS_IN_A_ROW


def owners_in_order(connection: Connection, last: str) -> list[tuple[int, list[str]]]:
    """Return numbers of jobs in flight, the smallest first, each with the owners of pending jobs that have so many.

    `last` is the owner that was served last, after which its equals come.
    """
    processing = Counter(connection.execute(BUSY).scalars())
    in_flight = {row.owner: row.pending + processing[row.owner] for row in connection.execute(OWNERS, {"last": last})}
    ordered = sorted(in_flight, key=lambda owner: (in_flight[owner], owner <= last, owner))
    return [(number, list(equals)) for number, equals in groupby(ordered, key=in_flight.__getitem__)]
