"""API keys of tests, declared by API_KEYS and stored in a database."""

from collections.abc import Iterator
from contextlib import contextmanager

from flask.testing import FlaskClient
from pydantic import SecretStr

from image_api.auth.api_key import hash_of, new_key
from image_api.credentials.credential_store import CredentialStore
from image_api.database_url import engine_url
from image_api.key_entries import KeyEntry

MAKE = "/generate?prompt=a"


@contextmanager
def store_at(database_url: str) -> Iterator[CredentialStore]:
    """Yield the store of credentials in a database, as another process has it."""
    store = CredentialStore.at(engine_url(SecretStr(database_url)))
    yield store
    store.close(10)


def add(store: CredentialStore, name: str, **options: object) -> str:
    """Store a key, and return its text."""
    key = new_key()
    store.add_key(KeyEntry(name, hash_of(key), **options))
    return key


def declared(name: str, **options: object) -> tuple[str, str]:
    """Return the text of a key, and its entry for API_KEYS."""
    key = new_key()
    return key, str(KeyEntry(name, hash_of(key), **options))


def sent(key: str, header: str = "X-API-Key") -> dict[str, str]:
    """Return the header that carries a key."""
    return {header: f"Bearer {key}" if header == "Authorization" else key}


def code(client: FlaskClient, key: str, path: str = MAKE, method: str = "GET") -> int:
    """Return the status of a request with a key."""
    return client.open(path, method=method, headers=sent(key)).status_code
