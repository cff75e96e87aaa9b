"""The migrations by Alembic's own commands, on both databases: one history, which the tables of the code agree with."""

import logging
import re
import shutil
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest
from alembic import command
from alembic.config import Config
from alembic.script import ScriptDirectory
from pydantic import SecretStr
from sqlalchemy import Engine, create_engine, inspect, text
from sqlalchemy.pool import NullPool

from image_api.database_url import engine_url
from image_api.jobs.database.tables import metadata
from image_api.jobs.database.transaction import WRITER_LOCK
from image_api.jobs.migrations.migration import MIGRATIONS, head, revisions
from tests.fakes.processes import ROOT, clean_environment

TABLES = {
    "jobs",
    "job_images",
    "queues",
    "deliveries",
    "identity",
    "api_keys",
    "reservations",
    "spending",
    "signing_keys",
}
NEW_COLUMN = """    Column("error", DOCUMENT),
    Column("extra", JSON().with_variant(JSONB(), "postgresql")),
"""
ROW = {
    "id": "01936f5e000070008000000000000001",
    "owner": "o",
    "status": "pending",
    "request": "{}",
    "request_digest": "d",
    "base_url": "http://127.0.0.1",
    "image_bytes": 3,
    "attempts": 0,
    "interruptions": 0,
    "created_at": 1.0,
    "not_before": 0.0,
}
INSERT = f"INSERT INTO jobs ({', '.join(ROW)}) VALUES ({', '.join(':' + name for name in ROW)})"  # noqa: S608


def engine_for(url: str) -> Engine:
    """Return an engine of a DATABASE_URL that keeps no connection."""
    return create_engine(engine_url(SecretStr(url)), poolclass=NullPool)


def tables_of(url: str) -> set[str]:
    """Return the names of a database's tables."""
    return set(inspect(engine_for(url)).get_table_names())


def shape(engine: Engine) -> dict[str, object]:
    """Return all that a database says of its tables, as it says it."""
    with engine.connect() as connection:
        if engine.dialect.name == "postgresql":
            indexes = connection.execute(text("SELECT indexname, indexdef FROM pg_indexes WHERE schemaname = 'public'"))
            options = connection.execute(text("SELECT relname, reloptions FROM pg_class WHERE reloptions IS NOT NULL"))
        else:
            indexes = connection.execute(text("SELECT name, sql FROM sqlite_master WHERE type = 'index'"))
            options = ()
        found: dict[str, Any] = {name: definition for name, definition in indexes if "alembic" not in name}
        found |= {f"options of {name}": of for name, of in options}
        seen = inspect(connection)
        for name in set(seen.get_table_names()) - {"alembic_version"}:
            columns = [{**column, "type": repr(column["type"])} for column in seen.get_columns(name)]
            found[f"table {name}"] = columns, seen.get_pk_constraint(name), seen.get_foreign_keys(name)
    return found


@pytest.fixture
def alembic(database_url, monkeypatch) -> Config:
    """Return Alembic's configuration, as its command line has it, for the database of this test."""
    monkeypatch.setenv("DATABASE_URL", database_url)
    return Config(ROOT / "alembic.ini")


def test_it_goes_up_and_down_and_up_again(alembic, database_url):
    command.upgrade(alembic, "head")
    assert tables_of(database_url) == {*TABLES, "alembic_version"}
    command.downgrade(alembic, "-1")
    command.downgrade(alembic, "base")
    assert tables_of(database_url) == {"alembic_version"}
    command.upgrade(alembic, "head")
    assert tables_of(database_url) == {*TABLES, "alembic_version"}


def test_the_tables_are_those_of_the_code(alembic, database_url, postgres, tmp_path):
    command.upgrade(alembic, "head")
    command.check(alembic)  # raises if --autogenerate found a difference
    with postgres.database() as empty:
        other = engine_for(empty if database_url.startswith("postgresql") else f"sqlite:///{tmp_path}/other.db")
        metadata.create_all(other)
        assert shape(engine_for(database_url)) == shape(other)


def test_the_loggers_of_the_process_stay_as_they_are(alembic):
    ours, of_gunicorn = logging.getLogger("image_api.somewhere"), logging.getLogger("gunicorn.error")
    before = logging.getLogger().handlers[:]
    command.upgrade(alembic, "head")
    assert not ours.disabled
    assert not of_gunicorn.disabled
    assert logging.getLogger().handlers == before


