"""The deletion of pictures from every storage, each with a tombstone, so that it is not made again."""

from enum import IntEnum

from render_worker.storages.base import Storage, image_name_in
from render_worker.storages.chain import StorageChain
from render_worker.storages.errors import DeletionUnsupported, StorageFailed, StorageNotConfigured
from render_worker.storages.local.storage import LocalStorage

IMGUR = "imgur"  # by its name: its class would be imported at every start
OF_IMGUR = f"{IMGUR}:"
NO_NAME = "failed: it is neither a picture's name or address nor imgur:DELETEHASH, which the log has"
SKIPPED = "imgur: skipped: it deletes only by imgur:DELETEHASH"  # whether it has the picture is unknown
NOT_NAMED = "local: no tombstone: imgur:DELETEHASH:NAME, which the log has, also keeps it from being made again"
NO_TOMBSTONE = "local: deleted, but nothing keeps it from being made again"


class DeletionOutcome(IntEnum):
    """The outcome of a deletion, and the exit code; the greatest of all pictures' counts."""

    DELETED = 0
    NOT_THERE = 1
    FAILED = 2


OutputLine = tuple[str, DeletionOutcome]
"""A line of the output, and its outcome."""


async def delete(storages: StorageChain, word: str) -> list[OutputLine]:
    """Delete a picture from every storage and leave a tombstone; return a line for each storage."""
    if word.startswith(OF_IMGUR):
        return await _delete_from_imgur(storages, word)
    if image_name_in(word) is None:
        return [(NO_NAME, DeletionOutcome.FAILED)]
    lines = [await _delete_from(storage, word) for storage in storages]
    # Also if it was nowhere: its file may be lost, and an API tier still know how it was made.
    return lines + await _leave_tombstone(storages, word)


async def delete_by_name(storages: StorageChain, name: str) -> bool:
    """Delete the picture of a name from every storage and leave a tombstone; return whether any storage had it.

    Raises StorageFailed if a storage failed, and DeletionUnsupported if only one may have it that deletes by no name.
    """
    lines = await delete(storages, name)
    outcome = outcome_of(lines)
    if outcome is DeletionOutcome.FAILED:
        failures = [line for line, failed in lines if failed is DeletionOutcome.FAILED]
        raise StorageFailed(f"The picture was not deleted everywhere: {'; '.join(failures)}")
    if outcome is DeletionOutcome.NOT_THERE and any(storage.name == IMGUR for storage in storages):
        raise DeletionUnsupported
    return outcome is DeletionOutcome.DELETED


async def _delete_from_imgur(storages: StorageChain, word: str) -> list[OutputLine]:
    """Delete a picture by its deletehash, and leave a tombstone if the word has its name, too."""
    reference, _, name = word.removeprefix(OF_IMGUR).partition(":")
    imgur = [storage for storage in storages if storage.name == IMGUR]
    lines = [await _delete_from(storage, OF_IMGUR + reference) for storage in imgur]
    if not lines:
        return [("failed: imgur is not in STORAGE", DeletionOutcome.FAILED)]
    if image_name_in(name) is None:
        return [*lines, (NOT_NAMED, DeletionOutcome.FAILED if name else lines[0][1])]
    return lines + await _leave_tombstone(storages, name)


def outcome_of(lines: list[OutputLine]) -> DeletionOutcome:
    """Return the outcome of a picture: FAILED if any storage failed, else DELETED if any had it."""
    outcomes = {outcome for _, outcome in lines}
    return DeletionOutcome.FAILED if DeletionOutcome.FAILED in outcomes else min(outcomes)


async def _leave_tombstone(storages: StorageChain, word: str) -> list[OutputLine]:
    """Leave a tombstone, whichever storage had it: before making a lost picture again the API tier asks the worker."""
    try:
        for storage in storages:
            if isinstance(storage, LocalStorage):
                await storage.leave_tombstone(word)
    except StorageFailed as error:
        return [(f"{NO_TOMBSTONE}: {error}", DeletionOutcome.FAILED)]
    return []


async def _delete_from(storage: Storage, word: str) -> OutputLine:
    if storage.name == IMGUR and not word.startswith(OF_IMGUR):
        return SKIPPED, DeletionOutcome.NOT_THERE
    try:
        storage.check()
        deleted = await storage.delete(word)
    except (StorageFailed, StorageNotConfigured) as error:
        return f"{storage.name}: failed: {error}", DeletionOutcome.FAILED
    return f"{storage.name}: deleted" if deleted else f"{storage.name}: not there", DeletionOutcome(not deleted)
