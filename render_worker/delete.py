"""The operator's command that deletes pictures from every storage: python -m render_worker.delete NAME_OR_URL...

A deleted picture gets a tombstone in the local folder, so that it is not made again. The command runs where the worker
runs, with the worker's settings, because that folder is on its machine.
"""

from render_worker.serving.process_hardening import become_undumpable

if __name__ == "__main__":
    become_undumpable()  # before the rest is imported, which takes a second: it has the storages' secrets

import argparse
import asyncio
import logging
import sys
from enum import IntEnum

from render_worker.serving.logs import escaped
from render_worker.settings import load
from render_worker.storages import build_storages
from render_worker.storages.base import QUERY_OR_FRAGMENT, Storage, image_name_in
from render_worker.storages.chain import StorageChain
from render_worker.storages.errors import StorageFailed, StorageNotConfigured
from render_worker.storages.imgur.storage import ImgurStorage
from render_worker.storages.local.storage import LocalStorage

OF_IMGUR = "imgur:"
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


async def _delete_from_imgur(storages: StorageChain, word: str) -> list[OutputLine]:
    """Delete a picture by its deletehash, and leave a tombstone if the word has its name, too."""
    reference, _, name = word.removeprefix(OF_IMGUR).partition(":")
    imgur = [storage for storage in storages if isinstance(storage, ImgurStorage)]
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
    if isinstance(storage, ImgurStorage) and not word.startswith(OF_IMGUR):
        return SKIPPED, DeletionOutcome.NOT_THERE
    try:
        storage.check()
        deleted = await storage.delete(word)
    except (StorageFailed, StorageNotConfigured) as error:
        return f"{storage.name}: failed: {error}", DeletionOutcome.FAILED
    return f"{storage.name}: deleted" if deleted else f"{storage.name}: not there", DeletionOutcome(not deleted)


async def _delete_all(storages: StorageChain, words: list[str]) -> DeletionOutcome:
    worst = DeletionOutcome.DELETED
    for word in map(str.strip, words):
        lines = await delete(storages, word)
        for line, _ in lines:
            shown = QUERY_OR_FRAGMENT.split(word)[0]  # without a signed URL's signature, which is a secret
            sys.stdout.write(f"{escaped(shown)}  {escaped(line)}\n")
        worst = max(worst, outcome_of(lines))
    return worst


def main(arguments: list[str] | None = None) -> int:
    """Delete the pictures that the command line names; return the exit code, a DeletionOutcome."""
    parser = argparse.ArgumentParser(
        prog="python -m render_worker.delete",
        description="Delete pictures from every storage that STORAGE names and from the local folder. Run it where the "
        "worker runs, with the worker's settings.",
        epilog="Copies that browsers or a CDN have live on until they expire. Where the folder with its tombstones is "
        "lost from time to time, as on a free plan, fetch each address at the API tier once: it then forgets how the "
        "picture was made. Exit code: 0 if each picture was deleted and nothing failed, 1 if one was nowhere, 2 if "
        "anything failed.",
    )
    parser.add_argument(
        "picture",
        nargs="+",
        metavar="NAME_OR_URL",
        help="a picture's file name (SHA-256 and ending) or image_url; for Imgur imgur:DELETEHASH:NAME, as in the log",
    )
    words: list[str] = parser.parse_args(arguments).picture
    logging.basicConfig(level=logging.WARNING)
    return asyncio.run(_delete_all(build_storages(load()), words))


if __name__ == "__main__":
    sys.exit(main())
