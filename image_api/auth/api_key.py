"""API keys: their form, the hash by which they are stored, and the account of one."""

import hashlib
import re
import secrets
from dataclasses import dataclass

from image_api.auth.account import Account, Scope
from image_api.auth.errors import InvalidCredential
from image_api.key_entries import time_text
from image_api.limits.allowance import Allowance

PREFIX = "ig_"
"""By which secret scanners and people know one."""
KEY = re.compile(r"ig_[A-Za-z0-9_-]{43}")
KEY_BYTES = 32


@dataclass(frozen=True, slots=True)
class ApiKey:
    """An API key without its text."""

    id: str
    """Kept if the key is rotated."""
    name: str
    scopes: frozenset[Scope]
    allowance: Allowance
    expires_at: float | None = None
    """Seconds since the epoch, as all times here."""
    revoked_at: float | None = None

    @property
    def account_id(self) -> str:
        """Return the id of its account."""
        return f"key:{self.id}"

    def account(self, now: float) -> Account:
        """Return its account. Raises InvalidCredential if it was revoked, or has expired."""
        if self.revoked_at is not None:
            raise InvalidCredential(f"This API key was revoked at {time_text(self.revoked_at)}.")
        account = Account(self.account_id, self.name, self.scopes, self.allowance, self.expires_at)
        refuse_expired(account, now)
        return account


def has_expired(it: ApiKey | Account, now: float) -> bool:
    """Return whether an API key, or that of an account, has expired."""
    return it.expires_at is not None and it.expires_at <= now


def refuse_expired(account: Account, now: float) -> None:
    """Raise InvalidCredential if the API key of an account has expired."""
    if account.expires_at is not None and has_expired(account, now):
        raise InvalidCredential(f"This API key expired at {time_text(account.expires_at)}.")


def new_key() -> str:
    """Return the text of a new key."""
    return PREFIX + secrets.token_urlsafe(KEY_BYTES)


def hash_of(key: str) -> str:
    """Return the hash by which a key is stored and found.

    A fast one without a salt is right: salt and slowness protect what can be guessed, and no 256 random bits can be
    (NIST asks for both below 112 bits alone: https://pages.nist.gov/800-63-3/sp800-63b.html, 5.1.2.2).
    """
    return hashlib.sha256(key.encode()).hexdigest()
