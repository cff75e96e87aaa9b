"""Delete pictures from every storage that has them: python -m render_worker.delete NAME_OR_URL...

It runs where the worker runs, with the worker's settings, because the local folder is this machine's.
"""

from render_worker.serving.process_hardening import become_undumpable

if __name__ == "__main__":
    become_undumpable()  # before the rest is imported, which takes a second: it has the storages' secrets

import argparse
import asyncio
import logging
import sys
from enum import IntEnum

from render_worker.errors import StorageFailed, StorageNotConfigured
from render_worker.settings import load
from render_worker.storages import build_storages
from render_worker.storages.base import BEHIND_THE_PATH, Storage, StorageChain, name_in
from render_worker.storages.imgur import ImgurStorage
from render_worker.storages.local import LocalStorage

OF_IMGUR = "imgur:"
NO_NAME = "failed: it is neither a picture's name or address nor imgur:DELETEHASH, which the log has"
SKIPPED = "imgur: skipped: it deletes only by imgur:DELETEHASH"  # whether it has the picture, nobody knows
UNMARKED = "local: deleted, but nothing keeps it from being made again"


class Outcome(IntEnum):
    """What came of a deletion; of several the greatest counts for a picture, and is the exit code."""

    DELETED = 0
    NOT_THERE = 1
    FAILED = 2


Line = tuple[str, Outcome]
"""What is said of a picture."""


async def delete(storages: StorageChain, word: str) -> list[Line]:
    """Delete a picture wherever it is; for each storage a line of what came of it."""
    if word.startswith(OF_IMGUR):
        lines = [await _deleted(storage, word) for storage in storages if isinstance(storage, ImgurStorage)]
        return lines or [("failed: imgur is not in STORAGE", Outcome.FAILED)]
    if name_in(word) is None:
        return [(NO_NAME, Outcome.FAILED)]
    lines = [await _deleted(storage, word) for storage in storages]
    if any(outcome is Outcome.DELETED for _, outcome in lines):
        lines += await _marked(storages, word)
    return lines


def outcome_of(lines: list[Line]) -> Outcome:
    """What came of a picture in all: of the storages that did not fail, one that had it is enough."""
    outcomes = {outcome for _, outcome in lines}
    return Outcome.FAILED if Outcome.FAILED in outcomes else min(outcomes)


async def _marked(storages: StorageChain, word: str) -> list[Line]:
    """Whichever storage had it: an API tier that finds it gone asks the worker before it has it made again."""
    try:
        for storage in storages:
            if isinstance(storage, LocalStorage):
                await storage.mark(word)
    except StorageFailed as error:
        return [(f"{UNMARKED}: {error}", Outcome.FAILED)]
    return []


async def _deleted(storage: Storage, word: str) -> Line:
    if isinstance(storage, ImgurStorage) and not word.startswith(OF_IMGUR):
        return SKIPPED, Outcome.NOT_THERE
    try:
        storage.check()
        deleted = await storage.delete(word)
    except (StorageFailed, StorageNotConfigured) as error:
        return f"{storage.name}: failed: {error}", Outcome.FAILED
    return f"{storage.name}: deleted" if deleted else f"{storage.name}: not there", Outcome(not deleted)


async def _all(storages: StorageChain, words: list[str]) -> Outcome:
    worst = Outcome.DELETED
    for word in map(str.strip, words):
        lines = await delete(storages, word)
        for line, _ in lines:
            shown = BEHIND_THE_PATH.split(word)[0]  # without a link's signature, which is nobody's business
            sys.stdout.write(f"{_printable(shown)}  {_printable(line)}\n")
        worst = max(worst, outcome_of(lines))
    return worst


def _printable(text: str) -> str:
    """Without what a terminal would take for an order, and what is no text at all."""
    return "".join(letter if letter.isprintable() else ascii(letter)[1:-1] for letter in text)


def main(arguments: list[str] | None = None) -> int:
    """Exit code 0 where each picture was deleted and nothing failed, 1 where one was nowhere, 2 where any failed."""
    parser = argparse.ArgumentParser(
        prog="python -m render_worker.delete",
        description="Delete pictures from every storage that STORAGE names and from the local folder. Run it where the "
        "worker runs, with the worker's settings.",
        epilog="Copies that browsers or a CDN have live on until they expire. Exit code: 0 where each picture was "
        "deleted and nothing failed, 1 where one was nowhere, 2 where anything failed.",
    )
    parser.add_argument(
        "picture",
        nargs="+",
        metavar="NAME_OR_URL",
        help="a picture's file name (SHA-256 and ending) or image_url; for Imgur imgur:DELETEHASH, which the log has",
    )
    words: list[str] = parser.parse_args(arguments).picture
    logging.basicConfig(level=logging.WARNING)
    return asyncio.run(_all(build_storages(load()), words))


if __name__ == "__main__":
    sys.exit(main())
