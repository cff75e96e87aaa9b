"""API keys, what their pictures have cost, of which jobs, and the secret of signed links."""

import sqlalchemy as sa
from alembic import op

revision = "0003"
down_revision = "0002"


def upgrade() -> None:
    """Add the tables, and to jobs whose budget they count on."""
    op.add_column("jobs", sa.Column("payer", sa.JSON()))
    op.create_table(
        "api_keys",
        sa.Column("id", sa.String(32), nullable=False),
        sa.Column("name", sa.String(64), nullable=False),
        sa.Column("hash", sa.String(64), nullable=False),
        sa.Column("scopes", sa.String(64), nullable=False),
        sa.Column("per_minute", sa.Integer()),
        sa.Column("per_day", sa.Integer()),
        sa.Column("budget", sa.BigInteger()),
        sa.Column("created_at", sa.Float(), nullable=False),
        sa.Column("rotated_at", sa.Float()),
        sa.Column("expires_at", sa.Float()),
        sa.Column("revoked_at", sa.Float()),
        sa.PrimaryKeyConstraint("id"),
        sa.UniqueConstraint("name"),
        sa.UniqueConstraint("hash"),
    )
    op.create_table(
        "spending",
        sa.Column("account", sa.String(96), nullable=False),
        sa.Column("day", sa.String(10), nullable=False),
        sa.Column("micros", sa.BigInteger(), nullable=False),
        sa.PrimaryKeyConstraint("account", "day"),
    )
    op.create_table(
        "reservations",
        sa.Column("name", sa.String(96), nullable=False),
        sa.Column("account", sa.String(96), nullable=False),
        sa.Column("day", sa.String(10), nullable=False),
        sa.Column("micros", sa.BigInteger(), nullable=False),
        sa.PrimaryKeyConstraint("name"),
    )
    op.create_table(
        "signing_keys", sa.Column("secret", sa.String(64), nullable=False), sa.PrimaryKeyConstraint("secret")
    )


def downgrade() -> None:
    """Take them back."""
    for table in ("signing_keys", "reservations", "spending", "api_keys"):
        op.drop_table(table)
    op.drop_column("jobs", "payer")
