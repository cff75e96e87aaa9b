"""The table of the key of signed links: its statements."""

import secrets

from sqlalchemy import Connection, insert, select

from image_api.jobs.database.tables import signing_keys
from image_api.jobs.database.transaction import Transaction


def link_keys(connection: Connection) -> tuple[bytes, ...]:
    """Return the key; none if it was never needed."""
    return tuple(secret.encode() for secret in connection.scalars(select(signing_keys.c.secret)))


def made_link_key(transaction: Transaction) -> bytes:
    """Return the key, which is made if there is none: no other process writes at the same time."""
    for key in link_keys(transaction.connection):
        return key
    secret = secrets.token_urlsafe(32)
    transaction.connection.execute(insert(signing_keys), {"secret": secret})
    return secret.encode()
