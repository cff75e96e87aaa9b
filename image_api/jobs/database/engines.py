"""SQLAlchemy's engines for SQLite and PostgreSQL, each of which makes the connection of one native thread."""

import os
import sqlite3
from contextlib import suppress
from pathlib import Path
from typing import Any
from urllib.parse import quote

from sqlalchemy import Connection, Engine, create_engine, event, make_url
from sqlalchemy.pool import NullPool

from image_api.database_url import sqlite_file

CONNECT_SECONDS = 5
BUSY_MILLISECONDS = 2000  # for which SQLite waits for another process's lock, before it is asked again
FILE_MODE = 0o600  # it has prompts, and webhooks' addresses
PRAGMAS = (
    f"busy_timeout={BUSY_MILLISECONDS}",
    "journal_mode=WAL",
    "synchronous=FULL",  # what was accepted outlives a failure of the power, too
    "foreign_keys=ON",
)
# Noticed after half a minute at most: a server, or what is between, that is gone without a word.
KEEPALIVES: dict[str, Any] = {
    "connect_timeout": CONNECT_SECONDS,
    "keepalives_idle": 10,
    "keepalives_interval": 5,
    "keepalives_count": 3,
    "tcp_user_timeout": 10_000,
}


def engine_of(url: str, *, writes: bool) -> Engine:
    """Return the engine for a URL of `engine_url`; one that only reads is in no transaction."""
    file = sqlite_file(url)
    engine = _sqlite(file, writes=writes) if file else _postgresql(url)
    return engine if writes else engine.execution_options(isolation_level="AUTOCOMMIT")


def _sqlite(file: Path, *, writes: bool) -> Engine:
    from image_api.jobs.database.sqlite_compiler import HintingCompiler  # not with PostgreSQL: it loads the dialect

    def connect() -> sqlite3.Connection:
        if writes:
            # Only a new file: to close any other handle of one ends this process's locks on it, by which others know
            # that its log is in use (https://www.sqlite.org/howtocorrupt.html, section 2.2).
            with suppress(OSError):  # of which SQLite tells in a moment
                os.close(os.open(file, os.O_CREAT | os.O_EXCL | os.O_RDWR, FILE_MODE))
        address = f"file:{quote(str(file))}?mode=rw"
        connection = sqlite3.connect(address, uri=True, isolation_level=None, check_same_thread=False)
        try:
            for pragma in PRAGMAS:
                connection.execute(f"PRAGMA {pragma}")
        except BaseException:  # also of a thread that ends: an open file would keep its locks
            connection.close()
            raise
        return connection

    engine = create_engine("sqlite://", creator=connect, poolclass=NullPool, hide_parameters=True)
    engine.dialect.statement_compiler = HintingCompiler
    if writes:

        @event.listens_for(engine, "begin")
        def on_begin(connection: Connection) -> None:
            connection.exec_driver_sql("BEGIN IMMEDIATE")  # a later lock would fail, however long it is waited for

    return engine


def _postgresql(url: str) -> Engine:
    import psycopg.waiting

    # It has seen gevent's patches, and would run a hub of gevent's in each native thread.
    psycopg.waiting.wait = psycopg.waiting.wait_c
    given = make_url(url).query
    # Without prepared statements a pooler such as PgBouncer may stand between.
    arguments = {"prepare_threshold": None, **{name: it for name, it in KEEPALIVES.items() if name not in given}}
    return create_engine(url, poolclass=NullPool, connect_args=arguments, hide_parameters=True)
