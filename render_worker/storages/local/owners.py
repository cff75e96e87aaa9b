"""The clients that the folder's pictures were made for, so that a flood of one client evicts that client's own.

Each file has an extended attribute with a hash of the client's id, which is a keyed hash already: it goes with the
file, survives a restart, and tells nothing but which files are of one client. If the file system has no such
attributes, all files count as one client's.
"""

import hashlib
import os
from collections.abc import Iterable
from contextlib import suppress

from render_worker.storages.local.files import ImageFile

ATTRIBUTE = "user.client"
DIGEST_BYTES = 8


def mark(handle: int, client: str | None) -> None:
    """Write the client into an open file, if it is known and the file system has such attributes."""
    if client is not None:
        with suppress(OSError):
            os.setxattr(handle, ATTRIBUTE, digest_of(client).encode())


def digest_of(client: str | None) -> str:
    """Return what a file keeps of a client's id; "" if it is not known."""
    return "" if client is None else hashlib.blake2b(client.encode(), digest_size=DIGEST_BYTES).hexdigest()


class Owners:
    """The owners of files, each read once. For one thread."""

    def __init__(self) -> None:
        self._read: dict[tuple[str, int], str] = {}

    def of(self, files: Iterable[ImageFile]) -> dict[str, str]:
        """Return the digests of the files' clients by the files' paths; "" for a client that is not known."""
        keys = [(file.path, file.time) for file in files]  # a file that was replaced has another time
        self._read = {key: known if (known := self._read.get(key)) is not None else _read(key[0]) for key in keys}
        return {path: owner for (path, _), owner in self._read.items()}


def _read(path: str) -> str:
    try:
        return os.getxattr(path, ATTRIBUTE).decode("ascii", "replace")
    except OSError:
        return ""
