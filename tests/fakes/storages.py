"""Storages that do what a test says, and the names of the real ones by what they have in common."""

import asyncio
from pathlib import Path

from render_worker.picture import Picture
from render_worker.storages import STORAGES
from render_worker.storages.base import Storage, StoredObject
from render_worker.storages.bucket import BucketStorage
from render_worker.storages.errors import ServiceFailed

KINDS = tuple(STORAGES)
NAMED = tuple(name for name, row in STORAGES.items() if row.load().content_addressed)
BUCKETS = tuple(name for name, row in STORAGES.items() if issubclass(row.load(), BucketStorage))
REMOTE = tuple(name for name, row in STORAGES.items() if row.load().remote)
FAKED = tuple(name for name in REMOTE if Path(__file__).with_name(f"{name}_server.py").is_file())
"""Those with a server of their own beside this file; the sandbox plays the other remote ones."""


class ScriptedStorage(Storage):
    """Saves, fails or hangs as the test says, and counts how often it was asked."""

    title = "The storage"

    def __init__(self, name: str, fails: str | None = None, *, remote: bool = True, **more: object) -> None:
        """Take the kind of failure, or `hang`, or None for success; `more` is passed to ServiceFailed."""
        self.name, self.remote = name, remote  # type: ignore[misc]
        self.fails, self.more = fails, more
        self.asked = 0
        self.foreseen: str | None = None

    def unavailable_reason(self) -> str | None:
        return self.foreseen

    async def save(self, picture: Picture) -> StoredObject:
        self.asked += 1
        if self.fails == "hang":
            await asyncio.sleep(60)
        elif self.fails:
            raise ServiceFailed(type(self), self.fails, f"{self.name} fails.", **self.more)
        return StoredObject(f"https://{self.name}/x.png", picture.content_type)

    async def delete(self, reference: str) -> bool:
        return False


ScriptedStorage.name = "scripted"  # type: ignore[misc]
