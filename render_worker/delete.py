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

from render_worker.serving.logs import escaped
from render_worker.settings import load
from render_worker.storages import build_storages
from render_worker.storages.base import QUERY_OR_FRAGMENT
from render_worker.storages.chain import StorageChain
from render_worker.storages.deletion import DeletionOutcome, delete, outcome_of


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
