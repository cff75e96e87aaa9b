"""Delete pictures from every storage that has them: python -m render_worker.delete NAME_OR_URL...

It runs where the worker runs, with the worker's settings, because the local folder is this machine's.
"""

import argparse
import asyncio
import logging
import sys

from render_worker.errors import StorageFailed, StorageNotConfigured
from render_worker.settings import load
from render_worker.storages import build_storages
from render_worker.storages.base import Storage, Storages
from render_worker.storages.local import LocalStorage

OF_IMGUR = "imgur:"


async def delete(storages: Storages, word: str) -> list[tuple[str, bool]]:
    """Delete a picture wherever it is; for each storage a line of what came of it, and whether it was deleted there."""
    asked = [storage for storage in storages if storage.name == "imgur" or not word.startswith(OF_IMGUR)]
    lines = [await _deleted(storage, word) for storage in asked]
    if any(deleted for _, deleted in lines):
        lines += await _marked(storages, word)
    return lines or [("imgur is not in STORAGE", False)]


async def _marked(storages: Storages, word: str) -> list[tuple[str, bool]]:
    """Whichever storage had it: an API tier that finds it gone asks the worker before it has it made again."""
    try:
        for storage in storages:
            if isinstance(storage, LocalStorage):
                await storage.mark(word)
    except StorageFailed as error:
        return [(f"local: it may be made again: {error}", False)]
    return []


async def _deleted(storage: Storage, word: str) -> tuple[str, bool]:
    try:
        storage.check()
        deleted = await storage.delete(word)
    except (StorageFailed, StorageNotConfigured) as error:
        return f"{storage.name}: failed: {error}", False
    return f"{storage.name}: {'deleted' if deleted else 'not there'}", deleted


async def _all(storages: Storages, words: list[str]) -> bool:
    any_deleted = False
    for word in words:
        for line, deleted in await delete(storages, word):
            sys.stdout.write(f"{word.partition('?')[0]}  {line}\n")
            any_deleted = any_deleted or deleted
    return any_deleted


def main(arguments: list[str] | None = None) -> int:
    """Exit code 0 only where something was deleted."""
    parser = argparse.ArgumentParser(
        prog="python -m render_worker.delete",
        description="Delete pictures from every storage that STORAGE names and from the local folder. Run it where the "
        "worker runs, with the worker's settings.",
        epilog="Copies that browsers or a CDN have live on until they expire.",
    )
    parser.add_argument(
        "picture",
        nargs="+",
        metavar="NAME_OR_URL",
        help="a picture's file name (SHA-256 and ending) or image_url; for Imgur imgur:DELETEHASH, which the log has",
    )
    words: list[str] = parser.parse_args(arguments).picture
    logging.basicConfig(level=logging.WARNING)
    return 0 if asyncio.run(_all(build_storages(load()), words)) else 1


if __name__ == "__main__":
    sys.exit(main())
