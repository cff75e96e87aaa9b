"""Bring a database up to date: `python image_api/jobs/migrations`, with its URL by standard input.

Its path starts it, not its name: without the rest of this tier it needs a third of the time, half of the memory.
"""

import sys
from pathlib import Path

from alembic import command
from alembic.config import Config
from alembic.util import CommandError
from sqlalchemy.exc import SQLAlchemyError

HERE = Path(__file__).resolve().parent
sys.path.insert(0, str(HERE.parent.parent.parent))

from render_worker.serving.process_hardening import become_undumpable  # noqa: E402


def main() -> None:
    """Upgrade the database; exit with a line that says why if that fails."""
    become_undumpable()  # before it knows a password
    config = Config()
    config.set_main_option("script_location", str(HERE).replace("%", "%%"))
    config.attributes["url"] = sys.stdin.read()
    try:
        command.upgrade(config, "head")
    except (CommandError, SQLAlchemyError, OSError) as error:
        reason = getattr(error, "orig", None) or error  # the driver's words, without SQLAlchemy's
        sys.exit(f"{type(reason).__name__}: {str(reason).partition(chr(10))[0]}")


if __name__ == "__main__":
    main()
