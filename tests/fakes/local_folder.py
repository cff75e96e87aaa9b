"""Pictures of a given size, and a look into the local folder."""

import asyncio

from render_worker.picture import Picture
from render_worker.storages.base import StoredObject


def picture(letter: str, kilobytes: int = 300, *, cheap: bool = False, client: str | None = None) -> Picture:
    """Return a picture that is named by a letter, made for a client."""
    return Picture(letter.encode() * kilobytes * 1024, 1, 1, letter * 64, cheap=cheap, client=client)


def save(storage, subject: Picture) -> StoredObject:
    """Save a picture in a storage."""
    return asyncio.run(storage.save(subject))


def letters_in(storage) -> set[str]:
    """Return the first letters of the names of all files in the local folder."""
    return {path.name[0] for path in storage.folder.iterdir()}
