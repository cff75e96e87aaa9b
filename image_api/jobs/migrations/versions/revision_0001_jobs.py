"""Create the tables of jobs."""

import sqlalchemy as sa
from alembic import op

revision = "0001"
down_revision = None

DOCUMENT = sa.JSON(none_as_null=True)


def upgrade() -> None:
    """Take the step."""
    op.create_table(
        "jobs",
        sa.Column("id", sa.Uuid(), nullable=False),
        sa.Column("owner", sa.String(64), nullable=False),
        sa.Column("status", sa.String(10), nullable=False),
        sa.Column("request", DOCUMENT, nullable=False),
        sa.Column("request_digest", sa.String(64), nullable=False),
        sa.Column("idempotency_key", sa.String(255)),
        sa.Column("base_url", sa.Text(), nullable=False),
        sa.Column("webhook_url", sa.Text()),
        sa.Column("image_bytes", sa.Integer(), nullable=False),
        sa.Column("attempts", sa.Integer(), nullable=False),
        sa.Column("interruptions", sa.Integer(), nullable=False),
        sa.Column("created_at", sa.Float(), nullable=False),
        sa.Column("started_at", sa.Float()),
        sa.Column("completed_at", sa.Float()),
        sa.Column("not_before", sa.Float(), nullable=False),
        sa.Column("holder", sa.String(40)),
        sa.Column("lease_until", sa.Float()),
        sa.Column("progress", DOCUMENT),
        sa.Column("images", DOCUMENT),
        sa.Column("failed", DOCUMENT),
        sa.Column("error", DOCUMENT),
        sa.PrimaryKeyConstraint("id"),
        postgresql_with={"fillfactor": 85},
    )
    op.create_index("jobs_by_owner", "jobs", ["owner", "id"])
    _partial_index(
        "jobs_final",
        "jobs",
        ["owner", "status", "id"],
        "status = 'completed' or status = 'failed' or status = 'canceled'",
    )
    _partial_index("jobs_pending", "jobs", ["owner", "id"], "status = 'pending'")
    _partial_index("jobs_oldest_pending", "jobs", ["id"], "status = 'pending'")
    _partial_index("jobs_processing", "jobs", ["owner", "id"], "status = 'processing'")
    _partial_index("jobs_idempotency", "jobs", ["owner", "idempotency_key"], "idempotency_key is not null", unique=True)
    op.create_table(
        "job_images",
        sa.Column("job_id", sa.Uuid(), nullable=False),
        sa.Column("data", sa.LargeBinary(), nullable=False),
        sa.ForeignKeyConstraint(["job_id"], ["jobs.id"], ondelete="CASCADE"),
        sa.PrimaryKeyConstraint("job_id"),
    )
    op.create_table(
        "queues",
        sa.Column("owner", sa.String(64), nullable=False),
        sa.Column("pending", sa.Integer(), nullable=False),
        sa.Column("image_bytes", sa.BigInteger(), nullable=False),
        sa.PrimaryKeyConstraint("owner"),
    )
    op.create_table(
        "deliveries",
        sa.Column("id", sa.Uuid(), nullable=False),
        sa.Column("job_id", sa.Uuid(), nullable=False),
        sa.Column("type", sa.String(20), nullable=False),
        sa.Column("host", sa.String(255), nullable=False),
        sa.Column("status", sa.String(10), nullable=False),
        sa.Column("attempts", DOCUMENT, nullable=False),
        sa.Column("created_at", sa.Float(), nullable=False),
        sa.Column("completed_at", sa.Float()),
        sa.Column("not_before", sa.Float(), nullable=False),
        sa.Column("holder", sa.String(40)),
        sa.ForeignKeyConstraint(["job_id"], ["jobs.id"], ondelete="CASCADE"),
        sa.PrimaryKeyConstraint("id"),
    )
    op.create_index("deliveries_by_job", "deliveries", ["job_id", "id"])
    _partial_index("deliveries_pending", "deliveries", ["not_before", "host"], "status = 'pending'")


def downgrade() -> None:
    """Take it back."""
    for table in ("deliveries", "queues", "job_images", "jobs"):
        op.drop_table(table)


def _partial_index(name: str, table: str, columns: list[str], condition: str, *, unique: bool = False) -> None:
    where = sa.text(condition)
    op.create_index(name, table, columns, unique=unique, sqlite_where=where, postgresql_where=where)
