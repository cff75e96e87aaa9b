"""The credentials in the jobs' database, once that is loaded."""

from dataclasses import dataclass
from functools import partial

from image_api.auth.api_key import ApiKey
from image_api.credentials import key_rows, link_key_rows
from image_api.credentials.key_rows import KeyRow
from image_api.jobs.database.database import Database
from image_api.jobs.migrations.migration import bring_up_to_date
from image_api.key_entries import KeyEntry


@dataclass(frozen=True)
class CredentialStore:
    """What reads and writes the credentials. Thread-safe. Each method raises DatabaseUnavailable if need be."""

    database: Database

    @classmethod
    def at(cls, url: str) -> "CredentialStore":
        """Return that of a URL of `engine_url`, whose database is brought up to date."""
        bring_up_to_date(url)
        return cls(Database(url, partial(bring_up_to_date, url)))

    def close(self, seconds: float) -> None:
        """Close the connections, each once it is free; wait up to `seconds` for that."""
        self.database.close(seconds)

    def key_of_hash(self, digest: str) -> ApiKey | None:
        """Return the API key with a hash; None if there is none."""
        return self.database.read(partial(key_rows.key_of_hash, digest=digest))

    def keys(self) -> list[KeyRow]:
        """Return all API keys, revoked and expired ones too, in the order of their creation."""
        return self.database.read(key_rows.all_keys)

    def spent_today(self) -> dict[str, int]:
        """Return the micro-dollars that accounts have spent in this day of UTC, by their ids."""
        return self.database.read(key_rows.spent_today)

    def add_key(self, entry: KeyEntry) -> None:
        """Store a new API key. Raises KeyExists if there is one of its name."""
        self.database.write(partial(key_rows.add_key, entry=entry))

    def rotate_key(self, name: str, digest: str) -> None:
        """Give an API key another hash. Raises NoSuchKey, and KeyIsOver if it was revoked or has expired."""
        self.database.write(partial(key_rows.rotate_key, name=name, digest=digest))

    def revoke_key(self, name: str) -> None:
        """Revoke an API key. Raises NoSuchKey, and KeyIsOver if it was revoked."""
        self.database.write(partial(key_rows.revoke_key, name=name))

    def link_keys(self) -> tuple[bytes, ...]:
        """Return the key of signed links; none if it was never needed."""
        return self.database.read(link_key_rows.link_keys)

    def made_link_key(self) -> bytes:
        """Return the key of signed links, which is made if there is none."""
        return self.database.write(link_key_rows.made_link_key)
