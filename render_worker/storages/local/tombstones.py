"""Tombstones of deleted pictures: empty files in the local folder, by which the API tier learns not to remake them."""

import re
import time
from contextlib import suppress
from pathlib import Path

from render_worker.contract import IMAGE_NAME
from render_worker.storages.local.files import NOT_OURS

TOMBSTONE = ".deleted"  # behind a picture's name
TOMBSTONE_SECONDS = 365 * 24 * 3600  # as long as an API tier may remember how to make the picture again


def tombstone_of(folder: Path, name: str) -> Path:
    """Return the path of the tombstone of the picture of that name."""
    return folder / (name + TOMBSTONE)


def was_deleted(folder: Path, name: str) -> bool:
    """Return whether the operator deleted the picture of that name."""
    return tombstone_of(folder, name).exists()


def remove_expired_tombstones(folder: Path) -> None:
    """Remove the tombstones that are older than TOMBSTONE_SECONDS; another owner's stay."""
    oldest = time.time() - TOMBSTONE_SECONDS
    for tombstone in folder.glob(f"*{TOMBSTONE}"):
        with suppress(FileNotFoundError, *NOT_OURS):  # another process removes them, too
            if re.fullmatch(IMAGE_NAME, tombstone.stem) and tombstone.stat().st_mtime < oldest:
                tombstone.unlink()
