"""API keys: those that API_KEYS declares, which are in memory, and those of the jobs' database."""

import time
from collections.abc import Iterable
from typing import Protocol, cast

from image_api.auth.account import Account, Scope
from image_api.auth.answer_cache import Lifetimes
from image_api.auth.api_key import KEY, ApiKey, hash_of, refuse_expired
from image_api.auth.credential_checks import CredentialChecks, Source
from image_api.auth.errors import InvalidCredential
from image_api.key_entries import KeyEntry
from image_api.limits.allowance import Allowance

OTHER_TEXT = "The credential is no API key of this service: those are ig_ and 43 characters."
UNKNOWN = "This API key is unknown: it never was one, or was replaced by rotation."
DOWN = "The database of the API keys does not answer."
LIFETIMES = Lifetimes(account=1.0, refusal=1.0)
"""A key that was revoked is accepted for a second still, and one that was refused is looked up again after that."""
LOOK_UP_SLOTS = 8
LOOK_UP_SECONDS = 25.0  # a reader is waited for, and then its answer, each for ten (jobs/database)


class KeySource(Protocol):
    """What stores API keys."""

    def find_key(self, digest: str) -> ApiKey | None:
        """Return the API key with a hash; None if there is none. Raises AuthUnavailable if that cannot be found out."""
        ...


class ApiKeys:
    """The accounts of API keys. Thread-safe.

    If the database is out of reach, keys that were valid are accepted for ten minutes, and others get AuthUnavailable.
    """

    wanted = "an API key, as Authorization: Bearer ig_… or X-API-Key: ig_…"

    def __init__(self, declared: Iterable[KeyEntry], stored: KeySource) -> None:
        self._declared = {it.sha256: declared_key(it).account(0) for it in declared}
        self._stored = stored
        self.checks = CredentialChecks(Source(self._look_up, DOWN, LOOK_UP_SLOTS, LOOK_UP_SECONDS), LIFETIMES)

    def account_of(self, credential: str, client: str | None) -> Account:
        """Return the account of an API key, as Authenticator has it."""
        if not KEY.fullmatch(credential):
            raise InvalidCredential(OTHER_TEXT)
        declared = self._declared.get(hash_of(credential))
        account = declared or self.checks.account_of(credential, client)
        refuse_expired(account, time.time())  # an answer that was cached may be ten minutes old
        return account

    def _look_up(self, credential: str) -> Account:
        found = self._stored.find_key(hash_of(credential))
        if found is None:
            raise InvalidCredential(UNKNOWN)
        return found.account(time.time())


def declared_key(entry: KeyEntry) -> ApiKey:
    """Return the key of an entry of API_KEYS."""
    scopes = frozenset(cast("Scope", it) for it in entry.scopes)
    allowance = Allowance(entry.per_minute, entry.per_day, entry.budget)
    return ApiKey(f"env:{entry.name}", entry.name, scopes, allowance, entry.expires_at)
