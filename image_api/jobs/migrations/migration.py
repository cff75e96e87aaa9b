"""Bringing the jobs' database up to date, in a process of its own: Alembic would stay in this one's memory."""

import ast
import logging
import os
import subprocess
import sys
from functools import cache
from pathlib import Path

from sqlalchemy import Connection, inspect, make_url, text

from image_api.database_url import ROOT, sqlite_file
from image_api.jobs.database.connection import DatabaseConnection
from image_api.jobs.database.failures import FailureLog
from image_api.jobs.errors import DatabaseUnavailable
from render_worker.serving.bare_environment import bare

MIGRATIONS = Path(__file__).resolve().parent
MIGRATION_SECONDS = 300.0
# By which libpq finds its files and defaults; a secret is none of them.
OF_LIBPQ = "PG"
SECRET = "PGPASSWORD"  # noqa: S105 - the variable's name
OF_PYTHON = ("PYTHONPATH", "PYTHONHOME", "PYTHONUSERBASE", "PYTHONDONTWRITEBYTECODE", "VIRTUAL_ENV")

log = logging.getLogger(__name__)


def bring_up_to_date(url: str) -> None:
    """Run the migrations that the database of a URL lacks; to find out that it lacks none takes one query.

    Several processes may call it at once. Raises DatabaseUnavailable if the database cannot be reached or changed, and
    if a newer version of this service has changed it: then it stays as it is.
    """
    found = _revision_of(url)
    if found == head():
        return
    if found not in {None, *revisions()}:
        log.error("the jobs' database is at revision %s, which this version of the service does not know", found)
        raise DatabaseUnavailable(
            "The database of the jobs was made by a newer version of this service; that version is needed again."
        )
    _upgrade(url)


@cache
def revisions() -> dict[str, str | None]:
    """Return each revision, and the one before it. They are read, not imported: they would load Alembic."""
    sources = [path.read_text() for path in (MIGRATIONS / "versions").glob("revision_*.py")]
    return dict(_constants(source) for source in sources)


@cache
def head() -> str:
    """Return the newest revision. Raises ValueError if there is not exactly one."""
    (newest,) = revisions().keys() - set(revisions().values())
    return newest


def _constants(source: str) -> tuple[str, str | None]:
    found = {
        target.id: ast.literal_eval(node.value)
        for node in ast.parse(source).body
        if isinstance(node, ast.Assign) and isinstance(node.value, ast.Constant)
        for target in node.targets
        if isinstance(target, ast.Name)
    }
    return found["revision"], found["down_revision"]


def _revision_of(url: str) -> str | None:
    """Return the revision of a database; None if it is empty, or a file that is missing."""
    file = sqlite_file(url)
    try:
        if file and not file.exists():
            return None
        connection = DatabaseConnection(url, FailureLog(make_url(url).password), writes=False)
        try:
            return connection.call(_read_revision)
        finally:
            connection.close()
    except OSError as error:  # the file's folder is closed to this user
        raise DatabaseUnavailable from error


def _read_revision(connection: Connection) -> str | None:
    if not inspect(connection).has_table("alembic_version"):
        return None
    found: str | None = connection.execute(text("SELECT version_num FROM alembic_version")).scalar()
    return found


def _upgrade(url: str) -> None:
    """Run Alembic. The URL, which may have a password, is in no argument and no variable, which other processes see."""
    try:
        done = subprocess.run(  # noqa: S603 - our own program
            [sys.executable, MIGRATIONS],
            input=url,
            env=_environment(),
            cwd=ROOT,
            capture_output=True,
            text=True,
            timeout=MIGRATION_SECONDS,
        )
    except subprocess.TimeoutExpired:
        reason = f"it took longer than {MIGRATION_SECONDS:g} seconds"
    except OSError as error:
        reason = str(error)
    else:
        if done.returncode == 0:
            return
        reason = (done.stderr.strip().splitlines() or [f"it ended with {done.returncode}"])[-1]
    log.error("the jobs' database could not be brought up to date: %s", reason)
    raise DatabaseUnavailable


def _environment() -> dict[str, str]:
    own = os.environ  # noqa: TID251 - passed on, without secrets
    return bare(own, also=[name for name in own if (name.startswith(OF_LIBPQ) and name != SECRET) or name in OF_PYTHON])
