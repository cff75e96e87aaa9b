"""The Redis of a local run that has none of the user's: DISPATCH=celery without a REDIS_URL."""

import shutil
import sys
from pathlib import Path

PROGRAM = "redis-server"


def require() -> None:
    """Exit with a sentence if there is no Redis to start."""
    if not shutil.which(PROGRAM):
        sys.exit(
            f"DISPATCH=celery needs a Redis, and {PROGRAM} is not installed: install it (apt-get install {PROGRAM}, or "
            "brew install redis), or set REDIS_URL to a Redis that runs."
        )


def address(folder: str) -> str:
    """Return the REDIS_URL of the Redis that keeps its socket in a folder."""
    return f"unix://{_socket(folder)}"


def command(folder: str) -> list[str]:
    """Return the command that starts it, for users who can enter the folder alone: no web page reaches a socket.

    It keeps nothing on the disk, as what was asked for is in the jobs' database.
    """
    return [
        PROGRAM,
        "--port",
        "0",
        "--unixsocket",
        _socket(folder),
        "--dir",
        folder,
        "--save",
        "",
        "--loglevel",
        "warning",
    ]


def _socket(folder: str) -> str:
    return str(Path(folder, "redis.sock"))