def run(folder: Path, url: str, *arguments: str) -> subprocess.CompletedProcess[str]:
    """Run `alembic` at the root of a repository."""
    return subprocess.run(
        [sys.executable, "-m", "alembic", *arguments],
        cwd=folder,
        env=clean_environment(DATABASE_URL=url),
        capture_output=True,
        text=True,
    )


@pytest.fixture
def checkout(tmp_path) -> Path:
    """Return a copy of what Alembic needs of the repository."""
    folder = tmp_path / "a copy"
    without = shutil.ignore_patterns("__pycache__", "static", "vendor", "browser", "engines")
    for name in ("image_api", "render_worker"):
        shutil.copytree(ROOT / name, folder / name, ignore=without)
    shutil.copy(ROOT / "alembic.ini", folder)
    return folder


def test_a_changed_model_becomes_a_migration_that_runs_and_keeps_the_rows(checkout, alembic, database_url):
    command.upgrade(alembic, "head")
    with engine_for(database_url).begin() as connection:
        connection.execute(text(INSERT), ROW)
        connection.execute(text("INSERT INTO job_images VALUES (:id, :data)"), {"id": ROW["id"], "data": b"abc"})
    tables = checkout / "image_api/jobs/database/tables.py"
    source = tables.read_text().replace('    Column("error", DOCUMENT),\n', NEW_COLUMN)
    source = source.replace('Column("base_url", Text, nullable=False)', 'Column("base_url", Text)')
    tables.write_text(f"from sqlalchemy.dialects.postgresql import JSONB\n{source}")
    for arguments in (("revision", "--autogenerate", "-m", "Add extra"), ("upgrade", "head"), ("check",)):
        done = run(checkout, database_url, *arguments)
        assert done.returncode == 0, done.stdout + done.stderr
    (made,) = (checkout / "image_api/jobs/migrations/versions").glob("revision_*_add_extra.py")
    assert "from sqlalchemy import Text\n" in made.read_text()
    columns = {it["name"]: it["nullable"] for it in inspect(engine_for(database_url)).get_columns("jobs")}
    assert columns["base_url"]
    assert "extra" in columns
    assert kept(database_url) == (1, 1)
    command.downgrade(Config(checkout / "alembic.ini"), "-1")
    assert "extra" not in {it["name"] for it in inspect(engine_for(database_url)).get_columns("jobs")}
    assert kept(database_url) == (1, 1)


def kept(url: str) -> tuple[int, int]:
    """Return how many jobs there are, and how many images."""
    with engine_for(url).connect() as connection:
        counts = connection.execute(text("SELECT (SELECT count(*) FROM jobs), (SELECT count(*) FROM job_images)"))
        return tuple(counts.one())


def test_without_a_database_url_it_is_the_file_in_the_repository(checkout):
    done = run(checkout, "", "upgrade", "head")
    assert done.returncode == 0, done.stderr
    assert "Running upgrade  -> 0001" in done.stderr
    assert tables_of(f"sqlite:///{checkout}/.data/jobs.db") == {*TABLES, "alembic_version"}


def test_a_database_that_cannot_be_reached_is_a_line_without_the_password(postgres):
    done = run(ROOT, postgres.url.replace("p%40ss", "s3cr3t"), "current")
    assert done.returncode != 0
    assert "password authentication failed" in done.stderr
    assert "s3cr3t" not in done.stdout + done.stderr
    assert "Traceback" not in done.stderr


def test_a_database_url_that_cannot_be_used_is_a_sentence():
    done = run(ROOT, "mysql://user:s3cr3t@host/jobs", "upgrade", "head")
    assert done.returncode != 0
    assert "DATABASE_URL cannot be used: it must be like postgresql://" in done.stderr
    assert "s3cr3t" not in done.stdout + done.stderr


def test_it_prints_the_sql_for_postgresql(postgres):
    done = run(ROOT, postgres.url, "upgrade", "head", "--sql")
    assert done.returncode == 0, done.stderr
    assert "CREATE UNIQUE INDEX jobs_idempotency ON jobs" in done.stdout


def test_the_history_as_the_service_reads_it_is_alembic_s():
    script = ScriptDirectory(str(MIGRATIONS))
    assert [head()] == script.get_heads()
    assert revisions() == {it.revision: it.down_revision for it in script.walk_revisions()}


def test_a_migration_holds_the_lock_of_the_jobs_writers():
    assert re.findall(r"pg_advisory_xact_lock\((\d+)\)", (MIGRATIONS / "env.py").read_text()) == [str(WRITER_LOCK)]
