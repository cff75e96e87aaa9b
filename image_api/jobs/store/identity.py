"""What tells a database of jobs from others."""

import secrets

from sqlalchemy import insert, select

from image_api.jobs.database.tables import identity
from image_api.jobs.database.transaction import Transaction


def identity_of(transaction: Transaction) -> str:
    """Return the id of the database, which it gets when it is needed first, and keeps."""
    found = transaction.connection.execute(select(identity.c.id)).scalar()
    if found is None:
        found = secrets.token_hex(16)
        transaction.connection.execute(insert(identity), {"id": found})
    return str(found)
