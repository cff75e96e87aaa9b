"""When a pending job was put into the queue of the Celery workers, and by what that tells this database from others."""

import sqlalchemy as sa
from alembic import op

revision = "0002"
down_revision = "0001"

INDEX = "jobs_published"


def upgrade() -> None:
    """Add the column, the index of the jobs that wait in that queue, and the table of the database's identity."""
    op.add_column("jobs", sa.Column("published_at", sa.Float()))
    where = sa.text("status = 'pending' and published_at is not null")
    op.create_index(INDEX, "jobs", ["published_at"], sqlite_where=where, postgresql_where=where)
    op.create_table("identity", sa.Column("id", sa.String(32), nullable=False), sa.PrimaryKeyConstraint("id"))


def downgrade() -> None:
    """Take it back."""
    op.drop_table("identity")
    op.drop_index(INDEX, "jobs")
    op.drop_column("jobs", "published_at")
