"""When a pending job was put into the queue of the Celery workers, and by what that tells this database from others."""

import sqlalchemy as sa
from alembic import op

revision = "0002"
down_revision = "0001"

INDEXES = {"jobs_published": ("pending", "published_at"), "jobs_untold": ("canceled", "id")}


def upgrade() -> None:
    """Add the column, indexes of jobs that wait in that queue or are to be taken from it, and the identity's table."""
    op.add_column("jobs", sa.Column("published_at", sa.Float()))
    for name, (status, column) in INDEXES.items():
        where = sa.text(f"status = '{status}' and published_at is not null")
        op.create_index(name, "jobs", [column], sqlite_where=where, postgresql_where=where)
    op.create_table("identity", sa.Column("id", sa.String(32), nullable=False), sa.PrimaryKeyConstraint("id"))


def downgrade() -> None:
    """Take it back."""
    op.drop_table("identity")
    for name in INDEXES:
        op.drop_index(name, "jobs")
    op.drop_column("jobs", "published_at")
