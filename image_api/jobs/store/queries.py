"""What is read of the jobs: pages, places in the queue, the queue. An index answers each of a million jobs."""

from typing import Any, get_args
from uuid import UUID

from sqlalchemy import Connection, Select, bindparam, case, func, literal, select, tuple_

from image_api.jobs.database.tables import PENDING, by_index, has_status, job_images, jobs, queues
from image_api.jobs.ids import first_id
from image_api.jobs.job import Job, JobStatus, Queue, Selection
from image_api.jobs.store.rows import as_job

MAX_RANK = 1000  # up to which the place among the owner's own pending jobs is counted
FIRST, LAST = UUID(int=0), UUID(int=(1 << 128) - 1)
OWNER = bindparam("its_owner", type_=jobs.c.owner.type)


def page_of(connection: Connection, which: Selection) -> list[Job]:
    """Return a page of jobs, the newest first. Their times are those of their ids, to the millisecond."""
    ends = [LAST if which.before is None else which.before, LAST if which.until is None else first_id(which.until)]
    bounds = {"low": FIRST if which.since is None else first_id(which.since), "high": min(ends)}
    rows = connection.execute(PAGES[which.status], {"its_owner": which.owner, "size": which.limit, **bounds})
    return [as_job(row) for row in rows]


def position_of(connection: Connection, job: Job) -> int:
    """Return the place of a pending job: after all of owners with fewer, and after as many of equals as of its own."""
    rank = 1 + int(connection.execute(OWN_BEFORE, {"its_owner": job.owner, "job_id": job.id}).scalar_one())
    return rank + int(connection.execute(OTHERS, {"its_owner": job.owner, "rank": rank}).scalar_one())


def queue_of(connection: Connection) -> Queue:
    """Return how many jobs are pending, and since when the oldest is."""
    pending = int(connection.execute(ALL_PENDING).scalar_one())
    return Queue(pending, connection.execute(OLDEST).scalar() if pending else None)


def image_of(connection: Connection, job_id: UUID) -> bytes | None:
    """Return the image that a job begins with; None if it has none, or is final."""
    found = connection.execute(IMAGE, {"its_id": job_id}).scalar()
    return None if found is None else bytes(found)


def _page(status: JobStatus | None) -> Select[*tuple[Any, ...]]:
    """Return the query of a page: by both columns of its index, in whose order no other index has the rows.

    By `owner = … ORDER BY id` PostgreSQL would go through the newest jobs of all owners, if this one has many.
    """
    key = tuple_(jobs.c.owner, jobs.c.id)
    low, high = (tuple_(OWNER, bindparam(name, type_=jobs.c.id.type)) for name in ("low", "high"))
    found = select(jobs).where((key >= low) & (key < high))
    if status:
        found = by_index(found.where(has_status(status)), f"jobs_{status}")
    return found.order_by(jobs.c.owner.desc(), jobs.c.id.desc()).limit(bindparam("size"))


def _own_before() -> Select[int]:
    before = (jobs.c.owner == OWNER) & PENDING & (jobs.c.id < bindparam("job_id"))
    ahead = by_index(select(literal(1).label("one")).where(before).limit(MAX_RANK), "jobs_pending").subquery()
    return select(func.coalesce(func.sum(ahead.c.one), 0))


def _others() -> Select[int]:
    rank = bindparam("rank", type_=queues.c.pending.type)
    theirs, mine = queues.c.pending, queues.alias("mine")
    own = select(mine.c.pending).where(mine.c.owner == OWNER).scalar_subquery()
    counted = case((theirs > own, 0), (theirs < rank, theirs), (theirs < own, theirs), else_=rank)
    return select(func.coalesce(func.sum(counted), 0)).where(queues.c.owner != OWNER)


PAGES = {status: _page(status) for status in (None, *get_args(JobStatus))}
OWN_BEFORE = _own_before()
OTHERS = _others()
ALL_PENDING = select(func.coalesce(func.sum(queues.c.pending), 0))
OLDEST = select(jobs.c.created_at).where(PENDING).order_by(jobs.c.id).limit(1)
IMAGE = select(job_images.c.data).where(job_images.c.job_id == bindparam("its_id"))
