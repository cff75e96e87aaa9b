"""The tables of the jobs' database, the same for SQLite and PostgreSQL."""

from typing import TypeVarTuple, get_args

from sqlalchemy import (
    JSON,
    BigInteger,
    Column,
    ColumnElement,
    Float,
    ForeignKey,
    Index,
    Integer,
    LargeBinary,
    MetaData,
    Select,
    String,
    Table,
    Text,
    Uuid,
    event,
    literal_column,
    text,
)

from image_api.jobs.job import JobStatus

Row = TypeVarTuple("Row")

OWNER = String(64)
STATUS = String(10)
DOCUMENT = JSON(none_as_null=True)  # not JSONB, which changes the order of names and takes no \u0000

metadata = MetaData()


def _partial(name: str, *columns: str, where: str, unique: bool = False) -> Index:
    """Return an index of the rows that meet a condition, in both databases."""
    return Index(name, *columns, unique=unique, info={"where": where})


jobs = Table(
    "jobs",
    metadata,
    Column("id", Uuid, primary_key=True),
    Column("owner", OWNER, nullable=False),
    Column("status", STATUS, nullable=False),
    Column("request", DOCUMENT, nullable=False),
    Column("request_digest", String(64), nullable=False),
    Column("idempotency_key", String(255)),
    Column("base_url", Text, nullable=False),
    Column("webhook_url", Text),
    Column("image_bytes", Integer, nullable=False),
    Column("attempts", Integer, nullable=False),
    Column("interruptions", Integer, nullable=False),
    Column("created_at", Float, nullable=False),
    Column("started_at", Float),
    Column("completed_at", Float),
    Column("not_before", Float, nullable=False),
    Column("holder", String(40)),
    Column("lease_until", Float),
    Column("progress", DOCUMENT),
    Column("images", DOCUMENT),
    Column("failed", DOCUMENT),
    Column("error", DOCUMENT),
    Column("published_at", Float),
    Column("payer", DOCUMENT),
    Index("jobs_by_owner", "owner", "id"),
    # One for each status: a change writes to that of the new one alone. None has lease_until or progress: PostgreSQL
    # renews a lease without touching any (HOT), in the room that fillfactor leaves.
    *(_partial(f"jobs_{status}", "owner", "id", where=f"status = '{status}'") for status in get_args(JobStatus)),
    _partial("jobs_published", "published_at", where="status = 'pending' and published_at is not null"),
    _partial("jobs_untold", "id", where="status = 'canceled' and published_at is not null"),
    _partial("jobs_oldest_pending", "id", where="status = 'pending'"),
    _partial("jobs_idempotency", "owner", "idempotency_key", where="idempotency_key is not null", unique=True),
    info={"fillfactor": 85},
)


def has_status(status: JobStatus) -> ColumnElement[bool]:
    """Return the condition that a job has a status: written out, since SQLite plans without a parameter's value."""
    return jobs.c.status == literal_column(f"'{status}'")


def by_index(query: Select[*Row], index: str) -> Select[*Row]:
    """Return a query of jobs for which SQLite takes this index: it does not know that a partial one is the smaller."""
    return query.with_hint(jobs, f"INDEXED BY {index}", "sqlite")


PENDING = has_status("pending")
PROCESSING = has_status("processing")

job_images = Table(
    "job_images",
    metadata,
    Column("job_id", Uuid, ForeignKey("jobs.id", ondelete="CASCADE"), primary_key=True),
    Column("data", LargeBinary, nullable=False),
)
"""The images to begin with of jobs that are not final."""

queues = Table(
    "queues",
    metadata,
    Column("owner", OWNER, primary_key=True),
    Column("pending", Integer, nullable=False),
    Column("image_bytes", BigInteger, nullable=False),
)
"""How many pending jobs each owner has, and bytes of images: kept with each change, so that no query counts rows."""

deliveries = Table(
    "deliveries",
    metadata,
    Column("id", Uuid, primary_key=True),
    Column("job_id", Uuid, ForeignKey("jobs.id", ondelete="CASCADE"), nullable=False),
    Column("type", String(20), nullable=False),
    Column("host", String(255), nullable=False),
    Column("status", STATUS, nullable=False),
    Column("attempts", DOCUMENT, nullable=False),
    Column("created_at", Float, nullable=False),
    Column("completed_at", Float),
    Column("not_before", Float, nullable=False),
    Column("holder", String(40)),
    Index("deliveries_by_job", "job_id", "id"),
    _partial("deliveries_pending", "not_before", "host", where="status = 'pending'"),
)
"""The webhooks' deliveries, each written with the change that it tells of.

While one is sent, it has a holder, and its `not_before` is the end of that lease: then it is due again.
"""
UNDELIVERED = deliveries.c.status == literal_column("'pending'")
"""The condition of a delivery that is to be sent, or sent again."""


api_keys = Table(
    "api_keys",
    metadata,
    Column("id", String(32), primary_key=True),
    Column("name", String(64), nullable=False, unique=True),
    Column("hash", String(64), nullable=False, unique=True),
    Column("scopes", String(64), nullable=False),
    Column("per_minute", Integer),
    Column("per_day", Integer),
    Column("budget", BigInteger),
    Column("created_at", Float, nullable=False),
    Column("rotated_at", Float),
    Column("expires_at", Float),
    Column("revoked_at", Float),
)
"""API keys by the SHA-256 of their texts, in hexadecimal digits. An id stays when its key is rotated."""

spending = Table(
    "spending",
    metadata,
    Column("account", String(96), primary_key=True),
    Column("day", String(10), primary_key=True),
    Column("micros", BigInteger, nullable=False),
)
"""What the pictures of accounts with a budget have cost in a day of UTC, in micro-dollars, reservations included."""

reservations = Table(
    "reservations",
    metadata,
    Column("name", String(96), primary_key=True),
    Column("account", String(96), nullable=False),
    Column("day", String(10), nullable=False),
    Column("micros", BigInteger, nullable=False),
)
"""What is held in `spending` for pictures that another process may settle: those that Celery workers make for jobs."""

signing_keys = Table("signing_keys", metadata, Column("secret", String(64), primary_key=True))
"""The secret of signed links: one row, once it was needed."""

identity = Table("identity", metadata, Column("id", String(32), primary_key=True))
"""What tells this database from others whose jobs share a Redis: one row, once it was needed."""


@event.listens_for(metadata, "before_create")
def _add_options(*_: object, **__: object) -> None:
    complete()


def complete() -> MetaData:
    """Return the tables with what only their creation needs: it loads both databases' dialects, 4 MiB."""
    for table in metadata.tables.values():
        if fillfactor := table.info.get("fillfactor"):
            table.dialect_kwargs["postgresql_with"] = {"fillfactor": fillfactor}
        for index in table.indexes:
            if where := index.info.get("where"):
                index.dialect_kwargs["sqlite_where"] = index.dialect_kwargs["postgresql_where"] = text(where)
    return metadata
