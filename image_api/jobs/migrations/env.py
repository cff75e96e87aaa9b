"""Alembic's environment: how a migration connects, and that it runs alone, as one transaction.

It configures no logging, since that would disable the loggers of the process that uses it, and shows no URL.
"""

import logging
import re
import sqlite3
import time
from pathlib import Path
from typing import Any, Literal
from urllib.parse import unquote

import sqlalchemy
from alembic import context
from alembic.autogenerate.api import AutogenContext
from alembic.util import CommandError
from sqlalchemy import Connection, Engine, MetaData, create_engine, event
from sqlalchemy.exc import OperationalError
from sqlalchemy.pool import NullPool

# In which another process's migration has to end.
PATIENCE_SECONDS = 60
# The lock of the jobs' writers (transaction.py), so that there is none while a table changes.
POSTGRESQL_LOCK = "SELECT pg_advisory_xact_lock(1785684595)"
POSTGRESQL_LIMIT = f"SET LOCAL lock_timeout = '{PATIENCE_SECONDS}s'"
OWN_FILES = 0o600
"""Of a new SQLite file: prompts and webhooks' addresses are in it. SQLite gives the files beside it the same mode."""

GIVEN: str | None = context.config.attributes.get("url")
"""The database's URL if this service has started the migration; None on the command line."""


def url_of_the_environment() -> str:
    """Return the URL that DATABASE_URL means. Exits with a sentence if it cannot be used."""
    from image_api.database_url import engine_url
    from image_api.job_settings import JobSettings
    from render_worker.serving.environment import read

    logging.basicConfig(level=logging.WARNING, format="%(levelname)s [%(name)s] %(message)s")
    logging.getLogger("alembic").setLevel(logging.INFO)
    return engine_url(read(JobSettings).database_url)


def tables() -> MetaData | None:
    """Return the tables as the code has them, with which `--autogenerate` compares; an upgrade needs none."""
    if GIVEN:
        return None
    from image_api.jobs.database.tables import complete

    return complete()


def render_item(_: str, item: Any, autogen_context: AutogenContext) -> Literal[False]:
    """Import what the text of a type of one database names, as in JSONB(astext_type=Text()); Alembic does not."""
    if type(item).__module__.startswith("sqlalchemy.dialects."):
        names = set(re.findall(r"\b([A-Z]\w*)\(", repr(item)[repr(item).find("(") :]))
        autogen_context.imports |= {f"from sqlalchemy import {name}" for name in names if hasattr(sqlalchemy, name)}
    return False


OPTIONS: dict[str, Any] = {
    "target_metadata": tables(),
    "transactional_ddl": True,  # of SQLite as well: `_prepare_sqlite`
    "render_as_batch": True,  # SQLite changes a column by copying the table
    "render_item": render_item,
}


def engine_of(url: str) -> Engine:
    """Return an engine; of SQLite one whose migrations are transactions, begun as the only writer."""
    if not url.startswith("sqlite:"):
        return create_engine(url, poolclass=NullPool)
    file = Path(unquote(url.removeprefix("sqlite:///")))
    file.parent.mkdir(parents=True, exist_ok=True)
    file.touch(OWN_FILES)
    engine = create_engine(url, poolclass=NullPool, connect_args={"timeout": PATIENCE_SECONDS})
    event.listen(engine, "connect", _prepare_sqlite)
    event.listen(engine, "begin", lambda connection: connection.exec_driver_sql("BEGIN IMMEDIATE"))
    return engine


def _prepare_sqlite(connection: Any, _: object) -> None:
    connection.isolation_level = None  # the driver's own transactions leave out changes of tables
    # The default, but not of every build: copying a table deletes the old one, and with it all that refers to it.
    connection.execute("PRAGMA foreign_keys = OFF")
    end = time.monotonic() + PATIENCE_SECONDS
    while time.monotonic() < end:
        try:
            connection.execute("PRAGMA journal_mode = WAL")
            return
        except sqlite3.OperationalError:  # for this statement SQLite does not wait until the lock is free
            time.sleep(0.05)


def migrate(connection: Connection) -> None:
    """Run the migrations in one transaction, once no other process migrates or writes."""
    with connection.begin():
        if connection.dialect.name == "postgresql":
            connection.exec_driver_sql(POSTGRESQL_LIMIT)
            connection.exec_driver_sql(POSTGRESQL_LOCK)
        context.configure(connection=connection, **OPTIONS)
        context.run_migrations()
        _require_references(connection)


def _require_references(connection: Connection) -> None:
    """Raise CommandError, so that all is taken back, if SQLite has a row that refers to none."""
    if connection.dialect.name == "sqlite" and connection.exec_driver_sql("PRAGMA foreign_key_check").first():
        raise CommandError("the migration would leave rows that refer to deleted ones")


def main() -> None:
    """Run what Alembic was asked for. Raises CommandError if the database cannot be reached."""
    url = GIVEN or url_of_the_environment()
    if context.is_offline_mode():
        context.configure(url=url, literal_binds=True, dialect_opts={"paramstyle": "named"}, **OPTIONS)
        with context.begin_transaction():
            context.run_migrations()
        return
    try:
        with engine_of(url).connect() as connection:
            migrate(connection)
    except (OperationalError, OSError) as error:
        reason = error.orig if isinstance(error, OperationalError) else error
        raise CommandError(f"the database of DATABASE_URL cannot be used: {reason}") from None


main()
