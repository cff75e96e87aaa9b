"""API keys as rows of their table."""

import secrets
from dataclasses import dataclass
from typing import Any

from sqlalchemy import Connection, Row, bindparam, insert, select, update

from image_api.auth.account import Scope
from image_api.auth.api_key import ApiKey
from image_api.credentials.errors import KeyExists, KeyIsOver, NoSuchKey
from image_api.jobs.database.tables import api_keys, spending
from image_api.jobs.database.transaction import Transaction, clock_of
from image_api.key_entries import KeyEntry, time_text
from image_api.limits.allowance import Allowance
from image_api.limits.utc_day import day_of

SCOPE: dict[str, Scope] = {"generate": "generate", "jobs": "jobs", "admin": "admin"}
WITH_HASH = select(api_keys).where(api_keys.c.hash == bindparam("digest"))
WITH_NAME = select(api_keys).where(api_keys.c.name == bindparam("its_name"))
ALL = select(api_keys).order_by(api_keys.c.created_at, api_keys.c.name)
SPENT = select(spending.c.account, spending.c.micros).where(spending.c.day == bindparam("today"))
CHANGE = update(api_keys).where(api_keys.c.id == bindparam("its_id"))


@dataclass(frozen=True, slots=True)
class KeyRow:
    """An API key with what its operator wants to know of it."""

    key: ApiKey
    created_at: float | None = None
    """None if API_KEYS declares it."""
    rotated_at: float | None = None
    spent: int = 0
    """Micro-dollars of this day of UTC."""


def key_of_hash(connection: Connection, digest: str) -> ApiKey | None:
    """Return the API key with a hash; None if there is none."""
    row = connection.execute(WITH_HASH, {"digest": digest}).one_or_none()
    return _key(row) if row else None


def all_keys(connection: Connection) -> list[KeyRow]:
    """Return all API keys."""
    spent = spent_today(connection)
    found = [(_key(row), row) for row in connection.execute(ALL)]
    return [KeyRow(key, row.created_at, row.rotated_at, spent.get(key.account_id, 0)) for key, row in found]


def spent_today(connection: Connection) -> dict[str, int]:
    """Return the micro-dollars that accounts have spent in this day of UTC."""
    today = day_of(clock_of(connection))
    return {row.account: row.micros for row in connection.execute(SPENT, {"today": today.name})}


def add_key(transaction: Transaction, entry: KeyEntry) -> None:
    """Store a new API key. Raises KeyExists if there is one of its name."""
    connection = transaction.connection
    if connection.execute(WITH_NAME, {"its_name": entry.name}).first():
        raise KeyExists(f"There is a key named {entry.name}, or was one: a name is used once. Choose another.")
    row = {
        "id": secrets.token_hex(16),
        "name": entry.name,
        "hash": entry.sha256,
        "scopes": " ".join(entry.scopes),
        "per_minute": entry.per_minute,
        "per_day": entry.per_day,
        "budget": entry.budget,
        "created_at": transaction.now,
        "expires_at": entry.expires_at,
    }
    connection.execute(insert(api_keys), row)


def rotate_key(transaction: Transaction, name: str, digest: str) -> None:
    """Give an API key another hash. Raises NoSuchKey, and KeyIsOver if it was revoked or has expired."""
    key = _named(transaction, name)
    if key.expires_at is not None and key.expires_at <= transaction.now:
        raise KeyIsOver(f"The key {name} expired at {time_text(key.expires_at)}: create another.")
    transaction.connection.execute(CHANGE.values(hash=digest, rotated_at=transaction.now), {"its_id": key.id})


def revoke_key(transaction: Transaction, name: str) -> None:
    """Revoke an API key. Raises NoSuchKey, and KeyIsOver if it was revoked."""
    key = _named(transaction, name)
    transaction.connection.execute(CHANGE.values(revoked_at=transaction.now), {"its_id": key.id})


def _named(transaction: Transaction, name: str) -> ApiKey:
    """Return an API key that was not revoked. Raises NoSuchKey and KeyIsOver."""
    row = transaction.connection.execute(WITH_NAME, {"its_name": name}).one_or_none()
    if row is None:
        raise NoSuchKey(f"There is no key named {name}; flask --app app keys list shows all.")
    if row.revoked_at is not None:
        raise KeyIsOver(f"The key {name} was revoked at {time_text(row.revoked_at)}, for good: create another.")
    return _key(row)


def _key(row: Row[*tuple[Any, ...]]) -> ApiKey:
    return ApiKey(
        id=row.id,
        name=row.name,
        scopes=frozenset(SCOPE[it] for it in row.scopes.split()),
        allowance=Allowance(row.per_minute, row.per_day, row.budget),
        expires_at=row.expires_at,
        revoked_at=row.revoked_at,
    )
